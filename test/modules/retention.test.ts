import { DeleteAccessKeyCommand, DeleteUserCommand, DeleteUserPolicyCommand } from '@aws-sdk/client-iam';

import { Retention } from '../../src/sessions/retention.js';
import { TestApp, type Keys } from '../support/app.js';
import type { Input } from '../support/calls.js';
import { hold, until, untilBlocked } from '../support/outage.js';
import { asksToEnd, ended, sessionIdOf, shown, standing } from '../support/revoking.js';
import { Sessions, type TemporaryKeys } from '../support/sessions.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';

const DAY = 86_400;
const BATCH = 1_000;
/** Of the advisory lock that the node holds which removes. */
const LOCK = 7_801_349_003;

let app: TestApp;
let beside: TestApp;
let sessions: Sessions;
let alice: User;
let worker: Role;

beforeAll(async () => {
  app = await TestApp.boot({ env: { STINT_SESSION_RETENTION_DAYS: '7' } });
  beside = await TestApp.boot({ beside: app, env: { STINT_SESSION_RETENTION_DAYS: '7' } });
  sessions = new Sessions(app);
  const world = new World(app);
  alice = await world.user('alice', allows('*'));
  worker = await world.role('worker', trusts(alice.arn), { policy: allows('*') });
  // Notes how many rows each statement removes, and in which transaction.
  await app.sql(`
    CREATE TABLE removal (txid bigint NOT NULL, table_name text NOT NULL, rows int NOT NULL);
    CREATE FUNCTION note_removal() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO removal SELECT pg_current_xact_id()::text::bigint, TG_TABLE_NAME, count(*) FROM gone; RETURN NULL; END $$`);
  for (const table of ['session', 'session_revocation', 'issued_answer']) {
    await app.sql(`CREATE TRIGGER noted AFTER DELETE ON ${table} REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note_removal()`);
  }
});
afterAll(async () => {
  await beside.close();
  await app.close();
});
beforeEach(async () => {
  await app.sql('DELETE FROM session; DELETE FROM session_revocation; DELETE FROM issued_answer; DELETE FROM removal');
});

const retention = (node: TestApp): Retention => node.running.app.get(Retention);
const count = async (table: string): Promise<number> => Number((await app.sql<{ count: string }>(`SELECT count(*) FROM ${table}`))[0]?.count);
const counts = async (): Promise<number[]> => [await count('session'), await count('session_revocation'), await count('issued_answer')];
/** Sessions like the only one there is, which expired long ago. */
async function fill(rows: number): Promise<void> {
  await app.sql(
    `INSERT INTO session (session_id, access_key_id, account_id, kind, operation, principal_arn, principal_id, source_ip, issuer_arn, issuer_id, issuer_account_id, root_session_id, started_by, issued_at, expires_at, token_sha256)
     SELECT gen_random_uuid(), 'ASIAOLD' || n, account_id, kind, operation, principal_arn, principal_id, source_ip, issuer_arn, issuer_id, issuer_account_id, root_session_id, started_by, issued_at, timestamptz '2020-01-01', token_sha256
     FROM session, generate_series(1, $1::int) AS n`,
    [rows],
  );
}
/** What was removed, by transaction. */
const removals = (): Promise<{ table_name: string; rows: number }[]> => app.sql(`SELECT table_name, rows FROM removal WHERE rows > 0 ORDER BY txid, table_name`);
const assumed = (seconds = 900): Promise<TemporaryKeys> => sessions.assumed(alice, worker, { DurationSeconds: seconds });
const withKey = (key: string): Promise<unknown> =>
  app.raw(alice, { path: '/v1/sessions/assume-role', body: JSON.stringify({ roleArn: worker.arn, roleSessionName: 'once' }), service: 'stint', headers: { 'idempotency-key': key } });

