import { execFileSync } from 'node:child_process';

/** A test where its precondition holds; else one that shows as skipped, and the reason is printed. */
export function itWhere(holds: boolean, reason: string): typeof it {
  if (holds) return it;
  process.stderr.write(`a test is skipped, because ${reason}\n`);
  return it.skip;
}

/** Whether a program is installed: it is run, with arguments that do nothing. */
export function runs(file: string, args: readonly string[]): boolean {
  try {
    execFileSync(file, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
