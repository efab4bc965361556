import fc from 'fast-check';
import type { Statement } from '../../src/domain/policy/document.js';
import { evaluate } from '../../src/domain/policy/evaluate.js';
import type { NamedPolicy, PolicySet, Request } from '../../src/domain/policy/evaluate.js';
import { account, identityStatement, policySets, requests, trustStatement, userFacts } from './policy-arbitraries.js';

const check = (law: (request: Request, policies: PolicySet) => void): void => {
  fc.assert(fc.property(requests, policySets, law), { numRuns: 3000 });
};
const everything: NamedPolicy = {
  id: 'all',
  document: { version: '2012-10-17', statements: [{ effect: 'Allow', actions: ['*'], resources: ['*'], conditions: [] }] },
};

const nothing = { version: '2012-10-17', statements: [] } as const;

describe('adding a Deny', () => {
  it('never widens, wherever it is added', () => {
    fc.assert(
      fc.property(requests, policySets, identityStatement, trustStatement, (request, policies, one, other) => {
        const deny = (named: NamedPolicy, statement: Statement): NamedPolicy => {
          const { version, statements } = named.document;
          return { ...named, document: { version, statements: [...statements, { ...statement, effect: 'Deny' }] } };
        };
        const before = evaluate(request, policies).allowed;
        const { identity, boundary, session, trust: trusted, resource, scopedDown } = policies;
        const variants: PolicySet[] = [
          { ...policies, identity: [...identity, deny({ ...everything, document: { ...everything.document, statements: [] } }, one)] },
          ...(boundary ? [{ ...policies, boundary: deny(boundary, one) }] : []),
          ...(session ? [{ ...policies, session: session.map((named) => deny(named, one)) }] : []),
          ...(trusted ? [{ ...policies, trust: { ...trusted, ...deny(trusted, other) } }] : []),
          ...(resource ? [{ ...policies, resource: { ...resource, ...deny(resource, { ...other, resources: ['*'] }) } }] : []),
          ...(scopedDown ? [{ ...policies, scopedDown: scopedDown.map((list) => list.map((named) => deny(named, one))) }] : []),
        ];
        for (const variant of variants) expect(!before && evaluate(request, variant).allowed).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('what is allowed', () => {
  it('is allowed by the session policies and by the boundary alone, unless the resource grants it', () => {
    check((request, policies) => {
      const { trust: trusted, resource, boundary, session } = policies;
      if ((trusted ?? resource) !== undefined || !evaluate(request, policies).allowed) return;
      for (const layer of [boundary && [boundary], session]) {
        const alone = { ...request, principal: userFacts };
        if (layer !== undefined) expect(evaluate(alone, { identity: layer }).allowed).toBe(true);
      }
    });
  });

  it('is allowed by the identity policies alone, unless the resource grants it or root asks', () => {
    check((request, policies) => {
      if ((policies.trust ?? policies.resource) !== undefined || request.principal.kind === 'root' || !evaluate(request, policies).allowed) return;
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

  it('is allowed by every policy set that scopes the session down, whatever grants it', () => {
    check((request, policies) => {
      if (!evaluate(request, policies).allowed) return;
      for (const layer of policies.scopedDown ?? []) {
        const alone: Request = { ...request, principal: userFacts, resourceAccount: account };
        expect(evaluate(alone, { identity: layer }).allowed).toBe(true);
      }
    });
  });

  it('is allowed by the identity policies or by the resource', () => {
    check((request, policies) => {
      const { resource, identity } = policies;
      if (resource === undefined || request.principal.kind === 'root' || !evaluate(request, policies).allowed) return;
      const byIdentity = evaluate({ ...request, principal: userFacts, resourceAccount: account }, { identity }).allowed;
      const byResource = evaluate(request, { identity: [everything], session: [everything], resource: { ...resource, document: { ...resource.document } } });
      expect(byIdentity || byResource.statements.some(({ policyType }) => policyType === 'resource')).toBe(true);
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
    check((request, { boundary, serviceControl, scopedDown, ...policies }) => {
      const full: PolicySet = { ...policies, ...(boundary && { boundary }), ...(serviceControl && { serviceControl }), ...(scopedDown && { scopedDown }) };
      if (evaluate(request, full).allowed) expect(evaluate(request, policies).allowed).toBe(true);
    });
  });
});

describe('across accounts', () => {
  it('both sides are needed, whoever asks', () => {
    check((request, policies) => {
      if (request.resourceAccount === account) return;
      const { trust: trusted, resource, ...rest } = policies;
      expect(evaluate(request, rest).allowed).toBe(false);
      if (request.principal.kind === 'root') return;
      expect(evaluate(request, { ...policies, identity: [] }).allowed).toBe(false);
      if (!evaluate(request, policies).allowed) return;
      expect(evaluate(request, { ...policies, ...(trusted && { trust: { ...trusted, document: nothing } }), ...(resource && { resource: { ...resource, document: nothing } }) }).allowed).toBe(false);
    });
  });
});

describe('a resource policy', () => {
  it('without a Deny never takes away what the identity policies give within the account', () => {
    check((request, { resource, trust, ...policies }) => {
      if (resource === undefined || trust !== undefined || request.resourceAccount !== account) return;
      const document = { ...resource.document, statements: resource.document.statements.filter(({ effect }) => effect === 'Allow') };
      if (evaluate(request, policies).allowed) expect(evaluate(request, { ...policies, resource: { ...resource, document } }).allowed).toBe(true);
    });
  });
});
