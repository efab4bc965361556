/** A call about groups and users that was made at the same time as others, and how it ended. */
export interface Done {
  readonly kind: 'add' | 'remove' | 'deleteGroup' | 'deleteUser';
  readonly group: string;
  readonly user: string;
  /** `ok`, or the error code. */
  readonly outcome: string;
}

/** Which groups and users there are in the end, and who is in which: `group/user`. */
export interface Ending {
  readonly present: readonly string[];
  readonly members: readonly string[];
}

/**
 * Whether there is an order in which the calls, one after the other, would have ended so, of groups and users that were
 * all there at the beginning, and nobody in a group. Nothing is made again, so if any order explains the ending, this
 * one does: whoever is in a group in the end is taken out and then put in, everybody else put in and then taken out;
 * deletions that found somebody come while all are in, the others come last, and what found nobody comes after them.
 */
export function explains(calls: readonly Done[], { present, members }: Ending): boolean {
  const count = (kind: Done['kind'], outcome: string, pair: string): number => calls.filter((call) => call.kind === kind && call.outcome === outcome && pairOf(call) === pair).length;
  const named = new Set(calls.flatMap(({ group, user }) => [group, user]).filter((name) => name !== ''));
  const deleted = calls.filter(({ kind, outcome }) => kind.startsWith('delete') && outcome === 'ok').map(({ group, user }) => group + user);
  const gone = new Set(deleted);
  const pairs = new Set([...calls.filter(({ kind }) => kind === 'add' || kind === 'remove').map(pairOf), ...members]);
  const wasMember = (name: string): boolean => [...pairs].some((pair) => pair.split('/').includes(name) && count('add', 'ok', pair) > 0);
  return (
    gone.size === deleted.length &&
    [...named].every((name) => present.includes(name) !== gone.has(name)) &&
    members.every((pair) => pair.split('/').every((name) => present.includes(name)) && count('add', 'ok', pair) > 0) &&
    [...pairs].every((pair) => members.includes(pair) || count('add', 'ok', pair) === 0 || count('remove', 'ok', pair) > 0) &&
    calls.every(({ group, user, outcome }) => outcome !== 'DeleteConflict' || wasMember(group + user)) &&
    calls.every(({ group, user, outcome }) => outcome !== 'NoSuchEntity' || gone.has(group) || gone.has(user))
  );
}

function pairOf({ group, user }: Done): string {
  return `${group}/${user}`;
}
