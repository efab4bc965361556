import { DeleteUserCommand, DeleteAccessKeyCommand, DeleteUserPolicyCommand } from '@aws-sdk/client-iam';

import { TestApp, type Keys } from '../support/app.js';
import { call, effectOf, expectRefused } from '../support/calls.js';
import { hold, untilBlocked } from '../support/outage.js';
import { Sessions, type TemporaryKeys } from '../support/sessions.js';
import { allows, World, type Role, type User } from '../support/world.js';

const EXPIRED = 'The security token included in the request is expired';

let app: TestApp;
let world: World;
let sessions: Sessions;
let count = 0;

beforeAll(async () => {
  app = await TestApp.boot();
  world = await new World(app).account('home');
  sessions = new Sessions(app);
});
afterAll(() => app.close());
// What is ended "until now" is ended for a second more.
afterEach(() => { app.clock.advance(2); });

const fresh = (): string => `name-${String((count += 1))}`;
const user = (at = world): Promise<User> => at.user(fresh(), allows('*'));
/** A role that these may assume, and that may do everything. */
const role = (trusted: string, at = world): Promise<Role> => at.role(fresh(), { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: trusted }, Action: 'sts:AssumeRole' }] }, { policy: allows('*') });

async function state(keys: Keys): Promise<string> {
  const { code, message } = await call(app, 'query', { operation: 'GetCallerIdentity', keys, input: {} });
  return code === undefined ? 'alive' : `${code}: ${message ?? ''}`;
}
const states = (...keys: Keys[]): Promise<string[]> => Promise.all(keys.map(state));
const OVER = `ExpiredToken: ${EXPIRED}`;

const idOf = async ({ accessKeyId }: Keys): Promise<string> => (await app.sql<{ session_id: string }>('SELECT session_id FROM session WHERE access_key_id = $1', [accessKeyId]))[0]?.session_id ?? '';
const shown = async (keys: Keys): Promise<Record<string, unknown>> => ((await call(app, 'rest', { operation: 'GetSession', keys: world.root, input: { SessionId: await idOf(keys) } })).output as { session: Record<string, unknown> }).session;

/** Ends sessions as root; answers how many. */
async function revoke(input: Record<string, unknown>, by: Keys = world.root): Promise<number> {
  const operation = 'SessionId' in input ? 'RevokeSession' : 'RevokeSessions';
  const { code, output, text } = await call(app, 'rest', { operation, keys: by, input });
  if (code !== undefined) throw new Error(text);
  expect(output).toMatchObject({ effectiveWithinSeconds: 1 });
  return (output as { revoked: number }).revoked;
}

/** Alice's session as the role A, one as the role B from there, and one as the role C from there. */
async function chain(): Promise<{ alice: User; roles: [Role, Role, Role]; keys: [TemporaryKeys, TemporaryKeys, TemporaryKeys] }> {
  const alice = await user();
  const a = await role(alice.arn);
  const b = await role(a.arn);
  const c = await role(b.arn);
  const first = await sessions.assumed(alice, a);
  app.clock.advance(10);
  const second = await sessions.assumed(first, b);
  app.clock.advance(10);
  return { alice, roles: [a, b, c], keys: [first, second, await sessions.assumed(second, c)] };
}

