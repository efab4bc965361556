import { CreateOpenIDConnectProviderCommand } from '@aws-sdk/client-iam';
import { GetScopedCredentialsCommand, GetSessionTokenCommand } from '@aws-sdk/client-sts';
import { decodeJwt } from 'jose';

import { TestApp, type Keys } from '../support/app.js';
import { effectOf } from '../support/calls.js';
import type { TestIdp } from '../support/idp.js';
import { CREDENTIALS, credentialsIn, ID_TOKEN, JWT, OAuth, type Form, type OAuthAnswer } from '../support/oauth.js';
import { LOOKS, Sessions } from '../support/sessions.js';
import { allows, keysOf, together, trusts, World, type Document, type Role, type User } from '../support/world.js';

let app: TestApp;
let world: World;
let oauth: OAuth;
let looks: Sessions;
let idp: TestIdp;
let provider: string;
let count = 0;

const fresh = (): string => `name-${String((count += 1))}`;
const user = (policy: Document = allows('sts:*')): Promise<User> => world.user(fresh(), policy);
const role = (trust: Document, policy: Document = allows('*'), more: { maxSessionDuration?: number } = {}): Promise<Role> => world.role(fresh(), trust, { policy, ...more });

beforeAll(async () => {
  app = await TestApp.boot();
  world = await new World(app).account('attacked');
  oauth = new OAuth(app);
  looks = new Sessions(app);
  idp = await app.idp();
  const { OpenIDConnectProviderArn } = await app.iam(world.root).send(new CreateOpenIDConnectProviderCommand({ Url: idp.issuer, ClientIDList: ['stint', oauth.endpoint], ThumbprintList: [idp.thumbprint] }));
  provider = OpenIDConnectProviderArn ?? '';
  await oauth.enable(world);
});
afterAll(() => app.close());

async function expectRefused(send: () => Promise<OAuthAnswer>, error: string, description: RegExp, recorded: readonly string[] = ['ExchangeToken']): Promise<void> {
  const { result, added, removed, events } = await effectOf(app, send);
  expect({ status: result.status, error: result.body['error'] }).toEqual({ status: 400, error });
  expect(result.body['error_description']).toMatch(description);
  expect({ added, removed }).toEqual({ added: [], removed: [] });
  expect(events.map(({ event_name, outcome }) => [event_name, outcome])).toEqual(recorded.map((name) => [name, 'refused']));
}

describe('one token for both', () => {
  it('makes nobody an actor for himself whom the role does not let act', async () => {
    const alice = await user();
    const jwt = await oauth.jwt(alice);
    const both = { subject_token: jwt, actor_token: jwt, actor_token_type: JWT };
    const [trusting, lending] = [await role(trusts(alice.arn)), await role(together(trusts(alice.arn), trusts(alice.arn, undefined, 'sts:SetContext')))];
    await expectRefused(() => oauth.exchange({ ...both, resource: trusting.arn }), 'invalid_target', /^The actor is not authorized/);
    const token = await oauth.token({ ...both, resource: lending.arn });
    expect(decodeJwt(token)).toMatchObject({ sub: lending.arn, act: { sub: alice.arn } });
  });
});

describe('a token of somebody else', () => {
  it('is not that of an account which it only names', async () => {
    const other = await new World(app).account(fresh());
    await oauth.enable(other);
    const [alice, mallory] = [await user(), await other.user('mallory', allows('*'))];
    const { arn: resource } = await role(trusts(alice.arn));
    const own = await oauth.jwt(mallory);
    const [head = '', , signature = ''] = own.split('.');
    const claims = decodeJwt(own);
    const forged = (changed: object): string => [head, Buffer.from(JSON.stringify({ ...claims, ...changed })).toString('base64url'), signature].join('.');
    const alices = decodeJwt(await oauth.jwt(alice));
    for (const changed of [{ sub: alice.arn }, { iss: alices.iss }, alices, { 'urn:stint:subject': alices['urn:stint:subject'], jti: alices.jti }]) await expectRefused(() => oauth.exchange({ subject_token: forged(changed), resource }), 'invalid_request', /signature of the ID Token is not valid/, []);
    // An issuer that is hardly one of ours is none.
    const issuer = String(claims.iss);
    for (const iss of [`${issuer}/`, `${issuer}x`, issuer.toUpperCase(), `${issuer}?x`, issuer.replace('/oidc/', '//oidc/'), issuer.replace('/oidc/', '/oidc/../oidc/')]) {
      await expectRefused(() => oauth.exchange({ subject_token: forged({ iss }), resource }), 'invalid_request', /^No OpenIDConnect provider found|not valid/, []);
    }
    await expectRefused(() => oauth.exchange({ subject_token: own, resource }), 'invalid_target', /is not authorized to perform: sts:AssumeRole/);
  });

  it('is no subject by an audience among others, whoever issued it', async () => {
    const { arn: resource } = await role(trusts({ Federated: provider }, undefined, 'sts:AssumeRoleWithWebIdentity'));
    const with_ = async (claims: Record<string, unknown>): Promise<OAuthAnswer> => oauth.exchange({ subject_token: await idp.token(app.clock.now(), claims), subject_token_type: ID_TOKEN, resource });
    for (const aud of [[oauth.endpoint, 'https://api.example'], ['stint', 'stint'], [], 'https://api.example']) await expectRefused(() => with_({ aud }), 'invalid_request', /audience|aud/i);
    for (const aud of [oauth.endpoint, [oauth.endpoint]]) expect((await with_({ aud })).status).toBe(200);
  });

  it('carries nothing of Stint’s, though it says so', async () => {
    const alice = await user();
    const target = await role(trusts(alice.arn));
    const alices = decodeJwt(await oauth.jwt(alice));
    const open = await role(trusts({ Federated: provider }, undefined, 'sts:AssumeRoleWithWebIdentity'), allows(['sts:*']));
    const subject_token = await idp.token(app.clock.now(), { 'urn:stint:subject': alices['urn:stint:subject'], 'urn:stint:holder': alices['urn:stint:subject'], jti: alices.jti, sid: alices.jti });
    await expectRefused(() => oauth.exchange({ subject_token, subject_token_type: ID_TOKEN, resource: target.arn }), 'invalid_target', /sts:AssumeRoleWithWebIdentity/);
    expect((await oauth.exchange({ subject_token, subject_token_type: ID_TOKEN, resource: open.arn })).status).toBe(200);
    expect((await oauth.introspect(subject_token, world.root)).body).toEqual({ active: false });
    expect((await oauth.revoke(subject_token, world.root)).status).toBe(200);
    expect((await oauth.exchange({ subject_token: await oauth.jwt(alice), resource: target.arn })).status).toBe(200);
  });
});

