import { assumedRoleArn, iamArn, rootArn, type AccountId } from './arn.js';

/** The root user of an account, signing with a root access key. */
export interface RootCaller {
  readonly kind: 'root';
  readonly account: AccountId;
  readonly accessKeyId: string;
}

/** An IAM user, signing with a long-term access key. */
export interface UserCaller {
  readonly kind: 'user';
  readonly account: AccountId;
  readonly accessKeyId: string;
  readonly userId: string;
  readonly userName: string;
  readonly path: string;
}

/** What every temporary credential carries about the session it belongs to. */
export interface SessionFacts {
  /** The session's row: uuid. */
  readonly sessionId: string;
  /** The first session of the chain this one belongs to; itself where it was the first. */
  readonly rootSessionId: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  readonly sourceIdentity?: string;
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

/** Whoever has proved to hold a credential. */
export type Caller = RootCaller | UserCaller | RoleSessionCaller;

/** The caller's ARN as GetCallerIdentity and every message show it: the session's for a role session. */
export function callerArn(caller: Caller): string {
  switch (caller.kind) {
    case 'root':
      return rootArn(caller.account);
    case 'user':
      return iamArn(caller.account, 'user', `${caller.path}${caller.userName}`);
    case 'assumed-role':
      return assumedRoleArn(caller.account, caller.roleName, caller.sessionName);
  }
}

/** The value of `aws:PrincipalArn`: for a role session the role's ARN, with its path. */
export function principalArn(caller: Caller): string {
  return caller.kind === 'assumed-role'
    ? iamArn(caller.account, 'role', `${caller.rolePath}${caller.roleName}`)
    : callerArn(caller);
}

/** The value of `aws:userid` and of GetCallerIdentity's UserId: `AIDA…`, `AROA…:session`, or the account. */
export function callerUserId(caller: Caller): string {
  switch (caller.kind) {
    case 'root':
      return caller.account;
    case 'user':
      return caller.userId;
    case 'assumed-role':
      return `${caller.roleId}:${caller.sessionName}`;
  }
}

/** The unique id of the entity behind the caller, without a session name: what trust policies are stored with. */
export function principalId(caller: Caller): string {
  return caller.kind === 'assumed-role' ? caller.roleId : callerUserId(caller);
}
