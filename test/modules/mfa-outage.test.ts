import { NOW, TestApp, type Keys } from '../support/app.js';
import { FixedClock } from '../support/fakes.js';
import { Authenticator } from '../support/authenticator.js';
import { counts, tokenOn } from '../support/nodes.js';
import { cut, hold, until, untilBlocked } from '../support/outage.js';
import { proxyTo, type Proxy } from '../support/proxy.js';
import { allows, World, type User } from '../support/world.js';

const wrongCode = 'MultiFactorAuthentication failed with invalid MFA one time pass code. ';
const HOUR = 3_600;

let a: TestApp;
let home: World;
let users = 0;

beforeAll(async () => {
  a = await TestApp.boot();
  home = new World(a);
});
afterAll(() => a.close());
// Whoever fails twenty times within an hour from one address waits, and all tests have one.
beforeEach(() => a.clock.advance(HOUR + 1));

async function holder(): Promise<{ user: User; device: Authenticator }> {
  users += 1;
  const user = await home.user(`user-${String(users)}`, allows('*'));
  const device = await Authenticator.enabled(a, home.root, user.name);
  device.next();
  return { user, device };
}
const issued = async (user: User): Promise<number> => (await a.sql('SELECT 1 FROM session WHERE issuer_id = $1', [user.id])).length;
const statusOn = async (node: TestApp, keys: Keys, given: { SerialNumber: string; TokenCode: string }): Promise<number> => (await node.query(keys, { Action: 'GetSessionToken', Version: '2011-06-15', ...given })).status;

describe('a code that is being spent', () => {
  it('is not spent where the connection breaks before that is committed, and may be given again', async () => {
    const { user, device } = await holder();
    const lock = await hold(a.database, 'mfa_throttle');
    const asked = statusOn(a, user, device.given());
    await untilBlocked((text) => a.sql(text), 'stint');
    await cut(a.database, 'stint');
    expect(await asked).toBe(503);
    await lock.release();
    expect([await issued(user), await counts(a, device)]).toEqual([0, { device: 0, holder: 0 }]);
    expect(await tokenOn(a, user, device.given())).toBe('ok');
    expect(await tokenOn(a, user, device.given())).toBe(wrongCode);
    expect(await issued(user)).toBe(1);
  });

  it('is spent, for nothing, where nobody hears whether it was', async () => {
    const { user, device } = await holder();
    let isArmed = false;
    let isCounted = false;
    let proxy: Proxy | undefined;
    let node: TestApp | undefined;
    try {
      // Whoever was right has his failures forgotten, and then the transaction is committed; the client never hears it.
      proxy = await proxyTo(a.database.url, (type, content) => {
        if (!isArmed || type !== 'C') return 'pass';
        const tag = content.toString('latin1');
        if (tag.startsWith('DELETE')) isCounted = true;
        if (!isCounted || !tag.startsWith('COMMIT')) return 'pass';
        isArmed = false;
        return 'cut';
      });
      node = await TestApp.boot({ beside: a, databaseUrl: proxy.url });
      // What the node needs to know of the user it knows from now on.
      expect(await tokenOn(node, user, device.given(device.wrong()))).toBe(wrongCode);
      isArmed = true;
      expect(await statusOn(node, user, device.given())).toBe(503);
      expect(isArmed).toBe(false);
      expect(await issued(user)).toBe(0);
      for (const each of [a, node]) expect(await tokenOn(each, user, device.given())).toBe(wrongCode);
      expect(await tokenOn(node, user, device.given(device.next()))).toBe('ok');
    } finally {
      await node?.close();
      await proxy?.close();
    }
  });

  it('is refused, and nothing is counted, while the count cannot be written', async () => {
    const { user, device } = await holder();
    await a.sql('ALTER TABLE mfa_throttle ADD CONSTRAINT never CHECK (failures < 1) NOT VALID');
    try {
      expect(await statusOn(a, user, device.given(device.wrong()))).toBe(500);
    } finally {
      await a.sql('ALTER TABLE mfa_throttle DROP CONSTRAINT never');
    }
    expect(await counts(a, device)).toEqual({ device: 0, holder: 0 });
    expect(await tokenOn(a, user, device.given())).toBe('ok');
  });
});

