import { compile, isTemplate, literalText, lowerCased, matchArn, matchTokens } from './match.js';
import type { Compiled, Context, Tokens } from './match.js';
import { and, not, or, type Truth } from './truth.js';
import { compareDates, compareDecimals, isBase64, isInBlock, parseBlock, parseBoolean, parseDate, parseDecimal } from './values.js';

/** One test of a Condition block: an operator, a context key and the values it is compared with. */
export interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

/** What the values of an operator are. */
export type ValueType = 'String' | 'Numeric' | 'Date' | 'Bool' | 'Binary' | 'Ip' | 'Arn' | 'Null';

/** One row of the operator table (policy-language §7). */
export interface OperatorRow {
  readonly name: string;
  readonly type: ValueType;
  /** Holds where none of its values matches; a missing key then counts as no match. */
  readonly negated: boolean;
  /** Values may hold policy variables. */
  readonly variables: boolean;
  /** `*` and `?` in values are wildcards. */
  readonly wildcards: boolean;
  /** Whether a request's value matches one value of the policy; undefined where one of them is unreadable. */
  readonly compare: (wanted: Tokens, actual: string) => Truth;
}

const template = { variables: true, wildcards: false } as const;
const pattern = { variables: true, wildcards: true } as const;
const plain = { variables: false, wildcards: false } as const;

type Pair = Pick<OperatorRow, 'type' | 'variables' | 'wildcards' | 'compare'>;

/** A positive operator and its negation. */
function pair(name: string, negation: string, row: Pair): readonly OperatorRow[] {
  return [
    { ...row, name, negated: false },
    { ...row, name: negation, negated: true },
  ];
}

type Comparison = (a: string, b: string) => number | undefined;

/** The six operators of an ordered type. The request's value stands on the left: `request < policy`. */
function ordered(type: 'Numeric' | 'Date', compare: Comparison): readonly OperatorRow[] {
  const test = (holds: (order: number) => boolean): Pair => ({
    ...plain,
    type,
    compare: (wanted, actual) => {
      const order = compare(actual, literalText(wanted));
      return order === undefined ? undefined : holds(order);
    },
  });
  const row = (name: string, holds: (order: number) => boolean): OperatorRow => ({
    ...test(holds),
    name: `${type}${name}`,
    negated: false,
  });
  return [
    ...pair(`${type}Equals`, `${type}NotEquals`, test((order) => order === 0)),
    row('LessThan', (order) => order < 0),
    row('LessThanEquals', (order) => order <= 0),
    row('GreaterThan', (order) => order > 0),
    row('GreaterThanEquals', (order) => order >= 0),
  ];
}

const equals: Pair = { ...template, type: 'String', compare: (wanted, actual) => literalText(wanted) === actual };
const equalsIgnoreCase: Pair = {
  ...template,
  type: 'String',
  compare: (wanted, actual) => literalText(lowerCased(wanted)) === actual.toLowerCase(),
};
const like: Pair = { ...pattern, type: 'String', compare: matchTokens };
const arn: Pair = { ...pattern, type: 'Arn', compare: matchArn };
const inBlock: Pair = { ...plain, type: 'Ip', compare: (wanted, actual) => isInBlock(literalText(wanted), actual) };

function sameBoolean(wanted: Tokens, actual: string): Truth {
  const [left, right] = [parseBoolean(literalText(wanted)), parseBoolean(actual)];
  return left === undefined || right === undefined ? undefined : left === right;
}

function sameBytes(wanted: Tokens, actual: string): Truth {
  const text = literalText(wanted);
  return isBase64(text) && isBase64(actual) ? text === actual : undefined;
}

/** Every condition operator without prefix and suffix, one row each (policy-language §7). */
export const operatorRows: readonly OperatorRow[] = [
  ...pair('StringEquals', 'StringNotEquals', equals),
  ...pair('StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase', equalsIgnoreCase),
  ...pair('StringLike', 'StringNotLike', like),
  ...ordered('Numeric', compareDecimals),
  ...ordered('Date', compareDates),
  { ...plain, name: 'Bool', type: 'Bool', negated: false, compare: sameBoolean },
  { ...plain, name: 'BinaryEquals', type: 'Binary', negated: false, compare: sameBytes },
  ...pair('IpAddress', 'NotIpAddress', inBlock),
  ...pair('ArnEquals', 'ArnNotEquals', arn),
  ...pair('ArnLike', 'ArnNotLike', arn),
  { ...plain, name: 'Null', type: 'Null', negated: false, compare: sameBoolean },
];

