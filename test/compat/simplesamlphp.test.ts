import { join } from 'node:path';

import { CreateRoleCommand, CreateSAMLProviderCommand, GetSAMLProviderCommand, IAMClient, UpdateSAMLProviderCommand } from '@aws-sdk/client-iam';
import { AssumeRoleWithSAMLCommand, GetCallerIdentityCommand, STSClient, type AssumeRoleWithSAMLCommandOutput } from '@aws-sdk/client-sts';

import { Program } from '../support/program.js';
import { AWS, TestIdp } from '../support/saml-idp.js';
import { hasSimpleSaml, SimpleSaml, type ServiceSettings } from '../support/simplesamlphp.js';
import { itWhere } from '../support/where.js';

jest.setTimeout(600_000);

const AUDIENCE = 'urn:amazon:webservices';

/** SimpleSAMLphp, set up as docs/saml.md says, and a Stint that has just been started. */
describe('SimpleSAMLphp', () => {
  const itHere = itWhere(hasSimpleSaml, 'there is no SimpleSAMLphp (scripts/compat-identity-providers.sh fetches it)');
  let program: Program;
  let iam: IAMClient;
  let sts: STSClient;
  let idp: SimpleSaml;
  let key: TestIdp;
  let account: string;
  let role: string;
  let provider: string;
  let settings: ServiceSettings;

  beforeAll(async () => {
    if (!hasSimpleSaml) return;
    program = await Program.started(join(await Program.folder(), 'data'));
    const credentials = await program.root();
    iam = new IAMClient({ endpoint: program.url, region: 'us-east-1', credentials });
    sts = new STSClient({ endpoint: program.url, region: 'us-east-1', maxAttempts: 1 });
    const root = new STSClient({ endpoint: program.url, region: 'us-east-1', credentials });
    account = (await root.send(new GetCallerIdentityCommand())).Account ?? '';
    root.destroy();
    [role, provider] = [`arn:aws:iam::${account}:role/Dev`, `arn:aws:iam::${account}:saml-provider/SimpleSAMLphp`];
    settings = { entityId: AUDIENCE, acs: `${program.url}/saml`, signAssertion: true, signResponse: true };
    idp = await SimpleSaml.start({
      [`${AWS}Role`]: [`${role},${provider}`],
      [`${AWS}RoleSessionName`]: ['alice@example.com'],
      [`${AWS}SessionDuration`]: ['1800'],
      [`${AWS}PrincipalTag:team`]: ['payments'],
    });
    key = await TestIdp.create();
    await idp.signWith(key);
    const { SAMLProviderArn } = await iam.send(new CreateSAMLProviderCommand({ Name: 'SimpleSAMLphp', SAMLMetadataDocument: await idp.metadata() }));
    expect(SAMLProviderArn).toBe(provider);
    const trust = {
      Version: '2012-10-17',
      Statement: [{
        Effect: 'Allow',
        Principal: { Federated: provider },
        Action: ['sts:AssumeRoleWithSAML', 'sts:TagSession'],
        Condition: { StringEquals: { 'saml:aud': settings.acs, 'saml:sub': 'alice', 'saml:sub_type': 'persistent', 'aws:RequestTag/team': 'payments' } },
      }],
    };
    await iam.send(new CreateRoleCommand({ RoleName: 'Dev', AssumeRolePolicyDocument: JSON.stringify(trust) }));
  });
  afterAll(async () => {
    if (!hasSimpleSaml) return;
    await Program.cleanUp();
    await idp.close();
    iam.destroy();
    sts.destroy();
  });
  /** Signs alice in, at an identity provider that is set up so. */
  async function signIn(different: Partial<ServiceSettings> = {}): Promise<string> {
    await idp.serve({ ...settings, ...different });
    return idp.signIn(different.entityId ?? AUDIENCE);
  }
  const assume = (SAMLAssertion: string): Promise<AssumeRoleWithSAMLCommandOutput> => sts.send(new AssumeRoleWithSAMLCommand({ RoleArn: role, PrincipalArn: provider, SAMLAssertion }));

  /** Asserts that a response begins a session, which says who it is. */
  async function expectSession(response: string): Promise<void> {
    const { Credentials, Subject, SubjectType, Audience } = await assume(response);
    expect({ Subject, SubjectType, Audience }).toEqual({ Subject: 'alice', SubjectType: 'persistent', Audience: settings.acs });
    const credentials = { accessKeyId: Credentials?.AccessKeyId ?? '', secretAccessKey: Credentials?.SecretAccessKey ?? '', sessionToken: Credentials?.SessionToken ?? '' };
    const session = new STSClient({ endpoint: program.url, region: 'us-east-1', credentials });
    const { Arn } = await session.send(new GetCallerIdentityCommand());
    session.destroy();
    expect(Arn).toBe(`arn:aws:sts::${account}:assumed-role/Dev/alice@example.com`);
  }
  /**
   * Asserts that a response is refused, with this in the message and perhaps that in the log, and begins nothing; and that an
   * event says so, where it is proved whose it is.
   */
  async function expectRefused(response: string, message: string, { why = '', isProved = true } = {}): Promise<void> {
    const [before, events, said] = [await sessions(), await refusals(), program.out.length];
    await expect(assume(response)).rejects.toMatchObject({ name: 'InvalidIdentityTokenException', message: expect.stringContaining(message) });
    expect(await sessions()).toBe(before);
    expect((await refusals()).slice(events.length)).toEqual(isProved ? [expect.objectContaining({ errorMessage: expect.stringContaining(message), userIdentity: expect.objectContaining({ type: 'SAMLUser', identityProvider: provider }) })] : []);
    await program.until(() => program.out.slice(said).some((line) => line.includes(why)), `a line of the log with ${why}`);
  }
  const refusals = async (): Promise<object[]> => {
    const rows = await program.sql<{ record: string }>("SELECT record FROM audit_event WHERE account_id = $1 AND outcome = 'refused' ORDER BY txid", [account]);
    return rows.map(({ record }) => JSON.parse(record) as object);
  };
  const sessions = async (): Promise<number> => Number((await program.sql<{ count: string }>('SELECT (SELECT count(*) FROM session) + (SELECT count(*) FROM saml_assertion) AS count'))[0]!.count);

  itHere.each([
    ['the assertion', { signAssertion: true, signResponse: false }],
    ['the response', { signAssertion: false, signResponse: true }],
    ['both', { signAssertion: true, signResponse: true }],
  ])('lets its user in where it signs %s, once', async (_, signed) => {
    const response = await signIn(signed);
    await expectSession(response);
    await expectRefused(response, 'used before');
  });

  itHere('lets its user in for no longer than it says', async () => {
    const asked = new Date(new Date(0).getTime() + performance.timeOrigin + performance.now());
    const { Credentials } = await assume(await signIn());
    const seconds = ((Credentials?.Expiration?.getTime() ?? 0) - asked.getTime()) / 1_000;
    expect(seconds).toBeGreaterThan(1_700);
    expect(seconds).toBeLessThan(1_900);
  });

  itHere('lets nobody in whose response nothing signs, or is meant for another service', async () => {
    await expectRefused(await signIn({ signAssertion: false, signResponse: false }), 'signature invalid', { isProved: false });
    await expectRefused(await signIn({ entityId: 'https://other.example/service' }), 'required audience');
    await expectRefused(await signIn({ acs: 'https://other.example/saml' }), 'must be this service');
    await expectRefused(await signIn({ acs: 'https://other.example/saml', signResponse: false }), 'must be this service');
  });

  itHere('encrypts assertions, which are read where the response is signed, and then may be required', async () => {
    const encryption = await TestIdp.create();
    const AddPrivateKey = encryption.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const encryptFor = encryption.certificate;
    await expectRefused(await signIn({ encryptFor }), 'signature invalid', { why: 'does not decrypt' });
    await iam.send(new UpdateSAMLProviderCommand({ SAMLProviderArn: provider, AddPrivateKey, AssertionEncryptionMode: 'Required' }));
    const response = await signIn({ encryptFor });
    expect(Buffer.from(response, 'base64').toString()).toContain('EncryptedAssertion');
    await expectSession(response);
    await expectRefused(await signIn(), 'must be encrypted');
    // It encrypts with CBC, which only the response's signature covers.
    await expectRefused(await signIn({ encryptFor, signResponse: false }), 'signature invalid', { why: 'encrypted with CBC', isProved: false });
    await iam.send(new UpdateSAMLProviderCommand({ SAMLProviderArn: provider, AssertionEncryptionMode: 'Allowed' }));
    await expectSession(await signIn());
  });

  itHere('changes its key while both certificates count, and the old one counts no more once it is left out', async () => {
    const register = async (): Promise<number> => {
      await iam.send(new UpdateSAMLProviderCommand({ SAMLProviderArn: provider, SAMLMetadataDocument: await idp.metadata() }));
      const { SAMLMetadataDocument = '' } = await iam.send(new GetSAMLProviderCommand({ SAMLProviderArn: provider }));
      return new Set(SAMLMetadataDocument.match(/<ds:X509Certificate>[^<]+/g)).size;
    };
    const next = await TestIdp.create();
    await idp.signWith(key, next);
    expect(await register()).toBe(2);
    await expectSession(await signIn());
    const old = await signIn();
    await idp.signWith(next, key);
    await expectSession(await signIn());
    await idp.signWith(next);
    expect(await register()).toBe(1);
    await expectRefused(old, 'signature invalid', { isProved: false });
    await expectSession(await signIn());
  });
});
