import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';

import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import { allowanceAt, oneLess, waitFor, type Allowance, type Rate } from '../domain/allowance.js';
import type { TokenAlgorithm } from '../domain/identity-token.js';
import { isArray, isObject, readJson, type Json, type JsonObject } from '../domain/policy/json.js';
import { Clock } from '../kernel/effects.js';
import { LOG } from '../kernel/kernel.js';
import type { Log } from '../kernel/log.js';
import { Outbound, OutboundError } from '../kernel/outbound.js';
import { isSoundRsa } from './rsa-keys.js';

/** An issuer, and how its server is known. */
export interface Issuer {
  /** As its tokens and its discovery document write it, scheme and all. */
  readonly url: string;
  /** SHA-1 thumbprints of certificates, for servers that no CA vouches for. */
  readonly thumbprints: readonly string[];
  /** The account on whose behalf it is asked. */
  readonly account: string;
}

/** A key with which an issuer says to sign tokens. */
export interface IssuerKey {
  readonly keyId: string | undefined;
  readonly kind: 'RSA' | 'EC';
  /** What it may be used with, and nothing else. */
  readonly algorithms: readonly TokenAlgorithm[];
  /** What it takes to remember it, in bytes. */
  readonly weight: number;
  /**
   * The key; undefined for what is none. Read when it is first asked for: a point of a curve takes milliseconds to check, and
   * whoever publishes hundreds must not have them all checked.
   */
  key(): KeyObject | undefined;
}

/** The keys that an issuer published, and when that was looked at. */
interface Published {
  readonly keys: readonly IssuerKey[];
  readonly at: number;
}

/** What a node knows of an issuer. */
interface Known {
  published: Published | undefined;
  /** The fetch under way, and when it began. */
  fetching: { readonly since: number; readonly done: Promise<void> } | undefined;
  /** Why the last fetch failed, how many have in a row, and when the next may begin. */
  failed: { readonly error: OutboundError; readonly times: number; readonly retryAt: number } | undefined;
  /** How many fetches for unknown keys may still begin. */
  allowance: Allowance;
  /** Key ids that the issuer was found not to have, and when. */
  readonly unknown: LRUCache<string, number>;
}

/** What is published is believed for so long, in milliseconds, and where the issuer cannot be reached for so long. */
const FRESH_MS = 600_000;
const STALE_MS = 3_600_000;
/** The first wait after a failed fetch, and the longest, in milliseconds. */
const BACK_OFF_MS = 1_000;
const BACK_OFF_MAX_MS = 60_000;
/** How often unknown key ids have the keys fetched anew. */
const UNKNOWN_KEYS: Rate = { burst: 10, everyMs: 2_000 };
/** For so long a key id that the issuer does not have is refused without asking again, in milliseconds. */
const UNKNOWN_MS = 5_000;
const UNKNOWN_MAX = 100;
/** How many issuers a node remembers, and how much what they published may weigh together, in bytes. */
const ISSUERS_MAX = 1_000;
const WEIGHT_MAX = 64 * 1_048_576;
/** What an issuer weighs besides its keys, and a key besides its texts, in bytes. */
const ISSUER_WEIGHT = 2_048;
const KEY_WEIGHT = 1_024;
/** Quotas of AWS: keys of each kind in a key set. */
const KEYS_MAX = 100;
/** How many keys of a set are read for one token: of those with its key id, or of all where it says none. */
const READ_MAX = 10;
/** The longest key id that tokens may name, in characters: a key with a longer one is not kept. */
const KEY_ID_MAX = 255;
/**
 * The numbers of a key, and how long each may be in characters, with room for leading zeros: a modulus of 8,192 bits, an exponent of
 * 32, a coordinate of P-521.
 */
const NUMBERS = { RSA: { n: 1_400, e: 16 }, EC: { x: 96, y: 96 } } as const;
const RSA_ALGORITHMS: readonly TokenAlgorithm[] = ['RS256', 'RS384', 'RS512'];
const CURVES: ReadonlyMap<unknown, TokenAlgorithm> = new Map([
  ['P-256', 'ES256'],
  ['P-384', 'ES384'],
  ['P-521', 'ES512'],
]);

/**
 * The keys of issuers, fetched from what they publish (OpenID Connect Discovery 1.0 §4, RFC 7517). Remembered for ten minutes,
 * and for an hour where the issuer is away; a key id that is not among them has them fetched anew, once for however many
 * requests ask, so that an issuer may change its keys at any moment.
 */
