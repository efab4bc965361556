import { Injectable } from '@nestjs/common';

import type { Contract, ResourceRef } from '../contract/operation.js';
import { iamArn, rootArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { evaluate, refusalText, type ContextValue, type Decision, type PrincipalFacts, type TrustPolicy } from '../domain/policy/evaluate.js';
import { callerArn, principalArn, principalId, type Caller } from '../domain/principal.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import type { Source } from '../kernel/handler.js';
import { roleArn, RolesStore } from '../roles/roles.store.js';
import { requestContext, type TagFact } from './context.js';
import { PoliciesStore } from './policies.store.js';

/** A call that has to be judged. */
export interface Call {
  readonly caller: Caller;
  readonly source: Source;
  readonly now: Date;
}

/** What a call wants to do, and to what. */
export interface Wish {
  readonly action: string;
  readonly resource: string;
  readonly resourceAccount: string;
  readonly resourceTags?: readonly TagFact[];
  readonly requestTags?: readonly TagFact[];
  readonly trust?: TrustPolicy;
  readonly context?: Readonly<Record<string, ContextValue | undefined>>;
}

interface Resource {
  readonly arn: string;
  readonly tags?: readonly TagFact[];
}

/** Gathers the policies in force for a caller and lets the policy engine decide. */
@Injectable()
export class Authorizer {
  constructor(
    private readonly policies: PoliciesStore,
    private readonly identities: IdentitiesStore,
    private readonly roles: RolesStore,
  ) {}

  /** Refuses (AccessDenied) a caller that a contract's `access` does not admit. */
  async admit(call: Call, contract: Contract, input: Record<string, unknown>): Promise<void> {
    const { access } = contract;
    if ('caller' in access) return;
    const { caller } = call;
    if (access.within === 'management-account' && (await this.identities.findAccount(caller.account))?.management !== true) {
      throw new ApiError('AccessDenied', `User: ${callerArn(caller)} is not authorized to perform: ${access.action} because only principals of the management account may`);
    }
    const resource = await this.#resource(access.resource(input, caller), caller);
    const requestTags = input['Tags'] as readonly TagFact[] | undefined;
    for (const action of [access.action, ...(access.also?.(input) ?? [])]) {
      await this.require(call, {
        action,
        resource: resource.arn,
        resourceAccount: caller.account,
        ...(resource.tags === undefined ? {} : { resourceTags: resource.tags }),
        ...(requestTags === undefined ? {} : { requestTags }),
      });
    }
  }

  /** Refuses (AccessDenied, in AWS's words) what the policies in force do not allow. */
  async require(call: Call, wish: Wish): Promise<Decision> {
    const { caller } = call;
    const principalTags = await this.#principalTags(caller);
    const request = {
      principal: facts(caller),
      action: wish.action,
      resource: wish.resource,
      resourceAccount: wish.resourceAccount,
      context: requestContext({
        ...call,
        resourceAccount: wish.resourceAccount,
        principalTags,
        ...(wish.resourceTags === undefined ? {} : { resourceTags: wish.resourceTags }),
        ...(wish.requestTags === undefined ? {} : { requestTags: wish.requestTags }),
        ...(wish.context === undefined ? {} : { more: wish.context }),
      }),
    };
    const identity = caller.kind === 'root' ? [] : await this.policies.inForce(principalId(caller));
    const decision = evaluate(request, { identity, ...(wish.trust === undefined ? {} : { trust: wish.trust }) });
    if (decision.allowed) return decision;
    throw new ApiError('AccessDenied', refusalText(decision, callerArn(caller), wish.action, wish.resource), { detail: { decision } });
  }

  async #resource(ref: ResourceRef, caller: Caller): Promise<Resource> {
    if ('arn' in ref) return { arn: ref.arn };
    if ('role' in ref) {
      const role = await this.roles.findRoleByName(caller.account, ref.role);
      return role === undefined ? { arn: iamArn(caller.account, 'role', `/${ref.role}`) } : { arn: roleArn(role), tags: role.tags };
    }
    if ('accessKey' in ref) return this.#keyOwner(ref.accessKey, caller);
    if (ref.user === undefined) return { arn: caller.kind === 'assumed-role' ? '*' : callerArn(caller) };
    const user = await this.identities.findUserByName(caller.account, ref.user);
    return user === undefined
      ? { arn: iamArn(caller.account, 'user', `/${ref.user}`) }
      : { arn: iamArn(caller.account, 'user', `${user.path}${user.userName}`), tags: user.tags };
  }

  /** The user an access key belongs to; a key of another account reads like one that does not exist. */
  async #keyOwner(id: string, caller: Caller): Promise<Resource> {
    const key = await this.identities.findAccessKey(id);
    if (key?.accountId !== caller.account) return { arn: '*' };
    const user = key.userId === null ? undefined : await this.identities.findUser(key.userId);
    return user === undefined ? { arn: rootArn(caller.account) } : { arn: iamArn(caller.account, 'user', `${user.path}${user.userName}`), tags: user.tags };
  }

  async #principalTags(caller: Caller): Promise<readonly TagFact[]> {
    if (caller.kind === 'root') return [];
    const row = caller.kind === 'user' ? await this.identities.findUser(caller.userId) : await this.roles.findRole(caller.roleId);
    return row?.tags ?? [];
  }
}

function facts(caller: Caller): PrincipalFacts {
  return {
    kind: caller.kind,
    account: caller.account,
    arn: callerArn(caller),
    principalArn: principalArn(caller),
    uniqueId: principalId(caller),
  };
}
