import { Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import { DECOY, hashPassword, isPassword, SALT_BYTES } from '../domain/password-hash.js';
import { passwordViolations, REMEMBERED_MAX, type PasswordPolicy } from '../domain/password-rules.js';
import type { Secret } from '../domain/secret.js';
import { Random } from '../kernel/effects.js';
import { Keyring } from '../kernel/keyring.js';
import { HashingTurns } from './hashing-turns.js';
import type { UserRow } from './identities.entities.js';
import type { LoginProfileRow } from './passwords.entities.js';
import { PasswordsStore, type Attempt, type StoredPassword } from './passwords.store.js';

/** Whose password it is. */
export type PasswordOwner = Pick<UserRow, 'userId' | 'accountId'>;

/** What came of an attempt to show that one knows a password. */
export type Verdict =
  | { readonly is: 'right'; readonly profile: LoginProfileRow }
  | { readonly is: 'wrong' | 'absent' }
  /** It was not looked at: too many wrong ones came before. */
  | { readonly is: 'too soon'; readonly waitUntil: Date };

/** What passwords of an account have to fit. */
export interface Standing {
  readonly policy: PasswordPolicy | undefined;
  readonly accountName: string;
}

/**
 * Hashes passwords and checks them. Hashing is slow, so nothing here may be called inside a transaction; whoever then
 * writes must make sure that what was looked at is still so.
 */
@Injectable()
export class Passwords {
  readonly #turns = new HashingTurns();
  #hashed = 0;

  constructor(
    private readonly store: PasswordsStore,
    private readonly keyring: Keyring,
    private readonly random: Random,
  ) {}

  /** How many hashes were computed to tell whether a password is right: the same for each attempt to sign in, whoever is named. */
  get hashed(): number {
    return this.#hashed;
  }

  /**
   * Whether a password is the user's. Wrong ones make the next attempt wait, on every node, whatever asks.
   * Throws ServiceUnavailable where too many are being checked; the attempt does not count then.
   */
  async verifyPassword(owner: PasswordOwner, password: Secret, now: Date): Promise<Verdict> {
    return this.#turns.take(owner.accountId, async () => {
      const attempt = await this.store.beginAttempt(owner.userId, now);
      return this.#judged(attempt, password);
    });
  }

  /**
   * The same for somebody who signs in, whom there may not even be: it is hashed as much for whoever is named. `from` is the
   * network that asks, which keeps out no others of the account.
   */
  async verifySignIn(owner: PasswordOwner | undefined, password: Secret, { now, from }: { now: Date; from: string }): Promise<Verdict> {
    return this.#turns.take(from, async () => {
      const attempt = await this.store.beginAttempt(owner?.userId ?? '', now);
      if (attempt === undefined || 'waitUntil' in attempt) await this.#isPassword(password, DECOY);
      return this.#judged(attempt, password);
    });
  }

  async #judged(attempt: Attempt | undefined, password: Secret): Promise<Verdict> {
    if (attempt === undefined) return { is: 'absent' };
    if ('waitUntil' in attempt) return { is: 'too soon', ...attempt };
    if (!(await this.#isPassword(password, this.keyring.openPassword(attempt.userId, attempt.password)))) return { is: 'wrong' };
    await this.store.attemptWasRight(attempt);
    return { is: 'right', profile: attempt };
  }

  async #isPassword(password: Secret, hashed: Secret): Promise<boolean> {
    this.#hashed += 1;
    return isPassword(password, hashed);
  }

  /**
   * A new password of a user, as it is stored, with those that he had before. Throws PasswordPolicyViolation where it is one
   * that the policy does not let him use again, and ServiceUnavailable where too many passwords are being hashed.
   */
  async stored(owner: PasswordOwner, password: Secret, before?: { profile: LoginProfileRow; policy: PasswordPolicy | undefined }): Promise<StoredPassword> {
    const earlier = before === undefined ? [] : [before.profile.password, ...before.profile.previous];
    const banned = before?.policy?.reusePrevention ?? 0;
    for (const sealed of earlier.slice(0, banned)) {
      const same = await this.#turns.take(owner.accountId, () => isPassword(password, this.keyring.openPassword(owner.userId, sealed)));
      if (same) throw violation([`Password should not be among the last ${banned} used`]);
    }
    const hashed = await this.#turns.take(owner.accountId, () => hashPassword(password, this.random.bytes(SALT_BYTES)));
    const sealed = this.keyring.sealPassword(owner.userId, hashed);
    // Our own work is checked before it is relied on: the envelope must open.
    this.keyring.openPassword(owner.userId, sealed);
    return { password: sealed, previous: earlier.slice(0, REMEMBERED_MAX - 1) };
  }
}

/** Refuses (PasswordPolicyViolation) a password that the rules of the account do not let anybody use. */
export function requireAcceptable(password: Secret, { policy, accountName }: Standing): void {
  const violations = passwordViolations(password, policy, accountName);
  if (violations.length > 0) throw violation(violations);
}

function violation(texts: readonly string[]): ApiError {
  return new ApiError('PasswordPolicyViolation', texts.join(', '));
}
