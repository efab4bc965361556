import { Injectable } from '@nestjs/common';

import { federatedUserArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { passedPolicies } from '../domain/passed-policies.js';
import { callerArn, callerUserId, type Caller } from '../domain/principal.js';
import { userSessionDuration } from '../domain/session-rules.js';
import { requireSessionTags } from '../domain/session-tags.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import { implement, type IssueCtx } from '../kernel/handler.js';
import { SessionPolicies } from '../policies/session-policies.js';
import { RoleAssumption } from './assume-role.js';
import { RootAssumption } from './assume-root.js';
import { FederatedAssumption, FederatedProofs } from './assume-federated.js';
import { Issuer, type Actor } from './issuer.js';
import { SessionMfa } from './mfa.js';
import { ScopingDown } from './scoping.js';
import { SessionsStore } from './sessions.store.js';
import { stsContracts } from './sts.contract.js';

/** Use cases of the STS API. */
@Injectable()
export class StsOperations {
  // One parameter a use case that has a file of its own.
  // eslint-disable-next-line house/max-params
  constructor(
    private readonly identities: IdentitiesStore,
    private readonly sessions: SessionsStore,
    private readonly sessionPolicies: SessionPolicies,
    private readonly issuer: Issuer,
    private readonly roleAssumption: RoleAssumption,
    private readonly rootAssumption: RootAssumption,
    private readonly scoping: ScopingDown,
    private readonly mfa: SessionMfa,
    private readonly proofs: FederatedProofs,
    private readonly federated: FederatedAssumption,
  ) {}

  readonly operations = implement(stsContracts, {
    GetCallerIdentity: (_, ctx) =>
      Promise.resolve({ UserId: callerUserId(ctx.caller), Account: ctx.caller.account, Arn: callerArn(ctx.caller) }),
    AssumeRole: (input, ctx) => this.roleAssumption.assume(input, ctx),
    AssumeRoleWithWebIdentity: {
      prove: (input, { now }) => this.proofs.webIdentity(input, now),
      handle: (input, ctx) => this.federated.assumeWithWebIdentity(input, ctx),
    },
    AssumeRoleWithSAML: {
      prove: (input, { now }) => this.proofs.saml(input, now),
      handle: (input, ctx) => this.federated.assumeWithSaml(input, ctx),
    },
    GetSessionToken: async (input, ctx) => {
      const actor = longTerm(ctx.caller);
      const mfaAt = await this.mfa.spent(input, ctx);
      return this.issuer.issue(ctx, {
        actor,
        facts: { origin: 'GetSessionToken', tags: [], transitiveTagKeys: [], scopedDown: [], ...(mfaAt !== undefined && { mfaAt }) },
        granted: userSessionDuration(input.DurationSeconds, actor.kind === 'root'),
        requested: input.DurationSeconds,
        minRemaining: input.MinRemaining,
        minimumTokenSize: input.MinimumSessionTokenSize,
        operation: 'GetSessionToken',
      });
    },
    GetFederationToken: async (input, ctx) => {
      const { account } = ctx.caller;
      const user = longTerm(ctx.caller);
      requireSessionTags(input.Tags ?? []);
      const packed = passedPolicies(input, input.Tags ?? []);
      await this.sessionPolicies.requireManaged(packed.policies?.arns ?? [], account);
      const issued = this.issuer.issue(ctx, {
        actor: { kind: 'federated-user', account, name: input.Name, ...(user.kind === 'user' && { by: { userId: user.userId, userName: user.userName, path: user.path } }) },
        facts: { origin: 'GetFederationToken', tags: input.Tags ?? [], transitiveTagKeys: [], scopedDown: [], ...(packed.policies !== undefined && { policies: packed.policies }) },
        granted: userSessionDuration(input.DurationSeconds, user.kind === 'root'),
        requested: input.DurationSeconds,
        minRemaining: input.MinRemaining,
        minimumTokenSize: input.MinimumSessionTokenSize,
        operation: 'GetFederationToken',
      });
      return {
        ...issued,
        FederatedUser: { FederatedUserId: `${account}:${input.Name}`, Arn: federatedUserArn(account, input.Name) },
        PackedPolicySize: packed.size,
      };
    },
    GetScopedCredentials: (input, ctx) => Promise.resolve(this.scoping.scope(input, ctx)),
    AssumeRoot: (input, ctx) => this.rootAssumption.assume(input, ctx),
    GetDelegatedAccessToken: () => Promise.reject(new ApiError('ExpiredTradeInTokenException', 'The trade-in token is not valid: this service issues none.')),
    GetAccessKeyInfo: async (input, ctx) => {
      const key = await this.identities.findAccessKey(input.AccessKeyId);
      const owner = key?.accountId ?? (await ctx.read((tx) => this.sessions.findByAccessKey(tx, input.AccessKeyId)))?.accountId;
      if (owner === undefined || !(await this.#maySee(ctx.caller, owner))) {
        throw new ApiError('AccessDenied', `User: ${callerArn(ctx.caller)} is not authorized to perform: sts:GetAccessKeyInfo on resource: access key ${input.AccessKeyId}`);
      }
      return { Account: owner };
    },
  });

  /** Keys of the caller's own account; principals of the management account see every key. */
  async #maySee(caller: Caller, owner: string): Promise<boolean> {
    return owner === caller.account || (await this.identities.findAccount(caller.account))?.management === true;
  }
}

/** A user or root user with a long-term key; the executor lets nobody else come here. */
function longTerm(caller: IssueCtx['caller']): Extract<Actor, { kind: 'user' | 'root' }> {
  if (caller.kind === 'root') return { kind: 'root', account: caller.account };
  if (caller.kind === 'user') return { kind: 'user', account: caller.account, userId: caller.userId, userName: caller.userName, path: caller.path };
  throw new Error('session credentials came to an operation of long-term credentials');
}
