/** How often something may happen: so many times in a row, and once more in so many milliseconds. */
export interface Rate {
  readonly burst: number;
  readonly everyMs: number;
}

/** What is left of a rate, as one number: the moment, in milliseconds, at which all of it is there again. */
export type Allowance = number;

/**
 * An allowance at a moment, in milliseconds; undefined is a whole one. It is never less than nothing, whatever it was: a clock
 * that was put back by a day must not have a day waited for.
 */
export function allowanceAt(allowance: Allowance | undefined, rate: Rate, now: number): Allowance {
  return Math.min(Math.max(allowance ?? now, now), now + rate.burst * rate.everyMs);
}

/** How long to wait for one more, in milliseconds: zero where there is one. Takes what `allowanceAt` answered for the same moment. */
export function waitFor(allowance: Allowance, rate: Rate, now: number): number {
  return Math.max(0, allowance - now - (rate.burst - 1) * rate.everyMs);
}

/** The allowance with one taken from it. */
export function oneLess(allowance: Allowance, rate: Rate): Allowance {
  return allowance + rate.everyMs;
}
