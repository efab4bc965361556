import { CreateLoginProfileCommand, CreateUserCommand, DeleteAccessKeyCommand, DeleteRoleCommand, UpdateAccessKeyCommand } from '@aws-sdk/client-iam';

import { Secret } from '../../src/domain/secret.js';
import { formatAmzDate, presign } from '../../src/domain/sigv4.js';
import { TestApp, type Answer, type Keys, type RawRequest } from '../support/app.js';
import { effectOf, readXml } from '../support/calls.js';
import { allows, trusts, World, type User } from '../support/world.js';

const BODY = 'Action=GetCallerIdentity&Version=2011-06-15';
const TYPE = { 'content-type': 'application/x-www-form-urlencoded' };
const INVALID_TOKEN = { status: 403, code: 'InvalidClientTokenId', message: 'The security token included in the request is invalid.' };
const EXPIRED_TOKEN = { status: 403, code: 'ExpiredToken', message: 'The security token included in the request is expired' };
const MISMATCH = {
  status: 403,
  code: 'SignatureDoesNotMatch',
  message: expect.stringMatching(/^The request signature we calculated does not match the signature you provided\. Check your AWS Secret Access Key and signing method\. Consult the service documentation for details\./) as string,
};
const mismatch = (message: string): object => ({ status: 403, code: 'SignatureDoesNotMatch', message });
const incomplete = (message: string | RegExp): object => ({
  status: 400,
  code: 'IncompleteSignature',
  message: typeof message === 'string' ? message : (expect.stringMatching(message) as string),
});

