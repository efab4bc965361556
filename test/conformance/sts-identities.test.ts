import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';

import { TestApp, type AuditEvent, type Keys } from '../support/app.js';
import { Sessions } from '../support/sessions.js';
import { allows, ASSUMING, denies, trusts, World, type Document, type Role, type User } from '../support/world.js';

/** What the clock of the tests says, as events write it. */
const creationDate = '2026-11-25T10:00:00Z';

describe('whoever calls', () => {
  let app: TestApp;
  let sessions: Sessions;
  let home: World;
  let account: string;
  let abroad: World;
  let alice: User;
  let role: Role;
  const keys = new Map<string, Keys>();

  beforeAll(async () => {
    app = await TestApp.boot();
    sessions = new Sessions(app);
    home = new World(app);
    account = home.root.account;
    abroad = await home.account('member');
    alice = await home.user('alice', allows('*'), '/team/');
    role = await home.role('worker', trusts(account, undefined, ASSUMING), { path: '/ci/', policy: allows('*') });
    const ofUser = await sessions.sessionToken(alice);
    const all: [string, Keys][] = [
      ['root', home.root],
      ['a user', alice],
      ['a session of a user', ofUser],
      ['a session of root', await sessions.sessionToken(home.root)],
      ['a role session', await sessions.assumed(alice, role, { RoleSessionName: 'me@home' })],
      ['a role session that was obtained with a session of a user', await sessions.assumed(ofUser, role, { RoleSessionName: 'me@home', SourceIdentity: 'alice' })],
      ['a scoped session', await sessions.scoped(await sessions.assumed(alice, role, { RoleSessionName: 'me@home' }), { Policy: JSON.stringify(allows(['iam:Get*', 'sts:AssumeRole'])) })],
      ['a scoped session of a user', await sessions.scoped(ofUser, { DurationSeconds: 60 })],
      ['a federated user', await sessions.federated(alice, { Name: 'bob.guest' })],
      ['a federated user of root', await sessions.federated(home.root, { Name: 'bob.guest' })],
      ['a borrowed root', await sessions.borrowed(alice, abroad.root.account)],
    ];
    for (const [kind, held] of all) keys.set(kind, held);
  });
  afterAll(() => app.close());

  interface Expected {
    readonly arn: () => string;
    readonly userId: () => string;
    readonly account?: () => string;
    /** Further members of userIdentity. */
    readonly more: (accessKeyId: string) => object;
  }

  const session = (sessionIssuer: object = {}, more: object = {}): object => ({
    sessionContext: { sessionIssuer, webIdFederationData: {}, attributes: { creationDate, mfaAuthenticated: 'false' }, ...more },
  });
  const ofRoot = { arn: () => `arn:aws:iam::${account}:root`, userId: () => account };
  const ofUser = { arn: () => `arn:aws:iam::${account}:user/team/alice`, userId: () => alice.id };
  const ofRole = { arn: () => `arn:aws:sts::${account}:assumed-role/worker/me@home`, userId: () => `${role.id}:me@home` };
  const ofGuest = { arn: () => `arn:aws:sts::${account}:federated-user/bob.guest`, userId: () => `${account}:bob.guest` };
  const worker = (): object => ({ type: 'Role', principalId: role.id, arn: role.arn, accountId: account, userName: 'worker' });
  const expected: Readonly<Record<string, Expected>> = {
    root: { ...ofRoot, more: () => ({ type: 'Root' }) },
    'a user': { ...ofUser, more: () => ({ type: 'IAMUser', userName: 'alice' }) },
    'a session of a user': { ...ofUser, more: () => ({ type: 'IAMUser', userName: 'alice', ...session() }) },
    'a session of root': { ...ofRoot, more: () => ({ type: 'Root', ...session() }) },
    'a role session': { ...ofRole, more: () => ({ type: 'AssumedRole', ...session(worker()) }) },
    'a role session that was obtained with a session of a user': { ...ofRole, more: () => ({ type: 'AssumedRole', ...session(worker(), { sourceIdentity: 'alice' }) }) },
    'a scoped session': { ...ofRole, more: () => ({ type: 'AssumedRole', ...session(worker()) }) },
    'a scoped session of a user': { ...ofUser, more: () => ({ type: 'IAMUser', userName: 'alice', ...session() }) },
    'a federated user': {
      ...ofGuest,
      more: () => ({ type: 'FederatedUser', ...session({ type: 'IAMUser', principalId: alice.id, arn: alice.arn, accountId: account, userName: 'alice' }) }),
    },
    'a federated user of root': { ...ofGuest, more: () => ({ type: 'FederatedUser', ...session({ type: 'Root', principalId: account, arn: `arn:aws:iam::${account}:root`, accountId: account }) }) },
    'a borrowed root': { arn: () => `arn:aws:iam::${abroad.root.account}:root`, userId: () => abroad.root.account, account: () => abroad.root.account, more: () => ({ type: 'Root', ...session({}, { assumedRoot: 'true' }) }) },
  };

  it.each(Object.entries(expected))('as %s is told so, and recorded so', async (kind, { arn, userId, account: of = () => account, more }) => {
    const held = keys.get(kind)!;
    const record = await sessions.eventIn(of(), async () => {
      expect(await app.sts(held).send(new GetCallerIdentityCommand())).toMatchObject({ Arn: arn(), UserId: userId(), Account: of() });
    });
    expect(record.userIdentity).toEqual({ principalId: userId(), arn: arn(), accountId: of(), accessKeyId: held.accessKeyId, ...more(held.accessKeyId) });
    expect(record).toMatchObject({ eventName: 'GetCallerIdentity', readOnly: true, requestParameters: null, responseElements: null });
  });

  it('is told who he is, whatever a policy denies', async () => {
    const denied = await home.user('denied', denies('*'));
    const silenced = await home.role('silenced', trusts(account, undefined, ASSUMING), { policy: denies('sts:GetCallerIdentity') });
    const held = [denied, await sessions.assumed(alice, silenced, { Policy: JSON.stringify(denies('*')) })];
    for (const each of held) await expect(app.sts(each).send(new GetCallerIdentityCommand())).resolves.toMatchObject({ Account: account });
  });

  const conditions: [kind: string, condition: () => Document, others: string[]][] = [
    [
      'a user',
      () => ({ StringEquals: { 'aws:PrincipalType': 'User', 'aws:userid': alice.id, 'aws:username': 'alice', 'aws:PrincipalAccount': account }, ArnEquals: { 'aws:PrincipalArn': alice.arn }, Null: { 'aws:TokenIssueTime': 'true' } }),
      ['a session of a user', 'a role session'],
    ],
    [
      'a session of a user',
      () => ({ StringEquals: { 'aws:PrincipalType': 'User', 'aws:userid': alice.id, 'aws:username': 'alice' }, ArnEquals: { 'aws:PrincipalArn': alice.arn }, Null: { 'aws:TokenIssueTime': 'false' } }),
      ['a user', 'a role session'],
    ],
    [
      'a role session',
      () => ({ StringEquals: { 'aws:PrincipalType': 'AssumedRole', 'aws:userid': `${role.id}:me@home` }, ArnEquals: { 'aws:PrincipalArn': role.arn }, Null: { 'aws:username': 'true', 'aws:SourceIdentity': 'true' } }),
      ['a user', 'a session of a user', 'a role session that was obtained with a session of a user'],
    ],
    [
      'a scoped session',
      () => ({ StringEquals: { 'aws:PrincipalType': 'AssumedRole', 'aws:userid': `${role.id}:me@home` }, ArnEquals: { 'aws:PrincipalArn': role.arn } }),
      ['a user', 'a scoped session of a user'],
    ],
  ];
  it.each(conditions)('as %s is so in the condition keys of his requests', async (kind, condition, others) => {
    const open = await home.role(`for-${kind.replaceAll(' ', '-')}`, trusts(account, condition(), ASSUMING));
    await expect(sessions.assume(keys.get(kind)!, open)).resolves.toBeDefined();
    for (const other of others) await expect(sessions.assume(keys.get(other)!, open)).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it('has as an access key id AKIA… for long and ASIA… for a time, of 20 characters', () => {
    const ids = [...keys].map(([kind, { accessKeyId }]) => [kind, accessKeyId.slice(0, 4), accessKeyId.length]);
    expect(ids).toEqual(Object.keys(expected).map((kind) => [kind, ['root', 'a user'].includes(kind) ? 'AKIA' : 'ASIA', 20]));
  });

  describe('across accounts is seen whole by his own and by account and unique id by the other', () => {
    const callers: [string, () => string][] = [
      ['a user', ofUser.userId],
      ['a session of a user', ofUser.userId],
      ['a role session', ofRole.userId],
      ['a role session that was obtained with a session of a user', ofRole.userId],
      ['a scoped session', ofRole.userId],
    ];
    it.each(callers)('as %s', async (kind, principalId) => {
      const held = keys.get(kind)!;
      const open = await abroad.role(`open-${kind.replaceAll(' ', '-')}`, trusts(account, undefined, ASSUMING));
      const events = await app.recordedBy(() => sessions.assume(held, open));
      const records = new Map<string, AuditEvent['record']>(events.map(({ account_id, record }) => [account_id, record]));
      expect([...records.keys()].sort()).toEqual([account, abroad.root.account].sort());
      expect(records.get(account)!.userIdentity).toMatchObject({ principalId: principalId(), arn: expect.any(String), accessKeyId: held.accessKeyId });
      expect(records.get(abroad.root.account)!.userIdentity).toEqual({ type: 'AWSAccount', principalId: principalId(), accountId: account });
      expect(new Set(events.map(({ record }) => record['sharedEventID']))).toEqual(new Set([expect.stringMatching(/^[0-9a-f-]{36}$/)]));
      expect(new Set(events.map(({ record }) => record['eventID'])).size).toBe(2);
    });
  });
});
