import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tables of what users, roles and groups alike have. */
const owned = ['inline_policy', 'policy_attachment'] as const;
/** Tables of those who may have a permissions boundary, with the word for them in names of constraints. */
const bounded = [
  ['iam_user', 'user'],
  ['role', 'role'],
] as const;

export class GroupsAndBoundaries1767225600010 implements MigrationInterface {
  readonly name = 'GroupsAndBoundaries1767225600010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE iam_group (
        group_id text NOT NULL,
        account_id text NOT NULL,
        group_name text NOT NULL,
        name_key text NOT NULL,
        path text NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT "PK_iam_group" PRIMARY KEY (group_id),
        CONSTRAINT "UQ_group_name" UNIQUE (account_id, name_key),
        CONSTRAINT "FK_group_account" FOREIGN KEY (account_id) REFERENCES account (account_id) ON DELETE RESTRICT
      )`);
    await runner.query(`
      CREATE TABLE group_member (
        user_id text NOT NULL,
        group_id text NOT NULL,
        CONSTRAINT "PK_group_member" PRIMARY KEY (user_id, group_id),
        CONSTRAINT "FK_group_member_user" FOREIGN KEY (user_id) REFERENCES iam_user (user_id) ON DELETE RESTRICT,
        CONSTRAINT "FK_group_member_group" FOREIGN KEY (group_id) REFERENCES iam_group (group_id) ON DELETE RESTRICT
      )`);
    await runner.query(`CREATE INDEX "IX_group_member_group" ON group_member (group_id)`);
    for (const table of owned) {
      await runner.query(`ALTER TABLE ${table} ADD COLUMN group_id text`);
      await runner.query(`ALTER TABLE ${table} ADD CONSTRAINT "FK_${table}_group" FOREIGN KEY (group_id) REFERENCES iam_group (group_id) ON DELETE RESTRICT`);
      await runner.query(`ALTER TABLE ${table} DROP CONSTRAINT "CK_${table}_owner"`);
      await runner.query(
        `ALTER TABLE ${table} ADD CONSTRAINT "CK_${table}_owner" CHECK (num_nonnulls(user_id, role_id, group_id) = 1 AND owner_id = COALESCE(user_id, role_id, group_id))`,
      );
      await runner.query(`CREATE INDEX "IX_${table}_group" ON ${table} (group_id)`);
    }
    // A boundary keeps its policy from being deleted, and nobody from being deleted. Shipped policies are no rows.
    for (const [table, word] of bounded) {
      await runner.query(`ALTER TABLE ${table} ADD COLUMN boundary_arn text, ADD COLUMN boundary_policy_id text`);
      await runner.query(
        `ALTER TABLE ${table} ADD CONSTRAINT "FK_${word}_boundary" FOREIGN KEY (boundary_policy_id) REFERENCES managed_policy (policy_id) ON DELETE RESTRICT`,
      );
      await runner.query(
        `ALTER TABLE ${table} ADD CONSTRAINT "CK_${word}_boundary" CHECK ((boundary_policy_id IS NULL) = (boundary_arn IS NULL OR starts_with(boundary_arn, 'arn:aws:iam::aws:')))`,
      );
      await runner.query(`CREATE INDEX "IX_${word}_boundary" ON ${table} (account_id, boundary_arn, ${word}_id) WHERE boundary_arn IS NOT NULL`);
      await runner.query(`CREATE INDEX "IX_${word}_boundary_policy" ON ${table} (boundary_policy_id) WHERE boundary_policy_id IS NOT NULL`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const [table, word] of bounded) {
      await runner.query(`ALTER TABLE ${table} DROP CONSTRAINT "CK_${word}_boundary"`);
      await runner.query(`ALTER TABLE ${table} DROP COLUMN boundary_arn, DROP COLUMN boundary_policy_id`);
    }
    for (const table of owned) {
      await runner.query(`ALTER TABLE ${table} DROP CONSTRAINT "CK_${table}_owner"`);
      await runner.query(`DELETE FROM ${table} WHERE group_id IS NOT NULL`);
      await runner.query(`ALTER TABLE ${table} DROP COLUMN group_id`);
      await runner.query(`ALTER TABLE ${table} ADD CONSTRAINT "CK_${table}_owner" CHECK (num_nonnulls(user_id, role_id) = 1 AND owner_id = COALESCE(user_id, role_id))`);
    }
    await runner.query(`DROP TABLE group_member`);
    await runner.query(`DROP TABLE iam_group`);
  }
}
