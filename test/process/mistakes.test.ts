import { once } from 'node:events';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';

import { commandAs, isRoot, run, unprivilegedAccount, type Account } from '../../src/kernel/postgres-account.js';
import { MASTER_KEY } from '../support/app.js';
import { scratchDatabase, type ScratchDatabase } from '../support/database.js';
import { Program, repository, stillRunning } from '../support/program.js';

jest.setTimeout(300_000);

const OTHER_KEY = Buffer.alloc(32, 7).toString('base64');
const NOBODY_LISTENS = 'postgres://someone:pa55word@127.0.0.1:1/stint';

type Env = Readonly<Record<string, string>>;

/** Asserts that it does not start and says why in one line. */
async function refusal(program: Program): Promise<string> {
  expect(await program.end()).toEqual({ code: 1, signal: null });
  expect(program.err).toEqual([expect.stringMatching(/^stint: \S.*\S$/)]);
  expect(program.out).toEqual([]);
  return program.err[0]!;
}

/** An account that file modes bind: ourselves, or, where we are root, another if it can run the program at all. */
async function boundAccount(): Promise<Account | undefined | 'none'> {
  if (!isRoot()) return undefined;
  const account = await unprivilegedAccount();
  const program = join(repository, 'dist', 'src', 'main.js');
  const trial = await run(commandAs(account, process.execPath, ['--check', program]));
  return trial.ok ? account : 'none';
}

