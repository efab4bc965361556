import type { Input } from './calls.js';
import { keyOf, type Account } from './iam-laws.js';
import type { Device, Kind, Owner, Profile, Refused, Role, Tag, User } from './iam-things.js';

/** A call that looks, and what it must answer. */
export interface View {
  readonly operation: string;
  readonly input: Input;
  readonly answer: object | Refused;
}

const byName = <T extends { name: string }>(all: Iterable<T>): T[] => [...all].sort((a, b) => (keyOf(a.name) < keyOf(b.name) ? -1 : 1));
/** Tags as ListTags calls order them. */
const inOrder = (tags: readonly Tag[]): object[] => shown([...tags].sort((a, b) => a.Key.length - b.Key.length || (a.Key < b.Key ? -1 : 1)));
const shown = (tags: readonly Tag[]): object[] => tags.map(({ Key, Value }) => ({ key: Key, value: Value }));
const some = (tags: readonly Tag[]): object => (tags.length === 0 ? {} : { tags: inAnyOrder(shown(tags)) });
const inAnyOrder = (all: readonly object[]): unknown => (all.length === 0 ? [] : expect.arrayContaining([...all]));
const absent = (message: string): Refused => ({ code: 'NoSuchEntity', message });
const whole = { isTruncated: false };
const dated = { createDate: expect.any(Number) as unknown };
const nameOf = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1);
/** Attached policies as they are listed: by name, of equal ones those of the account first. */
const attached = ({ attached: arns }: Owner): object[] =>
  [...arns].sort((a, b) => (`${keyOf(nameOf(a))}/${a}` < `${keyOf(nameOf(b))}/${b}` ? -1 : 1)).map((arn) => ({ policyName: nameOf(arn), policyArn: arn }));
const boundary = ({ boundary: arn }: User | Role): object => (arn === undefined ? {} : { permissionsBoundary: { permissionsBoundaryType: 'Policy', permissionsBoundaryArn: arn } });

/** What the calls that look must answer about whatever a call names; refusals where there is nothing of that name. */
export function viewsOf(account: Account, input: Input): readonly View[] {
  const named = input as Record<string, string | undefined>;
  const { UserName, GroupName, RoleName, InstanceProfileName, PolicyArn, OpenIDConnectProviderArn, SerialNumber } = named;
  return [
    ...(UserName === undefined ? [] : ofUser(account, UserName)),
    ...(GroupName === undefined ? [] : ofGroup(account, GroupName)),
    ...(RoleName === undefined ? [] : ofRole(account, RoleName)),
    ...(InstanceProfileName === undefined ? [] : ofProfile(account, InstanceProfileName)),
    ...(PolicyArn?.includes(`${account.id}:policy/`) === true ? ofPolicy(account, PolicyArn) : []),
    ...(OpenIDConnectProviderArn === undefined ? [] : ofProvider(account, OpenIDConnectProviderArn)),
    ...(SerialNumber === undefined ? [] : ofDevice(account, SerialNumber)),
  ];
}

/** What lists of the whole account must answer. */
export function listsOf(account: Account): readonly View[] {
  const policies = byName(account.policies.values()).map((policy) => expect.objectContaining({ policyId: policy.id, arn: account.arn('policy', policy) }) as unknown);
  return [
    { operation: 'ListUsers', input: {}, answer: { users: byName(account.users.values()).map((user) => listedUser(account, user)), ...whole } },
    { operation: 'ListGroups', input: {}, answer: { groups: byName(account.groups.values()).map((group) => listedGroup(account, group)), ...whole } },
    { operation: 'ListRoles', input: {}, answer: { roles: byName(account.roles.values()).map((role) => listedRole(account, role)), ...whole } },
    { operation: 'ListInstanceProfiles', input: {}, answer: { instanceProfiles: byName(account.profiles.values()).map((profile) => listedProfile(account, profile)), ...whole } },
    { operation: 'ListPolicies', input: { Scope: 'Local' }, answer: { policies, ...whole } },
    { operation: 'ListOpenIDConnectProviders', input: {}, answer: { openIDConnectProviderList: [...account.providers.keys()].sort().map((arn) => ({ arn })) } },
    ...(['Any', 'Assigned', 'Unassigned'] as const).map((AssignmentStatus) => ({
      operation: 'ListVirtualMFADevices',
      input: { AssignmentStatus },
      answer: {
        virtualMFADevices: [...account.devices.values()]
          .filter(({ holder }) => AssignmentStatus === 'Any' || (holder !== undefined) === (AssignmentStatus === 'Assigned'))
          .map(({ serial, holder }) => ({ serialNumber: serial, ...(holder && { user: listedUser(account, holder), enableDate: dated.createDate }) })),
        ...whole,
      },
    })),
    { operation: 'ListAccountAliases', input: {}, answer: { accountAliases: account.alias === undefined ? [] : [account.alias], ...whole } },
    {
      operation: 'GetAccountPasswordPolicy',
      input: {},
      answer: account.rules === undefined ? absent(`The Password Policy with domain name ${account.id} cannot be found.`) : { passwordPolicy: account.rules },
    },
  ];
}

