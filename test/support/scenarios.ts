import type { ErrorCode } from '../../src/domain/errors.js';
import { accountScenarios } from './account-scenarios.js';
import type { Keys } from './app.js';
import { call, decisionIn, type Decided, type Input } from './calls.js';
import { exchangeScenarios } from './exchange-scenarios.js';
import { groupScenarios } from './group-scenarios.js';
import { profileScenarios } from './profile-scenarios.js';
import { mfaScenarios } from './mfa-scenarios.js';
import { federationScenarios } from './federation-scenarios.js';
import { passwordScenarios } from './password-scenarios.js';
import { sessionScenarios } from './session-scenarios.js';
import { managedScenarios } from './managed-scenarios.js';
import { samlScenarios } from './saml-scenarios.js';
import { trustScenarios } from './trust-scenarios.js';
import { signInScenarios } from './sign-in-scenarios.js';
import { webIdentityScenarios } from './web-identity-scenarios.js';
import { allows, trusts, type World } from './world.js';

/** A call in a world of its own, and what it must answer on every face. */
export interface Scenario {
  readonly operation: string;
  readonly title: string;
  readonly expected: 'ok' | ErrorCode;
  /** Makes what has to exist before; the account's root calls where no caller is named. */
  readonly prepare: (world: World) => Promise<{ input: Input; caller?: Keys }>;
}

const ANY = { input: {} };
const trustsEc2 = trusts({ Service: 'ec2.amazonaws.com' });
const text = (document: unknown): string => JSON.stringify(document);
const longText = (length: number): string => text(allows('sts:AssumeRole', `arn:aws:iam::123456789012:role/${'x'.repeat(length)}`));

async function done(world: World, operation: string, input: Input): Promise<void> {
  const { code } = await call(world.app, 'query', { operation, keys: world.root, input });
  if (code !== undefined) throw new Error(`${operation} was refused: ${code}`);
}
const nothing = (input: Input) => (): Promise<{ input: Input }> => Promise.resolve({ input });
const alice = (input: Input = { UserName: 'alice' }) => async (world: World): Promise<{ input: Input }> => {
  await world.user('alice', allows('iam:GetUser'));
  return { input };
};
const deploy = (input: Input = { RoleName: 'deploy' }) => async (world: World): Promise<{ input: Input }> => {
  await world.role('deploy', trustsEc2, { policy: allows('s3:GetObject') });
  return { input };
};
const bare = (kind: 'user' | 'role') => async (world: World): Promise<{ input: Input }> => {
  if (kind === 'role') {
    await world.role('bare', trustsEc2);
    return { input: { RoleName: 'bare' } };
  }
  const user = await world.user('bare');
  await done(world, 'DeleteAccessKey', { UserName: 'bare', AccessKeyId: user.accessKeyId });
  return { input: { UserName: 'bare' } };
};
const aliceKey = (more: Input = {}) => async (world: World): Promise<{ input: Input }> => {
  const user = await world.user('alice');
  return { input: { UserName: 'alice', AccessKeyId: user.accessKeyId, ...more } };
};
const assuming = (more: Input = {}, trusted = true) => async (world: World): Promise<{ input: Input; caller: Keys }> => {
  const caller = await world.user('caller');
  const role = await world.role('deploy', trusted ? trusts(caller.arn) : trustsEc2, { path: '/ci/' });
  return { input: { RoleArn: role.arn, RoleSessionName: 'ci', ...more }, caller };
};
const abroad = (permission: boolean) => async (world: World): Promise<{ input: Input; caller: Keys }> => {
  const other = await world.account('abroad');
  const caller = await other.user('caller', permission ? allows('sts:AssumeRole') : undefined);
  const role = await world.role('deploy', trusts(caller.arn));
  return { input: { RoleArn: role.arn, RoleSessionName: 'ci' }, caller };
};
const managing = (input: Input) => (world: World): Promise<{ input: Input; caller: Keys }> => Promise.resolve({ input, caller: world.app.root });

