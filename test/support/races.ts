import { TestApp } from './app.js';
import { call, type Called, type Input } from './calls.js';
import { explained, picks, type Ended, type Step } from './orders.js';
import { World } from './world.js';

/** How often each race is run; STINT_RACES_ROUNDS runs it more often, and STINT_RACES_SEED otherwise. */
const ROUNDS = Number(process.env['STINT_RACES_ROUNDS'] ?? 2);
const SEED = Number(process.env['STINT_RACES_SEED'] ?? 1);
/** How many calls are made at the same time. */
export const CALLS = 50;
/** How often what is decided at once is tried. */
export const BURSTS = 8;

export interface Asked {
  readonly operation: string;
  readonly input: Input;
}

/** A race: calls, what each of them does to a state, and the state as it is shown. */
export interface Race<S> {
  /** Those that a round draws from, by name. */
  readonly calls: Readonly<Record<string, Asked>>;
  readonly step: (state: S, name: string) => Step<S>;
  readonly look: () => Promise<S>;
  /** How a success is told from others of the same call. */
  readonly told?: (output: unknown) => string;
}

/**
 * Told only where a call was judged again and again, because what it is about kept changing, or where a password was
 * hashed for what is not so any more: it did nothing.
 */
const OVERTAKEN = ['The entity was changed by other requests at the same time. Repeat the request.', 'The entity was changed by another request at the same time. Repeat the request.'];
/** What races may end in: refusals that callers can make something of, and nothing that only the database understands. */
const CODES = ['NoSuchEntity', 'EntityAlreadyExists', 'DeleteConflict', 'LimitExceeded'];

export function endingOf({ code, message, output, text }: Called, told: (output: unknown) => string): string {
  if (code === undefined) return told(output);
  if (code === 'ConcurrentModification' && OVERTAKEN.includes(message ?? '')) return 'overtaken';
  if (!CODES.includes(code)) throw new Error(text);
  return code;
}

export const same = <S>(outcome: string, state: S): Step<S> => ({ outcome, state });

/** Numbers that look random: others for every race, and for every seed of the run. */
export const picksOf = (seed: number): ((limit: number) => number) => picks(seed + SEED * 1_000);

/** Fails where no order of the calls explains how they ended and what is then. */
export function requireOrder<S>(round: number, { from, to, calls, step }: { from: S; to: S; calls: readonly Ended[]; step: (state: S, name: string) => Step<S> }): void {
  const counting = calls.filter(({ outcome }) => outcome !== 'overtaken');
  if (explained({ from, to, calls: counting, step })) return;
  throw new Error(`no order explains round ${round}: ${JSON.stringify({ from, to, calls: counting.map(({ name, outcome }) => `${name} → ${outcome}`).sort() }, undefined, 1)}`);
}

/** Two nodes of one database, and calls to the one or the other. */
export class Races {
  nodes!: readonly [TestApp, TestApp];
  world!: World;
  #asked = 0;
  #made = 0;

  async start(): Promise<void> {
    const first = await TestApp.boot();
    this.nodes = [first, await TestApp.boot({ beside: first })];
    this.world = new World(first);
  }

  async stop(): Promise<void> {
    await this.nodes[1].close();
    await this.nodes[0].close();
  }

  /** A call by root on the one node or the other. */
  readonly ask = ({ operation, input }: Asked, keys = this.world.root): Promise<Called> => {
    this.#asked += 1;
    return call(this.nodes[this.#asked % 2]!, 'query', { operation, keys, input });
  };

  readonly done = async (operation: string, input: Input): Promise<Called> => {
    const answer = await this.ask({ operation, input });
    if (answer.status !== 200) throw new Error(`${operation}: ${answer.text}`);
    return answer;
  };

  readonly exists = async (operation: string, input: Input): Promise<boolean> => (await this.ask({ operation, input })).status === 200;

  readonly fresh = (word: string): string => `${word}-${(this.#made += 1)}`;

  /** Runs a race, round after round, and holds what came of each against every order there is. */
  readonly runs = async <S>(race: Race<S>, seed: number): Promise<void> => {
    const pick = picksOf(seed);
    const names = Object.keys(race.calls);
    let from = await race.look();
    for (let round = 0; round < ROUNDS; round += 1) {
      const drawn = Array.from({ length: CALLS }, () => names[pick(names.length)]!);
      const calls = await Promise.all(
        drawn.map(async (name): Promise<Ended> => {
          const answer = await this.ask(race.calls[name]!);
          return { name, outcome: endingOf(answer, race.told ?? (() => 'ok')), isRefused: answer.code !== undefined };
        }),
      );
      const to = await race.look();
      requireOrder(round, { from, to, calls, step: race.step });
      from = to;
    }
  };
}
