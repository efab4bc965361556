import { GetSessionTokenCommand } from '@aws-sdk/client-sts';

import { TestApp, type Answer, type Keys } from '../support/app.js';
import { call } from '../support/calls.js';
import { cut, until } from '../support/outage.js';
import { choose } from '../support/trust-scenarios.js';
import { allows, keysOf, trusts, World, type Role, type User } from '../support/world.js';

/** By when a change counts on every node, in milliseconds (docs/consistency.md). */
const WITHIN_MS = 1_000;

const STS = { Version: '2011-06-15' };
const IAM = { Version: '2010-05-08' };

let a: TestApp;
let b: TestApp;
let world: World;

/** What a call comes to: `ok`, or its error code. */
function outcome(answer: Answer): string {
  return answer.status === 200 ? 'ok' : (/<Code>(\w+)<\/Code>/.exec(answer.text)?.[1] ?? answer.text);
}

const identity = (keys: Keys) => async (node: TestApp): Promise<string> => outcome(await node.query(keys, { ...STS, Action: 'GetCallerIdentity' }));
const listUsers = (keys: Keys) => async (node: TestApp): Promise<string> => outcome(await node.query(keys, { ...IAM, Action: 'ListUsers' }));
const assume = (keys: Keys, arn: string) => async (node: TestApp): Promise<string> => outcome(await node.query(keys, { ...STS, Action: 'AssumeRole', RoleArn: arn, RoleSessionName: 'ci' }));

/** A change by root on the first node. */
async function change(Action: string, form: Record<string, string>): Promise<void> {
  const answer = await a.query(a.root, { ...IAM, Action, ...form });
  if (answer.status !== 200) throw new Error(answer.text);
}

/**
 * Asks the other node until it answers as it must. Asking may take long on a slow machine; what must not be is a call that
 * begins a second after the change was answered, or later, and is still judged by what was before.
 */
async function follows(changed: number, expected: string, ask: () => Promise<string>): Promise<void> {
  await until(`the other node answers ${expected}`, async () => {
    const began = performance.now();
    const answer = await ask();
    if (answer !== expected && began - changed >= WITHIN_MS) throw new Error(`${String(Math.round(began - changed))} ms after the change the other node still answers ${answer}, not ${expected}`);
    return answer === expected;
  });
}

interface Case {
  readonly ask: (node: TestApp) => Promise<string>;
  /** The first is what is answered before anything is changed. */
  readonly answers: readonly string[];
  readonly changes: readonly (() => Promise<void>)[];
}

const document = (value: object): { PolicyDocument: string } => ({ PolicyDocument: JSON.stringify(value) });

async function userAndRole(name: string, more: { policy?: object } = {}): Promise<{ user: User; role: Role; session: Keys }> {
  const user = await world.user(name);
  const role = await world.role(name, trusts(user.arn), { ...(more.policy === undefined ? {} : { policy: more.policy as never }) });
  return { user, role, session: await world.session(user, role) };
}

