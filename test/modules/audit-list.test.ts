import { TestApp, type AuditEvent, type Keys } from '../support/app.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';

interface Listed {
  readonly eventId: string;
  readonly transactionId: string;
  readonly digest: string;
  readonly record: AuditEvent['record'];
}
type Row = AuditEvent & { readonly event_id: string; readonly txid: string; readonly occurred_at: Date; readonly event_source: string; readonly principal_arn: string; readonly principal_id: string; readonly access_key_id: string };

const STS = { Version: '2011-06-15' };
const IAM = { Version: '2010-05-08' };

let app: TestApp;
let world: World;
let guest: World;
let bob: User;
let deploy: Role;
let session: Keys;
/** Everything recorded before a test listed anything. */
let recorded: Row[];

const list = (keys: Keys, query: Record<string, string> = {}): ReturnType<TestApp['rest']> => app.rest(keys, `GET /v1/audit/events?${new URLSearchParams(query).toString()}`);

/** Every event of a listing, through all of its pages; `between` runs before each further page. */
async function all(keys: Keys, query: Record<string, string>, between?: () => Promise<unknown>): Promise<Listed[]> {
  const listed: Listed[] = [];
  for (let marker: string | undefined, pages = 0; pages < 200; pages += 1) {
    const { status, body } = await list(keys, { ...query, ...(marker === undefined ? {} : { marker }) });
    expect([status, body]).toEqual([200, expect.anything()]);
    const page = body as unknown as { events: Listed[]; isTruncated: boolean; marker?: string };
    listed.push(...page.events);
    expect(page.isTruncated).toBe(page.marker !== undefined);
    if (page.marker === undefined) return listed;
    ({ marker } = page);
    await between?.();
  }
  throw new Error('the listing never ends');
}

beforeAll(async () => {
  app = await TestApp.boot();
  world = new World(app);
  guest = await world.account('guest');
  bob = await world.user('bob', allows(['iam:*', 'sts:*']));
  app.clock.advance(60);
  deploy = await world.role('deploy', trusts(bob.arn));
  session = await world.session(bob, deploy, 'ci');
  app.clock.advance(60);
  const visitor = await guest.user('visitor', allows('sts:AssumeRole'));
  await guest.session(visitor, await world.role('open', trusts(visitor.arn)), 'visit');
  app.clock.advance(60);
  for (const keys of [app.root, bob, session, guest.root]) {
    await app.query(keys, { ...STS, Action: 'GetCallerIdentity' });
    await app.query(keys, { ...IAM, Action: 'ListUsers' });
    await app.query(keys, { ...IAM, Action: 'GetUser', UserName: 'nobody' });
  }
  app.clock.advance(60);
  recorded = (await app.events()) as Row[];
});
afterAll(() => app.close());

