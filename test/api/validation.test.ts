import { z } from 'zod';

import { camelCase, markOf, operation as contractOf, sensitive, shapeOf } from '../../src/contract/operation.js';
import { parseInput } from '../../src/contract/validation.js';
import { ApiError } from '../../src/domain/errors.js';
import { TestApp } from '../support/app.js';
import { metadata } from '../support/identity-providers.js';
import { ACCESS_TOKEN, CREDENTIALS, ID_TOKEN, JWT } from '../support/oauth.js';
import { call, effectOf, expectRefused, expectUnrecorded, facesOf, operationOf, registry, type Input } from '../support/calls.js';

/** A value that violates a constraint, and what the constraint says. */
type Violation = readonly [value: string | number | readonly (object | string)[] | undefined, constraint: string];

const longer = (length: number): Violation => ['x'.repeat(length + 1), `have length less than or equal to ${String(length)}`];
const shorter = (value: string, length: number): Violation => [value, `have length greater than or equal to ${String(length)}`];
const pattern = (value: string, shown: string): Violation => [value, `satisfy regular expression pattern: ${shown}`];
const below = (bound: number): Violation => [bound - 1, `have value greater than or equal to ${String(bound)}`];
const above = (bound: number): Violation => [bound + 1, `have value less than or equal to ${String(bound)}`];
const ARN = '[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u0085\\u00A0-\\uD7FF\\uE000-\\uFFFD\\u10000-\\u10FFFF]+';
const more = (count: number, value: object | string): Violation => [Array.from({ length: count + 1 }, () => value), `have length less than or equal to ${String(count)}`];
const oneOf = (...values: string[]): Violation => ['none', `satisfy enum value set: [${values.join(', ')}]`];
const TAG_KEY = 'satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+, Member must not be null]';
const CLIENT_ID = 'satisfy constraint: [Member must have length less than or equal to 255, Member must have length greater than or equal to 1, Member must not be null]';
const THUMBPRINT = 'satisfy constraint: [Member must have length less than or equal to 40, Member must have length greater than or equal to 40, Member must not be null]';
const password: Violation[] = [shorter('', 1), longer(128), pattern('\u20ac', '[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+')];
const uuid = pattern('no-uuid', '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}');
const arn: Violation[] = [shorter('x'.repeat(19), 20), longer(2048), pattern(`arn:aws:iam::1:role/\u0001`, ARN)];

/** Digits of other scripts and blanks are no digits: they are refused, not read kindly. */
const sixDigits = (shown: string): Violation[] => [shorter('12345', 6), ['1234567', 'have length less than or equal to 6'], ...['12345x', '１２３４５６', ' 12345', '12345\n', '12\t456', '٣٤٥٦٧٨'].map((value) => pattern(value, shown))];

