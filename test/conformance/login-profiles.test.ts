import {
  ChangePasswordCommand,
  CreateLoginProfileCommand,
  DeleteAccountPasswordPolicyCommand,
  DeleteLoginProfileCommand,
  DeleteUserCommand,
  DeleteAccessKeyCommand,
  GetAccountPasswordPolicyCommand,
  GetLoginProfileCommand,
  GetUserCommand,
  PutUserPolicyCommand,
  UpdateAccountPasswordPolicyCommand,
  UpdateLoginProfileCommand,
  UpdateUserCommand,
  type CreateLoginProfileCommandInput,
  type IAMClient,
  type UpdateAccountPasswordPolicyCommandInput,
} from '@aws-sdk/client-iam';

import { TestApp, type Keys } from '../support/app.js';
import { FIRST, SECOND } from '../support/password-scenarios.js';
import { expectSdkRefusal, type Refused } from '../support/sdk.js';
import { Sessions } from '../support/sessions.js';
import { allows, denies, together, trusts, World, type Document, type User } from '../support/world.js';

const CREATED = new Date('2026-11-25T10:00:00Z');
const NO_NAME = 'Must specify userName when calling with non-User credentials';

let app: TestApp;
let world: World;
let iam: IAMClient;
let count = 0;

beforeAll(async () => {
  app = await TestApp.boot();
  world = await new World(app).account('Passwords-1');
  iam = app.iam(world.root);
});
afterAll(() => app.close());

const members = <T extends { $metadata: unknown }>({ $metadata: _, ...rest }: T): Omit<T, '$metadata'> => rest;
const fresh = (): string => `User-${String((count += 1))}`;
const refused = (send: () => Promise<unknown>, code: string, status: number, message: string): Promise<void> => expectSdkRefusal(app, send, { code, status, message } satisfies Refused);
const create = (UserName: string, more: Partial<CreateLoginProfileCommandInput> = {}, client = iam) => client.send(new CreateLoginProfileCommand({ UserName, Password: FIRST, ...more }));
const change = (keys: Keys, OldPassword: string, NewPassword: string): Promise<unknown> => app.iam(keys).send(new ChangePasswordCommand({ OldPassword, NewPassword }));
const setRules = (rules: UpdateAccountPasswordPolicyCommandInput): Promise<unknown> => iam.send(new UpdateAccountPasswordPolicyCommand(rules));
const clearRules = (): Promise<unknown> => app.sql('DELETE FROM password_policy');

/** A user with a password. */
async function withPassword(policy: Document | undefined = allows('iam:*')): Promise<User> {
  const user = await world.user(fresh(), policy);
  await create(user.name);
  return user;
}

