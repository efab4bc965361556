import type { MigrationInterface, QueryRunner } from 'typeorm';

export class IdentityProviders1767225600011 implements MigrationInterface {
  readonly name = 'IdentityProviders1767225600011';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE oidc_provider (
        provider_id text NOT NULL,
        account_id text NOT NULL,
        url text NOT NULL,
        client_ids jsonb NOT NULL,
        thumbprints jsonb NOT NULL,
        tags jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT "PK_oidc_provider" PRIMARY KEY (provider_id),
        CONSTRAINT "UQ_oidc_provider_url" UNIQUE (account_id, url),
        CONSTRAINT "FK_oidc_provider_account" FOREIGN KEY (account_id) REFERENCES account (account_id) ON DELETE RESTRICT
      )`);
    await runner.query(`
      CREATE TABLE saml_provider (
        provider_id text NOT NULL,
        account_id text NOT NULL,
        provider_name text NOT NULL,
        metadata text NOT NULL,
        entity_id text NOT NULL,
        certificates jsonb NOT NULL,
        encryption_mode text NOT NULL,
        tags jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT "PK_saml_provider" PRIMARY KEY (provider_id),
        CONSTRAINT "UQ_saml_provider_name" UNIQUE (account_id, provider_name),
        CONSTRAINT "CK_saml_provider_encryption_mode" CHECK (encryption_mode IN ('Required', 'Allowed')),
        CONSTRAINT "FK_saml_provider_account" FOREIGN KEY (account_id) REFERENCES account (account_id) ON DELETE RESTRICT
      )`);
    // Keys that decrypt assertions. They go with their provider, in the same transaction.
    await runner.query(`
      CREATE TABLE saml_private_key (
        key_id text NOT NULL,
        provider_id text NOT NULL,
        sealed bytea NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT "PK_saml_private_key" PRIMARY KEY (key_id),
        CONSTRAINT "FK_saml_private_key_provider" FOREIGN KEY (provider_id) REFERENCES saml_provider (provider_id) ON DELETE RESTRICT
      )`);
    await runner.query(`CREATE INDEX "IX_saml_private_key_provider" ON saml_private_key (provider_id)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE saml_private_key`);
    await runner.query(`DROP TABLE saml_provider`);
    await runner.query(`DROP TABLE oidc_provider`);
  }
}
