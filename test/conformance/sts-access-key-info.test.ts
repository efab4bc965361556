import { DeleteAccessKeyCommand, UpdateAccessKeyCommand } from '@aws-sdk/client-iam';
import { GetAccessKeyInfoCommand } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { Sessions } from '../support/sessions.js';
import { allows, trusts, World, type User } from '../support/world.js';

describe('GetAccessKeyInfo', () => {
  let app: TestApp;
  let sessions: Sessions;
  let home: World;
  let member: World;
  let other: World;
  let bob: User;
  /** Credentials of the member account, of every kind. */
  const credentials = new Map<string, Keys>();

  beforeAll(async () => {
    app = await TestApp.boot();
    sessions = new Sessions(app);
    home = new World(app);
    member = await home.account('member');
    other = await home.account('other');
    bob = await member.user('bob', allows('*'));
    const role = await member.role('worker', trusts(bob.arn));
    const manager = await home.user('manager', allows('*'));
    const session = await sessions.assumed(bob, role);
    const all: [string, Keys][] = [
      ['its root user', member.root],
      ['a user', bob],
      ['a session of a user', await sessions.sessionToken(bob)],
      ['a session of its root user', await sessions.sessionToken(member.root)],
      ['a federated user', await sessions.federated(bob)],
      ['a role session', session],
      ['a scoped session', await sessions.scoped(session, { DurationSeconds: 900 })],
      ['its borrowed root user', await sessions.borrowed(manager, member.root.account)],
    ];
    for (const [kind, keys] of all) credentials.set(kind, keys);
  });
  afterAll(() => app.close());

  const kinds = ['its root user', 'a user', 'a session of a user', 'a session of its root user', 'a federated user', 'a role session', 'a scoped session', 'its borrowed root user'];
  const ask = (keys: Keys, AccessKeyId: string): Promise<unknown> => app.sts(keys).send(new GetAccessKeyInfoCommand({ AccessKeyId }));
  const refusal = (arn: string, id: string): { code: string; message: string } => ({ code: 'AccessDenied', message: `User: ${arn} is not authorized to perform: sts:GetAccessKeyInfo on resource: access key ${id}` });

  it.each(kinds)('tells the account and the management account whose key that of %s is, and no other account', async (kind) => {
    const id = credentials.get(kind)!.accessKeyId;
    for (const keys of [bob, home.root]) await expect(ask(keys, id)).resolves.toMatchObject({ Account: member.root.account });
    await sessions.refused(() => ask(other.root, id), refusal(`arn:aws:iam::${other.root.account}:root`, id));
  });

  it('belongs to the account where a role session is, not to the account that obtained it', async () => {
    const role = await other.role('guest', trusts(bob.arn));
    const { accessKeyId } = await sessions.assumed(bob, role);
    await expect(ask(other.root, accessKeyId)).resolves.toMatchObject({ Account: other.root.account });
    await sessions.refused(() => ask(bob, accessKeyId), refusal(bob.arn, accessKeyId));
  });

  it.each(['AKIAUNKNOWNUNKNOWN22', 'ASIAUNKNOWNUNKNOWN22', 'not_a_key_of_anyone'])('knows nothing of %s', async (id) => {
    await sessions.refused(() => ask(home.root, id), refusal(`arn:aws:iam::${home.root.account}:root`, id));
  });

  it('answers for a key that is switched off, and no more for one that is gone', async () => {
    const user = await member.user('leaver');
    const iam = app.iam(member.root);
    await iam.send(new UpdateAccessKeyCommand({ UserName: user.name, AccessKeyId: user.accessKeyId, Status: 'Inactive' }));
    await expect(ask(bob, user.accessKeyId)).resolves.toMatchObject({ Account: member.root.account });
    await iam.send(new DeleteAccessKeyCommand({ UserName: user.name, AccessKeyId: user.accessKeyId }));
    await sessions.refused(() => ask(bob, user.accessKeyId), refusal(bob.arn, user.accessKeyId));
  });

  it('needs its permission', async () => {
    const powerless = await member.user('powerless');
    const action = 'sts:GetAccessKeyInfo';
    const message = `User: ${powerless.arn} is not authorized to perform: ${action} because no identity-based policy allows the ${action} action`;
    await sessions.refused(() => ask(powerless, powerless.accessKeyId), { code: 'AccessDenied', message });
  });

  it('is recorded as a call that only reads', async () => {
    const record = await sessions.eventIn(member.root.account, () => ask(bob, bob.accessKeyId));
    expect(record).toMatchObject({ eventName: 'GetAccessKeyInfo', readOnly: true, requestParameters: { accessKeyId: bob.accessKeyId }, responseElements: null });
  });
});
