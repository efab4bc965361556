import { arnTest, type Test } from './match.js';
import { isTemplate, literalText, lowerCased, tester, type Tokens } from './pattern.js';
import { compare, isBase64, isInNetwork, parseAddress, parseBlock, parseBoolean, parseDate, parseDecimal, type Order } from './values.js';

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
  /** Makes the test of one value of the policy; it answers undefined where either value is unreadable. */
  readonly test: (wanted: Tokens) => Test;
}

const template = { variables: true, wildcards: false } as const;
const pattern = { variables: true, wildcards: true } as const;
const plain = { variables: false, wildcards: false } as const;

type Pair = Pick<OperatorRow, 'type' | 'variables' | 'wildcards' | 'test'>;

/** A positive operator and its negation. */
function pair(name: string, negation: string, row: Pair): readonly OperatorRow[] {
  return [
    { ...row, name, negated: false },
    { ...row, name: negation, negated: true },
  ];
}

/** A parser that remembers its last answer: one request's value meets the values of many statements in turn. */
function remembering<Value>(parse: (text: string) => Value): (text: string) => Value {
  let last: { readonly text: string; readonly value: Value } | undefined;
  return (text) => {
    if (last?.text !== text) last = { text, value: parse(text) };
    return last.value;
  };
}

/** How the two sides of a comparison are read. */
interface Reader<Value> {
  readonly wanted: (text: string) => Value | undefined;
  readonly actual: (text: string) => Value | undefined;
}

/** The test of a value that has to be read: what is unreadable on either side decides nothing. */
function readTest<Value>(reader: Reader<Value>, holds: (wanted: Value, actual: Value) => boolean): OperatorRow['test'] {
  const parseActual = remembering(reader.actual);
  return (wanted) => {
    const left = reader.wanted(literalText(wanted));
    if (left === undefined) return () => undefined;
    return (text) => {
      const right = parseActual(text);
      return right === undefined ? undefined : holds(left, right);
    };
  };
}

/** The six operators of an ordered type. The request's value stands on the left: `request < policy`. */
function ordered(type: 'Numeric' | 'Date', parse: (text: string) => bigint | undefined): readonly OperatorRow[] {
  const row = (holds: (order: Order) => boolean): Pair => ({
    ...plain,
    type,
    test: readTest({ wanted: parse, actual: parse }, (wanted, actual) => holds(compare(actual, wanted))),
  });
  const single = (name: string, holds: (order: Order) => boolean): OperatorRow => ({ ...row(holds), name: `${type}${name}`, negated: false });
  return [
    ...pair(`${type}Equals`, `${type}NotEquals`, row((order) => order === 0)),
    single('LessThan', (order) => order < 0),
    single('LessThanEquals', (order) => order <= 0),
    single('GreaterThan', (order) => order > 0),
    single('GreaterThanEquals', (order) => order >= 0),
  ];
}

const equals: Pair = { ...template, type: 'String', test: tester };
const equalsIgnoreCase: Pair = {
  ...template,
  type: 'String',
  test: (wanted) => {
    const isSame = tester(lowerCased(wanted));
    return (actual) => isSame(actual.toLowerCase());
  },
};
const like: Pair = { ...pattern, type: 'String', test: tester };
const arn: Pair = { ...pattern, type: 'Arn', test: arnTest };

const inBlock: Pair = { ...plain, type: 'Ip', test: readTest({ wanted: parseBlock, actual: parseAddress }, isInNetwork) };

const same = (wanted: unknown, actual: unknown): boolean => wanted === actual;
const sameBoolean = readTest({ wanted: parseBoolean, actual: parseBoolean }, same);
/** Canonical base64, so that equal texts mean equal bytes. */
const parseBytes = (text: string): string | undefined => (isBase64(text) ? text : undefined);
const sameBytes = readTest({ wanted: parseBytes, actual: parseBytes }, same);

/** Every condition operator without prefix and suffix, one row each (policy-language §7). */
export const operatorRows: readonly OperatorRow[] = [
  ...pair('StringEquals', 'StringNotEquals', equals),
  ...pair('StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase', equalsIgnoreCase),
  ...pair('StringLike', 'StringNotLike', like),
  ...ordered('Numeric', parseDecimal),
  ...ordered('Date', parseDate),
  { ...plain, name: 'Bool', type: 'Bool', negated: false, test: sameBoolean },
  { ...plain, name: 'BinaryEquals', type: 'Binary', negated: false, test: sameBytes },
  ...pair('IpAddress', 'NotIpAddress', inBlock),
  ...pair('ArnEquals', 'ArnNotEquals', arn),
  ...pair('ArnLike', 'ArnNotLike', arn),
  { ...plain, name: 'Null', type: 'Null', negated: false, test: sameBoolean },
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

/** Whether a value of the policy can be read by an operator (policy-language §7). */
export function isReadable(row: OperatorRow, value: string, variables: boolean): boolean {
  const check = readable.get(row.type);
  return check === undefined ? !variables || isTemplate(value) : check(value);
}
