import { Inject, Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import { endings, isEnded, revocationKey, type Chain, type RevocationKey } from '../domain/session-chain.js';
import type { Config } from '../kernel/config.js';
import { Clock } from '../kernel/effects.js';
import { CONFIG, LOG } from '../kernel/kernel.js';
import type { Log } from '../kernel/log.js';
import { Memory } from '../kernel/memory.js';
import { Metrics } from '../kernel/metrics.js';
import { decodeFact, REVOCATIONS, RevocationsStore, type RevocationFact } from './revocations.store.js';

/** How often a node asks for new revocations, whether it was told of any or not, in milliseconds. */
const EVERY_MS = 400;
/** How often what can end no session any more is forgotten, in milliseconds. */
const PRUNE_MS = 60_000;

/**
 * By how much the clocks of two nodes may differ, in milliseconds: "all sessions until now" also ends those that
 * another node issued in that time, by its own clock before.
 */
export const CLOCKS_DIFFER_MS = 1_000;

/**
 * How far a session's beginning is moved at the most, in milliseconds: the clock of the node that ended others may be
 * ahead, and what it ended reaches `CLOCKS_DIFFER_MS` further, a little more where much was ended in a row.
 */
export const MOVED_MAX_MS = 5 * CLOCKS_DIFFER_MS;

interface Ending {
  /** Sessions issued before are over: epoch milliseconds. */
  readonly before: number;
  readonly liveUntil: number;
  /** When this node learnt of it, by its own clock: epoch milliseconds. */
  readonly learntAt: number;
}

/**
 * This node's view of the sessions that were ended. It is filled when the node starts, and kept up with NOTIFY and,
 * behind that, by asking several times a second; a node that could not ask for too long refuses every session.
 */
@Injectable()
export class Revocations {
  readonly #endings = new Map<RevocationKey, Ending>();
  #horizon = '0';
  #asked: Promise<void> | undefined;
  #askAgain = false;
  #knownAt = -Infinity;
  #prunedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: RevocationsStore,
    private readonly clock: Clock,
    private readonly memory: Memory,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOG) private readonly log: Log,
    metrics: Metrics,
  ) {
    metrics.gauge('stint_revocation_age_seconds', 'Age of this node’s view of ended sessions, in seconds; sessions are refused above STINT_REVOCATION_MAX_AGE.', () => this.age / 1000);
    metrics.gauge('stint_revocations', 'Revocations that may still end a session.', () => this.#endings.size);
  }

  /** Fills the view and begins to keep it. Throws where the database cannot be asked. */
  async start(): Promise<void> {
    this.memory.onNotice(REVOCATIONS, (notice) => {
      if (notice === undefined) void this.refresh();
      else this.#add(decodeFact(notice));
    });
    await this.#ask();
    this.#timer = setInterval(() => void this.refresh(), EVERY_MS);
    this.#timer.unref();
  }

  /** Stops keeping the view. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#asked;
  }

  /** Milliseconds since all that had been ended was known here. */
  get age(): number {
    return this.clock.elapsed() - this.#knownAt;
  }

  /** Asks for new revocations now; what is asked for meanwhile is asked for once more. */
  async refresh(): Promise<void> {
    if (this.#asked !== undefined) {
      this.#askAgain = true;
      return this.#asked;
    }
    this.#asked = this.#askUntilDone().finally(() => {
      this.#asked = undefined;
    });
    await this.#asked;
  }

  /** Whether a session was ended. Throws ServiceUnavailable where this node cannot know. */
  isEnded(chain: Chain): boolean {
    if (this.age > this.config.revocationMaxAgeSeconds * 1000) {
      throw new ApiError('ServiceUnavailable', 'This node does not know at present which sessions have been revoked, so it accepts none. Repeat the request in a moment.');
    }
    return this.#endings.size > 0 && isEnded(chain, (key) => this.#endings.get(key)?.before);
  }

  /**
   * When a session begins that is asked for at a time: a moment later where everything until then had been ended before
   * it was asked for, or it would be over before it began. What was ended while the request was under way stays so.
   */
  issueTime(asked: Chain, now: Date): Date {
    const own = asked.chain.at(-1);
    if (own === undefined || this.#endings.size === 0) return now;
    const latest = Math.max(...endings(asked).map(([key, at]) => (at === own.issuedAt ? this.#endBefore(key, now) : 0)));
    return latest > now.getTime() && latest <= now.getTime() + MOVED_MAX_MS ? new Date(latest) : now;
  }

  #endBefore(key: RevocationKey, now: Date): number {
    const ending = this.#endings.get(key);
    return ending !== undefined && ending.learntAt <= now.getTime() ? ending.before : 0;
  }

  async #askUntilDone(): Promise<void> {
    for (let attempt = 0; attempt === 0 || this.#askAgain; attempt += 1) {
      this.#askAgain = false;
      try {
        await this.#ask();
      } catch (error) {
        this.log.warn({ err: error, age: this.age }, 'revocations cannot be asked for');
        return;
      }
    }
  }

  async #ask(): Promise<void> {
    const since = this.clock.elapsed();
    const { facts, horizon } = await this.store.news(this.#horizon, this.clock.now());
    for (const fact of facts) this.#add(fact);
    this.#horizon = horizon;
    this.#knownAt = since;
    if (since - this.#prunedAt > PRUNE_MS) this.#prune(since);
  }

  #add(fact: RevocationFact): void {
    const key = revocationKey(fact.kind, fact.subject);
    const known = this.#endings.get(key);
    this.#endings.set(key, {
      before: Math.max(known?.before ?? -Infinity, fact.issuedBefore.getTime()),
      liveUntil: Math.max(known?.liveUntil ?? -Infinity, fact.liveUntil.getTime()),
      learntAt: known !== undefined && known.before >= fact.issuedBefore.getTime() ? known.learntAt : this.clock.now().getTime(),
    });
  }

  #prune(at: number): void {
    const now = this.clock.now().getTime();
    for (const [key, { liveUntil }] of this.#endings) if (liveUntil < now) this.#endings.delete(key);
    this.#prunedAt = at;
  }
}
