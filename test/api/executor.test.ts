import { createHash } from 'node:crypto';
import { z } from 'zod';

import { Executor } from '../../src/api/executor.js';
import type { Incoming } from '../../src/api/incoming.js';
import { operation, type Effect } from '../../src/contract/operation.js';
import { ApiError } from '../../src/domain/errors.js';
import { Secret } from '../../src/domain/secret.js';
import { formatAmzDate, sign } from '../../src/domain/sigv4.js';
import type { ChangeCtx, Implementation, IssueCtx } from '../../src/kernel/handler.js';
import { append, type AppendTable } from '../../src/kernel/ledger.js';
import { TestApp, type Answer } from '../support/app.js';
import { cut, hold, until, untilBlocked, withoutDatabase } from '../support/outage.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';

const STS = { Version: '2011-06-15' };
const IAM = { Version: '2010-05-08' };
const UNAVAILABLE = 'The service is temporarily unable to handle the request. Repeat the request in a moment.';
const BUG = 'The request processing has failed because of an unknown error, exception or failure.';

let app: TestApp;
let bob: User;
let deploy: Role;

type Ask = () => Promise<Answer>;
const asks: Record<Effect, Ask> = {
  read: () => app.query(bob, { ...IAM, Action: 'GetUser', UserName: 'bob' }),
  change: () => app.query(bob, { ...IAM, Action: 'CreateUser', UserName: 'carol' }),
  issue: () => app.query(bob, { ...STS, Action: 'AssumeRole', RoleArn: deploy.arn, RoleSessionName: 'ci' }),
};
const refusal: Ask = () => app.query(bob, { ...IAM, Action: 'GetUser', UserName: 'nobody' });
const allAsks: [what: string, ask: Ask][] = [...Object.entries(asks), ['refused call', refusal]];

function errorIn({ text }: Answer): string[] {
  return ['Type', 'Code', 'Message'].map((name) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? '');
}

/** That a call is answered 503 and leaves nothing: no row, no event. */
async function leavesNothing(ask: Ask): Promise<void> {
  const before = await app.contents();
  const events = await app.recordedBy(async () => isUnavailable(await ask()));
  expect(events).toEqual([]);
  expect(await app.contents()).toEqual(before);
}

function isUnavailable(answer: Answer): void {
  expect([answer.status, ...errorIn(answer)]).toEqual([503, 'Receiver', 'ServiceUnavailable', UNAVAILABLE]);
}

function requestIdOf(answer: Answer): string {
  return answer.headers.get('x-amzn-requestid') ?? '';
}

function eventsOf(...answers: Answer[]): Promise<object[]> {
  return app.sql('SELECT 1 FROM audit_event WHERE request_id = ANY($1)', [answers.map(requestIdOf)]);
}

/** The log line of a failure that was ours. */
function logged(answer: Answer): { err: { code: string; cause?: { message: string; stack: string } } } | undefined {
  return app.lines
    .map((line) => JSON.parse(line) as { level: string; requestId: string; err: never })
    .find((line) => line.level === 'error' && line.requestId === requestIdOf(answer));
}

beforeAll(async () => {
  app = await TestApp.boot();
  const world = new World(app);
  bob = await world.user('bob', allows('*'));
  deploy = await world.role('deploy', trusts(bob.arn));
  await app.sql('CREATE TABLE filler (id text)');
});
afterAll(() => app.close());

afterEach(async () => {
  await until('the service has recovered', async () => (await asks.issue()).status === 200);
  await app.sql(`DELETE FROM iam_user WHERE user_name = 'carol'`);
});

