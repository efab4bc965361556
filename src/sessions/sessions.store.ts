import { Injectable } from '@nestjs/common';

import type { Chain, ChainLink } from '../domain/session-chain.js';
import type { ReadTx, Tx } from '../kernel/database.js';
import { append, type Append, type AppendTable } from '../kernel/ledger.js';
import { pageOf, type Page, type PageRequest } from '../kernel/page.js';
import { SessionRow, type LinkColumns } from './sessions.entities.js';

const table: AppendTable<SessionRow> = {
  name: 'session',
  columns: [
    { name: 'session_id', type: 'uuid', of: (row) => row.sessionId },
    { name: 'access_key_id', type: 'text', of: (row) => row.accessKeyId },
    { name: 'account_id', type: 'text', of: (row) => row.accountId },
    { name: 'kind', type: 'text', of: (row) => row.kind },
    { name: 'operation', type: 'text', of: (row) => row.operation },
    { name: 'principal_arn', type: 'text', of: (row) => row.principalArn },
    { name: 'principal_id', type: 'text', of: (row) => row.principalId },
    { name: 'role_id', type: 'text', of: (row) => row.roleId },
    { name: 'role_arn', type: 'text', of: (row) => row.roleArn },
    { name: 'session_name', type: 'text', of: (row) => row.sessionName },
    { name: 'source_identity', type: 'text', of: (row) => row.sourceIdentity },
    { name: 'source_ip', type: 'text', of: (row) => row.sourceIp },
    { name: 'issuer_arn', type: 'text', of: (row) => row.issuerArn },
    { name: 'issuer_id', type: 'text', of: (row) => row.issuerId },
    { name: 'issuer_account_id', type: 'text', of: (row) => row.issuerAccountId },
    { name: 'actor_arn', type: 'text', of: (row) => row.actorArn },
    { name: 'actor_id', type: 'text', of: (row) => row.actorId },
    { name: 'parent_session_id', type: 'uuid', of: (row) => row.parentSessionId },
    { name: 'root_session_id', type: 'uuid', of: (row) => row.rootSessionId },
    { name: 'ancestors', type: 'jsonb', of: (row) => (row.ancestors === null ? null : JSON.stringify(row.ancestors)) },
    { name: 'beside', type: 'jsonb', of: (row) => (row.beside === null ? null : JSON.stringify(row.beside)) },
    { name: 'started_by', type: 'text', of: (row) => row.startedBy },
    { name: 'description', type: 'text', of: (row) => row.description },
    { name: 'issued_at', type: 'timestamptz', of: (row) => row.issuedAt.toISOString() },
    { name: 'expires_at', type: 'timestamptz', of: (row) => row.expiresAt.toISOString() },
    { name: 'token_sha256', type: 'bytea', of: (row) => row.tokenSha256 },
  ],
};

/** Which sessions are meant; everything is optional and joined with AND. */
export interface SessionFilter {
  /** Sessions of somebody, or obtained by him, directly or not. */
  readonly principal?: { readonly ids: readonly string[]; readonly arn: string } | undefined;
  /** Sessions that somebody obtained, directly or not. */
  readonly obtainedBy?: readonly string[] | undefined;
  /** Sessions of roles, and those obtained with them. */
  readonly roleIds?: readonly string[] | undefined;
  readonly rootSessionId?: string | undefined;
  /** The session itself and those obtained with it, directly or not. */
  readonly throughSessionId?: string | undefined;
  readonly kind?: string | undefined;
  /** Of those that are meant by whom they were obtained through, what a revocation would end that is held against this time. */
  readonly endedBefore?: Date | undefined;
  /** Only those that have not expired by then. */
  readonly notExpiredAt?: Date | undefined;
  /** Only those that have. */
  readonly expiredAt?: Date | undefined;
}

