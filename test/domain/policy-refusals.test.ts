import type { Condition, Statement } from '../../src/domain/policy/document.js';
import { evaluate, refusalText } from '../../src/domain/policy/evaluate.js';
import type { Decision, NamedPolicy, PolicySet, PrincipalFacts, Request } from '../../src/domain/policy/evaluate.js';

const account = '111111111111';
const alice = `arn:aws:iam::${account}:user/alice`;
const session = `arn:aws:sts::${account}:assumed-role/dev/ci`;
const bob = 'arn:aws:iam::222222222222:user/bob';
const role = `arn:aws:iam::${account}:role/app/target`;

const refused = (by: Decision['by'], explicit = false): Decision => ({ allowed: false, explicit, by, statements: [] });

describe('the text of a refusal', () => {
  const start = `User: ${alice} is not authorized to perform: iam:GetUser on resource: ${alice}`;

  it.each<[Decision['by'], string, string]>([
    ['identity', 'because no identity-based policy allows the iam:GetUser action', 'with an explicit deny in an identity-based policy'],
    ['boundary', 'because no permissions boundary allows the iam:GetUser action', 'with an explicit deny in a permissions boundary'],
    ['session', 'because no session policy allows the iam:GetUser action', 'with an explicit deny in a session policy'],
    ['serviceControl', 'because no service control policy allows the iam:GetUser action', 'with an explicit deny in a service control policy'],
  ])('names the %s policy', (by, implicit, explicit) => {
    expect(refusalText(refused(by), alice, 'iam:GetUser', alice)).toBe(`${start} ${implicit}`);
    expect(refusalText(refused(by, true), alice, 'iam:GetUser', alice)).toBe(`${start} ${explicit}`);
  });

  it('names a resource control policy only where it denies', () => {
    expect(refusalText(refused('resourceControl'), alice, 'iam:GetUser', alice)).toBe(start);
    expect(refusalText(refused('resourceControl', true), alice, 'iam:GetUser', alice)).toBe(
      `${start} with an explicit deny in a resource control policy`,
    );
  });

  it('is bare where nothing was asked', () => {
    expect(refusalText(refused('none'), alice, 'iam:GetUser', alice)).toBe(start);
  });

  it.each(['*', ''])('drops the resource "%s"', (resource) => {
    expect(refusalText(refused('identity'), alice, 'sts:DecodeAuthorizationMessage', resource)).toBe(
      `User: ${alice} is not authorized to perform: sts:DecodeAuthorizationMessage because no identity-based policy allows the sts:DecodeAuthorizationMessage action`,
    );
  });

  it('shows a role session by its own ARN', () => {
    expect(refusalText(refused('session'), session, 'sts:AssumeRole', role)).toBe(
      `User: ${session} is not authorized to perform: sts:AssumeRole on resource: ${role} because no session policy allows the sts:AssumeRole action`,
    );
  });

  it.each(['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'])('of %s gives a reason to the own account only', (action) => {
    const bare = (arn: string): string => `User: ${arn} is not authorized to perform: ${action} on resource: ${role}`;
    expect(refusalText(refused('identity'), alice, action, role)).toBe(
      `${bare(alice)} because no identity-based policy allows the ${action} action`,
    );
    expect(refusalText(refused('trust'), alice, action, role)).toBe(bare(alice));
    expect(refusalText(refused('trust', true), alice, action, role)).toBe(bare(alice));
    expect(refusalText(refused('identity'), bob, action, role)).toBe(bare(bob));
    expect(refusalText(refused('identity', true), bob, action, role)).toBe(bare(bob));
    expect(refusalText(refused('trust'), bob, action, role)).toBe(bare(bob));
  });
});

const caller: PrincipalFacts = { kind: 'user', account, arn: alice, principalArn: alice, uniqueId: 'AIDAALICE' };
const request: Request = { principal: caller, action: 'sts:AssumeRole', resource: role, resourceAccount: account, context: new Map() };
const policy = (...statements: Statement[]): NamedPolicy => ({ id: 'p', document: { version: '2012-10-17', statements } });
const all = { actions: ['*'], resources: ['*'], conditions: [] };
const allowAll = policy({ effect: 'Allow', ...all });
const everybody = [{ type: 'AWS', value: '*' }] as const;

/** Whether an Allow with these elements applies, and whether a Deny with them does. */
function applies(elements: Omit<Statement, 'effect'>): { allow: boolean; deny: boolean } {
  const allow = evaluate(request, { identity: [policy({ effect: 'Allow', ...elements })] });
  const deny = evaluate(request, { identity: [allowAll, policy({ effect: 'Deny', ...elements })] });
  return { allow: allow.allowed, deny: !deny.allowed };
}

/** The same for a statement of a trust policy. */
function trusts(elements: Omit<Statement, 'effect'>): { allow: boolean; deny: boolean } {
  const trusted = (...statements: Statement[]): PolicySet => ({
    identity: [allowAll],
    trust: { ...policy(...statements), principalIds: new Map() },
  });
  const open: Statement = { effect: 'Allow', principals: everybody, actions: ['*'], conditions: [] };
  const allow = evaluate(request, trusted({ effect: 'Allow', ...elements }));
  const deny = evaluate(request, trusted(open, { effect: 'Deny', ...elements }));
  return { allow: allow.allowed, deny: !deny.allowed };
}

