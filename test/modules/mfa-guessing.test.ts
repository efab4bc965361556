import { EnableMFADeviceCommand, ResyncMFADeviceCommand } from '@aws-sdk/client-iam';

import { Retention } from '../../src/sessions/retention.js';
import { TestApp, type Keys } from '../support/app.js';
import { Authenticator } from '../support/authenticator.js';
import { call, effectOf, expectRefused } from '../support/calls.js';
import { counts, tokenOn } from '../support/nodes.js';
import { allows, World, type User } from '../support/world.js';

const wrongCode = 'MultiFactorAuthentication failed with invalid MFA one time pass code. ';
const HOUR = 3_600;
const DAY = 24 * HOUR;

describe('whoever guesses the codes of a device', () => {
  let a: TestApp;
  let b: TestApp;
  let home: World;
  let users = 0;

  beforeAll(async () => {
    a = await TestApp.boot({ env: { STINT_TRUSTED_PROXIES: '127.0.0.1' } });
    b = await TestApp.boot({ beside: a });
    home = new World(a);
  });
  afterAll(async () => {
    await b.close();
    await a.close();
  });
  beforeEach(() => a.clock.advance(HOUR + 1));

  async function holder(): Promise<{ user: User; device: Authenticator }> {
    users += 1;
    const user = await home.user(`user-${String(users)}`, allows('*'));
    const device = await Authenticator.enabled(a, home.root, user.name);
    device.next();
    return { user, device };
  }
  async function fail(user: Keys, device: Authenticator, times: number, node = a): Promise<void> {
    for (let count = 0; count < times; count += 1) expect(await tokenOn(node, user, device.given(device.wrong(count)))).toBe(wrongCode);
  }
  /** What a code comes to that is given from another address. */
  async function from(ip: string, user: Keys, given: { SerialNumber: string; TokenCode: string }): Promise<string> {
    const { status, text } = await a.query(user, { Action: 'GetSessionToken', Version: '2011-06-15', ...given }, { headers: { 'x-forwarded-for': ip } });
    return status === 200 ? 'ok' : (/<Message>([^<]*)</.exec(text)?.[1] ?? text);
  }

  it('waits after five failures in a row, twice as long each time, on every node', async () => {
    const { user, device } = await holder();
    await fail(user, device, 5);
    for (const seconds of [30, 60, 120]) {
      for (const node of [a, b]) expect(await tokenOn(node, user, device.given())).toBe(wrongCode);
      a.clock.advance(seconds - 1);
      expect(await tokenOn(b, user, device.given())).toBe(wrongCode);
      a.clock.advance(1);
      await fail(user, device, 1, b);
    }
    a.clock.advance(240);
    expect(await tokenOn(b, user, device.given())).toBe('ok');
    expect(await counts(a, device)).toEqual({ device: 0, holder: 8 });
  });

  it('does not prolong the time by trying meanwhile, nor spend a code by it', async () => {
    const { user, device } = await holder();
    await fail(user, device, 5);
    await fail(user, device, 10);
    expect(await counts(a, device)).toEqual({ device: 5, holder: 5 });
    a.clock.advance(29);
    const code = device.code();
    expect(await tokenOn(a, user, device.given(code))).toBe(wrongCode);
    a.clock.advance(1);
    expect(await tokenOn(a, user, device.given(code))).toBe('ok');
  });

  it('begins anew after a success, but for what counts over a month', async () => {
    const { user, device } = await holder();
    for (let round = 0; round < 3; round += 1) {
      await fail(user, device, 4);
      expect(await tokenOn(a, user, device.given(device.next()))).toBe('ok');
      a.clock.advance(HOUR);
    }
    expect(await counts(a, device)).toEqual({ device: 0, holder: 12 });
  });

  it('has a hundred guesses in thirty days, however often the right code comes between, and with whichever of his devices', async () => {
    const { user, device } = await holder();
    const second = await Authenticator.enabled(a, home.root, user.name, `${user.name}-second`);
    second.next();
    await fail(user, device, 1);
    await a.sql(`UPDATE mfa_throttle SET failures = 99 WHERE subject = 'holder:${user.id}'`);
    expect(await tokenOn(a, user, device.given())).toBe('ok');
    await fail(user, device, 1);
    for (const one of [device, second]) {
      a.clock.advance(30);
      expect(await tokenOn(b, user, one.given())).toBe(wrongCode);
    }
    a.clock.advance(29 * DAY);
    expect(await tokenOn(a, user, device.given())).toBe(wrongCode);
    a.clock.advance(DAY);
    expect(await tokenOn(a, user, device.given())).toBe('ok');
  });

  it('has no more guesses by asking many times at once', async () => {
    const { user, device } = await holder();
    const outcomes = await Promise.all(Array.from({ length: 24 }, (_, index) => tokenOn(index % 2 === 0 ? a : b, user, device.given(device.wrong(index)))));
    expect(new Set(outcomes)).toEqual(new Set([wrongCode]));
    expect(await counts(a, device)).toEqual({ device: 5, holder: 5 });
  });

  it('learns nothing from the answer: a wrong code, a spent one and one that comes too early read the same', async () => {
    const { user, device } = await holder();
    const spent = device.code();
    expect(await tokenOn(a, user, device.given())).toBe('ok');
    const answers: string[] = [];
    const ask = async (code: string): Promise<void> => {
      const answer = await call(a, 'query', { operation: 'GetSessionToken', keys: user, input: device.given(code) });
      answers.push(`${String(answer.status)} ${answer.text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '').replace(/"encodedAuthorizationMessage":"[^"]+"/, '')}`);
    };
    await ask(device.wrong());
    await ask(spent);
    await fail(user, device, 3);
    for (const code of [device.wrong(), spent, device.next()]) await ask(code);
    expect(new Set(answers).size).toBe(1);
  });

  it('is recorded each time, without the code and without the reason, which the log of the operator has', async () => {
    const { user, device } = await holder();
    const before = a.lines.length;
    const codes = [0, 1, 2, 3, 4, 5].map((salt) => device.wrong(salt));
    const events = await a.recordedBy(async () => {
      for (const code of codes) await tokenOn(a, user, device.given(code));
    });
    expect(events.map(({ event_name, error_code, record }) => [event_name, error_code, (record['additionalEventData'] as { mfaSerialNumber: string }).mfaSerialNumber])).toEqual(codes.map(() => ['GetSessionToken', 'AccessDenied', device.serial]));
    const lines = a.lines.slice(before);
    expect(lines.flatMap((line) => /"mfa":"(\w+)"/.exec(line)?.[1] ?? [])).toEqual(['wrong', 'wrong', 'wrong', 'wrong', 'wrong', 'waiting']);
    expect(events.map(({ text }) => text).join('')).not.toMatch(/waiting|wrong|spent/);
    for (const text of [...events.map((event) => event.text), ...lines, (await a.send({ path: '/metrics' })).text]) {
      for (const code of codes) expect(text).not.toMatch(new RegExp(`(?<![0-9A-Za-z.])${code}(?![0-9A-Za-z])`));
    }
  });

  it('may be let go by an administrator, at once and on every node', async () => {
    const { user, device } = await holder();
    await fail(user, device, 5);
    expect(await tokenOn(b, user, device.given())).toBe(wrongCode);
    const unlock = (keys: Keys) => call(a, 'rest', { operation: 'UnlockMFADevice', keys, input: { SerialNumber: device.serial } });
    const powerless = await home.user(`powerless-${user.name}`, allows('iam:*'));
    expectRefused(await effectOf(a, () => unlock(powerless)), { code: 'AccessDenied', status: 403 }, 'UnlockMFADevice');
    const admin = await home.user(`admin-${user.name}`, allows('stint:UnlockMFADevice', `arn:aws:iam::${home.root.account}:mfa/*`));
    expect(await unlock(admin)).toMatchObject({ status: 200 });
    expect(await counts(a, device)).toEqual({ device: 0, holder: 0 });
    expect(await tokenOn(b, user, device.given())).toBe('ok');
  });

  it('guesses no better by enabling or synchronising a device', async () => {
    const { user, device } = await holder();
    const input = { UserName: user.name, SerialNumber: device.serial };
    const resync = (codes: [string, string], node = a): Promise<unknown> => node.iam(home.root).send(new ResyncMFADeviceCommand({ ...input, AuthenticationCode1: codes[0], AuthenticationCode2: codes[1] }));
    for (let count = 0; count < 5; count += 1) await expect(resync([device.wrong(count), device.code()])).rejects.toMatchObject({ name: 'InvalidAuthenticationCodeException' });
    expect(await counts(a, device)).toEqual({ device: 5, holder: 5 });
    await expect(resync([device.code(), device.code(1)], b)).rejects.toMatchObject({ name: 'InvalidAuthenticationCodeException' });
    expect(await tokenOn(b, user, device.given())).toBe(wrongCode);
    a.clock.advance(30);
    await expect(resync([device.code(), device.code(1)])).resolves.toBeDefined();
    const spare = await Authenticator.created(a, home.root, `spare-${user.name}`);
    const enable = (codes: [string, string]): Promise<unknown> =>
      a.iam(home.root).send(new EnableMFADeviceCommand({ UserName: user.name, SerialNumber: spare.serial, AuthenticationCode1: codes[0], AuthenticationCode2: codes[1] }));
    for (let count = 0; count < 5; count += 1) await expect(enable([spare.wrong(count), spare.wrong(count + 1)])).rejects.toMatchObject({ name: 'InvalidAuthenticationCodeException' });
    await expect(enable([spare.code(-1), spare.code()])).rejects.toMatchObject({ name: 'InvalidAuthenticationCodeException' });
    a.clock.advance(30);
    await expect(enable([spare.code(-1), spare.code()])).resolves.toBeDefined();
  });

  it('cannot have a failure forgotten by an event that cannot be recorded, or the other way round', async () => {
    const { user, device } = await holder();
    const input = { UserName: user.name, SerialNumber: device.serial, AuthenticationCode1: device.wrong(), AuthenticationCode2: device.wrong(1) };
    const events = await a.recordedBy(async () => {
      expect((await call(a, 'query', { operation: 'ResyncMFADevice', keys: home.root, input })).code).toBe('InvalidAuthenticationCode');
    });
    expect(events.map(({ event_name, outcome, error_code, record }) => [event_name, outcome, error_code, record['errorCode'], record['requestParameters']])).toEqual([
      ['ResyncMFADevice', 'refused', 'InvalidAuthenticationCode', 'InvalidAuthenticationCodeException', { userName: user.name, serialNumber: device.serial }],
    ]);
    expect(events[0]?.record['eventName']).toBe('ResyncMFADevice');
    expect(await counts(a, device)).toEqual({ device: 1, holder: 1 });
    await a.sql('ALTER TABLE mfa_throttle ADD CONSTRAINT never CHECK (failures < 2) NOT VALID');
    try {
      const silent = await a.recordedBy(async () => {
        expect((await call(a, 'query', { operation: 'ResyncMFADevice', keys: home.root, input })).code).toBe('InternalFailure');
      });
      expect(silent.map(({ error_code }) => error_code)).toEqual(['InternalFailure']);
    } finally {
      await a.sql('ALTER TABLE mfa_throttle DROP CONSTRAINT never');
    }
  });

  describe('from one address', () => {
    it('holds up only those there who failed themselves', async () => {
      const NAT = '198.51.100.7';
      const innocent = await holder();
      const careless = await holder();
      for (let count = 0; count < 4; count += 1) {
        const { user, device } = await holder();
        for (let salt = 0; salt < 5; salt += 1) expect(await from(NAT, user, device.given(device.wrong(salt)))).toBe(wrongCode);
      }
      const [row] = await a.sql<{ failures: number; locked_until: Date }>(`SELECT * FROM mfa_throttle WHERE subject = 'address:${NAT}'`);
      expect(row).toMatchObject({ failures: 20 });
      expect(row!.locked_until.getTime()).toBe(a.clock.now().getTime() + 30_000);
      for (const { device } of [innocent, careless]) device.app.clock.now();
      expect(await from(NAT, innocent.user, innocent.device.given())).toBe('ok');
      expect(await from(NAT, careless.user, careless.device.given(careless.device.wrong()))).toBe(wrongCode);
      // The address waits longer now, and he who mistyped waits with it; elsewhere he does not.
      expect(await from(NAT, careless.user, careless.device.given())).toBe(wrongCode);
      expect(await from('203.0.113.9', careless.user, careless.device.given())).toBe('ok');
    });

    it('counts an IPv6 network as one', async () => {
      const { user, device } = await holder();
      for (const host of ['1', '2', 'ffff:1']) await from(`2001:db8:7:7::${host}`, user, device.given(device.wrong()));
      expect(await a.sql(`SELECT failures FROM mfa_throttle WHERE subject = 'address:2001:db8:7:7::/64'`)).toEqual([{ failures: 3 }]);
    });
  });

  it('leaves no trace in the counts when nothing of it counts any more', async () => {
    const { user, device } = await holder();
    await fail(user, device, 2);
    const left = async (): Promise<number> => (await a.sql('SELECT 1 FROM mfa_throttle')).length;
    expect(await left()).toBeGreaterThanOrEqual(3);
    a.clock.advance(31 * DAY);
    await a.running.app.get(Retention).run();
    expect(await left()).toBe(0);
  });
});