/** The chain a session stands in. */
export function chainOf(row: SessionRow): Chain {
  const own: ChainLink = { sessionId: row.sessionId, principalId: ownPrincipalId(row), issuedAt: row.issuedAt };
  const beside = row.beside?.map(([startedBy, ...links]) => ({ startedBy, chain: links.map(linkOf) }));
  return { startedBy: row.startedBy, chain: [...(row.ancestors ?? []).map(linkOf), own], ...(beside && { beside }) };
}

function linkOf([sessionId, principalId, at]: LinkColumns): ChainLink {
  return { sessionId, principalId, issuedAt: new Date(at) };
}

/** The unique id of whoever a session acts as. */
function ownPrincipalId(row: SessionRow): string {
  return row.roleId ?? row.principalId;
}

/** Issued sessions. An account sees those that act in it and those that its principals obtained elsewhere. */
@Injectable()
export class SessionsStore {
  /** The row of a new session, for the ledger. */
  issued(row: SessionRow): Append {
    return append(table, row);
  }

  /** The session of this id, in whatever account. */
  async byId(tx: ReadTx, sessionId: string): Promise<SessionRow | undefined> {
    return (await tx.findOneBy(SessionRow, { sessionId })) ?? undefined;
  }

  /** The session that an access key id was issued with, in whatever account. */
  async findByAccessKey(tx: ReadTx, accessKeyId: string): Promise<SessionRow | undefined> {
    return (await tx.findOneBy(SessionRow, { accessKeyId })) ?? undefined;
  }

  /** The session that a token was issued with, by the token's SHA-256, in whatever account. */
  async findByToken(tx: ReadTx, sha256: Buffer): Promise<SessionRow | undefined> {
    return (await tx.findOneBy(SessionRow, { tokenSha256: sha256 })) ?? undefined;
  }

  /** One session of an account. */
  async find(tx: ReadTx, account: string, sessionId: string): Promise<SessionRow | undefined> {
    const row = await this.byId(tx, sessionId);
    return row !== undefined && isSeenBy(row, account) ? row : undefined;
  }

  /** Whether a session of the account shows this ARN. */
  async isKnown(tx: ReadTx, account: string, arn: string): Promise<boolean> {
    const rows = await tx.query<unknown[]>('SELECT 1 FROM session WHERE account_id = $1 AND principal_arn = $2 LIMIT 1', [account, arn]);
    return rows.length > 0;
  }

  /** Unique ids of the principals that had an ARN of this account when they obtained sessions, or acted in those of others; of an identity provider's, those that it calls `subject`. */
  async issuerIds(tx: ReadTx, account: string, { arn, subject }: { arn: string; subject?: string }): Promise<readonly string[]> {
    const rows = await tx.query<{ id: string }[]>(
      `SELECT DISTINCT issuer_id AS id FROM session
       WHERE (account_id = $1 OR (issuer_account_id = $1 AND issuer_account_id <> account_id)) AND issuer_account_id = $1 AND issuer_arn = $2
       AND ($3::text IS NULL OR substr(issuer_id, strpos(issuer_id, ':') + 1) = $3)
       UNION
       SELECT actor_id AS id FROM session WHERE actor_arn = $2 AND ($3::text IS NULL OR substr(actor_id, strpos(actor_id, ':') + 1) = $3)`,
      [account, arn, subject ?? null],
    );
    return rows.map(({ id }) => id);
  }

  /** Unique ids of the roles that had an ARN when sessions of them were issued. */
  async roleIds(tx: ReadTx, account: string, arn: string): Promise<readonly string[]> {
    const rows = await tx.query<{ id: string }[]>('SELECT DISTINCT role_id AS id FROM session WHERE account_id = $1 AND role_arn = $2', [account, arn]);
    return rows.map(({ id }) => id);
  }

  /** Some sessions of an account. */
  async findAll(tx: ReadTx, account: string, sessionIds: readonly string[]): Promise<readonly SessionRow[]> {
    const rows = await tx.createQueryBuilder(SessionRow, 's').where('s.sessionId IN (:...sessionIds)', { sessionIds }).getMany();
    return rows.filter((row) => isSeenBy(row, account));
  }

