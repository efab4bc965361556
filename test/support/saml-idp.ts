import { createCipheriv, constants, createHash, createHmac, createPublicKey, publicEncrypt, sign, webcrypto, type KeyObject, KeyObject as Keys, generateKeyPairSync } from 'node:crypto';

import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

import { ApiError } from '../../src/domain/errors.js';
import { Secret } from '../../src/domain/secret.js';
import { unwrappingKey, unwrapWith, type Unwrap } from '../../src/federation/saml/private-keys.js';
import { verifyResponse, type SamlFacts, type SamlMoment, type SamlRefusal, type SamlTrust } from '../../src/federation/saml/response.js';

x509.cryptoProvider.set(webcrypto as never);

export const NS = {
  saml: 'urn:oasis:names:tc:SAML:2.0:assertion',
  samlp: 'urn:oasis:names:tc:SAML:2.0:protocol',
  ds: 'http://www.w3.org/2000/09/xmldsig#',
  xenc: 'http://www.w3.org/2001/04/xmlenc#',
} as const;
export const AWS = 'https://aws.amazon.com/SAML/Attributes/';
export const EXC = 'http://www.w3.org/2001/10/xml-exc-c14n#';
export const ENVELOPED = 'http://www.w3.org/2000/09/xmldsig#enveloped-signature';
export const MORE = 'http://www.w3.org/2001/04/xmldsig-more#';
export const SHA256 = 'http://www.w3.org/2001/04/xmlenc#sha256';

/** What is said in responses unless a test says otherwise. */
export const SAML = {
  now: new Date('2026-11-25T12:00:00.000Z'),
  entityId: 'https://idp.example/saml',
  acs: 'https://sts.example/saml',
  audience: 'urn:amazon:webservices',
  account: '111122223333',
  providerName: 'ExampleIdP',
  role: 'arn:aws:iam::111122223333:role/Dev',
  provider: 'arn:aws:iam::111122223333:saml-provider/ExampleIdP',
} as const;

/** A time some seconds from now. */
export function at(seconds: number): string {
  return new Date(SAML.now.getTime() + seconds * 1_000).toISOString();
}

/** An element in canonical form: attributes have to be given in their order. */
export function element(name: string, attributes: Readonly<Record<string, string | undefined>>, ...content: readonly string[]): string {
  const shown = Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [` ${key}="${value.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;')}"`]));
  return `<${name}${shown.join('')}>${content.join('')}</${name}>`;
}

