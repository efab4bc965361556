import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { accountId, assumedRoleArn } from '../domain/arn.js';
import { passedPolicies, type Packed, type PassedInput } from '../domain/passed-policies.js';
import { assumeActions } from '../domain/policy/assume.js';
import type { FederatedIdentityCaller, SessionOrigin } from '../domain/principal.js';
import { roleSessionDuration } from '../domain/session-rules.js';
import { sessionTags } from '../domain/session-tags.js';
import { IdentityTokens } from '../federation/identity-tokens.js';
import { TrustedIssuers } from '../identities/trusted-issuers.js';
import type { IssueCtx, Proved } from '../kernel/handler.js';
import { Authorizer } from '../policies/authorizer.js';
import { SessionPolicies } from '../policies/session-policies.js';
import type { RoleRow } from '../roles/roles.entities.js';
import { RolesStore } from '../roles/roles.store.js';
import { TrustPolicies } from '../roles/trust.js';
import { NOBODY, roleAccount } from './assume-role.js';
import { Issuer, type Issued } from './issuer.js';
import type { stsContracts } from './sts.contract.js';

type WebIdentityInput = z.output<typeof stsContracts.AssumeRoleWithWebIdentity.input>;
type WebIdentityOutput = z.input<typeof stsContracts.AssumeRoleWithWebIdentity.output>;

/** What is asked for somebody for whom an identity provider vouches. */
interface Asked extends PassedInput {
  readonly operation: Extract<SessionOrigin, 'AssumeRoleWithWebIdentity' | 'AssumeRoleWithSAML'>;
  readonly RoleArn: string;
  readonly sessionName: string;
  readonly DurationSeconds?: number | undefined;
  readonly MinRemaining?: number | undefined;
  readonly MinimumSessionTokenSize?: number | undefined;
}

/** A session that was begun, and what is answered about it whoever vouched. */
interface Begun {
  readonly issued: Issued;
  readonly AssumedRoleUser: { readonly AssumedRoleId: string; readonly Arn: string };
  readonly PackedPolicySize?: number;
  readonly SourceIdentity?: string;
}

/** Starts sessions as roles for those for whom an identity provider of the account vouches (AWS STS API Reference: AssumeRoleWithWebIdentity). */
@Injectable()
export class FederatedAssumption {
  // What vouches, what trusts, and what judges: whoever is let in here showed no credential.
  // eslint-disable-next-line house/max-params
  constructor(
    private readonly tokens: IdentityTokens,
    private readonly roles: RolesStore,
    private readonly trust: TrustPolicies,
    private readonly authorizer: Authorizer,
    private readonly sessionPolicies: SessionPolicies,
    private readonly issuer: Issuer,
    private readonly trusted: TrustedIssuers,
  ) {}

  /** Whose token it is that came with a call. Throws InvalidIdentityToken, IDPCommunicationError and ValidationError. */
  async webIdentity({ RoleArn, WebIdentityToken }: WebIdentityInput, now: Date): Promise<Proved> {
    return this.tokens.verify(WebIdentityToken, { account: roleAccount(RoleArn), role: RoleArn }, now);
  }

  /** Carries out AssumeRoleWithWebIdentity; see its contract for what is refused. */
  async assumeWithWebIdentity(input: WebIdentityInput, ctx: IssueCtx): Promise<WebIdentityOutput> {
    const caller = federated(ctx);
    const { issued, ...begun } = await this.#begin({ ...input, operation: 'AssumeRoleWithWebIdentity', sessionName: input.RoleSessionName }, ctx);
    return { ...issued, ...begun, SubjectFromWebIdentityToken: caller.subject, Provider: caller.issuer, Audience: caller.audience };
  }

