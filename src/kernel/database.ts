import { DataSource, QueryFailedError, type EntityManager, type EntityTarget, type ObjectLiteral, type QueryRunner } from 'typeorm';

import { migrations } from '../../migrations/all.js';
import { ApiError } from '../domain/errors.js';
import { Memory, type Notice } from './memory.js';
import { StartupError } from './startup-error.js';

declare const reading: unique symbol;
declare const writing: unique symbol;

/** A read-only transaction. Only `Database.read` and `Database.write` make one: no Tx, no table. */
export type ReadTx = EntityManager & { readonly [reading]: true };
/** A transaction that may write. Only `Database.write` makes one. */
export type Tx = ReadTx & { readonly [writing]: true };

/** Tables of the whole application, for TypeORM. */
export type Entities = readonly EntityTarget<ObjectLiteral>[];

/** The name of this program's connections in pg_stat_activity. */
const APPLICATION = 'stint';
const MIGRATION_LOCK = 7_801_349_001;

/**
 * Opens transactions. Errors of PostgreSQL become ApiErrors here and nowhere else: an unreachable or
 * overloaded database is ServiceUnavailable, a serialisation conflict ConcurrentModification; what a
 * violated constraint means is said by the store that owns the table, through `onConstraint`.
 */
export class Database {
  readonly #notices = new WeakMap<EntityManager, Notice[]>();

  private constructor(
    private readonly source: DataSource,
    private readonly memory: Memory,
    private readonly apart: DataSource,
  ) {}

  /** Connects. Throws a StartupError where the database cannot be reached. */
  static async connect(url: string, options: { entities: Entities; poolSize: number; memory: Memory }): Promise<Database> {
    const source = dataSource(url, options.entities, { size: options.poolSize, bounds: REQUEST_BOUNDS });
    await initialize(source);
    const apart = dataSource(url, [], { size: 1, bounds: APART_BOUNDS });
    await initialize(apart);
    return new Database(source, options.memory, apart);
  }

  /** Runs `work` in one read-only snapshot. */
  async read<T>(work: (tx: ReadTx) => Promise<T>): Promise<T> {
    return this.#read(this.source, work);
  }

  /**
   * The same over a connection of its own, for what must not wait for requests to give theirs back. Raw SQL only: it
   * knows no entities.
   */
  async readApart<T>(work: (tx: ReadTx) => Promise<T>): Promise<T> {
    return this.#read(this.apart, work);
  }

  /** Runs `work` in one transaction and commits it; whatever `work` forgot is forgotten on every node. */
  async write<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#transaction(this.source, `START TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE; ${durably('transaction')}`, async (runner) => {
      const tx = runner.manager as Tx;
      const result = await work(tx);
      const notices = this.#notices.get(tx) ?? [];
      if (notices.length > 0) await tx.query('SELECT pg_notify($1, $2)', [Memory.channel, Memory.encode(notices)]);
      await runner.query('COMMIT');
      this.memory.forget(notices);
      return result;
    });
  }

  /** Makes every node forget a remembered row as soon as this transaction commits. */
  forget(tx: Tx, notice: Notice): void {
    const notices = this.#notices.get(tx);
    if (notices === undefined) this.#notices.set(tx, [notice]);
    else notices.push(notice);
  }

  /** Whether the database answers and every migration of this version has run. */
  async ready(): Promise<'ready' | 'unreachable' | 'migrations are pending'> {
    try {
      const rows = await this.source.query<{ name: string }[]>('SELECT name FROM migrations');
      const run = new Set(rows.map((row) => row.name));
      return migrations.every((migration) => run.has(migration.name)) ? 'ready' : 'migrations are pending';
    } catch {
      return 'unreachable';
    }
  }

  /** Connections of the pool: in use and idle, and requests that wait for one. */
  get pool(): { readonly total: number; readonly idle: number; readonly waiting: number } {
    const pool = (this.source.driver as unknown as { master?: { totalCount: number; idleCount: number; waitingCount: number } }).master;
    return { total: pool?.totalCount ?? 0, idle: pool?.idleCount ?? 0, waiting: pool?.waitingCount ?? 0 };
  }

  /** What TypeORM would change to make the tables fit the entities: nothing, or migrations and entities differ. */
  async drift(): Promise<readonly string[]> {
    const log = await this.source.driver.createSchemaBuilder().log();
    return log.upQueries.map((query) => query.query);
  }

  /** Closes every connection. */
  async close(): Promise<void> {
    await this.source.destroy();
    await this.apart.destroy();
  }

  #read<T>(source: DataSource, work: (tx: ReadTx) => Promise<T>): Promise<T> {
    return this.#transaction(source, 'START TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY', async (runner) => {
      const result = await work(runner.manager as ReadTx);
      await runner.query('COMMIT');
      return result;
    });
  }

  async #transaction<T>(source: DataSource, begin: string, work: (runner: QueryRunner) => Promise<T>): Promise<T> {
    const runner = source.createQueryRunner();
    try {
      // Apart, because without a connection there is nothing to roll back, and no second one to wait for.
      await runner.connect();
      return await within(runner, begin, work);
    } catch (error) {
      throw translated(error);
    } finally {
      await runner.release();
    }
  }
}

