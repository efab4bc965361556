import type { z } from 'zod';

import type { profileContracts } from './profiles.contract.js';
import type { InstanceProfileRow } from './profiles.entities.js';
import { profileArn } from './profiles.store.js';
import type { RoleRow } from './roles.entities.js';
import { roleArn } from './roles.store.js';

/** An instance profile as lists show it. */
export type ShownProfile = z.input<typeof profileContracts.ListInstanceProfiles.output>['InstanceProfiles'][number];

/** A role within an instance profile, with its trust policy as readers see it: without MaxSessionDuration (recorded from AWS). */
export function shownProfileRole(row: RoleRow, document = row.trustPolicy): ShownProfile['Roles'][number] {
  return {
    Path: row.path,
    RoleName: row.roleName,
    RoleId: row.roleId,
    Arn: roleArn(row),
    CreateDate: row.createdAt,
    AssumeRolePolicyDocument: document,
    ...(row.description !== null && { Description: row.description }),
  };
}

/** An instance profile with its role. */
export function shownProfile(row: InstanceProfileRow, role: ShownProfile['Roles'][number] | undefined): ShownProfile {
  return {
    Path: row.path,
    InstanceProfileName: row.profileName,
    InstanceProfileId: row.profileId,
    Arn: profileArn(row),
    CreateDate: row.createdAt,
    Roles: role === undefined ? [] : [role],
  };
}
