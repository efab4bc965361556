import { Injectable } from '@nestjs/common';

import { AuditLog } from '../audit/audit.store.js';
import type { EventFacts } from '../audit/record.js';
import type { Contract } from '../contract/operation.js';
import { parseInput } from '../contract/validation.js';
import { requireCredential } from '../domain/credential-rules.js';
import { ApiError } from '../domain/errors.js';
import { principalId, type Caller } from '../domain/principal.js';
import { Database, translated, violates } from '../kernel/database.js';
import { LastingRefusal, type ChangeCtx, type Implementation, type IssueCtx, type Notes, type ReadCtx, type Rest, type Source } from '../kernel/handler.js';
import { Ledger, type Append } from '../kernel/ledger.js';
import { Metrics } from '../kernel/metrics.js';
import { RefusalAllowance, type RefusedBy } from '../kernel/refusals.js';
import { Authorizer, Superseded, type Admitted } from '../policies/authorizer.js';
import { Decisions } from '../policies/decisions.js';
import { Authenticator } from '../sessions/authenticator.js';
import { IssuedAnswers, type Repeatable } from '../sessions/issued-answers.js';
import type { Incoming } from './incoming.js';

/** What a face found out about a request before anybody is believed. */
export interface Asked {
  readonly operation: Implementation;
  readonly incoming: Incoming;
  /** The service name that the credential scope must have on this face. */
  readonly service: string;
  readonly regions: readonly string[];
  /** Under which an issuance may be repeated. */
  readonly idempotencyKey?: string | undefined;
  /** Is told what a call that succeeded has to warn of. */
  readonly warn?: (warnings: readonly string[]) => void;
  /** Decodes the parameters; called once the caller is known, so that its refusals are recorded. */
  readonly decode: () => { readonly raw: unknown; readonly ignored: readonly string[] };
}

type Recorded = Pick<EventFacts, 'input' | 'ignored'>;

/** What stands for the region of a call that has no signature to say it, where none is configured: that of the global endpoint. */
const GLOBAL_REGION = 'us-east-1';

/** How often a call is judged before it is told that too much changes at once. */
const ATTEMPTS = 3;

/** The only pipeline: decide, do, record – in that order, for every operation on every face. */
@Injectable()
export class Executor {
  // The one place where all stages of a call meet.
  // eslint-disable-next-line house/max-params
  constructor(
    private readonly database: Database,
    private readonly ledger: Ledger,
    private readonly audit: AuditLog,
    private readonly authenticator: Authenticator,
    private readonly authorizer: Authorizer,
    private readonly decisions: Decisions,
    private readonly answers: IssuedAnswers,
    private readonly allowance: RefusalAllowance,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Runs an operation. Nothing that it returns was left unrecorded: changes and issuances are committed with
   * their event, refusals are committed before they are thrown, and events of reads are on their way.
   * Throws ApiError; ServiceUnavailable where the event could not be recorded, in which case nothing was done.
   */
  async run(asked: Asked): Promise<object> {
    return asked.operation.prove === undefined ? this.#signed(asked) : this.#proved(asked, asked.operation.prove);
  }

  async #signed(asked: Asked): Promise<object> {
    const { operation, incoming } = asked;
    const known = await this.authenticator.authenticate(incoming.http, { services: [asked.service], regions: asked.regions }, incoming.now);
    const recorded: { -readonly [K in keyof Recorded]: Recorded[K] } = { input: undefined, ignored: [] };
    const facts = this.#facts(asked, known, recorded);
    // Whose session is over has proved to hold it all the same: who goes on using it shall be seen, as often as he is heard.
    const { over } = known;
    if (over !== undefined) throw await this.#refusedWithin(facts, { refusal: over, by: byEndedSession(known.caller), otherwise: () => over });
    try {
      const { raw, ignored } = asked.decode();
      recorded.ignored = ignored;
      requireCredential(known.caller, { name: operation.name, service: operation.contract.aws ?? 'stint' });
      requireIdempotencyKey(asked);
      const input: Record<string, unknown> = parseInput(operation.contract, raw);
      recorded.input = input;
      return await this.#carryOut(operation, input, facts);
    } catch (error) {
      throw await this.#recorded(facts, error);
    }
  }

