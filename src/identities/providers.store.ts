import { Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import { providerArn, providerInArn, type ProviderName, type ProviderType } from '../domain/providers.js';
import { Database, holdRow, onConstraint, type ReadTx, type Tx } from '../kernel/database.js';
import { Memory, type Remembered } from '../kernel/memory.js';
import type { StoredTag } from './identities.entities.js';
import { OidcProviderRow, SamlPrivateKeyRow, SamlProviderRow } from './providers.entities.js';
import { holdNames } from './quota.js';

/** A provider of either kind. */
export type ProviderRow = OidcProviderRow | SamlProviderRow;
/** A SAML provider with the metadata document it was saved with. */
export type DocumentedSamlProvider = SamlProviderRow & { readonly metadata: string };

/** Whether a provider is an OpenID Connect provider. */
export function isOidc(row: ProviderRow): row is OidcProviderRow {
  return 'url' in row;
}

/** An identity provider's ARN. */
export function arnOf(row: ProviderRow): string {
  return isOidc(row)
    ? providerArn({ type: 'oidc-provider', account: row.accountId, name: row.url })
    : providerArn({ type: 'saml-provider', account: row.accountId, name: row.providerName });
}

/**
 * Identity providers. They live on this rung because trust policies and the authoriser, which are below federation, look
 * them up. Finders without a transaction answer from memory where they may.
 */
@Injectable()
export class IdentityProvidersStore {
  readonly #oidc: Remembered<OidcProviderRow>;
  readonly #saml: Remembered<SamlProviderRow>;

  constructor(
    private readonly database: Database,
    private readonly memory: Memory,
  ) {
    this.#oidc = memory.of<OidcProviderRow>('oidc_provider', 20_000, weigh);
    this.#saml = memory.of<SamlProviderRow>('saml_provider', 20_000, weigh);
  }

  /** The OpenID Connect provider with exactly this ARN. */
  async findOidcProvider(arn: string): Promise<OidcProviderRow | undefined> {
    const named = providerInArn(arn);
    return named?.type === 'oidc-provider' ? this.#oidc.get(arn, () => this.database.read((tx) => this.oidcProviderIn(tx, named))) : undefined;
  }

  /** The SAML provider with exactly this ARN, without its metadata document. */
  async findSamlProvider(arn: string): Promise<SamlProviderRow | undefined> {
    const named = providerInArn(arn);
    return named?.type === 'saml-provider' ? this.#saml.get(arn, () => this.database.read((tx) => this.samlProviderIn(tx, named))) : undefined;
  }

  /** The provider of either kind with exactly this ARN. */
  async find(arn: string): Promise<ProviderRow | undefined> {
    return (await this.findOidcProvider(arn)) ?? this.findSamlProvider(arn);
  }

  /** Forgets what this node remembers of a provider; it was found not to be so. */
  misremembered(arn: string): void {
    this.memory.forget([{ memory: 'oidc_provider', key: arn }, { memory: 'saml_provider', key: arn }]);
  }

  /** The provider of an account with exactly this ARN. */
  async findIn(tx: ReadTx, arn: string, account: string): Promise<ProviderRow | undefined> {
    const named = providerInArn(arn);
    if (named?.account !== account) return undefined;
    return named.type === 'oidc-provider' ? this.oidcProviderIn(tx, named) : this.samlProviderIn(tx, named);
  }

  /** The same, held against other changes until the transaction ends; where there is none, nobody makes one until then. */
  async lock(tx: Tx, arn: string, account: string): Promise<ProviderRow | undefined> {
    const named = providerInArn(arn);
    if (named?.account !== account) return undefined;
    const [table, column, entity] = named.type === 'oidc-provider' ? (['oidc_provider', 'url', OidcProviderRow] as const) : (['saml_provider', 'provider_name', SamlProviderRow] as const);
    const held = async (): Promise<ProviderRow | undefined> => {
      const providerId = await holdRow(tx, { table, key: 'provider_id' }, { account_id: account, [column]: named.name });
      return providerId === undefined ? undefined : tx.findOneByOrFail<ProviderRow>(entity, { providerId });
    };
    const found = await held();
    if (found !== undefined) return found;
    await holdNames(tx, account);
    return held();
  }

  /** The OpenID Connect provider of this issuer. */
  async oidcProviderIn(tx: ReadTx, { account, name }: ProviderName): Promise<OidcProviderRow | undefined> {
    return (await tx.findOneBy(OidcProviderRow, { accountId: account, url: name })) ?? undefined;
  }

  /** The SAML provider of this name, without its metadata document. */
  async samlProviderIn(tx: ReadTx, { account, name }: ProviderName): Promise<SamlProviderRow | undefined> {
    return (await tx.findOneBy(SamlProviderRow, { accountId: account, providerName: name })) ?? undefined;
  }

  /** The metadata document of a SAML provider. */
  async metadataOf(tx: ReadTx, row: SamlProviderRow): Promise<string> {
    const found = await tx.findOneOrFail(SamlProviderRow, { where: { providerId: row.providerId }, select: { providerId: true, metadata: true } });
    return found.metadata ?? '';
  }

  /** Providers by unique id, for showing principals of trust policies. */
  async byIds(tx: ReadTx, ids: readonly string[]): Promise<readonly ProviderRow[]> {
    if (ids.length === 0) return [];
    const oidc = await tx.createQueryBuilder(OidcProviderRow, 'p').where('p.providerId IN (:...ids)', { ids }).getMany();
    const saml = await tx.createQueryBuilder(SamlProviderRow, 'p').where('p.providerId IN (:...ids)', { ids }).getMany();
    return [...oidc, ...saml];
  }

  /** The OpenID Connect providers of an account; a quota bounds them. */
  async oidcProviders(tx: ReadTx, account: string): Promise<readonly OidcProviderRow[]> {
    return tx.findBy(OidcProviderRow, { accountId: account });
  }

  /** The SAML providers of an account, without their metadata documents; a quota bounds them. */
  async samlProviders(tx: ReadTx, account: string): Promise<readonly SamlProviderRow[]> {
    return tx.findBy(SamlProviderRow, { accountId: account });
  }

  /** How many providers of both kinds an account has. */
  async count(tx: ReadTx, account: string): Promise<number> {
    return (await tx.countBy(OidcProviderRow, { accountId: account })) + (await tx.countBy(SamlProviderRow, { accountId: account }));
  }

  /** How many providers of a kind an account has; counted one call at a time, so that a quota holds. */
  async countAlone(tx: Tx, account: string, type: ProviderType): Promise<number> {
    await holdNames(tx, account);
    return type === 'oidc-provider' ? tx.countBy(OidcProviderRow, { accountId: account }) : tx.countBy(SamlProviderRow, { accountId: account });
  }

  /** Adds an OpenID Connect provider. Throws EntityAlreadyExists. */
  async insertOidc(tx: Tx, row: OidcProviderRow): Promise<void> {
    const { tags, clientIds, thumbprints } = row;
    await onConstraint(tx.insert(OidcProviderRow, { ...row, tags: tags as never, clientIds: clientIds as never, thumbprints: thumbprints as never }), {
      UQ_oidc_provider_url: () => new ApiError('EntityAlreadyExists', `Provider with url https://${row.url} already exists.`),
    });
    this.#forget(tx, row);
  }

  /** Adds a SAML provider. Throws EntityAlreadyExists. */
  async insertSaml(tx: Tx, row: DocumentedSamlProvider): Promise<void> {
    await onConstraint(tx.insert(SamlProviderRow, { ...row, tags: row.tags as never, certificates: row.certificates as never }), {
      UQ_saml_provider_name: () => new ApiError('EntityAlreadyExists', `Provider with name ${row.providerName} already exists.`),
    });
    this.#forget(tx, row);
  }

  /** Changes an OpenID Connect provider. */
  async updateOidc(tx: Tx, row: OidcProviderRow, change: Partial<Pick<OidcProviderRow, 'clientIds' | 'thumbprints'>>): Promise<void> {
    await tx.update(OidcProviderRow, { providerId: row.providerId }, change);
    this.#forget(tx, row);
  }

  /** Changes a SAML provider. */
  async updateSaml(tx: Tx, row: SamlProviderRow, change: Partial<Pick<SamlProviderRow, 'metadata' | 'entityId' | 'certificates' | 'encryptionMode'>>): Promise<void> {
    await tx.update(SamlProviderRow, { providerId: row.providerId }, change);
    this.#forget(tx, row);
  }

  /** Replaces the tags of a provider. */
  async updateTags(tx: Tx, row: ProviderRow, tags: readonly StoredTag[]): Promise<void> {
    await tx.update<ProviderRow>(entityOf(row), { providerId: row.providerId }, { tags });
    this.#forget(tx, row);
  }

  /** Removes a provider with its private keys. Trust policies that name it trust nobody by that from now on. */
  async delete(tx: Tx, row: ProviderRow): Promise<void> {
    if (!isOidc(row)) await tx.delete(SamlPrivateKeyRow, { providerId: row.providerId });
    await tx.delete<ProviderRow>(entityOf(row), { providerId: row.providerId });
    this.#forget(tx, row);
  }

  /** The private keys of a SAML provider, oldest first. */
  async privateKeys(tx: ReadTx, row: SamlProviderRow): Promise<readonly SamlPrivateKeyRow[]> {
    return tx.find(SamlPrivateKeyRow, { where: { providerId: row.providerId }, order: { createdAt: 'ASC', keyId: 'ASC' } });
  }

  /** Adds a private key to a SAML provider that is held. */
  async insertPrivateKey(tx: Tx, row: SamlPrivateKeyRow): Promise<void> {
    await tx.insert(SamlPrivateKeyRow, row);
  }

  /** Removes a private key from a SAML provider; false where it has none of this id. */
  async deletePrivateKey(tx: Tx, row: SamlProviderRow, keyId: string): Promise<boolean> {
    const result = await tx.delete(SamlPrivateKeyRow, { providerId: row.providerId, keyId });
    return result.affected === 1;
  }

  #forget(tx: Tx, row: ProviderRow): void {
    this.database.forget(tx, { memory: isOidc(row) ? 'oidc_provider' : 'saml_provider', key: arnOf(row) });
  }
}

function entityOf(row: ProviderRow): new () => ProviderRow {
  return isOidc(row) ? OidcProviderRow : SamlProviderRow;
}

/** A remembered provider, in bytes. */
const weigh = (row: ProviderRow): number => 1_024 + 4 * JSON.stringify(row).length;
