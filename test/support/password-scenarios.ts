import type { Keys } from './app.js';
import { call, type Input } from './calls.js';
import type { Scenario } from './scenarios.js';
import { allows, trusts, type Document, type World } from './world.js';

type Prepared = Promise<{ input: Input; caller?: Keys }>;

/** Passwords that fit the default policy. */
export const [FIRST, SECOND] = ['First-password-1', 'Second-password-2'] as const;

const nothing = (input: Input) => (): Prepared => Promise.resolve({ input });
async function done(world: World, operation: string, input: Input, keys: Keys = world.root): Promise<void> {
  const { code, message } = await call(world.app, 'query', { operation, keys, input });
  if (code !== undefined) throw new Error(`${operation} was refused: ${code} ${message ?? ''}`);
}
/** A user with a password, and what is asked about him. */
const alice = (input: Input) => async (world: World): Prepared => {
  await world.user('Alice');
  await done(world, 'CreateLoginProfile', { UserName: 'Alice', Password: FIRST });
  return { input };
};
/** A user without one. */
const bare = (input: Input) => async (world: World): Prepared => {
  await world.user('Alice');
  return { input };
};
/** A user with a password, who asks himself. */
const himself = (input: Input, more: { policy?: Document; rules?: Input; password?: boolean } = {}) => async (world: World): Prepared => {
  const caller = await world.user('Alice', more.policy ?? allows('iam:*'));
  if (more.password !== false) await done(world, 'CreateLoginProfile', { UserName: 'Alice', Password: FIRST });
  if (more.rules !== undefined) await done(world, 'UpdateAccountPasswordPolicy', more.rules);
  return { input, caller };
};
const change = { OldPassword: FIRST, NewPassword: SECOND };
const guessedAt = async (world: World): Prepared => {
  const { input, caller = world.root } = await himself(change)(world);
  for (let guess = 0; guess < 5; guess += 1) await call(world.app, 'query', { operation: 'ChangePassword', keys: caller, input: { OldPassword: `wrong ${String(guess)}`, NewPassword: SECOND } });
  return { input, caller };
};
const byRole = async (world: World): Prepared => {
  const user = await world.user('Alice');
  return { input: change, caller: await world.session(user, await world.role('deploy', trusts(user.arn), { policy: allows('iam:*') })) };
};
const withPolicy = (input: Input = {}) => async (world: World): Prepared => {
  await done(world, 'UpdateAccountPasswordPolicy', { MinimumPasswordLength: 12, MaxPasswordAge: 90, PasswordReusePrevention: 2, HardExpiry: true });
  return { input };
};

