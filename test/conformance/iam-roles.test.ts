import {
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  GetUserPolicyCommand,
  ListRolePoliciesCommand,
  ListRolesCommand,
  ListUserPoliciesCommand,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
  UpdateAssumeRolePolicyCommand,
  type IAMClient,
} from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { call } from '../support/calls.js';
import { expectSdkRefusal, type Refused } from '../support/sdk.js';
import { allows, trusts, World, type Document } from '../support/world.js';

const CREATED = new Date('2026-11-25T10:00:00Z');
const EC2 = JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' }));
const malformed = (message: string): Refused => ({ code: 'MalformedPolicyDocument', status: 400, message });
const noRole = (name: string): Refused => ({ code: 'NoSuchEntity', status: 404, message: `The role with name ${name} cannot be found.` });

/** A document of exactly this size, white space not counted, with so many blanks before and line ends after it. */
function sized(size: number, statement: Document, blanks = 0): string {
  const fill = (length: number): string => JSON.stringify({ Version: '2012-10-17', Statement: [{ Sid: 'x'.repeat(length), ...statement }] });
  return ' '.repeat(blanks) + fill(size - fill(0).length) + '\n'.repeat(blanks);
}
const allow = { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' };
const trust = { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' };

describe('an unmodified IAM client, about roles and policies', () => {
  let app: TestApp;
  let world: World;
  let iam: IAMClient;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = await new World(app).account('roles');
    iam = app.iam(world.root);
  });
  afterAll(() => app.close());

  const fresh = (): string => `name-${String((count += 1))}`;
  const refused = (send: () => Promise<unknown>, refusal: Refused): Promise<void> => expectSdkRefusal(app, send, refusal);
  const create = (RoleName: string, document = EC2): Promise<unknown> => iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: document }));
  const trustOf = async (RoleName: string): Promise<string> => decodeURIComponent((await iam.send(new GetRoleCommand({ RoleName }))).Role?.AssumeRolePolicyDocument ?? '');
  const assumes = async (keys: Keys, RoleArn: string): Promise<boolean> =>
    app.sts(keys).send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'session' })).then(() => true, () => false);

  describe('roles', () => {
    it('are created, shown and listed in the shapes of AWS', async () => {
      const tags = [{ Key: 'Team', Value: 'x' }];
      const { Role } = await iam.send(
        new CreateRoleCommand({ RoleName: 'Deploy', Path: '/ci/', AssumeRolePolicyDocument: EC2, Description: 'Deploys.', MaxSessionDuration: 7200, Tags: tags }),
      );
      const created = {
        Path: '/ci/',
        RoleName: 'Deploy',
        RoleId: expect.stringMatching(/^AROA[A-Z2-7]{17}$/),
        Arn: `arn:aws:iam::${world.root.account}:role/ci/Deploy`,
        CreateDate: CREATED,
        AssumeRolePolicyDocument: encodeURIComponent(EC2),
      };
      expect(Role).toEqual({ ...created, Tags: tags });
      const listed = { ...created, Description: 'Deploys.', MaxSessionDuration: 7200 };
      expect((await iam.send(new GetRoleCommand({ RoleName: 'Deploy' }))).Role).toEqual({ ...listed, Tags: tags, RoleLastUsed: {} });
      const list = await iam.send(new ListRolesCommand({ PathPrefix: '/ci/' }));
      expect([list.Roles, list.IsTruncated, list.Marker]).toEqual([[listed], false, undefined]);
    });

    it('last an hour and say nothing more where nothing is said', async () => {
      const RoleName = fresh();
      await create(RoleName);
      const { Role } = await iam.send(new GetRoleCommand({ RoleName }));
      expect(Role).toMatchObject({ Path: '/', MaxSessionDuration: 3600, RoleLastUsed: {} });
      for (const absent of ['Description', 'Tags', 'PermissionsBoundary']) expect(Role).not.toHaveProperty(absent);
    });

    it('are found in any case, and keep their own', async () => {
      expect((await iam.send(new GetRoleCommand({ RoleName: 'DEPLOY' }))).Role?.RoleName).toBe('Deploy');
      await refused(() => create('deploy'), { code: 'EntityAlreadyExists', status: 409, message: 'Role with name deploy already exists.' });
    });

    it('may have the name of a user', async () => {
      const user = await world.user(fresh());
      await expect(create(user.name)).resolves.toBeDefined();
    });

    it('are paged through by name, in an order that rows that are added meanwhile do not disturb', async () => {
      for (const RoleName of ['r-c', 'R-a', 'r-B']) await iam.send(new CreateRoleCommand({ RoleName, Path: '/paged/', AssumeRolePolicyDocument: EC2 }));
      const first = await iam.send(new ListRolesCommand({ PathPrefix: '/paged/', MaxItems: 2 }));
      for (const RoleName of ['r-aa', 'r-bb']) await iam.send(new CreateRoleCommand({ RoleName, Path: '/paged/', AssumeRolePolicyDocument: EC2 }));
      const rest = await iam.send(new ListRolesCommand({ PathPrefix: '/paged/', Marker: first.Marker }));
      expect([first.Roles, rest.Roles].map((roles) => roles?.map((role) => role.RoleName))).toEqual([['R-a', 'r-B'], ['r-bb', 'r-c']]);
      expect([first.IsTruncated, rest.IsTruncated]).toEqual([true, false]);
    });

    const nobody: [string, () => Promise<unknown>][] = [
      ['GetRole', () => iam.send(new GetRoleCommand({ RoleName: 'None' }))],
      ['DeleteRole', () => iam.send(new DeleteRoleCommand({ RoleName: 'None' }))],
      ['UpdateAssumeRolePolicy', () => iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: 'None', PolicyDocument: EC2 }))],
      ['PutRolePolicy', () => iam.send(new PutRolePolicyCommand({ RoleName: 'None', PolicyName: 'p', PolicyDocument: JSON.stringify(allows('s3:*')) }))],
      ['GetRolePolicy', () => iam.send(new GetRolePolicyCommand({ RoleName: 'None', PolicyName: 'p' }))],
      ['ListRolePolicies', () => iam.send(new ListRolePoliciesCommand({ RoleName: 'None' }))],
      ['DeleteRolePolicy', () => iam.send(new DeleteRolePolicyCommand({ RoleName: 'None', PolicyName: 'p' }))],
    ];
    it.each(nobody)('that do not exist are not found by %s', async (_, send) => {
      await refused(send, noRole('None'));
    });

    it('are deleted only when their policies are gone', async () => {
      const role = await world.role(fresh(), trusts({ Service: 'ec2.amazonaws.com' }), { policy: allows('s3:*') });
      const remove = (): Promise<unknown> => iam.send(new DeleteRoleCommand({ RoleName: role.name }));
      await refused(remove, { code: 'DeleteConflict', status: 409, message: 'Cannot delete entity, must delete policies first.' });
      await iam.send(new DeleteRolePolicyCommand({ RoleName: role.name, PolicyName: 'own' }));
      await remove();
      await refused(remove, noRole(role.name));
    });

    it('tell when and where they were used last', async () => {
      const caller = await world.user(fresh());
      const role = await world.role(fresh(), trusts(caller.arn));
      const session = await world.session(caller, role);
      const lastUsed = async (): Promise<unknown> => (await iam.send(new GetRoleCommand({ RoleName: role.name }))).Role?.RoleLastUsed;
      expect(await lastUsed()).toEqual({});
      await app.sts(session).send(new GetCallerIdentityCommand());
      expect(await lastUsed()).toEqual({ LastUsedDate: CREATED, Region: 'us-east-1' });
    });
  });

  describe('trust policies', () => {
    const bad: [string, string, string][] = [
      ['no JSON', '{', 'This policy contains invalid Json'],
      ['a permissions policy', JSON.stringify(allows('s3:*')), 'Has prohibited field Resource'],
      ['an action of another service', JSON.stringify({ Version: '2012-10-17', Statement: [{ ...trust, Action: 's3:GetObject' }] }), 'AssumeRole policy may only specify STS AssumeRole actions.'],
      ['another version', JSON.stringify({ Version: '2020-01-01', Statement: [trust] }), 'The policy must contain a valid version string'],
      ['no statement', JSON.stringify({ Version: '2012-10-17', Statement: [] }), 'Could not parse the policy: Statement is empty!'],
      ['no effect', JSON.stringify({ Version: '2012-10-17', Statement: [{ ...trust, Effect: undefined }] }), 'Missing required field Effect'],
      ['a bad effect', JSON.stringify({ Version: '2012-10-17', Statement: [{ ...trust, Effect: 'allow' }] }), 'Invalid effect: allow'],
      ['no principal', JSON.stringify({ Version: '2012-10-17', Statement: [{ ...trust, Principal: undefined }] }), 'Missing required field Principal'],
      ['no action', JSON.stringify({ Version: '2012-10-17', Statement: [{ ...trust, Action: undefined }] }), 'Missing required field Action'],
      ['repeated statement ids', JSON.stringify({ Version: '2012-10-17', Statement: [{ ...trust, Sid: 'a' }, { ...trust, Sid: 'a' }] }), 'The Statement Ids in the policy are not unique'],
      ['an unknown operator', JSON.stringify({ Version: '2012-10-17', Statement: [{ ...trust, Condition: { StringSimilar: { 'aws:username': 'x' } } }] }), 'Syntax error in policy.'],
      ['a user who does not exist', JSON.stringify(trusts('arn:aws:iam::123456789012:user/none')), 'Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/none"'],
      ['an account that does not exist', JSON.stringify(trusts('000000000000')), 'Invalid principal in policy: "AWS":"000000000000"'],
      ['a unique id that nobody has', JSON.stringify(trusts('AIDAAAAAAAAAAAAAAAAAA')), 'Invalid principal in policy: "AWS":"AIDAAAAAAAAAAAAAAAAAA"'],
      ['a wildcard in an ARN', JSON.stringify(trusts('arn:aws:iam::123456789012:user/*')), 'Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/*"'],
      ['an unknown service', JSON.stringify(trusts({ Service: 'ec2.example.com' })), 'Invalid principal in policy: "SERVICE":"ec2.example.com"'],
    ];
    it.each(bad)('with %s are refused, in CreateRole and in UpdateAssumeRolePolicy', async (_, document, message) => {
      await refused(() => create(fresh(), document), malformed(message));
      await refused(() => iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: 'Deploy', PolicyDocument: document })), malformed(message));
    });

    it('may have 2048 characters, white space not counted', async () => {
      await expect(create(fresh(), sized(2048, trust, 1000))).resolves.toBeDefined();
      const over = { code: 'LimitExceeded', status: 409, message: 'Cannot exceed quota for ACLSizePerRole: 2048' };
      await refused(() => create(fresh(), sized(2049, trust)), over);
      await refused(() => iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: 'Deploy', PolicyDocument: sized(2049, trust) })), over);
    });

    it('are read as they were written, to the byte', async () => {
      const RoleName = fresh();
      const document = `\n{ "Version" : "2012-10-17",\r\n\t"Statement":[ {"Sid":"!'()*~ +%25&=","Effect":"Allow","Principal":{"AWS":"${world.root.account}"},"Action":["sts:AssumeRole"],"Condition":{"StringEquals":{"sts:ExternalId":"\u00e4\u00ff\\u20ac"}}}] }  `;
      await create(RoleName, document);
      const { Role } = await iam.send(new GetRoleCommand({ RoleName }));
      expect(Role?.AssumeRolePolicyDocument).toMatch(/^(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+$/);
      expect(await trustOf(RoleName)).toBe(document);
    });

    it('name a user who is made anew under the same name by the id of the one who is gone, and do not trust the new one', async () => {
      const first = await world.user(fresh());
      const other = await world.user(fresh());
      const role = await world.role(fresh(), trusts([first.arn, other.arn]));
      expect(await assumes(first, role.arn)).toBe(true);
      await call(app, 'query', { operation: 'DeleteAccessKey', keys: world.root, input: { UserName: first.name, AccessKeyId: first.accessKeyId } });
      await iam.send(new DeleteUserCommand({ UserName: first.name }));
      const shown = JSON.stringify(trusts([first.id, other.arn]));
      expect(await trustOf(role.name)).toBe(shown);
      const second = await world.user(first.name);
      expect(second.arn).toBe(first.arn);
      expect(await assumes(second, role.arn)).toBe(false);
      expect(await assumes(other, role.arn)).toBe(true);
      expect(await trustOf(role.name)).toBe(shown);
      expect((await iam.send(new ListRolesCommand({ MaxItems: 1000 }))).Roles?.find(({ RoleName }) => RoleName === role.name)?.AssumeRolePolicyDocument).toBe(encodeURIComponent(shown));
      await refused(() => iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: role.name, PolicyDocument: shown })), malformed(`Invalid principal in policy: "AWS":"${first.id}"`));
      await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: role.name, PolicyDocument: JSON.stringify(trusts(second.arn)) }));
      expect(await assumes(second, role.arn)).toBe(true);
    });

    it('do the same for roles', async () => {
      const starter = await world.user(fresh());
      const caller = await world.role(fresh(), trusts(starter.arn));
      const target = await world.role(fresh(), trusts(caller.arn));
      expect(await assumes(await world.session(starter, caller), target.arn)).toBe(true);
      await iam.send(new DeleteRoleCommand({ RoleName: caller.name }));
      expect(await trustOf(target.name)).toBe(JSON.stringify(trusts(caller.id)));
      const anew = await world.role(caller.name, trusts(starter.arn));
      expect(await assumes(await world.session(starter, anew), target.arn)).toBe(false);
    });

    it('that name a unique id are shown with the ARN it has', async () => {
      const user = await world.user(fresh());
      const role = await world.role(fresh(), trusts(user.id));
      expect(await trustOf(role.name)).toBe(JSON.stringify(trusts(user.arn)));
      expect(await assumes(user, role.arn)).toBe(true);
    });

    it('take effect at once when they are replaced', async () => {
      const caller = await world.user(fresh());
      const role = await world.role(fresh(), trusts(caller.arn));
      expect(await assumes(caller, role.arn)).toBe(true);
      await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: role.name, PolicyDocument: EC2 }));
      expect(await assumes(caller, role.arn)).toBe(false);
    });
  });

  interface Kind {
    readonly kind: 'user' | 'role';
    readonly quota: number;
    readonly make: () => Promise<string>;
    readonly put: (owner: string, PolicyName: string, PolicyDocument: string) => Promise<unknown>;
    readonly get: (owner: string, PolicyName: string) => Promise<{ PolicyDocument?: string | undefined }>;
    readonly list: (owner: string, page?: { Marker?: string | undefined; MaxItems?: number }) => Promise<{ PolicyNames?: string[] | undefined; IsTruncated?: boolean | undefined; Marker?: string | undefined }>;
    readonly remove: (owner: string, PolicyName: string) => Promise<unknown>;
  }
  const kinds: Kind[] = [
    {
      kind: 'user',
      quota: 2048,
      make: async () => (await world.user(fresh())).name,
      put: (UserName, PolicyName, PolicyDocument) => iam.send(new PutUserPolicyCommand({ UserName, PolicyName, PolicyDocument })),
      get: (UserName, PolicyName) => iam.send(new GetUserPolicyCommand({ UserName, PolicyName })),
      list: (UserName, page) => iam.send(new ListUserPoliciesCommand({ UserName, ...page })),
      remove: (UserName, PolicyName) => iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName })),
    },
    {
      kind: 'role',
      quota: 10_240,
      make: async () => (await world.role(fresh(), trusts({ Service: 'ec2.amazonaws.com' }))).name,
      put: (RoleName, PolicyName, PolicyDocument) => iam.send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument })),
      get: (RoleName, PolicyName) => iam.send(new GetRolePolicyCommand({ RoleName, PolicyName })),
      list: (RoleName, page) => iam.send(new ListRolePoliciesCommand({ RoleName, ...page })),
      remove: (RoleName, PolicyName) => iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName })),
    },
  ];

  describe.each(kinds)('inline policies of a $kind', ({ kind, quota, make, put, get, list, remove }) => {
    it('are read as they were written, to the byte', async () => {
      const owner = await make();
      const document = ` {\t"Version":"2012-10-17",\r\n"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/!'()*~ +%25&=\u00e4\u00ff"}}\n`;
      await put(owner, 'a+b=c,.@-_', document);
      const read = await get(owner.toUpperCase(), 'a+b=c,.@-_');
      expect(read).toMatchObject({ [kind === 'user' ? 'UserName' : 'RoleName']: owner, PolicyName: 'a+b=c,.@-_' });
      expect(read.PolicyDocument).toMatch(/^(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+$/);
      expect(decodeURIComponent(read.PolicyDocument ?? '')).toBe(document);
    });

    it('replace each other by name, whose case counts', async () => {
      const owner = await make();
      for (const [name, action] of [['p', 's3:Get*'], ['p', 's3:Put*'], ['P', 's3:List*']] as const) await put(owner, name, JSON.stringify(allows(action)));
      expect((await list(owner)).PolicyNames?.sort()).toEqual(['P', 'p']);
      expect(decodeURIComponent((await get(owner, 'p')).PolicyDocument ?? '')).toBe(JSON.stringify(allows('s3:Put*')));
    });

    it('are paged through by name', async () => {
      const owner = await make();
      for (const name of ['c', 'a', 'b']) await put(owner, name, JSON.stringify(allows('s3:*')));
      const first = await list(owner, { MaxItems: 2 });
      await put(owner, 'aa', JSON.stringify(allows('s3:*')));
      const second = await list(owner, { MaxItems: 2, Marker: first.Marker });
      expect([first.PolicyNames, first.IsTruncated, second.PolicyNames, second.IsTruncated]).toEqual([['a', 'b'], true, ['c'], false]);
      await refused(() => list(owner, { Marker: 'x' }), { code: 'ValidationError', status: 400, message: 'Invalid Marker.' });
    });

    it('that do not exist are not found', async () => {
      const owner = await make();
      const missing = { code: 'NoSuchEntity', status: 404, message: `The ${kind} policy with name none cannot be found.` };
      await refused(() => get(owner, 'none'), missing);
      await refused(() => remove(owner, 'none'), missing);
    });

    it(`may have ${String(quota)} characters together, white space not counted`, async () => {
      const owner = await make();
      const over = { code: 'LimitExceeded', status: 409, message: `Maximum policy size of ${String(quota)} bytes exceeded for ${kind} ${owner}` };
      await refused(() => put(owner, 'one', sized(quota + 1, allow)), over);
      await put(owner, 'one', sized(quota - 500, allow, 2000));
      await refused(() => put(owner, 'two', sized(501, allow)), over);
      await put(owner, 'two', sized(500, allow));
      await put(owner, 'one', sized(quota - 500, allow));
      await refused(() => put(owner, 'three', sized(120, allow)), over);
    });

    const bad: [string, string, string][] = [
      ['no JSON', '{', 'Syntax errors in policy.'],
      ['a principal', JSON.stringify({ Version: '2012-10-17', Statement: { ...allow, Principal: '*' } }), 'Policy document should not specify a principal.'],
      ['no version', JSON.stringify({ Statement: allow }), 'Policy document must be version 2012-10-17 or greater.'],
      ['no action', JSON.stringify({ Version: '2012-10-17', Statement: { ...allow, Action: undefined } }), 'Policy statement must contain actions.'],
      ['no resource', JSON.stringify({ Version: '2012-10-17', Statement: { ...allow, Resource: undefined } }), 'Policy statement must contain resources.'],
      ['a resource that is no ARN', JSON.stringify(allows('s3:*', 'bucket')), 'Resource bucket must be in ARN format or "*".'],
      ['an action without a service', JSON.stringify(allows('GetObject')), 'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.'],
      ['a repeated member', '{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}', 'Syntax errors in policy.'],
    ];
    it.each(bad)('with %s are refused', async (_, document, message) => {
      const owner = await make();
      await refused(() => put(owner, 'bad', document), malformed(message));
    });
  });

  it('gives and takes permissions at once', async () => {
    const user = await world.user(fresh());
    const lists = async (): Promise<string | undefined> => (await call(app, 'query', { operation: 'ListUsers', keys: user, input: {} })).code;
    expect(await lists()).toBe('AccessDenied');
    await iam.send(new PutUserPolicyCommand({ UserName: user.name, PolicyName: 'p', PolicyDocument: JSON.stringify(allows('iam:ListUsers')) }));
    expect(await lists()).toBeUndefined();
    await iam.send(new DeleteUserPolicyCommand({ UserName: user.name, PolicyName: 'p' }));
    expect(await lists()).toBe('AccessDenied');
  });
});
