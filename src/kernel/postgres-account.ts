import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { StartupError } from './startup-error.js';

/** Who a PostgreSQL program runs as when Stint itself runs as root. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** A program with its arguments, ready for `spawn`. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly options: {
    readonly cwd: string;
    readonly env: Readonly<Record<string, string>>;
    readonly uid?: number;
    readonly gid?: number;
  };
}

/** How a finished program ended. */
export interface Outcome {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

const preferredNames = ['postgres', '_postgres', 'nobody'];
const setprivPlaces = ['/usr/bin/setpriv', '/bin/setpriv', '/usr/local/bin/setpriv'];
// Nothing of our own environment: it may hold secrets, and PG* variables would change what PostgreSQL does.
const environment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };

/** Whether this process runs as root, which PostgreSQL refuses to do. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * The existing account that PostgreSQL runs as when Stint runs as root. Only accounts of /etc/passwd will
 * do, because initdb looks its own user id up there.
 */
export async function unprivilegedAccount(passwdFile = '/etc/passwd'): Promise<Account> {
  const passwd = await readFile(passwdFile, 'utf8').catch(() => '');
  const rows = passwd.split('\n').map((line) => line.split(':'));
  for (const name of preferredNames) {
    const row = rows.find((fields) => fields[0] === name);
    const [uid, gid] = [Number(row?.[2]), Number(row?.[3])];
    if (uid > 0 && gid > 0) return { name, uid, gid };
  }
  throw new StartupError(
    `PostgreSQL must not run as root and ${passwdFile} has none of the accounts ${preferredNames.join(', ')}; ` +
      'start Stint as an ordinary user, or set DATABASE_URL',
  );
}

/** A program run as `account`, or as ourselves when there is none. */
export function commandAs(account: Account | undefined, file: string, args: readonly string[]): Command {
  const identity = account === undefined ? {} : { uid: account.uid, gid: account.gid };
  return { file, args, options: { cwd: '/', env: environment, ...identity } };
}

/**
 * Like `commandAs`, but the kernel interrupts the program when this process ends, `kill -9` included.
 * Undefined where the system's setpriv is missing or cannot do that (util-linux has it, busybox not).
 */
export async function leashedAs(account: Account | undefined): Promise<typeof commandAs | undefined> {
  const setpriv = setprivPlaces.find((file) => existsSync(file));
  if (process.platform !== 'linux' || setpriv === undefined) return undefined;
  const identity =
    account === undefined ? [] : [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'];
  const leashed: typeof commandAs = (_, file, args) =>
    commandAs(undefined, setpriv, ['--pdeathsig', 'INT', ...identity, '--', file, ...args]);
  const trial = await run(leashed(account, '/bin/sh', ['-c', 'exit 0']));
  return trial.ok ? leashed : undefined;
}

/** Runs a command to its end. Never rejects: a program that cannot be started is an outcome as well. */
export function run(command: Command): Promise<Outcome> {
  const options = { ...command.options, timeout: 300_000, killSignal: 'SIGINT' as const, maxBuffer: 16 * 1024 * 1024 };
  return new Promise((resolve) => {
    execFile(command.file, [...command.args], options, (error, stdout, stderr) => {
      resolve({ ok: error === null, stdout, stderr: stderr === '' && error !== null ? error.message : stderr });
    });
  });
}

/** Whether `account` (or we ourselves) may pass through `folder`: tried, not computed from mode bits. */
export async function canEnter(account: Account | undefined, folder: string): Promise<boolean> {
  const outcome = await run(commandAs(account, '/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder]));
  return outcome.ok;
}
