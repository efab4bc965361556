import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Entry {
  readonly version?: string;
  readonly resolved?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
type Packages = Readonly<Record<string, Entry>>;

const root = join(import.meta.dirname, '..', '..');
const lockFile = join(root, 'package-lock.json');

function packagesOf(file: string): Packages {
  const lock = JSON.parse(readFileSync(file, 'utf8')) as { readonly packages: Packages };
  return lock.packages;
}

/** Every folder in which Node looks for the dependencies of the package at `path`, innermost first. */
function foldersFor(path: string): string[] {
  if (path === '') return ['node_modules/'];
  const parent = path.slice(0, Math.max(0, path.lastIndexOf('node_modules/') - 1));
  return [`${path}/node_modules/`, ...foldersFor(parent)];
}

/** Optional dependencies without an entry, for which `npm ci` refuses a lock. */
function unresolved(packages: Packages): string[] {
  return Object.entries(packages).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {})
      .filter((name) => foldersFor(path).every((folder) => packages[folder + name] === undefined))
      .map((name) => `${path} → ${name}`),
  );
}

describe('package-lock.json', () => {
  const packages = packagesOf(lockFile);

  it('has an entry for every optional dependency of every platform', () => {
    expect(Object.values(packages).some((entry) => entry.optionalDependencies !== undefined)).toBe(true);
    expect(unresolved(packages)).toEqual([]);
  });

  it('names no address to download from', () => {
    expect(Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });

  it('agrees with package.json on what is wanted', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
    for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies'] as const) {
      expect((packages[''] as Record<string, unknown>)[kind]).toEqual(manifest[kind]);
    }
  });
});

describe('scripts/fix-lock.mjs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stint-lock-'));
  const file = join(folder, 'package-lock.json');
  const fixLock = (...options: string[]): { readonly status: number | null; readonly stderr: string } =>
    spawnSync(process.execPath, [join(root, 'scripts', 'fix-lock.mjs'), ...options, file], { encoding: 'utf8' });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('finds nothing to do in this repository', () => {
    writeFileSync(file, readFileSync(lockFile));
    expect(fixLock('--check')).toMatchObject({ status: 0, stderr: '' });
  });

  it('adds what npm leaves out on another platform, takes out addresses, and is done after one run', () => {
    const lock = JSON.parse(readFileSync(lockFile, 'utf8')) as { packages: Record<string, Entry> };
    const foreign = Object.keys(lock.packages).filter((path) => lock.packages[path]?.os?.includes('darwin') === true);
    lock.packages = Object.fromEntries(Object.entries(lock.packages).filter(([path]) => !foreign.includes(path)));
    lock.packages['node_modules/zod'] = { ...lock.packages['node_modules/zod'], resolved: 'https://packages.example/zod.tgz' };
    writeFileSync(file, JSON.stringify(lock, null, 2));
    expect(foreign.length).toBeGreaterThan(0);
    expect(fixLock('--check').status).toBe(1);
    expect(fixLock().status).toBe(0);
    expect(fixLock('--check').status).toBe(0);

    const [before, after] = [packagesOf(lockFile), packagesOf(file)];
    expect(Object.keys(after)).toEqual(Object.keys(before));
    expect(after['node_modules/zod']).toEqual(before['node_modules/zod']);
    for (const path of foreign) {
      const { version, optional, os } = before[path] ?? {};
      expect(after[path]).toMatchObject({ version, optional, os });
    }
  });
});
