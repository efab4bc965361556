import { Injectable } from '@nestjs/common';

import type { KeyOwner } from '../identities/identities.store.js';
import type { MfaDeviceRow } from '../identities/mfa-devices.entities.js';
import { isHeldBy, MfaDevicesStore, serialNumber } from '../identities/mfa-devices.store.js';
import { Database, type Tx } from '../kernel/database.js';
import { Keyring } from '../kernel/keyring.js';
import { mustWait } from './backoff.js';
import { MfaThrottleStore, subjectsOf } from './throttle.store.js';
import { acceptedCounters, matchedCounter } from './totp.js';

/** Before every counter: the code of this one is nobody's. */
export const NO_COUNTER = -1;

/** A code of a device, as somebody presents it who wants to start a session. */
export interface Presented {
  readonly holder: KeyOwner;
  readonly serial: string;
  readonly code: string;
  /** Where the request came from. */
  readonly address: string;
  readonly now: Date;
  /** Names the request, where it may be repeated: its repetition does not find the code spent that it spent itself. */
  readonly claim?: Buffer | undefined;
}

/** Somebody's attempt to prove that a device is in his hands. */
export interface Attempt extends Pick<Presented, 'holder' | 'address' | 'now' | 'claim'> {
  /** The counter that what was given belongs to. */
  readonly match: (seed: Buffer) => number | undefined;
}

/** What came of an attempt; why it failed is for the log of the operator, and for nobody who may be guessing. */
export type Outcome = { readonly accepted: true; readonly counter: number; readonly serial: string } | { readonly accepted: false; readonly why: 'unknown' | 'wrong' | 'spent' | 'waiting' };

/**
 * Checks codes of MFA devices. Whoever is right spends the code in the same transaction, before anything is issued
 * for it: of two requests with one code, on whatever nodes, one finds it spent. Whoever is wrong is counted there.
 */
@Injectable()
export class MfaCodes {
  constructor(
    private readonly devices: MfaDevicesStore,
    private readonly throttle: MfaThrottleStore,
    private readonly keyring: Keyring,
    private readonly database: Database,
  ) {}

  /** Checks a code and spends it, in a transaction of its own: whatever happens afterwards, it is spent. */
  async spend(presented: Presented): Promise<Outcome> {
    const { holder, serial, code, now } = presented;
    return this.database.write(async (tx) => {
      const row = await this.devices.lock(tx, holder.accountId, serial);
      if (row === undefined || !isHeldBy(row, holder)) return { accepted: false, why: 'unknown' };
      return this.attempt(tx, row, { ...presented, match: (seed) => matchedCounter(seed, code, acceptedCounters(now, row.drift)) });
    });
  }

  /**
   * Checks a code of any device of somebody's, and spends it. A wrong one is a guess at each of them that is not
   * waiting, and counts as so many: he has no more guesses because he names no device.
   */
  async spendAny(presented: Omit<Presented, 'serial'>): Promise<Outcome> {
    const { holder, code, address, now } = presented;
    return this.database.write(async (tx) => {
      const rows = await this.devices.lockAllOf(tx, holder);
      if (rows.length === 0) return { accepted: false, why: 'unknown' };
      const matched = rows.map((row) => matchedCounter(this.keyring.openMfaSeed(row.deviceId, row.sealed), code, acceptedCounters(now, row.drift)));
      const place = matched.findIndex((counter) => counter !== undefined);
      const found = rows[place];
      if (found !== undefined) return this.attempt(tx, found, { ...presented, match: () => matched[place] });
      let guesses = 0;
      for (const row of rows) {
        const subjects = subjectsOf({ deviceId: row.deviceId, holder, address });
        const isWaiting = mustWait(await this.throttle.counted(tx, subjects, now), now);
        await this.throttle.failed(tx, [...subjects.values()], { now, counts: !isWaiting });
        if (!isWaiting) guesses += 1;
      }
      return { accepted: false, why: guesses === 0 ? 'waiting' : 'wrong' };
    });
  }

  /** Whether a device is enabled for somebody. */
  async isHeld({ holder, serial }: Pick<Presented, 'holder' | 'serial'>): Promise<boolean> {
    const row = await this.devices.find(holder.accountId, serial);
    return row !== undefined && isHeldBy(row, holder);
  }

  /**
   * Judges an attempt with a device that is held, in the caller's transaction, which must be committed whatever comes of
   * it. A wrong code, a spent one and one that comes too early cost the same work.
   */
  async attempt(tx: Tx, row: MfaDeviceRow, { holder, address, now, claim, match }: Attempt): Promise<Outcome> {
    const subjects = subjectsOf({ deviceId: row.deviceId, holder, address });
    const isWaiting = mustWait(await this.throttle.counted(tx, subjects, now), now);
    const matched = match(this.keyring.openMfaSeed(row.deviceId, row.sealed));
    const isUnspent = await this.devices.spend(tx, row, { counter: isWaiting ? NO_COUNTER : (matched ?? NO_COUNTER), claim });
    const isRepeated = matched === row.lastCounter && claim !== undefined && row.lastClaim?.equals(claim) === true;
    if (matched !== undefined && (isUnspent || (isRepeated && !isWaiting))) {
      await this.throttle.forget(tx, [subjects.get('device') ?? '']);
      return { accepted: true, counter: matched, serial: serialNumber(row) };
    }
    await this.throttle.failed(tx, [...subjects.values()], { now, counts: !isWaiting });
    return { accepted: false, why: isWaiting ? 'waiting' : matched === undefined ? 'wrong' : 'spent' };
  }
}
