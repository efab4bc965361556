import { CreatePolicyVersionCommand, DeletePolicyCommand, DeleteRolePolicyCommand, ListUsersCommand, PutRolePermissionsBoundaryCommand, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetFederationTokenCommand, type AssumeRoleCommandInput } from '@aws-sdk/client-sts';

import { TestApp } from '../support/app.js';
import { LOOKS, Sessions } from '../support/sessions.js';
import { allows, allowsUnder, ASSUMING, denies, together, trusts, World, type Document, type Role, type User } from '../support/world.js';

const [users, roles, policies] = LOOKS;
const READ_ONLY = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
const text = JSON.stringify;

describe('session policies', () => {
  let app: TestApp;
  let sessions: Sessions;
  let home: World;
  let abroad: World;
  let account: string;
  let alice: User;
  let powerful: Role;
  const managed = new Map<string, string>();
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    sessions = new Sessions(app);
    home = new World(app);
    abroad = await home.account('abroad');
    account = home.root.account;
    alice = await home.user('alice', allows('*'));
    powerful = await home.role('powerful', trusts(alice.arn, undefined, ASSUMING), { policy: allows('*') });
    for (const [name, document] of [['lists-roles', allows(roles)], ['lists-users', allows(users)], ['denies-users', denies(users)]] as const) managed.set(name, await home.policy(name, document));
    managed.set('of another account', await abroad.policy('lists-roles', allows(roles)));
  });
  afterAll(() => app.close());

  const fresh = (what: string): string => `${what}-${String((count += 1))}`;
  const arnOf = (role: Role): string => `arn:aws:sts::${account}:assumed-role/${role.name}/session`;
  const passed = (policy: Document | undefined, names: readonly string[] = []): Partial<AssumeRoleCommandInput> => ({
    ...(policy !== undefined && { Policy: text(policy) }),
    ...(names.length > 0 && { PolicyArns: names.map((name) => ({ arn: managed.get(name) ?? name })) }),
  });

  describe('leave a role what both allow', () => {
    const cases: [title: string, role: Document, policy: Document | undefined, arns: string[], left: readonly string[]][] = [
      ['without any', allows([users, roles]), undefined, [], [users, roles]],
      ['one that allows less', allows([users, roles]), allows(roles), [], [roles]],
      ['one that allows more', allows([users, roles]), allows('*'), [], [users, roles]],
      ['one that allows something else', allows(users), allows(roles), [], []],
      ['one that allows all but something', allows('*'), together(allows('*'), denies(users)), [], [roles, policies]],
      ['one that only denies', allows('*'), denies(users), [], []],
      ['of a role that is denied what it allows', together(allows('*'), denies(roles)), allows(roles), [], []],
      ['one that allows it elsewhere only', allows('*'), allows('iam:List*', 'arn:aws:iam::000000000001:*'), [], []],
      ['one whose condition holds', allows('*'), allowsUnder({ IpAddress: { 'aws:SourceIp': '127.0.0.1' } }, roles), [], [roles]],
      ['one whose condition does not hold', allows('*'), allowsUnder({ IpAddress: { 'aws:SourceIp': '198.51.100.7' } }), [], []],
      ['one that is managed', allows('*'), undefined, ['lists-roles'], [roles]],
      ['one that is shipped', allows([users, roles]), undefined, [READ_ONLY], [users, roles]],
      ['two that are managed', allows('*'), undefined, ['lists-roles', 'lists-users'], [users, roles]],
      ['one that is passed and one that is managed', allows('*'), allows(policies), ['lists-roles'], [roles, policies]],
      ['one that denies what another allows', allows('*'), allows('*'), ['denies-users'], [roles, policies]],
      ['one that denies what is passed beside it', allows('*'), denies(roles), [READ_ONLY], [users, policies]],
    ];
    it.each(cases)('%s', async (_, policy, inline, names, left) => {
      const role = await home.role(fresh('role'), trusts(alice.arn), { policy });
      expect(await sessions.looksOf(await sessions.assumed(alice, role, passed(inline, names)))).toEqual(left);
    });
  });

  it('leave a role what its policies, its boundary, the session policy and what it was scoped down to all allow', async () => {
    const role = await home.role(fresh('role'), trusts(alice.arn), { policy: allows('iam:*') });
    const boundary = await home.policy(fresh('boundary'), allows([users, roles]));
    await app.iam(home.root).send(new PutRolePermissionsBoundaryCommand({ RoleName: role.name, PermissionsBoundary: boundary }));
    const keys = await sessions.assumed(alice, role);
    expect(await sessions.looksOf(keys)).toEqual([users, roles]);
    expect(await sessions.looksOf(await sessions.assumed(alice, role, passed(allows([roles, policies]))))).toEqual([roles]);
    const scoped = await sessions.scoped(keys, { Policy: text(allows([users, policies])) });
    expect(await sessions.looksOf(scoped)).toEqual([users]);
  });

  describe('name themselves where they refuse', () => {
    const cases: [title: string, role: Document, policy: Document, reason: string][] = [
      ['by allowing nothing of the kind', allows('*'), allows(roles), 'because no session policy allows the iam:ListUsers action'],
      ['by denying it', allows('*'), together(allows('*'), denies(users)), 'with an explicit deny in a session policy'],
      ['and leave it to the role that does not allow it', allows(roles), allows('*'), 'because no identity-based policy allows the iam:ListUsers action'],
      ['and leave it to the role that denies it', together(allows('*'), denies(users)), allows('*'), 'with an explicit deny in an identity-based policy'],
      ['only after the role, where neither allows it', allows(roles), allows(policies), 'because no identity-based policy allows the iam:ListUsers action'],
    ];
    it.each(cases)('%s', async (_, policy, inline, reason) => {
      const role = await home.role(fresh('role'), trusts(alice.arn), { policy });
      const keys = await sessions.assumed(alice, role, passed(inline));
      const message = `User: ${arnOf(role)} is not authorized to perform: iam:ListUsers on resource: arn:aws:iam::${account}:user/ ${reason}`;
      await sessions.refused(() => app.iam(keys).send(new ListUsersCommand()), { code: 'AccessDenied', message });
    });
  });

  describe('of living sessions', () => {
    it('change with the managed policies they name, and with the role', async () => {
      const arn = await home.policy(fresh('changing'), allows(users));
      const role = await home.role(fresh('role'), trusts(alice.arn), { policy: allows([users, roles]) });
      const keys = await sessions.assumed(alice, role, { PolicyArns: [{ arn }] });
      expect(await sessions.looksOf(keys)).toEqual([users]);
      const iam = app.iam(home.root);
      await iam.send(new CreatePolicyVersionCommand({ PolicyArn: arn, PolicyDocument: text(allows('*')), SetAsDefault: true }));
      expect(await sessions.looksOf(keys)).toEqual([users, roles]);
      await iam.send(new PutRolePolicyCommand({ RoleName: role.name, PolicyName: 'more', PolicyDocument: text(allows(policies)) }));
      expect(await sessions.looksOf(keys)).toEqual([users, roles, policies]);
      await iam.send(new DeleteRolePolicyCommand({ RoleName: role.name, PolicyName: 'own' }));
      expect(await sessions.looksOf(keys)).toEqual([policies]);
    });

    it('allow nothing any more once the managed policy they name is gone', async () => {
      const arn = await home.policy(fresh('going'), allows('*'));
      const keys = await sessions.assumed(alice, powerful, { PolicyArns: [{ arn }] });
      expect(await sessions.looksOf(keys)).toEqual(LOOKS);
      await app.iam(home.root).send(new DeletePolicyCommand({ PolicyArn: arn }));
      expect(await sessions.looksOf(keys)).toEqual([]);
    });

    it('are not allowed what the managed policy denied once it is gone, whatever else was passed', async () => {
      const arn = await home.policy(fresh('going'), { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: roles, Resource: '*' }] });
      const keys = await sessions.assumed(alice, powerful, { ...passed(allows('*')), PolicyArns: [{ arn }] });
      expect(await sessions.looksOf(keys)).toEqual(LOOKS.filter((look) => look !== roles));
      await app.iam(home.root).send(new DeletePolicyCommand({ PolicyArn: arn }));
      expect(await sessions.looksOf(keys)).toEqual([]);
    });

    it('are not passed on to the roles that are assumed with them', async () => {
      const next = await home.role(fresh('next'), trusts(powerful.arn), { policy: allows('*') });
      const keys = await sessions.assumed(alice, powerful, passed(allows(['sts:AssumeRole', users])));
      expect(await sessions.looksOf(keys)).toEqual([users]);
      expect(await sessions.looksOf(await sessions.assumed(keys, next))).toEqual(LOOKS);
    });
  });

  describe('limit whom a session may assume', () => {
    const none = 'because no session policy allows the sts:AssumeRole action';
    const denied = 'with an explicit deny in a session policy';
    const silent = allows(users);
    const cases: [trust: string, at: 'home' | 'abroad', policy: Document, answer: string][] = [
      ['its role', 'home', allows('sts:AssumeRole'), 'ok'],
      ['its role', 'home', silent, none],
      ['its role’s unique id', 'home', silent, none],
      ['its account', 'home', allows('sts:AssumeRole'), 'ok'],
      ['its account', 'home', silent, none],
      ['everybody', 'home', silent, none],
      ['everybody whose ARN is that of its role', 'home', silent, 'ok'],
      ['the session', 'home', silent, 'ok'],
      ['the session', 'home', denies('sts:AssumeRole'), denied],
      ['its role', 'home', together(allows('*'), denies('sts:AssumeRole')), denied],
      ['the session', 'abroad', allows('sts:AssumeRole'), 'ok'],
      ['the session', 'abroad', silent, 'bare'],
      ['its role', 'abroad', silent, 'bare'],
      ['its account', 'abroad', allows('sts:AssumeRole'), 'ok'],
      ['its account', 'abroad', together(allows('*'), denies('sts:AssumeRole')), 'bare'],
    ];
    it.each(cases)('where the trust policy names %s, at %s, and they say %j: %s', async (trust, at, policy, answer) => {
      const principals: Readonly<Record<string, string>> = { 'its role': powerful.arn, 'its role’s unique id': powerful.id, 'its account': account, 'the session': arnOf(powerful) };
      const condition = trust.startsWith('everybody whose') ? { ArnEquals: { 'aws:PrincipalArn': powerful.arn } } : undefined;
      const role = await (at === 'home' ? home : abroad).role(fresh('role'), trusts(principals[trust] ?? '*', condition));
      const keys = await sessions.assumed(alice, powerful, passed(policy));
      const message = `User: ${arnOf(powerful)} is not authorized to perform: sts:AssumeRole on resource: ${role.arn}`;
      if (answer === 'ok') await expect(sessions.assume(keys, role)).resolves.toBeDefined();
      else await sessions.refused(() => sessions.assume(keys, role), { code: 'AccessDenied', message: answer === 'bare' ? message : `${message} ${answer}` });
    });
  });

  describe('are refused', () => {
    const operations: Readonly<Record<string, (input: Partial<AssumeRoleCommandInput>) => Promise<unknown>>> = {
      AssumeRole: (input) => app.sts(alice).send(new AssumeRoleCommand({ RoleArn: powerful.arn, RoleSessionName: 'session', ...input })),
      GetFederationToken: ({ Policy, PolicyArns }) => app.sts(alice).send(new GetFederationTokenCommand({ Name: 'guest', Policy, PolicyArns })),
    };
    const statement = { Effect: 'Allow', Action: 'iam:GetUser', Resource: '*' };
    const document = (more: object): string => text({ Version: '2012-10-17', Statement: [{ ...statement, ...more }] });

    describe.each(Object.keys(operations))('by %s', (operation) => {
      const malformed: [title: string, policy: string, message: string][] = [
        ['that is no JSON', 'nothing', 'Syntax errors in policy.'],
        ['without statements', '{"Version":"2012-10-17","Statement":[]}', 'Syntax errors in policy.'],
        ['with an unknown member', document({ Allow: 'all' }), 'Syntax errors in policy.'],
        ['with an unknown operator', document({ Condition: { StringIs: { 'aws:username': 'alice' } } }), 'Syntax errors in policy.'],
        ['of an older version', text({ Version: '2008-10-17', Statement: [statement] }), 'Policy document must be version 2012-10-17 or greater.'],
        ['without a version', text({ Statement: [statement] }), 'Policy document must be version 2012-10-17 or greater.'],
        ['with an effect in another case', document({ Effect: 'allow' }), 'The policy failed legacy parsing'],
        ['with a principal', document({ Principal: { AWS: '*' } }), 'Policy document should not specify a principal.'],
        ['without actions', document({ Action: [] }), 'Policy statement must contain actions.'],
        ['without resources', document({ Resource: [] }), 'Policy statement must contain resources.'],
        ['with a resource that is no ARN', document({ Resource: 'user/alice' }), 'Resource user/alice must be in ARN format or "*".'],
        ['with an action of nobody', document({ Action: 'GetUser' }), 'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.'],
      ];
      it.each(malformed)('%s', async (_, Policy, message) => {
        await sessions.refused(() => operations[operation]!({ Policy }), { code: 'MalformedPolicyDocument', message });
      });

      const missing: [title: string, arn: () => string][] = [
        ['that does not exist', () => `arn:aws:iam::${account}:policy/nothing`],
        ['that is not shipped', () => 'arn:aws:iam::aws:policy/Nothing'],
        ['of another account', () => managed.get('of another account')!],
        ['that is none', () => powerful.arn],
        ['under another path', () => managed.get('lists-roles')!.replace('policy/', 'policy/path/')],
      ];
      it.each(missing)('that name a managed policy %s', async (_, arn) => {
        const message = `Policy ${arn()} does not exist or is not attachable.`;
        await sessions.refused(() => operations[operation]!({ PolicyArns: [{ arn: READ_ONLY }, { arn: arn() }] }), { code: 'ValidationError', message });
      });
    });

    it('by AssumeRole for what they name only to callers who may assume the role', async () => {
      const closed = await home.role(fresh('closed'), trusts({ Service: 'ec2.amazonaws.com' }));
      const message = `User: ${alice.arn} is not authorized to perform: sts:AssumeRole on resource: ${closed.arn}`;
      await sessions.refused(() => sessions.assume(alice, closed, passed(undefined, ['arn:aws:iam::aws:policy/Nothing'])), { code: 'AccessDenied', message });
    });

    it('for a managed policy of the caller’s account where the role belongs to another', async () => {
      const guest = await abroad.role(fresh('guest'), trusts(alice.arn), { policy: allows('*') });
      const message = `Policy ${managed.get('lists-roles')!} does not exist or is not attachable.`;
      await sessions.refused(() => sessions.assume(alice, guest, passed(undefined, ['lists-roles'])), { code: 'ValidationError', message });
      const arn = managed.get('of another account')!;
      const keys = await sessions.assumed(alice, guest, { PolicyArns: [{ arn }] });
      expect(await sessions.looksOf(keys)).toEqual([roles]);
    });
  });
});
