// Everything a measurement needs, started and taken down again: a database of its own with real fsync, the built
// server, the bare handler, the load generator. Loopback only.
import { fork, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';

import { Secret } from '../dist/src/domain/secret.js';
import { addressUrl, EmbeddedPostgres } from '../dist/src/kernel/embedded-postgres.js';
import { formOf, query, rawRequest } from './client.mjs';
import { fsyncMilliseconds, isInMemory, reading, between, residentMiB } from './machine.mjs';

const here = import.meta.dirname;
const START_MS = 60_000;
const STOP_MS = 10_000;

/** The processes and folders of one run. */
export class Stage {
  #undo = [];
  #children = new Set();
  #aborted = false;

  /** Starts everything; `close` must be called whatever happens, also when this throws. */
  async open({ main, profile, logLevel }) {
    const steps = [
      () => this.#makeFolder(),
      () => this.#startDatabase(),
      () => this.#startServer({ main, profile, logLevel }),
      () => this.#startClients(),
      () => this.#populate(),
    ];
    for (const step of steps) {
      if (this.#aborted) throw new Error('interrupted');
      await step();
    }
  }

  async #makeFolder() {
    this.folder = await mkdtemp(path.join(tmpdir(), 'stint-bench-'));
    this.#undo.push(() => rm(this.folder, { recursive: true, force: true }));
    // PostgreSQL does not run as root, so another account must get through to its own folder in here.
    await chmod(this.folder, 0o711);
    this.fsyncMs = fsyncMilliseconds(this.folder);
    this.inMemory = isInMemory(this.folder);
  }

  async #startDatabase() {
    this.database = await EmbeddedPostgres.start({ dir: path.join(this.folder, 'postgres') });
    this.#undo.push(() => this.database.stop());
    this.client = new pg.Client({ connectionString: addressUrl(this.database.address, 'postgres') });
    this.client.on('error', () => undefined);
    await this.client.connect();
    this.#undo.push(() => this.client.end());
    const { rows } = await this.client.query("SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit, current_setting('server_version') AS version");
    [this.settings] = rows;
    if (this.settings.fsync !== 'on') throw new Error('the database does not sync: nothing durable can be measured');
  }

  async #startServer({ main, profile, logLevel }) {
    this.root = { accessKeyId: 'AKIABENCHBENCHBENCHB', secret: Secret.of(randomBytes(30).toString('base64')), account: '111122223333' };
    const log = openSync(path.join(this.folder, 'server.log'), 'w', 0o600);
    const env = {
      ...process.env,
      DATABASE_URL: addressUrl(this.database.address, 'postgres'),
      STINT_MASTER_KEY: randomBytes(32).toString('base64'),
      STINT_DATA_DIR: path.join(this.folder, 'data'),
      STINT_HOST: '127.0.0.1',
      STINT_PORT: '0',
      STINT_LOG_LEVEL: logLevel,
      STINT_BOOTSTRAP_ACCOUNT_ID: this.root.account,
      STINT_BOOTSTRAP_ACCESS_KEY_ID: this.root.accessKeyId,
      STINT_BOOTSTRAP_SECRET_ACCESS_KEY: this.root.secret.reveal(),
    };
    const flags = profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile];
    // As `npm start` runs it, with the log going to a file as it would under a supervisor.
    this.server = this.#keep(spawn(process.execPath, ['--enable-source-maps', ...flags, main], { env, stdio: ['ignore', log, 'pipe'] }));
    closeSync(log);
    this.url = await listening(this.server);
    this.port = Number(new URL(this.url).port);
  }

  async #startClients() {
    this.bare = this.#keep(fork(path.join(here, 'bare.mjs')));
    [{ port: this.barePort }] = await once(this.bare, 'message');
    this.load = this.#keep(fork(path.join(here, 'load.mjs')));
  }

  #keep(child) {
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    this.#undo.push(() => ended(child));
    return child;
  }

  /** A user with a key and a policy, and a role that trusts it. */
  async #populate() {
    const call = (form, service = 'iam') => query({ url: this.url, keys: this.root, service, form: formOf(service, form) });
    await call({ Action: 'CreateUser', UserName: 'caller' });
    const key = await call({ Action: 'CreateAccessKey', UserName: 'caller' });
    const allow = { Version: '2012-10-17', Statement: [{ Sid: 'Assume', Effect: 'Allow', Action: 'sts:AssumeRole', Resource: `arn:aws:iam::${this.root.account}:role/*` }] };
    await call({ Action: 'PutUserPolicy', UserName: 'caller', PolicyName: 'assume', PolicyDocument: JSON.stringify(allow) });
    const trust = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${this.root.account}:user/caller` }, Action: 'sts:AssumeRole' }] };
    await call({ Action: 'CreateRole', RoleName: 'worker', AssumeRolePolicyDocument: JSON.stringify(trust) });
    this.world = { keys: { accessKeyId: key.AccessKeyId, secret: Secret.of(key.SecretAccessKey) }, roleArn: `arn:aws:iam::${this.root.account}:role/worker` };
  }

  /** Request bytes for a number of connections, each with a session name of its own. */
  #requests(operation, connections) {
    return Array.from({ length: connections }, (_, index) => {
      const role = operation === 'AssumeRole' ? { RoleArn: this.world.roleArn, RoleSessionName: `session-${index}` } : {};
      return rawRequest({ url: this.url, keys: this.world.keys, service: 'sts', form: formOf('sts', { Action: operation, ...role }) }).toString('base64');
    });
  }

  /** Loads the server, or the bare handler with the same bytes, and answers what came of it. */
  async measure({ target, operation, connections, seconds, warmupSeconds }) {
    const pids = { server: this.server.pid, database: this.database.pid, load: this.load.pid, bare: this.bare.pid };
    const job = { port: target === 'bare' ? this.barePort : this.port, requests: this.#requests(operation, connections), warmupMs: warmupSeconds * 1000, measureMs: seconds * 1000 };
    let before;
    let after;
    const result = await new Promise((resolve, reject) => {
      const failed = () => reject(new Error('the load generator has ended'));
      const receive = (message) => {
        if (message.phase === 'begin') before = reading(pids);
        else if (message.phase === 'end') after = reading(pids);
        else {
          this.load.off('message', receive).off('exit', failed);
          if (message.error === undefined) resolve(message.result);
          else reject(new Error(message.error));
        }
      };
      this.load.on('message', receive).once('exit', failed);
      this.load.send(job);
    });
    return { ...result, machine: perRequest(between(before, after), result.perSecond * seconds) };
  }

  /** Rows of sessions, and of audit events by name; asked until reads, which are recorded behind their answers, have arrived. */
  async rows(expected) {
    for (let attempt = 0; ; attempt += 1) {
      const sessions = await this.client.query('SELECT count(*)::int AS count FROM session');
      const events = await this.client.query("SELECT event_name AS name, count(*)::int AS count FROM audit_event WHERE outcome = 'success' GROUP BY 1");
      const found = { session: sessions.rows[0].count, ...Object.fromEntries(events.rows.map(({ name, count }) => [name, count])) };
      if (attempt === 20 || Object.entries(expected).every(([name, count]) => (found[name] ?? 0) === count)) return found;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Resident memory of the server in MiB. */
  get serverMiB() {
    return residentMiB(this.server.pid);
  }

  /** Ends the server alone, so that it writes its profile. */
  async endServer() {
    await ended(this.server);
  }

  /** Ends what is going on: whoever waits for it gets an error. */
  abort() {
    this.#aborted = true;
    this.load?.kill('SIGKILL');
  }

  /** Takes everything down, last started first. */
  async close() {
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      await undo().catch((error) => process.stderr.write(`bench: ${error.message}\n`));
    }
  }

  /** For a process that cannot wait any more. */
  killAll() {
    for (const child of this.#children) child.kill('SIGKILL');
  }
}

/** Processor time in microseconds per request instead of seconds. */
function perRequest(machine, requests) {
  if (machine === undefined) return undefined;
  const { seconds, ...rest } = machine;
  return { ...rest, micros: Object.fromEntries(Object.entries(seconds).map(([name, value]) => [name, (value / requests) * 1e6])) };
}

async function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  child.kill('SIGTERM');
  await exit;
  clearTimeout(timer);
}

/** The address that the server says it listens on. Throws with what it said instead. */
async function listening(server) {
  const said = [];
  const timer = setTimeout(() => server.kill('SIGKILL'), START_MS);
  try {
    for await (const line of createInterface({ input: server.stderr })) {
      const [, url] = /^Stint listens on (http:\S+)$/.exec(line) ?? [];
      if (url !== undefined) {
        server.stderr.resume();
        return url;
      }
      said.push(line);
    }
  } finally {
    clearTimeout(timer);
  }
  throw new Error(`the server did not start: ${said.join(' ').trim()}`);
}
