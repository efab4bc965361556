import { createHash } from 'node:crypto';

import { start, type Running } from '../../src/app.js';
import { MasterKey } from '../../src/domain/envelope.js';
import type { Bootstrapped } from '../../src/identities/bootstrap.js';
import { loadConfig } from '../../src/kernel/config.js';
import { openLog } from '../../src/kernel/log.js';
import { MASTER_KEY, TestApp, type Keys } from '../support/app.js';
import { scratchDatabase, type ScratchDatabase } from '../support/database.js';
import { allows, trusts, World } from '../support/world.js';

describe('the first start', () => {
  let database: ScratchDatabase;
  const running: Running[] = [];

  /** A node with true randomness, and what it was given to keep. */
  async function node(env: Record<string, string> = {}, keep: (key: Bootstrapped) => void = () => undefined): Promise<{ running: Running; kept: Bootstrapped[] }> {
    const kept: Bootstrapped[] = [];
    const started = await start(loadConfig({ STINT_PORT: '0', DATABASE_URL: 'postgres://unused', STINT_MASTER_KEY: MASTER_KEY, STINT_DATABASE_POOL_SIZE: '2', ...env }), {
      databaseUrl: database.url,
      masterKey: MasterKey.parse(MASTER_KEY),
      keepRootKey: (key) => {
        keep(key);
        kept.push(key);
      },
      log: openLog('silent'),
    });
    running.push(started);
    return { running: started, kept };
  }

  beforeEach(async () => {
    database = await scratchDatabase();
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.close()));
    await database.drop();
  });

  it('makes up what is not given, once for all nodes that start together', async () => {
    const nodes = await Promise.all([node(), node(), node()]);
    const kept = nodes.flatMap((each) => each.kept);
    expect(kept).toHaveLength(1);
    expect(nodes.map((each) => each.running.bootstrapped).filter((each) => each !== undefined)).toEqual(kept);
    expect(kept[0]).toMatchObject({ accountId: expect.stringMatching(/^[1-9]\d{11}$/), accessKeyId: expect.stringMatching(/^AKIA[A-Z2-7]{16}$/) });
    expect(kept[0]?.secretAccessKey.reveal()).toMatch(/^[\w+/]{40}$/);
    const again = await node();
    expect([again.kept, again.running.bootstrapped]).toEqual([[], undefined]);
  });

  it('makes nothing where the key could not be kept, and is made up for by the next', async () => {
    await expect(node({}, () => { throw new Error('the disk is full'); })).rejects.toThrow('the disk is full');
    const { kept } = await node();
    expect(kept).toHaveLength(1);
  });

  it('never makes the same twice', async () => {
    const { kept } = await node();
    await database.drop();
    await Promise.all(running.splice(0).map((each) => each.close()));
    database = await scratchDatabase();
    const second = await node();
    for (const member of ['accountId', 'accessKeyId'] as const) expect(kept[0]?.[member]).not.toBe(second.kept[0]?.[member]);
    expect(kept[0]?.secretAccessKey.reveal()).not.toBe(second.kept[0]?.secretAccessKey.reveal());
  });
});

