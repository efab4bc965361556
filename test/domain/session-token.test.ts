import { createHash } from 'node:crypto';

import fc from 'fast-check';

import { SealingKey } from '../../src/domain/aead.js';
import { accountId } from '../../src/domain/arn.js';
import { ApiError } from '../../src/domain/errors.js';
import type { SessionFacts } from '../../src/domain/principal.js';
import { seal, SEALING_OVERHEAD_BYTES, unseal, type KeyRing, type RingKey } from '../../src/domain/sealing.js';
import { Secret } from '../../src/domain/secret.js';
import type { ChainLink } from '../../src/domain/session-chain.js';
import { encodeClaims, type AssumedRoleClaims } from '../../src/domain/session-claims.js';
import { packed, packedPolicySize } from '../../src/domain/session-packing.js';
import { MAX_SESSION_TOKEN_LENGTH, openSession, sealSession, tokenUtilization, type Opened, type SessionClaims } from '../../src/domain/session-token.js';

const ringKey = (id: number, fill: number): RingKey => ({ id, key: new SealingKey(Buffer.alloc(32, fill)) });
function ringOf(current: RingKey, ...others: RingKey[]): KeyRing {
  const keys = new Map([current, ...others].map((key) => [key.id, key]));
  return { current, byId: (id) => keys.get(id) };
}

const first = ringKey(7, 1);
const second = ringKey(0xffffffff, 2);
const ring = ringOf(first, second);
const nonce = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX');
const accessKeyId = 'ASIAIOSFODNN7EXAMPLE';
const issuedAt = new Date('2026-01-01T00:00:00.123Z');
const before = { sessionId: '0190a0f0-0000-7000-8000-000000000000', principalId: 'AIDAIOSFODNN7EXAMPLEA', issuedAt: new Date('2025-12-31T23:00:00Z') };
const own = { sessionId: '0190a0f0-0000-7000-8000-000000000001', principalId: 'AROAIOSFODNN7EXAMPLEA', issuedAt };
const claims: AssumedRoleClaims = {
  kind: 'assumed-role',
  account: accountId('123456789012'),
  accessKeyId,
  secret: Secret.of('wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY'),
  roleId: 'AROAIOSFODNN7EXAMPLEA',
  roleName: 'deploy',
  rolePath: '/ci/',
  sessionName: 'build-1',
  session: {
    sessionId: own.sessionId,
    origin: 'AssumeRole',
    issuedAt,
    expiresAt: new Date('2026-01-01T01:00:00Z'),
    chain: [before, own],
    startedBy: 'AIDAIOSFODNN7EXAMPLEA',
    sourceIdentity: 'alice',
    tags: [],
    transitiveTagKeys: [],
    scopedDown: [],
  },
};
const base = { account: claims.account, accessKeyId, secret: claims.secret };