function ofDevice(account: Account, SerialNumber: string): View[] {
  const device = account.devices.get(SerialNumber);
  const missing = absent(`MFA Device with serial number ${SerialNumber} does not exist.`);
  const shownDevice = device && { serialNumber: SerialNumber, ...(device.holder && { userName: device.holder.name, enableDate: dated.createDate }) };
  return [
    { operation: 'GetMFADevice', input: { SerialNumber }, answer: shownDevice ?? missing },
    { operation: 'ListMFADeviceTags', input: { SerialNumber }, answer: device === undefined ? missing : { tags: inOrder(device.tags), ...whole } },
  ];
}

function listedUser(account: Account, user: User): object {
  return { path: user.path, userName: user.name, userId: user.id, arn: account.arn('user', user), ...dated };
}

function listedGroup(account: Account, group: Owner): object {
  return { path: group.path, groupName: group.name, groupId: group.id, arn: account.arn('group', group), ...dated };
}

function trustOf(account: Account, { trusted }: Role): unknown {
  const user = [...account.users.values()].find(({ id }) => id === trusted);
  // Somebody who is gone is shown by his unique id, whoever has his name now.
  return expect.stringContaining(trusted === undefined ? 'ec2.amazonaws.com' : `"AWS":"${user === undefined ? trusted : account.arn('user', user)}"`);
}

function briefRole(account: Account, role: Role): object {
  const description = role.description === undefined ? {} : { description: role.description };
  return { path: role.path, roleName: role.name, roleId: role.id, arn: account.arn('role', role), assumeRolePolicyDocument: trustOf(account, role), ...description, ...dated };
}

function listedRole(account: Account, role: Role): object {
  return { ...briefRole(account, role), maxSessionDuration: role.seconds };
}

function listedProfile(account: Account, profile: Profile): object {
  const roles = profile.role === undefined ? [] : [briefRole(account, profile.role)];
  return { path: profile.path, instanceProfileName: profile.name, instanceProfileId: profile.id, arn: account.arn('instance-profile', profile), roles, ...dated };
}

/** What is the same for all who have policies. */
function ofOwner(owner: Owner | undefined, kind: 'User' | 'Role' | 'Group', name: string): View[] {
  const input = { [`${kind}Name`]: name };
  const missing = absent(`The ${kind.toLowerCase() as Kind} with name ${name} cannot be found.`);
  return [
    { operation: `List${kind}Policies`, input, answer: owner === undefined ? missing : { policyNames: [...owner.inline.keys()].sort(), ...whole } },
    { operation: `ListAttached${kind}Policies`, input, answer: owner === undefined ? missing : { attachedPolicies: attached(owner), ...whole } },
    ...[...(owner?.inline ?? [])].map(([PolicyName, policyDocument]) => ({
      operation: `Get${kind}Policy`,
      input: { ...input, PolicyName },
      answer: { [`${kind.toLowerCase()}Name`]: owner?.name, policyName: PolicyName, policyDocument },
    })),
  ];
}

function ofUser(account: Account, UserName: string): View[] {
  const user = account.users.get(keyOf(UserName));
  const input = { UserName };
  const missing = absent(`The user with name ${UserName} cannot be found.`);
  const groups = byName([...account.groups.values()].filter(({ members }) => user !== undefined && members.has(user)));
  const keys = [...(user?.keys ?? [])].map(([accessKeyId, status]) => ({ userName: user?.name, accessKeyId, status, ...dated }));
  return [
    { operation: 'GetUser', input, answer: user === undefined ? missing : { user: { ...listedUser(account, user), ...boundary(user), ...some(user.tags) } } },
    { operation: 'ListGroupsForUser', input, answer: user === undefined ? missing : { groups: groups.map((group) => listedGroup(account, group)), ...whole } },
    { operation: 'ListAccessKeys', input, answer: user === undefined ? missing : { accessKeyMetadata: keys, ...whole } },
    { operation: 'ListUserTags', input, answer: user === undefined ? missing : { tags: inOrder(user.tags), ...whole } },
    { operation: 'ListMFADevices', input, answer: user === undefined ? missing : { mfaDevices: inAnyOrder(devicesOf(account, user)), ...whole } },
    { operation: 'GetLoginProfile', input, answer: user === undefined ? missing : loginProfile(user) },
    ...ofOwner(user, 'User', UserName),
  ];
}

function devicesOf(account: Account, user: User): object[] {
  return [...account.devices.values()].filter(({ holder }: Device) => holder === user).map(({ serial }) => ({ userName: user.name, serialNumber: serial, enableDate: dated.createDate }));
}

