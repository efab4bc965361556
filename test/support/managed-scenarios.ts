import { shippedPolicies } from '../../src/policies/shipped.js';
import { call, type Input } from './calls.js';
import type { Scenario } from './scenarios.js';
import { allows, trusts, type World } from './world.js';

type Prepared = Promise<{ input: Input }>;

const document = JSON.stringify(allows('sts:AssumeRole'));
const another = JSON.stringify(allows('iam:GetUser'));
const tooLarge = JSON.stringify(allows('iam:GetUser', `arn:aws:iam::123456789012:user/${'x'.repeat(6144)}`));
const shipped = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
const noArn = 'arn:aws:iam::123456789012:user/alice';

async function done(world: World, operation: string, input: Input): Promise<void> {
  const { code } = await call(world.app, 'query', { operation, keys: world.root, input });
  if (code !== undefined) throw new Error(`${operation} was refused: ${code}`);
}
const nothing = (input: Input) => (): Prepared => Promise.resolve({ input });
const missing = (more: Input = {}) => (world: World): Prepared => Promise.resolve({ input: { PolicyArn: `arn:aws:iam::${world.root.account}:policy/none`, ...more } });

/** A policy with tags and as many versions as said. */
const policy = (more: Input = {}, versions = 1) => async (world: World): Prepared => {
  const PolicyArn = await world.policy('Deploy', allows('s3:GetObject'), { path: '/ci/', tags: [{ Key: 'team', Value: 'a' }, { Key: 'cost', Value: '' }] });
  for (let version = 2; version <= versions; version += 1) await done(world, 'CreatePolicyVersion', { PolicyArn, PolicyDocument: another });
  return { input: { PolicyArn, ...more } };
};
const attached = (more: Input = {}) => async (world: World): Prepared => {
  const { input } = await policy(more)(world);
  await world.user('alice');
  await world.role('deploy', trusts({ Service: 'ec2.amazonaws.com' }));
  await done(world, 'AttachUserPolicy', { UserName: 'alice', PolicyArn: input['PolicyArn'] });
  await done(world, 'AttachRolePolicy', { RoleName: 'deploy', PolicyArn: input['PolicyArn'] });
  return { input };
};

const made: Scenario[] = [
  { operation: 'CreatePolicy', title: 'with everything', expected: 'ok', prepare: nothing({ PolicyName: 'Deploy', Path: '/ci/', PolicyDocument: document, Description: 'says "hello" & <bye>', Tags: [{ Key: 'a', Value: '1' }, { Key: 'A', Value: '' }] }) },
  { operation: 'CreatePolicy', title: 'with nothing more', expected: 'ok', prepare: nothing({ PolicyName: 'a+b=c,.@-_', PolicyDocument: document }) },
  { operation: 'CreatePolicy', title: 'of a taken name', expected: 'EntityAlreadyExists', prepare: async (world) => {
    await policy()(world);
    return { input: { PolicyName: 'DEPLOY', PolicyDocument: document } };
  } },
  { operation: 'CreatePolicy', title: 'with duplicate tags', expected: 'InvalidInput', prepare: nothing({ PolicyName: 'p', PolicyDocument: document, Tags: [{ Key: 'a', Value: '1' }, { Key: 'a', Value: '2' }] }) },
  { operation: 'CreatePolicy', title: 'that is none', expected: 'MalformedPolicyDocument', prepare: nothing({ PolicyName: 'p', PolicyDocument: '{}' }) },
  { operation: 'CreatePolicy', title: 'that is too large', expected: 'LimitExceeded', prepare: nothing({ PolicyName: 'p', PolicyDocument: tooLarge }) },
  { operation: 'CreatePolicy', title: 'with a path of other characters', expected: 'ValidationError', prepare: nothing({ PolicyName: 'p', Path: '/a!/', PolicyDocument: document }) },
  { operation: 'GetPolicy', title: 'of the account', expected: 'ok', prepare: attached() },
  { operation: 'GetPolicy', title: 'that is shipped', expected: 'ok', prepare: nothing({ PolicyArn: shipped }) },
  { operation: 'ListPolicies', title: 'of every kind', expected: 'ok', prepare: async (world) => {
    await attached()(world);
    return { input: {} };
  } },
  { operation: 'ListPolicies', title: 'that are shipped, a few', expected: 'ok', prepare: nothing({ Scope: 'AWS', PathPrefix: '/root-task/', MaxItems: 2 }) },
  { operation: 'ListPolicies', title: 'that are attached', expected: 'ok', prepare: async (world) => {
    await attached()(world);
    return { input: { OnlyAttached: true, PolicyUsageFilter: 'PermissionsPolicy' } };
  } },
  { operation: 'ListPolicies', title: 'with a bad marker', expected: 'ValidationError', prepare: nothing({ Marker: 'no such marker' }) },
  { operation: 'DeletePolicy', title: 'that is used nowhere', expected: 'ok', prepare: policy() },
  { operation: 'DeletePolicy', title: 'that is attached', expected: 'DeleteConflict', prepare: attached() },
  { operation: 'DeletePolicy', title: 'with several versions', expected: 'DeleteConflict', prepare: policy({}, 2) },
];

