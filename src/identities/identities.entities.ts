import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';

/** A tag of an entity, as stored and as AWS writes it. */
export interface StoredTag {
  readonly Key: string;
  readonly Value: string;
}

/** A boundary names the row of its policy, except where the policy is shipped. */
export const BOUNDARY_CHECK = `(boundary_policy_id IS NULL) = (boundary_arn IS NULL OR starts_with(boundary_arn, 'arn:aws:iam::aws:'))`;

/** A tenant. */
@Entity('account')
@Check('CK_account_id', `account_id ~ '^[0-9]{12}$'`)
@Index('UQ_account_management', { synchronize: false })
export class AccountRow {
  @PrimaryColumn('text', { name: 'account_id', primaryKeyConstraintName: 'PK_account' })
  accountId!: string;

  @Column('text', { name: 'account_name' })
  accountName!: string;

  /** True for the one account whose principals may create others. */
  @Column('boolean')
  management!: boolean;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}

/** An IAM user. */
@Entity('iam_user')
@Unique('UQ_user_name', ['accountId', 'nameKey'])
@Check('CK_user_boundary', BOUNDARY_CHECK)
@Index('IX_user_boundary', ['accountId', 'boundaryArn', 'userId'], { where: 'boundary_arn IS NOT NULL' })
@Index('IX_user_boundary_policy', ['boundaryPolicyId'], { where: 'boundary_policy_id IS NOT NULL' })
export class UserRow {
  @PrimaryColumn('text', { name: 'user_id', primaryKeyConstraintName: 'PK_iam_user' })
  userId!: string;

  @ForeignKey('AccountRow', { name: 'FK_user_account', onDelete: 'RESTRICT' })
  @Column('text', { name: 'account_id' })
  accountId!: string;

  @Column('text', { name: 'user_name' })
  userName!: string;

  /** The name in lower case: names differ by more than case, and lists are ordered by it. */
  @Column('text', { name: 'name_key' })
  nameKey!: string;

  @Column('text')
  path!: string;

  @Column('jsonb')
  tags!: readonly StoredTag[];

  /** The ARN of the managed policy that is the permissions boundary. */
  @Column('text', { name: 'boundary_arn', nullable: true })
  boundaryArn!: string | null;

  /** Null where there is none, and for the policies that are shipped: they are no rows. */
  @ForeignKey('ManagedPolicyRow', { name: 'FK_user_boundary', onDelete: 'RESTRICT' })
  @Column('text', { name: 'boundary_policy_id', nullable: true })
  boundaryPolicyId!: string | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}

/** A long-term access key of a user, or of the account's root user where `userId` is null. */
@Entity('access_key')
@Check('CK_access_key_status', `status IN ('Active', 'Inactive')`)
@Index('IX_access_key_owner', ['accountId', 'userId'])
@Index('IX_access_key_user', ['userId'])
export class AccessKeyRow {
  @PrimaryColumn('text', { name: 'access_key_id', primaryKeyConstraintName: 'PK_access_key' })
  accessKeyId!: string;

  @ForeignKey('AccountRow', { name: 'FK_access_key_account', onDelete: 'RESTRICT' })
  @Column('text', { name: 'account_id' })
  accountId!: string;

  @ForeignKey('UserRow', { name: 'FK_access_key_user', onDelete: 'RESTRICT' })
  @Column('text', { name: 'user_id', nullable: true })
  userId!: string | null;

  @Column('text')
  status!: 'Active' | 'Inactive';

  /** The secret, enveloped with the master key. */
  @Column('bytea')
  secret!: Buffer;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'last_used_at', nullable: true })
  lastUsedAt!: Date | null;

  @Column('text', { name: 'last_used_service', nullable: true })
  lastUsedService!: string | null;

  @Column('text', { name: 'last_used_region', nullable: true })
  lastUsedRegion!: string | null;
}
