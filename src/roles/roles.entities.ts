import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';

import { BOUNDARY_CHECK, type StoredTag } from '../identities/identities.entities.js';

/** An IAM role. */
@Entity('role')
@Unique('UQ_role_name', ['accountId', 'nameKey'])
@Check('CK_role_max_session_duration', 'max_session_duration BETWEEN 3600 AND 43200')
@Check('CK_role_boundary', BOUNDARY_CHECK)
@Index('IX_role_boundary', ['accountId', 'boundaryArn', 'roleId'], { where: 'boundary_arn IS NOT NULL' })
@Index('IX_role_boundary_policy', ['boundaryPolicyId'], { where: 'boundary_policy_id IS NOT NULL' })
export class RoleRow {
  @PrimaryColumn('text', { name: 'role_id', primaryKeyConstraintName: 'PK_role' })
  roleId!: string;

  @ForeignKey('AccountRow', { name: 'FK_role_account', onDelete: 'RESTRICT' })
  @Column('text', { name: 'account_id' })
  accountId!: string;

  @Column('text', { name: 'role_name' })
  roleName!: string;

  /** The name in lower case: names differ by more than case, and lists are ordered by it. */
  @Column('text', { name: 'name_key' })
  nameKey!: string;

  @Column('text')
  path!: string;

  @Column('text', { nullable: true })
  description!: string | null;

  /** Seconds. */
  @Column('integer', { name: 'max_session_duration' })
  maxSessionDuration!: number;

  /** The trust policy as it was saved. */
  @Column('text', { name: 'trust_policy' })
  trustPolicy!: string;

  /** Principal ARNs of the trust policy and the unique ids they meant when it was saved. */
  @Column('jsonb', { name: 'trust_principals' })
  trustPrincipals!: Readonly<Record<string, string>>;

  @Column('jsonb')
  tags!: readonly StoredTag[];

  /** The ARN of the managed policy that is the permissions boundary. */
  @Column('text', { name: 'boundary_arn', nullable: true })
  boundaryArn!: string | null;

  /** Null where there is none, and for the policies that are shipped: they are no rows. */
  @ForeignKey('ManagedPolicyRow', { name: 'FK_role_boundary', onDelete: 'RESTRICT' })
  @Column('text', { name: 'boundary_policy_id', nullable: true })
  boundaryPolicyId!: string | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'last_used_at', nullable: true })
  lastUsedAt!: Date | null;

  @Column('text', { name: 'last_used_region', nullable: true })
  lastUsedRegion!: string | null;
}
