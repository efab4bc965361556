import { Injectable } from '@nestjs/common';

import { implement } from '../kernel/handler.js';
import { pageRequest } from '../kernel/page.js';
import { DETAIL_KINDS, detailContracts } from './details.contract.js';
import { Details } from './details.js';
import { Entries, type DetailKind } from './entries.js';

/** The use case of the list of everything. */
@Injectable()
export class DetailOperations {
  constructor(
    private readonly entries: Entries,
    private readonly details: Details,
  ) {}

  readonly operations = implement(detailContracts, {
    GetAccountAuthorizationDetails: async (input, ctx) => {
      const request = pageRequest(input, 2);
      const { account } = ctx.caller;
      const kinds = new Set<DetailKind>(input.Filter === undefined || input.Filter.length === 0 ? DETAIL_KINDS : input.Filter);
      return ctx.read(async (tx) => {
        const page = await this.entries.page(tx, { account, kinds }, request);
        return { ...(await this.details.of(tx, account, page.rows)), ...page.next };
      });
    },
  });
}
