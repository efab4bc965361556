import { type AssumeRoleCommandInput, type Tag } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { LOOKS, Sessions } from '../support/sessions.js';
import { allows, allowsUnder, ASSUMING, together, trusts, World, type Document, type Role, type User } from '../support/world.js';

const [users, roles, policies] = LOOKS;
const duplicate = 'Duplicate tag keys found. Please note that Tag keys are case insensitive.';
const notIncluded = 'The specified transitive tag key must be included in the requested tags.';
const conflict = "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.";

/** Tags from texts like `team=x`. */
const tags = (...texts: string[]): Tag[] => texts.map((text) => ({ Key: text.split('=')[0]!, Value: text.split('=')[1]! }));

describe('session tags', () => {
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
  const sessionArn = (role: Role): string => `arn:aws:sts::${account}:assumed-role/${role.name}/session`;
  const refusal = (caller: string, action: string, role: { arn: string }): string => `User: ${caller} is not authorized to perform: ${action} on resource: ${role.arn}`;
  /** A session with tags, all of which are inherited from it. */
  const tagged = (...texts: string[]): Promise<Keys> => sessions.assumed(alice, open, { Tags: tags(...texts), TransitiveTagKeys: tags(...texts).map(({ Key }) => Key!) });

  describe('are refused', () => {
    const passed: [title: string, more: Partial<AssumeRoleCommandInput>, message: string][] = [
      ['twice under one key', { Tags: tags('team=x', 'team=y') }, duplicate],
      ['twice under one key in two cases', { Tags: tags('team=x', 'TEAM=x') }, duplicate],
      ['whose keys are reserved', { Tags: tags('aws:team=x') }, "Tag keys that begin with aws: are reserved, got 'aws:team'."],
      ['whose keys are reserved, in whatever case', { Tags: tags('AWS:team=x') }, "Tag keys that begin with aws: are reserved, got 'AWS:team'."],
      ['that are to be transitive and are not there', { Tags: tags('team=x'), TransitiveTagKeys: ['cost'] }, notIncluded],
      ['that are to be transitive where there are none', { TransitiveTagKeys: ['team'] }, notIncluded],
    ];
    it.each(passed)('%s', async (_, more, message) => {
      await sessions.refused(() => sessions.assume(alice, open, more), { code: 'InvalidParameterValue', message });
    });

    const inherited: [title: string, more: Partial<AssumeRoleCommandInput>][] = [
      ['that are inherited, to be transitive again', { Tags: tags('team=y'), TransitiveTagKeys: ['team'] }],
      ['that are inherited', { Tags: tags('team=y') }],
      ['that are inherited, with the value they have', { Tags: tags('team=x') }],
      ['that are inherited, in another case', { Tags: tags('Team=y'), TransitiveTagKeys: ['TEAM'] }],
      ['that are inherited, among others', { Tags: tags('cost=1', 'tEAM=y'), TransitiveTagKeys: ['cost'] }],
    ];
    it.each(inherited)('%s', async (_, more) => {
      const parent = await tagged('team=x');
      await sessions.refused(() => sessions.assume(parent, open, more), { code: 'InvalidParameterValue', message: conflict });
    });

    it('that are of the role, to be transitive', async () => {
      const role = await home.role(fresh('role'), trusts(account, undefined, ASSUMING), { tags: tags('team=x') });
      await sessions.refused(() => sessions.assume(alice, role, { TransitiveTagKeys: ['team'] }), { code: 'InvalidParameterValue', message: notIncluded });
    });
  });

  it('may be transitive by a key in another case', async () => {
    const parent = await sessions.assumed(alice, open, { Tags: tags('Team=x'), TransitiveTagKeys: ['TEAM'] });
    await sessions.refused(() => sessions.assume(parent, open, { Tags: tags('team=y') }), { code: 'InvalidParameterValue', message: conflict });
  });

  describe('are what aws:PrincipalTag says afterwards', () => {
    /** Looks at one thing for each of three values of a tag. */
    const byTag = (key: string, values: string[]): Document => together(...values.map((value, index) => allowsUnder({ StringEquals: { [`aws:PrincipalTag/${key}`]: value } }, LOOKS[index])));
    const cases: [title: string, inherited: string[], passed: string[], seen: string[]][] = [
      ['and those of the role, where none are passed', [], [], [users]],
      ['in place of those of the role', [], ['team=session'], [roles]],
      ['in place of those of the role in another case', [], ['TEAM=session'], [roles]],
      ['with inherited ones in place of those of the role', ['team=inherited'], [], [policies]],
      ['with inherited ones in place of those of the role in another case', ['Team=inherited'], [], [policies]],
      ['with inherited ones and others beside them', ['team=inherited'], ['cost=1'], [policies]],
      ['and not those of other keys', ['cost=inherited'], ['teams=session'], [users]],
    ];
    it.each(cases)('%s', async (_, inherited, passed, seen) => {
      const role = await home.role(fresh('role'), trusts(account, undefined, ASSUMING), { tags: tags('team=role'), policy: byTag('team', ['role', 'session', 'inherited']) });
      const caller = inherited.length === 0 ? alice : await tagged(...inherited);
      expect(await sessions.looksOf(await sessions.assumed(caller, role, { Tags: tags(...passed) }))).toEqual(seen);
    });

    it('whatever the case of the key in the policy', async () => {
      const role = await home.role(fresh('role'), trusts(account, undefined, ASSUMING), { policy: byTag('TEAM', ['role', 'session']) });
      expect(await sessions.looksOf(await sessions.assumed(alice, role, { Tags: tags('team=session') }))).toEqual([roles]);
    });

    it('and neither aws:RequestTag nor aws:TagKeys', async () => {
      const policy = together(allowsUnder({ Null: { 'aws:RequestTag/team': 'false' } }, users), allowsUnder({ Null: { 'aws:TagKeys': 'false' } }, roles), allowsUnder({ Null: { 'sts:TransitiveTagKeys': 'false' } }, policies));
      const role = await home.role(fresh('role'), trusts(account, undefined, ASSUMING), { policy });
      expect(await sessions.looksOf(await sessions.assumed(alice, role, { Tags: tags('team=x'), TransitiveTagKeys: ['team'] }))).toEqual([]);
    });
  });

  describe('flow through a chain', () => {
    /** A role whose sessions show which of three keys they have tags of. */
    const showing = (own: string[] = []): Promise<Role> =>
      home.role(fresh('role'), trusts(account, undefined, ASSUMING), {
        tags: tags(...own),
        policy: together(allows(ASSUMING), ...['team', 'cost', 'own'].map((key, index) => allowsUnder({ Null: { [`aws:PrincipalTag/${key}`]: 'false' } }, LOOKS[index]))),
      });

    it('of three hops where they are transitive, and end with their session where they are not', async () => {
      const first = await sessions.assumed(alice, await showing(), { Tags: tags('team=x', 'cost=1'), TransitiveTagKeys: ['team'] });
      expect(await sessions.looksOf(first)).toEqual([users, roles]);
      const second = await sessions.assumed(first, await showing());
      expect(await sessions.looksOf(second)).toEqual([users]);
      const third = await sessions.assumed(second, await showing());
      expect(await sessions.looksOf(third)).toEqual([users]);
      await sessions.refused(() => sessions.assume(third, open, { Tags: tags('team=y') }), { code: 'InvalidParameterValue', message: conflict });
      expect(await sessions.looksOf(await sessions.assumed(third, await showing(), { Tags: tags('cost=2') }))).toEqual([users, roles]);
    });

    it('with those that later hops add', async () => {
      const first = await sessions.assumed(alice, await showing(), { Tags: tags('team=x'), TransitiveTagKeys: ['team'] });
      const second = await sessions.assumed(first, await showing(), { Tags: tags('cost=1'), TransitiveTagKeys: ['cost'] });
      expect(await sessions.looksOf(await sessions.assumed(second, await showing()))).toEqual([users, roles]);
    });

    it('without those of roles', async () => {
      const first = await sessions.assumed(alice, await showing(['own=1']));
      expect(await sessions.looksOf(first)).toEqual([policies]);
      expect(await sessions.looksOf(await sessions.assumed(first, await showing()))).toEqual([]);
    });

    it('without those of users', async () => {
      const user = await home.user(fresh('user'), allows('*'), '/', tags('team=x'));
      for (const keys of [user, await sessions.sessionToken(user)]) expect(await sessions.looksOf(await sessions.assumed(keys, await showing()))).toEqual([]);
    });
  });

  describe('that are inherited stand in for the tags of the next role, before its trust policy is asked', () => {
    const cases: [title: string, key: string, own: string[], inherited: string[], passed: string[], seen: string][] = [
      ['with what they say', 'aws:ResourceTag/team', ['team=own'], ['team=inherited'], [], 'inherited'],
      ['under the name that IAM has for them', 'iam:ResourceTag/team', ['team=own'], ['team=inherited'], [], 'inherited'],
      ['in whatever case', 'aws:ResourceTag/team', ['Team=own'], ['tEAM=inherited'], [], 'inherited'],
      ['and not where others are inherited', 'aws:ResourceTag/team', ['team=own'], ['cost=inherited'], [], 'own'],
      ['and not where they are only passed', 'aws:ResourceTag/team', ['team=own'], ['cost=inherited'], ['team=passed'], 'own'],
    ];
    it.each(cases)('%s', async (_, key, own, inherited, passed, seen) => {
      const caller = await tagged(...inherited);
      for (const value of ['own', 'inherited', 'passed']) {
        const role = await home.role(fresh('role'), trusts(account, { StringEquals: { [key]: value } }, ASSUMING), { tags: tags(...own) });
        const assume = (): Promise<unknown> => sessions.assume(caller, role, { Tags: tags(...passed) });
        if (value === seen) await expect(assume()).resolves.toBeDefined();
        else await sessions.refused(assume, { code: 'AccessDenied', message: refusal(sessionArn(open), 'sts:AssumeRole', role) });
      }
    });

    it('and give none to a role that has none', async () => {
      const role = await home.role(fresh('role'), trusts(account, { Null: { 'aws:ResourceTag/team': 'true' } }, ASSUMING));
      await expect(sessions.assume(await tagged('team=x'), role)).resolves.toBeDefined();
    });
  });

  describe('need sts:TagSession', () => {
    const both = ['sts:AssumeRole', 'sts:TagSession'];
    const reason = ' because no identity-based policy allows the sts:TagSession action';
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

    it.each(cases)('where they are passed: from %s, a trust policy that names %s with %j, and own policies with %j: %s', async (from, trusted, trust, own, answer) => {
      const world = from === 'home' ? home : abroad;
      const user = await world.user(fresh('user'), own.length === 0 ? undefined : allows(own));
      const role = await home.role(fresh('role'), trusts(trusted === 'him' ? user.arn : world.root.account, undefined, trust));
      const assume = (): Promise<unknown> => sessions.assume(user, role, { Tags: tags('team=x') });
      if (answer === 'ok') await expect(assume()).resolves.toBeDefined();
      else await sessions.refused(assume, { code: 'AccessDenied', message: refusal(user.arn, 'sts:TagSession', role) + (answer === 'bare' ? '' : answer) });
    });

    it.each(cases)('where they are inherited: from %s, a trust policy that names %s with %j, and own policies with %j: %s', async (from, trusted, trust, own, answer) => {
      const world = from === 'home' ? home : abroad;
      const starter = await world.user(fresh('starter'));
      const worker = await world.role(fresh('worker'), trusts(starter.arn, undefined, ASSUMING), own.length === 0 ? {} : { policy: allows(own) });
      const keys = await sessions.assumed(starter, worker, { Tags: tags('team=x'), TransitiveTagKeys: ['team'] });
      const role = await home.role(fresh('role'), trusts(trusted === 'him' ? worker.arn : world.root.account, undefined, trust));
      const caller = `arn:aws:sts::${world.root.account}:assumed-role/${worker.name}/session`;
      if (answer === 'ok') await expect(sessions.assume(keys, role)).resolves.toBeDefined();
      else await sessions.refused(() => sessions.assume(keys, role), { code: 'AccessDenied', message: refusal(caller, 'sts:TagSession', role) + (answer === 'bare' ? '' : answer) });
    });

    it('not where none are passed, nor where those of the calling session are not inherited', async () => {
      const plain = await home.role(fresh('plain'), trusts(account));
      await expect(sessions.assume(alice, plain)).resolves.toBeDefined();
      await expect(sessions.assume(await sessions.assumed(alice, open, { Tags: tags('team=x') }), plain)).resolves.toBeDefined();
    });

    it('of who asks GetFederationToken for some, on the federated user', async () => {
      const user = await home.user(fresh('user'), allows('sts:GetFederationToken'));
      const arn = `arn:aws:sts::${account}:federated-user/guest`;
      await expect(sessions.federated(user)).resolves.toBeDefined();
      await sessions.refused(() => sessions.federated(user, { Tags: tags('team=x') }), { code: 'AccessDenied', message: `${refusal(user.arn, 'sts:TagSession', { arn })}${reason}` });
    });
  });

  describe('can be asked for by a trust policy', () => {
    type Case = [title: string, condition: Document, passed: string[], transitive: string[], isAllowed: boolean];
    const anyKey = { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['team', 'cost'] } };
    const cases: Case[] = [
      ['a value', { StringEquals: { 'aws:RequestTag/team': 'x' } }, ['team=x'], [], true],
      ['a value under a key in another case', { StringEquals: { 'aws:RequestTag/TEAM': 'x' } }, ['team=x'], [], true],
      ['another value', { StringEquals: { 'aws:RequestTag/team': 'x' } }, ['team=y'], [], false],
      ['a value of what is not passed', { StringEquals: { 'aws:RequestTag/team': 'x' } }, ['cost=x'], [], false],
      ['a value where nothing is passed', { StringEquals: { 'aws:RequestTag/team': 'x' } }, [], [], false],
      ['no keys but some', anyKey, ['team=x', 'cost=1'], [], true],
      ['no keys but some, and others are passed', anyKey, ['team=x', 'own=1'], [], false],
      ['a key among them', { 'ForAnyValue:StringEquals': { 'aws:TagKeys': 'team' } }, ['team=x', 'own=1'], [], true],
      ['a key that is not among them', { 'ForAnyValue:StringEquals': { 'aws:TagKeys': 'team' } }, ['own=1'], [], false],
      ['a transitive key', { 'ForAnyValue:StringEquals': { 'sts:TransitiveTagKeys': 'team' } }, ['team=x'], ['team'], true],
      ['a transitive key, and it is not', { 'ForAnyValue:StringEquals': { 'sts:TransitiveTagKeys': 'team' } }, ['team=x'], [], false],
      ['no transitive keys but some', { 'ForAllValues:StringEquals': { 'sts:TransitiveTagKeys': ['team'] } }, ['team=x', 'cost=1'], ['team', 'cost'], false],
      ['no transitive keys', { Null: { 'sts:TransitiveTagKeys': 'true' } }, ['team=x'], [], true],
      ['no transitive keys, and there is one', { Null: { 'sts:TransitiveTagKeys': 'true' } }, ['team=x'], ['team'], false],
    ];
    it.each(cases)('%s', async (_, condition, passed, transitive, isAllowed) => {
      const role = await home.role(fresh('role'), trusts(account, condition, ASSUMING));
      const assume = (): Promise<unknown> => sessions.assume(alice, role, { Tags: tags(...passed), TransitiveTagKeys: transitive });
      if (isAllowed) await expect(assume()).resolves.toBeDefined();
      else await sessions.refused(assume, { code: 'AccessDenied', message: refusal(alice.arn, 'sts:AssumeRole', role) });
    });

    it('for tagging alone', async () => {
      const trust = together(trusts(account), trusts(account, { StringEquals: { 'aws:RequestTag/team': 'x' } }, 'sts:TagSession'));
      const role = await home.role(fresh('role'), trust);
      for (const passed of [[], ['team=x']]) await expect(sessions.assume(alice, role, { Tags: tags(...passed) })).resolves.toBeDefined();
      await sessions.refused(() => sessions.assume(alice, role, { Tags: tags('team=y') }), { code: 'AccessDenied', message: refusal(alice.arn, 'sts:TagSession', role) });
    });

    it('of inherited keys among the transitive ones', async () => {
      const trust = trusts(account, { 'ForAnyValue:StringEquals': { 'sts:TransitiveTagKeys': 'team' } }, ASSUMING);
      await expect(sessions.assume(await tagged('team=x'), await home.role(fresh('role'), trust))).resolves.toBeDefined();
    });

    it('of the caller, to be those of the role', async () => {
      const condition = { StringEquals: { 'aws:ResourceTag/team': '${aws:PrincipalTag/team}' } };
      const role = await home.role(fresh('role'), trusts(account, condition), { tags: tags('team=x') });
      const passing = await sessions.assumed(alice, open, { Tags: tags('team=x') });
      const failing = await sessions.assumed(alice, open, { Tags: tags('team=y') });
      await expect(sessions.assume(passing, role)).resolves.toBeDefined();
      for (const [keys, arn] of [[failing, sessionArn(open)], [alice, alice.arn]] as const) {
        await sessions.refused(() => sessions.assume(keys, role), { code: 'AccessDenied', message: refusal(arn, 'sts:AssumeRole', role) });
      }
    });
  });

  describe('are recorded', () => {
    it('as they were passed, and inherited ones apart from them', async () => {
      const first = { Tags: tags('Team=x', 'cost=1'), TransitiveTagKeys: ['Team'] };
      expect((await sessions.eventIn(account, () => sessions.assume(alice, open, first)))['requestParameters']).toEqual({
        roleArn: open.arn,
        roleSessionName: 'session',
        tags: [{ key: 'Team', value: 'x' }, { key: 'cost', value: '1' }],
        transitiveTagKeys: ['Team'],
      });
      const parent = await sessions.assumed(alice, open, first);
      const record = await sessions.eventIn(account, () => sessions.assume(parent, open, { Tags: tags('own=2') }));
      expect(record['requestParameters']).toEqual({ roleArn: open.arn, roleSessionName: 'session', tags: [{ key: 'own', value: '2' }], incomingTransitiveTags: { Team: 'x' } });
    });

    it('by GetFederationToken', async () => {
      const record = await sessions.eventIn(account, () => sessions.federated(alice, { Tags: tags('team=x') }));
      expect(record['requestParameters']).toEqual({ name: 'guest', tags: [{ key: 'team', value: 'x' }] });
    });
  });
});
