import { parseArn } from '../arn.js';
import { evaluateConditions } from './conditions.js';
import type { PolicyDocument, Statement } from './document.js';
import { strongest, type Reach } from './principals.js';
import { fitsAction, fitsPrincipal, fitsResource, type Request, type StatementScope } from './statement.js';
import { and, type Truth } from './truth.js';
import { isTrustAction } from './trust.js';

export type { Context, ContextValue } from './match.js';
export type { PrincipalFacts } from './principals.js';
export type { Request } from './statement.js';

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
export const policyTypes = ['resourceControl', 'serviceControl', 'trust', 'identity', 'boundary', 'session'] as const;

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
const unfit = { truth: false, reach: 'delegated' } as const;

/** How the statements of a policy of some kind are read. */
export function scopeOf(type: PolicyType, policy: NamedPolicy | TrustPolicy): StatementScope {
  return {
    variables: policy.document.version === '2012-10-17',
    namesPrincipals: type === 'trust' || type === 'resourceControl',
    ofResource: type === 'trust',
    principalIds: 'principalIds' in policy ? policy.principalIds : noIds,
  };
}

/** Whether a whole statement applies; the cheapest element is looked at first, and one that fails ends it. */
function applies(statement: Statement, request: Request, scope: StatementScope): { readonly truth: Truth; readonly reach: Reach } {
  const action = fitsAction(statement, request);
  if (action === false) return unfit;
  const who = fitsPrincipal(statement, request, scope);
  if (who.matches === false) return unfit;
  const resource = fitsResource(statement, request, scope);
  if (resource === false) return unfit;
  const conditions = evaluateConditions(statement.conditions, { context: request.context, variables: scope.variables });
  return { truth: and([action, who.matches, resource, conditions]), reach: who.reach };
}

/** What one kind of policy says about a request. */
function weigh(policyType: PolicyType, policies: readonly (NamedPolicy | TrustPolicy)[], request: Request): Verdict {
  const allows: StatementRef[] = [];
  const denies: StatementRef[] = [];
  const found: Reach[] = [];
  for (const policy of policies) {
    const scope = scopeOf(policyType, policy);
    for (const [index, statement] of policy.document.statements.entries()) {
      const { truth, reach } = applies(statement, request, scope);
      if (truth === false) continue;
      if (statement.effect !== 'Allow') denies.push(refOf({ policyType, policyId: policy.id, index }, statement));
      else if (truth === true) {
        allows.push(refOf({ policyType, policyId: policy.id, index }, statement));
        found.push(reach);
      }
    }
  }
  return { allows, denies, reach: strongest(found) };
}

/** The reference to a statement. */
export function refOf(place: Omit<StatementRef, 'sid'>, { sid }: Statement): StatementRef {
  return { ...place, ...(sid !== undefined && { sid }) };
}

/** The policies of one kind; undefined where there is none of it. */
export function policiesOf(policies: PolicySet, type: PolicyType): readonly (NamedPolicy | TrustPolicy)[] | undefined {
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
