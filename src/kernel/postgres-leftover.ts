import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Account, commandAs, run } from './postgres-account.js';
import type { PostgresHome } from './postgres-folder.js';
import { codeOf, isRunning } from './postgres-owner.js';
import { StartupError } from './startup-error.js';

const pollMilliseconds = 25;

/**
 * Ends what an owner that died left behind: its PostgreSQL, if that was not on a leash, and the lock files
 * of one that died without a parent to reap it. To be called by the holder of the claim only.
 */
export async function stopLeftover(home: PostgresHome): Promise<void> {
  const lock = join(home.data, 'postmaster.pid');
  const pid = Number((await readFile(lock, 'utf8').catch(() => '')).split('\n')[0]);
  if (pid > 0 && (await runsOn(home, pid))) await interrupt(home, pid);
  const gone = await within(30_000, async () => (await processesIn(home.data, home.account)).length === 0);
  if (!gone) {
    const pids = await processesIn(home.data, home.account);
    throw new StartupError(`${home.data} is still in use by PostgreSQL processes ${pids.join(', ')}; stop them, or set DATABASE_URL`);
  }
  // PostgreSQL judges a lock by its pid alone, and refuses for a zombie or an unrelated process. Only where
  // /proc has just shown that nobody is left do we know better.
  if (process.platform === 'linux') await removeLocks(home, lock);
}

/** Ends a PostgreSQL: politely, then with recovery at the next start. True when it is gone. */
export async function endProcess(isGone: (milliseconds: number) => Promise<boolean>, kill: (signal: NodeJS.Signals) => void): Promise<boolean> {
  for (const [signal, milliseconds] of [['SIGINT', 60_000], ['SIGQUIT', 15_000], ['SIGKILL', 15_000]] as const) {
    kill(signal);
    if (await isGone(milliseconds)) return true;
  }
  return false;
}

async function interrupt(home: PostgresHome, pid: number): Promise<void> {
  const ended = await endProcess(
    (milliseconds) => within(milliseconds, async () => !(await isRunning(pid))),
    (signal) => {
      signalIfThere(pid, signal);
    },
  );
  if (!ended) throw new StartupError(`the PostgreSQL left over in ${home.data}, process ${pid}, does not stop; kill it, or set DATABASE_URL`);
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

async function removeLocks(home: PostgresHome, lock: string): Promise<void> {
  await rm(lock, { force: true });
  for (const name of await readdir(home.socket)) await rm(join(home.socket, name), { force: true });
}

/** Whether `pid` is a live PostgreSQL of this data folder, and not somebody who got its number later. */
async function runsOn(home: PostgresHome, pid: number): Promise<boolean> {
  if (!(await isRunning(pid))) return false;
  if (process.platform === 'linux') return (await processesIn(home.data, home.account)).includes(pid);
  const { stdout } = await run(commandAs(undefined, 'ps', ['-o', 'command=', '-p', String(pid)]));
  return stdout.includes(`-D ${home.data}`);
}

/**
 * Every process whose working folder is `folder`, as that of all PostgreSQL processes is their data folder.
 * Asked as `account`, because root in a container may not look at other users' processes. Empty where there
 * is no /proc.
 */
async function processesIn(folder: string, account: Account | undefined): Promise<number[]> {
  if (process.platform !== 'linux') return [];
  const listing = await run(commandAs(account, '/bin/sh', ['-c', 'ls -ld /proc/[0-9]*/cwd 2>/dev/null; exit 0']));
  return listing.stdout.split('\n').flatMap((line) => {
    const match = / \/proc\/(\d+)\/cwd -> (.*)$/.exec(line);
    return match !== null && match[2] === folder ? [Number(match[1])] : [];
  });
}

async function within(milliseconds: number, holds: () => Promise<boolean>): Promise<boolean> {
  for (let waited = 0; waited <= milliseconds; waited += pollMilliseconds) {
    if (await holds()) return true;
    await delay(pollMilliseconds);
  }
  return false;
}
