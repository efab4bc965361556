import { parseArn } from '../arn.js';
import type { PolicyDocument, Statement } from './document.js';
import { strongest, type Reach } from './principals.js';
import {
  fitsAction,
  fitsConditions,
  fitsPrincipal,
  fitsResource,
  questionOf,
  statementsOf,
  type CompiledStatement,
  type Question,
  type Request,
  type StatementScope,
} from './statement.js';
import type { Truth } from './truth.js';
import { isTrustAction } from './trust.js';

export type { Context, ContextValue } from './pattern.js';
export type { PrincipalFacts } from './principals.js';
export type { Request } from './statement.js';

/** A policy and the name it goes by in a decision. */
export interface NamedPolicy {
  readonly id: string;
  readonly document: PolicyDocument;
}

/** The policy of a resource; a role's is its trust policy. */
export interface TrustPolicy extends NamedPolicy {
  /** Principal ARN of the document → the unique id it meant when it was saved; any other ARN matches nobody. */
  readonly principalIds: ReadonlyMap<string, string>;
}

/**
 * The policies in force for a request. An absent kind does not limit; a kind that is present, even as an empty list,
 * must allow – except `resource`, which may grant by itself within the account and must allow across accounts.
 * `trust` makes the request one that assumes a role; a role has no other policy as a resource.
 */
export interface PolicySet {
  readonly identity: readonly NamedPolicy[];
  readonly boundary?: NamedPolicy;
  /** The policies of one call that made the session, inline and by ARN: any of them may allow. */
  readonly session?: readonly NamedPolicy[];
  /** The policies of each later call that scoped the session down: every one of these lists must allow. */
  readonly scopedDown?: readonly (readonly NamedPolicy[])[];
  readonly trust?: TrustPolicy;
  readonly resource?: TrustPolicy;
  readonly serviceControl?: readonly NamedPolicy[];
  readonly resourceControl?: readonly NamedPolicy[];
}

/** The kinds of policies, in the order in which they are looked at (policy-evaluation §1). */
export const policyTypes = [
  'resourceControl',
  'serviceControl',
  'trust',
  'resource',
  'identity',
  'boundary',
  'session',
  'scopedDown',
] as const;

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

/** Policies of one kind that count as one: any of them may allow. */
export interface Layer {
  readonly policyType: PolicyType;
  readonly policies: readonly (NamedPolicy | TrustPolicy)[];
}

/** What a layer says about a request. */
export interface Verdict {
  readonly allows: readonly StatementRef[];
  readonly denies: readonly StatementRef[];
  /** How far the strongest Allow goes. */
  readonly reach: Reach;
}

const noIds: ReadonlyMap<string, string> = new Map();
const unfit = { truth: false, reach: 'delegated' } as const;
const named: ReadonlySet<PolicyType> = new Set(['trust', 'resource', 'resourceControl']);

/** How the statements of a policy of some kind are read. */
export function scopeOf(type: PolicyType, policy: NamedPolicy | TrustPolicy): StatementScope {
  return {
    namesPrincipals: named.has(type),
    ofResource: type === 'trust',
    principalIds: 'principalIds' in policy ? policy.principalIds : noIds,
  };
}

/** The layers in force for a caller, in the order in which they are looked at. */
export function layersOf(policies: PolicySet, { kind }: Request['principal']): readonly Layer[] {
  const layers: Layer[] = [];
  const add = (policyType: PolicyType, list: Layer['policies'] | undefined): void => {
    if (list !== undefined) layers.push({ policyType, policies: list });
  };
  const { trust, resource, boundary } = policies;
  add('resourceControl', policies.resourceControl);
  add('serviceControl', policies.serviceControl);
  add('trust', trust && [trust]);
  add('resource', resource && [resource]);
  add('identity', policies.identity);
  add('boundary', boundary && [boundary]);
  // A federated user has what the session policies leave him: without any, nothing (policy-evaluation §1).
  add('session', policies.session ?? (kind === 'federated-user' ? [] : undefined));
  for (const list of policies.scopedDown ?? []) add('scopedDown', list);
  return layers;
}

/** Whether a whole statement applies; the cheapest element is looked at first, and one that fails ends it. */
function applies(statement: CompiledStatement, question: Question, scope: StatementScope): { readonly truth: Truth; readonly reach: Reach } {
  const action = fitsAction(statement, question);
  if (action === false) return unfit;
  const who = fitsPrincipal(statement, question, scope);
  if (who.matches === false) return unfit;
  const resource = fitsResource(statement, question, scope);
  if (resource === false) return unfit;
  const conditions = fitsConditions(statement, question);
  if (conditions === false) return unfit;
  return { truth: action && who.matches && resource && conditions, reach: who.reach };
}

