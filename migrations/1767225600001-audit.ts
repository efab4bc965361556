import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Audit1767225600001 implements MigrationInterface {
  readonly name = 'Audit1767225600001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_event (
        event_id uuid NOT NULL,
        txid bigint NOT NULL DEFAULT ((pg_current_xact_id())::text)::bigint,
        account_id text NOT NULL,
        occurred_at timestamptz NOT NULL,
        event_source text NOT NULL,
        event_name text NOT NULL,
        principal_arn text NOT NULL,
        principal_id text NOT NULL,
        access_key_id text NOT NULL,
        outcome text NOT NULL,
        error_code text,
        request_id uuid NOT NULL,
        record text NOT NULL,
        digest bytea NOT NULL,
        CONSTRAINT "PK_audit_event" PRIMARY KEY (event_id),
        CONSTRAINT "CK_audit_event_outcome" CHECK (outcome IN ('success', 'refused'))
      )`);
    await runner.query(`CREATE INDEX "IX_audit_event_time" ON audit_event (account_id, occurred_at, event_id)`);
    // Statement triggers, so that TRUNCATE and statements that meet no row are refused as well; ALWAYS, so that
    // session_replication_role cannot switch them off. They bind the owner of the table too.
    await runner.query(`
      CREATE FUNCTION audit_event_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'audit_event is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
      END $$`);
    await runner.query(`
      CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
      FOR EACH STATEMENT EXECUTE FUNCTION audit_event_append_only()`);
    await runner.query(`ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_append_only`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE audit_event`);
    await runner.query(`DROP FUNCTION audit_event_append_only()`);
  }
}
