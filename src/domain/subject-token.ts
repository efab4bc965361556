import { principalId, type Holder } from './principal.js';
import { seal, unseal, type KeyRing } from './sealing.js';
import { Secret } from './secret.js';
import type { Chain } from './session-chain.js';
import { decodeClaims, encodeClaims, type SessionClaims } from './session-claims.js';
import { packed, unpacked } from './session-packing.js';

/** The claim of a JWT for the token endpoint in which lies, sealed, what its holder was. */
export const SUBJECT_CLAIM = 'urn:stint:subject';

/** The claim of a JWT for others in which lies, sealed, with which long-term key it was obtained: such a JWT names no session. */
export const HOLDER_CLAIM = 'urn:stint:holder';

/** Who obtained a token with a long-term key, and when. */
export interface KeyHolder {
  readonly accessKeyId: string;
  /** The unique id of the key's owner. */
  readonly principalId: string;
  readonly issuedAt: Date;
}

/** Whose token it is: a session with all that limits it, or a long-term key and its owner. */
export type Sealed = { readonly session: SessionClaims } | KeyHolder;

/** In the place of the secret of a session: what is sealed here can sign nothing. */
const NO_SECRET = Secret.of('-');

/** What is sealed, and into which claim of which token. */
export interface Sealing {
  readonly claim: typeof SUBJECT_CLAIM | typeof HOLDER_CLAIM;
  readonly tokenId: string;
  readonly holder: Holder;
  readonly issuedAt: Date;
}

/**
 * Seals who a caller is, bound to the id of the token that carries it and to the claim, in base64url. Neither his secret is in it, nor does it open as a
 * session token.
 */
export function sealSubject(ring: KeyRing, { claim, tokenId, holder, issuedAt }: Sealing, nonce: Uint8Array): string {
  const claims = claimsOf(holder);
  const text = claims === undefined ? JSON.stringify({ key: [holder.accessKeyId, principalId(holder), issuedAt.getTime()] }) : JSON.stringify({ session: [holder.accessKeyId, encodeClaims(claims)] });
  return seal(ring, { plaintext: packed(text), label: labelOf(claim, tokenId) }, nonce).toString('base64url');
}

/** Opens what was sealed for a token; the number of a key that the ring does not hold, or undefined for anything else. */
export function openSubject(ring: KeyRing, { claim, text, tokenId }: Pick<Sealing, 'claim' | 'tokenId'> & { text: string }): { readonly opened: Sealed } | { readonly unknownKey: number } | undefined {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) return undefined;
  const plaintext = unseal(ring, bytes, labelOf(claim, tokenId));
  if (!Buffer.isBuffer(plaintext)) return plaintext;
  const { key, session } = sealedMembers(plaintext);
  if (key !== undefined) return { opened: { accessKeyId: key[0], principalId: key[1], issuedAt: new Date(key[2]) } };
  const claims = session && decodeClaims(session[1], session[0]);
  return claims === undefined ? undefined : { opened: { session: claims } };
}

/** Nothing where it was sealed in a form of before. */
function sealedMembers(plaintext: Buffer): { key?: readonly [string, string, number]; session?: readonly [string, string] } {
  try {
    return JSON.parse(unpacked(plaintext)) as ReturnType<typeof sealedMembers>;
  } catch {
    return {};
  }
}

/** The chain that a token ends with: that of its session, or itself, by its id, as if it were a session that its owner obtained. */
export function chainOfToken(sealed: Sealed, tokenId: string): Chain {
  if ('session' in sealed) return sealed.session.session;
  const { principalId: id, issuedAt } = sealed;
  return { startedBy: id, chain: [{ sessionId: tokenId, principalId: id, issuedAt }] };
}

function labelOf(claim: Sealing['claim'], tokenId: string): string {
  return claim === SUBJECT_CLAIM ? `subject-token:${tokenId}` : `token-holder:${tokenId}`;
}

function claimsOf(holder: Holder): SessionClaims | undefined {
  if (holder.session === undefined) return undefined;
  return { ...holder, secret: NO_SECRET, session: holder.session };
}
