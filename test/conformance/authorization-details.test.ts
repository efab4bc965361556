import {
  AddRoleToInstanceProfileCommand,
  AddUserToGroupCommand,
  AttachGroupPolicyCommand,
  AttachRolePolicyCommand,
  AttachUserPolicyCommand,
  CreateGroupCommand,
  CreateInstanceProfileCommand,
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteRoleCommand,
  GetAccountAuthorizationDetailsCommand,
  paginateGetAccountAuthorizationDetails,
  PutGroupPolicyCommand,
  PutRolePermissionsBoundaryCommand,
  PutRolePolicyCommand,
  PutUserPermissionsBoundaryCommand,
  type EntityType,
  type GetAccountAuthorizationDetailsCommandInput,
  type GetAccountAuthorizationDetailsCommandOutput,
  type IAMClient,
} from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { Client } from 'pg';

import { TestApp } from '../support/app.js';
import { element } from '../support/calls.js';
import { expectSdkRefusal } from '../support/sdk.js';
import { allows, trusts, World } from '../support/world.js';

const CREATED = new Date('2026-11-25T10:00:00Z');
const SHIPPED = new Date('2026-11-25T00:00:00Z');
const READS = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
const encoded = (document: unknown): string => encodeURIComponent(JSON.stringify(document)).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

let app: TestApp;
let world: World;
let iam: IAMClient;
let account: string;
let accounts = 0;

beforeAll(async () => {
  app = await TestApp.boot();
});
beforeEach(async () => {
  accounts += 1;
  world = await new World(app).account(`account ${String(accounts)}`);
  iam = app.iam(world.root);
  account = world.root.account;
});
afterAll(() => app.close());

type Details = GetAccountAuthorizationDetailsCommandOutput;
const get = (input: GetAccountAuthorizationDetailsCommandInput = {}): Promise<Details> => iam.send(new GetAccountAuthorizationDetailsCommand(input));
/** The names on a page, each with its kind. */
const namesOf = (details: Details): string[] => [
  ...(details.UserDetailList ?? []).map(({ UserName }) => `user ${String(UserName)}`),
  ...(details.GroupDetailList ?? []).map(({ GroupName }) => `group ${String(GroupName)}`),
  ...(details.RoleDetailList ?? []).map(({ RoleName }) => `role ${String(RoleName)}`),
  ...(details.Policies ?? []).map(({ Arn }) => `policy ${String(Arn).replace(account, 'own')}`),
];
const arnOf = (resource: string): string => `arn:aws:iam::${account}:${resource}`;
const trustsEc2 = trusts({ Service: 'ec2.amazonaws.com' });

/** Users, roles and groups with whatever they may have, and each of them bare. */
async function populate(): Promise<{ looks: string; alice: string }> {
  const looks = await world.policy('looks', allows('iam:Get*'), { path: '/team/' });
  await world.policy('unused', allows('iam:List*'));
  await iam.send(new CreatePolicyVersionCommand({ PolicyArn: looks, PolicyDocument: JSON.stringify(allows("iam:'*(!)")), SetAsDefault: true }));
  const alice = await world.user('Alice', allows('iam:*'), '/a/', [{ Key: 'team', Value: 'x' }]);
  await iam.send(new CreateUserCommand({ UserName: 'bob' }));
  await iam.send(new CreateGroupCommand({ GroupName: 'devs', Path: '/g/' }));
  await iam.send(new CreateGroupCommand({ GroupName: 'Admins' }));
  for (const GroupName of ['devs', 'Admins']) await iam.send(new AddUserToGroupCommand({ GroupName, UserName: 'alice' }));
  await iam.send(new PutGroupPolicyCommand({ GroupName: 'devs', PolicyName: 'own', PolicyDocument: JSON.stringify(allows('s3:*')) }));
  await iam.send(new AttachGroupPolicyCommand({ GroupName: 'devs', PolicyArn: looks }));
  await iam.send(new AttachUserPolicyCommand({ UserName: 'Alice', PolicyArn: looks }));
  await iam.send(new AttachUserPolicyCommand({ UserName: 'Alice', PolicyArn: READS }));
  await iam.send(new PutUserPermissionsBoundaryCommand({ UserName: 'Alice', PermissionsBoundary: READS }));
  await world.role('Deploy', trusts(alice.arn), { policy: allows('s3:Get*'), path: '/ci/', tags: [{ Key: 'cost', Value: '1' }] });
  await iam.send(new CreateRoleCommand({ RoleName: 'plain', AssumeRolePolicyDocument: JSON.stringify(trustsEc2), Description: 'is not shown' }));
  await iam.send(new AttachRolePolicyCommand({ RoleName: 'Deploy', PolicyArn: looks }));
  await iam.send(new PutRolePermissionsBoundaryCommand({ RoleName: 'Deploy', PermissionsBoundary: looks }));
  for (const InstanceProfileName of ['web', 'Batch', 'empty']) await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName, Tags: [{ Key: 'not', Value: 'shown' }] }));
  for (const InstanceProfileName of ['web', 'Batch']) await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName: 'Deploy' }));
  return { looks, alice: alice.arn };
}

