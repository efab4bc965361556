import { Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';

/** An IAM group. */
@Entity('iam_group')
@Unique('UQ_group_name', ['accountId', 'nameKey'])
export class GroupRow {
  @PrimaryColumn('text', { name: 'group_id', primaryKeyConstraintName: 'PK_iam_group' })
  groupId!: string;

  @ForeignKey('AccountRow', { name: 'FK_group_account', onDelete: 'RESTRICT' })
  @Column('text', { name: 'account_id' })
  accountId!: string;

  @Column('text', { name: 'group_name' })
  groupName!: string;

  /** The name in lower case: names differ by more than case, and lists are ordered by it. */
  @Column('text', { name: 'name_key' })
  nameKey!: string;

  @Column('text')
  path!: string;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}

/** A user in a group. */
@Entity('group_member')
@Index('IX_group_member_group', ['groupId'])
export class GroupMemberRow {
  @ForeignKey('UserRow', { name: 'FK_group_member_user', onDelete: 'RESTRICT' })
  @PrimaryColumn('text', { name: 'user_id', primaryKeyConstraintName: 'PK_group_member' })
  userId!: string;

  @ForeignKey('GroupRow', { name: 'FK_group_member_group', onDelete: 'RESTRICT' })
  @PrimaryColumn('text', { name: 'group_id', primaryKeyConstraintName: 'PK_group_member' })
  groupId!: string;
}