  /** A call that nobody signed; a signature that comes with it all the same proves nothing here and is not looked at. */
  async #proved(asked: Asked, prove: NonNullable<Implementation['prove']>): Promise<object> {
    const { operation, incoming } = asked;
    // Whoever it is has proved nothing yet: what is refused up to here belongs to no account.
    const { raw, ignored } = asked.decode();
    requireIdempotencyKey(asked);
    const input: Record<string, unknown> = parseInput(operation.contract, raw);
    const region = asked.regions[0] ?? GLOBAL_REGION;
    const source = { region, ...incoming.source };
    const proved = await prove(input as never, { now: incoming.now, requestId: incoming.requestId, source });
    const facts = this.#facts(asked, { caller: proved.caller, region }, { input, ignored });
    try {
      if (proved.refusal !== undefined) throw proved.refusal;
      return await this.#carryOut(operation, input, facts);
    } catch (error) {
      // Recorded already, with what it left behind.
      if (error instanceof LastingRefusal) throw error.refusal;
      const refusal = asApiError(error);
      // He may be anybody for whom a provider of the account vouches: of what is not recorded he is not told why it was refused.
      throw await this.#refusedWithin(facts, { refusal, by: refusedBy(facts), otherwise: (wait) => throttled(refusal, wait) });
    }
  }

  /**
   * Records a refusal of somebody who is not, or not any more, one of the account's own, as long as he does not fill its log;
   * and with it how many were not recorded. What is thrown otherwise must say nothing that is not known without it.
   */
  async #refusedWithin(facts: Facts, { refusal, by, otherwise }: { refusal: ApiError; by: RefusedBy; otherwise: (wait: number) => ApiError }): Promise<ApiError> {
    if (refusal.code === 'ServiceUnavailable') return refusal;
    const wait = refusal.isCounted ? 0 : this.allowance.take(by);
    if (wait > 0) {
      this.metrics.unrecorded(facts.name, 'audit_event');
      return otherwise(wait);
    }
    const unrecorded = this.allowance.takeUnrecorded(by);
    if (unrecorded > 0) facts.notes = { ...facts.notes, additional: { ...facts.notes.additional, unrecordedRefusals: unrecorded } };
    return this.#refused(facts, refusal, () => {
      this.allowance.giveBackUnrecorded(by, unrecorded);
    });
  }

  /** Whatever was thrown, as a refusal that is recorded. */
  async #recorded(facts: Facts, error: unknown): Promise<ApiError> {
    return error instanceof LastingRefusal ? error.refusal : this.#refused(facts, asApiError(error));
  }

  /** The facts of the call's event; handlers and stages fill in what they learn. */
  #facts(asked: Asked, known: Pick<Facts, 'caller'> & Pick<Source, 'region'>, recorded: Recorded): Facts {
    const { operation, incoming } = asked;
    return {
      name: operation.name,
      contract: operation.contract,
      caller: known.caller,
      source: { region: known.region, ...incoming.source },
      now: incoming.now,
      requestId: incoming.requestId,
      recorded,
      notes: {},
      idempotencyKey: asked.idempotencyKey,
      protocol: asked.service === 'stint' ? 'rest' : 'aws',
      warn: asked.warn,
    };
  }

  /** Decides and does. What was judged by memory and is found otherwise is judged again. */
  async #carryOut(operation: Implementation, input: Record<string, unknown>, facts: Facts): Promise<object> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      let act: Act | undefined;
      try {
        act = { ...facts, admitted: await this.authorizer.admit(facts, operation.contract, input) };
        const output = await this.#perform(operation, input, act);
        if (act.notes.trustWarnings !== undefined) facts.warn?.(act.notes.trustWarnings);
        return output;
      } catch (error) {
        // Of what a handler noted, a refusal keeps what explains it.
        const additional = act?.notes.additional;
        if (additional !== undefined) facts.notes = { ...facts.notes, additional };
        if (!(error instanceof Superseded)) throw error;
      }
    }
    throw new ApiError('ConcurrentModification', 'The entity was changed by other requests at the same time. Repeat the request.');
  }

  async #perform(operation: Implementation, input: Record<string, unknown>, act: Act): Promise<object> {
    switch (operation.contract.effect) {
      case 'read':
        return this.#read(operation, input, act);
      case 'change':
        return this.#change(operation, input, act);
      case 'issue':
        return this.#issue(operation, input, act);
    }
  }

  async #read(operation: Implementation, input: object, act: Act): Promise<object> {
    const output = await this.#handle(operation, input, this.#readCtx(act));
    this.ledger.offer(this.audit.events(event(act, { output })));
    return output;
  }

  async #change(operation: Implementation, input: Record<string, unknown>, act: Act): Promise<object> {
    const rest = operation.isAhead === true ? ((await operation.handle(input as never, this.#readCtx(act) as never)) as Rest<Contract['output']>) : undefined;
    // What came ahead took its time: whoever was allowed to begin may not be any more.
    const admitted = rest === undefined ? act.admitted : await this.authorizer.admit(act, operation.contract, input);
    const done = await this.database.write(async (tx) => {
      if (admitted !== undefined) await this.authorizer.confirm(tx, admitted, { caller: act.caller, hold: true });
      const ctx: ChangeCtx = { ...baseCtx(act), tx };
      const output = rest === undefined ? await this.#handle(operation, input, ctx).catch(lasting) : operation.contract.output.parse(await rest(ctx));
      await this.audit.record(tx, event(act, output instanceof LastingRefusal ? { refusal: output.refusal } : { output }));
      return output;
    });
    if (done instanceof LastingRefusal) throw done;
    return done;
  }

  async #issue(operation: Implementation, input: Record<string, unknown>, act: Act): Promise<object> {
    const { idempotencyKey } = act;
    if (idempotencyKey === undefined) return this.#issueNew(operation, input, act);
    const call: Repeatable = { operation: operation.name, contract: operation.contract, caller: act.caller, input, now: act.now, idempotencyKey };
    return this.answers.once(call, async () => (await this.#issuedBefore(operation, call, act)) ?? (await this.#issueOnce(operation, call, act)));
  }

  /** Issues under a key; where another request with it was quicker, on whatever node, answers what that one did. */
  async #issueOnce(operation: Implementation, call: Repeatable, act: Act): Promise<object> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#issueNew(operation, call.input, act, { claim: this.answers.claimOf(call), keep: (output) => [this.answers.keep(call, output)] });
      } catch (error) {
        const isAnswered = violates(error, IssuedAnswers.constraint);
        // A proof that counts once may have been used by this very request, on another node.
        const isUsed = error instanceof ApiError && error.code === 'InvalidIdentityToken';
        if (!isUsed && (attempt === ATTEMPTS || !isAnswered)) throw error;
        const earlier = await this.#issuedBefore(operation, call, act);
        if (earlier !== undefined) return earlier;
        if (isUsed) throw error;
      }
      // An answer of long ago, which may not be asked for any more, has the place.
      await this.answers.forget(call);
    }
  }

  /** What was issued under the key before, if the caller might have it issued now: judged anew, and recorded anew. */
  async #issuedBefore(operation: Implementation, call: Repeatable, act: Act): Promise<object | undefined> {
    const found = await this.answers.find(call);
    if (found === undefined) return undefined;
    const { output, issuedAt, additional } = found;
    // Carried out up to the point where it would be committed; the credentials it makes are dropped.
    const repeatable = { claim: this.answers.claimOf(call), isAnswered: true };
    await this.#handle(operation, call.input, { ...this.#readCtx(act), issuedAt, repeatable, append: () => undefined });
    // What is said of a token is said of the one that is answered.
    act.notes = { ...act.notes, additional: { ...act.notes.additional, ...additional, idempotentReplay: true } };
    await this.ledger.commit(this.audit.events(event(act, { output })));
    return output;
  }

  // eslint-disable-next-line house/max-params -- the call in three parts, and under which key it may be repeated
  async #issueNew(operation: Implementation, input: object, act: Act, under?: Key): Promise<object> {
    const rows: Append[] = [];
    const repeatable = under && { claim: under.claim, isAnswered: false };
    const ctx: IssueCtx = { ...this.#readCtx(act), issuedAt: act.now, ...(repeatable && { repeatable }), append: (row) => rows.push(row) };
    const output = await this.#handle(operation, input, ctx);
    await this.ledger.commit([...rows, ...this.audit.events(event(act, { output })), ...(under?.keep(output) ?? [])]).catch((error: unknown) => {
      throw rows.find(({ taken }) => taken !== undefined && violates(error, taken.constraint))?.taken?.refusal() ?? error;
    });
    return output;
  }

  #readCtx(act: Act): ReadCtx {
    return {
      ...baseCtx(act),
      read: (work) =>
        this.database.read(async (tx) => {
          if (act.admitted !== undefined) await this.authorizer.confirm(tx, act.admitted, { caller: act.caller, hold: false });
          return work(tx);
        }),
    };
  }

  // The contract's output schema is the last gate: a handler cannot leak a member that is not declared.
  async #handle(operation: Implementation, input: object, ctx: ReadCtx | ChangeCtx | IssueCtx): Promise<object> {
    return operation.contract.output.parse(await operation.handle(input as never, ctx as never));
  }

  /** Records a refusal; `lost` is called where that was not possible. */
  async #refused(facts: Facts, refusal: ApiError, lost?: () => void): Promise<ApiError> {
    // A refusal that says "the database is away" cannot be written to it.
    if (refusal.code === 'ServiceUnavailable') return refusal;
    if (refusal.code === 'ExpiredToken') facts.notes = { ...facts.notes, additional: { ...facts.notes.additional, sessionEnded: refusal.detail['why'] } };
    try {
      const decision = refusal.code === 'AccessDenied' ? this.decisions.of(refusal, facts) : undefined;
      if (decision !== undefined) facts.notes = { ...facts.notes, additional: { ...facts.notes.additional, decisionId: decision.id } };
      await this.ledger.commit([...this.audit.events(event(facts, { refusal })), ...(decision?.rows ?? [])]);
      return decision === undefined ? refusal : refusal.recordedAs(decision);
    } catch (error) {
      lost?.();
      return asApiError(error);
    }
  }
}

