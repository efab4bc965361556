import { CredentialReports } from '../../src/account/reports.js';
import { call, decisionIn, operationOf, registry, type Called, type Decided, type Face, type Input } from './calls.js';
import type { Keys, TestApp } from './app.js';
import { FIRST, SECOND } from './password-scenarios.js';
import { Authenticator } from './authenticator.js';
import { metadata, privateKey } from './identity-providers.js';
import { SamlProvider } from './saml-world.js';
import { CREDENTIALS, ID_TOKEN, OAuth } from './oauth.js';
import { fromBase32 } from './totp.js';
import { allows, trusts, World } from './world.js';

/** What a tour through the whole API came across. */
export interface Tour {
  /** Every secret that occurred, with a word for it. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Names of the operations that were allowed at least once. */
  readonly called: ReadonlySet<string>;
}

/** Operations that never succeed, and say so. */
const NEVER = ['CreateServiceLinkedRole', 'DeleteServiceLinkedRole', 'GetDelegatedAccessToken', 'GetServiceLinkedRoleDeletionStatus'];

/** Reads the credentials in an answer. */
function keysIn(output: unknown, member: string): Keys {
  const found = (output as Record<string, Keys | undefined>)[member];
  if (found === undefined) throw new Error(`no ${member} in the answer`);
  return found;
}

/** Calls every operation on every face it has, allowed and refused, and gathers the secrets that occur. */
export async function everything(app: TestApp): Promise<Tour> {
  const secrets = new Map<string, string>([[app.root.secretAccessKey, 'the root secret']]);
  const called = new Set<string>();
  keepSignatures(app, secrets);
  const world = new World(app);
  const caller = await world.user('caller', allows('*'));
  const stranger = await world.user('stranger');
  for (const user of [caller, stranger]) secrets.set(user.secretAccessKey, `the secret of ${user.name}`);
  for (const face of ['query', 'rest'] as const) {
    const allowed = async (operation: string, input: Input, keys: Keys = app.root): Promise<Called> => {
      const has = face === 'query' && operationOf(app, operation).contract.aws === undefined ? 'rest' : face;
      const answer = await call(app, has, { operation, keys, input });
      if (answer.status !== 200) throw new Error(`${operation} was refused: ${answer.text}`);
      called.add(operation);
      // Without a permission, the same is refused.
      await call(app, has, { operation, keys: stranger, input });
      return answer;
    };
    const refused = async (): Promise<Decided> => decisionIn(await call(app, face, { operation: 'ListUsers', keys: stranger, input: {} }));
    await tour(allowed, { app, face, caller, secrets, refused });
    await wholeAccount(allowed, { face, settled: () => app.running.app.get(CredentialReports).settled() });
  }
  for (const { name } of registry(app)) if (!called.has(name) && !NEVER.includes(name)) throw new Error(`the tour leaves out ${name}`);
  return { secrets, called };
}

type Allowed = (operation: string, input: Input, keys?: Keys) => Promise<Called>;

