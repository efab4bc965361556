import { DeleteRoleCommand, DeleteRolePolicyCommand } from '@aws-sdk/client-iam';

import { Retention } from '../../src/sessions/retention.js';
import { TestApp, type Keys } from '../support/app.js';
import { call, effectOf, expectRefused, registry, type Called, type Input } from '../support/calls.js';
import { hold, until, untilBlocked, withoutDatabase } from '../support/outage.js';
import { ended, sessionIdOf, standing } from '../support/revoking.js';
import { CREDENTIALS, ID_TOKEN, OAuth } from '../support/oauth.js';
import { SamlProvider } from '../support/saml-world.js';
import { Sessions, taskArn, type TemporaryKeys } from '../support/sessions.js';
import { withToken } from '../support/web-identity-scenarios.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';

const KEPT_SECONDS = 600;
const OTHER = { code: 'IdempotencyConflict', status: 409, message: 'The Idempotency-Key was used for a request with other parameters. Use a new key for each request.' };
const OVER = { code: 'IdempotencyConflict', status: 409, message: 'The session that was issued under this Idempotency-Key is over. Use a new key to obtain another.' };
const FORM = { code: 'ValidationError', status: 400, message: 'The Idempotency-Key must have 1 to 255 printable ASCII characters without blanks.' };

let a: TestApp;
let b: TestApp;
let world: World;
let member: World;
let alice: User;
let worker: Role;
let count = 0;

beforeAll(async () => {
  // Both nodes are reached under one name: a SAML response is meant for it.
  const env = { STINT_PUBLIC_URL: 'https://sts.example' };
  a = await TestApp.boot({ env });
  b = await TestApp.boot({ beside: a, env });
  world = new World(a);
  member = await world.account('member');
  alice = await world.user('alice', allows('*'));
  worker = await world.role('worker', trusts(alice.arn), { policy: allows('*') });
  await call(a, 'rest', { operation: 'EnableOutboundWebIdentityFederation', keys: a.root, input: {} });
});
afterAll(async () => {
  await b.close();
  await a.close();
});
afterEach(() => a.clock.advance(2));

const fresh = (): string => `key-${String((count += 1))}`;

interface Order {
  readonly operation: string;
  readonly input: Input;
  readonly keys?: Keys;
  readonly node?: TestApp;
}
/** Calls an operation of the REST face under a key. */
async function under(key: string, { operation, input, keys = alice, node = a }: Order): Promise<Called> {
  const raw = node.raw.bind(node);
  // The call is made as ever, with one header more.
  const withKey = Object.create(node, { raw: { value: (by: Keys, request: object) => raw(by, { ...request, headers: { 'idempotency-key': key } }) } }) as TestApp;
  return call(withKey, 'rest', { operation, keys, input });
}
const assuming = (more: Input = {}): Order => ({ operation: 'AssumeRole', input: { RoleArn: worker.arn, RoleSessionName: 'job', ...more } });
const session = (): Promise<TemporaryKeys> => new Sessions(a).assumed(alice, worker);
const credentialsOf = ({ output }: Called): TemporaryKeys => (output as { credentials: TemporaryKeys }).credentials;
const rowsOf = async (table: string): Promise<number> => Number((await a.sql<{ count: string }>(`SELECT count(*) FROM ${table}`))[0]?.count);

