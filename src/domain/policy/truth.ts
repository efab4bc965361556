/**
 * What is known about a test: it holds, it does not, or (`undefined`) it cannot be said. An Allow applies only
 * where everything holds, a Deny wherever it is not certain that something does not: so whatever Stint cannot
 * read counts against the caller (policy-evaluation §1: any evaluation error means deny).
 */
export type Truth = boolean | undefined;

/** Kleene's three-valued AND; true for no tests at all. */
export function and(tests: Iterable<Truth>): Truth {
  let result: Truth = true;
  for (const test of tests) {
    if (test === false) return false;
    if (test === undefined) result = undefined;
  }
  return result;
}

/** Kleene's three-valued OR; false for no tests at all. */
export function or(tests: Iterable<Truth>): Truth {
  let result: Truth = false;
  for (const test of tests) {
    if (test === true) return true;
    if (test === undefined) result = undefined;
  }
  return result;
}

/** Kleene's three-valued NOT: what cannot be said stays so. */
export function not(test: Truth): Truth {
  return test === undefined ? undefined : !test;
}
