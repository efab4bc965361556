import type { Keys } from './app.js';
import { Authenticator } from './authenticator.js';
import { call, type Input } from './calls.js';
import type { Scenario } from './scenarios.js';
import { allows, trusts, type World } from './world.js';

type Prepared = Promise<{ input: Input; caller?: Keys }>;

const nothing = (input: Input) => (): Prepared => Promise.resolve({ input });
const nobody = { SerialNumber: 'arn:aws:iam::123456789012:mfa/nobody' };
const codes = (device: Authenticator, from: number): Input => ({ AuthenticationCode1: device.code(from), AuthenticationCode2: device.code(from + 1) });
const wrong = (device: Authenticator): Input => ({ AuthenticationCode1: device.wrong(), AuthenticationCode2: device.wrong(1) });
const PHONE = 'Phone+1';

async function done(world: World, operation: string, input: Input): Promise<void> {
  const { code } = await call(world.app, 'query', { operation, keys: world.root, input });
  if (code !== undefined) throw new Error(`${operation} was refused: ${code}`);
}
/** A device that is nobody's, and tags on it. */
const loose = (more: Input | ((device: Authenticator) => Input) = {}) => async (world: World): Prepared => {
  await world.user('alice');
  const device = await Authenticator.created(world.app, world.root, PHONE, '/team/');
  await done(world, 'TagMFADevice', { SerialNumber: device.serial, Tags: [{ Key: 'a', Value: '1' }, { Key: 'A', Value: '2' }] });
  return { input: { SerialNumber: device.serial, ...(typeof more === 'function' ? more(device) : more) } };
};
/** A device of alice's. */
const hers = (more: Input | ((device: Authenticator) => Input) = {}) => async (world: World): Prepared => {
  await world.user('alice');
  const device = await Authenticator.enabled(world.app, world.root, 'alice', PHONE);
  return { input: { SerialNumber: device.serial, ...(typeof more === 'function' ? more(device) : more) } };
};
const without = (prepare: (world: World) => Prepared, input: Input) => async (world: World): Prepared => {
  await prepare(world);
  return { input };
};
/** A user who has eight devices already, and a ninth in his hands. */
const ninth = async (world: World): Prepared => {
  await world.user('alice');
  for (let count = 1; count <= 8; count += 1) await Authenticator.enabled(world.app, world.root, 'alice', `phone-${String(count)}`);
  const device = await Authenticator.created(world.app, world.root, PHONE);
  return { input: { UserName: 'alice', SerialNumber: device.serial, ...codes(device, -1) } };
};
/** A call of STS with a code of the caller's own. */
const proving = (operation: 'AssumeRole' | 'GetSessionToken', given: (device: Authenticator) => Input) => async (world: World): Prepared => {
  const caller = await world.user('caller', allows('sts:AssumeRole'));
  const role = await world.role('careful', trusts(caller.arn, { Bool: { 'aws:MultiFactorAuthPresent': 'true' } }));
  const device = await Authenticator.enabled(world.app, world.root, 'caller');
  return { input: { ...given(device), ...(operation === 'AssumeRole' ? { RoleArn: role.arn, RoleSessionName: 'job' } : {}) }, caller };
};
const ofRoot = async (world: World): Prepared => {
  const device = await Authenticator.created(world.app, world.root, PHONE);
  return { input: { UserName: 'AWS ROOT USER', SerialNumber: device.serial, ...codes(device, -1) } };
};

