// Measures how fast the policy engine decides, beside a loop that is as old as JavaScript, in one run on this machine:
// the ratio between the two can be compared between machines, and between builds.
import { cpus } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const USAGE = `Usage: npm run bench:policy -- [options]
  --seconds N      length of each measurement, 1 to 60 (default 2; a warm-up of half a second precedes each)
  --engine FOLDER  another build's dist/src/domain/policy
  --json           print one JSON document instead of a table
`;
const WARM_UP_SECONDS = 0.5;
const ROUNDS = 5;
const ACCOUNT = '111111111111';
const ROLE = `arn:aws:iam::${ACCOUNT}:role/app/target`;
const VERSION = '2012-10-17';

function optionsOf(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      seconds: { type: 'string', default: '2' },
      engine: { type: 'string', default: path.join(import.meta.dirname, '../dist/src/domain/policy') },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const seconds = Number(values.seconds);
  if (!(seconds >= 1 && seconds <= 60)) throw new Error('--seconds takes a number from 1 to 60');
  return { ...values, seconds };
}

const load = (folder, file) => import(pathToFileURL(path.resolve(folder, file)).href);

const facts = { kind: 'assumed-role', account: ACCOUNT, arn: `arn:aws:sts::${ACCOUNT}:assumed-role/dev/ci`, principalArn: `arn:aws:iam::${ACCOUNT}:role/dev`, uniqueId: 'AROADEV1' };
const context = new Map([
  ['aws:currenttime', '2026-01-01T00:00:00.000Z'],
  ['aws:sourceip', '192.0.2.17'],
  ['aws:securetransport', 'true'],
  ['aws:principalarn', facts.principalArn],
  ['aws:principaltag/team', 'red'],
  ['aws:tagkeys', ['team', 'stage']],
]);
const request = (action, resource) => ({ principal: facts, action, resource, resourceAccount: ACCOUNT, context });

/** Twenty statements with conditions of every kind; only the last one of the last policy allows. */
function statements(policy, isLast) {
  return Array.from({ length: 20 }, (_, index) => ({
    Effect: 'Allow',
    Action: [`s3:Get*${policy}`, 'sqs:SendMessage', 'iam:*User'],
    Resource: [`arn:aws:iam::${ACCOUNT}:user/team-${policy}/*`, `arn:aws:iam::${ACCOUNT}:user/\${aws:PrincipalTag/team}/*`],
    Condition: {
      IpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '192.0.2.0/24'] },
      DateGreaterThan: { 'aws:CurrentTime': '2020-01-01T00:00:00Z' },
      'ForAllValues:StringLike': { 'aws:TagKeys': ['te*', 'st*'] },
      Bool: { 'aws:SecureTransport': isLast && index === 19 ? 'true' : 'false' },
    },
  }));
}

/** A trust policy of 10 kB with 200 principals; the caller's role is the last of them. */
function trustDocument() {
  const names = Array.from({ length: 199 }, (_, index) => `arn:aws:iam::${ACCOUNT}:user/teams/u-${1000 + index}`);
  return { Version: VERSION, Statement: { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { AWS: [...names, facts.principalArn] } } };
}

function cases({ evaluate, parseIdentityPolicy, parseTrustPolicy }) {
  const named = (document, index) => ({ id: String(index), document: parseIdentityPolicy(JSON.stringify(document)) });
  const one = [{ Version: VERSION, Statement: { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: ROLE } }].map(named);
  const many = Array.from({ length: 10 }, (_, index) => ({ Version: VERSION, Statement: statements(index, index === 9) })).map(named);
  const trusted = trustDocument();
  const principalIds = new Map(trusted.Statement.Principal.AWS.map((arn, index) => [arn, arn === facts.principalArn ? facts.uniqueId : `AIDA${index}`]));
  const trust = { id: 'trust', document: parseTrustPolicy(JSON.stringify(trusted)), principalIds };
  const assume = request('sts:AssumeRole', ROLE);
  const change = request('iam:UpdateUser', `arn:aws:iam::${ACCOUNT}:user/red/alice`);
  return [
    { name: '1 statement', decide: () => evaluate(assume, { identity: one }) },
    { name: '10 policies of 20 statements with conditions', decide: () => evaluate(change, { identity: many }) },
    { name: `trust policy of ${(JSON.stringify(trusted).length / 1000).toFixed(1)} kB with 200 principals`, decide: () => evaluate(assume, { identity: [], trust }) },
  ];
}

/** The yardstick: a text is split and its parts are looked up in a Map. */
function baseline() {
  const known = new Map(ROLE.split(':').map((part, index) => [part, index]));
  let sum = 0;
  const decide = () => {
    for (const part of ROLE.split(':')) sum += known.get(part) ?? 0;
    return { allowed: sum > 0 };
  };
  return { name: 'yardstick: split an ARN, look its parts up', decide };
}

/** Decisions of one batch take long enough for the clock: about 50 microseconds. */
function batchSize(decide) {
  const from = performance.now();
  let count = 0;
  while (performance.now() - from < WARM_UP_SECONDS * 1000) {
    if (!decide().allowed) throw new Error('the decision is not the expected one');
    count += 1;
  }
  return Math.max(1, Math.round((count * 0.05) / (WARM_UP_SECONDS * 1000)));
}

/** Microseconds of a decision, for every batch that fits into the time. */
function timed({ decide, size }, seconds) {
  const samples = [];
  const until = performance.now() + seconds * 1000;
  for (let now = performance.now(); now < until; ) {
    for (let index = 0; index < size; index += 1) decide();
    const end = performance.now();
    samples.push(((end - now) * 1000) / size);
    now = end;
  }
  return samples;
}

/** All of them in turn, several times: what else the machine does then falls on each alike. */
function measure(measured, seconds) {
  const runs = measured.map((one) => ({ ...one, size: batchSize(one.decide), samples: [] }));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const run of runs) for (const sample of timed(run, seconds / ROUNDS)) run.samples.push(sample);
  }
  return runs.map(({ name, size, samples }) => {
    const sorted = samples.toSorted((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
    return { name, batch: size, perSecond: Math.round(1e6 / mean), p50: at(0.5), p99: at(0.99) };
  });
}

async function main() {
  const options = optionsOf(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(USAGE);
    return;
  }
  const [{ evaluate }, parsers] = await Promise.all([load(options.engine, 'evaluate.js'), load(options.engine, 'document.js')]);
  const rows = measure([baseline(), ...cases({ evaluate, ...parsers })], options.seconds);
  const table = rows.map((row) => ({ ...row, ratio: row.p50 / rows[0].p50 }));
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ node: process.version, cpu: cpus()[0]?.model, rows: table }, null, 2)}\n`);
    return;
  }
  const micro = (value) => value.toFixed(2).padStart(9);
  process.stdout.write(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown processor'}\n\n`);
  process.stdout.write(`${'decision'.padEnd(50)}${'per second'.padStart(12)}${'p50 µs'.padStart(9)}${'p99 µs'.padStart(9)}${'× yardstick'.padStart(13)}\n`);
  for (const { name, perSecond, p50, p99, ratio } of table) {
    process.stdout.write(`${name.padEnd(50)}${String(perSecond).padStart(12)}${micro(p50)}${micro(p99)}${ratio.toFixed(1).padStart(13)}\n`);
  }
  process.stdout.write('\nTimes are means of batches of about 50 µs; p99 is that of the batches.\n');
}

await main();
