import { hash } from 'node:crypto';

import type { Secret } from '../../domain/secret.js';
import { readAssertion, requireIssuer, requireUnasked, type AssertionFacts } from './assertion.js';
import { readAttributes, type AttributeFacts, type RolePair } from './attributes.js';
import { decrypted } from './encryption.js';
import { denied, invalid, malformed, rejected, unsigned } from './refusals.js';
import { keysIn, verified } from './signature.js';
import { attributeOf, childrenOf, elementsIn, isElement, isNamed, onlyChild, optionalChild, parseXml, within, type Name, type XmlElement } from './xml.js';

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
  /** Private keys in PEM that assertions may be encrypted for. */
  readonly privateKeys: readonly Secret[];
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

/**
 * Turns the response of a SAML identity provider (SAML 2.0 core, bindings §3.5, profiles §4.1) into facts. Everything in
 * them was read from bytes that a certificate of the provider's metadata verifies. Pure: no clock, no network, no
 * entropy. That a response is used once only is the caller's part (`SamlAssertionsStore`).
 *
 * Throws InvalidIdentityToken for what is malformed, not signed, or not meant for this service or from this provider;
 * ExpiredTokenException for what is too old or too new; IDPRejectedClaim where the provider says that it let nobody in;
 * AccessDenied where no subject or no role is named.
 */
export function verifyResponse(base64: string, trust: SamlTrust, moment: SamlMoment): SamlFacts {
  const received = parseXml(textIn(base64));
  requireShape(received);
  const keys = keysIn(trust.certificates);
  const signed = verified(received, keys);
  const response = signed ?? received;
  requireEnvelope(response, { trust, recipients: moment.recipients, isSigned: signed !== undefined });
  const isEncrypted = optionalChild(response, ['assertion', 'EncryptedAssertion']) !== undefined;
  const carried = isEncrypted ? decryptedIn(response, trust, signed !== undefined) : onlyChild(response, ['assertion', 'Assertion']);
  if (!isEncrypted && trust.encryptionMode === 'Required') throw invalid('Assertion in AuthnResponse must be encrypted', 'it is not encrypted');
  // An assertion that has a signature of its own is held to it as well: as it was received, because the canonical form of the
  // response lacks namespaces that the assertion's may have.
  const own = verified(isEncrypted ? carried : onlyChild(received, ['assertion', 'Assertion']), keys);
  const assertion = own ?? (signed === undefined ? undefined : carried);
  if (assertion === undefined) throw unsigned('neither the response nor the assertion is signed');
  const facts = { ...readAssertion(assertion, { ...trust, ...moment }), ...readAttributes(assertion) };
  const nameQualifier = hash('sha1', `${facts.issuer}${trust.account}/${trust.providerName}`, 'base64');
  const sessionKeys = { 'saml:namequalifier': nameQualifier, 'saml:sub': facts.subject, 'saml:sub_type': facts.subjectType };
  const conditionKeys = { ...facts.directoryKeys, ...sessionKeys, 'saml:aud': facts.recipient, 'saml:iss': facts.issuer, 'saml:doc': `${trust.account}/${trust.providerName}` };
  return { ...facts, nameQualifier, sessionKeys, conditionKeys, isEncrypted };
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
  if (place !== PARTS.length - 1) throw malformed('the response has no assertion');
  requireAlone(response, response.children.filter(isElement).slice(-1));
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
  const code = attributeOf(onlyChild(onlyChild(response, ['protocol', 'Status']), ['protocol', 'StatusCode']), 'Value');
  if (code !== SUCCESS) throw rejected(`the status is ${code ?? 'none'}`);
  const issuer = optionalChild(response, ['assertion', 'Issuer']);
  if (issuer !== undefined) requireIssuer(issuer, trust.entityIds);
  const destination = attributeOf(response, 'Destination');
  // A signed message has to say where it is meant for (SAML bindings §3.5.5.2).
  if (destination === undefined ? isSigned : !recipients.includes(destination)) throw invalid('Destination in AuthnResponse must be this service', 'the destination is another, or none');
  requireUnasked(response);
}

/** The assertion that a response carries encrypted. */
function decryptedIn(response: XmlElement, { privateKeys }: SamlTrust, isCovered: boolean): XmlElement {
  const assertion = parseXml(decrypted(onlyChild(response, ['assertion', 'EncryptedAssertion']), { privateKeys, isCovered }));
  if (!isNamed(assertion, ['assertion', 'Assertion'])) throw unsigned('what was encrypted is no assertion');
  requireAlone(assertion, []);
  return assertion;
}
