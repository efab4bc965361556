import { z } from 'zod';

import { operation, sensitive } from '../contract/operation.js';

/** Contracts of accounts, the tenants of a Stint. */
export const accountContracts = {
  CreateAccount: operation({
    summary: 'Create an account and the access key of its root user; the secret is shown this once.',
    rest: 'POST /v1/accounts',
    effect: 'change',
    input: z.object({
      AccountName: z.string().min(1).max(50).regex(/^[\u0020-\u007E]*$/, { error: '[\\u0020-\\u007E]+' }),
      AccountId: z.string().regex(/^\d{12}$/, { error: '\\d{12}' }).optional().describe('12 digits; made up where it is left out.'),
    }),
    output: z.object({
      Account: z.object({ AccountId: z.string(), AccountName: z.string(), CreateDate: z.date() }),
      RootAccessKey: z.object({ AccessKeyId: z.string(), SecretAccessKey: sensitive(z.string()) }),
    }),
    errors: ['AccessDenied', 'EntityAlreadyExists'],
    access: { action: 'stint:CreateAccount', resource: () => ({ arn: '*' }), within: 'management-account' },
  }),
};
