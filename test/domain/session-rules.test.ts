import fc from 'fast-check';

import { ApiError } from '../../src/domain/errors.js';
import { requireMinRemaining, roleSessionDuration, federatedSessionDuration, scopedDuration, userSessionDuration, type DurationLimit, type Granted } from '../../src/domain/session-rules.js';

const exceedsRole = 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.';
const exceedsChain = 'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.';

/** What is granted, and by which rule; or why nothing is. */
type Answer = [seconds: number, limitedBy: DurationLimit] | string;

function expectAnswer(ask: () => unknown, answer: Answer, code: 'ValidationError' | 'InsufficientSessionLifetime' = 'ValidationError'): void {
  if (typeof answer === 'string') expect(ask).toThrow(new ApiError(code, answer));
  else expect(ask()).toEqual({ seconds: answer[0], limitedBy: answer[1] });
}

/** What was granted, or the code of the refusal. */
function granted(ask: () => Granted): number | string {
  try {
    return ask().seconds;
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
}

describe('the duration of a role session', () => {
  const rows: [requested: number | undefined, roleMaximum: number, chained: boolean, answer: Answer][] = [
    [undefined, 3600, false, [3600, 'default']],
    [undefined, 43200, false, [3600, 'default']],
    [undefined, 3600, true, [3600, 'default']],
    [undefined, 43200, true, [3600, 'default']],
    [900, 3600, false, [900, 'request']],
    [3600, 3600, false, [3600, 'request']],
    [3601, 3600, false, exceedsRole],
    [7200, 7200, false, [7200, 'request']],
    [7201, 7200, false, exceedsRole],
    [43200, 43200, false, [43200, 'request']],
    [43200, 43199, false, exceedsRole],
    [900, 43200, true, [900, 'request']],
    [3600, 43200, true, [3600, 'request']],
    [3601, 43200, true, exceedsChain],
    [43200, 43200, true, exceedsChain],
    [3601, 3600, true, exceedsChain],
  ];

  it.each(rows)('asked for %s of at most %s seconds, chained %s: %s', (requested, roleMaximum, chained, answer) => {
    expectAnswer(() => roleSessionDuration({ requested, roleMaximum, chained }), answer);
  });

  it('need not be asked for by name', () => {
    expect(roleSessionDuration({ roleMaximum: 43200, chained: false })).toEqual({ seconds: 3600, limitedBy: 'default' });
  });

  it('is what was asked for or a refusal, and never above a limit', () => {
    fc.assert(fc.property(fc.integer({ min: 900, max: 43_200 }), fc.integer({ min: 3600, max: 43_200 }), fc.boolean(), (requested, roleMaximum, chained) => {
      const most = chained ? Math.min(3600, roleMaximum) : roleMaximum;
      expect(granted(() => roleSessionDuration({ requested, roleMaximum, chained }))).toBe(requested <= most ? requested : 'ValidationError');
      expect(granted(() => roleSessionDuration({ roleMaximum, chained }))).toBeLessThanOrEqual(most);
    }));
  });
});

describe('the duration of a session of a user', () => {
  const rows: [requested: number | undefined, isRoot: boolean, answer: Answer][] = [
    [undefined, false, [43_200, 'default']],
    [900, false, [900, 'request']],
    [3601, false, [3601, 'request']],
    [43_200, false, [43_200, 'request']],
    [129_600, false, [129_600, 'request']],
    [undefined, true, [3600, 'default']],
    [900, true, [900, 'request']],
    [3599, true, [3599, 'request']],
    [3600, true, [3600, 'request']],
    [3601, true, [3600, 'root']],
    [129_600, true, [3600, 'root']],
  ];

  it.each(rows)('asked for %s seconds, of root %s: %s', (requested, isRoot, answer) => {
    expectAnswer(() => userSessionDuration(requested, isRoot), answer);
  });

  it('is what was asked for, an hour at most of root, and never refused', () => {
    fc.assert(fc.property(fc.integer({ min: 900, max: 129_600 }), fc.boolean(), (requested, isRoot) => {
      const seconds = isRoot ? Math.min(requested, 3600) : requested;
      expect(userSessionDuration(requested, isRoot)).toEqual({ seconds, limitedBy: seconds === requested ? 'request' : 'root' });
    }));
  });
});

describe('the duration of scoped credentials', () => {
  const exceeds = (left: number): string => `The requested DurationSeconds exceeds the ${String(left)} seconds that are left of the calling session.`;
  const rows: [requested: number | undefined, left: number, answer: Answer][] = [
    [undefined, 600, [600, 'session']],
    [undefined, 1, [1, 'session']],
    [undefined, 129_600, [129_600, 'session']],
    [1, 600, [1, 'request']],
    [599, 600, [599, 'request']],
    [600, 600, [600, 'request']],
    [601, 600, exceeds(600)],
    [129_600, 43_200, exceeds(43_200)],
    [2, 1, exceeds(1)],
  ];

  it.each(rows)('asked for %s of the %s seconds that are left: %s', (requested, left, answer) => {
    expectAnswer(() => scopedDuration(requested, left), answer, 'InsufficientSessionLifetime');
  });

  it('is never longer than what is left', () => {
    fc.assert(fc.property(fc.option(fc.integer({ min: 1, max: 129_600 }), { nil: undefined }), fc.integer({ min: 1, max: 129_600 }), (requested, left) => {
      const expected = requested === undefined ? left : requested <= left ? requested : 'InsufficientSessionLifetime';
      expect(granted(() => scopedDuration(requested, left))).toBe(expected);
    }));
  });
});

describe('the duration of a session that an identity provider vouches for', () => {
  const now = new Date('2026-11-25T12:00:00.500Z');
  const until = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);
  const rows: [requested: number | undefined, sessionDuration: number | undefined, left: number | undefined, answer: Answer][] = [
    [undefined, undefined, undefined, [3600, 'default']],
    [7200, undefined, undefined, [7200, 'request']],
    [7201, undefined, undefined, exceedsRole],
    [7201, 900, 900, exceedsRole],
    [undefined, 900, undefined, [900, 'identity-provider']],
    [undefined, 7200, undefined, [3600, 'default']],
    [7200, 7200, undefined, [7200, 'request']],
    [7200, 7199, undefined, [7199, 'identity-provider']],
    [7200, 1800, 1799, [1799, 'identity-provider']],
    [7200, 1800, 1801, [1800, 'identity-provider']],
    [900, undefined, 900, [900, 'request']],
    [900, undefined, 899.999, [899, 'identity-provider']],
    [undefined, undefined, 1, [1, 'identity-provider']],
  ];
  it.each(rows)('of %s seconds, with a SessionDuration of %s and %s seconds left: %j', (requested, sessionDuration, left, answer) => {
    expectAnswer(() => federatedSessionDuration({ requested, roleMaximum: 7200 }, { sessionDuration, sessionNotOnOrAfter: left === undefined ? undefined : until(left) }, now), answer);
  });
});

