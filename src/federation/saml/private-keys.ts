// Importing keys and decrypting take no randomness.
// eslint-disable-next-line no-restricted-imports
import { createPrivateKey, webcrypto } from 'node:crypto';

import type { Secret } from '../../domain/secret.js';
import { isSoundPrivateRsa } from '../rsa-keys.js';

/** The digest of OAEP, which is that of its mask, too; as Web Crypto calls it. */
export type OaepHash = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';

/** A key that content was encrypted with, encrypted itself by RSA-OAEP (XML Encryption 1.1 §5.5.2). */
export interface WrappedKey {
  readonly value: Buffer;
  readonly oaepHash: OaepHash;
}

/** A private key that is ready for one digest of OAEP. */
export type UnwrappingKey = webcrypto.CryptoKey;

/**
 * Tries the private keys of a provider on wrapped keys until `open` makes something of what one of them unwraps; undefined where
 * none does. Those that have it done wait for it, and nobody else.
 */
export type Unwrap = <T>(wrapped: readonly WrappedKey[], open: (contentKey: Buffer) => T | undefined) => Promise<T | undefined>;

/** Makes a private key in PEM ready; undefined where it is none of RSA that is neither weak nor slow. */
export async function unwrappingKey(pem: Secret, oaepHash: OaepHash): Promise<UnwrappingKey | undefined> {
  const key = createPrivateKey(pem.reveal());
  if (!isSoundPrivateRsa(key)) return undefined;
  return webcrypto.subtle.importKey('pkcs8', key.export({ format: 'der', type: 'pkcs8' }), { name: 'RSA-OAEP', hash: oaepHash }, false, ['decrypt']);
}

/** What a private key unwraps; undefined where it was wrapped for another one, or not at all: that is all one. */
export async function unwrapped({ value }: WrappedKey, key: UnwrappingKey): Promise<Buffer | undefined> {
  // Whatever RSA makes is as long as its modulus; nothing is computed for what cannot be.
  if (value.length !== Math.ceil((key.algorithm as webcrypto.RsaHashedKeyAlgorithm).modulusLength / 8)) return undefined;
  try {
    // Node does this in its pool of threads; `privateDecrypt` would hold all other requests for as long.
    return Buffer.from(await webcrypto.subtle.decrypt({ name: 'RSA-OAEP' }, key, value));
  } catch {
    return undefined;
  }
}

/** Tries keys, one after the other, on what they may have been asked to unwrap. */
export function unwrapWith(keysFor: (oaepHash: OaepHash) => Promise<readonly UnwrappingKey[]>): Unwrap {
  return async (wrapped, open) => {
    for (const one of wrapped) {
      for (const key of await keysFor(one.oaepHash)) {
        const contentKey = await unwrapped(one, key);
        const opened = contentKey && open(contentKey);
        if (opened !== undefined) return opened;
      }
    }
    return undefined;
  };
}
