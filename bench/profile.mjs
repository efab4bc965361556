// Reads what `--cpu-prof` wrote: which functions the time went to, by self time.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

function placeOf({ functionName, url, lineNumber }) {
  const file = url.replace(/^.*\/node_modules\//, '').replace(/^.*\/(?=dist\/)/, '');
  return `${functionName === '' ? '(anonymous)' : functionName} ${file}${lineNumber > 0 ? `:${lineNumber + 1}` : ''}`;
}

/** The functions with the most self time in the newest profile of a folder, as shares of the time that was not idle. */
export function hottest(folder, count) {
  const file = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile')).sort().at(-1);
  if (file === undefined) return [];
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
  const places = new Map(nodes.map((node) => [node.id, placeOf(node.callFrame)]));
  const spent = new Map();
  for (const [index, id] of samples.entries()) {
    const place = places.get(id);
    spent.set(place, (spent.get(place) ?? 0) + timeDeltas[index]);
  }
  spent.delete('(idle) ');
  const busy = [...spent.values()].reduce((sum, value) => sum + value, 0);
  return [...spent]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([place, value]) => ({ place, share: value / busy }));
}
