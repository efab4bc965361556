import { Pool } from 'pg';

import { NONCE_BYTES, SEALING_KEY_BYTES } from '../../src/domain/aead.js';
import { MasterKey } from '../../src/domain/envelope.js';
import { Secret } from '../../src/domain/secret.js';
import { Database } from '../../src/kernel/database.js';
import { SystemClock, SystemRandom } from '../../src/kernel/effects.js';
import { Keyring } from '../../src/kernel/keyring.js';
import { Memory } from '../../src/kernel/memory.js';
import { StartupError } from '../../src/kernel/startup-error.js';
import { MASTER_KEY, TestApp, type Answer, type Keys } from '../support/app.js';
import { call } from '../support/calls.js';
import { scratchDatabase, type ScratchDatabase } from '../support/database.js';
import { metadata, privateKey } from '../support/identity-providers.js';
import { allows, trusts, World } from '../support/world.js';

const master = MasterKey.parse(MASTER_KEY);
const other = MasterKey.parse(Buffer.alloc(32, 7).toString('base64'));
const random = new SystemRandom();

/** A clock whose ages stand still until they are moved. */
class HeldClock extends SystemClock {
  #elapsed = 1_000_000;

  override elapsed(): number {
    return this.#elapsed;
  }

  advance(milliseconds: number): void {
    this.#elapsed += milliseconds;
  }
}

/** What another node writes that begins a new key. */
async function addRingKey(sql: (text: string, values: unknown[]) => Promise<unknown>, id: number, more: { key?: MasterKey; context?: string } = {}): Promise<void> {
  const sealed = (more.key ?? master).seal(random.bytes(SEALING_KEY_BYTES), more.context ?? `ring_key:${id}`, random.bytes(NONCE_BYTES));
  await sql('INSERT INTO ring_key VALUES ($1, $2, now())', [id, sealed]);
}

describe('the ring of a deployment', () => {
  let database: ScratchDatabase;
  let pool: Pool;
  const opened: Database[] = [];
  const sql = (text: string, values: unknown[] = []): Promise<unknown> => pool.query(text, values);

  async function load(key = master, clock = new HeldClock()): Promise<Keyring> {
    const connected = await Database.connect(database.url, { entities: [], poolSize: 2, memory: new Memory(clock, random) });
    opened.push(connected);
    return Keyring.load(connected, key, { clock, random });
  }

  beforeEach(async () => {
    database = await scratchDatabase();
    pool = new Pool({ connectionString: database.url, max: 1 });
    pool.on('error', () => undefined); // cut when its database is dropped
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((each) => each.close()));
    await pool.end();
    await database.drop();
  });

  it('has one key, on which all nodes agree that start together', async () => {
    const rings = await Promise.all(Array.from({ length: 5 }, () => load()));
    const nonce = random.bytes(NONCE_BYTES);
    const sealed = rings.map((ring) => Buffer.from(ring.current.key.seal(nonce, Buffer.from('text'), Buffer.alloc(0))).toString('hex'));
    expect(new Set(sealed).size).toBe(1);
    expect((await pool.query('SELECT key_id FROM ring_key')).rows).toEqual([{ key_id: 1 }]);
  });

  it('is the same after the next start', async () => {
    const nonce = random.bytes(NONCE_BYTES);
    const [first, second] = [await load(), await load()].map((ring) => Buffer.from(ring.current.key.seal(nonce, Buffer.from('text'), Buffer.alloc(0))));
    expect(first).toEqual(second);
  });

  const unopenable: [what: string, prepare: () => Promise<void>, key: MasterKey][] = [
    ['another master key', async () => { await load(); }, other],
    ['a key that was moved to another number', () => addRingKey(sql, 1, { context: 'ring_key:2' }), master],
    ['a key with a changed byte', async () => {
      await load();
      await sql('UPDATE ring_key SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)');
    }, master],
    ['something else in its place', async () => { await sql(`INSERT INTO ring_key VALUES (1, 'x', now())`); }, master],
  ];

  it.each(unopenable)('is refused in one line of advice with %s', async (_, prepare, key) => {
    await prepare();
    const refused: unknown = await load(key).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StartupError);
    expect((refused as Error).message).toMatch(/^The master key \([0-9a-f]{8}\) does not open the keys in this database: use the STINT_MASTER_KEY [^\n]*\.$/);
  });

  it('finds the key that another node has added, and seals with the newest', async () => {
    const clock = new HeldClock();
    const ring = await load(master, clock);
    await addRingKey(sql, 2);
    expect(ring.byId(2)).toBeUndefined();
    await ring.refresh();
    expect([ring.byId(2)?.id, ring.byId(1)?.id, ring.current.id]).toEqual([2, 1, 2]);
  });

  it('is looked at again at most once a second, however many ask', async () => {
    const clock = new HeldClock();
    const ring = await load(master, clock);
    await Promise.all(Array.from({ length: 50 }, () => ring.refresh()));
    await addRingKey(sql, 2);
    clock.advance(999);
    await Promise.all(Array.from({ length: 50 }, () => ring.refresh()));
    expect(ring.byId(2)).toBeUndefined();
    clock.advance(1);
    await ring.refresh();
    expect(ring.byId(2)?.id).toBe(2);
  });
});

