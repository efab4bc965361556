import { createHash } from 'node:crypto';

import { DeleteAccessKeyCommand, DeleteUserCommand, DeleteUserPolicyCommand, UpdateAccessKeyCommand } from '@aws-sdk/client-iam';

import { Retention } from '../../src/sessions/retention.js';
import { TestApp, type Keys } from '../support/app.js';
import { call, effectOf, expectRefused, type Input } from '../support/calls.js';
import { ended, sessionIdOf, standing, type Shown } from '../support/revoking.js';
import { Sessions, type TemporaryKeys } from '../support/sessions.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';

const UNKNOWN = { code: 'NoSuchEntity', status: 404, message: 'No such credential is known in this account.' };

interface Holder {
  readonly accessKeyId: string;
  readonly account: string;
  readonly principalArn: string;
  readonly principalId: string;
  readonly alive: boolean;
  readonly session?: Shown;
  readonly chain: readonly { readonly sessionId: string; readonly issuedAt: number; readonly principalArn?: string }[];
}

let app: TestApp;
let sessions: Sessions;
let home: World;
let abroad: World;
let alice: User;
let worker: Role;
let count = 0;

beforeAll(async () => {
  app = await TestApp.boot();
  sessions = new Sessions(app);
  home = await new World(app).account('home');
  abroad = await new World(app).account('abroad');
  alice = await home.user('alice', allows('*'));
  worker = await home.role('worker', trusts(home.root.account), { policy: allows('*') });
});
afterAll(() => app.close());
afterEach(() => app.clock.advance(2));

const fresh = (): string => `name-${String((count += 1))}`;
async function whoIs(input: Input, by: Keys = home.root, node = app): Promise<Holder> {
  const { output, text } = await call(node, 'rest', { operation: 'WhoIs', keys: by, input });
  if (output === undefined) throw new Error(text);
  return output as Holder;
}
const holder = ({ accessKeyId }: Keys, by?: Keys): Promise<Holder> => whoIs({ AccessKeyId: accessKeyId }, by);
const tokenOf = ({ sessionToken }: TemporaryKeys): Input => ({ TokenSha256: createHash('sha256').update(sessionToken).digest('hex') });
async function unknown(input: Input, by: Keys): Promise<void> {
  expectRefused(await effectOf(app, () => call(app, 'rest', { operation: 'WhoIs', keys: by, input })), UNKNOWN, 'WhoIs');
}

