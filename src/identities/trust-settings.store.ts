import { Injectable } from '@nestjs/common';

import { Database, type ReadTx, type Tx } from '../kernel/database.js';
import { Memory, type Remembered } from '../kernel/memory.js';
import { TrustSettingRow } from './trust-settings.entities.js';

/** What of the settings is changed; what is left out stays as it is. */
export type TrustSettingsChange = { readonly [K in 'linter' | 'issuersMode' | 'issuers']?: TrustSettingRow[K] | undefined };

const unset = (accountId: string): TrustSettingRow => ({ accountId, linter: 'enforce', issuersMode: 'off', issuers: [] });

/** What accounts have chosen about trust. */
@Injectable()
export class TrustSettingsStore {
  readonly #remembered: Remembered<TrustSettingRow>;

  constructor(
    private readonly database: Database,
    memory: Memory,
  ) {
    this.#remembered = memory.of('trust_setting', 5_000, ({ issuers }) => 1_024 + 4 * JSON.stringify(issuers).length);
  }

  /** What an account has chosen, and the defaults for the rest; from memory where it may be. */
  async find(accountId: string): Promise<TrustSettingRow> {
    const row = await this.#remembered.get(accountId, () => this.database.read(async (tx) => (await tx.findOneBy(TrustSettingRow, { accountId })) ?? undefined));
    return row ?? unset(accountId);
  }

  /** The same in a transaction. */
  async findIn(tx: ReadTx, accountId: string): Promise<TrustSettingRow> {
    return (await tx.findOneBy(TrustSettingRow, { accountId })) ?? unset(accountId);
  }

  /** Changes some of it, and answers all of it. */
  async change(tx: Tx, accountId: string, { linter, issuersMode, issuers }: TrustSettingsChange): Promise<TrustSettingRow> {
    const first = unset(accountId);
    const texts = [linter ?? null, issuersMode ?? null, issuers === undefined ? null : JSON.stringify(issuers)];
    await tx.query(
      `INSERT INTO trust_setting AS s (account_id, linter, issuers_mode, issuers)
       VALUES ($1, COALESCE($2, $5), COALESCE($3, $6), COALESCE($4::jsonb, '[]'))
       ON CONFLICT (account_id) DO UPDATE SET linter = COALESCE($2, s.linter), issuers_mode = COALESCE($3, s.issuers_mode), issuers = COALESCE($4::jsonb, s.issuers)`,
      [accountId, ...texts, first.linter, first.issuersMode],
    );
    this.database.forget(tx, { memory: 'trust_setting', key: accountId });
    return this.findIn(tx, accountId);
  }
}
