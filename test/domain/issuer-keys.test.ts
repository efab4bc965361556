import fc from 'fast-check';

import {
  KEY_LEAD_SECONDS,
  KEY_SET_MAX_AGE_SECONDS,
  nextKeyFrom,
  publishedKeys,
  SIGNING_ALGORITHMS,
  signingKeyAt,
  WEB_IDENTITY_MAX_SECONDS,
  type IssuerKeyTimes,
} from '../../src/domain/issuer-keys.js';

const start = Date.UTC(2026, 10, 25);
const at = (seconds: number): Date => new Date(start + seconds * 1000);

/** The keys of an issuer that somebody looked after at these times, in seconds from the start. */
function keysAfter(looks: readonly number[], rotationSeconds: number): readonly IssuerKeyTimes[] {
  const keys: IssuerKeyTimes[] = [];
  for (const seconds of looks) {
    for (const algorithm of SIGNING_ALGORITHMS) {
      const signsFrom = nextKeyFrom(keys, algorithm, { now: at(seconds), rotationSeconds });
      if (signsFrom !== undefined) keys.push({ algorithm, createdAt: at(seconds), signsFrom });
    }
  }
  return keys;
}

describe('the keys of an issuer', () => {
  it('begin with one of each algorithm that signs at once', () => {
    const keys = keysAfter([0], 86_400);
    expect(keys.map(({ algorithm, signsFrom }) => [algorithm, signsFrom])).toEqual([['RS256', at(0)], ['ES384', at(0)]]);
    expect(signingKeyAt(keys, 'ES384', at(0))).toBe(keys[1]);
    // A node whose clock is behind does as the others.
    expect(signingKeyAt(keys, 'ES384', at(-1))).toBe(keys[1]);
    expect(publishedKeys(keys, at(-1))).toEqual(keys);
    expect(signingKeyAt<IssuerKeyTimes>([], 'ES384', at(0))).toBeUndefined();
  });

  it('are followed by new ones when their time has come, which are published before they sign', () => {
    const keys = keysAfter([0, 86_399, 86_400, 86_401], 86_400);
    expect(keys).toHaveLength(4);
    const [, first, , second] = keys;
    expect(second?.signsFrom).toEqual(at(86_400 + KEY_LEAD_SECONDS));
    expect(signingKeyAt(keys, 'ES384', at(86_400 + KEY_LEAD_SECONDS - 1))).toBe(first);
    expect(signingKeyAt(keys, 'ES384', at(86_400 + KEY_LEAD_SECONDS))).toBe(second);
    expect(publishedKeys(keys.slice(0, 2), at(86_399))).toHaveLength(2);
    expect(publishedKeys(keys, at(86_400))).toHaveLength(4);
  });

  it('verify every token for as long as it lives, also with a key set that was fetched up to its greatest age before, from nodes whose clocks differ', () => {
    const looks = fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 40 });
    const property = fc.property(looks, fc.integer({ min: 700, max: 20_000 }), fc.nat(200_000), fc.nat(WEB_IDENTITY_MAX_SECONDS), fc.nat(KEY_SET_MAX_AGE_SECONDS), fc.integer({ min: -30, max: 30 }), (gaps, rotation, signedAt, age, cacheAge, skew) => {
      let time = 0;
      const keys = keysAfter([0, ...gaps.map((gap) => (time += gap))], rotation);
      for (const algorithm of SIGNING_ALGORITHMS) {
        const signer = signingKeyAt(keys.filter(({ createdAt }) => createdAt <= at(signedAt)), algorithm, at(signedAt + skew));
        // Whoever verifies while the token lives has fetched the keys at most so long before, and not before there were any.
        const fetchedAt = Math.max(0, signedAt + age - cacheAge);
        const known = keys.filter(({ createdAt }) => createdAt <= at(fetchedAt));
        expect(publishedKeys(known, at(fetchedAt - skew))).toContain(signer);
      }
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('are not kept for ever', () => {
    const keys = keysAfter(Array.from({ length: 50 }, (_, index) => index * 10_000), 10_000);
    expect(publishedKeys(keys, at(500_000)).length).toBeLessThanOrEqual(4);
  });
});
