import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** A policy that lives and dies with the user, role or group it belongs to. */
@Entity('inline_policy')
@Check('CK_inline_policy_owner', 'num_nonnulls(user_id, role_id, group_id) = 1 AND owner_id = COALESCE(user_id, role_id, group_id)')
@Index('IX_inline_policy_user', ['userId'])
@Index('IX_inline_policy_role', ['roleId'])
@Index('IX_inline_policy_group', ['groupId'])
export class InlinePolicyRow {
  /** The unique id of the user, role or group. */
  @PrimaryColumn('text', { name: 'owner_id', primaryKeyConstraintName: 'PK_inline_policy' })
  ownerId!: string;

  @PrimaryColumn('text', { name: 'policy_name', primaryKeyConstraintName: 'PK_inline_policy' })
  policyName!: string;

  @ForeignKey('UserRow', { name: 'FK_inline_policy_user', onDelete: 'RESTRICT' })
  @Column('text', { name: 'user_id', nullable: true })
  userId!: string | null;

  @ForeignKey('RoleRow', { name: 'FK_inline_policy_role', onDelete: 'RESTRICT' })
  @Column('text', { name: 'role_id', nullable: true })
  roleId!: string | null;

  @ForeignKey('GroupRow', { name: 'FK_inline_policy_group', onDelete: 'RESTRICT' })
  @Column('text', { name: 'group_id', nullable: true })
  groupId!: string | null;

  /** The document as it was saved. */
  @Column('text')
  document!: string;
}
