import { isListable, issuerVerdict } from '../../src/domain/trusted-issuers.js';

const account = '111122223333';
const github = `arn:aws:iam::${account}:oidc-provider/token.actions.githubusercontent.com`;
const realm = `arn:aws:iam::${account}:oidc-provider/idp.example.com:8443/realms/acme`;
const saml = `arn:aws:iam::${account}:saml-provider/Corp`;
const issuers = ['https://token.actions.githubusercontent.com', saml];

describe('the list of trusted issuers', () => {
  it.each([
    [github, 'trusted'],
    [saml, 'trusted'],
    [realm, 'refused'],
    [`${github}/acme`, 'refused'],
    [github.replace('token.', 'token-'), 'refused'],
    [saml.replace('Corp', 'corp'), 'refused'],
    [saml.replace('saml-provider', 'oidc-provider'), 'refused'],
    [saml.replace(account, '444455556666'), 'refused'],
    ['nonsense', 'refused'],
    ['', 'refused'],
  ])('says of %s: %s', (arn, verdict) => {
    expect(issuerVerdict({ mode: 'enforce', issuers }, arn)).toBe(verdict);
    expect(issuerVerdict({ mode: 'report-only', issuers }, arn)).toBe(verdict === 'refused' ? 'reported' : 'trusted');
    expect(issuerVerdict({ mode: 'off', issuers }, arn)).toBe('trusted');
  });

  it('trusts nobody where it is empty', () => {
    expect(issuerVerdict({ mode: 'enforce', issuers: [] }, github)).toBe('refused');
    expect(issuerVerdict({ mode: 'enforce', issuers: ['https://idp.example.com:8443/realms/acme'] }, realm)).toBe('trusted');
  });

  it.each([
    ['https://idp.example.com', true],
    ['https://idp.example.com:8443/realms/acme', true],
    [saml, true],
    ['http://idp.example.com', false],
    ['https://idp.example.com?tenant=1', false],
    ['https://idp.example.com#a', false],
    ['https://user@idp.example.com', false],
    ['https://*.example.com', false],
    ['idp.example.com', false],
    [github, false],
    [saml.replace(account, '444455556666'), false],
    ['', false],
  ])('may hold %s: %s', (entry, expected) => {
    expect(isListable(entry, account)).toBe(expected);
  });
});
