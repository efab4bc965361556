import { hash } from 'node:crypto';
import { ApiError } from './errors.js';

/**
 * A request as it arrived. Every text is a byte string, one character per byte, as Node's HTTP parser hands
 * it over: a signature covers bytes, so UTF-8 that was decoded beforehand would not verify.
 */
export interface HttpRequest {
  readonly method: string;
  /** The path of the request target as sent, before `?`. */
  readonly path: string;
  /** The query string as sent, without `?`; empty where there is none. */
  readonly query: string;
  /** Names and values in the order received, names as received. */
  readonly headers: readonly (readonly [string, string])[];
  /** Lower-case hex SHA-256 of the raw body. */
  readonly bodySha256: string;
}

/** What a signed request says about its own signature (AWS IAM User Guide: Elements of a request signature). */
export interface SignedRequest {
  readonly form: 'header' | 'query';
  readonly accessKeyId: string;
  /** Day of the credential scope, `YYYYMMDD`. */
  readonly date: string;
  /** Time of signing, `YYYYMMDDTHHMMSSZ`. */
  readonly amzDate: string;
  readonly region: string;
  readonly service: string;
  /** Last part of the credential scope; only `aws4_request` is valid. */
  readonly terminator: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly securityToken?: string;
}

/** The only algorithm that Stint verifies. */
export const ALGORITHM = 'AWS4-HMAC-SHA256';

/** The last part of every credential scope. */
export const TERMINATOR = 'aws4_request';

const unreserved = /^[A-Za-z0-9\-._~]*$/;

