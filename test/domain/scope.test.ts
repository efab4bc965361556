import fc from 'fast-check';

import { ApiError } from '../../src/domain/errors.js';
import { parseIdentityPolicy } from '../../src/domain/policy/document.js';
import { readScope } from '../../src/domain/scope.js';

const NO_SCOPE = 'Each scope must be an action, such as iam:Get*, or the name of a managed policy of the account of the role, with one blank between each.';
const allowing = (...Action: string[]): string => JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource: '*' }] });

describe('a scope', () => {
  const rows: [scope: string, actions: string[], names: string[]][] = [
    ['iam:GetUser', ['iam:GetUser'], []],
    ['iam:Get*', ['iam:Get*'], []],
    ['sts:* iam:?etUser', ['sts:*', 'iam:?etUser'], []],
    ['ReadOnly', [], ['ReadOnly']],
    ['Read+Only=,.@-_9 iam:List*', ['iam:List*'], ['Read+Only=,.@-_9']],
    ['iam:GetUser iam:GetUser Name Name', ['iam:GetUser'], ['Name']],
    // Names that mean something to JavaScript, and actions that mean something to nobody.
    ['__proto__ constructor execute-api:x', ['execute-api:x'], ['__proto__', 'constructor']],
    [Array.from({ length: 10 }, (_, index) => `p${String(index)}`).join(' '), [], Array.from({ length: 10 }, (_, index) => `p${String(index)}`)],
    [`${'s'.repeat(64)}:${'A'.repeat(128)} ${'n'.repeat(128)}`, [`${'s'.repeat(64)}:${'A'.repeat(128)}`], ['n'.repeat(128)]],
  ];
  it.each(rows)('is a ceiling: %s', (scope, actions, policyNames) => {
    expect(readScope(scope)).toEqual({ ...(actions.length > 0 && { policy: allowing(...actions) }), policyNames });
  });

  it.each([
    '', ' ', 'iam:GetUser ', ' iam:GetUser', 'iam:GetUser  sts:*', 'iam:GetUser\tsts:*', 'iam:GetUser\nsts:*', '*', '*:*', 'iam:*:*', 'iam:', ':GetUser', 'IAM:GetUser', 'iam:Get User:', 'a/b', '/path/name', 'arn:aws:iam::aws:policy/AdministratorAccess',
    'iam:Get"User', '"', '\\', 'iam:Get\\u002a', '${aws:username}', 'iam:${aws:username}', 'iam:Get\u0000User', 'n\u0000', 'é', '\ud800', 'iam:Gét', `${'s'.repeat(65)}:A`, `s:${'A'.repeat(129)}`, 'n'.repeat(129),
  ])('is none: %j', (scope) => {
    expect(() => readScope(scope)).toThrow(new ApiError('InvalidScope', NO_SCOPE));
  });

  it('names ten policies at the most', () => {
    expect(() => readScope(Array.from({ length: 11 }, (_, index) => `p${String(index)}`).join(' '))).toThrow(new ApiError('InvalidScope', 'A scope can name at most 10 managed policies.'));
  });

  const action = fc.tuple(fc.stringMatching(/^[a-z0-9-]{1,8}$/), fc.stringMatching(/^[A-Za-z0-9*?]{1,8}$/)).map((parts) => parts.join(':'));
  const name = fc.stringMatching(/^[A-Za-z0-9_+=,.@-]{1,12}$/);

  it('is read whole, in order, and stands for one statement that allows', () => {
    fc.assert(fc.property(fc.uniqueArray(action, { maxLength: 8 }), fc.uniqueArray(name, { maxLength: 10 }), fc.infiniteStream(fc.boolean()), (actions, names, coin) => {
      fc.pre(actions.length + names.length > 0);
      // Shuffled into one another, each in its order.
      const [left, right, all] = [[...actions], [...names], [] as string[]];
      while (left.length + right.length > 0) all.push(((coin.next().value === true && left.length > 0) || right.length === 0 ? left : right).shift() ?? '');
      const { policy, policyNames } = readScope(all.join(' '));
      expect(policyNames).toEqual(names);
      expect(policy).toBe(actions.length === 0 ? undefined : allowing(...actions));
      if (policy !== undefined) expect(parseIdentityPolicy(policy).statements).toHaveLength(1);
    }));
  });

  it('is refused, or comes to what is written in it, whatever it is', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('i', 'a', ':', '*', ' ', '"', '\\', '{', '}', ',', '\u0000', 'é') })), (scope) => {
      let read;
      try {
        read = readScope(scope);
      } catch (error) {
        expect(error).toMatchObject({ code: 'InvalidScope' });
        return;
      }
      const { Statement } = JSON.parse(read.policy ?? '{"Statement":[]}') as { Statement: { Effect: string; Action: string[]; Resource: string }[] };
      expect(Statement.every(({ Effect, Resource }) => Effect === 'Allow' && Resource === '*')).toBe(true);
      expect(new Set([...Statement.flatMap(({ Action }) => Action), ...read.policyNames])).toEqual(new Set(scope.split(' ')));
    }));
  });
});
