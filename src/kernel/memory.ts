import { LRUCache } from 'lru-cache';
import pg from 'pg';

import type { Clock, Random } from './effects.js';

/** Says which remembered row is no longer true: the name of a memory and a key in it. */
export interface Notice {
  readonly memory: string;
  readonly key: string;
}

/** How often a node proves to itself that notices reach it, in milliseconds. */
const BEAT_MS = 250;
/** How many beats may be under way before the connection is given up. */
const BEATS_MAX = 8;
/** How long after the last proof remembered rows are still believed, in milliseconds. */
const BELIEVED_MS = 1_000;
/** What the rows of one memory may weigh together, and a row without texts of its own, in bytes. */
const WEIGHT_MAX = 64 * 1024 * 1024;
const ROW_WEIGHT = 1_024;
/** How many unknown keys a memory keeps, so that asking for what does not exist costs what a hit costs. */
const ABSENT_MAX = 2_000;
/** PostgreSQL refuses notices of 8,000 bytes and more. */
const NOTICE_BYTES = 7_500;

/**
 * The rows that this node remembers, and when it must forget them.
 *
 * A change sends the names of what it changed with NOTIFY, inside its transaction. Every node listens, and
 * four times a second sends itself a beat along the same way; only while a beat that was sent less than a
 * second ago has come back is anything remembered believed. So a listener that died, a proxy that swallows
 * notices or a database that is away never leave a node with rows older than a second: it then asks the
 * database each time.
 */
export class Memory {
  /** The channel of LISTEN and NOTIFY. */
  static readonly channel = 'stint_forget';

  readonly #remembered = new Map<string, Remembered<unknown>>();
  readonly #listeners = new Map<string, (key: string | undefined) => void>();
  readonly #node: string;
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #beats = new Map<number, number>();
  #beat = 0;
  #provenAt = -Infinity;
  #closed = false;
  #connecting = false;

  constructor(
    private readonly clock: Clock,
    random: Random,
  ) {
    this.#node = random.uuid();
  }

  /** The text of a NOTIFY; beyond what one notice can carry it says "everything". */
  static encode(notices: readonly Notice[]): string {
    const text = JSON.stringify({ forget: notices.map(({ memory, key }) => [memory, key]) });
    return Buffer.byteLength(text) > NOTICE_BYTES ? JSON.stringify({ forget: 'all' }) : text;
  }

