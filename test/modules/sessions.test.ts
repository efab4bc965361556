import { createHash } from 'node:crypto';

import { DeleteAccessKeyCommand, DeleteRoleCommand, DeleteRolePolicyCommand, DeleteUserCommand, DeleteUserPolicyCommand, UpdateAccessKeyCommand } from '@aws-sdk/client-iam';

import { Retention } from '../../src/sessions/retention.js';
import { TestApp, type Keys } from '../support/app.js';
import { call, effectOf, expectRefused, type Input } from '../support/calls.js';
import { Sessions, type TemporaryKeys } from '../support/sessions.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';

const DAY = 86_400;

let app: TestApp;
let sessions: Sessions;
let count = 0;

beforeAll(async () => {
  app = await TestApp.boot();
  sessions = new Sessions(app);
});
afterAll(() => app.close());

const fresh = (): string => `name-${String((count += 1))}`;
const newAccount = (): Promise<World> => new World(app).account(fresh());
const epoch = (seconds = 0): number => Math.floor(app.clock.now().getTime() / 1000) + seconds;

interface Shown {
  readonly sessionId: string;
  readonly accessKeyId: string;
  readonly status: string;
}
async function ask(operation: string, input: Input, keys: Keys): Promise<Record<string, unknown>> {
  const { output, code, text } = await call(app, 'rest', { operation, keys, input });
  if (code !== undefined) throw new Error(text);
  return output as Record<string, unknown>;
}
const list = async (keys: Keys, input: Input = {}): Promise<string[]> => ((await ask('ListSessions', input, keys))['sessions'] as Shown[]).map(({ accessKeyId }) => accessKeyId);
const idOf = async ({ accessKeyId }: Keys): Promise<string> => (await app.sql<{ session_id: string }>('SELECT session_id FROM session WHERE access_key_id = $1', [accessKeyId]))[0]?.session_id ?? '';

interface Home {
  readonly world: World;
  readonly alice: User;
  readonly worker: Role;
}
/** An account with a user and a role that he may assume; both may do everything. */
async function home(): Promise<Home> {
  const world = await newAccount();
  const alice = await world.user('alice', allows('*'));
  const trust = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: alice.arn }, Action: ['sts:AssumeRole', 'sts:SetSourceIdentity'] }] };
  return { world, alice, worker: await world.role('worker', trust, { policy: allows('*'), path: '/ci/' }) };
}

