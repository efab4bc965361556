import { ApiError } from '../../domain/errors.js';
import { denied, expired, invalid, malformed } from './refusals.js';
import { attributeOf, elementsIn, isNamed, onlyChild, optionalChild, textOf, childrenOf, type Name, type XmlElement } from './xml.js';

/** How long after it was issued an assertion may be used, in milliseconds (STS API: AssumeRoleWithSAML). */
const REDEEM_MS = 300_000;
/** How far the clock of an identity provider may be ahead, in milliseconds. Nothing is valid any longer for it. */
const AHEAD_MS = 60_000;
/** The longest name of a subject, in characters, and in bytes of UTF-8: what ends his sessions is found by an index. */
const SUBJECT_MAX = 1_024;
const SUBJECT_BYTES_MAX = 2_048;

const BEARER = 'urn:oasis:names:tc:SAML:2.0:cm:bearer';
const ENTITY = 'urn:oasis:names:tc:SAML:2.0:nameid-format:entity';
const UNSPECIFIED = 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified';
const NAME_ID_2_0 = 'urn:oasis:names:tc:SAML:2.0:nameid-format:';

/** What may be in an assertion: whatever else there is could mean anything. */
const PARTS: readonly Name[] = (['Issuer', 'Subject', 'Conditions', 'AuthnStatement', 'AttributeStatement'] as const).map((local) => ['assertion', local]);
/** Conditions that are understood; that it is used once only holds for every assertion, and that it is passed on concerns others. */
const CONDITIONS: readonly Name[] = (['AudienceRestriction', 'OneTimeUse', 'ProxyRestriction'] as const).map((local) => ['assertion', local]);

/** What an assertion is held against. */
export interface Expected {
  readonly entityIds: readonly string[];
  readonly audiences: readonly string[];
  /** The URLs that a response may be meant for. */
  readonly recipients: readonly string[];
  readonly now: Date;
}

/** Who was let in, and for how long. */
export interface AssertionFacts {
  readonly assertionId: string;
  readonly issuer: string;
  readonly subject: string;
  /** The format of the name, without the prefix of SAML 2.0. */
  readonly subjectType: string;
  /** The Recipient: which of the URLs it is meant for. */
  readonly recipient: string;
  /** When the user's session at the identity provider ends. */
  readonly sessionNotOnOrAfter?: Date;
  /** The assertion is refused from here on, whatever else is said. */
  readonly acceptedUntil: Date;
}

/** Reads an assertion that was verified. Throws InvalidIdentityToken, ExpiredTokenException and AccessDenied. */
export function readAssertion(assertion: XmlElement, expected: Expected): AssertionFacts {
  if (attributeOf(assertion, 'Version') !== '2.0') throw malformed('the assertion is not of version 2.0');
  const assertionId = attributeOf(assertion, 'ID');
  if (assertionId === undefined || assertionId === '') throw malformed('the assertion has no ID');
  for (const part of elementsIn(assertion)) if (!PARTS.some((name) => isNamed(part, name))) throw malformed(`the assertion has ${part.local}`);
  const issuer = requireIssuer(onlyChild(assertion, ['assertion', 'Issuer']), expected.entityIds);
  const issuedAt = timeOf(assertion, 'IssueInstant');
  if (issuedAt === undefined) throw malformed('the assertion does not say when it was issued');
  requireBegun(issuedAt, expected.now);
  const confirmation = confirmationIn(assertion, expected);
  const ends = [new Date(issuedAt.getTime() + REDEEM_MS), confirmation.notOnOrAfter, ...conditionsIn(assertion, expected)];
  const sessionEnds = sessionEndsIn(assertion);
  for (const end of [...ends, ...sessionEnds]) if (expected.now >= end) throw expired('it is not valid any more');
  const sessionNotOnOrAfter = earliest(sessionEnds);
  return {
    assertionId,
    issuer,
    ...nameIn(assertion),
    recipient: confirmation.recipient,
    ...(sessionNotOnOrAfter !== undefined && { sessionNotOnOrAfter }),
    acceptedUntil: earliest([...ends, ...sessionEnds]) ?? issuedAt,
  };
}

/** The name of an issuer. Throws InvalidIdentityToken where it is not the provider. */
export function requireIssuer(element: XmlElement, entityIds: readonly string[]): string {
  const issuer = textOf(element);
  if ((attributeOf(element, 'Format') ?? ENTITY) !== ENTITY || !entityIds.includes(issuer)) throw invalid('Issuer not present in specified provider', 'the issuer is another');
  return issuer;
}

function earliest(times: readonly Date[]): Date | undefined {
  return times.length === 0 ? undefined : new Date(Math.min(...times.map((time) => time.getTime())));
}