async function within<T>(runner: QueryRunner, begin: string, work: (runner: QueryRunner) => Promise<T>): Promise<T> {
  try {
    await runner.query(begin);
    return await work(runner);
  } catch (error) {
    await rollback(runner);
    throw error;
  }
}

// A connection that cannot roll back is not given to the next request: ended, the pool drops it.
async function rollback(runner: QueryRunner): Promise<void> {
  try {
    await runner.query('ROLLBACK');
  } catch {
    const client = (await runner.connect().catch(() => undefined)) as { end(): Promise<void> } | undefined;
    void client?.end().catch(() => undefined);
  }
}

/**
 * Holds the row of a table in which columns have these values against other changes until the transaction ends, and
 * answers its key; undefined where there is none. Read by that key, so that what is read is what is held, whatever has
 * come to be called by its name since. Not FOR UPDATE: it would hold up foreign keys as well, and two transactions that
 * wait for each other's keys would be stuck.
 */
export async function holdRow(tx: Tx, { table, key }: { readonly table: string; readonly key: string }, where: Readonly<Record<string, string>>): Promise<string | undefined> {
  const condition = Object.keys(where).map((column, index) => `${column} = $${String(index + 1)}`);
  const rows = await tx.query<{ key: string }[]>(`SELECT ${key} AS key FROM ${table} WHERE ${condition.join(' AND ')} FOR NO KEY UPDATE`, Object.values(where));
  return rows[0]?.key;
}

/** SQL after which a commit survives a crash of the server before it is answered, whatever the server's default says. */
export function durably(scope: 'transaction' | 'session'): string {
  const now = `current_setting('synchronous_commit')`;
  return `SELECT set_config('synchronous_commit', CASE ${now} WHEN 'off' THEN 'on' ELSE ${now} END, ${String(scope === 'transaction')})`;
}

