import { issuerInUrl, providerArn, providerInArn } from '../../src/domain/providers.js';

describe('the issuer in the URL of an OpenID Connect provider', () => {
  it.each([
    ['https://idp.example', 'idp.example'],
    ['https://idp.example/', 'idp.example/'],
    ['https://IdP.example/Path/a_b-c.d~e', 'IdP.example/Path/a_b-c.d~e'],
    ['https://idp.example:8443/realms/x', 'idp.example:8443/realms/x'],
    ['https://idp.example/path?query=1', 'idp.example/path'],
    ['https://token.actions.githubusercontent.com', 'token.actions.githubusercontent.com'],
    [`https://idp.example/${'x'.repeat(235)}`, `idp.example/${'x'.repeat(235)}`],
  ])('of %s is what follows the scheme', (url, issuer) => {
    expect(issuerInUrl(url)).toBe(issuer);
  });

  it.each([
    '',
    'idp.example',
    'http://idp.example',
    'HTTPS://idp.example',
    'https:/idp.example',
    'https://',
    'https:///path',
    'https://?query',
    'https://idp.example#fragment',
    'https://idp.example?query#fragment',
    'https://user@idp.example',
    'https://user:password@idp.example/',
    'https://idp.example:0',
    'https://idp.example:99999',
    'https://-idp.example',
    'https://[::1]',
    'https://idp.example/*',
    'https://idp.example/${aws:username}',
    'https://idp.example/a b',
    'https://idp.example/../x',
    'https://idp.example/./x',
    'https://idp.example/%2e%2e/x',
    'https://idp.example\\x',
    'https://idp.example/\u00e4',
    'https://idp.ex\u00e4mple/',
    'https://256.256.256.256/',
    'https://0x7f.1/',
    'https://idp.example/\n',
  ])('is not found in %j', (url) => {
    expect(issuerInUrl(url)).toBeUndefined();
  });
});

describe('the ARN of an identity provider', () => {
  it.each([
    { type: 'oidc-provider', account: '123456789012', name: 'idp.example/a/b' },
    { type: 'oidc-provider', account: '123456789012', name: 'idp.example:8443' },
    { type: 'saml-provider', account: '123456789012', name: 'Corp_1.x-y' },
  ] as const)('says what it is of: $type $name', (name) => {
    expect(providerInArn(providerArn(name))).toEqual(name);
  });

  it.each([
    'arn:aws:iam::123456789012:user/x',
    'arn:aws:iam::123456789012:oidc-provider/',
    'arn:aws:iam::123456789012:oidc-provider/a*',
    'arn:aws:iam::123456789012:oidc-provider/a b',
    'arn:aws:iam::123456789012:saml-provider/',
    'arn:aws:iam::123456789012:saml-provider/a/b',
    'arn:aws:iam::123456789012:saml-provider/a+b',
    'arn:aws:iam::aws:saml-provider/a',
    'arn:aws:iam:us-east-1:123456789012:saml-provider/a',
    'arn:aws-cn:iam::123456789012:saml-provider/a',
    'arn:aws:sts::123456789012:saml-provider/a',
    'no ARN',
  ])('is not %s', (arn) => {
    expect(providerInArn(arn)).toBeUndefined();
  });
});