describe('what is removed', () => {
  it('is a session, with what ended it, that expired so many days ago, and not a moment earlier', async () => {
    const keys = await assumed();
    await ended(app, { SessionId: await sessionIdOf(app, keys) });
    const { expiresAt } = await shown(app, keys);
    app.clock.advance(Number(expiresAt) - app.clock.now().getTime() / 1_000 + 7 * DAY);
    expect(await retention(app).run()).toBe(0);
    expect(await shown(app, keys)).toMatchObject({ status: 'revoked' });
    app.clock.advance(0.001);
    expect(await retention(app).run()).toBe(1);
    // What ended it stays for as long as it might have ended others: 36 hours and a second more.
    expect(await counts()).toEqual([0, 1, 0]);
    app.clock.advance(129_600);
    expect(await retention(app).run()).toBe(1);
    expect(await counts()).toEqual([0, 0, 0]);
  });

  it('is an answer whose ten minutes are over', async () => {
    await withKey('kept');
    app.clock.advance(600);
    expect(await retention(app).run()).toBe(0);
    app.clock.advance(1);
    expect(await retention(app).run()).toBe(1);
    expect(await counts()).toEqual([1, 0, 0]);
  });

  it('is nothing that lives, nothing that may still end a session, and no audit event', async () => {
    const [living, over] = [await sessions.sessionToken(alice, { DurationSeconds: 129_600 }), await assumed()];
    await ended(app, { SessionId: await sessionIdOf(app, over) });
    await withKey('living');
    const events = (await app.events()).length;
    app.clock.advance(500);
    expect(await retention(app).run()).toBe(0);
    expect(await standing(app, living)).toBe('alive');
    expect(await counts()).toEqual([3, 1, 1]);
    app.clock.advance(100 * DAY);
    expect(await retention(app).run()).toBe(5);
    expect(await counts()).toEqual([0, 0, 0]);
    // One more of whoever asked who he is.
    expect(await app.events()).toHaveLength(events + 1);
  });

  it('leaves what was ended over, for as long as it might have lived', async () => {
    const keys = await sessions.sessionToken(alice, { DurationSeconds: 129_600 });
    await ended(app, { PrincipalArn: alice.arn });
    app.clock.advance(129_599);
    await retention(app).run();
    const started = await TestApp.boot({ beside: app });
    try {
      expect([await standing(app, keys), await standing(started, keys)]).toEqual(['ExpiredToken', 'ExpiredToken']);
      expect(await count('session_revocation')).toBe(1);
    } finally {
      await started.close();
    }
    app.clock.advance(DAY);
  });
});

describe('where sessions are kept no longer than they live', () => {
  let c: TestApp;
  let home: World;
  let hop: Role;
  beforeAll(async () => {
    c = await TestApp.boot({ env: { STINT_SESSION_RETENTION_DAYS: '0' } });
    home = new World(c);
    hop = await home.role('hop', trusts(c.root.account), { policy: allows('*') });
  });
  afterAll(() => c.close());

  async function remove({ name, accessKeyId }: User): Promise<void> {
    const iam = c.iam();
    await iam.send(new DeleteAccessKeyCommand({ UserName: name, AccessKeyId: accessKeyId }));
    await iam.send(new DeleteUserPolicyCommand({ UserName: name, PolicyName: 'own' }));
    await iam.send(new DeleteUserCommand({ UserName: name }));
  }
  const ways: [what: string, input: (of: { root: string; bob: User }) => Promise<Input>][] = [
    ['by its chain', ({ root }) => Promise.resolve({ RootSessionId: root })],
    ['by the session it was obtained with', ({ root }) => Promise.resolve({ SessionId: root })],
    ['by whoever obtained it', ({ bob }) => Promise.resolve({ PrincipalArn: bob.arn })],
    ['by whoever obtained it, who is gone', async ({ bob }) => {
      await remove(bob);
      return { PrincipalArn: bob.arn };
    }],
  ];
  it.each(ways)('a session that goes on can be ended %s, though the first of its chain has expired', async (what, input) => {
    const bob = await home.user(`bob-${String(ways.findIndex(([way]) => way === what))}`, allows('*'));
    const first = await new Sessions(c).assumed(bob, hop, { DurationSeconds: 900 });
    const second = await new Sessions(c).assumed(first, hop, { DurationSeconds: 3_600 });
    const root = await sessionIdOf(c, first);
    c.clock.advance(901);
    await retention(c).run();
    expect([await standing(c, first), await standing(c, second)]).toEqual(['ExpiredToken', 'alive']);
    const { status, code, output } = await asksToEnd(c, await input({ root, bob }));
    expect({ status, code, output }).toMatchObject({ status: 200, output: { revoked: 1 } });
    expect(await standing(c, second)).toBe('ExpiredToken');
  });
});