describe('a time', () => {
  const work = (): Promise<Role> => role(together(trusts({ Federated: provider }, { StringEquals: { [`${idp.name}:sub`]: 'user-1' } }, 'sts:AssumeRoleWithWebIdentity'), trusts({ Federated: provider }, { StringEquals: { [`${idp.name}:sub`]: 'agent-1' } }, 'sts:SetContext')), allows('*'), { maxSessionDuration: 7_200 });
  const issued = (claims: Record<string, unknown>): Promise<string> => idp.token(app.clock.now(), claims);
  const seconds = (): number => Math.floor(app.clock.now().getTime() / 1000);

  it.each([9_007_199_254_740_991, 8_640_000_000_001, 8_640_000_000_000, 4_102_444_800])('that is far away (%s) is no limit, nor does it lift another', async (exp) => {
    const { arn: resource } = await work();
    const form: Form = { subject_token: await issued({ sub: 'user-1', exp }), subject_token_type: ID_TOKEN, resource };
    expect((await oauth.exchange(form)).body).toMatchObject({ expires_in: 3_600 });
    const actor_token = await issued({ sub: 'agent-1', exp: seconds() + 120 });
    expect((await oauth.exchange({ ...form, actor_token, actor_token_type: ID_TOKEN })).body).toMatchObject({ expires_in: 120 });
    const short = { ...form, subject_token: await issued({ sub: 'user-1', exp: seconds() + 90 }), actor_token: await issued({ sub: 'agent-1', exp }), actor_token_type: ID_TOKEN };
    expect((await oauth.exchange(short)).body).toMatchObject({ expires_in: 90 });
  });

  it.each([1e300, 9_007_199_254_740_992, -1, 0, '4102444800', null, true, []])('that is none (%j) is refused', async (exp) => {
    const { arn: resource } = await work();
    const subject_token = await issued({ sub: 'user-1', exp: exp });
    await expectRefused(() => oauth.exchange({ subject_token, subject_token_type: ID_TOKEN, resource }), 'invalid_request', /exp|Token expired/);
  });

  it('of the last second is one second', async () => {
    const { arn: resource } = await work();
    const subject_token = await issued({ sub: 'user-1', exp: seconds() + 1 });
    expect((await oauth.exchange({ subject_token, subject_token_type: ID_TOKEN, resource })).body).toMatchObject({ expires_in: 1 });
  });
});

describe('resource and audience', () => {
  it('say for which role and for whom, and neither is taken for the other', async () => {
    const alice = await user();
    const [good, closed] = [await role(trusts(alice.arn)), await role(trusts({ Service: 'ec2.amazonaws.com' }))];
    const subject_token = await oauth.jwt(alice);
    expect(decodeJwt(await oauth.token({ subject_token, resource: good.arn, audience: closed.arn }))).toMatchObject({ sub: good.arn, aud: closed.arn });
    expect(decodeJwt(await oauth.token({ subject_token, resource: good.arn, audience: good.arn }))).toMatchObject({ sub: good.arn, aud: oauth.endpoint });
    await expectRefused(() => oauth.exchange({ subject_token, resource: closed.arn, audience: good.arn }), 'invalid_target', /sts:AssumeRole/);
    // A token for somebody else can be exchanged no more, whatever that one is called.
    for (const audience of [closed.arn, `${oauth.endpoint}/`, oauth.endpoint.toUpperCase(), `${oauth.endpoint} https://api.example`]) {
      const elsewhere = await oauth.token({ subject_token, resource: good.arn, audience });
      await expectRefused(() => oauth.exchange({ subject_token: elsewhere, resource: good.arn }), 'invalid_request', /not issued for the token endpoint/, []);
    }
  });
});

