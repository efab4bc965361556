import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { isAccountId, nameInArn, parseArn, rootArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { contextKeys } from '../domain/policy/context-keys.js';
import { parseIdentityPolicy } from '../domain/policy/document.js';
import type { Context, PrincipalFacts } from '../domain/policy/evaluate.js';
import { mostRestrictive, simulate, type PolicyText, type Simulated } from '../domain/policy/simulate.js';
import { groupArn, GroupsStore } from '../identities/groups.store.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import type { ReadTx } from '../kernel/database.js';
import { implement } from '../kernel/handler.js';
import { pageOf, pageRequest } from '../kernel/page.js';
import { roleArn, RolesStore } from '../roles/roles.store.js';
import { AttachmentsStore } from './attachments.store.js';
import { ManagedPoliciesStore } from './managed.store.js';
import { PoliciesStore, policyOfGroup } from './policies.store.js';
import { simulateContracts } from './simulate.contract.js';

type CustomInput = z.output<typeof simulateContracts.SimulateCustomPolicy.input>;
type Results = z.input<typeof simulateContracts.SimulateCustomPolicy.output>;
type Result = Results['EvaluationResults'][number];

/** Somebody a simulated request comes from. */
interface Simulant {
  readonly facts: PrincipalFacts;
  readonly known: Context;
}

/** A user, role or group whose policies are simulated; a group makes no requests itself. */
interface Subject {
  readonly simulant: Simulant | undefined;
  readonly policies: readonly PolicyText[];
  readonly boundary: readonly PolicyText[];
}

/** An owner of policies, with what else counts of it. */
interface Source {
  readonly type: 'user' | 'role' | 'group';
  readonly id: string;
  readonly name: string;
  readonly arn: string;
  readonly boundaryArn: string | null;
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
    private readonly groups: GroupsStore,
  ) {}

  readonly operations = implement(simulateContracts, {
    SimulateCustomPolicy: async (input, ctx) => {
      const caller = await ctx.read((tx) => this.#caller(tx, ctx.caller.account, input.CallerArn));
      return simulated(input, { policies: given(input.PolicyInputList), boundaries: givenBoundary(input), caller });
    },
    SimulatePrincipalPolicy: async (input, ctx) => {
      const { subject, caller } = await ctx.read(async (tx) => ({
        subject: await this.#subject(tx, ctx.caller.account, input.PolicySourceArn),
        caller: await this.#caller(tx, ctx.caller.account, input.CallerArn),
      }));
      const policies = [...subject.policies, ...given(input.PolicyInputList)];
      // A boundary that is given stands in for the subject's own (IAM API: SimulatePrincipalPolicy).
      const boundaries = input.PermissionsBoundaryPolicyInputList === undefined ? subject.boundary : givenBoundary(input);
      return simulated({ ...input, PolicyInputList: [] }, { policies, boundaries, caller: caller ?? subject.simulant });
    },
    GetContextKeysForCustomPolicy: (input) => Promise.resolve({ ContextKeyNames: keysOf(given(input.PolicyInputList)) }),
    GetContextKeysForPrincipalPolicy: async (input, ctx) => {
      const subject = await ctx.read((tx) => this.#subject(tx, ctx.caller.account, input.PolicySourceArn));
      return { ContextKeyNames: keysOf([...subject.policies, ...given(input.PolicyInputList)]) };
    },
  });

  /** The user that a simulated request comes from (IAM API: CallerArn must be a user's). */
  async #caller(tx: ReadTx, account: string, arn: string | undefined): Promise<Simulant | undefined> {
    if (arn === undefined) return undefined;
    if (nameInArn(arn, 'user')?.account !== account) throw new ApiError('InvalidInput', `Invalid Entity Arn: ${arn} is not the ARN of a user of this account.`);
    return simulantOf(account, await this.#source(tx, account, arn));
  }

  async #subject(tx: ReadTx, account: string, arn: string): Promise<Subject> {
    const source = await this.#source(tx, account, arn);
    const policies = [...(await this.#policiesOf(tx, account, source))];
    for (const group of source.type === 'user' ? await this.groups.groupsById(tx, await this.groups.groupIdsOfIn(tx, source.id)) : []) {
      policies.push(...(await this.#policiesOf(tx, account, { type: 'group', id: group.groupId, name: group.groupName })));
    }
    // One that is gone is kept as a text that denies, as it does when it is in force.
    const boundary = source.boundaryArn === null ? [] : [(await this.#managed(tx, account, source.boundaryArn)) ?? { id: source.boundaryArn, text: DENIES }];
    return { simulant: simulantOf(account, source), policies, boundary };
  }

  async #source(tx: ReadTx, account: string, arn: string): Promise<Source> {
    const parsed = parseArn(arn);
    if (parsed?.service !== 'iam' || parsed.account !== account) throw new ApiError('InvalidInput', `Invalid Entity Arn: ${arn} is not the ARN of a user, role or group of this account.`);
    const user = await this.identities.userByArnIn(tx, arn);
    if (user !== undefined) return { type: 'user', id: user.userId, name: user.userName, arn, boundaryArn: user.boundaryArn };
    const role = await this.roles.roleByArnIn(tx, arn);
    if (role !== undefined) return { type: 'role', id: role.roleId, name: role.roleName, arn: roleArn(role), boundaryArn: role.boundaryArn };
    const group = await this.groups.groupByArnIn(tx, arn);
    if (group !== undefined) return { type: 'group', id: group.groupId, name: group.groupName, arn: groupArn(group), boundaryArn: null };
    throw new ApiError('NoSuchEntity', `The entity with ARN ${arn} cannot be found.`);
  }

  async #policiesOf(tx: ReadTx, account: string, { type, id, name }: Pick<Source, 'type' | 'id' | 'name'>): Promise<readonly PolicyText[]> {
    const texts = (await this.policies.all(tx, id)).map((row) => ({ id: `${type}_${name}_${row.policyName}`, text: row.document }));
    for (const arn of await this.attachments.arnsOf(tx, id)) {
      const policy = await this.#managed(tx, account, arn);
      if (policy !== undefined) texts.push(type === 'group' ? { ...policy, id: policyOfGroup(name, arn) } : policy);
    }
    return texts;
  }

  async #managed(tx: ReadTx, account: string, arn: string): Promise<PolicyText | undefined> {
    const row = await this.managed.findIn(tx, arn, account);
    const version = row && (await this.managed.findVersion(tx, row, row.defaultVersion));
    return version && { id: arn, text: version.document };
  }
}

/** What stands in for a boundary that is gone. */
const DENIES = JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Deny', Action: '*', Resource: '*' } });

function simulantOf(account: string, { type, id, name, arn }: Source): Simulant | undefined {
  if (type === 'group') return undefined;
  const isUser = type === 'user';
  const known = new Map([
    ['aws:principalarn', arn],
    ['aws:principalaccount', account],
    ['aws:principaltype', isUser ? 'User' : 'AssumedRole'],
    ...(isUser ? [['aws:username', name] as const, ['aws:userid', id] as const] : []),
  ]);
  return { facts: { kind: isUser ? 'user' : 'assumed-role', account, arn, principalArn: arn, uniqueId: id }, known };
}

function given(texts: readonly string[] | undefined, name = 'PolicyInputList'): readonly PolicyText[] {
  return (texts ?? []).map((text, index) => ({ id: `${name}.${String(index + 1)}`, text }));
}

function givenBoundary({ PermissionsBoundaryPolicyInputList }: Pick<CustomInput, 'PermissionsBoundaryPolicyInputList'>): readonly PolicyText[] {
  return given(PermissionsBoundaryPolicyInputList, 'PermissionsBoundaryPolicyInputList');
}

function keysOf(policies: readonly PolicyText[]): string[] {
  try {
    return [...contextKeys(...policies.map(({ text }) => parseIdentityPolicy(text)))];
  } catch (error) {
    throw error instanceof ApiError ? new ApiError('InvalidInput', error.message) : error;
  }
}

function simulated(input: CustomInput, with_: { policies: readonly PolicyText[]; boundaries: readonly PolicyText[]; caller: Simulant | undefined }): Results {
  const request = pageRequest(input, 1);
  const after = Number(request.after?.[0] ?? '0');
  if (!Number.isInteger(after) || after < 0 || after > input.ActionNames.length) throw new ApiError('ValidationError', 'Invalid Marker.');
  const numbered = input.ActionNames.map((action, index) => ({ action, position: index + 1 }));
  const page = pageOf(numbered.slice(after, after + request.items + 1), request, ({ position }) => [String(position)]);
  const results = simulate({
    actions: page.rows.map(({ action }) => action),
    ...(input.ResourceArns === undefined ? {} : { resources: input.ResourceArns }),
    identity: with_.policies,
    boundaries: with_.boundaries,
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
