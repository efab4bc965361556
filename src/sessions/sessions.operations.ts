import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { iamArn, nameInArn, parseArn, rootArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { providerInArn } from '../domain/providers.js';
import type { RevocationKind } from '../domain/session-chain.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import { IdentityProvidersStore } from '../identities/providers.store.js';
import type { ReadTx, Tx } from '../kernel/database.js';
import { Random } from '../kernel/effects.js';
import { implement, type ChangeCtx } from '../kernel/handler.js';
import { pageRequest, requireTimeAndId } from '../kernel/page.js';
import { RolesStore } from '../roles/roles.store.js';
import { CLOCKS_DIFFER_MS, MOVED_MAX_MS } from './revocations.js';
import { RevocationsStore } from './revocations.store.js';
import { sessionContracts } from './sessions.contract.js';
import type { SessionRow } from './sessions.entities.js';
import { chainOf, isSeenBy, LONGEST_SESSION_MS, SessionsStore, type SessionFilter } from './sessions.store.js';

type Session = z.input<typeof sessionContracts.GetSession.output>['Session'];
type Revoked = z.input<typeof sessionContracts.RevokeSession.output>;

/** By when every node refuses what was revoked, in seconds. */
const EFFECTIVE_WITHIN_SECONDS = 1;

/** Before which every session was issued. */
const ALWAYS = new Date('9999-12-31T00:00:00Z');
/** For how long what was ended may have moved the beginning of sessions, in milliseconds. */
const RECENTLY_MS = 60_000;

/** What ends sessions, and which those are. */
interface Ending {
  readonly kind: RevocationKind;
  readonly subjects: readonly string[];
  readonly filter: SessionFilter;
  readonly issuedBefore?: Date;
}

/** Use cases of sessions as things that can be seen and ended. */
@Injectable()
export class SessionOperations {
  constructor(
    private readonly store: SessionsStore,
    private readonly revocations: RevocationsStore,
    private readonly identities: IdentitiesStore,
    private readonly roles: RolesStore,
    private readonly providers: IdentityProvidersStore,
    private readonly random: Random,
  ) {}

  readonly operations = implement(sessionContracts, {
    ListSessions: async (input, ctx) => {
      const { account } = ctx.caller;
      const request = pageRequest(input, 2);
      requireTimeAndId(request);
      return ctx.read(async (tx) => {
        const filter: SessionFilter = {
          ...(await this.#principal(tx, account, input)),
          ...(input.RoleArn !== undefined && { roleIds: await this.#roleIds(tx, account, input.RoleArn) }),
          rootSessionId: input.RootSessionId,
          kind: input.Kind,
          ...(input.Status === 'active' && { notExpiredAt: ctx.now }),
          ...(input.Status === 'expired' && { expiredAt: ctx.now }),
        };
        const page = await this.store.page(tx, { account, filter }, request);
        const sessions = await this.#shown(tx, page.rows, { account, now: ctx.now });
        // What was revoked is not in the rows; such a page may be shorter than it might be (IAM API: MaxItems).
        return { Sessions: sessions.filter(({ Status }) => input.Status === undefined || Status === input.Status), ...page.next };
      });
    },
    GetSession: async (input, ctx) =>
      ctx.read(async (tx) => {
        const row = await this.#found(tx, ctx.caller.account, input.SessionId);
        return { Session: await this.#one(tx, row, { account: ctx.caller.account, now: ctx.now }) };
      }),
    RevokeSession: async (input, ctx) => {
      const row = await this.#found(ctx.tx, ctx.caller.account, input.SessionId);
      return this.end(ctx, row);
    },
    RevokeSessions: async (input, ctx) => {
      const { PrincipalArn, Subject, RoleArn, RootSessionId } = input;
      if ([PrincipalArn, RoleArn, RootSessionId].filter((given) => given !== undefined).length !== 1) {
        throw new ApiError('ValidationError', 'Exactly one of principalArn, roleArn and rootSessionId must be given.');
      }
      const issuedBefore = input.IssuedBefore === undefined ? undefined : new Date(input.IssuedBefore);
      if (issuedBefore !== undefined && issuedBefore > ctx.now) throw new ApiError('ValidationError', 'issuedBefore lies in the future.');
      const ending = await this.#endingOf(ctx.tx, ctx.caller.account, { PrincipalArn, Subject, RoleArn, RootSessionId });
      return this.#end(ctx, { ...ending, ...(issuedBefore !== undefined && { issuedBefore }) });
    },
    WhoIs: async (input, ctx) => {
      if ((input.AccessKeyId === undefined) === (input.TokenSha256 === undefined)) throw new ApiError('ValidationError', 'Exactly one of accessKeyId and tokenSha256 must be given.');
      return ctx.read(async (tx) => {
        const row = input.AccessKeyId === undefined ? await this.store.findByToken(tx, Buffer.from(input.TokenSha256 ?? '', 'hex')) : await this.store.findByAccessKey(tx, input.AccessKeyId);
        if (row !== undefined && isSeenBy(row, ctx.caller.account)) return this.#sessionHolder(tx, row, { account: ctx.caller.account, now: ctx.now });
        return this.#keyHolder(input.AccessKeyId, ctx.caller.account);
      });
    },
  });

  /** Ends a session and all that were obtained with it. Another account that has to do with it learns so once. */
  async end(ctx: ChangeCtx, row: SessionRow): Promise<Revoked> {
    const isOver = await this.revocations.isCovered(ctx.tx, { kind: 'session', subject: row.sessionId, issuedBefore: ALWAYS });
    if (!isOver) ctx.note({ alsoAccount: row.accountId === ctx.caller.account ? row.issuerAccountId : row.accountId });
    return this.#end(ctx, { kind: 'session', subjects: [row.sessionId], filter: { throughSessionId: row.sessionId } });
  }

  /** Ends a token that was obtained with a long-term key, by its id, and all sessions that were obtained with it. */
  async endToken(ctx: ChangeCtx, tokenId: string): Promise<void> {
    await this.#end(ctx, { kind: 'session', subjects: [tokenId], filter: { throughSessionId: tokenId } });
  }

  /** Whether whoever a session acts as still exists. */
  async exists(tx: ReadTx, row: SessionRow): Promise<boolean> {
    if (row.roleId !== null) return (await this.roles.rolesById(tx, [row.roleId])).length > 0;
    const userId = row.kind === 'user' ? row.principalId : row.kind === 'federated-user' ? row.issuerId : undefined;
    return userId?.startsWith('AIDA') !== true || (await this.identities.usersById(tx, [userId])).length > 0;
  }

  async #found(tx: ReadTx, account: string, sessionId: string): Promise<SessionRow> {
    const row = await this.store.find(tx, account, sessionId);
    if (row === undefined) throw new ApiError('NoSuchEntity', `The session with id ${sessionId} cannot be found.`);
    return row;
  }

  async #endingOf(tx: Tx, account: string, of: { PrincipalArn: string | undefined; Subject: string | undefined; RoleArn: string | undefined; RootSessionId: string | undefined }): Promise<Ending> {
    if (of.Subject !== undefined) {
      const ids = await this.#subjectIds(tx, account, of);
      // Anybody could be named who might come one day; a rule is kept only for somebody who came.
      if (ids.length === 0) throw new ApiError('NoSuchEntity', `No session of ${of.Subject} is known, for whom ${of.PrincipalArn ?? ''} vouched.`);
      return { kind: 'principal', subjects: ids, filter: { obtainedBy: ids } };
    }
    if (of.PrincipalArn !== undefined) {
      const ids = required(await this.#principalIds(tx, account, of.PrincipalArn), of.PrincipalArn);
      // Anybody could be named who might be federated one day; a rule is kept only for somebody who was.
      if (ids.some((id) => id.includes(':')) && !(await this.store.isKnown(tx, account, of.PrincipalArn))) required([], of.PrincipalArn);
      return { kind: 'principal', subjects: ids, filter: { obtainedBy: ids } };
    }
    if (of.RoleArn !== undefined) {
      const roleIds = required(await this.#roleIds(tx, account, of.RoleArn), of.RoleArn);
      return { kind: 'role', subjects: roleIds, filter: { roleIds } };
    }
    const root = await this.#found(tx, account, of.RootSessionId ?? '');
    // A later session does not name the chain: it could be taken for the end of that session alone.
    if (root.parentSessionId !== null) throw new ApiError('NoSuchEntity', `No chain of sessions begins with ${root.sessionId}.`);
    return { kind: 'chain', subjects: [root.sessionId], filter: { rootSessionId: root.sessionId } };
  }

  /** Ends sessions, for every node; what is not said to be older is over whenever it was issued. */
  async #end(ctx: ChangeCtx, { kind, subjects, filter, issuedBefore }: Ending): Promise<Revoked> {
    const { account } = ctx.caller;
    const liveUntil = new Date(ctx.now.getTime() + LONGEST_SESSION_MS + CLOCKS_DIFFER_MS);
    const before = issuedBefore ?? (kind === 'session' || kind === 'chain' ? ALWAYS : await this.#untilNow(ctx, liveUntil));
    for (const subject of subjects) {
      if (await this.revocations.isCovered(ctx.tx, { kind, subject, issuedBefore: before })) continue;
      await this.revocations.insert(ctx.tx, {
        revocationId: this.random.uuid(),
        accountId: account,
        kind,
        subject,
        issuedBefore: before,
        revokedAt: ctx.now,
        liveUntil,
      });
    }
    const count = await this.store.count(ctx.tx, { account, filter: { ...filter, notExpiredAt: ctx.now, endedBefore: before } });
    return { Revoked: count, EffectiveWithinSeconds: EFFECTIVE_WITHIN_SECONDS };
  }

  /** "Until now", also by the clocks of other nodes, and beyond where sessions were moved to for what was ended before. */
  async #untilNow(ctx: ChangeCtx, liveUntil: Date): Promise<Date> {
    const latest = await this.revocations.latestEnd(ctx.tx, ctx.now, new Date(liveUntil.getTime() - RECENTLY_MS));
    // Beginnings are never moved further, whatever a clock that is ahead has written.
    const furthest = ctx.now.getTime() + MOVED_MAX_MS + CLOCKS_DIFFER_MS;
    return new Date(Math.max(ctx.now.getTime() + CLOCKS_DIFFER_MS, Math.min((latest?.getTime() ?? 0) + 1, furthest)));
  }

  /** Unique ids of whoever sessions show an ARN of: a role session's ARN is nobody's but its own. */
  async #shownAs(tx: ReadTx, account: string, arn: string): Promise<readonly string[]> {
    return parseArn(arn)?.account === account && arn.startsWith(`arn:aws:sts::${account}:assumed-role/`) ? [] : this.#principalIds(tx, account, arn);
  }

  /** Unique ids that an ARN of this account means or meant: of a user, a role, a federated user or the root user. */
  async #principalIds(tx: ReadTx, account: string, arn: string): Promise<readonly string[]> {
    const parsed = parseArn(arn);
    if (parsed?.partition !== 'aws' || parsed.account !== account) throw notOne(arn, 'a principal');
    if (arn === rootArn(account)) return [account];
    if (arn.startsWith('arn:aws:sts::') && /^federated-user\/[\w+=,.@-]{2,32}$/.test(parsed.resource)) return [`${account}:${parsed.resource.slice('federated-user/'.length)}`];
    if (nameInArn(arn, 'role') !== undefined) return this.#roleIds(tx, account, arn);
    if (providerInArn(arn) !== undefined) return this.#providerIds(tx, account, arn);
    if (nameInArn(arn, 'user') === undefined) throw notOne(arn, 'a user, role, federated user, identity provider or root user');
    const user = await this.identities.userByArnIn(tx, arn);
    return [...new Set([...(user === undefined ? [] : [user.userId]), ...(await this.store.issuerIds(tx, account, { arn }))])];
  }

  /** Unique ids of the identity providers that have or had an ARN. */
  async #providerIds(tx: ReadTx, account: string, arn: string): Promise<readonly string[]> {
    const provider = await this.providers.findIn(tx, arn, account);
    const vouched = await this.store.issuerIds(tx, account, { arn });
    return [...new Set([...(provider === undefined ? [] : [provider.providerId]), ...vouched.map((id) => id.slice(0, id.indexOf(':')))])];
  }

  /** Unique ids of somebody for whom identity providers of this ARN vouched. Throws ValidationError where it is none. */
  async #subjectIds(tx: ReadTx, account: string, of: { PrincipalArn?: string | undefined; Subject?: string | undefined }): Promise<readonly string[]> {
    const { PrincipalArn: arn = '', Subject: subject = '' } = of;
    if (providerInArn(arn)?.account !== account) throw new ApiError('ValidationError', 'A subject is that of an identity provider of this account, whose ARN must be given as principalArn.');
    return this.store.issuerIds(tx, account, { arn, subject });
  }

  /** Whose sessions are listed. */
  async #principal(tx: ReadTx, account: string, of: { PrincipalArn?: string | undefined; Subject?: string | undefined }): Promise<Pick<SessionFilter, 'principal' | 'obtainedBy'>> {
    if (of.Subject !== undefined) return { obtainedBy: await this.#subjectIds(tx, account, of) };
    return of.PrincipalArn === undefined ? {} : { principal: { ids: await this.#shownAs(tx, account, of.PrincipalArn), arn: of.PrincipalArn } };
  }

  async #roleIds(tx: ReadTx, account: string, arn: string): Promise<readonly string[]> {
    if (nameInArn(arn, 'role')?.account !== account) throw notOne(arn, 'a role');
    const role = await this.roles.roleByArnIn(tx, arn);
    return [...new Set([...(role === undefined ? [] : [role.roleId]), ...(await this.store.roleIds(tx, account, arn))])];
  }

  async #sessionHolder(tx: ReadTx, row: SessionRow, seen: Seen): Promise<z.input<typeof sessionContracts.WhoIs.output>> {
    const session = await this.#one(tx, row, seen);
    const { chain } = chainOf(row);
    const seenRows = new Map((await this.store.findAll(tx, seen.account, chain.map(({ sessionId }) => sessionId))).map((link) => [link.sessionId, link.principalArn]));
    const links = chain.map(({ sessionId, issuedAt }) => {
      const principalArn = seenRows.get(sessionId);
      return { SessionId: sessionId, IssuedAt: issuedAt, ...(principalArn !== undefined && { PrincipalArn: principalArn }) };
    });
    return {
      AccessKeyId: row.accessKeyId,
      Account: row.accountId,
      PrincipalArn: row.principalArn,
      PrincipalId: row.principalId,
      Alive: session.Status === 'active' && (await this.exists(tx, row)),
      Session: session,
      Chain: links,
    };
  }

  async #keyHolder(id: string | undefined, account: string): Promise<z.input<typeof sessionContracts.WhoIs.output>> {
    const key = id === undefined ? undefined : await this.identities.findAccessKey(id);
    // Credentials of others read like those that were never issued.
    if (key?.accountId !== account) throw new ApiError('NoSuchEntity', 'No such credential is known in this account.');
    const user = key.userId === null ? undefined : await this.identities.findUser(key.userId);
    return {
      AccessKeyId: key.accessKeyId,
      Account: account,
      PrincipalArn: user === undefined ? rootArn(account) : iamArn(account, 'user', `${user.path}${user.userName}`),
      PrincipalId: user?.userId ?? account,
      Alive: key.status === 'Active',
      Chain: [],
    };
  }

  async #one(tx: ReadTx, row: SessionRow, seen: Seen): Promise<Session> {
    const [session] = await this.#shown(tx, [row], seen);
    if (session === undefined) throw new Error('a session was found and not shown');
    return session;
  }

  async #shown(tx: ReadTx, rows: readonly SessionRow[], seen: Seen): Promise<Session[]> {
    const chains = rows.map(chainOf);
    const ended = await this.revocations.firstEnds(tx, chains);
    return rows.map((row, index) => shown(row, ended[index], seen));
  }
}

