import fc from 'fast-check';

import { NONCE_BYTES, SealingKey, TAG_BYTES } from '../../src/domain/aead.js';
import { seal, SEALING_OVERHEAD_BYTES, unseal, type KeyRing, type RingKey } from '../../src/domain/sealing.js';

const KEY_NUMBER_MAX = 0xffff_ffff;
const ringKey = (id: number, fill = id % 251): RingKey => ({ id, key: new SealingKey(Buffer.alloc(32, fill)) });
function ringOf(current: RingKey, ...others: RingKey[]): KeyRing {
  const keys = new Map([current, ...others].map((key) => [key.id, key]));
  return { current, byId: (id) => keys.get(id) };
}

const first = ringKey(0x01020304, 1);
const second = ringKey(2);
const ring = ringOf(first, second);
const nonce = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX');
const label = 'session-token:ASIAIOSFODNN7EXAMPLE';
const plaintext = Buffer.from('what is sealed');
const sealed = seal(ring, { plaintext, label }, nonce);

/** The first byte, the key's number, the nonce, and the ciphertext with its tag. */
function partsOf(bytes: Buffer): { version: number; id: number; nonce: Buffer; ciphertext: Buffer } {
  return { version: bytes.readUInt8(0), id: bytes.readUInt32BE(1), nonce: bytes.subarray(5, 5 + NONCE_BYTES), ciphertext: bytes.subarray(5 + NONCE_BYTES) };
}

const anyBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const anyNonce = fc.uint8Array({ minLength: NONCE_BYTES, maxLength: NONCE_BYTES });
const anyNumber = fc.oneof(fc.integer({ min: 0, max: KEY_NUMBER_MAX }), fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, KEY_NUMBER_MAX));

describe('what is sealed', () => {
  it('opens under its label and gives back every byte, whichever key of the ring it was', () => {
    const property = fc.property(fc.record({ text: anyBytes, name: fc.string({ unit: 'grapheme' }), id: anyNumber, random: anyNonce }), ({ text, name, id, random }) => {
      const bytes = seal(ringOf(ringKey(id, 9)), { plaintext: text, label: name }, random);
      expect(bytes).toHaveLength(text.length + SEALING_OVERHEAD_BYTES);
      expect(unseal(ringOf(ringKey(id, 9)), bytes, name)).toEqual(text);
      if (id !== 5) expect(unseal(ringOf(ringKey(5), ringKey(id, 9)), bytes, name)).toEqual(text);
    });
    fc.assert(property);
  });

  it('is a version, the number of the current key, the nonce, and what XAES-256-GCM makes of it', () => {
    const header = Buffer.from('0101020304', 'hex');
    expect(SEALING_OVERHEAD_BYTES).toBe(5 + NONCE_BYTES + TAG_BYTES);
    expect(sealed).toEqual(Buffer.concat([header, nonce, first.key.seal(nonce, plaintext, Buffer.concat([header, Buffer.from(label)]))]));
  });

  it('keeps its form, so that what was once sealed opens for ever', () => {
    const kept = '0101020304 4142434445464748494a4b4c4d4e4f505152535455565758 e17d4ad131c780113bb01428b9b79a3917ab750f54be0fcc8a6c1d0013c3';
    expect(unseal(ring, Buffer.from(kept.replaceAll(' ', ''), 'hex'), label)).toEqual(plaintext);
  });

  it('does not open under any other label', () => {
    for (const other of ['', label.slice(1), label.slice(0, -1), `${label} `, `${label}\u0000`, label.toUpperCase(), 'authorization-message:ASIAIOSFODNN7EXAMPLE']) {
      expect([other, unseal(ring, sealed, other)]).toEqual([other, undefined]);
    }
    fc.assert(fc.property(fc.string(), fc.string(), (one, other) => {
      const opened = unseal(ring, seal(ring, { plaintext, label: one }, nonce), other);
      expect(opened).toEqual(one === other ? plaintext : undefined);
    }));
  });

  it('does not open under another number of the same key, or with another key of the same number', () => {
    const moved = Buffer.from(sealed);
    moved.writeUInt32BE(8, 1);
    expect(unseal(ringOf({ id: 8, key: first.key }), moved, label)).toBeUndefined();
    expect(unseal(ringOf(ringKey(first.id, 7)), sealed, label)).toBeUndefined();
    moved.writeUInt32BE(second.id, 1);
    expect(unseal(ring, moved, label)).toBeUndefined();
  });

  it('does not open with any bit of any byte changed', () => {
    for (let index = 0; index < sealed.length; index += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const changed = Buffer.from(sealed);
        changed[index]! ^= 1 << bit;
        const isKeyNumber = index >= 1 && index <= 4;
        expect([index, bit, unseal(ring, changed, label)]).toEqual([index, bit, isKeyNumber ? { unknownKey: partsOf(changed).id } : undefined]);
      }
    }
  });

  it('does not open cut anywhere, or with anything added at either end or in between', () => {
    for (let length = 0; length < sealed.length; length += 1) {
      expect(unseal(ring, sealed.subarray(0, length), label)).toBeUndefined();
      for (const extra of [Buffer.of(0), Buffer.of(1), sealed]) {
        const longer = Buffer.concat([sealed.subarray(0, length), extra, sealed.subarray(length)]);
        expect(Buffer.isBuffer(unseal(ring, longer, label))).toBe(false);
      }
    }
    for (const extra of [Buffer.of(0), Buffer.of(32), sealed]) expect(unseal(ring, Buffer.concat([sealed, extra]), label)).toBeUndefined();
  });

  it('does not open with parts of two that were sealed with the same key', () => {
    const other = seal(ring, { plaintext: Buffer.from('something else'), label }, Buffer.from('abcdefghijklmnopqrstuvwx'));
    for (let cut = 6; cut < sealed.length; cut += 1) {
      expect(unseal(ring, Buffer.concat([sealed.subarray(0, cut), other.subarray(cut)]), label)).toBeUndefined();
    }
  });

  it('opens in no version but its own', () => {
    for (let version = 0; version < 256; version += 1) {
      const changed = Buffer.from(sealed);
      changed[0] = version;
      expect([version, unseal(ring, changed, label)]).toEqual([version, version === 1 ? plaintext : undefined]);
      expect([version, unseal(ringOf(second), changed, label)]).toEqual([version, version === 1 ? { unknownKey: first.id } : undefined]);
    }
  });
});

