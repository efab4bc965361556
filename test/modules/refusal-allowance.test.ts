import { RefusalAllowance } from '../../src/kernel/refusals.js';
import { NOW, type AuditEvent, type Keys, type TestApp } from '../support/app.js';
import { Authenticator } from '../support/authenticator.js';
import { call, effectOf, expectRefused, expectUnrecorded, type Called, type Face, type Input, type Refusal } from '../support/calls.js';
import { FixedClock } from '../support/fakes.js';
import type { TestIdp } from '../support/idp.js';
import { CREDENTIALS, ID_TOKEN, JWT, OAuth, type OAuthAnswer } from '../support/oauth.js';
import { until } from '../support/outage.js';
import { SamlProvider } from '../support/saml-world.js';
import { person } from '../support/sign-in-scenarios.js';
import { WebIdentityWorld } from '../support/web-identity-world.js';
import { allows, trusts, type Role, type World } from '../support/world.js';

const DENIED = { code: 'AccessDenied', status: 403, message: 'Not authorized to perform sts:AssumeRoleWithWebIdentity' };
const THROTTLED: Readonly<Record<Face, Refusal & { message: string }>> = {
  query: { code: 'Throttling', status: 400, message: 'Rate exceeded' },
  rest: { code: 'Throttling', status: 429, message: 'Rate exceeded' },
};
const BURST = 20;
const DOOR_BURST = 200;
const WEB_IDENTITY = 'AssumeRoleWithWebIdentity';

let at: WebIdentityWorld;
let app: TestApp;
let idp: TestIdp;
let world: World;
/** A role that lets in whom the provider vouches for, and one that lets in nobody. */
let open: Role;
let closed: Role;
let people = 0;

beforeAll(async () => {
  at = await WebIdentityWorld.boot();
  ({ app, idp, world } = at);
  open = await at.role();
  closed = await at.role({ StringEquals: { [`${idp.name}:sub`]: 'nobody' } });
});
afterAll(() => at.close());
// Whatever a test took is there again.
beforeEach(() => app.clock.advance(3_600));

const someone = (): string => `repo:octo-org/${String((people += 1))}`;
const times = <T>(count: number, work: () => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: count }, work));
/** One after the other, as too many passwords at once are not looked at. */
async function inTurn(count: number, work: () => Promise<unknown>): Promise<void> {
  for (let done = 0; done < count; done += 1) await work();
}
const unrecordedIn = (event: AuditEvent | undefined): unknown => (event?.record['additionalEventData'] as Input | undefined)?.['unrecordedRefusals'];
const decisions = async (account = world.root.account): Promise<number> => (await app.sql('SELECT 1 FROM decision WHERE account_id = $1', [account])).length;

