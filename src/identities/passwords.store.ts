import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';

import { ApiError } from '../domain/errors.js';
import { passwordExpiry, waitAfter, type PasswordPolicy } from '../domain/password-rules.js';
import { Database, onConstraint, type ReadTx, type Tx } from '../kernel/database.js';
import { Stamps } from '../kernel/stamps.js';
import type { UserRow } from './identities.entities.js';
import { LoginProfileRow, PasswordPolicyRow } from './passwords.entities.js';

/** What may be known of a user's password. */
export interface PasswordFacts {
  readonly createdAt: Date;
  readonly changedAt: Date;
  /** When somebody last signed in with it; absent where nobody did. */
  readonly lastUsedAt?: Date;
  /** Whether the user must set another one when he signs in. */
  readonly resetRequired: boolean;
  /** Absent where passwords do not expire. */
  readonly expiresAt?: Date;
  /** Who may replace it once it has expired. */
  readonly afterExpiry: 'the user' | 'an administrator';
}

/** A password as it is stored, and those before it. */
export type StoredPassword = Pick<LoginProfileRow, 'password' | 'previous'>;

/** An attempt to show that one knows a password. */
export type Attempt = LoginProfileRow | { readonly waitUntil: Date };

/** How far wrong guesses are counted: the wait does not grow any more long before. */
const GUESSES_MAX = 1_000;

const noProfile = (name: string): ApiError => new ApiError('NoSuchEntity', `Login Profile for User ${name} cannot be found.`);

/** The refusal of a change to what somebody else has changed since it was looked at. */
export function changedMeanwhile(): ApiError {
  return new ApiError('ConcurrentModification', 'The entity was changed by another request at the same time. Repeat the request.');
}

/** The refusal of a second password. */
export function profileExists(name: string): ApiError {
  return new ApiError('EntityAlreadyExists', `Login Profile for user ${name} already exists.`);
}

/** Login profiles and password policies. They are looked up when they are needed and remembered nowhere. */
@Injectable()
export class PasswordsStore {
  /** When passwords were used to sign in, by unique ids of users; written behind. */
  readonly uses: Stamps<Date>;

  constructor(private readonly database: Database) {
    this.uses = new Stamps(database, saveUses);
  }

  /** The login profile of a user. */
  async findProfile(tx: ReadTx, userId: string): Promise<LoginProfileRow | undefined> {
    return (await tx.findOneBy(LoginProfileRow, { userId })) ?? undefined;
  }

  /** The login profile of a user. Throws NoSuchEntity, which names him. */
  async profile(tx: ReadTx, { userId, userName }: Pick<UserRow, 'userId' | 'userName'>): Promise<LoginProfileRow> {
    const row = await this.findProfile(tx, userId);
    if (row === undefined) throw noProfile(userName);
    return row;
  }

  /** Adds a login profile. Throws EntityAlreadyExists. */
  async insertProfile(tx: Tx, { userName }: Pick<UserRow, 'userName'>, row: LoginProfileRow): Promise<void> {
    await onConstraint(tx.insert(LoginProfileRow, row), { PK_login_profile: () => profileExists(userName) });
  }

  /**
   * Replaces a password by another one, with which nobody has guessed wrong yet. Throws ConcurrentModification where it is
   * not the one that was looked at any more: of two that would replace it, one does.
   */
  async replacePassword(tx: Tx, seen: LoginProfileRow, change: StoredPassword & Pick<LoginProfileRow, 'resetRequired' | 'changedAt'>): Promise<void> {
    const result = await tx.update(LoginProfileRow, { userId: seen.userId, password: seen.password }, { ...change, wrongGuesses: 0, nextGuessAt: null });
    if (result.affected !== 1) throw changedMeanwhile();
  }

  /** Says whether a user must set another password. Throws NoSuchEntity. */
  async requireReset(tx: Tx, { userId, userName }: UserRow, resetRequired: boolean): Promise<void> {
    const result = await tx.update(LoginProfileRow, { userId }, { resetRequired });
    if (result.affected !== 1) throw noProfile(userName);
  }

  /** Removes a login profile, and what is remembered of earlier passwords. Throws NoSuchEntity. */
  async deleteProfile(tx: Tx, { userId, userName }: UserRow): Promise<void> {
    const result = await tx.delete(LoginProfileRow, { userId });
    if (result.affected !== 1) throw noProfile(userName);
  }

