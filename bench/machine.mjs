// What the machine did meanwhile: processor time of our processes and of everybody else's, and what fsync costs.
// Linux tells; elsewhere these columns stay empty.
import { closeSync, fdatasyncSync, openSync, readdirSync, readFileSync, rmSync, statfsSync, writeSync } from 'node:fs';
import path from 'node:path';

const TMPFS = 0x01021994;
/** Units of /proc/…/stat, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name is in parentheses and may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // Time of the process, and of its children that have ended.
    return { parent: Number(fields[1]), ticks: fields.slice(11, 15).reduce((sum, part) => sum + Number(part), 0) };
  } catch {
    return undefined;
  }
}

/** Processor seconds of a process and its living children. */
function secondsOf(pid) {
  const own = statOf(pid);
  if (own === undefined) return undefined;
  let ticks = own.ticks;
  for (const name of readdirSync('/proc')) {
    const child = /^\d+$/.test(name) ? statOf(name) : undefined;
    if (child?.parent === pid) ticks += child.ticks;
  }
  return ticks / TICKS_PER_SECOND;
}

function wholeMachine() {
  try {
    const [user, nice, system, idle, wait, irq, softirq, steal] = /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))[1].split(' ').map(Number);
    const busy = user + nice + system + irq + softirq;
    return { busy: busy / TICKS_PER_SECOND, steal: steal / TICKS_PER_SECOND, total: (busy + idle + wait + steal) / TICKS_PER_SECOND };
  } catch {
    return undefined;
  }
}

/** A reading of the clocks; `pids` by name. */
export function reading(pids) {
  const machine = wholeMachine();
  if (machine === undefined) return undefined;
  return { machine, seconds: Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, secondsOf(pid) ?? 0])) };
}

/** What happened between two readings: processor seconds by name, and the machine's share that went to others or was stolen. */
export function between(before, after) {
  if (before === undefined || after === undefined) return undefined;
  const seconds = Object.fromEntries(Object.entries(after.seconds).map(([name, value]) => [name, value - (before.seconds[name] ?? 0)]));
  const ours = Object.values(seconds).reduce((sum, value) => sum + value, 0);
  const total = after.machine.total - before.machine.total;
  return {
    seconds,
    others: Math.max(0, (after.machine.busy - before.machine.busy - ours) / total),
    steal: (after.machine.steal - before.machine.steal) / total,
  };
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid) {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  } catch {
    return undefined;
  }
}

/** The median time of writing 8 KiB and having them on disk, in milliseconds; where it is almost nothing, durability was not measured. */
export function fsyncMilliseconds(folder) {
  const file = path.join(folder, 'fsync');
  const descriptor = openSync(file, 'w', 0o600);
  const times = [];
  try {
    for (let round = 0; round < 100; round += 1) {
      const start = performance.now();
      writeSync(descriptor, Buffer.alloc(8_192, round), 0, 8_192, (round % 16) * 8_192);
      fdatasyncSync(descriptor);
      times.push(performance.now() - start);
    }
  } finally {
    closeSync(descriptor);
    rmSync(file);
  }
  return times.sort((a, b) => a - b)[50];
}

/** Whether files in a folder are only in memory. */
export function isInMemory(folder) {
  return statfsSync(folder).type === TMPFS;
}
