import type { MigrationInterface, QueryRunner } from 'typeorm';

export class SessionLines1767225600019 implements MigrationInterface {
  readonly name = 'SessionLines1767225600019';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE session ADD COLUMN beside jsonb`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE session DROP COLUMN beside`);
  }
}
