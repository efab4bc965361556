import { Pool } from 'pg';

import { ApiError } from '../../src/domain/errors.js';
import { append, Ledger, type Append, type AppendTable } from '../../src/kernel/ledger.js';
import { scratchDatabase, type ScratchDatabase } from '../support/database.js';
import { cut, hold, until, untilBlocked, withoutDatabase } from '../support/outage.js';
import { proxyTo } from '../support/proxy.js';

interface Entry {
  readonly id: string;
  readonly size: number;
}

const columns = (size: (row: Entry) => unknown): AppendTable<Entry>['columns'] => [
  { name: 'id', type: 'text', of: (row) => row.id },
  { name: 'size', type: 'integer', of: size },
];
/** A table whose rows may be written twice, as events of reads may. */
const event: AppendTable<Entry> = { name: 'event', idempotentBy: 'id', columns: columns((row) => row.size) };
/** A table in which a row that is there already is refused, as sessions are. */
const ticket: AppendTable<Entry> = { name: 'ticket', columns: columns((row) => row.size) };

const anEvent = (id: string, size = 1): Append => append(event, { id, size });
const aTicket = (id: string, size = 1): Append => append(ticket, { id, size });
const names = (count: number, prefix: string): string[] => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

let database: ScratchDatabase;
let connection: Pool;
const ledgers: Ledger[] = [];

const rowsOf = async <R extends object>(text: string, values: unknown[] = []): Promise<R[]> => (await connection.query<R>(text, values)).rows;
const idsIn = async (table: string): Promise<string[]> => (await rowsOf<{ id: string }>(`SELECT id FROM ${table} ORDER BY id COLLATE "C"`)).map((row) => row.id);
const has = async (table: string, id: string): Promise<boolean> => (await rowsOf(`SELECT 1 FROM ${table} WHERE id = $1`, [id])).length === 1;

function open(url = database.url): Ledger {
  const ledger = new Ledger(url);
  ledgers.push(ledger);
  return ledger;
}

/** The SQLSTATE behind the refusal of a commit; undefined where it was not refused. */
async function refusalOf(committed: Promise<void>): Promise<unknown> {
  try {
    await committed;
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: 'ServiceUnavailable' });
    return ((error as ApiError).cause as { code?: unknown } | undefined)?.code ?? 'unknown';
  }
}

beforeAll(async () => {
  database = await scratchDatabase();
  connection = new Pool({ connectionString: database.url, max: 8 });
  // At the end the database is dropped with whatever the pool has not closed yet; that is not an error of a test.
  connection.on('error', () => undefined);
  await connection.query(`
    CREATE TABLE event (id text PRIMARY KEY, size integer CHECK (size < 100), durable text DEFAULT current_setting('synchronous_commit'));
    CREATE TABLE ticket (id text PRIMARY KEY, size integer CHECK (size < 100))`);
});

afterEach(async () => {
  await Promise.all(ledgers.splice(0).map((ledger) => ledger.close()));
  await connection.query('TRUNCATE event, ticket');
});

afterAll(async () => {
  await connection.end();
  await database.drop();
});

describe('a commit', () => {
  it('has its rows in the database when it resolves, however many come together', async () => {
    const ledger = open();
    const missing: string[] = [];
    await Promise.all(
      names(1_500, 'c').map(async (id) => {
        await ledger.commit([anEvent(id), aTicket(id)]);
        if (!(await has('event', id)) || !(await has('ticket', id))) missing.push(id);
      }),
    );
    expect(missing).toEqual([]);
    expect(await idsIn('event')).toHaveLength(1_500);
  });

  it('shares its transaction with those that wait beside it', async () => {
    const ledger = open();
    await Promise.all(names(1_000, 'g').map((id) => ledger.commit([anEvent(id)])));
    const [row] = await rowsOf<{ transactions: string }>('SELECT count(DISTINCT xmin::text) AS transactions FROM event');
    expect(Number(row?.transactions)).toBeLessThan(10);
  });

  it('is durable even where the server commits asynchronously', async () => {
    const url = `${database.url}${database.url.includes('?') ? '&' : '?'}options=${encodeURIComponent('-c synchronous_commit=off')}`;
    await open(url).commit([anEvent('durable')]);
    expect(await rowsOf('SELECT durable FROM event')).toEqual([{ durable: 'on' }]);
  });

  it('of nothing is done at once', async () => {
    const ledger = open();
    await ledger.commit([]);
    ledger.offer([]);
    expect(ledger.waiting).toBe(0);
  });
});

