import { Injectable } from '@nestjs/common';

import { GroupsStore } from '../identities/groups.store.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import { MfaDevicesStore } from '../identities/mfa-devices.store.js';
import { IdentityProvidersStore } from '../identities/providers.store.js';
import { quotas } from '../identities/quota.js';
import type { ReadTx } from '../kernel/database.js';
import { ManagedPoliciesStore } from '../policies/managed.store.js';
import { InstanceProfilesStore } from '../roles/profiles.store.js';
import { RolesStore } from '../roles/roles.store.js';
import { AccountSettingsStore } from './settings.store.js';

/** What an account may have, by the names of AWS. What Stint does not know, such as certificates, nobody may have. */
const QUOTAS = {
  AccessKeysPerUserQuota: quotas.accessKeys,
  AssumeRolePolicySizeQuota: quotas.trustPolicySize,
  AttachedPoliciesPerGroupQuota: quotas.attachedPolicies,
  AttachedPoliciesPerRoleQuota: quotas.attachedPolicies,
  AttachedPoliciesPerUserQuota: quotas.attachedPolicies,
  GroupPolicySizeQuota: quotas.inlineSize.group,
  GroupsPerUserQuota: quotas.groupsPerUser,
  GroupsQuota: quotas.groups,
  InstanceProfilesQuota: quotas.instanceProfiles,
  PoliciesQuota: quotas.policies,
  PolicySizeQuota: quotas.policySize,
  PolicyVersionsInUseQuota: quotas.policies * quotas.versions,
  RolePolicySizeQuota: quotas.inlineSize.role,
  RolesQuota: quotas.roles,
  ServerCertificatesQuota: 0,
  SigningCertificatesPerUserQuota: 0,
  UserPolicySizeQuota: quotas.inlineSize.user,
  UsersQuota: quotas.users,
  VersionsPerPolicyQuota: quotas.versions,
};

/** Counts what an account has. */
@Injectable()
export class AccountSummary {
  // One store for each kind of thing that is counted.
  // eslint-disable-next-line house/max-params
  constructor(
    private readonly identities: IdentitiesStore,
    private readonly groups: GroupsStore,
    private readonly roles: RolesStore,
    private readonly profiles: InstanceProfilesStore,
    private readonly policies: ManagedPoliciesStore,
    private readonly providers: IdentityProvidersStore,
    private readonly settings: AccountSettingsStore,
    private readonly mfaDevices: MfaDevicesStore,
  ) {}

  /** Every entry of GetAccountSummary's SummaryMap. Counts are exact: each is bounded by a quota, and read from an index. */
  async of(tx: ReadTx, account: string): Promise<Record<string, number>> {
    const devices = await this.mfaDevices.counts(tx, account);
    const { policies, versions } = await this.policies.count(tx, account);
    const rootKeys = await this.identities.accessKeysOf(tx, { accountId: account, userId: null });
    const { tokenVersion } = await this.settings.of(tx, account);
    return {
      ...QUOTAS,
      AccountAccessKeysPresent: rootKeys.length > 0 ? 1 : 0,
      AccountMFAEnabled: devices.ofRoot > 0 ? 1 : 0,
      AccountPasswordPresent: 0,
      AccountSigningCertificatesPresent: 0,
      GlobalEndpointTokenVersion: tokenVersion,
      Groups: await this.groups.count(tx, account),
      InstanceProfiles: await this.profiles.count(tx, account),
      MFADevices: devices.all,
      MFADevicesInUse: devices.inUse,
      Policies: policies,
      PolicyVersionsInUse: versions,
      Providers: await this.providers.count(tx, account),
      Roles: await this.roles.count(tx, account),
      ServerCertificates: 0,
      Users: await this.identities.countUsers(tx, account),
    };
  }
}
