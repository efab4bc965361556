import { Secret } from '../../src/domain/secret.js';
import { Passwords } from '../../src/identities/passwords.js';
import { PasswordsStore } from '../../src/identities/passwords.store.js';
import { TestApp, type Answer, type Keys } from '../support/app.js';
import { call, effectOf, expectRefused, type Called, type Input } from '../support/calls.js';
import { untilBlocked } from '../support/outage.js';
import { FIRST, SECOND } from '../support/password-scenarios.js';
import { allows, World, type User } from '../support/world.js';

let a: TestApp;
let b: TestApp;
let world: World;
let count = 0;

beforeAll(async () => {
  a = await TestApp.boot();
  b = await TestApp.boot({ beside: a });
  world = await new World(a).account('passwords');
});
afterAll(async () => {
  await b.close();
  await a.close();
});

const fresh = (): string => `user-${String((count += 1))}`;
const ask = (operation: string, input: Input, keys: Keys = world.root, node = a): Promise<Called> => call(node, 'query', { operation, keys, input });
async function done(operation: string, input: Input): Promise<void> {
  const { code, message } = await ask(operation, input);
  if (code !== undefined) throw new Error(`${operation} was refused: ${code} ${message ?? ''}`);
}
async function withPassword(): Promise<User> {
  const user = await world.user(fresh(), allows('iam:*'));
  await done('CreateLoginProfile', { UserName: user.name, Password: FIRST });
  return user;
}
const change = (keys: Keys, OldPassword: string, NewPassword: string, node = a): Promise<Called> => ask('ChangePassword', { OldPassword, NewPassword }, keys, node);
const owner = (user: User) => ({ userId: user.id, accountId: world.root.account });
const verify = (user: User, password: string, node = a) => node.running.app.get(Passwords).verifyPassword(owner(user), Secret.of(password), node.clock.now());
const rowOf = async (user: User) => (await a.sql<{ password: Buffer; previous: Buffer[]; wrong_guesses: number; next_guess_at: Date | null }>('SELECT * FROM login_profile WHERE user_id = $1', [user.id]))[0]!;

describe('a password at rest', () => {
  it('is a hash with a salt of its own, in an envelope that opens for its user only', async () => {
    const [one, other] = [await withPassword(), await withPassword()];
    const { keyring } = a.running.kernel;
    const hashes = await Promise.all([one, other].map(async (user) => keyring.openPassword(user.id, (await rowOf(user)).password).reveal()));
    for (const hashed of hashes) expect(hashed).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(new Set(hashes.flatMap((hashed) => hashed.split('$').slice(3))).size).toBe(4);
    const { password } = await rowOf(one);
    expect(() => keyring.openPassword(other.id, password)).toThrow(`the stored password of user ${other.id} does not open with the master key`);
  });

  it('has at most 23 before it, latest first', async () => {
    const user = await withPassword();
    const { password: first } = await rowOf(user);
    await a.sql('UPDATE login_profile SET previous = array_fill($1::bytea, ARRAY[23]) WHERE user_id = $2', [Buffer.from('old'), user.id]);
    await done('UpdateLoginProfile', { UserName: user.name, Password: SECOND });
    const { previous } = await rowOf(user);
    expect(previous).toEqual([first, ...Array.from({ length: 22 }, () => Buffer.from('old'))]);
  });

  it('that was tampered with is a bug that is told to nobody but the log', async () => {
    const [user, other] = [await withPassword(), await withPassword()];
    await a.sql('UPDATE login_profile SET password = $1 WHERE user_id = $2', [(await rowOf(other)).password, user.id]);
    const effect = await effectOf(a, () => change(user, FIRST, SECOND));
    expectRefused(effect, { code: 'InternalFailure', status: 500 }, 'ChangePassword');
    expect(a.lines.join('')).toContain(`the stored password of user ${user.id} does not open with the master key`);
  });
});