/** How each operation that issues something is called. */
const orders: Readonly<Record<string, () => Promise<Order>>> = {
  AssumeRole: () => Promise.resolve(assuming()),
  AssumeRoleWithSAML: async () => {
    const provider = await SamlProvider.register(world);
    const role = await world.role('of-saml', trusts({ Federated: provider.arn }, undefined, 'sts:AssumeRoleWithSAML'));
    return { operation: 'AssumeRoleWithSAML', input: provider.input(role.arn) };
  },
  AssumeRoleWithWebIdentity: async () => ({ operation: 'AssumeRoleWithWebIdentity', ...(await withToken(world)) }),
  AssumeRoot: () => Promise.resolve({ operation: 'AssumeRoot', input: { TargetPrincipal: member.root.account, TaskPolicyArn: { arn: taskArn('IAMAuditRootUserCredentials') } } }),
  ExchangeSession: async () => {
    const target = await world.role('of-session', trusts(worker.arn), { policy: allows('sts:GetWebIdentityToken') });
    return { operation: 'ExchangeSession', input: { RoleArn: target.arn }, keys: await session() };
  },
  ExchangeToken: async () => {
    const idp = await a.idp();
    const arn = `arn:aws:iam::${a.root.account}:oidc-provider/${idp.name}`;
    const target = await world.role('of-token', trusts({ Federated: arn }, undefined, 'sts:AssumeRoleWithWebIdentity'));
    return { operation: 'ExchangeToken', input: { SubjectToken: await idp.token(a.clock.now()), SubjectTokenType: ID_TOKEN, RoleArn: target.arn, RequestedTokenType: CREDENTIALS } };
  },
  GetFederationToken: () => Promise.resolve({ operation: 'GetFederationToken', input: { Name: 'guest' } }),
  GetScopedCredentials: async () => ({ operation: 'GetScopedCredentials', input: { DurationSeconds: 1_800 }, keys: await session() }),
  GetSessionToken: () => Promise.resolve({ operation: 'GetSessionToken', input: {} }),
  GetWebIdentityToken: () => Promise.resolve({ operation: 'GetWebIdentityToken', input: { Audience: ['https://verifier.example'], SigningAlgorithm: 'ES384' } }),
};

describe('a repeated request', () => {
  it('is one of an operation that issues: these are all', () => {
    expect(registry(a).filter(({ contract }) => contract.effect === 'issue' && contract.isSignIn !== true).map(({ name }) => name).sort()).toEqual(Object.keys(orders).sort());
  });

  it.each(Object.entries(orders))('of %s is answered the same, byte for byte, on every node and somewhat later', async (operation, prepare) => {
    const order = await prepare();
    const key = fresh();
    const first = await under(key, order);
    expect(first.status).toBe(200);
    const before = [await rowsOf('session'), await rowsOf('issued_answer')];
    const events = await a.recordedBy(async () => {
      for (const node of [a, b]) {
        expect((await under(key, { ...order, node })).text).toBe(first.text);
        a.clock.advance(7);
      }
    });
    expect([await rowsOf('session'), await rowsOf('issued_answer')]).toEqual(before);
    // What is given out again is recorded again, as it was answered; of two accounts each has its event.
    const own = events.filter(({ account_id: account }) => account === a.root.account);
    expect(own.map(({ event_name, outcome, record }) => [event_name, outcome, record['additionalEventData']])).toEqual(Array.from({ length: 2 }, () => [operation, 'success', expect.objectContaining({ idempotentReplay: true }) as object]));
    const [issued] = (await a.events()).filter((event) => event.event_name === operation && event.account_id === a.root.account && event.outcome === 'success').slice(-3);
    for (const { record } of own) {
      expect(record['responseElements']).toEqual(issued?.record['responseElements']);
      // Also the id of a token, which is in it, and not that of one that was made for nothing.
      expect(record['additionalEventData']).toEqual({ ...(issued?.record['additionalEventData'] as Input | undefined), idempotentReplay: true });
    }
    expect(JSON.stringify(events.map(({ text }) => text))).not.toContain(key);
  });

  it('gives credentials that work', async () => {
    const key = fresh();
    await under(key, assuming());
    expect(await standing(b, credentialsOf(await under(key, { ...assuming(), node: b })))).toBe('alive');
  });

  it('with its members in another order is the same request', async () => {
    const key = fresh();
    const input = { RoleArn: worker.arn, RoleSessionName: 'job', Tags: [], DurationSeconds: 900 };
    const first = await under(key, { operation: 'AssumeRole', input });
    expect(first.status).toBe(200);
    expect((await under(key, { operation: 'AssumeRole', input: Object.fromEntries(Object.entries(input).reverse()) })).text).toBe(first.text);
  });

  const others: [what: string, more: Input][] = [
    ['a member more', { DurationSeconds: 3_600 }],
    ['another value', { RoleSessionName: 'another' }],
    ['minRemaining', { MinRemaining: 900 }],
    ['a policy', { Policy: JSON.stringify(allows('iam:ListUsers')) }],
  ];
  it.each(others)('with %s is another request, and is refused on every node', async (_, more) => {
    const key = fresh();
    expect((await under(key, assuming())).status).toBe(200);
    for (const node of [a, b]) expectRefused(await effectOf(a, async () => {
      const answer = await under(key, { ...assuming(more), node });
      await node.running.kernel.ledger.flush();
      return answer;
    }), OTHER, 'AssumeRole');
  });

  it('of another operation, caller or account is another request, whatever its key', async () => {
    const key = fresh();
    const carol = await member.user('carol', allows('*'));
    const both = { operation: 'GetSessionToken', input: {} };
    const texts = [
      await under(key, both),
      await under(key, { operation: 'GetFederationToken', input: { Name: 'guest' } }),
      await under(key, { ...both, keys: a.root }),
      await under(key, { ...both, keys: member.root }),
      await under(key, { ...both, keys: carol }),
    ].map(({ status, text }) => {
      expect(status).toBe(200);
      return (JSON.parse(text) as { sessionId: string }).sessionId;
    });
    expect(new Set(texts).size).toBe(5);
  });

  it('of another session of the same role and name is another request; of another key of the same user it is not', async () => {
    const key = fresh();
    const [one, other] = [await session(), await session()];
    const scoped = { operation: 'GetScopedCredentials', input: { DurationSeconds: 900 } };
    expect((await under(key, { ...scoped, keys: one })).text).not.toBe((await under(key, { ...scoped, keys: other })).text);
    const { output } = await call(a, 'rest', { operation: 'CreateAccessKey', keys: a.root, input: { UserName: 'alice' } });
    const second = (output as { accessKey: Keys }).accessKey;
    expect((await under(key, { ...assuming(), keys: second })).text).toBe((await under(key, assuming())).text);
  });
});

