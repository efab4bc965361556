import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { ApiError } from '../../src/domain/errors.js';
import {
  awsPrincipals,
  isPolicyText,
  malformed,
  parseControlPolicy,
  parseIdentityPolicy,
  parseResourcePolicy,
  parseTrustPolicy,
  policySize,
} from '../../src/domain/policy/document.js';
import type { PolicyDocument } from '../../src/domain/policy/document.js';

interface Vector {
  readonly name: string;
  readonly document?: object;
  readonly text?: string;
  readonly error: string | null;
}

const vectors = (name: string): Vector[] =>
  JSON.parse(readFileSync(join('test', 'vectors', 'policy', 'validation', `${name}.json`), 'utf8')) as Vector[];

type Parse = (text: string) => PolicyDocument;

/** The message of a refusal, or null; anything but the one error a parser may throw fails the test. */
function refusal(parse: Parse, text: string): string | null {
  try {
    parse(text);
    return null;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'MalformedPolicyDocument') return error.message;
    throw error;
  }
}

describe('identity policies', () => {
  it.each(vectors('identity'))('$name', ({ document, text, error }) => {
    expect(refusal(parseIdentityPolicy, text ?? JSON.stringify(document))).toBe(error);
  });

  it('keeps every element of a statement', () => {
    const document = parseIdentityPolicy(
      `{"Version":"2012-10-17","Id":"i","Statement":[
        {"Sid":"a","Effect":"Allow","Action":["s3:Get*"],"Resource":"*","Condition":{"NumericEquals":{"a":[1.50,"2"]},"Bool":{"b":true}}},
        {"Effect":"Deny","NotAction":"s3:Get*","NotResource":["arn:aws:s3:::b"]}]}`,
    );
    expect(document).toEqual({
      version: '2012-10-17',
      id: 'i',
      statements: [
        {
          sid: 'a',
          effect: 'Allow',
          actions: ['s3:Get*'],
          resources: ['*'],
          conditions: [
            { operator: 'NumericEquals', key: 'a', values: ['1.50', '2'] },
            { operator: 'Bool', key: 'b', values: ['true'] },
          ],
        },
        { effect: 'Deny', notActions: ['s3:Get*'], notResources: ['arn:aws:s3:::b'], conditions: [] },
      ],
    });
  });

  it('refuses a document longer than a parameter may be', () => {
    const text = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`;
    expect(refusal(parseIdentityPolicy, text.padEnd(131_072))).toBeNull();
    expect(refusal(parseIdentityPolicy, text.padEnd(131_073))).toBe('Syntax errors in policy.');
  });
});

describe('trust policies', () => {
  it.each(vectors('trust'))('$name', ({ document, text, error }) => {
    expect(refusal(parseTrustPolicy, text ?? JSON.stringify(document))).toBe(error);
  });

  it('lists every principal with its type', () => {
    const principal = { AWS: ['*', '111111111111'], Service: 'ec2.amazonaws.com' };
    const document = parseTrustPolicy(
      JSON.stringify({ Statement: { Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole' } }),
    );
    expect(document.version).toBe('2008-10-17');
    expect(awsPrincipals(document)).toEqual([
      { type: 'AWS', value: '*' },
      { type: 'AWS', value: '111111111111' },
      { type: 'Service', value: 'ec2.amazonaws.com' },
    ]);
  });
});

describe('resource policies', () => {
  it.each(vectors('resource'))('$name', ({ document, text, error }) => {
    expect(refusal(parseResourcePolicy, text ?? JSON.stringify(document))).toBe(error);
  });

  it('keep their principals, actions and resources', () => {
    const statements = [
      { Effect: 'Allow', Principal: '*', Action: 'sqs:SendMessage', Resource: '*' },
      { Sid: 'd', Effect: 'Deny', NotPrincipal: { AWS: '111111111111', Service: ['ec2.amazonaws.com'] }, NotAction: 'sqs:*', NotResource: ['arn:aws:sqs:::x'] },
    ];
    expect(parseResourcePolicy(JSON.stringify({ Id: 'i', Statement: statements }))).toEqual({
      version: '2008-10-17',
      id: 'i',
      statements: [
        { effect: 'Allow', actions: ['sqs:SendMessage'], resources: ['*'], principals: [{ type: 'AWS', value: '*' }], conditions: [] },
        {
          sid: 'd',
          effect: 'Deny',
          notActions: ['sqs:*'],
          notResources: ['arn:aws:sqs:::x'],
          notPrincipals: [{ type: 'AWS', value: '111111111111' }, { type: 'Service', value: 'ec2.amazonaws.com' }],
          conditions: [],
        },
      ],
    });
    expect(parseResourcePolicy(JSON.stringify({ Version: '2012-10-17', Statement: statements })).version).toBe('2012-10-17');
  });
});

describe('control policies', () => {
  it.each(vectors('control') as (Vector & { readonly type: 'serviceControl' | 'resourceControl' })[])('$name', ({ document, type, error }) => {
    expect(refusal((text) => parseControlPolicy(text, type), JSON.stringify(document))).toBe(error);
  });
});

describe('texts', () => {
  it('counts characters without white space, in and between the tokens', () => {
    expect(policySize(' {"a b":\t"c\r\n"} ')).toBe('{"ab":"c"}'.length);
  });

  it('allows the characters of policy-language §1 only', () => {
    expect(['a\t\n\r\u00ff', '\u0100', '\u0000', '\u001f', ''].map(isPolicyText)).toEqual([true, false, false, false, false]);
  });

  it('refuses with MalformedPolicyDocument', () => {
    expect(malformed('x')).toMatchObject({ code: 'MalformedPolicyDocument', message: 'x' });
  });
});

const anyText = fc.oneof(fc.string(), fc.json(), fc.string({ unit: fc.constantFrom(...'{}[]":,\\u0n1-.eE ') }));
const loose = fc.oneof(fc.constantFrom('*', 's3:Get*', 'Allow', 'Deny', '2012-10-17', 'arn:aws:s3:::x', '${a}'), fc.jsonValue());
const member = fc.constantFrom('Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'Principal', 'Condition', '__proto__');
const nearly = fc.record(
  { Version: loose, Statement: fc.oneof(loose, fc.array(fc.dictionary(member, loose))), Id: loose },
  { requiredKeys: [] },
);

describe.each([
  ['identity', parseIdentityPolicy],
  ['trust', parseTrustPolicy],
  ['resource', parseResourcePolicy],
] as const)('the %s parser', (_, parse) => {
  it('refuses any text with the one error it has', () => {
    fc.assert(fc.property(anyText, (text) => void refusal(parse, text)));
    fc.assert(fc.property(nearly, (document) => void refusal(parse, JSON.stringify(document))));
  });

  it('refuses deep and long texts without a stack overflow', () => {
    const depth = 60_000;
    expect(refusal(parse, '['.repeat(depth))).not.toBeNull();
    expect(refusal(parse, '{"a":'.repeat(20_000))).not.toBeNull();
    expect(refusal(parse, `"${'\\'.repeat(depth)}`)).not.toBeNull();
    expect(refusal(parse, '9'.repeat(depth))).not.toBeNull();
  });
});

describe('the JSON reader', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*', Condition: { X: value } } });
        const isEmptyMap = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
        expect(refusal(parseIdentityPolicy, text)).toBe(isEmptyMap ? null : 'Syntax errors in policy.');
      }),
    );
  });
});
