import { Injectable } from '@nestjs/common';

import { accountId, assumedRoleArn, isAccountId, parseArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import type { TrustPolicy } from '../domain/policy/evaluate.js';
import { callerArn, callerUserId, type Caller } from '../domain/principal.js';
import { roleSessionDuration } from '../domain/session-rules.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import { implement, type IssueCtx } from '../kernel/handler.js';
import { Authorizer } from '../policies/authorizer.js';
import type { RoleRow } from '../roles/roles.entities.js';
import { RolesStore } from '../roles/roles.store.js';
import { TrustPolicies } from '../roles/trust.js';
import { Issuer } from './issuer.js';
import { SessionsStore } from './sessions.store.js';
import { stsContracts } from './sts.contract.js';

/** What an unknown role is judged with, so that it is refused by the same path and in the same words. */
const NOBODY: TrustPolicy = { id: 'trust', document: { version: '2012-10-17', statements: [] }, principalIds: new Map() };

/** Use cases of the STS API. */
@Injectable()
export class StsOperations {
  constructor(
    private readonly roles: RolesStore,
    private readonly trust: TrustPolicies,
    private readonly identities: IdentitiesStore,
    private readonly sessions: SessionsStore,
    private readonly authorizer: Authorizer,
    private readonly issuer: Issuer,
  ) {}

  readonly operations = implement(stsContracts, {
    GetCallerIdentity: (_, ctx) =>
      Promise.resolve({ UserId: callerUserId(ctx.caller), Account: ctx.caller.account, Arn: callerArn(ctx.caller) }),
    AssumeRole: async (input, ctx) => {
      if (ctx.caller.kind === 'root') throw new ApiError('AccessDenied', 'Roles may not be assumed by root accounts.');
      const account = roleAccount(input.RoleArn);
      const role = await this.roles.findRoleByArn(input.RoleArn);
      await this.#requireTrust(ctx, { role, arn: input.RoleArn, account, input });
      if (role === undefined) throw new Error('a role that does not exist was allowed');
      const seconds = roleSessionDuration({
        ...(input.DurationSeconds === undefined ? {} : { requested: input.DurationSeconds }),
        roleMaximum: role.maxSessionDuration,
        chained: ctx.caller.kind === 'assumed-role',
      });
      const { credentials, row } = this.issuer.roleSession({
        caller: ctx.caller,
        sourceIp: ctx.source.ip,
        role: { accountId: accountId(role.accountId), roleId: role.roleId, roleName: role.roleName, path: role.path },
        sessionName: input.RoleSessionName,
        now: ctx.now,
        seconds,
      });
      ctx.append(row);
      ctx.note({ resources: [{ accountId: role.accountId, type: 'AWS::IAM::Role', ARN: input.RoleArn }], alsoAccount: role.accountId });
      return {
        Credentials: credentials,
        AssumedRoleUser: {
          AssumedRoleId: `${role.roleId}:${input.RoleSessionName}`,
          Arn: assumedRoleArn(role.accountId, role.roleName, input.RoleSessionName),
        },
      };
    },
    GetAccessKeyInfo: async (input, ctx) => {
      const key = await this.identities.findAccessKey(input.AccessKeyId);
      const owner = key?.accountId ?? (await ctx.read((tx) => this.sessions.findByAccessKey(tx, input.AccessKeyId)))?.accountId;
      if (owner === undefined || !(await this.#maySee(ctx.caller, owner))) {
        throw new ApiError('AccessDenied', `User: ${callerArn(ctx.caller)} is not authorized to perform: sts:GetAccessKeyInfo on resource: access key ${input.AccessKeyId}`);
      }
      return { Account: owner };
    },
  });

  async #requireTrust(ctx: IssueCtx, asked: { role: RoleRow | undefined; arn: string; account: string; input: { RoleSessionName: string; ExternalId?: string | undefined } }): Promise<void> {
    const { role, arn, account, input } = asked;
    await this.authorizer.require(ctx, {
      action: 'sts:AssumeRole',
      resource: arn,
      resourceAccount: account,
      resourceTags: role?.tags ?? [],
      trust: role === undefined ? NOBODY : this.trust.inForce(role),
      exists: role !== undefined,
      context: { 'sts:ExternalId': input.ExternalId, 'sts:RoleSessionName': input.RoleSessionName },
    });
  }

  /** Keys of the caller's own account; principals of the management account see every key. */
  async #maySee(caller: Caller, owner: string): Promise<boolean> {
    return owner === caller.account || (await this.identities.findAccount(caller.account))?.management === true;
  }
}

/** The account of a role's ARN. Throws AWS's two ValidationErrors for what is no role ARN. */
function roleAccount(arn: string): string {
  const parsed = parseArn(arn);
  if (parsed === undefined) throw new ApiError('ValidationError', `${arn} is invalid`);
  if (parsed.service !== 'iam' || !parsed.resource.startsWith('role/') || !isAccountId(parsed.account)) {
    throw new ApiError('ValidationError', 'Request ARN is invalid');
  }
  return parsed.account;
}
