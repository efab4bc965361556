import { Client } from 'pg';

import { Revocations } from '../../src/sessions/revocations.js';
import { TestApp, type Keys } from '../support/app.js';
import { call, type Called, type Input } from '../support/calls.js';
import { cut, hold, until, withoutDatabase } from '../support/outage.js';
import { proxyTo, type Proxy } from '../support/proxy.js';
import { asksToEnd, ended, metricOf, sessionIdOf, standing } from '../support/revoking.js';
import { Sessions, type TemporaryKeys } from '../support/sessions.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';

/** By when every node refuses what one has ended, in milliseconds. */
const EFFECTIVE_WITHIN_MS = 1_000;
const UNKNOWING = 'This node does not know at present which sessions have been revoked, so it accepts none. Repeat the request in a moment.';
const UNAVAILABLE = 'The service is temporarily unable to handle the request. Repeat the request in a moment.';

let a: TestApp;
let world: World;
let alice: User;
let worker: Role;

beforeAll(async () => {
  a = await TestApp.boot();
  world = new World(a);
  alice = await world.user('alice', allows('*'));
  worker = await world.role('worker', trusts(alice.arn), { policy: allows('*') });
});
afterAll(() => a.close());
afterEach(() => a.clock.advance(2));

const session = (): Promise<TemporaryKeys> => new Sessions(a).assumed(alice, worker);
const identity = (node: TestApp, keys: Keys): Promise<Called> => call(node, 'query', { operation: 'GetCallerIdentity', keys, input: {} });
const ageOf = (node: TestApp): Promise<number> => metricOf(node, 'stint_revocation_age_seconds');

/** How long a node goes on to accept a session after another has answered that it is over, in milliseconds. */
async function lagOf(node: TestApp): Promise<number> {
  const keys = await session();
  const SessionId = await sessionIdOf(a, keys);
  expect([await standing(a, keys), await standing(node, keys)]).toEqual(['alive', 'alive']);
  await ended(a, { SessionId });
  const since = performance.now();
  expect(await standing(a, keys)).toBe('ExpiredToken');
  await until('the other node refuses it', async () => (await standing(node, keys)) === 'ExpiredToken');
  return performance.now() - since;
}

/** The value in the middle: one slow moment of the machine is no verdict. */
async function median(rounds: number, measure: () => Promise<number>): Promise<number> {
  const measured: number[] = [];
  for (let round = 0; round < rounds; round += 1) measured.push(await measure());
  return measured.sort((one, other) => one - other)[Math.floor(rounds / 2)]!;
}

describe('what one node ends is over on another within a second', () => {
  let b: TestApp;
  let proxy: Proxy | undefined;
  afterEach(async () => {
    await b.close();
    await proxy?.close();
    proxy = undefined;
  });

  it('by a notice, long before it asks', async () => {
    b = await TestApp.boot({ beside: a });
    expect(await median(5, () => lagOf(b))).toBeLessThan(EFFECTIVE_WITHIN_MS);
  });

  it('also where the connection for notices was just cut', async () => {
    b = await TestApp.boot({ beside: a });
    const lag = async (): Promise<number> => {
      await cut(a.database, 'stint notices');
      return lagOf(b);
    };
    expect(await median(5, lag)).toBeLessThan(EFFECTIVE_WITHIN_MS);
  });

  it('also where notices are swallowed on the way to it', async () => {
    proxy = await proxyTo(a.database.url, (type) => (type === 'A' ? 'swallow' : 'pass'));
    b = await TestApp.boot({ beside: a, databaseUrl: proxy.url });
    expect(await median(5, () => lagOf(b))).toBeLessThan(EFFECTIVE_WITHIN_MS);
  });

  it('also where it can never listen', async () => {
    let refused = 0;
    proxy = await proxyTo(a.database.url, (type, content) => {
      if (type !== 'C' || content.toString('latin1') !== 'LISTEN\0') return 'pass';
      refused += 1;
      return 'cut';
    });
    b = await TestApp.boot({ beside: a, databaseUrl: proxy.url });
    expect(await median(5, () => lagOf(b))).toBeLessThan(EFFECTIVE_WITHIN_MS);
    expect(refused).toBeGreaterThan(1);
    expect(await metricOf(b, 'stint_notice_age_seconds')).toBe(Infinity);
    expect(await ageOf(b)).toBeLessThan(2);
  });
});

