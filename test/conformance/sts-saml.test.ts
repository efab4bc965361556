import { AssumeRoleCommand, AssumeRoleWithSAMLCommand, GetCallerIdentityCommand, STSClient, type AssumeRoleWithSAMLCommandInput, type AssumeRoleWithSAMLCommandOutput } from '@aws-sdk/client-sts';
import { DeleteSAMLProviderCommand } from '@aws-sdk/client-iam';

import { TestApp, type Keys } from '../support/app.js';
import { effectOf } from '../support/calls.js';
import { keyDescriptor, metadata } from '../support/identity-providers.js';
import { attribute, AWS } from '../support/saml-idp.js';
import { principalTag, SamlProvider, sessionDuration, sourceIdentity, transitive, type Different } from '../support/saml-world.js';
import { expectSdkRefusal, expectUnprovedRefusal } from '../support/sdk.js';
import { allows, trusts, World, type Document, type Role } from '../support/world.js';

const ACTIONS = ['sts:AssumeRoleWithSAML', 'sts:TagSession', 'sts:SetSourceIdentity'];

let app: TestApp;
let other: TestApp;
let world: World;
let provider: SamlProvider;
let anonymous: STSClient;
let elsewhere: STSClient;
let roles = 0;

beforeAll(async () => {
  app = await TestApp.boot({ env: { STINT_PUBLIC_URL: 'https://sts.example' } });
  other = await TestApp.boot({ beside: app, env: { STINT_PUBLIC_URL: 'https://sts.example' } });
  world = new World(app);
  provider = await SamlProvider.register(world);
  [anonymous, elsewhere] = [app, other].map(({ url }) => new STSClient({ endpoint: url, region: 'us-east-1', maxAttempts: 1 })) as [STSClient, STSClient];
});
afterAll(async () => {
  anonymous.destroy();
  elsewhere.destroy();
  await other.close();
  await app.close();
});

async function role(condition?: Document, more: { action?: string | string[]; maxSessionDuration?: number; policy?: Document } = {}): Promise<Role> {
  roles += 1;
  return world.role(`saml-${String(roles)}`, trusts({ Federated: provider.arn }, condition, more.action ?? ACTIONS), more);
}
const input = (arn: string, different: Different = {}, more: object = {}): AssumeRoleWithSAMLCommandInput => ({ ...provider.input(arn, different), ...more }) as unknown as AssumeRoleWithSAMLCommandInput;
const send = (asked: AssumeRoleWithSAMLCommandInput, node = anonymous): Promise<AssumeRoleWithSAMLCommandOutput> => node.send(new AssumeRoleWithSAMLCommand(asked));
const assume = (arn: string, different: Different = {}, more: object = {}): Promise<AssumeRoleWithSAMLCommandOutput> => send(input(arn, different, more));
const keysOf = ({ Credentials }: AssumeRoleWithSAMLCommandOutput): Keys => ({ accessKeyId: Credentials?.AccessKeyId ?? '', secretAccessKey: Credentials?.SecretAccessKey ?? '', sessionToken: Credentials?.SessionToken ?? '' });
const denied = { code: 'AccessDenied', status: 403, message: 'Not authorized to perform sts:AssumeRoleWithSAML' };
const used = { code: 'InvalidIdentityToken', status: 400, message: 'The SAML assertion was used before. Sign in again.' };

