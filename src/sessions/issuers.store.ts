import { Injectable } from '@nestjs/common';

import { Database, type ReadTx, type Tx } from '../kernel/database.js';
import { Memory, type Remembered } from '../kernel/memory.js';
import { IssuerKeyRow, IssuerRow } from './issuers.entities.js';

/** An issuer and all of its keys. */
export interface IssuerFacts {
  readonly enabled: boolean;
  readonly keys: readonly IssuerKeyRow[];
}

const ALL = 'all';

/** Accounts as issuers of web identity tokens. */
@Injectable()
export class IssuersStore {
  readonly #issuers: Remembered<IssuerFacts>;
  readonly #issuing: Remembered<ReadonlySet<string>>;

  constructor(
    private readonly database: Database,
    memory: Memory,
  ) {
    this.#issuing = memory.of('issuing', 1, (accounts) => 1_024 + 64 * accounts.size);
    this.#issuers = memory.of('issuer', 5_000, ({ keys }) => 1_024 + 4_096 * keys.length);
  }

  /** The issuer of an account, from memory where it may be; undefined where it never was one. */
  async find(accountId: string): Promise<IssuerFacts | undefined> {
    return this.#issuers.get(accountId, () => this.database.read((tx) => this.findIn(tx, accountId)));
  }

  /** The accounts that issue: strangers ask for any, and must not make the database look for each. */
  async areIssuing(): Promise<ReadonlySet<string>> {
    const accounts = await this.#issuing.get(ALL, async () => {
      const rows = await this.database.read((tx) => tx.query<{ account_id: string }[]>('SELECT account_id FROM issuer WHERE enabled'));
      return new Set(rows.map((row) => row.account_id));
    });
    return accounts ?? new Set();
  }

  /** The same in a transaction. */
  async findIn(tx: ReadTx, accountId: string): Promise<IssuerFacts | undefined> {
    const row = await tx.findOneBy(IssuerRow, { accountId });
    if (row === null) return undefined;
    return { enabled: row.enabled, keys: await tx.find(IssuerKeyRow, { where: { accountId }, order: { signsFrom: 'ASC' } }) };
  }

  /** Makes an account an issuer, held until the transaction ends, and switches it on or off. Answers whether that changed anything. */
  async switch(tx: Tx, accountId: string, enabled: boolean): Promise<boolean> {
    const changed = await tx.query<unknown[]>(
      `INSERT INTO issuer AS i (account_id, enabled) VALUES ($1, $2) ON CONFLICT (account_id) DO UPDATE SET enabled = $2 WHERE i.enabled <> $2 RETURNING 1`,
      [accountId, enabled],
    );
    this.#forget(tx, accountId);
    return changed.length > 0;
  }

  /** Adds keys to an issuer. */
  async addKeys(tx: Tx, accountId: string, keys: readonly IssuerKeyRow[]): Promise<void> {
    if (keys.length > 0) await tx.insert(IssuerKeyRow, keys as never[]);
    this.#forget(tx, accountId);
  }

  /** Removes keys that nobody needs any more. */
  async removeKeys(tx: Tx, accountId: string, keyIds: readonly string[]): Promise<void> {
    if (keyIds.length > 0) await tx.query('DELETE FROM issuer_key WHERE account_id = $1 AND key_id = ANY($2)', [accountId, keyIds]);
    this.#forget(tx, accountId);
  }

  /** Some accounts that issue and whose newest keys of an algorithm began to sign before a time. */
  async due(tx: ReadTx, before: Date, most: number): Promise<readonly string[]> {
    const rows = await tx.query<{ account_id: string }[]>(
      `SELECT DISTINCT i.account_id FROM issuer i JOIN issuer_key k USING (account_id) WHERE i.enabled
       GROUP BY i.account_id, k.algorithm HAVING max(k.signs_from) <= $1 LIMIT $2`,
      [before, most],
    );
    return rows.map((row) => row.account_id);
  }

  /** Holds an issuer for this transaction; false where another node is at it. */
  async hold(tx: Tx, accountId: string): Promise<boolean> {
    const rows = await tx.query<unknown[]>('SELECT 1 FROM issuer WHERE account_id = $1 AND enabled FOR UPDATE SKIP LOCKED', [accountId]);
    return rows.length > 0;
  }

  #forget(tx: Tx, accountId: string): void {
    this.database.forget(tx, { memory: 'issuer', key: accountId });
    this.database.forget(tx, { memory: 'issuing', key: ALL });
  }
}