describe('a node that asks for what was ended', () => {
  let b: TestApp;
  beforeAll(async () => {
    b = await TestApp.boot({ beside: a });
  });
  afterAll(() => b.close());

  it('finds what was begun early and committed late, after it has found what came in between', async () => {
    const [early, late] = [await session(), await session()];
    const slow = new Client({ connectionString: a.database.url });
    await slow.connect();
    try {
      // As another node would write it that never comes to tell.
      await slow.query('BEGIN');
      await slow.query(
        `INSERT INTO session_revocation (revocation_id, account_id, kind, subject, issued_before, revoked_at, live_until)
         SELECT gen_random_uuid(), account_id, 'session', session_id, issued_at + interval '1 s', issued_at, expires_at FROM session WHERE access_key_id = $1`,
        [early.accessKeyId],
      );
      await ended(a, { SessionId: await sessionIdOf(a, late) });
      await until('the other node knows of the later one', async () => (await standing(b, late)) === 'ExpiredToken');
      for (const node of [a, b]) await node.running.app.get(Revocations).refresh();
      expect([await standing(a, early), await standing(b, early)]).toEqual(['alive', 'alive']);
      await slow.query('COMMIT');
      const since = performance.now();
      for (const node of [a, b]) await until('it is found', async () => (await standing(node, early)) === 'ExpiredToken');
      expect(performance.now() - since).toBeLessThan(3 * EFFECTIVE_WITHIN_MS);
    } finally {
      await slow.end();
    }
  });

  it('counts what may still end a session, each once', async () => {
    const keys = await session();
    const SessionId = await sessionIdOf(a, keys);
    const before = await metricOf(a, 'stint_revocations');
    for (let time = 0; time < 3; time += 1) await ended(a, { SessionId });
    expect(await metricOf(a, 'stint_revocations')).toBe(before + 1);
    await until('the other node counts the same', async () => (await metricOf(b, 'stint_revocations')) === before + 1);
  });

  it('goes on to know, and to accept sessions, while requests that wait have all of its connections to the database', async () => {
    const c = await TestApp.boot({ beside: a, env: { STINT_DATABASE_POOL_SIZE: '2', STINT_REVOCATION_MAX_AGE: '1' } });
    const keys = await new Sessions(a).sessionToken(a.root);
    const held = await hold(a.database, 'iam_user');
    const waiting = Array.from({ length: 4 }, () => call(c, 'query', { operation: 'ListUsers', keys: a.root, input: {} }));
    try {
      await until('all of them wait', async () => (await metricOf(c, 'stint_database_waiting')) >= 2);
      const since = performance.now();
      await until('its view would be too old', () => performance.now() - since > 2_000);
      expect(await standing(c, keys)).toBe('alive');
    } finally {
      await held.release();
      await Promise.all(waiting);
      await c.close();
    }
  });

  it('says how old its view is, which is never old while the database answers', async () => {
    for (const node of [a, b]) {
      const age = await ageOf(node);
      expect(age).toBeGreaterThanOrEqual(0);
      expect(age).toBeLessThan(2);
    }
    const revocations = b.running.app.get(Revocations);
    let oldest = 0;
    const since = performance.now();
    await until('some questions later', () => {
      oldest = Math.max(oldest, revocations.age);
      return performance.now() - since > 1_500;
    });
    // As old as the time between two questions, and not nothing: it grows until the next one.
    expect(oldest).toBeGreaterThan(100);
    expect(oldest).toBeLessThan(2 * EFFECTIVE_WITHIN_MS);
  });
});

describe('an end', () => {
  let b: TestApp;
  beforeAll(async () => {
    b = await TestApp.boot({ beside: a });
  });
  afterAll(() => b.close());

  it('that cannot be recorded is none, on no node', async () => {
    const keys = await session();
    const SessionId = await sessionIdOf(a, keys);
    const before = [await metricOf(a, 'stint_revocations'), await a.contents()];
    await a.running.kernel.ledger.flush();
    await a.sql(`CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$; CREATE TRIGGER no BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION no()`);
    try {
      expect(await asksToEnd(a, { SessionId })).toMatchObject({ status: 503, code: 'ServiceUnavailable' });
    } finally {
      await a.sql('DROP FUNCTION no() CASCADE');
    }
    for (const node of [a, b]) await node.running.app.get(Revocations).refresh();
    expect([await standing(a, keys), await standing(b, keys)]).toEqual(['alive', 'alive']);
    expect([await metricOf(a, 'stint_revocations'), await a.contents()]).toEqual(before);
  });

  it('of more than one notice can carry comes to the other node as well', async () => {
    const keys = await session();
    // Two hundred roles have had this ARN before.
    await a.sql(
      `INSERT INTO session (session_id, access_key_id, account_id, kind, operation, principal_arn, principal_id, role_id, role_arn, source_ip, issuer_arn, issuer_id, issuer_account_id, root_session_id, started_by, issued_at, expires_at, token_sha256)
       SELECT gen_random_uuid(), 'ASIAFORMER' || n, account_id, kind, operation, principal_arn, principal_id, 'AROAFORMER' || n, role_arn, source_ip, issuer_arn, issuer_id, issuer_account_id, root_session_id, started_by, issued_at, expires_at, token_sha256
       FROM session, generate_series(1, 200) AS n WHERE access_key_id = $1`,
      [keys.accessKeyId],
    );
    const before = await metricOf(b, 'stint_revocations');
    expect(await ended(a, { RoleArn: worker.arn })).toBeGreaterThanOrEqual(201);
    expect(await standing(a, keys)).toBe('ExpiredToken');
    await until('the other node refuses it', async () => (await standing(b, keys)) === 'ExpiredToken');
    // The role itself may be among those that were ended before.
    expect(await metricOf(b, 'stint_revocations') - before).toBeGreaterThanOrEqual(200);
  });

});

