import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { accountId, isAccountId, parseArn, rootArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { parseResourcePolicy } from '../domain/policy/document.js';
import type { TrustPolicy } from '../domain/policy/evaluate.js';
import { callerArn } from '../domain/principal.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import type { IssueCtx } from '../kernel/handler.js';
import { Authorizer } from '../policies/authorizer.js';
import { Issuer } from './issuer.js';
import type { stsContracts } from './sts.contract.js';

type Input = z.output<typeof stsContracts.AssumeRoot.input>;
type Output = z.input<typeof stsContracts.AssumeRoot.output>;

const DURATION_SECONDS = 900;
/** The tasks that a member account's root user may be borrowed for (AWS STS API Reference: AssumeRoot). */
const TASKS: ReadonlySet<string> = new Set(
  ['IAMAuditRootUserCredentials', 'IAMCreateRootUserPassword', 'IAMDeleteRootUserCredentials', 'S3UnlockBucketPolicy', 'SQSUnlockQueuePolicy'].map((name) => `arn:aws:iam::aws:policy/root-task/${name}`),
);

/** Lends the root users of member accounts to the management account, for one task at a time (AWS STS API Reference: AssumeRoot). */
@Injectable()
export class RootAssumption {
  constructor(
    private readonly identities: IdentitiesStore,
    private readonly authorizer: Authorizer,
    private readonly issuer: Issuer,
  ) {}

  /** Carries out AssumeRoot; see its contract for what is refused. */
  async assume(input: Input, ctx: IssueCtx): Promise<Output> {
    const { caller } = ctx;
    const task = input.TaskPolicyArn.arn;
    const target = targetAccount(input.TargetPrincipal);
    if (!TASKS.has(task)) throw new ApiError('ValidationError', `${task} is not the ARN of a root task policy.`);
    const resource = rootArn(target);
    await this.authorizer.require(ctx, { action: 'sts:AssumeRoot', resource, resourceAccount: target, resourcePolicy: trusting(caller.account, resource), context: { 'sts:TaskPolicyArn': task } });
    const isManagement = (await this.identities.findAccount(caller.account))?.management === true;
    // What is refused here is refused in the words of a policy, so that nobody learns which accounts there are.
    if (caller.kind === 'root' || !isManagement || target === caller.account || (await this.identities.findAccount(target)) === undefined) {
      throw new ApiError('AccessDenied', `User: ${callerArn(caller)} is not authorized to perform: sts:AssumeRoot on resource: ${resource}`);
    }
    const sourceIdentity = caller.session?.sourceIdentity;
    const issued = this.issuer.issue(ctx, {
      actor: { kind: 'root', account: accountId(target) },
      facts: { origin: 'AssumeRoot', tags: [], transitiveTagKeys: [], scopedDown: [], policies: { arns: [task] }, ...(sourceIdentity !== undefined && { sourceIdentity }) },
      granted: { seconds: input.DurationSeconds ?? DURATION_SECONDS, limitedBy: input.DurationSeconds === undefined ? 'default' : 'request' },
      requested: input.DurationSeconds,
      minRemaining: input.MinRemaining,
      minimumTokenSize: input.MinimumSessionTokenSize,
      operation: 'AssumeRoot',
    });
    ctx.note({ alsoAccount: target });
    return { ...issued, ...(sourceIdentity !== undefined && { SourceIdentity: sourceIdentity }) };
  }
}

/** Every member account trusts the management account with its root user; whom it lets, that account's policies say. */
function trusting(management: string, resource: string): TrustPolicy {
  const statement = { Effect: 'Allow', Principal: { AWS: management }, Action: 'sts:AssumeRoot', Resource: resource };
  return { id: 'centralized root access', document: parseResourcePolicy(JSON.stringify({ Version: '2012-10-17', Statement: statement })), principalIds: new Map() };
}

function targetAccount(principal: string): string {
  if (isAccountId(principal)) return principal;
  const arn = parseArn(principal);
  if (arn?.partition === 'aws' && arn.service === 'iam' && arn.resource === 'root' && arn.region === '' && isAccountId(arn.account)) return arn.account;
  throw new ApiError('ValidationError', `${principal} is invalid`);
}