describe('a session that may do little', () => {
  it('of a user without MFA is given no role that asks for it, by whichever door', async () => {
    const alice = await user();
    const { arn: resource } = await role(trusts(alice.arn, { Bool: { 'aws:MultiFactorAuthPresent': 'true' } }));
    const session = keysOf((await app.sts(alice).send(new GetSessionTokenCommand({}))).Credentials);
    for (const subject_token of [await oauth.jwt(session), await oauth.jwt(alice)]) await expectRefused(() => oauth.exchange({ subject_token, resource }), 'invalid_target', /sts:AssumeRole/);
    expect((await oauth.exchange({ resource }, session)).status).toBe(401);
  });

  it('cannot obtain a token of the service where its ceiling leaves that out, nor act by one', async () => {
    const alice = await user(allows('*'));
    const first = await role(trusts(alice.arn));
    const target = await role(together(trusts(first.arn), trusts(first.arn, undefined, 'sts:SetContext')));
    const narrowed = keysOf((await looks.assume(alice, first, { Policy: JSON.stringify(allows(['sts:GetWebIdentityToken', 'sts:AssumeRole'])) })).Credentials);
    const wide = keysOf((await looks.assume(alice, first)).Credentials);
    const blind = keysOf((await app.sts(wide).send(new GetScopedCredentialsCommand({ Policy: JSON.stringify(allows('sts:AssumeRole')) }))).Credentials);
    await expect(oauth.jwt(blind)).rejects.toMatchObject({ name: 'AccessDenied' });
    // He may be assumed for, but not act: sts:SetContext is above his ceiling.
    const actor_token = await oauth.jwt(narrowed);
    await expectRefused(async () => oauth.exchange({ resource: target.arn, actor_token, actor_token_type: JWT, requested_token_type: CREDENTIALS }, wide), 'invalid_target', /^The actor is not authorized/, ['ExchangeSession']);
    // And what is exchanged for what he is keeps his ceiling.
    const keys = credentialsIn(await oauth.exchange({ subject_token: actor_token, resource: target.arn, requested_token_type: CREDENTIALS }));
    expect(await looks.looksOf(keys)).toEqual([]);
  });
});

describe('what is exchanged again and again', () => {
  it('never lasts longer and never may more, until it can be no smaller', async () => {
    const alice = await user();
    // Roles that trust themselves, and may everything.
    const loop = await world.role(fresh(), { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: world.root.account }, Action: ['sts:AssumeRole', 'sts:SetContext'] }] }, { policy: allows('*'), maxSessionDuration: 43_200 });
    let subject_token = await oauth.jwt(alice, { DurationSeconds: 1_800 });
    const end = Number(decodeJwt(subject_token).exp);
    const scopes = ['sts:* iam:List*', 'sts:* iam:ListUsers iam:ListRoles iam:Get*', 'sts:* iam:*', 'sts:* iam:ListRoles iam:ListPolicies', 'sts:*'];
    const may: string[][] = [];
    for (const scope of scopes) {
      app.clock.advance(61);
      const form = { subject_token, resource: loop.arn, scope };
      const keys: Keys & { expiration?: Date } = await oauth.credentials(form);
      expect(Math.floor((keys.expiration?.getTime() ?? Infinity) / 1000)).toBe(end);
      may.push(await looks.looksOf(keys));
      subject_token = await oauth.token(form);
      expect(decodeJwt(subject_token).exp).toBe(end);
    }
    expect(may).toEqual([[...LOOKS], ['iam:ListUsers', 'iam:ListRoles'], ['iam:ListUsers', 'iam:ListRoles'], ['iam:ListRoles'], []]);
  });

  it('comes to an end: ceilings and chains take up a token', async () => {
    const alice = await user();
    const loop = await world.role(fresh(), { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: world.root.account }, Action: 'sts:AssumeRole' }] }, { policy: allows('*') });
    let keys: Keys = await oauth.credentials({ subject_token: await oauth.jwt(alice), resource: loop.arn });
    const answers: OAuthAnswer[] = [];
    for (let round = 0; round < 40 && (answers.at(-1)?.status ?? 200) === 200; round += 1) {
      const answer = await oauth.exchange({ resource: loop.arn, scope: 'sts:* stint:*', requested_token_type: CREDENTIALS }, keys);
      answers.push(answer);
      if (answer.status === 200) keys = credentialsIn(answer);
    }
    expect(answers.length).toBeGreaterThan(10);
    expect(answers.length).toBeLessThan(34);
    expect(answers.at(-1)).toMatchObject({ status: 400 });
    expect(['invalid_scope', 'invalid_target']).toContain(answers.at(-1)?.body['error']);
  });
});
