import { type KeyObject } from 'node:crypto';

import type { TokenAlgorithm } from '../../src/domain/identity-token.js';
import { OidcIssuers } from '../../src/federation/oidc-issuers.js';
import { Clock } from '../../src/kernel/effects.js';
import { openLog } from '../../src/kernel/log.js';
import { Names } from '../../src/kernel/names.js';
import { Outbound, OutboundError } from '../../src/kernel/outbound.js';
import { signingKey, TestIdp } from '../support/idp.js';

const MINUTE = 60_000;

/** A clock whose ages are moved by hand. */
class HandClock extends Clock {
  constructor(private ms = 0) {
    super();
  }
  override now(): Date {
    return new Date('2026-11-25T10:00:00Z');
  }
  override elapsed(): number {
    return this.ms;
  }
  pass(ms: number): void {
    this.ms += ms;
  }
}

let idp: TestIdp;
let clock: HandClock;
let issuers: OidcIssuers;
let lines: string[];

beforeEach(async () => {
  idp = await TestIdp.start();
  clock = new HandClock(1_000);
  lines = [];
  const outbound = new Outbound({ issuers: { allowCidrs: ['127.0.0.0/8', '::1'], allowInsecure: false } }, clock, new Names());
  issuers = new OidcIssuers(outbound, clock, openLog('debug', { write: (line) => void lines.push(line) }));
});
afterEach(() => idp.close());

const keys = (keyId: string | undefined, algorithm: TokenAlgorithm = 'ES256', thumbprints = [idp.thumbprint], account = '123456789012'): Promise<readonly KeyObject[]> => issuers.keys({ url: idp.issuer, thumbprints, account }, algorithm, keyId);
const found = async (keyId: string | undefined, algorithm?: TokenAlgorithm): Promise<number> => (await keys(keyId, algorithm)).length;
async function fault(work: Promise<unknown>): Promise<string> {
  try {
    return `answered ${JSON.stringify(await work)}`;
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    return error.fault;
  }
}
/** How often the key set was fetched. */
const fetches = (): number => idp.fetched.filter((path) => path === '/jwks').length;
const failing = (): void => void idp.answers.set('/jwks', () => ({ status: 503, body: '' }));

