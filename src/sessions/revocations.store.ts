import { Injectable } from '@nestjs/common';

import { endings, type Chain, type RevocationKind } from '../domain/session-chain.js';
import { Database, type ReadTx, type Tx } from '../kernel/database.js';
import { RevocationRow } from './sessions.entities.js';

/** The memory that nodes are told to look at when sessions were ended. */
export const REVOCATIONS = 'session_revocation';

/** What a node has to know of a revocation. */
export interface RevocationFact {
  readonly kind: RevocationKind;
  readonly subject: string;
  readonly issuedBefore: Date;
  readonly liveUntil: Date;
}

/** New revocations, and where to go on from the next time. */
export interface RevocationNews {
  readonly facts: readonly RevocationFact[];
  /** The oldest transaction that was still open: whatever it and later ones add is news. */
  readonly horizon: string;
}

/** A revocation as notices carry it: nodes know it without asking. */
export function encodeFact({ kind, subject, issuedBefore, liveUntil }: RevocationFact): string {
  return JSON.stringify([kind, subject, issuedBefore.getTime(), liveUntil.getTime()]);
}

/** Reads a revocation from a notice. */
export function decodeFact(notice: string): RevocationFact {
  const [kind, subject, before, until] = JSON.parse(notice) as [RevocationKind, string, number, number];
  return { kind, subject, issuedBefore: new Date(before), liveUntil: new Date(until) };
}

/** Ended sessions. */
@Injectable()
export class RevocationsStore {
  constructor(private readonly database: Database) {}

  /** Adds a revocation; every node knows it as soon as the transaction commits. */
  async insert(tx: Tx, row: Omit<RevocationRow, 'txid'>): Promise<void> {
    await tx.insert(RevocationRow, row);
    this.database.forget(tx, { memory: REVOCATIONS, key: encodeFact(row) });
  }

  /** The revocations that transactions since `horizon` have added and that may still end a session. */
  async news(horizon: string, now: Date): Promise<RevocationNews> {
    return this.database.readApart(async (tx) => {
      const [at] = await tx.query<{ horizon: string }[]>('SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon');
      // Of all that ended the same, the latest counts.
      const facts = await tx.query<{ kind: RevocationKind; subject: string; issued_before: Date; live_until: Date }[]>(
        `SELECT kind, subject, max(issued_before) AS issued_before, max(live_until) AS live_until FROM session_revocation
         WHERE txid >= $1::bigint AND live_until > $2 GROUP BY kind, subject`,
        [horizon, now],
      );
      return {
        horizon: at?.horizon ?? horizon,
        facts: facts.map((row) => ({ kind: row.kind, subject: row.subject, issuedBefore: row.issued_before, liveUntil: row.live_until })),
      };
    });
  }

  /** The latest time after now until which sessions of roles or principals were ended: some may have been moved to begin then. */
  async latestEnd(tx: ReadTx, now: Date, liveUntil: Date): Promise<Date | undefined> {
    const [row] = await tx.query<{ latest: Date | null }[]>(
      `SELECT max(issued_before) AS latest FROM session_revocation WHERE kind IN ('role', 'principal') AND issued_before > $1 AND live_until > $2`,
      [now, liveUntil],
    );
    return row?.latest ?? undefined;
  }

  /** Whether all that a revocation would end is ended already, for as long. */
  async isCovered(tx: ReadTx, { kind, subject, issuedBefore }: Pick<RevocationFact, 'kind' | 'subject' | 'issuedBefore'>): Promise<boolean> {
    // Of a role or principal more is obtained all the time, and what ended the earlier may be forgotten first.
    if (kind !== 'session' && kind !== 'chain') return false;
    const rows = await tx.query<unknown[]>('SELECT 1 FROM session_revocation WHERE subject = $1 AND kind = $2 AND issued_before >= $3 LIMIT 1', [subject, kind, issuedBefore]);
    return rows.length > 0;
  }

  /**
   * When each of some chains was ended first; undefined where it was not. Looked up key by key in the database: of one
   * role or principal there may be any number of revocations.
   */
  async firstEnds(tx: ReadTx, chains: readonly Chain[]): Promise<readonly (Date | undefined)[]> {
    const asked = chains.flatMap((chain, index) => endings(chain).map(([key, issuedAt]) => ({ index, kind: key.slice(0, key.indexOf(':')), subject: key.slice(key.indexOf(':') + 1), issuedAt })));
    if (asked.length === 0) return [];
    const rows = await tx.query<{ place: number; ended: Date | null }[]>(
      `SELECT place, min((SELECT min(revoked_at) FROM session_revocation r WHERE r.subject = asked.subject AND r.kind = asked.kind AND r.issued_before > asked.issued_at)) AS ended
       FROM unnest($1::int[], $2::text[], $3::text[], $4::timestamptz[]) AS asked (place, kind, subject, issued_at) GROUP BY place`,
      [asked.map(({ index }) => index), asked.map(({ kind }) => kind), asked.map(({ subject }) => subject), asked.map(({ issuedAt }) => issuedAt)],
    );
    const ended = new Map(rows.map((row) => [row.place, row.ended ?? undefined]));
    return chains.map((_, index) => ended.get(index));
  }
}
