import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lchown, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { commandAs, leashedAs, run } from './postgres-account.js';
import { type Binaries, findBinaries } from './postgres-binaries.js';
import { factsOfFile, type PostgresHome, reason, settle } from './postgres-folder.js';
import { endProcess, stopLeftover } from './postgres-leftover.js';
import { Claim, codeOf } from './postgres-owner.js';
import { StartupError } from './startup-error.js';

/** What to start. */
export interface EmbeddedPostgresOptions {
  /** The data folder; made at the first start. */
  readonly dir: string;
  /** PostgreSQL settings, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Give up durability for speed; for tests. */
  readonly noSync?: boolean;
  /** Receives every line that PostgreSQL logs. */
  readonly log?: (line: string) => void;
  /** Stop PostgreSQL when this process is killed; default true. False is what systems without setpriv get. */
  readonly leash?: boolean;
}

/** Where and as whom to connect. */
export interface PostgresAddress {
  /** The folder of the unix socket. */
  readonly host: string;
  /** Only names the socket file: nothing listens on the network. */
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** How PostgreSQL ended that nobody had asked to stop. */
export interface PostgresExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of its log. */
  readonly lastLines: readonly string[];
}

const port = 5432;
const superuser = 'postgres';
const startMilliseconds = 300_000;

/**
 * A real PostgreSQL that this process starts, owns and stops. It listens on a unix socket only and asks for
 * a random password. It ends with this process, `kill -9` included; where the system cannot arrange that,
 * the next start ends it. See `settle` for where the data lie.
 */
export class EmbeddedPostgres {
  private stopping: Promise<void> | undefined;

  private constructor(
    readonly address: PostgresAddress,
    private readonly server: Server,
    private readonly home: PostgresHome,
    private readonly claim: Claim,
  ) {}

  /** Starts the database in `options.dir`; makes it if it is not there yet. */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const home = await settle(options.dir);
    const claim = await Claim.take(home.folder);
    try {
      await stopLeftover(home);
      const binaries = await findBinaries({ account: home.account, copies: home.copies, major: await majorOf(home) });
      const launch: Launch = { home, binaries, options, as: await launcher(home, options) };
      const password = await passwordOf(home);
      if ((await majorOf(home)) === undefined) await initialise(launch, claim.generation);
      const server = await Server.start(launch);
      const address = { host: home.socket, port, user: superuser, password, database: 'postgres' };
      return new EmbeddedPostgres(address, server, home, claim);
    } catch (error) {
      await claim.release();
      throw error;
    }
  }

  /** Resolves if PostgreSQL ends without `stop` having been called; else never. */
  get exited(): Promise<PostgresExit> {
    return this.server.died;
  }

  /** Where the data really lie. */
  get folder(): string {
    return this.home.folder;
  }

  /** The process id of PostgreSQL. */
  get pid(): number {
    return this.server.pid;
  }

  /** Stops PostgreSQL; open connections are cut, committed work is kept. */
  stop(): Promise<void> {
    this.stopping ??= this.shutDown();
    return this.stopping;
  }

  private async shutDown(): Promise<void> {
    await this.server.stop();
    // Only empty after a clean stop; what else is in there the next start clears.
    if (dirname(this.home.socket) !== this.home.folder) await rmdir(this.home.socket).catch(() => undefined);
    await this.claim.release();
  }
}

/** The connection URL of a database on an embedded server; for pg and TypeORM. */
export function addressUrl(address: PostgresAddress, database: string): string {
  const [user, password, host] = [address.user, address.password, address.host].map(encodeURIComponent);
  return `postgres://${user}:${password}@/${encodeURIComponent(database)}?host=${host}&port=${address.port}`;
}

interface Launch {
  readonly home: PostgresHome;
  readonly binaries: Binaries;
  readonly options: EmbeddedPostgresOptions;
  readonly as: typeof commandAs;
}

async function launcher(home: PostgresHome, options: EmbeddedPostgresOptions): Promise<typeof commandAs> {
  if (options.leash === false) return commandAs;
  return (await leashedAs(home.account)) ?? commandAs;
}

/** The version that made the data; undefined when there are none. */
async function majorOf(home: PostgresHome): Promise<number | undefined> {
  const text = await readFile(join(home.data, 'PG_VERSION'), 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new StartupError(`cannot read the database in ${home.data}: ${reason(error)}`);
  });
  if (text !== undefined) return Number.parseInt(text, 10);
  if ((await factsOfFile(home.data)) !== undefined && (await readdir(home.data)).length > 0) {
    throw new StartupError(`${home.data} is neither empty nor a PostgreSQL data folder; move it away, or use another data folder`);
  }
  return undefined;
}

async function passwordOf(home: PostgresHome): Promise<string> {
  const existing = await readFile(home.password, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new StartupError(`cannot read the database password: ${reason(error)}`);
  });
  if (existing !== undefined) return existing.trim();
  if ((await majorOf(home)) !== undefined) {
    throw new StartupError(`${home.password} is missing, the password of the database beside it; put it back, or move ${home.data} away`);
  }
  const password = randomBytes(24).toString('base64url');
  const fresh = `${home.password}.new`;
  await rm(fresh, { force: true });
  await writeFile(fresh, `${password}\n`, { mode: 0o600, flag: 'wx' });
  // initdb reads it as that account.
  if (home.account !== undefined) await lchown(fresh, home.account.uid, home.account.gid);
  await rename(fresh, home.password);
  return password;
}

