// Measures the server beside a bare handler, in one run on this machine: see docs/performance.md.
import { loadavg, cpus } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { hottest } from './profile.mjs';
import { Stage } from './stage.mjs';

const USAGE = `Usage: npm run bench -- [options]
  --seconds N           length of each measurement, 1 to 60 (default 6; a warm-up of 2 precedes each)
  --connections LIST    such as 1,16,64 (default)
  --operations LIST     of GetCallerIdentity,AssumeRole (default: both)
  --server FILE         another build's dist/src/main.js
  --profile FOLDER      profile the server's processor time and print the hottest functions
  --json                print one JSON document instead of tables
STINT_LOG_LEVEL is handed to the server; by default it logs as it always does (info).
`;
const OPERATIONS = ['GetCallerIdentity', 'AssumeRole'];
const WARM_UP_SECONDS = 2;
/** How long each operation runs before anything is measured: until the compiler has seen enough of the server. */
const FIRST_SECONDS = 4;

function optionsOf(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      seconds: { type: 'string', default: '6' },
      connections: { type: 'string', default: '1,16,64' },
      operations: { type: 'string', default: OPERATIONS.join(',') },
      server: { type: 'string', default: path.join(import.meta.dirname, '../dist/src/main.js') },
      profile: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const options = { ...values, seconds: Number(values.seconds), connections: values.connections.split(',').map(Number), operations: values.operations.split(',') };
  const isCount = (value, most) => Number.isInteger(value) && value >= 1 && value <= most;
  if (!isCount(options.seconds, 60)) throw new Error('--seconds takes a whole number from 1 to 60');
  if (!options.connections.every((value) => isCount(value, 1_000))) throw new Error('--connections takes whole numbers from 1 to 1000');
  if (!options.operations.every((name) => OPERATIONS.includes(name))) throw new Error(`--operations takes ${OPERATIONS.join(' and ')}`);
  return options;
}

/** Ceiling, operation, ceiling, operation, ceiling: each operation between two readings of what the machine gives just then. */
async function measureAll(stage, options, tell) {
  const rows = [];
  for (const connections of options.connections) {
    const ceiling = () => measured(stage, { target: 'bare', operation: 'AssumeRole', connections }, options);
    tell(`${connections} connections: ceiling`);
    let before = await ceiling();
    for (const operation of options.operations) {
      tell(`${connections} connections: ${operation}`);
      const result = await measured(stage, { target: 'server', operation, connections }, options);
      const after = await ceiling();
      rows.push({ operation, connections, ...result, ...beside(result, before, after) });
      before = after;
    }
  }
  return rows;
}

/** Runs every operation for a while, so that the first number is not that of a cold server. */
async function warmUp(stage, options) {
  const rows = [];
  for (const operation of options.operations) {
    rows.push({ operation, ...(await measured(stage, { target: 'server', operation, connections: 16 }, { seconds: FIRST_SECONDS })) });
  }
  return rows;
}

async function measured(stage, what, options) {
  const result = await stage.measure({ ...what, seconds: options.seconds, warmupSeconds: WARM_UP_SECONDS });
  if (result.refused > 0) throw new Error(`${what.operation} was refused ${result.refused} times: ${result.firstRefusal}`);
  if (result.broken.length > 0) throw new Error(`${what.operation}: ${result.broken[0]}`);
  return result;
}

function beside(result, before, after) {
  const perSecond = (before.perSecond + after.perSecond) / 2;
  return {
    ratio: result.perSecond / perSecond,
    ceiling: { perSecond, before: before.perSecond, after: after.perSecond, p50: (before.p50 + after.p50) / 2, p99: (before.p99 + after.p99) / 2 },
  };
}

/** Every answer must have left its rows: sessions for credentials, and one event for each call. */
async function checkRows(stage, rows) {
  const succeeded = (operation) => rows.filter((row) => row.operation === operation).reduce((sum, row) => sum + row.succeeded, 0);
  const expected = Object.fromEntries(OPERATIONS.map((operation) => [operation, succeeded(operation)]));
  const answered = { session: expected.AssumeRole, ...expected };
  const found = await stage.rows(answered);
  return Object.entries(answered).map(([name, count]) => ({ name, answered: count, recorded: found[name] ?? 0, equal: count === (found[name] ?? 0) }));
}

