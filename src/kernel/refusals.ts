import { hash } from 'node:crypto';

import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import { allowanceAt, oneLess, waitFor, type Allowance, type Rate } from '../domain/allowance.js';
import { Clock } from './effects.js';

/** Who was refused, and in which account's tables that would be written. */
export interface RefusedBy {
  readonly account: string;
  /** By which way he comes: one provider, the sign-in, another account. */
  readonly door: string;
  /** Who he is there, by what he cannot choose himself. */
  readonly subject: string;
}

/** What is known of a door: what is left of its allowance, and how many refusals it could not pay for. */
interface Door {
  allowance: Allowance;
  unrecorded: number;
}

/** Refusals of one subject, and of all that come by one door. */
const SUBJECT: Rate = { burst: 20, everyMs: 10_000 };
const DOOR: Rate = { burst: 200, everyMs: 1_000 };
/** How many of each a node remembers. A subject who is forgotten is whole again; his door still holds. */
const REMEMBERED_MAX = 20_000;

/**
 * How many refusals may be written about those whom an account does not know: whoever a public issuer signs for could
 * fill its log by being refused. Each node counts for itself, in memory; who is let in is never counted.
 */
@Injectable()
export class RefusalAllowance {
  readonly #subjects = new LRUCache<string, Allowance>({ max: REMEMBERED_MAX });
  readonly #doors = new LRUCache<string, Door>({ max: REMEMBERED_MAX });

  constructor(private readonly clock: Clock) {}

  /**
   * Takes one refusal from the allowance of a subject and that of his door: answers zero, or how long there is none, in
   * milliseconds; then nothing is taken, and one more is counted as not recorded. It is as of now: a request that took its time came before others
   * that were quicker, and would give back to them what time had not.
   */
  take(by: RefusedBy): number {
    const now = this.clock.now().getTime();
    const door = this.#doorOf(by, now);
    door.allowance = allowanceAt(door.allowance, DOOR, now);
    const waitAtDoor = waitFor(door.allowance, DOOR, now);
    // Nobody is remembered whom the door turns away, so what is remembered grows no faster than what is written.
    const wait = waitAtDoor > 0 ? waitAtDoor : this.#takeFromSubject(by, now);
    if (wait > 0) door.unrecorded += 1;
    else door.allowance = oneLess(door.allowance, DOOR);
    return wait;
  }

  /** How many refusals by a door were not recorded since this was asked last: whoever asks records it, or gives it back. */
  takeUnrecorded(by: RefusedBy): number {
    const door = this.#doors.get(nameOfDoor(by));
    if (door === undefined) return 0;
    const { unrecorded } = door;
    door.unrecorded = 0;
    return unrecorded;
  }

  /** Takes back a `takeUnrecorded` of which nothing was recorded. */
  giveBackUnrecorded(by: RefusedBy, count: number): void {
    if (count > 0) this.#doorOf(by, this.clock.now().getTime()).unrecorded += count;
  }

  #takeFromSubject(by: RefusedBy, now: number): number {
    const name = nameOf([by.account, by.door, by.subject]);
    const allowance = allowanceAt(this.#subjects.get(name), SUBJECT, now);
    const wait = waitFor(allowance, SUBJECT, now);
    this.#subjects.set(name, wait > 0 ? allowance : oneLess(allowance, SUBJECT));
    return wait;
  }

  #doorOf(by: RefusedBy, now: number): Door {
    const name = nameOfDoor(by);
    let door = this.#doors.get(name);
    if (door === undefined) {
      door = { allowance: now, unrecorded: 0 };
      this.#doors.set(name, door);
    }
    return door;
  }
}

function nameOfDoor({ account, door }: RefusedBy): string {
  return nameOf([account, door]);
}

/** Subjects are named by their providers, at any length. */
function nameOf(parts: readonly string[]): string {
  return hash('sha256', JSON.stringify(parts), 'base64');
}
