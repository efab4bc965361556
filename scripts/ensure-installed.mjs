// Installs the packages of package-lock.json when they are missing or out of date, so that `npm start` and
// `npm test` work in a fresh clone. Plain Node without dependencies, and without syntax that an old Node
// could not even parse: it has to say itself that it is too old.
import { createHash } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const modules = join(root, 'node_modules');
const lockFile = join(root, 'package-lock.json');
const stampFile = join(modules, '.stint-lock');
const claims = join(root, '.stint');
const oldest = [20, 19];
const longestWaitMilliseconds = 15 * 60 * 1000;

class Refusal extends Error {}

async function main() {
  refuseOldNode();
  const wanted = digestOfLock();
  if (stamp() === wanted) return;
  const release = await claim();
  try {
    if (stamp() === wanted) return;
    if (!isInstalled()) await install(release.watch);
    leaveStamp(wanted);
  } finally {
    release();
  }
}

function refuseOldNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return;
  throw new Refusal(`Node ${process.versions.node} is too old; Stint needs Node ${oldest.join('.')} or newer`);
}

function digestOfLock() {
  if (!existsSync(lockFile)) throw new Refusal('package-lock.json is missing; restore it from the repository');
  return createHash('sha256').update(readFileSync(lockFile)).digest('hex');
}

function stamp() {
  return existsSync(stampFile) ? readFileSync(stampFile, 'utf8').trim() : undefined;
}

function leaveStamp(digest) {
  try {
    writeFileSync(stampFile, `${digest}\n`);
  } catch {
    // Somebody else's node_modules: complete, only to be compared anew each time.
  }
}

// Whether an install of the user's own has put the same packages there; npm notes what it has done.
function isInstalled() {
  const noted = join(modules, '.package-lock.json');
  if (!existsSync(noted)) return false;
  const present = JSON.parse(readFileSync(noted, 'utf8')).packages;
  return Object.entries(JSON.parse(readFileSync(lockFile, 'utf8')).packages).every(([path, entry]) => {
    if (path === '' || entry.link === true) return true;
    const found = present[path];
    return found === undefined ? entry.optional === true || entry.devOptional === true : found.version === entry.version;
  });
}

async function install(watch) {
  const { spawn } = await import('node:child_process');
  const why = existsSync(modules) ? 'node_modules does not fit package-lock.json' : 'node_modules is missing';
  console.log(`stint: ${why}; installing with "npm ci"`);
  rmSync(stampFile, { force: true });
  const npm = process.env.npm_execpath;
  const [file, first] = npm !== undefined && basename(npm) === 'npm-cli.js' ? [process.execPath, [npm]] : ['npm', []];
  // With NODE_ENV=production npm would leave out the compiler.
  const args = [...first, 'ci', '--no-audit', '--no-fund', '--include=dev', '--loglevel=error'];
  const child = spawn(file, args, { cwd: root, stdio: 'inherit' });
  if (child.pid !== undefined) watch(child.pid);
  const ending = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code === 0 ? undefined : `ended with ${signal === null ? `exit code ${code}` : signal}`));
  });
  if (ending !== undefined) throw new Refusal(`"npm ci" ${ending}; its own lines above say why; put that right and start again`);
}

// One install at a time. A claim is a symbolic link `install.<n>` to the text "<pid> <start time>": it is
// made together with its content or not at all. A dead holder's claim is outdone by the next number, never
// deleted first, so of several processes that find it only one goes on.
async function claim() {
  if (!makeClaims()) return Object.assign(() => {}, { watch: () => {} });
  const deadline = performance.now() + longestWaitMilliseconds;
  for (let told = false; ; ) {
    const newest = newestClaim();
    const holder = holders(newest).find(isAlive);
    if (holder === undefined) {
      const mine = newest + 1;
      if (link(`install.${mine}`, mark(process.pid)) && settled(mine)) return releaser(mine);
      continue;
    }
    const pid = holder.split(' ')[0];
    if (performance.now() > deadline) throw new Refusal(`process ${pid} has been installing for too long; stop it and start again`);
    if (!told) console.log(`stint: process ${pid} is installing packages here; waiting for it`);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function makeClaims() {
  try {
    // Passable whatever the umask: the database below it may run as another account.
    if (mkdirSync(claims, { recursive: true }) !== undefined) chmodSync(claims, 0o755);
    accessSync(claims, constants.W_OK);
    return true;
  } catch (error) {
    if (isInstalled()) return false;
    throw new Refusal(`cannot install packages in ${root}: ${error.message}`);
  }
}

function newestClaim() {
  return Math.max(0, ...readdirSync(claims).map((name) => Number(/^install\.(\d+)$/.exec(name)?.[1] ?? 0)));
}

// The process that made the claim, and the npm it has started: that one may outlive it.
function holders(number) {
  return [`install.${number}`, `install.${number}.npm`].map((name) => {
    try {
      return readlinkSync(join(claims, name));
    } catch {
      return 'none';
    }
  });
}

function settled(mine) {
  if (newestClaim() !== mine) {
    rmSync(join(claims, `install.${mine}`), { force: true });
    return false;
  }
  for (const name of readdirSync(claims)) {
    const number = /^install\.(\d+)(\.npm)?$/.exec(name)?.[1];
    if (number !== undefined && Number(number) < mine) rmSync(join(claims, name), { force: true });
  }
  return true;
}

function releaser(mine) {
  const release = () => {
    link(`install.${mine + 1}`, 'released');
    rmSync(join(claims, `install.${mine}.npm`), { force: true });
    rmSync(join(claims, `install.${mine}`), { force: true });
  };
  return Object.assign(release, { watch: (pid) => link(`install.${mine}.npm`, mark(pid)) });
}

function link(name, text) {
  try {
    symlinkSync(text, join(claims, name));
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function mark(pid) {
  return `${pid} ${startOf(pid) ?? 'unknown'}`;
}

function isAlive(text) {
  const pid = Number(text.split(' ')[0]);
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return false;
  }
  const start = startOf(pid);
  return start === undefined || text === `${pid} ${start}`;
}

// Tells a process from a later one with the same number; undefined where there is no /proc.
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'zombie' : fields[19];
  } catch {
    return undefined;
  }
}

main().catch((error) => {
  console.error(`stint: ${error instanceof Refusal ? error.message : error.stack}`);
  process.exitCode = 1;
});