async function tour(allowed: Allowed, at: { app: TestApp; face: Face; caller: Keys & { arn: string }; secrets: Map<string, string>; refused: () => Promise<Decided> }): Promise<void> {
  const { face, caller, secrets } = at;
  const [UserName, RoleName, PolicyName] = [`user-${face}`, `role-${face}`, 'own'];
  const PolicyDocument = JSON.stringify(allows('*'));
  const account = await allowed('CreateAccount', { AccountName: face });
  secrets.set(keysIn(account.output, 'rootAccessKey').secretAccessKey, `the secret of the new account (${face})`);
  await allowed('CreateUser', { UserName, Path: '/team/', Tags: [{ Key: 'cost', Value: face }] });
  const created = await allowed('CreateAccessKey', { UserName });
  const key = keysIn(created.output, 'accessKey');
  secrets.set(key.secretAccessKey, `the secret of a new key (${face})`);
  const AccessKeyId = key.accessKeyId;
  for (const operation of ['GetUser', 'ListAccessKeys', 'ListUserPolicies']) await allowed(operation, { UserName });
  for (const operation of ['ListUsers', 'ListRoles', 'ListAuditEvents', 'GetCallerIdentity']) await allowed(operation, {});
  for (const operation of ['GetAccessKeyInfo', 'GetAccessKeyLastUsed']) await allowed(operation, { AccessKeyId });
  await allowed('PutUserPolicy', { UserName, PolicyName, PolicyDocument });
  await allowed('GetUserPolicy', { UserName, PolicyName });
  const AssumeRolePolicyDocument = JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' }));
  const role = await allowed('CreateRole', { RoleName, AssumeRolePolicyDocument, MaxSessionDuration: 7200 });
  await allowed('UpdateAssumeRolePolicy', { RoleName, PolicyDocument: JSON.stringify(trusts(caller.arn, { StringEquals: { 'sts:ExternalId': 'agreed' } })) });
  await allowed('PutRolePolicy', { RoleName, PolicyName, PolicyDocument });
  for (const operation of ['GetRole', 'ListRolePolicies']) await allowed(operation, { RoleName });
  await allowed('GetRolePolicy', { RoleName, PolicyName });
  const RoleArn = (role.output as { role: { arn: string } }).role.arn;
  const assumed = await allowed('AssumeRole', { RoleArn, RoleSessionName: 'tour', ExternalId: 'agreed' }, caller);
  const session = keysIn(assumed.output, 'credentials');
  secrets.set(session.secretAccessKey, `the secret of a session (${face})`).set(session.sessionToken ?? '', `the token of a session (${face})`);
  for (const operation of ['GetCallerIdentity', 'ListRoles', 'ListAuditEvents']) await allowed(operation, {}, session);
  await instanceProfiles(allowed, { RoleName, InstanceProfileName: `profile-${face}` });
  await sessions(allowed, { app: at.app, face, caller, secrets, RoleArn, member: (account.output as { account: { accountId: string } }).account.accountId });
  await managedPolicies(allowed, { UserName, RoleName, PolicyName: `Managed-${face}` });
  await groupsAndBoundaries(allowed, { UserName, RoleName, GroupName: `group-${face}` });
  await identityProviders(allowed, { face, secrets });
  await webIdentity(allowed, { app: at.app, face, secrets });
  await passwords(allowed, { face, caller, secrets, UserName });
  await mfaDevices(allowed, { face, UserName, caller, secrets, app: at.app });
  await allowed('UpdateAccessKey', { UserName, AccessKeyId, Status: 'Inactive' });
  await allowed('DeleteAccessKey', { UserName, AccessKeyId });
  await allowed('DeleteUserPolicy', { UserName, PolicyName });
  await allowed('DeleteUser', { UserName });
  await allowed('SimulateCustomPolicy', { PolicyInputList: [PolicyDocument], ActionNames: ['iam:GetUser'] });
  await allowed('GetContextKeysForCustomPolicy', { PolicyInputList: [PolicyDocument] });
  for (const operation of ['SimulatePrincipalPolicy', 'GetContextKeysForPrincipalPolicy']) {
    await allowed(operation, { PolicySourceArn: RoleArn, ...(operation.startsWith('Simulate') ? { ActionNames: ['iam:GetUser'] } : {}) });
  }
  const refused = await at.refused();
  secrets.set(refused.encodedMessage, `an encoded authorization message (${face})`);
  await allowed('GetDecision', { DecisionId: refused.decisionId });
  await allowed('DecodeAuthorizationMessage', { EncodedMessage: refused.encodedMessage });
  await allowed('DeleteRolePolicy', { RoleName, PolicyName });
  await allowed('DeleteRole', { RoleName });
}

/** What can be done with an instance profile, from its beginning to its end. */
async function instanceProfiles(allowed: Allowed, { RoleName, InstanceProfileName }: { RoleName: string; InstanceProfileName: string }): Promise<void> {
  await allowed('CreateInstanceProfile', { InstanceProfileName, Tags: [{ Key: 'a', Value: 'b' }] });
  await allowed('AddRoleToInstanceProfile', { InstanceProfileName, RoleName });
  await allowed('ListInstanceProfiles', {});
  await allowed('ListInstanceProfilesForRole', { RoleName });
  await allowed('TagInstanceProfile', { InstanceProfileName, Tags: [{ Key: 'c', Value: 'd' }] });
  await allowed('UntagInstanceProfile', { InstanceProfileName, TagKeys: ['a'] });
  for (const operation of ['GetInstanceProfile', 'ListInstanceProfileTags']) await allowed(operation, { InstanceProfileName });
  await allowed('RemoveRoleFromInstanceProfile', { InstanceProfileName, RoleName });
  await allowed('DeleteInstanceProfile', { InstanceProfileName });
}

