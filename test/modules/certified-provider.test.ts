import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CreateOpenIDConnectProviderCommand } from '@aws-sdk/client-iam';
import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { decodeJwt } from 'jose';

import { TestApp } from '../support/app.js';
import { CertifiedIdp } from '../support/certified-idp.js';
import { FixedClock } from '../support/fakes.js';
import { trusts, World } from '../support/world.js';

/** A certified provider and a Stint that knows its certificate authority; its clock is that of the machine, as the provider's is. */
async function both<T>(alg: string, work: (at: { app: TestApp; idp: CertifiedIdp; world: World; folder: string }) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'stint-ca-'));
  const idp = await CertifiedIdp.start(alg);
  const file = join(folder, 'ca.pem');
  await writeFile(file, idp.authority);
  const app = await TestApp.boot({ env: { STINT_ISSUER_CA_FILE: file }, clock: new FixedClock(new Date()) });
  try {
    return await work({ app, idp, world: new World(app), folder });
  } finally {
    await app.close();
    await idp.close();
    await rm(folder, { recursive: true });
  }
}

describe.each(['RS256', 'ES256'])('a certified OpenID Connect provider that signs with %s', (alg) => {
  it('vouches for who signs in there, over TLS of a private authority', async () => {
    await both(alg, async ({ app, idp, world, folder }) => {
      const { OpenIDConnectProviderArn: Federated } = await app.iam(world.root).send(new CreateOpenIDConnectProviderCommand({ Url: idp.issuer, ClientIDList: [idp.clientId] }));
      const key = (claim: string): string => `${idp.issuer.replace('https://', '')}:${claim}`;
      const role = await world.role('people', trusts({ Federated }, { StringEquals: { [key('aud')]: idp.clientId, [key('sub')]: 'alice' } }, 'sts:AssumeRoleWithWebIdentity'));
      const token = await idp.signIn('alice');
      expect(decodeJwt(token)).toMatchObject({ iss: idp.issuer, sub: 'alice', aud: idp.clientId });
      const anonymous = new STSClient({ endpoint: app.url, region: 'us-east-1', maxAttempts: 1 });
      const answer = await anonymous.send(new AssumeRoleWithWebIdentityCommand({ RoleArn: role.arn, RoleSessionName: 'alice', WebIdentityToken: token }));
      expect(answer).toMatchObject({ SubjectFromWebIdentityToken: 'alice', Audience: idp.clientId, Provider: idp.issuer });
      const mallory = await idp.signIn('mallory');
      await expect(anonymous.send(new AssumeRoleWithWebIdentityCommand({ RoleArn: role.arn, RoleSessionName: 'mallory', WebIdentityToken: mallory }))).rejects.toMatchObject({ name: 'AccessDenied' });
      anonymous.destroy();
      // What workloads do: the SDK reads the token from a file and fetches the credentials itself.
      const file = join(folder, 'token');
      await writeFile(file, `${token}\n`);
      for (const [name, value] of Object.entries({ AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: role.arn, AWS_ROLE_SESSION_NAME: 'workload', AWS_ENDPOINT_URL_STS: app.url })) process.env[name] = value;
      const workload = new STSClient({ region: 'us-east-1', maxAttempts: 1 });
      expect((await workload.send(new GetCallerIdentityCommand())).Arn).toBe(`arn:aws:sts::${world.root.account}:assumed-role/people/workload`);
      workload.destroy();
    });
  });
});
