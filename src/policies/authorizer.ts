import { Injectable } from '@nestjs/common';

import type { Contract, ResourceRef } from '../contract/operation.js';
import { iamArn, policyInArn, rootArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { evaluate, refusalText, type ContextValue, type Decision, type PolicySet, type PrincipalFacts, type Request, type TrustPolicy } from '../domain/policy/evaluate.js';
import { explain } from '../domain/policy/explain.js';
import { callerArn, principalArn, principalId, type Caller } from '../domain/principal.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import type { ReadTx, Tx } from '../kernel/database.js';
import type { Source } from '../kernel/handler.js';
import { roleArn, RolesStore } from '../roles/roles.store.js';
import { requestContext, type TagFact } from './context.js';
import type { Judged } from './decisions.js';
import { ManagedPoliciesStore } from './managed.store.js';
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
  /** Whether the resource is known to exist: only then may its account read its side of a refusal. */
  readonly exists?: boolean;
  readonly context?: Readonly<Record<string, ContextValue | undefined>>;
}

/** What a call was judged on. */
interface Resource {
  readonly arn: string;
  readonly tags?: readonly TagFact[];
}

/** What a call was admitted to, so that it can be held against what is found when it is carried out. */
export interface Admitted {
  readonly ref: ResourceRef;
  readonly resource: Resource;
}

/**
 * What was found when a call was carried out is not what it was judged on: somebody was made, removed or changed in
 * between. The call is judged anew.
 */
export class Superseded extends Error {
  override readonly name = 'Superseded';
}

/** Gathers the policies in force for a caller and lets the policy engine decide. */
@Injectable()
export class Authorizer {
  constructor(
    private readonly policies: PoliciesStore,
    private readonly identities: IdentitiesStore,
    private readonly roles: RolesStore,
    private readonly managed: ManagedPoliciesStore,
  ) {}

  /**
   * Refuses (AccessDenied) a caller that a contract's `access` does not admit. Judges by remembered rows: whoever then
   * acts in a transaction must `confirm` in it.
   */
  async admit(call: Call, contract: Contract, input: Record<string, unknown>): Promise<Admitted | undefined> {
    const { access } = contract;
    if ('caller' in access) return undefined;
    const { caller } = call;
    if (access.within === 'management-account' && (await this.identities.findAccount(caller.account))?.management !== true) {
      throw new ApiError('AccessDenied', `User: ${callerArn(caller)} is not authorized to perform: ${access.action} because only principals of the management account may`);
    }
    const ref = access.resource(input, caller);
    const resource = await this.#resource(ref, caller);
    const requestTags = input['Tags'] as readonly TagFact[] | undefined;
    for (const action of [access.action, ...(access.also?.(input) ?? [])]) {
      await this.require(call, {
        action,
        resource: resource.arn,
        resourceAccount: caller.account,
        ...(resource.tags === undefined ? {} : { resourceTags: resource.tags }),
        ...(requestTags === undefined ? {} : { requestTags }),
        ...(access.context === undefined ? {} : { context: access.context(input) }),
      });
    }
    return { ref, resource };
  }