describe('listing audit events', () => {
  it('shows each event with its digest, its transaction and its record, newest first', async () => {
    const expected = recorded.filter((row) => row.account_id === app.root.account);
    const known = new Map(expected.map((row) => [row.event_id, row]));
    const listed = (await all(app.root, { maxItems: '1000' })).filter((event) => known.has(event.eventId));
    expect(listed).toHaveLength(expected.length);
    for (const event of listed) {
      const row = known.get(event.eventId);
      expect(event).toEqual({ eventId: row?.event_id, transactionId: row?.txid, digest: row?.digest.toString('hex'), record: row?.record });
    }
    const times = listed.map((event) => String(event.record['eventTime']));
    expect(times).toEqual([...times].sort().reverse());
  });

  it('shows the transaction that also made the change', async () => {
    const [user] = await app.sql<{ xmin: string }>(`SELECT xmin::text FROM iam_user WHERE user_name = 'bob'`);
    const [event] = (await all(app.root, { action: 'iam:CreateUser' })).filter(({ record }) => (record['requestParameters'] as { userName?: string } | null)?.userName === 'bob');
    expect(BigInt(event?.transactionId ?? '') % 2n ** 32n).toBe(BigInt(user?.xmin ?? ''));
  });

  const minute = (count: number): string => new Date(Date.parse('2026-11-25T10:00:00.500Z') + count * 60_000).toISOString();
  const filters: [what: string, query: () => Record<string, string>, fits: (row: Row) => boolean][] = [
    ['from a time on', () => ({ startTime: minute(2) }), (row) => row.occurred_at >= new Date(minute(2))],
    ['before a time', () => ({ endTime: minute(2) }), (row) => row.occurred_at < new Date(minute(2))],
    ['between two times in another zone', () => ({ startTime: '2026-11-25T11:01:00.500+01:00', endTime: '2026-11-25T05:03:00.500-05:00' }), (row) => row.occurred_at >= new Date(minute(1)) && row.occurred_at < new Date(minute(3))],
    ['of a principal by ARN', () => ({ principal: bob.arn }), (row) => row.principal_arn === bob.arn],
    ['of a principal by unique id', () => ({ principal: bob.id }), (row) => row.principal_id === bob.id],
    ['of a session by its id', () => ({ principal: `${deploy.id}:ci` }), (row) => row.principal_id === `${deploy.id}:ci`],
    ['of all sessions of a role', () => ({ principal: deploy.id }), (row) => row.principal_id.startsWith(`${deploy.id}:`)],
    ['of an action', () => ({ action: 'AssumeRole' }), (row) => row.event_name === 'AssumeRole'],
    ['of an action of a service', () => ({ action: 'sts:GetCallerIdentity' }), (row) => row.event_name === 'GetCallerIdentity'],
    ['of an action of Stint', () => ({ action: 'stint:CreateAccount' }), (row) => row.event_name === 'CreateAccount'],
    ['of an action that the service does not have', () => ({ action: 'iam:GetCallerIdentity' }), () => false],
    ['that succeeded', () => ({ outcome: 'success' }), (row) => row.outcome === 'success'],
    ['that were refused', () => ({ outcome: 'refused' }), (row) => row.outcome === 'refused'],
    ['of an access key', () => ({ accessKeyId: session.accessKeyId }), (row) => row.access_key_id === session.accessKeyId],
    ['that fit several filters', () => ({ principal: bob.arn, outcome: 'refused', action: 'GetUser', startTime: minute(3) }), (row) => row.principal_arn === bob.arn && row.outcome === 'refused' && row.event_name === 'GetUser'],
    ['of nobody', () => ({ principal: 'arn:aws:iam::111111111111:user/bob' }), () => false],
  ];

  it.each(filters)('finds exactly the events %s', async (_, query, fits) => {
    for (const keys of [app.root, guest.root]) {
      const expected = recorded.filter((row) => row.account_id === keys.account && fits(row)).map((row) => row.event_id);
      const own = new Set(recorded.map((row) => row.event_id));
      for (const maxItems of ['1000', '3']) {
        const listed = (await all(keys, { ...query(), maxItems })).map((event) => event.eventId).filter((id) => own.has(id));
        expect(listed.sort()).toEqual([...expected].sort());
      }
    }
  });

  it('shows no account anything of another', async () => {
    for (const keys of [app.root, guest.root]) {
      const ids = new Set(((await app.events()) as Row[]).filter((row) => row.account_id !== keys.account).map((row) => row.event_id));
      expect((await all(keys, {})).filter((event) => ids.has(event.eventId) || event.record['recipientAccountId'] !== keys.account)).toEqual([]);
    }
  });

  it.each([['while the clock stands still', 0], ['while time goes on', 1]])('shows every event once although new ones come, %s', async (_, seconds) => {
    const before = ((await app.events()) as Row[]).filter((row) => row.account_id === app.root.account).map((row) => row.event_id);
    const listed = await all(app.root, { maxItems: '7' }, async () => {
      app.clock.advance(seconds);
      await Promise.all([1, 2, 3].map(() => app.query(bob, { ...STS, Action: 'GetCallerIdentity' })));
      await app.events();
    });
    const ids = listed.map((event) => event.eventId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(before.filter((id) => !ids.includes(id))).toEqual([]);
  });

  it('is allowed only to those who may', async () => {
    const events = await app.recordedBy(async () => expect(await list(session)).toMatchObject({ status: 403, body: { code: 'AccessDenied' } }));
    expect(events).toMatchObject([{ event_name: 'ListAuditEvents', outcome: 'refused', error_code: 'AccessDenied' }]);
  });

  const marker = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const id = '11111111-1111-4111-8111-111111111111';
  const wrong: [what: string, query: Record<string, string>][] = [
    ['a marker that is no base64url', { marker: '!!' }],
    ['a marker that is no JSON', { marker: 'abcd' }],
    ['a marker with one part', { marker: marker(['2026-11-25T10:00:00.000Z']) }],
    ['a marker with a number', { marker: marker([1, id]) }],
    ['a marker whose time only JavaScript reads', { marker: marker(['1', id]) }],
    ['a marker whose time is none', { marker: marker(['yesterday', id]) }],
    ['a marker whose time is spelled otherwise', { marker: marker(['2026-11-25T10:00:00Z', id]) }],
    ['a marker before all calendars', { marker: marker(['-271821-04-20T00:00:00.000Z', id]) }],
    ['a marker whose id is none', { marker: marker(['2026-11-25T10:00:00.000Z', 'x']) }],
    ['a marker that is spelled otherwise', { marker: `${marker(['2026-11-25T10:00:00.000Z', id])}=` }],
    ['no number of items', { maxItems: 'many' }],
    ['no items', { maxItems: '0' }],
    ['too many items', { maxItems: '1001' }],
    ['a time without zone', { startTime: '2026-11-25T10:00:00' }],
    ['a date', { startTime: '2026-11-25' }],
    ['a day that does not exist', { endTime: '2026-02-30T00:00:00Z' }],
    ['a word for a time', { endTime: 'now' }],
    ['an unknown outcome', { outcome: 'unknown' }],
    ['an action that is none', { action: 's3:GetObject' }],
    ['a short access key', { accessKeyId: 'AKIA' }],
    ['a NUL byte in a principal', { principal: 'a\0b' }],
    ['an unknown filter', { resource: 'x' }],
  ];

  it.each(wrong)('refuses %s', async (_, query) => {
    const events = await app.recordedBy(async () => expect(await list(app.root, query)).toMatchObject({ status: 400, body: { code: 'ValidationError' } }));
    expect(events).toMatchObject([{ event_name: 'ListAuditEvents', outcome: 'refused' }]);
  });

  it.each([
    ['the year 0', { startTime: '0000-01-01T00:00:00+23:59', maxItems: '1' }, 1],
    ['the year 9999', { startTime: '9999-12-31T23:59:59.999Z' }, 0],
    ['an end before the start', { startTime: '2026-11-25T11:00:00Z', endTime: '2026-11-25T10:00:00Z' }, 0],
    ['a marker of the year 0', { marker: marker(['0000-01-01T00:00:00.000Z', id]) }, 0],
    ['a marker of the last page', { marker: marker(['1970-01-01T00:00:00.000Z', id]) }, 0],
  ])('takes %s', async (_, query, count) => {
    const { status, body } = await list(app.root, query);
    expect([status, (body as unknown as { events: unknown[] }).events.length]).toEqual([200, count]);
  });
});