const sts: Scenario[] = [
  { operation: 'GetCallerIdentity', title: 'by root', expected: 'ok', prepare: () => Promise.resolve(ANY) },
  { operation: 'GetCallerIdentity', title: 'by a user without permissions', expected: 'ok', prepare: async (world) => ({ input: {}, caller: await world.user('alice') }) },
  { operation: 'AssumeRole', title: 'of a role that trusts the user', expected: 'ok', prepare: assuming() },
  { operation: 'AssumeRole', title: 'with a duration and an external id', expected: 'ok', prepare: assuming({ DurationSeconds: 900, ExternalId: 'partner:1' }) },
  { operation: 'AssumeRole', title: 'of another account', expected: 'ok', prepare: abroad(true) },
  { operation: 'AssumeRole', title: 'of another account without a permission', expected: 'AccessDenied', prepare: abroad(false) },
  { operation: 'AssumeRole', title: 'of a role that does not trust the user', expected: 'AccessDenied', prepare: assuming({}, false) },
  { operation: 'AssumeRole', title: 'by root', expected: 'AccessDenied', prepare: async (world) => ({ ...(await assuming()(world)), caller: world.root }) },
  { operation: 'AssumeRole', title: 'for longer than the role allows', expected: 'ValidationError', prepare: assuming({ DurationSeconds: 3601 }) },
  { operation: 'AssumeRole', title: 'with several violated constraints', expected: 'ValidationError', prepare: assuming({ RoleSessionName: 'a b', DurationSeconds: 1 }) },
  { operation: 'AssumeRole', title: 'of something that is no role', expected: 'ValidationError', prepare: assuming({ RoleArn: 'arn:aws:s3:::some-bucket' }) },
  { operation: 'GetAccessKeyInfo', title: 'of a key of the account', expected: 'ok', prepare: async (world) => ({ input: { AccessKeyId: (await world.user('alice')).accessKeyId } }) },
  { operation: 'GetAccessKeyInfo', title: 'of an unknown key', expected: 'AccessDenied', prepare: nothing({ AccessKeyId: 'AKIAUNKNOWNUNKNOWN22' }) },
];

const users: Scenario[] = [
  { operation: 'CreateUser', title: 'with a path and tags', expected: 'ok', prepare: nothing({ UserName: 'Alice', Path: '/a/b/', Tags: [{ Key: 'team', Value: 'a = b' }] }) },
  { operation: 'CreateUser', title: 'without tags', expected: 'ok', prepare: nothing({ UserName: 'alice', Tags: [] }) },
  { operation: 'CreateUser', title: 'of a taken name', expected: 'EntityAlreadyExists', prepare: alice({ UserName: 'ALICE' }) },
  { operation: 'CreateUser', title: 'with a bad name', expected: 'ValidationError', prepare: nothing({ UserName: 'a b' }) },
  { operation: 'CreateUser', title: 'with duplicate tags', expected: 'InvalidInput', prepare: nothing({ UserName: 'alice', Tags: [{ Key: 'a', Value: '1' }, { Key: 'A', Value: '2' }] }) },
  { operation: 'CreateUser', title: 'with a boundary that does not exist', expected: 'NoSuchEntity', prepare: nothing({ UserName: 'alice', PermissionsBoundary: 'arn:aws:iam::123456789012:policy/none' }) },
  { operation: 'GetUser', title: 'by name', expected: 'ok', prepare: alice() },
  { operation: 'GetUser', title: 'in another case', expected: 'ok', prepare: alice({ UserName: 'ALICE' }) },
  { operation: 'GetUser', title: 'of nobody', expected: 'NoSuchEntity', prepare: nothing({ UserName: 'nobody' }) },
  { operation: 'ListUsers', title: 'by path', expected: 'ok', prepare: alice({ PathPrefix: '/', MaxItems: 1 }) },
  { operation: 'ListUsers', title: 'with a bad marker', expected: 'ValidationError', prepare: nothing({ Marker: 'no such marker' }) },
  { operation: 'DeleteUser', title: 'without belongings', expected: 'ok', prepare: bare('user') },
  { operation: 'DeleteUser', title: 'with belongings', expected: 'DeleteConflict', prepare: alice() },
  { operation: 'DeleteUser', title: 'of nobody', expected: 'NoSuchEntity', prepare: nothing({ UserName: 'nobody' }) },
  { operation: 'CreateAccessKey', title: 'for a user', expected: 'ok', prepare: alice() },
  { operation: 'CreateAccessKey', title: 'for root itself', expected: 'ok', prepare: nothing({}) },
  { operation: 'CreateAccessKey', title: 'for a user itself', expected: 'ok', prepare: async (world) => ({ input: {}, caller: await world.user('alice', allows('iam:*')) }) },
  { operation: 'CreateAccessKey', title: 'for nobody', expected: 'NoSuchEntity', prepare: nothing({ UserName: 'nobody' }) },
  { operation: 'CreateAccessKey', title: 'beyond the quota', expected: 'LimitExceeded', prepare: async (world) => {
    await world.user('alice');
    await done(world, 'CreateAccessKey', { UserName: 'alice' });
    return { input: { UserName: 'alice' } };
  } },
  { operation: 'ListAccessKeys', title: 'of a user', expected: 'ok', prepare: alice() },
  { operation: 'ListAccessKeys', title: 'of nobody', expected: 'NoSuchEntity', prepare: nothing({ UserName: 'nobody' }) },
  { operation: 'UpdateAccessKey', title: 'to inactive', expected: 'ok', prepare: aliceKey({ Status: 'Inactive' }) },
  { operation: 'UpdateAccessKey', title: 'to a status there is not', expected: 'ValidationError', prepare: aliceKey({ Status: 'Asleep' }) },
  { operation: 'UpdateAccessKey', title: 'of an unknown key', expected: 'NoSuchEntity', prepare: alice({ UserName: 'alice', AccessKeyId: 'AKIAUNKNOWNUNKNOWN22', Status: 'Active' }) },
  { operation: 'DeleteAccessKey', title: 'of a user', expected: 'ok', prepare: aliceKey() },
  { operation: 'DeleteAccessKey', title: 'of an unknown key', expected: 'NoSuchEntity', prepare: alice({ UserName: 'alice', AccessKeyId: 'AKIAUNKNOWNUNKNOWN22' }) },
  { operation: 'GetAccessKeyLastUsed', title: 'of a key that was never used', expected: 'ok', prepare: async (world) => ({ input: { AccessKeyId: (await world.user('alice')).accessKeyId } }) },
  { operation: 'GetAccessKeyLastUsed', title: 'of a key that was used', expected: 'ok', prepare: async (world) => {
    const alice = await world.user('alice');
    await call(world.app, 'query', { operation: 'GetCallerIdentity', keys: alice, input: {} });
    return { input: { AccessKeyId: alice.accessKeyId } };
  } },
  { operation: 'GetAccessKeyLastUsed', title: 'of an unknown key', expected: 'AccessDenied', prepare: nothing({ AccessKeyId: 'AKIAUNKNOWNUNKNOWN22' }) },
];

