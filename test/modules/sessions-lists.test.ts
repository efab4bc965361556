import { TestApp, type Keys } from '../support/app.js';
import { call, effectOf, expectRefused, type Called, type Input } from '../support/calls.js';
import { ended, sessionIdOf, shown, standing, type Shown } from '../support/revoking.js';
import { Sessions, type TemporaryKeys } from '../support/sessions.js';
import { allows, denies, together, trusts, World, type Role, type User } from '../support/world.js';

let app: TestApp;
let sessions: Sessions;
let count = 0;

beforeAll(async () => {
  app = await TestApp.boot();
  sessions = new Sessions(app);
});
afterAll(() => app.close());
afterEach(() => app.clock.advance(2));

interface Home {
  readonly world: World;
  readonly root: Keys & { readonly account: string };
  readonly alice: User;
  readonly worker: Role;
}
/** An account with a user and a role that anybody of the account may assume. */
async function home(): Promise<Home> {
  count += 1;
  const world = await new World(app).account(`home-${String(count)}`);
  const alice = await world.user('alice', allows('*'));
  return { world, root: world.root, alice, worker: await world.role('worker', trusts(world.root.account), { policy: allows('*') }) };
}

interface Page {
  readonly sessions: readonly Shown[];
  readonly isTruncated: boolean;
  readonly marker?: string;
}
const ask = (keys: Keys, input: Input = {}): Promise<Called> => call(app, 'rest', { operation: 'ListSessions', keys, input });
async function page(keys: Keys, input: Input = {}): Promise<Page> {
  const { output, text } = await ask(keys, input);
  if (output === undefined) throw new Error(text);
  return output as Page;
}
/** Every page; `between` runs before each further one. */
async function pages(keys: Keys, input: Input, between?: () => Promise<unknown>): Promise<Page[]> {
  const read: Page[] = [];
  for (let marker: string | undefined; read.length < 200; marker = read.at(-1)?.marker) {
    if (read.length > 0) await between?.();
    const next = await page(keys, { ...input, ...(marker !== undefined && { Marker: marker }) });
    expect(next.isTruncated).toBe(next.marker !== undefined);
    read.push(next);
    if (!next.isTruncated) return read;
  }
  throw new Error('the listing never ends');
}
const keyIds = (read: readonly Page[]): string[] => read.flatMap((each) => each.sessions.map(({ accessKeyId }) => accessKeyId));
const sorted = (keys: readonly Keys[]): string[] => keys.map(({ accessKeyId }) => accessKeyId).sort();

