import { parseArn } from '../arn.js';
import { evaluateConditions } from './conditions.js';
import type { PolicyDocument, Statement } from './document.js';
import { matchAction, matchResource, type Context } from './match.js';
import { matchPrincipals, strongest, type PrincipalFacts, type Reach } from './principals.js';
import { and, not, or, type Truth } from './truth.js';
import { isTrustAction } from './trust.js';

export type { Context, ContextValue } from './match.js';
export type { PrincipalFacts } from './principals.js';

/** One action on one resource by one principal (policy-evaluation §1). */
export interface Request {
  readonly principal: PrincipalFacts;
  readonly action: string;
  /** The ARN, or `*` for an action without resources. */
  readonly resource: string;
  readonly resourceAccount: string;
  readonly context: Context;
}

/** A policy and the name it goes by in a decision. */
export interface NamedPolicy {
  readonly id: string;
  readonly document: PolicyDocument;
}

/** A role's trust policy. */
export interface TrustPolicy extends NamedPolicy {
  /** Principal ARN of the document → the unique id it meant when it was saved; any other ARN matches nobody. */
  readonly principalIds: ReadonlyMap<string, string>;
}

/**
 * The policies in force for a request. An absent kind does not limit; a kind that is present, even as an empty list,
 * must allow. `trust` makes the request one that assumes a role.
 */
export interface PolicySet {
  readonly identity: readonly NamedPolicy[];
  readonly boundary?: NamedPolicy;
  readonly session?: readonly NamedPolicy[];
  readonly trust?: TrustPolicy;
  readonly serviceControl?: readonly NamedPolicy[];
  readonly resourceControl?: readonly NamedPolicy[];
}

/** The kinds of policies, in the order in which they are looked at (policy-evaluation §1). */
const policyTypes = ['resourceControl', 'serviceControl', 'trust', 'identity', 'boundary', 'session'] as const;

/** A kind of policy. */
export type PolicyType = (typeof policyTypes)[number];

/** A statement that decided: the policy it stands in and its place there. */
export interface StatementRef {
  readonly policyType: PolicyType;
  readonly policyId: string;
  readonly sid?: string;
  readonly index: number;
}

/** The outcome of an evaluation. */
export interface Decision {
  readonly allowed: boolean;
  /** Refused by a Deny statement, rather than for lack of an Allow. */
  readonly explicit: boolean;
  /** The kind of policy that refused or gave the allow. */
  readonly by: PolicyType | 'root' | 'none';
  /** The Deny statements of a refusal, or the Allow statements that were needed. */
  readonly statements: readonly StatementRef[];
}

/** What the policies of one kind say. */
interface Verdict {
  readonly allows: readonly StatementRef[];
  readonly denies: readonly StatementRef[];
  readonly reach: Reach;
}

const silent: Verdict = { allows: [], denies: [], reach: 'delegated' };
const noIds: ReadonlyMap<string, string> = new Map();

/** An element and its complement: exactly one of them must be there and name something. */
function names(
  listed: readonly string[] | undefined,
  excluded: readonly string[] | undefined,
  matches: (pattern: string, complement: boolean) => Truth,
): Truth {
  const one = listed ?? excluded;
  if (one === undefined || one.length === 0 || (listed !== undefined && excluded !== undefined)) return undefined;
  const complement = listed === undefined;
  const named = or(one.map((pattern) => matches(pattern, complement)));
  return complement ? not(named) : named;
}

/** Whether action, resource and conditions of a statement fit a request; the principal is looked at elsewhere. */
function fits(statement: Statement, request: Request, facts: { variables: boolean; ofResource: boolean }): Truth {
  const { context } = request;
  const { variables, ofResource } = facts;
  const actions = names(statement.actions, statement.notActions, (pattern) => matchAction(pattern, request.action));
  if (actions === false) return false;
  const hasNone = statement.resources === undefined && statement.notResources === undefined;
  const resources =
    ofResource && hasNone
      ? true
      : names(statement.resources, statement.notResources, (pattern, complement) =>
          matchResource(pattern, request.resource, { context, variables, missing: complement ? undefined : false }),
        );
  if (resources === false) return false;
  return and([actions, resources, evaluateConditions(statement.conditions, { context, variables })]);
}

