import { createHash } from 'node:crypto';

import { call, type Called, type Input } from './calls.js';
import type { Keys } from './app.js';
import type { Scenario } from './scenarios.js';
import { allows, type World } from './world.js';

type Prepared = Promise<{ input: Input; caller?: Keys }>;

const READ_ONLY = [{ arn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' }];
const AUDIT_TASK = { arn: 'arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials' };
const unknownId = '00000000-0000-4000-8000-000000000000';
const text = JSON.stringify(allows('iam:GetUser'));
/** Text that packs badly, the same in every run. */
const noise = (length: number, seed = ''): string => {
  let text = '';
  for (let index = 0; text.length < length; index += 1) text += createHash('sha256').update(`${seed}/${String(index)}`).digest('base64url');
  return text.slice(0, length);
};
const manyTags = Array.from({ length: 50 }, (_, index) => ({ Key: noise(100, `key ${String(index)}`), Value: noise(200, `value ${String(index)}`) }));
const noisy = (seed: string): string => JSON.stringify(allows('iam:GetUser', `arn:aws:iam::123456789012:user/${noise(1_900, seed)}`));

async function answered(world: World, operation: string, asked: { input: Input; keys?: Keys }): Promise<Called> {
  const answer = await call(world.app, 'rest', { operation, keys: asked.keys ?? world.root, input: asked.input });
  if (answer.code !== undefined) throw new Error(`${operation} was refused: ${answer.text}`);
  return answer;
}

const nothing = (input: Input) => (): Prepared => Promise.resolve({ input });
const asUser = (input: Input) => async (world: World): Prepared => ({ input, caller: await world.user('caller', allows('*')) });
const sessionOf = async (world: World): Promise<{ keys: Keys; user: Keys & { arn: string }; role: { arn: string } }> => {
  const user = await world.user('holder', allows('*'));
  const trust = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: user.arn }, Action: ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'] }] };
  const role = await world.role('held', trust, { policy: allows('*') });
  return { keys: await world.session(user, role), user, role };
};
const asSession = (input: Input) => async (world: World): Prepared => ({ input, caller: (await sessionOf(world)).keys });
/** A call of AssumeRole for a role that lets the caller pass whatever there is. */
const assuming = (more: Input) => async (world: World): Prepared => {
  const { user, role } = await sessionOf(world);
  return { input: { RoleArn: role.arn, RoleSessionName: 'job', ...more }, caller: user };
};
const ofSession = (more: Input = {}) => async (world: World): Prepared => {
  const { user, role } = await sessionOf(world);
  const { output } = await answered(world, 'AssumeRole', { keys: user, input: { RoleArn: role.arn, RoleSessionName: 'job' } });
  return { input: { SessionId: (output as { sessionId: string }).sessionId, ...more } };
};
const issuing = (input: Input) => async (world: World): Prepared => {
  await answered(world, 'EnableOutboundWebIdentityFederation', { input: {} });
  return asSession(input)(world);
};
const borrowing = (input: (account: string) => Input) => async (world: World): Prepared => {
  const home = world.app.root;
  const name = `manager-${world.root.account}`;
  await call(world.app, 'query', { operation: 'CreateUser', keys: home, input: { UserName: name } });
  await call(world.app, 'query', { operation: 'PutUserPolicy', keys: home, input: { UserName: name, PolicyName: 'own', PolicyDocument: JSON.stringify(allows('sts:AssumeRoot')) } });
  const { output } = await call(world.app, 'query', { operation: 'CreateAccessKey', keys: home, input: { UserName: name } });
  const { accessKey } = output as { accessKey: { accessKeyId: string; secretAccessKey: string } };
  return { input: input(world.root.account), caller: accessKey };
};

const roleSessions: Scenario[] = [
  { operation: 'AssumeRole', title: 'with everything that can be passed', expected: 'ok', prepare: assuming({ Policy: text, PolicyArns: READ_ONLY, Tags: [{ Key: 'team', Value: 'a' }], TransitiveTagKeys: ['team'], SourceIdentity: 'alice', MinimumSessionTokenSize: 2048 }) },
  { operation: 'AssumeRole', title: 'with a session policy that is none', expected: 'MalformedPolicyDocument', prepare: assuming({ Policy: '{}' }) },
  { operation: 'AssumeRole', title: 'with session tags that are too large', expected: 'PackedPolicyTooLarge', prepare: assuming({ Tags: manyTags }) },
  { operation: 'AssumeRole', title: 'with duplicate session tags', expected: 'InvalidParameterValue', prepare: assuming({ Tags: [{ Key: 'a', Value: '1' }, { Key: 'A', Value: '2' }] }) },
  { operation: 'AssumeRole', title: 'with a context of nobody known', expected: 'InvalidContextAssertion', prepare: assuming({ ProvidedContexts: [{ ProviderArn: 'arn:aws:iam::aws:contextProvider/IdentityCenter', ContextAssertion: 'xxxx' }] }) },
  { operation: 'AssumeRole', title: 'with a device but no code', expected: 'AccessDenied', prepare: assuming({ SerialNumber: 'arn:aws:iam::123456789012:mfa/alice' }) },
];

const otherSessions: Scenario[] = [
  { operation: 'GetSessionToken', title: 'by a user', expected: 'ok', prepare: asUser({ DurationSeconds: 900 }) },
  { operation: 'GetSessionToken', title: 'by root, for long', expected: 'ok', prepare: nothing({ DurationSeconds: 129_600 }) },
  { operation: 'GetSessionToken', title: 'with a session', expected: 'AccessDenied', prepare: asSession({}) },
  { operation: 'GetFederationToken', title: 'with a policy and tags', expected: 'ok', prepare: asUser({ Name: 'guest', Policy: text, Tags: [{ Key: 'team', Value: 'a' }] }) },
  { operation: 'GetFederationToken', title: 'by root, without a policy', expected: 'ok', prepare: nothing({ Name: 'guest' }) },
  { operation: 'GetFederationToken', title: 'with a policy that is none', expected: 'MalformedPolicyDocument', prepare: asUser({ Name: 'guest', Policy: '{}' }) },
  { operation: 'GetFederationToken', title: 'with tags that are too large', expected: 'PackedPolicyTooLarge', prepare: asUser({ Name: 'guest', Tags: manyTags }) },
  { operation: 'GetFederationToken', title: 'with duplicate tags', expected: 'InvalidParameterValue', prepare: asUser({ Name: 'guest', Tags: [{ Key: 'a', Value: '1' }, { Key: 'A', Value: '2' }] }) },
  { operation: 'GetScopedCredentials', title: 'with a policy', expected: 'ok', prepare: asSession({ Policy: text, DurationSeconds: 60, ScopedSessionDescription: 'step 1' }) },
  { operation: 'GetScopedCredentials', title: 'with a long-term key', expected: 'InvalidSubjectCredentials', prepare: asUser({ DurationSeconds: 60 }) },
  { operation: 'GetScopedCredentials', title: 'for longer than the session lasts', expected: 'InsufficientSessionLifetime', prepare: asSession({ DurationSeconds: 3601 }) },
  { operation: 'GetScopedCredentials', title: 'with a policy that is none', expected: 'MalformedPolicyDocument', prepare: asSession({ Policy: '{}' }) },
  { operation: 'GetScopedCredentials', title: 'until the token is too large', expected: 'PackedPolicyTooLarge', prepare: async (world) => {
    const { user, role } = await sessionOf(world);
    const { output } = await answered(world, 'AssumeRole', { keys: user, input: { RoleArn: role.arn, RoleSessionName: 'job', Policy: noisy('first') } });
    const once = await answered(world, 'GetScopedCredentials', { keys: (output as { credentials: Keys }).credentials, input: { Policy: noisy('second') } });
    return { input: { Policy: noisy('third') }, caller: (once.output as { credentials: Keys }).credentials };
  } },
  { operation: 'GetScopedCredentials', title: 'with nothing', expected: 'ValidationError', prepare: asSession({}) },
  { operation: 'AssumeRoot', title: 'of a member account', expected: 'ok', prepare: borrowing((account) => ({ TargetPrincipal: account, TaskPolicyArn: AUDIT_TASK })) },
  { operation: 'AssumeRoot', title: 'of an account that does not exist', expected: 'AccessDenied', prepare: borrowing(() => ({ TargetPrincipal: '000000000001', TaskPolicyArn: AUDIT_TASK })) },
  { operation: 'AssumeRoot', title: 'for a task that is none', expected: 'ValidationError', prepare: borrowing((account) => ({ TargetPrincipal: account, TaskPolicyArn: READ_ONLY[0] })) },
  { operation: 'GetDelegatedAccessToken', title: 'for a token of nobody', expected: 'ExpiredTradeInTokenException', prepare: nothing({ TradeInToken: 'token' }) },
];

const tokens: Scenario[] = [
  { operation: 'EnableOutboundWebIdentityFederation', title: 'for the first time', expected: 'ok', prepare: nothing({}) },
  { operation: 'EnableOutboundWebIdentityFederation', title: 'twice', expected: 'FeatureEnabled', prepare: async (world) => {
    await answered(world, 'EnableOutboundWebIdentityFederation', { input: {} });
    return { input: {} };
  } },
  { operation: 'DisableOutboundWebIdentityFederation', title: 'after it was enabled', expected: 'ok', prepare: async (world) => {
    await answered(world, 'EnableOutboundWebIdentityFederation', { input: {} });
    return { input: {} };
  } },
  { operation: 'DisableOutboundWebIdentityFederation', title: 'before', expected: 'FeatureDisabled', prepare: nothing({}) },
  { operation: 'GetOutboundWebIdentityFederationInfo', title: 'after it was enabled', expected: 'ok', prepare: async (world) => {
    await answered(world, 'EnableOutboundWebIdentityFederation', { input: {} });
    return { input: {} };
  } },
  { operation: 'GetOutboundWebIdentityFederationInfo', title: 'before', expected: 'FeatureDisabled', prepare: nothing({}) },
  { operation: 'GetWebIdentityToken', title: 'for an audience', expected: 'ok', prepare: issuing({ Audience: ['https://verifier.example'], SigningAlgorithm: 'ES384', Tags: [{ Key: 'a', Value: 'b' }] }) },
  { operation: 'GetWebIdentityToken', title: 'of an account that does not issue', expected: 'OutboundWebIdentityFederationDisabledException', prepare: asUser({ Audience: ['a'], SigningAlgorithm: 'ES384' }) },
  { operation: 'GetWebIdentityToken', title: 'with a scope for two audiences', expected: 'InvalidParameterValue', prepare: issuing({ Audience: ['a', 'b'], SigningAlgorithm: 'ES384', Scope: 'x', SubjectMode: 'OriginIdentity' }) },
  { operation: 'GetWebIdentityToken', title: 'with many tags', expected: 'JWTPayloadSizeExceededException', prepare: issuing({ Audience: ['a'], SigningAlgorithm: 'ES384', Tags: manyTags }) },
  { operation: 'GetWebIdentityToken', title: 'that outlives the session', expected: 'SessionDurationEscalationException', prepare: async (world) => {
    await answered(world, 'EnableOutboundWebIdentityFederation', { input: {} });
    const { keys } = await sessionOf(world);
    const { output } = await answered(world, 'GetScopedCredentials', { keys, input: { DurationSeconds: 60 } });
    return { input: { Audience: ['a'], SigningAlgorithm: 'ES384', DurationSeconds: 61 }, caller: (output as { credentials: Keys }).credentials };
  } },
];

const seen: Scenario[] = [
  { operation: 'ListSessions', title: 'of the account', expected: 'ok', prepare: async (world) => ({ input: { Kind: 'assumed-role', Status: 'active', RoleArn: (await sessionOf(world)).role.arn } }) },
  { operation: 'ListSessions', title: 'of a principal abroad', expected: 'ValidationError', prepare: nothing({ PrincipalArn: 'arn:aws:iam::000000000001:user/alice' }) },
  { operation: 'GetSession', title: 'that was issued', expected: 'ok', prepare: ofSession() },
  { operation: 'GetSession', title: 'that never was', expected: 'NoSuchEntity', prepare: nothing({ SessionId: unknownId }) },
  { operation: 'RevokeSession', title: 'that was issued', expected: 'ok', prepare: ofSession() },
  { operation: 'RevokeSession', title: 'that never was', expected: 'NoSuchEntity', prepare: nothing({ SessionId: unknownId }) },
  { operation: 'RevokeSessions', title: 'of a role', expected: 'ok', prepare: async (world) => ({ input: { RoleArn: (await sessionOf(world)).role.arn, IssuedBefore: '2026-11-25T10:00:00Z' } }) },
  { operation: 'RevokeSessions', title: 'of a user', expected: 'ok', prepare: async (world) => ({ input: { PrincipalArn: (await sessionOf(world)).user.arn } }) },
  { operation: 'RevokeSessions', title: 'of nobody', expected: 'NoSuchEntity', prepare: (world) => Promise.resolve({ input: { PrincipalArn: `arn:aws:iam::${world.root.account}:user/nobody` } }) },
  { operation: 'RevokeSessions', title: 'of two at once', expected: 'ValidationError', prepare: async (world) => ({ input: { RoleArn: (await sessionOf(world)).role.arn, RootSessionId: unknownId } }) },
  { operation: 'WhoIs', title: 'of a session', expected: 'ok', prepare: async (world) => ({ input: { AccessKeyId: (await sessionOf(world)).keys.accessKeyId } }) },
  { operation: 'WhoIs', title: 'of a user’s key', expected: 'ok', prepare: async (world) => ({ input: { AccessKeyId: (await world.user('alice')).accessKeyId } }) },
  { operation: 'WhoIs', title: 'of nothing known', expected: 'NoSuchEntity', prepare: nothing({ TokenSha256: '0'.repeat(64) }) },
];

/** Sessions of every kind, tokens, and what is seen of them. */
export const sessionScenarios: readonly Scenario[] = [...roleSessions, ...otherSessions, ...tokens, ...seen];
