import type { Test } from './match.js';
import { isReadable, operators, type Operator } from './operators.js';
import { fill, parsePattern, type Context, type Pattern } from './pattern.js';
import { every, not, some, type Truth } from './truth.js';
import { parseBoolean } from './values.js';

/** One test of a Condition block: an operator, a context key and the values it is compared with. */
export interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

/** Whether every value of a test can be read by its operator, checked when a policy is saved. */
export function hasReadableValues({ operator, values }: Condition, variables: boolean): boolean {
  const row = operators.get(operator)?.row;
  return row !== undefined && values.every((value) => isReadable(row, value, variables));
}

/** A test of a Condition block, read once for many requests. */
export type CompiledCondition = (context: Context) => Truth;

/** A value of the policy: the test it makes, or what has still to be filled in for it. */
type Wanted = Test | Exclude<Pattern, { readonly tokens: unknown }>;

/** Whether a key is absent; an empty text is neither clearly absent nor clearly there. */
function isAbsent(values: readonly string[]): Truth {
  if (values.length === 0) return true;
  return values.some((value) => value !== '') ? false : undefined;
}

function matchesNull(wanted: readonly (boolean | undefined)[], values: readonly string[]): Truth {
  const absent = isAbsent(values);
  return some(wanted, (one) => (one === undefined || absent === undefined ? undefined : one === absent));
}

/** What a missing key means (policy-language §7): IfExists decides first, then the set operator, then the negation. */
function whenMissing(operator: Operator): boolean {
  if (operator.ifExists) return true;
  if (operator.set !== undefined) return operator.set === 'ForAllValues';
  return operator.row.negated;
}

/**
 * Puts the request's values of a multivalued key together. Without a set operator AWS leaves the meaning open: any
 * value may match, but a negated operator that holds for some values and not for others decides nothing.
 */
function combine(operator: Operator, values: readonly string[], holds: Test): Truth {
  if (operator.set === 'ForAllValues') return every(values, holds);
  if (operator.set === 'ForAnyValue' || !operator.row.negated) return some(values, holds);
  const all = every(values, holds);
  return all === some(values, holds) ? all : undefined;
}

/** The tests of the policy's values, those with variables filled in for one request. */
function testsFor(wanted: readonly Wanted[], operator: Operator, context: Context): readonly Test[] {
  return wanted.map((one) => {
    if (typeof one === 'function') return one;
    const filled = fill(one, context);
    if (filled === 'missing') return () => false;
    return filled === 'unusable' ? () => undefined : operator.row.test(filled);
  });
}

/** Values are OR-ed, or none may match for a negated operator. */
function judge(operator: Operator, tests: readonly Test[], actual: string): Truth {
  const matched = some(tests, (test) => test(actual));
  return operator.row.negated ? not(matched) : matched;
}

/**
 * Compiles one test of a Condition block (policy-language §7): values are OR-ed, or none may match for a negated
 * operator. An unknown operator, an unreadable value and an empty list of values decide nothing.
 */
export function compileCondition(condition: Condition, variables: boolean): CompiledCondition {
  const operator = operators.get(condition.operator);
  if (operator === undefined || condition.values.length === 0) return () => undefined;
  const { row } = operator;
  const key = condition.key.toLowerCase();
  const valuesIn = (context: Context): readonly string[] => {
    const found = context.get(key) ?? [];
    return typeof found === 'string' ? [found] : found;
  };
  if (row.type === 'Null') {
    const booleans = condition.values.map(parseBoolean);
    return (context) => matchesNull(booleans, valuesIn(context));
  }
  const syntax = { wildcards: row.wildcards, variables: row.variables && variables };
  const wanted = condition.values.map((value): Wanted => {
    const read = parsePattern(value, syntax);
    return typeof read === 'object' && 'tokens' in read ? row.test(read.tokens) : read;
  });
  const constant = wanted.every((one) => typeof one === 'function') ? wanted : undefined;
  return (context) => {
    const actual = context.get(key);
    if (actual === undefined || (typeof actual === 'object' && actual.length === 0)) return whenMissing(operator);
    const tests = constant ?? testsFor(wanted, operator, context);
    if (typeof actual === 'string') return judge(operator, tests, actual);
    return combine(operator, actual, (value) => judge(operator, tests, value));
  };
}
