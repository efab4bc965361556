import { TestApp, type Keys } from '../support/app.js';
import { call, effectOf, expectRefused, type Input } from '../support/calls.js';
import { choose, RISKY } from '../support/trust-scenarios.js';
import { allows, allowsUnder, trusts, World } from '../support/world.js';

const trustsEc2 = JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' }));

/** A name can come to mean somebody else between the judgement, which goes by memory, and the act. */
describe('a call whose target is not the one that was judged', () => {
  let app: TestApp;
  let world: World;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = new World(app);
  });
  afterAll(() => app.close());

  /** Makes an entity behind the server's back, so that what it remembers of the name is wrong. */
  async function appears(kind: 'user' | 'role' | 'group', name: string): Promise<void> {
    if (kind === 'group') {
      await app.sql(`INSERT INTO iam_group (group_id, account_id, group_name, name_key, path, created_at) VALUES ($1, $2, $3, $3, '/admin/', now())`, [`AGPA${name.toUpperCase().padEnd(17, 'X')}`, app.root.account, name]);
      return;
    }
    if (kind === 'user') {
      await app.sql(
        `INSERT INTO iam_user (user_id, account_id, user_name, name_key, path, tags, created_at) VALUES ($1, $2, $3, $3, '/admin/', '[]', now())`,
        [`AIDA${name.toUpperCase().padEnd(17, 'X')}`, app.root.account, name],
      );
      return;
    }
    await app.sql(
      `INSERT INTO role (role_id, account_id, role_name, name_key, path, max_session_duration, trust_policy, trust_principals, tags, created_at)
       VALUES ($1, $2, $3, $3, '/admin/', 3600, $4, '{}', '[]', now())`,
      [`AROA${name.toUpperCase().padEnd(17, 'X')}`, app.root.account, name, trustsEc2],
    );
  }

  const about = (kind: 'user' | 'role' | 'group', name: string): Input => ({ [{ user: 'UserName', role: 'RoleName', group: 'GroupName' }[kind]]: name });
  const cases: readonly (readonly [string, 'user' | 'role' | 'group', Input])[] = [
    ['CreateAccessKey', 'user', {}],
    ['PutUserPolicy', 'user', { PolicyName: 'p', PolicyDocument: JSON.stringify(allows('*')) }],
    ['DeleteUser', 'user', {}],
    ['GetUser', 'user', {}],
    ['ListUserPolicies', 'user', {}],
    ['UpdateAssumeRolePolicy', 'role', { PolicyDocument: trustsEc2 }],
    ['PutRolePolicy', 'role', { PolicyName: 'p', PolicyDocument: JSON.stringify(allows('*')) }],
    ['DeleteRole', 'role', {}],
    ['GetRole', 'role', {}],
    ['UpdateUser', 'user', { NewPath: '/' }],
    ['TagUser', 'user', { Tags: [{ Key: 'a', Value: 'b' }] }],
    ['CreateLoginProfile', 'user', { Password: 'Password-1' }],
    ['GetLoginProfile', 'user', {}],
    ['UpdateLoginProfile', 'user', { Password: 'Password-1' }],
    ['DeleteLoginProfile', 'user', {}],
    ['PutUserPermissionsBoundary', 'user', { PermissionsBoundary: 'arn:aws:iam::aws:policy/ReadOnlyAccess' }],
    ['UpdateRole', 'role', {}],
    ['DeleteRolePermissionsBoundary', 'role', {}],
    ['GetGroup', 'group', {}],
    ['DeleteGroup', 'group', {}],
    ['UpdateGroup', 'group', { NewPath: '/' }],
    ['PutGroupPolicy', 'group', { PolicyName: 'p', PolicyDocument: JSON.stringify(allows('*')) }],
    ['AddUserToGroup', 'group', { UserName: 'mallory-AddUserToGroup' }],
  ];

  it.each(cases)('is judged again: %s', async (operation, kind, more) => {
    const name = `vip${operation.toLowerCase().slice(0, 12)}`;
    // Everything on entities without a path, and nothing on others.
    const mallory = await world.user(`mallory-${operation}`, allows(`iam:${operation}`, `arn:aws:iam::${app.root.account}:${kind}/${name}`));
    const asked = { operation, keys: mallory, input: { ...about(kind, name), ...more } };
    expect((await call(app, 'query', asked)).code).toBe('NoSuchEntity');
    await appears(kind, name);
    const effect = await effectOf(app, () => call(app, 'query', asked));
    expectRefused(effect, { code: 'AccessDenied', status: 403 }, operation);
  });

  const onPolicies: readonly (readonly [string, Input])[] = [
    ['GetPolicy', {}],
    ['ListPolicyVersions', {}],
    ['CreatePolicyVersion', { PolicyDocument: JSON.stringify(allows('*')), SetAsDefault: true }],
    ['DeletePolicy', {}],
    ['UntagPolicy', { TagKeys: ['team'] }],
  ];

  it.each(onPolicies)('is judged again where a policy has other tags now: %s', async (operation, more) => {
    const PolicyArn = await world.policy(`p-${operation}`, allows('s3:*'), { tags: [{ Key: 'team', Value: 'a' }] });
    const condition = { StringEquals: { 'aws:ResourceTag/team': 'a' } };
    const mallory = await world.user(`mallory-${operation}`, { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 'iam:*', Resource: '*', Condition: condition } });
    expect((await call(app, 'query', { operation: 'GetPolicy', keys: mallory, input: { PolicyArn } })).code).toBeUndefined();
    await app.sql(`UPDATE managed_policy SET tags = '[{"Key": "team", "Value": "b"}]' WHERE policy_name = $1`, [`p-${operation}`]);
    const effect = await effectOf(app, () => call(app, 'query', { operation, keys: mallory, input: { PolicyArn, ...more } }));
    expectRefused(effect, { code: 'AccessDenied', status: 403 }, operation);
  });

  it('is judged again where it has another boundary now', async () => {
    const [bound, free] = ['ReadOnlyAccess', 'AdministratorAccess'].map((name) => `arn:aws:iam::aws:policy/${name}`);
    await world.user('bounded');
    await call(app, 'query', { operation: 'PutUserPermissionsBoundary', keys: app.root, input: { UserName: 'bounded', PermissionsBoundary: bound } });
    const delegate = await world.user('delegate', { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 'iam:PutUserPolicy', Resource: '*', Condition: { StringEquals: { 'iam:PermissionsBoundary': bound } } } });
    const asked = { operation: 'PutUserPolicy', keys: delegate, input: { UserName: 'bounded', PolicyName: 'p', PolicyDocument: JSON.stringify(allows('*')) } };
    expect((await call(app, 'query', asked)).code).toBeUndefined();
    await app.sql('UPDATE iam_user SET boundary_arn = $1 WHERE user_name = $2', [free, 'bounded']);
    const effect = await effectOf(app, () => call(app, 'query', asked));
    expectRefused(effect, { code: 'AccessDenied', status: 403 }, 'PutUserPolicy');
  });

  const onProviders: readonly (readonly [string, Input])[] = [
    ['GetOpenIDConnectProvider', {}],
    ['AddClientIDToOpenIDConnectProvider', { ClientID: 'mine' }],
    ['DeleteOpenIDConnectProvider', {}],
  ];

  it.each(onProviders)('is judged again where an identity provider has other tags now: %s', async (operation, more) => {
    const Url = `https://${operation.toLowerCase()}.example`;
    const OpenIDConnectProviderArn = `arn:aws:iam::${app.root.account}:oidc-provider/${operation.toLowerCase()}.example`;
    await call(app, 'query', { operation: 'CreateOpenIDConnectProvider', keys: app.root, input: { Url, Tags: [{ Key: 'team', Value: 'a' }] } });
    const mallory = await world.user(`mallory-${operation}`, allowsUnder({ StringEquals: { 'aws:ResourceTag/team': 'a' } }, 'iam:*'));
    expect((await call(app, 'query', { operation: 'GetOpenIDConnectProvider', keys: mallory, input: { OpenIDConnectProviderArn } })).code).toBeUndefined();
    await app.sql(`UPDATE oidc_provider SET tags = '[{"Key": "team", "Value": "b"}]' WHERE url = $1`, [Url.slice('https://'.length)]);
    const effect = await effectOf(app, () => call(app, 'query', { operation, keys: mallory, input: { OpenIDConnectProviderArn, ...more } }));
    expectRefused(effect, { code: 'AccessDenied', status: 403 }, operation);
  });

  it.each<[string, Input]>([
    ['CreateRole', { AssumeRolePolicyDocument: RISKY }],
    ['UpdateAssumeRolePolicy', { PolicyDocument: RISKY }],
  ])('is judged by what the account has chosen about risky trust policies by now: %s', async (operation, more) => {
    const own = await world.account(`chooses-${operation}`);
    await choose(own, { TrustLinter: 'report-only', TrustedIssuersMode: 'report-only' });
    const asked = (RoleName: string): Parameters<typeof call>[2] => ({ operation, keys: own.root, input: { RoleName, ...more } });
    if (operation !== 'CreateRole') for (const name of ['before', 'after']) await own.role(name, trusts({ Service: 'ec2.amazonaws.com' }));
    expect((await call(app, 'rest', asked('before'))).code).toBeUndefined();
    await app.sql(`UPDATE trust_setting SET linter = 'enforce', issuers_mode = 'enforce' WHERE account_id = $1`, [own.root.account]);
    expectRefused(await effectOf(app, () => call(app, 'rest', asked('after'))), { code: 'RiskyTrustPolicy', status: 400 }, operation);
    // What is left out of a change stays as it is there, not as it is remembered.
    const changed = await call(app, 'rest', { operation: 'UpdateAccountSettings', keys: own.root, input: { TrustedIssuers: ['https://idp.example'] } });
    const chosen = { trustLinter: 'enforce', trustedIssuersMode: 'enforce', trustedIssuers: ['https://idp.example'] };
    expect(changed.output).toEqual(chosen);
    expect((await call(app, 'rest', { operation: 'GetAccountSettings', keys: own.root, input: {} })).output).toEqual(chosen);
  });

  it('is found where it may be: a user that another node has just made', async () => {
    const asked = { operation: 'PutUserPolicy', keys: app.root, input: { UserName: 'late', PolicyName: 'p', PolicyDocument: JSON.stringify(allows('*')) } };
    expect((await call(app, 'query', asked)).code).toBe('NoSuchEntity');
    await appears('user', 'late');
    expect(await call(app, 'query', asked)).toMatchObject({ status: 200 });
  });

  it.each(['CreateAccessKey', 'ListAccessKeys'])('is not there any more: %s', async (operation) => {
    await world.user(`gone-${operation}`);
    const keys: Keys = app.root;
    const input = { UserName: `gone-${operation}` };
    await call(app, 'query', { operation, keys, input });
    await app.sql('DELETE FROM access_key WHERE user_id IN (SELECT user_id FROM iam_user WHERE user_name = $1)', [input.UserName]);
    await app.sql('DELETE FROM iam_user WHERE user_name = $1', [input.UserName]);
    const effect = await effectOf(app, () => call(app, 'query', { operation, keys, input }));
    expectRefused(effect, { code: 'NoSuchEntity', status: 404, message: `The user with name ${input.UserName} cannot be found.` }, operation);
  });

  it('is made and removed at once by many, and nobody hears of a bug', async () => {
    for (let round = 0; round < 10; round += 1) {
      const UserName = `brief-${String(round)}`;
      await call(app, 'query', { operation: 'CreateUser', keys: app.root, input: { UserName } });
      const codes = await Promise.all(
        ['CreateAccessKey', 'DeleteUser', 'CreateAccessKey', 'GetUser'].map(async (operation) => (await call(app, 'query', { operation, keys: app.root, input: { UserName } })).code),
      );
      for (const code of codes) expect([undefined, 'NoSuchEntity', 'DeleteConflict', 'ConcurrentModification']).toContain(code);
    }
  });
});