describe('many rows', () => {
  it('go in batches, each in a transaction of its own', async () => {
    await assumed();
    await fill(2 * BATCH + 500);
    expect(await retention(app).run()).toBe(2 * BATCH + 500);
    expect(await removals()).toEqual([BATCH, BATCH, 500].map((rows) => ({ table_name: 'session', rows })));
    expect(await app.sql('SELECT DISTINCT txid FROM removal')).toHaveLength(3);
    expect(await counts()).toEqual([1, 0, 0]);
  });

  it('of several kinds go beside each other', async () => {
    await assumed();
    await fill(BATCH + 1);
    await app.sql(
      `INSERT INTO session_revocation (revocation_id, account_id, kind, subject, issued_before, revoked_at, live_until)
       SELECT gen_random_uuid(), '1', 'session', n, timestamptz '2020-01-01', timestamptz '2020-01-01', timestamptz '2020-01-01' FROM generate_series(1, $1::int) AS n`,
      [BATCH - 1],
    );
    expect(await retention(app).run()).toBe(2 * BATCH);
    expect(await removals()).toEqual([
      { table_name: 'session', rows: BATCH },
      { table_name: 'session_revocation', rows: BATCH - 1 },
      { table_name: 'session', rows: 1 },
    ]);
  });

  it('are removed by one node at a time, and each once', async () => {
    await assumed();
    await fill(5 * BATCH);
    const held = await hold(app.database, 'session_revocation');
    // The first node has removed a batch of sessions, which waits for the second table.
    const first = retention(app).run();
    await untilBlocked((text) => app.sql(text), 'stint');
    expect(await retention(beside).run()).toBe(0);
    await held.release();
    expect(await first).toBe(5 * BATCH);
    await fill(3 * BATCH);
    const both = await Promise.all([retention(app).run(), retention(beside).run()]);
    expect(both[0] + both[1]).toBe(3 * BATCH);
    expect(await counts()).toEqual([1, 0, 0]);
    expect((await removals()).reduce((sum, { rows }) => sum + rows, 0)).toBe(8 * BATCH);
  });

  it('wait while another node removes, whichever that is', async () => {
    await assumed();
    await fill(1);
    await app.sql('BEGIN');
    await app.sql('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    expect([await retention(app).run(), await retention(beside).run()]).toEqual([0, 0]);
    await app.sql('ROLLBACK');
    expect(await retention(beside).run()).toBe(1);
  });

  it('are left where the node stops: the batch under way is the last', async () => {
    const stopping = await TestApp.boot({ beside: app, env: { STINT_SESSION_RETENTION_DAYS: '7' } });
    try {
      await assumed();
      await fill(3 * BATCH);
      const held = await hold(app.database, 'session_revocation');
      const run = retention(stopping).run();
      await untilBlocked((text) => app.sql(text), 'stint');
      await retention(stopping).stop();
      await held.release();
      expect(await run).toBe(BATCH);
      expect(await counts()).toEqual([2 * BATCH + 1, 0, 0]);
    } finally {
      await stopping.close();
    }
  });

  it('do not keep others waiting: sessions are issued, used and ended meanwhile', async () => {
    await assumed();
    await fill(20 * BATCH);
    let isOver = false;
    const run = retention(app).run().finally(() => {
      isOver = true;
    });
    const used: Keys[] = [];
    await until('the run is over', async () => {
      const keys = await assumed();
      expect(await standing(beside, keys)).toBe('alive');
      expect(await ended(beside, { SessionId: await sessionIdOf(app, keys) })).toBe(1);
      used.push(keys);
      return isOver;
    });
    expect(await run).toBe(20 * BATCH);
    expect(await counts()).toEqual([used.length + 1, used.length, 0]);
  });
});
