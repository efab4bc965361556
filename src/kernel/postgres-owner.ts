import { readdir, readFile, readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { commandAs, run } from './postgres-account.js';
import { StartupError } from './startup-error.js';

interface ProcessFacts {
  readonly zombie: boolean;
  /** Differs between two processes that had the same pid one after the other. */
  readonly start: string;
}

/** The `code` of a system error. Not by `instanceof`: test runners give every test file its own `Error`. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Whether a process with this pid exists and is more than a zombie. */
export async function isRunning(pid: number): Promise<boolean> {
  return exists(pid) && (await factsOf(pid))?.zombie !== true;
}

/**
 * The right to use a data folder, held by one live process at a time.
 *
 * A claim is a symbolic link `owner.<n>` whose target text names the holder, because creating a link is
 * atomic together with its content. A dead holder's claim `n` is not deleted but outdone by `n + 1`, so of
 * two processes that find the same dead holder only one succeeds. The newest claim is never removed without
 * a successor: a slow process must not find an empty folder and start counting anew.
 */
export class Claim {
  private constructor(
    private readonly folder: string,
    readonly generation: number,
  ) {}

  /** Claims `folder` for this process; refuses when its holder lives. */
  static async take(folder: string): Promise<Claim> {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const newest = await newestGeneration(folder);
      await refuseIfHeld(folder, newest);
      const claim = new Claim(folder, newest + 1);
      if (!(await putLink(claim.file(), await markOf(process.pid)))) continue;
      if ((await newestGeneration(folder)) === claim.generation) {
        await claim.removeOlder();
        return claim;
      }
      await rm(claim.file(), { force: true });
    }
    throw new StartupError(`${folder} is being claimed by other processes all the time; start one Stint only in it`);
  }

  /** Gives the folder free for the next process. */
  async release(): Promise<void> {
    const next = new Claim(this.folder, this.generation + 1);
    if (await putLink(next.file(), 'released')) await rm(this.file(), { force: true });
  }

  private file(): string {
    return join(this.folder, `owner.${this.generation}`);
  }

  private async removeOlder(): Promise<void> {
    const older = (await generations(this.folder)).filter((generation) => generation < this.generation);
    await Promise.all(older.map((generation) => rm(join(this.folder, `owner.${generation}`), { force: true })));
  }
}

async function generations(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  return names.flatMap((name) => (/^owner\.\d{1,15}$/.test(name) ? [Number(name.slice('owner.'.length))] : []));
}

async function newestGeneration(folder: string): Promise<number> {
  return Math.max(0, ...(await generations(folder)));
}

async function putLink(file: string, text: string): Promise<boolean> {
  try {
    await symlink(text, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function refuseIfHeld(folder: string, generation: number): Promise<void> {
  // Missing: just outdone by somebody, who will be seen at the next attempt.
  const mark = await readlink(join(folder, `owner.${generation}`)).catch(() => 'none');
  const pid = Number(mark.split(' ')[0]);
  if (Number.isInteger(pid) && (await isHolder(pid, mark))) {
    throw new StartupError(
      `${folder} is in use by process ${pid}; stop that process first, or use another data folder, or set DATABASE_URL`,
    );
  }
}

/** Whether the process that wrote `mark` still runs. In doubt it does: nobody's live database is taken. */
async function isHolder(pid: number, mark: string): Promise<boolean> {
  if (!exists(pid)) return false;
  const facts = await factsOf(pid);
  if (facts === undefined) return true;
  return !facts.zombie && mark === `${pid} ${facts.start}`;
}

async function markOf(pid: number): Promise<string> {
  return `${pid} ${(await factsOf(pid))?.start ?? 'unknown'}`;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

async function factsOf(pid: number): Promise<ProcessFacts | undefined> {
  return process.platform === 'linux' ? linuxFacts(pid) : psFacts(pid);
}

async function linuxFacts(pid: number): Promise<ProcessFacts | undefined> {
  const [stat, boot] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
  ]);
  if (stat === undefined) return undefined;
  // The second field is the program's name and may hold spaces and parentheses; what follows does not.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { zombie: fields[0] === 'Z' || fields[0] === 'X', start: `${fields[19] ?? ''} ${boot.trim()}` };
}

async function psFacts(pid: number): Promise<ProcessFacts | undefined> {
  const outcome = await run(commandAs(undefined, 'ps', ['-o', 'state=,lstart=', '-p', String(pid)]));
  const match = /^\s*(\S+)\s+(.*\S)\s*$/.exec(outcome.stdout);
  return match === null ? undefined : { zombie: match[1]?.startsWith('Z') === true, start: match[2] ?? '' };
}