/** Who looks, and when. */
interface Seen {
  readonly account: string;
  readonly now: Date;
}

function notOne(arn: string, what: string): ApiError {
  return new ApiError('ValidationError', `${arn} is not the ARN of ${what} of this account.`);
}

function required(ids: readonly string[], arn: string): readonly string[] {
  if (ids.length === 0) throw new ApiError('NoSuchEntity', `The principal with ARN ${arn} cannot be found.`);
  return ids;
}

function shown(row: SessionRow, endedAt: Date | undefined, { account, now }: Seen): Session {
  const isRevoked = endedAt !== undefined && endedAt < row.expiresAt;
  const given = <T extends object>(value: unknown, member: T): T | undefined => (value === null ? undefined : member);
  return {
    SessionId: row.sessionId,
    AccessKeyId: row.accessKeyId,
    Account: row.accountId,
    PrincipalArn: row.principalArn,
    PrincipalId: row.principalId,
    Kind: row.kind,
    Operation: row.operation,
    ...given(row.roleArn, { RoleArn: row.roleArn ?? '' }),
    ...given(row.sessionName, { SessionName: row.sessionName ?? '' }),
    ...given(row.description, { Description: row.description ?? '' }),
    ...given(row.sourceIdentity, { SourceIdentity: row.sourceIdentity ?? '' }),
    SourceIp: row.sourceIp,
    ObtainedBy: row.issuerAccountId === account ? row.issuerArn : rootArn(row.issuerAccountId),
    IssuedAt: row.issuedAt,
    ExpiresAt: row.expiresAt,
    ...given(row.parentSessionId, { ParentSessionId: row.parentSessionId ?? '' }),
    RootSessionId: row.rootSessionId,
    Status: isRevoked ? 'revoked' : row.expiresAt <= now ? 'expired' : 'active',
    ...(isRevoked && { RevokedAt: endedAt }),
  };
}
