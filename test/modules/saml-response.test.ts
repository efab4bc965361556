import { hash } from 'node:crypto';

import { verifyResponse } from '../../src/federation/saml/response.js';
import { assertion, encoded, MOMENT, response, SAML, TestIdp, trustIn } from '../support/saml-idp.js';

let idp: TestIdp;
beforeAll(async () => {
  idp = await TestIdp.create();
});

describe('the response of a SAML identity provider', () => {
  it.each([
    ['the assertion', (): string => response(idp.signed(assertion()))],
    ['the response', (): string => idp.signed(response(assertion()))],
    ['both', (): string => idp.signed(response(idp.signed(assertion())))],
  ])('is believed when it signs %s', (_, made) => {
    const facts = verifyResponse(encoded(made()), trustIn([idp]), MOMENT);
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
