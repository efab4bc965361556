import { isAccountId, parseArn } from '../arn.js';
import type { Condition, PrincipalEntry, Principals, Statement } from './document.js';
import type { Truth } from './truth.js';
import { or } from './truth.js';

/** Who makes a request, as policies see it (policy-evaluation §2, §6). */
export interface PrincipalFacts {
  readonly kind: 'root' | 'user' | 'assumed-role' | 'federated-user';
  readonly account: string;
  /** The ARN that GetCallerIdentity shows: the session's for a session. */
  readonly arn: string;
  /** The ARN of the user, of the session's role, or of the root user. */
  readonly principalArn: string;
  /** `AIDA…`, `AROA…` without the session name, or the account id of a root user. */
  readonly uniqueId: string;
}

/**
 * How far a grant in a resource policy goes within the account (policy-evaluation §2): `delegated` leaves the
 * decision to the identity policies, `direct` needs none but boundary and session policy still limit, `final`
 * needs nothing else.
 */
export type Reach = 'delegated' | 'direct' | 'final';

/** From the weakest to the strongest. */
const reaches = ['delegated', 'direct', 'final'] as const;

/** The strongest of some reaches. */
export function strongest(found: readonly Reach[]): Reach {
  return reaches.findLast((reach) => found.includes(reach)) ?? 'delegated';
}

/** Who is asked about, and what the ARNs of the document meant when it was saved. */
export interface PrincipalScope {
  readonly principal: PrincipalFacts;
  readonly principalIds: ReadonlyMap<string, string>;
}

/** What a principal entry says about a caller; `reach` counts where it matches. */
interface Match {
  readonly matches: Truth;
  readonly reach: Reach;
}

const noMatch: Match = { matches: false, reach: 'delegated' };
const unreadable: Match = { matches: undefined, reach: 'delegated' };
const matched = (matches: boolean, reach: Reach): Match => ({ matches, reach });

/** A user's own calls are granted finally; sessions of a role and federated users of a user keep their limits. */
function byUniqueId(id: string | undefined, principal: PrincipalFacts): Match {
  if (principal.kind === 'root' || id !== principal.uniqueId) return noMatch;
  return matched(true, principal.kind === 'user' ? 'final' : 'direct');
}

function matchAwsEntry(value: string, { principal, principalIds }: PrincipalScope): Match {
  if (value === '*') return matched(true, 'direct');
  if (isAccountId(value)) return matched(value === principal.account, 'delegated');
  if (/^(?:AIDA|AROA)[A-Z0-9]+$/.test(value)) return byUniqueId(value, principal);
  const arn = parseArn(value);
  if (arn?.partition !== 'aws') return unreadable;
  if (arn.service === 'iam' && arn.resource === 'root') return matched(arn.account === principal.account, 'delegated');
  if (arn.service === 'iam' && /^(?:user|role)\//.test(arn.resource)) return byUniqueId(principalIds.get(value), principal);
  const isSession = arn.service === 'sts' && /^(?:assumed-role|federated-user)\//.test(arn.resource);
  return isSession ? matched(value === principal.arn, 'final') : unreadable;
}

function matchEntry(entry: PrincipalEntry, scope: PrincipalScope): Match {
  switch (entry.type) {
    case 'AWS':
      return matchAwsEntry(entry.value, scope);
    // Those are other callers: a service, an identity provider's user, an S3 account.
    case 'Service':
    case 'Federated':
    case 'CanonicalUser':
      return noMatch;
    default:
      return unreadable;
  }
}

const naming: ReadonlySet<string> = new Set(['ArnEquals', 'ArnLike', 'StringEquals', 'StringLike']);

/** Whether a Condition block names the caller's ARN without wildcards, which makes a grant to `*` one to that ARN. */
function namesPrincipalArn(conditions: readonly Condition[]): boolean {
  return conditions.some(
    ({ operator, key, values }) =>
      naming.has(operator) && key.toLowerCase() === 'aws:principalarn' && !values.some((value) => /[*?$]/.test(value)),
  );
}

/** NotPrincipal spares a caller only where it lists every form of him: session, entity and account (policy-language §4). */
function isSpared(entries: Principals, scope: PrincipalScope): boolean {
  const { principal } = scope;
  const listed = (test: (entry: PrincipalEntry) => boolean): boolean => entries.some((entry) => entry.type === 'AWS' && test(entry));
  if (listed(({ value }) => value === '*')) return true;
  const account = listed(({ value }) => value === principal.account || value === `arn:aws:iam::${principal.account}:root`);
  const entity = listed(({ value }) => byUniqueId(principalIdOf(value, scope), principal).matches === true);
  const session = listed(({ value }) => value === principal.arn);
  switch (principal.kind) {
    case 'root':
      return account;
    case 'user':
      return account && entity;
    default:
      return account && entity && session;
  }
}

function principalIdOf(value: string, scope: PrincipalScope): string | undefined {
  return /^(?:AIDA|AROA)[A-Z0-9]+$/.test(value) ? value : scope.principalIds.get(value);
}

/**
 * Whether the Principal or NotPrincipal of a statement means a caller, and how far its grant goes. An ARN of a user
 * or role means the entity it named when the document was saved, never one of the same name made later.
 */
export function matchPrincipals(statement: Statement, scope: PrincipalScope): Match {
  const { principals, notPrincipals } = statement;
  if (notPrincipals !== undefined) return isSpared(notPrincipals, scope) ? noMatch : unreadable;
  if (principals === undefined || principals.length === 0) return unreadable;
  const found = principals.map((entry) => {
    const match = matchEntry(entry, scope);
    return entry.value === '*' && match.matches === true && namesPrincipalArn(statement.conditions)
      ? matched(true, 'final')
      : match;
  });
  const hits = found.filter(({ matches }) => matches === true);
  return { matches: or(found.map(({ matches }) => matches)), reach: strongest(hits.map(({ reach }) => reach)) };
}
