import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** How often codes were wrong that somebody gave for a device, from an address. */
@Entity('mfa_throttle')
@Index('IX_mfa_throttle_forget_at', ['forgetAt'])
export class MfaThrottleRow {
  /** `device:uuid`, `holder:AIDA…` or `holder:` and an account, `address:` or `sign-in:` and an address or network. */
  @PrimaryColumn('text', { primaryKeyConstraintName: 'PK_mfa_throttle' })
  subject!: string;

  @Column('integer')
  failures!: number;

  @Column('timestamptz')
  since!: Date;

  @Column('timestamptz', { name: 'locked_until', nullable: true })
  lockedUntil!: Date | null;

  @Column('timestamptz', { name: 'forget_at' })
  forgetAt!: Date;
}
