import { readFileSync } from 'node:fs';

import { catalogue, type ErrorRow } from '../../src/domain/errors.js';
import { environment, loadConfig } from '../../src/kernel/config.js';

describe('.env.example', () => {
  const lines = readFileSync('.env.example', 'utf8').split('\n');
  const listed = lines.flatMap((line, index) => {
    const [, name = '', value = ''] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
    return name === '' ? [] : [{ name, value, comment: commentAbove(index) }];
  });

  /** The comment lines that end right above a line, as one text. */
  function commentAbove(index: number): string {
    let first = index;
    while (lines[first - 1]?.startsWith('# ') === true) first -= 1;
    return lines.slice(first, index).map((line) => line.slice(2)).join(' ');
  }

  it('lists every variable that Stint reads, in the same order, and no other', () => {
    expect(listed.map(({ name }) => name)).toEqual(Object.keys(environment.shape));
  });

  it('describes each in the words of the configuration', () => {
    const described = Object.entries(environment.shape).map(([name, schema]) => [name, schema.description]);
    expect(listed.map(({ name, comment }) => [name, comment])).toEqual(described);
  });

  it('holds the defaults: used as it is, it changes nothing', () => {
    const given = Object.fromEntries(listed.map(({ name, value }) => [name, value]));
    expect(loadConfig(given)).toEqual(loadConfig({}));
    const defaults: Partial<Record<string, string | number>> = environment.parse({});
    for (const { name, value } of listed) expect([name, value]).toEqual([name, String(defaults[name] ?? '')]);
  });
});

describe('docs/errors.md', () => {
  const rows = readFileSync('docs/errors.md', 'utf8')
    .split('\n')
    .filter((line) => /^\| `/.test(line))
    .map((line) => line.slice(2, -2).split(' | '));

  it('lists every code of the catalogue with its status, its fault, its name in events and its meaning, and no other', () => {
    const codes = Object.entries<ErrorRow>(catalogue).map(([code, row]) => [
      `\`${code}\``,
      row.restStatus === undefined ? String(row.status) : `${String(row.status)}, over REST ${String(row.restStatus)}`,
      row.fault,
      row.auditCode === undefined ? 'the same' : `\`${row.auditCode}\``,
      row.when,
    ]);
    expect(rows).toEqual(codes);
  });

  it('shows the three envelopes', () => {
    const text = readFileSync('docs/errors.md', 'utf8');
    for (const part of ['<ErrorResponse', 'application/problem+json', 'x-amzn-requestid', '"Error":']) expect(text).toContain(part);
  });
});
