import fc from 'fast-check';

import { TestApp, type Keys } from '../support/app.js';
import { call, type Called, type Input } from '../support/calls.js';
import { LOOKS } from '../support/sessions.js';
import { allows, ASSUMING, trusts, World, type Role } from '../support/world.js';

/** What the roles and policies of these tests allow, or not. */
const ACTIONS: readonly string[] = [...LOOKS, ...ASSUMING];
const CHAIN_SECONDS = 7200;

/** What the rules say about a credential. */
interface Held {
  readonly keys: Keys;
  readonly kind: 'user' | 'session token' | 'role session' | 'federated user';
  readonly allowed: ReadonlySet<string>;
  /** Epoch milliseconds; of temporary credentials. */
  readonly expiresAt?: number;
  /** When the first session of the chain began. */
  readonly begunAt?: number;
  readonly scopes: number;
  readonly sourceIdentity?: string | undefined;
  /** Keys of tags that the next session inherits. */
  readonly transitive: readonly string[];
}

type Step =
  | { readonly do: 'assume'; readonly from: number; readonly role: number; readonly policy: string[] | undefined; readonly seconds: number | undefined; readonly sourceIdentity: string | undefined; readonly tag: string | undefined; readonly isTransitive: boolean }
  | { readonly do: 'scope'; readonly from: number; readonly policy: string[] | undefined; readonly seconds: number | undefined }
  | { readonly do: 'session token'; readonly from: number; readonly seconds: number | undefined }
  | { readonly do: 'federate'; readonly from: number }
  | { readonly do: 'wait'; readonly seconds: number };

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
/** How far back in the list of what is held: mostly what was obtained last, so that chains become long. */
const from = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(6) });
/** Mostly everything but a little, so that what comes after still does something. */
const policy = maybe(fc.subarray([...ACTIONS], { minLength: 3 }));
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('assume' as const),
      from,
      role: fc.nat(2),
      policy,
      seconds: maybe(fc.constantFrom(900, 3600, 3601, 7200)),
      sourceIdentity: maybe(fc.constantFrom('alice', 'bob')),
      tag: maybe(fc.constantFrom('team', 'Team', 'cost')),
      isTransitive: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('scope' as const), from, policy: fc.option(fc.subarray([...ACTIONS], { minLength: 3 }), { nil: undefined }), seconds: maybe(fc.constantFrom(60, 900, 1200, 3000, 7200)) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('session token' as const), from: fc.nat(6), seconds: maybe(fc.constantFrom(900, 43_200)) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('federate' as const), from: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(1, 600, 1800, 3000) }) },
);

const wholeSeconds = (time: number): number => Math.floor(time / 1000);
const intersection = (a: ReadonlySet<string>, b: readonly string[] | undefined): ReadonlySet<string> => new Set([...a].filter((action) => b === undefined || b.includes(action)));
/** A policy that allows these actions; one that allows none must still name something. */
const document = (actions: string[]): string => JSON.stringify(allows(actions.length === 0 ? ['s3:GetObject'] : actions));

/** What a step must lead to: a refusal with one of these codes, or a credential. */
type Expected = { readonly codes: readonly string[] } | { readonly held: Omit<Held, 'keys'>; readonly codes?: undefined };

