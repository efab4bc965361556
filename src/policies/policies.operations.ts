import { Injectable } from '@nestjs/common';

import { implement } from '../kernel/handler.js';
import { InlinePolicies } from './inline.js';
import { PolicyOwners } from './owners.js';
import { policyContracts } from './policies.contract.js';

/** Use cases of inline policies. */
@Injectable()
export class PolicyOperations {
  constructor(
    private readonly inline: InlinePolicies,
    private readonly owners: PolicyOwners,
  ) {}

  readonly operations = implement(policyContracts, {
    PutUserPolicy: async (input, ctx) => {
      const user = await this.owners.hold(ctx.tx, ctx.caller.account, { user: input.UserName });
      await this.inline.put(ctx.tx, user, { name: input.PolicyName, document: input.PolicyDocument });
      return {};
    },
    GetUserPolicy: async (input, ctx) =>
      ctx.read(async (tx) => {
        const user = await this.owners.find(tx, ctx.caller.account, { user: input.UserName });
        const row = await this.inline.get(tx, user, input.PolicyName);
        return { UserName: user.name, PolicyName: row.policyName, PolicyDocument: row.document };
      }),
    ListUserPolicies: async (input, ctx) =>
      ctx.read(async (tx) => {
        const page = await this.inline.page(tx, await this.owners.find(tx, ctx.caller.account, { user: input.UserName }), input);
        return { PolicyNames: page.rows.map((row) => row.policyName), ...page.next };
      }),
    DeleteUserPolicy: async (input, ctx) => {
      await this.inline.delete(ctx.tx, await this.owners.hold(ctx.tx, ctx.caller.account, { user: input.UserName }), input.PolicyName);
      return {};
    },
    PutRolePolicy: async (input, ctx) => {
      const role = await this.owners.hold(ctx.tx, ctx.caller.account, { role: input.RoleName });
      await this.inline.put(ctx.tx, role, { name: input.PolicyName, document: input.PolicyDocument });
      return {};
    },
    GetRolePolicy: async (input, ctx) =>
      ctx.read(async (tx) => {
        const role = await this.owners.find(tx, ctx.caller.account, { role: input.RoleName });
        const row = await this.inline.get(tx, role, input.PolicyName);
        return { RoleName: role.name, PolicyName: row.policyName, PolicyDocument: row.document };
      }),
    ListRolePolicies: async (input, ctx) =>
      ctx.read(async (tx) => {
        const page = await this.inline.page(tx, await this.owners.find(tx, ctx.caller.account, { role: input.RoleName }), input);
        return { PolicyNames: page.rows.map((row) => row.policyName), ...page.next };
      }),
    DeleteRolePolicy: async (input, ctx) => {
      await this.inline.delete(ctx.tx, await this.owners.hold(ctx.tx, ctx.caller.account, { role: input.RoleName }), input.PolicyName);
      return {};
    },
  });
}
