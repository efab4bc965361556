import { Injectable } from '@nestjs/common';

import { Database, onConstraint, type ReadTx, type Tx } from '../kernel/database.js';
import { pageOf, type Page, type PageRequest } from '../kernel/page.js';
import { CATALOGUE_ACCOUNT } from './catalogue.js';
import { ManagedPolicyRow, PolicyAttachmentRow } from './managed.entities.js';
import { notAttachable, policyArn } from './managed.store.js';
import type { PolicyOwner } from './owners.js';

/** Which managed policies are attached to which users and roles. */
@Injectable()
export class AttachmentsStore {
  constructor(private readonly database: Database) {}

  /** The ARNs of the policies that are attached to a user or role. */
  async arnsOf(tx: ReadTx, ownerId: string): Promise<readonly string[]> {
    const rows = await tx.find(PolicyAttachmentRow, { where: { ownerId }, order: { policyArn: 'ASC' } });
    return rows.map((row) => row.policyArn);
  }

  /** How many users and roles of an account each policy is attached to; those that are attached to nobody are left out. */
  async counts(tx: ReadTx, account: string, arns: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = await tx.query<{ arn: string; count: number }[]>(
      'SELECT policy_arn AS arn, count(*)::int AS count FROM policy_attachment WHERE account_id = $1 AND policy_arn = ANY($2) GROUP BY policy_arn',
      [account, arns],
    );
    return new Map(rows.map(({ arn, count }) => [arn, count]));
  }

  /** The attachments of one policy within an account, in the order of their owners' unique ids. */
  async page(tx: ReadTx, of: { account: string; arn: string; type: PolicyOwner['type'] | undefined }, request: PageRequest): Promise<Page<PolicyAttachmentRow>> {
    const query = tx.createQueryBuilder(PolicyAttachmentRow, 'a').where('a.accountId = :account AND a.policyArn = :arn', of);
    if (of.type !== undefined) query.andWhere(of.type === 'user' ? 'a.userId IS NOT NULL' : 'a.roleId IS NOT NULL');
    if (request.after !== undefined) query.andWhere('a.ownerId > :after', { after: request.after[0] });
    const rows = await query.orderBy('a.ownerId').limit(request.items + 1).getMany();
    return pageOf(rows, request, (row) => [row.ownerId]);
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
