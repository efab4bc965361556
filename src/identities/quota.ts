import { ApiError } from '../domain/errors.js';
import type { Tx } from '../kernel/database.js';

/** What an account, an entity and a document may come to, as IAM's quotas are by default; sizes in characters without white space. */
export const quotas = {
  users: 5_000,
  groups: 300,
  roles: 1_000,
  policies: 1_500,
  instanceProfiles: 1_000,
  /** Virtual ones: as many as users. */
  mfaDevices: 5_000,
  /** Of a user, and of the root user. */
  accessKeys: 2,
  /** Of a user. */
  groupsPerUser: 10,
  /** Enabled for one user, or for the root user. */
  mfaDevicesPerUser: 8,
  /** Of a user, role or group. */
  attachedPolicies: 10,
  /** Of a managed policy. */
  versions: 5,
  policySize: 6144,
  trustPolicySize: 2048,
  /** All inline policies of one entity together. */
  inlineSize: { user: 2048, role: 10_240, group: 5120 },
} as const;

/** A quota on the entities of one kind in an account: their table, and the quota's name as AWS gives it. */
export interface AccountQuota {
  readonly table: 'iam_user' | 'iam_group' | 'role' | 'managed_policy' | 'mfa_device';
  readonly name: string;
  readonly max: number;
}

/**
 * Until the transaction ends, nobody else makes or renames anything in the account. Whoever also holds single entities
 * holds them first.
 */
export async function holdNames(tx: Tx, account: string): Promise<void> {
  await tx.query('SELECT 1 FROM account WHERE account_id = $1 FOR NO KEY UPDATE', [account]);
}

/**
 * Refuses (LimitExceeded) one entity more than an account may have. Until the transaction ends nobody else makes one in
 * the account, so the quota holds whatever happens at the same time; it is never counted further than the quota.
 */
export async function requireRoom(tx: Tx, account: string, { table, name, max }: AccountQuota): Promise<void> {
  await holdNames(tx, account);
  // A statement of its own: its snapshot must be younger than the lock.
  const rows = await tx.query<unknown[]>(`SELECT 1 FROM ${table} WHERE account_id = $1 OFFSET $2 LIMIT 1`, [account, max - 1]);
  if (rows.length > 0) throw new ApiError('LimitExceeded', `Cannot exceed quota for ${name}: ${String(max)}`);
}
