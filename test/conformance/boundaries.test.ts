import {
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeletePolicyCommand,
  DeleteRoleCommand,
  DeleteRolePermissionsBoundaryCommand,
  DeleteUserCommand,
  DeleteUserPermissionsBoundaryCommand,
  GetPolicyCommand,
  GetRoleCommand,
  GetUserCommand,
  ListEntitiesForPolicyCommand,
  ListPoliciesCommand,
  ListRolesCommand,
  ListUsersCommand,
  PutRolePermissionsBoundaryCommand,
  PutUserPermissionsBoundaryCommand,
  SimulatePrincipalPolicyCommand,
  type IAMClient,
} from '@aws-sdk/client-iam';

import { TestApp, type Keys } from '../support/app.js';
import { call, decisionIn, type Input } from '../support/calls.js';
import { expectSdkRefusal } from '../support/sdk.js';
import { allows, trusts, World, type Document } from '../support/world.js';

const trustsEc2 = trusts({ Service: 'ec2.amazonaws.com' });
const shipped = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
const allowing = (action: string[], condition: object, effect = 'Allow'): Document => ({ Version: '2012-10-17', Statement: [{ Effect: effect, Action: action, Resource: '*', Condition: condition }] });

describe('an unmodified IAM client, about permissions boundaries', () => {
  let app: TestApp;
  let world: World;
  let iam: IAMClient;
  let account: string;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = await new World(app).account('boundaries');
    account = world.root.account;
    iam = app.iam(world.root);
  });
  afterAll(() => app.close());

  const fresh = (): string => `name-${String((count += 1))}`;
  const refused = (send: () => Promise<unknown>, code: string, status: number, message: string): Promise<void> => expectSdkRefusal(app, send, { code, status, message });
  const codeOf = async (keys: Keys, operation: string, input: Input = {}): Promise<string | undefined> => (await call(app, 'query', { operation, keys, input })).code;

  interface Kind {
    readonly kind: 'User' | 'Role';
    readonly make: (PermissionsBoundary?: string) => Promise<{ name: string; boundary: unknown }>;
    readonly put: (name: string, PermissionsBoundary: string) => Promise<unknown>;
    readonly take: (name: string) => Promise<unknown>;
    readonly boundaryOf: (name: string) => Promise<unknown>;
    readonly listed: () => Promise<readonly object[]>;
    readonly remove: (name: string) => Promise<unknown>;
  }
  const kinds: Kind[] = [
    {
      kind: 'User',
      make: async (PermissionsBoundary) => {
        const { User } = await iam.send(new CreateUserCommand({ UserName: fresh(), PermissionsBoundary }));
        return { name: User?.UserName ?? '', boundary: User?.PermissionsBoundary };
      },
      put: (UserName, PermissionsBoundary) => iam.send(new PutUserPermissionsBoundaryCommand({ UserName, PermissionsBoundary })),
      take: (UserName) => iam.send(new DeleteUserPermissionsBoundaryCommand({ UserName })),
      boundaryOf: async (UserName) => (await iam.send(new GetUserCommand({ UserName }))).User?.PermissionsBoundary,
      listed: async () => (await iam.send(new ListUsersCommand())).Users ?? [],
      remove: (UserName) => iam.send(new DeleteUserCommand({ UserName })),
    },
    {
      kind: 'Role',
      make: async (PermissionsBoundary) => {
        const { Role } = await iam.send(new CreateRoleCommand({ RoleName: fresh(), AssumeRolePolicyDocument: JSON.stringify(trustsEc2), PermissionsBoundary }));
        return { name: Role?.RoleName ?? '', boundary: Role?.PermissionsBoundary };
      },
      put: (RoleName, PermissionsBoundary) => iam.send(new PutRolePermissionsBoundaryCommand({ RoleName, PermissionsBoundary })),
      take: (RoleName) => iam.send(new DeleteRolePermissionsBoundaryCommand({ RoleName })),
      boundaryOf: async (RoleName) => (await iam.send(new GetRoleCommand({ RoleName }))).Role?.PermissionsBoundary,
      listed: async () => (await iam.send(new ListRolesCommand())).Roles ?? [],
      remove: (RoleName) => iam.send(new DeleteRoleCommand({ RoleName })),
    },
  ];
  const shown = (PermissionsBoundaryArn: string): object => ({ PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn });

  describe.each(kinds)('the boundary of a $kind', ({ kind, make, put, take, boundaryOf, listed, remove }) => {
    const nobody = `The ${kind.toLowerCase()} with name Nobody cannot be found.`;

    it('is given at the beginning, shown where it is asked for, replaced and taken away', async () => {
      const own = await world.policy(fresh(), allows('s3:*'), { path: '/b/' });
      const { name, boundary } = await make(own);
      expect([boundary, await boundaryOf(name)]).toEqual([shown(own), shown(own)]);
      for (const one of await listed()) expect(one).not.toHaveProperty('PermissionsBoundary');
      await put(name.toUpperCase(), shipped);
      expect(await boundaryOf(name)).toEqual(shown(shipped));
      for (const _ of [1, 2]) await take(name);
      expect([await boundaryOf(name), (await make()).boundary]).toEqual([undefined, undefined]);
    });

    it('is a policy that exists, shipped or of the account, by its exact ARN', async () => {
      const { name } = await make();
      const own = await world.policy(fresh(), allows('s3:*'));
      for (const arn of [`arn:aws:iam::${account}:policy/none`, own.toUpperCase().replace('ARN:AWS:IAM', 'arn:aws:iam').replace('POLICY', 'policy'), 'arn:aws:iam::aws:policy/None', 'arn:aws:iam::000000000001:policy/none']) {
        for (const send of [() => put(name, arn), () => make(arn)]) await refused(send, 'NoSuchEntity', 404, `Scope ARN: ${arn} does not exist or is not attachable.`);
      }
      for (const arn of [`arn:aws:iam::${account}:user/none`, 'not an ARN, but long enough']) {
        for (const send of [() => put(name, arn), () => make(arn)]) await refused(send, 'InvalidInput', 400, `ARN ${arn} is not valid.`);
      }
      await refused(() => put('Nobody', own), 'NoSuchEntity', 404, nobody);
      await refused(() => take('Nobody'), 'NoSuchEntity', 404, nobody);
    });

    it('keeps its policy from being deleted, and nobody else', async () => {
      const PolicyArn = await world.policy(fresh(), allows('s3:*'));
      const { name } = await make(PolicyArn);
      const deletePolicy = (): Promise<unknown> => iam.send(new DeletePolicyCommand({ PolicyArn }));
      await refused(deletePolicy, 'DeleteConflict', 409, 'Cannot delete a policy attached to entities.');
      await remove(name);
      await deletePolicy();
    });

    it('is counted, and found by its policy', async () => {
      const PolicyArn = await world.policy(fresh(), allows('s3:*'), { path: `/${fresh()}/` });
      const [first, second] = [(await make(PolicyArn)).name, (await make(PolicyArn)).name];
      expect((await iam.send(new GetPolicyCommand({ PolicyArn }))).Policy).toMatchObject({ AttachmentCount: 0, PermissionsBoundaryUsageCount: 2 });
      const names = async (input: object): Promise<unknown[]> => {
        const { PolicyUsers, PolicyRoles, PolicyGroups } = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn, ...input }));
        expect(PolicyGroups).toEqual([]);
        return [...(PolicyUsers ?? []).map(({ UserName }) => UserName), ...(PolicyRoles ?? []).map(({ RoleName }) => RoleName)];
      };
      for (const input of [{}, { PolicyUsageFilter: 'PermissionsBoundary' }, { EntityFilter: kind }]) expect(await names(input)).toEqual([first, second].sort());
      for (const input of [{ PolicyUsageFilter: 'PermissionsPolicy' }, { EntityFilter: kind === 'User' ? 'Role' : 'User' }, { EntityFilter: 'Group' }]) expect(await names(input)).toEqual([]);
      const { Marker, IsTruncated } = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn, MaxItems: 1 }));
      expect([IsTruncated, await names({ Marker })]).toEqual([true, [expect.any(String)]]);
      const policies = async (input: object): Promise<unknown> => (await iam.send(new ListPoliciesCommand({ PathPrefix: PolicyArn.split('policy')[1]!.replace(/[^/]+$/, ''), ...input }))).Policies?.map(({ Arn, PermissionsBoundaryUsageCount }) => [Arn, PermissionsBoundaryUsageCount]);
      expect(await policies({ PolicyUsageFilter: 'PermissionsBoundary' })).toEqual([[PolicyArn, 2]]);
      for (const input of [{ PolicyUsageFilter: 'PermissionsPolicy' }, { OnlyAttached: true }]) expect(await policies(input)).toEqual([]);
    });

    it('decides who may change it: iam:PermissionsBoundary', async () => {
      const is = (arn: string): object => ({ StringEquals: { 'iam:PermissionsBoundary': arn } });
      const word = kind === 'User' ? 'UserName' : 'RoleName';
      const trust = kind === 'Role' ? { AssumeRolePolicyDocument: JSON.stringify(trustsEc2) } : {};
      const delegate = await world.user(fresh(), allowing(['iam:Create*', 'iam:Put*', 'iam:Delete*', 'iam:Attach*', 'iam:Detach*'], is(shipped)));
      const asked = (operation: string, input: Input): Promise<string | undefined> => codeOf(delegate, operation.replace('*', kind), input);
      const name = fresh();
      const other = await world.policy(fresh(), allows('*'));
      expect(await asked('Create*', { [word]: name, ...trust })).toBe('AccessDenied');
      expect(await asked('Create*', { [word]: name, ...trust, PermissionsBoundary: other })).toBe('AccessDenied');
      expect(await asked('Create*', { [word]: name, ...trust, PermissionsBoundary: shipped })).toBeUndefined();
      const document = { PolicyName: 'own', PolicyDocument: JSON.stringify(allows('*')) };
      const free = (await make()).name;
      const steps: [string, Input][] = [['Put*Policy', document], ['Attach*Policy', { PolicyArn: shipped }], ['Detach*Policy', { PolicyArn: shipped }], ['Delete*Policy', { PolicyName: 'own' }]];
      for (const [operation, input] of steps) {
        expect([operation, await asked(operation, { [word]: free, ...input })]).toEqual([operation, 'AccessDenied']);
        expect([operation, await asked(operation, { [word]: name, ...input })]).toEqual([operation, undefined]);
      }
      expect(await asked('Put*PermissionsBoundary', { [word]: name, PermissionsBoundary: other })).toBe('AccessDenied');
      expect(await asked('Put*PermissionsBoundary', { [word]: free, PermissionsBoundary: shipped })).toBeUndefined();
      await put(free, other);
      expect(await asked('Put*Policy', { [word]: free, ...document })).toBe('AccessDenied');
      expect(await asked('Delete*PermissionsBoundary', { [word]: free })).toBe('AccessDenied');
      expect(await asked('Delete*PermissionsBoundary', { [word]: name })).toBeUndefined();
    });
  });

  describe('boundaries decide', () => {
    interface Holder {
      readonly keys: Keys;
      readonly arn: string;
      readonly put: (arn: string) => Promise<unknown>;
      readonly take: () => Promise<unknown>;
    }
    const holders: [string, () => Promise<Holder>][] = [
      ['a user', async () => {
        const user = await world.user(fresh(), allows('*'));
        const UserName = user.name;
        return {
          keys: user,
          arn: user.arn,
          put: (PermissionsBoundary) => iam.send(new PutUserPermissionsBoundaryCommand({ UserName, PermissionsBoundary })),
          take: () => iam.send(new DeleteUserPermissionsBoundaryCommand({ UserName })),
        };
      }],
      ['a role, in a session that goes on', async () => {
        const user = await world.user(fresh());
        const role = await world.role(fresh(), trusts(user.arn), { policy: allows('*') });
        const RoleName = role.name;
        return {
          keys: await world.session(user, role),
          arn: role.arn,
          put: (PermissionsBoundary) => iam.send(new PutRolePermissionsBoundaryCommand({ RoleName, PermissionsBoundary })),
          take: () => iam.send(new DeleteRolePermissionsBoundaryCommand({ RoleName })),
        };
      }],
    ];

    it.each(holders)('for %s: what they do not allow, what they deny, by the version in force, until they are taken away', async (_, make) => {
      const { keys, put, take } = await make();
      const may = async (): Promise<unknown> => [await codeOf(keys, 'ListUsers'), await codeOf(keys, 'ListRoles')];
      expect(await may()).toEqual([undefined, undefined]);
      const PolicyArn = await world.policy(fresh(), allows('iam:ListUsers'));
      await put(PolicyArn);
      expect(await may()).toEqual([undefined, 'AccessDenied']);
      const deny = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }, { Effect: 'Deny', Action: 'iam:ListUsers', Resource: '*' }] };
      await iam.send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: JSON.stringify(deny), SetAsDefault: true }));
      expect(await may()).toEqual(['AccessDenied', undefined]);
      await put(shipped);
      expect(await may()).toEqual([undefined, undefined]);
      expect(await codeOf(keys, 'CreateUser', { UserName: fresh() })).toBe('AccessDenied');
      await take();
      expect(await codeOf(keys, 'CreateUser', { UserName: fresh() })).toBeUndefined();
    });

    it.each(holders)('for %s: they say so, and give nothing by themselves', async (_, make) => {
      const { keys, arn, put } = await make();
      const PolicyArn = await world.policy(fresh(), allows('iam:ListUsers'));
      await put(PolicyArn);
      const refusal = await call(app, 'query', { operation: 'ListRoles', keys, input: {} });
      expect(refusal.message).toMatch(/because no permissions boundary allows the iam:ListRoles action$/);
      const { output } = await call(app, 'rest', { operation: 'GetDecision', keys: world.root, input: { DecisionId: decisionIn(refusal).decisionId } });
      expect(output).toMatchObject({ decision: { decidedBy: 'boundary' } });
      expect(JSON.stringify(output)).toContain(PolicyArn);
      const { EvaluationResults } = await iam.send(new SimulatePrincipalPolicyCommand({ PolicySourceArn: arn, ActionNames: ['iam:ListUsers', 'iam:ListRoles'] }));
      expect(EvaluationResults?.map(({ EvalDecision, PermissionsBoundaryDecisionDetail: detail }) => [EvalDecision, detail?.AllowedByPermissionsBoundary])).toEqual([['allowed', true], ['implicitDeny', false]]);
      const other = await iam.send(new SimulatePrincipalPolicyCommand({ PolicySourceArn: arn, ActionNames: ['iam:ListRoles'], PermissionsBoundaryPolicyInputList: [JSON.stringify(allows('iam:ListRoles'))] }));
      expect(other.EvaluationResults?.[0]?.EvalDecision).toBe('allowed');
      const bare = await world.user(fresh());
      await iam.send(new PutUserPermissionsBoundaryCommand({ UserName: bare.name, PermissionsBoundary: PolicyArn }));
      expect(await codeOf(bare, 'ListUsers')).toBe('AccessDenied');
    });

    it.each(holders)('for %s: against everything where they cannot be read, or are shipped by another version only', async (_, make) => {
      const { keys, put, take, arn } = await make();
      const PolicyArn = await world.policy(fresh(), allows('*'));
      await app.sql(`UPDATE policy_version SET document = '{' WHERE policy_id = (SELECT policy_id FROM managed_policy WHERE account_id = $1 AND name_key = $2)`, [account, PolicyArn.split('/').at(-1)]);
      await put(PolicyArn);
      expect(await codeOf(keys, 'ListUsers')).toBe('AccessDenied');
      await take();
      expect(await codeOf(keys, 'ListUsers')).toBeUndefined();
      const table = arn.includes(':role/') ? 'role' : 'iam_user';
      await app.sql(`UPDATE ${table} SET boundary_arn = 'arn:aws:iam::aws:policy/OfTheFuture' WHERE account_id = $1 AND ${table === 'role' ? 'role' : 'user'}_name = $2`, [account, arn.split('/').at(-1)]);
      await TestApp.boot({ beside: app }).then(async (other) => {
        expect((await call(other, 'query', { operation: 'ListUsers', keys, input: {} })).code).toBe('AccessDenied');
        await other.close();
      });
      const { EvaluationResults } = await iam.send(new SimulatePrincipalPolicyCommand({ PolicySourceArn: arn, ActionNames: ['iam:ListUsers'] }));
      expect(EvaluationResults?.[0]?.EvalDecision).toBe('explicitDeny');
    });

    const assumes = async (keys: Keys, RoleArn: string): Promise<string | undefined> => codeOf(keys, 'AssumeRole', { RoleArn, RoleSessionName: 'session' });

    it('about assuming a role by the trust policy, as AWS has it: not for a named user, but for a named role or the account', async () => {
      const PermissionsBoundary = await world.policy(fresh(), allows('iam:*'));
      const user = await world.user(fresh(), allows('sts:AssumeRole'));
      const viaRole = await world.role(fresh(), trusts(user.arn), { policy: allows('sts:AssumeRole') });
      const session = await world.session(user, viaRole);
      const byUser = await world.role(fresh(), trusts(user.arn));
      const byRole = await world.role(fresh(), trusts(viaRole.arn));
      const bySession = await world.role(fresh(), trusts(`arn:aws:sts::${account}:assumed-role/${viaRole.name}/session`));
      const byAccount = await world.role(fresh(), trusts(account));
      const may = async (): Promise<unknown> => [await assumes(user, byUser.arn), await assumes(user, byAccount.arn), await assumes(session, byRole.arn), await assumes(session, bySession.arn), await assumes(session, byAccount.arn)];
      expect(await may()).toEqual([undefined, undefined, undefined, undefined, undefined]);
      await iam.send(new PutUserPermissionsBoundaryCommand({ UserName: user.name, PermissionsBoundary }));
      await iam.send(new PutRolePermissionsBoundaryCommand({ RoleName: viaRole.name, PermissionsBoundary }));
      expect(await may()).toEqual([undefined, 'AccessDenied', 'AccessDenied', undefined, 'AccessDenied']);
    });

    it('about assuming a role of another account: always', async () => {
      const abroad = await new World(app).account('abroad');
      const user = await world.user(fresh(), allows('sts:AssumeRole'));
      const { arn } = await abroad.role(fresh(), trusts(user.arn));
      expect(await assumes(user, arn)).toBeUndefined();
      await iam.send(new PutUserPermissionsBoundaryCommand({ UserName: user.name, PermissionsBoundary: await world.policy(fresh(), allows('iam:*')) }));
      expect(await assumes(user, arn)).toBe('AccessDenied');
    });

    it('about a session of the user that was made before', async () => {
      const user = await world.user(fresh(), allows(['sts:AssumeRole', 'sts:GetSessionToken']));
      const { arn } = await world.role(fresh(), trusts(account));
      const { output } = await call(app, 'query', { operation: 'GetSessionToken', keys: user, input: {} });
      const session = (output as { credentials: Keys }).credentials;
      expect(await assumes(session, arn)).toBeUndefined();
      await iam.send(new PutUserPermissionsBoundaryCommand({ UserName: user.name, PermissionsBoundary: await world.policy(fresh(), allows('iam:*')) }));
      expect(await assumes(session, arn)).toBe('AccessDenied');
    });
  });

  it('and a policy that is made a boundary and deleted at once is one or the other', async () => {
    for (let round = 0; round < 8; round += 1) {
      const PolicyArn = await world.policy(fresh(), allows('s3:*'));
      const { User } = await iam.send(new CreateUserCommand({ UserName: fresh() }));
      const outcomes = await Promise.all(
        [() => iam.send(new PutUserPermissionsBoundaryCommand({ UserName: User?.UserName, PermissionsBoundary: PolicyArn })), () => iam.send(new DeletePolicyCommand({ PolicyArn }))].map((send) => send().then(() => 'ok', (error: unknown) => (error as { Code: string }).Code)),
      );
      expect([['ok', 'DeleteConflict'], ['NoSuchEntity', 'ok']]).toContainEqual(outcomes);
    }
  });
});