const roles: Scenario[] = [
  { operation: 'CreateRole', title: 'with everything', expected: 'ok', prepare: nothing({ RoleName: 'Deploy', Path: '/ci/', AssumeRolePolicyDocument: text(trustsEc2), Description: 'says "hello" & <bye>', MaxSessionDuration: 7200, Tags: [{ Key: 'team', Value: 'x' }] }) },
  { operation: 'CreateRole', title: 'of a taken name', expected: 'EntityAlreadyExists', prepare: deploy({ RoleName: 'DEPLOY', AssumeRolePolicyDocument: text(trustsEc2) }) },
  { operation: 'CreateRole', title: 'with a bad trust policy', expected: 'MalformedPolicyDocument', prepare: nothing({ RoleName: 'deploy', AssumeRolePolicyDocument: '{}' }) },
  { operation: 'CreateRole', title: 'that trusts nobody who exists', expected: 'MalformedPolicyDocument', prepare: nothing({ RoleName: 'deploy', AssumeRolePolicyDocument: text(trusts('arn:aws:iam::999999999999:user/nobody')) }) },
  { operation: 'CreateRole', title: 'with a trust policy that is too large', expected: 'LimitExceeded', prepare: nothing({ RoleName: 'deploy', AssumeRolePolicyDocument: text(trusts({ Service: 'ec2.amazonaws.com' }, { StringEquals: { 'sts:ExternalId': 'x'.repeat(2048) } })) }) },
  { operation: 'CreateRole', title: 'with a boundary that is no ARN', expected: 'InvalidInput', prepare: nothing({ RoleName: 'deploy', AssumeRolePolicyDocument: text(trustsEc2), PermissionsBoundary: 'not an ARN but long enough' }) },
  { operation: 'CreateRole', title: 'under the path of service-linked roles', expected: 'InvalidInput', prepare: nothing({ RoleName: 'deploy', Path: '/aws-service-role/x.amazonaws.com/', AssumeRolePolicyDocument: text(trustsEc2) }) },
  { operation: 'GetRole', title: 'by name', expected: 'ok', prepare: deploy() },
  { operation: 'GetRole', title: 'of no role', expected: 'NoSuchEntity', prepare: nothing({ RoleName: 'none' }) },
  { operation: 'ListRoles', title: 'of the account', expected: 'ok', prepare: deploy({}) },
  { operation: 'DeleteRole', title: 'without policies', expected: 'ok', prepare: bare('role') },
  { operation: 'DeleteRole', title: 'with policies', expected: 'DeleteConflict', prepare: deploy() },
  { operation: 'DeleteRole', title: 'of no role', expected: 'NoSuchEntity', prepare: nothing({ RoleName: 'none' }) },
  { operation: 'UpdateAssumeRolePolicy', title: 'to another one', expected: 'ok', prepare: deploy({ RoleName: 'deploy', PolicyDocument: text(trusts({ Service: 'lambda.amazonaws.com' })) }) },
  { operation: 'UpdateAssumeRolePolicy', title: 'to a permissions policy', expected: 'MalformedPolicyDocument', prepare: deploy({ RoleName: 'deploy', PolicyDocument: text(allows('s3:*')) }) },
  { operation: 'UpdateAssumeRolePolicy', title: 'to one that is too large', expected: 'LimitExceeded', prepare: deploy({ RoleName: 'deploy', PolicyDocument: text(trusts({ Service: 'ec2.amazonaws.com' }, { StringEquals: { 'sts:ExternalId': 'x'.repeat(2048) } })) }) },
  { operation: 'UpdateAssumeRolePolicy', title: 'of no role', expected: 'NoSuchEntity', prepare: nothing({ RoleName: 'none', PolicyDocument: text(trustsEc2) }) },
];