/** What the policies of a layer say about a request. */
export function weigh({ policyType, policies }: Layer, question: Question): Verdict {
  const allows: StatementRef[] = [];
  const denies: StatementRef[] = [];
  const found: Reach[] = [];
  for (const policy of policies) {
    const scope = scopeOf(policyType, policy);
    for (const [index, compiled] of statementsOf(policy.document).entries()) {
      const { truth, reach } = applies(compiled, question, scope);
      if (truth === false) continue;
      const { statement } = compiled;
      if (statement.effect !== 'Allow') denies.push(refOf({ policyType, policyId: policy.id, index }, statement));
      else if (truth === true) {
        allows.push(refOf({ policyType, policyId: policy.id, index }, statement));
        found.push(reach);
      }
    }
  }
  return { allows, denies, reach: strongest(found) };
}

/** A request as the policies of each kind see it. */
export function questionsOf(request: Request): (type: PolicyType) => Question {
  const question = questionOf(request);
  const { trustContext } = request;
  if (trustContext === undefined) return () => question;
  const ofTrust = { ...question, request: { ...request, context: trustContext } };
  return (type) => (type === 'trust' ? ofTrust : question);
}

/** The reference to a statement. */
export function refOf(place: Omit<StatementRef, 'sid'>, { sid }: Statement): StatementRef {
  return { ...place, ...(sid !== undefined && { sid }) };
}

/** What decides which layers must allow. */
interface Grant {
  readonly isRoot: boolean;
  readonly isWithinAccount: boolean;
  /** How far the resource's own policy goes for this caller; never further than `delegated` across accounts. */
  readonly reach: Reach;
}

/** The kinds of policies that must each allow a request, where they are there (policy-evaluation §1 to §4). */
const isNeeded: Readonly<Record<PolicyType, (grant: Grant) => boolean>> = {
  resourceControl: () => true,
  serviceControl: () => true,
  trust: () => true,
  resource: ({ isWithinAccount, reach }) => !isWithinAccount || reach !== 'delegated',
  identity: ({ isRoot, reach }) => !isRoot && reach === 'delegated',
  boundary: ({ reach }) => reach !== 'final',
  session: ({ reach }) => reach !== 'final',
  scopedDown: () => true,
};

function refusal(by: Decision['by'], statements: readonly StatementRef[] = []): Decision {
  return { allowed: false, explicit: statements.length > 0, by, statements };
}

/** The kind of policy an allow is owed to: the nearest to the caller of those that grant. */
function giverOf(needed: ReadonlySet<PolicyType>): Decision['by'] {
  return (['identity', 'trust', 'resource'] as const).find((type) => needed.has(type)) ?? 'root';
}

/**
 * Decides a request (policy-evaluation §1): any Deny refuses; then every kind of policy that is needed must allow.
 * A role is assumed only where its trust policy allows it. Within the account a grant of the resource's own policy
 * that names the caller is enough, across accounts both sides must allow.
 */
export function evaluate(request: Request, policies: PolicySet): Decision {
  const questions = questionsOf(request);
  const weighed: (Verdict & { readonly type: PolicyType })[] = [];
  for (const layer of layersOf(policies, request.principal)) {
    const verdict = weigh(layer, questions(layer.policyType));
    if (verdict.denies.length > 0) return refusal(layer.policyType, verdict.denies);
    weighed.push({ type: layer.policyType, ...verdict });
  }
  const own = weighed.find(({ type }) => type === 'trust' || type === 'resource');
  const isWithinAccount = request.principal.account === request.resourceAccount;
  if (own === undefined && !isWithinAccount) return refusal('none');
  const reach = own !== undefined && isWithinAccount ? own.reach : 'delegated';
  const grant: Grant = { isRoot: request.principal.kind === 'root', isWithinAccount, reach };
  const needed = weighed.filter(({ type }) => isNeeded[type](grant));
  const lacking = needed.find(({ allows }) => allows.length === 0);
  if (lacking !== undefined) return refusal(lacking.type);
  return {
    allowed: true,
    explicit: false,
    by: giverOf(new Set(needed.map(({ type }) => type))),
    statements: needed.flatMap(({ allows }) => allows),
  };
}

/** How a kind of policy is called in a refusal (policy-evaluation §5); a trust policy is never mentioned. */
const wording: ReadonlyMap<Decision['by'], { readonly none?: string; readonly one: string }> = new Map([
  ['identity', { none: 'no identity-based policy', one: 'an identity-based policy' }],
  ['boundary', { none: 'no permissions boundary', one: 'a permissions boundary' }],
  ['session', { none: 'no session policy', one: 'a session policy' }],
  ['scopedDown', { none: 'no session policy', one: 'a session policy' }],
  ['resource', { none: 'no resource-based policy', one: 'a resource-based policy' }],
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
