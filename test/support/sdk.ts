import type { TestApp } from './app.js';
import { effectOf } from './calls.js';

/** What an SDK client throws for a refusal. */
interface Thrown {
  readonly name: string;
  readonly Code?: string;
  readonly message: string;
  readonly $metadata: { readonly httpStatusCode?: number; readonly requestId?: string };
}

/** A refusal as clients see it. */
export interface Refused {
  readonly code: string;
  readonly status: number;
  readonly message: string;
}

/** Asserts that an SDK call is refused so, that nothing was written, and that exactly one event says so. */
export async function expectSdkRefusal(app: TestApp, send: () => Promise<unknown>, refusal: Refused): Promise<void> {
  const { result, added, removed, events } = await effectOf(app, () =>
    send().then(
      () => undefined,
      (error: unknown) => error as Thrown,
    ),
  );
  // Clients call modelled errors by their shapes' names, which may end in Exception; Code is what was on the wire.
  expect({ code: result?.Code ?? result?.name, status: result?.$metadata.httpStatusCode, message: result?.message }).toEqual(refusal);
  expect(result?.$metadata.requestId).toMatch(/^[0-9a-f-]{36}$/);
  expect({ added, removed }).toEqual({ added: [], removed: [] });
  expect(events.map(({ outcome, error_code, request_id }) => ({ outcome, error_code, request_id }))).toEqual([
    { outcome: 'refused', error_code: refusal.code, request_id: result?.$metadata.requestId },
  ]);
}

/** Asserts that an SDK call of which it is not proved whose it is is refused so, that nothing was written, and that no event says so. */
export async function expectUnprovedRefusal(app: TestApp, send: () => Promise<unknown>, refusal: { readonly code: string; readonly message: string }): Promise<void> {
  const { result, added, removed, events } = await effectOf(app, () =>
    send().then(
      () => undefined,
      (error: unknown) => error as Thrown,
    ),
  );
  expect({ code: (result?.Code ?? result?.name ?? '').replace(/Exception$/, ''), message: result?.message }).toEqual({ ...refusal, code: refusal.code.replace(/Exception$/, '') });
  expect({ added, removed, events }).toEqual({ added: [], removed: [], events: [] });
}
