import { Inject, Injectable } from '@nestjs/common';

import type { Config } from '../kernel/config.js';
import { Database, type Tx } from '../kernel/database.js';
import { Clock } from '../kernel/effects.js';
import { CONFIG, LOG } from '../kernel/kernel.js';
import type { Log } from '../kernel/log.js';
import { MfaThrottleStore } from '../mfa/throttle.store.js';
import { SessionsStore } from './sessions.store.js';

/** How often a node looks for what may go, in milliseconds. */
const EVERY_MS = 60_000;
/** How many rows of a table one transaction removes, and how many transactions one look makes, at the most. */
const BATCH = 1_000;
const BATCHES_MAX = 200;
const DAY_MS = 86_400_000;
/** Of the advisory lock that the node holds which removes. */
const LOCK = 7_801_349_003;

/** Removes sessions that expired long ago, with their revocations, answers that may not be asked for again, assertions that may not be used again anyway, and failures that do not count any more. Audit events stay. */
@Injectable()
export class Retention {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(
    private readonly database: Database,
    private readonly sessions: SessionsStore,
    private readonly throttle: MfaThrottleStore,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOG) private readonly log: Log,
  ) {}

  /** Begins to look now and then. */
  start(): void {
    this.#timer = setInterval(() => void this.#look(), EVERY_MS);
    this.#timer.unref();
  }

  /** Stops after the batch under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  /** Removes what may go, in batches, unless another node is at it; answers how many rows went. */
  async run(): Promise<number> {
    let removed = 0;
    for (let batch = 0; batch < BATCHES_MAX && !this.#stopped; batch += 1) {
      const counts = await this.database.write((tx) => this.#batch(tx));
      removed += counts.reduce((sum, count) => sum + count, 0);
      if (counts.every((count) => count < BATCH)) break;
    }
    return removed;
  }

  async #batch(tx: Tx): Promise<readonly number[]> {
    const [lock] = await tx.query<{ held: boolean }[]>('SELECT pg_try_advisory_xact_lock($1) AS held', [LOCK]);
    if (lock?.held !== true) return [];
    const now = this.clock.now();
    // The first session of a chain is kept while the chain may live: it is what the chain is ended by.
    const keptMs = Math.max(this.config.sessionRetentionDays * DAY_MS, this.config.chainMaxSeconds * 1000);
    const removed = await this.sessions.removeOver(tx, { now, keptSince: new Date(now.getTime() - keptMs), most: BATCH });
    return [...removed, await this.throttle.removeOver(tx, { now, most: BATCH })];
  }

  async #look(): Promise<void> {
    this.#running ??= this.run()
      .then((removed) => {
        if (removed > 0) this.log.info({ removed }, 'expired sessions were removed');
      })
      .catch((error: unknown) => {
        this.log.warn({ err: error }, 'expired sessions could not be removed');
      })
      .finally(() => {
        this.#running = undefined;
      });
    await this.#running;
  }
}
