import { ApiError } from '../../src/domain/errors.js';
import { contextOf, type ContextEntry, type ContextEntryType } from '../../src/domain/policy/context-entries.js';
import type { PrincipalFacts } from '../../src/domain/policy/evaluate.js';
import { mostRestrictive, simulate, type PolicyText, type Simulated, type Simulation } from '../../src/domain/policy/simulate.js';

const account = '111111111111';
const stranger = '222222222222';
const alice = `arn:aws:iam::${account}:user/alice`;
const caller: PrincipalFacts = { kind: 'user', account, arn: alice, principalArn: alice, uniqueId: 'AIDAALICE' };
const queue = `arn:aws:sqs:eu-central-1:${stranger}:jobs`;

const text = (id: string, ...statements: object[]): PolicyText => ({ id, text: JSON.stringify({ Version: '2012-10-17', Statement: statements }) });
const allow = (action: string, more: object = {}): object => ({ Effect: 'Allow', Action: action, Resource: '*', ...more });
const deny = (action: string): object => ({ Effect: 'Deny', Action: action, Resource: '*' });
const one = (input: Partial<Simulation>): Simulated => {
  const [result, ...more] = simulate({ actions: ['s3:GetObject'], identity: [], ...input });
  expect(more).toEqual([]);
  return result!;
};
const refusal = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof ApiError && error.code === 'InvalidInput') return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
};

describe('a simulation', () => {
  it('judges every action on every resource, in their order', () => {
    const results = simulate({
      actions: ['s3:GetObject', 's3:PutObject', 'iam:GetUser'],
      resources: ['arn:aws:s3:::a', 'arn:aws:s3:::b'],
      identity: [text('p', { ...allow('s3:*'), Resource: 'arn:aws:s3:::a' }, deny('s3:Put*'))],
    });
    expect(results.map(({ action, resource, outcome }) => [action, resource.slice(-1), outcome])).toEqual([
      ['s3:GetObject', 'a', 'allowed'],
      ['s3:GetObject', 'b', 'implicitDeny'],
      ['s3:PutObject', 'a', 'explicitDeny'],
      ['s3:PutObject', 'b', 'explicitDeny'],
      ['iam:GetUser', 'a', 'implicitDeny'],
      ['iam:GetUser', 'b', 'implicitDeny'],
    ]);
  });

  it.each([[undefined], [[]]])('judges all resources where it is told %j', (resources) => {
    const identity = [text('p', allow('s3:*'))];
    expect(one({ identity, ...(resources && { resources }) })).toMatchObject({ resource: '*', outcome: 'allowed' });
  });

  it('says which statements allowed, and where they stand', () => {
    const identity = [text('a', deny('iam:*'), allow('s3:Get*', { Sid: 'x' })), { id: 'b', text: '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}' }];
    const boundaries = [{ id: 'limit', text: '{\n"Version": "2012-10-17",\n"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}' }];
    expect(one({ identity, boundaries }).matched).toEqual([
      { policyType: 'identity', policyId: 'a', sid: 'x', index: 1, span: { start: { line: 1, column: 89 }, end: { line: 1, column: 150 } } },
      { policyType: 'identity', policyId: 'b', index: 0, span: { start: { line: 1, column: 41 }, end: { line: 1, column: 91 } } },
      { policyType: 'boundary', policyId: 'limit', index: 0, span: { start: { line: 3, column: 15 }, end: { line: 3, column: 65 } } },
    ]);
  });

  it('tells policies of one name and several types apart', () => {
    const span = one({ identity: [text('p', allow('*'))], boundaries: [text('p', deny('iam:*'), allow('*'))] }).matched.map(({ span: { start } }) => start.column);
    expect(span).toEqual([39, 89]);
  });

  it('names the Deny statements alone', () => {
    const result = one({ identity: [text('a', allow('*')), text('b', deny('s3:*'))] });
    expect(result).toMatchObject({ outcome: 'explicitDeny', matched: [{ policyId: 'b', index: 0 }] });
    expect(result.matched).toHaveLength(1);
  });

  it('names nothing where nothing allows', () => {
    expect(one({ identity: [text('a', allow('iam:*'))] })).toEqual({ action: 's3:GetObject', resource: '*', outcome: 'implicitDeny', matched: [], missing: [] });
  });

  it('takes the policies of a principal of another account for his own side only', () => {
    expect(one({ caller, actions: ['sts:AssumeRole'], resources: [`arn:aws:iam::${stranger}:role/r`], identity: [text('a', allow('sts:*'))] })).toMatchObject({ outcome: 'allowed' });
  });
});

