import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { Nothing, pageIn, pageOut, PolicyName, PolicyText, PolicyTextOut, RoleName, UserName } from '../contract/shapes.js';

const ofUser = (input: { UserName: string }): { user: string } => ({ user: input.UserName });
const ofRole = (input: { RoleName: string }): { role: string } => ({ role: input.RoleName });

/** Contracts of inline policies. */
export const policyContracts = {
  PutUserPolicy: operation({
    summary: 'Add an inline policy to a user, or replace the one of that name.',
    aws: 'iam',
    rest: 'PUT /v1/users/{UserName}/policies/{PolicyName}',
    effect: 'change',
    input: z.object({ UserName, PolicyName, PolicyDocument: PolicyText }),
    output: Nothing,
    errors: ['LimitExceeded', 'MalformedPolicyDocument', 'NoSuchEntity'],
    access: { action: 'iam:PutUserPolicy', resource: ofUser },
  }),
  GetUserPolicy: operation({
    summary: 'Show an inline policy of a user.',
    aws: 'iam',
    rest: 'GET /v1/users/{UserName}/policies/{PolicyName}',
    effect: 'read',
    input: z.object({ UserName, PolicyName }),
    output: z.object({ UserName: z.string(), PolicyName: z.string(), PolicyDocument: PolicyTextOut }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:GetUserPolicy', resource: ofUser },
  }),
  ListUserPolicies: operation({
    summary: 'List the names of a user’s inline policies.',
    aws: 'iam',
    rest: 'GET /v1/users/{UserName}/policies',
    effect: 'read',
    input: z.object({ UserName, ...pageIn }),
    output: z.object({ PolicyNames: z.array(z.string()), ...pageOut }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:ListUserPolicies', resource: ofUser },
  }),
  DeleteUserPolicy: operation({
    summary: 'Remove an inline policy from a user.',
    aws: 'iam',
    rest: 'DELETE /v1/users/{UserName}/policies/{PolicyName}',
    effect: 'change',
    input: z.object({ UserName, PolicyName }),
    output: Nothing,
    errors: ['NoSuchEntity'],
    access: { action: 'iam:DeleteUserPolicy', resource: ofUser },
  }),
  PutRolePolicy: operation({
    summary: 'Add an inline policy to a role, or replace the one of that name.',
    aws: 'iam',
    rest: 'PUT /v1/roles/{RoleName}/policies/{PolicyName}',
    effect: 'change',
    input: z.object({ RoleName, PolicyName, PolicyDocument: PolicyText }),
    output: Nothing,
    errors: ['LimitExceeded', 'MalformedPolicyDocument', 'NoSuchEntity'],
    access: { action: 'iam:PutRolePolicy', resource: ofRole },
  }),
  GetRolePolicy: operation({
    summary: 'Show an inline policy of a role.',
    aws: 'iam',
    rest: 'GET /v1/roles/{RoleName}/policies/{PolicyName}',
    effect: 'read',
    input: z.object({ RoleName, PolicyName }),
    output: z.object({ RoleName: z.string(), PolicyName: z.string(), PolicyDocument: PolicyTextOut }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:GetRolePolicy', resource: ofRole },
  }),
  ListRolePolicies: operation({
    summary: 'List the names of a role’s inline policies.',
    aws: 'iam',
    rest: 'GET /v1/roles/{RoleName}/policies',
    effect: 'read',
    input: z.object({ RoleName, ...pageIn }),
    output: z.object({ PolicyNames: z.array(z.string()), ...pageOut }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:ListRolePolicies', resource: ofRole },
  }),
  DeleteRolePolicy: operation({
    summary: 'Remove an inline policy from a role.',
    aws: 'iam',
    rest: 'DELETE /v1/roles/{RoleName}/policies/{PolicyName}',
    effect: 'change',
    input: z.object({ RoleName, PolicyName }),
    output: Nothing,
    errors: ['NoSuchEntity'],
    access: { action: 'iam:DeleteRolePolicy', resource: ofRole },
  }),
};
