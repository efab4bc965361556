import { createHash } from 'node:crypto';
import { NONCE_BYTES, SEALING_KEY_BYTES, SealingKey, TAG_BYTES } from './aead.js';
import { Secret } from './secret.js';

const VERSION = 1;
const HEADER_BYTES = 5;

/**
 * The key under which long-term secrets lie in the database. An envelope is a version byte, the first four
 * bytes of the key's fingerprint, a nonce of 24 bytes, and XAES-256-GCM ciphertext with its tag (C2SP).
 */
export class MasterKey {
  /** Names the key without revealing it: eight hex digits of a fingerprint. */
  readonly id: string;
  readonly #sealing: SealingKey;

  private constructor(key: Buffer) {
    this.id = createHash('sha256').update('stint master key\0').update(key).digest('hex').slice(0, 8);
    this.#sealing = new SealingKey(key);
  }

  /** Reads 32 bytes in standard base64 with padding; throws an Error that does not repeat the text. */
  static parse(base64: string | Secret): MasterKey {
    const text = base64 instanceof Secret ? base64.reveal() : base64;
    const key = Buffer.from(text, 'base64');
    if (key.toString('base64') !== text) throw new Error('a master key must be written in standard base64, with padding');
    if (key.length !== SEALING_KEY_BYTES) {
      throw new Error(`a master key must have ${SEALING_KEY_BYTES} bytes, got ${key.length}`);
    }
    return new MasterKey(key);
  }

  /** Seals a secret for one place, such as `access_key:AKIA…`; it opens in no other. */
  seal(plaintext: Secret | Uint8Array, context: string, nonce: Uint8Array): Buffer {
    const bytes = plaintext instanceof Secret ? Buffer.from(plaintext.reveal()) : plaintext;
    const header = Buffer.concat([Buffer.of(VERSION), Buffer.from(this.id, 'hex')]);
    return Buffer.concat([header, nonce, this.#sealing.seal(nonce, bytes, boundTo(header, context))]);
  }

  /** The plaintext, or undefined for another key, another context or a changed byte, which cannot be told apart. */
  open(envelope: Uint8Array, context: string): Buffer | undefined {
    if (envelopeKeyId(envelope) !== this.id) return undefined;
    const header = envelope.subarray(0, HEADER_BYTES);
    const nonce = envelope.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
    return this.#sealing.open(nonce, envelope.subarray(HEADER_BYTES + NONCE_BYTES), boundTo(header, context));
  }
}

/** The id of the master key an envelope was sealed with, or undefined where it is no envelope. */
export function envelopeKeyId(envelope: Uint8Array): string | undefined {
  if (envelope.length < HEADER_BYTES + NONCE_BYTES + TAG_BYTES || envelope[0] !== VERSION) return undefined;
  return Buffer.from(envelope.subarray(1, HEADER_BYTES)).toString('hex');
}

function boundTo(header: Uint8Array, context: string): Buffer {
  return Buffer.concat([header, Buffer.from(context)]);
}