describe('a permissions boundary', () => {
  it.each([
    ['allows', [allow('s3:*')], 'allowed', true],
    ['is silent', [allow('iam:*')], 'implicitDeny', false],
    ['denies', [allow('*'), deny('s3:*')], 'explicitDeny', false],
  ])('that %s', (_, statements, outcome, allowedByBoundary) => {
    expect(one({ identity: [text('p', allow('*'))], boundaries: [text('b', ...statements)] })).toMatchObject({ outcome, allowedByBoundary });
  });

  it('is told apart from the identity policies', () => {
    expect(one({ identity: [], boundaries: [text('b', allow('*'))] })).toMatchObject({ outcome: 'implicitDeny', allowedByBoundary: true });
  });

  it('is one at most', () => {
    expect(refusal(() => one({ boundaries: [text('a', allow('*')), text('b', allow('*'))] }))).toBe('Only one permissions boundary can be simulated.');
  });
});

describe('an organization', () => {
  const identity = [text('p', allow('*', { Condition: { Bool: { 'aws:a': 'true' } } }))];
  const entries: ContextEntry[] = [{ name: 'aws:a', type: 'boolean', values: ['true'] }];
  const full = text('full', allow('*'));

  it.each<[string, PolicyText[][], string, boolean]>([
    ['allows at every level', [[full], [full]], 'allowed', true],
    ['allows by one of the policies of a level', [[text('no', allow('iam:*')), full]], 'allowed', true],
    ['is silent at the first level', [[text('no', allow('iam:*'))], [full]], 'implicitDeny', false],
    ['is silent at the last level', [[full], [text('no', allow('iam:*'))]], 'implicitDeny', false],
    ['has a level without policies', [[full], []], 'implicitDeny', false],
    ['denies at one level', [[full], [full, text('no', deny('s3:*'))]], 'explicitDeny', false],
  ])('that %s', (_, organization, outcome, allowedByOrganization) => {
    expect(one({ identity, entries, organization })).toMatchObject({ outcome, allowedByOrganization });
  });

  it('is told with no statements and no keys of its own', () => {
    const level = [text('scp', allow('*', { Condition: { Bool: { 'aws:b': 'true' } } }))];
    expect(one({ identity, organization: [level] })).toEqual({
      action: 's3:GetObject', resource: '*', outcome: 'implicitDeny', matched: [], missing: ['aws:a'], allowedByOrganization: false,
    });
    expect(one({ identity, entries, organization: [[full]] }).matched.map(({ policyType }) => policyType)).toEqual(['identity']);
  });

  it('that refuses leaves the details out', () => {
    const resource = text('q', allow('*', { Principal: '*' }));
    const input = { caller, identity, entries, resource, actions: ['sqs:SendMessage'], resources: [queue] };
    expect(one({ ...input, organization: [[deny('*')].map((statement) => text('no', statement))] })).not.toHaveProperty('details');
    expect(one({ ...input, organization: [[full]] })).toHaveProperty('details');
  });
});

