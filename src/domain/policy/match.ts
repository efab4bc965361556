import { fill, matchTokens, parsePattern, tester, tokenFields, type Context, type Pattern, type Tokens } from './pattern.js';
import type { Truth } from './truth.js';

/** The test of a compiled element for a value of the request. */
export type Test = (actual: string) => Truth;

const noContext: Context = new Map();
const undecided: Test = () => undefined;

/** The test of a pattern without variables. */
function wildcardTest(pattern: string): (text: string) => boolean {
  const filled = fill(parsePattern(pattern, { wildcards: true, variables: false }), noContext);
  return typeof filled === 'string' ? () => false : tester(filled);
}

/** Compiles an element of Action or NotAction; case is ignored, and the test wants its text in lower case (policy-language §5). */
export function actionTest(pattern: string): (loweredAction: string) => boolean {
  return wildcardTest(pattern.toLowerCase());
}

/** The six parts of an ARN-shaped text; the last one keeps its colons. */
export function arnFields(text: string): readonly string[] | undefined {
  const parts = text.split(':');
  if (parts.length < 6 || parts[0] !== 'arn') return undefined;
  return [...parts.slice(0, 5), parts.slice(5).join(':')];
}

/** Whether partition and service are literal and no variable stands before the resource part (policy-language §5). */
export function isFixed(fields: readonly string[]): boolean {
  return !/[*?]/.test(fields.slice(0, 3).join()) && !fields.slice(0, 5).join().includes('${');
}

/** A request's resource, taken apart once: its ARN's fields; undefined where it is no ARN. */
export type ResourceFields = readonly string[] | undefined;

/** How the elements of Resource and NotResource are read. */
export interface ResourceScope {
  readonly context: Context;
  /** What an element whose variable has no value says: nothing matches it, or it cannot be used. */
  readonly missing: Truth;
}

/** The test of a compiled element of Resource or NotResource. */
export type ResourceTest = (have: ResourceFields, scope: ResourceScope) => Truth;

function resourcePartTest(pattern: Pattern): (text: string, scope: ResourceScope) => Truth {
  if (pattern === 'unusable') return () => undefined;
  if ('tokens' in pattern) return tester(pattern.tokens);
  return (text, { context, missing }) => {
    const filled = fill(pattern, context, { emptyIsMissing: true });
    if (filled === 'missing') return missing;
    return filled === 'unusable' ? undefined : matchTokens(filled, text);
  };
}

/**
 * Compiles an element of Resource or NotResource (policy-language §5). `*` crosses `/` and, in the resource part, `:`.
 * A short ARN (`arn:aws:x`, which AWS accepts) is never certain to match.
 */
export function resourceTest(pattern: string, variables: boolean): ResourceTest {
  if (pattern === '*') return () => true;
  const want = arnFields(pattern);
  if (want === undefined) {
    const service = pattern.split(':')[2];
    return (have) => (have?.[2] === undefined || have[2] !== service ? false : undefined);
  }
  if (!isFixed(want)) return (have) => (have === undefined ? false : undefined);
  const [, partition, service, region = '', account = '', resource = ''] = want;
  const [inRegion, ofAccount] = [wildcardTest(region), wildcardTest(account)];
  const isResource = resourcePartTest(parsePattern(resource, { wildcards: true, variables }));
  return (have, scope) => {
    if (have === undefined || have[1] !== partition || have[2] !== service) return false;
    if (!inRegion(have[3] ?? '') || !ofAccount(have[4] ?? '')) return false;
    return isResource(have[5] ?? '', scope);
  };
}

/**
 * Compiles an ARN pattern of a condition: it is compared field by field, and wildcards do not cross the first five
 * colons (policy-language §5, ArnLike). What is no ARN on either side cannot be decided.
 */
export function arnTest(pattern: Tokens): Test {
  const want = tokenFields(pattern);
  if (want.length !== 6) return undecided;
  const tests = want.map(tester);
  return (text) => {
    const have = arnFields(text);
    return have === undefined ? undefined : tests.every((test, index) => test(have[index] ?? ''));
  };
}

