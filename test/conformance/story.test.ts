import { CreateAccessKeyCommand, CreateRoleCommand, CreateUserCommand, UpdateAccessKeyCommand } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { keysOf, trusts } from '../support/world.js';

/** The whole story of a new user, with unmodified AWS clients that know only an endpoint and keys. */
describe('an unmodified AWS client', () => {
  let app: TestApp;
  let bob: Keys;

  beforeAll(async () => {
    app = await TestApp.boot();
  });
  afterAll(() => app.close());

  it('creates a user with an access key', async () => {
    const iam = app.iam();
    const { User } = await iam.send(new CreateUserCommand({ UserName: 'bob' }));
    expect(User).toEqual({
      Path: '/',
      UserName: 'bob',
      UserId: expect.stringMatching(/^AIDA[A-Z2-7]{17}$/),
      Arn: `arn:aws:iam::${app.root.account}:user/bob`,
      CreateDate: new Date('2026-11-25T10:00:00Z'),
    });
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'bob' }));
    expect(AccessKey).toMatchObject({ UserName: 'bob', Status: 'Active' });
    bob = { accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' };
    await expect(app.sts(bob).send(new GetCallerIdentityCommand())).resolves.toMatchObject({
      Account: app.root.account,
      Arn: `arn:aws:iam::${app.root.account}:user/bob`,
      UserId: User?.UserId,
    });
  });

  it('assumes a role that trusts the user and calls with its session', async () => {
    await app.iam().send(
      new CreateRoleCommand({ RoleName: 'deploy', AssumeRolePolicyDocument: JSON.stringify(trusts(`arn:aws:iam::${app.root.account}:user/bob`)) }),
    );
    const assumed = await app.sts(bob).send(new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${app.root.account}:role/deploy`, RoleSessionName: 'ci' }));
    expect(assumed.Credentials?.Expiration).toEqual(new Date('2026-11-25T11:00:00Z'));
    expect(assumed.AssumedRoleUser).toEqual({
      Arn: `arn:aws:sts::${app.root.account}:assumed-role/deploy/ci`,
      AssumedRoleId: expect.stringMatching(/^AROA[A-Z2-7]{17}:ci$/),
    });
    const session = keysOf(assumed.Credentials);
    await expect(app.sts(session).send(new GetCallerIdentityCommand())).resolves.toMatchObject({
      Arn: `arn:aws:sts::${app.root.account}:assumed-role/deploy/ci`,
      UserId: assumed.AssumedRoleUser?.AssumedRoleId,
    });
    const [row] = await app.sql<{ access_key_id: string; issuer_arn: string }>('SELECT * FROM session');
    expect(row).toMatchObject({ access_key_id: session.accessKeyId, issuer_arn: `arn:aws:iam::${app.root.account}:user/bob` });
  });

  it('is refused by a role that does not trust the user, and the refusal is recorded', async () => {
    await app.iam().send(
      new CreateRoleCommand({ RoleName: 'closed', AssumeRolePolicyDocument: JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' })) }),
    );
    const before = await app.contents();
    const events = await app.recordedBy(async () => {
      await expect(
        app.sts(bob).send(new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${app.root.account}:role/closed`, RoleSessionName: 'ci' })),
      ).rejects.toMatchObject({
        name: 'AccessDenied',
        message: `User: arn:aws:iam::${app.root.account}:user/bob is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::${app.root.account}:role/closed`,
        $metadata: { httpStatusCode: 403, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
      });
    });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ event_name: 'AssumeRole', outcome: 'refused', error_code: 'AccessDenied' });
    expect(await app.contents()).toEqual(before);
  });

  it('is refused after the access key was made inactive', async () => {
    await app.iam().send(new UpdateAccessKeyCommand({ UserName: 'bob', AccessKeyId: bob.accessKeyId, Status: 'Inactive' }));
    await expect(app.sts(bob).send(new GetCallerIdentityCommand())).rejects.toMatchObject({
      name: 'InvalidClientTokenId',
      message: 'The security token included in the request is invalid.',
      $metadata: { httpStatusCode: 403 },
    });
  });
});
