import fc from 'fast-check';

import { actClaim, delegated, DELEGATES_MAX, requireMayAct, type Delegate } from '../../src/domain/delegation.js';
import { ApiError } from '../../src/domain/errors.js';
import { readJson } from '../../src/domain/policy/json.js';

const delegate = (name: string): Delegate => ({ arn: `arn:aws:iam::123456789012:user/${name}`, subject: name, issuer: `https://${name}.example` });
const anyDelegate = fc.string({ minLength: 1, maxLength: 8 }).map(delegate);

describe('who acts', () => {
  const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(delegate) as [Delegate, Delegate, Delegate, Delegate, Delegate];
  const rows: [newest: Delegate | undefined, before: Delegate[], all: Delegate[]][] = [
    [undefined, [], []],
    [undefined, [a], [a]],
    [undefined, [d, c, b, a], [d, c, b, a]],
    [a, [], [a]],
    [b, [a], [b, a]],
    [a, [a], [a, a]],
    [d, [c, b, a], [d, c, b, a]],
  ];
  it.each(rows)('is the newest, before those who acted before: %#', (newest, before, all) => {
    expect(delegated(newest, before)).toEqual(all);
  });

  it('are four at the most', () => {
    expect(DELEGATES_MAX).toBe(4);
    expect(() => delegated(e, [d, c, b, a])).toThrow(new ApiError('AccessDenied', 'At most 4 may act for one another; this one would be the 5th.'));
    // Nor does it help to come with more.
    expect(() => delegated(undefined, [e, d, c, b, a])).toThrow(ApiError);
  });
});

describe('the claim act', () => {
  it('is absent where nobody acts', () => {
    expect(actClaim([])).toBeUndefined();
  });

  it('has the newest outside, who acted first innermost, and nothing but sub, iss and act', () => {
    expect(actClaim(['c', 'b', 'a'].map(delegate))).toEqual({ sub: 'c', iss: 'https://c.example', act: { sub: 'b', iss: 'https://b.example', act: { sub: 'a', iss: 'https://a.example' } } });
  });

  it('says who acts in the order in which they came to, whoever they are', () => {
    fc.assert(fc.property(fc.array(anyDelegate, { maxLength: DELEGATES_MAX }), (came) => {
      const all = came.reduce<readonly Delegate[]>((before, newest) => delegated(newest, before), []);
      const read: unknown[] = [];
      for (let act = actClaim(all) as { sub?: string; iss?: string; act?: object } | undefined; act !== undefined; act = act.act) read.push([act.sub, act.iss]);
      expect(read.reverse()).toEqual(came.map(({ subject, issuer }) => [subject, issuer]));
    }));
  });
});

describe('the claim may_act', () => {
  const agent = { subject: 'agent', issuer: 'https://idp.example' };
  const accepted: [claim: string | undefined][] = [
    [undefined],
    ['{"sub":"agent"}'],
    ['{"sub":"agent","iss":"https://idp.example"}'],
    // More is information about the same actor (RFC 8693 §4.4).
    ['{"sub":"agent","iss":"https://idp.example","email":"agent@example.com"}'],
  ];
  it.each(accepted)('lets act whom it names: %s', (claim) => {
    expect(() => { requireMayAct(claim === undefined ? undefined : readJson(claim), agent); }).not.toThrow();
  });

  it.each([
    'null', 'true', 'false', '0', '1', '""', '"agent"', '[]', '["agent"]', '[{"sub":"agent"}]', '{}', '{"iss":"https://idp.example"}', '{"sub":"Agent"}', '{"sub":" agent"}', '{"sub":"agent "}', '{"sub":""}', '{"sub":null}', '{"sub":["agent"]}', '{"sub":{"sub":"agent"}}',
    '{"sub":"other"}', '{"sub":"agent","iss":"https://other.example"}', '{"sub":"agent","iss":"https://idp.example/"}', '{"sub":"agent","iss":null}', '{"sub":"agent","iss":""}', '{"sub":"agent","iss":["https://idp.example"]}', '{"SUB":"agent"}', '{"act":{"sub":"agent"}}', '{"__proto__":{"sub":"agent"}}',
  ])('keeps out everybody else: %s', (claim) => {
    expect(() => { requireMayAct(readJson(claim), agent); }).toThrow(new ApiError('InvalidIdentityToken', 'The subject token does not say that this actor may act for its subject (may_act).'));
  });

  it('lets nobody act whose names are not the very ones', () => {
    fc.assert(fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (sub, iss, subject, issuer) => {
      const lets = (): boolean => {
        try {
          requireMayAct(readJson(JSON.stringify({ sub, iss })), { subject, issuer });
          return true;
        } catch {
          return false;
        }
      };
      expect(lets()).toBe(sub === subject && iss === issuer);
    }));
  });
});
