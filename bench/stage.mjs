// Everything a measurement needs, started and taken down again: a database of its own with real fsync, the built
// server, the bare handler, the load generator. Loopback only.
import { fork, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openSync, closeSync, statSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

import { Secret } from '../dist/src/domain/secret.js';
import { addressUrl, EmbeddedPostgres } from '../dist/src/kernel/embedded-postgres.js';
import { formOf, query, rawRequest } from './client.mjs';
import { fsyncMilliseconds, isInMemory, reading, between, residentMiB } from './machine.mjs';
import { documents, OPERATIONS } from './operations.mjs';

const here = import.meta.dirname;
const START_MS = 60_000;
const STOP_MS = 10_000;
const COLLECT_MS = 30_000;

/** The processes and folders of one run. */
export class Stage {
  #undo = [];
  #children = new Set();
  #aborted = false;
  /** Successful answers by the action that was asked for, and how many of them gave a session. */
  #answered = { session: 0, GetCallerIdentity: 0, AssumeRole: 0 };

  /**
   * Starts everything; `close` must be called whatever happens, also when this throws. `collects`: the server can be
   * told to collect garbage, and asked how late its event loop is.
   */
  async open({ main, profile, logLevel, collects = false }) {
    const steps = [
      () => this.#makeFolder(),
      () => this.#startDatabase(),
      () => this.#startServer({ main, profile, logLevel, collects }),
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

  async #startServer({ main, profile, logLevel, collects }) {
    this.root = { accessKeyId: 'AKIABENCHBENCHBENCHB', secret: Secret.of(randomBytes(30).toString('base64')), account: '111122223333' };
    this.logFile = path.join(this.folder, 'server.log');
    const log = openSync(this.logFile, 'w', 0o600);
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
    const flags = [
      ...(profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile]),
      ...(collects ? ['--import', new URL('collect.mjs', import.meta.url).href] : []),
    ];
    // As `npm start` runs it, with the log going to a file as it would under a supervisor.
    this.server = this.#keep(spawn(process.execPath, ['--enable-source-maps', ...flags, main], { env, stdio: ['ignore', log, 'pipe', ...(collects ? ['ipc'] : [])] }));
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

  /** A user with a key and a policy, a role that trusts it, and one that lets it give tags as well. */
  async #populate() {
    const call = (form) => query({ url: this.url, keys: this.root, service: 'iam', form: formOf('iam', form) });
    const { account } = this.root;
    const { user, ...roles } = documents(account);
    await call({ Action: 'CreateUser', UserName: 'caller' });
    const key = await call({ Action: 'CreateAccessKey', UserName: 'caller' });
    await call({ Action: 'PutUserPolicy', UserName: 'caller', PolicyName: 'assume', PolicyDocument: JSON.stringify(user) });
    for (const [name, trust] of Object.entries(roles)) await call({ Action: 'CreateRole', RoleName: name, AssumeRolePolicyDocument: JSON.stringify(trust) });
    const arnOf = (name) => `arn:aws:iam::${account}:role/${name}`;
    this.world = { account, keys: { accessKeyId: key.AccessKeyId, secret: Secret.of(key.SecretAccessKey) }, workerArn: arnOf('worker'), taggedArn: arnOf('tagged') };
  }

  /** A session as AssumeRole gives it. */
  async #session(index) {
    const form = formOf('sts', OPERATIONS.AssumeRole.parameters(this.world, index));
    const { AccessKeyId, SecretAccessKey, SessionToken } = await query({ url: this.url, keys: this.world.keys, service: 'sts', form });
    this.#count(OPERATIONS.AssumeRole, 1);
    return { accessKeyId: AccessKeyId, secret: Secret.of(SecretAccessKey), sessionToken: SessionToken };
  }

  #count({ action, issues }, answers) {
    this.#answered[action] += answers;
    if (issues) this.#answered.session += answers;
  }

  /**
   * Request bytes of an operation for a number of connections, each with a session name of its own, or signed with a
   * session of its own. They are good for 15 minutes.
   */
  async requests(operation, connections) {
    const { parameters, signedWith } = OPERATIONS[operation];
    const requests = [];
    for (let index = 0; index < connections; index += 1) {
      const keys = signedWith === 'session' ? await this.#session(index) : this.world.keys;
      requests.push(rawRequest({ url: this.url, keys, service: 'sts', form: formOf('sts', parameters(this.world, index)) }).toString('base64'));
    }
    return { operation, requests };
  }

  /**
   * Loads the server, or the bare handler with the same bytes, for `seconds` after `warmupSeconds`, or until `count`
   * requests are answered, and says what came of it. Throws where anything was not answered with success.
   */
  async measure({ target, requests: { operation, requests }, seconds, warmupSeconds, count }) {
    const port = target === 'bare' ? this.barePort : this.port;
    const result = await this.#perform(count === undefined ? { port, requests, warmupMs: warmupSeconds * 1000, measureMs: seconds * 1000 } : { port, requests, count });
    if (target === 'server') this.#count(OPERATIONS[operation], result.succeeded);
    if (result.refused > 0) throw new Error(`${operation} was refused ${result.refused} times: ${result.firstRefusal}`);
    if (result.broken.length > 0) throw new Error(`${operation}: ${result.broken[0]}`);
    return result;
  }

  async #perform(job) {
    const pids = { server: this.server.pid, database: this.database.pid, load: this.load.pid, bare: this.bare.pid };
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
    return { ...result, machine: perRequest(between(before, after), result.measured) };
  }

  /**
   * Every answer, whatever it was given for, must have left its rows: sessions for credentials, and one event for each
   * call. Answers what was counted on both sides.
   */
  async checkRows() {
    const answered = this.#answered;
    const found = await this.#rows(answered);
    return Object.entries(answered).map(([name, count]) => ({ name, answered: count, recorded: found[name] ?? 0, equal: count === (found[name] ?? 0) }));
  }

  /** Rows of sessions, and of audit events by name; asked until reads, which are recorded behind their answers, have arrived. */
  async #rows(expected) {
    for (let attempt = 0; ; attempt += 1) {
      const sessions = await this.client.query('SELECT count(*)::int AS count FROM session');
      const events = await this.client.query("SELECT event_name AS name, count(*)::int AS count FROM audit_event WHERE outcome = 'success' GROUP BY 1");
      const found = { session: sessions.rows[0].count, ...Object.fromEntries(events.rows.map(({ name, count }) => [name, count])) };
      if (attempt === 20 || Object.entries(expected).every(([name, count]) => (found[name] ?? 0) === count)) return found;
      await this.pause(100);
    }
  }

  /** Waits some milliseconds. Throws where the run was ended meanwhile. */
  async pause(milliseconds) {
    await delay(milliseconds);
    if (this.#aborted) throw new Error('interrupted');
  }

  /** Resident memory of the server in MiB: as the system tells it, or where it does not, as the server does. */
  async serverMiB() {
    return residentMiB(this.server.pid) ?? (await this.metric('stint_memory_bytes')) / 2 ** 20;
  }

  /** Has the server collect its garbage, and answers what V8 then uses of its heap, in MiB. */
  async collected() {
    const { heapUsed } = await this.#told('collect');
    return heapUsed / 2 ** 20;
  }

  /** How late the server's event loop was since this was asked last, in milliseconds: mean, p99 and max. */
  async delays() {
    return this.#told('delay');
  }

  async #told(what) {
    const answer = once(this.server, 'message', { signal: AbortSignal.timeout(COLLECT_MS) });
    this.server.send(what);
    const [said] = await answer;
    return said;
  }

  /** What the server has written to its log, in MiB. */
  get logMiB() {
    return statSync(this.logFile).size / 2 ** 20;
  }

  /** What the database takes up on disk, without its write-ahead log, in MiB. */
  async databaseMiB() {
    const { rows } = await this.client.query('SELECT pg_database_size(current_database())::float8 AS bytes');
    return rows[0].bytes / 2 ** 20;
  }

  /** A metric of the server that has no labels. */
  async metric(name) {
    const answer = await fetch(new URL('/metrics', this.url));
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await answer.text())?.[1]);
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

/** Does some work on a stage and takes everything down again, whatever happens. */
export async function onStage(work) {
  const stage = new Stage();
  process.on('exit', () => stage.killAll());
  // The first one ends the measurement and takes everything down in order; a second one does not wait.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      stage.abort();
      process.once(signal, () => process.exit(130));
    });
  }
  try {
    await work(stage);
  } finally {
    await stage.close();
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
