import type { Input } from '../support/calls.js';
import type { Step } from '../support/orders.js';
import { BURSTS, CALLS, endingOf, Races, same, type Asked } from '../support/races.js';
import { allows, trusts, World } from '../support/world.js';

const PolicyDocument = JSON.stringify(allows('s3:GetObject'));
const AssumeRolePolicyDocument = JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' }));
const SHIPPED = ['AdministratorAccess', 'IAMFullAccess', 'IAMReadOnlyAccess', 'ReadOnlyAccess', 'SecurityAudit', 'StintAuditor', 'StintFullAccess', 'StintReadOnlyAccess'].map((name) => `arn:aws:iam::aws:policy/${name}`);

const races = new Races();
const { ask, done, exists, fresh, runs } = races;

beforeAll(() => races.start());
afterAll(() => races.stop());

describe('what is done at the same time happens one after the other', () => {
  /** A user or role that may be there, with or without a boundary, a policy that may be there, and whether it is attached. */
  interface Attached {
    readonly owner: boolean;
    readonly policy: boolean;
    readonly attached: boolean;
    readonly bounded: boolean;
    readonly inline: boolean;
  }

  it.each(['User', 'Role', 'Group'] as const)('policies of a %s come and go, and so do both sides', async (kind) => {
    const name = { [`${kind}Name`]: fresh('owner') };
    const PolicyName = fresh('policy');
    const PolicyArn = `arn:aws:iam::${races.world.root.account}:policy/${PolicyName}`;
    const hasBoundary = kind !== 'Group';
    const create = { ...name, ...(kind === 'Role' && { AssumeRolePolicyDocument }) };
    const calls: Record<string, Asked> = {
      create: { operation: `Create${kind}`, input: create },
      delete: { operation: `Delete${kind}`, input: name },
      createPolicy: { operation: 'CreatePolicy', input: { PolicyName, PolicyDocument } },
      deletePolicy: { operation: 'DeletePolicy', input: { PolicyArn } },
      attach: { operation: `Attach${kind}Policy`, input: { ...name, PolicyArn } },
      detach: { operation: `Detach${kind}Policy`, input: { ...name, PolicyArn } },
      put: { operation: `Put${kind}Policy`, input: { ...name, PolicyName: 'in', PolicyDocument } },
      remove: { operation: `Delete${kind}Policy`, input: { ...name, PolicyName: 'in' } },
      ...(hasBoundary && {
        bound: { operation: `Put${kind}PermissionsBoundary`, input: { ...name, PermissionsBoundary: PolicyArn } },
        unbound: { operation: `Delete${kind}PermissionsBoundary`, input: name },
      }),
    };
    const step = (state: Attached, call_: string): Step<Attached> => {
      const { owner, policy, attached, bounded, inline } = state;
      if (call_ === 'createPolicy') return policy ? same('EntityAlreadyExists', state) : same('ok', { ...state, policy: true });
      if (call_ === 'deletePolicy') return !policy ? same('NoSuchEntity', state) : attached || bounded ? same('DeleteConflict', state) : same('ok', { ...state, policy: false });
      if (call_ === 'create') return owner ? same('EntityAlreadyExists', state) : same('ok', { ...state, owner: true });
      if (!owner) return same('NoSuchEntity', state);
      switch (call_) {
        case 'delete':
          return attached || inline ? same('DeleteConflict', state) : same('ok', { ...state, owner: false, bounded: false });
        case 'attach':
          return policy ? same('ok', { ...state, attached: true }) : same('NoSuchEntity', state);
        case 'detach':
          return attached ? same('ok', { ...state, attached: false }) : same('NoSuchEntity', state);
        case 'put':
          return same('ok', { ...state, inline: true });
        case 'remove':
          return inline ? same('ok', { ...state, inline: false }) : same('NoSuchEntity', state);
        case 'bound':
          return policy ? same('ok', { ...state, bounded: true }) : same('NoSuchEntity', state);
        default:
          return same('ok', { ...state, bounded: false });
      }
    };
    const look = async (): Promise<Attached> => {
      const owner = await exists(kind === 'Group' ? 'GetGroup' : `Get${kind}`, name);
      const policy = await ask({ operation: 'GetPolicy', input: { PolicyArn } });
      const counts = (policy.output as { policy?: { attachmentCount: number; permissionsBoundaryUsageCount: number } } | undefined)?.policy;
      const attached = owner && JSON.stringify((await done(`ListAttached${kind}Policies`, name)).output).includes(PolicyArn);
      const inline = owner && JSON.stringify((await done(`List${kind}Policies`, name)).output).includes('"in"');
      const bounded = owner && hasBoundary && JSON.stringify((await done(`Get${kind}`, name)).output).includes(PolicyArn);
      // Nothing points to a policy that is gone, and nothing counts that is not there.
      expect([counts?.attachmentCount ?? 0, counts?.permissionsBoundaryUsageCount ?? 0]).toEqual([Number(attached), Number(bounded)]);
      return { owner, policy: counts !== undefined, attached, bounded, inline };
    };
    await done('CreatePolicy', { PolicyName, PolicyDocument });
    await done(`Create${kind}`, create);
    await runs({ calls, step, look }, 1);
  }, 120_000);

  /** Runs bursts of calls that come to the same every time, whatever their order: `outcomes`, in the order of the calls. */
  async function bursts(calls: readonly Asked[], outcomes: readonly string[], between: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
    for (let round = 0; round < BURSTS; round += 1) {
      const burst = Array.from({ length: 10 }, () => calls).flat();
      const ended = await Promise.all(burst.map(async (each) => endingOf(await ask(each), () => 'ok')));
      expect(ended).toEqual(burst.map((_, index) => outcomes[index % outcomes.length]));
      await between();
    }
  }

  // What waited for each other once: each of two transactions held a row and wanted the key of the other's.
  it('a policy is attached to whose boundary it is, and deleted, and nobody is stuck', async () => {
    const [PolicyName, UserName] = [fresh('bounding'), fresh('bounded')];
    const PolicyArn = `arn:aws:iam::${races.world.root.account}:policy/${PolicyName}`;
    await done('CreatePolicy', { PolicyName, PolicyDocument });
    await done('CreateUser', { UserName, PermissionsBoundary: PolicyArn });
    const calls = [{ operation: 'AttachUserPolicy', input: { UserName, PolicyArn } }, { operation: 'DeletePolicy', input: { PolicyArn } }];
    await bursts(calls, ['ok', 'DeleteConflict'], () => done('DetachUserPolicy', { UserName, PolicyArn }));
  }, 60_000);

  it('a role is put into a profile that it is in, and deleted, and nobody is stuck', async () => {
    const [InstanceProfileName, RoleName] = [fresh('profile'), fresh('role')];
    await done('CreateInstanceProfile', { InstanceProfileName });
    await done('CreateRole', { RoleName, AssumeRolePolicyDocument });
    await done('AddRoleToInstanceProfile', { InstanceProfileName, RoleName });
    await bursts([{ operation: 'AddRoleToInstanceProfile', input: { InstanceProfileName, RoleName } }, { operation: 'DeleteRole', input: { RoleName } }], ['LimitExceeded', 'DeleteConflict']);
  }, 60_000);

  it.each(['User', 'Group'] as const)('two of the kind %s take the names of each other, and nobody is stuck', async (kind) => {
    const [one, two] = [fresh('one'), fresh('two')];
    for (const name of [one, two]) await done(`Create${kind}`, { [`${kind}Name`]: name });
    const rename = (from: string, to: string): Asked => ({ operation: `Update${kind}`, input: { [`${kind}Name`]: from, [`New${kind}Name`]: to } });
    await bursts([rename(one, two), rename(two, one)], ['EntityAlreadyExists', 'EntityAlreadyExists']);
  }, 60_000);

  interface Versions {
    readonly numbers: readonly number[];
    readonly current: number;
    readonly latest: number;
  }

  it('versions of a policy are made, put in force and deleted', async () => {
    const PolicyName = fresh('versions');
    const PolicyArn = `arn:aws:iam::${races.world.root.account}:policy/${PolicyName}`;
    await done('CreatePolicy', { PolicyName, PolicyDocument });
    let latest = 1;
    const versions = Array.from({ length: 12 }, (_, index) => `v${index + 1}`);
    const calls: Record<string, Asked> = {
      ...Object.fromEntries(['add', 'add also', 'add too'].map((name) => [name, { operation: 'CreatePolicyVersion', input: { PolicyArn, PolicyDocument } }])),
      'add in force': { operation: 'CreatePolicyVersion', input: { PolicyArn, PolicyDocument, SetAsDefault: true } },
      ...Object.fromEntries(versions.map((VersionId) => [`set ${VersionId}`, { operation: 'SetDefaultPolicyVersion', input: { PolicyArn, VersionId } }])),
      ...Object.fromEntries(versions.map((VersionId) => [`delete ${VersionId}`, { operation: 'DeletePolicyVersion', input: { PolicyArn, VersionId } }])),
    };
    const step = (state: Versions, name: string): Step<Versions> => {
      const number = Number(/\d+$/.exec(name)?.[0]);
      if (name.startsWith('add')) {
        if (state.numbers.length >= 5) return same('LimitExceeded', state);
        const added = state.latest + 1;
        return same(`v${added}`, { numbers: [...state.numbers, added], current: name === 'add in force' ? added : state.current, latest: added });
      }
      if (!state.numbers.includes(number)) return same('NoSuchEntity', state);
      if (name.startsWith('set')) return same('ok', { ...state, current: number });
      return number === state.current ? same('DeleteConflict', state) : same('ok', { ...state, numbers: state.numbers.filter((each) => each !== number) });
    };
    const told = (output: unknown): string => {
      const { policyVersion } = output as { policyVersion?: { versionId: string } };
      latest = Math.max(latest, Number(policyVersion?.versionId.slice(1) ?? 0));
      return policyVersion?.versionId ?? 'ok';
    };
    const look = async (): Promise<Versions> => {
      const { versions: found } = (await done('ListPolicyVersions', { PolicyArn })).output as { versions: { versionId: string; isDefaultVersion: boolean }[] };
      const numbers = found.map(({ versionId }) => Number(versionId.slice(1))).sort((a, b) => a - b);
      const current = found.filter(({ isDefaultVersion }) => isDefaultVersion).map(({ versionId }) => Number(versionId.slice(1)));
      expect([current.length, numbers.length <= 5]).toEqual([1, true]);
      return { numbers, current: current[0]!, latest };
    };
    await runs({ calls, step, look, told }, 2);
  }, 120_000);

  /** Which id each name has, and who is a member: of a group's id. */
  interface Named {
    readonly ids: Readonly<Record<string, string>>;
  }

  it.each(['User', 'Group'] as const)('a %s takes the name of another, who takes his', async (kind) => {
    const names = ['a', 'b', 'c'].map((name) => fresh(name));
    const calls: Record<string, Asked> = {};
    for (const from of names) {
      for (const to of names) if (from !== to) calls[`${from} ${to}`] = { operation: `Update${kind}`, input: { [`${kind}Name`]: from, [`New${kind}Name`]: to.toUpperCase() } };
    }
    const step = ({ ids }: Named, name: string): Step<Named> => {
      const [from = '', to = ''] = name.split(' ');
      const id = ids[from];
      if (id === undefined) return same('NoSuchEntity', { ids });
      if (ids[to] !== undefined) return same('EntityAlreadyExists', { ids });
      return same('ok', { ids: sorted({ ...Object.fromEntries(Object.entries(ids).filter(([each]) => each !== from)), [to]: id }) });
    };
    const look = async (): Promise<Named> => {
      const ids: Record<string, string> = {};
      for (const name of names) {
        const { output } = await ask({ operation: `Get${kind}`, input: { [`${kind}Name`]: name } });
        const found = output as Record<string, Record<string, string> | undefined> | undefined;
        const id = found?.[kind.toLowerCase()]?.[`${kind.toLowerCase()}Id`];
        if (id !== undefined) ids[name] = id;
      }
      expect(new Set(Object.values(ids)).size).toBe(2);
      return { ids: sorted(ids) };
    };
    for (const name of names.slice(0, 2)) await done(`Create${kind}`, { [`${kind}Name`]: name });
    await runs({ calls, step, look }, 3);
  }, 120_000);

  interface Profiled {
    readonly profile: boolean;
    readonly role: boolean;
    readonly other: boolean;
    readonly holds: 'role' | 'other' | 'none';
  }

  it('roles go into an instance profile and out, and all come and go', async () => {
    const [InstanceProfileName, role, other] = [fresh('profile'), fresh('role'), fresh('other')] as const;
    const create = (RoleName: string): Asked => ({ operation: 'CreateRole', input: { RoleName, AssumeRolePolicyDocument } });
    const of = (operation: string, RoleName?: string): Asked => ({ operation, input: { ...(RoleName !== undefined && { RoleName }), ...(operation !== 'DeleteRole' && { InstanceProfileName }) } });
    const calls: Record<string, Asked> = {
      'create profile': of('CreateInstanceProfile'),
      'delete profile': of('DeleteInstanceProfile'),
      'create role': create(role),
      'create other': create(other),
      'delete role': of('DeleteRole', role),
      'delete other': of('DeleteRole', other),
      'add role': of('AddRoleToInstanceProfile', role),
      'add other': of('AddRoleToInstanceProfile', other),
      'remove role': of('RemoveRoleFromInstanceProfile', role),
      'remove other': of('RemoveRoleFromInstanceProfile', other),
    };
    const step = (state: Profiled, name: string): Step<Profiled> => {
      const [verb, what] = name.split(' ') as [string, 'profile' | 'role' | 'other'];
      if (verb === 'create') return state[what] ? same('EntityAlreadyExists', state) : same('ok', { ...state, [what]: true });
      if (!state.profile && what === 'profile') return same('NoSuchEntity', state);
      if (what === 'profile') return state.holds !== 'none' ? same('DeleteConflict', state) : same('ok', { ...state, profile: false });
      if (!state[what] || (verb !== 'delete' && !state.profile)) return same('NoSuchEntity', state);
      if (verb === 'delete') return state.holds === what ? same('DeleteConflict', state) : same('ok', { ...state, [what]: false });
      if (verb === 'add') return state.holds === 'none' ? same('ok', { ...state, holds: what }) : same('LimitExceeded', state);
      return state.holds === what ? same('ok', { ...state, holds: 'none' }) : same('NoSuchEntity', state);
    };
    const look = async (): Promise<Profiled> => {
      const answer = await ask(of('GetInstanceProfile'));
      const found = (answer.output as { instanceProfile?: { roles: { roleName: string }[] } } | undefined)?.instanceProfile;
      const names = found?.roles.map(({ roleName }) => roleName) ?? [];
      expect(names.length).toBeLessThanOrEqual(1);
      const holds = names[0] === undefined ? 'none' : names[0] === role ? 'role' : 'other';
      return { profile: found !== undefined, role: await exists('GetRole', { RoleName: role }), other: await exists('GetRole', { RoleName: other }), holds };
    };
    for (const name of ['create profile', 'create role', 'create other']) await done(calls[name]!.operation, calls[name]!.input);
    await runs({ calls, step, look }, 4);
  }, 120_000);

  interface Belonging {
    readonly user: boolean;
    readonly group: boolean;
    readonly member: boolean;
    readonly name: string;
  }

  it('a user goes into a group that is renamed, and both come and go', async () => {
    const [UserName, one, two] = [fresh('member'), fresh('one'), fresh('two')] as const;
    const calls: Record<string, Asked> = { 'create user': { operation: 'CreateUser', input: { UserName } }, 'delete user': { operation: 'DeleteUser', input: { UserName } }, 'create group': { operation: 'CreateGroup', input: { GroupName: one } } };
    for (const [word, GroupName, NewGroupName] of [['one', one, two], ['two', two, one]] as const) {
      calls[`add ${word}`] = { operation: 'AddUserToGroup', input: { UserName, GroupName } };
      calls[`remove ${word}`] = { operation: 'RemoveUserFromGroup', input: { UserName, GroupName } };
      calls[`rename ${word}`] = { operation: 'UpdateGroup', input: { GroupName, NewGroupName } };
      calls[`delete ${word}`] = { operation: 'DeleteGroup', input: { GroupName } };
    }
    // One group at a time: whoever makes another while this one is called `two` would have two.
    delete calls['create group'];
    const step = (state: Belonging, name: string): Step<Belonging> => {
      const [verb, what] = name.split(' ') as [string, string];
      if (name === 'create user') return state.user ? same('EntityAlreadyExists', state) : same('ok', { ...state, user: true });
      if (name === 'delete user') return !state.user ? same('NoSuchEntity', state) : state.member ? same('DeleteConflict', state) : same('ok', { ...state, user: false });
      if (!state.group || state.name !== what) return same('NoSuchEntity', state);
      if (verb === 'rename') return same('ok', { ...state, name: what === 'one' ? 'two' : 'one' });
      if (verb === 'delete') return state.member ? same('DeleteConflict', state) : same('ok', { ...state, group: false, name: '' });
      return state.user ? same('ok', { ...state, member: verb === 'add' }) : same('NoSuchEntity', state);
    };
    const look = async (): Promise<Belonging> => {
      const found = await Promise.all([one, two].map(async (GroupName) => (await ask({ operation: 'GetGroup', input: { GroupName } })).output as { users: object[] } | undefined));
      const group = found.find((each) => each !== undefined);
      const user = await exists('GetUser', { UserName });
      const member = (group?.users.length ?? 0) > 0;
      if (user) expect(((await done('ListGroupsForUser', { UserName })).output as { groups: object[] }).groups).toHaveLength(Number(member));
      return { user, group: group !== undefined, member, name: found[0] !== undefined ? 'one' : group === undefined ? '' : 'two' };
    };
    await done('CreateUser', { UserName });
    await done('CreateGroup', { GroupName: one });
    await done('AddUserToGroup', { GroupName: one, UserName });
    await runs({ calls, step, look }, 5);
  }, 120_000);
});

