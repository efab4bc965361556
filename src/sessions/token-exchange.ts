import { hash } from 'node:crypto';

import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { iamArn } from '../domain/arn.js';
import { requireCredential } from '../domain/credential-rules.js';
import { delegated, type Delegate } from '../domain/delegation.js';
import { ApiError } from '../domain/errors.js';
import type { SigningAlgorithm } from '../domain/issuer-keys.js';
import { callerUserId, principalId, type Caller, type Holder } from '../domain/principal.js';
import { badScope, readScope } from '../domain/scope.js';
import type { Chain } from '../domain/session-chain.js';
import { openSession } from '../domain/session-token.js';
import { Endpoint } from '../kernel/endpoint.js';
import type { IssueCtx } from '../kernel/handler.js';
import { Keyring } from '../kernel/keyring.js';
import { FederatedAssumption } from './assume-federated.js';
import { roleAccount, RoleAssumption } from './assume-role.js';
import { Delegation, type Acting } from './delegation.js';
import { TOKEN_TYPES, type exchangeContracts } from './exchange.contract.js';
import { IdentityTokenIssuer, tokenEndpointOf } from './identity-token-issuer.js';
import type { Bounds, Issued } from './issuer.js';

type Input = z.output<typeof exchangeContracts.ExchangeSession.input>;
type Output = z.input<typeof exchangeContracts.ExchangeToken.output>;

/** What is exchanged. */
export interface Subject {
  readonly operation: 'ExchangeToken' | 'ExchangeSession';
  /** When it ends. */
  readonly expiresAt: Date;
  /** The token, where it is one. */
  readonly token?: string;
  readonly tokenId?: string | undefined;
  /** What the token ends with, where it is one of Stint. */
  readonly chain?: Chain | undefined;
}

/** What exchanged tokens are signed with. */
const ALGORITHM: SigningAlgorithm = 'ES384';
/** What the name of a role session can be (STS API: roleSessionNameType). */
const SESSION_NAME = /^[\w+=,.@-]{2,64}$/;

/** Gives credentials of roles in exchange for tokens and sessions (RFC 8693). */
@Injectable()
export class TokenExchange {
  constructor(
    private readonly roles: RoleAssumption,
    private readonly federated: FederatedAssumption,
    private readonly delegation: Delegation,
    private readonly tokens: IdentityTokenIssuer,
    private readonly keyring: Keyring,
    private readonly endpoint: Endpoint,
  ) {}

