import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { GroupName, Nothing, pageIn, pageOut, Path, PathPrefix, UserName } from '../contract/shapes.js';
import { listedUser } from './users.contract.js';

const Group = z.object({ Path: z.string(), GroupName: z.string(), GroupId: z.string(), Arn: z.string(), CreateDate: z.date() });

/** The group a call is about. */
const named = (input: { GroupName: string }): { group: string } => ({ group: input.GroupName });
/** The same where a user comes in: he is looked for first. */
const withUser = (input: { GroupName: string; UserName: string }): { group: string; member: string } => ({ group: input.GroupName, member: input.UserName });

/** Contracts of groups. */
export const groupContracts = {
  CreateGroup: operation({
    summary: 'Create a group.',
    aws: 'iam',
    rest: 'POST /v1/groups',
    effect: 'change',
    input: z.object({ Path: Path.optional(), GroupName }),
    output: z.object({ Group }),
    errors: ['LimitExceeded', 'EntityAlreadyExists'],
    access: { action: 'iam:CreateGroup', resource: (input, caller) => ({ arn: `arn:aws:iam::${caller.account}:group${input.Path ?? '/'}${input.GroupName}` }) },
  }),
  GetGroup: operation({
    summary: 'Show a group and the users in it by name.',
    aws: 'iam',
    rest: 'GET /v1/groups/{GroupName}',
    effect: 'read',
    input: z.object({ GroupName, ...pageIn }),
    output: z.object({ Group, Users: z.array(z.object(listedUser)), ...pageOut }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:GetGroup', resource: named },
  }),
  ListGroups: operation({
    summary: 'List the groups of the account by name.',
    aws: 'iam',
    rest: 'GET /v1/groups',
    effect: 'read',
    input: z.object({ PathPrefix: PathPrefix.optional(), ...pageIn }),
    output: z.object({ Groups: z.array(Group), ...pageOut }),
    errors: [],
    access: { action: 'iam:ListGroups', resource: (input, caller) => ({ arn: `arn:aws:iam::${caller.account}:group${input.PathPrefix ?? '/'}` }) },
  }),
  UpdateGroup: operation({
    summary: 'Rename a group or move it to another path; its users and policies stay.',
    aws: 'iam',
    rest: 'PATCH /v1/groups/{GroupName}',
    effect: 'change',
    input: z.object({ GroupName, NewPath: Path.optional(), NewGroupName: GroupName.optional() }),
    output: Nothing,
    errors: ['NoSuchEntity', 'EntityAlreadyExists'],
    access: { action: 'iam:UpdateGroup', resource: named, becomes: (input) => ({ path: input.NewPath, name: input.NewGroupName }) },
  }),
  DeleteGroup: operation({
    summary: 'Delete a group, which must not have users or policies any more.',
    aws: 'iam',
    rest: 'DELETE /v1/groups/{GroupName}',
    effect: 'change',
    input: z.object({ GroupName }),
    output: Nothing,
    errors: ['NoSuchEntity', 'DeleteConflict'],
    access: { action: 'iam:DeleteGroup', resource: named },
  }),
  AddUserToGroup: operation({
    summary: 'Put a user into a group; one who is in it already stays so.',
    aws: 'iam',
    rest: 'PUT /v1/groups/{GroupName}/users/{UserName}',
    effect: 'change',
    input: z.object({ GroupName, UserName }),
    output: Nothing,
    errors: ['NoSuchEntity', 'LimitExceeded'],
    access: { action: 'iam:AddUserToGroup', resource: withUser },
  }),
  RemoveUserFromGroup: operation({
    summary: 'Take a user out of a group, if he is in it.',
    aws: 'iam',
    rest: 'DELETE /v1/groups/{GroupName}/users/{UserName}',
    effect: 'change',
    input: z.object({ GroupName, UserName }),
    output: Nothing,
    errors: ['NoSuchEntity'],
    access: { action: 'iam:RemoveUserFromGroup', resource: withUser },
  }),
  ListGroupsForUser: operation({
    summary: 'List the groups that a user is in by name.',
    aws: 'iam',
    rest: 'GET /v1/users/{UserName}/groups',
    effect: 'read',
    input: z.object({ UserName, ...pageIn }),
    output: z.object({ Groups: z.array(Group), ...pageOut }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:ListGroupsForUser', resource: (input) => ({ user: input.UserName }) },
  }),
};