async function assume(sub: string, role: Role = closed, { face = 'query', claims = {}, more = {} }: { face?: Face; claims?: Input; more?: Input } = {}): Promise<Called> {
  const WebIdentityToken = await idp.token(app.clock.now(), { sub, ...claims });
  return call(app, face, { operation: WEB_IDENTITY, keys: world.root, input: { RoleArn: role.arn, RoleSessionName: 'ci', WebIdentityToken, ...more } });
}
/** Has a subject refused as often as is recorded. */
async function exhausted(sub: string): Promise<void> {
  const events = await app.recordedBy(() => times(BURST, () => assume(sub)));
  expect(events.map(({ error_code }) => error_code)).toEqual(Array.from({ length: BURST }, () => 'AccessDenied'));
}
async function metric(operation: string, table: string): Promise<number> {
  const { text } = await app.send({ path: '/metrics' });
  return Number(new RegExp(`stint_refusals_unrecorded_total\\{operation="${operation}",table="${table}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
}

describe('refusals of somebody for whom a provider vouches', () => {
  it.each<Face>(['query', 'rest'])('are recorded twenty times, and then not told either (%s)', async (face) => {
    const sub = someone();
    await exhausted(sub);
    const [rows, counted] = [await decisions(), await metric(WEB_IDENTITY, 'audit_event')];
    expectUnrecorded(await effectOf(app, () => assume(sub, closed, { face })), THROTTLED[face]);
    expect([await decisions(), await metric(WEB_IDENTITY, 'audit_event')]).toEqual([rows, counted + 1]);
    expectRefused(await effectOf(app, () => assume(someone(), closed, { face })), DENIED, WEB_IDENTITY);
  });

  it('say nothing of why once they are not recorded', async () => {
    const sub = someone();
    await exhausted(sub);
    const missing: Role = { ...closed, arn: `${closed.arn}-missing` };
    for (const answer of [assume(sub, missing), assume(sub, closed), assume(sub, open, { claims: { aud: 'unknown' } }), assume(sub, open, { more: { DurationSeconds: 43_200 } }), assume(sub, open, { claims: { exp: 1 } })]) {
      expect(await answer).toMatchObject(THROTTLED.query);
    }
    expect(app.lines.map((line) => JSON.parse(line) as { why?: { insteadOf?: string } }).some(({ why }) => why?.insteadOf === 'ExpiredTokenException')).toBe(true);
  });

  it.each<Face>(['query', 'rest'])('are no hindrance to him where he is let in, nor to anybody else (%s)', async (face) => {
    const sub = someone();
    await exhausted(sub);
    for (const who of [sub, someone(), sub]) {
      const { result, events } = await effectOf(app, () => assume(who, open, { face }));
      expect(result.code).toBeUndefined();
      expect(events.map(({ outcome }) => outcome)).toEqual(['success']);
    }
    expect(await assume(sub, closed, { face })).toMatchObject(THROTTLED[face]);
  });

  it('are recorded again as time goes by, and say how many were not', async () => {
    const sub = someone();
    await exhausted(sub);
    await times(3, () => assume(sub));
    app.clock.advance(9);
    expect(await assume(sub)).toMatchObject(THROTTLED.query);
    app.clock.advance(1);
    const first = await effectOf(app, () => assume(sub));
    expectRefused(first, DENIED, WEB_IDENTITY);
    expect(unrecordedIn(first.events[0])).toBe(4);
    expect(await assume(sub)).toMatchObject(THROTTLED.query);
    // Whoever of the provider is refused next: its log is one.
    const [next] = await app.recordedBy(() => assume(someone()));
    expect(unrecordedIn(next)).toBe(1);
    const [last] = await app.recordedBy(() => assume(someone()));
    expect(last?.record['additionalEventData']).not.toHaveProperty('unrecordedRefusals');
  });

  it('are no more because one of them took its time', async () => {
    const sub = someone();
    const ask = (WebIdentityToken: string): Promise<Called> => call(app, 'query', { operation: WEB_IDENTITY, keys: world.root, input: { RoleArn: closed.arn, RoleSessionName: 'ci', WebIdentityToken } });
    const token = await idp.token(app.clock.now(), { sub });
    // Its key is known from here on.
    expect((await assume(sub, open)).code).toBeUndefined();
    const known = idp.keys;
    idp.keys = [await idp.rotate('another'), ...known];
    const answer = idp.answers.get('/jwks')!;
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const fetched = idp.fetched.length;
    idp.answers.set('/jwks', async () => {
      await gate;
      return answer();
    });
    const slow = ask(await idp.token(app.clock.now(), { sub }));
    await until('the keys are fetched', () => idp.fetched.slice(fetched).includes('/jwks'));
    app.clock.advance(30);
    for (const { code } of await times(BURST, () => ask(token))) expect(code).toBe('AccessDenied');
    go();
    idp.answers.set('/jwks', answer);
    expect(await slow).toMatchObject(THROTTLED.query);
    expect(await ask(token)).toMatchObject(THROTTLED.query);
  });

  it('are counted for whom the provider names, not for what he can choose', async () => {
    const sub = someone();
    await times(BURST / 2, () => assume(sub, closed, { more: { RoleSessionName: `job-${String((people += 1))}` } }));
    await times(BURST / 2, () => assume(sub, closed, { claims: { aud: `audience-${String((people += 1))}` } }));
    expect(await assume(sub, closed, { claims: { aud: 'other', jti: 'another' }, more: { RoleSessionName: 'other' } })).toMatchObject(THROTTLED.query);
  });

  it('are recorded two hundred times for a provider, whoever comes, and that of another account goes on', async () => {
    const tenant = await world.account('tenant-of-the-issuer');
    const { output } = await call(app, 'query', { operation: 'CreateOpenIDConnectProvider', keys: tenant.root, input: { Url: idp.issuer, ClientIDList: ['stint'], ThumbprintList: [idp.thumbprint] } });
    const theirs = await tenant.role('theirs', trusts({ Federated: (output as { openIDConnectProviderArn: string }).openIDConnectProviderArn }, { StringEquals: { [`${idp.name}:sub`]: 'nobody' } }, 'sts:AssumeRoleWithWebIdentity'));
    const known = someone();
    const events = await app.recordedBy(async () => {
      for (let batch = 0; batch < DOOR_BURST / BURST; batch += 1) await times(BURST, () => assume(someone()));
    });
    expect(events).toHaveLength(DOOR_BURST);
    expectUnrecorded(await effectOf(app, () => assume(known)), THROTTLED.query);
    expect((await assume(known, open)).code).toBeUndefined();
    expectRefused(await effectOf(app, () => assume(known, theirs)), DENIED, WEB_IDENTITY);
    app.clock.advance(1);
    const [event] = await app.recordedBy(() => assume(known));
    expect(unrecordedIn(event)).toBe(1);
    expect(await assume(someone())).toMatchObject(THROTTLED.query);
  });

  it('are not lost from the count where the event that says it cannot be recorded', async () => {
    const sub = someone();
    await exhausted(sub);
    await times(2, () => assume(sub));
    await app.sql('ALTER TABLE audit_event ADD CONSTRAINT no CHECK (false) NOT VALID');
    try {
      expect(await assume(someone())).toMatchObject({ code: 'ServiceUnavailable', status: 503 });
    } finally {
      await app.sql('ALTER TABLE audit_event DROP CONSTRAINT no');
    }
    const [event] = await app.recordedBy(() => assume(someone()));
    expect(unrecordedIn(event)).toBe(2);
  });
});

describe('refusals of a token exchange', () => {
  const retryAfter = ({ headers }: OAuthAnswer): string | null => headers.get('retry-after');

  it('are bounded with those of the same subject elsewhere, and say over OAuth when to come again', async () => {
    const oauth = new OAuth(app);
    const sub = someone();
    const exchange = async (role: Role): Promise<OAuthAnswer> => oauth.exchange({ subject_token: await idp.token(app.clock.now(), { sub }), subject_token_type: ID_TOKEN, resource: role.arn, requested_token_type: CREDENTIALS });
    await times(BURST - 1, () => assume(sub));
    expect((await exchange(closed)).body).toMatchObject({ error: 'invalid_target' });
    app.clock.advance(3);
    const { result, added, events } = await effectOf(app, () => exchange(closed));
    expect(result).toMatchObject({ status: 429, body: { error: 'temporarily_unavailable', error_description: 'Rate exceeded' } });
    expect([retryAfter(result), added, events]).toEqual(['7', [], []]);
    expect(await exchange(open)).toMatchObject({ status: 200 });
    app.clock.advance(7);
    expect(await exchange(closed)).toMatchObject({ status: 400, body: { error: 'invalid_target' } });
  });

  it('are bounded for whoever exchanges a token of Stint’s own', async () => {
    const oauth = new OAuth(app);
    const alice = await world.user('exchanging', allows('sts:*'));
    const trusting = await world.role('trusting-alice', trusts(alice.arn));
    await oauth.enable(world);
    const subject_token = await oauth.jwt(alice);
    const exchange = (role: Role): Promise<OAuthAnswer> => oauth.exchange({ subject_token, subject_token_type: JWT, resource: role.arn, requested_token_type: CREDENTIALS });
    expect(await app.recordedBy(() => times(BURST, () => exchange(closed)))).toHaveLength(BURST);
    expect(await exchange(closed)).toMatchObject({ status: 429 });
    expect(await exchange(trusting)).toMatchObject({ status: 200 });
    // Signed, it is his own account's log that he fills.
    expect(await call(app, 'query', { operation: 'AssumeRole', keys: alice, input: { RoleArn: closed.arn, RoleSessionName: 'job' } })).toMatchObject({ code: 'AccessDenied' });
  });
});

describe('refusals of SAML responses', () => {
  it('are bounded from where the signature was right', async () => {
    const provider = await SamlProvider.register(world);
    const role = await world.role('of-saml', trusts({ Federated: provider.arn }, { StringEquals: { 'SAML:sub': 'nobody' } }, 'sts:AssumeRoleWithSAML'));
    const letting = await world.role('of-saml-too', trusts({ Federated: provider.arn }, undefined, 'sts:AssumeRoleWithSAML'));
    const saml = (face: Face, to: Role, subject = 'mallory'): Promise<Called> => call(app, face, { operation: 'AssumeRoleWithSAML', keys: world.root, input: provider.input(to.arn, { subject }) });
    expect(await app.recordedBy(() => times(BURST, () => saml('query', role)))).toHaveLength(BURST);
    for (const face of ['query', 'rest'] as const) expectUnrecorded(await effectOf(app, () => saml(face, role)), THROTTLED[face]);
    expect((await saml('query', letting)).code).toBeUndefined();
    expectRefused(await effectOf(app, () => saml('rest', role, 'alice')), { code: 'AccessDenied', status: 403 }, 'AssumeRoleWithSAML');
  });
});

describe('refusals of a sign-in', () => {
  const signIn = (input: Input): Promise<Called> => call(app, 'rest', { operation: 'SignIn', keys: world.root, input });
  const REFUSED = { code: 'SignInRefused', status: 403 };

  it('are bounded where the password was right and nothing is counted: no code, or one that has to wait', async () => {
    const alice = await person(world, 'alice');
    const device = await Authenticator.enabled(app, world.root, 'alice');
    app.clock.advance(60);
    const bob = await person(world, 'bob');
    expect(await app.recordedBy(() => inTurn(BURST, () => signIn(alice)))).toHaveLength(BURST);
    expectUnrecorded(await effectOf(app, () => signIn(alice)), THROTTLED.rest);
    // Guesses are bounded where they are counted, and each is an event.
    const guesses = await app.recordedBy(async () => {
      for (let guess = 0; guess < 5; guess += 1) expect(await signIn({ ...alice, TokenCode: device.wrong(guess) })).toMatchObject(REFUSED);
    });
    expect(guesses.map(({ event_name, error_code }) => [event_name, error_code])).toEqual(Array.from({ length: 5 }, () => ['ConsoleLogin', 'SignInRefused']));
    expect(guesses.map(unrecordedIn)).toEqual([1, undefined, undefined, undefined, undefined]);
    expectUnrecorded(await effectOf(app, () => signIn({ ...alice, TokenCode: device.wrong() })), THROTTLED.rest);
    // Whoever does not know the password is told the same whoever he names.
    for (const [input, recorded] of [[{ ...alice, Password: 'wrong' }, 1], [{ ...alice, UserName: 'nobody' }, 0]] as const) {
      const { result, events } = await effectOf(app, () => signIn(input));
      expect([result.code, events.length]).toEqual(['SignInRefused', recorded]);
    }
    expect((await signIn(bob)).code).toBeUndefined();
    app.clock.advance(30);
    expect((await signIn({ ...alice, TokenCode: device.code() })).code).toBeUndefined();
  });
});

describe('refusals of principals of another account', () => {
  it('leave twenty explanations there, and all of them in their own', async () => {
    const tenant = await world.account('tenant-next-door');
    const mallory = await tenant.user('mallory', allows('sts:*'));
    const assumeAcross = (): Promise<Called> => call(app, 'query', { operation: 'AssumeRole', keys: mallory, input: { RoleArn: closed.arn, RoleSessionName: 'job' } });
    const [there, own, counted] = [await decisions(), await decisions(tenant.root.account), await metric('AssumeRole', 'decision')];
    const events = await app.recordedBy(async () => {
      for (const { code } of await times(BURST + 5, assumeAcross)) expect(code).toBe('AccessDenied');
    });
    expect(events.map(({ account_id, error_code }) => [account_id, error_code])).toEqual(Array.from({ length: BURST + 5 }, () => [tenant.root.account, 'AccessDenied']));
    expect([(await decisions()) - there, (await decisions(tenant.root.account)) - own, (await metric('AssumeRole', 'decision')) - counted]).toEqual([BURST, BURST + 5, 5]);
    app.clock.advance(10);
    await assumeAcross();
    expect((await decisions()) - there).toBe(BURST + 1);
  });
});

describe('refusals of sessions that were ended', () => {
  it('are bounded for each, and told all the same', async () => {
    const alice = await world.user('ending', allows('*'));
    const role = await world.role('ended', trusts(alice.arn), { policy: allows('*') });
    const [session, other] = [await world.session(alice, role), await world.session(alice, role, 'other')];
    const use = (keys: Keys): Promise<Called> => call(app, 'query', { operation: 'GetCallerIdentity', keys, input: {} });
    expect((await call(app, 'rest', { operation: 'RevokeSessions', keys: world.root, input: { RoleArn: role.arn } })).code).toBeUndefined();
    const events = await app.recordedBy(async () => {
      for (const answer of await times(BURST + 5, () => use(session))) expect(answer).toMatchObject({ code: 'ExpiredToken', status: 403 });
    });
    expect(events.map(({ error_code }) => error_code)).toEqual(Array.from({ length: BURST }, () => 'ExpiredToken'));
    const [event] = await app.recordedBy(() => use(other));
    expect(event?.record['additionalEventData']).toEqual({ sessionEnded: 'revoked', unrecordedRefusals: 5 });
  });

  it('leave one event in another account, however often they are ended', async () => {
    const tenant = await world.account('tenant-that-revokes');
    const mallory = await tenant.user('mallory', allows('*'));
    const role = await world.role('across', trusts(mallory.arn));
    const { output } = await call(app, 'rest', { operation: 'AssumeRole', keys: mallory, input: { RoleArn: role.arn, RoleSessionName: 'job' } });
    const { sessionId } = output as { sessionId: string };
    const events = await app.recordedBy(async () => {
      for (let round = 0; round < 3; round += 1) expect((await call(app, 'rest', { operation: 'RevokeSession', keys: mallory, input: { SessionId: sessionId } })).code).toBeUndefined();
    });
    expect(events.filter(({ account_id }) => account_id === tenant.root.account)).toHaveLength(3);
    expect(events.filter(({ account_id }) => account_id === world.root.account)).toHaveLength(1);
  });
});

describe('what a node remembers of refusals', () => {
  let clock: FixedClock;
  let allowance: RefusalAllowance;
  beforeEach(() => {
    clock = new FixedClock(NOW);
    allowance = new RefusalAllowance(clock);
  });
  const by = (subject: number, door = 0): { account: string; door: string; subject: string } => ({ account: '123456789012', door: `door-${String(door)}`, subject: `subject-${String(subject)}` });

  it('is bounded: who is forgotten is whole again, and his door still holds', () => {
    for (let count = 0; count < BURST; count += 1) expect(allowance.take(by(-1))).toBe(0);
    expect(allowance.take(by(-1))).toBe(10_000);
    // More subjects than are remembered, by doors enough for them.
    for (let subject = 0; subject < 20_000; subject += 1) expect(allowance.take(by(subject, 1 + Math.floor(subject / DOOR_BURST)))).toBe(0);
    let taken = 0;
    for (let round = 0; round < 100; round += 1) if (allowance.take(by(-1 - round)) === 0) taken += 1;
    expect(taken).toBe(100);
    for (let round = 0; round < 200; round += 1) if (allowance.take(by(-1_000 - round)) === 0) taken += 1;
    expect(BURST + taken).toBe(DOOR_BURST);
    expect(allowance.take(by(-5_000))).toBe(1_000);
  });

  it('is not of those whom a door turns away', () => {
    for (let count = 0; count < BURST; count += 1) allowance.take(by(-1));
    for (let subject = 0; subject < 40_000; subject += 1) allowance.take(by(subject));
    clock.advance(1);
    // So many strangers as that would have pushed him out.
    expect(allowance.take(by(-1))).toBe(9_000);
  });
});
