import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { InstanceProfileName, Nothing, pageIn, pageOut, Path, PathPrefix, PolicyTextOut, RoleName, Tags, TagsOut } from '../contract/shapes.js';
import { taggable } from '../contract/taggable.js';

/** A role within an instance profile: without MaxSessionDuration (recorded from AWS). */
const Role = z.object({
  Path: z.string(),
  RoleName: z.string(),
  RoleId: z.string(),
  Arn: z.string(),
  CreateDate: z.date(),
  AssumeRolePolicyDocument: PolicyTextOut,
  Description: z.string().optional(),
});
/** An instance profile as lists show it. */
export const listedProfile = {
  Path: z.string(),
  InstanceProfileName: z.string(),
  InstanceProfileId: z.string(),
  Arn: z.string(),
  CreateDate: z.date(),
  Roles: z.array(Role),
};

/** The instance profile a call is about. */
const named = (input: { InstanceProfileName: string }): { instanceProfile: string } => ({ instanceProfile: input.InstanceProfileName });

/** Contracts of instance profiles. */
export const profileContracts = {
  CreateInstanceProfile: operation({
    summary: 'Create an instance profile, through which machines are given a role.',
    aws: 'iam',
    rest: 'POST /v1/instance-profiles',
    effect: 'change',
    input: z.object({ InstanceProfileName, Path: Path.optional(), Tags: Tags.optional() }),
    output: z.object({ InstanceProfile: z.object({ ...listedProfile, Tags: TagsOut.optional() }) }),
    errors: ['EntityAlreadyExists', 'InvalidInput', 'LimitExceeded', 'ConcurrentModification'],
    access: {
      action: 'iam:CreateInstanceProfile',
      resource: (input, caller) => ({ arn: `arn:aws:iam::${caller.account}:instance-profile${input.Path ?? '/'}${input.InstanceProfileName}` }),
      also: (input) => ((input.Tags ?? []).length > 0 ? ['iam:TagInstanceProfile'] : []),
    },
  }),
  GetInstanceProfile: operation({
    summary: 'Show an instance profile with its role.',
    aws: 'iam',
    rest: 'GET /v1/instance-profiles/{InstanceProfileName}',
    effect: 'read',
    input: z.object({ InstanceProfileName }),
    output: z.object({ InstanceProfile: z.object({ ...listedProfile, Tags: TagsOut }) }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:GetInstanceProfile', resource: named },
  }),
  ListInstanceProfiles: operation({
    summary: 'List the instance profiles of the account by name.',
    aws: 'iam',
    rest: 'GET /v1/instance-profiles',
    effect: 'read',
    input: z.object({ PathPrefix: PathPrefix.optional(), ...pageIn }),
    output: z.object({ InstanceProfiles: z.array(z.object(listedProfile)), ...pageOut }),
    errors: [],
    access: { action: 'iam:ListInstanceProfiles', resource: (input, caller) => ({ arn: `arn:aws:iam::${caller.account}:instance-profile${input.PathPrefix ?? '/'}` }) },
  }),
  ListInstanceProfilesForRole: operation({
    summary: 'List the instance profiles that give out a role.',
    aws: 'iam',
    rest: 'GET /v1/roles/{RoleName}/instance-profiles',
    effect: 'read',
    input: z.object({ RoleName, ...pageIn }),
    output: z.object({ InstanceProfiles: z.array(z.object(listedProfile)), ...pageOut }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:ListInstanceProfilesForRole', resource: (input) => ({ role: input.RoleName }) },
  }),
  DeleteInstanceProfile: operation({
    summary: 'Delete an instance profile, which must not have a role any more.',
    aws: 'iam',
    rest: 'DELETE /v1/instance-profiles/{InstanceProfileName}',
    effect: 'change',
    input: z.object({ InstanceProfileName }),
    output: Nothing,
    errors: ['NoSuchEntity', 'DeleteConflict'],
    access: { action: 'iam:DeleteInstanceProfile', resource: named },
  }),
  AddRoleToInstanceProfile: operation({
    summary: 'Put a role into an instance profile, which holds one at the most; takes iam:PassRole on the role as well.',
    aws: 'iam',
    rest: 'PUT /v1/instance-profiles/{InstanceProfileName}/roles/{RoleName}',
    effect: 'change',
    input: z.object({ InstanceProfileName, RoleName }),
    output: Nothing,
    errors: ['NoSuchEntity', 'LimitExceeded'],
    access: { action: 'iam:AddRoleToInstanceProfile', resource: named, passes: (input) => ({ role: input.RoleName, to: 'ec2.amazonaws.com' }) },
  }),
  RemoveRoleFromInstanceProfile: operation({
    summary: 'Take a role out of an instance profile.',
    aws: 'iam',
    rest: 'DELETE /v1/instance-profiles/{InstanceProfileName}/roles/{RoleName}',
    effect: 'change',
    input: z.object({ InstanceProfileName, RoleName }),
    output: Nothing,
    errors: ['NoSuchEntity'],
    access: { action: 'iam:RemoveRoleFromInstanceProfile', resource: named },
  }),
  ...taggable('InstanceProfile', { called: 'an instance profile', by: { InstanceProfileName }, resource: named, route: '/v1/instance-profiles/{InstanceProfileName}' }),
};
