import { Injectable } from '@nestjs/common';

import type { Contract, ResourceRef } from '../contract/operation.js';
import { iamArn, policyInArn, renamedArn, rootArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { parseIdentityPolicy } from '../domain/policy/document.js';
import { evaluate, refusalText, type ContextValue, type Decision, type NamedPolicy, type PolicySet, type PrincipalFacts, type Request, type TrustPolicy } from '../domain/policy/evaluate.js';
import { explain } from '../domain/policy/explain.js';
import { mfaContext, stepUp, type StepUp } from '../domain/policy/step-up.js';
import { providerInArn } from '../domain/providers.js';
import { callerArn, policyOwnerId, principalArn, type Caller } from '../domain/principal.js';
import { mergedTags, type TagFact } from '../domain/tags.js';
import { groupArn, GroupsStore } from '../identities/groups.store.js';
import type { UserRow } from '../identities/identities.entities.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import { PasswordsStore } from '../identities/passwords.store.js';
import { MfaDevicesStore, serialNumber } from '../identities/mfa-devices.store.js';
import { IdentityProvidersStore } from '../identities/providers.store.js';
import { userArn } from '../identities/shown.js';
import { Database, type ReadTx, type Tx } from '../kernel/database.js';
import type { Source } from '../kernel/handler.js';
import { InstanceProfilesStore, profileArn } from '../roles/profiles.store.js';
import type { RoleRow } from '../roles/roles.entities.js';
import { roleArn, RolesStore } from '../roles/roles.store.js';
import { requestContexts } from './context.js';
import type { Judged } from './decisions.js';
import { ManagedPoliciesStore } from './managed.store.js';
import { PoliciesStore } from './policies.store.js';
import { SessionPolicies } from './session-policies.js';

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
  /** The policy of a resource that is no role. */
  readonly resourcePolicy?: TrustPolicy;
  /** Whether the resource is known to exist: only then may its account read its side of a refusal. */
  readonly exists?: boolean;
  readonly context?: Readonly<Record<string, ContextValue | undefined>>;
  /** What the account itself allows the caller, as if it were among his own policies: what denies still denies. */
  readonly granted?: readonly NamedPolicy[];
  /** How many seconds ago MFA was used for this very call; only the trust policy sees it. */
  readonly mfaAge?: number | undefined;
}

/** What a call was judged on. */
interface Resource {
  readonly arn: string;
  readonly tags?: readonly TagFact[] | undefined;
  /** The permissions boundary of a user or role. */
  readonly boundary?: string | null;
}

/** What a call was admitted to, so that it can be held against what is found when it is carried out. */
export interface Admitted {
  readonly ref: ResourceRef;
  readonly resource: Resource;
  /** The role that the call hands on. */
  readonly passed?: Admitted;
}

/**
 * What was found when a call was carried out is not what it was judged on: somebody was made, removed or changed in
 * between. The call is judged anew.
 */
export class Superseded extends Error {
  override readonly name = 'Superseded';
}

const EVERYTHING = allowing('root user', '*');

