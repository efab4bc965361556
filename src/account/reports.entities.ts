import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** The credential report of an account: the one that is being made, or the last that was. */
@Entity('credential_report')
@Index('IX_credential_report_unfinished', ['startedAt'], { where: 'completed_at IS NULL' })
export class CredentialReportRow {
  @ForeignKey('AccountRow', { name: 'FK_credential_report_account', onDelete: 'RESTRICT' })
  @PrimaryColumn('text', { name: 'account_id', primaryKeyConstraintName: 'PK_credential_report' })
  accountId!: string;

  @Column('timestamptz', { name: 'started_at' })
  startedAt!: Date;

  /** The name, in lower case, of the last user that is in it so far. */
  @Column('text', { name: 'next_after' })
  nextAfter!: string;

  /** How many parts there are so far. */
  @Column('integer', { name: 'part_count' })
  partCount!: number;

  /** Null while it is being made. */
  @Column('timestamptz', { name: 'completed_at', nullable: true })
  completedAt!: Date | null;
}

/** Some lines of a credential report. */
@Entity('credential_report_part')
export class CredentialReportPartRow {
  @ForeignKey('CredentialReportRow', { name: 'FK_credential_report_part_report', onDelete: 'RESTRICT' })
  @PrimaryColumn('text', { name: 'account_id', primaryKeyConstraintName: 'PK_credential_report_part' })
  accountId!: string;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'PK_credential_report_part' })
  part!: number;

  @Column('text')
  content!: string;
}