describe('sealed secrets', () => {
  let app: TestApp;
  let world: World;
  const ask = (node: TestApp, keys: Keys): Promise<Answer> => node.query(keys, { Action: 'GetCallerIdentity', Version: '2011-06-15' });

  beforeAll(async () => {
    app = await TestApp.boot();
    world = new World(app);
  });
  afterAll(() => app.close());

  it('in the token of a session open on every node, whatever key of the ring it was sealed with', async () => {
    const user = await world.user('bob');
    const role = await world.role('deploy', trusts(user.arn), { policy: allows('*') });
    const sessions = [await world.session(user, role)];
    // The second node begins with a key that the first has not seen yet.
    await addRingKey((text, values) => app.sql(text, values), 2);
    const beside = await TestApp.boot({ beside: app });
    sessions.push(await new World(beside).session(user, role));
    for (const session of sessions) {
      for (const node of [beside, app]) expect((await ask(node, session)).status).toBe(200);
    }
    await beside.close();
  });

  it('of access keys lie enveloped', async () => {
    const user = await world.user('enveloped');
    const [row] = await app.sql<{ secret: Buffer }>('SELECT secret FROM access_key WHERE access_key_id = $1', [user.accessKeyId]);
    expect(row?.secret.includes(user.secretAccessKey)).toBe(false);
    expect(app.running.kernel.keyring.openAccessKey(user.accessKeyId, row!.secret).reveal()).toBe(user.secretAccessKey);
    const again = app.running.kernel.keyring.sealAccessKey(user.accessKeyId, Secret.of(user.secretAccessKey));
    expect(again).not.toEqual(row?.secret);
  });

  it('of SAML providers lie enveloped, and open under their own ids only', async () => {
    const pem = privateKey();
    const { keyring } = app.running.kernel;
    const made = await call(app, 'query', { operation: 'CreateSAMLProvider', keys: app.root, input: { Name: 'enveloped', SAMLMetadataDocument: metadata(), AddPrivateKey: pem } });
    expect(made.code).toBeUndefined();
    const [row] = await app.sql<{ key_id: string; sealed: Buffer }>('SELECT key_id, sealed FROM saml_private_key');
    expect(row?.sealed.includes(pem.slice(40, 80))).toBe(false);
    expect(keyring.openSamlKey(row!.key_id, row!.sealed).reveal()).toBe(pem);
    expect(keyring.sealSamlKey(row!.key_id, Secret.of(pem))).not.toEqual(row?.sealed);
    expect(() => keyring.openSamlKey(`SKEY${'A'.repeat(20)}`, row!.sealed)).toThrow(/does not open with the master key$/);
    expect(() => keyring.openSamlKey(row!.key_id, keyring.sealAccessKey(row!.key_id, Secret.of(pem)))).toThrow(/does not open with the master key$/);
  });

  const tampering: [what: string, statement: string][] = [
    ['two rows exchange them', `UPDATE access_key k SET secret = o.secret FROM access_key o WHERE k.access_key_id = ANY($1) AND o.access_key_id = ANY($1) AND k.access_key_id <> o.access_key_id`],
    ['a byte of them is changed', `UPDATE access_key SET secret = set_byte(secret, 35, get_byte(secret, 35) # 1) WHERE access_key_id = ANY($1)`],
    ['they are replaced by plain text', `UPDATE access_key SET secret = 'secret' WHERE access_key_id = ANY($1)`],
  ];

  it.each(tampering)('of access keys open no more when %s', async (what, statement) => {
    const suffix = String(tampering.findIndex(([known]) => known === what));
    const [a, b] = [await world.user(`a${suffix}`), await world.user(`b${suffix}`)];
    await app.sql(statement, [[a.accessKeyId, b.accessKeyId]]);
    // A node that remembers neither of them.
    const beside = await TestApp.boot({ beside: app });
    for (const keys of [a, b, { ...a, secretAccessKey: b.secretAccessKey }, { ...b, secretAccessKey: a.secretAccessKey }, { ...a, secretAccessKey: 'secret' }]) {
      const answer = await ask(beside, keys);
      expect([answer.status, /<Code>(.*?)<\/Code>/.exec(answer.text)?.[1]]).toEqual([500, 'InternalFailure']);
      expect(answer.text).not.toMatch(/envelope|master|access key/);
    }
    expect(beside.lines.join('')).toContain('does not open with the master key');
    await beside.close();
  });
});
