import { Injectable } from '@nestjs/common';

import { implement } from '../kernel/handler.js';
import { badMarker } from '../kernel/page.js';
import { accountContracts } from './account.contract.js';
import { AccountSettingsStore } from './settings.store.js';
import { AccountSummary } from './summary.js';

/** Use cases of the account as a whole. */
@Injectable()
export class AccountWideOperations {
  constructor(
    private readonly settings: AccountSettingsStore,
    private readonly summary: AccountSummary,
  ) {}

  readonly operations = implement(accountContracts, {
    CreateAccountAlias: async (input, ctx) => {
      await this.settings.setAlias(ctx.tx, ctx.caller.account, input.AccountAlias);
      return {};
    },
    ListAccountAliases: async (input, ctx) => {
      // There is one alias at the most, so no page ever leads to another.
      if (input.Marker !== undefined) throw badMarker();
      const { alias } = await ctx.read((tx) => this.settings.of(tx, ctx.caller.account));
      return { AccountAliases: alias === null ? [] : [alias], IsTruncated: false };
    },
    DeleteAccountAlias: async (input, ctx) => {
      await this.settings.removeAlias(ctx.tx, ctx.caller.account, input.AccountAlias);
      return {};
    },
    GetAccountSummary: async (_, ctx) => ({ SummaryMap: await ctx.read((tx) => this.summary.of(tx, ctx.caller.account)) }),
    SetSecurityTokenServicePreferences: async (input, ctx) => {
      await this.settings.setTokenVersion(ctx.tx, ctx.caller.account, input.GlobalEndpointTokenVersion === 'v1Token' ? 1 : 2);
      return {};
    },
  });
}
