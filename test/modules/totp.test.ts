import fc from 'fast-check';

import { acceptedCounters, base32, codeAt, counterAt, matchedCounter, matchedPair, otpauthUri, resyncCounters } from '../../src/mfa/totp.js';
import { fromBase32, hotp, totp } from '../support/totp.js';

const rfc = Buffer.from('12345678901234567890');
const seeds = fc.uint8Array({ minLength: 40, maxLength: 40 });
const counters = fc.integer({ min: 2, max: 2 ** 31 - 1 });
const at = (counter: number): Date => new Date(counter * 30_000 + 12_345);

describe('the code of a counter', () => {
  it.each(['755224', '287082', '359152', '969429', '338314', '254676', '287922', '162583', '399871', '520489'].map((code, counter) => [counter, code] as const))('%i is that of RFC 4226: %s', (counter, code) => {
    expect(codeAt(rfc, counter)).toBe(code);
    expect(hotp(rfc, counter)).toBe(code);
  });

  const times: [seconds: number, counter: number, eight: string][] = [
    [59, 0x1, '94287082'],
    [1_111_111_109, 0x23523ec, '07081804'],
    [1_111_111_111, 0x23523ed, '14050471'],
    [1_234_567_890, 0x273ef07, '89005924'],
    [2_000_000_000, 0x3f940aa, '69279037'],
    [20_000_000_000, 0x27bc86aa, '65353130'],
  ];
  it.each(times)('of the time %i is that of RFC 6238', (seconds, counter, eight) => {
    const now = new Date(seconds * 1000);
    expect(counterAt(now)).toBe(counter);
    expect(codeAt(rfc, counter)).toBe(eight.slice(2));
    expect(hotp(rfc, counter, 8)).toBe(eight);
    expect(totp(rfc, now)).toBe(eight.slice(2));
  });

  it('is what another implementation says, for any seed and counter', () => {
    fc.assert(fc.property(seeds, counters, (seed, counter) => codeAt(seed, counter) === hotp(seed, counter)), { seed: 20_261_125 });
  });

  it('changes with the step and not within it', () => {
    expect([29.999, 30, 59.999, 60].map((seconds) => counterAt(new Date(seconds * 1000)))).toEqual([0, 1, 1, 2]);
  });
});

describe('a code', () => {
  it('is accepted one step early or late, and no further, as the device reckons', () => {
    fc.assert(
      fc.property(seeds, counters, fc.integer({ min: -20, max: 20 }), fc.integer({ min: -4, max: 4 }), (seed, counter, drift, off) => {
        const shown = Math.max(counter + drift + off, 0);
        const matched = matchedCounter(seed, hotp(seed, shown), acceptedCounters(at(counter), drift));
        // By one chance in a million another step has the same code.
        const near = acceptedCounters(at(counter), drift).filter((candidate) => hotp(seed, candidate) === hotp(seed, shown));
        expect(matched).toBe(near.length === 0 ? undefined : Math.max(...near));
        if (Math.abs(off) <= 1 && counter + drift + off >= 0) expect(matched).toBeGreaterThanOrEqual(shown);
      }),
      { seed: 20_261_125, numRuns: 300 },
    );
  });

  it.each([' 755224', '755224 ', '75522', '7552240', '７５５２２４', '755 224', '+55224', '', '0x0000', '755224\n'])('is nobody’s where it is written "%s"', (code) => {
    expect(matchedCounter(rfc, code, [0, 1, 2])).toBeUndefined();
  });

  it('counts for the latest step that shows it', () => {
    expect(matchedCounter(rfc, '287082', [0, 1, 1, 2])).toBe(1);
    expect(matchedCounter(rfc, '755224', [])).toBeUndefined();
  });

  it('is compared with every step although none of them is before the beginning of time', () => {
    expect(acceptedCounters(new Date(0), 0)).toEqual([0, 1]);
    expect(acceptedCounters(new Date(0), -5)).toEqual([]);
    expect(resyncCounters(at(100))).toHaveLength(41);
  });
});

describe('two codes in a row', () => {
  it('belong to the counter of the second', () => {
    expect(matchedPair(rfc, ['755224', '287082'], [0, 1, 2, 3])).toBe(1);
    expect(matchedPair(rfc, ['287082', '359152'], [0, 1, 2, 3])).toBe(2);
  });

  it.each([
    ['the wrong way round', ['287082', '755224']],
    ['with one between them', ['755224', '359152']],
    ['that are the same', ['287082', '287082']],
    ['of which one is wrong', ['755224', '287083']],
    ['of which the other is wrong', ['755225', '287082']],
  ] as const)('are no proof %s', (_, codes) => {
    expect(matchedPair(rfc, codes, [0, 1, 2, 3])).toBeUndefined();
  });

  it('are no proof outside the window', () => {
    expect(matchedPair(rfc, ['755224', '287082'], [2, 3])).toBeUndefined();
  });
});

describe('a seed', () => {
  it('is written in Base32, 64 characters for 40 bytes', () => {
    fc.assert(fc.property(seeds, (seed) => {
      const text = base32(seed);
      expect(text).toMatch(/^[A-Z2-7]{64}$/);
      expect(fromBase32(text)).toEqual(Buffer.from(seed));
    }));
    expect(base32(rfc)).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
    expect(() => base32(Buffer.alloc(4))).toThrow(RangeError);
  });

  it('is said to an authenticator with a label that cannot be mistaken for another part of the URI', () => {
    const uri = new URL(otpauthUri({ name: 'a+b=c,d.e@f-g_h', account: '123456789012', seed: rfc }));
    expect([uri.protocol, uri.host, decodeURIComponent(uri.pathname)]).toEqual(['otpauth:', 'totp', '/Stint:a+b=c,d.e@f-g_h@123456789012']);
    expect(Object.fromEntries(uri.searchParams)).toEqual({ secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', issuer: 'Stint', algorithm: 'SHA1', digits: '6', period: '30' });
  });
});
