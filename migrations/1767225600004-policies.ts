import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Policies1767225600004 implements MigrationInterface {
  readonly name = 'Policies1767225600004';

  async up(runner: QueryRunner): Promise<void> {
    // The two foreign keys keep the promise that an entity with inline policies cannot be deleted.
    await runner.query(`
      CREATE TABLE inline_policy (
        owner_id text NOT NULL,
        policy_name text NOT NULL,
        user_id text,
        role_id text,
        document text NOT NULL,
        CONSTRAINT "PK_inline_policy" PRIMARY KEY (owner_id, policy_name),
        CONSTRAINT "CK_inline_policy_owner" CHECK (num_nonnulls(user_id, role_id) = 1 AND owner_id = COALESCE(user_id, role_id)),
        CONSTRAINT "FK_inline_policy_user" FOREIGN KEY (user_id) REFERENCES iam_user (user_id) ON DELETE RESTRICT,
        CONSTRAINT "FK_inline_policy_role" FOREIGN KEY (role_id) REFERENCES role (role_id) ON DELETE RESTRICT
      )`);
    await runner.query(`CREATE INDEX "IX_inline_policy_user" ON inline_policy (user_id)`);
    await runner.query(`CREATE INDEX "IX_inline_policy_role" ON inline_policy (role_id)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE inline_policy`);
  }
}
