import { z } from 'zod';

import { ApiError } from '../domain/errors.js';
import { camelCase, markOf, unwrapped, type Contract, shapeOf } from './operation.js';

type Issue = z.core.$ZodIssue;

/**
 * Checks an input against its contract. Throws a ValidationError that lists every violated constraint in
 * AWS's words at once; STS messages echo the value (never a sensitive one), others do not.
 */
export function parseInput<I extends z.ZodObject>(contract: Contract<I>, raw: unknown): z.output<I> {
  const result = contract.input.safeParse(raw, { reportInput: true });
  if (result.success) return result.data;
  const constraints = result.error.issues.filter((issue) => issue.code !== 'custom');
  if (constraints.length === 0) {
    const [first] = result.error.issues;
    throw new ApiError('ValidationError', sentenceOf(first));
  }
  const echo = contract.aws === 'sts';
  const texts = [...new Set(constraints.map((issue) => entryViolation(contract.input, issue) ?? violation(issue, echo && !isSensitive(contract.input, issue.path))))];
  const count = texts.length;
  throw new ApiError(
    'ValidationError',
    `${String(count)} validation error${count === 1 ? '' : 's'} detected: ${texts.join('; ')}`,
  );
}

/** The refusal of a member that AWS has and Stint does not serve yet; the same on every face. */
export function unserved(member: string): ApiError {
  return new ApiError(
    'UnsupportedParameter',
    `The parameter ${camelCase(member)} is not supported yet. Leave it out; it is refused because ignoring it could widen what the credentials allow.`,
  );
}

function sentenceOf(issue: Issue | undefined): string {
  const member = issue?.path.at(-1);
  return (issue?.message ?? 'The input is not valid.').replace('{member}', camelCase(String(member ?? 'input')));
}

function violation(issue: Issue, echo: boolean): string {
  const missing = issue.input === undefined;
  const value = missing && echo ? ' null' : echo ? ` '${shown(issue.input)}'` : '';
  return `Value${value} at '${pathText(issue.path)}' failed to satisfy constraint: Member must ${constraint(issue)}`;
}

/** A violation in an entry of a list that AWS words by naming every constraint on its entries. */
function entryViolation(schema: z.ZodObject, { path }: Issue): string | undefined {
  const [member, place, ...within] = path;
  if (typeof place !== 'number' || within.length > 0) return undefined;
  const list = unwrapped(shapeOf(schema)[String(member)] ?? z.unknown());
  const rule = list instanceof z.ZodArray ? markOf(list.element as z.ZodType).entry : undefined;
  return rule === undefined ? undefined : `Value at '${pathText([String(member)])}' failed to satisfy constraint: Member must satisfy constraint: [${rule}]`;
}

// AWS echoes whole values; a bounded part keeps a hostile 128 KB parameter out of answers and events.
function shown(input: unknown): string {
  const text = typeof input === 'string' || typeof input === 'number' || typeof input === 'boolean' ? String(input) : '';
  return text.length > 4096 ? `${text.slice(0, 4096)}…` : text;
}

function constraint(issue: Issue): string {
  if (issue.input === undefined) return 'not be null';
  switch (issue.code) {
    case 'invalid_type':
      return `be of type ${typeName(issue.expected)}`;
    case 'too_small':
      return sized(issue.origin, 'greater', Number(issue.minimum));
    case 'too_big':
      return sized(issue.origin, 'less', Number(issue.maximum));
    case 'invalid_format':
      return `satisfy regular expression pattern: ${issue.message}`;
    case 'invalid_value':
      return `satisfy enum value set: [${issue.values.map(String).join(', ')}]`;
    case 'unrecognized_keys':
      return `not have the member ${issue.keys.join(', ')}`;
    default:
      return 'be valid';
  }
}

function sized(origin: string, side: 'greater' | 'less', bound: number): string {
  const measure = origin === 'string' || origin === 'array' ? 'length' : 'value';
  return `have ${measure} ${side} than or equal to ${String(bound)}`;
}

function typeName(expected: string): string {
  return expected === 'int' ? 'integer' : expected;
}

/** `tags.1.member.key`: list positions count from one, as AWS writes constraint paths. */
function pathText(path: readonly PropertyKey[]): string {
  return path.map((part) => (typeof part === 'number' ? `${String(part + 1)}.member` : camelCase(String(part)))).join('.');
}

function isSensitive(schema: z.ZodType, path: readonly PropertyKey[]): boolean {
  let at: z.ZodType | undefined = schema;
  for (const part of path) {
    if (at === undefined) return true;
    if (markOf(at).sensitive !== undefined) return true;
    const inner = unwrapped(at);
    if (inner instanceof z.ZodObject) at = shapeOf(inner)[String(part)];
    else if (inner instanceof z.ZodArray) at = inner.element as z.ZodType;
    else return false;
  }
  return at !== undefined && markOf(at).sensitive !== undefined;
}
