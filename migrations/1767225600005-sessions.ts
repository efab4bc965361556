import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Sessions1767225600005 implements MigrationInterface {
  readonly name = 'Sessions1767225600005';

  async up(runner: QueryRunner): Promise<void> {
    // No foreign keys: a session is evidence and outlives the role or user it was issued for.
    await runner.query(`
      CREATE TABLE session (
        session_id uuid NOT NULL,
        access_key_id text NOT NULL,
        account_id text NOT NULL,
        kind text NOT NULL,
        principal_arn text NOT NULL,
        principal_id text NOT NULL,
        role_id text,
        session_name text NOT NULL,
        source_identity text,
        source_ip text NOT NULL,
        issuer_arn text NOT NULL,
        parent_session_id uuid,
        root_session_id uuid NOT NULL,
        issued_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        token_sha256 bytea NOT NULL,
        CONSTRAINT "PK_session" PRIMARY KEY (session_id),
        CONSTRAINT "UQ_session_access_key" UNIQUE (access_key_id)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE session`);
  }
}
