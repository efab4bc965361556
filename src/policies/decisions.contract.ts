import { z } from 'zod';

import { operation, sensitive } from '../contract/operation.js';

/** Contracts of explained refusals. */
export const decisionContracts = {
  GetDecision: operation({
    summary: 'Explain a refusal: which statements decided it, and what in the nearest ones did not fit.',
    rest: 'GET /v1/decisions/{DecisionId}',
    effect: 'read',
    input: z.object({ DecisionId: z.uuid({ error: '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' }) }),
    output: z.object({
      DecisionId: z.string(),
      RequestId: z.string(),
      DecidedAt: z.date(),
      Decision: z.record(z.string(), z.unknown()).describe('Your account’s side of the decision, in the shape of a decoded authorization message.'),
    }),
    errors: ['NoSuchEntity'],
    access: { action: 'stint:GetDecision', resource: () => ({ arn: '*' }) },
  }),
  DecodeAuthorizationMessage: operation({
    summary: 'Decode the message that came with a refusal to a principal of your account.',
    aws: 'sts',
    rest: 'POST /v1/decisions/decode',
    effect: 'read',
    auditReadOnly: false,
    input: z.object({ EncodedMessage: sensitive(z.string().min(1).max(10_240)) }),
    output: z.object({ DecodedMessage: z.string() }),
    errors: ['InvalidAuthorizationMessageException'],
    access: { action: 'sts:DecodeAuthorizationMessage', resource: () => ({ arn: '*' }) },
  }),
};