describe('a node that starts', () => {
  it('knows from its first request on what was ended before, of every kind', async () => {
    const obtained: TemporaryKeys[] = [];
    const endings = [async (keys: Keys) => ({ SessionId: await sessionIdOf(a, keys) }), async (keys: Keys) => ({ RootSessionId: await sessionIdOf(a, keys) })];
    for (const input of endings) {
      const keys = await session();
      obtained.push(keys);
      await ended(a, await input(keys));
    }
    for (const input of [{ RoleArn: worker.arn }, { PrincipalArn: alice.arn }]) {
      obtained.push(await session());
      await ended(a, input);
      a.clock.advance(2);
    }
    const living = await session();
    const b = await TestApp.boot({ beside: a });
    try {
      expect(await metricOf(b, 'stint_revocations')).toBe(await metricOf(a, 'stint_revocations'));
      for (const keys of obtained) expect(await standing(b, keys)).toBe('ExpiredToken');
      expect(await standing(b, living)).toBe('alive');
    } finally {
      await b.close();
    }
  });

  it('does not carry what can end nothing any more', async () => {
    const c = await TestApp.boot();
    const started: TestApp[] = [];
    try {
      const bob = await new World(c).user('bob', allows('*'));
      const token = await new Sessions(c).sessionToken(bob, { DurationSeconds: 129_600 });
      await ended(c, { PrincipalArn: bob.arn });
      c.clock.advance(129_599);
      started.push(await TestApp.boot({ beside: c }));
      expect([await metricOf(started[0]!, 'stint_revocations'), await standing(started[0]!, token)]).toEqual([1, 'ExpiredToken']);
      c.clock.advance(3);
      started.push(await TestApp.boot({ beside: c }));
      expect([await metricOf(started[1]!, 'stint_revocations'), await standing(started[1]!, token)]).toEqual([0, 'ExpiredToken']);
    } finally {
      for (const node of started) await node.close();
      await c.close();
    }
  });

  it('does not begin to listen where it cannot know', async () => {
    // Cut is the answer to the question for revocations: its columns are named before its rows.
    const proxy = await proxyTo(a.database.url, (type, content) => (type === 'T' && content.includes('live_until') ? 'cut' : 'pass'));
    try {
      await expect(TestApp.boot({ beside: a, databaseUrl: proxy.url })).rejects.toMatchObject({ code: 'ServiceUnavailable' });
    } finally {
      await proxy.close();
    }
  });
});

