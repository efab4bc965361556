import { and, type Truth } from './truth.js';

/** The value of a condition context key: one text, or the set of a multivalued key. */
export type ContextValue = string | readonly string[];

/** What is known about a request, by lower-cased condition key (AWS: request context). */
export type Context = ReadonlyMap<string, ContextValue>;

const any = Symbol('any run of characters');
const one = Symbol('exactly one character');

/** A compiled pattern: literal text, and the wildcards that were written in the policy itself. */
export type Tokens = readonly (string | typeof any | typeof one)[];

/** A policy variable: `${key}` or `${key, 'default'}` (policy-language §6). */
interface Variable {
  readonly key: string;
  readonly fallback: string | undefined;
}

type Piece = Tokens[number] | Variable;

/** Which characters of a pattern are more than themselves. */
export interface Syntax {
  /** `*` and `?` are wildcards. */
  readonly wildcards: boolean;
  /** `${…}` is a policy variable; only in documents of version 2012-10-17. */
  readonly variables: boolean;
}

const variablePattern = /\$\{([^${},'*?]+)(?:, '([^'$]*)')?\}/y;
const escapes: ReadonlyMap<string, string> = new Map([
  ['${*}', '*'],
  ['${?}', '?'],
  ['${$}', '$'],
]);

/** Splits a pattern into its pieces; undefined where a `${` begins nothing that is known. */
function pieces(pattern: string, syntax: Syntax): readonly Piece[] | undefined {
  const found: Piece[] = [];
  let literal = '';
  const add = (piece: Piece): void => {
    if (literal !== '') found.push(literal);
    literal = '';
    found.push(piece);
  };
  for (let at = 0; at < pattern.length; ) {
    const character = pattern.charAt(at);
    const dollar = syntax.variables && pattern.startsWith('${', at);
    const escaped = dollar ? escapes.get(pattern.slice(at, at + 4)) : undefined;
    if (escaped !== undefined) {
      literal += escaped;
      at += 4;
    } else if (dollar) {
      variablePattern.lastIndex = at;
      const [text, key = '', fallback] = variablePattern.exec(pattern) ?? [];
      if (text === undefined || key.trim() !== key) return undefined;
      add({ key: key.toLowerCase(), fallback });
      at += text.length;
    } else {
      if (syntax.wildcards && character === '*') add(any);
      else if (syntax.wildcards && character === '?') add(one);
      else literal += character;
      at += 1;
    }
  }
  if (literal !== '') found.push(literal);
  return found;
}

/** Whether every `${` of a pattern is a policy variable or an escape as policy-language §6 describes them. */
export function isTemplate(pattern: string): boolean {
  return pieces(pattern, { wildcards: false, variables: true }) !== undefined;
}

/** A compiled pattern, or why there is none: a variable has no value, or it cannot be used. */
export type Compiled = Tokens | 'missing' | 'unusable';

/**
 * Compiles a pattern and puts the values of its variables in. Characters of a value are literals: a user who
 * calls himself `*` must not match everybody (policy-language §6). Multivalued keys cannot be variables.
 */
export function compile(pattern: string, syntax: Syntax, context: Context): Compiled {
  if (!/[*?$]/.test(pattern)) return pattern === '' ? [] : [pattern];
  const found = pieces(pattern, syntax);
  if (found === undefined) return 'unusable';
  const tokens: Tokens[number][] = [];
  for (const piece of found) {
    if (typeof piece !== 'object') {
      tokens.push(piece);
      continue;
    }
    const value = context.get(piece.key) ?? piece.fallback;
    if (value === undefined) return 'missing';
    if (typeof value !== 'string') return 'unusable';
    tokens.push(value);
  }
  return tokens;
}

/** The text of a pattern without wildcards. */
export function literalText(tokens: Tokens): string {
  return tokens.filter((token) => typeof token === 'string').join('');
}

/** The same pattern in lower case, for comparisons that ignore case. */
export function lowerCased(tokens: Tokens): Tokens {
  return tokens.map((token) => (typeof token === 'string' ? token.toLowerCase() : token));
}

const widthAt = (text: string, at: number): number => ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);

/** Where a token that is not `any` ends when it matches at a position; -1 where it does not match. */
function consume(token: Tokens[number], text: string, at: number): number {
  if (typeof token === 'string') return text.startsWith(token, at) ? at + token.length : -1;
  return at < text.length ? at + widthAt(text, at) : -1;
}

/**
 * Whether a compiled pattern matches a whole text. Only the last `*` is ever reconsidered, so the work is at
 * most the product of the two lengths and no pattern makes it explode.
 */
export function matchTokens(tokens: Tokens, text: string): boolean {
  let token = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  for (;;) {
    const current = tokens[token];
    if (current === any) {
      star = token;
      starAt = at;
      token += 1;
      if (token === tokens.length) return true;
      continue;
    }
    const end = current === undefined ? -1 : consume(current, text, at);
    if (end >= 0) {
      at = end;
      token += 1;
      continue;
    }
    if (current === undefined && at === text.length) return true;
    if (star < 0 || starAt >= text.length) return false;
    starAt += widthAt(text, starAt);
    const next = tokens[star + 1];
    if (typeof next === 'string') starAt = text.indexOf(next, starAt);
    if (starAt < 0) return false;
    at = starAt;
    token = star + 1;
  }
}

const noContext: Context = new Map();

/** Whether a pattern with `*` (any run) and `?` (one character) matches a whole text (policy-language §5). */
export function matchWildcard(pattern: string, text: string, options: { readonly ignoreCase?: boolean } = {}): boolean {
  const compiled = compile(pattern, { wildcards: true, variables: false }, noContext);
  if (typeof compiled === 'string') return false;
  return options.ignoreCase === true
    ? matchTokens(lowerCased(compiled), text.toLowerCase())
    : matchTokens(compiled, text);
}

/** Whether an Action or NotAction element names an action; case is ignored (policy-language §5). */
export function matchAction(pattern: string, action: string): boolean {
  return matchWildcard(pattern, action, { ignoreCase: true });
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

/** How the elements of Resource and NotResource are read. */
export interface ResourceScope {
  readonly context: Context;
  readonly variables: boolean;
  /** What an element whose variable has no value says: nothing matches it, or it cannot be used. */
  readonly missing: Truth;
}

/**
 * Whether a Resource or NotResource element names a resource (policy-language §5). `*` crosses `/` and, in the
 * resource part, `:`. A short ARN (`arn:aws:x`, which AWS accepts) is never certain to match.
 */
export function matchResource(pattern: string, resource: string, scope: ResourceScope): Truth {
  if (pattern === '*') return true;
  const have = arnFields(resource);
  if (have === undefined) return false;
  const want = arnFields(pattern);
  if (want === undefined) return pattern.split(':')[2] === have[2] ? undefined : false;
  if (!isFixed(want)) return undefined;
  const literals = want.slice(0, 3).every((field, index) => field === have[index]);
  const wildcards = [3, 4].every((index) => matchWildcard(want[index] ?? '', have[index] ?? ''));
  if (!literals || !wildcards) return false;
  const compiled = compile(want[5] ?? '', { wildcards: true, variables: scope.variables }, scope.context);
  if (compiled === 'missing' || (typeof compiled === 'object' && compiled.includes(''))) return scope.missing;
  return compiled === 'unusable' ? undefined : matchTokens(compiled, have[5] ?? '');
}

/** Splits a compiled ARN pattern at its first five colons, wherever they come from. */
function tokenFields(tokens: Tokens): readonly Tokens[] {
  const fields: Tokens[number][][] = [[]];
  for (const token of tokens) {
    if (typeof token !== 'string') {
      fields.at(-1)?.push(token);
      continue;
    }
    let rest = token;
    for (let colon = rest.indexOf(':'); colon >= 0 && fields.length < 6; colon = rest.indexOf(':')) {
      fields.at(-1)?.push(rest.slice(0, colon));
      fields.push([]);
      rest = rest.slice(colon + 1);
    }
    fields.at(-1)?.push(rest);
  }
  return fields;
}

/**
 * Whether a compiled ARN pattern matches an ARN, field by field: wildcards do not cross the first five colons
 * (policy-language §5, ArnLike). What is no ARN on either side cannot be decided.
 */
export function matchArn(pattern: Tokens, text: string): Truth {
  const want = tokenFields(pattern);
  const have = arnFields(text);
  if (want.length !== 6 || have === undefined) return undefined;
  return and(want.map((field, index) => matchTokens(field, have[index] ?? '')));
}
