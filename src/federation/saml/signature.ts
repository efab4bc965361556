import { hash, verify, X509Certificate, type KeyObject } from 'node:crypto';

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
export function verified(element: XmlElement, keys: readonly KeyObject[]): XmlElement | undefined {
  const signature = optionalChild(element, ['signature', 'Signature']);
  if (signature === undefined) return undefined;
  const id = attributeOf(element, 'ID');
  if (id === undefined || !ID.test(id)) throw unsigned('what is signed has no ID, or an odd one');
  requirePlain(signature, id);
  const bytes = signedBytes(element, signature, keys);
  const read = parseXml(bytes);
  if (read.uri !== element.uri || read.local !== element.local || attributeOf(read, 'ID') !== id) throw unsigned('another element was signed');
  return read;
}

/** Refuses a signature that has more or other parts than SAML needs. What is left has one meaning. */
function requirePlain(signature: XmlElement, id: string): void {
  const [info, value, ...more] = namedExactly(signature, [['signature', 'SignedInfo'], ['signature', 'SignatureValue']], ['signature', 'KeyInfo']);
  if (info === undefined || value === undefined || more.length > 0) throw unsigned('the signature has other parts');
  const [canonicalization, method, reference] = namedExactly(info, [['signature', 'CanonicalizationMethod'], ['signature', 'SignatureMethod'], ['signature', 'Reference']]);
  if (canonicalization === undefined || method === undefined || reference === undefined) throw unsigned('the signature covers nothing');
  requireExclusive(canonicalization);
  if (!Object.hasOwn(METHODS, algorithmOf(method)) || elementsIn(method).length > 0) throw unsigned(`it is signed with ${algorithmOf(method)}`);
  if (attributeOf(reference, 'URI') !== `#${id}`) throw unsigned('the signature does not refer to the element that it is in');
  const [transforms, digest, digestValue] = namedExactly(reference, [['signature', 'Transforms'], ['signature', 'DigestMethod'], ['signature', 'DigestValue']]);
  if (transforms === undefined || digest === undefined || digestValue === undefined) throw unsigned('the reference is not complete');
  const [enveloped, exclusive] = namedExactly(transforms, [['signature', 'Transform'], ['signature', 'Transform']]);
  if (enveloped === undefined || exclusive === undefined || algorithmOf(enveloped) !== ENVELOPED || elementsIn(enveloped).length > 0) throw unsigned('it is transformed in other ways');
  requireExclusive(exclusive);
  if (!Object.hasOwn(DIGESTS, algorithmOf(digest)) || elementsIn(digest).length > 0) throw unsigned(`it is digested with ${algorithmOf(digest)}`);
  if ([value, digestValue].some((encoded) => bytesIn(encoded).length > VALUE_BYTES_MAX)) throw unsigned('a value is too long');
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

function requireExclusive(element: XmlElement): void {
  const parameters = elementsIn(element);
  const isPlain = parameters.length <= 1 && parameters.every((child) => child.uri === EXCLUSIVE && child.local === 'InclusiveNamespaces' && child.children.length === 0);
  if (algorithmOf(element) !== EXCLUSIVE || !isPlain) throw unsigned('it is canonicalized in another way');
}

/** Bytes in base64, of which lines may be broken. Throws InvalidIdentityToken for what is not canonical. */
export function bytesIn(element: XmlElement): Buffer {
  const text = textOf(element).replace(/[ \t\r\n]+/g, '');
  const bytes = Buffer.from(text, 'base64');
  if (text === '' || bytes.toString('base64') !== text) throw malformed(`${element.local} is not in base64`);
  return bytes;
}

/** The canonical bytes of an element without its signature, after they were verified. Throws InvalidIdentityToken. */
function signedBytes(element: XmlElement, signature: XmlElement, keys: readonly KeyObject[]): string {
  const info = onlyChild(signature, ['signature', 'SignedInfo']);
  const { digest, key } = METHODS[algorithmOf(onlyChild(info, ['signature', 'SignatureMethod']))] as Method;
  const fitting = keys.filter((one) => one.asymmetricKeyType === key);
  if (fitting.length === 0) throw unsigned(keys.length === 0 ? 'no certificate of the provider is strong enough' : 'the signature is wrong');
  const check = { digest, keys: fitting, value: bytesIn(onlyChild(signature, ['signature', 'SignatureValue'])) };
  // First what is small: whoever has no signature of the provider does not have the node read all that he wrote. That the
  // digest is the one that was signed is believed for this once.
  const claimed = bytesIn(onlyChild(onlyChild(info, ['signature', 'Reference']), ['signature', 'DigestValue'])).toString('base64');
  if (covered({ ...element, children: [signature] }, signature, { ...check, digestOf: () => claimed }) === undefined) throw unsigned('the signature is wrong');
  const bytes = covered(element, signature, { ...check, digestOf: (name, xml) => hash(name, xml, 'base64') });
  if (bytes === undefined) throw unsigned('the digest is wrong');
  return bytes;
}

/** What a signature covers, by the library that makes canonical forms; undefined where it is not right. Throws InvalidIdentityToken where it cannot be read. */
function covered(element: XmlElement, signature: XmlElement, check: Check): string | undefined {
  // KeyInfo is never asked: a key that comes with the message says nothing about who made it.
  const checker = new SignedXml({ publicCert: check.keys[0] as KeyObject, getCertFromKeyInfo: () => null });
  checker.idAttributes = ['ID'];
  checker.CanonicalizationAlgorithms = pick(checker.CanonicalizationAlgorithms, [ENVELOPED, EXCLUSIVE]);
  checker.HashAlgorithms = Object.fromEntries(Object.entries(DIGESTS).map(([uri, name]) => [uri, hashedWith(uri, (xml) => check.digestOf(name, xml))]));
  checker.SignatureAlgorithms = Object.fromEntries(Object.keys(METHODS).map((uri) => [uri, verifiedWith(uri, check)]));
  try {
    checker.loadSignature(writeXml(signature));
    const isRight = checker.checkSignature(writeXml(element));
    const [bytes, ...others] = checker.getSignedReferences();
    return isRight && others.length === 0 ? bytes : undefined;
  } catch (error) {
    throw unsigned('the signature is wrong', error);
  }
}

function pick<T>(from: Readonly<Record<string, T>>, keys: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key)));
}

function hashedWith(uri: string, digestOf: (xml: string) => string): new () => HashAlgorithm {
  return class implements HashAlgorithm {
    getAlgorithmName(): string {
      return uri;
    }
    getHash(xml: string): string {
      return digestOf(xml);
    }
  };
}

/** What is right for a signature. */
interface Check {
  /** The digest that was signed. */
  readonly digest: string;
  readonly keys: readonly KeyObject[];
  readonly value: Buffer;
  /** The digest, in base64, of a canonical form. */
  readonly digestOf: (name: string, xml: string) => string;
}

/** Verifies with each of the keys. XML signatures by ECDSA are the two numbers in a row (RFC 9231 §2.3.6). */
function verifiedWith(uri: string, { digest, keys, value }: Pick<Check, 'digest' | 'keys' | 'value'>): new () => SignatureAlgorithm {
  return class implements SignatureAlgorithm {
    getAlgorithmName(): string {
      return uri;
    }
    getSignature(): never {
      throw new Error('nothing is signed here');
    }
    verifySignature(material: string): boolean {
      return keys.some((key) => verify(digest, Buffer.from(material), { key, dsaEncoding: 'ieee-p1363' }, value));
    }
  };
}
