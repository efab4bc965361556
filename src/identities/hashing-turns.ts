import { ApiError } from '../domain/errors.js';

/** How many password hashes a node computes at a time: each takes 32 MiB and a thread of the pool of four that files and names need too. */
const RUNNING_MAX = 2;
/** How many wait at the most, on a node and for one account: beyond, callers are told to come back. */
const WAITING_MAX = 64;
const WAITING_OF_ACCOUNT_MAX = 16;

interface Waiting {
  readonly account: string;
  readonly begin: () => void;
}

/**
 * Lets few passwords be hashed at a time, in the order in which they came. What is slow on purpose must not be a way
 * to take a node's memory and threads, nor one account's way to keep out the others.
 */
export class HashingTurns {
  #running = 0;
  readonly #waiting: Waiting[] = [];

  /** Does some work that hashes once, when its turn has come. Throws ServiceUnavailable, at once, where too many wait. */
  async take<T>(account: string, work: () => Promise<T>): Promise<T> {
    if (this.#running < RUNNING_MAX) this.#running += 1;
    else await this.#turn(account);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The place is handed on, so that nobody who comes just now gets in between.
      if (next === undefined) this.#running -= 1;
      else next.begin();
    }
  }

  #turn(account: string): Promise<void> {
    const own = this.#waiting.filter((waiting) => waiting.account === account).length;
    if (this.#waiting.length >= WAITING_MAX || own >= WAITING_OF_ACCOUNT_MAX) {
      throw new ApiError('ServiceUnavailable', 'Too many passwords are being checked. Repeat the request in a moment.');
    }
    return new Promise((begin) => {
      this.#waiting.push({ account, begin });
    });
  }
}
