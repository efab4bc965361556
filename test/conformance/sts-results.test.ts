import {
  AssumeRoleCommand,
  AssumeRootCommand,
  GetCallerIdentityCommand,
  GetFederationTokenCommand,
  GetScopedCredentialsCommand,
  GetSessionTokenCommand,
  type AssumeRoleCommandInput,
  type Credentials,
  type Tag,
} from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { formOf, type Input } from '../support/calls.js';
import { noise, Sessions, taskArn } from '../support/sessions.js';
import { allows, ASSUMING, keysOf, trusts, World, type Role, type User } from '../support/world.js';

const READ_ONLY = { arn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' };
const small = JSON.stringify(allows('iam:GetUser'));
/** A policy of a length, by blanks or by text that packs badly. */
const ofLength = (length: number, filling: 'blanks' | 'noise'): string => {
  const document = (text: string): string => JSON.stringify(allows('iam:GetUser', `arn:aws:iam::123456789012:user/${text}`));
  const left = length - document('').length;
  return filling === 'blanks' ? document('') + ' '.repeat(left) : document(noise(left));
};
const tags = (count: number, seed = ''): Tag[] => Array.from({ length: count }, (_, index) => ({ Key: noise(50, `${seed}key ${index}`), Value: noise(100, `${seed}value ${index}`) }));
/** The member that newer models deprecate and older clients read. */
const packedSize = (answer: { readonly PackedPolicySize?: number | undefined }): number | undefined => answer.PackedPolicySize;
const keysOfTags = (all: Tag[]): string[] => all.map(({ Key }) => Key!);

describe('an answer of STS', () => {
  let app: TestApp;
  let sessions: Sessions;
  let home: World;
  let member: string;
  let alice: User;
  let role: Role;
  let session: Keys;

  beforeAll(async () => {
    app = await TestApp.boot();
    sessions = new Sessions(app);
    home = new World(app);
    member = (await home.account('member')).root.account;
    alice = await home.user('alice', allows('*'));
    role = await home.role('worker', trusts(home.root.account, undefined, ASSUMING), { policy: allows('*') });
    session = await sessions.assumed(alice, role);
  });
  afterAll(() => app.close());

  const assume = (keys: Keys, more: Partial<AssumeRoleCommandInput> = {}): ReturnType<Sessions['assume']> => sessions.assume(keys, role, more);
  const task = { arn: taskArn('IAMAuditRootUserCredentials') };

  describe('has these members on the AWS face, and none of Stint’s own', () => {
    const token = ['SessionTokenSize', 'SessionTokenUtilization'];
    const answers: [operation: string, who: () => Keys, input: () => Input, members: string[]][] = [
      ['AssumeRole', () => alice, () => ({ RoleArn: role.arn, RoleSessionName: 'session' }), ['AssumedRoleUser', 'Credentials', ...token]],
      ['AssumeRole', () => alice, () => ({ RoleArn: role.arn, RoleSessionName: 'session', Policy: small, SourceIdentity: 'alice' }), ['AssumedRoleUser', 'Credentials', 'PackedPolicySize', ...token, 'SourceIdentity']],
      ['GetSessionToken', () => alice, () => ({}), ['Credentials']],
      ['GetFederationToken', () => alice, () => ({ Name: 'guest' }), ['Credentials', 'FederatedUser', 'PackedPolicySize']],
      ['GetScopedCredentials', () => session, () => ({ DurationSeconds: 60 }), ['Credentials', 'ScopedPoliciesCount', 'SessionInfo', ...token]],
      ['AssumeRoot', () => alice, () => ({ TargetPrincipal: member, TaskPolicyArn: task }), ['Credentials']],
      ['GetCallerIdentity', () => alice, () => ({}), ['Account', 'Arn', 'UserId']],
      ['GetAccessKeyInfo', () => alice, () => ({ AccessKeyId: alice.accessKeyId }), ['Account']],
    ];
    it.each(answers)('%s', async (operation, who, input, members) => {
      const answer = await app.query(who(), { Action: operation, Version: '2011-06-15', ...formOf(input()) }, { headers: { accept: 'application/json' } });
      const result = (JSON.parse(answer.text) as Record<string, Record<string, object>>)[`${operation}Response`]![`${operation}Result`]!;
      expect(Object.keys(result).sort()).toEqual(members);
    });

    it('AssumeRole and GetFederationToken say who it is now', async () => {
      expect((await assume(alice, { RoleSessionName: 'me@home' })).AssumedRoleUser).toEqual({ AssumedRoleId: `${role.id}:me@home`, Arn: `arn:aws:sts::${home.root.account}:assumed-role/worker/me@home` });
      const { FederatedUser } = await app.sts(alice).send(new GetFederationTokenCommand({ Name: 'bob.guest' }));
      expect(FederatedUser).toEqual({ FederatedUserId: `${home.root.account}:bob.guest`, Arn: `arn:aws:sts::${home.root.account}:federated-user/bob.guest` });
    });
  });

  describe('says how much of the allotted space was packed', () => {
    const one = [{ Key: 'team', Value: 'x' }];
    const presence: [title: string, more: Partial<AssumeRoleCommandInput>, isSaid: boolean][] = [
      ['nothing', {}, false],
      ['a policy', { Policy: small }, true],
      ['a managed policy', { PolicyArns: [READ_ONLY] }, true],
      ['a tag', { Tags: one }, true],
      ['an empty list of tags', { Tags: [] }, false],
      ['a source identity', { SourceIdentity: 'alice' }, false],
    ];
    it.each(presence)('by AssumeRole with %s', async (_, more, isSaid) => {
      const size = packedSize(await assume(alice, more));
      if (!isSaid) expect(size).toBeUndefined();
      else expect([Number.isInteger(size), size! >= 1, size! <= 10]).toEqual([true, true, true]);
    });

    it('by GetFederationToken always, and as 0 where nothing was passed', async () => {
      const size = async (more: object): Promise<number | undefined> => packedSize(await app.sts(alice).send(new GetFederationTokenCommand({ Name: 'guest', ...more })));
      expect(await size({})).toBe(0);
      expect(await size({ Policy: small })).toBeGreaterThan(0);
      expect(await size({ Tags: one })).toBeGreaterThan(0);
    });

    it('by AssumeRole for policies, managed ones and tags together, and nothing for what is transitive', async () => {
      const size = async (more: Partial<AssumeRoleCommandInput>): Promise<number> => packedSize(await assume(alice, more))!;
      const some = tags(5);
      const policy = ofLength(1500, 'noise');
      const all = { Policy: policy, Tags: some };
      expect(await size(all)).toBeGreaterThan(Math.max(await size({ Policy: policy }), await size({ Tags: some })));
      expect(await size({ ...all, PolicyArns: [READ_ONLY] })).toBeGreaterThan(await size(all));
      expect(await size({ ...all, TransitiveTagKeys: keysOfTags(some) })).toBe(await size(all));
    });
  });

  describe('is that too much was passed', () => {
    type Case = [title: string, operation: 'AssumeRole' | 'GetFederationToken', more: Partial<AssumeRoleCommandInput>, code: string | undefined, message: string | RegExp | undefined];
    const long = ofLength(2049, 'blanks');
    const cases: Case[] = [
      ['2048 characters of policy', 'AssumeRole', { Policy: ofLength(2048, 'blanks') }, undefined, undefined],
      ['2049 characters, blanks among them', 'AssumeRole', { Policy: long }, 'PackedPolicyTooLarge', 'Packed policy consumes 101% of allotted space'],
      ['2416 characters', 'AssumeRole', { Policy: ofLength(2416, 'blanks') }, 'PackedPolicyTooLarge', 'Packed policy consumes 118% of allotted space'],
      ['a policy and managed ones of more than 2048 characters', 'AssumeRole', { Policy: ofLength(2048, 'blanks'), PolicyArns: [READ_ONLY] }, 'PackedPolicyTooLarge', 'Packed policy consumes 102% of allotted space'],
      ['tags', 'AssumeRole', { Tags: tags(40) }, 'PackedPolicyTooLarge', /^Packed size of session tags consumes 1\d\d% of allotted space\.$/],
      ['fewer tags', 'AssumeRole', { Tags: tags(12) }, undefined, undefined],
      ['a policy', 'AssumeRole', { Policy: ofLength(2048, 'noise') }, undefined, undefined],
      ['both of these together', 'AssumeRole', { Policy: ofLength(2048, 'noise'), Tags: tags(12) }, 'PackedPolicyTooLarge', /^Packed policy consumes 1\d\d% of allotted space$/],
      ['2048 characters of policy', 'GetFederationToken', { Policy: ofLength(2048, 'blanks') }, undefined, undefined],
      [
        '2049 characters',
        'GetFederationToken',
        { Policy: long },
        'ValidationError',
        `1 validation error detected: Value '${long}' at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048`,
      ],
      ['a policy and managed ones of more than 2048 characters', 'GetFederationToken', { Policy: ofLength(2048, 'blanks'), PolicyArns: [READ_ONLY] }, 'PackedPolicyTooLarge', 'Packed policy consumes 102% of allotted space'],
      ['tags', 'GetFederationToken', { Tags: tags(40) }, 'PackedPolicyTooLarge', /^Packed size of session tags consumes 1\d\d% of allotted space\.$/],
      ['a policy and tags together', 'GetFederationToken', { Policy: ofLength(2048, 'noise'), Tags: tags(12) }, 'PackedPolicyTooLarge', /^Packed policy consumes 1\d\d% of allotted space$/],
    ];
    it.each(cases)('or not: %s, to %s', async (_, operation, more, code, message) => {
      const send = (): Promise<unknown> => (operation === 'AssumeRole' ? assume(alice, more) : app.sts(alice).send(new GetFederationTokenCommand({ Name: 'guest', ...more })));
      if (code === undefined) await expect(send()).resolves.toBeDefined();
      else await sessions.refused(send, { code, message: message instanceof RegExp ? expect.stringMatching(message) : message! });
    });

    it('with what is inherited', async () => {
      const inherited = tags(12, 'inherited ');
      const parent = await sessions.assumed(alice, role, { Tags: inherited, TransitiveTagKeys: keysOfTags(inherited) });
      expect(packedSize(await assume(parent))).toBeUndefined();
      await sessions.refused(() => assume(parent, { Policy: ofLength(2048, 'noise') }), { code: 'PackedPolicyTooLarge', message: expect.stringMatching(/^Packed policy consumes 1\d\d% of allotted space$/) });
      await sessions.refused(() => assume(parent, { Tags: tags(12) }), { code: 'PackedPolicyTooLarge', message: expect.stringMatching(/^Packed size of session tags consumes 1\d\d% of allotted space\.$/) });
    });
  });

  describe('has a session token', () => {
    it('whose size it says, in characters and in percent of 6144', async () => {
      for (const more of [{}, { Policy: ofLength(2048, 'noise') }, { MinimumSessionTokenSize: 4096 }]) {
        const { Credentials, SessionTokenSize, SessionTokenUtilization } = await assume(alice, more);
        expect(SessionTokenSize).toBe(Credentials!.SessionToken!.length);
        expect(SessionTokenUtilization).toBe(Math.ceil((SessionTokenSize! * 100) / 6144));
      }
    });

    const issuing: Readonly<Record<string, (MinimumSessionTokenSize: number | undefined) => Promise<{ Credentials?: Credentials | undefined }>>> = {
      AssumeRole: (MinimumSessionTokenSize) => app.sts(alice).send(new AssumeRoleCommand({ RoleArn: role.arn, RoleSessionName: 'session', MinimumSessionTokenSize })),
      GetSessionToken: (MinimumSessionTokenSize) => app.sts(alice).send(new GetSessionTokenCommand({ MinimumSessionTokenSize })),
      GetFederationToken: (MinimumSessionTokenSize) => app.sts(alice).send(new GetFederationTokenCommand({ Name: 'guest', MinimumSessionTokenSize })),
      GetScopedCredentials: (MinimumSessionTokenSize) => app.sts(session).send(new GetScopedCredentialsCommand({ DurationSeconds: 60, MinimumSessionTokenSize })),
      AssumeRoot: (MinimumSessionTokenSize) => app.sts(alice).send(new AssumeRootCommand({ TargetPrincipal: member, TaskPolicyArn: task, MinimumSessionTokenSize })),
    };
    it.each(Object.keys(issuing))('as long as is asked for, and good, from %s', async (operation) => {
      const length = async (size: number | undefined): Promise<number> => {
        const { Credentials } = await issuing[operation]!(size);
        await expect(app.sts(keysOf(Credentials)).send(new GetCallerIdentityCommand())).resolves.toBeDefined();
        return Credentials!.SessionToken!.length;
      };
      const plain = await length(undefined);
      expect(await length(0)).toBe(plain);
      expect(await length(plain - 100)).toBe(plain);
      for (const size of [plain + 1, 2047, 2048, 4095, 4096]) {
        const padded = await length(size);
        // Base64 comes in fours.
        expect([size, padded >= size, padded < size + 4]).toEqual([size, true, true]);
      }
    });

    it.each(Object.keys(issuing))('not of more than 4096 characters on demand, from %s', async (operation) => {
      const message = "1 validation error detected: Value '4097' at 'minimumSessionTokenSize' failed to satisfy constraint: Member must have value less than or equal to 4096";
      await sessions.refused(() => issuing[operation]!(4097), { code: 'ValidationError', message });
    });
  });
});
