import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { ApiError } from '../domain/errors.js';
import { isListable } from '../domain/trusted-issuers.js';
import type { TrustSettingRow } from '../identities/trust-settings.entities.js';
import { TrustSettingsStore } from '../identities/trust-settings.store.js';
import { implement } from '../kernel/handler.js';
import { trustSettingsContracts } from './trust-settings.contract.js';

/** Use cases of what an account chooses about trust. */
@Injectable()
export class TrustSettingsOperations {
  constructor(private readonly settings: TrustSettingsStore) {}

  readonly operations = implement(trustSettingsContracts, {
    GetAccountSettings: async (_, ctx) => shown(await ctx.read((tx) => this.settings.findIn(tx, ctx.caller.account))),
    UpdateAccountSettings: async ({ TrustLinter, TrustedIssuersMode, TrustedIssuers }, ctx) => {
      const { account } = ctx.caller;
      const bad = TrustedIssuers?.find((entry) => !isListable(entry, account));
      if (bad !== undefined) throw new ApiError('InvalidInput', `${bad} is neither the https URL of an issuer nor the ARN of a SAML provider of the account.`);
      const issuers = TrustedIssuers && [...new Set(TrustedIssuers)];
      return shown(await this.settings.change(ctx.tx, account, { linter: TrustLinter, issuersMode: TrustedIssuersMode, issuers }));
    },
  });
}

function shown({ linter, issuersMode, issuers }: TrustSettingRow): z.input<typeof trustSettingsContracts.GetAccountSettings.output> {
  return { TrustLinter: linter, TrustedIssuersMode: issuersMode, TrustedIssuers: [...issuers] };
}
