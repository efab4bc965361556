import fc from 'fast-check';
import { Pool } from 'pg';

import { Database } from '../../src/kernel/database.js';
import { SystemClock, SystemRandom } from '../../src/kernel/effects.js';
import { Memory, Remembered } from '../../src/kernel/memory.js';
import { scratchDatabase, type ScratchDatabase } from '../support/database.js';
import { cut, until, withoutDatabase } from '../support/outage.js';
import { proxyTo } from '../support/proxy.js';

interface Thing {
  readonly value: number;
}

/** A load that the test lets finish. */
class Load {
  readonly #waiting: ((row: Thing | undefined) => void)[] = [];
  readonly #failing: ((error: Error) => void)[] = [];
  begun = 0;

  readonly begin = (): Promise<Thing | undefined> => {
    this.begun += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.push(resolve);
      this.#failing.push(reject);
    });
  };

  finish(index: number, value: number | undefined): void {
    this.#waiting[index]?.(value === undefined ? undefined : { value });
  }

  fail(index: number): void {
    this.#failing[index]?.(new Error('the load has failed'));
  }
}

describe('a remembered row', () => {
  const always = (): boolean => true;
  const of = (value: number) => (): Promise<Thing> => Promise.resolve({ value });

  it('is loaded once and then known', async () => {
    const memory = new Remembered<Thing>({ max: 10, weigh: () => 1 }, always);
    await memory.get('a', of(1));
    await expect(memory.get('a', of(2))).resolves.toEqual({ value: 1 });
    await expect(memory.get('b', of(3))).resolves.toEqual({ value: 3 });
  });

  it('is loaded again once it is forgotten', async () => {
    const memory = new Remembered<Thing>({ max: 10, weigh: () => 1 }, always);
    for (const forget of [(): void => memory.forget('a'), (): void => memory.clear()]) {
      await memory.get('a', of(1));
      forget();
      await expect(memory.get('a', of(2))).resolves.toEqual({ value: 2 });
      memory.clear();
    }
  });

  it('gives way to others when there are too many', async () => {
    const memory = new Remembered<Thing>({ max: 3, weigh: () => 1 }, always);
    for (const key of ['a', 'b', 'c', 'd']) await memory.get(key, of(1));
    const loaded: string[] = [];
    for (const key of ['d', 'c', 'b', 'a']) {
      await memory.get(key, () => {
        loaded.push(key);
        return of(2)();
      });
    }
    expect(loaded).toEqual(['a']);
  });

  it('that does not exist is remembered as well, and only so many of them', async () => {
    const memory = new Remembered<Thing>({ max: 3, weigh: () => 1 }, always);
    const load = jest.fn(() => Promise.resolve(undefined));
    for (let round = 0; round < 2; round += 1) await expect(memory.get('none', load)).resolves.toBeUndefined();
    expect(load).toHaveBeenCalledTimes(1);
    for (let key = 0; key < 2_000; key += 1) await memory.get(`other ${key}`, load);
    await memory.get('none', load);
    expect(load).toHaveBeenCalledTimes(2_002);
    memory.forget('none');
    await expect(memory.get('none', of(1))).resolves.toEqual({ value: 1 });
  });

  it('is loaded once for all who ask at the same time', async () => {
    const memory = new Remembered<Thing>({ max: 10, weigh: () => 1 }, always);
    const load = new Load();
    const asked = Array.from({ length: 20 }, () => memory.get('a', load.begin));
    load.finish(0, 1);
    expect(new Set(await Promise.all(asked))).toEqual(new Set([{ value: 1 }]));
    expect(load.begun).toBe(1);
  });

  it('that could not be loaded is asked for again', async () => {
    const memory = new Remembered<Thing>({ max: 10, weigh: () => 1 }, always);
    const load = new Load();
    const asked = [memory.get('a', load.begin), memory.get('a', load.begin)];
    load.fail(0);
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(memory.get('a', of(2))).resolves.toEqual({ value: 2 });
  });

  it.each([['one is forgotten', (memory: Remembered<Thing>) => memory.forget('a')], ['all are forgotten', (memory: Remembered<Thing>) => memory.clear()]])(
    'is not remembered from a load that began before %s',
    async (_, forget) => {
      for (const old of [1, undefined]) {
        const memory = new Remembered<Thing>({ max: 10, weigh: () => 1 }, always);
        const load = new Load();
        const before = memory.get('a', load.begin);
        forget(memory);
        // Whoever asks now must not be given the old load, nor find its row when it is done.
        const after = memory.get('a', load.begin);
        expect(load.begun).toBe(2);
        load.finish(0, old);
        await before;
        const joined = memory.get('a', load.begin);
        load.finish(1, 2);
        expect([await after, await joined, await memory.get('a', load.begin)]).toEqual([{ value: 2 }, { value: 2 }, { value: 2 }]);
        expect(load.begun).toBe(2);
      }
    },
  );

  it('is never older than the last change before it was asked for, whatever the order of things', async () => {
    const step = fc.oneof(fc.constant('get' as const), fc.constant('change' as const), fc.constant('clear' as const), fc.nat(8));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const memory = new Remembered<Thing>({ max: 2, weigh: () => 1 }, always);
        const loads: (() => void)[] = [];
        let version = 0;
        const stale: number[] = [];
        const asked: Promise<void>[] = [];
        const load = (): Promise<Thing> => {
          const seen = version;
          return new Promise((resolve) => loads.push(() => resolve({ value: seen })));
        };
        const ask = async (least: number): Promise<void> => {
          const row = await memory.get('a', load);
          if ((row?.value ?? -1) < least) stale.push(least);
        };
        for (const taken of steps) {
          if (taken === 'get') asked.push(ask(version));
          else if (taken === 'clear') memory.clear();
          else if (taken === 'change') {
            version += 1;
            memory.forget('a');
          } else loads.splice(taken, 1)[0]?.();
          await Promise.resolve();
        }
        for (const finish of loads) finish();
        await Promise.all(asked);
        expect(stale).toEqual([]);
      }),
    );
  });

  it('is neither given nor kept while nothing is believed', async () => {
    let believed = true;
    const memory = new Remembered<Thing>({ max: 10, weigh: () => 1 }, () => believed);
    await memory.get('a', of(1));
    await memory.get('none', () => Promise.resolve(undefined));
    const load = new Load();
    const early = memory.get('b', load.begin);
    believed = false;
    for (const key of ['a', 'none', 'b']) await expect(memory.get(key, of(2))).resolves.toEqual({ value: 2 });
    load.finish(0, 1);
    await early;
    await expect(memory.get('b', of(3))).resolves.toEqual({ value: 3 });
    believed = true;
    await expect(memory.get('c', of(4))).resolves.toEqual({ value: 4 });
  });
});

