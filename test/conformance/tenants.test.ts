import { createHash } from 'node:crypto';

import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { Authenticator } from '../support/authenticator.js';
import { call, decisionIn, effectOf, facesOf, operationOf, registry, type Called, type Face, type Input } from '../support/calls.js';
import { oidcInputs, samlInputs } from '../support/federation-scenarios.js';
import { metadata } from '../support/identity-providers.js';
import { allows, keysOf, trusts, World, type Role, type User } from '../support/world.js';
import { CREDENTIALS, ID_TOKEN } from '../support/oauth.js';

/** An account with one of everything, as somebody who knows all its names sees it. */
interface Victim {
  readonly world: World;
  readonly user: User;
  readonly role: Role;
  readonly session: Keys;
  /** The ARN of a managed policy that is attached to the user. */
  readonly policy: string;
}

/** The names by which a stranger aims at a victim, or at something that does not exist anywhere. */
interface Target {
  readonly account: string;
  readonly userName: string;
  readonly roleName: string;
  readonly userArn: string;
  readonly roleArn: string;
  readonly groupName: string;
  readonly policyName: string;
  readonly policyArn: string;
  readonly profileName: string;
  readonly oidcUrl: string;
  readonly oidcArn: string;
  readonly samlName: string; readonly samlArn: string;
  readonly alias: string; readonly deviceName: string; readonly serialNumber: string;
  readonly accessKeyId: string;
  readonly sessionKeyId: string;
  readonly sessionId: string;
  readonly tokenSha256: string;
  readonly decisionId: string;
  readonly encodedMessage: string;
}

const PASSWORD = 'Password-of-the-victim-1';
const AUDIT_TASK = { arn: 'arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials' };
const everything = allows(['iam:*', 'sts:*', 'stint:*']);
const trustsEc2 = JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' }));
const policyOf = (name: 'UserName' | 'RoleName' | 'GroupName') => (at: Target): Input => ({ [name]: { UserName: at.userName, RoleName: at.roleName, GroupName: at.groupName }[name], PolicyName: 'own' });
const with_ = (aim: (at: Target) => Input, more: Input) => (at: Target): Input => ({ ...aim(at), ...more });
const user = (at: Target): Input => ({ UserName: at.userName });
const role = (at: Target): Input => ({ RoleName: at.roleName });
const group = (at: Target): Input => ({ GroupName: at.groupName });
const membership = (at: Target): Input => ({ ...group(at), ...user(at) });
/** A policy of the victim as the boundary of an entity of the victim, or a shipped one. */
const boundary = (owner: (at: Target) => Input): ((at: Target) => Input)[] => [(at) => ({ ...owner(at), PermissionsBoundary: at.policyArn }), with_(owner, { PermissionsBoundary: 'arn:aws:iam::aws:policy/AdministratorAccess' })];
const mine = { Tags: [{ Key: 'mine', Value: '' }] };
const key = (at: Target): Input => ({ AccessKeyId: at.accessKeyId });
const userKey = (at: Target): Input => ({ ...user(at), ...key(at) });
const policy = (at: Target): Input => ({ PolicyArn: at.policyArn });
const profile = (at: Target): Input => ({ InstanceProfileName: at.profileName });
const version = with_(policy, { VersionId: 'v1' });
/** A policy of the victim on an entity of the victim, or a shipped one on it. */
const attachment = (owner: (at: Target) => Input): ((at: Target) => Input)[] => [(at) => ({ ...owner(at), ...policy(at) }), with_(owner, { PolicyArn: 'arn:aws:iam::aws:policy/AdministratorAccess' })];
const oidc = (at: Target): Input => ({ OpenIDConnectProviderArn: at.oidcArn });
const saml = (at: Target): Input => ({ SAMLProviderArn: at.samlArn });
const mfaDevice = (at: Target): Input => ({ SerialNumber: at.serialNumber });
const codes = { AuthenticationCode1: '123456', AuthenticationCode2: '234567' };
const document = { PolicyDocument: JSON.stringify(everything) };

