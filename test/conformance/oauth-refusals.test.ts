import { TestApp, type Keys } from '../support/app.js';
import { effectOf } from '../support/calls.js';
import { GRANT, ID_TOKEN, JWT, OAuth, SESSION, type Form, type OAuthAnswer } from '../support/oauth.js';
import { withToken } from '../support/web-identity-scenarios.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';

let app: TestApp;
let oauth: OAuth;
let alice: User;
let worker: Role;
let jwt: string;
let session: Keys & { sessionToken: string };

beforeAll(async () => {
  app = await TestApp.boot();
  const world = await new World(app).account('refusals');
  oauth = new OAuth(app);
  await oauth.enable(world);
  alice = await world.user('alice', allows(['sts:*', 'stint:*']));
  worker = await world.role('worker', trusts(alice.arn), { policy: allows('*') });
  jwt = await oauth.jwt(alice, { DurationSeconds: 3_600 });
  session = (await world.session(alice, worker)) as typeof session;
});
afterAll(() => app.close());

const encoded = (form: Form): string => new URLSearchParams(Object.entries(form).filter((entry): entry is [string, string] => entry[1] !== undefined)).toString();
/** Forms that would be granted. */
const granted = {
  token: (): Form => ({ grant_type: GRANT, subject_token: jwt, subject_token_type: JWT, resource: worker.arn }),
  session: (): Form => ({ grant_type: GRANT, subject_token: session.sessionToken, subject_token_type: SESSION, resource: worker.arn }),
  introspect: (): Form => ({ token: session.sessionToken }),
  revoke: (): Form => ({ token: session.sessionToken }),
} as const;
type Way = keyof typeof granted;
const pathOf = (way: Way): string => `/oauth2/${way === 'session' ? 'token' : way}`;
const keysOf = (way: Way): Keys | undefined => (way === 'token' ? undefined : way === 'session' ? session : alice);
const nameOf = (way: Way): string => ({ token: 'ExchangeToken', session: 'ExchangeSession', introspect: 'IntrospectToken', revoke: 'RevokeToken' })[way];
const ways = Object.keys(granted) as Way[];

interface Refusal {
  readonly error: string;
  readonly status?: number;
  /** With which code it is recorded as the caller's; absent: nobody is known, or what he asks for is not read. */
  readonly recorded?: string;
}

async function expectRefused(way: Way, send: () => Promise<OAuthAnswer>, { error, status = 400, recorded }: Refusal): Promise<void> {
  const { result, added, removed, events } = await effectOf(app, send);
  expect({ status: result.status, error: result.body['error'] }).toEqual({ status, error });
  // Nothing but what RFC 6749 §5.2 knows, in characters that it allows.
  expect(Object.keys(result.body)).toEqual(['error', 'error_description']);
  expect(result.body['error_description']).toMatch(/^[\u0020-\u0021\u0023-\u005B\u005D-\u007E]{1,1024}$/);
  expect(result.headers.get('content-type')).toMatch(/^application\/json/);
  expect([result.headers.get('cache-control'), result.headers.get('pragma')]).toEqual(['no-store', 'no-cache']);
  expect(result.headers.get('www-authenticate')).toBe(status === 401 ? 'AWS4-HMAC-SHA256' : null);
  expect({ added, removed }).toEqual({ added: [], removed: [] });
  expect(events.map(({ event_name, outcome, error_code }) => [event_name, outcome, error_code])).toEqual(recorded === undefined ? [] : [[nameOf(way), 'refused', recorded]]);
  // What was brought is nowhere shown.
  const texts = [result.text, ...events.map(({ text }) => text), ...app.lines].join();
  for (const secret of [jwt, session.sessionToken]) expect(texts.includes(secret)).toBe(false);
}

