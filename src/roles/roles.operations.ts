import { Injectable } from '@nestjs/common';

import { ENTITY_ID_BYTES, entityId } from '../domain/ids.js';
import { nameKey } from '../identities/identities.store.js';
import { newTags, refuseBoundary } from '../identities/tagging.js';
import { Random } from '../kernel/effects.js';
import { implement } from '../kernel/handler.js';
import { pageRequest } from '../kernel/page.js';
import { roleContracts } from './roles.contract.js';
import type { RoleRow } from './roles.entities.js';
import { roleArn, RolesStore } from './roles.store.js';
import { TrustPolicies } from './trust.js';

/** MaxSessionDuration of a role that does not say, in seconds (IAM API: CreateRole). */
const DEFAULT_MAX_SESSION = 3600;

/** Use cases of roles. */
@Injectable()
export class RoleOperations {
  constructor(
    private readonly store: RolesStore,
    private readonly trust: TrustPolicies,
    private readonly random: Random,
  ) {}

  readonly operations = implement(roleContracts, {
    CreateRole: async (input, ctx) => {
      refuseBoundary(input.PermissionsBoundary);
      const trust = await this.trust.toStore(ctx.tx, input.AssumeRolePolicyDocument, ctx.caller.account);
      const row: RoleRow = {
        roleId: entityId('AROA', this.random.bytes(ENTITY_ID_BYTES)),
        accountId: ctx.caller.account,
        roleName: input.RoleName,
        nameKey: nameKey(input.RoleName),
        path: input.Path ?? '/',
        description: input.Description ?? null,
        maxSessionDuration: input.MaxSessionDuration ?? DEFAULT_MAX_SESSION,
        ...trust,
        tags: newTags(input.Tags),
        createdAt: ctx.now,
        lastUsedAt: null,
        lastUsedRegion: null,
      };
      await this.store.insert(ctx.tx, row);
      return { Role: { ...created(row, row.trustPolicy), ...tagsOf(row) } };
    },
    GetRole: async (input, ctx) =>
      ctx.read(async (tx) => {
        const row = await this.store.roleByName(tx, ctx.caller.account, input.RoleName);
        const [policy] = await this.trust.toShow(tx, [row]);
        return { Role: { ...listed(row, policy), ...tagsOf(row), RoleLastUsed: this.#lastUse(row) } };
      }),
    ListRoles: async (input, ctx) => {
      const request = pageRequest(input, 1);
      const of = { account: ctx.caller.account, pathPrefix: input.PathPrefix ?? '/' };
      return ctx.read(async (tx) => {
        const page = await this.store.pageRoles(tx, of, request);
        const policies = await this.trust.toShow(tx, page.rows);
        return { Roles: page.rows.map((row, index) => listed(row, policies[index])), ...page.next };
      });
    },
    DeleteRole: async (input, ctx) => {
      const row = await this.store.lockRoleByName(ctx.tx, ctx.caller.account, input.RoleName);
      await this.store.delete(ctx.tx, row);
      return {};
    },
    UpdateAssumeRolePolicy: async (input, ctx) => {
      const row = await this.store.lockRoleByName(ctx.tx, ctx.caller.account, input.RoleName);
      await this.store.updateTrust(ctx.tx, row, await this.trust.toStore(ctx.tx, input.PolicyDocument, ctx.caller.account));
      return {};
    },
  });

  #lastUse(row: RoleRow): { LastUsedDate?: Date; Region?: string } {
    const pending = this.store.uses.pending(row.roleId);
    if (pending !== undefined) return { LastUsedDate: pending.at, Region: pending.region };
    return row.lastUsedAt === null ? {} : { LastUsedDate: row.lastUsedAt, Region: row.lastUsedRegion ?? 'N/A' };
  }
}

interface Created {
  Path: string;
  RoleName: string;
  RoleId: string;
  Arn: string;
  CreateDate: Date;
  AssumeRolePolicyDocument: string;
}

function created(row: RoleRow, policy: string): Created {
  return {
    Path: row.path,
    RoleName: row.roleName,
    RoleId: row.roleId,
    Arn: roleArn(row),
    CreateDate: row.createdAt,
    AssumeRolePolicyDocument: policy,
  };
}

function listed(row: RoleRow, policy = row.trustPolicy): Created & { Description?: string; MaxSessionDuration: number } {
  return {
    ...created(row, policy),
    ...(row.description === null ? {} : { Description: row.description }),
    MaxSessionDuration: row.maxSessionDuration,
  };
}

function tagsOf(row: RoleRow): { Tags?: { Key: string; Value: string }[] } {
  return row.tags.length === 0 ? {} : { Tags: [...row.tags] };
}
