import { CLOCKS_DIFFER_MS } from '../../src/sessions/revocations.js';
import { NOW, TestApp } from '../support/app.js';
import type { Input } from '../support/calls.js';
import { FixedClock } from '../support/fakes.js';
import { until } from '../support/outage.js';
import { ended, sessionIdOf, standing, standings } from '../support/revoking.js';
import { Sessions, type TemporaryKeys } from '../support/sessions.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';

/** Nearly half of what clocks may differ by, in seconds. */
const SKEW = (0.45 * CLOCKS_DIFFER_MS) / 1_000;

/** Nodes whose clocks go right, and nearly half a second too late or too early: two of them differ by less than a second. */
const nodes = ['right', 'behind', 'ahead'] as const;
type Node = (typeof nodes)[number];
const at = new Map<Node, TestApp>();
const node = (name: Node): TestApp => at.get(name)!;

let world: World;
let count = 0;

beforeAll(async () => {
  const right = await TestApp.boot();
  at.set('right', right);
  for (const [name, skew] of [['behind', -SKEW], ['ahead', SKEW]] as const) {
    at.set(name, await TestApp.boot({ beside: right, clock: new FixedClock(new Date(NOW.getTime() + skew * 1_000)) }));
  }
  world = new World(right);
});
afterAll(async () => {
  for (const name of ['behind', 'ahead', 'right'] as const) await node(name).close();
});
/** Time passes everywhere. */
const later = (seconds: number): void => {
  for (const app of at.values()) app.clock.advance(seconds);
};
afterEach(() => later(5));

interface Somebody {
  readonly alice: User;
  readonly role: Role;
}
async function somebody(): Promise<Somebody> {
  count += 1;
  const alice = await world.user(`alice-${String(count)}`, allows('*'));
  return { alice, role: await world.role(`role-${String(count)}`, trusts(alice.arn), { policy: allows('*') }) };
}
const assumed = (on: Node, { alice, role }: Somebody): Promise<TemporaryKeys> => new Sessions(node(on)).assumed(alice, role);

/** Every way of ending a session of somebody. */
const ways: [what: string, input: (of: Somebody, keys: TemporaryKeys) => Input | Promise<Input>][] = [
  ['the session', async (_, keys) => ({ SessionId: await sessionIdOf(node('right'), keys) })],
  ['its chain', async (_, keys) => ({ RootSessionId: await sessionIdOf(node('right'), keys) })],
  ['all of the role', ({ role }) => ({ RoleArn: role.arn })],
  ['all that the user obtained', ({ alice }) => ({ PrincipalArn: alice.arn })],
];
const pairs = nodes.flatMap((issuing) => nodes.map((ending) => ({ issuing, ending })));

/** That a session is over at each node, as soon as the node can know. */
async function isOverEverywhere(keys: TemporaryKeys): Promise<void> {
  for (const name of nodes) await until(`the node that is ${name} refuses it`, async () => (await standing(node(name), keys)) === 'ExpiredToken');
}

describe.each(ways)('ending %s', (_, input) => {
  it.each(pairs)('ends what the node that is $issuing has just issued, on the node that is $ending', async ({ issuing, ending }) => {
    const of = await somebody();
    const keys = await assumed(issuing, of);
    expect(await standing(node(ending), keys)).toBe('alive');
    expect(await ended(node(ending), await input(of, keys))).toBe(1);
    expect(await standing(node(ending), keys)).toBe('ExpiredToken');
    await isOverEverywhere(keys);
  });
});

/** Ends what somebody has, at one node, and waits until another knows. */
async function after(ending: Node, issuing: Node, input: (of: Somebody) => Input): Promise<Somebody> {
  const of = await somebody();
  const keys = await assumed('right', of);
  await ended(node(ending), input(of));
  await until(`the node that is ${issuing} knows`, async () => (await standing(node(issuing), keys)) === 'ExpiredToken');
  return of;
}
const ofRole = ({ role }: Somebody): Input => ({ RoleArn: role.arn });
const ofUser = ({ alice }: Somebody): Input => ({ PrincipalArn: alice.arn });

describe.each([['all of a role', ofRole], ['all that a user obtained', ofUser]] as const)('after %s was ended', (_, input) => {
  it.each(pairs)('by the node that is $ending, a session that the node that is $issuing issues in the next moment lives', async ({ issuing, ending }) => {
    const keys = await assumed(issuing, await after(ending, issuing, input));
    expect(await Promise.all(nodes.map((name) => standing(node(name), keys)))).toEqual(['alive', 'alive', 'alive']);
    later(2);
    expect(await Promise.all(nodes.map((name) => standing(node(name), keys)))).toEqual(['alive', 'alive', 'alive']);
  });
});

describe.each(ways)('a session of the moment after everything was ended can be ended itself: %s', (_, again) => {
  it.each(pairs)('by the node that is $ending, where the node that is $issuing ended what was before and issued it', async ({ issuing, ending }) => {
    const of = await after(issuing, issuing, ofUser);
    const keys = await assumed(issuing, of);
    expect(await standing(node(issuing), keys)).toBe('alive');
    later(0.001);
    await ended(node(ending), await again(of, keys));
    expect(await standing(node(ending), keys)).toBe('ExpiredToken');
    await isOverEverywhere(keys);
  });
});

it('a session that begins a moment later because others were ended lasts no longer for that', async () => {
  const of = await somebody();
  await ended(node('right'), { RoleArn: of.role.arn });
  const keys = await assumed('right', of);
  later(3_599);
  expect(await standing(node('right'), keys)).toBe('alive');
  later(1);
  expect(await standings(node('right'), keys)).toEqual(['ExpiredToken']);
});
