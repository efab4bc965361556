import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import { Inject, Injectable } from '@nestjs/common';
import { calculateJwkThumbprint, compactVerify, jwtVerify, SignJWT, type JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';

import { nextKeyFrom, publishedKeys, SIGNING_ALGORITHMS, signingKeyAt, type SigningAlgorithm } from '../domain/issuer-keys.js';
import type { Config } from '../kernel/config.js';
import { Database, type Tx } from '../kernel/database.js';
import { Clock } from '../kernel/effects.js';
import { CONFIG, LOG } from '../kernel/kernel.js';
import { Keyring } from '../kernel/keyring.js';
import type { Log } from '../kernel/log.js';
import type { IssuerKeyRow } from './issuers.entities.js';
import { IssuersStore } from './issuers.store.js';

const generate = promisify(generateKeyPair);
/** How many private keys are kept open: two for each account that issues often. */
const OPENED_MAX = 1_000;
/** How often a node looks for issuers whose keys are old, in milliseconds, and how many it renews at a time. */
const EVERY_MS = 60_000;
const RENEWED_MAX = 20;
const DAY_SECONDS = 86_400;
const RSA_BITS = 2_048;

/** A token that was signed. */
export interface SignedToken {
  readonly token: string;
  readonly keyId: string;
}

/** Signing keys of issuers: published before they sign and until the last token they signed is over. */
@Injectable()
export class IssuerKeys {
  readonly #opened = new LRUCache<string, { readonly privateKey: KeyObject; readonly publicKey: KeyObject }>({ max: OPENED_MAX });
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(
    private readonly store: IssuersStore,
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOG) private readonly log: Log,
  ) {}

  /** Begins to renew keys now and then. */
  start(): void {
    this.#timer = setInterval(() => void this.#look(), EVERY_MS);
    this.#timer.unref();
  }

  /** Stops after the issuer under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  /** The public keys of an account (RFC 7517 §5); undefined where it does not issue. */
  async keySet(accountId: string): Promise<readonly object[] | undefined> {
    if (!(await this.store.areIssuing()).has(accountId)) return undefined;
    const issuer = await this.store.find(accountId);
    if (issuer?.enabled !== true) return undefined;
    return publishedKeys(issuer.keys, this.clock.now()).map((key) => ({ ...key.publicJwk, kid: key.keyId, alg: key.algorithm, use: 'sig' }));
  }

  /** Signs claims as an account (RFC 7519), and checks the work. Undefined where the account does not issue. */
  async sign(accountId: string, algorithm: SigningAlgorithm, claims: JWTPayload): Promise<SignedToken | undefined> {
    const issuer = await this.store.find(accountId);
    if (issuer?.enabled !== true) return undefined;
    const now = this.clock.now();
    const key = signingKeyAt(issuer.keys, algorithm, now);
    if (key === undefined) throw new Error(`the issuer of account ${accountId} has no key for ${algorithm}`);
    const { privateKey, publicKey } = this.#open(key);
    const token = await new SignJWT(claims).setProtectedHeader({ typ: 'JWT', alg: algorithm, kid: key.keyId }).sign(privateKey);
    await jwtVerify(token, publicKey, { algorithms: [algorithm], currentDate: new Date((claims.iat ?? 0) * 1000), ...(claims.iss !== undefined && { issuer: claims.iss }), ...(claims.aud !== undefined && { audience: claims.aud }), typ: 'JWT' });
    if (!publishedKeys(issuer.keys, now).includes(key)) throw new Error('a token was signed with a key that is not published');
    return { token, keyId: key.keyId };
  }

  /** Whether an account signed a token (JWS Compact Serialization) with a key that it publishes; false where it does not issue. */
  async isSigned(accountId: string, { text, algorithm, keyId }: { text: string; algorithm: string; keyId: string | undefined }): Promise<boolean> {
    if (!(await this.store.areIssuing()).has(accountId)) return false;
    const issuer = await this.store.find(accountId);
    const key = issuer?.enabled === true ? publishedKeys(issuer.keys, this.clock.now()).find((published) => published.keyId === keyId && published.algorithm === algorithm) : undefined;
    if (key === undefined) return false;
    return compactVerify(text, createPublicKey({ key: key.publicJwk, format: 'jwk' }), { algorithms: [key.algorithm] }).then(
      () => true,
      () => false,
    );
  }

  /** Gives an issuer the keys it lacks; it must be held by the transaction. Answers how many were made. */
  async renew(tx: Tx, accountId: string): Promise<number> {
    const now = this.clock.now();
    const keys = (await this.store.findIn(tx, accountId))?.keys ?? [];
    const made: IssuerKeyRow[] = [];
    for (const algorithm of SIGNING_ALGORITHMS) {
      const signsFrom = nextKeyFrom(keys, algorithm, { now, rotationSeconds: this.config.issuerKeyRotationDays * DAY_SECONDS });
      if (signsFrom !== undefined) made.push(await this.#made(accountId, algorithm, { now, signsFrom }));
    }
    await this.store.addKeys(tx, accountId, made);
    const published = new Set(publishedKeys(keys, now));
    await this.store.removeKeys(tx, accountId, keys.filter((key) => !published.has(key)).map((key) => key.keyId));
    return made.length;
  }

  /** Renews the keys of issuers whose time has come, one node at a time for each; answers how many keys were made. */
  async renewDue(): Promise<number> {
    const before = new Date(this.clock.now().getTime() - this.config.issuerKeyRotationDays * DAY_SECONDS * 1000);
    const accounts = await this.database.read((tx) => this.store.due(tx, before, RENEWED_MAX));
    let made = 0;
    for (const account of accounts) {
      try {
        made += await this.database.write(async (tx) => ((await this.store.hold(tx, account)) ? this.renew(tx, account) : 0));
      } catch (error) {
        // What is wrong with one account must not keep the others waiting.
        this.log.warn({ err: error, account }, 'the signing keys of an issuer could not be renewed');
      }
    }
    return made;
  }

  async #made(accountId: string, algorithm: SigningAlgorithm, times: { now: Date; signsFrom: Date }): Promise<IssuerKeyRow> {
    // Node's own generator: OpenSSL takes no bytes of ours to make a key from.
    const { privateKey, publicKey } = algorithm === 'RS256' ? await generate('rsa', { modulusLength: RSA_BITS }) : await generate('ec', { namedCurve: 'P-384' });
    const publicJwk = publicKey.export({ format: 'jwk' }) as Record<string, string>;
    // Its thumbprint (RFC 7638) names a key.
    const keyId = await calculateJwkThumbprint(publicJwk);
    return {
      keyId,
      accountId,
      algorithm,
      publicJwk,
      sealed: this.keyring.sealIssuerKey(keyId, privateKey.export({ format: 'der', type: 'pkcs8' })),
      createdAt: times.now,
      signsFrom: times.signsFrom,
    };
  }

  #open(key: IssuerKeyRow): { privateKey: KeyObject; publicKey: KeyObject } {
    let opened = this.#opened.get(key.keyId);
    if (opened === undefined) {
      const privateKey = createPrivateKey({ key: this.keyring.openIssuerKey(key.keyId, key.sealed), format: 'der', type: 'pkcs8' });
      opened = { privateKey, publicKey: createPublicKey({ key: key.publicJwk, format: 'jwk' }) };
      this.#opened.set(key.keyId, opened);
    }
    return opened;
  }

  async #look(): Promise<void> {
    this.#running ??= this.renewDue()
      .then((made) => {
        if (made > 0) this.log.info({ made }, 'signing keys of issuers were renewed');
      })
      .catch((error: unknown) => {
        this.log.warn({ err: error }, 'signing keys of issuers could not be renewed');
      })
      .finally(() => {
        this.#running = undefined;
      });
    await this.#running;
  }
}
