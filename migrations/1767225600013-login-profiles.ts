import type { MigrationInterface, QueryRunner } from 'typeorm';

export class LoginProfiles1767225600013 implements MigrationInterface {
  readonly name = 'LoginProfiles1767225600013';

  async up(runner: QueryRunner): Promise<void> {
    // The foreign key keeps the promise that a user with a password cannot be deleted.
    await runner.query(`
      CREATE TABLE login_profile (
        user_id text NOT NULL,
        account_id text NOT NULL,
        password bytea NOT NULL,
        previous bytea[] NOT NULL,
        reset_required boolean NOT NULL,
        created_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        wrong_guesses integer NOT NULL,
        next_guess_at timestamptz,
        CONSTRAINT "PK_login_profile" PRIMARY KEY (user_id),
        CONSTRAINT "CK_login_profile_previous" CHECK (cardinality(previous) < 24),
        CONSTRAINT "FK_login_profile_account" FOREIGN KEY (account_id) REFERENCES account (account_id) ON DELETE RESTRICT,
        CONSTRAINT "FK_login_profile_user" FOREIGN KEY (user_id) REFERENCES iam_user (user_id) ON DELETE RESTRICT
      )`);
    await runner.query(`CREATE INDEX "IX_login_profile_account" ON login_profile (account_id)`);
    await runner.query(`
      CREATE TABLE password_policy (
        account_id text NOT NULL,
        minimum_length integer NOT NULL,
        require_symbols boolean NOT NULL,
        require_numbers boolean NOT NULL,
        require_uppercase boolean NOT NULL,
        require_lowercase boolean NOT NULL,
        users_may_change boolean NOT NULL,
        max_age_days integer,
        reuse_prevention integer,
        hard_expiry boolean,
        CONSTRAINT "PK_password_policy" PRIMARY KEY (account_id),
        CONSTRAINT "CK_password_policy_minimum_length" CHECK (minimum_length BETWEEN 6 AND 128),
        CONSTRAINT "CK_password_policy_max_age" CHECK (max_age_days BETWEEN 1 AND 1095),
        CONSTRAINT "CK_password_policy_reuse_prevention" CHECK (reuse_prevention BETWEEN 1 AND 24),
        CONSTRAINT "FK_password_policy_account" FOREIGN KEY (account_id) REFERENCES account (account_id) ON DELETE RESTRICT
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE password_policy`);
    await runner.query(`DROP TABLE login_profile`);
  }
}
