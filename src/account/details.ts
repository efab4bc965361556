import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { policyInArn } from '../domain/arn.js';
import { shownBoundary } from '../identities/boundaries.js';
import { groupArn, GroupsStore } from '../identities/groups.store.js';
import { listedUserOf } from '../identities/shown.js';
import type { ReadTx } from '../kernel/database.js';
import { gathered } from '../kernel/page.js';
import { AttachmentsStore } from '../policies/attachments.store.js';
import type { ManagedPolicyRow } from '../policies/managed.entities.js';
import { ManagedPoliciesStore, policyArn } from '../policies/managed.store.js';
import type { InlinePolicyRow } from '../policies/policies.entities.js';
import { PoliciesStore } from '../policies/policies.store.js';
import { shownPolicy, shownVersion } from '../policies/shown.js';
import { PolicyUses } from '../policies/uses.js';
import { InstanceProfilesStore } from '../roles/profiles.store.js';
import type { RoleRow } from '../roles/roles.entities.js';
import { roleArn, RolesStore } from '../roles/roles.store.js';
import { shownProfile, shownProfileRole } from '../roles/shown.js';
import { TrustPolicies } from '../roles/trust.js';
import type { detailContracts } from './details.contract.js';
import { ownerIdOf, type Entry } from './entries.js';

type Shown = Omit<z.input<typeof detailContracts.GetAccountAuthorizationDetails.output>, 'IsTruncated' | 'Marker'>;

/** What users, groups and roles have, by their unique ids. */
interface Owned {
  readonly inline: ReadonlyMap<string, readonly InlinePolicyRow[]>;
  readonly attached: ReadonlyMap<string, readonly string[]>;
}

/** Everything about the entries of a page, in a number of queries that does not depend on how many there are. */
@Injectable()
export class Details {
  // What is shown of an entry lies with many owners.
  // eslint-disable-next-line house/max-params
  constructor(
    private readonly groups: GroupsStore,
    private readonly roles: RolesStore,
    private readonly trust: TrustPolicies,
    private readonly profiles: InstanceProfilesStore,
    private readonly inline: PoliciesStore,
    private readonly attachments: AttachmentsStore,
    private readonly managed: ManagedPoliciesStore,
    private readonly uses: PolicyUses,
  ) {}

  /** The entries as GetAccountAuthorizationDetails shows them. */
  async of(tx: ReadTx, account: string, entries: readonly Entry[]): Promise<Shown> {
    const ids = entries.flatMap((entry) => ownerIdOf(entry) ?? []);
    const owned: Owned = { inline: await this.inline.allOf(tx, ids), attached: await this.attachments.arnsOfAll(tx, ids) };
    const policies = entries.flatMap((entry) => (entry.kind === 'LocalManagedPolicy' || entry.kind === 'AWSManagedPolicy' ? entry.row : []));
    return {
      UserDetailList: await this.#users(tx, entries, owned),
      GroupDetailList: entries.flatMap((entry) => (entry.kind === 'Group' ? groupDetail(entry.row, owned) : [])),
      RoleDetailList: await this.#roles(tx, entries.flatMap((entry) => (entry.kind === 'Role' ? entry.row : [])), owned),
      Policies: policies.length === 0 ? [] : await this.#policies(tx, account, policies),
    };
  }

  async #users(tx: ReadTx, entries: readonly Entry[], owned: Owned): Promise<Shown['UserDetailList']> {
    const users = entries.flatMap((entry) => (entry.kind === 'User' ? entry.row : []));
    if (users.length === 0) return [];
    const groups = await this.groups.groupNamesOf(tx, users.map(({ userId }) => userId));
    return users.map((row) => {
      const policies = policiesOf(row.userId, owned);
      return {
        ...listedUserOf(row),
        ...(policies.length > 0 && { UserPolicyList: policies }),
        GroupList: [...(groups.get(row.userId) ?? [])],
        AttachedManagedPolicies: attachedTo(row.userId, owned),
        ...shownBoundary(row),
        Tags: [...row.tags],
      };
    });
  }

  async #roles(tx: ReadTx, roles: readonly RoleRow[], owned: Owned): Promise<Shown['RoleDetailList']> {
    if (roles.length === 0) return [];
    const documents = await this.trust.toShow(tx, roles);
    const profiles = gathered((await this.profiles.ofRoles(tx, roles.map(({ roleId }) => roleId))).map((row) => [row.roleId ?? '', row]));
    return roles.map((row, index) => {
      const document = documents[index] ?? row.trustPolicy;
      return {
        Path: row.path,
        RoleName: row.roleName,
        RoleId: row.roleId,
        Arn: roleArn(row),
        CreateDate: row.createdAt,
        AssumeRolePolicyDocument: document,
        InstanceProfileList: (profiles.get(row.roleId) ?? []).map((profile) => shownProfile(profile, shownProfileRole(row, document))),
        RolePolicyList: policiesOf(row.roleId, owned),
        AttachedManagedPolicies: attachedTo(row.roleId, owned),
        ...shownBoundary(row),
        Tags: [...row.tags],
        RoleLastUsed: this.roles.lastUse(row),
      };
    });
  }

  async #policies(tx: ReadTx, account: string, policies: readonly ManagedPolicyRow[]): Promise<Shown['Policies']> {
    const versions = await this.managed.versionsOf(tx, policies);
    const counts = await this.uses.counts(tx, account, policies.map(policyArn));
    return policies.map((row) => ({
      ...shownPolicy(row, counts),
      ...(row.description !== null && { Description: row.description }),
      PolicyVersionList: (versions.get(row.policyId) ?? []).map((version) => ({ Document: version.document, ...shownVersion(version, version.version === row.defaultVersion) })),
    }));
  }
}

function groupDetail(row: Extract<Entry, { kind: 'Group' }>['row'], owned: Owned): Shown['GroupDetailList'][number] {
  return {
    Path: row.path,
    GroupName: row.groupName,
    GroupId: row.groupId,
    Arn: groupArn(row),
    CreateDate: row.createdAt,
    GroupPolicyList: policiesOf(row.groupId, owned),
    AttachedManagedPolicies: attachedTo(row.groupId, owned),
  };
}

function policiesOf(id: string, { inline }: Owned): { PolicyName: string; PolicyDocument: string }[] {
  return (inline.get(id) ?? []).map((row) => ({ PolicyName: row.policyName, PolicyDocument: row.document }));
}

function attachedTo(id: string, { attached }: Owned): { PolicyName: string; PolicyArn: string }[] {
  return (attached.get(id) ?? []).map((arn) => ({ PolicyName: policyInArn(arn)?.name ?? arn, PolicyArn: arn }));
}
