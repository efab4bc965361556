import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { wholeAccount } from './account.contract.js';

/** Contracts of credential reports. */
export const reportContracts = {
  GenerateCredentialReport: operation({
    summary: 'Have a report made of all users and their credentials; one that is younger than four hours stays.',
    aws: 'iam',
    rest: 'POST /v1/account/credential-report',
    effect: 'change',
    auditReadOnly: true,
    input: z.object({}),
    output: z.object({ State: z.enum(['STARTED', 'INPROGRESS', 'COMPLETE']), Description: z.string().optional() }),
    errors: ['ConcurrentModification'],
    access: { action: 'iam:GenerateCredentialReport', resource: wholeAccount },
  }),
  GetCredentialReport: operation({
    summary: 'Fetch the report of all users and their credentials, as CSV in base64.',
    aws: 'iam',
    rest: 'GET /v1/account/credential-report',
    effect: 'read',
    input: z.object({}),
    output: z.object({ Content: z.string(), ReportFormat: z.literal('text/csv'), GeneratedTime: z.date() }),
    errors: ['ReportNotPresent', 'ReportExpired', 'ReportInProgress'],
    access: { action: 'iam:GetCredentialReport', resource: wholeAccount },
  }),
};
