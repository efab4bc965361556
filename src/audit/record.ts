import { hash } from 'node:crypto';

import { z } from 'zod';

import { camelCase, markOf, unwrapped, type Contract, shapeOf } from '../contract/operation.js';
import type { Json } from '../domain/audit-seal.js';
import { iamArn } from '../domain/arn.js';
import type { ApiError } from '../domain/errors.js';
import { callerArn, callerUserId, type Caller } from '../domain/principal.js';
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
export function eventSource(contract: Pick<Contract, 'aws'>): string {
  return SOURCES[contract.aws ?? 'stint'];
}

/**
 * The event of a call in CloudTrail's record shape (CloudTrail user guide: record contents), as the account
 * `recipient` sees it: a foreign account sees only who called, not how.
 */
export function auditRecord(facts: EventFacts, delivery: { eventId: string; recipient: string; sharedEventId?: string }): Json {
  const { contract, caller, refusal } = facts;
  return {
    eventVersion: contract.aws === 'iam' ? '1.09' : '1.08',
    userIdentity: caller.account === delivery.recipient ? identity(caller) : foreignIdentity(caller),
    eventTime: isoSeconds(facts.now),
    eventSource: eventSource(contract),
    eventName: facts.name,
    awsRegion: contract.aws === 'iam' ? 'us-east-1' : facts.source.region,
    sourceIPAddress: facts.source.ip,
    userAgent: facts.source.userAgent?.slice(0, TEXT_MAX),
    errorCode: refusal === undefined ? undefined : auditCode(contract, refusal),
    errorMessage: refusal?.message.slice(0, TEXT_MAX),
    requestParameters: requestParameters(facts),
    responseElements: responseElements(facts),
    additionalEventData: additional(facts),
    requestID: facts.requestId,
    eventID: delivery.eventId,
    readOnly: contract.auditReadOnly ?? contract.effect === 'read',
    resources: refusal === undefined ? facts.notes.resources : undefined,
    eventType: 'AwsApiCall',
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
  if (facts.input === undefined || code === 'AccessDenied' || code === 'ValidationError') return null;
  const recorded = members(facts.contract.input, facts.input, facts.contract);
  if (JSON.stringify(recorded).length > PARAMETERS_MAX) return { omitted: `larger than ${String(PARAMETERS_MAX)} characters` };
  return Object.keys(recorded).length === 0 ? null : recorded;
}

function responseElements(facts: EventFacts): Json {
  if (facts.refusal !== undefined || facts.output === undefined || facts.contract.effect === 'read') return null;
  const recorded = members(facts.contract.output, facts.output, facts.contract);
  return Object.keys(recorded).length === 0 ? null : recorded;
}

function additional(facts: EventFacts): Json | undefined {
  const data: Record<string, Json> = { ...(facts.notes.additional as Record<string, Json> | undefined) };
  if (facts.ignored.length > 0) data['ignoredParameters'] = facts.ignored.slice(0, IGNORED_MAX).map((name) => name.slice(0, IGNORED_NAME_MAX));
  return Object.keys(data).length === 0 ? undefined : data;
}

/** The members of an object as events write them: camelCase names, and nothing that is marked sensitive. */
function members(schema: z.ZodObject, value: unknown, contract: Contract): Record<string, Json> {
  const shape = shapeOf(schema);
  const recorded: Record<string, Json> = {};
  for (const [name, member] of Object.entries(value as Record<string, unknown>)) {
    const memberSchema = shape[name];
    if (memberSchema === undefined || member === undefined) continue;
    const shown = recordedValue(memberSchema, member, contract);
    if (shown !== undefined) recorded[camelCase(name)] = shown;
  }
  return recorded;
}

function recordedValue(schema: z.ZodType, value: unknown, contract: Contract): Json | undefined {
  const mark = markOf(schema);
  if (mark.sensitive === 'omit') return undefined;
  if (mark.sensitive === 'sha256') return `sha256:${hash('sha256', String(value), 'hex')}`;
  if (mark.document === true) return percentEncoded(String(value));
  if (value instanceof Date) return auditDate(value, contract);
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodObject) return members(inner, value, contract);
  if (inner instanceof z.ZodArray) {
    return (value as unknown[]).map((item) => recordedValue(inner.element as z.ZodType, item, contract) ?? null);
  }
  return value as Json;
}

function identity(caller: Caller): Json {
  const base = { principalId: callerUserId(caller), arn: callerArn(caller), accountId: caller.account, accessKeyId: caller.accessKeyId };
  switch (caller.kind) {
    case 'root':
      return { type: 'Root', ...base };
    case 'user':
      return { type: 'IAMUser', ...base, userName: caller.userName };
    case 'assumed-role':
      return {
        type: 'AssumedRole',
        ...base,
        sessionContext: {
          sessionIssuer: {
            type: 'Role',
            principalId: caller.roleId,
            arn: iamArn(caller.account, 'role', `${caller.rolePath}${caller.roleName}`),
            accountId: caller.account,
            userName: caller.roleName,
          },
          webIdFederationData: {},
          attributes: { creationDate: isoSeconds(caller.session.issuedAt), mfaAuthenticated: 'false' },
          sourceIdentity: caller.session.sourceIdentity,
        },
      };
  }
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
