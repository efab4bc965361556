import { Passwords } from '../../src/identities/passwords.js';
import { PasswordsStore } from '../../src/identities/passwords.store.js';
import { TestApp, type AuditEvent, type Keys } from '../support/app.js';
import { Authenticator } from '../support/authenticator.js';
import { call, rowsOf, type Input } from '../support/calls.js';
import { tokenOn } from '../support/nodes.js';
import { PASSWORD, recoveryCodes } from '../support/sign-in-scenarios.js';
import { allows, trusts, World, type User } from '../support/world.js';

const CODE = 'SignInRefused';
const REFUSED = { status: 403, code: CODE, detail: 'The account, the user, the password or the code is not right, or too many attempts were made.' };

interface Answered {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

let a: TestApp;
let b: TestApp;
let home: World;
let people = 0;
let addresses = 0;

beforeAll(async () => {
  const env = { STINT_TRUSTED_PROXIES: '127.0.0.1' };
  a = await TestApp.boot({ env });
  b = await TestApp.boot({ beside: a, env });
  home = new World(a);
});
afterAll(async () => {
  await b.close();
  await a.close();
});

/** An address that nobody has failed from. */
function address(): string {
  addresses += 1;
  return `198.51.${String(addresses >> 8)}.${String(addresses & 255)}`;
}
async function signIn(given: object, at: { node?: TestApp; ip?: string; headers?: Record<string, string> } = {}): Promise<Answered> {
  const { node = a, ip = address(), headers = {} } = at;
  const answer = await node.send({ method: 'POST', path: '/v1/sign-in', headers: { 'content-type': 'application/json', 'x-forwarded-for': ip, ...headers }, body: JSON.stringify({ account: home.root.account, ...given }) });
  return { status: answer.status, body: JSON.parse(answer.text) as Answered['body'] };
}
/** A user with a password, by names of the REST face. */
async function person(more: Input = {}): Promise<{ user: User; given: { userName: string; password: string } }> {
  people += 1;
  const user = await home.user(`person-${String(people)}`, allows(['iam:*', 'sts:*', 'stint:*']));
  await rest('CreateLoginProfile', { UserName: user.name, Password: PASSWORD, ...more });
  return { user, given: { userName: user.name, password: PASSWORD } };
}
async function withDevice(): Promise<{ user: User; given: { userName: string; password: string }; device: Authenticator }> {
  const known = await person();
  const device = await Authenticator.enabled(a, home.root, known.user.name);
  device.next();
  return { ...known, device };
}
async function rest(operation: string, input: Input, keys: Keys = home.root): Promise<{ readonly code: string | undefined; readonly output: unknown; readonly text: string }> {
  return call(a, 'rest', { operation, keys, input });
}
const keysIn = ({ body }: Answered): Keys => body['credentials'] as Keys;
const hashed = (): number => a.running.app.get(Passwords).hashed;
/** A refusal without what is its own. */
const shown = ({ status, body }: Answered): object => ({ status, code: body['code'], detail: body['detail'] });
const outcomes = (answers: readonly Answered[]): number[] => answers.map(({ status }) => status).sort();
const asRecorded = (events: readonly AuditEvent[]): unknown[] =>
  events.map(({ account_id, event_name, record, outcome, error_code }): unknown[] => [account_id, event_name, (record['userIdentity'] as { principalId: string }).principalId, outcome, error_code]);

describe('whoever does not know the password', () => {
  async function unproved(): Promise<readonly [what: string, given: object, recorded: string | undefined][]> {
    const [known, slow] = [await person(), await person()];
    for (let guess = 0; guess < 5; guess += 1) await signIn({ ...slow.given, password: 'wrong' });
    people += 1;
    await home.user(`person-${String(people)}`);
    return [
      ['a wrong password', { ...known.given, password: 'wrong' }, known.user.id],
      ['no such user', { ...known.given, userName: 'nobody' }, undefined],
      ['no such account', { ...known.given, account: '000000000001' }, undefined],
      ['no such alias', { ...known.given, account: 'no-such-alias' }, undefined],
      ['a user without a password', { ...known.given, userName: `person-${String(people)}` }, undefined],
      ['a user who has to wait, and the right password', slow.given, undefined],
    ];
  }

  it('is answered the same for the same work, whoever is named, and nothing is written', async () => {
    for (const [what, given, recorded] of await unproved()) {
      const [before, rows] = [hashed(), await rowsOf(a)];
      let answer!: Answered;
      const events = await a.recordedBy(async () => {
        answer = await signIn(given);
      });
      expect([what, shown(answer), Object.keys(answer.body).sort()]).toEqual([what, REFUSED, ['code', 'detail', 'requestId', 'status', 'title', 'type']]);
      expect([what, hashed() - before]).toEqual([what, 1]);
      expect(await rowsOf(a)).toEqual(rows);
      expect([what, asRecorded(events)]).toEqual([what, recorded === undefined ? [] : [[home.root.account, 'ConsoleLogin', recorded, 'refused', CODE]]]);
    }
  });

  it('is recorded as CloudTrail records a sign-in that failed', async () => {
    const { user, given } = await person();
    const [event] = await a.recordedBy(() => signIn({ ...given, password: 'wrong' }, { ip: '198.51.100.7' }));
    expect(event?.record).toMatchObject({
      eventSource: 'signin.amazonaws.com',
      eventName: 'ConsoleLogin',
      eventType: 'AwsConsoleSignIn',
      sourceIPAddress: '198.51.100.7',
      requestParameters: null,
      responseElements: { ConsoleLogin: 'Failure' },
      additionalEventData: { MFAUsed: 'No' },
    });
    expect(event?.record['userIdentity']).toEqual({ type: 'IAMUser', principalId: user.id, arn: user.arn, accountId: home.root.account, userName: user.name });
  });

  it('fills no audit log faster than he may guess, from however many addresses', async () => {
    const { given } = await person();
    const events = await a.recordedBy(async () => {
      for (let guess = 0; guess < 12; guess += 1) expect(shown(await signIn({ ...given, password: 'wrong' }, { node: guess % 2 === 0 ? a : b }))).toEqual(REFUSED);
    });
    expect(events).toHaveLength(5);
    a.clock.advance(30);
    expect(await signIn(given)).toMatchObject({ status: 200 });
  });

  it('has his address wait on every node after twenty failures, at whomever, and no other', async () => {
    const ip = address();
    const known = await person();
    for (let guess = 0; guess < 20; guess += 1) await signIn({ ...known.given, userName: `nobody-${String(guess)}` }, { ip, node: guess % 2 === 0 ? a : b });
    const before = hashed();
    for (const node of [a, b]) expect(shown(await signIn(known.given, { ip, node }))).toEqual(REFUSED);
    expect(hashed()).toBe(before);
    expect(await signIn(known.given)).toMatchObject({ status: 200 });
    a.clock.advance(30);
    expect(await signIn(known.given, { ip })).toMatchObject({ status: 200 });
    // His success bought him no more than this: the next failure makes the address wait again.
    await signIn({ ...known.given, userName: 'nobody' }, { ip });
    expect(shown(await signIn(known.given, { ip, node: b }))).toEqual(REFUSED);
  });

  it('counts for the address once only where it was wrong', async () => {
    const ip = address();
    const known = await person();
    for (let count = 0; count < 25; count += 1) expect(await signIn(known.given, { ip })).toMatchObject({ status: 200 });
    expect(await a.sql('SELECT failures, locked_until FROM mfa_throttle WHERE subject = $1', [`sign-in:${ip}`])).toEqual([{ failures: 0, locked_until: null }]);
  });

  it('gets no further by asking many times at once', async () => {
    const ip = address();
    for (let guess = 0; guess < 19; guess += 1) await signIn({ userName: `nobody-${String(guess)}`, password: 'x' }, { ip });
    const before = hashed();
    await Promise.all(Array.from({ length: 6 }, () => signIn({ userName: 'nobody', password: 'x' }, { ip })));
    expect(hashed() - before).toBe(1);
  });

  it('is not told that a code is needed, and spends none', async () => {
    const { given, device } = await withDevice();
    const tokenCode = device.code();
    expect((await signIn({ ...given, password: 'wrong', tokenCode })).body).not.toHaveProperty('mfaRequired');
    expect(await signIn({ ...given, tokenCode })).toMatchObject({ status: 200 });
  });
});

describe('whoever knows his password', () => {
  it('gets credentials that are his, as GetSessionToken gives them', async () => {
    const { user, given } = await person();
    let answer!: Answered;
    const [event] = await a.recordedBy(async () => {
      answer = await signIn({ ...given, durationSeconds: 900 });
    });
    expect(answer).toMatchObject({ status: 200, body: { passwordResetRequired: false, duration: { requested: 900, granted: 900, limitedBy: 'request' } } });
    expect((await rest('GetCallerIdentity', {}, keysIn(answer))).output).toMatchObject({ arn: user.arn });
    expect((await rest('GetUser', { UserName: user.name }, keysIn(answer))).code).toBe('InvalidClientTokenId');
    expect((await rest('GetSession', { SessionId: answer.body['sessionId'] })).output).toMatchObject({ session: { operation: 'SignIn', kind: 'user', status: 'active' } });
    expect(event?.record).toMatchObject({ eventName: 'ConsoleLogin', responseElements: { ConsoleLogin: 'Success', credentials: { accessKeyId: keysIn(answer).accessKeyId } }, additionalEventData: { MFAUsed: 'No' } });
  });

  it('is told that a code is needed, and whose it was is recorded', async () => {
    const { user, given, device } = await withDevice();
    for (const more of [{}, { tokenCode: device.wrong() }, { serialNumber: `${device.serial}-other`, tokenCode: device.code() }, { recoveryCode: '0000-0000-0000' }]) {
      let answer!: Answered;
      const events = await a.recordedBy(async () => {
        answer = await signIn({ ...given, ...more });
      });
      expect([shown(answer), answer.body['mfaRequired']]).toEqual([REFUSED, true]);
      expect(asRecorded(events)).toEqual([[home.root.account, 'ConsoleLogin', user.id, 'refused', CODE]]);
      expect(events[0]?.record['additionalEventData']).toMatchObject({ MFAUsed: Object.keys(more).length === 0 ? 'No' : 'Yes' });
    }
  });

  it('may give a code of any of his devices, and is recorded with that', async () => {
    const { user, given } = await withDevice();
    const second = await Authenticator.enabled(a, home.root, user.name, `${user.name}-second`);
    const [event] = await a.recordedBy(async () => {
      const answer = await signIn({ ...given, tokenCode: second.next() });
      expect((await rest('GetUser', { UserName: user.name }, keysIn(answer))).code).toBeUndefined();
    });
    expect(event?.record['additionalEventData']).toMatchObject({ MFAUsed: 'Yes', MFAIdentifier: second.serial });
  });

  it('waits with all his devices after five wrong codes that name none', async () => {
    const { given, device, user } = await withDevice();
    const second = await Authenticator.enabled(a, home.root, user.name, `${user.name}-second`);
    for (let guess = 0; guess < 5; guess += 1) await signIn({ ...given, tokenCode: device.wrong(guess) });
    for (const one of [device, second]) expect(shown(await signIn({ ...given, serialNumber: one.serial, tokenCode: one.code(1) }))).toEqual(REFUSED);
    expect(await a.sql(`SELECT failures FROM mfa_throttle WHERE subject = $1`, [`holder:${user.id}`])).toEqual([{ failures: 10 }]);
  });

  it('starts one session with one code, however many ask at once on both nodes, here and at GetSessionToken', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { user, given, device } = await withDevice();
      const tokenCode = device.code();
      const [signedIn, ...tokens] = await Promise.all([
        Promise.all([a, b].map((node) => signIn({ ...given, tokenCode }, { node }))),
        ...[a, b].map((node) => tokenOn(node, user, device.given(tokenCode))),
      ]);
      expect([...signedIn.map(({ status }) => (status === 200 ? 'ok' : 'no')), ...tokens].filter((outcome) => outcome === 'ok')).toHaveLength(1);
      expect(await a.sql('SELECT 1 FROM session WHERE issuer_id = $1', [user.id])).toHaveLength(1);
    }
  });

