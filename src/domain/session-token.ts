import { ApiError } from './errors.js';
import { seal, SEALING_OVERHEAD_BYTES, unseal, type KeyRing } from './sealing.js';
import { decodeClaims, encodeClaims, type SessionClaims } from './session-claims.js';
import { packed, unpacked, UNPACKED_BYTES_MAX } from './session-packing.js';

export type { SessionClaims } from './session-claims.js';

/**
 * The claims of a token; or the number of a key the ring does not hold, so that the caller can look for new
 * keys; or undefined for anything that is no token, was changed, or belongs to another access key id.
 */
export type Opened = { readonly claims: SessionClaims } | { readonly unknownKey: number } | undefined;

/** The longest session token that is issued or looked at, in characters: it has to pass through proxies as a header. */
export const MAX_SESSION_TOKEN_LENGTH = 6_144;

/** The first sealed byte: whether the rest is packed. */
const PLAIN = 0;
const PACKED = 1;
/** Claims longer than this are packed, in bytes; shorter ones would hardly become smaller, and take time. */
const PLAIN_BYTES_MAX = 640;

/** How a token is sealed. */
export interface Sealing {
  /** 24 bytes that were never used before. */
  readonly nonce: Uint8Array;
  /** The least length of the token, in characters (AWS STS API Reference: MinimumSessionTokenSize). */
  readonly minimumLength?: number | undefined;
}

/**
 * Seals claims into a session token, in base64: see `seal`. Bound to its access key id, which is therefore not among
 * the sealed members, and opened again before it is handed out. Throws PackedPolicyTooLarge where the claims do not fit.
 */
export function sealSession(ring: KeyRing, claims: SessionClaims, { nonce, minimumLength = 0 }: Sealing): string {
  const plaintext = padded(framed(claims), Math.ceil((minimumLength * 3) / 4) - SEALING_OVERHEAD_BYTES);
  const label = labelOf(claims.accessKeyId);
  const sealed = seal(ring, { plaintext, label }, nonce);
  const token = sealed.toString('base64');
  if (token.length > MAX_SESSION_TOKEN_LENGTH) throw tooLarge();
  // A token that does not open to what was sealed is never given away. That what was sealed reads as the claims is for tests.
  const opened = unseal(ring, sealed, label);
  if (!Buffer.isBuffer(opened) || !opened.equals(plaintext)) throw new Error('a session token that was just sealed does not open');
  return token;
}

/** SessionTokenUtilization: how much of the longest token a token is, in percent. */
export function tokenUtilization(token: string): number {
  return Math.ceil((token.length * 100) / MAX_SESSION_TOKEN_LENGTH);
}

/** Opens a session token for the access key id it is presented with. Expiry is the caller's to judge. */
export function openSession(ring: KeyRing, token: string, accessKeyId: string): Opened {
  if (token.length > MAX_SESSION_TOKEN_LENGTH) return undefined;
  const bytes = Buffer.from(token, 'base64');
  // Node's decoder skips what it does not know; without this, many texts would be the same token.
  if (bytes.toString('base64') !== token) return undefined;
  const plaintext = unseal(ring, bytes, labelOf(accessKeyId));
  if (!Buffer.isBuffer(plaintext)) return plaintext;
  const claims = unframed(plaintext, accessKeyId);
  return claims === undefined ? undefined : { claims };
}

function tooLarge(): ApiError {
  return new ApiError('PackedPolicyTooLarge', 'Serialized token too large for session');
}

function framed(claims: SessionClaims): Buffer {
  const text = Buffer.from(encodeClaims(claims));
  // What packs well could be more than is ever unpacked.
  if (text.length > UNPACKED_BYTES_MAX) throw tooLarge();
  const isLong = text.length > PLAIN_BYTES_MAX;
  return Buffer.concat([Buffer.of(isLong ? PACKED : PLAIN), isLong ? packed(text.toString()) : text]);
}

function unframed(plaintext: Buffer, accessKeyId: string): SessionClaims | undefined {
  try {
    const body = plaintext.subarray(1);
    if (plaintext[0] !== PLAIN && plaintext[0] !== PACKED) return undefined;
    return decodeClaims(plaintext[0] === PLAIN ? body.toString('utf8') : unpacked(body), accessKeyId);
  } catch {
    return undefined;
  }
}

/** Blanks after the claims mean nothing: JSON allows them, and the unpacker stops where the packed text ends. */
function padded(plaintext: Buffer, length: number): Buffer {
  return plaintext.length >= length ? plaintext : Buffer.concat([plaintext, Buffer.alloc(length - plaintext.length, ' ')]);
}

function labelOf(accessKeyId: string): string {
  return `session-token:${accessKeyId}`;
}
