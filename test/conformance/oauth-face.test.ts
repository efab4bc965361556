import * as client from 'oauth4webapi';
import { decodeJwt } from 'jose';

import { TestApp, type Keys } from '../support/app.js';
import { effectOf } from '../support/calls.js';
import { ACCESS_TOKEN, GRANT, ID_TOKEN, JWT, OAuth, type Form } from '../support/oauth.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';

let app: TestApp;
let world: World;
let oauth: OAuth;
let alice: User;
let worker: Role;

beforeAll(async () => {
  app = await TestApp.boot();
  world = await new World(app).account('clients');
  oauth = new OAuth(app);
  await oauth.enable(world);
  alice = await world.user('alice', allows(['sts:*', 'stint:*']));
  worker = await world.role('worker', trusts(alice.arn), { policy: allows('sts:*') });
});
afterAll(() => app.close());

describe('a client library that knows OAuth 2.0 only', () => {
  // Tests have no TLS.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const insecure = { [client.allowInsecureRequests]: true } as const;
  const me: client.Client = { client_id: 'anything' };
  /** Requests as the library makes them, signed on their way. */
  const signing = (keys: Keys) => ({
    ...insecure,
    [client.customFetch]: async (url: string, init: { body?: unknown }): Promise<Response> => {
      const { status, headers, text } = await oauth.post(new URL(url).pathname, String(init.body), keys);
      return new Response(text, { status, headers });
    },
  });
  const discovered = async (issuer: string): Promise<client.AuthorizationServer> => {
    const url = new URL(issuer);
    return client.processDiscoveryResponse(url, await client.discoveryRequest(url, { algorithm: 'oauth2', ...insecure }));
  };

  it('discovers the endpoints, exchanges a token, looks at it and ends it', async () => {
    const server = await discovered(app.url);
    const parameters = new URLSearchParams({ subject_token: await oauth.jwt(alice), subject_token_type: JWT, resource: worker.arn, scope: 'sts:Get*' });
    const response = await client.genericTokenEndpointRequest(server, me, client.None(), GRANT, parameters, insecure);
    const result = await client.processGenericTokenEndpointResponse(server, me, response);
    expect(result).toMatchObject({ token_type: 'bearer', issued_token_type: ACCESS_TOKEN, scope: 'sts:Get*', expires_in: 3600 });
    const introspect = async (): Promise<client.IntrospectionResponse> => client.processIntrospectionResponse(server, me, await client.introspectionRequest(server, me, client.None(), result.access_token, signing(alice)));
    expect(await introspect()).toEqual({ active: true, iss: `${app.url}/oidc/${world.root.account}`, sub: worker.arn, aud: oauth.endpoint, iat: expect.any(Number), exp: expect.any(Number), jti: expect.any(String), sid: decodeJwt(result.access_token)['sid'], scope: 'sts:Get*' });
    await client.processRevocationResponse(await client.revocationRequest(server, me, client.None(), result.access_token, signing(alice)));
    expect(await introspect()).toEqual({ active: false });
  });

  it('understands why it is refused', async () => {
    const server = await discovered(app.url);
    const closed = await world.role('closed', trusts({ Service: 'ec2.amazonaws.com' }));
    const parameters = new URLSearchParams({ subject_token: await oauth.jwt(alice), subject_token_type: JWT, resource: closed.arn });
    const response = await client.genericTokenEndpointRequest(server, me, client.None(), GRANT, parameters, insecure);
    await expect(client.processGenericTokenEndpointResponse(server, me, response)).rejects.toMatchObject({ error: 'invalid_target', status: 400 });
  });

  it('discovers the issuer of an account, and none where it does not issue', async () => {
    expect(await discovered(`${app.url}/oidc/${world.root.account}`)).toMatchObject({ jwks_uri: `${app.url}/oidc/${world.root.account}/.well-known/jwks.json`, token_endpoint: oauth.endpoint });
    expect((await app.send({ path: `/.well-known/oauth-authorization-server/oidc/${app.root.account}` })).status).toBe(404);
    expect((await app.send({ path: '/.well-known/oauth-authorization-server/oidc/none' })).status).toBe(404);
  });
});

