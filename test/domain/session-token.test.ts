import fc from 'fast-check';
import { SealingKey } from '../../src/domain/aead.js';
import { accountId } from '../../src/domain/arn.js';
import { Secret } from '../../src/domain/secret.js';
import {
  MAX_SESSION_TOKEN_LENGTH,
  openSession,
  sealSession,
  type KeyRing,
  type Opened,
  type RingKey,
  type SessionClaims,
} from '../../src/domain/session-token.js';

const ringKey = (id: number, fill: number): RingKey => ({ id, key: new SealingKey(Buffer.alloc(32, fill)) });
function ringOf(current: RingKey, ...others: RingKey[]): KeyRing {
  const keys = new Map([current, ...others].map(key => [key.id, key]));
  return { current, byId: id => keys.get(id) };
}

const first = ringKey(7, 1);
const second = ringKey(0xffffffff, 2);
const ring = ringOf(first, second);
const nonce = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX');
const accessKeyId = 'ASIAIOSFODNN7EXAMPLE';
const claims: SessionClaims = {
  kind: 'assumed-role',
  account: accountId('123456789012'),
  accessKeyId,
  secret: Secret.of('wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY'),
  roleId: 'AROAIOSFODNN7EXAMPLEA',
  roleName: 'deploy',
  rolePath: '/ci/',
  sessionName: 'build-1',
  sessionId: '0190a0f0-0000-7000-8000-000000000001',
  rootSessionId: '0190a0f0-0000-7000-8000-000000000000',
  issuedAt: new Date('2026-01-01T00:00:00.123Z'),
  expiresAt: new Date('2026-01-01T01:00:00Z'),
  sourceIdentity: 'alice',
};

const token = sealSession(ring, claims, nonce);
const bytes = Buffer.from(token, 'base64');

function opened(result: Opened): SessionClaims | undefined {
  return result !== undefined && 'claims' in result ? result.claims : undefined;
}

/** Claims with the secret in the clear, because two `Secret`s look the same to `toEqual`. */
const shown = (result: Opened): unknown => {
  const found = opened(result);
  return found && { ...found, secret: found.secret.reveal() };
};
const revealed = { ...claims, secret: claims.secret.reveal() };

/** A token around any plaintext, sealed with a key of the ring. */
function sealText(text: string): string {
  const header = Buffer.from([1, 0, 0, 0, 7]);
  const aad = Buffer.concat([header, Buffer.from(`session-token:${accessKeyId}`)]);
  return Buffer.concat([header, nonce, first.key.seal(nonce, Buffer.from(text), aad)]).toString('base64');
}

const members = {
  k: 'assumed-role', a: '123456789012', x: 's', r: 'AROA', n: 'deploy', p: '/', s: 'build', i: 'i', o: 'o',
  t: 1_700_000_000_000, e: 1_700_003_600_000,
};