  /** Carries out ExchangeToken and ExchangeSession; see their contracts for what is refused. */
  async exchange(input: Input, subject: Subject, ctx: IssueCtx): Promise<Output> {
    const { RequestedTokenType: type = TOKEN_TYPES.accessToken, ActorToken, ActorTokenType, Audience, Scope } = input;
    if ((ActorToken === undefined) !== (ActorTokenType === undefined)) throw new ApiError('ValidationError', 'actorToken and actorTokenType must be given together.');
    if (type === TOKEN_TYPES.credentials && Audience !== undefined) throw new ApiError('InvalidTarget', 'Credentials are for no audience; only tokens are.');
    // Whatever may be exchanged, it is for assuming a role.
    if (ctx.caller.kind !== 'federated-identity') requireCredential(ctx.caller, { name: 'AssumeRole', service: 'sts' });
    const acting = ActorToken === undefined ? undefined : await this.delegation.verified({ actorToken: ActorToken, subjectToken: subject.token, roleArn: input.RoleArn }, ctx.now);
    ctx.note({
      additional: {
        ...(subject.tokenId !== undefined && { subjectTokenId: subject.tokenId }),
        ...(acting && { actor: { ...acting.delegate }, ...(acting.isReported && { untrustedActorIssuer: acting.delegate.arn }) }),
      },
    });
    const issued = await this.#begun(input, { subject, acting }, ctx);
    // After the subject was judged, so that who is refused himself learns nothing of his actor.
    if (acting !== undefined) await this.delegation.require(acting, input.RoleArn, ctx);
    const { Credentials, SessionId } = issued;
    const answer = { IssuedTokenType: type, ExpiresIn: Math.floor(Credentials.Expiration.getTime() / 1000) - Math.floor(ctx.issuedAt.getTime() / 1000), ...(Scope !== undefined && { Scope }), SessionId };
    if (type === TOKEN_TYPES.credentials) return { ...answer, Credentials };
    const audience = [Audience ?? tokenEndpointOf(this.endpoint.url)];
    const signed = await this.tokens.issue({ holder: this.#holderOf(issued), audience, algorithm: ALGORITHM, seconds: answer.ExpiresIn, requestTags: [], scope: Scope }, ctx);
    ctx.note({ additional: { jti: signed.tokenId, kid: signed.keyId } });
    return { ...answer, AccessToken: signed.token };
  }

  async #begun(input: Input, { subject, acting }: { subject: Subject; acting: Acting | undefined }, ctx: IssueCtx): Promise<Pick<Issued, 'Credentials' | 'SessionId'>> {
    const { caller } = ctx;
    const asked = { RoleArn: input.RoleArn, RoleSessionName: sessionNameOf(caller), ...ceilingOf(input) };
    const bounds = boundsOf(subject, acting, caller);
    return caller.kind === 'federated-identity' ? this.federated.assumeWithWebIdentity({ ...asked, WebIdentityToken: subject.token ?? '' }, ctx, bounds) : this.roles.assume(asked, ctx, bounds);
  }

  /** Whoever holds credentials that were just issued. */
  #holderOf({ Credentials: { AccessKeyId, SessionToken } }: Pick<Issued, 'Credentials'>): Holder {
    const opened = openSession(this.keyring, SessionToken, AccessKeyId);
    if (opened === undefined || !('claims' in opened) || opened.claims.kind !== 'assumed-role') throw new Error('a session that was just issued is not that of a role');
    const { secret: _, ...holder } = opened.claims;
    return holder;
  }
}

/** The session policy that scopes stand for. */
function ceilingOf({ Scope, RoleArn }: Input): { Policy?: string; PolicyArns?: { arn: string }[] } {
  if (Scope === undefined) return {};
  const { policy, policyNames } = readScope(Scope);
  const account = roleAccount(RoleArn);
  return { ...(policy !== undefined && { Policy: policy }), ...(policyNames.length > 0 && { PolicyArns: policyNames.map((name) => ({ arn: iamArn(account, 'policy', `/${name}`) })) }) };
}

function boundsOf(subject: Subject, acting: Acting | undefined, { session }: Caller): Bounds {
  const ceilings = [...(session?.ceilings ?? []), ...(session?.policies === undefined ? [] : [session.policies])];
  const delegates = delegated(acting?.delegate, session?.delegates ?? []);
  return {
    operation: subject.operation,
    notAfter: acting !== undefined && acting.expiresAt < subject.expiresAt ? acting.expiresAt : subject.expiresAt,
    facts: {
      ...(session !== undefined && { scopedDown: session.scopedDown }),
      ...(ceilings.length > 0 && { ceilings }),
      ...(delegates.length > 0 && { delegates }),
    },
    // The chain of a session goes on by itself.
    joined: [...(session === undefined && subject.chain !== undefined ? [subject.chain] : []), ...(acting === undefined ? [] : [acting.chain])],
    actedBy: acting && { arn: acting.delegate.arn, id: principalId(acting.caller) },
    context: acting === undefined ? {} : contextOf(acting.delegate),
    unknownPolicy: (arn) => badScope(`There is no managed policy ${arn}.`),
  };
}

function contextOf({ arn, subject }: Delegate): Bounds['context'] {
  return { 'stint:ActorArn': arn, 'stint:ActorSubject': subject };
}

/** What a session is called: as its subject is where that can be a name, otherwise by what is the same for nobody else. */
function sessionNameOf(caller: Caller): string {
  const name = nameOf(caller);
  return SESSION_NAME.test(name) ? name : `subject-${hash('sha256', callerUserId(caller), 'hex').slice(0, 32)}`;
}

function nameOf(caller: Caller): string {
  switch (caller.kind) {
    case 'user':
      return caller.userName;
    case 'assumed-role':
      return caller.sessionName;
    case 'federated-user':
      return caller.name;
    case 'federated-identity':
      return caller.subject;
    case 'root':
      return caller.account;
  }
}