  /** A new memory of at most `max` rows, which together weigh at most 64 MiB; `weigh` says how many bytes a row takes. */
  of<V extends object>(name: string, max: number, weigh: (row: V) => number = () => ROW_WEIGHT): Remembered<V> {
    if (this.#remembered.has(name)) throw new Error(`there are two memories of the name ${name}`);
    const remembered = new Remembered<V>({ max, weigh }, () => this.believed);
    this.#remembered.set(name, remembered as Remembered<unknown>);
    return remembered;
  }

  /**
   * Calls `listener` with the key when a change, here or on another node, names this memory; without one when
   * anything may have changed.
   */
  onNotice(name: string, listener: (key: string | undefined) => void): void {
    this.#listeners.set(name, listener);
  }

  /** Whether remembered rows may be believed at this moment. */
  get believed(): boolean {
    return this.age < BELIEVED_MS;
  }

  /** Milliseconds since the last proof that notices arrive. */
  get age(): number {
    return this.clock.elapsed() - this.#provenAt;
  }

  /** Forgets the named rows on this node. */
  forget(notices: readonly Notice[]): void {
    for (const { memory, key } of notices) {
      this.#remembered.get(memory)?.forget(key);
      this.#listeners.get(memory)?.(key);
    }
  }

  /** Forgets everything on this node. */
  forgetAll(): void {
    for (const remembered of this.#remembered.values()) remembered.clear();
    for (const listener of this.#listeners.values()) listener(undefined);
  }

  /** Begins to listen; resolves when the first beat has come back or the first attempt has failed. */
  async listen(url: string): Promise<void> {
    await this.#connect(url);
    if (this.#closed) return;
    this.#timer = setInterval(() => void this.#pulse(url), BEAT_MS);
    this.#timer.unref();
  }

  /** Stops listening. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#client?.end().catch(() => undefined);
  }

  async #pulse(url: string): Promise<void> {
    if (this.#client === undefined) await this.#connect(url);
    else await this.#sendBeat(this.#client);
  }

  async #connect(url: string): Promise<void> {
    if (this.#closed || this.#connecting) return;
    this.#connecting = true;
    const client = new pg.Client({ connectionString: url, application_name: 'stint notices', connectionTimeoutMillis: 5_000, query_timeout: 5_000, keepAlive: true });
    client.on('notification', (message) => {
      this.#receive(message.payload ?? '');
    });
    client.on('error', () => {
      this.#lose(client);
    });
    client.on('end', () => {
      this.#lose(client);
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${Memory.channel}`);
      this.#adopt(client);
      await this.#sendBeat(client);
    } catch {
      this.#lose(client);
      void client.end().catch(() => undefined);
    } finally {
      this.#connecting = false;
    }
  }

  #adopt(client: pg.Client): void {
    if (this.#closed) throw new Error('closed while connecting');
    // What changed while nobody listened is unknown.
    this.forgetAll();
    this.#client = client;
  }

  async #sendBeat(client: pg.Client): Promise<void> {
    // A connection that carries queries but brings no notices back is given up for a new one.
    if (this.#beats.size >= BEATS_MAX) {
      this.#lose(client);
      void client.end().catch(() => undefined);
      return;
    }
    const beat = (this.#beat += 1);
    this.#beats.set(beat, this.clock.elapsed());
    try {
      await client.query('SELECT pg_notify($1, $2)', [Memory.channel, JSON.stringify({ node: this.#node, beat })]);
    } catch {
      this.#lose(client);
      void client.end().catch(() => undefined);
    }
  }

  #receive(payload: string): void {
    const message = parsed(payload);
    if (message?.forget === 'all') this.forgetAll();
    else if (Array.isArray(message?.forget)) {
      for (const pair of message.forget as unknown[]) {
        if (Array.isArray(pair)) this.forget([{ memory: String(pair[0]), key: String(pair[1]) }]);
      }
    } else if (message?.node === this.#node && typeof message.beat === 'number') {
      this.#provenAt = Math.max(this.#provenAt, this.#beats.get(message.beat) ?? -Infinity);
      for (const earlier of this.#beats.keys()) if (earlier <= message.beat) this.#beats.delete(earlier);
    }
  }

  #lose(client: pg.Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#beats.clear();
    this.#provenAt = -Infinity;
  }
}

function parsed(payload: string): { forget?: unknown; node?: unknown; beat?: unknown } | undefined {
  try {
    return JSON.parse(payload) as { forget?: unknown; node?: unknown; beat?: unknown };
  } catch {
    return undefined;
  }
}

/** Rows of one kind, remembered by key: bounded, one load at a time per key, and never older than the last change. */
export class Remembered<V> {
  readonly #present: LRUCache<string, V & object>;
  readonly #absent = new LRUCache<string, true>({ max: ABSENT_MAX });
  readonly #loading = new Map<string, Promise<V | undefined>>();

  constructor(
    bound: { readonly max: number; readonly weigh: (row: V) => number },
    private readonly believed: () => boolean,
  ) {
    this.#present = new LRUCache<string, V & object>({ max: bound.max, maxSize: WEIGHT_MAX, sizeCalculation: (row) => Math.max(1, Math.ceil(bound.weigh(row))) });
  }

  /** The remembered row, or what `load` finds; undefined where there is none. */
  async get(key: string, load: () => Promise<V | undefined>): Promise<V | undefined> {
    if (!this.believed()) return load();
    const present = this.#present.get(key);
    if (present !== undefined) return present;
    if (this.#absent.get(key) === true) return undefined;
    return this.#loading.get(key) ?? this.#load(key, load);
  }

  /** Forgets one row. A load that is under way is not remembered either: it may have seen the old row. */
  forget(key: string): void {
    this.#present.delete(key);
    this.#absent.delete(key);
    this.#loading.delete(key);
  }

  /** Forgets every row. */
  clear(): void {
    this.#present.clear();
    this.#absent.clear();
    this.#loading.clear();
  }

  async #load(key: string, load: () => Promise<V | undefined>): Promise<V | undefined> {
    const loading = load();
    this.#loading.set(key, loading);
    try {
      const row = await loading;
      // Still ours: nobody forgot this key while it was being read.
      if (this.#loading.get(key) === loading) {
        if (row === undefined) this.#absent.set(key, true);
        else this.#present.set(key, row as V & object);
      }
      return row;
    } finally {
      if (this.#loading.get(key) === loading) this.#loading.delete(key);
    }
  }
}
