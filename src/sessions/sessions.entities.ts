import { Column, Entity, PrimaryColumn, Unique } from 'typeorm';

/** An issued session. Never its secret, never its token: only the token's SHA-256. */
@Entity('session')
@Unique('UQ_session_access_key', ['accessKeyId'])
export class SessionRow {
  @PrimaryColumn('uuid', { name: 'session_id', primaryKeyConstraintName: 'PK_session' })
  sessionId!: string;

  @Column('text', { name: 'access_key_id' })
  accessKeyId!: string;

  /** The account the session acts in: the role's. */
  @Column('text', { name: 'account_id' })
  accountId!: string;

  @Column('text')
  kind!: 'assumed-role';

  @Column('text', { name: 'principal_arn' })
  principalArn!: string;

  @Column('text', { name: 'principal_id' })
  principalId!: string;

  @Column('text', { name: 'role_id', nullable: true })
  roleId!: string | null;

  @Column('text', { name: 'session_name' })
  sessionName!: string;

  @Column('text', { name: 'source_identity', nullable: true })
  sourceIdentity!: string | null;

  @Column('text', { name: 'source_ip' })
  sourceIp!: string;

  /** Who asked for it. */
  @Column('text', { name: 'issuer_arn' })
  issuerArn!: string;

  /** The session that asked for it, where roles are chained. */
  @Column('uuid', { name: 'parent_session_id', nullable: true })
  parentSessionId!: string | null;

  /** The first session of the chain; itself where it was the first. */
  @Column('uuid', { name: 'root_session_id' })
  rootSessionId!: string;

  @Column('timestamptz', { name: 'issued_at' })
  issuedAt!: Date;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;

  @Column('bytea', { name: 'token_sha256' })
  tokenSha256!: Buffer;
}
