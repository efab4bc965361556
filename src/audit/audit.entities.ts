import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** One event of the audit log. Rows are only ever added; the table itself refuses anything else. */
@Entity('audit_event')
@Check('CK_audit_event_outcome', `outcome IN ('success', 'refused')`)
@Index('IX_audit_event_time', ['accountId', 'occurredAt', 'eventId'])
export class AuditEventRow {
  @PrimaryColumn('uuid', { name: 'event_id', primaryKeyConstraintName: 'PK_audit_event' })
  eventId!: string;

  /** The PostgreSQL transaction that wrote it, for the sealer. The default is written as TypeORM reads it: without casts. */
  @Column('bigint', { default: () => '((pg_current_xact_id()))' })
  txid!: string;

  @Column('text', { name: 'account_id' })
  accountId!: string;

  @Column('timestamptz', { name: 'occurred_at' })
  occurredAt!: Date;

  @Column('text', { name: 'event_source' })
  eventSource!: string;

  @Column('text', { name: 'event_name' })
  eventName!: string;

  @Column('text', { name: 'principal_arn' })
  principalArn!: string;

  @Column('text', { name: 'principal_id' })
  principalId!: string;

  @Column('text', { name: 'access_key_id' })
  accessKeyId!: string;

  @Column('text')
  outcome!: 'success' | 'refused';

  @Column('text', { name: 'error_code', nullable: true })
  errorCode!: string | null;

  @Column('uuid', { name: 'request_id' })
  requestId!: string;

  /** The event in its canonical form: text, because jsonb would reorder what was hashed. */
  @Column('text')
  record!: string;

  /** SHA-256 of `record`. */
  @Column('bytea')
  digest!: Buffer;
}
