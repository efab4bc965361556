import { hash } from 'node:crypto';

import { z } from 'zod';

import { camelCase, markOf, unwrapped, type Contract, shapeOf } from '../contract/operation.js';
import type { Json } from '../domain/audit-seal.js';
import { iamArn, rootArn } from '../domain/arn.js';
import type { ApiError } from '../domain/errors.js';
import { callerArn, callerUserId, principalArn, tokenIssueTime, type Caller, type FederatedUserCaller, type Federation, type SessionFacts } from '../domain/principal.js';
import type { Notes, Source } from '../kernel/handler.js';

/** What is known about a call when its event is written. */
export interface EventFacts {
  readonly name: string;
  readonly contract: Contract;
  readonly caller: Caller;
  readonly source: Source;
  readonly now: Date;
  readonly requestId: string;
  /** Absent where the input was never understood. */
  readonly input: unknown;
  readonly output?: unknown;
  readonly refusal?: ApiError;
  readonly notes: Notes;
  /** Parameters of the request that the contract does not know. */
  readonly ignored: readonly string[];
}

/** What CloudTrail calls the sign-in of a person (user guide: AWS Management Console sign-in events). */
const CONSOLE_LOGIN = 'ConsoleLogin';
const SOURCES = { sts: 'sts.amazonaws.com', iam: 'iam.amazonaws.com', stint: 'stint.internal' } as const;
/** CloudTrail's bound for messages and user agents, in characters. */
const TEXT_MAX = 1_024;
/** CloudTrail's bound for request parameters, in characters of JSON. */
const PARAMETERS_MAX = 100_000;
/** How many names of unknown parameters are recorded, and how much of each. */
const IGNORED_MAX = 100;
const IGNORED_NAME_MAX = 128;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The `eventSource` of a contract. */
export function eventSource(contract: Pick<Contract, 'aws' | 'isSignIn'>): string {
  return contract.isSignIn === true ? 'signin.amazonaws.com' : SOURCES[contract.aws ?? 'stint'];
}

/** The `eventName` of an operation. */
export function eventName({ name, contract }: Pick<EventFacts, 'name' | 'contract'>): string {
  return contract.isSignIn === true ? CONSOLE_LOGIN : name;
}

/**
 * The event of a call in CloudTrail's record shape (CloudTrail user guide: record contents), as the account
 * `recipient` sees it: a foreign account sees who called by account and unique id only (CloudTrail: AWSAccount).
 */
export function auditRecord(facts: EventFacts, delivery: { eventId: string; recipient: string; sharedEventId?: string | undefined }): Json {
  const { contract, caller, refusal } = facts;
  return {
    eventVersion: contract.aws === 'iam' ? '1.09' : '1.08',
    userIdentity: caller.account === delivery.recipient ? identity(caller) : foreignIdentity(caller),
    eventTime: isoSeconds(facts.now),
    eventSource: eventSource(contract),
    eventName: eventName(facts),
    awsRegion: contract.aws === 'iam' ? 'us-east-1' : facts.source.region,
    sourceIPAddress: facts.source.ip,
    userAgent: facts.source.userAgent?.slice(0, TEXT_MAX),
    errorCode: refusal === undefined ? undefined : auditCode(contract, refusal),
    errorMessage: refusal?.message.slice(0, TEXT_MAX),
    requestParameters: requestParameters(facts),
    responseElements: responseElements(facts),
    additionalEventData: caller.account === delivery.recipient ? additional(facts) : undefined,
    requestID: facts.requestId,
    eventID: delivery.eventId,
    readOnly: contract.auditReadOnly ?? contract.effect === 'read',
    resources: refusal === undefined ? facts.notes.resources : undefined,
    eventType: contract.isSignIn === true ? 'AwsConsoleSignIn' : 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: delivery.recipient,
    sharedEventID: delivery.sharedEventId,
    eventCategory: 'Management',
  };
}

function auditCode(contract: Contract, refusal: ApiError): string {
  return contract.aws === 'iam' ? (refusal.row.auditCode ?? refusal.code) : refusal.code;
}

// CloudTrail leaves the parameters out where a call was not allowed or not understood.
function requestParameters(facts: EventFacts): Json {
  const code = facts.refusal?.code;
  if (facts.contract.isSignIn === true || facts.input === undefined || code === 'AccessDenied' || code === 'ValidationError') return null;
  const recorded = { ...members(facts.contract.input, facts.input, facts.contract), ...(facts.notes.parameters as Record<string, Json> | undefined) };
  if (JSON.stringify(recorded).length > PARAMETERS_MAX) return { omitted: `larger than ${String(PARAMETERS_MAX)} characters` };
  return Object.keys(recorded).length === 0 ? null : recorded;
}

function responseElements(facts: EventFacts): Json {
  if (facts.contract.isSignIn === true && facts.refusal !== undefined) return { [CONSOLE_LOGIN]: 'Failure' };
  if (facts.refusal !== undefined || facts.output === undefined || facts.contract.effect === 'read') return null;
  const recorded = { ...members(facts.contract.output, facts.output, facts.contract), ...(facts.contract.isSignIn === true && { [CONSOLE_LOGIN]: 'Success' }) };
  return Object.keys(recorded).length === 0 ? null : recorded;
}

function additional(facts: EventFacts): Json | undefined {
  const data: Record<string, Json> = { ...(facts.contract.isSignIn === true && { MFAUsed: 'No' }), ...(facts.notes.additional as Record<string, Json> | undefined) };
  if (facts.ignored.length > 0) data['ignoredParameters'] = facts.ignored.slice(0, IGNORED_MAX).map((name) => name.slice(0, IGNORED_NAME_MAX));
  return Object.keys(data).length === 0 ? undefined : data;
}

