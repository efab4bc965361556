import { ListUsersCommand } from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand, GetScopedCredentialsCommand, type GetScopedCredentialsCommandInput, type GetScopedCredentialsCommandOutput } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { call } from '../support/calls.js';
import { LOOKS, noise, Sessions } from '../support/sessions.js';
import { allows, allowsUnder, ASSUMING, denies, keysOf, together, trusts, World, type Document, type Role, type User } from '../support/world.js';

const [users, roles, policies] = LOOKS;
const text = JSON.stringify;

describe('GetScopedCredentials', () => {
  let app: TestApp;
  let sessions: Sessions;
  let home: World;
  let account: string;
  let alice: User;
  let open: Role;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    sessions = new Sessions(app);
    home = new World(app);
    account = home.root.account;
    alice = await home.user('alice', allows('*'));
    open = await home.role('open', trusts(account, undefined, ASSUMING), { policy: allows('*') });
  });
  afterAll(() => app.close());

  const fresh = (what: string): string => `${what}-${String((count += 1))}`;
  const session = (): Promise<Keys> => sessions.assumed(alice, open);
  const scope = (keys: Keys, input: GetScopedCredentialsCommandInput): Promise<GetScopedCredentialsCommandOutput> => app.sts(keys).send(new GetScopedCredentialsCommand(input));
  const scopedBy = async (keys: Keys, ...stack: Document[]): Promise<Keys> => {
    let scoped = keys;
    for (const policy of stack) scoped = await sessions.scoped(scoped, { Policy: text(policy) });
    return scoped;
  };
  const openArn = (): string => `arn:aws:sts::${account}:assumed-role/open/session`;

  it.each(['role session', 'session of a user'])('leaves a %s who it is', async (kind) => {
    const keys = kind === 'role session' ? await session() : await sessions.sessionToken(alice);
    const before = await app.sts(keys).send(new GetCallerIdentityCommand());
    const { $metadata: _, ...answer } = await scope(keys, { Policy: text(allows('*')), ScopedSessionDescription: 'step one' });
    expect(answer).toEqual({
      Credentials: { AccessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/), SecretAccessKey: expect.stringMatching(/^[A-Za-z0-9+/]{40}$/), SessionToken: expect.any(String), Expiration: expect.any(Date) },
      SessionInfo: { ScopedSessionId: expect.stringMatching(/^[0-9a-f-]{36}$/), Arn: before.Arn },
      ScopedPoliciesCount: 1,
      SessionTokenSize: answer.Credentials!.SessionToken!.length,
      SessionTokenUtilization: expect.any(Number),
    });
    expect(answer.Credentials!.AccessKeyId).not.toBe(keys.accessKeyId);
    const after = await app.sts(keysOf(answer.Credentials)).send(new GetCallerIdentityCommand());
    expect([after.Arn, after.UserId, after.Account]).toEqual([before.Arn, before.UserId, account]);
    const seen = await call(app, 'rest', { operation: 'GetSession', keys: home.root, input: { SessionId: answer.SessionInfo!.ScopedSessionId! } });
    expect(seen.output).toMatchObject({ session: { operation: 'GetScopedCredentials', description: 'step one', principalArn: before.Arn } });
  });

  describe('leaves a role session what all policies allow', () => {
    const cases: [title: string, role: Document, passed: Document | undefined, stack: Document[], left: readonly string[]][] = [
      ['one that allows less', allows('*'), undefined, [allows(users)], [users]],
      ['one that allows more', allows(users), undefined, [allows('*')], [users]],
      ['one that allows something else', allows(users), undefined, [allows(roles)], []],
      ['one that only denies', allows('*'), undefined, [denies(users)], []],
      ['one that allows all but something', allows('*'), undefined, [together(allows('*'), denies(users))], [roles, policies]],
      ['one beside a session policy', allows('*'), allows([users, roles]), [allows([roles, policies])], [roles]],
      ['one that allows more than the session policy', allows('*'), allows(users), [allows('*')], [users]],
      ['two', allows('*'), undefined, [allows([users, roles]), allows([roles, policies])], [roles]],
      ['three', allows('*'), undefined, [allows('iam:*'), allows([users, roles]), allows([users, policies])], [users]],
      ['two that have nothing in common', allows('*'), undefined, [allows(users), allows(roles)], []],
      ['a wider one upon a narrow one', allows('*'), undefined, [allows(users), allows('*')], [users]],
      ['one whose condition does not hold', allows('*'), undefined, [allowsUnder({ IpAddress: { 'aws:SourceIp': '198.51.100.7' } })], []],
    ];
    it.each(cases)('%s', async (_, policy, passed, stack, left) => {
      const role = await home.role(fresh('role'), trusts(alice.arn), { policy });
      const keys = await sessions.assumed(alice, role, passed === undefined ? {} : { Policy: text(passed) });
      expect(await sessions.looksOf(await scopedBy(keys, ...stack))).toEqual(left);
    });

    it('and the session it was made with all that it had', async () => {
      const keys = await session();
      await scopedBy(keys, allows(users));
      expect(await sessions.looksOf(keys)).toEqual(LOOKS);
    });

    it('and whoever is refused hears of a session policy', async () => {
      const message = `User: ${openArn()} is not authorized to perform: iam:ListUsers on resource: arn:aws:iam::${account}:user/`;
      const rows = [[allows(roles), 'because no session policy allows the iam:ListUsers action'], [together(allows('*'), denies(users)), 'with an explicit deny in a session policy']] as const;
      for (const [policy, reason] of rows) {
        const keys = await scopedBy(await session(), policy, allows('*'));
        await sessions.refused(() => app.iam(keys).send(new ListUsersCommand()), { code: 'AccessDenied', message: `${message} ${reason}` });
      }
    });

    it('and nothing where everything is denied to what was issued before a time: it is no younger than the session it was made with', async () => {
      const role = await home.role(fresh('role'), trusts(alice.arn), { policy: together(allows('*'), { Statement: [{ Effect: 'Deny', Action: '*', Resource: '*', Condition: { DateLessThan: { 'aws:TokenIssueTime': new Date(app.clock.now().getTime() + 1000).toISOString() } } }] }) });
      const keys = await sessions.assumed(alice, role);
      app.clock.advance(60);
      expect(await sessions.looksOf(keys)).toEqual([]);
      expect(await sessions.looksOf(await scopedBy(keys, allows('*')))).toEqual([]);
    });

    it('with the tags it has, and those that are inherited from it', async () => {
      const policy = together(allows('sts:*'), allowsUnder({ StringEquals: { 'aws:PrincipalTag/team': 'x' } }, users), allowsUnder({ StringEquals: { 'aws:PrincipalTag/cost': '1' } }, roles));
      const role = await home.role(fresh('role'), trusts(account, undefined, ASSUMING), { policy });
      const tagged = await sessions.assumed(alice, role, { Tags: [{ Key: 'team', Value: 'x' }, { Key: 'cost', Value: '1' }], TransitiveTagKeys: ['team'] });
      const scoped = await scopedBy(tagged, allows('*'));
      expect(await sessions.looksOf(scoped)).toEqual([users, roles]);
      expect(await sessions.looksOf(await sessions.assumed(scoped, role))).toEqual([users]);
    });
  });

  describe('limits whom it may assume', () => {
    const none = ' because no session policy allows the sts:AssumeRole action';
    it.each(['the session', 'its role', 'its account', 'everybody whose ARN is that of its role'])('also where a trust policy names %s', async (named) => {
      const principal = named === 'the session' ? openArn() : named === 'its role' ? open.arn : named === 'its account' ? account : '*';
      const role = await home.role(fresh('role'), trusts(principal, principal === '*' ? { ArnEquals: { 'aws:PrincipalArn': open.arn } } : undefined));
      await expect(sessions.assume(await scopedBy(await session(), allows('sts:AssumeRole')), role)).resolves.toBeDefined();
      const keys = await scopedBy(await session(), allows('iam:*'));
      await sessions.refused(() => sessions.assume(keys, role), { code: 'AccessDenied', message: `User: ${openArn()} is not authorized to perform: sts:AssumeRole on resource: ${role.arn}${none}` });
    });

    it('as a session of a user, and not what that role may then do', async () => {
      const one = await home.role(fresh('one'), trusts(alice.arn), { policy: allows(roles) });
      const other = await home.role(fresh('other'), trusts(alice.arn), { policy: allows('*') });
      const keys = await scopedBy(await sessions.sessionToken(alice), allows('sts:AssumeRole', one.arn));
      expect(await sessions.looksOf(await sessions.assumed(keys, one))).toEqual([roles]);
      await sessions.refused(() => sessions.assume(keys, other), { code: 'AccessDenied', message: `User: ${alice.arn} is not authorized to perform: sts:AssumeRole on resource: ${other.arn}${none}` });
    });

    it('and as a session of a user does not open IAM', async () => {
      const keys = await scopedBy(await sessions.sessionToken(alice), allows('*'));
      await sessions.refused(() => app.iam(keys).send(new ListUsersCommand()), { code: 'InvalidClientTokenId', status: 403, message: 'The security token included in the request is invalid' });
    });
  });

  describe('lasts', () => {
    it('as long as the session it is made with, where nothing is said', async () => {
      const { Credentials } = await sessions.assume(alice, open, { DurationSeconds: 1800 });
      expect((await scope(keysOf(Credentials), { Policy: text(allows('*')) })).Credentials!.Expiration).toEqual(Credentials!.Expiration);
      app.clock.advance(100);
      expect((await scope(keysOf(Credentials), { Policy: text(allows('*')) })).Credentials!.Expiration).toEqual(Credentials!.Expiration);
    });

    it.each([1, 60, 899, 900, 1799])('%i seconds of the 1800 that are left', async (DurationSeconds) => {
      const keys = await sessions.assumed(alice, open, { DurationSeconds: 1800 });
      const now = Math.floor(app.clock.now().getTime() / 1000);
      const { Credentials, ScopedPoliciesCount } = await scope(keys, { DurationSeconds });
      expect([Credentials!.Expiration!.getTime() / 1000 - now, ScopedPoliciesCount]).toEqual([DurationSeconds, 0]);
    });

    it.each(['role session', 'session of a user'])('no longer than is left of a %s', async (kind) => {
      const keys = kind === 'role session' ? await sessions.assumed(alice, open, { DurationSeconds: 1800 }) : await sessions.sessionToken(alice, { DurationSeconds: 1800 });
      app.clock.advance(600);
      await expect(scope(keys, { DurationSeconds: 1200 })).resolves.toBeDefined();
      const message = 'The requested DurationSeconds exceeds the 1200 seconds that are left of the calling session.';
      await sessions.refused(() => scope(keys, { DurationSeconds: 1201 }), { code: 'InsufficientSessionLifetime', message });
      await sessions.refused(() => scope(keys, { DurationSeconds: 129_600, Policy: text(allows('*')) }), { code: 'InsufficientSessionLifetime', message });
    });

    it('no longer than a scoped session it is made with', async () => {
      const keys = await sessions.scoped(await session(), { DurationSeconds: 100 });
      await sessions.refused(() => scope(keys, { DurationSeconds: 101 }), { code: 'InsufficientSessionLifetime', message: 'The requested DurationSeconds exceeds the 100 seconds that are left of the calling session.' });
    });
  });

  describe('is refused', () => {
    it('for nothing', async () => {
      const keys = await session();
      for (const input of [{}, { ScopedSessionDescription: 'nothing' }, { MinimumSessionTokenSize: 2048 }]) {
        await sessions.refused(() => scope(keys, input), { code: 'ValidationError', message: 'At least one of Policy and DurationSeconds must be given.' });
      }
    });

    it('for a fourth policy, and not for a shorter time after three', async () => {
      const keys = await scopedBy(await session(), allows('*'), allows('iam:*'), allows(users));
      await sessions.refused(() => scope(keys, { Policy: text(allows('*')) }), { code: 'ValidationError', message: 'A session can be scoped down by at most 3 policies, one upon another.' });
      const shorter = await scope(keys, { DurationSeconds: 60 });
      expect(shorter.ScopedPoliciesCount).toBe(3);
      expect(await sessions.looksOf(keysOf(shorter.Credentials))).toEqual([users]);
    });

    it.each([
      ['is no JSON', 'nothing', 'Syntax errors in policy.'],
      ['names a principal', text({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }] }), 'Policy document should not specify a principal.'],
      ['is of no version', text({ Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }), 'Policy document must be version 2012-10-17 or greater.'],
    ])('for a policy that %s', async (_, Policy, message) => {
      const keys = await session();
      await sessions.refused(() => scope(keys, { Policy }), { code: 'MalformedPolicyDocument', message });
    });

    it('where the token would be too large for what limits the session', async () => {
      const noisy = (seed: string): string => text(allows('iam:GetUser', `arn:aws:iam::123456789012:user/${noise(1_900, seed)}`));
      let keys: Keys = await sessions.assumed(alice, open, { Policy: noisy('first') });
      keys = await sessions.scoped(keys, { Policy: noisy('second') });
      await sessions.refused(() => scope(keys, { Policy: noisy('third') }), { code: 'PackedPolicyTooLarge', message: 'Serialized token too large for session' });
    });
  });

  it('is recorded with what was asked and answered but the secret', async () => {
    const keys = await session();
    const Policy = text(allows(users));
    const record = await sessions.eventIn(account, () => scope(keys, { Policy, DurationSeconds: 60, ScopedSessionDescription: 'step one' }));
    expect(record).toMatchObject({ eventSource: 'sts.amazonaws.com', eventName: 'GetScopedCredentials', readOnly: false, userIdentity: { type: 'AssumedRole', accessKeyId: keys.accessKeyId } });
    expect(record['requestParameters']).toEqual({ policy: Policy, durationSeconds: 60, scopedSessionDescription: 'step one' });
    expect(record['responseElements']).toEqual({
      credentials: { accessKeyId: expect.stringMatching(/^ASIA/), sessionToken: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), expiration: expect.any(String) },
      sessionInfo: { scopedSessionId: expect.stringMatching(/^[0-9a-f-]{36}$/), arn: openArn() },
      scopedPoliciesCount: 1,
      sessionTokenSize: expect.any(Number),
      sessionTokenUtilization: expect.any(Number),
    });
  });
});
