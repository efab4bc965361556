import { Client } from 'pg';

/** A database of its own for one test file. */
export interface ScratchDatabase {
  readonly url: string;
  /** Drops it, cutting connections that are still open. */
  drop(): Promise<void>;
}

let made = 0;

/** Copies the migrated template that the run's global setup has made; safe in parallel workers. */
export async function scratchDatabase(): Promise<ScratchDatabase> {
  const server = fromSetup('STINT_TEST_DATABASE_URL');
  const template = fromSetup('STINT_TEST_TEMPLATE');
  made += 1;
  // Keeps the run's prefix, by which the teardown finds what a test has left behind.
  const name = `${template.replace(/_template$/, '')}_${process.pid}_${made}_${process.hrtime.bigint().toString(36)}`;
  await execute(server, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  return {
    url: server.replace(/^(\w+:\/\/[^/?#]*)(?:\/[^?#]*)?/, `$1/${name}`),
    drop: () => execute(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

function fromSetup(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run the tests through jest.config.js`);
  return value;
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
