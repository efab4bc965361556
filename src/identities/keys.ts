import { Injectable } from '@nestjs/common';

import { ACCESS_KEY_ID_BYTES, accessKeyId, SECRET_ACCESS_KEY_BYTES, secretAccessKey } from '../domain/ids.js';
import type { Secret } from '../domain/secret.js';
import type { Tx } from '../kernel/database.js';
import { Random } from '../kernel/effects.js';
import { Keyring } from '../kernel/keyring.js';
import type { AccessKeyRow } from './identities.entities.js';
import { IdentitiesStore, type KeyOwner } from './identities.store.js';

/** Makes long-term access keys. */
@Injectable()
export class KeyMaker {
  constructor(
    private readonly store: IdentitiesStore,
    private readonly keyring: Keyring,
    private readonly random: Random,
  ) {}

  /** Makes an access key, random unless given, and stores it with its secret enveloped. */
  async make(tx: Tx, owner: KeyOwner & { now: Date }, given?: { id: string; secret: Secret }): Promise<{ row: AccessKeyRow; secret: Secret }> {
    const id = given?.id ?? accessKeyId('AKIA', this.random.bytes(ACCESS_KEY_ID_BYTES));
    const secret = given?.secret ?? secretAccessKey(this.random.bytes(SECRET_ACCESS_KEY_BYTES));
    const row: AccessKeyRow = {
      accessKeyId: id,
      accountId: owner.accountId,
      userId: owner.userId,
      status: 'Active',
      secret: this.keyring.sealAccessKey(id, secret),
      createdAt: owner.now,
      lastUsedAt: null,
      lastUsedService: null,
      lastUsedRegion: null,
    };
    // Our own work is checked before it is given away: the envelope must open.
    this.keyring.openAccessKey(id, row.secret);
    await this.store.insertAccessKey(tx, row);
    return { row, secret };
  }
}
