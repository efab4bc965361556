import { createHash, createHmac, hash } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { Secret } from '../../src/domain/secret.js';
import {
  canonicalRequest,
  parseSignature,
  presign,
  sign,
  signingKey,
  stringToSign,
  verifySignature,
  type HttpRequest,
} from '../../src/domain/sigv4.js';

const accessKeyId = 'AKIDEXAMPLE';
const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const amzDate = '20150830T123600Z';
const signingDate = new Date('2015-08-30T12:36:00Z');
const scope = { date: '20150830', region: 'us-east-1', service: 'service' };
const key = signingKey(Secret.of(secret), scope);

/** UTF-8 as it looks in a request that was read byte by byte. */
const bytes = (text: string): string => Buffer.from(text).toString('latin1');

class Sha256 {
  readonly #hash;
  constructor(hmacKey?: unknown) {
    this.#hash = hmacKey === undefined ? createHash('sha256') : createHmac('sha256', hmacKey as string | Uint8Array);
  }
  update(data: Uint8Array): void {
    this.#hash.update(data);
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
  reset(): void {
    throw new Error('the oracle resets no hash');
  }
}

function oracle(sessionToken: string | undefined, applyChecksum: boolean): SignatureV4 {
  const credentials = { accessKeyId, secretAccessKey: secret, ...(sessionToken !== undefined && { sessionToken }) };
  return new SignatureV4({ ...scope, credentials, sha256: Sha256, applyChecksum });
}

type Query = Record<string, string | string[]>;

function rawQuery(query: Query, encode: (text: string) => string): string {
  return Object.entries(query)
    .flatMap(([name, values]) => [values].flat().map(value => `${encode(name)}=${encode(value)}`))
    .join('&');
}

const encoders: ((text: string) => string)[] = [
  encodeURIComponent,
  text => encodeURIComponent(text).replaceAll('%20', '+'),
  text => encodeURIComponent(text).replace(/%[0-9A-F]{2}/g, unit => unit.toLowerCase()),
  text => Array.from(bytes(text), char => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`).join(''),
];

const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme-ascii' }));
const reservedNames = ['__proto__', 'AWSAccessKeyId', 'SignatureVersion'];
const queryName = text.filter(name => !reservedNames.includes(name) && !/^x-amz-/i.test(name));
const queries: fc.Arbitrary<Query> = fc.dictionary(
  queryName,
  fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 })),
  { maxKeys: 5, noNullPrototype: true },
);
const paths = fc
  .array(fc.oneof(text.map(encodeURIComponent), fc.constantFrom('', '.', '..', 'v1', 'a~b')), { maxLength: 5 })
  .map(segments => `/${segments.join('/')}`);
const headerName = fc
  .tuple(fc.constantFrom('x-', 'x-amz-', ''), fc.stringMatching(/^[a-z][a-z0-9_.-]{0,12}$/))
  .map(parts => parts.join(''))
  .filter(name => !/^(authorization|date|host|x-amz-(date|content-sha256|security-token))$/.test(name));
const headerSets = fc.dictionary(
  headerName,
  fc.oneof(text, fc.constantFrom('  a   b  ', 'a\tb', '"a  b"', 'voilà', ' ', 'line\r\n  folded')),
  { maxKeys: 6, noNullPrototype: true },
);
const requests = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
  path: paths,
  query: queries,
  headers: headerSets,
  body: text,
  token: fc.option(fc.base64String({ minLength: 4 }), { nil: undefined }),
  checksum: fc.boolean(),
  encode: fc.constantFrom(...encoders),
  upper: fc.boolean(),
});
type Generated = typeof requests extends fc.Arbitrary<infer T> ? T : never;

function received(generated: Generated, signed: { headers: Record<string, string>; query?: unknown }): HttpRequest {
  const cased = (name: string): string => (generated.upper ? name.toUpperCase() : name);
  return {
    method: generated.method,
    path: generated.path,
    query: rawQuery((signed.query ?? {}) as Query, generated.encode),
    headers: Object.entries(signed.headers).map(([name, value]) => [cased(name), bytes(value)] as const),
    bodySha256: hash('sha256', generated.body),
  };
}

function forOracle({ method, path, query, headers, body }: Generated) {
  return {
    protocol: 'https:', hostname: 'sts.example.com', method, path, query, body,
    headers: { host: 'sts.example.com:8443', ...headers },
  };
}

function verify(request: HttpRequest): void {
  verifySignature(request, parseSignature(request), key);
}

describe('against the signer of the AWS SDK for JavaScript', () => {
  it('verifies every request it signs, in header form', async () => {
    const property = fc.asyncProperty(requests, async generated => {
      const signed = await oracle(generated.token, generated.checksum).sign(forOracle(generated), { signingDate });
      const request = received(generated, signed);
      verify(request);
      expect(parseSignature(request).securityToken).toBe(generated.token);
      const altered = { ...request, bodySha256: hash('sha256', `${generated.body}.`) };
      expect(() => { verify(altered); }).toThrow(/^The request signature we calculated/);
    });
    await fc.assert(property, { numRuns: 300 });
  });

  it('verifies every URL it presigns, with the session token in the query', async () => {
    const property = fc.asyncProperty(requests, async generated => {
      const signed = await oracle(generated.token, generated.checksum).presign(forOracle(generated), { signingDate, expiresIn: 60 });
      const request = received(generated, signed);
      verify(request);
      expect(parseSignature(request).securityToken).toBe(generated.token);
      expect(() => { verify({ ...request, method: 'PATCH' }); }).toThrow(/^The request signature we calculated/);
    });
    await fc.assert(property, { numRuns: 300 });
  });

  it('computes the same signature when signing itself, and verifies what it presigns', async () => {
    const property = fc.asyncProperty(requests, async generated => {
      const theirs = await oracle(generated.token, generated.checksum).sign(forOracle(generated), { signingDate });
      const request = received(generated, theirs);
      const { signedHeaders } = parseSignature(request);
      const signing = {
        accessKeyId, secret: Secret.of(secret), ...scope, amzDate,
        ...(generated.token !== undefined && { securityToken: generated.token }),
      };
      const unsigned = { ...request, headers: request.headers.filter(([name]) => !/^authorization$/i.test(name)) };
      expect(sign(unsigned, { ...signing, signedHeaders })).toBe(theirs.headers['authorization']);

      const query = presign(unsigned, { ...signing, signedHeaders: Object.keys(generated.headers) });
      verify({ ...unsigned, query });
    });
    await fc.assert(property, { numRuns: 100 });
  });
});

interface Vector {
  readonly name: string;
  readonly target: string;
  readonly method?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string;
  readonly signature: string;
}

/** Published cases of the AWS Signature Version 4 test suite, header form. */
const suite: Vector[] = [
  { name: 'get-vanilla', target: '/', signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31' },
  { name: 'get-unreserved', target: '/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', signature: '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f' },
  { name: 'get-utf8', target: `/${bytes('ሴ')}`, signature: '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85' },
  { name: 'get-vanilla-query-order-key-case', target: '/?Param2=value2&Param1=value1', signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500' },
  { name: 'get-vanilla-utf8-query', target: `/?${bytes('ሴ')}=bar`, signature: '2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04' },
  { name: 'get-header-key-duplicate', target: '/', headers: [['My-Header1', 'value2'], ['My-Header1', 'value2'], ['My-Header1', 'value1']], signature: 'c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea' },
  { name: 'get-header-value-trim', target: '/', headers: [['My-Header1', ' value1'], ['My-Header2', ' "a   b   c"']], signature: 'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736' },
  { name: 'get-header-value-multiline', target: '/', headers: [['My-Header1', 'value1\n  value2\n     value3']], signature: 'cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd' },
  { name: 'get-relative', target: '/example/..', signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31' },
  { name: 'get-relative-relative', target: '/example1/example2/../..', signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31' },
  { name: 'get-slash-dot-slash', target: '/./', signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31' },
  { name: 'get-slash', target: '//', signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31' },
  { name: 'get-space', target: '/example space/', signature: '652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741' },
  { name: 'get-slashes', target: '//example//', signature: '9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84' },
  { name: 'get-slash-pointless-dot', target: '/./example', signature: 'ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5' },
  { name: 'post-vanilla', method: 'POST', target: '/', signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b' },
  { name: 'post-vanilla-query', method: 'POST', target: '/?Param1=value1', signature: '28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11' },
  { name: 'post-header-value-case', method: 'POST', target: '/', headers: [['My-Header1', 'VALUE1']], signature: 'cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d' },
  { name: 'post-x-www-form-urlencoded', method: 'POST', target: '/', headers: [['Content-Type', 'application/x-www-form-urlencoded']], body: 'Param1=value1', signature: 'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a' },
];

describe('the AWS Signature Version 4 test suite', () => {
  it.each(suite)('$name', ({ target, method = 'GET', headers = [], body = '', signature }) => {
    const [path = '', query = ''] = target.split('?');
    const request = {
      method, path, query, bodySha256: hash('sha256', body),
      headers: [['Host', 'example.amazonaws.com'], ...headers, ['X-Amz-Date', amzDate]] as const,
    };
    const authorization = sign(request, { accessKeyId, secret: Secret.of(secret), ...scope, amzDate });
    expect(authorization.slice(-64)).toBe(signature);
    verify({ ...request, headers: [...request.headers, ['Authorization', authorization]] });
  });

  it('shows every stage of get-vanilla', () => {
    const request: HttpRequest = {
      method: 'GET', path: '/', query: '', bodySha256: hash('sha256', ''),
      headers: [
        ['Host', 'example.amazonaws.com'],
        ['X-Amz-Date', amzDate],
        ['Authorization', `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31`],
      ],
    };
    const signed = parseSignature(request);
    const canonical = canonicalRequest(request, signed);
    expect(canonical).toBe(
      'GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\n' +
        'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    expect(stringToSign(signed, canonical)).toBe(
      'AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n' +
        'bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63',
    );
  });
});
