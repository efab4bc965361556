import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { ApiError } from '../domain/errors.js';
import { parseIdentityPolicy } from '../domain/policy/document.js';
import { callerArn, tokenIssueTime } from '../domain/principal.js';
import { scopedDuration } from '../domain/session-rules.js';
import type { IssueCtx } from '../kernel/handler.js';
import { Issuer } from './issuer.js';
import type { stsContracts } from './sts.contract.js';

type Input = z.output<typeof stsContracts.GetScopedCredentials.input>;
type Output = z.input<typeof stsContracts.GetScopedCredentials.output>;

/** How many policies may scope one session down, one upon another (AWS STS API Reference: GetScopedCredentials). */
const SCOPES_MAX = 3;

/** Narrows sessions (AWS STS API Reference: GetScopedCredentials): whom they act as stays, what they may do does not. */
@Injectable()
export class ScopingDown {
  constructor(private readonly issuer: Issuer) {}

  /** Carries out GetScopedCredentials; see its contract for what is refused. */
  scope(input: Input, ctx: IssueCtx): Output {
    const { accessKeyId: _, session, ...actor } = ctx.caller;
    if (session === undefined || actor.kind === 'root' || actor.kind === 'federated-identity') throw new ApiError('InvalidSubjectCredentials', 'Scoped credentials are made with temporary credentials of a user or role session only.');
    if (input.Policy === undefined && input.DurationSeconds === undefined) throw new ApiError('ValidationError', 'At least one of Policy and DurationSeconds must be given.');
    if (input.Policy !== undefined) parseIdentityPolicy(input.Policy);
    const scopedDown = [...session.scopedDown, ...(input.Policy === undefined ? [] : [input.Policy])];
    if (scopedDown.length > SCOPES_MAX) throw new ApiError('ValidationError', `A session can be scoped down by at most ${String(SCOPES_MAX)} policies, one upon another.`);
    const left = Math.floor(session.expiresAt.getTime() / 1000) - Math.floor(ctx.issuedAt.getTime() / 1000);
    const { origin, tags, transitiveTagKeys, policies, sourceIdentity, mfaAt, federation, ceilings } = session;
    const issued = this.issuer.issue(ctx, {
      actor,
      facts: { origin, tags, transitiveTagKeys, scopedDown, narrowedFrom: tokenIssueTime(session), ...(policies && { policies }), ...(sourceIdentity !== undefined && { sourceIdentity }), ...(mfaAt && { mfaAt }), ...(federation && { federation }), ...(ceilings && { ceilings }) },
      granted: scopedDuration(input.DurationSeconds, left),
      requested: input.DurationSeconds,
      minRemaining: input.MinRemaining,
      minimumTokenSize: input.MinimumSessionTokenSize,
      operation: 'GetScopedCredentials',
      description: input.ScopedSessionDescription,
    });
    return {
      ...issued,
      SessionInfo: { ScopedSessionId: issued.SessionId, Arn: callerArn(ctx.caller) },
      ScopedPoliciesCount: scopedDown.length,
      ...(sourceIdentity !== undefined && { SourceIdentity: sourceIdentity }),
    };
  }
}
