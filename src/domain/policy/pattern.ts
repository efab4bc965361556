/** The value of a condition context key: one text, or the set of a multivalued key. */
export type ContextValue = string | readonly string[];

/** What is known about a request, by lower-cased condition key (AWS: request context). */
export type Context = ReadonlyMap<string, ContextValue>;

const any = Symbol('any run of characters');
const one = Symbol('exactly one character');

/**
 * A pattern without variables: literal texts, and the wildcards that were written in the policy itself. No text is
 * empty, no two texts are neighbours, and after `any` comes a text or nothing.
 */
export type Tokens = readonly (string | typeof any | typeof one)[];

/** A policy variable: `${key}` or `${key, 'default'}` (policy-language §6). */
interface Variable {
  /** As the policy writes it. */
  readonly name: string;
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

/** A pattern that was read once: ready to match, with variables still to be filled in, or not to be understood. */
export type Pattern = { readonly tokens: Tokens } | { readonly pieces: readonly Piece[] } | 'unusable';

const variablePattern = /\$\{([^${},'*?]+)(?:, '([^'$]*)')?\}/y;
const escapes: ReadonlyMap<string, string> = new Map([
  ['${*}', '*'],
  ['${?}', '?'],
  ['${$}', '$'],
]);

/** The variable or escape that begins at a position, and its length; undefined where it is neither. */
function variableAt(pattern: string, at: number): { readonly piece: Piece; readonly length: number } | undefined {
  const escaped = escapes.get(pattern.slice(at, at + 4));
  if (escaped !== undefined) return { piece: escaped, length: 4 };
  variablePattern.lastIndex = at;
  const [text, name = '', fallback] = variablePattern.exec(pattern) ?? [];
  if (text === undefined || name.trim() !== name) return undefined;
  return { piece: { name, key: name.toLowerCase(), fallback }, length: text.length };
}

/** Splits a pattern into its pieces; undefined where a `${` begins nothing that is known. */
function piecesOf(pattern: string, syntax: Syntax): readonly Piece[] | undefined {
  const found: Piece[] = [];
  const add = (piece: Piece): void => {
    const last = found.at(-1);
    if (typeof piece === 'string' && typeof last === 'string') found[found.length - 1] = last + piece;
    else found.push(piece);
  };
  for (let at = 0; at < pattern.length; ) {
    const character = pattern.charAt(at);
    if (syntax.variables && pattern.startsWith('${', at)) {
      const variable = variableAt(pattern, at);
      if (variable === undefined) return undefined;
      add(variable.piece);
      at += variable.length;
    } else {
      if (syntax.wildcards && character === '*') add(any);
      else add(syntax.wildcards && character === '?' ? one : character);
      at += 1;
    }
  }
  return found;
}

/** Puts neighbouring texts together, and every `?` before the `*` of its run: `*?` and `?*` mean the same. */
function normalized(pieces: readonly Tokens[number][]): Tokens {
  const tokens: Tokens[number][] = [];
  for (const piece of pieces) {
    const last = tokens.at(-1);
    if (typeof piece === 'string' && typeof last === 'string') tokens[tokens.length - 1] = last + piece;
    else if (piece === one && last === any) tokens.splice(-1, 0, one);
    else if (piece !== '' && !(piece === any && last === any)) tokens.push(piece);
  }
  return tokens;
}

const isToken = (piece: Piece): piece is Tokens[number] => typeof piece !== 'object';

/** Reads a pattern, so that a request need not. */
export function parsePattern(pattern: string, syntax: Syntax): Pattern {
  const pieces = piecesOf(pattern, syntax);
  if (pieces === undefined) return 'unusable';
  return pieces.every(isToken) ? { tokens: normalized(pieces) } : { pieces };
}

/** Whether every `${` of a pattern is a policy variable or an escape as policy-language §6 describes them. */
export function isTemplate(pattern: string): boolean {
  return piecesOf(pattern, { wildcards: false, variables: true }) !== undefined;
}

/** The keys of a pattern's policy variables, as they are written; none where the pattern is unusable. */
export function variablesOf(pattern: string): readonly string[] {
  const pieces = piecesOf(pattern, { wildcards: false, variables: true }) ?? [];
  return pieces.flatMap((piece) => (isToken(piece) ? [] : [piece.name]));
}

/**
 * The texts of a pattern that are what they are, and null wherever something stands that whoever makes the request may
 * have chosen: a wildcard, or a variable. Undefined where the pattern is unusable, and so matches nothing.
 */
export function literalParts(pattern: string, syntax: Syntax): readonly (string | null)[] | undefined {
  return piecesOf(pattern, syntax)?.map((piece) => (typeof piece === 'string' ? piece : null));
}

/** A pattern whose variables have their values, or why there is none: one has no value, or it cannot be used. */
export type Filled = Tokens | 'missing' | 'unusable';

/**
 * Puts the values of its variables into a pattern. Characters of a value are literals: a user who calls himself `*`
 * must not match everybody (policy-language §6). Multivalued keys cannot be variables.
 */
export function fill(pattern: Pattern, context: Context, options: { readonly emptyIsMissing?: boolean } = {}): Filled {
  if (pattern === 'unusable') return pattern;
  if ('tokens' in pattern) return pattern.tokens;
  const tokens: Tokens[number][] = [];
  for (const piece of pattern.pieces) {
    if (isToken(piece)) {
      tokens.push(piece);
      continue;
    }
    const value = context.get(piece.key) ?? piece.fallback;
    if (value === undefined || (value === '' && options.emptyIsMissing === true)) return 'missing';
    if (typeof value !== 'string') return 'unusable';
    tokens.push(value);
  }
  return normalized(tokens);
}

/** The text of a pattern without wildcards. */
export function literalText(tokens: Tokens): string {
  return tokens.filter((token) => typeof token === 'string').join('');
}

/** The same pattern in lower case, for comparisons that ignore case. */
export function lowerCased(tokens: Tokens): Tokens {
  return tokens.map((token) => (typeof token === 'string' ? token.toLowerCase() : token));
}

/** Splits an ARN pattern at its first five colons, wherever they come from. */
export function tokenFields(tokens: Tokens): readonly Tokens[] {
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
  return fields.map(normalized);
}

const widthAt = (text: string, at: number): number => ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);

/** Where a token that is not `any` ends when it matches at a position; -1 where it does not match. */
function consume(token: Tokens[number], text: string, at: number): number {
  if (typeof token === 'string') return text.startsWith(token, at) ? at + token.length : -1;
  return at < text.length ? at + widthAt(text, at) : -1;
}

/**
 * Whether a pattern matches a whole text. Only the last `*` is ever reconsidered, so the work is at most the product
 * of the two lengths. Without a `?` after a `*` nothing is reconsidered at all: every text between two `*` is searched
 * once, from where the one before it ended, and a text after the last `*` is compared with the end.
 */
export function matchTokens(tokens: Tokens, text: string): boolean {
  let token = 0;
  let at = 0;
  let star = -1;
  let starAt = -1;
  for (;;) {
    const current = tokens[token];
    if (current === any) {
      const next = tokens[token + 1];
      if (typeof next !== 'string') return true;
      if (token + 2 === tokens.length) return text.length - at >= next.length && text.endsWith(next);
      star = token;
      starAt = text.indexOf(next, at);
      if (starAt < 0) return false;
      at = starAt + next.length;
      token += 2;
      continue;
    }
    if (current === undefined && at === text.length) return true;
    const end = current === undefined ? -1 : consume(current, text, at);
    if (end >= 0) {
      at = end;
      token += 1;
    } else {
      if (star < 0) return false;
      token = star;
      at = starAt + 1;
    }
  }
}

/** The test of a pattern, made once for many texts; the commonest kinds of patterns are a single comparison. */
export function tester(tokens: Tokens): (text: string) => boolean {
  const [first, second] = tokens;
  if (first === undefined) return (text) => text === '';
  if (tokens.length === 1 && first === any) return () => true;
  if (tokens.length === 1 && typeof first === 'string') return (text) => text === first;
  if (tokens.length === 2 && typeof first === 'string' && second === any) return (text) => text.startsWith(first);
  return (text) => matchTokens(tokens, text);
}
