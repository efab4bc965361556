import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { Description, pattern, PolicyTextOut, RoleName } from '../contract/shapes.js';

const AWSServiceName = z.string().min(1).max(128).regex(...pattern(/^[\w+=,.@-]*$/, '[\\w+=,.@-]+'));
const CustomSuffix = z.string().min(1).max(64).regex(...pattern(/^[\w+=,.@-]*$/, '[\\w+=,.@-]+'));

/** Contracts of service-linked roles, of which Stint has none: they are refused in AWS's words. */
export const serviceLinkedContracts = {
  CreateServiceLinkedRole: operation({
    summary: 'Create a role for a service of AWS: always refused, for Stint has no services that use them.',
    aws: 'iam',
    rest: 'POST /v1/service-linked-roles',
    effect: 'change',
    input: z.object({ AWSServiceName, Description: Description.optional(), CustomSuffix: CustomSuffix.optional() }),
    output: z.object({ Role: z.object({ Path: z.string(), RoleName: z.string(), RoleId: z.string(), Arn: z.string(), CreateDate: z.date(), AssumeRolePolicyDocument: PolicyTextOut }) }),
    errors: ['InvalidInput'],
    access: {
      action: 'iam:CreateServiceLinkedRole',
      resource: (input, caller) => ({ arn: `arn:aws:iam::${caller.account}:role/aws-service-role/${input.AWSServiceName}/*` }),
      context: (input) => ({ 'iam:AWSServiceName': input.AWSServiceName }),
    },
  }),
  DeleteServiceLinkedRole: operation({
    summary: 'Delete a role of a service of AWS: always refused, for there is none.',
    aws: 'iam',
    rest: 'DELETE /v1/service-linked-roles/{RoleName}',
    effect: 'change',
    input: z.object({ RoleName }),
    output: z.object({ DeletionTaskId: z.string() }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:DeleteServiceLinkedRole', resource: (input) => ({ role: input.RoleName }) },
  }),
  GetServiceLinkedRoleDeletionStatus: operation({
    summary: 'Show how far the deletion of a role of a service of AWS has come: always refused, for there is none.',
    aws: 'iam',
    rest: 'GET /v1/service-linked-roles/deletions/{DeletionTaskId}',
    effect: 'read',
    input: z.object({ DeletionTaskId: z.string().min(1).max(1000) }),
    output: z.object({ Status: z.enum(['SUCCEEDED', 'IN_PROGRESS', 'FAILED', 'NOT_STARTED']) }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:GetServiceLinkedRoleDeletionStatus', resource: () => ({ arn: '*' }) },
  }),
};
