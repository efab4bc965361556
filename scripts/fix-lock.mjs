// Makes package-lock.json acceptable to `npm ci` on every platform. To be run after `npm install`.
//
// npm leaves optional packages of other platforms out of the lock when the registry does not answer for
// them, and `npm ci` then refuses the lock ("Missing: … from lock file"). This adds them as entries without
// integrity, and takes out download addresses, which belong to the machine that wrote the lock.
//
//   node scripts/fix-lock.mjs [--check] [package-lock.json]
import { readFileSync, writeFileSync } from 'node:fs';

// What a part of a package's name says about where it runs.
const systems = new Map(
  ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'].map((os) => [os, os]),
).set('windows', 'win32');
const processors = new Map(
  ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'].map((cpu) => [cpu, cpu]),
)
  .set('loongarch64', 'loong64')
  .set('gnueabihf', 'arm')
  .set('musleabihf', 'arm');
const libraries = new Map([['glibc', 'glibc'], ['gnu', 'glibc'], ['musl', 'musl']]);

// Where Node would find `name` from the package at `from`, as far as the lock goes.
function resolved(packages, from, name) {
  const here = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
  if (packages[here] !== undefined) return here;
  if (from === '') return undefined;
  return resolved(packages, from.slice(0, Math.max(0, from.lastIndexOf('node_modules/') - 1)), name);
}

function missing(packages) {
  return Object.entries(packages).flatMap(([dependent, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => resolved(packages, dependent, name) === undefined)
      .map(([name, wanted]) => ({ name, wanted, dependent })),
  );
}

function standIn({ name, wanted, dependent }, packages) {
  const [, alias, version] = /^(?:npm:(.+)@)?(\d+\.\d+\.\d+[^\s|]*)$/.exec(wanted) ?? [];
  if (version === undefined) {
    throw new Error(`${name} is missing and wanted as "${wanted}", which is no exact version; install it where the registry has it`);
  }
  const parts = (alias ?? name).split(/[/.-]/);
  const said = (words) => parts.flatMap((part) => words.get(part) ?? []).slice(0, 1);
  const { dev, devOptional } = packages[dependent];
  const restrictions = Object.entries({ cpu: said(processors), os: said(systems), libc: said(libraries) });
  return {
    ...(alias === undefined ? {} : { name: alias }),
    version,
    ...(dev === true ? { dev } : {}),
    ...(devOptional === true ? { devOptional } : {}),
    optional: true,
    ...Object.fromEntries(restrictions.filter(([, values]) => values.length > 0)),
  };
}

function fixed(lock) {
  const packages = { ...lock.packages };
  for (const gap of missing(packages)) packages[`node_modules/${gap.name}`] ??= standIn(gap, lock.packages);
  for (const [path, { resolved: address, ...entry }] of Object.entries(packages)) {
    if (/^https?:/.test(address ?? '')) packages[path] = entry;
  }
  // npm's own order, so that its next write changes nothing.
  const sorted = Object.entries(packages).sort(([one], [other]) => one.localeCompare(other, 'en'));
  return { ...lock, packages: Object.fromEntries(sorted) };
}

const check = process.argv.includes('--check');
const file = process.argv.slice(2).find((argument) => !argument.startsWith('--')) ?? 'package-lock.json';
const before = readFileSync(file, 'utf8');
const after = `${JSON.stringify(fixed(JSON.parse(before)), null, 2)}\n`;
const gaps = missing(JSON.parse(before).packages).map(({ name }) => name);

if (after === before) {
  console.log(`${file} is complete`);
} else if (check) {
  console.error(`${file} has to be fixed (missing: ${gaps.join(', ') || 'nothing, but it names download addresses or is out of order'})`);
  process.exitCode = 1;
} else {
  writeFileSync(file, after);
  console.log(`${file} fixed; added: ${gaps.join(', ') || 'nothing'}`);
}
