import { Client } from 'pg';

import type { ScratchDatabase } from './database.js';

/** Runs SQL beside the scratch database, where it also works while nobody is let into that one. */
async function onServer(statement: string, values: unknown[] = []): Promise<void> {
  const client = new Client({ connectionString: process.env['STINT_TEST_DATABASE_URL'] });
  await client.connect();
  try {
    await client.query(statement, values);
  } finally {
    await client.end();
  }
}

function nameOf(database: ScratchDatabase): string {
  return new Client({ connectionString: database.url }).database ?? '';
}

/** Cuts connections of Stint to a database: all of them, or those of one application name. */
export async function cut(database: ScratchDatabase, application = 'stint%'): Promise<void> {
  await onServer('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE $2', [nameOf(database), application]);
}

/** Cuts every connection of Stint and lets nobody in while `work` runs; connections of the test itself live on. */
export async function withoutDatabase<T>(database: ScratchDatabase, work: () => Promise<T>): Promise<T> {
  await onServer(`ALTER DATABASE ${nameOf(database)} ALLOW_CONNECTIONS false`);
  try {
    await cut(database);
    return await work();
  } finally {
    await onServer(`ALTER DATABASE ${nameOf(database)} ALLOW_CONNECTIONS true`);
  }
}

/** Looks again and again until something is seen; fails after some ten seconds. */
export async function until<T>(what: string, look: () => T | Promise<T>): Promise<NonNullable<T>> {
  for (let left = 2_000; left > 0; left -= 1) {
    const seen = await look();
    if (seen !== undefined && seen !== null && seen !== false) return seen;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`this has not happened: ${what}`);
}

/** Holds a table so that nobody can write to it until `release`. */
export async function hold(database: ScratchDatabase, table: string): Promise<{ release(): Promise<void> }> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  await client.query('BEGIN');
  await client.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  return { release: () => client.end() };
}

/** Waits until a connection of Stint waits for a lock that the test holds. */
export async function untilBlocked(look: <R extends object>(text: string) => Promise<R[]>, application: string): Promise<void> {
  await until(`${application} waits for a lock`, async () => {
    const rows = await look(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = '${application}' AND wait_event_type = 'Lock'`);
    return rows.length > 0;
  });
}
