import { NONCE_BYTES, SEALING_KEY_BYTES, SealingKey } from '../domain/aead.js';
import type { MasterKey } from '../domain/envelope.js';
import { Secret } from '../domain/secret.js';
import type { KeyRing, RingKey } from '../domain/sealing.js';
import type { Database, ReadTx, Tx } from './database.js';
import type { Clock, Random } from './effects.js';
import { StartupError } from './startup-error.js';

interface RingRow {
  readonly key_id: number;
  readonly sealed: Buffer;
}

const RING_LOCK = 7_801_349_002;
/** How long to wait before an unknown key number makes the ring look for new keys again, in milliseconds. */
const REFRESH_MS = 1_000;

const ringContext = (id: number): string => `ring_key:${String(id)}`;
const issuerKeyContext = (id: string): string => `issuer_key:${id}`;
const samlKeyContext = (id: string): string => `saml_key:${id}`;
const passwordContext = (userId: string): string => `password:${userId}`;
const recoveryKeyContext = (userId: string): string => `recovery_codes:${userId}`;
const mfaSeedContext = (id: string): string => `mfa_seed:${id}`;
const accessKeyContext = (id: string): string => `access_key:${id}`;

/**
 * The keys of this deployment: the ring that session tokens are sealed with, kept in the database under the
 * master key so that every node opens what any node sealed, and the envelopes of long-term secrets.
 */
export class Keyring implements KeyRing {
  readonly #keys = new Map<number, RingKey>();
  #current: RingKey | undefined;
  #refreshing: Promise<void> | undefined;
  #refreshedAt = -Infinity;

  private constructor(
    private readonly database: Database,
    private readonly masterKey: MasterKey,
    private readonly effects: { readonly clock: Clock; readonly random: Random },
  ) {}

