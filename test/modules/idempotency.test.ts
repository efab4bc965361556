import { TestApp, type Keys } from '../support/app.js';
import { expectRefused, effectOf, type Called } from '../support/calls.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';
import { Sessions } from '../support/sessions.js';

let a: TestApp;
let b: TestApp;
let world: World;
let alice: User;
let worker: Role;
let count = 0;

beforeAll(async () => {
  a = await TestApp.boot();
  b = await TestApp.boot({ beside: a });
  world = new World(a);
  alice = await world.user('alice', allows('*'));
  worker = await world.role('worker', trusts(alice.arn), { policy: allows('*') });
});
afterAll(async () => {
  await b.close();
  await a.close();
});

const fresh = (): string => `key-${String((count += 1))}`;

/** Asks for a session of the role under a key. */
async function assume(key: string | undefined, at: { node?: TestApp; keys?: Keys; more?: object } = {}): Promise<Called> {
  const body = JSON.stringify({ roleArn: worker.arn, roleSessionName: 'job', ...at.more });
  const answer = await (at.node ?? a).raw(at.keys ?? alice, { path: '/v1/sessions/assume-role', body, service: 'stint', ...(key !== undefined && { headers: { 'idempotency-key': key } }) });
  const parsed = JSON.parse(answer.text) as { code?: string; detail?: string };
  return { status: answer.status, code: parsed.code, message: parsed.detail, output: answer.status === 200 ? parsed : undefined, text: answer.text };
}
const sessionsOf = async (): Promise<number> => Number((await a.sql<{ count: string }>('SELECT count(*) FROM session'))[0]?.count);

describe('the same Idempotency-Key', () => {
  it('of the same caller answers with the same credentials, on every node, and issues once', async () => {
    const key = fresh();
    const before = await sessionsOf();
    const first = await assume(key);
    expect(first.status).toBe(200);
    const events = await a.recordedBy(async () => {
      for (const node of [a, b]) expect((await assume(key, { node })).text).toBe(first.text);
    });
    expect(await sessionsOf()).toBe(before + 1);
    // What is given out again is recorded again.
    expect(events.map(({ event_name, outcome, record }) => [event_name, outcome, record['additionalEventData']])).toEqual(Array.from({ length: 2 }, () => ['AssumeRole', 'success', { idempotentReplay: true }]));
    expect((await assume(fresh())).text).not.toBe(first.text);
    expect((await assume(undefined)).text).not.toBe(first.text);
  });

  it('in a race on two nodes issues once', async () => {
    const key = fresh();
    const before = await sessionsOf();
    let answers: Called[] = [];
    const events = await a.recordedBy(async () => {
      answers = await Promise.all(Array.from({ length: 50 }, (_, index) => assume(key, { node: index % 2 === 0 ? a : b })));
    });
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]?.status).toBe(200);
    expect(await sessionsOf()).toBe(before + 1);
    expect(events).toHaveLength(50);
    expect(events.filter(({ record }) => record['additionalEventData'] === undefined)).toHaveLength(1);
  });

  it('for something else is refused, and leaves nothing', async () => {
    const key = fresh();
    await assume(key);
    for (const more of [{ roleSessionName: 'other' }, { durationSeconds: 900 }]) {
      expectRefused(await effectOf(a, () => assume(key, { more })), { code: 'IdempotencyConflict', status: 409, message: 'The Idempotency-Key was used for a request with other parameters. Use a new key for each request.' }, 'AssumeRole');
    }
  });

  it('of another caller is another key, also of another session under the same name', async () => {
    const key = fresh();
    const bob = await world.user('bob', allows('*'));
    const both = await world.role('both', trusts([alice.arn, bob.arn]), { policy: allows('*') });
    const target = await world.role('target', trusts(both.arn));
    const sessions = new Sessions(a);
    const [one, other] = [await sessions.assumed(alice, both), await sessions.assumed(bob, both)];
    const more = { roleArn: target.arn };
    const first = await assume(key, { keys: one, more });
    expect(first.status).toBe(200);
    expect((await assume(key, { keys: other, more })).text).not.toBe(first.text);
    expect((await assume(key, { keys: one, more })).text).toBe(first.text);
  });

  it('may be used anew after ten minutes, and not before', async () => {
    const key = fresh();
    const first = await assume(key);
    a.clock.advance(599);
    expect((await assume(key)).text).toBe(first.text);
    a.clock.advance(1);
    const second = await assume(key);
    expect(second.status).toBe(200);
    expect(second.text).not.toBe(first.text);
    expect((await assume(key)).text).toBe(second.text);
  });

  it('does not give out a session that is over', async () => {
    const key = fresh();
    const { sessionId } = (await assume(key)).output as { sessionId: string };
    await a.rest(a.root, `POST /v1/sessions/${sessionId}/revoke`);
    expectRefused(await effectOf(a, () => assume(key)), { code: 'IdempotencyConflict', status: 409, message: 'The session that was issued under this Idempotency-Key is over. Use a new key to obtain another.' }, 'AssumeRole');
    a.clock.advance(2);
  });

  it('does not give out what would not be allowed any more', async () => {
    const carol = await world.user('carol');
    const gone = await world.role('gone', trusts(carol.arn));
    const key = fresh();
    const more = { roleArn: gone.arn };
    expect((await assume(key, { keys: carol, more })).status).toBe(200);
    await a.query(a.root, { Action: 'UpdateAssumeRolePolicy', Version: '2010-05-08', RoleName: 'gone', PolicyDocument: JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' })) });
    expectRefused(await effectOf(a, () => assume(key, { keys: carol, more })), { code: 'AccessDenied', status: 403 }, 'AssumeRole');
  });

  it('of a request that was refused is free for another', async () => {
    const key = fresh();
    expect((await assume(key, { more: { roleArn: 'arn:aws:iam::123456789012:role/none' } })).code).toBe('AccessDenied');
    expect((await assume(key)).status).toBe(200);
  });

  it('is bounded, and only for what issues credentials', async () => {
    for (const key of ['', 'x'.repeat(256), 'with a blank']) {
      expectRefused(await effectOf(a, () => assume(key)), { code: 'ValidationError', status: 400, message: 'The Idempotency-Key must have 1 to 255 printable ASCII characters without blanks.' }, 'AssumeRole');
    }
    const { status, text } = await a.raw(a.root, { method: 'GET', path: '/v1/users', service: 'stint', headers: { 'idempotency-key': 'x' } });
    expect([status, JSON.parse(text)]).toMatchObject([400, { code: 'ValidationError', detail: 'An Idempotency-Key can be given only for operations that issue credentials.' }]);
  });

  it('keeps the answer sealed', async () => {
    const { credentials } = (await assume(fresh())).output as { credentials: { secretAccessKey: string; sessionToken: string } };
    const rows = JSON.stringify((await a.sql<{ sealed: Buffer }>('SELECT sealed FROM issued_answer')).map(({ sealed }) => sealed.toString('latin1')));
    for (const secret of [credentials.secretAccessKey, credentials.sessionToken]) expect(rows).not.toContain(secret);
  });
});