describe('whoever asks whether a password is right', () => {
  it('learns it, and whether there is one', async () => {
    const user = await withPassword();
    await expect(verify(user, FIRST)).resolves.toMatchObject({ is: 'right', profile: { userId: user.id } });
    await expect(verify(user, SECOND)).resolves.toEqual({ is: 'wrong' });
    await expect(verify(user, '')).resolves.toEqual({ is: 'wrong' });
    await expect(verify(await world.user(fresh()), FIRST)).resolves.toEqual({ is: 'absent' });
  });

  it('learns the facts of passwords of an account, and when each expires', async () => {
    const own = await new World(a).account('facts');
    const facts = (): Promise<unknown> => a.running.kernel.database.read((tx) => a.running.app.get(PasswordsStore).passwordsOf(tx, own.root.account, everybody));
    const [alice, bob] = [await own.user('alice', allows('iam:*')), await own.user('bob')];
    const everybody = [alice.id, bob.id, (await own.user('without')).id];
    const createdAt = a.clock.now();
    for (const { name } of [alice, bob]) await ask('CreateLoginProfile', { UserName: name, Password: FIRST, PasswordResetRequired: name === 'bob' }, own.root);
    const never = { createdAt, changedAt: createdAt, resetRequired: false, afterExpiry: 'the user' };
    expect(await facts()).toEqual(new Map([[alice.id, never], [bob.id, { ...never, resetRequired: true }]]));
    a.clock.advance(60);
    const changedAt = a.clock.now();
    expect((await change(alice, FIRST, SECOND)).code).toBeUndefined();
    await ask('UpdateAccountPasswordPolicy', { MaxPasswordAge: 90, HardExpiry: true }, own.root);
    const days = (from: Date): Date => new Date(from.getTime() + 90 * 86_400_000);
    expect(await facts()).toEqual(
      new Map([
        [alice.id, { createdAt, changedAt, resetRequired: false, expiresAt: days(changedAt), afterExpiry: 'an administrator' }],
        [bob.id, { createdAt, changedAt: createdAt, resetRequired: true, expiresAt: days(createdAt), afterExpiry: 'an administrator' }],
      ]),
    );
  });

  it('is told to come back where too many of the account ask, while other accounts are served', async () => {
    const other = await (await new World(a).account('elsewhere')).user('bob');
    const user = await withPassword();
    const passwords = a.running.app.get(Passwords);
    const asked = Array.from({ length: 18 }, () => passwords.stored(owner(user), Secret.of(FIRST)));
    await expect(passwords.stored(owner(user), Secret.of(FIRST))).rejects.toMatchObject({ code: 'ServiceUnavailable' });
    await expect(verify(user, FIRST)).rejects.toMatchObject({ code: 'ServiceUnavailable' });
    const elsewhere = passwords.stored({ userId: other.id, accountId: 'elsewhere' }, Secret.of(FIRST));
    // Its own change waits for its turn without holding what others need.
    const slow = change(user, FIRST, SECOND);
    expect((await ask('TagUser', { UserName: user.name, Tags: [{ Key: 'a', Value: 'b' }] })).code).toBeUndefined();
    await expect(Promise.all(asked)).resolves.toHaveLength(18);
    await elsewhere;
    expect([undefined, 'ServiceUnavailable', 'ConcurrentModification']).toContain((await slow).code);
    expect((await rowOf(user)).wrong_guesses).toBe(0);
  }, 60_000);

  it('is told when, and is no failure of the node for whoever reads its log', async () => {
    const user = await withPassword();
    const passwords = a.running.app.get(Passwords);
    let isOver = false;
    const crowd = Array.from({ length: 40 }, async () => {
      while (!isOver) await passwords.stored(owner(user), Secret.of(FIRST)).catch(() => new Promise((later) => setTimeout(later, 1)));
    });
    const before = a.lines.length;
    const asked = (): Promise<Answer> => a.query(world.root, { Action: 'UpdateLoginProfile', Version: '2010-05-08', UserName: user.name, Password: SECOND });
    let answer = await asked();
    // It may have come at the moment at which somebody left.
    for (let left = 20; left > 0 && answer.status === 200; left -= 1) answer = await asked();
    isOver = true;
    await Promise.all(crowd);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    const written = a.lines.slice(before).map((line) => JSON.parse(line) as { level: string; msg: string; why?: { why?: string } });
    expect(written.filter(({ level }) => level === 'error')).toEqual([]);
    expect(written.map(({ msg, why }) => [msg, why?.why])).toContainEqual(['request', 'too many wait']);
  }, 60_000);
});