describe('a row that PostgreSQL refuses', () => {
  const refused: [what: string, rows: Append[], state: string][] = [
    ['a NUL byte', [anEvent('nul\0')], '22021'],
    ['a number out of range', [anEvent('range', 2 ** 40)], '22003'],
    ['a violated check', [anEvent('check', 100)], '23514'],
    ['a key that is taken', [aTicket('taken')], '23505'],
    ['a second row of the same entry', [anEvent('whole'), aTicket('taken')], '23505'],
  ];

  it.each(refused)('refuses its own entry and no other: %s', async (_, rows, state) => {
    const ledger = open();
    await ledger.commit([aTicket('taken')]);
    const others = names(20, 'other');
    const commits = others.map((id) => ledger.commit([anEvent(id), aTicket(id)]));
    const [outcome] = await Promise.all([refusalOf(ledger.commit(rows)), ...commits, ledger.commit([anEvent('zz-last')])]);
    expect(outcome).toBe(state);
    expect(await idsIn('event')).toEqual([...others, 'zz-last'].sort());
    expect(await idsIn('ticket')).toEqual([...others, 'taken'].sort());
  });

  it('is counted as lost where nobody waits for it, and takes no other with it', async () => {
    const ledger = open();
    ledger.offer([anEvent('fine')]);
    ledger.offer([anEvent('check', 100)]);
    await ledger.commit([anEvent('waited for')]);
    await ledger.flush();
    expect(ledger.lost).toBe(1);
    expect(await idsIn('event')).toEqual(['fine', 'waited for']);
  });

  it('does not hold up who commits again at that moment', async () => {
    const ledger = open();
    const again = ledger.commit([anEvent('check', 100)]).catch(() => ledger.commit([anEvent('again')]));
    await Promise.all([ledger.commit([anEvent('beside')]), again]);
    const after = ledger.commit([anEvent('first')]).then(() => ledger.commit([anEvent('second')]));
    await Promise.all([after, refusalOf(ledger.commit([anEvent('check', 100)]))]);
    expect(await idsIn('event')).toEqual(['again', 'beside', 'first', 'second']);
  });

  it('fails where it is made when its values cannot be made', () => {
    const broken: AppendTable<Entry> = { ...event, columns: columns(() => new Date(NaN).toISOString()) };
    expect(() => append(broken, { id: 'x', size: 1 })).toThrow(RangeError);
  });
});

