import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Condition, PolicyDocument, Statement } from '../../src/domain/policy/document.js';
import { parseTrustPolicy } from '../../src/domain/policy/document.js';
import { evaluate } from '../../src/domain/policy/evaluate.js';
import { operators } from '../../src/domain/policy/operators.js';
import { trustRiskIds, trustRisks } from '../../src/domain/policy/trust-risks.js';

interface Vector {
  readonly name: string;
  readonly document: object;
  /** Of each risk its id and its statement. */
  readonly risks: readonly string[];
}

const vectors = JSON.parse(readFileSync(join('test', 'vectors', 'policy', 'trust-risks.json'), 'utf8')) as Vector[];
const vendors = JSON.parse(readFileSync(join('test', 'vectors', 'federation', 'vendors.json'), 'utf8')) as { vendor: string; policies: (Omit<Vector, 'risks'> & Partial<Vector>)[] }[];
/** The trust policies of the vendors' own documents. */
const documented = vendors.flatMap(({ vendor, policies }) => policies.map((policy) => ({ vendor, ...policy })));
const found = (document: PolicyDocument): string[] => trustRisks(document).map(({ id, statement }) => `${id} ${statement}`);

describe('the risks of a trust policy', () => {
  it.each(vectors)('$name', ({ document, risks }) => {
    expect(found(parseTrustPolicy(JSON.stringify(document)))).toEqual(risks);
  });

  it.each(documented)('$vendor, as documented: $name', ({ document, risks = [] }) => {
    expect(found(parseTrustPolicy(JSON.stringify(document)))).toEqual(risks);
  });

  it('have a vector each, but the one that no trust policy can be saved with', () => {
    const seen = new Set(vectors.flatMap(({ risks }) => risks.map((risk) => risk.split(' ')[0])));
    expect(trustRiskIds.filter((id) => !seen.has(id))).toEqual(['not-principal']);
    const statement: Statement = { effect: 'Allow', actions: ['sts:AssumeRole'], notPrincipals: [{ type: 'AWS', value: '111122223333' }], conditions: [] };
    expect(found({ version: '2012-10-17', statements: [statement] })).toEqual(['not-principal Statement[0]']);
  });

  it('say in a sentence what is wrong, and in another what to write', () => {
    for (const { document } of vectors) {
      for (const { problem, fix } of trustRisks(parseTrustPolicy(JSON.stringify(document)))) {
        for (const sentence of [problem, fix]) expect(sentence).toMatch(/^[A-Z][^\n]{10,400}[.]$/);
      }
    }
  });

  it('are all documented, and no others', () => {
    const documented = [...readFileSync(join('docs', 'trust-linter.md'), 'utf8').matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, id]) => id);
    expect(documented).toEqual(trustRiskIds);
  });

  it('are at the most a hundred', () => {
    const statement: Statement = { effect: 'Allow', actions: ['sts:AssumeRole'], principals: [{ type: 'AWS', value: '*' }], conditions: [] };
    expect(trustRisks({ version: '2012-10-17', statements: Array.from({ length: 1_000 }, () => statement) })).toHaveLength(100);
  });
});

const ISSUERS = ['token.actions.githubusercontent.com', 'gitlab.com', 'idp.example.com', 'oidc.eks.eu-west-1.amazonaws.com/id/AB12'];
const provider = (issuer: string): string => `arn:aws:iam::111122223333:oidc-provider/${issuer}`;
const names = fc.constantFrom(...operators.keys());
const keys = fc.oneof(
  fc.tuple(fc.constantFrom(...ISSUERS), fc.constantFrom('aud', 'sub', 'repository_owner', 'Sub', 'environment')).map(([issuer, claim]) => `${issuer}:${claim}`),
  fc.constantFrom('sts:ExternalId', 'aws:PrincipalOrgID', 'aws:PrincipalArn', 'aws:SourceIp'),
);
const values = fc.oneof(
  fc.constantFrom('*', 'acme', 'true', 'false', 'repo:acme/*', 'repo:*', 'repo:${aws:userid}/x', 'project_path:acme/shop', 'system:serviceaccount:shop:*', '${', 'arn:aws:iam::444455556666:*', ''),
  fc.string({ unit: 'binary', maxLength: 8 }),
);
const conditions: fc.Arbitrary<Condition> = fc.record({ operator: fc.oneof({ weight: 9, arbitrary: names }, { weight: 1, arbitrary: fc.string() }), key: fc.oneof({ weight: 9, arbitrary: keys }, { weight: 1, arbitrary: fc.string() }), values: fc.array(values, { maxLength: 2 }) });
const principals = fc.array(
  fc.oneof(
    fc.constantFrom(...ISSUERS).map((issuer) => ({ type: 'Federated' as const, value: provider(issuer) })),
    fc.constantFrom('*', '444455556666', 'nonsense').map((value) => ({ type: 'AWS' as const, value })),
    fc.constantFrom('*', 'accounts.google.com', 'arn:aws:iam::*:oidc-provider/*').map((value) => ({ type: 'Federated' as const, value })),
  ),
  { maxLength: 2 },
);
const statementOf = (effect: fc.Arbitrary<Statement['effect']>): fc.Arbitrary<Statement> =>
  fc.record({ effect, principals, actions: fc.array(fc.constantFrom('sts:*', '*', 'sts:AssumeRole', 'sts:AssumeRoleWithWebIdentity', 'sts:TagSession'), { maxLength: 2 }), conditions: fc.array(conditions, { maxLength: 3 }) });
