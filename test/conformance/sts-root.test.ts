import { DeleteAccessKeyCommand, GetAccessKeyLastUsedCommand, GetUserCommand, ListAccessKeysCommand, ListUsersCommand, UpdateAccessKeyCommand, type IAMClient } from '@aws-sdk/client-iam';
import { AssumeRootCommand, GetCallerIdentityCommand, type AssumeRootCommandInput } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { Sessions, taskArn } from '../support/sessions.js';
import { allows, allowsUnder, ASSUMING, denies, keysOf, together, trusts, World, type Document, type Role, type User } from '../support/world.js';

const TASKS = ['IAMAuditRootUserCredentials', 'IAMCreateRootUserPassword', 'IAMDeleteRootUserCredentials', 'S3UnlockBucketPolicy', 'SQSUnlockQueuePolicy'];
const AUDIT = taskArn('IAMAuditRootUserCredentials');

describe('AssumeRoot', () => {
  let app: TestApp;
  let sessions: Sessions;
  let home: World;
  let member: World;
  let other: World;
  let alice: User;
  let worker: Role;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    sessions = new Sessions(app);
    home = new World(app);
    member = await home.account('member');
    other = await home.account('other');
    alice = await home.user('alice', allows('sts:*'));
    worker = await home.role('worker', trusts(alice.arn, undefined, ASSUMING), { policy: allows('sts:AssumeRoot') });
  });
  afterAll(() => app.close());

  const fresh = (what: string): string => `${what}-${String((count += 1))}`;
  const rootArn = (world: World): string => `arn:aws:iam::${world.root.account}:root`;
  const borrow = (keys: Keys, target: string, more: Partial<AssumeRootCommandInput> = {}): Promise<unknown> =>
    app.sts(keys).send(new AssumeRootCommand({ TargetPrincipal: target, TaskPolicyArn: { arn: AUDIT }, ...more }));
  const refusal = (caller: string, target: string): string => `User: ${caller} is not authorized to perform: sts:AssumeRoot on resource: arn:aws:iam::${target}:root`;

  describe('lends the root user of a member account', () => {
    it.each(['its id', 'the ARN of its root user'])('by %s', async (form) => {
      const target = form === 'its id' ? member.root.account : rootArn(member);
      const { Credentials } = await app.sts(alice).send(new AssumeRootCommand({ TargetPrincipal: target, TaskPolicyArn: { arn: AUDIT } }));
      expect(Credentials).toEqual({
        AccessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
        SecretAccessKey: expect.stringMatching(/^[A-Za-z0-9+/]{40}$/),
        SessionToken: expect.any(String),
        Expiration: new Date(Date.UTC(2026, 10, 25, 10, 15, 0)),
      });
      await expect(app.sts(keysOf(Credentials)).send(new GetCallerIdentityCommand())).resolves.toMatchObject({ Arn: rootArn(member), UserId: member.root.account, Account: member.root.account });
    });

    it.each(TASKS)('for %s', async (task) => {
      await expect(sessions.borrowed(alice, member.root.account, task)).resolves.toMatchObject({ accessKeyId: expect.stringMatching(/^ASIA/) });
    });

    it('to a role session', async () => {
      await expect(sessions.borrowed(await sessions.assumed(alice, worker), member.root.account)).resolves.toBeDefined();
    });

    const permissions: [title: string, policy: () => Document | undefined, task: string, answer: string][] = [
      ['whom nothing allows it', () => undefined, AUDIT, ' because no identity-based policy allows the sts:AssumeRoot action'],
      ['whom another action is allowed', () => allows('sts:AssumeRole'), AUDIT, ' because no identity-based policy allows the sts:AssumeRoot action'],
      ['whom it is allowed for this account', () => allows('sts:AssumeRoot', rootArn(member)), AUDIT, 'ok'],
      ['whom it is allowed for another account', () => allows('sts:AssumeRoot', rootArn(other)), AUDIT, ' because no identity-based policy allows the sts:AssumeRoot action'],
      ['whom it is denied', () => together(allows('*'), denies('sts:AssumeRoot', rootArn(member))), AUDIT, ' with an explicit deny in an identity-based policy'],
      ['whom it is allowed for this task', () => allowsUnder({ ArnEquals: { 'sts:TaskPolicyArn': AUDIT } }, 'sts:AssumeRoot'), AUDIT, 'ok'],
      ['whom it is allowed for another task', () => allowsUnder({ ArnEquals: { 'sts:TaskPolicyArn': AUDIT } }, 'sts:AssumeRoot'), taskArn('S3UnlockBucketPolicy'), ' because no identity-based policy allows the sts:AssumeRoot action'],
    ];
    it.each(permissions)('or not, to a user %s', async (_, policy, task, answer) => {
      const user = await home.user(fresh('user'), policy());
      const send = (): Promise<unknown> => borrow(user, member.root.account, { TaskPolicyArn: { arn: task } });
      if (answer === 'ok') await expect(send()).resolves.toBeDefined();
      else await sessions.refused(send, { code: 'AccessDenied', message: refusal(user.arn, member.root.account) + answer });
    });
  });

  describe('is refused', () => {
    it('to root, even of the management account', async () => {
      for (const world of [home, other, member]) {
        await sessions.refused(() => borrow(world.root, member.root.account), { code: 'AccessDenied', message: refusal(rootArn(world), member.root.account) });
      }
    });

    it('to principals of member accounts, for whatever account', async () => {
      const user = await member.user(fresh('user'), allows('*'));
      const role = await member.role(fresh('role'), trusts(user.arn), { policy: allows('*') });
      const held: [Keys, string][] = [[user, user.arn], [await sessions.assumed(user, role), `arn:aws:sts::${member.root.account}:assumed-role/${role.name}/session`]];
      for (const [keys, arn] of held) {
        for (const target of [member.root.account, other.root.account, home.root.account, '000000000001']) {
          await sessions.refused(() => borrow(keys, target), { code: 'AccessDenied', message: refusal(arn, target) });
        }
      }
    });

    it('of the management account itself', async () => {
      await sessions.refused(() => borrow(alice, home.root.account), { code: 'AccessDenied', message: refusal(alice.arn, home.root.account) });
    });

    it('of an account that does not exist', async () => {
      await sessions.refused(() => borrow(alice, '000000000001'), { code: 'AccessDenied', message: refusal(alice.arn, '000000000001') });
    });

    it('to who may not do it, in words that do not tell which accounts there are', async () => {
      const stranger = await home.user(fresh('stranger'));
      const said = async (target: string): Promise<string> => {
        const error = await borrow(stranger, target).then(() => undefined, (thrown: unknown) => thrown as Error);
        return (error?.message ?? 'nothing').replace(target, '<target>');
      };
      expect(await said(member.root.account)).toBe(await said('000000000001'));
    });

    it.each(['arn:aws:iam::123456789012:user/root', 'arn:aws:sts::123456789012:root', '12345678901x', 'arn:aws:iam::12345:root', 'arn:aws-cn:iam::123456789012:root', 'arn:aws:iam:us-east-1:123456789012:root'])('for the target %s', async (target) => {
      await sessions.refused(() => borrow(alice, target), { code: 'ValidationError', message: `${target} is invalid` });
    });

    it.each([taskArn('Nothing'), 'arn:aws:iam::aws:policy/AdministratorAccess', 'arn:aws:iam::aws:policy/IAMAuditRootUserCredentials'])('for the task %s', async (task) => {
      await sessions.refused(() => borrow(alice, member.root.account, { TaskPolicyArn: { arn: task } }), { code: 'ValidationError', message: `${task} is not the ARN of a root task policy.` });
    });

    it('for a task that is a policy of the account', async () => {
      const own = await home.policy(fresh('task'), allows('*'), { path: '/root-task/' });
      await sessions.refused(() => borrow(alice, member.root.account, { TaskPolicyArn: { arn: own } }), { code: 'ValidationError', message: `${own} is not the ARN of a root task policy.` });
    });
  });

  describe('gives what the task takes and no more', () => {
    let victim: User;

    beforeAll(async () => {
      victim = await member.user('victim');
    });

    const attempts: Readonly<Record<string, (iam: IAMClient) => Promise<unknown>>> = {
      'iam:ListAccessKeys': (iam) => iam.send(new ListAccessKeysCommand()),
      'iam:GetUser': (iam) => iam.send(new GetUserCommand()),
      'iam:UpdateAccessKey': (iam) => iam.send(new UpdateAccessKeyCommand({ AccessKeyId: member.root.accessKeyId, Status: 'Active' })),
      'iam:ListUsers': (iam) => iam.send(new ListUsersCommand()),
    };
    const allowed: Readonly<Record<string, string[]>> = {
      IAMAuditRootUserCredentials: ['iam:ListAccessKeys', 'iam:GetUser'],
      IAMCreateRootUserPassword: [],
      IAMDeleteRootUserCredentials: ['iam:ListAccessKeys', 'iam:GetUser', 'iam:UpdateAccessKey'],
      S3UnlockBucketPolicy: [],
      SQSUnlockQueuePolicy: [],
    };
    const cells = TASKS.flatMap((task) => Object.keys(attempts).map((action) => [task, action, allowed[task]!.includes(action)] as const));
    it.each(cells)('%s allows %s: %p', async (task, action, isAllowed) => {
      const iam = app.iam(await sessions.borrowed(alice, member.root.account, task));
      const send = (): Promise<unknown> => attempts[action]!(iam);
      if (isAllowed) await expect(send()).resolves.toMatchObject({ $metadata: { httpStatusCode: 200 } });
      else {
        const on = action === 'iam:ListUsers' ? `arn:aws:iam::${member.root.account}:user/` : rootArn(member);
        await sessions.refused(send, { code: 'AccessDenied', message: `User: ${rootArn(member)} is not authorized to perform: ${action} on resource: ${on} because no session policy allows the ${action} action` });
      }
    });

    it('IAMDeleteRootUserCredentials removes a key of the root user, which ends with it', async () => {
      const doomed = await home.account('doomed');
      const iam = app.iam(await sessions.borrowed(alice, doomed.root.account, 'IAMDeleteRootUserCredentials'));
      await iam.send(new DeleteAccessKeyCommand({ AccessKeyId: doomed.root.accessKeyId }));
      await expect(app.sts(doomed.root).send(new GetCallerIdentityCommand())).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
    });

    const ofUser: [action: string, send: (iam: IAMClient) => Promise<unknown>][] = [
      ['iam:ListAccessKeys', (iam) => iam.send(new ListAccessKeysCommand({ UserName: 'victim' }))],
      ['iam:GetUser', (iam) => iam.send(new GetUserCommand({ UserName: 'victim' }))],
      ['iam:GetAccessKeyLastUsed', (iam) => iam.send(new GetAccessKeyLastUsedCommand({ AccessKeyId: victim.accessKeyId }))],
      ['iam:UpdateAccessKey', (iam) => iam.send(new UpdateAccessKeyCommand({ UserName: 'victim', AccessKeyId: victim.accessKeyId, Status: 'Inactive' }))],
      ['iam:DeleteAccessKey', (iam) => iam.send(new DeleteAccessKeyCommand({ UserName: 'victim', AccessKeyId: victim.accessKeyId }))],
    ];
    const tasks = ['IAMAuditRootUserCredentials', 'IAMDeleteRootUserCredentials'].flatMap((task) => ofUser.map(([action, send]) => [task, action, send] as const));
    it.each(tasks)('%s reaches no credentials but those of the root user: not with %s', async (task, action, send) => {
      const iam = app.iam(await sessions.borrowed(alice, member.root.account, task));
      const message = `User: ${rootArn(member)} is not authorized to perform: ${action} on resource: ${victim.arn} because no session policy allows the ${action} action`;
      await sessions.refused(() => send(iam), { code: 'AccessDenied', message });
    });
  });

  describe('is recorded', () => {
    it('in both accounts, of which the member sees only who called', async () => {
      const events = await app.recordedBy(() => borrow(alice, member.root.account, { DurationSeconds: 60 }));
      expect(events).toHaveLength(2);
      const ours = events.find(({ account_id }) => account_id === home.root.account)!.record;
      const theirs = events.find(({ account_id }) => account_id === member.root.account)!.record;
      expect(ours).toMatchObject({ eventSource: 'sts.amazonaws.com', eventName: 'AssumeRoot', readOnly: false, userIdentity: { type: 'IAMUser', arn: alice.arn } });
      expect(ours['requestParameters']).toEqual({ targetPrincipal: member.root.account, taskPolicyArn: { arn: AUDIT }, durationSeconds: 60 });
      expect(ours['responseElements']).toEqual({ credentials: { accessKeyId: expect.stringMatching(/^ASIA/), sessionToken: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), expiration: 'Nov 25, 2026, 10:01:00 AM' } });
      expect(theirs.userIdentity).toEqual({ type: 'AWSAccount', principalId: alice.id, accountId: home.root.account });
      const differing = { userIdentity: null, eventID: null, recipientAccountId: null };
      expect({ ...theirs, ...differing }).toEqual({ ...ours, ...differing });
      expect([ours['sharedEventID'], theirs['eventID'] === ours['eventID']]).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), false]);
    });

    it('only in the caller’s account where it was refused', async () => {
      const stranger = await home.user(fresh('stranger'));
      const events = await app.recordedBy(() => borrow(stranger, member.root.account).catch(() => undefined));
      expect(events.map(({ account_id, outcome }) => [account_id, outcome])).toEqual([[home.root.account, 'refused']]);
    });

    it('and what is done with it, in the member account as its root user', async () => {
      const keys = await sessions.borrowed(alice, member.root.account);
      const record = await sessions.eventIn(member.root.account, () => app.iam(keys).send(new ListAccessKeysCommand()));
      expect(record.userIdentity).toEqual({
        type: 'Root',
        principalId: member.root.account,
        arn: rootArn(member),
        accountId: member.root.account,
        accessKeyId: keys.accessKeyId,
        sessionContext: { sessionIssuer: {}, webIdFederationData: {}, attributes: { creationDate: '2026-11-25T10:00:00Z', mfaAuthenticated: 'false' }, assumedRoot: 'true' },
      });
    });
  });
});
