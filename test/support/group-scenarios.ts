import { shippedPolicies } from '../../src/policies/shipped.js';
import { call, type Input } from './calls.js';
import type { Scenario } from './scenarios.js';
import { allows, trusts, type World } from './world.js';

type Prepared = Promise<{ input: Input }>;

const shipped = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
const noArn = 'arn:aws:iam::123456789012:user/alice';
const trustsEc2 = trusts({ Service: 'ec2.amazonaws.com' });

async function done(world: World, operation: string, input: Input): Promise<void> {
  const { code } = await call(world.app, 'query', { operation, keys: world.root, input });
  if (code !== undefined) throw new Error(`${operation} was refused: ${code}`);
}
const nothing = (input: Input) => (): Prepared => Promise.resolve({ input });
/** A group, a user who is in it, and one who is not. */
const devs = (input: Input = {}) => async (world: World): Prepared => {
  await done(world, 'CreateGroup', { GroupName: 'Devs', Path: '/team/' });
  for (const name of ['alice', 'bob']) await world.user(name);
  await done(world, 'AddUserToGroup', { GroupName: 'devs', UserName: 'alice' });
  return { input: { GroupName: 'devs', ...input } };
};
const bare = (input: Input = {}) => async (world: World): Prepared => {
  await done(world, 'CreateGroup', { GroupName: 'Bare' });
  return { input: { GroupName: 'bare', ...input } };
};
/** Calls first, with a bare group, then the call that counts. */
const after = (calls: readonly [string, Input][], input: Input = {}) => async (world: World): Prepared => {
  const prepared = await bare(input)(world);
  for (const [operation, more] of calls) await done(world, operation, { GroupName: 'bare', ...more });
  return prepared;
};

const groups: Scenario[] = [
  { operation: 'CreateGroup', title: 'with a path', expected: 'ok', prepare: nothing({ GroupName: 'Devs+=,.@_-', Path: '/team/' }) },
  { operation: 'CreateGroup', title: 'of a taken name', expected: 'EntityAlreadyExists', prepare: bare({ GroupName: 'BARE' }) },
  { operation: 'CreateGroup', title: 'with a bad name', expected: 'ValidationError', prepare: nothing({ GroupName: 'a b' }) },
  { operation: 'GetGroup', title: 'with a user', expected: 'ok', prepare: devs() },
  { operation: 'GetGroup', title: 'without users', expected: 'ok', prepare: bare({ MaxItems: 1 }) },
  { operation: 'GetGroup', title: 'of no group', expected: 'NoSuchEntity', prepare: nothing({ GroupName: 'none' }) },
  { operation: 'ListGroups', title: 'below a path', expected: 'ok', prepare: async (world) => {
    await devs()(world);
    return { input: { PathPrefix: '/team/', MaxItems: 1 } };
  } },
  { operation: 'ListGroups', title: 'with a bad marker', expected: 'ValidationError', prepare: nothing({ Marker: 'no such marker' }) },
  { operation: 'UpdateGroup', title: 'to another name and path', expected: 'ok', prepare: devs({ NewGroupName: 'Developers', NewPath: '/' }) },
  { operation: 'UpdateGroup', title: 'to its name in another case', expected: 'ok', prepare: devs({ NewGroupName: 'DEVS' }) },
  { operation: 'UpdateGroup', title: 'to a taken name', expected: 'EntityAlreadyExists', prepare: async (world) => {
    await bare()(world);
    return devs({ NewGroupName: 'bare' })(world);
  } },
  { operation: 'UpdateGroup', title: 'of no group', expected: 'NoSuchEntity', prepare: nothing({ GroupName: 'none', NewPath: '/x/' }) },
  { operation: 'DeleteGroup', title: 'with nothing in it', expected: 'ok', prepare: bare() },
  { operation: 'DeleteGroup', title: 'with a user', expected: 'DeleteConflict', prepare: devs() },
  { operation: 'DeleteGroup', title: 'with an inline policy', expected: 'DeleteConflict', prepare: after([['PutGroupPolicy', { PolicyName: 'own', PolicyDocument: JSON.stringify(allows('s3:*')) }]]) },
  { operation: 'DeleteGroup', title: 'with an attached policy', expected: 'DeleteConflict', prepare: after([['AttachGroupPolicy', { PolicyArn: shipped }]]) },
  { operation: 'DeleteGroup', title: 'of no group', expected: 'NoSuchEntity', prepare: nothing({ GroupName: 'none' }) },
  { operation: 'AddUserToGroup', title: 'who is not in it', expected: 'ok', prepare: devs({ UserName: 'BOB' }) },
  { operation: 'AddUserToGroup', title: 'who does not exist', expected: 'NoSuchEntity', prepare: devs({ UserName: 'nobody' }) },
  { operation: 'AddUserToGroup', title: 'where neither exists', expected: 'NoSuchEntity', prepare: nothing({ GroupName: 'none', UserName: 'nobody' }) },
  { operation: 'AddUserToGroup', title: 'beyond the quota', expected: 'LimitExceeded', prepare: async (world) => {
    await world.user('carol');
    for (let index = 0; index < 10; index += 1) {
      await done(world, 'CreateGroup', { GroupName: `g${String(index)}` });
      await done(world, 'AddUserToGroup', { GroupName: `g${String(index)}`, UserName: 'carol' });
    }
    return bare({ UserName: 'carol' })(world);
  } },
  { operation: 'RemoveUserFromGroup', title: 'who is in it', expected: 'ok', prepare: devs({ UserName: 'alice' }) },
  { operation: 'RemoveUserFromGroup', title: 'of no group', expected: 'NoSuchEntity', prepare: async (world) => {
    await world.user('alice');
    return { input: { GroupName: 'none', UserName: 'alice' } };
  } },
  { operation: 'ListGroupsForUser', title: 'who is in one', expected: 'ok', prepare: async (world) => {
    await devs()(world);
    return { input: { UserName: 'ALICE' } };
  } },
  { operation: 'ListGroupsForUser', title: 'who does not exist', expected: 'NoSuchEntity', prepare: nothing({ UserName: 'nobody' }) },
  { operation: 'DeleteUser', title: 'in a group', expected: 'DeleteConflict', prepare: async (world) => {
    await devs()(world);
    await world.app.sql('DELETE FROM access_key WHERE account_id = $1 AND user_id IS NOT NULL', [world.root.account]);
    return { input: { UserName: 'alice' } };
  } },
  { operation: 'SimulatePrincipalPolicy', title: 'of a group and of a user in it', expected: 'ok', prepare: async (world) => {
    await devs()(world);
    await done(world, 'PutGroupPolicy', { GroupName: 'devs', PolicyName: 'own', PolicyDocument: JSON.stringify(allows('iam:Get*')) });
    return { input: { PolicySourceArn: `arn:aws:iam::${world.root.account}:group/team/Devs`, ActionNames: ['iam:GetUser'] } };
  } },
];

