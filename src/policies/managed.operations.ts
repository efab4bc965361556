import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { policyInArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { ENTITY_ID_BYTES, entityId } from '../domain/ids.js';
import { parseIdentityPolicy, policySize } from '../domain/policy/document.js';
import { nameKey } from '../identities/identities.store.js';
import { quotas } from '../identities/quota.js';
import { inListOrder, newTags, pageOfTags, withoutTags, withTags } from '../identities/tagging.js';
import type { ReadTx } from '../kernel/database.js';
import { Random } from '../kernel/effects.js';
import { implement, type ChangeCtx } from '../kernel/handler.js';
import { badMarker, pageOf, pageRequest, positionIn, type PageRequest } from '../kernel/page.js';
import { catalogue, CATALOGUE_ACCOUNT } from './catalogue.js';
import { WRITTEN_MAX } from './inline.js';
import { managedPolicyContracts } from './managed.contract.js';
import type { ManagedPolicyRow } from './managed.entities.js';
import { ManagedPoliciesStore, notAttachable, notFound, policyArn } from './managed.store.js';
import { shownPolicy, shownVersion } from './shown.js';
import { PolicyUses, type UseCounts } from './uses.js';

/** IAM quotas: versions of a policy, and a document without white space, in characters. */
const VERSIONS_MAX = quotas.versions;
const SIZE_MAX = quotas.policySize;
/** The highest number that PostgreSQL's integer holds; no version has a higher one. */
const NUMBER_MAX = 2_147_483_647;

type ListInput = z.output<typeof managedPolicyContracts.ListPolicies.input>;
type EntitiesInput = z.output<typeof managedPolicyContracts.ListEntitiesForPolicy.input>;
type Entities = z.input<typeof managedPolicyContracts.ListEntitiesForPolicy.output>;

const unused: UseCounts = { attachments: new Map(), boundaries: new Map() };

/** Use cases of managed policies and their versions. */
@Injectable()
export class ManagedPolicyOperations {
  constructor(
    private readonly store: ManagedPoliciesStore,
    private readonly uses: PolicyUses,
    private readonly random: Random,
  ) {}

  readonly operations = implement(managedPolicyContracts, {
    CreatePolicy: async (input, ctx) => {
      const tags = newTags(input.Tags, 'sensitive');
      requireFit(input.PolicyDocument);
      const row: ManagedPolicyRow = {
        policyId: entityId('ANPA', this.random.bytes(ENTITY_ID_BYTES)),
        accountId: ctx.caller.account,
        policyName: input.PolicyName,
        nameKey: nameKey(input.PolicyName),
        path: input.Path ?? '/',
        description: input.Description ?? null,
        defaultVersion: 1,
        latestVersion: 1,
        tags,
        createdAt: ctx.now,
        updatedAt: ctx.now,
      };
      await this.store.insert(ctx.tx, row, input.PolicyDocument);
      return { Policy: { ...shownPolicy(row, unused), ...(tags.length === 0 ? {} : { Tags: [...tags] }) } };
    },
    GetPolicy: async (input, ctx) =>
      ctx.read(async (tx) => {
        const row = await this.#policy(tx, ctx.caller.account, input.PolicyArn);
        const counts = await this.uses.counts(tx, ctx.caller.account, [input.PolicyArn]);
        const description = row.description === null ? {} : { Description: row.description };
        return { Policy: { ...shownPolicy(row, counts), ...description, Tags: inListOrder(row.tags) } };
      }),
    ListPolicies: async (input, ctx) => {
      const request = pageRequest(input, 2);
      const { rows, counts } = await ctx.read((tx) => this.#listed(tx, ctx.caller.account, { input, request }));
      const page = pageOf(rows, request, (row) => [row.accountId === CATALOGUE_ACCOUNT ? 'AWS' : 'Local', row.nameKey]);
      return { Policies: page.rows.map((row) => shownPolicy(row, counts)), ...page.next };
    },
    DeletePolicy: async (input, ctx) => {
      const row = await this.#held(ctx, input.PolicyArn, { outside: 'delete policies', missing: notFound });
      await this.store.delete(ctx.tx, row);
      return {};
    },
    CreatePolicyVersion: async (input, ctx) => {
      const row = await this.#held(ctx, input.PolicyArn, { outside: 'create versions for policies', missing: notAttachable });
      requireFit(input.PolicyDocument);
      const versions = await this.store.versions(ctx.tx, row);
      if (versions.length >= VERSIONS_MAX) {
        throw new ApiError('LimitExceeded', `A managed policy can have up to ${String(VERSIONS_MAX)} versions. Before you create a new version, you must delete an existing version.`);
      }
      const isDefault = input.SetAsDefault ?? false;
      const version = await this.store.addVersion(ctx.tx, row, { document: input.PolicyDocument, createdAt: ctx.now, isDefault });
      return { PolicyVersion: shownVersion(version, isDefault) };
    },
    GetPolicyVersion: async (input, ctx) =>
      ctx.read(async (tx) => {
        requireArn(input.PolicyArn);
        const row = await this.store.findIn(tx, input.PolicyArn, ctx.caller.account);
        const version = row && (await this.store.findVersion(tx, row, numberOf(input.VersionId)));
        if (version === undefined) throw noVersion(input);
        return { PolicyVersion: { Document: version.document, ...shownVersion(version, version.version === row?.defaultVersion) } };
      }),
    ListPolicyVersions: async (input, ctx) => {
      const request = pageRequest(input, 1);
      const before = positionIn(request, Infinity);
      return ctx.read(async (tx) => {
        const row = await this.#policy(tx, ctx.caller.account, input.PolicyArn);
        const versions = (await this.store.versions(tx, row)).filter(({ version }) => version < before);
        const page = pageOf(versions, request, ({ version }) => [String(version)]);
        return { Versions: page.rows.map((version) => shownVersion(version, version.version === row.defaultVersion)), ...page.next };
      });
    },
    SetDefaultPolicyVersion: async (input, ctx) => {
      const row = await this.#held(ctx, input.PolicyArn, { outside: 'update policies', missing: () => noVersion(input) });
      const version = await this.store.findVersion(ctx.tx, row, numberOf(input.VersionId));
      if (version === undefined) throw noVersion(input);
      await this.store.setDefault(ctx.tx, row, version.version);
      return {};
    },
    DeletePolicyVersion: async (input, ctx) => {
      const row = await this.#held(ctx, input.PolicyArn, { outside: 'delete policy versions for policies', missing: () => noVersion(input) });
      const version = numberOf(input.VersionId);
      if (version === row.defaultVersion) throw new ApiError('DeleteConflict', 'Cannot delete the default version of a policy.');
      if (!(await this.store.deleteVersion(ctx.tx, row, version))) throw noVersion(input);
      return {};
    },
    TagPolicy: async (input, ctx) => {
      const row = await this.#held(ctx, input.PolicyArn, { outside: 'update policies', missing: notFound });
      await this.store.updateTags(ctx.tx, row, withTags(row.tags, input.Tags, 'sensitive'));
      return {};
    },
    UntagPolicy: async (input, ctx) => {
      const row = await this.#held(ctx, input.PolicyArn, { outside: 'update policies', missing: notFound });
      await this.store.updateTags(ctx.tx, row, withoutTags(row.tags, input.TagKeys, 'sensitive'));
      return {};
    },
    ListPolicyTags: async (input, ctx) => {
      const row = await ctx.read((tx) => this.#policy(tx, ctx.caller.account, input.PolicyArn));
      return pageOfTags(row.tags, input);
    },
    ListEntitiesForPolicy: async (input, ctx) => {
      const request = pageRequest(input, 1);
      requireArn(input.PolicyArn);
      return ctx.read((tx) => this.#entities(tx, ctx.caller.account, { input, request }));
    },
  });

  /** The policy a call wants to see. Throws InvalidInput and NoSuchEntity. */
  async #policy(tx: ReadTx, account: string, arn: string): Promise<ManagedPolicyRow> {
    requireArn(arn);
    const row = await this.store.findIn(tx, arn, account);
    if (row === undefined) throw notFound(arn);
    return row;
  }

  /** The policy a call wants to change, held. Throws AccessDenied for one that is not the account's own, shipped ones included. */
  async #held({ tx, caller }: ChangeCtx, arn: string, refusals: { outside: string; missing: (arn: string) => ApiError }): Promise<ManagedPolicyRow> {
    if (requireArn(arn).account !== caller.account) {
      throw new ApiError('AccessDenied', `Cannot ${refusals.outside} outside your own account.`);
    }
    const row = await this.store.lock(tx, arn, caller.account);
    if (row === undefined) throw refusals.missing(arn);
    return row;
  }

  /** The policies of a page and one more, where there is one: first the account's own, then the shipped ones. */
  async #listed(tx: ReadTx, account: string, call: { input: ListInput; request: PageRequest }): Promise<{ rows: readonly ManagedPolicyRow[]; counts: UseCounts }> {
    const { input, request } = call;
    const [section = 'Local', after = ''] = request.after ?? [];
    if (section !== 'Local' && section !== 'AWS') throw badMarker();
    const bounding = input.PolicyUsageFilter === 'PermissionsBoundary' ? await this.uses.boundaries(tx, { account }) : undefined;
    const onlyAttached = bounding === undefined && (input.OnlyAttached === true || input.PolicyUsageFilter === 'PermissionsPolicy');
    const pathPrefix = input.PathPrefix ?? '/';
    const hasOwn = input.Scope !== 'AWS' && section === 'Local';
    const own = hasOwn ? await this.store.list(tx, { account, pathPrefix, onlyAttached, among: bounding && [...bounding.keys()].map(nameKeyOf), after, limit: request.items + 1 }) : [];
    const hasShipped = input.Scope !== 'Local' && own.length <= request.items;
    const shipped = hasShipped ? shippedAfter(section === 'AWS' ? after : '', pathPrefix) : [];
    const counts = await this.uses.counts(tx, account, [...own, ...shipped].map(policyArn));
    const isListed = (arn: string): boolean => (bounding === undefined ? !onlyAttached || counts.attachments.has(arn) : bounding.has(arn));
    return { rows: [...own, ...shipped.filter((row) => isListed(policyArn(row)))], counts };
  }

  /** Users, roles and groups in the order of their unique ids; a page is shorter where others than those asked for are on it. */
  async #entities(tx: ReadTx, account: string, call: { input: EntitiesInput; request: PageRequest }): Promise<Entities> {
    const { input, request } = call;
    if ((await this.store.findIn(tx, input.PolicyArn, account)) === undefined) throw notAttachable(input.PolicyArn);
    const type = ENTITY_TYPES[input.EntityFilter ?? 'Any'];
    if (type === 'none') return { PolicyGroups: [], PolicyUsers: [], PolicyRoles: [], IsTruncated: false };
    const page = await this.uses.page(tx, { account, arn: input.PolicyArn, type: type === 'any' ? undefined : type, usage: input.PolicyUsageFilter }, request);
    const { users, roles, groups } = await this.uses.named(tx, page.rows);
    const isBelow = ({ path }: { path: string }): boolean => path.startsWith(input.PathPrefix ?? '/');
    const byName = (a: { nameKey: string }, b: { nameKey: string }): number => (a.nameKey < b.nameKey ? -1 : 1);
    return {
      PolicyGroups: groups.filter(isBelow).sort(byName).map((row) => ({ GroupName: row.groupName, GroupId: row.groupId })),
      PolicyUsers: users.filter(isBelow).sort(byName).map((row) => ({ UserName: row.userName, UserId: row.userId })),
      PolicyRoles: roles.filter(isBelow).sort(byName).map((row) => ({ RoleName: row.roleName, RoleId: row.roleId })),
      ...page.next,
    };
  }
}

