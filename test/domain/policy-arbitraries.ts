import fc from 'fast-check';
import type { Condition, PolicyDocument, Statement } from '../../src/domain/policy/document.js';
import type { NamedPolicy, PolicySet, PrincipalFacts, Request, TrustPolicy } from '../../src/domain/policy/evaluate.js';

export const account = '111111111111';
export const stranger = '222222222222';
const role = `arn:aws:iam::${account}:role/r`;
const user = `arn:aws:iam::${account}:user/u`;
export const userFacts: PrincipalFacts = { kind: 'user', account, arn: user, principalArn: user, uniqueId: 'AIDAU' };
const sessionArn = `arn:aws:sts::${account}:assumed-role/d/s`;
export const sessionFacts: PrincipalFacts = {
  ...{ kind: 'assumed-role', account, arn: sessionArn },
  ...{ principalArn: `arn:aws:iam::${account}:role/d`, uniqueId: 'AROAD' },
};
const federatedArn = `arn:aws:sts::${account}:federated-user/f`;
export const federatedFacts: PrincipalFacts = {
  ...{ kind: 'federated-user', account, arn: federatedArn },
  ...{ principalArn: federatedArn, uniqueId: 'AIDAU' },
};
const rootArn = `arn:aws:iam::${account}:root`;
const rootFacts: PrincipalFacts = { kind: 'root', account, arn: rootArn, principalArn: rootArn, uniqueId: account };

const conditions: fc.Arbitrary<Condition> = fc.record({
  operator: fc.constantFrom('StringEquals', 'StringNotEquals', 'StringLikeIfExists', 'ForAllValues:StringEquals', 'NumericLessThan', 'Null', 'Unknown'),
  key: fc.constantFrom('k', 'L', 'constructor'),
  values: fc.array(fc.constantFrom('x', 'y', '5', 'true', '${k}', '${broken'), { maxLength: 2 }),
});
const actions = fc.array(fc.constantFrom('*', 'sts:*', 'sts:AssumeRole', 'iam:Get*'), { minLength: 1, maxLength: 2 });
const resources = fc.array(fc.constantFrom('*', role, `arn:aws:iam::${account}:role/\${k}`, 'arn:aws:iam', user), { minLength: 1, maxLength: 2 });
const effect = fc.constantFrom('Allow' as const, 'Allow' as const, 'Deny' as const);
const tests = fc.array(conditions, { maxLength: 1 });
export const identityStatement: fc.Arbitrary<Statement> = fc.oneof(
  fc.record({ effect, actions, resources, conditions: tests }),
  fc.record({ effect, notActions: actions, notResources: resources, conditions: tests }),
);
const principals = fc.array(
  fc.record({
    type: fc.constantFrom('AWS' as const, 'Service' as const),
    value: fc.constantFrom('*', account, stranger, user, sessionArn, federatedArn, 'AIDAU', 'AROAD', 'nonsense'),
  }),
  { minLength: 1, maxLength: 2 },
);
export const trustStatement: fc.Arbitrary<Statement> = fc.record({ effect, actions, principals, conditions: tests });

const documentOf = (statements: fc.Arbitrary<Statement>): fc.Arbitrary<PolicyDocument> =>
  fc.record({ version: fc.constantFrom('2012-10-17' as const, '2008-10-17' as const), statements: fc.array(statements, { maxLength: 3 }) });
const policy: fc.Arbitrary<NamedPolicy> = fc.record({ id: fc.constant('p'), document: documentOf(identityStatement) });
const several = fc.array(policy, { maxLength: 2 });
const trust: fc.Arbitrary<TrustPolicy> = fc.record({
  id: fc.constant('t'),
  document: documentOf(trustStatement),
  principalIds: fc.constant(new Map([[user, 'AIDAU']])),
});
const resource: fc.Arbitrary<TrustPolicy> = fc.record({
  id: fc.constant('r'),
  document: documentOf(fc.record({ effect, actions, resources, principals, conditions: tests })),
  principalIds: fc.constant(new Map([[user, 'AIDAU']])),
});
const common = { identity: several, boundary: policy, session: several, serviceControl: several, scopedDown: fc.array(several, { maxLength: 2 }) };

/** A role has a trust policy and no other policy as a resource. */
export const policySets: fc.Arbitrary<PolicySet> = fc.oneof(
  fc.record({ ...common, trust }, { requiredKeys: ['identity'] }),
  fc.record({ ...common, resource }, { requiredKeys: ['identity'] }),
);
export const requests: fc.Arbitrary<Request> = fc.record({
  principal: fc.constantFrom(userFacts, sessionFacts, federatedFacts, rootFacts),
  action: fc.constantFrom('sts:AssumeRole', 'iam:GetUser'),
  resource: fc.constantFrom(role, user, '*'),
  resourceAccount: fc.constantFrom(account, account, account, stranger),
  context: fc
    .dictionary(fc.constantFrom('k', 'l'), fc.constantFrom('x', '5', 'r', ['x', 'y'], []), { maxKeys: 2 })
    .map((found) => new Map(Object.entries(found))),
});
