import type { Input } from './calls.js';
import type { Device, Group, Kind, Owner, Policy, Profile, Provider, Refused, Role, Rules, Tag, Tagged, User } from './iam-things.js';

/** What a call must lead to: one of some refusals – which of several that hold comes first is not laid down –, or a change of the model. */
export type Expected = readonly Refused[] | ((output: Output) => void);

type Output = Readonly<Record<string, Readonly<Record<string, string>> | undefined>>;
export const SHIPPED = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
const WORDS = { user: 'User', role: 'Role', group: 'Group' } as const;
const INLINE_MAX = { user: 2048, role: 10_240, group: 5120 } as const;

const of = (code: string) => (message: string): Refused => ({ code, message });
const missing = of('NoSuchEntity');
const taken = of('EntityAlreadyExists');
const conflict = of('DeleteConflict');
const limit = of('LimitExceeded');

const noDevice = (serial: string): Refused => missing(`MFA Device with serial number ${serial} does not exist.`);
const noProfile = (user: User): Refused => missing(`Login Profile for User ${user.name} cannot be found.`);
const DEFAULT_RULES: Rules = {
  minimumPasswordLength: 6,
  requireSymbols: false,
  requireNumbers: false,
  requireUppercaseCharacters: false,
  requireLowercaseCharacters: false,
  allowUsersToChangePassword: false,
};

/** Names are found by it. */
export const keyOf = (name: string): string => name.toLowerCase();
/** The refusals that hold; where there are none, the change. */
const unless = (refusals: readonly (Refused | false | undefined)[], change: (output: Output) => void): Expected => {
  const found = refusals.filter((refusal): refusal is Refused => refusal !== false && refusal !== undefined);
  return found.length > 0 ? found : change;
};

/** One account, as the API reference describes what calls do to it: which succeed, how others are refused, what is shown. */
export class Account {
  readonly users = new Map<string, User>();
  readonly groups = new Map<string, Group>();
  readonly roles = new Map<string, Role>();
  readonly profiles = new Map<string, Profile>();
  readonly policies = new Map<string, Policy>();
  readonly providers = new Map<string, Provider>();
  /** By serial number, in the order in which they were made. */
  readonly devices = new Map<string, Device>();
  alias: string | undefined;
  rules: Rules | undefined;
  /** Every unique id and access key id there ever was: none is given twice. */
  readonly ids = new Set<string>();

  constructor(
    readonly id: string,
    /** Aliases that other accounts have. */
    private readonly foreignAliases: ReadonlySet<string> = new Set(),
  ) {}

  arn(kind: string, { path, name }: { path: string; name: string }): string {
    return `arn:aws:iam::${this.id}:${kind}${path}${name}`;
  }

  /** What a call must lead to. */
  expected(operation: string, input: Input): Expected {
    const [, verb = '', kind = '', what = ''] = /^(Put|Delete|Attach|Detach)(User|Role|Group)(Policy|PermissionsBoundary)$/.exec(operation) ?? [];
    const [, tagging = '', tagged = ''] = /^(Tag|Untag)(\w+)$/.exec(operation) ?? [];
    if (tagging !== '') return this.#tagging(tagging, tagged, input);
    if (kind !== '') return this.#onOwner(verb, { kind: kind.toLowerCase() as Kind, what }, input);
    const rule = this.#rules[operation];
    if (rule === undefined) throw new Error(`the model does not know ${operation}`);
    return rule(input as Record<string, string>);
  }

