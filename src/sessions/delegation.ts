import { Injectable } from '@nestjs/common';

import { requireMayAct, type Delegate } from '../domain/delegation.js';
import { ApiError } from '../domain/errors.js';
import { badToken, readIdentityToken } from '../domain/identity-token.js';
import { principalArn, principalId, type Caller } from '../domain/principal.js';
import type { Chain } from '../domain/session-chain.js';
import { TrustedIssuers } from '../identities/trusted-issuers.js';
import type { IssueCtx } from '../kernel/handler.js';
import { Authorizer } from '../policies/authorizer.js';
import { RolesStore } from '../roles/roles.store.js';
import { TrustPolicies } from '../roles/trust.js';
import { NOBODY, roleAccount } from './assume-role.js';
import { SubjectTokens } from './subject-tokens.js';

/** Somebody who wants to act for somebody else, and when what he showed ends. */
export interface Acting {
  readonly caller: Caller;
  readonly delegate: Delegate;
  readonly expiresAt: Date;
  /** The account does not trust the identity provider that vouches for him, and only wants to know of it. */
  readonly isReported: boolean;
  /** What ends with him ends also what he obtains. */
  readonly chain: Chain;
}

/** Lets somebody act for somebody else (RFC 8693 §1.1), where both the role's trust policy and the subject's token say so. */
@Injectable()
export class Delegation {
  constructor(
    private readonly tokens: SubjectTokens,
    private readonly roles: RolesStore,
    private readonly trust: TrustPolicies,
    private readonly authorizer: Authorizer,
    private readonly trusted: TrustedIssuers,
  ) {}

  /** Who shows an actor token. Throws InvalidIdentityToken, also where the subject's token names somebody else, ExpiredTokenException and IDPCommunicationError. */
  async verified({ actorToken, subjectToken, roleArn }: { actorToken: string; subjectToken: string | undefined; roleArn: string }, now: Date): Promise<Acting> {
    const proof = await this.tokens.verify(actorToken, roleArn, now);
    if (proof.refusal !== undefined) throw proof.refusal;
    const { caller, subject, issuer, expiresAt, chain = { startedBy: principalId(caller), chain: [] } } = proof;
    if (caller.kind === 'root') throw new ApiError('AccessDenied', 'A root user may not act for anybody.');
    // Of them nothing would be said, in tokens or in events.
    if ((caller.session?.delegates ?? []).length > 0) throw badToken('The actor token says that somebody acts for its subject; such a one may not act for others.');
    if (subjectToken !== undefined) requireMayAct(readIdentityToken(subjectToken).claims.get('may_act'), proof);
    const isReported = caller.kind === 'federated-identity' && (await this.trusted.verdict(caller.account, caller.provider)) === 'reported';
    return { caller, delegate: { arn: principalArn(caller), subject, issuer }, expiresAt, chain, isReported };
  }

  /** Refuses (AccessDenied) an actor to whom the role does not allow it, or whose own policies do not where they have to. */
  async require({ caller }: Acting, roleArn: string, ctx: IssueCtx): Promise<void> {
    const role = await this.roles.findRoleByArn(roleArn);
    const wish = {
      action: 'sts:SetContext',
      resource: roleArn,
      resourceAccount: roleAccount(roleArn),
      resourceTags: role?.tags ?? [],
      trust: role === undefined ? NOBODY : this.trust.inForce(role),
      exists: role !== undefined,
      context: { 'stint:SubjectArn': principalArn(ctx.caller), 'stint:SubjectId': ctx.caller.kind === 'federated-identity' ? ctx.caller.subject : principalId(ctx.caller) },
    };
    await this.authorizer.require({ caller, source: ctx.source, now: ctx.now }, wish).catch((error: unknown) => {
      // What the actor's policies say is for his account to know, not for that of the subject, which is refused.
      throw error instanceof ApiError && error.code === 'AccessDenied' ? new ApiError('AccessDenied', `The actor is not authorized to perform: sts:SetContext on resource: ${roleArn}`) : error;
    });
  }
}