describe('a session', () => {
  it('is shown with who, from where, through what and until when, and never with its secrets', async () => {
    const { world, alice, worker } = await home();
    const keys = await sessions.assumed(alice, worker, { RoleSessionName: 'job-1', SourceIdentity: 'alice', DurationSeconds: 900 });
    const scoped = await sessions.scoped(keys, { DurationSeconds: 60 });
    const { session } = await ask('GetSession', { SessionId: await idOf(keys) }, world.root);
    const { account } = world.root;
    expect(session).toEqual({
      sessionId: await idOf(keys),
      accessKeyId: keys.accessKeyId,
      account,
      principalArn: `arn:aws:sts::${account}:assumed-role/worker/job-1`,
      principalId: `${worker.id}:job-1`,
      kind: 'assumed-role',
      operation: 'AssumeRole',
      roleArn: worker.arn,
      sessionName: 'job-1',
      sourceIdentity: 'alice',
      sourceIp: '127.0.0.1',
      obtainedBy: alice.arn,
      issuedAt: epoch(),
      expiresAt: epoch(900),
      rootSessionId: await idOf(keys),
      status: 'active',
    });
    const answer = await ask('GetSession', { SessionId: await idOf(scoped) }, world.root);
    expect(answer['session']).toMatchObject({ operation: 'GetScopedCredentials', parentSessionId: await idOf(keys), rootSessionId: await idOf(keys), expiresAt: epoch(60), sourceIdentity: 'alice' });
    const { text } = await call(app, 'rest', { operation: 'ListSessions', keys: world.root, input: {} });
    for (const secret of [keys.secretAccessKey, keys.sessionToken, scoped.secretAccessKey, scoped.sessionToken]) expect(text).not.toContain(secret);
  });

  it('of each kind is shown as what it is', async () => {
    const { world, alice, worker } = await home();
    const { account } = world.root;
    await sessions.sessionToken(alice);
    await sessions.sessionToken(world.root);
    await sessions.federated(alice, { Name: 'guest' });
    await sessions.assumed(alice, worker);
    const { sessions: listed } = (await ask('ListSessions', {}, world.root)) as unknown as { sessions: Record<string, string>[] };
    expect(listed.map(({ kind, operation, principalArn, principalId, sessionName }) => [kind, operation, principalArn, principalId, sessionName]).sort()).toEqual([
      ['assumed-role', 'AssumeRole', `arn:aws:sts::${account}:assumed-role/worker/session`, `${worker.id}:session`, 'session'],
      ['federated-user', 'GetFederationToken', `arn:aws:sts::${account}:federated-user/guest`, `${account}:guest`, 'guest'],
      ['root', 'GetSessionToken', `arn:aws:iam::${account}:root`, account, undefined],
      ['user', 'GetSessionToken', alice.arn, alice.id, undefined],
    ]);
  });

  it('is active, then expired; one that was revoked before stays so', async () => {
    const { world, alice, worker } = await home();
    const [kept, ended] = [await sessions.assumed(alice, worker, { DurationSeconds: 900 }), await sessions.assumed(alice, worker, { DurationSeconds: 900 })];
    app.clock.advance(10);
    await ask('RevokeSession', { SessionId: await idOf(ended) }, world.root);
    const revokedAt = epoch();
    const status = async (keys: Keys): Promise<unknown> => {
      const { status: shown, revokedAt: at } = (await ask('GetSession', { SessionId: await idOf(keys) }, world.root))['session'] as Record<string, unknown>;
      return [shown, at];
    };
    expect([await status(kept), await status(ended)]).toEqual([['active', undefined], ['revoked', revokedAt]]);
    expect([await list(world.root, { Status: 'active' }), await list(world.root, { Status: 'revoked' }), await list(world.root, { Status: 'expired' })]).toEqual([[kept.accessKeyId], [ended.accessKeyId], []]);
    app.clock.advance(900);
    expect([await status(kept), await status(ended)]).toEqual([['expired', undefined], ['revoked', revokedAt]]);
    expect([await list(world.root, { Status: 'active' }), await list(world.root, { Status: 'expired' })]).toEqual([[], [kept.accessKeyId]]);
    // What ends after its time was over before.
    await ask('RevokeSession', { SessionId: await idOf(kept) }, world.root);
    expect(await status(kept)).toEqual(['expired', undefined]);
  });
});