describe('a notice', () => {
  it('names what is forgotten as long as it fits, and says everything beyond', () => {
    const notice = (length: number): { memory: string; key: string } => ({ memory: 'thing', key: 'ä'.repeat(length) });
    const fits = Memory.encode([notice(3_700)]);
    expect(JSON.parse(fits)).toEqual({ forget: [['thing', 'ä'.repeat(3_700)]] });
    for (const text of [fits, Memory.encode([notice(3_750)]), Memory.encode(Array.from({ length: 500 }, () => notice(10)))]) {
      expect(Buffer.byteLength(text)).toBeLessThan(8_000);
    }
    expect(Memory.encode([notice(3_750)])).toBe('{"forget":"all"}');
  });
});

/** The machine's clock, which the test can make jump. */
class JumpingClock extends SystemClock {
  #jumped = 0;

  override elapsed(): number {
    return super.elapsed() + this.#jumped;
  }

  jump(milliseconds: number): void {
    this.#jumped += milliseconds;
  }
}

/** One node: its memory, its database, and things that it remembers. */
class Node {
  loads = 0;

  private constructor(
    readonly clock: JumpingClock,
    readonly memory: Memory,
    readonly database: Database,
    private readonly things: Remembered<Thing>,
  ) {}

  static async start(url: string, listenTo = url): Promise<Node> {
    const clock = new JumpingClock();
    const memory = new Memory(clock, new SystemRandom());
    const database = await Database.connect(url, { entities: [], poolSize: 2, memory });
    const node = new Node(clock, memory, database, memory.of<Thing>('thing', 100));
    await memory.listen(listenTo);
    return node;
  }