  /**
   * Makes sure that a transaction acts on the very entity that was judged: a name may have come to mean another one
   * since, with another path or other tags. With a Tx the entity is held until the transaction ends. Throws Superseded,
   * and NoSuchEntity where a change is about an entity that is not there.
   */
  async confirm(tx: ReadTx | Tx, admitted: Admitted, to: { caller: Caller; hold: boolean }): Promise<void> {
    const { ref, resource } = admitted;
    const { account } = to.caller;
    if ('role' in ref) {
      const row = to.hold ? await this.roles.lockRoleByName(tx as Tx, account, ref.role) : await this.roles.findRoleByNameIn(tx, account, ref.role);
      if (row === undefined || same(resource, { arn: roleArn(row), tags: row.tags })) return;
      this.roles.misremembered(account, ref.role);
      throw new Superseded();
    }
    if ('policy' in ref) {
      const row = to.hold ? await this.managed.lock(tx as Tx, ref.policy, account) : await this.managed.findIn(tx, ref.policy, account);
      if (row === undefined || same(resource, { arn: ref.policy, tags: row.tags })) return;
      this.managed.misremembered(ref.policy);
      throw new Superseded();
    }
    if (!('user' in ref)) return;
    const name = ref.user ?? (to.caller.kind === 'user' ? to.caller.userName : undefined);
    if (name === undefined) return;
    const row = to.hold ? await this.identities.lockUserByName(tx as Tx, account, name) : await this.identities.findUserByNameIn(tx, account, name);
    if (row === undefined) return;
    // The caller's own name may have passed to somebody else by now.
    if (ref.user === undefined && to.caller.kind === 'user' && row.userId !== to.caller.userId) {
      throw new ApiError('NoSuchEntity', `The user with name ${name} cannot be found.`);
    }
    const found = { arn: iamArn(account, 'user', `${row.path}${row.userName}`), tags: ref.user === undefined ? undefined : row.tags };
    if (same(resource, found)) return;
    this.identities.misremembered(account, name);
    throw new Superseded();
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
        caller,
        source: call.source,
        now: call.now,
        resourceAccount: wish.resourceAccount,
        principalTags,
        resourceTags: wish.resourceTags,
        requestTags: wish.requestTags,
        more: wish.context,
      }),
    };
    const identity = caller.kind === 'root' ? [] : await this.policies.inForce(principalId(caller));
    const policies = { identity, ...(wish.trust === undefined ? {} : { trust: wish.trust }) };
    const decision = evaluate(request, policies);
    if (decision.allowed) return decision;
    const evidence = judged({ request, policies, decision, exists: wish.exists === true });
    throw new ApiError('AccessDenied', refusalText(decision, callerArn(caller), wish.action, wish.resource), { detail: { decision }, evidence });
  }

  async #resource(ref: ResourceRef, caller: Caller): Promise<Resource> {
    if ('arn' in ref) return { arn: ref.arn };
    if ('role' in ref) {
      const role = await this.roles.findRoleByName(caller.account, ref.role);
      return role === undefined ? { arn: iamArn(caller.account, 'role', `/${ref.role}`) } : { arn: roleArn(role), tags: role.tags };
    }
    if ('accessKey' in ref) return this.#keyOwner(ref.accessKey, caller);
    if ('policy' in ref) {
      // The tags of another account's policy are nobody's business here.
      const policy = policyInArn(ref.policy)?.account === caller.account ? await this.managed.find(ref.policy) : undefined;
      return { arn: ref.policy, ...(policy && { tags: policy.tags }) };
    }
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

/**
 * What a refusal was decided by, apart for each account that may read it. The caller's side of a refusal by another
 * account is judged anew as if nothing were known of the resource: what its policies and tags are, and whether it
 * exists, must not be learnt by being refused.
 */
function judged(facts: { request: Request; policies: PolicySet; decision: Decision; exists: boolean }): Judged {
  const { request, policies, decision, exists } = facts;
  if (request.resourceAccount === request.principal.account) return { request, explanation: explain(request, policies, decision) };
  const context = new Map([...request.context].filter(([key]) => !/^(?:aws|iam):resourcetag\//.test(key)));
  const ownRequest = { ...request, context };
  const own = explain(ownRequest, { identity: policies.identity }, decision);
  const isDenied = own.layers.some((layer) => layer.denies.length > 0);
  const isAllowed = own.layers.every((layer) => layer.allows.length > 0);
  return {
    request: ownRequest,
    explanation: { allowed: false, explicit: isDenied, by: isDenied || !isAllowed ? 'identity' : 'none', statements: own.layers.flatMap((layer) => layer.denies), layers: own.layers },
    ...(exists && { other: { account: request.resourceAccount, explanation: explain(request, policies, decision) } }),
  };
}

function same(a: { arn: string; tags?: readonly TagFact[] | undefined }, b: { arn: string; tags?: readonly TagFact[] | undefined }): boolean {
  // A missing entity was judged without tags; one that exists without any reads the same to every policy.
  return a.arn === b.arn && JSON.stringify(a.tags ?? []) === JSON.stringify(b.tags ?? []);
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
