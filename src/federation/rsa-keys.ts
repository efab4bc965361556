import type { KeyObject } from 'node:crypto';

/** Bits of an RSA key that is believed (NIST SP 800-131A), and how large its public exponent may be (NIST SP 800-56B: above 2¹⁶; 3 is still in use). */
const BITS = { least: 2_048, most: 8_192 } as const;
const EXPONENT = { least: 3n, most: 0xffff_ffffn } as const;

/**
 * Whether a key is one of RSA that is neither weak nor made to be slow: with an exponent as long as its modulus, a
 * signature takes forty times as long to verify.
 */
export function isSoundRsa({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): boolean {
  const [bits, exponent] = [details?.modulusLength ?? 0, details?.publicExponent ?? 0n];
  return type === 'rsa' && bits >= BITS.least && bits <= BITS.most && exponent >= EXPONENT.least && exponent <= EXPONENT.most;
}

/** The longest private key of ours, in bits: whoever sends something may have it decrypted several times over, before anybody is believed. */
const PRIVATE_BITS_MAX = 4_096;

/** Whether a private key is one of RSA that is neither weak nor slow. */
export function isSoundPrivateRsa(key: KeyObject): boolean {
  return isSoundRsa(key) && (key.asymmetricKeyDetails?.modulusLength ?? 0) <= PRIVATE_BITS_MAX;
}
