import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';

import type { StoredTag } from '../identities/identities.entities.js';

/** A policy that is attached to users, roles and groups. */
@Entity('managed_policy')
@Unique('UQ_managed_policy_name', ['accountId', 'nameKey'])
@Check('CK_managed_policy_version', 'default_version BETWEEN 1 AND latest_version')
export class ManagedPolicyRow {
  @PrimaryColumn('text', { name: 'policy_id', primaryKeyConstraintName: 'PK_managed_policy' })
  policyId!: string;

  @ForeignKey('AccountRow', { name: 'FK_managed_policy_account', onDelete: 'RESTRICT' })
  @Column('text', { name: 'account_id' })
  accountId!: string;

  @Column('text', { name: 'policy_name' })
  policyName!: string;

  /** The name in lower case: names differ by more than case, and lists are ordered by it. */
  @Column('text', { name: 'name_key' })
  nameKey!: string;

  @Column('text')
  path!: string;

  @Column('text', { nullable: true })
  description!: string | null;

  /** The number of the version that is in force. */
  @Column('integer', { name: 'default_version' })
  defaultVersion!: number;

  /** The highest number a version ever had: numbers are never given again. */
  @Column('integer', { name: 'latest_version' })
  latestVersion!: number;

  @Column('jsonb')
  tags!: readonly StoredTag[];

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  /** When the latest version was made. */
  @Column('timestamptz', { name: 'updated_at' })
  updatedAt!: Date;
}

/** A version of a managed policy; it never changes. */
@Entity('policy_version')
export class PolicyVersionRow {
  @ForeignKey('ManagedPolicyRow', { name: 'FK_policy_version_policy', onDelete: 'RESTRICT' })
  @PrimaryColumn('text', { name: 'policy_id', primaryKeyConstraintName: 'PK_policy_version' })
  policyId!: string;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'PK_policy_version' })
  version!: number;

  /** The document as it was saved. */
  @Column('text')
  document!: string;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}

/** A managed policy on a user, role or group. */
@Entity('policy_attachment')
@Check('CK_policy_attachment_owner', 'num_nonnulls(user_id, role_id, group_id) = 1 AND owner_id = COALESCE(user_id, role_id, group_id)')
@Check('CK_policy_attachment_policy', `(policy_id IS NULL) = starts_with(policy_arn, 'arn:aws:iam::aws:')`)
@Index('IX_policy_attachment_arn', ['accountId', 'policyArn', 'ownerId'])
@Index('IX_policy_attachment_policy', ['policyId'])
@Index('IX_policy_attachment_user', ['userId'])
@Index('IX_policy_attachment_role', ['roleId'])
@Index('IX_policy_attachment_group', ['groupId'])
export class PolicyAttachmentRow {
  /** The unique id of the user, role or group. */
  @PrimaryColumn('text', { name: 'owner_id', primaryKeyConstraintName: 'PK_policy_attachment' })
  ownerId!: string;

  @PrimaryColumn('text', { name: 'policy_arn', primaryKeyConstraintName: 'PK_policy_attachment' })
  policyArn!: string;

  /** The account of the user, role or group. */
  @Column('text', { name: 'account_id' })
  accountId!: string;

  /** Null for the policies that are shipped: they are no rows. */
  @ForeignKey('ManagedPolicyRow', { name: 'FK_policy_attachment_policy', onDelete: 'RESTRICT' })
  @Column('text', { name: 'policy_id', nullable: true })
  policyId!: string | null;

  @ForeignKey('UserRow', { name: 'FK_policy_attachment_user', onDelete: 'RESTRICT' })
  @Column('text', { name: 'user_id', nullable: true })
  userId!: string | null;

  @ForeignKey('RoleRow', { name: 'FK_policy_attachment_role', onDelete: 'RESTRICT' })
  @Column('text', { name: 'role_id', nullable: true })
  roleId!: string | null;

  @ForeignKey('GroupRow', { name: 'FK_policy_attachment_group', onDelete: 'RESTRICT' })
  @Column('text', { name: 'group_id', nullable: true })
  groupId!: string | null;
}
