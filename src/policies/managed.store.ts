import { Inject, Injectable } from '@nestjs/common';

import { iamArn, policyInArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { parseIdentityPolicy, type PolicyDocument } from '../domain/policy/document.js';
import type { NamedPolicy } from '../domain/policy/evaluate.js';
import { UNREADABLE } from '../domain/policy/unreadable.js';
import { BoundaryPolicies, noBoundary, type Boundary } from '../identities/boundaries.js';
import type { StoredTag } from '../identities/identities.entities.js';
import { nameKey } from '../identities/identities.store.js';
import { holdNames, quotas, requireRoom } from '../identities/quota.js';
import { Database, holdRow, onConstraint, type ReadTx, type Tx } from '../kernel/database.js';
import { LOG } from '../kernel/kernel.js';
import type { Log } from '../kernel/log.js';
import { Memory, type Remembered } from '../kernel/memory.js';
import { gathered } from '../kernel/page.js';
import { catalogue, CATALOGUE_ACCOUNT } from './catalogue.js';
import { ManagedPolicyRow, PolicyVersionRow } from './managed.entities.js';

/** IAM quota: managed policies of an account. */
const QUOTA = { table: 'managed_policy', name: 'PoliciesPerAccount', max: quotas.policies } as const;

/** A policy as it is in force: its default version, parsed, and its tags. */
export interface ManagedInForce {
  readonly policy: NamedPolicy;
  readonly tags: readonly StoredTag[];
}

/** Which stored policies of an account a list is about. */
export interface PolicyFilter {
  readonly account: string;
  readonly pathPrefix: string;
  readonly onlyAttached: boolean;
  /** Only those of these names. */
  readonly among?: readonly string[] | undefined;
  /** Only names after this one. */
  readonly after: string;
  readonly limit: number;
}

/** A managed policy's ARN. */
export function policyArn(row: Pick<ManagedPolicyRow, 'accountId' | 'path' | 'policyName'>): string {
  return iamArn(row.accountId, 'policy', `${row.path}${row.policyName}`);
}

/** The refusal of a policy that a call is about and that does not exist. */
export function notFound(arn: string): ApiError {
  return new ApiError('NoSuchEntity', `Policy ${arn} was not found.`);
}

/** The refusal of a policy that a call wants to use and that does not exist. */
export function notAttachable(arn: string): ApiError {
  return new ApiError('NoSuchEntity', `Policy ${arn} does not exist or is not attachable.`);
}

/** Managed policies and their versions; readers find the shipped ones as well. */
@Injectable()
export class ManagedPoliciesStore extends BoundaryPolicies {
  readonly #inForce: Remembered<ManagedInForce>;

  constructor(
    private readonly database: Database,
    @Inject(LOG) private readonly log: Log,
    private readonly memory: Memory,
  ) {
    super();
    this.#inForce = memory.of('managed_policy', 20_000, (managed) => 1_024 + 8 * JSON.stringify(managed).length);
  }

  /** The default version of a policy, parsed, from memory where it may be. */
  async findInForce(arn: string): Promise<NamedPolicy | undefined> {
    return catalogue.get(arn)?.policy ?? (await this.find(arn))?.policy;
  }

  /** The same as a boundary: one that is gone allows nothing. */
  async boundaryInForce(arn: string): Promise<NamedPolicy> {
    return (await this.findInForce(arn)) ?? { id: arn, document: UNREADABLE };
  }

  /** The policy that is to be a boundary. Throws InvalidInput and NoSuchEntity. */
  async boundary(tx: ReadTx, arn: string, account: string): Promise<Boundary> {
    if (!/^arn:[^:]+:iam::[^:]*:policy\/.+$/.test(arn)) throw new ApiError('InvalidInput', `ARN ${arn} is not valid.`);
    const row = await this.findIn(tx, arn, account);
    if (row === undefined) throw noBoundary(arn);
    return { boundaryArn: arn, boundaryPolicyId: row.accountId === CATALOGUE_ACCOUNT ? null : row.policyId };
  }

  /** A stored policy with its tags, from memory where it may be. */
  async find(arn: string): Promise<ManagedInForce | undefined> {
    const account = policyInArn(arn)?.account;
    if (account === undefined || account === CATALOGUE_ACCOUNT) return undefined;
    return this.#inForce.get(arn, () => this.database.read((tx) => this.#load(tx, arn, account)));
  }

  async #load(tx: ReadTx, arn: string, account: string): Promise<ManagedInForce | undefined> {
    const row = await this.findIn(tx, arn, account);
    if (row === undefined) return undefined;
    const version = await this.findVersion(tx, row, row.defaultVersion);
    return { policy: { id: arn, document: this.#parsed(arn, version) }, tags: row.tags };
  }

  // Documents are checked when they are saved; one that does not parse was changed behind our back, and denies.
  #parsed(arn: string, version: PolicyVersionRow | undefined): PolicyDocument {
    try {
      return parseIdentityPolicy(version?.document ?? '');
    } catch (error) {
      this.log.error({ err: error, policy: arn }, 'a stored policy cannot be read and denies everything');
      return UNREADABLE;
    }
  }

  /** Forgets what this node remembers of a policy; it was found not to be so. */
  misremembered(arn: string): void {
    this.memory.forget([{ memory: 'managed_policy', key: arn }]);
  }

  /** The policy with exactly this ARN that an account can use: a shipped one or one of its own. */
  async findIn(tx: ReadTx, arn: string, account: string): Promise<ManagedPolicyRow | undefined> {
    const named = policyInArn(arn);
    if (named?.account === CATALOGUE_ACCOUNT) return catalogue.get(arn)?.row;
    if (named?.account !== account) return undefined;
    const row = await tx.findOneBy(ManagedPolicyRow, { accountId: account, nameKey: nameKey(named.name) });
    return row !== null && policyArn(row) === arn ? row : undefined;
  }

  /**
   * The same for one of the account's own, held against other changes until the transaction ends. Where there is none,
   * nobody makes one until then either, so that what was judged to be missing does not appear before it is acted on.
   */
  async lock(tx: Tx, arn: string, account: string): Promise<ManagedPolicyRow | undefined> {
    const named = policyInArn(arn);
    if (named?.account !== account) return undefined;
    const held = async (): Promise<ManagedPolicyRow | undefined> => {
      const policyId = await holdRow(tx, { table: 'managed_policy', key: 'policy_id' }, { account_id: account, name_key: nameKey(named.name) });
      const row = policyId === undefined ? undefined : await tx.findOneByOrFail(ManagedPolicyRow, { policyId });
      return row !== undefined && policyArn(row) === arn ? row : undefined;
    };
    const found = await held();
    if (found !== undefined) return found;
    await holdNames(tx, account);
    return held();
  }

  /** Stored policies of an account by name. */
  async list(tx: ReadTx, filter: PolicyFilter): Promise<readonly ManagedPolicyRow[]> {
    const query = tx.createQueryBuilder(ManagedPolicyRow, 'p').where('p.accountId = :account AND p.nameKey > :after', filter);
    if (filter.pathPrefix !== '/') query.andWhere('starts_with(p.path, :pathPrefix)', filter);
    if (filter.onlyAttached) query.andWhere('EXISTS (SELECT 1 FROM policy_attachment a WHERE a.policy_id = p.policyId)');
    if (filter.among !== undefined) query.andWhere('p.nameKey = ANY(:among)', filter);
    return query.orderBy('p.nameKey').limit(filter.limit).getMany();
  }

  /** How many policies an account has, and versions of them. */
  async count(tx: ReadTx, account: string): Promise<{ policies: number; versions: number }> {
    const versions = await tx.createQueryBuilder(PolicyVersionRow, 'v').innerJoin(ManagedPolicyRow, 'p', 'p.policyId = v.policyId').where('p.accountId = :account', { account }).getCount();
    return { policies: await tx.countBy(ManagedPolicyRow, { accountId: account }), versions };
  }

  /** Adds a policy with its first version. Throws EntityAlreadyExists and LimitExceeded. */
  async insert(tx: Tx, row: ManagedPolicyRow, document: string): Promise<void> {
    await requireRoom(tx, row.accountId, QUOTA);
    await onConstraint(tx.insert(ManagedPolicyRow, { ...row, tags: row.tags as never }), {
      UQ_managed_policy_name: () => new ApiError('EntityAlreadyExists', `A policy called ${row.policyName} already exists. Duplicate names are not allowed.`),
    });
    await tx.insert(PolicyVersionRow, { policyId: row.policyId, version: row.latestVersion, document, createdAt: row.createdAt });
    this.#forget(tx, row);
  }

  /** The versions of a policy, newest first. */
  async versions(tx: ReadTx, row: ManagedPolicyRow): Promise<readonly PolicyVersionRow[]> {
    const shipped = shippedVersion(row);
    return shipped === undefined ? tx.find(PolicyVersionRow, { where: { policyId: row.policyId }, order: { version: 'DESC' } }) : [shipped];
  }

  /** The versions of several policies, newest first, by unique id of the policy. */
  async versionsOf(tx: ReadTx, rows: readonly ManagedPolicyRow[]): Promise<ReadonlyMap<string, readonly PolicyVersionRow[]>> {
    const shipped = rows.flatMap((row) => shippedVersion(row) ?? []);
    const policyIds = rows.filter(({ accountId }) => accountId !== CATALOGUE_ACCOUNT).map(({ policyId }) => policyId);
    const stored = policyIds.length === 0 ? [] : await tx.createQueryBuilder(PolicyVersionRow, 'v').where('v.policyId = ANY(:policyIds)', { policyIds }).orderBy('v.version', 'DESC').getMany();
    return gathered([...shipped, ...stored].map((version) => [version.policyId, version]));
  }

  /** How long all versions of each of some stored policies are together, in bytes. */
  async sizesOf(tx: ReadTx, policyIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (policyIds.length === 0) return new Map();
    const rows = await tx.query<{ id: string; size: number }[]>('SELECT policy_id AS id, sum(octet_length(document))::int AS size FROM policy_version WHERE policy_id = ANY($1) GROUP BY policy_id', [policyIds]);
    return new Map(rows.map(({ id, size }) => [id, size]));
  }

  /** One version of a policy. */
  async findVersion(tx: ReadTx, row: ManagedPolicyRow, version: number): Promise<PolicyVersionRow | undefined> {
    const shipped = shippedVersion(row);
    if (shipped !== undefined) return shipped.version === version ? shipped : undefined;
    return (await tx.findOneBy(PolicyVersionRow, { policyId: row.policyId, version })) ?? undefined;
  }

  /** Adds a version to a policy that is held, under the next number. */
  async addVersion(tx: Tx, row: ManagedPolicyRow, added: { document: string; createdAt: Date; isDefault: boolean }): Promise<PolicyVersionRow> {
    const version = { policyId: row.policyId, version: row.latestVersion + 1, document: added.document, createdAt: added.createdAt };
    await tx.insert(PolicyVersionRow, version);
    const change = { latestVersion: version.version, updatedAt: added.createdAt, ...(added.isDefault && { defaultVersion: version.version }) };
    await tx.update(ManagedPolicyRow, { policyId: row.policyId }, change);
    this.#forget(tx, row);
    return version;
  }

  /** Puts another version of a policy in force. */
  async setDefault(tx: Tx, row: ManagedPolicyRow, version: number): Promise<void> {
    await tx.update(ManagedPolicyRow, { policyId: row.policyId }, { defaultVersion: version });
    this.#forget(tx, row);
  }

  /** Removes a version of a policy; false where there was none. */
  async deleteVersion(tx: Tx, row: ManagedPolicyRow, version: number): Promise<boolean> {
    const result = await tx.delete(PolicyVersionRow, { policyId: row.policyId, version });
    return result.affected === 1;
  }

  /** Replaces the tags of a policy. */
  async updateTags(tx: Tx, row: ManagedPolicyRow, tags: readonly StoredTag[]): Promise<void> {
    await tx.update(ManagedPolicyRow, { policyId: row.policyId }, { tags: tags });
    this.#forget(tx, row);
  }

  /** Removes a policy with its default version. Throws DeleteConflict while it is attached, somebody's boundary, or has other versions: the database knows. */
  async delete(tx: Tx, row: ManagedPolicyRow): Promise<void> {
    await tx.delete(PolicyVersionRow, { policyId: row.policyId, version: row.defaultVersion });
    const attached = (): ApiError => new ApiError('DeleteConflict', 'Cannot delete a policy attached to entities.');
    await onConstraint(tx.delete(ManagedPolicyRow, { policyId: row.policyId }), {
      FK_policy_attachment_policy: attached,
      FK_user_boundary: attached,
      FK_role_boundary: attached,
      FK_policy_version_policy: () =>
        new ApiError('DeleteConflict', "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy."),
    });
    this.#forget(tx, row);
  }

  #forget(tx: Tx, row: ManagedPolicyRow): void {
    this.database.forget(tx, { memory: 'managed_policy', key: policyArn(row) });
  }
}

function shippedVersion(row: ManagedPolicyRow): PolicyVersionRow | undefined {
  const entry = row.accountId === CATALOGUE_ACCOUNT ? catalogue.get(policyArn(row)) : undefined;
  return entry && { policyId: row.policyId, version: row.defaultVersion, document: entry.document, createdAt: row.createdAt };
}
