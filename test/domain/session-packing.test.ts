import { createHash } from 'node:crypto';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

import fc from 'fast-check';

import { ApiError } from '../../src/domain/errors.js';
import { packed, packedPolicySize, PACKED_BYTES_MAX, unpacked, type Passed } from '../../src/domain/session-packing.js';

/** A text that packing hardly makes shorter. */
function noise(length: number, seed = ''): string {
  let text = '';
  for (let index = 0; text.length < length; index += 1) text += createHash('sha256').update(`${seed}${String(index)}`).digest('base64url');
  return text.slice(0, length);
}
const policy = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iam:GetUser', Resource: 'arn:aws:iam::123456789012:user/alice' }] });
const tooLarge = (message: RegExp): Error => expect.objectContaining({ code: 'PackedPolicyTooLarge', message: expect.stringMatching(message) }) as Error;
const anyText = fc.oneof(fc.string({ maxLength: 3_000, unit: 'grapheme' }), fc.string({ maxLength: 300, unit: 'binary' }), fc.array(fc.constantFrom('Allow', 'iam:GetUser', '"', '字', '\u{1F511}'), { maxLength: 1_000 }).map((words) => words.join('')));

describe('packing', () => {
  it('gives back every text', () => {
    fc.assert(fc.property(anyText, (text) => {
      expect(unpacked(packed(text))).toBe(text);
    }));
  });

  it('gives the same bytes every time, fewer where words are repeated, and hardly more where none are', () => {
    fc.assert(fc.property(anyText, (text) => {
      const bytes = packed(text);
      expect(packed(text)).toEqual(bytes);
      expect(bytes.length).toBeLessThanOrEqual(Buffer.byteLength(text) + 16);
    }));
    expect(packed(policy.repeat(10)).length).toBeLessThan(packed(policy).length + 40);
    expect(packed(policy).length).toBeLessThan(policy.length);
  });

  it('stops where the packed text ends, whatever follows', () => {
    fc.assert(fc.property(anyText, fc.uint8Array({ maxLength: 5_000 }), (text, more) => {
      expect(unpacked(Buffer.concat([packed(text), more]))).toBe(text);
    }));
  });

  it('opens what was packed at another level', () => {
    for (const level of [0, 1, 6, 9]) expect(unpacked(deflateRawSync(policy, { level }))).toBe(policy);
  });

  it('does not unpack what was cut anywhere', () => {
    const bytes = packed(policy);
    for (let length = 0; length < bytes.length; length += 1) expect(() => unpacked(bytes.subarray(0, length))).toThrow();
  });

  it.each<[what: string, bytes: Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['a text', Buffer.from('not packed at all')],
    ['a policy', Buffer.from(policy)],
    ['gzip', gzipSync(policy)],
    ['zlib', deflateSync(policy)],
    ['a block of a kind there is not', Buffer.of(0xff)],
  ])('does not unpack %s', (_, bytes) => {
    expect(() => unpacked(bytes)).toThrow();
  });

  it('does not unpack more than 64 KiB, counted in bytes', () => {
    expect(unpacked(packed('x'.repeat(65_536)))).toBe('x'.repeat(65_536));
    expect(() => unpacked(packed('x'.repeat(65_537)))).toThrow(expect.objectContaining({ code: 'ERR_BUFFER_TOO_LARGE' }) as Error);
    expect(unpacked(packed('é'.repeat(32_768)))).toBe('é'.repeat(32_768));
    expect(() => unpacked(packed(`${'é'.repeat(32_768)}x`))).toThrow(expect.objectContaining({ code: 'ERR_BUFFER_TOO_LARGE' }) as Error);
    const bomb = packed('0'.repeat(5_000_000));
    expect(bomb.length).toBeLessThan(6_000);
    expect(() => unpacked(bomb)).toThrow(expect.objectContaining({ code: 'ERR_BUFFER_TOO_LARGE' }) as Error);
  });
});

