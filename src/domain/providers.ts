import { isAccountId, parseArn } from './arn.js';

/** The two kinds of identity providers, as their ARNs write them. */
export type ProviderType = 'oidc-provider' | 'saml-provider';

/** What an identity provider's ARN says. */
export interface ProviderName {
  readonly type: ProviderType;
  readonly account: string;
  /** The issuer without its scheme, or the name of a SAML provider. */
  readonly name: string;
}

const SAML_NAME = /^[\w.-]{1,128}$/;
// No wildcard, no variable and nothing that has to be escaped: the name is part of ARNs and of condition keys.
const ISSUER = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[1-9]\d{0,4})?(?:\/[\w.~!'()@%+=,:;&-]*)*$/;

/** The ARN of an identity provider (IAM User Guide: IAM identifiers). */
export function providerArn({ type, account, name }: ProviderName): string {
  return `arn:aws:iam::${account}:${type}/${name}`;
}

/** The parts of an identity provider's ARN; undefined where no provider can have it. */
export function providerInArn(text: string): ProviderName | undefined {
  const arn = parseArn(text);
  if (arn?.partition !== 'aws' || arn.service !== 'iam' || arn.region !== '' || !isAccountId(arn.account)) return undefined;
  const [, type = '', name = ''] = /^(oidc-provider|saml-provider)\/(.+)$/.exec(arn.resource) ?? [];
  if (type === 'oidc-provider') return isIssuer(name) ? { type, account: arn.account, name } : undefined;
  return type === 'saml-provider' && SAML_NAME.test(name) ? { type, account: arn.account, name } : undefined;
}

/**
 * The issuer in the URL of an OpenID Connect provider, without scheme and query, as its ARN writes it; undefined for
 * what is no https URL of an issuer (IAM API: CreateOpenIDConnectProvider; OpenID Connect Discovery §2).
 */
export function issuerInUrl(url: string): string | undefined {
  const [, issuer = ''] = /^https:\/\/([^?#]*)(?:\?[^#]*)?$/.exec(url) ?? [];
  return isIssuer(issuer) ? issuer : undefined;
}

/** Whether a text is an issuer without its scheme, written so that no URL parser reads anything else in it. */
function isIssuer(text: string): boolean {
  if (text.length > 255 || !ISSUER.test(text) || !URL.canParse(`https://${text}`)) return false;
  const [host = ''] = text.split('/', 1);
  const url = new URL(`https://${text}`);
  const path = text.slice(host.length);
  return url.host === host.toLowerCase().replace(/:443$/, '') && url.pathname === (path === '' ? '/' : path);
}
