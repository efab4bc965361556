import fc from 'fast-check';

import { allowanceAt, oneLess, waitFor, type Allowance, type Rate } from '../../src/domain/allowance.js';

const rate: Rate = { burst: 3, everyMs: 1_000 };
const rates = fc.record({ burst: fc.integer({ min: 1, max: 50 }), everyMs: fc.integer({ min: 1, max: 60_000 }) });
const START = Date.parse('2026-11-25T10:00:00Z');

/** Somebody who asks at some moments, and at which of them he is given what he asks for. */
class Asking {
  allowance: Allowance | undefined;

  constructor(private readonly at: Rate = rate) {}

  /** How long he has to wait; zero where he was given it. */
  ask(now: number): number {
    this.allowance = allowanceAt(this.allowance, this.at, now);
    const wait = waitFor(this.allowance, this.at, now);
    if (wait === 0) this.allowance = oneLess(this.allowance, this.at);
    return wait;
  }
}

describe('an allowance', () => {
  it('is so many in a row, and one more after each interval', () => {
    const asking = new Asking();
    expect([0, 0, 0, 0, 400, 999, 1_000, 1_000, 2_500, 2_999, 3_000].map((after) => asking.ask(START + after))).toEqual([0, 0, 0, 1_000, 600, 1, 0, 1_000, 0, 1, 0]);
  });

  it('is whole again after a while, and never more', () => {
    const asking = new Asking();
    for (let count = 0; count < 5; count += 1) asking.ask(START);
    expect([1, 2, 3, 4].map(() => asking.ask(START + 3_600_000))).toEqual([0, 0, 0, 1_000]);
  });

  it('gives no more in any period than its burst and what the period brings, however it is asked', () => {
    const moments = fc.array(fc.integer({ min: 0, max: 500_000 }), { minLength: 1, maxLength: 200 }).map((after) => after.sort((a, b) => a - b));
    fc.assert(
      fc.property(rates, moments, (of, asked) => {
        const asking = new Asking(of);
        const given = asked.filter((after) => asking.ask(START + after) === 0);
        return given.every((from, first) => given.slice(first).every((to, more) => more + 1 <= of.burst + Math.floor((to - from) / of.everyMs)));
      }),
    );
  });

  it('gives to everybody who asks no faster than it grows', () => {
    fc.assert(
      fc.property(rates, fc.array(fc.integer({ min: 0, max: 10_000 }), { maxLength: 100 }), (of, more) => {
        const asking = new Asking(of);
        let now = START;
        return more.every((late) => asking.ask((now += of.everyMs + late)) === 0);
      }),
    );
  });

  it('says to the millisecond how long to wait, and never longer than for one', () => {
    fc.assert(
      fc.property(rates, fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 100 }), (of, pauses) => {
        const asking = new Asking(of);
        let now = START;
        for (const pause of pauses) asking.ask((now += pause));
        for (let count = 0; count < of.burst; count += 1) asking.ask(now);
        const wait = asking.ask(now);
        expect(wait).toBeGreaterThan(0);
        expect(wait).toBeLessThanOrEqual(of.everyMs);
        expect(asking.ask(now + wait - 1)).toBe(1);
        expect(asking.ask(now + wait)).toBe(0);
      }),
    );
  });

  it('has nobody wait because the clock was put back, or on', () => {
    fc.assert(
      fc.property(rates, fc.array(fc.integer({ min: -86_400_000, max: 86_400_000 }), { minLength: 1, maxLength: 100 }), (of, moments) => {
        const asking = new Asking(of);
        for (const moment of moments) expect(asking.ask(START + moment)).toBeLessThanOrEqual(of.everyMs);
      }),
    );
  });
});
