import fc from 'fast-check';
import type { Condition, Statement } from '../../src/domain/policy/document.js';
import { evaluate, layersOf, type NamedPolicy, type PolicySet, type Request } from '../../src/domain/policy/evaluate.js';
import { explain, type Explanation, type LayerExplanation, type Mismatch } from '../../src/domain/policy/explain.js';
import { account, policySets, requests, stranger, userFacts } from './policy-arbitraries.js';

const resource = `arn:aws:iam::${account}:user/u`;
const request: Request = {
  principal: userFacts,
  action: 'iam:GetUser',
  resource,
  resourceAccount: account,
  context: new Map<string, string | string[]>([['aws:key', 'red'], ['aws:list', ['a', 'b']]]),
};
const policy = (id: string, ...statements: Statement[]): NamedPolicy => ({ id, document: { version: '2012-10-17', statements } });
const open: Statement = { effect: 'Allow', actions: ['*'], resources: ['*'], conditions: [] };
const explained = (policies: PolicySet, asked: Request = request): Explanation => explain(asked, policies, evaluate(asked, policies));
const layerOf = (policies: PolicySet, type: LayerExplanation['policyType'] = 'identity'): LayerExplanation =>
  explained(policies).layers.find(({ policyType }) => policyType === type)!;
const mismatches = (elements: Partial<Statement>): readonly Mismatch[] => {
  const { actions, resources, ...rest } = open;
  const statement = { ...rest, ...(elements.notActions ? {} : { actions }), ...(elements.notResources ? {} : { resources }), ...elements };
  return layerOf({ identity: [policy('p', statement)] }).nearest[0]!.mismatches;
};
const condition = (operator: string, key: string, ...values: string[]): Condition => ({ operator, key, values });

describe('an element that does not fit', () => {
  it.each<[string, Partial<Statement>, Mismatch]>([
    ['an action', { actions: ['s3:*', 'iam:List*'] }, { element: 'Action', wanted: ['s3:*', 'iam:List*'], seen: 'iam:GetUser' }],
    ['an excluded action', { notActions: ['iam:*'] }, { element: 'NotAction', wanted: ['iam:*'], seen: 'iam:GetUser' }],
    ['a resource', { resources: ['arn:aws:iam::*:role/x'] }, { element: 'Resource', wanted: ['arn:aws:iam::*:role/x'], seen: resource }],
    ['an excluded resource', { notResources: ['*'] }, { element: 'NotResource', wanted: ['*'], seen: resource }],
    ['a condition', { conditions: [condition('StringEquals', 'AWS:Key', 'blue')] }, { element: 'Condition', operator: 'StringEquals', key: 'AWS:Key', wanted: ['blue'], seen: 'red' }],
    ['a condition on several values', { conditions: [condition('ForAllValues:StringEquals', 'aws:list', 'a')] }, { element: 'Condition', operator: 'ForAllValues:StringEquals', key: 'aws:list', wanted: ['a'], seen: ['a', 'b'] }],
    ['a condition on a missing key', { conditions: [condition('Bool', 'aws:none', 'true')] }, { element: 'Condition', operator: 'Bool', key: 'aws:none', wanted: ['true'], seen: null }],
    ['an unknown operator', { conditions: [condition('Odd', 'aws:key', 'x')] }, { element: 'Condition', operator: 'Odd', key: 'aws:key', wanted: ['x'], seen: 'red', undecided: true }],
    ['a resource with a broken variable', { resources: ['arn:aws:iam:::${x'] }, { element: 'Resource', wanted: ['arn:aws:iam:::${x'], seen: resource }],
    ['a resource that cannot be read', { resources: ['arn:aws:iam'] }, { element: 'Resource', wanted: ['arn:aws:iam'], seen: resource, undecided: true }],
    ['no action at all', { actions: [] }, { element: 'Action', wanted: [], seen: 'iam:GetUser', undecided: true }],
    ['a principal where none belongs', { principals: [{ type: 'AWS', value: '*' }] }, { element: 'Principal', wanted: ['*'], seen: userFacts.arn, undecided: true }],
  ])('is named: %s', (_, elements, mismatch) => {
    expect(mismatches(elements)).toEqual([mismatch]);
  });

  it('is named for every element, principal first and conditions last', () => {
    const found = mismatches({ actions: ['s3:*'], resources: ['arn:aws:s3:::x'], conditions: [condition('Bool', 'a', 'true'), condition('StringEquals', 'aws:key', 'red'), condition('Null', 'aws:key', 'true')] });
    expect(found.map(({ element, key }) => [element, key])).toEqual([['Action', undefined], ['Resource', undefined], ['Condition', 'a'], ['Condition', 'aws:key']]);
  });

  it('tells twenty of its values', () => {
    const values = Array.from({ length: 25 }, (_, index) => `s3:${index}`);
    expect(mismatches({ actions: values })[0]!.wanted).toEqual(values.slice(0, 20));
  });

  it.each<[string, Partial<Statement>, string[], true | undefined]>([
    ['Principal', { principals: [{ type: 'AWS', value: stranger }, { type: 'Service', value: 'ec2.amazonaws.com' }] }, [stranger, 'ec2.amazonaws.com'], undefined],
    ['NotPrincipal', { notPrincipals: [{ type: 'AWS', value: stranger }] }, [stranger], true],
    ['Principal', {}, [], true],
  ])('is named in a trust policy: %s', (element, elements, wanted, undecided) => {
    const statement: Statement = { effect: 'Allow', actions: ['*'], conditions: [], ...elements };
    const { nearest } = layerOf({ identity: [], trust: { ...policy('t', statement), principalIds: new Map() } }, 'trust');
    expect(nearest[0]!.mismatches).toEqual([{ element, wanted, seen: userFacts.arn, ...(undecided && { undecided }) }]);
  });
});

