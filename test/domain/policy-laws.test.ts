import fc from 'fast-check';
import type { Condition, PolicyDocument, Statement } from '../../src/domain/policy/document.js';
import { evaluate } from '../../src/domain/policy/evaluate.js';
import type { NamedPolicy, PolicySet, PrincipalFacts, Request, TrustPolicy } from '../../src/domain/policy/evaluate.js';

const account = '111111111111';
const stranger = '222222222222';
const role = `arn:aws:iam::${account}:role/r`;
const user = `arn:aws:iam::${account}:user/u`;
const userFacts: PrincipalFacts = { kind: 'user', account, arn: user, principalArn: user, uniqueId: 'AIDAU' };
const sessionArn = `arn:aws:sts::${account}:assumed-role/d/s`;
const sessionFacts: PrincipalFacts = {
  ...{ kind: 'assumed-role', account, arn: sessionArn },
  ...{ principalArn: `arn:aws:iam::${account}:role/d`, uniqueId: 'AROAD' },
};
const federatedArn = `arn:aws:sts::${account}:federated-user/f`;
const federatedFacts: PrincipalFacts = {
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
const identityStatement: fc.Arbitrary<Statement> = fc.oneof(
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
const trustStatement: fc.Arbitrary<Statement> = fc.record({ effect, actions, principals, conditions: tests });

const documentOf = (statements: fc.Arbitrary<Statement>): fc.Arbitrary<PolicyDocument> =>
  fc.record({ version: fc.constantFrom('2012-10-17' as const, '2008-10-17' as const), statements: fc.array(statements, { maxLength: 3 }) });
const policy: fc.Arbitrary<NamedPolicy> = fc.record({ id: fc.constant('p'), document: documentOf(identityStatement) });
const several = fc.array(policy, { maxLength: 2 });
const trust: fc.Arbitrary<TrustPolicy> = fc.record({
  id: fc.constant('t'),
  document: documentOf(trustStatement),
  principalIds: fc.constant(new Map([[user, 'AIDAU']])),
});
const policySets: fc.Arbitrary<PolicySet> = fc.record(
  { identity: several, boundary: policy, session: several, trust, serviceControl: several },
  { requiredKeys: ['identity'] },
);
const requests: fc.Arbitrary<Request> = fc.record({
  principal: fc.constantFrom(userFacts, sessionFacts, federatedFacts, rootFacts),
  action: fc.constantFrom('sts:AssumeRole', 'iam:GetUser'),
  resource: fc.constantFrom(role, user, '*'),
  resourceAccount: fc.constantFrom(account, account, account, stranger),
  context: fc
    .dictionary(fc.constantFrom('k', 'l'), fc.constantFrom('x', '5', 'r', ['x', 'y'], []), { maxKeys: 2 })
    .map((found) => new Map(Object.entries(found))),
});

const check = (law: (request: Request, policies: PolicySet) => void): void => {
  fc.assert(fc.property(requests, policySets, law), { numRuns: 3000 });
};
const everything: NamedPolicy = {
  id: 'all',
  document: { version: '2012-10-17', statements: [{ effect: 'Allow', actions: ['*'], resources: ['*'], conditions: [] }] },
};

describe('adding a Deny', () => {
  it('never widens, wherever it is added', () => {
    fc.assert(
      fc.property(requests, policySets, identityStatement, trustStatement, (request, policies, one, other) => {
        const deny = (named: NamedPolicy, statement: Statement): NamedPolicy => {
          const { version, statements } = named.document;
          return { ...named, document: { version, statements: [...statements, { ...statement, effect: 'Deny' }] } };
        };
        const before = evaluate(request, policies).allowed;
        const { identity, boundary, session, trust: trusted } = policies;
        const variants: PolicySet[] = [
          { ...policies, identity: [...identity, deny({ ...everything, document: { ...everything.document, statements: [] } }, one)] },
          ...(boundary ? [{ ...policies, boundary: deny(boundary, one) }] : []),
          ...(session ? [{ ...policies, session: session.map((named) => deny(named, one)) }] : []),
          ...(trusted ? [{ ...policies, trust: { ...trusted, ...deny(trusted, other) } }] : []),
        ];
        for (const variant of variants) expect(!before && evaluate(request, variant).allowed).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('what is allowed', () => {
  it('is allowed by the session policies and by the boundary alone, unless a trust policy grants it', () => {
    check((request, policies) => {
      const { trust: trusted, boundary, session } = policies;
      if (trusted !== undefined || !evaluate(request, policies).allowed) return;
      for (const layer of [boundary && [boundary], session]) {
        const alone = { ...request, principal: userFacts };
        if (layer !== undefined) expect(evaluate(alone, { identity: layer }).allowed).toBe(true);
      }
    });
  });

  it('is allowed by the identity policies alone, unless a trust policy grants it or root asks', () => {
    check((request, policies) => {
      if (policies.trust !== undefined || request.principal.kind === 'root' || !evaluate(request, policies).allowed) return;
      expect(evaluate({ ...request, principal: userFacts }, { identity: policies.identity }).allowed).toBe(true);
    });
  });

  it('is allowed by the trust policy, where there is one', () => {
    check((request, { trust: trusted, ...rest }) => {
      if (trusted === undefined || !evaluate(request, { ...rest, trust: trusted }).allowed) return;
      expect(evaluate(request, { identity: [everything], session: [everything], trust: trusted }).allowed).toBe(true);
      expect(trusted.document.statements.some((statement) => statement.effect === 'Allow')).toBe(true);
    });
  });

  it('is allowed by the service control policies too', () => {
    check((request, policies) => {
      if (policies.serviceControl === undefined || !evaluate(request, policies).allowed) return;
      const only: PolicySet = { identity: policies.serviceControl };
      expect(evaluate({ ...request, principal: userFacts, resourceAccount: account }, only).allowed).toBe(true);
    });
  });

  it('names an Allow of every kind that was needed, and nothing else', () => {
    check((request, policies) => {
      const decision = evaluate(request, policies);
      if (!decision.allowed) return;
      expect(decision.explicit).toBe(false);
      const types = new Set<string>(decision.statements.map(({ policyType }) => policyType));
      if (decision.by === 'root') expect(request.principal.kind).toBe('root');
      else expect(types.has(decision.by)).toBe(true);
      if (policies.trust !== undefined) expect(types.has('trust')).toBe(true);
    });
  });
});

describe('taking a layer away', () => {
  it('never narrows where the layer only limits', () => {
    check((request, { boundary, serviceControl, ...policies }) => {
      const full: PolicySet = { ...policies, ...(boundary && { boundary }), ...(serviceControl && { serviceControl }) };
      if (evaluate(request, full).allowed) expect(evaluate(request, policies).allowed).toBe(true);
    });
  });
});

describe('across accounts', () => {
  it('both sides are needed, whoever asks', () => {
    check((request, policies) => {
      if (request.resourceAccount === account) return;
      const { trust: trusted, ...rest } = policies;
      expect(evaluate(request, rest).allowed).toBe(false);
      if (request.principal.kind === 'root' || trusted === undefined) return;
      expect(evaluate(request, { ...rest, trust: trusted, identity: [] }).allowed).toBe(false);
    });
  });
});
