import { ApiError } from './errors.js';
import { isArray, isObject, JsonNumber, readJson, type Json, type JsonObject } from './policy/json.js';
import type { FederatedKeys, FederatedWishes } from './principal.js';
import { requireSessionTags, type SessionTags } from './session-tags.js';
import type { TagFact } from './tags.js';

/** Algorithms that identity tokens may be signed with (AWS STS API Reference: AssumeRoleWithWebIdentity). */
export const tokenAlgorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'] as const;

/** One of them. */
export type TokenAlgorithm = (typeof tokenAlgorithms)[number];

/** A token of which nothing is believed yet. */
export interface UnverifiedToken {
  /** JWS Compact Serialization (RFC 7515 §7.1). */
  readonly text: string;
  readonly algorithm: TokenAlgorithm;
  /** Names the key at its issuer. */
  readonly keyId: string | undefined;
  /** Who says to have issued it, as it writes it. */
  readonly issuer: string;
  readonly claims: JsonObject;
}

/** What a token says whose signature was right. */
export interface TokenIdentity {
  readonly subject: string;
  /** The authorised party where one is named, the audience otherwise. */
  readonly audience: string;
  /** Condition keys, `issuer:claim`, in lower case. */
  readonly keys: FederatedKeys;
  /** Those that stay with the session. */
  readonly lastingKeys: FederatedKeys;
}

const PREFIX = 'https://aws.amazon.com/';
/** A text of a claim that is shown and recorded, in characters (STS API: SubjectFromWebIdentityToken). */
const SUBJECT_MAX = 255;
const KEY_ID_MAX = 255;
/** What no name of anybody has: control characters, and half characters, which would all be written as the same. */
const UNSHOWN = /[\p{Cc}\p{Cs}]/gu;
/** How far ahead of ours an issuer's clock may be, in seconds: nothing is longer valid for it. */
const AHEAD_MAX = 300;
/**
 * Header parameters that say where keys are to be found, that the token is something else than it looks, or that must be
 * understood (RFC 7515 §4.1, RFC 7797): an issuer has no use for them here.
 */
const REFUSED_PARAMETERS = ['b64', 'crit', 'cty', 'enc', 'jku', 'jwk', 'x5c', 'x5u', 'zip'];
/** Claims that are there for every issuer, and that later requests of the session can ask about (policy-evaluation §7.3). */
const LASTING = ['sub', 'aud', 'amr', 'azp', 'oaud'];
/** Nobody outside says what these mean. */
const RESERVED = /^(?:aws|sts|iam|saml|stint|ec2|s3|kms)$/;
const SOURCE_IDENTITY = /^[\w+=,.@-]{2,64}$/;
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
const TAGS_MAX = 50;

/** The refusal of a token (STS API: InvalidIdentityToken). */
export function badToken(message: string): ApiError {
  return new ApiError('InvalidIdentityToken', message);
}

const NOT_A_JWT = 'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)';

/**
 * Reads a token without believing it (RFC 7515 §5.2, RFC 8725): three parts in canonical base64url, JSON without repeated members, an
 * algorithm that identity providers use, and nothing in the header that would have something fetched. Throws InvalidIdentityToken.
 */
export function readIdentityToken(given: string): UnverifiedToken {
  // Tokens are read from files, which end in a line feed.
  const text = given.trim();
  const [head = '', body = '', signature = '', ...more] = text.split('.');
  if (more.length > 0 || signature === '' || !isBase64Url(signature)) throw badToken(NOT_A_JWT);
  const [header, claims] = [objectIn(head), objectIn(body)];
  for (const name of REFUSED_PARAMETERS) if (header.has(name)) throw badToken(`The ID Token has the header parameter ${name}, which is not accepted.`);
  const type = header.get('typ');
  if (type !== undefined && !(typeof type === 'string' && type.toUpperCase() === 'JWT')) throw badToken(NOT_A_JWT);
  const algorithm = tokenAlgorithms.find((name) => name === header.get('alg'));
  if (algorithm === undefined) throw badToken(`The ID Token must be signed with one of ${tokenAlgorithms.join(', ')}.`);
  const keyId = header.get('kid');
  if (keyId !== undefined && !(typeof keyId === 'string' && keyId.length <= KEY_ID_MAX)) throw badToken('The header parameter kid of the ID Token is not valid.');
  const issuer = claims.get('iss');
  if (issuer === undefined) throw missing('iss');
  if (typeof issuer !== 'string') throw badToken('The claim iss of the ID Token is not a text.');
  return { text, algorithm, keyId, issuer, claims };
}