describe('while the database is away', () => {
  it.each(allAsks)('a %s is unavailable, and leaves nothing', async (_, ask) => {
    await app.running.kernel.ledger.flush();
    await leavesNothing(() => withoutDatabase(app.database, ask));
  });

  it('the REST face says so in its words', async () => {
    const { status, body } = await withoutDatabase(app.database, () => app.rest(bob, 'GET /v1/users/bob'));
    expect([status, body]).toEqual([503, expect.objectContaining({ code: 'ServiceUnavailable', detail: UNAVAILABLE, status: 503 })]);
  });

  it('the process is alive and not ready', async () => {
    const [live, ready] = await withoutDatabase(app.database, () => Promise.all([app.send({ path: '/livez' }), app.send({ path: '/readyz' })]));
    expect([live.status, ready.status, ready.text]).toEqual([200, 503, expect.stringContaining('unreachable')]);
  });
});

describe('when the database goes away in the middle', () => {
  const stages: [what: string, table: string, application: string, ask: Ask][] = [
    ['a read that looks', 'iam_user', 'stint', asks.read],
    ['a change that writes', 'iam_user', 'stint', asks.change],
    ['a change that records', 'audit_event', 'stint', asks.change],
    ['an issuance that is recorded', 'audit_event', 'stint ledger', asks.issue],
    ['an issuance that is stored', 'session', 'stint ledger', asks.issue],
    ['a refusal that is recorded', 'audit_event', 'stint ledger', refusal],
  ];

  it.each(stages)('%s is unavailable, and leaves nothing', async (_, table, application, ask) => {
    const before = await app.contents();
    const held = await hold(app.database, table);
    const asked = ask();
    await untilBlocked((text) => app.sql(text), application);
    const answer = await withoutDatabase(app.database, () => asked);
    await held.release();
    isUnavailable(answer);
    await app.running.kernel.ledger.flush();
    expect(await app.contents()).toEqual(before);
    expect(await eventsOf(answer)).toEqual([]);
  });
});

describe('when an event cannot be recorded', () => {
  const obstacles: [how: string, put: string, take: string][] = [
    ['a check refuses it', `ALTER TABLE audit_event ADD CONSTRAINT no CHECK (false) NOT VALID`, 'ALTER TABLE audit_event DROP CONSTRAINT no'],
    [
      'a trigger refuses it',
      `CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$; CREATE TRIGGER no BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION no()`,
      'DROP FUNCTION no() CASCADE',
    ],
    ['its table is gone', 'ALTER TABLE audit_event RENAME TO elsewhere', 'ALTER TABLE elsewhere RENAME TO audit_event'],
  ];

  it.each(obstacles)('nothing is issued, changed or refused because %s', async (_, put, take) => {
    const before = await app.contents();
    await app.running.kernel.ledger.flush();
    await app.sql(put);
    const answers: Answer[] = [];
    try {
      for (const ask of [asks.change, asks.issue, refusal]) answers.push(await ask());
      expect(await app.contents()).toEqual(before);
    } finally {
      await app.sql(take);
    }
    for (const answer of answers) {
      isUnavailable(answer);
      expect(logged(answer)?.err).toMatchObject({ code: 'ServiceUnavailable', cause: { message: expect.any(String) } });
    }
    expect(await eventsOf(...answers)).toEqual([]);
  });

  it.each(obstacles.slice(1))('a read is answered, and its event follows when it can, although %s', async (_, put, take) => {
    await app.sql(put);
    const answer = await asks.read().finally(() => app.sql(take));
    expect(answer.status).toBe(200);
    await until('the event is there', async () => (await eventsOf(answer)).length === 1);
  });

  it('only the call whose event is refused is refused with it', async () => {
    await app.sql(`ALTER TABLE audit_event ADD CONSTRAINT no CHECK (event_name <> 'GetUser') NOT VALID`);
    const answers = await Promise.all([asks.issue(), refusal(), asks.issue(), asks.change(), asks.issue()]).finally(() => app.sql('ALTER TABLE audit_event DROP CONSTRAINT no'));
    expect(answers.map((answer) => answer.status)).toEqual([200, 503, 200, 200, 200]);
  });
});

