import { actClaim } from './delegation.js';
import { ApiError } from './errors.js';
import { principalArn, type Caller } from './principal.js';
import type { TagFact } from './tags.js';

/** What a web identity token says about a call: whose it is and what it is for. */
export interface WebIdentityFacts {
  readonly caller: Caller;
  readonly issuer: string;
  readonly audience: readonly string[];
  readonly tokenId: string;
  readonly issuedAt: Date;
  readonly seconds: number;
  readonly region: string;
  readonly principalTags: readonly TagFact[];
  readonly requestTags: readonly TagFact[];
  /** What the token was limited to when it was exchanged. */
  readonly scope?: string | undefined;
  /** Whose token it is, sealed, and the claim that it is sealed for. */
  readonly sealed?: readonly [claim: string, text: string] | undefined;
}

/** The longest payload of a token, in bytes of JSON: it has to pass through proxies as a header. */
export const WEB_IDENTITY_PAYLOAD_MAX = 4_096;

const epoch = (time: Date): number => Math.floor(time.getTime() / 1000);
const mapped = (tags: readonly TagFact[]): Record<string, string> | undefined => (tags.length === 0 ? undefined : Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])));

/**
 * The claims of a web identity token (RFC 7519 §4; AWS STS API Reference: GetWebIdentityToken): registered ones, and
 * under `https://sts.amazonaws.com/` what is known of the caller. Throws JWTPayloadSizeExceededException.
 */
export function webIdentityClaims(facts: WebIdentityFacts): Record<string, unknown> {
  const { caller, audience } = facts;
  const { session } = caller;
  const claims = defined({
    iss: facts.issuer,
    aud: audience.length === 1 ? audience[0] : audience,
    sub: principalArn(caller),
    iat: epoch(facts.issuedAt),
    exp: epoch(facts.issuedAt) + facts.seconds,
    jti: facts.tokenId,
    sid: session?.sessionId,
    scope: facts.scope,
    act: actClaim(session?.delegates ?? []),
    ...(facts.sealed !== undefined && { [facts.sealed[0]]: facts.sealed[1] }),
    'https://sts.amazonaws.com/': defined({
      aws_account: caller.account,
      source_region: facts.region,
      principal_id: principalArn(caller),
      principal_tags: mapped(facts.principalTags),
      request_tags: mapped(facts.requestTags),
      original_session_exp: session && `${session.expiresAt.toISOString().slice(0, 19)}Z`,
      source_identity: session?.sourceIdentity,
    }),
  });
  const size = Buffer.byteLength(JSON.stringify(claims));
  if (size > WEB_IDENTITY_PAYLOAD_MAX) throw new ApiError('JWTPayloadSizeExceededException', `The payload of the token would have ${String(size)} bytes; at most ${String(WEB_IDENTITY_PAYLOAD_MAX)} are allowed.`);
  return claims;
}

function defined(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** How long a token lives, in seconds: as asked, 300 if not. Throws SessionDurationEscalationException where it would outlive its caller's session. */
export function webIdentityDuration(requested: number | undefined, session: { readonly expiresAt: Date } | undefined, now: Date): number {
  const seconds = requested ?? 300;
  if (session !== undefined && epoch(now) + seconds > epoch(session.expiresAt)) {
    throw new ApiError('SessionDurationEscalationException', 'The requested token duration exceeds what is left of the calling session.');
  }
  return seconds;
}