describe('a resource policy', () => {
  const grant = (principal: unknown, statement: object = allow('sqs:*')): PolicyText => text('q', { ...statement, Principal: principal });
  const input = { caller, actions: ['sqs:SendMessage'], resources: [queue] };
  const identity = [text('p', allow('*'))];

  it('must allow beside the identity policies across accounts', () => {
    expect(one({ ...input, identity, resource: grant({ AWS: account }) })).toMatchObject({ outcome: 'allowed', details: { identity: 'allowed', resource: 'allowed' } });
    expect(one({ ...input, identity, resource: grant({ AWS: stranger }) })).toMatchObject({ outcome: 'implicitDeny', details: { identity: 'allowed', resource: 'implicitDeny' } });
    expect(one({ ...input, identity: [], resource: grant({ AWS: alice }) })).toMatchObject({ outcome: 'implicitDeny', details: { identity: 'implicitDeny', resource: 'allowed' } });
    expect(one({ ...input, identity, resource: grant('*', deny('sqs:*')) })).toMatchObject({ outcome: 'explicitDeny', details: { identity: 'allowed', resource: 'explicitDeny' } });
    expect(one({ ...input, identity: [text('p', allow('*'), deny('*'))], resource: grant('*') })).toMatchObject({ outcome: 'explicitDeny', details: { identity: 'explicitDeny', resource: 'allowed' } });
  });

  it('is enough within the account where it names the caller, and is told without details', () => {
    const result = one({ ...input, resources: [`arn:aws:sqs:eu-central-1:${account}:jobs`], resource: grant({ AWS: alice }) });
    expect(result).toMatchObject({ outcome: 'allowed', matched: [{ policyType: 'resource', policyId: 'q', index: 0, span: { start: { line: 1, column: 39 } } }] });
    expect(result).not.toHaveProperty('details');
  });

  it.each<[string, string | undefined, string]>([
    ['arn:aws:s3:::b/k', undefined, 'allowed'],
    ['arn:aws:s3:::b/k', account, 'allowed'],
    ['arn:aws:s3:::b/k', stranger, 'implicitDeny'],
    ['*', stranger, 'implicitDeny'],
    [queue, account, 'implicitDeny'],
    [`arn:aws:sqs:eu-central-1:${account}:jobs`, stranger, 'allowed'],
  ])('of %s with the owner %s', (resource, resourceOwner, outcome) => {
    const policy = grant({ AWS: alice }, allow('*'));
    expect(one({ caller, resources: [resource], resource: policy, ...(resourceOwner !== undefined && { resourceOwner }) })).toMatchObject({ outcome });
  });

  it('names others by what the simulation is told of them', () => {
    const user = `arn:aws:iam::${account}:user/bob`;
    const federated: PrincipalFacts = { ...caller, kind: 'federated-user', arn: 'arn:aws:sts::111111111111:federated-user/f', principalArn: 'arn:aws:sts::111111111111:federated-user/f' };
    const within = { ...input, resources: [`arn:aws:sqs:eu-central-1:${account}:jobs`], resource: grant({ AWS: user }, deny('sqs:*')) };
    expect(one({ ...within, caller: federated, principalIds: new Map([[user, 'AIDAALICE']]) })).toMatchObject({ outcome: 'explicitDeny' });
    expect(one({ ...within, caller: federated })).toMatchObject({ outcome: 'implicitDeny' });
  });

  it('needs a caller', () => {
    expect(refusal(() => one({ resource: grant('*') }))).toBe('A resource policy can only be simulated with a caller.');
  });
});

describe('condition keys', () => {
  const identity = [text('p', { ...allow('*'), Resource: 'arn:aws:s3:::${aws:username}', Condition: { Bool: { 'aws:Secure': 'true' } } })];
  const resources = ['arn:aws:s3:::alice'];

  it('that have no value are told', () => {
    expect(one({ identity, resources }).missing).toEqual(['aws:Secure', 'aws:username']);
    const boundaries = [text('b', allow('*', { Condition: { Null: { k: 'true' } } }))];
    const resource = text('r', allow('*', { Principal: '*', Condition: { Null: { AWS: 'true', 'aws:secure': 'true' } } }));
    expect(one({ identity, resources, boundaries, resource, caller }).missing).toEqual(['AWS', 'aws:Secure', 'aws:username', 'k']);
  });

  it('come from the entries and from what is known, entries first', () => {
    const known = new Map([['aws:username', 'bob'], ['aws:secure', 'true']]);
    const entries: ContextEntry[] = [{ name: 'AWS:UserName', type: 'string', values: ['alice'] }];
    expect(one({ identity, resources, known, entries })).toMatchObject({ outcome: 'allowed', missing: [] });
    expect(one({ identity, resources, known })).toMatchObject({ outcome: 'implicitDeny', missing: [] });
  });
});

