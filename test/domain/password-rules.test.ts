import { passwordExpiry, passwordViolations, waitAfter, type PasswordPolicy } from '../../src/domain/password-rules.js';
import { Secret } from '../../src/domain/secret.js';

/** What an empty UpdateAccountPasswordPolicy leaves. */
const LEAST: PasswordPolicy = { minimumLength: 6, requireSymbols: false, requireNumbers: false, requireUppercase: false, requireLowercase: false, usersMayChange: false, maxAgeDays: null, reusePrevention: null, hardExpiry: null };
const [UPPER, LOWER, NUMBER, SYMBOL] = ['uppercase letter', 'lowercase letter', 'number', 'symbol'].map((kind) => `Password should have at least one ${kind}`);
const length = (least: number): string => `Password should have a minimum length of ${least}`;
const KINDS = 'Password should have at least three of: uppercase letters, lowercase letters, numbers, symbols';
const NAME = 'Password should not be the name of the account';

const violations = (password: string, policy: Partial<PasswordPolicy> | undefined): readonly string[] => passwordViolations(Secret.of(password), policy && { ...LEAST, ...policy }, 'Payments-1');

describe('a password policy', () => {
  const strict = { requireSymbols: true, requireNumbers: true, requireUppercase: true, requireLowercase: true };
  const cases: [password: string, policy: Partial<PasswordPolicy>, violated: (string | undefined)[]][] = [
    ['simple', {}, []],
    ['simpl', {}, [length(6)]],
    ['x'.repeat(13), { minimumLength: 14 }, [length(14)]],
    ['x'.repeat(14), { minimumLength: 14 }, []],
    ['Payments-1', {}, []],
    ['Aa1!xx', strict, []],
    ['aa1!xx', strict, [UPPER]],
    ['AA1!XX', strict, [LOWER]],
    ['Aaa!xx', strict, [NUMBER]],
    ['Aa1xxx', strict, [SYMBOL]],
    ['\u00c4\u00e4\u00b2\u00a7', strict, [length(6), UPPER, LOWER, NUMBER, SYMBOL]],
    ['Aa1xx ', strict, [SYMBOL]],
    ['Aa1xx"', strict, [SYMBOL]],
    ['Aa1xx.', strict, [SYMBOL]],
    ['aaaaaa', { requireNumbers: true }, [NUMBER]],
    ['aaaaaa', { requireUppercase: true }, [UPPER]],
    ['aaaaaa', { requireSymbols: true }, [SYMBOL]],
    ['AAAAAA', { requireLowercase: true }, [LOWER]],
  ];
  it.each(cases)('of the account says of %j under %j: %j', (password, policy, violated) => {
    expect(violations(password, policy)).toEqual(violated);
  });

  it.each([...`!@#$%^&*()_+-=[]{}|'`])('takes %s for a symbol', (symbol) => {
    expect(violations(`aaaaa${symbol}`, { requireSymbols: true })).toEqual([]);
  });

  const byDefault: [password: string, violated: string[]][] = [
    ['Aa1aaaaa', []],
    ['Aa!aaaaa', []],
    ['A1!AAAAA', []],
    ['a1!aaaaa', []],
    ['Aa1aaaa', [length(8)]],
    ['aaaaaaa1', [KINDS]],
    ['Aaaaaaaa', [KINDS]],
    ['\u00c4a1aaaaa', [KINDS]],
    ['payments', [KINDS]],
    ['Payments-1', [NAME]],
    ['PAYMENTS-1', [NAME]],
    ['Payments-12', []],
    ['x', [length(8), KINDS]],
  ];
  it.each(byDefault)('by default says of %j: %j', (password, violated) => {
    expect(violations(password, undefined)).toEqual(violated);
  });
});

describe('the age of a password', () => {
  const changed = new Date('2026-11-25T10:00:00Z');
  it('ends it as many days after it was changed as the policy says, and never without', () => {
    expect(passwordExpiry(changed, { maxAgeDays: 1 })).toEqual(new Date('2026-11-26T10:00:00Z'));
    expect(passwordExpiry(changed, { maxAgeDays: 1095 })).toEqual(new Date('2029-11-24T10:00:00Z'));
    expect(passwordExpiry(changed, { maxAgeDays: null })).toBeUndefined();
    expect(passwordExpiry(changed, undefined)).toBeUndefined();
  });
});

describe('guesses at a password', () => {
  it('are free four times, and then wait twice as long each time, up to a quarter of an hour', () => {
    expect([0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 1000].map(waitAfter)).toEqual([0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]);
  });
});
