import { DeactivateMFADeviceCommand } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetSessionTokenCommand } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { Authenticator } from '../support/authenticator.js';
import { Sessions } from '../support/sessions.js';
import { allows, allowsUnder, denies, together, trusts, World, type Document, type Role, type User } from '../support/world.js';

const wrongCode = 'MultiFactorAuthentication failed with invalid MFA one time pass code. ';
const unknownDevice = 'MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.';
const present = { Bool: { 'aws:MultiFactorAuthPresent': 'true' } };
const absent = { Bool: { 'aws:MultiFactorAuthPresent': 'false' } };
const younger = (seconds: number): Document => ({ NumericLessThan: { 'aws:MultiFactorAuthAge': String(seconds) } });

describe('a code of an MFA device', () => {
  let app: TestApp;
  let sessions: Sessions;
  let home: World;
  let count = 0;
  const fresh = (what: string): string => `${what}-${String((count += 1))}`;

  beforeAll(async () => {
    app = await TestApp.boot();
    sessions = new Sessions(app);
    home = new World(app);
  });
  afterAll(() => app.close());
  // Whoever fails twenty times within an hour from one address waits, and all tests have one.
  beforeEach(() => app.clock.advance(3_601));

  async function holder(policy: Document = allows('*')): Promise<{ user: User; device: Authenticator }> {
    const user = await home.user(fresh('user'), policy);
    const device = await Authenticator.enabled(app, home.root, user.name);
    device.next();
    return { user, device };
  }

  describe('given with GetSessionToken', () => {
    it('makes a session that carries MFA, on all that is called with it', async () => {
      const { user, device } = await holder(allowsUnder(present, ['iam:ListUsers', 'sts:AssumeRole']));
      const role = await home.role(fresh('role'), trusts(home.root.account, present));
      const session = await sessions.sessionToken(user, device.given());
      expect(await sessions.looksOf(session)).toEqual(['iam:ListUsers']);
      expect(await sessions.looksOf(user)).toEqual([]);
      await expect(sessions.assume(session, role)).resolves.toBeDefined();
      await expect(sessions.assume(user, role)).rejects.toMatchObject({ name: 'AccessDenied' });
    });

    it('makes a session whose MFA grows old with it', async () => {
      const { user, device } = await holder(together(allowsUnder(younger(60), 'iam:ListUsers'), allowsUnder({ NumericGreaterThanEquals: { 'aws:MultiFactorAuthAge': '60' } }, 'iam:ListRoles')));
      const session = await sessions.sessionToken(user, device.given());
      const looks: string[][] = [];
      for (const seconds of [0, 59, 1]) {
        app.clock.advance(seconds);
        looks.push(await sessions.looksOf(session));
      }
      expect(looks).toEqual([['iam:ListUsers'], ['iam:ListUsers'], ['iam:ListRoles']]);
    });

    it('is not known to sessions without one, nor to long-term keys', async () => {
      const { user, device } = await holder(together(allowsUnder(present, 'iam:ListUsers'), allowsUnder(absent, 'iam:ListRoles'), allowsUnder({ Null: { 'aws:MultiFactorAuthPresent': 'true' } }, 'iam:ListPolicies')));
      expect(await sessions.looksOf(user)).toEqual(['iam:ListPolicies']);
      expect(await sessions.looksOf(await sessions.sessionToken(user, device.given()))).toEqual(['iam:ListUsers']);
    });

    it('is recorded with the session, and in all that is done with it, but never itself', async () => {
      const { user, device } = await holder();
      const lines = app.lines.length;
      const code = device.code();
      let session!: Keys;
      const asked = await sessions.eventIn(home.root.account, async () => {
        session = await sessions.sessionToken(user, device.given(code));
      });
      expect(asked).toMatchObject({ eventName: 'GetSessionToken', requestParameters: { serialNumber: device.serial }, userIdentity: { type: 'IAMUser' } });
      expect(asked.userIdentity).not.toHaveProperty('sessionContext');
      const done = await sessions.eventIn(home.root.account, () => sessions.looksOf(session).then(() => undefined)).catch(async () => (await app.events()).at(-1)!.record);
      expect(done.userIdentity).toMatchObject({ type: 'IAMUser', arn: user.arn, sessionContext: { sessionIssuer: {}, attributes: { mfaAuthenticated: 'true' } } });
      for (const text of [JSON.stringify(asked), ...app.lines.slice(lines)]) expect(text).not.toMatch(new RegExp(`(?<![0-9A-Za-z.])${code}(?![0-9A-Za-z])`));
    });
  });

  describe('given with AssumeRole', () => {
    it('satisfies the trust policy', async () => {
      const { user, device } = await holder();
      for (const condition of [present, younger(1), { ...present, ...younger(300) }]) {
        const role = await home.role(fresh('role'), trusts(home.root.account, condition));
        await expect(sessions.assume(user, role)).rejects.toMatchObject({ name: 'AccessDenied' });
        await expect(sessions.assume(user, role, device.given())).resolves.toBeDefined();
        device.next();
      }
    });

    it('is not known to the session of the role', async () => {
      const { user, device } = await holder();
      const policy = together(allowsUnder(present, 'iam:ListUsers'), allowsUnder(absent, 'iam:ListRoles'), allowsUnder({ Null: { 'aws:MultiFactorAuthAge': 'true' } }, 'iam:ListPolicies'));
      const role = await home.role(fresh('role'), trusts(home.root.account, present), { policy });
      const session = await sessions.assumed(user, role, device.given());
      expect(await sessions.looksOf(session)).toEqual(['iam:ListRoles', 'iam:ListPolicies']);
      await app.events();
      const event = (await app.events()).filter(({ event_name }) => event_name === 'ListRoles').at(-1);
      expect(event?.record.userIdentity).toMatchObject({ type: 'AssumedRole', sessionContext: { attributes: { mfaAuthenticated: 'false' } } });
      // What is assumed from there is assumed without MFA.
      const next = await home.role(fresh('role'), trusts(home.root.account, present));
      await expect(sessions.assume(session, next)).rejects.toMatchObject({ name: 'AccessDenied' });
    });

    it('satisfies no policy of the caller', async () => {
      const conditions = [allowsUnder(present), together(allows('*'), { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: '*', Resource: '*', Condition: { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } } }] })];
      for (const policy of conditions) {
        const { user, device } = await holder(policy);
        const role = await home.role(fresh('role'), trusts(home.root.account, present));
        await expect(sessions.assume(user, role, device.given())).rejects.toMatchObject({ name: 'AccessDenied' });
        const session = await sessions.sessionToken(user, device.given(device.next()));
        await expect(sessions.assume(session, role)).resolves.toBeDefined();
      }
    });

    it('may be given by a session of the user, and counts from then', async () => {
      const { user, device } = await holder();
      const role = await home.role(fresh('role'), trusts(home.root.account, younger(10)));
      const session = await sessions.sessionToken(user, device.given());
      app.clock.advance(60);
      await expect(sessions.assume(session, role)).rejects.toMatchObject({ name: 'AccessDenied' });
      await expect(sessions.assume(session, role, device.given())).resolves.toBeDefined();
    });

    it('is recorded by its device in both accounts, and never itself', async () => {
      const other = await home.account(fresh('account'));
      const { user, device } = await holder();
      const role = await other.role(fresh('role'), trusts(home.root.account, present));
      const events = await app.recordedBy(() => sessions.assume(user, role, device.given()));
      expect(events.map(({ account_id }) => account_id).sort()).toEqual([home.root.account, other.root.account].sort());
      for (const { record, text } of events) {
        expect(record['requestParameters']).toMatchObject({ serialNumber: device.serial });
        expect(text).not.toContain('tokenCode');
      }
    });
  });

  describe.each(['GetSessionToken', 'AssumeRole'])('given with %s, is refused', (operation) => {
    let role: Role;
    beforeAll(async () => {
      role = await home.role(fresh('role'), trusts(home.root.account));
    });
    const ask = (keys: Keys, given: { SerialNumber: string; TokenCode: string }): Promise<unknown> =>
      operation === 'AssumeRole' ? app.sts(keys).send(new AssumeRoleCommand({ RoleArn: role.arn, RoleSessionName: 'session', ...given })) : app.sts(keys).send(new GetSessionTokenCommand(given));
    const refused = async (keys: Keys, given: { SerialNumber: string; TokenCode: string }, message: string): Promise<void> => sessions.refused(() => ask(keys, given), { code: 'AccessDenied', message });

    it('where it is wrong, old, to come, or was used, in the same words', async () => {
      const { user, device } = await holder();
      for (const code of [device.wrong(), device.code(-2), device.code(2)]) await refused(user, device.given(code), wrongCode);
      await ask(user, device.given());
      await refused(user, device.given(), wrongCode);
      // What was shown before it is as good as used.
      await refused(user, device.given(device.code(-1)), wrongCode);
      await expect(ask(user, device.given(device.code(1)))).resolves.toBeDefined();
    });

    it('where the device is somebody else’s, nobody’s, of another account, or not there at all, in the same words', async () => {
      const { user } = await holder();
      const other = await holder();
      const nobodys = await Authenticator.created(app, home.root, fresh('spare'));
      const abroad = await home.account(fresh('account'));
      const stranger = await abroad.user('stranger');
      const away = await Authenticator.enabled(app, abroad.root, stranger.name);
      away.next();
      const absentee = { SerialNumber: `arn:aws:iam::${home.root.account}:mfa/none`, TokenCode: '123456' };
      for (const given of [other.device.given(), nobodys.given(), away.given(), absentee, { ...absentee, SerialNumber: 'GAHT12345678' }, { ...absentee, SerialNumber: other.device.serial.replace(':mfa/', ':mfa/x/') }]) await refused(user, given, unknownDevice);
      // And nothing of it counts against the other, whose code is still good.
      await expect(ask(other.user, other.device.given())).resolves.toBeDefined();
    });

    it('where the device was deactivated', async () => {
      const { user, device } = await holder();
      await app.iam(home.root).send(new DeactivateMFADeviceCommand({ UserName: user.name, SerialNumber: device.serial }));
      await refused(user, device.given(), unknownDevice);
    });
  });

  it('cannot be given by the session of a role', async () => {
    const { user, device } = await holder();
    const role = await home.role(fresh('role'), trusts(home.root.account), { policy: allows('*') });
    const session = await sessions.assumed(user, role);
    await sessions.refused(() => sessions.assume(session, role, device.given()), { code: 'AccessDenied', message: unknownDevice });
    await sessions.refused(() => sessions.sessionToken(session, device.given()), { code: 'AccessDenied', message: 'Cannot call GetSessionToken with session credentials' });
  });

  it('names its device in the event of a refusal, too', async () => {
    const { user, device } = await holder(denies('sts:*'));
    const [event] = await app.recordedBy(() => sessions.sessionToken(user, device.given(device.wrong())).catch(() => undefined));
    expect(event?.record).toMatchObject({ errorCode: 'AccessDenied', requestParameters: null, additionalEventData: { mfaSerialNumber: device.serial } });
  });
});