describe('a repeated request whose time is running', () => {
  it('for scoped credentials as long as the session lasts is answered the same a second later', async () => {
    const key = fresh();
    const order = { operation: 'GetScopedCredentials', input: { DurationSeconds: 3_600 }, keys: await session() };
    const first = await under(key, order);
    expect(first.status).toBe(200);
    a.clock.advance(1);
    const second = await under(key, order);
    expect([second.status, second.text]).toEqual([200, first.text]);
  });

  it('for a web identity token as long as the session lasts is answered the same a second later', async () => {
    const key = fresh();
    const keys = await new Sessions(a).scoped(await session(), { DurationSeconds: 300 });
    const order = { operation: 'GetWebIdentityToken', input: { Audience: ['https://verifier.example'], SigningAlgorithm: 'ES384', DurationSeconds: 300 }, keys };
    const first = await under(key, order);
    expect(first.status).toBe(200);
    a.clock.advance(1);
    const second = await under(key, order);
    expect([second.status, second.text]).toEqual([200, first.text]);
  });

  const left = 43_200 - 1_000;
  it.each([['by the end of its chain', {}, 150], ['by the end of its chain, with minRemaining', { MinRemaining: 1_000 }, 1]])('for a session that is cut %s is answered the same somewhat later', async (_, more, seconds) => {
    const key = fresh();
    const token = await new Sessions(a).sessionToken(alice, { DurationSeconds: 129_600 });
    a.clock.advance(left);
    const order = { ...assuming(more), keys: token };
    const first = await under(key, order);
    expect([first.status, (first.output as { duration: object }).duration]).toEqual([200, { granted: 1_000, limitedBy: 'chain' }]);
    a.clock.advance(seconds);
    const second = await under(key, order);
    expect([second.status, second.text]).toEqual([200, first.text]);
  });

  it.each<[string, Input]>([
    ['GetScopedCredentials', { DurationSeconds: 60 }],
    ['GetWebIdentityToken', { DurationSeconds: 60, Audience: ['https://verifier.example'], SigningAlgorithm: 'ES384' }],
  ])('for what %s issued and has expired since is refused', async (operation, input) => {
    const key = fresh();
    const order = { operation, input, keys: await session() };
    expect((await under(key, order)).status).toBe(200);
    a.clock.advance(59);
    expect((await under(key, order)).status).toBe(200);
    a.clock.advance(1);
    expectRefused(await effectOf(a, () => under(key, order)), OVER, operation);
  });
});

