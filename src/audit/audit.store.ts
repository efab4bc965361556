import { Injectable } from '@nestjs/common';

import { canonicalJson, eventDigest } from '../domain/audit-seal.js';
import { rootArn } from '../domain/arn.js';
import { callerArn, callerUserId } from '../domain/principal.js';
import type { ReadTx, Tx } from '../kernel/database.js';
import { Random } from '../kernel/effects.js';
import { append, Ledger, type Append, type AppendTable } from '../kernel/ledger.js';
import { pageOf, type Page, type PageRequest } from '../kernel/page.js';
import { AuditEventRow } from './audit.entities.js';
import { auditRecord, eventName, eventSource, type EventFacts } from './record.js';

type NewEvent = Omit<AuditEventRow, 'txid'>;

const table: AppendTable<NewEvent> = {
  name: 'audit_event',
  idempotentBy: 'event_id',
  columns: [
    { name: 'event_id', type: 'uuid', of: (row) => row.eventId },
    { name: 'account_id', type: 'text', of: (row) => row.accountId },
    { name: 'occurred_at', type: 'timestamptz', of: (row) => row.occurredAt.toISOString() },
    { name: 'event_source', type: 'text', of: (row) => row.eventSource },
    { name: 'event_name', type: 'text', of: (row) => row.eventName },
    { name: 'principal_arn', type: 'text', of: (row) => row.principalArn },
    { name: 'principal_id', type: 'text', of: (row) => row.principalId },
    { name: 'access_key_id', type: 'text', of: (row) => row.accessKeyId },
    { name: 'outcome', type: 'text', of: (row) => row.outcome },
    { name: 'error_code', type: 'text', of: (row) => row.errorCode },
    { name: 'request_id', type: 'uuid', of: (row) => row.requestId },
    { name: 'record', type: 'text', of: (row) => row.record },
    { name: 'digest', type: 'bytea', of: (row) => row.digest },
  ],
};

/** What a page of events is filtered by; everything is optional and joined with AND. */
export interface EventFilter {
  readonly from: Date | undefined;
  readonly to: Date | undefined;
  /** An ARN or a unique id, with or without session name. */
  readonly principal: string | undefined;
  readonly eventName: string | undefined;
  readonly eventSource: string | undefined;
  readonly outcome: AuditEventRow['outcome'] | undefined;
  readonly accessKeyId: string | undefined;
}

/** The audit log: events go in, and pages of one account's events come out. */
@Injectable()
export class AuditLog {
  constructor(
    private readonly ledger: Ledger,
    private readonly random: Random,
  ) {}

  /** The rows of a call's event: one for the caller's account, and one for another account it concerned. */
  events(facts: EventFacts): readonly Append[] {
    const { caller, notes } = facts;
    const other = facts.refusal === undefined && notes.alsoAccount !== caller.account ? notes.alsoAccount : undefined;
    if (other === undefined) return [append(table, this.#row(facts, caller.account))];
    const sharedEventId = this.random.uuid();
    return [caller.account, other].map((recipient) => append(table, this.#row(facts, recipient, sharedEventId)));
  }

  /** Records in the transaction of the change itself. */
  async record(tx: Tx, facts: EventFacts): Promise<void> {
    await this.ledger.within(tx, this.events(facts));
  }

  /** Events of one account, newest first. */
  async page(tx: ReadTx, of: { account: string; filter: EventFilter }, request: PageRequest): Promise<Page<AuditEventRow>> {
    const { filter } = of;
    const query = tx.createQueryBuilder(AuditEventRow, 'event').where('event.accountId = :account', { account: of.account });
    const where = (condition: string, values: Record<string, unknown>, given: unknown): void => {
      if (given !== undefined) query.andWhere(condition, values);
    };
    where('event.occurredAt >= :from', { from: filter.from }, filter.from);
    where('event.occurredAt < :to', { to: filter.to }, filter.to);
    where(`(event.principalArn = :principal OR event.principalId = :principal OR split_part(event.principalId, ':', 1) = :principal)`, { principal: filter.principal }, filter.principal);
    where('event.eventName = :name', { name: filter.eventName }, filter.eventName);
    where('event.eventSource = :source', { source: filter.eventSource }, filter.eventSource);
    where('event.outcome = :outcome', { outcome: filter.outcome }, filter.outcome);
    where('event.accessKeyId = :key', { key: filter.accessKeyId }, filter.accessKeyId);
    where('(event.occurredAt, event.eventId) < (:afterTime::timestamptz, :afterId::uuid)', { afterTime: new Date(request.after?.[0] ?? 0), afterId: request.after?.[1] }, request.after);
    const rows = await query
      .orderBy('event.occurredAt', 'DESC')
      .addOrderBy('event.eventId', 'DESC')
      .limit(request.items + 1)
      .getMany();
    return pageOf(rows, request, (row) => [row.occurredAt.toISOString(), row.eventId]);
  }

  #row(facts: EventFacts, recipient: string, sharedEventId?: string): NewEvent {
    const eventId = this.random.uuid();
    const foreign = recipient !== facts.caller.account;
    const record = canonicalJson(auditRecord(facts, { eventId, recipient, sharedEventId }));
    return {
      eventId,
      accountId: recipient,
      occurredAt: facts.now,
      eventSource: eventSource(facts.contract),
      eventName: eventName(facts),
      // Another account learns who called, as CloudTrail tells it: the account and the unique id.
      principalArn: foreign ? rootArn(facts.caller.account) : callerArn(facts.caller),
      principalId: callerUserId(facts.caller),
      accessKeyId: foreign ? '' : (facts.caller.accessKeyId ?? ''),
      outcome: facts.refusal === undefined ? 'success' : 'refused',
      errorCode: facts.refusal?.code ?? null,
      requestId: facts.requestId,
      record,
      digest: eventDigest(record),
    };
  }
}