describe('a signature', () => {
  let app: TestApp;
  let world: World;
  let alice: User;
  let bob: User;
  let session: Keys;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = new World(app);
    alice = await world.user('alice', allows(['iam:*', 'sts:*', 'stint:*']));
    bob = await world.user('bob');
    session = await world.session(alice, await world.role('worker', trusts(alice.arn), { policy: allows('iam:*') }));
  });
  afterAll(() => app.close());

  const amzDate = (): string => formatAmzDate(app.clock.now().getTime());
  const ask = (keys: Keys, more: RawRequest = {}): Promise<Answer> => app.raw(keys, { body: BODY, ...more });
  /** Sends with headers of the test's own making. */
  const unsigned = (headers: Record<string, string>, query = ''): Promise<Answer> =>
    app.send({ method: 'POST', path: query === '' ? '/' : `/?${query}`, headers: { ...TYPE, ...headers }, body: BODY });
  const url = (keys: Keys, more: { amzDate?: string; headers?: [string, string][]; expiresSeconds?: number; service?: string } = {}): string =>
    `/?${presign(
      { method: 'GET', path: '/', query: BODY, headers: [['host', new URL(app.url).host], ...(more.headers ?? [])], bodySha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' },
      {
        accessKeyId: keys.accessKeyId,
        secret: Secret.of(keys.secretAccessKey),
        region: 'us-east-1',
        service: more.service ?? 'sts',
        amzDate: more.amzDate ?? amzDate(),
        signedHeaders: (more.headers ?? []).map(([name]) => name),
        ...(keys.sessionToken === undefined ? {} : { securityToken: keys.sessionToken }),
        ...(more.expiresSeconds === undefined ? {} : { expiresSeconds: more.expiresSeconds }),
      },
    )}`;

  /** Nobody is believed: the refusal is said, nothing is written, and no account's log is touched. */
  async function refuses(send: () => Promise<Answer>, refusal: object): Promise<void> {
    const { result, added, removed, events } = await effectOf(app, send);
    expect(readXml(result)).toMatchObject(refusal);
    expect({ added, removed, events }).toEqual({ added: [], removed: [], events: [] });
  }

  const scope = (text: string): string => `AWS4-HMAC-SHA256 Credential=${text}, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`;
  const credential = (more: { key?: string; date?: string; region?: string; service?: string; end?: string } = {}): string =>
    [more.key ?? alice.accessKeyId, more.date ?? amzDate().slice(0, 8), more.region ?? 'us-east-1', more.service ?? 'sts', more.end ?? 'aws4_request'].join('/');

  describe('that is malformed', () => {
    const cases: [string, () => Record<string, string>, object][] = [
      ['is missing', () => ({}), { status: 403, code: 'MissingAuthenticationToken', message: 'Request is missing Authentication Token' }],
      ['is of another scheme', () => ({ authorization: 'Bearer abc' }), { status: 403, code: 'MissingAuthenticationToken', message: 'Missing Authentication Token' }],
      ['is of version 2', () => ({ authorization: 'AWS AKIAIOSFODNN7EXAMPLE:abc' }), incomplete('AWS Signature Version 2 is not supported.')],
      ['is of version 4A', () => ({ authorization: scope(credential()).replace('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256') }), incomplete(/^Unsupported AWS 'algorithm'/)],
      ['has no Credential', () => ({ 'x-amz-date': amzDate(), authorization: 'AWS4-HMAC-SHA256 SignedHeaders=host, Signature=x' }), incomplete(/^Authorization header requires 'Credential' parameter\. .*Authorization=/)],
      ['has no Signature', () => ({ 'x-amz-date': amzDate(), authorization: `AWS4-HMAC-SHA256 Credential=${credential()}, SignedHeaders=host` }), incomplete(/^Authorization header requires 'Signature' parameter\. /)],
      ['has no SignedHeaders', () => ({ 'x-amz-date': amzDate(), authorization: `AWS4-HMAC-SHA256 Credential=${credential()}, Signature=x` }), incomplete(/^Authorization header requires 'SignedHeaders' parameter\. /)],
      ['has no date', () => ({ authorization: scope(credential()) }), incomplete(/^Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header\. /)],
      ['has a date of another form', () => ({ 'x-amz-date': '2026-11-25T10:00:00Z', authorization: scope(credential()) }), incomplete("Date must be in ISO-8601 'basic format'. Got '2026-11-25T10:00:00Z'. See http://en.wikipedia.org/wiki/ISO_8601")],
      ['has a day that does not exist', () => ({ 'x-amz-date': '20260230T100000Z', authorization: scope(credential()) }), incomplete("Date must be in ISO-8601 'basic format'. Got '20260230T100000Z'. See http://en.wikipedia.org/wiki/ISO_8601")],
      ['has a Credential of four parts', () => ({ 'x-amz-date': amzDate(), authorization: scope('AKIA/20261125/us-east-1/sts') }), incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIA/20261125/us-east-1/sts'")],
      ['has a field without a value', () => ({ 'x-amz-date': amzDate(), authorization: 'AWS4-HMAC-SHA256 Credential' }), incomplete(/^'Credential' not a valid key=value pair \(missing equal-sign\) in Authorization header/)],
      ['repeats a field', () => ({ 'x-amz-date': amzDate(), authorization: `${scope(credential())}, Signature=x` }), incomplete(/^Authorization header must not repeat the 'Signature' parameter/)],
      ['does not sign the host', () => ({ 'x-amz-date': amzDate(), authorization: scope(credential()).replace('host;', '') }), mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")],
      ['leaves an x-amz- header unsigned', () => ({ 'x-amz-date': amzDate(), 'x-amz-meta': '1', authorization: scope(credential()) }), mismatch("'x-amz-meta' must be a 'SignedHeader' in the AWS Authorization.")],
    ];
    it.each(cases)('because it %s is refused', async (_, headers, refusal) => {
      await refuses(() => unsigned(headers()), refusal);
    });

    const queries: [string, string, object][] = [
      ['has no X-Amz-Signature', 'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2Fb%2Fc%2Fd%2Fe&X-Amz-Date=20261125T100000Z&X-Amz-SignedHeaders=host', incomplete("AWS query-string parameters must include 'X-Amz-Signature'. Re-examine the query-string parameters.")],
      ['has another algorithm', 'X-Amz-Algorithm=AWS4-HMAC-SHA1&X-Amz-Signature=x', { status: 403, code: 'MissingAuthenticationToken', message: 'Missing Authentication Token' }],
      ['is of version 2', 'AWSAccessKeyId=AKIA&SignatureVersion=2&Signature=x', incomplete('AWS Signature Version 2 is not supported.')],
    ];
    it.each(queries)('in a query because it %s is refused', async (_, query, refusal) => {
      await refuses(() => unsigned({}, query), refusal);
    });

    it('because it is in the header and in the query is refused', async () => {
      await refuses(() => unsigned({ 'x-amz-date': amzDate(), authorization: scope(credential()) }, url(alice).slice(2).replace(`${BODY}&`, '')), { status: 400, code: 'IncompleteSignature' });
    });

    it.each(['abc', '604801', '-1', '1.5'])('because X-Amz-Expires is %s is refused', async (expires) => {
      await refuses(() => app.send({ path: url(alice).replace('X-Amz-Expires=900', `X-Amz-Expires=${expires}`) }), { status: 400, code: 'IncompleteSignature' });
    });
  });

  describe('for somewhere else', () => {
    const cases: [string, RawRequest, object][] = [
      ['another service', { service: 's3' }, mismatch("Credential should be scoped to correct service: 'sts'. ")],
      ['iam, in an sts call', { service: 'iam' }, mismatch("Credential should be scoped to correct service: 'sts'. ")],
      ['stint, in an sts call', { service: 'stint' }, mismatch("Credential should be scoped to correct service: 'sts'. ")],
      ['sts, in an iam call', { service: 'sts', body: 'Action=ListUsers&Version=2010-05-08' }, mismatch("Credential should be scoped to correct service: 'iam'. ")],
      ['stint, in an iam call', { service: 'stint', body: 'Action=ListUsers&Version=2010-05-08' }, mismatch("Credential should be scoped to correct service: 'iam'. ")],
      ['a region that cannot be one', { region: 'not a region' }, mismatch('Credential should be scoped to a valid region. ')],
    ];
    it.each(cases)('(%s) is refused', async (_, request, refusal) => {
      await refuses(() => ask(alice, request), refusal);
    });

    it.each(['sts', 'iam'])('(%s, on the REST face) is refused', async (service) => {
      const { result, events } = await effectOf(app, () => app.raw(alice, { method: 'GET', path: '/v1/caller-identity', service }));
      expect(JSON.parse(result.text)).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch', detail: "Credential should be scoped to correct service: 'stint'. " });
      expect(events).toEqual([]);
    });

    it('(another terminator, or another day) is refused', async () => {
      await refuses(() => unsigned({ 'x-amz-date': amzDate(), authorization: scope(credential({ end: 'aws5_request' })) }), mismatch("Credential should be scoped with a valid terminator: 'aws4_request'."));
      await refuses(
        () => unsigned({ 'x-amz-date': amzDate(), authorization: scope(credential({ date: '20261124' })) }),
        mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20261124' != '20261125', from '20261125T100000Z'."),
      );
    });

    it.each(['us-east-1', 'eu-central-2', 'local', 'my-region-7'])('may name the region %s, as any other', async (region) => {
      expect((await ask(alice, { region })).status).toBe(200);
      const [event] = await app.recordedBy(() => ask(alice, { region }));
      expect(event?.record['awsRegion']).toBe(region);
    });
  });

  describe('of another time', () => {
    const at = (seconds: number): string => formatAmzDate(app.clock.now().getTime() + seconds * 1000);

    it.each([-900, -1, 0, 1, 900])('%i seconds from now is believed', async (seconds) => {
      expect((await ask(alice, { amzDate: at(seconds) })).status).toBe(200);
      expect((await app.send({ path: url(alice, { amzDate: at(seconds), expiresSeconds: 60 }) })).status).toBe(200);
    });

    it('more than 15 minutes ago is refused, in either form', async () => {
      const refusal = mismatch('Signature expired: 20261125T094459Z is now earlier than 20261125T094500Z (20261125T100000Z - 15 min.)');
      await refuses(() => ask(alice, { amzDate: at(-901) }), refusal);
      await refuses(() => app.send({ path: url(alice, { amzDate: at(-901), expiresSeconds: 604_800 }) }), refusal);
    });

    it('more than 15 minutes ahead is refused, in either form', async () => {
      const refusal = mismatch('Signature not yet current: 20261125T101501Z is still later than 20261125T101500Z (20261125T100000Z + 15 min.)');
      await refuses(() => ask(alice, { amzDate: at(901) }), refusal);
      await refuses(() => app.send({ path: url(alice, { amzDate: at(901) }) }), refusal);
    });

    it('is believed as often as it is sent for 15 minutes, and never after', async () => {
      const path = url(alice, { expiresSeconds: 60 });
      for (const seconds of [0, 61, 839]) {
        app.clock.advance(seconds);
        expect((await app.send({ path })).status).toBe(200);
      }
      app.clock.advance(1);
      await refuses(() => app.send({ path }), mismatch('Signature expired: 20261125T100000Z is now earlier than 20261125T100001Z (20261125T101501Z - 15 min.)'));
      app.clock.advance(-901);
    });
  });

  describe('that does not fit', () => {
    const altered: [string, () => Promise<Answer>][] = [
      ['another secret', () => ask({ ...alice, secretAccessKey: bob.secretAccessKey })],
      ['another user’s key id', () => ask({ ...alice, accessKeyId: bob.accessKeyId })],
      ['a secret with another case', () => ask({ ...alice, secretAccessKey: alice.secretAccessKey.toLowerCase() })],
      ['an altered presigned parameter', () => app.send({ path: url(alice).replace('GetCallerIdentity', 'GetAccessKeyInfo') })],
      ['an added presigned parameter', () => app.send({ path: `${url(alice)}&x=y` })],
      ['a signed header that is missing', () => app.send({ path: url(alice, { headers: [['x-k8s-aws-id', 'cluster']] }) })],
      ['a signed header with another value', () => app.send({ path: url(alice, { headers: [['x-k8s-aws-id', 'cluster']] }), headers: { 'x-k8s-aws-id': 'another' } })],
      ['another signature', () => unsigned({ 'x-amz-date': amzDate(), authorization: scope(credential()) })],
    ];
    it.each(altered)('because of %s is refused', async (_, send) => {
      await refuses(send, MISMATCH);
    });

    it('but covers headers of the client’s own is believed', async () => {
      const headers: [string, string][] = [['x-k8s-aws-id', 'cluster'], ['x-vault-aws-iam-server-id', 'vault.example']];
      expect((await app.send({ path: url(alice, { headers }), headers: Object.fromEntries(headers) })).status).toBe(200);
    });

    it('does not show the secret or the body in its refusal', async () => {
      const { text } = await ask({ ...alice, accessKeyId: bob.accessKeyId });
      expect(text).not.toContain(bob.secretAccessKey);
      expect(text).not.toContain(alice.secretAccessKey);
    });
  });

  describe('by a key', () => {
    it('that nobody has is refused', async () => {
      await refuses(() => ask({ ...alice, accessKeyId: 'AKIAUNKNOWNUNKNOWN22' }), INVALID_TOKEN);
      await refuses(() => ask({ accessKeyId: 'x', secretAccessKey: 'y' }), INVALID_TOKEN);
      await refuses(() => ask({ accessKeyId: '__proto__', secretAccessKey: 'y' }), INVALID_TOKEN);
    });

    it('that is inactive is refused, and believed again when it is active', async () => {
      const carol = await world.user('carol');
      const become = (Status: 'Active' | 'Inactive'): Promise<unknown> => app.iam().send(new UpdateAccessKeyCommand({ UserName: 'carol', AccessKeyId: carol.accessKeyId, Status }));
      expect((await ask(carol)).status).toBe(200);
      await become('Inactive');
      await refuses(() => ask(carol), INVALID_TOKEN);
      await refuses(() => app.send({ path: url(carol) }), INVALID_TOKEN);
      await become('Active');
      expect((await ask(carol)).status).toBe(200);
    });

    it('that was deleted is refused', async () => {
      const dave = await world.user('dave');
      expect((await ask(dave)).status).toBe(200);
      await app.iam().send(new DeleteAccessKeyCommand({ UserName: 'dave', AccessKeyId: dave.accessKeyId }));
      await refuses(() => ask(dave), INVALID_TOKEN);
    });
  });

  describe('with a session token', () => {
    it('is believed in the header and in the query', async () => {
      expect((await ask(session)).status).toBe(200);
      expect((await app.send({ path: url(session) })).status).toBe(200);
    });

    it('that was appended to a presigned query after signing is believed', async () => {
      const { sessionToken = '', ...keys } = session;
      const path = `${url(keys)}&X-Amz-Security-Token=${encodeURIComponent(sessionToken)}`;
      expect((await app.send({ path })).status).toBe(200);
    });

    it('that is missing is refused', async () => {
      const { sessionToken: _, ...keys } = session;
      await refuses(() => ask(keys), INVALID_TOKEN);
    });

    it('of another session, or with a long-term key, is refused', async () => {
      const other = await world.session(alice, await world.role('other', trusts(alice.arn)));
      const { sessionToken = '' } = other;
      await refuses(() => ask({ ...session, sessionToken }), INVALID_TOKEN);
      await refuses(() => ask({ ...other, accessKeyId: session.accessKeyId }), INVALID_TOKEN);
      await refuses(() => ask({ ...alice, sessionToken }), INVALID_TOKEN);
      await refuses(() => ask({ ...session, sessionToken: alice.secretAccessKey }), INVALID_TOKEN);
    });

    it('with another session’s secret is refused', async () => {
      await refuses(() => ask({ ...session, secretAccessKey: alice.secretAccessKey }), MISMATCH);
    });

    it('with any bit of a byte changed is refused', async () => {
      const bytes = Buffer.from(session.sessionToken ?? '', 'base64');
      const last = bytes.length - 1;
      for (const position of [0, 1, 4, 5, 28, 29, 40, Math.floor(last / 2), last - 16, last]) {
        for (const bit of [1, 2, 64, 128]) {
          const changed = Buffer.from(bytes);
          changed[position] = changed[position]! ^ bit;
          const sessionToken = changed.toString('base64');
          expect(readXml(await ask({ ...session, sessionToken }))).toMatchObject(INVALID_TOKEN);
        }
      }
    });

    const spellings: [string, (token: string) => string][] = [
      ['with text appended', (token) => `${token}A`],
      ['with padding appended', (token) => `${token}====`],
      ['cut short', (token) => token.slice(0, -4)],
      ['with a blank inside', (token) => `${token.slice(0, 8)} ${token.slice(8)}`],
      ['twice', (token) => token + token],
      ['without padding or with the rest of its last character changed', (token) => (token.endsWith('=') ? token.replace(/=+$/, '') : `${token}=`)],
      ['in another alphabet', (token) => `${token.slice(0, -4)}-_-_`],
      ['that is empty', () => ''],
      ['that is one letter', () => 'A'],
      ['that is very long', (token) => token.repeat(30).slice(0, 9000)],
    ];
    it.each(spellings)('%s is refused', async (_, spell) => {
      await refuses(() => ask({ ...session, sessionToken: spell(session.sessionToken ?? '') }), INVALID_TOKEN);
    });

    it('that has expired is refused from its very second on', async () => {
      app.clock.advance(3599);
      expect((await ask(session)).status).toBe(200);
      app.clock.advance(1);
      await refuses(() => ask(session), EXPIRED_TOKEN);
      await refuses(() => app.raw(session, { body: 'Action=ListUsers&Version=2010-05-08', service: 'iam' }), EXPIRED_TOKEN);
      app.clock.advance(-3600);
      expect((await ask(session)).status).toBe(200);
    });

    it('whose role is gone is refused, which is recorded', async () => {
      const orphan = await world.session(alice, await world.role('leaving', trusts(alice.arn)));
      await app.iam().send(new DeleteRoleCommand({ RoleName: 'leaving' }));
      const { result, added, removed, events } = await effectOf(app, () => ask(orphan));
      expect(readXml(result)).toMatchObject(EXPIRED_TOKEN);
      expect({ added, removed }).toEqual({ added: [], removed: [] });
      expect(events.map(({ record }) => record)).toMatchObject([{ errorCode: 'ExpiredToken', userIdentity: { type: 'AssumedRole' }, requestParameters: null, additionalEventData: { sessionEnded: 'the role is gone' } }]);
      // Whoever does not hold its secret leaves nothing.
      await refuses(() => ask({ ...orphan, secretAccessKey: alice.secretAccessKey }), MISMATCH);
    });
  });
});

