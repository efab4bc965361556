import { Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import { PROVIDER_ID_BYTES, providerId } from '../domain/ids.js';
import { issuerInUrl } from '../domain/providers.js';
import type { OidcProviderRow } from '../identities/providers.entities.js';
import { arnOf, IdentityProvidersStore, isOidc } from '../identities/providers.store.js';
import { inListOrder, newTags, pageOfTags, withTags } from '../identities/tagging.js';
import type { ReadTx } from '../kernel/database.js';
import { Random } from '../kernel/effects.js';
import { implement, type ChangeCtx } from '../kernel/handler.js';
import { oidcProviderContracts } from './oidc-providers.contract.js';
import { overQuota, requireProviderArn, requireRoom } from './providers.js';

/** IAM quotas: client ids and thumbprints of a provider. */
const CLIENT_IDS_MAX = 100;
const THUMBPRINTS_MAX = 5;

/** Use cases of OpenID Connect providers. */
@Injectable()
export class OidcProviderOperations {
  constructor(
    private readonly store: IdentityProvidersStore,
    private readonly random: Random,
  ) {}

  readonly operations = implement(oidcProviderContracts, {
    CreateOpenIDConnectProvider: async (input, ctx) => {
      const tags = newTags(input.Tags, 'sensitive');
      const row: OidcProviderRow = {
        providerId: providerId('OIDC', this.random.bytes(PROVIDER_ID_BYTES)),
        accountId: ctx.caller.account,
        url: issuerOf(input.Url),
        clientIds: requireClientIds(input.ClientIDList ?? []),
        thumbprints: requireThumbprints(input.ThumbprintList ?? []),
        tags,
        createdAt: ctx.now,
      };
      requireRoom(await this.store.countAlone(ctx.tx, row.accountId, 'oidc-provider'), 'oidc-provider');
      await this.store.insertOidc(ctx.tx, row);
      return { OpenIDConnectProviderArn: arnOf(row), ...(tags.length === 0 ? {} : { Tags: [...tags] }) };
    },
    GetOpenIDConnectProvider: async (input, ctx) => {
      const row = await ctx.read((tx) => this.#provider(tx, ctx.caller.account, input.OpenIDConnectProviderArn));
      return { Url: row.url, ClientIDList: [...row.clientIds], ThumbprintList: [...row.thumbprints], CreateDate: row.createdAt, Tags: inListOrder(row.tags) };
    },
    ListOpenIDConnectProviders: async (_, ctx) => {
      const rows = await ctx.read((tx) => this.store.oidcProviders(tx, ctx.caller.account));
      return { OpenIDConnectProviderList: rows.map(arnOf).sort().map((Arn) => ({ Arn })) };
    },
    DeleteOpenIDConnectProvider: async (input, ctx) => {
      const row = await this.#held(ctx, input.OpenIDConnectProviderArn, (arn) => `OpenId connect Provider ${arn} cannot be found.`);
      await this.store.delete(ctx.tx, row);
      return {};
    },
    AddClientIDToOpenIDConnectProvider: async (input, ctx) => {
      const row = await this.#held(ctx, input.OpenIDConnectProviderArn);
      if (row.clientIds.includes(input.ClientID)) return {};
      await this.store.updateOidc(ctx.tx, row, { clientIds: requireClientIds([...row.clientIds, input.ClientID]) });
      return {};
    },
    RemoveClientIDFromOpenIDConnectProvider: async (input, ctx) => {
      const row = await this.#held(ctx, input.OpenIDConnectProviderArn);
      await this.store.updateOidc(ctx.tx, row, { clientIds: row.clientIds.filter((id) => id !== input.ClientID) });
      return {};
    },
    UpdateOpenIDConnectProviderThumbprint: async (input, ctx) => {
      const row = await this.#held(ctx, input.OpenIDConnectProviderArn);
      await this.store.updateOidc(ctx.tx, row, { thumbprints: requireThumbprints(input.ThumbprintList) });
      return {};
    },
    TagOpenIDConnectProvider: async (input, ctx) => {
      const row = await this.#held(ctx, input.OpenIDConnectProviderArn);
      await this.store.updateTags(ctx.tx, row, withTags(row.tags, input.Tags, 'sensitive'));
      return {};
    },
    UntagOpenIDConnectProvider: async (input, ctx) => {
      const row = await this.#held(ctx, input.OpenIDConnectProviderArn);
      await this.store.updateTags(ctx.tx, row, row.tags.filter(({ Key }) => !input.TagKeys.includes(Key)));
      return {};
    },
    ListOpenIDConnectProviderTags: async (input, ctx) => {
      const row = await ctx.read((tx) => this.#provider(tx, ctx.caller.account, input.OpenIDConnectProviderArn));
      return pageOfTags(row.tags, input);
    },
  });

  /** The provider a call wants to see. Throws InvalidInput and NoSuchEntity. */
  async #provider(tx: ReadTx, account: string, arn: string): Promise<OidcProviderRow> {
    requireProviderArn(arn, 'oidc-provider');
    const row = await this.store.findIn(tx, arn, account);
    if (row === undefined || !isOidc(row)) throw new ApiError('NoSuchEntity', notFound(arn));
    return row;
  }

  /** The provider a call wants to change, held. Throws InvalidInput and NoSuchEntity. */
  async #held({ tx, caller }: ChangeCtx, arn: string, missing: (arn: string) => string = notFound): Promise<OidcProviderRow> {
    requireProviderArn(arn, 'oidc-provider');
    const row = await this.store.lock(tx, arn, caller.account);
    if (row === undefined || !isOidc(row)) throw new ApiError('NoSuchEntity', missing(arn));
    return row;
  }
}

function notFound(arn: string): string {
  return `OpenIDConnect Provider not found for arn ${arn}`;
}

// The contract has made sure that there is one.
function issuerOf(url: string): string {
  const issuer = issuerInUrl(url);
  if (issuer === undefined) throw new Error('the contract let a URL pass that has no issuer');
  return issuer;
}

/** Client ids without repetitions. Throws LimitExceeded. */
function requireClientIds(ids: readonly string[]): readonly string[] {
  const different = [...new Set(ids)];
  if (different.length > CLIENT_IDS_MAX) throw overQuota('ClientIdsPerOpenIdConnectProvider', CLIENT_IDS_MAX);
  return different;
}

/** Throws InvalidInput, in AWS's words, for more thumbprints than a provider may have. */
function requireThumbprints(thumbprints: readonly string[]): readonly string[] {
  if (thumbprints.length > THUMBPRINTS_MAX) throw new ApiError('InvalidInput', `Thumbprint list must contain fewer than ${String(THUMBPRINTS_MAX)} entries.`);
  return thumbprints;
}
