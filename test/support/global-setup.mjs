// One PostgreSQL and one migrated template database for the whole run. Jest loads this file natively, so it
// works against dist/, which `npm test` builds first.
import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

const secondsADay = 86_400;
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
let finishRun;

/** Starts or finds the server, makes the template, and tells the workers in the environment. */
export default async function globalSetup() {
  const { EmbeddedPostgres, addressUrl } = await built('embedded-postgres');
  const { migrate } = await built('database');
  const server = process.env.DATABASE_URL ? external(process.env.DATABASE_URL) : await embedded(EmbeddedPostgres, addressUrl);
  // The time in the name lets a later run see how old a run is that could not clean up.
  const run = `stint_test_${Math.floor(Date.now() / 1000)}_${randomBytes(4).toString('hex')}`;
  const finish = once(async () => {
    await onServer(server.url, (client) => dropDatabases(client, (name) => name.startsWith(`${run}_`)));
    await server.stop();
  });
  const interrupted = (signal) => {
    void finish().finally(() => {
      ignoreSignals();
      process.kill(process.pid, signal);
    });
  };
  const ignoreSignals = () => signals.forEach((signal) => process.off(signal, interrupted));
  signals.forEach((signal) => process.on(signal, interrupted));
  finishRun = () => finish().finally(ignoreSignals);
  try {
    const template = `${run}_template`;
    await onServer(server.url, async (client) => {
      await dropDatabases(client, isAbandoned);
      await client.query(`CREATE DATABASE ${template}`);
    });
    await migrate(databaseUrl(server.url, template));
    // A database with a connection cannot be copied.
    await onServer(server.url, (client) => client.query(`ALTER DATABASE ${template} ALLOW_CONNECTIONS false`));
    process.env.STINT_TEST_DATABASE_URL = server.url;
    process.env.STINT_TEST_TEMPLATE = template;
  } catch (error) {
    await finishRun();
    throw error;
  }
}

/** Drops the databases of this run and stops the server if it is ours. */
export async function globalTeardown() {
  await finishRun?.();
}

async function built(name) {
  try {
    return await import(`../../dist/src/kernel/${name}.js`);
  } catch (error) {
    throw new Error(`dist/src/kernel/${name}.js cannot be loaded; run "npm run build" first`, { cause: error });
  }
}

function external(url) {
  return { url, stop: async () => {} };
}

async function embedded(EmbeddedPostgres, addressUrl) {
  await removeAbandonedFolders(EmbeddedPostgres);
  const folder = await mkdtemp(join(await realpath(tmpdir()), `stint-test-${process.pid}-`));
  // As root, PostgreSQL runs as another account, which has to get to its data.
  await chmod(folder, 0o711);
  const server = await EmbeddedPostgres.start({
    dir: join(folder, 'postgres'),
    noSync: true,
    settings: { max_connections: '200' },
  });
  const stop = async () => {
    await server.stop();
    await rm(server.folder, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  };
  return { url: addressUrl(server.address, 'postgres'), stop };
}

/** Removes what a killed run left in the temporary directory, its server first where it still runs. */
async function removeAbandonedFolders(EmbeddedPostgres) {
  for (const name of await readdir(tmpdir())) {
    const pid = /^stint-test-(\d+)-/.exec(name)?.[1];
    const folder = join(tmpdir(), name);
    if (pid === undefined || isAlive(Number(pid)) || (await ownerOf(folder)) !== process.getuid?.()) continue;
    try {
      const server = await EmbeddedPostgres.start({ dir: join(folder, 'postgres'), noSync: true });
      await server.stop();
      await rm(server.folder, { recursive: true, force: true });
    } catch {
      // Never got as far as a server, or another run is removing it at this moment.
    }
    await rm(folder, { recursive: true, force: true });
  }
}

async function ownerOf(folder) {
  const stats = await lstat(folder).catch(() => undefined);
  return stats?.isDirectory() ? stats.uid : undefined;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function isAbandoned(name) {
  const started = /^stint_test_(\d+)_/.exec(name)?.[1];
  return started !== undefined && Number(started) < Date.now() / 1000 - secondsADay;
}

async function dropDatabases(client, chosen) {
  const { rows } = await client.query('SELECT datname FROM pg_database');
  for (const { datname } of rows.filter((row) => chosen(row.datname))) {
    await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(datname)} WITH (FORCE)`);
  }
}

async function onServer(url, work) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function databaseUrl(url, database) {
  return url.replace(/^(\w+:\/\/[^/?#]*)(?:\/[^?#]*)?/, `$1/${database}`);
}

function once(work) {
  let done;
  return () => (done ??= work());
}
