// Measures whether the server's memory grows with the number of sessions it has issued: see docs/performance.md.
import { loadavg } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { circumstances, countsTable, factLines, percent, requireEqual, rounded, table } from './report.mjs';
import { onStage } from './stage.mjs';

const USAGE = `Usage: npm run bench:memory -- [options]
  --count N         sessions altogether, 1,000 to 100,000,000 (default 1000000: some minutes, and about 4 GB of disk)
  --rounds N        in how many rounds, 3 to 100 (default 5)
  --connections N   1 to 1000 (default 64)
  --server FILE     another build's dist/src/main.js
  --json            print one JSON document instead of tables
STINT_LOG_LEVEL is handed to the server; by default it logs as it always does (info).
`;
const OPERATION = 'AssumeRole';
/** How many requests carry the same signature, which is good for 15 minutes. */
const SIGNED_FOR = 50_000;
/** Growth up to here may be anything: with a million sessions it is some twenty bytes each, less than an object takes. */
const TARGET = 0.1;

/** After its garbage is collected the server rests until its memory has not become less for so long, in seconds; at the most so long. */
const CALM_SECONDS = 3;
const REST_SECONDS = 30;
const LOOK_MS = 250;
/** What counts as less, in MiB. */
const LESS_MIB = 0.5;

function optionsOf(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      count: { type: 'string', default: '1000000' },
      rounds: { type: 'string', default: '5' },
      connections: { type: 'string', default: '64' },
      server: { type: 'string', default: path.join(import.meta.dirname, '../dist/src/main.js') },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const options = { ...values, count: Number(values.count), rounds: Number(values.rounds), connections: Number(values.connections) };
  const isCount = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;
  if (!isCount(options.count, 1_000, 100_000_000)) throw new Error('--count takes a whole number from 1000 to 100000000');
  if (!isCount(options.rounds, 3, 100)) throw new Error('--rounds takes a whole number from 3 to 100');
  if (!isCount(options.connections, 1, 1_000)) throw new Error('--connections takes a whole number from 1 to 1000');
  return options;
}

/** Parts that differ by one at the most. */
const partsOf = (count, parts) => Array.from({ length: parts }, (_, index) => Math.floor((count * (index + 1)) / parts) - Math.floor((count * index) / parts));

/** Issues sessions as fast as they are answered, signing anew before signatures become too old. */
async function issue(stage, { count, connections }) {
  const results = [];
  for (const part of partsOf(count, Math.ceil(count / SIGNED_FOR))) {
    results.push(await stage.measure({ target: 'server', requests: await stage.requests(OPERATION, connections), count: part }));
  }
  const mean = (value) => results.reduce((sum, result) => sum + value(result) * (result.measured / count), 0);
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
  return {
    seconds,
    perSecond: count / seconds,
    ...(results.every((result) => result.machine !== undefined) && {
      machine: { others: mean((result) => result.machine.others), micros: { server: mean((result) => result.machine.micros.server), database: mean((result) => result.machine.micros.database) } },
    }),
  };
}

/** Has the server collect its garbage, leaves it alone until the system has got back what was freed, and says what is left, in MiB. */
async function rest(stage) {
  const heap = await stage.collected();
  const from = performance.now();
  let least = Number.POSITIVE_INFINITY;
  let now;
  for (let calmSince = from; performance.now() - calmSince < CALM_SECONDS * 1000 && performance.now() - from < REST_SECONDS * 1000; ) {
    await stage.pause(LOOK_MS);
    now = await stage.serverMiB();
    if (now < least - LESS_MIB) {
      least = now;
      calmSince = performance.now();
    }
  }
  return { heapMiB: heap, residentMiB: now };
}

async function measureAll(stage, options, tell) {
  const rows = [];
  let sessions = 0;
  for (const [index, count] of partsOf(options.count, options.rounds).entries()) {
    tell(`round ${index + 1} of ${options.rounds}: ${rounded(count)} sessions`);
    const issued = await issue(stage, { count, connections: options.connections });
    const busy = await stage.serverMiB();
    sessions += count;
    rows.push({ sessions, ...issued, busyMiB: busy, ...(await rest(stage)) });
  }
  return rows;
}

/** From the second round to the last: the first one also pays for what a server only needs once. */
function growthOf(rows) {
  const [, second] = rows;
  const last = rows.at(-1);
  const grown = (value) => ({ part: value(last) / value(second) - 1, bytesPerSession: ((value(last) - value(second)) * 2 ** 20) / (last.sessions - second.sessions) });
  return { resident: grown((row) => row.residentMiB), heap: grown((row) => row.heapMiB) };
}

const grown = ({ part, bytesPerSession }) => `${percent(part, 1)} (${rounded(bytesPerSession, 1)} bytes per session)`;

function report({ facts, rows, start, growth, checks }) {
  const rounds = table(
    ['sessions', 'sessions/s', 'server µs', 'database µs', 'others', 'busy MiB', 'resident MiB', 'heap MiB'],
    rows.map((row) => [
      rounded(row.sessions),
      rounded(row.perSecond),
      rounded(row.machine?.micros.server),
      rounded(row.machine?.micros.database),
      percent(row.machine?.others),
      rounded(row.busyMiB, 1),
      rounded(row.residentMiB, 1),
      rounded(row.heapMiB, 1),
    ]),
  );
  const total = rows.at(-1).sessions / rows.reduce((sum, row) => sum + row.seconds, 0);
  return [
    '', rounds, '',
    'busy: resident memory of the server when the last answer had come; resident, heap: after its garbage was collected;',
    'server, database: processor time per session; others: share of the machine that was busy with something else.', '',
    `before the first session: ${rounded(start.residentMiB, 1)} MiB resident, ${rounded(start.heapMiB, 1)} MiB heap`,
    `speed: ${rounded(total)} sessions/s`,
    `growth from the second to the last round: resident ${grown(growth.resident)}, heap ${grown(growth.heap)}; target for resident at most ${percent(TARGET)}: ${growth.resident.part <= TARGET ? 'met' : 'missed'}`, '',
    countsTable(checks), '', ...factLines(facts), '',
  ].join('\n');
}

async function run(stage, options) {
  const tell = (text) => options.json || process.stderr.write(`bench: ${text}\n`);
  const [before] = loadavg();
  const logLevel = process.env.STINT_LOG_LEVEL ?? 'info';
  tell('starting the database and the server');
  await stage.open({ main: options.server, logLevel, collects: true });
  const start = await rest(stage);
  const rows = await measureAll(stage, options, tell);
  const checks = await stage.checkRows();
  const facts = { ...circumstances(stage, { logLevel, before }), disk: `${rounded(await stage.databaseMiB())} MiB of database, ${rounded(stage.logMiB)} MiB of log` };
  const result = { facts, rows, start, growth: growthOf(rows), checks };
  process.stdout.write(options.json ? `${JSON.stringify(result, undefined, 2)}\n` : report(result));
  requireEqual(checks);
}

async function main() {
  const options = optionsOf(process.argv.slice(2));
  if (options.help) process.stdout.write(USAGE);
  else await onStage((stage) => run(stage, options));
}

main().catch((error) => {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
});