describe('a clock that is put back or forth', () => {
  const guess = async (node: TestApp, user: Keys, device: Authenticator, times: number): Promise<void> => {
    for (let salt = 0; salt < times; salt += 1) await tokenOn(node, user, device.given(device.wrong(salt)));
  };
  const beside = (seconds: number): Promise<TestApp> => TestApp.boot({ beside: a, clock: new FixedClock(new Date(a.clock.now().getTime() + 1000 * seconds)) });

  it('gives nobody more guesses than he had: a node that is behind waits longer, and none forgets who was wrong', async () => {
    const { user, device } = await holder();
    await guess(a, user, device, 5);
    const late = await beside(-300);
    try {
      expect(await tokenOn(late, user, device.given())).toBe(wrongCode);
      late.clock.advance(300);
      expect(await tokenOn(late, user, device.given())).toBe(wrongCode);
      late.clock.advance(30);
      // The node is right again; the wait is over for all.
      expect(await tokenOn(late, user, device.given(device.code(1)))).toBe('ok');
      expect(await counts(a, device)).toEqual({ device: 0, holder: 5 });
    } finally {
      await late.close();
    }
  });

  it('keeps nobody out for longer than an hour more than it is wrong by', async () => {
    const { user, device } = await holder();
    const ahead = await beside(600);
    try {
      await guess(ahead, user, device, 5);
      expect(await tokenOn(a, user, device.given())).toBe(wrongCode);
      a.clock.advance(630);
      expect(await tokenOn(a, user, device.given())).toBe('ok');
    } finally {
      await ahead.close();
    }
    expect(a.clock.now().getTime()).toBeGreaterThan(NOW.getTime());
  });
});

it('whoever fails with all of his devices at once has no guess more than with one of them', async () => {
  const { user, device } = await holder();
  const devices = [device];
  for (let index = 1; index < 8; index += 1) devices.push(await Authenticator.enabled(a, home.root, user.name, `${user.name}-${String(index)}`));
  await tokenOn(a, user, device.given(device.wrong()));
  await a.sql(`UPDATE mfa_throttle SET failures = 98 WHERE subject = 'holder:${user.id}'`);
  const b = await TestApp.boot({ beside: a });
  try {
    // While what is counted for the address is held by somebody else, each comes as far as it can.
    await b.sql('BEGIN');
    await b.sql(`SELECT 1 FROM mfa_throttle WHERE subject LIKE 'address:%' FOR UPDATE`);
    const attempts = devices.map((each, index) => tokenOn(index % 2 === 0 ? a : b, user, each.given(each.wrong())));
    await until('all of them wait', async () => (await a.sql(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'stint' AND wait_event_type = 'Lock'`)).length === devices.length);
    await b.sql('COMMIT');
    expect(new Set(await Promise.all(attempts))).toEqual(new Set([wrongCode]));
  } finally {
    await b.close();
  }
  expect((await counts(a, device)).holder).toBe(100);
});

it('however many fail at once at one address, with several devices each, while they are let go, none stands in another’s way', async () => {
  const b = await TestApp.boot({ beside: a });
  try {
    const all: { user: User; device: Authenticator }[] = [];
    // One after the other: each moves the clock that the codes of the next are for.
    for (let count = 0; count < 6; count += 1) {
      const { user, device } = await holder();
      all.push({ user, device }, { user, device: await Authenticator.enabled(a, home.root, user.name, `${user.name}-more`) });
    }
    for (let round = 0; round < 3; round += 1) {
      const attempts = [a, b].flatMap((node) => all.map(({ user, device }) => tokenOn(node, user, device.given(device.wrong(round)))));
      const unlocks = all.map(({ device }) => a.rest(home.root, 'POST /v1/mfa-devices/unlock', { serialNumber: device.serial }));
      expect(new Set(await Promise.all(attempts))).toEqual(new Set([wrongCode]));
      expect(new Set((await Promise.all(unlocks)).map(({ status }) => status))).toEqual(new Set([200]));
    }
  } finally {
    await b.close();
  }
});
