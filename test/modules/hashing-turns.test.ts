import { HashingTurns } from '../../src/identities/hashing-turns.js';

/** Work that is under way until it is told to end. */
class Work {
  begun = false;
  readonly result: Promise<string>;
  end!: (result: string) => void;
  fail!: (error: Error) => void;

  constructor(turns: HashingTurns, account: string) {
    const ending = new Promise<string>((resolve, reject) => {
      this.end = resolve;
      this.fail = reject;
    });
    this.result = turns.take(account, () => {
      this.begun = true;
      return ending;
    });
    this.result.catch(() => undefined);
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const FULL = { code: 'ServiceUnavailable', message: 'Too many passwords are being checked. Repeat the request in a moment.' };

describe('passwords that are hashed', () => {
  let turns: HashingTurns;
  const begin = (count: number, account = 'a'): Work[] => Array.from({ length: count }, () => new Work(turns, account));
  const begun = (work: readonly Work[]): boolean[] => work.map((one) => one.begun);
  beforeEach(() => {
    turns = new HashingTurns();
  });

  it('are so two at a time, in the order in which they came', async () => {
    const work = begin(5);
    await settled();
    expect(begun(work)).toEqual([true, true, false, false, false]);
    work[1]!.end('second');
    await expect(work[1]!.result).resolves.toBe('second');
    await settled();
    expect(begun(work)).toEqual([true, true, true, false, false]);
    work[0]!.end('first');
    await settled();
    expect(begun(work)).toEqual([true, true, true, true, false]);
  });

  it('make room for the next ones although they fail', async () => {
    const work = begin(4);
    for (const one of work.slice(0, 2)) one.fail(new Error('no memory'));
    await expect(work[0]!.result).rejects.toThrow('no memory');
    await settled();
    expect(begun(work)).toEqual([true, true, true, true]);
    for (const one of work) one.end('done');
    await settled();
    const more = begin(2);
    await settled();
    expect(begun(more)).toEqual([true, true]);
  });

  it('are not let in before those that wait', async () => {
    const [first, second, third] = begin(3);
    first!.end('done');
    await first!.result;
    const late = new Work(turns, 'a');
    await settled();
    expect(begun([second!, third!, late])).toEqual([true, true, false]);
  });

  it('wait in a queue of sixteen for each account, and are refused beyond, while other accounts are not', async () => {
    const work = begin(18);
    const [beyond] = begin(1);
    await expect(beyond!.result).rejects.toMatchObject(FULL);
    const [other] = begin(1, 'b');
    for (const one of work) one.end('done');
    other!.end('done');
    await expect(Promise.all([...work, other!].map((one) => one.result))).resolves.toHaveLength(19);
  });

  it('wait in a queue of 64 altogether', async () => {
    const work = [...begin(2), ...['a', 'b', 'c', 'd'].flatMap((account) => begin(16, account))];
    const [beyond] = begin(1, 'e');
    await expect(beyond!.result).rejects.toMatchObject(FULL);
    for (const one of work) one.end('done');
    await expect(Promise.all(work.map((one) => one.result))).resolves.toHaveLength(66);
  });
});
