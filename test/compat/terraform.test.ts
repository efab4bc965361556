import { join } from 'node:path';

import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreatePolicyVersionCommand,
  CreateUserCommand,
  CreateVirtualMFADeviceCommand,
  EnableMFADeviceCommand,
  GetAccountPasswordPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  IAMClient,
  ListAccountAliasesCommand,
  ListGroupsCommand,
  ListGroupsForUserCommand,
  ListInstanceProfilesCommand,
  ListOpenIDConnectProvidersCommand,
  ListPoliciesCommand,
  ListPolicyVersionsCommand,
  ListRolesCommand,
  ListSAMLProvidersCommand,
  ListUsersCommand,
  ListVirtualMFADevicesCommand,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';

import { Program } from '../support/program.js';
import { Terraform, whyNoTerraform, type Resource } from '../support/terraform.js';
import { fromBase32, totp } from '../support/totp.js';
import { itWhere } from '../support/where.js';
import { allows } from '../support/world.js';

jest.setTimeout(1_500_000);

/** What is changed after the first apply: something of everything that can change in place. */
const CHANGED = `
team            = "payments"
group_path      = "/squads/"
reader_path     = "/people/readers/"
reader_develops = true
reader_audits   = false
bounded         = false
allowed_actions = ["iam:GetUser", "iam:GetGroup"]
external_id     = "example-2"
session_seconds = 7200
key_status      = "Inactive"
audiences       = ["stint.example.com", "other.example.com"]
thumbprints     = ["89abcdef0123456789abcdef0123456789abcdef"]
saml_metadata   = "changed-metadata.xml"
password_length = 16
`;

/** Types whose resources change in place, and by what each is imported. */
const INTO: Readonly<Record<string, (of: Record<string, string>) => string>> = {
  aws_iam_user: ({ name }) => name!,
  aws_iam_access_key: ({ id }) => id!,
  aws_iam_group: ({ name }) => name!,
  aws_iam_policy: ({ arn }) => arn!,
  aws_iam_user_policy: ({ user, name }) => `${user!}:${name!}`,
  aws_iam_group_policy: ({ group, name }) => `${group!}:${name!}`,
  aws_iam_role_policy: ({ role, name }) => `${role!}:${name!}`,
  aws_iam_role: ({ name }) => name!,
  aws_iam_instance_profile: ({ name }) => name!,
  aws_iam_openid_connect_provider: ({ arn }) => arn!,
  aws_iam_saml_provider: ({ arn }) => arn!,
  aws_iam_account_password_policy: () => 'iam-account-password-policy',
  aws_iam_virtual_mfa_device: ({ arn }) => arn!,
};
/** Types that are imported and never change in place. */
const FIXED: typeof INTO = {
  aws_iam_user_policy_attachment: ({ user, policy_arn: arn }) => `${user!}/${arn!}`,
  aws_iam_group_policy_attachment: ({ group, policy_arn: arn }) => `${group!}/${arn!}`,
  aws_iam_role_policy_attachment: ({ role, policy_arn: arn }) => `${role!}/${arn!}`,
  aws_iam_account_alias: ({ account_alias: alias }) => alias!,
  aws_iam_user_login_profile: ({ user }) => user!,
};
/** Types that the provider cannot import, or not by one attribute alone. */
const UNNAMED = ['aws_iam_group_membership', 'aws_iam_policy_attachment', 'aws_iam_user_group_membership'];

function importId({ type, values }: Resource): string | undefined {
  if (type === 'aws_iam_user_group_membership') return [values['user'], ...(values['groups'] as string[])].join('/');
  return (INTO[type] ?? FIXED[type])?.(values as Record<string, string>);
}

