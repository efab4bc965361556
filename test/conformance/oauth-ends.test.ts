import { CreateAccessKeyCommand, CreateOpenIDConnectProviderCommand, DeleteAccessKeyCommand, DeleteOpenIDConnectProviderCommand, DeleteUserCommand, DeleteUserPolicyCommand, UpdateAccessKeyCommand } from '@aws-sdk/client-iam';
import { GetScopedCredentialsCommand } from '@aws-sdk/client-sts';
import { decodeJwt } from 'jose';

import { TestApp, type Keys } from '../support/app.js';
import { effectOf } from '../support/calls.js';
import type { TestIdp } from '../support/idp.js';
import { ID_TOKEN, JWT, OAuth, type OAuthAnswer } from '../support/oauth.js';
import { asksToEnd, ended, sessionIdOf, shown, standings } from '../support/revoking.js';
import { Sessions, type TemporaryKeys } from '../support/sessions.js';
import { allows, keysOf, together, trusts, World, type Role, type User } from '../support/world.js';

let app: TestApp;
let world: World;
let oauth: OAuth;
let sessions: Sessions;
let idp: TestIdp;
let provider: string;
let count = 0;

const fresh = (): string => `name-${String((count += 1))}`;
const API = ['https://api.example'];
const user = (): Promise<User> => world.user(fresh(), allows('sts:*'));
const active = async (token: string): Promise<unknown> => (await oauth.introspect(token, world.root)).body['active'];
const inactive = { status: 200, body: { active: false } };
async function removed({ name, accessKeyId }: User): Promise<void> {
  const iam = app.iam(world.root);
  await iam.send(new DeleteAccessKeyCommand({ UserName: name, AccessKeyId: accessKeyId }));
  await iam.send(new DeleteUserPolicyCommand({ UserName: name, PolicyName: 'own' }));
  await iam.send(new DeleteUserCommand({ UserName: name }));
}
const idOf = (jwt: string): string => String(decodeJwt(jwt).jti);

beforeAll(async () => {
  app = await TestApp.boot();
  world = await new World(app).account('ending');
  oauth = new OAuth(app);
  sessions = new Sessions(app);
  idp = await app.idp();
  const { OpenIDConnectProviderArn } = await app.iam(world.root).send(new CreateOpenIDConnectProviderCommand({ Url: idp.issuer, ClientIDList: ['stint'], ThumbprintList: [idp.thumbprint] }));
  provider = OpenIDConnectProviderArn ?? '';
  await oauth.enable(world);
});
afterAll(() => app.close());
// What is ended "until now" is ended for a second more.
afterEach(() => { app.clock.advance(2); });

/** Asserts that an exchange is refused because a token is over, that nothing was written, and that it is recorded as its subject's. */
async function expectOver(send: () => Promise<OAuthAnswer>): Promise<void> {
  const { result, added, removed, events } = await effectOf(app, send);
  expect({ status: result.status, body: result.body }).toEqual({ status: 400, body: { error: 'invalid_request', error_description: 'The token was revoked, or the session that it belongs to is over.' } });
  expect({ added, removed }).toEqual({ added: [], removed: [] });
  expect(events.map(({ event_name, outcome, error_code }) => [event_name, outcome, error_code])).toEqual([['ExchangeToken', 'refused', 'InvalidIdentityToken']]);
}