const user = (input: Input = {}) => async (world: World): Prepared => {
  await done(world, 'CreateUser', { UserName: 'alice', Path: '/team/', Tags: [{ Key: 'Team', Value: 'a' }, { Key: 'cost', Value: '' }] });
  return { input: { UserName: 'alice', ...input } };
};
const role = (input: Input = {}) => async (world: World): Prepared => {
  await done(world, 'CreateRole', { RoleName: 'deploy', AssumeRolePolicyDocument: JSON.stringify(trustsEc2), Tags: [{ Key: 'Team', Value: 'a' }, { Key: 'cost', Value: '' }] });
  return { input: { RoleName: 'deploy', ...input } };
};
const many = Array.from({ length: 49 }, (_, index) => ({ Key: `k${String(index)}`, Value: '' }));

/** Tags and boundaries are the same words for users and for roles. */
function tagsAndBoundaries(kind: 'User' | 'Role'): Scenario[] {
  const given = kind === 'User' ? user : role;
  const nobody = kind === 'User' ? { UserName: 'nobody' } : { RoleName: 'none' };
  const own = (input: Input = {}) => async (world: World): Prepared => {
    const PermissionsBoundary = await world.policy('bound', allows('s3:*'), { path: '/b/' });
    return given({ PermissionsBoundary, ...input })(world);
  };
  const bounded = async (world: World): Prepared => {
    const { input } = await own()(world);
    await done(world, `Put${kind}PermissionsBoundary`, input);
    const { PermissionsBoundary: _, ...rest } = input;
    return { input: rest };
  };
  return [
    { operation: `Tag${kind}`, title: 'with a new one, and one in another case', expected: 'ok', prepare: given({ Tags: [{ Key: 'TEAM', Value: 'b' }, { Key: 'new', Value: '' }] }) },
    { operation: `Tag${kind}`, title: 'with duplicates', expected: 'InvalidInput', prepare: given({ Tags: [{ Key: 'a', Value: '' }, { Key: 'A', Value: '' }] }) },
    { operation: `Tag${kind}`, title: 'beyond the quota', expected: 'LimitExceeded', prepare: given({ Tags: many }) },
    { operation: `Tag${kind}`, title: 'of nobody', expected: 'NoSuchEntity', prepare: nothing({ ...nobody, Tags: [] }) },
    { operation: `Untag${kind}`, title: 'of one it has in another case, and one it has not', expected: 'ok', prepare: given({ TagKeys: ['tEAM', 'none'] }) },
    ...(kind === 'User' ? [] : [{ operation: 'UntagRole', title: 'of a template in another case', expected: 'InvalidInput', prepare: given({ TagKeys: ['stint:sessionnametemplate'] }) } as const]),
    { operation: `Untag${kind}`, title: 'of nobody', expected: 'NoSuchEntity', prepare: nothing({ ...nobody, TagKeys: ['a'] }) },
    { operation: `List${kind}Tags`, title: 'a page of them', expected: 'ok', prepare: given({ MaxItems: 1 }) },
    { operation: `List${kind}Tags`, title: 'of nobody', expected: 'NoSuchEntity', prepare: nothing(nobody) },
    { operation: `Put${kind}PermissionsBoundary`, title: 'of the account', expected: 'ok', prepare: own() },
    { operation: `Put${kind}PermissionsBoundary`, title: 'that is shipped', expected: 'ok', prepare: given({ PermissionsBoundary: shipped }) },
    { operation: `Put${kind}PermissionsBoundary`, title: 'that does not exist', expected: 'NoSuchEntity', prepare: given({ PermissionsBoundary: 'arn:aws:iam::aws:policy/None' }) },
    { operation: `Put${kind}PermissionsBoundary`, title: 'that is none', expected: 'InvalidInput', prepare: given({ PermissionsBoundary: noArn }) },
    { operation: `Put${kind}PermissionsBoundary`, title: 'for nobody', expected: 'NoSuchEntity', prepare: own(nobody) },
    { operation: `Delete${kind}PermissionsBoundary`, title: 'that it has', expected: 'ok', prepare: bounded },
    { operation: `Delete${kind}PermissionsBoundary`, title: 'of nobody', expected: 'NoSuchEntity', prepare: nothing(nobody) },
    { operation: `Get${kind}`, title: 'with a boundary', expected: 'ok', prepare: bounded },
    { operation: `Delete${kind}`, title: 'with a boundary', expected: 'ok', prepare: bounded },
    { operation: 'DeletePolicy', title: `that is the boundary of a ${kind.toLowerCase()}`, expected: 'DeleteConflict', prepare: async (world) => {
      await bounded(world);
      return { input: { PolicyArn: `arn:aws:iam::${world.root.account}:policy/b/bound` } };
    } },
    { operation: 'ListEntitiesForPolicy', title: `that is the boundary of a ${kind.toLowerCase()}`, expected: 'ok', prepare: async (world) => {
      await bounded(world);
      return { input: { PolicyArn: `arn:aws:iam::${world.root.account}:policy/b/bound`, PolicyUsageFilter: 'PermissionsBoundary' } };
    } },
    { operation: `Create${kind}`, title: 'with a boundary', expected: 'ok', prepare: nothing({ PermissionsBoundary: shipped, ...(kind === 'User' ? { UserName: 'new' } : { RoleName: 'new', AssumeRolePolicyDocument: JSON.stringify(trustsEc2) }) }) },
  ];
}

