import { Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import { trustRisks, type TrustRisk } from '../domain/policy/trust-risks.js';
import { TrustSettingsStore } from '../identities/trust-settings.store.js';
import type { ChangeCtx } from '../kernel/handler.js';
import { readTrustPolicy } from './trust.js';

/** How many risks a refusal, a header and an event name; and how much of a statement's name. */
const NAMED_MAX = 20;
const STATEMENT_MAX = 64;

/** Stands between a risky trust policy and its role. */
@Injectable()
export class TrustLinter {
  constructor(private readonly settings: TrustSettingsStore) {}

  /**
   * Looks at a trust policy that is about to be saved. Risks are recorded and the caller is told; throws RiskyTrustPolicy
   * where he can do something about it: over REST, without a reason why the risk is accepted, and in an account that has
   * not turned the linter to report only. AWS's own clients could not know how to accept anything.
   */
  async look(ctx: ChangeCtx, document: string, accepted: string | undefined): Promise<void> {
    const risks = trustRisks(readTrustPolicy(document));
    if (risks.length === 0) return;
    const named = risks.slice(0, NAMED_MAX).map((risk) => ({ ...risk, statement: risk.statement.slice(0, STATEMENT_MAX) }));
    ctx.note({
      additional: { trustRisks: named.map(({ id, statement }) => ({ id, statement })), ...(accepted !== undefined && { acceptedRisk: accepted }) },
      trustWarnings: named.map(({ id, statement }) => `${id} (${statement})`),
    });
    if (ctx.protocol === 'aws' || accepted !== undefined) return;
    const { linter } = await this.settings.findIn(ctx.tx, ctx.caller.account);
    if (linter === 'enforce') throw refusal(risks.length, named);
  }
}

function refusal(count: number, risks: readonly TrustRisk[]): ApiError {
  const [first] = risks;
  const more = count === 1 ? '' : ` And ${String(count - 1)} more.`;
  return new ApiError('RiskyTrustPolicy', `The trust policy lets in more than is likely to be meant: ${first?.problem ?? ''}${more} Change it, or give a reason in acceptRisk.`, { members: { risks } });
}
