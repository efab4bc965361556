import { createHmac } from 'node:crypto';

import { sameSecret, Secret } from './secret.js';

/** How many recovery codes somebody gets at a time. */
export const RECOVERY_CODES = 10;
/** Random bytes that one is made of, and that the key has with which a user's are hashed. */
export const RECOVERY_CODE_BYTES = 12;
export const RECOVERY_KEY_BYTES = 32;

/** Crockford's Base32: neither I, L and O, which look like digits, nor U. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LOOKS_LIKE: Readonly<Record<string, string>> = { I: '1', L: '1', O: '0' };

/** A code of 60 random bits, five of each byte: `7KQ2-M0XD-9RTB`. */
export function recoveryCode(bytes: Uint8Array): Secret {
  if (bytes.length !== RECOVERY_CODE_BYTES) throw new RangeError(`a recovery code is made of ${String(RECOVERY_CODE_BYTES)} bytes`);
  const text = [...bytes].map((byte) => ALPHABET.charAt(byte & 31)).join('');
  return Secret.of(text.replace(/.{4}(?=.)/g, '$&-'));
}

/**
 * What is kept of a code: its HMAC-SHA-256 under the key of the user's codes. A code is random and too long to be guessed at,
 * so a slow hash would protect nothing more; it would only make it costly to have a code looked at. Case, blanks, hyphens and
 * letters that look like digits make no difference.
 */
export function hashedRecoveryCode(key: Uint8Array, code: Secret): Buffer {
  const text = code.reveal().toUpperCase().replace(/[ -]/g, '').replace(/[ILO]/g, (letter) => LOOKS_LIKE[letter] ?? letter);
  return createHmac('sha256', key).update(text).digest();
}

/** Which of some hashed codes this one is. All are compared, and compared whole, whichever it is. */
export function foundRecoveryCode(codes: readonly Buffer[], hashed: Buffer): Buffer | undefined {
  const same = codes.map((candidate) => sameSecret(candidate.toString('hex'), hashed.toString('hex')));
  return codes.find((_, index) => same[index]);
}
