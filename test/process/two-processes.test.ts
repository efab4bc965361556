import { createHash } from 'node:crypto';
import { join } from 'node:path';

import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { Client } from 'pg';

import { Secret } from '../../src/domain/secret.js';
import { formatAmzDate, sign } from '../../src/domain/sigv4.js';
import type { Keys } from '../support/app.js';
import { scratchDatabase, type ScratchDatabase } from '../support/database.js';
import { until } from '../support/outage.js';
import { Program, type RootKeys } from '../support/program.js';
import { trustedUser, whoIs, type Trusted } from '../support/story.js';
import { keysOf } from '../support/world.js';

jest.setTimeout(300_000);

const MASTER_KEY = createHash('sha256').update('master key of two processes').digest('base64');
/** By when every node refuses what one has ended, in milliseconds. */
const EFFECTIVE_WITHIN_MS = 1_000;

let database: ScratchDatabase;
let connection: Client;
let a: Program;
let b: Program;
let root: RootKeys;
let trusted: Trusted;

async function started(env: Readonly<Record<string, string>> = {}): Promise<Program> {
  return Program.started(join(await Program.folder(), 'data'), { DATABASE_URL: database.url, STINT_MASTER_KEY: MASTER_KEY, STINT_LOG_LEVEL: 'warn', ...env });
}

beforeAll(async () => {
  database = await scratchDatabase();
  connection = new Client({ connectionString: database.url });
  await connection.connect();
  a = await started();
  b = await started({ STINT_REVOCATION_MAX_AGE: '1' });
  root = await a.root();
  trusted = await trustedUser(a.url, root);
});
afterAll(async () => {
  await Program.cleanUp();
  await connection.end();
  await database.drop();
});

interface Answer {
  readonly status: number;
  readonly text: string;
}
/** A signed call of a process’s REST face. */
async function rest(program: Program, keys: Keys, asked: { path: string; body?: object; key?: string }): Promise<Answer> {
  const body = asked.body === undefined ? '' : JSON.stringify(asked.body);
  const amzDate = formatAmzDate(Date.now());
  const headers: Record<string, string> = { 'x-amz-date': amzDate, ...(body !== '' && { 'content-type': 'application/json' }), ...(keys.sessionToken !== undefined && { 'x-amz-security-token': keys.sessionToken }) };
  const authorization = sign(
    { method: 'POST', path: asked.path, query: '', headers: [...Object.entries(headers), ['host', new URL(program.url).host]], bodySha256: createHash('sha256').update(body).digest('hex') },
    { accessKeyId: keys.accessKeyId, secret: Secret.of(keys.secretAccessKey), region: 'us-east-1', service: 'stint', amzDate, ...(keys.sessionToken !== undefined && { securityToken: keys.sessionToken }) },
  );
  const response = await fetch(program.url + asked.path, { method: 'POST', headers: { ...headers, authorization, ...(asked.key !== undefined && { 'idempotency-key': asked.key }) }, ...(body !== '' && { body }) });
  return { status: response.status, text: await response.text() };
}

async function session(program: Program): Promise<Keys & { sessionToken: string }> {
  const sts = new STSClient({ endpoint: program.url, region: 'us-east-1', credentials: { ...trusted.user }, maxAttempts: 1 });
  try {
    return keysOf((await sts.send(new AssumeRoleCommand({ RoleArn: trusted.roleArn, RoleSessionName: 'ci' }))).Credentials);
  } finally {
    sts.destroy();
  }
}

/** How a credential stands at a process: `alive`, or the code with which it is refused. */
async function standing(program: Program, keys: Keys): Promise<string> {
  return whoIs(program.url, keys).then(() => 'alive', (error: unknown) => (error as { name: string }).name);
}

async function end(program: Program, { accessKeyId }: Keys): Promise<void> {
  const { rows } = await connection.query<{ session_id: string }>('SELECT session_id FROM session WHERE access_key_id = $1', [accessKeyId]);
  const { status, text } = await rest(program, root, { path: `/v1/sessions/${rows[0]?.session_id ?? ''}/revoke` });
  expect([status, JSON.parse(text)]).toEqual([200, { revoked: 1, effectiveWithinSeconds: 1 }]);
}

