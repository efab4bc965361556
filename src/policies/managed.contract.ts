import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { ArnText, Nothing, pageIn, pageOut, PathPrefix, PolicyName, PolicyPath, PolicyText, PolicyTextOut, Tags, TagsOut } from '../contract/shapes.js';
import { taggable } from '../contract/taggable.js';

const PolicyArn = ArnText;
const VersionId = z.string().regex(/^v[1-9][0-9]*(?:\.[A-Za-z0-9-]*)?$/, { error: 'v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?' });
const Description = z
  .string()
  .max(1000)
  .regex(/^[\u0009\u000A\u000D\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u, { error: '[\\u0009\\u000A\\u000D\\u0020-\\uD7FF\\uE000-\\uFFFD\\u10000-\\u10FFFF]*' });
const PolicyUsageFilter = z.enum(['PermissionsPolicy', 'PermissionsBoundary']);

/** A managed policy as lists show it. */
export const listedPolicy = {
  PolicyName: z.string(),
  PolicyId: z.string(),
  Arn: z.string(),
  Path: z.string(),
  DefaultVersionId: z.string(),
  AttachmentCount: z.number(),
  PermissionsBoundaryUsageCount: z.number(),
  IsAttachable: z.boolean(),
  CreateDate: z.date(),
  UpdateDate: z.date(),
};
/** A version of a policy as lists show it. */
export const listedVersion = { VersionId: z.string(), IsDefaultVersion: z.boolean(), CreateDate: z.date() };

/** The policy a call is about. */
const named = (input: { PolicyArn: string }): { policy: string } => ({ policy: input.PolicyArn });

/** Contracts of managed policies. */
export const managedPolicyContracts = {
  CreatePolicy: operation({
    summary: 'Create a managed policy, which can be attached to users, roles and groups.',
    aws: 'iam',
    rest: 'POST /v1/policies',
    effect: 'change',
    input: z.object({
      PolicyName,
      Path: PolicyPath.optional(),
      PolicyDocument: PolicyText,
      Description: Description.optional(),
      Tags: Tags.optional(),
    }),
    output: z.object({ Policy: z.object({ ...listedPolicy, Tags: TagsOut.optional() }) }),
    errors: ['InvalidInput', 'LimitExceeded', 'EntityAlreadyExists', 'MalformedPolicyDocument', 'ConcurrentModification'],
    access: {
      action: 'iam:CreatePolicy',
      resource: (input, caller) => ({ arn: `arn:aws:iam::${caller.account}:policy${input.Path ?? '/'}${input.PolicyName}` }),
      also: (input) => ((input.Tags ?? []).length > 0 ? ['iam:TagPolicy'] : []),
    },
  }),
  GetPolicy: operation({
    summary: 'Show a managed policy; its document is in its versions.',
    aws: 'iam',
    rest: 'GET /v1/policies/{PolicyArn}',
    effect: 'read',
    input: z.object({ PolicyArn }),
    output: z.object({ Policy: z.object({ ...listedPolicy, Description: z.string().optional(), Tags: TagsOut }) }),
    errors: ['NoSuchEntity', 'InvalidInput'],
    access: { action: 'iam:GetPolicy', resource: named },
  }),
  ListPolicies: operation({
    summary: 'List the managed policies of the account by name, and those that Stint brings along.',
    aws: 'iam',
    rest: 'GET /v1/policies',
    effect: 'read',
    input: z.object({
      Scope: z.enum(['All', 'AWS', 'Local']).optional(),
      OnlyAttached: z.boolean().optional(),
      PathPrefix: PathPrefix.optional(),
      PolicyUsageFilter: PolicyUsageFilter.optional(),
      ...pageIn,
    }),
    output: z.object({ Policies: z.array(z.object(listedPolicy)), ...pageOut }),
    errors: [],
    access: { action: 'iam:ListPolicies', resource: (input, caller) => ({ arn: `arn:aws:iam::${caller.account}:policy${input.PathPrefix ?? '/'}` }) },
  }),
  DeletePolicy: operation({
    summary: 'Delete a managed policy, which must not be attached, be a boundary or have other versions any more.',
    aws: 'iam',
    rest: 'DELETE /v1/policies/{PolicyArn}',
    effect: 'change',
    input: z.object({ PolicyArn }),
    output: Nothing,
    errors: ['NoSuchEntity', 'InvalidInput', 'DeleteConflict', 'AccessDenied'],
    access: { action: 'iam:DeletePolicy', resource: named },
  }),
  CreatePolicyVersion: operation({
    summary: 'Add a version to a managed policy, and perhaps put it in force.',
    aws: 'iam',
    rest: 'POST /v1/policies/{PolicyArn}/versions',
    effect: 'change',
    input: z.object({ PolicyArn, PolicyDocument: PolicyText, SetAsDefault: z.boolean().optional() }),
    output: z.object({ PolicyVersion: z.object(listedVersion) }),
    errors: ['NoSuchEntity', 'MalformedPolicyDocument', 'InvalidInput', 'LimitExceeded', 'AccessDenied'],
    access: { action: 'iam:CreatePolicyVersion', resource: named },
  }),
  GetPolicyVersion: operation({
    summary: 'Show a version of a managed policy with its document.',
    aws: 'iam',
    rest: 'GET /v1/policies/{PolicyArn}/versions/{VersionId}',
    effect: 'read',
    input: z.object({ PolicyArn, VersionId }),
    output: z.object({ PolicyVersion: z.object({ Document: PolicyTextOut, ...listedVersion }) }),
    errors: ['NoSuchEntity', 'InvalidInput'],
    access: { action: 'iam:GetPolicyVersion', resource: named },
  }),
  ListPolicyVersions: operation({
    summary: 'List the versions of a managed policy, newest first.',
    aws: 'iam',
    rest: 'GET /v1/policies/{PolicyArn}/versions',
    effect: 'read',
    input: z.object({ PolicyArn, ...pageIn }),
    output: z.object({ Versions: z.array(z.object(listedVersion)), ...pageOut }),
    errors: ['NoSuchEntity', 'InvalidInput'],
    access: { action: 'iam:ListPolicyVersions', resource: named },
  }),
  SetDefaultPolicyVersion: operation({
    summary: 'Put another version of a managed policy in force, wherever it is attached.',
    aws: 'iam',
    rest: 'PUT /v1/policies/{PolicyArn}/default-version',
    effect: 'change',
    input: z.object({ PolicyArn, VersionId }),
    output: Nothing,
    errors: ['NoSuchEntity', 'InvalidInput', 'AccessDenied'],
    access: { action: 'iam:SetDefaultPolicyVersion', resource: named },
  }),
  DeletePolicyVersion: operation({
    summary: 'Delete a version of a managed policy that is not in force.',
    aws: 'iam',
    rest: 'DELETE /v1/policies/{PolicyArn}/versions/{VersionId}',
    effect: 'change',
    input: z.object({ PolicyArn, VersionId }),
    output: Nothing,
    errors: ['NoSuchEntity', 'InvalidInput', 'DeleteConflict', 'AccessDenied'],
    access: { action: 'iam:DeletePolicyVersion', resource: named },
  }),
  ...taggable('Policy', { called: 'a managed policy', by: { PolicyArn }, resource: named, route: '/v1/policies/{PolicyArn}', misnamed: 'InvalidInput', unchangeable: 'AccessDenied' }),
  ListEntitiesForPolicy: operation({
    summary: 'List the users, roles and groups of the account that a managed policy is attached to, and those whose boundary it is.',
    aws: 'iam',
    rest: 'GET /v1/policies/{PolicyArn}/entities',
    effect: 'read',
    input: z.object({
      PolicyArn,
      EntityFilter: z.enum(['User', 'Role', 'Group', 'LocalManagedPolicy', 'AWSManagedPolicy']).optional(),
      PathPrefix: PathPrefix.optional(),
      PolicyUsageFilter: PolicyUsageFilter.optional(),
      ...pageIn,
    }),
    output: z.object({
      PolicyGroups: z.array(z.object({ GroupName: z.string(), GroupId: z.string() })),
      PolicyUsers: z.array(z.object({ UserName: z.string(), UserId: z.string() })),
      PolicyRoles: z.array(z.object({ RoleName: z.string(), RoleId: z.string() })),
      ...pageOut,
    }),
    errors: ['NoSuchEntity', 'InvalidInput'],
    access: { action: 'iam:ListEntitiesForPolicy', resource: named },
  }),
};
