import { GetContextKeysForCustomPolicyCommand, GetContextKeysForPrincipalPolicyCommand, SimulateCustomPolicyCommand, SimulatePrincipalPolicyCommand } from '@aws-sdk/client-iam';

import { TestApp } from '../support/app.js';
import { call } from '../support/calls.js';
import { allows, trusts, World, type Document } from '../support/world.js';

const text = (document: Document): string => JSON.stringify(document);

describe('the policy simulator of an unmodified AWS client', () => {
  let app: TestApp;
  let world: World;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = new World(app);
  });
  afterAll(() => app.close());

  it('says allowed, explicitDeny and implicitDeny, and where the statements stand that decided', async () => {
    const policy = '{"Version": "2012-10-17", "Statement": [{"Effect":"Allow","Action":"s3:Get*","Resource":"*"},\n{"Effect":"Deny","Action":"s3:GetObjectAcl","Resource":"*"}]}';
    const { EvaluationResults } = await app.iam().send(new SimulateCustomPolicyCommand({ PolicyInputList: [policy], ActionNames: ['s3:GetObject', 's3:GetObjectAcl', 's3:PutObject'] }));
    expect(EvaluationResults?.map(({ EvalActionName, EvalDecision }) => [EvalActionName, EvalDecision])).toEqual([
      ['s3:GetObject', 'allowed'],
      ['s3:GetObjectAcl', 'explicitDeny'],
      ['s3:PutObject', 'implicitDeny'],
    ]);
    expect(EvaluationResults?.[1]?.MatchedStatements).toEqual([
      { SourcePolicyId: 'PolicyInputList.1', SourcePolicyType: 'IAM Policy', StartPosition: { Line: 2, Column: 2 }, EndPosition: { Line: 2, Column: 60 } },
    ]);
  });

  it('counts positions as AWS does', async () => {
    const policy = '{"Version": "2012-10-17", "Statement": {"Effect":"Allow","Action":"*","Resource":"*"}}';
    const { EvaluationResults } = await app.iam().send(new SimulateCustomPolicyCommand({ PolicyInputList: [policy], ActionNames: ['s3:GetObject'] }));
    expect(EvaluationResults?.[0]?.MatchedStatements?.[0]?.StartPosition).toEqual({ Line: 1, Column: 41 });
  });

  it('names the keys that have no value, and takes values for them', async () => {
    const policy = text({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: 'arn:aws:iam::123456789012:role/${aws:username}', Condition: { NumericLessThan: { 'aws:MultiFactorAuthAge': '300' } } } });
    const input = { PolicyInputList: [policy], ActionNames: ['sts:AssumeRole'], ResourceArns: ['arn:aws:iam::123456789012:role/alice'] };
    const without = await app.iam().send(new SimulateCustomPolicyCommand(input));
    expect(without.EvaluationResults?.[0]).toMatchObject({ EvalDecision: 'implicitDeny', MissingContextValues: ['aws:MultiFactorAuthAge', 'aws:username'] });
    const with_ = await app.iam().send(
      new SimulateCustomPolicyCommand({
        ...input,
        ContextEntries: [
          { ContextKeyName: 'aws:MultiFactorAuthAge', ContextKeyType: 'numeric', ContextKeyValues: ['10'] },
          { ContextKeyName: 'aws:username', ContextKeyType: 'string', ContextKeyValues: ['alice'] },
        ],
      }),
    );
    expect(with_.EvaluationResults?.[0]).toMatchObject({ EvalDecision: 'allowed', MissingContextValues: [] });
  });

  it('says what a permissions boundary leaves, and what happens on each resource', async () => {
    const ResourceArns = ['arn:aws:s3:::open/x', 'arn:aws:s3:::closed/x'];
    const { EvaluationResults } = await app.iam().send(
      new SimulateCustomPolicyCommand({ PolicyInputList: [text(allows('s3:*'))], PermissionsBoundaryPolicyInputList: [text(allows('s3:*', 'arn:aws:s3:::open/*'))], ActionNames: ['s3:GetObject'], ResourceArns }),
    );
    expect(EvaluationResults).toHaveLength(1);
    expect(EvaluationResults?.[0]).toMatchObject({ EvalDecision: 'implicitDeny', PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: false } });
    expect(EvaluationResults?.[0]?.ResourceSpecificResults?.map(({ EvalResourceName, EvalResourceDecision, PermissionsBoundaryDecisionDetail }) => [EvalResourceName, EvalResourceDecision, PermissionsBoundaryDecisionDetail?.AllowedByPermissionsBoundary])).toEqual([
      ['arn:aws:s3:::open/x', 'allowed', true],
      ['arn:aws:s3:::closed/x', 'implicitDeny', false],
    ]);
  });

  it('weighs a resource policy, within the account and across accounts', async () => {
    const alice = await world.user('alice');
    const resource = (account: string): string => `arn:aws:sqs:eu-west-1:${account}:queue`;
    const simulate = async (account: string, policies: string[]): Promise<string | undefined> => {
      const ResourcePolicy = text({ Version: '2012-10-17', Statement: { Effect: 'Allow', Principal: { AWS: alice.arn }, Action: 'sqs:SendMessage', Resource: resource(account) } });
      const { EvaluationResults } = await app.iam().send(new SimulateCustomPolicyCommand({ PolicyInputList: policies, ActionNames: ['sqs:SendMessage'], ResourceArns: [resource(account)], ResourcePolicy, CallerArn: alice.arn }));
      return EvaluationResults?.[0]?.EvalDecision;
    };
    expect(await simulate(app.root.account, [])).toBe('allowed');
    expect(await simulate('210987654321', [])).toBe('implicitDeny');
    expect(await simulate('210987654321', [text(allows('sqs:*'))])).toBe('allowed');
  });

  it('gives pages', async () => {
    const ActionNames = ['a:A', 'a:B', 'a:C'];
    const first = await app.iam().send(new SimulateCustomPolicyCommand({ PolicyInputList: [text(allows('*'))], ActionNames, MaxItems: 2 }));
    expect([first.EvaluationResults?.length, first.IsTruncated]).toEqual([2, true]);
    const second = await app.iam().send(new SimulateCustomPolicyCommand({ PolicyInputList: [text(allows('*'))], ActionNames, MaxItems: 2, Marker: first.Marker }));
    expect([second.EvaluationResults?.map(({ EvalActionName }) => EvalActionName), second.IsTruncated]).toEqual([['a:C'], false]);
  });

  it.each([
    ['a policy that is none', { PolicyInputList: ['{}'], ActionNames: ['s3:GetObject'] }],
    ['an action that is none', { PolicyInputList: [], ActionNames: ['GetObject'] }],
    ['a resource that is none', { PolicyInputList: [], ActionNames: ['s3:GetObject'], ResourceArns: ['bucket'] }],
    ['a value of another type', { PolicyInputList: [], ActionNames: ['s3:GetObject'], ContextEntries: [{ ContextKeyName: 'aws:SourceIp', ContextKeyType: 'ip' as const, ContextKeyValues: ['here'] }] }],
    ['a resource policy without a caller', { PolicyInputList: [], ActionNames: ['s3:GetObject'], ResourcePolicy: text(trusts('*')) }],
  ])('refuses %s', async (_, input) => {
    await expect(app.iam().send(new SimulateCustomPolicyCommand(input))).rejects.toMatchObject({ name: 'InvalidInputException', $metadata: { httpStatusCode: 400 } });
  });

  it('says of a user and of a role what really happens', async () => {
    const policy: Document = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: ['iam:Get*', 'iam:ListUsers'], Resource: '*' }, { Effect: 'Deny', Action: 'iam:GetRole', Resource: '*' }] };
    const user = await world.user('clerk', policy);
    const role = await world.role('clerks', trusts(user.arn), { policy });
    const session = await world.session(user, role);
    const calls = [['GetUser', { UserName: 'clerk' }], ['GetRole', { RoleName: 'clerks' }], ['ListUsers', {}], ['ListRoles', {}]] as const;
    for (const [arn, keys] of [[user.arn, user], [role.arn, session]] as const) {
      for (const [operation, input] of calls) {
        const real = await call(app, 'query', { operation, keys, input });
        const { EvaluationResults } = await app.iam().send(new SimulatePrincipalPolicyCommand({ PolicySourceArn: arn, ActionNames: [`iam:${operation}`], ResourceArns: ['*'] }));
        expect([operation, EvaluationResults?.[0]?.EvalDecision === 'allowed']).toEqual([operation, real.status === 200]);
      }
    }
    const { EvaluationResults } = await app.iam().send(new SimulatePrincipalPolicyCommand({ PolicySourceArn: user.arn, ActionNames: ['iam:GetRole'] }));
    expect(EvaluationResults?.[0]?.MatchedStatements?.[0]?.SourcePolicyId).toBe('user_clerk_own');
  });

  it('finds the keys that policies use', async () => {
    const PolicyInputList = [text({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: 'arn:aws:s3:::b/${aws:username}', Condition: { Bool: { 'aws:SecureTransport': 'true' } } } })];
    const custom = await app.iam().send(new GetContextKeysForCustomPolicyCommand({ PolicyInputList }));
    expect(custom.ContextKeyNames).toEqual(['aws:SecureTransport', 'aws:username']);
    const bob = await world.user('bob', { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*', Condition: { IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } } } });
    const principal = await app.iam().send(new GetContextKeysForPrincipalPolicyCommand({ PolicySourceArn: bob.arn, PolicyInputList }));
    expect(principal.ContextKeyNames).toEqual(['aws:SecureTransport', 'aws:SourceIp', 'aws:username']);
  });

  it('does not know who does not exist', async () => {
    await expect(app.iam().send(new SimulatePrincipalPolicyCommand({ PolicySourceArn: `arn:aws:iam::${app.root.account}:user/nobody`, ActionNames: ['iam:GetUser'] }))).rejects.toMatchObject({ name: 'NoSuchEntityException' });
  });
});
