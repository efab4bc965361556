import { z } from 'zod';

import { operation, type ResourceRef } from '../contract/operation.js';
import { ArnText, Nothing, pageIn, pageOut, PathPrefix, RoleName, UserName } from '../contract/shapes.js';

/** Those to whom policies are attached: how operations call them, and the member and the route that name one. */
interface Kind<S extends z.ZodRawShape> {
  readonly kind: 'User' | 'Role';
  readonly name: S;
  readonly route: `/v1/${string}`;
  readonly ref: (input: Readonly<Record<string, unknown>>) => ResourceRef;
}

const PolicyArn = ArnText;
const condition = (input: Readonly<Record<string, unknown>>): { 'iam:PolicyARN': string } => ({ 'iam:PolicyARN': String(input['PolicyArn']) });

/** What can be done with the policies attached to one kind of owner. */
function attachments<S extends z.ZodRawShape>({ kind, name, route, ref }: Kind<S>) {
  return {
    attach: operation({
      summary: `Attach a managed policy to a ${kind.toLowerCase()}; one that is attached already stays so.`,
      aws: 'iam',
      rest: `PUT ${route}/attached-policies/{PolicyArn}`,
      effect: 'change',
      input: z.object({ ...name, PolicyArn }),
      output: Nothing,
      errors: ['NoSuchEntity', 'LimitExceeded'],
      access: { action: `iam:Attach${kind}Policy`, resource: ref, context: condition },
    }),
    detach: operation({
      summary: `Detach a managed policy from a ${kind.toLowerCase()}.`,
      aws: 'iam',
      rest: `DELETE ${route}/attached-policies/{PolicyArn}`,
      effect: 'change',
      input: z.object({ ...name, PolicyArn }),
      output: Nothing,
      errors: ['NoSuchEntity'],
      access: { action: `iam:Detach${kind}Policy`, resource: ref, context: condition },
    }),
    list: operation({
      summary: `List the managed policies that are attached to a ${kind.toLowerCase()}.`,
      aws: 'iam',
      rest: `GET ${route}/attached-policies`,
      effect: 'read',
      input: z.object({ ...name, PathPrefix: PathPrefix.optional(), ...pageIn }),
      output: z.object({ AttachedPolicies: z.array(z.object({ PolicyName: z.string(), PolicyArn: z.string() })), ...pageOut }),
      errors: ['NoSuchEntity'],
      access: { action: `iam:ListAttached${kind}Policies`, resource: ref },
    }),
  };
}

const toUsers = attachments({ kind: 'User', name: { UserName }, route: '/v1/users/{UserName}', ref: (input) => ({ user: String(input['UserName']) }) });
const toRoles = attachments({ kind: 'Role', name: { RoleName }, route: '/v1/roles/{RoleName}', ref: (input) => ({ role: String(input['RoleName']) }) });

/** Contracts of managed policies on users and roles. */
export const attachmentContracts = {
  AttachUserPolicy: toUsers.attach,
  DetachUserPolicy: toUsers.detach,
  ListAttachedUserPolicies: toUsers.list,
  AttachRolePolicy: toRoles.attach,
  DetachRolePolicy: toRoles.detach,
  ListAttachedRolePolicies: toRoles.list,
};
