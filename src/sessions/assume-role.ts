import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { accountId, assumedRoleArn, isAccountId, parseArn, type AccountId } from '../domain/arn.js';
import { attribution, requireAttribution, valueOf } from '../domain/attribution.js';
import { ApiError } from '../domain/errors.js';
import { passedPolicies } from '../domain/passed-policies.js';
import { assumeActions } from '../domain/policy/assume.js';
import type { TrustPolicy } from '../domain/policy/evaluate.js';
import { callerArn } from '../domain/principal.js';
import { roleSessionDuration, withinSubject } from '../domain/session-rules.js';
import { inheritedTags, sessionTags, type SessionTags } from '../domain/session-tags.js';
import { tagKey, type TagFact } from '../domain/tags.js';
import type { IssueCtx } from '../kernel/handler.js';
import { Authorizer } from '../policies/authorizer.js';
import { SessionPolicies } from '../policies/session-policies.js';
import type { RoleRow } from '../roles/roles.entities.js';
import { RolesStore } from '../roles/roles.store.js';
import { TrustPolicies } from '../roles/trust.js';
import { Issuer, type Bounds } from './issuer.js';
import { SessionMfa } from './mfa.js';
import type { stsContracts } from './sts.contract.js';

type Input = z.output<typeof stsContracts.AssumeRole.input>;
type Output = z.input<typeof stsContracts.AssumeRole.output>;

/** What an unknown role is judged with, so that it is refused by the same path and in the same words. */
export const NOBODY: TrustPolicy = { id: 'trust', document: { version: '2012-10-17', statements: [] }, principalIds: new Map() };

/** What a call asks a role for, when it is judged. */
interface Asked {
  readonly input: Input;
  readonly role: RoleRow | undefined;
  readonly account: string;
  readonly tags: SessionTags;
  readonly sourceIdentity: string | undefined;
  /** The code of a device came with the call, and was right. */
  readonly hasMfa: boolean;
  readonly bounds: Bounds | undefined;
}

/** Starts sessions as roles (AWS STS API Reference: AssumeRole). */
@Injectable()
export class RoleAssumption {
  constructor(
    private readonly roles: RolesStore,
    private readonly trust: TrustPolicies,
    private readonly authorizer: Authorizer,
    private readonly sessionPolicies: SessionPolicies,
    private readonly issuer: Issuer,
    private readonly mfa: SessionMfa,
  ) {}

  /** Carries out AssumeRole, perhaps as an exchange within bounds; see its contract for what is refused. */
  async assume(input: Input, ctx: IssueCtx, bounds?: Bounds): Promise<Output> {
    const { caller } = ctx;
    if (caller.kind === 'root') throw new ApiError('AccessDenied', 'Roles may not be assumed by root accounts.');
    const account = roleAccount(input.RoleArn);
    if ((input.ProvidedContexts?.length ?? 0) > 0) throw new ApiError('InvalidContextAssertion', 'The context assertion cannot be verified: no context provider is known.');
    const tags = sessionTags({ tags: input.Tags ?? [], transitiveTagKeys: input.TransitiveTagKeys ?? [] }, caller.session);
    const packed = passedPolicies(input, tags.tags);
    const role = await this.roles.findRoleByArn(input.RoleArn);
    const fixed = attribution(role?.tags ?? [], caller.session?.federation);
    const sourceIdentity = valueOf(fixed.sourceIdentity, this.#sourceIdentity(input, ctx));
    // Who exchanges something names no session: there the role may.
    const RoleSessionName = (bounds && valueOf(fixed.sessionName, undefined)) ?? input.RoleSessionName;
    this.#note(ctx, { input, sourceIdentity });
    const hasMfa = (await this.mfa.spent(input, ctx)) !== undefined;
    await this.#requireTrust(ctx, { input: { ...input, RoleSessionName }, role, account, tags, sourceIdentity, hasMfa, bounds });
    if (role === undefined) throw new Error('a role that does not exist was allowed');
    // Only now: what a role fixes is told to those who may assume it.
    requireAttribution(fixed.sessionName, RoleSessionName, 'RoleSessionName');
    requireAttribution(fixed.sourceIdentity, sourceIdentity, 'SourceIdentity');
    await this.sessionPolicies.requireManaged(packed.policies?.arns ?? [], account, bounds?.unknownPolicy);
    const granted = roleSessionDuration({ requested: input.DurationSeconds, roleMaximum: role.maxSessionDuration, chained: caller.session !== undefined });
    const issued = this.issuer.issue(ctx, {
      actor: { kind: 'assumed-role', account: accountId(role.accountId), roleId: role.roleId, roleName: role.roleName, rolePath: role.path, sessionName: RoleSessionName },
      facts: { origin: 'AssumeRole', ...tags, scopedDown: [], ...(sourceIdentity !== undefined && { sourceIdentity }), ...(packed.policies !== undefined && { policies: packed.policies }), ...bounds?.facts },
      granted: bounds === undefined ? granted : withinSubject(granted, bounds.notAfter, ctx.issuedAt),
      requested: input.DurationSeconds,
      minRemaining: input.MinRemaining,
      minimumTokenSize: input.MinimumSessionTokenSize,
      operation: bounds?.operation ?? 'AssumeRole',
      joined: bounds?.joined,
      actedBy: bounds?.actedBy,
    });
    ctx.note({ resources: [{ accountId: role.accountId, type: 'AWS::IAM::Role', ARN: input.RoleArn }], alsoAccount: role.accountId });
    const isPacked = packed.policies !== undefined || (input.Tags?.length ?? 0) > 0;
    return {
      ...issued,
      AssumedRoleUser: { AssumedRoleId: `${role.roleId}:${RoleSessionName}`, Arn: assumedRoleArn(role.accountId, role.roleName, RoleSessionName) },
      ...(isPacked && { PackedPolicySize: packed.size }),
      ...(sourceIdentity !== undefined && { SourceIdentity: sourceIdentity }),
    };
  }

  /** Set once, and carried through the chain (IAM User Guide: monitor and control actions taken with assumed roles). */
  #sourceIdentity({ SourceIdentity, RoleArn }: Input, { caller }: IssueCtx): string | undefined {
    const carried = caller.session?.sourceIdentity;
    if (carried !== undefined && SourceIdentity !== undefined && SourceIdentity !== carried) {
      throw new ApiError('AccessDenied', `User: ${callerArn(caller)} is not authorized to perform: sts:SetSourceIdentity on resource: ${RoleArn} because the source identity of the calling session cannot be changed`);
    }
    return SourceIdentity ?? carried;
  }