describe('the management account', () => {
  const given = { STINT_BOOTSTRAP_ACCOUNT_ID: '000000000007', STINT_BOOTSTRAP_ACCESS_KEY_ID: 'AKIAGIVEN00000000000', STINT_BOOTSTRAP_SECRET_ACCESS_KEY: 'a secret that was given to it' };
  let app: TestApp;
  let world: World;
  const identity = (node: TestApp, keys: Keys): ReturnType<TestApp['rest']> => node.rest(keys, 'GET /v1/caller-identity');

  beforeAll(async () => {
    app = await TestApp.boot({ env: given });
    world = new World(app);
  });
  afterAll(() => app.close());

  it('has the id and the root access key that the environment gives', async () => {
    expect(app.root).toEqual({ account: '000000000007', accessKeyId: 'AKIAGIVEN00000000000', secretAccessKey: 'a secret that was given to it' });
    expect(await identity(app, app.root)).toMatchObject({ status: 200, body: { account: '000000000007', arn: 'arn:aws:iam::000000000007:root' } });
  });

  it('stays as it was at later starts, whatever the environment says then', async () => {
    const before = await app.contents();
    const env = { STINT_BOOTSTRAP_ACCOUNT_ID: '999999999999', STINT_BOOTSTRAP_ACCESS_KEY_ID: 'AKIAOTHER00000000000', STINT_BOOTSTRAP_SECRET_ACCESS_KEY: 'another secret than before' };
    const beside = await TestApp.boot({ beside: app, env });
    expect((await identity(beside, app.root)).status).toBe(200);
    expect(await identity(beside, { accessKeyId: env.STINT_BOOTSTRAP_ACCESS_KEY_ID, secretAccessKey: env.STINT_BOOTSTRAP_SECRET_ACCESS_KEY })).toMatchObject({ status: 403, body: { code: 'InvalidClientTokenId' } });
    expect(await app.contents()).toEqual(before);
    await beside.close();
  });

  it('creates accounts whose root has a key that works', async () => {
    const { status, body } = await app.rest(app.root, 'POST /v1/accounts', { accountName: 'Tenant 1' });
    expect([status, body]).toEqual([
      200,
      {
        account: { accountId: expect.stringMatching(/^[1-9]\d{11}$/), accountName: 'Tenant 1', createDate: '2026-11-25T10:00:00.500Z' },
        rootAccessKey: { accessKeyId: expect.stringMatching(/^AKIA[A-Z2-7]{16}$/), secretAccessKey: expect.stringMatching(/^[\w+/]{40}$/) },
      },
    ]);
    const { account, rootAccessKey } = body as unknown as { account: { accountId: string }; rootAccessKey: Keys };
    expect(await identity(app, rootAccessKey)).toMatchObject({ status: 200, body: { account: account.accountId, arn: `arn:aws:iam::${account.accountId}:root`, userId: account.accountId } });
  });

  it('gives an account the id that is asked for, once', async () => {
    expect(await app.rest(app.root, 'POST /v1/accounts', { accountName: 'seven', accountId: '077777777777' })).toMatchObject({ status: 200, body: { account: { accountId: '077777777777' } } });
    for (const accountId of ['077777777777', '000000000007']) {
      const before = await app.contents();
      const events = await app.recordedBy(async () => expect(await app.rest(app.root, 'POST /v1/accounts', { accountName: 'again', accountId })).toMatchObject({ status: 409, body: { code: 'EntityAlreadyExists' } }));
      expect(events).toMatchObject([{ event_name: 'CreateAccount', outcome: 'refused', error_code: 'EntityAlreadyExists' }]);
      expect(await app.contents()).toEqual(before);
    }
  });

  it('gives one account to one of those who ask for the same id at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => app.rest(app.root, 'POST /v1/accounts', { accountName: 'raced', accountId: '011111111111' })));
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 409, 409, 409, 409]);
  });

  const callers: [who: string, status: number, make: (name: string) => Promise<Keys>][] = [
    ['its root', 200, () => Promise.resolve(app.root)],
    ['a user who may', 200, (name) => world.user(name, allows('stint:CreateAccount'))],
    ['a user who may do everything', 200, (name) => world.user(name, allows('*'))],
    ['a session of a role that may', 200, async (name) => {
      const user = await world.user(name);
      return world.session(user, await world.role(name, trusts(user.arn), { policy: allows('stint:CreateAccount') }));
    }],
    ['a user who may nothing', 403, (name) => world.user(name)],
    ['a user who may do everything of IAM', 403, (name) => world.user(name, allows(['iam:*', 'sts:*']))],
    ['a user to whom it is denied', 403, (name) => world.user(name, { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }, { Effect: 'Deny', Action: 'stint:*', Resource: '*' }] })],
    ['the root of another account', 403, async (name) => (await world.account(name)).root],
    ['a user of another account who may do everything', 403, async (name) => (await world.account(name)).user('boss', allows('*'))],
    ['a session that came from another account', 200, async (name) => {
      const visitor = await (await world.account(name)).user('visitor', allows('sts:AssumeRole'));
      return world.session(visitor, await world.role(name, trusts(visitor.arn), { policy: allows('stint:CreateAccount') }));
    }],
    ['a session in another account', 403, async (name) => {
      const abroad = await world.account(name);
      const user = await world.user(name, allows('*'));
      return abroad.session(user, await abroad.role('guests', trusts(user.arn), { policy: allows('*') }));
    }],
  ];

  it.each(callers)('takes CreateAccount from %s: %i', async (who, status, make) => {
    const name = `caller-${createHash('sha256').update(who).digest('hex').slice(0, 8)}`;
    const keys = await make(name);
    const before = await app.contents();
    const events = await app.recordedBy(async () => expect((await app.rest(keys, 'POST /v1/accounts', { accountName: 'new' })).status).toBe(status));
    expect(events).toMatchObject([{ event_name: 'CreateAccount', outcome: status === 200 ? 'success' : 'refused', error_code: status === 200 ? null : 'AccessDenied' }]);
    if (status === 200) expect(await app.contents()).not.toEqual(before);
    else expect(await app.contents()).toEqual(before);
  });

  it.each([
    ['no name', {}],
    ['an empty name', { accountName: '' }],
    ['a long name', { accountName: 'n'.repeat(51) }],
    ['a name with a line break', { accountName: 'a\nb' }],
    ['a short id', { accountName: 'n', accountId: '1' }],
    ['an id with letters', { accountName: 'n', accountId: '12345678901a' }],
    ['an id as a number', { accountName: 'n', accountId: 123456789012 }],
    ['something more', { accountName: 'n', management: true }],
  ])('makes no account with %s', async (_, body) => {
    const before = await app.contents();
    const events = await app.recordedBy(async () => expect(await app.rest(app.root, 'POST /v1/accounts', body)).toMatchObject({ status: 400, body: { code: 'ValidationError' } }));
    expect(events).toMatchObject([{ event_name: 'CreateAccount', outcome: 'refused', error_code: 'ValidationError' }]);
    expect(await app.contents()).toEqual(before);
  });
});
