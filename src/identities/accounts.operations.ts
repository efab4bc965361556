import { Injectable } from '@nestjs/common';

import { ACCOUNT_ID_BYTES, newAccountId } from '../domain/ids.js';
import { Random } from '../kernel/effects.js';
import { implement } from '../kernel/handler.js';
import { accountContracts } from './accounts.contract.js';
import { IdentitiesStore } from './identities.store.js';
import { KeyMaker } from './keys.js';

/** Use cases of accounts. */
@Injectable()
export class AccountOperations {
  constructor(
    private readonly store: IdentitiesStore,
    private readonly keys: KeyMaker,
    private readonly random: Random,
  ) {}

  readonly operations = implement(accountContracts, {
    CreateAccount: async (input, ctx) => {
      const accountId = input.AccountId ?? newAccountId(this.random.bytes(ACCOUNT_ID_BYTES));
      await this.store.insertAccount(ctx.tx, { accountId, accountName: input.AccountName, management: false, createdAt: ctx.now });
      const { row, secret } = await this.keys.make(ctx.tx, { accountId, userId: null, now: ctx.now });
      return {
        Account: { AccountId: accountId, AccountName: input.AccountName, CreateDate: ctx.now },
        RootAccessKey: { AccessKeyId: row.accessKeyId, SecretAccessKey: secret.reveal() },
      };
    },
  });
}