/** A text in canonical form. */
export function text(value: string): string {
  return value.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/** An attribute with its values. */
export function attribute(name: string, ...values: readonly string[]): string {
  return element('saml:Attribute', { Name: name }, ...values.map((value) => element('saml:AttributeValue', {}, text(value))));
}

/** How an assertion differs from an ordinary one; each part is XML in canonical form. */
export interface AssertionParts {
  readonly id?: string;
  readonly version?: string;
  readonly issueInstant?: string;
  readonly issuer?: string;
  readonly nameId?: string;
  readonly confirmation?: string;
  readonly subject?: string;
  readonly conditions?: string;
  readonly authn?: string;
  readonly attributes?: string;
  readonly more?: string;
}

export const issuer = (value: string = SAML.entityId): string => element('saml:Issuer', {}, text(value));
export const nameId = (value = 'alice', format: string | undefined = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'): string => element('saml:NameID', { Format: format }, text(value));
export function confirmation(data: Readonly<Record<string, string | undefined>> = {}, method = 'urn:oasis:names:tc:SAML:2.0:cm:bearer'): string {
  const attributes = { NotOnOrAfter: at(300), Recipient: SAML.acs, ...data };
  return element('saml:SubjectConfirmation', { Method: method }, element('saml:SubjectConfirmationData', Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)))));
}
export const audience = (...values: readonly string[]): string => element('saml:AudienceRestriction', {}, ...values.map((value) => element('saml:Audience', {}, text(value))));
export function conditions(times: Readonly<Record<string, string | undefined>> = {}, ...inner: readonly string[]): string {
  return element('saml:Conditions', { NotBefore: at(-10), NotOnOrAfter: at(300), ...times }, ...(inner.length === 0 ? [audience(SAML.audience)] : inner));
}
export const authn = (attributes: Readonly<Record<string, string>> = {}): string =>
  element('saml:AuthnStatement', { AuthnInstant: at(-60), ...attributes }, element('saml:AuthnContext', {}, element('saml:AuthnContextClassRef', {}, 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport')));
export const ROLE = attribute(`${AWS}Role`, `${SAML.role},${SAML.provider}`);
export const SESSION_NAME = attribute(`${AWS}RoleSessionName`, 'alice@example.com');

/** An assertion without a signature, in canonical form. */
export function assertion(parts: AssertionParts = {}): string {
  return element(
    'saml:Assertion',
    { 'xmlns:saml': NS.saml, ID: parts.id ?? '_assertion', IssueInstant: parts.issueInstant ?? at(-5), Version: parts.version ?? '2.0' },
    parts.issuer ?? issuer(),
    parts.subject ?? element('saml:Subject', {}, parts.nameId ?? nameId(), parts.confirmation ?? confirmation()),
    parts.conditions ?? conditions(),
    parts.authn ?? authn(),
    element('saml:AttributeStatement', {}, parts.attributes ?? ROLE + SESSION_NAME),
    parts.more ?? '',
  );
}

/** How a response differs from an ordinary one. */
export interface ResponseParts {
  readonly attributes?: Readonly<Record<string, string | undefined>>;
  readonly issuer?: string;
  readonly status?: string;
}

/** A response without a signature, in canonical form, around whatever it carries. */
export function response(carried: string, parts: ResponseParts = {}): string {
  const attributes = { Destination: SAML.acs, ID: '_response', IssueInstant: at(-5), Version: '2.0', ...parts.attributes };
  const status = parts.status ?? 'urn:oasis:names:tc:SAML:2.0:status:Success';
  return element(
    'samlp:Response',
    { 'xmlns:samlp': NS.samlp, ...Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))) },
    parts.issuer ?? element('saml:Issuer', { 'xmlns:saml': NS.saml }, SAML.entityId),
    element('samlp:Status', {}, element('samlp:StatusCode', { Value: status })),
    carried,
  );
}

/** How a signature differs from an ordinary one. */
export interface SignatureParts {
  readonly method?: string;
  readonly digestMethod?: string;
  readonly canonicalization?: string;
  readonly transforms?: string;
  readonly uri?: string;
  readonly references?: (reference: string) => string;
  readonly keyInfo?: string;
  readonly signWith?: (info: string) => string;
  readonly prefix?: string;
  readonly more?: string;
}

const DIGESTS: Readonly<Record<string, string>> = { sha1: 'sha1', sha256: 'sha256', sha384: 'sha384', sha512: 'sha512' };
const digestName = (uri: string): string => DIGESTS[/sha\d+$/.exec(uri)?.[0] ?? ''] ?? 'sha256';
export const transform = (algorithm: string, inner = ''): string => element('ds:Transform', { Algorithm: algorithm }, inner);
const KINDS = {
  rsa: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2_048 },
  weak: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 1_024 },
  ec: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  p384: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  p521: { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
} as const;

/** An identity provider that signs by itself: what it writes is canonical already, so no library takes part. */
export class TestIdp {
  private constructor(
    readonly privateKey: KeyObject,
    /** DER in base64, as metadata has it. */
    readonly certificate: string,
  ) {}

