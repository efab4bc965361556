import fc from 'fast-check';

import { NONCE_BYTES, SealingKey } from '../../src/domain/aead.js';
import { MESSAGE_MAX_BYTES, openMessage, sealMessage } from '../../src/domain/authorization-message.js';
import { seal, SEALING_OVERHEAD_BYTES, type KeyRing, type RingKey } from '../../src/domain/sealing.js';

const ringKey = (id: number, fill: number): RingKey => ({ id, key: new SealingKey(Buffer.alloc(32, fill)) });
function ringOf(current: RingKey, ...others: RingKey[]): KeyRing {
  const keys = new Map([current, ...others].map((key) => [key.id, key]));
  return { current, byId: (id) => keys.get(id) };
}

const first = ringKey(7, 1);
const second = ringKey(8, 2);
const ring = ringOf(first, second);
const nonce = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX');
const account = '123456789012';
const text = '{"allowed":false,"explicitDeny":true,"context":{"action":"sts:AssumeRole"}}';
const message = sealMessage(ring, { text, account }, nonce);
const bytes = Buffer.from(message, 'base64');

/** A message around any text, for an account of one's choice or under another label altogether. */
const sealedAs = (label: string): string => seal(ring, { plaintext: Buffer.from(text), label }, nonce).toString('base64');

describe('an authorization message', () => {
  it('opens for its account, whatever it says', () => {
    expect(openMessage(ring, message, account)).toBe(text);
    const property = fc.property(fc.string({ unit: 'grapheme', maxLength: 500 }), fc.stringMatching(/^\d{12}$/), fc.uint8Array({ minLength: NONCE_BYTES, maxLength: NONCE_BYTES }), (content, owner, random) => {
      expect(openMessage(ring, sealMessage(ring, { text: content, account: owner }, random), owner)).toBe(content);
    });
    fc.assert(property);
  });

  it('opens after the key was replaced, until that is gone', () => {
    expect(openMessage(ringOf(second, first), message, account)).toBe(text);
    expect(openMessage(ringOf(second), message, account)).toBeUndefined();
    expect(openMessage(ringOf(ringKey(7, 3)), message, account)).toBeUndefined();
  });

  it('shows nothing of what it says, or whose it is', () => {
    for (const shown of ['allowed', 'AssumeRole', account]) expect(bytes.includes(shown)).toBe(false);
  });

  it.each([
    ['another account', '123456789013'],
    ['no account', ''],
    ['the account, cut', account.slice(0, -1)],
    ['the account, and more', `${account}0`],
    ['the account, and a blank', `${account} `],
  ])('does not open for %s', (_, other) => {
    expect(openMessage(ring, message, other)).toBeUndefined();
  });

  it('is told from whatever else the ring seals', () => {
    expect(openMessage(ring, sealedAs(`authorization-message:${account}`), account)).toBe(text);
    for (const label of ['', account, `:${account}`, `session-token:${account}`, `Authorization-Message:${account}`, `authorization-message:${account}:`, `authorization-message${account}`]) {
      expect([label, openMessage(ring, sealedAs(label), account)]).toEqual([label, undefined]);
    }
  });

  it('does not open with any bit of any byte changed', () => {
    const bits = Array.from({ length: bytes.length * 8 }, (_, bit) => bit);
    const found = bits.filter((bit) => {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      return openMessage(ring, changed.toString('base64'), account) !== undefined;
    });
    expect(found).toEqual([]);
  });

  it('does not open when cut anywhere, at either end, as text or as bytes', () => {
    for (let length = 0; length < message.length; length += 1) {
      expect(openMessage(ring, message.slice(0, length), account)).toBeUndefined();
      expect(openMessage(ring, message.slice(message.length - length), account)).toBeUndefined();
    }
    for (let length = 0; length < bytes.length; length += 1) {
      expect(openMessage(ring, bytes.subarray(0, length).toString('base64'), account)).toBeUndefined();
    }
  });

  it('does not open with anything appended, put before or in between', () => {
    for (const extra of ['A', '=', ' ', '\n', '\r\n', '.', '\u0000', 'AAAA', message]) {
      for (const longer of [message + extra, extra + message, message.slice(0, 40) + extra + message.slice(40)]) {
        expect([extra, openMessage(ring, longer, account)]).toEqual([extra, undefined]);
      }
    }
    for (const extra of [Buffer.of(0), Buffer.of(32), Buffer.alloc(3), bytes]) {
      expect(openMessage(ring, Buffer.concat([bytes, extra]).toString('base64'), account)).toBeUndefined();
    }
  });

  it('does not open with any character of its text replaced', () => {
    for (let index = 0; index < message.length; index += 1) {
      for (const character of ['A', '/', '-', '_', '=', '\n', 'é']) {
        if (message[index] === character) continue;
        expect(openMessage(ring, message.slice(0, index) + character + message.slice(index + 1), account)).toBeUndefined();
      }
    }
  });

  it('has one spelling only: neither the URL alphabet, nor missing padding, nor stray bits', () => {
    const texts = Array.from({ length: 12 }, (_, more) => sealMessage(ring, { text: text + 'x'.repeat(more), account }, nonce));
    const unpadded = (one: string): string => one.replace(/=+$/, '');
    const spellings: [what: string, of: (one: string) => string][] = [
      ['the URL alphabet', (one) => one.replaceAll('+', '-').replaceAll('/', '_')],
      ['no padding', unpadded],
      ['stray bits', (one) => (one.endsWith('=') ? unpadded(one).replace(/.$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1)) + one.slice(unpadded(one).length) : one)],
    ];
    for (const [what, spell] of spellings) {
      const pairs = texts.map((one) => ({ one, other: spell(one) })).filter(({ one, other }) => other !== one);
      expect([what, pairs.length]).not.toEqual([what, 0]);
      for (const { one, other } of pairs) {
        expect(Buffer.from(other, 'base64')).toEqual(Buffer.from(one, 'base64'));
        expect([what, openMessage(ring, one, account), openMessage(ring, other, account)]).toEqual([what, expect.stringContaining(text), undefined]);
      }
    }
  });

  it('is as long as DecodeAuthorizationMessage takes, at the most', () => {
    const longest = 'x'.repeat(MESSAGE_MAX_BYTES);
    const sealed = sealMessage(ring, { text: longest, account }, nonce);
    expect(sealed).toHaveLength(10_240);
    expect(openMessage(ring, sealed, account)).toBe(longest);
    expect(() => sealMessage(ring, { text: `${longest}x`, account }, nonce)).toThrow(RangeError);
  });

  it('is measured in bytes, not in characters', () => {
    const half = 'é'.repeat(Math.floor(MESSAGE_MAX_BYTES / 2));
    expect(openMessage(ring, sealMessage(ring, { text: half, account }, nonce), account)).toBe(half);
    expect(() => sealMessage(ring, { text: `${half}é`, account }, nonce)).toThrow(RangeError);
  });

  it('is not looked at where it is longer, though it would open', () => {
    const plaintext = Buffer.alloc(MESSAGE_MAX_BYTES + 1, 'x');
    const longer = seal(ring, { plaintext, label: `authorization-message:${account}` }, nonce).toString('base64');
    expect(longer.length).toBeGreaterThan(10_240);
    expect(openMessage(ring, longer, account)).toBeUndefined();
  });

  it('may say nothing', () => {
    const empty = sealMessage(ring, { text: '', account }, nonce);
    expect(Buffer.from(empty, 'base64')).toHaveLength(SEALING_OVERHEAD_BYTES);
    expect(openMessage(ring, empty, account)).toBe('');
  });
});
