/** How much is done at a time, and how much waits. */
export interface TurnBounds {
  /** How many have their turn at once, and how many of them for one account. */
  readonly running: number;
  readonly runningEach: number;
  /** How many wait at the most, and how many of them for one account. */
  readonly waiting: number;
  readonly waitingEach: number;
}

type Account = string | undefined;

/**
 * Lets few things be done at a time, so that what is slow or dear is no way to take a node's threads, memory and connections,
 * nor one account's way to keep out the others: accounts have their turns one after the other, and what is done for one of them
 * is done in the order in which it was asked for.
 */
export class Turns {
  readonly #running: Account[] = [];
  /** What is to begin, by account; whose turn comes next is first. No account is in here for which nothing waits. */
  readonly #waiting = new Map<Account, (() => void)[]>();

  /** `full` makes what is thrown, at once, where too many wait. */
  constructor(
    private readonly bounds: TurnBounds,
    private readonly full: () => Error,
  ) {}

  /** Does some work for an account when its turn has come; for what is for none there are only the bounds for all. */
  async take<T>(account: Account, work: () => Promise<T>): Promise<T> {
    // Nobody waits who might begin: a turn is handed on in the same step in which it is given back.
    if (this.#mayBegin(account)) this.#running.push(account);
    else await this.#turn(account);
    try {
      return await work();
    } finally {
      this.#running.splice(this.#running.indexOf(account), 1);
      this.#next();
    }
  }

  #mayBegin(account: Account): boolean {
    const own = account === undefined ? 0 : this.#running.filter((running) => running === account).length;
    return this.#running.length < this.bounds.running && own < this.bounds.runningEach;
  }

  #turn(account: Account): Promise<void> {
    const own = this.#waiting.get(account) ?? [];
    const all = [...this.#waiting.values()].reduce((sum, { length }) => sum + length, 0);
    if (all >= this.bounds.waiting || (account !== undefined && own.length >= this.bounds.waitingEach)) throw this.full();
    return new Promise((begin) => {
      own.push(begin);
      this.#waiting.set(account, own);
    });
  }

  /** Hands the turn to the account that has waited longest for one, of those that have not as many as they may. */
  #next(): void {
    const next = [...this.#waiting.keys()].find((account) => this.#mayBegin(account));
    const begin = this.#waiting.get(next)?.shift();
    if (begin === undefined) return;
    const left = this.#waiting.get(next) ?? [];
    this.#waiting.delete(next);
    if (left.length > 0) this.#waiting.set(next, left);
    this.#running.push(next);
    begin();
  }
}
