import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Decisions1767225600006 implements MigrationInterface {
  readonly name = 'Decisions1767225600006';

  async up(runner: QueryRunner): Promise<void> {
    // One row for each account that may read its side of a refusal.
    await runner.query(`
      CREATE TABLE decision (
        decision_id uuid NOT NULL,
        account_id text NOT NULL,
        request_id uuid NOT NULL,
        decided_at timestamptz NOT NULL,
        content text NOT NULL,
        CONSTRAINT "PK_decision" PRIMARY KEY (decision_id, account_id)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE decision`);
  }
}
