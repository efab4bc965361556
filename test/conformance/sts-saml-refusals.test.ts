import { UpdateSAMLProviderCommand } from '@aws-sdk/client-iam';
import { AssumeRoleWithSAMLCommand, STSClient, type AssumeRoleWithSAMLCommandInput } from '@aws-sdk/client-sts';

import { TestApp } from '../support/app.js';
import { effectOf } from '../support/calls.js';
import { attribute, AWS, confirmation, element, encrypted, encryptionKey, nameId, response as around, TestIdp, withSignature } from '../support/saml-idp.js';
import { SamlProvider, sessionDuration, type Different } from '../support/saml-world.js';
import { expectSdkRefusal, expectUnprovedRefusal } from '../support/sdk.js';
import { trusts, World, type Role } from '../support/world.js';

const GCM = 'http://www.w3.org/2009/xmlenc11#aes256-gcm';
const CBC = 'http://www.w3.org/2001/04/xmlenc#aes256-cbc';
const RESPONDER = 'urn:oasis:names:tc:SAML:2.0:status:Responder';

let app: TestApp;
let world: World;
let provider: SamlProvider;
let encrypting: SamlProvider;
let stranger: TestIdp;
let role: Role;
let sts: STSClient;
const key = encryptionKey();

beforeAll(async () => {
  app = await TestApp.boot({ env: { STINT_PUBLIC_URL: 'https://sts.example' } });
  world = new World(app);
  [provider, encrypting, stranger] = [await SamlProvider.register(world), await SamlProvider.register(world, 'Encrypting'), await TestIdp.create('ec')];
  await app.iam(world.root).send(new UpdateSAMLProviderCommand({ SAMLProviderArn: encrypting.arn, AddPrivateKey: key.secret.reveal(), AssertionEncryptionMode: 'Required' }));
  role = await world.role('Dev', trusts({ Federated: [provider.arn, encrypting.arn] }, undefined, ['sts:AssumeRoleWithSAML', 'sts:TagSession', 'sts:SetSourceIdentity']));
  sts = new STSClient({ endpoint: app.url, region: 'us-east-1', maxAttempts: 1 });
});
// Of one subject no more than twenty refusals are recorded at once, and one more in ten seconds.
beforeEach(() => {
  app.clock.advance(10);
});
afterAll(async () => {
  sts.destroy();
  await app.close();
});

const send = (SAMLAssertion: string, by = provider): Promise<unknown> => sts.send(new AssumeRoleWithSAMLCommand({ RoleArn: role.arn, PrincipalArn: by.arn, SAMLAssertion } satisfies AssumeRoleWithSAMLCommandInput));
const signedWhole = (by: () => SamlProvider, different: Different = {}): Different => ({ carried: (xml) => xml, sealed: (whole) => by().idp.signed(whole), ...different });
const locked = (xml: string, parts: Parameters<typeof encrypted>[2] = {}, to = key): string => encrypted(xml, to.publicKey, parts);
const token = (message: string): { code: string; status: number; message: string } => ({ code: 'InvalidIdentityToken', status: 400, message });
const broken = token('Invalid base64 SAMLResponse');
const wrong = token('Response signature invalid');
const late = { code: 'ExpiredTokenException', status: 400, message: 'Token must be redeemed within 5 minutes of issuance' };
const denied = { code: 'AccessDenied', status: 403, message: 'Not authorized to perform sts:AssumeRoleWithSAML' };
const rejected = { code: 'IDPRejectedClaim', status: 403, message: 'The identity provider reported that authentication failed.' };
const confirmed = token('SubjectConfirmation in AuthnResponse must be one of a bearer, with NotOnOrAfter and a Recipient of this service');
const elsewhere = 'https://signin.aws.amazon.com/saml';

type Refused = typeof broken;
const own = (): SamlProvider => provider;
const other = (): SamlProvider => encrypting;