/** The example, with the real Terraform and its AWS provider, against a Stint that has just been started. */
describe('Terraform', () => {
  let program: Program;
  let iam: IAMClient;
  let terraform: Terraform | undefined;
  const clients: { destroy(): void }[] = [];

  beforeAll(async () => {
    program = await Program.started(join(await Program.folder(), 'data'));
    iam = new IAMClient({ endpoint: program.url, region: 'us-east-1', credentials: await program.root() });
    clients.push(iam);
  });
  afterAll(async () => {
    for (const client of clients) client.destroy();
    await terraform?.remove();
    await Program.cleanUp();
  });

  /** An administrator who is not root, for Terraform to be. */
  async function administrator(): Promise<Record<string, string>> {
    await iam.send(new CreateUserCommand({ UserName: 'terraform' }));
    await iam.send(new AttachUserPolicyCommand({ UserName: 'terraform', PolicyArn: 'arn:aws:iam::aws:policy/AdministratorAccess' }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'terraform' }));
    return { AWS_ACCESS_KEY_ID: AccessKey?.AccessKeyId ?? '', AWS_SECRET_ACCESS_KEY: AccessKey?.SecretAccessKey ?? '' };
  }

  /** Assumes the role with the key that Terraform made: `ok`, or the error code. */
  async function assume(outputs: Record<string, unknown>, ExternalId: string): Promise<string> {
    const credentials = { accessKeyId: String(outputs['access_key_id']), secretAccessKey: String(outputs['secret_access_key']) };
    const sts = new STSClient({ endpoint: program.url, region: 'us-east-1', credentials });
    clients.push(sts);
    return sts.send(new AssumeRoleCommand({ RoleArn: String(outputs['role']), RoleSessionName: 'check', ExternalId })).then(
      () => 'ok',
      (error: unknown) => (error as Error).name,
    );
  }

  async function whatIsThere(): Promise<string[]> {
    const { Users = [] } = await iam.send(new ListUsersCommand());
    const { Groups = [] } = await iam.send(new ListGroupsCommand());
    const { Roles = [] } = await iam.send(new ListRolesCommand());
    const { Policies = [] } = await iam.send(new ListPoliciesCommand({ Scope: 'Local' }));
    const { InstanceProfiles = [] } = await iam.send(new ListInstanceProfilesCommand());
    const { OpenIDConnectProviderList = [] } = await iam.send(new ListOpenIDConnectProvidersCommand());
    const { SAMLProviderList = [] } = await iam.send(new ListSAMLProvidersCommand());
    const { VirtualMFADevices = [] } = await iam.send(new ListVirtualMFADevicesCommand());
    const { AccountAliases = [] } = await iam.send(new ListAccountAliasesCommand());
    const rules = await passwordLength();
    const arns = [...Users, ...Groups, ...Roles, ...Policies, ...InstanceProfiles, ...OpenIDConnectProviderList, ...SAMLProviderList].map(({ Arn }) => Arn ?? '');
    return [...arns, ...VirtualMFADevices.map(({ SerialNumber }) => SerialNumber ?? ''), ...AccountAliases, ...(rules === undefined ? [] : ['a password policy'])];
  }

  /** What the password policy asks for; undefined where there is none. */
  async function passwordLength(): Promise<number | undefined> {
    return iam.send(new GetAccountPasswordPolicyCommand()).then(
      ({ PasswordPolicy }) => PasswordPolicy?.MinimumPasswordLength,
      (error: unknown) => {
        expect((error as Error).name).toBe('NoSuchEntityException');
        return undefined;
      },
    );
  }

  /** Has a device made for a user and enabled by hand. */
  async function enableDevice(UserName: string): Promise<void> {
    const { VirtualMFADevice: made } = await iam.send(new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: `${UserName}-phone` }));
    const seed = fromBase32(Buffer.from(made?.Base32StringSeed ?? []).toString('ascii'));
    const now = new Date();
    await iam.send(new EnableMFADeviceCommand({ UserName, SerialNumber: made?.SerialNumber, AuthenticationCode1: totp(seed, now, -30), AuthenticationCode2: totp(seed, now) }));
  }

  /** Brings the default version of a policy among five, of which the next change has to remove one. */
  async function fillVersions(PolicyArn: string): Promise<void> {
    for (let count = 2; count <= 5; count += 1) await iam.send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: JSON.stringify(allows('iam:Get*')), SetAsDefault: false }));
  }

  const missing = whyNoTerraform();
  itWhere(missing === undefined, missing ?? '')('applies, finds nothing to change, changes in place, imports, and destroys', async () => {
    const before = await whatIsThere();
    terraform = await Terraform.prepared({ ...(await administrator()), TF_VAR_endpoint: program.url });
    await terraform.apply();
    await terraform.expectNoChanges();
    const made = await terraform.resources();
    expect(new Set(made.map(({ type }) => type))).toEqual(new Set([...Object.keys(INTO), ...Object.keys(FIXED), ...UNNAMED]));
    const outputs = await terraform.outputs();
    const account = String(outputs['account']);
    expect(outputs).toMatchObject({
      account: expect.stringMatching(/^\d{12}$/),
      issuer_of_the_caller: `arn:aws:iam::${account}:user/terraform`,
      issuer_of_a_machine: `arn:aws:iam::${account}:role/example-machine`,
      role: `arn:aws:iam::${account}:role/ci/example-deploy`,
    });
    expect(await assume(outputs, 'example-1')).toBe('ok');
    expect(await assume(outputs, 'example-2')).toBe('AccessDenied');

    const PolicyArn = `arn:aws:iam::${account}:policy/shared/example-read`;
    await fillVersions(PolicyArn);
    await terraform.write('changed-metadata.xml', String(made.find(({ type }) => type === 'aws_iam_saml_provider')?.values['saml_metadata_document']).replaceAll('/sso"', '/sign-in"'));
    await terraform.write('changed.auto.tfvars', CHANGED);
    const change = await terraform.plan();
    const changing = [...change.values()].filter(({ actions }) => actions.join() !== 'no-op');
    expect(changing.filter(({ actions }) => actions.join() !== 'update')).toEqual([]);
    expect(new Set(changing.map(({ type }) => type))).toEqual(new Set([...Object.keys(INTO), ...UNNAMED]));
    await terraform.applyPlanned();
    await terraform.expectNoChanges();
    const { Versions = [] } = await iam.send(new ListPolicyVersionsCommand({ PolicyArn }));
    // Which of those that were made within one second is the oldest, the provider cannot tell; the one that was in force stays.
    expect(Versions.map(({ VersionId }) => VersionId)).toEqual(expect.arrayContaining(['v6', 'v1']));
    expect([Versions.length, Versions.find(({ IsDefaultVersion }) => IsDefaultVersion)?.VersionId]).toEqual([5, 'v6']);
    const { PolicyVersion } = await iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId: 'v6' }));
    expect(decodeURIComponent(PolicyVersion?.Document ?? '')).toContain('iam:GetGroup');
    const { Role } = await iam.send(new GetRoleCommand({ RoleName: 'example-deploy' }));
    expect(Role).toMatchObject({ MaxSessionDuration: 7200, Description: 'Deploys what payments has built.', Tags: [{ Key: 'Team', Value: 'payments' }] });
    expect(Role).not.toHaveProperty('PermissionsBoundary');
    expect((await iam.send(new ListGroupsForUserCommand({ UserName: 'example-reader' }))).Groups?.map(({ Arn }) => Arn)).toEqual([`arn:aws:iam::${account}:group/squads/example-developers`, `arn:aws:iam::${account}:group/squads/example-readers`]);
    expect(await assume(outputs, 'example-2')).toBe('InvalidClientTokenId');

    const imported = (await terraform.resources()).flatMap((resource) => {
      const id = importId(resource);
      return id === undefined ? [] : [{ address: resource.address, id }];
    });
    await terraform.forget(imported.map(({ address }) => address));
    await terraform.write('imports.tf', imported.map(({ address, id }) => `import {\n  to = ${address}\n  id = ${JSON.stringify(id)}\n}\n`).join(''));
    const importing = await terraform.plan();
    expect([...importing].filter(([, { imported: is }]) => is).map(([address]) => address).sort()).toEqual(imported.map(({ address }) => address).sort());
    expect([...importing].filter(([, { actions }]) => !['no-op', 'update'].includes(actions.join()))).toEqual([]);
    await terraform.applyPlanned();
    await terraform.unwrite('imports.tf');
    await terraform.expectNoChanges();

    // What somebody has added by hand goes with a user who is to be destroyed by force.
    for (const { type, values } of await terraform.resources()) {
      if (type !== 'aws_iam_user' || values['force_destroy'] !== true) continue;
      const UserName = String(values['name']);
      await iam.send(new CreateAccessKeyCommand({ UserName }));
      await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'stray', PolicyDocument: JSON.stringify(allows('iam:*')) }));
      await enableDevice(UserName);
    }
    await terraform.destroy();
    expect(await whatIsThere()).toEqual([...before, `arn:aws:iam::${account}:user/terraform`]);

    // What the provider asks along the way: all of it is served, and nothing it says is passed over. Of a user who is destroyed by
    // force it deletes the password, whether there is one or not.
    const ofTerraform = "FROM audit_event WHERE principal_arn LIKE '%:user/terraform'";
    expect(await program.sql(`SELECT DISTINCT event_name, error_code ${ofTerraform} AND outcome = 'refused'`)).toEqual([{ event_name: 'DeleteLoginProfile', error_code: 'NoSuchEntity' }]);
    expect(await program.sql(`SELECT event_name ${ofTerraform} AND record::jsonb #> '{additionalEventData,ignoredParameters}' IS NOT NULL`)).toEqual([]);
    const asked = (await program.sql<{ name: string }>(`SELECT DISTINCT event_name AS name ${ofTerraform}`)).map(({ name }) => name);
    expect(asked).toEqual(expect.arrayContaining(['ListSSHPublicKeys', 'ListSigningCertificates', 'ListServiceSpecificCredentials', 'ListVirtualMFADevices', 'DeactivateMFADevice', 'ListAccountAliases', 'GetAccountPasswordPolicy']));
  });
});
