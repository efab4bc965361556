import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { ArnText, pageIn, pageOut, PolicyText } from '../contract/shapes.js';

const Documents = z.array(PolicyText).max(50);
const ContextEntry = z.object({
  ContextKeyName: z.string().min(5).max(256),
  ContextKeyValues: z.array(z.string().max(2048)).max(50),
  ContextKeyType: z.enum(['string', 'stringList', 'numeric', 'numericList', 'boolean', 'booleanList', 'ip', 'ipList', 'binary', 'binaryList', 'date', 'dateList']),
});

const question = {
  PermissionsBoundaryPolicyInputList: z.array(PolicyText).max(1).optional(),
  ActionNames: z.array(z.string().min(3).max(128)).min(1).max(100),
  ResourceArns: z.array(z.string().min(1).max(2048)).max(100).optional(),
  ResourcePolicy: PolicyText.optional(),
  ResourceOwner: z.string().min(1).max(2048).optional(),
  CallerArn: z.string().min(1).max(2048).optional(),
  ContextEntries: z.array(ContextEntry).max(100).optional(),
  ...pageIn,
};

const Position = z.object({ Line: z.number(), Column: z.number() });
const Statements = z.array(z.object({ SourcePolicyId: z.string(), SourcePolicyType: z.string(), StartPosition: Position, EndPosition: Position }));
const Decision = z.enum(['allowed', 'explicitDeny', 'implicitDeny']);
const Boundary = z.object({ AllowedByPermissionsBoundary: z.boolean() });
const Details = z.record(z.string(), z.string());

const results = z.object({
  EvaluationResults: z.array(
    z.object({
      EvalActionName: z.string(),
      EvalResourceName: z.string(),
      EvalDecision: Decision,
      MatchedStatements: Statements,
      MissingContextValues: z.array(z.string()),
      PermissionsBoundaryDecisionDetail: Boundary.optional(),
      EvalDecisionDetails: Details,
      ResourceSpecificResults: z.array(
        z.object({
          EvalResourceName: z.string(),
          EvalResourceDecision: Decision,
          MatchedStatements: Statements,
          MissingContextValues: z.array(z.string()),
          EvalDecisionDetails: Details,
          PermissionsBoundaryDecisionDetail: Boundary.optional(),
        }),
      ),
    }),
  ),
  ...pageOut,
});

const keys = z.object({ ContextKeyNames: z.array(z.string()) });
const unserved = ['OrderedOrganizationPolicyInputList', 'PolicyExclusionList', 'ResourceHandlingOption'];

/** Contracts of the policy simulator. */
export const simulateContracts = {
  SimulateCustomPolicy: operation({
    summary: 'Say what policies that are given would decide.',
    aws: 'iam',
    rest: 'POST /v1/simulations/custom-policy',
    effect: 'read',
    input: z.object({ PolicyInputList: Documents, ...question }),
    output: results,
    errors: ['InvalidInput'],
    access: { action: 'iam:SimulateCustomPolicy', resource: () => ({ arn: '*' }) },
    unserved,
  }),
  SimulatePrincipalPolicy: operation({
    summary: 'Say what the policies of a user or role, and perhaps others that are given, would decide.',
    aws: 'iam',
    rest: 'POST /v1/simulations/principal-policy',
    effect: 'read',
    input: z.object({ PolicySourceArn: ArnText, PolicyInputList: Documents.optional(), ...question }),
    output: results,
    errors: ['NoSuchEntity', 'InvalidInput'],
    access: { action: 'iam:SimulatePrincipalPolicy', resource: (input) => ({ arn: input.PolicySourceArn }) },
    unserved,
  }),
  GetContextKeysForCustomPolicy: operation({
    summary: 'List the condition keys and policy variables that policies use.',
    aws: 'iam',
    rest: 'POST /v1/simulations/custom-policy/context-keys',
    effect: 'read',
    input: z.object({ PolicyInputList: Documents }),
    output: keys,
    errors: ['InvalidInput'],
    access: { action: 'iam:GetContextKeysForCustomPolicy', resource: () => ({ arn: '*' }) },
  }),
  GetContextKeysForPrincipalPolicy: operation({
    summary: 'List the condition keys and policy variables that the policies of a user or role use.',
    aws: 'iam',
    rest: 'POST /v1/simulations/principal-policy/context-keys',
    effect: 'read',
    input: z.object({ PolicySourceArn: ArnText, PolicyInputList: Documents.optional() }),
    output: keys,
    errors: ['NoSuchEntity', 'InvalidInput'],
    access: { action: 'iam:GetContextKeysForPrincipalPolicy', resource: (input) => ({ arn: input.PolicySourceArn }) },
  }),
};