/** What a token says about who comes, as far as it says it; `name` is the issuer as ARNs write it. */
export function identityIn({ claims }: UnverifiedToken, name: string): TokenIdentity {
  const values = new Map([...claims].map(([claim, value]) => [claim, valueOf(value)] as const));
  const party = values.get('azp');
  if (party !== undefined) {
    values.set('oaud', values.get('aud'));
    values.set('aud', party);
  }
  // A claim such as `8443/path:sub` would read as the subject of an issuer on another port of the same host.
  const spoken = RESERVED.test(name.toLowerCase()) ? [] : [...spokenFor(values)].filter(([claim]) => !/^\d+[/:]/.test(claim));
  const keys = spoken.map(([claim, value]) => [`${name}:${claim}`.toLowerCase(), value] as const);
  const lasting = new Set(LASTING.map((claim) => `${name}:${claim}`.toLowerCase()));
  return { subject: shown(values.get('sub')), audience: shown(values.get('aud')), keys: new Map(keys), lastingKeys: new Map(keys.filter(([key]) => lasting.has(key))) };
}

/**
 * Refuses a token whose signature was right: InvalidIdentityToken where a required claim is missing or the token is not for
 * this account's clients, ExpiredTokenException (OpenID Connect Core 1.0 §3.1.3.7; sts-api §12).
 */
export function requireValidClaims({ claims }: UnverifiedToken, { clientIds, now }: { clientIds: readonly string[]; now: Date }): void {
  for (const claim of ['aud', 'sub', 'iat', 'exp']) if (!claims.has(claim)) throw missing(claim);
  requireAudience(claims, clientIds);
  const subject = claims.get('sub');
  if (typeof subject !== 'string' || subject === '' || subject.length > SUBJECT_MAX || subject.search(UNSHOWN) >= 0) throw badToken('The claim sub of the ID Token is not valid.');
  const seconds = now.getTime() / 1000;
  const expiry = epochIn(claims, 'exp');
  if (seconds >= expiry) throw new ApiError('ExpiredTokenException', `Token expired: current date/time ${String(Math.floor(seconds))} must be before the expiration date/time ${String(expiry)}`);
  const start = Math.max(epochIn(claims, 'iat'), claims.has('nbf') ? epochIn(claims, 'nbf') : 0);
  if (start > seconds + AHEAD_MAX) throw badToken('The ID Token is not valid yet.');
}

function requireAudience(claims: JsonObject, clientIds: readonly string[]): void {
  const [audience, party] = [textsIn(claims, 'aud'), claims.get('azp')];
  if (party !== undefined && typeof party !== 'string') throw badToken('The claim azp of the ID Token is not a text.');
  if (party === undefined && audience.length > 1) throw badToken('Token audience contains more than one audience while authorized party is not present');
  const effective = party ?? audience[0];
  if (effective === undefined || !clientIds.includes(effective)) throw badToken('Incorrect token audience');
}

/** Refuses (InvalidIdentityToken) a role that the identity provider did not list, where it lists any; whether it did. */
function isListed(claims: JsonObject, role: string): boolean {
  if (!claims.has(`${PREFIX}roles`)) return false;
  if (!textsIn(claims, `${PREFIX}roles`).includes(role)) throw badToken('The target role ARN is not present in the roles claim of the identity token');
  return true;
}

/**
 * What a valid token asks for the session, in a call for a role (IAM User Guide: passing session tags using
 * AssumeRoleWithWebIdentity). Throws InvalidIdentityToken.
 */
export function wishesIn({ claims }: UnverifiedToken, role: string): FederatedWishes {
  const isRoleListed = isListed(claims, role);
  const source = claims.get(`${PREFIX}source_identity`);
  if (source !== undefined) requireSourceIdentity(source);
  return { isRoleListed, ...(source !== undefined && { sourceIdentity: source }), ...tagsIn(claims.get(`${PREFIX}tags`)) };
}

/** Wishes of a token that asks for nothing that could be granted. */
export const noWishes: FederatedWishes = { tags: [], transitiveTagKeys: [], isRoleListed: false };

/** Refuses (InvalidIdentityToken) what cannot be a source identity. */
export function requireSourceIdentity(value: unknown): asserts value is string {
  if (typeof value === 'string' && SOURCE_IDENTITY.test(value) && !value.toLowerCase().startsWith('aws:')) return;
  throw badToken('Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:".');
}