function loginProfile({ name, mustReset }: User): object | Refused {
  return mustReset === undefined ? absent(`Login Profile for User ${name} cannot be found.`) : { loginProfile: { userName: name, passwordResetRequired: mustReset, ...dated } };
}

function ofGroup(account: Account, GroupName: string): View[] {
  const group = account.groups.get(keyOf(GroupName));
  const answer = group && { group: listedGroup(account, group), users: byName(group.members).map((user) => listedUser(account, user)), ...whole };
  return [{ operation: 'GetGroup', input: { GroupName }, answer: answer ?? absent(`The group with name ${GroupName} cannot be found.`) }, ...ofOwner(group, 'Group', GroupName)];
}

function ofRole(account: Account, RoleName: string): View[] {
  const role = account.roles.get(keyOf(RoleName));
  const input = { RoleName };
  const missing = absent(`The role with name ${RoleName} cannot be found.`);
  const profiles = byName([...account.profiles.values()].filter((profile) => role !== undefined && profile.role === role));
  return [
    { operation: 'GetRole', input, answer: role === undefined ? missing : { role: { ...listedRole(account, role), ...boundary(role), ...some(role.tags), roleLastUsed: {} } } },
    { operation: 'ListInstanceProfilesForRole', input, answer: role === undefined ? missing : { instanceProfiles: profiles.map((profile) => listedProfile(account, profile)), ...whole } },
    { operation: 'ListRoleTags', input, answer: role === undefined ? missing : { tags: inOrder(role.tags), ...whole } },
    ...ofOwner(role, 'Role', RoleName),
  ];
}

function ofProfile(account: Account, InstanceProfileName: string): View[] {
  const profile = account.profiles.get(keyOf(InstanceProfileName));
  const input = { InstanceProfileName };
  const missing = absent(`Instance Profile ${InstanceProfileName} cannot be found.`);
  return [
    { operation: 'GetInstanceProfile', input, answer: profile === undefined ? missing : { instanceProfile: { ...listedProfile(account, profile), tags: inOrder(profile.tags) } } },
    { operation: 'ListInstanceProfileTags', input, answer: profile === undefined ? missing : { tags: inOrder(profile.tags), ...whole } },
  ];
}

function ofPolicy(account: Account, PolicyArn: string): View[] {
  const policy = account.policyIn(PolicyArn);
  const input = { PolicyArn };
  const uses = account.uses(PolicyArn);
  const missing = absent(`Policy ${PolicyArn} was not found.`);
  const users = new Set([...uses.attached, ...uses.bounded]);
  const named = (kind: Kind, word: string): object[] => byName([...users].filter((user) => user.kind === kind)).map(({ name, id }) => ({ [`${kind}Name`]: name, [word]: id }));
  const version = (number: number): object => ({ versionId: `v${number}`, isDefaultVersion: number === policy?.current, ...dated });
  const entities = { policyGroups: named('group', 'groupId'), policyUsers: named('user', 'userId'), policyRoles: named('role', 'roleId'), ...whole };
  return [
    {
      operation: 'GetPolicy',
      input,
      answer:
        policy === undefined
          ? missing
          : {
              policy: {
                policyName: policy.name,
                policyId: policy.id,
                arn: PolicyArn,
                path: policy.path,
                defaultVersionId: `v${policy.current}`,
                attachmentCount: uses.attached.length,
                permissionsBoundaryUsageCount: uses.bounded.length,
                isAttachable: true,
                ...(policy.description === undefined ? {} : { description: policy.description }),
                tags: inOrder(policy.tags),
                updateDate: expect.any(Number) as unknown,
                ...dated,
              },
            },
    },
    { operation: 'ListPolicyVersions', input, answer: policy === undefined ? missing : { versions: [...policy.versions.keys()].sort((a, b) => b - a).map(version), ...whole } },
    { operation: 'ListPolicyTags', input, answer: policy === undefined ? missing : { tags: inOrder(policy.tags), ...whole } },
    { operation: 'ListEntitiesForPolicy', input, answer: policy === undefined ? absent(`Policy ${PolicyArn} does not exist or is not attachable.`) : entities },
    ...[...(policy?.versions ?? [])].map(([number, document]) => ({
      operation: 'GetPolicyVersion',
      input: { PolicyArn, VersionId: `v${number}` },
      answer: { policyVersion: { document, ...version(number) } },
    })),
  ];
}

function ofProvider(account: Account, OpenIDConnectProviderArn: string): View[] {
  const provider = account.providers.get(OpenIDConnectProviderArn);
  const url = OpenIDConnectProviderArn.slice(OpenIDConnectProviderArn.indexOf('/') + 1);
  const answer = provider && { url, clientIDList: [...provider.clients], thumbprintList: [...provider.thumbprints], tags: inOrder(provider.tags), ...dated };
  return [{ operation: 'GetOpenIDConnectProvider', input: { OpenIDConnectProviderArn }, answer: answer ?? absent(`OpenIDConnect Provider not found for arn ${OpenIDConnectProviderArn}`) }];
}
