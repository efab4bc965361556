import { hash } from 'node:crypto';

import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { ApiError } from '../domain/errors.js';
import { readIdentityToken, type UnverifiedToken } from '../domain/identity-token.js';
import { isObject, JsonNumber, type Json } from '../domain/policy/json.js';
import { principalId, type Caller } from '../domain/principal.js';
import type { KeyHolder } from '../domain/subject-token.js';
import type { ReadTx } from '../kernel/database.js';
import { implement, type ChangeCtx } from '../kernel/handler.js';
import { Authorizer } from '../policies/authorizer.js';
import { exchangeContracts, TOKEN_TYPES } from './exchange.contract.js';
import { IssuerKeys } from './issuer-keys.js';
import { Revocations } from './revocations.js';
import type { SessionRow } from './sessions.entities.js';
import { SessionOperations } from './sessions.operations.js';
import { chainOf, isSeenBy, SessionsStore } from './sessions.store.js';
import { SubjectTokens } from './subject-tokens.js';
import { TokenExchange } from './token-exchange.js';

type Introspected = z.input<typeof exchangeContracts.IntrospectToken.output>;

/** A token that an account may know of: the session behind it, and what it says where it is a JWT. */
interface Found {
  readonly row: SessionRow | undefined;
  readonly jwt: UnverifiedToken | undefined;
  /** Who obtained it, where no session is behind it. */
  readonly holder?: KeyHolder | undefined;
}

const INACTIVE: Introspected = { Active: false };
const NO_SESSION = '00000000-0000-0000-0000-000000000000';

/** Use cases of OAuth 2.0 clients. */
@Injectable()
export class ExchangeOperations {
  // eslint-disable-next-line house/max-params -- what tokens are, and what sessions are
  constructor(
    private readonly exchange: TokenExchange,
    private readonly subjects: SubjectTokens,
    private readonly keys: IssuerKeys,
    private readonly sessions: SessionsStore,
    private readonly ending: SessionOperations,
    private readonly revocations: Revocations,
    private readonly authorizer: Authorizer,
  ) {}

  readonly operations = implement(exchangeContracts, {
    ExchangeToken: {
      prove: async (input, { now }) => {
        const proof = await this.subjects.verify(input.SubjectToken, input.RoleArn, now);
        if (input.SubjectTokenType === TOKEN_TYPES.accessToken && proof.caller.kind === 'federated-identity') {
          return { caller: proof.caller, refusal: new ApiError('InvalidIdentityToken', 'Access tokens of others cannot be exchanged; ID tokens can.') };
        }
        return proof;
      },
      handle: async (input, ctx) => {
        // Once more, for when it ends: whose it is has been proved.
        const { expiresAt, tokenId, chain } = this.subjects.read(input.SubjectToken);
        return this.exchange.exchange(input, { operation: 'ExchangeToken', expiresAt, token: input.SubjectToken, tokenId, chain }, ctx);
      },
    },
    ExchangeSession: (input, ctx) => {
      const { session } = ctx.caller;
      if (session === undefined) throw new ApiError('InvalidSubjectCredentials', 'Only a session can be exchanged; the request is signed with a long-term key.');
      return this.exchange.exchange(input, { operation: 'ExchangeSession', expiresAt: session.expiresAt }, ctx);
    },
    IntrospectToken: async (input, ctx) => ctx.read((tx) => this.#introspected(tx, input.Token, ctx)),
    RevokeToken: async (input, ctx) => {
      const found = await this.#find(ctx.tx, input.Token, ctx.caller.account);
      await this.#requireMayEnd(ctx, found);
      if (found === undefined) return {};
      const { row, jwt, holder } = found;
      // The token itself is not recorded: what was ended is said by the ids.
      ctx.note({ additional: { ...(row && { revokedSessionId: row.sessionId }), ...(jwt && { revokedTokenId: tokenIdOf(jwt) }) } });
      if (row !== undefined) await this.ending.end(ctx, row);
      else if (holder !== undefined) await this.ending.endToken(ctx, tokenIdOf(jwt));
      return {};
    },
  });

  /** The token, as far as the account may know of it. */
  async #find(tx: ReadTx, text: string, account: string): Promise<Found | undefined> {
    const jwt = parsed(text);
    if (jwt === undefined) {
      const row = await this.sessions.findByToken(tx, hash('sha256', text, 'buffer'));
      return row !== undefined && isSeenBy(row, account) ? { row, jwt } : undefined;
    }
    if (this.subjects.issuingAccount(jwt) !== account || !(await this.keys.isSigned(account, jwt))) return undefined;
    const sessionId = textIn(jwt.claims.get('sid'));
    if (sessionId !== undefined) return { row: await this.sessions.find(tx, account, sessionId), jwt };
    return { row: undefined, jwt, holder: await this.subjects.keyHolderIn(jwt) };
  }

