import { Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

/** A link of a chain, as rows have it: id, principal, time of issue (epoch milliseconds). */
export type LinkColumns = readonly [string, string, number];

/** An issued session. Never its secret, never its token: only the token's SHA-256. */
@Entity('session')
@Unique('UQ_session_access_key', ['accessKeyId'])
@Index('IX_session_account', { synchronize: false })
@Index('IX_session_issuer_account', { synchronize: false })
@Index('IX_session_root', { synchronize: false })
@Index('IX_session_token', { synchronize: false })
@Index('IX_session_expiry', { synchronize: false })
@Index('IX_session_actor', { synchronize: false })
export class SessionRow {
  @PrimaryColumn('uuid', { name: 'session_id', primaryKeyConstraintName: 'PK_session' })
  sessionId!: string;

  @Column('text', { name: 'access_key_id' })
  accessKeyId!: string;

  /** The account the session acts in: the role's. */
  @Column('text', { name: 'account_id' })
  accountId!: string;

  @Column('text')
  kind!: 'assumed-role' | 'user' | 'root' | 'federated-user';

  /** The operation that made it. */
  @Column('text')
  operation!: string;

  @Column('text', { name: 'principal_arn' })
  principalArn!: string;

  @Column('text', { name: 'principal_id' })
  principalId!: string;

  @Column('text', { name: 'role_id', nullable: true })
  roleId!: string | null;

  @Column('text', { name: 'role_arn', nullable: true })
  roleArn!: string | null;

  /** The role session's or federated user's name. */
  @Column('text', { name: 'session_name', nullable: true })
  sessionName!: string | null;

  @Column('text', { name: 'source_identity', nullable: true })
  sourceIdentity!: string | null;

  @Column('text', { name: 'source_ip' })
  sourceIp!: string;

  /** Who asked for it: ARN, unique id without a session name, and account. */
  @Column('text', { name: 'issuer_arn' })
  issuerArn!: string;

  @Column('text', { name: 'issuer_id' })
  issuerId!: string;

  @Column('text', { name: 'issuer_account_id' })
  issuerAccountId!: string;

  /** Who acts in it by a token that he showed for it: ARN and unique id, as of who asked. Null where nobody does; of those who came with the session it was obtained with, that one's row tells. */
  @Column('text', { name: 'actor_arn', nullable: true })
  actorArn!: string | null;

  @Column('text', { name: 'actor_id', nullable: true })
  actorId!: string | null;

  /** The session that asked for it, where one was obtained with another. */
  @Column('uuid', { name: 'parent_session_id', nullable: true })
  parentSessionId!: string | null;

  /** The first session of the chain; itself where it was the first. */
  @Column('uuid', { name: 'root_session_id' })
  rootSessionId!: string;

  /** The sessions that led to it, from the first to the nearest; null where none did. */
  @Column('jsonb', { nullable: true })
  ancestors!: readonly LinkColumns[] | null;

  /** The lines of the tokens and actors behind it: who began each, and its links up to the session that was obtained so. Null where there are none. */
  @Column('jsonb', { nullable: true })
  beside!: readonly (readonly [string, ...LinkColumns[]])[] | null;

  /** Unique id of whoever asked for the first session of the chain. */
  @Column('text', { name: 'started_by' })
  startedBy!: string;

  /** ScopedSessionDescription of GetScopedCredentials. */
  @Column('text', { nullable: true })
  description!: string | null;

  @Column('timestamptz', { name: 'issued_at' })
  issuedAt!: Date;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;

  @Column('bytea', { name: 'token_sha256' })
  tokenSha256!: Buffer;
}

/** The end of sessions. Rows are only added, and leave with the sessions they ended. */
@Entity('session_revocation')
@Index('IX_session_revocation_subject', ['subject', 'kind'])
@Index('IX_session_revocation_txid', ['txid'])
@Index('IX_session_revocation_live', ['liveUntil'])
export class RevocationRow {
  @PrimaryColumn('uuid', { name: 'revocation_id', primaryKeyConstraintName: 'PK_session_revocation' })
  revocationId!: string;

  /** The account that ended them. */
  @Column('text', { name: 'account_id' })
  accountId!: string;

  @Column('text')
  kind!: 'session' | 'chain' | 'role' | 'principal';

  /** A session, the first session of a chain, or a unique id. */
  @Column('text')
  subject!: string;

  /** Sessions issued before are over. */
  @Column('timestamptz', { name: 'issued_before' })
  issuedBefore!: Date;

  @Column('timestamptz', { name: 'revoked_at' })
  revokedAt!: Date;

  /** Until then a session may live that it ends. */
  @Column('timestamptz', { name: 'live_until' })
  liveUntil!: Date;

  /** The transaction that added it, so that nodes find what is new whatever the order of commits. */
  @Column('bigint', { default: () => '((pg_current_xact_id()))' })
  txid!: string;
}

/** The answer of an issuance under an Idempotency-Key, sealed, for as long as it may be asked for again. */
@Entity('issued_answer')
@Index('IX_issued_answer_expiry', ['expiresAt'])
export class IssuedAnswerRow {
  /** SHA-256 of caller, operation and key. */
  @PrimaryColumn('bytea', { name: 'key_sha256', primaryKeyConstraintName: 'PK_issued_answer' })
  keySha256!: Buffer;

  /** SHA-256 of the input: another input under the same key is refused. */
  @Column('bytea', { name: 'input_sha256' })
  inputSha256!: Buffer;

  @Column('bytea')
  sealed!: Buffer;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;
}

/** A SAML assertion that a session was issued for, for as long as it could be brought again. */
@Entity('saml_assertion')
@Index('IX_saml_assertion_expiry', ['expiresAt'])
export class SamlAssertionRow {
  /** SHA-256 of provider, issuer and ID. */
  @PrimaryColumn('bytea', { name: 'key_sha256', primaryKeyConstraintName: 'PK_saml_assertion' })
  keySha256!: Buffer;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;
}
