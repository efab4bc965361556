import { parseIdentityPolicy, parseTrustPolicy } from '../../src/domain/policy/document.js';
import { evaluate, type Context, type Request } from '../../src/domain/policy/evaluate.js';
import { explain } from '../../src/domain/policy/explain.js';
import { mfaContext, stepUp } from '../../src/domain/policy/step-up.js';

const ARN = 'arn:aws:iam::111111111111:user/alice';
const allow = { Effect: 'Allow', Action: '*', Resource: '*' };
const asks = (Condition: object): object => ({ ...allow, Condition });
const refuses = (Condition: object): object => ({ ...allow, Effect: 'Deny', Condition });
const present = { Bool: { 'aws:MultiFactorAuthPresent': 'true' } };
const younger = (age: string | string[], operator = 'NumericLessThan'): object => ({ [operator]: { 'aws:MultiFactorAuthAge': age } });

function request(context: Context): Request {
  return { principal: { kind: 'user', account: '111111111111', arn: ARN, principalArn: ARN, uniqueId: 'AIDA' }, action: 'iam:GetUser', resource: ARN, resourceAccount: '111111111111', context };
}
const nothing: Context = new Map();
const session: Context = new Map([['aws:multifactorauthpresent', 'false']]);
const used = (age: number): Context => mfaContext(nothing, age);

function hintFor(statements: object[], context: Context): unknown {
  const policies = { identity: [{ id: 'own', document: parseIdentityPolicy(JSON.stringify({ Version: '2012-10-17', Statement: statements })) }] };
  expect(evaluate(request(context), policies).allowed).toBe(false);
  return stepUp([request(context)], policies);
}

describe('a refusal that MFA would have prevented', () => {
  const cases: [string, object[], Context, unknown][] = [
    ['an Allow asks for it', [asks(present)], nothing, {}],
    ['an Allow asks for it, and it was not used', [asks(present)], session, {}],
    ['a Deny spares it', [allow, refuses({ BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } })], nothing, {}],
    ['it is asked for that it was used lately', [asks(younger('3600'))], nothing, { maxAgeSeconds: 3600 }],
    ['it was used too long ago', [asks(younger('3600'))], used(3600), { maxAgeSeconds: 3600 }],
    ['as long ago as it may be', [asks(younger('900', 'NumericLessThanEquals'))], used(901), { maxAgeSeconds: 900 }],
    ['a Deny takes in what is older', [allow, refuses(younger('1800', 'NumericGreaterThan'))], used(1801), { maxAgeSeconds: 1800 }],
    ['one of several ages is enough', [asks(younger(['300', '7200']))], used(9000), { maxAgeSeconds: 7200 }],
    ['several statements must agree', [allow, refuses(younger('1800', 'NumericGreaterThan')), refuses(younger('600', 'NumericGreaterThanEquals'))], used(1801), { maxAgeSeconds: 600 }],
    ['the age that is asked for is as old as MFA can be', [asks(younger('500000'))], nothing, {}],
    ['there is another way with it', [asks(present), asks({ StringEquals: { 'aws:username': 'bob' } })], nothing, {}],
  ];
  it.each(cases)('says so where %s', (_, statements, context, expected) => {
    expect(hintFor(statements, context)).toEqual(expected);
  });
});

describe('a refusal that MFA would not have prevented', () => {
  const cases: [string, object[], Context][] = [
    ['nothing is allowed', [{ ...allow, Action: 's3:GetObject' }], nothing],
    ['something else is wrong too', [asks({ ...present, StringEquals: { 'aws:username': 'bob' } })], nothing],
    ['it was used', [asks({ ...present, IpAddress: { 'aws:SourceIp': '192.0.2.1/32' } })], used(0)],
    ['it is denied whoever asks', [allow, { ...allow, Effect: 'Deny' }, refuses(present)], nothing],
    ['it must not have been used', [asks({ Bool: { 'aws:MultiFactorAuthPresent': 'false' } })], nothing],
    ['no age is young enough', [asks(younger('0'))], used(5)],
  ];
  it.each(cases)('says nothing where %s', (_, statements, context) => {
    expect(hintFor(statements, context)).toBeUndefined();
  });
});

describe('MFA that was used with the request itself', () => {
  const asked: Request = { ...request(nothing), action: 'sts:AssumeRole', resource: 'arn:aws:iam::111111111111:role/r', trustContext: used(0) };
  const trust = { id: 'trust', principalIds: new Map(), document: parseTrustPolicy(JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Principal: { AWS: '111111111111' }, Action: 'sts:AssumeRole', Condition: present } })) };
  const identity = (...statements: object[]) => [{ id: 'own', document: parseIdentityPolicy(JSON.stringify({ Version: '2012-10-17', Statement: statements })) }];

  it('is seen by the trust policy, and by nothing else', () => {
    expect(evaluate(asked, { trust, identity: identity(allow) })).toMatchObject({ allowed: true });
    expect(evaluate(asked, { trust, identity: identity(asks(present)) })).toMatchObject({ allowed: false, by: 'identity' });
    expect(evaluate({ ...asked, trustContext: nothing }, { trust, identity: identity(allow) })).toMatchObject({ allowed: false, by: 'trust' });
  });

  it('is explained as it was seen', () => {
    const policies = { trust, identity: identity(asks(present)) };
    const { layers } = explain(asked, policies, evaluate(asked, policies));
    expect(layers.map(({ policyType, allows }) => [policyType, allows.length])).toEqual([['trust', 1], ['identity', 0]]);
  });

  it('would have to be used for a session where the caller’s own policies ask for it', () => {
    expect(stepUp([asked], { trust, identity: identity(asks(present)) })).toEqual({});
  });
});

describe('a request that has to be allowed in several contexts', () => {
  const policies = { identity: [{ id: 'own', document: parseIdentityPolicy(JSON.stringify({ Version: '2012-10-17', Statement: [asks(present), refuses({ StringEquals: { 'aws:ResourceTag/team': 'b' } })] })) }] };
  const tagged = (team: string): Request => request(new Map([['aws:resourcetag/team', team]]));

  it('would not have been allowed with MFA where one of them is refused with it, too', () => {
    expect(stepUp([tagged('a')], policies)).toEqual({});
    expect(stepUp([tagged('a'), tagged('c')], policies)).toEqual({});
    expect(stepUp([tagged('a'), tagged('b')], policies)).toBeUndefined();
    expect(stepUp([], policies)).toBeUndefined();
  });
});
