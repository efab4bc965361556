import { Injectable } from '@nestjs/common';

import { iamArn, isAccountId, parseArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { awsPrincipals, malformed, parseTrustPolicy, policySize, type PrincipalEntry } from '../domain/policy/document.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import type { ReadTx } from '../kernel/database.js';
import type { RoleRow } from './roles.entities.js';
import { roleArn, RolesStore } from './roles.store.js';

/** IAM quota: the size of a trust policy without white space, in characters. */
const TRUST_POLICY_MAX = 2048;
/** Identity providers that exist without being created (IAM User Guide: Principal element). */
const PUBLIC_PROVIDERS = new Set(['accounts.google.com', 'cognito-identity.amazonaws.com', 'graph.facebook.com', 'www.amazon.com']);
const UNIQUE_ID = /^(?:AIDA|AROA)[A-Z0-9]{12,124}$/;
const SERVICE = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.(?:amazonaws\.com|stint\.internal)$/;

/** A trust policy as it is stored. */
export type StoredTrust = Pick<RoleRow, 'trustPolicy' | 'trustPrincipals'>;

/**
 * Keeps trust bound to who was meant, not to what they were called: when a trust policy is saved, its user and
 * role ARNs are looked up and stored with their unique ids, so that someone who is deleted and made anew under
 * the same name does not inherit trust (IAM User Guide: Principal element).
 */
@Injectable()
export class TrustPolicies {
  constructor(
    private readonly identities: IdentitiesStore,
    private readonly roles: RolesStore,
  ) {}

  /** Checks a trust policy for a role of this account. Throws MalformedPolicyDocument or LimitExceeded. */
  async toStore(tx: ReadTx, text: string, account: string): Promise<StoredTrust> {
    const document = parseTrustPolicy(text);
    if (policySize(text) > TRUST_POLICY_MAX) throw new ApiError('LimitExceeded', `Cannot exceed quota for ACLSizePerRole: ${String(TRUST_POLICY_MAX)}`);
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
  async toShow(tx: ReadTx, rows: readonly StoredTrust[]): Promise<readonly string[]> {
    const ids = [...new Set(rows.flatMap((row) => [...Object.values(row.trustPrincipals)]))];
    const [users, roles] = [
      await this.identities.usersById(tx, ids.filter((id) => id.startsWith('AIDA'))),
      await this.roles.rolesById(tx, ids.filter((id) => id.startsWith('AROA'))),
    ];
    const present = new Map<string, string>([
      ...users.map((user) => [user.userId, iamArn(user.accountId, 'user', `${user.path}${user.userName}`)] as const),
      ...roles.map((role) => [role.roleId, roleArn(role)] as const),
    ]);
    return rows.map((row) => shown(row, present));
  }

  /** The unique id a principal means, '' for one that is matched by its text, undefined for one that does not exist. */
  async #meant(tx: ReadTx, { type, value }: PrincipalEntry, account: string): Promise<string | undefined> {
    switch (type) {
      case 'AWS':
        return this.#awsPrincipal(tx, value);
      case 'Service':
        return SERVICE.test(value) ? '' : undefined;
      case 'Federated':
        return isFederated(value, account) ? '' : undefined;
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

  async #existingEntity(tx: ReadTx, arn: string): Promise<string | undefined> {
    if (arn.includes(':role/')) return (await this.roles.roleByArnIn(tx, arn))?.roleId;
    return (await this.identities.userByArnIn(tx, arn))?.userId;
  }

  async #existingId(tx: ReadTx, id: string): Promise<string | undefined> {
    const [row] = id.startsWith('AIDA') ? await this.identities.usersById(tx, [id]) : await this.roles.rolesById(tx, [id]);
    return row === undefined ? undefined : id;
  }
}

function isFederated(value: string, account: string): boolean {
  if (PUBLIC_PROVIDERS.has(value)) return true;
  const arn = parseArn(value);
  if (arn?.partition !== 'aws' || arn.service !== 'iam' || arn.region !== '' || !isAccountId(arn.account)) return false;
  // No account has providers yet; whether another account has one is not checked, as in AWS.
  return arn.account !== account && /^(?:oidc|saml)-provider\/[\w./:-]{1,255}$/.test(arn.resource);
}

function shown(row: StoredTrust, present: ReadonlyMap<string, string>): string {
  const moved = Object.entries(row.trustPrincipals).filter(([value, id]) => (present.get(id) ?? id) !== value);
  if (moved.length === 0) return row.trustPolicy;
  const now = new Map(moved.map(([value, id]) => [value, present.get(id) ?? id]));
  const document = JSON.parse(row.trustPolicy) as { Statement: unknown };
  for (const statement of [document.Statement].flat() as { Principal?: { AWS?: string | string[] } }[]) {
    const principal = statement.Principal;
    if (typeof principal !== 'object' || principal.AWS === undefined) continue;
    const { AWS } = principal;
    principal.AWS = Array.isArray(AWS) ? AWS.map((value) => now.get(value) ?? value) : (now.get(AWS) ?? AWS);
  }
  return JSON.stringify(document);
}
