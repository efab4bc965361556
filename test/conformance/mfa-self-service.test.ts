import { readFileSync } from 'node:fs';

import {
  CreateVirtualMFADeviceCommand,
  DeactivateMFADeviceCommand,
  DeleteVirtualMFADeviceCommand,
  EnableMFADeviceCommand,
  GetMFADeviceCommand,
  ListMFADevicesCommand,
  ListUsersCommand,
  ListVirtualMFADevicesCommand,
  ResyncMFADeviceCommand,
} from '@aws-sdk/client-iam';

import { TestApp, type Keys } from '../support/app.js';
import { Authenticator } from '../support/authenticator.js';
import { expectSdkRefusal } from '../support/sdk.js';
import { Sessions } from '../support/sessions.js';
import { allows, together, World, type Document, type User } from '../support/world.js';

const OWN_USER = 'arn:aws:iam::*:user/${aws:username}';
const withoutMfa = { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } };

/** The policy by which AWS lets users manage their own device: as it was while a device had to be called like its user. */
const namedLikeUser: Document = {
  Version: '2012-10-17',
  Statement: [
    { Sid: 'AllowViewAccountInfo', Effect: 'Allow', Action: 'iam:ListVirtualMFADevices', Resource: '*' },
    { Sid: 'AllowManageOwnVirtualMFADevice', Effect: 'Allow', Action: ['iam:CreateVirtualMFADevice', 'iam:DeleteVirtualMFADevice'], Resource: 'arn:aws:iam::*:mfa/${aws:username}' },
    { Sid: 'AllowManageOwnUserMFA', Effect: 'Allow', Action: ['iam:DeactivateMFADevice', 'iam:EnableMFADevice', 'iam:GetUser', 'iam:ListMFADevices', 'iam:ResyncMFADevice'], Resource: OWN_USER },
    {
      Sid: 'DenyAllExceptListedIfNoMFA',
      Effect: 'Deny',
      NotAction: ['iam:CreateVirtualMFADevice', 'iam:EnableMFADevice', 'iam:GetUser', 'iam:ListMFADevices', 'iam:ListVirtualMFADevices', 'iam:ResyncMFADevice', 'sts:GetSessionToken'],
      Resource: '*',
      Condition: withoutMfa,
    },
  ],
};

/** The same as it is since users may have several devices. */
const namedAnyhow: Document = {
  Version: '2012-10-17',
  Statement: [
    { Sid: 'AllowViewAccountInfo', Effect: 'Allow', Action: 'iam:ListVirtualMFADevices', Resource: '*' },
    { Sid: 'AllowManageOwnVirtualMFADevice', Effect: 'Allow', Action: ['iam:CreateVirtualMFADevice'], Resource: 'arn:aws:iam::*:mfa/*' },
    { Sid: 'AllowManageOwnUserMFA', Effect: 'Allow', Action: ['iam:DeactivateMFADevice', 'iam:EnableMFADevice', 'iam:GetMFADevice', 'iam:ListMFADevices', 'iam:ResyncMFADevice'], Resource: OWN_USER },
    {
      Sid: 'DenyAllExceptListedIfNoMFA',
      Effect: 'Deny',
      NotAction: ['iam:CreateVirtualMFADevice', 'iam:EnableMFADevice', 'iam:GetMFADevice', 'iam:ListMFADevices', 'iam:ListVirtualMFADevices', 'iam:ResyncMFADevice', 'sts:GetSessionToken'],
      Resource: '*',
      Condition: withoutMfa,
    },
  ],
};

/** What docs/mfa.md adds for those who have a device: another one only with MFA. */
const noOtherWithoutMfa: Document = {
  Version: '2012-10-17',
  Statement: [{ Sid: 'DenyOtherDevicesIfNoMFA', Effect: 'Deny', Action: ['iam:EnableMFADevice', 'iam:ResyncMFADevice'], Resource: '*', Condition: withoutMfa }],
};

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

const enable = (keys: Keys, device: Authenticator, name: string, from = -1): Promise<unknown> =>
  app.iam(keys).send(new EnableMFADeviceCommand({ UserName: name, SerialNumber: device.serial, AuthenticationCode1: device.code(from), AuthenticationCode2: device.code(from + 1) }));