function tagsIn(value: Json | undefined): SessionTags {
  if (value === undefined) return { tags: [], transitiveTagKeys: [] };
  const malformed = badToken(`The claim ${PREFIX}tags of the ID Token is not valid.`);
  if (!isObject(value) || [...value.keys()].some((name) => name !== 'principal_tags' && name !== 'transitive_tag_keys')) throw malformed;
  const [principal, keys] = [value.get('principal_tags'), value.get('transitive_tag_keys') ?? []];
  if (!isObject(principal) || !isArray(keys)) throw malformed;
  const tags = [...principal].map(([Key, values]): TagFact => {
    // One value each: session tags have no more.
    const Value = isArray(values) && values.length === 1 ? values[0] : undefined;
    if (typeof Value !== 'string') throw malformed;
    return { Key, Value };
  });
  return requireTokenTags({ tags, transitiveTagKeys: keys.map(textOr(malformed)) });
}

/** Session tags of an identity provider, which keep to the rules of passed ones. Throws InvalidIdentityToken. */
export function requireTokenTags(passed: SessionTags): SessionTags {
  const { tags, transitiveTagKeys } = passed;
  const isValid = ({ Key, Value }: TagFact): boolean => Key !== '' && Key.length <= 128 && Value.length <= 256 && TAG_TEXT.test(Key) && TAG_TEXT.test(Value);
  if (tags.length > TAGS_MAX || transitiveTagKeys.length > TAGS_MAX || !tags.every(isValid)) throw badToken('The session tags of the identity provider are not valid.');
  try {
    requireSessionTags(tags);
  } catch (error) {
    throw badToken(error instanceof Error ? error.message : 'The session tags of the identity provider are not valid.');
  }
  return passed;
}

/**
 * The claims that become condition keys. Those do not tell `Sub` from `sub`: whoever may choose the names of some claims must
 * not speak for another one. Of several only the one in lower case counts; in one pass, for there may be thousands.
 */
function spokenFor(claims: ReadonlyMap<string, ClaimValue | undefined>): ReadonlyMap<string, ClaimValue> {
  const names = new Map<string, number>();
  for (const claim of claims.keys()) names.set(claim.toLowerCase(), (names.get(claim.toLowerCase()) ?? 0) + 1);
  return new Map([...claims].flatMap(([claim, value]) => (value !== undefined && (claim === claim.toLowerCase() || names.get(claim.toLowerCase()) === 1) ? [[claim, value] as const] : [])));
}

function missing(claim: string): ApiError {
  return badToken(`Missing a required claim: ${claim}.`);
}

function textOr(error: ApiError): (value: Json) => string {
  return (value) => {
    if (typeof value !== 'string') throw error;
    return value;
  };
}

/** A claim that is a text or a list of texts. */
function textsIn(claims: JsonObject, claim: string): readonly string[] {
  const value = claims.get(claim);
  return [value].flat().map((item) => textOr(badToken(`The claim ${claim} of the ID Token is not a text.`))(item as Json));
}

/** A NumericDate in whole seconds (RFC 7519 §2); fractions are cut off. */
function epochIn(claims: JsonObject, claim: string): number {
  const value = claims.get(claim);
  const number = value instanceof JsonNumber ? Math.floor(Number(value.text)) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw badToken(`The claim ${claim} of the ID Token is not a number of seconds.`);
  return number;
}

type ClaimValue = string | readonly string[];

/** What conditions compare a claim with; objects are nothing that they could. */
function valueOf(value: Json): ClaimValue | undefined {
  if (!isArray(value)) return scalar(value);
  const items = value.map(scalar);
  return items.every((item) => item !== undefined) ? items : undefined;
}

function scalar(value: Json): string | undefined {
  if (typeof value === 'string') return value;
  if (value instanceof JsonNumber) return value.text;
  return typeof value === 'boolean' ? String(value) : undefined;
}

/** A claim as it is recorded, also where it is refused: PostgreSQL has no NUL, and UTF-8 no half characters. */
function shown(value: ClaimValue | undefined): string {
  return [value ?? ''].flat().join(',').slice(0, SUBJECT_MAX).replace(UNSHOWN, '\uFFFD');
}

function objectIn(part: string): JsonObject {
  const value = isBase64Url(part) ? readJson(utf8(Buffer.from(part, 'base64url'))) : undefined;
  if (!isObject(value)) throw badToken(NOT_A_JWT);
  return value;
}

/** Whether a text is base64url as it has to be written: no padding, and no bits that mean nothing (RFC 7515 §2). */
function isBase64Url(text: string): boolean {
  return /^[\w-]+$/.test(text) && Buffer.from(text, 'base64url').toString('base64url') === text;
}

function utf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return '';
  }
}