describe('guessing at a password', () => {
  const TOO_OFTEN = (user: User, seconds: number): string => `The password of user ${user.name} was guessed wrong too often. Repeat the request in ${seconds} seconds.`;
  const tooSoon = async (user: User, node: TestApp, seconds: number): Promise<void> => {
    const effect = await effectOf(a, async () => {
      const result = await change(user, FIRST, SECOND, node);
      await node.running.kernel.ledger.flush();
      return result;
    });
    expectRefused(effect, { code: 'EntityTemporarilyUnmodifiable', status: 409, message: TOO_OFTEN(user, seconds) }, 'ChangePassword');
    expect(effect.events[0]?.record['errorCode']).toBe('EntityTemporarilyUnmodifiableException');
  };

  it('has to wait after five wrong ones, on every node, longer each time, until a right one', async () => {
    const user = await withPassword();
    for (const node of [a, b, a, b, a]) expect((await change(user, SECOND, SECOND, node)).code).toBe('AccessDenied');
    for (const node of [a, b]) await tooSoon(user, node, 30);
    a.clock.advance(29);
    await tooSoon(user, b, 1);
    a.clock.advance(1);
    expect((await change(user, SECOND, SECOND, b)).code).toBe('AccessDenied');
    await tooSoon(user, a, 60);
    a.clock.advance(60);
    expect((await change(user, FIRST, SECOND)).code).toBeUndefined();
    expect(await rowOf(user)).toMatchObject({ wrong_guesses: 0, next_guess_at: null });
    for (let guess = 0; guess < 4; guess += 1) expect((await change(user, FIRST, FIRST)).code).toBe('AccessDenied');
    expect((await change(user, SECOND, FIRST)).code).toBeUndefined();
  }, 60_000);

  it('lets no more than five through, however many are made at once on however many nodes', async () => {
    const user = await withPassword();
    const guesses = await Promise.all(Array.from({ length: 20 }, (_, index) => change(user, `Wrong-${String(index)}`, SECOND, index % 2 === 0 ? a : b)));
    const codes = guesses.map(({ code }) => code);
    expect(codes.filter((code) => code === 'AccessDenied')).toHaveLength(5);
    expect(codes.filter((code) => code === 'EntityTemporarilyUnmodifiable')).toHaveLength(15);
  }, 60_000);

  it('begins anew with another password, and costs a right one nothing although the new one is refused', async () => {
    const user = await withPassword();
    for (let guess = 0; guess < 5; guess += 1) await change(user, SECOND, SECOND);
    await done('UpdateLoginProfile', { UserName: user.name, PasswordResetRequired: true });
    await tooSoon(user, a, 30);
    await done('UpdateLoginProfile', { UserName: user.name, Password: SECOND });
    await done('UpdateAccountPasswordPolicy', { PasswordReusePrevention: 1 });
    for (let guess = 0; guess < 6; guess += 1) expect((await change(user, SECOND, SECOND)).code).toBe('PasswordPolicyViolation');
    await done('DeleteAccountPasswordPolicy', {});
    expect((await change(user, SECOND, FIRST)).code).toBeUndefined();
  }, 60_000);
});