  async get(key: string): Promise<number | undefined> {
    const row = await this.things.get(key, async () => {
      this.loads += 1;
      const [found] = await this.database.read((tx) => tx.query<Thing[]>('SELECT value FROM thing WHERE key = $1', [key]));
      return found;
    });
    return row?.value;
  }

  async set(keys: readonly string[], value: number, fail = false): Promise<void> {
    await this.database.write(async (tx) => {
      await tx.query('INSERT INTO thing SELECT unnest($1::text[]), $2 ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value', [keys, value]);
      for (const key of keys) this.database.forget(tx, { memory: 'thing', key });
      if (fail) throw new Error('rolled back');
    });
  }

  /** Whether the key is answered without asking the database. */
  async knows(key: string): Promise<boolean> {
    const { loads } = this;
    await this.get(key);
    return this.loads === loads;
  }

  async stop(): Promise<void> {
    await this.memory.close();
    await this.database.close();
  }
}

describe('two nodes on one database', () => {
  let database: ScratchDatabase;
  let sql: Pool;
  let a: Node;
  let b: Node;

  beforeAll(async () => {
    database = await scratchDatabase();
    sql = new Pool({ connectionString: database.url, max: 2 });
    sql.on('error', () => undefined); // cut when its database is dropped
    await sql.query('CREATE TABLE thing (key text PRIMARY KEY, value integer)');
  });
  beforeEach(async () => {
    await sql.query('TRUNCATE thing');
    [a, b] = await Promise.all([Node.start(database.url), Node.start(database.url)]);
    await a.set(['x', 'y'], 1);
    for (const node of [a, b]) {
      await settled(node);
      expect([await node.get('x'), await node.get('y')]).toEqual([1, 1]);
    }
  });
  afterEach(() => Promise.all([a.stop(), b.stop()]));
  afterAll(async () => {
    await sql.end();
    await database.drop();
  });

  /** Waits for a notice of the test's own: those before it have come, for they keep their order. */
  async function settled(node: Node): Promise<void> {
    await node.get('nothing');
    await sql.query('SELECT pg_notify($1, $2)', [Memory.channel, Memory.encode([{ memory: 'thing', key: 'nothing' }])]);
    await until('the notice has come', async () => !(await node.knows('nothing')));
  }

  it('believe what they remember as soon as they listen', () => {
    expect([a.memory.believed, b.memory.believed]).toEqual([true, true]);
  });

  it('see a change at once where it was made, and after its notice elsewhere', async () => {
    for (let value = 2; value < 30; value += 1) {
      await a.set(['x'], value);
      expect(await a.get('x')).toBe(value);
      await until('the other node sees it', async () => (await b.get('x')) === value);
    }
    expect(await b.knows('y')).toBe(true);
  });

  it('see that something exists which did not', async () => {
    expect([await a.get('new'), await b.get('new')]).toEqual([undefined, undefined]);
    expect([await a.knows('new'), await b.knows('new')]).toEqual([true, true]);
    await a.set(['new'], 7);
    expect(await a.get('new')).toBe(7);
    await until('the other node sees it', async () => (await b.get('new')) === 7);
  });

  it('forget nothing for a change that was rolled back', async () => {
    await expect(a.set(['x'], 2, true)).rejects.toThrow('rolled back');
    for (const node of [a, b]) await settled(node);
    expect([await a.knows('x'), await b.knows('x')]).toEqual([true, true]);
  });

  it('forget everything where more is changed than a notice can name', async () => {
    await a.set(Array.from({ length: 1_000 }, (_, index) => `one of very many things ${index}`), 2);
    await until('the other node has forgotten what was not even changed', async () => !(await b.knows('x')));
    expect(await b.get('one of very many things 999')).toBe(2);
  });

  it('are not disturbed by notices that mean nothing', async () => {
    for (const text of ['', 'x', 'null', '1', '[]', '{"forget":7}', '{"forget":[1,null,["thing"],[null,"x"],["none","x"]]}', '{"node":"somebody","beat":1}', '{"node":1,"beat":{}}']) {
      await sql.query('SELECT pg_notify($1, $2)', [Memory.channel, text]);
    }
    await settled(b);
    expect([b.memory.believed, await b.knows('x')]).toEqual([true, true]);
  });

  it('believe nothing while they cannot listen, and forget everything before they believe again', async () => {
    await withoutDatabase(database, async () => {
      await until('nothing is believed', () => !a.memory.believed && !b.memory.believed);
      await expect(b.get('x')).rejects.toMatchObject({ code: 'ServiceUnavailable' });
      // A change of which no notice will ever come.
      await sql.query(`UPDATE thing SET value = 99`);
    });
    await until('it is believed again', () => a.memory.believed && b.memory.believed);
    for (const node of [a, b]) expect([await node.get('x'), await node.get('y')]).toEqual([99, 99]);
  });

  it('never show an old row, although their listeners are cut again and again', async () => {
    let value = 100;
    for (let round = 0; round < 10; round += 1) {
      const cutting = cut(database, 'stint notices');
      for (let change = 0; change < 5; change += 1) {
        value += 1;
        await a.set(['x'], value);
        expect(await a.get('x')).toBe(value);
      }
      await cutting;
      await until('the other node sees the last change', async () => (await b.get('x')) === value);
    }
  });

  it('believe nothing after a pause that was too long, until notices are proven to come again', async () => {
    b.clock.jump(1_000);
    expect(b.memory.believed).toBe(false);
    expect(await b.knows('x')).toBe(false);
    await until('a beat has come back', () => b.memory.believed);
    expect(await b.knows('x')).toBe(true);
  });
});

