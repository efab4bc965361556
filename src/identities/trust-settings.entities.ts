import { Check, Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';

import type { IssuersMode } from '../domain/trusted-issuers.js';

/** Whether risky trust policies are refused or only reported. */
export type LinterMode = 'enforce' | 'report-only';

/** What an account has chosen about trust; without a row nothing was chosen. */
@Entity('trust_setting')
@Check('CK_trust_setting_linter', `linter IN ('enforce', 'report-only')`)
@Check('CK_trust_setting_issuers_mode', `issuers_mode IN ('off', 'report-only', 'enforce')`)
export class TrustSettingRow {
  @ForeignKey('AccountRow', { name: 'FK_trust_setting_account', onDelete: 'RESTRICT' })
  @PrimaryColumn('text', { name: 'account_id', primaryKeyConstraintName: 'PK_trust_setting' })
  accountId!: string;

  @Column('text')
  linter!: LinterMode;

  @Column('text', { name: 'issuers_mode' })
  issuersMode!: IssuersMode;

  @Column('jsonb')
  issuers!: readonly string[];
}