const rounded = (value, digits = 0) => (value === undefined ? '' : value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits }));
const percent = (value) => (value === undefined ? '' : `${rounded(value * 100)} %`);

function table(header, lines) {
  const widths = header.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column].length)));
  const row = (cells) => `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(' | ')} |`;
  return [row(header), `|${widths.map((width, column) => (column === 0 ? `:${'-'.repeat(width + 1)}` : `${'-'.repeat(width + 1)}:`)).join('|')}|`, ...lines.map(row)].join('\n');
}

function report({ facts, rows, checks, hot }) {
  const perRequest = (row, name) => rounded(row.machine?.micros[name]);
  const speed = table(
    ['operation', 'connections', 'requests/s', 'p50 ms', 'p99 ms', 'ceiling/s', 'p50 ms', 'p99 ms', 'ratio', 'server µs', 'database µs', 'others'],
    rows.map((row) => [row.operation, String(row.connections), rounded(row.perSecond), rounded(row.p50, 2), rounded(row.p99, 2), rounded(row.ceiling.perSecond), rounded(row.ceiling.p50, 2), rounded(row.ceiling.p99, 2), percent(row.ratio), perRequest(row, 'server'), perRequest(row, 'database'), percent(row.machine?.others)]),
  );
  const counts = table(['rows', 'answered', 'recorded'], checks.map((check) => [check.name, rounded(check.answered), rounded(check.recorded)]));
  const lines = [
    '', speed, '',
    'ceiling: a bare node:http handler with the same bytes, mean of before and after; server, database: processor time per request;',
    'others: share of the machine that was busy with something else.', '', counts, '',
    ...Object.entries(facts).map(([name, value]) => `${name}: ${value}`), '',
  ];
  if (hot.length > 0) lines.push(table(['self time', 'share'], hot.map(({ place, share }) => [place, `${rounded(share * 100, 1)} %`])), '');
  return lines.join('\n');
}

async function run(stage, options) {
  const tell = (text) => options.json || process.stderr.write(`bench: ${text}\n`);
  const load = [loadavg()[0]];
  const logLevel = process.env.STINT_LOG_LEVEL ?? 'info';
  tell('starting the database and the server');
  await stage.open({ main: options.server, profile: options.profile, logLevel });
  const memory = [stage.serverMiB];
  tell('warming up');
  const first = await warmUp(stage, options);
  const rows = await measureAll(stage, options, tell);
  memory.push(stage.serverMiB);
  load.push(loadavg()[0]);
  const checks = await checkRows(stage, [...first, ...rows]);
  const facts = {
    machine: `${cpus().length} processors (${cpus()[0]?.model ?? 'unknown'}), Node ${process.versions.node}, PostgreSQL ${stage.settings.version}`,
    'load average': `${load.map((value) => rounded(value, 1)).join(' before, ')} after`,
    fsync: `${rounded(stage.fsyncMs, 2)} ms for 8 KiB${stage.inMemory ? ' (in memory: nothing durable was measured; set TMPDIR to a disk)' : ''}, synchronous_commit ${stage.settings.commit}`,
    'log level': `${logLevel}, to a file`,
    'server memory': `${memory.map((value) => `${rounded(value)} MiB`).join(' before, ')} after`,
  };
  if (options.profile !== undefined) await stage.endServer();
  const hot = options.profile === undefined ? [] : hottest(options.profile, 40);
  process.stdout.write(options.json ? `${JSON.stringify({ facts, rows, checks, hot }, undefined, 2)}\n` : report({ facts, rows, checks, hot }));
  if (!checks.every((check) => check.equal)) throw new Error('answers and rows differ: something was answered that is not recorded, or the other way round');
}

async function main() {
  const options = optionsOf(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(USAGE);
    return;
  }
  const stage = new Stage();
  process.on('exit', () => stage.killAll());
  // The first one ends the measurement and takes everything down in order; a second one does not wait.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      stage.abort();
      process.once(signal, () => process.exit(130));
    });
  }
  try {
    await run(stage, options);
  } finally {
    await stage.close();
  }
}

main().catch((error) => {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
});
