import type { MigrationInterface, QueryRunner } from 'typeorm';

export class SignIn1767225600016 implements MigrationInterface {
  readonly name = 'SignIn1767225600016';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE login_profile ADD COLUMN last_used_at timestamptz`);
    // What a user has left of his recovery codes: none outlives him.
    await runner.query(`
      CREATE TABLE recovery_codes (
        user_id text NOT NULL,
        sealed bytea NOT NULL,
        codes bytea[] NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT "PK_recovery_codes" PRIMARY KEY (user_id),
        CONSTRAINT "CK_recovery_codes_count" CHECK (cardinality(codes) <= 10),
        CONSTRAINT "FK_recovery_codes_user" FOREIGN KEY (user_id) REFERENCES iam_user (user_id) ON DELETE CASCADE
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE recovery_codes`);
    await runner.query(`ALTER TABLE login_profile DROP COLUMN last_used_at`);
  }
}
