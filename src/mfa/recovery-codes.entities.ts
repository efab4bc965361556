import { Check, Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';

/** The recovery codes that a user has left. */
@Entity('recovery_codes')
@Check('CK_recovery_codes_count', `cardinality(codes) <= 10`)
export class RecoveryCodesRow {
  @ForeignKey('UserRow', { name: 'FK_recovery_codes_user', onDelete: 'CASCADE' })
  @PrimaryColumn('text', { name: 'user_id', primaryKeyConstraintName: 'PK_recovery_codes' })
  userId!: string;

  /** The key that they are hashed with, enveloped with the master key. */
  @Column('bytea')
  sealed!: Buffer;

  /** The HMAC-SHA-256 of each that was not used yet. */
  @Column('bytea', { array: true })
  codes!: Buffer[];

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}
