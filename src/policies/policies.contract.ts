import { z } from 'zod';

import { operation, type ResourceRef } from '../contract/operation.js';
import { GroupName, Nothing, pageIn, pageOut, PolicyName, PolicyText, PolicyTextOut, RoleName, UserName } from '../contract/shapes.js';

/** Those who have policies: how operations call them, and the member and the route that name one. */
export interface OwnerKind<S extends z.ZodRawShape> {
  readonly kind: 'User' | 'Role' | 'Group';
  readonly name: S;
  readonly route: `/v1/${string}`;
  readonly ref: (input: Readonly<Record<string, unknown>>) => ResourceRef;
}

/** Users, as owners of policies. */
export const ofUsers = { kind: 'User', name: { UserName }, route: '/v1/users/{UserName}', ref: (input) => ({ user: String(input['UserName']) }) } satisfies OwnerKind<z.ZodRawShape>;
/** Roles, as owners of policies. */
export const ofRoles = { kind: 'Role', name: { RoleName }, route: '/v1/roles/{RoleName}', ref: (input) => ({ role: String(input['RoleName']) }) } satisfies OwnerKind<z.ZodRawShape>;
/** Groups, as owners of policies; they have no boundary. */
export const ofGroups = { kind: 'Group', name: { GroupName }, route: '/v1/groups/{GroupName}', ref: (input) => ({ group: String(input['GroupName']) }) } satisfies OwnerKind<z.ZodRawShape>;

/** What changes the policies of a user or role is judged by the boundary that these have. */
export function boundaryOf(kind: OwnerKind<z.ZodRawShape>['kind']): { seesBoundary?: true } {
  return kind === 'Group' ? {} : { seesBoundary: true };
}

/** What can be done with the inline policies of one kind of owner. */
function inlinePolicies<S extends z.ZodRawShape>({ kind, name, route, ref }: OwnerKind<S>) {
  const word = kind.toLowerCase();
  return {
    put: operation({
      summary: `Add an inline policy to a ${word}, or replace the one of that name.`,
      aws: 'iam',
      rest: `PUT ${route}/policies/{PolicyName}`,
      effect: 'change',
      input: z.object({ ...name, PolicyName, PolicyDocument: PolicyText }),
      output: Nothing,
      errors: ['LimitExceeded', 'MalformedPolicyDocument', 'NoSuchEntity'],
      access: { action: `iam:Put${kind}Policy`, resource: ref, ...boundaryOf(kind) },
    }),
    get: operation({
      summary: `Show an inline policy of a ${word}.`,
      aws: 'iam',
      rest: `GET ${route}/policies/{PolicyName}`,
      effect: 'read',
      input: z.object({ ...name, PolicyName }),
      output: z.object({ ...name, PolicyName: z.string(), PolicyDocument: PolicyTextOut }),
      errors: ['NoSuchEntity'],
      access: { action: `iam:Get${kind}Policy`, resource: ref },
    }),
    list: operation({
      summary: `List the names of a ${word}’s inline policies.`,
      aws: 'iam',
      rest: `GET ${route}/policies`,
      effect: 'read',
      input: z.object({ ...name, ...pageIn }),
      output: z.object({ PolicyNames: z.array(z.string()), ...pageOut }),
      errors: ['NoSuchEntity'],
      access: { action: `iam:List${kind}Policies`, resource: ref },
    }),
    delete: operation({
      summary: `Remove an inline policy from a ${word}.`,
      aws: 'iam',
      rest: `DELETE ${route}/policies/{PolicyName}`,
      effect: 'change',
      input: z.object({ ...name, PolicyName }),
      output: Nothing,
      errors: ['NoSuchEntity'],
      access: { action: `iam:Delete${kind}Policy`, resource: ref, ...boundaryOf(kind) },
    }),
  };
}

const [inUsers, inRoles, inGroups] = [inlinePolicies(ofUsers), inlinePolicies(ofRoles), inlinePolicies(ofGroups)];

/** Contracts of inline policies. */
export const policyContracts = {
  PutUserPolicy: inUsers.put,
  GetUserPolicy: inUsers.get,
  ListUserPolicies: inUsers.list,
  DeleteUserPolicy: inUsers.delete,
  PutRolePolicy: inRoles.put,
  GetRolePolicy: inRoles.get,
  ListRolePolicies: inRoles.list,
  DeleteRolePolicy: inRoles.delete,
  PutGroupPolicy: inGroups.put,
  GetGroupPolicy: inGroups.get,
  ListGroupPolicies: inGroups.list,
  DeleteGroupPolicy: inGroups.delete,
};