  it('cannot repeat it under an Idempotency-Key, for which a hash of the password would be kept', async () => {
    const { given } = await person();
    expect(await signIn(given, { headers: { 'idempotency-key': 'again' } })).toMatchObject({ status: 400, body: { code: 'ValidationError' } });
    expect(await a.sql('SELECT 1 FROM issued_answer')).toEqual([]);
  });

  it.each([
    [{ tokenCode: '123456', recoveryCode: '0000-0000-0000' }],
    [{ serialNumber: 'arn:aws:iam::123456789012:mfa/x' }],
  ])('is refused what does not go together: %j', async (more) => {
    const { given } = await person();
    expect(await signIn({ ...given, ...more })).toMatchObject({ status: 400, body: { code: 'ValidationError' } });
  });

  it('is shown with the time of it, soon and on every node', async () => {
    const { user, given } = await person();
    const lastUse = async (node: TestApp): Promise<unknown> => ((await call(node, 'query', { operation: 'GetUser', keys: home.root, input: { UserName: user.name } })).output as { user: { passwordLastUsed?: unknown } }).user.passwordLastUsed;
    expect(await lastUse(a)).toBeUndefined();
    await signIn({ ...given, password: 'wrong' });
    expect(await lastUse(a)).toBeUndefined();
    await signIn(given);
    const now = Math.floor(a.clock.now().getTime() / 1000);
    expect(await lastUse(a)).toBe(now);
    await a.running.app.get(PasswordsStore).uses.flush();
    expect(await lastUse(b)).toBe(now);
    const listed = await call(b, 'query', { operation: 'ListUsers', keys: home.root, input: { MaxItems: 1000 } });
    expect((listed.output as { users: { userName: string; passwordLastUsed?: number }[] }).users.find(({ userName }) => userName === user.name)?.passwordLastUsed).toBe(now);
  });
});