const resync = (keys: Keys, device: Authenticator, name: string): Promise<unknown> =>
  app.iam(keys).send(new ResyncMFADeviceCommand({ UserName: name, SerialNumber: device.serial, AuthenticationCode1: device.code(1), AuthenticationCode2: device.code(2) }));
const deactivate = (keys: Keys, serial: string, name?: string): Promise<unknown> => app.iam(keys).send(new DeactivateMFADeviceCommand({ UserName: name, SerialNumber: serial }));
const remove = (keys: Keys, serial: string): Promise<unknown> => app.iam(keys).send(new DeleteVirtualMFADeviceCommand({ SerialNumber: serial }));

/** Why a user is not allowed something: nothing allows it, or MFA was not used. */
type Why = 'not allowed' | 'no MFA';
async function refused(send: () => Promise<unknown>, { user, action, resource, why }: { user: User; action: string; resource: string; why: Why }): Promise<void> {
  const because = why === 'no MFA' ? 'with an explicit deny in an identity-based policy' : `because no identity-based policy allows the ${action} action`;
  await expectSdkRefusal(app, send, { code: 'AccessDenied', status: 403, message: `User: ${user.arn} is not authorized to perform: ${action} on resource: ${resource} ${because}` });
}

/** What the header says that tells a client to come back with MFA. */
async function hinted(keys: Keys, form: Record<string, string>): Promise<string | null> {
  const { status, headers } = await app.query(keys, { Version: '2010-05-08', ...form });
  expect(status).toBe(403);
  return headers.get('x-stint-mfa-required');
}

interface Two {
  readonly alice: User;
  readonly bob: User;
  readonly bobs: Authenticator;
}
async function two(policy: Document): Promise<Two> {
  const alice = await home.user(fresh('alice'), together(policy, allows('iam:ListUsers')));
  const bob = await home.user(fresh('bob'), policy);
  const bobs = await Authenticator.enabled(app, bob, bob.name);
  return { alice, bob, bobs };
}