describe('a repeated request for a session that was ended', () => {
  const ways: [what: string, input: (keys: TemporaryKeys) => Input | Promise<Input>][] = [
    ['itself', async (keys) => ({ SessionId: await sessionIdOf(a, keys) })],
    ['with its chain', async (keys) => ({ RootSessionId: await sessionIdOf(a, keys) })],
    ['with its role', () => ({ RoleArn: worker.arn })],
    ['with all that its user obtained', () => ({ PrincipalArn: alice.arn })],
  ];
  it.each(ways)('%s, is refused on every node, and another key obtains another', async (_, input) => {
    const key = fresh();
    const keys = credentialsOf(await under(key, assuming()));
    await ended(a, await input(keys));
    await until('the other node knows', async () => (await standing(b, keys)) === 'ExpiredToken');
    expectRefused(await effectOf(a, () => under(key, assuming())), OVER, 'AssumeRole');
    expect(await under(key, { ...assuming(), node: b })).toMatchObject({ code: OVER.code, status: OVER.status });
    const next = await under(fresh(), assuming());
    expect(await standing(a, credentialsOf(next))).toBe('alive');
  });

  it.each<[string, (jwt: string) => Promise<unknown>]>([
    ['itself', (jwt) => new OAuth(a, 'https://sts.example').revoke(jwt, alice)],
    ['with all that its user obtained', () => ended(a, { PrincipalArn: alice.arn })],
  ])('or for a token without a session that was ended %s, is refused on every node, and another key obtains another', async (_, end) => {
    const key = fresh();
    const order: Order = { operation: 'GetWebIdentityToken', input: { Audience: ['https://verifier.example'], SigningAlgorithm: 'ES384' } };
    const jwt = (await under(key, order)).output as { webIdentityToken: string };
    await end(jwt.webIdentityToken);
    expectRefused(await effectOf(a, () => under(key, order)), { ...OVER, message: OVER.message.replace('session', 'token') }, order.operation);
    await until('the other node knows', async () => (await under(key, { ...order, node: b })).code === OVER.code);
    expect((await under(fresh(), order)).status).toBe(200);
  });

  it('because its role is gone, is refused, though there is another role of that name', async () => {
    const key = fresh();
    const name = `gone-${key}`;
    const role = await world.role(name, trusts(alice.arn), { policy: allows('*') });
    const order = assuming({ RoleArn: role.arn });
    const keys = credentialsOf(await under(key, order));
    const iam = a.iam();
    await iam.send(new DeleteRolePolicyCommand({ RoleName: name, PolicyName: 'own' }));
    await iam.send(new DeleteRoleCommand({ RoleName: name }));
    await world.role(name, trusts(alice.arn));
    expect(await standing(a, keys)).toBe('ExpiredToken');
    expectRefused(await effectOf(a, () => under(key, order)), OVER, 'AssumeRole');
  });
});