  async #introspected(tx: ReadTx, text: string, { caller, now }: { caller: Caller; now: Date }): Promise<Introspected> {
    const found = await this.#find(tx, text, caller.account);
    if (found === undefined) return INACTIVE;
    const { row, jwt, holder } = found;
    const isAlive = row === undefined ? holder !== undefined && (await this.subjects.isKept(holder, tokenIdOf(jwt))) : await this.#isLive(tx, row, now);
    const shown = jwt === undefined ? ofSession(row) : ofToken(jwt);
    return isAlive && shown.ExpiresAt !== undefined && now < shown.ExpiresAt ? { Active: true, ...shown, ...(row && { SessionId: row.sessionId }) } : INACTIVE;
  }

  async #isLive(tx: ReadTx, row: SessionRow, now: Date): Promise<boolean> {
    return now < row.expiresAt && !this.revocations.isEnded(chainOf(row)) && (await this.ending.exists(tx, row));
  }

  /**
   * Refuses (AccessDenied) who may not end sessions; a session may always end itself and what was obtained with it, and who holds a long-term key the
   * tokens that he obtained so. Such a token is judged as a session of its id, and what is no token as one that nobody has, so that only who may end any
   * learns nothing by asking.
   */
  async #requireMayEnd(ctx: ChangeCtx, found: Found | undefined): Promise<void> {
    const { caller } = ctx;
    if (found !== undefined && isOwn(found, caller)) return;
    const sessionId = found?.row?.sessionId ?? (found?.holder === undefined ? NO_SESSION : tokenIdOf(found.jwt));
    await this.authorizer.require(ctx, { action: 'stint:RevokeSession', resource: `arn:aws:stint::${caller.account}:session/${sessionId}`, resourceAccount: caller.account });
  }
}

function isOwn({ row, holder }: Found, caller: Caller): boolean {
  if (caller.session === undefined) return holder !== undefined && holder.principalId === principalId(caller);
  const { sessionId } = caller.session;
  if (row === undefined) return false;
  const own = chainOf(row);
  return [own, ...(own.beside ?? [])].some(({ chain }) => chain.some((link) => link.sessionId === sessionId));
}

function tokenIdOf(jwt: UnverifiedToken | undefined): string {
  return textIn(jwt?.claims.get('jti')) ?? NO_SESSION;
}

function parsed(text: string): UnverifiedToken | undefined {
  try {
    return readIdentityToken(text);
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}

function ofSession(row: SessionRow | undefined): Omit<Introspected, 'Active'> {
  return row === undefined ? {} : { Subject: row.principalArn, IssuedAt: row.issuedAt, ExpiresAt: row.expiresAt };
}

function ofToken({ claims, issuer }: UnverifiedToken): Omit<Introspected, 'Active'> {
  const text = (name: string): string | undefined => textIn(claims.get(name));
  const members = {
    Issuer: issuer,
    Subject: text('sub'),
    Audience: [claims.get('aud')].flat().filter((audience) => typeof audience === 'string'),
    IssuedAt: timeIn(claims.get('iat')),
    ExpiresAt: timeIn(claims.get('exp')),
    TokenId: text('jti'),
    Scope: text('scope'),
    Actors: claims.has('act') ? actorsIn(claims.get('act')) : undefined,
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function actorsIn(act: Json | undefined): { Subject: string; Issuer: string }[] {
  return isObject(act) ? [{ Subject: textIn(act.get('sub')) ?? '', Issuer: textIn(act.get('iss')) ?? '' }, ...actorsIn(act.get('act'))] : [];
}

function textIn(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function timeIn(value: Json | undefined): Date | undefined {
  return value instanceof JsonNumber ? new Date(Number(value.text) * 1000) : undefined;
}