describe('STINT_REGIONS', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.boot({ env: { STINT_REGIONS: 'eu-west-1, us-east-1' } });
  });
  afterAll(() => app.close());

  it.each(['eu-west-1', 'us-east-1'])('lets signatures for %s in', async (region) => {
    expect((await app.raw(app.root, { body: BODY, region })).status).toBe(200);
    expect((await app.raw(app.root, { method: 'GET', path: '/v1/caller-identity', service: 'stint', region })).status).toBe(200);
  });

  it('takes calls without a signature to be made to the first', async () => {
    const iam = app.iam();
    await iam.send(new CreateUserCommand({ UserName: 'alice' }));
    await iam.send(new CreateLoginProfileCommand({ UserName: 'alice', Password: 'Long enough 1!' }));
    const body = JSON.stringify({ account: app.root.account, userName: 'alice', password: 'Long enough 1!' });
    const { result, events } = await effectOf(app, () => fetch(`${app.url}/v1/sign-in`, { method: 'POST', headers: { 'content-type': 'application/json' }, body }));
    expect(result.status).toBe(200);
    expect(events.map(({ record }) => record)).toMatchObject([{ eventName: 'ConsoleLogin', awsRegion: 'eu-west-1' }]);
  });

  it.each(['us-west-2', 'EU-WEST-1', 'eu-west-1a', '*'])('refuses signatures for %s, on every face', async (region) => {
    const { result, events } = await effectOf(app, () => app.raw(app.root, { body: BODY, region }));
    expect(readXml(result)).toMatchObject(mismatch('Credential should be scoped to a valid region. '));
    expect(events).toEqual([]);
    const rest = await app.raw(app.root, { method: 'GET', path: '/v1/caller-identity', service: 'stint', region });
    expect(JSON.parse(rest.text)).toMatchObject({ code: 'SignatureDoesNotMatch' });
  });
});