describe('an unmodified IAM client, about login profiles', () => {
  it('creates, shows, changes and removes one in the shapes of AWS, by the name in any case', async () => {
    const { name } = await world.user(fresh());
    const shown = { UserName: name, CreateDate: CREATED, PasswordResetRequired: false };
    expect(members(await create(name.toUpperCase()))).toEqual({ LoginProfile: shown });
    expect(members(await iam.send(new GetLoginProfileCommand({ UserName: name.toLowerCase() })))).toEqual({ LoginProfile: shown });
    expect(members(await iam.send(new UpdateLoginProfileCommand({ UserName: name, PasswordResetRequired: true })))).toEqual({});
    expect((await iam.send(new GetLoginProfileCommand({ UserName: name }))).LoginProfile).toEqual({ ...shown, PasswordResetRequired: true });
    await iam.send(new UpdateLoginProfileCommand({ UserName: name, Password: SECOND }));
    expect((await iam.send(new GetLoginProfileCommand({ UserName: name }))).LoginProfile).toEqual({ ...shown, PasswordResetRequired: true });
    await iam.send(new UpdateLoginProfileCommand({ UserName: name }));
    expect(members(await iam.send(new DeleteLoginProfileCommand({ UserName: name })))).toEqual({});
    await refused(() => iam.send(new GetLoginProfileCommand({ UserName: name })), 'NoSuchEntity', 404, `Login Profile for User ${name} cannot be found.`);
    expect((await create(name, { PasswordResetRequired: true })).LoginProfile).toEqual({ ...shown, PasswordResetRequired: true });
  });

  it('means itself where it names nobody, and must be a user for that', async () => {
    const user = await world.user(fresh(), allows('iam:*'));
    const own = app.iam(user);
    const { LoginProfile } = await own.send(new CreateLoginProfileCommand({ Password: FIRST }));
    expect(LoginProfile?.UserName).toBe(user.name);
    expect((await own.send(new GetLoginProfileCommand({}))).LoginProfile).toEqual(LoginProfile);
    await own.send(new DeleteLoginProfileCommand({}));
    await refused(() => own.send(new DeleteLoginProfileCommand({})), 'NoSuchEntity', 404, `Login Profile for User ${user.name} cannot be found.`);
    const session = app.iam(await world.session(user, await world.role(fresh(), trusts(user.arn), { policy: allows('iam:*') })));
    for (const client of [iam, session]) {
      await refused(() => client.send(new CreateLoginProfileCommand({ Password: FIRST })), 'ValidationError', 400, NO_NAME);
      await refused(() => client.send(new GetLoginProfileCommand({})), 'ValidationError', 400, NO_NAME);
      await refused(() => client.send(new DeleteLoginProfileCommand({})), 'ValidationError', 400, NO_NAME);
    }
  });

  it('finds that a root user it has borrowed has no password, and cannot give it one', async () => {
    const home = new World(app);
    const manager = await home.user(fresh(), allows('*'));
    const borrowed = async (task: string): Promise<IAMClient> => app.iam(await new Sessions(app).borrowed(manager, world.root.account, task));
    const absent = 'Login Profile for User root cannot be found.';
    const [audit, remove, make] = [await borrowed('IAMAuditRootUserCredentials'), await borrowed('IAMDeleteRootUserCredentials'), await borrowed('IAMCreateRootUserPassword')];
    await refused(() => audit.send(new GetLoginProfileCommand({})), 'NoSuchEntity', 404, absent);
    await refused(() => remove.send(new DeleteLoginProfileCommand({})), 'NoSuchEntity', 404, absent);
    await refused(() => make.send(new CreateLoginProfileCommand({ Password: FIRST })), 'ValidationError', 400, NO_NAME);
    await refused(() => make.send(new CreateLoginProfileCommand({})), 'ValidationError', 400, "1 validation error detected: Value at 'password' failed to satisfy constraint: Member must not be null");
  });

  it('is refused what there is, what there is not, and a password that is missing', async () => {
    const user = await withPassword();
    await refused(() => create(user.name.toUpperCase()), 'EntityAlreadyExists', 409, `Login Profile for user ${user.name} already exists.`);
    const bare = await world.user(fresh());
    const absent = `Login Profile for User ${bare.name} cannot be found.`;
    await refused(() => iam.send(new UpdateLoginProfileCommand({ UserName: bare.name, Password: FIRST })), 'NoSuchEntity', 404, absent);
    await refused(() => iam.send(new UpdateLoginProfileCommand({ UserName: bare.name, PasswordResetRequired: true })), 'NoSuchEntity', 404, absent);
    await refused(() => iam.send(new DeleteLoginProfileCommand({ UserName: bare.name })), 'NoSuchEntity', 404, absent);
    const nobody = 'The user with name nobody cannot be found.';
    await refused(() => create('nobody'), 'NoSuchEntity', 404, nobody);
    for (const command of [new GetLoginProfileCommand({ UserName: 'nobody' }), new UpdateLoginProfileCommand({ UserName: 'nobody' }), new DeleteLoginProfileCommand({ UserName: 'nobody' })]) {
      await refused(() => iam.send(command as GetLoginProfileCommand), 'NoSuchEntity', 404, nobody);
    }
    await refused(() => create(bare.name, { Password: undefined }), 'ValidationError', 400, "1 validation error detected: Value at 'password' failed to satisfy constraint: Member must not be null");
  });

  it('cannot delete a user who has one, and keeps it where the user is renamed', async () => {
    const user = await world.user(fresh());
    await iam.send(new DeleteAccessKeyCommand({ UserName: user.name, AccessKeyId: user.accessKeyId }));
    await create(user.name);
    const UserName = fresh();
    await iam.send(new UpdateUserCommand({ UserName: user.name, NewUserName: UserName, NewPath: '/moved/' }));
    await refused(() => iam.send(new DeleteUserCommand({ UserName })), 'DeleteConflict', 409, 'Cannot delete entity, must delete login profile first.');
    expect((await iam.send(new GetLoginProfileCommand({ UserName }))).LoginProfile?.UserName).toBe(UserName);
    expect((await iam.send(new GetUserCommand({ UserName }))).User).not.toHaveProperty('PasswordLastUsed');
    await iam.send(new DeleteLoginProfileCommand({ UserName }));
    await iam.send(new DeleteUserCommand({ UserName }));
  });
});

