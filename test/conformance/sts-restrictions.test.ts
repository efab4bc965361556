import { ListUsersCommand } from '@aws-sdk/client-iam';
import {
  AssumeRoleCommand,
  AssumeRootCommand,
  DecodeAuthorizationMessageCommand,
  GetAccessKeyInfoCommand,
  GetCallerIdentityCommand,
  GetDelegatedAccessTokenCommand,
  GetFederationTokenCommand,
  GetScopedCredentialsCommand,
  GetSessionTokenCommand,
  GetWebIdentityTokenCommand,
} from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { call, decisionIn, effectOf, expectRefused } from '../support/calls.js';
import { Sessions, taskArn } from '../support/sessions.js';
import { allows, ASSUMING, trusts, World, type Role, type User } from '../support/world.js';

/** Kinds of credentials, in the order of the columns below. */
const kinds = ['root', 'user', 'role session', 'session of a user', 'session of root', 'federated user', 'federated user of root', 'borrowed root'] as const;
type Kind = (typeof kinds)[number];

/**
 * How a call is answered: allowed; refused for what the credential is (`kind`), for who calls (`root`, `bare`, `subject`,
 * `invalid`), for what its policies say (`policy`), or for something that has nothing to do with it (`none`).
 */
type Answer = 'ok' | 'kind' | 'root' | 'bare' | 'subject' | 'invalid' | 'policy' | 'none';

