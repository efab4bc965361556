import { Injectable } from '@nestjs/common';

import { implement, type ReadCtx } from '../kernel/handler.js';
import { pageRequest } from '../kernel/page.js';
import { IdentitiesStore } from './identities.store.js';
import { otherCredentialContracts } from './other-credentials.contract.js';
import { keyOwner } from './owner.js';

interface Listing {
  readonly UserName?: string | undefined;
  readonly Marker?: string | undefined;
  readonly MaxItems?: number | undefined;
}

/** Use cases of credentials that there are none of. */
@Injectable()
export class OtherCredentialOperations {
  constructor(private readonly store: IdentitiesStore) {}

  readonly operations = implement(otherCredentialContracts, {
    ListSSHPublicKeys: async (input, ctx) => ({ SSHPublicKeys: await this.#none(input, ctx), IsTruncated: false }),
    ListSigningCertificates: async (input, ctx) => ({ Certificates: await this.#none(input, ctx), IsTruncated: false }),
    ListServiceSpecificCredentials: async (input, ctx) => ({ ServiceSpecificCredentials: await this.#none(input, ctx), IsTruncated: false }),
  });

  /** Nothing, of a user who has to exist all the same. */
  async #none(input: Listing, ctx: ReadCtx): Promise<never[]> {
    pageRequest(input, 1);
    await ctx.read((tx) => keyOwner(this.store, ctx.caller, { tx, userName: input.UserName }));
    return [];
  }
}
