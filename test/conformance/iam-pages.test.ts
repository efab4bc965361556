import { TestApp } from '../support/app.js';
import { Authenticator } from '../support/authenticator.js';
import { call, effectOf, expectRefused, registry, type Called, type Input } from '../support/calls.js';
import { metadata } from '../support/identity-providers.js';
import { allows, trusts, World } from '../support/world.js';

const PolicyDocument = JSON.stringify(allows('s3:GetObject'));
const AssumeRolePolicyDocument = JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' }));

/** A list in an account of its own: how rows come into it and go. */
interface List {
  readonly input: Input;
  /** Adds a row, and answers what it is called in the list. */
  readonly add: (name: string) => Promise<string>;
  readonly remove: (row: string) => Promise<unknown>;
  /** What the rows of an answer are called. */
  readonly read: (output: never) => readonly string[];
  /** How many rows there may be. */
  readonly most: number;
}

interface Place {
  readonly account: string;
  readonly ask: (operation: string, input: Input) => Promise<Called>;
  readonly done: (operation: string, input: Input) => Promise<unknown>;
  /** Has an MFA device made, and enabled for a user where one is named; its serial number. */
  readonly device: (name: string, userName?: string) => Promise<string>;
}

type Prepare = (place: Place) => Promise<List>;

const named = (operation: string, member: string, more: { create?: Input; list?: Input; plural?: string } = {}): Prepare => async ({ done }) => {
  const kind = member.replace(/Name$/, '');
  const read = (output: Record<string, Record<string, string>[]>): string[] => output[more.plural ?? `${kind[0]!.toLowerCase()}${kind.slice(1)}s`]!.map((row) => row[`${member[0]!.toLowerCase()}${member.slice(1)}`]!);
  return Promise.resolve({
    input: more.list ?? {},
    add: async (name) => {
      await done(operation, { [member]: name, ...more.create });
      return name;
    },
    remove: (row) => done(operation.replace('Create', 'Delete'), { [member]: row }),
    read: read,
    most: 7,
  });
};

const tags = (kind: string, prepare: (place: Place) => Promise<Input>): Prepare => async (place) => {
  const input = await prepare(place);
  return {
    input,
    add: async (Key) => {
      await place.done(`Tag${kind}`, { ...input, Tags: [{ Key, Value: 'x' }] });
      return Key;
    },
    remove: (Key) => place.done(`Untag${kind}`, { ...input, TagKeys: [Key] }),
    read: (({ tags: found }: { tags: { key: string }[] }) => found.map(({ key }) => key)),
    most: 7,
  };
};

const owners = {
  User: { create: { UserName: 'owner' }, input: { UserName: 'owner' } },
  Role: { create: { RoleName: 'owner', AssumeRolePolicyDocument }, input: { RoleName: 'owner' } },
  Group: { create: { GroupName: 'owner' }, input: { GroupName: 'owner' } },
} as const;
type OwnerKind = keyof typeof owners;

const owner = (kind: OwnerKind) => async ({ done }: Place): Promise<Input> => {
  await done(`Create${kind}`, owners[kind].create);
  return owners[kind].input;
};
const policy = async ({ account, done }: Place): Promise<{ PolicyArn: string }> => {
  await done('CreatePolicy', { PolicyName: 'one', PolicyDocument });
  return { PolicyArn: `arn:aws:iam::${account}:policy/one` };
};

const inline = (kind: OwnerKind): Prepare => async (place) => {
  const input = await owner(kind)(place);
  return {
    input,
    add: async (PolicyName) => {
      await place.done(`Put${kind}Policy`, { ...input, PolicyName, PolicyDocument });
      return PolicyName;
    },
    remove: (PolicyName) => place.done(`Delete${kind}Policy`, { ...input, PolicyName }),
    read: (({ policyNames }: { policyNames: string[] }) => policyNames),
    most: 7,
  };
};

