import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { chmod, lchown, lstat, mkdir, readlink, realpath, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type Account, canEnter, isRoot, unprivilegedAccount } from './postgres-account.js';
import { codeOf } from './postgres-owner.js';
import { StartupError } from './startup-error.js';

/** Where one database lives, and who runs it. */
export interface PostgresHome {
  /** Ours (root's when root): claim, password, and the folders below. */
  readonly folder: string;
  /** The cluster itself; belongs to `account`. */
  readonly data: string;
  /** Holds the unix socket; belongs to `account`. */
  readonly socket: string;
  readonly password: string;
  /** Where program files may be copied to: only we can write there. */
  readonly copies: string;
  /** Who PostgreSQL runs as; undefined: as ourselves. */
  readonly account: Account | undefined;
}

/** Where root keeps what the unprivileged account must reach: only root can write there. */
export const shelter = '/var/lib/stint';
const pointerName = 'elsewhere';
const socketName = '.s.PGSQL.5432';
// sun_path, less the closing zero byte.
const longestSocketPath = process.platform === 'darwin' ? 103 : 107;

/**
 * Finds or makes the folders of the database that was asked for as `dir`.
 *
 * An ordinary user's database lives in `dir`. So does root's, where PostgreSQL runs as an unprivileged
 * account (the owner of the data if there are data): `dir` itself stays root's, so that this account cannot
 * plant links that root would follow. If the account cannot get into `dir`, such as below a /root with mode
 * 0700, the database lives in `/var/lib/stint/<hash of dir>` and `dir/elsewhere` is a link to it; the link
 * decides at later starts, so the database stays the same when `dir` is moved.
 */
export async function settle(dir: string): Promise<PostgresHome> {
  const asked = resolve(dir);
  await makeFolders(asked);
  const folder = isRoot() ? await reachableFolder(asked) : await ownFolder(asked);
  const data = join(folder, 'data');
  const account = isRoot() ? await ownerOf(data) : undefined;
  const socket = await socketFolder(folder, account);
  const copies = isRoot() ? shelter : folder;
  return { folder, data, socket, password: join(folder, 'password'), copies, account };
}

/** Makes `folder`, or accepts the one that exists if it is a real folder of ours that nobody else can write to. */
export async function trustedFolder(folder: string, mode: number): Promise<void> {
  try {
    await mkdir(folder, { mode });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw new StartupError(`cannot make the folder ${folder}: ${reason(error)}`);
  }
  const stats = await lstat(folder);
  if (!stats.isDirectory() || stats.uid !== process.getuid?.() || (stats.mode & 0o022) !== 0) {
    throw new StartupError(
      `${folder} must be a folder that belongs to user ${String(process.getuid?.())} and that nobody else can write to; remove it and start again`,
    );
  }
}

/** The facts of a file itself, not of what it links to; undefined when there is none. */
export async function factsOfFile(file: string): Promise<Stats | undefined> {
  try {
    return await lstat(file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new StartupError(`cannot look at ${file}: ${reason(error)}`);
  }
}

/** A system error in words. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(codeOf(error) ?? error);
}

async function makeFolders(asked: string): Promise<void> {
  try {
    const first = await mkdir(asked, { recursive: true, mode: 0o700 });
    if (first === undefined || !isRoot()) return;
    // What we made ourselves the unprivileged account may pass through, but not list.
    for (let folder = asked; folder.length >= first.length; folder = dirname(folder)) await chmod(folder, 0o711);
  } catch (error) {
    throw new StartupError(`cannot make the data folder ${asked}: ${reason(error)}; choose another, or set DATABASE_URL`);
  }
}

async function ownFolder(asked: string): Promise<string> {
  const folder = await realpath(asked);
  const { uid } = await lstat(folder);
  if (process.getuid !== undefined && uid !== process.getuid()) {
    throw new StartupError(
      `${asked} belongs to user ${uid}, not to user ${process.getuid()} who starts Stint; start as that user, or use another data folder, or set DATABASE_URL`,
    );
  }
  return folder;
}

async function reachableFolder(asked: string): Promise<string> {
  const folder = await realpath(asked);
  const pointer = join(folder, pointerName);
  const existing = await readlink(pointer).catch(() => undefined);
  if (existing !== undefined) return sheltered(existing, pointer);
  const account = await ownerOf(join(folder, 'data'));
  if (await canEnter(account, folder)) return folder;
  if ((await factsOfFile(join(folder, 'data'))) !== undefined) {
    throw new StartupError(
      `the account ${account.name} that runs PostgreSQL can no longer enter ${folder}, which holds its data; make the folders above passable again (chmod o+x), or set DATABASE_URL`,
    );
  }
  const target = join(shelter, createHash('sha256').update(folder).digest('hex').slice(0, 24));
  const home = await sheltered(target, pointer);
  await symlink(target, pointer).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
  });
  return home;
}

/** Makes or checks root's folder that `pointer` names. */
async function sheltered(target: string, pointer: string): Promise<string> {
  if (dirname(target) !== shelter) {
    throw new StartupError(`${pointer} must point into ${shelter}, not to ${target}; put it right or remove it`);
  }
  await trustedFolder(shelter, 0o755);
  await chmod(shelter, 0o755);
  await trustedFolder(target, 0o711);
  await chmod(target, 0o711);
  return realpath(target);
}

async function ownerOf(data: string): Promise<Account> {
  const owner = await factsOfFile(data);
  if (owner === undefined) return unprivilegedAccount();
  if (!owner.isDirectory() || owner.uid === 0) {
    throw new StartupError(`${data} must be a folder of an unprivileged account, because PostgreSQL does not run as root; move it away`);
  }
  return { name: String(owner.uid), uid: owner.uid, gid: owner.gid };
}

async function socketFolder(folder: string, account: Account | undefined): Promise<string> {
  const inside = join(folder, 'socket');
  if (Buffer.byteLength(join(inside, socketName)) <= longestSocketPath) return privateFolder(inside, account);
  const uid = account?.uid ?? process.getuid?.();
  const name = `stint-${String(uid)}-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`;
  const temporary = join(await realpath(tmpdir()), name);
  const fits = account === undefined && Buffer.byteLength(join(temporary, socketName)) <= longestSocketPath;
  // Root's own TMPDIR may be closed to the account.
  return privateFolder(fits ? temporary : join('/tmp', name), account);
}

/**
 * Makes a folder with mode 0700 for `account`. Its name may be known to everybody and its parent open to
 * everybody, so what is there already is only accepted as a real folder that belongs to the right user:
 * else somebody could wait there with a folder of theirs and receive our connections.
 */
async function privateFolder(folder: string, account: Account | undefined): Promise<string> {
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw new StartupError(`cannot make the folder ${folder}: ${reason(error)}`);
  });
  const stats = await lstat(folder);
  const uid = account?.uid ?? process.getuid?.();
  // Root's: made a moment ago, or by a start that was killed before it could give it away.
  const fresh = account !== undefined && stats.uid === 0;
  if (!stats.isDirectory() || (stats.uid !== uid && !fresh) || (stats.mode & 0o077) !== 0) {
    throw new StartupError(
      `${folder} must be a folder with mode 0700 of user ${String(uid)}, but somebody else made it; remove it and start again`,
    );
  }
  if (fresh) await lchown(folder, account.uid, account.gid);
  return folder;
}
