import { hash, verify, X509Certificate, type KeyObject, type VerifyKeyObjectInput } from 'node:crypto';
import { promisify } from 'node:util';

import { SignedXml, type HashAlgorithm, type SignatureAlgorithm } from 'xml-crypto';

import { isSoundRsa } from '../rsa-keys.js';
import { malformed, unsigned } from './refusals.js';
import { attributeOf, elementsIn, isNamed, onlyChild, optionalChild, parseXml, textOf, writeXml, type Name, type XmlElement } from './xml.js';

const ENVELOPED = 'http://www.w3.org/2000/09/xmldsig#enveloped-signature';
const EXCLUSIVE = 'http://www.w3.org/2001/10/xml-exc-c14n#';

/** Digests (RFC 9231 §2.1; XML Encryption §5.7). SHA-1 is none of them. */
const DIGESTS: Readonly<Record<string, string>> = {
  'http://www.w3.org/2001/04/xmlenc#sha256': 'sha256',
  'http://www.w3.org/2001/04/xmldsig-more#sha384': 'sha384',
  'http://www.w3.org/2001/04/xmlenc#sha512': 'sha512',
};

interface Method {
  readonly digest: string;
  readonly key: 'rsa' | 'ec';
}

/** Signatures (RFC 9231 §2.3): RSA PKCS #1 v1.5 and ECDSA. There is none with a shared key, so no certificate is ever taken for one. */
const METHODS: Readonly<Record<string, Method>> = Object.fromEntries(
  (['rsa', 'ec'] as const).flatMap((key) => ['sha256', 'sha384', 'sha512'].map((digest) => [`http://www.w3.org/2001/04/xmldsig-more#${key === 'ec' ? 'ecdsa' : 'rsa'}-${digest}`, { digest, key }])),
);

const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];
/** How many prefixes may be named for a canonical form. */
const PREFIXES_MAX = 32;
/** The longest signature: of an RSA key of 8,192 bits. */
const VALUE_BYTES_MAX = 1_024;
/** An id as identity providers write it: it becomes part of an XPath expression. */
const ID = /^[A-Za-z_][\w.-]{0,255}$/;

/** The public keys in certificates (DER in base64) that are strong enough. When a certificate is valid is not looked at: the metadata says whether it is. */
export function keysIn(certificates: readonly string[]): readonly KeyObject[] {
  let keys = read.get(certificates);
  if (keys === undefined) {
    keys = certificates.flatMap(keyIn).filter(isStrong);
    read.set(certificates, keys);
  }
  return keys;
}

/** What was read already, for as long as the remembered row lives: twenty certificates take up to fifty milliseconds. */
const read = new WeakMap<readonly string[], readonly KeyObject[]>();

// Metadata was checked for certificates, not for keys that OpenSSL knows.
function keyIn(certificate: string): KeyObject[] {
  try {
    return [new X509Certificate(Buffer.from(certificate, 'base64')).publicKey];
  } catch {
    return [];
  }
}

function isStrong(key: KeyObject): boolean {
  return isSoundRsa(key) || (key.asymmetricKeyType === 'ec' && CURVES.includes(key.asymmetricKeyDetails?.namedCurve ?? ''));
}

/**
 * What an element with an enveloped signature says, read anew from the very bytes that were verified; undefined where the
 * element has no signature. The signature has to cover just this element, and one of the keys must have made it (XML
 * Signature §3.2; SAML core §5.4). Throws InvalidIdentityToken.
 */
export async function verified(element: XmlElement, keys: readonly KeyObject[]): Promise<XmlElement | undefined> {
  const signature = optionalChild(element, ['signature', 'Signature']);
  if (signature === undefined) return undefined;
  const id = attributeOf(element, 'ID');
  if (id === undefined || !ID.test(id)) throw unsigned('what is signed has no ID, or an odd one');
  const read = parseXml(await signedText(element, signature, { id, keys }));
  if (read.uri !== element.uri || read.local !== element.local || attributeOf(read, 'ID') !== id) throw unsigned('another element was signed');
  return read;
}

