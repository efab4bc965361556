import type { Provider } from '@nestjs/common';

import type { Config } from './config.js';
import { Database } from './database.js';
import { Clock, Random } from './effects.js';
import { Endpoint } from './endpoint.js';
import { Keyring } from './keyring.js';
import { Ledger } from './ledger.js';
import type { Log } from './log.js';
import { Memory } from './memory.js';
import { Metrics } from './metrics.js';

/** Injection token of the configuration. */
export const CONFIG = Symbol('config');
/** Injection token of the log. */
export const LOG = Symbol('log');

/** What exists before the application does, and is closed after it. */
export interface Kernel {
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly memory: Memory;
  readonly database: Database;
  readonly ledger: Ledger;
  readonly keyring: Keyring;
  readonly metrics: Metrics;
  readonly endpoint: Endpoint;
}

/** The parts of the kernel, for injection. */
export function kernelProviders(kernel: Kernel): Provider[] {
  return [
    { provide: CONFIG, useValue: kernel.config },
    { provide: LOG, useValue: kernel.log },
    { provide: Clock, useValue: kernel.clock },
    { provide: Random, useValue: kernel.random },
    { provide: Memory, useValue: kernel.memory },
    { provide: Database, useValue: kernel.database },
    { provide: Ledger, useValue: kernel.ledger },
    { provide: Keyring, useValue: kernel.keyring },
    { provide: Metrics, useValue: kernel.metrics },
    { provide: Endpoint, useValue: kernel.endpoint },
  ];
}
