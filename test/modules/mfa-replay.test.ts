import { ResyncMFADeviceCommand } from '@aws-sdk/client-iam';

import { FixedClock } from '../support/fakes.js';
import { NOW, TestApp, type Keys } from '../support/app.js';
import { Authenticator } from '../support/authenticator.js';
import { tokenOn } from '../support/nodes.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';

const wrongCode = 'MultiFactorAuthentication failed with invalid MFA one time pass code. ';

let a: TestApp;
let b: TestApp;
let home: World;
let role: Role;
let users = 0;

beforeAll(async () => {
  a = await TestApp.boot();
  b = await TestApp.boot({ beside: a });
  home = new World(a);
  role = await home.role('careful', trusts(home.root.account, { Bool: { 'aws:MultiFactorAuthPresent': 'true' } }));
});
afterAll(async () => {
  await b.close();
  await a.close();
});

// Whoever fails twenty times within an hour from one address waits, and all tests have one.
beforeEach(() => a.clock.advance(3_601));

async function holder(): Promise<{ user: User; device: Authenticator }> {
  users += 1;
  const user = await home.user(`user-${String(users)}`, allows('sts:AssumeRole'));
  const device = await Authenticator.enabled(a, home.root, user.name);
  device.next();
  return { user, device };
}
const assumeOn = async (node: TestApp, keys: Keys, given: object, arn = role.arn): Promise<string> => {
  const { status, text } = await node.query(keys, { Action: 'AssumeRole', Version: '2011-06-15', RoleArn: arn, RoleSessionName: 'job', ...given });
  return status === 200 ? 'ok' : (/<Message>([^<]*)</.exec(text)?.[1] ?? text);
};
const issued = async (user: User): Promise<number> => (await a.sql('SELECT 1 FROM session WHERE issuer_id = $1', [user.id])).length;

describe('one code', () => {
  it('starts one session, however many ask at once on both nodes', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { user, device } = await holder();
      const given = device.given();
      const nodes = [a, b, a, b];
      const outcomes = await Promise.all(nodes.map((node, index) => (index < 2 ? tokenOn(node, user, given) : assumeOn(node, user, given))));
      expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === wrongCode)).toHaveLength(3);
      expect(await issued(user)).toBe(1);
    }
  });

  const first: [string, (at: { user: User; device: Authenticator }) => Promise<string>][] = [
    ['GetSessionToken', ({ user, device }) => tokenOn(a, user, device.given())],
    ['AssumeRole', ({ user, device }) => assumeOn(a, user, device.given())],
    ['ResyncMFADevice', async ({ user, device }) => {
      await a.iam(home.root).send(new ResyncMFADeviceCommand({ UserName: user.name, SerialNumber: device.serial, AuthenticationCode1: device.next(), AuthenticationCode2: device.next() }));
      return 'ok';
    }],
    ['AssumeRole of a role that is refused', async ({ user, device }) => ((await assumeOn(a, user, device.given(), `${role.arn}-none`)).startsWith('User: ') ? 'ok' : 'other')],
  ];
  it.each(first)('that was given with %s is spent for everything else, on every node', async (_, use) => {
    const { user, device } = await holder();
    expect(await use({ user, device })).toBe('ok');
    for (const node of [a, b]) {
      expect(await tokenOn(node, user, device.given())).toBe(wrongCode);
      expect(await assumeOn(node, user, device.given())).toBe(wrongCode);
    }
    expect(await assumeOn(b, user, device.given(device.next()))).toBe('ok');
  });

  it('is spent although the session could not be issued', async () => {
    const { user, device } = await holder();
    const body = { serialNumber: device.serial, tokenCode: device.code(), durationSeconds: 900, minRemaining: 1000 };
    const refused = await a.rest(user, 'POST /v1/sessions/session-token', body);
    expect(refused.body).toMatchObject({ code: 'InsufficientSessionLifetime' });
    expect(await tokenOn(b, user, device.given())).toBe(wrongCode);
    expect(await issued(user)).toBe(0);
  });

  it('stays spent when the clock of a node is put back', async () => {
    const { user, device } = await holder();
    expect(await tokenOn(a, user, device.given())).toBe('ok');
    const spent = device.code();
    const clock = new FixedClock(new Date(a.clock.now().getTime() - 30_000));
    const late = await TestApp.boot({ beside: a, clock });
    try {
      for (const code of [spent, device.code(-1), device.code(-2)]) expect(await tokenOn(late, user, device.given(code))).toBe(wrongCode);
      clock.advance(60);
      expect(await tokenOn(late, user, device.given(device.code(1)))).toBe('ok');
    } finally {
      await late.close();
    }
  });

  it('is no better when a clock leaps ahead, and a later one works', async () => {
    const { user, device } = await holder();
    const before = device.code();
    const clock = new FixedClock(new Date(a.clock.now().getTime() + 600_000));
    const ahead = await TestApp.boot({ beside: a, clock });
    try {
      expect(await tokenOn(ahead, user, device.given(before))).toBe(wrongCode);
      expect(await tokenOn(ahead, user, device.given(device.code(20)))).toBe('ok');
      // Whatever came before the code that was accepted is spent with it.
      expect(await tokenOn(a, user, device.given())).toBe(wrongCode);
    } finally {
      await ahead.close();
    }
    expect(a.clock.now().getTime()).toBeGreaterThan(NOW.getTime());
  });
});

