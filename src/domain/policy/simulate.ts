import { isAccountId, parseArn } from '../arn.js';
import { ApiError } from '../errors.js';
import { contextOf, type ContextEntry } from './context-entries.js';
import { contextKeys } from './context-keys.js';
import { parseControlPolicy, parseIdentityPolicy, parseResourcePolicy, type PolicyDocument } from './document.js';
import { evaluate, weigh, type Context, type Decision, type NamedPolicy, type PolicySet, type StatementRef, type Verdict } from './evaluate.js';
import { arnFields } from './match.js';
import { statementSpans, type Span } from './positions.js';
import type { PrincipalFacts } from './principals.js';
import { questionOf, type Request } from './statement.js';

/** A policy that is simulated, by the name it goes by in the result. */
export interface PolicyText {
  readonly id: string;
  readonly text: string;
}

/** What is simulated (IAM: SimulateCustomPolicy, SimulatePrincipalPolicy). */
export interface Simulation {
  readonly actions: readonly string[];
  /** All resources where there is none. */
  readonly resources?: readonly string[];
  readonly identity: readonly PolicyText[];
  /** At most one. */
  readonly boundaries?: readonly PolicyText[];
  readonly resource?: PolicyText;
  /** The service control policies of every level of the organization, from its root to the account. */
  readonly organization?: readonly (readonly PolicyText[])[];
  /** Needed for a resource policy. */
  readonly caller?: PrincipalFacts;
  /** The account of the resources whose ARN names none; the caller's where it is absent. */
  readonly resourceOwner?: string;
  /** What the principals of the resource policy mean beside the caller himself. */
  readonly principalIds?: ReadonlyMap<string, string>;
  /** Condition keys that are known without being told, such as those of the caller. */
  readonly known?: Context;
  readonly entries?: readonly ContextEntry[];
}

/** How a simulated request ends (IAM: PolicyEvaluationDecisionType). */
export type Outcome = 'allowed' | 'explicitDeny' | 'implicitDeny';

/** A statement that decided, and where it stands in the text of its policy. */
export interface MatchedStatement extends StatementRef {
  readonly span: Span;
}

/** What comes of one action on one resource. */
export interface Simulated {
  readonly action: string;
  readonly resource: string;
  readonly outcome: Outcome;
  /** Of identity, boundary and resource policies; the Deny statements alone where there are any. */
  readonly matched: readonly MatchedStatement[];
  /** Keys that identity, boundary and resource policies use and that have no value. */
  readonly missing: readonly string[];
  /** Whether the permissions boundary allows; absent without one. */
  readonly allowedByBoundary?: boolean;
  /** Whether every level of the organization allows; absent without one. */
  readonly allowedByOrganization?: boolean;
  /** What each side says; only across accounts, and only where the organization allows. */
  readonly details?: { readonly identity: Outcome; readonly resource: Outcome };
}

/** What is parsed once for all actions and resources. */
interface Prepared {
  readonly caller: PrincipalFacts;
  readonly policies: PolicySet;
  readonly levels: readonly (readonly NamedPolicy[])[];
  readonly context: Context;
  readonly missing: readonly string[];
  readonly spanOf: (ref: StatementRef) => readonly Span[];
}

/** Somebody of the resource's own account, about whom nothing else is known. */
const somebody: PrincipalFacts = { kind: 'user', account: '', arn: '', principalArn: '', uniqueId: '' };
const refused = (message: string): ApiError => new ApiError('InvalidInput', message);

function named({ id, text }: PolicyText, parse: (text: string) => PolicyDocument): NamedPolicy {
  try {
    return { id, document: parse(text) };
  } catch (error) {
    throw error instanceof ApiError ? refused(error.message) : error;
  }
}

function check({ actions, resources = [], boundaries = [], resource, caller }: Simulation): void {
  const wrongAction = actions.find((action) => !/^[A-Za-z0-9.-]+:[A-Za-z0-9]+$/.test(action));
  if (wrongAction !== undefined) throw refused(`ActionNames are not in a valid format: ${wrongAction}.`);
  const wrongResource = resources.find((name) => name !== '*' && arnFields(name) === undefined);
  if (wrongResource !== undefined) throw refused(`ResourceNames are not in a valid ARN format: ${wrongResource}.`);
  if (boundaries.length > 1) throw refused('Only one permissions boundary can be simulated.');
  if (resource !== undefined && caller === undefined) throw refused('A resource policy can only be simulated with a caller.');
}

