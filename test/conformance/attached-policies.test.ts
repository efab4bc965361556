import {
  AttachRolePolicyCommand,
  AttachUserPolicyCommand,
  CreatePolicyVersionCommand,
  DeletePolicyCommand,
  DeleteRoleCommand,
  DeleteUserCommand,
  DetachRolePolicyCommand,
  DetachUserPolicyCommand,
  GetContextKeysForPrincipalPolicyCommand,
  GetPolicyCommand,
  ListAttachedRolePoliciesCommand,
  ListAttachedUserPoliciesCommand,
  ListEntitiesForPolicyCommand,
  ListPolicyVersionsCommand,
  SetDefaultPolicyVersionCommand,
  SimulatePrincipalPolicyCommand,
  type IAMClient,
} from '@aws-sdk/client-iam';

import { shippedPolicies } from '../../src/policies/shipped.js';
import { TestApp, type Keys } from '../support/app.js';
import { call, decisionIn, type Input } from '../support/calls.js';
import { expectSdkRefusal } from '../support/sdk.js';
import { allows, trusts, World, type Document } from '../support/world.js';

const trustsEc2 = trusts({ Service: 'ec2.amazonaws.com' });
const shippedArn = (name: string): string => `arn:aws:iam::aws:policy/${name}`;
const shippedArns = shippedPolicies.map(({ path, name }) => `arn:aws:iam::aws:policy${path}${name}`);
const denies = (action: string): Document => ({ Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: action, Resource: '*' }] });