describe('whatever sessions are obtained with one another', () => {
  let app: TestApp;
  let user: Held;
  const roles: (Role & { readonly allowed: ReadonlySet<string>; readonly maximum: number })[] = [];

  beforeAll(async () => {
    app = await TestApp.boot({ env: { STINT_CHAIN_MAX_SECONDS: String(CHAIN_SECONDS) } });
    const home = new World(app);
    user = { keys: await home.user('alice', allows([...ACTIONS, 'sts:GetFederationToken'])), kind: 'user', allowed: new Set(ACTIONS), scopes: 0, transitive: [] };
    const kinds: [string, string[], number][] = [
      ['narrow', ['iam:ListUsers', ...ASSUMING], 3600],
      ['untagged', ['iam:ListUsers', 'iam:ListRoles', 'sts:AssumeRole', 'sts:SetSourceIdentity'], 7200],
      ['powerful', [...ACTIONS], 43_200],
    ];
    for (const [name, allowed, maximum] of kinds) {
      const role = await home.role(name, trusts(home.root.account, undefined, ASSUMING), { policy: allows(allowed), maxSessionDuration: maximum });
      roles.push({ ...role, allowed: new Set(allowed), maximum });
    }
  });
  afterAll(() => app.close());

  const now = (): number => app.clock.now().getTime();
  const isOver = ({ expiresAt }: Held): boolean => expiresAt !== undefined && now() >= expiresAt;

  /** Cuts what is granted to what is left of the chain; undefined where too little is left. */
  function withinChain(seconds: number, { begunAt }: Held): number | undefined {
    if (begunAt === undefined) return seconds;
    const left = Math.floor((begunAt + CHAIN_SECONDS * 1000 - now()) / 1000);
    return left >= seconds ? seconds : left < 900 ? undefined : left;
  }

  const expiry = (seconds: number): number => (wholeSeconds(now()) + seconds) * 1000;

  function assumed(step: Extract<Step, { do: 'assume' }>, holder: Held): Expected {
    const role = roles[step.role]!;
    const isChained = holder.kind !== 'user';
    const sourceIdentity = step.sourceIdentity ?? holder.sourceIdentity;
    const seconds = step.seconds ?? Math.min(3600, role.maximum);
    const granted = withinChain(seconds, holder);
    const needed = ['sts:AssumeRole', ...(step.tag !== undefined || holder.transitive.length > 0 ? ['sts:TagSession'] : []), ...(sourceIdentity === undefined ? [] : ['sts:SetSourceIdentity'])];
    const codes = [
      ...(step.tag !== undefined && holder.transitive.includes(step.tag.toLowerCase()) ? ['InvalidParameterValue'] : []),
      ...(holder.sourceIdentity !== undefined && sourceIdentity !== holder.sourceIdentity ? ['AccessDenied'] : []),
      ...(needed.every((action) => holder.allowed.has(action)) ? [] : ['AccessDenied']),
      ...(seconds > role.maximum || (isChained && seconds > 3600) ? ['ValidationError'] : []),
      ...(granted === undefined ? ['AccessDenied'] : []),
      ...(holder.kind === 'federated user' ? ['AccessDenied'] : []),
    ];
    if (codes.length > 0 || granted === undefined) return { codes };
    const transitive = [...holder.transitive, ...(step.tag !== undefined && step.isTransitive ? [step.tag.toLowerCase()] : [])];
    return { held: { kind: 'role session', allowed: intersection(role.allowed, step.policy), expiresAt: expiry(granted), begunAt: holder.begunAt ?? now(), scopes: 0, sourceIdentity, transitive } };
  }

  function scoped(step: Extract<Step, { do: 'scope' }>, holder: Held): Expected {
    if (holder.kind === 'user') return { codes: ['InvalidSubjectCredentials'] };
    if (holder.kind === 'federated user') return { codes: ['AccessDenied'] };
    const left = wholeSeconds(holder.expiresAt!) - wholeSeconds(now());
    const granted = withinChain(step.seconds ?? left, holder);
    const scopes = holder.scopes + (step.policy === undefined ? 0 : 1);
    const codes = [
      ...((step.policy === undefined && step.seconds === undefined) || scopes > 3 ? ['ValidationError'] : []),
      ...((step.seconds ?? 0) > left ? ['InsufficientSessionLifetime'] : []),
      ...(granted === undefined ? ['AccessDenied'] : []),
    ];
    if (codes.length > 0 || granted === undefined) return { codes };
    const { keys: _, ...same } = holder;
    return { held: { ...same, allowed: intersection(holder.allowed, step.policy), expiresAt: expiry(granted), scopes } };
  }

  function expected(step: Exclude<Step, { do: 'wait' }>, holder: Held): Expected {
    if (isOver(holder)) return { codes: ['ExpiredToken'] };
    if (step.do === 'assume') return assumed(step, holder);
    if (step.do === 'scope') return scoped(step, holder);
    if (holder.kind !== 'user') return { codes: ['AccessDenied'] };
    const begun = { begunAt: now(), scopes: 0, transitive: [] };
    if (step.do === 'federate') return { held: { kind: 'federated user', allowed: new Set(), expiresAt: expiry(43_200), ...begun } };
    return { held: { kind: 'session token', allowed: holder.allowed, expiresAt: expiry(step.seconds ?? 43_200), ...begun } };
  }

  function send(step: Exclude<Step, { do: 'wait' }>, keys: Keys): Promise<Called> {
    const ask = (operation: string, input: Input): Promise<Called> => call(app, 'query', { operation, keys, input: Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) });
    switch (step.do) {
      case 'assume':
        return ask('AssumeRole', {
          RoleArn: roles[step.role]!.arn,
          RoleSessionName: 'session',
          Policy: step.policy && document(step.policy),
          DurationSeconds: step.seconds,
          SourceIdentity: step.sourceIdentity,
          Tags: step.tag === undefined ? undefined : [{ Key: step.tag, Value: 'x' }],
          TransitiveTagKeys: step.tag !== undefined && step.isTransitive ? [step.tag] : undefined,
        });
      case 'scope':
        return ask('GetScopedCredentials', { Policy: step.policy && document(step.policy), DurationSeconds: step.seconds });
      case 'session token':
        return ask('GetSessionToken', { DurationSeconds: step.seconds });
      case 'federate':
        return ask('GetFederationToken', { Name: 'guest' });
    }
  }

  /** Holds a credential against what the rules say: whether it lives, what it is allowed and what its events say. */
  async function verify(held: Held): Promise<void> {
    const events = await app.recordedBy(async () => {
      const identity = await call(app, 'query', { operation: 'GetCallerIdentity', keys: held.keys, input: {} });
      expect(identity.code).toBe(isOver(held) ? 'ExpiredToken' : undefined);
    });
    if (isOver(held)) return;
    const context = events[0]!.record.userIdentity['sessionContext'] as { sourceIdentity?: string } | undefined;
    expect(context?.sourceIdentity).toBe(held.sourceIdentity);
    const isShut = held.kind === 'session token' || held.kind === 'federated user';
    for (const look of LOOKS) {
      const { code } = await call(app, 'query', { operation: look.replace('iam:', ''), keys: held.keys, input: {} });
      expect([look, code]).toEqual([look, isShut ? 'InvalidClientTokenId' : held.allowed.has(look) ? undefined : 'AccessDenied']);
    }
  }

  it('none lasts longer, may do more, or has another source identity than the rules say', async () => {
    const outcomes = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 6, maxLength: 20, size: 'max' }), async (all) => {
        const pool: Held[] = [user];
        for (const step of all) {
          if (step.do === 'wait') {
            app.clock.advance(step.seconds);
            continue;
          }
          const holder = pool[pool.length - 1 - (step.from % pool.length)]!;
          const { held, codes } = { held: undefined, ...expected(step, holder) };
          const answer = await send(step, holder.keys);
          outcomes.set(`${step.do} ${String(answer.code)}`, (outcomes.get(`${step.do} ${String(answer.code)}`) ?? 0) + 1);
          if (held === undefined) {
            expect(codes).toContain(answer.code);
            continue;
          }
          expect([answer.code, answer.message]).toEqual([undefined, undefined]);
          const { credentials } = answer.output as { credentials: Keys & { expiration: number } };
          expect(credentials.expiration * 1000).toBe(held.expiresAt);
          pool.push({ ...held, keys: credentials });
          await verify(pool.at(-1)!);
        }
        for (const held of pool) await verify(held);
      }),
      { numRuns: 25 },
    );
    // It would prove nothing if all were refused, or nothing.
    const seen = [...outcomes.keys()];
    expect(seen).toEqual(expect.arrayContaining(['assume undefined', 'scope undefined']));
    expect(seen.filter((outcome) => /^(?:assume|scope) [A-Z]/.test(outcome)).length).toBeGreaterThanOrEqual(2);
  });
});