const full: SessionFacts = {
  ...claims.session,
  tags: [{ Key: 'team', Value: 'blue' }, { Key: 'empty', Value: '' }],
  transitiveTagKeys: ['team'],
  policies: { inline: '{"Version":"2012-10-17","Statement":[]}', arns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'] },
  scopedDown: ['{"Statement":[]}', '{}'],
  mfaAt: new Date('2025-12-31T22:59:59.999Z'),
};
const { sourceIdentity: _, ...least } = claims.session;

/** A text that packing hardly makes shorter. */
function noise(length: number, seed = ''): string {
  let text = '';
  for (let index = 0; text.length < length; index += 1) text += createHash('sha256').update(`${seed}${String(index)}`).digest('base64url');
  return text.slice(0, length);
}

const PLAIN = 0;
const PACKED = 1;
const label = `session-token:${accessKeyId}`;
/** The first sealed byte of a token, which says whether the rest is packed. */
const formOf = (token: string): number | undefined => {
  const plaintext = unseal(ring, Buffer.from(token, 'base64'), label);
  return Buffer.isBuffer(plaintext) ? plaintext[0] : undefined;
};
/** A token around any bytes, sealed with the current key of the ring. */
const sealBytes = (...parts: readonly (string | Uint8Array)[]): string => seal(ring, { plaintext: Buffer.concat(parts.map((part) => Buffer.from(part))), label }, nonce).toString('base64');
const sealText = (text: string): string => sealBytes(Buffer.of(PLAIN), text);

function opened(result: Opened): SessionClaims | undefined {
  return result !== undefined && 'claims' in result ? result.claims : undefined;
}

/** Claims with the secret in the clear, because two `Secret`s look the same to `toEqual`. */
const revealed = (sealed: SessionClaims | undefined): unknown => sealed && { ...sealed, secret: sealed.secret.reveal() };
const shown = (result: Opened): unknown => revealed(opened(result));
const open = (token: string): Opened => openSession(ring, token, accessKeyId);

const longClaims = { ...claims, session: { ...full, scopedDown: [noise(100)] } };
const token = sealSession(ring, claims, { nonce });
const bytes = Buffer.from(token, 'base64');
const forms = [
  { form: 'plain', token, bytes, sealed: claims },
  { form: 'packed', token: sealSession(ring, longClaims, { nonce }), bytes: Buffer.from(sealSession(ring, longClaims, { nonce }), 'base64'), sealed: longClaims },
];

const at = 1_700_000_000_000;
const common = { a: '123456789012', x: 's', e: at + 3_600_000, b: 'AIDA', c: [['h', 'AIDA', at - 1], ['i', 'AROA', at]] };
/** What is sealed, for each kind: these texts are in the tokens that people hold, and must go on to be read. */
const members = {
  'assumed-role': { k: 'assumed-role', ...common, r: 'AROA', n: 'deploy', p: '/', s: 'build', o: 'AssumeRole' },
  user: { k: 'user', ...common, u: 'AIDA', o: 'GetSessionToken' },
  root: { k: 'root', ...common, o: 'AssumeRoot' },
  'federated-user': { k: 'federated-user', ...common, n: 'guest', u: 'AIDA', o: 'GetFederationToken' },
};
const optional = { j: [['AIDA', ['j', 'AROA', at - 2], 1], ['OIDC:x', 0, 1]], d: 'alice', g: [['team', 'blue'], ['empty', '']], h: ['team'], l: ['{}', 'arn:aws:iam::aws:policy/A'], m: at - 5, q: ['{"a":1}', '{}'] };

describe('a session token', () => {
  const kinds: [what: string, claims: SessionClaims][] = [
    ['of a role, with everything', { ...claims, session: full }],
    ['of a role, with nothing that may be absent', { ...claims, session: least }],
    ['with managed policies only', { ...claims, session: { ...least, policies: { arns: ['arn:aws:iam::aws:policy/A', 'arn:aws:iam::aws:policy/B'] } } }],
    ['with an inline policy only', { ...claims, session: { ...least, policies: { inline: '{}', arns: [] } } }],
    ['of a user', { ...base, kind: 'user', userId: 'AIDAIOSFODNN7EXAMPLEA', session: { ...full, origin: 'GetSessionToken' } }],
    ['of a user, with little', { ...base, kind: 'user', userId: 'AIDAIOSFODNN7EXAMPLEA', session: { ...least, origin: 'GetSessionToken' } }],
    ['with lines beside its chain', { ...claims, session: { ...full, beside: [{ startedBy: 'AIDAIOSFODNN7EXAMPLEB', chain: [{ ...before, sessionId: '0190a0f0-0000-7000-8000-000000000002' }, own] }, { startedBy: 'AIDAIOSFODNN7EXAMPLEC', chain: [own] }] } }],
    ['of root', { ...base, kind: 'root', session: { ...least, origin: 'GetSessionToken' } }],
    ['of root in another account, with everything', { ...base, kind: 'root', session: { ...full, origin: 'AssumeRoot' } }],
    ['of a federated user', { ...base, kind: 'federated-user', name: 'guest', by: { userId: 'AIDAIOSFODNN7EXAMPLEA' }, session: { ...full, origin: 'GetFederationToken' } }],
    ['of somebody root federated', { ...base, kind: 'federated-user', name: 'guest', session: { ...least, origin: 'GetFederationToken' } }],
  ];

  it.each(kinds)('%s opens to what was sealed, and to nothing else', (_what, sealed) => {
    expect(shown(open(sealSession(ring, sealed, { nonce })))).toStrictEqual(revealed(sealed));
  });

  it('opens whatever texts, times and sessions it carries', () => {
    const text = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' });
    const time = fc.date({ noInvalidDate: true });
    const links = fc.array(fc.record({ sessionId: text, principalId: text, issuedAt: time }), { minLength: 1, maxLength: 5 });
    const tags = fc.array(fc.record({ Key: text, Value: fc.string({ maxLength: 12, unit: 'grapheme' }) }), { maxLength: 3 });
    const random = fc.uint8Array({ minLength: 24, maxLength: 24 });
    const keys = fc.dictionary(text, fc.oneof(text, fc.array(text, { maxLength: 2 })), { maxKeys: 3 }).map((entries) => new Map(Object.entries(entries)));
    const more = fc.record({
      federation: fc.record({ provider: text, keys }),
      ceilings: fc.array(fc.record({ inline: text, arns: fc.array(text, { maxLength: 2 }) }), { maxLength: 2 }),
      beside: fc.array(fc.record({ startedBy: text, chain: links }), { maxLength: 3 }),
      delegates: fc.array(fc.record({ arn: text, subject: text, issuer: text }), { maxLength: 2 }),
    }, { requiredKeys: [] });
    const anything = fc.record({ name: text, secret: text, expiresAt: time, chain: links, tags, texts: fc.array(text, { maxLength: 3 }), random, more });
    const property = fc.property(anything, ({ name, secret, expiresAt, chain, texts, ...given }) => {
      const { sessionId, issuedAt: at } = chain.at(-1)!;
      const policies = texts.length === 0 ? {} : { policies: { inline: texts[0]!, arns: texts.slice(1) } };
      const session = { ...claims.session, sessionId, issuedAt: at, expiresAt, chain, startedBy: name, tags: given.tags, transitiveTagKeys: texts, scopedDown: texts, mfaAt: at, ...policies, ...given.more, ...(given.more.beside && { beside: given.more.beside.map((line, index) => (index === 0 ? { ...line, chain: [...line.chain, ...chain] } : line)) }) };
      const varied = { ...claims, roleName: name, secret: Secret.of(secret), session };
      expect(shown(open(sealSession(ring, varied, { nonce: given.random })))).toEqual(revealed(varied));
    });
    fc.assert(property);
  });

  it('is never made by a ring that would not open it', () => {
    const other = new SealingKey(Buffer.alloc(32, 9));
    for (const byId of [() => undefined, (id: number) => ({ id, key: other })]) {
      expect(() => sealSession({ current: ring.current, byId }, claims, { nonce })).toThrow('a session token that was just sealed does not open');
    }
  });

  it('says how much of the greatest length it takes up, rounded up', () => {
    const length = MAX_SESSION_TOKEN_LENGTH;
    expect(length).toBe(6_144);
    expect([1, 61, 62, length / 2, length - 1, length].map((one) => tokenUtilization('x'.repeat(one)))).toEqual([1, 1, 2, 50, 100, 100]);
  });

  it('opens after its key was replaced, until the key is gone', () => {
    expect(shown(openSession(ringOf(second, first), token, accessKeyId))).toEqual(revealed(claims));
    expect(openSession(ringOf(second), token, accessKeyId)).toEqual({ unknownKey: 7 });
  });

  it('says which key is unknown, up to the largest number', () => {
    expect(openSession(ringOf(first), sealSession(ringOf(second), claims, { nonce }), accessKeyId)).toEqual({ unknownKey: 0xffffffff });
  });

  it('shows neither secret nor names in the clear', () => {
    for (const text of [claims.secret.reveal(), claims.roleName, claims.account, claims.session.sessionId]) {
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
    expect(open(moved.toString('base64'))).toBeUndefined();
    const sameKey: RingKey = { id: 8, key: first.key };
    moved.writeUInt32BE(8, 1);
    expect(openSession(ringOf(first, sameKey), moved.toString('base64'), accessKeyId)).toBeUndefined();
  });
});

describe.each(forms)('a $form session token that was changed', ({ token: whole, bytes: sealed }) => {
  /** Those of some texts that open; one look at many of them is cheaper than many. */
  const thatOpen = (texts: readonly string[]): readonly string[] => texts.filter((text) => opened(open(text)) !== undefined);

  it('does not open with any bit of any byte changed', () => {
    const found: unknown[] = [];
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const result = open(changed.toString('base64'));
      const isKeyNumber = bit >= 8 && bit < 40;
      const expected = isKeyNumber ? changed.readUInt32BE(1) : undefined;
      if (isKeyNumber ? !(result !== undefined && 'unknownKey' in result && result.unknownKey === expected) : result !== undefined) found.push([bit, result]);
    }
    expect(found).toEqual([]);
  });

  it('does not open when cut anywhere, as text or as bytes', () => {
    const lengths = Array.from({ length: whole.length }, (__, length) => length);
    expect(lengths.filter((length) => open(whole.slice(0, length)) !== undefined)).toEqual([]);
    expect(thatOpen(lengths.map((length) => whole.slice(whole.length - length)))).toEqual([]);
    expect(lengths.filter((length) => length < sealed.length && open(sealed.subarray(0, length).toString('base64')) !== undefined)).toEqual([]);
  });

  it('does not open with anything appended, prepended or in between', () => {
    for (const extra of ['A', '=', ' ', '\n', '.', 'AAAA', whole]) {
      expect(thatOpen([whole + extra, extra + whole, whole.slice(0, 40) + extra + whole.slice(40)])).toEqual([]);
    }
    for (const extra of [Buffer.of(0), Buffer.from(' '), Buffer.alloc(3)]) expect(open(Buffer.concat([sealed, extra]).toString('base64'))).toBeUndefined();
  });

  it('does not open with any character of its text replaced', () => {
    const replaced = ['A', '/', '-', '_', '=', '\u00e9'].flatMap((character) => Array.from(whole, (__, index) => whole.slice(0, index) + character + whole.slice(index + 1)));
    expect(replaced.length).toBeGreaterThan(whole.length);
    expect(thatOpen(replaced.filter((text) => text !== whole))).toEqual([]);
  });
});

it('a session token has one text only: neither the URL alphabet, nor missing padding, nor stray bits', () => {
  const padded = ['a', 'ab', 'abc']
    .map((sessionName) => sealSession(ring, { ...claims, sessionName }, { nonce }))
    .filter((text) => text.endsWith('='));
  expect(padded).toHaveLength(2);
  for (const text of padded) {
    const bare = text.replace(/=+$/, '');
    const strayBits = bare.slice(0, -1) + String.fromCharCode(bare.charCodeAt(bare.length - 1) + 1) + text.slice(bare.length);
    const url = text.replaceAll('+', '-').replaceAll('/', '_');
    expect(url).not.toBe(text);
    for (const other of [bare, strayBits, url, url.replace(/=+$/, '')]) {
      expect(Buffer.from(other, 'base64')).toEqual(Buffer.from(text, 'base64'));
      expect(open(other)).toBeUndefined();
    }
  }
});

describe('the form of a session token', () => {
  it.each(forms)('is $form, and opens all the same', ({ form, token: whole, sealed }) => {
    expect(formOf(whole)).toBe(form === 'packed' ? PACKED : PLAIN);
    expect(shown(open(whole))).toStrictEqual(revealed(sealed));
  });

  it('is packed above 640 bytes of claims', () => {
    const ofLength = (length: number, letter: string): SessionClaims => {
      const named = (sessionName: string): SessionClaims => ({ ...claims, sessionName });
      const more = length - Buffer.byteLength(encodeClaims(named('x')));
      return named(`x${letter.repeat(more / Buffer.byteLength(letter))}`);
    };
    for (const [length, letter, form] of [[640, 'a', PLAIN], [641, 'a', PACKED], [642, 'é', PACKED]] as const) {
      const sealed = ofLength(length, letter);
      expect(Buffer.byteLength(encodeClaims(sealed))).toBe(length);
      expect([length, formOf(sealSession(ring, sealed, { nonce }))]).toEqual([length, form]);
      expect(shown(open(sealSession(ring, sealed, { nonce })))).toEqual(revealed(sealed));
    }
  });

  it('makes it short where much is said twice', () => {
    const scopedDown = [JSON.stringify({ Statement: Array.from({ length: 40 }, () => ({ Effect: 'Allow', Action: 'iam:GetUser', Resource: '*' })) })];
    const sealed = sealSession(ring, { ...claims, session: { ...claims.session, scopedDown } }, { nonce });
    expect(sealed.length).toBeLessThan(scopedDown.join('').length / 2);
  });

  it('is one of two: with any other first byte it does not open', () => {
    const text = JSON.stringify(members.root);
    for (let form = 0; form < 256; form += 1) {
      const both = [open(sealBytes(Buffer.of(form), text)), open(sealBytes(Buffer.of(form), packed(text)))].map((result) => opened(result)?.kind);
      expect([form, ...both]).toEqual([form, form === PLAIN ? 'root' : undefined, form === PACKED ? 'root' : undefined]);
    }
    for (const nothing of [[], [PLAIN], [PACKED]]) expect(open(sealBytes(Buffer.from(nothing)))).toBeUndefined();
  });

  it('does not let more than 64 KiB be unpacked', () => {
    const text = JSON.stringify(members.root);
    const filled = (length: number): string => sealBytes(Buffer.of(PACKED), packed(text.padEnd(length)));
    expect(opened(open(filled(65_536)))?.kind).toBe('root');
    expect(open(filled(65_537))).toBeUndefined();
    const bomb = filled(3_000_000);
    expect(bomb.length).toBeLessThan(MAX_SESSION_TOKEN_LENGTH);
    expect(open(bomb)).toBeUndefined();
  });

  it('does not open when what was packed was cut, or never was, and does not throw', () => {
    const whole = packed(JSON.stringify(members.root));
    for (let length = 0; length < whole.length; length += 1) expect(open(sealBytes(Buffer.of(PACKED), whole.subarray(0, length)))).toBeUndefined();
    fc.assert(fc.property(fc.constantFrom(PLAIN, PACKED), fc.uint8Array({ maxLength: 200 }), (form, random) => {
      expect(open(sealBytes(Buffer.of(form), random))).toBeUndefined();
    }));
  });
});

describe('the length of a session token', () => {
  it.each(forms)('is at least what is asked for, and hardly more, $form or not', ({ token: whole, sealed }) => {
    const property = fc.property(fc.oneof(fc.integer({ min: 0, max: 4_096 }), fc.constantFrom(0, 1, whole.length, whole.length + 1, 4_095, 4_096)), (minimumLength) => {
      const padded = sealSession(ring, sealed, { nonce, minimumLength });
      expect(padded.length).toBeGreaterThanOrEqual(minimumLength);
      if (minimumLength <= whole.length - 3) expect(padded).toBe(whole);
      else expect(padded.length).toBeLessThan(minimumLength + 4);
      expect(shown(open(padded))).toStrictEqual(revealed(sealed));
    });
    fc.assert(property);
  });

  it('is 6,144 characters at the most, in sealing and in opening', () => {
    const most = sealSession(ring, claims, { nonce, minimumLength: 6_144 });
    expect(most).toHaveLength(MAX_SESSION_TOKEN_LENGTH);
    expect(shown(open(most))).toEqual(revealed(claims));
    expect(() => sealSession(ring, claims, { nonce, minimumLength: 6_145 })).toThrow(new ApiError('PackedPolicyTooLarge', 'Serialized token too large for session'));
    const text = JSON.stringify(members.root);
    const longest = sealText(text.padEnd((6_144 / 4) * 3 - SEALING_OVERHEAD_BYTES - 1));
    expect([longest.length, opened(open(longest))?.kind]).toEqual([6_144, 'root']);
    const longer = sealText(text.padEnd((6_144 / 4) * 3 - SEALING_OVERHEAD_BYTES));
    expect([longer.length, open(longer)]).toEqual([6_148, undefined]);
  });

  it('refuses claims that do not fit', () => {
    const tooMuch = { ...claims, session: { ...claims.session, scopedDown: [noise(8_000)] } };
    expect(() => sealSession(ring, tooMuch, { nonce })).toThrow(new ApiError('PackedPolicyTooLarge', 'Serialized token too large for session'));
  });

  it('is enough for the longest chain with all the policies and tags that a session may have', () => {
    const links = Array.from({ length: 32 }, (__, index): ChainLink => {
      const hex = createHash('sha256').update(String(index)).digest('hex');
      return { sessionId: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`, principalId: `AROA${noise(17, hex).toUpperCase()}`, issuedAt: new Date(issuedAt.getTime() + index * 123_457) };
    });
    const tags = Array.from({ length: 12 }, (__, index) => ({ Key: `key-${String(index)}`, Value: noise(138, `tag-${String(index)}`) }));
    const inline = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: `arn:aws:s3:::${noise(1_500, 'policy')}` }] });
    expect(packedPolicySize({ policies: [inline], tags })).toBeGreaterThanOrEqual(97);
    const own = links.at(-1)!;
    const session = { ...full, ...own, chain: links, tags, transitiveTagKeys: tags.map(({ Key }) => Key), policies: { inline, arns: [] }, scopedDown: [] };
    const sealed = { ...claims, session: { ...session, sessionId: own.sessionId } };
    const most = sealSession(ring, sealed, { nonce });
    expect(most.length).toBeLessThanOrEqual(MAX_SESSION_TOKEN_LENGTH);
    expect(opened(open(most))?.session.chain).toEqual(links);
  });
});

describe('the sealed members', () => {
  const links = [{ sessionId: 'h', principalId: 'AIDA', issuedAt: new Date(at - 1) }, { sessionId: 'i', principalId: 'AROA', issuedAt: new Date(at) }];
  const session = { sessionId: 'i', issuedAt: new Date(at), expiresAt: new Date(at + 3_600_000), chain: links, startedBy: 'AIDA', tags: [], transitiveTagKeys: [], scopedDown: [] };
  const more = {
    sourceIdentity: 'alice', tags: [{ Key: 'team', Value: 'blue' }, { Key: 'empty', Value: '' }], transitiveTagKeys: ['team'],
    policies: { inline: '{}', arns: ['arn:aws:iam::aws:policy/A'] }, mfaAt: new Date(at - 5), scopedDown: ['{"a":1}', '{}'],
    beside: [{ startedBy: 'AIDA', chain: [{ sessionId: 'j', principalId: 'AROA', issuedAt: new Date(at - 2) }, links[1]] }, { startedBy: 'OIDC:x', chain: links }],
  };
  const same = { account: '123456789012', accessKeyId, secret: 's' };
  const read: [kind: keyof typeof members, own: object, origin: string][] = [
    ['assumed-role', { kind: 'assumed-role', roleId: 'AROA', roleName: 'deploy', rolePath: '/', sessionName: 'build' }, 'AssumeRole'],
    ['user', { kind: 'user', userId: 'AIDA' }, 'GetSessionToken'],
    ['root', { kind: 'root' }, 'AssumeRoot'],
    ['federated-user', { kind: 'federated-user', name: 'guest', by: { userId: 'AIDA' } }, 'GetFederationToken'],
  ];

  it.each(read)('of the kind %s are read as they are, with or without those that may be absent', (kind, own, origin) => {
    const json = (value: object): unknown => shown(open(sealText(JSON.stringify(value))));
    expect(json(members[kind])).toStrictEqual({ ...same, ...own, session: { ...session, origin } });
    expect(json({ ...members[kind], ...optional })).toStrictEqual({ ...same, ...own, session: { ...session, origin, ...more } });
    for (const [name, value] of Object.entries(optional)) expect(json({ ...members[kind], [name]: value })).toBeDefined();
  });

  it('of a federated user need not say who federated him', () => {
    const { u, ...rootless } = members['federated-user'];
    expect(u).toBe('AIDA');
    expect(shown(open(sealText(JSON.stringify(rootless))))).toStrictEqual({ ...same, kind: 'federated-user', name: 'guest', session: { ...session, origin: 'GetFederationToken' } });
  });

  const texts: readonly unknown[] = [null, '', 1, true, [1], ['x'], {}];
  const lists: readonly unknown[] = [null, 'x', 1, {}, [null], [1], [[]], [['x']], [['x', 1]], [['x', 'y', 'z']], [{}]];
  const times: readonly unknown[] = [null, '', String(at), 1.5, [at], 8_640_000_000_000_001, -8_640_000_000_000_001, 2 ** 53, true];
  /** What each member must not be. */
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    k: [...texts, 'group', 'constructor', 'ROOT', 'Assumed-role'],
    a: [...texts, '12345678901', '1234567890123', '12345678901x'],
    o: [...texts, 'AssumeRoleWithMagic', 'assumerole', 'toString'],
    c: [...lists, [], [['i', 'AROA']], [['i', 'AROA', at, 1]], [['i', 'AROA', 'then']], [['i', 'AROA', null]], [[1, 'AROA', at]], [['i', null, at]], [['i', 'AROA', at], 'x'], ['x', ['i', 'AROA', at]]],
    j: [null, 'x', 1, {}, [null], [1], ['x'], [[]], [['x']], [[1, 0]], [[null, 0]], [['x', 2]], [['x', -1]], [['x', 0.5]], [['x', '0']], [['x', null]], [['x', ['i', 'AROA']]], [['x', ['i', 'AROA', 'then']]], [['x', 0], 'x']],
    e: times, m: times,
    g: [...lists, [['team', 'blue'], ['team']]],
    h: lists.filter((value) => !Array.isArray(value) || value.length > 0), l: lists, q: lists,
    ...Object.fromEntries(['x', 'b', 'd', 'r', 'n', 'p', 's', 'u'].map((name) => [name, texts])),
  };

  it.each(Object.keys(members) as (keyof typeof members)[])('of the kind %s are refused where any is missing, wrong, or of another kind', (kind) => {
    const whole: Readonly<Record<string, unknown>> = members[kind];
    const without = (name: string): object => Object.fromEntries(Object.entries(whole).filter(([other]) => other !== name));
    const mayBeAbsent = kind === 'federated-user' ? ['u'] : [];
    const bad = [
      ...Object.keys(whole).filter((name) => !mayBeAbsent.includes(name)).map((name) => without(name)),
      ...Object.keys({ ...whole, ...optional }).flatMap((name) => wrong[name]!.map((value) => ({ ...whole, [name]: value }))),
      ...['r', 'n', 'p', 's', 'u'].filter((name) => !(name in whole)).map((name) => ({ ...whole, [name]: 'x' })),
      ...Object.keys(members).filter((other) => other !== kind).map((other) => ({ ...whole, k: other })),
      ...['z', 'K', '', 'constructor'].map((name) => ({ ...whole, [name]: 'x' })),
    ].map((value) => JSON.stringify(value));
    expect(bad.length).toBeGreaterThan(100);
    for (const text of [...bad, JSON.stringify(whole).replace('{', '{"__proto__":{},'), JSON.stringify([whole])]) expect([text, open(sealText(text))]).toEqual([text, undefined]);
  });

  it('are refused where they are no members at all', () => {
    for (const text of ['', '{', 'undefined', '\u0000', 'null', '[]', '{}', '"assumed-role"', '1', `${JSON.stringify(members.root)}x`]) {
      expect([text, open(sealText(text))]).toEqual([text, undefined]);
    }
  });
});

// What is sealed is not bounded as what is unpacked is: 50 tags of letters of three bytes each, all of them transitive,
// are 75 KiB of claims but take up 400 bytes when packed. The token cannot be opened by anybody, so the issuer fails (500).
describe('refuses claims that are longer than what may be unpacked', () => {
  it('are refused as too large', () => {
    const tags = Array.from({ length: 50 }, (__, index) => ({ Key: '字'.repeat(126) + String(index + 10), Value: '字'.repeat(256) }));
    expect(packedPolicySize({ policies: [], tags })).toBeLessThan(20);
    const sealed = { ...claims, session: { ...claims.session, tags, transitiveTagKeys: tags.map(({ Key }) => Key) } };
    expect(() => sealSession(ring, sealed, { nonce })).toThrow(expect.objectContaining({ code: 'PackedPolicyTooLarge' }) as Error);
  });
});
