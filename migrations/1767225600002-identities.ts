import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Identities1767225600002 implements MigrationInterface {
  readonly name = 'Identities1767225600002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE ring_key (
        key_id integer NOT NULL,
        sealed bytea NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT "PK_ring_key" PRIMARY KEY (key_id)
      )`);
    await runner.query(`
      CREATE TABLE account (
        account_id text NOT NULL,
        account_name text NOT NULL,
        management boolean NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT "PK_account" PRIMARY KEY (account_id),
        CONSTRAINT "CK_account_id" CHECK (account_id ~ '^[0-9]{12}$')
      )`);
    await runner.query(`CREATE UNIQUE INDEX "UQ_account_management" ON account (management) WHERE management`);
    await runner.query(`
      CREATE TABLE iam_user (
        user_id text NOT NULL,
        account_id text NOT NULL,
        user_name text NOT NULL,
        name_key text NOT NULL,
        path text NOT NULL,
        tags jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT "PK_iam_user" PRIMARY KEY (user_id),
        CONSTRAINT "UQ_user_name" UNIQUE (account_id, name_key),
        CONSTRAINT "FK_user_account" FOREIGN KEY (account_id) REFERENCES account (account_id) ON DELETE RESTRICT
      )`);
    await runner.query(`
      CREATE TABLE access_key (
        access_key_id text NOT NULL,
        account_id text NOT NULL,
        user_id text,
        status text NOT NULL,
        secret bytea NOT NULL,
        created_at timestamptz NOT NULL,
        last_used_at timestamptz,
        last_used_service text,
        last_used_region text,
        CONSTRAINT "PK_access_key" PRIMARY KEY (access_key_id),
        CONSTRAINT "CK_access_key_status" CHECK (status IN ('Active', 'Inactive')),
        CONSTRAINT "FK_access_key_account" FOREIGN KEY (account_id) REFERENCES account (account_id) ON DELETE RESTRICT,
        CONSTRAINT "FK_access_key_user" FOREIGN KEY (user_id) REFERENCES iam_user (user_id) ON DELETE RESTRICT
      )`);
    await runner.query(`CREATE INDEX "IX_access_key_owner" ON access_key (account_id, user_id)`);
    await runner.query(`CREATE INDEX "IX_access_key_user" ON access_key (user_id)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE access_key`);
    await runner.query(`DROP TABLE iam_user`);
    await runner.query(`DROP TABLE account`);
    await runner.query(`DROP TABLE ring_key`);
  }
}