  /** CloudTrail shows what was inherited as if it had been given. */
  #note(ctx: IssueCtx, { input, sourceIdentity }: { input: Input; sourceIdentity: string | undefined }): void {
    const inherited = inheritedTags(ctx.caller.session);
    const isInherited = sourceIdentity !== undefined && input.SourceIdentity === undefined;
    if (!isInherited && inherited.length === 0) return;
    ctx.note({
      parameters: {
        ...(isInherited && { sourceIdentity }),
        ...(inherited.length > 0 && { incomingTransitiveTags: Object.fromEntries(inherited.map(({ Key, Value }) => [Key, Value])) }),
      },
    });
  }

  async #requireTrust(ctx: IssueCtx, asked: Asked): Promise<void> {
    const { input, role, account, tags, sourceIdentity, hasMfa, bounds } = asked;
    const actions = assumeActions({ tags: tags.tags.length > 0, sourceIdentity: sourceIdentity !== undefined, contexts: false });
    for (const action of ['sts:AssumeRole', ...actions]) {
      await this.authorizer.require(ctx, {
        action,
        resource: input.RoleArn,
        resourceAccount: account,
        resourceTags: overlaid(role?.tags ?? [], inheritedTags(ctx.caller.session)),
        requestTags: input.Tags ?? [],
        trust: role === undefined ? NOBODY : this.trust.inForce(role),
        exists: role !== undefined,
        // The code counts for this one decision; the session of the role knows nothing of it.
        mfaAge: hasMfa ? 0 : undefined,
        context: {
          'sts:ExternalId': input.ExternalId,
          'sts:RoleSessionName': input.RoleSessionName,
          'sts:SourceIdentity': sourceIdentity,
          'sts:TransitiveTagKeys': tags.transitiveTagKeys.length === 0 ? undefined : tags.transitiveTagKeys,
          ...bounds?.context,
        },
      });
    }
  }
}

/** Tags of a role as a chained call sees them: an inherited one replaces the role's of the same key (sts-api §9). */
export function overlaid(own: readonly TagFact[], inherited: readonly TagFact[]): readonly TagFact[] {
  const values = new Map(inherited.map((tag) => [tagKey(tag.Key), tag.Value]));
  return own.map((tag) => ({ Key: tag.Key, Value: values.get(tagKey(tag.Key)) ?? tag.Value }));
}

/** The account of a role's ARN. Throws AWS's two ValidationErrors for what is no role ARN. */
export function roleAccount(arn: string): AccountId {
  const parsed = parseArn(arn);
  if (parsed === undefined) throw new ApiError('ValidationError', `${arn} is invalid`);
  if (parsed.service !== 'iam' || !parsed.resource.startsWith('role/') || !isAccountId(parsed.account)) {
    throw new ApiError('ValidationError', 'Request ARN is invalid');
  }
  return accountId(parsed.account);
}
