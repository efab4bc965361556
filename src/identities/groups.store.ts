import { Injectable } from '@nestjs/common';

import { iamArn, nameInArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { Database, holdRow, onConstraint, type ReadTx, type Tx } from '../kernel/database.js';
import { Memory, type Remembered } from '../kernel/memory.js';
import { gathered, pageOf, type Page, type PageRequest } from '../kernel/page.js';
import { GroupMemberRow, GroupRow } from './groups.entities.js';
import { UserRow } from './identities.entities.js';
import { nameKey } from './identities.store.js';
import { holdNames, quotas, requireRoom } from './quota.js';

/** IAM quota: groups of an account. */
const QUOTA = { table: 'iam_group', name: 'GroupsPerAccount', max: quotas.groups } as const;

const noGroup = (name: string): ApiError => new ApiError('NoSuchEntity', `The group with name ${name} cannot be found.`);

/** A group's ARN. */
export function groupArn(row: Pick<GroupRow, 'accountId' | 'path' | 'groupName'>): string {
  return iamArn(row.accountId, 'group', `${row.path}${row.groupName}`);
}

/** Groups and who is in them. Finders without a transaction answer from memory where they may. */
@Injectable()
export class GroupsStore {
  readonly #byName: Remembered<GroupRow>;
  readonly #ofUser: Remembered<readonly string[]>;

  constructor(
    private readonly database: Database,
    private readonly memory: Memory,
  ) {
    this.#byName = memory.of('group_name', 20_000);
    this.#ofUser = memory.of('user_groups', 20_000);
  }

  /** The group of an account with this name. */
  async findGroupByName(accountId: string, name: string): Promise<GroupRow | undefined> {
    return this.#byName.get(`${accountId}/${nameKey(name)}`, () => this.database.read((tx) => this.findGroupByNameIn(tx, accountId, name)));
  }

  /** The unique ids of the groups that a user is in. */
  async groupIdsOf(userId: string): Promise<readonly string[]> {
    return (await this.#ofUser.get(userId, () => this.database.read((tx) => this.groupIdsOfIn(tx, userId)))) ?? [];
  }

  /** The same in a transaction. */
  async groupIdsOfIn(tx: ReadTx, userId: string): Promise<readonly string[]> {
    const rows = await tx.find(GroupMemberRow, { where: { userId }, order: { groupId: 'ASC' } });
    return rows.map((row) => row.groupId);
  }

  /** The group of an account with this name. */
  async findGroupByNameIn(tx: ReadTx, accountId: string, name: string): Promise<GroupRow | undefined> {
    return (await tx.findOneBy(GroupRow, { accountId, nameKey: nameKey(name) })) ?? undefined;
  }

  /** The group of an account with this name. Throws NoSuchEntity. */
  async groupByName(tx: ReadTx, accountId: string, name: string): Promise<GroupRow> {
    const row = await this.findGroupByNameIn(tx, accountId, name);
    if (row === undefined) throw noGroup(name);
    return row;
  }

  /** The same, held against other changes until the transaction ends. */
  async lockGroupByName(tx: Tx, accountId: string, name: string): Promise<GroupRow> {
    const groupId = await holdRow(tx, { table: 'iam_group', key: 'group_id' }, { account_id: accountId, name_key: nameKey(name) });
    if (groupId === undefined) throw noGroup(name);
    return tx.findOneByOrFail(GroupRow, { groupId });
  }

  /** The group with exactly this ARN, path and case included. */
  async groupByArnIn(tx: ReadTx, arn: string): Promise<GroupRow | undefined> {
    const named = nameInArn(arn, 'group');
    const row = named && (await this.findGroupByNameIn(tx, named.account, named.name));
    return row !== undefined && groupArn(row) === arn ? row : undefined;
  }

  /** Groups by unique id. */
  async groupsById(tx: ReadTx, ids: readonly string[]): Promise<readonly GroupRow[]> {
    return ids.length === 0 ? [] : tx.createQueryBuilder(GroupRow, 'g').where('g.groupId IN (:...ids)', { ids }).orderBy('g.groupId').getMany();
  }

  /** How many groups an account has. */
  async count(tx: ReadTx, accountId: string): Promise<number> {
    return tx.countBy(GroupRow, { accountId });
  }

  /** The names of the groups that each of some users is in, by name. */
  async groupNamesOf(tx: ReadTx, userIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const rows = await tx.query<{ id: string; name: string }[]>(
      'SELECT m.user_id AS id, g.group_name AS name FROM group_member m JOIN iam_group g USING (group_id) WHERE m.user_id = ANY($1) ORDER BY g.name_key',
      [userIds],
    );
    return gathered(rows.map(({ id, name }) => [id, name]));
  }

  /** Forgets what this node remembers under a name; it was found not to be so. */
  misremembered(accountId: string, name: string): void {
    this.memory.forget([{ memory: 'group_name', key: `${accountId}/${nameKey(name)}` }]);
  }

  /** Groups of an account whose path begins with a text, by name; with a user, only those he is in. */
  async pageGroups(tx: ReadTx, of: { account: string; pathPrefix?: string; userId?: string }, request: PageRequest): Promise<Page<GroupRow>> {
    const query = tx.createQueryBuilder(GroupRow, 'g').where('g.accountId = :account', { account: of.account });
    if (of.userId !== undefined) query.innerJoin(GroupMemberRow, 'm', 'm.groupId = g.groupId AND m.userId = :userId', { userId: of.userId });
    if (of.pathPrefix !== undefined && of.pathPrefix !== '/') query.andWhere('starts_with(g.path, :prefix)', { prefix: of.pathPrefix });
    if (request.after !== undefined) query.andWhere('g.nameKey > :after', { after: request.after[0] });
    const rows = await query.orderBy('g.nameKey').limit(request.items + 1).getMany();
    return pageOf(rows, request, (row) => [row.nameKey]);
  }

  /** The users in a group by name. */
  async pageMembers(tx: ReadTx, groupId: string, request: PageRequest): Promise<Page<UserRow>> {
    const query = tx.createQueryBuilder(UserRow, 'u').innerJoin(GroupMemberRow, 'm', 'm.userId = u.userId').where('m.groupId = :groupId', { groupId });
    if (request.after !== undefined) query.andWhere('u.nameKey > :after', { after: request.after[0] });
    const rows = await query.orderBy('u.nameKey').limit(request.items + 1).getMany();
    return pageOf(rows, request, (row) => [row.nameKey]);
  }

  /** Adds a group. Throws EntityAlreadyExists and LimitExceeded. */
  async insert(tx: Tx, row: GroupRow): Promise<void> {
    await requireRoom(tx, row.accountId, QUOTA);
    await onConstraint(tx.insert(GroupRow, row), nameTaken(row.groupName));
    this.#forget(tx, row);
  }

  /** Renames a group, moves it, or both. Throws EntityAlreadyExists. */
  async update(tx: Tx, row: GroupRow, to: Pick<GroupRow, 'groupName' | 'path'>): Promise<void> {
    const changed = { groupName: to.groupName, nameKey: nameKey(to.groupName), path: to.path };
    // One at a time, or two that take each other's names would wait for each other.
    if (changed.nameKey !== row.nameKey) await holdNames(tx, row.accountId);
    await onConstraint(tx.update(GroupRow, { groupId: row.groupId }, changed), nameTaken(to.groupName));
    this.#forget(tx, row);
    this.#forget(tx, { ...row, ...changed });
  }

  /** Removes a group. Throws DeleteConflict while it has users or policies: the database knows. */
  async delete(tx: Tx, row: GroupRow): Promise<void> {
    const conflict = (what: string) => (): ApiError => new ApiError('DeleteConflict', `Cannot delete entity, must ${what} first.`);
    await onConstraint(tx.delete(GroupRow, { groupId: row.groupId }), {
      FK_group_member_group: conflict('remove users from group'),
      FK_inline_policy_group: conflict('delete policies'),
      FK_policy_attachment_group: conflict('detach all policies'),
    });
    this.#forget(tx, row);
  }

  /** Puts a user into a group; both are held by the transaction. */
  async addMember(tx: Tx, member: { userId: string; groupId: string }): Promise<void> {
    await tx.insert(GroupMemberRow, member);
    this.database.forget(tx, { memory: 'user_groups', key: member.userId });
  }

  /** Takes a user out of a group, if he is in it. */
  async removeMember(tx: Tx, member: { userId: string; groupId: string }): Promise<void> {
    await tx.delete(GroupMemberRow, member);
    this.database.forget(tx, { memory: 'user_groups', key: member.userId });
  }

  #forget(tx: Tx, row: GroupRow): void {
    this.database.forget(tx, { memory: 'group_name', key: `${row.accountId}/${row.nameKey}` });
    // What is in force of a group's policies goes by the group's name.
    this.database.forget(tx, { memory: 'owner_policies', key: row.groupId });
  }
}

function nameTaken(name: string): Readonly<Record<string, () => ApiError>> {
  return { UQ_group_name: () => new ApiError('EntityAlreadyExists', `Group with name ${name} already exists.`) };
}