/** Gathers the policies in force for a caller and lets the policy engine decide. */
@Injectable()
export class Authorizer {
  // One store for each kind of resource that permissions are about.
  // eslint-disable-next-line house/max-params
  constructor(
    private readonly policies: PoliciesStore,
    private readonly identities: IdentitiesStore,
    private readonly roles: RolesStore,
    private readonly managed: ManagedPoliciesStore,
    private readonly profiles: InstanceProfilesStore,
    private readonly database: Database,
    private readonly sessions: SessionPolicies,
    private readonly groups: GroupsStore,
    private readonly providers: IdentityProvidersStore,
    private readonly passwords: PasswordsStore,
    private readonly mfaDevices: MfaDevicesStore,
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
    const renamed = access.becomes && renamedArn(resource.arn, access.becomes(input));
    const boundary = access.seesBoundary === true && resource.boundary != null ? { 'iam:PermissionsBoundary': resource.boundary } : {};
    const wish = {
      resourceAccount: caller.account,
      ...(resource.tags === undefined ? {} : { resourceTags: resource.tags }),
      requestTags: input['Tags'] as readonly TagFact[] | undefined ?? [],
      context: { ...boundary, ...access.context?.(input) },
      ...(access.grantedBy === undefined ? {} : { granted: await this.#byPasswordPolicy(caller, access.action) }),
    };
    for (const action of [access.action, ...(access.also?.(input) ?? [])]) {
      await this.require(call, { ...wish, action, resource: resource.arn });
      if (renamed !== undefined && renamed !== resource.arn) await this.require(call, { ...wish, action, resource: renamed });
    }
    const passes = access.passes?.(input);
    return { ref, resource, ...(passes !== undefined && { passed: await this.#passing(call, passes) }) };
  }

  /** Refuses (AccessDenied) who may not hand on a role (IAM User Guide: iam:PassRole). */
  async #passing(call: Call, { role, to }: { role: string; to: string }): Promise<Admitted> {
    const ref = { role };
    const resource = await this.#resource(ref, call.caller);
    const tags = resource.tags === undefined ? {} : { resourceTags: resource.tags };
    await this.require(call, { action: 'iam:PassRole', resource: resource.arn, resourceAccount: call.caller.account, ...tags, context: { 'iam:PassedToService': to } });
    return { ref, resource };
  }

  /**
   * Makes sure that a transaction acts on the very entity that was judged: a name may have come to mean another one
   * since, with another path or other tags. With a Tx the entity is held until the transaction ends. Throws Superseded,
   * and NoSuchEntity where a change is about an entity that is not there.
   */
  async confirm(tx: ReadTx | Tx, admitted: Admitted, to: { caller: Caller; hold: boolean }): Promise<void> {
    await this.#confirm(tx, admitted, to);
    if (admitted.passed !== undefined) await this.#confirm(tx, admitted.passed, to);
  }

  async #confirm(tx: ReadTx | Tx, admitted: Admitted, to: { caller: Caller; hold: boolean }): Promise<void> {
    const { ref, resource } = admitted;
    const { account } = to.caller;
    if ('role' in ref) {
      const row = to.hold ? await this.roles.lockRoleByName(tx as Tx, account, ref.role) : await this.roles.findRoleByNameIn(tx, account, ref.role);
      if (row === undefined || same(resource, ofRole(row))) return;
      this.roles.misremembered(account, ref.role);
      throw new Superseded();
    }
    if ('instanceProfile' in ref) {
      const row = to.hold ? await this.profiles.lockByName(tx as Tx, account, ref.instanceProfile) : await this.profiles.findByName(tx, account, ref.instanceProfile);
      if (row === undefined || same(resource, { arn: profileArn(row), tags: row.tags })) return;
      throw new Superseded();
    }
    if ('policy' in ref) {
      const row = to.hold ? await this.managed.lock(tx as Tx, ref.policy, account) : await this.managed.findIn(tx, ref.policy, account);
      if (row === undefined || same(resource, { arn: ref.policy, tags: row.tags })) return;
      this.managed.misremembered(ref.policy);
      throw new Superseded();
    }
    if ('group' in ref) {
      await this.#confirmGroup(tx, admitted, { ...to, ref });
      return;
    }
    if ('provider' in ref) {
      const row = to.hold ? await this.providers.lock(tx as Tx, ref.provider, account) : await this.providers.findIn(tx, ref.provider, account);
      if (row === undefined || same(resource, { arn: ref.provider, tags: row.tags })) return;
      this.providers.misremembered(ref.provider);
      throw new Superseded();
    }
    if ('mfaDevice' in ref) {
      const row = to.hold ? await this.mfaDevices.lock(tx as Tx, account, ref.mfaDevice) : await this.mfaDevices.findIn(tx, account, ref.mfaDevice);
      if (row === undefined || same(resource, { arn: serialNumber(row), tags: row.tags })) return;
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
    if (same(resource, ofUser(row))) return;
    this.identities.misremembered(row);
    throw new Superseded();
  }

  async #confirmGroup(tx: ReadTx | Tx, { resource }: Admitted, to: { caller: Caller; hold: boolean; ref: { group: string; member?: string } }): Promise<void> {
    const { account } = to.caller;
    const { group, member } = to.ref;
    if (to.hold && member !== undefined) await this.identities.userByName(tx, account, member);
    const row = to.hold ? await this.groups.lockGroupByName(tx as Tx, account, group) : await this.groups.findGroupByNameIn(tx, account, group);
    if (row === undefined || same(resource, { arn: groupArn(row) })) return;
    this.groups.misremembered(account, group);
    throw new Superseded();
  }

  /** Refuses (AccessDenied, in AWS's words) what the policies in force do not allow. */
  async require(call: Call, wish: Wish): Promise<Decision> {
    const { caller } = call;
    const entity = await this.#entity(caller);
    const about = { principal: facts(caller), action: wish.action, resource: wish.resource, resourceAccount: wish.resourceAccount };
    const contexts = requestContexts({
      caller,
      source: call.source,
      now: call.now,
      resourceAccount: wish.resourceAccount,
      principalTags: principalTags(caller, entity?.tags ?? []),
      resourceTags: wish.resourceTags,
      requestTags: wish.requestTags,
      more: wish.context,
    });
    const identity = await this.#identity(caller);
    const policies: PolicySet = {
      identity: wish.granted === undefined ? identity : [...identity, ...wish.granted],
      ...(entity?.boundaryArn == null ? {} : { boundary: await this.managed.boundaryInForce(entity.boundaryArn) }),
      ...(caller.session === undefined ? {} : await this.sessions.limits(caller.session)),
      ...(wish.trust === undefined ? {} : { trust: wish.trust }),
      ...(wish.resourcePolicy === undefined ? {} : { resource: wish.resourcePolicy }),
    };
    const requests = contexts.map((context) => ({ ...about, context, ...(wish.mfaAge !== undefined && { trustContext: mfaContext(context, wish.mfaAge) }) }));
    let allowed: Decision | undefined;
    for (const request of requests) {
      const decision = evaluate(request, policies);
      if (!decision.allowed) {
        const evidence = judged({ request, policies, decision, exists: wish.exists === true });
        throw new ApiError('AccessDenied', textOf(decision, caller, wish), { detail: { decision }, evidence, stepUp: hint(caller, requests, policies) });
      }
      allowed ??= decision;
    }
    if (allowed === undefined) throw new Error('a request was judged in no context at all');
    return allowed;
  }

  async #resource(ref: ResourceRef, caller: Caller): Promise<Resource> {
    if ('arn' in ref) return { arn: ref.arn };
    if ('role' in ref) {
      const role = await this.roles.findRoleByName(caller.account, ref.role);
      return role === undefined ? { arn: iamArn(caller.account, 'role', `/${ref.role}`) } : ofRole(role);
    }
    if ('group' in ref) {
      const group = await this.groups.findGroupByName(caller.account, ref.group);
      return { arn: group === undefined ? iamArn(caller.account, 'group', `/${ref.group}`) : groupArn(group) };
    }
    if ('accessKey' in ref) return this.#keyOwner(ref.accessKey, caller);
    if ('instanceProfile' in ref) {
      const name = ref.instanceProfile;
      const profile = await this.database.read((tx) => this.profiles.findByName(tx, caller.account, name));
      return profile === undefined ? { arn: iamArn(caller.account, 'instance-profile', `/${name}`) } : { arn: profileArn(profile), tags: profile.tags };
    }
    if ('policy' in ref) {
      // The tags of another account's policy are nobody's business here.
      const policy = policyInArn(ref.policy)?.account === caller.account ? await this.managed.find(ref.policy) : undefined;
      return { arn: ref.policy, ...(policy && { tags: policy.tags }) };
    }
    if ('provider' in ref) {
      const provider = providerInArn(ref.provider)?.account === caller.account ? await this.providers.find(ref.provider) : undefined;
      return { arn: ref.provider, ...(provider && { tags: provider.tags }) };
    }
    if ('mfaDevice' in ref) {
      const device = await this.mfaDevices.find(caller.account, ref.mfaDevice);
      return { arn: ref.mfaDevice, ...(device && { tags: device.tags }) };
    }
    if (ref.user === undefined) return this.#ownUser(caller);
    const user = await this.identities.findUserByName(caller.account, ref.user);
    return user === undefined ? { arn: iamArn(caller.account, 'user', `/${ref.user}`) } : ofUser(user);
  }

  /** What a call is about that names nobody: the user who signs, with all that a call is judged by that names him. */
  async #ownUser(caller: Caller): Promise<Resource> {
    if (caller.kind !== 'user') return { arn: caller.kind === 'root' ? callerArn(caller) : '*' };
    const user = await this.identities.findUser(caller.userId);
    return user === undefined ? { arn: callerArn(caller) } : ofUser(user);
  }

  /** The user an access key belongs to; a key of another account reads like one that does not exist. */
  async #keyOwner(id: string, caller: Caller): Promise<Resource> {
    const key = await this.identities.findAccessKey(id);
    if (key?.accountId !== caller.account) return { arn: '*' };
    const user = key.userId === null ? undefined : await this.identities.findUser(key.userId);
    return user === undefined ? { arn: rootArn(caller.account) } : ofUser(user);
  }