const cases: [what: string, prepare: (name: string) => Promise<Case>][] = [
  ['an access key that is made inactive, active and inactive again', async (name) => {
    const user = await world.user(name);
    const status = (Status: string) => (): Promise<void> => change('UpdateAccessKey', { UserName: name, AccessKeyId: user.accessKeyId, Status });
    return { ask: identity(user), answers: ['ok', 'InvalidClientTokenId', 'ok', 'InvalidClientTokenId'], changes: ['Inactive', 'Active', 'Inactive'].map(status) };
  }],
  ['an access key that is deleted', async (name) => {
    const user = await world.user(name);
    return { ask: identity(user), answers: ['ok', 'InvalidClientTokenId'], changes: [() => change('DeleteAccessKey', { UserName: name, AccessKeyId: user.accessKeyId })] };
  }],
  ['the sessions of a role that is deleted, and made anew under its name', async (name) => {
    const { session, user } = await userAndRole(name);
    const AssumeRolePolicyDocument = JSON.stringify(trusts(user.arn));
    return { ask: identity(session), answers: ['ok', 'ExpiredToken', 'ExpiredToken'], changes: [() => change('DeleteRole', { RoleName: name }), () => change('CreateRole', { RoleName: name, AssumeRolePolicyDocument })] };
  }],
  ['a trust policy that is changed there and back', async (name) => {
    const { user, role } = await userAndRole(name);
    const trust = (value: object) => (): Promise<void> => change('UpdateAssumeRolePolicy', { RoleName: name, ...document(value) });
    return { ask: assume(user, role.arn), answers: ['ok', 'AccessDenied', 'ok'], changes: [trust(trusts({ Service: 'ec2.amazonaws.com' })), trust(trusts(user.arn))] };
  }],
  ['a role that does not exist yet, exists, and is deleted', async (name) => {
    const user = await world.user(name);
    const AssumeRolePolicyDocument = JSON.stringify(trusts(user.arn));
    return {
      ask: assume(user, `arn:aws:iam::${a.root.account}:role/${name}`),
      answers: ['AccessDenied', 'ok', 'AccessDenied'],
      changes: [() => change('CreateRole', { RoleName: name, AssumeRolePolicyDocument }), () => change('DeleteRole', { RoleName: name })],
    };
  }],
  ['the policy of a user that is put, replaced and deleted', async (name) => {
    const user = await world.user(name);
    const put = (value: object) => (): Promise<void> => change('PutUserPolicy', { UserName: name, PolicyName: 'p', ...document(value) });
    return { ask: listUsers(user), answers: ['AccessDenied', 'ok', 'AccessDenied', 'ok', 'AccessDenied'], changes: [put(allows('iam:*')), put(allows('sts:*')), put(allows('*')), () => change('DeleteUserPolicy', { UserName: name, PolicyName: 'p' })] };
  }],
  ['a managed policy that is attached, has another version in force, and is detached', async (name) => {
    const user = await world.user(name);
    const PolicyArn = await world.policy(name, allows('iam:*'));
    const version = (VersionId: string) => (): Promise<void> => change('SetDefaultPolicyVersion', { PolicyArn, VersionId });
    return {
      ask: listUsers(user),
      answers: ['AccessDenied', 'ok', 'AccessDenied', 'ok', 'AccessDenied'],
      changes: [
        () => change('AttachUserPolicy', { UserName: name, PolicyArn }),
        () => change('CreatePolicyVersion', { PolicyArn, ...document(allows('sts:*')), SetAsDefault: 'true' }),
        version('v1'),
        () => change('DetachUserPolicy', { UserName: name, PolicyArn }),
      ],
    };
  }],
  ['the policies of a group that the user comes into and leaves', async (name) => {
    const user = await world.user(name);
    const member = { GroupName: name, UserName: name };
    const PolicyArn = await world.policy(name, allows('iam:*'));
    return {
      ask: listUsers(user),
      answers: ['AccessDenied', 'AccessDenied', 'AccessDenied', 'ok', 'AccessDenied', 'ok', 'AccessDenied', 'ok', 'AccessDenied'],
      changes: [
        () => change('CreateGroup', { GroupName: name }),
        () => change('PutGroupPolicy', { GroupName: name, PolicyName: 'p', ...document(allows('iam:*')) }),
        () => change('AddUserToGroup', member),
        () => change('RemoveUserFromGroup', member),
        () => change('AddUserToGroup', member),
        () => change('DeleteGroupPolicy', { GroupName: name, PolicyName: 'p' }),
        () => change('AttachGroupPolicy', { GroupName: name, PolicyArn }),
        () => change('DetachGroupPolicy', { GroupName: name, PolicyArn }),
      ],
    };
  }],
  ['the boundary of a user that is put, has another version in force, and is taken away', async (name) => {
    const user = await world.user(name, allows('iam:*'));
    const PermissionsBoundary = await world.policy(name, allows('iam:*'));
    return {
      ask: listUsers(user),
      answers: ['ok', 'ok', 'AccessDenied', 'ok'],
      changes: [
        () => change('PutUserPermissionsBoundary', { UserName: name, PermissionsBoundary }),
        () => change('CreatePolicyVersion', { PolicyArn: PermissionsBoundary, ...document(allows('sts:*')), SetAsDefault: 'true' }),
        () => change('DeleteUserPermissionsBoundary', { UserName: name }),
      ],
    };
  }],
  ['the boundary of a role whose session goes on', async (name) => {
    const { session } = await userAndRole(name, { policy: allows('iam:*') });
    const PermissionsBoundary = await world.policy(name, allows('sts:*'));
    return { ask: listUsers(session), answers: ['ok', 'AccessDenied', 'ok'], changes: [() => change('PutRolePermissionsBoundary', { RoleName: name, PermissionsBoundary }), () => change('DeleteRolePermissionsBoundary', { RoleName: name })] };
  }],
  ['the tags of a user', async (name) => {
    const user = await world.user(name, { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 'iam:*', Resource: '*', Condition: { StringEquals: { 'aws:PrincipalTag/team': 'a' } } } });
    return { ask: listUsers(user), answers: ['AccessDenied', 'ok', 'AccessDenied'], changes: [() => change('TagUser', { UserName: name, 'Tags.member.1.Key': 'Team', 'Tags.member.1.Value': 'a' }), () => change('UntagUser', { UserName: name, 'TagKeys.member.1': 'team' })] };
  }],
  ['a name that passes from one user to another', async (name) => {
    const keys = await world.user(`${name}-asks`, allows('iam:GetUser', `arn:aws:iam::${a.root.account}:user/seen/*`));
    await world.user(name, undefined, '/seen/');
    const ask = async (node: TestApp): Promise<string> => outcome(await node.query(keys, { ...IAM, Action: 'GetUser', UserName: name }));
    return {
      ask,
      answers: ['ok', 'AccessDenied', 'AccessDenied', 'ok'],
      changes: [
        () => change('UpdateUser', { UserName: name, NewUserName: `${name}-old` }),
        () => change('CreateUser', { UserName: name }),
        () => change('UpdateUser', { UserName: name, NewPath: '/seen/' }),
      ],
    };
  }],
  ['the password policy that lets users change their passwords, and so see what it asks for', async (name) => {
    const user = await world.user(name);
    const ask = async (node: TestApp): Promise<string> => outcome(await node.query(user, { ...IAM, Action: 'GetAccountPasswordPolicy' }));
    const lets = (AllowUsersToChangePassword: string) => (): Promise<void> => change('UpdateAccountPasswordPolicy', { AllowUsersToChangePassword });
    return { ask, answers: ['AccessDenied', 'ok', 'AccessDenied', 'ok', 'AccessDenied'], changes: [lets('true'), lets('false'), lets('true'), () => change('DeleteAccountPasswordPolicy', {})] };
  }],
  ['a user who is renamed and renamed back, and whose policy goes by his name', async (name) => {
    const user = await world.user(name, { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 'iam:*', Resource: '*', Condition: { StringEquals: { 'aws:username': name } } } });
    const rename = (UserName: string, NewUserName: string) => (): Promise<void> => change('UpdateUser', { UserName, NewUserName });
    return { ask: listUsers(user), answers: ['ok', 'AccessDenied', 'ok'], changes: [rename(name, `${name}-new`), rename(`${name}-new`, name)] };
  }],
  ['the trust in a user who is deleted, and made anew under his name', async (name) => {
    const { user, role } = await userAndRole(name);
    let keys: Keys = user;
    const remove = async (): Promise<void> => {
      await change('DeleteAccessKey', { UserName: name, AccessKeyId: user.accessKeyId });
      await change('DeleteUser', { UserName: name });
    };
    const again = async (): Promise<void> => {
      keys = await world.user(name);
    };
    return { ask: (node) => assume(keys, role.arn)(node), answers: ['ok', 'InvalidClientTokenId', 'AccessDenied'], changes: [remove, again] };
  }],
  ['the sessions of a user who is deleted', async (name) => {
    const { session, user } = await userAndRole(name, { policy: allows('iam:*') });
    const own = await world.app.sts(user).send(new GetSessionTokenCommand());
    const remove = async (): Promise<void> => {
      await change('DeleteAccessKey', { UserName: name, AccessKeyId: user.accessKeyId });
      await change('DeleteUser', { UserName: name });
    };
    // What he obtained as a role goes on: it is the role's, and ended by revoking what the user obtained.
    const ask = async (node: TestApp): Promise<string> => `${await identity(keysOf(own.Credentials))(node)} ${await listUsers(session)(node)}`;
    return { ask, answers: ['ok ok', 'ExpiredToken ok'], changes: [remove] };
  }],
  ['the policy of a role whose session goes on', async (name) => {
    const { session } = await userAndRole(name);
    return { ask: listUsers(session), answers: ['AccessDenied', 'ok', 'AccessDenied'], changes: [() => change('PutRolePolicy', { RoleName: name, PolicyName: 'p', ...document(allows('iam:*')) }), () => change('DeleteRolePolicy', { RoleName: name, PolicyName: 'p' })] };
  }],
  ['an issuer that is taken from the list of those that the account trusts, and the list that is turned off', async (name) => {
    const [idp, own] = [await a.idp(), await world.account(name)];
    const { output } = await call(a, 'query', { operation: 'CreateOpenIDConnectProvider', keys: own.root, input: { Url: idp.issuer, ClientIDList: ['stint'], ThumbprintList: [idp.thumbprint] } });
    const { openIDConnectProviderArn: Federated } = output as { openIDConnectProviderArn: string };
    const RoleArn = (await own.role('federated', trusts({ Federated }, undefined, 'sts:AssumeRoleWithWebIdentity'))).arn;
    const listed = (...TrustedIssuers: string[]) => (): Promise<void> => choose(own, { TrustedIssuers });
    await choose(own, { TrustedIssuersMode: 'enforce', TrustedIssuers: ['https://idp.example', idp.issuer] });
    let subjects = 0;
    const ask = async (node: TestApp): Promise<string> => {
      // Somebody else each time: of one subject not every refusal is told, and there may be many until the node follows.
      const WebIdentityToken = await idp.token(a.clock.now(), { sub: `subject-${String((subjects += 1))}` });
      return outcome(await node.query(own.root, { ...STS, Action: 'AssumeRoleWithWebIdentity', RoleArn, RoleSessionName: 'ci', WebIdentityToken }));
    };
    return { ask, answers: ['ok', 'IDPRejectedClaim', 'ok'], changes: [listed('https://idp.example'), () => choose(own, { TrustedIssuersMode: 'off' })] };
  }],
];

