import { DeleteAccessKeyCommand, DeleteRoleCommand, DeleteRolePolicyCommand, DeleteUserCommand, DeleteUserPolicyCommand } from '@aws-sdk/client-iam';

import { TestApp, type Keys } from '../support/app.js';
import { effectOf, expectRefused, type Input } from '../support/calls.js';
import { asksToEnd, ended, sessionIdOf, shown, standing, standings } from '../support/revoking.js';
import { noise, Sessions, type TemporaryKeys } from '../support/sessions.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';

let app: TestApp;
let sessions: Sessions;
let home: World;
let abroad: World;
let count = 0;

const fresh = (): string => `name-${String((count += 1))}`;
const user = (at = home): Promise<User> => at.user(fresh(), allows('*'));
const role = (trusted: string, at = home): Promise<Role> => at.role(fresh(), trusts(trusted), { policy: allows('*') });
/** What is ended "until now" is ended for a second more. */
const later = (seconds = 2): void => app.clock.advance(seconds);

beforeAll(async () => {
  app = await TestApp.boot();
  sessions = new Sessions(app);
  home = await new World(app).account('home');
  abroad = await new World(app).account('abroad');
});
afterAll(() => app.close());
afterEach(() => later());

const steps = ['token', 'gate', 'work', 'scoped', 'deep'] as const;
type Step = (typeof steps)[number];

/** A chain of every kind of step: home as herself, home as a role, abroad as a role, abroad with less, home as a role again. */
interface Journey {
  readonly alice: User;
  readonly roles: Readonly<Record<'gate' | 'work' | 'deep', Role>>;
  readonly keys: Readonly<Record<Step, TemporaryKeys>>;
  /** What she obtained beside it. */
  readonly beside: TemporaryKeys;
}

async function journey(): Promise<Journey> {
  const alice = await user();
  const gate = await role(alice.arn);
  const work = await role(gate.arn, abroad);
  const deep = await role(work.arn);
  const token = await sessions.sessionToken(alice);
  const asGate = await sessions.assumed(token, gate);
  later(10);
  const asWork = await sessions.assumed(asGate, work);
  const scoped = await sessions.scoped(asWork, { DurationSeconds: 1_800 });
  later(10);
  const keys = { token, gate: asGate, work: asWork, scoped, deep: await sessions.assumed(scoped, deep) };
  return { alice, roles: { gate, work, deep }, keys, beside: await sessions.assumed(alice, gate) };
}

interface Case {
  readonly what: string;
  readonly by: 'home' | 'abroad';
  readonly input: (at: Journey) => Input | Promise<Input>;
  readonly ends: readonly Step[];
  /** How many it says: of those that the account sees. */
  readonly says: number;
  readonly besideToo?: true;
}

const one = (step: Step) => async ({ keys }: Journey): Promise<Input> => ({ SessionId: await sessionIdOf(app, keys[step]) });
const cases: Case[] = [
  { what: 'her session token', by: 'home', input: one('token'), ends: steps, says: 4 },
  { what: 'the first role session', by: 'home', input: one('gate'), ends: ['gate', 'work', 'scoped', 'deep'], says: 3 },
  { what: 'the session abroad, from home', by: 'home', input: one('work'), ends: ['work', 'scoped', 'deep'], says: 2 },
  { what: 'the session abroad, from there', by: 'abroad', input: one('work'), ends: ['work', 'scoped', 'deep'], says: 3 },
  { what: 'the scoped session', by: 'abroad', input: one('scoped'), ends: ['scoped', 'deep'], says: 2 },
  { what: 'the last session, from abroad, whose role obtained it', by: 'abroad', input: one('deep'), ends: ['deep'], says: 1 },
  { what: 'the chain', by: 'home', input: async ({ keys }) => ({ RootSessionId: await sessionIdOf(app, keys.token) }), ends: steps, says: 4 },
  { what: 'what the user obtained', by: 'home', input: ({ alice }) => ({ PrincipalArn: alice.arn }), ends: steps, says: 5, besideToo: true },
  { what: 'what the first role obtained', by: 'home', input: ({ roles }) => ({ PrincipalArn: roles.gate.arn }), ends: ['work', 'scoped', 'deep'], says: 2 },
  { what: 'what the role abroad obtained', by: 'abroad', input: ({ roles }) => ({ PrincipalArn: roles.work.arn }), ends: ['scoped', 'deep'], says: 2 },
  { what: 'what the last role obtained', by: 'home', input: ({ roles }) => ({ PrincipalArn: roles.deep.arn }), ends: [], says: 0 },
  { what: 'the sessions of the first role', by: 'home', input: ({ roles }) => ({ RoleArn: roles.gate.arn }), ends: ['gate', 'work', 'scoped', 'deep'], says: 4, besideToo: true },
  { what: 'the sessions of the role abroad', by: 'abroad', input: ({ roles }) => ({ RoleArn: roles.work.arn }), ends: ['work', 'scoped', 'deep'], says: 3 },
  { what: 'the sessions of the last role', by: 'home', input: ({ roles }) => ({ RoleArn: roles.deep.arn }), ends: ['deep'], says: 1 },
];

