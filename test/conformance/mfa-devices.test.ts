import {
  CreateVirtualMFADeviceCommand,
  DeactivateMFADeviceCommand,
  DeleteUserCommand,
  DeleteVirtualMFADeviceCommand,
  EnableMFADeviceCommand,
  GetMFADeviceCommand,
  ListMFADevicesCommand,
  ListVirtualMFADevicesCommand,
  paginateListVirtualMFADevices,
  ResyncMFADeviceCommand,
  UpdateUserCommand,
} from '@aws-sdk/client-iam';
import { GetSessionTokenCommand } from '@aws-sdk/client-sts';
import decode, { type QRCode } from 'jsqr';
import { PNG } from 'pngjs';

import { TestApp } from '../support/app.js';
import { Authenticator } from '../support/authenticator.js';
import { call } from '../support/calls.js';
import { expectSdkRefusal } from '../support/sdk.js';
import { allows, allowsUnder, World, type User } from '../support/world.js';

const read = decode as unknown as (data: Uint8ClampedArray, width: number, height: number) => QRCode | null;
const invalid = { code: 'InvalidAuthenticationCode', status: 403, message: 'Authentication code for device is not valid.' };
const gone = (serial: string): { code: string; status: number; message: string } => ({ code: 'NoSuchEntity', status: 404, message: `MFA Device with serial number ${serial} does not exist.` });