/** What is about the account as a whole, and what it has none of. */
async function wholeAccount(allowed: Allowed, { face, settled }: { face: Face; settled: () => Promise<void> }): Promise<void> {
  const AccountAlias = `alias-${face}`;
  await allowed('CreateAccountAlias', { AccountAlias });
  await allowed('SetSecurityTokenServicePreferences', { GlobalEndpointTokenVersion: 'v2Token' });
  await allowed('GenerateCredentialReport', {});
  await settled();
  const seen = ['ListAccountAliases', 'GetAccountSummary', 'GetAccountAuthorizationDetails', 'GetAccountSettings', 'GetCredentialReport'];
  await allowed('UpdateAccountSettings', { TrustedIssuersMode: 'report-only', TrustedIssuers: [] });
  await allowed('LintTrustPolicy', { PolicyDocument: JSON.stringify(trusts('*')) });
  const absent = ['ListSSHPublicKeys', 'ListSigningCertificates', 'ListServiceSpecificCredentials', 'ListServerCertificates'];
  for (const operation of [...seen, ...absent]) await allowed(operation, {});
  await allowed('DeleteAccountAlias', { AccountAlias });
}

/** Sessions of every kind, what is seen of them, and their end. */
async function sessions(allowed: Allowed, at: { app: TestApp; face: Face; caller: Keys & { arn: string }; secrets: Map<string, string>; RoleArn: string; member: string }): Promise<void> {
  const { face, caller, secrets, RoleArn } = at;
  const Policy = JSON.stringify(allows('*'));
  const keep = (what: string, { output }: Called): Keys => {
    const session = keysIn(output, 'credentials');
    secrets.set(session.secretAccessKey, `the secret of ${what} (${face})`).set(session.sessionToken ?? '', `the token of ${what} (${face})`);
    return session;
  };
  keep('a session token', await allowed('GetSessionToken', {}, caller));
  keep('a federated user', await allowed('GetFederationToken', { Name: 'guest', Policy, Tags: [{ Key: 'team', Value: 'x' }] }, caller));
  const assumed = await allowed('AssumeRole', { RoleArn, RoleSessionName: 'chained', ExternalId: 'agreed' }, caller);
  const session = keep('another session', assumed);
  keep('a scoped session', await allowed('GetScopedCredentials', { Policy, DurationSeconds: 900 }, session));
  keep('a borrowed root user', await allowed('AssumeRoot', { TargetPrincipal: at.member, TaskPolicyArn: { arn: 'arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials' } }, caller));
  await allowed('EnableOutboundWebIdentityFederation', {});
  const { output } = await allowed('GetWebIdentityToken', { Audience: ['a'], SigningAlgorithm: 'ES384' }, session);
  secrets.set((output as { webIdentityToken: string }).webIdentityToken, `a web identity token (${face})`);
  await allowed('GetOutboundWebIdentityFederationInfo', {});
  await exchanged(allowed, { app: at.app, face, secrets, caller }, session);
  await allowed('DisableOutboundWebIdentityFederation', {});
  const listed = await allowed('ListSessions', { RoleArn });
  const SessionId = (listed.output as { sessions: { sessionId: string }[] }).sessions[0]?.sessionId;
  await allowed('GetSession', { SessionId });
  await allowed('WhoIs', { AccessKeyId: session.accessKeyId });
  await allowed('RevokeSession', { SessionId });
  await allowed('RevokeSessions', { RoleArn });
}

