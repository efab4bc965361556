import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** The password of a user. */
@Entity('login_profile')
@Check('CK_login_profile_previous', `cardinality(previous) < 24`)
@Index('IX_login_profile_account', ['accountId'])
export class LoginProfileRow {
  @ForeignKey('UserRow', { name: 'FK_login_profile_user', onDelete: 'RESTRICT' })
  @PrimaryColumn('text', { name: 'user_id', primaryKeyConstraintName: 'PK_login_profile' })
  userId!: string;

  @ForeignKey('AccountRow', { name: 'FK_login_profile_account', onDelete: 'RESTRICT' })
  @Column('text', { name: 'account_id' })
  accountId!: string;

  /** Its hash with cost and salt, enveloped with the master key. */
  @Column('bytea')
  password!: Buffer;

  /** The passwords before it, in the same form, latest first: 23 at the most. */
  @Column('bytea', { array: true })
  previous!: Buffer[];

  /** Whether the user must set another password when he signs in. */
  @Column('boolean', { name: 'reset_required' })
  resetRequired!: boolean;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'changed_at' })
  changedAt!: Date;

  /** When somebody last signed in with it. */
  @Column('timestamptz', { name: 'last_used_at', nullable: true })
  lastUsedAt!: Date | null;

  /** Attempts since the last right one; one that is under way counts as wrong. */
  @Column('integer', { name: 'wrong_guesses' })
  wrongGuesses!: number;

  /** Before this time no attempt is looked at. */
  @Column('timestamptz', { name: 'next_guess_at', nullable: true })
  nextGuessAt!: Date | null;
}

/** The password policy of an account. */
@Entity('password_policy')
@Check('CK_password_policy_minimum_length', `minimum_length BETWEEN 6 AND 128`)
@Check('CK_password_policy_max_age', `max_age_days BETWEEN 1 AND 1095`)
@Check('CK_password_policy_reuse_prevention', `reuse_prevention BETWEEN 1 AND 24`)
export class PasswordPolicyRow {
  @ForeignKey('AccountRow', { name: 'FK_password_policy_account', onDelete: 'RESTRICT' })
  @PrimaryColumn('text', { name: 'account_id', primaryKeyConstraintName: 'PK_password_policy' })
  accountId!: string;

  @Column('integer', { name: 'minimum_length' })
  minimumLength!: number;

  @Column('boolean', { name: 'require_symbols' })
  requireSymbols!: boolean;

  @Column('boolean', { name: 'require_numbers' })
  requireNumbers!: boolean;

  @Column('boolean', { name: 'require_uppercase' })
  requireUppercase!: boolean;

  @Column('boolean', { name: 'require_lowercase' })
  requireLowercase!: boolean;

  @Column('boolean', { name: 'users_may_change' })
  usersMayChange!: boolean;

  @Column('integer', { name: 'max_age_days', nullable: true })
  maxAgeDays!: number | null;

  @Column('integer', { name: 'reuse_prevention', nullable: true })
  reusePrevention!: number | null;

  @Column('boolean', { name: 'hard_expiry', nullable: true })
  hardExpiry!: boolean | null;
}