describe('a context entry', () => {
  it.each<[ContextEntryType, string, string]>([
    ['string', '', ''],
    ['numeric', '-1.5', '1e3'],
    ['boolean', 'TRUE', 'yes'],
    ['ip', '2001:db8::1', '10.0.0.0/8'],
    ['binary', 'QUJD', 'QUJ'],
    ['date', '2026-01-01T00:00:00Z', 'today'],
  ])('of the type %s', (type, good, bad) => {
    expect(contextOf([{ name: 'A:b', type, values: [good] }])).toEqual(new Map([['a:b', good]]));
    expect(contextOf([{ name: 'k', type: `${type}List` as ContextEntryType, values: [good, good] }])).toEqual(new Map([['k', [good, good]]]));
    expect(contextOf([{ name: 'k', type: `${type}List` as ContextEntryType, values: [] }])).toEqual(new Map([['k', []]]));
    if (type === 'string') return;
    expect(refusal(() => contextOf([{ name: 'k', type, values: [bad] }]))).toBe(`The value ${bad} of the context key k is not of the type ${type}.`);
    expect(refusal(() => contextOf([{ name: 'k', type: `${type}List` as ContextEntryType, values: [good, bad] }]))).toBe(`The value ${bad} of the context key k is not of the type ${type}.`);
  });

  it.each([[[]], [['a', 'b']]])('of a single type has exactly one value, not %j', (values) => {
    expect(refusal(() => contextOf([{ name: 'k', type: 'string', values }]))).toBe('The context key k of the type string must have exactly one value.');
  });

  it('is given once', () => {
    const entry = (name: string): ContextEntry => ({ name, type: 'string', values: ['x'] });
    expect(refusal(() => contextOf([entry('aws:k'), entry('AWS:K')]))).toBe('The context key AWS:K is given more than once.');
  });
});

describe('input that is wrong', () => {
  it.each(['GetObject', 's3:*', 's3:', ':GetObject', 's3:Get Object', 's3:Get:Object', 'xs3:GetObject?', ''])('is refused: the action "%s"', (action) => {
    expect(refusal(() => one({ actions: [action] }))).toBe(`ActionNames are not in a valid format: ${action}.`);
  });

  it.each(['bucket', 'arn:aws:s3', ''])('is refused: the resource "%s"', (resource) => {
    expect(refusal(() => one({ resources: ['*', resource] }))).toBe(`ResourceNames are not in a valid ARN format: ${resource}.`);
  });

  it('is refused with the words of the policy it stands in', () => {
    const broken = { id: 'p', text: 'x' };
    expect(refusal(() => one({ identity: [broken] }))).toBe('Syntax errors in policy.');
    expect(refusal(() => one({ boundaries: [text('b', { ...allow('*'), Principal: '*' })] }))).toBe('Policy document should not specify a principal.');
    expect(refusal(() => one({ organization: [[broken]] }))).toBe('Syntax errors in policy.');
    expect(refusal(() => one({ caller, resource: text('r', allow('*')) }))).toBe('Missing required field Principal');
  });
});

describe('the most restrictive outcome', () => {
  it.each<[Parameters<typeof mostRestrictive>[0], ReturnType<typeof mostRestrictive>]>([
    [['allowed'], 'allowed'],
    [['allowed', 'implicitDeny'], 'implicitDeny'],
    [['implicitDeny', 'allowed', 'explicitDeny'], 'explicitDeny'],
    [[], 'implicitDeny'],
  ])('of %j is %s', (outcomes, expected) => {
    expect(mostRestrictive(outcomes)).toBe(expected);
  });
});
