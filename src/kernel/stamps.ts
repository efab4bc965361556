import type { Database, Tx } from './database.js';

/** How many stamps wait at the most; further ones are dropped until the next write. */
const STAMPS_MAX = 50_000;

/**
 * Last-used stamps: gathered in memory, the newest for each key, and written behind in one statement, so that
 * using a credential costs no write. A crash loses the stamps of the last moments and nothing else.
 */
export class Stamps<S> {
  #pending = new Map<string, S>();
  #writing = new Map<string, S>();
  #flushing: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly save: (tx: Tx, stamps: ReadonlyMap<string, S>) => Promise<void>,
  ) {}

  /** Notes a use. */
  note(key: string, stamp: S): void {
    if (this.#pending.size < STAMPS_MAX || this.#pending.has(key)) this.#pending.set(key, stamp);
  }

  /** A stamp that this node has noted and not written yet. */
  pending(key: string): S | undefined {
    return this.#pending.get(key) ?? this.#writing.get(key);
  }

  /** Writes what has been gathered; what could not be written is kept for the next time. */
  async flush(): Promise<void> {
    // A write that is under way took its stamps before the latest were noted.
    while (this.#flushing !== undefined) await this.#flushing;
    if (this.#pending.size === 0) return;
    this.#flushing = this.#write();
    await this.#flushing;
  }

  async #write(): Promise<void> {
    this.#writing = this.#pending;
    this.#pending = new Map();
    try {
      await this.database.write((tx) => this.save(tx, this.#writing));
    } catch {
      this.#pending = new Map([...this.#writing, ...this.#pending]);
    } finally {
      this.#writing = new Map();
      this.#flushing = undefined;
    }
  }
}
