import { ApiError } from '../domain/errors.js';
import type { Tx } from '../kernel/database.js';

/** A quota on the entities of one kind in an account: their table, and the quota's name as AWS gives it. */
export interface AccountQuota {
  readonly table: 'iam_user' | 'iam_group' | 'role' | 'managed_policy' | 'mfa_device';
  readonly name: string;
  readonly max: number;
}

/**
 * Refuses (LimitExceeded) one entity more than an account may have. Until the transaction ends nobody else makes one in
 * the account, so the quota holds whatever happens at the same time; it is never counted further than the quota.
 */
export async function requireRoom(tx: Tx, account: string, { table, name, max }: AccountQuota): Promise<void> {
  await tx.query('SELECT 1 FROM account WHERE account_id = $1 FOR NO KEY UPDATE', [account]);
  // A statement of its own: its snapshot must be younger than the lock.
  const rows = await tx.query<unknown[]>(`SELECT 1 FROM ${table} WHERE account_id = $1 OFFSET $2 LIMIT 1`, [account, max - 1]);
  if (rows.length > 0) throw new ApiError('LimitExceeded', `Cannot exceed quota for ${name}: ${String(max)}`);
}
