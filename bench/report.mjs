// What a run prints: numbers, tables, and the circumstances they were taken in.
import { cpus, loadavg } from 'node:os';

/** A number with a fixed count of digits behind the point; nothing for what was not measured. */
export const rounded = (value, digits = 0) => (value === undefined ? '' : value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits }));

/** A part as percent. */
export const percent = (value, digits = 0) => (value === undefined ? '' : `${rounded(value * 100, digits)} %`);

/** A table in Markdown: the first column to the left, all others to the right. */
export function table(header, lines) {
  const widths = header.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column].length)));
  const row = (cells) => `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(' | ')} |`;
  return [row(header), `|${widths.map((width, column) => (column === 0 ? `:${'-'.repeat(width + 1)}` : `${'-'.repeat(width + 1)}:`)).join('|')}|`, ...lines.map(row)].join('\n');
}

/** What was answered beside what was recorded. */
export function countsTable(checks) {
  return table(['rows', 'answered', 'recorded'], checks.map((check) => [check.name, rounded(check.answered), rounded(check.recorded)]));
}

/** Throws where answers and rows differ. */
export function requireEqual(checks) {
  if (!checks.every((check) => check.equal)) throw new Error('answers and rows differ: something was answered that is not recorded, or the other way round');
}

/** What the numbers depend on; `before`: the load average when the run began. */
export function circumstances(stage, { logLevel, before }) {
  return {
    machine: `${cpus().length} processors (${cpus()[0]?.model ?? 'unknown'}), Node ${process.versions.node}, PostgreSQL ${stage.settings.version}`,
    'load average': `${rounded(before, 1)} before, ${rounded(loadavg()[0], 1)} after`,
    fsync: `${rounded(stage.fsyncMs, 2)} ms for 8 KiB${stage.inMemory ? ' (in memory: nothing durable was measured; set TMPDIR to a disk)' : ''}, synchronous_commit ${stage.settings.commit}`,
    'log level': `${logLevel}, to a file`,
  };
}

/** Circumstances as lines. */
export const factLines = (facts) => Object.entries(facts).map(([name, value]) => `${name}: ${value}`);