/** What one kind of policy says about a request; trust and resource control policies name principals, others must not. */
function weigh(policyType: PolicyType, policies: readonly (NamedPolicy | TrustPolicy)[], request: Request): Verdict {
  const allows: StatementRef[] = [];
  const denies: StatementRef[] = [];
  const found: Reach[] = [];
  const namesPrincipals = policyType === 'trust' || policyType === 'resourceControl';
  for (const policy of policies) {
    const facts = { variables: policy.document.version === '2012-10-17', ofResource: policyType === 'trust' };
    const principalIds = 'principalIds' in policy ? policy.principalIds : noIds;
    for (const [index, statement] of policy.document.statements.entries()) {
      const who = matchPrincipals(statement, { principal: request.principal, principalIds });
      const unnamed = statement.principals === undefined && statement.notPrincipals === undefined;
      const principal = namesPrincipals ? who.matches : unnamed || undefined;
      const applies = principal === false ? false : and([principal, fits(statement, request, facts)]);
      const { sid } = statement;
      const ref = { policyType, policyId: policy.id, index, ...(sid !== undefined && { sid }) };
      if (statement.effect !== 'Allow') {
        if (applies !== false) denies.push(ref);
      } else if (applies === true) {
        allows.push(ref);
        found.push(who.reach);
      }
    }
  }
  return { allows, denies, reach: strongest(found) };
}

function policiesOf(policies: PolicySet, type: PolicyType): readonly (NamedPolicy | TrustPolicy)[] | undefined {
  const listed = policies[type];
  return listed === undefined || 'length' in listed ? listed : [listed];
}

/** The kinds of policies that must each allow a request (policy-evaluation §1 to §4). */
function required(request: Request, policies: PolicySet, reach: Reach): readonly PolicyType[] {
  const { principal, resourceAccount } = request;
  const granted = principal.account === resourceAccount ? reach : 'delegated';
  const needed: Readonly<Record<PolicyType, boolean>> = {
    resourceControl: policies.resourceControl !== undefined,
    serviceControl: policies.serviceControl !== undefined,
    trust: policies.trust !== undefined,
    identity: principal.kind !== 'root' && granted === 'delegated',
    boundary: policies.boundary !== undefined && granted !== 'final',
    session: (policies.session !== undefined || principal.kind === 'federated-user') && granted !== 'final',
  };
  return policyTypes.filter((type) => needed[type]);
}

function refusal(by: Decision['by'], statements: readonly StatementRef[] = []): Decision {
  return { allowed: false, explicit: statements.length > 0, by, statements };
}

/**
 * Decides a request (policy-evaluation §1): any Deny refuses; then every kind of policy that is needed must allow.
 * A role is assumed only where its trust policy allows it; within the account a grant that names the caller is
 * enough, across accounts both sides must allow.
 */
export function evaluate(request: Request, policies: PolicySet): Decision {
  const verdicts = new Map<PolicyType, Verdict>();
  for (const type of policyTypes) {
    const verdict = weigh(type, policiesOf(policies, type) ?? [], request);
    if (verdict.denies.length > 0) return refusal(type, verdict.denies);
    verdicts.set(type, verdict);
  }
  const verdictOf = (type: PolicyType): Verdict => verdicts.get(type) ?? silent;
  const isTrust = policies.trust !== undefined;
  if (!isTrust && request.principal.account !== request.resourceAccount) return refusal('none');
  const needed = required(request, policies, verdictOf('trust').reach);
  const lacking = needed.find((type) => verdictOf(type).allows.length === 0);
  if (lacking !== undefined) return refusal(lacking);
  const giver = isTrust ? 'trust' : 'root';
  return {
    allowed: true,
    explicit: false,
    by: needed.includes('identity') ? 'identity' : giver,
    statements: needed.flatMap((type) => verdictOf(type).allows),
  };
}

/** How a kind of policy is called in a refusal (policy-evaluation §5); a trust policy is never mentioned. */
const wording: ReadonlyMap<Decision['by'], { readonly none?: string; readonly one: string }> = new Map([
  ['identity', { none: 'no identity-based policy', one: 'an identity-based policy' }],
  ['boundary', { none: 'no permissions boundary', one: 'a permissions boundary' }],
  ['session', { none: 'no session policy', one: 'a session policy' }],
  ['serviceControl', { none: 'no service control policy', one: 'a service control policy' }],
  ['resourceControl', { one: 'a resource control policy' }],
]);

function isCrossAccount(callerArn: string, resource: string): boolean {
  return parseArn(callerArn)?.account !== parseArn(resource)?.account;
}

function reason(decision: Decision, action: string): string {
  const words = wording.get(decision.by);
  if (words === undefined) return '';
  if (decision.explicit) return ` with an explicit deny in ${words.one}`;
  return words.none === undefined ? '' : ` because ${words.none} allows the ${action} action`;
}

/**
 * The wire text of a refusal (policy-evaluation §5). Assuming a role is refused without a reason where the trust
 * policy or another account is involved, so that a stranger learns nothing about the role.
 */
// eslint-disable-next-line house/max-params -- the four values in the order in which the sentence names them
export function refusalText(decision: Decision, callerArn: string, action: string, resource: string): string {
  const on = resource === '*' || resource === '' ? '' : ` on resource: ${resource}`;
  const bare = `User: ${callerArn} is not authorized to perform: ${action}${on}`;
  const isSilent = isTrustAction(action) && isCrossAccount(callerArn, resource);
  return isSilent ? bare : `${bare}${reason(decision, action)}`;
}
