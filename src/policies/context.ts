import type { Context, ContextValue } from '../domain/policy/evaluate.js';
import { callerUserId, principalArn, tokenIssueTime, type Caller, type SessionFacts } from '../domain/principal.js';
import type { TagFact } from '../domain/tags.js';
import type { Source } from '../kernel/handler.js';

/** What a request's condition keys are filled in from. */
export interface ContextFacts {
  readonly caller: Caller;
  readonly source: Source;
  readonly now: Date;
  /** The account that owns the resource. */
  readonly resourceAccount: string;
  readonly principalTags?: readonly TagFact[];
  readonly resourceTags?: readonly TagFact[] | undefined;
  readonly requestTags?: readonly TagFact[] | undefined;
  /** Keys of the operation itself, such as sts:ExternalId. */
  readonly more?: Readonly<Record<string, ContextValue | undefined>> | undefined;
}

/** How much of the User-Agent header policies see, in characters: matching costs as much as pattern and value are long. */
const USER_AGENT_MAX = 512;

const PRINCIPAL_TYPE = { root: 'Account', user: 'User', 'assumed-role': 'AssumedRole', 'federated-user': 'FederatedUser' } as const;

/** The condition keys of a request (IAM User Guide: AWS global condition context keys); names in lower case. */
export function requestContext(facts: ContextFacts): Context {
  const { caller, source, now } = facts;
  const context = new Map<string, ContextValue>();
  const set = (key: string, value: ContextValue | undefined): void => {
    if (value !== undefined) context.set(key.toLowerCase(), value);
  };
  set('aws:CurrentTime', now.toISOString());
  set('aws:EpochTime', String(Math.floor(now.getTime() / 1000)));
  set('aws:PrincipalArn', principalArn(caller));
  set('aws:PrincipalAccount', caller.account);
  set('aws:PrincipalType', PRINCIPAL_TYPE[caller.kind]);
  set('aws:userid', callerUserId(caller));
  set('aws:SourceIp', source.ip);
  set('aws:SecureTransport', String(source.secureTransport));
  set('aws:UserAgent', source.userAgent?.slice(0, USER_AGENT_MAX));
  set('aws:RequestedRegion', source.region);
  set('aws:ResourceAccount', facts.resourceAccount);
  if (caller.kind === 'user') set('aws:username', caller.userName);
  if (caller.session !== undefined) setSession(set, caller.session, now);
  setTags(set, 'aws:PrincipalTag/', facts.principalTags);
  setTags(set, 'aws:ResourceTag/', facts.resourceTags);
  setTags(set, 'iam:ResourceTag/', facts.resourceTags);
  setTags(set, 'aws:RequestTag/', facts.requestTags);
  if (facts.requestTags !== undefined && facts.requestTags.length > 0) set('aws:TagKeys', facts.requestTags.map((tag) => tag.Key));
  for (const [key, value] of Object.entries(facts.more ?? {})) set(key, value);
  return context;
}

type Set = (key: string, value: string | undefined) => void;

function setSession(set: Set, session: SessionFacts, now: Date): void {
  set('aws:TokenIssueTime', tokenIssueTime(session).toISOString());
  // Present, and false, for every temporary credential that was obtained without MFA.
  set('aws:MultiFactorAuthPresent', String(session.mfaAt !== undefined));
  if (session.mfaAt !== undefined) set('aws:MultiFactorAuthAge', String(Math.floor((now.getTime() - session.mfaAt.getTime()) / 1000)));
  set('aws:SourceIdentity', session.sourceIdentity);
  if (session.origin === 'AssumeRoot') set('aws:AssumedRoot', 'true');
}

function setTags(set: Set, prefix: string, tags: readonly TagFact[] = []): void {
  for (const { Key, Value } of tags) set(`${prefix}${Key}`, Value);
}
