import { accountId } from '../../src/domain/arn.js';
import { requireCredential } from '../../src/domain/credential-rules.js';
import { ApiError } from '../../src/domain/errors.js';
import type { Holder, SessionFacts, SessionOrigin } from '../../src/domain/principal.js';

const account = accountId('123456789012');
const issuedAt = new Date('2026-01-01T00:00:00Z');
const session = (origin: SessionOrigin, more: Partial<SessionFacts> = {}): SessionFacts => ({
  sessionId: 's', origin, issuedAt, expiresAt: new Date('2026-01-01T01:00:00Z'), chain: [{ sessionId: 's', principalId: 'p', issuedAt }], startedBy: 'p', tags: [], transitiveTagKeys: [], scopedDown: [],
  ...more,
});
const root: Holder = { kind: 'root', account, accessKeyId: 'AKIA' };
const user: Holder = { kind: 'user', account, accessKeyId: 'AKIA', userId: 'AIDA', userName: 'alice', path: '/' };
const role = (facts: SessionFacts): Holder => ({ kind: 'assumed-role', account, accessKeyId: 'ASIA', roleId: 'AROA', roleName: 'r', rolePath: '/', sessionName: 's', session: facts });
const federated = (facts: SessionFacts): Holder => ({ kind: 'federated-user', account, accessKeyId: 'ASIA', name: 'guest', session: facts });
const scoped = { scopedDown: ['{}'] };
const withMfa = { mfaAt: issuedAt };
const callers = {
  root,
  user,
  'role session': role(session('AssumeRole')),
  'role session that was scoped down': role(session('AssumeRole', scoped)),
  'session of root in another account': { ...root, session: session('AssumeRoot') },
  'session token': { ...user, session: session('GetSessionToken') },
  'session token that was scoped down': { ...user, session: session('GetSessionToken', scoped) },
  'session token of root': { ...root, session: session('GetSessionToken') },
  'session of a sign-in': { ...user, session: session('SignIn') },
  'session of a sign-in with MFA': { ...user, session: session('SignIn', withMfa) },
  'session token with MFA': { ...user, session: session('GetSessionToken', withMfa) },
  'session token with MFA that was scoped down': { ...user, session: session('GetSessionToken', { ...withMfa, ...scoped }) },
  'session token with MFA of root': { ...root, session: session('GetSessionToken', withMfa) },
  'federated user': federated(session('GetFederationToken')),
  'federated user of somebody with MFA': federated(session('GetFederationToken', withMfa)),
} satisfies Record<string, Holder>;

const STS = ['AssumeRole', 'AssumeRoot', 'DecodeAuthorizationMessage', 'GetAccessKeyInfo', 'GetCallerIdentity', 'GetDelegatedAccessToken', 'GetFederationToken', 'GetScopedCredentials', 'GetSessionToken', 'GetWebIdentityToken'];
const OF_ROLE_SESSIONS = ['AssumeRole', 'AssumeRoot', 'DecodeAuthorizationMessage', 'GetAccessKeyInfo', 'GetCallerIdentity', 'GetDelegatedAccessToken', 'GetScopedCredentials', 'GetWebIdentityToken'];
const OF_SESSION_TOKENS = ['AssumeRole', 'GetCallerIdentity', 'GetDelegatedAccessToken', 'GetScopedCredentials', 'GetWebIdentityToken'];
const OF_FEDERATED_USERS = ['GetCallerIdentity'];
/** An operation that there is not yet. */
const FUTURE = 'GetTomorrow';

/** What may be called with which credential: operations of STS, and IAM with Stint's own (AWS STS API Reference). */
const rows: [caller: keyof typeof callers, sts: readonly string[], administration: boolean][] = [
  ['root', [...STS, FUTURE], true],
  ['user', [...STS, FUTURE], true],
  ['role session', [...OF_ROLE_SESSIONS, FUTURE], true],
  ['role session that was scoped down', [...OF_ROLE_SESSIONS, FUTURE], true],
  ['session of root in another account', [...OF_ROLE_SESSIONS, FUTURE], true],
  ['session token', OF_SESSION_TOKENS, false],
  ['session token that was scoped down', OF_SESSION_TOKENS, false],
  ['session token of root', OF_SESSION_TOKENS, false],
  ['session of a sign-in', OF_SESSION_TOKENS, false],
  ['session of a sign-in with MFA', OF_SESSION_TOKENS, true],
  ['session token with MFA', OF_SESSION_TOKENS, true],
  ['session token with MFA that was scoped down', OF_SESSION_TOKENS, true],
  ['session token with MFA of root', OF_SESSION_TOKENS, true],
  ['federated user', OF_FEDERATED_USERS, false],
  ['federated user of somebody with MFA', OF_FEDERATED_USERS, false],
];

it('every kind of credential has its row', () => {
  expect(rows.map(([name]) => name)).toEqual(Object.keys(callers));
});

describe.each(rows)('with the credentials of a %s', (name, sts, administration) => {
  const caller: Holder = callers[name];

  it.each([...STS, FUTURE])('%s may or may not be called', (operation) => {
    const call = (): void => requireCredential(caller, { name: operation, service: 'sts' });
    if (sts.includes(operation)) expect(call).not.toThrow();
    else expect(call).toThrow(new ApiError('AccessDenied', `Cannot call ${operation} with session credentials`));
  });

  it.each(['iam', 'stint'] as const)('operations of %s may or may not be called, whatever their names', (service) => {
    for (const operation of ['GetUser', 'GetCallerIdentity', 'GetSessionToken', FUTURE]) {
      const call = (): void => requireCredential(caller, { name: operation, service });
      if (administration) expect(call).not.toThrow();
      else expect(call).toThrow(new ApiError('InvalidClientTokenId', 'The security token included in the request is invalid'));
    }
  });
});

it('whoever signed in without MFA may replace his password, and nobody else whose session has none', () => {
  const change = { name: 'ChangePassword', service: 'iam' } as const;
  requireCredential(callers['session of a sign-in'], change);
  for (const name of ['session token', 'session token of root', 'federated user'] as const) expect(() => { requireCredential(callers[name], change); }).toThrow('The security token included in the request is invalid');
});
