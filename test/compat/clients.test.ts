import { join } from 'node:path';

import { ListRolesCommand, ListUsersCommand, IAMClient } from '@aws-sdk/client-iam';

import { Child, Program } from '../support/program.js';
import { itWhere, runs } from '../support/where.js';

jest.setTimeout(600_000);

const hasCli = runs('bash', ['--version']) && runs('aws', ['--version']);
const hasBoto3 = runs('python3', ['-c', 'import boto3']);
const STORY = [/^== Who am I\?/, /:user\/quickstart-/, /^ASIA[A-Z2-7]{16}, until 20/, /:assumed-role\/quickstart-\S+-role\/quickstart/, /AccessDenied/, /InvalidClientTokenId/, /^== All of it worked$/, /^== Clean up$/];

/** The examples, as a new user runs them against a Stint that has just been started. */
describe('an example', () => {
  let program: Program;

  beforeAll(async () => {
    program = await Program.started(join(await Program.folder(), 'data'));
  });
  afterAll(() => Program.cleanUp());

  async function tell(file: string, args: readonly string[]): Promise<void> {
    const example = new Child({ file, args, env: { STINT_DATA_DIR: program.dataDir } });
    expect({ ended: await example.end(), err: example.err, out: example.out }).toMatchObject({ ended: { code: 0, signal: null }, err: [] });
    for (const pattern of STORY) expect(example.out).toContainEqual(expect.stringMatching(pattern));
  }

  async function whatIsLeft(): Promise<unknown> {
    const iam = new IAMClient({ endpoint: program.url, region: 'us-east-1', credentials: await program.root() });
    const [users, roles] = await Promise.all([iam.send(new ListUsersCommand()), iam.send(new ListRolesCommand())]);
    iam.destroy();
    return [...(users.Users ?? []), ...(roles.Roles ?? [])];
  }

  itWhere(hasCli, 'there is no AWS CLI or no bash')('for the AWS CLI tells the whole story, twice, and leaves nothing behind', async () => {
    await tell('bash', [join('examples', 'quickstart.sh')]);
    await tell('bash', [join('examples', 'quickstart.sh'), program.url]);
    expect(await whatIsLeft()).toEqual([]);
  });

  itWhere(hasBoto3, 'there is no python3 with boto3')('for boto3 tells the whole story, twice, and leaves nothing behind', async () => {
    await tell('python3', [join('examples', 'quickstart.py')]);
    await tell('python3', [join('examples', 'quickstart.py'), program.url]);
    expect(await whatIsLeft()).toEqual([]);
  });

  itWhere(hasCli, 'there is no AWS CLI or no bash')('for the AWS CLI ends with a failure where Stint is not there', async () => {
    const example = new Child({ file: 'bash', args: [join('examples', 'quickstart.sh'), 'http://127.0.0.1:1'], env: { STINT_DATA_DIR: program.dataDir, AWS_MAX_ATTEMPTS: '1' } });
    expect(await example.end()).not.toMatchObject({ code: 0 });
    expect(example.out).not.toContain('== All of it worked');
  });
});
