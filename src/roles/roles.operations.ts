import { Injectable } from '@nestjs/common';

import { requireTemplateKeys, requireTemplates } from '../domain/attribution.js';
import { ApiError } from '../domain/errors.js';
import { ENTITY_ID_BYTES, entityId } from '../domain/ids.js';
import type { TagFact } from '../domain/tags.js';
import { BoundaryPolicies, shownBoundary, unbounded } from '../identities/boundaries.js';
import { nameKey } from '../identities/identities.store.js';
import { newTags, pageOfTags, withoutTags, withTags } from '../identities/tagging.js';
import { Random } from '../kernel/effects.js';
import { implement, type ChangeCtx } from '../kernel/handler.js';
import { pageRequest } from '../kernel/page.js';
import { roleContracts } from './roles.contract.js';
import type { RoleRow } from './roles.entities.js';
import { roleArn, RolesStore } from './roles.store.js';
import { TrustLinter } from './trust-linter.js';
import { TrustPolicies } from './trust.js';

/** MaxSessionDuration of a role that does not say, in seconds (IAM API: CreateRole). */
const DEFAULT_MAX_SESSION = 3600;
/** Where the roles of services are; nobody makes one there by himself (IAM User Guide: service-linked roles). */
const SERVICE_LINKED_PATH = '/aws-service-role/';

/** Use cases of roles. */
@Injectable()
export class RoleOperations {
  constructor(
    private readonly store: RolesStore,
    private readonly trust: TrustPolicies,
    private readonly boundaries: BoundaryPolicies,
    private readonly random: Random,
    private readonly linter: TrustLinter,
  ) {}

  readonly operations = implement(roleContracts, {
    CreateRole: async (input, ctx) => {
      const { account } = ctx.caller;
      if (input.Path?.startsWith(SERVICE_LINKED_PATH) === true) {
        throw new ApiError('InvalidInput', `Roles cannot be created under the path ${SERVICE_LINKED_PATH}, which is kept for service-linked roles.`);
      }
      const boundary = input.PermissionsBoundary === undefined ? unbounded : await this.boundaries.boundary(ctx.tx, input.PermissionsBoundary, account);
      const trust = await this.trust.toStore(ctx.tx, input.AssumeRolePolicyDocument, account);
      await this.linter.look(ctx, input.AssumeRolePolicyDocument, input.AcceptRisk);
      const row: RoleRow = {
        roleId: entityId('AROA', this.random.bytes(ENTITY_ID_BYTES)),
        accountId: account,
        roleName: input.RoleName,
        nameKey: nameKey(input.RoleName),
        path: input.Path ?? '/',
        description: input.Description ?? null,
        maxSessionDuration: input.MaxSessionDuration ?? DEFAULT_MAX_SESSION,
        ...trust,
        tags: templated(newTags(input.Tags)),
        ...boundary,
        createdAt: ctx.now,
        lastUsedAt: null,
        lastUsedRegion: null,
      };
      await this.store.insert(ctx.tx, row);
      return { Role: { ...created(row, row.trustPolicy), ...shownBoundary(row), ...tagsOf(row) } };
    },
    GetRole: async (input, ctx) =>
      ctx.read(async (tx) => {
        const row = await this.store.roleByName(tx, ctx.caller.account, input.RoleName);
        const [policy] = await this.trust.toShow(tx, [row]);
        return { Role: { ...listed(row, policy), ...shownBoundary(row), ...tagsOf(row), RoleLastUsed: this.store.lastUse(row) } };
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
    UpdateRole: async (input, ctx) => {
      await this.#update(ctx, input);
      return {};
    },
    UpdateRoleDescription: async (input, ctx) => {
      const row = await this.#update(ctx, input);
      const [policy] = await this.trust.toShow(ctx.tx, [row]);
      return { Role: listed(row, policy) };
    },
    DeleteRole: async (input, ctx) => {
      await this.store.delete(ctx.tx, await this.#held(ctx, input));
      return {};
    },
    UpdateAssumeRolePolicy: async (input, ctx) => {
      const row = await this.#held(ctx, input);
      const trust = await this.trust.toStore(ctx.tx, input.PolicyDocument, ctx.caller.account);
      await this.linter.look(ctx, input.PolicyDocument, input.AcceptRisk);
      await this.store.updateTrust(ctx.tx, row, trust);
      return {};
    },
    TagRole: async (input, ctx) => {
      const row = await this.#held(ctx, input);
      await this.store.updateTags(ctx.tx, row, templated(withTags(row.tags, input.Tags, 'insensitive')));
      return {};
    },
    UntagRole: async (input, ctx) => {
      requireTemplateKeys(input.TagKeys);
      const row = await this.#held(ctx, input);
      await this.store.updateTags(ctx.tx, row, withoutTags(row.tags, input.TagKeys, 'insensitive'));
      return {};
    },
    ListRoleTags: async (input, ctx) => {
      const row = await ctx.read((tx) => this.store.roleByName(tx, ctx.caller.account, input.RoleName));
      return pageOfTags(row.tags, input);
    },
    PutRolePermissionsBoundary: async (input, ctx) => {
      const row = await this.#held(ctx, input);
      await this.store.updateBoundary(ctx.tx, row, await this.boundaries.boundary(ctx.tx, input.PermissionsBoundary, ctx.caller.account));
      return {};
    },
    DeleteRolePermissionsBoundary: async (input, ctx) => {
      await this.store.updateBoundary(ctx.tx, await this.#held(ctx, input), unbounded);
      return {};
    },
  });

  async #held({ tx, caller }: ChangeCtx, input: { RoleName: string }): Promise<RoleRow> {
    return this.store.lockRoleByName(tx, caller.account, input.RoleName);
  }

  /** The role with what a call changes in it; members that are left out stay as they are. */
  async #update(ctx: ChangeCtx, input: { RoleName: string; Description?: string | undefined; MaxSessionDuration?: number | undefined }): Promise<RoleRow> {
    const row = await this.#held(ctx, input);
    const changed = { description: input.Description ?? row.description, maxSessionDuration: input.MaxSessionDuration ?? row.maxSessionDuration };
    await this.store.update(ctx.tx, row, changed);
    return { ...row, ...changed };
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

/** The same tags, of which none is a template that could never be filled in. Throws InvalidInput. */
function templated<T extends readonly TagFact[]>(tags: T): T {
  requireTemplates(tags);
  return tags;
}
