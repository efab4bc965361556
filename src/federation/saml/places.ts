import type { SamlMoment, SamlTrust } from './response.js';

/** The audience that identity providers with a preset for AWS write (IAM User Guide: SAML assertions for the authentication response). */
const AWS_AUDIENCE = 'urn:amazon:webservices';

/**
 * Where responses for a provider may be sent, and for whom they may be meant. The URLs are this service's own, so that a
 * response for AWS, or for another Stint, is of no use here; the one with the provider's id is for that provider only.
 */
export function placesOf(publicUrl: string, providerId: string): Pick<SamlMoment, 'recipients'> & Pick<SamlTrust, 'audiences'> {
  const base = `${publicUrl.replace(/\/$/, '')}/saml`;
  const own = `${base}/acs/${providerId}`;
  return { recipients: [base, own], audiences: [AWS_AUDIENCE, base, own] };
}
