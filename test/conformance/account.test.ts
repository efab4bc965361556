import {
  AddRoleToInstanceProfileCommand,
  AttachRolePolicyCommand,
  CreateAccountAliasCommand,
  CreateGroupCommand,
  CreateInstanceProfileCommand,
  CreateOpenIDConnectProviderCommand,
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  CreateSAMLProviderCommand,
  CreateServiceLinkedRoleCommand,
  DeleteAccountAliasCommand,
  DeleteServiceLinkedRoleCommand,
  GetAccessKeyLastUsedCommand,
  GetAccountSummaryCommand,
  GetRoleCommand,
  GetServiceLinkedRoleDeletionStatusCommand,
  ListAccountAliasesCommand,
  ListServerCertificatesCommand,
  ListServiceSpecificCredentialsCommand,
  ListSigningCertificatesCommand,
  ListSSHPublicKeysCommand,
  SetSecurityTokenServicePreferencesCommand,
  SummaryKeyType,
  type IAMClient,
} from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';

import { ROOT_USER_NAME } from '../../src/domain/mfa.js';
import { Stamping } from '../../src/sessions/stamping.js';
import { TestApp } from '../support/app.js';
import { Authenticator } from '../support/authenticator.js';
import { call } from '../support/calls.js';
import { metadata } from '../support/identity-providers.js';
import { expectSdkRefusal } from '../support/sdk.js';
import { allows, trusts, World } from '../support/world.js';

let app: TestApp;
let world: World;
let iam: IAMClient;
let accounts = 0;

beforeAll(async () => {
  app = await TestApp.boot();
});
beforeEach(async () => {
  accounts += 1;
  world = await new World(app).account(`account ${String(accounts)}`);
  iam = app.iam(world.root);
});
afterAll(() => app.close());

/** An answer without what only the client knows of it. */
const members = <T extends { $metadata: unknown }>({ $metadata: _, ...rest }: T): Omit<T, '$metadata'> => rest;
const refused = (send: () => Promise<unknown>, code: string, status: number, message: string): Promise<void> => expectSdkRefusal(app, send, { code, status, message });
const trustsEc2 = JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' }));

describe('the alias of an account', () => {
  const create = (AccountAlias: string, client = iam) => client.send(new CreateAccountAliasCommand({ AccountAlias }));
  const list = async (client = iam): Promise<unknown> => members(await client.send(new ListAccountAliasesCommand()));
  const remove = (AccountAlias: string) => iam.send(new DeleteAccountAliasCommand({ AccountAlias }));

  it('is made, listed, replaced and removed', async () => {
    expect(await list()).toEqual({ AccountAliases: [], IsTruncated: false });
    expect(members(await create('first-one'))).toEqual({});
    expect(await list()).toEqual({ AccountAliases: ['first-one'], IsTruncated: false });
    await create('2nd');
    expect(await list()).toEqual({ AccountAliases: ['2nd'], IsTruncated: false });
    expect(members(await remove('2nd'))).toEqual({});
    expect(await list()).toEqual({ AccountAliases: [], IsTruncated: false });
  });

  it('belongs to one account at a time', async () => {
    const other = await world.account('other');
    await create('taken');
    await refused(() => create('taken', app.iam(other.root)), 'EntityAlreadyExists', 409, 'The account alias taken already exists.');
    await refused(() => create('taken'), 'EntityAlreadyExists', 409, 'The account alias taken already exists.');
    await create('given-back');
    await create('taken', app.iam(other.root));
    expect(await list(app.iam(other.root))).toMatchObject({ AccountAliases: ['taken'] });
  });

  it('goes to one of many who ask for it at once', async () => {
    const worlds = await Promise.all([1, 2, 3, 4].map((number) => world.account(`racer ${String(number)}`)));
    const codes = await Promise.all(worlds.map(async ({ root }) => (await call(app, 'query', { operation: 'CreateAccountAlias', keys: root, input: { AccountAlias: 'race' } })).code));
    expect(codes.sort()).toEqual(['EntityAlreadyExists', 'EntityAlreadyExists', 'EntityAlreadyExists', undefined]);
    expect(await app.sql(`SELECT alias FROM account_setting WHERE alias = 'race'`)).toHaveLength(1);
  });

  it('cannot be removed by whoever does not have it', async () => {
    const other = await world.account('other');
    await create('theirs', app.iam(other.root));
    for (const alias of ['theirs', 'nobodys']) await refused(() => remove(alias), 'NoSuchEntity', 404, `The account alias with name ${alias} cannot be found.`);
    await create('mine');
    await refused(() => remove('mine-too'), 'NoSuchEntity', 404, 'The account alias with name mine-too cannot be found.');
  });

  it('is refused where it could be taken for an account, or for an address that is none', async () => {
    const sentence = 'The specified value for accountAlias is invalid. It must not be a 12-digit number, which could be taken for an account ID.';
    await refused(() => create('123456789012'), 'ValidationError', 400, sentence);
    for (const alias of ['Upper', 'a_b', 'a--b', '-ab', 'ab-', 'a.b']) {
      await refused(() => create(alias), 'ValidationError', 400, "1 validation error detected: Value at 'accountAlias' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$");
    }
    for (const alias of ['a1b', '12345678901', 'x'.repeat(63)]) await create(alias);
    await refused(() => iam.send(new ListAccountAliasesCommand({ Marker: 'x' })), 'ValidationError', 400, 'Invalid Marker.');
  });
});

