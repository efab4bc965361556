import { Injectable } from '@nestjs/common';

import { iamArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import type { StoredTag } from '../identities/identities.entities.js';
import { nameKey } from '../identities/identities.store.js';
import { holdNames, quotas } from '../identities/quota.js';
import { holdRow, onConstraint, type ReadTx, type Tx } from '../kernel/database.js';
import { pageOf, type Page, type PageRequest } from '../kernel/page.js';
import { InstanceProfileRow } from './profiles.entities.js';

/** IAM quota: instance profiles of an account. */
const PROFILES_MAX = quotas.instanceProfiles;

/** An instance profile's ARN. */
export function profileArn(row: Pick<InstanceProfileRow, 'accountId' | 'path' | 'profileName'>): string {
  return iamArn(row.accountId, 'instance-profile', `${row.path}${row.profileName}`);
}

/** Instance profiles. */
@Injectable()
export class InstanceProfilesStore {
  /** The instance profile of an account with this name. */
  async findByName(tx: ReadTx, accountId: string, name: string): Promise<InstanceProfileRow | undefined> {
    return (await tx.findOneBy(InstanceProfileRow, { accountId, nameKey: nameKey(name) })) ?? undefined;
  }

  /** The same. Throws NoSuchEntity. */
  async byName(tx: ReadTx, accountId: string, name: string): Promise<InstanceProfileRow> {
    return required((await this.findByName(tx, accountId, name)) ?? null, name);
  }

  /** The same, held against other changes until the transaction ends. */
  async lockByName(tx: Tx, accountId: string, name: string): Promise<InstanceProfileRow> {
    const profileId = await holdRow(tx, { table: 'instance_profile', key: 'profile_id' }, { account_id: accountId, name_key: nameKey(name) });
    return required(profileId === undefined ? null : await tx.findOneByOrFail(InstanceProfileRow, { profileId }), name);
  }

  /** Instance profiles of an account by name: whose path begins with a text, or those of one role. */
  async page(tx: ReadTx, of: { account: string; pathPrefix?: string; roleId?: string }, request: PageRequest): Promise<Page<InstanceProfileRow>> {
    const query = tx.createQueryBuilder(InstanceProfileRow, 'p').where('p.accountId = :account', { account: of.account });
    if (of.pathPrefix !== undefined && of.pathPrefix !== '/') query.andWhere('starts_with(p.path, :prefix)', { prefix: of.pathPrefix });
    if (of.roleId !== undefined) query.andWhere('p.roleId = :roleId', { roleId: of.roleId });
    if (request.after !== undefined) query.andWhere('p.nameKey > :after', { after: request.after[0] });
    const rows = await query.orderBy('p.nameKey').limit(request.items + 1).getMany();
    return pageOf(rows, request, (row) => [row.nameKey]);
  }

  /** How many instance profiles an account has. */
  async count(tx: ReadTx, accountId: string): Promise<number> {
    return tx.countBy(InstanceProfileRow, { accountId });
  }

  /** The instance profiles that give out some roles, by name. */
  async ofRoles(tx: ReadTx, roleIds: readonly string[]): Promise<readonly InstanceProfileRow[]> {
    return roleIds.length === 0 ? [] : tx.createQueryBuilder(InstanceProfileRow, 'p').where('p.roleId = ANY(:roleIds)', { roleIds }).orderBy('p.nameKey').getMany();
  }

  /** Adds an instance profile. Throws EntityAlreadyExists, and LimitExceeded where the account has as many as it may. */
  async insert(tx: Tx, row: InstanceProfileRow): Promise<void> {
    // One creation at a time, so that the quota holds.
    await holdNames(tx, row.accountId);
    const count = await tx.countBy(InstanceProfileRow, { accountId: row.accountId });
    if (count >= PROFILES_MAX) throw new ApiError('LimitExceeded', `Cannot exceed quota for InstanceProfilesPerAccount: ${String(PROFILES_MAX)}`);
    await onConstraint(tx.insert(InstanceProfileRow, { ...row, tags: row.tags as never }), {
      UQ_instance_profile_name: () => new ApiError('EntityAlreadyExists', `Instance Profile ${row.profileName} already exists.`),
    });
  }

  /** Puts a role into a profile that is held, or takes it out. */
  async setRole(tx: Tx, row: InstanceProfileRow, roleId: string | null): Promise<void> {
    await tx.update(InstanceProfileRow, { profileId: row.profileId }, { roleId });
  }

  /** Replaces the tags of a profile that is held. */
  async setTags(tx: Tx, row: InstanceProfileRow, tags: readonly StoredTag[]): Promise<void> {
    await tx.update(InstanceProfileRow, { profileId: row.profileId }, { tags: tags });
  }

  /** Removes a profile that is held and has no role. */
  async delete(tx: Tx, row: InstanceProfileRow): Promise<void> {
    await tx.delete(InstanceProfileRow, { profileId: row.profileId });
  }
}

function required(row: InstanceProfileRow | null, name: string): InstanceProfileRow {
  if (row === null) throw new ApiError('NoSuchEntity', `Instance Profile ${name} cannot be found.`);
  return row;
}
