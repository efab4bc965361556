import { Injectable } from '@nestjs/common';

import { ACCOUNT_ID_BYTES, newAccountId } from '../domain/ids.js';
import type { Secret } from '../domain/secret.js';
import type { BootstrapConfig } from '../kernel/config.js';
import { Database } from '../kernel/database.js';
import { Clock, Random } from '../kernel/effects.js';
import { AccountRow } from './identities.entities.js';
import { IdentitiesStore } from './identities.store.js';
import { KeyMaker } from './keys.js';

const BOOTSTRAP_LOCK = 7_801_349_003;

/** The account and root access key that the first start made. */
export interface Bootstrapped {
  readonly accountId: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
}

/** Makes the management account at the first start of a deployment. */
@Injectable()
export class Bootstrap {
  constructor(
    private readonly database: Database,
    private readonly store: IdentitiesStore,
    private readonly keys: KeyMaker,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /**
   * Makes the management account with its root access key; undefined where a start before this one did.
   * `keep` is called before the commit: a crash may leave a key that opens nothing, never an account without a key.
   */
  async run(config: BootstrapConfig, keep: (key: Bootstrapped) => void): Promise<Bootstrapped | undefined> {
    return this.database.write(async (tx) => {
      // Nodes that start together: one makes the account, the others find it.
      await tx.query('SELECT pg_advisory_xact_lock($1)', [BOOTSTRAP_LOCK]);
      if (await tx.existsBy(AccountRow, { management: true })) return undefined;
      const now = this.clock.now();
      const accountId = config.accountId ?? newAccountId(this.random.bytes(ACCOUNT_ID_BYTES));
      await this.store.insertAccount(tx, { accountId, accountName: 'management', management: true, createdAt: now });
      const given = config.accessKeyId === undefined || config.secretAccessKey === undefined ? undefined : { id: config.accessKeyId, secret: config.secretAccessKey };
      const { row, secret } = await this.keys.make(tx, { accountId, userId: null, now }, given);
      const bootstrapped = { accountId, accessKeyId: row.accessKeyId, secretAccessKey: secret };
      keep(bootstrapped);
      return bootstrapped;
    });
  }
}
