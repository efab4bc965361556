import { Injectable } from '@nestjs/common';
import { IsNull } from 'typeorm';

import { nameInArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { Database, holdRow, onConstraint, type ReadTx, type Tx } from '../kernel/database.js';
import { Memory, type Remembered } from '../kernel/memory.js';
import { pageOf, type Page, type PageRequest } from '../kernel/page.js';
import { Stamps } from '../kernel/stamps.js';
import { noBoundary, type Boundary } from './boundaries.js';
import { boundaryHolders, boundaryUses, type Bounded } from './boundaries.store.js';
import { AccessKeyRow, AccountRow, UserRow, type StoredTag } from './identities.entities.js';
import { holdNames, quotas, requireRoom } from './quota.js';
import { userArn } from './shown.js';

/** IAM quota: users of an account. */
const QUOTA = { table: 'iam_user', name: 'UsersPerAccount', max: quotas.users } as const;
const TABLE = { table: 'iam_user', key: 'user_id' } as const;
const BOUNDED: Bounded = { table: 'iam_user', id: 'user_id' };

/** When, where and for which service an access key was last used. */
export interface KeyUse {
  readonly at: Date;
  readonly service: string;
  readonly region: string;
}

/** Access keys of one user, or of one account's root user where `userId` is null. */
export interface KeyOwner {
  readonly accountId: string;
  readonly userId: string | null;
}

/** Names are unique and found without regard to case (IAM API: CreateUser). */
export function nameKey(name: string): string {
  return name.toLowerCase();
}

const noUser = (name: string): ApiError => new ApiError('NoSuchEntity', `The user with name ${name} cannot be found.`);

/** Accounts, users and access keys. Finders without a transaction answer from memory where they may. */
@Injectable()
export class IdentitiesStore {
  readonly #keys: Remembered<AccessKeyRow>;
  readonly #users: Remembered<UserRow>;
  readonly #userNames: Remembered<UserRow>;
  readonly #accounts: Remembered<AccountRow>;
  /** Uses of access keys, written behind. */
  readonly keyUses: Stamps<KeyUse>;

  constructor(
    private readonly database: Database,
    private readonly memory: Memory,
  ) {
    this.#keys = memory.of('access_key', 20_000);
    this.#users = memory.of('user', 20_000);
    this.#userNames = memory.of('user_name', 20_000);
    this.#accounts = memory.of('account', 5_000);
    this.keyUses = new Stamps(database, saveKeyUses);
  }

  /** The access key with this id, whatever its status. */
  async findAccessKey(id: string): Promise<AccessKeyRow | undefined> {
    return this.#keys.get(id, () => this.#one(AccessKeyRow, { accessKeyId: id }));
  }

  /** The access key as it is stored now, with its last use. */
  async readAccessKey(id: string): Promise<AccessKeyRow | undefined> {
    return this.#one(AccessKeyRow, { accessKeyId: id });
  }

  /** The user with this unique id. */
  async findUser(userId: string): Promise<UserRow | undefined> {
    return this.#users.get(userId, () => this.#one(UserRow, { userId }));
  }

  /** The user of an account with this name. */
  async findUserByName(accountId: string, name: string): Promise<UserRow | undefined> {
    const key = nameKey(name);
    return this.#userNames.get(`${accountId}/${key}`, () => this.#one(UserRow, { accountId, nameKey: key }));
  }

  /** The account with this id. */
  async findAccount(accountId: string): Promise<AccountRow | undefined> {
    return this.#accounts.get(accountId, () => this.#one(AccountRow, { accountId }));
  }

  /** The user of an account with this name. Throws NoSuchEntity. */
  async userByName(tx: ReadTx, accountId: string, name: string): Promise<UserRow> {
    const row = await tx.findOneBy(UserRow, { accountId, nameKey: nameKey(name) });
    if (row === null) throw noUser(name);
    return row;
  }

  /** The same, held against other changes until the transaction ends: for quotas and deletions. */
  async lockUserByName(tx: Tx, accountId: string, name: string): Promise<UserRow> {
    const userId = await holdRow(tx, TABLE, { account_id: accountId, name_key: nameKey(name) });
    if (userId === undefined) throw noUser(name);
    return tx.findOneByOrFail(UserRow, { userId });
  }

  /** The user of an account with this name. */
  async findUserByNameIn(tx: ReadTx, accountId: string, name: string): Promise<UserRow | undefined> {
    return (await tx.findOneBy(UserRow, { accountId, nameKey: nameKey(name) })) ?? undefined;
  }

  /** Forgets what this node remembers of a user and under his name; it was found not to be so. */
  misremembered({ accountId, nameKey: key, userId }: UserRow): void {
    this.memory.forget([{ memory: 'user_name', key: `${accountId}/${key}` }, { memory: 'user', key: userId }]);
  }

  /** The user with exactly this ARN, path and case included. */
  async userByArnIn(tx: ReadTx, arn: string): Promise<UserRow | undefined> {
    const named = nameInArn(arn, 'user');
    if (named === undefined) return undefined;
    const row = await tx.findOneBy(UserRow, { accountId: named.account, nameKey: nameKey(named.name) });
    return row !== null && userArn(row) === arn ? row : undefined;
  }

  /** The account with this id. */
  async accountIn(tx: ReadTx, accountId: string): Promise<AccountRow | undefined> {
    return (await tx.findOneBy(AccountRow, { accountId })) ?? undefined;
  }

  /** Users by unique id, for showing principals by their present names. */
  async usersById(tx: ReadTx, ids: readonly string[]): Promise<readonly UserRow[]> {
    return ids.length === 0 ? [] : tx.createQueryBuilder(UserRow, 'u').where('u.userId IN (:...ids)', { ids }).getMany();
  }

  /** Users of an account whose path begins with a text, by name. */
  async pageUsers(tx: ReadTx, of: { account: string; pathPrefix: string }, request: PageRequest): Promise<Page<UserRow>> {
    const query = tx.createQueryBuilder(UserRow, 'u').where('u.accountId = :account', { account: of.account });
    if (of.pathPrefix !== '/') query.andWhere('starts_with(u.path, :prefix)', { prefix: of.pathPrefix });
    if (request.after !== undefined) query.andWhere('u.nameKey > :after', { after: request.after[0] });
    const rows = await query.orderBy('u.nameKey').limit(request.items + 1).getMany();
    return pageOf(rows, request, (row) => [row.nameKey]);
  }

  /** Adds an account. Throws EntityAlreadyExists. */
  async insertAccount(tx: Tx, row: AccountRow): Promise<void> {
    await onConstraint(tx.insert(AccountRow, row), {
      PK_account: () => new ApiError('EntityAlreadyExists', `Account with id ${row.accountId} already exists.`),
    });
    this.database.forget(tx, { memory: 'account', key: row.accountId });
  }

  /** How many users of an account have each of some policies as their boundary; without ARNs, each that any of them has. */
  async boundaryUses(tx: ReadTx, of: { account: string; arns?: readonly string[] }): Promise<ReadonlyMap<string, number>> {
    return boundaryUses(tx, BOUNDED, of);
  }

  /** The unique ids of users that have a policy as their boundary, in their order, after one of them. */
  async boundaryHolders(tx: ReadTx, of: { account: string; arn: string; after: string; limit: number }): Promise<readonly string[]> {
    return boundaryHolders(tx, BOUNDED, of);
  }

  /** Adds a user. Throws EntityAlreadyExists, LimitExceeded, and NoSuchEntity where its boundary is being deleted. */
  async insertUser(tx: Tx, row: UserRow): Promise<void> {
    await requireRoom(tx, row.accountId, QUOTA);
    await onConstraint(tx.insert(UserRow, { ...row, tags: row.tags as never }), { ...nameTaken(row.userName), FK_user_boundary: () => noBoundary(row.boundaryArn) });
    this.#forgetUser(tx, row);
  }

  /** Renames a user, moves it, or both. Throws EntityAlreadyExists. */
  async updateUser(tx: Tx, row: UserRow, to: Pick<UserRow, 'userName' | 'path'>): Promise<void> {
    const changed = { userName: to.userName, nameKey: nameKey(to.userName), path: to.path };
    // One at a time, or two that take each other's names would wait for each other.
    if (changed.nameKey !== row.nameKey) await holdNames(tx, row.accountId);
    await onConstraint(tx.update(UserRow, { userId: row.userId }, changed), nameTaken(to.userName));
    this.#forgetUser(tx, row);
    this.#forgetUser(tx, { ...row, ...changed });
  }

  /** Replaces the tags of a user. */
  async updateUserTags(tx: Tx, row: UserRow, tags: readonly StoredTag[]): Promise<void> {
    await tx.update(UserRow, { userId: row.userId }, { tags });
    this.#forgetUser(tx, row);
  }

  /** Gives a user a boundary, or none. Throws NoSuchEntity where its policy is being deleted. */
  async updateUserBoundary(tx: Tx, row: UserRow, { boundaryArn, boundaryPolicyId }: Boundary): Promise<void> {
    await onConstraint(tx.update(UserRow, { userId: row.userId }, { boundaryArn, boundaryPolicyId }), { FK_user_boundary: () => noBoundary(boundaryArn) });
    this.#forgetUser(tx, row);
  }

  /** Removes a user. Throws DeleteConflict while anything still belongs to it: the database knows. */
  async deleteUser(tx: Tx, row: UserRow): Promise<void> {
    const conflict = (what: string) => (): ApiError => new ApiError('DeleteConflict', `Cannot delete entity, must delete ${what} first.`);
    await onConstraint(tx.delete(UserRow, { userId: row.userId }), {
      FK_access_key_user: conflict('access keys'),
      FK_login_profile_user: conflict('login profile'),
      FK_inline_policy_user: conflict('policies'),
      FK_mfa_device_user: conflict('MFA device'),
      FK_policy_attachment_user: () => new ApiError('DeleteConflict', 'Cannot delete entity, must detach all policies first.'),
      FK_group_member_user: () => new ApiError('DeleteConflict', 'Cannot delete entity, must remove users from group first.'),
    });
    this.#forgetUser(tx, row);
  }

  /** How many users an account has. */
  async countUsers(tx: ReadTx, accountId: string): Promise<number> {
    return tx.countBy(UserRow, { accountId });
  }

  /** Access keys of several users, oldest first. */
  async accessKeysOfUsers(tx: ReadTx, userIds: readonly string[]): Promise<readonly AccessKeyRow[]> {
    if (userIds.length === 0) return [];
    return tx.createQueryBuilder(AccessKeyRow, 'k').where('k.userId = ANY(:userIds)', { userIds }).orderBy('k.createdAt').addOrderBy('k.accessKeyId').getMany();
  }

  /** Access keys of one owner, oldest first. */
  async accessKeysOf(tx: ReadTx, owner: KeyOwner): Promise<readonly AccessKeyRow[]> {
    return tx.find(AccessKeyRow, {
      where: { accountId: owner.accountId, userId: owner.userId ?? IsNull() },
      order: { createdAt: 'ASC', accessKeyId: 'ASC' },
    });
  }

  /** Holds an owner against other changes of its keys until the transaction ends. */
  async lockKeyOwner(tx: Tx, owner: KeyOwner): Promise<void> {
    if (owner.userId === null) await holdNames(tx, owner.accountId);
    else await holdRow(tx, TABLE, { user_id: owner.userId });
  }

  /** Adds an access key. */
  async insertAccessKey(tx: Tx, row: AccessKeyRow): Promise<void> {
    await onConstraint(tx.insert(AccessKeyRow, row), {
      FK_access_key_user: () => new ApiError('NoSuchEntity', 'The user of the access key cannot be found.'),
      PK_access_key: () => new ApiError('EntityAlreadyExists', `Access key ${row.accessKeyId} already exists.`),
    });
    this.database.forget(tx, { memory: 'access_key', key: row.accessKeyId });
  }

  /** Changes the status of an owner's access key. Throws NoSuchEntity. */
  async updateAccessKey(tx: Tx, owner: KeyOwner, change: { id: string; status: AccessKeyRow['status'] }): Promise<void> {
    const result = await tx.update(AccessKeyRow, keyOf(owner, change.id), { status: change.status });
    this.#requireKey(tx, change.id, result.affected);
  }

  /** Removes an owner's access key. Throws NoSuchEntity. */
  async deleteAccessKey(tx: Tx, owner: KeyOwner, id: string): Promise<void> {
    const result = await tx.delete(AccessKeyRow, keyOf(owner, id));
    this.#requireKey(tx, id, result.affected ?? 0);
  }

  #requireKey(tx: Tx, id: string, affected: number | undefined): void {
    if (affected !== 1) throw new ApiError('NoSuchEntity', `The Access Key with id ${id} cannot be found.`);
    this.database.forget(tx, { memory: 'access_key', key: id });
  }

  #forgetUser(tx: Tx, row: UserRow): void {
    this.database.forget(tx, { memory: 'user', key: row.userId });
    this.database.forget(tx, { memory: 'user_name', key: `${row.accountId}/${row.nameKey}` });
  }

  async #one<R extends AccessKeyRow | UserRow | AccountRow>(entity: new () => R, where: object): Promise<R | undefined> {
    const row = await this.database.read((tx) => tx.findOneBy<R>(entity, where));
    return row ?? undefined;
  }
}

function nameTaken(name: string): Readonly<Record<string, () => ApiError>> {
  return { UQ_user_name: () => new ApiError('EntityAlreadyExists', `User with name ${name} already exists.`) };
}

function keyOf(owner: KeyOwner, id: string): object {
  return { accessKeyId: id, accountId: owner.accountId, userId: owner.userId ?? IsNull() };
}

async function saveKeyUses(tx: Tx, uses: ReadonlyMap<string, KeyUse>): Promise<void> {
  // In one order, so that two nodes that write the same keys do not wait for each other.
  const entries = [...uses].sort(([a], [b]) => (a < b ? -1 : 1));
  await tx.query(
    `UPDATE access_key AS k SET last_used_at = u.at, last_used_service = u.service, last_used_region = u.region
     FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[]) AS u (id, at, service, region)
     WHERE k.access_key_id = u.id AND (k.last_used_at IS NULL OR k.last_used_at < u.at)`,
    [entries.map(([id]) => id), entries.map(([, use]) => use.at), entries.map(([, use]) => use.service), entries.map(([, use]) => use.region)],
  );
}