describe('PackedPolicySize', () => {
  it('is 0 of nothing, little of a small policy, and the same every time', () => {
    expect(packedPolicySize({ policies: [], tags: [] })).toBe(0);
    const small = packedPolicySize({ policies: [policy], tags: [] });
    expect(small).toBeGreaterThan(0);
    expect(small).toBeLessThan(10);
    expect(packedPolicySize({ policies: [policy], tags: [] })).toBe(small);
  });

  it('is rounded up: the least that is passed is one percent', () => {
    expect(packedPolicySize({ policies: ['x'], tags: [] })).toBe(1);
    expect(packedPolicySize({ policies: [], tags: [{ Key: 'x', Value: '' }] })).toBe(1);
  });

  it.each<[what: string, passed: (length: number) => Passed, refusal: string]>([
    ['policies', (length) => ({ policies: [noise(length)], tags: [] }), 'Packed policy consumes 101% of allotted space'],
    ['several policies', (length) => ({ policies: [noise(1_000, 'a'), noise(1_000, 'b'), noise(length)], tags: [] }), 'Packed policy consumes 101% of allotted space'],
    ['tags', (length) => ({ policies: [], tags: [{ Key: noise(length), Value: 'x' }] }), 'Packed size of session tags consumes 101% of allotted space.'],
    ['values of tags', (length) => ({ policies: [], tags: [{ Key: 'a', Value: 'x' }, { Key: 'b', Value: noise(length) }] }), 'Packed size of session tags consumes 101% of allotted space.'],
    ['policies, where there are tags', (length) => ({ policies: [noise(length)], tags: [{ Key: noise(128, 'k'), Value: noise(256, 'v') }] }), 'Packed policy consumes 101% of allotted space'],
    ['tags, where there are policies', (length) => ({ policies: [noise(2_048, 'p')], tags: [{ Key: 'k', Value: noise(length, 'v') }] }), 'Packed policy consumes 101% of allotted space'],
  ])('of %s goes to 100, which is 2,560 bytes, and is refused above', (_, passed, refusal) => {
    // Noise of one character more takes up a byte or two more, so the last that is accepted fills the space.
    let accepted = 600;
    let refused = 4_000;
    while (refused - accepted > 1) {
      const middle = Math.floor((accepted + refused) / 2);
      if (isAccepted(passed(middle))) accepted = middle;
      else refused = middle;
    }
    expect(packedPolicySize(passed(accepted))).toBe(100);
    expect(() => packedPolicySize(passed(refused))).toThrow(new ApiError('PackedPolicyTooLarge', refusal));
    const { policies, tags } = passed(accepted);
    const weight = packed([...policies, ...tags.flatMap(({ Key, Value }) => [Key, Value])].join('\n')).length;
    expect(PACKED_BYTES_MAX).toBe(2_560);
    expect(Math.abs(weight - PACKED_BYTES_MAX)).toBeLessThan(8);
  });

  it('says how much was passed', () => {
    const tags = Array.from({ length: 50 }, (_, index) => ({ Key: noise(100, `k${String(index)}`), Value: noise(200, `v${String(index)}`) }));
    expect(() => packedPolicySize({ policies: [], tags })).toThrow(tooLarge(/^Packed size of session tags consumes 4\d\d% of allotted space\.$/));
    expect(() => packedPolicySize({ policies: [policy], tags })).toThrow(tooLarge(/^Packed size of session tags consumes 4\d\d% of allotted space\.$/));
    expect(() => packedPolicySize({ policies: [noise(5_000)], tags: [] })).toThrow(tooLarge(/^Packed policy consumes 1\d\d% of allotted space$/));
  });

  it('is between 0 and 100, or refused, whatever is passed', () => {
    const text = (maxLength: number): fc.Arbitrary<string> => fc.oneof(fc.string({ maxLength }), fc.integer({ min: 0, max: maxLength }).map((length) => noise(length, String(length))));
    const tags = fc.array(fc.record({ Key: text(128), Value: text(256) }), { maxLength: 50 });
    const property = fc.property(fc.array(text(2_048), { maxLength: 4 }), tags, (policies, given) => {
      try {
        const size = packedPolicySize({ policies, tags: given });
        expect(size).toBeGreaterThanOrEqual(0);
        expect(size).toBeLessThanOrEqual(100);
        expect(Number.isInteger(size)).toBe(true);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        const [, percent] = /consumes (\d+)% of allotted space/.exec(error.message) ?? [];
        expect([error.code, Number(percent) > 100]).toEqual(['PackedPolicyTooLarge', true]);
      }
    });
    fc.assert(property);
  });
});

function isAccepted(passed: Passed): boolean {
  try {
    packedPolicySize(passed);
    return true;
  } catch {
    return false;
  }
}
