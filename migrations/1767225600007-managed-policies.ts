import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ManagedPolicies1767225600007 implements MigrationInterface {
  readonly name = 'ManagedPolicies1767225600007';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE managed_policy (
        policy_id text NOT NULL,
        account_id text NOT NULL,
        policy_name text NOT NULL,
        name_key text NOT NULL,
        path text NOT NULL,
        description text,
        default_version integer NOT NULL,
        latest_version integer NOT NULL,
        tags jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT "PK_managed_policy" PRIMARY KEY (policy_id),
        CONSTRAINT "UQ_managed_policy_name" UNIQUE (account_id, name_key),
        CONSTRAINT "CK_managed_policy_version" CHECK (default_version BETWEEN 1 AND latest_version),
        CONSTRAINT "FK_managed_policy_account" FOREIGN KEY (account_id) REFERENCES account (account_id) ON DELETE RESTRICT
      )`);
    // A policy goes only when its versions are gone: the default one goes with it, in the same transaction.
    await runner.query(`
      CREATE TABLE policy_version (
        policy_id text NOT NULL,
        version integer NOT NULL,
        document text NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT "PK_policy_version" PRIMARY KEY (policy_id, version),
        CONSTRAINT "FK_policy_version_policy" FOREIGN KEY (policy_id) REFERENCES managed_policy (policy_id) ON DELETE RESTRICT
      )`);
    // The foreign keys keep the promise that neither side of an attachment can be deleted. Shipped policies are no rows.
    await runner.query(`
      CREATE TABLE policy_attachment (
        owner_id text NOT NULL,
        policy_arn text NOT NULL,
        account_id text NOT NULL,
        policy_id text,
        user_id text,
        role_id text,
        CONSTRAINT "PK_policy_attachment" PRIMARY KEY (owner_id, policy_arn),
        CONSTRAINT "CK_policy_attachment_owner" CHECK (num_nonnulls(user_id, role_id) = 1 AND owner_id = COALESCE(user_id, role_id)),
        CONSTRAINT "CK_policy_attachment_policy" CHECK ((policy_id IS NULL) = starts_with(policy_arn, 'arn:aws:iam::aws:')),
        CONSTRAINT "FK_policy_attachment_policy" FOREIGN KEY (policy_id) REFERENCES managed_policy (policy_id) ON DELETE RESTRICT,
        CONSTRAINT "FK_policy_attachment_user" FOREIGN KEY (user_id) REFERENCES iam_user (user_id) ON DELETE RESTRICT,
        CONSTRAINT "FK_policy_attachment_role" FOREIGN KEY (role_id) REFERENCES role (role_id) ON DELETE RESTRICT
      )`);
    await runner.query(`CREATE INDEX "IX_policy_attachment_arn" ON policy_attachment (account_id, policy_arn, owner_id)`);
    await runner.query(`CREATE INDEX "IX_policy_attachment_policy" ON policy_attachment (policy_id)`);
    await runner.query(`CREATE INDEX "IX_policy_attachment_user" ON policy_attachment (user_id)`);
    await runner.query(`CREATE INDEX "IX_policy_attachment_role" ON policy_attachment (role_id)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE policy_attachment`);
    await runner.query(`DROP TABLE policy_version`);
    await runner.query(`DROP TABLE managed_policy`);
  }
}