let aliases = 0;
/** Of a provider that the stranger's own account trusts, and nobody else's. */
let strangersToken = '';

/** How each operation is aimed at another account; an operation may be aimed at it in several ways. */
const aims: Readonly<Record<string, readonly ((at: Target) => Input)[]>> = {
  // That an alias is taken is no secret, so each has one of his own.
  CreateAccountAlias: [() => ({ AccountAlias: `mine-${String((aliases += 1))}` })],
  DeleteAccountAlias: [(at) => ({ AccountAlias: at.alias })],
  ListAccountAliases: [() => ({})],
  GetAccountSettings: [() => ({})],
  GetAccountSummary: [() => ({})],
  LintTrustPolicy: [() => ({ PolicyDocument: trustsEc2 })],
  UpdateAccountSettings: [() => ({ TrustLinter: 'report-only' })],
  GetAccountAuthorizationDetails: [() => ({})],
  GenerateCredentialReport: [() => ({})],
  GetCredentialReport: [() => ({})],
  SetSecurityTokenServicePreferences: [() => ({ GlobalEndpointTokenVersion: 'v2Token' })],
  CreateServiceLinkedRole: [() => ({ AWSServiceName: 'x.amazonaws.com' })],
  DeleteServiceLinkedRole: [role],
  GetServiceLinkedRoleDeletionStatus: [(at) => ({ DeletionTaskId: `task/${at.roleName}` })],
  ListSSHPublicKeys: [user],
  ListSigningCertificates: [user],
  ListServiceSpecificCredentials: [user],
  ListServerCertificates: [() => ({})],
  AddRoleToInstanceProfile: [(at) => ({ ...profile(at), ...role(at) })],
  CreateInstanceProfile: [profile],
  DeleteInstanceProfile: [profile],
  GetInstanceProfile: [profile],
  ListInstanceProfileTags: [profile],
  ListInstanceProfiles: [() => ({}), () => ({ PathPrefix: '/victim/' })],
  ListInstanceProfilesForRole: [role],
  RemoveRoleFromInstanceProfile: [(at) => ({ ...profile(at), ...role(at) })],
  TagInstanceProfile: [with_(profile, { Tags: [{ Key: 'mine', Value: '' }] })],
  UntagInstanceProfile: [with_(profile, { TagKeys: ['victim'] })],
  ...Object.fromEntries(Object.entries(oidcInputs).map(([operation, more]) => [operation, [with_(oidc, more)]])),
  ...Object.fromEntries(Object.entries(samlInputs).map(([operation, more]) => [operation, [with_(saml, more)]])),
  CreateVirtualMFADevice: [(at) => ({ VirtualMFADeviceName: at.deviceName })],
  ...Object.fromEntries(['CreateRecoveryCodes', 'DeleteRecoveryCodes', 'GetRecoveryCodesStatus'].map((name) => [name, [user]])),
  SignIn: [(at) => ({ Account: at.account, ...user(at), Password: 'guessed' })],
  DeactivateMFADevice: [(at) => ({ ...mfaDevice(at), ...user(at) })],
  DeleteVirtualMFADevice: [mfaDevice],
  EnableMFADevice: [(at) => ({ ...mfaDevice(at), ...user(at), ...codes }), with_(mfaDevice, { UserName: 'AWS ROOT USER', ...codes })],
  GetMFADevice: [mfaDevice, (at) => ({ ...mfaDevice(at), ...user(at) })],
  ListMFADeviceTags: [mfaDevice],
  ListMFADevices: [user],
  ListVirtualMFADevices: [() => ({}), () => ({ AssignmentStatus: 'Assigned' })],
  ResyncMFADevice: [(at) => ({ ...mfaDevice(at), ...user(at), ...codes })],
  TagMFADevice: [with_(mfaDevice, mine)],
  UnlockMFADevice: [mfaDevice],
  UntagMFADevice: [with_(mfaDevice, { TagKeys: ['victim'] })],
  CreateOpenIDConnectProvider: [(at) => ({ Url: at.oidcUrl })],
  CreateSAMLProvider: [(at) => ({ Name: at.samlName, SAMLMetadataDocument: metadata() })],
  ListOpenIDConnectProviders: [() => ({})],
  ListSAMLProviders: [() => ({})],
  ChangePassword: [() => ({ OldPassword: PASSWORD, NewPassword: PASSWORD })],
  CreateLoginProfile: [with_(user, { Password: PASSWORD })],
  DeleteAccountPasswordPolicy: [() => ({})],
  DeleteLoginProfile: [user],
  GetAccountPasswordPolicy: [() => ({})],
  GetLoginProfile: [user],
  UpdateAccountPasswordPolicy: [() => ({ MinimumPasswordLength: 7 })],
  UpdateLoginProfile: [with_(user, { Password: PASSWORD }), with_(user, { PasswordResetRequired: true })],
  AttachRolePolicy: attachment(role),
  AttachUserPolicy: attachment(user),
  AssumeRoot: [(at) => ({ TargetPrincipal: at.account, TaskPolicyArn: AUDIT_TASK })],
  DisableOutboundWebIdentityFederation: [() => ({})],
  EnableOutboundWebIdentityFederation: [() => ({})],
  GetDelegatedAccessToken: [() => ({ TradeInToken: 'token' })],
  GetFederationToken: [() => ({ Name: 'stranger' })],
  GetOutboundWebIdentityFederationInfo: [() => ({})],
  GetScopedCredentials: [() => ({ DurationSeconds: 900 })],
  GetSession: [(at) => ({ SessionId: at.sessionId })],
  GetSessionToken: [() => ({}), with_(mfaDevice, { TokenCode: '123456' })],
  IntrospectToken: [() => ({ Token: 'none' })], RevokeToken: [() => ({ Token: 'none' })], GetWebIdentityToken: [() => ({ Audience: ['a'], SigningAlgorithm: 'ES384' })],
  ListSessions: [() => ({}), (at) => ({ RootSessionId: at.sessionId })],
  RevokeSession: [(at) => ({ SessionId: at.sessionId })],
  RevokeSessions: [(at) => ({ RoleArn: at.roleArn }), (at) => ({ PrincipalArn: at.userArn }), (at) => ({ RootSessionId: at.sessionId })],
  WhoIs: [(at) => ({ AccessKeyId: at.sessionKeyId }), (at) => ({ AccessKeyId: at.accessKeyId }), (at) => ({ TokenSha256: at.tokenSha256 })],
  AssumeRole: [(at) => ({ RoleArn: at.roleArn, RoleSessionName: 'stranger' }), (at) => ({ RoleArn: at.roleArn, RoleSessionName: 'stranger', ...mfaDevice(at), TokenCode: '123456' })],
  AssumeRoleWithSAML: [(at) => ({ RoleArn: at.roleArn, PrincipalArn: at.samlArn, SAMLAssertion: 'none' })],
  ExchangeToken: [(at) => ({ SubjectToken: strangersToken, SubjectTokenType: ID_TOKEN, RoleArn: at.roleArn })], ExchangeSession: [(at) => ({ RoleArn: at.roleArn, RequestedTokenType: CREDENTIALS })],
  AssumeRoleWithWebIdentity: [(at) => ({ RoleArn: at.roleArn, RoleSessionName: 'stranger', WebIdentityToken: strangersToken })],
  CreateAccessKey: [user],
  CreateAccount: [(at) => ({ AccountName: 'mine', AccountId: at.account })],
  CreatePolicy: [(at) => ({ PolicyName: at.policyName, ...document })],
  CreatePolicyVersion: [with_(policy, document)],
  CreateRole: [(at) => ({ RoleName: at.roleName, AssumeRolePolicyDocument: trustsEc2 })],
  CreateUser: [user],
  DecodeAuthorizationMessage: [(at) => ({ EncodedMessage: at.encodedMessage })],
  DeleteAccessKey: [userKey, key],
  DeletePolicy: [policy],
  DeletePolicyVersion: [version],
  DeleteRole: [role],
  DeleteRolePolicy: [policyOf('RoleName')],
  DeleteUser: [user],
  DeleteUserPolicy: [policyOf('UserName')],
  DetachRolePolicy: attachment(role),
  DetachUserPolicy: attachment(user),
  GetAccessKeyInfo: [key, (at) => ({ AccessKeyId: at.sessionKeyId })],
  GetAccessKeyLastUsed: [key, (at) => ({ AccessKeyId: at.sessionKeyId })],
  GetCallerIdentity: [() => ({})],
  GetContextKeysForCustomPolicy: [() => ({ PolicyInputList: [document.PolicyDocument] })],
  GetContextKeysForPrincipalPolicy: [(at) => ({ PolicySourceArn: at.userArn }), (at) => ({ PolicySourceArn: at.roleArn })],
  GetDecision: [(at) => ({ DecisionId: at.decisionId })],
  GetPolicy: [policy],
  GetPolicyVersion: [version],
  GetRole: [role],
  GetRolePolicy: [policyOf('RoleName')],
  GetUser: [user],
  GetUserPolicy: [policyOf('UserName')],
  ListAccessKeys: [user],
  ListAuditEvents: [() => ({}), (at) => ({ Principal: at.userArn }), key, () => ({ Action: 'iam:CreateUser' })],
  ListAttachedRolePolicies: [role],
  ListAttachedUserPolicies: [user],
  ListEntitiesForPolicy: [policy],
  ListPolicies: [() => ({}), () => ({ PathPrefix: '/victim/' }), () => ({ OnlyAttached: true })],
  ListPolicyTags: [policy],
  ListPolicyVersions: [policy],
  ListRolePolicies: [role],
  ListRoles: [() => ({}), () => ({ PathPrefix: '/victim/' })],
  ListUserPolicies: [user],
  ListUsers: [() => ({}), () => ({ PathPrefix: '/victim/' })],
  PutRolePolicy: [with_(policyOf('RoleName'), document)],
  PutUserPolicy: [with_(policyOf('UserName'), document)],
  SetDefaultPolicyVersion: [version],
  SimulateCustomPolicy: [(at) => ({ PolicyInputList: [], ActionNames: ['iam:GetUser'], CallerArn: at.userArn })],
  SimulatePrincipalPolicy: [(at) => ({ PolicySourceArn: at.userArn, ActionNames: ['iam:GetUser'] }), (at) => ({ PolicySourceArn: at.roleArn, ActionNames: ['iam:GetUser'] })],
  TagPolicy: [with_(policy, { Tags: [{ Key: 'mine', Value: '' }] })],
  UntagPolicy: [with_(policy, { TagKeys: ['victim'] })],
  UpdateAccessKey: [with_(userKey, { Status: 'Inactive' }), with_(key, { Status: 'Inactive' })],
  AddUserToGroup: [membership],
  AttachGroupPolicy: attachment(group),
  CreateGroup: [group],
  DeleteGroup: [group],
  DeleteGroupPolicy: [policyOf('GroupName')],
  DeleteRolePermissionsBoundary: [role],
  DeleteUserPermissionsBoundary: [user],
  DetachGroupPolicy: attachment(group),
  GetGroup: [group],
  GetGroupPolicy: [policyOf('GroupName')],
  ListAttachedGroupPolicies: [group],
  ListGroupPolicies: [group],
  ListGroups: [() => ({}), () => ({ PathPrefix: '/victim/' })],
  ListGroupsForUser: [user],
  ListRoleTags: [role],
  ListUserTags: [user],
  PutGroupPolicy: [with_(policyOf('GroupName'), document)],
  PutRolePermissionsBoundary: boundary(role),
  PutUserPermissionsBoundary: boundary(user),
  RemoveUserFromGroup: [membership],
  TagRole: [with_(role, mine)],
  TagUser: [with_(user, mine)],
  UntagRole: [with_(role, { TagKeys: ['victim'] })],
  UntagUser: [with_(user, { TagKeys: ['victim'] })],
  UpdateGroup: [with_(group, { NewPath: '/mine/' })],
  UpdateRole: [with_(role, { MaxSessionDuration: 7200 })],
  UpdateRoleDescription: [with_(role, { Description: 'mine' })],
  UpdateUser: [with_(user, { NewPath: '/mine/' })],
  UpdateAssumeRolePolicy: [with_(role, { PolicyDocument: trustsEc2 })],
};

