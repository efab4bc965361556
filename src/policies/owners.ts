import { Injectable } from '@nestjs/common';

import { GroupsStore } from '../identities/groups.store.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import type { ReadTx, Tx } from '../kernel/database.js';
import { RolesStore } from '../roles/roles.store.js';

/** Whose policies: a user, a role or a group, by unique id. */
export interface PolicyOwner {
  readonly type: 'user' | 'role' | 'group';
  readonly id: string;
}

/** An owner with the name it is called by. */
export type NamedOwner = PolicyOwner & { readonly name: string };

/** The name under which a call speaks of a user, role or group. */
export type OwnerRef = { readonly user: string } | { readonly role: string } | { readonly group: string };

/** Finds those who have policies, so that operations on their policies need not know what they are. */
@Injectable()
export class PolicyOwners {
  constructor(
    private readonly identities: IdentitiesStore,
    private readonly roles: RolesStore,
    private readonly groups: GroupsStore,
  ) {}

  /** The user, role or group of an account. Throws NoSuchEntity. */
  async find(tx: ReadTx, account: string, ref: OwnerRef): Promise<NamedOwner> {
    if ('user' in ref) return ofUser(await this.identities.userByName(tx, account, ref.user));
    if ('role' in ref) return ofRole(await this.roles.roleByName(tx, account, ref.role));
    return ofGroup(await this.groups.groupByName(tx, account, ref.group));
  }

  /** The same, held against other changes until the transaction ends. */
  async hold(tx: Tx, account: string, ref: OwnerRef): Promise<NamedOwner> {
    if ('user' in ref) return ofUser(await this.identities.lockUserByName(tx, account, ref.user));
    if ('role' in ref) return ofRole(await this.roles.lockRoleByName(tx, account, ref.role));
    return ofGroup(await this.groups.lockGroupByName(tx, account, ref.group));
  }
}

function ofUser(row: { userId: string; userName: string }): NamedOwner {
  return { type: 'user', id: row.userId, name: row.userName };
}

function ofRole(row: { roleId: string; roleName: string }): NamedOwner {
  return { type: 'role', id: row.roleId, name: row.roleName };
}

function ofGroup(row: { groupId: string; groupName: string }): NamedOwner {
  return { type: 'group', id: row.groupId, name: row.groupName };
}
