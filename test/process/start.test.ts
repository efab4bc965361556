import { watch } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { on } from 'node:events';
import { join } from 'node:path';

import { Child, Program, repository, stillRunning } from '../support/program.js';
import { trustedUser, whoIs } from '../support/story.js';
import { itWhere, runs } from '../support/where.js';

jest.setTimeout(300_000);

afterAll(() => Program.cleanUp());

const freshDir = async (): Promise<string> => join(await Program.folder(), 'data');
const modeOf = async (file: string): Promise<number> => (await stat(file)).mode & 0o777;

describe('the first start', () => {
  let program: Program;

  beforeAll(async () => {
    program = await Program.started(await freshDir());
  });

  it('says on standard error, once, how to use it, and shows the root access key', async () => {
    const { accessKeyId, secretAccessKey } = await program.root();
    const lines = program.err.join('\n');
    expect(lines.match(/aws .*sts get-caller-identity/g)).toHaveLength(1);
    expect(lines).toMatch(/The management account is \d{12};/);
    expect(lines.split(accessKeyId)).toHaveLength(2);
    expect(lines.split(secretAccessKey)).toHaveLength(2);
  });

  it('leaves files for AWS clients, the master key and the database password to their owner alone', async () => {
    const files = [program.files.config, program.files.credentials, join(program.dataDir, 'master.key')];
    expect(await Promise.all(files.map(modeOf))).toEqual([0o600, 0o600, 0o600]);
  });

  itWhere(runs('aws', ['--version']), 'there is no AWS CLI')('prints a line for the AWS CLI that works when it is pasted', async () => {
    const [line = ''] = /AWS_CONFIG_FILE=.*/.exec(program.err.join('\n')) ?? [];
    const pasted = new Child({ file: '/bin/sh', args: ['-c', line] });
    expect({ ended: await pasted.end(), err: pasted.err }).toEqual({ ended: { code: 0, signal: null }, err: [] });
    expect(JSON.parse(pasted.out.join('\n'))).toMatchObject({ Arn: expect.stringMatching(/^arn:aws:iam::\d{12}:root$/) });
  });

  it('leaves files that an unmodified AWS SDK finds endpoint, region and credentials in', async () => {
    const client = new Child({
      file: process.execPath,
      args: ['--input-type=module', '--eval', "import { STS } from '@aws-sdk/client-sts'; console.log(JSON.stringify(await new STS({}).getCallerIdentity({})));"],
      env: { AWS_CONFIG_FILE: program.files.config, AWS_SHARED_CREDENTIALS_FILE: program.files.credentials, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
      cwd: repository,
    });
    expect({ ended: await client.end(), err: client.err }).toEqual({ ended: { code: 0, signal: null }, err: [] });
    expect(JSON.parse(client.out.join('\n'))).toMatchObject({ Arn: expect.stringMatching(/^arn:aws:iam::\d{12}:root$/) });
  });
});

describe('a stop', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('on %s ends every process, and the next start finds the same data and keeps the secret to itself', async (signal) => {
    const first = await Program.started(await freshDir());
    const root = await first.root();
    const { user, userArn } = await trustedUser(first.url, root);
    const pids = await first.pids();
    expect(await first.stop(signal)).toEqual({ code: 0, signal: null });
    expect(await stillRunning(pids)).toEqual([]);

    const second = await Program.started(first.dataDir);
    expect(await whoIs(second.url, user)).toBe(userArn);
    expect(await second.root()).toEqual(root);
    expect([...second.err, ...second.out].join('\n')).not.toContain(root.secretAccessKey);
    expect(await second.stop(signal)).toEqual({ code: 0, signal: null });
  });

  it('takes the same signal that arrives twice at once, as Ctrl-C under npm does, for one', async () => {
    const program = await Program.started(await freshDir());
    const pids = await program.pids();
    program.kill('SIGINT');
    program.kill('SIGINT');
    await program.line(program.out, /"stopping"/);
    program.kill('SIGINT');
    expect(await program.end()).toEqual({ code: 0, signal: null });
    expect(await stillRunning(pids)).toEqual([]);
  });

  it('in the middle of the first start leaves nothing running, and the next start completes it', async () => {
    const dataDir = await freshDir();
    await mkdir(dataDir);
    const watcher = watch(dataDir);
    const changes = on(watcher, 'change') as AsyncIterable<[string, string]>;
    const interrupted = Program.run(dataDir);
    for await (const [, name] of changes) if (name === 'postgres') break;
    watcher.close();
    expect(await interrupted.stop()).toEqual({ code: 0, signal: null });

    const program = await Program.started(dataDir);
    const root = await program.root();
    expect(program.err.join('\n')).toContain(root.secretAccessKey);
    expect(await whoIs(program.url, root)).toMatch(/:root$/);
  });
});

describe('the bootstrap settings', () => {
  it('decide account and root access key, which the files receive and the greeting does not repeat', async () => {
    const given = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
    const program = await Program.started(await freshDir(), {
      STINT_BOOTSTRAP_ACCOUNT_ID: '123456789012',
      STINT_BOOTSTRAP_ACCESS_KEY_ID: given.accessKeyId,
      STINT_BOOTSTRAP_SECRET_ACCESS_KEY: given.secretAccessKey,
    });
    expect(await program.root()).toEqual(given);
    expect(await whoIs(program.url, given)).toBe('arn:aws:iam::123456789012:root');
    expect([...program.err, ...program.out].join('\n')).not.toContain(given.secretAccessKey);
    expect(await modeOf(program.files.credentials)).toBe(0o600);
  });
});

describe('two programs at once', () => {
  it('serve two data folders without knowing of each other', async () => {
    const [one, other] = await Promise.all([Program.started(await freshDir()), Program.started(await freshDir())]);
    const [mine, theirs] = await Promise.all([one.root(), other.root()]);
    const accounts = await Promise.all([whoIs(one.url, mine), whoIs(other.url, theirs)]);
    expect(new Set(accounts).size).toBe(2);
    await expect(whoIs(one.url, theirs)).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
    await expect(whoIs(other.url, mine)).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
  });

  it('of one data folder leave it to the one that came first, from its first start on', async () => {
    const dataDir = await freshDir();
    const both = [Program.run(dataDir), Program.run(dataDir)];
    const outcomes = await Promise.all(both.map((program) => program.greeted().then(() => 'serves', () => program.end())));
    expect(outcomes).toContain('serves');
    expect(outcomes).toContainEqual({ code: 1, signal: null });
    const winner = both[outcomes.indexOf('serves')]!;
    const loser = both.find((program) => program !== winner)!;
    expect(loser.err).toEqual([expect.stringMatching(/^stint: \S+ is in use by process \d+; /)]);
    const root = await winner.root();
    await winner.stop();

    // Opens only with the master key that the winner used.
    const program = await Program.started(dataDir);
    expect(await whoIs(program.url, root)).toMatch(/:root$/);
  });
});
