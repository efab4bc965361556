/** How an issuer signs (RFC 7518 §3.1); what GetWebIdentityToken offers. */
export type SigningAlgorithm = 'RS256' | 'ES384';

/** Every algorithm an issuer has keys for. */
export const SIGNING_ALGORITHMS: readonly SigningAlgorithm[] = ['RS256', 'ES384'];

/** When a key of an issuer came into being and begins to sign; it is published from the first moment. */
export interface IssuerKeyTimes {
  readonly algorithm: SigningAlgorithm;
  readonly createdAt: Date;
  readonly signsFrom: Date;
}

/** For how long verifiers may keep a key set (Cache-Control: max-age), in seconds. */
export const KEY_SET_MAX_AGE_SECONDS = 300;
/** The longest a token lives (AWS STS API Reference: GetWebIdentityToken), in seconds. */
export const WEB_IDENTITY_MAX_SECONDS = 3_600;
/** By how much clocks of nodes and verifiers may differ, in seconds. */
const CLOCKS_DIFFER_SECONDS = 60;
/** How long a key is published before it signs: whoever holds an older key set has thrown it away by then, in seconds. */
export const KEY_LEAD_SECONDS = 2 * KEY_SET_MAX_AGE_SECONDS + CLOCKS_DIFFER_SECONDS;
/** How long a key stays published after it signed its last token, in seconds. */
const KEY_TRAIL_SECONDS = WEB_IDENTITY_MAX_SECONDS + KEY_SET_MAX_AGE_SECONDS + CLOCKS_DIFFER_SECONDS;

const plus = (time: Date, seconds: number): Date => new Date(time.getTime() + seconds * 1000);

/** The keys of one algorithm in the order in which they sign. */
function inOrder<K extends IssuerKeyTimes>(keys: readonly K[], algorithm: SigningAlgorithm): readonly K[] {
  return keys.filter((key) => key.algorithm === algorithm).sort((a, b) => a.signsFrom.getTime() - b.signsFrom.getTime());
}

/**
 * The keys that verifiers are shown (RFC 7517): those that sign, those that soon will, and those that signed tokens
 * which may still live. What is signed with a key at any time is therefore verified by a key set that was fetched up
 * to `KEY_SET_MAX_AGE_SECONDS` before, and at any later time until the token's end.
 */
export function publishedKeys<K extends IssuerKeyTimes>(keys: readonly K[], now: Date): readonly K[] {
  return SIGNING_ALGORITHMS.flatMap((algorithm) =>
    inOrder(keys, algorithm).filter((_, index, ordered) => {
      const next = ordered[index + 1];
      // A row that is there is published, also by a node whose clock is behind that of the one that made it.
      return next === undefined || now < plus(next.signsFrom, KEY_TRAIL_SECONDS);
    }),
  );
}

/**
 * The key that signs: the one that began to last; by a clock that is behind the first one's beginning, the first.
 * Undefined where there is none.
 */
export function signingKeyAt<K extends IssuerKeyTimes>(keys: readonly K[], algorithm: SigningAlgorithm, now: Date): K | undefined {
  const ordered = inOrder(keys, algorithm);
  return ordered.findLast((key) => key.signsFrom <= now) ?? ordered[0];
}

/**
 * When a new key of an algorithm shall begin to sign, or undefined where it is not time for one. The first key of an
 * issuer signs at once: no key set of this issuer was ever published without it.
 */
export function nextKeyFrom(keys: readonly IssuerKeyTimes[], algorithm: SigningAlgorithm, at: { readonly now: Date; readonly rotationSeconds: number }): Date | undefined {
  const newest = inOrder(keys, algorithm).at(-1);
  if (newest === undefined) return at.now;
  return plus(newest.signsFrom, at.rotationSeconds) <= at.now ? plus(at.now, KEY_LEAD_SECONDS) : undefined;
}