describe('whoever has to set another password', () => {
  const next = { OldPassword: PASSWORD, NewPassword: 'Another-password-2' };
  async function mayOnlyChange(keys: Keys, user: User): Promise<void> {
    const role = await home.role(`open-to-${user.name}`, trusts(user.arn));
    for (const [operation, input] of [['GetUser', { UserName: user.name }], ['ListUsers', {}], ['ListSessions', {}], ['AssumeRole', { RoleArn: role.arn, RoleSessionName: 'job' }]] as const) {
      expect([operation, (await rest(operation, input, keys)).code]).toEqual([operation, expect.stringMatching(/^(?:AccessDenied|InvalidClientTokenId)$/)]);
    }
    expect((await rest('ChangePassword', next, keys)).code).toBeUndefined();
    expect(await signIn({ userName: user.name, password: next.NewPassword })).toMatchObject({ body: expect.not.objectContaining({ passwordResetRequired: true }) as object });
  }

  it('can do nothing else', async () => {
    const { user, given } = await person({ PasswordResetRequired: true });
    const answer = await signIn(given);
    expect(answer).toMatchObject({ status: 200, body: { passwordResetRequired: true } });
    await mayOnlyChange(keysIn(answer), user);
  });

  it('can do nothing else although he used MFA', async () => {
    const { user, given, device } = await withDevice();
    await rest('UpdateLoginProfile', { UserName: user.name, PasswordResetRequired: true });
    await mayOnlyChange(keysIn(await signIn({ ...given, tokenCode: device.code() })), user);
  });

  it('can do so once it has expired, unless only an administrator can', async () => {
    const world = await home.account('expiring');
    const policy = { MaxPasswordAge: 1 };
    await call(a, 'rest', { operation: 'UpdateAccountPasswordPolicy', keys: world.root, input: policy });
    await world.user('alice', allows('*'));
    await call(a, 'rest', { operation: 'CreateLoginProfile', keys: world.root, input: { UserName: 'alice', Password: PASSWORD } });
    const given = { account: world.root.account, userName: 'alice', password: PASSWORD };
    const expiresAt = new Date(a.clock.now().getTime() + 86_400_000).toISOString();
    expect((await signIn(given)).body).toMatchObject({ passwordResetRequired: false, passwordExpiresAt: expiresAt });
    a.clock.advance(86_400);
    expect((await signIn(given)).body).toMatchObject({ passwordResetRequired: true, passwordExpiresAt: expiresAt });
    await call(a, 'rest', { operation: 'UpdateAccountPasswordPolicy', keys: world.root, input: { ...policy, HardExpiry: true } });
    expect(shown(await signIn(given))).toEqual({ ...REFUSED, detail: 'The password has expired. An administrator has to set another one.' });
    expect(shown(await signIn({ ...given, password: 'wrong' }))).toEqual(REFUSED);
  });
});

