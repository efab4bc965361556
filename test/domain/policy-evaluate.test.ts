import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseControlPolicy, parseIdentityPolicy, parseResourcePolicy, parseTrustPolicy, type PolicyDocument } from '../../src/domain/policy/document.js';
import { evaluate } from '../../src/domain/policy/evaluate.js';
import type { ContextValue, Decision, NamedPolicy, PolicySet, PrincipalFacts, TrustPolicy } from '../../src/domain/policy/evaluate.js';

const folder = join('test', 'vectors', 'policy');
const read = (...path: string[]): unknown => JSON.parse(readFileSync(join(folder, ...path), 'utf8'));
const callers = new Map(Object.entries(read('callers.json') as Record<string, PrincipalFacts>));
const savedIds = new Map([...callers.values()].map(({ principalArn, uniqueId }) => [principalArn, uniqueId]));

interface Policies {
  readonly identity: readonly object[];
  readonly boundary?: object;
  readonly session?: readonly object[];
  readonly scopedDown?: readonly (readonly object[])[];
  readonly trust?: object;
  readonly resource?: object;
  readonly principalIds?: Readonly<Record<string, string>>;
  readonly serviceControl?: readonly object[];
  readonly resourceControl?: readonly { readonly Statement: readonly object[] }[];
}

interface Vector {
  readonly name: string;
  readonly caller: string;
  readonly action: string;
  readonly resource: string;
  readonly resourceAccount?: string;
  readonly context?: Readonly<Record<string, ContextValue>>;
  readonly policies: Policies;
  readonly expect: Omit<Decision, 'statements'> & { readonly statements: readonly string[] };
}

const named = (document: object, index: number): NamedPolicy => ({
  id: String(index),
  document: parseIdentityPolicy(JSON.stringify(document)),
});

/** Resource control policies are written without `"Principal": "*"` in the vectors. */
function forEverybody(document: { readonly Statement: readonly object[] }, index: number): NamedPolicy {
  const Statement = document.Statement.map((one) => ({ ...one, Principal: '*' }));
  return { id: String(index), document: parseControlPolicy(JSON.stringify({ ...document, Statement }), 'resourceControl') };
}

function policySet(policies: Policies): PolicySet {
  const { identity, boundary, session, scopedDown, trust, resource, principalIds, serviceControl, resourceControl } = policies;
  const owned = (document: object, parse: (text: string) => PolicyDocument): TrustPolicy => ({
    id: '0',
    document: parse(JSON.stringify(document)),
    principalIds: principalIds ? new Map(Object.entries(principalIds)) : savedIds,
  });
  return {
    identity: identity.map(named),
    ...(boundary && { boundary: named(boundary, 0) }),
    ...(session && { session: session.map(named) }),
    ...(scopedDown && {
      scopedDown: scopedDown.map((list, level) => list.map((one, index) => ({ ...named(one, index), id: `${level}.${index}` }))),
    }),
    ...(serviceControl && { serviceControl: serviceControl.map(named) }),
    ...(resourceControl && { resourceControl: resourceControl.map(forEverybody) }),
    ...(trust && { trust: owned(trust, parseTrustPolicy) }),
    ...(resource && { resource: owned(resource, parseResourcePolicy) }),
  };
}

function decide(vector: Vector): Vector['expect'] {
  const principal = callers.get(vector.caller);
  if (principal === undefined) throw new Error(`no caller ${vector.caller}`);
  const { action, resource, resourceAccount = '111111111111' } = vector;
  const context = new Map(Object.entries(vector.context ?? {}));
  const decision = evaluate({ principal, action, resource, resourceAccount, context }, policySet(vector.policies));
  const statements = decision.statements.map(({ policyType, policyId, index }) => `${policyType}/${policyId}/${index}`);
  return { ...decision, statements };
}

describe.each(readdirSync(join(folder, 'evaluate')))('decisions of %s', (file) => {
  it.each(read('evaluate', file) as Vector[])('$name', (vector) => {
    expect(decide(vector)).toEqual(vector.expect);
  });
});