/** Login profiles and the account's password policy. */
export const passwordScenarios: readonly Scenario[] = [
  { operation: 'CreateLoginProfile', title: 'with everything', expected: 'ok', prepare: bare({ UserName: 'alice', Password: FIRST, PasswordResetRequired: true }) },
  { operation: 'CreateLoginProfile', title: 'for himself', expected: 'ok', prepare: himself({ Password: '\u00e4 \u00ff"&<T0\t' }, { password: false }) },
  { operation: 'CreateLoginProfile', title: 'by root for itself', expected: 'ValidationError', prepare: nothing({ Password: FIRST }) },
  { operation: 'CreateLoginProfile', title: 'without a password', expected: 'ValidationError', prepare: bare({ UserName: 'Alice' }) },
  { operation: 'CreateLoginProfile', title: 'where there is one', expected: 'EntityAlreadyExists', prepare: alice({ UserName: 'alice', Password: SECOND }) },
  { operation: 'CreateLoginProfile', title: 'for nobody', expected: 'NoSuchEntity', prepare: nothing({ UserName: 'nobody', Password: FIRST }) },
  { operation: 'CreateLoginProfile', title: 'that is too simple', expected: 'PasswordPolicyViolation', prepare: bare({ UserName: 'Alice', Password: 'simple' }) },
  { operation: 'GetLoginProfile', title: 'by name', expected: 'ok', prepare: alice({ UserName: 'alice' }) },
  { operation: 'GetLoginProfile', title: 'of his own', expected: 'ok', prepare: himself({}) },
  { operation: 'GetLoginProfile', title: 'that there is not', expected: 'NoSuchEntity', prepare: bare({ UserName: 'Alice' }) },
  { operation: 'UpdateLoginProfile', title: 'to another password', expected: 'ok', prepare: alice({ UserName: 'alice', Password: SECOND }) },
  { operation: 'UpdateLoginProfile', title: 'to be changed', expected: 'ok', prepare: alice({ UserName: 'alice', PasswordResetRequired: true }) },
  { operation: 'UpdateLoginProfile', title: 'that there is not', expected: 'NoSuchEntity', prepare: bare({ UserName: 'Alice', Password: FIRST }) },
  { operation: 'UpdateLoginProfile', title: 'to one that is too simple', expected: 'PasswordPolicyViolation', prepare: alice({ UserName: 'Alice', Password: 'simple' }) },
  { operation: 'DeleteLoginProfile', title: 'by name', expected: 'ok', prepare: alice({ UserName: 'alice' }) },
  { operation: 'DeleteLoginProfile', title: 'of his own', expected: 'ok', prepare: himself({}) },
  { operation: 'DeleteLoginProfile', title: 'that there is not', expected: 'NoSuchEntity', prepare: bare({ UserName: 'Alice' }) },
  { operation: 'DeleteUser', title: 'with a password', expected: 'DeleteConflict', prepare: alice({ UserName: 'Alice' }) },
  { operation: 'ChangePassword', title: 'with a permission', expected: 'ok', prepare: himself(change) },
  { operation: 'ChangePassword', title: 'by leave of the password policy', expected: 'ok', prepare: himself(change, { policy: allows('s3:GetObject'), rules: { AllowUsersToChangePassword: true } }) },
  { operation: 'ChangePassword', title: 'without a permission', expected: 'AccessDenied', prepare: himself(change, { policy: allows('s3:GetObject'), rules: {} }) },
  { operation: 'ChangePassword', title: 'with a wrong one', expected: 'AccessDenied', prepare: himself({ ...change, OldPassword: SECOND }) },
  { operation: 'ChangePassword', title: 'after many wrong ones', expected: 'EntityTemporarilyUnmodifiable', prepare: guessedAt },
  { operation: 'ChangePassword', title: 'to one that is too simple', expected: 'PasswordPolicyViolation', prepare: himself({ ...change, NewPassword: 'simple' }) },
  { operation: 'ChangePassword', title: 'to one that was used before', expected: 'PasswordPolicyViolation', prepare: himself({ ...change, NewPassword: FIRST }, { rules: { PasswordReusePrevention: 1 } }) },
  { operation: 'ChangePassword', title: 'by root', expected: 'InvalidUserType', prepare: nothing(change) },
  { operation: 'ChangePassword', title: 'by a role session', expected: 'InvalidUserType', prepare: byRole },
  { operation: 'ChangePassword', title: 'that there is not', expected: 'NoSuchEntity', prepare: himself(change, { password: false }) },
  { operation: 'UpdateAccountPasswordPolicy', title: 'to everything', expected: 'ok', prepare: nothing({ MinimumPasswordLength: 128, RequireSymbols: true, RequireNumbers: true, RequireUppercaseCharacters: true, RequireLowercaseCharacters: true, AllowUsersToChangePassword: true, MaxPasswordAge: 1095, PasswordReusePrevention: 24, HardExpiry: false }) },
  { operation: 'UpdateAccountPasswordPolicy', title: 'to nothing', expected: 'ok', prepare: withPolicy({}) },
  { operation: 'UpdateAccountPasswordPolicy', title: 'beyond a bound', expected: 'ValidationError', prepare: nothing({ MinimumPasswordLength: 5 }) },
  { operation: 'GetAccountPasswordPolicy', title: 'that there is', expected: 'ok', prepare: withPolicy() },
  { operation: 'GetAccountPasswordPolicy', title: 'by leave of itself', expected: 'ok', prepare: himself({}, { policy: allows('s3:GetObject'), rules: { AllowUsersToChangePassword: true }, password: false }) },
  { operation: 'GetAccountPasswordPolicy', title: 'that there is not', expected: 'NoSuchEntity', prepare: nothing({}) },
  { operation: 'DeleteAccountPasswordPolicy', title: 'that there is', expected: 'ok', prepare: withPolicy() },
  { operation: 'DeleteAccountPasswordPolicy', title: 'that there is not', expected: 'NoSuchEntity', prepare: nothing({}) },
];