/** An operator as a policy writes it: a row with a set prefix and the IfExists suffix, where it has them. */
export interface Operator {
  readonly row: OperatorRow;
  readonly set: 'ForAllValues' | 'ForAnyValue' | undefined;
  readonly ifExists: boolean;
}

function variants(row: OperatorRow): readonly (readonly [string, Operator])[] {
  const suffixes = row.type === 'Null' ? [''] : ['', 'IfExists'];
  const sets = [undefined, 'ForAllValues', 'ForAnyValue'] as const;
  return sets.flatMap((set) =>
    suffixes.map((suffix) => {
      const name = `${set === undefined ? '' : `${set}:`}${row.name}${suffix}`;
      return [name, { row, set, ifExists: suffix !== '' }] as const;
    }),
  );
}

/** Every operator by the exact name a policy may write; what is not in here is unknown (policy-language §1). */
export const operators: ReadonlyMap<string, Operator> = new Map(operatorRows.flatMap(variants));

const readable: ReadonlyMap<ValueType, (text: string) => boolean> = new Map([
  ['Numeric', (text: string) => parseDecimal(text) !== undefined],
  ['Date', (text: string) => parseDate(text) !== undefined],
  ['Bool', (text: string) => parseBoolean(text) !== undefined],
  ['Null', (text: string) => parseBoolean(text) !== undefined],
  ['Binary', isBase64],
  ['Ip', (text: string) => parseBlock(text) !== undefined],
]);

/** Whether every value of a test can be read by its operator, checked when a policy is saved. */
export function hasReadableValues(condition: Condition, variables: boolean): boolean {
  const row = operators.get(condition.operator)?.row;
  if (row === undefined) return false;
  const check = readable.get(row.type) ?? ((text: string) => !variables || isTemplate(text));
  return condition.values.every(check);
}

/** What a Condition block is evaluated with. */
export interface ConditionScope {
  readonly context: Context;
  /** The document is of version 2012-10-17, so that `${…}` is a variable. */
  readonly variables: boolean;
}

/** Whether a key is absent; an empty text is neither clearly absent nor clearly there. */
function isAbsent(values: readonly string[]): Truth {
  if (values.length === 0) return true;
  return values.some((value) => value !== '') ? false : undefined;
}

function matchesNull(condition: Condition, values: readonly string[]): Truth {
  const absent = isAbsent(values);
  return or(
    condition.values.map((text) => {
      const wanted = parseBoolean(text);
      return wanted === undefined || absent === undefined ? undefined : wanted === absent;
    }),
  );
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
function combine(operator: Operator, tests: readonly Truth[]): Truth {
  if (operator.set === 'ForAllValues') return and(tests);
  if (operator.set === 'ForAnyValue' || !operator.row.negated) return or(tests);
  const all = and(tests);
  return all === or(tests) ? all : undefined;
}

function matches(row: OperatorRow, wanted: Compiled, actual: string): Truth {
  if (wanted === 'missing') return false;
  return wanted === 'unusable' ? undefined : row.compare(wanted, actual);
}

/**
 * Whether one test of a Condition block holds (policy-language §7): values are OR-ed, or none may match for a
 * negated operator. An unknown operator, an unreadable value and an empty list of values decide nothing.
 */
export function evaluateCondition(condition: Condition, scope: ConditionScope): Truth {
  const operator = operators.get(condition.operator);
  if (operator === undefined || condition.values.length === 0) return undefined;
  const { row } = operator;
  const found = scope.context.get(condition.key.toLowerCase()) ?? [];
  const values = typeof found === 'string' ? [found] : found;
  if (row.type === 'Null') return matchesNull(condition, values);
  if (values.length === 0) return whenMissing(operator);
  const syntax = { wildcards: row.wildcards, variables: row.variables && scope.variables };
  const wanted = condition.values.map((value) => compile(value, syntax, scope.context));
  const tests = values.map((actual) => {
    const matched = or(wanted.map((one) => matches(row, one, actual)));
    return row.negated ? not(matched) : matched;
  });
  return combine(operator, tests);
}

/** Whether a whole Condition block holds: all of its tests must (policy-language §7). */
export function evaluateConditions(conditions: readonly Condition[], scope: ConditionScope): Truth {
  return and(conditions.map((condition) => evaluateCondition(condition, scope)));
}
