import type { Condition } from './conditions.js';
import type { PolicyDocument, Statement } from './grammar.js';
import { actionTest } from './match.js';
import { operators, type Operator } from './operators.js';
import { literalParts } from './pattern.js';
import { END, type Form } from './shared-issuers.js';

/** A statement that lets somebody in, and what the document denies to whoever comes by it. */
export interface Admission {
  readonly document: PolicyDocument;
  readonly statement: Statement;
  /** Conditions that must not hold: each is alone in a Deny for the same principal and action. */
  readonly denied: readonly Condition[];
}

/** Whether a value of a condition, as far as it is literal, is narrow enough. */
export type Narrow = (text: string) => boolean;

/** A text of the form. */
export const ofForm = (form: Form): Narrow => (text) => form.test(text);

const sameKey = (key: string, { key: other }: Condition): boolean => other.toLowerCase() === key;

/** Whether a statement is about an action. */
export function isAbout({ actions, notActions }: Statement, action: string): boolean {
  const tests = (actions ?? notActions ?? []).map(actionTest);
  if (tests.length === 0) return false;
  return tests.some((test) => test(action.toLowerCase())) === (actions !== undefined);
}

/** A statement with what is denied beside it; `isFor` says whether a Deny is for the principal as well. */
export function admission(document: PolicyDocument, statement: Statement, { action, isFor }: { action: string; isFor: (deny: Statement) => boolean }): Admission {
  const denies = document.statements.filter((other) => other.effect === 'Deny' && other.conditions.length === 1 && isAbout(other, action) && isFor(other));
  return { document, statement, denied: denies.flatMap(({ conditions }) => conditions) };
}

/** Whether a condition holds for a request without the key (policy-language §7). */
export function holdsWithout({ operator: name, values }: Condition): boolean {
  const operator = operators.get(name);
  if (operator === undefined || values.length === 0) return false;
  if (operator.row.type === 'Null') return values.some((value) => value.toLowerCase() === 'true');
  if (operator.ifExists) return true;
  return operator.set === undefined ? operator.row.negated : operator.set === 'ForAllValues';
}

/** Whether whoever is let in has brought the key. */
export function isBrought({ statement, denied }: Admission, key: string): boolean {
  return statement.conditions.some((one) => sameKey(key, one) && !holdsWithout(one)) || denied.some((one) => sameKey(key, one) && one.operator === 'Null' && holdsWithout(one));
}

/** Operators that compare a key with what it has to be, and their negations. */
const COMPARING: ReadonlySet<string> = new Set(['String', 'Arn']);
const isComparing = ({ row }: Operator): boolean => COMPARING.has(row.type) || row.name === 'NumericEquals';

/** A value of a condition up to what others choose in it, with an end where nobody does; undefined where it matches nothing. */
function literalText(value: string, operator: Operator, { version }: PolicyDocument): string | undefined {
  const parts = literalParts(value, { wildcards: operator.row.wildcards, variables: operator.row.variables && version === '2012-10-17' });
  if (parts === undefined) return undefined;
  const open = parts.indexOf(null);
  return open < 0 ? `${parts.join('')}${END}` : parts.slice(0, open).join('');
}

/** Whether a key is let through only with values that are narrow enough. */
export function isLimited(admitted: Admission, key: string, isNarrow: Narrow): boolean {
  const { document, statement, denied } = admitted;
  const areNarrow = ({ operator: name, values }: Condition, isNegated: boolean): boolean => {
    const operator = operators.get(name);
    if (operator === undefined || !isComparing(operator) || operator.row.negated !== isNegated) return false;
    return values.every((value) => {
      const text = literalText(value, operator, document);
      // In an Allow such a value lets nobody in; in a Deny it denies more than it should.
      return text === undefined || isNarrow(text);
    });
  };
  const allowedOnly = (one: Condition): boolean => sameKey(key, one) && areNarrow(one, false) && (!holdsWithout(one) || (one.operator.startsWith('ForAllValues:') && !one.operator.endsWith('IfExists') && isBrought(admitted, key)));
  const deniedOthers = (one: Condition): boolean => sameKey(key, one) && areNarrow(one, true) && !one.operator.startsWith('ForAnyValue:');
  return statement.conditions.some(allowedOnly) || denied.some(deniedOthers);
}

/** Whether an Allow asks about a key at all in a way that could limit it, were its values narrow. */
export function isAsked({ statement }: Admission, key: string): boolean {
  return statement.conditions.some((one) => sameKey(key, one) && !holdsWithout(one) && operators.get(one.operator)?.row.type !== 'Null');
}