  static async create(kind: keyof typeof KINDS = 'rsa'): Promise<TestIdp> {
    const algorithm = KINDS[kind];
    const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']));
    // Its validity is over long ago: whether a certificate counts is the metadata's to say.
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({ serialNumber: '01', name: 'CN=idp.example', notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01'), signingAlgorithm: algorithm, keys });
    return new TestIdp(Keys.from(keys.privateKey), Buffer.from(certificate.rawData).toString('base64'));
  }

  /** The signature of an element in canonical form. */
  signature(xml: string, parts: SignatureParts = {}): string {
    const method = parts.method ?? `${MORE}${this.privateKey.asymmetricKeyType === 'ec' ? 'ecdsa' : 'rsa'}-sha256`;
    const digestMethod = parts.digestMethod ?? SHA256;
    const id = /^<[^>]* ID="([^"]*)"/.exec(xml)?.[1] ?? '';
    const reference = element(
      'ds:Reference',
      { URI: parts.uri ?? `#${id}` },
      element('ds:Transforms', {}, parts.transforms ?? transform(ENVELOPED) + transform(EXC)),
      element('ds:DigestMethod', { Algorithm: digestMethod }),
      element('ds:DigestValue', {}, createHash(digestName(digestMethod)).update(xml).digest('base64')),
    );
    const inner = [element('ds:CanonicalizationMethod', { Algorithm: parts.canonicalization ?? EXC }), element('ds:SignatureMethod', { Algorithm: method }), (parts.references ?? ((same) => same))(reference)];
    const canonical = element('ds:SignedInfo', { 'xmlns:ds': NS.ds }, ...inner);
    const value = parts.signWith?.(canonical) ?? sign(digestName(method), Buffer.from(canonical), { key: this.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64');
    return element('ds:Signature', { 'xmlns:ds': NS.ds }, element('ds:SignedInfo', {}, ...inner), element('ds:SignatureValue', {}, value), parts.keyInfo ?? '', parts.more ?? '');
  }

  /** An element in canonical form with its signature where it belongs, after the issuer. */
  signed(xml: string, parts: SignatureParts = {}): string {
    return withSignature(xml, this.signature(xml, parts));
  }

  /** A signature by ECDSA as other formats than XML have it. */
  der(info: string): string {
    return sign('sha256', Buffer.from(info), { key: this.privateKey, dsaEncoding: 'der' }).toString('base64');
  }

  /** A signature with a shared key, for which the certificate is taken. */
  hmac(info: string): string {
    return createHmac('sha256', this.certificate).update(info).digest('base64');
  }
}

/** An element with a signature put behind its issuer. */
export function withSignature(xml: string, signature: string): string {
  const end = '</saml:Issuer>';
  const place = xml.indexOf(end) + end.length;
  return xml.slice(0, place) + signature + xml.slice(place);
}

export const keyInfo = (certificate: string): string => element('ds:KeyInfo', {}, element('ds:X509Data', {}, element('ds:X509Certificate', {}, certificate)));
export const encoded = (xml: string): string => Buffer.from(xml).toString('base64');

/** How an encrypted assertion differs from an ordinary one. */
export interface EncryptionParts {
  readonly cipher?: string;
  readonly transport?: string;
  readonly digest?: string;
  readonly mask?: string;
  readonly beside?: boolean;
  readonly alter?: (content: Buffer) => Buffer;
}

/** A pair of keys that assertions are encrypted for. */
export function encryptionKey(): { secret: Secret; publicKey: KeyObject } {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  return { secret: Secret.of(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()), publicKey: createPublicKey(privateKey) };
}

const OAEP_HASHES = ['sha1', 'sha256', 'sha384', 'sha512'];

/** An assertion, encrypted. The key and the nonce are of no importance, and fixed. */
export function encrypted(xml: string, publicKey: KeyObject, parts: EncryptionParts = {}): string {
  const cipher = parts.cipher ?? 'http://www.w3.org/2009/xmlenc11#aes256-gcm';
  const [, bits = '256', mode = 'gcm'] = /aes(\d+)-(gcm|cbc)$/.exec(cipher) ?? [];
  const key = Buffer.alloc(Number(bits) / 8, 7);
  const iv = Buffer.alloc(mode === 'gcm' ? 12 : 16, 9);
  const engine = createCipheriv(`aes-${bits}-${mode}`, key, iv);
  const body = Buffer.concat([engine.update(xml), engine.final()]);
  const content = Buffer.concat([iv, body, ...(mode === 'gcm' ? [(engine as unknown as { getAuthTag(): Buffer }).getAuthTag()] : [])]);
  const transport = parts.transport ?? `${NS.xenc}rsa-oaep-mgf1p`;
  const oaepHash = OAEP_HASHES.find((name) => parts.digest?.endsWith(name)) ?? 'sha1';
  const padding = transport.endsWith('rsa-1_5') ? constants.RSA_PKCS1_PADDING : constants.RSA_PKCS1_OAEP_PADDING;
  const wrapped = publicEncrypt({ key: publicKey, padding, ...(padding === constants.RSA_PKCS1_OAEP_PADDING && { oaepHash }) }, key);
  const value = (bytes: Buffer): string => element('xenc:CipherData', {}, element('xenc:CipherValue', {}, bytes.toString('base64')));
  const methods = [
    ...(parts.digest === undefined ? [] : [element('ds:DigestMethod', { 'xmlns:ds': NS.ds, Algorithm: parts.digest })]),
    ...(parts.mask === undefined ? [] : [element('xenc11:MGF', { 'xmlns:xenc11': 'http://www.w3.org/2009/xmlenc11#', Algorithm: parts.mask })]),
  ];
  const encryptedKey = (space: Record<string, string>): string => element('xenc:EncryptedKey', space, element('xenc:EncryptionMethod', { Algorithm: transport }, ...methods), value(wrapped));
  const info = parts.beside === true ? '' : element('ds:KeyInfo', { 'xmlns:ds': NS.ds }, encryptedKey({}));
  const data = element('xenc:EncryptedData', { 'xmlns:xenc': NS.xenc, Type: `${NS.xenc}Element` }, element('xenc:EncryptionMethod', { Algorithm: cipher }), info, value(parts.alter?.(content) ?? content));
  return element('saml:EncryptedAssertion', { 'xmlns:saml': NS.saml }, data, parts.beside === true ? encryptedKey({ 'xmlns:xenc': NS.xenc }) : '');
}

/** Unwraps with these private keys. */
export function unwrapBy(privateKeys: readonly Secret[]): Unwrap {
  return unwrapWith(async (oaepHash) => (await Promise.all(privateKeys.map((key) => unwrappingKey(key, oaepHash)))).filter((key) => key !== undefined));
}

/** What is known of a provider that signs with these certificates. */
export function trustIn(idps: readonly TestIdp[], { privateKeys = [], ...more }: Partial<SamlTrust> & { readonly privateKeys?: readonly Secret[] } = {}): SamlTrust {
  return { account: SAML.account, providerName: SAML.providerName, entityIds: [SAML.entityId], certificates: idps.map(({ certificate }) => certificate), unwrap: unwrapBy(privateKeys), encryptionMode: 'Allowed', audiences: [SAML.audience], ...more };
}

/** The moment at which responses are looked at. */
export const MOMENT: SamlMoment = { now: SAML.now, recipients: [SAML.acs] };

/** What a response says that is believed; throws the refusal of any other, proved or not. */
export async function factsOf(base64: string, trust: SamlTrust, moment: SamlMoment = MOMENT): Promise<SamlFacts> {
  const said = await verifyResponse(base64, trust, moment);
  if ('refusal' in said) throw said.refusal;
  return said;
}

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly why: unknown;
}

const shown = ({ code, message, detail }: ApiError): Refusal => ({ code, message, why: detail['why'] });

/** How a response is refused, and whose it is; `undefined` where that is not proved. Fails the test where it is not refused, and where it is by anything but an answer for callers. */
export async function outcomeOf(base64: string, trust: SamlTrust, moment: SamlMoment = MOMENT): Promise<Refusal & { subject: string | undefined }> {
  const attempt = async (): Promise<SamlFacts | SamlRefusal> => verifyResponse(base64, trust, moment);
  const said = await attempt().catch((error: unknown) => {
    if (error instanceof ApiError) return error;
    throw error;
  });
  if (said instanceof ApiError) return { ...shown(said), subject: undefined };
  if ('refusal' in said) return { ...shown(said.refusal), subject: said.subject };
  throw new Error('the response was believed');
}

/** How a response is refused, whether or not it is proved whose it is. */
export async function refusalOf(base64: string, trust: SamlTrust, moment: SamlMoment = MOMENT): Promise<Refusal> {
  const { code, message, why } = await outcomeOf(base64, trust, moment);
  return { code, message, why };
}
