import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Pool } from 'pg';

import { migrations } from '../../migrations/all.js';
import { entities } from '../../src/app.module.js';
import { Database, migrate, unmigrate } from '../../src/kernel/database.js';
import { SystemClock, SystemRandom } from '../../src/kernel/effects.js';
import { Memory } from '../../src/kernel/memory.js';
import { StartupError } from '../../src/kernel/startup-error.js';
import { scratchDatabase, type ScratchDatabase } from '../support/database.js';

let database: ScratchDatabase;
let sql: Pool;

/** Whatever a migration can make, one line each. */
async function schema(): Promise<string[]> {
  const { rows } = await sql.query<{ line: string }>(`
    SELECT 'column ' || table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || COALESCE(column_default, '') AS line
      FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'trigger ' || tgenabled::text || ' ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'type ' || typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('d', 'e')
    UNION ALL SELECT 'sequence ' || sequencename FROM pg_sequences WHERE schemaname = 'public'
    ORDER BY 1`);
  return rows.map((row) => row.line).filter((line) => !/\bmigrations(?:_id_seq)?\b/.test(line));
}

function sources(suffix: string): { path: string; text: string }[] {
  return readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(suffix))
    .map((path) => ({ path, text: readFileSync(join('src', path), 'utf8') }));
}

beforeAll(async () => {
  database = await scratchDatabase();
  sql = new Pool({ connectionString: database.url, max: 1 });
  sql.on('error', () => undefined); // cut when its database is dropped
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

describe('the migrations', () => {
  it('make exactly the tables that the entities describe', async () => {
    const opened = await Database.connect(database.url, { entities, poolSize: 2, memory: new Memory(new SystemClock(), new SystemRandom()) });
    await expect(opened.drift().finally(() => opened.close())).resolves.toEqual([]);
  });

  it('can be taken back completely and made again, as often as one likes', async () => {
    const first = await schema();
    expect(first.length).toBeGreaterThan(50);
    for (let round = 0; round < 2; round += 1) {
      await unmigrate(database.url);
      expect(await schema()).toEqual([]);
      await migrate(database.url);
      expect(await schema()).toEqual(first);
    }
  });

  it('begin on a database in which nothing is', async () => {
    const first = await schema();
    await sql.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    await migrate(database.url);
    expect(await schema()).toEqual(first);
  });

  it('are run once by nodes that start together', async () => {
    await unmigrate(database.url);
    await Promise.all(Array.from({ length: 4 }, () => migrate(database.url)));
    const { rows } = await sql.query<{ name: string }>('SELECT name FROM migrations ORDER BY id');
    expect(rows.map((row) => row.name)).toEqual(migrations.map((migration) => migration.name));
  });

  it('change nothing where one of them fails, and say so in one line', async () => {
    await unmigrate(database.url);
    await sql.query('CREATE TABLE session (id integer)');
    const before = await schema();
    const failed: unknown = await migrate(database.url).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(StartupError);
    expect((failed as StartupError).message).toMatch(/^The database could not be migrated: .*"session" already exists.* Nothing was changed\.$/);
    expect(await schema()).toEqual(before);
    await sql.query('DROP TABLE session');
    await migrate(database.url);
  });
});

describe('the names of constraints', () => {
  it('that stores give a meaning to are those of the database', async () => {
    const named = sources('.ts')
      .filter(({ path, text }) => path !== join('kernel', 'database.ts') && text.includes('onConstraint('))
      .flatMap(({ text }) => [...text.matchAll(/\b(?:PK|UQ|FK|CK|EX)_\w+/g)].map(([name]) => name));
    expect(named.length).toBeGreaterThan(5);
    const { rows } = await sql.query<{ name: string }>(`SELECT conname AS name FROM pg_constraint UNION SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indisunique`);
    const known = new Set(rows.map((row) => row.name.replaceAll('"', '')));
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});
