import { z } from 'zod';

import { operation, sensitive } from '../contract/operation.js';
import { AccessKeyId, ArnText, BoundaryOut, NewName, Nothing, pageIn, pageOut, Path, PathPrefix, Tags, TagsOut, UserName } from '../contract/shapes.js';
import { taggable } from '../contract/taggable.js';

const Status = z.enum(['Active', 'Inactive']);

/** A user as lists show him. */
export const listedUser = {
  Path: z.string(),
  /** Absent for the root user. */
  UserName: z.string().optional(),
  UserId: z.string(),
  Arn: z.string(),
  CreateDate: z.date(),
};
/** Absent where nobody signed in with a password. */
const lastUse = { PasswordLastUsed: z.date().optional() };
const User = z.object({ ...listedUser, ...lastUse, PermissionsBoundary: BoundaryOut.optional(), Tags: TagsOut.optional() });

const AccessKeyMetadata = z.object({
  UserName: z.string().optional(),
  AccessKeyId: z.string(),
  Status,
  CreateDate: z.date(),
});

/** The user a call names. */
const existing = (input: { UserName: string }): { user: string } => ({ user: input.UserName });
/** The user a call is about: the named one, or the caller's own where none is named. */
const named = (input: { UserName?: string | undefined }): { user: string | undefined } => ({ user: input.UserName });