describe('of a chain of five sessions in two accounts', () => {
  it.each(cases)('$what: ends $ends', async ({ by, input, ends, says, besideToo }) => {
    const at = await journey();
    const all = steps.map((step) => at.keys[step]);
    expect(await standings(app, ...all, at.beside, at.alice)).toEqual(Array.from({ length: 7 }, () => 'alive'));
    const owner = by === 'home' ? home.root : abroad.root;
    expect(await ended(app, await input(at), owner)).toBe(says);
    expect(await standings(app, ...all)).toEqual(steps.map((step) => (ends.includes(step) ? 'ExpiredToken' : 'alive')));
    expect(await standings(app, at.beside, at.alice)).toEqual([besideToo === true ? 'ExpiredToken' : 'alive', 'alive']);
    // What is shown agrees with what works, in both accounts.
    for (const step of steps) {
      const status = ends.includes(step) ? 'revoked' : 'active';
      const sees = step === 'scoped' ? abroad.root : home.root;
      expect({ step, ...(await shown(app, at.keys[step], sees)) }).toMatchObject({ step, status });
    }
  });

  it('an account that does not see the first session cannot end the chain', async () => {
    const { keys } = await journey();
    const input = { RootSessionId: await sessionIdOf(app, keys.token) };
    expectRefused(await effectOf(app, () => asksToEnd(app, input, abroad.root)), { code: 'NoSuchEntity', status: 404 }, 'RevokeSessions');
    expect(await standings(app, ...Object.values(keys))).toEqual(steps.map(() => 'alive'));
  });

  it('the id of a later session is not that of the chain: nobody is told that it ended what goes on', async () => {
    const { keys } = await journey();
    const input = { RootSessionId: await sessionIdOf(app, keys.gate) };
    expectRefused(await effectOf(app, () => asksToEnd(app, input, home.root)), { code: 'NoSuchEntity', status: 404 }, 'RevokeSessions');
    expect(await standings(app, ...Object.values(keys))).toEqual(steps.map(() => 'alive'));
  });
});

describe('what was issued before a time', () => {
  it('includes what was obtained with it since, also in the count', async () => {
    const alice = await user();
    const [gate, other] = [await role(alice.arn), await role(home.root.account)];
    const first = await sessions.assumed(alice, gate);
    later(60);
    const IssuedBefore = app.clock.now().toISOString();
    later(60);
    const second = await sessions.assumed(first, other);
    const young = await sessions.assumed(alice, gate);
    const revoked = await ended(app, { PrincipalArn: alice.arn, IssuedBefore }, home.root);
    expect(await standings(app, first, second, young)).toEqual(['ExpiredToken', 'ExpiredToken', 'alive']);
    expect(revoked).toBe(2);
  });

  it('ends at that time, to the millisecond, which may be now', async () => {
    const alice = await user();
    const gate = await role(alice.arn);
    const before = await sessions.assumed(alice, gate);
    later(0.001);
    const at = await sessions.assumed(alice, gate);
    expect(await ended(app, { RoleArn: gate.arn, IssuedBefore: app.clock.now().toISOString() }, home.root)).toBe(1);
    expect(await standings(app, before, at)).toEqual(['ExpiredToken', 'alive']);
    later(0.001);
    expect(await ended(app, { RoleArn: gate.arn, IssuedBefore: app.clock.now().toISOString() }, home.root)).toBe(2);
    expect(await standing(app, at)).toBe('ExpiredToken');
  });

  it.each(['2026-11-25T10:00:00', '2026-11-25', '2026-11-25T10:00:00+01:00', '2026-02-30T10:00:00Z', 'now', ''])('is a time and not %j', async (IssuedBefore) => {
    const gate = await role(home.root.account);
    expectRefused(await effectOf(app, () => asksToEnd(app, { RoleArn: gate.arn, IssuedBefore }, home.root)), { code: 'ValidationError', status: 400, message: /a time like 2026-11-25T03:20:00Z/ }, 'RevokeSessions');
  });

  it('may be long ago', async () => {
    const alice = await user();
    const gate = await role(alice.arn);
    const session = await sessions.assumed(alice, gate);
    for (const IssuedBefore of ['0000-01-01T00:00:00Z', '1970-01-01T00:00:00Z']) expect(await ended(app, { RoleArn: gate.arn, IssuedBefore }, home.root)).toBe(0);
    expect(await standing(app, session)).toBe('alive');
  });
});