describe('a layer', () => {
  const at = (hits: number, sid: string): Statement => ({
    ...open,
    sid,
    conditions: Array.from({ length: hits }, (_, index) => condition('StringEquals', `miss${index}`, 'x')),
  });

  it('tells the nearest misses first, in the order of the policies where they are as near', () => {
    const { nearest } = layerOf({ identity: [policy('a', at(3, 'three'), at(1, 'one')), policy('b', at(2, 'two'), at(1, 'uno'))] });
    expect(nearest.map(({ sid }) => sid)).toEqual(['one', 'uno', 'two', 'three']);
    expect(nearest[1]).toMatchObject({ policyType: 'identity', policyId: 'b', sid: 'uno', index: 1 });
  });

  it('tells five misses', () => {
    const { nearest } = layerOf({ identity: [policy('a', ...[5, 4, 3, 2, 1, 6, 7].map((hits) => at(hits, `s${hits}`)))] });
    expect(nearest.map(({ sid }) => sid)).toEqual(['s1', 's2', 's3', 's4', 's5']);
  });

  it('lists what allows, and then no misses', () => {
    const layer = layerOf({ identity: [policy('a', at(1, 'no'), { ...open, sid: 'yes' }), policy('b', open)] });
    expect(layer).toEqual({
      policyType: 'identity',
      policies: 2,
      allows: [{ policyType: 'identity', policyId: 'a', sid: 'yes', index: 1 }, { policyType: 'identity', policyId: 'b', index: 0 }],
      denies: [],
      nearest: [],
    });
  });

  it('lists what denies beside what allows, and a Deny that cannot be read', () => {
    const deny: Statement = { ...open, effect: 'Deny' };
    const odd: Statement = { ...deny, sid: 'odd', conditions: [condition('Odd', 'k', 'x')] };
    const spared: Statement = { ...deny, conditions: [condition('Odd', 'k', 'x'), condition('StringEquals', 'aws:key', 'blue')] };
    const layer = layerOf({ identity: [policy('a', open, deny, odd, spared)] });
    expect(layer.allows.map(({ index }) => index)).toEqual([0]);
    expect(layer.denies.map(({ index }) => index)).toEqual([1, 2]);
  });

  it('never tells a Deny that does not apply', () => {
    expect(layerOf({ identity: [policy('a', { ...open, effect: 'Deny', actions: ['s3:*'] })] })).toMatchObject({ denies: [], nearest: [] });
  });

  it('is there for every kind of policy in force, and for each list that scopes down', () => {
    const all = policy('p', open);
    const trust = { ...all, principalIds: new Map() };
    const everything: PolicySet = { identity: [], boundary: all, session: [all, all], scopedDown: [[all], []], trust, serviceControl: [], resourceControl: [all] };
    expect(explained(everything).layers.map(({ policyType, policies }) => `${policyType} ${policies}`)).toEqual([
      'resourceControl 1', 'serviceControl 0', 'trust 1', 'identity 0', 'boundary 1', 'session 2', 'scopedDown 1', 'scopedDown 0',
    ]);
  });

  it('stands for the session policies a federated user lacks', () => {
    const federated: Request = { ...request, principal: { ...userFacts, kind: 'federated-user' } };
    expect(explained({ identity: [] }, federated).layers.map(({ policyType }) => policyType)).toEqual(['identity', 'session']);
  });
});

describe('an explanation', () => {
  it('holds the decision', () => {
    const policies: PolicySet = { identity: [policy('p', open)] };
    expect(explained(policies)).toMatchObject(evaluate(request, policies));
  });

  it('agrees with the evaluation', () => {
    fc.assert(
      fc.property(requests, policySets, (asked, policies) => {
        const decision = evaluate(asked, policies);
        const { layers } = explain(asked, policies, decision);
        expect(layers.map(({ policyType }) => policyType)).toEqual(layersOf(policies, asked.principal).map(({ policyType }) => policyType));
        const denies = layers.find((layer) => layer.denies.length > 0);
        expect(decision.explicit).toBe(denies !== undefined);
        if (denies !== undefined) expect(decision).toMatchObject({ by: denies.policyType, statements: denies.denies });
        const allows = layers.flatMap((layer) => layer.allows);
        if (decision.allowed) expect(allows).toEqual(expect.arrayContaining([...decision.statements]));
        for (const layer of layers) expect(layer.nearest.every(({ mismatches: found }) => found.length > 0 && layer.allows.length === 0)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
