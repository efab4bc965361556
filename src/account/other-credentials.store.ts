import { Injectable } from '@nestjs/common';

import type { PasswordFacts } from '../domain/credential-report.js';
import type { ReadTx } from '../kernel/database.js';

/** How many MFA devices an account has. */
export interface DeviceCounts {
  readonly all: number;
  /** Those that belong to somebody. */
  readonly inUse: number;
  /** Whether the root user has one. */
  readonly root: boolean;
}

/** What a user has beside access keys. */
export interface OtherCredentials {
  readonly mfaActive: boolean;
  /** Undefined where he has no password. */
  readonly password: PasswordFacts | undefined;
}

/**
 * The one place in which the summary of an account and its credential report learn of MFA devices and passwords. There
 * are none yet: whoever brings them answers here.
 */
@Injectable()
export class OtherCredentialsStore {
  /** The MFA devices of an account. */
  async devices(..._: [tx: ReadTx, account: string]): Promise<DeviceCounts> {
    return Promise.resolve({ all: 0, inUse: 0, root: false });
  }

  /** What some users have, by unique id; who has nothing is left out. The root user's id is that of the account; he never has a password. */
  async of(..._: [tx: ReadTx, ids: readonly string[]]): Promise<ReadonlyMap<string, OtherCredentials>> {
    return Promise.resolve(new Map());
  }
}
