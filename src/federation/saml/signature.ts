import { hash, verify, X509Certificate, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import { isSoundRsa } from '../rsa-keys.js';
import { canonical } from './canonical.js';
import { malformed, unsigned } from './refusals.js';
import { attributeOf, elementsIn, isNamed, optionalChild, parseXml, textOf, type Name, type XmlElement } from './xml.js';

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

/** What a SignedInfo says. */
interface SignedInfo {
  readonly method: Method;
  /** Prefixes for the canonical form of the SignedInfo itself, and of what is signed. */
  readonly inclusive: readonly string[];
  readonly inclusiveOfElement: readonly string[];
  /** The name of the digest of what is signed, as Node has it, and the digest. */
  readonly digest: string;
  readonly digestValue: Buffer;
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
/** An id as identity providers write it. */
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
  const { method, inclusive } = infoIn(info, id);
  if (keys.length === 0) throw unsigned('no certificate of the provider is strong enough');
  // First what is small: who has no signature of the provider does not have the node read all that he wrote.
  const signedInfo = canonical(info, { inclusive });
  const fitting = keys.filter(({ asymmetricKeyType: type }) => type === method.key);
  if (!(await isSigned(Buffer.from(signedInfo), { digest: method.digest, keys: fitting, value: valueIn(signatureValue) }))) throw unsigned('the signature is wrong');
  // What it says is read from the text that was signed, like everything else.
  const { digest, digestValue, inclusiveOfElement } = infoIn(parseXml(signedInfo), id);
  const text = canonical(element, { inclusive: inclusiveOfElement, without: signature });
  if (hash(digest, text, 'base64') !== digestValue.toString('base64')) throw unsigned('the digest is wrong');
  return text;
}

const verifyBeside = promisify(verify);

/** Whether one of the keys made a signature. Twenty keys on a curve of 521 bits take 80 milliseconds, so it is found out in the pool of threads. */
async function isSigned(data: Buffer, { digest, keys, value }: { digest: string; keys: readonly KeyObject[]; value: Buffer }): Promise<boolean> {
  for (const key of keys) {
    // XML signatures by ECDSA are the two numbers in a row (RFC 9231 §2.3.6). What OpenSSL cannot make sense of is no signature.
    if (await verifyBeside(digest, data, { key, dsaEncoding: 'ieee-p1363' }, value).catch(() => false)) return true;
  }
  return false;
}

/** What a SignedInfo says that has no more and no other parts than SAML needs. What is left has one meaning. */
function infoIn(info: XmlElement, id: string): SignedInfo {
  const [canonicalization, method, reference] = namedExactly(info, [['signature', 'CanonicalizationMethod'], ['signature', 'SignatureMethod'], ['signature', 'Reference']]);
  if (canonicalization === undefined || method === undefined || reference === undefined) throw unsigned('the signature covers nothing');
  const inclusive = prefixesIn(canonicalization);
  const known = Object.hasOwn(METHODS, algorithmOf(method)) && elementsIn(method).length === 0 ? METHODS[algorithmOf(method)] : undefined;
  if (known === undefined) throw unsigned(`it is signed with ${algorithmOf(method)}`);
  if (attributeOf(reference, 'URI') !== `#${id}`) throw unsigned('the signature does not refer to the element that it is in');
  const [transforms, digest, digestValue] = namedExactly(reference, [['signature', 'Transforms'], ['signature', 'DigestMethod'], ['signature', 'DigestValue']]);
  if (transforms === undefined || digest === undefined || digestValue === undefined) throw unsigned('the reference is not complete');
  const [enveloped, exclusive] = namedExactly(transforms, [['signature', 'Transform'], ['signature', 'Transform']]);
  if (enveloped === undefined || exclusive === undefined || algorithmOf(enveloped) !== ENVELOPED || elementsIn(enveloped).length > 0) throw unsigned('it is transformed in other ways');
  const inclusiveOfElement = prefixesIn(exclusive);
  const knownDigest = Object.hasOwn(DIGESTS, algorithmOf(digest)) && elementsIn(digest).length === 0 ? DIGESTS[algorithmOf(digest)] : undefined;
  if (knownDigest === undefined) throw unsigned(`it is digested with ${algorithmOf(digest)}`);
  return { method: known, inclusive, inclusiveOfElement, digest: knownDigest, digestValue: valueIn(digestValue) };
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

/** The prefixes that an exclusive canonicalization treats as inclusive (Exclusive XML Canonicalization 1.0 §3). Throws InvalidIdentityToken for any other one. */
function prefixesIn(element: XmlElement): readonly string[] {
  const parameters = elementsIn(element);
  const isPlain = parameters.length <= 1 && parameters.every((child) => child.uri === EXCLUSIVE && child.local === 'InclusiveNamespaces' && child.children.length === 0);
  if (algorithmOf(element) !== EXCLUSIVE || !isPlain) throw unsigned('it is canonicalized in another way');
  const prefixes = parameters.flatMap((child) => (attributeOf(child, 'PrefixList') ?? '').split(/[ \t\r\n]+/)).filter((prefix) => prefix !== '');
  if (prefixes.length > PREFIXES_MAX) throw unsigned('it is canonicalized with too many prefixes');
  return prefixes.map((prefix) => (prefix === '#default' ? '' : prefix));
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