/** Operations that make something of their own account, and so succeed whatever the name. */
const making = ['CreateAccountAlias', 'CreateGroup', 'CreateInstanceProfile', 'CreateOpenIDConnectProvider', 'CreatePolicy', 'CreateSAMLProvider', 'CreateRole', 'CreateUser', 'CreateVirtualMFADevice'];
/** Operations that answer about the caller's own account. */
const own = ['GetAccountAuthorizationDetails', 'GetAccountSettings', 'GetAccountSummary', 'LintTrustPolicy', 'ListAccountAliases', 'ListServerCertificates', 'GetContextKeysForCustomPolicy', 'GetCallerIdentity', 'ListAuditEvents', 'ListGroups', 'ListInstanceProfiles', 'ListOpenIDConnectProviders', 'ListPolicies', 'ListRoles', 'ListSAMLProviders', 'ListSessions', 'ListUsers', 'ListVirtualMFADevices'];
/** Operations on the caller himself or his account: there is no name by which to aim at anybody else. */
const nameless = [
  'CreateServiceLinkedRole', 'GenerateCredentialReport', 'GetCredentialReport', 'SetSecurityTokenServicePreferences', 'ChangePassword', 'DeleteAccountPasswordPolicy', 'DisableOutboundWebIdentityFederation', 'EnableOutboundWebIdentityFederation',
  'GetAccountPasswordPolicy', 'GetDelegatedAccessToken', 'GetFederationToken', 'GetOutboundWebIdentityFederationInfo', 'GetScopedCredentials', 'GetSessionToken', 'GetWebIdentityToken', 'IntrospectToken', 'RevokeToken', 'UpdateAccountPasswordPolicy', 'UpdateAccountSettings',
];

