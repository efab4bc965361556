import type { z } from 'zod';

import type { Contract, Contracts, Effect } from '../contract/operation.js';
import type { Caller } from '../domain/principal.js';
import type { ApiError } from '../domain/errors.js';
import type { ReadTx, Tx } from './database.js';
import type { Append } from './ledger.js';

/** Where a request came from. */
export interface Source {
  readonly ip: string;
  readonly userAgent: string | undefined;
  /** The region of the signature's scope. */
  readonly region: string;
  readonly secureTransport: boolean;
}

/** Facts that a handler adds to the audit event of its call. */
export interface Notes {
  /** The entities the call was about, as CloudTrail's `resources`. */
  readonly resources?: readonly { readonly accountId: string; readonly type: string; readonly ARN: string }[];
  /** More `requestParameters`: what the call inherited rather than was given. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Another account that must see the event too (the role's, in a cross-account AssumeRole). */
  readonly alsoAccount?: string;
  /** More facts for `additionalEventData`; never secrets. */
  readonly additional?: Readonly<Record<string, unknown>>;
  /** What is wrong with a trust policy that was saved all the same: the caller is told in a header. */
  readonly trustWarnings?: readonly string[];
}

interface BaseCtx {
  readonly caller: Caller;
  readonly now: Date;
  readonly requestId: string;
  readonly source: Source;
  /** Whose clients call: AWS's, which can answer only to what AWS would say, or Stint's own. */
  readonly protocol: 'aws' | 'rest';
  /** Adds facts to the audit event. */
  note(notes: Notes): void;
}

/** What the handler of a `read` gets: it may look, in read-only transactions. */
export interface ReadCtx extends BaseCtx {
  read<T>(work: (tx: ReadTx) => Promise<T>): Promise<T>;
}

/** What the handler of a `change` gets: the transaction in which its event is recorded too. */
export interface ChangeCtx extends BaseCtx {
  readonly tx: Tx;
}

/** What an issuance under an Idempotency-Key is told, so that it does once what can be done only once. */
export interface Repetition {
  /** Names the request: the same for each repetition of it, and for nothing else. */
  readonly claim: Buffer;
  /** It was answered before: what can be done only once was done then. */
  readonly isAnswered: boolean;
}

/**
 * A refusal that a change leaves something behind with, such as a failure that counts: what the handler wrote is
 * committed, together with the event of the refusal.
 */
export class LastingRefusal extends Error {
  override readonly name = 'LastingRefusal';

  constructor(readonly refusal: ApiError) {
    super(refusal.message);
  }
}

/** What the handler of an `issue` gets: it may look, and append rows that are committed with its event. */
export interface IssueCtx extends ReadCtx {
  /**
   * The time from which durations are counted: now, but when an issuance is repeated under its Idempotency-Key that of
   * the first, so that it is not refused because time went by.
   */
  readonly issuedAt: Date;
  /** Of a request that may be repeated under its Idempotency-Key. */
  readonly repeatable?: Repetition;
  append(row: Append): void;
}

/** The context that belongs to an effect. */
export type CtxOf<E extends Effect> = E extends 'read' ? ReadCtx : E extends 'change' ? ChangeCtx : IssueCtx;

/** A whole use case, free of protocols. */
export type Handler<C extends Contract> = (
  input: z.output<C['input']>,
  ctx: CtxOf<C['effect']>,
) => Promise<z.input<C['output']>>;

/** What is left of a change for its transaction. */
export type Rest<O extends z.ZodObject> = (ctx: ChangeCtx) => Promise<z.input<O>>;

/**
 * A use case whose slow part comes before its transaction, so that no row and no connection is held meanwhile. What `ahead`
 * looked at may be otherwise by then: the rest has to make sure that it is not.
 */
export interface Ahead<C extends Contract> {
  readonly ahead: (input: z.output<C['input']>, ctx: ReadCtx) => Promise<Rest<C['output']>>;
}

/** Who makes a call that nobody signed. */
export interface Proved {
  readonly caller: Caller;
  /** Why what he showed is not enough although it was his: the call is to be recorded, and refused with this. */
  readonly refusal?: ApiError;
}

/** What is known of a call that nobody signed before it is known who makes it. */
export type ProofCtx = Pick<BaseCtx, 'now' | 'requestId' | 'source'>;

/**
 * A use case whose caller is proved by the input. `prove` throws where nothing is proved: such a call belongs to nobody and
 * leaves no event, so it must not change anything.
 */
export interface Proving<C extends Contract> {
  readonly prove: (input: z.output<C['input']>, ctx: ProofCtx) => Promise<Proved>;
  readonly handle: Handler<C>;
}

/** One handler for every contract of a set: a missing or wrong one is a compile error. */
export type Handlers<C extends Contracts> = { readonly [K in keyof C]: Handler<C[K]> | (C[K]['effect'] extends 'change' ? Ahead<C[K]> : Proving<C[K]>) };

/** A contract with its handler, as the registry holds it. */
export interface Implementation {
  readonly name: string;
  readonly contract: Contract;
  readonly handle: (input: never, ctx: never) => Promise<unknown>;
  /** Whether `handle` looks only, and answers what is to be done in the transaction of the change. */
  readonly isAhead?: boolean;
  /** Says who makes the call, where its contract says that the input proves it. */
  readonly prove?: (input: never, ctx: ProofCtx) => Promise<Proved>;
}

/** Ties contracts to handlers. */
export function implement<C extends Contracts>(contracts: C, handlers: Handlers<C>): readonly Implementation[] {
  return Object.entries(contracts).map(([name, contract]) => {
    const handler = handlers[name as keyof C] as Implementation['handle'] | { readonly ahead: Implementation['handle'] } | Required<Pick<Implementation, 'handle' | 'prove'>>;
    const implementation: Implementation = typeof handler === 'function' ? { name, contract, handle: handler } : 'ahead' in handler ? { name, contract, handle: handler.ahead, isAhead: true } : { name, contract, ...handler };
    // Neither may a caller go unproved, nor a signature be passed over.
    if (('caller' in contract.access && contract.access.caller === 'proved') !== ('prove' in implementation)) throw new Error(`${name} has to be proved by its handler if, and only if, its contract says so`);
    return implementation;
  });
}
