import { createCipheriv } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { SealingKey } from '../../src/domain/aead.js';
import { MasterKey, envelopeKeyId } from '../../src/domain/envelope.js';
import { Secret } from '../../src/domain/secret.js';

const nonce = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX');
const random = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map(bytes => Buffer.from(bytes));
const anyBytes = fc.uint8Array({ maxLength: 80 }).map(bytes => Buffer.from(bytes));

/** XAES-256-GCM written down a second time, with big numbers, from NIST SP 800-108 and SP 800-38B. */
function derivedKey(key: Buffer, halfNonce: Buffer): Buffer {
  const block = (input: Buffer): Buffer => createCipheriv('aes-256-ecb', key, null).update(input);
  const zero = BigInt(`0x${block(Buffer.alloc(16)).toString('hex')}`);
  const mask = (1n << 128n) - 1n;
  const subkey = ((zero << 1n) & mask) ^ (zero >> 127n === 1n ? 0x87n : 0n);
  const part = (counter: number): Buffer => {
    const message = Buffer.concat([Buffer.from([0, counter, 0x58, 0]), halfNonce]);
    const mixed = BigInt(`0x${message.toString('hex')}`) ^ subkey;
    return block(Buffer.from(mixed.toString(16).padStart(32, '0'), 'hex'));
  };
  return Buffer.concat([part(1), part(2)]);
}

describe('XAES-256-GCM', () => {
  it.each([
    [1, '', 'ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271'],
    [3, 'c2sp.org/XAES-256-GCM', '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d'],
  ])('gives what C2SP publishes for the key of 32 × %i', (fill, aad, sealed) => {
    const key = new SealingKey(Buffer.alloc(32, fill));
    expect(key.seal(nonce, Buffer.from('XAES-256-GCM'), Buffer.from(aad)).toString('hex')).toBe(sealed);
    expect(key.open(nonce, Buffer.from(sealed, 'hex'), Buffer.from(aad))?.toString()).toBe('XAES-256-GCM');
  });

  it('is AES-256-GCM with a derived key, for any input', () => {
    const property = fc.property(fc.tuple(random(32), random(24), anyBytes, anyBytes), ([key, anyNonce, plaintext, aad]) => {
      const plain = createCipheriv('aes-256-gcm', derivedKey(key, anyNonce.subarray(0, 12)), anyNonce.subarray(12));
      plain.setAAD(aad);
      const expected = Buffer.concat([plain.update(plaintext), plain.final(), plain.getAuthTag()]);
      const sealing = new SealingKey(key);
      expect(sealing.seal(anyNonce, plaintext, aad)).toEqual(expected);
      expect(sealing.open(anyNonce, expected, aad)).toEqual(plaintext);
    });
    fc.assert(property, { numRuns: 200 });
  });

  it('answers every failure alike', () => {
    const key = new SealingKey(Buffer.alloc(32, 1));
    const aad = Buffer.from('aad');
    const sealed = key.seal(nonce, Buffer.from('text'), aad);
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(key.open(nonce, changed, aad)).toBeUndefined();
      expect(key.open(nonce, sealed.subarray(0, index), aad)).toBeUndefined();
    }
    expect(key.open(nonce, sealed, Buffer.from('aae'))).toBeUndefined();
    expect(key.open(Buffer.from('BBCDEFGHIJKLMNOPQRSTUVWX'), sealed, aad)).toBeUndefined();
    expect(key.open(nonce.subarray(1), sealed, aad)).toBeUndefined();
    expect(new SealingKey(Buffer.alloc(32, 2)).open(nonce, sealed, aad)).toBeUndefined();
  });

  it('takes keys and nonces of the right length only, and keeps its own copy of the key', () => {
    expect(() => new SealingKey(Buffer.alloc(31))).toThrow(RangeError);
    expect(() => new SealingKey(Buffer.alloc(33))).toThrow(RangeError);
    const bytes = Buffer.alloc(32, 1);
    const key = new SealingKey(bytes);
    bytes.fill(9);
    expect(key.seal(nonce, Buffer.from('XAES-256-GCM'), Buffer.alloc(0)).toString('hex')).toMatch(/^ce546ef6/);
    expect(() => key.seal(nonce.subarray(1), Buffer.alloc(1), Buffer.alloc(0))).toThrow(RangeError);
  });
});

describe('an envelope', () => {
  const text = Buffer.alloc(32, 5).toString('base64');
  const master = MasterKey.parse(text);
  const other = MasterKey.parse(Buffer.alloc(32, 6).toString('base64'));
  const place = 'access_key:AKIAIOSFODNN7EXAMPLE';
  const envelope = master.seal(Secret.of('wJalr'), place, nonce);

  it('opens in its own place, from text or from bytes', () => {
    expect(master.open(envelope, place)?.toString()).toBe('wJalr');
    expect(master.open(master.seal(Buffer.of(0, 255), place, nonce), place)).toEqual(Buffer.of(0, 255));
  });

  it('does not open in another place or with another key', () => {
    expect(master.open(envelope, 'access_key:AKIAIOSFODNN7EXAMPLF')).toBeUndefined();
    expect(master.open(envelope, '')).toBeUndefined();
    expect(other.open(envelope, place)).toBeUndefined();
  });

  it('does not open with any byte changed, cut off or added', () => {
    for (let index = 0; index < envelope.length; index += 1) {
      const changed = Buffer.from(envelope);
      changed[index] = (changed[index] ?? 0) ^ 0x80;
      expect(master.open(changed, place)).toBeUndefined();
      expect(master.open(envelope.subarray(0, index), place)).toBeUndefined();
    }
    expect(master.open(Buffer.concat([envelope, Buffer.of(0)]), place)).toBeUndefined();
  });

  it('names the key it was sealed with', () => {
    expect(master.id).toMatch(/^[0-9a-f]{8}$/);
    expect(other.id).not.toBe(master.id);
    expect(envelopeKeyId(envelope)).toBe(master.id);
    expect(envelopeKeyId(Buffer.alloc(80))).toBeUndefined();
    expect(envelopeKeyId(envelope.subarray(0, 44))).toBeUndefined();
  });

  it('shows nothing of the key when it is printed', () => {
    expect(inspect(master, { showHidden: true, depth: 9 })).not.toMatch(/05|BQUF/);
    expect(JSON.stringify(master)).toBe(JSON.stringify({ id: master.id }));
  });

  it('reads a key from a Secret as from a text', () => {
    expect(MasterKey.parse(Secret.of(text)).id).toBe(master.id);
  });

  it.each([
    ['31 bytes', Buffer.alloc(31, 5).toString('base64'), 'a master key must have 32 bytes, got 31'],
    ['33 bytes', Buffer.alloc(33, 5).toString('base64'), 'a master key must have 32 bytes, got 33'],
    ['nothing', '', 'a master key must have 32 bytes, got 0'],
    ['hex', Buffer.alloc(32, 5).toString('hex').slice(1), 'a master key must be written in standard base64, with padding'],
    ['a line feed', `${text}\n`, 'a master key must be written in standard base64, with padding'],
    ['no padding', text.replace('=', ''), 'a master key must be written in standard base64, with padding'],
    ['a password', 'correct horse battery staple', 'a master key must be written in standard base64, with padding'],
  ])('refuses a key of %s without repeating it', (_, key, message) => {
    expect(() => MasterKey.parse(key)).toThrow(new Error(message));
  });
});
