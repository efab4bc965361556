import { createHash } from 'node:crypto';

import { Clock, Random } from '../../src/kernel/effects.js';

/** A clock that stands still until it is moved. Ages are measured by the real one. */
export class FixedClock extends Clock {
  constructor(private at: Date) {
    super();
  }

  override now(): Date {
    return new Date(this.at);
  }

  override elapsed(): number {
    return performance.now();
  }

  advance(seconds: number): void {
    this.at = new Date(this.at.getTime() + seconds * 1000);
  }
}

/** Bytes that look random and are the same in every run. */
export class SeededRandom extends Random {
  private count = 0;

  constructor(private readonly seed: string) {
    super();
  }

  override bytes(count: number): Buffer {
    const blocks: Buffer[] = [];
    for (let length = 0; length < count; length += 32) {
      this.count += 1;
      blocks.push(createHash('sha256').update(`${this.seed}/${this.count}`).digest());
    }
    return Buffer.concat(blocks).subarray(0, count);
  }

  override uuid(): string {
    const bytes = this.bytes(16);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }
}