describe('whatever cannot be read', () => {
  const against = { allow: false, deny: true };
  const unknown: Condition = { operator: 'StringMatches', key: 'a', values: ['x'] };

  it.each<[string, Omit<Statement, 'effect'>]>([
    ['an unknown operator', { ...all, conditions: [unknown] }],
    ['a condition without values', { ...all, conditions: [{ operator: 'StringEquals', key: 'a', values: [] }] }],
    ['no action', { resources: ['*'], conditions: [] }],
    ['an empty list of actions', { actions: [], resources: ['*'], conditions: [] }],
    ['an empty list of excluded actions', { notActions: [], resources: ['*'], conditions: [] }],
    ['action and excluded action', { ...all, notActions: ['iam:*'] }],
    ['no resource', { actions: ['*'], conditions: [] }],
    ['an empty list of resources', { actions: ['*'], resources: [], conditions: [] }],
    ['an empty list of excluded resources', { actions: ['*'], notResources: [], conditions: [] }],
    ['a broken variable in a resource', { ...all, resources: ['arn:aws:iam::111111111111:role/${x'] }],
    ['a principal where none belongs', { ...all, principals: everybody }],
    ['an excluded principal where none belongs', { ...all, notPrincipals: [{ type: 'AWS', value: '222222222222' }] }],
  ])('counts against the caller: %s', (_, elements) => {
    expect(applies(elements)).toEqual(against);
  });

  it.each<[string, Omit<Statement, 'effect'>]>([
    ['no principal', { actions: ['*'], conditions: [] }],
    ['an empty list of principals', { principals: [], actions: ['*'], conditions: [] }],
    ['a principal that is no principal', { principals: [{ type: 'AWS', value: 'alice' }], actions: ['*'], conditions: [] }],
    ['a group', { principals: [{ type: 'AWS', value: `arn:aws:iam::${account}:group/g` }], actions: ['*'], conditions: [] }],
    ['another partition', { principals: [{ type: 'AWS', value: `arn:aws-cn:iam::${account}:root` }], actions: ['*'], conditions: [] }],
    ['an unknown kind', { principals: [{ type: 'Group' as 'AWS', value: '*' }], actions: ['*'], conditions: [] }],
    ['an excluded principal', { notPrincipals: [{ type: 'AWS', value: '222222222222' }], actions: ['*'], conditions: [] }],
  ])('counts against the caller in a trust policy: %s', (_, elements) => {
    expect(trusts(elements)).toEqual(against);
  });

  it('includes an effect that is neither Allow nor Deny', () => {
    const odd: Statement = { effect: 'Maybe' as 'Allow', ...all };
    expect(evaluate(request, { identity: [odd].map((one) => policy(one)) }).allowed).toBe(false);
    expect(evaluate(request, { identity: [allowAll, policy(odd)] })).toMatchObject({ allowed: false, explicit: true });
  });

  it('does not disturb statements about something else', () => {
    expect(applies({ actions: ['s3:*'], resources: ['*'], conditions: [unknown] })).toEqual({ allow: false, deny: false });
    expect(applies({ actions: ['*'], resources: [alice], conditions: [unknown] })).toEqual({ allow: false, deny: false });
  });
});

describe('NotPrincipal', () => {
  const spare = (...values: string[]): Omit<Statement, 'effect'> => ({
    notPrincipals: values.map((value) => ({ type: 'AWS', value }) as const),
    actions: ['*'],
    conditions: [],
  });

  it.each<[string, string[], boolean]>([
    ['user and account', ['AIDAALICE', account], true],
    ['user and root ARN', ['AIDAALICE', `arn:aws:iam::${account}:root`], true],
    ['everybody', ['*'], true],
    ['the user alone', ['AIDAALICE'], false],
    ['the account alone', [account], false],
    ['a user ARN without id', [alice, account], false],
  ])('of a Deny that lists %s', (_, values, spared) => {
    expect(trusts(spare(...values))).toEqual({ allow: false, deny: !spared });
  });

  it('spares a session where session, role and account are listed', () => {
    const principal: PrincipalFacts = {
      ...{ kind: 'assumed-role', account, arn: session },
      ...{ principalArn: `arn:aws:iam::${account}:role/dev`, uniqueId: 'AROADEV' },
    };
    const denied = (...values: string[]): boolean => {
      const statements: Statement[] = [
        { effect: 'Allow', principals: everybody, actions: ['*'], conditions: [] },
        { effect: 'Deny', ...spare(...values) },
      ];
      const trust = { ...policy(...statements), principalIds: new Map() };
      return !evaluate({ ...request, principal }, { identity: [allowAll], trust }).allowed;
    };
    expect(denied(session, 'AROADEV', account)).toBe(false);
    expect(denied('AROADEV', account)).toBe(true);
    expect(denied(session, account)).toBe(true);
    expect(denied(session, 'AROADEV')).toBe(true);
  });

  it('spares the root user where its account is listed', () => {
    const root = `arn:aws:iam::${account}:root`;
    const principal: PrincipalFacts = { kind: 'root', account, arn: root, principalArn: root, uniqueId: account };
    const deny: Statement = { effect: 'Deny', ...spare(account) };
    const open: Statement = { effect: 'Allow', principals: everybody, actions: ['*'], conditions: [] };
    const trust = { ...policy(open, deny), principalIds: new Map() };
    expect(evaluate({ ...request, principal }, { identity: [], trust }).allowed).toBe(true);
  });
});

describe('a decision', () => {
  it('names policy, statement and Sid', () => {
    const identity = [allowAll, policy({ effect: 'Allow', actions: ['s3:*'], resources: ['*'], conditions: [] }, { sid: 'No', effect: 'Deny', ...all })];
    expect(evaluate(request, { identity }).statements).toEqual([
      { policyType: 'identity', policyId: 'p', sid: 'No', index: 1 },
    ]);
  });
});
