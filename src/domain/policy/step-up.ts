import { evaluate, layersOf, type Context, type PolicySet, type Request } from './evaluate.js';

/** What a caller could do about a refusal: prove a device, and not longer ago than so many seconds. */
export interface StepUp {
  readonly maxAgeSeconds?: number;
}

const PRESENT = 'aws:multifactorauthpresent';
const AGE = 'aws:multifactorauthage';
/** As old as MFA can be, in seconds: that of the longest session (AWS STS API Reference: GetSessionToken). */
const OLDEST = 129_600;
/** How many ages that policies name are tried. */
const AGES_MAX = 20;

/**
 * Whether a request that was refused would have been allowed had MFA just been used, and how recently it must have
 * been. Found out by asking the engine again, so that it can say nothing that the engine would not do. A request that
 * has to be allowed in several contexts is given once for each of them.
 */
export function stepUp(requests: readonly Request[], policies: PolicySet): StepUp | undefined {
  const isAllowed = (age: number): boolean => requests.every((request) => evaluate(withMfa(request, age), policies).allowed);
  const [first] = requests;
  if (first === undefined || !isAllowed(0)) return undefined;
  if (isAllowed(OLDEST)) return {};
  const longest = agesIn(policies, first).find((age) => isAllowed(Math.max(age - 1, 0)));
  return longest === undefined ? {} : { maxAgeSeconds: longest };
}

/** A context in which MFA was used so many seconds ago. */
export function mfaContext(context: Context, age: number): Context {
  return new Map([...context, [PRESENT, 'true'], [AGE, String(age)]]);
}

function withMfa(request: Request, age: number): Request {
  const { trustContext } = request;
  return { ...request, context: mfaContext(request.context, age), ...(trustContext !== undefined && { trustContext: mfaContext(trustContext, age) }) };
}

/** The ages that conditions compare with, the greatest first. */
function agesIn(policies: PolicySet, { principal }: Request): readonly number[] {
  const conditions = layersOf(policies, principal).flatMap((layer) => layer.policies).flatMap(({ document }) => document.statements).flatMap((statement) => statement.conditions);
  const ages = conditions.filter(({ key }) => key.toLowerCase() === AGE).flatMap(({ values }) => values.map(Number));
  const sensible = ages.filter((age) => Number.isFinite(age) && age >= 0 && age <= OLDEST).map(Math.floor);
  return [...new Set(sensible)].sort((a, b) => b - a).slice(0, AGES_MAX);
}
