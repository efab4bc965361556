import { createHmac, hash } from 'node:crypto';
import fc from 'fast-check';
import { ApiError, catalogue } from '../../src/domain/errors.js';
import { Secret } from '../../src/domain/secret.js';
import {
  canonicalRequest,
  checkScope,
  parseSignature,
  presign,
  sign,
  signingKey,
  stringToSign,
  verifySignature,
  type HttpRequest,
  type ScopeRules,
  type Signing,
} from '../../src/domain/sigv4.js';

const signing: Signing = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secret: Secret.of('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'),
  region: 'us-east-1',
  service: 'sts',
  amzDate: '20160101T002500Z',
};
const rules: ScopeRules = { now: new Date('2016-01-01T00:25:00Z'), services: ['sts'], regions: [] };
const bare: HttpRequest = {
  method: 'POST', path: '/', query: '', headers: [['Host', 'sts.example.com']], bodySha256: hash('sha256', 'Action=x'),
};

function signedRequest(changes: Partial<Signing> = {}, request = bare): HttpRequest {
  const own = { ...signing, ...changes };
  const token = own.securityToken === undefined ? [] : [['X-Amz-Security-Token', own.securityToken] as const];
  const authorization = sign(request, own);
  const headers = [...request.headers, ['X-Amz-Date', own.amzDate] as const, ...token, ['Authorization', authorization] as const];
  return { ...request, headers };
}

function presigned(changes: Partial<Signing> = {}, request: HttpRequest = { ...bare, method: 'GET' }): HttpRequest {
  return { ...request, query: presign(request, { ...signing, ...changes }) };
}

const editHeader = (name: string, edit: (value: string) => string) => (request: HttpRequest): HttpRequest => ({
  ...request,
  headers: request.headers.map(header => (header[0] === name ? ([name, edit(header[1])] as const) : header)),
});
const editAuthorization = (edit: (value: string) => string): HttpRequest => editHeader('Authorization', edit)(signedRequest());
const editQuery = (edit: (query: string) => string, request = presigned()): HttpRequest => ({ ...request, query: edit(request.query) });
const without = (request: HttpRequest, name: string): HttpRequest => ({ ...request, headers: request.headers.filter(header => header[0] !== name) });
const adding = (request: HttpRequest, name: string, value: string): HttpRequest => ({ ...request, headers: [...request.headers, [name, value]] });
const withAuthorization = (value: string): HttpRequest => adding(bare, 'Authorization', value);

function judge(request: HttpRequest, judgedBy: ScopeRules = rules): void {
  const signed = parseSignature(request);
  checkScope(signed, judgedBy);
  verifySignature(request, signed, signingKey(signing.secret, signed));
}

function refusal(request: HttpRequest, judgedBy: ScopeRules = rules): [code: string, message: string] {
  try {
    judge(request, judgedBy);
  } catch (error) {
    if (error instanceof ApiError) return [error.code, error.message];
    throw error;
  }
  return ['accepted', ''];
}

const mismatch =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.';
const fiveElements = 'Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got ';
const isoFormat = (got: string): string =>
  `Date must be in ISO-8601 'basic format'. Got '${got}'. See http://en.wikipedia.org/wiki/ISO_8601`;
const requires = (name: string): string => `Authorization header requires '${name}' parameter. `;
const requiresDate = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
const hashed = (authorization: string): string =>
  `(Hashed with SHA-256 and encoded with Base64) Authorization=${hash('sha256', authorization, 'base64')}`;
