import type { Keys } from './app.js';
import { Authenticator } from './authenticator.js';
import { call, type Input } from './calls.js';
import type { Scenario } from './scenarios.js';
import { allows, type World } from './world.js';

type Prepared = Promise<{ input: Input; caller?: Keys }>;

/** The password of whoever signs in. */
export const PASSWORD = 'Sign-in-password-1';

async function done(world: World, operation: string, input: Input): Promise<unknown> {
  const { code, message, output } = await call(world.app, 'rest', { operation, keys: world.root, input });
  if (code !== undefined) throw new Error(`${operation} was refused: ${code} ${message ?? ''}`);
  return output;
}

/** A user with a password. */
export async function person(world: World, name = 'alice', more: Input = {}): Promise<Input> {
  await world.user(name, allows('iam:*'));
  await done(world, 'CreateLoginProfile', { UserName: name, Password: PASSWORD, ...more });
  return { Account: world.root.account, UserName: name, Password: PASSWORD };
}

/** Recovery codes of a user, who has a device. */
export async function recoveryCodes(world: World, name = 'alice'): Promise<readonly string[]> {
  return ((await done(world, 'CreateRecoveryCodes', { UserName: name })) as { recoveryCodes: string[] }).recoveryCodes;
}

/** A user who signs in, perhaps with a device. */
const signingIn = (different: Input = {}, given?: (device: Authenticator, world: World) => Input | Promise<Input>) => async (world: World): Prepared => {
  const input = await person(world);
  const more = given === undefined ? {} : await given(await Authenticator.enabled(world.app, world.root, 'alice'), world);
  return { input: { ...input, ...different, ...more } };
};
const expired = (hard: boolean) => async (world: World): Prepared => {
  const input = await person(world);
  await done(world, 'UpdateAccountPasswordPolicy', { MaxPasswordAge: 1, HardExpiry: hard });
  await world.app.sql(`UPDATE login_profile SET changed_at = changed_at - interval '2 days'`);
  return { input };
};
const byAlias = async (world: World): Prepared => {
  const input = await person(world);
  const AccountAlias = `alias-of-${world.root.account}`;
  await done(world, 'CreateAccountAlias', { AccountAlias });
  return { input: { ...input, Account: AccountAlias } };
};
/** A user with a device, perhaps with codes. */
const holder = (input: Input, more: { codes?: boolean; device?: boolean } = {}) => async (world: World): Prepared => {
  await world.user('alice', allows('*'));
  if (more.device !== false) await Authenticator.enabled(world.app, world.root, 'alice');
  if (more.codes === true) await recoveryCodes(world);
  return { input };
};
const himself = async (world: World): Prepared => {
  const caller = await world.user('alice', allows('*'));
  await Authenticator.enabled(world.app, world.root, 'alice');
  return { input: {}, caller };
};
const alice = { UserName: 'alice' };
const nobody = { UserName: 'nobody' };

/** The sign-in of people, and their recovery codes. */
export const signInScenarios: readonly Scenario[] = [
  { operation: 'SignIn', title: 'with a password', expected: 'ok', prepare: signingIn({ DurationSeconds: 900 }) },
  { operation: 'SignIn', title: 'by the alias of the account', expected: 'ok', prepare: byAlias },
  { operation: 'SignIn', title: 'with a code', expected: 'ok', prepare: signingIn({}, (device) => ({ TokenCode: device.code(1) })) },
  { operation: 'SignIn', title: 'with a code of a named device', expected: 'ok', prepare: signingIn({}, (device) => device.given(device.code(1))) },
  { operation: 'SignIn', title: 'with a recovery code', expected: 'ok', prepare: signingIn({}, async (_, world) => ({ RecoveryCode: (await recoveryCodes(world))[0] })) },
  { operation: 'SignIn', title: 'with an expired password', expected: 'ok', prepare: expired(false) },
  { operation: 'SignIn', title: 'with a password that only an administrator can replace', expected: 'SignInRefused', prepare: expired(true) },
  { operation: 'SignIn', title: 'with a wrong password', expected: 'SignInRefused', prepare: signingIn({ Password: 'wrong' }) },
  { operation: 'SignIn', title: 'without the code that is needed', expected: 'SignInRefused', prepare: signingIn({}, () => ({})) },
  { operation: 'SignIn', title: 'with a wrong code', expected: 'SignInRefused', prepare: signingIn({}, (device) => ({ TokenCode: device.wrong() })) },
  { operation: 'CreateRecoveryCodes', title: 'for a user with a device', expected: 'ok', prepare: holder(alice) },
  { operation: 'CreateRecoveryCodes', title: 'instead of others', expected: 'ok', prepare: holder(alice, { codes: true }) },
  { operation: 'CreateRecoveryCodes', title: 'for a user without a device', expected: 'NoSuchEntity', prepare: holder(alice, { device: false }) },
  { operation: 'CreateRecoveryCodes', title: 'for nobody', expected: 'NoSuchEntity', prepare: holder(nobody) },
  { operation: 'CreateRecoveryCodes', title: 'for himself without MFA', expected: 'AccessDenied', prepare: himself },
  { operation: 'CreateRecoveryCodes', title: 'by root for itself', expected: 'ValidationError', prepare: holder({}) },
  { operation: 'GetRecoveryCodesStatus', title: 'of a user', expected: 'ok', prepare: holder(alice, { codes: true }) },
  { operation: 'GetRecoveryCodesStatus', title: 'of a user without codes', expected: 'ok', prepare: holder(alice) },
  { operation: 'GetRecoveryCodesStatus', title: 'of nobody', expected: 'NoSuchEntity', prepare: holder(nobody) },
  { operation: 'DeleteRecoveryCodes', title: 'of a user', expected: 'ok', prepare: holder(alice, { codes: true }) },
  { operation: 'DeleteRecoveryCodes', title: 'of a user without codes', expected: 'NoSuchEntity', prepare: holder(alice) },
];
