import { createHash } from 'node:crypto';

import fc from 'fast-check';

import { ApiError } from '../../src/domain/errors.js';
import { passedPolicies, type PassedInput } from '../../src/domain/passed-policies.js';
import { packedPolicySize } from '../../src/domain/session-packing.js';
import type { TagFact } from '../../src/domain/tags.js';

/** A text that packing hardly makes shorter. */
function noise(length: number, seed: string): string {
  let text = '';
  for (let index = 0; text.length < length; index += 1) text += createHash('sha256').update(`${seed}${String(index)}`).digest('base64url');
  return text.slice(0, length);
}
const policy = (resource: string): string => JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iam:GetUser', Resource: `arn:aws:iam::123456789012:user/${resource}` }] });
/** A policy of so many characters, filled up with blanks. */
const filled = (length: number): string => policy('x').padEnd(length);
const noisy = (length: number): string => policy(noise(length - policy('').length, 'policy'));
const arn = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
const other = 'arn:aws:iam::123456789012:policy/ci/Deploy';
const arns = (...given: string[]): { arn: string }[] => given.map((one) => ({ arn: one }));
const tag = (Key: string, Value: string): TagFact => ({ Key, Value });

describe('the policies that are passed to a session', () => {
  const kept: [what: string, input: PassedInput, policies: unknown][] = [
    ['nothing', {}, undefined],
    ['nothing, said twice', { Policy: undefined, PolicyArns: undefined }, undefined],
    ['a list of no policies', { PolicyArns: [] }, undefined],
    ['an inline policy', { Policy: policy('a') }, { inline: policy('a'), arns: [] }],
    ['an inline policy, with its white space', { Policy: ` \n${policy('a')}\t ` }, { inline: ` \n${policy('a')}\t `, arns: [] }],
    ['managed ones, in their order', { PolicyArns: arns(other, arn) }, { arns: [other, arn] }],
    ['one that does not exist, which is not looked at here', { PolicyArns: arns('arn:aws:iam::aws:policy/None') }, { arns: ['arn:aws:iam::aws:policy/None'] }],
    ['both', { Policy: policy('a'), PolicyArns: arns(arn) }, { inline: policy('a'), arns: [arn] }],
  ];

  it.each(kept)('are kept as they were written: %s', (_, input, policies) => {
    expect(passedPolicies(input, []).policies).toStrictEqual(policies);
  });

  const statement = { Effect: 'Allow', Action: 'iam:GetUser', Resource: '*' };
  const malformed: [what: string, text: string][] = [
    ['nothing at all', ''],
    ['blanks', '  '],
    ['no JSON', '{"Version": '],
    ['an empty object', '{}'],
    ['a list', JSON.stringify([{ Version: '2012-10-17', Statement: [statement] }])],
    ['no statement', JSON.stringify({ Version: '2012-10-17', Statement: [] })],
    ['a principal, which only trust policies have', JSON.stringify({ Version: '2012-10-17', Statement: [{ ...statement, Principal: '*' }] })],
    ['a NotPrincipal', JSON.stringify({ Version: '2012-10-17', Statement: [{ ...statement, NotPrincipal: { AWS: '*' } }] })],
    ['no resource', JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iam:GetUser' }] })],
    ['an unknown effect', JSON.stringify({ Version: '2012-10-17', Statement: [{ ...statement, Effect: 'allow' }] })],
    ['a version of the future', JSON.stringify({ Version: '2099-01-01', Statement: [statement] })],
    ['anything after it', `${policy('a')}x`],
  ];

  it.each(malformed)('are refused where the inline one is %s', (_, Policy) => {
    for (const input of [{ Policy }, { Policy, PolicyArns: arns(arn) }]) {
      expect(() => passedPolicies(input, [])).toThrow(expect.objectContaining({ code: 'MalformedPolicyDocument' }) as Error);
    }
  });
});

describe('the plain length of the policies that are passed to a session', () => {
  const ten = Array.from({ length: 10 }, (_, index) => `arn:aws:iam::123456789012:policy/${String(index)}`.padEnd(128, 'x'));
  const rows: [what: string, input: PassedInput, percent: number | undefined][] = [
    ['an inline policy of 2,048 characters', { Policy: filled(2_048) }, undefined],
    ['one of 2,049', { Policy: filled(2_049) }, 101],
    ['one of 2,068', { Policy: filled(2_068) }, 101],
    ['one of 2,069', { Policy: filled(2_069) }, 102],
    ['one of 4,096', { Policy: filled(4_096) }, 200],
    ['an inline policy and an ARN that fill it', { Policy: filled(2_048 - arn.length), PolicyArns: arns(arn) }, undefined],
    ['an inline policy and an ARN that do not fit', { Policy: filled(2_049 - arn.length), PolicyArns: arns(arn) }, 101],
    ['ten ARNs of 128 characters', { PolicyArns: arns(...ten) }, undefined],
    ['ten ARNs and an inline policy that fills it', { PolicyArns: arns(...ten), Policy: filled(768) }, undefined],
    ['ten ARNs and one character more', { PolicyArns: arns(...ten), Policy: filled(769) }, 101],
    ['ARNs alone that do not fit', { PolicyArns: arns('x'.repeat(1_024), 'y'.repeat(1_025)) }, 101],
    ['characters of two bytes, counted once', { Policy: policy('é'.repeat(2_048 - policy('').length)) }, undefined],
    ['one more of them', { Policy: policy('é'.repeat(2_049 - policy('').length)) }, 101],
  ];

  it.each(rows)('is bounded: %s', (_, input, percent) => {
    const pass = (): unknown => passedPolicies(input, []);
    if (percent === undefined) expect(pass).not.toThrow();
    else expect(pass).toThrow(new ApiError('PackedPolicyTooLarge', `Packed policy consumes ${String(percent)}% of allotted space`));
  });
});

describe('the packed size of what is passed to a session', () => {
  const tags = [tag('team', 'blue'), tag('project', noise(200, 'p'))];

  it('is that of all its policies and tags', () => {
    expect(passedPolicies({}, []).size).toBe(0);
    expect(passedPolicies({}, tags)).toEqual({ policies: undefined, size: packedPolicySize({ policies: [], tags }) });
    expect(passedPolicies({ Policy: policy('a'), PolicyArns: arns(arn, other) }, tags).size).toBe(packedPolicySize({ policies: [policy('a'), arn, other], tags }));
  });

  it('grows with every policy, ARN and tag', () => {
    const size = (input: PassedInput, its: readonly TagFact[]): number => passedPolicies(input, its).size;
    const growing = [size({}, []), size({}, [tag('a', 'x')]), size({}, tags), size({ PolicyArns: arns(other) }, tags), size({ PolicyArns: arns(other), Policy: noisy(1_000) }, tags)];
    expect(growing).toEqual([...new Set(growing)].sort((one, next) => one - next));
  });

  it('is refused where the tags are too large, or only together with the policies', () => {
    const large = Array.from({ length: 8 }, (_, index) => tag(`k${String(index)}`, noise(256, `v${String(index)}`)));
    const size = passedPolicies({}, large).size;
    expect(size).toBeGreaterThan(50);
    expect(passedPolicies({ Policy: noisy(2_048) }, []).size).toBeGreaterThan(50);
    expect(() => passedPolicies({ Policy: noisy(2_048) }, large)).toThrow(expect.objectContaining({ code: 'PackedPolicyTooLarge', message: expect.stringMatching(/^Packed policy consumes 1\d\d% of allotted space$/) as string }) as Error);
    const tooLarge = [...large, ...large.map(({ Key }) => tag(`x${Key}`, noise(256, Key)))];
    expect(() => passedPolicies({}, tooLarge)).toThrow(expect.objectContaining({ code: 'PackedPolicyTooLarge', message: expect.stringMatching(/^Packed size of session tags consumes 1\d\d% of allotted space\.$/) as string }) as Error);
  });

  it('is between 0 and 100 and keeps what was passed, or all is refused, whatever is passed', () => {
    const input = fc.record({
      Policy: fc.option(fc.integer({ min: 0, max: 2_100 }).map((length) => noisy(policy('').length + length)), { nil: undefined }),
      PolicyArns: fc.option(fc.array(fc.record({ arn: fc.string({ minLength: 20, maxLength: 400 }) }), { maxLength: 10 }), { nil: undefined }),
    });
    const given = fc.array(fc.record({ Key: fc.string({ minLength: 1, maxLength: 128 }), Value: fc.string({ maxLength: 256 }) }), { maxLength: 20 });
    const property = fc.property(input, given, (passed, its) => {
      const plain = (passed.Policy?.length ?? 0) + (passed.PolicyArns ?? []).reduce((sum, one) => sum + one.arn.length, 0);
      let found: ReturnType<typeof passedPolicies>;
      try {
        found = passedPolicies(passed, its);
      } catch (error) {
        expect(error).toMatchObject({ code: 'PackedPolicyTooLarge' });
        return;
      }
      expect(plain).toBeLessThanOrEqual(2_048);
      expect(found.size).toBeGreaterThanOrEqual(0);
      expect(found.size).toBeLessThanOrEqual(100);
      expect(Number.isInteger(found.size)).toBe(true);
      expect([found.policies?.inline, found.policies?.arns ?? []]).toEqual([passed.Policy, (passed.PolicyArns ?? []).map((one) => one.arn)]);
    });
    fc.assert(property);
  });
});
