import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileCondition, type Condition } from '../../src/domain/policy/conditions.js';
import { operatorRows, operators } from '../../src/domain/policy/operators.js';
import type { ContextValue } from '../../src/domain/policy/pattern.js';
import { fitsConditions, questionOf, statementsOf } from '../../src/domain/policy/statement.js';
import type { Truth } from '../../src/domain/policy/truth.js';

const read = (name: string): unknown => JSON.parse(readFileSync(join('test', 'vectors', 'policy', name), 'utf8'));

interface OperatorVector {
  readonly operator: string;
  readonly value: string;
  readonly hit: string;
  readonly miss: string;
  readonly truth: Readonly<Record<string, boolean | null>>;
}

interface Comparison {
  readonly operator: string;
  readonly value: string;
  readonly actual: string;
  readonly expect: boolean | null;
}

const holds = (condition: Condition, actual?: ContextValue, variables = true): boolean | null => {
  const context = new Map(actual === undefined ? [] : [['aws:key', actual] as const]);
  return compileCondition(condition, variables)(context) ?? null;
};

/** `ForAnyValue IfExists hit+miss` → the operator's name and the request's values. */
function situation(label: string, row: OperatorVector): { operator: string; actual: ContextValue | undefined } {
  const words = label.split(' ');
  const set = words.find((word) => word.startsWith('For'));
  const suffix = words.includes('IfExists') ? 'IfExists' : '';
  const values = new Map<string, string>([['hit', row.hit], ['miss', row.miss]]);
  const last = words.at(-1) ?? '';
  const actual = last === 'empty' ? [] : last.split('+').map((word) => values.get(word) ?? '');
  return {
    operator: `${set === undefined ? '' : `${set}:`}${row.operator}${suffix}`,
    actual: last === 'missing' ? undefined : actual.length === 1 ? actual[0] : actual,
  };
}

const table = read('operators.json') as OperatorVector[];

describe.each(table)('$operator', (row) => {
  it.each(Object.entries(row.truth))('%s: %s', (label, expected) => {
    const { operator, actual } = situation(label, row);
    expect(holds({ operator, key: 'AWS:Key', values: [row.value] }, actual)).toBe(expected);
  });

  it('is decided by the first of several values that matches, and by none that cannot be read', () => {
    const condition = { operator: row.operator, key: 'aws:key', values: ['zzz', row.value] };
    const onMatch = row.truth['hit'];
    const readsAnything = row.operator.startsWith('String');
    expect(holds(condition, row.hit)).toBe(onMatch);
    expect(holds(condition, row.miss)).toBe(readsAnything ? !onMatch : null);
  });

  it('decides nothing without values', () => {
    expect(holds({ operator: row.operator, key: 'aws:key', values: [] }, row.hit)).toBeNull();
    expect(holds({ operator: row.operator, key: 'aws:key', values: [] })).toBeNull();
  });
});

describe('comparisons', () => {
  it.each(read('comparisons.json') as Comparison[])('$operator $value with $actual: $expect', (row) => {
    expect(holds({ operator: row.operator, key: 'aws:key', values: [row.value] }, row.actual)).toBe(row.expect);
  });
});

describe('Null', () => {
  it.each<[string, ContextValue | undefined, boolean | null]>([
    ['true', undefined, true],
    ['true', [], true],
    ['true', 'x', false],
    ['true', ['', 'x'], false],
    ['true', '', null],
    ['TRUE', undefined, true],
    ['false', undefined, false],
    ['false', [], false],
    ['false', 'x', true],
    ['false', '', null],
    ['maybe', 'x', null],
  ])('%s of %j: %s', (value, actual, expected) => {
    expect(holds({ operator: 'Null', key: 'aws:key', values: [value] }, actual)).toBe(expected);
    expect(holds({ operator: 'ForAnyValue:Null', key: 'aws:key', values: [value] }, actual)).toBe(expected);
    expect(holds({ operator: 'ForAllValues:Null', key: 'aws:key', values: [value] }, actual)).toBe(expected);
  });
});

describe('the table', () => {
  it('has a truth table for every operator', () => {
    expect(operatorRows.map(({ name }) => name).sort()).toEqual([...table.map(({ operator }) => operator), 'Null'].sort());
  });

  it('knows exactly the names that policy-language §7 describes', () => {
    expect(operatorRows).toHaveLength(27);
    expect(operators.size).toBe(26 * 6 + 3);
  });

  it.each(['constructor', '__proto__', 'stringEquals', 'NullIfExists', 'StringEqualsIfExistsIfExists', ''])(
    'decides nothing for the unknown operator "%s"',
    (operator) => {
      expect(holds({ operator, key: 'aws:key', values: ['x'] }, 'x')).toBeNull();
      expect(holds({ operator, key: 'aws:key', values: ['x'] })).toBeNull();
    },
  );
});

describe('a Condition block', () => {
  const principal = { kind: 'root', account: '1', arn: 'a', principalArn: 'a', uniqueId: '1' } as const;
  const question = questionOf({ principal, action: 'a:b', resource: '*', resourceAccount: '1', context: new Map([['a', 'x']]) });
  const evaluateConditions = (conditions: readonly Condition[]): Truth => {
    const [statement] = statementsOf({ version: '2012-10-17', statements: [{ effect: 'Allow', conditions }] });
    return fitsConditions(statement!, question);
  };
  const test = (value: string): Condition => ({ operator: 'StringEquals', key: 'a', values: [value] });
  const unknown: Condition = { operator: 'Unknown', key: 'a', values: ['x'] };

  it('holds where all of its tests do', () => {
    expect(evaluateConditions([])).toBe(true);
    expect(evaluateConditions([test('x'), test('x')])).toBe(true);
    expect(evaluateConditions([test('x'), test('y')])).toBe(false);
  });

  it('is undecided where one test is, unless another fails', () => {
    expect(evaluateConditions([test('x'), unknown])).toBeUndefined();
    expect(evaluateConditions([unknown, test('y')])).toBe(false);
  });
});

describe('variables', () => {
  it('are literal text outside documents of 2012', () => {
    expect(holds({ operator: 'StringEquals', key: 'aws:key', values: ['${aws:key}'] }, 'x', false)).toBe(false);
    expect(holds({ operator: 'StringEquals', key: 'aws:key', values: ['${aws:key}'] }, 'x')).toBe(true);
  });

  it('decide nothing where they are broken or multivalued', () => {
    expect(holds({ operator: 'StringEquals', key: 'aws:key', values: ['${aws:key'] }, 'x')).toBeNull();
    expect(holds({ operator: 'ForAnyValue:StringEquals', key: 'aws:key', values: ['${aws:key}'] }, ['x'])).toBeNull();
  });

  it('are substituted in ARN patterns, their wildcards as literals', () => {
    const pattern: Condition = { operator: 'ArnLike', key: 'aws:key', values: ["arn:aws:iam::1:role/${x, '*'}"] };
    expect(holds(pattern, 'arn:aws:iam::1:role/a')).toBe(false);
    expect(holds(pattern, 'arn:aws:iam::1:role/*')).toBe(true);
    expect(holds({ ...pattern, values: ['${aws:key}'] }, 'arn:aws:iam::1:role/a')).toBe(true);
  });
});