/** What is exchanged for a session, and for a token of it. */
async function exchanged(allowed: Allowed, { app, face, secrets, caller }: { app: TestApp; face: Face; secrets: Map<string, string>; caller: Keys & { arn: string } }, session: Keys): Promise<void> {
  const RoleName = `exchanged-${face}`;
  const trust = trusts({ AWS: app.root.account }, undefined, 'sts:AssumeRole');
  const role = await allowed('CreateRole', { RoleName, AssumeRolePolicyDocument: JSON.stringify(trust) });
  const RoleArn = (role.output as { role: { arn: string } }).role.arn;
  await allowed('PutRolePolicy', { RoleName, PolicyName: 'own', PolicyDocument: JSON.stringify(allows('*')) });
  const token = await allowed('ExchangeSession', { RoleArn }, session);
  const SubjectToken = (token.output as { accessToken: string }).accessToken;
  const jwt = await new OAuth(app).jwt(caller);
  const credentials = await allowed('ExchangeToken', { SubjectToken: jwt, SubjectTokenType: ID_TOKEN, RoleArn, RequestedTokenType: CREDENTIALS });
  // Who proves himself is refused by a role that does not trust him.
  await call(app, 'rest', { operation: 'ExchangeToken', keys: caller, input: { SubjectToken: jwt, SubjectTokenType: ID_TOKEN, RoleArn: `${RoleArn}-of-nobody` } });
  const made = keysIn(credentials.output, 'credentials');
  secrets.set(SubjectToken, `an exchanged token (${face})`).set(jwt, `a token for the exchange (${face})`);
  secrets.set(made.secretAccessKey, `the secret of an exchanged session (${face})`).set(made.sessionToken ?? '', `the token of an exchanged session (${face})`);
  await allowed('IntrospectToken', { Token: SubjectToken });
  await allowed('RevokeToken', { Token: SubjectToken });
  await allowed('DeleteRolePolicy', { RoleName, PolicyName: 'own' });
  await allowed('DeleteRole', { RoleName });
}

/** What can be done with a managed policy, from its beginning to its end. */
async function managedPolicies(allowed: Allowed, { UserName, RoleName, PolicyName }: { UserName: string; RoleName: string; PolicyName: string }): Promise<void> {
  const PolicyDocument = JSON.stringify(allows('iam:GetUser'));
  const created = await allowed('CreatePolicy', { PolicyName, Path: '/team/', PolicyDocument, Description: 'Looks.', Tags: [{ Key: 'cost', Value: 'x' }] });
  const PolicyArn = (created.output as { policy: { arn: string } }).policy.arn;
  await allowed('CreatePolicyVersion', { PolicyArn, PolicyDocument, SetAsDefault: true });
  await allowed('SetDefaultPolicyVersion', { PolicyArn, VersionId: 'v1' });
  await allowed('GetPolicyVersion', { PolicyArn, VersionId: 'v2' });
  await allowed('DeletePolicyVersion', { PolicyArn, VersionId: 'v2' });
  await allowed('TagPolicy', { PolicyArn, Tags: [{ Key: 'team', Value: 'y' }] });
  await allowed('UntagPolicy', { PolicyArn, TagKeys: ['cost'] });
  await allowed('AttachUserPolicy', { UserName, PolicyArn });
  await allowed('AttachRolePolicy', { RoleName, PolicyArn });
  for (const operation of ['GetPolicy', 'ListPolicyVersions', 'ListPolicyTags', 'ListEntitiesForPolicy']) await allowed(operation, { PolicyArn });
  await allowed('ListPolicies', { OnlyAttached: true });
  await allowed('ListAttachedUserPolicies', { UserName });
  await allowed('ListAttachedRolePolicies', { RoleName });
  await allowed('DetachUserPolicy', { UserName, PolicyArn });
  await allowed('DetachRolePolicy', { RoleName, PolicyArn });
  await allowed('DeletePolicy', { PolicyArn });
}

