import { Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import { onConstraint, type ReadTx, type Tx } from '../kernel/database.js';
import { AccountSettingRow } from './settings.entities.js';

/** The version of global endpoint tokens of an account that has not chosen one (IAM API: GetAccountSummary). */
const DEFAULT_TOKEN_VERSION = 1;

/** What accounts have chosen for themselves. */
@Injectable()
export class AccountSettingsStore {
  /** What an account has chosen, and the defaults for the rest. */
  async of(tx: ReadTx, accountId: string): Promise<AccountSettingRow> {
    return (await tx.findOneBy(AccountSettingRow, { accountId })) ?? { accountId, alias: null, tokenVersion: DEFAULT_TOKEN_VERSION };
  }

  /** The account that has an alias. */
  async accountByAlias(tx: ReadTx, alias: string): Promise<string | undefined> {
    return (await tx.findOneBy(AccountSettingRow, { alias }))?.accountId;
  }

  /** Gives an account an alias instead of the one it may have. Throws EntityAlreadyExists where an account has it, even this one. */
  async setAlias(tx: Tx, accountId: string, alias: string): Promise<void> {
    const taken = (): ApiError => new ApiError('EntityAlreadyExists', `The account alias ${alias} already exists.`);
    const changed = await onConstraint(
      tx.query<unknown[]>(
        `INSERT INTO account_setting (account_id, alias, token_version) VALUES ($1, $2, $3)
         ON CONFLICT (account_id) DO UPDATE SET alias = EXCLUDED.alias WHERE account_setting.alias IS DISTINCT FROM EXCLUDED.alias RETURNING 1`,
        [accountId, alias, DEFAULT_TOKEN_VERSION],
      ),
      { UQ_account_setting_alias: taken },
    );
    if (changed.length === 0) throw taken();
  }

  /** Takes an alias from an account. Throws NoSuchEntity where it does not have it. */
  async removeAlias(tx: Tx, accountId: string, alias: string): Promise<void> {
    const { affected } = await tx.update(AccountSettingRow, { accountId, alias }, { alias: null });
    if (affected !== 1) throw new ApiError('NoSuchEntity', `The account alias with name ${alias} cannot be found.`);
  }

  /** Chooses the version of global endpoint tokens. */
  async setTokenVersion(tx: Tx, accountId: string, version: 1 | 2): Promise<void> {
    await tx.query(
      `INSERT INTO account_setting (account_id, token_version) VALUES ($1, $2)
       ON CONFLICT (account_id) DO UPDATE SET token_version = EXCLUDED.token_version`,
      [accountId, version],
    );
  }
}
