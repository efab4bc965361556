import { Injectable } from '@nestjs/common';

import { IdentitiesStore } from '../identities/identities.store.js';
import { PasswordsStore } from '../identities/passwords.store.js';
import { RolesStore } from '../roles/roles.store.js';

/** How often last-used stamps are written, in milliseconds. */
const EVERY_MS = 2_000;

/** Writes the last-used stamps of access keys, passwords and roles behind the requests that left them. */
@Injectable()
export class Stamping {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly identities: IdentitiesStore,
    private readonly roles: RolesStore,
    private readonly passwords: PasswordsStore,
  ) {}

  /** Begins to write now and then. */
  start(): void {
    this.#timer = setInterval(() => void this.flush(), EVERY_MS);
    this.#timer.unref();
  }

  /** Writes what has been gathered. */
  async flush(): Promise<void> {
    await this.identities.keyUses.flush();
    await this.roles.uses.flush();
    await this.passwords.uses.flush();
  }

  /** Writes a last time. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