  /** Sessions of an account, newest first. */
  async page(tx: ReadTx, of: { account: string; filter: SessionFilter }, request: PageRequest): Promise<Page<SessionRow>> {
    const { clauses, values } = conditions(of.account, of.filter);
    const query = tx.createQueryBuilder(SessionRow, 's').where(clauses.join(' AND '), values);
    if (request.after !== undefined) query.andWhere('(s.issuedAt, s.sessionId) < (:afterTime::timestamptz, :afterId::uuid)', { afterTime: request.after[0], afterId: request.after[1] });
    const rows = await query.orderBy('s.issuedAt', 'DESC').addOrderBy('s.sessionId', 'DESC').limit(request.items + 1).getMany();
    return pageOf(rows, request, (row) => [row.issuedAt.toISOString(), row.sessionId]);
  }

  /** How many sessions there are. */
  async count(tx: ReadTx, of: { account: string; filter: SessionFilter }): Promise<number> {
    const { clauses, values } = conditions(of.account, of.filter);
    return tx.createQueryBuilder(SessionRow, 's').where(clauses.join(' AND '), values).getCount();
  }

  /** Removes what is over, at most so many rows of each kind; answers how many of each. Sessions, and what ended them, stay until they expired before `keptSince`. */
  async removeOver(tx: Tx, when: { now: Date; keptSince: Date; most: number }): Promise<readonly number[]> {
    const remove = async (target: { table: string; key: string; over: string }, before: Date): Promise<number> => {
      const { table: name, key, over } = target;
      const rows = await tx.query<unknown[]>(
        `WITH gone AS (SELECT ${key} FROM ${name} WHERE ${over} < $1 LIMIT $2), removed AS (DELETE FROM ${name} AS t USING gone WHERE t.${key} = gone.${key} RETURNING 1) SELECT 1 FROM removed`,
        [before, when.most],
      );
      return rows.length;
    };
    return [
      await remove({ table: 'session', key: 'session_id', over: 'expires_at' }, when.keptSince),
      await remove({ table: 'session_revocation', key: 'revocation_id', over: 'live_until' }, when.keptSince),
      await remove({ table: 'issued_answer', key: 'key_sha256', over: 'expires_at' }, when.now),
      await remove({ table: 'saml_assertion', key: 'key_sha256', over: 'expires_at' }, when.now),
    ];
  }
}

/** Whether an account may see a session. */
export function isSeenBy(row: SessionRow, account: string): boolean {
  return row.accountId === account || row.issuerAccountId === account;
}

/** When the first session of a chain was issued, in epoch milliseconds. */
const FIRST_MS = `COALESCE((s.ancestors->0->>2)::bigint, extract(epoch FROM s.issuedAt) * 1000)`;
/** Each line beside, with each of its links and where that stands; the first place is that of who began the line. */
const BESIDE = `jsonb_array_elements(s.beside) AS line, jsonb_array_elements(line) WITH ORDINALITY AS a (link, n)`;
/** Sessions that were obtained through those of a role, by unique id: as old as the link that is the role's. */
const THROUGH_ROLE = `(
  EXISTS (SELECT 1 FROM jsonb_array_elements(s.ancestors) AS link WHERE link->>1 IN (:...roleIds) AND (link->>2)::bigint < :beforeMs)
  OR s.beside IS NOT NULL AND EXISTS (SELECT 1 FROM ${BESIDE} WHERE a.n > 1 AND a.link->>1 IN (:...roleIds) AND (a.link->>2)::bigint < :beforeMs))`;
/** Sessions of a chain, also of one that leads to them from beside. */
const OF_CHAIN = `(
  (s.rootSessionId = :rootSessionId AND ${FIRST_MS} < :beforeMs)
  OR s.beside IS NOT NULL AND EXISTS (SELECT 1 FROM jsonb_array_elements(s.beside) AS line WHERE line->1->>0 = :rootText AND (line->1->>2)::bigint < :beforeMs))`;