type Change = (form: Form) => { body: string; headers?: Record<string, string> };
const with_ = (more: Form): Change => (form) => ({ body: encoded({ ...form, ...more }) });
const after = (text: string): Change => (form) => ({ body: `${encoded(form)}${text}` });
const typed = (type: string): Change => (form) => ({ body: encoded(form), headers: { 'content-type': type } });
const everywhere: [what: string, change: Change, refusal: Refusal][] = [
  ['no media type', typed(''), { error: 'invalid_request', status: 415 }],
  ['plain text', typed('text/plain'), { error: 'invalid_request', status: 415 }],
  ['a form with files', typed('multipart/form-data; boundary=x'), { error: 'invalid_request', status: 415 }],
  ['JSON', (form) => ({ body: JSON.stringify(form), headers: { 'content-type': 'application/json' } }), { error: 'invalid_request', status: 415 }],
  ['a media type that begins alike', typed('application/x-www-form-urlencoded-not'), { error: 'invalid_request', status: 415 }],
  ['two media types', typed('application/x-www-form-urlencoded, application/json'), { error: 'invalid_request', status: 415 }],
  ['another charset', typed('application/x-www-form-urlencoded; charset=utf-16'), { error: 'invalid_request', status: 415 }],
  ['another charset that mostly means the same', typed('application/x-www-form-urlencoded;charset=iso-8859-1'), { error: 'invalid_request', status: 415 }],
  ['bytes that are not UTF-8', after('&x=%ff'), { error: 'invalid_request' }],
  ['half an escape', after('&x=%e'), { error: 'invalid_request' }],
  ['a parameter twice', (form) => ({ body: `${encoded(form)}&${encoded(form).split('&').at(-1) ?? ''}` }), { error: 'invalid_request' }],
  ['a parameter twice, once in escapes', (form) => ({ body: `${encoded(form)}&${Object.keys(form).at(-1) ?? ''}`.replace(/[a-z](?=[^&]*$)/, (letter) => `%${letter.charCodeAt(0).toString(16)}`) }), { error: 'invalid_request' }],
  ['a parameter twice that nobody knows', after('&x=1&x=1'), { error: 'invalid_request' }],
  ['an empty parameter', after('&client_id='), { error: 'invalid_request' }],
  ['a parameter without a name or value', after('&=' ), { error: 'invalid_request' }],
  ['2,001 parameters', (form) => ({ body: `${encoded(form)}${Array.from({ length: 2_001 }, (_, index) => `&${String(index)}=1`).join('')}` }), { error: 'invalid_request' }],
  ['a byte too much', (form) => ({ body: `${encoded(form)}&client_id=`.padEnd(65_537, 'x') }), { error: 'invalid_request', status: 413 }],
  ['a secret', with_({ client_id: 'me', client_secret: 'x' }), { error: 'invalid_client' }],
  ['an assertion of the client', with_({ client_assertion: 'x', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' }), { error: 'invalid_client' }],
  ...['assertion', 'authorization_details', 'claims', 'code', 'code_verifier', 'dpop_jkt', 'password', 'redirect_uri', 'refresh_token', 'req_cnf', 'request', 'request_uri', 'username'].map((name): [string, Change, Refusal] => [name, with_({ [name]: 'x' }), { error: 'invalid_request' }]),
  ['proof of a key', (form) => ({ body: encoded(form), headers: { dpop: 'x' } }), { error: 'invalid_request' }],
];

describe.each(ways)('a request of the way %s', (way) => {
  const send = ({ body, headers = {} }: ReturnType<Change>): Promise<OAuthAnswer> => oauth.post(pathOf(way), body, keysOf(way), headers);

  it.each(everywhere)('is refused with %s', async (_, change, refusal) => {
    await expectRefused(way, () => send(change(granted[way]())), refusal);
  });

  it('is refused with parameters in the address, by other methods, and by what is no signature', async () => {
    const body = encoded(granted[way]());
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    for (const query of ['x=1', body]) await expectRefused(way, () => oauth.post(`${pathOf(way)}?${query}`, body), { error: 'invalid_request' });
    for (const authorization of ['Basic YTpi', 'Bearer x', `Bearer ${jwt}`, 'DPoP x', 'basic', 'Digest a=b', 'AWS4-HMAC-SHA512 x']) await expectRefused(way, () => oauth.post(pathOf(way), body, undefined, { ...headers, authorization }), { error: 'invalid_client' });
    if (way !== 'token') {
      await expectRefused(way, () => oauth.post(pathOf(way), body), { error: 'invalid_client', status: 401 });
      await expectRefused(way, () => oauth.post(pathOf(way), body, undefined, { ...headers, authorization: 'AWS4-HMAC-SHA256 x' }), { error: 'invalid_client', status: 401 });
      await expectRefused(way, () => oauth.post(pathOf(way), body, { ...(keysOf(way) as Keys), secretAccessKey: 'wrong' }), { error: 'invalid_client', status: 401 });
    }
  });

  it('is taken in UTF-8, said in whatever way, and with parameters that nobody knows', async () => {
    if (way === 'revoke') return;
    const resource = way === 'session' ? { resource: `arn:aws:iam::${alice.arn.split(':')[4] ?? ''}:role/nowhere` } : {};
    for (const type of ['application/x-www-form-urlencoded', 'application/x-www-form-urlencoded; charset=UTF-8', 'application/x-www-form-urlencoded;charset="utf-8"', 'Application/X-WWW-Form-Urlencoded']) {
      const { status } = await send({ body: encoded({ ...granted[way](), ...resource, x: 'y', client_id: 'me' }), headers: { 'content-type': type } });
      expect([type, status]).toEqual([type, way === 'session' ? 400 : 200]);
    }
  });
});

describe('what only some ways have', () => {
  const rows: [what: string, way: Way, more: Form, refusal: Refusal][] = [
    ['no token', 'introspect', { token: undefined }, { error: 'invalid_request', recorded: 'ValidationError' }],
    ['no token', 'revoke', { token: undefined }, { error: 'invalid_request', recorded: 'ValidationError' }],
    ['a huge token', 'introspect', { token: 'x'.repeat(20_001) }, { error: 'invalid_request', recorded: 'ValidationError' }],
    ['a huge token', 'revoke', { token: 'x'.repeat(20_001) }, { error: 'invalid_request', recorded: 'ValidationError' }],
    ['a huge hint', 'revoke', { token_type_hint: 'x'.repeat(256) }, { error: 'invalid_request', recorded: 'ValidationError' }],
    ...(['token', 'session'] as const).flatMap((way): [string, Way, Form, Refusal][] => [
      ['no grant type', way, { grant_type: undefined }, { error: 'invalid_request' }],
      ['another grant type', way, { grant_type: 'client_credentials' }, { error: 'unsupported_grant_type' }],
      ['a grant type with a blank', way, { grant_type: `${GRANT} ` }, { error: 'unsupported_grant_type' }],
      ['a grant type with NUL', way, { grant_type: `${GRANT}\u0000` }, { error: 'unsupported_grant_type' }],
    ]),
    ['no subject token', 'token', { subject_token: undefined }, { error: 'invalid_request' }],
    ['no subject token', 'session', { subject_token: undefined }, { error: 'invalid_request', recorded: 'ValidationError' }],
    ['no type', 'token', { subject_token_type: undefined }, { error: 'invalid_request' }],
    ...['urn:ietf:params:oauth:token-type:refresh_token', 'urn:ietf:params:oauth:token-type:saml1', 'urn:ietf:params:oauth:token-type:saml2', 'jwt', 'URN:IETF:PARAMS:OAUTH:TOKEN-TYPE:JWT', `${JWT}\u0000`].map((type): [string, Way, Form, Refusal] => ['another type of subject', 'token', { subject_token_type: type }, { error: 'invalid_request' }]),
    ...['urn:ietf:params:oauth:token-type:id_token', 'urn:ietf:params:oauth:token-type:refresh_token', 'urn:ietf:params:oauth:token-type:saml2', SESSION].flatMap((type): [string, Way, Form, Refusal][] => [
      ['another type that is requested', 'token', { requested_token_type: type }, { error: 'invalid_request' }],
      ['another type that is requested', 'session', { requested_token_type: type }, { error: 'invalid_request', recorded: 'ValidationError' }],
    ]),
    ...[undefined, 'https://api.example', 'arn:aws:iam::123456789012:user/alice', 'arn:aws:sts::123456789012:assumed-role/worker/x', 'worker', 'arn:aws:iam::123456789012:role/wor\u0000ker'].flatMap((resource): [string, Way, Form, Refusal][] => [
      ['no role', 'token', { resource }, { error: 'invalid_target' }],
      ['no role', 'session', { resource }, { error: 'invalid_target', recorded: 'InvalidTarget' }],
    ]),
    ['no role, but one as the audience', 'token', { resource: 'https://api.example', audience: 'arn:aws:iam::123456789012:role/worker' }, { error: 'invalid_target' }],
    ['an actor of no type', 'token', { actor_token: 'a.b.c' }, { error: 'invalid_request', recorded: 'ValidationError' }],
    ['a type of no actor', 'token', { actor_token_type: JWT }, { error: 'invalid_request', recorded: 'ValidationError' }],
    ['an actor by a session token', 'token', { actor_token: 'abcd', actor_token_type: SESSION }, { error: 'invalid_request' }],
    ['an actor who is nobody', 'token', { actor_token: 'a.b.c', actor_token_type: JWT }, { error: 'invalid_request', recorded: 'InvalidIdentityToken' }],
    ['an actor with NUL', 'token', { actor_token: '\u0000.\u0000.\u0000', actor_token_type: JWT }, { error: 'invalid_request', recorded: 'InvalidIdentityToken' }],
    ['a subject with NUL', 'token', { subject_token: 'a.b\u0000.c' }, { error: 'invalid_request' }],
    ...['\u0000', 'iam:Get\u0000', '*', 'iam:*:*', '"', 'iam:Get*"],"Resource":"*"', 'a\nb', 'é', ' '].flatMap((scope): [string, Way, Form, Refusal][] => (['token', 'session'] as const).map((way) => [`a scope that is none, ${JSON.stringify(scope)}`, way, { scope }, { error: 'invalid_scope', recorded: 'InvalidScope' }])),
    ['a huge scope', 'token', { scope: 'iam:GetUser '.repeat(100) }, { error: 'invalid_request' }],
    ['a huge audience', 'token', { audience: 'x'.repeat(1_001) }, { error: 'invalid_request' }],
    ['an audience for credentials', 'token', { audience: 'x', requested_token_type: 'urn:stint:params:oauth:token-type:aws-credentials' }, { error: 'invalid_target', recorded: 'InvalidTarget' }],
  ];
  it.each(rows)('is refused: %s, by the way %s %j', async (_, way, more, refusal) => {
    await expectRefused(way, () => oauth.post(pathOf(way), encoded({ ...granted[way](), ...more }), keysOf(way)), refusal);
  });

  it.each(['api\u0000', '\u0001', 'é', '\ud83d\ude00', '${aws:username}', '*', 'https://a.example https://b.example'])('is for whom it says, letter for letter: %j', async (audience) => {
    const { result, events } = await effectOf(app, () => oauth.post('/oauth2/token', encoded({ ...granted.token(), audience })));
    expect(result.status).toBe(200);
    const [, payload = ''] = String(result.body['access_token']).split('.');
    expect((JSON.parse(Buffer.from(payload, 'base64url').toString()) as { aud: string }).aud).toBe(audience);
    expect(events.map(({ event_name, outcome }) => [event_name, outcome])).toEqual([['ExchangeToken', 'success']]);
  });
});

it('is told to come back where the provider of its token cannot be reached', async () => {
  const { input } = await withToken(await new World(app).account('away'), { url: 'https://localhost:1' });
  const form = { grant_type: GRANT, subject_token: String(input['WebIdentityToken']), subject_token_type: ID_TOKEN, resource: String(input['RoleArn']) };
  await expectRefused('token', () => oauth.post('/oauth2/token', form), { error: 'temporarily_unavailable', status: 503 });
});