/** What can be done with a group, with boundaries, with tags, and to change users and roles. */
async function groupsAndBoundaries(allowed: Allowed, { UserName, RoleName, GroupName }: { UserName: string; RoleName: string; GroupName: string }): Promise<void> {
  const PolicyArn = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
  const policy = { GroupName, PolicyName: 'own' };
  await allowed('CreateGroup', { GroupName, Path: '/team/' });
  await allowed('AddUserToGroup', { GroupName, UserName });
  await allowed('ListGroupsForUser', { UserName });
  await allowed('PutGroupPolicy', { ...policy, PolicyDocument: JSON.stringify(allows('iam:GetUser')) });
  await allowed('AttachGroupPolicy', { GroupName, PolicyArn });
  for (const operation of ['GetGroup', 'ListGroupPolicies', 'ListAttachedGroupPolicies']) await allowed(operation, { GroupName });
  await allowed('ListGroups', {});
  await allowed('GetGroupPolicy', policy);
  await allowed('UpdateGroup', { GroupName, NewPath: '/' });
  await allowed('DetachGroupPolicy', { GroupName, PolicyArn });
  await allowed('DeleteGroupPolicy', policy);
  await allowed('RemoveUserFromGroup', { GroupName, UserName });
  await allowed('DeleteGroup', { GroupName });
  for (const [kind, name] of [['User', { UserName }], ['Role', { RoleName }]] as const) {
    await allowed(`Put${kind}PermissionsBoundary`, { ...name, PermissionsBoundary: PolicyArn });
    await allowed(`Delete${kind}PermissionsBoundary`, name);
    await allowed(`Tag${kind}`, { ...name, Tags: [{ Key: 'team', Value: 'x' }] });
    await allowed(`List${kind}Tags`, name);
    await allowed(`Untag${kind}`, { ...name, TagKeys: ['team'] });
  }
  await allowed('UpdateUser', { UserName, NewPath: '/moved/' });
  await allowed('UpdateRole', { RoleName, MaxSessionDuration: 3600 });
  await allowed('UpdateRoleDescription', { RoleName, Description: 'Tours.' });
}

/** The password of a user, and that of the caller. */
async function passwords(allowed: Allowed, { face, caller, secrets, UserName }: { face: Face; caller: Keys; secrets: Map<string, string>; UserName: string }): Promise<void> {
  const [Password, other] = [`${FIRST}-${face}`, `${SECOND}-${face}`];
  for (const password of [Password, other]) secrets.set(password, `a password (${face})`);
  await allowed('UpdateAccountPasswordPolicy', { MinimumPasswordLength: 10, PasswordReusePrevention: 1 });
  await allowed('GetAccountPasswordPolicy', {});
  for (const name of [UserName, 'caller']) await allowed('CreateLoginProfile', { UserName: name, Password });
  await allowed('ChangePassword', { OldPassword: Password, NewPassword: other }, caller);
  await allowed('UpdateLoginProfile', { UserName, Password: other });
  await allowed('GetLoginProfile', { UserName });
  await allowed('DeleteLoginProfile', { UserName });
  await allowed('DeleteLoginProfile', { UserName: 'caller' });
  await allowed('DeleteAccountPasswordPolicy', {});
}

/** What can be done with an MFA device, and what with its codes. */
async function mfaDevices(allowed: Allowed, at: { app: TestApp; face: Face; UserName: string; caller: Keys; secrets: Map<string, string> }): Promise<void> {
  const { app, face, UserName, secrets } = at;
  const created = async (VirtualMFADeviceName: string): Promise<Authenticator> => {
    const { output } = await allowed('CreateVirtualMFADevice', { VirtualMFADeviceName, Path: '/tour/', Tags: [{ Key: 'cost', Value: face }] });
    const made = (output as { virtualMFADevice: { serialNumber: string; base32StringSeed: string; qrCodePNG: string } }).virtualMFADevice;
    const seed = Buffer.from(made.base32StringSeed, 'base64').toString('ascii');
    secrets.set(seed, `the seed of ${VirtualMFADeviceName}`).set(made.qrCodePNG, `the picture of ${VirtualMFADeviceName}`);
    const device = new Authenticator(app, made.serialNumber, fromBase32(seed));
    secrets.set(device.seed.toString('hex'), `the bytes of the seed of ${VirtualMFADeviceName}`).set(device.seed.toString('base64'), `the same (${face})`);
    return device;
  };
  const device = await created(`phone-${face}`);
  const SerialNumber = device.serial;
  await allowed('EnableMFADevice', { UserName, SerialNumber, AuthenticationCode1: device.code(-1), AuthenticationCode2: device.code() });
  await allowed('ResyncMFADevice', { UserName, SerialNumber, AuthenticationCode1: device.code(1), AuthenticationCode2: device.code(2) });
  await allowed('ListMFADevices', { UserName });
  await allowed('ListVirtualMFADevices', {});
  await allowed('TagMFADevice', { SerialNumber, Tags: [{ Key: 'team', Value: 'x' }] });
  await allowed('UntagMFADevice', { SerialNumber, TagKeys: ['cost'] });
  for (const operation of ['GetMFADevice', 'ListMFADeviceTags', 'UnlockMFADevice']) await allowed(operation, { SerialNumber });
  await allowed('GetRecoveryCodesStatus', { UserName });
  await allowed('CreateRecoveryCodes', { UserName });
  await allowed('DeleteRecoveryCodes', { UserName });
  await allowed('DeactivateMFADevice', { UserName, SerialNumber });
  await allowed('DeleteVirtualMFADevice', { SerialNumber });
  // This one stays, so that it can be looked at at rest.
  const kept = await created(`kept-${face}`);
  await kept.enable(app.root, 'caller');
  const { output } = await allowed('GetSessionToken', kept.given(kept.code(1)), at.caller);
  const session = keysIn(output, 'credentials');
  secrets.set(session.secretAccessKey, `the secret of a session with MFA (${face})`).set(session.sessionToken ?? '', `the token of a session with MFA (${face})`);
  await signIn(allowed, { face, secrets, account: app.root.account });
}

