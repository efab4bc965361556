/** One step of a random story about users, groups and policies. */
export interface Step {
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
}

interface Owner {
  name: string;
  path: string;
  readonly inline: Set<string>;
  readonly attached: Set<string>;
}
interface ModelUser extends Owner {
  readonly groups: Set<Owner>;
  tags: Map<string, { Key: string; Value: string }>;
  boundary: string | null;
}

/** A small IAM in memory, which says what each step must answer and what is there afterwards. */
export class IamModel {
  readonly #users = new Map<string, ModelUser>();
  readonly #groups = new Map<string, Owner>();
  readonly #policies = new Set<string>();

  /** `ok`, or the error code that the step must be refused with. */
  apply({ operation, input }: Step): string {
    const text = (member: string): string => String(input[member]);
    const optional = (member: string): string | undefined => (input[member] === undefined ? undefined : text(member));
    const user = this.#users.get(text('UserName').toLowerCase());
    const group = this.#groups.get(text('GroupName').toLowerCase());
    switch (operation) {
      case 'CreateUser':
        return this.#create(this.#users, text('UserName'), { groups: new Set<Owner>(), tags: new Map(), boundary: null });
      case 'CreateGroup':
        return this.#create(this.#groups as Map<string, ModelUser>, text('GroupName'), {} as never);
      case 'CreatePolicy':
        return this.#policies.has(text('PolicyName')) ? 'EntityAlreadyExists' : added(this.#policies, text('PolicyName'));
      case 'DeletePolicy':
        return this.#deletePolicy(nameIn(text('PolicyArn')));
      case 'UpdateUser':
        return rename(this.#users, user, { name: optional('NewUserName'), path: optional('NewPath') });
      case 'UpdateGroup':
        return rename(this.#groups, group, { name: optional('NewGroupName'), path: optional('NewPath') });
      case 'DeleteUser':
        return remove(this.#users, user, user?.groups.size ?? 0);
      case 'DeleteGroup':
        return remove(this.#groups, group, [...this.#users.values()].filter(({ groups }) => group !== undefined && groups.has(group)).length);
      case 'AddUserToGroup':
        if (user === undefined || group === undefined) return 'NoSuchEntity';
        return added(user.groups, group);
      case 'RemoveUserFromGroup':
        if (user === undefined || group === undefined) return 'NoSuchEntity';
        user.groups.delete(group);
        return 'ok';
      default:
        return this.#onOwner(operation, input, operation.includes('Group') ? group : user) ?? this.#onUser(operation, input, user);
    }
  }

  /** Everything there is, in one line each. */
  contents(): string[] {
    const owner = (kind: string, one: Owner): string[] => [
      `${kind} ${one.path}${one.name}`,
      ...[...one.inline].map((name) => `inline ${one.name} ${name}`),
      ...[...one.attached].map((name) => `attached ${one.name} ${name}`),
    ];
    return [
      ...[...this.#policies].map((name) => `policy ${name}`),
      ...[...this.#groups.values()].flatMap((group) => owner('group', group)),
      ...[...this.#users.values()].flatMap((user) => [
        ...owner('user', user),
        ...[...user.groups].map((group) => `member ${user.name} ${group.name}`),
        ...[...user.tags.values()].map(({ Key, Value }) => `tag ${user.name} ${Key}=${Value}`),
        ...(user.boundary === null ? [] : [`boundary ${user.name} ${user.boundary}`]),
      ]),
    ].sort();
  }

  #create(into: Map<string, ModelUser>, name: string, more: Omit<ModelUser, keyof Owner>): string {
    if (into.has(name.toLowerCase())) return 'EntityAlreadyExists';
    into.set(name.toLowerCase(), { name, path: '/', inline: new Set(), attached: new Set(), ...more });
    return 'ok';
  }

  #deletePolicy(name: string): string {
    if (!this.#policies.has(name)) return 'NoSuchEntity';
    const users = [...this.#users.values()];
    if (users.some(({ boundary }) => boundary === name) || [...users, ...this.#groups.values()].some(({ attached }) => attached.has(name))) return 'DeleteConflict';
    this.#policies.delete(name);
    return 'ok';
  }

  /** What is the same for users and groups; undefined for everything else. */
  #onOwner(operation: string, input: Step['input'], owner: Owner | undefined): string | undefined {
    const word = operation.replace(/User|Group/, '');
    if (!['PutPolicy', 'DeletePolicy', 'AttachPolicy', 'DetachPolicy'].includes(word)) return undefined;
    if (owner === undefined) return 'NoSuchEntity';
    const policy = nameIn(String(input['PolicyArn'] ?? input['PolicyName']));
    if (word === 'PutPolicy') return added(owner.inline, policy);
    if (word === 'DeletePolicy') return owner.inline.delete(policy) ? 'ok' : 'NoSuchEntity';
    if (word === 'DetachPolicy') return owner.attached.delete(policy) ? 'ok' : 'NoSuchEntity';
    return this.#policies.has(policy) ? added(owner.attached, policy) : 'NoSuchEntity';
  }

  #onUser(operation: string, input: Step['input'], user: ModelUser | undefined): string {
    if (user === undefined) return 'NoSuchEntity';
    if (operation === 'TagUser') for (const tag of input['Tags'] as { Key: string; Value: string }[]) user.tags.set(tag.Key.toLowerCase(), tag);
    else if (operation === 'UntagUser') for (const key of input['TagKeys'] as string[]) user.tags.delete(key.toLowerCase());
    else if (operation === 'DeleteUserPermissionsBoundary') user.boundary = null;
    else {
      const policy = nameIn(String(input['PermissionsBoundary']));
      if (!this.#policies.has(policy)) return 'NoSuchEntity';
      user.boundary = policy;
    }
    return 'ok';
  }
}

function nameIn(arn: string): string {
  return arn.split('/').at(-1) ?? '';
}

function added<T>(set: Set<T>, one: T): string {
  set.add(one);
  return 'ok';
}

function rename<T extends Owner>(among: Map<string, T>, one: T | undefined, to: { name: string | undefined; path: string | undefined }): string {
  if (one === undefined) return 'NoSuchEntity';
  const name = to.name ?? one.name;
  const taken = among.get(name.toLowerCase());
  if (taken !== undefined && taken !== one) return 'EntityAlreadyExists';
  among.delete(one.name.toLowerCase());
  one.name = name;
  one.path = to.path ?? one.path;
  among.set(name.toLowerCase(), one);
  return 'ok';
}

function remove<T extends Owner>(among: Map<string, T>, one: T | undefined, more: number): string {
  if (one === undefined) return 'NoSuchEntity';
  if (more + one.inline.size + one.attached.size > 0) return 'DeleteConflict';
  among.delete(one.name.toLowerCase());
  return 'ok';
}