describe('a start-up mistake', () => {
  let folder: string;
  let database: ScratchDatabase;
  let busy: Server;

  const dataDir = (): string => join(folder, randomName());
  const randomName = (): string => `data-${(count += 1)}`;
  let count = 0;
  const busyPort = (): string => String((busy.address() as AddressInfo).port);

  beforeAll(async () => {
    folder = await Program.folder();
    database = await scratchDatabase();
    busy = createServer().listen(0, '127.0.0.1');
    await once(busy, 'listening');
    await writeFile(join(folder, 'short.key'), 'AAAA\n');
  });
  afterAll(async () => {
    await Program.cleanUp();
    busy.close();
    await database.drop();
  });

  it.each<{ what: string; env: () => Env; says: RegExp }>([
    { what: 'DATABASE_URL without a master key', env: () => ({ DATABASE_URL: database.url }), says: /DATABASE_URL is set but there is no master key: set STINT_MASTER_KEY/ },
    { what: 'a database that cannot be reached', env: () => ({ DATABASE_URL: NOBODY_LISTENS, STINT_MASTER_KEY: MASTER_KEY }), says: /The database cannot be reached: .*ECONNREFUSED.*Check DATABASE_URL/ },
    { what: 'a DATABASE_URL of another kind', env: () => ({ DATABASE_URL: 'mysql://db/stint', STINT_MASTER_KEY: MASTER_KEY }), says: /DATABASE_URL: must begin with postgres:/ },
    { what: 'a master key that is too short', env: () => ({ STINT_MASTER_KEY: 'c2hvcnQ=' }), says: /STINT_MASTER_KEY is not a master key: expected exactly 32 bytes in base64/ },
    { what: 'a master key file with something else in it', env: () => ({ STINT_MASTER_KEY_FILE: join(folder, 'short.key') }), says: /master key file \S+short\.key .*is not a master key/ },
    { what: 'a master key file that is not there', env: () => ({ STINT_MASTER_KEY_FILE: join(folder, 'no.key') }), says: /The master key file \S+no\.key .*cannot be read: .*ENOENT/ },
    { what: 'a master key given twice', env: () => ({ STINT_MASTER_KEY: MASTER_KEY, STINT_MASTER_KEY_FILE: join(folder, 'short.key') }), says: /are both set: set one of them/ },
    { what: 'settings with bad values', env: () => ({ STINT_PORT: 'http', STINT_LOG_LEVEL: 'loud', STINT_BOOTSTRAP_ACCOUNT_ID: '12' }), says: /STINT_PORT: .*; STINT_BOOTSTRAP_ACCOUNT_ID: must have exactly 12 digits; STINT_LOG_LEVEL: / },
    { what: 'half a bootstrap access key', env: () => ({ STINT_BOOTSTRAP_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE' }), says: /belong together: set both or neither/ },
    { what: 'a port that is taken', env: () => ({ DATABASE_URL: database.url, STINT_MASTER_KEY: MASTER_KEY, STINT_PORT: busyPort() }), says: /Cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\)\. Another process uses it/ },
    { what: 'an address of another machine', env: () => ({ DATABASE_URL: database.url, STINT_MASTER_KEY: MASTER_KEY, STINT_HOST: '192.0.2.1' }), says: /Cannot listen on 192\.0\.2\.1:0 \(EADDRNOTAVAIL\)\. Set STINT_HOST/ },
  ])('is one clear line: $what', async ({ env, says }) => {
    const line = await refusal(Program.run(dataDir(), { env: env() }));
    expect(line).toMatch(says);
    expect(line).not.toContain('pa55word');
  });

  it('is one clear line: another master key than the one that filled the database', async () => {
    const filled = await scratchDatabase();
    const first = await Program.started(dataDir(), { DATABASE_URL: filled.url, STINT_MASTER_KEY: MASTER_KEY });
    await first.stop();
    expect(await refusal(Program.run(first.dataDir, { env: { DATABASE_URL: filled.url, STINT_MASTER_KEY: OTHER_KEY } }))).toMatch(/does not open the keys in this database: use the STINT_MASTER_KEY that/);
    await filled.drop();
  });

  it('is one clear line: a master key file that is missing beside its database, of which nothing is lost', async () => {
    const first = await Program.started(dataDir());
    const root = await first.root();
    await first.stop();
    const file = join(first.dataDir, 'master.key');
    await rm(file);
    expect(await refusal(Program.run(first.dataDir))).toMatch(/The master key \S+master\.key is missing, and without it the database in \S+ cannot be read: restore the file/);
    await expect(writeFile(file, '', { flag: 'wx' })).resolves.toBeUndefined();
    expect(await refusal(Program.run(first.dataDir))).toMatch(/master\.key is not a master key/);
    expect(await first.root()).toEqual(root);
  });

  it('is one clear line, and leaves no database running: a port that is taken beside the embedded database', async () => {
    const first = await Program.started(dataDir());
    await first.stop();
    const program = Program.run(first.dataDir, { env: { STINT_PORT: busyPort() } });
    expect(await refusal(program)).toContain('EADDRINUSE');
    await expect(program.postgresPid()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is one clear line: a data folder that another Stint uses, which it does not disturb', async () => {
    const first = await Program.started(dataDir());
    const pids = await first.pids();
    expect(await refusal(Program.run(first.dataDir))).toMatch(new RegExp(`is in use by process ${first.pid}; stop that process first`));
    expect(await stillRunning(pids)).toEqual(pids);
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
  });

  it('is one clear line: a data folder that is a file', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    expect(await refusal(Program.run(file))).toMatch(/Cannot write \S+: .*STINT_DATA_DIR/);
  });

  it('is one clear line: a data folder that may not be written', async () => {
    const account = await boundAccount();
    if (account === 'none') {
      process.stderr.write('not tried as an ordinary user, because that user cannot enter this checkout\n');
      return;
    }
    const closed = join(folder, 'closed');
    await mkdir(closed);
    await chmod(closed, 0o555);
    const identity = account === undefined ? {} : { identity: account };
    expect(await refusal(Program.run(join(closed, 'data'), identity))).toMatch(/Cannot write \S+: EACCES.*STINT_DATA_DIR/);
    expect(await refusal(Program.run(closed, identity))).toMatch(/Cannot write \S+: EACCES.*STINT_DATA_DIR/);
  });
});
