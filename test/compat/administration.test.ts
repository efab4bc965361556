import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  CreateAccessKeyCommand,
  CreateLoginProfileCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  CreateUserCommand,
  CreateVirtualMFADeviceCommand,
  DeletePolicyCommand,
  DeleteUserCommand,
  EnableMFADeviceCommand,
  GetPolicyVersionCommand,
  IAMClient,
  ListAccessKeysCommand,
  ListGroupsCommand,
  ListInstanceProfilesCommand,
  ListPoliciesCommand,
  ListPolicyVersionsCommand,
  ListRolesCommand,
  ListUsersCommand,
  ListVirtualMFADevicesCommand,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import decode, { type QRCode } from 'jsqr';
import { PNG } from 'pngjs';

import { Secret } from '../../src/domain/secret.js';
import { formatAmzDate, sign } from '../../src/domain/sigv4.js';
import { until } from '../support/outage.js';
import { Child, Program, type Ended, type RootKeys } from '../support/program.js';
import { fromBase32, totp } from '../support/totp.js';
import { itWhere, runs } from '../support/where.js';
import { allows, trusts } from '../support/world.js';

jest.setTimeout(600_000);

const read = decode as unknown as (data: Uint8ClampedArray, width: number, height: number) => QRCode | null;
const hasCli = runs('bash', ['--version']) && runs('aws', ['--version']);
const itWithCli = itWhere(hasCli, 'there is no AWS CLI or no bash');

