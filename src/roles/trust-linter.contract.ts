import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { PolicyText } from '../contract/shapes.js';
import { trustRiskIds } from '../domain/policy/trust-risks.js';

/** Contract of the trust linter by itself. */
export const trustLinterContracts = {
  LintTrustPolicy: operation({
    summary: 'Say what is risky about a trust policy, without saving it.',
    rest: 'POST /v1/trust-policies/lint',
    effect: 'read',
    input: z.object({ PolicyDocument: PolicyText }),
    output: z.object({
      Risks: z.array(
        z.object({
          Id: z.enum(trustRiskIds),
          Statement: z.string().describe('The Sid of the statement, or Statement[0] for the first one without.'),
          Problem: z.string().describe('What is wrong.'),
          Fix: z.string().describe('What to write instead.'),
        }),
      ),
    }),
    errors: ['MalformedPolicyDocument', 'LimitExceeded'],
    access: { action: 'stint:LintTrustPolicy', resource: () => ({ arn: '*' }) },
  }),
};
