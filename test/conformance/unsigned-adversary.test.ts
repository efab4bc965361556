import { CreateOpenIDConnectProviderCommand } from '@aws-sdk/client-iam';
import { AssumeRoleWithWebIdentityCommand, STSClient, type AssumeRoleWithWebIdentityCommandOutput } from '@aws-sdk/client-sts';

import { TestApp } from '../support/app.js';
import { type TestIdp } from '../support/idp.js';
import { expectSdkRefusal } from '../support/sdk.js';
import { trusts, World, type Role } from '../support/world.js';

let app: TestApp;
let idp: TestIdp;
let world: World;
let role: Role;
let anonymous: STSClient;

beforeAll(async () => {
  app = await TestApp.boot();
  idp = await app.idp();
  world = new World(app);
  const { OpenIDConnectProviderArn } = await app.iam(world.root).send(new CreateOpenIDConnectProviderCommand({ Url: idp.issuer, ClientIDList: ['stint'], ThumbprintList: [idp.thumbprint] }));
  role = await world.role('federated', trusts({ Federated: OpenIDConnectProviderArn }, undefined, 'sts:AssumeRoleWithWebIdentity'));
  anonymous = new STSClient({ endpoint: app.url, region: 'us-east-1', maxAttempts: 1 });
});
afterAll(async () => {
  anonymous.destroy();
  await app.close();
});

const assume = async (claims: Readonly<Record<string, unknown>>): Promise<AssumeRoleWithWebIdentityCommandOutput> =>
  anonymous.send(new AssumeRoleWithWebIdentityCommand({ RoleArn: role.arn, RoleSessionName: 'ci', WebIdentityToken: await idp.token(app.clock.now(), claims) }));

describe('a signed token', () => {
  it.each([
    ['a sub that PostgreSQL has no character for', { sub: 'a\u0000b' }, 'The claim sub of the ID Token is not valid.'],
    ['half a character in its sub', { sub: 'a\uD800b' }, 'The claim sub of the ID Token is not valid.'],
    ['an authorised party that PostgreSQL has no character for', { azp: 'a\u0000b' }, 'Incorrect token audience'],
    ['an audience that PostgreSQL has no character for', { aud: ['stint\u0000'] }, 'Incorrect token audience'],
  ])('is refused and recorded although it has %s', async (_, claims, message) => {
    await expectSdkRefusal(app, () => assume(claims), { code: 'InvalidIdentityToken', status: 400, message });
  });
});
