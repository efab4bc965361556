import { hash } from 'node:crypto';
import { ApiError } from '../../src/domain/errors.js';
import { Secret } from '../../src/domain/secret.js';
import { checkScope, parseSignature, signingKey, verifySignature, type HttpRequest } from '../../src/domain/sigv4.js';
import { captures, captureSecrets, type Capture } from '../support/captures.js';

const isSigned = ({ request }: Capture): boolean =>
  request.headers.some(([name, value]) => name.toLowerCase() === 'authorization' && value.startsWith('AWS4-'));

const signed = captures().filter(isSigned);
const unsigned = captures().filter(capture => !isSigned(capture));

function verifies(request: HttpRequest, secret: string): boolean {
  const parsed = parseSignature(request);
  const now = new Date(parsed.amzDate.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  checkScope(parsed, { now, services: ['sts'], regions: [] });
  try {
    verifySignature(request, parsed, signingKey(Secret.of(secret), parsed));
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'SignatureDoesNotMatch') return false;
    throw error;
  }
}

function secretOf(request: HttpRequest): string {
  const found = captureSecrets.filter(secret => verifies(request, secret));
  expect(found).toHaveLength(1);
  return found[0] ?? '';
}

/** Another character of the same class, so that the text still parses. */
const flip = (character: string): string => (character === '0' ? '1' : '0');
const flipAt = (text: string, index: number): string => text.slice(0, index) + flip(text.charAt(index)) + text.slice(index + 1);

function withHeader(request: HttpRequest, name: string, value: string): HttpRequest {
  const headers = request.headers.map(header => (header[0].toLowerCase() === name ? ([header[0], value] as const) : header));
  return { ...request, headers };
}

function refused(request: HttpRequest, secret: string): boolean {
  try {
    return !verifies(request, secret);
  } catch (error) {
    return error instanceof ApiError;
  }
}

describe('requests of real clients', () => {
  it('are as many as were recorded', () => {
    expect([signed.length, unsigned.length]).toEqual([20, 6]);
  });

  it.each(signed)('$name verifies with its key and no other', ({ request }) => {
    expect(captureSecrets).toContain(secretOf(request));
  });

  it.each(signed)('$name fails with any byte of its body changed', ({ request, body }) => {
    const secret = secretOf(request);
    for (let index = 0; index < body.length; index += 1) {
      expect(verifies({ ...request, bodySha256: hash('sha256', flipAt(body, index)) }, secret)).toBe(false);
    }
  });

  it.each(signed)('$name fails with any digit of its signature or byte of a signed header changed', ({ request }) => {
    const secret = secretOf(request);
    const parsed = parseSignature(request);
    for (const [name, value] of request.headers) {
      const lower = name.toLowerCase();
      const from = lower === 'authorization' ? value.length - 64 : 0;
      if (lower !== 'authorization' && !parsed.signedHeaders.includes(lower)) continue;
      for (let index = from; index < value.length; index += 1) {
        expect([name, index, refused(withHeader(request, lower, flipAt(value, index)), secret)]).toEqual([name, index, true]);
      }
    }
  });

  it.each(signed)('$name fails with another method, path or query, and without a signed header', ({ request }) => {
    const secret = secretOf(request);
    expect(refused({ ...request, method: 'GET' }, secret)).toBe(true);
    expect(refused({ ...request, path: '/v1' }, secret)).toBe(true);
    expect(refused({ ...request, query: 'a' }, secret)).toBe(true);
    for (const name of parseSignature(request).signedHeaders) {
      const headers = request.headers.filter(header => header[0].toLowerCase() !== name);
      expect([name, refused({ ...request, headers }, secret)]).toEqual([name, true]);
    }
  });

  it.each(unsigned)('$name is not signed', ({ request }) => {
    expect(() => parseSignature(request)).toThrow(/Missing Authentication Token|missing Authentication Token/);
  });
});