describe('an unmodified IAM client, about its own password', () => {
  it('changes it, knowing the old one, and need not change it again', async () => {
    const user = await withPassword();
    await iam.send(new UpdateLoginProfileCommand({ UserName: user.name, PasswordResetRequired: true }));
    await change(user, FIRST, SECOND);
    expect((await iam.send(new GetLoginProfileCommand({ UserName: user.name }))).LoginProfile?.PasswordResetRequired).toBe(false);
    await refused(() => change(user, FIRST, SECOND), 'AccessDenied', 403, 'The old password was incorrect.');
    await change(user, SECOND, SECOND);
    await change(user, SECOND, ' \u00e4\u00ff\t"<&\'9Z');
    await change(user, ' \u00e4\u00ff\t"<&\'9Z', FIRST);
  });

  it('must be a user, with a password', async () => {
    const onlyUsers = 'Only IAM Users can change their own password.';
    await refused(() => change(world.root, FIRST, SECOND), 'InvalidUserType', 400, onlyUsers);
    const user = await world.user(fresh(), allows('iam:*'));
    const session = await world.session(user, await world.role(fresh(), trusts(user.arn), { policy: allows('iam:*') }));
    await refused(() => change(session, FIRST, SECOND), 'InvalidUserType', 400, onlyUsers);
    await refused(() => change(user, FIRST, SECOND), 'NoSuchEntity', 404, `Login Profile for User ${user.name} cannot be found.`);
  });

  it('is told nothing about the old one by a new one that is not good enough', async () => {
    const user = await withPassword();
    for (const old of [FIRST, SECOND]) await refused(() => change(user, old, 'Aa1'), 'PasswordPolicyViolation', 400, 'Password should have a minimum length of 8');
  });

  const denied = (user: User): string => `User: ${user.arn} is not authorized to perform: iam:ChangePassword on resource: ${user.arn}`;
  it('needs a permission, on itself, where the password policy does not allow it', async () => {
    for (const rules of [undefined, { AllowUsersToChangePassword: false }]) {
      if (rules !== undefined) await setRules(rules);
      const user = await withPassword(allows('s3:GetObject'));
      await refused(() => change(user, FIRST, SECOND), 'AccessDenied', 403, `${denied(user)} because no identity-based policy allows the iam:ChangePassword action`);
      await iam.send(new PutUserPolicyCommand({ UserName: user.name, PolicyName: 'own', PolicyDocument: JSON.stringify(allows('iam:ChangePassword', 'arn:aws:iam::*:user/${aws:username}')) }));
      await change(user, FIRST, SECOND);
    }
    await clearRules();
  });

  it('needs none where it does, for that and for looking at the policy, and for nothing else', async () => {
    const user = await withPassword(allows('s3:GetObject'));
    await setRules({ AllowUsersToChangePassword: true });
    await change(user, FIRST, SECOND);
    expect((await app.iam(user).send(new GetAccountPasswordPolicyCommand({}))).PasswordPolicy?.AllowUsersToChangePassword).toBe(true);
    const because = (action: string, resource: string): string => `User: ${user.arn} is not authorized to perform: ${action}${resource} because no identity-based policy allows the ${action} action`;
    await refused(() => app.iam(user).send(new GetLoginProfileCommand({})), 'AccessDenied', 403, because('iam:GetLoginProfile', ` on resource: ${user.arn}`));
    await refused(() => app.iam(user).send(new DeleteAccountPasswordPolicyCommand({})), 'AccessDenied', 403, because('iam:DeleteAccountPasswordPolicy', ''));
    const session = await world.session(user, await world.role(fresh(), trusts(user.arn)));
    await expect(app.iam(session).send(new GetAccountPasswordPolicyCommand({}))).rejects.toMatchObject({ name: 'AccessDenied' });
    const abroad = await (await new World(app).account('another')).user('bob', allows('s3:GetObject'));
    await expect(app.iam(abroad).send(new GetAccountPasswordPolicyCommand({}))).rejects.toMatchObject({ name: 'AccessDenied' });
    await clearRules();
  });

  it('may be denied it all the same', async () => {
    const user = await withPassword(together(allows('s3:GetObject'), denies('iam:ChangePassword')));
    await setRules({ AllowUsersToChangePassword: true });
    await refused(() => change(user, FIRST, SECOND), 'AccessDenied', 403, `${denied(user)} with an explicit deny in an identity-based policy`);
    await clearRules();
  });
});

