import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AccountSettings1767225600018 implements MigrationInterface {
  readonly name = 'AccountSettings1767225600018';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE trust_setting (
        account_id text NOT NULL,
        linter text NOT NULL,
        issuers_mode text NOT NULL,
        issuers jsonb NOT NULL,
        CONSTRAINT "PK_trust_setting" PRIMARY KEY (account_id),
        CONSTRAINT "CK_trust_setting_linter" CHECK (linter IN ('enforce', 'report-only')),
        CONSTRAINT "CK_trust_setting_issuers_mode" CHECK (issuers_mode IN ('off', 'report-only', 'enforce')),
        CONSTRAINT "FK_trust_setting_account" FOREIGN KEY (account_id) REFERENCES account (account_id) ON DELETE RESTRICT
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE trust_setting`);
  }
}
