import fc from 'fast-check';
import { compile, matchAction, matchResource, matchTokens, matchWildcard } from '../../src/domain/policy/match.js';
import type { Context } from '../../src/domain/policy/match.js';

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
    expect(matchWildcard(`${'*a'.repeat(2000)}*b`, text)).toBe(false);
    expect(matchWildcard('*?'.repeat(2000), text)).toBe(true);
    expect(matchWildcard(`${'*'.repeat(50_000)}a`, text)).toBe(true);
  });

  it('treat regular expression characters as themselves', () => {
    expect(matchWildcard('a.c', 'abc')).toBe(false);
    expect(matchWildcard('(a+)+$', '(a+)+$')).toBe(true);
    expect(matchWildcard('[a-z]*', 'b')).toBe(false);
  });

  it('ignore case where they are asked to', () => {
    expect(matchWildcard('A*C', 'abc', { ignoreCase: true })).toBe(true);
    expect(matchWildcard('A*C', 'abc')).toBe(false);
    expect(matchAction('STS:assume*', 'sts:AssumeRole')).toBe(true);
  });

  it('do not read variables by themselves', () => {
    expect(matchWildcard('${a}', '${a}')).toBe(true);
  });
});

describe('variables', () => {
  const syntax = { wildcards: true, variables: true };

  it('never let a value act as a wildcard', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (value, text) => {
        const compiled = compile('${k}', syntax, new Map([['k', value]]));
        if (typeof compiled === 'string') throw new Error('a single value is usable');
        expect(matchTokens(compiled, text)).toBe(value === text);
      }),
    );
  });

  it('do not read a value as another variable', () => {
    const context: Context = new Map([['a', '${b}'], ['b', 'secret']]);
    expect(compile('${a}', syntax, context)).toEqual(['${b}']);
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('find no value for the key %s', (key) => {
    expect(compile(`\${${key}}`, syntax, new Map())).toBe('missing');
  });
});

describe('resources of hand-made documents', () => {
  const scope = { context: new Map([['a', '1']]), variables: true, missing: false } as const;

  it.each(['arn:*:s3:::x', 'arn:aws:s*:::x', 'arn:aws:s3:${a}::x', 'arn:aws:s3:::${a', 'arn:aws:s3'])(
    'are undecided for %s, which cannot be saved or is too short',
    (pattern) => {
      expect(matchResource(pattern, 'arn:aws:s3:::x', scope)).toBeUndefined();
    },
  );

  it.each(['', 'x', 'arn:aws:s3:::y', 'arn:aws:sqs'])('are not matched by %s', (pattern) => {
    expect(matchResource(pattern, 'arn:aws:s3:::x', scope)).toBe(false);
  });

  it('match a star where the request has no resource', () => {
    expect(matchResource('*', '*', scope)).toBe(true);
    expect(matchResource('arn:aws:s3:::*', '*', scope)).toBe(false);
  });
});
