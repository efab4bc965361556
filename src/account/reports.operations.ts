import { Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import { implement } from '../kernel/handler.js';
import { reportContracts } from './reports.contract.js';
import { CredentialReports } from './reports.js';
import { CredentialReportsStore, isCurrent } from './reports.store.js';

const ASK_FOR_ONE = 'Ask for one with GenerateCredentialReport.';

/** Use cases of credential reports. */
@Injectable()
export class CredentialReportOperations {
  constructor(
    private readonly store: CredentialReportsStore,
    private readonly reports: CredentialReports,
  ) {}

  readonly operations = implement(reportContracts, {
    GenerateCredentialReport: async (_, ctx) => {
      const current = await this.store.begin(ctx.tx, ctx.caller.account, ctx.now);
      if (current === undefined) return { State: 'STARTED' as const, Description: 'No report exists. Starting a new report generation task' };
      if (current.completedAt !== null) return { State: 'COMPLETE' as const };
      // Whoever was making it may have died.
      this.store.wanted(ctx.tx, ctx.caller.account);
      return { State: 'INPROGRESS' as const };
    },
    GetCredentialReport: async (_, ctx) => {
      const { account } = ctx.caller;
      const { row, content } = await ctx.read(async (tx) => {
        const found = await this.store.find(tx, account);
        return { row: found, content: found?.completedAt == null ? '' : await this.store.content(tx, account) };
      });
      if (row === undefined) throw new ApiError('ReportNotPresent', `There is no credential report. ${ASK_FOR_ONE}`);
      if (!isCurrent(row, ctx.now)) throw new ApiError('ReportExpired', `The credential report is older than four hours. ${ASK_FOR_ONE}`);
      if (row.completedAt === null) {
        this.reports.wake(account);
        throw new ApiError('ReportInProgress', 'The credential report is still being made. Repeat the request in a moment.');
      }
      return { Content: Buffer.from(content).toString('base64'), ReportFormat: 'text/csv' as const, GeneratedTime: row.completedAt };
    },
  });
}