interface Facts extends Omit<EventFacts, 'input' | 'ignored' | 'notes' | 'output' | 'refusal'> {
  readonly recorded: Recorded;
  readonly idempotencyKey: string | undefined;
  readonly protocol: 'aws' | 'rest';
  readonly warn: Asked['warn'];
  notes: Notes;
}

/** The Idempotency-Key of an issuance: what names the request, and how its answer is kept. */
interface Key {
  readonly claim: Buffer;
  readonly keep: (output: object) => readonly Append[];
}

/** A call that was admitted. */
interface Act extends Facts {
  readonly admitted: Admitted | undefined;
}

/** RFC draft-ietf-httpapi-idempotency-key-header leaves the form to the server: printable ASCII, 1–255 characters. */
const IDEMPOTENCY_KEY = /^[\u0021-\u007E]{1,255}$/;

function requireIdempotencyKey({ operation, idempotencyKey }: Asked): void {
  if (idempotencyKey === undefined) return;
  if (operation.contract.effect !== 'issue' || operation.contract.isSignIn === true) throw new ApiError('ValidationError', 'An Idempotency-Key can be given only for operations that issue credentials.');
  if (!IDEMPOTENCY_KEY.test(idempotencyKey)) throw new ApiError('ValidationError', 'The Idempotency-Key must have 1 to 255 printable ASCII characters without blanks.');
}

