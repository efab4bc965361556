import { Injectable } from '@nestjs/common';

import { NONCE_BYTES } from '../domain/aead.js';
import { ApiError } from '../domain/errors.js';
import type { SigningAlgorithm } from '../domain/issuer-keys.js';
import { principalId, type Holder } from '../domain/principal.js';
import { chainOfToken, HOLDER_CLAIM, sealSubject, SUBJECT_CLAIM } from '../domain/subject-token.js';
import type { TagFact } from '../domain/tags.js';
import { webIdentityClaims } from '../domain/web-identity.js';
import { Random } from '../kernel/effects.js';
import { Endpoint } from '../kernel/endpoint.js';
import type { IssueCtx } from '../kernel/handler.js';
import { Keyring } from '../kernel/keyring.js';
import { Authorizer } from '../policies/authorizer.js';
import { IssuerKeys, type SignedToken } from './issuer-keys.js';
import { Revocations } from './revocations.js';

/** What a token is to say. */
export interface IdentityTokenRequest {
  readonly holder: Holder;
  readonly audience: readonly string[];
  readonly algorithm: SigningAlgorithm;
  readonly seconds: number;
  readonly requestTags: readonly TagFact[];
  readonly scope?: string | undefined;
}

/** Where an account's issuer is found; its discovery document and keys lie beneath (OpenID Connect Discovery 1.0 §4). */
export function issuerOf(endpoint: string, accountId: string): string {
  return `${endpoint}/oidc/${accountId}`;
}

/** Where tokens are exchanged: the only audience whose tokens can be. */
export function tokenEndpointOf(endpoint: string): string {
  return `${endpoint}/oauth2/token`;
}

/** Makes web identity tokens, for whoever may have them. */
@Injectable()
export class IdentityTokenIssuer {
  constructor(
    private readonly keys: IssuerKeys,
    private readonly authorizer: Authorizer,
    private readonly keyring: Keyring,
    private readonly endpoint: Endpoint,
    private readonly random: Random,
    private readonly revocations: Revocations,
  ) {}

  /** A token of a holder. Throws AccessDenied, OutboundWebIdentityFederationDisabledException and JWTPayloadSizeExceededException. */
  async issue(request: IdentityTokenRequest, ctx: IssueCtx): Promise<SignedToken & { readonly tokenId: string }> {
    const { holder, audience, algorithm, seconds, requestTags, scope } = request;
    await this.#judge(request, ctx);
    const tokenId = this.random.uuid();
    const claims = webIdentityClaims({
      caller: holder,
      issuer: issuerOf(this.endpoint.url, holder.account),
      audience,
      tokenId,
      issuedAt: ctx.issuedAt,
      seconds,
      region: ctx.source.region,
      principalTags: await this.authorizer.principalTags(holder),
      requestTags,
      scope,
      sealed: this.#sealed(tokenId, request, ctx.now),
    });
    const signed = await this.keys.sign(holder.account, algorithm, claims);
    if (signed === undefined) throw new ApiError('OutboundWebIdentityFederationDisabledException', 'Outbound web identity federation is not enabled for this account.');
    return { ...signed, tokenId };
  }

  /** What its holder was, where it can be exchanged; who he was, where there is no session that says so. */
  #sealed(tokenId: string, { holder, audience }: IdentityTokenRequest, now: Date): readonly [claim: string, text: string] | undefined {
    const isForExchange = audience.length === 1 && audience[0] === tokenEndpointOf(this.endpoint.url);
    if (!isForExchange && holder.session !== undefined) return undefined;
    const claim = isForExchange ? SUBJECT_CLAIM : HOLDER_CLAIM;
    // As a session's: after what was ended before it was asked for, though within the same moment.
    const asked = chainOfToken({ accessKeyId: holder.accessKeyId, principalId: principalId(holder), issuedAt: now }, tokenId);
    const issuedAt = this.revocations.issueTime(asked, now);
    return [claim, sealSubject(this.keyring, { claim, tokenId, holder, issuedAt }, this.random.bytes(NONCE_BYTES))];
  }

  async #judge({ holder, audience, algorithm, seconds, requestTags }: IdentityTokenRequest, ctx: IssueCtx): Promise<void> {
    for (const action of ['sts:GetWebIdentityToken', ...(requestTags.length > 0 ? ['sts:TagGetWebIdentityToken'] : [])]) {
      await this.authorizer.require(
        { caller: holder, source: ctx.source, now: ctx.now },
        {
          action,
          resource: '*',
          resourceAccount: holder.account,
          requestTags,
          context: {
            'sts:IdentityTokenAudience': audience,
            'sts:SigningAlgorithm': algorithm,
            'sts:DurationSeconds': String(seconds),
            'sts:SubjectMode': 'AWSIdentity',
          },
        },
      );
    }
  }
}