/** The caller signs in with a recovery code; the others and his password stay, so that they can be looked at at rest. */
async function signIn(allowed: Allowed, { face, secrets, account }: { face: Face; secrets: Map<string, string>; account: string }): Promise<void> {
  const codes = await allowed('CreateRecoveryCodes', { UserName: 'caller' });
  const { recoveryCodes } = codes.output as { recoveryCodes: string[] };
  for (const code of recoveryCodes) secrets.set(code, `a recovery code (${face})`).set(code.replaceAll('-', ''), `the same without hyphens (${face})`);
  const Password = `Sign-in-password-${face}`;
  secrets.set(Password, `a password to sign in with (${face})`);
  await allowed('CreateLoginProfile', { UserName: 'caller', Password });
  const signedIn = await allowed('SignIn', { Account: account, UserName: 'caller', Password, RecoveryCode: recoveryCodes[0] });
  const session = keysIn(signedIn.output, 'credentials');
  secrets.set(session.secretAccessKey, `the secret of who signed in (${face})`).set(session.sessionToken ?? '', `the token of who signed in (${face})`);
  if (face === 'query') await allowed('DeleteLoginProfile', { UserName: 'caller' });
}

/** A token of an identity provider, and the session that it is good for. */
async function webIdentity(allowed: Allowed, { app, face, secrets }: { app: TestApp; face: Face; secrets: Map<string, string> }): Promise<void> {
  const idp = await app.idp();
  const { output } = await allowed('CreateOpenIDConnectProvider', { Url: idp.issuer, ClientIDList: ['stint'], ThumbprintList: [idp.thumbprint] });
  const { openIDConnectProviderArn: arn } = output as { openIDConnectProviderArn: string };
  const RoleName = `federated-${face}`;
  const role = await allowed('CreateRole', { RoleName, AssumeRolePolicyDocument: JSON.stringify(trusts({ Federated: arn }, { StringLike: { [`${idp.name}:sub`]: 'repo:octo-org/*' }, StringEquals: { [`${idp.name}:aud`]: 'stint' } }, 'sts:AssumeRoleWithWebIdentity')) });
  const WebIdentityToken = await idp.token(app.clock.now());
  const forOthers = await idp.token(app.clock.now(), { aud: 'others' });
  const assumed = await allowed('AssumeRoleWithWebIdentity', { RoleArn: (role.output as { role: { arn: string } }).role.arn, RoleSessionName: 'tour', WebIdentityToken });
  const session = keysIn(assumed.output, 'credentials');
  secrets.set(WebIdentityToken, `a token of an identity provider (${face})`).set(session.secretAccessKey, `the secret of a federated session (${face})`).set(session.sessionToken ?? '', `its token (${face})`);
  await call(app, face, { operation: 'AssumeRoleWithWebIdentity', keys: app.root, input: { RoleArn: (role.output as { role: { arn: string } }).role.arn, RoleSessionName: 'tour', WebIdentityToken: forOthers } });
  secrets.set(forOthers, `a token for others (${face})`);
  await allowed('DeleteRole', { RoleName });
  await allowed('DeleteOpenIDConnectProvider', { OpenIDConnectProviderArn: arn });
  const provider = await SamlProvider.register(new World(app), `tour-${face}`);
  const trusting = await allowed('CreateRole', { RoleName, AssumeRolePolicyDocument: JSON.stringify(trusts({ Federated: provider.arn }, undefined, 'sts:AssumeRoleWithSAML')) });
  const asked = provider.input((trusting.output as { role: { arn: string } }).role.arn);
  const vouched = keysIn((await allowed('AssumeRoleWithSAML', asked)).output, 'credentials');
  secrets.set(String(asked['SAMLAssertion']), `a SAML response (${face})`).set(vouched.secretAccessKey, `the secret of a SAML session (${face})`).set(vouched.sessionToken ?? '', `the token of a SAML session (${face})`);
  // It was used.
  await call(app, face, { operation: 'AssumeRoleWithSAML', keys: app.root, input: asked });
  const late = provider.input(String(asked['RoleArn']), { age: 300 });
  await call(app, face, { operation: 'AssumeRoleWithSAML', keys: app.root, input: late });
  secrets.set(String(late['SAMLAssertion']), `a SAML response that is too old (${face})`);
  await allowed('DeleteRole', { RoleName });
  await allowed('DeleteSAMLProvider', { SAMLProviderArn: provider.arn });
}

