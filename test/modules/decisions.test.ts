import { AssumeRoleCommand } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { call, decisionIn, type Called, type Input } from '../support/calls.js';
import { allows, trusts, World, type User } from '../support/world.js';

interface Decision {
  readonly explicitDeny: boolean;
  readonly decidedBy?: string;
  readonly matchedStatements: { readonly items: readonly Record<string, unknown>[] };
  readonly explanation: readonly { readonly policyType: string; readonly nearest: readonly { readonly mismatches: readonly unknown[] }[] }[];
  readonly context: Record<string, unknown>;
  readonly reason?: string;
}

describe('a refusal', () => {
  let app: TestApp;
  let world: World;
  let abroad: World;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = await new World(app).account('home');
    abroad = await new World(app).account('abroad');
  });
  afterAll(() => app.close());

  async function refusedBy(keys: Keys, operation: string, input: Input = {}): Promise<Called> {
    const refused = await call(app, 'query', { operation, keys, input });
    expect(refused).toMatchObject({ status: 403, code: 'AccessDenied' });
    return refused;
  }

  async function decisionOf(refused: Called, reader: Keys = world.root): Promise<Decision> {
    const answer = await call(app, 'rest', { operation: 'GetDecision', keys: reader, input: { DecisionId: decisionIn(refused).decisionId } });
    expect(answer.status).toBe(200);
    return (JSON.parse(answer.text) as { decision: Decision }).decision;
  }

  const layer = (decision: Decision, type: string): Decision['explanation'][number] => decision.explanation.find(({ policyType }) => policyType === type)!;

  it('names its decision in the header, the body, the event and a row that was committed with the event', async () => {
    const user = await world.user('plain');
    const [event] = await app.recordedBy(async () => {
      for (const accept of ['text/xml', 'application/json']) {
        const answer = await app.query(user, { Action: 'ListUsers', Version: '2010-05-08' }, { headers: { accept } });
        const id = answer.headers.get('x-stint-decision-id')!;
        expect(answer.text).toContain(accept === 'text/xml' ? `<DecisionId>${id}</DecisionId><EncodedAuthorizationMessage>` : `"decisionId":"${id}","encodedAuthorizationMessage":"`);
        expect(await app.sql('SELECT account_id FROM decision WHERE decision_id = $1', [id])).toEqual([{ account_id: world.root.account }]);
      }
    });
    const { decisionId } = event!.record['additionalEventData'] as { decisionId: string };
    const [row] = await app.sql<{ request_id: string }>('SELECT request_id FROM decision WHERE decision_id = $1', [decisionId]);
    expect(row?.request_id).toBe(event?.request_id);
  });

  const condition = { StringEquals: { 'aws:PrincipalTag/team': 'x' } };
  const refusals: readonly (readonly [string, Record<string, unknown> | undefined, string, Input, Record<string, unknown>])[] = [
    ['for lack of a policy', undefined, 'ListUsers', {}, { decidedBy: 'identity', explicitDeny: false }],
    ['by a Deny', { Version: '2012-10-17', Statement: [{ Sid: 'Never', Effect: 'Deny', Action: 'iam:*', Resource: '*' }] }, 'ListUsers', {}, { decidedBy: 'identity', explicitDeny: true, matchedStatements: { items: [expect.objectContaining({ statementId: 'Never', effect: 'DENY', policyId: 'own', index: 0 })] } }],
    ['by another action', allows('iam:GetUser'), 'ListUsers', {}, { explanation: [expect.objectContaining({ nearest: [expect.objectContaining({ policyId: 'own', mismatches: [{ element: 'Action', wanted: ['iam:GetUser'], seen: 'iam:ListUsers' }] })] })] }],
    ['by another resource', allows('iam:GetUser', 'arn:aws:iam::123456789012:user/*'), 'GetUser', { UserName: 'nobody' }, { explanation: [expect.objectContaining({ nearest: [expect.objectContaining({ mismatches: [expect.objectContaining({ element: 'Resource', wanted: ['arn:aws:iam::123456789012:user/*'] })] })] })] }],
    ['by a condition', { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*', Condition: condition } }, 'ListUsers', {}, { explanation: [expect.objectContaining({ nearest: [expect.objectContaining({ mismatches: [{ element: 'Condition', operator: 'StringEquals', key: 'aws:PrincipalTag/team', wanted: ['x'], seen: null }] })] })] }],
  ];

  it.each(refusals)('%s says so, and decodes to the same', async (title, policy, operation, input, expected) => {
    const user = await world.user(title.replaceAll(' ', '-'), policy);
    const refused = await refusedBy(user, operation, input);
    const decision = await decisionOf(refused);
    expect(decision).toMatchObject(expected);
    const decoded = await call(app, 'query', { operation: 'DecodeAuthorizationMessage', keys: world.root, input: { EncodedMessage: decisionIn(refused).encodedMessage } });
    expect(JSON.parse((decoded.output as { decodedMessage: string }).decodedMessage)).toEqual(decision);
  });

  it('by a handler names its reason', async () => {
    const user = await world.user('asker', allows('*'));
    const refused = await refusedBy(user, 'GetAccessKeyInfo', { AccessKeyId: 'AKIAUNKNOWNUNKNOWN22' });
    expect((await decisionOf(refused)).reason).toContain('sts:GetAccessKeyInfo');
  });

  it('by a trust policy of the own account shows which element of it did not fit', async () => {
    const user = await world.user('trustless', allows('sts:AssumeRole'));
    const role = await world.role('partner', trusts(user.arn, { StringEquals: { 'sts:ExternalId': 'agreed' } }));
    const decision = await decisionOf(await refusedBy(user, 'AssumeRole', { RoleArn: role.arn, RoleSessionName: 'ci' }));
    expect(decision.decidedBy).toBe('trust');
    expect(layer(decision, 'trust').nearest[0]?.mismatches).toEqual([{ element: 'Condition', operator: 'StringEquals', key: 'sts:ExternalId', wanted: ['agreed'], seen: null }]);
  });

  describe('by a role of another account', () => {
    let guest: User;
    beforeAll(async () => {
      guest = await abroad.user('guest', { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*', Condition: { StringEquals: { 'aws:ResourceTag/cost': 'blue' } } }] });
      await call(app, 'query', { operation: 'CreateRole', keys: world.root, input: { RoleName: 'shared', AssumeRolePolicyDocument: JSON.stringify(trusts(guest.arn, { StringEquals: { 'sts:ExternalId': 'agreed' } })), Tags: [{ Key: 'cost', Value: 'red' }] } });
    });

    const assume = (name: string): Promise<Called> => refusedBy(guest, 'AssumeRole', { RoleArn: `arn:aws:iam::${world.root.account}:role/${name}`, RoleSessionName: 'ci' });

    it('tells its caller no more than a role that does not exist', async () => {
      const [existing, absent] = [await assume('shared'), await assume('absent')];
      const views = await Promise.all([existing, absent].map(async (refused) => JSON.stringify(await decisionOf(refused, abroad.root)).replaceAll(/shared|absent/g, '<name>')));
      expect(views[0]).toBe(views[1]);
      expect(views[0]).not.toMatch(/resourcetag\/|red|ExternalId|"trust"/);
      expect(decisionIn(existing).encodedMessage).toHaveLength(decisionIn(absent).encodedMessage.length);
    });

    it('tells the account of the role why, and nothing of the caller’s policies', async () => {
      const decision = await decisionOf(await assume('shared'), world.root);
      expect(decision.explanation.map(({ policyType }) => policyType)).toEqual(['trust']);
      expect(layer(decision, 'trust').nearest[0]?.mismatches).toEqual([expect.objectContaining({ key: 'sts:ExternalId', seen: null })]);
      expect(decision.context['conditions']).toBeUndefined();
    });

    it('leaves nothing with an account whose role does not exist', async () => {
      const { decisionId } = decisionIn(await assume('absent'));
      expect(await app.sql('SELECT account_id FROM decision WHERE decision_id = $1', [decisionId])).toEqual([{ account_id: abroad.root.account }]);
    });
  });

  it('is read by nobody without permission, and by no other account', async () => {
    const user = await world.user('curious');
    const { decisionId, encodedMessage } = decisionIn(await refusedBy(user, 'ListUsers'));
    await refusedBy(user, 'DecodeAuthorizationMessage', { EncodedMessage: encodedMessage });
    expect(await call(app, 'rest', { operation: 'GetDecision', keys: user, input: { DecisionId: decisionId } })).toMatchObject({ code: 'AccessDenied' });
    expect(await call(app, 'rest', { operation: 'GetDecision', keys: abroad.root, input: { DecisionId: decisionId } })).toMatchObject({ code: 'NoSuchEntity' });
    for (const EncodedMessage of [encodedMessage, `${encodedMessage.slice(0, -8)}AAAAAAA=`, `${encodedMessage}\n`]) {
      const keys = EncodedMessage === encodedMessage ? abroad.root : world.root;
      expect(await call(app, 'query', { operation: 'DecodeAuthorizationMessage', keys, input: { EncodedMessage } })).toMatchObject({ status: 400, code: 'InvalidAuthorizationMessageException' });
    }
  });

  it('fits into a message however large the policies are', async () => {
    const statements = Array.from({ length: 40 }, (_, index) => ({ Effect: 'Allow', Action: `s3:Action${String(index)}`, Resource: `arn:aws:s3:::bucket-${'x'.repeat(100)}` }));
    const user = await world.user('opener');
    const role = await world.role('large', trusts(user.arn), { policy: { Version: '2012-10-17', Statement: statements } });
    const session = await world.session(user, role);
    const refused = await refusedBy(session, 'ListUsers');
    expect(decisionIn(refused).encodedMessage.length).toBeLessThanOrEqual(10_240);
    expect(layer(await decisionOf(refused), 'identity').nearest).toHaveLength(5);
  });
});

describe('a stored document that does not parse', () => {
  let app: TestApp;
  let beside: TestApp;

  beforeAll(async () => {
    app = await TestApp.boot();
  });
  afterAll(async () => {
    await beside.close();
    await app.close();
  });

  it('denies, says so in the log, and harms nobody else', async () => {
    const world = new World(app);
    const [broken, whole] = [await world.user('broken', allows('*')), await world.user('whole', allows('*'))];
    const role = await world.role('deploy', trusts([broken.arn, whole.arn]));
    await app.sql(`UPDATE inline_policy SET document = '{"Version":' WHERE user_id = $1`, [broken.id]);
    beside = await TestApp.boot({ beside: app });
    expect(await call(beside, 'query', { operation: 'ListUsers', keys: broken, input: {} })).toMatchObject({ status: 403, code: 'AccessDenied' });
    expect(await call(beside, 'query', { operation: 'ListUsers', keys: whole, input: {} })).toMatchObject({ status: 200 });
    await expect(beside.sts(whole).send(new AssumeRoleCommand({ RoleArn: role.arn, RoleSessionName: 'ci' }))).resolves.toBeDefined();
    expect(beside.lines.filter((line) => line.includes('cannot be read and denies everything'))).toHaveLength(1);
  });

  it('trusts nobody where it is a trust policy', async () => {
    const world = new World(app);
    const user = await world.user('truster');
    const role = await world.role('hollow', trusts(user.arn));
    await app.sql(`UPDATE role SET trust_policy = 'nonsense' WHERE role_id = $1`, [role.id]);
    expect(await call(beside, 'query', { operation: 'AssumeRole', keys: user, input: { RoleArn: role.arn, RoleSessionName: 'ci' } })).toMatchObject({ status: 403, code: 'AccessDenied' });
    expect(await call(beside, 'query', { operation: 'GetRole', keys: app.root, input: { RoleName: 'hollow' } })).toMatchObject({ status: 200 });
  });
});