describe('the summary of an account', () => {
  const summary = async (): Promise<Record<string, number>> => (await iam.send(new GetAccountSummaryCommand())).SummaryMap ?? {};

  const QUOTAS = {
    AccessKeysPerUserQuota: 2,
    AssumeRolePolicySizeQuota: 2048,
    AttachedPoliciesPerGroupQuota: 10,
    AttachedPoliciesPerRoleQuota: 10,
    AttachedPoliciesPerUserQuota: 10,
    GroupPolicySizeQuota: 5120,
    GroupsPerUserQuota: 10,
    GroupsQuota: 300,
    InstanceProfilesQuota: 1000,
    PoliciesQuota: 1500,
    PolicySizeQuota: 6144,
    PolicyVersionsInUseQuota: 7500,
    RolePolicySizeQuota: 10_240,
    RolesQuota: 1000,
    ServerCertificatesQuota: 0,
    SigningCertificatesPerUserQuota: 0,
    UserPolicySizeQuota: 2048,
    UsersQuota: 5000,
    VersionsPerPolicyQuota: 5,
  };
  const NOTHING = {
    AccountMFAEnabled: 0,
    AccountPasswordPresent: 0,
    AccountSigningCertificatesPresent: 0,
    GlobalEndpointTokenVersion: 1,
    Groups: 0,
    InstanceProfiles: 0,
    MFADevices: 0,
    MFADevicesInUse: 0,
    Policies: 0,
    PolicyVersionsInUse: 0,
    Providers: 0,
    Roles: 0,
    ServerCertificates: 0,
    Users: 0,
  };

  it('has every key of AWS, the quotas that are kept, and counts of what there is', async () => {
    // Whoever can ask has a key of the root user.
    expect(await summary()).toEqual({ ...QUOTAS, ...NOTHING, AccountAccessKeysPresent: 1 });
    expect(Object.keys(await summary()).sort()).toEqual(Object.values(SummaryKeyType).sort());
    await world.user('alice', allows('iam:GetAccountSummary'));
    await world.user('bob');
    for (const name of ['one', 'two', 'three']) await world.role(name, trusts({ Service: 'ec2.amazonaws.com' }));
    await iam.send(new CreateGroupCommand({ GroupName: 'devs' }));
    await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: 'web' }));
    await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: 'web', RoleName: 'one' }));
    const PolicyArn = await world.policy('looks', allows('iam:Get*'));
    await world.policy('lists', allows('iam:List*'));
    await iam.send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: JSON.stringify(allows('iam:*')) }));
    // Shipped policies are nobody's.
    await iam.send(new AttachRolePolicyCommand({ RoleName: 'one', PolicyArn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' }));
    await iam.send(new CreateOpenIDConnectProviderCommand({ Url: 'https://idp.example' }));
    await iam.send(new CreateSAMLProviderCommand({ Name: 'corp', SAMLMetadataDocument: metadata() }));
    const counted = { Users: 2, Roles: 3, Groups: 1, InstanceProfiles: 1, Policies: 2, PolicyVersionsInUse: 3, Providers: 2 };
    expect(await summary()).toEqual({ ...QUOTAS, ...NOTHING, ...counted, AccountAccessKeysPresent: 1 });
  });

  it('counts MFA devices, those in use, and whether the root user has one', async () => {
    const { root } = world;
    await world.user('alice');
    const device = (name: string): string => `${name}-${root.account}`;
    await Authenticator.created(app, root, device('unassigned'));
    await Authenticator.enabled(app, root, 'alice', device('alice'));
    expect(await summary()).toMatchObject({ MFADevices: 2, MFADevicesInUse: 1, AccountMFAEnabled: 0 });
    await Authenticator.enabled(app, root, ROOT_USER_NAME, device('root'));
    expect(await summary()).toMatchObject({ MFADevices: 3, MFADevicesInUse: 2, AccountMFAEnabled: 1 });
  });

  it('sees that the root user has no key', async () => {
    const user = await world.user('alice', allows('iam:GetAccountSummary'));
    await app.sql('DELETE FROM access_key WHERE account_id = $1 AND user_id IS NULL', [world.root.account]);
    expect((await app.iam(user).send(new GetAccountSummaryCommand())).SummaryMap).toMatchObject({ AccountAccessKeysPresent: 0, Users: 1 });
  });

  it('shows the version of tokens that was chosen', async () => {
    const choose = (GlobalEndpointTokenVersion: 'v1Token' | 'v2Token') => iam.send(new SetSecurityTokenServicePreferencesCommand({ GlobalEndpointTokenVersion }));
    await iam.send(new CreateAccountAliasCommand({ AccountAlias: 'chooses' }));
    for (const [version, shown] of [['v2Token', 2], ['v1Token', 1], ['v2Token', 2]] as const) {
      expect(members(await choose(version))).toEqual({});
      expect(await summary()).toMatchObject({ GlobalEndpointTokenVersion: shown });
    }
    expect(await iam.send(new ListAccountAliasesCommand())).toMatchObject({ AccountAliases: ['chooses'] });
    const message = "1 validation error detected: Value at 'globalEndpointTokenVersion' failed to satisfy constraint: Member must satisfy enum value set: [v1Token, v2Token]";
    await refused(() => choose('v3Token' as never), 'ValidationError', 400, message);
  });

  it('is a map in XML', async () => {
    const { text } = await app.query(world.root, { Action: 'GetAccountSummary', Version: '2010-05-08' });
    expect(text).toContain('<GetAccountSummaryResult><SummaryMap><entry><key>');
    expect(text).toContain('<entry><key>UsersQuota</key><value>5000</value></entry>');
  });
});