/** The operations on inline policies are the same eight words for users and for roles. */
function inlinePolicies(kind: 'User' | 'Role'): Scenario[] {
  const owner = kind === 'User' ? { UserName: 'alice' } : { RoleName: 'deploy' };
  const nobody = kind === 'User' ? { UserName: 'nobody' } : { RoleName: 'none' };
  const given = kind === 'User' ? alice : deploy;
  const policy = { PolicyName: 'own' };
  const document = { PolicyDocument: text(allows('sts:AssumeRole', 'arn:aws:iam::123456789012:role/*')) };
  return [
    { operation: `Put${kind}Policy`, title: 'over the one there is', expected: 'ok', prepare: given({ ...owner, ...policy, ...document }) },
    { operation: `Put${kind}Policy`, title: 'as another one', expected: 'ok', prepare: given({ ...owner, PolicyName: 'a+b=c', ...document }) },
    { operation: `Put${kind}Policy`, title: 'for nobody', expected: 'NoSuchEntity', prepare: nothing({ ...nobody, ...policy, ...document }) },
    { operation: `Put${kind}Policy`, title: 'that is none', expected: 'MalformedPolicyDocument', prepare: given({ ...owner, ...policy, PolicyDocument: '{"Version":"2012-10-17"' }) },
    { operation: `Put${kind}Policy`, title: 'that is too large', expected: 'LimitExceeded', prepare: given({ ...owner, ...policy, PolicyDocument: longText(kind === 'User' ? 2048 : 10_240) }) },
    { operation: `Get${kind}Policy`, title: 'by name', expected: 'ok', prepare: given({ ...owner, ...policy }) },
    { operation: `Get${kind}Policy`, title: 'that does not exist', expected: 'NoSuchEntity', prepare: given({ ...owner, PolicyName: 'none' }) },
    { operation: `List${kind}Policies`, title: 'by name', expected: 'ok', prepare: given(owner) },
    { operation: `List${kind}Policies`, title: 'of nobody', expected: 'NoSuchEntity', prepare: nothing(nobody) },
    { operation: `Delete${kind}Policy`, title: 'by name', expected: 'ok', prepare: given({ ...owner, ...policy }) },
    { operation: `Delete${kind}Policy`, title: 'that does not exist', expected: 'NoSuchEntity', prepare: given({ ...owner, PolicyName: 'none' }) },
  ];
}

const stint: Scenario[] = [
  { operation: 'CreateAccount', title: 'by root of the management account', expected: 'ok', prepare: managing({ AccountName: 'payments' }) },
  { operation: 'CreateAccount', title: 'by root of another account', expected: 'AccessDenied', prepare: nothing({ AccountName: 'payments' }) },
  { operation: 'CreateAccount', title: 'with a taken id', expected: 'EntityAlreadyExists', prepare: (world) => managing({ AccountName: 'payments', AccountId: world.root.account })(world) },
  { operation: 'CreateAccount', title: 'with an id that is none', expected: 'ValidationError', prepare: managing({ AccountName: 'payments', AccountId: '12' }) },
  { operation: 'ListAuditEvents', title: 'of the account', expected: 'ok', prepare: alice({ Action: 'iam:CreateUser', MaxItems: 5 }) },
  { operation: 'ListAuditEvents', title: 'with a bad marker', expected: 'ValidationError', prepare: nothing({ Marker: 'no such marker' }) },
];