describe('a list of sessions', () => {
  it('can be narrowed to a role, a principal, a chain and a kind', async () => {
    const { world, alice, worker } = await home();
    const bob = await world.user('bob', allows('*'));
    const next = await world.role('next', trusts(worker.arn), { policy: allows('*') });
    const byBob = await world.role('by-bob', trusts(bob.arn));
    const first = await sessions.assumed(alice, worker);
    const second = await sessions.assumed(first, next);
    const token = await sessions.sessionToken(alice);
    const bobs = await sessions.assumed(bob, byBob);
    const of = async (input: Input): Promise<string[]> => (await list(world.root, input)).sort();
    const keys = (...some: TemporaryKeys[]): string[] => some.map(({ accessKeyId }) => accessKeyId).sort();
    expect(await of({})).toEqual(keys(first, second, token, bobs));
    expect(await of({ RoleArn: worker.arn })).toEqual(keys(first, second));
    expect(await of({ RoleArn: next.arn })).toEqual(keys(second));
    expect(await of({ PrincipalArn: alice.arn })).toEqual(keys(first, second, token));
    expect(await of({ PrincipalArn: bob.arn })).toEqual(keys(bobs));
    expect(await of({ PrincipalArn: worker.arn })).toEqual(keys(second));
    expect(await of({ RootSessionId: await idOf(first) })).toEqual(keys(first, second));
    expect(await of({ Kind: 'user' })).toEqual(keys(token));
    expect(await of({ RoleArn: `arn:aws:iam::${world.root.account}:role/none` })).toEqual([]);
  });

  it('comes in pages, newest first, that stay whole while sessions are added', async () => {
    const { world, alice, worker } = await home();
    const issued: string[] = [];
    for (let index = 0; index < 7; index += 1) {
      issued.unshift((await sessions.assumed(alice, worker)).accessKeyId);
      app.clock.advance(index % 2);
    }
    const seen: string[] = [];
    let Marker: string | undefined;
    do {
      const page = await ask('ListSessions', { MaxItems: 2, ...(Marker !== undefined && { Marker }) }, world.root);
      seen.push(...(page['sessions'] as Shown[]).map(({ accessKeyId }) => accessKeyId));
      Marker = page['marker'] as string | undefined;
      app.clock.advance(1);
      await sessions.assumed(alice, worker);
    } while (Marker !== undefined);
    expect([...seen].sort()).toEqual([...issued].sort());
    expect(seen.at(-1)).toBe(issued.at(-1));
  });

  it('shows an account what acts in it and what its principals obtained elsewhere, and nothing else', async () => {
    const [here, there, nowhere] = [await home(), await home(), await home()];
    const open = await there.world.role('open', trusts(here.alice.arn), { policy: allows('*') });
    const abroad = await sessions.assumed(here.alice, open);
    const local = await sessions.assumed(there.alice, there.worker);
    expect(await list(here.world.root)).toEqual([abroad.accessKeyId]);
    expect((await list(there.world.root)).sort()).toEqual([abroad.accessKeyId, local.accessKeyId].sort());
    expect(await list(nowhere.world.root)).toEqual([]);
    // Whose role it is learns which account obtained it, and not who there.
    const { session } = await ask('GetSession', { SessionId: await idOf(abroad) }, there.world.root);
    expect(session).toMatchObject({ obtainedBy: `arn:aws:iam::${here.world.root.account}:root` });
    const foreign = await effectOf(app, async () => call(app, 'rest', { operation: 'GetSession', keys: nowhere.world.root, input: { SessionId: await idOf(abroad) } }));
    expectRefused(foreign, { code: 'NoSuchEntity', status: 404 }, 'GetSession');
  });
});

