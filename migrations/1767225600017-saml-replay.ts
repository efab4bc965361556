import type { MigrationInterface, QueryRunner } from 'typeorm';

export class SamlReplay1767225600017 implements MigrationInterface {
  readonly name = 'SamlReplay1767225600017';

  async up(runner: QueryRunner): Promise<void> {
    // The primary key keeps the promise that an assertion is used once, whichever nodes are asked. No foreign key: an assertion
    // stays used when its provider is gone.
    await runner.query(`
      CREATE TABLE saml_assertion (
        key_sha256 bytea NOT NULL,
        expires_at timestamptz NOT NULL,
        CONSTRAINT "PK_saml_assertion" PRIMARY KEY (key_sha256)
      )`);
    await runner.query(`CREATE INDEX "IX_saml_assertion_expiry" ON saml_assertion (expires_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE saml_assertion`);
  }
}