  /**
   * Loads the ring, and makes its first key where there is none.
   * Throws a StartupError where the master key is not the one this database was filled with.
   */
  static async load(database: Database, masterKey: MasterKey, effects: { clock: Clock; random: Random }): Promise<Keyring> {
    const ring = new Keyring(database, masterKey, effects);
    await ring.#reload();
    if (ring.#current === undefined) {
      await database.write((tx) => ring.#begin(tx));
      await ring.#reload();
    }
    return ring;
  }

  get current(): RingKey {
    if (this.#current === undefined) throw new Error('the key ring is empty');
    return this.#current;
  }

  byId(id: number): RingKey | undefined {
    return this.#keys.get(id);
  }

  /** Looks for keys that other nodes have added; at most once a second, however many ask. */
  async refresh(): Promise<void> {
    if (this.effects.clock.elapsed() - this.#refreshedAt < REFRESH_MS) return;
    this.#refreshing ??= this.#reload().finally(() => {
      this.#refreshedAt = this.effects.clock.elapsed();
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  /** Envelopes the secret of an access key; it opens for that access key only. */
  sealAccessKey(accessKeyId: string, secret: Secret): Buffer {
    return this.masterKey.seal(secret, accessKeyContext(accessKeyId), this.effects.random.bytes(NONCE_BYTES));
  }

  /** The secret of an access key. Throws where the envelope is not this access key's: the row was tampered with. */
  openAccessKey(accessKeyId: string, envelope: Uint8Array): Secret {
    const opened = this.masterKey.open(envelope, accessKeyContext(accessKeyId));
    if (opened === undefined) throw new Error(`the stored secret of access key ${accessKeyId} does not open with the master key`);
    return Secret.of(opened.toString('utf8'));
  }

  /** Envelopes the private key of an issuer; it opens for that key id only. */
  sealIssuerKey(keyId: string, privateKey: Uint8Array): Buffer {
    return this.masterKey.seal(privateKey, issuerKeyContext(keyId), this.effects.random.bytes(NONCE_BYTES));
  }

  /** The private key of an issuer. Throws where the envelope is not this key's: the row was tampered with. */
  openIssuerKey(keyId: string, envelope: Uint8Array): Buffer {
    const opened = this.masterKey.open(envelope, issuerKeyContext(keyId));
    if (opened === undefined) throw new Error(`the stored private key ${keyId} of an issuer does not open with the master key`);
    return opened;
  }

  /** Envelopes the private key of a SAML provider; it opens for that key id only. */
  sealSamlKey(keyId: string, privateKey: Secret): Buffer {
    return this.masterKey.seal(privateKey, samlKeyContext(keyId), this.effects.random.bytes(NONCE_BYTES));
  }

  /** The private key of a SAML provider. Throws where the envelope is not this key's: the row was tampered with. */
  openSamlKey(keyId: string, envelope: Uint8Array): Secret {
    const opened = this.masterKey.open(envelope, samlKeyContext(keyId));
    if (opened === undefined) throw new Error(`the stored private key ${keyId} of a SAML provider does not open with the master key`);
    return Secret.of(opened.toString('utf8'));
  }

  /** Envelopes the hash of a user's password; it opens for that user only. Whoever has the database alone cannot guess at it. */
  sealPassword(userId: string, hashed: Secret): Buffer {
    return this.masterKey.seal(hashed, passwordContext(userId), this.effects.random.bytes(NONCE_BYTES));
  }

  /** The hash of a user's password. Throws where the envelope is not this user's: the row was tampered with. */
  openPassword(userId: string, envelope: Uint8Array): Secret {
    const opened = this.masterKey.open(envelope, passwordContext(userId));
    if (opened === undefined) throw new Error(`the stored password of user ${userId} does not open with the master key`);
    return Secret.of(opened.toString('utf8'));
  }

  /** Envelopes the seed of an MFA device; it opens for that device only. */
  sealMfaSeed(deviceId: string, seed: Uint8Array): Buffer {
    return this.masterKey.seal(seed, mfaSeedContext(deviceId), this.effects.random.bytes(NONCE_BYTES));
  }

  /** The seed of an MFA device. Throws where the envelope is not this device's: the row was tampered with. */
  openMfaSeed(deviceId: string, envelope: Uint8Array): Buffer {
    const opened = this.masterKey.open(envelope, mfaSeedContext(deviceId));
    if (opened === undefined) throw new Error(`the stored seed of MFA device ${deviceId} does not open with the master key`);
    return opened;
  }

  /** Envelopes the key that a user's recovery codes are hashed with; it opens for that user only. */
  sealRecoveryKey(userId: string, key: Uint8Array): Buffer {
    return this.masterKey.seal(key, recoveryKeyContext(userId), this.effects.random.bytes(NONCE_BYTES));
  }

  /** The key of a user's recovery codes. Throws where the envelope is not this user's: the row was tampered with. */
  openRecoveryKey(userId: string, envelope: Uint8Array): Buffer {
    const opened = this.masterKey.open(envelope, recoveryKeyContext(userId));
    if (opened === undefined) throw new Error(`the stored key of the recovery codes of user ${userId} does not open with the master key`);
    return opened;
  }

  async #reload(): Promise<void> {
    const rows = await this.database.read((tx: ReadTx) => tx.query<RingRow[]>('SELECT key_id, sealed FROM ring_key ORDER BY key_id'));
    for (const row of rows) {
      const key = this.#keys.get(row.key_id) ?? this.#open(row);
      this.#keys.set(row.key_id, key);
      this.#current = key;
    }
  }

  #open(row: RingRow): RingKey {
    const opened = this.masterKey.open(row.sealed, ringContext(row.key_id));
    if (opened === undefined) {
      throw new StartupError(
        `The master key (${this.masterKey.id}) does not open the keys in this database: use the STINT_MASTER_KEY that this database was first started with.`,
      );
    }
    return { id: row.key_id, key: new SealingKey(opened) };
  }

  async #begin(tx: Tx): Promise<void> {
    // Two nodes that start together must agree on one key.
    await tx.query('SELECT pg_advisory_xact_lock($1)', [RING_LOCK]);
    const id = 1;
    const { random, clock } = this.effects;
    const sealed = this.masterKey.seal(random.bytes(SEALING_KEY_BYTES), ringContext(id), random.bytes(NONCE_BYTES));
    await tx.query('INSERT INTO ring_key (key_id, sealed, created_at) VALUES ($1, $2, $3) ON CONFLICT (key_id) DO NOTHING', [id, sealed, clock.now()]);
  }
}
