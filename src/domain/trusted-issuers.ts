import { issuerInUrl, providerInArn } from './providers.js';

/** What becomes of tokens whose issuer is not in the list: nothing, they are recorded, or they are refused. */
export const issuersModes = ['off', 'report-only', 'enforce'] as const;

/** One of them. */
export type IssuersMode = (typeof issuersModes)[number];

/** Which identity providers an account trusts, whatever its trust policies say. */
export interface TrustedList {
  readonly mode: IssuersMode;
  /** URLs of OpenID Connect issuers, and ARNs of SAML providers. */
  readonly issuers: readonly string[];
}

/** What a list says of a provider. */
export type IssuerVerdict = 'trusted' | 'reported' | 'refused';

/** Whether a text can stand in the list: the https URL of an issuer, or the ARN of a SAML provider of the account. */
export function isListable(entry: string, account: string): boolean {
  if (issuerInUrl(entry) !== undefined && !entry.includes('?')) return true;
  const named = providerInArn(entry);
  return named?.type === 'saml-provider' && named.account === account;
}

/** What the list of an account says of one of its providers, by the ARN of the provider. */
export function issuerVerdict({ mode, issuers }: TrustedList, arn: string): IssuerVerdict {
  if (mode === 'off') return 'trusted';
  const named = providerInArn(arn);
  const isListed = named?.type === 'oidc-provider' ? issuers.some((entry) => issuerInUrl(entry) === named.name) : issuers.includes(arn);
  if (isListed) return 'trusted';
  return mode === 'enforce' ? 'refused' : 'reported';
}