describe('pages', () => {
  it('show each session once, newest first, wherever it acts, also where many are of one moment', async () => {
    const [here, there] = [await home(), await home()];
    const abroad = await there.world.role('open', trusts(here.alice.arn));
    const obtained: TemporaryKeys[] = [];
    for (let index = 0; index < 12; index += 1) {
      obtained.push(await sessions.assumed(here.alice, index % 3 === 0 ? abroad : here.worker));
      if (index % 4 === 3) app.clock.advance(0.001);
    }
    const whole = await pages(here.root, {});
    expect(sorted(obtained)).toEqual(keyIds(whole).sort());
    for (const MaxItems of [1, 2, 5, 11, 12, 13]) {
      const read = await pages(here.root, { MaxItems });
      expect(keyIds(read)).toEqual(keyIds(whole));
      expect(read.map((each) => each.sessions.length)).toEqual(Array.from({ length: Math.ceil(12 / MaxItems) }, (_, index) => Math.min(MaxItems, 12 - index * MaxItems)));
    }
    // Of four at a time the last come first.
    expect(new Set(keyIds(whole).slice(0, 4))).toEqual(new Set(sorted(obtained.slice(8))));
  });

  it('stay whole while sessions are added, here and elsewhere, and ended', async () => {
    const [here, there] = [await home(), await home()];
    const abroad = await there.world.role('open', trusts(here.alice.arn));
    const obtained: TemporaryKeys[] = [];
    for (let index = 0; index < 9; index += 1) obtained.push(await sessions.assumed(here.alice, index % 2 === 0 ? abroad : here.worker));
    const read = await pages(here.root, { MaxItems: 2 }, async () => {
      app.clock.advance(1);
      await sessions.assumed(here.alice, abroad);
      await sessions.assumed(here.alice, here.worker);
      await ended(app, { RootSessionId: await sessionIdOf(app, obtained[0]!) }, here.root);
    });
    expect(keyIds(read).sort()).toEqual(sorted(obtained));
  });

  it('of what was revoked may be short or empty, and together show all of it', async () => {
    const { root, alice, worker } = await home();
    const obtained: TemporaryKeys[] = [];
    for (let index = 0; index < 10; index += 1) {
      obtained.push(await sessions.assumed(alice, worker));
      app.clock.advance(1);
    }
    const over = [obtained[1]!, obtained[2]!, obtained[8]!];
    for (const keys of over) await ended(app, { SessionId: await sessionIdOf(app, keys) }, root);
    const revoked = await pages(root, { Status: 'revoked', MaxItems: 2 });
    expect(keyIds(revoked)).toEqual(over.map(({ accessKeyId }) => accessKeyId).reverse());
    const active = await pages(root, { Status: 'active', MaxItems: 2 });
    expect(keyIds(active).sort()).toEqual(sorted(obtained.filter((keys) => !over.includes(keys))));
    expect(keyIds(await pages(root, { Status: 'expired', MaxItems: 2 }))).toEqual([]);
  });

  it.each([0, 1_001, -1])('do not have %d entries', async (MaxItems) => {
    const { root } = await home();
    expectRefused(await effectOf(app, () => ask(root, { MaxItems })), { code: 'ValidationError', status: 400 }, 'ListSessions');
  });

  const marker = (...parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');
  const forged: [what: string, marker: string][] = [
    ['no JSON', Buffer.from('marker').toString('base64url')],
    ['one part', marker('2026-11-25T10:00:00.000Z')],
    ['a part that is no text', marker('2026-11-25T10:00:00.000Z', 1)],
    ['no time', marker('yesterday', '00000000-0000-4000-8000-000000000000')],
    ['no id', marker('2026-11-25T10:00:00.000Z', 'x')],
    ['SQL', marker("2026-11-25' OR true --", '00000000-0000-4000-8000-000000000000')],
    ['a time that no calendar has', marker('2026-13-45T10:00:00.000Z', '00000000-0000-4000-8000-000000000000')],
  ];
  it.each(forged)('do not begin after a marker that was never given out: %s', async (_, Marker) => {
    const { root } = await home();
    expectRefused(await effectOf(app, () => ask(root, { Marker })), { code: 'ValidationError', status: 400, message: 'Invalid Marker.' }, 'ListSessions');
  });
});

describe('filters', () => {
  let here: Home;
  let bob: User;
  let next: Role;
  let keys: Readonly<Record<'token' | 'first' | 'second' | 'bobs' | 'guest' | 'roots' | 'rootGuest', TemporaryKeys>>;
  beforeAll(async () => {
    here = await home();
    bob = await here.world.user('bob', allows('*'));
    next = await here.world.role('next', trusts(here.worker.arn), { policy: allows('*'), path: '/ci/' });
    const token = await sessions.sessionToken(here.alice);
    const first = await sessions.assumed(token, here.worker, { DurationSeconds: 900 });
    app.clock.advance(1);
    keys = {
      token,
      first,
      second: await sessions.assumed(first, next),
      bobs: await sessions.assumed(bob, here.worker),
      guest: await sessions.federated(here.alice, { Name: 'guest' }),
      roots: await sessions.sessionToken(here.root),
      rootGuest: await sessions.federated(here.root, { Name: 'guest' }),
    };
  });

  type Name = keyof typeof keys;
  const cases: [what: string, input: () => Input | Promise<Input>, found: Name[]][] = [
    ['nothing', () => ({}), ['token', 'first', 'second', 'bobs', 'guest', 'roots', 'rootGuest']],
    ['a user', () => ({ PrincipalArn: here.alice.arn }), ['token', 'first', 'second', 'guest']],
    ['a federated user, whoever federated him', () => ({ PrincipalArn: `arn:aws:sts::${here.root.account}:federated-user/guest` }), ['guest', 'rootGuest']],
    ['root', () => ({ PrincipalArn: `arn:aws:iam::${here.root.account}:root` }), ['roots', 'rootGuest']],
    ['what a role obtained', () => ({ PrincipalArn: here.worker.arn }), ['second']],
    ['a user who has nothing', async () => ({ PrincipalArn: (await here.world.user('idle')).arn }), []],
    ['a user who never was', () => ({ PrincipalArn: `arn:aws:iam::${here.root.account}:user/nobody` }), []],
    ['a role', () => ({ RoleArn: here.worker.arn }), ['first', 'second', 'bobs']],
    ['a role by a path that it does not have', () => ({ RoleArn: `arn:aws:iam::${here.root.account}:role/next` }), []],
    ['a chain', async () => ({ RootSessionId: await sessionIdOf(app, keys.token) }), ['token', 'first', 'second']],
    ['a chain by a later session', async () => ({ RootSessionId: await sessionIdOf(app, keys.first) }), []],
    ['a kind', () => ({ Kind: 'federated-user' }), ['guest', 'rootGuest']],
    ['a role and a user', () => ({ RoleArn: here.worker.arn, PrincipalArn: here.alice.arn }), ['first', 'second']],
    ['a chain and a kind', async () => ({ RootSessionId: await sessionIdOf(app, keys.token), Kind: 'user' }), ['token']],
    ['a role and what it obtained', () => ({ RoleArn: next.arn, PrincipalArn: here.worker.arn }), ['second']],
    ['everything at once', async () => ({ RoleArn: next.arn, PrincipalArn: here.alice.arn, RootSessionId: await sessionIdOf(app, keys.token), Kind: 'assumed-role', Status: 'active' }), ['second']],
  ];
  it.each(cases)('of %s are joined by AND', async (_, input, found) => {
    expect(keyIds(await pages(here.root, { ...(await input()), MaxItems: 2 })).sort()).toEqual(sorted(found.map((name) => keys[name])));
  });

  it('for a principal or a role of another account are refused, and say nothing of it', async () => {
    const there = await home();
    for (const account of [there.root.account, '000000000001']) {
      for (const input of [{ PrincipalArn: `arn:aws:iam::${account}:user/alice` }, { RoleArn: `arn:aws:iam::${account}:role/worker` }, { PrincipalArn: `arn:aws:iam::${account}:root` }]) {
        const { code, message } = await ask(here.root, input);
        expect([code, message?.replaceAll(account, 'ACCOUNT')]).toEqual(['ValidationError', expect.stringMatching(/^arn:aws:iam::ACCOUNT:\S+ is not the ARN of a (?:principal|role) of this account\.$/)]);
      }
    }
  });
});

describe('an account', () => {
  it('sees what acts in it and what its principals obtained elsewhere, and of a chain no further', async () => {
    const [first, second, third, fourth] = [await home(), await home(), await home(), await home()];
    const inSecond = await second.world.role('in', trusts(first.alice.arn), { policy: allows('*') });
    const inThird = await third.world.role('in', trusts(inSecond.arn), { policy: allows('*') });
    const one = await sessions.assumed(first.alice, inSecond);
    const other = await sessions.assumed(one, inThird);
    expect(keyIds(await pages(first.root, {}))).toEqual([one.accessKeyId]);
    expect(keyIds(await pages(second.root, {})).sort()).toEqual(sorted([one, other]));
    expect(keyIds(await pages(third.root, {}))).toEqual([other.accessKeyId]);
    expect(keyIds(await pages(fourth.root, {}))).toEqual([]);
    expect(await shown(app, other, third.root)).toMatchObject({ obtainedBy: `arn:aws:iam::${second.root.account}:root`, parentSessionId: await sessionIdOf(app, one), rootSessionId: await sessionIdOf(app, one) });
    expect(await shown(app, other, second.root)).toMatchObject({ obtainedBy: `arn:aws:sts::${second.root.account}:assumed-role/in/session` });
    // Neither those before it nor the management account see more than their own.
    for (const [keys, by] of [[other, first.root], [one, third.root], [one, app.root]] as const) {
      const SessionId = await sessionIdOf(app, keys);
      for (const operation of ['GetSession', 'RevokeSession']) {
        const effect = await effectOf(app, () => call(app, 'rest', { operation, keys: by, input: { SessionId } }));
        expectRefused(effect, { code: 'NoSuchEntity', status: 404, message: `The session with id ${SessionId} cannot be found.` }, operation);
      }
      expect(keyIds(await pages(by, { RootSessionId: await sessionIdOf(app, one) })).includes(keys.accessKeyId)).toBe(false);
    }
    // What the first ends is shown as ended wherever it is seen.
    await ended(app, { PrincipalArn: first.alice.arn }, first.root);
    for (const [keys, by] of [[one, first.root], [one, second.root], [other, second.root], [other, third.root]] as const) expect(await shown(app, keys, by)).toMatchObject({ status: 'revoked', revokedAt: expect.any(Number) });
  });

  it('sees a session only with the permission, and only those that the permission names', async () => {
    const { world, root, alice, worker } = await home();
    const [seen, hidden] = [await sessions.assumed(alice, worker), await sessions.assumed(alice, worker)];
    const arn = async (keys: Keys): Promise<string> => `arn:aws:stint::${root.account}:session/${await sessionIdOf(app, keys)}`;
    const named = await world.user('named', allows('stint:GetSession', await arn(seen)));
    const except = await world.user('except', together(allows('stint:*'), denies('stint:GetSession', await arn(hidden))));
    for (const by of [named, except]) {
      expect((await shown(app, seen, by)).accessKeyId).toBe(seen.accessKeyId);
      const SessionId = await sessionIdOf(app, hidden);
      expectRefused(await effectOf(app, () => call(app, 'rest', { operation: 'GetSession', keys: by, input: { SessionId } })), { code: 'AccessDenied', status: 403 }, 'GetSession');
    }
    expectRefused(await effectOf(app, () => ask(named)), { code: 'AccessDenied', status: 403 }, 'ListSessions');
    expect(keyIds(await pages(except, {}))).toHaveLength(2);
  });
});

describe('a session', () => {
  it('has expired in the moment in which it stops to work', async () => {
    const { root, alice, worker } = await home();
    const keys = await sessions.assumed(alice, worker, { DurationSeconds: 900 });
    const { expiresAt } = await shown(app, keys, root);
    app.clock.advance(Number(expiresAt) - app.clock.now().getTime() / 1_000 - 0.001);
    expect([(await shown(app, keys, root)).status, await standing(app, keys), keyIds(await pages(root, { Status: 'active' }))]).toEqual(['active', 'alive', [keys.accessKeyId]]);
    app.clock.advance(0.001);
    expect([(await shown(app, keys, root)).status, await standing(app, keys), keyIds(await pages(root, { Status: 'expired' }))]).toEqual(['expired', 'ExpiredToken', [keys.accessKeyId]]);
  });

  it('is the same however its id is written', async () => {
    const { root, alice, worker } = await home();
    const keys = await sessions.assumed(alice, worker);
    const SessionId = (await sessionIdOf(app, keys)).toUpperCase();
    const { output } = await call(app, 'rest', { operation: 'GetSession', keys: root, input: { SessionId } });
    expect(output).toMatchObject({ session: { sessionId: SessionId.toLowerCase() } });
    expect(await ended(app, { SessionId }, root)).toBe(1);
    expect(await standing(app, keys)).toBe('ExpiredToken');
    const other = await sessions.assumed(alice, worker);
    expect(await ended(app, { RootSessionId: (await sessionIdOf(app, other)).toUpperCase() }, root)).toBe(1);
    expect(await standing(app, other)).toBe('ExpiredToken');
  });

  it.each(['x', '00000000-0000-0000-0000-00000000000', '00000000-0000-4000-8000-000000000000-'])('has no id like %s', async (SessionId) => {
    const { root } = await home();
    for (const operation of ['GetSession', 'RevokeSession']) {
      expectRefused(await effectOf(app, () => call(app, 'rest', { operation, keys: root, input: { SessionId } })), { code: 'ValidationError', status: 400 }, operation);
    }
  });

  it('never shows its secret, its token or the token’s hash, whatever is asked, nor do the events of asking', async () => {
    const { root, alice, worker } = await home();
    const first = await sessions.assumed(alice, worker, { SourceIdentity: undefined });
    const obtained = [first, await sessions.scoped(first, { DurationSeconds: 900 }), await sessions.sessionToken(alice), await sessions.sessionToken(root), await sessions.federated(alice), await sessions.federated(root)];
    const texts: string[] = [];
    const events = await app.recordedBy(async () => {
      texts.push((await ask(root)).text);
      for (const keys of obtained) {
        const input = { SessionId: await sessionIdOf(app, keys) };
        for (const operation of ['GetSession', 'RevokeSession', 'GetSession']) texts.push((await call(app, 'rest', { operation, keys: root, input })).text);
        texts.push((await call(app, 'rest', { operation: 'WhoIs', keys: root, input: { AccessKeyId: keys.accessKeyId } })).text);
      }
      texts.push((await call(app, 'rest', { operation: 'RevokeSessions', keys: root, input: { PrincipalArn: alice.arn } })).text, (await ask(root)).text);
    });
    expect(texts).toHaveLength(27);
    const said = [...texts, ...events.map(({ text }) => text)].join('\n');
    const [hashes] = await app.sql<{ hashes: string[] }>(`SELECT array_agg(encode(token_sha256, 'hex')) AS hashes FROM session WHERE access_key_id = ANY($1)`, [sorted(obtained)]);
    expect(hashes?.hashes).toHaveLength(6);
    for (const secret of [...obtained.flatMap(({ secretAccessKey, sessionToken }) => [secretAccessKey, sessionToken]), ...(hashes?.hashes ?? [])]) expect(said).not.toContain(secret);
    for (const { accessKeyId } of obtained) expect(said).toContain(accessKeyId);
  });
});
