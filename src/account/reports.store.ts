import { Injectable } from '@nestjs/common';
import { IsNull } from 'typeorm';

import { Database, type ReadTx, type Tx } from '../kernel/database.js';
import { CredentialReportPartRow, CredentialReportRow } from './reports.entities.js';

/** How long a report may be asked for, in milliseconds: four hours (IAM User Guide: credential reports). */
const KEPT_MS = 4 * 3_600_000;

/** The name by which nodes tell each other that a report is to be made. */
export const REPORT_NOTICE = 'credential_report';

/** Whether a report is not too old: counted from its end, or where it has none yet, from its beginning. */
export function isCurrent({ completedAt, startedAt }: CredentialReportRow, now: Date): boolean {
  return now.getTime() - (completedAt ?? startedAt).getTime() < KEPT_MS;
}

/** Credential reports, in parts. */
@Injectable()
export class CredentialReportsStore {
  constructor(private readonly database: Database) {}

  /** The report of an account, finished or not. */
  async find(tx: ReadTx, accountId: string): Promise<CredentialReportRow | undefined> {
    return (await tx.findOneBy(CredentialReportRow, { accountId })) ?? undefined;
  }

  /** What a report says. */
  async content(tx: ReadTx, accountId: string): Promise<string> {
    const parts = await tx.find(CredentialReportPartRow, { where: { accountId }, order: { part: 'ASC' } });
    return parts.map(({ content }) => content).join('');
  }

  /** Lets a new report begin, unless there is one that is current, which it answers. Of several that ask at once, one begins it. */
  async begin(tx: Tx, accountId: string, now: Date): Promise<CredentialReportRow | undefined> {
    const current = await this.#current(tx, accountId, now);
    if (current !== undefined) return current;
    await tx.query('INSERT INTO credential_report (account_id, started_at, next_after, part_count) VALUES ($1, $2, $3, 0) ON CONFLICT (account_id) DO NOTHING', [accountId, new Date(0), '']);
    await tx.query('SELECT 1 FROM credential_report WHERE account_id = $1 FOR UPDATE', [accountId]);
    // Somebody may have begun one while this call waited for the row.
    const begun = await this.#current(tx, accountId, now);
    if (begun !== undefined) return begun;
    await tx.delete(CredentialReportPartRow, { accountId });
    await tx.update(CredentialReportRow, { accountId }, { startedAt: now, nextAfter: '', partCount: 0, completedAt: null });
    this.wanted(tx, accountId);
    return undefined;
  }

  /** Has every node hear that a report is to be gone on with, once the transaction is committed. */
  wanted(tx: Tx, accountId: string): void {
    this.database.forget(tx, { memory: REPORT_NOTICE, key: accountId });
  }

  /** The accounts whose reports are not finished, oldest first. */
  async unfinished(tx: ReadTx, limit: number): Promise<readonly string[]> {
    const rows = await tx.find(CredentialReportRow, { where: { completedAt: IsNull() }, order: { startedAt: 'ASC' }, take: limit });
    return rows.map(({ accountId }) => accountId);
  }

  /** An unfinished report, held until the transaction ends; undefined where there is none, or somebody else holds it. */
  async hold(tx: Tx, accountId: string): Promise<CredentialReportRow | undefined> {
    const held = await tx.query<unknown[]>('SELECT 1 FROM credential_report WHERE account_id = $1 AND completed_at IS NULL FOR UPDATE SKIP LOCKED', [accountId]);
    return held.length === 0 ? undefined : this.find(tx, accountId);
  }

  /** Adds a part to a report that is held; `completedAt` with the last one. */
  async append(tx: Tx, row: CredentialReportRow, part: { content: string; nextAfter: string; completedAt: Date | null }): Promise<void> {
    const { content, nextAfter, completedAt } = part;
    await tx.insert(CredentialReportPartRow, { accountId: row.accountId, part: row.partCount, content });
    await tx.update(CredentialReportRow, { accountId: row.accountId }, { nextAfter, partCount: row.partCount + 1, completedAt });
  }

  async #current(tx: ReadTx, accountId: string, now: Date): Promise<CredentialReportRow | undefined> {
    const row = await this.find(tx, accountId);
    return row !== undefined && isCurrent(row, now) ? row : undefined;
  }
}
