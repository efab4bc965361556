import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import type { ApiError } from '../domain/errors.js';
import { Clock, Random } from '../kernel/effects.js';
import type { Implementation } from '../kernel/handler.js';
import { CONFIG, LOG } from '../kernel/kernel.js';
import type { Config } from '../kernel/config.js';
import type { Log } from '../kernel/log.js';
import { Metrics } from '../kernel/metrics.js';
import { Draining } from './draining.js';
import { asApiError } from './executor.js';
import { readIncoming, type Incoming } from './incoming.js';

/** A request that has arrived at a face. */
export interface Opened {
  readonly face: 'query' | 'rest' | 'oauth';
  readonly requestId: string;
  readonly incoming: Incoming;
  /** When it arrived, on the clock that never jumps, in milliseconds. */
  readonly since: number;
}

/** An answer, ready for the wire. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly operation?: Implementation | undefined;
  readonly error?: ApiError;
}

/** How JSON answers name the decision behind a refusal. */
export function decisionMembers({ decision }: ApiError): { decisionId?: string; encodedAuthorizationMessage?: string } {
  return decision === undefined ? {} : { decisionId: decision.id, encodedAuthorizationMessage: decision.encodedMessage };
}

/** How problem details say that MFA would have helped. */
export function stepUpMembers(error: ApiError | undefined): { mfaRequired?: true; mfaMaxAgeSeconds?: number } {
  if (error?.stepUp === undefined) return {};
  const { maxAgeSeconds } = error.stepUp;
  return { mfaRequired: true, ...(maxAgeSeconds !== undefined && { mfaMaxAgeSeconds: maxAgeSeconds }) };
}

/** The same in headers, for faces whose bodies are AWS's. */
const STEP_UP_HEADERS: Readonly<Record<string, string>> = { mfaRequired: 'x-stint-mfa-required', mfaMaxAgeSeconds: 'x-stint-mfa-max-age-seconds' };

/** Tells callers, and whoever reads their logs, what is wrong with a trust policy that was saved all the same. */
export function mentionWarnings(reply: FastifyReply, warnings: readonly string[]): void {
  reply.header('x-stint-trust-warnings', warnings.map((text) => text.replace(/[^\u0020-\u007E]|,/g, '?').slice(0, 128)).join(', '));
}

/** What every face does at the beginning and end of a request: ids, headers, log line, metrics. */
@Injectable()
export class Exchange {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOG) private readonly log: Log,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly metrics: Metrics,
    private readonly draining: Draining,
  ) {}

  /** Regions accepted in signatures; empty: any. */
  get regions(): readonly string[] {
    return this.config.regions;
  }

  /** Gives a request its id and its time: the only moment at which either is read. */
  open(request: FastifyRequest, face: Opened['face']): Opened {
    const requestId = this.random.uuid();
    return { face, requestId, incoming: readIncoming(request, { requestId, now: this.clock.now(), trustedProxies: this.config.trustedProxies }), since: this.clock.elapsed() };
  }

  /** What was thrown, as the caller may see it; what was our fault is logged with its cause. */
  refusal(opened: Opened, error: unknown): ApiError {
    const refusal = asApiError(error);
    // Who is told when to come back met a bound: strangers can do that as often as they like, and the line of the request says it.
    if (refusal.row.fault === 'Receiver' && refusal.detail['retryAfterSeconds'] === undefined) this.log.error({ requestId: opened.requestId, err: refusal }, 'request failed');
    return refusal;
  }

  /** Sends an answer, and leaves one log line and one observation. */
  send(opened: Opened, reply: FastifyReply, answer: Answer): void {
    const verbs = answer.error?.detail['verbs'];
    if (Array.isArray(verbs)) reply.header('allow', verbs.join(', '));
    // A client that keeps its connections would hold up the end for as long as that may take.
    if (this.draining.begun) reply.header('connection', 'close');
    const retryAfter = answer.error?.detail['retryAfterSeconds'];
    if (typeof retryAfter === 'number') reply.header('retry-after', String(retryAfter));
    if (answer.error?.decision !== undefined) reply.header('x-stint-decision-id', answer.error.decision.id);
    for (const [name, value] of Object.entries(stepUpMembers(answer.error))) reply.header(STEP_UP_HEADERS[name] ?? name, String(value));
    reply
      .code(answer.status)
      .header('content-type', answer.type)
      .header('x-amzn-requestid', opened.requestId)
      // SDKs set their clock by it, so it must be the clock that signatures are judged by.
      .header('date', opened.incoming.now.toUTCString())
      // Answers may hold credentials.
      .header('cache-control', 'no-store')
      .header('x-content-type-options', 'nosniff')
      .send(answer.body);
    const operation = answer.operation?.name ?? 'none';
    const seconds = (this.clock.elapsed() - opened.since) / 1000;
    const result = answer.error?.code ?? 'ok';
    this.metrics.request({ operation, face: opened.face, result, seconds });
    if (answer.operation?.contract.effect === 'issue' && answer.error === undefined) this.metrics.issued(operation);
    this.log.info({ requestId: opened.requestId, operation, face: opened.face, status: answer.status, result, seconds: Math.round(seconds * 1e6) / 1e6, ip: opened.incoming.source.ip, why: answer.error?.detail }, 'request');
  }
}
