import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One account's side of a refusal: what decided it, and what came near to allowing it. */
@Entity('decision')
export class DecisionRow {
  @PrimaryColumn('uuid', { name: 'decision_id', primaryKeyConstraintName: 'PK_decision' })
  decisionId!: string;

  @PrimaryColumn('text', { name: 'account_id', primaryKeyConstraintName: 'PK_decision' })
  accountId!: string;

  @Column('uuid', { name: 'request_id' })
  requestId!: string;

  @Column('timestamptz', { name: 'decided_at' })
  decidedAt!: Date;

  /** JSON text. */
  @Column('text')
  content!: string;
}