/** AWS says of an account, to whoever asks, which identity providers it has (sts-api §12, §13): the texts differ. */
const vouching = ['AssumeRoleWithSAML', 'AssumeRoleWithWebIdentity'];
/** First what a stranger sees of his own account, while it is still bare; last what leaves something there. */
const order = Object.keys(aims).sort((a, b) => rank(a) - rank(b));
function rank(operation: string): number {
  return own.includes(operation) ? 0 : making.includes(operation) ? 2 : 1;
}

const ghost: Target = {
  account: '000000000001',
  userName: 'ghost',
  roleName: 'ghost-role',
  userArn: 'arn:aws:iam::000000000001:user/victim/ghost',
  roleArn: 'arn:aws:iam::000000000001:role/victim/ghost-role',
  groupName: 'ghost-group',
  policyName: 'ghost-policy',
  policyArn: 'arn:aws:iam::000000000001:policy/victim/ghost-policy',
  profileName: 'ghost-profile',
  oidcUrl: 'https://ghost.example/tenant',
  oidcArn: 'arn:aws:iam::000000000001:oidc-provider/ghost.example/tenant',
  samlName: 'ghost-corp',
  samlArn: 'arn:aws:iam::000000000001:saml-provider/ghost-corp',
  alias: 'ghost-alias', deviceName: 'ghost-phone',
  serialNumber: 'arn:aws:iam::000000000001:mfa/ghost-phone',
  accessKeyId: 'AKIAGHOSTGHOSTGHOST2',
  sessionKeyId: 'ASIAGHOSTGHOSTGHOST2',
  sessionId: '00000000-0000-4000-8000-000000000002',
  tokenSha256: '0'.repeat(64),
  decisionId: '00000000-0000-4000-8000-000000000001',
  encodedMessage: Buffer.alloc(300, 1).toString('base64'),
};

