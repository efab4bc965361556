import type { MigrationInterface, QueryRunner } from 'typeorm';

export class InstanceProfiles1767225600012 implements MigrationInterface {
  readonly name = 'InstanceProfiles1767225600012';

  async up(runner: QueryRunner): Promise<void> {
    // The foreign key keeps the promise that a role in a profile cannot be deleted; a profile has one role at the most.
    await runner.query(`
      CREATE TABLE instance_profile (
        profile_id text NOT NULL,
        account_id text NOT NULL,
        profile_name text NOT NULL,
        name_key text NOT NULL,
        path text NOT NULL,
        role_id text,
        tags jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT "PK_instance_profile" PRIMARY KEY (profile_id),
        CONSTRAINT "UQ_instance_profile_name" UNIQUE (account_id, name_key),
        CONSTRAINT "FK_instance_profile_account" FOREIGN KEY (account_id) REFERENCES account (account_id) ON DELETE RESTRICT,
        CONSTRAINT "FK_instance_profile_role" FOREIGN KEY (role_id) REFERENCES role (role_id) ON DELETE RESTRICT
      )`);
    await runner.query(`CREATE INDEX "IX_instance_profile_role" ON instance_profile (role_id, name_key)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE instance_profile`);
  }
}
