import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { CreateOpenIDConnectProviderCommand, CreateRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand, STSClient, type AssumeRoleWithWebIdentityCommandOutput } from '@aws-sdk/client-sts';
import { decodeProtectedHeader } from 'jose';

import { hasLemonLdap, LemonLdap } from '../support/lemonldap.js';
import { Program } from '../support/program.js';
import { itWhere } from '../support/where.js';

jest.setTimeout(600_000);

/** LemonLDAP::NG, set up as docs/federation.md says, and a Stint that has just been started. */
describe('LemonLDAP::NG', () => {
  const itHere = itWhere(hasLemonLdap, 'there is no LemonLDAP::NG (scripts/compat-identity-providers.sh fetches it)');
  let program: Program;
  let idp: LemonLdap;
  let sts: STSClient;
  let role: string;

  beforeAll(async () => {
    if (!hasLemonLdap) return;
    idp = await LemonLdap.start();
    const folder = await Program.folder();
    await writeFile(join(folder, 'ca.pem'), idp.authority);
    program = await Program.started(join(folder, 'data'), { STINT_ISSUER_CA_FILE: join(folder, 'ca.pem'), STINT_ISSUER_ALLOW_CIDRS: '127.0.0.0/8' });
    const iam = new IAMClient({ endpoint: program.url, region: 'us-east-1', credentials: await program.root() });
    sts = new STSClient({ endpoint: program.url, region: 'us-east-1', maxAttempts: 1 });
    const { OpenIDConnectProviderArn = '' } = await iam.send(new CreateOpenIDConnectProviderCommand({ Url: idp.issuer, ClientIDList: [idp.clientId] }));
    const name = idp.issuer.slice('https://'.length);
    const trust = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Federated: OpenIDConnectProviderArn }, Action: 'sts:AssumeRoleWithWebIdentity', Condition: { StringEquals: { [`${name}:aud`]: idp.clientId, [`${name}:sub`]: 'dwho' } } }],
    };
    const { Role } = await iam.send(new CreateRoleCommand({ RoleName: 'Dev', AssumeRolePolicyDocument: JSON.stringify(trust) }));
    role = Role?.Arn ?? '';
    iam.destroy();
  });
  afterAll(async () => {
    if (!hasLemonLdap) return;
    await Program.cleanUp();
    await idp.close();
    sts.destroy();
  });
  const assume = (WebIdentityToken: string): Promise<AssumeRoleWithWebIdentityCommandOutput> => sts.send(new AssumeRoleWithWebIdentityCommand({ RoleArn: role, RoleSessionName: 'dwho', WebIdentityToken }));

  itHere('signs in whom the role trusts, and nobody else', async () => {
    const { Credentials, SubjectFromWebIdentityToken, Audience } = await assume(await idp.signIn('dwho'));
    expect({ SubjectFromWebIdentityToken, Audience }).toEqual({ SubjectFromWebIdentityToken: 'dwho', Audience: idp.clientId });
    const credentials = { accessKeyId: Credentials?.AccessKeyId ?? '', secretAccessKey: Credentials?.SecretAccessKey ?? '', sessionToken: Credentials?.SessionToken ?? '' };
    const session = new STSClient({ endpoint: program.url, region: 'us-east-1', credentials });
    expect((await session.send(new GetCallerIdentityCommand())).Arn).toMatch(/:assumed-role\/Dev\/dwho$/);
    session.destroy();
    await expect(idp.signIn('rtyler').then(assume)).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(assume((await idp.signIn('dwho')).replace(/\.[^.]*\./, '.e30.'))).rejects.toMatchObject({ name: expect.stringMatching(/^InvalidIdentityToken/) });
  });

  itHere('changes its key while people sign in, and nobody is turned away', async () => {
    const kids: unknown[] = [];
    const unused = await idp.signIn('dwho');
    /** One user signs in, and several programs of his use the token at once. */
    const turn = async (): Promise<void> => {
      const token = await idp.signIn('dwho');
      kids.push(decodeProtectedHeader(token).kid);
      await Promise.all([1, 2, 3, 4].map(() => assume(token)));
    };
    await turn();
    const rotating = idp.rotate();
    // The portal looks for new settings every second.
    for (let turns = 0; kids.at(-1) === kids[0] && turns < 500; turns += 1) await turn();
    await rotating;
    for (let turns = 0; turns < 5; turns += 1) await turn();
    expect(new Set(kids).size).toBe(2);
    // It publishes one key only, so what the old one signed is of no use any more.
    await expect(assume(unused)).rejects.toMatchObject({ name: expect.stringMatching(/^InvalidIdentityToken/) });
  });
});
