import pg from 'pg';

import { binaryArray } from './binary-array.js';
import { durably, errorState, unavailable, type Tx } from './database.js';

/** A table that only grows, and how its rows are made of values. */
export interface AppendTable<R = unknown> {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly of: (row: R) => unknown }[];
  /** The unique column by which a row that is written twice (after an unknown outcome) is recognised. */
  readonly idempotentBy?: string;
}

/** One row for one table, as values in the order of its columns. */
export interface Append {
  readonly table: AppendTable;
  readonly values: readonly unknown[];
  /** The refusal where the database has such a row already; without it, that is a bug. */
  readonly taken?: { readonly constraint: string; readonly refusal: () => Error };
}

/** A row for a table. Its values are made here, so that a row that cannot be made fails alone and not its batch. */
export function append<R>(table: AppendTable<R>, row: R, taken?: Append['taken']): Append {
  return { table: table as AppendTable, values: table.columns.map((column) => column.of(row)), ...(taken && { taken }) };
}

interface Entry {
  readonly rows: readonly Append[];
  /** Characters and bytes of its values. */
  readonly weight: number;
  /** Absent: nobody waits, and the entry is tried again until it is written. */
  readonly waiter?: { resolve(): void; reject(error: unknown): void };
}

/** How many entries wait at the most; beyond, callers are refused before anything was done. */
const QUEUE_MAX = 8_192;
/** How much the waiting entries may weigh, in characters: a few large events must not cost what many small ones do. */
const QUEUE_WEIGHT_MAX = 64 * 1024 * 1024;
/** How many entries one transaction carries at the most, and how much they weigh. */
const BATCH_MAX = 512;
const BATCH_WEIGHT_MAX = 4 * 1024 * 1024;
/** How long to wait before the next attempt when the database is away and nobody waits, in milliseconds. */
const RETRY_MS = 250;
const QUERY_TIMEOUT_MS = 10_000;

/**
 * Group commit of append-only rows: whatever arrives while one transaction is being flushed becomes the next
 * one. A promise of `commit` resolves when its rows are durable. Where the outcome is unknown (the connection
 * broke) the whole batch is refused: something may then be recorded that was never answered, never the other
 * way round. Whatever the reason, those who wait are told ServiceUnavailable: it was not recorded.
 */
export class Ledger {
  readonly #queue: Entry[] = [];
  #client: pg.Client | undefined;
  #flushing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #lost = 0;
  /** Of all that waits. */
  #weight = 0;
  #closed = false;
  readonly #statements = new Map<string, string>();

  constructor(private readonly url: string) {}

  /** Entries that wait to be written. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Entries nobody waited for that PostgreSQL refused, or that could not be written before the end: a bug or a loss when not zero. */
  get lost(): number {
    return this.#lost;
  }

  /** Resolves when the rows are committed. Throws ServiceUnavailable where they are not, or may not be. */
  async commit(rows: readonly Append[]): Promise<void> {
    this.#admit();
    if (rows.length === 0) return;
    await new Promise<void>((resolve, reject) => {
      this.#push({ rows, weight: weightOf(rows), waiter: { resolve, reject } });
      this.#kick();
    });
  }

  /** Records rows without waiting; they are tried again until they are written. Throws ServiceUnavailable when too many wait. */
  offer(rows: readonly Append[]): void {
    this.#admit();
    if (rows.length === 0) return;
    this.#push({ rows, weight: weightOf(rows) });
    this.#kick();
  }

