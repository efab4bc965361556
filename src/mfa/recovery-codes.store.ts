import { Injectable } from '@nestjs/common';

import { holdRow, type ReadTx, type Tx } from '../kernel/database.js';
import { RecoveryCodesRow } from './recovery-codes.entities.js';

/** Recovery codes of users. They are looked up each time: which are used must never be old. */
@Injectable()
export class RecoveryCodesStore {
  /** What a user has left. */
  async find(tx: ReadTx, userId: string): Promise<RecoveryCodesRow | undefined> {
    return (await tx.findOneBy(RecoveryCodesRow, { userId })) ?? undefined;
  }

  /** The same, held against other changes until the transaction ends. */
  async lock(tx: Tx, userId: string): Promise<RecoveryCodesRow | undefined> {
    const held = await holdRow(tx, { table: 'recovery_codes', key: 'user_id' }, { user_id: userId });
    return held === undefined ? undefined : tx.findOneByOrFail(RecoveryCodesRow, { userId });
  }

  /** Gives a user codes instead of those that he may have. */
  async put(tx: Tx, row: RecoveryCodesRow): Promise<void> {
    await tx.upsert(RecoveryCodesRow, row, ['userId']);
  }

  /** Takes a code from a user for ever; whether he had it. */
  async use(tx: Tx, userId: string, code: Buffer): Promise<boolean> {
    const used = await tx.query<[unknown[], number]>('UPDATE recovery_codes SET codes = array_remove(codes, $2::bytea) WHERE user_id = $1 AND $2::bytea = ANY(codes)', [userId, code]);
    return used[1] === 1;
  }

  /** Takes all codes from a user; whether he had any left, or had had. */
  async delete(tx: Tx, userId: string): Promise<boolean> {
    return (await tx.delete(RecoveryCodesRow, { userId })).affected === 1;
  }
}
