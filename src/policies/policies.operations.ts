import { Injectable } from '@nestjs/common';

import { IdentitiesStore } from '../identities/identities.store.js';
import type { ReadTx, Tx } from '../kernel/database.js';
import { implement } from '../kernel/handler.js';
import { RolesStore } from '../roles/roles.store.js';
import { InlinePolicies, type NamedOwner } from './inline.js';
import { policyContracts } from './policies.contract.js';

/** Use cases of inline policies. */
@Injectable()
export class PolicyOperations {
  constructor(
    private readonly inline: InlinePolicies,
    private readonly identities: IdentitiesStore,
    private readonly roles: RolesStore,
  ) {}

  readonly operations = implement(policyContracts, {
    PutUserPolicy: async (input, ctx) => {
      const user = await this.#heldUser(ctx.tx, ctx.caller.account, input.UserName);
      await this.inline.put(ctx.tx, user, { name: input.PolicyName, document: input.PolicyDocument });
      return {};
    },
    GetUserPolicy: async (input, ctx) =>
      ctx.read(async (tx) => {
        const user = await this.#user(tx, ctx.caller.account, input.UserName);
        const row = await this.inline.get(tx, user, input.PolicyName);
        return { UserName: user.name, PolicyName: row.policyName, PolicyDocument: row.document };
      }),
    ListUserPolicies: async (input, ctx) =>
      ctx.read(async (tx) => {
        const page = await this.inline.page(tx, await this.#user(tx, ctx.caller.account, input.UserName), input);
        return { PolicyNames: page.rows.map((row) => row.policyName), ...page.next };
      }),
    DeleteUserPolicy: async (input, ctx) => {
      await this.inline.delete(ctx.tx, await this.#heldUser(ctx.tx, ctx.caller.account, input.UserName), input.PolicyName);
      return {};
    },
    PutRolePolicy: async (input, ctx) => {
      const role = await this.#heldRole(ctx.tx, ctx.caller.account, input.RoleName);
      await this.inline.put(ctx.tx, role, { name: input.PolicyName, document: input.PolicyDocument });
      return {};
    },
    GetRolePolicy: async (input, ctx) =>
      ctx.read(async (tx) => {
        const role = await this.#role(tx, ctx.caller.account, input.RoleName);
        const row = await this.inline.get(tx, role, input.PolicyName);
        return { RoleName: role.name, PolicyName: row.policyName, PolicyDocument: row.document };
      }),
    ListRolePolicies: async (input, ctx) =>
      ctx.read(async (tx) => {
        const page = await this.inline.page(tx, await this.#role(tx, ctx.caller.account, input.RoleName), input);
        return { PolicyNames: page.rows.map((row) => row.policyName), ...page.next };
      }),
    DeleteRolePolicy: async (input, ctx) => {
      await this.inline.delete(ctx.tx, await this.#heldRole(ctx.tx, ctx.caller.account, input.RoleName), input.PolicyName);
      return {};
    },
  });

  async #user(tx: ReadTx, account: string, name: string): Promise<NamedOwner> {
    const row = await this.identities.userByName(tx, account, name);
    return { type: 'user', id: row.userId, name: row.userName };
  }

  async #heldUser(tx: Tx, account: string, name: string): Promise<NamedOwner> {
    const row = await this.identities.lockUserByName(tx, account, name);
    return { type: 'user', id: row.userId, name: row.userName };
  }

  async #role(tx: ReadTx, account: string, name: string): Promise<NamedOwner> {
    const row = await this.roles.roleByName(tx, account, name);
    return { type: 'role', id: row.roleId, name: row.roleName };
  }

  async #heldRole(tx: Tx, account: string, name: string): Promise<NamedOwner> {
    const row = await this.roles.lockRoleByName(tx, account, name);
    return { type: 'role', id: row.roleId, name: row.roleName };
  }
}
