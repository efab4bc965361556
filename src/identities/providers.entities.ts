import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';

import type { StoredTag } from './identities.entities.js';

/** An OpenID Connect provider whose users an account may let in. */
@Entity('oidc_provider')
@Unique('UQ_oidc_provider_url', ['accountId', 'url'])
export class OidcProviderRow {
  @PrimaryColumn('text', { name: 'provider_id', primaryKeyConstraintName: 'PK_oidc_provider' })
  providerId!: string;

  @ForeignKey('AccountRow', { name: 'FK_oidc_provider_account', onDelete: 'RESTRICT' })
  @Column('text', { name: 'account_id' })
  accountId!: string;

  /** The issuer without its scheme, which is always https. */
  @Column('text')
  url!: string;

  @Column('jsonb', { name: 'client_ids' })
  clientIds!: readonly string[];

  @Column('jsonb')
  thumbprints!: readonly string[];

  @Column('jsonb')
  tags!: readonly StoredTag[];

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}

/** Whether a SAML provider's assertions must be encrypted. */
export type EncryptionMode = 'Required' | 'Allowed';

/** A SAML provider whose users an account may let in. */
@Entity('saml_provider')
@Unique('UQ_saml_provider_name', ['accountId', 'providerName'])
@Check('CK_saml_provider_encryption_mode', `encryption_mode IN ('Required', 'Allowed')`)
export class SamlProviderRow {
  @PrimaryColumn('text', { name: 'provider_id', primaryKeyConstraintName: 'PK_saml_provider' })
  providerId!: string;

  @ForeignKey('AccountRow', { name: 'FK_saml_provider_account', onDelete: 'RESTRICT' })
  @Column('text', { name: 'account_id' })
  accountId!: string;

  @Column('text', { name: 'provider_name' })
  providerName!: string;

  /** The metadata document as it was saved: only who shows it reads it. */
  @Column('text', { select: false })
  metadata?: string;

  /** What the metadata says: the provider's entity id. */
  @Column('text', { name: 'entity_id' })
  entityId!: string;

  /** What the metadata says: the certificates that assertions are signed with, DER in base64. */
  @Column('jsonb')
  certificates!: readonly string[];

  @Column('text', { name: 'encryption_mode' })
  encryptionMode!: EncryptionMode;

  @Column('jsonb')
  tags!: readonly StoredTag[];

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}

/** A private key that decrypts the assertions of a SAML provider. */
@Entity('saml_private_key')
@Index('IX_saml_private_key_provider', ['providerId'])
export class SamlPrivateKeyRow {
  @PrimaryColumn('text', { name: 'key_id', primaryKeyConstraintName: 'PK_saml_private_key' })
  keyId!: string;

  @ForeignKey('SamlProviderRow', { name: 'FK_saml_private_key_provider', onDelete: 'RESTRICT' })
  @Column('text', { name: 'provider_id' })
  providerId!: string;

  /** The key in PEM, enveloped with the master key and bound to its id. */
  @Column('bytea')
  sealed!: Buffer;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}
