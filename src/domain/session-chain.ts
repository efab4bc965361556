import { DELEGATES_MAX } from './delegation.js';
import { ApiError } from './errors.js';
import type { DurationLimit, Granted } from './session-rules.js';

/** One session of a chain: sessions may be obtained with sessions, and end with them. */
export interface ChainLink {
  readonly sessionId: string;
  /** Unique id of whoever the session acts as: a role, a user, a federated user or an account. */
  readonly principalId: string;
  readonly issuedAt: Date;
}

/** The sessions that led to a session, itself last, and the unique id of whoever asked for the first. */
export interface Line {
  readonly startedBy: string;
  readonly chain: readonly ChainLink[];
}

/** All that a session ends with. */
export interface Chain extends Line {
  /**
   * Further lines that lead to it or to one of its chain: those of the tokens that were exchanged for it, and of whoever acts. Such a token is a link
   * by its id. Absent where there are none.
   */
  readonly beside?: readonly Line[];
}

/** How many sessions a chain may have: its token names them all, so that any of them can be ended. */
export const CHAIN_LINKS_MAX = 32;

/** How many further lines there may be: of the token at the beginning, and of each actor his own and that of the token that he began with. */
export const BESIDE_MAX = 2 * DELEGATES_MAX + 1;

/** The least that is left of a chain when a session is added to it, in seconds. */
const CHAIN_REST_SECONDS = 900;

/** What sessions are ended by: one session, all of a chain, all of a role, or all that somebody obtained. */
export type RevocationKind = 'session' | 'chain' | 'role' | 'principal';

/** The name under which the end of sessions is remembered. */
export type RevocationKey = `${RevocationKind}:${string}`;

/** The name of a revocation. */
export function revocationKey(kind: RevocationKind, subject: string): RevocationKey {
  return `${kind}:${subject}`;
}

/**
 * Every revocation that would end a session, each with the time of issue it is held against: a session ends with
 * every session it was obtained through, and each of these with its role and whoever asked for it.
 */
export function endings(of: Chain): readonly (readonly [RevocationKey, Date])[] {
  return of.beside === undefined ? endingsOf(of) : [of, ...of.beside].flatMap(endingsOf);
}

function endingsOf({ chain, startedBy }: Line): readonly (readonly [RevocationKey, Date])[] {
  const found: (readonly [RevocationKey, Date])[] = [];
  const root = chain[0]?.sessionId ?? '';
  let obtainedBy = startedBy;
  const provider = vouching(startedBy);
  if (provider !== undefined && chain[0] !== undefined) found.push([revocationKey('principal', provider), chain[0].issuedAt]);
  for (const { sessionId, principalId, issuedAt } of chain) {
    found.push([revocationKey('session', sessionId), issuedAt], [revocationKey('chain', root), issuedAt], [revocationKey('principal', obtainedBy), issuedAt]);
    if (principalId.startsWith('AROA')) found.push([revocationKey('role', principalId), issuedAt]);
    // Nobody else acts as a federated user: what acts as him, he obtained.
    if (principalId.includes(':')) found.push([revocationKey('principal', principalId), issuedAt]);
    obtainedBy = principalId;
  }
  return found;
}

/** The unique id of the identity provider that vouches for somebody; undefined for who needs none (principalId). */
function vouching(id: string): string | undefined {
  return /^((?:OIDC|SAML)[A-Z2-7]{20}):/.exec(id)?.[1];
}

/** Whether a session has been ended. `endedBefore` says, for a revocation, that sessions issued before that time (epoch milliseconds) are over. */
export function isEnded(chain: Chain, endedBefore: (key: RevocationKey) => number | undefined): boolean {
  return endings(chain).some(([key, issuedAt]) => issuedAt.getTime() < (endedBefore(key) ?? -Infinity));
}

/** When a session was ended, by the first of some revocations that did; undefined where none did. */
export function endedAt(chain: Chain, revocations: readonly { readonly key: RevocationKey; readonly issuedBefore: Date; readonly revokedAt: Date }[]): Date | undefined {
  const found = endings(chain).flatMap(([key, issuedAt]) => revocations.filter((revocation) => revocation.key === key && issuedAt < revocation.issuedBefore));
  return found.reduce<Date | undefined>((first, { revokedAt }) => (first === undefined || revokedAt < first ? revokedAt : first), undefined);
}

/** The chain of a session that is obtained with another one. Throws AccessDenied where it would have too many links. */
export function longerChain(parent: Chain | undefined, link: ChainLink, startedBy: string): Chain {
  if (parent === undefined) return { startedBy, chain: [link] };
  requireRoom(parent);
  return { startedBy: parent.startedBy, chain: [...parent.chain, link], ...(parent.beside && { beside: parent.beside }) };
}

/**
 * A chain whose last session was obtained with others besides, of which each has a chain of its own that now leads to it. Throws AccessDenied where
 * there would be too many links or lines.
 */
export function joinedChain(own: Chain, others: readonly Chain[]): Chain {
  const link = own.chain.at(-1);
  if (others.length === 0 || link === undefined) return own;
  others.forEach(requireRoom);
  const beside = [...(own.beside ?? []), ...others.flatMap(({ startedBy, chain, beside: more = [] }): readonly Line[] => [{ startedBy, chain: [...chain, link] }, ...more])];
  if (beside.length > BESIDE_MAX) throw new ApiError('AccessDenied', `At most ${String(BESIDE_MAX)} tokens and actors may stand behind a session; here there would be ${String(beside.length)}.`);
  return { ...own, beside };
}

function requireRoom({ chain }: Line): void {
  if (chain.length < CHAIN_LINKS_MAX) return;
  throw new ApiError('AccessDenied', `This session was obtained through a chain of ${String(CHAIN_LINKS_MAX)} sessions, which is the most there may be. Sign in again to begin a new chain.`);
}

/**
 * Cuts a duration to what is left of the chain, which ends `ceilingSeconds` after its first session began, so that
 * nobody stays for ever by obtaining one session with another. Throws AccessDenied where less than 900 s are left.
 */
export function withinChain(granted: Granted, parent: Chain | undefined, at: { readonly now: Date; readonly ceilingSeconds: number }): Granted {
  const first = parent?.chain[0];
  if (first === undefined) return granted;
  // In whole seconds, as sessions end.
  const left = Math.floor(first.issuedAt.getTime() / 1000) + at.ceilingSeconds - Math.floor(at.now.getTime() / 1000);
  if (left >= granted.seconds) return granted;
  if (left < CHAIN_REST_SECONDS) {
    throw new ApiError('AccessDenied', `This chain of sessions began at ${first.issuedAt.toISOString()} and ends ${String(at.ceilingSeconds)} seconds later; fewer than ${String(CHAIN_REST_SECONDS)} seconds are left. Sign in again to begin a new one.`);
  }
  return { seconds: left, limitedBy: 'chain' satisfies DurationLimit };
}
