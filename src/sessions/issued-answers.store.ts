import { Injectable } from '@nestjs/common';

import type { ReadTx, Tx } from '../kernel/database.js';
import { append, type Append, type AppendTable } from '../kernel/ledger.js';
import { IssuedAnswerRow } from './sessions.entities.js';

const table: AppendTable<IssuedAnswerRow> = {
  name: 'issued_answer',
  columns: [
    { name: 'key_sha256', type: 'bytea', of: (row) => row.keySha256 },
    { name: 'input_sha256', type: 'bytea', of: (row) => row.inputSha256 },
    { name: 'sealed', type: 'bytea', of: (row) => row.sealed },
    { name: 'expires_at', type: 'timestamptz', of: (row) => row.expiresAt.toISOString() },
  ],
};

/** Answers of issuances that may be asked for again. */
@Injectable()
export class IssuedAnswersStore {
  /** The row of an answer, for the ledger: of two for one key only one can be written. */
  kept(row: IssuedAnswerRow): Append {
    return append(table, row);
  }

  /** The answer under a key, for as long as it may be asked for. */
  async find(tx: ReadTx, keySha256: Buffer, now: Date): Promise<IssuedAnswerRow | undefined> {
    const row = await tx.findOneBy(IssuedAnswerRow, { keySha256 });
    return row !== null && row.expiresAt > now ? row : undefined;
  }

  /** Removes the answer under a key that may not be asked for any more. */
  async removeOld(tx: Tx, keySha256: Buffer, now: Date): Promise<void> {
    await tx.query('DELETE FROM issued_answer WHERE key_sha256 = $1 AND expires_at <= $2', [keySha256, now]);
  }
}
