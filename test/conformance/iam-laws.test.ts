import fc from 'fast-check';

import { TestApp } from '../support/app.js';
import { call, type Called, type Input } from '../support/calls.js';
import { Account, SHIPPED } from '../support/iam-laws.js';
import type { Refused } from '../support/iam-things.js';
import { listsOf, viewsOf, type View } from '../support/iam-views.js';
import { fromBase32, totp } from '../support/totp.js';
import { allows, trusts, World } from '../support/world.js';

/** How many sequences of calls are tried; STINT_LAWS_RUNS tries more, and STINT_LAWS_SEED others. */
const RUNS = Number(process.env['STINT_LAWS_RUNS'] ?? 12);
const SEED = Number(process.env['STINT_LAWS_SEED'] ?? 20_261_125);

/** The account of the run, in texts that are made before there is one. */
const OWN = '000000000000';
const FOREIGN = 'arn:aws:iam::999999999999:policy/p';
const NO_POLICY = 'arn:aws:iam::999999999999:user/p';

/** An alias that another account has. */
const FOREIGN_ALIAS = 'somebody-else';

/** One call; an access key is one of those that were ever made, by its number, and codes of MFA devices are right or wrong. */
interface Step {
  readonly operation: string;
  readonly input: Input;
}

const one = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined, freq: 1 });

// Few names, so that they clash, differ by case only, are given again, and point to what is gone.
const UserName = one('alice', 'alice', 'Alice', 'bob');
const GroupName = one('devs', 'devs', 'DEVS', 'ops');
const RoleName = one('app', 'app', 'App', 'job');
const InstanceProfileName = one('box', 'box', 'BOX', 'bin');
const Path = one('/', '/x/');
const PolicyName = one('p', 'P', 'q');
const own = fc.record({ path: Path, name: PolicyName }).map(({ path, name }) => `arn:aws:iam::${OWN}:policy${path}${name}`);
const PolicyArn = fc.oneof({ weight: 8, arbitrary: fc.oneof({ weight: 3, arbitrary: one(`arn:aws:iam::${OWN}:policy/p`) }, { weight: 1, arbitrary: own }) }, { weight: 2, arbitrary: one(SHIPPED, FOREIGN, NO_POLICY) });
const InlineName = one('in', 'IN');
const small = JSON.stringify(allows('s3:GetObject'));
const large = JSON.stringify({ ...allows('s3:GetObject'), Id: 'x'.repeat(1_100) });
const PolicyDocument = one(small, large);
const TagKeys = fc.subarray(['a', 'A', 'bb'], { minLength: 1 });
const Tags = fc.array(fc.record({ Key: one('a', 'A', 'bb'), Value: one('x', 'y') }), { minLength: 1, maxLength: 2 });
const Url = one('https://idp.example', 'https://idp.example/a');
const OpenIDConnectProviderArn = one('idp.example', 'idp.example/a').map((name) => `arn:aws:iam::${OWN}:oidc-provider/${name}`);
const VersionId = one('v1', 'v2', 'v3', 'v9');
const trust = one(
  JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' })),
  ...['/alice', '/x/alice', '/bob'].map((name) => JSON.stringify(trusts(`arn:aws:iam::${OWN}:user${name}`))),
);
// Each fits some of the rules that there may be.
const Password = one('First-password-1', 'Second-password-2', 'Long-and-without-numbers', 'short-1A', 'abcdef', 'abc');
const PasswordResetRequired = maybe(fc.boolean());
const VirtualMFADeviceName = one('phone', 'phone', 'Phone');
const SerialNumber = fc.oneof({ weight: 5, arbitrary: one(`arn:aws:iam::${OWN}:mfa/phone`) }, { weight: 2, arbitrary: one(`arn:aws:iam::${OWN}:mfa/Phone`, `arn:aws:iam::${OWN}:mfa/x/phone`, 'arn:aws:iam::999999999999:mfa/phone') });
const AccountAlias = one(`first-${OWN}`, `first-${OWN}`, `second-${OWN}`, FOREIGN_ALIAS);
const codes = one(...(['right', 'right', 'wrong'] as const));
const owners = [{ kind: 'User', name: { UserName } }, { kind: 'Role', name: { RoleName } }, { kind: 'Group', name: { GroupName } }] as const;

