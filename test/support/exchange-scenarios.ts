import { PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { GetScopedCredentialsCommand } from '@aws-sdk/client-sts';

import type { Keys } from './app.js';
import type { Input } from './calls.js';
import { CREDENTIALS, ID_TOKEN, JWT, OAuth } from './oauth.js';
import type { Scenario } from './scenarios.js';
import { noise } from './sessions.js';
import { withToken } from './web-identity-scenarios.js';
import { allows, keysOf, together, trusts, type World } from './world.js';

type Prepared = Promise<{ input: Input; caller?: Keys }>;

const everything = allows('*');
const manyTags = (): Input => Object.fromEntries(Array.from({ length: 45 }, (_, index) => [`k${String(index)}`, [noise(200, String(index))]]));

/** A call with a token of an identity provider; it is good unless it is said how it is not. */
const exchanging = (more: Input = {}, claims: Input = {}, actions?: string[]) => async (world: World): Prepared => {
  const { RoleArn, WebIdentityToken } = (await withToken(world, { claims })).input;
  if (actions !== undefined) await world.app.iam(world.root).send(new PutRolePolicyCommand({ RoleName: 'federated', PolicyName: 'own', PolicyDocument: JSON.stringify(allows(actions)) }));
  return { input: { SubjectToken: WebIdentityToken, SubjectTokenType: ID_TOKEN, RoleArn, RequestedTokenType: CREDENTIALS, ...more } };
};
/** A call by a session that the role trusts. */
const bySession = (more: Input = {}, issuing = false) => async (world: World): Prepared => {
  const user = await world.user('holder', everything);
  const held = await world.role('held', trusts(user.arn), { policy: everything });
  const target = await world.role('target', trusts(held.arn), { policy: everything });
  if (issuing) await new OAuth(world.app).enable(world);
  return { input: { RoleArn: target.arn, RequestedTokenType: CREDENTIALS, ...more }, caller: await world.session(user, held) };
};
/** A role whose tags are more than a JWT can say, and a session that it trusts. */
async function withLongTags(world: World): Promise<{ input: Input; caller: Keys }> {
  await new OAuth(world.app).enable(world);
  const user = await world.user('holder', everything);
  const tags = Array.from({ length: 50 }, (_, index) => ({ Key: `k${String(index)}`, Value: 'x'.repeat(100) }));
  const held = await world.role('held', trusts(user.arn), { policy: everything });
  const target = await world.role('target', trusts(held.arn), { policy: everything, tags });
  return { input: { RoleArn: target.arn }, caller: await world.session(user, held) };
}
/** An actor for whom an identity provider of the account vouches. */
const withActor = (claims: Input, url?: string) => async (world: World): Prepared => {
  const { input, caller } = await bySession()(world);
  const { WebIdentityToken } = (await withToken(world, { claims, ...(url !== undefined && { url }) })).input;
  return { input: { ...input, ActorToken: WebIdentityToken, ActorTokenType: ID_TOKEN }, ...(caller && { caller }) };
};
/** A session of a user, for which another user acts. */
async function acting(world: World): Promise<{ input: Input; caller: Keys }> {
  const oauth = new OAuth(world.app);
  await oauth.enable(world);
  const [user, agent] = [await world.user('holder', everything), await world.user('agent', everything)];
  const held = await world.role('held', trusts(user.arn), { policy: everything });
  const target = await world.role('target', together(trusts(held.arn), trusts(agent.arn, undefined, 'sts:SetContext')), { policy: everything });
  return { input: { RoleArn: target.arn, RequestedTokenType: CREDENTIALS, ActorToken: await oauth.jwt(agent), ActorTokenType: JWT }, caller: await world.session(user, held) };
}
/** A session that was narrowed by as much as there can be, and a scope that is one thing too many. */
async function withMuch(world: World): Promise<{ input: Input; caller: Keys }> {
  const { input, caller = world.root } = await bySession()(world);
  let keys = caller;
  for (const seed of ['a', 'b', 'c']) {
    const Policy = JSON.stringify(together(everything, allows('iam:GetUser', `arn:aws:iam::123456789012:user/${noise(1_700, seed)}`)));
    keys = keysOf((await world.app.sts(keys).send(new GetScopedCredentialsCommand({ Policy }))).Credentials);
  }
  const Scope = Array.from({ length: 7 }, (_, index) => `iam:${noise(128, String(index)).replace(/[-_]/g, 'x')}`).join(' ');
  return { input: { ...input, Scope }, caller: keys };
}
const withJwt = async (world: World): Prepared => {
  const oauth = new OAuth(world.app);
  await oauth.enable(world);
  const user = await world.user('holder', everything);
  const { arn } = await world.role('held', trusts(user.arn), { policy: everything });
  return { input: { SubjectToken: await oauth.jwt(user), SubjectTokenType: JWT, RoleArn: arn, Scope: 'sts:*' } };
};
const ofToken = async (world: World): Prepared => {
  const user = await world.user('holder', everything);
  const role = await world.role('held', trusts(user.arn), { policy: everything });
  return { input: { Token: (await world.session(user, role)).sessionToken, TokenTypeHint: 'access_token' } };
};
/** A JWT that was obtained with a long-term key, by its owner. */
const ofKey = (audience: (oauth: OAuth) => string) => async (world: World): Prepared => {
  const oauth = new OAuth(world.app);
  await oauth.enable(world);
  const user = await world.user('holder', allows(['sts:GetWebIdentityToken', 'stint:IntrospectToken']));
  return { input: { Token: await oauth.jwt(user, { Audience: [audience(oauth)] }) }, caller: user };
};
const forExchange = ofKey(({ endpoint }) => endpoint);
const forOthers = ofKey(() => 'https://api.example');
const unknown = (): Prepared => Promise.resolve({ input: { Token: 'unknown' } });
const stranger = (prepare: (world: World) => Prepared) => async (world: World): Prepared => ({ ...(await prepare(world)), caller: await world.user('stranger') });

/** What every face must agree on about the exchange of tokens. */
export const exchangeScenarios: readonly Scenario[] = [
  { operation: 'ExchangeToken', title: 'of an identity provider', expected: 'ok', prepare: exchanging() },
  { operation: 'ExchangeToken', title: 'of this service', expected: 'ok', prepare: withJwt },
  { operation: 'ExchangeToken', title: 'for a role that is not there', expected: 'AccessDenied', prepare: async (world) => {
    const { input } = await exchanging()(world);
    return { input: { ...input, RoleArn: `arn:aws:iam::${world.root.account}:role/nowhere` } };
  } },
  { operation: 'ExchangeToken', title: 'that has expired', expected: 'ExpiredTokenException', prepare: exchanging({}, { exp: 1 }) },
  { operation: 'ExchangeToken', title: 'for somebody else', expected: 'InvalidIdentityToken', prepare: exchanging({}, { aud: 'other' }) },
  { operation: 'ExchangeToken', title: 'of a provider that is away', expected: 'IDPCommunicationError', prepare: async (world) => {
    const { input } = await withToken(world, { url: 'https://localhost:1' });
    return { input: { SubjectToken: input['WebIdentityToken'], SubjectTokenType: ID_TOKEN, RoleArn: input['RoleArn'] } };
  } },
  { operation: 'ExchangeToken', title: 'with a scope that is none', expected: 'InvalidScope', prepare: exchanging({ Scope: 'a:b:c' }) },
  { operation: 'ExchangeToken', title: 'with more tags than fit', expected: 'PackedPolicyTooLarge', prepare: exchanging({}, { 'https://aws.amazon.com/tags': { principal_tags: manyTags() } }) },
  { operation: 'ExchangeToken', title: 'for a JWT of a role with many tags', expected: 'JWTPayloadSizeExceededException', prepare: async (world) => {
    const { input, caller } = await withLongTags(world);
    return { input: { SubjectToken: await new OAuth(world.app).jwt(caller), SubjectTokenType: JWT, ...input } };
  } },
  { operation: 'ExchangeToken', title: 'for a JWT of an account that issues none', expected: 'OutboundWebIdentityFederationDisabledException', prepare: exchanging({ RequestedTokenType: JWT }, {}, ['iam:GetUser', 'sts:*']) },
  { operation: 'ExchangeToken', title: 'for credentials of an audience', expected: 'InvalidTarget', prepare: exchanging({ Audience: 'https://api.example' }) },
  { operation: 'ExchangeToken', title: 'with an actor of no type', expected: 'ValidationError', prepare: exchanging({ ActorToken: 'none' }) },
  { operation: 'ExchangeToken', title: 'for a token of an account that issues none', expected: 'AccessDenied', prepare: exchanging({ RequestedTokenType: JWT }) },
  { operation: 'ExchangeSession', title: 'for credentials', expected: 'ok', prepare: bySession() },
  { operation: 'ExchangeSession', title: 'for a token', expected: 'ok', prepare: bySession({ RequestedTokenType: JWT, Audience: 'https://api.example' }, true) },
  { operation: 'ExchangeSession', title: 'for a token of an account that issues none', expected: 'OutboundWebIdentityFederationDisabledException', prepare: bySession({ RequestedTokenType: JWT }) },
  { operation: 'ExchangeSession', title: 'for a JWT of a role with many tags', expected: 'JWTPayloadSizeExceededException', prepare: withLongTags },
  { operation: 'ExchangeSession', title: 'with more than fits', expected: 'PackedPolicyTooLarge', prepare: withMuch },
  { operation: 'ExchangeSession', title: 'with a scope that is none', expected: 'InvalidScope', prepare: bySession({ Scope: 'a:b:c' }) },
  { operation: 'ExchangeSession', title: 'for credentials of an audience', expected: 'InvalidTarget', prepare: bySession({ Audience: 'https://api.example' }) },
  { operation: 'ExchangeSession', title: 'with an actor who is late', expected: 'ExpiredTokenException', prepare: withActor({ exp: 1 }) },
  { operation: 'ExchangeSession', title: 'with an actor of a provider that is away', expected: 'IDPCommunicationError', prepare: withActor({}, 'https://localhost:1') },
  { operation: 'ExchangeSession', title: 'that is none', expected: 'InvalidSubjectCredentials', prepare: async (world) => ({ ...(await bySession()(world)), caller: world.root }) },
  { operation: 'ExchangeSession', title: 'for another role', expected: 'AccessDenied', prepare: async (world) => {
    const prepared = await bySession()(world);
    return { ...prepared, input: { ...prepared.input, RoleArn: (await world.role('closed', trusts({ Service: 'ec2.amazonaws.com' }))).arn } };
  } },
  { operation: 'ExchangeSession', title: 'with an actor who is nobody', expected: 'InvalidIdentityToken', prepare: bySession({ ActorToken: 'none', ActorTokenType: JWT }) },
  { operation: 'IntrospectToken', title: 'of a session', expected: 'ok', prepare: ofToken },
  { operation: 'IntrospectToken', title: 'of a long-term key', expected: 'ok', prepare: forExchange },
  { operation: 'IntrospectToken', title: 'of a long-term key, for others', expected: 'ok', prepare: forOthers },
  { operation: 'RevokeToken', title: 'of a long-term key, by who obtained it', expected: 'ok', prepare: forExchange },
  { operation: 'RevokeToken', title: 'of a long-term key, for others', expected: 'ok', prepare: forOthers },
  { operation: 'RevokeToken', title: 'of a long-term key, by a stranger', expected: 'AccessDenied', prepare: stranger(forOthers) },
  { operation: 'ExchangeSession', title: 'with an actor', expected: 'ok', prepare: acting },
  { operation: 'ExchangeSession', title: 'with an actor for whom somebody acts', expected: 'InvalidIdentityToken', prepare: async (world) => {
    const { input, caller } = await acting(world);
    const oauth = new OAuth(world.app);
    const acted = await oauth.credentials({ resource: String(input['RoleArn']), actor_token: String(input['ActorToken']), actor_token_type: JWT }, caller);
    return { input: { ...input, ActorToken: await oauth.jwt(acted) }, caller };
  } },
  { operation: 'IntrospectToken', title: 'that is none', expected: 'ok', prepare: unknown },
  { operation: 'IntrospectToken', title: 'by a stranger', expected: 'AccessDenied', prepare: stranger(ofToken) },
  { operation: 'RevokeToken', title: 'of a session', expected: 'ok', prepare: ofToken },
  { operation: 'RevokeToken', title: 'by a stranger', expected: 'AccessDenied', prepare: stranger(ofToken) },
  { operation: 'RevokeToken', title: 'that is none, by a stranger', expected: 'AccessDenied', prepare: stranger(unknown) },
];
