/** How much is done at a time, and how much waits. */
export interface TurnBounds {
  /** How many have their turn at once, and how many of them for one account. */
  readonly running: number;
  readonly runningEach: number;
  /** How many wait at the most, and how many of them for one account. */
  readonly waiting: number;
  readonly waitingEach: number;
}

interface Waiting {
  readonly account: string | undefined;
  readonly begin: () => void;
}

/**
 * Lets few things be done at a time, in the order in which they were asked for, so that what is slow or dear is no way to take
 * a node's threads, memory and connections, nor one account's way to keep out the others: it has some of the turns only.
 */
export class Turns {
  readonly #running: (string | undefined)[] = [];
  readonly #waiting: Waiting[] = [];

  /** `full` makes what is thrown, at once, where too many wait. */
  constructor(
    private readonly bounds: TurnBounds,
    private readonly full: () => Error,
  ) {}

  /** Does some work for an account when its turn has come; what is for none has no bounds but those for all. */
  async take<T>(account: string | undefined, work: () => Promise<T>): Promise<T> {
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

  #mayBegin(account: string | undefined): boolean {
    return this.#running.length < this.bounds.running && (account === undefined || count(this.#running, account) < this.bounds.runningEach);
  }

  #turn(account: string | undefined): Promise<void> {
    const own = account === undefined ? 0 : count(this.#waiting.map((waiting) => waiting.account), account);
    if (this.#waiting.length >= this.bounds.waiting || own >= this.bounds.waitingEach) throw this.full();
    return new Promise((begin) => {
      this.#waiting.push({ account, begin });
    });
  }

  /** Hands the turn to whoever has waited longest of those whose account has not as many as it may. */
  #next(): void {
    const next = this.#waiting.find(({ account }) => this.#mayBegin(account));
    if (next === undefined) return;
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    this.#running.push(next.account);
    next.begin();
  }
}

function count(accounts: readonly (string | undefined)[], account: string): number {
  return accounts.filter((one) => one === account).length;
}