const decided = (input: (decision: Decided) => Input) => async (world: World): Promise<{ input: Input }> => {
  const keys = await world.user('alice');
  return { input: input(decisionIn(await call(world.app, 'query', { operation: 'ListUsers', keys, input: {} }))) };
};
const question = { ActionNames: ['iam:GetUser', 's3:PutObject'] };
const simulatedPolicy = text({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 'iam:*', Resource: '*', Condition: { StringEquals: { 'aws:PrincipalTag/team': 'x' } } } });
const source = (more: Input = {}) => async (world: World): Promise<{ input: Input }> => ({ input: { PolicySourceArn: (await world.user('alice', allows('iam:GetUser'))).arn, ...more } });
const nowhere = (world: World): string => `arn:aws:iam::${world.root.account}:user/nobody`;

const explained: Scenario[] = [
  { operation: 'GetDecision', title: 'of a refusal', expected: 'ok', prepare: decided(({ decisionId }) => ({ DecisionId: decisionId })) },
  { operation: 'GetDecision', title: 'that nobody took', expected: 'NoSuchEntity', prepare: nothing({ DecisionId: '00000000-0000-4000-8000-000000000000' }) },
  { operation: 'DecodeAuthorizationMessage', title: 'of a refusal', expected: 'ok', prepare: decided(({ encodedMessage }) => ({ EncodedMessage: encodedMessage })) },
  { operation: 'DecodeAuthorizationMessage', title: 'with something appended', expected: 'InvalidAuthorizationMessageException', prepare: decided(({ encodedMessage }) => ({ EncodedMessage: `${encodedMessage}\n` })) },
  { operation: 'SimulateCustomPolicy', title: 'with a missing key', expected: 'ok', prepare: nothing({ PolicyInputList: [simulatedPolicy], ...question }) },
  { operation: 'SimulateCustomPolicy', title: 'with a value for it', expected: 'ok', prepare: nothing({ PolicyInputList: [simulatedPolicy], ...question, ContextEntries: [{ ContextKeyName: 'aws:PrincipalTag/team', ContextKeyValues: ['x'], ContextKeyType: 'string' }] }) },
  { operation: 'SimulateCustomPolicy', title: 'with a policy that is none', expected: 'InvalidInput', prepare: nothing({ PolicyInputList: ['{}'], ...question }) },
  { operation: 'SimulatePrincipalPolicy', title: 'of a user', expected: 'ok', prepare: source(question) },
  { operation: 'SimulatePrincipalPolicy', title: 'of nobody', expected: 'NoSuchEntity', prepare: (world) => Promise.resolve({ input: { PolicySourceArn: nowhere(world), ...question } }) },
  { operation: 'SimulatePrincipalPolicy', title: 'of somebody abroad', expected: 'InvalidInput', prepare: nothing({ PolicySourceArn: 'arn:aws:iam::000000000001:user/somebody', ...question }) },
  { operation: 'GetContextKeysForCustomPolicy', title: 'of a policy', expected: 'ok', prepare: nothing({ PolicyInputList: [simulatedPolicy] }) },
  { operation: 'GetContextKeysForCustomPolicy', title: 'of a policy that is none', expected: 'InvalidInput', prepare: nothing({ PolicyInputList: ['{}'] }) },
  { operation: 'GetContextKeysForPrincipalPolicy', title: 'of a user', expected: 'ok', prepare: source({ PolicyInputList: [simulatedPolicy] }) },
  { operation: 'GetContextKeysForPrincipalPolicy', title: 'of nobody', expected: 'NoSuchEntity', prepare: (world) => Promise.resolve({ input: { PolicySourceArn: nowhere(world) } }) },
  { operation: 'GetContextKeysForPrincipalPolicy', title: 'of somebody abroad', expected: 'InvalidInput', prepare: nothing({ PolicySourceArn: 'arn:aws:iam::000000000001:user/somebody' }) },
];

/** What every face must agree on. */
export const scenarios: readonly Scenario[] = [...sts, ...users, ...roles, ...inlinePolicies('User'), ...inlinePolicies('Role'), ...managedScenarios, ...groupScenarios, ...federationScenarios, ...profileScenarios, ...accountScenarios, ...passwordScenarios, ...mfaScenarios, ...signInScenarios, ...trustScenarios, ...webIdentityScenarios, ...samlScenarios, ...exchangeScenarios, ...sessionScenarios, ...stint, ...explained];
