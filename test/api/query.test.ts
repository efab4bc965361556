import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { CreateRoleCommand, CreateUserCommand, GetRoleCommand, ListUsersCommand } from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';

import { Secret } from '../../src/domain/secret.js';
import { formatAmzDate, presign } from '../../src/domain/sigv4.js';
import { TestApp, type Answer, type Keys, type RawRequest } from '../support/app.js';
import { effectOf, element, expectRefused, readXml, type Called, type Effect, type Refusal } from '../support/calls.js';
import { captureSecrets } from '../support/captures.js';
import { onTheWire } from '../support/wire.js';
import { allows, trusts, World, type User } from '../support/world.js';

const STS = 'https://sts.amazonaws.com/doc/2011-06-15/';
const IAM = 'https://iam.amazonaws.com/doc/2010-05-08/';
const FAULT = 'http://webservices.amazon.com/AWSFault/2005-15-09';
const whoAmI = { Action: 'GetCallerIdentity', Version: '2011-06-15' };
const iam = (Action: string, more: Record<string, string> = {}): Record<string, string> => ({ Action, Version: '2010-05-08', ...more });

describe('the AWS Query face', () => {
  let app: TestApp;
  let world: World;
  let alice: User;
  let identity: string;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = new World(app);
    alice = await world.user('alice', allows(['iam:*', 'sts:*']));
    identity = `<GetCallerIdentityResult><UserId>${alice.id}</UserId><Account>${app.root.account}</Account><Arn>${alice.arn}</Arn></GetCallerIdentityResult>`;
  });
  afterAll(() => app.close());

  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  const requestId = (answer: Answer): string => answer.headers.get('x-amzn-requestid') ?? '';
  const presigned = (keys: Keys, query: string, amzDate = formatAmzDate(app.clock.now().getTime())): string =>
    presign(
      { method: 'GET', path: '/', query, headers: [['host', new URL(app.url).host]], bodySha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' },
      { accessKeyId: keys.accessKeyId, secret: Secret.of(keys.secretAccessKey), region: 'us-east-1', service: 'sts', amzDate, expiresSeconds: 60 },
    );

  /** A refusal of somebody whom the face does not know yet: nothing is written and nothing recorded. */
  async function refusesStrangers(work: () => Promise<Answer>, refusal: Refusal & { namespace?: string }): Promise<Answer> {
    const { result, added, removed, events } = await effectOf(app, work);
    expect(readXml(result)).toMatchObject({ status: refusal.status, code: refusal.code, ...(typeof refusal.message === 'string' ? { message: refusal.message } : {}) });
    expect(result.text).toContain(`<ErrorResponse xmlns="${refusal.namespace ?? FAULT}"><Error><Type>Sender</Type>`);
    expect(element(result.text, 'RequestId')).toBe(requestId(result));
    expect({ added, removed, events }).toEqual({ added: [], removed: [], events: [] });
    return result;
  }

  /** What a call of alice's does, from its bytes. */
  const bytes = (request: RawRequest): Promise<Effect<Called>> => effectOf(app, async () => readXml(await app.raw(alice, request)));
  const form = (fields: Record<string, string>, more: RawRequest = {}): Promise<Effect<Called>> => effectOf(app, async () => readXml(await app.query(alice, fields, more)));

  describe('answers', () => {
    const ways: [string, () => Promise<Answer>][] = [
      ['a POST of a form', () => app.query(alice, whoAmI)],
      ['a POST with a charset', () => app.query(alice, whoAmI, { headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' } })],
      ['a POST whose parameters are in the query', () => app.raw(alice, { query: new URLSearchParams(whoAmI).toString() })],
      ['a GET', () => app.raw(alice, { method: 'GET', query: new URLSearchParams(whoAmI).toString() })],
      ['a presigned GET', () => app.send({ path: `/?${presigned(alice, 'Action=GetCallerIdentity&Version=2011-06-15')}` })],
    ];
    it.each(ways)('%s in XML', async (_, send) => {
      const answer = await send();
      expect(answer.status).toBe(200);
      expect(requestId(answer)).toMatch(uuid);
      expect(answer.text).toBe(`<GetCallerIdentityResponse xmlns="${STS}">${identity}<ResponseMetadata><RequestId>${requestId(answer)}</RequestId></ResponseMetadata></GetCallerIdentityResponse>`);
      expect(answer.headers.get('content-type')).toBe('text/xml');
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.get('date')).toBe('Wed, 25 Nov 2026 10:00:00 GMT');
    });

    it('in JSON where it is asked for, with times as epoch seconds', async () => {
      const role = await world.role('json', trusts(alice.arn));
      const answer = await app.query(alice, { Action: 'AssumeRole', Version: '2011-06-15', RoleArn: role.arn, RoleSessionName: 'json' }, { headers: { accept: 'application/json' } });
      expect(answer.headers.get('content-type')).toMatch(/^application\/json(;|$)/);
      expect(JSON.parse(answer.text)).toEqual({
        AssumeRoleResponse: {
          AssumeRoleResult: {
            Credentials: { AccessKeyId: expect.stringMatching(/^ASIA/), SecretAccessKey: expect.stringMatching(/^.{40}$/), SessionToken: expect.any(String), Expiration: Date.UTC(2026, 10, 25, 11) / 1000 },
            AssumedRoleUser: { AssumedRoleId: `${role.id}:json`, Arn: `arn:aws:sts::${app.root.account}:assumed-role/json/json` },
            SessionTokenUtilization: expect.any(Number),
            SessionTokenSize: expect.any(Number),
          },
          ResponseMetadata: { RequestId: requestId(answer) },
        },
      });
    });

    it('errors in JSON where it is asked for', async () => {
      const answer = await app.query(alice, iam('GetUser', { UserName: 'nobody' }), { headers: { accept: 'application/json' } });
      expect(answer.status).toBe(404);
      expect(JSON.parse(answer.text)).toEqual({ Error: { Type: 'Sender', Code: 'NoSuchEntity', Message: 'The user with name nobody cannot be found.' }, RequestId: requestId(answer) });
    });

    it('with nothing but the request id where an operation has no result', async () => {
      await world.app.iam().send(new CreateUserCommand({ UserName: 'short-lived' }));
      const answer = await app.query(alice, iam('DeleteUser', { UserName: 'short-lived' }));
      expect(answer.text).toBe(`<DeleteUserResponse xmlns="${IAM}"><ResponseMetadata><RequestId>${requestId(answer)}</RequestId></ResponseMetadata></DeleteUserResponse>`);
    });

    it('an empty list as an empty element, and an empty structure as one too', async () => {
      const none = await app.query(alice, iam('ListUsers', { PathPrefix: '/none/' }));
      expect(none.text).toContain('<ListUsersResult><Users></Users><IsTruncated>false</IsTruncated></ListUsersResult>');
      await world.role('unused', trusts(alice.arn));
      expect((await app.query(alice, iam('GetRole', { RoleName: 'unused' }))).text).toContain('<RoleLastUsed></RoleLastUsed>');
    });

    it('lists as member elements', async () => {
      const answer = await app.query(alice, iam('ListUserPolicies', { UserName: 'alice' }));
      expect(answer.text).toContain('<PolicyNames><member>own</member></PolicyNames>');
    });

    it('refusals in the namespace of the service, with the id of the header', async () => {
      for (const [namespace, fields] of [[STS, { ...whoAmI, Action: 'GetAccessKeyInfo' }], [IAM, iam('GetUser', { UserName: 'nobody' })]] as const) {
        const answer = await app.query(alice, fields);
        const type = '<Error><Type>Sender</Type><Code>';
        expect(answer.text.startsWith(`<ErrorResponse xmlns="${namespace}">${type}`)).toBe(true);
        expect(answer.text.endsWith(`</Error><RequestId>${requestId(answer)}</RequestId></ErrorResponse>`)).toBe(true);
        expect(requestId(answer)).toMatch(uuid);
      }
    });

    it('text that is hostile to XML so that clients read what was written', async () => {
      const Description = '<a href="x">&amp; \'quoted\' ]]> </Description>\t\r\n\u00A1ÿ';
      await app.iam().send(new CreateRoleCommand({ RoleName: 'hostile', Description, AssumeRolePolicyDocument: JSON.stringify(trusts(alice.arn)) }));
      const { Role } = await app.iam().send(new GetRoleCommand({ RoleName: 'hostile' }));
      expect(Role?.Description).toBe(Description);
    });

    it('characters that XML cannot carry as U+FFFD', async () => {
      const { result } = await form({ ...whoAmI, Action: 'AssumeRole', RoleArn: 'arn:aws:iam::123456789012:role/x', RoleSessionName: 'a\u0000\u001f\uffff<b' });
      expect(result.message).toContain("Value 'a\uFFFD\uFFFD\uFFFD<b' at 'roleSessionName'");
    });
  });

  describe('refuses strangers and the misdirected', () => {
    const unknown: [string, Record<string, string>, string, string][] = [
      ['no Action', { Version: '2011-06-15' }, 'MissingAction', 'The request must contain the parameter Action.'],
      ['an empty Action', { ...whoAmI, Action: '' }, 'MissingAction', 'The request must contain the parameter Action.'],
      ['an unknown Action', { ...whoAmI, Action: 'Nope' }, 'InvalidAction', 'Could not find operation Nope for version 2011-06-15'],
      ['an unknown Version', { ...whoAmI, Version: '2099-01-01' }, 'InvalidAction', 'Could not find operation GetCallerIdentity for version 2099-01-01'],
      ['an Action of the other service', { ...whoAmI, Action: 'CreateUser' }, 'InvalidAction', 'Could not find operation CreateUser for version 2011-06-15'],
      ['an Action of the REST face', { ...whoAmI, Action: 'CreateAccount' }, 'InvalidAction', 'Could not find operation CreateAccount for version 2011-06-15'],
      ['an Action in another case', { ...whoAmI, Action: 'getcalleridentity' }, 'InvalidAction', 'Could not find operation getcalleridentity for version 2011-06-15'],
      ['an Action from a prototype', { ...whoAmI, Action: 'constructor' }, 'InvalidAction', 'Could not find operation constructor for version 2011-06-15'],
      ['an Action with markup', { ...whoAmI, Action: '<b>&' }, 'InvalidAction', 'Could not find operation <b>& for version 2011-06-15'],
    ];
    it.each(unknown)('with %s, signed or not', async (_, fields, code, message) => {
      await refusesStrangers(() => app.query(alice, fields, { service: 'sts' }), { code, status: 400, message });
      await refusesStrangers(() => app.send({ path: `/?${new URLSearchParams(fields).toString()}` }), { code, status: 400, message });
    });

    it('with a long unknown Action, of which the answer shows a part', async () => {
      const answer = await refusesStrangers(() => app.query(alice, { ...whoAmI, Action: 'x'.repeat(5000) }), { code: 'InvalidAction', status: 400 });
      expect(answer.text.length).toBeLessThan(1000);
    });

    it('without a Version', async () => {
      await refusesStrangers(() => app.query(alice, { Action: 'GetCallerIdentity' }), { code: 'InvalidAction', status: 400 });
    });

    it('without a signature, in the namespace of the service', async () => {
      const refusal = { code: 'MissingAuthenticationToken', status: 403, message: 'Request is missing Authentication Token', namespace: STS };
      await refusesStrangers(() => app.send({ path: '/?Action=GetCallerIdentity&Version=2011-06-15' }), refusal);
      await refusesStrangers(() => app.send({ path: '/?Action=GetUser&Version=2010-05-08' }), { ...refusal, namespace: IAM });
    });

    const malformed: [string, Buffer | string][] = [
      ['a repeated parameter', 'Action=GetCallerIdentity&Version=2011-06-15&Action=GetCallerIdentity'],
      ['a parameter repeated in another spelling', 'Action=GetCallerIdentity&Version=2011-06-15&%41ction=GetCallerIdentity'],
      ['bytes that are not UTF-8', Buffer.from('Action=GetCallerIdentity&Version=2011-06-15&X=\xff\xfe', 'latin1')],
      ['escapes that are not UTF-8', 'Action=GetCallerIdentity&Version=2011-06-15&X=%ff%fe'],
      ['half a surrogate pair', 'Action=GetCallerIdentity&Version=2011-06-15&X=%ED%A0%80'],
      ['an overlong escape', 'Action=GetCallerIdentity&Version=2011-06-15&X=%C0%AF'],
      ['an escape without digits', 'Action=GetCallerIdentity&Version=2011-06-15&X=%zz'],
      ['an unfinished escape', 'Action=GetCallerIdentity&Version=2011-06-15&X=%4'],
      ['an escape without digits in a name', 'Action=GetCallerIdentity&Version=2011-06-15&%zz=1'],
      ['2001 parameters', `Action=GetCallerIdentity&Version=2011-06-15&${Array.from({ length: 1999 }, (_, index) => `p${String(index)}=`).join('&')}`],
    ];
    it.each(malformed)('with %s', async (_, body) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const { text } = await refusesStrangers(() => app.send({ method: 'POST', headers, body }), { code: 'ValidationError', status: 400 });
      expect(text).not.toContain('InternalFailure');
    });

    it('with a parameter both in the query and in the form', async () => {
      const request = { query: 'Version=2011-06-15', body: 'Action=GetCallerIdentity&Version=2011-06-15' };
      await refusesStrangers(() => app.raw(alice, request), { code: 'ValidationError', status: 400, message: 'The parameter Version is given more than once.' });
    });

    it('with bytes in the query that HTTP does not allow there', async () => {
      for (const text of ['\xff', '\xc3\xa4']) {
        const send = (): Promise<unknown> => onTheWire(app, `GET /?Action=GetCallerIdentity&Version=2011-06-15&X=${text} HTTP/1.1\r\nHost: x\r\n\r\n`);
        expect(await effectOf(app, send)).toMatchObject({ result: { status: 400 }, added: [], events: [] });
      }
    });

    it.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS'])('with the method %s', async (method) => {
      const answer = await refusesStrangers(() => app.raw(alice, { method, query: new URLSearchParams(whoAmI).toString() }), { code: 'MethodNotAllowed', status: 405 });
      expect(answer.headers.get('allow')).toBe('GET, POST');
    });

    it('with a body of another type', async () => {
      for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencodedx']) {
        await refusesStrangers(() => app.query(alice, whoAmI, { headers: { 'content-type': type } }), { code: 'UnsupportedMediaType', status: 415 });
      }
    });

    it('with a body of 10 MB', async () => {
      const big = Buffer.alloc(10 * 1024 * 1024, 'x');
      const lengths = [`Content-Length: ${String(big.length)}`, 'Transfer-Encoding: chunked'];
      for (const length of lengths) {
        const chunk = length.startsWith('T') ? Buffer.concat([Buffer.from(`${big.length.toString(16)}\r\n`), big, Buffer.from('\r\n0\r\n\r\n')]) : big.subarray(0, 1024);
        const head = Buffer.from(`POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n${length}\r\n\r\n`);
        const { result, added, events } = await effectOf(app, () => onTheWire(app, Buffer.concat([head, chunk])));
        expect([result.status, element(result.text, 'Code')]).toEqual([413, 'RequestEntityTooLarge']);
        expect(result.text).toContain(`<ErrorResponse xmlns="${FAULT}"><Error><Type>Sender</Type>`);
        expect(element(result.text, 'RequestId')).toBe(result.headers.get('x-amzn-requestid'));
        expect({ added, events }).toEqual({ added: [], events: [] });
      }
    });
  });

  describe('refuses callers it knows', () => {
    const abuse: [string, string, Refusal][] = [
      ['a number that is none', 'Action=ListUsers&Version=2010-05-08&MaxItems=ten', { code: 'MalformedInput', status: 400 }],
      ['a number with a fraction', 'Action=ListUsers&Version=2010-05-08&MaxItems=1.5', { code: 'MalformedInput', status: 400 }],
      ['a number in hexadecimal', 'Action=ListUsers&Version=2010-05-08&MaxItems=0x10', { code: 'MalformedInput', status: 400 }],
      ['an empty number', 'Action=ListUsers&Version=2010-05-08&MaxItems=', { code: 'MalformedInput', status: 400 }],
      ['a huge number', 'Action=ListUsers&Version=2010-05-08&MaxItems=99999999999999999999', { code: 'MalformedInput', status: 400 }],
      ['a list entry number zero', 'Action=CreateUser&Version=2010-05-08&UserName=x&Tags.member.0.Key=a&Tags.member.0.Value=b', { code: 'MalformedInput', status: 400 }],
      ['a list entry without a number', 'Action=CreateUser&Version=2010-05-08&UserName=x&Tags.member.x.Key=a', { code: 'MalformedInput', status: 400 }],
      ['a list entry with a padded number', 'Action=CreateUser&Version=2010-05-08&UserName=x&Tags.member.01.Key=a', { code: 'MalformedInput', status: 400 }],
      ['a list entry with a huge number', 'Action=CreateUser&Version=2010-05-08&UserName=x&Tags.member.99999999999.Key=a', { code: 'MalformedInput', status: 400 }],
      ['a text where a structure belongs', 'Action=CreateUser&Version=2010-05-08&UserName=x&Tags.member.1=a', { code: 'ValidationError', status: 400, message: /^2 validation errors detected: Value at 'tags\.1\.member\.key'/ }],
      ['a structure where a text belongs', 'Action=CreateUser&Version=2010-05-08&UserName.member.1=x', { code: 'ValidationError', status: 400, message: /^1 validation error detected: Value at 'userName' .* not be null$/ }],
      ['a name that is nested deeply', `Action=CreateUser&Version=2010-05-08&UserName=x&${'Tags.'.repeat(2000)}x=1`, { code: 'ValidationError', status: 400 }],
      ['1001 list entries', `Action=CreateUser&Version=2010-05-08&UserName=x&${Array.from({ length: 1001 }, (_, index) => `Tags.member.${String(index + 1)}.Key=a`).join('&')}`, { code: 'ValidationError', status: 400 }],
      ['51 tags', `Action=CreateUser&Version=2010-05-08&UserName=x&${Array.from({ length: 51 }, (_, index) => `Tags.member.${String(index + 1)}.Key=k${String(index)}&Tags.member.${String(index + 1)}.Value=`).join('&')}`, { code: 'ValidationError', status: 400, message: /^1 validation error detected: Value at 'tags' .* length less than or equal to 50$/ }],
      ['a parameter that is not served yet', 'Action=SimulateCustomPolicy&Version=2010-05-08&ActionNames.member.1=s3:GetObject&ResourceHandlingOption=EC2-VPC', { code: 'UnsupportedParameter', status: 400, message: /^The parameter resourceHandlingOption is not supported yet\./ }],
      ['a list that is not served yet', 'Action=SimulateCustomPolicy&Version=2010-05-08&ActionNames.member.1=s3:GetObject&OrderedOrganizationPolicyInputList.member.1.a=b', { code: 'UnsupportedParameter', status: 400, message: /^The parameter orderedOrganizationPolicyInputList is not supported yet\./ }],
    ];
    it.each(abuse)('with %s, and records it', async (_, body, refusal) => {
      const [, action = '', version] = /Action=(\w+)&Version=([\d-]+)/.exec(body) ?? [];
      expectRefused(await bytes({ body, service: version === '2010-05-08' ? 'iam' : 'sts' }), refusal, action);
    });
  });

  describe('takes', () => {
    it('an empty list that is written as an empty value', async () => {
      const { result, added } = await form(iam('CreateUser', { UserName: 'untagged', Tags: '' }));
      expect(result.status).toBe(200);
      expect(added).toEqual([expect.stringContaining('"tags":[]')]);
    });

    it('list entries in the order of their numbers, gaps and all', async () => {
      await bytes({ service: 'iam', body: 'Action=CreateUser&Version=2010-05-08&UserName=tagged&Tags.member.10.Key=c&Tags.member.10.Value=3&Tags.member.2.Key=b&Tags.member.2.Value=2&Tags.member.1.Value=1&Tags.member.1.Key=a' });
      expect((await app.query(alice, iam('GetUser', { UserName: 'tagged' }))).text).toContain(
        '<Tags><member><Key>a</Key><Value>1</Value></member><member><Key>b</Key><Value>2</Value></member><member><Key>c</Key><Value>3</Value></member></Tags>',
      );
    });

    it('plus signs as spaces, and escapes in either case', async () => {
      await bytes({ service: 'iam', body: 'Action=CreateUser&Version=2010-05-08&UserName=spaced&Tags.member.1.Key=a+b%3dc&Tags.member.1.Value=%c3%a4%C3%84' });
      expect((await app.query(alice, iam('GetUser', { UserName: 'spaced' }))).text).toContain('<Key>a b=c</Key><Value>äÄ</Value>');
    });

    it('parameters it does not know, and names them in the answer and in the event', async () => {
      const fields = { ...whoAmI, NewThing: 'x', 'Things.member.1.Key': 'y', __proto__x: 'z', 'bad\u0007name': '1' };
      let answer: Answer | undefined;
      const events = await app.recordedBy(async () => {
        answer = await app.query(alice, fields);
      });
      expect(answer?.status).toBe(200);
      expect(answer?.headers.get('x-stint-ignored-parameters')).toBe('NewThing, Things.member.1.Key, __proto__x, bad?name');
      expect(events).toHaveLength(1);
      expect(events[0]?.record['additionalEventData']).toEqual({ ignoredParameters: ['NewThing', 'Things.member.1.Key', '__proto__x', 'bad\u0007name'] });
    });

    it('parameters it does not know in a call it refuses, and names them too', async () => {
      const { result, events } = await effectOf(app, () => app.query(alice, iam('GetUser', { UserName: 'nobody', Colour: 'red' })));
      expect([result.status, result.headers.get('x-stint-ignored-parameters')]).toEqual([404, 'Colour']);
      expect(events[0]?.record['additionalEventData']).toEqual({ ignoredParameters: ['Colour'] });
    });

    it('the names of prototypes as parameters like any other', async () => {
      const { result } = await effectOf(app, () => app.raw(alice, { body: 'Action=GetCallerIdentity&Version=2011-06-15&__proto__=1&constructor.prototype.x=2&toString=3' }));
      expect([result.status, result.headers.get('x-stint-ignored-parameters')]).toEqual([200, '__proto__, constructor.prototype.x, toString']);
    });

    it('a page of the smallest and of the largest size', async () => {
      for (const MaxItems of [1, 1000]) expect((await app.iam().send(new ListUsersCommand({ MaxItems }))).Users?.length).toBeGreaterThan(0);
    });
  });
});