describe('an unmodified IAM client, about the password policy', () => {
  afterEach(clearRules);
  const shown = async () => members(await iam.send(new GetAccountPasswordPolicyCommand({})));
  const DEFAULTS = {
    MinimumPasswordLength: 6,
    RequireSymbols: false,
    RequireNumbers: false,
    RequireUppercaseCharacters: false,
    RequireLowercaseCharacters: false,
    AllowUsersToChangePassword: false,
    ExpirePasswords: false,
  };

  it('sets what it says, and everything else to its default', async () => {
    const all = { MinimumPasswordLength: 14, RequireSymbols: true, RequireNumbers: true, RequireUppercaseCharacters: true, RequireLowercaseCharacters: true, AllowUsersToChangePassword: true, MaxPasswordAge: 90, PasswordReusePrevention: 24, HardExpiry: true };
    expect(members(await iam.send(new UpdateAccountPasswordPolicyCommand(all)))).toEqual({});
    expect(await shown()).toEqual({ PasswordPolicy: { ...all, ExpirePasswords: true } });
    await setRules({});
    expect(await shown()).toEqual({ PasswordPolicy: DEFAULTS });
    await setRules({ HardExpiry: false, MaxPasswordAge: 1 });
    expect(await shown()).toEqual({ PasswordPolicy: { ...DEFAULTS, ExpirePasswords: true, MaxPasswordAge: 1, HardExpiry: false } });
  });

  it('removes it, and is told where there is none', async () => {
    await setRules({});
    expect(members(await iam.send(new DeleteAccountPasswordPolicyCommand({})))).toEqual({});
    await refused(shown, 'NoSuchEntity', 404, `The Password Policy with domain name ${world.root.account} cannot be found.`);
    await refused(() => iam.send(new DeleteAccountPasswordPolicyCommand({})), 'NoSuchEntity', 404, 'The account policy with name PasswordPolicy cannot be found.');
  });

  const bounds: [rules: UpdateAccountPasswordPolicyCommandInput, at: string, rule: string][] = [
    [{ MinimumPasswordLength: 5 }, 'minimumPasswordLength', 'greater than or equal to 6'],
    [{ MinimumPasswordLength: 129 }, 'minimumPasswordLength', 'less than or equal to 128'],
    [{ MaxPasswordAge: 0 }, 'maxPasswordAge', 'greater than or equal to 1'],
    [{ MaxPasswordAge: 1096 }, 'maxPasswordAge', 'less than or equal to 1095'],
    [{ PasswordReusePrevention: 0 }, 'passwordReusePrevention', 'greater than or equal to 1'],
    [{ PasswordReusePrevention: 25 }, 'passwordReusePrevention', 'less than or equal to 24'],
  ];
  it.each(bounds)('keeps to the bounds: %j', async (rules, at, rule) => {
    await refused(() => setRules(rules), 'ValidationError', 400, `1 validation error detected: Value at '${at}' failed to satisfy constraint: Member must have value ${rule}`);
  });

  const weak: [rules: UpdateAccountPasswordPolicyCommandInput | undefined, password: string, message: string][] = [
    [undefined, 'Aa1', 'Password should have a minimum length of 8'],
    [undefined, 'aaaaaaaa', 'Password should have at least three of: uppercase letters, lowercase letters, numbers, symbols'],
    [undefined, 'Passwords-1', 'Password should not be the name of the account'],
    [{ MinimumPasswordLength: 14 }, 'Aa1!Aa1!Aa1!A', 'Password should have a minimum length of 14'],
    [{ RequireUppercaseCharacters: true }, 'aa1!aa', 'Password should have at least one uppercase letter'],
    [{ RequireLowercaseCharacters: true }, 'AA1!AA', 'Password should have at least one lowercase letter'],
    [{ RequireNumbers: true }, 'Aaa!aa', 'Password should have at least one number'],
    [{ RequireSymbols: true }, 'Aa1aaa', 'Password should have at least one symbol'],
    [{ RequireNumbers: true, RequireSymbols: true }, 'Aaaaa', 'Password should have a minimum length of 6, Password should have at least one number, Password should have at least one symbol'],
  ];
  it.each(weak)('is held to it by every way to a password: %j, %s', async (rules, password, message) => {
    const [user, bare] = [await withPassword(), await world.user(fresh())];
    if (rules !== undefined) await setRules(rules);
    for (const send of [() => create(bare.name, { Password: password }), () => iam.send(new UpdateLoginProfileCommand({ UserName: user.name, Password: password })), () => change(user, FIRST, password)]) {
      await refused(send, 'PasswordPolicyViolation', 400, message);
    }
  });

  it('does not let a password be used again while it is one of the last so many', async () => {
    const user = await withPassword();
    const update = (Password: string): Promise<unknown> => iam.send(new UpdateLoginProfileCommand({ UserName: user.name, Password }));
    await change(user, FIRST, SECOND);
    await setRules({ PasswordReusePrevention: 2 });
    const again = 'Password should not be among the last 2 used';
    for (const password of [FIRST, SECOND]) {
      await refused(() => change(user, SECOND, password), 'PasswordPolicyViolation', 400, again);
      await refused(() => update(password), 'PasswordPolicyViolation', 400, again);
    }
    await update('Third-password-3');
    await change(user, 'Third-password-3', FIRST);
    await setRules({ PasswordReusePrevention: 1 });
    await refused(() => change(user, FIRST, FIRST), 'PasswordPolicyViolation', 400, 'Password should not be among the last 1 used');
    await clearRules();
    await change(user, FIRST, FIRST);
  });
});