  /**
   * Begins an attempt at a user's password; undefined where he has none. It counts as wrong from now on, on every node,
   * until `attemptWasRight`: of however many that are made at once, no more are let through than one after the other.
   */
  async beginAttempt(userId: string, now: Date): Promise<Attempt | undefined> {
    return this.database.write(async (tx) => {
      await tx.query('SELECT 1 FROM login_profile WHERE user_id = $1 FOR UPDATE', [userId]);
      const row = await this.findProfile(tx, userId);
      if (row === undefined) return undefined;
      if (row.nextGuessAt !== null && row.nextGuessAt > now) return { waitUntil: row.nextGuessAt };
      const wrongGuesses = Math.min(row.wrongGuesses + 1, GUESSES_MAX);
      const wait = waitAfter(wrongGuesses);
      await tx.update(LoginProfileRow, { userId }, { wrongGuesses, nextGuessAt: wait === 0 ? null : new Date(now.getTime() + wait * 1000) });
      return row;
    });
  }

  /** Takes back what an attempt counted for, and those before it. */
  async attemptWasRight({ userId, password }: LoginProfileRow): Promise<void> {
    await this.database.write(async (tx) => {
      await tx.update(LoginProfileRow, { userId, password }, { wrongGuesses: 0, nextGuessAt: null });
    });
  }

  /** What may be known of the passwords of some users of an account, by their unique ids; users without one are not in it. */
  async passwordsOf(tx: ReadTx, accountId: string, userIds: readonly string[]): Promise<ReadonlyMap<string, PasswordFacts>> {
    const policy = await this.findPolicy(tx, accountId);
    const rows = await tx.find(LoginProfileRow, { select: { userId: true, createdAt: true, changedAt: true, lastUsedAt: true, resetRequired: true }, where: { accountId, userId: In([...userIds]) } });
    return new Map(rows.map((row) => [row.userId, factsOf({ ...row, lastUsedAt: this.uses.pending(row.userId) ?? row.lastUsedAt }, policy)]));
  }

  /** When passwords of some users of an account were last used to sign in, by their unique ids. */
  async lastUsesOf(tx: ReadTx, accountId: string, userIds: readonly string[]): Promise<ReadonlyMap<string, Date>> {
    const rows = await tx.find(LoginProfileRow, { select: { userId: true, lastUsedAt: true }, where: { accountId, userId: In([...userIds]) } });
    return new Map(rows.flatMap(({ userId, lastUsedAt }): [string, Date][] => {
      const at = this.uses.pending(userId) ?? lastUsedAt;
      return at === null ? [] : [[userId, at]];
    }));
  }

  /** The password policy of an account. */
  async findPolicy(tx: ReadTx, accountId: string): Promise<PasswordPolicyRow | undefined> {
    return (await tx.findOneBy(PasswordPolicyRow, { accountId })) ?? undefined;
  }

  /** Whether the users of an account may change their own passwords without a permission. */
  async usersMayChange(accountId: string): Promise<boolean> {
    return (await this.database.read((tx) => this.findPolicy(tx, accountId)))?.usersMayChange === true;
  }

  /** Gives an account a password policy, in place of the one it has. */
  async putPolicy(tx: Tx, row: PasswordPolicyRow): Promise<void> {
    await tx.upsert(PasswordPolicyRow, row, ['accountId']);
  }

  /** Removes the password policy of an account. Throws NoSuchEntity. */
  async deletePolicy(tx: Tx, accountId: string): Promise<void> {
    const result = await tx.delete(PasswordPolicyRow, { accountId });
    if (result.affected !== 1) throw new ApiError('NoSuchEntity', 'The account policy with name PasswordPolicy cannot be found.');
  }
}

function factsOf(row: Pick<LoginProfileRow, 'createdAt' | 'changedAt' | 'lastUsedAt' | 'resetRequired'>, policy: PasswordPolicy | undefined): PasswordFacts {
  const expiresAt = passwordExpiry(row.changedAt, policy);
  return {
    createdAt: row.createdAt,
    changedAt: row.changedAt,
    ...(row.lastUsedAt !== null && { lastUsedAt: row.lastUsedAt }),
    resetRequired: row.resetRequired,
    ...(expiresAt !== undefined && { expiresAt }),
    afterExpiry: policy?.hardExpiry === true ? 'an administrator' : 'the user',
  };
}

async function saveUses(tx: Tx, uses: ReadonlyMap<string, Date>): Promise<void> {
  // In one order, so that two nodes that write the same rows do not wait for each other.
  const entries = [...uses].sort(([a], [b]) => (a < b ? -1 : 1));
  await tx.query(
    `UPDATE login_profile AS p SET last_used_at = u.at FROM unnest($1::text[], $2::timestamptz[]) AS u (id, at)
     WHERE p.user_id = u.id AND p.created_at <= u.at AND (p.last_used_at IS NULL OR p.last_used_at < u.at)`,
    [entries.map(([id]) => id), entries.map(([, at]) => at)],
  );
}
