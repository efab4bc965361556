import { hash } from 'node:crypto';

import { Inject, Injectable } from '@nestjs/common';

import { NONCE_BYTES } from '../domain/aead.js';
import type { AccountId } from '../domain/arn.js';
import type { ApiError } from '../domain/errors.js';
import { ACCESS_KEY_ID_BYTES, accessKeyId, SECRET_ACCESS_KEY_BYTES, secretAccessKey } from '../domain/ids.js';
import { callerArn, callerUserId, principalArn, principalId, type Caller, type SessionFacts } from '../domain/principal.js';
import { joinedChain, longerChain, withinChain, type Chain, type Line } from '../domain/session-chain.js';
import { requireMinRemaining, type DurationLimit, type Granted } from '../domain/session-rules.js';
import { sealSession, tokenUtilization, type SessionClaims } from '../domain/session-token.js';
import type { Config } from '../kernel/config.js';
import { Random } from '../kernel/effects.js';
import { CONFIG } from '../kernel/kernel.js';
import { Keyring } from '../kernel/keyring.js';
import type { IssueCtx } from '../kernel/handler.js';
import { Revocations } from './revocations.js';
import type { LinkColumns } from './sessions.entities.js';
import { SessionsStore } from './sessions.store.js';

/** Whoever a new session acts as. */
export type Actor =
  | { readonly kind: 'assumed-role'; readonly account: AccountId; readonly roleId: string; readonly roleName: string; readonly rolePath: string; readonly sessionName: string }
  | { readonly kind: 'user'; readonly account: AccountId; readonly userId: string; readonly userName: string; readonly path: string }
  | { readonly kind: 'root'; readonly account: AccountId }
  | { readonly kind: 'federated-user'; readonly account: AccountId; readonly name: string; readonly by?: { readonly userId: string; readonly userName: string; readonly path: string } };

/** Who acts for somebody, so that he can be found by his name when he is gone. */
export interface ActedBy {
  readonly arn: string;
  readonly id: string;
}

/** What a new session says, beyond whom it acts as. */
export interface SessionRequest {
  readonly actor: Actor;
  readonly facts: Pick<SessionFacts, 'origin' | 'sourceIdentity' | 'tags' | 'transitiveTagKeys' | 'policies' | 'scopedDown' | 'mfaAt' | 'narrowedFrom' | 'federation' | 'ceilings' | 'delegates'>;
  /** How long the session lasts, before the rules of chains are applied. */
  readonly granted: Granted;
  /** DurationSeconds of the request. */
  readonly requested: number | undefined;
  /** The least it must last, in seconds. */
  readonly minRemaining?: number | undefined;
  /** MinimumSessionTokenSize, in characters. */
  readonly minimumTokenSize?: number | undefined;
  /** The operation that makes it, and what its caller calls it. */
  readonly operation: string;
  readonly description?: string | undefined;
  /** Who acts in it by a token that he shows for it, by the ARN under which his account knows him. */
  readonly actedBy?: ActedBy | undefined;
  /** The chains of the tokens that it is obtained with, besides the session that asks. */
  readonly joined?: readonly Chain[] | undefined;
}

/** What holds for a session that somebody is given in exchange, beyond what would hold if he assumed the role. */
export interface Bounds {
  readonly operation: string;
  /** When what is exchanged ends. */
  readonly notAfter: Date;
  /** What narrowed the session that is exchanged, and who acts for it. */
  readonly facts: Pick<SessionFacts, 'ceilings' | 'delegates'> & Partial<Pick<SessionFacts, 'scopedDown'>>;
  /** The chains of the token that is exchanged, where no session is behind it, and of who acts. */
  readonly joined: readonly Chain[];
  readonly actedBy: ActedBy | undefined;
  /** Condition keys that say who acts. */
  readonly context: Readonly<Record<string, string | undefined>>;
  /** How a managed policy is refused that is not there. */
  readonly unknownPolicy: (arn: string) => ApiError;
}

/** New credentials and what is answered about them. */
export interface Issued {
  readonly Credentials: { AccessKeyId: string; SecretAccessKey: string; SessionToken: string; Expiration: Date };
  readonly SessionTokenSize: number;
  readonly SessionTokenUtilization: number;
  readonly SessionId: string;
  readonly Duration: { Requested?: number; Granted: number; LimitedBy: DurationLimit };
}