  async #identity(caller: Caller): Promise<readonly NamedPolicy[]> {
    // The root user needs none, and for whom an identity provider vouches there are none.
    if (caller.kind === 'root' || caller.kind === 'federated-identity') return [];
    // Whom the root user federates has what the session policies leave of everything.
    if (caller.kind === 'federated-user' && caller.by === undefined) return [EVERYTHING];
    return this.policies.inForce(policyOwnerId(caller));
  }

  /** What the account's password policy allows its users, about themselves (IAM API: AllowUsersToChangePassword). */
  async #byPasswordPolicy(caller: Caller, action: string): Promise<readonly NamedPolicy[]> {
    if (caller.kind !== 'user' || !(await this.passwords.usersMayChange(caller.account))) return [];
    return [allowing('account password policy', action)];
  }

  /** The tags of a caller, as policies see them: of the user or role, and over them those of the session. */
  async principalTags(caller: Caller): Promise<readonly TagFact[]> {
    return principalTags(caller, (await this.#entity(caller))?.tags ?? []);
  }

  /** The user or role that a caller acts as, whose tags and boundary count; a federated user acts as the user who federated him. */
  async #entity(caller: Caller): Promise<Entity | undefined> {
    if (caller.kind === 'assumed-role') return this.roles.findRole(caller.roleId);
    const userId = caller.kind === 'user' ? caller.userId : caller.kind === 'federated-user' ? caller.by?.userId : undefined;
    return userId === undefined ? undefined : this.identities.findUser(userId);
  }
}

