import { Injectable } from '@nestjs/common';

import { NONCE_BYTES } from '../domain/aead.js';
import { MESSAGE_MAX_BYTES, sealMessage } from '../domain/authorization-message.js';
import type { ApiError } from '../domain/errors.js';
import type { Explanation } from '../domain/policy/explain.js';
import type { PolicyType, Request } from '../domain/policy/evaluate.js';
import { callerArn, callerUserId, principalId, type Caller } from '../domain/principal.js';
import { Random } from '../kernel/effects.js';
import { Keyring } from '../kernel/keyring.js';
import type { Append } from '../kernel/ledger.js';
import { Metrics } from '../kernel/metrics.js';
import { RefusalAllowance } from '../kernel/refusals.js';
import { DecisionsStore } from './decisions.store.js';

/** How a request was judged, as a refusal carries it. */
export interface Judged {
  /** The request as the caller's account may see it. */
  readonly request: Request;
  /** The decision as the caller's account may see it. */
  readonly explanation: Explanation;
  /** The account of the resource, where that exists and is not the caller's: it may read its own side. */
  readonly other?: { readonly account: string; readonly explanation: Explanation };
}

/** A refusal that can be looked up. */
export interface Recorded {
  readonly id: string;
  readonly encodedMessage: string;
  readonly rows: readonly Append[];
}

/** Kinds of policies that belong to the account of the resource; all others belong to the caller's. */
const RESOURCE_SIDE: ReadonlySet<PolicyType> = new Set<PolicyType>(['trust', 'resource', 'resourceControl']);

/**
 * Keeps what every refusal was decided by. An account reads its own side only: what a foreign trust policy says
 * must not be learnt by being refused.
 */
@Injectable()
export class Decisions {
  constructor(
    private readonly store: DecisionsStore,
    private readonly keyring: Keyring,
    private readonly random: Random,
    private readonly allowance: RefusalAllowance,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Writes a refusal down: an id, the rows to commit with its event, and the sealed message for its caller. What the account of the
   * resource may read is left out where the caller was refused there too often: his own account has it all.
   */
  of(refusal: ApiError, call: { name: string; caller: Caller; now: Date; requestId: string }): Recorded {
    const id = this.random.uuid();
    const judged = refusal.evidence as Judged | undefined;
    const own = this.#ownSide(refusal, call.caller, judged);
    const row = (accountId: string, content: object): Append =>
      this.store.decided({ decisionId: id, accountId, requestId: call.requestId, decidedAt: call.now, content: JSON.stringify(content) });
    const rows = [row(call.caller.account, own)];
    if (judged?.other !== undefined && this.#mayWrite(judged.other.account, call)) rows.push(row(judged.other.account, otherSide(judged.request, judged.other.explanation)));
    return { id, encodedMessage: this.#sealed(own, call.caller.account), rows };
  }

  /** Whether the caller, who is nobody's in an account, may still have a refusal written into its tables. */
  #mayWrite(account: string, { name, caller }: { name: string; caller: Caller }): boolean {
    if (this.allowance.take({ account, door: caller.account, subject: principalId(caller) }) === 0) return true;
    this.metrics.unrecorded(name, 'decision');
    return false;
  }

  #ownSide(refusal: ApiError, caller: Caller, judged: Judged | undefined): object {
    if (judged === undefined) {
      return { allowed: false, explicitDeny: false, matchedStatements: { items: [] }, failures: { items: [] }, context: { principal: principal(caller) }, reason: refusal.message };
    }
    return {
      ...decoded(judged.explanation, () => true),
      context: {
        principal: principal(caller),
        action: judged.request.action,
        resource: judged.request.resource,
        conditions: { items: [...judged.request.context].map(([key, value]) => ({ key, values: { items: [value].flat().map((item) => ({ value: item })) } })) },
      },
    };
  }

  /** The message must fit into what DecodeAuthorizationMessage takes; the row keeps everything. */
  #sealed(content: object, account: string): string {
    const nonce = this.random.bytes(NONCE_BYTES);
    for (const text of [content, { ...content, explanation: undefined }, { allowed: false, truncated: true }].map((part) => JSON.stringify(part))) {
      if (Buffer.byteLength(text) <= MESSAGE_MAX_BYTES) return sealMessage(this.keyring, { text, account }, nonce);
    }
    throw new Error('an authorization message does not fit');
  }
}

/** What the account of the resource may read: its own policies and who asked, not the caller's side. */
function otherSide(request: Request, explanation: Explanation): object {
  return {
    ...decoded(explanation, (type) => RESOURCE_SIDE.has(type)),
    context: { principal: { arn: request.principal.arn, account: request.principal.account }, action: request.action, resource: request.resource },
  };
}

/** The well-known shape of a decoded authorization message, with the layers that the reader may see. */
function decoded(explanation: Explanation, visible: (type: PolicyType) => boolean): object {
  const layers = explanation.layers.filter((layer) => visible(layer.policyType));
  const denies = explanation.statements.filter((statement) => explanation.explicit && visible(statement.policyType));
  const decidedHere = explanation.by !== 'none' && (explanation.by === 'root' || visible(explanation.by));
  return {
    allowed: false,
    explicitDeny: denies.length > 0,
    matchedStatements: { items: denies.map((statement) => ({ statementId: statement.sid ?? '', effect: 'DENY', ...statement })) },
    failures: { items: [] },
    decidedBy: decidedHere ? explanation.by : 'the policies of the other account',
    explanation: layers,
  };
}

function principal(caller: Caller): object {
  return { id: callerUserId(caller), ...(caller.kind === 'user' ? { name: caller.userName } : {}), arn: callerArn(caller) };
}