describe('a ring of keys', () => {
  it('seals with its current key, and opens with those that it still holds', () => {
    expect(partsOf(sealed).id).toBe(first.id);
    expect(partsOf(seal(ringOf(second, first), { plaintext, label }, nonce)).id).toBe(second.id);
    expect(unseal(ringOf(second, first), sealed, label)).toEqual(plaintext);
    expect(unseal(ringOf(second), sealed, label)).toEqual({ unknownKey: first.id });
  });

  it.each([0, 1, 0x7fff_ffff, 0x8000_0000, KEY_NUMBER_MAX])('knows the key number %s, and says so where it does not hold it', (id) => {
    const bytes = seal(ringOf(ringKey(id)), { plaintext, label }, nonce);
    expect(partsOf(bytes).id).toBe(id);
    expect(unseal(ringOf(ringKey(77)), bytes, label)).toEqual({ unknownKey: id });
  });

  it.each([-1, KEY_NUMBER_MAX + 1])('does not seal with a key of number %s', (id) => {
    expect(() => seal(ringOf({ id, key: first.key }), { plaintext, label }, nonce)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }) as Error);
  });

  it('does not look for the key of what is too short to have been sealed', () => {
    const header = Buffer.from('01000000ff', 'hex');
    for (let length = 0; length < SEALING_OVERHEAD_BYTES; length += 1) {
      expect(unseal(ring, Buffer.concat([header, Buffer.alloc(64)]).subarray(0, length), label)).toBeUndefined();
    }
    expect(unseal(ring, Buffer.concat([header, Buffer.alloc(64)]).subarray(0, SEALING_OVERHEAD_BYTES), label)).toEqual({ unknownKey: 255 });
  });

  it('never throws at what it is given to open', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 120 }), fc.boolean(), (bytes, isSimilar) => {
      const given = isSimilar ? Buffer.concat([sealed.subarray(0, 5), bytes]) : Buffer.from(bytes);
      expect(Buffer.isBuffer(unseal(ring, given, label))).toBe(false);
    });
    fc.assert(property);
  });

  it.each([0, 12, 23, 25])('does not seal with a nonce of %s bytes', (length) => {
    expect(() => seal(ring, { plaintext, label }, Buffer.alloc(length))).toThrow(RangeError);
  });
});
