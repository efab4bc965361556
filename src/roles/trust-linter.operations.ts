import { Injectable } from '@nestjs/common';

import { trustRisks } from '../domain/policy/trust-risks.js';
import { implement } from '../kernel/handler.js';
import { trustLinterContracts } from './trust-linter.contract.js';
import { readTrustPolicy } from './trust.js';

/** Use case of the trust linter by itself. */
@Injectable()
export class TrustLinterOperations {
  readonly operations = implement(trustLinterContracts, {
    LintTrustPolicy: ({ PolicyDocument }) => {
      const risks = trustRisks(readTrustPolicy(PolicyDocument));
      return Promise.resolve({ Risks: risks.map(({ id, statement, problem, fix }) => ({ Id: id, Statement: statement, Problem: problem, Fix: fix })) });
    },
  });
}