type Members = Record<string, fc.Arbitrary<unknown>>;
/** How often each call is made, and with what. */
const calls: readonly (readonly [weight: number, operation: string, members: Members])[] = [
  [4, 'CreateUser', { UserName, Path: maybe(Path), Tags: maybe(Tags), PermissionsBoundary: maybe(PolicyArn) }],
  [3, 'UpdateUser', { UserName, NewUserName: maybe(UserName), NewPath: maybe(Path) }],
  [3, 'DeleteUser', { UserName }],
  [3, 'CreateGroup', { GroupName, Path: maybe(Path) }],
  [2, 'UpdateGroup', { GroupName, NewGroupName: maybe(GroupName), NewPath: maybe(Path) }],
  [2, 'DeleteGroup', { GroupName }],
  [4, 'AddUserToGroup', { GroupName, UserName }],
  [3, 'RemoveUserFromGroup', { GroupName, UserName }],
  [3, 'CreateAccessKey', { UserName }],
  [1, 'UpdateAccessKey', { UserName, AccessKeyId: fc.nat(5), Status: one('Active', 'Inactive') }],
  [3, 'DeleteAccessKey', { UserName, AccessKeyId: fc.nat(5) }],
  [4, 'CreateRole', { RoleName, Path: maybe(Path), Description: maybe(one('does')), AssumeRolePolicyDocument: trust, Tags: maybe(Tags), PermissionsBoundary: maybe(PolicyArn) }],
  [1, 'UpdateRole', { RoleName, Description: maybe(one('works')), MaxSessionDuration: maybe(one(3600, 7200)) }],
  [1, 'UpdateRoleDescription', { RoleName, Description: one('rests') }],
  [2, 'UpdateAssumeRolePolicy', { RoleName, PolicyDocument: trust }],
  [2, 'DeleteRole', { RoleName }],
  [3, 'CreateInstanceProfile', { InstanceProfileName, Path: maybe(Path), Tags: maybe(Tags) }],
  [2, 'DeleteInstanceProfile', { InstanceProfileName }],
  [4, 'AddRoleToInstanceProfile', { InstanceProfileName, RoleName }],
  [3, 'RemoveRoleFromInstanceProfile', { InstanceProfileName, RoleName }],
  [5, 'CreatePolicy', { PolicyName, Path: maybe(Path), Description: maybe(one('lets')), PolicyDocument, Tags: maybe(Tags) }],
  [3, 'DeletePolicy', { PolicyArn }],
  [4, 'CreatePolicyVersion', { PolicyArn, PolicyDocument, SetAsDefault: maybe(fc.boolean()) }],
  [2, 'DeletePolicyVersion', { PolicyArn, VersionId }],
  [2, 'SetDefaultPolicyVersion', { PolicyArn, VersionId }],
  [1, 'TagPolicy', { PolicyArn, Tags }],
  [1, 'UntagPolicy', { PolicyArn, TagKeys }],
  [2, 'CreateOpenIDConnectProvider', { Url, ClientIDList: maybe(one(['one'])), Tags: maybe(Tags) }],
  [1, 'DeleteOpenIDConnectProvider', { OpenIDConnectProviderArn }],
  [1, 'AddClientIDToOpenIDConnectProvider', { OpenIDConnectProviderArn, ClientID: one('one', 'two') }],
  [1, 'RemoveClientIDFromOpenIDConnectProvider', { OpenIDConnectProviderArn, ClientID: one('one', 'two') }],
  [1, 'UpdateOpenIDConnectProviderThumbprint', { OpenIDConnectProviderArn, ThumbprintList: one([], ['a'.repeat(40)]) }],
  [1, 'TagOpenIDConnectProvider', { OpenIDConnectProviderArn, Tags }],
  [1, 'UntagOpenIDConnectProvider', { OpenIDConnectProviderArn, TagKeys }],
  [1, 'TagInstanceProfile', { InstanceProfileName, Tags }],
  [4, 'CreateLoginProfile', { UserName, Password, PasswordResetRequired }],
  [3, 'UpdateLoginProfile', { UserName, Password: maybe(Password), PasswordResetRequired }],
  [2, 'DeleteLoginProfile', { UserName }],
  [2, 'UpdateAccountPasswordPolicy', {
    MinimumPasswordLength: maybe(one(6, 14)),
    RequireNumbers: maybe(fc.boolean()),
    RequireSymbols: maybe(fc.boolean()),
    RequireUppercaseCharacters: maybe(fc.boolean()),
    RequireLowercaseCharacters: maybe(fc.boolean()),
    AllowUsersToChangePassword: maybe(fc.boolean()),
    MaxPasswordAge: maybe(one(90)),
    PasswordReusePrevention: maybe(one(1, 2)),
    HardExpiry: maybe(fc.boolean()),
  }],
  [2, 'DeleteAccountPasswordPolicy', {}],
  [3, 'CreateAccountAlias', { AccountAlias }],
  [2, 'DeleteAccountAlias', { AccountAlias }],
  [4, 'CreateVirtualMFADevice', { VirtualMFADeviceName, Path: maybe(Path), Tags: maybe(Tags) }],
  [2, 'DeleteVirtualMFADevice', { SerialNumber }],
  [7, 'EnableMFADevice', { UserName, SerialNumber, codes }],
  [3, 'DeactivateMFADevice', { UserName, SerialNumber }],
  [1, 'TagMFADevice', { SerialNumber, Tags }],
  [1, 'UntagMFADevice', { SerialNumber, TagKeys }],
  [1, 'UntagInstanceProfile', { InstanceProfileName, TagKeys }],
  ...owners.flatMap(({ kind, name }): (readonly [number, string, Members])[] => [
    [4, `Attach${kind}Policy`, { ...name, PolicyArn }],
    [3, `Detach${kind}Policy`, { ...name, PolicyArn }],
    [2, `Put${kind}Policy`, { ...name, PolicyName: InlineName, PolicyDocument }],
    [2, `Delete${kind}Policy`, { ...name, PolicyName: InlineName }],
  ]),
  ...owners.slice(0, 2).flatMap(({ kind, name }): (readonly [number, string, Members])[] => [
    [2, `Put${kind}PermissionsBoundary`, { ...name, PermissionsBoundary: PolicyArn }],
    [1, `Delete${kind}PermissionsBoundary`, name],
    [1, `Tag${kind}`, { ...name, Tags }],
    [1, `Untag${kind}`, { ...name, TagKeys }],
  ]),
];
const steps: fc.Arbitrary<Step> = fc.oneof(...calls.map(([weight, operation, members]) => ({ weight, arbitrary: fc.record(members).map((input): Step => ({ operation, input })) })));