describe('the holder of temporary credentials', () => {
  const kinds: [what: string, obtain: () => Promise<TemporaryKeys>, holder: () => object][] = [
    ['of a role', () => sessions.assumed(alice, worker, { RoleSessionName: 'ci' }), () => ({ principalArn: `arn:aws:sts::${home.root.account}:assumed-role/worker/ci`, principalId: `${worker.id}:ci`, session: { kind: 'assumed-role', operation: 'AssumeRole', obtainedBy: alice.arn } })],
    ['of a user', () => sessions.sessionToken(alice), () => ({ principalArn: alice.arn, principalId: alice.id, session: { kind: 'user', operation: 'GetSessionToken', obtainedBy: alice.arn } })],
    ['of root', () => sessions.sessionToken(home.root), () => ({ principalArn: `arn:aws:iam::${home.root.account}:root`, principalId: home.root.account, session: { kind: 'root', operation: 'GetSessionToken' } })],
    ['of a federated user', () => sessions.federated(alice, { Name: 'guest' }), () => ({ principalArn: `arn:aws:sts::${home.root.account}:federated-user/guest`, principalId: `${home.root.account}:guest`, session: { kind: 'federated-user', operation: 'GetFederationToken', obtainedBy: alice.arn } })],
    ['of a federated user of root', () => sessions.federated(home.root, { Name: 'guest' }), () => ({ principalId: `${home.root.account}:guest`, session: { obtainedBy: `arn:aws:iam::${home.root.account}:root` } })],
    ['of less than a user', async () => sessions.scoped(await sessions.sessionToken(alice), { DurationSeconds: 900 }), () => ({ principalArn: alice.arn, principalId: alice.id, session: { kind: 'user', operation: 'GetScopedCredentials' } })],
  ];
  it.each(kinds)('%s is told by access key and by token, and whether they work', async (_, obtain, expected) => {
    const keys = await obtain();
    for (const input of [{ AccessKeyId: keys.accessKeyId }, tokenOf(keys)]) {
      const found = await whoIs(input);
      expect(found).toMatchObject({ accessKeyId: keys.accessKeyId, account: home.root.account, alive: true, ...expected() });
      expect(found.chain.at(-1)).toEqual({ sessionId: found.session?.sessionId, issuedAt: found.session?.['issuedAt'], principalArn: found.principalArn });
      expect(found.chain).toHaveLength(found.session?.['parentSessionId'] === undefined ? 1 : 2);
      expect(found.chain[0]?.sessionId).toBe(found.session?.['rootSessionId']);
    }
    const SessionId = await sessionIdOf(app, keys);
    await ended(app, { SessionId }, home.root);
    expect(await holder(keys)).toMatchObject({ alive: false, session: { status: 'revoked' } });
  });

  it('who borrowed a root user is told where it was borrowed, and of its account where it acts', async () => {
    const manager = await new World(app).user(fresh(), allows('*'));
    const keys = await sessions.borrowed(manager, home.root.account);
    const principalArn = `arn:aws:iam::${home.root.account}:root`;
    expect(await holder(keys, app.root)).toMatchObject({ account: home.root.account, principalArn, alive: true, session: { operation: 'AssumeRoot', obtainedBy: manager.arn } });
    expect(await holder(keys)).toMatchObject({ account: home.root.account, principalArn, alive: true, session: { operation: 'AssumeRoot', obtainedBy: `arn:aws:iam::${app.root.account}:root` } });
    await unknown({ AccessKeyId: keys.accessKeyId }, abroad.root);
  });

  it('is told with the chain through several accounts, and of foreign sessions only their ids', async () => {
    const gate = await abroad.role(fresh(), trusts(alice.arn), { policy: allows('*') });
    const back = await home.role(fresh(), trusts(gate.arn), { policy: allows('*') });
    const first = await sessions.sessionToken(alice);
    app.clock.advance(1);
    const second = await sessions.assumed(first, gate);
    app.clock.advance(1);
    const scoped = await sessions.scoped(second, { DurationSeconds: 1_800 });
    const last = await sessions.assumed(scoped, back);
    const ids: string[] = [];
    for (const keys of [first, second, scoped, last]) ids.push(await sessionIdOf(app, keys));
    const at = (seconds: number): number => Math.floor(app.clock.now().getTime() / 1_000) + seconds;
    const asGate = `arn:aws:sts::${abroad.root.account}:assumed-role/${gate.name}/session`;
    const asBack = `arn:aws:sts::${home.root.account}:assumed-role/${back.name}/session`;
    const times = [at(-2), at(-1), at(0), at(0)];
    const chain = (arns: readonly (string | undefined)[]): object[] => ids.map((sessionId, index) => ({ sessionId, issuedAt: times[index], ...(arns[index] !== undefined && { principalArn: arns[index] }) }));
    expect((await holder(last)).chain).toEqual(chain([alice.arn, asGate, undefined, asBack]));
    // Its role obtained the last; who began it is none of its business.
    expect((await holder(last, abroad.root)).chain).toEqual(chain([undefined, asGate, asGate, asBack]));
    expect((await holder(last, abroad.root)).session).toMatchObject({ obtainedBy: asGate });
    await unknown({ AccessKeyId: scoped.accessKeyId }, home.root);
    await unknown(tokenOf(first), abroad.root);
    await ended(app, { SessionId: ids[0] }, home.root);
    expect([(await holder(last)).alive, (await holder(last, abroad.root)).alive, (await holder(scoped, abroad.root)).alive]).toEqual([false, false, false]);
  });

  it('is alive exactly while the credentials work, though its user has gone or lost the key', async () => {
    const bob = await home.user(fresh(), allows('*'));
    const obtained = [await sessions.sessionToken(bob), await sessions.federated(bob, { Name: fresh() }), await sessions.scoped(await sessions.sessionToken(bob), { DurationSeconds: 900 }), await sessions.assumed(bob, worker), await sessions.assumed(await sessions.sessionToken(bob), worker)];
    const alive = async (): Promise<boolean[]> => {
      const said = await Promise.all(obtained.map(async (keys) => (await holder(keys)).alive));
      expect(said).toEqual(await Promise.all(obtained.map(async (keys) => (await standing(app, keys)) === 'alive')));
      return said;
    };
    expect(await alive()).toEqual([true, true, true, true, true]);
    const iam = app.iam(home.root);
    await iam.send(new UpdateAccessKeyCommand({ UserName: bob.name, AccessKeyId: bob.accessKeyId, Status: 'Inactive' }));
    expect((await holder(bob)).alive).toBe(false);
    expect(await alive()).toEqual([true, true, true, true, true]);
    await iam.send(new DeleteAccessKeyCommand({ UserName: bob.name, AccessKeyId: bob.accessKeyId }));
    await unknown({ AccessKeyId: bob.accessKeyId }, home.root);
    await iam.send(new DeleteUserPolicyCommand({ UserName: bob.name, PolicyName: 'own' }));
    await iam.send(new DeleteUserCommand({ UserName: bob.name }));
    expect(await alive()).toEqual([false, false, false, true, true]);
    // Another of his name is another.
    await home.user(bob.name, allows('*'));
    expect(await alive()).toEqual([false, false, false, true, true]);
    app.clock.advance(3_600);
    expect(await alive()).toEqual([false, false, false, false, false]);
  });

  it('is forgotten with the session', async () => {
    const keys = await sessions.assumed(alice, worker);
    app.clock.advance(91 * 86_400);
    await app.running.app.get(Retention).run();
    await unknown({ AccessKeyId: keys.accessKeyId }, home.root);
    await unknown(tokenOf(keys), home.root);
  });
});

