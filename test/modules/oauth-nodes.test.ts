import { UpdateAccessKeyCommand } from '@aws-sdk/client-iam';
import { decodeJwt } from 'jose';

import { TestApp, type Keys } from '../support/app.js';
import { JWT, OAuth, type Form } from '../support/oauth.js';
import { cut, until } from '../support/outage.js';
import { ended, sessionIdOf, standing } from '../support/revoking.js';
import { allows, together, trusts, World, type Role, type User } from '../support/world.js';

/** How clients reach both nodes. */
const PUBLIC = 'https://sts.example';
/** By when every node refuses what was ended, in milliseconds of real time (docs/consistency.md). */
const WITHIN_MS = 1_000;

let a: TestApp;
let b: TestApp;
let world: World;
let onA: OAuth;
let onB: OAuth;
let alice: User;
let agent: User;
let work: Role;
let next: Role;

beforeAll(async () => {
  a = await TestApp.boot({ env: { STINT_PUBLIC_URL: PUBLIC } });
  b = await TestApp.boot({ beside: a, env: { STINT_PUBLIC_URL: PUBLIC } });
  [onA, onB] = [new OAuth(a, PUBLIC), new OAuth(b, PUBLIC)];
  world = await new World(a).account('nodes');
  await onA.enable(world);
  [alice, agent] = [await world.user('alice', allows('sts:*')), await world.user('agent', allows('sts:*'))];
  work = await world.role('work', together(trusts(alice.arn), trusts(agent.arn, undefined, 'sts:SetContext')), { policy: allows('sts:*') });
  next = await world.role('next', trusts(work.arn), { policy: allows('sts:*') });
});
afterAll(async () => {
  await b.close();
  await a.close();
});
afterEach(() => { a.clock.advance(2); });

const active = async (on: OAuth, token: string): Promise<unknown> => (await on.introspect(token, world.root)).body['active'];
/** What an exchange comes to: `ok`, or how it is refused. */
async function outcome(on: OAuth, form: Form): Promise<string> {
  const { status, body } = await on.exchange({ resource: work.arn, ...form });
  return status === 200 ? 'ok' : String(body['error_description']);
}

const OVER = 'The token was revoked, or the session that it belongs to is over.';

/** Asks until it is so; what must not be is a question that begins a second later or more and is still answered as before. */
async function follows(since: number, what: string, expected: unknown, ask: () => Promise<unknown>): Promise<void> {
  await until(what, async () => {
    const began = performance.now();
    const answer = await ask();
    if (answer !== expected && began - since >= WITHIN_MS) throw new Error(`${what}: ${String(Math.round(began - since))} ms later the answer is still ${String(answer)}`);
    return answer === expected;
  });
}

const circumstances: [what: string, before: () => Promise<void>][] = [
  ['while notices come', () => Promise.resolve()],
  ['while the listener of every node has just been cut', () => cut(a.database, 'stint notices')],
];

