import { TestApp, type Keys } from '../support/app.js';
import { call } from '../support/calls.js';
import { trusts, World, type Document } from '../support/world.js';

const under = (condition: Document, action = '*'): Document => ({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: action, Resource: '*', Condition: condition }] });

/** Condition keys are filled in from the request: each condition allows one call and refuses another. */
describe('the condition keys of a request', () => {
  let app: TestApp;
  let world: World;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot({ env: { STINT_TRUSTED_PROXIES: '127.0.0.0/8' } });
    world = new World(app);
  });
  afterAll(() => app.close());

  const name = (): string => `user-${String((count += 1))}`;
  const ask = async (keys: Keys, headers: Record<string, string> = {}, region = 'us-east-1'): Promise<number> =>
    (await app.query(keys, { Action: 'ListUsers', Version: '2010-05-08' }, { headers, region })).status;

  it.each<readonly [string, Document, Record<string, string>, Record<string, string>]>([
    ['aws:SourceIp', { IpAddress: { 'aws:SourceIp': '198.51.100.0/24' } }, { 'x-forwarded-for': '10.0.0.1, 198.51.100.7' }, { 'x-forwarded-for': '198.51.100.7, 203.0.113.9' }],
    ['aws:SourceIp without a proxy', { IpAddress: { 'aws:SourceIp': '127.0.0.1' } }, {}, { 'x-forwarded-for': '198.51.100.7' }],
    ['aws:SecureTransport', { Bool: { 'aws:SecureTransport': 'true' } }, { 'x-forwarded-proto': 'https' }, { 'x-forwarded-proto': 'http' }],
    ['aws:UserAgent', { StringLike: { 'aws:UserAgent': 'robot/*' } }, { 'user-agent': 'robot/1' }, { 'user-agent': 'human/1' }],
  ])('%s', async (_, condition, allowed, refused) => {
    const user = await world.user(name(), under(condition));
    expect([await ask(user, allowed), await ask(user, refused)]).toEqual([200, 403]);
  });

  it('aws:SourceIp is the peer where no proxy is trusted, whatever he says', async () => {
    const plain = await TestApp.boot();
    try {
      const user = await new World(plain).user('spoofer', under({ IpAddress: { 'aws:SourceIp': '198.51.100.0/24' } }));
      const answer = await plain.query(user, { Action: 'ListUsers', Version: '2010-05-08' }, { headers: { 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': 'https' } });
      expect(answer.status).toBe(403);
    } finally {
      await plain.close();
    }
  });

  it('aws:RequestedRegion and the time', async () => {
    const regional = await world.user(name(), under({ StringEquals: { 'aws:RequestedRegion': 'eu-west-1' } }));
    expect([await ask(regional, {}, 'eu-west-1'), await ask(regional)]).toEqual([200, 403]);
    const early = await world.user(name(), under({ DateLessThan: { 'aws:CurrentTime': '2026-11-25T10:00:01Z' } }));
    const late = await world.user(name(), under({ NumericGreaterThan: { 'aws:EpochTime': '1795600800' } }));
    expect([await ask(early), await ask(late)]).toEqual([200, 403]);
  });

  it('aws:username, aws:userid and aws:PrincipalArn of a user', async () => {
    const own = name();
    const user = await world.user(own, under({ StringEquals: { 'aws:username': own, 'aws:PrincipalType': 'User' }, StringLike: { 'aws:userid': 'AIDA*' }, ArnEquals: { 'aws:PrincipalArn': `arn:aws:iam::${app.root.account}:user/${own}` } }));
    const other = await world.user(name(), under({ StringEquals: { 'aws:username': own } }));
    expect([await ask(user), await ask(other)]).toEqual([200, 403]);
  });

  it('of a session: the role’s ARN, its issue time, and MFA that was not used', async () => {
    const user = await world.user(name());
    const condition = {
      ArnEquals: { 'aws:PrincipalArn': `arn:aws:iam::${app.root.account}:role/ci/worker` },
      DateLessThanEquals: { 'aws:TokenIssueTime': '2026-11-25T10:00:00.500Z' },
      Bool: { 'aws:MultiFactorAuthPresent': 'false' },
      Null: { 'aws:username': 'true' },
    };
    const worker = await world.role('worker', trusts(user.arn), { path: '/ci/', policy: under(condition) });
    const revoked = await world.role('revoked', trusts(user.arn), { policy: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }, { Effect: 'Deny', Action: '*', Resource: '*', Condition: { DateLessThan: { 'aws:TokenIssueTime': '2026-11-25T10:00:01.000Z' } } }] } });
    expect([await ask(await world.session(user, worker)), await ask(await world.session(user, revoked))]).toEqual([200, 403]);
    const longTerm = await world.user(name(), under({ Bool: { 'aws:MultiFactorAuthPresent': 'false' } }));
    expect(await ask(longTerm)).toBe(403);
  });

  it('aws:RequestTag and aws:TagKeys of what is being made', async () => {
    const user = await world.user(name(), under({ StringEquals: { 'aws:RequestTag/team': 'x' }, 'ForAllValues:StringEquals': { 'aws:TagKeys': ['team'] } }, 'iam:*'));
    const make = async (Tags: object[]): Promise<number> => (await call(app, 'query', { operation: 'CreateUser', keys: user, input: { UserName: name(), Tags } })).status;
    expect([await make([{ Key: 'team', Value: 'x' }]), await make([{ Key: 'team', Value: 'y' }]), await make([{ Key: 'team', Value: 'x' }, { Key: 'more', Value: '' }]), await make([])]).toEqual([200, 403, 403, 403]);
  });

  it('aws:ResourceTag of what is asked about, and aws:PrincipalTag of who asks', async () => {
    for (const [UserName, Value] of [['tagged-x', 'x'], ['tagged-y', 'y']]) await call(app, 'query', { operation: 'CreateUser', keys: app.root, input: { UserName, Tags: [{ Key: 'team', Value }] } });
    const key = await call(app, 'rest', { operation: 'CreateAccessKey', keys: app.root, input: { UserName: 'tagged-x' } });
    await call(app, 'query', { operation: 'PutUserPolicy', keys: app.root, input: { UserName: 'tagged-x', PolicyName: 'p', PolicyDocument: JSON.stringify(under({ StringEquals: { 'aws:ResourceTag/team': '${aws:PrincipalTag/team}' } })) } });
    const keys = (key.output as { accessKey: Keys }).accessKey;
    const get = async (UserName: string): Promise<number> => (await call(app, 'query', { operation: 'GetUser', keys, input: { UserName } })).status;
    expect([await get('tagged-x'), await get('tagged-y')]).toEqual([200, 403]);
  });

  it('sts:ExternalId and sts:RoleSessionName', async () => {
    const user = await world.user(name());
    const role = await world.role('partnered', trusts(user.arn, { StringEquals: { 'sts:ExternalId': 'agreed' }, StringLike: { 'sts:RoleSessionName': 'ci-*' } }));
    const assume = async (more: object): Promise<number> => (await call(app, 'query', { operation: 'AssumeRole', keys: user, input: { RoleArn: role.arn, RoleSessionName: 'ci-1', ...more } })).status;
    expect([await assume({ ExternalId: 'agreed' }), await assume({}), await assume({ ExternalId: 'other' }), await assume({ ExternalId: 'agreed', RoleSessionName: 'me' })]).toEqual([200, 403, 403, 403]);
  });
});
