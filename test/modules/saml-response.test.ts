import { createPrivateKey, hash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { Secret } from '../../src/domain/secret.js';
import { placesOf } from '../../src/federation/saml/places.js';
import { assertion, audience, conditions, confirmation, encoded, factsOf, response, SAML, TestIdp, trustIn } from '../support/saml-idp.js';

let idp: TestIdp;
beforeAll(async () => {
  idp = await TestIdp.create();
});

describe('the response of a SAML identity provider', () => {
  it.each([
    ['the assertion', (): string => response(idp.signed(assertion()))],
    ['the response', (): string => idp.signed(response(assertion()))],
    ['both', (): string => idp.signed(response(idp.signed(assertion())))],
  ])('is believed when it signs %s', async (_, made) => {
    const facts = await factsOf(encoded(made()), trustIn([idp]));
    const nameQualifier = hash('sha1', `${SAML.entityId}${SAML.account}/${SAML.providerName}`, 'base64');
    expect(facts).toEqual({
      assertionId: '_assertion',
      issuer: SAML.entityId,
      subject: 'alice',
      subjectType: 'persistent',
      recipient: SAML.acs,
      acceptedUntil: new Date('2026-11-25T12:04:55.000Z'),
      roles: [{ roleArn: SAML.role, principalArn: SAML.provider }],
      roleSessionName: 'alice@example.com',
      tags: [],
      transitiveTagKeys: [],
      directoryKeys: {},
      nameQualifier,
      sessionKeys: { 'saml:namequalifier': nameQualifier, 'saml:sub': 'alice', 'saml:sub_type': 'persistent' },
      conditionKeys: {
        'saml:namequalifier': nameQualifier,
        'saml:sub': 'alice',
        'saml:sub_type': 'persistent',
        'saml:aud': SAML.acs,
        'saml:iss': SAML.entityId,
        'saml:doc': `${SAML.account}/${SAML.providerName}`,
      },
      isEncrypted: false,
    });
  });
});

describe('the URLs and audiences of responses', () => {
  it('are those of this service, for all providers and for one', () => {
    for (const publicUrl of ['https://sts.example', 'https://sts.example/']) {
      const places = placesOf(publicUrl, 'SAML1');
      expect(places).toEqual({ recipients: ['https://sts.example/saml', 'https://sts.example/saml/acs/SAML1'], audiences: ['urn:amazon:webservices', 'https://sts.example/saml', 'https://sts.example/saml/acs/SAML1'] });
    }
  });

  it('let in what is meant for this service, and not what is meant for AWS or for another provider', async () => {
    const { recipients, audiences } = placesOf('https://sts.example', 'SAML1');
    const meantFor = (acs: string, whom: string = SAML.audience): string => encoded(response(idp.signed(assertion({ confirmation: confirmation({ Recipient: acs }), conditions: conditions({}, audience(whom)) })), { attributes: { Destination: acs } }));
    const look = (made: string): Promise<unknown> => factsOf(made, trustIn([idp], { audiences }), { now: SAML.now, recipients });
    for (const acs of recipients) for (const whom of audiences) expect(await look(meantFor(acs, whom))).toMatchObject({ recipient: acs });
    for (const acs of ['https://signin.aws.amazon.com/saml', 'https://sts.example/saml/acs/SAML2', 'https://sts.example/saml/']) await expect(look(meantFor(acs))).rejects.toThrow('AuthnResponse must be');
    await expect(look(meantFor('https://sts.example/saml', 'https://signin.aws.amazon.com/saml'))).rejects.toThrow('Response does not contain the required audience.');
  });
});

describe('responses that another program signed and encrypted', () => {
  interface Vectors {
    readonly certificates: Readonly<Record<'rsa' | 'ec', string>>;
    readonly privateKey: string;
    readonly cases: readonly { readonly name: string; readonly key: 'rsa' | 'ec'; readonly response: string }[];
  }
  const { certificates, privateKey, cases } = JSON.parse(readFileSync('test/vectors/saml/xmlsec1.json', 'utf8')) as Vectors;
  const key = Secret.of(createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' }).toString());

  it.each(cases)('are read: $name', async ({ key: by, response: given }) => {
    const facts = await factsOf(given, trustIn([], { certificates: [certificates[by]], privateKeys: [key] }));
    expect(facts).toMatchObject({
      subject: 'bücher & <s>@example.com',
      subjectType: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
      roleSessionName: 'alice@example.com',
      directoryKeys: { 'saml:edupersonaffiliation': ['staff', 'member'] },
    });
  });

  it.each(cases)('are not, by the certificate of another key: $name', async ({ key: by, response: given }) => {
    const other = by === 'rsa' ? 'ec' : 'rsa';
    await expect(factsOf(given, trustIn([], { certificates: [certificates[other]], privateKeys: [key] }))).rejects.toThrow('Response signature invalid');
  });
});