/** What there is in the beginning, so that most of what follows finds something. */
const beginning: readonly Step[] = [
  { operation: 'CreateUser', input: { UserName: 'alice' } },
  { operation: 'CreateGroup', input: { GroupName: 'devs' } },
  { operation: 'CreateRole', input: { RoleName: 'app', AssumeRolePolicyDocument: JSON.stringify(trusts(`arn:aws:iam::${OWN}:user/alice`)) } },
  { operation: 'CreateInstanceProfile', input: { InstanceProfileName: 'box' } },
  { operation: 'CreatePolicy', input: { PolicyName: 'p', PolicyDocument: small } },
  { operation: 'CreateVirtualMFADevice', input: { VirtualMFADeviceName: 'phone' } },
];

/** A refusal that the API knows, or the answer. */
const outcome = ({ code, message, output }: Called): unknown => (code === undefined ? output : { code, message });

/** How long nobody tries a code, so that what was tried before does not make him wait: longer than anything waits. */
const QUIET_SECONDS = 2 * 3_600;

/** What an authenticator shows: two codes in a row, or the same one twice. */
function shownCodes(account: Account, { codes: kind, ...input }: Input, now: Date): Input {
  const encoded = account.devices.get(String(input['SerialNumber']))?.seed ?? '';
  const seed = fromBase32(Buffer.from(encoded, 'base64').toString('ascii'));
  return { ...input, AuthenticationCode1: totp(seed, now, kind === 'right' ? -30 : 0), AuthenticationCode2: totp(seed, now) };
}

