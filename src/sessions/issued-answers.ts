import { hash } from 'node:crypto';

import { Injectable } from '@nestjs/common';
import { z } from 'zod';

import { shapeOf, unwrapped, type Contract } from '../contract/operation.js';
import { NONCE_BYTES } from '../domain/aead.js';
import { canonicalJson, type Json } from '../domain/audit-seal.js';
import { ApiError } from '../domain/errors.js';
import { readIdentityToken } from '../domain/identity-token.js';
import { callerUserId, type Caller } from '../domain/principal.js';
import { seal, unseal } from '../domain/sealing.js';
import { Database } from '../kernel/database.js';
import { Random } from '../kernel/effects.js';
import { Keyring } from '../kernel/keyring.js';
import type { Append } from '../kernel/ledger.js';
import { RolesStore } from '../roles/roles.store.js';
import { IssuedAnswersStore } from './issued-answers.store.js';
import { Revocations } from './revocations.js';
import { chainOf, SessionsStore } from './sessions.store.js';
import { SubjectTokens } from './subject-tokens.js';

/** How many requests may wait for one another under one key. */
const WAITING_MAX = 64;
/** How long an issuance may be repeated under its Idempotency-Key, in milliseconds. */
const KEPT_MS = 600_000;

/** An issuance that its caller may repeat. */
export interface Repeatable {
  readonly operation: string;
  readonly contract: Contract;
  readonly caller: Caller;
  readonly input: Record<string, unknown>;
  readonly now: Date;
  /** The caller's Idempotency-Key. */
  readonly idempotencyKey: string;
}

/** An answer that was given before. */
export interface Kept {
  readonly output: object;
  readonly issuedAt: Date;
  /** What its event said of the token in it, where there is one. */
  readonly additional: Readonly<Record<string, string | undefined>>;
}

/**
 * Answers of issuances under an Idempotency-Key, so that a caller who repeats one gets the same credentials: once
 * only, also when two requests race or come to two nodes, because the database takes one row for a key.
 */
@Injectable()
export class IssuedAnswers {
  readonly #running = new Map<string, { readonly last: Promise<unknown>; readonly count: number }>();

  // What answers are kept and opened with, and what tells whether their sessions still are.
  // eslint-disable-next-line house/max-params
  constructor(
    private readonly store: IssuedAnswersStore,
    private readonly sessions: SessionsStore,
    private readonly revocations: Revocations,
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly random: Random,
    private readonly roles: RolesStore,
    private readonly tokens: SubjectTokens,
  ) {}

  /** The constraint that lets only one of two answers under a key be written. */
  static readonly constraint = 'PK_issued_answer';

