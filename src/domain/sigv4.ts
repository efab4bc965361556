import { createHmac } from 'node:crypto';
import { ApiError } from './errors.js';
import { type Secret, sameSecret } from './secret.js';
import {
  ALGORITHM,
  TERMINATOR,
  canonicalRequest,
  canonicalRequestAsSent,
  canonicalRequestWithoutToken,
  queryPairs,
  signatureMismatch,
  stringToSign,
  type HttpRequest,
  type SignedRequest,
} from './sigv4-canonical.js';
import { formatAmzDate, parseAmzDate, parseSignature } from './sigv4-parse.js';

export { canonicalRequest, formatAmzDate, parseSignature, stringToSign };
export type { HttpRequest, SignedRequest };

/** What a face accepts in a credential scope. */
export interface ScopeRules {
  readonly now: Date;
  /** Service names accepted, such as `sts`. */
  readonly services: readonly string[];
  /** Regions accepted; empty: any region that could be the name of one. */
  readonly regions: readonly string[];
}

const WINDOW_MS = 15 * 60 * 1000;

const refuse = (message: string): ApiError => new ApiError('SignatureDoesNotMatch', message);

/**
 * Judges time and credential scope: within 15 minutes of now, in both forms and whatever X-Amz-Expires
 * says, then terminator, service, region and day (AWS IAM User Guide: Troubleshoot Signature Version 4).
 */
export function checkScope(signed: SignedRequest, rules: ScopeRules): void {
  checkTime(signed.amzDate, rules.now);
  if (signed.terminator !== TERMINATOR) {
    throw refuse(`Credential should be scoped with a valid terminator: '${TERMINATOR}'.`);
  }
  if (!rules.services.includes(signed.service)) {
    const accepted = rules.services.map(service => `'${service}'`).join(' or ');
    throw refuse(`Credential should be scoped to correct service: ${accepted}. `);
  }
  const isKnown =
    rules.regions.length > 0
      ? rules.regions.includes(signed.region)
      : /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(signed.region);
  if (!isKnown) throw refuse('Credential should be scoped to a valid region. ');
  const day = signed.amzDate.slice(0, 8);
  if (signed.date !== day) {
    const scopeDay = signed.date.slice(0, 16);
    throw refuse(
      'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP:' +
        ` '${scopeDay}' != '${day}', from '${signed.amzDate}'.`,
    );
  }
}