  async #begin(asked: Asked, ctx: IssueCtx): Promise<Begun> {
    const caller = federated(ctx);
    const { wishes } = caller;
    const tags = sessionTags(wishes, undefined);
    const packed = passedPolicies(asked, tags.tags);
    const role = await this.roles.findRoleByArn(asked.RoleArn);
    this.#note(ctx);
    if ((await this.trusted.verdict(caller.account, caller.provider)) === 'reported') ctx.note({ additional: { untrustedIssuer: caller.provider } });
    await this.#requireTrust(ctx, asked, role);
    if (role === undefined) throw new Error('a role that does not exist was allowed');
    await this.sessionPolicies.requireManaged(packed.policies?.arns ?? [], role.accountId);
    const issued = this.issuer.issue(ctx, {
      actor: { kind: 'assumed-role', account: accountId(role.accountId), roleId: role.roleId, roleName: role.roleName, rolePath: role.path, sessionName: asked.sessionName },
      facts: {
        origin: asked.operation,
        ...tags,
        scopedDown: [],
        federation: { provider: caller.provider, keys: caller.lastingKeys },
        ...(wishes.sourceIdentity !== undefined && { sourceIdentity: wishes.sourceIdentity }),
        ...(packed.policies !== undefined && { policies: packed.policies }),
      },
      granted: roleSessionDuration({ requested: asked.DurationSeconds, roleMaximum: role.maxSessionDuration, chained: false }),
      requested: asked.DurationSeconds,
      minRemaining: asked.MinRemaining,
      minimumTokenSize: asked.MinimumSessionTokenSize,
      operation: asked.operation,
    });
    ctx.note({ resources: [{ accountId: role.accountId, type: 'AWS::IAM::Role', ARN: asked.RoleArn }] });
    return {
      issued,
      AssumedRoleUser: { AssumedRoleId: `${role.roleId}:${asked.sessionName}`, Arn: assumedRoleArn(role.accountId, role.roleName, asked.sessionName) },
      ...(isPacked(packed, tags.tags.length) && { PackedPolicySize: packed.size }),
      ...(wishes.sourceIdentity !== undefined && { SourceIdentity: wishes.sourceIdentity }),
    };
  }

  /** CloudTrail shows what the provider asked for as if the caller had. */
  #note(ctx: IssueCtx): void {
    const { sourceIdentity, tags, transitiveTagKeys } = federated(ctx).wishes;
    if (sourceIdentity === undefined && tags.length === 0) return;
    ctx.note({
      parameters: {
        ...(sourceIdentity !== undefined && { sourceIdentity }),
        ...(tags.length > 0 && { principalTags: Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])) }),
        ...(transitiveTagKeys.length > 0 && { transitiveTagKeys: [...transitiveTagKeys] }),
      },
    });
  }

  async #requireTrust(ctx: IssueCtx, asked: Asked, role: RoleRow | undefined): Promise<void> {
    const { wishes, account } = federated(ctx);
    const { sourceIdentity, tags, transitiveTagKeys, isRoleListed } = wishes;
    const actions = assumeActions({ tags: tags.length > 0, sourceIdentity: sourceIdentity !== undefined, contexts: false });
    for (const action of [`sts:${asked.operation}`, ...actions]) {
      await this.authorizer.require(ctx, {
        action,
        resource: asked.RoleArn,
        resourceAccount: account,
        resourceTags: role?.tags ?? [],
        requestTags: tags,
        trust: role === undefined ? NOBODY : this.trust.inForce(role),
        exists: role !== undefined,
        context: {
          'sts:RoleSessionName': asked.sessionName,
          'sts:SourceIdentity': sourceIdentity,
          'sts:TransitiveTagKeys': transitiveTagKeys.length === 0 ? undefined : transitiveTagKeys,
          'sts:RoleAuthorizedByIdp': isRoleListed ? 'true' : undefined,
        },
      });
    }
  }
}

function isPacked({ policies }: Packed, tags: number): boolean {
  return policies !== undefined || tags > 0;
}

function federated({ caller }: IssueCtx): FederatedIdentityCaller {
  if (caller.kind !== 'federated-identity') throw new Error('nobody vouches for the caller');
  return caller;
}
