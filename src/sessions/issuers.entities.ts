import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

import type { SigningAlgorithm } from '../domain/issuer-keys.js';

/** An account as an issuer of web identity tokens, since it first enabled it. */
@Entity('issuer')
export class IssuerRow {
  @ForeignKey('AccountRow', { name: 'FK_issuer_account', onDelete: 'RESTRICT' })
  @PrimaryColumn('text', { name: 'account_id', primaryKeyConstraintName: 'PK_issuer' })
  accountId!: string;

  @Column('boolean')
  enabled!: boolean;
}

/** A signing key of an issuer; it never changes. */
@Entity('issuer_key')
@Check('CK_issuer_key_algorithm', `algorithm IN ('RS256', 'ES384')`)
@Index('IX_issuer_key_account', ['accountId', 'signsFrom'])
export class IssuerKeyRow {
  /** The `kid` of its tokens. */
  @PrimaryColumn('text', { name: 'key_id', primaryKeyConstraintName: 'PK_issuer_key' })
  keyId!: string;

  @ForeignKey('IssuerRow', { name: 'FK_issuer_key_issuer', onDelete: 'RESTRICT' })
  @Column('text', { name: 'account_id' })
  accountId!: string;

  @Column('text')
  algorithm!: SigningAlgorithm;

  /** The public key as it is published (RFC 7517). */
  @Column('jsonb', { name: 'public_jwk' })
  publicJwk!: Readonly<Record<string, string>>;

  /** The private key (PKCS #8, DER) in an envelope that opens for this key id only. */
  @Column('bytea')
  sealed!: Buffer;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  /** From when on it signs, until another one does. */
  @Column('timestamptz', { name: 'signs_from' })
  signsFrom!: Date;
}
