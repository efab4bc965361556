import { randomBytes, randomUUID } from 'node:crypto';

/** Reads the time. The only source of "now" in Stint, so that tests can hold it still. */
export abstract class Clock {
  /** The wall clock. */
  abstract now(): Date;
  /** Milliseconds of a clock that never jumps, for ages and durations. */
  abstract elapsed(): number;
}

/** Produces unpredictable bytes. The only source of entropy in Stint. */
export abstract class Random {
  /** `count` bytes, 1–65536, that nobody has seen before and nobody else will. */
  abstract bytes(count: number): Buffer;
  /** A random (version 4) UUID. */
  abstract uuid(): string;
}

/** The machine's clock. */
export class SystemClock extends Clock {
  override now(): Date {
    return new Date();
  }

  override elapsed(): number {
    return performance.now();
  }
}

const POOL_BYTES = 65_536;

/**
 * The operating system's entropy, drawn in blocks of 64 KiB: one system call for some thousand credentials
 * instead of several for each. Bytes are cleared from the block as they are handed out.
 */
export class SystemRandom extends Random {
  #pool = Buffer.alloc(0);
  #next = 0;

  override bytes(count: number): Buffer {
    if (!Number.isInteger(count) || count < 1 || count > POOL_BYTES) {
      throw new RangeError(`bytes() takes 1 to ${String(POOL_BYTES)}, got ${String(count)}`);
    }
    if (this.#next + count > this.#pool.length) {
      this.#pool = randomBytes(POOL_BYTES);
      this.#next = 0;
    }
    const end = this.#next + count;
    const taken = Buffer.from(this.#pool.subarray(this.#next, end));
    this.#pool.fill(0, this.#next, end);
    this.#next = end;
    return taken;
  }

  override uuid(): string {
    return randomUUID();
  }
}