/** A time of an attribute, in UTC as SAML wants it (SAML core §1.3.3); undefined where there is none. Throws InvalidIdentityToken. */
export function timeOf(element: XmlElement, name: string): Date | undefined {
  const text = attributeOf(element, name);
  if (text === undefined) return undefined;
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(text) ? new Date(text) : new Date(NaN);
  // 30 February is no time, although it is read as one.
  if (Number.isNaN(time.getTime()) || time.toISOString().slice(0, 19) !== text.slice(0, 19)) throw malformed(`${name} is no time`);
  return time;
}

function requireBegun(from: Date | undefined, now: Date): void {
  if (from !== undefined && from.getTime() > now.getTime() + AHEAD_MS) throw expired('it is not valid yet');
}

/** Who it is about. Throws AccessDenied where it does not say so. */
function nameIn(assertion: XmlElement): { subject: string; subjectType: string } {
  const name = optionalChild(onlyChild(assertion, ['assertion', 'Subject']), ['assertion', 'NameID']);
  const subject = name === undefined ? '' : textOf(name);
  if (name === undefined || subject === '') throw denied('it has no NameID');
  if (subject.length > SUBJECT_MAX || Buffer.byteLength(subject) > SUBJECT_BYTES_MAX) throw invalid('NameID in AuthnResponse is too long', 'the NameID is too long');
  const format = attributeOf(name, 'Format') ?? UNSPECIFIED;
  if (format.length > SUBJECT_MAX) throw invalid('NameID in AuthnResponse is too long', 'the format of the NameID is too long');
  return { subject, subjectType: format.startsWith(NAME_ID_2_0) ? format.slice(NAME_ID_2_0.length) : format };
}

/** Whom an assertion is about, whatever else is wrong with it; nobody where it does not say so as it should. */
export function subjectIn(assertion: XmlElement): string {
  try {
    return nameIn(assertion).subject;
  } catch (error) {
    if (error instanceof ApiError) return '';
    throw error;
  }
}

/** The one confirmation by which whoever brings the response is taken for its subject (SAML profiles §4.1.4.2). */
function confirmationIn(assertion: XmlElement, { recipients, now }: Expected): { recipient: string; notOnOrAfter: Date } {
  const refused = (why: string): Error => invalid('SubjectConfirmation in AuthnResponse must be one of a bearer, with NotOnOrAfter and a Recipient of this service', why);
  const [confirmation, ...others] = childrenOf(onlyChild(assertion, ['assertion', 'Subject']), ['assertion', 'SubjectConfirmation']);
  if (confirmation === undefined || others.length > 0) throw refused('there is not just one SubjectConfirmation');
  if (attributeOf(confirmation, 'Method') !== BEARER) throw refused('it is not confirmed by its bearer');
  const data = optionalChild(confirmation, ['assertion', 'SubjectConfirmationData']);
  if (data === undefined) throw refused('there is no SubjectConfirmationData');
  const [recipient, notOnOrAfter] = [attributeOf(data, 'Recipient'), timeOf(data, 'NotOnOrAfter')];
  if (recipient === undefined || !recipients.includes(recipient)) throw refused('the Recipient is another');
  if (notOnOrAfter === undefined) throw refused('there is no NotOnOrAfter');
  requireUnasked(data);
  requireBegun(timeOf(data, 'NotBefore'), now);
  return { recipient, notOnOrAfter };
}

/** Refuses what answers a request: this service sends none, so it was somebody else's (SAML profiles §4.1.5). */
export function requireUnasked(element: XmlElement): void {
  if (attributeOf(element, 'InResponseTo') !== undefined) throw invalid('InResponseTo in AuthnResponse must not be present', 'it answers a request');
}

/** When it ends by its conditions, all of which must be understood and met (SAML core §2.5.1). */
function conditionsIn(assertion: XmlElement, { audiences, now }: Expected): readonly Date[] {
  const conditions = onlyChild(assertion, ['assertion', 'Conditions']);
  for (const condition of elementsIn(conditions)) if (!CONDITIONS.some((name) => isNamed(condition, name))) throw malformed(`the conditions have ${condition.local}`);
  const restrictions = childrenOf(conditions, ['assertion', 'AudienceRestriction']);
  const isMet = (restriction: XmlElement): boolean => childrenOf(restriction, ['assertion', 'Audience']).some((audience) => audiences.includes(textOf(audience)));
  if (restrictions.length === 0 || !restrictions.every(isMet)) throw invalid('Response does not contain the required audience.', 'the audience is another');
  requireBegun(timeOf(conditions, 'NotBefore'), now);
  const notOnOrAfter = timeOf(conditions, 'NotOnOrAfter');
  return notOnOrAfter === undefined ? [] : [notOnOrAfter];
}

/** When the sessions end in which the user was authenticated. */
function sessionEndsIn(assertion: XmlElement): readonly Date[] {
  const statements = childrenOf(assertion, ['assertion', 'AuthnStatement']);
  if (statements.length === 0) throw malformed('it does not say that anybody was authenticated');
  return statements.flatMap((statement) => timeOf(statement, 'SessionNotOnOrAfter') ?? []);
}
