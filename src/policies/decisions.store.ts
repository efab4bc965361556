import { Injectable } from '@nestjs/common';

import type { ReadTx } from '../kernel/database.js';
import { append, type Append, type AppendTable } from '../kernel/ledger.js';
import { DecisionRow } from './decisions.entities.js';

const table: AppendTable<DecisionRow> = {
  name: 'decision',
  idempotentBy: 'decision_id, account_id',
  columns: [
    { name: 'decision_id', type: 'uuid', of: (row) => row.decisionId },
    { name: 'account_id', type: 'text', of: (row) => row.accountId },
    { name: 'request_id', type: 'uuid', of: (row) => row.requestId },
    { name: 'decided_at', type: 'timestamptz', of: (row) => row.decidedAt.toISOString() },
    { name: 'content', type: 'text', of: (row) => row.content },
  ],
};

/** Explained refusals. */
@Injectable()
export class DecisionsStore {
  /** The row of a new decision, for the ledger. */
  decided(row: DecisionRow): Append {
    return append(table, row);
  }

  /** An account's side of a decision. */
  async find(tx: ReadTx, decisionId: string, accountId: string): Promise<DecisionRow | undefined> {
    return (await tx.findOneBy(DecisionRow, { decisionId, accountId })) ?? undefined;
  }
}