describe('whoever holds a credential', () => {
  const whoIs = (input: Input, keys: Keys): Promise<Record<string, unknown>> => ask('WhoIs', input, keys);

  it('is found by access key and by the SHA-256 of the token, with the chain that led there', async () => {
    const { world, alice, worker } = await home();
    const next = await world.role('next', trusts(worker.arn));
    const first = await sessions.assumed(alice, worker);
    const second = await sessions.assumed(first, next);
    const expected = {
      accessKeyId: second.accessKeyId,
      account: world.root.account,
      principalArn: `arn:aws:sts::${world.root.account}:assumed-role/next/session`,
      principalId: `${next.id}:session`,
      alive: true,
      session: expect.objectContaining({ sessionId: await idOf(second), status: 'active' }),
      chain: [
        { sessionId: await idOf(first), issuedAt: epoch(), principalArn: `arn:aws:sts::${world.root.account}:assumed-role/worker/session` },
        { sessionId: await idOf(second), issuedAt: epoch(), principalArn: `arn:aws:sts::${world.root.account}:assumed-role/next/session` },
      ],
    };
    expect(await whoIs({ AccessKeyId: second.accessKeyId }, world.root)).toEqual(expected);
    expect(await whoIs({ TokenSha256: createHash('sha256').update(second.sessionToken).digest('hex') }, world.root)).toEqual(expected);
  });

  it('is alive only while the credential works', async () => {
    const { world, alice, worker } = await home();
    const alive = async ({ accessKeyId }: Keys): Promise<unknown> => (await whoIs({ AccessKeyId: accessKeyId }, world.root))['alive'];
    const [expiring, ended, ofRole] = [await sessions.assumed(alice, worker, { DurationSeconds: 900 }), await sessions.assumed(alice, worker), await sessions.assumed(alice, worker)];
    const token = await sessions.sessionToken(alice);
    await ask('RevokeSession', { SessionId: await idOf(ended) }, world.root);
    expect([await alive(expiring), await alive(ended), await alive(alice), await alive(world.root)]).toEqual([true, false, true, true]);
    app.clock.advance(900);
    expect([await alive(expiring), await alive(ofRole), await alive(token)]).toEqual([false, true, true]);
    const iam = app.iam(world.root);
    await iam.send(new UpdateAccessKeyCommand({ UserName: 'alice', AccessKeyId: alice.accessKeyId, Status: 'Inactive' }));
    expect(await alive(alice)).toBe(false);
    await iam.send(new DeleteRolePolicyCommand({ RoleName: 'worker', PolicyName: 'own' }));
    await iam.send(new DeleteRoleCommand({ RoleName: 'worker' }));
    await iam.send(new DeleteAccessKeyCommand({ UserName: 'alice', AccessKeyId: alice.accessKeyId }));
    await iam.send(new DeleteUserPolicyCommand({ UserName: 'alice', PolicyName: 'own' }));
    await iam.send(new DeleteUserCommand({ UserName: 'alice' }));
    expect([await alive(ofRole), await alive(token)]).toEqual([false, false]);
  });

  it('is told to his account only, and never with a secret', async () => {
    const [here, there] = [await home(), await home()];
    const keys = await sessions.assumed(here.alice, here.worker);
    const TokenSha256 = createHash('sha256').update(keys.sessionToken).digest('hex');
    for (const input of [{ AccessKeyId: keys.accessKeyId }, { AccessKeyId: here.alice.accessKeyId }, { TokenSha256 }, { AccessKeyId: 'AKIAUNKNOWNUNKNOWN22' }]) {
      const effect = await effectOf(app, () => call(app, 'rest', { operation: 'WhoIs', keys: there.world.root, input }));
      expectRefused(effect, { code: 'NoSuchEntity', status: 404, message: 'No such credential is known in this account.' }, 'WhoIs');
    }
    for (const input of [{}, { AccessKeyId: keys.accessKeyId, TokenSha256 }]) {
      expectRefused(await effectOf(app, () => call(app, 'rest', { operation: 'WhoIs', keys: here.world.root, input })), { code: 'ValidationError', status: 400 }, 'WhoIs');
    }
  });
});

describe('the duration contract of REST', () => {
  it('says what was asked for, what was granted, and which rule cut it', async () => {
    const { world, alice, worker } = await home();
    const duration = async (operation: string, input: Input, keys: Keys = alice): Promise<unknown> => (await ask(operation, input, keys))['duration'];
    const role = { RoleArn: worker.arn, RoleSessionName: 'job' };
    expect(await duration('AssumeRole', { ...role, DurationSeconds: 900 })).toEqual({ requested: 900, granted: 900, limitedBy: 'request' });
    expect(await duration('AssumeRole', role)).toEqual({ granted: 3600, limitedBy: 'default' });
    expect(await duration('GetSessionToken', { DurationSeconds: 7200 }, world.root)).toEqual({ requested: 7200, granted: 3600, limitedBy: 'root' });
    const session = await sessions.assumed(alice, worker);
    expect(await duration('GetScopedCredentials', { Policy: JSON.stringify(allows('*')) }, session)).toEqual({ granted: 3600, limitedBy: 'session' });
    const long = await sessions.sessionToken(alice, { DurationSeconds: 129_600 });
    app.clock.advance(43_200 - 1_800);
    expect(await duration('AssumeRole', { ...role, DurationSeconds: 3600 }, long)).toEqual({ requested: 3600, granted: 1800, limitedBy: 'chain' });
  });

  it('refuses rather than grants less than minRemaining', async () => {
    const { alice, worker } = await home();
    const long = await sessions.sessionToken(alice, { DurationSeconds: 129_600 });
    app.clock.advance(43_200 - 1_800);
    const input = { RoleArn: worker.arn, RoleSessionName: 'job' };
    expectRefused(await effectOf(app, () => call(app, 'rest', { operation: 'AssumeRole', keys: long, input: { ...input, MinRemaining: 1801 } })), { code: 'InsufficientSessionLifetime', status: 400, message: 'minRemaining asks for 1801 seconds; this session would last 1800 (limited by: chain).' }, 'AssumeRole');
    expect((await ask('AssumeRole', { ...input, MinRemaining: 1800 }, long))['duration']).toEqual({ granted: 1800, limitedBy: 'chain' });
    app.clock.advance(901);
    expectRefused(await effectOf(app, () => call(app, 'rest', { operation: 'AssumeRole', keys: long, input })), { code: 'AccessDenied', status: 403, message: /^This chain of sessions began at .* fewer than 900 seconds are left\./ }, 'AssumeRole');
  });
});