describe('AssumeRoleWithSAML', () => {
  it('begins a session for whom a provider of the account vouches, and records who it is', async () => {
    const { arn, name, id } = await role({ StringEquals: { 'saml:aud': 'https://sts.example/saml', 'saml:iss': 'https://idp.example/saml', 'saml:sub': 'alice', 'saml:sub_type': 'persistent', 'saml:doc': `${world.root.account}/Corp` } });
    const { result, events } = await effectOf(app, () => assume(arn, { id: '_first' }));
    const { $metadata: _, ...answer } = result;
    expect(answer).toEqual({
      Credentials: { AccessKeyId: expect.stringMatching(/^ASIA/), SecretAccessKey: expect.any(String), SessionToken: expect.any(String), Expiration: new Date('2026-11-25T11:00:00Z') },
      AssumedRoleUser: { AssumedRoleId: `${id}:alice@example.com`, Arn: `arn:aws:sts::${world.root.account}:assumed-role/${name}/alice@example.com` },
      Subject: 'alice',
      SubjectType: 'persistent',
      Issuer: 'https://idp.example/saml',
      Audience: 'https://sts.example/saml',
      NameQualifier: expect.stringMatching(/^[\w+/]{27}=$/),
      SessionTokenSize: result.Credentials?.SessionToken?.length,
      SessionTokenUtilization: expect.any(Number),
    });
    expect(events).toHaveLength(1);
    expect(events[0]?.record).toMatchObject({
      eventName: 'AssumeRoleWithSAML',
      userIdentity: { type: 'SAMLUser', principalId: `${String(result.NameQualifier)}:alice`, userName: 'alice', identityProvider: provider.arn },
      requestParameters: { roleArn: arn, principalArn: provider.arn, sAMLAssertionID: '_first', roleSessionName: 'alice@example.com' },
    });
    expect(events[0]?.text).not.toContain('PHNhbWxw');
    const who = await app.sts(keysOf(result)).send(new GetCallerIdentityCommand());
    expect(who.Arn).toBe(`arn:aws:sts::${world.root.account}:assumed-role/${name}/alice@example.com`);
  });

  it('takes an assertion once, on whatever node', async () => {
    const { arn } = await role();
    const asked = input(arn);
    await send(asked);
    await expectSdkRefusal(app, () => send(asked), used);
    await expectSdkRefusal(app, () => send(asked, elsewhere), used);
    const racing = input(arn);
    const outcomes = await Promise.all(Array.from({ length: 10 }, (_, index) => send(racing, index % 2 === 0 ? anonymous : elsewhere).then(() => 'ok', (error: unknown) => (error as Error).message)));
    expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome !== 'ok')).toEqual(Array.from({ length: 9 }, () => used.message));
  });

  it('is answered the same on whatever node, where one request under an Idempotency-Key comes to both at once', async () => {
    const { arn } = await role();
    for (let key = 0; key < 5; key += 1) {
      const body = JSON.stringify({ roleArn: arn, principalArn: provider.arn, samlAssertion: provider.response(arn) });
      const headers = { 'content-type': 'application/json', 'idempotency-key': `race-${String(key)}` };
      const [one, two] = await Promise.all([app, other].map(async ({ url }) => (await fetch(`${url}/v1/sessions/assume-role-with-saml`, { method: 'POST', headers, body })).json()));
      expect(one).toMatchObject({ subject: 'alice' });
      expect(two).toEqual(one);
    }
  });

  it('does not use up an assertion with which nothing was issued', async () => {
    const { arn } = await role({ StringEquals: { 'aws:RequestedRegion': 'nowhere' } });
    const second = await role();
    const both = { roles: attribute(`${AWS}Role`, `${arn},${provider.arn}`, `${provider.arn},${second.arn}`), id: '_both' };
    await expectSdkRefusal(app, () => assume(arn, both), denied);
    expect((await assume(second.arn, both)).Subject).toBe('alice');
  });

  it('needs the role to be named together with the provider', async () => {
    const [{ arn }, second] = [await role(), await role()];
    await expectSdkRefusal(app, () => assume(second.arn, { roles: attribute(`${AWS}Role`, `${arn},${provider.arn}`) }), denied);
    await expectSdkRefusal(app, () => assume(arn, { roles: attribute(`${AWS}Role`, `${arn},${provider.arn}x`) }), denied);
  });

  it('is decided by the trust policy alone', async () => {
    const [ofBob, ofTokens] = [await role({ StringEquals: { 'saml:sub': 'bob' } }), await role(undefined, { action: 'sts:AssumeRoleWithWebIdentity' })];
    for (const { arn } of [ofBob, ofTokens]) await expectSdkRefusal(app, () => assume(arn), denied);
    const directory = await role({ 'ForAnyValue:StringEquals': { 'saml:edupersonaffiliation': 'staff' } });
    await expectSdkRefusal(app, () => assume(directory.arn), denied);
    expect((await assume(directory.arn, { attributes: attribute('urn:oid:1.3.6.1.4.1.5923.1.1.1.1', 'member', 'staff') })).Subject).toBe('alice');
    await expectSdkRefusal(app, () => assume(`arn:aws:iam::${world.root.account}:role/nowhere`), denied);
    roles += 1;
    const account = await world.role(`saml-${String(roles)}`, trusts({ AWS: world.root.account }, undefined, ACTIONS));
    await expectSdkRefusal(app, () => assume(account.arn), denied);
  });

  it('gives nothing of another account', async () => {
    const foreign = await world.account('foreign');
    const open = await foreign.role('open', trusts({ AWS: '*' }, undefined, ACTIONS));
    await expectSdkRefusal(app, () => assume(open.arn), denied);
  });

  it('lets a session last no longer than the provider says', async () => {
    const { arn } = await role(undefined, { maxSessionDuration: 7200 });
    const ends = async (different: Different, more: object = {}): Promise<unknown> => (await assume(arn, different, more)).Credentials?.Expiration;
    expect(await ends({ attributes: sessionDuration(900) })).toEqual(new Date('2026-11-25T10:15:00Z'));
    expect(await ends({ attributes: sessionDuration(7200) }, { DurationSeconds: 7200 })).toEqual(new Date('2026-11-25T12:00:00Z'));
    expect(await ends({ sessionEnds: 600.5 })).toEqual(new Date('2026-11-25T10:10:00Z'));
  });

  it('takes tags and source identity from the assertion, which chains keep', async () => {
    const attributes = principalTag('team', 'blue') + principalTag('cost', '42') + transitive('team') + sourceIdentity('alice');
    const { arn } = await role({ StringEquals: { 'aws:RequestTag/team': 'blue', 'sts:SourceIdentity': 'alice' } }, { policy: allows(['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity']) });
    const result = await assume(arn, { attributes });
    expect(result.SourceIdentity).toBe('alice');
    roles += 1;
    const next = await world.role(`next-${String(roles)}`, trusts(arn, { StringEquals: { 'aws:PrincipalTag/cost': '42', 'saml:sub': 'alice', 'aws:FederatedProvider': provider.arn } }, ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity']));
    expect((await app.sts(keysOf(result)).send(new AssumeRoleCommand({ RoleArn: next.arn, RoleSessionName: 'next' }))).SourceIdentity).toBe('alice');
    await expectSdkRefusal(app, () => assume(arn, { attributes: attributes + principalTag('TEAM', 'red') }), { code: 'InvalidIdentityToken', status: 400, message: 'Duplicate tag keys found. Please note that Tag keys are case insensitive.' });
  });

  it('ends with what its subject had, however long his name is', async () => {
    const { arn } = await role();
    for (const subject of ['a'.repeat(1024), Array.from({ length: 682 }, (_, index) => String.fromCodePoint(0x4e00 + ((index * 7919) % 20_000))).join('')]) {
      const keys = keysOf(await assume(arn, { subject }));
      expect((await app.rest(world.root, 'POST /v1/sessions/revoke', { principalArn: provider.arn, subject })).body).toEqual({ revoked: 1, effectiveWithinSeconds: 1 });
      await expect(app.sts(keys).send(new GetCallerIdentityCommand())).rejects.toMatchObject({ name: 'ExpiredToken' });
    }
  });

  it('begins no session that would be over at once', async () => {
    const { arn } = await role();
    await expectSdkRefusal(app, () => assume(arn, { sessionEnds: 0.4 }), { code: 'ExpiredTokenException', status: 400, message: 'The session of the user at the identity provider ends now. Sign in again.' });
    expect((await assume(arn, { sessionEnds: 1 })).Credentials?.Expiration).toEqual(new Date('2026-11-25T10:00:01Z'));
  });

  it('does not trust a provider that was deleted and made anew', async () => {
    const again = await SamlProvider.register(world, 'Again');
    const trusting = await world.role('saml-again', trusts({ Federated: again.arn }, undefined, ACTIONS));
    const ask = (): Promise<unknown> => send(again.input(trusting.arn) as unknown as AssumeRoleWithSAMLCommandInput);
    await ask();
    await app.iam(world.root).send(new DeleteSAMLProviderCommand({ SAMLProviderArn: again.arn }));
    await expectUnprovedRefusal(app, ask, { code: 'InvalidIdentityToken', message: "Specified provider doesn't exist." });
    await app.rest(world.root, 'POST /v1/saml-providers', { name: 'Again', samlMetadataDocument: metadata({ keys: keyDescriptor(again.idp.certificate) }) });
    await expectSdkRefusal(app, ask, denied);
  });
});
