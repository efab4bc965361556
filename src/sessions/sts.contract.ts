import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { AccessKeyId, ArnText, Credentials, ExternalId, Nothing, RoleSessionName } from '../contract/shapes.js';

/** Contracts of the STS API. */
export const stsContracts = {
  GetCallerIdentity: operation({
    summary: 'Show who signs the request.',
    aws: 'sts',
    rest: 'GET /v1/caller-identity',
    effect: 'read',
    input: Nothing,
    output: z.object({ UserId: z.string(), Account: z.string(), Arn: z.string() }),
    errors: [],
    access: { caller: 'any', because: 'it tells callers only what they have proved; policies cannot deny it (AWS: GetCallerIdentity)' },
  }),
  AssumeRole: operation({
    summary: 'Start a session as a role and receive its temporary credentials.',
    aws: 'sts',
    rest: 'POST /v1/sessions/assume-role',
    effect: 'issue',
    auditReadOnly: true,
    input: z.object({
      RoleArn: ArnText,
      RoleSessionName,
      DurationSeconds: z.int().min(900).max(43_200).optional(),
      ExternalId: ExternalId.optional(),
    }),
    output: z.object({
      Credentials,
      AssumedRoleUser: z.object({ AssumedRoleId: z.string(), Arn: z.string() }),
    }),
    errors: ['AccessDenied'],
    access: { caller: 'any', because: 'the handler judges it together with the trust policy of the role' },
    unserved: [
      'Policy',
      'PolicyArns',
      'Tags',
      'TransitiveTagKeys',
      'SerialNumber',
      'TokenCode',
      'SourceIdentity',
      'ProvidedContexts',
      'MinimumSessionTokenSize',
    ],
  }),
  GetAccessKeyInfo: operation({
    summary: 'Show the account of an access key; principals of the management account may ask for any key.',
    aws: 'sts',
    rest: 'GET /v1/access-keys/{AccessKeyId}/account',
    effect: 'read',
    input: z.object({ AccessKeyId }),
    output: z.object({ Account: z.string() }),
    errors: ['AccessDenied'],
    access: { action: 'sts:GetAccessKeyInfo', resource: () => ({ arn: '*' }) },
  }),

};
