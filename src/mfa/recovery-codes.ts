import { Injectable } from '@nestjs/common';

import { foundRecoveryCode, hashedRecoveryCode, RECOVERY_CODE_BYTES, RECOVERY_CODES, RECOVERY_KEY_BYTES, recoveryCode } from '../domain/recovery-code.js';
import { Secret } from '../domain/secret.js';
import type { KeyOwner } from '../identities/identities.store.js';
import { Database, type Tx } from '../kernel/database.js';
import { Random } from '../kernel/effects.js';
import { Keyring } from '../kernel/keyring.js';
import { mustWait } from './backoff.js';
import { RecoveryCodesStore } from './recovery-codes.store.js';
import { MfaThrottleStore, subjectsOf } from './throttle.store.js';

/** A recovery code, as a user presents it instead of a code of a device. */
export interface PresentedRecovery {
  readonly userId: string;
  readonly accountId: string;
  readonly code: string;
  /** Where the request came from. */
  readonly address: string;
  readonly now: Date;
}

/** What came of it; why it failed is for the log of the operator. */
export type RecoveryOutcome = { readonly accepted: true; readonly left: number } | { readonly accepted: false; readonly why: 'unknown' | 'wrong' | 'waiting' };

/** Codes by which a user signs in who does not have his MFA device at hand, each of them once. */
@Injectable()
export class RecoveryCodes {
  constructor(
    private readonly store: RecoveryCodesStore,
    private readonly throttle: MfaThrottleStore,
    private readonly keyring: Keyring,
    private readonly random: Random,
    private readonly database: Database,
  ) {}

  /** Gives a user new codes, which nobody can look up again; those he had are worth nothing any more. */
  async renew(tx: Tx, userId: string, now: Date): Promise<readonly Secret[]> {
    const key = this.random.bytes(RECOVERY_KEY_BYTES);
    const codes = Array.from({ length: RECOVERY_CODES }, () => recoveryCode(this.random.bytes(RECOVERY_CODE_BYTES)));
    const sealed = this.keyring.sealRecoveryKey(userId, key);
    // Our own work is checked before it is given away: the envelope must open.
    if (!this.keyring.openRecoveryKey(userId, sealed).equals(key)) throw new Error('the key of recovery codes that was just sealed does not open');
    await this.store.put(tx, { userId, sealed, codes: codes.map((code) => hashedRecoveryCode(key, code)), createdAt: now });
    return codes;
  }

  /**
   * Checks a code and uses it up, in a transaction of its own: whatever happens afterwards, it is used, on every node. A
   * wrong one counts as a wrong code of a device does, and is held up by the same failures.
   */
  async spend({ userId, accountId, code, address, now }: PresentedRecovery): Promise<RecoveryOutcome> {
    return this.database.write(async (tx) => {
      const row = await this.store.lock(tx, userId);
      if (row === undefined) return { accepted: false, why: 'unknown' };
      const holder: KeyOwner = { accountId, userId };
      const subjects = subjectsOf({ deviceId: recoveryDevice(userId), holder, address });
      const isWaiting = mustWait(await this.throttle.counted(tx, subjects, now), now);
      const found = foundRecoveryCode(row.codes, hashedRecoveryCode(this.keyring.openRecoveryKey(userId, row.sealed), Secret.of(code)));
      if (found !== undefined && !isWaiting && (await this.store.use(tx, userId, found))) {
        await this.throttle.forget(tx, [subjects.get('device') ?? '']);
        return { accepted: true, left: row.codes.length - 1 };
      }
      await this.throttle.failed(tx, [...subjects.values()], { now, counts: !isWaiting });
      return { accepted: false, why: isWaiting ? 'waiting' : 'wrong' };
    });
  }
}

/** What stands for the device in the counts of failures. */
function recoveryDevice(userId: string): string {
  return `recovery/${userId}`;
}