/** The canonical text of an element without its signature, after it was verified. Throws InvalidIdentityToken. */
async function signedText(element: XmlElement, signature: XmlElement, { id, keys }: { id: string; keys: readonly KeyObject[] }): Promise<string> {
  // KeyInfo is never asked: a key that comes with the message says nothing about who made it.
  const [info, signatureValue] = namedExactly(signature, [['signature', 'SignedInfo'], ['signature', 'SignatureValue']], ['signature', 'KeyInfo']);
  if (info === undefined || signatureValue === undefined) throw unsigned('the signature has other parts');
  const { digest, key: kind } = requirePlain(info, id);
  if (keys.length === 0) throw unsigned('no certificate of the provider is strong enough');
  const value = valueIn(signatureValue);
  // First what is small: whoever has no signature of the provider does not have the node read all that he wrote.
  const signer = await signerOf(canonicalInfo(element, signature), { digest, value, keys: keys.filter(({ asymmetricKeyType }) => asymmetricKeyType === kind) });
  if (signer === undefined) throw unsigned('the signature is wrong');
  return covered(element, signature, { digestOf, isRight: (info) => verify(digest, info, keyOptions(signer), value) });
}

/** The canonical bytes of the SignedInfo in a signature, as the library has it. Throws InvalidIdentityToken. */
function canonicalInfo(element: XmlElement, signature: XmlElement): Buffer {
  const claimed = bytesIn(onlyChild(onlyChild(onlyChild(signature, ['signature', 'SignedInfo']), ['signature', 'Reference']), ['signature', 'DigestValue'])).toString('base64');
  let bytes: Buffer | undefined;
  // Of the element there is its start, and the signature; whether all is right is asked when it is known who signed.
  covered({ ...element, children: [signature] }, signature, {
    digestOf: () => claimed,
    isRight: (info) => {
      bytes = info;
      return true;
    },
  });
  if (bytes === undefined) throw unsigned('the signature is wrong');
  return bytes;
}

// XML signatures by ECDSA are the two numbers in a row (RFC 9231 §2.3.6).
const keyOptions = (key: KeyObject): VerifyKeyObjectInput => ({ key, dsaEncoding: 'ieee-p1363' });
const verifyBeside = promisify(verify);

/** Which of the keys made a signature. Twenty keys on a curve of 521 bits take 80 milliseconds, so it is found out in the pool of threads. */
async function signerOf(data: Buffer, { digest, keys, value }: { digest: string; keys: readonly KeyObject[]; value: Buffer }): Promise<KeyObject | undefined> {
  for (const key of keys) {
    // What OpenSSL cannot make sense of is no signature.
    if (await verifyBeside(digest, data, keyOptions(key), value).catch(() => false)) return key;
  }
  return undefined;
}

/** What is right for a signature. */
interface Check {
  /** The digest of a canonical form, in base64. */
  readonly digestOf: (name: string, xml: string) => string;
  /** Whether the signature is that of a canonical SignedInfo. */
  readonly isRight: (info: Buffer) => boolean;
}

const digestOf: Check['digestOf'] = (name, xml) => hash(name, xml, 'base64');

/** The canonical text that a signature covers, by the library that reads signatures and makes canonical forms. Throws InvalidIdentityToken. */
function covered(element: XmlElement, signature: XmlElement, check: Check): string {
  // The library wants a certificate, and asks `isRight` instead.
  const checker = new SignedXml({ publicCert: 'none', getCertFromKeyInfo: () => null });
  checker.idAttributes = ['ID'];
  checker.CanonicalizationAlgorithms = pick(checker.CanonicalizationAlgorithms, [ENVELOPED, EXCLUSIVE]);
  checker.HashAlgorithms = Object.fromEntries(Object.entries(DIGESTS).map(([uri, name]) => [uri, hashedWith(uri, (xml) => check.digestOf(name, xml))]));
  checker.SignatureAlgorithms = Object.fromEntries(Object.keys(METHODS).map((uri) => [uri, verifiedWith(uri, check)]));
  let isValid: boolean;
  try {
    checker.loadSignature(writeXml(signature));
    isValid = checker.checkSignature(writeXml(element));
  } catch (error) {
    throw unsigned('the signature is wrong', error);
  }
  const [text, ...others] = checker.getSignedReferences();
  if (!isValid || text === undefined || others.length > 0) throw unsigned('the digest is wrong');
  return text;
}

function pick<T>(from: Readonly<Record<string, T>>, keys: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key)));
}

function hashedWith(uri: string, digest: (xml: string) => string): new () => HashAlgorithm {
  return class implements HashAlgorithm {
    getAlgorithmName(): string {
      return uri;
    }
    getHash(xml: string): string {
      return digest(xml);
    }
  };
}

