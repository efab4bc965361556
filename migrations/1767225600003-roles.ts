import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Roles1767225600003 implements MigrationInterface {
  readonly name = 'Roles1767225600003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE role (
        role_id text NOT NULL,
        account_id text NOT NULL,
        role_name text NOT NULL,
        name_key text NOT NULL,
        path text NOT NULL,
        description text,
        max_session_duration integer NOT NULL,
        trust_policy text NOT NULL,
        trust_principals jsonb NOT NULL,
        tags jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        last_used_at timestamptz,
        last_used_region text,
        CONSTRAINT "PK_role" PRIMARY KEY (role_id),
        CONSTRAINT "UQ_role_name" UNIQUE (account_id, name_key),
        CONSTRAINT "CK_role_max_session_duration" CHECK (max_session_duration BETWEEN 3600 AND 43200),
        CONSTRAINT "FK_role_account" FOREIGN KEY (account_id) REFERENCES account (account_id) ON DELETE RESTRICT
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE role`);
  }
}