describe('an unmodified IAM client, about everything in an account', () => {
  it('sees each entry in the shapes of AWS', async () => {
    const { looks, alice } = await populate();
    const id = expect.stringMatching(/^A(?:IDA|GPA|ROA|NPA|IPA)[A-Z2-7]{17}$/) as string;
    const { UserDetailList, GroupDetailList, RoleDetailList, Policies, IsTruncated, Marker } = await get();
    expect([IsTruncated, Marker]).toEqual([false, undefined]);
    const looking = { PolicyName: 'looks', PolicyArn: looks };
    const reading = { PolicyName: 'ReadOnlyAccess', PolicyArn: READS };
    expect(UserDetailList).toEqual([
      {
        Path: '/a/', UserName: 'Alice', UserId: id, Arn: alice, CreateDate: CREATED,
        UserPolicyList: [{ PolicyName: 'own', PolicyDocument: encoded(allows('iam:*')) }],
        GroupList: ['Admins', 'devs'],
        AttachedManagedPolicies: [looking, reading],
        PermissionsBoundary: { PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn: READS },
        Tags: [{ Key: 'team', Value: 'x' }],
      },
      { Path: '/', UserName: 'bob', UserId: id, Arn: arnOf('user/bob'), CreateDate: CREATED, GroupList: [], AttachedManagedPolicies: [], Tags: [] },
    ]);
    expect(GroupDetailList).toEqual([
      { Path: '/', GroupName: 'Admins', GroupId: id, Arn: arnOf('group/Admins'), CreateDate: CREATED, GroupPolicyList: [], AttachedManagedPolicies: [] },
      { Path: '/g/', GroupName: 'devs', GroupId: id, Arn: arnOf('group/g/devs'), CreateDate: CREATED, GroupPolicyList: [{ PolicyName: 'own', PolicyDocument: encoded(allows('s3:*')) }], AttachedManagedPolicies: [looking] },
    ]);
    const trust = encoded(trusts(alice));
    const inProfile = { Path: '/ci/', RoleName: 'Deploy', RoleId: id, Arn: arnOf('role/ci/Deploy'), CreateDate: CREATED, AssumeRolePolicyDocument: trust };
    const profile = (name: string) => ({ Path: '/', InstanceProfileName: name, InstanceProfileId: id, Arn: arnOf(`instance-profile/${name}`), CreateDate: CREATED, Roles: [inProfile] });
    expect(RoleDetailList).toEqual([
      {
        ...inProfile,
        InstanceProfileList: [profile('Batch'), profile('web')],
        RolePolicyList: [{ PolicyName: 'own', PolicyDocument: encoded(allows('s3:Get*')) }],
        AttachedManagedPolicies: [looking],
        PermissionsBoundary: { PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn: looks },
        Tags: [{ Key: 'cost', Value: '1' }],
        RoleLastUsed: {},
      },
      {
        Path: '/', RoleName: 'plain', RoleId: id, Arn: arnOf('role/plain'), CreateDate: CREATED, AssumeRolePolicyDocument: encoded(trustsEc2),
        InstanceProfileList: [], RolePolicyList: [], AttachedManagedPolicies: [], Tags: [], RoleLastUsed: {},
      },
    ]);
    const version = (VersionId: string, IsDefaultVersion: boolean, document: object) => ({ VersionId, IsDefaultVersion, CreateDate: CREATED, Document: encoded(document) });
    const common = { PolicyId: id, IsAttachable: true, CreateDate: CREATED, UpdateDate: CREATED };
    expect(Policies?.slice(0, 2)).toEqual([
      {
        ...common, PolicyName: 'looks', Arn: looks, Path: '/team/', DefaultVersionId: 'v2', AttachmentCount: 3, PermissionsBoundaryUsageCount: 1,
        PolicyVersionList: [version('v2', true, allows("iam:'*(!)")), version('v1', false, allows('iam:Get*'))],
      },
      { ...common, PolicyName: 'unused', Arn: arnOf('policy/unused'), Path: '/', DefaultVersionId: 'v1', AttachmentCount: 0, PermissionsBoundaryUsageCount: 0, PolicyVersionList: [version('v1', true, allows('iam:List*'))] },
    ]);
    // Of the shipped policies only those that are attached to somebody: a boundary is not enough.
    expect(Policies?.slice(2)).toEqual([
      expect.objectContaining({
        PolicyName: 'ReadOnlyAccess', Arn: READS, AttachmentCount: 1, PermissionsBoundaryUsageCount: 1, Description: expect.any(String), CreateDate: SHIPPED,
        PolicyVersionList: [{ VersionId: 'v1', IsDefaultVersion: true, CreateDate: SHIPPED, Document: expect.stringMatching(/^%7B/) }],
      }),
    ]);
  });

  it('sees where and when a role was last used', async () => {
    const alice = await world.user('alice');
    const role = await world.role('used', trusts(alice.arn));
    await app.sts(await world.session(alice, role)).send(new GetCallerIdentityCommand());
    expect((await get({ Filter: ['Role'] })).RoleDetailList).toMatchObject([{ RoleLastUsed: { LastUsedDate: CREATED, Region: 'us-east-1' } }]);
  });

  it('gets all four lists, whatever is in them', async () => {
    const { text } = await app.query(world.root, { Action: 'GetAccountAuthorizationDetails', Version: '2010-05-08' });
    expect(text).toContain('<GetAccountAuthorizationDetailsResult><UserDetailList></UserDetailList><GroupDetailList></GroupDetailList><RoleDetailList></RoleDetailList><Policies></Policies><IsTruncated>false</IsTruncated></GetAccountAuthorizationDetailsResult>');
  });

  it('gets the empty elements of AWS in XML', async () => {
    await iam.send(new CreateUserCommand({ UserName: 'bare' }));
    await iam.send(new CreateRoleCommand({ RoleName: 'bare', AssumeRolePolicyDocument: JSON.stringify(trustsEc2) }));
    const { text } = await app.query(world.root, { Action: 'GetAccountAuthorizationDetails', Version: '2010-05-08' });
    for (const empty of ['GroupList', 'Tags', 'RolePolicyList', 'InstanceProfileList', 'RoleLastUsed']) expect(text).toContain(`<${empty}></${empty}>`);
    expect(text).not.toContain('UserPolicyList');
    expect(element(text, 'AssumeRolePolicyDocument')).toMatch(/^%7B%22Version%22/);
  });

  const filters: readonly (readonly [EntityType[], string[]])[] = [
    [['User'], ['user Alice', 'user bob']],
    [['Group'], ['group Admins', 'group devs']],
    [['Role'], ['role Deploy', 'role plain']],
    [['LocalManagedPolicy'], ['policy arn:aws:iam::own:policy/team/looks', 'policy arn:aws:iam::own:policy/unused']],
    [['AWSManagedPolicy'], [`policy ${READS}`]],
    [['AWSManagedPolicy', 'User', 'User'], ['user Alice', 'user bob', `policy ${READS}`]],
  ];
  const everything = ['user Alice', 'user bob', 'group Admins', 'group devs', 'role Deploy', 'role plain', ...filters[3]![1], `policy ${READS}`];

  it('sees only what is asked for', async () => {
    await populate();
    for (const [Filter, names] of [...filters, [[], everything], [undefined, everything]] as const) expect([Filter, namesOf(await get({ Filter: Filter && [...Filter] }))]).toEqual([Filter, names]);
  });

  it('pages through all kinds as one list, with pages of any size', async () => {
    await populate();
    for (const pageSize of [1, 2, 3, 4, 8, 9, 10]) {
      const pages: string[][] = [];
      for await (const page of paginateGetAccountAuthorizationDetails({ client: iam, pageSize }, {})) pages.push(namesOf(page));
      expect(pages.flat()).toEqual(everything);
      expect(pages.map(({ length }) => length)).toEqual(Array.from({ length: Math.ceil(everything.length / pageSize) }, (_, index) => Math.min(pageSize, everything.length - index * pageSize)));
    }
  });

  it('pages through what is asked for, and goes on where a Marker of other kinds ends', async () => {
    await populate();
    const Filter: EntityType[] = ['AWSManagedPolicy', 'Group'];
    const first = await get({ Filter, MaxItems: 1 });
    expect([namesOf(first), first.IsTruncated]).toEqual([['group Admins'], true]);
    const second = await get({ Filter, MaxItems: 1, Marker: first.Marker });
    expect([namesOf(second), second.IsTruncated]).toEqual([['group devs'], true]);
    const third = await get({ Filter, MaxItems: 1, Marker: second.Marker });
    expect([namesOf(third), third.IsTruncated, third.Marker]).toEqual([[`policy ${READS}`], false, undefined]);
    expect(namesOf(await get({ Filter: ['Role'], Marker: second.Marker }))).toEqual(['role Deploy', 'role plain']);
    expect(namesOf(await get({ Filter: ['User'], Marker: second.Marker }))).toEqual([]);
  });

  it('sees every entry once that is there all the time, whatever comes and goes between pages', async () => {
    const role = (RoleName: string) => iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: JSON.stringify(trustsEc2) }));
    const lasting = Array.from({ length: 12 }, (_, index) => `r${String(index).padStart(2, '0')}`);
    for (const name of lasting) await role(name);
    const seen: string[] = [];
    let step = 0;
    for (let Marker: string | undefined, more = true; more; ) {
      const page = await get({ Filter: ['User', 'Role'], MaxItems: 3, ...(Marker !== undefined && { Marker }) });
      seen.push(...namesOf(page));
      more = page.IsTruncated === true;
      Marker = page.Marker;
      // Before the page, right after its last entry, at the end, and of a kind that is already over.
      step += 1;
      const last = (page.RoleDetailList ?? []).at(-1)?.RoleName ?? '';
      for (const name of [`a${String(step)}`, `${last}x`, `z${String(step)}`]) if (step < 4) await role(name);
      await iam.send(new CreateUserCommand({ UserName: `u${String(step)}` }));
      if (step < 4) await iam.send(new DeleteRoleCommand({ RoleName: `a${String(step)}` }));
      // The entry that a page begins after may be gone by then.
      if (step === 2) await iam.send(new DeleteRoleCommand({ RoleName: last }));
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((name) => lasting.includes(name.slice('role '.length)))).toEqual(lasting.map((name) => `role ${name}`));
    expect(seen).toContain('role z1');
    expect(seen.some((name) => name.startsWith('role a'))).toBe(false);
    expect(seen).toEqual([...seen].sort());
  });

  it('gets a shorter page where documents are long, and every entry in the end', async () => {
    const long = (length: number): string => JSON.stringify({ ...allows('s3:GetObject'), Id: 'x' }).padEnd(length);
    for (let index = 0; index < 30; index += 1) {
      await world.role(`long${String(index).padStart(2, '0')}`, trustsEc2);
      await iam.send(new PutRolePolicyCommand({ RoleName: `long${String(index).padStart(2, '0')}`, PolicyName: 'p', PolicyDocument: long(40_000) }));
    }
    const sizes: number[] = [];
    for await (const { RoleDetailList } of paginateGetAccountAuthorizationDetails({ client: iam, pageSize: 1000 }, { Filter: ['Role'] })) sizes.push(RoleDetailList?.length ?? 0);
    expect(sizes).toEqual([24, 6]);
  });

  it.each(['x', 'W10', Buffer.from('["Nobody","a"]').toString('base64url'), Buffer.from('["User"]').toString('base64url')])('is refused with the Marker %s', async (Marker) => {
    await expectSdkRefusal(app, () => get({ Marker }), { code: 'ValidationError', status: 400, message: 'Invalid Marker.' });
  });

  it.each([
    [{ Filter: ['Everything'] }, "Value at 'filter' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [User, Role, Group, LocalManagedPolicy, AWSManagedPolicy]]"],
    [{ MaxItems: 0 }, "Value at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"],
    [{ MaxItems: 1001 }, "Value at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000"],
  ])('is refused with %j', async (input, violation) => {
    await expectSdkRefusal(app, () => get(input as never), { code: 'ValidationError', status: 400, message: `1 validation error detected: ${violation}` });
  });

  it('is refused without a permission', async () => {
    const bob = await world.user('bob', allows('iam:List*'));
    const message = `User: ${bob.arn} is not authorized to perform: iam:GetAccountAuthorizationDetails because no identity-based policy allows the iam:GetAccountAuthorizationDetails action`;
    await expectSdkRefusal(app, () => app.iam(bob).send(new GetAccountAuthorizationDetailsCommand()), { code: 'AccessDenied', status: 403, message });
  });
});

