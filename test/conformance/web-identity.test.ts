import {
  DisableOutboundWebIdentityFederationCommand,
  EnableOutboundWebIdentityFederationCommand,
  GetOutboundWebIdentityFederationInfoCommand,
} from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetWebIdentityTokenCommand, type GetWebIdentityTokenCommandInput } from '@aws-sdk/client-sts';
import { createLocalJWKSet, createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';

import { IssuerKeys } from '../../src/sessions/issuer-keys.js';
import { TestApp, type Keys } from '../support/app.js';
import { expectSdkRefusal } from '../support/sdk.js';
import { allows, keysOf, trusts, World, type Document } from '../support/world.js';

const DAY = 86_400;

describe('an unmodified client that proves its identity to others', () => {
  let app: TestApp;
  let world: World;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = await new World(app).account('issuer');
    await app.iam(world.root).send(new EnableOutboundWebIdentityFederationCommand({}));
  });
  afterAll(() => app.close());

  const fresh = (): string => `name-${String((count += 1))}`;
  const issuer = (): string => `${app.url}/oidc/${world.root.account}`;
  const token = async (keys: Keys, input: Partial<GetWebIdentityTokenCommandInput> = {}): Promise<string> =>
    (await app.sts(keys).send(new GetWebIdentityTokenCommand({ Audience: ['https://verifier.example'], SigningAlgorithm: 'ES384', ...input }))).WebIdentityToken ?? '';
  const user = (policy: Document = allows('sts:*')): Promise<Keys & { arn: string }> => world.user(fresh(), policy);
  const keySet = async (): Promise<JSONWebKeySet> => JSON.parse((await app.send({ path: `/oidc/${world.root.account}/.well-known/jwks.json` })).text) as JSONWebKeySet;
  const verified = async (jwt: string, keys?: JSONWebKeySet): Promise<unknown> =>
    (await jwtVerify(jwt, createLocalJWKSet(keys ?? (await keySet())), { issuer: issuer(), audience: 'https://verifier.example', currentDate: app.clock.now() })).payload;

  it.each(['RS256', 'ES384'] as const)('gets a token in %s that a verifier believes who reads the discovery document', async (SigningAlgorithm) => {
    const alice = await user();
    const answer = await app.sts(alice).send(new GetWebIdentityTokenCommand({ Audience: ['https://verifier.example'], SigningAlgorithm }));
    expect(answer.Expiration).toEqual(new Date('2026-11-25T10:05:00Z'));
    const discovery = JSON.parse((await app.send({ path: `/oidc/${world.root.account}/.well-known/openid-configuration` })).text) as { issuer: string; jwks_uri: string };
    expect(discovery).toMatchObject({ issuer: issuer(), id_token_signing_alg_values_supported: ['RS256', 'ES384'] });
    const { payload, protectedHeader } = await jwtVerify(answer.WebIdentityToken ?? '', createRemoteJWKSet(new URL(discovery.jwks_uri)), { issuer: discovery.issuer, audience: 'https://verifier.example', currentDate: app.clock.now() });
    expect(protectedHeader).toEqual({ typ: 'JWT', alg: SigningAlgorithm, kid: expect.any(String) });
    expect(payload).toEqual({
      iss: issuer(),
      aud: 'https://verifier.example',
      sub: alice.arn,
      iat: Date.UTC(2026, 10, 25, 10) / 1000,
      exp: Date.UTC(2026, 10, 25, 10, 5) / 1000,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      'urn:stint:holder': expect.stringMatching(/^[\w-]{120,200}$/),
      'https://sts.amazonaws.com/': { aws_account: world.root.account, source_region: 'us-east-1', principal_id: alice.arn },
    });
  });

  it('tells of a role session its role, its tags, its source identity and its end', async () => {
    const alice = await user();
    const trust = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: alice.arn }, Action: ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'] }] };
    const role = await world.role(fresh(), trust, { path: '/ci/', policy: allows('sts:*') });
    const { Credentials } = await app.sts(alice).send(new AssumeRoleCommand({ RoleArn: role.arn, RoleSessionName: 'job-1', SourceIdentity: 'alice', Tags: [{ Key: 'team', Value: 'blue' }] }));
    const session = keysOf(Credentials);
    const claims = decodeJwt(await token(session, { Audience: ['a', 'b'], Tags: [{ Key: 'step', Value: 'build' }], DurationSeconds: 60 }));
    expect(claims).toMatchObject({
      aud: ['a', 'b'],
      sub: role.arn,
      'https://sts.amazonaws.com/': {
        principal_id: role.arn,
        principal_tags: { team: 'blue' },
        request_tags: { step: 'build' },
        source_identity: 'alice',
        original_session_exp: '2026-11-25T11:00:00Z',
      },
    });
    for (const [input, message] of [
      [{ SubjectMode: 'OriginIdentity' }, 'SubjectMode OriginIdentity needs a session that carries an origin identity; this one does not.'],
      [{ Scope: 'deploy' }, 'Scope can be given only with SubjectMode OriginIdentity and exactly one audience.'],
    ] as const) {
      // A source identity is what its caller says: nobody may have it vouched for.
      await expectSdkRefusal(app, () => token(session, input), { code: 'InvalidParameterValue', status: 400, message });
    }
  });

  it('cannot have a token that outlives its session', async () => {
    const alice = await user();
    const role = await world.role(fresh(), trusts(alice.arn), { policy: allows('sts:*') });
    const { Credentials } = await app.sts(alice).send(new AssumeRoleCommand({ RoleArn: role.arn, RoleSessionName: 'job', DurationSeconds: 900 }));
    expect(decodeJwt(await token(keysOf(Credentials), { DurationSeconds: 900 })).exp).toBe(Date.UTC(2026, 10, 25, 10, 15) / 1000);
    await expectSdkRefusal(app, () => token(keysOf(Credentials), { DurationSeconds: 901 }), { code: 'SessionDurationEscalationException', status: 403, message: 'The requested token duration exceeds what is left of the calling session.' });
  });

  const judged: [what: string, allowed: Document, input: Partial<GetWebIdentityTokenCommandInput>, action: string][] = [
    ['without a permission', allows('sts:GetCallerIdentity'), {}, 'sts:GetWebIdentityToken'],
    ['with tags without sts:TagGetWebIdentityToken', allows('sts:GetWebIdentityToken'), { Tags: [{ Key: 'a', Value: 'b' }] }, 'sts:TagGetWebIdentityToken'],
    ['for another audience than its policy says', under({ 'ForAllValues:StringEquals': { 'sts:IdentityTokenAudience': 'https://other.example' } }), {}, 'sts:GetWebIdentityToken'],
    ['for longer than its policy says', under({ NumericLessThanEquals: { 'sts:DurationSeconds': '120' } }), {}, 'sts:GetWebIdentityToken'],
    ['by another algorithm than its policy says', under({ StringEquals: { 'sts:SigningAlgorithm': 'RS256' } }), {}, 'sts:GetWebIdentityToken'],
  ];
  it.each(judged)('is refused %s', async (_, policy, input, action) => {
    const bob = await user(policy);
    await expectSdkRefusal(app, () => token(bob, input), { code: 'AccessDenied', status: 403, message: `User: ${bob.arn} is not authorized to perform: ${action} because no identity-based policy allows the ${action} action` });
  });

  it('is allowed what its policy says under the same conditions', async () => {
    const bob = await user(under({ 'ForAllValues:StringEquals': { 'sts:IdentityTokenAudience': 'https://verifier.example' }, NumericLessThanEquals: { 'sts:DurationSeconds': '300' }, StringEquals: { 'sts:SigningAlgorithm': 'ES384' } }));
    expect(decodeProtectedHeader(await token(bob)).alg).toBe('ES384');
  });

  it('leaves the token out of the audit log and the logs, and its id in', async () => {
    const alice = await user();
    let jwt = '';
    const events = await app.recordedBy(async () => {
      jwt = await token(alice);
    });
    expect(events).toHaveLength(1);
    expect(events[0]?.record).toMatchObject({
      eventName: 'GetWebIdentityToken',
      responseElements: { webIdentityToken: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
      additionalEventData: { jti: decodeJwt(jwt).jti, kid: decodeProtectedHeader(jwt).kid },
    });
    expect([events[0]?.text, ...app.lines].join()).not.toContain(jwt.split('.')[2]);
  });

  it('cannot have a token whose payload is too large', async () => {
    const alice = await user();
    const Tags = Array.from({ length: 50 }, (_, index) => ({ Key: `k${String(index)}`, Value: 'x'.repeat(100) }));
    await expectSdkRefusal(app, () => token(alice, { Tags }), { code: 'JWTPayloadSizeExceededException', status: 400, message: expect.stringMatching(/^The payload of the token would have \d+ bytes; at most 4096 are allowed\.$/) });
  });

  it('signs with a new key only after every verifier has seen it, and forgets the old one only after its last token', async () => {
    const alice = await user();
    const keys = app.running.app.get(IssuerKeys);
    const kids = async (): Promise<(string | undefined)[]> => (await keySet()).keys.filter(({ alg }) => alg === 'ES384').map(({ kid }) => kid);
    const [first] = await kids();
    expect(await keys.renewDue()).toBe(0);
    app.clock.advance(30 * DAY);
    const cached = await keySet();
    expect(await keys.renewDue()).toBe(2);
    expect(await keys.renewDue()).toBe(0);
    const [, second] = await kids();
    expect(second).toEqual(expect.any(String));
    // Until the cache of every verifier is renewed, the old key signs.
    const early = await token(alice);
    expect(decodeProtectedHeader(early).kid).toBe(first);
    await verified(early, cached);
    app.clock.advance(661);
    const late = await token(alice, { DurationSeconds: 3600 });
    expect(decodeProtectedHeader(late).kid).toBe(second);
    await verified(late);
    expect(await kids()).toEqual([first, second]);
    app.clock.advance(3961);
    expect(await kids()).toEqual([second]);
  });

  it('finds nothing published for accounts that do not issue, which read like unknown ones', async () => {
    const other = await new World(app).account('silent');
    const answers = await Promise.all([other.root.account, '000000000000', 'x', '..'].map((account) => app.send({ path: `/oidc/${account}/.well-known/jwks.json` })));
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
    expect(new Set(answers.slice(0, 3).map(({ text }) => text)).size).toBe(1);
    await expectSdkRefusal(app, () => token(other.root), { code: 'OutboundWebIdentityFederationDisabledException', status: 403, message: 'Outbound web identity federation is not enabled for this account.' });
  });

  it('is switched on and off by administrators, and keeps its keys', async () => {
    const other = await new World(app).account('switched');
    const iam = app.iam(other.root);
    const refused = (send: () => Promise<unknown>, code: string, status: number): Promise<void> => expectSdkRefusal(app, send, { code, status, message: `Outbound web identity federation is ${code === 'FeatureEnabled' ? 'already' : 'not'} enabled for this account.` });
    const disable = (): Promise<unknown> => iam.send(new DisableOutboundWebIdentityFederationCommand({}));
    const enable = (): Promise<unknown> => iam.send(new EnableOutboundWebIdentityFederationCommand({}));
    const info = (): Promise<unknown> => iam.send(new GetOutboundWebIdentityFederationInfoCommand({}));
    const published = (): Promise<{ status: number; text: string }> => app.send({ path: `/oidc/${other.root.account}/.well-known/jwks.json` });
    await refused(disable, 'FeatureDisabled', 404);
    await refused(info, 'FeatureDisabled', 404);
    expect(await enable()).toMatchObject({ IssuerIdentifier: `${app.url}/oidc/${other.root.account}` });
    await refused(enable, 'FeatureEnabled', 409);
    expect(await info()).toMatchObject({ IssuerIdentifier: `${app.url}/oidc/${other.root.account}`, JwtVendingEnabled: true });
    const { text } = await published();
    await disable();
    expect((await published()).status).toBe(404);
    await refused(() => token(other.root), 'OutboundWebIdentityFederationDisabledException', 403);
    await enable();
    expect((await published()).text).toBe(text);
  });
});

function under(condition: Document): Document {
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'sts:GetWebIdentityToken', Resource: '*', Condition: condition }] };
}
