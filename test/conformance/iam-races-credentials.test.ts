import type { Input } from '../support/calls.js';
import type { Ended, Step } from '../support/orders.js';
import { BURSTS, endingOf, picksOf, Races, requireOrder, same, type Asked } from '../support/races.js';
import { fromBase32, totp } from '../support/totp.js';
import { World } from '../support/world.js';

const races = new Races();
const { ask, done, exists, fresh, runs } = races;

beforeAll(() => races.start());
afterAll(() => races.stop());

/** A device that has just been made, and the codes it shows now. */
async function device(name: string): Promise<{ SerialNumber: string; codes: Input }> {
  const { output } = await done('CreateVirtualMFADevice', { VirtualMFADeviceName: name });
  const { serialNumber, base32StringSeed } = (output as { virtualMFADevice: { serialNumber: string; base32StringSeed: string } }).virtualMFADevice;
  const seed = fromBase32(Buffer.from(base32StringSeed, 'base64').toString('ascii'));
  const now = races.nodes[0].clock.now();
  return { SerialNumber: serialNumber, codes: { AuthenticationCode1: totp(seed, now, -30), AuthenticationCode2: totp(seed, now) } };
}

describe('what belongs to a user does not outlive him, however it is made and deleted at the same time', () => {
  /** A user who may be there, with or without a password. */
  interface Signing {
    readonly user: boolean;
    readonly password: boolean;
  }

  it('a password comes and goes, and so does the user', async () => {
    const UserName = fresh('signing');
    // Passwords are hashed by turns, of which an account has only some: the others are asked for more often.
    const calls: Record<string, Asked> = {
      'create user': { operation: 'CreateUser', input: { UserName } },
      'delete user': { operation: 'DeleteUser', input: { UserName } },
      'also create user': { operation: 'CreateUser', input: { UserName } },
      'also delete user': { operation: 'DeleteUser', input: { UserName } },
      'create password': { operation: 'CreateLoginProfile', input: { UserName, Password: 'First-password-1' } },
      'delete password': { operation: 'DeleteLoginProfile', input: { UserName } },
      'reset password': { operation: 'UpdateLoginProfile', input: { UserName, PasswordResetRequired: true } },
    };
    const step = (state: Signing, name: string): Step<Signing> => {
      if (name.endsWith('create user')) return state.user ? same('EntityAlreadyExists', state) : same('ok', { ...state, user: true });
      if (!state.user) return same('NoSuchEntity', state);
      if (name.endsWith('delete user')) return state.password ? same('DeleteConflict', state) : same('ok', { ...state, user: false });
      if (name === 'create password') return state.password ? same('EntityAlreadyExists', state) : same('ok', { ...state, password: true });
      if (!state.password) return same('NoSuchEntity', state);
      return same('ok', { ...state, password: name !== 'delete password' });
    };
    const look = async (): Promise<Signing> => {
      const user = await exists('GetUser', { UserName });
      const password = await exists('GetLoginProfile', { UserName });
      const [row] = await races.nodes[0].sql<{ left: number }>('SELECT count(*)::int AS left FROM login_profile p LEFT JOIN iam_user u USING (user_id) WHERE u.user_id IS NULL');
      expect(row?.left).toBe(0);
      return { user, password };
    };
    await done('CreateUser', { UserName });
    await runs({ calls, step, look }, 6);
  }, 120_000);

  it('is deleted, or gets a password: one of the two', async () => {
    for (let round = 0; round < BURSTS; round += 1) {
      const UserName = fresh('leaving');
      await done('CreateUser', { UserName });
      const [deleted, password] = await Promise.all(
        [{ operation: 'DeleteUser', input: { UserName } }, { operation: 'CreateLoginProfile', input: { UserName, Password: 'First-password-1' } }].map(async (each) => endingOf(await ask(each), () => 'ok')),
      );
      // Whoever hashes a password is slower, as a rule.
      expect([['ok', 'NoSuchEntity'], ['DeleteConflict', 'ok']]).toContainEqual([deleted, password]);
      expect(await exists('GetUser', { UserName })).toBe(password === 'ok');
      expect(await exists('GetLoginProfile', { UserName })).toBe(password === 'ok');
    }
  }, 60_000);

  it('has one password, whoever else gives him another at the same time', async () => {
    for (let round = 0; round < BURSTS; round += 1) {
      const UserName = fresh('twice');
      await done('CreateUser', { UserName });
      const ended = await Promise.all(['First-password-1', 'Second-password-2', 'Third-password-3'].map(async (Password) => endingOf(await ask({ operation: 'CreateLoginProfile', input: { UserName, Password } }), () => 'ok')));
      expect(ended.sort()).toEqual(['EntityAlreadyExists', 'EntityAlreadyExists', 'ok']);
    }
  }, 60_000);

  /** What is done to a device, and to the two who may have it, at once; whom the device is enabled for then. */
  interface Held {
    readonly users: readonly string[];
    readonly device: boolean;
    readonly holder: string;
    /** Its codes are good for once: whoever enables it again has spent them. */
    readonly unspent: boolean;
  }

  it('an MFA device is enabled for one of two, taken away and deleted, and so are they', async () => {
    for (let round = 0; round < BURSTS; round += 1) {
      const users = [fresh('holder'), fresh('other')] as const;
      for (const UserName of users) await done('CreateUser', { UserName });
      const { SerialNumber, codes } = await device(fresh('phone'));
      const drawn: Record<string, Asked> = {
        drop: { operation: 'DeleteVirtualMFADevice', input: { SerialNumber } },
        ...Object.fromEntries(users.flatMap((UserName): [string, Asked][] => [
          [`enable ${UserName}`, { operation: 'EnableMFADevice', input: { UserName, SerialNumber, ...codes } }],
          [`deactivate ${UserName}`, { operation: 'DeactivateMFADevice', input: { UserName, SerialNumber } }],
          [`delete ${UserName}`, { operation: 'DeleteUser', input: { UserName } }],
        ])),
      };
      const step = (state: Held, name: string): Step<Held> => {
        const [verb = '', user = ''] = name.split(' ');
        if (verb !== 'drop' && !state.users.includes(user)) return same('NoSuchEntity', state);
        if (verb === 'delete') return state.holder === user ? same('DeleteConflict', state) : same('ok', { ...state, users: state.users.filter((each) => each !== user) });
        if (!state.device) return same('NoSuchEntity', state);
        if (verb === 'drop') return state.holder !== '' ? same('DeleteConflict', state) : same('ok', { ...state, device: false });
        if (verb === 'deactivate') return state.holder === user ? same('ok', { ...state, holder: '' }) : same('NoSuchEntity', state);
        if (state.holder !== '') return same('EntityAlreadyExists', state);
        return state.unspent ? same('ok', { ...state, holder: user, unspent: false }) : same('InvalidAuthenticationCode', state);
      };
      const names = Object.keys(drawn);
      const pick = picksOf(round);
      const chosen = [...names, ...Array.from({ length: 7 }, () => names[pick(names.length)]!)].sort(() => pick(3) - 1);
      const ended = await Promise.all(
        chosen.map(async (name): Promise<Ended> => {
          const answer = await ask(drawn[name]!);
          return { name, outcome: answer.code === 'InvalidAuthenticationCode' ? answer.code : endingOf(answer, () => 'ok'), isRefused: answer.code !== undefined };
        }),
      );
      const [row] = await races.nodes[0].sql<{ name: string | null }>('SELECT user_name AS name FROM mfa_device LEFT JOIN iam_user USING (user_id) WHERE device_name = $1', [SerialNumber.split('/')[1]]);
      const there = await Promise.all(users.map(async (UserName) => ((await exists('GetUser', { UserName })) ? [UserName] : [])));
      const wasEnabled = ended.some(({ name, outcome }) => name.startsWith('enable') && outcome === 'ok');
      const to: Held = { users: there.flat(), device: row !== undefined, holder: row?.name ?? '', unspent: !wasEnabled };
      requireOrder<Held>(round, { from: { users: [...users], device: true, holder: '', unspent: true }, to, calls: ended, step });
    }
  }, 120_000);
});

