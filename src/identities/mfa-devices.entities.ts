import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';

import type { StoredTag } from './identities.entities.js';

/** A virtual MFA device: of nobody, of a user, or of the account's root user. */
@Entity('mfa_device')
@Unique('UQ_mfa_device_name', ['accountId', 'path', 'deviceName'])
@Check('CK_mfa_device_holder', `(enabled_at IS NOT NULL) = (user_id IS NOT NULL OR of_root) AND NOT (user_id IS NOT NULL AND of_root)`)
@Index('IX_mfa_device_list', ['accountId', 'createdAt', 'deviceId'])
@Index('IX_mfa_device_user', ['userId'], { where: 'user_id IS NOT NULL' })
@Index('IX_mfa_device_root', ['accountId'], { where: 'of_root' })
export class MfaDeviceRow {
  @PrimaryColumn('uuid', { name: 'device_id', primaryKeyConstraintName: 'PK_mfa_device' })
  deviceId!: string;

  @ForeignKey('AccountRow', { name: 'FK_mfa_device_account', onDelete: 'RESTRICT' })
  @Column('text', { name: 'account_id' })
  accountId!: string;

  @Column('text')
  path!: string;

  @Column('text', { name: 'device_name' })
  deviceName!: string;

  @ForeignKey('UserRow', { name: 'FK_mfa_device_user', onDelete: 'RESTRICT' })
  @Column('text', { name: 'user_id', nullable: true })
  userId!: string | null;

  @Column('boolean', { name: 'of_root' })
  ofRoot!: boolean;

  @Column('timestamptz', { name: 'enabled_at', nullable: true })
  enabledAt!: Date | null;

  /** The seed, enveloped with the master key. */
  @Column('bytea')
  sealed!: Buffer;

  /** The counter of the last code that was accepted: it and all before it are spent, whoever holds the device. */
  @Column('integer', { name: 'last_counter' })
  lastCounter!: number;

  /** Names the request that spent the last code, where it may be repeated under its Idempotency-Key. */
  @Column('bytea', { name: 'last_claim', nullable: true })
  lastClaim!: Buffer | null;

  /** How many steps its clock was ahead of ours when it was last synchronised; negative where it was behind. */
  @Column('smallint')
  drift!: number;

  @Column('jsonb')
  tags!: readonly StoredTag[];

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}
