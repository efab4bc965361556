import fc from 'fast-check';
import { actionTest, arnFields, resourceTest, type ResourceScope } from '../../src/domain/policy/match.js';
import { fill, matchTokens, parsePattern, tester, type Context, type Filled } from '../../src/domain/policy/pattern.js';
import type { Truth } from '../../src/domain/policy/truth.js';

const compile = (pattern: string, context: Context = new Map()): Filled => fill(parsePattern(pattern, { wildcards: true, variables: true }), context);

/** Both ways to match a pattern, which must never differ. */
function matchWildcard(pattern: string, text: string): boolean {
  const tokens = fill(parsePattern(pattern, { wildcards: true, variables: false }), new Map());
  if (typeof tokens === 'string') throw new Error('a pattern without variables is always usable');
  const matches = matchTokens(tokens, text);
  expect(tester(tokens)(text)).toBe(matches);
  return matches;
}

/** The definition, word for word; exponential, for short inputs only. */
function reference(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  const rest = pattern.slice(1);
  if (pattern.startsWith('*')) return reference(rest, text) || (text !== '' && reference(pattern, text.slice(1)));
  return text !== '' && (pattern.startsWith('?') || pattern[0] === text[0]) && reference(rest, text.slice(1));
}

const short = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 9 });
const plain = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 9 });

describe('wildcards', () => {
  it('agree with their definition', () => {
    fc.assert(
      fc.property(short, plain, (pattern, text) => {
        expect(matchWildcard(pattern, text)).toBe(reference(pattern, text));
      }),
      { numRuns: 2000 },
    );
  });

  it('agree with their definition where the text has wildcards too', () => {
    fc.assert(fc.property(short, short, (pattern, text) => matchWildcard(pattern, text) === reference(pattern, text)));
  });

  it('match a text with some of its characters replaced', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), fc.nat(), (text, from, length) => {
        const characters = [...text].map((one) => (one === '*' || one === '?' ? 'x' : one));
        const start = from % (characters.length + 1);
        const end = start + (length % (characters.length - start + 1));
        const [head, middle, tail] = [characters.slice(0, start), characters.slice(start, end), characters.slice(end)];
        const whole = characters.join('');
        expect(matchWildcard(`${head.join('')}*${tail.join('')}`, whole)).toBe(true);
        expect(matchWildcard(head.join('') + '?'.repeat(middle.length) + tail.join(''), whole)).toBe(true);
      }),
    );
  });

  it('do not explode on patterns that are made for it', () => {
    const text = 'a'.repeat(100_000);
    expect(matchWildcard('*a*a*a*a*b', text)).toBe(false);
    expect(matchWildcard(`${'*a'.repeat(50_000)}*b`, text)).toBe(false);
    expect(matchWildcard(`${'*a'.repeat(50_000)}*`, text)).toBe(true);
    expect(matchWildcard('*?'.repeat(50_000), text)).toBe(true);
    expect(matchWildcard('*?'.repeat(100_001), text)).toBe(false);
    expect(matchWildcard(`${'*'.repeat(50_000)}a`, text)).toBe(true);
    expect(matchWildcard(`*${'a'.repeat(50_000)}b*`, text)).toBe(false);
    expect(matchWildcard(`*${'a'.repeat(50_000)}`, text)).toBe(true);
    expect(matchWildcard('*a?a?a?a?b*', text)).toBe(false);
  });

  it('treat regular expression characters as themselves', () => {
    expect(matchWildcard('a.c', 'abc')).toBe(false);
    expect(matchWildcard('(a+)+$', '(a+)+$')).toBe(true);
    expect(matchWildcard('[a-z]*', 'b')).toBe(false);
  });

  it('ignore the case of actions only', () => {
    expect(matchWildcard('A*C', 'abc')).toBe(false);
    expect(actionTest('STS:assume*')('sts:assumerole')).toBe(true);
  });

  it('do not read variables by themselves', () => {
    expect(matchWildcard('${a}', '${a}')).toBe(true);
  });
});

describe('variables', () => {
  it('never let a value act as a wildcard', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (value, text) => {
        const compiled = compile('${k}', new Map([['k', value]]));
        if (typeof compiled === 'string') throw new Error('a single value is usable');
        expect(matchTokens(compiled, text)).toBe(value === text);
      }),
    );
  });

  it('do not read a value as another variable', () => {
    const context: Context = new Map([['a', '${b}'], ['b', 'secret']]);
    expect(compile('${a}', context)).toEqual(['${b}']);
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('find no value for the key %s', (key) => {
    expect(compile(`\${${key}}`)).toBe('missing');
  });
});

describe('resources of hand-made documents', () => {
  const scope: ResourceScope = { context: new Map([['a', '1']]), missing: false };
  const matchResource = (pattern: string, resource: string): Truth => resourceTest(pattern, true)(arnFields(resource), scope);

  it.each(['arn:*:s3:::x', 'arn:aws:s*:::x', 'arn:aws:s3:${a}::x', 'arn:aws:s3:::${a', 'arn:aws:s3'])(
    'are undecided for %s, which cannot be saved or is too short',
    (pattern) => {
      expect(matchResource(pattern, 'arn:aws:s3:::x')).toBeUndefined();
    },
  );

  it.each(['', 'x', 'arn:aws:s3:::y', 'arn:aws:sqs'])('are not matched by %s', (pattern) => {
    expect(matchResource(pattern, 'arn:aws:s3:::x')).toBe(false);
  });

  it('match a star where the request has no resource', () => {
    expect(matchResource('*', '*')).toBe(true);
    expect(matchResource('arn:aws:s3:::*', '*')).toBe(false);
  });
});