describe('service-linked roles', () => {
  it('cannot be made, and the refusal says why', async () => {
    const message = 'Service-linked role for lex.amazonaws.com cannot be created: Stint has no services that use service-linked roles.';
    await refused(() => iam.send(new CreateServiceLinkedRoleCommand({ AWSServiceName: 'lex.amazonaws.com', Description: 'x', CustomSuffix: 'y' })), 'InvalidInput', 400, message);
  });

  it('do not exist', async () => {
    await world.role('ordinary', trusts({ Service: 'ec2.amazonaws.com' }));
    for (const RoleName of ['AWSServiceRoleForX', 'ordinary']) {
      await refused(() => iam.send(new DeleteServiceLinkedRoleCommand({ RoleName })), 'NoSuchEntity', 404, `The role with name ${RoleName} cannot be found.`);
    }
    const DeletionTaskId = 'task/aws-service-role/lex.amazonaws.com/AWSServiceRoleForLex/1';
    await refused(() => iam.send(new GetServiceLinkedRoleDeletionStatusCommand({ DeletionTaskId })), 'NoSuchEntity', 404, `The deletion task with id ${DeletionTaskId} cannot be found.`);
  });

  it.each(['/aws-service-role/', '/aws-service-role/lex.amazonaws.com/'])('are not imitated by a role under the path %s', async (Path) => {
    const message = 'Roles cannot be created under the path /aws-service-role/, which is kept for service-linked roles.';
    await refused(() => iam.send(new CreateRoleCommand({ RoleName: 'x', Path, AssumeRolePolicyDocument: trustsEc2 })), 'InvalidInput', 400, message);
  });

  it.each(['/aws-service-roles/', '/x/aws-service-role/'])('do not take the path %s from others', async (Path) => {
    await expect(iam.send(new CreateRoleCommand({ RoleName: 'x', Path, AssumeRolePolicyDocument: trustsEc2 }))).resolves.toMatchObject({ Role: { Path } });
  });
});