/** Sessions that somebody obtained, or through such: as old as the link that he obtained, which is the one after his. */
const OBTAINED = `(
  (s.issuerId IN (:...ids) AND s.issuedAt < :before)
  OR (s.startedBy IN (:...ids) AND ${FIRST_MS} < :beforeMs)
  OR (s.startedBy ~ '^(OIDC|SAML)' AND split_part(s.startedBy, ':', 1) IN (:...ids) AND ${FIRST_MS} < :beforeMs)
  OR (s.kind = 'federated-user' AND s.principalId IN (:...ids) AND s.issuedAt < :before)
  OR EXISTS (SELECT 1 FROM jsonb_array_elements(s.ancestors) WITH ORDINALITY AS a (link, n)
             WHERE a.link->>1 IN (:...ids) AND COALESCE((s.ancestors->(a.n::int)->>2)::bigint, extract(epoch FROM s.issuedAt) * 1000) < :beforeMs)
  OR s.beside IS NOT NULL AND EXISTS (SELECT 1 FROM ${BESIDE}
             WHERE COALESCE(a.link->>1, a.link#>>'{}') IN (:...ids) AND (line->(a.n::int)->>2)::bigint < :beforeMs)
  OR s.beside IS NOT NULL AND EXISTS (SELECT 1 FROM jsonb_array_elements(s.beside) AS line
             WHERE line->>0 ~ '^(OIDC|SAML)' AND split_part(line->>0, ':', 1) IN (:...ids) AND (line->1->>2)::bigint < :beforeMs))`;
/** The longest that any session lasts (AWS STS API Reference: GetSessionToken), in milliseconds. */
export const LONGEST_SESSION_MS = 129_600_000;
const LATER_THAN_ALL = new Date('9999-12-31T00:00:00Z');

function conditions(account: string, filter: SessionFilter): { clauses: readonly string[]; values: Record<string, unknown> } {
  const clauses = ['(s.accountId = :account OR (s.issuerAccountId = :account AND s.issuerAccountId <> s.accountId))'];
  const values: Record<string, unknown> = { account };
  const add = (given: unknown, clause: string, more: Record<string, unknown>): void => {
    if (given === undefined) return;
    clauses.push(clause);
    Object.assign(values, more);
  };
  const { principal, endedBefore = LATER_THAN_ALL } = filter;
  Object.assign(values, { before: endedBefore, beforeMs: endedBefore.getTime() });
  add(principal, `(s.principalArn = :arn OR ${principal?.ids.length === 0 ? 'FALSE' : OBTAINED})`, { arn: principal?.arn, ids: principal?.ids });
  add(filter.obtainedBy, filter.obtainedBy?.length === 0 ? 'FALSE' : OBTAINED, { ids: filter.obtainedBy });
  add(filter.roleIds, filter.roleIds?.length === 0 ? 'FALSE' : `((s.roleId IN (:...roleIds) AND s.issuedAt < :before) OR ${THROUGH_ROLE})`, { roleIds: filter.roleIds });
  add(filter.rootSessionId, OF_CHAIN, { rootSessionId: filter.rootSessionId, rootText: filter.rootSessionId });
  add(filter.throughSessionId, `(s.sessionId = :throughSessionId OR s.ancestors @> :through::jsonb OR s.beside @> :throughBeside::jsonb)`, { throughSessionId: filter.throughSessionId, through: JSON.stringify([[filter.throughSessionId]]), throughBeside: JSON.stringify([[[filter.throughSessionId]]]) });
  add(filter.kind, 's.kind = :kind', { kind: filter.kind });
  // The time of issue, too, because that is what there is an index on.
  const since = filter.notExpiredAt && new Date(filter.notExpiredAt.getTime() - LONGEST_SESSION_MS);
  add(filter.notExpiredAt, 's.expiresAt > :notExpiredAt AND s.issuedAt > :since', { notExpiredAt: filter.notExpiredAt, since });
  add(filter.expiredAt, 's.expiresAt <= :expiredAt', { expiredAt: filter.expiredAt });
  return { clauses, values };
}
