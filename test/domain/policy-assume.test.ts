import fc from 'fast-check';
import { assumeActions } from '../../src/domain/policy/assume.js';
import type { Statement } from '../../src/domain/policy/document.js';
import { evaluate, type PolicySet, type PrincipalFacts } from '../../src/domain/policy/evaluate.js';

const account = '111111111111';
const alice = `arn:aws:iam::${account}:user/alice`;
const role = `arn:aws:iam::${account}:role/target`;
const caller: PrincipalFacts = { kind: 'user', account, arn: alice, principalArn: alice, uniqueId: 'AIDAALICE' };
const all = ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity', 'sts:SetContext'];

const isAllowed = (action: string, policies: PolicySet): boolean =>
  evaluate({ principal: caller, action, resource: role, resourceAccount: account, context: new Map() }, policies).allowed;

describe('the actions next to AssumeRole', () => {
  it.each([
    [{ tags: false, sourceIdentity: false, contexts: false }, []],
    [{ tags: true, sourceIdentity: false, contexts: false }, ['sts:TagSession']],
    [{ tags: false, sourceIdentity: true, contexts: false }, ['sts:SetSourceIdentity']],
    [{ tags: false, sourceIdentity: false, contexts: true }, ['sts:SetContext']],
    [{ tags: true, sourceIdentity: true, contexts: true }, ['sts:TagSession', 'sts:SetSourceIdentity', 'sts:SetContext']],
  ])('of a call with %j are %j', (facts, actions) => {
    expect(assumeActions(facts)).toEqual(actions);
  });

  it('are each needed, and nothing else is', () => {
    const facts = fc.record({ tags: fc.boolean(), sourceIdentity: fc.boolean(), contexts: fc.boolean() });
    const sides = fc.record({ trusted: fc.subarray(all), own: fc.subarray(all), delegated: fc.boolean() });
    fc.assert(
      fc.property(facts, sides, (carried, { trusted, own, delegated }) => {
        const grant: Statement = { effect: 'Allow', actions: trusted, principals: [{ type: 'AWS', value: delegated ? account : 'AIDAALICE' }], conditions: [] };
        const policies: PolicySet = {
          identity: [{ id: 'i', document: { version: '2012-10-17', statements: [{ effect: 'Allow', actions: own, resources: [role], conditions: [] }] } }],
          trust: { id: 't', document: { version: '2012-10-17', statements: [grant] }, principalIds: new Map() },
        };
        const needed = ['sts:AssumeRole', ...assumeActions(carried)];
        const isCovered = needed.every((action) => trusted.includes(action) && (!delegated || own.includes(action)));
        expect(needed.every((action) => isAllowed(action, policies))).toBe(isCovered);
      }),
    );
  });
});
