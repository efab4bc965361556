import { Check, Column, Entity, ForeignKey, PrimaryColumn, Unique } from 'typeorm';

/** What an account has chosen for itself; without a row nothing was chosen. */
@Entity('account_setting')
@Unique('UQ_account_setting_alias', ['alias'])
@Check('CK_account_setting_alias', `alias ~ '^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$' AND alias !~ '^[0-9]{12}$'`)
@Check('CK_account_setting_token_version', 'token_version IN (1, 2)')
export class AccountSettingRow {
  @ForeignKey('AccountRow', { name: 'FK_account_setting_account', onDelete: 'RESTRICT' })
  @PrimaryColumn('text', { name: 'account_id', primaryKeyConstraintName: 'PK_account_setting' })
  accountId!: string;

  /** Of all accounts, only one has it. */
  @Column('text', { nullable: true })
  alias!: string | null;

  /** The version of global endpoint tokens; it is shown and means nothing else. */
  @Column('integer', { name: 'token_version' })
  tokenVersion!: number;
}
