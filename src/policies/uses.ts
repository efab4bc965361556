import { Injectable } from '@nestjs/common';

import type { GroupRow } from '../identities/groups.entities.js';
import { GroupsStore } from '../identities/groups.store.js';
import type { UserRow } from '../identities/identities.entities.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import type { ReadTx } from '../kernel/database.js';
import { pageOf, type Page, type PageRequest } from '../kernel/page.js';
import type { RoleRow } from '../roles/roles.entities.js';
import { RolesStore } from '../roles/roles.store.js';
import { AttachmentsStore } from './attachments.store.js';
import type { PolicyOwner } from './owners.js';

/** How a managed policy is used: it gives permissions, or bounds them. */
export type Usage = 'PermissionsPolicy' | 'PermissionsBoundary';

/** How many of an account use each of some policies; those that nobody uses are left out. */
export interface UseCounts {
  readonly attachments: ReadonlyMap<string, number>;
  readonly boundaries: ReadonlyMap<string, number>;
}

/** Whose use of a policy is asked for. */
export interface UseFilter {
  readonly account: string;
  readonly arn: string;
  readonly type: PolicyOwner['type'] | undefined;
  readonly usage: Usage | undefined;
}

/** Those who use a policy. */
export interface Users {
  readonly users: readonly UserRow[];
  readonly roles: readonly RoleRow[];
  readonly groups: readonly GroupRow[];
}

/** Who uses managed policies, attached or as boundaries. */
@Injectable()
export class PolicyUses {
  constructor(
    private readonly attachments: AttachmentsStore,
    private readonly identities: IdentitiesStore,
    private readonly roles: RolesStore,
    private readonly groups: GroupsStore,
  ) {}

  /** Counts the uses of some policies within an account. */
  async counts(tx: ReadTx, account: string, arns: readonly string[]): Promise<UseCounts> {
    return { attachments: await this.attachments.counts(tx, account, arns), boundaries: await this.boundaries(tx, { account, arns }) };
  }

  /** How many of an account have each of some policies as their boundary; without ARNs, each that any of them has. */
  async boundaries(tx: ReadTx, of: { account: string; arns?: readonly string[] }): Promise<ReadonlyMap<string, number>> {
    const counts = new Map(await this.identities.boundaryUses(tx, of));
    for (const [arn, count] of await this.roles.boundaryUses(tx, of)) counts.set(arn, (counts.get(arn) ?? 0) + count);
    return counts;
  }

  /** The unique ids of those who use a policy, in their order; who uses it in two ways is named once. */
  async page(tx: ReadTx, of: UseFilter, request: PageRequest): Promise<Page<string>> {
    const where = { ...of, after: request.after?.[0] ?? '', limit: request.items + 1 };
    const ids = new Set<string>();
    const add = (found: readonly string[]): void => {
      for (const id of found) ids.add(id);
    };
    if (of.usage !== 'PermissionsBoundary') add(await this.attachments.holders(tx, where));
    if (of.usage !== 'PermissionsPolicy') {
      if (of.type === undefined || of.type === 'user') add(await this.identities.boundaryHolders(tx, where));
      if (of.type === undefined || of.type === 'role') add(await this.roles.boundaryHolders(tx, where));
    }
    return pageOf([...ids].sort().slice(0, request.items + 1), request, (id) => [id]);
  }

  /** The users, roles and groups with these unique ids. */
  async named(tx: ReadTx, ids: readonly string[]): Promise<Users> {
    const of = (prefix: string): string[] => ids.filter((id) => id.startsWith(prefix));
    return { users: await this.identities.usersById(tx, of('AIDA')), roles: await this.roles.rolesById(tx, of('AROA')), groups: await this.groups.groupsById(tx, of('AGPA')) };
  }
}