function prepare(input: Simulation): Prepared {
  const { caller = somebody, resource } = input;
  const identity = input.identity.map((policy) => named(policy, parseIdentityPolicy));
  const [boundary] = (input.boundaries ?? []).map((policy) => named(policy, parseIdentityPolicy));
  const own = resource && named(resource, parseResourcePolicy);
  const principalIds = new Map([[caller.principalArn, caller.uniqueId], ...(input.principalIds ?? [])]);
  const levels = (input.organization ?? []).map((level) => level.map((policy) => named(policy, (text) => parseControlPolicy(text, 'serviceControl'))));
  const context = contextOf(input.entries ?? [], input.known);
  const documents = [...identity, ...(boundary ? [boundary] : []), ...(own ? [own] : [])].map(({ document }) => document);
  return {
    caller,
    policies: { identity, ...(boundary && { boundary }), ...(own && { resource: { ...own, principalIds } }) },
    levels,
    context,
    missing: contextKeys(...documents).filter((key) => !context.has(key.toLowerCase())),
    spanOf: spansOf(input),
  };
}

/** The spans of a policy's statements, looked for when a statement of it is matched for the first time. */
function spansOf({ identity, boundaries = [], resource }: Simulation): Prepared['spanOf'] {
  const texts = new Map<string, string>([
    ...identity.map(({ id, text }) => [`identity/${id}`, text] as const),
    ...boundaries.map(({ id, text }) => [`boundary/${id}`, text] as const),
    ...(resource ? [[`resource/${resource.id}`, resource.text] as const] : []),
  ]);
  const found = new Map<string, readonly Span[]>();
  return ({ policyType, policyId }) => {
    const key = `${policyType}/${policyId}`;
    const spans = found.get(key) ?? statementSpans(texts.get(key) ?? '');
    found.set(key, spans);
    return spans;
  };
}

const outcomeOf = ({ allowed, explicit }: Pick<Decision, 'allowed' | 'explicit'>): Outcome =>
  allowed ? 'allowed' : explicit ? 'explicitDeny' : 'implicitDeny';
const allows = ({ allows: found, denies }: Verdict): boolean => found.length > 0 && denies.length === 0;
const verdictOutcome = (verdict: Verdict): Outcome => outcomeOf({ allowed: allows(verdict), explicit: verdict.denies.length > 0 });

/** The account of a simulated resource. Without a resource policy only the caller's side is judged. */
function ownerOf(resource: string, { caller, resource: policy, resourceOwner }: Simulation): string {
  if (caller === undefined || policy === undefined) return caller?.account ?? '';
  const account = parseArn(resource)?.account ?? '';
  return isAccountId(account) ? account : (resourceOwner ?? caller.account);
}

function simulateOne(request: Request, prepared: Prepared): Omit<Simulated, 'action' | 'resource'> {
  const { policies, levels, missing } = prepared;
  const question = questionOf(request);
  const organization = levels.map((level) => weigh({ policyType: 'serviceControl', policies: level }, question));
  const allowedByOrganization = organization.every(allows);
  const sides = { missing, ...(levels.length > 0 && { allowedByOrganization }), ...boundarySide(policies, question) };
  if (!allowedByOrganization) {
    const explicit = organization.some(({ denies }) => denies.length > 0);
    return { outcome: outcomeOf({ allowed: false, explicit }), matched: [], ...sides };
  }
  const decision = evaluate(request, policies);
  const matched = decision.statements.flatMap((ref) => {
    const span = prepared.spanOf(ref)[ref.index];
    return span === undefined ? [] : [{ ...ref, span }];
  });
  return { outcome: outcomeOf(decision), matched, ...sides, ...details(request, policies) };
}

function boundarySide({ boundary }: PolicySet, question: ReturnType<typeof questionOf>): Pick<Simulated, 'allowedByBoundary'> {
  if (boundary === undefined) return {};
  return { allowedByBoundary: allows(weigh({ policyType: 'boundary', policies: [boundary] }, question)) };
}

function details(request: Request, { identity, resource }: PolicySet): Pick<Simulated, 'details'> {
  if (resource === undefined || request.principal.account === request.resourceAccount) return {};
  const question = questionOf(request);
  return {
    details: {
      identity: verdictOutcome(weigh({ policyType: 'identity', policies: identity }, question)),
      resource: verdictOutcome(weigh({ policyType: 'resource', policies: [resource] }, question)),
    },
  };
}

/**
 * Says what policies would decide (IAM: SimulateCustomPolicy, SimulatePrincipalPolicy): every action on every resource,
 * in the order of the resources of each action. Whatever is wrong with the input is refused with InvalidInput.
 */
export function simulate(input: Simulation): readonly Simulated[] {
  check(input);
  const prepared = prepare(input);
  const { caller: principal, context } = prepared;
  const resources = input.resources?.length ? input.resources : ['*'];
  return input.actions.flatMap((action) =>
    resources.map((resource) => {
      const request: Request = { principal, action, resource, resourceAccount: ownerOf(resource, input), context };
      return { action, resource, ...simulateOne(request, prepared) };
    }),
  );
}

const restrictive: readonly Outcome[] = ['explicitDeny', 'implicitDeny', 'allowed'];

/** The most restrictive of some outcomes, which is the one of them all (IAM: EvaluationResult). */
export function mostRestrictive(outcomes: readonly Outcome[]): Outcome {
  return restrictive.find((outcome) => outcomes.includes(outcome)) ?? 'implicitDeny';
}
