import { ApiError } from './errors.js';
import { badToken } from './identity-token.js';
import { isObject, type Json } from './policy/json.js';

/** Somebody who acts for somebody else (RFC 8693 §4.1). */
export interface Delegate {
  /** The ARN of the principal, or of the identity provider that vouches for him. */
  readonly arn: string;
  /** `sub` and `iss` of the token that he showed. */
  readonly subject: string;
  readonly issuer: string;
}

/** How many may act for one another: tokens and sessions name them all. */
export const DELEGATES_MAX = 4;

/** Who acts, newest first, once somebody acts for those who acted before. Throws AccessDenied where they would be too many. */
export function delegated(newest: Delegate | undefined, before: readonly Delegate[]): readonly Delegate[] {
  const all = newest === undefined ? before : [newest, ...before];
  if (all.length > DELEGATES_MAX) throw new ApiError('AccessDenied', `At most ${String(DELEGATES_MAX)} may act for one another; this one would be the ${String(all.length)}th.`);
  return all;
}

/** Refuses (InvalidIdentityToken) an actor whom the claim `may_act` of a subject token does not name, where there is one (RFC 8693 §4.4). */
export function requireMayAct(mayAct: Json | undefined, actor: Pick<Delegate, 'subject' | 'issuer'>): void {
  if (mayAct === undefined) return;
  const named = (claim: string): Json | undefined => (isObject(mayAct) ? mayAct.get(claim) : undefined);
  if (named('sub') === actor.subject && (named('iss') === undefined || named('iss') === actor.issuer)) return;
  throw badToken('The subject token does not say that this actor may act for its subject (may_act).');
}

/** The claim `act`: the newest outside, and in it who acted before (RFC 8693 §4.1); undefined where nobody acts. */
export function actClaim(delegates: readonly Delegate[]): Record<string, unknown> | undefined {
  return delegates.reduceRight<Record<string, unknown> | undefined>((before, { subject, issuer }) => ({ sub: subject, iss: issuer, ...(before !== undefined && { act: before }) }), undefined);
}
