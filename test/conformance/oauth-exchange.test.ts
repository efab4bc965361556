import { CreateOpenIDConnectProviderCommand, UpdateAccessKeyCommand } from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand, GetScopedCredentialsCommand, GetSessionTokenCommand } from '@aws-sdk/client-sts';
import { decodeJwt, decodeProtectedHeader } from 'jose';

import { TestApp, type Keys } from '../support/app.js';
import { effectOf } from '../support/calls.js';
import type { TestIdp } from '../support/idp.js';
import { ACCESS_TOKEN, credentialsIn, CREDENTIALS, ID_TOKEN, JWT, OAuth, SESSION, type Form, type OAuthAnswer } from '../support/oauth.js';
import { Sessions } from '../support/sessions.js';
import { choose } from '../support/trust-scenarios.js';
import { allows, ASSUMING, keysOf, trusts, World, type Document, type Role, type User } from '../support/world.js';

let app: TestApp;
let world: World;
let oauth: OAuth;
let idp: TestIdp;
let provider: string;
let looks: Sessions;
let count = 0;

const fresh = (): string => `name-${String((count += 1))}`;
const LOOKING = allows(['iam:ListUsers', 'iam:ListRoles', 'sts:*']);
const user = (policy: Document = allows('sts:*')): Promise<User> => world.user(fresh(), policy);
const role = (trust: Document, policy: Document = LOOKING, more: { maxSessionDuration?: number } = {}): Promise<Role> => world.role(fresh(), trust, { policy, ...more });
const federated = (condition?: Document, policy?: Document): Promise<Role> => role(trusts({ Federated: provider }, condition, ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession', 'sts:SetSourceIdentity']), policy);
const who = async (keys: Keys): Promise<string | undefined> => (await app.sts(keys).send(new GetCallerIdentityCommand({}))).Arn;

beforeAll(async () => {
  app = await TestApp.boot();
  world = await new World(app).account('exchanging');
  oauth = new OAuth(app);
  looks = new Sessions(app);
  idp = await app.idp();
  const { OpenIDConnectProviderArn } = await app.iam(world.root).send(new CreateOpenIDConnectProviderCommand({ Url: idp.issuer, ClientIDList: ['stint'], ThumbprintList: [idp.thumbprint] }));
  provider = OpenIDConnectProviderArn ?? '';
  await oauth.enable(world);
});
afterAll(() => app.close());

/** Asserts that an exchange by somebody who is known is refused so, that nothing was written, and that one event says so. */
async function expectRefused(send: () => Promise<OAuthAnswer>, refusal: { error: string; status?: number; description: string | RegExp; code: string; name?: string }): Promise<void> {
  const { result, added, removed, events } = await effectOf(app, send);
  expect({ status: result.status, error: result.body['error'] }).toEqual({ status: refusal.status ?? 400, error: refusal.error });
  expect(result.body['error_description']).toEqual(refusal.description instanceof RegExp ? expect.stringMatching(refusal.description) : refusal.description);
  expect({ added, removed }).toEqual({ added: [], removed: [] });
  expect(events.map(({ event_name, outcome, error_code }) => ({ event_name, outcome, error_code }))).toEqual([{ event_name: refusal.name ?? 'ExchangeToken', outcome: 'refused', error_code: refusal.code }]);
}

/** The same of somebody who has proved nothing: no event says so. */
async function expectUnknown(send: () => Promise<OAuthAnswer>, description: string | RegExp, error = 'invalid_request'): Promise<void> {
  const { result, added, removed, events } = await effectOf(app, send);
  expect({ status: result.status, error: result.body['error'] }).toEqual({ status: 400, error });
  expect(result.body['error_description']).toEqual(description instanceof RegExp ? expect.stringMatching(description) : description);
  expect({ added, removed, events }).toEqual({ added: [], removed: [], events: [] });
}

describe('a token of an identity provider', () => {
  it('is exchanged for a session that is called as the role fixes it', async () => {
    const fixing = await world.role(fresh(), trusts({ Federated: provider }, undefined, ['sts:AssumeRoleWithWebIdentity', 'sts:SetSourceIdentity']), { tags: [{ Key: 'stint:SessionNameTemplate', Value: 'gh-@actor_id@' }, { Key: 'stint:SourceIdentityTemplate', Value: '@actor@' }] });
    const exchanged = async (claims: object): Promise<OAuthAnswer> => oauth.exchange({ subject_token: await idp.token(app.clock.now(), { ...claims }), subject_token_type: ID_TOKEN, resource: fixing.arn, requested_token_type: CREDENTIALS });
    expect(await who(credentialsIn(await exchanged({ actor_id: '12', actor: 'octocat' })))).toBe(`arn:aws:sts::${world.root.account}:assumed-role/${fixing.name}/gh-12`);
    await expectRefused(() => exchanged({ actor: 'octocat' }), { error: 'invalid_target', status: 400, description: /says nothing of actor_id/, code: 'AccessDenied' });
  });

  it('is exchanged for credentials, as by AssumeRoleWithWebIdentity, which end with it', async () => {
    const { arn, name } = await federated({ StringEquals: { [`${idp.name}:aud`]: 'stint', [`${idp.name}:sub`]: 'ci' } });
    const subject_token = await idp.token(app.clock.now(), { sub: 'ci', jti: 'the-id' });
    const { result, events } = await effectOf(app, () => oauth.exchange({ subject_token, subject_token_type: ID_TOKEN, resource: arn, requested_token_type: CREDENTIALS }));
    expect(result.body).toEqual({ access_token: expect.any(String), issued_token_type: CREDENTIALS, token_type: 'N_A', expires_in: 300 });
    expect(result.headers.get('cache-control')).toBe('no-store');
    expect(result.headers.get('access-control-allow-origin')).toBeNull();
    const keys = credentialsIn(result);
    expect(keys.expiration).toEqual(new Date('2026-11-25T10:05:00Z'));
    expect(await who(keys)).toBe(`arn:aws:sts::${world.root.account}:assumed-role/${name}/ci`);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ event_name: 'ExchangeToken', outcome: 'success', account_id: world.root.account });
    expect(events[0]?.record).toMatchObject({ userIdentity: { type: 'WebIdentityUser', identityProvider: provider, userName: 'ci' }, additionalEventData: { subjectTokenId: 'the-id' } });
    expect([events[0]?.text, ...app.lines].join()).not.toContain(subject_token.split('.')[2]);
  });

  it('is exchanged for a JWT of the role, for whom it is asked for', async () => {
    const { arn } = await federated();
    const subject_token = await idp.token(app.clock.now(), { 'https://aws.amazon.com/source_identity': 'octocat' });
    const { body } = await oauth.exchange({ subject_token, subject_token_type: ID_TOKEN, resource: arn, audience: 'https://api.example', scope: 'sts:Get*' });
    expect(body).toEqual({ access_token: expect.any(String), issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', expires_in: 300, scope: 'sts:Get*' });
    const claims = decodeJwt(String(body['access_token']));
    expect(decodeProtectedHeader(String(body['access_token'])).alg).toBe('ES384');
    expect(claims).toMatchObject({ iss: `${app.url}/oidc/${world.root.account}`, sub: arn, aud: 'https://api.example', sid: expect.any(String), scope: 'sts:Get*', exp: Date.UTC(2026, 10, 25, 10, 5) / 1000, 'https://sts.amazonaws.com/': { source_identity: 'octocat' } });
    // For others it carries nothing that could be exchanged.
    expect(claims).not.toHaveProperty('urn:stint:subject');
    expect(claims).not.toHaveProperty('act');
  });

  it('is recorded with all there is to say, also where the account does not trust its issuer or that of the actor yet', async () => {
    const { arn } = await role(trusts({ Federated: provider }, undefined, ['sts:AssumeRoleWithWebIdentity', 'sts:SetContext']));
    await choose(world, { TrustedIssuersMode: 'report-only' });
    const [subject_token, actor_token] = [await idp.token(app.clock.now(), { jti: 'the-id' }), await idp.token(app.clock.now(), { sub: 'agent' })];
    for (const more of [{}, { requested_token_type: CREDENTIALS }]) {
      const [event] = await app.recordedBy(() => oauth.exchange({ subject_token, subject_token_type: ID_TOKEN, actor_token, actor_token_type: ID_TOKEN, resource: arn, ...more }));
      const noted = { subjectTokenId: 'the-id', actor: { arn: provider, subject: 'agent', issuer: idp.issuer }, untrustedIssuer: provider, untrustedActorIssuer: provider };
      const signed = 'requested_token_type' in more ? {} : { jti: expect.any(String) as unknown, kid: expect.any(String) as unknown };
      expect(event?.record).toMatchObject({ eventName: 'ExchangeToken' });
      expect((event?.record as { additionalEventData?: unknown }).additionalEventData).toEqual({ ...noted, ...signed });
    }
    await choose(world, { TrustedIssuersMode: 'off' });
  });

  it('is refused by a role that does not trust it, as one that is not there is', async () => {
    const { arn } = await federated({ StringEquals: { [`${idp.name}:sub`]: 'somebody else' } });
    const subject_token = await idp.token(app.clock.now());
    const refusal = { error: 'invalid_target', description: 'Not authorized to perform sts:AssumeRoleWithWebIdentity', code: 'AccessDenied' };
    for (const resource of [arn, `arn:aws:iam::${world.root.account}:role/nowhere`]) await expectRefused(() => oauth.exchange({ subject_token, resource }), refusal);
  });

  it('is refused where it is over, says that somebody acts, or is no ID token', async () => {
    const { arn: resource } = await federated();
    const with_ = async (claims: object, more: Form = {}): Promise<OAuthAnswer> => oauth.exchange({ subject_token: await idp.token(app.clock.now(), claims as never), resource, ...more });
    await expectRefused(() => with_({ exp: 1 }), { error: 'invalid_request', description: /^Token expired/, code: 'ExpiredTokenException' });
    await expectRefused(() => with_({ act: { sub: 'x' } }), { error: 'invalid_request', description: /somebody acts/, code: 'InvalidIdentityToken' });
    await expectRefused(() => with_({}, { subject_token_type: ACCESS_TOKEN }), { error: 'invalid_request', description: /^Access tokens of others/, code: 'InvalidIdentityToken' });
    await expectUnknown(() => oauth.exchange({ subject_token: 'a.b.c', resource }), /not a valid JWT/);
    await expectUnknown(async () => oauth.exchange({ subject_token: `${(await idp.token(app.clock.now())).slice(0, -8)}AAAAAAAA`, resource }), 'The signature of the ID Token is not valid.');
    await expectUnknown(async () => oauth.exchange({ subject_token: await idp.token(app.clock.now(), { iss: 'https://other.example' }), resource }), /^No OpenIDConnect provider found/);
  });
});

describe('a JWT of Stint for the token endpoint', () => {
  it('is exchanged as by AssumeRole of the user who obtained it', async () => {
    const alice = await user();
    const { arn, name } = await role(trusts(alice.arn));
    const keys = await oauth.credentials({ subject_token: await oauth.jwt(alice), resource: arn });
    expect(await who(keys)).toBe(`arn:aws:sts::${world.root.account}:assumed-role/${name}/${alice.name}`);
    const stranger = await user(allows('sts:GetWebIdentityToken'));
    const subject_token = await oauth.jwt(stranger);
    await expectRefused(() => oauth.exchange({ subject_token, resource: arn }), { error: 'invalid_target', description: new RegExp(`^User: ${stranger.arn} is not authorized to perform: sts:AssumeRole`), code: 'AccessDenied' });
  });

  it('names the role by its audience where there is no resource', async () => {
    const alice = await user();
    const { arn } = await role(trusts(alice.arn));
    expect(await oauth.exchange({ subject_token: await oauth.jwt(alice), audience: arn })).toMatchObject({ status: 200 });
  });

  it('is a link of the chain of its session: source identity and transitive tags are carried, and its end ends all', async () => {
    const alice = await user();
    const first = await role(trusts(alice.arn, undefined, ASSUMING));
    const second = await role(trusts(first.arn, { StringEquals: { 'sts:SourceIdentity': 'alice', 'aws:PrincipalTag/team': 'blue' } }, ASSUMING));
    const { Credentials } = await looks.assume(alice, first, { SourceIdentity: 'alice', Tags: [{ Key: 'team', Value: 'blue' }], TransitiveTagKeys: ['team'], DurationSeconds: 1800 });
    const session = keysOf(Credentials);
    const jwt = await oauth.jwt(session, { DurationSeconds: 1200 });
    const token = await oauth.token({ subject_token: jwt, resource: second.arn });
    expect(decodeJwt(token)).toMatchObject({ exp: Date.UTC(2026, 10, 25, 10, 20) / 1000, 'https://sts.amazonaws.com/': { source_identity: 'alice', principal_tags: { team: 'blue' } } });
    const keys = await oauth.credentials({ subject_token: jwt, resource: second.arn });
    const { body } = await app.rest(world.root, `GET /v1/whois?accessKeyId=${keys.accessKeyId}`);
    expect(body).toMatchObject({ alive: true, session: { operation: 'ExchangeToken', sourceIdentity: 'alice' }, chain: [{ principalArn: `arn:aws:sts::${world.root.account}:assumed-role/${first.name}/session` }, {}] });
    await app.rest(world.root, `POST /v1/sessions/${(body as unknown as { chain: { sessionId: string }[] }).chain[0]!.sessionId}/revoke`);
    await expect(who(keys)).rejects.toMatchObject({ Code: 'ExpiredToken' });
    await expectRefused(() => oauth.exchange({ subject_token: jwt, resource: second.arn }), { error: 'invalid_request', description: /is over/, code: 'InvalidIdentityToken' });
    await expectRefused(() => oauth.exchange({ subject_token: token, resource: second.arn }), { error: 'invalid_request', description: /is over/, code: 'InvalidIdentityToken' });
  });

  it('is nothing once it, its key or its user is gone', async () => {
    const alice = await user();
    const { arn: resource } = await role(trusts(alice.arn));
    const subject_token = await oauth.jwt(alice, { DurationSeconds: 60 });
    await app.iam(world.root).send(new UpdateAccessKeyCommand({ UserName: alice.name, AccessKeyId: alice.accessKeyId, Status: 'Inactive' }));
    await expectUnknown(() => oauth.exchange({ subject_token, resource }), /access key .* is gone or inactive/);
    await app.iam(world.root).send(new UpdateAccessKeyCommand({ UserName: alice.name, AccessKeyId: alice.accessKeyId, Status: 'Active' }));
    expect((await oauth.exchange({ subject_token, resource })).status).toBe(200);
    app.clock.advance(60);
    await expectRefused(() => oauth.exchange({ subject_token, resource }), { error: 'invalid_request', description: /^Token expired/, code: 'ExpiredTokenException' });
  });

  it('is refused where it is for somebody else, or of what may not assume roles', async () => {
    const alice = await user();
    const { arn: resource } = await role(trusts(alice.arn));
    for (const Audience of [['https://api.example'], [oauth.endpoint, 'https://api.example']]) {
      const subject_token = await oauth.jwt(alice, { Audience });
      await expectUnknown(() => oauth.exchange({ subject_token, resource }), /was not issued for the token endpoint/);
    }
    const root = await oauth.jwt(world.root);
    await expectRefused(() => oauth.exchange({ subject_token: root, resource }), { error: 'invalid_target', description: 'Roles may not be assumed by root accounts.', code: 'AccessDenied' });
  });

  it('needs both sides where the role is of another account', async () => {
    const other = await new World(app).account(fresh());
    await oauth.enable(other);
    const [able, unable] = [await user(), await user(allows('sts:GetWebIdentityToken'))];
    const abroad = await other.role('abroad', trusts([able.arn, unable.arn]), { policy: LOOKING });
    const keys = await oauth.credentials({ subject_token: await oauth.jwt(able), resource: abroad.arn });
    expect(await who(keys)).toMatch(`arn:aws:sts::${other.root.account}:assumed-role/abroad/`);
    const subject_token = await oauth.jwt(unable);
    await expectRefused(() => oauth.exchange({ subject_token, resource: abroad.arn }), { error: 'invalid_target', description: /sts:AssumeRole/, code: 'AccessDenied' });
  });
});

describe('a session', () => {
  async function begun(more: object = {}): Promise<{ session: Keys & { sessionToken: string }; target: Role }> {
    const alice = await user();
    const first = await role(trusts(alice.arn));
    const target = await role(trusts(first.arn));
    return { session: keysOf((await looks.assume(alice, first, more)).Credentials), target };
  }

  it('is exchanged by a request that it signs, and what comes of it ends with it', async () => {
    const { session, target } = await begun({ DurationSeconds: 900 });
    const { result, events } = await effectOf(app, () => oauth.exchange({ resource: target.arn, requested_token_type: CREDENTIALS }, session));
    expect(result.body).toMatchObject({ issued_token_type: CREDENTIALS, expires_in: 900 });
    expect(await who(credentialsIn(result))).toMatch(`:assumed-role/${target.name}/session`);
    expect(events.map(({ event_name }) => event_name)).toEqual(['ExchangeSession']);
  });

  it('is not exchanged by who has its token only, or signs with something else', async () => {
    const { session, target } = await begun();
    const alice = await user();
    const form = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: session.sessionToken, subject_token_type: SESSION, resource: target.arn };
    const { result, added, events } = await effectOf(app, () => oauth.post('/oauth2/token', form));
    expect(result).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    expect(result.headers.get('www-authenticate')).toBe('AWS4-HMAC-SHA256');
    expect({ added, events }).toEqual({ added: [], events: [] });
    await expectRefused(() => oauth.post('/oauth2/token', form, alice), { error: 'invalid_request', description: /must be the session token of the signature/, code: 'ValidationError', name: 'ExchangeSession' });
  });

  it('is refused where it may not assume roles at all', async () => {
    const alice = await user();
    const target = await role(trusts(alice.arn));
    const { Credentials } = await app.sts(alice).send(new GetSessionTokenCommand({}));
    // Without MFA, such a session may call neither IAM nor what is Stint's own.
    await expectRefused(() => oauth.exchange({ resource: target.arn }, keysOf(Credentials)), { error: 'invalid_client', status: 401, description: /security token/, code: 'InvalidClientTokenId', name: 'ExchangeSession' });
    const jwt = await oauth.jwt(keysOf(Credentials));
    expect(await who(await oauth.credentials({ subject_token: jwt, resource: target.arn }))).toMatch(target.name);
  });

  it('leaves to what comes of it all that narrowed it', async () => {
    const alice = await user();
    const first = await role(trusts(alice.arn), allows('*'));
    const target = await role(trusts(first.arn), allows('*'));
    const narrowed = keysOf((await looks.assume(alice, first, { Policy: JSON.stringify(allows(['sts:*', 'iam:ListUsers', 'iam:ListRoles'])) })).Credentials);
    expect(await looks.looksOf(await oauth.credentials({ resource: target.arn }, narrowed))).toEqual(['iam:ListUsers', 'iam:ListRoles']);
    const twice = keysOf((await app.sts(narrowed).send(new GetScopedCredentialsCommand({ Policy: JSON.stringify(allows(['sts:*', 'iam:ListUsers', 'iam:ListPolicies'])) }))).Credentials);
    expect(await looks.looksOf(await oauth.credentials({ resource: target.arn }, twice))).toEqual(['iam:ListUsers']);
    expect(await looks.looksOf(await oauth.credentials({ resource: target.arn, subject_token: await oauth.jwt(twice) }))).toEqual(['iam:ListUsers']);
    // Nor is any of it lost by narrowing once more.
    const exchanged = await oauth.credentials({ resource: target.arn }, narrowed);
    const shorter = keysOf((await app.sts(exchanged).send(new GetScopedCredentialsCommand({ DurationSeconds: 900 }))).Credentials);
    expect(await looks.looksOf(shorter)).toEqual(['iam:ListUsers', 'iam:ListRoles']);
  });
});

describe('a scope', () => {
  it('is a ceiling of actions and managed policies, within the role', async () => {
    const alice = await user();
    const { arn: resource } = await role(trusts(alice.arn), allows(['iam:ListUsers', 'iam:ListRoles', 'sts:GetWebIdentityToken']));
    await world.policy('Looking', allows('iam:ListRoles'));
    const looksWith = async (scope: string): Promise<string[]> => looks.looksOf(await oauth.credentials({ subject_token: await oauth.jwt(alice), resource, scope }));
    expect(await looksWith('iam:List*')).toEqual(['iam:ListUsers', 'iam:ListRoles']);
    expect(await looksWith('iam:ListPolicies iam:ListUsers')).toEqual(['iam:ListUsers']);
    expect(await looksWith('Looking')).toEqual(['iam:ListRoles']);
    expect(await looksWith('Looking iam:ListUsers')).toEqual(['iam:ListUsers', 'iam:ListRoles']);
    expect(await looksWith('s3:*')).toEqual([]);
  });

  it.each(['nothing-of-this-name', 'iam:List Users:x:y', 'iam:List*  iam:GetUser', 'a b c d e f g h i j k'])('is invalid where nobody knows it: %s', async (scope) => {
    const alice = await user();
    const { arn: resource } = await role(trusts(alice.arn));
    const subject_token = await oauth.jwt(alice);
    await expectRefused(() => oauth.exchange({ subject_token, resource, scope }), { error: 'invalid_scope', description: /./, code: 'InvalidScope' });
  });

  it('does not tell which policies there are to whom the role does not trust', async () => {
    const alice = await user();
    const { arn: resource } = await role(trusts({ Service: 'ec2.amazonaws.com' }));
    const subject_token = await oauth.jwt(alice);
    await expectRefused(() => oauth.exchange({ subject_token, resource, scope: 'nothing' }), { error: 'invalid_target', description: /not authorized/, code: 'AccessDenied' });
  });

  it('limits whether a JWT may be had at all', async () => {
    const alice = await user();
    const { arn: resource } = await role(trusts(alice.arn));
    const subject_token = await oauth.jwt(alice);
    await expectRefused(() => oauth.exchange({ subject_token, resource, scope: 'iam:*' }), { error: 'invalid_target', description: /sts:GetWebIdentityToken/, code: 'AccessDenied' });
  });
});

describe('a JWT that is asked for', () => {
  it('is had only where the role may and its account issues', async () => {
    const alice = await user();
    const [mute, silent] = [await role(trusts(alice.arn), allows('iam:*')), await (await new World(app).account(fresh())).role('silent', trusts(alice.arn), { policy: allows('*') })];
    const subject_token = await oauth.jwt(alice);
    await expectRefused(() => oauth.exchange({ subject_token, resource: mute.arn }), { error: 'invalid_target', description: /sts:GetWebIdentityToken/, code: 'AccessDenied' });
    await expectRefused(() => oauth.exchange({ subject_token, resource: silent.arn }), { error: 'invalid_target', description: /not enabled/, code: 'OutboundWebIdentityFederationDisabledException' });
    await expectRefused(() => oauth.exchange({ subject_token, resource: mute.arn, audience: 'https://api.example', requested_token_type: CREDENTIALS }), { error: 'invalid_target', description: /no audience/, code: 'InvalidTarget' });
  });

  it('is exchanged again, and never for more than it was', async () => {
    const alice = await user();
    const first = await role(trusts(alice.arn));
    const second = await role(trusts(first.arn), allows('*'));
    const access = await oauth.token({ subject_token: await oauth.jwt(alice), resource: first.arn, scope: 'sts:* iam:ListUsers', requested_token_type: JWT });
    expect(await looks.looksOf(await oauth.credentials({ subject_token: access, resource: second.arn }))).toEqual(['iam:ListUsers']);
    const cut = await oauth.token({ subject_token: await oauth.jwt(alice), resource: first.arn, scope: 'sts:GetWebIdentityToken' });
    await expectRefused(() => oauth.exchange({ subject_token: cut, resource: second.arn }), { error: 'invalid_target', description: /sts:AssumeRole/, code: 'AccessDenied' });
  });
});

