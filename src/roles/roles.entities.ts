import { Check, Column, Entity, ForeignKey, PrimaryColumn, Unique } from 'typeorm';

import type { StoredTag } from '../identities/identities.entities.js';

/** An IAM role. */
@Entity('role')
@Unique('UQ_role_name', ['accountId', 'nameKey'])
@Check('CK_role_max_session_duration', 'max_session_duration BETWEEN 3600 AND 43200')
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

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'last_used_at', nullable: true })
  lastUsedAt!: Date | null;

  @Column('text', { name: 'last_used_region', nullable: true })
  lastUsedRegion!: string | null;
}
