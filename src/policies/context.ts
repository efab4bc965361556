import type { Context, ContextValue } from '../domain/policy/evaluate.js';
import { callerUserId, principalArn, tokenIssueTime, type Caller, type Federation, type Holder, type SessionFacts } from '../domain/principal.js';
import { tagKey, type TagFact } from '../domain/tags.js';
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

/**
 * The contexts that a request has to be allowed in, all of them: one, unless tags have keys that differ by case only, as
 * they may on policies, instance profiles and providers. Condition keys do not tell those apart, so each of such tags
 * counts once; which of them comes last must not decide.
 */
export function requestContexts(facts: ContextFacts): readonly Context[] {
  const [requests, resources] = [readings(facts.requestTags ?? []), readings(facts.resourceTags ?? [])];
  const count = Math.max(requests.length, resources.length);
  return Array.from({ length: count }, (_, index) => requestContext(facts, { request: requests[Math.min(index, requests.length - 1)], resource: resources[Math.min(index, resources.length - 1)] }));
}

/** Tags with one of each key, whatever its case, as often as it takes for each tag to be in one of them. */
function readings(tags: readonly TagFact[]): readonly (readonly TagFact[])[] {
  const byKey = new Map<string, TagFact[]>();
  for (const tag of tags) byKey.set(tagKey(tag.Key), [...(byKey.get(tagKey(tag.Key)) ?? []), tag]);
  const most = Math.max(1, ...[...byKey.values()].map((same) => same.length));
  if (most === 1) return [tags];
  return Array.from({ length: most }, (_, index) => [...byKey.values()].flatMap((same) => same[Math.min(index, same.length - 1)] ?? []));
}

interface ReadTags {
  readonly request: readonly TagFact[] | undefined;
  readonly resource: readonly TagFact[] | undefined;
}

/** The condition keys of a request (IAM User Guide: AWS global condition context keys); names in lower case. */
function requestContext(facts: ContextFacts, tags: ReadTags): Context {
  const { caller, source, now } = facts;
  const context = new Map<string, ContextValue>();
  const set = (key: string, value: ContextValue | undefined): void => {
    if (value !== undefined) context.set(key.toLowerCase(), value);
  };
  set('aws:CurrentTime', now.toISOString());
  set('aws:EpochTime', String(Math.floor(now.getTime() / 1000)));
  if (caller.kind === 'federated-identity') setFederation(set, caller);
  else setPrincipal(set, caller);
  set('aws:SourceIp', source.ip);
  set('aws:SecureTransport', String(source.secureTransport));
  set('aws:UserAgent', source.userAgent?.slice(0, USER_AGENT_MAX));
  set('aws:RequestedRegion', source.region);
  set('aws:ResourceAccount', facts.resourceAccount);
  if (caller.kind === 'user') set('aws:username', caller.userName);
  if (caller.session !== undefined) setSession(set, caller.session, now);
  setTags(set, 'aws:PrincipalTag/', facts.principalTags);
  setTags(set, 'aws:ResourceTag/', tags.resource);
  setTags(set, 'iam:ResourceTag/', tags.resource);
  setTags(set, 'aws:RequestTag/', tags.request);
  if (facts.requestTags !== undefined && facts.requestTags.length > 0) set('aws:TagKeys', facts.requestTags.map((tag) => tag.Key));
  for (const [key, value] of Object.entries(facts.more ?? {})) set(key, value);
  return context;
}

type Set = (key: string, value: ContextValue | undefined) => void;

function setPrincipal(set: Set, caller: Holder): void {
  set('aws:PrincipalArn', principalArn(caller));
  set('aws:PrincipalAccount', caller.account);
  set('aws:PrincipalType', PRINCIPAL_TYPE[caller.kind]);
  set('aws:userid', callerUserId(caller));
}

/** What an identity provider says; its keys never stand in the place of AWS's own. */
function setFederation(set: Set, { provider, keys }: Federation): void {
  set('aws:FederatedProvider', provider);
  for (const [key, value] of keys) set(key, value);
}

function setSession(set: Set, session: SessionFacts, now: Date): void {
  set('aws:TokenIssueTime', tokenIssueTime(session).toISOString());
  // Present, and false, for every temporary credential that was obtained without MFA.
  set('aws:MultiFactorAuthPresent', String(session.mfaAt !== undefined));
  if (session.mfaAt !== undefined) set('aws:MultiFactorAuthAge', String(Math.floor((now.getTime() - session.mfaAt.getTime()) / 1000)));
  set('aws:SourceIdentity', session.sourceIdentity);
  if (session.origin === 'AssumeRoot') set('aws:AssumedRoot', 'true');
  if (session.federation !== undefined) setFederation(set, session.federation);
  const [acting] = session.delegates ?? [];
  set('stint:ActorArn', acting?.arn);
  set('stint:ActorSubject', acting?.subject);
}

function setTags(set: Set, prefix: string, tags: readonly TagFact[] = []): void {
  for (const { Key, Value } of tags) set(`${prefix}${Key}`, Value);
}