/** Makes temporary credentials: build the claims, seal them, and hand over the row. */
@Injectable()
export class Issuer {
  constructor(
    private readonly keyring: Keyring,
    private readonly store: SessionsStore,
    private readonly random: Random,
    private readonly revocations: Revocations,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Credentials of a new session; its row is committed with the event of the call before they are released. Throws
   * AccessDenied where the chain of sessions has come to its end, InsufficientSessionLifetime and PackedPolicyTooLarge.
   */
  issue(ctx: IssueCtx, request: SessionRequest): Issued {
    const { caller, issuedAt: now } = ctx;
    const granted = withinChain(request.granted, caller.session, { now, ceilingSeconds: this.config.chainMaxSeconds });
    requireMinRemaining(granted, request.minRemaining);
    const claims = this.#claims(ctx, request, granted);
    const token = sealSession(this.keyring, claims, { nonce: this.random.bytes(NONCE_BYTES), minimumLength: request.minimumTokenSize });
    ctx.append(this.store.issued(rowOf({ ctx, request, claims, token })));
    return {
      Credentials: { AccessKeyId: claims.accessKeyId, SecretAccessKey: claims.secret.reveal(), SessionToken: token, Expiration: claims.session.expiresAt },
      SessionTokenSize: token.length,
      SessionTokenUtilization: tokenUtilization(token),
      SessionId: claims.session.sessionId,
      Duration: { ...(request.requested !== undefined && { Requested: request.requested }), Granted: granted.seconds, LimitedBy: granted.limitedBy },
    };
  }

  #claims({ caller, now }: IssueCtx, request: SessionRequest, { seconds }: Granted): SessionClaims {
    const sessionId = this.random.uuid();
    const principal = principalIdOf(request.actor);
    const startedBy = principalId(caller);
    const chainAt = (at: Date): Chain => joinedChain(longerChain(caller.session, { sessionId, principalId: principal, issuedAt: at }, startedBy), request.joined ?? []);
    // Issued after the sessions were ended that it might be taken for, though within the same moment.
    const issuedAt = this.revocations.issueTime(chainAt(now), now);
    const begun = chainAt(issuedAt);
    return {
      ...request.actor,
      accessKeyId: accessKeyId('ASIA', this.random.bytes(ACCESS_KEY_ID_BYTES)),
      secret: secretAccessKey(this.random.bytes(SECRET_ACCESS_KEY_BYTES)),
      session: {
        // Who acts for somebody goes on acting for him, whatever sessions he obtains.
        ...(caller.session?.delegates && { delegates: caller.session.delegates }),
        ...request.facts,
        ...begun,
        sessionId,
        issuedAt,
        // AWS shows whole seconds; the session must not end before or after what the client was told.
        expiresAt: new Date((Math.floor(now.getTime() / 1000) + seconds) * 1000),
      },
    };
  }
}

function principalIdOf(actor: Actor): string {
  switch (actor.kind) {
    case 'assumed-role':
      return actor.roleId;
    case 'user':
      return actor.userId;
    case 'root':
      return actor.account;
    case 'federated-user':
      return `${actor.account}:${actor.name}`;
  }
}

function rowOf({ ctx, request, claims, token }: { ctx: IssueCtx; request: SessionRequest; claims: SessionClaims; token: string }): Parameters<SessionsStore['issued']>[0] {
  const { caller } = ctx;
  const { session } = claims;
  const acting = { ...request.actor, accessKeyId: claims.accessKeyId, session } as Caller;
  const before = session.chain.slice(0, -1);
  return {
    sessionId: session.sessionId,
    accessKeyId: claims.accessKeyId,
    accountId: claims.account,
    kind: claims.kind,
    operation: request.operation,
    principalArn: callerArn(acting),
    principalId: callerUserId(acting),
    roleId: claims.kind === 'assumed-role' ? claims.roleId : null,
    roleArn: claims.kind === 'assumed-role' ? principalArn(acting) : null,
    sessionName: claims.kind === 'assumed-role' ? claims.sessionName : claims.kind === 'federated-user' ? claims.name : null,
    sourceIdentity: session.sourceIdentity ?? null,
    sourceIp: ctx.source.ip,
    issuerArn: callerArn(caller),
    issuerId: principalId(caller),
    issuerAccountId: caller.account,
    actorArn: request.actedBy?.arn ?? null,
    actorId: request.actedBy?.id ?? null,
    parentSessionId: before.at(-1)?.sessionId ?? null,
    rootSessionId: session.chain[0]?.sessionId ?? session.sessionId,
    ancestors: before.length === 0 ? null : linksOf(before),
    beside: session.beside?.map((line) => [line.startedBy, ...linksOf(line.chain)] as const) ?? null,
    startedBy: session.startedBy,
    description: request.description ?? null,
    issuedAt: session.issuedAt,
    expiresAt: session.expiresAt,
    tokenSha256: hash('sha256', token, 'buffer'),
  };
}

/** Links as rows have them. */
function linksOf(chain: Line['chain']): readonly LinkColumns[] {
  return chain.map(({ sessionId, principalId: id, issuedAt }) => [sessionId, id, issuedAt.getTime()]);
}