describe('a bug', () => {
  const bugs: [what: string, table: string, ask: Ask][] = [
    ['in a read', 'iam_user', asks.read],
    ['in a change', 'iam_user', asks.change],
    // A role that nobody has asked for yet, so that no node remembers it.
    ['in an issuance', 'role', () => app.query(bob, { ...STS, Action: 'AssumeRole', RoleArn: `arn:aws:iam::${app.root.account}:role/unseen`, RoleSessionName: 'ci' })],
  ];

  it.each(bugs)('%s is answered with nothing but its code, and recorded', async (_, table, ask) => {
    // What the way to the handler needs is remembered before the table goes.
    await asks.issue();
    await app.sql(`ALTER TABLE ${table} RENAME TO elsewhere`);
    let answer: Answer | undefined;
    const events = await app.recordedBy(async () => {
      answer = await ask().finally(() => app.sql(`ALTER TABLE elsewhere RENAME TO ${table}`));
    });
    expect([answer?.status, ...errorIn(answer!)]).toEqual([500, 'Receiver', 'InternalFailure', BUG]);
    expect(answer?.text).not.toMatch(/relation|does not exist|\.[jt]s|\bat /);
    expect(events).toMatchObject([{ outcome: 'refused', error_code: 'InternalFailure', record: { errorCode: 'InternalFailure', errorMessage: BUG, responseElements: null } }]);
    const err = logged(answer!)?.err;
    expect(err).toMatchObject({ code: 'InternalFailure', cause: { message: expect.stringContaining(`relation "${table}" does not exist`) } });
    expect(err?.cause?.stack).toMatch(/\bat /);
    expect(await app.sql(`SELECT 1 FROM iam_user WHERE user_name = 'carol'`)).toEqual([]);
  });
});