describe('quotas hold, however many ask at the same time', () => {
  /** How many of some calls succeed; the others are refused for the quota. */
  async function succeeding(calls: readonly Asked[]): Promise<number> {
    const ended = await Promise.all(calls.map(async (each) => endingOf(await ask(each), () => 'ok')));
    expect([...new Set(ended)].sort()).toEqual(['LimitExceeded', 'ok']);
    return ended.filter((each) => each === 'ok').length;
  }

  it.each(['User', 'Role', 'Group'] as const)('a %s has ten managed policies', async (kind) => {
    const name = { [`${kind}Name`]: fresh('full') };
    await done(`Create${kind}`, { ...name, ...(kind === 'Role' && { AssumeRolePolicyDocument }) });
    const own = await Promise.all(Array.from({ length: 6 }, () => races.world.policy(fresh('p'), allows('s3:*'))));
    const arns = [...SHIPPED, ...own];
    const calls = Array.from({ length: CALLS }, (_, index) => ({ operation: `Attach${kind}Policy`, input: { ...name, PolicyArn: arns[index % arns.length] } }));
    await succeeding(calls);
    expect(((await done(`ListAttached${kind}Policies`, name)).output as { attachedPolicies: object[] }).attachedPolicies).toHaveLength(10);
  }, 60_000);

  it('a user has two access keys, and so has the root user', async () => {
    const UserName = fresh('keys');
    await done('CreateUser', { UserName });
    expect(await succeeding(Array.from({ length: CALLS }, () => ({ operation: 'CreateAccessKey', input: { UserName } })))).toBe(2);
    const other = await new World(races.nodes[0]).account(fresh('account'));
    const ended = await Promise.all(Array.from({ length: 20 }, async () => endingOf(await ask({ operation: 'CreateAccessKey', input: {} }, other.root), () => 'ok')));
    expect(ended.filter((each) => each === 'ok')).toHaveLength(1);
  }, 60_000);

  it('a policy has five versions', async () => {
    const PolicyArn = await races.world.policy(fresh('p'), allows('s3:*'));
    expect(await succeeding(Array.from({ length: CALLS }, () => ({ operation: 'CreatePolicyVersion', input: { PolicyArn, PolicyDocument } })))).toBe(4);
  }, 60_000);

  it('a user is in ten groups', async () => {
    const UserName = fresh('social');
    await done('CreateUser', { UserName });
    const groups = Array.from({ length: 12 }, () => fresh('g'));
    for (const GroupName of groups) await done('CreateGroup', { GroupName });
    await succeeding(Array.from({ length: CALLS }, (_, index) => ({ operation: 'AddUserToGroup', input: { UserName, GroupName: groups[index % 12] } })));
    expect(((await done('ListGroupsForUser', { UserName })).output as { groups: object[] }).groups).toHaveLength(10);
  }, 60_000);

  it('an instance profile has one role', async () => {
    const InstanceProfileName = fresh('single');
    await done('CreateInstanceProfile', { InstanceProfileName });
    const roles = Array.from({ length: 5 }, () => fresh('r'));
    for (const RoleName of roles) await done('CreateRole', { RoleName, AssumeRolePolicyDocument });
    expect(await succeeding(Array.from({ length: CALLS }, (_, index) => ({ operation: 'AddRoleToInstanceProfile', input: { InstanceProfileName, RoleName: roles[index % 5] } })))).toBe(1);
  }, 60_000);
});

