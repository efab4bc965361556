// An operation between two readings of the ceiling, which is the bare handler with the same bytes.

const WARM_UP_SECONDS = 2;

/** One reading of the server or of the bare handler, after a warm-up. */
export function read(stage, what, { seconds }) {
  return stage.measure({ ...what, seconds, warmupSeconds: WARM_UP_SECONDS });
}

/** A result beside what the machine gave just before and just after it. */
export function beside(result, before, after) {
  const perSecond = (before.perSecond + after.perSecond) / 2;
  return {
    ratio: result.perSecond / perSecond,
    ceiling: { perSecond, before: before.perSecond, after: after.perSecond, p50: (before.p50 + after.p50) / 2, p99: (before.p99 + after.p99) / 2 },
  };
}

/** How long a reading takes altogether, in seconds. */
export const readingSeconds = ({ seconds }) => WARM_UP_SECONDS + seconds;
