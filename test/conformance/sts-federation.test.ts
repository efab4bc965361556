import { DeleteAccessKeyCommand, DeleteUserCommand, DeleteUserPolicyCommand, ListRolesCommand } from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand, GetFederationTokenCommand, type GetFederationTokenCommandInput } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { Sessions } from '../support/sessions.js';
import { allows, allowsUnder, denies, together, World, type Document, type User } from '../support/world.js';

const READ_ONLY = { arn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' };
const expired = { name: 'ExpiredToken', message: 'The security token included in the request is expired', $metadata: { httpStatusCode: 403 } };

describe('GetFederationToken', () => {
  let app: TestApp;
  let sessions: Sessions;
  let home: World;
  let account: string;
  let alice: User;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    sessions = new Sessions(app);
    home = new World(app);
    account = home.root.account;
    alice = await home.user('alice', allows('*'));
  });
  afterAll(() => app.close());

  const fresh = (what: string): string => `${what}-${String((count += 1))}`;
  const federate = (keys: Keys, more: Partial<GetFederationTokenCommandInput> = {}): Promise<unknown> => app.sts(keys).send(new GetFederationTokenCommand({ Name: 'guest', ...more }));
  const refusal = (user: User, action: string, name = 'guest'): string => `User: ${user.arn} is not authorized to perform: ${action} on resource: arn:aws:sts::${account}:federated-user/${name}`;
  const lacking = (action: string): string => ` because no identity-based policy allows the ${action} action`;

  const durations: [who: string, asked: number | undefined, granted: number][] = [
    ['a user', undefined, 43_200],
    ['a user', 900, 900],
    ['a user', 129_600, 129_600],
    ['root', undefined, 3600],
    ['root', 900, 900],
    ['root', 3601, 3600],
    ['root', 129_600, 3600],
  ];
  it.each(durations)('by %s for %s seconds lasts for %i', async (who, DurationSeconds, granted) => {
    const { Credentials } = await app.sts(who === 'root' ? home.root : alice).send(new GetFederationTokenCommand({ Name: 'guest', DurationSeconds }));
    expect(Credentials).toEqual({
      AccessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
      SecretAccessKey: expect.stringMatching(/^[A-Za-z0-9+/]{40}$/),
      SessionToken: expect.any(String),
      Expiration: new Date(Date.UTC(2026, 10, 25, 10, 0, granted)),
    });
  });

  describe('needs sts:GetFederationToken on the federated user', () => {
    const arn = (name: string): string => `arn:aws:sts::${account}:federated-user/${name}`;
    type Case = [title: string, policy: () => Document | undefined, more: Partial<GetFederationTokenCommandInput>, answer: string];
    const tags = [{ Key: 'team', Value: 'x' }];
    const both = ['sts:GetFederationToken', 'sts:TagSession'];
    const cases: Case[] = [
      ['and has it not', () => undefined, {}, lacking('sts:GetFederationToken')],
      ['and has it', () => allows('sts:GetFederationToken'), {}, 'ok'],
      ['and has it for this one', () => allows('sts:GetFederationToken', arn('guest')), {}, 'ok'],
      ['and has it for another one', () => allows('sts:GetFederationToken', arn('other')), {}, lacking('sts:GetFederationToken')],
      ['and is denied it', () => together(allows('*'), denies('sts:GetFederationToken')), {}, ' with an explicit deny in an identity-based policy'],
      ['for a tag that is asked for', () => allowsUnder({ StringEquals: { 'aws:RequestTag/team': 'x' } }, both), { Tags: tags }, 'ok'],
      ['for a tag that is not passed', () => allowsUnder({ StringEquals: { 'aws:RequestTag/team': 'x' } }, both), {}, lacking('sts:GetFederationToken')],
      ['for no tags but some', () => allowsUnder({ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['cost'] } }, both), { Tags: tags }, lacking('sts:GetFederationToken')],
    ];
    it.each(cases)('%s', async (_, policy, more, answer) => {
      const user = await home.user(fresh('user'), policy());
      if (answer === 'ok') await expect(federate(user, more)).resolves.toBeDefined();
      else await sessions.refused(() => federate(user, more), { code: 'AccessDenied', message: refusal(user, 'sts:GetFederationToken') + answer });
    });
  });

  describe('makes a federated user', () => {
    const passed: [title: string, who: 'alice' | 'root', more: Partial<GetFederationTokenCommandInput>][] = [
      ['without a policy', 'alice', {}],
      ['with a policy that allows everything', 'alice', { Policy: JSON.stringify(allows('*')) }],
      ['with a managed policy', 'alice', { PolicyArns: [READ_ONLY] }],
      ['of root without a policy', 'root', {}],
      ['of root with a policy that allows everything', 'root', { Policy: JSON.stringify(allows('*')) }],
    ];
    it.each(passed)('%s, who may find out who he is, and neither use IAM nor STS', async (_, who, more) => {
      const keys = await sessions.federated(who === 'root' ? home.root : alice, more);
      await expect(app.sts(keys).send(new GetCallerIdentityCommand())).resolves.toMatchObject({ Arn: `arn:aws:sts::${account}:federated-user/guest`, UserId: `${account}:guest` });
      await sessions.refused(() => app.iam(keys).send(new ListRolesCommand()), { code: 'InvalidClientTokenId', status: 403, message: 'The security token included in the request is invalid' });
      await sessions.refused(() => sessions.scoped(keys, { DurationSeconds: 60 }), { code: 'AccessDenied', message: 'Cannot call GetScopedCredentials with session credentials' });
    });

    it('whose credentials outlive the access key they were obtained with, and end with the user', async () => {
      const user = await home.user(fresh('user'), allows('sts:GetFederationToken'));
      const keys = await sessions.federated(user);
      const iam = app.iam(home.root);
      await iam.send(new DeleteAccessKeyCommand({ UserName: user.name, AccessKeyId: user.accessKeyId }));
      await iam.send(new DeleteUserPolicyCommand({ UserName: user.name, PolicyName: 'own' }));
      await expect(app.sts(keys).send(new GetCallerIdentityCommand())).resolves.toBeDefined();
      await iam.send(new DeleteUserCommand({ UserName: user.name }));
      await expect(app.sts(keys).send(new GetCallerIdentityCommand())).rejects.toMatchObject(expired);
      await home.user(user.name, allows('sts:GetFederationToken'));
      await expect(app.sts(keys).send(new GetCallerIdentityCommand())).rejects.toMatchObject(expired);
    });

    it('who is nobody else for having the name of a user', async () => {
      const keys = await sessions.federated(alice, { Name: 'alice', Policy: JSON.stringify(allows('*')) });
      await expect(app.sts(keys).send(new GetCallerIdentityCommand())).resolves.toMatchObject({ Arn: `arn:aws:sts::${account}:federated-user/alice`, UserId: `${account}:alice` });
    });
  });

  describe('takes tags', () => {
    it.each([
      ['not twice under one key', [{ Key: 'team', Value: 'x' }, { Key: 'Team', Value: 'y' }], 'Duplicate tag keys found. Please note that Tag keys are case insensitive.'],
      ['not under a reserved key', [{ Key: 'aws:team', Value: 'x' }], "Tag keys that begin with aws: are reserved, got 'aws:team'."],
    ])('%s', async (_, Tags, message) => {
      await sessions.refused(() => federate(alice, { Tags }), { code: 'InvalidParameterValue', message });
    });

    it('none of which are transitive: that is no parameter of it', async () => {
      const form = { Action: 'GetFederationToken', Version: '2011-06-15', Name: 'guest', 'Tags.member.1.Key': 'team', 'Tags.member.1.Value': 'x', 'TransitiveTagKeys.member.1': 'team' };
      const { status, headers } = await app.query(alice, form);
      expect([status, headers.get('x-stint-ignored-parameters')]).toEqual([200, 'TransitiveTagKeys.member.1']);
    });
  });

  it('is recorded with what was asked and answered but the secret', async () => {
    const asked = { Name: 'guest', Policy: JSON.stringify(allows('iam:GetUser')), PolicyArns: [READ_ONLY], DurationSeconds: 900, Tags: [{ Key: 'team', Value: 'x' }] };
    const record = await sessions.eventIn(account, () => federate(alice, asked));
    expect(record).toMatchObject({ eventSource: 'sts.amazonaws.com', eventName: 'GetFederationToken', readOnly: false, userIdentity: { type: 'IAMUser', arn: alice.arn } });
    expect(record['requestParameters']).toEqual({ name: 'guest', policy: asked.Policy, policyArns: [READ_ONLY], durationSeconds: 900, tags: [{ key: 'team', value: 'x' }] });
    expect(record['responseElements']).toEqual({
      credentials: { accessKeyId: expect.stringMatching(/^ASIA/), sessionToken: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), expiration: 'Nov 25, 2026, 10:15:00 AM' },
      federatedUser: { federatedUserId: `${account}:guest`, arn: `arn:aws:sts::${account}:federated-user/guest` },
      packedPolicySize: expect.any(Number),
    });
    expect(await sessions.eventIn(account, () => federate(home.root))).toMatchObject({ userIdentity: { type: 'Root', arn: `arn:aws:iam::${account}:root` } });
  });
});
