import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import { Client } from 'pg';

import { addressUrl } from '../../src/kernel/embedded-postgres.js';
import { settle } from '../../src/kernel/postgres-folder.js';
import { isRunning } from '../../src/kernel/postgres-owner.js';

export const repository = join(import.meta.dirname, '..', '..');

/** Longer than any step takes on a slow machine; a test that waits so long fails with what the program has said. */
const PATIENCE_MS = 120_000;

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What is run, and as whom. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Whether it and all that it starts form a process group of their own, which can be ended as a whole. */
  readonly ownGroup?: boolean;
  readonly identity?: { readonly uid: number; readonly gid: number };
}

/** Of our own environment only what programs need to be found and to run: no setting of the suite's reaches them. */
function environment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}

/** A child process whose output is read line by line. */
export class Child {
  readonly out: string[] = [];
  readonly err: string[] = [];
  /** Resolves when it has ended and everything it wrote has been read. */
  readonly ended: Promise<Ended>;
  readonly process: ChildProcess;
  readonly #watchers = new Set<() => void>();
  #end: Ended | undefined;

  constructor(command: Command) {
    const child = spawn(command.file, [...command.args], {
      cwd: command.cwd ?? repository,
      env: { ...environment(), ...command.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: command.ownGroup ?? false,
      ...command.identity,
    });
    this.process = child;
    this.#read(child.stdout, this.out);
    this.#read(child.stderr, this.err);
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        this.#end = { code, signal };
        resolve(this.#end);
        this.#tell();
      });
    });
    // Whoever does not ask how it ended shall not be told by an unhandled rejection.
    this.ended.catch(() => undefined);
  }

  get pid(): number {
    if (this.process.pid === undefined) throw new Error(`${this.process.spawnfile} could not be started`);
    return this.process.pid;
  }

  get running(): boolean {
    return this.#end === undefined;
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** The first line that matches, already written or to come. Fails when the process ends without it. */
  async line(lines: readonly string[], pattern: RegExp): Promise<RegExpExecArray> {
    let found: RegExpExecArray | undefined;
    await this.until(() => {
      for (const line of lines) found ??= pattern.exec(line) ?? undefined;
      return found !== undefined;
    }, `a line like ${String(pattern)}`);
    return found!;
  }

  /** Resolves when `holds`, asked anew at every line. Fails when the process ends, or patience does, without it. */
  async until(holds: () => boolean, what: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = (): void => {
        if (holds()) settle();
        else if (this.#end !== undefined) settle(new Error(`ended (${JSON.stringify(this.#end)}) without ${what}:\n${this.#said()}`));
      };
      const timer = setTimeout(() => {
        settle(new Error(`no ${what} in ${PATIENCE_MS / 1000} seconds:\n${this.#said()}`));
      }, PATIENCE_MS);
      this.#watchers.add(look);
      look();
    });
  }

  /** How it ends; fails when patience does. */
  async end(): Promise<Ended> {
    await this.until(() => this.#end !== undefined, 'end');
    return this.ended;
  }

  #read(stream: Readable, lines: string[]): void {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      this.#tell();
    });
  }

  #tell(): void {
    for (const look of [...this.#watchers]) look();
  }

  #said(): string {
    return [...this.out.slice(-30), ...this.err.slice(-30)].join('\n');
  }
}

/** The keys that a first start has written. */
export interface RootKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Stint as it is run: the built program in a process of its own. */
export class Program extends Child {
  static readonly #all = new Set<Program>();
  static readonly #folders = new Set<string>();

  private constructor(
    readonly dataDir: string,
    command: Command,
  ) {
    super(command);
    Program.#all.add(this);
  }

  /** Starts it in `dataDir`, on a free port. */
  static run(dataDir: string, more: { env?: Readonly<Record<string, string>>; identity?: Command['identity'] } = {}): Program {
    return new Program(dataDir, {
      file: process.execPath,
      args: ['--enable-source-maps', join('dist', 'src', 'main.js')],
      env: { STINT_DATA_DIR: dataDir, STINT_PORT: '0', ...more.env },
      ...(more.identity === undefined ? {} : { identity: more.identity }),
    });
  }

