import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { accountId, assumedRoleArn } from '../domain/arn.js';
import { attribution, requireAttribution, valueOf } from '../domain/attribution.js';
import { passedPolicies, type Packed, type PassedInput } from '../domain/passed-policies.js';
import { assumeActions } from '../domain/policy/assume.js';
import type { FederatedIdentityCaller, SessionOrigin } from '../domain/principal.js';
import { federatedSessionDuration, withinSubject } from '../domain/session-rules.js';
import { sessionTags } from '../domain/session-tags.js';
import { IdentityTokens } from '../federation/identity-tokens.js';
import { SamlResponses } from '../federation/saml-responses.js';
import { TrustedIssuers } from '../identities/trusted-issuers.js';
import type { IssueCtx, Proved } from '../kernel/handler.js';
import { Authorizer } from '../policies/authorizer.js';
import { SessionPolicies } from '../policies/session-policies.js';
import type { RoleRow } from '../roles/roles.entities.js';
import { RolesStore } from '../roles/roles.store.js';
import { TrustPolicies } from '../roles/trust.js';
import { NOBODY, roleAccount } from './assume-role.js';
import { Issuer, type Bounds, type Issued } from './issuer.js';
import type { stsContracts } from './sts.contract.js';
import { UsedAssertionsStore } from './used-assertions.store.js';

type WebIdentityInput = z.output<typeof stsContracts.AssumeRoleWithWebIdentity.input>;
type WebIdentityOutput = z.input<typeof stsContracts.AssumeRoleWithWebIdentity.output>;
type SamlInput = z.output<typeof stsContracts.AssumeRoleWithSAML.input>;
type SamlOutput = z.input<typeof stsContracts.AssumeRoleWithSAML.output>;

/** What is asked for somebody for whom an identity provider vouches. */
interface Asked extends PassedInput {
  readonly operation: Extract<SessionOrigin, 'AssumeRoleWithWebIdentity' | 'AssumeRoleWithSAML'>;
  readonly RoleArn: string;
  readonly sessionName: string;
  /** More that is recorded as if the caller had given it. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly DurationSeconds?: number | undefined;
  readonly MinRemaining?: number | undefined;
  readonly MinimumSessionTokenSize?: number | undefined;
  readonly bounds?: Bounds | undefined;
}

/** A session that was begun, and what is answered about it whoever vouched. */
interface Begun {
  readonly issued: Issued;
  readonly AssumedRoleUser: { readonly AssumedRoleId: string; readonly Arn: string };
  readonly PackedPolicySize?: number;
  readonly SourceIdentity?: string;
}

/** Finds out who makes a call that nobody signed. */
@Injectable()
export class FederatedProofs {
  constructor(
    private readonly tokens: IdentityTokens,
    private readonly responses: SamlResponses,
  ) {}

  /** Whose token it is that came with a call. Throws InvalidIdentityToken, IDPCommunicationError and ValidationError. */
  async webIdentity({ RoleArn, WebIdentityToken }: WebIdentityInput, now: Date): Promise<Proved> {
    return this.tokens.verify(WebIdentityToken, { account: roleAccount(RoleArn), role: RoleArn }, now);
  }

  /** Who comes with the response of a SAML provider. Throws what `SamlResponses.verify` does, and ValidationError. */
  async saml({ RoleArn, PrincipalArn, SAMLAssertion }: SamlInput, now: Date): Promise<Proved> {
    roleAccount(RoleArn);
    return this.responses.verify(SAMLAssertion, { roleArn: RoleArn, principalArn: PrincipalArn }, now);
  }
}

/** Starts sessions as roles for those for whom an identity provider of the account vouches (AWS STS API Reference: AssumeRoleWithWebIdentity). */
@Injectable()
export class FederatedAssumption {
  // What vouches, what trusts, and what judges: whoever is let in here showed no credential.
  // eslint-disable-next-line house/max-params
  constructor(
    private readonly usedAssertions: UsedAssertionsStore,
    private readonly roles: RolesStore,
    private readonly trust: TrustPolicies,
    private readonly authorizer: Authorizer,
    private readonly sessionPolicies: SessionPolicies,
    private readonly issuer: Issuer,
    private readonly trusted: TrustedIssuers,
  ) {}

  /** Carries out AssumeRoleWithWebIdentity, perhaps as an exchange within bounds; see its contract for what is refused. */
  async assumeWithWebIdentity(input: WebIdentityInput, ctx: IssueCtx, bounds?: Bounds): Promise<WebIdentityOutput> {
    const caller = federated(ctx);
    const { issued, ...begun } = await this.#begin({ ...input, operation: 'AssumeRoleWithWebIdentity', sessionName: input.RoleSessionName, bounds }, ctx);
    return { ...issued, ...begun, SubjectFromWebIdentityToken: caller.subject, Provider: caller.issuer, Audience: caller.audience };
  }

