import { Injectable } from '@nestjs/common';

import { Database, onConstraint, type ReadTx, type Tx } from '../kernel/database.js';
import { gathered } from '../kernel/page.js';
import { CATALOGUE_ACCOUNT } from './catalogue.js';
import { ManagedPolicyRow, PolicyAttachmentRow } from './managed.entities.js';
import { notAttachable, policyArn } from './managed.store.js';
import type { PolicyOwner } from './owners.js';

/** Which managed policies are attached to which users, roles and groups. */
@Injectable()
export class AttachmentsStore {
  constructor(private readonly database: Database) {}

  /** The ARNs of the policies that are attached to an owner. */
  async arnsOf(tx: ReadTx, ownerId: string): Promise<readonly string[]> {
    const rows = await tx.find(PolicyAttachmentRow, { where: { ownerId }, order: { policyArn: 'ASC' } });
    return rows.map((row) => row.policyArn);
  }

  /** The ARNs of the policies that are attached to each of some owners, by unique id of the owner. */
  async arnsOfAll(tx: ReadTx, ownerIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    if (ownerIds.length === 0) return new Map();
    const rows = await tx.createQueryBuilder(PolicyAttachmentRow, 'a').where('a.ownerId = ANY(:ownerIds)', { ownerIds }).orderBy('a.policyArn').getMany();
    return gathered(rows.map((row) => [row.ownerId, row.policyArn]));
  }

  /** Those of some policies that are attached to anybody in an account. */
  async attachedAmong(tx: ReadTx, account: string, arns: readonly string[]): Promise<ReadonlySet<string>> {
    // One look into the index for each, however many have it.
    const rows = await tx.query<{ arn: string }[]>(
      'SELECT arn FROM unnest($2::text[]) AS arn WHERE EXISTS (SELECT 1 FROM policy_attachment WHERE account_id = $1 AND policy_arn = arn)',
      [account, arns],
    );
    return new Set(rows.map(({ arn }) => arn));
  }

  /** How many users, roles and groups of an account each policy is attached to; those that are attached to nobody are left out. */
  async counts(tx: ReadTx, account: string, arns: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = await tx.query<{ arn: string; count: number }[]>(
      'SELECT policy_arn AS arn, count(*)::int AS count FROM policy_attachment WHERE account_id = $1 AND policy_arn = ANY($2) GROUP BY policy_arn',
      [account, arns],
    );
    return new Map(rows.map(({ arn, count }) => [arn, count]));
  }

  /** The unique ids of an account's owners that a policy is attached to, in their order, after one of them. */
  async holders(tx: ReadTx, of: { account: string; arn: string; type: PolicyOwner['type'] | undefined; after: string; limit: number }): Promise<readonly string[]> {
    const query = tx.createQueryBuilder(PolicyAttachmentRow, 'a').where('a.accountId = :account AND a.policyArn = :arn AND a.ownerId > :after', of);
    if (of.type !== undefined) query.andWhere(`a.${of.type}Id IS NOT NULL`);
    const rows = await query.orderBy('a.ownerId').limit(of.limit).getMany();
    return rows.map((row) => row.ownerId);
  }

  /** Attaches a policy to an owner of an account. Throws NoSuchEntity where the policy is being deleted. */
  async attach(tx: Tx, owner: PolicyOwner, to: { account: string; policy: ManagedPolicyRow }): Promise<void> {
    const row: PolicyAttachmentRow = {
      ownerId: owner.id,
      policyArn: policyArn(to.policy),
      accountId: to.account,
      policyId: to.policy.accountId === CATALOGUE_ACCOUNT ? null : to.policy.policyId,
      userId: owner.type === 'user' ? owner.id : null,
      roleId: owner.type === 'role' ? owner.id : null,
      groupId: owner.type === 'group' ? owner.id : null,
    };
    await onConstraint(tx.insert(PolicyAttachmentRow, row), { FK_policy_attachment_policy: () => notAttachable(row.policyArn) });
    this.database.forget(tx, { memory: 'owner_policies', key: owner.id });
  }

  /** Detaches a policy; false where it was not attached. */
  async detach(tx: Tx, ownerId: string, arn: string): Promise<boolean> {
    const result = await tx.delete(PolicyAttachmentRow, { ownerId, policyArn: arn });
    this.database.forget(tx, { memory: 'owner_policies', key: ownerId });
    return result.affected === 1;
  }
}
