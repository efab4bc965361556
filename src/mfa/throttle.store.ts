import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';

import type { KeyOwner } from '../identities/identities.store.js';
import { holdRow, type Tx } from '../kernel/database.js';
import { forgottenAt, lockedUntil, networkOf, type Counted, type ThrottleKind } from './backoff.js';
import { MfaThrottleRow } from './throttle.entities.js';

/** Whose failures count together, by kind. */
export type Subjects = ReadonlyMap<ThrottleKind, string>;

/** A raw row of the table. */
interface Raw {
  readonly subject: string;
  readonly failures: number;
  readonly since: Date;
  readonly locked_until: Date | null;
  readonly forget_at: Date;
}

/**
 * What a failure counts for, in the order in which their rows are held. The holder's comes first, because it is held while an
 * attempt is judged; a device's is nobody's but his who holds the device itself.
 */
export function subjectsOf(of: { deviceId: string; holder: KeyOwner; address: string }): Subjects {
  return new Map([
    ['holder', `holder:${of.holder.userId ?? of.holder.accountId}`],
    ['address', `address:${networkOf(of.address)}`],
    ['device', `device:${of.deviceId}`],
  ]);
}

/** An attempt to sign in that is under way: whom it counts for, and until when that waited before and since. */
export interface BegunSignIn {
  readonly subject: string;
  readonly before: Date | null;
  readonly since: Date | null;
}

/** What attempts to sign in count for: the network they come from. */
export function signInSubject(address: string): string {
  return `sign-in:${networkOf(address)}`;
}

/** Counts of failures, in one place for all nodes. */
@Injectable()
export class MfaThrottleStore {
  /**
   * What is counted for some subjects now. Whoever holds several devices may fail with all of them at once: what is counted
   * for him is held until the transaction ends, so that no two see the last guess that he has left. His device is held already.
   */
  async counted(tx: Tx, subjects: Subjects, now: Date): Promise<ReadonlyMap<ThrottleKind, Counted>> {
    await holdRow(tx, { table: 'mfa_throttle', key: 'subject' }, { subject: subjects.get('holder') ?? '' });
    const rows = await tx.findBy(MfaThrottleRow, { subject: In([...subjects.values()]) });
    const found = new Map<ThrottleKind, Counted>();
    for (const [kind, subject] of subjects) {
      const row = rows.find((candidate) => candidate.subject === subject);
      if (row !== undefined && row.forgetAt > now) found.set(kind, { failures: row.failures, since: row.since, lockedUntil: row.lockedUntil ?? undefined });
    }
    return found;
  }

  /** Counts a failure for all of them; or, where nothing was tried, does the same work and counts none. */
  async failed(tx: Tx, subjects: readonly string[], { now, counts }: { now: Date; counts: boolean }): Promise<void> {
    // In their order, so that two that fail at once do not wait for each other; each row is held from here on.
    const rows = await tx.query<Raw[]>(
      `INSERT INTO mfa_throttle AS t (subject, failures, since, forget_at)
       SELECT s.subject, $2, $3, $3 FROM unnest($1::text[]) WITH ORDINALITY AS s (subject, place) ORDER BY s.place
       ON CONFLICT (subject) DO UPDATE SET
         failures = CASE WHEN t.forget_at > $3 THEN t.failures ELSE 0 END + EXCLUDED.failures,
         since = CASE WHEN t.forget_at > $3 THEN t.since ELSE EXCLUDED.since END,
         locked_until = CASE WHEN t.forget_at > $3 THEN t.locked_until END
       RETURNING subject, failures, since, locked_until, forget_at`,
      [subjects, counts ? 1 : 0, now],
    );
    const next = rows.map((row) => ({ subject: row.subject, ...(counts ? afterFailure(row, now) : { lockedUntil: row.locked_until ?? undefined, forgetAt: row.forget_at }) }));
    await tx.query(
      `UPDATE mfa_throttle AS t SET locked_until = n.l, forget_at = n.f FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS n (s, l, f) WHERE t.subject = n.s`,
      [next.map(({ subject }) => subject), next.map((row) => row.lockedUntil ?? null), next.map(({ forgetAt }) => forgetAt)],
    );
  }

  /**
   * Begins an attempt to sign in; undefined where the network it comes from has to wait. It counts as a failure from now on, on
   * every node, until it is taken back: of however many that are made at once, no more are let through than one after the other.
   */
  async beginSignIn(tx: Tx, address: string, now: Date): Promise<BegunSignIn | undefined> {
    const subject = signInSubject(address);
    // Whatever comes of it, the same is written; the row is held from here on.
    await this.failed(tx, [subject], { now, counts: false });
    const { lockedUntil: before } = await tx.findOneByOrFail(MfaThrottleRow, { subject });
    const isWaiting = before !== null && before > now;
    await this.failed(tx, [subject], { now, counts: !isWaiting });
    if (isWaiting) return undefined;
    const { lockedUntil: since } = await tx.findOneByOrFail(MfaThrottleRow, { subject });
    return { subject, before, since };
  }

  /** Takes back what an attempt to sign in counted for; failures before it still count, or one right password would buy more guesses at others. */
  async takeBackSignIn(tx: Tx, { subject, before, since }: BegunSignIn): Promise<void> {
    await tx.query(
      `UPDATE mfa_throttle SET failures = greatest(failures - 1, 0), locked_until = CASE WHEN locked_until IS NOT DISTINCT FROM $3::timestamptz THEN $2::timestamptz ELSE locked_until END WHERE subject = $1`,
      [subject, before, since],
    );
  }

  /** Forgets the failures of some subjects. */
  async forget(tx: Tx, subjects: readonly string[]): Promise<void> {
    await tx.delete(MfaThrottleRow, { subject: In([...subjects]) });
  }

  /** Removes counts that do not count any more, at most so many; answers how many. */
  async removeOver(tx: Tx, { now, most }: { now: Date; most: number }): Promise<number> {
    const rows = await tx.query<unknown[]>(
      `WITH gone AS (SELECT subject FROM mfa_throttle WHERE forget_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED), removed AS (DELETE FROM mfa_throttle AS t USING gone WHERE t.subject = gone.subject RETURNING 1) SELECT 1 FROM removed`,
      [now, most],
    );
    return rows.length;
  }
}

function afterFailure(row: Raw, now: Date): { lockedUntil: Date | undefined; forgetAt: Date } {
  const kind = row.subject.slice(0, row.subject.indexOf(':')) as ThrottleKind;
  const until = lockedUntil(kind, row, now);
  return { lockedUntil: until, forgetAt: forgottenAt(kind, { since: row.since, lockedUntil: until }, now) };
}