const versions: Scenario[] = [
  { operation: 'CreatePolicyVersion', title: 'beside the one in force', expected: 'ok', prepare: policy({ PolicyDocument: another }) },
  { operation: 'CreatePolicyVersion', title: 'to be in force', expected: 'ok', prepare: policy({ PolicyDocument: another, SetAsDefault: true }) },
  { operation: 'CreatePolicyVersion', title: 'that is none', expected: 'MalformedPolicyDocument', prepare: policy({ PolicyDocument: '{}' }) },
  { operation: 'CreatePolicyVersion', title: 'that is too large', expected: 'LimitExceeded', prepare: policy({ PolicyDocument: tooLarge }) },
  { operation: 'CreatePolicyVersion', title: 'beyond the quota', expected: 'LimitExceeded', prepare: policy({ PolicyDocument: another }, 5) },
  { operation: 'GetPolicyVersion', title: 'of the account', expected: 'ok', prepare: policy({ VersionId: 'v1' }) },
  { operation: 'GetPolicyVersion', title: 'that is shipped', expected: 'ok', prepare: nothing({ PolicyArn: shipped, VersionId: 'v1' }) },
  { operation: 'GetPolicyVersion', title: 'that does not exist', expected: 'NoSuchEntity', prepare: policy({ VersionId: 'v2' }) },
  { operation: 'ListPolicyVersions', title: 'newest first', expected: 'ok', prepare: policy({ MaxItems: 2 }, 3) },
  { operation: 'SetDefaultPolicyVersion', title: 'to another one', expected: 'ok', prepare: policy({ VersionId: 'v2' }, 2) },
  { operation: 'SetDefaultPolicyVersion', title: 'to one that does not exist', expected: 'NoSuchEntity', prepare: policy({ VersionId: 'v2' }) },
  { operation: 'DeletePolicyVersion', title: 'that is not in force', expected: 'ok', prepare: policy({ VersionId: 'v2' }, 2) },
  { operation: 'DeletePolicyVersion', title: 'that is in force', expected: 'DeleteConflict', prepare: policy({ VersionId: 'v1' }, 2) },
  { operation: 'DeletePolicyVersion', title: 'that does not exist', expected: 'NoSuchEntity', prepare: policy({ VersionId: 'v99999999999' }) },
];

const tags: Scenario[] = [
  { operation: 'TagPolicy', title: 'with a new one and a new value', expected: 'ok', prepare: policy({ Tags: [{ Key: 'team', Value: 'b' }, { Key: 'Team', Value: 'c' }] }) },
  { operation: 'TagPolicy', title: 'with duplicates', expected: 'InvalidInput', prepare: policy({ Tags: [{ Key: 'x', Value: '' }, { Key: 'x', Value: '' }] }) },
  { operation: 'TagPolicy', title: 'with a reserved one', expected: 'InvalidInput', prepare: policy({ Tags: [{ Key: 'AWS:x', Value: '' }] }) },
  { operation: 'TagPolicy', title: 'beyond the quota', expected: 'LimitExceeded', prepare: policy({ Tags: Array.from({ length: 49 }, (_, index) => ({ Key: `k${String(index)}`, Value: '' })) }) },
  { operation: 'UntagPolicy', title: 'of one it has and one it has not', expected: 'ok', prepare: policy({ TagKeys: ['team', 'none'] }) },
  { operation: 'UntagPolicy', title: 'of a key that is none', expected: 'ValidationError', prepare: policy({ TagKeys: ['a!'] }) },
  { operation: 'ListPolicyTags', title: 'a page of them', expected: 'ok', prepare: policy({ MaxItems: 1 }) },
  { operation: 'ListEntitiesForPolicy', title: 'of every kind', expected: 'ok', prepare: attached() },
  { operation: 'ListEntitiesForPolicy', title: 'of one kind', expected: 'ok', prepare: attached({ EntityFilter: 'Role', PathPrefix: '/', PolicyUsageFilter: 'PermissionsPolicy' }) },
];

/** What each operation on a policy takes besides its ARN. */
const more: Readonly<Record<string, Input>> = {
  GetPolicy: {},
  DeletePolicy: {},
  CreatePolicyVersion: { PolicyDocument: another },
  GetPolicyVersion: { VersionId: 'v1' },
  ListPolicyVersions: {},
  SetDefaultPolicyVersion: { VersionId: 'v1' },
  DeletePolicyVersion: { VersionId: 'v1' },
  TagPolicy: { Tags: [{ Key: 'a', Value: 'b' }] },
  UntagPolicy: { TagKeys: ['a'] },
  ListPolicyTags: {},
  ListEntitiesForPolicy: {},
};
const changing = ['DeletePolicy', 'CreatePolicyVersion', 'SetDefaultPolicyVersion', 'DeletePolicyVersion', 'TagPolicy', 'UntagPolicy'];

