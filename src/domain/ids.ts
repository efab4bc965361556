import { accountId, type AccountId } from './arn.js';
import { Secret } from './secret.js';

/** Random bytes that `entityId` needs. */
export const ENTITY_ID_BYTES = 17;

/** Random bytes that `accessKeyId` needs. */
export const ACCESS_KEY_ID_BYTES = 16;

/** Random bytes that `secretAccessKey` needs. */
export const SECRET_ACCESS_KEY_BYTES = 30;

/** Random bytes that `newAccountId` needs. */
export const ACCOUNT_ID_BYTES = 16;

/** Prefixes of entity ids: user, role, group, managed policy, instance profile. */
export type EntityPrefix = 'AIDA' | 'AROA' | 'AGPA' | 'ANPA' | 'AIPA';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function letters(bytes: Uint8Array, count: number): string {
  requireLength(bytes, count);
  let text = '';
  for (const byte of bytes) text += alphabet.charAt(byte & 31);
  return text;
}

function requireLength(bytes: Uint8Array, count: number): void {
  if (bytes.length !== count) throw new RangeError(`needs exactly ${count} random bytes, got ${bytes.length}`);
}

/** A unique id of 21 characters (AWS IAM User Guide: IAM identifiers). */
export function entityId(prefix: EntityPrefix, bytes: Uint8Array): string {
  return prefix + letters(bytes, ENTITY_ID_BYTES);
}

/** Random bytes that `providerId` needs. */
export const PROVIDER_ID_BYTES = 20;

/** A unique id of 24 characters for what AWS gives no prefix to: identity providers and private keys of SAML providers. */
export function providerId(prefix: 'OIDC' | 'SAML' | 'SKEY', bytes: Uint8Array): string {
  return prefix + letters(bytes, PROVIDER_ID_BYTES);
}

/** An access key id of 20 characters: `AKIA` for long-term, `ASIA` for temporary credentials (AWS: IAM identifiers). */
export function accessKeyId(prefix: 'AKIA' | 'ASIA', bytes: Uint8Array): string {
  return prefix + letters(bytes, ACCESS_KEY_ID_BYTES);
}

/** Whether a text has the form of an access key id. */
export function isAccessKeyId(text: string): boolean {
  return /^A[KS]IA[A-Z2-7]{16}$/.test(text);
}

/** A secret access key of 40 base64 characters (AWS STS API Reference: Credentials). */
export function secretAccessKey(bytes: Uint8Array): Secret {
  requireLength(bytes, SECRET_ACCESS_KEY_BYTES);
  return Secret.of(Buffer.from(bytes).toString('base64'));
}

/**
 * A 12-digit account id that does not begin with 0 (AWS: account identifiers). 128 bits are folded into
 * 9·10¹¹ values, so that no value is likelier than another by more than 2⁻⁸⁸.
 */
export function newAccountId(bytes: Uint8Array): AccountId {
  requireLength(bytes, ACCOUNT_ID_BYTES);
  const number = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  return accountId(String(100_000_000_000n + (number % 900_000_000_000n)));
}