describe('ending', () => {
  it('a session ends it and all that were obtained with it, at once, and nothing else', async () => {
    const { alice, roles, keys } = await chain();
    const other = await sessions.assumed(alice, roles[0]);
    expect(await states(...keys, other)).toEqual(['alive', 'alive', 'alive', 'alive']);
    expect(await revoke({ SessionId: await idOf(keys[1]) })).toBe(2);
    expect(await states(...keys, other, alice)).toEqual(['alive', OVER, OVER, 'alive', 'alive']);
    expect(await shown(keys[0])).toMatchObject({ status: 'active' });
    expect(await shown(keys[1])).toMatchObject({ status: 'revoked', revokedAt: Math.floor(app.clock.now().getTime() / 1000) });
    expect(await shown(keys[2])).toMatchObject({ status: 'revoked', parentSessionId: await idOf(keys[1]), rootSessionId: await idOf(keys[0]) });
    // Nor does it come back where it is asked for again, or obtain anything any more.
    await expect(sessions.assumed(keys[1], roles[2])).rejects.toMatchObject({ name: 'ExpiredToken' });
  });

  it('a chain ends all of it', async () => {
    const { keys } = await chain();
    expect(await revoke({ RootSessionId: await idOf(keys[0]) })).toBe(3);
    expect(await states(...keys)).toEqual([OVER, OVER, OVER]);
  });

  it('what a user obtained ends everything down the chain, and his keys go on', async () => {
    const { alice, keys } = await chain();
    const token = await sessions.sessionToken(alice);
    const federated = await sessions.federated(alice, { Name: fresh() });
    expect(await revoke({ PrincipalArn: alice.arn })).toBe(5);
    expect(await states(...keys, token, federated, alice)).toEqual([OVER, OVER, OVER, OVER, OVER, 'alive']);
  });

  it('what a role obtained leaves the role’s own sessions', async () => {
    const { roles, keys } = await chain();
    expect(await revoke({ PrincipalArn: roles[0].arn })).toBe(2);
    expect(await states(...keys)).toEqual(['alive', OVER, OVER]);
  });

  it('the sessions of a role ends those, and what was obtained with them', async () => {
    const { roles, keys } = await chain();
    expect(await revoke({ RoleArn: roles[1].arn })).toBe(2);
    expect(await states(...keys)).toEqual(['alive', OVER, OVER]);
  });

  it('a federated user ends him, and no other guest', async () => {
    const alice = await user();
    const [name, other] = [fresh(), fresh()];
    const guests = [await sessions.federated(alice, { Name: name }), await sessions.federated(alice, { Name: other })];
    expect(await revoke({ PrincipalArn: `arn:aws:sts::${world.root.account}:federated-user/${name}` })).toBe(1);
    expect(await states(...guests)).toEqual([OVER, 'alive']);
  });

  it('what root obtained leaves root', async () => {
    const other = await new World(app).account(fresh());
    const token = await sessions.sessionToken(other.root);
    expect(await revoke({ PrincipalArn: `arn:aws:iam::${other.root.account}:root` }, other.root)).toBe(1);
    expect(await states(token, other.root)).toEqual([OVER, 'alive']);
  });

  it('what was issued before a time leaves what came after', async () => {
    const alice = await user();
    const a = await role(alice.arn);
    const old = await sessions.assumed(alice, a);
    app.clock.advance(60);
    const IssuedBefore = new Date(app.clock.now().getTime() - 1_000).toISOString();
    const young = await sessions.assumed(alice, a);
    expect(await revoke({ RoleArn: a.arn, IssuedBefore })).toBe(1);
    expect(await states(old, young)).toEqual([OVER, 'alive']);
  });

  it('a federated user who never was is refused, and keeps no rule', async () => {
    const PrincipalArn = `arn:aws:sts::${world.root.account}:federated-user/${fresh()}`;
    const effect = await effectOf(app, () => call(app, 'rest', { operation: 'RevokeSessions', keys: world.root, input: { PrincipalArn } }));
    expectRefused(effect, { code: 'NoSuchEntity', status: 404 }, 'RevokeSessions');
  });

  it('what is over already keeps no second rule', async () => {
    const { keys } = await chain();
    const SessionId = await idOf(keys[1]);
    const rules = async (): Promise<number> => (await app.sql('SELECT 1 FROM session_revocation')).length;
    await revoke({ SessionId });
    const before = await rules();
    expect(await revoke({ SessionId })).toBe(2);
    expect(await rules()).toBe(before);
  });

  it('all until now also ends what is issued to a request that had been made before, and not one made later', async () => {
    const alice = await user();
    const a = await role(alice.arn);
    await sessions.assumed(alice, await role(alice.arn));
    // A node that does not remember the role has to ask for it, and waits.
    const beside = await TestApp.boot({ beside: app });
    const held = await hold(app.database, 'role');
    const underWay = new Sessions(beside).assumed(alice, a);
    try {
      await untilBlocked((text) => app.sql(text), 'stint');
      for (const { clock } of [app, beside]) clock.advance(0.005);
      expect((await call(beside, 'rest', { operation: 'RevokeSessions', keys: world.root, input: { PrincipalArn: alice.arn } })).code).toBeUndefined();
    } finally {
      await held.release();
    }
    const late = await new Sessions(beside).assumed(alice, a);
    const first = await underWay;
    await beside.close();
    expect(await states(first, late)).toEqual([OVER, 'alive']);
  });

  it('all until now does not end what is issued in the next moment', async () => {
    const alice = await user();
    const a = await role(alice.arn);
    const old = await sessions.assumed(alice, a);
    await revoke({ RoleArn: a.arn });
    const next = await sessions.assumed(alice, a);
    expect(await states(old, next)).toEqual([OVER, 'alive']);
    app.clock.advance(2);
    // Both are counted: the first has not expired, though it was over.
    expect(await revoke({ RoleArn: a.arn })).toBe(2);
    expect(await state(next)).toBe(OVER);
  });

  it('what a user obtained works after the user is gone, and does not touch another one of his name', async () => {
    const iam = app.iam(world.root);
    const alice = await user();
    const a = await role(world.root.account);
    const old = await sessions.assumed(alice, a);
    const token = await sessions.sessionToken(alice);
    await iam.send(new DeleteAccessKeyCommand({ UserName: alice.name, AccessKeyId: alice.accessKeyId }));
    await iam.send(new DeleteUserPolicyCommand({ UserName: alice.name, PolicyName: 'own' }));
    await iam.send(new DeleteUserCommand({ UserName: alice.name }));
    // A session of the user ends with him; one of a role goes on.
    expect(await states(old, token)).toEqual(['alive', OVER]);
    expect(await revoke({ PrincipalArn: alice.arn })).toBe(2);
    expect(await state(old)).toBe(OVER);
    app.clock.advance(2);
    const again = await world.user(alice.name, allows('*'));
    const young = await sessions.assumed(again, a);
    expect(await state(young)).toBe('alive');
  });

  it('across accounts is for whoever obtained a session, and for whose role it is', async () => {
    const abroad = await new World(app).account(fresh());
    const alice = await user();
    const [theirs, ours] = [await role(alice.arn, abroad), await role(alice.arn)];
    const [first, second] = [await sessions.assumed(alice, theirs), await sessions.assumed(alice, theirs)];
    const events = await app.recordedBy(async () => expect(await revoke({ SessionId: await idOf(first) }, abroad.root)).toBe(1));
    expect(events.map((event) => event.account_id).sort()).toEqual([abroad.root.account, world.root.account].sort());
    expect(await states(first, second)).toEqual([OVER, 'alive']);
    expect(await revoke({ PrincipalArn: alice.arn })).toBe(2);
    expect(await states(first, second)).toEqual([OVER, OVER]);
    app.clock.advance(2);
    // Neither sees, or ends, what is only the other's.
    const own = await sessions.assumed(alice, ours);
    const stranger = await new World(app).account(fresh());
    for (const { root } of [abroad, stranger]) {
      const effect = await effectOf(app, async () => call(app, 'rest', { operation: 'RevokeSession', keys: root, input: { SessionId: await idOf(own) } }));
      expectRefused(effect, { code: 'NoSuchEntity', status: 404, message: `The session with id ${await idOf(own)} cannot be found.` }, 'RevokeSession');
    }
    expect(await state(own)).toBe('alive');
  });

  const wrong: [what: string, input: (at: { user: User; session: string }) => Record<string, unknown>, refusal: { code: string; status: number; message: RegExp }][] = [
    ['nothing', () => ({}), { code: 'ValidationError', status: 400, message: /^Exactly one of/ }],
    ['two at once', ({ user: { arn }, session }) => ({ PrincipalArn: arn, RootSessionId: session }), { code: 'ValidationError', status: 400, message: /^Exactly one of/ }],
    ['what is issued in the future', ({ user: { arn } }) => ({ PrincipalArn: arn, IssuedBefore: '2030-01-01T00:00:00Z' }), { code: 'ValidationError', status: 400, message: /^issuedBefore lies in the future\.$/ }],
    ['a principal of another account', () => ({ PrincipalArn: 'arn:aws:iam::000000000001:user/alice' }), { code: 'ValidationError', status: 400, message: /is not the ARN of a principal of this account\.$/ }],
    ['a session by its ARN', () => ({ PrincipalArn: `arn:aws:sts::${world.root.account}:assumed-role/a/b` }), { code: 'ValidationError', status: 400, message: /is not the ARN of a user, role, federated user, identity provider or root user/ }],
    ['a role that never was', () => ({ RoleArn: `arn:aws:iam::${world.root.account}:role/never` }), { code: 'NoSuchEntity', status: 404, message: /cannot be found\.$/ }],
    ['a chain by one of its later sessions', () => ({ RootSessionId: '00000000-0000-4000-8000-000000000000' }), { code: 'NoSuchEntity', status: 404, message: /cannot be found\.$/ }],
  ];
  it.each(wrong)('%s is refused, and ends nothing', async (_, input, refusal) => {
    const alice = await user();
    const session = await sessions.assumed(alice, await role(alice.arn));
    const at = { user: alice, session: await idOf(session) };
    expectRefused(await effectOf(app, () => call(app, 'rest', { operation: 'RevokeSessions', keys: world.root, input: input(at) })), refusal, 'RevokeSessions');
    expect(await state(session)).toBe('alive');
  });

  it('needs the permission', async () => {
    const alice = await user();
    const session = await sessions.assumed(alice, await role(alice.arn));
    const bob = await world.user(fresh(), allows('stint:ListSessions'));
    for (const [operation, input] of [['RevokeSession', { SessionId: await idOf(session) }], ['RevokeSessions', { PrincipalArn: alice.arn }]] as const) {
      expectRefused(await effectOf(app, () => call(app, 'rest', { operation, keys: bob, input })), { code: 'AccessDenied', status: 403 }, operation);
    }
    const carol = await world.user(fresh(), allows('stint:RevokeSession', `arn:aws:stint::${world.root.account}:session/${await idOf(session)}`));
    expect(await revoke({ SessionId: await idOf(session) }, carol)).toBe(1);
    expect(await state(session)).toBe(OVER);
  });

  it('is recorded, and so is what follows from it', async () => {
    const alice = await user();
    const session = await sessions.assumed(alice, await role(alice.arn));
    const events = await app.recordedBy(async () => revoke({ SessionId: await idOf(session) }));
    expect(events).toHaveLength(1);
    expect(events[0]?.record).toMatchObject({ eventName: 'RevokeSession', eventSource: 'stint.internal', requestParameters: { sessionId: await idOf(session) }, responseElements: { revoked: 1 } });
    const used = await app.recordedBy(() => state(session));
    expect(used.map(({ account_id, record }) => [account_id, record])).toMatchObject([[world.root.account, { eventName: 'GetCallerIdentity', errorCode: 'ExpiredToken', userIdentity: { type: 'AssumedRole', accessKeyId: session.accessKeyId }, additionalEventData: { sessionEnded: 'revoked' } }]]);
    const logged = app.lines.map((line) => JSON.parse(line) as { result?: string; why?: object }).filter(({ result }) => result === 'ExpiredToken');
    expect(logged.at(-1)).toMatchObject({ why: { why: 'revoked' } });
  });
});