describe.each([
  ['as it was while devices were called like users', namedLikeUser],
  ['as it is now', namedAnyhow],
] as const)('with the policy of AWS for users who manage their own devices, %s, a user', (_, policy) => {
  const isOld = policy === namedLikeUser;

  it('makes, enables and synchronises a device without MFA, and does nothing else until he has used it', async () => {
    const { alice } = await two(policy);
    await refused(() => app.iam(alice).send(new ListUsersCommand()), { user: alice, action: 'iam:ListUsers', resource: `arn:aws:iam::${home.root.account}:user/`, why: 'no MFA' });
    expect(await hinted(alice, { Action: 'ListUsers' })).toBe('true');
    const device = await Authenticator.enabled(app, alice, alice.name);
    await resync(alice, device, alice.name);
    await expect(app.iam(alice).send(new ListVirtualMFADevicesCommand())).resolves.toBeDefined();
    await expect(app.iam(alice).send(new ListMFADevicesCommand())).resolves.toMatchObject({ MFADevices: [{ SerialNumber: device.serial }] });
    // Who has the key alone cannot take the device away.
    await refused(() => deactivate(alice, device.serial, alice.name), { user: alice, action: 'iam:DeactivateMFADevice', resource: alice.arn, why: 'no MFA' });
    expect(await hinted(alice, { Action: 'DeactivateMFADevice', UserName: alice.name, SerialNumber: device.serial })).toBe('true');
    await refused(() => remove(alice, device.serial), { user: alice, action: 'iam:DeleteVirtualMFADevice', resource: device.serial, why: 'no MFA' });
    expect(await hinted(alice, { Action: 'DeleteVirtualMFADevice', SerialNumber: device.serial })).toBe(isOld ? 'true' : null);
    // Stint has learnt that the device is a minute ahead.
    device.ahead = 60;
    const session = await sessions.sessionToken(alice, device.given(device.next()));
    await expect(app.iam(session).send(new ListUsersCommand())).resolves.toBeDefined();
  });

  it('takes his device away with MFA', async () => {
    const { alice } = await two(policy);
    const device = await Authenticator.enabled(app, alice, alice.name);
    const session = await sessions.sessionToken(alice, device.given(device.next()));
    if (!isOld) await expect(app.iam(alice).send(new GetMFADeviceCommand({ SerialNumber: device.serial, UserName: alice.name }))).resolves.toBeDefined();
    await deactivate(session, device.serial);
    if (isOld) await remove(session, device.serial);
    else await refused(() => remove(session, device.serial), { user: alice, action: 'iam:DeleteVirtualMFADevice', resource: device.serial, why: 'not allowed' });
    expect((await app.iam(alice).send(new ListMFADevicesCommand())).MFADevices).toEqual([]);
  });

  it('does nothing of it to anybody else, whether or not he has used MFA', async () => {
    const { alice, bob, bobs } = await two(policy);
    const device = await Authenticator.enabled(app, alice, alice.name);
    const spare = await Authenticator.created(app, home.root, fresh('spare'));
    const session = await sessions.sessionToken(alice, device.given(device.next()));
    for (const keys of [alice, session]) {
      await refused(() => enable(keys, spare, bob.name), { user: alice, action: 'iam:EnableMFADevice', resource: bob.arn, why: 'not allowed' });
      await refused(() => resync(keys, bobs, bob.name), { user: alice, action: 'iam:ResyncMFADevice', resource: bob.arn, why: 'not allowed' });
      await refused(() => app.iam(keys).send(new ListMFADevicesCommand({ UserName: bob.name })), { user: alice, action: 'iam:ListMFADevices', resource: bob.arn, why: 'not allowed' });
      const absent = { code: 'NoSuchEntity', status: 404, message: `MFA Device with serial number ${bobs.serial} does not exist.` };
      await expectSdkRefusal(app, () => resync(keys, bobs, alice.name), absent);
      await expectSdkRefusal(app, () => enable(keys, bobs, alice.name), { code: 'EntityAlreadyExists', status: 409, message: 'MFA Device is already in use.' });
    }
    await refused(() => deactivate(session, bobs.serial, bob.name), { user: alice, action: 'iam:DeactivateMFADevice', resource: bob.arn, why: 'not allowed' });
    await expectSdkRefusal(app, () => deactivate(session, bobs.serial), { code: 'NoSuchEntity', status: 404, message: `MFA Device with serial number ${bobs.serial} does not exist.` });
    for (const serial of [bobs.serial, spare.serial]) await refused(() => remove(session, serial), { user: alice, action: 'iam:DeleteVirtualMFADevice', resource: serial, why: 'not allowed' });
    const create = (): Promise<unknown> => app.iam(alice).send(new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: `${bob.name}-x` }));
    if (isOld) await refused(create, { user: alice, action: 'iam:CreateVirtualMFADevice', resource: `arn:aws:iam::${home.root.account}:mfa/${bob.name}-x`, why: 'not allowed' });
    else await expect(create()).resolves.toBeDefined();
    // None of it spent or counted anything of bob's.
    app.clock.advance(30);
    await expect(sessions.sessionToken(bob, bobs.given())).resolves.toBeDefined();
  });
});

it('docs/mfa.md shows these policies', () => {
  const shown = [...readFileSync('docs/mfa.md', 'utf8').matchAll(/```json\n(.*?)```/gs)].map(([, text = '']) => JSON.parse(text) as unknown);
  expect(shown).toEqual([namedAnyhow, noOtherWithoutMfa]);
});

it('with the addition for those who have a device, a stolen key enables no other one', async () => {
  const policy = together(namedAnyhow, noOtherWithoutMfa);
  const user = await home.user(fresh('carol'), policy);
  const device = await Authenticator.enabled(app, home.root, user.name);
  const second = await Authenticator.created(app, user, fresh('second'));
  await refused(() => enable(user, second, user.name), { user, action: 'iam:EnableMFADevice', resource: user.arn, why: 'no MFA' });
  await refused(() => resync(user, device, user.name), { user, action: 'iam:ResyncMFADevice', resource: user.arn, why: 'no MFA' });
  const session = await sessions.sessionToken(user, device.given(device.next()));
  await enable(session, second, user.name);
  expect((await app.iam(user).send(new ListMFADevicesCommand())).MFADevices).toHaveLength(2);
});
