import { readFileSync } from 'node:fs';

import { forgottenAt, lockedUntil, mustWait, networkOf, type Counted, type ThrottleKind } from '../../src/mfa/backoff.js';

const now = new Date('2026-11-25T10:00:00Z');
const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);
const seconds = (kind: ThrottleKind, failures: number): number | undefined => {
  const until = lockedUntil(kind, { failures, since: now }, now);
  return until && (until.getTime() - now.getTime()) / 1000;
};
const DAY = 86_400;

describe('after so many failures in a row', () => {
  it('a device waits twice as long each time, and an hour at the most', () => {
    expect([1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 99, 2000].map((failures) => seconds('device', failures))).toEqual([undefined, undefined, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]);
  });

  it('an address waits later than a device, and a quarter of an hour at the most', () => {
    expect([5, 19, 20, 21, 24, 25, 26, 2000].map((failures) => seconds('address', failures))).toEqual([undefined, undefined, 30, 60, 480, 900, 900, 900]);
  });

  it('whoever holds the devices waits for the rest of thirty days after a hundred, however many succeeded in between', () => {
    expect([99, 100, 101].map((failures) => seconds('holder', failures))).toEqual([undefined, 30 * DAY, 30 * DAY]);
    expect(lockedUntil('holder', { failures: 100, since: later(-10 * DAY) }, now)).toEqual(later(20 * DAY));
  });
});

it('failures are forgotten a day, an hour or a period later', () => {
  const counted = { since: later(-60), lockedUntil: undefined };
  expect(forgottenAt('device', counted, now)).toEqual(later(DAY));
  expect(forgottenAt('device', { ...counted, lockedUntil: later(3600) }, now)).toEqual(later(DAY + 3600));
  expect(forgottenAt('address', counted, now)).toEqual(later(3600));
  expect(forgottenAt('holder', counted, now)).toEqual(later(30 * DAY - 60));
});

describe('no code is accepted', () => {
  const counted = (kind: ThrottleKind, failures: number, until?: Date): [ThrottleKind, Counted] => [kind, { failures, since: now, lockedUntil: until }];
  const cases: [string, [ThrottleKind, Counted][], boolean][] = [
    ['but where nothing failed', [], false],
    ['but where little failed', [counted('device', 4), counted('holder', 4), counted('address', 4)], false],
    ['while the device waits', [counted('device', 5, later(1))], true],
    ['but when it has waited', [counted('device', 5, now)], false],
    ['while its holder waits', [counted('holder', 100, later(1))], true],
    ['while the address waits, of a device that failed itself', [counted('address', 20, later(1)), counted('device', 1)], true],
    ['but of another device at the address', [counted('address', 20, later(1)), counted('holder', 3)], false],
    ['but when the address has waited', [counted('address', 20, now), counted('device', 1)], false],
  ];
  it.each(cases)('%s', (_, of, expected) => {
    expect(mustWait(new Map(of), now)).toBe(expected);
  });
});

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:0001:0002::9', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::', 'fe80:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['unknown', 'unknown'],
])('failures from %s count for %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

describe('docs/mfa.md', () => {
  const text = readFileSync('docs/mfa.md', 'utf8');
  /** How often somebody can be wrong in a year who guesses whenever he may, where these count. */
  function guessesInAYear(kinds: readonly ThrottleKind[]): number {
    const end = later(365 * DAY);
    const counts = new Map<ThrottleKind, Counted & { readonly forgetAt: Date }>();
    let guesses = 0;
    for (let time = now; time < end; ) {
      for (const kind of kinds) {
        const before = counts.get(kind);
        const counted = before === undefined || before.forgetAt <= time ? { failures: 1, since: time } : { failures: before.failures + 1, since: before.since };
        const until = lockedUntil(kind, counted, time);
        counts.set(kind, { ...counted, lockedUntil: until, forgetAt: forgottenAt(kind, { since: counted.since, lockedUntil: until }, time) });
      }
      guesses += 1;
      const waits = [...counts.values()].map((each) => each.lockedUntil?.getTime() ?? 0);
      time = new Date(Math.max(time.getTime(), ...waits));
    }
    return guesses;
  }
  const worth = (guesses: number): number => 1 - (1 - 3e-6) ** guesses;
  const percent = (share: number): string => `${(100 * share).toPrecision(2)} %`;

  it.each<[string, ThrottleKind[], number]>([
    ['by the wait of the device', ['device'], 1],
    ['by the limit of its holder', ['holder'], 1],
    ['by both', ['device', 'holder'], 1],
    ['by the limits of a thousand holders', ['holder'], 1000],
  ])('says how many guesses there are in a year %s, and what they are worth', (_, kinds, times) => {
    const guesses = guessesInAYear(kinds) * times;
    expect(text).toContain(`| ${guesses.toLocaleString('en-US')} | ${percent(worth(guesses))} |`);
  });
});
