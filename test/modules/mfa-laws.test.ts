import fc from 'fast-check';

import { FixedClock } from '../support/fakes.js';
import { TestApp } from '../support/app.js';
import { Authenticator } from '../support/authenticator.js';
import { tokenOn } from '../support/nodes.js';
import { hotp } from '../support/totp.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';

/** A node with a clock of its own, or both at once. */
type Where = 'a' | 'b';
type Step =
  | { readonly does: 'GetSessionToken' | 'AssumeRole'; readonly where: Where; readonly off: number }
  | { readonly does: 'EnableMFADevice' | 'ResyncMFADevice'; readonly where: Where; readonly off: number }
  | { readonly does: 'DeactivateMFADevice'; readonly where: Where }
  | { readonly does: 'again'; readonly where: Where }
  | { readonly does: 'everything at once'; readonly off: number }
  | { readonly does: 'time goes by'; readonly where: Where; readonly seconds: number };

const where = fc.constantFrom<Where>('a', 'b');
const off = fc.oneof({ weight: 12, arbitrary: fc.integer({ min: -2, max: 2 }) }, { weight: 1, arbitrary: fc.integer({ min: -21, max: 21 }) });
const proof = fc.record({ does: fc.constantFrom('GetSessionToken' as const, 'AssumeRole' as const), where, off });
const pair = fc.record({ does: fc.constantFrom('EnableMFADevice' as const, 'ResyncMFADevice' as const), where, off });
const other = fc.record({ does: fc.constantFrom('DeactivateMFADevice' as const, 'again' as const), where });
const everything = fc.record({ does: fc.constant('everything at once' as const), off });
const time = fc.record({ does: fc.constant('time goes by' as const), where, seconds: fc.integer({ min: -90, max: 240 }) });
const steps = fc.array<Step>(
  fc.oneof({ weight: 6, arbitrary: proof }, { weight: 3, arbitrary: pair }, { weight: 1, arbitrary: other }, { weight: 2, arbitrary: everything }, { weight: 3, arbitrary: time }),
  { minLength: 6, maxLength: 16 },
);

/** How many people try it. */
const RUNS = 30;

let a: TestApp;
let b: TestApp;
let home: World;
let role: Role;
let runs = 0;

beforeAll(async () => {
  a = await TestApp.boot();
  b = await TestApp.boot({ beside: a, clock: new FixedClock(a.clock.now()) });
  home = new World(a);
  role = await home.role('careful', trusts(home.root.account, { Bool: { 'aws:MultiFactorAuthPresent': 'true' } }));
});
afterAll(async () => {
  await b.close();
  await a.close();
});

/** A device in the hands of somebody who tries everything, and what was accepted of it. */
class Trial {
  readonly accepted: number[] = [];
  #last: Step | undefined;
  /** How many steps the device was ahead when it was last enabled or synchronised. */
  #drift = 0;

  constructor(
    private readonly user: User,
    private readonly device: Authenticator,
  ) {}

  async take(step: Step): Promise<void> {
    // Nobody ever has to wait here: what is accepted once only must not depend on that.
    await a.sql('DELETE FROM mfa_throttle');
    if (step.does === 'again') {
      const last = this.#last;
      if (last !== undefined && 'where' in last) await this.take({ ...last, where: step.where });
      return;
    }
    this.#last = step;
    if (step.does === 'time goes by') nodeOf(step.where).clock.advance(step.seconds);
    else if (step.does === 'DeactivateMFADevice') await this.#administer(step.where, step.does, {});
    else if (step.does === 'everything at once') this.#note(await this.#everything(step.off));
    else if ('off' in step) this.#note(await this.#prove(step.does, step.where, this.#counter(step.where) + step.off));
  }

  /** What is accepted is accepted once, and is never older than what was: whoever looked over a shoulder has nothing. */
  #note(counters: readonly number[]): void {
    const before = this.accepted.at(-1) ?? -1;
    expect(new Set(counters).size).toBe(counters.length);
    for (const counter of counters) expect(counter).toBeGreaterThan(before);
    this.accepted.push(...[...counters].sort((one, other) => one - other));
  }

  /** One code, and pairs that it belongs to, on both nodes at once. */
  async #everything(off: number): Promise<number[]> {
    const counter = this.#counter('a') + off;
    const attempts = (['a', 'b'] as const).flatMap((node) => [
      this.#prove('GetSessionToken', node, counter),
      this.#prove('AssumeRole', node, counter),
      this.#prove('ResyncMFADevice', node, counter),
      this.#prove('EnableMFADevice', node, counter + 1),
    ]);
    return (await Promise.all(attempts)).flat();
  }

  /** Tries the code of a counter, or two codes of which it is the second's; answers the counters that were accepted. */
  async #prove(does: 'GetSessionToken' | 'AssumeRole' | 'EnableMFADevice' | 'ResyncMFADevice', at: Where, counter: number): Promise<number[]> {
    const code = (of: number): string => hotp(this.device.seed, of);
    if (does === 'EnableMFADevice' || does === 'ResyncMFADevice') {
      const isDone = await this.#administer(at, does, { AuthenticationCode1: code(counter - 1), AuthenticationCode2: code(counter) });
      if (isDone) this.#drift = does === 'EnableMFADevice' ? 0 : counter - Math.floor(nodeOf(at).clock.now().getTime() / 30_000);
      return isDone ? [counter - 1, counter] : [];
    }
    const given = this.device.given(code(counter));
    if (does === 'GetSessionToken') return (await tokenOn(nodeOf(at), this.user, given)) === 'ok' ? [counter] : [];
    const { status } = await nodeOf(at).query(this.user, { Action: 'AssumeRole', Version: '2011-06-15', RoleArn: role.arn, RoleSessionName: 'job', ...given });
    return status === 200 ? [counter] : [];
  }

  async #administer(at: Where, Action: string, codes: Record<string, string>): Promise<boolean> {
    const { status } = await nodeOf(at).query(home.root, { Action, Version: '2010-05-08', UserName: this.user.name, SerialNumber: this.device.serial, ...codes });
    return status === 200;
  }

  /** What the device shows by a node's clock. */
  #counter(at: Where): number {
    return Math.floor(nodeOf(at).clock.now().getTime() / 30_000) + this.#drift;
  }
}

function nodeOf(at: Where): TestApp {
  return at === 'a' ? a : b;
}

it('whatever is done with a device, and wherever, no counter is accepted twice', async () => {
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      runs += 1;
      // However far the clocks have come apart, they begin together.
      const ahead = Math.max(a.clock.now().getTime(), b.clock.now().getTime()) + 1_200_000;
      for (const { clock } of [a, b]) clock.advance((ahead - clock.now().getTime()) / 1000);
      const user = await home.user(`user-${String(runs)}`, allows('sts:AssumeRole'));
      const trial = new Trial(user, await Authenticator.created(a, home.root, user.name));
      await trial.take({ does: 'EnableMFADevice', where: 'a', off: 0 });
      for (const step of sequence) await trial.take(step);
      accepted += trial.accepted.length;
    }),
    { seed: 20_261_125, numRuns: RUNS, endOnFailure: true },
  );
  // The law is not kept by accepting nothing.
  expect(accepted).toBeGreaterThan(3 * RUNS);
});
