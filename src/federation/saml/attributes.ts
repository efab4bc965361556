import { SourceIdentity, TransitiveTagKeys, SessionTags as TagsShape } from '../../contract/session-shapes.js';
import type { TagFact } from '../../domain/tags.js';
import { providerInArn } from '../../domain/providers.js';
import { denied, invalid } from './refusals.js';
import { attributeOf, childrenOf, elementsIn, isNamed, isElement, textOf, type XmlElement } from './xml.js';

/** A role that a response lets its user take, with the provider that trusts him. */
export interface RolePair {
  readonly roleArn: string;
  readonly principalArn: string;
}

/** What the attributes of an assertion say (IAM User Guide: SAML assertions for the authentication response). */
export interface AttributeFacts {
  readonly roles: readonly RolePair[];
  readonly roleSessionName: string;
  /** SessionDuration, in seconds: 900 to 43200. */
  readonly sessionDuration?: number;
  readonly sourceIdentity?: string;
  readonly tags: readonly TagFact[];
  readonly transitiveTagKeys: readonly string[];
  /** Condition keys of trust policies that come from the user's directory, such as `saml:edupersonaffiliation`. */
  readonly directoryKeys: Readonly<Record<string, string | readonly string[]>>;
}

const AWS = 'https://aws.amazon.com/SAML/Attributes/';
const TAG = `${AWS}PrincipalTag:`;
/** How long a value may be that becomes a condition key, in characters, and how many of one attribute count. */
const VALUE_MAX = 1_024;
const VALUES_MAX = 100;

/** Attributes of which every value counts. */
const LISTS: Readonly<Record<string, readonly string[]>> = {
  'saml:edupersonaffiliation': ['urn:oid:1.3.6.1.4.1.5923.1.1.1.1'],
  'saml:edupersonnickname': ['urn:oid:1.3.6.1.4.1.5923.1.1.1.2'],
  'saml:edupersonorgunitdn': ['urn:oid:1.3.6.1.4.1.5923.1.1.1.4'],
  'saml:edupersonentitlement': ['urn:oid:1.3.6.1.4.1.5923.1.1.1.7'],
  'saml:edupersonscopedaffiliation': ['urn:oid:1.3.6.1.4.1.5923.1.1.1.9'],
  'saml:edupersontargetedid': ['urn:oid:1.3.6.1.4.1.5923.1.1.1.10'],
  'saml:edupersonassurance': ['urn:oid:1.3.6.1.4.1.5923.1.1.1.11'],
  'saml:eduorghomepageuri': ['urn:oid:1.3.6.1.4.1.5923.1.2.1.2'],
  'saml:eduorgidentityauthnpolicyuri': ['urn:oid:1.3.6.1.4.1.5923.1.2.1.3'],
  'saml:eduorglegalname': ['urn:oid:1.3.6.1.4.1.5923.1.2.1.4'],
  'saml:eduorgsuperioruri': ['urn:oid:1.3.6.1.4.1.5923.1.2.1.5'],
  'saml:eduorgwhitepagesuri': ['urn:oid:1.3.6.1.4.1.5923.1.2.1.6'],
  'saml:cn': ['urn:oid:2.5.4.3'],
};

/** Attributes of which one value counts, by the names of eduPerson, Active Directory and X.500, the guide's spellings included. */
const SINGLE: Readonly<Record<string, readonly string[]>> = {
  'saml:edupersonorgdn': ['urn:oid:1.3.6.1.4.1.5923.1.1.1.3'],
  'saml:edupersonprimaryaffiliation': ['urn:oid:1.3.6.1.4.1.5923.1.1.1.5'],
  'saml:edupersonprincipalname': ['urn:oid:1.3.6.1.4.1.5923.1.1.1.6'],
  'saml:edupersonprimaryorgunitdn': ['urn:oid:1.3.6.1.4.1.5923.1.1.1.8'],
  'saml:name': ['http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name'],
  'saml:commonName': ['http://schemas.xmlsoap.org/claims/CommonName', '2.5.4.3'],
  'saml:givenName': ['http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname', '2.5.4.42', 'urn:oid:2.5.4.42', '2.4.5.42'],
  'saml:surname': ['http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname', '2.5.4.4', 'urn:oid:2.5.4.4'],
  'saml:mail': ['http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress', '0.9.2342.19200300.100.1.3', 'urn:oid:0.9.2342.19200300.100.1.3', '0.9.2342.19200300100.1.3'],
  'saml:primaryGroupSID': ['http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid'],
  'saml:uid': ['0.9.2342.19200300.100.1.1', 'urn:oid:0.9.2342.19200300.100.1.1', '0.9.2342.19200300100.1.1'],
  'saml:x500UniqueIdentifier': ['2.5.4.45', 'urn:oid:2.5.4.45'],
  'saml:organizationStatus': ['0.9.2342.19200300.100.1.45', 'urn:oid:0.9.2342.19200300.100.1.45'],
};

type Values = ReadonlyMap<string, readonly XmlElement[]>;

/** Reads the attribute statements of an assertion that was verified. Throws InvalidIdentityToken, and AccessDenied where no role is named. */
export function readAttributes(assertion: XmlElement): AttributeFacts {
  const values = valuesIn(assertion);
  const sessionDuration = durationIn(values);
  const sourceIdentity = sourceIdentityIn(values);
  return {
    roles: rolesIn(values),
    roleSessionName: sessionNameIn(values),
    ...(sessionDuration !== undefined && { sessionDuration }),
    ...(sourceIdentity !== undefined && { sourceIdentity }),
    ...tagsIn(values),
    directoryKeys: directoryKeysIn(values),
  };
}