describe('ended again', () => {
  it('what is over stays over from the first time', async () => {
    const alice = await user();
    const session = await sessions.assumed(alice, await role(alice.arn));
    const SessionId = await sessionIdOf(app, session);
    await ended(app, { SessionId }, home.root);
    const { revokedAt } = await shown(app, session, home.root);
    later(30);
    expect(await ended(app, { SessionId }, home.root)).toBe(1);
    expect(await ended(app, { PrincipalArn: alice.arn, IssuedBefore: app.clock.now().toISOString() }, home.root)).toBe(1);
    expect(await shown(app, session, home.root)).toMatchObject({ status: 'revoked', revokedAt });
  });

  it('a session that has expired is not counted, and what was obtained with it ends', async () => {
    const alice = await user();
    const [gate, other] = [await role(alice.arn), await role(home.root.account)];
    const first = await sessions.assumed(alice, gate, { DurationSeconds: 900 });
    const second = await sessions.assumed(first, other);
    later(900);
    expect(await standings(app, first, second)).toEqual(['ExpiredToken', 'alive']);
    expect(await ended(app, { SessionId: await sessionIdOf(app, first) }, home.root)).toBe(1);
    expect(await standing(app, second)).toBe('ExpiredToken');
    expect([(await shown(app, first, home.root)).status, (await shown(app, second, home.root)).status]).toEqual(['expired', 'revoked']);
  });

  it('a session may end itself, once', async () => {
    const alice = await user();
    const session = await sessions.assumed(alice, await role(alice.arn));
    const SessionId = await sessionIdOf(app, session);
    expect(await ended(app, { SessionId }, session)).toBe(1);
    expect((await asksToEnd(app, { SessionId }, session)).code).toBe('ExpiredToken');
  });
});

describe('sessions of those who are gone', () => {
  async function remove({ name, accessKeyId }: User): Promise<void> {
    const iam = app.iam(home.root);
    await iam.send(new DeleteAccessKeyCommand({ UserName: name, AccessKeyId: accessKeyId }));
    await iam.send(new DeleteUserPolicyCommand({ UserName: name, PolicyName: 'own' }));
    await iam.send(new DeleteUserCommand({ UserName: name }));
  }

  it('the ARN of a user means whoever had it: those before and the one who has it now', async () => {
    const gate = await role(home.root.account);
    const former = await user();
    const obtained = [await sessions.assumed(former, gate)];
    for (let turn = 0; turn < 2; turn += 1) {
      await remove(former);
      const next = await home.user(former.name, allows('*'));
      obtained.push(await sessions.assumed(next, gate), await sessions.sessionToken(next));
      Object.assign(former, next);
    }
    // The session token of the one in between ended with him.
    expect(await standings(app, ...obtained)).toEqual(['alive', 'alive', 'ExpiredToken', 'alive', 'alive']);
    expect(await ended(app, { PrincipalArn: former.arn }, home.root)).toBe(5);
    expect(await standings(app, ...obtained)).toEqual(obtained.map(() => 'ExpiredToken'));
    expect(await standing(app, former)).toBe('alive');
  });

  it('a user who is gone and left nothing cannot be found', async () => {
    const former = await user();
    await remove(former);
    expectRefused(await effectOf(app, () => asksToEnd(app, { PrincipalArn: former.arn }, home.root)), { code: 'NoSuchEntity', status: 404 }, 'RevokeSessions');
  });

  it('what was obtained with a role that is gone, and made anew, ends with the sessions of its ARN', async () => {
    const alice = await user();
    const [gate, other] = [await role(alice.arn), await role(home.root.account)];
    const first = await sessions.assumed(alice, gate);
    const second = await sessions.assumed(first, other);
    const iam = app.iam(home.root);
    await iam.send(new DeleteRolePolicyCommand({ RoleName: gate.name, PolicyName: 'own' }));
    await iam.send(new DeleteRoleCommand({ RoleName: gate.name }));
    const again = await home.role(gate.name, trusts(alice.arn));
    const third = await sessions.assumed(alice, again);
    expect(await standings(app, first, second, third)).toEqual(['ExpiredToken', 'alive', 'alive']);
    expect(await ended(app, { RoleArn: gate.arn }, home.root)).toBe(3);
    expect(await standings(app, second, third)).toEqual(['ExpiredToken', 'ExpiredToken']);
  });
});

