import { assumedRoleArn, federatedUserArn, iamArn, rootArn, type AccountId } from './arn.js';
import type { Delegate } from './delegation.js';
import type { ChainLink, Line } from './session-chain.js';
import type { TagFact } from './tags.js';

/** Condition keys that an identity provider stands for, with their values; names in lower case. */
export type FederatedKeys = ReadonlyMap<string, string | readonly string[]>;

/** What a session keeps of the identity it was obtained with. */
export interface Federation {
  /** The ARN of the identity provider. */
  readonly provider: string;
  /** The few condition keys that outlive the call (policy-evaluation §7.3). */
  readonly keys: FederatedKeys;
}

/** The operation that made a session; what its credentials may call depends on it (sts-api §2). */
export type SessionOrigin = 'AssumeRole' | 'GetSessionToken' | 'GetFederationToken' | 'AssumeRoot' | 'AssumeRoleWithWebIdentity' | 'AssumeRoleWithSAML' | 'SignIn';

/** Policies that were passed when a session was made: together they are its session policy. */
export interface PassedPolicies {
  /** The text of the inline policy. */
  readonly inline?: string;
  /** ARNs of managed policies, looked up each time they are needed. */
  readonly arns: readonly string[];
}

/** The value of `aws:TokenIssueTime`. */
export function tokenIssueTime({ issuedAt, narrowedFrom }: Pick<SessionFacts, 'issuedAt' | 'narrowedFrom'>): Date {
  return narrowedFrom ?? issuedAt;
}

/** What every temporary credential carries about the session it belongs to. */
export interface SessionFacts {
  /** The session's row: uuid. */
  readonly sessionId: string;
  readonly origin: SessionOrigin;
  readonly issuedAt: Date;
  /**
   * When the session was issued that this one only narrows (GetScopedCredentials), if it does: what was refused to that
   * for its age is refused to this one, however young it is.
   */
  readonly narrowedFrom?: Date;
  readonly expiresAt: Date;
  /** From the first session of the chain to this one, which is its last link. */
  readonly chain: readonly ChainLink[];
  /** Unique id of whoever asked for the first session of the chain. */
  readonly startedBy: string;
  /** Lines of the tokens and actors behind it, with which it ends as well; absent where there are none. */
  readonly beside?: readonly Line[];
  readonly sourceIdentity?: string;
  /** Session tags, inherited ones among them. */
  readonly tags: readonly TagFact[];
  /** Keys of the tags that the sessions made with this one inherit. */
  readonly transitiveTagKeys: readonly string[];
  readonly policies?: PassedPolicies;
  /** Texts of the policies of each GetScopedCredentials since, which must all allow. */
  readonly scopedDown: readonly string[];
  /** What narrowed the sessions that this one was exchanged for: each of these must allow as well. */
  readonly ceilings?: readonly PassedPolicies[];
  /** Who acts for whom the session acts as, newest first; absent where nobody does. */
  readonly delegates?: readonly Delegate[];
  /** When a code of an MFA device was checked for this session. */
  readonly mfaAt?: Date;
  /** Present where somebody else’s proof of identity made the session. */
  readonly federation?: Federation;
}

/** The root user of an account: by a root access key, or in a session of GetSessionToken or AssumeRoot. */
export interface RootCaller {
  readonly kind: 'root';
  readonly account: AccountId;
  readonly accessKeyId: string;
  readonly session?: SessionFacts;
}

/** An IAM user: by a long-term access key, or in a session of GetSessionToken. */
export interface UserCaller {
  readonly kind: 'user';
  readonly account: AccountId;
  readonly accessKeyId: string;
  readonly userId: string;
  readonly userName: string;
  readonly path: string;
  readonly session?: SessionFacts;
}

/** A role session, signing with temporary credentials. */
export interface RoleSessionCaller {
  readonly kind: 'assumed-role';
  readonly account: AccountId;
  readonly accessKeyId: string;
  readonly roleId: string;
  readonly roleName: string;
  readonly rolePath: string;
  readonly sessionName: string;
  readonly session: SessionFacts;
}

/** The IAM user whose permissions a federated user has; absent where the root user federated him. */
export interface FederatingUser {
  readonly userId: string;
  readonly userName: string;
  readonly path: string;
}