  /** Carries out AssumeRoleWithSAML; see its contract for what is refused. */
  async assumeWithSaml(input: SamlInput, ctx: IssueCtx): Promise<SamlOutput> {
    const caller = federated(ctx);
    const { once, wishes, lastingKeys } = caller;
    if (once === undefined || wishes.sessionName === undefined) throw new Error('a SAML response is used without its id or name');
    const used = { providerArn: caller.provider, issuer: caller.issuer, assertionId: once.id, acceptedUntil: once.acceptedUntil };
    // A request that is repeated under its Idempotency-Key has used it itself.
    if (ctx.repeatable?.isAnswered !== true) await ctx.read((tx) => this.usedAssertions.requireUnused(tx, used));
    const { issued, ...begun } = await this.#begin({ ...input, operation: 'AssumeRoleWithSAML', sessionName: wishes.sessionName, parameters: { sAMLAssertionID: once.id, roleSessionName: wishes.sessionName } }, ctx);
    ctx.append(this.usedAssertions.used(used));
    const key = (name: string): string => [lastingKeys.get(name) ?? ''].flat().join();
    return { ...issued, ...begun, Subject: caller.subject, SubjectType: key('saml:sub_type'), Issuer: caller.issuer, Audience: caller.audience, NameQualifier: key('saml:namequalifier') };
  }

  async #begin(asked: Asked, ctx: IssueCtx): Promise<Begun> {
    const caller = federated(ctx);
    const { wishes } = caller;
    const { bounds } = asked;
    const tags = sessionTags(wishes, undefined);
    const packed = passedPolicies(asked, tags.tags);
    const role = await this.roles.findRoleByArn(asked.RoleArn);
    const federation = { provider: caller.provider, keys: caller.lastingKeys };
    const fixed = attribution(role?.tags ?? [], { ...federation, keys: caller.keys });
    const sourceIdentity = valueOf(fixed.sourceIdentity, wishes.sourceIdentity);
    // Who exchanges something names no session: there the role may.
    const sessionName = (bounds && valueOf(fixed.sessionName, undefined)) ?? asked.sessionName;
    this.#note(ctx, { ...asked.parameters, ...(sourceIdentity !== undefined && { sourceIdentity }) });
    if ((await this.trusted.verdict(caller.account, caller.provider)) === 'reported') ctx.note({ additional: { untrustedIssuer: caller.provider } });
    await this.#requireTrust(ctx, { ...asked, sessionName, sourceIdentity }, role);
    if (role === undefined) throw new Error('a role that does not exist was allowed');
    // Only now: what a role fixes is told to those who may assume it.
    requireAttribution(fixed.sessionName, sessionName, 'RoleSessionName');
    requireAttribution(fixed.sourceIdentity, sourceIdentity, 'SourceIdentity');
    await this.sessionPolicies.requireManaged(packed.policies?.arns ?? [], role.accountId, bounds?.unknownPolicy);
    const granted = federatedSessionDuration({ requested: asked.DurationSeconds, roleMaximum: role.maxSessionDuration }, wishes, ctx.issuedAt);
    const issued = this.issuer.issue(ctx, {
      actor: { kind: 'assumed-role', account: accountId(role.accountId), roleId: role.roleId, roleName: role.roleName, rolePath: role.path, sessionName },
      facts: {
        origin: asked.operation,
        ...tags,
        scopedDown: [],
        federation,
        ...(sourceIdentity !== undefined && { sourceIdentity }),
        ...(packed.policies !== undefined && { policies: packed.policies }),
        ...bounds?.facts,
      },
      granted: bounds === undefined ? granted : withinSubject(granted, bounds.notAfter, ctx.issuedAt),
      requested: asked.DurationSeconds,
      minRemaining: asked.MinRemaining,
      minimumTokenSize: asked.MinimumSessionTokenSize,
      operation: bounds?.operation ?? asked.operation,
      joined: bounds?.joined,
      actedBy: bounds?.actedBy,
    });
    ctx.note({ resources: [{ accountId: role.accountId, type: 'AWS::IAM::Role', ARN: asked.RoleArn }] });
    return {
      issued,
      AssumedRoleUser: { AssumedRoleId: `${role.roleId}:${sessionName}`, Arn: assumedRoleArn(role.accountId, role.roleName, sessionName) },
      ...(isPacked(packed, tags.tags.length) && { PackedPolicySize: packed.size }),
      ...(sourceIdentity !== undefined && { SourceIdentity: sourceIdentity }),
    };
  }

  /** CloudTrail shows what the provider asked for as if the caller had. */
  #note(ctx: IssueCtx, named: Readonly<Record<string, unknown>>): void {
    const { tags, transitiveTagKeys } = federated(ctx).wishes;
    ctx.note({
      parameters: {
        ...named,
        ...(tags.length > 0 && { principalTags: Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])) }),
        ...(transitiveTagKeys.length > 0 && { transitiveTagKeys: [...transitiveTagKeys] }),
      },
    });
  }

  async #requireTrust(ctx: IssueCtx, asked: Asked & { sourceIdentity: string | undefined }, role: RoleRow | undefined): Promise<void> {
    const { wishes, account } = federated(ctx);
    const { tags, transitiveTagKeys, isRoleListed } = wishes;
    const { sourceIdentity } = asked;
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
          ...asked.bounds?.context,
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
