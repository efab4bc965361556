import { ApiError } from '../domain/errors.js';
import { providerInArn, type ProviderType } from '../domain/providers.js';

/** IAM quota: providers of each kind in an account. */
const PROVIDERS_MAX = 100;
const QUOTAS = { 'oidc-provider': 'OpenIDConnectProvidersPerAccount', 'saml-provider': 'SAMLProvidersPerAccount' } as const;

/** Throws InvalidInput for what cannot be the ARN of a provider of this kind. */
export function requireProviderArn(arn: string, type: ProviderType): void {
  if (providerInArn(arn)?.type !== type) throw new ApiError('InvalidInput', `ARN ${arn} is not valid.`);
}

/** Throws LimitExceeded where an account has as many providers of a kind as it may. */
export function requireRoom(count: number, type: ProviderType): void {
  if (count >= PROVIDERS_MAX) throw overQuota(QUOTAS[type], PROVIDERS_MAX);
}

/** The refusal of what goes beyond a quota. */
export function overQuota(quota: string, most: number): ApiError {
  return new ApiError('LimitExceeded', `Cannot exceed quota for ${quota}: ${String(most)}`);
}