/** The SQLSTATE of a failed query, or a Node error code such as ECONNREFUSED. */
export function errorState(error: unknown): string | undefined {
  const driver: unknown = error instanceof QueryFailedError ? error.driverError : error;
  const code = (driver as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

function constraintOf(error: unknown): string | undefined {
  const driver: unknown = error instanceof QueryFailedError ? error.driverError : error;
  const constraint = (driver as { constraint?: unknown } | undefined)?.constraint;
  return typeof constraint === 'string' ? constraint : undefined;
}

/** Whether an error, or what caused it, is the violation of a constraint. */
export function violates(error: unknown, constraint: string): boolean {
  return constraintOf(error) === constraint || (error instanceof Error && error.cause !== undefined && violates(error.cause, constraint));
}

/**
 * Says what a violated constraint means to the caller. Constraint names are API: a name that is not in
 * `meanings` stays a bug (InternalFailure).
 */
export async function onConstraint<T>(work: Promise<T>, meanings: Readonly<Record<string, () => ApiError>>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const name = constraintOf(error);
    const meaning = name === undefined || !Object.hasOwn(meanings, name) ? undefined : meanings[name];
    throw meaning === undefined ? error : meaning();
  }
}

// Connections, resources, operators, I/O; a standby (25006); no such login or database, or one that takes no connections (55000).
const UNAVAILABLE = /^(?:08|25006|28|3D|53|55000|57|58)/;
const CONFLICT = new Set(['40001', '40P01', '55P03']);

/** An error of the database in the words of the catalogue; others pass through. */
export function translated(error: unknown): unknown {
  if (error instanceof ApiError) return error;
  const state = errorState(error);
  if (state !== undefined && CONFLICT.has(state)) {
    return new ApiError('ConcurrentModification', 'The entity was changed by another request at the same time. Repeat the request.', { cause: error });
  }
  if (state === undefined ? isConnectionLoss(error) : UNAVAILABLE.test(state) || /^E(?:AI_)?[A-Z]+$/.test(state)) return unavailable(error);
  return error;
}

// What pg and its pool say when there is no connection; they give these errors no code.
const LOST = /^(?:Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Client was closed|Cannot use a pool after|Query runner already released)/;

function isConnectionLoss(error: unknown): boolean {
  const driver: unknown = error instanceof QueryFailedError ? error.driverError : error;
  return driver instanceof Error && LOST.test(driver.message);
}

/** The refusal of a call that cannot be recorded or carried out because the database is away. */
export function unavailable(cause: unknown): ApiError {
  return new ApiError('ServiceUnavailable', 'The service is temporarily unable to handle the request. Repeat the request in a moment.', { cause });
}

/** Bounds on what a request may make the database do, in milliseconds. */
const REQUEST_BOUNDS = { statement_timeout: 15_000, idle_in_transaction_session_timeout: 30_000, query_timeout: 20_000 };
/** What is asked again and again must not wait long for one answer. */
const APART_BOUNDS = { statement_timeout: 5_000, idle_in_transaction_session_timeout: 5_000, query_timeout: 6_000 };
/** A migration takes the time it takes, and so does waiting for another node's. */
const NO_BOUNDS = { statement_timeout: 0, idle_in_transaction_session_timeout: 0 };

function dataSource(url: string, entities: Entities, pool: { size: number; bounds: object }): DataSource {
  try {
    return new DataSource({
      type: 'postgres',
      url,
      entities: [...entities] as never[],
      migrations: [...migrations],
      migrationsTableName: 'migrations',
      // Silent: what fails is thrown, and standard output belongs to our own log.
      logger: 'debug',
      // gen_random_uuid() is built in; TypeORM must not ask for an extension.
      uuidExtension: 'pgcrypto',
      installExtensions: false,
      poolSize: pool.size,
      applicationName: APPLICATION,
      connectTimeoutMS: 5_000,
      extra: pool.bounds,
    });
  } catch (error) {
    throw new StartupError('DATABASE_URL is not a valid address: expected postgres://user:password@host:5432/database, with special characters in the password percent-encoded.', { cause: error });
  }
}

async function initialize(source: DataSource): Promise<void> {
  try {
    await source.initialize();
  } catch (error) {
    throw new StartupError(`The database cannot be reached: ${reason(error)}. Check DATABASE_URL and that PostgreSQL is running.`, { cause: error });
  }
}

function reason(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reason).join('; ');
  return error instanceof Error ? error.message.replaceAll('\n', ' ') : String(error);
}

/**
 * Runs the pending migrations, one node at a time (an advisory lock is held meanwhile).
 * Throws a StartupError where the database cannot be reached or a migration fails.
 */
export async function migrate(url: string): Promise<void> {
  const source = dataSource(url, [], { size: 2, bounds: NO_BOUNDS });
  await initialize(source);
  try {
    const lock = source.createQueryRunner();
    try {
      await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
      await source.runMigrations({ transaction: 'all' });
    } finally {
      await lock.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined);
      await lock.release();
    }
  } catch (error) {
    throw new StartupError(`The database could not be migrated: ${reason(error)}. Nothing was changed.`, { cause: error });
  } finally {
    await source.destroy();
  }
}

/** Takes back every migration, newest first. For tests of the migrations themselves. */
export async function unmigrate(url: string): Promise<void> {
  const source = dataSource(url, [], { size: 2, bounds: NO_BOUNDS });
  await initialize(source);
  try {
    for (const _ of migrations) await source.undoLastMigration({ transaction: 'all' });
  } finally {
    await source.destroy();
  }
}