const attached = (kind: OwnerKind): Prepare => async (place) => {
  const input = await owner(kind)(place);
  return {
    input,
    add: async (PolicyName) => {
      const PolicyArn = `arn:aws:iam::${place.account}:policy/${PolicyName}`;
      await place.done('CreatePolicy', { PolicyName, PolicyDocument });
      await place.done(`Attach${kind}Policy`, { ...input, PolicyArn });
      return PolicyArn;
    },
    remove: (PolicyArn) => place.done(`Detach${kind}Policy`, { ...input, PolicyArn }),
    read: (({ attachedPolicies }: { attachedPolicies: { policyArn: string }[] }) => attachedPolicies.map(({ policyArn }) => policyArn)),
    most: 7,
  };
};

/** Every list of IAM that has pages. */
const lists: Readonly<Record<string, Prepare>> = {
  ListUsers: named('CreateUser', 'UserName'),
  ListGroups: named('CreateGroup', 'GroupName'),
  ListRoles: named('CreateRole', 'RoleName', { create: { AssumeRolePolicyDocument } }),
  ListInstanceProfiles: named('CreateInstanceProfile', 'InstanceProfileName'),
  ListPolicies: async (place) => {
    const base = await named('CreatePolicy', 'PolicyName', { create: { PolicyDocument }, list: { Scope: 'Local' }, plural: 'policies' })(place);
    return { ...base, remove: (row) => place.done('DeletePolicy', { PolicyArn: `arn:aws:iam::${place.account}:policy/${row}` }) };
  },
  GetGroup: async (place) => {
    const input = await owner('Group')(place);
    return {
      input,
      add: async (UserName) => {
        await place.done('CreateUser', { UserName });
        await place.done('AddUserToGroup', { ...input, UserName });
        return UserName;
      },
      remove: (UserName) => place.done('RemoveUserFromGroup', { ...input, UserName }),
      read: (({ users }: { users: { userName: string }[] }) => users.map(({ userName }) => userName)),
      most: 7,
    };
  },
  ListGroupsForUser: async (place) => {
    const input = await owner('User')(place);
    return {
      input,
      add: async (GroupName) => {
        await place.done('CreateGroup', { GroupName });
        await place.done('AddUserToGroup', { ...input, GroupName });
        return GroupName;
      },
      remove: (GroupName) => place.done('RemoveUserFromGroup', { ...input, GroupName }),
      read: (({ groups }: { groups: { groupName: string }[] }) => groups.map(({ groupName }) => groupName)),
      most: 7,
    };
  },
  ListAccessKeys: async (place) => {
    const input = await owner('User')(place);
    return {
      input,
      add: async () => ((await place.done('CreateAccessKey', input)) as { accessKey: { accessKeyId: string } }).accessKey.accessKeyId,
      remove: (AccessKeyId) => place.done('DeleteAccessKey', { ...input, AccessKeyId }),
      read: (({ accessKeyMetadata }: { accessKeyMetadata: { accessKeyId: string }[] }) => accessKeyMetadata.map(({ accessKeyId }) => accessKeyId)),
      most: 2,
    };
  },
  ListInstanceProfilesForRole: async (place) => {
    const input = await owner('Role')(place);
    return {
      input,
      add: async (InstanceProfileName) => {
        await place.done('CreateInstanceProfile', { InstanceProfileName });
        await place.done('AddRoleToInstanceProfile', { ...input, InstanceProfileName });
        return InstanceProfileName;
      },
      remove: (InstanceProfileName) => place.done('RemoveRoleFromInstanceProfile', { ...input, InstanceProfileName }),
      read: (({ instanceProfiles }: { instanceProfiles: { instanceProfileName: string }[] }) => instanceProfiles.map(({ instanceProfileName }) => instanceProfileName)),
      most: 7,
    };
  },
  ListPolicyVersions: async (place) => {
    const input = await policy(place);
    return {
      input,
      add: async () => ((await place.done('CreatePolicyVersion', { ...input, PolicyDocument })) as { policyVersion: { versionId: string } }).policyVersion.versionId,
      remove: (VersionId) => place.done('DeletePolicyVersion', { ...input, VersionId }),
      read: (({ versions }: { versions: { versionId: string }[] }) => versions.map(({ versionId }) => versionId)),
      // The first version is there from the beginning.
      most: 4,
    };
  },
  ListEntitiesForPolicy: async (place) => {
    const input = await policy(place);
    return {
      input,
      add: async (UserName) => {
        await place.done('CreateUser', { UserName });
        await place.done('AttachUserPolicy', { ...input, UserName });
        return UserName;
      },
      remove: (UserName) => place.done('DetachUserPolicy', { ...input, UserName }),
      read: (({ policyUsers }: { policyUsers: { userName: string }[] }) => policyUsers.map(({ userName }) => userName)),
      most: 7,
    };
  },
  ListUserPolicies: inline('User'),
  ListRolePolicies: inline('Role'),
  ListGroupPolicies: inline('Group'),
  ListAttachedUserPolicies: attached('User'),
  ListAttachedRolePolicies: attached('Role'),
  ListAttachedGroupPolicies: attached('Group'),
  ListUserTags: tags('User', owner('User')),
  ListRoleTags: tags('Role', owner('Role')),
  ListPolicyTags: tags('Policy', policy),
  ListInstanceProfileTags: tags('InstanceProfile', async ({ done }) => {
    await done('CreateInstanceProfile', { InstanceProfileName: 'owner' });
    return { InstanceProfileName: 'owner' };
  }),
  ListOpenIDConnectProviderTags: tags('OpenIDConnectProvider', async ({ account, done }) => {
    await done('CreateOpenIDConnectProvider', { Url: 'https://idp.example' });
    return { OpenIDConnectProviderArn: `arn:aws:iam::${account}:oidc-provider/idp.example` };
  }),
  ListSAMLProviderTags: tags('SAMLProvider', async ({ account, done }) => {
    await done('CreateSAMLProvider', { Name: 'idp', SAMLMetadataDocument: metadata() });
    return { SAMLProviderArn: `arn:aws:iam::${account}:saml-provider/idp` };
  }),
  ListMFADeviceTags: tags('MFADevice', async ({ device }) => ({ SerialNumber: await device('owned') })),
  ListMFADevices: async (place) => {
    const input = await owner('User')(place);
    return {
      input,
      add: (name) => place.device(name, 'owner'),
      remove: (SerialNumber) => place.done('DeactivateMFADevice', { ...input, SerialNumber }),
      read: (({ mfaDevices }: { mfaDevices: { serialNumber: string }[] }) => mfaDevices.map(({ serialNumber }) => serialNumber)),
      most: 7,
    };
  },
  ListVirtualMFADevices: ({ device, done }) =>
    Promise.resolve({
      input: {},
      add: (name) => device(name),
      remove: (SerialNumber) => done('DeleteVirtualMFADevice', { SerialNumber }),
      read: (({ virtualMFADevices }: { virtualMFADevices: { serialNumber: string }[] }) => virtualMFADevices.map(({ serialNumber }) => serialNumber)),
      most: 7,
    }),
  GetAccountAuthorizationDetails: ({ done }) => {
    // Users and groups by turns, so that pages begin in either list and lead from the one to the other.
    let added = 0;
    return Promise.resolve({
      input: {},
      add: async (name) => {
        const kind = (added += 1) % 3 === 0 ? 'Group' : 'User';
        await done(`Create${kind}`, { [`${kind}Name`]: name });
        return `${kind} ${name}`;
      },
      remove: (row) => {
        const [kind = '', name] = row.split(' ');
        return done(`Delete${kind}`, { [`${kind}Name`]: name });
      },
      read: (({ userDetailList, groupDetailList }: { userDetailList: { userName: string }[]; groupDetailList: { groupName: string }[] }) => [
        ...userDetailList.map(({ userName }) => `User ${userName}`),
        ...groupDetailList.map(({ groupName }) => `Group ${groupName}`),
      ]),
      most: 7,
    });
  },
};

