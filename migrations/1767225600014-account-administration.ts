import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AccountAdministration1767225600014 implements MigrationInterface {
  readonly name = 'AccountAdministration1767225600014';

  async up(runner: QueryRunner): Promise<void> {
    // The unique constraint keeps the promise that an alias leads to one account only.
    await runner.query(`
      CREATE TABLE account_setting (
        account_id text NOT NULL,
        alias text,
        token_version integer NOT NULL,
        CONSTRAINT "PK_account_setting" PRIMARY KEY (account_id),
        CONSTRAINT "UQ_account_setting_alias" UNIQUE (alias),
        CONSTRAINT "CK_account_setting_alias" CHECK (alias ~ '^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$' AND alias !~ '^[0-9]{12}$'),
        CONSTRAINT "CK_account_setting_token_version" CHECK (token_version IN (1, 2)),
        CONSTRAINT "FK_account_setting_account" FOREIGN KEY (account_id) REFERENCES account (account_id) ON DELETE RESTRICT
      )`);
    // One report an account, made page by page: whoever holds the row makes the next page, so a crash only lets go of it.
    await runner.query(`
      CREATE TABLE credential_report (
        account_id text NOT NULL,
        started_at timestamptz NOT NULL,
        next_after text NOT NULL,
        part_count integer NOT NULL,
        completed_at timestamptz,
        CONSTRAINT "PK_credential_report" PRIMARY KEY (account_id),
        CONSTRAINT "FK_credential_report_account" FOREIGN KEY (account_id) REFERENCES account (account_id) ON DELETE RESTRICT
      )`);
    await runner.query(`CREATE INDEX "IX_credential_report_unfinished" ON credential_report (started_at) WHERE completed_at IS NULL`);
    await runner.query(`
      CREATE TABLE credential_report_part (
        account_id text NOT NULL,
        part integer NOT NULL,
        content text NOT NULL,
        CONSTRAINT "PK_credential_report_part" PRIMARY KEY (account_id, part),
        CONSTRAINT "FK_credential_report_part_report" FOREIGN KEY (account_id) REFERENCES credential_report (account_id) ON DELETE RESTRICT
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE credential_report_part`);
    await runner.query(`DROP TABLE credential_report`);
    await runner.query(`DROP TABLE account_setting`);
  }
}