/** A federated user (GetFederationToken), signing with temporary credentials. */
export interface FederatedUserCaller {
  readonly kind: 'federated-user';
  readonly account: AccountId;
  readonly accessKeyId: string;
  readonly name: string;
  readonly by?: FederatingUser;
  readonly session: SessionFacts;
}

/** What an identity provider asks for the session of somebody it vouches for. */
export interface FederatedWishes {
  readonly sourceIdentity?: string;
  readonly tags: readonly TagFact[];
  readonly transitiveTagKeys: readonly string[];
  /** Present where the provider, not the caller, names the session. */
  readonly sessionName?: string;
  /** The longest that the session may last, in seconds, and when it has to end. */
  readonly sessionDuration?: number;
  readonly sessionNotOnOrAfter?: Date;
  /** The provider lists the roles that may be assumed, and this one is among them. */
  readonly isRoleListed: boolean;
}

/** Somebody for whom an identity provider of the account vouches: he has no credential and may only assume roles of that account. */
export interface FederatedIdentityCaller {
  readonly kind: 'federated-identity';
  /** The account whose provider it is. */
  readonly account: AccountId;
  /** The ARN of the provider, and its unique id. */
  readonly provider: string;
  readonly providerId: string;
  readonly protocol: 'oidc' | 'saml';
  /** What the provider calls itself. */
  readonly issuer: string;
  /** Who he is at the provider, and how CloudTrail writes it. */
  readonly subject: string;
  readonly userId: string;
  /** For whom the proof was made out: a client id, or the endpoint of SAML. */
  readonly audience: string;
  /** What policies may ask about him. */
  readonly keys: FederatedKeys;
  /** Those of them that stay with a session. */
  readonly lastingKeys: FederatedKeys;
  readonly wishes: FederatedWishes;
  /** What he showed, where it counts once only: its id, and from when it is refused anyway. */
  readonly once?: { readonly id: string; readonly acceptedUntil: Date };
  readonly accessKeyId?: never;
  readonly session?: never;
}

/** Whoever has proved to hold a credential. */
export type Holder = RootCaller | UserCaller | RoleSessionCaller | FederatedUserCaller;

/** Whoever makes a request: he holds a credential, or an identity provider vouches for him. */
export type Caller = Holder | FederatedIdentityCaller;

/** The caller's ARN as GetCallerIdentity and every message show it: the session's for a role session. */
export function callerArn(caller: Caller): string {
  switch (caller.kind) {
    case 'root':
      return rootArn(caller.account);
    case 'user':
      return iamArn(caller.account, 'user', `${caller.path}${caller.userName}`);
    case 'assumed-role':
      return assumedRoleArn(caller.account, caller.roleName, caller.sessionName);
    case 'federated-user':
      return federatedUserArn(caller.account, caller.name);
    // He has none of his own: CloudTrail shows the provider.
    case 'federated-identity':
      return caller.provider;
  }
}

/** The value of `aws:PrincipalArn`: for a role session the role's ARN, with its path. */
export function principalArn(caller: Caller): string {
  return caller.kind === 'assumed-role'
    ? iamArn(caller.account, 'role', `${caller.rolePath}${caller.roleName}`)
    : callerArn(caller);
}

/** The value of `aws:userid` and of GetCallerIdentity's UserId: `AIDA…`, `AROA…:session`, `account:name` or the account. */
export function callerUserId(caller: Caller): string {
  switch (caller.kind) {
    case 'root':
      return caller.account;
    case 'user':
      return caller.userId;
    case 'assumed-role':
      return `${caller.roleId}:${caller.sessionName}`;
    case 'federated-user':
      return `${caller.account}:${caller.name}`;
    case 'federated-identity':
      return caller.userId;
  }
}

/**
 * The unique id of whoever the caller acts as, without a session name: a user, a role, a federated user or an account;
 * of somebody for whom a provider vouches, that of the provider, a colon and who he is there.
 */
export function principalId(caller: Caller): string {
  if (caller.kind === 'federated-identity') return `${caller.providerId}:${caller.subject}`;
  return caller.kind === 'assumed-role' ? caller.roleId : callerUserId(caller);
}

/** The unique id of the entity that policies mean by a caller: for a federated user the user who federated him. */
export function policyOwnerId(caller: Caller): string {
  if (caller.kind === 'federated-identity') return caller.providerId;
  return caller.kind === 'federated-user' ? (caller.by?.userId ?? caller.account) : principalId(caller);
}