/** Never have more than one page: they have one row at the most, or none at all. */
const SINGLE = ['ListAccountAliases', 'ListSSHPublicKeys', 'ListServerCertificates', 'ListServiceSpecificCredentials', 'ListSigningCertificates'];

/** Answers whatever is asked of them, and keep no place in a list: they work out anew what they answer. */
const COMPUTED = ['SimulateCustomPolicy', 'SimulatePrincipalPolicy'];

describe('lists in pages', () => {
  let app: TestApp;
  let world: World;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = new World(app);
  });
  afterAll(() => app.close());

  async function place(): Promise<Place> {
    const { root } = await world.account(`pages-${(count += 1)}`);
    const ask = (operation: string, input: Input): Promise<Called> => call(app, 'query', { operation, keys: root, input });
    const done = async (operation: string, input: Input): Promise<unknown> => {
      app.clock.advance(1);
      const { status, output, text } = await ask(operation, input);
      if (status !== 200) throw new Error(`${operation}: ${text}`);
      return output;
    };
    const device = async (name: string, userName?: string): Promise<string> => {
      app.clock.advance(1);
      return (await (userName === undefined ? Authenticator.created(app, root, name) : Authenticator.enabled(app, root, userName, name))).serial;
    };
    return { account: root.account, ask, done, device };
  }

  const rowsIn = (list: List, { output }: Called): readonly string[] => list.read(output as never);
  const markerIn = ({ output }: Called): string | undefined => (output as { marker?: string }).marker;

  it('are all here', () => {
    const paged = registry(app).filter(({ name, contract }) => contract.aws === 'iam' && 'Marker' in contract.input.shape && !COMPUTED.includes(name));
    expect([...Object.keys(lists), ...SINGLE].sort()).toEqual(paged.map(({ name }) => name).sort());
  });

  it.each(SINGLE)('are one page and take no Marker at all: %s', async (operation) => {
    const at = await place();
    await at.done('CreateUser', { UserName: 'owner' });
    await at.done('CreateAccountAlias', { AccountAlias: `alias-${at.account}` });
    const input = ['ListAccountAliases', 'ListServerCertificates'].includes(operation) ? {} : owners.User.input;
    const page = await at.ask(operation, { ...input, MaxItems: 1 });
    expect([page.code, (page.output as { isTruncated: boolean }).isTruncated, markerIn(page)]).toEqual([undefined, false, undefined]);
    for (const MaxItems of [0, 1001]) expect(await at.ask(operation, { ...input, MaxItems })).toMatchObject({ code: 'ValidationError', status: 400 });
    expectRefused(await effectOf(app, () => at.ask(operation, { ...input, Marker: 'x' })), { code: 'ValidationError', status: 400, message: 'Invalid Marker.' }, operation);
  });

  describe.each(Object.entries(lists))('%s', (operation, prepare) => {
    it.each([1, 2])('shows whatever is there all along once, %i at a time, while other rows come and go', async (MaxItems) => {
      const at = await place();
      const list = await prepare(at);
      const staying = new Set<string>();
      const passing = new Set<string>();
      for (let index = 0; index < list.most; index += 1) {
        const row = await list.add(`n${'bcdefghij'[index]!}`);
        (index % 2 === 1 ? staying : passing).add(row);
      }
      const seen: string[] = [];
      let turn = 0;
      for (let Marker: string | undefined; turn < 20; turn += 1) {
        const page = await at.ask(operation, { ...list.input, MaxItems, ...(Marker !== undefined && { Marker }) });
        expect([page.code, page.message]).toEqual([undefined, undefined]);
        const rows = rowsIn(list, page);
        expect(rows.length).toBeLessThanOrEqual(MaxItems);
        seen.push(...rows);
        Marker = markerIn(page);
        expect((page.output as { isTruncated: boolean }).isTruncated).toBe(Marker !== undefined);
        if (Marker === undefined) break;
        expect(Marker.length).toBeLessThanOrEqual(320);
        // The row that the next page begins after goes, where it may, and another comes, before or after it.
        const last = rows.filter((row) => passing.has(row)).at(-1) ?? [...passing][0];
        // After some turns all is quiet: in a list of the oldest first, what comes all the time is not overtaken.
        if (last === undefined || turn >= 8) continue;
        await list.remove(last);
        passing.delete(last);
        passing.add(await list.add(turn % 2 === 0 ? `na${turn}` : `nz${turn}`));
      }
      expect(turn).toBeLessThan(20);
      for (const row of staying) expect([row, seen.filter((each) => each === row).length]).toEqual([row, 1]);
      const all = await at.ask(operation, { ...list.input, MaxItems: 1000 });
      expect(rowsIn(list, all)).toEqual(expect.arrayContaining([...staying, ...passing]));
      expect(markerIn(all)).toBeUndefined();
    });

    it('takes no other Marker and no other number', async () => {
      const at = await place();
      const { input } = await prepare(at);
      for (const [more, message] of [[{ MaxItems: 0 }, /maxItems/], [{ MaxItems: 1001 }, /maxItems/], [{ Marker: Buffer.from('[]').toString('base64url') }, /^Invalid Marker\.$/]] as const) {
        const answer = await at.ask(operation, { ...input, ...more });
        expect([answer.code, answer.status]).toEqual(['ValidationError', 400]);
        expect(answer.message).toMatch(message);
      }
      expectRefused(await effectOf(app, () => at.ask(operation, { ...input, Marker: 'x' })), { code: 'ValidationError', status: 400, message: 'Invalid Marker.' }, operation);
    });
  });

  it('take the Marker of another list or account for no more than a place among their own rows', async () => {
    const [here, there] = [await Promise.all(Object.entries(lists).map(async ([name, prepare]) => begun(name, prepare, 'h'))), await Promise.all(Object.entries(lists).map(async ([name, prepare]) => begun(name, prepare, 't')))];
    const markers = new Set([...here, ...there].map(({ marker }) => marker));
    expect(markers.size).toBeGreaterThan(10);
    for (const { name, at, list, rows } of here) {
      for (const Marker of markers) {
        const answer = await at.ask(name, { ...list.input, Marker });
        if (answer.code === undefined) expect(rows).toEqual(expect.arrayContaining([...rowsIn(list, answer)]));
        else expect([name, answer.code, answer.message]).toEqual([name, 'ValidationError', 'Invalid Marker.']);
      }
    }
  }, 120_000);

  /** A list of two rows and more, and the Marker of its second page. */
  async function begun(name: string, prepare: Prepare, prefix: string): Promise<{ name: string; at: Place; list: List; rows: readonly string[]; marker: string }> {
    const at = await place();
    const list = await prepare(at);
    for (const letter of ['a', 'b']) await list.add(`${prefix}${letter}`);
    const rows = rowsIn(list, await at.ask(name, list.input));
    const marker = markerIn(await at.ask(name, { ...list.input, MaxItems: 1 }));
    return { name, at, list, rows, marker: marker ?? '' };
  }

  it('of tags whose keys are long and begin alike', async () => {
    const at = await place();
    const list = await lists['ListPolicyTags']!(at);
    const keys = Array.from({ length: 9 }, (_, index) => `${'𐌰'.repeat(index < 5 ? 60 : 20)}${'é'.repeat(7)}${index}`);
    for (const key of keys) await list.add(key);
    const seen: string[] = [];
    for (let Marker: string | undefined; ; ) {
      const page = await at.ask('ListPolicyTags', { ...list.input, MaxItems: 1, ...(Marker !== undefined && { Marker }) });
      const [row = ''] = rowsIn(list, page);
      seen.push(row);
      Marker = markerIn(page);
      if (Marker === undefined) break;
      expect(Marker.length).toBeLessThanOrEqual(320);
      if (row.endsWith('2')) await list.remove(row);
    }
    expect([...seen].sort()).toEqual([...keys].sort());
  });
});
