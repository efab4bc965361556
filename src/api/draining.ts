import { Injectable } from '@nestjs/common';

/** Whether the process has begun to shut down: readiness says so while requests in flight still finish. */
@Injectable()
export class Draining {
  #begun = false;

  get begun(): boolean {
    return this.#begun;
  }

  begin(): void {
    this.#begun = true;
  }
}
