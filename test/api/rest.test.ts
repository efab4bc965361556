import { Secret } from '../../src/domain/secret.js';
import { formatAmzDate, presign } from '../../src/domain/sigv4.js';
import { TestApp, type Answer, type Keys, type RawRequest } from '../support/app.js';
import { effectOf, expectRefused, type Called, type Effect, type Refusal } from '../support/calls.js';
import { onTheWire } from '../support/wire.js';
import { allows, trusts, World, type User } from '../support/world.js';

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('the REST face', () => {
  let app: TestApp;
  let world: World;
  let alice: User;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = new World(app);
    alice = await world.user('alice', allows(['iam:*', 'sts:*', 'stint:*']));
  });
  afterAll(() => app.close());

  const send = (route: string, more: RawRequest = {}): Promise<Answer> => {
    const [method = '', target = ''] = route.split(' ');
    const [path = '', query = ''] = target.split('?');
    return app.raw(alice, { method, path, query, service: 'stint', ...more });
  };
  const problemOf = ({ status, text }: Answer): Called => {
    const problem = JSON.parse(text) as { code?: string; detail?: string };
    return { status, code: problem.code, message: problem.detail, output: undefined, text };
  };
  const refusal = (route: string, more: RawRequest = {}): Promise<Effect<Called>> => effectOf(app, async () => problemOf(await send(route, more)));
  const presigned = (keys: Keys, path: string, amzDate = formatAmzDate(app.clock.now().getTime())): string =>
    presign(
      { method: 'GET', path, query: '', headers: [['host', new URL(app.url).host]], bodySha256: EMPTY },
      { accessKeyId: keys.accessKeyId, secret: Secret.of(keys.secretAccessKey), region: 'us-east-1', service: 'stint', amzDate },
    );

  describe('answers', () => {
    it('in JSON with camelCase names and times in ISO 8601', async () => {
      const role = await world.role('deploy', trusts(alice.arn), { path: '/ci/' });
      const answer = await send('POST /v1/sessions/assume-role', { body: JSON.stringify({ roleArn: role.arn, roleSessionName: 'rest', durationSeconds: 900 }) });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toMatch(/^application\/json(;|$)/);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/);
      expect(answer.headers.get('date')).toBe('Wed, 25 Nov 2026 10:00:00 GMT');
      expect(JSON.parse(answer.text)).toEqual({
        credentials: {
          accessKeyId: expect.stringMatching(/^ASIA/),
          secretAccessKey: expect.stringMatching(/^.{40}$/),
          sessionToken: expect.any(String),
          expiration: '2026-11-25T10:15:00.000Z',
        },
        assumedRoleUser: { assumedRoleId: `${role.id}:rest`, arn: `arn:aws:sts::${app.root.account}:assumed-role/deploy/rest` },
        sessionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        duration: { requested: 900, granted: 900, limitedBy: 'request' },
        sessionTokenSize: expect.any(Number),
        sessionTokenUtilization: expect.any(Number),
      });
    });

    it('with policy documents as they were written, not percent-encoded', async () => {
      const document = JSON.stringify(trusts(alice.arn));
      expect(JSON.parse((await send('GET /v1/roles/deploy')).text)).toMatchObject({ role: { roleName: 'deploy', assumeRolePolicyDocument: document } });
    });

    it('with an empty object where an operation has no result', async () => {
      expect((await send('POST /v1/users', { body: '{"userName":"short"}' })).status).toBe(200);
      const answer = await send('DELETE /v1/users/short');
      expect([answer.status, answer.text]).toEqual([200, '{}']);
    });

    it('a presigned GET, for 15 minutes', async () => {
      const path = `/v1/caller-identity?${presigned(alice, '/v1/caller-identity')}`;
      expect(JSON.parse((await app.send({ path })).text)).toEqual({ userId: alice.id, account: app.root.account, arn: alice.arn });
      app.clock.advance(901);
      expect(problemOf(await app.send({ path }))).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
      app.clock.advance(-901);
    });

    it('for names that a path has to escape', async () => {
      await send('POST /v1/users', { body: '{"userName":"a+b=c,.@-_"}' });
      for (const name of ['a%2Bb%3Dc%2C.%40-_', 'a+b=c,.@-_']) {
        expect(JSON.parse((await send(`GET /v1/users/${name}`)).text)).toMatchObject({ user: { userName: 'a+b=c,.@-_' } });
      }
    });

    it('for ARNs, whose slashes a path has to escape, once', async () => {
      const arn = await world.policy('Team', allows('s3:*'), { path: '/a/b/' });
      for (const segment of [encodeURIComponent(arn), arn.replaceAll('/', '%2f')]) {
        const shown = await send(`GET /v1/policies/${segment}`);
        expect([shown.status, JSON.parse(shown.text)]).toEqual([200, { policy: expect.objectContaining({ arn, path: '/a/b/' }) }]);
        expect((await send(`PUT /v1/users/alice/attached-policies/${segment}`)).status).toBe(200);
        expect((await send(`DELETE /v1/users/alice/attached-policies/${segment}`)).status).toBe(200);
      }
      expect((await send(`GET /v1/policies/${arn}`)).status).toBe(404);
      const twice = encodeURIComponent(encodeURIComponent(arn));
      expectRefused(await refusal(`GET /v1/policies/${twice}`), { code: 'InvalidInput', status: 400, message: `ARN ${encodeURIComponent(arn)} is not valid.` }, 'GetPolicy');
    });

    it('numbers in a query as numbers', async () => {
      expect(JSON.parse((await send('GET /v1/users?maxItems=1&pathPrefix=%2F')).text)).toMatchObject({ isTruncated: true, users: [expect.anything()] });
    });
  });

  describe('refuses strangers and the lost', () => {
    async function refused(answered: () => Promise<Answer>, expected: Refusal): Promise<Answer> {
      const { result, added, removed, events } = await effectOf(app, answered);
      const requestId = result.headers.get('x-amzn-requestid');
      expect(result.headers.get('content-type')).toMatch(/^application\/problem\+json(;|$)/);
      expect(JSON.parse(result.text)).toEqual({ type: 'about:blank', title: expected.code, status: expected.status, detail: expect.any(String), code: expected.code, requestId });
      expect(result.status).toBe(expected.status);
      expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
      expect({ added, removed, events }).toEqual({ added: [], removed: [], events: [] });
      return result;
    }

    it.each(['/v1/caller-identity', '/v1/users', '/v1/audit/events'])('without a signature, at %s', async (path) => {
      await refused(() => app.send({ path }), { code: 'MissingAuthenticationToken', status: 403 });
    });

    it.each(['/v1/nothing', '/v1/', '/v1/users/a/b/c/d', '/v1//users', '/nothing', '/v2/users', '/v1/users/alice/', '/V1/users'])('at %s, where nothing is', async (path) => {
      await refused(() => app.send({ path }), { code: 'NotFound', status: 404 });
    });

    const methods: [string, string][] = [
      ['PUT /v1/users', 'GET, POST'],
      ['POST /v1/users/alice', 'DELETE, GET, PATCH'],
      ['DELETE /v1/caller-identity', 'GET'],
      ['GET /v1/accounts', 'POST'],
      ['PATCH /v1/roles/deploy/trust-policy', 'PUT'],
    ];
    it.each(methods)('at %s, and says that the route takes %s', async (route, allow) => {
      const answer = await refused(() => send(route), { code: 'MethodNotAllowed', status: 405 });
      expect(answer.headers.get('allow')?.split(', ').sort().join(', ')).toBe(allow);
    });

    it.each(['%zz', '%ff', '%C0%AF', '%'])('at a path with the escape %s', async (escape) => {
      const answer = await onTheWire(app, `GET /v1/users/${escape} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.text)).toMatchObject({ status: 400, code: 'ValidationError', requestId: answer.headers.get('x-amzn-requestid') });
    });

    it('with a body of 10 MB', async () => {
      const answer = await onTheWire(app, 'POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10485760\r\n\r\n{');
      expect([answer.status, JSON.parse(answer.text)]).toEqual([413, expect.objectContaining({ code: 'RequestEntityTooLarge', status: 413 })]);
    });
  });

  describe('refuses callers it knows, and records it', () => {
    const bodies: [string, string, RawRequest, Refusal, string][] = [
      ['an unknown member', 'POST /v1/users', { body: '{"userName":"x","colour":"red"}' }, { code: 'ValidationError', status: 400, message: /^The member colour is unknown\. Known members: / }, 'CreateUser'],
      ['a member in the case of AWS', 'POST /v1/users', { body: '{"UserName":"x"}' }, { code: 'ValidationError', status: 400, message: /^The member UserName is unknown\./ }, 'CreateUser'],
      ['an unknown member inside a list', 'POST /v1/users', { body: '{"userName":"x","tags":[{"key":"a","value":"b","c":1}]}' }, { code: 'ValidationError', status: 400, message: 'The member c is unknown.' }, 'CreateUser'],
      ['a member of a prototype', 'POST /v1/users', { body: '{"userName":"x","__proto__":{"path":"/"}}' }, { code: 'ValidationError', status: 400, message: /^The member __proto__ is unknown\./ }, 'CreateUser'],
      ['an unknown parameter', 'GET /v1/users?colour=red', {}, { code: 'ValidationError', status: 400, message: /^The member colour is unknown\./ }, 'ListUsers'],
      ['a repeated parameter', 'GET /v1/users?maxItems=1&maxItems=2', {}, { code: 'ValidationError', status: 400 }, 'ListUsers'],
      ['a repeated member', 'POST /v1/users', { body: '{"userName":"x","userName":"y"}' }, { code: 'ValidationError', status: 400, message: 'The body is not valid JSON, or a member in it is repeated.' }, 'CreateUser'],
      ['a member repeated in another spelling', 'POST /v1/users', { body: '{"userName":"x","user\\u004eame":"y"}' }, { code: 'ValidationError', status: 400, message: 'The body is not valid JSON, or a member in it is repeated.' }, 'CreateUser'],
      ['a member repeated inside a list', 'POST /v1/users', { body: '{"userName":"x","tags":[{"key":"a","key":"b","value":""}]}' }, { code: 'ValidationError', status: 400 }, 'CreateUser'],
      ['a member both in the path and in the body', 'PUT /v1/roles/deploy/trust-policy', { body: '{"roleName":"other","policyDocument":"{}"}' }, { code: 'ValidationError', status: 400, message: 'The member roleName is given more than once.' }, 'UpdateAssumeRolePolicy'],
      ['a member both in the query and in the body', 'POST /v1/users?userName=x', { body: '{"userName":"y"}' }, { code: 'ValidationError', status: 400, message: 'The member userName is given more than once.' }, 'CreateUser'],
      ['a number where text belongs', 'POST /v1/users', { body: '{"userName":5}' }, { code: 'ValidationError', status: 400, message: "1 validation error detected: Value at 'userName' failed to satisfy constraint: Member must be of type string" }, 'CreateUser'],
      ['text where a number belongs', 'POST /v1/sessions/assume-role', { body: '{"roleArn":"arn:aws:iam::123456789012:role/x","roleSessionName":"xy","durationSeconds":"900"}' }, { code: 'ValidationError', status: 400, message: /'durationSeconds' failed to satisfy constraint: Member must be of type number$/ }, 'AssumeRole'],
      ['a fraction where an integer belongs', 'POST /v1/sessions/assume-role', { body: '{"roleArn":"arn:aws:iam::123456789012:role/x","roleSessionName":"xy","durationSeconds":900.5}' }, { code: 'ValidationError', status: 400, message: /Member must be of type integer$/ }, 'AssumeRole'],
      ['letters where a number belongs, in a query', 'GET /v1/users?maxItems=ten', {}, { code: 'ValidationError', status: 400, message: /'maxItems' failed to satisfy constraint: Member must be of type number$/ }, 'ListUsers'],
      ['null where text belongs', 'POST /v1/users', { body: '{"userName":null}' }, { code: 'ValidationError', status: 400 }, 'CreateUser'],
      ['an object where a list belongs', 'POST /v1/users', { body: '{"userName":"x","tags":{}}' }, { code: 'ValidationError', status: 400, message: /'tags' failed to satisfy constraint: Member must be of type array$/ }, 'CreateUser'],
      ['a list as its body', 'POST /v1/users', { body: '[]' }, { code: 'ValidationError', status: 400, message: 'The body must be a JSON object.' }, 'CreateUser'],
      ['no JSON as its body', 'POST /v1/users', { body: '{userName:x}' }, { code: 'ValidationError', status: 400 }, 'CreateUser'],
      ['two bodies in one', 'POST /v1/users', { body: '{"userName":"x"}{"userName":"y"}' }, { code: 'ValidationError', status: 400 }, 'CreateUser'],
      ['nothing at all', 'POST /v1/users', {}, { code: 'ValidationError', status: 400, message: "1 validation error detected: Value at 'userName' failed to satisfy constraint: Member must not be null" }, 'CreateUser'],
      ['deeply nested JSON', 'POST /v1/users', { body: `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}` }, { code: 'ValidationError', status: 400 }, 'CreateUser'],
      ['a body of another type', 'POST /v1/users', { body: '{"userName":"x"}', headers: { 'content-type': 'text/plain' } }, { code: 'UnsupportedMediaType', status: 415 }, 'CreateUser'],
      ['a form as its body', 'POST /v1/users', { body: 'userName=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, { code: 'UnsupportedMediaType', status: 415 }, 'CreateUser'],
      ['a member that is not served yet', 'POST /v1/simulations/custom-policy', { body: '{"resourceHandlingOption":"EC2-VPC"}' }, { code: 'UnsupportedParameter', status: 400, message: /^The parameter resourceHandlingOption is not supported yet\./ }, 'SimulateCustomPolicy'],
      ['a name that does not exist', 'GET /v1/users/nobody', {}, { code: 'NoSuchEntity', status: 404, message: 'The user with name nobody cannot be found.' }, 'GetUser'],
      ['a slash in a name', 'GET /v1/users/a%2Fb', {}, { code: 'ValidationError', status: 400 }, 'GetUser'],
      ['half a surrogate pair', 'POST /v1/users', { body: '{"userName":"\\ud800"}' }, { code: 'ValidationError', status: 400 }, 'CreateUser'],
      ['a zero byte in a filter', 'GET /v1/audit/events?principal=a%00b', {}, { code: 'ValidationError', status: 400 }, 'ListAuditEvents'],
    ];
    it.each(bodies)('with %s', async (_, route, request, expected, name) => {
      expectRefused(await refusal(route, request), expected, name);
    });
  });
});

describe('the description of the REST face', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await TestApp.boot();
  });
  afterAll(() => app.close());

  it.each([['/livez', { status: 'alive' }], ['/readyz', { status: 'ready', database: 'ready' }]])('%s says that all is well', async (path, body) => {
    const answer = await app.send({ path });
    expect([answer.status, JSON.parse(answer.text)]).toEqual([200, body]);
  });

  it('/metrics counts requests by operation and result, and names nobody', async () => {
    await app.query(app.root, { Action: 'GetCallerIdentity', Version: '2011-06-15' });
    await app.send({ path: '/?Action=GetCallerIdentity&Version=2011-06-15' });
    const { text, headers } = await app.send({ path: '/metrics' });
    expect(headers.get('content-type')).toMatch(/^text\/plain/);
    const lines = text.split('\n').filter((line) => line.includes('operation="GetCallerIdentity"'));
    for (const result of ['ok', 'MissingAuthenticationToken']) expect(lines.some((line) => line.includes(`result="${result}"`))).toBe(true);
    for (const line of lines) expect(line).toMatch(/^stint_/);
    for (const secret of [app.root.account, app.root.accessKeyId]) expect(text).not.toContain(secret);
  });

  it('/docs loads nothing from other hosts', async () => {
    const page = await app.send({ path: '/docs' });
    expect(page.status).toBe(200);
    const policy = new Map(page.headers.get('content-security-policy')?.split(';').map((part) => [part.trim().split(' ')[0] ?? '', part.trim().split(' ').slice(1)]));
    expect(policy.get('default-src')).toEqual(["'none'"]);
    for (const [name, sources] of policy) expect([name, sources.filter((source) => !["'self'", "'none'", "'unsafe-inline'", 'data:'].includes(source))]).toEqual([name, []]);
    expect(policy.get('script-src')).toEqual(["'self'"]);
    const addresses = [...page.text.matchAll(/\s(?:src|href|action)="([^"]*)"/g)].map(([, address]) => address ?? '');
    expect(addresses.length).toBeGreaterThan(2);
    for (const path of addresses) {
      expect(path).toMatch(/^\/docs\//);
      const asset = await app.send({ path });
      expect([path, asset.status]).toEqual([path, 200]);
      if (path.endsWith('.css')) for (const [, address = ''] of asset.text.matchAll(/url\(([^)]*)\)/g)) expect(address).toMatch(/^["']?(data:|#)/);
    }
    expect((await app.send({ path: '/docs/package.json' })).status).toBe(404);
    expect((await app.send({ path: '/docs/..%2Fpackage.json' })).status).toBe(404);
  });
});
