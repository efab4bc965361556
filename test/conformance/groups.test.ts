import {
  AddUserToGroupCommand,
  AttachGroupPolicyCommand,
  CreateGroupCommand,
  DeleteGroupCommand,
  DeleteGroupPolicyCommand,
  DeleteUserCommand,
  DetachGroupPolicyCommand,
  GetGroupCommand,
  GetGroupPolicyCommand,
  GetPolicyCommand,
  ListAttachedGroupPoliciesCommand,
  ListEntitiesForPolicyCommand,
  ListGroupPoliciesCommand,
  ListGroupsCommand,
  ListGroupsForUserCommand,
  PutGroupPolicyCommand,
  RemoveUserFromGroupCommand,
  UpdateGroupCommand,
  type IAMClient,
} from '@aws-sdk/client-iam';

import { shippedPolicies } from '../../src/policies/shipped.js';
import { TestApp } from '../support/app.js';
import { expectSdkRefusal } from '../support/sdk.js';
import { explains, type Done } from '../support/serial.js';
import { allows, World } from '../support/world.js';

const CREATED = new Date('2026-11-25T10:00:00Z');
const shippedArns = shippedPolicies.map(({ path, name }) => `arn:aws:iam::aws:policy${path}${name}`);
const allow = { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' };

/** A document of exactly this size, white space not counted. */
function sized(size: number, blanks = 0): string {
  const fill = (length: number): string => JSON.stringify({ Version: '2012-10-17', Statement: [{ Sid: 'x'.repeat(length), ...allow }] });
  return ' '.repeat(blanks) + fill(size - fill(0).length);
}

describe('an unmodified IAM client, about groups', () => {
  let app: TestApp;
  let world: World;
  let iam: IAMClient;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = await new World(app).account('groups');
    iam = app.iam(world.root);
  });
  afterAll(() => app.close());

  const fresh = (): string => `name-${String((count += 1))}`;
  const refused = (send: () => Promise<unknown>, code: string, status: number, message: string): Promise<void> => expectSdkRefusal(app, send, { code, status, message });
  const noGroup = (send: () => Promise<unknown>, name = 'None'): Promise<void> => refused(send, 'NoSuchEntity', 404, `The group with name ${name} cannot be found.`);
  const group = async (Path?: string): Promise<string> => {
    const GroupName = fresh();
    await iam.send(new CreateGroupCommand({ GroupName, Path }));
    return GroupName;
  };
  const user = async (): Promise<string> => {
    const { name, accessKeyId } = await world.user(fresh());
    await app.sql('DELETE FROM access_key WHERE access_key_id = $1', [accessKeyId]);
    return name;
  };
  const add = (GroupName: string, UserName: string): Promise<unknown> => iam.send(new AddUserToGroupCommand({ GroupName, UserName }));
  const remove = (GroupName: string, UserName: string): Promise<unknown> => iam.send(new RemoveUserFromGroupCommand({ GroupName, UserName }));
  const membersOf = async (GroupName: string): Promise<unknown> => (await iam.send(new GetGroupCommand({ GroupName }))).Users?.map(({ UserName }) => UserName);
  const groupsOf = async (UserName: string): Promise<unknown> => (await iam.send(new ListGroupsForUserCommand({ UserName }))).Groups?.map(({ GroupName }) => GroupName);

  describe('groups', () => {
    it('are created, shown and listed in the shapes of AWS', async () => {
      const { Group } = await iam.send(new CreateGroupCommand({ GroupName: 'Devs', Path: '/team/' }));
      const shown = { Path: '/team/', GroupName: 'Devs', GroupId: expect.stringMatching(/^AGPA[A-Z2-7]{17}$/), Arn: `arn:aws:iam::${world.root.account}:group/team/Devs`, CreateDate: CREATED };
      expect(Group).toEqual(shown);
      const got = await iam.send(new GetGroupCommand({ GroupName: 'DEVS' }));
      expect([got.Group, got.Users, got.IsTruncated, got.Marker]).toEqual([shown, [], false, undefined]);
      const list = await iam.send(new ListGroupsCommand({ PathPrefix: '/team/' }));
      expect([list.Groups, list.IsTruncated, list.Marker]).toEqual([[shown], false, undefined]);
    });

    it('have names that are unique whatever their case and path', async () => {
      const GroupName = (await group()).toUpperCase();
      await refused(() => iam.send(new CreateGroupCommand({ GroupName, Path: '/other/' })), 'EntityAlreadyExists', 409, `Group with name ${GroupName} already exists.`);
    });

    it('have names of 128 characters, and users of them are found by them', async () => {
      const GroupName = 'x'.repeat(128);
      await iam.send(new CreateGroupCommand({ GroupName }));
      await iam.send(new DeleteGroupCommand({ GroupName: GroupName.toUpperCase() }));
      await noGroup(() => iam.send(new DeleteGroupCommand({ GroupName })), GroupName);
    });

    it('are listed by name, in pages and below a path', async () => {
      const listed = await new World(app).account('lists');
      const client = app.iam(listed.root);
      for (const [GroupName, Path] of [['b', '/'], ['A', '/x/'], ['C', '/x/y/']] as const) await client.send(new CreateGroupCommand({ GroupName, Path }));
      const names = async (input: { PathPrefix?: string; MaxItems?: number }): Promise<unknown[]> => {
        const found: unknown[] = [];
        for (let Marker: string | undefined, more = true; more; ) {
          const page = await client.send(new ListGroupsCommand({ ...input, ...(Marker !== undefined && { Marker }) }));
          found.push(...(page.Groups ?? []).map(({ GroupName }) => GroupName));
          [Marker, more] = [page.Marker, page.IsTruncated ?? false];
        }
        return found;
      };
      for (const MaxItems of [1, 2, 3, 100]) expect(await names({ MaxItems })).toEqual(['A', 'b', 'C']);
      expect(await names({ PathPrefix: '/x/' })).toEqual(['A', 'C']);
      expect(await names({ PathPrefix: '/x/y' })).toEqual(['C']);
    });

    it('are renamed and moved; users, policies and id stay', async () => {
      const [GroupName, UserName] = [await group('/a/'), await user()];
      await add(GroupName, UserName);
      await iam.send(new PutGroupPolicyCommand({ GroupName, PolicyName: 'own', PolicyDocument: sized(200) }));
      await iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn: shippedArns[0] }));
      const { Group: before } = await iam.send(new GetGroupCommand({ GroupName }));
      const NewGroupName = fresh();
      await iam.send(new UpdateGroupCommand({ GroupName, NewGroupName }));
      await iam.send(new UpdateGroupCommand({ GroupName: NewGroupName, NewPath: '/b/' }));
      await noGroup(() => iam.send(new GetGroupCommand({ GroupName })), GroupName);
      const { Group: after } = await iam.send(new GetGroupCommand({ GroupName: NewGroupName }));
      expect(after).toEqual({ ...before, GroupName: NewGroupName, Path: '/b/', Arn: `arn:aws:iam::${world.root.account}:group/b/${NewGroupName}` });
      expect([await membersOf(NewGroupName), await groupsOf(UserName)]).toEqual([[UserName], [NewGroupName]]);
      expect((await iam.send(new ListGroupPoliciesCommand({ GroupName: NewGroupName }))).PolicyNames).toEqual(['own']);
      expect((await iam.send(new ListAttachedGroupPoliciesCommand({ GroupName: NewGroupName }))).AttachedPolicies).toHaveLength(1);
      await iam.send(new CreateGroupCommand({ GroupName }));
      expect(await membersOf(GroupName)).toEqual([]);
    });

    it('may change the case of their name, stay as they are, and take no name of another', async () => {
      const [GroupName, other] = [await group(), await group()];
      await iam.send(new UpdateGroupCommand({ GroupName, NewGroupName: GroupName.toUpperCase() }));
      await iam.send(new UpdateGroupCommand({ GroupName }));
      expect((await iam.send(new GetGroupCommand({ GroupName }))).Group?.GroupName).toBe(GroupName.toUpperCase());
      await refused(() => iam.send(new UpdateGroupCommand({ GroupName, NewGroupName: other.toUpperCase() })), 'EntityAlreadyExists', 409, `Group with name ${other.toUpperCase()} already exists.`);
    });

    it('are deleted only when they have no users and no policies', async () => {
      const [GroupName, UserName] = [await group(), await user()];
      const remove_ = (): Promise<unknown> => iam.send(new DeleteGroupCommand({ GroupName }));
      await add(GroupName, UserName);
      await refused(remove_, 'DeleteConflict', 409, 'Cannot delete entity, must remove users from group first.');
      await remove(GroupName, UserName);
      await iam.send(new PutGroupPolicyCommand({ GroupName, PolicyName: 'own', PolicyDocument: sized(200) }));
      await refused(remove_, 'DeleteConflict', 409, 'Cannot delete entity, must delete policies first.');
      await iam.send(new DeleteGroupPolicyCommand({ GroupName, PolicyName: 'own' }));
      await iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn: shippedArns[0] }));
      await refused(remove_, 'DeleteConflict', 409, 'Cannot delete entity, must detach all policies first.');
      await iam.send(new DetachGroupPolicyCommand({ GroupName, PolicyArn: shippedArns[0] }));
      await remove_();
      await noGroup(remove_, GroupName);
    });

    it('are at most 300 in an account', async () => {
      const full = await new World(app).account('full');
      await app.sql(`INSERT INTO iam_group (group_id, account_id, group_name, name_key, path, created_at) SELECT 'AGPAFULL' || n, $1, 'g' || n, 'g' || n, '/', now() FROM generate_series(1, 299) n`, [full.root.account]);
      const create = (GroupName: string) => (): Promise<unknown> => app.iam(full.root).send(new CreateGroupCommand({ GroupName }));
      await create('last')();
      await refused(create('more'), 'LimitExceeded', 409, 'Cannot exceed quota for GroupsPerAccount: 300');
      await app.iam(full.root).send(new DeleteGroupCommand({ GroupName: 'last' }));
      const outcomes = await Promise.allSettled(['x', 'y', 'z'].map((name) => create(name)()));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it.each<[string, (GroupName: string) => Promise<unknown>]>([
      ['GetGroup', (GroupName) => iam.send(new GetGroupCommand({ GroupName }))],
      ['UpdateGroup', (GroupName) => iam.send(new UpdateGroupCommand({ GroupName, NewPath: '/x/' }))],
      ['DeleteGroup', (GroupName) => iam.send(new DeleteGroupCommand({ GroupName }))],
      ['PutGroupPolicy', (GroupName) => iam.send(new PutGroupPolicyCommand({ GroupName, PolicyName: 'own', PolicyDocument: sized(200) }))],
      ['GetGroupPolicy', (GroupName) => iam.send(new GetGroupPolicyCommand({ GroupName, PolicyName: 'own' }))],
      ['DeleteGroupPolicy', (GroupName) => iam.send(new DeleteGroupPolicyCommand({ GroupName, PolicyName: 'own' }))],
      ['ListGroupPolicies', (GroupName) => iam.send(new ListGroupPoliciesCommand({ GroupName }))],
      ['AttachGroupPolicy', (GroupName) => iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn: shippedArns[0] }))],
      ['DetachGroupPolicy', (GroupName) => iam.send(new DetachGroupPolicyCommand({ GroupName, PolicyArn: shippedArns[0] }))],
      ['ListAttachedGroupPolicies', (GroupName) => iam.send(new ListAttachedGroupPoliciesCommand({ GroupName }))],
    ])('that do not exist are not found by %s', async (_, send) => noGroup(() => send('None')));
  });

  describe('users in groups', () => {
    it('come in and go, twice without a word, whatever the case', async () => {
      const [GroupName, UserName] = [await group(), await user()];
      for (const _ of [1, 2]) await add(GroupName.toUpperCase(), UserName.toUpperCase());
      expect([await membersOf(GroupName), await groupsOf(UserName)]).toEqual([[UserName], [GroupName]]);
      for (const _ of [1, 2]) await remove(GroupName, UserName);
      expect([await membersOf(GroupName), await groupsOf(UserName)]).toEqual([[], []]);
    });

    it('are shown as lists show users, by name and in pages', async () => {
      const GroupName = await group();
      const names = [await user(), await user(), await user()].sort();
      for (const name of names) await add(GroupName, name);
      const first = await iam.send(new GetGroupCommand({ GroupName, MaxItems: 2 }));
      expect(first.Users?.[0]).toEqual({ Path: '/', UserName: names[0], UserId: expect.stringMatching(/^AIDA/), Arn: `arn:aws:iam::${world.root.account}:user/${names[0]!}`, CreateDate: CREATED });
      await remove(GroupName, names[0]!);
      const rest = await iam.send(new GetGroupCommand({ GroupName, Marker: first.Marker }));
      expect([first, rest].map(({ Users, IsTruncated }) => [Users?.map(({ UserName }) => UserName), IsTruncated])).toEqual([[names.slice(0, 2), true], [names.slice(2), false]]);
      await refused(() => iam.send(new GetGroupCommand({ GroupName, Marker: 'x' })), 'ValidationError', 400, 'Invalid Marker.');
    });

    it('are in ten groups at the most, which are listed in pages', async () => {
      const UserName = await user();
      const names: string[] = [];
      for (let index = 0; index < 10; index += 1) names.push(await group());
      for (const name of names) await add(name, UserName);
      const more = await group();
      await refused(() => add(more, UserName), 'LimitExceeded', 409, 'Cannot exceed quota for GroupsPerUser: 10');
      await add(names[3]!, UserName);
      const first = await iam.send(new ListGroupsForUserCommand({ UserName, MaxItems: 4 }));
      const rest = await iam.send(new ListGroupsForUserCommand({ UserName, Marker: first.Marker }));
      expect([...(first.Groups ?? []), ...(rest.Groups ?? [])].map(({ GroupName }) => GroupName)).toEqual([...names].sort());
      await remove(names[0]!, UserName);
      await add(more, UserName);
    });

    it('must exist, and are looked for before the group', async () => {
      const [GroupName, UserName] = [await group(), await user()];
      for (const send of [add, remove]) {
        for (const name of [GroupName, 'None']) await refused(() => send(name, 'Nobody'), 'NoSuchEntity', 404, 'The user with name Nobody cannot be found.');
        await noGroup(() => send('None', UserName));
      }
      await refused(() => iam.send(new ListGroupsForUserCommand({ UserName: 'Nobody' })), 'NoSuchEntity', 404, 'The user with name Nobody cannot be found.');
    });

    it('are not deleted', async () => {
      const [GroupName, UserName] = [await group(), await user()];
      await add(GroupName, UserName);
      await refused(() => iam.send(new DeleteUserCommand({ UserName })), 'DeleteConflict', 409, 'Cannot delete entity, must remove users from group first.');
      await remove(GroupName, UserName);
      await iam.send(new DeleteUserCommand({ UserName }));
    });
  });

  describe('policies of a group', () => {
    it('are read as they were written, listed by name, and replaced', async () => {
      const GroupName = await group();
      const document = ` {\t"Version":"2012-10-17",\r\n"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/!'()*~ +%25&=\u00e4\u00ff"}}\n`;
      for (const [PolicyName, PolicyDocument] of [['b', document], ['a', sized(200)], ['b', document]] as const) await iam.send(new PutGroupPolicyCommand({ GroupName: GroupName.toUpperCase(), PolicyName, PolicyDocument }));
      const got = await iam.send(new GetGroupPolicyCommand({ GroupName, PolicyName: 'b' }));
      expect([got.GroupName, got.PolicyName, decodeURIComponent(got.PolicyDocument ?? '')]).toEqual([GroupName, 'b', document]);
      const first = await iam.send(new ListGroupPoliciesCommand({ GroupName, MaxItems: 1 }));
      const rest = await iam.send(new ListGroupPoliciesCommand({ GroupName, Marker: first.Marker }));
      expect([first.PolicyNames, first.IsTruncated, rest.PolicyNames, rest.IsTruncated]).toEqual([['a'], true, ['b'], false]);
      await iam.send(new DeleteGroupPolicyCommand({ GroupName, PolicyName: 'a' }));
      for (const send of [() => iam.send(new DeleteGroupPolicyCommand({ GroupName, PolicyName: 'a' })), () => iam.send(new GetGroupPolicyCommand({ GroupName, PolicyName: 'a' }))]) {
        await refused(send, 'NoSuchEntity', 404, 'The group policy with name a cannot be found.');
      }
    });

    it('have 5120 characters together, white space not counted', async () => {
      const GroupName = await group();
      const put = (PolicyName: string, PolicyDocument: string): Promise<unknown> => iam.send(new PutGroupPolicyCommand({ GroupName, PolicyName, PolicyDocument }));
      await put('a', sized(5000, 3000));
      await put('b', sized(120));
      await refused(() => put('b', sized(121)), 'LimitExceeded', 409, `Maximum policy size of 5120 bytes exceeded for group ${GroupName}`);
      await refused(() => put('c', '{}'), 'MalformedPolicyDocument', 400, 'Syntax errors in policy.');
    });

    it('are attached, listed, counted and detached', async () => {
      const GroupName = await group();
      const PolicyArn = await world.policy(`m-${fresh()}`, allows('s3:*'), { path: '/x/' });
      for (const arn of [shippedArns[0]!, PolicyArn, PolicyArn]) await iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn: arn }));
      const names = async (input: object = {}): Promise<unknown> => (await iam.send(new ListAttachedGroupPoliciesCommand({ GroupName, ...input }))).AttachedPolicies?.map(({ PolicyArn: arn }) => arn);
      expect(new Set((await names()) as string[])).toEqual(new Set([PolicyArn, shippedArns[0]]));
      expect(await names({ PathPrefix: '/x' })).toEqual([PolicyArn]);
      expect((await iam.send(new GetPolicyCommand({ PolicyArn }))).Policy?.AttachmentCount).toBe(1);
      await iam.send(new DetachGroupPolicyCommand({ GroupName, PolicyArn }));
      await refused(() => iam.send(new DetachGroupPolicyCommand({ GroupName, PolicyArn })), 'NoSuchEntity', 404, `Policy ${PolicyArn} was not found.`);
      await refused(() => iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn: 'arn:aws:iam::aws:policy/None' })), 'NoSuchEntity', 404, 'Policy arn:aws:iam::aws:policy/None does not exist or is not attachable.');
      await refused(() => iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn: `arn:aws:iam::${world.root.account}:group/x` })), 'ValidationError', 400, `ARN arn:aws:iam::${world.root.account}:group/x is not valid.`);
    });

    it('are ten at the most', async () => {
      const GroupName = await group();
      for (const PolicyArn of shippedArns.slice(0, 10)) await iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn }));
      await refused(() => iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn: shippedArns[10] })), 'LimitExceeded', 409, 'Cannot exceed quota for PoliciesPerGroup: 10');
    });

    it('tell which groups have them', async () => {
      const PolicyArn = await world.policy(fresh(), allows('s3:*'));
      const [first, second] = [await group('/team/'), await group()];
      for (const GroupName of [first, second]) await iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn }));
      const entities = async (input: object = {}): Promise<unknown> => {
        const found = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn, ...input }));
        expect([found.PolicyUsers, found.PolicyRoles]).toEqual([[], []]);
        return found.PolicyGroups;
      };
      expect(await entities()).toEqual([first, second].sort().map((GroupName) => ({ GroupName, GroupId: expect.stringMatching(/^AGPA/) })));
      expect(await entities({ EntityFilter: 'Group', PathPrefix: '/team/' })).toEqual([expect.objectContaining({ GroupName: first })]);
      for (const input of [{ EntityFilter: 'User' }, { PolicyUsageFilter: 'PermissionsBoundary' }]) expect(await entities(input)).toEqual([]);
    });
  });

  it('fifty calls at the same time end as if one had come after the other', async () => {
    for (let round = 0; round < 4; round += 1) {
      const [groups, users] = [[await group(), await group()], [await user(), await user(), await user()]];
      const calls: (Omit<Done, 'outcome'> & { send: () => Promise<unknown> })[] = [];
      for (const name of groups) for (const member of users) for (let times = 0; times < 7; times += 1) {
        const kind = times % 2 === 0 ? 'add' : 'remove';
        calls.push({ kind, group: name, user: member, send: () => (kind === 'add' ? add : remove)(name, member) });
      }
      for (let index = 0; calls.length < 50; index += 1) {
        const isGroup = index % 2 === 0;
        const name = isGroup ? groups[1]! : users[index % users.length]!;
        if (isGroup) calls.push({ kind: 'deleteGroup', group: name, user: '', send: () => iam.send(new DeleteGroupCommand({ GroupName: name })) });
        else calls.push({ kind: 'deleteUser', group: '', user: name, send: () => iam.send(new DeleteUserCommand({ UserName: name })) });
      }
      // In an order that is no order, the same in each run.
      const mixed = calls.map((one, index) => ({ one, at: (index * 37 + round * 11) % 53 })).sort((a, b) => a.at - b.at).map(({ one }) => one);
      const done = await Promise.all(mixed.map(async ({ send, ...call }): Promise<Done> => ({ ...call, outcome: await send().then(() => 'ok', (error: unknown) => (error as { Code: string }).Code) })));
      const rows = await app.sql<{ pair: string }>(
        `SELECT g.group_name || '/' || u.user_name AS pair FROM group_member m JOIN iam_group g USING (group_id) JOIN iam_user u USING (user_id) WHERE g.group_name = ANY($1) ORDER BY 1`,
        [groups],
      );
      const present = await app.sql<{ name: string }>('SELECT group_name AS name FROM iam_group WHERE group_name = ANY($1) UNION ALL SELECT user_name FROM iam_user WHERE user_name = ANY($2)', [groups, users]);
      for (const { outcome } of done) expect(['ok', 'NoSuchEntity', 'DeleteConflict', 'ConcurrentModification']).toContain(outcome);
      expect(explains(done, { present: present.map(({ name }) => name), members: rows.map(({ pair }) => pair) })).toBe(true);
    }
  });

  it('and an ending that no order explains would be noticed', () => {
    const added = { kind: 'add', group: 'g', user: 'u', outcome: 'ok' } as const;
    const deleted = { kind: 'deleteGroup', group: 'g', user: '', outcome: 'ok' } as const;
    const there = { present: ['g', 'u'], members: [] };
    expect(explains([added], { ...there, members: ['g/u'] })).toBe(true);
    expect(explains([added], there)).toBe(false);
    expect(explains([], { ...there, members: ['g/u'] })).toBe(false);
    expect(explains([added, deleted], { present: ['u'], members: [] })).toBe(false);
    expect(explains([{ ...added, outcome: 'NoSuchEntity' }, deleted], { present: ['u'], members: [] })).toBe(true);
    expect(explains([{ ...added, outcome: 'NoSuchEntity' }], there)).toBe(false);
    expect(explains([{ ...deleted, outcome: 'DeleteConflict' }], there)).toBe(false);
    expect(explains([deleted, deleted], { present: ['u'], members: [] })).toBe(false);
  });
});
