import { Injectable } from '@nestjs/common';

import { IdentitiesStore } from '../identities/identities.store.js';
import type { ReadTx, Tx } from '../kernel/database.js';
import { RolesStore } from '../roles/roles.store.js';

/** Whose policies: a user or a role, by unique id. */
export interface PolicyOwner {
  readonly type: 'user' | 'role';
  readonly id: string;
}

/** A user or role with the name it is called by. */
export type NamedOwner = PolicyOwner & { readonly name: string };

/** The name under which a call speaks of a user or role. */
export type OwnerRef = { readonly user: string } | { readonly role: string };

/** Finds those who have policies, so that operations on their policies need not know what they are. */
@Injectable()
export class PolicyOwners {
  constructor(
    private readonly identities: IdentitiesStore,
    private readonly roles: RolesStore,
  ) {}

  /** The user or role of an account. Throws NoSuchEntity. */
  async find(tx: ReadTx, account: string, ref: OwnerRef): Promise<NamedOwner> {
    return 'user' in ref ? ofUser(await this.identities.userByName(tx, account, ref.user)) : ofRole(await this.roles.roleByName(tx, account, ref.role));
  }

  /** The same, held against other changes until the transaction ends. */
  async hold(tx: Tx, account: string, ref: OwnerRef): Promise<NamedOwner> {
    return 'user' in ref ? ofUser(await this.identities.lockUserByName(tx, account, ref.user)) : ofRole(await this.roles.lockRoleByName(tx, account, ref.role));
  }
}

function ofUser(row: { userId: string; userName: string }): NamedOwner {
  return { type: 'user', id: row.userId, name: row.userName };
}

function ofRole(row: { roleId: string; roleName: string }): NamedOwner {
  return { type: 'role', id: row.roleId, name: row.roleName };
}