beforeAll(async () => {
  a = await TestApp.boot();
  b = await TestApp.boot({ beside: a });
  world = new World(a);
});
afterAll(async () => {
  await b.close();
  await a.close();
});

let count = 0;
const circumstances: [what: string, before: () => Promise<void>][] = [
  ['while notices come', () => Promise.resolve()],
  ['while listeners are cut', () => cut(a.database, 'stint notices')],
];

describe.each(circumstances)('%s', (_, before) => {
  it.each(cases)('the other node follows within a second, and this one at once: %s', async (_what, prepare) => {
    count += 1;
    const { ask, answers: [first = '', ...rest], changes } = await prepare(`n${count}`);
    // Asked twice, so that both nodes remember what they need.
    for (const node of [a, b, a, b]) expect(await ask(node)).toBe(first);
    for (const [index, made] of changes.entries()) {
      await before();
      await made();
      const changed = performance.now();
      expect(await ask(a)).toBe(rest[index]);
      await follows(changed, rest[index] ?? '', () => ask(b));
    }
    // And it stays so.
    for (const node of [a, b]) expect(await ask(node)).toBe(rest.at(-1));
  });
});

describe('each node', () => {
  it('opens the sessions of the other', async () => {
    const { user, role } = await userAndRole('crossing');
    for (const [issuing, asked] of [[a, b], [b, a]] as const) {
      const session = await new World(issuing).session(user, role);
      expect(await identity(session)(asked)).toBe('ok');
    }
  });

  it('changes a part of what an account chose about trust, and leaves the other its own', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { root } = await world.account(`choosing-${String(round)}`);
      const chosen = { TrustLinter: 'report-only', TrustedIssuersMode: 'enforce', TrustedIssuers: ['https://idp.example'] };
      const parts = Object.entries(chosen).map(([name, value]) => ({ [name]: value }));
      const codes = await Promise.all(parts.map(async (input, index) => (await call(index % 2 === 0 ? a : b, 'rest', { operation: 'UpdateAccountSettings', keys: root, input })).code));
      expect(codes).toEqual([undefined, undefined, undefined]);
      for (const node of [a, b]) expect((await call(node, 'rest', { operation: 'GetAccountSettings', keys: root, input: {} })).output).toEqual({ trustLinter: 'report-only', trustedIssuersMode: 'enforce', trustedIssuers: ['https://idp.example'] });
    }
  });

  it('records its calls in the one log', async () => {
    const user = await world.user('logged');
    const events = await a.recordedBy(async () => {
      for (const node of [a, b]) await identity(user)(node);
      await b.running.kernel.ledger.flush();
    });
    expect(events.map((event) => event.event_name)).toEqual(['GetCallerIdentity', 'GetCallerIdentity']);
  });

  it('goes on when the other stops', async () => {
    const user = await world.user('survivor');
    const third = await TestApp.boot({ beside: a });
    expect(await identity(user)(third)).toBe('ok');
    await third.close();
    expect([await identity(user)(a), await identity(user)(b)]).toEqual(['ok', 'ok']);
  });
});