  /** Writes rows in a transaction of the caller's. Throws ServiceUnavailable where they cannot be written. */
  async within(tx: Tx, rows: readonly Append[]): Promise<void> {
    if (rows.length === 0) return;
    const { text, values } = this.#statement(rows);
    try {
      await tx.query(text, values);
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** Writes what waits now; gives up after a few attempts where the database is away. */
  async flush(): Promise<void> {
    await this.#flushing;
    for (let attempts = 0; this.#queue.length > 0 && attempts < 3; attempts += 1) await this.#run();
  }

  /** Takes nothing more, writes what is left and closes the connection. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
    clearTimeout(this.#retry);
    this.#lost += this.#queue.length;
    this.#queue.length = 0;
    this.#weight = 0;
    await this.#client?.end().catch(() => undefined);
    this.#client = undefined;
  }

  #admit(): void {
    if (this.#closed) throw unavailable(new Error('the ledger is closed'));
    if (this.#queue.length >= QUEUE_MAX || this.#weight >= QUEUE_WEIGHT_MAX) throw unavailable(new Error('the ledger is full'));
  }

  #push(entry: Entry): void {
    this.#queue.push(entry);
    this.#weight += entry.weight;
  }

  /** The next entries to write together; at least one, whatever it weighs. */
  #take(): Entry[] {
    let count = 0;
    let weight = 0;
    for (const entry of this.#queue) {
      if (count > 0 && (count === BATCH_MAX || weight + entry.weight > BATCH_WEIGHT_MAX)) break;
      count += 1;
      weight += entry.weight;
    }
    this.#weight -= weight;
    return this.#queue.splice(0, count);
  }

  #kick(): void {
    if (this.#retry !== undefined) {
      // Someone waits: do not sit out the pause that was meant for an idle ledger.
      if (this.#queue.at(-1)?.waiter === undefined) return;
      clearTimeout(this.#retry);
      this.#retry = undefined;
    }
    void this.#run();
  }

  #run(): Promise<void> {
    this.#flushing ??= new Promise<void>((resolve) => {
      // One turn of the event loop: requests that were read from sockets together are written together.
      setImmediate(() => {
        void this.#drain().finally(() => {
          this.#flushing = undefined;
          resolve();
          // What came after the last look at the queue found a run under way, and nobody else begins the next.
          if (this.#queue.length > 0 && this.#retry === undefined) void this.#run();
        });
      });
    });
    return this.#flushing;
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#take();
      try {
        await this.#write(batch);
        for (const entry of batch) entry.waiter?.resolve();
      } catch (error) {
        const away = isRefusal(error) && batch.length > 1 ? await this.#writeEach(batch) : this.#fail(batch, error);
        if (away) return;
      }
    }
  }

  // One entry that PostgreSQL cannot store must not take the others of its batch with it.
  async #writeEach(batch: readonly Entry[]): Promise<boolean> {
    for (const [index, entry] of batch.entries()) {
      try {
        await this.#write([entry]);
        entry.waiter?.resolve();
      } catch (error) {
        if (this.#fail(isRefusal(error) ? [entry] : batch.slice(index), error)) return true;
      }
    }
    return false;
  }

  /** Refuses those who wait, keeps the rest for another attempt; true where the database is away. */
  #fail(batch: readonly Entry[], error: unknown): boolean {
    const kept = batch.filter((entry) => entry.waiter === undefined);
    for (const entry of batch) entry.waiter?.reject(unavailable(error));
    if (isRefusal(error)) {
      this.#lost += kept.length;
      return false;
    }
    this.#queue.unshift(...kept);
    void this.#client?.end().catch(() => undefined);
    this.#client = undefined;
    // Those who came meanwhile would wait for a database that is away: they are told at once.
    const waiting = this.#queue.filter((entry) => entry.waiter !== undefined);
    for (const entry of waiting) entry.waiter?.reject(unavailable(error));
    this.#queue.splice(0, this.#queue.length, ...this.#queue.filter((entry) => entry.waiter === undefined));
    this.#weight = this.#queue.reduce((sum, entry) => sum + entry.weight, 0);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      if (this.#queue.length > 0) void this.#run();
    }, RETRY_MS);
    this.#retry.unref();
    return true;
  }

  async #write(batch: readonly Entry[]): Promise<void> {
    const client = (this.#client ??= await connect(this.url, (lost) => {
      if (this.#client === lost) this.#client = undefined;
    }));
    const { name, text, values } = this.#statement(batch.flatMap((entry) => entry.rows));
    await client.query({ name, text, values });
  }

  #statement(rows: readonly Append[]): { name: string; text: string; values: Buffer[] } {
    const tables = [...new Set(rows.map((row) => row.table))].sort((a, b) => (a.name < b.name ? -1 : 1));
    const name = `append ${tables.map((table) => table.name).join(' ')}`;
    let text = this.#statements.get(name);
    if (text === undefined) {
      text = insertInto(tables);
      this.#statements.set(name, text);
    }
    const values = tables.flatMap((table) => {
      const own = rows.filter((row) => row.table === table);
      return table.columns.map(({ type }, index) => binaryArray(sentAs(type), own.map((row) => row.values[index])));
    });
    return { name, text, values };
  }
}

function weightOf(rows: readonly Append[]): number {
  let weight = 0;
  for (const { values } of rows) for (const value of values) weight += typeof value === 'string' || Buffer.isBuffer(value) ? value.length : 8;
  return weight;
}

/** PostgreSQL will never take these rows: a data, constraint or size error, not a failure of the connection. */
function isRefusal(error: unknown): boolean {
  return /^(?:22|23|54)/.test(errorState(error) ?? '');
}

/** Bytes travel as bytes, everything else as the text that PostgreSQL reads for its type. */
function sentAs(type: string): 'text' | 'bytea' {
  return type === 'bytea' ? 'bytea' : 'text';
}

function insertInto(tables: readonly AppendTable[]): string {
  let parameter = 0;
  const inserts = tables.map((table) => {
    const names = table.columns.map((column) => column.name).join(', ');
    const arrays = table.columns.map((column) => `$${String((parameter += 1))}::${sentAs(column.type)}[]::${column.type}[]`).join(', ');
    const conflict = table.idempotentBy === undefined ? '' : ` ON CONFLICT (${table.idempotentBy}) DO NOTHING`;
    return `INSERT INTO ${table.name} (${names}) SELECT * FROM unnest(${arrays})${conflict}`;
  });
  const [only] = inserts;
  if (inserts.length === 1 && only !== undefined) return only;
  return `WITH ${inserts.map((insert, index) => `t${String(index)} AS (${insert})`).join(', ')} SELECT 1`;
}

async function connect(url: string, lost: (client: pg.Client) => void): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'stint ledger', connectionTimeoutMillis: 5_000, query_timeout: QUERY_TIMEOUT_MS, statement_timeout: QUERY_TIMEOUT_MS, keepAlive: true });
  client.on('error', () => {
    lost(client);
  });
  client.on('end', () => {
    lost(client);
  });
  try {
    await client.connect();
    await client.query(durably('session'));
    return client;
  } catch (error) {
    void client.end().catch(() => undefined);
    // Whatever its code, this is no refusal of rows.
    throw unavailable(error);
  }
}