function allowing(id: string, action: string): NamedPolicy {
  return { id, document: parseIdentityPolicy(JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: action, Resource: '*' } })) };
}

type Entity = Pick<UserRow & RoleRow, 'tags' | 'boundaryArn'>;

function principalTags({ session }: Caller, own: readonly TagFact[]): readonly TagFact[] {
  return session === undefined || session.tags.length === 0 ? own : mergedTags(own, session.tags);
}

function ofUser(row: UserRow): Resource {
  return { arn: userArn(row), tags: row.tags, boundary: row.boundaryArn };
}

function ofRole(row: RoleRow): Resource {
  return { arn: roleArn(row), tags: row.tags, boundary: row.boundaryArn };
}

/**
 * What a refusal was decided by, apart for each account that may read it. The caller's side of a refusal by another
 * account is judged anew as if nothing were known of the resource: what its policies and tags are, and whether it
 * exists, must not be learnt by being refused.
 */
function judged(facts: { request: Request; policies: PolicySet; decision: Decision; exists: boolean }): Judged {
  const { request, policies, decision, exists } = facts;
  if (request.resourceAccount === request.principal.account) return { request, explanation: explain(request, policies, decision) };
  const ownRequest = { ...request, context: withoutResource(request.context) };
  const own = explain(ownRequest, ofCaller(policies), decision);
  const denying = own.layers.find((layer) => layer.denies.length > 0);
  const lacking = own.layers.find((layer) => layer.allows.length === 0);
  const by = (denying ?? lacking)?.policyType ?? 'none';
  return {
    request: ownRequest,
    explanation: { allowed: false, explicit: denying !== undefined, by, statements: own.layers.flatMap((layer) => layer.denies), layers: own.layers },
    ...(exists && { other: { account: request.resourceAccount, explanation: explain(request, policies, decision) } }),
  };
}

/**
 * Whether MFA would have made the difference; only users can obtain sessions with it. Of a resource in another account
 * nothing is told: then it is said only where the caller's own policies ask for MFA, whatever the other account says.
 */
function hint(caller: Caller, requests: readonly Request[], policies: PolicySet): StepUp | undefined {
  if (caller.kind !== 'user') return undefined;
  if (requests.every(({ resourceAccount }) => resourceAccount === caller.account)) return stepUp(requests, policies);
  const own = requests.map((request) => ({ ...request, resourceAccount: caller.account, context: withoutResource(request.context) }));
  return own.every((request) => evaluate(request, ofCaller(policies)).allowed) ? undefined : stepUp(own, ofCaller(policies));
}

/** Of whom an identity provider vouches for AWS says nothing, nor what he asked for (policy-evaluation §5). */
function textOf(decision: Decision, caller: Caller, { action, resource }: Wish): string {
  return caller.kind === 'federated-identity' ? `Not authorized to perform ${action}` : refusalText(decision, callerArn(caller), action, resource);
}

function withoutResource(context: Request['context']): Request['context'] {
  return new Map([...context].filter(([key]) => !/^(?:aws|iam):resourcetag\//.test(key)));
}

/** The policies of the caller's own side. */
function ofCaller({ identity, boundary, session, scopedDown }: PolicySet): PolicySet {
  return { identity, ...(boundary && { boundary }), ...(session && { session }), ...(scopedDown && { scopedDown }) };
}

function same(a: Resource, b: Resource): boolean {
  // A missing entity was judged without tags; one that exists without any reads the same to every policy.
  return a.arn === b.arn && (a.boundary ?? null) === (b.boundary ?? null) && JSON.stringify(a.tags ?? []) === JSON.stringify(b.tags ?? []);
}

function facts(caller: Caller): PrincipalFacts {
  return {
    kind: caller.kind,
    account: caller.account,
    arn: callerArn(caller),
    principalArn: principalArn(caller),
    uniqueId: policyOwnerId(caller),
  };
}