/** Who is refused, by what he cannot choose himself: neither the name of a session nor the audience of a token. */
function refusedBy({ contract, caller }: Facts): RefusedBy {
  const door = contract.isSignIn === true ? 'sign-in' : caller.kind === 'federated-identity' ? caller.providerId : 'tokens';
  return { account: caller.account, door, subject: principalId(caller) };
}

/** Each session is seen that goes on, also where many of one role were ended. */
function byEndedSession({ account, session }: Caller): RefusedBy {
  return { account, door: 'ended sessions', subject: session?.sessionId ?? '' };
}

/** What stands for a refusal that is not recorded; why it was one is for the log of the operator. */
function throttled({ code, detail }: ApiError, wait: number): ApiError {
  return new ApiError('Throttling', 'Rate exceeded', { detail: { insteadOf: code, of: detail, retryAfterSeconds: Math.ceil(wait / 1000) } });
}

/** Lets a transaction end well although the call in it is refused. */
function lasting(error: unknown): LastingRefusal {
  if (error instanceof LastingRefusal) return error;
  throw error;
}

function baseCtx(facts: Facts): Omit<ReadCtx, 'read'> {
  return {
    caller: facts.caller,
    now: facts.now,
    requestId: facts.requestId,
    source: facts.source,
    protocol: facts.protocol,
    note: (notes) => {
      // What several parts of a call add about it stands side by side.
      const additional = notes.additional && { ...facts.notes.additional, ...notes.additional };
      facts.notes = { ...facts.notes, ...notes, ...(additional && { additional }) };
    },
  };
}

function event(facts: Facts, outcome: { output: object } | { refusal: ApiError }): EventFacts {
  const { name, contract, caller, source, now, requestId, notes, recorded } = facts;
  // Named one by one: spreading them all, for every call, is many times slower.
  return { name, contract, caller, source, now, requestId, notes, input: recorded.input, ignored: recorded.ignored, ...outcome };
}

/** Whatever was thrown, as something a caller may see: what is not an ApiError is a bug, and says nothing. */
export function asApiError(error: unknown): ApiError {
  const known = translated(error);
  if (known instanceof ApiError) return known;
  return new ApiError('InternalFailure', 'The request processing has failed because of an unknown error, exception or failure.', { cause: known });
}
