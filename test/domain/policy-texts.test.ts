import fc from 'fast-check';
import { contextKeys } from '../../src/domain/policy/context-keys.js';
import { parseIdentityPolicy, parseResourcePolicy, type PolicyDocument } from '../../src/domain/policy/document.js';
import { statementSpans, type Position } from '../../src/domain/policy/positions.js';

const statement = { Effect: 'Allow', Action: 's3:*', Resource: '*' };
const spans = (text: string): string[] =>
  statementSpans(text).map(({ start, end }) => `${start.line}:${start.column}-${end.line}:${end.column}`);

describe('the places of statements', () => {
  it('are one past each brace', () => {
    expect(spans('{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}')).toEqual(['1:41-1:91']);
    expect(spans('{"Statement":[{},{"a":{}}]}')).toEqual(['1:16-1:17', '1:19-1:26']);
  });

  it.each([['LF', '\n'], ['CRLF', '\r\n'], ['CR', '\r']])('are counted by lines that end with %s', (_, end) => {
    const text = ['{', '  "Statement": [', '    {', '      "Sid": "a"', '    },', '', '    {"Sid": "b"}', '  ]', '}'].join(end);
    expect(spans(text)).toEqual(['3:6-5:6', '7:6-7:17']);
  });

  it('count a blank line of CR and LF apart from CRLF', () => {
    expect(spans('\r\r\n\n{"Statement":{}}')).toEqual(['4:15-4:16']);
  });

  it.each([
    ['braces in texts', '{"Id":"}{][","Statement":[{"Sid":"}]{"}]}', ['1:28-1:40']],
    ['escaped quotes', '{"Id":"\\"{","Statement":{"Sid":"\\\\"}}', ['1:26-1:37']],
    ['members before and after', '{"Id":"Statement","Conditions":{},"Statement":{},"Version":"x"}', ['1:48-1:49']],
    ['objects after the statements', '{"Statement":[{}],"Conditions":{"Statement":{}}}', ['1:16-1:17']],
    ['statements inside of statements', '{"Statement":[{"Condition":{"Statement":{"a":[{}]}}}]}', ['1:16-1:53']],
    ['a single statement with inner objects', '{"Statement":{"Condition":{"Bool":{"a":[]}}}}', ['1:15-1:45']],
    ['an escaped name', '{"\\u0053tatement":{}}', ['1:20-1:21']],
    ['no statement', '{"Id":"x"}', []],
    ['an object in an array of arrays', '{"Statement":[[{}]]}', []],
    ['no object', '[{"Statement":{}}]', []],
    ['nothing', '', []],
  ])('are found beside %s', (_, text, expected) => {
    expect(spans(text)).toEqual(expected);
  });

  it('lie just inside the braces of every statement, however the document is laid out', () => {
    const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })), { maxLength: 4 });
    const layout = fc.constantFrom('', ' ', '\t', '  ');
    fc.assert(
      fc.property(objects, fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })), layout, (list, more, indent) => {
        const text = JSON.stringify({ ...more, Statement: list, Zz: more }, null, indent);
        const lines = text.split('\n');
        const offset = ({ line, column }: Position): number => lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
        const found = statementSpans(text).map(({ start, end }) => text.slice(offset(start) - 1, offset(end)));
        expect(found.map((one) => JSON.parse(one) as unknown)).toEqual(JSON.parse(JSON.stringify(list)));
      }),
    );
  });
});

describe('the context keys of documents', () => {
  const identity = (...statements: object[]): PolicyDocument => parseIdentityPolicy(JSON.stringify({ Version: '2012-10-17', Statement: statements }));

  it('are condition keys and variables, as written, sorted without regard to case', () => {
    const document = identity({
      ...statement,
      Resource: ['arn:aws:s3:::${aws:username}/${aws:PrincipalTag/team, \'x\'}/${*}'],
      Condition: { StringLike: { 'S3:prefix': ['${aws:userid}*', 'plain'] }, Bool: { 'aws:SecureTransport': true } },
    });
    expect(contextKeys(document)).toEqual(['aws:PrincipalTag/team', 'aws:SecureTransport', 'aws:userid', 'aws:username', 'S3:prefix']);
  });

  it('are each told once, as they are written first', () => {
    const document = identity(
      { ...statement, Condition: { Bool: { 'AWS:b': true }, Null: { 'aws:B': false } } },
      { ...statement, Resource: '*', Condition: { StringEquals: { 'aws:a': '${Aws:B}' } } },
    );
    expect(contextKeys(document)).toEqual(['aws:a', 'AWS:b']);
    expect(contextKeys(identity({ ...statement, Condition: { Bool: { 'aws:c': true, 'aws:B': true } } }), document)).toEqual(['aws:a', 'aws:B', 'aws:c']);
  });

  it('include the variables of NotResource and of ARN operators', () => {
    const document = identity({ Effect: 'Deny', Action: '*', NotResource: 'arn:aws:s3:::${a:b}', Condition: { ArnNotLike: { k: 'arn:aws:iam::1:${a:c}' } } });
    expect(contextKeys(document)).toEqual(['a:b', 'a:c', 'k']);
  });

  it('leave out what is no variable', () => {
    expect(contextKeys(identity(statement))).toEqual([]);
    const binary = { ...statement, Condition: { NumericEquals: { n: '1' }, Null: { z: 'true' } } };
    expect(contextKeys(identity(binary))).toEqual(['n', 'z']);
    expect(contextKeys({ version: '2012-10-17', statements: [{ effect: 'Allow', resources: ['arn:aws:s3:::${'], conditions: [{ operator: 'Odd', key: 'o', values: ['${x}'] }] }] })).toEqual(['o']);
    const old = { Version: '2008-10-17', Statement: { ...statement, Principal: '*', Resource: 'arn:aws:s3:::${a:b}', Condition: { StringEquals: { k: '${a:c}' } } } };
    expect(contextKeys(parseResourcePolicy(JSON.stringify(old)))).toEqual(['k']);
  });
});
