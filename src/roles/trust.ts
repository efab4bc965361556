import { Inject, Injectable } from '@nestjs/common';

import { iamArn, isAccountId, parseArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { awsPrincipals, malformed, parseTrustPolicy, policySize, type PolicyDocument, type PrincipalEntry } from '../domain/policy/document.js';
import type { TrustPolicy } from '../domain/policy/evaluate.js';
import { isArray, isObject, JsonNumber, readJson, type Json } from '../domain/policy/json.js';
import { UNREADABLE } from '../domain/policy/unreadable.js';
import { providerInArn } from '../domain/providers.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import { arnOf, IdentityProvidersStore } from '../identities/providers.store.js';
import { quotas } from '../identities/quota.js';
import type { ReadTx } from '../kernel/database.js';
import { LOG } from '../kernel/kernel.js';
import type { Log } from '../kernel/log.js';
import type { RoleRow } from './roles.entities.js';
import { roleArn, RolesStore } from './roles.store.js';

/** IAM quota: the size of a trust policy without white space, in characters. */
const TRUST_POLICY_MAX = quotas.trustPolicySize;
/** White space does not count, but it is kept: a document may be written this many times as long as the quota. */
const WRITTEN_MAX = 4;
/** Identity providers that exist without being created (IAM User Guide: Principal element). */
const PUBLIC_PROVIDERS = new Set(['accounts.google.com', 'cognito-identity.amazonaws.com', 'graph.facebook.com', 'www.amazon.com']);
const UNIQUE_ID = /^(?:AIDA|AROA)[A-Z0-9]{12,124}$/;
const SERVICE = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.(?:amazonaws\.com|stint\.internal)$/;

/** A trust policy as it is stored. */
export type StoredTrust = Pick<RoleRow, 'trustPolicy' | 'trustPrincipals'>;
/** A trust policy as it is read back, for the account that it belongs to. */
type OwnedTrust = StoredTrust & Pick<RoleRow, 'accountId'>;

/**
 * Keeps trust bound to who was meant, not to what they were called: when a trust policy is saved, the ARNs of its users,
 * roles and identity providers are looked up and stored with their unique ids, so that someone who is deleted and made anew under
 * the same name does not inherit trust (IAM User Guide: Principal element).
 */
@Injectable()
export class TrustPolicies {
  /** Parsed trust policies, for as long as their remembered rows live. */
  readonly #inForce = new WeakMap<RoleRow, TrustPolicy>();

  constructor(
    private readonly identities: IdentitiesStore,
    private readonly roles: RolesStore,
    @Inject(LOG) private readonly log: Log,
    private readonly providers: IdentityProvidersStore,
  ) {}

  /** The trust policy of a role as the policy engine takes it. */
  inForce(role: RoleRow): TrustPolicy {
    let trust = this.#inForce.get(role);
    if (trust === undefined) {
      trust = { id: 'trust', document: this.#parsed(role), principalIds: new Map(Object.entries(role.trustPrincipals)) };
      this.#inForce.set(role, trust);
    }
    return trust;
  }

  /** Checks a trust policy for a role of this account. Throws MalformedPolicyDocument or LimitExceeded. */
  async toStore(tx: ReadTx, text: string, account: string): Promise<StoredTrust> {
    const document = readTrustPolicy(text);
    const ids: Record<string, string> = {};
    for (const entry of awsPrincipals(document)) {
      const id = await this.#meant(tx, entry, account);
      if (id === undefined) throw malformed(`Invalid principal in policy: "${entry.type === 'AWS' ? 'AWS' : entry.type.toUpperCase()}":"${entry.value}"`);
      if (id !== '') ids[entry.value] = id;
    }
    return { trustPolicy: text, trustPrincipals: ids };
  }

  /**
   * The trust policies as readers see them: entities by their present ARN, and those that are gone by their
   * raw unique id. A text in which nothing has to be changed is answered as it was saved.
   */
  async toShow(tx: ReadTx, rows: readonly OwnedTrust[]): Promise<readonly string[]> {
    const ids = [...new Set(rows.flatMap((row) => [...Object.values(row.trustPrincipals)]))];
    const [users, roles, providers] = [
      await this.identities.usersById(tx, ids.filter((id) => id.startsWith('AIDA'))),
      await this.roles.rolesById(tx, ids.filter((id) => id.startsWith('AROA'))),
      await this.providers.byIds(tx, ids.filter((id) => /^(?:OIDC|SAML)/.test(id))),
    ];
    const present = new Map<string, string>([
      ...users.map((user) => [user.userId, iamArn(user.accountId, 'user', `${user.path}${user.userName}`)] as const),
      ...roles.map((role) => [role.roleId, roleArn(role)] as const),
      ...providers.map((provider) => [provider.providerId, arnOf(provider)] as const),
    ]);
    return rows.map((row) => shown(row, present));
  }

  // Checked when it was saved; one that does not parse was changed behind our back, and trusts nobody.
  #parsed(role: RoleRow): PolicyDocument {
    try {
      return parseTrustPolicy(role.trustPolicy);
    } catch (error) {
      this.log.error({ err: error, role: role.roleId }, 'a stored trust policy cannot be read and denies everything');
      return UNREADABLE;
    }
  }

  /** The unique id a principal means, '' for one that is matched by its text, undefined for one that does not exist. */
  async #meant(tx: ReadTx, { type, value }: PrincipalEntry, account: string): Promise<string | undefined> {
    switch (type) {
      case 'AWS':
        return this.#awsPrincipal(tx, value);
      case 'Service':
        return SERVICE.test(value) ? '' : undefined;
      case 'Federated':
        return this.#federatedPrincipal(tx, value, account);
      default:
        return undefined;
    }
  }

  async #awsPrincipal(tx: ReadTx, value: string): Promise<string | undefined> {
    if (value === '*') return '';
    if (UNIQUE_ID.test(value)) return this.#existingId(tx, value);
    const arn = parseArn(value);
    const account = isAccountId(value) ? value : arn?.service === 'iam' && arn.resource === 'root' ? arn.account : undefined;
    if (account !== undefined) return (await this.identities.accountIn(tx, account)) === undefined ? undefined : '';
    if (arn?.partition !== 'aws' || arn.region !== '' || !isAccountId(arn.account)) return undefined;
    if (arn.service === 'sts') return /^(?:assumed-role\/[\w+=,.@-]{1,64}|federated-user)\/[\w+=,.@-]{2,64}$/.test(arn.resource) ? '' : undefined;
    return arn.service === 'iam' ? this.#existingEntity(tx, value) : undefined;
  }

  async #federatedPrincipal(tx: ReadTx, value: string, account: string): Promise<string | undefined> {
    if (PUBLIC_PROVIDERS.has(value)) return '';
    const named = providerInArn(value);
    if (named === undefined) return undefined;
    // Whether another account has such a provider is not checked, as in AWS.
    return named.account === account ? (await this.providers.findIn(tx, value, account))?.providerId : '';
  }

  async #existingEntity(tx: ReadTx, arn: string): Promise<string | undefined> {
    if (arn.includes(':role/')) return (await this.roles.roleByArnIn(tx, arn))?.roleId;
    return (await this.identities.userByArnIn(tx, arn))?.userId;
  }

  async #existingId(tx: ReadTx, id: string): Promise<string | undefined> {
    const [row] = id.startsWith('AIDA') ? await this.identities.usersById(tx, [id]) : await this.roles.rolesById(tx, [id]);
    return row === undefined ? undefined : id;
  }
}