describe('a handler of the pipeline', () => {
  const filler: AppendTable<string> = { name: 'filler', columns: [{ name: 'id', type: 'text', of: (id) => id }] };

  type Step = (ctx: { tx?: ChangeCtx['tx']; append?: IssueCtx['append'] }) => unknown;

  /** Runs an operation of the test's own through the executor, signed by bob. */
  async function run(effect: Effect, step: Step): Promise<object> {
    const output = z.object({ Fine: z.string() });
    const access = { caller: 'any', because: 'it is a test' } as const;
    const contract = operation({ summary: 'Test.', rest: 'POST /v1/test', effect, input: z.object({}), output, errors: [], access });
    const handle = async (_: never, ctx: never): Promise<unknown> => {
      const { tx } = ctx as { tx?: ChangeCtx['tx'] };
      await tx?.query(`INSERT INTO filler VALUES ('written')`);
      if (effect === 'issue') (ctx as IssueCtx).append(append(filler, 'written'));
      return step(ctx);
    };
    const implementation: Implementation = { name: 'Test', contract, handle };
    return app.running.app.get(Executor).run({ operation: implementation, incoming: signed(), service: 'stint', regions: [], decode: () => ({ raw: {}, ignored: [] }) });
  }

  function signed(): Incoming {
    const now = app.clock.now();
    const amzDate = formatAmzDate(now.getTime());
    const http = { method: 'POST', path: '/v1/test', query: '', headers: [['host', 'stint'], ['x-amz-date', amzDate]] as [string, string][], bodySha256: createHash('sha256').update('').digest('hex') };
    const authorization = sign(http, { accessKeyId: bob.accessKeyId, secret: Secret.of(bob.secretAccessKey), region: 'eu-west-1', service: 'stint', amzDate });
    return {
      requestId: app.running.kernel.random.uuid(),
      now,
      http: { ...http, headers: [...http.headers, ['authorization', authorization]] },
      body: Buffer.alloc(0),
      source: { ip: '192.0.2.1', userAgent: undefined, secureTransport: false },
    };
  }

  const written = async (): Promise<number> => (await app.sql('SELECT 1 FROM filler')).length;
  afterEach(() => app.sql('TRUNCATE filler'));

  it.each([['read', 0], ['change', 1], ['issue', 1]] as const)('that fits is done and recorded: %s', async (effect, rows) => {
    const events = await app.recordedBy(async () => expect(await run(effect, () => ({ Fine: 'yes' }))).toEqual({ Fine: 'yes' }));
    expect(events).toMatchObject([{ event_name: 'Test', outcome: 'success', record: { awsRegion: 'eu-west-1', sourceIPAddress: '192.0.2.1' } }]);
    expect(await written()).toBe(rows);
  });

  const steps: [what: string, step: Step, code: string][] = [
    ['throws what it should not', () => { throw new TypeError('secret cause'); }, 'InternalFailure'],
    ['throws no error at all', () => { throw 'secret cause' as unknown as Error; }, 'InternalFailure'],
    ['refuses', () => { throw new ApiError('LimitExceeded', 'Enough.'); }, 'LimitExceeded'],
    ['answers too little', () => ({}), 'InternalFailure'],
    ['answers the wrong type', () => ({ Fine: 1 }), 'InternalFailure'],
    ['answers nothing', () => undefined, 'InternalFailure'],
  ];

  it.each(steps.flatMap(([what, step, code]) => (['read', 'change', 'issue'] as const).map((effect) => [what, effect, step, code] as const)))(
    'that %s is undone and recorded: %s',
    async (_, effect, step, code) => {
      const events = await app.recordedBy(async () => expect(run(effect, step)).rejects.toMatchObject({ code, message: expect.not.stringContaining('secret cause') }));
      expect(events).toMatchObject([{ event_name: 'Test', outcome: 'refused', error_code: code }]);
      expect(events[0]?.text).not.toContain('secret cause');
      expect(await written()).toBe(0);
    },
  );

  it.each(['read', 'change', 'issue'] as const)('that answers more than its contract says leaks none of it: %s', async (effect) => {
    await expect(run(effect, () => ({ Fine: 'yes', Secret: 'no' }))).resolves.toEqual({ Fine: 'yes' });
  });

  it('commits durably even where the server does not by itself', async () => {
    const [{ name } = { name: '' }] = await app.sql<{ name: string }>('SELECT current_database() AS name');
    await app.sql(`ALTER DATABASE ${name} SET synchronous_commit = off`);
    try {
      await cut(app.database);
      const setting = async (): Promise<object> => run('change', async ({ tx }) => ({ Fine: (await tx?.query<{ now: string }[]>(`SELECT current_setting('synchronous_commit') AS now`))?.[0]?.now }));
      await expect(until('there are new connections', () => setting().catch(() => undefined))).resolves.toEqual({ Fine: 'on' });
    } finally {
      await app.sql(`ALTER DATABASE ${name} RESET synchronous_commit`);
    }
  });

  it('whose rows PostgreSQL refuses issues nothing', async () => {
    await expect(run('issue', ({ append: add }) => add?.(append(filler, 'nul\0')))).rejects.toMatchObject({ code: 'InternalFailure' });
    await expect(run('issue', ({ append: add }) => ({ Fine: String(add?.(append(filler, 'nul\0'))) }))).rejects.toMatchObject({ code: 'ServiceUnavailable' });
    expect(await written()).toBe(0);
  });

  it('is not reached by a call that the ledger has no room for', async () => {
    await app.running.kernel.ledger.flush();
    const held = await hold(app.database, 'audit_event');
    await asks.read();
    await untilBlocked((text) => app.sql(text), 'stint ledger');
    const row = append(filler, 'filler');
    expect(() => {
      for (;;) app.running.kernel.ledger.offer([row]);
    }).toThrow(UNAVAILABLE);
    const answers = await Promise.all([asks.read(), asks.issue(), refusal()]);
    answers.forEach(isUnavailable);
    expect((await app.send({ path: '/metrics' })).text).toMatch(/^stint_ledger_waiting [1-9]\d{3}$/m);
    await held.release();
    await app.running.kernel.ledger.flush();
    expect(await eventsOf(...answers)).toEqual([]);
  });
});
