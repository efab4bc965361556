import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  GetAccessKeyLastUsedCommand,
  GetUserCommand,
  GetUserPolicyCommand,
  ListAccessKeysCommand,
  ListUserPoliciesCommand,
  ListUsersCommand,
  paginateListUsers,
  PutUserPolicyCommand,
  UpdateAccessKeyCommand,
  type IAMClient,
} from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { expectSdkRefusal } from '../support/sdk.js';
import { allows, trusts, World } from '../support/world.js';

const CREATED = new Date('2026-11-25T10:00:00Z');
const noUser = (name: string): { code: string; status: number; message: string } => ({ code: 'NoSuchEntity', status: 404, message: `The user with name ${name} cannot be found.` });
const invalid = (message: string): { code: string; status: number; message: string } => ({ code: 'ValidationError', status: 400, message });
const SELF = 'Must specify userName when calling with non-User credentials';

describe('an unmodified IAM client, about users', () => {
  let app: TestApp;
  let world: World;
  let iam: IAMClient;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = await new World(app).account('users');
    iam = app.iam(world.root);
  });
  afterAll(() => app.close());

  const fresh = (): string => `user-${String((count += 1))}`;
  const refused = (send: () => Promise<unknown>, refusal: { code: string; status: number; message: string }): Promise<void> => expectSdkRefusal(app, send, refusal);
  /** A role session that may do everything. */
  async function session(): Promise<Keys> {
    const starter = await world.user(fresh());
    return world.session(starter, await world.role(fresh(), trusts(starter.arn), { policy: allows('iam:*') }));
  }

  it('creates, shows and lists a user in the shapes of AWS', async () => {
    const { User } = await iam.send(new CreateUserCommand({ UserName: 'Anna', Path: '/team/a/', Tags: [{ Key: 'Team', Value: 'x' }] }));
    const listed = {
      Path: '/team/a/',
      UserName: 'Anna',
      UserId: expect.stringMatching(/^AIDA[A-Z2-7]{17}$/),
      Arn: `arn:aws:iam::${world.root.account}:user/team/a/Anna`,
      CreateDate: CREATED,
    };
    expect(User).toEqual({ ...listed, Tags: [{ Key: 'Team', Value: 'x' }] });
    expect((await iam.send(new GetUserCommand({ UserName: 'Anna' }))).User).toEqual(User);
    const list = await iam.send(new ListUsersCommand({ PathPrefix: '/team/' }));
    expect(list.Users).toEqual([listed]);
    expect(list).toMatchObject({ IsTruncated: false });
    expect(list).not.toHaveProperty('Marker');
    const plain = await iam.send(new CreateUserCommand({ UserName: fresh() }));
    expect(plain.User).not.toHaveProperty('Tags');
    expect(plain.User?.Path).toBe('/');
  });

  it('finds a user in any case, and answers in the stored one', async () => {
    for (const UserName of ['anna', 'ANNA']) expect((await iam.send(new GetUserCommand({ UserName }))).User?.UserName).toBe('Anna');
    await refused(() => iam.send(new CreateUserCommand({ UserName: 'aNNA' })), { code: 'EntityAlreadyExists', status: 409, message: 'User with name aNNA already exists.' });
  });

  it('shows itself where it names nobody', async () => {
    const self = await world.user(fresh(), allows('iam:GetUser'), '/me/');
    expect((await app.iam(self).send(new GetUserCommand({}))).User).toMatchObject({ UserName: self.name, Arn: self.arn, UserId: self.id });
    const { User } = await iam.send(new GetUserCommand({}));
    expect(User).toEqual({ Path: '/', UserId: world.root.account, Arn: `arn:aws:iam::${world.root.account}:root`, CreateDate: CREATED });
    const worker = app.iam(await session());
    await refused(() => worker.send(new GetUserCommand({})), invalid(SELF));
    await refused(() => worker.send(new CreateAccessKeyCommand({})), invalid(SELF));
    await refused(() => worker.send(new ListAccessKeysCommand({})), invalid(SELF));
  });

  it('never reuses an id', async () => {
    const UserName = fresh();
    const { User: first } = await iam.send(new CreateUserCommand({ UserName }));
    await iam.send(new DeleteUserCommand({ UserName }));
    const { User: second } = await iam.send(new CreateUserCommand({ UserName }));
    expect(second?.UserId).not.toBe(first?.UserId);
  });

  it('pages through users by name, in an order that rows that are added meanwhile do not disturb', async () => {
    const names = ['p-c', 'P-a', 'p-e', 'p-B', 'p-d'];
    for (const UserName of names) await iam.send(new CreateUserCommand({ UserName, Path: '/paged/' }));
    const first = await iam.send(new ListUsersCommand({ PathPrefix: '/paged/', MaxItems: 2 }));
    expect([first.Users?.map((user) => user.UserName), first.IsTruncated]).toEqual([['P-a', 'p-B'], true]);
    await iam.send(new CreateUserCommand({ UserName: 'p-aa', Path: '/paged/' }));
    await iam.send(new CreateUserCommand({ UserName: 'p-cc', Path: '/paged/' }));
    await iam.send(new DeleteUserCommand({ UserName: 'p-B' }));
    const rest = await iam.send(new ListUsersCommand({ PathPrefix: '/paged/', MaxItems: 10, Marker: first.Marker }));
    expect([rest.Users?.map((user) => user.UserName), rest.IsTruncated, rest.Marker]).toEqual([['p-c', 'p-cc', 'p-d', 'p-e'], false, undefined]);
    const found: (string | undefined)[] = [];
    for await (const page of paginateListUsers({ client: iam, pageSize: 1 }, { PathPrefix: '/paged/' })) found.push(...(page.Users ?? []).map((user) => user.UserName));
    expect(found).toEqual(['P-a', 'p-aa', 'p-c', 'p-cc', 'p-d', 'p-e']);
  });

  it.each(['/paged', '/pag', '/paged/', '/'])('takes the path prefix %s as plain text', async (PathPrefix) => {
    const { Users } = await iam.send(new ListUsersCommand({ PathPrefix, MaxItems: 1000 }));
    expect(Users?.map((user) => user.UserName)).toContain('p-c');
    expect((await iam.send(new ListUsersCommand({ PathPrefix: '/p%ged/' }))).Users).toEqual([]);
    expect((await iam.send(new ListUsersCommand({ PathPrefix: '/p_ged/' }))).Users).toEqual([]);
  });

  it.each(['x', 'WyJ4Il0=', 'WzFd', 'WyJhIiwiYiJd', '[]', 'null'])('is refused a page at the Marker %s, which was never given out', async (Marker) => {
    await refused(() => iam.send(new ListUsersCommand({ Marker })), invalid('Invalid Marker.'));
  });

  const nobody: [string, () => Promise<unknown>][] = [
    ['GetUser', () => iam.send(new GetUserCommand({ UserName: 'Nobody' }))],
    ['DeleteUser', () => iam.send(new DeleteUserCommand({ UserName: 'Nobody' }))],
    ['CreateAccessKey', () => iam.send(new CreateAccessKeyCommand({ UserName: 'Nobody' }))],
    ['ListAccessKeys', () => iam.send(new ListAccessKeysCommand({ UserName: 'Nobody' }))],
    ['UpdateAccessKey', () => iam.send(new UpdateAccessKeyCommand({ UserName: 'Nobody', AccessKeyId: 'AKIAUNKNOWNUNKNOWN22', Status: 'Active' }))],
    ['DeleteAccessKey', () => iam.send(new DeleteAccessKeyCommand({ UserName: 'Nobody', AccessKeyId: 'AKIAUNKNOWNUNKNOWN22' }))],
    ['PutUserPolicy', () => iam.send(new PutUserPolicyCommand({ UserName: 'Nobody', PolicyName: 'p', PolicyDocument: JSON.stringify(allows('s3:*')) }))],
    ['GetUserPolicy', () => iam.send(new GetUserPolicyCommand({ UserName: 'Nobody', PolicyName: 'p' }))],
    ['ListUserPolicies', () => iam.send(new ListUserPoliciesCommand({ UserName: 'Nobody' }))],
    ['DeleteUserPolicy', () => iam.send(new DeleteUserPolicyCommand({ UserName: 'Nobody', PolicyName: 'p' }))],
  ];
  it.each(nobody)('is told by %s that a user does not exist', async (_, send) => {
    await refused(send, noUser('Nobody'));
  });

  it('deletes a user only when its keys and policies are gone', async () => {
    const user = await world.user(fresh(), allows('s3:*'));
    const remove = (): Promise<unknown> => iam.send(new DeleteUserCommand({ UserName: user.name }));
    await iam.send(new DeleteAccessKeyCommand({ UserName: user.name, AccessKeyId: user.accessKeyId }));
    await refused(remove, { code: 'DeleteConflict', status: 409, message: 'Cannot delete entity, must delete policies first.' });
    await iam.send(new DeleteUserPolicyCommand({ UserName: user.name, PolicyName: 'own' }));
    await iam.send(new CreateAccessKeyCommand({ UserName: user.name }));
    await refused(remove, { code: 'DeleteConflict', status: 409, message: 'Cannot delete entity, must delete access keys first.' });
    const { AccessKeyMetadata } = await iam.send(new ListAccessKeysCommand({ UserName: user.name }));
    await iam.send(new DeleteAccessKeyCommand({ UserName: user.name, AccessKeyId: AccessKeyMetadata?.[0]?.AccessKeyId }));
    await remove();
    await refused(remove, noUser(user.name));
  });

  const tags: [string, { Key: string; Value: string }[], { code: string; status: number; message: string }][] = [
    ['duplicate keys', [{ Key: 'a', Value: '1' }, { Key: 'A', Value: '2' }], { code: 'InvalidInput', status: 400, message: 'Duplicate tag keys found. Please note that Tag keys are case insensitive.' }],
    ['a bad key and a long value', [{ Key: 'a!', Value: 'x'.repeat(257) }], invalid("2 validation errors detected: Value at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+; Value at 'tags.1.member.value' failed to satisfy constraint: Member must have length less than or equal to 256")],
  ];
  it.each(tags)('is refused tags with %s', async (_, Tags, refusal) => {
    await refused(() => iam.send(new CreateUserCommand({ UserName: fresh(), Tags })), refusal);
  });

  it('is refused a permissions boundary that does not exist', async () => {
    const of = (PermissionsBoundary: string): Promise<unknown> => iam.send(new CreateUserCommand({ UserName: fresh(), PermissionsBoundary }));
    await refused(() => of('arn:aws:iam::aws:policy/None'), { code: 'NoSuchEntity', status: 404, message: 'Scope ARN: arn:aws:iam::aws:policy/None does not exist or is not attachable.' });
    await refused(() => of('not-an-arn-but-long-enough'), { code: 'InvalidInput', status: 400, message: 'ARN not-an-arn-but-long-enough is not valid.' });
  });

  describe('and access keys', () => {
    const key = { AccessKeyId: expect.stringMatching(/^AKIA[A-Z2-7]{16}$/), Status: 'Active', CreateDate: CREATED };

    it('creates two, shows each secret once, and no third', async () => {
      const UserName = fresh();
      await iam.send(new CreateUserCommand({ UserName }));
      for (const _ of [1, 2]) {
        const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
        expect(AccessKey).toEqual({ ...key, UserName, SecretAccessKey: expect.stringMatching(/^[A-Za-z0-9+/]{40}$/) });
      }
      await refused(() => iam.send(new CreateAccessKeyCommand({ UserName })), { code: 'LimitExceeded', status: 409, message: 'Cannot exceed quota for AccessKeysPerUser: 2' });
      const list = await iam.send(new ListAccessKeysCommand({ UserName: UserName.toUpperCase() }));
      expect(list.AccessKeyMetadata).toEqual([{ ...key, UserName }, { ...key, UserName }]);
    });

    it('pages through them', async () => {
      const user = await world.user(fresh());
      await iam.send(new CreateAccessKeyCommand({ UserName: user.name }));
      const first = await iam.send(new ListAccessKeysCommand({ UserName: user.name, MaxItems: 1 }));
      const second = await iam.send(new ListAccessKeysCommand({ UserName: user.name, MaxItems: 1, Marker: first.Marker }));
      expect([first.IsTruncated, second.IsTruncated, second.Marker]).toEqual([true, false, undefined]);
      expect(new Set([...(first.AccessKeyMetadata ?? []), ...(second.AccessKeyMetadata ?? [])].map(({ AccessKeyId }) => AccessKeyId)).size).toBe(2);
    });

    it('two of the root user too', async () => {
      await iam.send(new CreateAccessKeyCommand({}));
      await refused(() => iam.send(new CreateAccessKeyCommand({})), { code: 'LimitExceeded', status: 409, message: 'Cannot exceed quota for AccessKeysPerUser: 2' });
      const { AccessKeyMetadata } = await iam.send(new ListAccessKeysCommand({}));
      expect(AccessKeyMetadata).toHaveLength(2);
    });

    it('of one user are not those of another', async () => {
      const [one, two] = [await world.user(fresh()), await world.user(fresh())];
      const missing = { code: 'NoSuchEntity', status: 404, message: `The Access Key with id ${two.accessKeyId} cannot be found.` };
      await refused(() => iam.send(new UpdateAccessKeyCommand({ UserName: one.name, AccessKeyId: two.accessKeyId, Status: 'Inactive' })), missing);
      await refused(() => iam.send(new DeleteAccessKeyCommand({ UserName: one.name, AccessKeyId: two.accessKeyId })), missing);
      await refused(() => iam.send(new DeleteAccessKeyCommand({ AccessKeyId: two.accessKeyId })), missing);
    });

    it('change their status, which lists show', async () => {
      const user = await world.user(fresh());
      for (const Status of ['Inactive', 'Inactive', 'Active'] as const) {
        await iam.send(new UpdateAccessKeyCommand({ UserName: user.name, AccessKeyId: user.accessKeyId, Status }));
        expect((await iam.send(new ListAccessKeysCommand({ UserName: user.name }))).AccessKeyMetadata).toMatchObject([{ Status }]);
      }
      await refused(
        () => iam.send(new UpdateAccessKeyCommand({ UserName: user.name, AccessKeyId: user.accessKeyId, Status: 'Off' as 'Active' })),
        invalid("1 validation error detected: Value at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]"),
      );
    });

    it('tell when, where and for what they were used last', async () => {
      const user = await world.user(fresh());
      const lastUsed = (): Promise<unknown> => iam.send(new GetAccessKeyLastUsedCommand({ AccessKeyId: user.accessKeyId }));
      expect(await lastUsed()).toMatchObject({ UserName: user.name, AccessKeyLastUsed: { Region: 'N/A', ServiceName: 'N/A' } });
      expect(await lastUsed()).not.toHaveProperty('AccessKeyLastUsed.LastUsedDate');
      await app.sts(user).send(new GetCallerIdentityCommand());
      expect(await lastUsed()).toMatchObject({ UserName: user.name, AccessKeyLastUsed: { LastUsedDate: CREATED, Region: 'us-east-1', ServiceName: 'sts' } });
      app.clock.advance(60);
      await expect(app.iam(user).send(new GetUserCommand({}))).rejects.toMatchObject({ name: 'AccessDenied' });
      expect(await lastUsed()).toMatchObject({ AccessKeyLastUsed: { LastUsedDate: new Date('2026-11-25T10:01:00Z'), ServiceName: 'iam' } });
      app.clock.advance(-60);
    });

    it('that are unknown are not told apart from those of others', async () => {
      const AccessKeyId = 'AKIAUNKNOWNUNKNOWN22';
      const message = `User: arn:aws:iam::${world.root.account}:root is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key ${AccessKeyId}`;
      await refused(() => iam.send(new GetAccessKeyLastUsedCommand({ AccessKeyId })), { code: 'AccessDenied', status: 403, message });
      const foreign = message.replace(AccessKeyId, app.root.accessKeyId);
      await refused(() => iam.send(new GetAccessKeyLastUsedCommand({ AccessKeyId: app.root.accessKeyId })), { code: 'AccessDenied', status: 403, message: foreign });
    });
  });
});
