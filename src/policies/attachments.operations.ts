import { Injectable } from '@nestjs/common';

import { policyInArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { quotas } from '../identities/quota.js';
import { implement, type ChangeCtx, type ReadCtx } from '../kernel/handler.js';
import { pageOf, pageRequest } from '../kernel/page.js';
import { attachmentContracts } from './attachments.contract.js';
import { AttachmentsStore } from './attachments.store.js';
import { ManagedPoliciesStore, notAttachable, notFound } from './managed.store.js';
import { PolicyOwners, type OwnerRef } from './owners.js';

/** IAM quota: how many managed policies one user, role or group may have. */
const ATTACHED_MAX = quotas.attachedPolicies;
const QUOTA = { user: 'PoliciesPerUser', role: 'PoliciesPerRole', group: 'PoliciesPerGroup' } as const;

interface ListInput {
  readonly PathPrefix?: string | undefined;
  readonly Marker?: string | undefined;
  readonly MaxItems?: number | undefined;
}
interface Listed {
  AttachedPolicies: { PolicyName: string; PolicyArn: string }[];
  IsTruncated: boolean;
  Marker?: string;
}

/** Use cases of managed policies on users, roles and groups. */
@Injectable()
export class AttachmentOperations {
  constructor(
    private readonly store: AttachmentsStore,
    private readonly managed: ManagedPoliciesStore,
    private readonly owners: PolicyOwners,
  ) {}

  readonly operations = implement(attachmentContracts, {
    AttachUserPolicy: (input, ctx) => this.#attach(ctx, { user: input.UserName }, input.PolicyArn),
    DetachUserPolicy: (input, ctx) => this.#detach(ctx, { user: input.UserName }, input.PolicyArn),
    ListAttachedUserPolicies: (input, ctx) => this.#list(ctx, { user: input.UserName }, input),
    AttachRolePolicy: (input, ctx) => this.#attach(ctx, { role: input.RoleName }, input.PolicyArn),
    DetachRolePolicy: (input, ctx) => this.#detach(ctx, { role: input.RoleName }, input.PolicyArn),
    ListAttachedRolePolicies: (input, ctx) => this.#list(ctx, { role: input.RoleName }, input),
    AttachGroupPolicy: (input, ctx) => this.#attach(ctx, { group: input.GroupName }, input.PolicyArn),
    DetachGroupPolicy: (input, ctx) => this.#detach(ctx, { group: input.GroupName }, input.PolicyArn),
    ListAttachedGroupPolicies: (input, ctx) => this.#list(ctx, { group: input.GroupName }, input),
  });

  async #attach({ tx, caller: { account } }: ChangeCtx, ref: OwnerRef, arn: string): Promise<Record<string, never>> {
    requireArn(arn);
    const owner = await this.owners.hold(tx, account, ref);
    const policy = await this.managed.findIn(tx, arn, account);
    if (policy === undefined) throw notAttachable(arn);
    const attached = await this.store.arnsOf(tx, owner.id);
    if (attached.includes(arn)) return {};
    if (attached.length >= ATTACHED_MAX) throw new ApiError('LimitExceeded', `Cannot exceed quota for ${QUOTA[owner.type]}: ${String(ATTACHED_MAX)}`);
    await this.store.attach(tx, owner, { account, policy });
    return {};
  }

  async #detach({ tx, caller: { account } }: ChangeCtx, ref: OwnerRef, arn: string): Promise<Record<string, never>> {
    requireArn(arn);
    const owner = await this.owners.hold(tx, account, ref);
    if (!(await this.store.detach(tx, owner.id, arn))) throw notFound(arn);
    return {};
  }

  async #list(ctx: ReadCtx, ref: OwnerRef, input: ListInput): Promise<Listed> {
    const request = pageRequest(input, 1);
    const arns = await ctx.read(async (tx) => this.store.arnsOf(tx, (await this.owners.find(tx, ctx.caller.account, ref)).id));
    const rows = arns
      .flatMap((arn) => listed(arn, input.PathPrefix ?? '/'))
      .filter(({ key }) => key > (request.after?.[0] ?? ''))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    const page = pageOf(rows, request, ({ key }) => [key]);
    return { AttachedPolicies: page.rows.map(({ PolicyName, PolicyArn }) => ({ PolicyName, PolicyArn })), ...page.next };
  }
}

/** AWS refuses here as invalid what other operations on policies refuse as bad input (IAM API: AttachRolePolicy). */
function requireArn(arn: string): void {
  if (policyInArn(arn) === undefined) throw new ApiError('ValidationError', `ARN ${arn} is not valid.`);
}

/** A policy in a list by name, where its path begins so. A shipped policy may have the name of one of the account. */
function listed(arn: string, pathPrefix: string): { PolicyName: string; PolicyArn: string; key: string }[] {
  const named = policyInArn(arn);
  if (named?.path.startsWith(pathPrefix) !== true) return [];
  return [{ PolicyName: named.name, PolicyArn: arn, key: `${named.name.toLowerCase()}/${named.account}` }];
}
