import type { Secret } from './secret.js';

/** An account's password policy (IAM API: PasswordPolicy). */
export interface PasswordPolicy {
  readonly minimumLength: number;
  readonly requireSymbols: boolean;
  readonly requireNumbers: boolean;
  readonly requireUppercase: boolean;
  readonly requireLowercase: boolean;
  /** Whether a user may change his own password without a permission. */
  readonly usersMayChange: boolean;
  /** After how many days a password expires; null: never. */
  readonly maxAgeDays: number | null;
  /** How many passwords, the present one among them, must not be used again; null: none. */
  readonly reusePrevention: number | null;
  /** Whether an expired password can be replaced by an administrator only; null where nothing was said. */
  readonly hardExpiry: boolean | null;
}

/** How many passwords of a user are remembered, the present one among them. */
export const REMEMBERED_MAX = 24;

/** How long a password must be where an account has no policy (IAM User Guide: default password policy). */
const DEFAULT_LENGTH = 8;
/** How many kinds of characters it must have then. */
const DEFAULT_KINDS = 3;

/** The characters that count (IAM User Guide: setting a password policy). */
const UPPERCASE = /[A-Z]/;
const LOWERCASE = /[a-z]/;
const NUMBER = /[0-9]/;
const SYMBOL = /[!@#$%^&*()_+\-=[\]{}|']/;

/**
 * What is wrong with a new password, in AWS's words; nothing where it may be used. Without a policy AWS's default one
 * holds, for which the account's name is needed.
 */
export function passwordViolations(password: Secret, policy: PasswordPolicy | undefined, accountName: string): readonly string[] {
  const text = password.reveal();
  if (policy === undefined) return defaultViolations(text, accountName);
  const rules: (readonly [broken: boolean, text: string])[] = [
    [text.length < policy.minimumLength, tooShort(policy.minimumLength)],
    [policy.requireUppercase && !UPPERCASE.test(text), 'Password should have at least one uppercase letter'],
    [policy.requireLowercase && !LOWERCASE.test(text), 'Password should have at least one lowercase letter'],
    [policy.requireNumbers && !NUMBER.test(text), 'Password should have at least one number'],
    [policy.requireSymbols && !SYMBOL.test(text), 'Password should have at least one symbol'],
  ];
  return rules.filter(([broken]) => broken).map(([, rule]) => rule);
}

function defaultViolations(text: string, accountName: string): readonly string[] {
  const kinds = [UPPERCASE, LOWERCASE, NUMBER, SYMBOL].filter((kind) => kind.test(text)).length;
  return [
    ...(text.length < DEFAULT_LENGTH ? [tooShort(DEFAULT_LENGTH)] : []),
    ...(kinds < DEFAULT_KINDS ? ['Password should have at least three of: uppercase letters, lowercase letters, numbers, symbols'] : []),
    ...(text.toLowerCase() === accountName.toLowerCase() ? ['Password should not be the name of the account'] : []),
  ];
}

function tooShort(length: number): string {
  return `Password should have a minimum length of ${length}`;
}

/** When a password expires, if the account's policy says that it does. */
export function passwordExpiry(changedAt: Date, policy: Pick<PasswordPolicy, 'maxAgeDays'> | undefined): Date | undefined {
  return policy?.maxAgeDays == null ? undefined : new Date(changedAt.getTime() + policy.maxAgeDays * 86_400_000);
}

/** How many wrong guesses in a row cost no time: people mistype. */
const FREE_GUESSES = 5;
const FIRST_WAIT_SECONDS = 30;
const LONGEST_WAIT_SECONDS = 900;

/** How long the next guess at a password has to wait after a number of wrong ones in a row, in seconds: doubling from 30 to 900. */
export function waitAfter(wrongGuesses: number): number {
  if (wrongGuesses < FREE_GUESSES) return 0;
  return Math.min(FIRST_WAIT_SECONDS * 2 ** (wrongGuesses - FREE_GUESSES), LONGEST_WAIT_SECONDS);
}
