import { ApiError } from '../errors.js';
import type { Condition } from './conditions.js';
import { isArray, isObject, JsonNumber, readJson, type Json, type JsonObject } from './json.js';
import { operators } from './operators.js';

/** The kinds of principals a policy can name (policy-language §4). */
export type PrincipalType = 'AWS' | 'Federated' | 'Service' | 'CanonicalUser';

/** One entry of a Principal element; a bare `"*"` is `{ type: 'AWS', value: '*' }`. */
export interface PrincipalEntry {
  readonly type: PrincipalType;
  readonly value: string;
}

/** The entries of a Principal or NotPrincipal element, in the order of the document. */
export type Principals = readonly PrincipalEntry[];

/** One statement of a policy (policy-language §1). */
export interface Statement {
  readonly sid?: string;
  readonly effect: 'Allow' | 'Deny';
  readonly actions?: readonly string[];
  readonly notActions?: readonly string[];
  readonly resources?: readonly string[];
  readonly notResources?: readonly string[];
  readonly principals?: Principals;
  readonly notPrincipals?: Principals;
  readonly conditions: readonly Condition[];
}

/** A parsed policy document; without a Version it is one of 2008-10-17 (policy-language §1). */
export interface PolicyDocument {
  readonly version: '2012-10-17' | '2008-10-17';
  readonly id?: string;
  readonly statements: readonly Statement[];
}

/** The refusal of a policy document that is not valid (AWS: MalformedPolicyDocument). */
export function malformed(message: string): ApiError {
  return new ApiError('MalformedPolicyDocument', message);
}

const maxCharacters = 131_072;

/** Whether a text has only the characters and the length a policy parameter may have (policy-language §1, §8). */
export function isPolicyText(text: string): boolean {
  return text.length > 0 && text.length <= maxCharacters && /^[\t\n\r\u0020-\u00ff]*$/.test(text);
}

/** Reads the object a policy document must be; undefined for everything else. */
export function readPolicyObject(text: string): JsonObject | undefined {
  if (!isPolicyText(text)) return undefined;
  const root = readJson(text);
  return isObject(root) ? root : undefined;
}

/** Whether every member of an object is one of those the grammar knows. */
export function hasOnly(members: JsonObject, known: ReadonlySet<string>): boolean {
  return [...members.keys()].every((name) => known.has(name));
}

/** A string or an array of strings; undefined for any other shape. */
export function textList(value: Json): readonly string[] | undefined {
  if (typeof value === 'string') return [value];
  if (!isArray(value)) return undefined;
  const texts = value.filter((item) => typeof item === 'string');
  return texts.length === value.length ? texts : undefined;
}

/** The statements of a document as objects; undefined where Statement has another shape. */
export function statementList(value: Json | undefined): readonly JsonObject[] | undefined {
  if (isObject(value)) return [value];
  if (!isArray(value)) return undefined;
  const objects = value.filter(isObject);
  return objects.length === value.length ? objects : undefined;
}

/** JSON booleans and numbers are accepted as condition values and keep their text (policy-language §2). */
function scalar(value: Json): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  return value instanceof JsonNumber ? value.text : undefined;
}

function scalarList(value: Json): readonly string[] | undefined {
  const texts = (isArray(value) ? value : [value]).map(scalar);
  return texts.every((text) => text !== undefined) ? texts : undefined;
}

/**
 * The tests of a Condition block; undefined where its shape is wrong, an operator is unknown (an unknown one with an
 * empty map is accepted, as AWS does) or one operator names a key twice in different case.
 */
export function readConditions(value: Json | undefined): readonly Condition[] | undefined {
  if (value === undefined) return [];
  if (!isObject(value)) return undefined;
  const conditions: Condition[] = [];
  for (const [operator, tests] of value) {
    if (!isObject(tests) || (tests.size > 0 && !operators.has(operator))) return undefined;
    const keys = new Set<string>();
    for (const [key, listed] of tests) {
      const values = scalarList(listed);
      if (values === undefined || keys.has(key.toLowerCase())) return undefined;
      keys.add(key.toLowerCase());
      conditions.push({ operator, key, values });
    }
  }
  return conditions;
}

/** Whether a non-empty Sid occurs twice. */
export function hasDuplicateSid(statements: readonly Pick<Statement, 'sid'>[]): boolean {
  const sids = statements.map(({ sid }) => sid ?? '').filter((sid) => sid !== '');
  return new Set(sids).size < sids.length;
}
