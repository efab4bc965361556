import { NONCE_BYTES, TAG_BYTES } from './aead.js';
import type { KeyRing } from './session-token.js';

const VERSION = 1;
const HEADER_BYTES = 5;
/** DecodeAuthorizationMessage takes messages of at most 10240 characters (STS API). */
const ENCODED_MAX = 10_240;

/** The longest text that fits into an encoded authorization message, in bytes of UTF-8. */
export const MESSAGE_MAX_BYTES = (ENCODED_MAX / 4) * 3 - HEADER_BYTES - NONCE_BYTES - TAG_BYTES;

/**
 * Seals what an account may learn about a refusal (STS API: DecodeAuthorizationMessage). Only Stint opens it, and
 * only for this account; whoever carries it learns nothing. Throws a RangeError for a text that does not fit.
 */
export function sealMessage(ring: KeyRing, message: { text: string; account: string }, nonce: Uint8Array): string {
  const { id, key } = ring.current;
  const plaintext = Buffer.from(message.text);
  if (plaintext.length > MESSAGE_MAX_BYTES) throw new RangeError('the text does not fit into an authorization message');
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(VERSION, 0);
  header.writeUInt32BE(id, 1);
  return Buffer.concat([header, nonce, key.seal(nonce, plaintext, boundTo(header, message.account))]).toString('base64');
}

/** The text of a sealed message, or undefined for anything that was not sealed for this account. */
export function openMessage(ring: KeyRing, encoded: string, account: string): string | undefined {
  const bytes = Buffer.from(encoded, 'base64');
  if (encoded.length > ENCODED_MAX || bytes.toString('base64') !== encoded) return undefined;
  if (bytes.length < HEADER_BYTES + NONCE_BYTES + TAG_BYTES || bytes[0] !== VERSION) return undefined;
  const header = bytes.subarray(0, HEADER_BYTES);
  const nonce = bytes.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
  const sealed = bytes.subarray(HEADER_BYTES + NONCE_BYTES);
  return ring.byId(bytes.readUInt32BE(1))?.key.open(nonce, sealed, boundTo(header, account))?.toString('utf8');
}

function boundTo(header: Uint8Array, account: string): Buffer {
  return Buffer.concat([header, Buffer.from(`authorization-message:${account}`)]);
}
