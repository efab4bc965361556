import type { Holder } from './principal.js';
import { seal, unseal, type KeyRing } from './sealing.js';
import { Secret } from './secret.js';
import { decodeClaims, encodeClaims, type SessionClaims } from './session-claims.js';

/** The claim of a JWT for the token endpoint in which lies, sealed, what its holder was. */
export const SUBJECT_CLAIM = 'urn:stint:subject';

/** Whose token it is: a session with all that limits it, or a long-term key and the unique id of its owner. */
export type Sealed = { readonly session: SessionClaims } | { readonly accessKeyId: string; readonly principalId: string };

/** In the place of the secret of a session: what is sealed here can sign nothing. */
const NO_SECRET = Secret.of('-');

/**
 * Seals who a caller is, bound to the id of the token that carries it, in base64url. Neither his secret is in it, nor does it open as a session
 * token.
 */
export function sealSubject(ring: KeyRing, { tokenId, holder, principalId }: { tokenId: string; holder: Holder; principalId: string }, nonce: Uint8Array): string {
  const claims = claimsOf(holder);
  const text = claims === undefined ? JSON.stringify({ key: [holder.accessKeyId, principalId] }) : JSON.stringify({ session: [holder.accessKeyId, encodeClaims(claims)] });
  return seal(ring, { plaintext: Buffer.from(text), label: labelOf(tokenId) }, nonce).toString('base64url');
}

/** Opens what was sealed for a token; the number of a key that the ring does not hold, or undefined for anything else. */
export function openSubject(ring: KeyRing, text: string, tokenId: string): { readonly opened: Sealed } | { readonly unknownKey: number } | undefined {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) return undefined;
  const plaintext = unseal(ring, bytes, labelOf(tokenId));
  if (!Buffer.isBuffer(plaintext)) return plaintext;
  const { key, session } = JSON.parse(plaintext.toString('utf8')) as { key?: readonly [string, string]; session?: readonly [string, string] };
  if (key !== undefined) return { opened: { accessKeyId: key[0], principalId: key[1] } };
  const claims = session && decodeClaims(session[1], session[0]);
  return claims === undefined ? undefined : { opened: { session: claims } };
}

function labelOf(tokenId: string): string {
  return `subject-token:${tokenId}`;
}

function claimsOf(holder: Holder): SessionClaims | undefined {
  if (holder.session === undefined) return undefined;
  return { ...holder, secret: NO_SECRET, session: holder.session };
}