/** Violations by member, or by operation and member where an operation has bounds of its own. */
const violations: Readonly<Record<string, readonly Violation[]>> = {
  Subject: [shorter('', 1), longer(1024)],
  AcceptRisk: [shorter('', 1), longer(512), pattern('\u0001', '[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*')],
  TrustLinter: [oneOf('enforce', 'report-only')],
  TrustedIssuersMode: [oneOf('off', 'report-only', 'enforce')],
  TrustedIssuers: [more(100, 'https://idp.example')],
  WebIdentityToken: [shorter('abc', 4), longer(20_000)],
  SubjectToken: [shorter('abc', 4), longer(20_000)],
  ActorToken: [shorter('abc', 4), longer(20_000)],
  SubjectTokenType: [oneOf(ID_TOKEN, JWT, ACCESS_TOKEN)],
  ActorTokenType: [oneOf(ID_TOKEN, JWT, ACCESS_TOKEN)],
  RequestedTokenType: [oneOf(ACCESS_TOKEN, JWT, CREDENTIALS)],
  'ExchangeToken Audience': [shorter('', 1), longer(1000)],
  'ExchangeSession Audience': [shorter('', 1), longer(1000)],
  'ExchangeToken Scope': [shorter('', 1), longer(1000)],
  'ExchangeSession Scope': [shorter('', 1), longer(1000)],
  Token: [shorter('', 1), longer(20_000)],
  TokenTypeHint: [longer(255)],
  SAMLAssertion: [shorter('abc', 4), longer(100_000)],
  AWSServiceName: [shorter('', 1), longer(128), pattern('a b', '[\\w+=,.@-]+')],
  Account: [shorter('ab', 3), longer(63), pattern('A_b', '[a-z0-9-]*')],
  'SignIn Password': [shorter('', 1), longer(128)],
  'SignIn DurationSeconds': [below(900), above(129_600)],
  RecoveryCode: [shorter('x'.repeat(11), 12), longer(20), pattern('a_b_c_d_e_f_g', '[0-9A-Za-z -]*')],
  AccountAlias: [shorter('ab', 3), longer(63), pattern('A-b', '^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$'), pattern('a--b', '^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$'), pattern('-ab', '^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$'), pattern('ab-', '^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$')],
  CustomSuffix: [shorter('', 1), longer(64), pattern('a b', '[\\w+=,.@-]+')],
  DeletionTaskId: [shorter('', 1), longer(1000)],
  Filter: [[['User', 'none'], 'satisfy constraint: [Member must satisfy enum value set: [User, Role, Group, LocalManagedPolicy, AWSManagedPolicy]]'], more(100, 'User')],
  GlobalEndpointTokenVersion: [oneOf('v1Token', 'v2Token')],
  'ListServiceSpecificCredentials ServiceName': [longer(256)],
  AccessKeyId: [shorter('AKIA', 16), longer(128), pattern('AKIA-AKIA-AKIA-AKIA', '[\\w]*')],
  ActionNames: [[[], 'have length greater than or equal to 1'], more(100, 'iam:GetUser')],
  CallerArn: [shorter('', 1), longer(2048)],
  ContextEntries: [more(100, { ContextKeyName: 'aws:SourceIp', ContextKeyValues: ['192.0.2.1'], ContextKeyType: 'ip' })],
  DecisionId: [pattern('no-uuid', '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')],
  EncodedMessage: [shorter('', 1), longer(10_240)],
  PermissionsBoundaryPolicyInputList: [more(1, '{}')],
  PolicyInputList: [more(50, '{}')],
  PolicySourceArn: arn,
  ResourceArns: [more(100, '*')],
  ResourceOwner: [shorter('', 1), longer(2048)],
  ResourcePolicy: [shorter('', 1), longer(131_072)],
  AccountId: [pattern('12345678901', '\\d{12}'), pattern('12345678901x', '\\d{12}')],
  AccountName: [shorter('', 1), longer(50), pattern('caf\u00e9', '[\\u0020-\\u007E]+')],
  Action: [pattern('s3:GetObject', '((sts|iam|stint):)?[A-Za-z]+')],
  AssumeRolePolicyDocument: [shorter('', 1), longer(131_072)],
  Description: [longer(1000), pattern('\u0001', '[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*')],
  'CreatePolicy Description': [longer(1000), pattern('\u0001', '[\\u0009\\u000A\\u000D\\u0020-\\uD7FF\\uE000-\\uFFFD\\u10000-\\u10FFFF]*')],
  DurationSeconds: [below(900), above(43_200)],
  EntityFilter: [oneOf('User', 'Role', 'Group', 'LocalManagedPolicy', 'AWSManagedPolicy')],
  ExternalId: [shorter('x', 2), longer(1224), pattern('a b', '[\\w+=,.@:\\/-]*')],
  GroupName: [shorter('', 1), longer(128)],
  Marker: [shorter('', 1), longer(320)],
  MaxPasswordAge: [below(1), above(1095)],
  MinimumPasswordLength: [below(6), above(128)],
  NewPassword: password,
  OldPassword: password,
  Password: password,
  PasswordReusePrevention: [below(1), above(24)],
  MaxItems: [below(1), above(1000)],
  MaxSessionDuration: [below(3600), above(43_200)],
  NewGroupName: [shorter('', 1), longer(128)],
  NewPath: [shorter('', 1), longer(512)],
  NewUserName: [shorter('', 1), longer(64)],
  Outcome: [['maybe', 'satisfy enum value set: [success, refused]']],
  Path: [shorter('', 1), longer(512)],
  PathPrefix: [shorter('', 1), longer(512)],
  PermissionsBoundary: arn,
  PolicyArn: arn,
  PolicyDocument: [shorter('', 1), longer(131_072)],
  PolicyName: [shorter('', 1), longer(128)],
  PolicyUsageFilter: [oneOf('PermissionsPolicy', 'PermissionsBoundary')],
  Principal: [shorter('', 1), longer(2048)],
  RoleArn: arn,
  RoleName: [shorter('', 1), longer(64)],
  RoleSessionName: [shorter('x', 2), longer(64), pattern('Session1:2', '[\\w+=,.@-]*'), pattern('caf\u00e9', '[\\w+=,.@-]*')],
  Scope: [oneOf('All', 'AWS', 'Local')],
  Status: [['active', 'satisfy enum value set: [Active, Inactive]']],
  Tags: [[Array.from({ length: 51 }, (_, index) => ({ Key: `k${String(index)}`, Value: '' })), 'have length less than or equal to 50']],
  TagKeys: [more(50, 'k'), [['k', 'a!'], TAG_KEY], [['', 'x'.repeat(129)], TAG_KEY]],
  UserName: [shorter('', 1), longer(128)],
  VersionId: [pattern('v0', 'v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?'), pattern('1', 'v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?')],
  AddPrivateKey: [shorter('', 1), longer(16_384), pattern('\u20ac', '[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+')],
  AssertionEncryptionMode: [oneOf('Required', 'Allowed')],
  ClientID: [shorter('', 1), longer(255)],
  ClientIDList: [[['a', ''], CLIENT_ID], [['x'.repeat(256)], CLIENT_ID]],
  'CreateSAMLProvider Name': [shorter('', 1), longer(128), pattern('a b', '[\\w._-]+')],
  OpenIDConnectProviderArn: arn,
  RemovePrivateKey: [shorter('A'.repeat(21), 22), ['A'.repeat(65), 'have length less than or equal to 64'], pattern('a'.repeat(22), '[A-Z0-9]+')],
  SAMLMetadataDocument: [shorter('x'.repeat(999), 1000)],
  SAMLProviderArn: arn,
  ThumbprintList: [[['a'.repeat(41)], THUMBPRINT], [['a'.repeat(40), ''], THUMBPRINT]],
  Url: [shorter('', 1), longer(255)],
  'CreateUser UserName': [shorter('', 1), longer(64)],
  Audience: [[[], 'have length greater than or equal to 1'], more(10, 'a')],
  InstanceProfileName: [shorter('', 1), longer(128)],
  Kind: [oneOf('assumed-role', 'user', 'root', 'federated-user')],
  MinRemaining: [below(1), above(129_600)],
  MinimumSessionTokenSize: [below(0), above(4096)],
  Name: [shorter('x', 2), longer(32), pattern('a b', '[\\w+=,.@-]*')],
  Policy: [shorter('', 1), longer(131_072)],
  PolicyArns: [more(10, { arn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' })],
  PrincipalArn: arn,
  ProvidedContexts: [more(5, { ProviderArn: 'arn:aws:iam::aws:contextProvider/x' })],
  RootSessionId: [uuid],
  ScopedSessionDescription: [longer(256), pattern('\u0000', '[\\u0009\\u000A\\u000D\\u0020-\\uD7FF\\uE000-\\uFFFD]*')],
  SerialNumber: [shorter('x', 9), longer(256), pattern('with a blank', '[\\w+=/:,.@-]*')],
  SessionId: [uuid],
  SigningAlgorithm: [oneOf('RS256', 'ES384')],
  SourceIdentity: [shorter('x', 2), longer(64), pattern('a b', '[\\w+=,.@-]*')],
  SubjectMode: [oneOf('AWSIdentity', 'OriginIdentity')],
  TargetPrincipal: [shorter('12345678901', 12), longer(2048)],
  TokenCode: sixDigits('[\\d]*'),
  AssignmentStatus: [oneOf('Assigned', 'Unassigned', 'Any')],
  AuthenticationCode1: sixDigits('[\\d]+'),
  AuthenticationCode2: sixDigits('[\\d]+'),
  VirtualMFADeviceName: [shorter('', 1), longer(226)],
  TokenSha256: [pattern('A'.repeat(64), '[0-9a-f]{64}'), pattern('abc', '[0-9a-f]{64}')],
  TradeInToken: [shorter('', 1)],
  TransitiveTagKeys: [more(50, 'k')],
  'AssumeRoot DurationSeconds': [below(0), above(900)],
  'GetFederationToken DurationSeconds': [below(900), above(129_600)],
  'GetFederationToken Policy': [shorter('', 1), longer(2048), pattern('\u20ac', '[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+')],
  'GetScopedCredentials DurationSeconds': [below(1), above(129_600)],
  'GetScopedCredentials Policy': [shorter('', 1), longer(2048), pattern('\u20ac', '[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+')],
  'GetSessionToken DurationSeconds': [below(900), above(129_600)],
  'GetWebIdentityToken DurationSeconds': [below(60), above(3600)],
  'GetWebIdentityToken Scope': [shorter('', 1), longer(1000)],
  'ListSessions Status': [oneOf('active', 'expired', 'revoked')],
};
/** Members that are objects: what is in them is violated by place. */
const objects: Readonly<Record<string, Violation>> = { TaskPolicyArn: [{ arn: 'x' } as never, 'have length greater than or equal to 20'] };
/** Members whose violation says something of the schema library, not of AWS; that they are refused is enough. */
const unworded: Readonly<Record<string, unknown>> = { StartTime: 'yesterday', EndTime: '2026-13-01T00:00:00Z' };
const unwordedElsewhere: Readonly<Record<string, string>> = { IssuedBefore: 'RevokeSessions' };

/** Members that are true or false: on the AWS face, whatever else is no value at all. */
const flags = [['CreatePolicyVersion', 'SetAsDefault'], ['ListPolicies', 'OnlyAttached'], ['ListServiceSpecificCredentials', 'AllUsers'], ['UpdateLoginProfile', 'PasswordResetRequired'], ...['RequireSymbols', 'RequireNumbers', 'RequireUppercaseCharacters', 'RequireLowercaseCharacters', 'AllowUsersToChangePassword', 'HardExpiry'].map((flag) => ['UpdateAccountPasswordPolicy', flag] as const)] as const;

const valid: Readonly<Record<string, unknown>> = {
  AWSServiceName: 'x.amazonaws.com',
  WebIdentityToken: 'none',
  SubjectToken: 'none',
  SubjectTokenType: JWT,
  Token: 'none',
  SAMLAssertion: 'none',
  PrincipalArn: 'arn:aws:iam::123456789012:saml-provider/none',
  AccountAlias: 'name',
  DeletionTaskId: 'task/name',
  GlobalEndpointTokenVersion: 'v2Token',
  AccessKeyId: 'AKIAUNKNOWNUNKNOWN22',
  AccountName: 'name',
  ClientID: 'name',
  NewPassword: 'New-password-1',
  OldPassword: 'Old-password-1',
  Password: 'Password-1',
  OpenIDConnectProviderArn: 'arn:aws:iam::123456789012:oidc-provider/idp.example',
  SAMLMetadataDocument: metadata(),
  SAMLProviderArn: 'arn:aws:iam::123456789012:saml-provider/name',
  ThumbprintList: [],
  Url: 'https://idp.example',
  ActionNames: ['iam:GetUser'],
  AssumeRolePolicyDocument: '{}',
  DecisionId: '00000000-0000-4000-8000-000000000000',
  Description: 'text',
  EncodedMessage: 'AAAA',
  GroupName: 'name',
  PermissionsBoundary: 'arn:aws:iam::aws:policy/name',
  PolicyInputList: [],
  PolicySourceArn: 'arn:aws:iam::123456789012:user/name',
  PolicyArn: 'arn:aws:iam::123456789012:policy/name',
  PolicyDocument: '{}',
  PolicyName: 'name',
  RoleArn: 'arn:aws:iam::123456789012:role/name',
  RoleName: 'name',
  RoleSessionName: 'name',
  Status: 'Active',
  TagKeys: ['name'],
  Tags: [],
  Audience: ['https://verifier.example'],
  InstanceProfileName: 'name',
  Name: 'name',
  SessionId: '00000000-0000-4000-8000-000000000000',
  SigningAlgorithm: 'ES384',
  TargetPrincipal: '123456789012',
  TaskPolicyArn: { arn: 'arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials' },
  TradeInToken: 'token',
  AuthenticationCode1: '123456',
  AuthenticationCode2: '234567',
  SerialNumber: 'arn:aws:iam::123456789012:mfa/name',
  Account: '123456789012',
  VirtualMFADeviceName: 'name',
  UserName: 'name',
  VersionId: 'v1',
};

/** Long values are echoed in part. */
const inPart = (value: string): string => (value.length > 4096 ? `${value.slice(0, 4096)}…` : value);

/** What is secret is never said again. */
const SECRET = ['EncodedMessage', 'TokenCode', 'SAMLAssertion', 'TradeInToken', 'WebIdentityToken', 'SubjectToken', 'ActorToken', 'Token'];

describe('an input that violates constraints', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.boot();
  });
  afterAll(() => app.close());

  const violationsOf = (operation: string, member: string): readonly Violation[] => violations[`${operation} ${member}`] ?? violations[member] ?? [];
  const members = (operation: string): [string, z.ZodType][] => Object.entries(shapeOf(operationOf(app, operation).contract.input));
  const isRestOnly = (schema: z.ZodType): boolean => markOf(schema).restOnly === true;
  const isRequired = (schema: z.ZodType): boolean => !schema.safeParse(undefined).success;
  /** An input with every required member and nothing else. */
  const least = (operation: string): Input => Object.fromEntries(members(operation).filter(([, schema]) => isRequired(schema)).map(([name]) => [name, valid[name]]));

  /** Calls as root, on the face that can carry anything: a path has no place for an empty or an absent name. */
  async function refused(operation: string, input: Input, message: string): Promise<void> {
    const [first = 'rest'] = facesOf(operationOf(app, operation));
    const face = members(operation).some(([member, schema]) => member in input && isRestOnly(schema)) ? 'rest' : first;
    const effect = await effectOf(app, () => call(app, face, { operation, keys: app.root, input }));
    const refusal = { code: 'ValidationError', status: 400, message };
    if (operationOf(app, operation).prove === undefined) expectRefused(effect, refusal, operation);
    else expectUnrecorded(effect, refusal);
  }

  /** One violated constraint in AWS's words: STS says the value, IAM does not. */
  function inWords(operation: string, member: string, [value, constraint]: Violation): string {
    const isSts = operationOf(app, operation).contract.aws === 'sts' && !SECRET.includes(member);
    const shown = !isSts ? '' : value === undefined ? ' null' : ` '${typeof value === 'object' ? '' : inPart(String(value))}'`;
    return `Value${shown} at '${camelCase(member)}' failed to satisfy constraint: Member must ${constraint}`;
  }

  it('is refused for each constraint of each member of each operation', async () => {
    for (const { name } of registry(app)) {
      for (const [member] of members(name)) {
        for (const violation of violationsOf(name, member)) {
          await refused(name, { ...least(name), [member]: violation[0] }, `1 validation error detected: ${inWords(name, member, violation)}`);
        }
      }
    }
  }, 480_000);

  it('is refused for each member that is missing', async () => {
    for (const { name } of registry(app)) {
      for (const [member] of members(name).filter(([, schema]) => isRequired(schema))) {
        const { [member]: _, ...rest } = least(name);
        if (facesOf(operationOf(app, name)).length === 1 && operationOf(app, name).contract.rest.includes(`{${member}}`)) continue;
        await refused(name, rest, `1 validation error detected: ${inWords(name, member, [undefined, 'not be null'])}`);
      }
    }
  });

  it('is refused for all of them at once, in the order of the members', async () => {
    for (const { name } of registry(app)) {
      const violated = members(name).filter(([, schema]) => !isRestOnly(schema)).flatMap(([member]) => violationsOf(name, member).slice(0, 1).map((violation) => [member, violation] as const));
      if (violated.length < 2) continue;
      const input = { ...least(name), ...Object.fromEntries(violated.map(([member, [value]]) => [member, value])) };
      const texts = violated.map(([member, violation]) => inWords(name, member, violation));
      await refused(name, input, `${String(texts.length)} validation errors detected: ${texts.join('; ')}`);
    }
  });

  it('is refused for several constraints of one member', async () => {
    const value = '!'.repeat(65);
    const message = `2 validation errors detected: Value '${value}' at 'roleSessionName' failed to satisfy constraint: Member must have length less than or equal to 64; Value '${value}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*`;
    await refused('AssumeRole', { ...least('AssumeRole'), RoleSessionName: value }, message);
  });

  it('has a row here for every member of every operation', () => {
    const missing = registry(app).flatMap(({ name }) => members(name).filter(([member]) => violationsOf(name, member).length === 0 && !(member in unworded) && !(member in unwordedElsewhere) && !(member in objects) && !flags.some(([, flag]) => flag === member)).map(([member]) => `${name} ${member}`));
    expect(missing).toEqual([]);
  });

  it.each(Object.entries(unworded))('is refused for the time %s: %s', async (member, value) => {
    const { result } = await effectOf(app, () => call(app, 'rest', { operation: 'ListAuditEvents', keys: app.root, input: { [member]: value } }));
    expect(result).toMatchObject({ status: 400, code: 'ValidationError', message: expect.stringMatching(new RegExp(`^1 validation error detected: Value at '${camelCase(member)}' `)) });
  });

  it.each(flags)('is refused where %s is given neither true nor false as %s', async (operation, member) => {
    const input = { ...least(operation), [member]: 'yes' };
    const query = await effectOf(app, () => call(app, 'query', { operation, keys: app.root, input }));
    expectRefused(query, { code: 'MalformedInput', status: 400, message: `The value of ${camelCase(member)} must be true or false.` }, operation);
    const rest = await effectOf(app, () => call(app, 'rest', { operation, keys: app.root, input }));
    expectRefused(rest, { code: 'ValidationError', status: 400, message: `1 validation error detected: ${inWords(operation, member, ['yes', 'be of type boolean'])}` }, operation);
  });

  const charset = 'It must contain only alphanumeric characters and/or the following: +=,.@_-';
  const path = 'It must begin and end with / and contain only alphanumeric characters and/or / characters.';
  const prefix = 'It must begin with the / character and contain only alphanumeric characters and/or / characters.';
  const ascii = 'It must contain only printable ASCII characters.';
  const sentences: [string, string, string[], string][] = [
    ['CreateUser', 'UserName', ['a b', 'a/b', 'caf\u00e9', 'a\u0000', 'a\n', '<b>', "a'b", 'a*'], charset],
    ['GetUser', 'UserName', ['a b', '..%2f'], charset],
    ['CreateRole', 'RoleName', ['a b', 'a:b'], charset],
    ['DeleteRole', 'RoleName', ['a b'], charset],
    ['PutRolePolicy', 'PolicyName', ['a b', 'a/b'], charset],
    ['CreateUser', 'Path', ['a', '/a', 'a/', '/a b/', '/\u00e4/', '/a\n/'], path],
    ['CreateRole', 'Path', ['a'], path],
    ['CreateGroup', 'GroupName', ['a b', 'a/b'], charset],
    ['CreateGroup', 'Path', ['a'], path],
    ['UpdateGroup', 'NewGroupName', ['a b'], charset],
    ['UpdateGroup', 'NewPath', ['/a'], path],
    ['UpdateUser', 'NewUserName', ['a b'], charset],
    ['UpdateUser', 'NewPath', ['a/'], path],
    ['ListGroups', 'PathPrefix', ['a'], prefix],
    ['PutGroupPolicy', 'PolicyDocument', ['\u20ac'], ascii],
    ['CreateInstanceProfile', 'InstanceProfileName', ['a b', 'a/b'], charset],
    ['CreateInstanceProfile', 'Path', ['a'], path],
    ['CreateVirtualMFADevice', 'VirtualMFADeviceName', ['a b', 'a/b'], charset],
    ['CreateVirtualMFADevice', 'Path', ['a'], path],
    ['EnableMFADevice', 'UserName', ['a b', 'aws root user', 'AWS ROOT USER '], charset],
    ['CreatePolicy', 'PolicyName', ['a b', 'a/b'], charset],
    ['CreatePolicy', 'Path', ['a', '/a', '/a!/', '//', '/a//b/'], path],
    ['ListPolicies', 'PathPrefix', ['a'], prefix],
    ['ListAttachedUserPolicies', 'PathPrefix', ['a'], prefix],
    ['ListUsers', 'PathPrefix', ['a', '/a b', '/\u00e4', '/\u0000'], prefix],
    ['ListRoles', 'PathPrefix', ['a'], prefix],
    ['CreateRole', 'AssumeRolePolicyDocument', ['\u20ac', '\u0000', '\u0001'], ascii],
    ['UpdateAssumeRolePolicy', 'PolicyDocument', ['\u20ac'], ascii],
    ['CreatePolicyVersion', 'PolicyDocument', ['\u20ac'], ascii],
    ['PutUserPolicy', 'PolicyDocument', ['\u20ac'], ascii],
  ];
  it.each(sentences)('is refused with a sentence where %s is given a %s of other characters', async (operation, member, values, rule) => {
    for (const value of values) await refused(operation, { ...least(operation), [member]: value }, `The specified value for ${camelCase(member)} is invalid. ${rule}`);
  });

  const noUrl = 'Invalid Open ID Connect Provider URL';
  it.each([
    ['idp.example', noUrl],
    ['https://', noUrl],
    ['https://idp.example/#x', noUrl],
    ['https://user@idp.example', noUrl],
    ['https://idp.example/*', noUrl],
    ['https://idp.example/a/../b', noUrl],
    ['http://idp.example', `${noUrl}. The URL must begin with https://.`],
    ['ftp://idp.example', `${noUrl}. The URL must begin with https://.`],
  ])('is refused with a sentence where the URL of an identity provider is %s', async (Url, sentence) => {
    await refused('CreateOpenIDConnectProvider', { Url }, sentence);
  });

  it('is refused for its constraints before its characters', async () => {
    await refused('CreateUser', { UserName: 'a b', Path: '' }, "1 validation error detected: Value at 'path' failed to satisfy constraint: Member must have length greater than or equal to 1");
  });

  it('is refused for members of list entries by their place, counted from one', async () => {
    const Tags = [{ Key: 'a', Value: 'b' }, { Key: '', Value: 'b' }, { Key: 'c!', Value: 'x'.repeat(257) }];
    const at = (place: string, constraint: string): string => `Value at 'tags.${place}' failed to satisfy constraint: Member must ${constraint}`;
    const texts = [
      at('2.member.key', 'have length greater than or equal to 1'),
      at('3.member.key', 'satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+'),
      at('3.member.value', 'have length less than or equal to 256'),
    ];
    await refused('CreateUser', { UserName: 'name', Tags }, `3 validation errors detected: ${texts.join('; ')}`);
  });

  it('is judged in characters of UTF-16, as its bounds are, and letters of every script are letters', async () => {
    const keys = app.root;
    const created = await call(app, 'query', { operation: 'CreateUser', keys, input: { UserName: 'scripts', Tags: [{ Key: '\u5b57'.repeat(128), Value: '\u00e4\u05d0 \u0663' }] } });
    expect(created.code).toBeUndefined();
  });

  it('is echoed by STS in part where it is very long, and never by IAM', async () => {
    const hostile = `<${'y'.repeat(100_000)}`;
    const sts = await call(app, 'query', { operation: 'AssumeRole', keys: app.root, input: { ...least('AssumeRole'), RoleSessionName: hostile } });
    expect(sts.message?.length).toBeLessThan(10_000);
    const iam = await call(app, 'query', { operation: 'CreateUser', keys: app.root, input: { UserName: hostile } });
    expect(iam.message).not.toContain('yyy');
  });
});

describe('a sensitive member', () => {
  const contract = contractOf({
    summary: 'Take a secret.',
    aws: 'sts',
    rest: 'POST /v1/secrets',
    effect: 'read',
    input: z.object({ Name: z.string().max(3), Code: sensitive(z.string().length(6)), Inner: z.object({ Token: sensitive(z.string().max(3), 'sha256') }).optional() }),
    output: z.object({}),
    errors: [],
    access: { caller: 'any', because: 'it is a test' },
  });

  it('is never echoed, although others are', () => {
    const refusal = (input: unknown): ApiError => {
      try {
        parseInput(contract, input);
      } catch (error) {
        if (error instanceof ApiError) return error;
      }
      throw new Error('the input was accepted');
    };
    const { message } = refusal({ Name: 'named', Code: 'secret-code', Inner: { Token: 'secret-token' } });
    expect(message).toContain("Value 'named' at 'name'");
    expect(message).toContain("Value at 'code'");
    expect(message).toContain("Value at 'inner.token'");
    expect(message).not.toContain('secret');
  });
});