describe('the least that a session must last', () => {
  const rows: [least: number | undefined, given: Granted, refusal: string | undefined][] = [
    [undefined, { seconds: 1, limitedBy: 'session' }, undefined],
    [1, { seconds: 3600, limitedBy: 'default' }, undefined],
    [3599, { seconds: 3600, limitedBy: 'default' }, undefined],
    [3600, { seconds: 3600, limitedBy: 'default' }, undefined],
    [3601, { seconds: 3600, limitedBy: 'default' }, 'minRemaining asks for 3601 seconds; this session would last 3600 (limited by: default).'],
    [3601, { seconds: 3600, limitedBy: 'chain' }, 'minRemaining asks for 3601 seconds; this session would last 3600 (limited by: chain).'],
    [7200, { seconds: 3600, limitedBy: 'root' }, 'minRemaining asks for 7200 seconds; this session would last 3600 (limited by: root).'],
    [901, { seconds: 900, limitedBy: 'request' }, 'minRemaining asks for 901 seconds; this session would last 900 (limited by: request).'],
    [2, { seconds: 1, limitedBy: 'session' }, 'minRemaining asks for 2 seconds; this session would last 1 (limited by: session).'],
    [900, { seconds: 899, limitedBy: 'identity-provider' }, 'minRemaining asks for 900 seconds; this session would last 899 (limited by: identity-provider).'],
  ];

  it.each(rows)('of %s seconds, where %j is granted: %s', (least, given, refusal) => {
    const require = (): void => requireMinRemaining(given, least);
    if (refusal === undefined) expect(require).not.toThrow();
    else expect(require).toThrow(new ApiError('InsufficientSessionLifetime', refusal));
  });
});
