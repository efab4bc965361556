import {
  AddUserToGroupCommand,
  AttachGroupPolicyCommand,
  CreateGroupCommand,
  CreatePolicyVersionCommand,
  DeleteGroupPolicyCommand,
  DetachGroupPolicyCommand,
  GetContextKeysForPrincipalPolicyCommand,
  PutGroupPolicyCommand,
  PutUserPermissionsBoundaryCommand,
  RemoveUserFromGroupCommand,
  SimulatePrincipalPolicyCommand,
  UpdateGroupCommand,
  type IAMClient,
} from '@aws-sdk/client-iam';

import { accountId } from '../../src/domain/arn.js';
import type { Caller, SessionFacts } from '../../src/domain/principal.js';
import { Authorizer } from '../../src/policies/authorizer.js';
import { TestApp, type Keys } from '../support/app.js';
import { call, decisionIn, type Input } from '../support/calls.js';
import { allows, trusts, World, type Document, type User } from '../support/world.js';

const denies = (action: string): Document => ({ Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: action, Resource: '*' }] });

describe('the policies of a group', () => {
  let app: TestApp;
  let world: World;
  let iam: IAMClient;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = await new World(app).account('groups');
    iam = app.iam(world.root);
  });
  afterAll(() => app.close());

  const fresh = (): string => `name-${String((count += 1))}`;
  const codeOf = async (keys: Keys, operation: string, input: Input = {}): Promise<string | undefined> => (await call(app, 'query', { operation, keys, input })).code;
  const put = (GroupName: string, document: Document, PolicyName = 'own'): Promise<unknown> => iam.send(new PutGroupPolicyCommand({ GroupName, PolicyName, PolicyDocument: JSON.stringify(document) }));
  const group = async (policy?: Document): Promise<string> => {
    const GroupName = fresh();
    await iam.send(new CreateGroupCommand({ GroupName, Path: '/team/' }));
    if (policy !== undefined) await put(GroupName, policy);
    return GroupName;
  };
  const member = async (groups: string[], policy?: Document): Promise<User> => {
    const user = await world.user(fresh(), policy);
    for (const GroupName of groups) await iam.send(new AddUserToGroupCommand({ GroupName, UserName: user.name }));
    return user;
  };

  it('allow, deny and end at once, for those who are in it, as long as they are', async () => {
    const GroupName = await group();
    const user = await world.user(fresh());
    const lists = (): Promise<string | undefined> => codeOf(user, 'ListUsers');
    const steps: [() => Promise<unknown>, string | undefined][] = [
      [() => put(GroupName, allows('iam:ListUsers')), 'AccessDenied'],
      [() => iam.send(new AddUserToGroupCommand({ GroupName, UserName: user.name })), undefined],
      [() => put(GroupName, denies('iam:ListUsers'), 'no'), 'AccessDenied'],
      [() => iam.send(new DeleteGroupPolicyCommand({ GroupName, PolicyName: 'no' })), undefined],
      [() => iam.send(new RemoveUserFromGroupCommand({ GroupName, UserName: user.name })), 'AccessDenied'],
      [() => iam.send(new AddUserToGroupCommand({ GroupName, UserName: user.name })), undefined],
      [() => iam.send(new DeleteGroupPolicyCommand({ GroupName, PolicyName: 'own' })), 'AccessDenied'],
    ];
    expect(await lists()).toBe('AccessDenied');
    for (const [change, answer] of steps) {
      await change();
      expect(await lists()).toBe(answer);
    }
  });

  it('count where they are attached ones, by the version in force', async () => {
    const PolicyArn = await world.policy(fresh(), allows('iam:ListUsers'));
    const GroupName = await group();
    const user = await member([GroupName]);
    await iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn }));
    expect(await codeOf(user, 'ListUsers')).toBeUndefined();
    await iam.send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: JSON.stringify(allows('iam:ListRoles')), SetAsDefault: true }));
    expect([await codeOf(user, 'ListUsers'), await codeOf(user, 'ListRoles')]).toEqual(['AccessDenied', undefined]);
    await iam.send(new DetachGroupPolicyCommand({ GroupName, PolicyArn }));
    expect(await codeOf(user, 'ListRoles')).toBe('AccessDenied');
  });

  it('of several groups and of the user count together, and any of them denies', async () => {
    const [a, b] = [await group(allows('iam:ListUsers')), await group(allows('iam:ListRoles'))];
    const user = await member([a, b], allows('iam:ListPolicies'));
    const may = async (): Promise<unknown[]> => [await codeOf(user, 'ListUsers'), await codeOf(user, 'ListRoles'), await codeOf(user, 'ListPolicies')];
    expect(await may()).toEqual([undefined, undefined, undefined]);
    await put(b, denies('iam:List*'), 'no');
    expect(await may()).toEqual(['AccessDenied', 'AccessDenied', 'AccessDenied']);
    await iam.send(new RemoveUserFromGroupCommand({ GroupName: b, UserName: user.name }));
    expect(await may()).toEqual([undefined, 'AccessDenied', undefined]);
  });

  it('are bounded by the boundary of the user', async () => {
    const user = await member([await group(allows('iam:*'))]);
    await iam.send(new PutUserPermissionsBoundaryCommand({ UserName: user.name, PermissionsBoundary: await world.policy(fresh(), allows('iam:ListUsers')) }));
    expect([await codeOf(user, 'ListUsers'), await codeOf(user, 'ListRoles')]).toEqual([undefined, 'AccessDenied']);
  });

  it('are those of the user’s sessions as well', async () => {
    const GroupName = await group(allows(['sts:GetSessionToken', 'sts:AssumeRole']));
    const user = await member([GroupName]);
    const { arn: RoleArn } = await world.role(fresh(), trusts(world.root.account));
    const { output } = await call(app, 'query', { operation: 'GetSessionToken', keys: user, input: {} });
    const session = (output as { credentials: Keys }).credentials;
    const assumes = (): Promise<string | undefined> => codeOf(session, 'AssumeRole', { RoleArn, RoleSessionName: 'session' });
    expect(await assumes()).toBeUndefined();
    await iam.send(new RemoveUserFromGroupCommand({ GroupName, UserName: user.name }));
    expect(await assumes()).toBe('AccessDenied');
  });

  it('are those of whom the user federates, within what the session policy and the boundary leave', async () => {
    const GroupName = await group(allows('iam:*'));
    const user = await member([GroupName]);
    const now = app.clock.now();
    const session: SessionFacts = {
      sessionId: '00000000-0000-4000-8000-000000000001',
      origin: 'GetFederationToken',
      issuedAt: now,
      expiresAt: new Date(now.getTime() + 3_600_000),
      chain: [],
      startedBy: user.id,
      tags: [],
      transitiveTagKeys: [],
      policies: { inline: JSON.stringify(allows(['iam:ListUsers', 'iam:ListRoles'])), arns: [] },
      scopedDown: [],
    };
    const caller: Caller = { kind: 'federated-user', account: accountId(world.root.account), accessKeyId: 'ASIAFEDERATEDFEDERAT', name: 'guest', by: { userId: user.id, userName: user.name, path: '/' }, session };
    const source = { ip: '127.0.0.1', userAgent: undefined, region: 'us-east-1', secureTransport: false };
    const may = async (action: string): Promise<boolean> =>
      app.running.app.get(Authorizer).require({ caller, source, now }, { action, resource: '*', resourceAccount: world.root.account }).then(({ allowed }) => allowed, () => false);
    expect([await may('iam:ListUsers'), await may('iam:ListRoles'), await may('iam:ListGroups')]).toEqual([true, true, false]);
    await iam.send(new PutUserPermissionsBoundaryCommand({ UserName: user.name, PermissionsBoundary: await world.policy(fresh(), allows('iam:ListUsers')) }));
    expect([await may('iam:ListUsers'), await may('iam:ListRoles')]).toEqual([true, false]);
    await iam.send(new RemoveUserFromGroupCommand({ GroupName, UserName: user.name }));
    expect(await may('iam:ListUsers')).toBe(false);
  });

  it('are named after the group in explanations, also where it has another name now', async () => {
    const GroupName = await group(denies('iam:ListUsers'));
    const PolicyArn = await world.policy(fresh(), denies('iam:ListUsers'));
    await iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn }));
    const user = await member([GroupName]);
    const explained = async (): Promise<string> => {
      const { decisionId } = decisionIn(await call(app, 'query', { operation: 'ListUsers', keys: user, input: {} }));
      return JSON.stringify((await call(app, 'rest', { operation: 'GetDecision', keys: world.root, input: { DecisionId: decisionId } })).output);
    };
    const ids = (name: string): string[] => [`"group_${name}_own"`, `"group_${name}_${PolicyArn}"`];
    const before = await explained();
    for (const id of ids(GroupName)) expect(before).toContain(id);
    const NewGroupName = fresh();
    await iam.send(new UpdateGroupCommand({ GroupName, NewGroupName }));
    const after = await explained();
    for (const id of ids(NewGroupName)) expect(after).toContain(id);
  });

  it('count in the simulator, for a user in it and for the group itself', async () => {
    const GroupName = await group(allows('iam:List*'));
    const PolicyArn = await world.policy(fresh(), { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 'iam:Get*', Resource: '*', Condition: { StringLike: { 'aws:username': '*' } } } });
    await iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn }));
    const user = await member([GroupName]);
    const simulated = async (PolicySourceArn: string): Promise<unknown> => {
      const { EvaluationResults } = await iam.send(new SimulatePrincipalPolicyCommand({ PolicySourceArn, ActionNames: ['iam:ListUsers', 'iam:GetUser', 'iam:CreateUser'] }));
      return EvaluationResults?.map(({ EvalDecision, MatchedStatements }) => [EvalDecision, MatchedStatements?.map(({ SourcePolicyId }) => SourcePolicyId)]);
    };
    const own = ['allowed', [`group_${GroupName}_own`]];
    const attached = ['allowed', [`group_${GroupName}_${PolicyArn}`]];
    const none = ['implicitDeny', []];
    expect(await simulated(user.arn)).toEqual([own, attached, none]);
    const arn = `arn:aws:iam::${world.root.account}:group/team/${GroupName}`;
    // A group is nobody: it has no name for aws:username.
    expect(await simulated(arn)).toEqual([own, none, none]);
    expect((await iam.send(new GetContextKeysForPrincipalPolicyCommand({ PolicySourceArn: user.arn }))).ContextKeyNames).toEqual(['aws:username']);
  });

  it('and boundaries need no query once they are remembered', async () => {
    const PolicyArn = await world.policy(fresh(), allows('stint:ListAuditEvents'));
    const GroupName = await group(allows('iam:*'));
    await iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn }));
    const user = await member([GroupName]);
    await iam.send(new PutUserPermissionsBoundaryCommand({ UserName: user.name, PermissionsBoundary: PolicyArn }));
    const asked = (): Promise<string | undefined> => call(app, 'rest', { operation: 'ListAuditEvents', keys: user, input: { MaxItems: 1 } }).then(({ code }) => code);
    expect(await asked()).toBeUndefined();
    // Whoever asks for any of these has to wait.
    await app.sql('BEGIN');
    await app.sql('LOCK TABLE iam_user, iam_group, group_member, inline_policy, policy_attachment, managed_policy, policy_version IN ACCESS EXCLUSIVE MODE');
    expect(await asked()).toBeUndefined();
    await app.sql('ROLLBACK');
  });

  it('that cannot be read any more deny everything to those who are in it', async () => {
    const GroupName = await group(allows('*'));
    const user = await member([GroupName], allows('*'));
    await app.sql(`UPDATE inline_policy SET document = '{' WHERE group_id = (SELECT group_id FROM iam_group WHERE group_name = $1)`, [GroupName]);
    expect(await codeOf(user, 'ListUsers')).toBe('AccessDenied');
    await iam.send(new DeleteGroupPolicyCommand({ GroupName, PolicyName: 'own' }));
    expect(await codeOf(user, 'ListUsers')).toBeUndefined();
  });

  it('are about groups by their ARNs', async () => {
    const [own, other] = [await group(), fresh()];
    await iam.send(new CreateGroupCommand({ GroupName: other }));
    const user = await world.user(fresh(), allows('iam:*', `arn:aws:iam::${world.root.account}:group/team/*`));
    const target = await world.user(fresh());
    const calls: [string, Input][] = [['GetGroup', {}], ['AddUserToGroup', { UserName: target.name }], ['PutGroupPolicy', { PolicyName: 'own', PolicyDocument: JSON.stringify(allows('*')) }], ['DeleteGroup', {}]];
    for (const [operation, input] of calls) {
      expect([operation, await codeOf(user, operation, { GroupName: other, ...input })]).toEqual([operation, 'AccessDenied']);
      expect([operation, await codeOf(user, operation, { GroupName: own, ...input })]).toEqual([operation, operation === 'DeleteGroup' ? 'DeleteConflict' : undefined]);
    }
  });
});
