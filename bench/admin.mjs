// Measures whether the administration of an account becomes slower with what the account has: see docs/performance.md.
import { loadavg } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { Secret } from '../dist/src/domain/secret.js';
import { formOf, prepared, rest } from './client.mjs';
import { circumstances, countsTable, factLines, requireEqual, rounded, table } from './report.mjs';
import { onStage } from './stage.mjs';

const USAGE = `Usage: npm run bench:admin -- [options]
  --counts LIST     roles of each account, 100 to 10,000,000, in growing order (default 100,10000,1000000: some minutes, and
                    about 2 GB of disk)
  --rounds N        how often each call is measured, 5 to 10,000 (default 200)
  --server FILE     another build's dist/src/main.js
  --json            print one JSON document instead of tables
STINT_LOG_LEVEL is handed to the server; by default it logs as it always does (info).
`;
/** Entries of a page: few enough for a first, a middle and a last page of their own in the smallest account. */
const PAGE = 20;
/** How many roles of each account are asked for one by one: the same number in each, so that a node remembers as much of each. */
const ASKED = 100;
/** Rows of one INSERT. */
const BATCH = 50_000;
/** The median in the largest account may be so many times that in the smallest. */
const TARGET = 1.5;
/** Rounds that are not counted: of each call, and of one before anything is measured, until the compiler has seen enough of the server. */
const WARM_UP = 20;
const FIRST_ROUNDS = 300;

function optionsOf(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      counts: { type: 'string', default: '100,10000,1000000' },
      rounds: { type: 'string', default: '200' },
      server: { type: 'string', default: path.join(import.meta.dirname, '../dist/src/main.js') },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const options = { ...values, counts: values.counts.split(',').map(Number), rounds: Number(values.rounds) };
  const isCount = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;
  const grows = options.counts.every((count, index) => index === 0 || count > options.counts[index - 1]);
  if (!options.counts.every((count) => isCount(count, ASKED, 10_000_000)) || !grows) throw new Error(`--counts takes growing whole numbers from ${ASKED} to 10000000`);
  if (!isCount(options.rounds, 5, 10_000)) throw new Error('--rounds takes a whole number from 5 to 10000');
  return options;
}

const nameOf = (number) => `role${String(number).padStart(8, '0')}`;
const markerOf = (...key) => Buffer.from(JSON.stringify(key)).toString('base64url');

/** An account with roles, each of which has an inline policy; they are inserted, for a quota would stop who makes them by calls. */
async function accountWith(stage, count) {
  const made = await rest({ url: stage.url, keys: stage.root, route: 'POST /v1/accounts', body: { accountName: `${count} roles` } });
  const { accountId } = made.account;
  const trust = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }] });
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: ['s3:GetObject', 's3:ListBucket'], Resource: ['arn:aws:s3:::reports', 'arn:aws:s3:::reports/*'] }] });
  for (let from = 1; from <= count; from += BATCH) {
    const to = Math.min(count, from + BATCH - 1);
    await stage.client.query(
      `INSERT INTO role (role_id, account_id, role_name, name_key, path, max_session_duration, trust_policy, trust_principals, tags, created_at)
       SELECT 'AROA' || $1 || lpad(n::text, 8, '0'), $1, 'role' || lpad(n::text, 8, '0'), 'role' || lpad(n::text, 8, '0'), '/', 3600, $2, '{}', '[]', now() FROM generate_series($3::int, $4::int) AS n`,
      [accountId, trust, from, to],
    );
    await stage.client.query(
      `INSERT INTO inline_policy (owner_id, policy_name, role_id, document)
       SELECT 'AROA' || $1 || lpad(n::text, 8, '0'), 'own', 'AROA' || $1 || lpad(n::text, 8, '0'), $2 FROM generate_series($3::int, $4::int) AS n`,
      [accountId, policy, from, to],
    );
    await stage.pause(0);
  }
  const { accessKeyId, secretAccessKey } = made.rootAccessKey;
  return { count, keys: { accessKeyId, secret: Secret.of(secretAccessKey) } };
}

/** The role, of those that are asked for, that is the next in a round: they lie evenly over the account. */
const asked = ({ count }, round) => nameOf(1 + Math.floor(((round % ASKED) * count) / ASKED));

/** After which entry a page begins; none for the first one. */
const places = {
  first: () => undefined,
  middle: ({ count }) => nameOf(Math.floor(count / 2)),
  last: ({ count }) => nameOf(count - PAGE),
};

/** A call that answers a page, which must have exactly as many entries as every other page, and say rightly whether it is the last. */
function page(action, key, place) {
  return {
    title: `${action}, ${place} page`,
    isJudged: true,
    parameters: (account) => {
      const after = places[place](account);
      return { Action: action, MaxItems: String(PAGE), ...(after !== undefined && { Marker: markerOf(...key(after)) }) };
    },
    check: (xml) => xml.match(/<RoleId>/g)?.length === PAGE && xml.includes(`<IsTruncated>${String(place !== 'last')}</IsTruncated>`),
  };
}

