import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

import { SeededRandom } from '../support/fakes.js';
import { Load, type Received } from '../support/load.js';
import { Program, stillRunning } from '../support/program.js';
import { trustedUser, whoIs, type Trusted } from '../support/story.js';

jest.setTimeout(600_000);

const CONNECTIONS = 32;

/** Between `least` and `most`, the same in every run. */
function drawn(seed: string, least: number, most: number): number {
  return least + (new SeededRandom(seed).bytes(4).readUInt32LE() % (most - least));
}

interface Row {
  readonly access_key_id: string;
}

interface Event {
  readonly request_id: string;
  readonly record: string;
}

/** The credentials that lack their session row or their audit event. */
async function unrecorded(program: Program, received: readonly Received[]): Promise<Received[]> {
  const sessions = await program.sql<Row>('SELECT access_key_id FROM session WHERE access_key_id = ANY($1)', [received.map((one) => one.accessKeyId)]);
  const events = await program.sql<Event>("SELECT request_id, record FROM audit_event WHERE event_name = 'AssumeRole' AND outcome = 'success' AND request_id = ANY($1)", [
    received.map((one) => one.requestId),
  ]);
  const keys = new Set(sessions.map((row) => row.access_key_id));
  const records = new Map(events.map((event) => [event.request_id, event.record]));
  return received.filter((one) => !keys.has(one.accessKeyId) || records.get(one.requestId)?.includes(`"${one.accessKeyId}"`) !== true);
}

describe('a Stint that is killed under a load of AssumeRole calls', () => {
  const received: Received[] = [];
  let dataDir: string;
  let program: Program;
  let trusted: Trusted;

  const load = (): Load => new Load({ url: program.url, caller: trusted.user, roleArn: trusted.roleArn, connections: CONNECTIONS });

  beforeAll(async () => {
    dataDir = join(await Program.folder(), 'data');
    program = await Program.started(dataDir, { STINT_LOG_LEVEL: 'warn' });
    trusted = await trustedUser(program.url, await program.root());
  });
  afterAll(() => Program.cleanUp());

  it.each([
    { kill: 1, killed: 'Stint' },
    { kill: 2, killed: 'Stint and its database' },
    { kill: 3, killed: 'Stint' },
    { kill: 4, killed: 'Stint and its database' },
  ])('has recorded every credential that a client received before $killed got SIGKILL (kill $kill)', async ({ kill, killed }) => {
    const postgres = await program.postgresPid();
    const clients = load();
    await clients.reached(drawn(`credentials before kill ${kill}`, 200, 1200));
    for (let turns = drawn(`turns before kill ${kill}`, 0, 20); turns > 0; turns -= 1) await turn();
    program.kill('SIGKILL');
    if (killed !== 'Stint') process.kill(postgres, 'SIGKILL');
    await clients.over;
    expect(await program.end()).toEqual({ code: null, signal: 'SIGKILL' });
    expect(clients.refused).toEqual([]);
    received.push(...clients.received);

    program = await Program.started(dataDir, { STINT_LOG_LEVEL: 'warn' });
    expect(await stillRunning([postgres])).toEqual([]);
    expect(await unrecorded(program, received)).toEqual([]);
    // The last ones are those that were closest to being lost.
    for (const session of clients.received.slice(-5)) {
      expect(await whoIs(program.url, session)).toMatch(/^arn:aws:sts::\d{12}:assumed-role\/for-bob\/load-\d+$/);
    }
  });

  it('refuses with 503 when only its database was killed, releases nothing unrecorded, and ends with a failure', async () => {
    const pids = await program.pids();
    const clients = load();
    await clients.reached(drawn('credentials before the database dies', 200, 1200));
    process.kill(await program.postgresPid(), 'SIGKILL');
    await clients.over;
    expect(await program.end()).toEqual({ code: 1, signal: null });
    expect(program.err.at(-1)).toMatch(/^stint: The embedded database has stopped unexpectedly \(SIGKILL\): \S/);
    expect(program.log).toContainEqual(expect.objectContaining({ level: 'fatal', msg: 'The embedded database has stopped unexpectedly' }));
    expect(clients.refused).not.toEqual([]);
    for (const refused of clients.refused) {
      expect(refused).toMatchObject({ status: 503, type: 'text/xml', text: expect.stringContaining('<Code>ServiceUnavailable</Code>') });
    }

    program = await Program.started(dataDir, { STINT_LOG_LEVEL: 'warn' });
    // PostgreSQL's processes end by themselves when they notice; the next start has waited for them.
    expect(await stillRunning(pids)).toEqual([]);
    expect(await unrecorded(program, [...received, ...clients.received])).toEqual([]);
  });
});