describe('what nobody has', () => {
  const lists: readonly (readonly [string, (UserName?: string, Marker?: string) => Promise<unknown>, object])[] = [
    ['SSH public keys', async (UserName, Marker) => members(await iam.send(new ListSSHPublicKeysCommand({ UserName, Marker }))), { SSHPublicKeys: [], IsTruncated: false }],
    ['signing certificates', async (UserName, Marker) => members(await iam.send(new ListSigningCertificatesCommand({ UserName, Marker }))), { Certificates: [], IsTruncated: false }],
    ['service-specific credentials', async (UserName, Marker) => members(await iam.send(new ListServiceSpecificCredentialsCommand({ UserName, Marker }))), { ServiceSpecificCredentials: [], IsTruncated: false }],
  ];

  it.each(lists)('is an empty list: %s', async (_, list, empty) => {
    await world.user('alice');
    expect(await list('alice')).toEqual(empty);
    expect(await list('ALICE')).toEqual(empty);
    expect(await list()).toEqual(empty);
    await refused(() => list('nobody'), 'NoSuchEntity', 404, 'The user with name nobody cannot be found.');
    await refused(() => list('alice', 'x'), 'ValidationError', 400, 'Invalid Marker.');
  });

  it('is an empty list: server certificates', async () => {
    expect(members(await iam.send(new ListServerCertificatesCommand({ PathPrefix: '/x', MaxItems: 1 })))).toEqual({ ServerCertificateMetadataList: [], IsTruncated: false });
    await refused(() => iam.send(new ListServerCertificatesCommand({ Marker: 'x' })), 'ValidationError', 400, 'Invalid Marker.');
  });

  it('is an empty list of all users: service-specific credentials', async () => {
    expect(members(await iam.send(new ListServiceSpecificCredentialsCommand({ AllUsers: true, ServiceName: 'codecommit.amazonaws.com' })))).toEqual({ ServiceSpecificCredentials: [], IsTruncated: false });
  });
});

describe('the last use', () => {
  it('of an access key and of a role is shown before and after it is written', async () => {
    const alice = await world.user('alice');
    const role = await world.role('deploy', trusts(alice.arn));
    const keyUse = async () => (await iam.send(new GetAccessKeyLastUsedCommand({ AccessKeyId: alice.accessKeyId }))).AccessKeyLastUsed;
    const roleUse = async () => (await iam.send(new GetRoleCommand({ RoleName: 'deploy' }))).Role?.RoleLastUsed;
    expect(await keyUse()).toEqual({ Region: 'N/A', ServiceName: 'N/A' });
    expect(await roleUse()).toEqual({});
    await app.sts(await world.session(alice, role)).send(new GetCallerIdentityCommand());
    const at = new Date('2026-11-25T10:00:00Z');
    for (const write of [() => app.running.app.get(Stamping).flush(), () => Promise.resolve()]) {
      expect(await keyUse()).toEqual({ LastUsedDate: at, Region: 'us-east-1', ServiceName: 'sts' });
      expect(await roleUse()).toEqual({ LastUsedDate: at, Region: 'us-east-1' });
      await write();
    }
  });
});