@Injectable()
export class OidcIssuers {
  readonly #known = new LRUCache<string, Known>({ max: ISSUERS_MAX, maxSize: WEIGHT_MAX, sizeCalculation: weigh });

  constructor(
    private readonly outbound: Outbound,
    private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
  ) {}

  /**
   * The keys of an issuer that may have signed with an algorithm under a key id; without one, all that fit. Throws
   * OutboundError where they cannot be known.
   */
  async keys(issuer: Issuer, algorithm: TokenAlgorithm, keyId: string | undefined): Promise<readonly KeyObject[]> {
    const known = this.#of(issuer);
    const asked = this.clock.elapsed();
    let published = await this.#believed(issuer, known);
    if (keyId !== undefined && !has(published, keyId)) published = await this.#renewed(issuer, known, { keyId, asked, published });
    const fitting = published.keys.filter((key) => key.algorithms.includes(algorithm) && (keyId === undefined || key.keyId === keyId));
    return fitting.slice(0, READ_MAX).flatMap((key) => key.key() ?? []);
  }

  #of(issuer: Issuer): Known {
    const name = nameOf(issuer);
    let known = this.#known.get(name);
    if (known === undefined) {
      known = { published: undefined, fetching: undefined, failed: undefined, allowance: this.clock.elapsed(), unknown: new LRUCache({ max: UNKNOWN_MAX }) };
      this.#known.set(name, known);
    }
    return known;
  }

  /** What the issuer published not too long ago; fetched where that is not known. */
  async #believed(issuer: Issuer, known: Known): Promise<Published> {
    const isYounger = (than: number): boolean => known.published !== undefined && this.clock.elapsed() - known.published.at < than;
    if (!isYounger(FRESH_MS) && (known.fetching !== undefined || this.#mayRetry(known))) await this.#fetch(issuer, known);
    if (known.published !== undefined && isYounger(STALE_MS)) return known.published;
    throw known.failed?.error ?? new OutboundError('unreachable', `${issuer.url}: its keys are not known`);
  }

  /** The keys as they are now, where one is asked for that was not among them. */
  async #renewed(issuer: Issuer, known: Known, wanted: { keyId: string; asked: number; published: Published }): Promise<Published> {
    const { keyId, asked } = wanted;
    // A fetch that began before the token came may have missed its key; one that began after has not.
    for (let latest = wanted.published; ; latest = known.published ?? latest) {
      if (has(latest, keyId)) return latest;
      if (latest.at >= asked) break;
      const missedAt = known.unknown.get(keyId);
      if (missedAt !== undefined && this.clock.elapsed() - missedAt < UNKNOWN_MS) return latest;
      if (known.fetching === undefined) this.#spend(issuer, known);
      await this.#fetch(issuer, known);
      if (known.failed !== undefined) throw known.failed.error;
    }
    known.unknown.set(keyId, this.clock.elapsed());
    return known.published ?? wanted.published;
  }

  /** Counts a fetch for an unknown key: strangers may make up key ids, and must not have an issuer flooded. */
  #spend(issuer: Issuer, known: Known): void {
    const now = this.clock.elapsed();
    const allowance = allowanceAt(known.allowance, UNKNOWN_KEYS, now);
    if (waitFor(allowance, UNKNOWN_KEYS, now) > 0 || !this.#mayRetry(known)) throw known.failed?.error ?? new OutboundError('unreachable', `${issuer.url}: too many unknown keys are asked for`);
    known.allowance = oneLess(allowance, UNKNOWN_KEYS);
  }

  #mayRetry({ failed }: Known): boolean {
    return failed === undefined || this.clock.elapsed() >= failed.retryAt;
  }

  /** Fetches what an issuer publishes, or waits for the fetch under way. Never throws: `known` says what came of it. */
  async #fetch(issuer: Issuer, known: Known): Promise<void> {
    known.fetching ??= { since: this.clock.elapsed(), done: this.#load(issuer, known, this.clock.elapsed()) };
    await known.fetching.done;
  }

  async #load(issuer: Issuer, known: Known, since: number): Promise<void> {
    // Not before the fetch is known to be under way.
    await Promise.resolve();
    try {
      const keys = await this.#published(issuer);
      known.published = { keys, at: since };
      known.failed = undefined;
      this.#weighAnew(nameOf(issuer), known);
    } catch (error) {
      const fault = error instanceof OutboundError ? error : new OutboundError('answer', `${issuer.url}: what it publishes cannot be read`, { cause: error });
      const times = (known.failed?.times ?? 0) + 1;
      known.failed = { error: fault, times, retryAt: this.clock.elapsed() + Math.min(BACK_OFF_MAX_MS, BACK_OFF_MS * 2 ** (times - 1)) };
      this.log.warn({ issuer: issuer.url, fault: fault.fault, why: fault.message }, 'the keys of an identity provider could not be fetched');
    } finally {
      known.fetching = undefined;
    }
  }

  /** What was remembered with nothing is so from now on with what was published; what was forgotten meanwhile stays so. */
  #weighAnew(name: string, known: Known): void {
    if (this.#known.peek(name) !== known) return;
    this.#known.delete(name);
    this.#known.set(name, known);
  }

  async #published({ url, ...how }: Issuer): Promise<readonly IssuerKey[]> {
    const discovery = await this.#document(`${url.replace(/\/$/, '')}/.well-known/openid-configuration`, how);
    if (discovery.get('issuer') !== url) throw new OutboundError('answer', `${url}: its discovery document is that of another issuer`);
    const location = discovery.get('jwks_uri');
    if (typeof location !== 'string') throw new OutboundError('answer', `${url}: its discovery document has no jwks_uri`);
    const listed = (await this.#document(location, how)).get('keys');
    if (listed === undefined || !isArray(listed)) throw new OutboundError('answer', `${url}: its key set has no keys`);
    const keys = listed.map(readKey).filter((key) => key !== undefined);
    for (const kind of ['RSA', 'EC']) {
      if (keys.filter((key) => key.kind === kind).length > KEYS_MAX) throw new OutboundError('answer', `${url}: its key set has more than ${String(KEYS_MAX)} keys of one kind`);
    }
    return keys;
  }

  async #document(url: string, how: Omit<Issuer, 'url'>): Promise<JsonObject> {
    const value = readJson((await this.outbound.get(url, how)).toString('utf8'));
    if (!isObject(value)) throw new OutboundError('answer', `${url} is no JSON object`);
    return value;
  }
}