const ENTITY_TYPES = { Any: 'any', User: 'user', Role: 'role', Group: 'group', LocalManagedPolicy: 'none', AWSManagedPolicy: 'none' } as const;

/** Throws InvalidInput for what cannot be the ARN of a managed policy. */
function requireArn(arn: string): { account: string } {
  const named = policyInArn(arn);
  if (named === undefined) throw new ApiError('InvalidInput', `ARN ${arn} is not valid.`);
  return named;
}

/** Throws MalformedPolicyDocument, or LimitExceeded for a document that is too large. White space is bounded as well. */
function requireFit(document: string): void {
  parseIdentityPolicy(document);
  if (policySize(document) > SIZE_MAX || document.length > WRITTEN_MAX * SIZE_MAX) throw overQuota('PolicySize', SIZE_MAX);
}

function overQuota(quota: string, most: number): ApiError {
  return new ApiError('LimitExceeded', `Cannot exceed quota for ${quota}: ${String(most)}`);
}

function noVersion({ PolicyArn, VersionId }: { PolicyArn: string; VersionId: string }): ApiError {
  return new ApiError('NoSuchEntity', `Policy ${PolicyArn} version ${VersionId.slice(0, 128)} does not exist or is not attachable.`);
}

/** The number in `v12`; 0, which no version has, for an id that Stint never gives. */
function numberOf(versionId: string): number {
  const number = /^v\d+$/.test(versionId) ? Number(versionId.slice(1)) : 0;
  return number <= NUMBER_MAX ? number : 0;
}

/** The name in an ARN as rows are found by it. */
function nameKeyOf(arn: string): string {
  return nameKey(policyInArn(arn)?.name ?? '');
}

function shippedAfter(after: string, pathPrefix: string): ManagedPolicyRow[] {
  const rows = [...catalogue.values()].map(({ row }) => row).filter(({ nameKey: key, path }) => key > after && path.startsWith(pathPrefix));
  return rows.sort((a, b) => (a.nameKey < b.nameKey ? -1 : 1));
}