  /** Starts it and waits until it says where it listens. */
  static async started(dataDir: string, env: Readonly<Record<string, string>> = {}): Promise<Program> {
    const program = Program.run(dataDir, { env });
    await program.greeted();
    return program;
  }

  /** A new folder that the account which runs PostgreSQL may pass through; removed by `cleanUp`. */
  static async folder(): Promise<string> {
    const folder = await mkdtemp(join(await realpath(tmpdir()), 'stint-process-'));
    await chmod(folder, 0o711);
    Program.#folders.add(folder);
    return folder;
  }

  /** Ends what still runs and removes the folders. */
  static async cleanUp(): Promise<void> {
    await Promise.all([...Program.#all].map((program) => program.#endAnyhow()));
    Program.#all.clear();
    for (const folder of Program.#folders) await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    Program.#folders.clear();
  }

  /** The address in the last lines of its greeting. */
  async greeted(): Promise<string> {
    await this.line(this.err, /^REST API: /);
    return this.url;
  }

  /** Where it listens. */
  get url(): string {
    const url = this.err.flatMap((line) => /^Stint listens on (\S+)$/.exec(line)?.[1] ?? []).at(0);
    if (url === undefined) throw new Error('it does not listen yet');
    return url;
  }

  /** Files of the AWS clients. */
  get files(): { readonly config: string; readonly credentials: string } {
    return { config: join(this.dataDir, 'aws', 'config'), credentials: join(this.dataDir, 'aws', 'credentials') };
  }

  /** The root access key, as the credentials file has it. */
  async root(): Promise<RootKeys> {
    const text = await readFile(this.files.credentials, 'utf8');
    const value = (name: string): string => new RegExp(`^${name} = (\\S+)$`, 'm').exec(text)?.[1] ?? '';
    return { accessKeyId: value('aws_access_key_id'), secretAccessKey: value('aws_secret_access_key') };
  }

  /** The process id of its embedded PostgreSQL. */
  async postgresPid(): Promise<number> {
    const { data } = await settle(join(this.dataDir, 'postgres'));
    return Number((await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
  }

  /** The password of its embedded database. */
  async databasePassword(): Promise<string> {
    const { password } = await settle(join(this.dataDir, 'postgres'));
    return (await readFile(password, 'utf8')).trim();
  }

  /** Asks its embedded database. */
  async sql<R>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    const { socket } = await settle(join(this.dataDir, 'postgres'));
    const address = { host: socket, port: 5432, user: 'postgres', password: await this.databasePassword(), database: 'postgres' };
    const client = new Client({ connectionString: addressUrl(address, address.database) });
    await client.connect();
    try {
      return (await client.query(text, [...values])).rows as R[];
    } finally {
      await client.end();
    }
  }

  /** Everything that runs for it: itself, PostgreSQL, and PostgreSQL's processes. */
  async pids(): Promise<number[]> {
    const rows = await this.sql<{ pid: number }>('SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
    return [this.pid, await this.postgresPid(), ...rows.map(({ pid }) => pid)];
  }

  /** Stops it as an operator does. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.kill(signal);
    return this.end();
  }

  /** The log, line by line. Fails where a line is no JSON object. */
  get log(): Record<string, unknown>[] {
    return this.out.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  async #endAnyhow(): Promise<void> {
    if (!this.running) return;
    this.kill('SIGTERM');
    await this.end().catch(() => {
      this.kill('SIGKILL');
    });
  }
}

/** Which of these processes still run. */
export async function stillRunning(pids: readonly number[]): Promise<number[]> {
  const running = await Promise.all(pids.map((pid) => isRunning(pid)));
  return pids.filter((_, index) => running[index]);
}
