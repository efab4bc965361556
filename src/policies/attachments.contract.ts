import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { ArnText, Nothing, pageIn, pageOut, PathPrefix } from '../contract/shapes.js';
import { boundaryOf, ofGroups, ofRoles, ofUsers, type OwnerKind } from './policies.contract.js';

const PolicyArn = ArnText;
const condition = (input: Readonly<Record<string, unknown>>): { 'iam:PolicyARN': string } => ({ 'iam:PolicyARN': String(input['PolicyArn']) });

/** What can be done with the policies attached to one kind of owner. */
function attachments<S extends z.ZodRawShape>({ kind, name, route, ref }: OwnerKind<S>) {
  return {
    attach: operation({
      summary: `Attach a managed policy to a ${kind.toLowerCase()}; one that is attached already stays so.`,
      aws: 'iam',
      rest: `PUT ${route}/attached-policies/{PolicyArn}`,
      effect: 'change',
      input: z.object({ ...name, PolicyArn }),
      output: Nothing,
      errors: ['NoSuchEntity', 'LimitExceeded'],
      access: { action: `iam:Attach${kind}Policy`, resource: ref, context: condition, ...boundaryOf(kind) },
    }),
    detach: operation({
      summary: `Detach a managed policy from a ${kind.toLowerCase()}.`,
      aws: 'iam',
      rest: `DELETE ${route}/attached-policies/{PolicyArn}`,
      effect: 'change',
      input: z.object({ ...name, PolicyArn }),
      output: Nothing,
      errors: ['NoSuchEntity'],
      access: { action: `iam:Detach${kind}Policy`, resource: ref, context: condition, ...boundaryOf(kind) },
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

const [toUsers, toRoles, toGroups] = [attachments(ofUsers), attachments(ofRoles), attachments(ofGroups)];

/** Contracts of managed policies on users, roles and groups. */
export const attachmentContracts = {
  AttachUserPolicy: toUsers.attach,
  DetachUserPolicy: toUsers.detach,
  ListAttachedUserPolicies: toUsers.list,
  AttachRolePolicy: toRoles.attach,
  DetachRolePolicy: toRoles.detach,
  ListAttachedRolePolicies: toRoles.list,
  AttachGroupPolicy: toGroups.attach,
  DetachGroupPolicy: toGroups.detach,
  ListAttachedGroupPolicies: toGroups.list,
};
