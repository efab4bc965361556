import { DeleteRoleCommand } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetCallerIdentityCommand, type AssumeRoleCommandInput } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { call, effectOf, expectRefused, type Called, type Effect, type Input } from '../support/calls.js';
import { allows, allowsUnder, keysOf, trusts, World, type Document, type Role, type User } from '../support/world.js';

interface SessionRow {
  readonly session_id: string;
  readonly access_key_id: string;
  readonly account_id: string;
  readonly parent_session_id: string | null;
  readonly root_session_id: string;
}

describe('AssumeRole', () => {
  let app: TestApp;
  let home: World;
  let abroad: World;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    home = new World(app);
    abroad = await home.account('abroad');
  });
  afterAll(() => app.close());

  const fresh = (what: string): string => `${what}-${String((count += 1))}`;
  const assume = (keys: Keys, role: { arn: string }, more: Input = {}): Promise<Effect<Called>> =>
    effectOf(app, () => call(app, 'query', { operation: 'AssumeRole', keys, input: { RoleArn: role.arn, RoleSessionName: 'session', ...more } }));
  const assumed = async (keys: Keys, more: AssumeRoleCommandInput): Promise<Keys & { expiration: Date | undefined }> => {
    const { Credentials } = await app.sts(keys).send(new AssumeRoleCommand(more));
    return { ...keysOf(Credentials), expiration: Credentials?.Expiration };
  };
  const bare = (caller: string, role: { arn: string }): string => `User: ${caller} is not authorized to perform: sts:AssumeRole on resource: ${role.arn}`;
  const identityRefusal = ' because no identity-based policy allows the sts:AssumeRole action';
  const arnOf = async (keys: Keys): Promise<string> => (await app.sts(keys).send(new GetCallerIdentityCommand())).Arn!;

  /** A role session of the account, whose role may have permissions. */
  async function sessionIn(world: World, policy?: Document): Promise<{ keys: Keys; role: Role; arn: string }> {
    const starter = await world.user(fresh('starter'));
    const role = await world.role(fresh('worker'), trusts(starter.arn), policy === undefined ? {} : { policy });
    const keys = await world.session(starter, role, 'work');
    return { keys, role, arn: `arn:aws:sts::${world.root.account}:assumed-role/${role.name}/work` };
  }

  describe('by a user', () => {
    type Case = readonly [trust: string, permission: boolean, from: 'home' | 'abroad', answer: 'allowed' | 'bare' | 'identity'];
    const cases: Case[] = [
      ['the user', false, 'home', 'allowed'],
      ['the user’s unique id', false, 'home', 'allowed'],
      ['*', false, 'home', 'allowed'],
      ['the account id', false, 'home', 'identity'],
      ['the account id', true, 'home', 'allowed'],
      ['the account’s root', false, 'home', 'identity'],
      ['the account’s root', true, 'home', 'allowed'],
      ['another user', true, 'home', 'bare'],
      ['a service', true, 'home', 'bare'],
      ['the user', false, 'abroad', 'bare'],
      ['the user', true, 'abroad', 'allowed'],
      ['*', false, 'abroad', 'bare'],
      ['*', true, 'abroad', 'allowed'],
      ['the account id', false, 'abroad', 'bare'],
      ['the account id', true, 'abroad', 'allowed'],
      ['another user', true, 'abroad', 'bare'],
      ['the account of the role', true, 'abroad', 'bare'],
    ];

    it.each(cases)('that trusts %s, with a permission: %s, from %s: %s', async (trust, permission, from, answer) => {
      const world = from === 'home' ? home : abroad;
      const caller = await world.user(fresh('caller'), permission ? allows('sts:AssumeRole', 'arn:aws:iam::*:role/*') : undefined);
      const other = await world.user(fresh('other'));
      const principals: Readonly<Record<string, string | Document>> = {
        'the user': caller.arn,
        'the user’s unique id': caller.id,
        '*': '*',
        'the account id': world.root.account,
        'the account’s root': `arn:aws:iam::${world.root.account}:root`,
        'another user': other.arn,
        'a service': { Service: 'ec2.amazonaws.com' },
        'the account of the role': home.root.account,
      };
      const role = await home.role(fresh('role'), trusts(principals[trust]!), { path: '/a/path/' });
      const effect = await assume(caller, role);
      if (answer === 'allowed') {
        expect(effect.result.code).toBeUndefined();
        expect(effect.added).toHaveLength(1);
        return;
      }
      const message = bare(caller.arn, role) + (answer === 'identity' ? identityRefusal : '');
      expectRefused(effect, { code: 'AccessDenied', status: 403, message }, 'AssumeRole');
    });
  });

  describe('by a role session', () => {
    type Case = readonly [trust: string, permission: boolean, from: 'home' | 'abroad', answer: 'allowed' | 'bare' | 'identity'];
    const cases: Case[] = [
      ['the session', false, 'home', 'allowed'],
      ['its role', false, 'home', 'allowed'],
      ['its role’s unique id', false, 'home', 'allowed'],
      ['*', false, 'home', 'allowed'],
      ['the account', false, 'home', 'identity'],
      ['the account', true, 'home', 'allowed'],
      ['another session of its role', true, 'home', 'bare'],
      ['the session', false, 'abroad', 'bare'],
      ['the session', true, 'abroad', 'allowed'],
      ['its role', false, 'abroad', 'bare'],
      ['its role', true, 'abroad', 'allowed'],
      ['the account', true, 'abroad', 'allowed'],
    ];

    it.each(cases)('that trusts %s, with a permission: %s, from %s: %s', async (trust, permission, from, answer) => {
      const world = from === 'home' ? home : abroad;
      const caller = await sessionIn(world, permission ? allows('sts:AssumeRole') : undefined);
      const principals: Readonly<Record<string, string>> = {
        'the session': caller.arn,
        'its role': caller.role.arn,
        'its role’s unique id': caller.role.id,
        '*': '*',
        'the account': world.root.account,
        'another session of its role': caller.arn.replace(/work$/, 'play'),
      };
      const role = await home.role(fresh('role'), trusts(principals[trust]!));
      const effect = await assume(caller.keys, role);
      if (answer === 'allowed') {
        expect(effect.result.code).toBeUndefined();
        return;
      }
      const message = bare(caller.arn, role) + (answer === 'identity' ? identityRefusal : '');
      expectRefused(effect, { code: 'AccessDenied', status: 403, message }, 'AssumeRole');
    });

    it('of its own role is refused unless the trust policy names the role itself, whatever its permissions', async () => {
      const closed = await sessionIn(home, allows('sts:*'));
      expectRefused(await assume(closed.keys, closed.role), { code: 'AccessDenied', status: 403, message: bare(closed.arn, closed.role) }, 'AssumeRole');
      const open = await sessionIn(home);
      const trust = JSON.stringify(trusts(open.role.arn));
      await call(app, 'query', { operation: 'UpdateAssumeRolePolicy', keys: home.root, input: { RoleName: open.role.name, PolicyDocument: trust } });
      expect((await assume(open.keys, open.role)).result.code).toBeUndefined();
    });
  });

  describe('is refused', () => {
    let caller: User;
    let role: Role;

    beforeAll(async () => {
      caller = await home.user('refused', allows('sts:AssumeRole'));
      role = await home.role('refusing', trusts(caller.arn), { path: '/path/', maxSessionDuration: 7200 });
    });

    it('to root, even of the role’s own account', async () => {
      const open = await home.role(fresh('open'), trusts('*'));
      expectRefused(await assume(home.root, open), { code: 'AccessDenied', status: 403, message: 'Roles may not be assumed by root accounts.' }, 'AssumeRole');
      expectRefused(await assume(abroad.root, open), { code: 'AccessDenied', status: 403, message: 'Roles may not be assumed by root accounts.' }, 'AssumeRole');
    });

    it('for a role that does not exist in the words of a role that does not trust the caller', async () => {
      const closed = await home.role(fresh('closed'), trusts({ Service: 'ec2.amazonaws.com' }));
      const refusals = [
        closed.arn,
        `arn:aws:iam::${home.root.account}:role/none`,
        `arn:aws:iam::${abroad.root.account}:role/none`,
        'arn:aws:iam::000000000000:role/none',
        role.arn.replace('/path/', '/'),
        role.arn.replace('/path/', '/other/'),
        role.arn.replace('refusing', 'REFUSING'),
      ];
      for (const arn of refusals) expectRefused(await assume(caller, { arn }), { code: 'AccessDenied', status: 403, message: bare(caller.arn, { arn }) }, 'AssumeRole');
    });

    it('where the caller’s own policies deny it, although the trust policy names him', async () => {
      const denied = await home.user(fresh('denied'), { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: 'sts:AssumeRole', Resource: '*' }] });
      const trusting = await home.role(fresh('trusting'), trusts(denied.arn));
      const message = `${bare(denied.arn, trusting)} with an explicit deny in an identity-based policy`;
      expectRefused(await assume(denied, trusting), { code: 'AccessDenied', status: 403, message }, 'AssumeRole');
    });

    it('where the trust policy denies it, although another statement allows it', async () => {
      const [allow] = trusts(caller.arn)['Statement'] as Document[];
      const denying = await home.role(fresh('denying'), { Version: '2012-10-17', Statement: [allow, { ...allow, Effect: 'Deny' }] });
      expectRefused(await assume(caller, denying), { code: 'AccessDenied', status: 403, message: bare(caller.arn, denying) }, 'AssumeRole');
    });

    const arns: [string, string][] = [
      ['nothing-valid-in-here', 'nothing-valid-in-here is invalid'],
      ['arn::b:::something/xyz', 'arn::b:::something/xyz is invalid'],
      ['arn:a::::something/xyz', 'arn:a::::something/xyz is invalid'],
      ['arn:a:::something/xyz1', 'arn:a:::something/xyz1 is invalid'],
      ['arn:a:a::aaaaaaaaaaaa:', 'arn:a:a::aaaaaaaaaaaa: is invalid'],
      ['arn:aws:iam::123456789012:oidc-provider/x', 'Request ARN is invalid'],
      ['arn:aws:iam::123456789012:user/alice', 'Request ARN is invalid'],
      ['arn:aws:acm:us-east-1:123456789012:certificate/x', 'Request ARN is invalid'],
      ['arn:aws:iam::12345:role/deploy', 'Request ARN is invalid'],
    ];
    it.each(arns)('for the RoleArn %s', async (arn, message) => {
      expectRefused(await assume(caller, { arn }), { code: 'ValidationError', status: 400, message }, 'AssumeRole');
    });

    it('for a context assertion, because no context provider is known, and not for an empty list of them', async () => {
      const ProvidedContexts = [{ ProviderArn: 'arn:aws:iam::aws:contextProvider/IdentityCenter', ContextAssertion: 'assertion' }];
      const message = 'The context assertion cannot be verified: no context provider is known.';
      const effect = await assume(caller, role, { ProvidedContexts });
      expectRefused(effect, { code: 'InvalidContextAssertion', status: 400, message }, 'AssumeRole');
      expect(effect.events[0]!.text).not.toContain('"assertion"');
      expect((await assume(caller, role, { ProvidedContexts: [] })).result.code).toBeUndefined();
    });

    it('for a bad session name before the ARN is looked at', async () => {
      const message = "1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*";
      expectRefused(await assume(caller, { arn: 'nothing-valid-in-here' }, { RoleSessionName: 'Session1:2' }), { code: 'ValidationError', status: 400, message }, 'AssumeRole');
    });

    const durations: [string, number, string][] = [
      ['less than 15 minutes', 899, "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"],
      ['more than 12 hours', 43_201, "1 validation error detected: Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200"],
      ['more than the role allows', 7201, 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.'],
    ];
    it.each(durations)('for %s', async (_, DurationSeconds, message) => {
      expectRefused(await assume(caller, role, { DurationSeconds }), { code: 'ValidationError', status: 400, message }, 'AssumeRole');
    });

    it('for more than an hour to a role session, whatever the role allows', async () => {
      const worker = await sessionIn(home);
      const long = await home.role(fresh('long'), trusts(worker.role.arn), { maxSessionDuration: 43_200 });
      const message = 'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.';
      expectRefused(await assume(worker.keys, long, { DurationSeconds: 3601 }), { code: 'ValidationError', status: 400, message }, 'AssumeRole');
      expect((await assume(worker.keys, long, { DurationSeconds: 3600 })).result.code).toBeUndefined();
    });
  });

  describe('lasts', () => {
    const lasting: [string, number, number | undefined, number][] = [
      ['an hour where nothing is said, even if the role allows more', 43_200, undefined, 3600],
      ['the 15 minutes that were asked for', 3600, 900, 900],
      ['the 12 hours that were asked for and are allowed', 43_200, 43_200, 43_200],
    ];
    it.each(lasting)('%s', async (_, maxSessionDuration, DurationSeconds, seconds) => {
      const caller = await home.user(fresh('caller'));
      const role = await home.role(fresh('role'), trusts(caller.arn), { maxSessionDuration });
      const session = await assumed(caller, { RoleArn: role.arn, RoleSessionName: 'session', DurationSeconds });
      expect(session.expiration).toEqual(new Date(Date.UTC(2026, 10, 25, 10, 0, seconds)));
      const [row] = await app.sql<{ issued_at: Date; expires_at: Date }>('SELECT * FROM session WHERE access_key_id = $1', [session.accessKeyId]);
      expect(row).toMatchObject({ issued_at: app.clock.now(), expires_at: session.expiration });
    });
  });

  describe('with an ExternalId', () => {
    const conditions: [string, Document, string | undefined, boolean][] = [
      ['that is the one agreed on', { StringEquals: { 'sts:ExternalId': 'ours' } }, 'ours', true],
      ['that is another one', { StringEquals: { 'sts:ExternalId': 'ours' } }, 'theirs', false],
      ['that is missing', { StringEquals: { 'sts:ExternalId': 'ours' } }, undefined, false],
      ['that must be missing and is', { Null: { 'sts:ExternalId': 'true' } }, undefined, true],
      ['that must be missing and is not', { Null: { 'sts:ExternalId': 'true' } }, 'ours', false],
      ['that nobody asked for', {}, 'any', true],
    ];
    it.each(conditions)('%s', async (_, condition, ExternalId, allowed) => {
      const caller = await abroad.user(fresh('partner'), allows('sts:AssumeRole'));
      const role = await home.role(fresh('vendor'), trusts(abroad.root.account, condition));
      const effect = await assume(caller, role, ExternalId === undefined ? {} : { ExternalId });
      if (allowed) expect(effect.result.code).toBeUndefined();
      else expectRefused(effect, { code: 'AccessDenied', status: 403, message: bare(caller.arn, role) }, 'AssumeRole');
    });

    it('that is no part of the session: later requests and the next role do not see it', async () => {
      const condition = { Null: { 'sts:ExternalId': 'false' } };
      const caller = await abroad.user(fresh('partner'), allows('sts:AssumeRole'));
      const role = await home.role(fresh('vendor'), trusts(abroad.root.account, condition), { policy: allowsUnder(condition) });
      const next = await home.role(fresh('next'), trusts(role.arn, condition));
      const keys = await assumed(caller, { RoleArn: role.arn, RoleSessionName: 'session', ExternalId: 'ours' });
      expect((await call(app, 'query', { operation: 'ListRoles', keys, input: {} })).code).toBe('AccessDenied');
      const session = `arn:aws:sts::${home.root.account}:assumed-role/${role.name}/session`;
      expectRefused(await assume(keys, next), { code: 'AccessDenied', status: 403, message: bare(session, next) }, 'AssumeRole');
      expect((await assume(keys, next, { ExternalId: 'ours' })).result.code).toBeUndefined();
    });

    it('and a RoleSessionName that the trust policy demands', async () => {
      const caller = await home.user(fresh('named'));
      const role = await home.role(fresh('naming'), trusts('*', { StringLike: { 'sts:RoleSessionName': '${aws:username}' } }));
      expect((await assume(caller, role, { RoleSessionName: caller.name })).result.code).toBeUndefined();
      expectRefused(await assume(caller, role), { code: 'AccessDenied', status: 403, message: bare(caller.arn, role) }, 'AssumeRole');
    });
  });

  it('gives a session the permissions of the role and none of the caller', async () => {
    const caller = await home.user(fresh('caller'), allows('iam:ListUsers'));
    const role = await home.role(fresh('lister'), trusts(caller.arn), { policy: allows('iam:ListRoles') });
    const keys = await home.session(caller, role);
    expect((await call(app, 'query', { operation: 'ListRoles', keys, input: {} })).code).toBeUndefined();
    expect((await call(app, 'query', { operation: 'ListUsers', keys, input: {} })).code).toBe('AccessDenied');
  });

  it('ends a session with its role, and a role of the same name does not revive it', async () => {
    const caller = await home.user(fresh('caller'));
    const role = await home.role('ending', trusts(caller.arn));
    const keys = await home.session(caller, role);
    await app.iam(home.root).send(new DeleteRoleCommand({ RoleName: 'ending' }));
    for (const state of ['deleted', 'made anew']) {
      await expect(app.sts(keys).send(new GetCallerIdentityCommand())).rejects.toMatchObject({ name: 'ExpiredToken', message: 'The security token included in the request is expired', $metadata: { httpStatusCode: 403 } });
      if (state === 'deleted') await home.role('ending', trusts(caller.arn));
    }
  });

  describe('chains', () => {
    it('keep their parent and their root', async () => {
      const caller = await home.user(fresh('first'));
      const one = await home.role(fresh('one'), trusts(caller.arn));
      const two = await home.role(fresh('two'), trusts(one.arn));
      const three = await home.role(fresh('three'), trusts(two.arn));
      const first = await home.session(caller, one);
      const second = await home.session(first, two);
      const third = await home.session(second, three);
      const rows = await app.sql<SessionRow>('SELECT * FROM session WHERE access_key_id = ANY($1)', [[first, second, third].map(({ accessKeyId }) => accessKeyId)]);
      const [a, b, c] = [first, second, third].map(({ accessKeyId }) => rows.find((row) => row.access_key_id === accessKeyId)!);
      expect(a).toMatchObject({ parent_session_id: null, root_session_id: a!.session_id });
      expect(b).toMatchObject({ parent_session_id: a!.session_id, root_session_id: a!.session_id });
      expect(c).toMatchObject({ parent_session_id: b!.session_id, root_session_id: a!.session_id });
    });

    it('show the last role, without its path', async () => {
      const worker = await sessionIn(home);
      const next = await home.role(fresh('next'), trusts(worker.role.arn), { path: '/some/path/' });
      expect(await arnOf(await home.session(worker.keys, next, 'me@home'))).toBe(`arn:aws:sts::${home.root.account}:assumed-role/${next.name}/me@home`);
    });
  });

  describe('is recorded', () => {
    it('once within the account, with what was asked and answered but the secret', async () => {
      const caller = await home.user(fresh('caller'));
      const role = await home.role(fresh('role'), trusts(caller.arn), { path: '/p/' });
      const { result, events, added } = await assume(caller, role, { DurationSeconds: 900, ExternalId: 'ours' });
      expect(events).toHaveLength(1);
      const [{ record, text } = { record: undefined, text: '' }] = events;
      const credentials = (result.output as { credentials: Record<string, string> }).credentials;
      expect(record).toEqual({
        eventVersion: '1.08',
        userIdentity: { type: 'IAMUser', principalId: caller.id, arn: caller.arn, accountId: home.root.account, accessKeyId: caller.accessKeyId, userName: caller.name },
        eventTime: '2026-11-25T10:00:00Z',
        eventSource: 'sts.amazonaws.com',
        eventName: 'AssumeRole',
        awsRegion: 'us-east-1',
        sourceIPAddress: '127.0.0.1',
        userAgent: expect.any(String),
        requestParameters: { roleArn: role.arn, roleSessionName: 'session', durationSeconds: 900, externalId: 'ours' },
        responseElements: {
          credentials: { accessKeyId: credentials['accessKeyId'], sessionToken: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), expiration: 'Nov 25, 2026, 10:15:00 AM' },
          assumedRoleUser: { assumedRoleId: `${role.id}:session`, arn: `arn:aws:sts::${home.root.account}:assumed-role/${role.name}/session` },
          sessionTokenSize: credentials['sessionToken']!.length,
          sessionTokenUtilization: expect.any(Number),
        },
        requestID: expect.any(String),
        eventID: expect.any(String),
        readOnly: true,
        resources: [{ accountId: home.root.account, type: 'AWS::IAM::Role', ARN: role.arn }],
        eventType: 'AwsApiCall',
        managementEvent: true,
        recipientAccountId: home.root.account,
        eventCategory: 'Management',
      });
      for (const secret of [credentials['secretAccessKey']!, credentials['sessionToken']!]) expect([text, ...added, ...app.lines].join()).not.toContain(secret);
    });

    it('in both accounts where it crosses them, and the role’s account sees only who called', async () => {
      const caller = await abroad.user(fresh('caller'), allows('sts:AssumeRole'));
      const role = await home.role(fresh('role'), trusts(caller.arn));
      const { events } = await assume(caller, role);
      expect(events).toHaveLength(2);
      const theirs = events.find(({ account_id }) => account_id === abroad.root.account)!.record;
      const ours = events.find(({ account_id }) => account_id === home.root.account)!.record;
      expect(theirs.userIdentity).toMatchObject({ type: 'IAMUser', arn: caller.arn, accessKeyId: caller.accessKeyId });
      expect(ours.userIdentity).toEqual({ type: 'AWSAccount', principalId: caller.id, accountId: abroad.root.account });
      expect(ours['sharedEventID']).toMatch(/^[0-9a-f-]{36}$/);
      expect(theirs['sharedEventID']).toBe(ours['sharedEventID']);
      expect(theirs['eventID']).not.toBe(ours['eventID']);
      const differing = { userIdentity: null, eventID: null, recipientAccountId: null };
      expect({ ...theirs, ...differing }).toEqual({ ...ours, ...differing });
    });

    it('only in the caller’s account where it was refused, without parameters or resources', async () => {
      const caller = await abroad.user(fresh('caller'));
      const role = await home.role(fresh('role'), trusts(caller.arn));
      const { events } = await assume(caller, role);
      expect(events.map(({ account_id }) => account_id)).toEqual([abroad.root.account]);
      expect(events[0]!.record).toMatchObject({ requestParameters: null, responseElements: null, errorCode: 'AccessDenied', errorMessage: bare(caller.arn, role) });
      expect(events[0]!.record).not.toHaveProperty('resources');
      expect(events[0]!.record).not.toHaveProperty('sharedEventID');
    });

    it('with the session that called, where roles are chained', async () => {
      const worker = await sessionIn(home);
      const next = await home.role(fresh('next'), trusts(worker.role.arn));
      const { events } = await assume(worker.keys, next);
      expect(events[0]!.record.userIdentity).toEqual({
        type: 'AssumedRole',
        principalId: `${worker.role.id}:work`,
        arn: worker.arn,
        accountId: home.root.account,
        accessKeyId: worker.keys.accessKeyId,
        sessionContext: {
          sessionIssuer: { type: 'Role', principalId: worker.role.id, arn: worker.role.arn, accountId: home.root.account, userName: worker.role.name },
          webIdFederationData: {},
          attributes: { creationDate: '2026-11-25T10:00:00Z', mfaAuthenticated: 'false' },
        },
      });
    });
  });
});
