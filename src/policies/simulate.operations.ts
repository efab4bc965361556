import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { isAccountId, nameInArn, parseArn, rootArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { contextKeys } from '../domain/policy/context-keys.js';
import { parseIdentityPolicy } from '../domain/policy/document.js';
import type { Context, PrincipalFacts } from '../domain/policy/evaluate.js';
import { mostRestrictive, simulate, type PolicyText, type Simulated } from '../domain/policy/simulate.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import type { ReadTx } from '../kernel/database.js';
import { implement } from '../kernel/handler.js';
import { pageOf, pageRequest } from '../kernel/page.js';
import { roleArn, RolesStore } from '../roles/roles.store.js';
import { AttachmentsStore } from './attachments.store.js';
import { ManagedPoliciesStore } from './managed.store.js';
import { PoliciesStore } from './policies.store.js';
import { simulateContracts } from './simulate.contract.js';

type CustomInput = z.output<typeof simulateContracts.SimulateCustomPolicy.input>;
type Results = z.input<typeof simulateContracts.SimulateCustomPolicy.output>;
type Result = Results['EvaluationResults'][number];

/** A user or role whose policies are simulated. */
interface Subject {
  readonly facts: PrincipalFacts;
  readonly policies: readonly PolicyText[];
  readonly known: Context;
}

/** Use cases of the policy simulator: the same engine that decides, on policies that need not be in force. */
@Injectable()
export class SimulateOperations {
  constructor(
    private readonly policies: PoliciesStore,
    private readonly attachments: AttachmentsStore,
    private readonly managed: ManagedPoliciesStore,
    private readonly identities: IdentitiesStore,
    private readonly roles: RolesStore,
  ) {}

  readonly operations = implement(simulateContracts, {
    SimulateCustomPolicy: async (input, ctx) => {
      const caller = await ctx.read((tx) => this.#caller(tx, ctx.caller.account, input.CallerArn));
      return simulated(input, { policies: given(input.PolicyInputList), caller });
    },
    SimulatePrincipalPolicy: async (input, ctx) => {
      const { subject, caller } = await ctx.read(async (tx) => ({
        subject: await this.#subject(tx, ctx.caller.account, input.PolicySourceArn),
        caller: await this.#caller(tx, ctx.caller.account, input.CallerArn),
      }));
      return simulated({ ...input, PolicyInputList: [] }, { policies: [...subject.policies, ...given(input.PolicyInputList)], caller: caller ?? subject });
    },
    GetContextKeysForCustomPolicy: (input) => Promise.resolve({ ContextKeyNames: keysOf(given(input.PolicyInputList)) }),
    GetContextKeysForPrincipalPolicy: async (input, ctx) => {
      const subject = await ctx.read((tx) => this.#subject(tx, ctx.caller.account, input.PolicySourceArn));
      return { ContextKeyNames: keysOf([...subject.policies, ...given(input.PolicyInputList)]) };
    },
  });

  /** The user that a simulated request comes from (IAM API: CallerArn must be a user's). */
  async #caller(tx: ReadTx, account: string, arn: string | undefined): Promise<Subject | undefined> {
    if (arn === undefined) return undefined;
    if (nameInArn(arn, 'user')?.account !== account) throw new ApiError('InvalidInput', `Invalid Entity Arn: ${arn} is not the ARN of a user of this account.`);
    return this.#subject(tx, account, arn);
  }

  async #subject(tx: ReadTx, account: string, arn: string): Promise<Subject> {
    const parsed = parseArn(arn);
    if (parsed?.service !== 'iam' || parsed.account !== account) throw new ApiError('InvalidInput', `Invalid Entity Arn: ${arn} is not the ARN of a user or role of this account.`);
    const user = await this.identities.userByArnIn(tx, arn);
    if (user !== undefined) return this.#withPolicies(tx, { kind: 'user', account, arn, principalArn: arn, uniqueId: user.userId }, user.userName);
    const role = await this.roles.roleByArnIn(tx, arn);
    if (role === undefined) throw new ApiError('NoSuchEntity', `The entity with ARN ${arn} cannot be found.`);
    return this.#withPolicies(tx, { kind: 'assumed-role', account, arn: roleArn(role), principalArn: roleArn(role), uniqueId: role.roleId }, role.roleName);
  }

  async #withPolicies(tx: ReadTx, facts: PrincipalFacts, name: string): Promise<Subject> {
    const rows = await this.policies.all(tx, facts.uniqueId);
    const type = facts.kind === 'user' ? 'user' : 'role';
    const known = new Map([
      ['aws:principalarn', facts.principalArn],
      ['aws:principalaccount', facts.account],
      ['aws:principaltype', facts.kind === 'user' ? 'User' : 'AssumedRole'],
      ...(facts.kind === 'user' ? [['aws:username', name] as const, ['aws:userid', facts.uniqueId] as const] : []),
    ]);
    const inline = rows.map((row) => ({ id: `${type}_${name}_${row.policyName}`, text: row.document }));
    return { facts, policies: [...inline, ...(await this.#attached(tx, facts))], known };
  }

  async #attached(tx: ReadTx, { uniqueId, account }: PrincipalFacts): Promise<readonly PolicyText[]> {
    const texts: PolicyText[] = [];
    for (const arn of await this.attachments.arnsOf(tx, uniqueId)) {
      const row = await this.managed.findIn(tx, arn, account);
      const version = row && (await this.managed.findVersion(tx, row, row.defaultVersion));
      if (version !== undefined) texts.push({ id: arn, text: version.document });
    }
    return texts;
  }
}

function given(texts: readonly string[] | undefined, name = 'PolicyInputList'): readonly PolicyText[] {
  return (texts ?? []).map((text, index) => ({ id: `${name}.${String(index + 1)}`, text }));
}

function keysOf(policies: readonly PolicyText[]): string[] {
  try {
    return [...contextKeys(...policies.map(({ text }) => parseIdentityPolicy(text)))];
  } catch (error) {
    throw error instanceof ApiError ? new ApiError('InvalidInput', error.message) : error;
  }
}

function simulated(input: CustomInput, with_: { policies: readonly PolicyText[]; caller: Subject | undefined }): Results {
  const request = pageRequest(input, 1);
  const after = Number(request.after?.[0] ?? '0');
  if (!Number.isInteger(after) || after < 0 || after > input.ActionNames.length) throw new ApiError('ValidationError', 'Invalid Marker.');
  const numbered = input.ActionNames.map((action, index) => ({ action, position: index + 1 }));
  const page = pageOf(numbered.slice(after, after + request.items + 1), request, ({ position }) => [String(position)]);
  const results = simulate({
    actions: page.rows.map(({ action }) => action),
    ...(input.ResourceArns === undefined ? {} : { resources: input.ResourceArns }),
    identity: with_.policies,
    boundaries: given(input.PermissionsBoundaryPolicyInputList, 'PermissionsBoundaryPolicyInputList'),
    ...(input.ResourcePolicy === undefined ? {} : { resource: { id: 'ResourcePolicy', text: input.ResourcePolicy } }),
    ...(input.ResourceOwner === undefined ? {} : { resourceOwner: ownerAccount(input.ResourceOwner) }),
    ...(with_.caller === undefined ? {} : { caller: with_.caller.facts, known: with_.caller.known }),
    entries: (input.ContextEntries ?? []).map((entry) => ({ name: entry.ContextKeyName, type: entry.ContextKeyType, values: entry.ContextKeyValues })),
  });
  // Results come in the order of the actions, and for each in the order of the resources.
  const perAction = results.length / Math.max(page.rows.length, 1);
  return { EvaluationResults: page.rows.map((_, index) => resultOf(results.slice(index * perAction, (index + 1) * perAction))), ...page.next };
}

/** IAM API: ResourceOwner is the ARN of an account; its bare id is taken too. */
function ownerAccount(owner: string): string {
  const account = parseArn(owner)?.account ?? owner;
  if (isAccountId(account) && (owner === account || owner === rootArn(account))) return account;
  throw new ApiError('InvalidInput', `The resource owner ${owner} is not the ARN of an account.`);
}

/** One action on all of its resources; together they are as allowed as the least allowed. */
function resultOf(results: readonly Simulated[]): Result {
  const [first] = results;
  const outcome = mostRestrictive(results.map((result) => result.outcome));
  const deciding = results.filter((result) => result.outcome === outcome);
  return {
    EvalActionName: first?.action ?? '',
    EvalResourceName: results.length === 1 ? (first?.resource ?? '*') : '*',
    EvalDecision: outcome,
    MatchedStatements: deciding.flatMap(statements),
    MissingContextValues: [...(first?.missing ?? [])],
    ...boundary(results.every((result) => result.allowedByBoundary) ? true : first?.allowedByBoundary === undefined ? undefined : false),
    EvalDecisionDetails: first?.details === undefined || results.length > 1 ? {} : details(first.details),
    ResourceSpecificResults: results.map((result) => ({
      EvalResourceName: result.resource,
      EvalResourceDecision: result.outcome,
      MatchedStatements: statements(result),
      MissingContextValues: [...result.missing],
      EvalDecisionDetails: result.details === undefined ? {} : details(result.details),
      ...boundary(result.allowedByBoundary),
    })),
  };
}

function statements({ matched }: Simulated): Result['MatchedStatements'] {
  return matched.map(({ policyId, span }) => ({
    SourcePolicyId: policyId,
    SourcePolicyType: 'IAM Policy',
    StartPosition: { Line: span.start.line, Column: span.start.column },
    EndPosition: { Line: span.end.line, Column: span.end.column },
  }));
}

function boundary(allowed: boolean | undefined): { PermissionsBoundaryDecisionDetail?: { AllowedByPermissionsBoundary: boolean } } {
  return allowed === undefined ? {} : { PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: allowed } };
}

function details({ identity, resource }: NonNullable<Simulated['details']>): Record<string, string> {
  return { 'IAM Policy': identity, 'Resource Policy': resource };
}
