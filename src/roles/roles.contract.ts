import { z } from 'zod';

import { operation, restOnly } from '../contract/operation.js';
import { ArnText, BoundaryOut, Description, EmptyResult, NewName, Nothing, pageIn, pageOut, Path, pattern, PathPrefix, PolicyText, PolicyTextOut, RoleName, Tags, TagsOut } from '../contract/shapes.js';
import { taggable } from '../contract/taggable.js';

const created = {
  Path: z.string(),
  RoleName: z.string(),
  RoleId: z.string(),
  Arn: z.string(),
  CreateDate: z.date(),
  AssumeRolePolicyDocument: PolicyTextOut,
};
const listed = { ...created, Description: z.string().optional(), MaxSessionDuration: z.number() };

/** Why a risky trust policy is saved all the same. */
const AcceptRisk = restOnly(
  z
    .string()
    .min(1)
    .max(512)
    .regex(...pattern(/^[\t\n\r\u0020-\u007E\u00A1-\u00FF]*$/, '[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*'))
    .describe('Save the trust policy although the linter finds it risky, for this reason, which is recorded.'),
);

/** Seconds. */
const MaxSessionDuration = z.int().min(3600).max(43_200);

/** The role a call is about. */
const named = (input: { RoleName: string }): { role: string } => ({ role: input.RoleName });

/** Contracts of roles and their trust policies. */
export const roleContracts = {
  CreateRole: operation({
    summary: 'Create a role with the trust policy that says who may assume it.',
    aws: 'iam',
    rest: 'POST /v1/roles',
    effect: 'change',
    input: z.object({
      Path: Path.optional(),
      RoleName: NewName,
      AssumeRolePolicyDocument: PolicyText,
      Description: Description.optional(),
      MaxSessionDuration: MaxSessionDuration.optional(),
      PermissionsBoundary: ArnText.optional(),
      Tags: Tags.optional(),
      AcceptRisk: AcceptRisk.optional(),
    }),
    output: z.object({ Role: z.object({ ...created, PermissionsBoundary: BoundaryOut.optional(), Tags: TagsOut.optional() }) }),
    errors: ['LimitExceeded', 'InvalidInput', 'EntityAlreadyExists', 'NoSuchEntity', 'MalformedPolicyDocument', 'ConcurrentModification', 'RiskyTrustPolicy'],
    access: {
      action: 'iam:CreateRole',
      resource: (input, caller) => ({ arn: `arn:aws:iam::${caller.account}:role${input.Path ?? '/'}${input.RoleName}` }),
      also: (input) => ((input.Tags ?? []).length > 0 ? ['iam:TagRole'] : []),
      context: (input) => ({ ...(input.PermissionsBoundary !== undefined && { 'iam:PermissionsBoundary': input.PermissionsBoundary }) }),
    },
  }),
  GetRole: operation({
    summary: 'Show a role with its trust policy and last use.',
    aws: 'iam',
    rest: 'GET /v1/roles/{RoleName}',
    effect: 'read',
    input: z.object({ RoleName }),
    output: z.object({
      Role: z.object({
        ...listed,
        PermissionsBoundary: BoundaryOut.optional(),
        Tags: TagsOut.optional(),
        RoleLastUsed: z.object({ LastUsedDate: z.date().optional(), Region: z.string().optional() }),
      }),
    }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:GetRole', resource: named },
  }),
  ListRoles: operation({
    summary: 'List the roles of the account by name.',
    aws: 'iam',
    rest: 'GET /v1/roles',
    effect: 'read',
    input: z.object({ PathPrefix: PathPrefix.optional(), ...pageIn }),
    output: z.object({ Roles: z.array(z.object(listed)), ...pageOut }),
    errors: [],
    access: { action: 'iam:ListRoles', resource: (input, caller) => ({ arn: `arn:aws:iam::${caller.account}:role${input.PathPrefix ?? '/'}` }) },
  }),
  UpdateRole: operation({
    summary: 'Change the description of a role, the longest duration of its sessions, or both.',
    aws: 'iam',
    rest: 'PATCH /v1/roles/{RoleName}',
    effect: 'change',
    input: z.object({ RoleName, Description: Description.optional(), MaxSessionDuration: MaxSessionDuration.optional() }),
    output: EmptyResult,
    errors: ['NoSuchEntity'],
    access: { action: 'iam:UpdateRole', resource: named },
  }),
  UpdateRoleDescription: operation({
    summary: 'Change the description of a role.',
    aws: 'iam',
    rest: 'PUT /v1/roles/{RoleName}/description',
    effect: 'change',
    input: z.object({ RoleName, Description }),
    output: z.object({ Role: z.object(listed) }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:UpdateRoleDescription', resource: named },
  }),
  DeleteRole: operation({
    summary: 'Delete a role, which must not have policies any more; its live sessions end.',
    aws: 'iam',
    rest: 'DELETE /v1/roles/{RoleName}',
    effect: 'change',
    input: z.object({ RoleName }),
    output: Nothing,
    errors: ['NoSuchEntity', 'DeleteConflict', 'ConcurrentModification'],
    access: { action: 'iam:DeleteRole', resource: named },
  }),
  UpdateAssumeRolePolicy: operation({
    summary: 'Replace the trust policy of a role.',
    aws: 'iam',
    rest: 'PUT /v1/roles/{RoleName}/trust-policy',
    effect: 'change',
    input: z.object({ RoleName, PolicyDocument: PolicyText, AcceptRisk: AcceptRisk.optional() }),
    output: Nothing,
    errors: ['NoSuchEntity', 'MalformedPolicyDocument', 'LimitExceeded', 'RiskyTrustPolicy'],
    access: { action: 'iam:UpdateAssumeRolePolicy', resource: named },
  }),
  ...taggable('Role', { called: 'a role', by: { RoleName }, resource: named, route: '/v1/roles/{RoleName}', unremovable: 'InvalidInput' }),
  PutRolePermissionsBoundary: operation({
    summary: 'Make a managed policy the permissions boundary of a role: what it does not allow, its sessions may not.',
    aws: 'iam',
    rest: 'PUT /v1/roles/{RoleName}/permissions-boundary',
    effect: 'change',
    input: z.object({ RoleName, PermissionsBoundary: ArnText }),
    output: Nothing,
    errors: ['NoSuchEntity', 'InvalidInput'],
    access: { action: 'iam:PutRolePermissionsBoundary', resource: named, context: (input) => ({ 'iam:PermissionsBoundary': input.PermissionsBoundary }) },
  }),
  DeleteRolePermissionsBoundary: operation({
    summary: 'Take the permissions boundary from a role.',
    aws: 'iam',
    rest: 'DELETE /v1/roles/{RoleName}/permissions-boundary',
    effect: 'change',
    input: z.object({ RoleName }),
    output: Nothing,
    errors: ['NoSuchEntity'],
    access: { action: 'iam:DeleteRolePermissionsBoundary', resource: named, seesBoundary: true },
  }),
};
