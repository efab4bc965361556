import { seal, SEALING_OVERHEAD_BYTES, unseal, type KeyRing } from './sealing.js';

/** DecodeAuthorizationMessage takes messages of at most 10240 characters (STS API). */
const ENCODED_MAX = 10_240;

/** The longest text that fits into an encoded authorization message, in bytes of UTF-8. */
export const MESSAGE_MAX_BYTES = (ENCODED_MAX / 4) * 3 - SEALING_OVERHEAD_BYTES;

/**
 * Seals what an account may learn about a refusal (STS API: DecodeAuthorizationMessage). Only Stint opens it, and
 * only for this account; whoever carries it learns nothing. Throws a RangeError for a text that does not fit.
 */
export function sealMessage(ring: KeyRing, message: { text: string; account: string }, nonce: Uint8Array): string {
  const plaintext = Buffer.from(message.text);
  if (plaintext.length > MESSAGE_MAX_BYTES) throw new RangeError('the text does not fit into an authorization message');
  return seal(ring, { plaintext, label: labelOf(message.account) }, nonce).toString('base64');
}

/** The text of a sealed message, or undefined for anything that was not sealed for this account. */
export function openMessage(ring: KeyRing, encoded: string, account: string): string | undefined {
  if (encoded.length > ENCODED_MAX) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  // Node's decoder skips what it does not know; without this, many texts would be the same message.
  if (bytes.toString('base64') !== encoded) return undefined;
  const opened = unseal(ring, bytes, labelOf(account));
  return Buffer.isBuffer(opened) ? opened.toString('utf8') : undefined;
}

function labelOf(account: string): string {
  return `authorization-message:${account}`;
}
