import { Turns } from '../../src/kernel/turns.js';

const FULL = new Error('full');
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('turns', () => {
  let begun: string[];
  let ends: Map<string, () => void>;
  let turns: Turns;
  beforeEach(() => {
    [begun, ends] = [[], new Map()];
    turns = new Turns({ running: 3, runningEach: 2, waiting: 6, waitingEach: 3 }, () => FULL);
  });
  /** Asks for turns, such as `a1` for account a; what is for nobody begins with a dash. */
  const ask = (...names: readonly string[]): Promise<void>[] =>
    names.map((name) => {
      const ending = new Promise<void>((resolve) => ends.set(name, resolve));
      return turns.take(name.startsWith('-') ? undefined : name.slice(0, 1), () => {
        begun.push(name);
        return ending;
      });
    });
  async function end(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      ends.get(name)!();
      await settled();
    }
  }

  it('are given to some at once, and to fewer of one account', async () => {
    void ask('a1', 'a2', 'a3', 'b1', 'b2');
    await settled();
    expect(begun).toEqual(['a1', 'a2', 'b1']);
    await end('b1');
    expect(begun).toEqual(['a1', 'a2', 'b1', 'b2']);
    await end('b2');
    expect(begun).toEqual(['a1', 'a2', 'b1', 'b2']);
    await end('a1');
    expect(begun).toEqual(['a1', 'a2', 'b1', 'b2', 'a3']);
  });

  it('go from account to account, and within one by who came first', async () => {
    turns = new Turns({ running: 1, runningEach: 1, waiting: 9, waitingEach: 9 }, () => FULL);
    void ask('a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1');
    await end('a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4');
    expect(begun).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
  });

  it('are refused at once where too many wait, of one account or of all', async () => {
    void ask('a1', 'a2', 'a3', 'a4', 'a5');
    await expect(ask('a6')[0]).rejects.toBe(FULL);
    void ask('b1', 'b2', 'b3', 'c1');
    await expect(ask('c2')[0]).rejects.toBe(FULL);
    await end('a1');
    void ask('c2');
    await end('a2', 'b1', 'a3', 'b2', 'c1', 'a4', 'b3', 'c2', 'a5');
    expect(begun).toHaveLength(10);
  });

  it('have no bounds for one account where they are for none', async () => {
    void ask('-1', '-2', '-3', '-4', '-5', '-6', '-7', '-8', '-9');
    await settled();
    expect(begun).toEqual(['-1', '-2', '-3']);
    await expect(ask('-10')[0]).rejects.toBe(FULL);
    await end('-1', '-2');
    expect(begun).toEqual(['-1', '-2', '-3', '-4', '-5']);
  });

  it('are given back by what fails, and tell what it said', async () => {
    turns = new Turns({ running: 1, runningEach: 1, waiting: 1, waitingEach: 1 }, () => FULL);
    await expect(turns.take('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(turns.take('a', () => Promise.resolve('done'))).resolves.toBe('done');
  });
});