describe('retention', () => {
  it('removes what expired long ago, in batches, one node at a time; audit events stay', async () => {
    const { world, alice, worker } = await home();
    const [old, young] = [await sessions.assumed(alice, worker, { DurationSeconds: 900 }), await sessions.sessionToken(alice, { DurationSeconds: 129_600 })];
    await ask('RevokeSession', { SessionId: await idOf(old) }, world.root);
    await app.raw(alice, { path: '/v1/sessions/assume-role', body: JSON.stringify({ roleArn: worker.arn, roleSessionName: 'once' }), service: 'stint', headers: { 'idempotency-key': 'k' } });
    await app.sql(
      `INSERT INTO session (session_id, access_key_id, account_id, kind, operation, principal_arn, principal_id, source_ip, issuer_arn, issuer_id, issuer_account_id, root_session_id, started_by, issued_at, expires_at, token_sha256)
       SELECT gen_random_uuid(), 'ASIAOLD' || n, account_id, kind, operation, principal_arn, principal_id, source_ip, issuer_arn, issuer_id, issuer_account_id, root_session_id, started_by, issued_at, expires_at, token_sha256
       FROM session, generate_series(1, 2500) AS n WHERE session_id = $1`,
      [await idOf(old)],
    );
    const retention = app.running.app.get(Retention);
    const rows = async (): Promise<Record<string, number>> => {
      const [found] = await app.sql<Record<string, string>>(`SELECT (SELECT count(*) FROM session WHERE account_id = $1) AS sessions, (SELECT count(*) FROM session_revocation WHERE account_id = $1) AS revocations, (SELECT count(*) FROM issued_answer) AS answers`, [world.root.account]);
      return Object.fromEntries(Object.entries(found ?? {}).map(([name, value]) => [name, Number(value)]));
    };
    await retention.run();
    expect(await rows()).toEqual({ sessions: 2503, revocations: 1, answers: 1 });
    const events = (await app.sql<{ count: string }>('SELECT count(*) FROM audit_event'))[0]?.count;
    app.clock.advance(901);
    await retention.run();
    // An answer may be asked for for ten minutes; sessions and what ended them are kept for 90 days.
    expect(await rows()).toEqual({ sessions: 2503, revocations: 1, answers: 0 });
    app.clock.advance(90 * DAY);
    await app.sql('BEGIN');
    await app.sql('SELECT pg_advisory_xact_lock(7801349003)');
    expect(await retention.run()).toBe(0);
    await app.sql('ROLLBACK');
    expect(await retention.run()).toBeGreaterThanOrEqual(2501);
    // The one of fifteen minutes is gone; those of an hour and of 36 hours have their time.
    expect(await rows()).toEqual({ sessions: 2, revocations: 1, answers: 0 });
    expect(await list(world.root)).toContain(young.accessKeyId);
    app.clock.advance(3 * DAY);
    await retention.run();
    expect(await rows()).toEqual({ sessions: 0, revocations: 0, answers: 0 });
    expect((await app.sql<{ count: string }>('SELECT count(*) FROM audit_event'))[0]?.count).toBe(String(Number(events) + 1));
  });
});
