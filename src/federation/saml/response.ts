import { hash } from 'node:crypto';

import { ApiError } from '../../domain/errors.js';
import { readAssertion, requireIssuer, requireUnasked, subjectIn, type AssertionFacts } from './assertion.js';
import { readAttributes, type AttributeFacts, type RolePair } from './attributes.js';
import { decrypted } from './encryption.js';
import type { Unwrap } from './private-keys.js';
import { denied, invalid, malformed, rejected, unsigned } from './refusals.js';
import { keysIn, verified } from './signature.js';
import { attributeOf, childrenOf, elementsIn, isNamed, onlyChild, optionalChild, parseXml, within, type Name, type XmlElement } from './xml.js';

/** The longest response, in characters of base64 (STS API: SAMLAssertion). */
const RESPONSE_MAX = 100_000;
const SUCCESS = 'urn:oasis:names:tc:SAML:2.0:status:Success';
/** Roles that AWS keeps for IAM Identity Center. */
const RESERVED = /\/AWSReservedSSO_[^/]*$/;

/** What is known of a SAML provider beforehand; nothing of it comes with a response. */
export interface SamlTrust {
  readonly account: string;
  readonly providerName: string;
  /** The entity ids of its metadata. */
  readonly entityIds: readonly string[];
  /** The signing certificates of its metadata, DER in base64. */
  readonly certificates: readonly string[];
  /** Unwraps with the private keys that assertions may be encrypted for. */
  readonly unwrap: Unwrap;
  readonly encryptionMode: 'Required' | 'Allowed';
  /** The audiences that this service answers to. */
  readonly audiences: readonly string[];
}

/** When a response is looked at, and where it may have been sent. */
export interface SamlMoment {
  readonly now: Date;
  /** Assertion consumer service URLs, compared exactly with Recipient and Destination. */
  readonly recipients: readonly string[];
}

/** What a response says that was verified. */
export interface SamlFacts extends AssertionFacts, AttributeFacts {
  /** Says with `subject` who it is, of all users of all providers. */
  readonly nameQualifier: string;
  /** Condition keys of the trust policy: all that begin with `saml:`. */
  readonly conditionKeys: Readonly<Record<string, string | readonly string[]>>;
  /** Those of them that hold in requests of the session. */
  readonly sessionKeys: Readonly<Record<'saml:namequalifier' | 'saml:sub' | 'saml:sub_type', string>>;
  readonly isEncrypted: boolean;
}

/** Why a response is refused although a signature of its provider was right, and whom it names; nobody where it does not say so. */
export interface SamlRefusal {
  readonly refusal: ApiError;
  readonly subject: string;
}

/**
 * Turns the response of a SAML identity provider (SAML 2.0 core, bindings §3.5, profiles §4.1) into facts. Everything in
 * them was read from bytes that a certificate of the provider's metadata verifies. No clock, no network, no
 * entropy. That a response is used once only is the caller's part (`UsedAssertionsStore`).
 *
 * Throws InvalidIdentityToken, and IDPRejectedClaim, where it is not proved whose response it is: what is no response of one
 * shape, no signature over its assertion is right, or one that is there is wrong. Once one is, what is wrong is not thrown but returned: InvalidIdentityToken for what is
 * not meant for this service or from this provider, or breaks a rule; ExpiredTokenException for what is too old or too new;
 * IDPRejectedClaim where the provider says that it let nobody in; AccessDenied where no subject or no role is named.
 */
export async function verifyResponse(base64: string, trust: SamlTrust, moment: SamlMoment): Promise<SamlFacts | SamlRefusal> {
  const received = parseXml(textIn(base64));
  requireShape(received);
  const keys = keysIn(trust.certificates);
  const signed = await verified(received, keys);
  // Where the response is not signed, its assertion has to be, and whatever is wrong until then is nobody's.
  const assertion = signed === undefined ? await assertionIn(received, { trust, keys, signed }) : await assertionIn(received, { trust, keys, signed }).catch(refusalIn);
  try {
    requireEnvelope(signed ?? received, { trust, recipients: moment.recipients, isSigned: signed !== undefined });
    if (assertion instanceof ApiError) throw assertion;
    const isEncrypted = encryptedIn(received) !== undefined;
    if (!isEncrypted && trust.encryptionMode === 'Required') throw invalid('Assertion in AuthnResponse must be encrypted', 'it is not encrypted');
    const facts = { ...readAssertion(assertion, { ...trust, ...moment }), ...readAttributes(assertion) };
    const nameQualifier = nameQualifierOf(facts.issuer, trust);
    const sessionKeys = { 'saml:namequalifier': nameQualifier, 'saml:sub': facts.subject, 'saml:sub_type': facts.subjectType };
    const conditionKeys = { ...facts.directoryKeys, ...sessionKeys, 'saml:aud': facts.recipient, 'saml:iss': facts.issuer, 'saml:doc': `${trust.account}/${trust.providerName}` };
    return { ...facts, nameQualifier, sessionKeys, conditionKeys, isEncrypted };
  } catch (error) {
    return { refusal: refusalIn(error), subject: assertion instanceof ApiError ? '' : subjectIn(assertion) };
  }
}

/** Says with the name of a subject who he is, of all users of all providers (IAM User Guide: saml:namequalifier). */
export function nameQualifierOf(issuer: string, { account, providerName }: Pick<SamlTrust, 'account' | 'providerName'>): string {
  return hash('sha1', `${issuer}${account}/${providerName}`, 'base64');
}

/** What was thrown as a refusal; anything else is thrown on. */
function refusalIn(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  throw error;
}

