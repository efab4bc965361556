import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Issuers1767225600008 implements MigrationInterface {
  readonly name = 'Issuers1767225600008';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE issuer (
        account_id text NOT NULL,
        enabled boolean NOT NULL,
        CONSTRAINT "PK_issuer" PRIMARY KEY (account_id),
        CONSTRAINT "FK_issuer_account" FOREIGN KEY (account_id) REFERENCES account (account_id) ON DELETE RESTRICT
      )`);
    // Times are facts: every node works out from them which key signs and which are published.
    await runner.query(`
      CREATE TABLE issuer_key (
        key_id text NOT NULL,
        account_id text NOT NULL,
        algorithm text NOT NULL,
        public_jwk jsonb NOT NULL,
        sealed bytea NOT NULL,
        created_at timestamptz NOT NULL,
        signs_from timestamptz NOT NULL,
        CONSTRAINT "PK_issuer_key" PRIMARY KEY (key_id),
        CONSTRAINT "FK_issuer_key_issuer" FOREIGN KEY (account_id) REFERENCES issuer (account_id) ON DELETE RESTRICT,
        CONSTRAINT "CK_issuer_key_algorithm" CHECK (algorithm IN ('RS256', 'ES384'))
      )`);
    await runner.query(`CREATE INDEX "IX_issuer_key_account" ON issuer_key (account_id, signs_from)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE issuer_key`);
    await runner.query(`DROP TABLE issuer`);
  }
}