describe('a response whose signature was right, and that is refused all the same,', () => {
  const named: [string, () => Different, Refused][] = [
    ['is too old', () => ({ age: 300 }), late],
    ['is not valid yet', () => ({ age: -61 }), late],
    ['is about a session that is over', () => ({ sessionEnds: 0 }), late],
    ['is for another recipient', () => ({ parts: { confirmation: confirmation({ NotOnOrAfter: provider.at(300), Recipient: elsewhere }) } }), confirmed],
    ['is confirmed by nobody', () => ({ parts: { confirmation: '' } }), confirmed],
    ['is sent to another', () => ({ destination: elsewhere }), token('Destination in AuthnResponse must be this service')],
    ['answers a request', () => ({ parts: { confirmation: confirmation({ NotOnOrAfter: provider.at(300), Recipient: provider.acs, InResponseTo: '_x' }) } }), token('InResponseTo in AuthnResponse must not be present')],
    ['is for another audience', () => ({ parts: { conditions: element('saml:Conditions', {}, element('saml:AudienceRestriction', {}, element('saml:Audience', {}, elsewhere))) } }), token('Response does not contain the required audience.')],
    ['has no conditions', () => ({ parts: { conditions: '' } }), broken],
    ['has parts that nobody knows', () => ({ parts: { more: element('saml:Advice', {}) } }), broken],
    ['is of another version', () => ({ parts: { version: '2.1' } }), broken],
    ['has times that are none', () => ({ parts: { issueInstant: 'yesterday' } }), broken],
    ['is by another issuer', () => ({ issuer: 'https://other.example' }), token('Issuer not present in specified provider')],
    ['says that nobody was let in', () => ({ status: RESPONDER }), rejected],
    ['names no role', () => ({ roles: '' }), denied],
    ['names another role', () => ({ roles: attribute(`${AWS}Role`, `${role.arn}x,${provider.arn}`) }), denied],
    ['has an odd session name', () => ({ sessionName: 'a b' }), token('RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}')],
    ['wants an odd duration', () => ({ attributes: sessionDuration(1) }), token('SessionDuration in AuthnResponse must be between 900 and 43200')],
    ['is signed as a whole, and is too old', () => signedWhole(own, { age: 300 }), late],
    ['is signed as a whole, and is sent to another', () => signedWhole(own, { destination: elsewhere }), token('Destination in AuthnResponse must be this service')],
    ['is signed as a whole, and says that nobody was let in', () => signedWhole(own, { status: RESPONDER }), rejected],
  ];
  it.each(named)('is recorded as of whom it names: one that %s', async (_, different, refusal) => {
    const made = provider.response(role.arn, different());
    const events = await app.recordedBy(() => expectSdkRefusal(app, () => send(made), refusal));
    expect(events[0]).toMatchObject({
      account_id: world.root.account,
      record: { eventName: 'AssumeRoleWithSAML', errorMessage: refusal.message, userIdentity: { type: 'SAMLUser', principalId: expect.stringMatching(/^[\w+/]{27}=:alice$/), userName: 'alice', identityProvider: provider.arn } },
    });
    expect(events[0]?.text).not.toContain(made.slice(0, 40));
  });

  it('is recorded as of whom it names, by the same name as a session of his', async () => {
    const principal = async (work: () => Promise<unknown>): Promise<unknown> => (await effectOf(app, () => work().catch(() => undefined))).events[0]?.record.userIdentity['principalId'];
    expect(await principal(() => send(provider.response(role.arn, { age: 300 })))).toBe(await principal(() => send(provider.response(role.arn))));
  });

  const unnamed: [string, () => SamlProvider, () => Different, Refused][] = [
    ['has no name', own, () => ({ parts: { nameId: '' } }), denied],
    ['has an encrypted name', own, () => ({ parts: { nameId: element('saml:EncryptedID', {}) } }), denied],
    ['has a name that is too long', own, () => ({ parts: { nameId: nameId('a'.repeat(1_025)) } }), token('NameID in AuthnResponse is too long')],
    ['has two subjects', own, () => ({ parts: { more: element('saml:Subject', {}, nameId('bob')) } }), broken],
    ['is signed as a whole, and has no assertion because nobody was let in', own, () => signedWhole(own, { carried: () => '', status: RESPONDER }), rejected],
    ['is signed as a whole, and has no assertion', own, () => signedWhole(own, { carried: () => '' }), broken],
    ['is signed as a whole, with an assertion that another signed', own, () => signedWhole(own, { carried: (xml) => stranger.signed(xml) }), wrong],
    ['is signed as a whole, and is encrypted for another', other, () => signedWhole(other, { carried: (xml) => locked(xml, {}, encryptionKey()) }), wrong],
    ['is signed as a whole, and carries encrypted what is no assertion', other, () => signedWhole(other, { carried: (xml) => locked(around(xml)) }), wrong],
  ];
  it.each(unnamed)('is recorded as of nobody who could be named: one that %s', async (_, by, different, refusal) => {
    const made = by().response(role.arn, different());
    const events = await app.recordedBy(() => expectSdkRefusal(app, () => send(made, by()), refusal));
    expect(events[0]?.record.userIdentity).toEqual({ type: 'SAMLUser', principalId: expect.stringMatching(/^[\w+/]{27}=:$/), userName: '', identityProvider: by().arn });
  });

  it.each([
    ['encrypted with its signature', (xml: string): string => locked(encrypting.idp.signed(xml)), (whole: string): string => whole],
    ['encrypted in a response that is signed', (xml: string): string => locked(xml, { cipher: CBC }), (whole: string): string => encrypting.idp.signed(whole)],
  ])('is recorded where it was %s', async (_, carried, sealed) => {
    const events = await app.recordedBy(() => expectSdkRefusal(app, () => send(encrypting.response(role.arn, { age: 300, carried, sealed }), encrypting), late));
    expect(events[0]?.record.userIdentity).toMatchObject({ userName: 'alice', identityProvider: encrypting.arn });
  });

  it('is recorded where it should have been encrypted', async () => {
    await expectSdkRefusal(app, () => send(encrypting.response(role.arn), encrypting), token('Assertion in AuthnResponse must be encrypted'));
  });

  it('leaves what it carries as it was: it can be used where nothing is wrong', async () => {
    const carried = (xml: string): string => provider.idp.signed(xml);
    const id = '_left';
    await expectSdkRefusal(app, () => send(provider.response(role.arn, { id, carried, status: RESPONDER })), rejected);
    await expect(send(provider.response(role.arn, { id, carried }))).resolves.toMatchObject({ Subject: 'alice' });
  });

  it('is told that its provider is not trusted before it is told what else is wrong', async () => {
    const settings = (issuers: object): Promise<unknown> => app.rest(world.root, 'PATCH /v1/account/settings', issuers);
    await settings({ trustedIssuersMode: 'enforce', trustedIssuers: [encrypting.arn] });
    const why = { code: 'IDPRejectedClaim', status: 403, message: 'The account does not trust this identity provider.' };
    await expectSdkRefusal(app, () => send(provider.response(role.arn, { age: 300 })), why);
    await settings({ trustedIssuersMode: 'off', trustedIssuers: [] });
    await expectSdkRefusal(app, () => send(provider.response(role.arn, { age: 300 })), late);
  });
});