const either = fc.constantFrom<Statement['effect']>('Allow', 'Deny');
const documents = (effect = either): fc.Arbitrary<PolicyDocument> =>
  fc.record({ version: fc.constantFrom('2012-10-17' as const, '2008-10-17' as const), statements: fc.array(statementOf(effect), { maxLength: 3 }) });

describe('whatever a trust policy says', () => {
  it('its risks are found without an error, and the same each time', () => {
    fc.assert(fc.property(documents(), (document) => { expect(trustRisks(document)).toEqual(trustRisks(document)); }), { numRuns: 3_000 });
  });

  it('it has none without an Allow', () => {
    fc.assert(fc.property(documents(fc.constant('Deny')), (document) => { expect(trustRisks(document)).toEqual([]); }), { numRuns: 1_000 });
  });

  it('a condition more does not make it ask for less', () => {
    // Others may come: a condition can be a risk itself, and one on `sub` that is too wide is called by another name.
    const monotone = ['anyone-without-external-id', 'federated-without-aud', 'not-principal'];
    const unidentified = ['federated-without-sub', 'sub-crosses-organisation'];
    fc.assert(
      fc.property(documents(), conditions, fc.nat(), (document, condition, at) => {
        const place = document.statements.length === 0 ? -1 : at % document.statements.length;
        const statements = document.statements.map((statement, index) => (index === place && statement.effect === 'Allow' ? { ...statement, conditions: [...statement.conditions, condition] } : statement));
        const more = { ...document, statements };
        const ids = (of: PolicyDocument, wanted: readonly string[]): string[] => found(of).filter((risk) => wanted.some((id) => risk.startsWith(id)));
        expect(ids(document, monotone)).toEqual(expect.arrayContaining(ids(more, monotone)));
        expect(ids(more, unidentified).length).toBeLessThanOrEqual(ids(document, unidentified).length);
      }),
      { numRuns: 3_000 },
    );
  });

  it('a Deny more does not make it riskier', () => {
    fc.assert(
      fc.property(documents(), statementOf(fc.constant('Deny')), (document, deny) => {
        expect(found(document)).toEqual(expect.arrayContaining(found({ ...document, statements: [...document.statements, deny] })));
      }),
      { numRuns: 2_000 },
    );
  });
});

/** What the linter says is compared with what the engine does with a token of somebody else. */
describe('a stranger with a token of a shared issuer', () => {
  const issuer = 'token.actions.githubusercontent.com';
  const account = '111122223333';
  const role = `arn:aws:iam::${account}:role/deploy`;
  const github: fc.Arbitrary<Condition> = fc.record({
    operator: fc.oneof({ weight: 5, arbitrary: fc.constantFrom('StringEquals', 'StringLike', 'ForAllValues:StringLike', 'StringLikeIfExists', 'StringNotLike', 'ForAnyValue:StringLike', 'Null') }, { weight: 1, arbitrary: names }),
    key: fc.constantFrom('aud', 'sub', 'sub', 'sub', 'repository_owner', 'environment').map((claim) => `${issuer}:${claim}`),
    values: fc.array(fc.constantFrom('*', 'acme', 'sts.amazonaws.com', 'true', 'false', 'repo:acme/*', 'repo:acme/shop:environment:live', 'repo:acme*', 'repo:*', 'repo:*/shop:*', 'environment:live', '${aws:PrincipalTag/owner}', 'repo:${aws:PrincipalTag/owner}/*'), { minLength: 1, maxLength: 2 }),
  });
  const github_ = (effect: Statement['effect']): fc.Arbitrary<Statement> => fc.array(github, { maxLength: 3, size: 'max' }).map((tests) => ({ effect, principals: [{ type: 'Federated', value: provider(issuer) }], actions: ['sts:AssumeRoleWithWebIdentity'], conditions: effect === 'Allow' ? [{ operator: 'StringEquals', key: `${issuer}:aud`, values: ['sts.amazonaws.com'] }, ...tests] : tests }));
  const subjects = ['repo:evil/shop:environment:live', 'repo:acme-evil/shop:environment:live', 'environment:live:repo:acme/shop', 'repo:acme:evil/shop'];

  it('is let in by no policy in which the linter finds no risk', () => {
    let [allowed, clean] = [0, 0];
    fc.assert(
      fc.property(github_('Allow'), github_('Deny'), fc.boolean(), fc.subarray([`${issuer}:repository_owner`, `${issuer}:environment`, 'aws:principaltag/owner']), fc.constantFrom(...subjects), (allow, deny, denies, absent, subject) => {
        const document: PolicyDocument = { version: '2012-10-17', statements: denies ? [allow, deny] : [allow] };
        const context = new Map<string, string>([[`${issuer}:sub`, subject], [`${issuer}:aud`, 'sts.amazonaws.com'], [`${issuer}:repository_owner`, 'evil'], [`${issuer}:environment`, 'live'], ['aws:principaltag/owner', 'evil']]);
        for (const key of absent) context.delete(key);
        const principal = { kind: 'federated-identity', account, arn: provider(issuer), principalArn: provider(issuer), uniqueId: 'OIDCX' } as const;
        const trust = { id: 'trust', document, principalIds: new Map([[provider(issuer), 'OIDCX']]) };
        const isIn = evaluate({ principal, action: 'sts:AssumeRoleWithWebIdentity', resource: role, resourceAccount: account, context }, { identity: [], trust }).allowed;
        const isClean = trustRisks(document).length === 0;
        allowed += Number(isIn);
        clean += Number(isClean);
        expect(isIn && isClean).toBe(false);
      }),
      { numRuns: 20_000 },
    );
    expect(Math.min(allowed, clean)).toBeGreaterThan(200);
  });
});