const changed: Scenario[] = [
  { operation: 'UpdateUser', title: 'to another name and path', expected: 'ok', prepare: user({ NewUserName: 'Alicia', NewPath: '/' }) },
  { operation: 'UpdateUser', title: 'to a taken name', expected: 'EntityAlreadyExists', prepare: async (world) => {
    await world.user('bob');
    return user({ NewUserName: 'BOB' })(world);
  } },
  { operation: 'UpdateUser', title: 'of nobody', expected: 'NoSuchEntity', prepare: nothing({ UserName: 'nobody', NewUserName: 'somebody' }) },
  { operation: 'UpdateRole', title: 'in everything', expected: 'ok', prepare: role({ Description: 'says "hello" & <bye>', MaxSessionDuration: 7200 }) },
  { operation: 'UpdateRole', title: 'of no role', expected: 'NoSuchEntity', prepare: nothing({ RoleName: 'none', MaxSessionDuration: 7200 }) },
  { operation: 'UpdateRoleDescription', title: 'to another one', expected: 'ok', prepare: role({ Description: 'Deploys.' }) },
  { operation: 'UpdateRoleDescription', title: 'of no role', expected: 'NoSuchEntity', prepare: nothing({ RoleName: 'none', Description: '' }) },
  { operation: 'CreateRole', title: 'with a boundary that does not exist', expected: 'NoSuchEntity', prepare: nothing({ RoleName: 'deploy', AssumeRolePolicyDocument: JSON.stringify(trustsEc2), PermissionsBoundary: 'arn:aws:iam::aws:policy/None' }) },
  { operation: 'CreateUser', title: 'with a boundary that is no ARN', expected: 'InvalidInput', prepare: nothing({ UserName: 'alice', PermissionsBoundary: noArn }) },
  { operation: 'ListPolicies', title: 'that are boundaries', expected: 'ok', prepare: async (world) => {
    await user()(world);
    await done(world, 'PutUserPermissionsBoundary', { UserName: 'alice', PermissionsBoundary: shipped });
    return { input: { PolicyUsageFilter: 'PermissionsBoundary' } };
  } },
];