describe('a node whose view is too old', () => {
  let b: TestApp;
  beforeAll(async () => {
    b = await TestApp.boot({ beside: a, env: { STINT_REVOCATION_MAX_AGE: '1' } });
  });
  afterAll(() => b.close());
  const tooOld = (): Promise<unknown> => until('its view is too old', () => b.running.app.get(Revocations).age > 1_000);

  it('refuses sessions of every kind with 503, and long-term keys not: they go on, and obtain sessions', async () => {
    const sessions = new Sessions(a);
    const keys = [await session(), await sessions.sessionToken(alice), await sessions.sessionToken(a.root), await sessions.federated(alice), await sessions.scoped(await session(), { DurationSeconds: 900 })];
    const [revoked] = [await session()];
    await ended(a, { SessionId: await sessionIdOf(a, revoked) });
    for (const each of keys) await until('it knows', async () => (await standing(b, each)) === 'alive');
    const held = await hold(a.database, 'session_revocation');
    try {
      await tooOld();
      for (const each of [...keys, revoked]) expect(await identity(b, each)).toMatchObject({ status: 503, code: 'ServiceUnavailable', message: UNKNOWING });
      expect((await call(b, 'rest', { operation: 'GetCallerIdentity', keys: keys[0]!, input: {} })).status).toBe(503);
      expect(await ageOf(b)).toBeGreaterThan(1);
      for (const each of [alice, a.root]) expect(await identity(b, each)).toMatchObject({ status: 200 });
      expect((await new Sessions(b).assume(alice, worker)).Credentials).toBeDefined();
      // A node with more patience goes on by what it knew.
      expect([await standing(a, keys[0]!), await standing(a, revoked)]).toEqual(['alive', 'ExpiredToken']);
    } finally {
      await held.release();
    }
    for (const each of keys) await until('it knows again', async () => (await standing(b, each)) === 'alive');
    expect(await standing(b, revoked)).toBe('ExpiredToken');
  });

  it('says of an expired session that it has expired', async () => {
    const keys = await new Sessions(a).assumed(alice, worker, { DurationSeconds: 900 });
    a.clock.advance(900);
    const held = await hold(a.database, 'session_revocation');
    try {
      await tooOld();
      expect(await identity(b, keys)).toMatchObject({ status: 403, code: 'ExpiredToken', message: 'The security token included in the request is expired' });
    } finally {
      await held.release();
    }
    await until('it knows again', () => b.running.app.get(Revocations).age < 1_000);
  });

  it('because the database is away, refuses a session that needs nothing of the database, which goes on where the view is not', async () => {
    // Of root, whom nobody looks up.
    const keys = await new Sessions(a).sessionToken(a.root);
    expect(await standing(b, keys)).toBe('alive');
    await withoutDatabase(a.database, async () => {
      await tooOld();
      expect(await identity(b, keys)).toMatchObject({ status: 503, code: 'ServiceUnavailable', message: UNKNOWING });
      // This node may trust its view for longer.
      expect(await standing(a, keys)).toBe('alive');
      // Long-term keys fail for want of the database, not for what may have been revoked.
      expect(await identity(b, alice)).toMatchObject({ status: 503, code: 'ServiceUnavailable', message: UNAVAILABLE });
      expect(await ageOf(b)).toBeGreaterThan(1);
    });
    await until('it knows again', async () => (await standing(b, keys)) === 'alive');
    expect(await ageOf(b)).toBeLessThan(1);
  });
});

describe('while sessions are being obtained', () => {
  let b: TestApp;
  beforeAll(async () => {
    b = await TestApp.boot({ beside: a });
  });
  afterAll(() => b.close());

  const ends: [what: string, input: (first: Keys) => Promise<Input>][] = [
    ['their first session', async (first) => ({ SessionId: await sessionIdOf(a, first) })],
    ['their chain', async (first) => ({ RootSessionId: await sessionIdOf(a, first) })],
    ['all that their user obtained', () => Promise.resolve({ PrincipalArn: alice.arn })],
  ];

  it.each(ends)('on one node with each other, and the other node ends %s, none of them works on either a second later', async (_, input) => {
    const hop = await world.role(`hop-${String(a.clock.now().getTime())}`, trusts(a.root.account), { policy: allows('*') });
    const first = await session();
    const obtained: TemporaryKeys[] = [first];
    let lastAt = 0;
    /** Obtains sessions until it is refused, each with the one before; `longest` sessions further it begins anew with the first. */
    const obtain = async (longest: number): Promise<string> => {
      let newest = first;
      for (let length = 1; ; length += 1) {
        const { code, output } = await call(a, 'rest', { operation: 'AssumeRole', keys: newest, input: { RoleArn: hop.arn, RoleSessionName: 'hop' } });
        if (code !== undefined) return code;
        lastAt = performance.now();
        const { credentials } = output as { credentials: TemporaryKeys };
        obtained.push(credentials);
        newest = length % longest === 0 ? first : credentials;
      }
    };
    const working = [1, 5, 30].map(obtain);
    await until('some were obtained', () => obtained.length > 20);
    const asked = await input(first);
    const revoked = await ended(b, asked);
    const since = performance.now();
    expect(await Promise.all(working)).toEqual(['ExpiredToken', 'ExpiredToken', 'ExpiredToken']);
    expect(lastAt - since).toBeLessThan(EFFECTIVE_WITHIN_MS);
    // Not yet counted were those that came while the answer was made.
    expect(revoked).toBeGreaterThan(10);
    for (const keys of obtained) expect([await standing(a, keys), await standing(b, keys)]).toEqual(['ExpiredToken', 'ExpiredToken']);
  });
});