describe('an alias is one account’s', () => {
  it('whoever else wants it, or gives it back, at the same time', async () => {
    const accounts = await Promise.all(['one', 'two'].map(async (name) => new World(races.nodes[0]).account(fresh(name))));
    const aliases = [fresh('alias'), fresh('alias')] as const;
    /** The alias of each of the two accounts. */
    type Named = readonly [string, string];
    const asking: Record<string, readonly [Asked, (typeof accounts)[number]['root']]> = {};
    for (const [index, { root }] of accounts.entries()) {
      for (const AccountAlias of aliases) {
        asking[`take ${index} ${AccountAlias}`] = [{ operation: 'CreateAccountAlias', input: { AccountAlias } }, root];
        asking[`return ${index} ${AccountAlias}`] = [{ operation: 'DeleteAccountAlias', input: { AccountAlias } }, root];
      }
    }
    const step = (state: Named, name: string): Step<Named> => {
      const [verb, index, alias = ''] = name.split(' ');
      const with_ = (mine: string): Named => (index === '0' ? [mine, state[1]] : [state[0], mine]);
      if (verb === 'take') return state.includes(alias) ? same('EntityAlreadyExists', state) : same('ok', with_(alias));
      return state[Number(index)] === alias ? same('ok', with_('')) : same('NoSuchEntity', state);
    };
    const aliasOf = async ({ root }: (typeof accounts)[number]): Promise<string> => ((await ask({ operation: 'ListAccountAliases', input: {} }, root)).output as { accountAliases: string[] }).accountAliases[0] ?? '';
    const names = Object.keys(asking);
    let from: Named = ['', ''];
    for (let round = 0; round < BURSTS; round += 1) {
      const pick = picksOf(round);
      const calls = await Promise.all(
        Array.from({ length: 30 }, () => names[pick(names.length)]!).map(async (name): Promise<Ended> => {
          const answer = await ask(...asking[name]!);
          return { name, outcome: endingOf(answer, () => 'ok'), isRefused: answer.code !== undefined };
        }),
      );
      const to: Named = [await aliasOf(accounts[0]!), await aliasOf(accounts[1]!)];
      requireOrder(round, { from, to, calls, step });
      from = to;
    }
  }, 120_000);
});

describe('eight MFA devices', () => {
  it('are enabled for a user, however many are at the same time', async () => {
    const UserName = fresh('devices');
    await done('CreateUser', { UserName });
    const calls: Asked[] = [];
    for (let count = 0; count < 12; count += 1) {
      const { SerialNumber, codes } = await device(fresh('device'));
      calls.push({ operation: 'EnableMFADevice', input: { UserName, SerialNumber, ...codes } });
    }
    const ended = await Promise.all(calls.map(async (each) => endingOf(await ask(each), () => 'ok')));
    expect(ended.sort()).toEqual([...Array.from({ length: 4 }, () => 'LimitExceeded'), ...Array.from({ length: 8 }, () => 'ok')]);
    expect(((await done('ListMFADevices', { UserName })).output as { mfaDevices: object[] }).mfaDevices).toHaveLength(8);
  }, 60_000);
});