function escapeByte(character: string): string {
  const code = character.charCodeAt(0);
  if (code > 0xff) throw new ApiError('ValidationError', 'The request target must consist of bytes.');
  return `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
}

function normalizeUnit(unit: string): string {
  if (unit === '+') return '%20';
  if (unit === '%') throw new ApiError('ValidationError', 'Illegal hex character in escape % pattern: %');
  if (unit.length === 1) return escapeByte(unit);
  const character = String.fromCharCode(Number.parseInt(unit.slice(1), 16));
  return unreserved.test(character) ? character : unit.toUpperCase();
}

/** Decodes and re-encodes a query name or value by bytes, so that no decoder can fail on hostile UTF-8. */
function normalizeQueryText(raw: string): string {
  return unreserved.test(raw) ? raw : raw.replace(/%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~]/g, normalizeUnit);
}

/**
 * Splits a query string into names and values in canonical encoding. `+` is a space, as in every form:
 * the parameters are read by the form rule too, and two readings of one signed text would let a `+` be
 * swapped for `%2B` without breaking the signature.
 */
export function queryPairs(query: string): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals === -1 ? part : part.slice(0, equals);
    const value = equals === -1 ? '' : part.slice(equals + 1);
    pairs.push([normalizeQueryText(name), normalizeQueryText(value)]);
  }
  return pairs;
}

/** Undoes canonical encoding, byte by byte. */
export function decodeCanonical(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(/%[0-9A-F]{2}/g, unit => String.fromCharCode(Number.parseInt(unit.slice(1), 16)));
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function canonicalQuery(query: string, omitted: ReadonlySet<string>): string {
  if (query === '') return '';
  return queryPairs(query)
    .filter(([name]) => !omitted.has(name))
    .sort(([nameA, valueA], [nameB, valueB]) => order(nameA, nameB) || order(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** Dot segments and empty segments vanish, then each segment is encoded once more than it was sent. */
function canonicalPath(path: string): string {
  if (path === '/' || path === '') return '/';
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') kept.pop();
    else kept.push(segment);
  }
  const normalized = `/${kept.join('/')}${kept.length > 0 && path.endsWith('/') ? '/' : ''}`;
  return normalized.replace(/[^A-Za-z0-9\-._~/]/g, escapeByte);
}

/** Folds runs of blanks into one and trims; only ASCII blanks, because 0xA0 may be part of a UTF-8 letter. */
function canonicalValue(value: string): string {
  if (!/[\t\r\n]|^ | $| {2}/.test(value)) return value;
  const folded = value.replace(/[ \t\r\n]+/g, ' ');
  return folded.slice(folded.startsWith(' ') ? 1 : 0, folded.endsWith(' ') ? -1 : undefined);
}

function canonicalHeaders(headers: HttpRequest['headers'], signedHeaders: readonly string[]): string {
  const values = new Map<string, string | undefined>();
  for (const name of signedHeaders) values.set(name, undefined);
  for (const [receivedName, received] of headers) {
    const name = receivedName.toLowerCase();
    if (!values.has(name)) continue;
    const earlier = values.get(name);
    const value = canonicalValue(received);
    values.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  let lines = '';
  for (const [name, value] of values) {
    // A header that was signed and then removed would otherwise count as an empty one.
    if (value === undefined) throw signatureMismatch({ absentHeader: name });
    lines += `${name}:${value}\n`;
  }
  return lines;
}

const signatureOnly: ReadonlySet<string> = new Set(['X-Amz-Signature']);
const signatureAndToken: ReadonlySet<string> = new Set(['X-Amz-Signature', 'X-Amz-Security-Token']);

/** The canonical request that the signature covers (AWS IAM User Guide: Create a signed request, step 1). */
export function canonicalRequest(request: HttpRequest, signed: SignedRequest): string {
  return canonicalOf(request, signed, { path: canonicalPath(request.path), omitted: signatureOnly });
}

/**
 * The canonical request of clients that leave the path as it is sent, as for S3: curl up to 7.88 does for every service.
 * Undefined where that could be the canonical request of another path too: without an escaped `%`, all paths that
 * read the same as this one mean the same.
 */
export function canonicalRequestAsSent(request: HttpRequest, signed: SignedRequest): string | undefined {
  const { path } = request;
  const isPlain = path.split('/').slice(1).every((segment) => !['', '.', '..'].includes(segment) && /^[!-~]+$/.test(segment));
  if (!isPlain || /%25|%(?![0-9A-Fa-f]{2})/.test(path)) return undefined;
  return canonicalOf(request, signed, { path, omitted: signatureOnly });
}

/** The canonical request of a presigned URL to which the session token was appended after signing. */
export function canonicalRequestWithoutToken(request: HttpRequest, signed: SignedRequest): string {
  return canonicalOf(request, signed, { path: canonicalPath(request.path), omitted: signatureAndToken });
}

function canonicalOf(request: HttpRequest, signed: SignedRequest, { path, omitted }: { path: string; omitted: ReadonlySet<string> }): string {
  return [
    request.method,
    path,
    canonicalQuery(request.query, omitted),
    canonicalHeaders(request.headers, signed.signedHeaders),
    signed.signedHeaders.join(';'),
    request.bodySha256,
  ].join('\n');
}

/** The string to sign (AWS IAM User Guide: Create a signed request, steps 2 and 3). */
export function stringToSign(signed: SignedRequest, canonical: string): string {
  const bytes = /[\u0080-\uffff]/.test(canonical) ? byteString(canonical) : canonical;
  const scope = `${signed.date}/${signed.region}/${signed.service}/${signed.terminator}`;
  return `${ALGORITHM}\n${signed.amzDate}\n${scope}\n${hash('sha256', bytes)}`;
}

function byteString(text: string): Buffer {
  if (/[\u0100-\uffff]/.test(text)) throw new ApiError('ValidationError', 'Signed headers must consist of bytes.');
  return Buffer.from(text, 'latin1');
}

/** AWS's answer to a wrong signature; the facts go to the log only. */
export function signatureMismatch(detail: Readonly<Record<string, unknown>>): ApiError {
  const message =
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key' +
    ' and signing method. Consult the service documentation for details.';
  return new ApiError('SignatureDoesNotMatch', message, { detail });
}
