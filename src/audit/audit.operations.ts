import { Injectable } from '@nestjs/common';

import { implement } from '../kernel/handler.js';
import { pageRequest, requireTimeAndId } from '../kernel/page.js';
import { auditContracts } from './audit.contract.js';
import { AuditLog } from './audit.store.js';
import { eventSource } from './record.js';

/** Use cases of the audit log. */
@Injectable()
export class AuditOperations {
  constructor(private readonly log: AuditLog) {}

  readonly operations = implement(auditContracts, {
    ListAuditEvents: async (input, ctx) => {
      const request = pageRequest(input, 2);
      requireTimeAndId(request);
      const [service, name] = input.Action?.includes(':') === true ? input.Action.split(':') : [undefined, input.Action];
      const filter = {
        from: input.StartTime === undefined ? undefined : new Date(input.StartTime),
        to: input.EndTime === undefined ? undefined : new Date(input.EndTime),
        principal: input.Principal,
        eventName: name,
        eventSource: service === undefined ? undefined : eventSource(service === 'stint' ? {} : { aws: service as 'sts' | 'iam' }),
        outcome: input.Outcome,
        accessKeyId: input.AccessKeyId,
      };
      const page = await ctx.read((tx) => this.log.page(tx, { account: ctx.caller.account, filter }, request));
      return {
        Events: page.rows.map((row) => ({
          EventId: row.eventId,
          TransactionId: row.txid,
          Digest: row.digest.toString('hex'),
          Record: JSON.parse(row.record) as Record<string, unknown>,
        })),
        ...page.next,
      };
    },
  });
}

// Only what `pageOf` writes: PostgreSQL and JavaScript do not read the same texts as times.