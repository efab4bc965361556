import { z } from 'zod';

import { marks, operation } from '../contract/operation.js';
import { BoundaryOut, pageIn, pageOut, PolicyTextOut, TagsOut } from '../contract/shapes.js';
import { listedPolicy, listedVersion } from '../policies/managed.contract.js';
import { listedProfile } from '../roles/profiles.contract.js';
import { wholeAccount } from './account.contract.js';

/** What may be asked for, in the order in which it comes. */
export const DETAIL_KINDS = ['User', 'Group', 'Role', 'LocalManagedPolicy', 'AWSManagedPolicy'] as const;

const Kind = z.enum(['User', 'Role', 'Group', 'LocalManagedPolicy', 'AWSManagedPolicy']);
marks.add(Kind, { entry: `Member must satisfy enum value set: [${Kind.options.join(', ')}]` });

const Policies = z.array(z.object({ PolicyName: z.string(), PolicyDocument: PolicyTextOut }));
const AttachedManagedPolicies = z.array(z.object({ PolicyName: z.string(), PolicyArn: z.string() }));

const UserDetail = z.object({
  Path: z.string(),
  UserName: z.string(),
  UserId: z.string(),
  Arn: z.string(),
  CreateDate: z.date(),
  /** Left out where there are none, unlike the lists of groups and roles (recorded from AWS). */
  UserPolicyList: Policies.optional(),
  GroupList: z.array(z.string()),
  AttachedManagedPolicies,
  PermissionsBoundary: BoundaryOut.optional(),
  Tags: TagsOut,
});
const GroupDetail = z.object({
  Path: z.string(),
  GroupName: z.string(),
  GroupId: z.string(),
  Arn: z.string(),
  CreateDate: z.date(),
  GroupPolicyList: Policies,
  AttachedManagedPolicies,
});
const RoleDetail = z.object({
  Path: z.string(),
  RoleName: z.string(),
  RoleId: z.string(),
  Arn: z.string(),
  CreateDate: z.date(),
  AssumeRolePolicyDocument: PolicyTextOut,
  InstanceProfileList: z.array(z.object(listedProfile)),
  RolePolicyList: Policies,
  AttachedManagedPolicies,
  PermissionsBoundary: BoundaryOut.optional(),
  Tags: TagsOut,
  RoleLastUsed: z.object({ LastUsedDate: z.date().optional(), Region: z.string().optional() }),
});
const ManagedPolicyDetail = z.object({
  ...listedPolicy,
  Description: z.string().optional(),
  PolicyVersionList: z.array(z.object({ Document: PolicyTextOut, ...listedVersion })),
});

/** The contract of the list of everything. */
export const detailContracts = {
  GetAccountAuthorizationDetails: operation({
    summary: 'List all users, groups, roles and policies of the account with everything that says who may do what.',
    aws: 'iam',
    // POST, because Filter is a list, for which a query has no place.
    rest: 'POST /v1/account/authorization-details',
    effect: 'read',
    input: z.object({ Filter: z.array(Kind).max(100).optional(), ...pageIn }),
    output: z.object({
      UserDetailList: z.array(UserDetail),
      GroupDetailList: z.array(GroupDetail),
      RoleDetailList: z.array(RoleDetail),
      Policies: z.array(ManagedPolicyDetail),
      ...pageOut,
    }),
    errors: [],
    access: { action: 'iam:GetAccountAuthorizationDetails', resource: wholeAccount },
  }),
};
