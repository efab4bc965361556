import { Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';

import type { StoredTag } from '../identities/identities.entities.js';

/** An instance profile: a name under which machines are given a role. */
@Entity('instance_profile')
@Unique('UQ_instance_profile_name', ['accountId', 'nameKey'])
@Index('IX_instance_profile_role', ['roleId', 'nameKey'])
export class InstanceProfileRow {
  @PrimaryColumn('text', { name: 'profile_id', primaryKeyConstraintName: 'PK_instance_profile' })
  profileId!: string;

  @ForeignKey('AccountRow', { name: 'FK_instance_profile_account', onDelete: 'RESTRICT' })
  @Column('text', { name: 'account_id' })
  accountId!: string;

  @Column('text', { name: 'profile_name' })
  profileName!: string;

  /** The name in lower case: names differ by more than case, and lists are ordered by it. */
  @Column('text', { name: 'name_key' })
  nameKey!: string;

  @Column('text')
  path!: string;

  @ForeignKey('RoleRow', { name: 'FK_instance_profile_role', onDelete: 'RESTRICT' })
  @Column('text', { name: 'role_id', nullable: true })
  roleId!: string | null;

  @Column('jsonb')
  tags!: readonly StoredTag[];

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}