/** A trust policy that is small enough to be saved. Throws MalformedPolicyDocument or LimitExceeded. */
export function readTrustPolicy(text: string): PolicyDocument {
  const document = parseTrustPolicy(text);
  if (policySize(text) > TRUST_POLICY_MAX || text.length > WRITTEN_MAX * TRUST_POLICY_MAX) throw new ApiError('LimitExceeded', `Cannot exceed quota for ACLSizePerRole: ${String(TRUST_POLICY_MAX)}`);
  return document;
}

function shown(row: OwnedTrust, present: ReadonlyMap<string, string>): string {
  const now = new Map<string, string>();
  for (const [value, id] of Object.entries(row.trustPrincipals)) {
    const arn = present.get(id);
    // An id of another account that was saved raw stays raw: it must not tell what the entity is called there.
    if (value === id && (arn === undefined || parseArn(arn)?.account !== row.accountId)) continue;
    if ((arn ?? id) !== value) now.set(value, arn ?? id);
  }
  const document = now.size === 0 ? undefined : readJson(row.trustPolicy);
  return document === undefined ? row.trustPolicy : written(document, { now, path: [] });
}

/** JSON text in which the entries of Principal.AWS and Principal.Federated are called as they are now; numbers keep their digits. */
function written(value: Json, at: { readonly now: ReadonlyMap<string, string>; readonly path: readonly string[] }): string {
  if (value instanceof JsonNumber) return value.text;
  if (isArray(value)) return `[${value.map((item) => written(item, at)).join(',')}]`;
  if (isObject(value)) return `{${[...value].map(([key, member]) => `${JSON.stringify(key)}:${written(member, { ...at, path: [...at.path, key] })}`).join(',')}}`;
  const isPrincipal = typeof value === 'string' && /^Statement\/Principal\/(?:AWS|Federated)$/.test(at.path.join('/'));
  return JSON.stringify(isPrincipal ? (at.now.get(value) ?? value) : value);
}