describe('a proxy before the database', () => {
  let database: ScratchDatabase;

  beforeAll(async () => {
    database = await scratchDatabase();
  });
  afterAll(() => database.drop());

  it('that swallows notices makes a node ask the database each time', async () => {
    let swallowed = 0;
    const proxy = await proxyTo(database.url, (type) => {
      if (type !== 'A') return 'pass';
      swallowed += 1;
      return 'swallow';
    });
    const node = await Node.start(database.url, proxy.url);
    await node.database.write((tx) => tx.query('CREATE TABLE thing AS SELECT 1 AS value, text $$x$$ AS key'));
    while (swallowed < 3) {
      expect(node.memory.believed).toBe(false);
      expect(await node.knows('x')).toBe(false);
    }
    await node.stop();
    await proxy.close();
  });

  it('that begins to swallow notices is found out, and left for a new connection', async () => {
    let connections = 0;
    let swallow = false;
    const proxy = await proxyTo(database.url, (type) => {
      if (type === 'R') connections += 1;
      return type === 'A' && swallow ? 'swallow' : 'pass';
    });
    const node = await Node.start(database.url, proxy.url);
    expect(node.memory.believed).toBe(true);
    const first = connections;
    swallow = true;
    await until('nothing is believed any more', () => !node.memory.believed);
    await until('there is a new connection', () => connections > first);
    swallow = false;
    await until('it is believed again', () => node.memory.believed);
    await node.stop();
    await proxy.close();
  });
});

describe('a memory', () => {
  it('is not made twice of one name', () => {
    const memory = new Memory(new SystemClock(), new SystemRandom());
    memory.of('thing', 1);
    expect(() => memory.of('thing', 1)).toThrow('two memories');
  });

  it('that never listened believes nothing', () => {
    expect(new Memory(new SystemClock(), new SystemRandom()).believed).toBe(false);
  });

  it('that is closed while it connects leaves no connection', async () => {
    const database = await scratchDatabase();
    const sql = new Pool({ connectionString: database.url, max: 1 });
    sql.on('error', () => undefined); // cut when its database is dropped
    for (let round = 0; round < 5; round += 1) {
      const memory = new Memory(new SystemClock(), new SystemRandom());
      const listening = memory.listen(database.url);
      await sql.query('SELECT 1');
      await memory.close();
      await listening;
    }
    await until('every connection is gone', async () => (await sql.query(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'stint notices'`)).rows.length === 0);
    await sql.end();
    await database.drop();
  });
});