/** From now on, the signature of every request is one of the secrets. */
function keepSignatures(app: TestApp, secrets: Map<string, string>): void {
  const send = app.send.bind(app);
  app.send = (request) => {
    const signature = /Signature=([0-9a-f]{64})/.exec(`${request.headers?.['authorization'] ?? ''} ${request.path ?? ''}`)?.[1];
    if (signature !== undefined) secrets.set(signature, 'a signature');
    return send(request);
  };
}

/** What can be done with identity providers of both kinds. */
async function identityProviders(allowed: Allowed, { face, secrets }: { face: Face; secrets: Map<string, string> }): Promise<void> {
  const Tags = [{ Key: 'cost', Value: face }];
  const oidc = await allowed('CreateOpenIDConnectProvider', { Url: `https://${face}.idp.example/path`, ClientIDList: ['one'], ThumbprintList: ['a'.repeat(40)], Tags });
  const { openIDConnectProviderArn: OpenIDConnectProviderArn } = oidc.output as { openIDConnectProviderArn: string };
  for (const operation of ['AddClientIDToOpenIDConnectProvider', 'RemoveClientIDFromOpenIDConnectProvider']) await allowed(operation, { OpenIDConnectProviderArn, ClientID: 'two' });
  await allowed('UpdateOpenIDConnectProviderThumbprint', { OpenIDConnectProviderArn, ThumbprintList: ['b'.repeat(40)] });
  const keys = [privateKey(), privateKey()];
  for (const [index, key] of keys.entries()) secrets.set(key, `private key ${String(index)} of a SAML provider (${face})`);
  const saml = await allowed('CreateSAMLProvider', { SAMLMetadataDocument: metadata(), Name: face, Tags, AssertionEncryptionMode: 'Required', AddPrivateKey: keys[0] });
  const { samlProviderArn: SAMLProviderArn } = saml.output as { samlProviderArn: string };
  await allowed('UpdateSAMLProvider', { SAMLProviderArn, AddPrivateKey: keys[1] });
  for (const [kind, named] of [['OpenIDConnectProvider', { OpenIDConnectProviderArn }], ['SAMLProvider', { SAMLProviderArn }]] as const) {
    await allowed(`Tag${kind}`, { ...named, Tags: [{ Key: 'team', Value: 'y' }] });
    await allowed(`Untag${kind}`, { ...named, TagKeys: ['cost'] });
    for (const operation of [`Get${kind}`, `List${kind}Tags`]) await allowed(operation, named);
    await allowed(`List${kind}s`, {});
  }
  await allowed('DeleteOpenIDConnectProvider', { OpenIDConnectProviderArn });
  // The SAML provider stays, so that its keys at rest can be looked at.
  const brief = await allowed('CreateSAMLProvider', { SAMLMetadataDocument: metadata(), Name: `${face}-brief` });
  await allowed('DeleteSAMLProvider', { SAMLProviderArn: (brief.output as { samlProviderArn: string }).samlProviderArn });
}
