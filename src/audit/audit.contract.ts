import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { AccessKeyId, pageIn, pageOut } from '../contract/shapes.js';

const Time = z.iso.datetime({ offset: true });

/** Contracts of the audit log. */
export const auditContracts = {
  ListAuditEvents: operation({
    summary: 'Page through the audit events of your account, newest first.',
    rest: 'GET /v1/audit/events',
    effect: 'read',
    input: z.object({
      StartTime: Time.optional().describe('Events at or after this time.'),
      EndTime: Time.optional().describe('Events before this time.'),
      Principal: z
        .string()
        .min(1)
        .max(2048)
        .regex(/^[\u0021-\u007E]*$/, { error: '[\\u0021-\\u007E]+' })
        .optional()
        .describe('ARN or unique id of the caller, as events show them; the id of a role finds all of its sessions.'),
      Action: z
        .string()
        .regex(/^(?:(?:sts|iam|stint):)?[A-Za-z]{1,128}$/, { error: '((sts|iam|stint):)?[A-Za-z]+' })
        .optional()
        .describe('Name of the operation, with or without its service: AssumeRole or sts:AssumeRole.'),
      Outcome: z.enum(['success', 'refused']).optional(),
      AccessKeyId: AccessKeyId.optional(),
      ...pageIn,
    }),
    output: z.object({
      Events: z.array(
        z.object({
          EventId: z.string(),
          TransactionId: z.string().describe('The database transaction in which the event was committed.'),
          Digest: z.string().describe('SHA-256 of the canonical form of the record, in hexadecimal.'),
          Record: z.record(z.string(), z.unknown()).describe('The event in the shape of a CloudTrail record.'),
        }),
      ),
      ...pageOut,
    }),
    errors: ['AccessDenied'],
    access: { action: 'stint:ListAuditEvents', resource: () => ({ arn: '*' }) },
  }),
};