function checkTime(amzDate: string, now: Date): void {
  const time = parseAmzDate(amzDate) ?? Number.NaN;
  // Signing times have whole seconds; so must the other side, or the message would contradict itself.
  const current = Math.floor(now.getTime() / 1000) * 1000;
  if (time > current + WINDOW_MS) {
    const latest = formatAmzDate(current + WINDOW_MS);
    throw refuse(`Signature not yet current: ${amzDate} is still later than ${latest} (${formatAmzDate(current)} + 15 min.)`);
  }
  if (!(time >= current - WINDOW_MS)) {
    const earliest = formatAmzDate(current - WINDOW_MS);
    throw refuse(`Signature expired: ${amzDate} is now earlier than ${earliest} (${formatAmzDate(current)} - 15 min.)`);
  }
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** The signing key of one day, region and service (AWS IAM User Guide: Create a signed request, step 4). */
export function signingKey(
  secret: Secret,
  scope: { readonly date: string; readonly region: string; readonly service: string },
): Buffer {
  const day = hmac(`AWS4${secret.reveal()}`, scope.date);
  return hmac(hmac(hmac(day, scope.region), scope.service), TERMINATOR);
}

const signatureOf = (key: Buffer, text: string): string => createHmac('sha256', key).update(text).digest('hex');

/**
 * Compares the signature with the one calculated, in constant time; throws SignatureDoesNotMatch. A session
 * token in a query may be outside the signature: it opens with its own access key id only.
 */
export function verifySignature(request: HttpRequest, signed: SignedRequest, key: Buffer): void {
  const text = stringToSign(signed, canonicalRequest(request, signed));
  if (sameSecret(signatureOf(key, text), signed.signature)) return;
  if (signed.form === 'query' && signed.securityToken !== undefined) {
    const appended = stringToSign(signed, canonicalRequestWithoutToken(request, signed));
    if (sameSecret(signatureOf(key, appended), signed.signature)) return;
  }
  // Only Stint's own routes have names in their paths; AWS's services are asked for as AWS does.
  const asSent = signed.service === 'stint' ? canonicalRequestAsSent(request, signed) : undefined;
  if (asSent !== undefined && sameSecret(signatureOf(key, stringToSign(signed, asSent)), signed.signature)) return;
  throw signatureMismatch({ stringToSign: text });
}

/** What a client signs with. */
export interface Signing {
  readonly accessKeyId: string;
  readonly secret: Secret;
  readonly region: string;
  readonly service: string;
  /** Time of signing, `YYYYMMDDTHHMMSSZ`. */
  readonly amzDate: string;
  readonly securityToken?: string;
  /** Headers to sign; by default all that survive proxies when signing a header, `host` alone when presigning. */
  readonly signedHeaders?: readonly string[];
}

const unsignable: ReadonlySet<string> = new Set([
  'accept-encoding',
  'authorization',
  'connection',
  'expect',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'x-amzn-trace-id',
]);

function unsignedRequest(form: SignedRequest['form'], signing: Signing, names: Iterable<string>): SignedRequest {
  return {
    form,
    accessKeyId: signing.accessKeyId,
    date: signing.amzDate.slice(0, 8),
    amzDate: signing.amzDate,
    region: signing.region,
    service: signing.service,
    terminator: TERMINATOR,
    signedHeaders: [...new Set([...names].map(name => name.toLowerCase()))].sort(),
    signature: '',
  };
}

const credentialOf = (signed: SignedRequest): string =>
  `${signed.accessKeyId}/${signed.date}/${signed.region}/${signed.service}/${signed.terminator}`;

/**
 * Signs a request in header form and answers the value of its Authorization header. The caller sends
 * `X-Amz-Date: {amzDate}`, and `X-Amz-Security-Token` where a token is given, along with it.
 */
export function sign(request: HttpRequest, signing: Signing): string {
  const own = new Map([['x-amz-date', signing.amzDate]]);
  if (signing.securityToken !== undefined) own.set('x-amz-security-token', signing.securityToken);
  const headers = [...request.headers.filter(([name]) => !own.has(name.toLowerCase())), ...own];
  const names = headers.map(([name]) => name.toLowerCase());
  const chosen = signing.signedHeaders ?? names.filter(name => !unsignable.has(name));
  const required = names.filter(name => name === 'host' || name.startsWith('x-amz-'));
  const signed = unsignedRequest('header', signing, [...chosen, ...required]);
  const text = stringToSign(signed, canonicalRequest({ ...request, headers }, signed));
  const signature = signatureOf(signingKey(signing.secret, signed), text);
  return `${ALGORITHM} Credential=${credentialOf(signed)}, SignedHeaders=${signed.signedHeaders.join(';')}, Signature=${signature}`;
}

/**
 * Signs a request in query form and answers its complete query string, without `?` (AWS IAM User Guide:
 * Add signing information to the query string).
 */
export function presign(request: HttpRequest, signing: Signing & { readonly expiresSeconds?: number }): string {
  const signed = unsignedRequest('query', signing, ['host', ...(signing.signedHeaders ?? [])]);
  const parameters: [string, string][] = [
    ['X-Amz-Algorithm', ALGORITHM],
    ['X-Amz-Credential', credentialOf(signed)],
    ['X-Amz-Date', signed.amzDate],
    ['X-Amz-Expires', String(signing.expiresSeconds ?? 900)],
    ['X-Amz-SignedHeaders', signed.signedHeaders.join(';')],
  ];
  if (signing.securityToken !== undefined) parameters.push(['X-Amz-Security-Token', signing.securityToken]);
  const added = parameters.map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  const query = [...queryPairs(request.query).map(([name, value]) => `${name}=${value}`), ...added].join('&');
  const text = stringToSign(signed, canonicalRequest({ ...request, query }, signed));
  return `${query}&X-Amz-Signature=${signatureOf(signingKey(signing.secret, signed), text)}`;
}