/** An answer in which what the caller named itself and what is new in every answer no longer shows. */
function comparable({ status, code, text }: Called, { named, callerId }: { named: Target; callerId: string }): unknown {
  let shown = text.replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>').replaceAll(callerId, '<caller>').replace(/("encodedAuthorizationMessage":)"[^"]+"/, '$1"<message>"');
  for (const [member, value] of Object.entries(named).sort(([, a], [, b]) => String(b).length - String(a).length)) shown = shown.replaceAll(String(value), `<${member}>`);
  return { status, code, shown };
}

const MANAGER = 'root of the management account';
/** What the management account does with every account: it makes them, so its own events show their ids, and it finds the account of a key. */
const overseen = ['CreateAccount', 'GetAccessKeyInfo', 'ListAuditEvents'];

describe.each(['an ordinary account', 'the management account'])('what belongs to %s', (kind) => {
  const abroad = ['root', 'user', 'role session'].map((stranger) => `${stranger} of another account`);
  const names = kind === 'the management account' ? abroad : [...abroad, MANAGER];
  let app: TestApp;
  let victim: Victim;
  let target: Target;
  const strangers = new Map<string, { world: World; keys: Keys }>();

  beforeAll(async () => {
    app = await TestApp.boot();
    const home = new World(app);
    const world = kind === 'the management account' ? home : await home.account('victim');
    const alice = await world.user('victim-alice', everything, '/victim/');
    const deploy = await world.role('victim-deploy', trusts(alice.arn), { policy: everything, path: '/victim/' });
    const session = await world.session(alice, deploy);
    const policyArn = await world.policy('victim-policy', everything, { path: '/victim/', tags: [{ Key: 'victim', Value: 'secret-of-the-victim' }] });
    await call(app, 'query', { operation: 'AttachUserPolicy', keys: world.root, input: { UserName: alice.name, PolicyArn: policyArn } });
    for (const [operation, input] of [['CreateGroup', { Path: '/victim/' }], ['AddUserToGroup', { UserName: alice.name }], ['PutGroupPolicy', { PolicyName: 'own', ...document }], ['AttachGroupPolicy', { PolicyArn: policyArn }]] as const) {
      await call(app, 'query', { operation, keys: world.root, input: { GroupName: 'victim-group', ...input } });
    }
    await call(app, 'query', { operation: 'PutUserPermissionsBoundary', keys: world.root, input: { UserName: alice.name, PermissionsBoundary: policyArn } });
    await call(app, 'query', { operation: 'CreateLoginProfile', keys: world.root, input: { UserName: alice.name, Password: PASSWORD } });
    await call(app, 'query', { operation: 'UpdateAccountPasswordPolicy', keys: world.root, input: { PasswordReusePrevention: 3 } });
    await call(app, 'query', { operation: 'CreateInstanceProfile', keys: world.root, input: { InstanceProfileName: 'victim-profile', Path: '/victim/', Tags: [{ Key: 'victim', Value: 'secret-of-the-victim' }] } });
    await call(app, 'query', { operation: 'AddRoleToInstanceProfile', keys: world.root, input: { InstanceProfileName: 'victim-profile', RoleName: 'victim-deploy' } });
    const tags = [{ Key: 'victim', Value: 'secret-of-the-victim' }];
    const [oidcUrl, samlName] = ['https://victim.example/tenant', 'victim-corp'];
    await call(app, 'query', { operation: 'CreateOpenIDConnectProvider', keys: world.root, input: { Url: oidcUrl, ClientIDList: ['secret-of-the-victim'], Tags: tags } });
    await call(app, 'query', { operation: 'CreateSAMLProvider', keys: world.root, input: { Name: samlName, SAMLMetadataDocument: metadata({ entityId: 'secret-of-the-victim' }), Tags: tags } });
    await call(app, 'query', { operation: 'CreateAccountAlias', keys: world.root, input: { AccountAlias: 'victim-alias' } });
    await call(app, 'query', { operation: 'GenerateCredentialReport', keys: world.root, input: {} });
    const phone = await Authenticator.enabled(app, world.root, alice.name, 'victim-phone');
    await call(app, 'query', { operation: 'TagMFADevice', keys: world.root, input: { SerialNumber: phone.serial, Tags: tags } });
    victim = { world, user: alice, role: deploy, session, policy: policyArn };
    target = {
      account: world.root.account,
      userName: alice.name,
      roleName: deploy.name,
      userArn: alice.arn,
      roleArn: deploy.arn,
      groupName: 'victim-group',
      policyName: 'victim-policy',
      policyArn,
      profileName: 'victim-profile',
      oidcUrl,
      oidcArn: `arn:aws:iam::${world.root.account}:oidc-provider/victim.example/tenant`,
      samlName,
      samlArn: `arn:aws:iam::${world.root.account}:saml-provider/victim-corp`,
      alias: 'victim-alias', deviceName: 'victim-phone', serialNumber: phone.serial,
      accessKeyId: alice.accessKeyId,
      sessionKeyId: session.accessKeyId,
      sessionId: (await app.sql<{ session_id: string }>('SELECT session_id FROM session WHERE access_key_id = $1', [session.accessKeyId]))[0]?.session_id ?? '',
      tokenSha256: createHash('sha256').update(session.sessionToken ?? '').digest('hex'),
      ...decisionIn(await call(app, 'query', { operation: 'ListUsers', keys: await world.user('victim-bob'), input: {} })),
    };
    strangersToken = await (await app.idp()).token(app.clock.now());
    for (const stranger of names) strangers.set(stranger, await aStranger(home, stranger));
  });
  afterAll(() => app.close());

  /** Somebody who may do everything in an account of his own. */
  async function aStranger(home: World, stranger: string): Promise<{ world: World; keys: Keys }> {
    if (stranger === MANAGER) return { world: home, keys: home.root };
    const world = await home.account(`home of a ${stranger}`);
    if (stranger.startsWith('root')) return { world, keys: world.root };
    const bob = await world.user('bob', everything);
    if (stranger.startsWith('user')) return { world, keys: bob };
    return { world, keys: await world.session(bob, await world.role('powerful', trusts(bob.arn), { policy: everything })) };
  }

  /** What nobody outside may learn; what the stranger named himself is no news to him. */
  function secrets(input: Input): string[] {
    const { world, user: alice, role: deploy, session } = victim;
    const all = [world.root.account, 'victim-group', 'victim-alias', alice.name, alice.id, deploy.name, deploy.id, victim.policy, 'secret-of-the-victim', session.sessionToken!];
    const keys = [world.root, alice, session].flatMap(({ accessKeyId, secretAccessKey }) => [accessKeyId, secretAccessKey]);
    return [...all, ...keys].filter((secret) => !JSON.stringify(input).includes(secret));
  }

  /** Calls as a stranger, and asserts that nothing of the victim was shown or touched. */
  async function trespass(stranger: { world: World; keys: Keys }, asked: { face: Face; operation: string; input: Input }): Promise<Called> {
    const call_ = { operation: asked.operation, keys: stranger.keys, input: asked.input };
    const { result, added, removed, events } = await effectOf(app, () => call(app, asked.face, call_));
    for (const secret of secrets(asked.input)) expect(result.text).not.toContain(secret);
    const { account } = stranger.world.root;
    // The settings of an account are one row, in which the stranger changes his own.
    expect(removed.filter((row) => !(row.startsWith('account_setting ') && row.includes(account)))).toEqual([]);
    // A version names only its policy, which names the account.
    const policies = added.filter((row) => row.includes(account)).flatMap((row) => row.match(/ANPA[A-Z2-7]{17}/g) ?? []);
    for (const row of added) expect([row, [account, ...policies].some((name) => row.includes(name))]).toEqual([row, true]);
    for (const row of added) expect(row).not.toContain(target.account);
    // Who proves nothing to the account that he names belongs to none; a wrong password is the business of the user whose it is not.
    expect(events.map((event) => [event.account_id, event.event_name])).toEqual(operationOf(app, asked.operation).prove === undefined ? [[stranger.world.root.account, asked.operation]] : asked.operation === 'SignIn' ? [[target.account, 'ConsoleLogin']] : []);
    return result;
  }

  describe.each(names)('is out of reach of the %s', (name) => {
    const reachable = name === MANAGER ? overseen : [];

    it.each(order.filter((operation) => !reachable.includes(operation)))('in %s', async (operation) => {
      const stranger = strangers.get(name)!;
      for (const face of facesOf(operationOf(app, operation))) {
        for (const aim of aims[operation]!) {
          if (making.includes(operation) && face === 'query') continue;
          const input = aim(target);
          const result = await trespass(stranger, { face, operation, input });
          if (making.includes(operation) || own.includes(operation)) {
            expect(result.code).toBeUndefined();
            continue;
          }
          if (nameless.includes(operation) || vouching.includes(operation)) continue;
          const asIfAbsent = await call(app, face, { operation, keys: stranger.keys, input: aim(ghost) });
          const callerId = stranger.world.root.account;
          // A role session has no keys of its own, and is told so before anything is looked for.
          const needsName = operation !== 'WhoIs' && name.startsWith('role session') && 'AccessKeyId' in input && !('UserName' in input);
          expect(result.code).toMatch(needsName ? /^(ValidationError|AccessDenied)$/ : /^(NoSuchEntity|AccessDenied|InvalidIdentityToken|InvalidInput|InvalidSubjectCredentials|InvalidAuthorizationMessageException|ValidationError|SignInRefused)$/);
          expect(comparable(result, { named: target, callerId })).toEqual(comparable(asIfAbsent, { named: ghost, callerId }));
        }
      }
    });

    it('in the audit log, where no filter leads to it', async () => {
      const { keys } = strangers.get(name)!;
      for (const input of [{ Principal: target.userArn }, { Principal: victim.user.id }, { AccessKeyId: target.accessKeyId }, { AccessKeyId: victim.world.root.accessKeyId }]) {
        const { output } = await call(app, 'rest', { operation: 'ListAuditEvents', keys, input });
        expect(output).toEqual({ events: [], isTruncated: false });
      }
    });

    it('with a Marker that was made for its own lists', async () => {
      const { keys, world } = strangers.get(name)!;
      await victim.world.user(`another-${name.replaceAll(' ', '-')}`, undefined, '/victim/');
      const first = await call(app, 'query', { operation: 'ListUsers', keys: victim.world.root, input: { MaxItems: 1 } });
      const { marker } = first.output as { marker: string };
      const { output } = await call(app, 'query', { operation: 'ListUsers', keys, input: { Marker: marker } });
      for (const listed of (output as { users: { arn: string }[] }).users) expect(listed.arn).toContain(world.root.account);
    });
  });

  it('is what it was, and works as before', async () => {
    await expect(app.sts(victim.user).send(new GetCallerIdentityCommand())).resolves.toMatchObject({ Arn: victim.user.arn });
    await expect(app.sts(victim.session).send(new GetCallerIdentityCommand())).resolves.toMatchObject({ Account: target.account });
    await expect(victim.world.session(victim.user, victim.role)).resolves.toMatchObject({ sessionToken: expect.any(String) });
  });

  it.each(['user of another account', 'role session of another account'])('can be used by the %s that a trust policy names, and only through the role', async (name) => {
    const { keys, world } = strangers.get(name)!;
    const open = await victim.world.role(`open-to-${name.replaceAll(' ', '-')}`, trusts(world.root.account), { policy: allows('iam:GetUser') });
    const assumed = await app.sts(keys).send(new AssumeRoleCommand({ RoleArn: open.arn, RoleSessionName: 'guest' }));
    const guest = keysOf(assumed.Credentials);
    await expect(app.sts(guest).send(new GetCallerIdentityCommand())).resolves.toMatchObject({ Account: target.account });
    const seen = await call(app, 'query', { operation: 'GetUser', keys: guest, input: { UserName: target.userName } });
    expect(seen).toMatchObject({ status: 200, output: { user: { arn: victim.user.arn } } });
    const home = await call(app, 'query', { operation: 'GetRole', keys, input: { RoleName: open.name } });
    expect(home.code).toBe('NoSuchEntity');
  });

  it('is aimed at by every operation there is', () => {
    expect(Object.keys(aims).sort()).toEqual(registry(app).map(({ name }) => name).sort());
  });
});