describe('a borrowed root user', () => {
  let manager: User;
  let borrowed: TemporaryKeys;
  beforeEach(async () => {
    const management = new World(app);
    manager = await management.user(fresh(), allows('*'));
    borrowed = await sessions.borrowed(manager, abroad.root.account);
  });

  const ways: [what: string, by: () => Keys, input: () => Promise<Input>, ends: boolean][] = [
    ['by whoever borrowed', () => app.root, () => Promise.resolve({ PrincipalArn: manager.arn }), true],
    ['by its session, where it was borrowed', () => app.root, async () => ({ SessionId: await sessionIdOf(app, borrowed) }), true],
    ['by its session, where it acts', () => abroad.root, async () => ({ SessionId: await sessionIdOf(app, borrowed) }), true],
    ['not with what the root user himself obtained', () => abroad.root, () => Promise.resolve({ PrincipalArn: `arn:aws:iam::${abroad.root.account}:root` }), false],
  ];
  it.each(ways)('ends %s', async (_, by, input, ends) => {
    expect(await ended(app, await input(), by())).toBe(ends ? 1 : 0);
    expect(await standings(app, borrowed, abroad.root)).toEqual([ends ? 'ExpiredToken' : 'alive', 'alive']);
  });
});

describe('the ARN of a federated user', () => {
  const impossible: [what: string, arn: (account: string) => string][] = [
    ['without a name', (account) => `arn:aws:sts::${account}:federated-user/`],
    ['with a name of one character', (account) => `arn:aws:sts::${account}:federated-user/x`],
    ['with a name of 33 characters', (account) => `arn:aws:sts::${account}:federated-user/${'x'.repeat(33)}`],
    ['with a path', (account) => `arn:aws:sts::${account}:federated-user/team/guest`],
    ['with a blank', (account) => `arn:aws:sts::${account}:federated-user/my guest`],
    ['with a region', (account) => `arn:aws:sts:us-east-1:${account}:federated-user/guest`],
    // What packs badly and takes three bytes a character.
    ['with a name that no index takes', (account) => `arn:aws:sts::${account}:federated-user/${[...noise(1_900)].map((letter, index) => String.fromCodePoint(0x4e00 + ((letter.codePointAt(0)! * 131 + index * 7_919) % 20_000))).join('')}`],
  ];
  it.each(impossible)('%s is nobody’s, and is refused', async (_, arn) => {
    const PrincipalArn = arn(home.root.account);
    expectRefused(await effectOf(app, () => asksToEnd(app, { PrincipalArn }, home.root)), { code: 'ValidationError', status: 400, message: /is not the ARN of / }, 'RevokeSessions');
  });

  it('ends him whoever federated him, with all of his sessions, and nobody whose name only begins so', async () => {
    const alice = await user();
    const guests = [await sessions.federated(alice, { Name: 'guest' }), await sessions.federated(home.root, { Name: 'guest' }), await sessions.federated(alice, { Name: 'guest' })];
    const others = [await sessions.federated(alice, { Name: 'guest2' }), await sessions.federated(alice, { Name: 'Guest' }), await sessions.federated(abroad.root, { Name: 'guest' })];
    expect(await ended(app, { PrincipalArn: `arn:aws:sts::${home.root.account}:federated-user/guest` }, home.root)).toBe(3);
    expect(await standings(app, ...guests, ...others)).toEqual(['ExpiredToken', 'ExpiredToken', 'ExpiredToken', 'alive', 'alive', 'alive']);
  });
});
