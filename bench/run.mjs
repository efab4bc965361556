// Measures the server beside a bare handler, in one run on this machine: see docs/performance.md.
import { loadavg } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { beside, read } from './ceiling.mjs';
import { OPERATIONS } from './operations.mjs';
import { hottest } from './profile.mjs';
import { circumstances, countsTable, factLines, percent, requireEqual, rounded, table } from './report.mjs';
import { compareRevocations } from './revocations.mjs';
import { onStage } from './stage.mjs';

const NAMES = Object.keys(OPERATIONS);
const SIGNED_WITH_SESSION = 'GetCallerIdentity+session';
const USAGE = `Usage: npm run bench -- [options]
  --seconds N           length of each measurement, 1 to 60 (default 6; a warm-up of 2 precedes each)
  --connections LIST    such as 1,16,64 (default)
  --operations LIST     of ${NAMES.join(',')} (default: all)
  --rounds N            how often 100,000 revocations come and go, 0 to 20 (default 3; each takes a minute or more; only with
                        ${SIGNED_WITH_SESSION}, at the largest number of connections)
  --server FILE         another build's dist/src/main.js
  --profile FOLDER      profile the server's processor time and print the hottest functions
  --json                print one JSON document instead of tables
STINT_LOG_LEVEL is handed to the server; by default it logs as it always does (info).
`;
/** How long each operation runs before anything is measured: until the compiler has seen enough of the server. */
const FIRST_SECONDS = 4;
/** What a session's request may reach among 100,000 revocations, of what it reaches without any. */
const TARGET = 0.9;

function optionsOf(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      seconds: { type: 'string', default: '6' },
      connections: { type: 'string', default: '1,16,64' },
      operations: { type: 'string', default: NAMES.join(',') },
      rounds: { type: 'string', default: '3' },
      server: { type: 'string', default: path.join(import.meta.dirname, '../dist/src/main.js') },
      profile: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const options = {
    ...values,
    seconds: Number(values.seconds),
    connections: values.connections.split(',').map(Number),
    operations: values.operations.split(','),
    rounds: Number(values.rounds),
  };
  const isCount = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;
  if (!isCount(options.seconds, 1, 60)) throw new Error('--seconds takes a whole number from 1 to 60');
  if (!options.connections.every((value) => isCount(value, 1, 1_000))) throw new Error('--connections takes whole numbers from 1 to 1000');
  if (!options.operations.every((name) => NAMES.includes(name))) throw new Error(`--operations takes ${NAMES.join(', ')}`);
  if (values.rounds === '' || !isCount(options.rounds, 0, 20)) throw new Error('--rounds takes a whole number from 0 to 20');
  return options;
}

/** Ceiling, operation, ceiling, all with the same bytes: each operation between two readings of what the machine gives just then. */
async function measureAll(stage, options, tell) {
  const rows = [];
  for (const connections of options.connections) {
    for (const operation of options.operations) {
      tell(`${connections} connections: ${operation}`);
      const requests = await stage.requests(operation, connections);
      const before = await read(stage, { target: 'bare', requests }, options);
      const result = await read(stage, { target: 'server', requests }, options);
      const after = await read(stage, { target: 'bare', requests }, options);
      rows.push({ operation, connections, ...result, ...beside(result, before, after) });
    }
  }
  return rows;
}

/** Runs every operation for a while, so that the first number is not that of a cold server. */
async function warmUp(stage, options) {
  for (const operation of options.operations) {
    await read(stage, { target: 'server', requests: await stage.requests(operation, 16) }, { seconds: FIRST_SECONDS });
  }
}

const speedHeader = ['connections', 'requests/s', 'p50 ms', 'p99 ms', 'ceiling/s', 'p50 ms', 'p99 ms', 'ratio', 'server µs', 'database µs', 'others'];
const speedCells = (row) => [
  String(row.connections),
  rounded(row.perSecond),
  rounded(row.p50, 2),
  rounded(row.p99, 2),
  rounded(row.ceiling.perSecond),
  rounded(row.ceiling.p50, 2),
  rounded(row.ceiling.p99, 2),
  percent(row.ratio),
  rounded(row.machine?.micros.server),
  rounded(row.machine?.micros.database),
  percent(row.machine?.others),
];

/** The readings with and without revocations, their medians, and what became of the target. */
function revocationLines({ rows, medians, quotient }) {
  const lines = (chosen, name) => chosen.map((row) => [name(row), ...speedCells(row)]);
  const all = [...lines(rows, (row) => rounded(row.revocations)), ...lines(medians, (row) => `${rounded(row.revocations)}, median of ${row.readings}`)];
  return [
    `${OPERATIONS[SIGNED_WITH_SESSION].title}, by live revocations in the node's view:`, '',
    table(['revocations', ...speedHeader], all), '',
    `ratio of the medians: ${rounded(quotient.perSecond, 3)} of the requests/s, ${rounded(quotient.besideCeiling, 3)} beside the ceiling; target above ${TARGET}: ${quotient.perSecond > TARGET ? 'met' : 'missed'}`, '',
  ];
}

function report({ facts, rows, revocations, checks, hot }) {
  const speed = table(['operation', ...speedHeader], rows.map((row) => [OPERATIONS[row.operation].title, ...speedCells(row)]));
  const lines = [
    '', speed, '',
    'ceiling: a bare node:http handler with the same bytes, mean of before and after; server, database: processor time per request;',
    'others: share of the machine that was busy with something else.', '',
    ...(revocations === undefined ? [] : revocationLines(revocations)),
    countsTable(checks), '', ...factLines(facts), '',
  ];
  if (hot.length > 0) lines.push(table(['self time', 'share'], hot.map(({ place, share }) => [place, `${rounded(share * 100, 1)} %`])), '');
  return lines.join('\n');
}

async function run(stage, options) {
  const tell = (text) => options.json || process.stderr.write(`bench: ${text}\n`);
  const [before] = loadavg();
  const logLevel = process.env.STINT_LOG_LEVEL ?? 'info';
  tell('starting the database and the server');
  await stage.open({ main: options.server, profile: options.profile, logLevel });
  const memory = [await stage.serverMiB()];
  tell('warming up');
  await warmUp(stage, options);
  const rows = await measureAll(stage, options, tell);
  const isCompared = options.rounds > 0 && options.operations.includes(SIGNED_WITH_SESSION);
  const revocations = isCompared ? await compareRevocations(stage, options, tell) : undefined;
  memory.push(await stage.serverMiB());
  const checks = await stage.checkRows();
  const facts = { ...circumstances(stage, { logLevel, before }), 'server memory': `${memory.map((value) => `${rounded(value)} MiB`).join(' before, ')} after` };
  if (options.profile !== undefined) await stage.endServer();
  const hot = options.profile === undefined ? [] : hottest(options.profile, 40);
  const result = { facts, rows, revocations, checks, hot };
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