/** Contracts of IAM users. */
export const userContracts = {
  CreateUser: operation({
    summary: 'Create a user.',
    aws: 'iam',
    rest: 'POST /v1/users',
    effect: 'change',
    input: z.object({
      Path: Path.optional(),
      UserName: NewName,
      PermissionsBoundary: ArnText.optional(),
      Tags: Tags.optional(),
    }),
    output: z.object({ User }),
    errors: ['LimitExceeded', 'EntityAlreadyExists', 'NoSuchEntity', 'InvalidInput', 'ConcurrentModification'],
    access: {
      action: 'iam:CreateUser',
      resource: (input, caller) => ({ arn: `arn:aws:iam::${caller.account}:user${input.Path ?? '/'}${input.UserName}` }),
      also: (input) => ((input.Tags ?? []).length > 0 ? ['iam:TagUser'] : []),
      context: (input) => ({ ...(input.PermissionsBoundary !== undefined && { 'iam:PermissionsBoundary': input.PermissionsBoundary }) }),
    },
  }),
  GetUser: operation({
    summary: 'Show a user; on the AWS face without a name, the caller itself.',
    aws: 'iam',
    rest: 'GET /v1/users/{UserName}',
    effect: 'read',
    input: z.object({ UserName: UserName.optional() }),
    output: z.object({ User }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:GetUser', resource: named },
  }),
  ListUsers: operation({
    summary: 'List the users of the account by name.',
    aws: 'iam',
    rest: 'GET /v1/users',
    effect: 'read',
    input: z.object({ PathPrefix: PathPrefix.optional(), ...pageIn }),
    output: z.object({ Users: z.array(z.object({ ...listedUser, ...lastUse })), ...pageOut }),
    errors: [],
    access: { action: 'iam:ListUsers', resource: (input, caller) => ({ arn: `arn:aws:iam::${caller.account}:user${input.PathPrefix ?? '/'}` }) },
  }),
  UpdateUser: operation({
    summary: 'Rename a user or move it to another path; its keys, groups, policies and the trust in it stay.',
    aws: 'iam',
    rest: 'PATCH /v1/users/{UserName}',
    effect: 'change',
    input: z.object({ UserName, NewPath: Path.optional(), NewUserName: NewName.optional() }),
    output: Nothing,
    errors: ['NoSuchEntity', 'EntityAlreadyExists', 'ConcurrentModification'],
    access: { action: 'iam:UpdateUser', resource: existing, becomes: (input) => ({ path: input.NewPath, name: input.NewUserName }) },
  }),
  DeleteUser: operation({
    summary: 'Delete a user, which must not have access keys, a password, policies or groups any more.',
    aws: 'iam',
    rest: 'DELETE /v1/users/{UserName}',
    effect: 'change',
    input: z.object({ UserName }),
    output: Nothing,
    errors: ['NoSuchEntity', 'DeleteConflict', 'ConcurrentModification'],
    access: { action: 'iam:DeleteUser', resource: named },
  }),
  ...taggable('User', { called: 'a user', by: { UserName }, resource: existing, route: '/v1/users/{UserName}' }),
  PutUserPermissionsBoundary: operation({
    summary: 'Make a managed policy the permissions boundary of a user: what it does not allow, the user may not.',
    aws: 'iam',
    rest: 'PUT /v1/users/{UserName}/permissions-boundary',
    effect: 'change',
    input: z.object({ UserName, PermissionsBoundary: ArnText }),
    output: Nothing,
    errors: ['NoSuchEntity', 'InvalidInput'],
    access: { action: 'iam:PutUserPermissionsBoundary', resource: existing, context: (input) => ({ 'iam:PermissionsBoundary': input.PermissionsBoundary }) },
  }),
  DeleteUserPermissionsBoundary: operation({
    summary: 'Take the permissions boundary from a user.',
    aws: 'iam',
    rest: 'DELETE /v1/users/{UserName}/permissions-boundary',
    effect: 'change',
    input: z.object({ UserName }),
    output: Nothing,
    errors: ['NoSuchEntity'],
    access: { action: 'iam:DeleteUserPermissionsBoundary', resource: existing, seesBoundary: true },
  }),
};

/** Contracts of access keys. Without a UserName they are about the caller's own keys. */
export const accessKeyContracts = {
  CreateAccessKey: operation({
    summary: 'Create an access key; its secret is shown this once.',
    aws: 'iam',
    rest: 'POST /v1/access-keys',
    effect: 'change',
    input: z.object({ UserName: UserName.optional() }),
    output: z.object({ AccessKey: AccessKeyMetadata.extend({ SecretAccessKey: sensitive(z.string()) }) }),
    errors: ['NoSuchEntity', 'LimitExceeded'],
    access: { action: 'iam:CreateAccessKey', resource: named },
  }),
  ListAccessKeys: operation({
    summary: 'List the access keys of a user.',
    aws: 'iam',
    rest: 'GET /v1/access-keys',
    effect: 'read',
    input: z.object({ UserName: UserName.optional(), ...pageIn }),
    output: z.object({ AccessKeyMetadata: z.array(AccessKeyMetadata), ...pageOut }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:ListAccessKeys', resource: named },
  }),
  UpdateAccessKey: operation({
    summary: 'Make an access key active or inactive.',
    aws: 'iam',
    rest: 'PATCH /v1/access-keys/{AccessKeyId}',
    effect: 'change',
    input: z.object({ UserName: UserName.optional(), AccessKeyId, Status }),
    output: Nothing,
    errors: ['NoSuchEntity'],
    access: { action: 'iam:UpdateAccessKey', resource: named },
  }),
  DeleteAccessKey: operation({
    summary: 'Delete an access key.',
    aws: 'iam',
    rest: 'DELETE /v1/access-keys/{AccessKeyId}',
    effect: 'change',
    input: z.object({ UserName: UserName.optional(), AccessKeyId }),
    output: Nothing,
    errors: ['NoSuchEntity'],
    access: { action: 'iam:DeleteAccessKey', resource: named },
  }),
  GetAccessKeyLastUsed: operation({
    summary: 'Show when, where and for which service an access key was last used.',
    aws: 'iam',
    rest: 'GET /v1/access-keys/{AccessKeyId}/last-used',
    effect: 'read',
    input: z.object({ AccessKeyId }),
    output: z.object({
      UserName: z.string().optional(),
      AccessKeyLastUsed: z.object({ LastUsedDate: z.date().optional(), ServiceName: z.string(), Region: z.string() }),
    }),
    errors: ['AccessDenied'],
    access: { action: 'iam:GetAccessKeyLastUsed', resource: (input) => ({ accessKey: input.AccessKeyId }) },
  }),
};