describe('two nodes with one address', () => {
  it('believe the tokens of each other, and one that is exchanged on one is good on the other', async () => {
    for (const [here, there] of [[onA, onB], [onB, onA]] as const) {
      const access = await there.token({ subject_token: await here.jwt(alice), resource: work.arn });
      expect(decodeJwt(access)).toMatchObject({ iss: `${PUBLIC}/oidc/${world.root.account}`, aud: `${PUBLIC}/oauth2/token`, sub: work.arn });
      expect(await active(here, access)).toBe(true);
      const keys = await here.credentials({ subject_token: access, resource: next.arn });
      expect([await standing(a, keys), await standing(b, keys)]).toEqual(['alive', 'alive']);
    }
  });

  it.each(circumstances)('refuse a token that one of them revoked, at once and within a second, %s', async (_, before) => {
    const [subject_token, actor_token] = [await onA.jwt(alice), await onA.jwt(agent)];
    const acted: Form = { subject_token: await onA.jwt(alice), actor_token, actor_token_type: JWT };
    const access = await onB.token({ subject_token, resource: work.arn });
    const keys: Keys[] = [await onB.credentials({ subject_token: access, resource: next.arn }), await onB.credentials({ ...acted, resource: work.arn })];
    expect([await active(onB, subject_token), await active(onB, access), await outcome(onB, { subject_token }), await outcome(onB, acted)]).toEqual([true, true, 'ok', 'ok']);
    await before();
    for (const token of [subject_token, actor_token]) expect((await onA.revoke(token, world.root)).status).toBe(200);
    const since = performance.now();
    expect([await active(onA, subject_token), await active(onA, access), await outcome(onA, { subject_token }), await outcome(onA, acted)]).toEqual([false, false, OVER, OVER]);
    expect([await standing(a, keys[0] as Keys), await standing(a, keys[1] as Keys)]).toEqual(['ExpiredToken', 'ExpiredToken']);
    await follows(since, 'the other node takes the token for revoked', false, () => active(onB, subject_token));
    await follows(since, 'the other node takes what came of it for revoked', false, () => active(onB, access));
    await follows(since, 'the other node refuses it as a subject', OVER, () => outcome(onB, { subject_token }));
    await follows(since, 'the other node refuses it as an actor', OVER, () => outcome(onB, acted));
    for (const each of keys) await follows(since, 'the other node refuses what came of it', 'ExpiredToken', () => standing(b, each));
  });

  it('end what is exchanged with a session that is being ended, wherever, as soon as they know', async () => {
    const session = await world.session(alice, work);
    const subject_token = await onA.jwt(session);
    const issued: Keys[] = [];
    const over = new AbortController();
    const exchanging = (async () => {
      while (!over.signal.aborted && issued.length < 40) {
        const { status, body } = await onB.exchange({ subject_token, resource: next.arn, requested_token_type: 'urn:stint:params:oauth:token-type:aws-credentials' });
        if (status !== 200) break;
        const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = JSON.parse(String(body['access_token'])) as Record<string, string>;
        issued.push({ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken });
      }
    })();
    await until('some were exchanged', () => issued.length > 3);
    await ended(a, { SessionId: await sessionIdOf(a, session) }, world.root);
    await until('the other node refuses the session', async () => (await standing(b, session)) === 'ExpiredToken');
    over.abort();
    await exchanging;
    for (const keys of issued) expect([await standing(a, keys), await standing(b, keys)]).toEqual(['ExpiredToken', 'ExpiredToken']);
  });

  it('take a token for no good once its key is inactive', async () => {
    const subject_token = await onB.jwt(agent);
    expect(await active(onB, subject_token)).toBe(true);
    await a.iam(world.root).send(new UpdateAccessKeyCommand({ UserName: agent.name, AccessKeyId: agent.accessKeyId, Status: 'Inactive' }));
    const since = performance.now();
    expect(await active(onA, subject_token)).toBe(false);
    await follows(since, 'the other node takes the token for no good', false, () => active(onB, subject_token));
  });

  it('keep what was revoked when a node begins anew', async () => {
    const jwt = await onA.jwt(alice, { Audience: ['https://api.example'] });
    await onA.revoke(jwt, alice);
    const c = await TestApp.boot({ beside: a, env: { STINT_PUBLIC_URL: PUBLIC } });
    try {
      expect(await active(new OAuth(c, PUBLIC), jwt)).toBe(false);
    } finally {
      await c.close();
    }
  });
});

describe('a Stint of another address', () => {
  it('does not take tokens of this one for its own, though account and keys are the same', async () => {
    const elsewhere = await TestApp.boot({ beside: a, env: { STINT_PUBLIC_URL: 'https://other.example' } });
    try {
      const there = new OAuth(elsewhere, 'https://other.example');
      const jwt = await onA.jwt(alice);
      expect(await active(there, jwt)).toBe(false);
      expect(await outcome(there, { subject_token: jwt })).toMatch(/^No OpenIDConnect provider found/);
      // And what names it as the audience, but comes from here.
      const addressed = await onA.jwt(alice, { Audience: [there.endpoint] });
      expect(await outcome(there, { subject_token: addressed })).toMatch(/^No OpenIDConnect provider found/);
      expect(await outcome(onA, { subject_token: addressed })).toMatch(/not issued for the token endpoint/);
    } finally {
      await elsewhere.close();
    }
  });
});