const underKey = (program: Program, key: string): Promise<Answer> => rest(program, trusted.user, { path: '/v1/sessions/assume-role', body: { roleArn: trusted.roleArn, roleSessionName: 'once' }, key });
function credentialsIn({ text }: Answer): Keys & { sessionToken: string } {
  const { accessKeyId, secretAccessKey, sessionToken } = (JSON.parse(text) as { credentials: Keys & { sessionToken: string } }).credentials;
  return { accessKeyId, secretAccessKey, sessionToken };
}
const sessionsOf = async (): Promise<number> => Number((await connection.query<{ count: string }>('SELECT count(*) FROM session')).rows[0]?.count);
/** Requests to a process that is killed end without an answer. */
const orNothing = (answer: Promise<Answer>): Promise<Answer | undefined> => answer.catch(() => undefined);

describe('two processes on one database', () => {
  it('refuse what either ended: itself at once, the other within a second', async () => {
    for (const [one, other] of [[a, b], [b, a]] as const) {
      const keys = await session(other);
      expect([await standing(one, keys), await standing(other, keys)]).toEqual(['alive', 'alive']);
      await end(one, keys);
      const since = performance.now();
      expect(await standing(one, keys)).toBe('ExpiredToken');
      await until('the other refuses it', async () => (await standing(other, keys)) === 'ExpiredToken');
      // With as much again for a slow machine.
      expect(performance.now() - since).toBeLessThan(2 * EFFECTIVE_WITHIN_MS);
    }
  });

  it('never accept what was ended while one of them stood still', async () => {
    const keys = await session(a);
    expect(await standing(b, keys)).toBe('alive');
    b.kill('SIGSTOP');
    await end(a, keys);
    const since = performance.now();
    await until('its view is too old', () => performance.now() - since > 1_500);
    // Waits in the queue of the one that stands still, before every notice that it has missed may be read.
    const first = standing(b, keys);
    b.kill('SIGCONT');
    expect(['ServiceUnavailable', 'ExpiredToken']).toContain(await first);
    await until('it knows again', async () => (await standing(b, trusted.user)) === 'alive' && (await standing(b, keys)) === 'ExpiredToken');
  });

  it('issue once under one key, whichever is asked, however many ask at once', async () => {
    const before = await sessionsOf();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => underKey(index % 2 === 0 ? a : b, 'parallel')));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await sessionsOf()).toBe(before + 1);
    const { rows } = await connection.query(`SELECT 1 FROM audit_event WHERE event_name = 'AssumeRole' AND outcome = 'success' AND record LIKE '%' || $1 || '%'`, [credentialsIn(answers[0]!).accessKeyId]);
    expect(rows).toHaveLength(50);
    expect(await whoIs(b.url, credentialsIn(answers[0]!))).toMatch(/:assumed-role\/for-bob\/once$/);
  });

  it('one that is killed has not issued twice what its clients ask the other for again, and knows what was ended when it starts anew', async () => {
    const before = await sessionsOf();
    const keys = Array.from({ length: 200 }, (_, index) => `killed-${index}`);
    const asked = keys.map((key) => orNothing(underKey(a, key)));
    await Promise.race(asked);
    a.kill('SIGKILL');
    const answered = await Promise.all(asked);
    expect(await a.end()).toEqual({ code: null, signal: 'SIGKILL' });
    expect(answered.filter((answer) => answer !== undefined)).not.toHaveLength(0);
    const again = await Promise.all(keys.map((key) => underKey(b, key)));
    expect(new Set(again.map(({ status }) => status))).toEqual(new Set([200]));
    for (const [index, answer] of answered.entries()) if (answer !== undefined) expect(again[index]?.text).toBe(answer.text);
    expect(new Set(again.map(({ text }) => text)).size).toBe(keys.length);
    expect(await sessionsOf()).toBe(before + keys.length);

    const over = credentialsIn(again[0]!);
    await end(b, over);
    a = await started();
    expect([await standing(a, over), await standing(a, credentialsIn(again[1]!))]).toEqual(['ExpiredToken', 'alive']);
    expect(JSON.parse((await underKey(a, keys[0]!)).text)).toMatchObject({ code: 'IdempotencyConflict' });
    expect((await underKey(a, keys[1]!)).text).toBe(again[1]?.text);
  });
});
