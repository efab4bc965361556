import { Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import { issuerVerdict, type IssuerVerdict } from '../domain/trusted-issuers.js';
import { TrustSettingsStore } from './trust-settings.store.js';

/** The list of identity providers that stands above an account's trust policies. */
@Injectable()
export class TrustedIssuers {
  constructor(private readonly settings: TrustSettingsStore) {}

  /** What the list of an account says of one of its providers, by the ARN of the provider. */
  async verdict(account: string, provider: string): Promise<IssuerVerdict> {
    const { issuersMode, issuers } = await this.settings.find(account);
    return issuerVerdict({ mode: issuersMode, issuers }, provider);
  }

  /** Why nobody of a provider may come; undefined where the list does not forbid it. */
  async refusal(account: string, provider: string): Promise<ApiError | undefined> {
    const verdict = await this.verdict(account, provider);
    return verdict === 'refused' ? new ApiError('IDPRejectedClaim', 'The account does not trust this identity provider.', { detail: { provider } }) : undefined;
  }
}
