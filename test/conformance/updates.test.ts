import {
  AddUserToGroupCommand,
  CreateRoleCommand,
  CreateUserCommand,
  GetRoleCommand,
  GetUserCommand,
  ListAccessKeysCommand,
  ListGroupsForUserCommand,
  CreateGroupCommand,
  ListRoleTagsCommand,
  ListUserPoliciesCommand,
  ListUserTagsCommand,
  TagRoleCommand,
  TagUserCommand,
  UntagRoleCommand,
  UntagUserCommand,
  UpdateRoleCommand,
  UpdateRoleDescriptionCommand,
  UpdateUserCommand,
  type IAMClient,
  type Tag,
} from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { call, type Input } from '../support/calls.js';
import { expectSdkRefusal } from '../support/sdk.js';
import { allows, trusts, World } from '../support/world.js';

const trustsEc2 = JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' }));

describe('an unmodified IAM client, about changing users and roles', () => {
  let app: TestApp;
  let world: World;
  let iam: IAMClient;
  let account: string;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = await new World(app).account('updates');
    account = world.root.account;
    iam = app.iam(world.root);
  });
  afterAll(() => app.close());

  const fresh = (): string => `name-${String((count += 1))}`;
  const refused = (send: () => Promise<unknown>, code: string, status: number, message: string): Promise<void> => expectSdkRefusal(app, send, { code, status, message });
  const codeOf = async (keys: Keys, operation: string, input: Input = {}): Promise<string | undefined> => (await call(app, 'query', { operation, keys, input })).code;
  const noUser = (send: () => Promise<unknown>, name = 'Nobody'): Promise<void> => refused(send, 'NoSuchEntity', 404, `The user with name ${name} cannot be found.`);
  const noRole = (send: () => Promise<unknown>): Promise<void> => refused(send, 'NoSuchEntity', 404, 'The role with name None cannot be found.');

  describe('users', () => {
    it('are renamed and moved; id, keys, groups, policies, tags, sessions and the trust in them stay', async () => {
      const user = await world.user(fresh(), allows(['iam:GetUser', 'sts:GetSessionToken', 'sts:AssumeRole']));
      await iam.send(new TagUserCommand({ UserName: user.name, Tags: [{ Key: 'a', Value: 'b' }] }));
      const GroupName = fresh();
      await iam.send(new CreateGroupCommand({ GroupName }));
      await iam.send(new AddUserToGroupCommand({ GroupName, UserName: user.name }));
      const role = await world.role(fresh(), trusts(user.arn));
      const session = await world.session(user, role);
      const NewUserName = fresh();
      const { User: before } = await iam.send(new GetUserCommand({ UserName: user.name }));
      await iam.send(new UpdateUserCommand({ UserName: user.name, NewUserName, NewPath: '/moved/' }));
      await noUser(() => iam.send(new GetUserCommand({ UserName: user.name })), user.name);
      const arn = `arn:aws:iam::${account}:user/moved/${NewUserName}`;
      const { User: after } = await iam.send(new GetUserCommand({ UserName: NewUserName.toUpperCase() }));
      expect(after).toEqual({ ...before, UserName: NewUserName, Path: '/moved/', Arn: arn });
      expect((await app.sts(user).send(new GetCallerIdentityCommand())).Arn).toBe(arn);
      expect(await codeOf(user, 'GetUser')).toBeUndefined();
      expect((await app.sts(session).send(new GetCallerIdentityCommand())).Account).toBe(account);
      expect((await iam.send(new ListAccessKeysCommand({ UserName: NewUserName }))).AccessKeyMetadata?.map(({ AccessKeyId }) => AccessKeyId)).toEqual([user.accessKeyId]);
      expect((await iam.send(new ListGroupsForUserCommand({ UserName: NewUserName }))).Groups).toHaveLength(1);
      expect((await iam.send(new ListUserPoliciesCommand({ UserName: NewUserName }))).PolicyNames).toEqual(['own']);
      const trust = decodeURIComponent((await iam.send(new GetRoleCommand({ RoleName: role.name }))).Role?.AssumeRolePolicyDocument ?? '');
      expect(trust).toBe(JSON.stringify(trusts(arn)));
      await expect(world.session(user, role)).resolves.toBeDefined();
      // The old name is free, and whoever takes it is somebody else.
      const other = await world.user(user.name, allows('sts:AssumeRole'));
      await expect(app.sts(other).send(new AssumeRoleCommand({ RoleArn: role.arn, RoleSessionName: 'other' }))).rejects.toMatchObject({ name: 'AccessDenied' });
    });

    it('may change the case of their name or nothing, and take no name of another', async () => {
      const [UserName, other] = [(await world.user(fresh())).name, (await world.user(fresh())).name];
      await iam.send(new UpdateUserCommand({ UserName, NewUserName: UserName.toUpperCase() }));
      await iam.send(new UpdateUserCommand({ UserName }));
      expect((await iam.send(new GetUserCommand({ UserName }))).User?.UserName).toBe(UserName.toUpperCase());
      await refused(() => iam.send(new UpdateUserCommand({ UserName, NewUserName: other.toUpperCase(), NewPath: '/x/' })), 'EntityAlreadyExists', 409, `User with name ${other.toUpperCase()} already exists.`);
      await noUser(() => iam.send(new UpdateUserCommand({ UserName: 'Nobody', NewPath: '/x/' })));
    });

    it.each([['User', 'UserName', 'user'], ['Group', 'GroupName', 'group']])('and groups are renamed by whom the new name allows it as well: %s', async (kind, word, type) => {
      const arn = (name: string): string => `arn:aws:iam::${account}:${type}/${name}`;
      const delegate = await world.user(fresh(), allows(`iam:Update${kind}`, [arn('dev/*')]));
      const name = fresh();
      await call(app, 'query', { operation: `Create${kind}`, keys: world.root, input: { [word]: name, Path: '/dev/' } });
      const to = (input: Input): Promise<string | undefined> => codeOf(delegate, `Update${kind}`, { [word]: name, ...input });
      expect(await to({ NewPath: '/admin/' })).toBe('AccessDenied');
      expect(await to({ NewPath: '/' })).toBe('AccessDenied');
      expect(await to({ NewPath: '/dev/sub/' })).toBeUndefined();
      expect(await to({ [`New${word}`]: name.toUpperCase() })).toBeUndefined();
    });

    it('are at most 5000 in an account, and roles 1000', async () => {
      const full = await new World(app).account('full');
      await app.sql(`INSERT INTO iam_user (user_id, account_id, user_name, name_key, path, tags, created_at) SELECT 'AIDAFULL' || n, $1, 'u' || n, 'u' || n, '/', '[]', now() FROM generate_series(1, 4999) n`, [full.root.account]);
      await app.sql(
        `INSERT INTO role (role_id, account_id, role_name, name_key, path, max_session_duration, trust_policy, trust_principals, tags, created_at)
         SELECT 'AROAFULL' || n, $1, 'r' || n, 'r' || n, '/', 3600, $2, '{}', '[]', now() FROM generate_series(1, 999) n`,
        [full.root.account, trustsEc2],
      );
      const client = app.iam(full.root);
      const settled = async (sends: (() => Promise<unknown>)[]): Promise<unknown> =>
        (await Promise.all(sends.map((send) => send().then(() => 'ok', (error: unknown) => (error as { message: string }).message)))).sort();
      expect(await settled(['x', 'y', 'z'].map((UserName) => () => client.send(new CreateUserCommand({ UserName }))))).toEqual(['Cannot exceed quota for UsersPerAccount: 5000', 'Cannot exceed quota for UsersPerAccount: 5000', 'ok']);
      expect(await settled(['x', 'y', 'z'].map((RoleName) => () => client.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trustsEc2 }))))).toEqual(['Cannot exceed quota for RolesPerAccount: 1000', 'Cannot exceed quota for RolesPerAccount: 1000', 'ok']);
      await app.sql('DELETE FROM iam_user WHERE account_id = $1', [full.root.account]);
      await app.sql('DELETE FROM role WHERE account_id = $1', [full.root.account]);
    });
  });

  describe('roles', () => {
    it('change in what is said, and in nothing else', async () => {
      const { name: RoleName } = await world.role(fresh(), trusts({ Service: 'ec2.amazonaws.com' }), { maxSessionDuration: 7200 });
      const said = async (): Promise<unknown> => {
        const { Role } = await iam.send(new GetRoleCommand({ RoleName }));
        return [Role?.Description, Role?.MaxSessionDuration];
      };
      await iam.send(new UpdateRoleCommand({ RoleName }));
      expect(await said()).toEqual([undefined, 7200]);
      await iam.send(new UpdateRoleCommand({ RoleName, Description: 'Deploys.' }));
      await iam.send(new UpdateRoleCommand({ RoleName: RoleName.toUpperCase(), MaxSessionDuration: 3600 }));
      expect(await said()).toEqual(['Deploys.', 3600]);
      const { Role } = await iam.send(new UpdateRoleDescriptionCommand({ RoleName, Description: 'Builds.' }));
      expect(Role).toMatchObject({ RoleName, Description: 'Builds.', MaxSessionDuration: 3600, AssumeRolePolicyDocument: encodeURIComponent(trustsEc2) });
      await iam.send(new UpdateRoleCommand({ RoleName, Description: '' }));
      expect(await said()).toEqual(['', 3600]);
      for (const send of [() => iam.send(new UpdateRoleCommand({ RoleName: 'None' })), () => iam.send(new UpdateRoleDescriptionCommand({ RoleName: 'None', Description: '' }))]) await noRole(send);
    });

    it('answer a result without members where AWS does', async () => {
      const { name: RoleName } = await world.role(fresh(), trusts({ Service: 'ec2.amazonaws.com' }));
      const { text } = await app.query(world.root, { Action: 'UpdateRole', Version: '2010-05-08', RoleName });
      expect(text).toMatch(/^<UpdateRoleResponse xmlns="[^"]+"><UpdateRoleResult><\/UpdateRoleResult><ResponseMetadata>/);
    });

    it('issue sessions of the new length at once', async () => {
      const user = await world.user(fresh());
      const { name: RoleName, arn: RoleArn } = await world.role(fresh(), trusts(user.arn));
      const assume = (): Promise<string | undefined> => codeOf(user, 'AssumeRole', { RoleArn, RoleSessionName: 'session', DurationSeconds: 7200 });
      expect(await assume()).toBe('ValidationError');
      await iam.send(new UpdateRoleCommand({ RoleName, MaxSessionDuration: 7200 }));
      expect(await assume()).toBeUndefined();
    });
  });

  interface Tagged {
    readonly kind: 'User' | 'Role';
    readonly make: (Tags?: Tag[]) => Promise<string>;
    readonly tag: (name: string, Tags: Tag[]) => Promise<unknown>;
    readonly untag: (name: string, TagKeys: string[]) => Promise<unknown>;
    readonly list: (name: string, input?: { Marker?: string | undefined; MaxItems?: number }) => Promise<{ Tags?: Tag[] | undefined; IsTruncated?: boolean | undefined; Marker?: string | undefined }>;
    readonly shown: (name: string) => Promise<Tag[] | undefined>;
    readonly missing: (send: () => Promise<unknown>) => Promise<void>;
  }
  const kinds: Tagged[] = [
    {
      kind: 'User',
      make: async (Tags) => (await iam.send(new CreateUserCommand({ UserName: fresh(), Tags }))).User?.UserName ?? '',
      tag: (UserName, Tags) => iam.send(new TagUserCommand({ UserName, Tags })),
      untag: (UserName, TagKeys) => iam.send(new UntagUserCommand({ UserName, TagKeys })),
      list: (UserName, input) => iam.send(new ListUserTagsCommand({ UserName, ...input })),
      shown: async (UserName) => (await iam.send(new GetUserCommand({ UserName }))).User?.Tags,
      missing: (send) => noUser(send, 'None'),
    },
    {
      kind: 'Role',
      make: async (Tags) => (await iam.send(new CreateRoleCommand({ RoleName: fresh(), AssumeRolePolicyDocument: trustsEc2, Tags }))).Role?.RoleName ?? '',
      tag: (RoleName, Tags) => iam.send(new TagRoleCommand({ RoleName, Tags })),
      untag: (RoleName, TagKeys) => iam.send(new UntagRoleCommand({ RoleName, TagKeys })),
      list: (RoleName, input) => iam.send(new ListRoleTagsCommand({ RoleName, ...input })),
      shown: async (RoleName) => (await iam.send(new GetRoleCommand({ RoleName }))).Role?.Tags,
      missing: noRole,
    },
  ];

  describe.each(kinds)('tags of a $kind', ({ kind, make, tag, untag, list, shown, missing }) => {
    const tagsOf = async (name: string): Promise<string[]> => ((await list(name)).Tags ?? []).map(({ Key, Value }) => `${Key ?? ''}=${Value ?? ''}`);

    it('are put, changed and taken away whatever the case, of which the last stays, and listed as AWS lists them', async () => {
      const name = await make([{ Key: 'Team', Value: '1' }]);
      await tag(name.toUpperCase(), [{ Key: 'abc', Value: '1' }, { Key: 'z', Value: '1' }, { Key: 'TEAM', Value: '2' }]);
      expect(await tagsOf(name)).toEqual(['z=1', 'abc=1', 'TEAM=2']);
      expect(await shown(name)).toEqual(expect.arrayContaining([{ Key: 'TEAM', Value: '2' }]));
      await untag(name, ['ABC', 'none']);
      expect(await tagsOf(name)).toEqual(['z=1', 'TEAM=2']);
      const first = await list(name, { MaxItems: 1 });
      const rest = await list(name, { Marker: first.Marker });
      expect([first.Tags?.length, first.IsTruncated, rest.Tags, rest.IsTruncated]).toEqual([1, true, [{ Key: 'TEAM', Value: '2' }], false]);
      await untag(name, ['z', 'team']);
      expect([await tagsOf(name), await shown(name)]).toEqual([[], undefined]);
      await refused(() => list(name, { Marker: 'x' }), 'ValidationError', 400, 'Invalid Marker.');
    });

    it('are at most 50, none twice, and none of AWS', async () => {
      const many = Array.from({ length: 50 }, (_, index) => ({ Key: `key-${String(index)}`, Value: '' }));
      const name = await make(many);
      await tag(name, many.map(({ Key }) => ({ Key: Key.toUpperCase(), Value: 'x' })));
      await refused(() => tag(name, [{ Key: 'more', Value: '' }]), 'LimitExceeded', 409, 'The number of tags has reached the maximum limit.');
      await refused(() => tag(name, [{ Key: 'a', Value: '' }, { Key: 'A', Value: '' }]), 'InvalidInput', 400, 'Duplicate tag keys found. Please note that Tag keys are case insensitive.');
      await refused(() => tag(name, [{ Key: 'Aws:x', Value: '' }]), 'InvalidInput', 400, "Tag keys that begin with aws: are reserved, got 'Aws:x'.");
      await refused(() => tag(name, [...many, { Key: 'more', Value: '' }]), 'ValidationError', 400, "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50");
    });

    it('are of somebody who exists', async () => {
      for (const send of [() => tag('None', []), () => untag('None', []), () => list('None')]) await missing(send);
    });

    it('are judged before and after: aws:RequestTag, aws:TagKeys, aws:ResourceTag', async () => {
      const word = `${kind}Name`;
      const name = await make([{ Key: 'team', Value: 'a' }]);
      const statement = (Action: string, Condition: object, Effect = 'Allow'): object => ({ Effect, Action, Resource: '*', Condition });
      const delegate = await world.user(fresh(), {
        Version: '2012-10-17',
        Statement: [
          statement(`iam:Tag${kind}`, { StringEquals: { 'aws:RequestTag/cost': ['1', '2'], 'aws:ResourceTag/team': 'a' }, 'ForAllValues:StringEquals': { 'aws:TagKeys': ['cost', 'team'] } }),
          statement(`iam:Untag${kind}`, { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['cost'] } }),
        ],
      });
      const asked = (operation: string, input: Input): Promise<string | undefined> => codeOf(delegate, `${operation}${kind}`, { [word]: name, ...input });
      const tags = (...all: [string, string][]): Input => ({ Tags: all.map(([Key, Value]) => ({ Key, Value })) });
      expect(await asked('Tag', tags(['cost', '3']))).toBe('AccessDenied');
      expect(await asked('Tag', tags(['cost', '1'], ['other', '']))).toBe('AccessDenied');
      expect(await asked('Tag', tags(['cost', '1']))).toBeUndefined();
      expect(await asked('Untag', { TagKeys: ['cost', 'team'] })).toBe('AccessDenied');
      expect(await asked('Untag', { TagKeys: ['cost'] })).toBeUndefined();
      expect(await asked('Tag', tags(['cost', '2'], ['team', 'b']))).toBeUndefined();
      expect(await asked('Tag', tags(['cost', '1']))).toBe('AccessDenied');
    });
  });

  it('and tags of the caller count at once: aws:PrincipalTag', async () => {
    const user = await world.user(fresh(), { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 'iam:ListUsers', Resource: '*', Condition: { StringEquals: { 'aws:PrincipalTag/team': 'a' } } } });
    expect(await codeOf(user, 'ListUsers')).toBe('AccessDenied');
    await iam.send(new TagUserCommand({ UserName: user.name, Tags: [{ Key: 'Team', Value: 'a' }] }));
    expect(await codeOf(user, 'ListUsers')).toBeUndefined();
    await iam.send(new UntagUserCommand({ UserName: user.name, TagKeys: ['team'] }));
    expect(await codeOf(user, 'ListUsers')).toBe('AccessDenied');
  });
});