/** Who may call what (sts-api §2), whatever the policies allow. */
const matrix: readonly (readonly [operation: string, ...answers: Answer[]])[] = [
  ['AssumeRole', 'root', 'ok', 'ok', 'ok', 'root', 'kind', 'kind', 'root'],
  ['AssumeRoot', 'bare', 'ok', 'ok', 'kind', 'kind', 'kind', 'kind', 'policy'],
  ['GetSessionToken', 'ok', 'ok', 'kind', 'kind', 'kind', 'kind', 'kind', 'kind'],
  ['GetFederationToken', 'ok', 'ok', 'kind', 'kind', 'kind', 'kind', 'kind', 'kind'],
  ['GetCallerIdentity', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok'],
  ['GetAccessKeyInfo', 'ok', 'ok', 'ok', 'kind', 'kind', 'kind', 'kind', 'policy'],
  ['DecodeAuthorizationMessage', 'ok', 'ok', 'ok', 'kind', 'kind', 'kind', 'kind', 'policy'],
  ['GetDelegatedAccessToken', 'none', 'none', 'none', 'none', 'none', 'kind', 'kind', 'policy'],
  ['GetWebIdentityToken', 'ok', 'ok', 'ok', 'ok', 'ok', 'kind', 'kind', 'policy'],
  ['GetScopedCredentials', 'subject', 'subject', 'ok', 'ok', 'subject', 'kind', 'kind', 'subject'],
  ['ListUsers', 'ok', 'ok', 'ok', 'invalid', 'invalid', 'invalid', 'invalid', 'policy'],
  ['ListSessions', 'ok', 'ok', 'ok', 'invalid', 'invalid', 'invalid', 'invalid', 'policy'],
];
const cells = matrix.flatMap(([operation, ...answers]) => kinds.map((kind, column) => ({ operation, kind, answer: answers[column]! })));

describe('of the operations of STS, IAM and Stint', () => {
  let app: TestApp;
  let sessions: Sessions;
  let caller: User;
  let role: Role;
  let member: string;
  let encoded: string;
  const keys = new Map<Kind, Keys>();
  const arns = new Map<Kind, string>();

  beforeAll(async () => {
    app = await TestApp.boot();
    sessions = new Sessions(app);
    const home = new World(app);
    member = (await home.account('member')).root.account;
    caller = await home.user('caller', allows('*'));
    role = await home.role('open', trusts(home.root.account, undefined, ASSUMING), { policy: allows('*') });
    encoded = decisionIn(await call(app, 'query', { operation: 'ListUsers', keys: await home.user('powerless'), input: {} })).encodedMessage;
    await call(app, 'query', { operation: 'EnableOutboundWebIdentityFederation', keys: home.root, input: {} });
    const everything = JSON.stringify(allows('*'));
    const all: [Kind, Keys][] = [
      ['root', home.root],
      ['user', caller],
      ['role session', await home.session(caller, role)],
      ['session of a user', await sessions.sessionToken(caller)],
      ['session of root', await sessions.sessionToken(home.root)],
      ['federated user', await sessions.federated(caller, { Policy: everything })],
      ['federated user of root', await sessions.federated(home.root, { Policy: everything })],
      ['borrowed root', await sessions.borrowed(caller, member)],
    ];
    for (const [kind, held] of all) {
      keys.set(kind, held);
      arns.set(kind, (await app.sts(held).send(new GetCallerIdentityCommand())).Arn!);
    }
  });
  afterAll(() => app.close());

  const calls: Readonly<Record<string, (held: Keys) => Promise<unknown>>> = {
    AssumeRole: (held) => app.sts(held).send(new AssumeRoleCommand({ RoleArn: role.arn, RoleSessionName: 'session' })),
    AssumeRoot: (held) => app.sts(held).send(new AssumeRootCommand({ TargetPrincipal: member, TaskPolicyArn: { arn: taskArn('IAMAuditRootUserCredentials') } })),
    GetSessionToken: (held) => app.sts(held).send(new GetSessionTokenCommand()),
    GetFederationToken: (held) => app.sts(held).send(new GetFederationTokenCommand({ Name: 'guest' })),
    GetCallerIdentity: (held) => app.sts(held).send(new GetCallerIdentityCommand()),
    GetAccessKeyInfo: (held) => app.sts(held).send(new GetAccessKeyInfoCommand({ AccessKeyId: caller.accessKeyId })),
    DecodeAuthorizationMessage: (held) => app.sts(held).send(new DecodeAuthorizationMessageCommand({ EncodedMessage: encoded })),
    GetDelegatedAccessToken: (held) => app.sts(held).send(new GetDelegatedAccessTokenCommand({ TradeInToken: 'token' })),
    GetWebIdentityToken: (held) => app.sts(held).send(new GetWebIdentityTokenCommand({ Audience: ['https://verifier.example'], SigningAlgorithm: 'ES384' })),
    GetScopedCredentials: (held) => app.sts(held).send(new GetScopedCredentialsCommand({ DurationSeconds: 60 })),
    ListUsers: (held) => app.iam(held).send(new ListUsersCommand()),
  };

  const resource = (operation: string): string => ({ ListUsers: ` on resource: arn:aws:iam::${member}:user/`, AssumeRoot: ` on resource: arn:aws:iam::${member}:root` })[operation] ?? '';
  const refusals: Readonly<Record<Exclude<Answer, 'ok'>, (operation: string, kind: Kind) => { code: string; status: number; message: string }>> = {
    kind: (operation) => ({ code: 'AccessDenied', status: 403, message: `Cannot call ${operation} with session credentials` }),
    root: () => ({ code: 'AccessDenied', status: 403, message: 'Roles may not be assumed by root accounts.' }),
    bare: (_, kind) => ({ code: 'AccessDenied', status: 403, message: `User: ${arns.get(kind)!} is not authorized to perform: sts:AssumeRoot on resource: arn:aws:iam::${member}:root` }),
    subject: () => ({ code: 'InvalidSubjectCredentials', status: 400, message: 'Scoped credentials are made with temporary credentials of a user or role session only.' }),
    invalid: () => ({ code: 'InvalidClientTokenId', status: 403, message: 'The security token included in the request is invalid' }),
    none: () => ({ code: 'ExpiredTradeInTokenException', status: 400, message: 'The trade-in token is not valid: this service issues none.' }),
    policy: (operation, kind) => {
      const action = `${operation === 'ListUsers' ? 'iam' : operation === 'ListSessions' ? 'stint' : 'sts'}:${operation}`;
      return { code: 'AccessDenied', status: 403, message: `User: ${arns.get(kind)!} is not authorized to perform: ${action}${resource(operation)} because no session policy allows the ${action} action` };
    },
  };

  it.each(cells)('$operation answers a $kind: $answer', async ({ operation, kind, answer }) => {
    const held = keys.get(kind)!;
    if (answer !== 'ok') {
      await expectRefusal(operation, held, refusals[answer](operation, kind));
      return;
    }
    const events = await app.recordedBy(async () => {
      const sent = calls[operation] ?? (() => call(app, 'rest', { operation, keys: held, input: {} }));
      expect(await sent(held)).not.toHaveProperty('code', expect.any(String));
    });
    const accounts = operation === 'AssumeRoot' ? [app.root.account, member] : [app.root.account];
    expect(events.map((event) => [event.account_id, event.event_name, event.outcome]).sort()).toEqual((kind === 'borrowed root' ? [member] : accounts).map((account) => [account, operation, 'success']).sort());
  });

  /** The SDK cannot call Stint's own operations. */
  async function expectRefusal(operation: string, held: Keys, refusal: { code: string; status: number; message: string }): Promise<void> {
    const send = calls[operation];
    if (send === undefined) expectRefused(await effectOf(app, () => call(app, 'rest', { operation, keys: held, input: {} })), refusal, operation);
    else await sessions.refused(() => send(held), refusal);
  }

  it('GetDelegatedAccessToken needs its permission, and its token is not recorded', async () => {
    const powerless = await new World(app).user('undelegated');
    const action = 'sts:GetDelegatedAccessToken';
    const message = `User: ${powerless.arn} is not authorized to perform: ${action} because no identity-based policy allows the ${action} action`;
    const send = (held: Keys) => (): Promise<unknown> => app.sts(held).send(new GetDelegatedAccessTokenCommand({ TradeInToken: 'trade-in-secret' }));
    await sessions.refused(send(powerless), { code: 'AccessDenied', message });
    const events = await app.recordedBy(() => send(caller)().catch(() => undefined));
    expect(events.map(({ error_code, record }) => [error_code, record['requestParameters']])).toEqual([['ExpiredTradeInTokenException', null]]);
    for (const text of [events[0]!.text, ...app.lines]) expect(text).not.toContain('trade-in-secret');
  });

  it('each is tried with each kind of credential', () => {
    expect(matrix.map(([operation, ...answers]) => [operation, answers.length])).toEqual([...Object.keys(calls), 'ListSessions'].map((operation) => [operation, kinds.length]));
  });
});
