import { busy } from '../domain/errors.js';
import { Turns } from '../kernel/turns.js';

/**
 * How many password hashes a node computes at a time: each takes 32 MiB and a thread of the pool of four that files and names
 * need too. How many wait, on a node and for one account: beyond, callers are told to come back.
 */
const BOUNDS = { running: 2, runningEach: 2, waiting: 64, waitingEach: 16 };

/** Lets few passwords be hashed at a time. */
export class HashingTurns extends Turns {
  /** Its `take` throws ServiceUnavailable, at once, where too many wait. */
  constructor() {
    super(BOUNDS, () => busy('Too many passwords are being checked. Repeat the request in a moment.'));
  }
}