describe('a session token', () => {
  it('opens with its own access key id and holds what was sealed', () => {
    expect(shown(openSession(ring, token, accessKeyId))).toEqual(revealed);
  });

  it('opens without the members that may be absent', () => {
    const { sourceIdentity, ...rest } = claims;
    expect(sourceIdentity).toBe('alice');
    const found = opened(openSession(ring, sealSession(ring, rest, nonce), accessKeyId));
    expect(found).toBeDefined();
    expect(found).not.toHaveProperty('sourceIdentity');
  });

  it('opens whatever texts it carries', () => {
    const text = fc.string({ minLength: 1, maxLength: 64, unit: 'grapheme' });
    const time = fc.date({ noInvalidDate: true });
    const property = fc.property(fc.tuple(text, text, time, fc.uint8Array({ minLength: 24, maxLength: 24 })), ([name, secret, expiresAt, random]) => {
      const varied = { ...claims, roleName: name, secret: Secret.of(secret), expiresAt };
      const found = shown(openSession(ring, sealSession(ring, varied, random), accessKeyId));
      expect(found).toEqual({ ...varied, secret });
    });
    fc.assert(property, { numRuns: 100 });
  });

  it('opens after its key was replaced, until the key is gone', () => {
    expect(shown(openSession(ringOf(second, first), token, accessKeyId))).toEqual(revealed);
    expect(openSession(ringOf(second), token, accessKeyId)).toEqual({ unknownKey: 7 });
  });

  it('says which key is unknown, up to the largest number', () => {
    expect(openSession(ringOf(first), sealSession(ringOf(second), claims, nonce), accessKeyId)).toEqual({ unknownKey: 0xffffffff });
  });

  it('shows neither secret nor names in the clear', () => {
    for (const text of [claims.secret.reveal(), claims.roleName, claims.account]) {
      expect(bytes.includes(text)).toBe(false);
    }
  });

  it('does not open with another access key id', () => {
    for (const other of ['ASIAIOSFODNN7EXAMPLF', 'AKIAIOSFODNN7EXAMPLE', '', accessKeyId.toLowerCase(), `${accessKeyId} `]) {
      expect(openSession(ring, token, other)).toBeUndefined();
    }
  });

  it('does not open with another key of the same number', () => {
    expect(openSession(ringOf(ringKey(7, 3)), token, accessKeyId)).toBeUndefined();
  });

  it('does not open under the number of another key of the ring', () => {
    const moved = Buffer.from(bytes);
    moved.writeUInt32BE(second.id, 1);
    expect(openSession(ring, moved.toString('base64'), accessKeyId)).toBeUndefined();
    const sameKey: RingKey = { id: 8, key: first.key };
    moved.writeUInt32BE(8, 1);
    expect(openSession(ringOf(first, sameKey), moved.toString('base64'), accessKeyId)).toBeUndefined();
  });

  it('does not open with any bit of any byte changed', () => {
    for (let index = 0; index < bytes.length; index += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const changed = Buffer.from(bytes);
        changed[index] = (changed[index] ?? 0) ^ (1 << bit);
        const result = openSession(ring, changed.toString('base64'), accessKeyId);
        const isKeyNumber = index >= 1 && index <= 4;
        expect([index, bit, result]).toEqual([index, bit, isKeyNumber ? { unknownKey: changed.readUInt32BE(1) } : undefined]);
      }
    }
  });

  it('does not open when cut anywhere, as text or as bytes', () => {
    for (let length = 0; length < token.length; length += 1) {
      expect(openSession(ring, token.slice(0, length), accessKeyId)).toBeUndefined();
      expect(opened(openSession(ring, token.slice(token.length - length), accessKeyId))).toBeUndefined();
    }
    for (let length = 0; length < bytes.length; length += 1) {
      expect(openSession(ring, bytes.subarray(0, length).toString('base64'), accessKeyId)).toBeUndefined();
    }
  });

  it('does not open with anything appended, prepended or in between', () => {
    for (const extra of ['A', '=', ' ', '\n', '.', 'AAAA', token]) {
      for (const text of [token + extra, extra + token, token.slice(0, 40) + extra + token.slice(40)]) {
        expect(opened(openSession(ring, text, accessKeyId))).toBeUndefined();
      }
    }
  });

  it('does not open with any character of its text replaced', () => {
    for (let index = 0; index < token.length; index += 1) {
      for (const character of ['A', '/', '-', '_', '=', '\u00e9']) {
        if (token[index] === character) continue;
        const text = token.slice(0, index) + character + token.slice(index + 1);
        expect(opened(openSession(ring, text, accessKeyId))).toBeUndefined();
      }
    }
  });

  it('has one text only: neither the URL alphabet, nor missing padding, nor stray bits', () => {
    const padded = ['a', 'ab', 'abc']
      .map(sessionName => sealSession(ring, { ...claims, sessionName }, nonce))
      .filter(text => text.endsWith('='));
    expect(padded).toHaveLength(2);
    for (const text of padded) {
      const bare = text.replace(/=+$/, '');
      const strayBits = bare.slice(0, -1) + String.fromCharCode(bare.charCodeAt(bare.length - 1) + 1) + text.slice(bare.length);
      expect(Buffer.from(strayBits, 'base64')).toEqual(Buffer.from(text, 'base64'));
      for (const other of [bare, strayBits, text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')]) {
        expect(openSession(ring, other, accessKeyId)).toBeUndefined();
      }
    }
  });

  it('is neither issued nor looked at beyond its greatest length', () => {
    expect(() => sealSession(ring, { ...claims, sourceIdentity: 'a'.repeat(8192) }, nonce)).toThrow(RangeError);
    const long = sealText(JSON.stringify({ ...members, d: 'a'.repeat(8192) }));
    expect(long.length).toBeGreaterThan(MAX_SESSION_TOKEN_LENGTH);
    expect(openSession(ring, long, accessKeyId)).toBeUndefined();
  });
});

describe('the sealed members', () => {
  it('open as they are', () => {
    expect(opened(openSession(ring, sealText(JSON.stringify(members)), accessKeyId))?.roleName).toBe('deploy');
  });

  const { k, ...kindless } = members;
  const bad: [string, unknown][] = [
    ['an unknown kind', { ...members, k: 'user' }],
    ['a kind named like an object method', { ...members, k: 'constructor' }],
    ['no kind', kindless],
    ['a kind in another case', { ...members, k: k.toUpperCase() }],
    ['an account of 11 digits', { ...members, a: '12345678901' }],
    ['a member that is not known', { ...members, z: 1 }],
    ['a list', [members]],
    ['null', null],
    ['a text', 'assumed-role'],
    ['an expiry in fractions', { ...members, e: 1.5 }],
    ['an expiry beyond the calendar', { ...members, e: 8_640_000_000_000_001 }],
    ['a source identity that is null', { ...members, d: null }],
    ['an empty source identity', { ...members, d: '' }],
    ...Object.keys(members).map((name): [string, unknown] => [`${name} of another type`, { ...members, [name]: [1] }]),
    ...Object.keys(members).map((name): [string, unknown] => [`${name} that is null`, { ...members, [name]: null }]),
    ...Object.keys(members).map((name): [string, unknown] => [`no ${name}`, Object.fromEntries(Object.entries(members).filter(([other]) => other !== name))]),
  ];

  it.each(bad)('do not open with %s', (_, value) => {
    expect(openSession(ring, sealText(JSON.stringify(value)), accessKeyId)).toBeUndefined();
  });

  it('do not open as anything but JSON', () => {
    for (const text of ['', '{', 'undefined', '\u0000']) {
      expect(openSession(ring, sealText(text), accessKeyId)).toBeUndefined();
    }
  });
});