describe('under an Idempotency-Key', () => {
  const ask = async (node: TestApp, user: Keys, at: { device: Authenticator; code: string; key: string }): Promise<{ status: number; secret: unknown; text: string }> => {
    const answer = await node.raw(user, {
      path: '/v1/sessions/session-token',
      body: JSON.stringify({ serialNumber: at.device.serial, tokenCode: at.code }),
      service: 'stint',
      headers: { 'idempotency-key': at.key },
    });
    const body = JSON.parse(answer.text) as { credentials?: { secretAccessKey: string } };
    return { status: answer.status, secret: body.credentials?.secretAccessKey, text: answer.text };
  };

  it('one code answers the same credentials again, on either node, also when its time is over', async () => {
    const { user, device } = await holder();
    const at = { device, code: device.code(), key: 'again' };
    const first = await ask(a, user, at);
    expect(first.status).toBe(200);
    for (const [node, seconds] of [[a, 0], [b, 0], [b, 120], [a, 300]] as const) {
      a.clock.advance(seconds);
      expect(await ask(node, user, at)).toMatchObject({ status: 200, secret: first.secret });
    }
    expect(await issued(user)).toBe(1);
    // Another key is another request, for which the code is spent.
    expect((await ask(a, user, { ...at, key: 'other' })).text).toContain(wrongCode);
  });

  it('one code answers all that ask at once the same credentials', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { user, device } = await holder();
      const at = { device, code: device.code(), key: `at-once-${String(round)}` };
      const answers = await Promise.all([a, b, a, b].map((node) => ask(node, user, at)));
      expect(new Set(answers.map(({ status, secret }) => `${String(status)} ${String(secret)}`)).size).toBe(1);
      expect(answers[0]?.status).toBe(200);
      expect(await issued(user)).toBe(1);
    }
  });

  it('a code that was spent when nothing came of it may be given again with the same request', async () => {
    const { user, device } = await holder();
    // As if the node had died between spending and issuing: the row of the answer is all that is missing.
    const at = { device, code: device.code(), key: 'died' };
    const first = await ask(a, user, at);
    await a.sql('DELETE FROM issued_answer');
    const again = await ask(b, user, at);
    expect([first.status, again.status]).toEqual([200, 200]);
    // When the code is no longer shown, it is over.
    await a.sql('DELETE FROM issued_answer');
    a.clock.advance(120);
    expect((await ask(b, user, at)).text).toContain(wrongCode);
  });

  it('nothing is repeated to a user whose device was taken away', async () => {
    const { user, device } = await holder();
    const at = { device, code: device.code(), key: 'taken' };
    expect((await ask(a, user, at)).status).toBe(200);
    await a.query(home.root, { Action: 'DeactivateMFADevice', Version: '2010-05-08', UserName: user.name, SerialNumber: device.serial });
    expect((await ask(b, user, at)).text).toContain('unable to validate MFA code');
  });
});