/** How one member of a contract is recorded. */
interface RecordedMember {
  readonly name: string;
  readonly shown: string;
  readonly record: (value: unknown, contract: Contract) => Json | undefined;
}

// A contract says how its members are recorded once and for all; asking its schemas for every event took a third
// of the time that making an event takes.
const known = new WeakMap<z.ZodObject, readonly RecordedMember[]>();

/** The members of an object as events write them: camelCase names, and nothing that is marked sensitive. */
function members(schema: z.ZodObject, value: unknown, contract: Contract): Record<string, Json> {
  const recorded: Record<string, Json> = {};
  for (const { name, shown, record } of membersOf(schema)) {
    const member = (value as Record<string, unknown>)[name];
    const json = member === undefined ? undefined : record(member, contract);
    if (json !== undefined) recorded[shown] = json;
  }
  return recorded;
}

function membersOf(schema: z.ZodObject): readonly RecordedMember[] {
  let listed = known.get(schema);
  if (listed === undefined) {
    listed = Object.entries(shapeOf(schema)).map(([name, member]) => ({ name, shown: camelCase(name), record: recorder(member) }));
    known.set(schema, listed);
  }
  return listed;
}

function recorder(schema: z.ZodType): RecordedMember['record'] {
  const mark = markOf(schema);
  // Stint's own members are not part of CloudTrail's shape.
  if (mark.sensitive === 'omit' || mark.restOnly === true) return () => undefined;
  if (mark.sensitive === 'sha256') return (value) => `sha256:${hash('sha256', String(value), 'hex')}`;
  if (mark.document === true) return (value) => percentEncoded(String(value));
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodObject) return (value, contract) => members(inner, value, contract);
  if (inner instanceof z.ZodArray) {
    const item = recorder(inner.element as z.ZodType);
    return (value, contract) => (value as unknown[]).map((entry) => item(entry, contract) ?? null);
  }
  return (value, contract) => (value instanceof Date ? auditDate(value, contract) : (value as Json));
}

function identity(caller: Caller): Json {
  if (caller.kind === 'federated-identity') {
    return { type: caller.protocol === 'oidc' ? 'WebIdentityUser' : 'SAMLUser', principalId: callerUserId(caller), userName: caller.subject, identityProvider: caller.provider };
  }
  const base = { principalId: callerUserId(caller), arn: callerArn(caller), accountId: caller.account, accessKeyId: caller.accessKeyId };
  switch (caller.kind) {
    case 'root':
      return { type: 'Root', ...base, sessionContext: sessionContext(caller.session, {}) };
    case 'user':
      // Who signs in has no access key yet.
      return { type: 'IAMUser', ...base, accessKeyId: caller.accessKeyId === '' ? undefined : caller.accessKeyId, userName: caller.userName, sessionContext: sessionContext(caller.session, {}) };
    case 'assumed-role': {
      const issuer = { type: 'Role', principalId: caller.roleId, arn: principalArn(caller), accountId: caller.account, userName: caller.roleName };
      return { type: 'AssumedRole', ...base, sessionContext: sessionContext(caller.session, issuer) };
    }
    case 'federated-user':
      return { type: 'FederatedUser', ...base, sessionContext: sessionContext(caller.session, federatedBy(caller)) };
  }
}

function federatedBy({ account, by }: FederatedUserCaller): Json {
  if (by === undefined) return { type: 'Root', principalId: account, arn: rootArn(account), accountId: account };
  return { type: 'IAMUser', principalId: by.userId, arn: iamArn(account, 'user', `${by.path}${by.userName}`), accountId: account, userName: by.userName };
}

function sessionContext(session: SessionFacts | undefined, sessionIssuer: Json): Json | undefined {
  return session && {
    sessionIssuer,
    webIdFederationData: session.origin === 'AssumeRoleWithWebIdentity' ? federationData(session.federation) : {},
    attributes: { creationDate: isoSeconds(tokenIssueTime(session)), mfaAuthenticated: String(session.mfaAt !== undefined) },
    sourceIdentity: session.sourceIdentity,
    ...(session.origin === 'AssumeRoot' && { assumedRoot: 'true' }),
    ...(session.delegates && { actors: session.delegates.map(({ arn, subject, issuer }) => ({ arn, subject, issuer })) }),
  };
}

function federationData(federation: Federation | undefined): Json {
  return federation === undefined ? {} : { federatedProvider: federation.provider, attributes: Object.fromEntries([...federation.keys].map(([key, value]) => [key, typeof value === 'string' ? value : [...value]])) };
}

function foreignIdentity(caller: Caller): Json {
  return { type: 'AWSAccount', principalId: callerUserId(caller), accountId: caller.account };
}

/** RFC 3986: everything but the unreserved characters is escaped, as IAM returns documents. */
export function percentEncoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** `2026-11-25T03:20:00Z`: whole seconds, as AWS writes times. */
export function isoSeconds(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** `Nov 30, 2024, 8:43:17 PM` in STS events, `Aug 1, 2024 1:33:28 PM` in others (recorded from AWS). */
export function auditDate(date: Date, contract: Pick<Contract, 'aws'>): string {
  const hours = date.getUTCHours();
  const two = (part: number): string => String(part).padStart(2, '0');
  const time = `${String(hours % 12 === 0 ? 12 : hours % 12)}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} ${hours < 12 ? 'AM' : 'PM'}`;
  const day = `${MONTHS[date.getUTCMonth()] ?? ''} ${String(date.getUTCDate())}, ${String(date.getUTCFullYear())}`;
  return `${day}${contract.aws === 'sts' ? ',' : ''} ${time}`;
}