describe('a recovery code', () => {
  it('is good for one sign-in, with MFA, however many ask at once on both nodes', async () => {
    const { user, given } = await withDevice();
    const [recoveryCode, ...others] = await recoveryCodes(home, user.name);
    const answers = await Promise.all([a, b, a, b].map((node) => signIn({ ...given, recoveryCode }, { node })));
    expect(outcomes(answers)).toEqual([200, 403, 403, 403]);
    const won = answers.find(({ status }) => status === 200)!;
    expect(won.body).toMatchObject({ recoveryCodesLeft: 9 });
    expect((await rest('GetUser', { UserName: user.name }, keysIn(won))).code).toBeUndefined();
    expect(others).toHaveLength(9);
    expect((await rest('GetRecoveryCodesStatus', { UserName: user.name })).output).toMatchObject({ codesLeft: 9 });
  });

  it('is recorded as one', async () => {
    const { user, given } = await withDevice();
    const [recoveryCode] = await recoveryCodes(home, user.name);
    const used = async (): Promise<unknown> => (await a.recordedBy(() => signIn({ ...given, recoveryCode })))[0]?.record['additionalEventData'];
    expect(await used()).toMatchObject({ MFAUsed: 'Yes', recoveryCodeUsed: 'Yes', recoveryCodesLeft: 9 });
    expect(await used()).toEqual({ MFAUsed: 'Yes', recoveryCodeUsed: 'No' });
  });

  it('is worth nothing once others were made, or they were deleted', async () => {
    const { user, given } = await withDevice();
    const [old] = await recoveryCodes(home, user.name);
    const [recent] = await recoveryCodes(home, user.name);
    expect(shown(await signIn({ ...given, recoveryCode: old }))).toEqual(REFUSED);
    await rest('DeleteRecoveryCodes', { UserName: user.name });
    expect(shown(await signIn({ ...given, recoveryCode: recent }))).toEqual(REFUSED);
  });

  it('is held up by wrong ones, on every node', async () => {
    const { user, given, device } = await withDevice();
    const [recoveryCode] = await recoveryCodes(home, user.name);
    for (let guess = 0; guess < 5; guess += 1) await signIn({ ...given, recoveryCode: `0000-0000-000${String(guess)}` });
    expect(shown(await signIn({ ...given, recoveryCode }, { node: b }))).toEqual(REFUSED);
    // His device is not what was guessed at.
    expect(await signIn({ ...given, tokenCode: device.code() })).toMatchObject({ status: 200 });
    a.clock.advance(30);
    expect(await signIn({ ...given, recoveryCode }, { node: b })).toMatchObject({ status: 200 });
  });

  it('goes with the last device, also where two are taken away at once', async () => {
    const { user, device } = await withDevice();
    const second = await Authenticator.enabled(a, home.root, user.name, `${user.name}-second`);
    await recoveryCodes(home, user.name);
    await Promise.all([[a, device], [b, second]].map(([node, one]) => call(node as TestApp, 'query', { operation: 'DeactivateMFADevice', keys: home.root, input: { UserName: user.name, SerialNumber: (one as Authenticator).serial } })));
    expect((await rest('GetRecoveryCodesStatus', { UserName: user.name })).output).toEqual({ codesLeft: 0 });
  });

  it('stays with a device that is left', async () => {
    const { user, device } = await withDevice();
    await Authenticator.enabled(a, home.root, user.name, `${user.name}-second`);
    await recoveryCodes(home, user.name);
    await rest('DeactivateMFADevice', { UserName: user.name, SerialNumber: device.serial });
    expect((await rest('GetRecoveryCodesStatus', { UserName: user.name })).output).toMatchObject({ codesLeft: 10 });
  });

  it('is made by whoever has shown his device, and not by his access key alone', async () => {
    const { user, given, device } = await withDevice();
    const refused = await a.rest(user, 'POST /v1/recovery-codes');
    expect(refused).toMatchObject({ status: 403, body: { code: 'AccessDenied', mfaRequired: true } });
    const session = keysIn(await signIn({ ...given, tokenCode: device.code() }));
    expect((await a.rest(session, 'POST /v1/recovery-codes')).body['recoveryCodes']).toHaveLength(10);
  });
});