const details = (after) => ['Role', after];
const CALLS = [
  // The first round of all: no node has heard of these roles yet.
  { title: 'GetRole, for the first time', isJudged: true, rounds: ASKED, isCold: true, parameters: (account, round) => ({ Action: 'GetRole', RoleName: asked(account, round) }), check: (xml, account, round) => xml.includes(`<RoleName>${asked(account, round)}</RoleName>`) },
  { title: 'GetRole, again', isJudged: true, parameters: (account, round) => ({ Action: 'GetRole', RoleName: asked(account, round) }), check: (xml, account, round) => xml.includes(`<RoleName>${asked(account, round)}</RoleName>`) },
  ...Object.keys(places).map((place) => page('ListRoles', (after) => [after], place)),
  ...Object.keys(places).map((place) => page('GetAccountAuthorizationDetails', details, place)),
  { title: 'GetAccountSummary', isJudged: false, parameters: () => ({ Action: 'GetAccountSummary' }), check: (xml, { count }) => xml.includes(`<entry><key>Roles</key><value>${count}</value></entry>`) },
];

/** One call, in milliseconds; signing and reading the answer are not counted. */
async function timed(stage, { call, account, round, counted }) {
  const parameters = call.parameters(account, round);
  const send = prepared({ url: stage.url, keys: account.keys, service: 'iam', form: formOf('iam', parameters) });
  const from = performance.now();
  const xml = await send();
  const milliseconds = performance.now() - from;
  counted.set(parameters.Action, (counted.get(parameters.Action) ?? 0) + 1);
  if (!call.check(xml, account, round)) throw new Error(`${call.title}: not the answer that was expected: ${xml.slice(0, 200)}`);
  return milliseconds;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Medians of a call in each account. The accounts take turns within every round, so that whatever the machine does falls on all. */
async function measure(stage, { call, accounts, options, counted }) {
  const times = accounts.map(() => []);
  const rounds = call.rounds ?? options.rounds;
  const warmUp = call.isCold ? 0 : WARM_UP;
  for (let round = -warmUp; round < rounds; round += 1) {
    for (let turn = 0; turn < accounts.length; turn += 1) {
      const index = (turn + round + warmUp) % accounts.length;
      const milliseconds = await timed(stage, { call, account: accounts[index], round: round + warmUp, counted });
      if (round >= 0) times[index].push(milliseconds);
    }
    if (round % 50 === 0) await stage.pause(0);
  }
  const medians = times.map(median);
  return { title: call.title, isJudged: call.isJudged, rounds, medians, ratios: medians.map((value) => value / medians[0]) };
}

/** What was answered beside the events of it; reads are recorded behind their answers. */
async function checksOf(stage, counted) {
  for (let attempt = 0; ; attempt += 1) {
    const { rows } = await stage.client.query("SELECT event_name AS name, count(*)::int AS count FROM audit_event WHERE outcome = 'success' GROUP BY 1");
    const found = new Map(rows.map(({ name, count }) => [name, count]));
    const checks = [...counted].map(([name, answered]) => ({ name, answered, recorded: found.get(name) ?? 0, equal: answered === found.get(name) }));
    if (attempt === 50 || checks.every(({ equal }) => equal)) return checks;
    await stage.pause(100);
  }
}

function verdict({ isJudged, ratios }) {
  if (!isJudged) return '';
  return ratios.every((ratio) => ratio <= TARGET) ? 'met' : 'missed';
}

function report({ facts, rows, checks, counts }) {
  const header = ['median ms', ...counts.map((count) => `${rounded(count)} roles`), ...counts.slice(1).map((count) => `ratio ${rounded(count)}`), `≤ ${TARGET}`];
  const lines = rows.map((row) => [row.title, ...row.medians.map((value) => rounded(value, 2)), ...row.ratios.slice(1).map((ratio) => rounded(ratio, 2)), verdict(row)]);
  return [
    '', table(header, lines), '',
    `a page has ${PAGE} entries; ratios are to the account with ${rounded(counts[0])} roles, measured in turn in the same run;`,
    'GetAccountSummary counts exactly, so what it costs grows, and it has no target.', '',
    countsTable(checks), '', ...factLines(facts), '',
  ].join('\n');
}

async function run(stage, options) {
  const tell = (text) => options.json || process.stderr.write(`bench: ${text}\n`);
  const [before] = loadavg();
  const logLevel = process.env.STINT_LOG_LEVEL ?? 'info';
  tell('starting the database and the server');
  await stage.open({ main: options.server, logLevel });
  const accounts = [];
  for (const count of options.counts) {
    tell(`an account with ${rounded(count)} roles`);
    accounts.push(await accountWith(stage, count));
  }
  tell('what autovacuum and checkpoints would do later');
  await stage.client.query('VACUUM ANALYZE');
  await stage.client.query('CHECKPOINT');
  const counted = new Map();
  tell('warming up');
  const warming = CALLS.find(({ title }) => title === 'GetAccountAuthorizationDetails, first page');
  for (let round = 0; round < FIRST_ROUNDS; round += 1) await timed(stage, { call: warming, account: accounts[round % accounts.length], round, counted });
  const rows = [];
  for (const call of CALLS) {
    tell(call.title);
    rows.push(await measure(stage, { call, accounts, options, counted }));
  }
  const checks = await checksOf(stage, counted);
  const facts = { ...circumstances(stage, { logLevel, before }), rounds: String(options.rounds), disk: `${rounded(await stage.databaseMiB())} MiB of database` };
  const result = { facts, rows, checks, counts: options.counts };
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
