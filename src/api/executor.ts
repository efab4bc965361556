import { Injectable } from '@nestjs/common';

import { AuditLog } from '../audit/audit.store.js';
import type { EventFacts } from '../audit/record.js';
import { parseInput } from '../contract/validation.js';
import { ApiError } from '../domain/errors.js';
import { Database, translated } from '../kernel/database.js';
import type { ChangeCtx, Implementation, IssueCtx, Notes, ReadCtx } from '../kernel/handler.js';
import { Ledger, type Append } from '../kernel/ledger.js';
import { Authorizer } from '../policies/authorizer.js';
import { Authenticator, type Authenticated } from '../sessions/authenticator.js';
import type { Incoming } from './incoming.js';

/** What a face found out about a request before anybody is believed. */
export interface Asked {
  readonly operation: Implementation;
  readonly incoming: Incoming;
  /** The service name that the credential scope must have on this face. */
  readonly service: string;
  readonly regions: readonly string[];
  /** Decodes the parameters; called once the caller is known, so that its refusals are recorded. */
  readonly decode: () => { readonly raw: unknown; readonly ignored: readonly string[] };
}

type Recorded = Pick<EventFacts, 'input' | 'ignored'>;

/** The only pipeline: decide, do, record – in that order, for every operation on every face. */
@Injectable()
export class Executor {
  constructor(
    private readonly database: Database,
    private readonly ledger: Ledger,
    private readonly audit: AuditLog,
    private readonly authenticator: Authenticator,
    private readonly authorizer: Authorizer,
  ) {}

  /**
   * Runs an operation. Nothing that it returns was left unrecorded: changes and issuances are committed with
   * their event, refusals are committed before they are thrown, and events of reads are on their way.
   * Throws ApiError; ServiceUnavailable where the event could not be recorded, in which case nothing was done.
   */
  async run(asked: Asked): Promise<object> {
    const { operation, incoming } = asked;
    const known = await this.authenticator.authenticate(incoming.http, { services: [asked.service], regions: asked.regions }, incoming.now);
    const recorded: { -readonly [K in keyof Recorded]: Recorded[K] } = { input: undefined, ignored: [] };
    const facts = this.#facts(asked, known, recorded);
    try {
      const { raw, ignored } = asked.decode();
      recorded.ignored = ignored;
      const input: Record<string, unknown> = parseInput(operation.contract, raw);
      recorded.input = input;
      await this.authorizer.admit(facts, operation.contract, input);
      return await this.#perform(operation, input, facts);
    } catch (error) {
      throw await this.#refused(facts, asApiError(error));
    }
  }

  /** The facts of the call's event; handlers and stages fill in what they learn. */
  #facts(asked: Asked, known: Authenticated, recorded: Recorded): Facts {
    const { operation, incoming } = asked;
    return {
      name: operation.name,
      contract: operation.contract,
      caller: known.caller,
      source: { ...incoming.source, region: known.region },
      now: incoming.now,
      requestId: incoming.requestId,
      recorded,
      notes: {},
    };
  }

  async #perform(operation: Implementation, input: object, facts: Facts): Promise<object> {
    switch (operation.contract.effect) {
      case 'read':
        return this.#read(operation, input, facts);
      case 'change':
        return this.#change(operation, input, facts);
      case 'issue':
        return this.#issue(operation, input, facts);
    }
  }

  async #read(operation: Implementation, input: object, facts: Facts): Promise<object> {
    const output = await this.#handle(operation, input, this.#readCtx(facts));
    this.ledger.offer(this.audit.events(event(facts, { output })));
    return output;
  }

  async #change(operation: Implementation, input: object, facts: Facts): Promise<object> {
    return this.database.write(async (tx) => {
      const ctx: ChangeCtx = { ...baseCtx(facts), tx };
      const output = await this.#handle(operation, input, ctx);
      await this.audit.record(tx, event(facts, { output }));
      return output;
    });
  }

  async #issue(operation: Implementation, input: object, facts: Facts): Promise<object> {
    const rows: Append[] = [];
    const ctx: IssueCtx = { ...this.#readCtx(facts), append: (row) => rows.push(row) };
    const output = await this.#handle(operation, input, ctx);
    await this.ledger.commit([...rows, ...this.audit.events(event(facts, { output }))]);
    return output;
  }

  #readCtx(facts: Facts): ReadCtx {
    return { ...baseCtx(facts), read: (work) => this.database.read(work) };
  }

  // The contract's output schema is the last gate: a handler cannot leak a member that is not declared.
  async #handle(operation: Implementation, input: object, ctx: ReadCtx | ChangeCtx | IssueCtx): Promise<object> {
    return operation.contract.output.parse(await operation.handle(input as never, ctx as never));
  }

  async #refused(facts: Facts, refusal: ApiError): Promise<ApiError> {
    // A refusal that says "the database is away" cannot be written to it.
    if (refusal.code === 'ServiceUnavailable') return refusal;
    try {
      await this.ledger.commit(this.audit.events(event(facts, { refusal })));
      return refusal;
    } catch (error) {
      return asApiError(error);
    }
  }
}

interface Facts extends Omit<EventFacts, 'input' | 'ignored' | 'notes' | 'output' | 'refusal'> {
  readonly recorded: Recorded;
  notes: Notes;
}

function baseCtx(facts: Facts): Omit<ReadCtx, 'read'> {
  return {
    caller: facts.caller,
    now: facts.now,
    requestId: facts.requestId,
    source: facts.source,
    note: (notes) => {
      facts.notes = { ...facts.notes, ...notes };
    },
  };
}

function event(facts: Facts, outcome: { output: object } | { refusal: ApiError }): EventFacts {
  const { recorded, ...rest } = facts;
  return { ...rest, ...recorded, ...outcome };
}

/** Whatever was thrown, as something a caller may see: what is not an ApiError is a bug, and says nothing. */
export function asApiError(error: unknown): ApiError {
  const known = translated(error);
  if (known instanceof ApiError) return known;
  return new ApiError('InternalFailure', 'The request processing has failed because of an unknown error, exception or failure.', { cause: known });
}