function verifiedWith(uri: string, { isRight }: Check): new () => SignatureAlgorithm {
  return class implements SignatureAlgorithm {
    getAlgorithmName(): string {
      return uri;
    }
    getSignature(): never {
      throw new Error('nothing is signed here');
    }
    verifySignature(material: string): boolean {
      return isRight(Buffer.from(material));
    }
  };
}

/** How something is signed. Refuses a SignedInfo that has more or other parts than SAML needs: what is left has one meaning. */
function requirePlain(info: XmlElement, id: string): Method {
  const [canonicalization, method, reference] = namedExactly(info, [['signature', 'CanonicalizationMethod'], ['signature', 'SignatureMethod'], ['signature', 'Reference']]);
  if (canonicalization === undefined || method === undefined || reference === undefined) throw unsigned('the signature covers nothing');
  requireExclusive(canonicalization);
  const known = Object.hasOwn(METHODS, algorithmOf(method)) && elementsIn(method).length === 0 ? METHODS[algorithmOf(method)] : undefined;
  if (known === undefined) throw unsigned(`it is signed with ${algorithmOf(method)}`);
  if (attributeOf(reference, 'URI') !== `#${id}`) throw unsigned('the signature does not refer to the element that it is in');
  const [transforms, digest, digestValue] = namedExactly(reference, [['signature', 'Transforms'], ['signature', 'DigestMethod'], ['signature', 'DigestValue']]);
  if (transforms === undefined || digest === undefined || digestValue === undefined) throw unsigned('the reference is not complete');
  const [enveloped, exclusive] = namedExactly(transforms, [['signature', 'Transform'], ['signature', 'Transform']]);
  if (enveloped === undefined || exclusive === undefined || algorithmOf(enveloped) !== ENVELOPED || elementsIn(enveloped).length > 0) throw unsigned('it is transformed in other ways');
  requireExclusive(exclusive);
  if (!Object.hasOwn(DIGESTS, algorithmOf(digest)) || elementsIn(digest).length > 0) throw unsigned(`it is digested with ${algorithmOf(digest)}`);
  valueIn(digestValue);
  return known;
}

/** The children of an element, which must be these, in this order; a last one may be optional. */
function namedExactly(element: XmlElement, names: readonly Name[], last?: Name): readonly XmlElement[] {
  const children = elementsIn(element);
  const wanted = last !== undefined && children.length > names.length ? [...names, last] : names;
  if (children.length !== wanted.length || !wanted.every((name, index) => isNamed(children[index] as XmlElement, name))) {
    throw unsigned(`${element.local} has other parts than ${wanted.map(([, local]) => local).join(', ')}`);
  }
  return children.slice(0, names.length);
}

function algorithmOf(element: XmlElement): string {
  return attributeOf(element, 'Algorithm') ?? '';
}

/** Refuses any canonical form but the exclusive one, which may name prefixes that it treats as inclusive (Exclusive XML Canonicalization 1.0 §3). */
function requireExclusive(element: XmlElement): void {
  const parameters = elementsIn(element);
  const isPlain = parameters.length <= 1 && parameters.every((child) => child.uri === EXCLUSIVE && child.local === 'InclusiveNamespaces' && child.children.length === 0);
  if (algorithmOf(element) !== EXCLUSIVE || !isPlain) throw unsigned('it is canonicalized in another way');
  const prefixes = parameters.flatMap((child) => (attributeOf(child, 'PrefixList') ?? '').split(/[ \t\r\n]+/));
  if (prefixes.length > PREFIXES_MAX) throw unsigned('it is canonicalized with too many prefixes');
}

/** A signature or a digest. */
function valueIn(element: XmlElement): Buffer {
  const value = bytesIn(element);
  if (value.length > VALUE_BYTES_MAX) throw unsigned('a value is too long');
  return value;
}

/** Bytes in base64, of which lines may be broken. Throws InvalidIdentityToken for what is not canonical. */
export function bytesIn(element: XmlElement): Buffer {
  const text = textOf(element).replace(/[ \t\r\n]+/g, '');
  const bytes = Buffer.from(text, 'base64');
  if (text === '' || bytes.toString('base64') !== text) throw malformed(`${element.local} is not in base64`);
  return bytes;
}
