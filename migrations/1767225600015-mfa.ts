import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Mfa1767225600015 implements MigrationInterface {
  readonly name = 'Mfa1767225600015';

  async up(runner: QueryRunner): Promise<void> {
    // A device belongs to nobody, to a user, or to the account's root user. The foreign key keeps the promise that a user
    // with a device cannot be deleted.
    await runner.query(`
      CREATE TABLE mfa_device (
        device_id uuid NOT NULL,
        account_id text NOT NULL,
        path text NOT NULL,
        device_name text NOT NULL,
        user_id text,
        of_root boolean NOT NULL,
        enabled_at timestamptz,
        sealed bytea NOT NULL,
        last_counter integer NOT NULL,
        last_claim bytea,
        drift smallint NOT NULL,
        tags jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT "PK_mfa_device" PRIMARY KEY (device_id),
        CONSTRAINT "UQ_mfa_device_name" UNIQUE (account_id, path, device_name),
        CONSTRAINT "CK_mfa_device_holder" CHECK ((enabled_at IS NOT NULL) = (user_id IS NOT NULL OR of_root) AND NOT (user_id IS NOT NULL AND of_root)),
        CONSTRAINT "FK_mfa_device_account" FOREIGN KEY (account_id) REFERENCES account (account_id) ON DELETE RESTRICT,
        CONSTRAINT "FK_mfa_device_user" FOREIGN KEY (user_id) REFERENCES iam_user (user_id) ON DELETE RESTRICT
      )`);
    await runner.query(`CREATE INDEX "IX_mfa_device_list" ON mfa_device (account_id, created_at, device_id)`);
    await runner.query(`CREATE INDEX "IX_mfa_device_user" ON mfa_device (user_id) WHERE user_id IS NOT NULL`);
    await runner.query(`CREATE INDEX "IX_mfa_device_root" ON mfa_device (account_id) WHERE of_root`);
    await runner.query(`
      CREATE TABLE mfa_throttle (
        subject text NOT NULL,
        failures integer NOT NULL,
        since timestamptz NOT NULL,
        locked_until timestamptz,
        forget_at timestamptz NOT NULL,
        CONSTRAINT "PK_mfa_throttle" PRIMARY KEY (subject)
      )`);
    await runner.query(`CREATE INDEX "IX_mfa_throttle_forget_at" ON mfa_throttle (forget_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE mfa_throttle`);
    await runner.query(`DROP TABLE mfa_device`);
  }
}