describe('a response whose signature was not right', () => {
  const signatureIn = (xml: string): string => /<ds:Signature .*?<\/ds:Signature>/.exec(xml)![0];
  const without = (xml: string): string => xml.replace(/<ds:Signature .*?<\/ds:Signature>/, '');
  const forged = (xml: string): string => xml.replace(/ID="[^"]*"/, 'ID="_evil"').replace('>alice<', '>mallory<');
  const wrapped = (xml: string): string => {
    const genuine = provider.idp.signed(xml);
    return withSignature(forged(xml), signatureIn(genuine).replace('</ds:Signature>', `${element('ds:Object', {}, xml)}</ds:Signature>`));
  };
  const unproved: [string, () => Different, Refused, (() => SamlProvider)?][] = [
    ['signed by nobody', () => ({ carried: (xml) => xml }), wrong],
    ['signed by another provider', () => ({ carried: (xml) => stranger.signed(xml) }), wrong],
    ['signed by another provider as a whole, although its assertion is right', () => ({ sealed: (whole) => stranger.signed(whole) }), wrong],
    ['signed by another provider of the account', () => ({ carried: (xml) => encrypting.idp.signed(xml) }), wrong],
    ['too old, and signed by nobody', () => ({ carried: (xml) => xml, age: 300 }), wrong],
    ['for another, and signed by another', () => ({ carried: (xml) => stranger.signed(xml), destination: elsewhere }), wrong],
    ['that says that nobody was let in, and is signed by nobody', () => ({ carried: () => '', status: RESPONDER }), rejected],
    ['changed after it was signed', () => ({ carried: (xml) => provider.idp.signed(xml).replace('>alice<', '>mallory<') }), wrong],
    ['without an assertion', () => ({ carried: () => '' }), broken],
    ['with a second assertion', () => ({ carried: (xml) => provider.idp.signed(xml) + forged(xml) }), broken],
    ['wrapped around a genuine one', () => ({ carried: wrapped }), broken],
    ['with the signature of a genuine one', () => ({ carried: (xml) => withSignature(forged(xml), signatureIn(provider.idp.signed(xml))) }), wrong],
    ['with a genuine one in its status', () => ({ carried: forged, sealed: (whole) => whole.replace('</samlp:Status>', `${element('samlp:StatusDetail', {}, provider.idp.signed(whole))}</samlp:Status>`) }), broken],
    ['wrapped around a genuine one that was signed as a whole', () => signedWhole(own, { sealed: (whole) => withSignature(forged(whole), signatureIn(provider.idp.signed(whole)).replace('</ds:Signature>', `${element('ds:Object', {}, without(whole))}</ds:Signature>`)) }), broken],
    ['with a comment in a name', () => ({ carried: (xml) => provider.idp.signed(xml).replace('>alice<', '>al<!---->ice<') }), broken],
    ['encrypted for another key', () => ({ carried: (xml) => locked(encrypting.idp.signed(xml), { cipher: GCM }, encryptionKey()) }), wrong, other],
    ['encrypted, and signed by nobody', () => ({ carried: (xml) => locked(xml) }), wrong, other],
    ['encrypted with CBC, and signed within only', () => ({ carried: (xml) => locked(encrypting.idp.signed(xml), { cipher: CBC }) }), wrong, other],
  ];
  it.each(unproved)('belongs to nobody, and leaves no event: one %s', async (_, different, { code, message }, by = own) => {
    await expectUnprovedRefusal(app, () => send(by().response(role.arn, different()), by()), { code, message });
  });

  it('belongs to nobody where it is none at all', async () => {
    await expectUnprovedRefusal(app, () => send('text'), { code: broken.code, message: broken.message });
  });
});
