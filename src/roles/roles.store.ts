import { Injectable } from '@nestjs/common';

import { iamArn, nameInArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { noBoundary, type Boundary } from '../identities/boundaries.js';
import { boundaryHolders, boundaryUses, type Bounded } from '../identities/boundaries.store.js';
import { nameKey } from '../identities/identities.store.js';
import { quotas, requireRoom } from '../identities/quota.js';
import { Database, holdRow, onConstraint, type ReadTx, type Tx } from '../kernel/database.js';
import { Memory, type Remembered } from '../kernel/memory.js';
import { pageOf, type Page, type PageRequest } from '../kernel/page.js';
import { Stamps } from '../kernel/stamps.js';
import { RoleRow } from './roles.entities.js';

/** IAM quota: roles of an account. */
const QUOTA = { table: 'role', name: 'RolesPerAccount', max: quotas.roles } as const;
const BOUNDED: Bounded = { table: 'role', id: 'role_id' };

/** When and where a role's credentials were last used. */
export interface RoleUse {
  readonly at: Date;
  readonly region: string;
}

/** A role's ARN. */
export function roleArn(row: Pick<RoleRow, 'accountId' | 'path' | 'roleName'>): string {
  return iamArn(row.accountId, 'role', `${row.path}${row.roleName}`);
}

/** Roles. Finders without a transaction answer from memory where they may. */
@Injectable()
export class RolesStore {
  readonly #byId: Remembered<RoleRow>;
  readonly #byName: Remembered<RoleRow>;
  /** Uses of roles, written behind. */
  readonly uses: Stamps<RoleUse>;

  constructor(
    private readonly database: Database,
    private readonly memory: Memory,
  ) {
    this.#byId = memory.of('role', 20_000, weigh);
    this.#byName = memory.of('role_name', 20_000, weigh);
    this.uses = new Stamps(database, saveUses);
  }

  /** The role with this unique id. */
  async findRole(roleId: string): Promise<RoleRow | undefined> {
    return this.#byId.get(roleId, () => this.#one({ roleId }));
  }

  /** The role of an account with this name. */
  async findRoleByName(accountId: string, name: string): Promise<RoleRow | undefined> {
    const key = nameKey(name);
    return this.#byName.get(`${accountId}/${key}`, () => this.#one({ accountId, nameKey: key }));
  }

  /** The role with exactly this ARN, path and case included. */
  async findRoleByArn(arn: string): Promise<RoleRow | undefined> {
    const named = nameInArn(arn, 'role');
    if (named === undefined) return undefined;
    const row = await this.findRoleByName(named.account, named.name);
    return row !== undefined && roleArn(row) === arn ? row : undefined;
  }

  /** The same in a transaction. */
  async roleByArnIn(tx: ReadTx, arn: string): Promise<RoleRow | undefined> {
    const named = nameInArn(arn, 'role');
    if (named === undefined) return undefined;
    const row = await tx.findOneBy(RoleRow, { accountId: named.account, nameKey: nameKey(named.name) });
    return row !== null && roleArn(row) === arn ? row : undefined;
  }

  /** The role of an account with this name. Throws NoSuchEntity. */
  async roleByName(tx: ReadTx, accountId: string, name: string): Promise<RoleRow> {
    return required(await tx.findOneBy(RoleRow, { accountId, nameKey: nameKey(name) }), name);
  }

  /** The same, held against other changes until the transaction ends. */
  async lockRoleByName(tx: Tx, accountId: string, name: string): Promise<RoleRow> {
    const roleId = await holdRow(tx, { table: 'role', key: 'role_id' }, { account_id: accountId, name_key: nameKey(name) });
    return required(roleId === undefined ? null : await tx.findOneByOrFail(RoleRow, { roleId }), name);
  }

  /** The role of an account with this name. */
  async findRoleByNameIn(tx: ReadTx, accountId: string, name: string): Promise<RoleRow | undefined> {
    return (await tx.findOneBy(RoleRow, { accountId, nameKey: nameKey(name) })) ?? undefined;
  }

  /** Forgets what this node remembers under a name; it was found not to be so. */
  misremembered(accountId: string, name: string): void {
    this.memory.forget([{ memory: 'role_name', key: `${accountId}/${nameKey(name)}` }]);
  }

  /** Roles by unique id, for showing principals by their present names. */
  async rolesById(tx: ReadTx, ids: readonly string[]): Promise<readonly RoleRow[]> {
    return ids.length === 0 ? [] : tx.createQueryBuilder(RoleRow, 'r').where('r.roleId IN (:...ids)', { ids }).getMany();
  }

  /** Roles of an account whose path begins with a text, by name. */
  async pageRoles(tx: ReadTx, of: { account: string; pathPrefix: string }, request: PageRequest): Promise<Page<RoleRow>> {
    const query = tx.createQueryBuilder(RoleRow, 'r').where('r.accountId = :account', { account: of.account });
    if (of.pathPrefix !== '/') query.andWhere('starts_with(r.path, :prefix)', { prefix: of.pathPrefix });
    if (request.after !== undefined) query.andWhere('r.nameKey > :after', { after: request.after[0] });
    const rows = await query.orderBy('r.nameKey').limit(request.items + 1).getMany();
    return pageOf(rows, { ...request, items: Math.min(request.items, fitting(rows)) }, (row) => [row.nameKey]);
  }

  /** How many roles an account has. */
  async count(tx: ReadTx, accountId: string): Promise<number> {
    return tx.countBy(RoleRow, { accountId });
  }

  /** When and where a role was last used, as far as this node knows; empty where it never was (IAM API: RoleLastUsed). */
  lastUse(row: RoleRow): { LastUsedDate?: Date; Region?: string } {
    const pending = this.uses.pending(row.roleId);
    if (pending !== undefined) return { LastUsedDate: pending.at, Region: pending.region };
    return row.lastUsedAt === null ? {} : { LastUsedDate: row.lastUsedAt, Region: row.lastUsedRegion ?? 'N/A' };
  }

  /** How many roles of an account have each of some policies as their boundary; without ARNs, each that any of them has. */
  async boundaryUses(tx: ReadTx, of: { account: string; arns?: readonly string[] }): Promise<ReadonlyMap<string, number>> {
    return boundaryUses(tx, BOUNDED, of);
  }

  /** The unique ids of roles that have a policy as their boundary, in their order, after one of them. */
  async boundaryHolders(tx: ReadTx, of: { account: string; arn: string; after: string; limit: number }): Promise<readonly string[]> {
    return boundaryHolders(tx, BOUNDED, of);
  }

  /** Adds a role. Throws EntityAlreadyExists, LimitExceeded, and NoSuchEntity where its boundary is being deleted. */
  async insert(tx: Tx, row: RoleRow): Promise<void> {
    await requireRoom(tx, row.accountId, QUOTA);
    await onConstraint(tx.insert(RoleRow, { ...row, tags: row.tags as never }), {
      UQ_role_name: () => new ApiError('EntityAlreadyExists', `Role with name ${row.roleName} already exists.`),
      FK_role_boundary: () => noBoundary(row.boundaryArn),
    });
    this.#forget(tx, row);
  }

  /** Replaces a role's trust policy. */
  async updateTrust(tx: Tx, row: RoleRow, trust: Pick<RoleRow, 'trustPolicy' | 'trustPrincipals'>): Promise<void> {
    await tx.update(RoleRow, { roleId: row.roleId }, trust);
    this.#forget(tx, row);
  }

  /** Changes what a role says about itself. */
  async update(tx: Tx, row: RoleRow, change: Pick<RoleRow, 'description' | 'maxSessionDuration'>): Promise<void> {
    await tx.update(RoleRow, { roleId: row.roleId }, change);
    this.#forget(tx, row);
  }

  /** Replaces the tags of a role. */
  async updateTags(tx: Tx, row: RoleRow, tags: RoleRow['tags']): Promise<void> {
    await tx.update(RoleRow, { roleId: row.roleId }, { tags });
    this.#forget(tx, row);
  }

  /** Gives a role a boundary, or none. Throws NoSuchEntity where its policy is being deleted. */
  async updateBoundary(tx: Tx, row: RoleRow, { boundaryArn, boundaryPolicyId }: Boundary): Promise<void> {
    await onConstraint(tx.update(RoleRow, { roleId: row.roleId }, { boundaryArn, boundaryPolicyId }), { FK_role_boundary: () => noBoundary(boundaryArn) });
    this.#forget(tx, row);
  }

  /** Removes a role. Throws DeleteConflict while it still has policies: the database knows. */
  async delete(tx: Tx, row: RoleRow): Promise<void> {
    await onConstraint(tx.delete(RoleRow, { roleId: row.roleId }), {
      FK_instance_profile_role: () => new ApiError('DeleteConflict', 'Cannot delete entity, must remove roles from instance profile first.'),
      FK_inline_policy_role: () => new ApiError('DeleteConflict', 'Cannot delete entity, must delete policies first.'),
      FK_policy_attachment_role: () => new ApiError('DeleteConflict', 'Cannot delete entity, must detach all policies first.'),
    });
    this.#forget(tx, row);
  }

  #forget(tx: Tx, row: RoleRow): void {
    this.database.forget(tx, { memory: 'role', key: row.roleId });
    this.database.forget(tx, { memory: 'role_name', key: `${row.accountId}/${row.nameKey}` });
  }

  async #one(where: object): Promise<RoleRow | undefined> {
    return (await this.database.read((tx) => tx.findOneBy(RoleRow, where))) ?? undefined;
  }
}