describe('a JWT that was obtained with a long-term key', () => {
  const forWhom: [what: string, Audience: () => string[]][] = [['the token endpoint', () => [oauth.endpoint]], ['others', () => API], ['both', () => [oauth.endpoint, ...API]]];

  it.each(forWhom)('for %s is good as long as the key is active', async (_, audience) => {
    const alice = await user();
    const jwt = await oauth.jwt(alice, { Audience: audience() });
    const status = (Status: 'Active' | 'Inactive') => app.iam(world.root).send(new UpdateAccessKeyCommand({ UserName: alice.name, AccessKeyId: alice.accessKeyId, Status }));
    expect(await active(jwt)).toBe(true);
    await status('Inactive');
    expect(await oauth.introspect(jwt, world.root)).toMatchObject(inactive);
    await status('Active');
    expect(await active(jwt)).toBe(true);
    await app.iam(world.root).send(new CreateAccessKeyCommand({ UserName: alice.name }));
    await app.iam(world.root).send(new DeleteAccessKeyCommand({ UserName: alice.name, AccessKeyId: alice.accessKeyId }));
    expect(await oauth.introspect(jwt, world.root)).toMatchObject(inactive);
  });

  it.each(forWhom)('for %s is not good for another user of the same name', async (_, audience) => {
    const alice = await user();
    const jwt = await oauth.jwt(alice, { Audience: audience() });
    await removed(alice);
    expect(await oauth.introspect(jwt, world.root)).toMatchObject(inactive);
    const again = await world.user(alice.name, allows('sts:*'));
    expect(await oauth.introspect(jwt, world.root)).toMatchObject(inactive);
    // Nor his to end.
    expect(await oauth.revoke(jwt, again)).toMatchObject({ status: 403, body: { error: 'unauthorized_client' } });
  });

  it.each(forWhom)('for %s is ended by whoever obtained it, without a policy, once and for all', async (_, audience) => {
    const alice = await user();
    const [jwt, other] = [await oauth.jwt(alice, { Audience: audience() }), await oauth.jwt(alice, { Audience: audience() })];
    const { result, added, events } = await effectOf(app, () => oauth.revoke(jwt, alice));
    expect({ status: result.status, text: result.text }).toEqual({ status: 200, text: '' });
    expect(added).toHaveLength(1);
    expect(added[0]).toContain(`"subject":"${idOf(jwt)}"`);
    expect(events.map(({ event_name, outcome }) => [event_name, outcome])).toEqual([['RevokeToken', 'success']]);
    expect(events[0]?.record).toMatchObject({ additionalEventData: { revokedTokenId: idOf(jwt) } });
    expect([await active(jwt), await active(other)]).toEqual([false, true]);
    const again = await effectOf(app, () => oauth.revoke(jwt, alice));
    expect([again.result.status, again.added]).toEqual([200, []]);
    // It is not even given back by its key.
    await app.iam(world.root).send(new UpdateAccessKeyCommand({ UserName: alice.name, AccessKeyId: alice.accessKeyId, Status: 'Active' }));
    expect(await active(jwt)).toBe(false);
  });

  it('is ended by the other keys of who obtained it, but not by his sessions, which may be narrowed', async () => {
    const alice = await user();
    const { AccessKey } = await app.iam(world.root).send(new CreateAccessKeyCommand({ UserName: alice.name }));
    const narrowed = await sessions.assumed(alice, await world.role(fresh(), trusts(alice.arn), { policy: allows('sts:*') }));
    const jwt = await oauth.jwt(alice);
    expect(await oauth.revoke(jwt, narrowed)).toMatchObject({ status: 403, body: { error: 'unauthorized_client' } });
    expect(await active(jwt)).toBe(true);
    expect(await oauth.revoke(jwt, { accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' })).toMatchObject({ status: 200 });
    expect(await active(jwt)).toBe(false);
  });

  it('is ended by others only where a policy lets them end a session of its id, or any', async () => {
    const alice = await user();
    const [jwt, second] = [await oauth.jwt(alice), await oauth.jwt(alice)];
    const bob = await world.user(fresh(), allows('stint:RevokeSession', `arn:aws:stint::${world.root.account}:session/${idOf(jwt)}`));
    const { result, added, events } = await effectOf(app, () => oauth.revoke(second, bob));
    expect(result).toMatchObject({ status: 403, body: { error: 'unauthorized_client' } });
    expect({ added: added.filter((row) => row.startsWith('session_revocation')), outcomes: events.map(({ event_name, outcome, error_code }) => [event_name, outcome, error_code]) }).toEqual({ added: [], outcomes: [['RevokeToken', 'refused', 'AccessDenied']] });
    expect(await oauth.revoke(jwt, bob)).toMatchObject({ status: 200 });
    expect([await active(jwt), await active(second)]).toEqual([false, true]);
    const carol = await world.user(fresh(), allows('stint:RevokeSession'));
    expect(await oauth.revoke(second, carol)).toMatchObject({ status: 200 });
    expect(await active(second)).toBe(false);
  });

  it('is ended with all that somebody obtained, and one that he obtains in the next moment is not', async () => {
    const alice = await user();
    const [jwt, unrelated] = [await oauth.jwt(alice), await oauth.jwt(await user())];
    const role = await world.role(fresh(), trusts(alice.arn));
    await ended(app, { PrincipalArn: alice.arn }, world.root);
    expect([await active(jwt), await active(unrelated)]).toEqual([false, true]);
    await expectOver(() => oauth.exchange({ subject_token: jwt, resource: role.arn }));
    app.clock.advance(0.001);
    const next = await oauth.jwt(alice);
    expect(await active(next)).toBe(true);
    expect(await standings(app, await oauth.credentials({ subject_token: next, resource: role.arn }))).toEqual(['alive']);
  });

  it('ends with it what it was exchanged for, whatever came of that, and is exchanged no more', async () => {
    const alice = await user();
    const first = await world.role(fresh(), trusts(alice.arn), { policy: allows('sts:*') });
    const second = await world.role(fresh(), trusts(first.arn), { policy: allows('sts:*') });
    const [subject_token, other] = [await oauth.jwt(alice), await oauth.jwt(alice)];
    const keys = await oauth.credentials({ subject_token, resource: first.arn });
    const untouched = await oauth.credentials({ subject_token: other, resource: first.arn });
    const chained = await sessions.assumed(keys, second);
    const access = await oauth.token({ subject_token, resource: first.arn });
    const again = await oauth.credentials({ subject_token: access, resource: second.arn });
    const forOthers = await oauth.jwt(keys, { Audience: API, DurationSeconds: 600 });
    expect((await oauth.revoke(subject_token, alice)).status).toBe(200);
    expect(await standings(app, keys, chained, again, untouched)).toEqual(['ExpiredToken', 'ExpiredToken', 'ExpiredToken', 'alive']);
    for (const token of [subject_token, access, forOthers, keys.sessionToken]) expect(await active(token)).toBe(false);
    expect(await active(other)).toBe(true);
    expect(await shown(app, chained, world.root)).toMatchObject({ status: 'revoked' });
    await expectOver(() => oauth.exchange({ subject_token, resource: first.arn }));
    await expectOver(() => oauth.exchange({ subject_token: access, resource: second.arn }));
  });

  it('of the root user is one as well', async () => {
    const jwt = await oauth.jwt(world.root, { Audience: API });
    expect(await active(jwt)).toBe(true);
    expect((await oauth.revoke(jwt, world.root)).status).toBe(200);
    expect(await active(jwt)).toBe(false);
  });

  it('does not last longer because it was revoked, and what ended it is forgotten in the end', async () => {
    const alice = await user();
    const jwt = await oauth.jwt(alice, { DurationSeconds: 60 });
    await oauth.revoke(jwt, alice);
    const [row] = await app.sql<{ live_until: Date }>('SELECT live_until FROM session_revocation WHERE subject = $1', [idOf(jwt)]);
    // What was obtained with what it was exchanged for may live as long as any session.
    expect(row?.live_until.getTime()).toBe(app.clock.now().getTime() + 129_601_000);
  });
});

describe('a session in which somebody acts', () => {
  interface Lent {
    readonly alice: User;
    readonly agent: User;
    readonly agentRole: Role;
    /** The sessions through which the agent came, the last of which acts. */
    readonly came: readonly [TemporaryKeys, TemporaryKeys];
    readonly subjectToken: string;
    readonly actorToken: string;
    /** What came of it. */
    readonly keys: readonly TemporaryKeys[];
    readonly tokens: readonly string[];
    /** What alice and the agent obtained beside it. */
    readonly beside: readonly TemporaryKeys[];
  }

  /** An agent acts for alice, either by a long-term key or in the second session of a chain. */
  async function lent(through: 'key' | 'session'): Promise<Lent> {
    const [alice, agent] = [await user(), await user()];
    const gate = await world.role(fresh(), trusts(agent.arn), { policy: allows('sts:*') });
    const agentRole = await world.role(fresh(), trusts(gate.arn), { policy: allows('sts:*') });
    const work = await world.role(fresh(), together(trusts(alice.arn), trusts([agent.arn, agentRole.arn], undefined, 'sts:SetContext')), { policy: allows('sts:*') });
    const next = await world.role(fresh(), trusts(work.arn), { policy: allows('sts:*') });
    const entered = await sessions.assumed(agent, gate);
    const came = [entered, await sessions.assumed(entered, agentRole)] as const;
    const subjectToken = await oauth.jwt(alice);
    const actorToken = await oauth.jwt(through === 'key' ? agent : came[1]);
    const form = { subject_token: subjectToken, resource: work.arn, actor_token: actorToken, actor_token_type: JWT };
    const keys = await oauth.credentials(form);
    const chained = await sessions.assumed(keys, next);
    const scoped = keysOf((await app.sts(chained).send(new GetScopedCredentialsCommand({ DurationSeconds: 900 }))).Credentials);
    const access = await oauth.token(form);
    const exchanged = await oauth.credentials({ subject_token: access, resource: next.arn });
    return {
      alice, agent, agentRole, came, subjectToken, actorToken,
      keys: [keys, chained, scoped, exchanged],
      tokens: [access, await oauth.jwt(chained, { Audience: API, DurationSeconds: 600 })],
      beside: [await oauth.credentials({ subject_token: await oauth.jwt(alice), resource: work.arn }), await sessions.assumed(agent, gate)],
    };
  }

  type End = (at: Lent) => Promise<unknown>;
  const token = (of: (at: Lent) => string): End => async (at) => { expect((await oauth.revoke(of(at), world.root)).status).toBe(200); };
  /** Five sessions come of it: with those of both JWTs that were exchanged. */
  const says = (input: (at: Lent) => object | Promise<object>, number: number): End => async (at) => { expect(await ended(app, (await input(at)) as never, world.root)).toBe(number); };
  const one = (which: 0 | 1) => async ({ came }: Lent): Promise<object> => ({ SessionId: await sessionIdOf(app, came[which]) });
  const cases: [what: string, through: 'key' | 'session', end: End, besideEnds: readonly [boolean, boolean]][] = [
    ['the token of the subject', 'key', token(({ subjectToken }) => subjectToken), [false, false]],
    ['the token of the actor', 'key', token(({ actorToken }) => actorToken), [false, false]],
    ['the token of an actor, and with it his session', 'session', token(({ actorToken }) => actorToken), [false, false]],
    ['the session of the actor', 'session', says(one(1), 6), [false, false]],
    ['the session that the actor came through', 'session', says(one(0), 7), [false, false]],
    ['the chain of the actor', 'session', says(async ({ came }) => ({ RootSessionId: await sessionIdOf(app, came[0]) }), 7), [false, false]],
    ['the role of the actor', 'session', says(({ agentRole }) => ({ RoleArn: agentRole.arn }), 6), [false, false]],
    ['what the role of the actor obtained', 'session', says(({ agentRole }) => ({ PrincipalArn: agentRole.arn }), 5), [false, false]],
    ['what the agent obtained, with a key', 'key', says(({ agent }) => ({ PrincipalArn: agent.arn }), 8), [false, true]],
    ['what the agent obtained, in sessions', 'session', says(({ agent }) => ({ PrincipalArn: agent.arn }), 8), [false, true]],
    ['what the subject obtained', 'key', says(({ alice }) => ({ PrincipalArn: alice.arn }), 6), [true, false]],
  ];

  it.each(cases)('ends, with all that came of it, with %s (by %s)', async (_, through, end, besideEnds) => {
    const at = await lent(through);
    expect(await standings(app, ...at.keys, ...at.beside)).toEqual(Array.from({ length: 6 }, () => 'alive'));
    for (const each of at.tokens) expect(await active(each)).toBe(true);
    await end(at);
    expect(await standings(app, ...at.keys)).toEqual(at.keys.map(() => 'ExpiredToken'));
    for (const each of at.tokens) expect(await active(each)).toBe(false);
    for (const keys of at.keys) {
      expect(await active(keys.sessionToken)).toBe(false);
      expect(await shown(app, keys, world.root)).toMatchObject({ status: 'revoked' });
    }
    expect(await standings(app, ...at.beside)).toEqual(besideEnds.map((ends) => (ends ? 'ExpiredToken' : 'alive')));
  });

  it('is listed as one that the actor obtained', async () => {
    const { agent, keys } = await lent('session');
    const { body } = await app.rest(world.root, `GET /v1/sessions?principalArn=${encodeURIComponent(agent.arn)}`);
    const listed = (body as unknown as { sessions: { accessKeyId: string }[] }).sessions.map(({ accessKeyId }) => accessKeyId);
    expect(listed).toEqual(expect.arrayContaining(keys.map(({ accessKeyId }) => accessKeyId)));
  });

  it('is ended by the session that acts in it, and not by the subject’s others', async () => {
    const { came, keys, beside, tokens } = await lent('session');
    expect(await oauth.revoke(keys[0]?.sessionToken ?? '', beside[0] as Keys)).toMatchObject({ status: 403 });
    expect(await oauth.revoke(keys[0]?.sessionToken ?? '', came[1])).toMatchObject({ status: 200 });
    expect(await standings(app, keys[0] as Keys, keys[1] as Keys, came[1])).toEqual(['ExpiredToken', 'ExpiredToken', 'alive']);
    expect(await active(tokens[0] ?? '')).toBe(true);
  });

  it('ends with the identity provider that vouches for the actor', async () => {
    const alice = await user();
    const work = await world.role(fresh(), together(trusts(alice.arn), trusts({ Federated: provider }, { StringEquals: { [`${idp.name}:sub`]: 'agent-1' } }, 'sts:SetContext')), { policy: allows('sts:*') });
    const subject_token = await oauth.jwt(alice);
    const keys = await oauth.credentials({ subject_token, resource: work.arn, actor_token: await idp.token(app.clock.now(), { sub: 'agent-1' }), actor_token_type: ID_TOKEN });
    const direct = await oauth.credentials({ subject_token, resource: work.arn });
    const other = await oauth.credentials({ subject_token, resource: work.arn, actor_token: await idp.token(app.clock.now(), { sub: 'agent-1' }), actor_token_type: ID_TOKEN });
    // Either by who he is there, which is nobody else, although he never obtained a session as himself; or all at once.
    expect(await asksToEnd(app, { PrincipalArn: provider, Subject: 'agent-2' }, world.root)).toMatchObject({ code: 'NoSuchEntity' });
    expect(await ended(app, { PrincipalArn: provider, Subject: 'agent-1' }, world.root)).toBe(2);
    expect(await standings(app, keys, other, direct)).toEqual(['ExpiredToken', 'ExpiredToken', 'alive']);
    app.clock.advance(2);
    const later = await oauth.credentials({ subject_token, resource: work.arn, actor_token: await idp.token(app.clock.now(), { sub: 'agent-1' }), actor_token_type: ID_TOKEN });
    expect(await ended(app, { PrincipalArn: provider }, world.root)).toBe(3);
    expect(await standings(app, later, direct)).toEqual(['ExpiredToken', 'alive']);
  });

  it('ends with an actor who is gone, by the name that he had', async () => {
    const [alice, agent] = [await user(), await user()];
    const work = await world.role(fresh(), together(trusts(alice.arn), trusts(agent.arn, undefined, 'sts:SetContext')), { policy: allows('sts:*') });
    const subject_token = await oauth.jwt(alice);
    const keys = await oauth.credentials({ subject_token, resource: work.arn, actor_token: await oauth.jwt(agent), actor_token_type: JWT });
    const direct = await oauth.credentials({ subject_token, resource: work.arn });
    await removed(agent);
    // Whoever comes to have the name acts nowhere.
    await world.user(agent.name, allows('sts:*'));
    expect(await ended(app, { PrincipalArn: agent.arn }, world.root)).toBe(1);
    expect(await standings(app, keys, direct)).toEqual(['ExpiredToken', 'alive']);
  });

  it.each([
    ['for whom it vouched', { Subject: 'agent-1' }],
    ['whoever came by it', {}],
  ])('ends with an identity provider that is gone, %s, and that was made anew since', async (_, of) => {
    const own = await new World(app).account(fresh());
    await oauth.enable(own);
    const iam = app.iam(own.root);
    const registered = async (): Promise<string> => (await iam.send(new CreateOpenIDConnectProviderCommand({ Url: idp.issuer, ClientIDList: ['stint'], ThumbprintList: [idp.thumbprint] }))).OpenIDConnectProviderArn ?? '';
    const [alice, arn] = [await own.user(fresh(), allows('sts:*')), await registered()];
    const work = await own.role(fresh(), together(trusts(alice.arn), trusts({ Federated: arn }, { StringEquals: { [`${idp.name}:sub`]: 'agent-1' } }, 'sts:SetContext')), { policy: allows('sts:*') });
    const acted = async (): Promise<Keys> => oauth.credentials({ subject_token: await oauth.jwt(alice), resource: work.arn, actor_token: await idp.token(app.clock.now(), { sub: 'agent-1' }), actor_token_type: ID_TOKEN });
    const [first, second] = [await acted(), await acted()];
    await iam.send(new DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: arn }));
    expect(await asksToEnd(app, { PrincipalArn: arn, Subject: 'agent-2' }, own.root)).toMatchObject({ code: 'NoSuchEntity' });
    await registered();
    expect(await ended(app, { PrincipalArn: arn, ...of }, own.root)).toBe(2);
    expect(await standings(app, first, second)).toEqual(['ExpiredToken', 'ExpiredToken']);
  });

  it('ends with an actor of another account, which is told how many it sees, and not of others of his name', async () => {
    const abroad = await new World(app).account(fresh());
    await oauth.enable(abroad);
    const [alice, agent] = [await user(), await abroad.user('agent', allows('sts:*'))];
    const work = await world.role(fresh(), together(trusts(alice.arn), trusts(agent.arn, undefined, 'sts:SetContext')), { policy: allows('sts:*') });
    const keys = await oauth.credentials({ subject_token: await oauth.jwt(alice), resource: work.arn, actor_token: await oauth.jwt(agent), actor_token_type: JWT });
    const unrelated = await world.user('agent', allows('sts:*'));
    await ended(app, { PrincipalArn: unrelated.arn }, world.root);
    expect(await standings(app, keys)).toEqual(['alive']);
    expect(await ended(app, { PrincipalArn: agent.arn }, abroad.root)).toBe(0);
    expect(await standings(app, keys)).toEqual(['ExpiredToken']);
  });

  it('ends with each of four actors, each of whom came by a token of his own', async () => {
    const loop = await world.role(fresh(), { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: world.root.account }, Action: ['sts:AssumeRole', 'sts:SetContext'] }] }, { policy: allows('sts:*') });
    const resource = loop.arn;
    const begun: string[] = [await oauth.jwt(await user())];
    let keys: TemporaryKeys = await oauth.credentials({ subject_token: begun[0], resource });
    const before: TemporaryKeys[] = [];
    for (let index = 0; index < 4; index += 1) {
      const own = await oauth.jwt(await user());
      begun.push(own);
      before.push(keys);
      keys = await oauth.credentials({ resource, subject_token: await oauth.jwt(keys, { DurationSeconds: 900 }), actor_token: await oauth.token({ subject_token: own, resource }), actor_token_type: JWT });
    }
    const [row] = await app.sql<{ beside: unknown[] }>('SELECT beside FROM session WHERE access_key_id = $1', [keys.accessKeyId]);
    expect(row?.beside).toHaveLength(9);
    // From the last to the first: each ends what he has a part in, and nothing before.
    for (const index of [4, 3, 2, 1]) {
      await oauth.revoke(begun[index] ?? '', world.root);
      expect(await standings(app, ...before, keys)).toEqual([0, 1, 2, 3, 4].map((place) => (place < index ? 'alive' : 'ExpiredToken')));
    }
    await oauth.revoke(begun[0] ?? '', world.root);
    expect(await standings(app, ...before)).toEqual(before.map(() => 'ExpiredToken'));
  });

  it('cannot be had by an actor who is over, or for whom somebody acts', async () => {
    const { alice, came, actorToken, tokens } = await lent('session');
    const role = await world.role(fresh(), together(trusts(alice.arn), trusts(world.root.account, undefined, 'sts:SetContext')), { policy: allows('sts:*') });
    const form = { subject_token: await oauth.jwt(alice), resource: role.arn, actor_token_type: JWT };
    const { result, added, events } = await effectOf(app, () => oauth.exchange({ ...form, actor_token: tokens[0] }));
    expect(result).toMatchObject({ status: 400, body: { error: 'invalid_request', error_description: expect.stringMatching(/^The actor token says that somebody acts/) } });
    expect({ added, refused: events.map(({ event_name, outcome }) => [event_name, outcome]) }).toEqual({ added: [], refused: [['ExchangeToken', 'refused']] });
    await ended(app, { SessionId: await sessionIdOf(app, came[1]) }, world.root);
    await expectOver(() => oauth.exchange({ ...form, actor_token: actorToken }));
  });
});