describe('an unmodified IAM client, about attached policies', () => {
  let app: TestApp;
  let world: World;
  let iam: IAMClient;
  let account: string;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = await new World(app).account('policies');
    account = world.root.account;
    iam = app.iam(world.root);
  });
  afterAll(() => app.close());

  const fresh = (): string => `name-${String((count += 1))}`;
  const refused = (send: () => Promise<unknown>, code: string, status: number, message: string): Promise<void> => expectSdkRefusal(app, send, { code, status, message });
  const arnOf = (name: string): string => `arn:aws:iam::${account}:policy/${name}`;
  const create = (document: Document = allows('s3:GetObject')): Promise<string> => world.policy(fresh(), document);
  const addVersion = (PolicyArn: string, document: Document, SetAsDefault: boolean): Promise<unknown> =>
    iam.send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: JSON.stringify(document), SetAsDefault }));
  const codeOf = async (keys: Keys, operation: string, input: Input = {}): Promise<string | undefined> => (await call(app, 'query', { operation, keys, input })).code;

  interface Kind {
    readonly kind: 'User' | 'Role';
    readonly make: (path?: string) => Promise<string>;
    readonly attach: (owner: string, PolicyArn: string) => Promise<unknown>;
    readonly detach: (owner: string, PolicyArn: string) => Promise<unknown>;
    readonly list: (owner: string, input?: { PathPrefix?: string; Marker?: string; MaxItems?: number }) => Promise<{ AttachedPolicies?: { PolicyName?: string | undefined; PolicyArn?: string | undefined }[] | undefined; IsTruncated?: boolean | undefined; Marker?: string | undefined }>;
    readonly remove: (owner: string) => Promise<unknown>;
  }
  const kinds: Kind[] = [
    {
      kind: 'User',
      make: async (path) => {
        const user = await world.user(fresh(), undefined, path);
        await app.sql('DELETE FROM access_key WHERE access_key_id = $1', [user.accessKeyId]);
        return user.name;
      },
      attach: (UserName, PolicyArn) => iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn })),
      detach: (UserName, PolicyArn) => iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn })),
      list: (UserName, input) => iam.send(new ListAttachedUserPoliciesCommand({ UserName, ...input })),
      remove: (UserName) => iam.send(new DeleteUserCommand({ UserName })),
    },
    {
      kind: 'Role',
      make: async (path) => (await world.role(fresh(), trustsEc2, { ...(path !== undefined && { path }) })).name,
      attach: (RoleName, PolicyArn) => iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn })),
      detach: (RoleName, PolicyArn) => iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn })),
      list: (RoleName, input) => iam.send(new ListAttachedRolePoliciesCommand({ RoleName, ...input })),
      remove: (RoleName) => iam.send(new DeleteRoleCommand({ RoleName })),
    },
  ];

  describe.each(kinds)('policies on a $kind', ({ kind, make, attach, detach, list, remove }) => {
    const nobody = `The ${kind.toLowerCase()} with name Nobody cannot be found.`;

    it('are attached, listed by name, counted and detached', async () => {
      const owner = await make();
      const own = await world.policy(`m-${fresh()}`, allows('s3:*'), { path: '/x/' });
      for (const arn of [shippedArn('SecurityAudit'), own, shippedArn('ReadOnlyAccess'), own]) await attach(owner.toUpperCase(), arn);
      const names = async (input?: Parameters<typeof list>[1]): Promise<unknown> => (await list(owner, input)).AttachedPolicies?.map(({ PolicyArn }) => PolicyArn);
      expect(await names()).toEqual([own, shippedArn('ReadOnlyAccess'), shippedArn('SecurityAudit')]);
      expect((await list(owner)).AttachedPolicies?.[1]).toEqual({ PolicyName: 'ReadOnlyAccess', PolicyArn: shippedArn('ReadOnlyAccess') });
      expect(await names({ PathPrefix: '/x' })).toEqual([own]);
      expect((await iam.send(new GetPolicyCommand({ PolicyArn: own }))).Policy?.AttachmentCount).toBe(1);
      await detach(owner, shippedArn('ReadOnlyAccess'));
      await refused(() => detach(owner, shippedArn('ReadOnlyAccess')), 'NoSuchEntity', 404, `Policy ${shippedArn('ReadOnlyAccess')} was not found.`);
      expect(await names()).toEqual([own, shippedArn('SecurityAudit')]);
    });

    it('are paged through by name, one of the account beside a shipped one of its name', async () => {
      const owner = await make();
      const twin = await world.policy(kind === 'User' ? 'StintAuditor' : 'StintFullAccess', allows('s3:*'));
      const name = twin.split('/').at(-1) ?? '';
      for (const arn of [twin, shippedArn(name), shippedArn('IAMFullAccess')]) await attach(owner, arn);
      const pages: unknown[] = [];
      for (let Marker: string | undefined, more = true; more; ) {
        const page = await list(owner, { MaxItems: 1, ...(Marker !== undefined && { Marker }) });
        pages.push(page.AttachedPolicies?.map(({ PolicyArn }) => PolicyArn));
        [Marker, more] = [page.Marker, page.IsTruncated ?? false];
      }
      expect(pages).toEqual([[shippedArn('IAMFullAccess')], [twin], [shippedArn(name)]]);
      await refused(() => list(owner, { Marker: 'x' }), 'ValidationError', 400, 'Invalid Marker.');
    });

    it('are ten at the most', async () => {
      const owner = await make();
      for (const arn of shippedArns.slice(0, 10)) await attach(owner, arn);
      await refused(() => attach(owner, shippedArns[10]!), 'LimitExceeded', 409, `Cannot exceed quota for PoliciesPer${kind}: 10`);
      await attach(owner, shippedArns[0]!);
      await detach(owner, shippedArns[3]!);
      await attach(owner, shippedArns[10]!);
    });

    it('must exist, and so must their owner', async () => {
      const owner = await make();
      for (const arn of [arnOf('none'), shippedArn('None'), 'arn:aws:iam::000000000001:policy/none']) {
        await refused(() => attach(owner, arn), 'NoSuchEntity', 404, `Policy ${arn} does not exist or is not attachable.`);
        await refused(() => detach(owner, arn), 'NoSuchEntity', 404, `Policy ${arn} was not found.`);
      }
      const arn = `arn:aws:iam::${account}:role/none`;
      for (const send of [attach, detach]) await refused(() => send(owner, arn), 'ValidationError', 400, `ARN ${arn} is not valid.`);
      for (const send of [attach, detach, list as Kind['attach']]) await refused(() => send('Nobody', shippedArns[0]!), 'NoSuchEntity', 404, nobody);
    });

    it('keep their owner from being deleted', async () => {
      const owner = await make();
      for (const arn of [await create(), shippedArns[0]!]) {
        await attach(owner, arn);
        await refused(() => remove(owner), 'DeleteConflict', 409, 'Cannot delete entity, must detach all policies first.');
        await detach(owner, arn);
      }
      await remove(owner);
    });

    it('tell who has them', async () => {
      const PolicyArn = await create();
      const [first, second] = [await make('/team/'), await make()];
      for (const owner of [first, second]) await attach(owner, PolicyArn);
      const entities = async (input: object = {}): Promise<unknown> => {
        const { PolicyUsers, PolicyRoles, PolicyGroups, IsTruncated } = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn, ...input }));
        expect([PolicyGroups, IsTruncated]).toEqual([[], false]);
        const found = kind === 'User' ? PolicyUsers?.map(({ UserName }) => UserName) : PolicyRoles?.map(({ RoleName }) => RoleName);
        expect(kind === 'User' ? PolicyRoles : PolicyUsers).toEqual([]);
        return found;
      };
      for (const input of [{}, { EntityFilter: kind }, { PolicyUsageFilter: 'PermissionsPolicy' }]) expect(await entities(input)).toEqual([first, second].sort());
      expect(await entities({ PathPrefix: '/team/' })).toEqual([first]);
      for (const input of [{ EntityFilter: kind === 'User' ? 'Role' : 'User' }, { EntityFilter: 'Group' }, { PolicyUsageFilter: 'PermissionsBoundary' }]) expect(await entities(input)).toEqual([]);
      const { IsTruncated, Marker } = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn, MaxItems: 1 }));
      expect([IsTruncated, Marker]).toEqual([true, expect.any(String)]);
      const rest = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn, Marker }));
      expect([...(rest.PolicyUsers ?? []), ...(rest.PolicyRoles ?? [])]).toHaveLength(1);
    });
  });

  describe('attached policies decide', () => {
    interface Holder {
      readonly keys: Keys;
      readonly arn: string;
      readonly attach: (PolicyArn: string) => Promise<unknown>;
      readonly detach: (PolicyArn: string) => Promise<unknown>;
    }
    const holders: [string, () => Promise<Holder>][] = [
      ['a user', async () => {
        const user = await world.user(fresh());
        const UserName = user.name;
        return {
          keys: user,
          arn: user.arn,
          attach: (PolicyArn) => iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn })),
          detach: (PolicyArn) => iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn })),
        };
      }],
      ['a role, in a session that goes on', async () => {
        const user = await world.user(fresh());
        const role = await world.role(fresh(), trusts(user.arn));
        const RoleName = role.name;
        return {
          keys: await world.session(user, role),
          arn: role.arn,
          attach: (PolicyArn) => iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn })),
          detach: (PolicyArn) => iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn })),
        };
      }],
    ];

    it.each(holders)('for %s: allow, deny, by the version in force, and no longer than they are attached', async (_, make) => {
      const { keys, attach, detach } = await make();
      const lists = (): Promise<string | undefined> => codeOf(keys, 'ListUsers');
      expect(await lists()).toBe('AccessDenied');
      const PolicyArn = await create(allows('iam:ListUsers'));
      await attach(PolicyArn);
      expect(await lists()).toBeUndefined();
      await addVersion(PolicyArn, allows('iam:ListRoles'), false);
      expect(await lists()).toBeUndefined();
      await iam.send(new SetDefaultPolicyVersionCommand({ PolicyArn, VersionId: 'v2' }));
      expect([await lists(), await codeOf(keys, 'ListRoles')]).toEqual(['AccessDenied', undefined]);
      await addVersion(PolicyArn, allows('iam:List*'), true);
      expect(await lists()).toBeUndefined();
      const denying = await create(denies('iam:ListUsers'));
      await attach(denying);
      expect([await lists(), await codeOf(keys, 'ListRoles')]).toEqual(['AccessDenied', undefined]);
      await detach(denying);
      expect(await lists()).toBeUndefined();
      await detach(PolicyArn);
      expect(await lists()).toBe('AccessDenied');
    });

    it.each(holders)('for %s: the simulator says the same', async (_, make) => {
      const { keys, arn, attach } = await make();
      const PolicyArn = await create({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iam:List*', Resource: '*', Condition: { IpAddress: { 'aws:SourceIp': ['127.0.0.1', '::1'] } } }] });
      await addVersion(PolicyArn, allows('*'), false);
      for (const attached of [PolicyArn, shippedArn('StintAuditor')]) await attach(attached);
      const { EvaluationResults } = await iam.send(
        new SimulatePrincipalPolicyCommand({ PolicySourceArn: arn, ActionNames: ['iam:ListUsers', 'iam:CreateUser', 'stint:GetDecision'], ContextEntries: [{ ContextKeyName: 'aws:SourceIp', ContextKeyType: 'ip', ContextKeyValues: ['127.0.0.1'] }] }),
      );
      expect(EvaluationResults?.map(({ EvalDecision }) => EvalDecision)).toEqual(['allowed', 'implicitDeny', 'allowed']);
      expect(EvaluationResults?.flatMap(({ MatchedStatements }) => MatchedStatements?.map(({ SourcePolicyId }) => SourcePolicyId))).toEqual([PolicyArn, shippedArn('StintAuditor')]);
      expect([await codeOf(keys, 'ListUsers'), await codeOf(keys, 'CreateUser', { UserName: 'x' })]).toEqual([undefined, 'AccessDenied']);
      const { ContextKeyNames } = await iam.send(new GetContextKeysForPrincipalPolicyCommand({ PolicySourceArn: arn }));
      expect(ContextKeyNames).toEqual(['aws:SourceIp']);
    });

    it('by their ARN in an explanation', async () => {
      const user = await world.user(fresh());
      const PolicyArn = await create(denies('iam:ListUsers'));
      await iam.send(new AttachUserPolicyCommand({ UserName: user.name, PolicyArn }));
      const { decisionId } = decisionIn(await call(app, 'query', { operation: 'ListUsers', keys: user, input: {} }));
      const { output } = await call(app, 'rest', { operation: 'GetDecision', keys: world.root, input: { DecisionId: decisionId } });
      expect(JSON.stringify(output)).toContain(PolicyArn);
    });

    it('as the shipped ones say: everything, or looking only', async () => {
      const reader = await world.user(fresh());
      await iam.send(new AttachUserPolicyCommand({ UserName: reader.name, PolicyArn: shippedArn('ReadOnlyAccess') }));
      const reading: [string, Input][] = [['ListUsers', {}], ['GetPolicy', { PolicyArn: shippedArn('ReadOnlyAccess') }], ['GetUser', { UserName: reader.name }]];
      for (const [operation, input] of reading) expect([operation, await codeOf(reader, operation, input)]).toEqual([operation, undefined]);
      const changing: [string, Input][] = [['CreateUser', { UserName: 'x' }], ['CreateAccessKey', {}], ['AttachUserPolicy', { UserName: reader.name, PolicyArn: shippedArn('AdministratorAccess') }]];
      for (const [operation, input] of changing) expect([operation, await codeOf(reader, operation, input)]).toEqual([operation, 'AccessDenied']);
      await iam.send(new AttachUserPolicyCommand({ UserName: reader.name, PolicyArn: shippedArn('AdministratorAccess') }));
      expect(await codeOf(reader, 'CreateUser', { UserName: fresh() })).toBeUndefined();
    });

    it('about who may attach what: iam:PolicyARN', async () => {
      const target = await world.user(fresh());
      const delegate = await world.user(fresh(), {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: ['iam:AttachUserPolicy', 'iam:DetachUserPolicy'], Resource: target.arn, Condition: { ArnLike: { 'iam:PolicyARN': 'arn:aws:iam::aws:policy/Stint*' } } }],
      });
      const asked = (operation: string, UserName: string, PolicyArn: string): Promise<string | undefined> => codeOf(delegate, operation, { UserName, PolicyArn });
      expect(await asked('AttachUserPolicy', target.name, shippedArn('AdministratorAccess'))).toBe('AccessDenied');
      expect(await asked('AttachUserPolicy', delegate.name, shippedArn('StintAuditor'))).toBe('AccessDenied');
      expect(await asked('AttachUserPolicy', target.name, shippedArn('StintAuditor'))).toBeUndefined();
      expect(await asked('DetachUserPolicy', target.name, shippedArn('AdministratorAccess'))).toBe('AccessDenied');
      expect(await asked('DetachUserPolicy', target.name, shippedArn('StintAuditor'))).toBeUndefined();
    });

    it('about policies by their ARNs and tags', async () => {
      const PolicyArn = await world.policy(fresh(), allows('s3:*'), { path: '/team/', tags: [{ Key: 'team', Value: 'a' }] });
      const byPath = await world.user(fresh(), allows('iam:GetPolicy', `arn:aws:iam::${account}:policy/team/*`));
      expect([await codeOf(byPath, 'GetPolicy', { PolicyArn }), await codeOf(byPath, 'GetPolicy', { PolicyArn: await create() })]).toEqual([undefined, 'AccessDenied']);
      const byTag = await world.user(fresh(), {
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Action: 'iam:*', Resource: '*', Condition: { StringEquals: { 'aws:ResourceTag/team': 'a' } } },
          { Effect: 'Deny', Action: 'iam:UntagPolicy', Resource: '*', Condition: { 'ForAnyValue:StringEquals': { 'aws:TagKeys': 'team' } } },
        ],
      });
      expect(await codeOf(byTag, 'TagPolicy', { PolicyArn, Tags: [{ Key: 'x', Value: '' }] })).toBeUndefined();
      expect(await codeOf(byTag, 'UntagPolicy', { PolicyArn, TagKeys: ['x', 'team'] })).toBe('AccessDenied');
      expect(await codeOf(byTag, 'UntagPolicy', { PolicyArn, TagKeys: ['x'] })).toBeUndefined();
      expect(await codeOf(byTag, 'TagPolicy', { PolicyArn, Tags: [{ Key: 'team', Value: 'b' }] })).toBeUndefined();
      expect(await codeOf(byTag, 'GetPolicy', { PolicyArn })).toBe('AccessDenied');
    });

    it('against everything where one of them cannot be read any more, and the log says which', async () => {
      const user = await world.user(fresh(), allows('*'));
      const PolicyArn = await create();
      await app.sql(`UPDATE policy_version SET document = '{' WHERE policy_id = (SELECT policy_id FROM managed_policy WHERE name_key = $1)`, [PolicyArn.split('/').at(-1)]);
      await iam.send(new AttachUserPolicyCommand({ UserName: user.name, PolicyArn }));
      expect(await codeOf(user, 'ListUsers')).toBe('AccessDenied');
      expect(app.lines.some((line) => line.includes('cannot be read and denies everything') && line.includes(PolicyArn))).toBe(true);
      await addVersion(PolicyArn, allows('s3:*'), true);
      expect(await codeOf(user, 'ListUsers')).toBeUndefined();
    });
  });

  describe('calls at the same time end as if one had come after the other', () => {
    const settle = async (sends: readonly (() => Promise<unknown>)[]): Promise<string[]> =>
      (await Promise.allSettled(sends.map((send) => send()))).map((result) => (result.status === 'fulfilled' ? 'ok' : ((result.reason as { Code?: string; name: string }).Code ?? (result.reason as { name: string }).name)));

    it('for the versions of a policy: none is lost, none has the number of another, and there are five', async () => {
      const PolicyArn = await create();
      const outcomes = await settle(Array.from({ length: 8 }, () => () => addVersion(PolicyArn, allows('s3:*'), true)));
      expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(4);
      expect(outcomes.filter((outcome) => outcome === 'LimitExceeded')).toHaveLength(4);
      const { Versions } = await iam.send(new ListPolicyVersionsCommand({ PolicyArn }));
      expect(Versions?.map(({ VersionId, IsDefaultVersion }) => [VersionId, IsDefaultVersion])).toEqual([['v5', true], ['v4', false], ['v3', false], ['v2', false], ['v1', false]]);
    });

    it('for the policies of a user: there are ten', async () => {
      const { name: UserName } = await world.user(fresh());
      const outcomes = await settle(shippedArns.map((PolicyArn) => () => iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn }))));
      expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(10);
      expect((await iam.send(new ListAttachedUserPoliciesCommand({ UserName }))).AttachedPolicies).toHaveLength(10);
    });

    it('for a name: one policy has it', async () => {
      const name = fresh();
      const outcomes = await settle([name, name.toUpperCase(), name].map((each) => () => world.policy(each, allows('s3:*'))));
      expect(outcomes.sort()).toEqual(['EntityAlreadyExists', 'EntityAlreadyExists', 'ok']);
    });

    it('for attaching, detaching and deleting: what is attached exists', async () => {
      for (let round = 0; round < 10; round += 1) {
        const PolicyArn = await create();
        const role = await world.role(fresh(), trustsEc2);
        const RoleName = role.name;
        const outcomes = await settle([
          () => iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn })),
          () => iam.send(new DeletePolicyCommand({ PolicyArn })),
          () => iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn })),
          () => iam.send(new DeleteRoleCommand({ RoleName })),
        ]);
        const [attached, policyDeleted, detached, roleDeleted] = outcomes;
        for (const outcome of outcomes) expect(['ok', 'NoSuchEntity', 'DeleteConflict']).toContain(outcome);
        const rows = await app.sql('SELECT 1 FROM policy_attachment WHERE policy_arn = $1', [PolicyArn]);
        const remains = attached === 'ok' && detached !== 'ok';
        expect(rows).toHaveLength(remains ? 1 : 0);
        if (remains) expect([policyDeleted, roleDeleted]).toEqual(['DeleteConflict', 'DeleteConflict']);
        if (attached !== 'ok') expect([policyDeleted, roleDeleted]).toContain('ok');
        if (policyDeleted === 'ok') await refused(() => iam.send(new GetPolicyCommand({ PolicyArn })), 'NoSuchEntity', 404, `Policy ${PolicyArn} was not found.`);
      }
    });
  });
});
