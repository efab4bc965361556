import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { CreateOpenIDConnectProviderCommand, CreateRoleCommand } from '@aws-sdk/client-iam';
import { AssumeRoleWithWebIdentityCommand, STSClient, type AssumeRoleWithWebIdentityCommandOutput } from '@aws-sdk/client-sts';
import { SignJWT } from 'jose';

import { TestApp } from '../support/app.js';
import { signingKey, TestIdp } from '../support/idp.js';
import { trusts, World } from '../support/world.js';

type Claims = Readonly<Record<string, unknown>>;

interface Vendor {
  readonly vendor: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly algorithm: string;
  readonly header: Claims;
  readonly claims: Claims;
  readonly policies: readonly { readonly name: string; readonly document: Claims; readonly claims?: Claims; readonly refuses: readonly Claims[] }[];
}

const vendors = JSON.parse(readFileSync('test/vectors/federation/vendors.json', 'utf8')) as readonly Vendor[];

let app: TestApp;
let world: World;
let anonymous: STSClient;

beforeAll(async () => {
  app = await TestApp.boot({ env: { STINT_ALLOW_INSECURE_ISSUERS: 'true' } });
  world = new World(app);
  anonymous = new STSClient({ endpoint: app.url, region: 'us-east-1', maxAttempts: 1 });
});
afterAll(async () => {
  anonymous.destroy();
  await app.close();
});

const assume = (RoleArn: string | undefined, WebIdentityToken: string): Promise<AssumeRoleWithWebIdentityCommandOutput> => anonymous.send(new AssumeRoleWithWebIdentityCommand({ RoleArn, RoleSessionName: 'pipeline', WebIdentityToken }));

describe.each(vendors)('the tokens of $vendor', (vendor) => {
  let idp: TestIdp;
  let federated: string;

  beforeAll(async () => {
    // The issuer is played by one on this machine, with the same path; nothing else in its tokens and policies is changed.
    idp = await TestIdp.start(/\/.*$/.exec(vendor.issuer)?.[0] ?? '');
    await idp.rotate('vendor', vendor.algorithm);
    const { OpenIDConnectProviderArn } = await app.iam(world.root).send(new CreateOpenIDConnectProviderCommand({ Url: idp.issuer, ClientIDList: [vendor.clientId], ThumbprintList: [idp.thumbprint] }));
    federated = OpenIDConnectProviderArn ?? '';
  });
  afterAll(() => idp.close());

  it.each(vendor.policies)('are let in by the trust policy of its documentation: $name', async ({ name, document, claims, refuses }) => {
    const here = JSON.stringify(document).replaceAll(`arn:aws:iam::123456123456:oidc-provider/${vendor.issuer}`, federated).replaceAll(`"${vendor.issuer}:`, `"${idp.name}:`);
    const RoleName = `${vendor.vendor}-${name}`.replace(/[^\w]+/g, '-').slice(0, 64);
    const { Role } = await app.iam(world.root).send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: here }));
    const token = (more: Claims): Promise<string> => idp.token(app.clock.now(), { ...vendor.claims, ...claims, ...more }, { ...(vendor.header['typ'] === undefined && { typ: undefined }), ...vendor.header });
    const { sub } = { ...vendor.claims, ...claims };
    expect((await assume(Role?.Arn, await token({}))).SubjectFromWebIdentityToken).toBe(sub);
    for (const other of refuses) await expect(assume(Role?.Arn, await token(other))).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(assume(Role?.Arn, await token({ aud: 'somebody-else' }))).rejects.toMatchObject({ message: 'Incorrect token audience' });
  });
});

describe('an issuer on this machine, without TLS', () => {
  it('is reached where that is allowed, registered as if it had TLS', async () => {
    const key = await signingKey('plain');
    const server = createServer((request, response) => {
      const found: Readonly<Record<string, object>> = { '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/jwks` }, '/jwks': { keys: [key.jwk] } };
      response.setHeader('connection', 'close').end(JSON.stringify(found[request.url ?? ''] ?? {}));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    try {
      const { OpenIDConnectProviderArn: Federated } = await app.iam(world.root).send(new CreateOpenIDConnectProviderCommand({ Url: issuer.replace('http', 'https'), ClientIDList: ['dev'] }));
      const role = await world.role('local-development', trusts({ Federated }, undefined, 'sts:AssumeRoleWithWebIdentity'));
      const seconds = Math.floor(app.clock.now().getTime() / 1000);
      const token = (iss: string): Promise<string> => new SignJWT({ iss, aud: 'dev', sub: 'developer', iat: seconds, exp: seconds + 60 }).setProtectedHeader({ alg: 'ES256', kid: 'plain' }).sign(key.privateKey);
      expect((await assume(role.arn, await token(issuer))).SubjectFromWebIdentityToken).toBe('developer');
      await expect(assume(role.arn, await token('http://idp.example'))).rejects.toMatchObject({ message: 'No OpenIDConnect provider found in your account for http://idp.example' });
    } finally {
      await new Promise((done) => server.close(done));
    }
  });
});
