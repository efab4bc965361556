// What it costs a session to be looked up among 100,000 live revocations: the same server, the same request bytes,
// with none in the node's view and with all of them, in turn.
//
// A node forgets a revocation when it can end no session any more, which it looks for once a minute. So each round
// inserts revocations that live just long enough, and waits at its end until the node has forgotten them: what is
// compared is one process with itself.
import { beside, read, readingSeconds } from './ceiling.mjs';

const REVOCATIONS = 100_000;
/** How long inserting may take and the node may need to take all up, together, in seconds. */
const TAKE_UP_SECONDS = 20;
/** A node looks once a minute for what it may forget; some more, because the machine may be busy. */
const FORGET_SECONDS = 90;
const OPERATION = 'GetCallerIdentity+session';

/** Of sessions, chains, roles and principals in equal parts, none of which exists. */
const INSERT = `
  INSERT INTO session_revocation (revocation_id, account_id, kind, subject, issued_before, revoked_at, live_until)
  SELECT gen_random_uuid(), $1, made.kind,
         CASE made.kind WHEN 'role' THEN 'AROA' || made.id WHEN 'principal' THEN 'AIDA' || made.id ELSE gen_random_uuid()::text END,
         now(), now(), now() + make_interval(secs => $3)
  FROM (SELECT (ARRAY['session', 'chain', 'role', 'principal'])[1 + n % 4] AS kind, upper(left(md5(random()::text || n), 17)) AS id
        FROM generate_series(1, $2::int) AS n) AS made`;

const inView = (stage) => stage.metric('stint_revocations');

async function untilInView(stage, count, seconds) {
  const until = performance.now() + seconds * 1000;
  while ((await inView(stage)) !== count) {
    if (performance.now() > until) throw new Error(`the node's view did not come to ${count} revocations within ${seconds} seconds`);
    await stage.pause(100);
  }
}

/** What autovacuum and the checkpointer would do at some later time is done now, and not while something is measured. */
async function settle(stage) {
  await stage.client.query('VACUUM (ANALYZE) session_revocation');
  await stage.client.query('CHECKPOINT');
}

/** A reading of the server with so many revocations in its view, before and after. */
async function readWith(stage, { requests, revocations, options }) {
  const requireInView = async () => {
    const found = await inView(stage);
    if (found !== revocations) throw new Error(`the node has ${found} revocations in its view instead of ${revocations}`);
  };
  await requireInView();
  const result = await read(stage, { target: 'server', requests }, options);
  await requireInView();
  return { revocations, ...result };
}

/** Ceiling, none, ceiling, 100,000, ceiling; and for the last time ceiling, none, ceiling, so that each of the latter is between two of the former. */
export async function compareRevocations(stage, options, tell) {
  const connections = Math.max(...options.connections);
  const rows = [];
  const note = (result, before, after) => rows.push({ ...result, connections, ...beside(result, before, after) });
  for (let round = 0; round <= options.rounds; round += 1) {
    tell(`${connections} connections: revocations, round ${round + 1} of ${options.rounds + 1}`);
    const requests = await stage.requests(OPERATION, connections);
    const ceiling = () => read(stage, { target: 'bare', requests }, options);
    await settle(stage);
    const first = await ceiling();
    const without = await readWith(stage, { requests, revocations: 0, options });
    const second = await ceiling();
    note(without, first, second);
    if (round === options.rounds) break;
    await stage.client.query(INSERT, [stage.world.account, REVOCATIONS, TAKE_UP_SECONDS + readingSeconds(options)]);
    await settle(stage);
    await untilInView(stage, REVOCATIONS, TAKE_UP_SECONDS);
    const among = await readWith(stage, { requests, revocations: REVOCATIONS, options });
    note(among, second, await ceiling());
    await stage.client.query('TRUNCATE session_revocation');
    await untilInView(stage, 0, TAKE_UP_SECONDS + FORGET_SECONDS);
  }
  return { rows, ...compared(rows) };
}

const medianOf = (rows, value) => {
  const sorted = rows.map(value).sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** The medians of both sides, and what the one is of the other. */
function compared(rows) {
  const medians = [0, REVOCATIONS].map((revocations) => {
    const chosen = rows.filter((row) => row.revocations === revocations);
    const median = (value) => medianOf(chosen, value);
    return {
      revocations,
      connections: chosen[0].connections,
      readings: chosen.length,
      perSecond: median((row) => row.perSecond),
      p50: median((row) => row.p50),
      p99: median((row) => row.p99),
      ceiling: { perSecond: median((row) => row.ceiling.perSecond), p50: median((row) => row.ceiling.p50), p99: median((row) => row.ceiling.p99) },
      ratio: median((row) => row.ratio),
      ...(chosen.every((row) => row.machine !== undefined) && {
        machine: {
          others: median((row) => row.machine.others),
          micros: { server: median((row) => row.machine.micros.server), database: median((row) => row.machine.micros.database) },
        },
      }),
    };
  });
  const [none, all] = medians;
  return { medians, quotient: { perSecond: all.perSecond / none.perSecond, besideCeiling: all.ratio / none.ratio } };
}