/** A remembered role with its policy, and what is parsed of it, in bytes. */
const weigh = (row: RoleRow): number => 2_048 + 8 * row.trustPolicy.length;

/** How many trust policies one page shows at the most, in characters: a page may end early (IAM API: ListRoles). */
const PAGE_CHARACTERS = 1_000_000;

function fitting(rows: readonly RoleRow[]): number {
  let characters = 0;
  const count = rows.findIndex((row) => (characters += row.trustPolicy.length) > PAGE_CHARACTERS);
  return count < 0 ? rows.length : Math.max(count, 1);
}

function required(row: RoleRow | null, name: string): RoleRow {
  if (row === null) throw new ApiError('NoSuchEntity', `The role with name ${name} cannot be found.`);
  return row;
}

async function saveUses(tx: Tx, uses: ReadonlyMap<string, RoleUse>): Promise<void> {
  // In one order, so that two nodes that write the same roles do not wait for each other.
  const entries = [...uses].sort(([a], [b]) => (a < b ? -1 : 1));
  await tx.query(
    `UPDATE role AS r SET last_used_at = u.at, last_used_region = u.region
     FROM unnest($1::text[], $2::timestamptz[], $3::text[]) AS u (id, at, region)
     WHERE r.role_id = u.id AND (r.last_used_at IS NULL OR r.last_used_at < u.at)`,
    [entries.map(([id]) => id), entries.map(([, use]) => use.at), entries.map(([, use]) => use.region)],
  );
}