describe('recorded requests of real clients', () => {
  let app: TestApp;
  let now = Date.parse('2026-11-25T10:00:00.500Z');

  beforeAll(async () => {
    app = await TestApp.boot({
      env: {
        STINT_BOOTSTRAP_ACCOUNT_ID: '123456789012',
        STINT_BOOTSTRAP_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
        STINT_BOOTSTRAP_SECRET_ACCESS_KEY: captureSecrets[0]!,
      },
    });
  });
  afterAll(() => app.close());

  /** Sets the clock to the moment at which a request was signed. */
  function travelTo(bytes: Buffer): void {
    const [, ...parts] = /x-amz-date: (\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/i.exec(bytes.toString('latin1')) ?? [];
    const [year = 0, month = 0, ...rest] = parts.map(Number);
    const signed = Date.UTC(year, month - 1, ...rest);
    app.clock.advance((signed - now) / 1000);
    now = signed;
  }

  const replays: [string, number, string][] = [
    ['01-awscli-debian-2.9.19-get-caller-identity', 200, '<Arn>arn:aws:iam::123456789012:root</Arn>'],
    ['03-boto3-1.26.27-gci', 200, '<Arn>arn:aws:iam::123456789012:root</Arn>'],
    ['07-boto3-1.43.11-gci', 200, '<Arn>arn:aws:iam::123456789012:root</Arn>'],
    ['12-awscli-pyenv-get-caller-identity', 200, '<Arn>arn:aws:iam::123456789012:root</Arn>'],
    ['19-js-sdk-3.1173.0-get-caller-identity', 200, '<Arn>arn:aws:iam::123456789012:root</Arn>'],
    ['13-awscli-pyenv-profile-chain-role_arn', 403, '<Code>AccessDenied</Code><Message>Roles may not be assumed by root accounts.</Message>'],
    ['02-awscli-debian-2.9.19-assume-role', 403, '<Code>AccessDenied</Code><Message>Roles may not be assumed by root accounts.</Message>'],
    ['08-boto3-1.43.11-ar', 403, '<Code>AccessDenied</Code><Message>Roles may not be assumed by root accounts.</Message>'],
    ['20-js-sdk-3.1173.0-assume-role', 403, '<Code>AccessDenied</Code><Message>Roles may not be assumed by root accounts.</Message>'],
    ['11-boto3-1.43-env-AWS_ENDPOINT_URL-with-session-token', 403, '<Code>InvalidClientTokenId</Code>'],
    ['23-js-sdk-3.1173.0-env-sessiontoken-get-caller-identity', 403, '<Code>InvalidClientTokenId</Code>'],
    ['14-awscli-pyenv-profile-chain-role_arn', 403, '<Code>InvalidClientTokenId</Code>'],
  ];
  it.each(replays)('%s are answered %i', async (name, status, part) => {
    const bytes = readFileSync(join('test', 'vectors', 'captures', `${name}.http`));
    travelTo(bytes);
    const { result, events } = await effectOf(app, () => onTheWire(app, bytes));
    expect([result.status, result.text]).toEqual([status, expect.stringContaining(part)]);
    const isKnown = !part.includes('InvalidClientTokenId');
    expect(events).toHaveLength(isKnown ? 1 : 0);
    if (isKnown) expect(events[0]?.record).toMatchObject({ userIdentity: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE' }, userAgent: expect.stringMatching(/^(aws-cli|Boto3|aws-sdk-js)\//) });
  });

  it('are refused with any other body, and after a quarter of an hour', async () => {
    const bytes = readFileSync(join('test', 'vectors', 'captures', '01-awscli-debian-2.9.19-get-caller-identity.http'));
    travelTo(bytes);
    const altered = Buffer.from(bytes.toString('latin1').replace('Version=2011-06-15', 'Version=2011-06-15&a=').replace('Content-Length: 43', 'Content-Length: 46'), 'latin1');
    expect((await onTheWire(app, altered)).text).toContain('<Code>SignatureDoesNotMatch</Code>');
    app.clock.advance(901);
    expect((await onTheWire(app, bytes)).text).toContain('<Message>Signature expired: 20261123T223119Z is now earlier than 20261123T223120Z (20261123T224620Z - 15 min.)</Message>');
    app.clock.advance(-901);
  });

  it('leave clients able to go on', async () => {
    await expect(app.sts().send(new GetCallerIdentityCommand())).resolves.toMatchObject({ Account: '123456789012' });
  });
});
