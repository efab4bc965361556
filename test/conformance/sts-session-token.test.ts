import { AddUserToGroupCommand, CreateGroupCommand, DeleteAccessKeyCommand, DeleteUserCommand, DeleteUserPolicyCommand, PutGroupPolicyCommand, PutUserPolicyCommand, UpdateUserCommand } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetCallerIdentityCommand, GetSessionTokenCommand, type GetSessionTokenCommandInput } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { Sessions } from '../support/sessions.js';
import { allows, denies, trusts, World, type Document, type Role, type User } from '../support/world.js';

const incomplete = 'MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.';
const unknownDevice = 'MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.';
const virtual = 'arn:aws:iam::123456789012:mfa/alice';
const mfaRefusals: readonly (readonly [given: string, input: { SerialNumber?: string; TokenCode?: string }, message: string])[] = [
  ['a device without a code', { SerialNumber: virtual }, incomplete],
  ['a code without a device', { TokenCode: '123456' }, incomplete],
  ['a device nobody has', { SerialNumber: virtual, TokenCode: '123456' }, unknownDevice],
  ['a hardware device nobody has', { SerialNumber: 'GAHT12345678', TokenCode: '123456' }, unknownDevice],
];

describe('GetSessionToken', () => {
  let app: TestApp;
  let sessions: Sessions;
  let home: World;
  let alice: User;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    sessions = new Sessions(app);
    home = new World(app);
    alice = await home.user('alice', allows('sts:AssumeRole'));
  });
  afterAll(() => app.close());

  const fresh = (what: string): string => `${what}-${String((count += 1))}`;
  const bare = (caller: { arn: string }, role: Role): string => `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${role.arn}`;

  describe('answers credentials and nothing else', () => {
    const durations: [who: string, asked: number | undefined, granted: number][] = [
      ['a user', undefined, 43_200],
      ['a user', 900, 900],
      ['a user', 129_600, 129_600],
      ['root', undefined, 3600],
      ['root', 900, 900],
      ['root', 3600, 3600],
      ['root', 3601, 3600],
      ['root', 129_600, 3600],
    ];
    it.each(durations)('that %s who asks for %s seconds has for %i', async (who, DurationSeconds, granted) => {
      const { $metadata: _, ...answer } = await app.sts(who === 'root' ? home.root : alice).send(new GetSessionTokenCommand({ DurationSeconds }));
      expect(answer).toEqual({
        Credentials: {
          AccessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
          SecretAccessKey: expect.stringMatching(/^[A-Za-z0-9+/]{40}$/),
          SessionToken: expect.stringMatching(/^[A-Za-z0-9+/]+={0,2}$/),
          Expiration: new Date(Date.UTC(2026, 10, 25, 10, 0, granted)),
        },
      });
    });

    it('that a user may have although every policy denies it', async () => {
      const denied = await home.user(fresh('denied'), denies('*'));
      await expect(sessions.sessionToken(denied)).resolves.toMatchObject({ accessKeyId: expect.stringMatching(/^ASIA/) });
    });
  });

  describe('makes a session that is the user', () => {
    it('where a trust policy names him', async () => {
      const user = await home.user(fresh('user'));
      const role = await home.role(fresh('role'), trusts(user.arn));
      await expect(sessions.assume(await sessions.sessionToken(user), role)).resolves.toMatchObject({ AssumedRoleUser: { AssumedRoleId: `${role.id}:session` } });
    });

    it('where a trust policy leaves it to his policies, as they are at the time', async () => {
      const user = await home.user(fresh('user'), allows('sts:AssumeRole'));
      const role = await home.role(fresh('role'), trusts(home.root.account));
      const session = await sessions.sessionToken(user);
      const assume = (): Promise<unknown> => sessions.assume(session, role);
      await expect(assume()).resolves.toBeDefined();
      await app.iam(home.root).send(new DeleteUserPolicyCommand({ UserName: user.name, PolicyName: 'own' }));
      await sessions.refused(assume, { code: 'AccessDenied', message: `${bare(user, role)} because no identity-based policy allows the sts:AssumeRole action` });
      await app.iam(home.root).send(new PutUserPolicyCommand({ UserName: user.name, PolicyName: 'own', PolicyDocument: JSON.stringify(allows('sts:AssumeRole', role.arn)) }));
      await expect(assume()).resolves.toBeDefined();
    });

    const conditions: [title: string, condition: Document, byKey: boolean, bySession: boolean][] = [
      ['his name', { StringLike: { 'aws:username': 'conditioned-*' } }, true, true],
      ['his unique id', { StringLike: { 'aws:userid': 'AIDA*' } }, true, true],
      ['his tags', { StringEquals: { 'aws:PrincipalTag/team': 'x' } }, true, true],
      ['a time of issue', { Null: { 'aws:TokenIssueTime': 'false' } }, false, true],
      ['a time of issue that has not come', { DateLessThan: { 'aws:TokenIssueTime': '2026-11-25T10:00:00Z' } }, false, false],
      ['MFA', { Bool: { 'aws:MultiFactorAuthPresent': 'true' } }, false, false],
      ['that there was no MFA', { Bool: { 'aws:MultiFactorAuthPresent': 'false' } }, false, true],
      ['MFA where it can be told', { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'true' } }, true, false],
      ['an age of MFA', { NumericLessThan: { 'aws:MultiFactorAuthAge': '3600' } }, false, false],
    ];
    it.each(conditions)('where a trust policy asks for %s', async (_, condition, byKey, bySession) => {
      const user = await home.user(fresh('conditioned'), allows('sts:AssumeRole'), '/', [{ Key: 'team', Value: 'x' }]);
      const role = await home.role(fresh('role'), trusts(home.root.account, condition));
      for (const [keys, isAllowed] of [[user, byKey], [await sessions.sessionToken(user), bySession]] as const) {
        const assume = (): Promise<unknown> => sessions.assume(keys, role);
        if (isAllowed) await expect(assume()).resolves.toBeDefined();
        else await sessions.refused(assume, { code: 'AccessDenied', message: bare(user, role) });
      }
    });

    it('by the name that he has now', async () => {
      const user = await home.user(fresh('user'), allows('sts:GetFederationToken'));
      const [session, guest] = [await sessions.sessionToken(user), await sessions.federated(user)];
      await app.iam(home.root).send(new UpdateUserCommand({ UserName: user.name, NewUserName: `new-${user.name}`, NewPath: '/new/' }));
      const arn = `arn:aws:iam::${home.root.account}:user/new/new-${user.name}`;
      const record = await sessions.eventIn(home.root.account, async () => {
        await expect(app.sts(session).send(new GetCallerIdentityCommand())).resolves.toMatchObject({ Arn: arn, UserId: user.id });
      });
      expect(record.userIdentity).toMatchObject({ type: 'IAMUser', principalId: user.id, arn, userName: `new-${user.name}` });
      const ofGuest = await sessions.eventIn(home.root.account, () => app.sts(guest).send(new GetCallerIdentityCommand()));
      expect(ofGuest.userIdentity).toMatchObject({ sessionContext: { sessionIssuer: { principalId: user.id, arn, userName: `new-${user.name}` } } });
    });

    it('in his groups', async () => {
      const user = await home.user(fresh('user'));
      const role = await home.role(fresh('role'), trusts(home.root.account));
      const session = await sessions.sessionToken(user);
      const iam = app.iam(home.root);
      const GroupName = fresh('group');
      await iam.send(new CreateGroupCommand({ GroupName }));
      await iam.send(new PutGroupPolicyCommand({ GroupName, PolicyName: 'own', PolicyDocument: JSON.stringify(allows('sts:AssumeRole')) }));
      await sessions.refused(() => sessions.assume(session, role), { code: 'AccessDenied', message: `${bare(user, role)} because no identity-based policy allows the sts:AssumeRole action` });
      await iam.send(new AddUserToGroupCommand({ GroupName, UserName: user.name }));
      await expect(sessions.assume(session, role)).resolves.toBeDefined();
    });

    it('and ends with him', async () => {
      const user = await home.user(fresh('user'));
      const session = await sessions.sessionToken(user);
      const iam = app.iam(home.root);
      await iam.send(new DeleteAccessKeyCommand({ UserName: user.name, AccessKeyId: user.accessKeyId }));
      await expect(app.sts(session).send(new GetCallerIdentityCommand())).resolves.toMatchObject({ UserId: user.id });
      await iam.send(new DeleteUserCommand({ UserName: user.name }));
      for (const state of ['deleted', 'made anew']) {
        const events = await app.recordedBy(() => expect(app.sts(session).send(new GetCallerIdentityCommand())).rejects.toMatchObject({ name: 'ExpiredToken', message: 'The security token included in the request is expired', $metadata: { httpStatusCode: 403 } }));
        expect(events.map(({ record }) => record)).toMatchObject([{ errorCode: 'ExpiredToken', userIdentity: { type: 'IAMUser', principalId: user.id }, additionalEventData: { sessionEnded: 'the user is gone' } }]);
        if (state === 'deleted') await home.user(user.name);
      }
    });
  });

  it('makes a session with which a role is assumed that may use IAM as the role may', async () => {
    const role = await home.role(fresh('role'), trusts(alice.arn), { policy: allows('iam:ListRoles') });
    const session = await sessions.sessionToken(alice);
    expect(await sessions.looksOf(await sessions.assumed(session, role))).toEqual(['iam:ListRoles']);
  });

  it('is recorded with what was asked and answered but the secret', async () => {
    const ask = (input: GetSessionTokenCommandInput) => (): Promise<unknown> => app.sts(alice).send(new GetSessionTokenCommand(input));
    const record = await sessions.eventIn(home.root.account, ask({ DurationSeconds: 900 }));
    expect(record).toMatchObject({ eventSource: 'sts.amazonaws.com', eventName: 'GetSessionToken', readOnly: false, requestParameters: { durationSeconds: 900 }, userIdentity: { type: 'IAMUser', arn: alice.arn } });
    expect(record['responseElements']).toEqual({ credentials: { accessKeyId: expect.stringMatching(/^ASIA/), sessionToken: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), expiration: 'Nov 25, 2026, 10:15:00 AM' } });
    expect((await sessions.eventIn(home.root.account, ask({})))['requestParameters']).toBeNull();
  });

  describe.each(['GetSessionToken', 'AssumeRole'])('with MFA, in %s', (operation) => {
    let role: Role;

    beforeAll(async () => {
      role = await home.role(fresh('role'), trusts(alice.arn));
    });

    const ask = (keys: Keys, input: { SerialNumber?: string; TokenCode?: string }): Promise<unknown> =>
      operation === 'AssumeRole' ? app.sts(keys).send(new AssumeRoleCommand({ RoleArn: role.arn, RoleSessionName: 'session', ...input })) : app.sts(keys).send(new GetSessionTokenCommand(input));

    it.each(mfaRefusals)('is refused for %s', async (_, input, message) => {
      await sessions.refused(() => ask(alice, input), { code: 'AccessDenied', message });
    });

    it.each(['12345', '1234567', '12345x', '      '])('is refused for the code "%s", which is neither said again nor recorded', async (TokenCode) => {
      const before = app.lines.length;
      const events = await app.recordedBy(async () => {
        const refusal = await ask(alice, { SerialNumber: virtual, TokenCode }).then(
          () => undefined,
          (error: unknown) => error as Error,
        );
        expect(refusal).toMatchObject({ name: 'ValidationError', message: expect.stringContaining("'tokenCode' failed to satisfy constraint"), $metadata: { httpStatusCode: 400 } });
        expect(refusal!.message).not.toContain(TokenCode);
      });
      expect(events.map(({ event_name, error_code, record }) => [event_name, error_code, record['requestParameters']])).toEqual([[operation, 'ValidationError', null]]);
      for (const text of [events[0]!.text, ...app.lines.slice(before)]) expect(text).not.toMatch(new RegExp(`["']${TokenCode}["']|tokenCode":`));
    });
  });
});
