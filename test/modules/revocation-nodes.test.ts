import { Revocations } from '../../src/sessions/revocations.js';
import { TestApp, type Keys } from '../support/app.js';
import { call } from '../support/calls.js';
import { cut, until, withoutDatabase } from '../support/outage.js';
import { Sessions, type TemporaryKeys } from '../support/sessions.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';

/** What every node keeps to, in milliseconds of real time. */
const EFFECTIVE_WITHIN_MS = 1_000;

let a: TestApp;
let b: TestApp;
let world: World;
let alice: User;
let worker: Role;

beforeAll(async () => {
  a = await TestApp.boot();
  b = await TestApp.boot({ beside: a, env: { STINT_REVOCATION_MAX_AGE: '2' } });
  world = new World(a);
  alice = await world.user('alice', allows('*'));
  worker = await world.role('worker', trusts(alice.arn), { policy: allows('*') });
});
afterAll(async () => {
  await b.close();
  await a.close();
});
afterEach(() => { a.clock.advance(2); });

async function state(node: TestApp, keys: Keys): Promise<string> {
  return (await call(node, 'query', { operation: 'GetCallerIdentity', keys, input: {} })).code ?? 'alive';
}
const session = (): Promise<TemporaryKeys> => new Sessions(a).assumed(alice, worker);
const idOf = async ({ accessKeyId }: Keys): Promise<string> => (await a.sql<{ session_id: string }>('SELECT session_id FROM session WHERE access_key_id = $1', [accessKeyId]))[0]?.session_id ?? '';
async function revoke(node: TestApp, SessionId: string): Promise<void> {
  const { code, text } = await call(node, 'rest', { operation: 'RevokeSession', keys: a.root, input: { SessionId } });
  if (code !== undefined) throw new Error(text);
}
async function metric(node: TestApp, name: string): Promise<number> {
  return Number(new RegExp(`^${name} ([\\d.e+-]+)$`, 'm').exec((await node.send({ path: '/metrics' })).text)?.[1]);
}

const circumstances: [what: string, before: () => Promise<void>][] = [
  ['while notices come', () => Promise.resolve()],
  ['while the listener of every node has just been cut', () => cut(a.database, 'stint notices')],
];
it.each(circumstances)('a session that one node ends is over there at once, and on the other within a second, %s', async (_, before) => {
  const keys = await session();
  expect([await state(a, keys), await state(b, keys)]).toEqual(['alive', 'alive']);
  const id = await idOf(keys);
  await before();
  await revoke(a, id);
  const since = performance.now();
  expect(await state(a, keys)).toBe('ExpiredToken');
  await until('the other node refuses it', async () => (await state(b, keys)) === 'ExpiredToken');
  // Not a measurement: the promise of RevokeSession, with as much again for a slow machine.
  expect(performance.now() - since).toBeLessThan(4 * EFFECTIVE_WITHIN_MS);
});

it('a node whose listener is cut again and again still learns of it by asking', async () => {
  const keys = await session();
  const id = await idOf(keys);
  const over = new AbortController();
  const cutting = (async () => {
    while (!over.signal.aborted) {
      await cut(a.database, 'stint notices');
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  try {
    await revoke(a, id);
    await until('the other node refuses it', async () => (await state(b, keys)) === 'ExpiredToken');
  } finally {
    over.abort();
    await cutting;
  }
});

it('a node that starts anew knows what was ended before', async () => {
  const keys = await session();
  await revoke(a, await idOf(keys));
  const c = await TestApp.boot({ beside: a });
  try {
    expect(await state(c, keys)).toBe('ExpiredToken');
    expect(await metric(c, 'stint_revocations')).toBe(await metric(a, 'stint_revocations'));
  } finally {
    await c.close();
  }
});

it('a node that cannot ask for too long refuses every session rather than trust it, and says how old its view is', async () => {
  const keys = await session();
  expect(await state(b, keys)).toBe('alive');
  expect(await metric(b, 'stint_revocation_age_seconds')).toBeLessThan(2);
  const revocations = b.running.app.get(Revocations);
  await withoutDatabase(a.database, async () => {
    await until('its view is too old', () => revocations.age > 2_000);
    expect(() => revocations.isEnded({ startedBy: 'x', chain: [] })).toThrow(expect.objectContaining({ code: 'ServiceUnavailable' }) as Error);
    const answer = await call(b, 'query', { operation: 'GetCallerIdentity', keys, input: {} });
    expect([answer.status, answer.code]).toEqual([503, 'ServiceUnavailable']);
    expect(await metric(b, 'stint_revocation_age_seconds')).toBeGreaterThan(2);
  });
  await until('it knows again', async () => (await state(b, keys)) === 'alive');
});

it('no session of a chain outlives the end of its first, whatever is being issued meanwhile', async () => {
  const hop = await world.role('hop', { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: a.root.account }, Action: 'sts:AssumeRole' }] }, { policy: allows('*') });
  const first = await session();
  const issued: TemporaryKeys[] = [first];
  const over = new AbortController();
  const issuing = (async () => {
    const from = new Sessions(b);
    while (!over.signal.aborted && issued.length < 25) {
      const next = await from.assumed(issued.at(-1) ?? first, hop).catch(() => undefined);
      if (next === undefined) break;
      issued.push(next);
    }
  })();
  await until('some sessions were obtained', () => issued.length > 3);
  await revoke(a, await idOf(first));
  await until('the other node refuses the first', async () => (await state(b, first)) === 'ExpiredToken');
  over.abort();
  await issuing;
  expect(issued.length).toBeGreaterThan(3);
  for (const keys of issued) expect([await state(a, keys), await state(b, keys)]).toEqual(['ExpiredToken', 'ExpiredToken']);
});
