import type { MigrationInterface, QueryRunner } from 'typeorm';

export class SessionActors1767225600020 implements MigrationInterface {
  readonly name = 'SessionActors1767225600020';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE session ADD COLUMN actor_arn text, ADD COLUMN actor_id text`);
    await runner.query(`CREATE INDEX "IX_session_actor" ON session (actor_arn) WHERE actor_arn IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX "IX_session_actor"`);
    await runner.query(`ALTER TABLE session DROP COLUMN actor_arn, DROP COLUMN actor_id`);
  }
}