/** Values by the name of their attribute; of two attributes with one name, those of both. Names are compared exactly. */
function valuesIn(assertion: XmlElement): Values {
  const values = new Map<string, XmlElement[]>();
  for (const statement of childrenOf(assertion, ['assertion', 'AttributeStatement'])) {
    for (const attribute of elementsIn(statement)) {
      const name = attributeOf(attribute, 'Name');
      if (!isNamed(attribute, ['assertion', 'Attribute']) || name === undefined) throw invalid('Attributes in AuthnResponse cannot be read', 'an attribute is encrypted or has no name');
      const of = values.get(name) ?? [];
      of.push(...childrenOf(attribute, ['assertion', 'AttributeValue']));
      values.set(name, of);
    }
  }
  return values;
}

/** The one value of an attribute; undefined where it has none. Which of several is meant nobody could say. */
function single(values: Values, name: string): string | undefined {
  const texts = new Set((values.get(name) ?? []).map(textOf));
  // The longest tag key has 128 characters; longer names are refused as well, but not repeated.
  if (texts.size > 1) throw invalid(`${name.slice(AWS.length, TAG.length + 128)} in AuthnResponse must have one value`, `${name} has several`);
  return [...texts][0];
}

function rolesIn(values: Values): readonly RolePair[] {
  const texts = (values.get(`${AWS}Role`) ?? []).map(textOf);
  const pairs = texts.flatMap(pairIn);
  if (pairs.length === 0) throw denied('no role is named');
  return pairs;
}

/** The role and the provider of a value, in either order; what is no such pair lets nobody in. */
function pairIn(text: string): RolePair[] {
  const [first = '', second = '', ...more] = text.split(',').map((arn) => arn.trim());
  if (more.length > 0) return [];
  if (isProvider(second) && !isProvider(first)) return [{ roleArn: first, principalArn: second }];
  return isProvider(first) && !isProvider(second) ? [{ roleArn: second, principalArn: first }] : [];
}

function isProvider(arn: string): boolean {
  return providerInArn(arn)?.type === 'saml-provider';
}

function sessionNameIn(values: Values): string {
  const name = single(values, `${AWS}RoleSessionName`);
  if (name === undefined || name === '') throw invalid('RoleSessionName is required in AuthnResponse', 'it has no RoleSessionName');
  if (!/^[\w+=,.@-]{2,64}$/.test(name)) throw invalid('RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}', 'it has an odd RoleSessionName');
  return name;
}

function durationIn(values: Values): number | undefined {
  const text = single(values, `${AWS}SessionDuration`);
  if (text === undefined) return undefined;
  const seconds = /^[1-9]\d{2,4}$/.test(text) ? Number(text) : 0;
  if (seconds < 900 || seconds > 43_200) throw invalid('SessionDuration in AuthnResponse must be between 900 and 43200', 'it has an odd SessionDuration');
  return seconds;
}

function sourceIdentityIn(values: Values): string | undefined {
  const text = single(values, `${AWS}SourceIdentity`);
  if (text === undefined || SourceIdentity.safeParse(text).success) return text;
  throw invalid('Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:".', 'it has an odd SourceIdentity');
}

/** Session tags. Rules among them, such as keys that differ by case only, are those of every session (domain/session-tags.ts). */
function tagsIn(values: Values): Pick<AttributeFacts, 'tags' | 'transitiveTagKeys'> {
  const tags = [...values.keys()].filter((name) => name.startsWith(TAG)).flatMap((name) => {
    const value = single(values, name);
    return value === undefined ? [] : [{ Key: name.slice(TAG.length), Value: value }];
  });
  if (!TagsShape.safeParse(tags).success) throw invalid('PrincipalTag in AuthnResponse is not valid', 'it has odd tags');
  const transitiveTagKeys = (values.get(`${AWS}TransitiveTagKeys`) ?? []).map(textOf);
  if (!TransitiveTagKeys.safeParse(transitiveTagKeys).success) throw invalid('TransitiveTagKeys in AuthnResponse is not valid', 'it has odd TransitiveTagKeys');
  return { tags, transitiveTagKeys };
}

function directoryKeysIn(values: Values): Readonly<Record<string, string | readonly string[]>> {
  const found = (names: readonly string[]): string[] => names.flatMap((name) => (values.get(name) ?? []).map(directoryText));
  const keys: Record<string, string | readonly string[]> = {};
  for (const [key, names] of Object.entries(LISTS)) {
    const texts = found(names);
    if (texts.length > VALUES_MAX) throw invalid('Attributes in AuthnResponse have too many values', `${key} has too many values`);
    if (texts.length > 0) keys[key] = texts;
  }
  for (const [key, names] of Object.entries(SINGLE)) {
    const [text] = found(names);
    if (text !== undefined) keys[key] = text;
  }
  return keys;
}

/** The text of a value; of an eduPersonTargetedID that of the NameID in it. */
function directoryText(value: XmlElement): string {
  const [inner] = value.children.filter(isElement);
  const text = textOf(inner !== undefined && elementsIn(value).length === 1 && isNamed(inner, ['assertion', 'NameID']) ? inner : value);
  if (text.length > VALUE_MAX) throw invalid('Attributes in AuthnResponse are too long', 'a value is too long');
  return text;
}
