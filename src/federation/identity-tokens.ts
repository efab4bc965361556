import { Inject, Injectable } from '@nestjs/common';
import { compactVerify } from 'jose';

import type { AccountId } from '../domain/arn.js';
import { ApiError, type ErrorCode } from '../domain/errors.js';
import { badToken, identityIn, noWishes, readIdentityToken, requireValidClaims, wishesIn, type UnverifiedToken } from '../domain/identity-token.js';
import type { FederatedIdentityCaller, FederatedWishes } from '../domain/principal.js';
import { issuerInUrl, providerArn } from '../domain/providers.js';
import type { OidcProviderRow } from '../identities/providers.entities.js';
import { IdentityProvidersStore, isOidc } from '../identities/providers.store.js';
import { TrustedIssuers } from '../identities/trusted-issuers.js';
import type { Config } from '../kernel/config.js';
import { Endpoint } from '../kernel/endpoint.js';
import { CONFIG } from '../kernel/kernel.js';
import { OutboundError, type OutboundFault } from '../kernel/outbound.js';
import { OidcIssuers } from './oidc-issuers.js';

/** A token that an account's identity provider signed. */
export interface SignedIdentity {
  readonly caller: FederatedIdentityCaller;
  /** Why it is not accepted although its signature was right. */
  readonly refusal?: ApiError;
}

const NO_KEYS = "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements";
/** How the faults of fetching are told: what a network looks like is for the log. */
const faults: Readonly<Record<OutboundFault, readonly [ErrorCode, string]>> = {
  unreachable: ['IDPCommunicationError', 'The identity provider could not be reached to verify the ID Token. Repeat the request.'],
  certificate: ['InvalidIdentityToken', "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"],
  // Alike, so that nobody learns which names a network knows.
  forbidden: ['InvalidIdentityToken', NO_KEYS],
  nameless: ['InvalidIdentityToken', NO_KEYS],
  answer: ['InvalidIdentityToken', NO_KEYS],
};
/** How many keys are tried for a token that does not say which. */
const TRIED_MAX = 10;

/** Believes tokens of the OpenID Connect providers of accounts (AWS STS API Reference: AssumeRoleWithWebIdentity). */
@Injectable()
export class IdentityTokens {
  constructor(
    private readonly providers: IdentityProvidersStore,
    private readonly issuers: OidcIssuers,
    private readonly endpoint: Endpoint,
    @Inject(CONFIG) private readonly config: Config,
    private readonly trusted: TrustedIssuers,
  ) {}

  /**
   * Whose token it is, for a role of an account. Throws InvalidIdentityToken where no provider of that account signed it, and
   * IDPCommunicationError where that cannot be found out.
   */
  async verify(text: string, { account, role }: { account: AccountId; role: string }, now: Date): Promise<SignedIdentity> {
    const token = readIdentityToken(text);
    const provider = await this.#provider(token, account);
    await this.#requireSignature(token, provider);
    const identity = identityIn(token, provider.url);
    const arn = providerArn({ type: 'oidc-provider', account, name: provider.url });
    const { wishes, refusal } = judged(() => {
      requireValidClaims(token, { clientIds: provider.clientIds, now });
      return wishesIn(token, role);
    });
    const caller: FederatedIdentityCaller = { kind: 'federated-identity', account, provider: arn, providerId: provider.providerId, protocol: 'oidc', issuer: token.issuer, ...identity, userId: `${arn}:${identity.audience}:${identity.subject}`, wishes };
    const refused = (await this.trusted.refusal(account, arn)) ?? refusal;
    return { caller, ...(refused && { refusal: refused }) };
  }

  async #provider({ issuer }: UnverifiedToken, account: AccountId): Promise<OidcProviderRow> {
    const unknown = badToken(`No OpenIDConnect provider found in your account for ${issuer.slice(0, 255)}`);
    // What Stint says of its own sessions must not begin new ones, which nothing would tie to them (sts-api §12).
    if (issuer.startsWith(`${this.endpoint.url}/oidc/`)) throw unknown;
    const name = issuerName(issuer, this.config.issuers.allowInsecure);
    const found = name === undefined ? undefined : await this.providers.find(providerArn({ type: 'oidc-provider', account, name }));
    if (found === undefined || !isOidc(found)) throw unknown;
    return found;
  }

  async #requireSignature(token: UnverifiedToken, { thumbprints, accountId: account }: OidcProviderRow): Promise<void> {
    const keys = await this.issuers.keys({ url: token.issuer, thumbprints, account }, token.algorithm, token.keyId).catch(told);
    if (keys.length === 0) throw badToken(NO_KEYS);
    for (const key of keys.slice(0, TRIED_MAX)) {
      const isRight = await compactVerify(token.text, key, { algorithms: [token.algorithm] }).then(
        () => true,
        () => false,
      );
      if (isRight) return;
    }
    throw badToken('The signature of the ID Token is not valid.');
  }
}

/** An issuer as ARNs write it; http is for trying things out on one machine. */
export function issuerName(url: string, allowInsecure: boolean): string | undefined {
  const isLocal = allowInsecure && /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?=[:/]|$)/.test(url);
  return url.includes('?') ? undefined : issuerInUrl(isLocal ? url.replace(/^http:/, 'https:') : url);
}

function judged(read: () => FederatedWishes): { wishes: FederatedWishes; refusal?: ApiError } {
  try {
    return { wishes: read() };
  } catch (error) {
    if (error instanceof ApiError) return { wishes: noWishes, refusal: error };
    throw error;
  }
}

function told(error: unknown): never {
  if (error instanceof OutboundError) throw new ApiError(...faults[error.fault], { detail: { why: error.message } });
  throw error;
}
