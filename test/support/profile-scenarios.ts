import { call, type Input } from './calls.js';
import type { Scenario } from './scenarios.js';
import { trusts, type World } from './world.js';

type Prepared = Promise<{ input: Input }>;

const nothing = (input: Input) => (): Prepared => Promise.resolve({ input });
async function done(world: World, operation: string, input: Input): Promise<void> {
  const { code } = await call(world.app, 'query', { operation, keys: world.root, input });
  if (code !== undefined) throw new Error(`${operation} was refused: ${code}`);
}
/** What a call names, without what it does not take. */
const given = (input: Input): Input => Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
const profile = (more: Input = {}) => async (world: World): Prepared => {
  await done(world, 'CreateInstanceProfile', { InstanceProfileName: 'Web', Path: '/x/', Tags: [{ Key: 'a', Value: '1' }, { Key: 'A', Value: '2' }] });
  return { input: given({ InstanceProfileName: 'web', ...more }) };
};
const withRole = (more: Input = {}, inside = true) => async (world: World): Prepared => {
  await world.role('Server', trusts({ Service: 'ec2.amazonaws.com' }), { path: '/ci/' });
  const { input } = await profile(more)(world);
  if (inside) await done(world, 'AddRoleToInstanceProfile', { InstanceProfileName: 'Web', RoleName: 'server' });
  return { input };
};

/** Instance profiles and the role in each. */
export const profileScenarios: readonly Scenario[] = [
  { operation: 'CreateInstanceProfile', title: 'with everything', expected: 'ok', prepare: nothing({ InstanceProfileName: 'Web', Path: '/x/y/', Tags: [{ Key: 'a', Value: '1' }, { Key: 'A', Value: '' }] }) },
  { operation: 'CreateInstanceProfile', title: 'of a taken name', expected: 'EntityAlreadyExists', prepare: profile({ InstanceProfileName: 'WEB' }) },
  { operation: 'CreateInstanceProfile', title: 'with duplicate tags', expected: 'InvalidInput', prepare: nothing({ InstanceProfileName: 'web', Tags: [{ Key: 'a', Value: '1' }, { Key: 'a', Value: '2' }] }) },
  { operation: 'GetInstanceProfile', title: 'with a role', expected: 'ok', prepare: withRole() },
  { operation: 'GetInstanceProfile', title: 'of no profile', expected: 'NoSuchEntity', prepare: nothing({ InstanceProfileName: 'none' }) },
  { operation: 'ListInstanceProfiles', title: 'by path', expected: 'ok', prepare: withRole({ InstanceProfileName: undefined, PathPrefix: '/x' }) },
  { operation: 'ListInstanceProfiles', title: 'with a bad marker', expected: 'ValidationError', prepare: nothing({ Marker: 'no such marker' }) },
  { operation: 'ListInstanceProfilesForRole', title: 'that gives it out', expected: 'ok', prepare: withRole({ InstanceProfileName: undefined, RoleName: 'server' }) },
  { operation: 'ListInstanceProfilesForRole', title: 'of no role', expected: 'NoSuchEntity', prepare: nothing({ RoleName: 'none' }) },
  { operation: 'DeleteInstanceProfile', title: 'without a role', expected: 'ok', prepare: profile() },
  { operation: 'DeleteInstanceProfile', title: 'with a role', expected: 'DeleteConflict', prepare: withRole() },
  { operation: 'DeleteInstanceProfile', title: 'of no profile', expected: 'NoSuchEntity', prepare: nothing({ InstanceProfileName: 'none' }) },
  { operation: 'AddRoleToInstanceProfile', title: 'that is empty', expected: 'ok', prepare: withRole({ RoleName: 'SERVER' }, false) },
  { operation: 'AddRoleToInstanceProfile', title: 'that has one', expected: 'LimitExceeded', prepare: withRole({ RoleName: 'server' }) },
  { operation: 'AddRoleToInstanceProfile', title: 'of no role', expected: 'NoSuchEntity', prepare: profile({ RoleName: 'none' }) },
  { operation: 'RemoveRoleFromInstanceProfile', title: 'that has it', expected: 'ok', prepare: withRole({ RoleName: 'server' }) },
  { operation: 'RemoveRoleFromInstanceProfile', title: 'that does not have it', expected: 'NoSuchEntity', prepare: withRole({ RoleName: 'server' }, false) },
  { operation: 'TagInstanceProfile', title: 'with more tags', expected: 'ok', prepare: profile({ Tags: [{ Key: 'a', Value: '3' }, { Key: 'b', Value: '' }] }) },
  { operation: 'TagInstanceProfile', title: 'with duplicate tags', expected: 'InvalidInput', prepare: profile({ Tags: [{ Key: 'b', Value: '' }, { Key: 'b', Value: '' }] }) },
  { operation: 'TagInstanceProfile', title: 'beyond the quota', expected: 'LimitExceeded', prepare: profile({ Tags: Array.from({ length: 49 }, (_, index) => ({ Key: `k${String(index)}`, Value: '' })) }) },
  { operation: 'TagInstanceProfile', title: 'of no profile', expected: 'NoSuchEntity', prepare: nothing({ InstanceProfileName: 'none', Tags: [] }) },
  { operation: 'UntagInstanceProfile', title: 'of a key it has and one it has not', expected: 'ok', prepare: profile({ TagKeys: ['A', 'none'] }) },
  { operation: 'UntagInstanceProfile', title: 'of no profile', expected: 'NoSuchEntity', prepare: nothing({ InstanceProfileName: 'none', TagKeys: ['a'] }) },
  { operation: 'ListInstanceProfileTags', title: 'in pages', expected: 'ok', prepare: profile({ MaxItems: 1 }) },
  { operation: 'ListInstanceProfileTags', title: 'of no profile', expected: 'NoSuchEntity', prepare: nothing({ InstanceProfileName: 'none' }) },
  { operation: 'DeleteRole', title: 'in an instance profile', expected: 'DeleteConflict', prepare: withRole({ InstanceProfileName: undefined, RoleName: 'server' }) },
];