/** Makes the cluster beside its place and moves it there when complete, so that half of one is never used. */
async function initialise({ home, binaries, options, as }: Launch, generation: number): Promise<void> {
  await removeUnfinished(home);
  const fresh = `${home.data}.new-${generation}`;
  await mkdir(fresh, { mode: 0o700 });
  if (home.account !== undefined) await lchown(fresh, home.account.uid, home.account.gid);
  const args = ['-D', fresh, '-U', superuser, '--auth=scram-sha-256', `--pwfile=${home.password}`, '--encoding=UTF8', '--locale=C'];
  if (options.noSync === true) args.push('--no-sync');
  const outcome = await run(as(home.account, join(binaries.bin, 'initdb'), args));
  if (!outcome.ok) throw new StartupError(`initdb cannot make a database in ${fresh}: ${lastOf(outcome.stderr.split('\n'))}`);
  await rename(fresh, home.data);
}

async function removeUnfinished(home: PostgresHome): Promise<void> {
  const unfinished = (await readdir(home.folder)).filter((name) => name.startsWith(`${basename(home.data)}.new-`));
  // An initdb that lost its owner may still be writing there; then a later start removes it.
  await Promise.all(unfinished.map((name) => rm(join(home.folder, name), { recursive: true, force: true }).catch(() => undefined)));
}

/** The running postgres process. */
class Server {
  readonly died: Promise<PostgresExit>;
  private readonly ended: Promise<PostgresExit>;
  private stopAsked = false;

  private constructor(
    private readonly child: ChildProcess,
    readonly pid: number,
    lines: readonly string[],
  ) {
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        resolve({ code, signal, lastLines: [...lines] });
      });
    });
    this.died = new Promise((resolve) => {
      void this.ended.then((exit) => {
        if (!this.stopAsked) resolve(exit);
      });
    });
  }

  /** Starts postgres and waits until it accepts connections. */
  static async start(launch: Launch): Promise<Server> {
    const { home, binaries, options, as } = launch;
    const command = as(home.account, join(binaries.bin, 'postgres'), ['-D', home.data, ...settingArguments(home, options)]);
    const child = spawn(command.file, command.args, {
      ...command.options,
      stdio: ['ignore', 'ignore', 'pipe'],
      // In a session of its own: Ctrl-C in the terminal reaches only us, and we close the database last.
      detached: true,
    });
    const lines: string[] = [];
    const ready = readyLine(child, lines, options.log);
    if (child.pid === undefined) throw new StartupError(`PostgreSQL cannot be started: ${await ready}`);
    const server = new Server(child, child.pid, lines);
    const failure = await ready;
    if (failure !== undefined) {
      await server.stop();
      throw new StartupError(`PostgreSQL in ${home.data} did not start: ${failure}`);
    }
    server.detach();
    return server;
  }

  async stop(): Promise<void> {
    this.stopAsked = true;
    this.child.ref();
    const ended = await endProcess(
      async (milliseconds) => (await timely(this.ended, milliseconds)) !== undefined,
      (signal) => {
        // False when it has ended already; then its number may belong to somebody else.
        this.child.kill(signal);
      },
    );
    if (!ended) throw new Error(`PostgreSQL, process ${this.pid}, does not stop`);
  }

  /** Lets this process end while PostgreSQL runs; the leash or the next start sees to the rest. */
  private detach(): void {
    this.child.unref();
    (this.child.stderr as Socket).unref();
  }
}

function settingArguments(home: PostgresHome, options: EmbeddedPostgresOptions): string[] {
  const settings = {
    timezone: 'UTC',
    ...(options.noSync === true ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
    ...options.settings,
    // Last, because safety and our own reading of the log depend on them.
    listen_addresses: '',
    unix_socket_directories: `"${home.socket.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    port: String(port),
    log_destination: 'stderr',
    logging_collector: 'off',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Resolves when postgres accepts connections, or with the reason why it will not. */
function readyLine(child: ChildProcess, lines: string[], log: ((line: string) => void) | undefined): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve(`not ready after ${startMilliseconds / 1000} seconds: ${lastOf(lines)}`);
    }, startMilliseconds);
    const settle = (failure: string | undefined): void => {
      clearTimeout(timer);
      resolve(failure);
    };
    child.once('error', (error) => {
      settle(error.message);
    });
    // Not `exit`: the last words may still be in the pipe.
    child.once('close', () => {
      settle(lastOf(lines));
    });
    if (child.stderr === null) return;
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      if (lines.length > 20) lines.shift();
      log?.(line);
      if (line.includes('database system is ready to accept connections')) settle(undefined);
    });
  });
}

function lastOf(lines: readonly string[]): string {
  const said = lines.filter((line) => line.trim() !== '');
  return said.findLast((line) => /\b(FATAL|PANIC|error):/.test(line)) ?? said.at(-1) ?? 'it gave no reason';
}

async function timely<T>(promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, milliseconds, undefined);
  });
  return Promise.race([promise, timeout]).finally(() => {
    clearTimeout(timer);
  });
}