const oneMechanism: unknown = expect.stringMatching(/^Only one auth mechanism allowed/);
const headerNames: unknown = expect.stringMatching(/^SignedHeaders must be at most 100 distinct lower-case header names in sorted order, got '/);

type Row = [situation: string, request: HttpRequest, code: string, message: unknown];
const named = ([situation, request, ...expected]: Row) => ({ situation, request, expected });

const parsing: Row[] = [
  ['no signature', bare, 'MissingAuthenticationToken', 'Request is missing Authentication Token'],
  ['a bearer token', withAuthorization('Bearer abc'), 'MissingAuthenticationToken', 'Missing Authentication Token'],
  ['an empty Authorization header', withAuthorization(''), 'MissingAuthenticationToken', 'Missing Authentication Token'],
  ['another query algorithm', editQuery(q => q.replace('HMAC-SHA256', 'HMAC-SHA512')), 'MissingAuthenticationToken', 'Missing Authentication Token'],
  ['SigV4A in the query', editQuery(q => q.replace('HMAC-SHA256', 'ECDSA-P256-SHA256')), 'MissingAuthenticationToken', 'Missing Authentication Token'],
  ['no query algorithm', editQuery(q => q.replace('X-Amz-Algorithm=', 'a=')), 'MissingAuthenticationToken', 'Missing Authentication Token'],
  ['SigV4A in a header', editAuthorization(a => a.replace('HMAC-SHA256', 'ECDSA-P256-SHA256')), 'IncompleteSignature', "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for now)."],
  ['a comma after the algorithm', editAuthorization(a => a.replace('SHA256 ', 'SHA256, ')), 'IncompleteSignature', "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA256,' (only AWS4-HMAC-SHA256 for now)."],
  ['SigV2 in a header', withAuthorization('AWS AKIAIOSFODNN7EXAMPLE:c2ln'), 'IncompleteSignature', 'AWS Signature Version 2 is not supported.'],
  ['SigV2 in the query', { ...bare, query: 'Action=x&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&SignatureVersion=2' }, 'IncompleteSignature', 'AWS Signature Version 2 is not supported.'],
  ['only SignatureVersion', { ...bare, query: 'SignatureVersion=2' }, 'IncompleteSignature', 'AWS Signature Version 2 is not supported.'],
  ['no Credential', editAuthorization(a => a.replace('Credential', 'Kredential')), 'IncompleteSignature', expect.stringContaining(requires('Credential'))],
  ['no date', without(signedRequest(), 'X-Amz-Date'), 'IncompleteSignature', expect.stringMatching(new RegExp(`^${requiresDate}\\(Hashed`))],
  ['a wrong date', editHeader('X-Amz-Date', () => '2016-01-01T00:25:00Z')(signedRequest()), 'IncompleteSignature', isoFormat('2016-01-01T00:25:00Z')],
  ['an impossible date', editHeader('X-Amz-Date', () => '20160230T002500Z')(signedRequest()), 'IncompleteSignature', isoFormat('20160230T002500Z')],
  ['an impossible hour', editHeader('X-Amz-Date', () => '20160101T240000Z')(signedRequest()), 'IncompleteSignature', isoFormat('20160101T240000Z')],
  ['milliseconds', editHeader('X-Amz-Date', () => '20160101T002500.000Z')(signedRequest()), 'IncompleteSignature', isoFormat('20160101T002500.000Z')],
  ['an HTTP date in X-Amz-Date', editHeader('X-Amz-Date', () => 'Fri, 01 Jan 2016 00:25:00 GMT')(signedRequest()), 'IncompleteSignature', isoFormat('Fri, 01 Jan 2016 00:25:00 GMT')],
  ['two dates', adding(signedRequest(), 'x-amz-date', signing.amzDate), 'IncompleteSignature', isoFormat('20160101T002500Z,20160101T002500Z')],
  ['a wrong date in the query', editQuery(q => q.replace('20160101T002500Z', '20160101')), 'IncompleteSignature', isoFormat('20160101')],
  ['four scope elements', editAuthorization(a => a.replace('/us-east-1', '')), 'IncompleteSignature', `${fiveElements}'AKIAIOSFODNN7EXAMPLE/20160101/sts/aws4_request'`],
  ['six scope elements', editAuthorization(a => a.replace('/us-east-1', '/us/east-1')), 'IncompleteSignature', `${fiveElements}'AKIAIOSFODNN7EXAMPLE/20160101/us/east-1/sts/aws4_request'`],
  ['an empty access key id', editAuthorization(a => a.replace('AKIAIOSFODNN7EXAMPLE', '')), 'IncompleteSignature', `${fiveElements}'/20160101/us-east-1/sts/aws4_request'`],
  ['a field without a value', editAuthorization(a => `${a}, abc`), 'IncompleteSignature', expect.stringMatching(/^'abc' not a valid key=value pair \(missing equal-sign\) in Authorization header/)],
  ['a repeated field', editAuthorization(a => `${a}, Signature=0`), 'IncompleteSignature', "Authorization header must not repeat the 'Signature' parameter."],
  ['two Authorization headers', adding(signedRequest(), 'authorization', sign(bare, signing)), 'IncompleteSignature', 'The Authorization header must not appear more than once.'],
  ['a huge Authorization header', editAuthorization(a => a + ' '.repeat(8192)), 'IncompleteSignature', 'The Authorization header must not be longer than 8192 characters.'],
  ['both forms', { ...signedRequest(), query: presigned().query }, 'IncompleteSignature', oneMechanism],
  ['a bearer token and a presigned query', adding(presigned(), 'Authorization', 'Bearer abc'), 'IncompleteSignature', oneMechanism],
  ['a header form with a token in the query', { ...signedRequest(), query: 'X-Amz-Security-Token=t' }, 'IncompleteSignature', oneMechanism],
  ['a repeated query parameter', editQuery(q => `${q}&X%2DAmz-Date=20160101T002500Z`), 'IncompleteSignature', "The query parameter 'X-Amz-Date' must not appear more than once."],
  ['no query signature', editQuery(q => q.replace(/&X-Amz-Signature=.*/, '')), 'IncompleteSignature', "AWS query-string parameters must include 'X-Amz-Signature'. Re-examine the query-string parameters."],
  ['X-Amz-Expires above a week', editQuery(q => q.replace('Expires=900', 'Expires=604801')), 'IncompleteSignature', expect.stringMatching(/^X-Amz-Expires must be less than a week/)],
  ['X-Amz-Expires that is no number', editQuery(q => q.replace('Expires=900', 'Expires=1e3')), 'IncompleteSignature', 'X-Amz-Expires should be a number'],
  ['a negative X-Amz-Expires', editQuery(q => q.replace('Expires=900', 'Expires=-1')), 'IncompleteSignature', 'X-Amz-Expires should be a number'],
  ['malformed percent-encoding', { ...bare, query: 'a=%zz' }, 'ValidationError', 'Illegal hex character in escape % pattern: %'],
  ['a trailing percent sign', { ...signedRequest(), query: 'a=%2' }, 'ValidationError', 'Illegal hex character in escape % pattern: %'],
  ['headers not in order', editAuthorization(a => a.replace('host;x-amz-date', 'x-amz-date;host')), 'IncompleteSignature', headerNames],
  ['a header listed twice', editAuthorization(a => a.replace('host;', 'host;host;')), 'IncompleteSignature', headerNames],
  ['an upper-case header name', editAuthorization(a => a.replace('host;', 'Host;')), 'IncompleteSignature', headerNames],
  ['a header name with a line feed', editAuthorization(a => a.replace('host;', 'host;i\n;')), 'IncompleteSignature', headerNames],
  ['101 headers', editAuthorization(a => a.replace('host', Array.from({ length: 100 }, (_, n) => `a${String(n)}`).sort().concat('host').join(';'))), 'IncompleteSignature', headerNames],
  ['an unsigned Host', editAuthorization(a => a.replace('host;', '')), 'SignatureDoesNotMatch', "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."],
  ['an unsigned Host in the query', editQuery(q => q.replace('SignedHeaders=host', 'SignedHeaders=hose')), 'SignatureDoesNotMatch', "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."],
  ['an unsigned X-Amz-Date', editAuthorization(a => a.replace(';x-amz-date', '')), 'SignatureDoesNotMatch', "'x-amz-date' must be a 'SignedHeader' in the AWS Authorization."],
  ['an unsigned x-amz header', adding(signedRequest(), 'X-Amz-Target', 'x'), 'SignatureDoesNotMatch', "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization."],
  ['a session token added to a header-signed request', adding(signedRequest(), 'X-Amz-Security-Token', 't'), 'SignatureDoesNotMatch', "'x-amz-security-token' must be a 'SignedHeader' in the AWS Authorization."],
];

describe('parseSignature and verifySignature refuse', () => {
  it.each(parsing.map(named))('$situation', ({ request, expected }) => {
    expect(refusal(request)).toEqual(expected);
  });

  it('a header without any field, naming all that is missing and hashing what was sent', () => {
    const value = 'AWS4-HMAC-SHA256 Foo=bar';
    const all = requires('Credential') + requires('Signature') + requires('SignedHeaders') + requiresDate;
    expect(refusal(withAuthorization(value))).toEqual(['IncompleteSignature', all + hashed(value)]);
    expect(refusal(withAuthorization('AWS4-HMAC-SHA256'))).toEqual(['IncompleteSignature', all + hashed('AWS4-HMAC-SHA256')]);
  });

  it('a query without any field, naming all that is missing', () => {
    const names = ['X-Amz-Credential', 'X-Amz-Signature', 'X-Amz-SignedHeaders', 'X-Amz-Date'];
    const message = names.map(name => `AWS query-string parameters must include '${name}'. `).join('');
    expect(refusal({ ...bare, query: 'X-Amz-Algorithm=AWS4-HMAC-SHA256' })).toEqual([
      'IncompleteSignature',
      `${message}Re-examine the query-string parameters.`,
    ]);
  });

  it.each(['Credential', 'Signature', 'SignedHeaders'])('a header without %s', name => {
    const request = editAuthorization(a => a.replace(new RegExp(`${name}=[^,]*(, )?`), '').replace(/, $/, ''));
    const sent = request.headers.find(header => header[0] === 'Authorization')?.[1] ?? '';
    expect(refusal(request)).toEqual(['IncompleteSignature', requires(name) + hashed(sent)]);
  });

  it.each([
    ['a wrong signature', editAuthorization(a => a.replace(/.$/, last => (last === '0' ? '1' : '0')))],
    ['an upper-case signature', editAuthorization(a => a.replace(/[0-9a-f]{64}$/, hex => hex.toUpperCase()))],
    ['a short signature', editAuthorization(a => a.slice(0, -1))],
    ['a long signature', editAuthorization(a => `${a}0`)],
    ['another access secret', signedRequest({ secret: Secret.of('other') })],
    ['a changed presigned parameter', editQuery(q => q.replace('Expires=900', 'Expires=901'))],
    ['a parameter added to a presigned URL', editQuery(q => `${q}&Action=GetCallerIdentity`)],
    ['a signed header that is absent', without(signedRequest({}, adding(bare, 'X-Empty', '')), 'X-Empty')],
    ['a signed header that is absent, whatever its text was', without(signedRequest({}, adding(bare, 'X-Text', 'undefined')), 'X-Text')],
  ])('%s', (_, request) => {
    expect(refusal(request)).toEqual(['SignatureDoesNotMatch', mismatch]);
  });

  it('without showing the canonical request, which holds the session token', () => {
    const request = editHeader('Authorization', a => `${a}0`)(signedRequest({ securityToken: 'FakeToken' }));
    const details: unknown[] = [];
    try {
      judge(request);
    } catch (error) {
      if (error instanceof ApiError) details.push(error.detail);
    }
    expect(details).toHaveLength(1);
    expect(JSON.stringify(details)).not.toContain('FakeToken');
  });

  it('whatever bytes arrive, with an ApiError and nothing else', () => {
    const noise = fc.string({ unit: 'binary' });
    const property = fc.property(fc.tuple(noise, noise, noise, noise), ([path, query, authorization, value]) => {
      const headers = [['Authorization', `AWS4-HMAC-SHA256 ${authorization}`], ['x-amz-date', value]] as const;
      expect(Object.keys(catalogue)).toContain(refusal({ ...bare, path, query, headers })[0]);
      const inQuery = `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${authorization}&X-Amz-Date=${value}&${query}`;
      expect(Object.keys(catalogue)).toContain(refusal({ ...bare, path, query: inQuery })[0]);
      const signed = editQuery(q => `${q}&${query}`);
      expect(Object.keys(catalogue).concat('accepted')).toContain(refusal({ ...signed, headers: [['host', value]] })[0]);
    });
    fc.assert(property, { numRuns: 300 });
  });
});

describe('checkScope', () => {
  const region = (name: string): HttpRequest => signedRequest({ region: name });
  const rows: Row[] = [
    ['a wrong terminator', editAuthorization(a => a.replace('aws4_request', 'aws5_request')), 'SignatureDoesNotMatch', "Credential should be scoped with a valid terminator: 'aws4_request'."],
    ['another service', signedRequest({ service: 'iam' }), 'SignatureDoesNotMatch', "Credential should be scoped to correct service: 'sts'. "],
    ['a region that cannot be one', region('us_east'), 'SignatureDoesNotMatch', 'Credential should be scoped to a valid region. '],
    ['a region that ends in a hyphen', region('us-'), 'SignatureDoesNotMatch', 'Credential should be scoped to a valid region. '],
    ['an endless region', region('a'.repeat(64)), 'SignatureDoesNotMatch', 'Credential should be scoped to a valid region. '],
    ['another day', editAuthorization(a => a.replace('20160101', '20151231')), 'SignatureDoesNotMatch', "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20151231' != '20160101', from '20160101T002500Z'."],
  ];

  it.each(rows.map(named))('refuses $situation', ({ request, expected }) => {
    expect(refusal(request)).toEqual(expected);
  });

  it('names every accepted service', () => {
    const [, message] = refusal(signedRequest({ service: 's3' }), { ...rules, services: ['sts', 'iam'] });
    expect(message).toBe("Credential should be scoped to correct service: 'sts' or 'iam'. ");
  });

  it('accepts the listed regions only, where some are listed', () => {
    const listed = { ...rules, regions: ['eu-central-1'] };
    expect(refusal(region('eu-central-1'), listed)[0]).toBe('accepted');
    expect(refusal(region('us-east-1'), listed)[1]).toBe('Credential should be scoped to a valid region. ');
    expect(refusal(region('home1'))[0]).toBe('accepted');
  });

  it.each([
    ['header', signedRequest()],
    ['query', presigned()],
  ])('accepts a %s form signed up to 15 minutes ago or ahead, to the second', (_, request) => {
    const at = (time: string): string => refusal(request, { ...rules, now: new Date(time) })[1];
    expect(at('2016-01-01T00:40:00Z')).toBe('');
    expect(at('2016-01-01T00:40:00.999Z')).toBe('');
    expect(at('2016-01-01T00:10:00Z')).toBe('');
    expect(at('2016-01-01T00:40:01Z')).toBe(
      'Signature expired: 20160101T002500Z is now earlier than 20160101T002501Z (20160101T004001Z - 15 min.)',
    );
    expect(at('2016-01-01T00:09:59Z')).toBe(
      'Signature not yet current: 20160101T002500Z is still later than 20160101T002459Z (20160101T000959Z + 15 min.)',
    );
  });

  it('judges the time before the scope', () => {
    const [, message] = refusal(signedRequest({ service: 'iam' }), { ...rules, now: new Date('2016-01-02T00:00:00Z') });
    expect(message).toMatch(/^Signature expired/);
  });

  it.each(['1', '604800'])('accepts a presigned URL for 15 minutes with X-Amz-Expires=%s', expires => {
    const request: HttpRequest = { ...bare, method: 'GET' };
    const query = presign(request, { ...signing, expiresSeconds: Number(expires) });
    const at = (time: string): string => refusal({ ...request, query }, { ...rules, now: new Date(time) })[0];
    expect(at('2016-01-01T00:40:00Z')).toBe('accepted');
    expect(at('2016-01-01T00:40:01Z')).toBe('SignatureDoesNotMatch');
  });
});

describe('accepted forms', () => {
  it('takes the time from an HTTP Date header where X-Amz-Date is absent', () => {
    const dated = { ...bare, headers: [...bare.headers, ['Date', 'Fri, 01 Jan 2016 00:25:00 GMT'] as const] };
    const authorization = sign(dated, signing).replace(';x-amz-date', '');
    const parsed = parseSignature(adding(dated, 'Authorization', authorization));
    expect([parsed.amzDate, parsed.signedHeaders]).toEqual(['20160101T002500Z', ['date', 'host']]);
  });

  it('needs no blanks between the fields', () => {
    judge(editAuthorization(a => a.replaceAll(', ', ',')));
  });

  it('verifies extra signed headers in presigned form, as EKS and Vault send them', () => {
    const request = adding({ ...bare, method: 'GET', query: 'Action=GetCallerIdentity' }, 'x-k8s-aws-id', 'cluster');
    const url = presigned({ signedHeaders: ['x-k8s-aws-id'] }, request);
    judge(url);
    expect(refusal(editHeader('x-k8s-aws-id', () => 'other')(url))).toEqual(['SignatureDoesNotMatch', mismatch]);
  });

  it('finds a session token in the query, inside the signature or appended to it', () => {
    const inside = presigned({ securityToken: 'a+b/c==' });
    const appended = editQuery(q => `${q}&X-Amz-Security-Token=a%2Bb%2Fc%3D%3D`);
    for (const request of [inside, appended]) {
      judge(request);
      expect(parseSignature(request).securityToken).toBe('a+b/c==');
    }
    expect(refusal(editQuery(q => q.replace('a%2Bb', 'a%2Bc'), inside))).toEqual(['SignatureDoesNotMatch', mismatch]);
  });

  it('reads a plus sign in the query as a space and not as a plus sign', () => {
    const request = signedRequest({}, { ...bare, query: 'Name=a%20b' });
    judge({ ...request, query: 'Name=a+b' });
    expect(refusal({ ...request, query: 'Name=a%2Bb' })).toEqual(['SignatureDoesNotMatch', mismatch]);
  });

  describe('of a client that leaves the path as it is sent', () => {
    const own = { service: 'stint' };
    const judgedHere = { ...rules, services: ['stint', 'sts'] };
    /** A request whose canonical path is the one that it is sent with. */
    const asSent = (path: string, service = 'stint'): HttpRequest => {
      const request = signedRequest({ service }, { ...bare, path });
      const signed = parseSignature(request);
      const [method = '', , ...rest] = canonicalRequest(request, signed).split('\n');
      const signature = createHmac('sha256', signingKey(signing.secret, signed)).update(stringToSign(signed, [method, path, ...rest].join('\n'))).digest('hex');
      return editHeader('Authorization', (value) => value.replace(/[0-9a-f]{64}$/, signature))(request);
    };

    it.each(['/v1/roles/arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fa', '/v1/roles/a:b', '/v1/users/a@b,c=d+e', '/v1/users/caf%C3%A9'])('is accepted for %s', (path) => {
      expect(refusal(asSent(path), judgedHere)).toEqual(['accepted', '']);
    });

    it.each(['/v1/roles/a%253Ab', '/v1/roles/a%25', '/v1//a%3Ab', '/v1/./a%3Ab', '/v1/x/../a%3Ab', '/v1/a%3Ab/', '/v1/a%3', '/v1/caf\u00e9'])('is refused for %j, which could stand for another path', (path) => {
      expect(refusal(asSent(path), judgedHere)[0]).toBe('SignatureDoesNotMatch');
    });

    it('is refused for a service of AWS', () => {
      expect(refusal(asSent('/v1/roles/a%3Ab', 'sts'), judgedHere)).toEqual(['SignatureDoesNotMatch', mismatch]);
    });

    it('covers no path that means something else', () => {
      const part = fc.constantFrom('a', ':', '%3A', '%3a', '%', '%25', '%253A', '/', '+', '%2F', '%2B', ' ');
      const paths = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => `/v1/${parts.join('')}`);
      const read = (path: string): string => path.replace(/\/+/g, '/').replace(/%[0-9A-Fa-f]{2}/g, (unit) => String.fromCharCode(Number.parseInt(unit.slice(1), 16)));
      // Sent as signed, or by the other rule, or as anything else: whatever is accepted for one signature reads the same.
      const property = fc.property(paths, paths, fc.boolean(), (signedFor, other, isAsSent) => {
        const request = isAsSent ? asSent(signedFor) : signedRequest(own, { ...bare, path: signedFor });
        const accepted = [signedFor, other, read(signedFor), encodeURI(signedFor), encodeURI(other)].filter((path) => refusal({ ...request, path }, judgedHere)[0] === 'accepted');
        expect(new Set(accepted.map(read)).size).toBeLessThanOrEqual(1);
      });
      fc.assert(property, { numRuns: 2_000 });
    });
  });

  it('encodes the path once more than it was sent', () => {
    const request = signedRequest({}, { ...bare, path: '/a%20b' });
    judge({ ...request, path: '//x/..//a%20b' });
    expect(refusal({ ...request, path: '/a b' })).toEqual(['SignatureDoesNotMatch', mismatch]);
  });
});