  /** Does the work of a call when no other with its key is under way on this node: only those of other nodes can come between. */
  async once<T>(call: Repeatable, work: () => Promise<T>): Promise<T> {
    const key = keyOf(call).toString('base64');
    const before = this.#running.get(key);
    if (before !== undefined && before.count >= WAITING_MAX) throw new ApiError('IdempotencyConflict', 'Too many requests with this Idempotency-Key are under way. Repeat the request in a moment.');
    const mine = (before?.last ?? Promise.resolve()).then(work, work);
    this.#running.set(key, { last: mine, count: (before?.count ?? 0) + 1 });
    try {
      return await mine;
    } finally {
      // Whoever is last takes the queue away; until then its length is what it ever was.
      if (this.#running.get(key)?.last === mine) this.#running.delete(key);
    }
  }

  /**
   * The answer that was given before. Throws IdempotencyConflict where the key was used for another request, or for
   * a session or token that is over since.
   */
  async find(call: Repeatable): Promise<Kept | undefined> {
    const key = keyOf(call);
    const row = await this.database.read((tx) => this.store.find(tx, key, call.now));
    if (row === undefined) return undefined;
    if (!row.inputSha256.equals(inputOf(call))) throw new ApiError('IdempotencyConflict', 'The Idempotency-Key was used for a request with other parameters. Use a new key for each request.');
    const opened = await this.#opened(row.sealed, key);
    const output = revived(call.contract.output, JSON.parse(opened.toString('utf8'))) as { SessionId?: unknown; Expiration?: unknown; WebIdentityToken?: string; AccessToken?: string };
    if (output.Expiration instanceof Date && output.Expiration <= call.now) throw isOver();
    if (typeof output.SessionId === 'string') await this.#requireLive(output.SessionId, call.now);
    const jwt = output.WebIdentityToken ?? output.AccessToken;
    return { output, issuedAt: new Date(row.expiresAt.getTime() - KEPT_MS), additional: jwt === undefined ? {} : await this.#kept(jwt) };
  }

  /** Names a request: the same caller, key and parameters. */
  claimOf(call: Repeatable): Buffer {
    return hash('sha256', Buffer.concat([keyOf(call), inputOf(call)]), 'buffer');
  }

  /** The row of an answer, to be committed with it. */
  keep(call: Repeatable, answer: object): Append {
    const key = keyOf(call);
    const plaintext = Buffer.from(JSON.stringify(answer));
    const sealed = seal(this.keyring, { plaintext, label: labelOf(key) }, this.random.bytes(NONCE_BYTES));
    return this.store.kept({ keySha256: key, inputSha256: inputOf(call), sealed, expiresAt: new Date(call.now.getTime() + KEPT_MS) });
  }

  /** Makes room where a key is used again after its time. */
  async forget(call: Repeatable): Promise<void> {
    await this.database.write((tx) => this.store.removeOld(tx, keyOf(call), call.now));
  }

  async #requireLive(sessionId: string, now: Date): Promise<void> {
    const row = await this.database.read((tx) => this.sessions.byId(tx, sessionId));
    const isLive = row !== undefined && row.expiresAt > now && !this.revocations.isEnded(chainOf(row));
    // The role may have been deleted, and another made under its name.
    if (isLive && (row.roleId === null || (await this.roles.findRole(row.roleId)) !== undefined)) return;
    throw isOver();
  }

  /** The ids of a token. One that was obtained with a long-term key has no session, and can be ended all the same. */
  async #kept(jwt: string): Promise<Kept['additional']> {
    const token = readIdentityToken(jwt);
    const { tokenId: jti = '' } = this.tokens.read(jwt);
    const holder = await this.tokens.keyHolderIn(token);
    if (holder !== undefined && !(await this.tokens.isKept(holder, jti))) throw isOver('token');
    return { jti, kid: token.keyId };
  }

  async #opened(sealed: Buffer, key: Buffer): Promise<Buffer> {
    let opened = unseal(this.keyring, sealed, labelOf(key));
    if (opened !== undefined && 'unknownKey' in opened) {
      // Another node may have begun a new key.
      await this.keyring.refresh();
      opened = unseal(this.keyring, sealed, labelOf(key));
    }
    if (!Buffer.isBuffer(opened)) throw new Error('an answer that was kept does not open');
    return opened;
  }
}

function isOver(what = 'session'): ApiError {
  return new ApiError('IdempotencyConflict', `The ${what} that was issued under this Idempotency-Key is over. Use a new key to obtain another.`);
}

/**
 * Who asks for what under which key: the same key of another caller, or for another operation, is another. Of those
 * who share a role, and perhaps a session name, each session is a caller of its own: it may be allowed less.
 */
function keyOf({ operation, caller, idempotencyKey }: Repeatable): Buffer {
  return hash('sha256', JSON.stringify([caller.account, caller.session?.sessionId ?? callerUserId(caller), operation, idempotencyKey]), 'buffer');
}

function inputOf({ input }: Repeatable): Buffer {
  return hash('sha256', canonicalJson(input as Json), 'buffer');
}

function labelOf(key: Buffer): string {
  return `issued-answer:${key.toString('hex')}`;
}

/** JSON has no times: what the contract says is one becomes one again. */
function revived(schema: z.ZodType, value: unknown): unknown {
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodDate) return new Date(String(value));
  if (inner instanceof z.ZodArray) return (value as unknown[]).map((item) => revived(inner.element as z.ZodType, item));
  if (!(inner instanceof z.ZodObject)) return value;
  const shape = shapeOf(inner);
  return Object.fromEntries(Object.entries(value as object).map(([name, member]) => [name, revived(shape[name] ?? z.unknown(), member)]));
}
