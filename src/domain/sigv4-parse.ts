import { hash } from 'node:crypto';
import { ApiError } from './errors.js';
import { ALGORITHM, decodeCanonical, queryPairs, type HttpRequest, type SignedRequest } from './sigv4-canonical.js';

const MAX_AUTHORIZATION_LENGTH = 8192;
const MAX_SIGNED_HEADERS = 100;
const MAX_EXPIRES_SECONDS = 604_800;

const incomplete = (message: string): ApiError => new ApiError('IncompleteSignature', message);

/** Bounds what a message echoes of the caller's own text. */
const shown = (text: string): string => (text.length > 128 ? `${text.slice(0, 128)}...` : text);

interface HeaderFacts {
  readonly authorization: string | undefined;
  readonly amzDate: string | undefined;
  readonly date: string | undefined;
  readonly securityToken: string | undefined;
  readonly amzNames: readonly string[];
}

function readHeaders(headers: HttpRequest['headers']): HeaderFacts {
  const found = new Map<string, string>();
  const amzNames: string[] = [];
  for (const [received, value] of headers) {
    const name = received.toLowerCase();
    if (name.startsWith('x-amz-')) amzNames.push(name);
    else if (name !== 'authorization' && name !== 'date') continue;
    const earlier = found.get(name);
    if (earlier !== undefined && name === 'authorization') {
      throw incomplete('The Authorization header must not appear more than once.');
    }
    // A repeated date or token becomes a text that is neither, and is refused as such.
    found.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  return {
    authorization: found.get('authorization'),
    amzDate: found.get('x-amz-date'),
    date: found.get('date'),
    securityToken: found.get('x-amz-security-token'),
    amzNames,
  };
}

const queryAuthNames: ReadonlySet<string> = new Set([
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-Security-Token',
  'X-Amz-Signature',
  'X-Amz-SignedHeaders',
]);

interface QueryFacts {
  /** Authentication parameters, decoded. */
  readonly auth: ReadonlyMap<string, string>;
  readonly isSigV2: boolean;
}

function readQuery(query: string): QueryFacts {
  const auth = new Map<string, string>();
  let isSigV2 = false;
  for (const [name, value] of query === '' ? [] : queryPairs(query)) {
    isSigV2 ||= name === 'AWSAccessKeyId' || name === 'SignatureVersion';
    if (!queryAuthNames.has(name)) continue;
    if (auth.has(name)) throw incomplete(`The query parameter '${name}' must not appear more than once.`);
    auth.set(name, decodeCanonical(value));
  }
  return { auth, isSigV2 };
}

/**
 * Reads the signature of a request, in header or presigned form, without judging it; throws the ApiError
 * that AWS answers for a missing, malformed or incomplete one (AWS IAM User Guide: Signature Version 4).
 * A session token in a header must be signed like every `x-amz-*` header; in a query it may be appended later.
 */
export function parseSignature(request: HttpRequest): SignedRequest {
  const headers = readHeaders(request.headers);
  const query = readQuery(request.query);
  if (query.auth.size > 0) {
    if (headers.authorization !== undefined) {
      throw incomplete(
        'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the Authorization header should be specified',
      );
    }
    return parsePresigned(query.auth);
  }
  if (headers.authorization !== undefined) return parseAuthorization(headers.authorization, headers);
  if (query.isSigV2) throw incomplete('AWS Signature Version 2 is not supported.');
  throw new ApiError('MissingAuthenticationToken', 'Request is missing Authentication Token');
}

function parseAuthorization(authorization: string, headers: HeaderFacts): SignedRequest {
  if (authorization.length > MAX_AUTHORIZATION_LENGTH) {
    throw incomplete(`The Authorization header must not be longer than ${MAX_AUTHORIZATION_LENGTH} characters.`);
  }
  const fields = readFields(authorization);
  const amzDate = headers.amzDate ?? headers.date;
  const credential = fields.get('Credential');
  const signature = fields.get('Signature');
  const signedHeaders = fields.get('SignedHeaders');
  if (!amzDate || !credential || !signature || !signedHeaders) {
    const missing = ['Credential', 'Signature', 'SignedHeaders']
      .filter(name => !fields.get(name))
      .map(name => `Authorization header requires '${name}' parameter. `);
    if (!amzDate) missing.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ");
    throw incomplete(`${missing.join('')}(Hashed with SHA-256 and encoded with Base64) Authorization=${digest(authorization)}`);
  }
  const time = readDate(amzDate, headers.amzDate === undefined);
  const names = readSignedHeaders(signedHeaders);
  for (const name of headers.amzNames) {
    if (!names.includes(name)) throw unsignedHeader(`'${name}'`);
  }
  return {
    form: 'header',
    ...readCredential(credential),
    amzDate: time,
    signedHeaders: names,
    signature,
    ...(headers.securityToken !== undefined && { securityToken: headers.securityToken }),
  };
}

const digest = (text: string): string => hash('sha256', Buffer.from(text, 'latin1'), 'base64');

/** The fields of an AWS4-HMAC-SHA256 Authorization header. */
function readFields(authorization: string): ReadonlyMap<string, string> {
  const space = authorization.indexOf(' ');
  const algorithm = space === -1 ? authorization : authorization.slice(0, space);
  if (algorithm !== ALGORITHM) throw unsupportedScheme(algorithm);
  const fields = new Map<string, string>();
  for (const part of space === -1 ? [] : authorization.slice(space + 1).split(',')) {
    const field = part.trim();
    const equals = field.indexOf('=');
    if (equals === -1) {
      throw incomplete(
        `'${shown(field)}' not a valid key=value pair (missing equal-sign) in Authorization header` +
          ` (hashed with SHA-256 and encoded with Base64): '${digest(authorization)}'.`,
      );
    }
    const name = field.slice(0, equals);
    if (fields.has(name)) throw incomplete(`Authorization header must not repeat the '${shown(name)}' parameter.`);
    fields.set(name, field.slice(equals + 1));
  }
  return fields;
}

function unsupportedScheme(scheme: string): ApiError {
  if (scheme === 'AWS') return incomplete('AWS Signature Version 2 is not supported.');
  if (!scheme.startsWith('AWS4-')) return new ApiError('MissingAuthenticationToken', 'Missing Authentication Token');
  return incomplete(`Unsupported AWS 'algorithm': '${shown(scheme)}' (only ${ALGORITHM} for now).`);
}

function parsePresigned(auth: ReadonlyMap<string, string>): SignedRequest {
  if (auth.get('X-Amz-Algorithm') !== ALGORITHM) {
    throw new ApiError('MissingAuthenticationToken', 'Missing Authentication Token');
  }
  const amzDate = auth.get('X-Amz-Date');
  const credential = auth.get('X-Amz-Credential');
  const signature = auth.get('X-Amz-Signature');
  const signedHeaders = auth.get('X-Amz-SignedHeaders');
  if (!amzDate || !credential || !signature || !signedHeaders) {
    const missing = ['X-Amz-Credential', 'X-Amz-Signature', 'X-Amz-SignedHeaders', 'X-Amz-Date']
      .filter(name => !auth.get(name))
      .map(name => `AWS query-string parameters must include '${name}'. `);
    throw incomplete(`${missing.join('')}Re-examine the query-string parameters.`);
  }
  const time = readDate(amzDate, false);
  checkExpires(auth.get('X-Amz-Expires'));
  const securityToken = auth.get('X-Amz-Security-Token');
  return {
    form: 'query',
    ...readCredential(credential),
    amzDate: time,
    signedHeaders: readSignedHeaders(signedHeaders),
    signature,
    ...(securityToken !== undefined && { securityToken }),
  };
}

/** The number is checked and then not used: a presigned call is valid for 15 minutes, as at AWS STS. */
function checkExpires(expires: string | undefined): void {
  if (expires === undefined) return;
  if (!/^\d{1,15}$/.test(expires)) throw incomplete('X-Amz-Expires should be a number');
  if (Number(expires) > MAX_EXPIRES_SECONDS) {
    throw incomplete(
      'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
    );
  }
}

function readCredential(credential: string): Pick<SignedRequest, 'accessKeyId' | 'date' | 'region' | 'service' | 'terminator'> {
  const [accessKeyId, date, region, service, terminator, ...more] = credential.split('/');
  if (!accessKeyId || !date || !region || !service || !terminator || more.length > 0) {
    throw incomplete(
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${shown(credential)}'`,
    );
  }
  return { accessKeyId, date, region, service, terminator };
}

function readSignedHeaders(text: string): readonly string[] {
  const names = text.split(';');
  let previous = '';
  for (const name of names) {
    // One order and one spelling only, so that a signature has one canonical request.
    if (name <= previous || !/^:?[a-z0-9!#$%&'*+\-.^_`|~]+$/.test(name) || names.length > MAX_SIGNED_HEADERS) {
      throw incomplete(
        `SignedHeaders must be at most ${MAX_SIGNED_HEADERS} distinct lower-case header names in sorted order, got '${shown(text)}'`,
      );
    }
    previous = name;
  }
  if (!names.includes('host') && !names.includes(':authority')) throw unsignedHeader("'Host' or ':authority'");
  return names;
}

const unsignedHeader = (name: string): ApiError =>
  new ApiError('SignatureDoesNotMatch', `${name} must be a 'SignedHeader' in the AWS Authorization.`);

const amzDateForm = /^(\d{4})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3])([0-5]\d)([0-5]\d)Z$/;

/** Milliseconds of `YYYYMMDDTHHMMSSZ`, or undefined where the text is no such date or no day of the calendar. */
export function parseAmzDate(text: string): number | undefined {
  const parts = amzDateForm.exec(text);
  if (parts === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number);
  const time = Date.UTC(year, month - 1, day, hour, minute, second);
  return new Date(time).getUTCDate() === day ? time : undefined;
}

/** Formats a time as `YYYYMMDDTHHMMSSZ`, the ISO 8601 basic format of X-Amz-Date. */
export function formatAmzDate(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

const httpDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

function readDate(text: string, isDateHeader: boolean): string {
  if (parseAmzDate(text) !== undefined) return text;
  const time = isDateHeader && httpDate.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw incomplete(
      `Date must be in ISO-8601 'basic format'. Got '${shown(text)}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    );
  }
  return formatAmzDate(time);
}
