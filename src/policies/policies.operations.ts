import { Injectable } from '@nestjs/common';

import { implement, type ChangeCtx, type ReadCtx } from '../kernel/handler.js';
import type { Page } from '../kernel/page.js';
import { InlinePolicies } from './inline.js';
import { PolicyOwners, type OwnerRef } from './owners.js';
import { policyContracts } from './policies.contract.js';

interface Shown {
  readonly name: string;
  readonly PolicyName: string;
  readonly PolicyDocument: string;
}

/** Use cases of inline policies. */
@Injectable()
export class PolicyOperations {
  constructor(
    private readonly inline: InlinePolicies,
    private readonly owners: PolicyOwners,
  ) {}

  readonly operations = implement(policyContracts, {
    PutUserPolicy: (input, ctx) => this.#put(ctx, { user: input.UserName }, input),
    GetUserPolicy: async (input, ctx) => {
      const { name, ...policy } = await this.#get(ctx, { user: input.UserName }, input);
      return { UserName: name, ...policy };
    },
    ListUserPolicies: (input, ctx) => this.#list(ctx, { user: input.UserName }, input),
    DeleteUserPolicy: (input, ctx) => this.#delete(ctx, { user: input.UserName }, input),
    PutRolePolicy: (input, ctx) => this.#put(ctx, { role: input.RoleName }, input),
    GetRolePolicy: async (input, ctx) => {
      const { name, ...policy } = await this.#get(ctx, { role: input.RoleName }, input);
      return { RoleName: name, ...policy };
    },
    ListRolePolicies: (input, ctx) => this.#list(ctx, { role: input.RoleName }, input),
    DeleteRolePolicy: (input, ctx) => this.#delete(ctx, { role: input.RoleName }, input),
    PutGroupPolicy: (input, ctx) => this.#put(ctx, { group: input.GroupName }, input),
    GetGroupPolicy: async (input, ctx) => {
      const { name, ...policy } = await this.#get(ctx, { group: input.GroupName }, input);
      return { GroupName: name, ...policy };
    },
    ListGroupPolicies: (input, ctx) => this.#list(ctx, { group: input.GroupName }, input),
    DeleteGroupPolicy: (input, ctx) => this.#delete(ctx, { group: input.GroupName }, input),
  });

  async #put({ tx, caller }: ChangeCtx, ref: OwnerRef, input: { PolicyName: string; PolicyDocument: string }): Promise<Record<string, never>> {
    const owner = await this.owners.hold(tx, caller.account, ref);
    await this.inline.put(tx, owner, { name: input.PolicyName, document: input.PolicyDocument });
    return {};
  }

  async #get(ctx: ReadCtx, ref: OwnerRef, input: { PolicyName: string }): Promise<Shown> {
    return ctx.read(async (tx) => {
      const owner = await this.owners.find(tx, ctx.caller.account, ref);
      const row = await this.inline.get(tx, owner, input.PolicyName);
      return { name: owner.name, PolicyName: row.policyName, PolicyDocument: row.document };
    });
  }

  async #list(ctx: ReadCtx, ref: OwnerRef, input: { Marker?: string | undefined; MaxItems?: number | undefined }): Promise<{ PolicyNames: string[] } & Page<unknown>['next']> {
    return ctx.read(async (tx) => {
      const page = await this.inline.page(tx, await this.owners.find(tx, ctx.caller.account, ref), input);
      return { PolicyNames: page.rows.map((row) => row.policyName), ...page.next };
    });
  }

  async #delete({ tx, caller }: ChangeCtx, ref: OwnerRef, input: { PolicyName: string }): Promise<Record<string, never>> {
    await this.inline.delete(tx, await this.owners.hold(tx, caller.account, ref), input.PolicyName);
    return {};
  }
}