/** The jobs of an administrator, with the real CLI, against a Stint that has just been started. */
describe('the AWS CLI', () => {
  let program: Program;
  let folder: string;
  let iam: IAMClient;
  const clients: { destroy(): void }[] = [];

  beforeAll(async () => {
    folder = await Program.folder();
    program = await Program.started(join(folder, 'data'));
    iam = iamOf(await program.root());
  });
  afterAll(async () => {
    for (const client of clients) client.destroy();
    await Program.cleanUp();
  });

  const options = (keys: RootKeys): object => ({ endpoint: program.url, region: 'us-east-1', credentials: { ...keys } });
  function iamOf(keys: RootKeys): IAMClient {
    const client = new IAMClient(options(keys));
    clients.push(client);
    return client;
  }
  function stsOf(keys: RootKeys): STSClient {
    const client = new STSClient(options(keys));
    clients.push(client);
    return client;
  }

  interface Done {
    readonly ended: Ended;
    readonly out: readonly string[];
    readonly err: readonly string[];
  }

  async function run(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<Done> {
    const child = new Child({ file, args, env: { STINT_DATA_DIR: program.dataDir, AWS_MAX_ATTEMPTS: '1', ...env } });
    return { ended: await child.end(), out: child.out, err: child.err };
  }

  /** Runs one of the scripts, which must succeed; what it prints. */
  async function job(name: string, ...args: string[]): Promise<readonly string[]> {
    const done = await run('bash', [join('examples', 'iam', `${name}.sh`), ...args]);
    expect(done).toMatchObject({ ended: { code: 0, signal: null } });
    return done.out;
  }

  /** The same where it must fail; what it says. */
  async function refusedJob(name: string, ...args: string[]): Promise<string> {
    const { ended, out, err } = await run('bash', [join('examples', 'iam', `${name}.sh`), ...args]);
    expect([ended.code === 0, out]).toEqual([false, []]);
    return err.join('\n');
  }

  /** The keys in a section of a credentials file. */
  function keysIn(lines: readonly string[], profile: string): RootKeys {
    expect(lines).toEqual([`[${profile}]`, expect.stringMatching(/^aws_access_key_id = AKIA[A-Z2-7]{16}$/), expect.stringMatching(/^aws_secret_access_key = \S{40}$/)]);
    const [, accessKeyId = '', secretAccessKey = ''] = lines.map((line) => line.split(' = ')[1] ?? '');
    return { accessKeyId, secretAccessKey };
  }

  const outcome = (sent: Promise<unknown>): Promise<string> => sent.then(() => 'ok', (error: unknown) => (error as Error).name);
  const whoIs = (keys: RootKeys): Promise<string> => outcome(stsOf(keys).send(new GetCallerIdentityCommand()));

  /** Another account, made over REST; its root's keys. */
  async function otherAccount(): Promise<RootKeys & { account: string }> {
    const { accessKeyId, secretAccessKey } = await program.root();
    const body = JSON.stringify({ accountName: 'partner' });
    const amzDate = formatAmzDate(Date.now());
    const headers = { host: new URL(program.url).host, 'content-type': 'application/json', 'x-amz-date': amzDate };
    const request = { method: 'POST', path: '/v1/accounts', query: '', headers: Object.entries(headers), bodySha256: createHash('sha256').update(body).digest('hex') };
    const authorization = sign(request, { accessKeyId, secret: Secret.of(secretAccessKey), region: 'us-east-1', service: 'stint', amzDate });
    const { host: _, ...sent } = headers;
    const answer = await fetch(`${program.url}/v1/accounts`, { method: 'POST', headers: { ...sent, authorization }, body });
    const { account, rootAccessKey } = (await answer.json()) as { account: { accountId: string }; rootAccessKey: RootKeys };
    return { account: account.accountId, ...rootAccessKey };
  }

  async function whatIsLeft(): Promise<unknown[]> {
    const { Users = [] } = await iam.send(new ListUsersCommand());
    const { Groups = [] } = await iam.send(new ListGroupsCommand());
    const { Roles = [] } = await iam.send(new ListRolesCommand());
    const { Policies = [] } = await iam.send(new ListPoliciesCommand({ Scope: 'Local' }));
    const { InstanceProfiles = [] } = await iam.send(new ListInstanceProfilesCommand());
    const { VirtualMFADevices = [] } = await iam.send(new ListVirtualMFADevicesCommand());
    return [...Users, ...Groups, ...Roles, ...Policies, ...InstanceProfiles, ...VirtualMFADevices];
  }

  itWithCli('adds a user with a key to a group, rotates the key, and removes both', async () => {
    const ReadOnly = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
    const first = keysIn(await job('add-user', 'alice', 'readers', ReadOnly), 'alice');
    expect(await outcome(iamOf(first).send(new ListUsersCommand()))).toBe('ok');

    expect(await refusedJob('rotate-key', 'alice', first.accessKeyId)).toContain('has no other key');
    const second = keysIn(await job('rotate-key', 'alice'), 'alice');
    expect(await refusedJob('rotate-key', 'alice')).toContain('(LimitExceeded)');
    expect([await whoIs(first), await whoIs(second)]).toEqual(['ok', 'ok']);
    await job('rotate-key', 'alice', first.accessKeyId);
    expect([await whoIs(first), await whoIs(second)]).toEqual(['InvalidClientTokenId', 'ok']);
    expect((await iam.send(new ListAccessKeysCommand({ UserName: 'alice' }))).AccessKeyMetadata).toHaveLength(1);

    await job('remove', 'group', 'readers');
    expect(await outcome(iamOf(second).send(new ListUsersCommand()))).toBe('AccessDenied');
    await job('remove', 'user', 'alice');
    expect(await refusedJob('remove', 'user', 'alice')).toContain('(NoSuchEntity)');
    expect(await whatIsLeft()).toEqual([]);
  });

  itWithCli('removes a user who has a password and an MFA device', async () => {
    await iam.send(new CreateUserCommand({ UserName: 'dora' }));
    await iam.send(new CreateLoginProfileCommand({ UserName: 'dora', Password: 'First-password-1' }));
    const { VirtualMFADevice: made } = await iam.send(new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: 'phone' }));
    const seed = fromBase32(Buffer.from(made?.Base32StringSeed ?? []).toString('ascii'));
    const now = new Date();
    await iam.send(new EnableMFADeviceCommand({ UserName: 'dora', SerialNumber: made?.SerialNumber, AuthenticationCode1: totp(seed, now, -30), AuthenticationCode2: totp(seed, now) }));
    await job('remove', 'user', 'dora');
    expect(await whatIsLeft()).toEqual([]);
  });

  itWithCli('shares a role with another account, which needs the external id', async () => {
    const partner = await otherAccount();
    const [RoleArn = ''] = await job('share-role', 'auditor', partner.account, 'agreed-1', 'arn:aws:iam::aws:policy/SecurityAudit');
    const theirs = iamOf(partner);
    await theirs.send(new CreateUserCommand({ UserName: 'eve' }));
    await theirs.send(new PutUserPolicyCommand({ UserName: 'eve', PolicyName: 'audit', PolicyDocument: JSON.stringify(allows('sts:AssumeRole', RoleArn)) }));
    const { AccessKey } = await theirs.send(new CreateAccessKeyCommand({ UserName: 'eve' }));
    const eve = stsOf({ accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' });
    const assume = (ExternalId: string): Promise<string> => outcome(eve.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'audit', ExternalId })));
    expect([await assume('agreed-1'), await assume('agreed-2')]).toEqual(['ok', 'AccessDenied']);
    await job('share-role', 'auditor', partner.account, 'agreed-2', 'arn:aws:iam::aws:policy/SecurityAudit');
    expect([await assume('agreed-1'), await assume('agreed-2')]).toEqual(['AccessDenied', 'ok']);
    await job('remove', 'role', 'auditor');
    expect(await whatIsLeft()).toEqual([]);
  });

  itWithCli('changes a managed policy that has five versions, brings one back, and bounds a user with it', async () => {
    const file = join(folder, 'policy.json');
    const document = JSON.stringify(allows('iam:GetUser'));
    await writeFile(file, document);
    const [arn = ''] = await job('change-policy', 'deployers', file);
    for (const isDefault of [false, false, false, true]) await iam.send(new CreatePolicyVersionCommand({ PolicyArn: arn, PolicyDocument: document, SetAsDefault: isDefault }));
    await writeFile(file, JSON.stringify(allows('iam:*')));
    expect(await job('change-policy', 'deployers', file)).toEqual([arn]);
    const versions = async (): Promise<unknown> => (await iam.send(new ListPolicyVersionsCommand({ PolicyArn: arn }))).Versions?.map(({ VersionId, IsDefaultVersion }) => `${String(VersionId)}${IsDefaultVersion === true ? '*' : ''}`);
    expect(await versions()).toEqual(['v6*', 'v5', 'v4', 'v3', 'v2']);
    const { PolicyVersion } = await iam.send(new GetPolicyVersionCommand({ PolicyArn: arn, VersionId: 'v6' }));
    expect(JSON.parse(decodeURIComponent(PolicyVersion?.Document ?? ''))).toEqual(allows('iam:*'));
    expect(await refusedJob('change-policy', 'deployers', 'v1')).toContain('(NoSuchEntity)');

    const keys = keysIn(await job('add-user', 'carol', 'deployers', arn), 'carol');
    const list = (): Promise<string> => outcome(iamOf(keys).send(new ListUsersCommand()));
    expect(await list()).toBe('ok');
    await job('change-policy', 'deployers', 'v3');
    expect(await versions()).toEqual(['v6', 'v5', 'v4', 'v3*', 'v2']);
    expect(await list()).toBe('AccessDenied');
    await job('change-policy', 'deployers', 'v6');

    expect(await job('bound-user', 'carol', 'arn:aws:iam::aws:policy/ReadOnlyAccess', 'iam:ListUsers', 'iam:CreateUser')).toEqual(['iam:ListUsers\tallowed', 'iam:CreateUser\timplicitDeny']);
    const create = (): Promise<string> => outcome(iamOf(keys).send(new CreateUserCommand({ UserName: 'carol-2' })));
    expect([await list(), await create()]).toEqual(['ok', 'AccessDenied']);
    expect(await job('bound-user', 'carol', 'none', 'iam:CreateUser')).toEqual(['iam:CreateUser\tallowed']);

    // A policy that bounds somebody stays; that it does not say so by itself is why the script does not take it away.
    await job('bound-user', 'carol', arn);
    expect(await refusedJob('remove', 'policy', arn)).toContain('(DeleteConflict)');
    await job('bound-user', 'carol', 'none');
    for (const [kind, name] of [['policy', arn], ['user', 'carol'], ['group', 'deployers']] as const) await job('remove', kind, name);
    expect(await whatIsLeft()).toEqual([]);
  });

  itWithCli('waits for what is there, and gives machines a role', async () => {
    const aws = (...args: string[]): Promise<Done> => run('aws', ['--endpoint-url', program.url, 'iam', ...args], { AWS_CONFIG_FILE: program.files.config, AWS_SHARED_CREDENTIALS_FILE: program.files.credentials });
    await job('give-machine-role', 'web', 'arn:aws:iam::aws:policy/ReadOnlyAccess');
    const { Policy } = await iam.send(new CreatePolicyCommand({ PolicyName: 'waited-for', PolicyDocument: JSON.stringify(allows('iam:GetUser')) }));
    const policy = Policy?.Arn ?? '';
    // The user comes only while he is waited for: an answer of NoSuchEntity is what makes the waiter go on.
    const waiting = aws('wait', 'user-exists', '--user-name', 'late');
    await until('the waiter has been told that there is no such user', async () => (await program.sql("SELECT 1 FROM audit_event WHERE event_name = 'GetUser' AND outcome = 'refused'")).length > 0);
    await iam.send(new CreateUserCommand({ UserName: 'late' }));
    const waits = [waiting, aws('wait', 'role-exists', '--role-name', 'web'), aws('wait', 'instance-profile-exists', '--instance-profile-name', 'web'), aws('wait', 'policy-exists', '--policy-arn', policy)];
    expect(await Promise.all(waits)).toEqual(waits.map(() => ({ ended: { code: 0, signal: null }, out: [], err: [] })));
    for (const [kind, name] of [['profile', 'web'], ['role', 'web']] as const) await job('remove', kind, name);
    await iam.send(new DeletePolicyCommand({ PolicyArn: policy }));
    await iam.send(new DeleteUserCommand({ UserName: 'late' }));
    expect(await whatIsLeft()).toEqual([]);
  });

  itWithCli('gives a user an MFA device, with which he starts a session and assumes a role', async () => {
    const picture = join(folder, 'dora.png');
    const keys = keysIn(await job('add-user', 'dora', 'careful', 'arn:aws:iam::aws:policy/ReadOnlyAccess'), 'dora');
    const [serial = ''] = await job('add-mfa', 'dora', picture);
    const { data, width, height } = PNG.sync.read(await readFile(picture));
    const seed = fromBase32(new URL(read(new Uint8ClampedArray(data), width, height)?.data ?? '').searchParams.get('secret') ?? '');
    // The clock is the real one, so codes come from a step before, now, and a step after: all are accepted, whatever goes by meanwhile.
    const began = new Date();
    const code = (steps: number): string => totp(seed, began, 30 * steps);
    expect(await job('add-mfa', 'dora', code(-1), code(0))).toEqual([serial]);
    const env = { AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: keys.secretAccessKey, STINT_ENDPOINT: program.url };
    const session = await run('bash', [join('examples', 'iam', 'mfa-session.sh'), code(1)], env);
    expect(session).toMatchObject({ ended: { code: 0, signal: null } });
    const [section, ...members] = session.out;
    const [accessKeyId = '', secretAccessKey = '', sessionToken = ''] = members.map((line) => line.split(' = ')[1] ?? '');
    expect([section, accessKeyId]).toEqual(['[mfa]', expect.stringMatching(/^ASIA/)]);
    const role = { RoleName: 'vault', AssumeRolePolicyDocument: JSON.stringify(trusts(serial.replace(':mfa/', ':user/'), { Bool: { 'aws:MultiFactorAuthPresent': 'true' } })) };
    const { Role } = await iam.send(new CreateRoleCommand(role));
    await iam.send(new PutUserPolicyCommand({ UserName: 'dora', PolicyName: 'assume', PolicyDocument: JSON.stringify(allows('sts:AssumeRole')) }));
    const assume = (with_: RootKeys & { sessionToken?: string }): Promise<string> => outcome(stsOf(with_).send(new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: 'work' })));
    expect([await assume(keys), await assume({ accessKeyId, secretAccessKey, sessionToken })]).toEqual(['AccessDenied', 'ok']);
    const again = await run('bash', [join('examples', 'iam', 'mfa-session.sh'), code(1)], env);
    expect([again.ended.code === 0, again.out, again.err.join('\n')]).toEqual([false, [], expect.stringContaining('MultiFactorAuthentication failed with invalid MFA one time pass code.')]);
    for (const [kind, name] of [['user', 'dora'], ['group', 'careful'], ['role', 'vault']] as const) await job('remove', kind, name);
    expect(await whatIsLeft()).toEqual([]);
    expect((await iam.send(new ListVirtualMFADevicesCommand())).VirtualMFADevices).toEqual([]);
  });

  itWithCli('is told what is wrong by a script that is called wrongly', async () => {
    for (const name of ['add-user', 'rotate-key', 'share-role', 'change-policy', 'bound-user', 'give-machine-role', 'add-mfa', 'mfa-session', 'remove']) expect(await refusedJob(name)).toContain('usage: ');
    expect(await refusedJob('remove', 'account', 'x')).toContain('there is no kind account');
    expect(await refusedJob('change-policy', 'none', 'v1')).toContain('there is neither');
    expect(await whatIsLeft()).toEqual([]);
  });
});