describe('a lost connection', () => {
  it('refuses those in flight, writes none of them, and is mended by the next commit', async () => {
    const ledger = open();
    await ledger.commit([anEvent('before')]);
    const held = await hold(database, 'event');
    const inFlight = names(5, 'flight').map((id) => refusalOf(ledger.commit([anEvent(id)])));
    await untilBlocked(rowsOf, 'stint ledger');
    const behind = refusalOf(ledger.commit([anEvent('behind')]));
    await cut(database, 'stint ledger');
    expect(await Promise.all(inFlight)).toEqual(names(5, 'flight').map(() => '57P01'));
    expect(await behind).toBe('57P01');
    await held.release();
    await ledger.commit([anEvent('after')]);
    expect(await idsIn('event')).toEqual(['after', 'before']);
  });

  it('never resolves a commit that is not there, however often it happens', async () => {
    const ledger = open();
    let cutting = true;
    const cutter = (async () => {
      for (let cuts = 0; cuts < 15; cuts += 1) await cut(database, 'stint ledger');
      cutting = false;
    })();
    const resolved: string[] = [];
    const worker = async (name: string): Promise<void> => {
      for (let round = 0; cutting || round < 3; round += 1) {
        const id = `${name}-${round}`;
        if ((await refusalOf(ledger.commit([anEvent(id), aTicket(id)]))) === undefined) resolved.push(id);
      }
    };
    await Promise.all([cutter, ...names(16, 'w').map(worker)]);
    await until('the ledger commits again', async () => (await refusalOf(ledger.commit([anEvent('end')]))) === undefined);
    const [events, tickets] = [new Set(await idsIn('event')), new Set(await idsIn('ticket'))];
    expect(resolved.filter((id) => !events.has(id) || !tickets.has(id))).toEqual([]);
    expect([...tickets].filter((id) => !events.has(id))).toEqual([]);
    expect(resolved.length).toBeGreaterThan(0);
  });

  it('while idle is not noticed by anybody', async () => {
    const ledger = open();
    await ledger.commit([anEvent('one')]);
    await cut(database, 'stint ledger');
    await until('the connection is gone', async () => (await rowsOf(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'stint ledger'`)).length === 0);
    await until('the ledger commits again', async () => (await refusalOf(ledger.commit([anEvent('two')]))) === undefined);
  });

  it('with an unknown outcome writes what nobody waits for exactly once, and refuses who waits', async () => {
    let cutNext = false;
    const proxy = await proxyTo(database.url, (type, content) => {
      // The server says that the rows are in, and the client never hears it.
      if (!cutNext || type !== 'C' || !content.toString('latin1').startsWith('INSERT')) return 'pass';
      cutNext = false;
      return 'cut';
    });
    const ledger = open(proxy.url);
    await ledger.commit([anEvent('before')]);
    cutNext = true;
    ledger.offer([anEvent('offered')]);
    const waited = refusalOf(ledger.commit([anEvent('waited for')]));
    expect(await waited).toBe('unknown');
    await until('the offered row is written, and the one that was waited for as well', async () => (await idsIn('event')).length === 3);
    await ledger.flush();
    expect(cutNext).toBe(false);
    expect(await idsIn('event')).toEqual(['before', 'offered', 'waited for']);
    expect([ledger.waiting, ledger.lost]).toEqual([0, 0]);
    await ledger.close();
    await proxy.close();
  });
});

describe('a database that lets nobody in', () => {
  it('refuses at once who waits, and writes what was offered when it is back', async () => {
    const ledger = open();
    await ledger.commit([anEvent('before')]);
    await withoutDatabase(database, async () => {
      ledger.offer([anEvent('offered-1')]);
      for (const id of names(3, 'refused')) expect(await refusalOf(ledger.commit([anEvent(id)]))).toBeDefined();
      ledger.offer([anEvent('offered-2')]);
      expect(ledger.waiting).toBe(2);
    });
    await until('the offered rows are written', async () => (await idsIn('event')).length === 3);
    expect(await idsIn('event')).toEqual(['before', 'offered-1', 'offered-2']);
    await ledger.commit([anEvent('then')]);
  });

  it('does not hold up who commits again at the moment of a refusal', async () => {
    const ledger = open();
    const again = await withoutDatabase(database, async () => {
      const attempts: unknown[] = [];
      await ledger.commit([anEvent('x')]).catch(() => ledger.commit([anEvent('y')]).catch(async () => attempts.push(await refusalOf(ledger.commit([anEvent('z')])))));
      return attempts;
    });
    expect(again).toHaveLength(1);
  });

  it('counts as lost what could not be written before the end', async () => {
    const ledger = open();
    await withoutDatabase(database, async () => {
      ledger.offer([anEvent('late')]);
      await ledger.close();
    });
    expect([ledger.waiting, ledger.lost]).toEqual([0, 1]);
  });
});

describe('a full ledger', () => {
  it('refuses before anything was done, and takes more when there is room', async () => {
    const ledger = open();
    await ledger.commit([anEvent('before')]);
    const held = await hold(database, 'event');
    ledger.offer([anEvent('first')]);
    await untilBlocked(rowsOf, 'stint ledger');
    const taken: string[] = [];
    const fill = (): void => {
      for (const id of names(20_000, 'filler')) {
        ledger.offer([anEvent(id)]);
        taken.push(id);
      }
    };
    expect(fill).toThrow('The service is temporarily unable');
    expect(taken).toHaveLength(ledger.waiting);
    expect(await refusalOf(ledger.commit([anEvent('refused')]))).toBeDefined();
    await held.release();
    await ledger.flush();
    await ledger.commit([anEvent('after')]);
    expect(await idsIn('event')).toEqual(['after', 'before', 'first', ...taken].sort());
  });
});

describe('closing', () => {
  it('writes what is left and takes nothing more', async () => {
    const ledger = open();
    for (const id of names(1_200, 'left')) ledger.offer([anEvent(id)]);
    const commits = names(10, 'waited').map((id) => refusalOf(ledger.commit([anEvent(id)])));
    await ledger.close();
    expect(await Promise.all(commits)).toEqual(commits.map(() => undefined));
    expect(await idsIn('event')).toHaveLength(1_210);
    expect(await refusalOf(ledger.commit([anEvent('late')]))).toBeDefined();
    expect(() => ledger.offer([anEvent('late')])).toThrow('The service is temporarily unable');
    expect(await idsIn('event')).toHaveLength(1_210);
  });
});