describe('the holder of a long-term key', () => {
  it('is told with the name that he has, and no session', async () => {
    const dana = await home.user(fresh(), undefined, '/team/');
    expect(await holder(dana)).toEqual({ accessKeyId: dana.accessKeyId, account: home.root.account, principalArn: dana.arn, principalId: dana.id, alive: true, chain: [] });
    expect(await holder(home.root)).toEqual({ accessKeyId: home.root.accessKeyId, account: home.root.account, principalArn: `arn:aws:iam::${home.root.account}:root`, principalId: home.root.account, alive: true, chain: [] });
  });

  it('is told to no other account, the management account included', async () => {
    for (const by of [abroad.root, app.root]) for (const { accessKeyId } of [alice, home.root]) await unknown({ AccessKeyId: accessKeyId }, by);
  });
});

describe('whoever asks', () => {
  it('needs the permission, and is recorded', async () => {
    const keys = await sessions.assumed(alice, worker);
    const input = { AccessKeyId: keys.accessKeyId };
    const [may, mayNot] = [await home.user(fresh(), allows('stint:WhoIs')), await home.user(fresh(), allows('stint:GetSession'))];
    expectRefused(await effectOf(app, () => call(app, 'rest', { operation: 'WhoIs', keys: mayNot, input })), { code: 'AccessDenied', status: 403 }, 'WhoIs');
    const events = await app.recordedBy(() => whoIs(input, may));
    expect(events.map(({ record }) => record)).toEqual([expect.objectContaining({ eventName: 'WhoIs', eventSource: 'stint.internal', requestParameters: { accessKeyId: keys.accessKeyId }, responseElements: null, readOnly: true })]);
    expect((await whoIs(input, keys)).alive).toBe(true);
  });

  const wrong: [what: string, input: (keys: TemporaryKeys) => Input][] = [
    ['nothing', () => ({})],
    ['two things', (keys) => ({ AccessKeyId: keys.accessKeyId, ...tokenOf(keys) })],
    ['a hash in capitals', (keys) => ({ TokenSha256: String(tokenOf(keys)['TokenSha256']).toUpperCase() })],
    ['half a hash', (keys) => ({ TokenSha256: String(tokenOf(keys)['TokenSha256']).slice(0, 32) })],
    ['the token itself', (keys) => ({ TokenSha256: keys.sessionToken })],
    ['a key that is too short', () => ({ AccessKeyId: 'AKIASHORT' })],
  ];
  it.each(wrong)('for %s is refused', async (_, input) => {
    const keys = await sessions.assumed(alice, worker);
    const { result, events, ...effect } = await effectOf(app, () => call(app, 'rest', { operation: 'WhoIs', keys: home.root, input: input(keys) }));
    expectRefused({ result, events, ...effect }, { code: 'ValidationError', status: 400 }, 'WhoIs');
    // A mistake does not make a secret known.
    expect(events.map(({ text }) => text).join('')).not.toContain(keys.sessionToken);
  });

  it('for credentials of nobody reads like those of others', async () => {
    await unknown({ AccessKeyId: 'AKIAUNKNOWNUNKNOWN22' }, home.root);
    await unknown({ AccessKeyId: 'ASIAUNKNOWNUNKNOWN22' }, home.root);
    await unknown({ TokenSha256: '0'.repeat(64) }, home.root);
  });

  it('learns on another node at once what one node ended', async () => {
    const beside = await TestApp.boot({ beside: app });
    try {
      const keys = await sessions.assumed(alice, worker);
      await ended(app, { SessionId: await sessionIdOf(app, keys) }, home.root);
      expect((await whoIs({ AccessKeyId: keys.accessKeyId }, home.root, beside)).alive).toBe(false);
    } finally {
      await beside.close();
    }
  });
});
