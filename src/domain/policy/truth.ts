/**
 * What is known about a test: it holds, it does not, or (`undefined`) it cannot be said. An Allow applies only
 * where everything holds, a Deny wherever it is not certain that something does not: so whatever Stint cannot
 * read counts against the caller (policy-evaluation §1: any evaluation error means deny).
 */
export type Truth = boolean | undefined;

/** Kleene's three-valued AND over some tests, which ends with the first that fails; true for none at all. */
export function every<Item>(items: readonly Item[], test: (item: Item) => Truth): Truth {
  let result: Truth = true;
  for (const item of items) {
    const truth = test(item);
    if (truth === false) return false;
    if (truth === undefined) result = undefined;
  }
  return result;
}

/** Kleene's three-valued OR over some tests, which ends with the first that holds; false for none at all. */
export function some<Item>(items: readonly Item[], test: (item: Item) => Truth): Truth {
  let result: Truth = false;
  for (const item of items) {
    const truth = test(item);
    if (truth === true) return true;
    if (truth === undefined) result = undefined;
  }
  return result;
}

/** Kleene's three-valued NOT: what cannot be said stays so. */
export function not(test: Truth): Truth {
  return test === undefined ? undefined : !test;
}
