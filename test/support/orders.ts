/** A call that was made at the same time as others, and how it ended. */
export interface Ended {
  readonly name: string;
  /** What a success is told by, or the error code. */
  readonly outcome: string;
  readonly isRefused: boolean;
}

/** What a call does when nothing else happens: how it ends, and what is then. */
export interface Step<S> {
  readonly outcome: string;
  readonly state: S;
}

/**
 * Whether there is an order in which the calls, one after the other, end as they did and lead from one state to another.
 * All calls were under way at the same time, so every order may be the one. Calls of the same name that ended the same
 * way are alike, and a refusal, which changes nothing, can be taken as soon as it is one: whatever order explains the
 * others still does. (Not so a success that changes nothing here: it may be needed for a change later.) So only successes
 * are tried, and no state with the same calls left is looked at twice; the search is exhaustive, and `false` means that
 * there is no such order.
 */
export function explained<S>(run: { from: S; to: S; calls: readonly Ended[]; step: (state: S, name: string) => Step<S> }): boolean {
  const { step } = run;
  const kinds = new Map<string, Ended>();
  const counts = new Map<string, number>();
  for (const call of run.calls) {
    const kind = `${call.name} → ${call.outcome}`;
    kinds.set(kind, call);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const end = JSON.stringify(run.to);
  const tried = new Set<string>();
  const search = (state: S, left: ReadonlyMap<string, number>): boolean => {
    const text = JSON.stringify(state);
    const steps = [...left.keys()].map((kind) => ({ kind, wanted: kinds.get(kind)?.outcome, step: step(state, kinds.get(kind)?.name ?? '') })).filter(({ wanted, step: { outcome } }) => outcome === wanted);
    const refusals = new Set(steps.map(({ kind }) => kind).filter((kind) => kinds.get(kind)?.isRefused));
    const rest = new Map([...left].filter(([kind]) => !refusals.has(kind)));
    if (rest.size === 0) return text === end;
    const known = `${text} ${JSON.stringify([...rest].sort())}`;
    if (tried.has(known)) return false;
    tried.add(known);
    return steps.some(({ kind, step: { state: next } }) => {
      const count = rest.get(kind);
      if (count === undefined) return false;
      const fewer = new Map(rest);
      if (count === 1) fewer.delete(kind);
      else fewer.set(kind, count - 1);
      return search(next, fewer);
    });
  };
  return search(run.from, counts);
}

/** Numbers that look random, the same for the same seed: below a limit. */
export function picks(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