describe('whatever is done to users, groups, roles, profiles, policies, providers, passwords and MFA devices', () => {
  let app: TestApp;
  let world: World;
  const outcomes = new Map<string, number>();

  beforeAll(async () => {
    app = await TestApp.boot();
    world = new World(app);
    await call(app, 'query', { operation: 'CreateAccountAlias', keys: world.root, input: { AccountAlias: FOREIGN_ALIAS } });
  });
  afterAll(() => app.close());

  /** The rows of an account: nothing is left behind that no call shows. */
  async function rows(account: string): Promise<unknown> {
    const ofAccount = 'WHERE account_id = $1';
    const [found] = await app.sql(
      `SELECT (SELECT count(*)::int FROM iam_user ${ofAccount}) AS users, (SELECT count(*)::int FROM iam_group ${ofAccount}) AS groups, (SELECT count(*)::int FROM role ${ofAccount}) AS roles,
         (SELECT count(*)::int FROM access_key k ${ofAccount} AND user_id IS NOT NULL) AS keys, (SELECT count(*)::int FROM instance_profile ${ofAccount}) AS profiles,
         (SELECT count(*)::int FROM oidc_provider ${ofAccount}) AS providers, (SELECT count(*)::int FROM policy_attachment ${ofAccount}) AS attachments,
         (SELECT count(*)::int FROM managed_policy ${ofAccount}) AS policies, (SELECT count(*)::int FROM policy_version JOIN managed_policy USING (policy_id) ${ofAccount}) AS versions,
         (SELECT count(*)::int FROM login_profile ${ofAccount}) AS passwords, (SELECT count(*)::int FROM password_policy ${ofAccount}) AS rules,
         (SELECT count(*)::int FROM mfa_device ${ofAccount}) AS devices, (SELECT count(*)::int FROM mfa_device ${ofAccount} AND user_id IS NOT NULL) AS held,
         (SELECT count(*)::int FROM account_setting ${ofAccount} AND alias IS NOT NULL) AS aliases,
         (SELECT count(*)::int FROM group_member JOIN iam_group USING (group_id) ${ofAccount}) AS members,
         (SELECT count(*)::int FROM inline_policy i LEFT JOIN iam_user USING (user_id) LEFT JOIN role USING (role_id) LEFT JOIN iam_group USING (group_id)
            WHERE COALESCE(iam_user.account_id, role.account_id, iam_group.account_id) = $1) AS inline`,
      [account],
    );
    return found;
  }

  function modelled(account: Account): unknown {
    const owners_ = [...account.users.values(), ...account.groups.values(), ...account.roles.values()];
    const sum = (sizes: readonly number[]): number => sizes.reduce((a, b) => a + b, 0);
    return {
      users: account.users.size,
      groups: account.groups.size,
      roles: account.roles.size,
      keys: sum([...account.users.values()].map(({ keys }) => keys.size)),
      profiles: account.profiles.size,
      passwords: [...account.users.values()].filter(({ mustReset }) => mustReset !== undefined).length,
      rules: account.rules === undefined ? 0 : 1,
      devices: account.devices.size,
      held: [...account.devices.values()].filter(({ holder }) => holder !== undefined).length,
      aliases: account.alias === undefined ? 0 : 1,
      providers: account.providers.size,
      attachments: sum(owners_.map(({ attached }) => attached.size)),
      policies: account.policies.size,
      versions: sum([...account.policies.values()].map(({ versions }) => versions.size)),
      members: sum([...account.groups.values()].map(({ members }) => members.size)),
      inline: sum(owners_.map(({ inline }) => inline.size)),
    };
  }

  it('succeeds, is refused and is shown as the API says', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 30, maxLength: 60, size: 'max' }), async (all) => {
        run += 1;
        const { root } = await world.account(`run-${run}`);
        const account = new Account(root.account, new Set([FOREIGN_ALIAS]));
        const keys: string[] = [];
        const concrete = ({ operation, input }: Step): Step => {
          const text = JSON.stringify(input, (name, value: unknown) => (name === 'AccessKeyId' ? (keys.at(-1 - Number(value)) ?? 'AKIAAAAAAAAAAAAAAAAA') : value));
          const own = JSON.parse(text.replaceAll(OWN, root.account)) as Input;
          if (operation !== 'EnableMFADevice') return { operation, input: own };
          app.clock.advance(QUIET_SECONDS);
          return { operation, input: shownCodes(account, own, app.clock.now()) };
        };
        const see = async (views: readonly View[]): Promise<void> => {
          for (const { operation, input, answer } of views) {
            const seen = outcome(await call(app, 'query', { operation, keys: root, input }));
            expect({ operation, input, answer: seen }).toEqual({ operation, input, answer });
          }
        };
        for (const [index, step] of [...beginning, ...all].entries()) {
          app.clock.advance(1);
          const { operation, input } = concrete(step);
          const expected = account.expected(operation, input);
          const answer = await call(app, index % 2 === 0 ? 'query' : 'rest', { operation, keys: root, input });
          outcomes.set(`${operation} ${String(answer.code)}`, (outcomes.get(`${operation} ${String(answer.code)}`) ?? 0) + 1);
          const refusals: readonly Refused[] = typeof expected === 'function' ? [] : expected;
          if (typeof expected === 'function') {
            expect({ operation, input, code: answer.code, message: answer.message }).toEqual({ operation, input, code: undefined, message: undefined });
            expected(answer.output as never);
            if (operation === 'CreateAccessKey') keys.push((answer.output as { accessKey: { accessKeyId: string } }).accessKey.accessKeyId);
          } else expect(refusals).toContainEqual({ code: answer.code, message: answer.message });
          await see(viewsOf(account, input).slice(0, typeof expected === 'function' ? undefined : 1));
          expect(await rows(root.account)).toEqual(modelled(account));
        }
        await see(listsOf(account));
        for (const UserName of ['alice', 'bob']) await see(viewsOf(account, { UserName }));
        for (const name of ['phone', 'Phone', 'x/phone']) await see(viewsOf(account, { SerialNumber: `arn:aws:iam::${root.account}:mfa/${name}` }));
        for (const GroupName of ['devs', 'ops']) await see(viewsOf(account, { GroupName }));
        for (const RoleName of ['app', 'job']) await see(viewsOf(account, { RoleName }));
        for (const InstanceProfileName of ['box', 'bin']) await see(viewsOf(account, { InstanceProfileName }));
        for (const name of ['p', 'x/p', 'P', 'q']) await see(viewsOf(account, { PolicyArn: `arn:aws:iam::${root.account}:policy/${name}` }));
        for (const name of ['idp.example', 'idp.example/a']) await see(viewsOf(account, { OpenIDConnectProviderArn: `arn:aws:iam::${root.account}:oidc-provider/${name}` }));
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
    // It would prove nothing if calls only succeeded, or only failed.
    const codes = new Set([...outcomes.keys()].map((seen) => seen.split(' ')[1]));
    expect([...codes]).toEqual(expect.arrayContaining(['undefined', 'NoSuchEntity', 'EntityAlreadyExists', 'DeleteConflict', 'LimitExceeded', 'InvalidInput', 'ValidationError', 'AccessDenied', 'MalformedPolicyDocument', 'PasswordPolicyViolation', 'InvalidAuthenticationCode']));
    const succeeded = calls.filter(([, operation]) => outcomes.has(`${operation} undefined`));
    expect(succeeded.length).toBeGreaterThan(0.75 * calls.length);
  }, 3_600_000);
});