describe('the keys of an issuer', () => {
  it('are fetched once for however many ask, and believed for ten minutes', async () => {
    expect(await Promise.all(Array.from({ length: 50 }, () => found('first')))).toEqual(Array.from({ length: 50 }, () => 1));
    clock.pass(10 * MINUTE - 1);
    expect(await found('first')).toBe(1);
    expect(fetches()).toBe(1);
    clock.pass(1);
    expect(await found('first')).toBe(1);
    expect(fetches()).toBe(2);
  });

  it('are gone when the issuer has taken them away, ten minutes later at the latest', async () => {
    expect(await found('first')).toBe(1);
    await idp.rotate('second');
    clock.pass(10 * MINUTE);
    expect(await found('first')).toBe(0);
  });

  it('are gone at once where a token with a new key comes', async () => {
    expect(await found('first')).toBe(1);
    clock.pass(1);
    await idp.rotate('second');
    expect(await found('second')).toBe(1);
    expect(await found('first')).toBe(0);
    expect(fetches()).toBe(2);
  });

  it('are fetched once for however many bring a key that is new', async () => {
    expect(await found('first')).toBe(1);
    clock.pass(1);
    await idp.rotate('second');
    expect(new Set(await Promise.all(Array.from({ length: 100 }, () => found('second'))))).toEqual(new Set([1]));
    expect(fetches()).toBe(2);
  });

  it('are fetched again for a key that was published while they were under way', async () => {
    let answer: (() => void) | undefined;
    const stale = JSON.stringify({ keys: idp.keys.map(({ jwk }) => jwk) });
    const asked = new Promise<void>((resolve) => {
      idp.answers.set('/jwks', async () => {
        resolve();
        await new Promise<void>((done) => (answer = done));
        return { status: 200, body: stale };
      });
    });
    const first = found('first');
    await asked;
    clock.pass(1);
    await idp.rotate('second');
    const second = found('second');
    idp.publish();
    answer?.();
    expect(await first).toBe(1);
    expect(await second).toBe(1);
  });

  it('are not fetched for a key again that the issuer does not have, for five seconds', async () => {
    expect(await found('none')).toBe(0);
    expect(fetches()).toBe(1);
    clock.pass(1);
    for (let times = 0; times < 20; times += 1) expect(await found('none')).toBe(0);
    expect(fetches()).toBe(1);
    clock.pass(5_000);
    expect(await found('none')).toBe(0);
    expect(fetches()).toBe(2);
  });

  it('are fetched ten times in a row for keys that are made up, and then once in two seconds', async () => {
    expect(await found('first')).toBe(1);
    let answered = 0;
    for (let number = 0; number < 200; number += 1) {
      clock.pass(0.001);
      if ((await fault(found(`made up ${String(number)}`))) === 'answered 0') answered += 1;
    }
    expect([answered, fetches()]).toEqual([10, 11]);
    // Whoever is known goes in and out meanwhile.
    expect(await found('first')).toBe(1);
    clock.pass(2_000);
    await idp.rotate('second');
    expect(await found('second')).toBe(1);
    expect(fetches()).toBe(12);
  });

  it('are believed for an hour where the issuer is away, and fetched with growing patience', async () => {
    expect(await found('first')).toBe(1);
    failing();
    clock.pass(10 * MINUTE);
    expect(await found('first')).toBe(1);
    expect(fetches()).toBe(2);
    expect(await found('first')).toBe(1);
    expect(fetches()).toBe(2);
    for (const [wait, times] of [[1_000, 3], [1_000, 3], [1_000, 4], [4_000, 5], [8_000, 6], [16_000, 7], [32_000, 8], [60_000, 9], [59_999, 9], [1, 10]] as const) {
      clock.pass(wait);
      expect([await found('first'), fetches()]).toEqual([1, times]);
    }
    clock.pass(60 * MINUTE);
    expect(await fault(found('first'))).toBe('answer');
    idp.publish();
    clock.pass(MINUTE);
    expect(await found('first')).toBe(1);
    expect(lines.filter((line) => line.includes('could not be fetched')).length).toBeGreaterThan(0);
  });

  it('are not asked for while it is known that they cannot be had', async () => {
    failing();
    expect(await fault(found('first'))).toBe('answer');
    expect(await fault(found('first'))).toBe('answer');
    expect(fetches()).toBe(1);
    idp.publish();
    clock.pass(1_000);
    expect(await found('first')).toBe(1);
  });

  it('are not those that somebody else pinned', async () => {
    expect(await found('first')).toBe(1);
    expect(await fault(keys('first', 'ES256', []))).toBe('certificate');
    expect(await fault(keys('first', 'ES256', ['0'.repeat(40)]))).toBe('certificate');
    expect((await keys('first', 'ES256', [idp.thumbprint.toUpperCase()])).length).toBe(1);
  });

  it('are fetched for each account, so that none waits for what another one asks too much of', async () => {
    expect(await found('first')).toBe(1);
    for (let made = 0; made < 10; made += 1) {
      clock.pass(1);
      expect(await found(`made up ${String(made)}`)).toBe(0);
    }
    const next = await idp.rotate('next');
    clock.pass(1);
    expect(await fault(found(next.kid))).toBe('unreachable');
    expect(await keys(next.kid, 'ES256', [idp.thumbprint], '210987654321')).toHaveLength(1);
  });

  it('are tried all where a token names none, and only those of its algorithm', async () => {
    idp.keys = [await signingKey('a'), await signingKey('b'), await signingKey('c', 'ES384'), await signingKey('d', 'RS256')];
    expect([await found(undefined), await found(undefined, 'ES384'), await found(undefined, 'RS256'), await found(undefined, 'RS512'), await found('a', 'ES384')]).toEqual([2, 1, 1, 0, 0]);
  });
});

