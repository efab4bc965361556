import { createPrivateKey } from 'node:crypto';

import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { ApiError } from '../domain/errors.js';
import { PROVIDER_ID_BYTES, providerId } from '../domain/ids.js';
import { Secret } from '../domain/secret.js';
import type { SamlProviderRow } from '../identities/providers.entities.js';
import { arnOf, IdentityProvidersStore, isOidc, type DocumentedSamlProvider } from '../identities/providers.store.js';
import { inListOrder, newTags, pageOfTags, withTags } from '../identities/tagging.js';
import type { ReadTx } from '../kernel/database.js';
import { Random } from '../kernel/effects.js';
import { implement, type ChangeCtx } from '../kernel/handler.js';
import { Keyring } from '../kernel/keyring.js';
import { overQuota, requireProviderArn, requireRoom } from './providers.js';
import { isSoundPrivateRsa } from './rsa-keys.js';
import { parseSamlMetadata } from './saml-metadata.js';
import { samlProviderContracts } from './saml-providers.contract.js';

/** How many private keys a provider may have: the present one and the next (IAM API: GetSAMLProvider). */
const PRIVATE_KEYS_MAX = 2;
/** How long a provider is valid, in years: AWS says so, and nothing ends with it. */
const VALID_YEARS = 100;

type KeyChanges = Pick<z.output<typeof samlProviderContracts.UpdateSAMLProvider.input>, 'AddPrivateKey' | 'RemovePrivateKey'>;

/** Use cases of SAML providers. */
@Injectable()
export class SamlProviderOperations {
  constructor(
    private readonly store: IdentityProvidersStore,
    private readonly keyring: Keyring,
    private readonly random: Random,
  ) {}