describe('many requests at once', () => {
  const parallel = (order: (index: number) => Order, key: string): Promise<Called[]> => Promise.all(Array.from({ length: 50 }, (_, index) => under(key, { node: index % 2 === 0 ? a : b, ...order(index) })));
  /** What some work adds, by either node. */
  const recorded = (work: () => Promise<unknown>): ReturnType<TestApp['recordedBy']> => a.recordedBy(async () => {
    await work();
    await b.running.kernel.ledger.flush();
  });

  it('under one key on two nodes issue one session: one row, one set of credentials, and each answer is recorded', async () => {
    const key = fresh();
    const before = [await rowsOf('session'), await rowsOf('issued_answer')];
    let answers: Called[] = [];
    const events = await recorded(async () => {
      answers = await parallel(() => assuming(), key);
    });
    expect(new Set(answers.map(({ text }) => text))).toEqual(new Set([answers[0]?.text]));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect([await rowsOf('session'), await rowsOf('issued_answer')]).toEqual(before.map((rows) => rows + 1));
    const { accessKeyId } = credentialsOf(answers[0]!);
    expect(events.map(({ record }) => (record['responseElements'] as { credentials: { accessKeyId: string } }).credentials.accessKeyId)).toEqual(answers.map(() => accessKeyId));
    expect(new Set(events.map(({ request_id: id }) => id)).size).toBe(50);
    expect(events.filter(({ record }) => record['additionalEventData'] === undefined)).toHaveLength(1);
  });

  it('that ask for different things under one key: the first wins, the others are told', async () => {
    const key = fresh();
    const before = await rowsOf('session');
    const names = ['one', 'two', 'three', 'four'];
    const answers = await parallel((index) => assuming({ RoleSessionName: names[index % 4]! }), key);
    const winners = new Set(answers.filter(({ status }) => status === 200).map(({ text }) => text));
    expect(winners.size).toBe(1);
    expect(new Set(answers.filter(({ status }) => status !== 200).map(({ status, code }) => `${String(status)} ${String(code)}`))).toEqual(new Set(['409 IdempotencyConflict']));
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(12);
    expect(await rowsOf('session')).toBe(before + 1);
  });

  it('under keys of their own issue as many sessions', async () => {
    const before = await rowsOf('session');
    const prefix = fresh();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => under(`${prefix}-${String(index)}`, { ...assuming(), node: index % 2 === 0 ? a : b })));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(50);
    expect(await rowsOf('session')).toBe(before + 50);
  });

  it('under a key whose time is over, on two nodes, issue one new session', async () => {
    const key = fresh();
    const old = await under(key, assuming());
    a.clock.advance(KEPT_SECONDS);
    const before = await rowsOf('session');
    // Both nodes look for the answer at the same time: until here, neither gets further.
    const held = await hold(a.database, 'issued_answer');
    const asked = parallel(() => assuming(), key);
    await until('both nodes wait', async () => (await a.sql(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'stint' AND wait_event_type = 'Lock'`)).length >= 2);
    await held.release();
    const answers = await asked;
    expect(answers.map(({ status, code }) => [status, code])).toEqual(answers.map(() => [200, undefined]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]?.text).not.toBe(old.text);
    expect(await rowsOf('session')).toBe(before + 1);
  });
});

describe('a key', () => {
  it.each([['one character', '!'], ['255 characters', 'x'.repeat(255)], ['any printable character', '"~/\\{}[]()<>@,;:?=\'`|^&%$#+-_.*']])('may have %s', async (_, key) => {
    const first = await under(key, assuming());
    expect(first.status).toBe(200);
    expect((await under(key, assuming())).text).toBe(first.text);
  });

  it.each([['nothing', ''], ['256 characters', 'x'.repeat(256)], ['a blank', 'a b'], ['a tab', 'a\tb'], ['letters beyond ASCII', 'schlüssel'], ['two values', 'a, b']])('may not have %s', async (_, key) => {
    expectRefused(await effectOf(a, () => under(key, assuming())), FORM, 'AssumeRole');
  });

  it('is refused by what issues nothing, whatever it does', async () => {
    const refusal = { code: 'ValidationError', status: 400, message: 'An Idempotency-Key can be given only for operations that issue credentials.' };
    const inputs: [string, Input][] = [['ListSessions', {}], ['CreateUser', { UserName: 'nobody' }], ['RevokeSessions', { RoleArn: worker.arn }], ['GetCallerIdentity', {}]];
    for (const [operation, input] of inputs) expectRefused(await effectOf(a, () => under(fresh(), { operation, input })), refusal, operation);
  });

  it('is kept for ten minutes, and then forgotten with its answer', async () => {
    const key = fresh();
    const first = await under(key, assuming());
    a.clock.advance(KEPT_SECONDS - 1);
    expect((await under(key, assuming())).text).toBe(first.text);
    a.clock.advance(1);
    // Whatever it asks for now.
    const second = await under(key, assuming({ RoleSessionName: 'another' }));
    expect(second.status).toBe(200);
    expect((await under(key, { ...assuming({ RoleSessionName: 'another' }), node: b })).text).toBe(second.text);
    expectRefused(await effectOf(a, () => under(key, assuming())), OTHER, 'AssumeRole');
    a.clock.advance(KEPT_SECONDS + 1);
    await a.running.app.get(Retention).run();
    expect(await rowsOf('issued_answer')).toBe(0);
    expect((await under(key, assuming())).status).toBe(200);
  });

  const refusals: [what: string, order: () => Order, code: string][] = [
    ['a role that does not exist', () => assuming({ RoleArn: `arn:aws:iam::${a.root.account}:role/none` }), 'AccessDenied'],
    ['what the contract does not take', () => assuming({ DurationSeconds: 1 }), 'ValidationError'],
    ['more than would be granted', () => assuming({ MinRemaining: 3_601 }), 'InsufficientSessionLifetime'],
  ];
  it.each(refusals)('of a request for %s, which was refused, can be used again', async (_, order, code) => {
    const key = fresh();
    const effect = await effectOf(a, () => under(key, order()));
    expectRefused(effect, { code, status: effect.result.status }, 'AssumeRole');
    const first = await under(key, assuming());
    expect(first.status).toBe(200);
    expect((await under(key, assuming())).text).toBe(first.text);
  });

  it('of a request that could not be recorded can be used again', async () => {
    const key = fresh();
    const before = await a.contents();
    await a.running.kernel.ledger.flush();
    expect(await withoutDatabase(a.database, () => under(key, assuming()))).toMatchObject({ status: 503, code: 'ServiceUnavailable' });
    await until('the service has recovered', async () => (await standing(a, alice)) === 'alive');
    expect(await a.contents()).toEqual(before);
    const first = await under(key, assuming());
    expect((await under(key, assuming())).text).toBe(first.text);
  });

  it('of a request that is cut off while it is committed can be used again, and obtains one session', async () => {
    const key = fresh();
    const before = await rowsOf('session');
    const held = await hold(a.database, 'session');
    const asked = under(key, assuming());
    await untilBlocked((text) => a.sql(text), 'stint ledger');
    const answer = await withoutDatabase(a.database, () => asked);
    await held.release();
    expect(answer.status).toBe(503);
    const again = await until('it is answered', async () => {
      const next = await under(key, assuming());
      return next.status === 200 ? next : undefined;
    });
    expect(await rowsOf('session')).toBe(before + 1);
    expect((await under(key, { ...assuming(), node: b })).text).toBe(again.text);
  });
});

describe('what is kept', () => {
  it('is sealed, and says neither the key nor who asked', async () => {
    const key = fresh();
    const keys = credentialsOf(await under(key, assuming()));
    const rows = await a.sql('SELECT key_sha256, input_sha256, sealed FROM issued_answer');
    const bytes = rows.flatMap((row) => Object.values(row) as Buffer[]).map((value) => value.toString('latin1')).join('');
    for (const text of [keys.secretAccessKey, keys.sessionToken, keys.accessKeyId, key, alice.arn, alice.id, worker.arn]) expect(bytes).not.toContain(text);
  });

  it('opens only under the key that it was kept for', async () => {
    const [key, other] = [fresh(), fresh()];
    await under(key, assuming());
    await under(other, assuming());
    await a.sql('UPDATE issued_answer SET sealed = (SELECT sealed FROM issued_answer ORDER BY expires_at DESC, key_sha256 LIMIT 1) WHERE key_sha256 = (SELECT key_sha256 FROM issued_answer ORDER BY expires_at DESC, key_sha256 OFFSET 1 LIMIT 1)');
    const answers = [await under(key, assuming()), await under(other, assuming())];
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 500]);
    await a.sql('DELETE FROM issued_answer');
  });
});
