import { createDecipheriv } from 'node:crypto';

import type { OaepHash, Unwrap, WrappedKey } from './private-keys.js';
import { unsigned } from './refusals.js';
import { bytesIn } from './signature.js';
import { attributeOf, childrenOf, elementsIn, isNamed, onlyChild, optionalChild, type XmlElement } from './xml.js';

interface Cipher {
  readonly name: 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm' | 'aes-128-cbc' | 'aes-192-cbc' | 'aes-256-cbc';
  readonly keyBytes: number;
  /** Whether it notices by itself that something was changed. */
  readonly isAuthenticated: boolean;
}

/** Ciphers (XML Encryption 1.1 §5.2). */
const CIPHERS: Readonly<Record<string, Cipher>> = Object.fromEntries(
  ([128, 192, 256] as const).flatMap((bits): [string, Cipher][] => [
    [`http://www.w3.org/2009/xmlenc11#aes${bits}-gcm`, { name: `aes-${bits}-gcm`, keyBytes: bits / 8, isAuthenticated: true }],
    [`http://www.w3.org/2001/04/xmlenc#aes${bits}-cbc`, { name: `aes-${bits}-cbc`, keyBytes: bits / 8, isAuthenticated: false }],
  ]),
);

const OAEP_MGF1_SHA1 = 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p';
const OAEP = 'http://www.w3.org/2009/xmlenc11#rsa-oaep';
/** Digests of OAEP. SHA-1 is sound here: nothing depends on its collisions. */
const DIGESTS: Readonly<Record<string, OaepHash>> = {
  'http://www.w3.org/2000/09/xmldsig#sha1': 'SHA-1',
  'http://www.w3.org/2001/04/xmlenc#sha256': 'SHA-256',
  'http://www.w3.org/2001/04/xmldsig-more#sha384': 'SHA-384',
  'http://www.w3.org/2001/04/xmlenc#sha512': 'SHA-512',
};
/** Mask generation of OAEP; what Node can do is the digest's own. */
const MASKS: Readonly<Record<string, OaepHash>> = {
  'http://www.w3.org/2009/xmlenc11#mgf1sha1': 'SHA-1',
  'http://www.w3.org/2009/xmlenc11#mgf1sha256': 'SHA-256',
  'http://www.w3.org/2009/xmlenc11#mgf1sha384': 'SHA-384',
  'http://www.w3.org/2009/xmlenc11#mgf1sha512': 'SHA-512',
};

const GCM_IV_BYTES = 12;
const GCM_TAG_BYTES = 16;
const CBC_BLOCK_BYTES = 16;
/** How many wrapped keys may come along: one for each of our keys. */
const WRAPPED_MAX = 2;

/** What an assertion is decrypted with. */
export interface Decryption {
  readonly unwrap: Unwrap;
  /**
   * Whether a signature that was verified covers the ciphertext. Only then is CBC decrypted: what comes of bytes that
   * anybody may have changed would otherwise tell him, one try after the other, what is in them (padding oracle). A
   * signature within the ciphertext comes too late for that.
   */
  readonly isCovered: boolean;
}

/**
 * The text of an EncryptedAssertion (SAML core §2.3.4; XML Encryption 1.1). RSA-OAEP and AES only; RSA PKCS #1 v1.5 is not
 * decrypted at all. Throws InvalidIdentityToken, in the same words whatever does not decrypt.
 */
export async function decrypted(encrypted: XmlElement, { unwrap, isCovered }: Decryption): Promise<string> {
  const data = onlyChild(encrypted, ['encryption', 'EncryptedData']);
  const cipher = CIPHERS[algorithmOf(data)];
  if (cipher === undefined) throw unsigned(`it is encrypted with ${algorithmOf(data)}`);
  if (!cipher.isAuthenticated && !isCovered) throw unsigned('it is encrypted with CBC, and no signature covers that');
  const content = cipherValue(data);
  const plain = await unwrap(wrappedKeys(encrypted, data), (key) => (key.length === cipher.keyBytes ? opened(content, { key, cipher }) : undefined));
  if (plain === undefined) throw unsigned('it does not decrypt with the private keys of the provider');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(plain);
  } catch (error) {
    throw unsigned('what was encrypted is not UTF-8', error);
  }
}

