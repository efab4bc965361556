import type { MigrationInterface, QueryRunner } from 'typeorm';

export class SessionControl1767225600009 implements MigrationInterface {
  readonly name = 'SessionControl1767225600009';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE session
        ADD COLUMN operation text NOT NULL DEFAULT 'AssumeRole',
        ADD COLUMN role_arn text,
        ADD COLUMN issuer_id text,
        ADD COLUMN issuer_account_id text,
        ADD COLUMN ancestors jsonb,
        ADD COLUMN started_by text,
        ADD COLUMN description text,
        ALTER COLUMN session_name DROP NOT NULL`);
    // What earlier rows know of who asked for them is the ARN.
    await runner.query(`UPDATE session SET issuer_id = issuer_arn, started_by = issuer_arn, issuer_account_id = split_part(issuer_arn, ':', 5)`);
    await runner.query(`
      ALTER TABLE session
        ALTER COLUMN operation DROP DEFAULT,
        ALTER COLUMN issuer_id SET NOT NULL,
        ALTER COLUMN issuer_account_id SET NOT NULL,
        ALTER COLUMN started_by SET NOT NULL`);
    await runner.query(`CREATE INDEX "IX_session_account" ON session (account_id, issued_at DESC, session_id)`);
    // Sessions in another account: only those need a second way to be found.
    await runner.query(`CREATE INDEX "IX_session_issuer_account" ON session (issuer_account_id, issued_at DESC, session_id) WHERE issuer_account_id <> account_id`);
    await runner.query(`CREATE INDEX "IX_session_root" ON session (root_session_id) WHERE parent_session_id IS NOT NULL`);
    await runner.query(`CREATE INDEX "IX_session_token" ON session USING hash (token_sha256)`);
    await runner.query(`CREATE INDEX "IX_session_expiry" ON session USING brin (expires_at)`);
    await runner.query(`
      CREATE TABLE session_revocation (
        revocation_id uuid NOT NULL,
        account_id text NOT NULL,
        kind text NOT NULL,
        subject text NOT NULL,
        issued_before timestamptz NOT NULL,
        revoked_at timestamptz NOT NULL,
        live_until timestamptz NOT NULL,
        txid bigint NOT NULL DEFAULT ((pg_current_xact_id())::text)::bigint,
        CONSTRAINT "PK_session_revocation" PRIMARY KEY (revocation_id)
      )`);
    await runner.query(`CREATE INDEX "IX_session_revocation_subject" ON session_revocation (subject, kind)`);
    await runner.query(`CREATE INDEX "IX_session_revocation_txid" ON session_revocation (txid)`);
    await runner.query(`CREATE INDEX "IX_session_revocation_live" ON session_revocation (live_until)`);
    await runner.query(`
      CREATE TABLE issued_answer (
        key_sha256 bytea NOT NULL,
        input_sha256 bytea NOT NULL,
        sealed bytea NOT NULL,
        expires_at timestamptz NOT NULL,
        CONSTRAINT "PK_issued_answer" PRIMARY KEY (key_sha256)
      )`);
    await runner.query(`CREATE INDEX "IX_issued_answer_expiry" ON issued_answer (expires_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE issued_answer`);
    await runner.query(`DROP TABLE session_revocation`);
    await runner.query(`DROP INDEX "IX_session_expiry", "IX_session_token", "IX_session_root", "IX_session_issuer_account", "IX_session_account"`);
    await runner.query(`DELETE FROM session WHERE session_name IS NULL`);
    await runner.query(`
      ALTER TABLE session
        ALTER COLUMN session_name SET NOT NULL,
        DROP COLUMN operation, DROP COLUMN role_arn, DROP COLUMN issuer_id, DROP COLUMN issuer_account_id,
        DROP COLUMN ancestors, DROP COLUMN started_by, DROP COLUMN description`);
  }
}