describe('names that differ by case only', () => {
  it.each<[operation: string, member: string, more: Input]>([
    ['CreateUser', 'UserName', {}],
    ['CreateGroup', 'GroupName', {}],
    ['CreateRole', 'RoleName', { AssumeRolePolicyDocument }],
    ['CreateInstanceProfile', 'InstanceProfileName', {}],
    ['CreatePolicy', 'PolicyName', { PolicyDocument }],
  ])('are given once, whoever asks at the same time: %s', async (operation, member, more) => {
    const name = fresh('alice');
    const spellings = [name, name.toUpperCase(), `A${name.slice(1)}`];
    const ended = await Promise.all(Array.from({ length: CALLS }, async (_, index) => endingOf(await ask({ operation, input: { ...more, [member]: spellings[index % 3] } }), () => 'ok')));
    expect(ended.filter((each) => each === 'ok')).toHaveLength(1);
    expect(ended.filter((each) => each === 'EntityAlreadyExists')).toHaveLength(CALLS - 1);
  }, 60_000);

  it('are given once, to who is made or to who is renamed', async () => {
    const [one, two, name] = [fresh('one'), fresh('two'), fresh('carol')];
    for (const UserName of [one, two]) await done('CreateUser', { UserName });
    const calls = [
      { operation: 'CreateUser', input: { UserName: name.toUpperCase() } },
      { operation: 'UpdateUser', input: { UserName: one, NewUserName: name } },
      { operation: 'UpdateUser', input: { UserName: two, NewUserName: name.toUpperCase() } },
    ];
    const ended = await Promise.all(calls.map(async (each) => endingOf(await ask(each), () => 'ok')));
    expect(ended.sort()).toEqual(['EntityAlreadyExists', 'EntityAlreadyExists', 'ok']);
  });
});

/** Names in their order, so that equal states read the same. */
function sorted(ids: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(ids).sort());
}