function algorithmOf(element: XmlElement): string {
  return attributeOf(onlyChild(element, ['encryption', 'EncryptionMethod']), 'Algorithm') ?? '';
}

function cipherValue(element: XmlElement): Buffer {
  return bytesIn(onlyChild(onlyChild(element, ['encryption', 'CipherData']), ['encryption', 'CipherValue']));
}

/** The wrapped keys that came along, beside the data or within it, of which the digests can be done. */
function wrappedKeys(encrypted: XmlElement, data: XmlElement): readonly WrappedKey[] {
  const info = optionalChild(data, ['signature', 'KeyInfo']);
  const wrapped = [...(info === undefined ? [] : childrenOf(info, ['encryption', 'EncryptedKey'])), ...childrenOf(encrypted, ['encryption', 'EncryptedKey'])];
  if (wrapped.length > WRAPPED_MAX) throw unsigned('it has too many keys');
  return wrapped.flatMap((one) => {
    const oaepHash = oaepDigest(onlyChild(one, ['encryption', 'EncryptionMethod']));
    return oaepHash === undefined ? [] : [{ value: cipherValue(one), oaepHash }];
  });
}

/** The digest of OAEP, where digest and mask generation are those that can be done; with a label (OAEPparams) none can. */
function oaepDigest(method: XmlElement): OaepHash | undefined {
  const algorithm = attributeOf(method, 'Algorithm');
  if (algorithm !== OAEP && algorithm !== OAEP_MGF1_SHA1) return undefined;
  const parts = elementsIn(method);
  const digestElement = optionalChild(method, ['signature', 'DigestMethod']);
  const maskElement = optionalChild(method, ['encryption11', 'MGF']);
  if (!parts.every((part) => isNamed(part, ['signature', 'DigestMethod']) || isNamed(part, ['encryption11', 'MGF']))) return undefined;
  const digest = digestElement === undefined ? 'SHA-1' : DIGESTS[attributeOf(digestElement, 'Algorithm') ?? ''];
  const mask = maskElement === undefined || algorithm === OAEP_MGF1_SHA1 ? 'SHA-1' : MASKS[attributeOf(maskElement, 'Algorithm') ?? ''];
  return digest === mask ? digest : undefined;
}

function opened(content: Buffer, { key, cipher }: { key: Buffer; cipher: Cipher }): Buffer | undefined {
  try {
    return cipher.isAuthenticated ? openedGcm(content, key, cipher.name) : openedCbc(content, key, cipher.name);
  } catch {
    return undefined;
  }
}

function openedGcm(content: Buffer, key: Buffer, name: Cipher['name']): Buffer {
  const decipher = createDecipheriv(name as 'aes-256-gcm', key, content.subarray(0, GCM_IV_BYTES), { authTagLength: GCM_TAG_BYTES });
  decipher.setAuthTag(content.subarray(-GCM_TAG_BYTES));
  return Buffer.concat([decipher.update(content.subarray(GCM_IV_BYTES, -GCM_TAG_BYTES)), decipher.final()]);
}

/** The last byte says how many are padding; the others may be anything (XML Encryption 1.1 §5.2). */
function openedCbc(content: Buffer, key: Buffer, name: Cipher['name']): Buffer | undefined {
  const decipher = createDecipheriv(name, key, content.subarray(0, CBC_BLOCK_BYTES)).setAutoPadding(false);
  const padded = Buffer.concat([decipher.update(content.subarray(CBC_BLOCK_BYTES)), decipher.final()]);
  const padding = padded.at(-1) ?? 0;
  return padding < 1 || padding > CBC_BLOCK_BYTES ? undefined : padded.subarray(0, -padding);
}