describe('a key set', () => {
  const first = async (more: object): Promise<object> => ({ ...(await signingKey('k')).jwk, ...more });
  it.each([
    ['a key for encryption', () => first({ use: 'enc' })],
    ['a key for signing only', () => first({ key_ops: ['sign'] })],
    ['a key of another algorithm', () => first({ alg: 'ES384' })],
    ['a symmetric key', () => Promise.resolve({ kty: 'oct', k: 'c2VjcmV0', kid: 'k', alg: 'ES256' })],
    ['a key off its curve', () => first({ x: 'AAAA' })],
    ['a key id that is a number', () => first({ kid: 1 })],
    ['a key id that no token may name', () => first({ kid: 'x'.repeat(256) })],
    ['a key with a number that is far too long', () => first({ x: 'A'.repeat(100_000) })],
    ['an Ed25519 key', () => Promise.resolve({ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', kid: 'k' })],
    ['no object', () => Promise.resolve('k')],
  ])('may have what is no key here, which is not used: %s', async (_, jwk) => {
    const other = await jwk();
    idp.answers.set('/jwks', () => ({ status: 200, body: JSON.stringify({ keys: [other, ...idp.keys.map((key) => key.jwk)] }) }));
    expect([await found('k'), await found('first')]).toEqual([0, 1]);
  });

  it('does not give away RSA keys that are too short', async () => {
    const { generateKeyPairSync } = await import('node:crypto');
    const jwk = { ...generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }), kid: 'short' };
    idp.answers.set('/jwks', () => ({ status: 200, body: JSON.stringify({ keys: [jwk] }) }));
    expect(await found('short', 'RS256')).toBe(0);
  });

  it('does not give away RSA keys that are made to be slow, or to prove nothing', async () => {
    const { jwk } = await signingKey('k', 'RS256');
    const exponents = { AQAB: 1, Aw: 1, _____w: 1, AQ: 0, AQAAAAE: 0, [Buffer.alloc(255, 0x7f).toString('base64url')]: 0 };
    idp.answers.set('/jwks', () => ({ status: 200, body: JSON.stringify({ keys: Object.keys(exponents).map((e) => ({ ...jwk, kid: e, e })) }) }));
    expect(Object.fromEntries(await Promise.all(Object.keys(exponents).map(async (e) => [e, await found(e, 'RS256')] as const)))).toEqual(exponents);
  });

  it('of thousands of keys, each of which takes milliseconds to read, is not read', async () => {
    const { jwk } = await signingKey('k', 'ES512');
    const body = JSON.stringify({ keys: Array.from({ length: 3_500 }, () => jwk) });
    idp.answers.set('/jwks', () => ({ status: 200, body }));
    const since = performance.now();
    expect(await fault(found('k', 'ES512'))).toBe('answer');
    expect(performance.now() - since).toBeLessThan(4_000);
  });

  it('is read as far as a token needs it', async () => {
    const { jwk } = await signingKey('k', 'ES512');
    const body = JSON.stringify({ keys: Array.from({ length: 100 }, () => jwk) });
    idp.answers.set('/jwks', () => ({ status: 200, body }));
    expect([await found('k', 'ES512'), await found(undefined, 'ES512')]).toEqual([10, 10]);
  });

  it('keeps private members of keys to itself', async () => {
    const [key] = idp.keys;
    idp.answers.set('/jwks', () => ({ status: 200, body: JSON.stringify({ keys: [{ ...key?.privateKey.export({ format: 'jwk' }), kid: 'first' }] }) }));
    expect((await keys('first')).map(({ type }) => type)).toEqual(['public']);
  });

  const discovery = '/.well-known/openid-configuration';
  it.each([
    ['a discovery document of another issuer', discovery, () => JSON.stringify({ issuer: 'https://other.example', jwks_uri: `${idp.issuer}/jwks` }), 'answer'],
    ['a discovery document of the issuer with a slash', discovery, () => JSON.stringify({ issuer: `${idp.issuer}/`, jwks_uri: `${idp.issuer}/jwks` }), 'answer'],
    ['a discovery document without keys', discovery, () => JSON.stringify({ issuer: idp.issuer }), 'answer'],
    ['a discovery document that says two things', discovery, () => `{"issuer":"${idp.issuer}","jwks_uri":"${idp.issuer}/jwks","jwks_uri":"https://evil.example"}`, 'answer'],
    ['keys of another machine in this network', discovery, () => JSON.stringify({ issuer: idp.issuer, jwks_uri: 'https://10.0.0.1/jwks' }), 'forbidden'],
    ['keys of the cloud', discovery, () => JSON.stringify({ issuer: idp.issuer, jwks_uri: 'http://169.254.169.254/latest/meta-data' }), 'forbidden'],
    ['keys in a file', discovery, () => JSON.stringify({ issuer: idp.issuer, jwks_uri: 'file:///etc/passwd' }), 'forbidden'],
    ['keys that are text', '/jwks', () => 'text', 'answer'],
    ['keys that are no list', '/jwks', () => '{"keys":{}}', 'answer'],
    ['nothing', '/jwks', () => '{}', 'answer'],
    ['more than a megabyte', '/jwks', () => JSON.stringify({ keys: [], more: 'x'.repeat(1_100_000) }), 'answer'],
  ])('is not believed: %s', async (_, path, body, expected) => {
    idp.answers.set(path, () => ({ status: 200, body: body() }));
    expect(await fault(found('first'))).toBe(expected);
  });

  it('is not remembered beyond 64 MiB of all that issuers publish, however many accounts name them', async () => {
    const heavy = Array.from({ length: 100 }, (_, index) => ({ kty: 'RSA', alg: 'RS256', e: 'AQAB', n: 'A'.repeat(1_400), kid: `${String(index)}${'k'.repeat(250)}` }));
    const of = (account: number): Promise<unknown> => keys(heavy[0]?.kid, 'RS256', [idp.thumbprint], String(account));
    idp.answers.set('/jwks', () => ({ status: 200, body: JSON.stringify({ keys: heavy }) }));
    for (const account of [1, 2, 1]) await of(account);
    expect(fetches()).toBe(2);
    for (let account = 3; account <= 170; account += 1) await of(account);
    expect(fetches()).toBe(170);
    await of(170);
    expect(fetches()).toBe(170);
    await of(1);
    expect(fetches()).toBe(171);
  });

  it.each([
    ['a modulus', { kty: 'RSA', n: 'A'.repeat(1_401), e: 'AQAB' }, 'RS256'],
    ['an exponent', { kty: 'RSA', n: 'A'.repeat(342), e: 'A'.repeat(17) }, 'RS256'],
    ['a coordinate', { kty: 'EC', crv: 'P-256', x: 'A'.repeat(97), y: 'A' }, 'ES256'],
  ] as const)('has no key with %s that is too long', async (_, key, algorithm) => {
    idp.answers.set('/jwks', () => ({ status: 200, body: JSON.stringify({ keys: [{ ...key, kid: 'long' }] }) }));
    expect(await found('long', algorithm)).toBe(0);
    clock.pass(5_000);
    expect(await found('long', algorithm)).toBe(0);
    // It is not even kept: one of this name is looked for again.
    expect(fetches()).toBe(2);
  });

  it('has a hundred keys of each kind at the most', async () => {
    const { jwk } = await signingKey('k');
    const many = (count: number): string => JSON.stringify({ keys: Array.from({ length: count }, (_, index) => ({ ...jwk, kid: String(index) })) });
    idp.answers.set('/jwks', () => ({ status: 200, body: many(101) }));
    expect(await fault(found('1'))).toBe('answer');
    idp.answers.set('/jwks', () => ({ status: 200, body: many(100) }));
    clock.pass(1_000);
    expect(await found('99')).toBe(1);
  });
});