describe('a virtual MFA device', () => {
  let app: TestApp;
  let home: World;
  let count = 0;
  const fresh = (what: string): string => `${what}-${String((count += 1))}`;

  beforeAll(async () => {
    app = await TestApp.boot();
    home = new World(app);
  });
  afterAll(() => app.close());
  // Whoever fails twenty times within an hour from one address waits, and all tests have one.
  beforeEach(() => app.clock.advance(3_601));

  const enable = (user: { name: string }, device: Authenticator, codes: readonly [string, string]): Promise<unknown> =>
    app.iam(home.root).send(new EnableMFADeviceCommand({ UserName: user.name, SerialNumber: device.serial, AuthenticationCode1: codes[0], AuthenticationCode2: codes[1] }));
  const token = (user: User, given: { SerialNumber: string; TokenCode: string }): Promise<unknown> => app.sts(user).send(new GetSessionTokenCommand(given));

  describe('is made', () => {
    it('with a seed of 64 characters and a picture of it, which are shown this once', async () => {
      const { VirtualMFADevice: made, $metadata: _ } = await app.iam(home.root).send(new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: 'phone', Path: '/team/a/', Tags: [{ Key: 'team', Value: 'x' }] }));
      const SerialNumber = `arn:aws:iam::${app.root.account}:mfa/team/a/phone`;
      expect(made).toEqual({ SerialNumber, Base32StringSeed: expect.any(Uint8Array), QRCodePNG: expect.any(Uint8Array), Tags: [{ Key: 'team', Value: 'x' }] });
      const seed = Buffer.from(made!.Base32StringSeed!).toString('ascii');
      expect(seed).toMatch(/^[A-Z2-7]{64}$/);
      const { data, width, height } = PNG.sync.read(Buffer.from(made!.QRCodePNG!));
      const uri = new URL(read(new Uint8ClampedArray(data), width, height)?.data ?? '');
      expect([uri.protocol, uri.host, decodeURIComponent(uri.pathname), uri.searchParams.get('secret')]).toEqual(['otpauth:', 'totp', `/Stint:phone@${app.root.account}`, seed]);
      for (const answer of [await app.iam(home.root).send(new ListVirtualMFADevicesCommand()), await app.iam(home.root).send(new GetMFADeviceCommand({ SerialNumber }))]) {
        expect(JSON.stringify(answer)).not.toMatch(/Seed|QRCode/);
        expect(JSON.stringify(answer)).not.toContain(seed);
      }
    });

    it('with a picture that can be read, whatever its name', async () => {
      const name = `${'=,@+'.repeat(56)}x`;
      const { VirtualMFADevice: made } = await app.iam(home.root).send(new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: name }));
      expect(made?.SerialNumber).toBe(`arn:aws:iam::${app.root.account}:mfa/${name}`);
      const { data, width, height } = PNG.sync.read(Buffer.from(made?.QRCodePNG ?? []));
      const uri = new URL(read(new Uint8ClampedArray(data), width, height)?.data ?? '');
      expect(decodeURIComponent(uri.pathname)).toBe(`/Stint:${name}@${app.root.account}`);
      expect(uri.searchParams.get('secret')).toMatch(/^[A-Z2-7]{64}$/);
    });

    it('on the wire as AWS does it: the Base32 text in Base64', async () => {
      const { text } = await app.query(home.root, { Action: 'CreateVirtualMFADevice', Version: '2010-05-08', VirtualMFADeviceName: fresh('phone') });
      const value = /<Base32StringSeed>([^<]+)</.exec(text)?.[1] ?? '';
      expect(Buffer.from(value, 'base64').toString('ascii')).toMatch(/^[A-Z2-7]{64}$/);
      expect(/<QRCodePNG>([^<]+)</.exec(text)?.[1]).toMatch(/^iVBORw0KGgo/);
    });

    it('anew under the same name, with another seed', async () => {
      const first = await Authenticator.created(app, home.root, 'again');
      await app.iam(home.root).send(new DeleteVirtualMFADeviceCommand({ SerialNumber: first.serial }));
      const second = await Authenticator.created(app, home.root, 'again');
      expect(second.serial).toBe(first.serial);
      expect(second.seed).not.toEqual(first.seed);
    });

    it('under names that differ by case only, as policies tell them apart', async () => {
      const devices = [await Authenticator.created(app, home.root, 'Case'), await Authenticator.created(app, home.root, 'case')];
      expect(new Set(devices.map(({ serial }) => serial)).size).toBe(2);
    });

    it('once only by several at once', async () => {
      const made = await Promise.allSettled([1, 2, 3, 4].map(() => app.iam(home.root).send(new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: 'raced' }))));
      expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });
  });

  describe('is enabled', () => {
    const accepted: [string, number][] = [['the codes before and now', -1], ['the codes before that', -2], ['the codes now and next', 0]];
    it.each(accepted)('with %s', async (_, from) => {
      const user = await home.user(fresh('user'));
      const device = await Authenticator.created(app, home.root, user.name);
      await enable(user, device, [device.code(from), device.code(from + 1)]);
      const { MFADevices } = await app.iam(home.root).send(new ListMFADevicesCommand({ UserName: user.name }));
      expect(MFADevices).toEqual([{ UserName: user.name, SerialNumber: device.serial, EnableDate: new Date(Math.floor(app.clock.now().getTime() / 1000) * 1000) }]);
      await expect(app.iam(home.root).send(new GetMFADeviceCommand({ SerialNumber: device.serial }))).resolves.toMatchObject({ UserName: user.name, SerialNumber: device.serial });
    });

    const refused: [string, (device: Authenticator) => [string, string]][] = [
      ['the codes the wrong way round', (device) => [device.code(), device.code(-1)]],
      ['one code given twice', (device) => [device.code(), device.code()]],
      ['codes with one between them', (device) => [device.code(-1), device.code(1)]],
      ['codes of too long ago', (device) => [device.code(-3), device.code(-2)]],
      ['codes that are to come', (device) => [device.code(1), device.code(2)]],
      ['one right code and one wrong', (device) => [device.code(-1), device.wrong()]],
      ['one wrong code and one right', (device) => [device.wrong(), device.code()]],
      ['wrong codes', (device) => [device.wrong(), device.wrong(1)]],
    ];
    it.each(refused)('never with %s', async (_, codes) => {
      const user = await home.user(fresh('user'));
      const device = await Authenticator.created(app, home.root, user.name);
      await expectSdkRefusal(app, () => enable(user, device, codes(device)), invalid);
      await enable(user, device, [device.code(-1), device.code()]);
    });

    it('with codes that nothing accepts a second time', async () => {
      const user = await home.user(fresh('user'));
      const device = await Authenticator.created(app, home.root, user.name);
      await enable(user, device, [device.code(-1), device.code()]);
      for (const code of [device.code(-1), device.code()]) await expect(token(user, device.given(code))).rejects.toMatchObject({ name: 'AccessDenied' });
      await app.iam(home.root).send(new DeactivateMFADeviceCommand({ UserName: user.name, SerialNumber: device.serial }));
      await expectSdkRefusal(app, () => enable(user, device, [device.code(-1), device.code()]), invalid);
      // The first of the two was used, too.
      await expectSdkRefusal(app, () => enable(user, device, [device.code(), device.code(1)]), invalid);
      app.clock.advance(60);
      await enable(user, device, [device.code(-1), device.code()]);
    });

    it('for one of those who ask at once', async () => {
      const users = await Promise.all([1, 2, 3].map(() => home.user(fresh('user'))));
      const device = await Authenticator.created(app, home.root, fresh('shared'));
      const outcomes = await Promise.allSettled(users.map((user) => enable(user, device, [device.code(-1), device.code()])));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ Error: { Code: 'EntityAlreadyExists', Message: 'MFA Device is already in use.' } });
    });

    it('for no user beyond eight, however many ask at once', async () => {
      const user = await home.user(fresh('user'));
      const devices = [];
      for (let index = 0; index < 10; index += 1) devices.push(await Authenticator.created(app, home.root, fresh('many')));
      const outcomes = await Promise.allSettled(devices.map((device) => enable(user, device, [device.code(-1), device.code()])));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(8);
      const { MFADevices } = await app.iam(home.root).send(new ListMFADevicesCommand({ UserName: user.name }));
      expect(MFADevices).toHaveLength(8);
      // Any of them will do.
      app.clock.advance(30);
      for (const device of devices.filter(({ serial }) => MFADevices?.some(({ SerialNumber }) => SerialNumber === serial))) await token(user, device.given());
    });

    it('for nobody who is deleted at the same time', async () => {
      for (let round = 0; round < 5; round += 1) {
        const name = fresh('brief');
        await app.query(home.root, { Action: 'CreateUser', Version: '2010-05-08', UserName: name });
        const device = await Authenticator.created(app, home.root, name);
        const [enabled, deleted] = await Promise.allSettled([enable({ name }, device, [device.code(-1), device.code()]), app.iam(home.root).send(new DeleteUserCommand({ UserName: name }))]);
        expect([enabled.status, deleted.status].filter((status) => status === 'fulfilled')).toHaveLength(1);
      }
    });

    it('and goes with its user to another name', async () => {
      const user = await home.user(fresh('user'));
      const device = await Authenticator.enabled(app, home.root, user.name);
      await app.iam(home.root).send(new UpdateUserCommand({ UserName: user.name, NewUserName: `${user.name}-new` }));
      await expect(app.iam(home.root).send(new GetMFADeviceCommand({ SerialNumber: device.serial }))).resolves.toMatchObject({ UserName: `${user.name}-new` });
      await expect(token(user, device.given(device.next()))).resolves.toBeDefined();
    });
  });

  describe('that is off', () => {
    it.each([-600, -301, -90, -60, 60, 90, 301, 570])('by %i seconds is refused until it is synchronised, and its drift is remembered', async (ahead) => {
      const user = await home.user(fresh('user'));
      const device = await Authenticator.enabled(app, home.root, user.name);
      app.clock.advance(1_200);
      device.ahead = ahead;
      await expect(token(user, device.given())).rejects.toMatchObject({ message: 'MultiFactorAuthentication failed with invalid MFA one time pass code. ' });
      const resync = (codes: [string, string]): Promise<unknown> => app.iam(home.root).send(new ResyncMFADeviceCommand({ UserName: user.name, SerialNumber: device.serial, AuthenticationCode1: codes[0], AuthenticationCode2: codes[1] }));
      const codes: [string, string] = [device.code(-1), device.code()];
      await resync(codes);
      await expectSdkRefusal(app, () => resync(codes), invalid);
      await expect(token(user, device.given(codes[1]))).rejects.toMatchObject({ name: 'AccessDenied' });
      for (const code of [device.next(), device.next()]) await expect(token(user, device.given(code))).resolves.toBeDefined();
      // And one step either way from there, not further.
      app.clock.advance(120);
      await expect(token(user, device.given(device.code(2)))).rejects.toMatchObject({ name: 'AccessDenied' });
      await expect(token(user, device.given(device.code(-2)))).rejects.toMatchObject({ name: 'AccessDenied' });
      await expect(token(user, device.given(device.code(-1)))).resolves.toBeDefined();
      await expect(token(user, device.given(device.code(1)))).resolves.toBeDefined();
    });

    it.each([-660, 660, 86_400])('by %i seconds is beyond help', async (ahead) => {
      const user = await home.user(fresh('user'));
      const device = await Authenticator.enabled(app, home.root, user.name);
      app.clock.advance(1_200);
      device.ahead = ahead;
      const input = { UserName: user.name, SerialNumber: device.serial, AuthenticationCode1: device.code(-1), AuthenticationCode2: device.code() };
      await expectSdkRefusal(app, () => app.iam(home.root).send(new ResyncMFADeviceCommand(input)), invalid);
    });
  });

  describe('of root', () => {
    it('is enabled by root, under the name that root has', async () => {
      const world = await home.account(fresh('account'));
      const device = await Authenticator.enabled(app, world.root, 'AWS ROOT USER', 'root-account-mfa-device');
      const { MFADevices } = await app.iam(world.root).send(new ListMFADevicesCommand());
      expect(MFADevices).toEqual([{ UserName: 'AWS ROOT USER', SerialNumber: device.serial, EnableDate: expect.any(Date) }]);
      const { VirtualMFADevices } = await app.iam(world.root).send(new ListVirtualMFADevicesCommand());
      expect(VirtualMFADevices).toEqual([{ SerialNumber: device.serial, EnableDate: expect.any(Date), User: { Path: '/', UserId: world.root.account, Arn: `arn:aws:iam::${world.root.account}:root`, CreateDate: expect.any(Date) } }]);
      const session = await app.sts(world.root).send(new GetSessionTokenCommand(device.given(device.next())));
      expect(session.Credentials?.AccessKeyId).toMatch(/^ASIA/);
      await app.iam(world.root).send(new DeactivateMFADeviceCommand({ SerialNumber: device.serial }));
      await app.iam(world.root).send(new DeleteVirtualMFADeviceCommand({ SerialNumber: device.serial }));
    });

    it('is nothing that a user may touch, whatever he is allowed', async () => {
      const world = await home.account(fresh('account'));
      const admin = await world.user('admin', allows('*'));
      const device = await Authenticator.enabled(app, world.root, 'AWS ROOT USER', 'root-device');
      const nobody = { code: 'NoSuchEntity', status: 404, message: 'The user with name AWS ROOT USER cannot be found.' };
      const input = { UserName: 'AWS ROOT USER', SerialNumber: device.serial };
      await expectSdkRefusal(app, () => app.iam(admin).send(new DeactivateMFADeviceCommand(input)), nobody);
      await expectSdkRefusal(app, () => app.iam(admin).send(new ResyncMFADeviceCommand({ ...input, AuthenticationCode1: device.code(1), AuthenticationCode2: device.code(2) })), nobody);
      await expectSdkRefusal(app, () => app.iam(admin).send(new ListMFADevicesCommand({ UserName: 'AWS ROOT USER' })), nobody);
      await expectSdkRefusal(app, () => app.iam(admin).send(new DeactivateMFADeviceCommand({ SerialNumber: device.serial })), gone(device.serial));
    });
  });

  it('is listed by whether it is somebody’s, in pages, the oldest first', async () => {
    const world = await home.account(fresh('account'));
    const user = await world.user('alice', undefined, '/team/');
    const mine = await Authenticator.enabled(app, world.root, user.name);
    const spare = [];
    for (let index = 0; index < 3; index += 1) spare.push((await Authenticator.created(app, world.root, `spare-${String(index)}`)).serial);
    const listed = async (AssignmentStatus?: 'Assigned' | 'Unassigned' | 'Any'): Promise<unknown[]> => {
      const found = [];
      for await (const { VirtualMFADevices } of paginateListVirtualMFADevices({ client: app.iam(world.root), pageSize: 2 }, { AssignmentStatus })) found.push(...VirtualMFADevices!.map(({ SerialNumber }) => SerialNumber));
      return found.sort();
    };
    expect(await listed('Assigned')).toEqual([mine.serial]);
    expect(await listed('Unassigned')).toEqual([...spare].sort());
    for (const any of [undefined, 'Any'] as const) expect(await listed(any)).toEqual([mine.serial, ...spare].sort());
    const { VirtualMFADevices } = await app.iam(world.root).send(new ListVirtualMFADevicesCommand({ AssignmentStatus: 'Assigned' }));
    expect(VirtualMFADevices).toEqual([{ SerialNumber: mine.serial, EnableDate: expect.any(Date), User: { Path: '/team/', UserName: 'alice', UserId: user.id, Arn: user.arn, CreateDate: expect.any(Date) } }]);
  });

  it('is judged by its tags', async () => {
    const device = await Authenticator.created(app, home.root, fresh('tagged'));
    const user = await home.user(fresh('user'), allowsUnder({ StringEquals: { 'aws:ResourceTag/owner': 'me' } }, 'iam:*'));
    const remove = (): Promise<unknown> => app.iam(user).send(new DeleteVirtualMFADeviceCommand({ SerialNumber: device.serial }));
    await expectSdkRefusal(app, remove, { code: 'AccessDenied', status: 403, message: `User: ${user.arn} is not authorized to perform: iam:DeleteVirtualMFADevice on resource: ${device.serial} because no identity-based policy allows the iam:DeleteVirtualMFADevice action` });
    await call(app, 'query', { operation: 'TagMFADevice', keys: home.root, input: { SerialNumber: device.serial, Tags: [{ Key: 'owner', Value: 'me' }] } });
    await expect(remove()).resolves.toBeDefined();
  });

  it('keeps its seed enveloped, for its own row only', async () => {
    const [one, other] = [await Authenticator.created(app, home.root, fresh('rest')), await Authenticator.created(app, home.root, fresh('rest'))];
    const at = (device: Authenticator): string => device.serial.split('/').at(-1) ?? '';
    const rows = await app.sql<{ sealed: Buffer }>('SELECT sealed FROM mfa_device WHERE device_name = $1', [at(one)]);
    expect(rows[0]!.sealed.includes(one.seed)).toBe(false);
    await app.sql('UPDATE mfa_device SET sealed = $1 WHERE device_name = $2', [rows[0]!.sealed, at(other)]);
    const user = await home.user(fresh('user'));
    await expect(enable(user, new Authenticator(app, other.serial, one.seed), [one.code(-1), one.code()])).rejects.toMatchObject({ name: 'InternalFailure' });
  });

  it('is recorded without its seed, its picture and its codes', async () => {
    const user = await home.user(fresh('user'));
    let device!: Authenticator;
    const lines = app.lines.length;
    const events = await app.recordedBy(async () => {
      device = await Authenticator.created(app, home.root, fresh('recorded'));
      await device.enable(home.root, user.name);
    });
    expect(events.map(({ event_name, record }) => [event_name, record['requestParameters'], record['responseElements']])).toEqual([
      ['CreateVirtualMFADevice', { virtualMFADeviceName: device.serial.split('/').at(-1) }, { virtualMFADevice: { serialNumber: device.serial } }],
      ['EnableMFADevice', { userName: user.name, serialNumber: device.serial }, null],
    ]);
    const metrics = (await app.send({ path: '/metrics' })).text;
    for (const text of [...events.map((event) => event.text), ...app.lines.slice(lines), metrics]) {
      for (const code of [device.code(-1), device.code()]) expect(text).not.toMatch(new RegExp(`(?<![0-9A-Za-z.])${code}(?![0-9A-Za-z])`));
    }
  });
});