const first = { PolicyArn: `arn:aws:iam::aws:policy${shippedPolicies[0]!.path}${shippedPolicies[0]!.name}` };
const document = { PolicyDocument: JSON.stringify(allows('iam:GetUser')) };
const withPolicies: [string, Input][] = [['AttachGroupPolicy', first], ['PutGroupPolicy', { PolicyName: 'own', ...document }]];
const none = { GroupName: 'none' };
const policies: Scenario[] = [
  { operation: 'PutGroupPolicy', title: 'as the first', expected: 'ok', prepare: bare({ PolicyName: 'own', ...document }) },
  { operation: 'PutGroupPolicy', title: 'for no group', expected: 'NoSuchEntity', prepare: nothing({ ...none, PolicyName: 'own', ...document }) },
  { operation: 'PutGroupPolicy', title: 'that is none', expected: 'MalformedPolicyDocument', prepare: bare({ PolicyName: 'own', PolicyDocument: '{}' }) },
  { operation: 'PutGroupPolicy', title: 'that is too large', expected: 'LimitExceeded', prepare: bare({ PolicyName: 'own', PolicyDocument: JSON.stringify(allows('s3:*', `arn:aws:s3:::${'x'.repeat(5120)}`)) }) },
  { operation: 'GetGroupPolicy', title: 'by name', expected: 'ok', prepare: after(withPolicies, { PolicyName: 'own' }) },
  { operation: 'GetGroupPolicy', title: 'that does not exist', expected: 'NoSuchEntity', prepare: bare({ PolicyName: 'own' }) },
  { operation: 'ListGroupPolicies', title: 'by name', expected: 'ok', prepare: after(withPolicies) },
  { operation: 'ListGroupPolicies', title: 'of no group', expected: 'NoSuchEntity', prepare: nothing(none) },
  { operation: 'DeleteGroupPolicy', title: 'by name', expected: 'ok', prepare: after(withPolicies, { PolicyName: 'own' }) },
  { operation: 'DeleteGroupPolicy', title: 'that does not exist', expected: 'NoSuchEntity', prepare: bare({ PolicyName: 'own' }) },
  { operation: 'AttachGroupPolicy', title: 'that is shipped', expected: 'ok', prepare: bare(first) },
  { operation: 'AttachGroupPolicy', title: 'to no group', expected: 'NoSuchEntity', prepare: nothing({ ...none, ...first }) },
  { operation: 'AttachGroupPolicy', title: 'that is none', expected: 'ValidationError', prepare: bare({ PolicyArn: noArn }) },
  { operation: 'AttachGroupPolicy', title: 'beyond the quota', expected: 'LimitExceeded', prepare: after(shippedPolicies.slice(1, 11).map(({ path, name }) => ['AttachGroupPolicy', { PolicyArn: `arn:aws:iam::aws:policy${path}${name}` }]), first) },
  { operation: 'DetachGroupPolicy', title: 'that is attached', expected: 'ok', prepare: after(withPolicies, first) },
  { operation: 'DetachGroupPolicy', title: 'that is not attached', expected: 'NoSuchEntity', prepare: bare(first) },
  { operation: 'ListAttachedGroupPolicies', title: 'of one that has one', expected: 'ok', prepare: after(withPolicies) },
  { operation: 'ListAttachedGroupPolicies', title: 'of no group', expected: 'NoSuchEntity', prepare: nothing(none) },
  { operation: 'ListEntitiesForPolicy', title: 'with a group', expected: 'ok', prepare: async (world) => {
    await after(withPolicies)(world);
    return { input: { ...first, EntityFilter: 'Group' } };
  } },
];

/** What every face must agree on about groups, boundaries, tags, and changing users and roles. */
export const groupScenarios: readonly Scenario[] = [...groups, ...policies, ...tagsAndBoundaries('User'), ...tagsAndBoundaries('Role'), ...changed];
