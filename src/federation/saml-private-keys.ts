import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import type { SamlPrivateKeyRow, SamlProviderRow } from '../identities/providers.entities.js';
import { IdentityProvidersStore } from '../identities/providers.store.js';
import { Database } from '../kernel/database.js';
import { Keyring } from '../kernel/keyring.js';
import { unwrappingKey, unwrapWith, type OaepHash, type Unwrap, type UnwrappingKey } from './saml/private-keys.js';

/** How many keys are kept ready; it takes half a millisecond to make one so. */
const READY_MAX = 100;

/** Decrypts with the private keys of SAML providers, which are shown to nobody. */
@Injectable()
export class SamlPrivateKeys {
  /** By key id and digest. Whether a key counts is asked every time; a key id never means another key. */
  readonly #ready = new LRUCache<string, UnwrappingKey>({ max: READY_MAX });

  constructor(
    private readonly providers: IdentityProvidersStore,
    private readonly database: Database,
    private readonly keyring: Keyring,
  ) {}

  /** Tries the private keys of a provider. */
  of(provider: SamlProviderRow): Unwrap {
    return async (wrapped, open) => {
      if (wrapped.length === 0) return undefined;
      const rows = await this.database.read((tx) => this.providers.privateKeys(tx, provider));
      return unwrapWith((oaepHash) => this.#keys(rows, oaepHash))(wrapped, open);
    };
  }

  async #keys(rows: readonly SamlPrivateKeyRow[], oaepHash: OaepHash): Promise<readonly UnwrappingKey[]> {
    const keys = await Promise.all(rows.map((row) => this.#key(row, oaepHash)));
    return keys.filter((key) => key !== undefined);
  }

  async #key({ keyId, sealed }: SamlPrivateKeyRow, oaepHash: OaepHash): Promise<UnwrappingKey | undefined> {
    const name = `${keyId}/${oaepHash}`;
    const ready = this.#ready.get(name) ?? (await unwrappingKey(this.keyring.openSamlKey(keyId, sealed), oaepHash));
    if (ready !== undefined) this.#ready.set(name, ready);
    return ready;
  }
}
