import fc from 'fast-check';

import { foundRecoveryCode, hashedRecoveryCode, RECOVERY_CODE_BYTES, recoveryCode } from '../../src/domain/recovery-code.js';
import { Secret } from '../../src/domain/secret.js';

const bytes = fc.uint8Array({ minLength: RECOVERY_CODE_BYTES, maxLength: RECOVERY_CODE_BYTES });
const key = Buffer.alloc(32, 7);
const hashed = (text: string): string => hashedRecoveryCode(key, Secret.of(text)).toString('hex');

describe('a recovery code', () => {
  it('has 60 bits, in twelve characters none of which looks like another', () => {
    expect(recoveryCode(Buffer.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 31])).reveal()).toBe('0123-4567-89AZ');
    fc.assert(fc.property(bytes, (drawn) => /^(?:[0-9A-HJKMNP-TV-Z]{4}-){2}[0-9A-HJKMNP-TV-Z]{4}$/.test(recoveryCode(drawn).reveal())));
    expect(() => recoveryCode(Buffer.alloc(11))).toThrow(RangeError);
  });

  it('is the same however it is typed', () => {
    const typed = fc.tuple(bytes, fc.array(fc.constantFrom('upper', 'lower', 'o', 'i', 'l', 'blank', 'none'), { maxLength: 7 }));
    const ways: Readonly<Record<string, (text: string) => string>> = {
      upper: (text) => text.toUpperCase(),
      lower: (text) => text.toLowerCase(),
      o: (text) => text.replaceAll('0', 'o'),
      i: (text) => text.replaceAll('1', 'I'),
      l: (text) => text.replaceAll('1', 'l'),
      blank: (text) => text.replaceAll('-', ' '),
      none: (text) => text.replace(/[ -]/g, ''),
    };
    fc.assert(
      fc.property(typed, ([drawn, how]) => {
        const text = recoveryCode(drawn).reveal();
        expect(hashed(how.reduce((typing, way) => ways[way]?.(typing) ?? typing, text))).toBe(hashed(text));
      }),
    );
  });

  it('is found among others, and another is not', () => {
    fc.assert(
      fc.property(fc.uniqueArray(bytes.map((drawn) => recoveryCode(drawn).reveal()), { minLength: 2, maxLength: 11 }), fc.nat(), (codes, place) => {
        const [other = '', ...kept] = codes;
        const stored = kept.map((code) => hashedRecoveryCode(key, Secret.of(code)));
        const sought = stored[place % stored.length]!;
        expect(foundRecoveryCode(stored, Buffer.from(sought))).toBe(sought);
        expect(foundRecoveryCode(stored, hashedRecoveryCode(key, Secret.of(other)))).toBeUndefined();
      }),
    );
  });

  it('is another under another key', () => {
    expect(hashedRecoveryCode(Buffer.alloc(32, 8), Secret.of('0123-4567-89AZ')).toString('hex')).not.toBe(hashed('0123-4567-89AZ'));
  });
});
