import {
  AttachRolePolicyCommand,
  AttachUserPolicyCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  DeletePolicyCommand,
  DeletePolicyVersionCommand,
  DetachRolePolicyCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  ListEntitiesForPolicyCommand,
  ListPoliciesCommand,
  ListPolicyTagsCommand,
  ListPolicyVersionsCommand,
  SetDefaultPolicyVersionCommand,
  TagPolicyCommand,
  UntagPolicyCommand,
  type IAMClient,
  type ListPoliciesCommandInput,
  type Policy,
} from '@aws-sdk/client-iam';

import { shippedPolicies } from '../../src/policies/shipped.js';
import { TestApp } from '../support/app.js';
import { expectSdkRefusal, type Refused } from '../support/sdk.js';
import { allows, trusts, World, type Document } from '../support/world.js';

const CREATED = new Date('2026-11-25T10:00:00Z');
const allow = { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' };
const PolicyDocument = JSON.stringify(allows('s3:GetObject'));
const trustsEc2 = trusts({ Service: 'ec2.amazonaws.com' });
const shippedArn = (name: string): string => `arn:aws:iam::aws:policy/${name}`;
const shippedArns = shippedPolicies.map(({ path, name }) => `arn:aws:iam::aws:policy${path}${name}`);

/** A document of exactly this size, white space not counted. */
function sized(size: number, blanks = 0): string {
  const fill = (length: number): string => JSON.stringify({ Version: '2012-10-17', Statement: [{ Sid: 'x'.repeat(length), ...allow }] });
  return ' '.repeat(blanks) + fill(size - fill(0).length);
}

describe('an unmodified IAM client, about managed policies', () => {
  let app: TestApp;
  let world: World;
  let iam: IAMClient;
  let account: string;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = await new World(app).account('policies');
    account = world.root.account;
    iam = app.iam(world.root);
  });
  afterAll(() => app.close());

  const fresh = (): string => `name-${String((count += 1))}`;
  const refused = (send: () => Promise<unknown>, code: string, status: number, message: string): Promise<void> => expectSdkRefusal(app, send, { code, status, message } satisfies Refused);
  const arnOf = (name: string, path = '/'): string => `arn:aws:iam::${account}:policy${path}${name}`;
  const create = (document: Document = allows('s3:GetObject')): Promise<string> => world.policy(fresh(), document);
  const addVersion = async (PolicyArn: string, SetAsDefault?: boolean, document = PolicyDocument): Promise<string | undefined> =>
    (await iam.send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: document, SetAsDefault }))).PolicyVersion?.VersionId;
  const versionsOf = async (PolicyArn: string): Promise<[string | undefined, boolean | undefined][]> =>
    ((await iam.send(new ListPolicyVersionsCommand({ PolicyArn }))).Versions ?? []).map(({ VersionId, IsDefaultVersion }) => [VersionId, IsDefaultVersion]);
  const policyOf = async (PolicyArn: string): Promise<Policy | undefined> => (await iam.send(new GetPolicyCommand({ PolicyArn }))).Policy;

  describe('policies', () => {
    it('are created, shown and listed in the shapes of AWS', async () => {
      const tags = [{ Key: 'team', Value: 'x' }];
      const { Policy: made } = await iam.send(new CreatePolicyCommand({ PolicyName: 'Deploy', Path: '/ci/', PolicyDocument, Description: 'Deploys.', Tags: tags }));
      const listed = {
        PolicyName: 'Deploy',
        PolicyId: expect.stringMatching(/^ANPA[A-Z2-7]{17}$/),
        Arn: arnOf('Deploy', '/ci/'),
        Path: '/ci/',
        DefaultVersionId: 'v1',
        AttachmentCount: 0,
        PermissionsBoundaryUsageCount: 0,
        IsAttachable: true,
        CreateDate: CREATED,
        UpdateDate: CREATED,
      };
      expect(made).toEqual({ ...listed, Tags: tags });
      expect(await policyOf(arnOf('Deploy', '/ci/'))).toEqual({ ...listed, Description: 'Deploys.', Tags: tags });
      const { Policies, IsTruncated } = await iam.send(new ListPoliciesCommand({ Scope: 'Local', PathPrefix: '/ci/' }));
      expect([Policies, IsTruncated]).toEqual([[listed], false]);
    });

    it('say nothing more where nothing is said, but that they have no tags', async () => {
      const PolicyName = fresh();
      const { Policy: made } = await iam.send(new CreatePolicyCommand({ PolicyName, PolicyDocument }));
      expect(made).not.toHaveProperty('Tags');
      const shown = await policyOf(arnOf(PolicyName));
      expect(shown).toMatchObject({ Path: '/', Tags: [] });
      expect(shown).not.toHaveProperty('Description');
    });

    it('have names that are unique whatever their case and path', async () => {
      const PolicyName = fresh();
      await iam.send(new CreatePolicyCommand({ PolicyName, PolicyDocument }));
      const again = PolicyName.toUpperCase();
      await refused(() => iam.send(new CreatePolicyCommand({ PolicyName: again, Path: '/other/', PolicyDocument })), 'EntityAlreadyExists', 409, `A policy called ${again} already exists. Duplicate names are not allowed.`);
    });

    it('are found by their exact ARN only', async () => {
      const PolicyName = fresh();
      await iam.send(new CreatePolicyCommand({ PolicyName, PolicyDocument }));
      for (const arn of [arnOf(PolicyName.toUpperCase()), arnOf(PolicyName, '/other/')]) await refused(() => policyOf(arn), 'NoSuchEntity', 404, `Policy ${arn} was not found.`);
    });

    it('may have 6144 characters, white space not counted', async () => {
      await expect(iam.send(new CreatePolicyCommand({ PolicyName: fresh(), PolicyDocument: sized(6144, 5000) }))).resolves.toBeDefined();
      const arn = await create();
      for (const document of [sized(6145), sized(1000, 4 * 6144)]) {
        await refused(() => iam.send(new CreatePolicyCommand({ PolicyName: fresh(), PolicyDocument: document })), 'LimitExceeded', 409, 'Cannot exceed quota for PolicySize: 6144');
        await refused(() => addVersion(arn, true, document), 'LimitExceeded', 409, 'Cannot exceed quota for PolicySize: 6144');
      }
    });

    it('are checked as inline policies are', async () => {
      const bad = JSON.stringify({ Version: '2012-10-17', Statement: { ...allow, Principal: '*' } });
      const arn = await create();
      for (const send of [() => iam.send(new CreatePolicyCommand({ PolicyName: fresh(), PolicyDocument: bad })), () => addVersion(arn, false, bad)]) {
        await refused(send, 'MalformedPolicyDocument', 400, 'Policy document should not specify a principal.');
      }
    });

    it('are at most 1500 in an account', async () => {
      const full = await new World(app).account('full');
      await app.sql(
        `INSERT INTO managed_policy (policy_id, account_id, policy_name, name_key, path, default_version, latest_version, tags, created_at, updated_at)
         SELECT 'ANPAFULL' || n, $1, 'p' || n, 'p' || n, '/', 1, 1, '[]', now(), now() FROM generate_series(1, 1499) n`,
        [full.root.account],
      );
      await full.policy('last', allows('s3:GetObject'));
      await refused(() => full.policy('more', allows('s3:GetObject')), 'LimitExceeded', 409, 'Cannot exceed quota for PoliciesPerAccount: 1500');
    });

    it('are deleted only when nobody has them and their other versions are gone', async () => {
      const PolicyArn = await create();
      const remove = (): Promise<unknown> => iam.send(new DeletePolicyCommand({ PolicyArn }));
      const role = await world.role(fresh(), trustsEc2);
      await iam.send(new AttachRolePolicyCommand({ RoleName: role.name, PolicyArn }));
      await refused(remove, 'DeleteConflict', 409, 'Cannot delete a policy attached to entities.');
      await iam.send(new DetachRolePolicyCommand({ RoleName: role.name, PolicyArn }));
      await addVersion(PolicyArn);
      await refused(remove, 'DeleteConflict', 409, "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.");
      await iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId: 'v2' }));
      await remove();
      await refused(remove, 'NoSuchEntity', 404, `Policy ${PolicyArn} was not found.`);
    });

    const missing: [string, (PolicyArn: string) => Promise<unknown>, string][] = [
      ['GetPolicy', (PolicyArn) => policyOf(PolicyArn), 'was not found.'],
      ['DeletePolicy', (PolicyArn) => iam.send(new DeletePolicyCommand({ PolicyArn })), 'was not found.'],
      ['CreatePolicyVersion', (PolicyArn) => addVersion(PolicyArn), 'does not exist or is not attachable.'],
      ['GetPolicyVersion', (PolicyArn) => iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId: 'v1' })), 'version v1 does not exist or is not attachable.'],
      ['ListPolicyVersions', (PolicyArn) => versionsOf(PolicyArn), 'was not found.'],
      ['SetDefaultPolicyVersion', (PolicyArn) => iam.send(new SetDefaultPolicyVersionCommand({ PolicyArn, VersionId: 'v1' })), 'version v1 does not exist or is not attachable.'],
      ['DeletePolicyVersion', (PolicyArn) => iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId: 'v1' })), 'version v1 does not exist or is not attachable.'],
      ['TagPolicy', (PolicyArn) => iam.send(new TagPolicyCommand({ PolicyArn, Tags: [] })), 'was not found.'],
      ['UntagPolicy', (PolicyArn) => iam.send(new UntagPolicyCommand({ PolicyArn, TagKeys: [] })), 'was not found.'],
      ['ListPolicyTags', (PolicyArn) => iam.send(new ListPolicyTagsCommand({ PolicyArn })), 'was not found.'],
      ['ListEntitiesForPolicy', (PolicyArn) => iam.send(new ListEntitiesForPolicyCommand({ PolicyArn })), 'does not exist or is not attachable.'],
    ];
    it.each(missing)('that do not exist are not found by %s, and what is no ARN is none', async (_, send, message) => {
      await refused(() => send(arnOf('none')), 'NoSuchEntity', 404, `Policy ${arnOf('none')} ${message}`);
      for (const arn of [`arn:aws:iam::${account}:user/none`, `arn:aws:iam::${account}:policy/a!`, 'not an ARN, but long enough']) await refused(() => send(arn), 'InvalidInput', 400, `ARN ${arn} is not valid.`);
    });
  });

  describe('versions', () => {
    it('are read as they were written, to the byte', async () => {
      const document = ` {\t"Version":"2012-10-17",\r\n"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/!'()*~ +%25&=\u00e4\u00ff"}}\n`;
      const { Policy: made } = await iam.send(new CreatePolicyCommand({ PolicyName: fresh(), PolicyDocument: document }));
      const { PolicyVersion } = await iam.send(new GetPolicyVersionCommand({ PolicyArn: made?.Arn, VersionId: 'v1' }));
      expect(PolicyVersion).toEqual({ Document: expect.stringMatching(/^(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+$/), VersionId: 'v1', IsDefaultVersion: true, CreateDate: CREATED });
      expect(decodeURIComponent(PolicyVersion?.Document ?? '')).toBe(document);
    });

    it('are numbered for ever, five at the most, newest first', async () => {
      const PolicyArn = await create();
      for (const id of ['v2', 'v3', 'v4', 'v5']) expect(await addVersion(PolicyArn)).toBe(id);
      await refused(() => addVersion(PolicyArn), 'LimitExceeded', 409, 'A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.');
      await iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId: 'v5' }));
      expect(await addVersion(PolicyArn, true)).toBe('v6');
      expect(await versionsOf(PolicyArn)).toEqual([['v6', true], ['v4', false], ['v3', false], ['v2', false], ['v1', false]]);
      expect(await policyOf(PolicyArn)).toMatchObject({ DefaultVersionId: 'v6' });
    });

    it('are paged through, and the list of them has no documents', async () => {
      const PolicyArn = await create();
      for (let index = 0; index < 3; index += 1) await addVersion(PolicyArn);
      const first = await iam.send(new ListPolicyVersionsCommand({ PolicyArn, MaxItems: 2 }));
      await addVersion(PolicyArn);
      await iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId: 'v3' }));
      const rest = await iam.send(new ListPolicyVersionsCommand({ PolicyArn, Marker: first.Marker }));
      expect([first, rest].map(({ Versions, IsTruncated }) => [Versions?.map(({ VersionId }) => VersionId), IsTruncated])).toEqual([[['v4', 'v3'], true], [['v2', 'v1'], false]]);
      expect(first.Versions?.[0]).toEqual({ VersionId: 'v4', IsDefaultVersion: false, CreateDate: CREATED });
      for (const Marker of ['x', Buffer.from('["v2"]').toString('base64url')]) await refused(() => iam.send(new ListPolicyVersionsCommand({ PolicyArn, Marker })), 'ValidationError', 400, 'Invalid Marker.');
    });

    it('take turns in being in force, and the one in force stays', async () => {
      const PolicyArn = await create();
      await addVersion(PolicyArn);
      await refused(() => iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId: 'v1' })), 'DeleteConflict', 409, 'Cannot delete the default version of a policy.');
      await iam.send(new SetDefaultPolicyVersionCommand({ PolicyArn, VersionId: 'v2' }));
      await iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId: 'v1' }));
      expect(await versionsOf(PolicyArn)).toEqual([['v2', true]]);
      for (const VersionId of ['v1', 'v9', 'v2.x', 'v99999999999']) {
        const absent = `Policy ${PolicyArn} version ${VersionId} does not exist or is not attachable.`;
        await refused(() => iam.send(new SetDefaultPolicyVersionCommand({ PolicyArn, VersionId })), 'NoSuchEntity', 404, absent);
        await refused(() => iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId })), 'NoSuchEntity', 404, absent);
        await refused(() => iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId })), 'NoSuchEntity', 404, absent);
      }
    });
  });

  describe('tags', () => {
    const tagsOf = async (PolicyArn: string): Promise<string[]> => ((await iam.send(new ListPolicyTagsCommand({ PolicyArn }))).Tags ?? []).map(({ Key, Value }) => `${Key ?? ''}=${Value ?? ''}`);

    it('are put, changed and taken away by exact key, and listed as AWS lists them', async () => {
      const PolicyArn = await create();
      await iam.send(new TagPolicyCommand({ PolicyArn, Tags: ['abc', 'z', 'a', 'A', 'b'].map((Key) => ({ Key, Value: '1' })) }));
      await iam.send(new TagPolicyCommand({ PolicyArn, Tags: [{ Key: 'a', Value: '' }] }));
      expect(await tagsOf(PolicyArn)).toEqual(['A=1', 'a=', 'b=1', 'z=1', 'abc=1']);
      await iam.send(new UntagPolicyCommand({ PolicyArn, TagKeys: ['A', 'B', 'abc'] }));
      expect(await tagsOf(PolicyArn)).toEqual(['a=', 'b=1', 'z=1']);
      expect((await policyOf(PolicyArn))?.Tags?.map(({ Key }) => Key)).toEqual(['a', 'b', 'z']);
      const first = await iam.send(new ListPolicyTagsCommand({ PolicyArn, MaxItems: 2 }));
      const rest = await iam.send(new ListPolicyTagsCommand({ PolicyArn, Marker: first.Marker }));
      expect([first.Tags?.length, first.IsTruncated, rest.Tags, rest.IsTruncated]).toEqual([2, true, [{ Key: 'z', Value: '1' }], false]);
    });

    it('are at most 50, and none twice', async () => {
      const PolicyArn = await create();
      const many = Array.from({ length: 50 }, (_, index) => ({ Key: `key-${String(index)}`, Value: '' }));
      await iam.send(new TagPolicyCommand({ PolicyArn, Tags: many }));
      await iam.send(new TagPolicyCommand({ PolicyArn, Tags: many }));
      await refused(() => iam.send(new TagPolicyCommand({ PolicyArn, Tags: [{ Key: 'more', Value: '' }] })), 'LimitExceeded', 409, 'The number of tags has reached the maximum limit.');
      const twice = [{ Key: 'a', Value: '1' }, { Key: 'a', Value: '2' }];
      for (const send of [() => iam.send(new TagPolicyCommand({ PolicyArn, Tags: twice })), () => iam.send(new CreatePolicyCommand({ PolicyName: fresh(), PolicyDocument, Tags: twice }))]) {
        await refused(send, 'InvalidInput', 400, 'Duplicate tag keys found.');
      }
    });
  });

  describe('shipped policies', () => {
    it.each(shippedArns)('can be got, with a version that is read: %s', async (PolicyArn) => {
      expect(await policyOf(PolicyArn)).toMatchObject({ Arn: PolicyArn, PolicyId: expect.stringMatching(/^ANPA[A-Z2-7]{17}$/), DefaultVersionId: 'v1', AttachmentCount: 0, IsAttachable: true, Tags: [], Description: expect.any(String) });
      const { PolicyVersion } = await iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId: 'v1' }));
      const document = JSON.parse(decodeURIComponent(PolicyVersion?.Document ?? '')) as { Version: string; Statement: { Effect: string }[] };
      // Attachments to them have no foreign key: a node that does not know one must lose nothing by it.
      expect(document.Statement.map(({ Effect }) => Effect)).toEqual(document.Statement.map(() => 'Allow'));
      expect(await versionsOf(PolicyArn)).toEqual([['v1', true]]);
    });

    it('are the same in every account', async () => {
      const other = app.iam((await new World(app).account('elsewhere')).root);
      const ids = async (client: IAMClient): Promise<unknown> => (await client.send(new ListPoliciesCommand({ Scope: 'AWS' }))).Policies?.map(({ PolicyId }) => PolicyId);
      expect(await ids(other)).toEqual(await ids(iam));
    });

    const change: [string, (PolicyArn: string) => Promise<unknown>, string][] = [
      ['DeletePolicy', (PolicyArn) => iam.send(new DeletePolicyCommand({ PolicyArn })), 'Cannot delete policies outside your own account.'],
      ['CreatePolicyVersion', (PolicyArn) => addVersion(PolicyArn), 'Cannot create versions for policies outside your own account.'],
      ['DeletePolicyVersion', (PolicyArn) => iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId: 'v1' })), 'Cannot delete policy versions for policies outside your own account.'],
      ['SetDefaultPolicyVersion', (PolicyArn) => iam.send(new SetDefaultPolicyVersionCommand({ PolicyArn, VersionId: 'v1' })), 'Cannot update policies outside your own account.'],
      ['TagPolicy', (PolicyArn) => iam.send(new TagPolicyCommand({ PolicyArn, Tags: [] })), 'Cannot update policies outside your own account.'],
      ['UntagPolicy', (PolicyArn) => iam.send(new UntagPolicyCommand({ PolicyArn, TagKeys: [] })), 'Cannot update policies outside your own account.'],
    ];
    it.each(change)('and those of other accounts are not changed by %s', async (_, send, message) => {
      for (const arn of [shippedArn('ReadOnlyAccess'), shippedArn('None'), 'arn:aws:iam::000000000001:policy/none']) await refused(() => send(arn), 'AccessDenied', 403, message);
    });
  });

  describe('lists', () => {
    let listed: World;
    const list = async (input: ListPoliciesCommandInput): Promise<string[]> => {
      const names: string[] = [];
      for (let Marker: string | undefined, more = true; more; ) {
        const page = await app.iam(listed.root).send(new ListPoliciesCommand({ ...input, ...(Marker !== undefined && { Marker }) }));
        names.push(...(page.Policies ?? []).map(({ PolicyName }) => PolicyName ?? ''));
        [Marker, more] = [page.Marker, page.IsTruncated ?? false];
      }
      return names;
    };
    const shippedNames = shippedPolicies.map(({ name }) => name).sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));

    beforeAll(async () => {
      listed = await new World(app).account('lists');
      for (const [name, path] of [['b', '/'], ['A', '/x/'], ['C', '/x/y/'], ['ReadOnlyAccess', '/']] as const) await listed.policy(name, allows('s3:*'), { path });
      const { name: UserName } = await listed.user('alice');
      const client = app.iam(listed.root);
      for (const PolicyArn of [`arn:aws:iam::${listed.root.account}:policy/x/A`, shippedArn('SecurityAudit')]) await client.send(new AttachUserPolicyCommand({ UserName, PolicyArn }));
    });

    it.each([1, 2, 3, 4, 5, 100])('give all, the own ones first, each by name, in pages of %i', async (MaxItems) => {
      expect(await list({ MaxItems })).toEqual(['A', 'b', 'C', 'ReadOnlyAccess', ...shippedNames]);
    });

    it.each<[string, ListPoliciesCommandInput, string[]]>([
      ['the own ones', { Scope: 'Local' }, ['A', 'b', 'C', 'ReadOnlyAccess']],
      ['the shipped ones', { Scope: 'AWS' }, shippedNames],
      ['those below a path', { PathPrefix: '/x/' }, ['A', 'C']],
      ['those whose path begins so', { PathPrefix: '/x/y' }, ['C']],
      ['the root tasks', { PathPrefix: '/root-task/' }, shippedPolicies.filter(({ path }) => path === '/root-task/').map(({ name }) => name)],
      ['those that are attached', { OnlyAttached: true }, ['A', 'SecurityAudit']],
      ['the own ones that are attached', { OnlyAttached: true, Scope: 'Local' }, ['A']],
      ['those that give permissions', { PolicyUsageFilter: 'PermissionsPolicy' }, ['A', 'SecurityAudit']],
      ['those that are boundaries', { PolicyUsageFilter: 'PermissionsBoundary' }, []],
    ])('give %s', async (_, input, names) => {
      for (const MaxItems of [1, 100]) expect(await list({ ...input, MaxItems })).toEqual(names);
    });

    it('count attachments within the account', async () => {
      const { Policies } = await app.iam(listed.root).send(new ListPoliciesCommand({ OnlyAttached: true }));
      expect(Policies?.map(({ AttachmentCount }) => AttachmentCount)).toEqual([1, 1]);
      expect((await policyOf(shippedArn('SecurityAudit')))?.AttachmentCount).toBe(0);
    });

    it('begin after no Marker that they never gave out', async () => {
      for (const parts of [['Mine', 'a'], ['a']]) {
        const Marker = Buffer.from(JSON.stringify(parts)).toString('base64url');
        await refused(() => iam.send(new ListPoliciesCommand({ Marker })), 'ValidationError', 400, 'Invalid Marker.');
      }
    });
  });
});
