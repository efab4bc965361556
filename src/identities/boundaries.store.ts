import type { ReadTx } from '../kernel/database.js';

/** Those who may have a boundary: their table and its key. */
export interface Bounded {
  readonly table: 'iam_user' | 'role';
  readonly id: 'user_id' | 'role_id';
}

/** How many of an account have each of some policies as their boundary; without ARNs, each that any of them has. */
export async function boundaryUses(tx: ReadTx, { table }: Bounded, of: { account: string; arns?: readonly string[] }): Promise<ReadonlyMap<string, number>> {
  const rows = await tx.query<{ arn: string; count: number }[]>(
    `SELECT boundary_arn AS arn, count(*)::int AS count FROM ${table}
     WHERE account_id = $1 AND boundary_arn IS NOT NULL AND ($2::text[] IS NULL OR boundary_arn = ANY($2)) GROUP BY boundary_arn`,
    [of.account, of.arns ?? null],
  );
  return new Map(rows.map(({ arn, count }) => [arn, count]));
}

/** The unique ids of those who have a policy as their boundary, in their order, after one of them. */
export async function boundaryHolders(tx: ReadTx, { table, id }: Bounded, of: { account: string; arn: string; after: string; limit: number }): Promise<readonly string[]> {
  const rows = await tx.query<{ id: string }[]>(
    `SELECT ${id} AS id FROM ${table} WHERE account_id = $1 AND boundary_arn = $2 AND ${id} > $3 ORDER BY ${id} LIMIT $4`,
    [of.account, of.arn, of.after, of.limit],
  );
  return rows.map((row) => row.id);
}