describe('a page of everything', () => {
  /** The statements on entries that the database is asked for meanwhile. */
  async function statementsOf(work: () => Promise<unknown>): Promise<number> {
    const ask = Object.getOwnPropertyDescriptor(Client.prototype, 'query')?.value as (...args: unknown[]) => unknown;
    const texts: string[] = [];
    Client.prototype.query = function (this: Client, ...args: unknown[]) {
      const [asked] = args as [string | { text?: string }];
      texts.push(typeof asked === 'string' ? asked : (asked.text ?? ''));
      return ask.apply(this, args);
    } as never;
    try {
      await work();
    } finally {
      Client.prototype.query = ask as never;
    }
    // Beats, revocations and events come and go by themselves.
    return texts.filter((text) => /\b(?:iam_user|iam_group|role|group_member|inline_policy|managed_policy|policy_version|policy_attachment|instance_profile|oidc_provider|saml_provider)\b/.test(text)).length;
  }

  /** Roles with everything that is looked up for them, by SQL, for there are many. */
  async function fill(count: number): Promise<void> {
    const principal = await world.user(`trusted-${String(count)}`);
    const values = [account, count, JSON.stringify(trusts(principal.arn)), JSON.stringify({ [principal.arn]: principal.id })];
    await app.sql(
      `INSERT INTO role (role_id, account_id, role_name, name_key, path, max_session_duration, trust_policy, trust_principals, tags, created_at)
       SELECT 'AROA' || $1 || lpad(n::text, 7, '0'), $1, 'role' || lpad(n::text, 7, '0'), 'role' || lpad(n::text, 7, '0'), '/', 3600, $3, $4, '[]', now() FROM generate_series(1, $2::int) n ON CONFLICT DO NOTHING`,
      values,
    );
    await app.sql(`INSERT INTO inline_policy (owner_id, policy_name, role_id, document) SELECT role_id, 'own', role_id, '{}' FROM role WHERE account_id = $1 ON CONFLICT DO NOTHING`, [account]);
    await app.sql(`INSERT INTO policy_attachment (owner_id, policy_arn, account_id, role_id) SELECT role_id, $2, account_id, role_id FROM role WHERE account_id = $1 ON CONFLICT DO NOTHING`, [account, READS]);
    await app.sql(
      `INSERT INTO instance_profile (profile_id, account_id, profile_name, name_key, path, role_id, tags, created_at) SELECT 'AIPA' || substr(role_id, 5), account_id, role_name, name_key, '/', role_id, '[]', now() FROM role WHERE account_id = $1 ON CONFLICT DO NOTHING`,
      [account],
    );
  }

  it('takes as many statements whatever is on it, and however much there is', async () => {
    // From now on, nothing that is remembered is asked for.
    await get({ MaxItems: 1 });
    const counts: { some: number; all: number }[] = [];
    for (const rows of [10, 100, 1000]) {
      await fill(rows);
      const count = (MaxItems: number): Promise<number> =>
        statementsOf(async () => {
          const { RoleDetailList } = await get({ Filter: ['Role', 'AWSManagedPolicy'], MaxItems });
          expect(RoleDetailList).toHaveLength(MaxItems);
          expect(RoleDetailList?.[4]).toMatchObject({ RolePolicyList: [{ PolicyName: 'own' }], AttachedManagedPolicies: [{ PolicyArn: READS }], InstanceProfileList: [{ Path: '/' }] });
        });
      counts.push({ some: await count(5), all: await count(rows) });
    }
    const [first] = counts;
    expect(first?.some).toBeGreaterThan(5);
    expect(counts).toEqual([first, first, first]);
    // A page that ends with the last role has to see whether a policy follows.
    expect(first?.all).toBe((first?.some ?? 0) + 1);
  });
});
