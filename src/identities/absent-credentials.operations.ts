import { Injectable } from '@nestjs/common';

import { implement, type ReadCtx } from '../kernel/handler.js';
import { badMarker } from '../kernel/page.js';
import { absentCredentialContracts } from './absent-credentials.contract.js';
import { IdentitiesStore } from './identities.store.js';
import { keyOwner } from './owner.js';

/** Use cases of credentials that nobody has: only whether the user exists is looked at. */
@Injectable()
export class AbsentCredentialOperations {
  constructor(private readonly store: IdentitiesStore) {}

  readonly operations = implement(absentCredentialContracts, {
    ListSSHPublicKeys: async (input, ctx) => ({ SSHPublicKeys: [], ...(await this.#none(input, ctx)) }),
    ListSigningCertificates: async (input, ctx) => ({ Certificates: [], ...(await this.#none(input, ctx)) }),
    ListServiceSpecificCredentials: async (input, ctx) => ({ ServiceSpecificCredentials: [], ...(input.AllUsers === true ? emptyPage(input) : await this.#none(input, ctx)) }),
    ListServerCertificates: (input) => Promise.resolve({ ServerCertificateMetadataList: [], ...emptyPage(input) }),
  });

  /** The end of a list of a user's. Throws NoSuchEntity where there is no such user. */
  async #none(input: { UserName?: string | undefined; Marker?: string | undefined }, ctx: ReadCtx): Promise<{ IsTruncated: boolean }> {
    await ctx.read((tx) => keyOwner(this.store, ctx.caller, { tx, userName: input.UserName }));
    return emptyPage(input);
  }
}

/** The end of an empty list. Throws a ValidationError for a Marker: no page ever leads to another. */
function emptyPage({ Marker }: { Marker?: string | undefined }): { IsTruncated: boolean } {
  if (Marker !== undefined) throw badMarker();
  return { IsTruncated: false };
}
