import { ApiError } from './errors.js';
import type { Holder } from './principal.js';

/** What a credential is, as far as it matters for what may be called with it. */
type CredentialType = 'long-term' | 'role-session' | 'root-task' | 'session-token' | 'sign-in' | 'session-token-with-mfa' | 'federated';

/** An operation that is called: its name, and the service it belongs to. */
export interface Called {
  readonly name: string;
  readonly service: 'sts' | 'iam' | 'stint';
}

interface Rule {
  /** Whether IAM and Stint's own operations may be called. */
  readonly administration: boolean;
  /** Of IAM's operations those that may be called all the same. */
  readonly iam?: ReadonlySet<string>;
  /** The STS operations that may be called; absent: all. */
  readonly sts?: ReadonlySet<string>;
  /** STS operations that may not. */
  readonly notSts?: ReadonlySet<string>;
}

const LONG_TERM_ONLY: ReadonlySet<string> = new Set(['GetSessionToken', 'GetFederationToken']);
/** It asks for the old password itself, and whoever signed in without MFA must be able to replace his. */
const WITHOUT_MFA: ReadonlySet<string> = new Set(['ChangePassword']);
const OF_SESSION_TOKENS: ReadonlySet<string> = new Set(['AssumeRole', 'GetCallerIdentity', 'GetScopedCredentials', 'GetWebIdentityToken', 'GetDelegatedAccessToken']);

/** What may be called with what (AWS STS API Reference; IAM User Guide: comparing AWS STS API operations). */
const rules: Readonly<Record<CredentialType, Rule>> = {
  'long-term': { administration: true },
  'role-session': { administration: true, notSts: LONG_TERM_ONLY },
  // What it may do is said by its task policy.
  'root-task': { administration: true, notSts: LONG_TERM_ONLY },
  'session-token': { administration: false, sts: OF_SESSION_TOKENS },
  'sign-in': { administration: false, iam: WITHOUT_MFA, sts: OF_SESSION_TOKENS },
  'session-token-with-mfa': { administration: true, sts: OF_SESSION_TOKENS },
  federated: { administration: false, sts: new Set(['GetCallerIdentity']) },
};

function typeOf({ session }: Holder): CredentialType {
  switch (session?.origin) {
    case undefined:
      return 'long-term';
    case 'AssumeRole':
    case 'AssumeRoleWithWebIdentity':
    case 'AssumeRoleWithSAML':
      return 'role-session';
    case 'AssumeRoot':
      return 'root-task';
    case 'GetSessionToken':
      return session.mfaAt === undefined ? 'session-token' : 'session-token-with-mfa';
    case 'SignIn':
      return session.mfaAt === undefined ? 'sign-in' : 'session-token-with-mfa';
    case 'GetFederationToken':
      return 'federated';
  }
}

/**
 * Refuses an operation that may not be called with the caller's kind of credential, whatever the policies say:
 * InvalidClientTokenId for IAM and Stint's own operations, AccessDenied for those of STS.
 */
export function requireCredential(caller: Holder, { name, service }: Called): void {
  const rule = rules[typeOf(caller)];
  if (service !== 'sts') {
    if (!rule.administration && !(service === 'iam' && rule.iam?.has(name) === true)) throw new ApiError('InvalidClientTokenId', 'The security token included in the request is invalid');
    return;
  }
  if (rule.notSts?.has(name) === true || rule.sts?.has(name) === false) throw new ApiError('AccessDenied', `Cannot call ${name} with session credentials`);
}
