import { type Cipher, createCipheriv, createDecipheriv } from 'node:crypto';

/** Bytes of a sealing key. */
export const SEALING_KEY_BYTES = 32;

/** Bytes of a nonce: long enough to be drawn at random for any number of messages. */
export const NONCE_BYTES = 24;

/** Bytes by which sealing lengthens a text. */
export const TAG_BYTES = 16;

/**
 * Encrypts single blocks as a pseudorandom function, which is what the C2SP derivation is made of; no data
 * passes here. Nothing is carried from block to block, so one cipher serves every message of a key: making
 * one costs more than sealing does.
 */
function blockCipher(key: Buffer): Cipher {
  return createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
}

/** CMAC's subkey K1 (NIST SP 800-38B, section 6.1). */
function firstSubkey(cipher: Cipher): Buffer {
  const zero = cipher.update(Buffer.alloc(16));
  const subkey = Buffer.alloc(16);
  for (let index = 0; index < 16; index += 1) {
    subkey[index] = ((zero[index] ?? 0) << 1) | ((zero[index + 1] ?? 0) >> 7);
  }
  if (((zero[0] ?? 0) & 0x80) !== 0) subkey[15] = (subkey[15] ?? 0) ^ 0x87;
  return subkey;
}

/**
 * A key for XAES-256-GCM (C2SP: XAES-256-GCM, v1), with its subkey K1 derived once. Each message gets its
 * own AES-256-GCM key from the first half of its 24-byte nonce.
 */
export class SealingKey {
  readonly #cipher: Cipher;
  /** Both counter blocks of the derivation with K1 already added; a message only adds its nonce. */
  readonly #blocks: Buffer;

  constructor(key: Uint8Array) {
    if (key.length !== SEALING_KEY_BYTES) throw new RangeError(`a sealing key has ${SEALING_KEY_BYTES} bytes`);
    this.#cipher = blockCipher(Buffer.from(key));
    const subkey = firstSubkey(this.#cipher);
    const blocks = Buffer.concat([subkey, subkey]);
    for (const [offset, counter] of [[0, 1], [16, 2]] as const) {
      blocks[offset + 1] = (blocks[offset + 1] ?? 0) ^ counter;
      blocks[offset + 2] = (blocks[offset + 2] ?? 0) ^ 0x58;
    }
    this.#blocks = blocks;
  }

  /** Encrypts and authenticates; answers ciphertext and tag. The nonce must be random and never repeat. */
  seal(nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Buffer {
    const cipher = createCipheriv('aes-256-gcm', this.#messageKey(nonce), nonce.subarray(12));
    cipher.setAAD(aad);
    return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  }

  /** The plaintext, or undefined where key, nonce, aad or any byte differ: the cases cannot be told apart. */
  open(nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Buffer | undefined {
    if (sealed.length < TAG_BYTES || nonce.length !== NONCE_BYTES) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', this.#messageKey(nonce), nonce.subarray(12), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(aad);
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    const plaintext = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
    try {
      return Buffer.concat([plaintext, decipher.final()]);
    } catch {
      return undefined;
    }
  }

  #messageKey(nonce: Uint8Array): Buffer {
    if (nonce.length !== NONCE_BYTES) throw new RangeError(`a nonce has ${NONCE_BYTES} bytes`);
    const blocks = Buffer.from(this.#blocks);
    for (let index = 0; index < 12; index += 1) {
      const byte = nonce[index] ?? 0;
      blocks[index + 4] = (blocks[index + 4] ?? 0) ^ byte;
      blocks[index + 20] = (blocks[index + 20] ?? 0) ^ byte;
    }
    return this.#cipher.update(blocks);
  }
}
