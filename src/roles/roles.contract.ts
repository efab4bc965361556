import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { ArnText, NewName, Nothing, pageIn, pageOut, Path, PathPrefix, PolicyText, PolicyTextOut, RoleName, Tags, TagsOut } from '../contract/shapes.js';

const created = {
  Path: z.string(),
  RoleName: z.string(),
  RoleId: z.string(),
  Arn: z.string(),
  CreateDate: z.date(),
  AssumeRolePolicyDocument: PolicyTextOut,
};
const listed = { ...created, Description: z.string().optional(), MaxSessionDuration: z.number() };

const Description = z
  .string()
  .max(1000)
  .regex(/^[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*$/, { error: '[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*' });

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
      MaxSessionDuration: z.int().min(3600).max(43_200).optional(),
      PermissionsBoundary: ArnText.optional(),
      Tags: Tags.optional(),
    }),
    output: z.object({ Role: z.object({ ...created, Tags: TagsOut.optional() }) }),
    errors: ['LimitExceeded', 'InvalidInput', 'EntityAlreadyExists', 'MalformedPolicyDocument', 'ConcurrentModification'],
    access: {
      action: 'iam:CreateRole',
      resource: (input, caller) => ({ arn: `arn:aws:iam::${caller.account}:role${input.Path ?? '/'}${input.RoleName}` }),
      also: (input) => ((input.Tags ?? []).length > 0 ? ['iam:TagRole'] : []),
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
    input: z.object({ RoleName, PolicyDocument: PolicyText }),
    output: Nothing,
    errors: ['NoSuchEntity', 'MalformedPolicyDocument', 'LimitExceeded'],
    access: { action: 'iam:UpdateAssumeRolePolicy', resource: named },
  }),
};