const unusable = Object.entries(more).flatMap(([operation, input]): Scenario[] => [
  { operation, title: 'on a policy that does not exist', expected: 'NoSuchEntity', prepare: missing(input) },
  { operation, title: 'on what is no policy', expected: 'InvalidInput', prepare: nothing({ PolicyArn: noArn, ...input }) },
  ...(changing.includes(operation) ? [{ operation, title: 'on a policy that is shipped', expected: 'AccessDenied' as const, prepare: nothing({ PolicyArn: shipped, ...input }) }] : []),
]);

/** The operations on attached policies are the same three words for users and for roles. */
function attachments(kind: 'User' | 'Role'): Scenario[] {
  const owner = kind === 'User' ? { UserName: 'bob' } : { RoleName: 'worker' };
  const nobody = kind === 'User' ? { UserName: 'nobody' } : { RoleName: 'none' };
  const given = (count = 0, input: Input = {}) => async (world: World): Prepared => {
    if (kind === 'User') await world.user('bob');
    else await world.role('worker', trusts({ Service: 'ec2.amazonaws.com' }));
    for (const { path, name } of shippedPolicies.slice(0, count)) await done(world, `Attach${kind}Policy`, { ...owner, PolicyArn: `arn:aws:iam::aws:policy${path}${name}` });
    const { PolicyArn } = (await policy()(world)).input;
    return { input: { PolicyArn, ...owner, ...input } };
  };
  const listing = (count: number, input: Input = {}) => async (world: World): Prepared => {
    const { PolicyArn: _, ...rest } = (await given(count, input)(world)).input;
    return { input: rest };
  };
  const first = { PolicyArn: `arn:aws:iam::aws:policy${shippedPolicies[0]!.path}${shippedPolicies[0]!.name}` };
  return [
    { operation: `Attach${kind}Policy`, title: 'of the account', expected: 'ok', prepare: given() },
    { operation: `Attach${kind}Policy`, title: 'that is shipped', expected: 'ok', prepare: given(0, { PolicyArn: shipped }) },
    { operation: `Attach${kind}Policy`, title: 'to nobody', expected: 'NoSuchEntity', prepare: given(0, nobody) },
    { operation: `Attach${kind}Policy`, title: 'that does not exist', expected: 'NoSuchEntity', prepare: given(0, { PolicyArn: 'arn:aws:iam::aws:policy/None' }) },
    { operation: `Attach${kind}Policy`, title: 'of another account', expected: 'NoSuchEntity', prepare: given(0, { PolicyArn: 'arn:aws:iam::000000000001:policy/None' }) },
    { operation: `Attach${kind}Policy`, title: 'that is none', expected: 'ValidationError', prepare: given(0, { PolicyArn: noArn }) },
    { operation: `Attach${kind}Policy`, title: 'beyond the quota', expected: 'LimitExceeded', prepare: given(10) },
    { operation: `Detach${kind}Policy`, title: 'that is attached', expected: 'ok', prepare: given(1, first) },
    { operation: `Detach${kind}Policy`, title: 'that is not attached', expected: 'NoSuchEntity', prepare: given() },
    { operation: `Detach${kind}Policy`, title: 'from nobody', expected: 'NoSuchEntity', prepare: given(1, { ...first, ...nobody }) },
    { operation: `Detach${kind}Policy`, title: 'that is none', expected: 'ValidationError', prepare: given(0, { PolicyArn: noArn }) },
    { operation: `ListAttached${kind}Policies`, title: 'a page of them', expected: 'ok', prepare: listing(3, { MaxItems: 2, PathPrefix: '/' }) },
    { operation: `ListAttached${kind}Policies`, title: 'of nobody', expected: 'NoSuchEntity', prepare: nothing(nobody) },
  ];
}

const gone: Scenario[] = [
  { operation: 'DeleteUser', title: 'with attached policies', expected: 'DeleteConflict', prepare: async (world) => {
    const { accessKeyId: AccessKeyId } = await world.user('bob');
    await done(world, 'DeleteAccessKey', { UserName: 'bob', AccessKeyId });
    await done(world, 'AttachUserPolicy', { UserName: 'bob', PolicyArn: shipped });
    return { input: { UserName: 'bob' } };
  } },
  { operation: 'DeleteRole', title: 'with attached policies', expected: 'DeleteConflict', prepare: async (world) => {
    await world.role('worker', trusts({ Service: 'ec2.amazonaws.com' }));
    await done(world, 'AttachRolePolicy', { RoleName: 'worker', PolicyArn: shipped });
    return { input: { RoleName: 'worker' } };
  } },
];

/** What every face must agree on about managed policies. */
export const managedScenarios: readonly Scenario[] = [...made, ...versions, ...tags, ...unusable, ...attachments('User'), ...attachments('Role'), ...gone];