const devices: Scenario[] = [
  { operation: 'CreateVirtualMFADevice', title: 'with everything', expected: 'ok', prepare: nothing({ VirtualMFADeviceName: PHONE, Path: '/team/x/', Tags: [{ Key: 'a', Value: '1' }, { Key: 'A', Value: '' }] }) },
  { operation: 'CreateVirtualMFADevice', title: 'of a taken name', expected: 'EntityAlreadyExists', prepare: without(loose(), { VirtualMFADeviceName: PHONE, Path: '/team/' }) },
  { operation: 'CreateVirtualMFADevice', title: 'of the same name below another path', expected: 'ok', prepare: without(loose(), { VirtualMFADeviceName: PHONE }) },
  { operation: 'CreateVirtualMFADevice', title: 'with duplicate tags', expected: 'InvalidInput', prepare: nothing({ VirtualMFADeviceName: PHONE, Tags: [{ Key: 'a', Value: '1' }, { Key: 'a', Value: '2' }] }) },
  { operation: 'CreateVirtualMFADevice', title: 'whose serial number would be too long', expected: 'ValidationError', prepare: nothing({ VirtualMFADeviceName: 'x'.repeat(226), Path: '/y/' }) },
  { operation: 'ListVirtualMFADevices', title: 'of somebody and nobody', expected: 'ok', prepare: async (world) => {
    await hers()(world);
    await Authenticator.created(world.app, world.root, 'spare');
    return { input: {} };
  } },
  { operation: 'ListVirtualMFADevices', title: 'with a bad marker', expected: 'ValidationError', prepare: nothing({ Marker: 'no such marker' }) },
  { operation: 'DeleteVirtualMFADevice', title: 'of nobody', expected: 'ok', prepare: loose() },
  { operation: 'DeleteVirtualMFADevice', title: 'of a user', expected: 'DeleteConflict', prepare: hers() },
  { operation: 'DeleteVirtualMFADevice', title: 'that does not exist', expected: 'NoSuchEntity', prepare: nothing(nobody) },
  { operation: 'EnableMFADevice', title: 'with the codes before and now', expected: 'ok', prepare: loose((device) => ({ UserName: 'ALICE', ...codes(device, -1) })) },
  { operation: 'EnableMFADevice', title: 'of root, by root', expected: 'ok', prepare: ofRoot },
  { operation: 'EnableMFADevice', title: 'of root, by a user', expected: 'NoSuchEntity', prepare: async (world) => ({ ...(await ofRoot(world)), caller: await world.user('admin', allows('*')) }) },
  { operation: 'EnableMFADevice', title: 'with wrong codes', expected: 'InvalidAuthenticationCode', prepare: loose((device) => ({ UserName: 'alice', ...wrong(device) })) },
  { operation: 'EnableMFADevice', title: 'with one code given twice', expected: 'InvalidAuthenticationCode', prepare: loose((device) => ({ UserName: 'alice', AuthenticationCode1: device.code(), AuthenticationCode2: device.code() })) },
  { operation: 'EnableMFADevice', title: 'that is enabled', expected: 'EntityAlreadyExists', prepare: hers((device) => ({ UserName: 'alice', ...codes(device, 1) })) },
  { operation: 'EnableMFADevice', title: 'beyond the quota', expected: 'LimitExceeded', prepare: ninth },
  { operation: 'EnableMFADevice', title: 'of nobody', expected: 'NoSuchEntity', prepare: loose((device) => ({ UserName: 'nobody', ...codes(device, -1) })) },
  { operation: 'ResyncMFADevice', title: 'whose clock is a minute ahead', expected: 'ok', prepare: hers((device) => ({ UserName: 'alice', ...codes(device, 1) })) },
  { operation: 'ResyncMFADevice', title: 'with wrong codes', expected: 'InvalidAuthenticationCode', prepare: hers((device) => ({ UserName: 'alice', ...wrong(device) })) },
  { operation: 'ResyncMFADevice', title: 'with codes that were used', expected: 'InvalidAuthenticationCode', prepare: hers((device) => ({ UserName: 'alice', ...codes(device, -1) })) },
  { operation: 'ResyncMFADevice', title: 'of somebody who does not have it', expected: 'NoSuchEntity', prepare: loose((device) => ({ UserName: 'alice', ...codes(device, 0) })) },
  { operation: 'DeactivateMFADevice', title: 'of a user', expected: 'ok', prepare: hers({ UserName: 'alice' }) },
  { operation: 'DeactivateMFADevice', title: 'of somebody else', expected: 'NoSuchEntity', prepare: hers() },
  { operation: 'ListMFADevices', title: 'of a user', expected: 'ok', prepare: without(hers(), { UserName: 'alice' }) },
  { operation: 'ListMFADevices', title: 'of root itself', expected: 'ok', prepare: nothing({}) },
  { operation: 'ListMFADevices', title: 'of nobody', expected: 'NoSuchEntity', prepare: nothing({ UserName: 'nobody' }) },
  { operation: 'GetMFADevice', title: 'of a user', expected: 'ok', prepare: hers() },
  { operation: 'GetMFADevice', title: 'of nobody', expected: 'ok', prepare: loose() },
  { operation: 'GetMFADevice', title: 'of somebody who does not have it', expected: 'NoSuchEntity', prepare: loose({ UserName: 'alice' }) },
  { operation: 'TagMFADevice', title: 'with more tags', expected: 'ok', prepare: loose({ Tags: [{ Key: 'a', Value: '3' }, { Key: 'b', Value: '' }] }) },
  { operation: 'TagMFADevice', title: 'with duplicate tags', expected: 'InvalidInput', prepare: loose({ Tags: [{ Key: 'b', Value: '' }, { Key: 'b', Value: '' }] }) },
  { operation: 'TagMFADevice', title: 'beyond the quota', expected: 'LimitExceeded', prepare: loose({ Tags: Array.from({ length: 49 }, (_, index) => ({ Key: `k${String(index)}`, Value: '' })) }) },
  { operation: 'TagMFADevice', title: 'of no device', expected: 'NoSuchEntity', prepare: nothing({ ...nobody, Tags: [] }) },
  { operation: 'UntagMFADevice', title: 'of a key it has and one it has not', expected: 'ok', prepare: loose({ TagKeys: ['A', 'none'] }) },
  { operation: 'UntagMFADevice', title: 'of no device', expected: 'NoSuchEntity', prepare: nothing({ ...nobody, TagKeys: ['a'] }) },
  { operation: 'ListMFADeviceTags', title: 'in pages', expected: 'ok', prepare: loose({ MaxItems: 1 }) },
  { operation: 'ListMFADeviceTags', title: 'of no device', expected: 'NoSuchEntity', prepare: nothing(nobody) },
  { operation: 'UnlockMFADevice', title: 'of a user', expected: 'ok', prepare: hers() },
  { operation: 'UnlockMFADevice', title: 'that does not exist', expected: 'NoSuchEntity', prepare: nothing(nobody) },
  { operation: 'DeleteUser', title: 'with an MFA device', expected: 'DeleteConflict', prepare: async (world) => {
    const { accessKeyId } = await world.user('holder');
    await Authenticator.enabled(world.app, world.root, 'holder');
    await done(world, 'DeleteAccessKey', { UserName: 'holder', AccessKeyId: accessKeyId });
    return { input: { UserName: 'holder' } };
  } },
];

const sessions: Scenario[] = [
  { operation: 'GetSessionToken', title: 'with MFA', expected: 'ok', prepare: proving('GetSessionToken', (device) => device.given(device.code(1))) },
  { operation: 'GetSessionToken', title: 'with a wrong code', expected: 'AccessDenied', prepare: proving('GetSessionToken', (device) => device.given(device.wrong())) },
  { operation: 'AssumeRole', title: 'with MFA', expected: 'ok', prepare: proving('AssumeRole', (device) => device.given(device.code(1))) },
  { operation: 'AssumeRole', title: 'with a code that was used', expected: 'AccessDenied', prepare: proving('AssumeRole', (device) => device.given(device.code())) },
];

/** MFA devices, and sessions that are started with them. */
export const mfaScenarios: readonly Scenario[] = [...devices, ...sessions];
