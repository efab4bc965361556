import { isAccountId, parseArn } from '../arn.js';
import type { Condition, PrincipalEntry, Principals, Statement } from './document.js';
import type { Truth } from './truth.js';

/** Who makes a request, as policies see it (policy-evaluation §2, §6). */
export interface PrincipalFacts {
  readonly kind: 'root' | 'user' | 'assumed-role' | 'federated-user' | 'federated-identity';
  readonly account: string;
  /** The ARN that GetCallerIdentity shows: the session's for a session, the provider's where one vouches for somebody. */
  readonly arn: string;
  /** The ARN of the user, of the session's role, or of the root user. */
  readonly principalArn: string;
  /** `AIDA…`, `AROA…` without the session name, the account id of a root user, or the unique id of an identity provider. */
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

/** What principals say about a caller; `reach` counts where they match. */
export interface Match {
  readonly matches: Truth;
  readonly reach: Reach;
}

/** A Principal or NotPrincipal element, read once for many requests. */
export type CompiledPrincipals = (scope: PrincipalScope) => Match;

const noMatch: Match = { matches: false, reach: 'delegated' };
const unreadable: Match = { matches: undefined, reach: 'delegated' };
const granted: Readonly<Record<Reach, Match>> = {
  delegated: { matches: true, reach: 'delegated' },
  direct: { matches: true, reach: 'direct' },
  final: { matches: true, reach: 'final' },
};
/** From the weakest to the strongest; of several entries the strongest counts. */
const ranking: readonly Match[] = [noMatch, unreadable, granted.delegated, granted.direct, granted.final];
const never: CompiledPrincipals = () => noMatch;
const undecided: CompiledPrincipals = () => unreadable;

const isUniqueId = (value: string): boolean => /^(?:AIDA|AROA)[A-Z0-9]+$/.test(value);

/** A user's own calls are granted finally; sessions of a role and federated users of a user keep their limits. */
function byUniqueId(id: string | undefined, principal: PrincipalFacts): Match {
  if (principal.kind === 'root' || id !== principal.uniqueId) return noMatch;
  return principal.kind === 'user' ? granted.final : granted.direct;
}

function ofAccount(account: string): CompiledPrincipals {
  return ({ principal }) => (principal.account === account ? granted.delegated : noMatch);
}

function compileAwsEntry(value: string): CompiledPrincipals {
  if (isAccountId(value)) return ofAccount(value);
  if (isUniqueId(value)) return ({ principal }) => byUniqueId(value, principal);
  const arn = parseArn(value);
  if (arn?.partition !== 'aws') return undecided;
  if (arn.service === 'iam' && arn.resource === 'root') return ofAccount(arn.account);
  if (arn.service === 'iam' && /^(?:user|role)\//.test(arn.resource)) {
    return ({ principal, principalIds }) => byUniqueId(principalIds.get(value), principal);
  }
  const isSession = arn.service === 'sts' && /^(?:assumed-role|federated-user)\//.test(arn.resource);
  return isSession ? ({ principal }) => (principal.arn === value ? granted.final : noMatch) : undecided;
}

/**
 * Whom an identity provider vouches for is nobody of AWS, not even of the account that the provider belongs to. Only `*`
 * can mean him: it denies him what it denies, and lets him in nowhere; that takes a Federated principal.
 */
function ofAws(entry: CompiledPrincipals, isEverybody: boolean): CompiledPrincipals {
  const stranger = isEverybody ? unreadable : noMatch;
  return (scope) => (scope.principal.kind === 'federated-identity' ? stranger : entry(scope));
}

function compileEntry({ type, value }: PrincipalEntry, everybody: CompiledPrincipals): CompiledPrincipals {
  switch (type) {
    case 'AWS':
      return value === '*' ? ofAws(everybody, true) : ofAws(compileAwsEntry(value), false);
    case 'Federated':
      return ({ principal, principalIds }) => (principal.kind === 'federated-identity' && principalIds.get(value) === principal.uniqueId ? granted.final : noMatch);
    // Those are other callers: a service, an S3 account.
    case 'Service':
    case 'CanonicalUser':
      return never;
    default:
      return undecided;
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
function isSpared(entries: Principals, { principal, principalIds }: PrincipalScope): boolean {
  const listed = (test: (value: string) => boolean): boolean => entries.some(({ type, value }) => type === 'AWS' && test(value));
  if (listed((value) => value === '*')) return true;
  const account = listed((value) => value === principal.account || value === `arn:aws:iam::${principal.account}:root`);
  const entity = listed((value) => byUniqueId(isUniqueId(value) ? value : principalIds.get(value), principal).matches === true);
  const session = listed((value) => value === principal.arn);
  switch (principal.kind) {
    case 'root':
      return account;
    case 'user':
      return account && entity;
    default:
      return account && entity && session;
  }
}

/**
 * Compiles the Principal or NotPrincipal of a statement: whether it means a caller, and how far its grant goes. An ARN
 * of a user or role means the entity it named when the document was saved, never one of the same name made later.
 */
export function compilePrincipals({ principals, notPrincipals, conditions }: Statement): CompiledPrincipals {
  if (notPrincipals !== undefined) return (scope) => (isSpared(notPrincipals, scope) ? noMatch : unreadable);
  if (principals === undefined || principals.length === 0) return undecided;
  const everybody: CompiledPrincipals = namesPrincipalArn(conditions) ? () => granted.final : () => granted.direct;
  const entries = principals.map((entry) => compileEntry(entry, everybody));
  return (scope) => {
    let best = noMatch;
    for (const entry of entries) {
      const match = entry(scope);
      if (match !== noMatch && ranking.indexOf(match) > ranking.indexOf(best)) best = match;
    }
    return best;
  };
}
