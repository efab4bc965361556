import { AssumeRootCommand, GetCallerIdentityCommand, GetScopedCredentialsCommand } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { LOOKS, Sessions, taskArn } from '../support/sessions.js';
import { allows, allowsUnder, ASSUMING, keysOf, together, trusts, World, type Document, type Role, type User } from '../support/world.js';

const [users, roles, policies] = LOOKS;

describe('a source identity', () => {
  let app: TestApp;
  let sessions: Sessions;
  let home: World;
  let abroad: World;
  let account: string;
  let alice: User;
  let open: Role;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    sessions = new Sessions(app);
    home = new World(app);
    abroad = await home.account('abroad');
    account = home.root.account;
    alice = await home.user('alice', allows('*'));
    open = await home.role('open', trusts(account, undefined, ASSUMING), { policy: allows('*') });
  });
  afterAll(() => app.close());

  const fresh = (what: string): string => `${what}-${String((count += 1))}`;
  const sessionArn = (role: Role, at = account): string => `arn:aws:sts::${at}:assumed-role/${role.name}/session`;
  const refusal = (caller: string, action: string, role: { arn: string }): string => `User: ${caller} is not authorized to perform: ${action} on resource: ${role.arn}`;
  const changed = (caller: string, role: { arn: string }): { code: string; message: string } => ({
    code: 'AccessDenied',
    message: `${refusal(caller, 'sts:SetSourceIdentity', role)} because the source identity of the calling session cannot be changed`,
  });
  /** What the events of a session say about its source identity. */
  const recordedOf = async (keys: Keys, at = account): Promise<unknown> => {
    const { userIdentity } = await sessions.eventIn(at, () => app.sts(keys).send(new GetCallerIdentityCommand()));
    return (userIdentity['sessionContext'] as { sourceIdentity?: string }).sourceIdentity;
  };

  it('is answered, and is in every later event', async () => {
    const answer = await sessions.assume(alice, open, { SourceIdentity: 'alice@corp.example' });
    expect(answer.SourceIdentity).toBe('alice@corp.example');
    expect(await recordedOf(keysOf(answer.Credentials))).toBe('alice@corp.example');
  });

  it('is nowhere where none was set', async () => {
    const answer = await sessions.assume(alice, open);
    expect(answer.SourceIdentity).toBeUndefined();
    expect(await recordedOf(keysOf(answer.Credentials))).toBeUndefined();
  });

  it('is the condition key aws:SourceIdentity of every later request, and sts:SourceIdentity of none', async () => {
    const policy = together(
      allowsUnder({ StringEquals: { 'aws:SourceIdentity': 'alice' } }, users),
      allowsUnder({ Null: { 'aws:SourceIdentity': 'true' } }, roles),
      allowsUnder({ Null: { 'sts:SourceIdentity': 'false' } }, policies),
    );
    const role = await home.role(fresh('role'), trusts(account, undefined, ASSUMING), { policy });
    expect(await sessions.looksOf(await sessions.assumed(alice, role, { SourceIdentity: 'alice' }))).toEqual([users]);
    expect(await sessions.looksOf(await sessions.assumed(alice, role, { SourceIdentity: 'bob' }))).toEqual([]);
    expect(await sessions.looksOf(await sessions.assumed(alice, role))).toEqual([roles]);
  });

  describe('once it is set', () => {
    it('is carried through three hops, across accounts, without being passed again', async () => {
      const far = await abroad.role(fresh('far'), trusts(account, undefined, ASSUMING), { policy: allows('*') });
      let keys: Keys = await sessions.assumed(alice, open, { SourceIdentity: 'alice' });
      for (const next of [open, open, far]) {
        const answer = await sessions.assume(keys, next);
        expect(answer.SourceIdentity).toBe('alice');
        keys = keysOf(answer.Credentials);
      }
      expect(await recordedOf(keys, abroad.root.account)).toBe('alice');
    });

    it.each(['bob', 'Alice', 'alice1'])('cannot become %s, at no hop', async (SourceIdentity) => {
      let keys = await sessions.assumed(alice, open, { SourceIdentity: 'alice' });
      for (let hop = 0; hop < 3; hop += 1) {
        await sessions.refused(() => sessions.assume(keys, open, { SourceIdentity }), changed(sessionArn(open), open));
        keys = await sessions.assumed(keys, open);
      }
    });

    it('may be passed again as it is', async () => {
      const keys = await sessions.assumed(alice, open, { SourceIdentity: 'alice' });
      await expect(sessions.assume(keys, open, { SourceIdentity: 'alice' })).resolves.toMatchObject({ SourceIdentity: 'alice' });
    });

    it('may have been set at a later hop, by whatever began the chain', async () => {
      for (const first of [await sessions.assumed(alice, open), await sessions.sessionToken(alice)]) {
        const keys = await sessions.assumed(first, open, { SourceIdentity: 'alice' });
        await sessions.refused(() => sessions.assume(keys, open, { SourceIdentity: 'bob' }), changed(sessionArn(open), open));
        // The session that it was set with has none, and may set another.
        await expect(sessions.assume(first, open, { SourceIdentity: 'bob' })).resolves.toMatchObject({ SourceIdentity: 'bob' });
      }
    });

    it('is carried by GetScopedCredentials and AssumeRoot', async () => {
      const keys = await sessions.assumed(alice, open, { SourceIdentity: 'alice' });
      const scoped = await app.sts(keys).send(new GetScopedCredentialsCommand({ DurationSeconds: 60 }));
      expect([scoped.SourceIdentity, await recordedOf(keysOf(scoped.Credentials))]).toEqual(['alice', 'alice']);
      await sessions.refused(() => sessions.assume(keysOf(scoped.Credentials), open, { SourceIdentity: 'bob' }), changed(sessionArn(open), open));
      const borrowed = await app.sts(keys).send(new AssumeRootCommand({ TargetPrincipal: abroad.root.account, TaskPolicyArn: { arn: taskArn('IAMAuditRootUserCredentials') } }));
      expect([borrowed.SourceIdentity, await recordedOf(keysOf(borrowed.Credentials), abroad.root.account)]).toEqual(['alice', 'alice']);
    });
  });

  describe('needs sts:SetSourceIdentity', () => {
    const both = ['sts:AssumeRole', 'sts:SetSourceIdentity'];
    const reason = ' because no identity-based policy allows the sts:SetSourceIdentity action';
    type Case = [from: 'home' | 'abroad', trusted: 'him' | 'his account', trust: string[], own: string[], answer: string];
    const cases: Case[] = [
      ['home', 'him', both, [], 'ok'],
      ['home', 'him', ['sts:AssumeRole'], both, 'bare'],
      ['home', 'his account', both, both, 'ok'],
      ['home', 'his account', both, ['sts:AssumeRole'], reason],
      ['home', 'his account', ['sts:AssumeRole'], both, 'bare'],
      ['abroad', 'him', both, both, 'ok'],
      ['abroad', 'him', both, ['sts:AssumeRole'], 'bare'],
      ['abroad', 'him', ['sts:AssumeRole'], both, 'bare'],
      ['abroad', 'his account', both, ['sts:AssumeRole'], 'bare'],
    ];

    it.each(cases)('where it is passed: from %s, a trust policy that names %s with %j, and own policies with %j: %s', async (from, trusted, trust, own, answer) => {
      const world = from === 'home' ? home : abroad;
      const user = await world.user(fresh('user'), own.length === 0 ? undefined : allows(own));
      const role = await home.role(fresh('role'), trusts(trusted === 'him' ? user.arn : world.root.account, undefined, trust));
      const assume = (): Promise<unknown> => sessions.assume(user, role, { SourceIdentity: 'alice' });
      if (answer === 'ok') await expect(assume()).resolves.toBeDefined();
      else await sessions.refused(assume, { code: 'AccessDenied', message: refusal(user.arn, 'sts:SetSourceIdentity', role) + (answer === 'bare' ? '' : answer) });
    });

    it.each(cases)('where it is inherited: from %s, a trust policy that names %s with %j, and own policies with %j: %s', async (from, trusted, trust, own, answer) => {
      const world = from === 'home' ? home : abroad;
      const starter = await world.user(fresh('starter'));
      const worker = await world.role(fresh('worker'), trusts(starter.arn, undefined, ASSUMING), own.length === 0 ? {} : { policy: allows(own) });
      const keys = await sessions.assumed(starter, worker, { SourceIdentity: 'alice' });
      const role = await home.role(fresh('role'), trusts(trusted === 'him' ? worker.arn : world.root.account, undefined, trust));
      const message = refusal(sessionArn(worker, world.root.account), 'sts:SetSourceIdentity', role) + (answer === 'bare' ? '' : answer);
      if (answer === 'ok') await expect(sessions.assume(keys, role)).resolves.toBeDefined();
      else await sessions.refused(() => sessions.assume(keys, role), { code: 'AccessDenied', message });
    });

    it('not where there is none', async () => {
      await expect(sessions.assume(await sessions.assumed(alice, open), await home.role(fresh('plain'), trusts(account)))).resolves.toBeDefined();
    });
  });

  describe('can be asked for by a trust policy', () => {
    type Case = [title: string, condition: Document, passed: string | undefined, isAllowed: boolean];
    const cases: Case[] = [
      ['as a value', { StringEquals: { 'sts:SourceIdentity': 'alice' } }, 'alice', true],
      ['as another value', { StringEquals: { 'sts:SourceIdentity': 'alice' } }, 'bob', false],
      ['as a value where none is passed', { StringEquals: { 'sts:SourceIdentity': 'alice' } }, undefined, false],
      ['as the name of the user', { StringLike: { 'sts:SourceIdentity': '${aws:username}' } }, 'alice', true],
      ['as the name of the user, and it is another', { StringLike: { 'sts:SourceIdentity': '${aws:username}' } }, 'bob', false],
      ['to be missing', { Null: { 'sts:SourceIdentity': 'true' } }, undefined, true],
      ['to be missing, and it is not', { Null: { 'sts:SourceIdentity': 'true' } }, 'alice', false],
      ['as one of the calling session, which has none yet', { StringEquals: { 'aws:SourceIdentity': 'alice' } }, 'alice', false],
    ];
    it.each(cases)('%s', async (_, condition, SourceIdentity, isAllowed) => {
      const role = await home.role(fresh('role'), trusts(account, condition, ASSUMING));
      const assume = (): Promise<unknown> => sessions.assume(alice, role, { SourceIdentity });
      if (isAllowed) await expect(assume()).resolves.toBeDefined();
      else await sessions.refused(assume, { code: 'AccessDenied', message: refusal(alice.arn, 'sts:AssumeRole', role) });
    });

    it('for setting it alone', async () => {
      const role = await home.role(fresh('role'), together(trusts(account), trusts(account, { StringEquals: { 'sts:SourceIdentity': 'alice' } }, 'sts:SetSourceIdentity')));
      for (const SourceIdentity of [undefined, 'alice']) await expect(sessions.assume(alice, role, { SourceIdentity })).resolves.toBeDefined();
      await sessions.refused(() => sessions.assume(alice, role, { SourceIdentity: 'bob' }), { code: 'AccessDenied', message: refusal(alice.arn, 'sts:SetSourceIdentity', role) });
    });

    it.each(['sts:SourceIdentity', 'aws:SourceIdentity'])('as one that is inherited, under the name %s', async (key) => {
      const role = await home.role(fresh('role'), trusts(account, { StringEquals: { [key]: 'alice' } }, ASSUMING));
      await expect(sessions.assume(await sessions.assumed(alice, open, { SourceIdentity: 'alice' }), role)).resolves.toBeDefined();
      const other = await sessions.assumed(alice, open, { SourceIdentity: 'bob' });
      await sessions.refused(() => sessions.assume(other, role), { code: 'AccessDenied', message: refusal(sessionArn(open), 'sts:AssumeRole', role) });
    });
  });

  describe('is recorded', () => {
    it('with the call that sets it and with the one that inherits it, as asked for and as answered', async () => {
      const keys = await sessions.assumed(alice, open, { SourceIdentity: 'alice' });
      const set = await sessions.eventIn(account, () => sessions.assume(alice, open, { SourceIdentity: 'alice' }));
      const inherited = await sessions.eventIn(account, () => sessions.assume(keys, open));
      for (const record of [set, inherited]) expect(record).toMatchObject({ requestParameters: { sourceIdentity: 'alice' }, responseElements: { sourceIdentity: 'alice' } });
      expect(set.userIdentity).not.toHaveProperty('sessionContext');
      expect(inherited.userIdentity).toMatchObject({ sessionContext: { sourceIdentity: 'alice' } });
    });

    it('in both accounts, of which the foreign one sees it only with the call', async () => {
      const far = await abroad.role(fresh('far'), trusts(account, undefined, ASSUMING));
      const keys = await sessions.assumed(alice, open, { SourceIdentity: 'alice' });
      const events = await app.recordedBy(() => sessions.assume(keys, far));
      expect(events).toHaveLength(2);
      for (const { record } of events) expect(record['requestParameters']).toMatchObject({ sourceIdentity: 'alice' });
      const theirs = events.find(({ account_id }) => account_id === abroad.root.account)!;
      expect(theirs.record.userIdentity).toEqual({ type: 'AWSAccount', principalId: `${open.id}:session`, accountId: account });
    });
  });
});
