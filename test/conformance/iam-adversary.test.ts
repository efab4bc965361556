import { request } from 'node:http';

import { Client } from 'pg';

import { Secret } from '../../src/domain/secret.js';
import { formatAmzDate, sign } from '../../src/domain/sigv4.js';
import { TestApp, type Keys } from '../support/app.js';
import { call, effectOf, expectRefused, type Input } from '../support/calls.js';
import { metadata } from '../support/identity-providers.js';
import { until } from '../support/outage.js';
import { allows, allowsUnder, denies, together, trusts, World, type Document } from '../support/world.js';

const PolicyDocument = JSON.stringify(allows('s3:GetObject'));
const AssumeRolePolicyDocument = JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' }));
const DENIED = { code: 'AccessDenied', status: 403 };

/** What somebody tries who may do a little, and would like to do more. */
describe('somebody with few permissions', () => {
  let app: TestApp;
  let world: World;
  let account: string;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = new World(app);
    account = app.root.account;
  });
  afterAll(() => app.close());

  const fresh = (word = 'name'): string => `${word}-${(count += 1)}`;
  const codeOf = async (keys: Keys, operation: string, input: Input): Promise<string | undefined> => (await call(app, 'query', { operation, keys, input })).code;
  const done = async (operation: string, input: Input): Promise<void> => {
    const { status, text } = await call(app, 'query', { operation, keys: app.root, input });
    if (status !== 200) throw new Error(text);
  };
  const refused = async (keys: Keys, operation: string, input: Input): Promise<void> => expectRefused(await effectOf(app, () => call(app, 'query', { operation, keys, input })), DENIED, operation);
  const denyWhere = (condition: Document): Document => ({ Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: '*', Resource: '*', Condition: condition }] });

  describe('is judged by his own tags', () => {
    it.each<[operation: string, input: (key: string) => Input]>([
      ['CreateAccessKey', () => ({})],
      ['ListAccessKeys', () => ({})],
      ['UpdateAccessKey', (AccessKeyId) => ({ AccessKeyId, Status: 'Inactive' })],
      ['DeleteAccessKey', (AccessKeyId) => ({ AccessKeyId })],
      ['GetUser', () => ({})],
    ])('whether he names himself or nobody: %s', async (operation, input) => {
      const locked = denyWhere({ StringEquals: { 'aws:ResourceTag/locked': 'yes' } });
      const user = await world.user(fresh('locked'), together(allows('iam:*'), locked), '/', [{ Key: 'Locked', Value: 'yes' }]);
      for (const named of [{ UserName: user.name }, {}]) await refused(user, operation, { ...named, ...input(user.accessKeyId) });
      await done('UntagUser', { UserName: user.name, TagKeys: ['locked'] });
      expect(await codeOf(user, operation, input(user.accessKeyId))).toBeUndefined();
    });
  });

  /** Operations that take tags, on what may have keys that differ by case only. */
  const tagged: readonly (readonly [operation: string, make: () => Promise<Input> | Input])[] = [
    ['CreatePolicy', () => ({ PolicyName: fresh(), PolicyDocument })],
    ['CreateInstanceProfile', () => ({ InstanceProfileName: fresh() })],
    ['CreateOpenIDConnectProvider', () => ({ Url: `https://${fresh('idp')}.example` })],
    ['CreateSAMLProvider', () => ({ Name: fresh(), SAMLMetadataDocument: metadata() })],
    ['TagPolicy', async () => ({ PolicyArn: await world.policy(fresh(), allows('s3:*')) })],
    ['TagInstanceProfile', async () => {
      const InstanceProfileName = fresh();
      await done('CreateInstanceProfile', { InstanceProfileName });
      return { InstanceProfileName };
    }],
    ['TagOpenIDConnectProvider', async () => {
      const name = `${fresh('idp')}.example`;
      await done('CreateOpenIDConnectProvider', { Url: `https://${name}` });
      return { OpenIDConnectProviderArn: `arn:aws:iam::${account}:oidc-provider/${name}` };
    }],
    ['TagSAMLProvider', async () => {
      const Name = fresh();
      await done('CreateSAMLProvider', { Name, SAMLMetadataDocument: metadata() });
      return { SAMLProviderArn: `arn:aws:iam::${account}:saml-provider/${Name}` };
    }],
  ];
  const names: readonly (readonly [operation: string, make: () => Promise<Input> | Input])[] = [
    ['CreateUser', () => ({ UserName: fresh() })],
    ['CreateRole', () => ({ RoleName: fresh(), AssumeRolePolicyDocument })],
    ['TagUser', async () => ({ UserName: (await world.user(fresh())).name })],
    ['TagRole', async () => ({ RoleName: (await world.role(fresh(), trusts({ Service: 'ec2.amazonaws.com' }))).name })],
  ];
  const pairs = (...all: [Key: string, Value: string][]): Input => ({ Tags: all.map(([Key, Value]) => ({ Key, Value })) });

  it.each([...tagged, ...names])('gives the tags that he may give, and no others: %s', async (operation, make) => {
    const only = allowsUnder({ StringEquals: { 'aws:RequestTag/team': 'dev' }, 'ForAllValues:StringEquals': { 'aws:TagKeys': ['team', 'Team', 'TEAM'] } }, 'iam:*');
    const delegate = await world.user(fresh('delegate'), only);
    for (const tags of [{}, pairs(['team', 'prod']), pairs(['team', 'dev'], ['other', 'x']), pairs(['other', 'dev'])]) {
      if (operation.startsWith('Tag') && Object.keys(tags).length === 0) continue;
      await refused(delegate, operation, { ...(await make()), ...tags });
    }
    expect(await codeOf(delegate, operation, { ...(await make()), ...pairs(['team', 'dev']) })).toBeUndefined();
  });

  describe('hides no tag behind another whose key differs by case only', () => {
    const both = [pairs(['Team', 'prod'], ['team', 'dev']), pairs(['team', 'dev'], ['Team', 'prod']), pairs(['TEAM', 'dev'], ['Team', 'prod'], ['team', 'dev'])];

    it.each(tagged)('of those he gives: %s', async (operation, make) => {
      const allowed = await world.user(fresh('allowed'), allowsUnder({ StringEquals: { 'aws:RequestTag/team': 'dev' } }, 'iam:*'));
      const denied = await world.user(fresh('denied'), together(allows('iam:*'), denyWhere({ StringEquals: { 'aws:RequestTag/team': 'prod' } })));
      for (const tags of both) for (const delegate of [allowed, denied]) await refused(delegate, operation, { ...(await make()), ...tags });
      expect(await codeOf(allowed, operation, { ...(await make()), ...pairs(['Team', 'dev'], ['team', 'dev']) })).toBeUndefined();
    });

    it('of those there are', async () => {
      const allowed = await world.user(fresh('allowed'), allowsUnder({ StringEquals: { 'aws:ResourceTag/team': 'dev' } }, 'iam:*'));
      const denied = await world.user(fresh('denied'), together(allows('iam:*'), denyWhere({ StringEquals: { 'iam:ResourceTag/team': 'prod' } })));
      for (const { Tags } of both) {
        const PolicyArn = await world.policy(fresh(), allows('s3:*'), { tags: Tags as never });
        for (const delegate of [allowed, denied]) await refused(delegate, 'DeletePolicy', { PolicyArn });
      }
    });
  });

  describe('hands on no role that he may not pass', () => {
    const prepare = async (path = '/'): Promise<{ InstanceProfileName: string; RoleName: string; arn: string }> => {
      const InstanceProfileName = fresh('profile');
      await done('CreateInstanceProfile', { InstanceProfileName });
      const { name, arn } = await world.role(fresh('role'), trusts({ Service: 'ec2.amazonaws.com' }), { path, tags: [{ Key: 'team', Value: 'dev' }] });
      return { InstanceProfileName, RoleName: name, arn };
    };

    it('into an instance profile: iam:PassRole on the role, with its path, tags and iam:PassedToService', async () => {
      const { arn, ...input } = await prepare('/dev/');
      const adding = allows('iam:AddRoleToInstanceProfile');
      const under = (condition: Document): Document => together(adding, allowsUnder(condition, 'iam:PassRole'));
      const insufficient = [
        adding,
        together(adding, allows('iam:PassRole', `arn:aws:iam::${account}:role/${input.RoleName}`)),
        together(allows('iam:*'), denies('iam:PassRole', arn)),
        under({ StringEquals: { 'iam:PassedToService': 'lambda.amazonaws.com' } }),
        under({ StringEquals: { 'aws:ResourceTag/team': 'prod' } }),
        allows('iam:PassRole'),
      ];
      for (const policy of insufficient) await refused(await world.user(fresh('passer'), policy), 'AddRoleToInstanceProfile', input);
      const sufficient = together(adding, { ...allowsUnder({ StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com', 'aws:ResourceTag/team': 'dev' } }, 'iam:PassRole') });
      expect(await codeOf(await world.user(fresh('passer'), sufficient), 'AddRoleToInstanceProfile', input)).toBeUndefined();
    });

    it('that is not the one any more that was judged', async () => {
      const { InstanceProfileName, RoleName, arn } = await prepare();
      const passer = await world.user(fresh('passer'), together(allows('iam:AddRoleToInstanceProfile'), allows('iam:PassRole', arn)));
      const input = { InstanceProfileName, RoleName };
      expect(await codeOf(passer, 'AddRoleToInstanceProfile', input)).toBeUndefined();
      await done('RemoveRoleFromInstanceProfile', input);
      // Behind the server's back, so that what it remembers is wrong.
      await app.sql(`UPDATE role SET path = '/admin/' WHERE role_name = $1`, [RoleName]);
      await refused(passer, 'AddRoleToInstanceProfile', input);
    });
  });

  it('changes no policy that appears, with tags, just when it is looked for', async () => {
    const PolicyName = fresh('appearing');
    const PolicyArn = `arn:aws:iam::${account}:policy/${PolicyName}`;
    const mallory = await world.user(fresh('mallory'), allowsUnder({ Null: { 'aws:ResourceTag/team': 'true' } }, 'iam:*'));
    const other = new Client({ connectionString: app.database.url });
    await other.connect();
    try {
      await other.query('BEGIN');
      await other.query('SELECT 1 FROM account WHERE account_id = $1 FOR NO KEY UPDATE', [account]);
      const asked = effectOf(app, async () => {
        const answer = call(app, 'query', { operation: 'DeletePolicy', keys: mallory, input: { PolicyArn } });
        await until('the call waits', async () => (await app.sql<{ n: number }>(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'stint' AND wait_event_type = 'Lock'`))[0]?.n === 1);
        await other.query(
          `INSERT INTO managed_policy (policy_id, account_id, policy_name, name_key, path, default_version, latest_version, tags, created_at, updated_at) VALUES ($1, $2, $3, $3, '/', 1, 1, '[{"Key": "team", "Value": "a"}]', now(), now())`,
          ['ANPAAPPEARING22222222', account, PolicyName],
        );
        await other.query('COMMIT');
        return answer;
      });
      const { result } = await asked;
      expect(result).toMatchObject(DENIED);
      expect(await app.sql('SELECT 1 FROM managed_policy WHERE policy_name = $1', [PolicyName])).toHaveLength(1);
    } finally {
      await other.end();
    }
  });

  describe('reaches nobody else by a path that is read in two ways', () => {
    /** A signed request whose path is sent as it is: clients would put `..` in order. */
    async function get(keys: Keys, path: string): Promise<{ status: number; text: string }> {
      const amzDate = formatAmzDate(app.clock.now().getTime());
      const { host, hostname, port } = new URL(app.url);
      const headers = { host, 'x-amz-date': amzDate };
      const authorization = sign(
        { method: 'GET', path, query: '', headers: Object.entries(headers), bodySha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' },
        { accessKeyId: keys.accessKeyId, secret: Secret.of(keys.secretAccessKey), region: 'us-east-1', service: 'stint', amzDate },
      );
      return new Promise((resolve, reject) => {
        const sent = request({ hostname, port, path, headers: { ...headers, authorization } }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => (text += part)).on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        });
        sent.on('error', reject).end();
      });
    }

    it.each(['own%2F..%2Fvictim', 'own%2Fvictim', '%2E%2E%2Fvictim', 'own/../victim', './victim', 'own%252F..%252Fvictim', 'victim%00', 'victim%2F', '%2Fvictim', 'victim;own', 'victim%3Fown', 'victim%23own', 'v%C4%B1ctim', 'victim%20'])('%s', async (path) => {
      const keys = await world.user(fresh('walker'), allows('iam:GetUser', `arn:aws:iam::${account}:user/own*`));
      const everybody = await world.user(fresh('everybody'), allows('iam:GetUser'));
      if (await codeOf(app.root, 'GetUser', { UserName: 'victim' }) !== undefined) await done('CreateUser', { UserName: 'victim' });
      for (const caller of [keys, everybody]) {
        const { status, text } = await get(caller, `/v1/users/${path}`);
        expect(text).not.toContain('AIDA');
        expect([400, 403, 404]).toContain(status);
      }
    });

    it('and somebody whose name is only escaped needlessly is who he is', async () => {
      const UserName = fresh('plain');
      await done('CreateUser', { UserName });
      const allowed = await world.user(fresh('walker'), allows('iam:GetUser', `arn:aws:iam::${account}:user/${UserName}`));
      expect((await get(allowed, `/v1/users/%70${UserName.slice(1)}`)).status).toBe(200);
      expect((await get(allowed, `/v1/users/%76ictim`)).status).toBe(403);
    });
  });

  it('learns nothing of policies of other accounts by any call', async () => {
    const abroad = await world.account(fresh('abroad'));
    const exists = await abroad.policy('secret', allows('s3:*'), { tags: [{ Key: 'team', Value: 'a' }] });
    const absent = exists.replace('secret', 'absent');
    const user = await world.user(fresh('own'), allows('iam:*'));
    const role = await world.role(fresh('own'), trusts({ Service: 'ec2.amazonaws.com' }));
    const GroupName = fresh('own');
    await done('CreateGroup', { GroupName });
    const calls: [string, (arn: string) => Input][] = [
      ...['GetPolicy', 'DeletePolicy', 'ListPolicyVersions', 'ListPolicyTags', 'ListEntitiesForPolicy'].map((operation): [string, (arn: string) => Input] => [operation, (PolicyArn) => ({ PolicyArn })]),
      ...['GetPolicyVersion', 'SetDefaultPolicyVersion', 'DeletePolicyVersion'].map((operation): [string, (arn: string) => Input] => [operation, (PolicyArn) => ({ PolicyArn, VersionId: 'v1' })]),
      ['CreatePolicyVersion', (PolicyArn) => ({ PolicyArn, PolicyDocument })],
      ['TagPolicy', (PolicyArn) => ({ PolicyArn, Tags: [{ Key: 'a', Value: 'b' }] })],
      ['UntagPolicy', (PolicyArn) => ({ PolicyArn, TagKeys: ['team'] })],
      ...(['Attach', 'Detach'] as const).flatMap((verb): [string, (arn: string) => Input][] => [
        [`${verb}UserPolicy`, (PolicyArn) => ({ PolicyArn, UserName: user.name })],
        [`${verb}RolePolicy`, (PolicyArn) => ({ PolicyArn, RoleName: role.name })],
        [`${verb}GroupPolicy`, (PolicyArn) => ({ PolicyArn, GroupName })],
      ]),
      ['PutUserPermissionsBoundary', (PermissionsBoundary) => ({ PermissionsBoundary, UserName: user.name })],
      ['PutRolePermissionsBoundary', (PermissionsBoundary) => ({ PermissionsBoundary, RoleName: role.name })],
      ['CreateUser', (PermissionsBoundary) => ({ PermissionsBoundary, UserName: 'bounded-abroad' })],
    ];
    for (const [operation, input] of calls) {
      const [of, none] = [await call(app, 'query', { operation, keys: user, input: input(exists) }), await call(app, 'query', { operation, keys: user, input: input(absent) })];
      expect([operation, of.status, of.code, of.message?.replace('secret', 'absent')]).toEqual([operation, none.status, none.code, none.message]);
      expect(of.status).toBeGreaterThanOrEqual(400);
    }
  });
});
