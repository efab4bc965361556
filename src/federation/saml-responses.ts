import { setImmediate } from 'node:timers/promises';

import { Injectable } from '@nestjs/common';

import { accountId } from '../domain/arn.js';
import { ApiError, busy } from '../domain/errors.js';
import { badToken, noWishes, requireTokenTags } from '../domain/identity-token.js';
import type { FederatedIdentityCaller, FederatedKeys, FederatedWishes } from '../domain/principal.js';
import { providerInArn } from '../domain/providers.js';
import type { SamlProviderRow } from '../identities/providers.entities.js';
import { IdentityProvidersStore, isOidc } from '../identities/providers.store.js';
import { TrustedIssuers } from '../identities/trusted-issuers.js';
import { Endpoint } from '../kernel/endpoint.js';
import { Turns } from '../kernel/turns.js';
import type { SignedIdentity } from './identity-tokens.js';
import type { RolePair } from './saml/attributes.js';
import { placesOf } from './saml/places.js';
import { nameQualifierOf, requireRole, verifyResponse, type SamlFacts, type SamlRefusal } from './saml/response.js';
import { SamlPrivateKeys } from './saml-private-keys.js';

/**
 * How many responses are looked at at a time, and how many more wait. Strangers may send them: reading one holds everybody for up
 * to ten milliseconds, and verifying and decrypting it takes up to two tenths of a second of a pool of four threads that names,
 * files and passwords need too.
 */
const TURNS = { running: 2, runningEach: 1, waiting: 256, waitingEach: 64 };

/** Believes responses of the SAML providers of accounts (AWS STS API Reference: AssumeRoleWithSAML). */
@Injectable()
export class SamlResponses {
  readonly #turns = new Turns(TURNS, () => busy('Too many SAML responses are being verified. Repeat the request in a moment.'));

  constructor(
    private readonly providers: IdentityProvidersStore,
    private readonly privateKeys: SamlPrivateKeys,
    private readonly endpoint: Endpoint,
    private readonly trusted: TrustedIssuers,
  ) {}

  /**
   * Who comes, by the provider that is named. Throws what `verifyResponse` does, InvalidIdentityToken where there is no such
   * provider, and ServiceUnavailable where too many come at once; then nothing is proved.
   */
  async verify(base64: string, wanted: RolePair, now: Date): Promise<SignedIdentity> {
    const provider = await this.#provider(wanted.principalArn);
    const { recipients, audiences } = placesOf(this.endpoint.url, provider.providerId);
    const { accountId: account, providerName, entityId, certificates, encryptionMode } = provider;
    const trust = { account, providerName, entityIds: [entityId], certificates, unwrap: this.privateKeys.of(provider), encryptionMode, audiences };
    const said = await this.#turns.take(account, async () => {
      // Whatever else is to be done is done in between, so that nobody waits for all that came before him.
      await setImmediate();
      return verifyResponse(base64, trust, { now, recipients });
    });
    const { refusal, ...about } = 'refusal' in said ? refusedBy(said, provider) : believed(said, wanted);
    const refused = (await this.trusted.refusal(account, wanted.principalArn)) ?? refusal;
    const caller: FederatedIdentityCaller = { kind: 'federated-identity', account: accountId(account), provider: wanted.principalArn, providerId: provider.providerId, protocol: 'saml', ...about };
    return { caller, ...(refused && { refusal: refused }) };
  }

  async #provider(arn: string): Promise<SamlProviderRow> {
    const found = providerInArn(arn) === undefined ? undefined : await this.providers.find(arn);
    if (found === undefined || isOidc(found)) throw badToken("Specified provider doesn't exist.");
    return found;
  }
}

/** What a response says of its subject. */
type About = Omit<FederatedIdentityCaller, 'kind' | 'account' | 'provider' | 'providerId' | 'protocol'>;

function believed(facts: SamlFacts, wanted: RolePair): About & { refusal?: ApiError } {
  return {
    issuer: facts.issuer,
    subject: facts.subject,
    userId: `${facts.nameQualifier}:${facts.subject}`,
    audience: facts.recipient,
    keys: keysOf(facts.conditionKeys),
    lastingKeys: keysOf(facts.sessionKeys),
    once: { id: facts.assertionId, acceptedUntil: facts.acceptedUntil },
    ...judged(facts, wanted),
  };
}

/** Whom a response names that is refused: of what else it says nothing is believed, and nothing is used. */
function refusedBy({ refusal, subject }: SamlRefusal, { accountId: account, providerName, entityId: issuer }: SamlProviderRow): About & { refusal: ApiError } {
  return { issuer, subject, userId: `${nameQualifierOf(issuer, { account, providerName })}:${subject}`, audience: '', keys: new Map(), lastingKeys: new Map(), wishes: noWishes, refusal };
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