/** Whom an account pins itself must not be believed for another one, nor must one wait for what another one asks too much of. */
function nameOf({ account, url, thumbprints }: Issuer): string {
  return JSON.stringify([account, url, thumbprints.map((thumbprint) => thumbprint.toLowerCase()).sort()]);
}

function weigh({ published }: Known, name: string): number {
  return ISSUER_WEIGHT + name.length + (published?.keys ?? []).reduce((sum, { weight }) => sum + weight, 0);
}

function has({ keys }: Published, keyId: string): boolean {
  return keys.some((key) => key.keyId === keyId);
}

/** A key of a key set (RFC 7517 §4); undefined for what is not for signatures, or not for these. */
function readKey(value: Json): IssuerKey | undefined {
  if (!isObject(value)) return undefined;
  const [type, use, operations, keyId, algorithm] = ['kty', 'use', 'key_ops', 'kid', 'alg'].map((name) => value.get(name));
  if (use !== undefined && use !== 'sig') return undefined;
  if (operations !== undefined && !(isArray(operations) && operations.includes('verify'))) return undefined;
  if (keyId !== undefined && !(typeof keyId === 'string' && keyId.length <= KEY_ID_MAX)) return undefined;
  if (type !== 'RSA' && type !== 'EC') return undefined;
  const curve = CURVES.get(value.get('crv'));
  const algorithms = (type === 'RSA' ? RSA_ALGORITHMS : curve === undefined ? [] : [curve]).filter((name) => algorithm === undefined || name === algorithm);
  if (algorithms.length === 0) return undefined;
  const numbers = Object.entries(NUMBERS[type]).map(([name, most]) => ({ name, most, value: value.get(name) }));
  if (!numbers.every(({ value: number, most }) => typeof number === 'string' && number.length <= most)) return undefined;
  const members = { kty: type, ...(type === 'EC' && { crv: value.get('crv') }), ...Object.fromEntries(numbers.map(({ name, value: number }) => [name, number])) };
  let read: { readonly key: KeyObject | undefined } | undefined;
  return { keyId, kind: type, algorithms, weight: KEY_WEIGHT + 2 * JSON.stringify([keyId, members]).length, key: () => (read ??= { key: publicKey(members) }).key };
}

function publicKey(jwk: Readonly<Record<string, unknown>>): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    return key.asymmetricKeyType === 'ec' || isSoundRsa(key) ? key : undefined;
  } catch {
    return undefined;
  }
}