describe('two changes of one password at once', () => {
  it('are one: the other is told, and the one that won is the password', async () => {
    for (let round = 0; round < 3; round += 1) {
      const user = await withPassword();
      const wanted = ['Changed-here-1', 'Changed-there-2'] as const;
      const answers = await Promise.all([change(user, FIRST, wanted[0], a), change(user, FIRST, wanted[1], b)]);
      const winner = answers.findIndex(({ code }) => code === undefined);
      expect(winner).toBeGreaterThanOrEqual(0);
      expect(['ConcurrentModification', 'AccessDenied']).toContain(answers[1 - winner]?.code);
      await expect(verify(user, wanted[winner]!)).resolves.toMatchObject({ is: 'right' });
      await expect(verify(user, wanted[1 - winner]!)).resolves.toEqual({ is: 'wrong' });
      expect((await rowOf(user)).previous).toHaveLength(1);
    }
  }, 60_000);

  it('are one where both would make the first', async () => {
    const user = await world.user(fresh());
    const answers = await Promise.all([a, b].map((node) => ask('CreateLoginProfile', { UserName: user.name, Password: FIRST }, world.root, node)));
    expect(answers.map(({ code }) => code ?? 'ok').sort()).toEqual(['EntityAlreadyExists', 'ok']);
  });

  /** Lets `work` hash and then wait for its user, while something else is changed first. */
  async function overtaken(user: User, work: () => Promise<Called>, first: () => Promise<unknown>): Promise<Called> {
    await a.sql('BEGIN');
    await a.sql('SELECT 1 FROM iam_user WHERE user_id = $1 FOR UPDATE', [user.id]);
    const working = work();
    await untilBlocked((text) => b.sql(text), 'stint');
    await first();
    await a.sql('COMMIT');
    return working;
  }
  const CHANGED = { code: 'ConcurrentModification', status: 409 };

  const overtaking: [what: string, first: (user: User) => Promise<unknown>][] = [
    ['the password', (user) => a.sql('UPDATE login_profile SET password = $2 WHERE user_id = $1', [user.id, Buffer.from('another')])],
    ['the profile, which is gone', (user) => a.sql('DELETE FROM login_profile WHERE user_id = $1', [user.id])],
    ['the rules', () => a.sql('INSERT INTO password_policy VALUES ($1, 20, false, false, false, false, false)', [world.root.account])],
  ];
  it.each(overtaking)('are refused where somebody was quicker to change %s', async (_, first) => {
    for (const operation of ['ChangePassword', 'UpdateLoginProfile']) {
      const user = await withPassword();
      const work = (): Promise<Called> => (operation === 'ChangePassword' ? change(user, FIRST, SECOND) : ask(operation, { UserName: user.name, Password: SECOND }));
      expect([operation, await overtaken(user, work, () => first(user))]).toEqual([operation, expect.objectContaining(CHANGED)]);
      expect((await a.events()).at(-1)).toMatchObject({ event_name: operation, outcome: 'refused', error_code: 'ConcurrentModification' });
      await a.sql('DELETE FROM password_policy');
    }
  }, 60_000);

  it('are refused to whom they are not allowed any more when it comes to it', async () => {
    const user = await withPassword();
    await a.sql('BEGIN');
    await a.sql('SELECT 1 FROM login_profile WHERE user_id = $1 FOR UPDATE', [user.id]);
    const working = change(user, FIRST, SECOND);
    await untilBlocked((text) => b.sql(text), 'stint');
    await done('DeleteUserPolicy', { UserName: user.name, PolicyName: 'own' });
    await a.sql('COMMIT');
    expect(await working).toMatchObject({ code: 'AccessDenied', message: expect.stringContaining('is not authorized to perform: iam:ChangePassword') });
    await expect(verify(user, FIRST)).resolves.toMatchObject({ is: 'right' });
  }, 60_000);

  it('never give a password to another user who has got the name', async () => {
    const user = await world.user(fresh());
    const other = `AIDA${'OTHER'.padEnd(17, 'X')}`;
    const answer = await overtaken(user, () => ask('CreateLoginProfile', { UserName: user.name, Password: FIRST }), async () => {
      await a.sql(`UPDATE iam_user SET user_name = 'renamed', name_key = 'renamed' WHERE user_id = $1`, [user.id]);
      await a.sql(`INSERT INTO iam_user (user_id, account_id, user_name, name_key, path, tags, created_at) SELECT $1, account_id, $2, $2, path, tags, created_at FROM iam_user WHERE user_id = $3`, [other, user.name, user.id]);
    });
    // The one who had the name when it was asked for does not have it any more.
    expect(answer).toMatchObject({ code: 'NoSuchEntity', status: 404 });
    expect(await a.sql('SELECT 1 FROM login_profile WHERE user_id IN ($1, $2)', [user.id, other])).toEqual([]);
  });
});
