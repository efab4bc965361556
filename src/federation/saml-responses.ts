import { Injectable } from '@nestjs/common';

import { accountId } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { badToken, noWishes, requireTokenTags } from '../domain/identity-token.js';
import type { FederatedIdentityCaller, FederatedKeys, FederatedWishes } from '../domain/principal.js';
import { providerInArn } from '../domain/providers.js';
import type { SamlProviderRow } from '../identities/providers.entities.js';
import { IdentityProvidersStore, isOidc } from '../identities/providers.store.js';
import { TrustedIssuers } from '../identities/trusted-issuers.js';
import { Database } from '../kernel/database.js';
import { Endpoint } from '../kernel/endpoint.js';
import { Keyring } from '../kernel/keyring.js';
import type { SignedIdentity } from './identity-tokens.js';
import type { RolePair } from './saml/attributes.js';
import { placesOf } from './saml/places.js';
import { requireRole, verifyResponse, type SamlFacts } from './saml/response.js';

/** Believes responses of the SAML providers of accounts (AWS STS API Reference: AssumeRoleWithSAML). */
@Injectable()
export class SamlResponses {
  constructor(
    private readonly providers: IdentityProvidersStore,
    private readonly keyring: Keyring,
    private readonly endpoint: Endpoint,
    private readonly database: Database,
    private readonly trusted: TrustedIssuers,
  ) {}

  /** Who comes, by the provider that is named. Throws what `verifyResponse` does, and InvalidIdentityToken where there is no such provider. */
  async verify(base64: string, wanted: RolePair, now: Date): Promise<SignedIdentity> {
    const provider = await this.#provider(wanted.principalArn);
    const privateKeys = (await this.database.read((tx) => this.providers.privateKeys(tx, provider))).map(({ keyId, sealed }) => this.keyring.openSamlKey(keyId, sealed));
    const { recipients, audiences } = placesOf(this.endpoint.url, provider.providerId);
    const { accountId: account, providerName, entityId, certificates, encryptionMode } = provider;
    const facts = verifyResponse(base64, { account, providerName, entityIds: [entityId], certificates, privateKeys, encryptionMode, audiences }, { now, recipients });
    const { wishes, refusal } = judged(facts, wanted);
    const refused = (await this.trusted.refusal(account, wanted.principalArn)) ?? refusal;
    const caller: FederatedIdentityCaller = {
      kind: 'federated-identity',
      account: accountId(account),
      provider: wanted.principalArn,
      providerId: provider.providerId,
      protocol: 'saml',
      issuer: facts.issuer,
      subject: facts.subject,
      userId: `${facts.nameQualifier}:${facts.subject}`,
      audience: facts.recipient,
      keys: keysOf(facts.conditionKeys),
      lastingKeys: keysOf(facts.sessionKeys),
      wishes,
      once: { id: facts.assertionId, acceptedUntil: facts.acceptedUntil },
    };
    return { caller, ...(refused && { refusal: refused }) };
  }

  async #provider(arn: string): Promise<SamlProviderRow> {
    const found = providerInArn(arn) === undefined ? undefined : await this.providers.find(arn);
    if (found === undefined || isOidc(found)) throw badToken("Specified provider doesn't exist.");
    return found;
  }
}

function keysOf(keys: Readonly<Record<string, string | readonly string[]>>): FederatedKeys {
  return new Map(Object.entries(keys).map(([key, value]) => [key.toLowerCase(), value]));
}

/** What a response asks for the session, or why it may not. */
function judged(facts: SamlFacts, wanted: RolePair): { wishes: FederatedWishes; refusal?: ApiError } {
  try {
    requireRole(facts, wanted);
    const { roleSessionName: sessionName, sessionDuration, sessionNotOnOrAfter, sourceIdentity, tags, transitiveTagKeys } = facts;
    return {
      wishes: {
        sessionName,
        isRoleListed: false,
        ...requireTokenTags({ tags, transitiveTagKeys }),
        ...(sourceIdentity !== undefined && { sourceIdentity }),
        ...(sessionDuration !== undefined && { sessionDuration }),
        ...(sessionNotOnOrAfter !== undefined && { sessionNotOnOrAfter }),
      },
    };
  } catch (error) {
    if (error instanceof ApiError) return { wishes: noWishes, refusal: error };
    throw error;
  }
}