function encryptedIn(response: XmlElement): XmlElement | undefined {
  return optionalChild(response, ['assertion', 'EncryptedAssertion']);
}

interface Carrier {
  readonly trust: SamlTrust;
  readonly keys: ReturnType<typeof keysIn>;
  /** The response as it was signed. */
  readonly signed: XmlElement | undefined;
}

/** The assertion of a response, every signature over which was right. Throws InvalidIdentityToken, and IDPRejectedClaim. */
async function assertionIn(received: XmlElement, { trust, keys, signed }: Carrier): Promise<XmlElement> {
  const response = signed ?? received;
  // Who lets nobody in has no assertion to send.
  if (encryptedIn(response) === undefined && optionalChild(response, ['assertion', 'Assertion']) === undefined) {
    requireSuccess(response);
    throw malformed('the response has no assertion');
  }
  const isEncrypted = encryptedIn(response) !== undefined;
  const carried = isEncrypted ? await decryptedIn(response, trust, signed !== undefined) : onlyChild(response, ['assertion', 'Assertion']);
  // An assertion that has a signature of its own is held to it as well: as it was received, because the canonical form of the
  // response lacks namespaces that the assertion's may have.
  const own = await verified(isEncrypted ? carried : onlyChild(received, ['assertion', 'Assertion']), keys);
  const assertion = own ?? (signed === undefined ? undefined : carried);
  if (assertion === undefined) throw unsigned('neither the response nor the assertion is signed');
  return assertion;
}

/** Refuses (AccessDenied) a role that the response does not name together with the provider, or that is reserved. */
export function requireRole({ roles }: Pick<SamlFacts, 'roles'>, wanted: RolePair): void {
  if (RESERVED.test(wanted.roleArn)) throw denied('the role is reserved');
  if (!roles.some(({ roleArn, principalArn }) => roleArn === wanted.roleArn && principalArn === wanted.principalArn)) throw denied('the response does not name the role');
}

/** The text of a response in canonical base64. */
function textIn(base64: string): string {
  if (base64.length > RESPONSE_MAX) throw malformed('it is too long');
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64') !== base64) throw malformed('it is not in canonical base64');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw malformed('it is not UTF-8', error);
  }
}

/** What a response consists of, in this order (SAML core §3.2.2); extensions are where forgers hide things, and have no use here. */
const PARTS: readonly (readonly Name[])[] = [[['assertion', 'Issuer']], [['signature', 'Signature']], [['protocol', 'Status']], [['assertion', 'Assertion'], ['assertion', 'EncryptedAssertion']]];

/**
 * Refuses what is not one response with one assertion: elements in other places, such as a second assertion that one
 * reader finds and another does not, are how signatures are wrapped.
 */
function requireShape(response: XmlElement): void {
  if (!isNamed(response, ['protocol', 'Response'])) throw malformed('it is no Response of SAML 2.0');
  let place = -1;
  for (const part of elementsIn(response)) {
    const next = PARTS.findIndex((names) => names.some((name) => isNamed(part, name)));
    if (next <= place) throw malformed(`the response has ${part.local}, or has it twice, or in another place`);
    place = next;
  }
  requireAlone(response, [...childrenOf(response, ['assertion', 'Assertion']), ...childrenOf(response, ['assertion', 'EncryptedAssertion'])]);
}

/** Refuses assertions, responses and signatures, of whatever namespace, but a root, what it carries, and the signatures of these. */
function requireAlone(root: XmlElement, carried: readonly XmlElement[]): void {
  const owners = [root, ...carried];
  const places = new Set([...owners, ...owners.flatMap((owner) => childrenOf(owner, ['signature', 'Signature']))]);
  for (const element of within(root)) {
    if (/^(?:response|(?:encrypted)?assertion|signature)$/i.test(element.local) && !places.has(element)) throw malformed(`the response has ${element.local} where none belongs`);
  }
}

interface Envelope {
  readonly trust: SamlTrust;
  readonly recipients: readonly string[];
  readonly isSigned: boolean;
}

/** What the response says of itself. Where it is not signed, this can only be a reason to refuse it. */
function requireEnvelope(response: XmlElement, { trust, recipients, isSigned }: Envelope): void {
  if (attributeOf(response, 'Version') !== '2.0') throw malformed('the response is not of version 2.0');
  requireSuccess(response);
  const issuer = optionalChild(response, ['assertion', 'Issuer']);
  if (issuer !== undefined) requireIssuer(issuer, trust.entityIds);
  const destination = attributeOf(response, 'Destination');
  // A signed message has to say where it is meant for (SAML bindings §3.5.5.2).
  if (destination === undefined ? isSigned : !recipients.includes(destination)) throw invalid('Destination in AuthnResponse must be this service', 'the destination is another, or none');
  requireUnasked(response);
}

function requireSuccess(response: XmlElement): void {
  const code = attributeOf(onlyChild(onlyChild(response, ['protocol', 'Status']), ['protocol', 'StatusCode']), 'Value');
  if (code !== SUCCESS) throw rejected(`the status is ${code ?? 'none'}`);
}

/** The assertion that a response carries encrypted. */
async function decryptedIn(response: XmlElement, { unwrap }: SamlTrust, isCovered: boolean): Promise<XmlElement> {
  const assertion = parseXml(await decrypted(onlyChild(response, ['assertion', 'EncryptedAssertion']), { unwrap, isCovered }));
  if (!isNamed(assertion, ['assertion', 'Assertion'])) throw unsigned('what was encrypted is no assertion');
  requireAlone(assertion, []);
  return assertion;
}
