import { CredentialReports } from '../../src/account/reports.js';
import { NOW } from './app.js';
import { call, type Input } from './calls.js';
import type { Scenario } from './scenarios.js';
import { allows, trusts, type World } from './world.js';

type Prepared = Promise<{ input: Input }>;

const nothing = (input: Input = {}) => (): Prepared => Promise.resolve({ input });
async function done(world: World, operation: string, input: Input): Promise<void> {
  const { code } = await call(world.app, 'query', { operation, keys: world.root, input });
  if (code !== undefined) throw new Error(`${operation} was refused: ${code}`);
}
/** An alias that no other account of the test has. */
const aliasOf = (world: World, word = 'alias'): string => `${word}-${world.root.account}`;
const aliased = (input: (world: World) => Input) => async (world: World): Prepared => {
  await done(world, 'CreateAccountAlias', { AccountAlias: aliasOf(world) });
  return { input: input(world) };
};
/** An account that has one of everything. */
const full = (input: Input = {}) => async (world: World): Prepared => {
  await world.user('alice', allows('iam:GetUser'), '/a/', [{ Key: 'team', Value: 'x' }]);
  await world.role('deploy', trusts({ Service: 'ec2.amazonaws.com' }), { policy: allows('s3:GetObject') });
  const PolicyArn = await world.policy('looks', allows('iam:Get*'));
  await done(world, 'CreateGroup', { GroupName: 'devs' });
  await done(world, 'AddUserToGroup', { GroupName: 'devs', UserName: 'alice' });
  await done(world, 'PutGroupPolicy', { GroupName: 'devs', PolicyName: 'own', PolicyDocument: JSON.stringify(allows('iam:ListUsers')) });
  await done(world, 'AttachUserPolicy', { UserName: 'alice', PolicyArn });
  await done(world, 'AttachRolePolicy', { RoleName: 'deploy', PolicyArn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' });
  await done(world, 'PutRolePermissionsBoundary', { RoleName: 'deploy', PermissionsBoundary: PolicyArn });
  await done(world, 'CreateInstanceProfile', { InstanceProfileName: 'web' });
  await done(world, 'AddRoleToInstanceProfile', { InstanceProfileName: 'web', RoleName: 'deploy' });
  return { input };
};
const reported = async (world: World): Prepared => {
  await world.user('alice');
  await done(world, 'GenerateCredentialReport', {});
  await world.app.running.app.get(CredentialReports).settled();
  return { input: {} };
};
/** A report as a node left it that died: `age` in hours since it was begun, or finished. */
const left = (age: number, finished: boolean) => async (world: World): Prepared => {
  const at = new Date(NOW.getTime() - age * 3_600_000);
  await world.app.sql(`INSERT INTO credential_report (account_id, started_at, next_after, part_count, completed_at) VALUES ($1, $2, '', 0, $3)`, [world.root.account, at, finished ? at : null]);
  return { input: {} };
};
const alice = async (world: World): Prepared => {
  await world.user('alice');
  return { input: { UserName: 'alice' } };
};
const absent = (operation: string): Scenario[] => [
  { operation, title: 'of a user', expected: 'ok', prepare: alice },
  { operation, title: 'of the caller', expected: 'ok', prepare: nothing() },
  { operation, title: 'of nobody', expected: 'NoSuchEntity', prepare: nothing({ UserName: 'nobody' }) },
  { operation, title: 'with a Marker', expected: 'ValidationError', prepare: nothing({ Marker: 'no such marker' }) },
];

/** The account as a whole, and what there is none of. */
export const accountScenarios: readonly Scenario[] = [
  { operation: 'CreateAccountAlias', title: 'as the first', expected: 'ok', prepare: (world) => nothing({ AccountAlias: aliasOf(world) })() },
  { operation: 'CreateAccountAlias', title: 'instead of another', expected: 'ok', prepare: aliased((world) => ({ AccountAlias: aliasOf(world, 'other') })) },
  { operation: 'CreateAccountAlias', title: 'that it has', expected: 'EntityAlreadyExists', prepare: aliased((world) => ({ AccountAlias: aliasOf(world) })) },
  { operation: 'CreateAccountAlias', title: 'that another account has', expected: 'EntityAlreadyExists', prepare: async (world) => {
    const other = await world.account('other');
    await done(other, 'CreateAccountAlias', { AccountAlias: aliasOf(world) });
    return { input: { AccountAlias: aliasOf(world) } };
  } },
  { operation: 'CreateAccountAlias', title: 'that is an account id', expected: 'ValidationError', prepare: nothing({ AccountAlias: '123456789012' }) },
  { operation: 'ListAccountAliases', title: 'of an account that has one', expected: 'ok', prepare: aliased(() => ({})) },
  { operation: 'ListAccountAliases', title: 'of an account that has none', expected: 'ok', prepare: nothing() },
  { operation: 'ListAccountAliases', title: 'with a Marker', expected: 'ValidationError', prepare: nothing({ Marker: 'no such marker' }) },
  { operation: 'DeleteAccountAlias', title: 'that it has', expected: 'ok', prepare: aliased((world) => ({ AccountAlias: aliasOf(world) })) },
  { operation: 'DeleteAccountAlias', title: 'that it does not have', expected: 'NoSuchEntity', prepare: aliased((world) => ({ AccountAlias: aliasOf(world, 'other') })) },
  { operation: 'GetAccountSummary', title: 'of an account that is full', expected: 'ok', prepare: full() },
  { operation: 'SetSecurityTokenServicePreferences', title: 'to the second version', expected: 'ok', prepare: nothing({ GlobalEndpointTokenVersion: 'v2Token' }) },
  { operation: 'SetSecurityTokenServicePreferences', title: 'to a version there is not', expected: 'ValidationError', prepare: nothing({ GlobalEndpointTokenVersion: 'v3Token' }) },
  { operation: 'GetAccountAuthorizationDetails', title: 'of everything', expected: 'ok', prepare: full() },
  { operation: 'GetAccountAuthorizationDetails', title: 'of some kinds, in pages', expected: 'ok', prepare: full({ Filter: ['User', 'AWSManagedPolicy'], MaxItems: 1 }) },
  { operation: 'GetAccountAuthorizationDetails', title: 'with a bad marker', expected: 'ValidationError', prepare: nothing({ Marker: 'no such marker' }) },
  { operation: 'GenerateCredentialReport', title: 'for the first time', expected: 'ok', prepare: async (world) => ({ ...(await alice(world)), input: {} }) },
  { operation: 'GetCredentialReport', title: 'that is finished', expected: 'ok', prepare: reported },
  { operation: 'GetCredentialReport', title: 'before there is one', expected: 'ReportNotPresent', prepare: nothing() },
  { operation: 'GetCredentialReport', title: 'that is too old', expected: 'ReportExpired', prepare: left(4, true) },
  { operation: 'GetCredentialReport', title: 'that is not finished', expected: 'ReportInProgress', prepare: left(3, false) },
  { operation: 'CreateServiceLinkedRole', title: 'for any service', expected: 'InvalidInput', prepare: nothing({ AWSServiceName: 'elasticbeanstalk.amazonaws.com', CustomSuffix: 'x' }) },
  { operation: 'DeleteServiceLinkedRole', title: 'of any name', expected: 'NoSuchEntity', prepare: nothing({ RoleName: 'AWSServiceRoleForX' }) },
  { operation: 'GetServiceLinkedRoleDeletionStatus', title: 'of any task', expected: 'NoSuchEntity', prepare: nothing({ DeletionTaskId: 'task/aws-service-role/x/y/z' }) },
  ...absent('ListSSHPublicKeys'),
  ...absent('ListSigningCertificates'),
  ...absent('ListServiceSpecificCredentials'),
  { operation: 'ListServerCertificates', title: 'by path', expected: 'ok', prepare: nothing({ PathPrefix: '/x' }) },
  { operation: 'ListServerCertificates', title: 'with a Marker', expected: 'ValidationError', prepare: nothing({ Marker: 'no such marker' }) },
];