  #owner(kind: Kind, input: Input): Owner | Refused {
    const name = String(input[`${WORDS[kind]}Name`]);
    const found = { user: this.users, role: this.roles, group: this.groups }[kind].get(keyOf(name));
    return found ?? missing(`The ${kind} with name ${name} cannot be found.`);
  }

  #id(prefix: string, id: string | undefined): string {
    expect(id).toMatch(new RegExp(`^${prefix}[A-Z2-7]{16,17}$`));
    expect(this.ids.has(id ?? '')).toBe(false);
    this.ids.add(id ?? '');
    return id ?? '';
  }

  /** The policy with exactly this ARN; refused where it is of another account or there is none. */
  policyIn(arn: string): Policy | undefined {
    const found = this.policies.get(keyOf(arn.slice(arn.lastIndexOf('/') + 1)));
    return found !== undefined && this.arn('policy', found) === arn ? found : undefined;
  }

  #usable(arn: string): boolean {
    return arn === SHIPPED || this.policyIn(arn) !== undefined;
  }

  /** Why a policy cannot be somebody's boundary. */
  #noBoundary(arn: string | undefined): Refused | false {
    if (arn === undefined || this.#usable(arn)) return false;
    return arn.includes(':policy/') ? missing(`Scope ARN: ${arn} does not exist or is not attachable.`) : of('InvalidInput')(`ARN ${arn} is not valid.`);
  }

  #duplicates(tags: readonly Tag[] | undefined, ignoreCase: boolean): Refused | false {
    const keys = (tags ?? []).map(({ Key }) => (ignoreCase ? keyOf(Key) : Key));
    return new Set(keys).size < keys.length && of('InvalidInput')(`Duplicate tag keys found.${ignoreCase ? ' Please note that Tag keys are case insensitive.' : ''}`);
  }

  /** How often a policy is used by attachment, and as a boundary. */
  uses(arn: string): { attached: Owner[]; bounded: Owner[] } {
    const owners: Owner[] = [...this.users.values(), ...this.roles.values(), ...this.groups.values()];
    return { attached: owners.filter((owner) => owner.attached.has(arn)), bounded: owners.filter((owner) => 'boundary' in owner && owner.boundary === arn) };
  }

  #onOwner(verb: string, { kind, what }: { kind: Kind; what: string }, input: Input): Expected {
    const owner = this.#owner(kind, input);
    const { PolicyArn = '', PolicyName = '', PolicyDocument = '', PermissionsBoundary } = input as Record<string, string | undefined>;
    const absent = 'code' in owner && owner;
    if (what === 'PermissionsBoundary') {
      const boundary = verb === 'Put' ? PermissionsBoundary : undefined;
      return unless([absent, this.#noBoundary(boundary)], () => void ((owner as User).boundary = boundary));
    }
    if (verb === 'Put' || (verb === 'Delete' && PolicyArn === '')) {
      if ('code' in owner) return [owner];
      if (verb === 'Delete') return unless([!owner.inline.has(PolicyName) && missing(`The ${kind} policy with name ${PolicyName} cannot be found.`)], () => void owner.inline.delete(PolicyName));
      const size = [...owner.inline].reduce((sum, [name, text]) => sum + (name === PolicyName ? 0 : text.length), PolicyDocument.length);
      return unless([size > INLINE_MAX[kind] && limit(`Maximum policy size of ${INLINE_MAX[kind]} bytes exceeded for ${kind} ${owner.name}`)], () => void owner.inline.set(PolicyName, PolicyDocument));
    }
    const malformed = !PolicyArn.includes(':policy/') && of('ValidationError')(`ARN ${PolicyArn} is not valid.`);
    if (malformed !== false || 'code' in owner) return unless([absent, malformed], () => undefined);
    if (verb === 'Detach') return unless([!owner.attached.has(PolicyArn) && missing(`Policy ${PolicyArn} was not found.`)], () => void owner.attached.delete(PolicyArn));
    return unless([!this.#usable(PolicyArn) && missing(`Policy ${PolicyArn} does not exist or is not attachable.`)], () => void owner.attached.add(PolicyArn));
  }

  #tagging(verb: string, kind: string, input: Input): Expected {
    const { Tags = [], TagKeys = [] } = input as { Tags?: Tag[]; TagKeys?: string[] };
    const ignoreCase = kind === 'User' || kind === 'Role';
    const compared = (text: string): string => (ignoreCase ? keyOf(text) : text);
    const found = this.#taggable(kind, input as Record<string, string>);
    if ('code' in found) return [found];
    return unless([this.#duplicates(Tags, ignoreCase)], () => {
      const gone = new Set([...TagKeys, ...Tags.map(({ Key }) => Key)].map(compared));
      found.tags = [...found.tags.filter(({ Key }) => !gone.has(compared(Key))), ...(verb === 'Tag' ? Tags : [])];
    });
  }

  #taggable(kind: string, input: Record<string, string>): Tagged | Refused {
    if (kind === 'User' || kind === 'Role') return this.#owner(kind.toLowerCase() as Kind, input) as User | Refused;
    if (kind === 'InstanceProfile') return this.#profile(input);
    if (kind === 'OpenIDConnectProvider') return this.#provider(input);
    if (kind === 'MFADevice') return this.#device(input);
    return this.#ownPolicy(input, { outside: 'update policies', absent: (arn) => `Policy ${arn} was not found.` });
  }

  #profile({ InstanceProfileName: name = '' }: Record<string, string>): Profile | Refused {
    return this.profiles.get(keyOf(name)) ?? missing(`Instance Profile ${name} cannot be found.`);
  }

  #provider({ OpenIDConnectProviderArn: arn = '' }: Record<string, string>, text = `OpenIDConnect Provider not found for arn ${arn}`): Provider | Refused {
    return this.providers.get(arn) ?? missing(text);
  }

  #device({ SerialNumber: serial = '' }: Record<string, string>): Device | Refused {
    return this.devices.get(serial) ?? noDevice(serial);
  }

  /** What is wrong with a password, in the order in which it is said. */
  #violations(password: string, before: readonly string[]): Refused | false {
    const rules = this.rules;
    const needs = (name: string, pattern: RegExp): boolean => rules?.[name] === true && !pattern.test(password);
    const least = Number(rules?.['minimumPasswordLength'] ?? 8);
    const kinds = [/[A-Z]/, /[a-z]/, /[0-9]/, /[-!]/].filter((pattern) => pattern.test(password)).length;
    const broken = [
      password.length < least && `a minimum length of ${least}`,
      needs('requireUppercaseCharacters', /[A-Z]/) && 'at least one uppercase letter',
      needs('requireLowercaseCharacters', /[a-z]/) && 'at least one lowercase letter',
      needs('requireNumbers', /[0-9]/) && 'at least one number',
      needs('requireSymbols', /[-!]/) && 'at least one symbol',
      rules === undefined && kinds < 3 && 'at least three of: uppercase letters, lowercase letters, numbers, symbols',
    ].filter((text) => text !== false);
    if (broken.length > 0) return of('PasswordPolicyViolation')(broken.map((text) => `Password should have ${text}`).join(', '));
    const kept = Number(rules?.['passwordReusePrevention'] ?? 0);
    return before.slice(0, kept).includes(password) && of('PasswordPolicyViolation')(`Password should not be among the last ${kept} used`);
  }

  /** The policy a call wants to change. */
  #ownPolicy({ PolicyArn: arn = '' }: Record<string, string>, texts: { outside: string; absent: (arn: string) => string }): Policy | Refused {
    if (!arn.includes(':policy/')) return of('InvalidInput')(`ARN ${arn} is not valid.`);
    if (!arn.startsWith(`arn:aws:iam::${this.id}:`)) return of('AccessDenied')(`Cannot ${texts.outside} outside your own account.`);
    return this.policyIn(arn) ?? missing(texts.absent(arn));
  }

  #version(input: Record<string, string>, outside: string): { policy: Policy; number: number } | Refused {
    const text = `Policy ${input['PolicyArn']!} version ${input['VersionId']!} does not exist or is not attachable.`;
    const policy = this.#ownPolicy(input, { outside, absent: () => text });
    if ('code' in policy) return policy;
    const number = Number(input['VersionId']?.slice(1));
    return policy.versions.has(number) ? { policy, number } : missing(text);
  }

  /** What cannot be deleted yet. */
  #holding(owner: Owner, more: readonly (readonly [boolean, string])[]): (Refused | false)[] {
    const held = [[owner.attached.size > 0, 'detach all policies'], [owner.inline.size > 0, 'delete policies'], ...more] as const;
    return held.map(([holds, what]) => holds && conflict(`Cannot delete entity, must ${what} first.`));
  }

  #renaming<T extends User | Group>(kind: 'user' | 'group', all: Map<string, T>, input: Record<string, string>): Expected {
    const owner = this.#owner(kind, input);
    if ('code' in owner) return [owner];
    const name = input[`New${WORDS[kind]}Name`] ?? owner.name;
    const other = all.get(keyOf(name));
    return unless([other !== undefined && other !== owner && taken(`${WORDS[kind]} with name ${name} already exists.`)], () => {
      all.delete(keyOf(owner.name));
      Object.assign(owner, { name, path: input['NewPath'] ?? owner.path });
      all.set(keyOf(name), owner as T);
    });
  }

  #trust(document: string | undefined): { trusted: string | undefined } | Refused {
    const arn = /arn:aws:iam::\d{12}:user[^"]+/.exec(document ?? '')?.[0];
    if (arn === undefined) return { trusted: undefined };
    const user = [...this.users.values()].find((each) => this.arn('user', each) === arn);
    return user === undefined ? of('MalformedPolicyDocument')(`Invalid principal in policy: "AWS":"${arn}"`) : { trusted: user.id };
  }

  #membership(change: (group: Group, user: User) => void): (input: Record<string, string>) => Expected {
    return (input) => {
      // Of two that are missing, the user is named.
      const [user, group] = [this.#owner('user', input), this.#owner('group', input)];
      if ('code' in user) return [user];
      return 'code' in group ? [group] : () => change(group as Group, user as User);
    };
  }

  readonly #rules: Readonly<Record<string, (input: Record<string, string>) => Expected>> = {
    CreateUser: (input) => {
      const { UserName = '', Path = '/', PermissionsBoundary: boundary } = input;
      const tags = (input['Tags'] ?? []) as readonly Tag[];
      return unless([this.#noBoundary(boundary), this.#duplicates(tags, true), this.users.has(keyOf(UserName)) && taken(`User with name ${UserName} already exists.`)], ({ user }) =>
        void this.users.set(keyOf(UserName), { kind: 'user', id: this.#id('AIDA', user?.['userId']), name: UserName, path: Path, tags, boundary, keys: new Map(), mustReset: undefined, passwords: [], inline: new Map(), attached: new Set() }));
    },
    UpdateUser: (input) => this.#renaming('user', this.users, input),
    DeleteUser: (input) => {
      const user = this.#owner('user', input) as User | Refused;
      if ('code' in user) return [user];
      const isMember = [...this.groups.values()].some(({ members }) => members.has(user));
      const hasDevice = [...this.devices.values()].some(({ holder }) => holder === user);
      const more = [[user.keys.size > 0, 'delete access keys'], [isMember, 'remove users from group'], [user.mustReset !== undefined, 'delete login profile'], [hasDevice, 'delete MFA device']] as const;
      return unless(this.#holding(user, more), () => void this.users.delete(keyOf(user.name)));
    },
    CreateGroup: ({ GroupName = '', Path = '/' }) =>
      unless([this.groups.has(keyOf(GroupName)) && taken(`Group with name ${GroupName} already exists.`)], ({ group }) =>
        void this.groups.set(keyOf(GroupName), { kind: 'group', id: this.#id('AGPA', group?.['groupId']), name: GroupName, path: Path, members: new Set(), inline: new Map(), attached: new Set() })),
    UpdateGroup: (input) => this.#renaming('group', this.groups, input),
    DeleteGroup: (input) => {
      const group = this.#owner('group', input) as Group | Refused;
      if ('code' in group) return [group];
      return unless(this.#holding(group, [[group.members.size > 0, 'remove users from group']]), () => void this.groups.delete(keyOf(group.name)));
    },
    AddUserToGroup: this.#membership(({ members }, user) => void members.add(user)),
    RemoveUserFromGroup: this.#membership(({ members }, user) => void members.delete(user)),
    CreateAccessKey: (input) => {
      const user = this.#owner('user', input) as User | Refused;
      if ('code' in user) return [user];
      return unless([user.keys.size >= 2 && limit('Cannot exceed quota for AccessKeysPerUser: 2')], ({ accessKey }) => void user.keys.set(this.#id('AKIA', accessKey?.['accessKeyId']), 'Active'));
    },
    UpdateAccessKey: (input) => this.#onKey(input, (keys, id) => keys.set(id, input['Status']!)),
    DeleteAccessKey: (input) => this.#onKey(input, (keys, id) => keys.delete(id)),
    CreateRole: (input) => {
      const { RoleName = '', Path = '/', PermissionsBoundary: boundary, Description: description } = input;
      const tags = (input['Tags'] ?? []) as readonly Tag[];
      const trust = this.#trust(input['AssumeRolePolicyDocument']);
      const refusals = [this.#noBoundary(boundary), this.#duplicates(tags, true), 'code' in trust && trust, this.roles.has(keyOf(RoleName)) && taken(`Role with name ${RoleName} already exists.`)];
      return unless(refusals, ({ role }) => {
        const { trusted } = trust as { trusted: string | undefined };
        this.roles.set(keyOf(RoleName), { kind: 'role', id: this.#id('AROA', role?.['roleId']), name: RoleName, path: Path, tags, boundary, trusted, description, seconds: 3600, inline: new Map(), attached: new Set() });
      });
    },
    UpdateRole: (input) => this.#onRole(input, (role) => Object.assign(role, { description: input['Description'] ?? role.description, seconds: Number(input['MaxSessionDuration'] ?? role.seconds) })),
    UpdateRoleDescription: (input) => this.#onRole(input, (role) => (role.description = input['Description'])),
    UpdateAssumeRolePolicy: (input) => {
      const trust = this.#trust(input['PolicyDocument']);
      const role = this.#owner('role', input);
      return unless(['code' in role && role, 'code' in trust && trust], () => Object.assign(role, trust));
    },
    DeleteRole: (input) => {
      const role = this.#owner('role', input) as Role | Refused;
      if ('code' in role) return [role];
      const isInProfile = [...this.profiles.values()].some((profile) => profile.role === role);
      return unless(this.#holding(role, [[isInProfile, 'remove roles from instance profile']]), () => void this.roles.delete(keyOf(role.name)));
    },
    CreateInstanceProfile: (input) => {
      const { InstanceProfileName: name = '', Path: path = '/' } = input;
      const tags = (input['Tags'] ?? []) as readonly Tag[];
      return unless([this.#duplicates(tags, false), this.profiles.has(keyOf(name)) && taken(`Instance Profile ${name} already exists.`)], ({ instanceProfile }) =>
        void this.profiles.set(keyOf(name), { id: this.#id('AIPA', instanceProfile?.['instanceProfileId']), name, path, tags, role: undefined }));
    },
    DeleteInstanceProfile: (input) => {
      const profile = this.#profile(input);
      if ('code' in profile) return [profile];
      return unless([profile.role !== undefined && conflict('Cannot delete entity, must remove roles from instance profile first.')], () => void this.profiles.delete(keyOf(profile.name)));
    },
    AddRoleToInstanceProfile: (input) => {
      const [profile, role] = [this.#profile(input), this.#owner('role', input) as Role | Refused];
      if ('code' in profile || 'code' in role) return unless(['code' in profile && profile, 'code' in role && role], () => undefined);
      return unless([profile.role !== undefined && limit('Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1')], () => void (profile.role = role));
    },
    RemoveRoleFromInstanceProfile: (input) => {
      const profile = this.#profile(input);
      if ('code' in profile) return [profile];
      const isIn = profile.role !== undefined && profile.role === this.roles.get(keyOf(input['RoleName']!));
      return unless([!isIn && missing(`Role ${input['RoleName']!} in Instance Profile ${input['InstanceProfileName']!} cannot be found.`)], () => void (profile.role = undefined));
    },
    CreatePolicy: (input) => {
      const { PolicyName: name = '', Path: path = '/', Description: description, PolicyDocument = '' } = input;
      const tags = (input['Tags'] ?? []) as readonly Tag[];
      return unless([this.#duplicates(tags, false), this.policies.has(keyOf(name)) && taken(`A policy called ${name} already exists. Duplicate names are not allowed.`)], ({ policy }) =>
        void this.policies.set(keyOf(name), { id: this.#id('ANPA', policy?.['policyId']), name, path, description, versions: new Map([[1, PolicyDocument]]), current: 1, latest: 1, tags }));
    },
    DeletePolicy: (input) => {
      const policy = this.#ownPolicy(input, { outside: 'delete policies', absent: (arn) => `Policy ${arn} was not found.` });
      if ('code' in policy) return [policy];
      const { attached, bounded } = this.uses(input['PolicyArn']!);
      const versions = "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.";
      return unless([attached.length + bounded.length > 0 && conflict('Cannot delete a policy attached to entities.'), policy.versions.size > 1 && conflict(versions)], () => void this.policies.delete(keyOf(policy.name)));
    },
    CreatePolicyVersion: (input) => {
      const policy = this.#ownPolicy(input, { outside: 'create versions for policies', absent: (arn) => `Policy ${arn} does not exist or is not attachable.` });
      if ('code' in policy) return [policy];
      const full = limit('A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.');
      return unless([policy.versions.size >= 5 && full], ({ policyVersion }) => {
        policy.latest += 1;
        expect(policyVersion?.['versionId']).toBe(`v${policy.latest}`);
        policy.versions.set(policy.latest, input['PolicyDocument']!);
        if (String(input['SetAsDefault']) === 'true') policy.current = policy.latest;
      });
    },
    DeletePolicyVersion: (input) => {
      const found = this.#version(input, 'delete policy versions for policies');
      if ('code' in found) return [found];
      return unless([found.number === found.policy.current && conflict('Cannot delete the default version of a policy.')], () => void found.policy.versions.delete(found.number));
    },
    SetDefaultPolicyVersion: (input) => {
      const found = this.#version(input, 'update policies');
      return 'code' in found ? [found] : () => void (found.policy.current = found.number);
    },
    CreateOpenIDConnectProvider: (input) => {
      const { Url = '' } = input;
      const { Tags: tags = [], ClientIDList: clients = [] } = input as { Tags?: readonly Tag[]; ClientIDList?: readonly string[] };
      const arn = `arn:aws:iam::${this.id}:oidc-provider/${Url.slice('https://'.length)}`;
      return unless([this.#duplicates(tags, false), this.providers.has(arn) && taken(`Provider with url ${Url} already exists.`)], () => void this.providers.set(arn, { clients, thumbprints: [], tags }));
    },
    DeleteOpenIDConnectProvider: (input) => {
      const arn = input['OpenIDConnectProviderArn']!;
      const provider = this.#provider(input, `OpenId connect Provider ${arn} cannot be found.`);
      return 'code' in provider ? [provider] : () => void this.providers.delete(arn);
    },
    AddClientIDToOpenIDConnectProvider: (input) => this.#onProvider(input, (provider) => (provider.clients = [...new Set([...provider.clients, input['ClientID']!])])),
    RemoveClientIDFromOpenIDConnectProvider: (input) => this.#onProvider(input, (provider) => (provider.clients = provider.clients.filter((id) => id !== input['ClientID']))),
    UpdateOpenIDConnectProviderThumbprint: (input) => this.#onProvider(input, (provider) => (provider.thumbprints = input['ThumbprintList'] as unknown as string[])),
    CreateLoginProfile: (input) => {
      const user = this.#owner('user', input) as User | Refused;
      if ('code' in user) return [user];
      const { Password: password = '' } = input;
      return unless([user.mustReset !== undefined && taken(`Login Profile for user ${user.name} already exists.`), this.#violations(password, [])], () => {
        Object.assign(user, { mustReset: String(input['PasswordResetRequired'] ?? false) === 'true', passwords: [password] });
      });
    },
    UpdateLoginProfile: (input) => {
      const user = this.#owner('user', input) as User | Refused;
      if ('code' in user) return [user];
      if (user.mustReset === undefined) return [noProfile(user)];
      const { Password: password, PasswordResetRequired: reset = user.mustReset } = input;
      return unless([password !== undefined && this.#violations(password, user.passwords)], () => {
        Object.assign(user, { mustReset: String(reset) === 'true', passwords: password === undefined ? user.passwords : [password, ...user.passwords] });
      });
    },
    DeleteLoginProfile: (input) => {
      const user = this.#owner('user', input) as User | Refused;
      if ('code' in user) return [user];
      return unless([user.mustReset === undefined && noProfile(user)], () => void Object.assign(user, { mustReset: undefined, passwords: [] }));
    },
    UpdateAccountPasswordPolicy: (input) => () => {
      const given = Object.entries(input).map(([name, value]) => [`${name[0]!.toLowerCase()}${name.slice(1)}`, value as boolean | number | string]);
      this.rules = { ...DEFAULT_RULES, ...(Object.fromEntries(given) as Rules), expirePasswords: input['MaxPasswordAge'] !== undefined };
    },
    DeleteAccountPasswordPolicy: () => unless([this.rules === undefined && missing('The account policy with name PasswordPolicy cannot be found.')], () => void (this.rules = undefined)),
    CreateAccountAlias: ({ AccountAlias: alias = '' }) => unless([(alias === this.alias || this.foreignAliases.has(alias)) && taken(`The account alias ${alias} already exists.`)], () => void (this.alias = alias)),
    DeleteAccountAlias: ({ AccountAlias: alias = '' }) => unless([alias !== this.alias && missing(`The account alias with name ${alias} cannot be found.`)], () => void (this.alias = undefined)),
    CreateVirtualMFADevice: (input) => {
      const serial = this.arn('mfa', { path: input['Path'] ?? '/', name: input['VirtualMFADeviceName']! });
      const tags = (input['Tags'] ?? []) as readonly Tag[];
      return unless([this.#duplicates(tags, false), this.devices.has(serial) && taken('MFA device already exists.')], ({ virtualMFADevice }) => {
        expect(virtualMFADevice?.['serialNumber']).toBe(serial);
        this.devices.set(serial, { serial, seed: virtualMFADevice?.['base32StringSeed'] ?? '', holder: undefined, tags });
      });
    },
    DeleteVirtualMFADevice: (input) => {
      const device = this.#device(input);
      if ('code' in device) return [device];
      return unless([device.holder !== undefined && conflict('MFA VirtualDevice in use. Must deactivate first.')], () => void this.devices.delete(device.serial));
    },
    EnableMFADevice: (input) =>
      this.#onDevice(input, (device, user) => {
        const isWrong = input['AuthenticationCode1'] === input['AuthenticationCode2'];
        return unless([device.holder !== undefined && taken('MFA Device is already in use.'), isWrong && of('InvalidAuthenticationCode')('Authentication code for device is not valid.')], () => void (device.holder = user));
      }),
    DeactivateMFADevice: (input) => this.#onDevice(input, (device, user) => unless([device.holder !== user && noDevice(device.serial)], () => void (device.holder = undefined))),
  };

  #onDevice(input: Record<string, string>, change: (device: Device, user: User) => Expected): Expected {
    const user = this.#owner('user', input) as User | Refused;
    const device = this.#device(input);
    if ('code' in user || 'code' in device) return unless(['code' in user && user, 'code' in device && device], () => undefined);
    return change(device, user);
  }

  #onKey(input: Record<string, string>, change: (keys: Map<string, string>, id: string) => void): Expected {
    const user = this.#owner('user', input) as User | Refused;
    const id = input['AccessKeyId']!;
    if ('code' in user) return [user];
    return unless([!user.keys.has(id) && missing(`The Access Key with id ${id} cannot be found.`)], () => change(user.keys, id));
  }

  #onRole(input: Record<string, string>, change: (role: Role) => void): Expected {
    const role = this.#owner('role', input) as Role | Refused;
    return 'code' in role ? [role] : () => change(role);
  }

  #onProvider(input: Record<string, string>, change: (provider: Provider) => void): Expected {
    const provider = this.#provider(input);
    return 'code' in provider ? [provider] : () => change(provider);
  }
}