describe('a request that is none', () => {
  const good: Form = { grant_type: GRANT, subject_token: 'a.b.c', subject_token_type: JWT, resource: 'arn:aws:iam::123456789012:role/worker' };
  type Case = [what: string, form: Form | string, error: string, status?: number, headers?: Record<string, string>];
  const cases: Case[] = [
    ['nothing', '', 'invalid_request'],
    ['no grant type', { ...good, grant_type: undefined }, 'invalid_request'],
    ['another grant type', { ...good, grant_type: 'client_credentials' }, 'unsupported_grant_type'],
    ['no subject token', { ...good, subject_token: undefined }, 'invalid_request'],
    ['an empty subject token', { ...good, subject_token: '' }, 'invalid_request'],
    ['no type of it', { ...good, subject_token_type: undefined }, 'invalid_request'],
    ['a type that is not served', { ...good, subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }, 'invalid_request'],
    ['no target', { ...good, resource: undefined }, 'invalid_target'],
    ['a target that is no role', { ...good, resource: 'https://api.example' }, 'invalid_target'],
    ['another type that is requested', { ...good, requested_token_type: ID_TOKEN }, 'invalid_request'],
    ['an empty scope', { ...good, scope: '' }, 'invalid_request'],
    ['an actor token of no type', { ...good, actor_token: 'a.b.c' }, 'invalid_request'],
    ['no token', good, 'invalid_request'],
    ['a huge token', { ...good, subject_token: 'x'.repeat(20_001) }, 'invalid_request'],
    ['a huge form', { ...good, client_id: 'x'.repeat(65_536) }, 'invalid_request', 413],
    ['a repeated parameter', `${new URLSearchParams(good as Record<string, string>).toString()}&resource=x`, 'invalid_request'],
    ['a repeated parameter that nobody knows', `${new URLSearchParams(good as Record<string, string>).toString()}&x=1&x=2`, 'invalid_request'],
    ['what is not UTF-8', 'grant_type=%ff', 'invalid_request'],
    ['a client assertion', { ...good, client_assertion: 'x', client_assertion_type: 'y' }, 'invalid_client'],
    ['a client secret', { ...good, client_secret: 'x' }, 'invalid_client'],
    ['a client that says who it is', good, 'invalid_client', 400, { authorization: `Basic ${Buffer.from('a:b').toString('base64')}` }],
    ['a bearer', good, 'invalid_client', 400, { authorization: 'Bearer x' }],
    ['proof of a key', good, 'invalid_request', 400, { dpop: 'x' }],
    ...['authorization_details', 'assertion', 'code', 'refresh_token', 'request', 'username'].map((name): Case => [name, { ...good, [name]: 'x' }, 'invalid_request']),
    ['JSON', JSON.stringify(good), 'invalid_request', 415, { 'content-type': 'application/json' }],
  ];

  it.each(cases)('is refused: %s', async (_, form, error, status = 400, headers = {}) => {
    const { result, added, events } = await effectOf(app, () => oauth.post('/oauth2/token', form, undefined, headers));
    expect({ status: result.status, error: result.body['error'], type: result.headers.get('content-type') }).toEqual({ status, error, type: expect.stringMatching(/^application\/json/) });
    expect(result.body['error_description']).toMatch(/^[\u0020-\u0021\u0023-\u005B\u005D-\u007E]+$/);
    expect(result.headers.get('cache-control')).toBe('no-store');
    expect(result.headers.get('pragma')).toBe('no-cache');
    expect({ added, events }).toEqual({ added: [], events: [] });
  });

  it.each(['token', 'introspect', 'revoke'])('is refused by any method but POST, with parameters in the address, and where the path goes on: %s', async (endpoint) => {
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'HEAD']) {
      const answer = await app.send({ method, path: `/oauth2/${endpoint}`, headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' } });
      expect([method, answer.status, answer.headers.get('allow')]).toEqual([method, 405, 'POST']);
      expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
    expect(await oauth.post(`/oauth2/${endpoint}?grant_type=x`, good)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(await oauth.post(`/oauth2/${endpoint}/more`, good)).toMatchObject({ status: 404, body: { error: 'invalid_request' } });
  });
});

describe('a token that is looked at or ended', () => {
  const session = async (): Promise<Keys & { sessionToken: string }> => (await world.session(alice, worker)) as Keys & { sessionToken: string };
  const alive = async (token: string, keys: Keys = alice): Promise<unknown> => (await oauth.introspect(token, keys)).body;

  it('is good as long as its session is, whatever it is', async () => {
    const keys = await session();
    expect(await alive(keys.sessionToken)).toEqual({ active: true, sub: `arn:aws:sts::${world.root.account}:assumed-role/worker/session`, iat: expect.any(Number), exp: expect.any(Number), sid: expect.any(String) });
    const jwt = await oauth.jwt(keys, { Audience: ['https://api.example'], DurationSeconds: 600 });
    expect(await alive(jwt)).toMatchObject({ active: true, sub: worker.arn, aud: 'https://api.example' });
    expect(await alive(await oauth.jwt(alice, { DurationSeconds: 600 }))).toMatchObject({ active: true, sub: alice.arn });
    const { result, events } = await effectOf(app, () => oauth.revoke(keys.sessionToken, alice));
    expect({ status: result.status, text: result.text }).toEqual({ status: 200, text: '' });
    expect(events.map(({ event_name, outcome }) => [event_name, outcome])).toEqual([['RevokeToken', 'success']]);
    for (const token of [keys.sessionToken, jwt]) expect(await alive(token)).toEqual({ active: false });
  });

  it('is not good once it is over', async () => {
    const jwt = await oauth.jwt(alice, { DurationSeconds: 60 });
    expect(await alive(jwt)).toMatchObject({ active: true });
    app.clock.advance(60);
    expect(await alive(jwt)).toEqual({ active: false });
  });

  it('reads like none to another account, and cannot be ended from there', async () => {
    const other = await new World(app).account('others');
    const stranger = await other.user('stranger', allows('stint:*'));
    const keys = await session();
    const jwt = await oauth.jwt(keys, { DurationSeconds: 600 });
    for (const token of [keys.sessionToken, jwt, 'none', 'a.b.c', `${jwt.slice(0, -4)}AAAA`, keys.accessKeyId]) {
      expect(await alive(token, stranger)).toEqual({ active: false });
      expect((await oauth.revoke(token, stranger)).status).toBe(200);
    }
    expect(await alive(jwt)).toMatchObject({ active: true });
    expect(await alive(`${jwt.slice(0, -4)}AAAA`)).toEqual({ active: false });
  });

  it('is shown to nobody who does not sign or may not ask, and ended by nobody who may not', async () => {
    const keys = await session();
    const bob = await world.user('bob');
    for (const path of ['/oauth2/introspect', '/oauth2/revoke']) {
      for (const token of [keys.sessionToken, 'none']) {
        expect(await oauth.post(path, { token })).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
        const { result, added, events } = await effectOf(app, () => oauth.post(path, { token }, bob));
        expect(result).toMatchObject({ status: 403, body: { error: 'unauthorized_client' } });
        expect({ added, outcomes: events.map(({ outcome }) => outcome) }).toEqual({ added: [], outcomes: ['refused'] });
      }
    }
  });

  it('is ended by the session that it is', async () => {
    const keys = await session();
    expect((await oauth.revoke(keys.sessionToken, keys)).status).toBe(200);
    expect(await alive(keys.sessionToken)).toEqual({ active: false });
  });
});
