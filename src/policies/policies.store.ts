import { Inject, Injectable } from '@nestjs/common';

import { parseIdentityPolicy, type PolicyDocument } from '../domain/policy/document.js';
import type { NamedPolicy } from '../domain/policy/evaluate.js';
import { UNREADABLE } from '../domain/policy/unreadable.js';
import { GroupsStore } from '../identities/groups.store.js';
import { Database, type ReadTx, type Tx } from '../kernel/database.js';
import { LOG } from '../kernel/kernel.js';
import type { Log } from '../kernel/log.js';
import { Memory, type Remembered } from '../kernel/memory.js';
import { gathered, pageOf, type Page, type PageRequest } from '../kernel/page.js';
import { AttachmentsStore } from './attachments.store.js';
import { ManagedPoliciesStore } from './managed.store.js';
import type { PolicyOwner } from './owners.js';
import { InlinePolicyRow } from './policies.entities.js';

/** What a user, role or group has: inline policies, parsed, and the ARNs of the attached ones. */
interface Owned {
  /** Of a group; the policies that its users have by it are called after it. */
  readonly group?: string;
  readonly inline: readonly NamedPolicy[];
  readonly attached: readonly string[];
}

/** Inline policies, and what is in force together with the attached ones. */
@Injectable()
export class PoliciesStore {
  readonly #owned: Remembered<Owned>;

  constructor(
    private readonly database: Database,
    @Inject(LOG) private readonly log: Log,
    private readonly attachments: AttachmentsStore,
    private readonly managed: ManagedPoliciesStore,
    private readonly groups: GroupsStore,
    memory: Memory,
  ) {
    this.#owned = memory.of('owner_policies', 20_000, (owned) => 1_024 + 8 * JSON.stringify(owned).length);
  }

  /** The parsed policies of a role, or of a user and his groups, inline and attached, from memory where they may be. */
  async inForce(ownerId: string): Promise<readonly NamedPolicy[]> {
    const own = await this.#ownInForce(ownerId);
    const groups = isUser(ownerId) ? await this.groups.groupIdsOf(ownerId) : [];
    if (groups.length === 0) return own;
    const policies = [...own];
    for (const id of groups) policies.push(...(await this.#ownInForce(id)));
    return policies;
  }

  async #ownInForce(ownerId: string): Promise<readonly NamedPolicy[]> {
    const owned = await this.#owned.get(ownerId, () => this.database.read((tx) => this.#load(tx, ownerId)));
    if (owned === undefined || owned.attached.length === 0) return owned?.inline ?? [];
    const policies = [...owned.inline];
    for (const arn of owned.attached) {
      // One that is gone was detached first; of the shipped ones, none that this version does not know takes anything away.
      const policy = await this.managed.findInForce(arn);
      if (policy !== undefined) policies.push(owned.group === undefined ? policy : { id: policyOfGroup(owned.group, arn), document: policy.document });
    }
    return policies;
  }

  async #load(tx: ReadTx, ownerId: string): Promise<Owned> {
    const rows = await this.all(tx, ownerId);
    const [group] = isGroup(ownerId) ? await this.groups.groupsById(tx, [ownerId]) : [];
    const idOf = (name: string): string => (group === undefined ? name : policyOfGroup(group.groupName, name));
    return {
      ...(group && { group: group.groupName }),
      inline: rows.map((row) => ({ id: idOf(row.policyName), document: this.#parsed(row) })),
      attached: await this.attachments.arnsOf(tx, ownerId),
    };
  }

  // Documents are checked when they are saved; one that does not parse was changed behind our back, and denies.
  #parsed(row: InlinePolicyRow): PolicyDocument {
    try {
      return parseIdentityPolicy(row.document);
    } catch (error) {
      this.log.error({ err: error, owner: row.ownerId, policy: row.policyName }, 'a stored policy cannot be read and denies everything');
      return UNREADABLE;
    }
  }

  /** Every policy of an owner. */
  async all(tx: ReadTx, ownerId: string): Promise<readonly InlinePolicyRow[]> {
    return tx.find(InlinePolicyRow, { where: { ownerId }, order: { policyName: 'ASC' } });
  }

  /** Every policy of several owners, by unique id of the owner, by name. */
  async allOf(tx: ReadTx, ownerIds: readonly string[]): Promise<ReadonlyMap<string, readonly InlinePolicyRow[]>> {
    if (ownerIds.length === 0) return new Map();
    const rows = await tx.createQueryBuilder(InlinePolicyRow, 'p').where('p.ownerId = ANY(:ownerIds)', { ownerIds }).orderBy('p.policyName').getMany();
    return gathered(rows.map((row) => [row.ownerId, row]));
  }

  /** How long the policies of each of some owners are together, in bytes; those without policies are left out. */
  async sizesOf(tx: ReadTx, ownerIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (ownerIds.length === 0) return new Map();
    const rows = await tx.query<{ id: string; size: number }[]>('SELECT owner_id AS id, sum(octet_length(document))::int AS size FROM inline_policy WHERE owner_id = ANY($1) GROUP BY owner_id', [ownerIds]);
    return new Map(rows.map(({ id, size }) => [id, size]));
  }

  /** One policy of an owner by name. */
  async find(tx: ReadTx, ownerId: string, policyName: string): Promise<InlinePolicyRow | undefined> {
    return (await tx.findOneBy(InlinePolicyRow, { ownerId, policyName })) ?? undefined;
  }

  /** Policies of an owner by name. */
  async page(tx: ReadTx, ownerId: string, request: PageRequest): Promise<Page<InlinePolicyRow>> {
    const query = tx.createQueryBuilder(InlinePolicyRow, 'p').where('p.ownerId = :ownerId', { ownerId });
    if (request.after !== undefined) query.andWhere('p.policyName > :after', { after: request.after[0] });
    const rows = await query.orderBy('p.policyName').limit(request.items + 1).getMany();
    return pageOf(rows, request, (row) => [row.policyName]);
  }

  /** Adds a policy or replaces the one of that name. */
  async put(tx: Tx, owner: PolicyOwner, policy: { name: string; document: string }): Promise<void> {
    const row: InlinePolicyRow = {
      ownerId: owner.id,
      policyName: policy.name,
      userId: owner.type === 'user' ? owner.id : null,
      roleId: owner.type === 'role' ? owner.id : null,
      groupId: owner.type === 'group' ? owner.id : null,
      document: policy.document,
    };
    await tx.upsert(InlinePolicyRow, row, ['ownerId', 'policyName']);
    this.database.forget(tx, { memory: 'owner_policies', key: owner.id });
  }

  /** Removes a policy; false where there was none. */
  async delete(tx: Tx, ownerId: string, policyName: string): Promise<boolean> {
    const result = await tx.delete(InlinePolicyRow, { ownerId, policyName });
    this.database.forget(tx, { memory: 'owner_policies', key: ownerId });
    return result.affected === 1;
  }
}

const isUser = (id: string): boolean => id.startsWith('AIDA');
const isGroup = (id: string): boolean => id.startsWith('AGPA');

/** How a policy that somebody has by a group is called: a name or an ARN alone would not say which group's it is. */
export function policyOfGroup(group: string, policy: string): string {
  return `group_${group}_${policy}`;
}
