import { join } from 'node:path';

import { CreateRoleCommand, CreateSAMLProviderCommand, IAMClient, UpdateSAMLProviderCommand } from '@aws-sdk/client-iam';
import { AssumeRoleWithSAMLCommand, GetCallerIdentityCommand, STSClient, type AssumeRoleWithSAMLCommandOutput } from '@aws-sdk/client-sts';

import { hasLasso, LemonLdap, type SamlService } from '../support/lemonldap.js';
import { Program } from '../support/program.js';
import { AWS, TestIdp } from '../support/saml-idp.js';
import { itWhere } from '../support/where.js';

jest.setTimeout(600_000);

const AUDIENCE = 'urn:amazon:webservices';
const OTHER = 'https://other.example/service';

/** LemonLDAP::NG with Lasso, set up as docs/saml.md says, and a Stint that has just been started. */
describe('LemonLDAP::NG as an identity provider of SAML', () => {
  const itHere = itWhere(hasLasso, 'there is no LemonLDAP::NG with Lasso (scripts/compat-identity-providers.sh fetches it)');
  let program: Program;
  let iam: IAMClient;
  let sts: STSClient;
  let idp: LemonLdap;
  let key: TestIdp;
  let services: SamlService[];
  let account: string;
  let role: string;
  let provider: string;

  beforeAll(async () => {
    if (!hasLasso) return;
    program = await Program.started(join(await Program.folder(), 'data'));
    const credentials = await program.root();
    iam = new IAMClient({ endpoint: program.url, region: 'us-east-1', credentials });
    sts = new STSClient({ endpoint: program.url, region: 'us-east-1', maxAttempts: 1 });
    const root = new STSClient({ endpoint: program.url, region: 'us-east-1', credentials });
    account = (await root.send(new GetCallerIdentityCommand())).Account ?? '';
    root.destroy();
    [role, provider] = [`arn:aws:iam::${account}:role/Dev`, `arn:aws:iam::${account}:saml-provider/LemonLDAP`];
    const attributes = { [`${AWS}Role`]: `${role},${provider}`, [`${AWS}RoleSessionName`]: 'dwho@example.com' };
    services = [AUDIENCE, OTHER].map((entityId) => ({ entityId, acs: `${program.url}/saml`, attributes }));
    [idp, key] = [await LemonLdap.start(), await TestIdp.create()];
    await idp.serve(services, key);
    await iam.send(new CreateSAMLProviderCommand({ Name: 'LemonLDAP', SAMLMetadataDocument: await idp.metadata() }));
    const trust = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Federated: provider }, Action: 'sts:AssumeRoleWithSAML', Condition: { StringEquals: { 'saml:aud': `${program.url}/saml`, 'saml:sub': 'dwho@badwolf.org' } } }] };
    await iam.send(new CreateRoleCommand({ RoleName: 'Dev', AssumeRolePolicyDocument: JSON.stringify(trust) }));
  });
  afterAll(async () => {
    if (!hasLasso) return;
    await Program.cleanUp();
    await idp.close();
    iam.destroy();
    sts.destroy();
  });
  const assume = (SAMLAssertion: string): Promise<AssumeRoleWithSAMLCommandOutput> => sts.send(new AssumeRoleWithSAMLCommand({ RoleArn: role, PrincipalArn: provider, SAMLAssertion }));
  const refusals = async (): Promise<unknown[]> => {
    const rows = await program.sql<{ record: string }>("SELECT record FROM audit_event WHERE account_id = $1 AND outcome = 'refused' ORDER BY txid", [account]);
    return rows.map(({ record }) => JSON.parse(record) as unknown);
  };

  /** Asserts that a response is refused, and that an event says so where it is proved whose it is. */
  async function expectRefused(response: string, refusal: { name: string; message: string }, isProved = true): Promise<void> {
    const before = await refusals();
    await expect(assume(response)).rejects.toMatchObject(refusal);
    const errorCode = refusal.name.replace(/Exception$/, '');
    expect((await refusals()).slice(before.length)).toEqual(isProved ? [expect.objectContaining({ errorCode, errorMessage: refusal.message, userIdentity: expect.objectContaining({ type: 'SAMLUser', identityProvider: provider }) })] : []);
  }
  const invalid = (message: string): { name: string; message: string } => ({ name: 'InvalidIdentityTokenException', message });

  itHere('signs in whom the role trusts, once, and nobody else', async () => {
    const response = await idp.respond('dwho', AUDIENCE);
    const { Credentials, Subject, Issuer } = await assume(response);
    expect({ Subject, Issuer }).toEqual({ Subject: 'dwho@badwolf.org', Issuer: `${idp.issuer}/saml/metadata` });
    const session = new STSClient({ endpoint: program.url, region: 'us-east-1', credentials: { accessKeyId: Credentials?.AccessKeyId ?? '', secretAccessKey: Credentials?.SecretAccessKey ?? '', sessionToken: Credentials?.SessionToken ?? '' } });
    expect((await session.send(new GetCallerIdentityCommand())).Arn).toBe(`arn:aws:sts::${account}:assumed-role/Dev/dwho@example.com`);
    session.destroy();
    await expectRefused(response, invalid('The SAML assertion was used before. Sign in again.'));
    await expectRefused(await idp.respond('rtyler', AUDIENCE), { name: 'AccessDenied', message: 'Not authorized to perform sts:AssumeRoleWithSAML' });
  });

  itHere('lets nobody in with what is meant for another service, or was changed', async () => {
    await expectRefused(await idp.respond('dwho', OTHER), invalid('Response does not contain the required audience.'));
    const changed = Buffer.from(await idp.respond('rtyler', AUDIENCE), 'base64').toString().replace(/rtyler@badwolf\.org/g, 'dwho@badwolf.org');
    await expectRefused(Buffer.from(changed).toString('base64'), invalid('Response signature invalid'), false);
  });

  itHere('changes its key, and what the old one signed counts no more once the metadata does not have it', async () => {
    const old = await idp.respond('dwho', AUDIENCE);
    await idp.serve(services, await TestIdp.create());
    const next = await idp.respond('dwho', AUDIENCE);
    await expectRefused(next, invalid('Response signature invalid'), false);
    await iam.send(new UpdateSAMLProviderCommand({ SAMLProviderArn: provider, SAMLMetadataDocument: await idp.metadata() }));
    await expectRefused(old, invalid('Response signature invalid'), false);
    expect((await assume(next)).Subject).toBe('dwho@badwolf.org');
  });
});