  readonly operations = implement(samlProviderContracts, {
    CreateSAMLProvider: async (input, ctx) => {
      const tags = newTags(input.Tags, 'sensitive');
      const row: DocumentedSamlProvider = {
        providerId: providerId('SAML', this.random.bytes(PROVIDER_ID_BYTES)),
        accountId: ctx.caller.account,
        providerName: input.Name,
        metadata: input.SAMLMetadataDocument,
        ...parseSamlMetadata(input.SAMLMetadataDocument),
        encryptionMode: input.AssertionEncryptionMode ?? 'Allowed',
        tags,
        createdAt: ctx.now,
      };
      requireRoom(await this.store.countAlone(ctx.tx, row.accountId, 'saml-provider'), 'saml-provider');
      await this.store.insertSaml(ctx.tx, row);
      await this.#changeKeys(ctx, row, input);
      return { SAMLProviderArn: arnOf(row), ...(tags.length === 0 ? {} : { Tags: [...tags] }) };
    },
    GetSAMLProvider: async (input, ctx) =>
      ctx.read(async (tx) => {
        const row = await this.#provider(tx, ctx.caller.account, input.SAMLProviderArn);
        const keys = await this.store.privateKeys(tx, row);
        return {
          SAMLProviderUUID: row.providerId,
          SAMLMetadataDocument: await this.store.metadataOf(tx, row),
          ...dates(row),
          Tags: inListOrder(row.tags),
          AssertionEncryptionMode: row.encryptionMode,
          PrivateKeyList: keys.map(({ keyId, createdAt }) => ({ KeyId: keyId, Timestamp: createdAt })),
        };
      }),
    ListSAMLProviders: async (_, ctx) => {
      const rows = await ctx.read((tx) => this.store.samlProviders(tx, ctx.caller.account));
      const listed = rows.map((row) => ({ Arn: arnOf(row), ...dates(row) }));
      return { SAMLProviderList: listed.sort((a, b) => (a.Arn < b.Arn ? -1 : 1)) };
    },
    UpdateSAMLProvider: async (input, ctx) => {
      const row = await this.#held(ctx, input.SAMLProviderArn);
      const { SAMLMetadataDocument: metadata, AssertionEncryptionMode: encryptionMode } = input;
      const change = { ...(metadata !== undefined && { metadata, ...parseSamlMetadata(metadata) }), ...(encryptionMode !== undefined && { encryptionMode }) };
      if (Object.keys(change).length > 0) await this.store.updateSaml(ctx.tx, row, change);
      await this.#changeKeys(ctx, row, input);
      return { SAMLProviderArn: arnOf(row) };
    },
    DeleteSAMLProvider: async (input, ctx) => {
      await this.store.delete(ctx.tx, await this.#held(ctx, input.SAMLProviderArn));
      return {};
    },
    TagSAMLProvider: async (input, ctx) => {
      const row = await this.#held(ctx, input.SAMLProviderArn);
      await this.store.updateTags(ctx.tx, row, withTags(row.tags, input.Tags, 'sensitive'));
      return {};
    },
    UntagSAMLProvider: async (input, ctx) => {
      const row = await this.#held(ctx, input.SAMLProviderArn);
      await this.store.updateTags(ctx.tx, row, row.tags.filter(({ Key }) => !input.TagKeys.includes(Key)));
      return {};
    },
    ListSAMLProviderTags: async (input, ctx) => {
      const row = await ctx.read((tx) => this.#provider(tx, ctx.caller.account, input.SAMLProviderArn));
      return pageOfTags(row.tags, input);
    },
  });

  /** First takes a key away and then adds one, so that one call exchanges them. */
  async #changeKeys({ tx, now }: ChangeCtx, row: SamlProviderRow, { AddPrivateKey: added, RemovePrivateKey: removed }: KeyChanges): Promise<void> {
    const secret = added === undefined ? undefined : requirePrivateKey(added);
    if (removed !== undefined && !(await this.store.deletePrivateKey(tx, row, removed))) {
      throw new ApiError('NoSuchEntity', `The private key with id ${removed} cannot be found.`);
    }
    if (secret === undefined) return;
    if ((await this.store.privateKeys(tx, row)).length >= PRIVATE_KEYS_MAX) throw overQuota('PrivateKeysPerSAMLProvider', PRIVATE_KEYS_MAX);
    const keyId = providerId('SKEY', this.random.bytes(PROVIDER_ID_BYTES));
    await this.store.insertPrivateKey(tx, { keyId, providerId: row.providerId, sealed: this.keyring.sealSamlKey(keyId, secret), createdAt: now });
  }

  /** The provider a call wants to see. Throws InvalidInput and NoSuchEntity. */
  async #provider(tx: ReadTx, account: string, arn: string): Promise<SamlProviderRow> {
    requireProviderArn(arn, 'saml-provider');
    const row = await this.store.findIn(tx, arn, account);
    if (row === undefined || isOidc(row)) throw notFound(arn);
    return row;
  }

  /** The provider a call wants to change, held. Throws InvalidInput and NoSuchEntity. */
  async #held({ tx, caller }: ChangeCtx, arn: string): Promise<SamlProviderRow> {
    requireProviderArn(arn, 'saml-provider');
    const row = await this.store.lock(tx, arn, caller.account);
    if (row === undefined || isOidc(row)) throw notFound(arn);
    return row;
  }
}

function notFound(arn: string): ApiError {
  return new ApiError('NoSuchEntity', `Manifest not found for arn ${arn}`);
}

function dates({ createdAt }: SamlProviderRow): { CreateDate: Date; ValidUntil: Date } {
  const until = new Date(createdAt);
  until.setUTCFullYear(until.getUTCFullYear() + VALID_YEARS);
  return { CreateDate: createdAt, ValidUntil: until };
}

/** Throws InvalidInput for what is no private key of RSA in PEM, of 2,048 to 4,096 bits, readable without a passphrase. */
function requirePrivateKey(pem: string): Secret {
  if (!isRsaKey(pem)) throw new ApiError('InvalidInput', 'Could not parse private key');
  return Secret.of(pem);
}

// What OpenSSL says of a text that may be a key is told to nobody.
function isRsaKey(pem: string): boolean {
  try {
    return isSoundPrivateRsa(createPrivateKey({ key: pem, format: 'pem' }));
  } catch {
    return false;
  }
}
