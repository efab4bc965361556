import { AssumeRootCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';

import { TestApp, type Keys } from '../support/app.js';
import { call, effectOf, expectRefused, type Called, type Effect, type Input } from '../support/calls.js';
import { Sessions, taskArn } from '../support/sessions.js';
import { allows, ASSUMING, trusts, World, type Role, type User } from '../support/world.js';

const exceedsChain = 'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.';
const exceedsRole = 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.';

describe('sessions that are obtained with sessions', () => {
  let app: TestApp;
  let sessions: Sessions;
  let home: World;
  let abroad: World;
  let alice: User;
  let role: Role;

  beforeAll(async () => {
    app = await TestApp.boot({ env: { STINT_CHAIN_MAX_SECONDS: '7200' } });
    sessions = new Sessions(app);
    home = new World(app);
    abroad = await home.account('member');
    alice = await home.user('alice', allows('sts:*'));
    role = await home.role('worker', trusts(home.root.account, undefined, ASSUMING), { policy: allows('sts:*'), maxSessionDuration: 43_200 });
  });
  afterAll(() => app.close());

  /** The start of a chain: how to obtain it. */
  const starts: Readonly<Record<string, () => Promise<Keys>>> = {
    'a user': () => Promise.resolve(alice),
    'a role session': () => sessions.assumed(alice, role),
    'a session of a user': () => sessions.sessionToken(alice),
    'a scoped role session': async () => sessions.scoped(await sessions.assumed(alice, role), { DurationSeconds: 900 }),
    'a scoped session of a user': async () => sessions.scoped(await sessions.sessionToken(alice), { Policy: JSON.stringify(allows('*')) }),
  };
  const seconds = (from: Date, until: Date | undefined): number => (until!.getTime() - Math.floor(from.getTime() / 1000) * 1000) / 1000;

  describe.each(Object.keys(starts).map((start) => [start, start === 'a user'] as const))('by %s', (start, isFirst) => {
    const asked: [DurationSeconds: number | undefined, chained: number | string, first: number][] = [
      [undefined, 3600, 3600],
      [900, 900, 900],
      [3600, 3600, 3600],
      [3601, exceedsChain, 3601],
      [43_200, exceedsChain, 43_200],
    ];
    it.each(asked)('last, where %p seconds are asked for, so long: chained %p, else %p', async (DurationSeconds, chained, first) => {
      const keys = await starts[start]!();
      const granted = isFirst ? first : chained;
      const assume = (): ReturnType<Sessions['assume']> => sessions.assume(keys, role, { DurationSeconds });
      if (typeof granted === 'string') await sessions.refused(assume, { code: 'ValidationError', message: granted });
      else expect(seconds(app.clock.now(), (await assume()).Credentials?.Expiration)).toBe(granted);
    });

    it('last no longer than the role allows', async () => {
      const short = await home.role(`short-${start.replaceAll(' ', '-')}`, trusts(home.root.account));
      const keys = await starts[start]!();
      const message = isFirst ? exceedsRole : exceedsChain;
      await sessions.refused(() => sessions.assume(keys, short, { DurationSeconds: 3601 }), { code: 'ValidationError', message });
    });
  });

  describe('of a borrowed root', () => {
    const borrowing: [DurationSeconds: number | undefined, granted: number][] = [
      [undefined, 900],
      [1, 1],
      [60, 60],
      [900, 900],
    ];
    it.each(borrowing)('last 15 minutes at the most: %p seconds give %i', async (DurationSeconds, granted) => {
      const input = { TargetPrincipal: abroad.root.account, TaskPolicyArn: { arn: taskArn('IAMAuditRootUserCredentials') }, DurationSeconds };
      for (const start of ['a user', 'a role session']) {
        const { Credentials } = await app.sts(await starts[start]!()).send(new AssumeRootCommand(input));
        expect(seconds(app.clock.now(), Credentials?.Expiration)).toBe(granted);
      }
    });

  });

  describe('of a role', () => {
    it('are refused for their duration only to who may assume it', async () => {
      const stranger = await home.user('stranger');
      const message = `User: ${stranger.arn} is not authorized to perform: sts:AssumeRole on resource: ${role.arn} because no identity-based policy allows the sts:AssumeRole action`;
      await sessions.refused(() => sessions.assume(stranger, role, { DurationSeconds: 43_200 }), { code: 'AccessDenied', message });
    });
  });

  describe('last as long as their caller can use, or are refused', () => {
    const kinds: [operation: string, who: () => Promise<Keys>, input: () => Input, granted: number, limitedBy: string][] = [
      ['AssumeRole', () => Promise.resolve(alice), () => ({ RoleArn: role.arn, RoleSessionName: 'session' }), 3600, 'default'],
      ['AssumeRole', () => Promise.resolve(alice), () => ({ RoleArn: role.arn, RoleSessionName: 'session', DurationSeconds: 7200 }), 7200, 'request'],
      ['GetSessionToken', () => Promise.resolve(alice), () => ({}), 43_200, 'default'],
      ['GetSessionToken', () => Promise.resolve(home.root), () => ({ DurationSeconds: 7200 }), 3600, 'root'],
      ['GetFederationToken', () => Promise.resolve(home.root), () => ({ Name: 'guest', DurationSeconds: 7200 }), 3600, 'root'],
      ['AssumeRoot', () => Promise.resolve(alice), () => ({ TargetPrincipal: abroad.root.account, TaskPolicyArn: { arn: taskArn('IAMAuditRootUserCredentials') } }), 900, 'default'],
      ['GetScopedCredentials', () => starts['a role session']!(), () => ({ Policy: JSON.stringify(allows('*')) }), 3600, 'session'],
      ['GetScopedCredentials', () => starts['a role session']!(), () => ({ DurationSeconds: 60 }), 60, 'request'],
    ];
    it.each(kinds)('in %s', async (operation, who, input, granted, limitedBy) => {
      const keys = await who();
      const ask = (MinRemaining: number): Promise<Effect<Called>> => effectOf(app, () => call(app, 'rest', { operation, keys, input: { ...input(), MinRemaining } }));
      expect((await ask(granted)).result.output).toMatchObject({ duration: { granted, limitedBy } });
      const message = `minRemaining asks for ${granted + 1} seconds; this session would last ${granted} (limited by: ${limitedBy}).`;
      expectRefused(await ask(granted + 1), { code: 'InsufficientSessionLifetime', status: 400, message }, operation);
    });
  });

  it('are so long for no condition key to tell', async () => {
    const timeless = await home.role('timeless', trusts(alice.arn, { Null: { 'sts:DurationSeconds': 'true' } }));
    await expect(sessions.assume(alice, timeless, { DurationSeconds: 900 })).resolves.toBeDefined();
  });

  describe('are over at their Expiration, to the second', () => {
    const kinds: [string, () => Promise<Keys>, lasting: number][] = [
      ['a role session', () => sessions.assumed(alice, role, { DurationSeconds: 900 }), 900],
      ['a session of a user', () => sessions.sessionToken(alice, { DurationSeconds: 900 }), 900],
      ['a session of root', () => sessions.sessionToken(home.root, { DurationSeconds: 900 }), 900],
      ['a federated user', () => sessions.federated(alice, { DurationSeconds: 900 }), 900],
      ['a borrowed root', () => sessions.borrowed(alice, abroad.root.account), 900],
      ['a scoped session', async () => sessions.scoped(await sessions.assumed(alice, role), { DurationSeconds: 1 }), 1],
    ];
    it.each(kinds)('%s', async (_, obtain, lasting) => {
      const keys = await obtain();
      const ask = (): Promise<unknown> => app.sts(keys).send(new GetCallerIdentityCommand());
      // The clock stands half a second after the full one, from which sessions last.
      app.clock.advance(lasting - 0.501);
      await expect(ask()).resolves.toBeDefined();
      app.clock.advance(0.001);
      await expect(ask()).rejects.toMatchObject({ name: 'ExpiredToken', message: 'The security token included in the request is expired', $metadata: { httpStatusCode: 403 } });
      app.clock.advance(0.5);
    });
  });

  describe('end with their chain', () => {
    const duration = async (keys: Keys, more: object = {}): Promise<unknown> => {
      const { output, text } = await call(app, 'rest', { operation: 'AssumeRole', keys, input: { RoleArn: role.arn, RoleSessionName: 'session', ...more } });
      if (output === undefined) throw new Error(text);
      return (output as { duration: unknown }).duration;
    };
    const endOfChain = (began: Date): { code: string; message: string } => ({
      code: 'AccessDenied',
      message: `This chain of sessions began at ${began.toISOString()} and ends 7200 seconds later; fewer than 900 seconds are left. Sign in again to begin a new one.`,
    });

    it.each(['a role session', 'a session of a user', 'a scoped role session'])('that began with %s, two hours after it began', async (start) => {
      const began = app.clock.now();
      const first = start === 'a scoped role session' ? await sessions.scoped(await sessions.assumed(alice, role), { Policy: JSON.stringify(allows('sts:*')) }) : await starts[start]!();
      app.clock.advance(3598);
      expect(await duration(first)).toEqual({ granted: 3600, limitedBy: 'default' });
      const second = await sessions.assumed(first, role);
      app.clock.advance(3);
      expect(await duration(second, { DurationSeconds: 3600 })).toEqual({ requested: 3600, granted: 3599, limitedBy: 'chain' });
      app.clock.advance(2699);
      expect(await duration(second)).toEqual({ granted: 900, limitedBy: 'chain' });
      const third = await sessions.assumed(second, role);
      await expect(app.sts(third).send(new GetCallerIdentityCommand())).resolves.toBeDefined();
      app.clock.advance(1);
      await sessions.refused(() => sessions.assume(second, role, { DurationSeconds: 900 }), endOfChain(began));
      // What is asked for less than is left is not cut.
      const scoped = await sessions.scoped(second, { DurationSeconds: 100 });
      await sessions.refused(() => sessions.assume(scoped, role), endOfChain(began));
      expect(await duration(alice)).toEqual({ granted: 3600, limitedBy: 'default' });
    });

    it('which has 32 sessions at the most', async () => {
      let keys: Keys = alice;
      for (let links = 0; links < 32; links += 1) keys = await sessions.assumed(keys, role);
      const message = 'This session was obtained through a chain of 32 sessions, which is the most there may be. Sign in again to begin a new chain.';
      await sessions.refused(() => sessions.assume(keys, role), { code: 'AccessDenied', message });
      await sessions.refused(() => sessions.scoped(keys, { DurationSeconds: 60 }), { code: 'AccessDenied', message });
      await expect(app.sts(keys).send(new GetCallerIdentityCommand())).resolves.toMatchObject({ Arn: `arn:aws:sts::${home.root.account}:assumed-role/worker/session` });
    });
  });
});
