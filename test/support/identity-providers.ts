import { generateKeyPairSync } from 'node:crypto';

/** Two self-signed certificates, DER in base64; their private keys are nowhere. */
export const CERTIFICATES = [
  'MIIBdDCCARqgAwIBAgIBATAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1pZHAuZXhhbXBsZSAxMCAXDTI2MTEyNTA4MzI1OFoYDzIxMjYxMTAxMDgzMjU4WjAYMRYwFAYDVQQDDA1pZHAuZXhhbXBsZSAxMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEoJH8J8yUAOvt21KTiMY20fZSa0gM67NtLyI8/C47bQ9sY3YevOZqqmNw+e8Gi4uUJPCQJNv87k8eCtduQASaWqNTMFEwHQYDVR0OBBYEFCFzXZsK0PnQB7kX2T8dMh+Rxwu7MB8GA1UdIwQYMBaAFCFzXZsK0PnQB7kX2T8dMh+Rxwu7MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAIgExFuGAcIBvWXLf69xroWoHP2/LxtGhnrd2O8v1TJzAiAYC8EIGhDz0/7xicrnYz33vYe3fv75bm5rcqTz3UJqqg==',
  'MIIBczCCARqgAwIBAgIBAjAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1pZHAuZXhhbXBsZSAyMCAXDTI2MTEyNTA4MzI1OFoYDzIxMjYxMTAxMDgzMjU4WjAYMRYwFAYDVQQDDA1pZHAuZXhhbXBsZSAyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENpYjOT7dJ4DSgwBTSLjQmESA9AG1YUT1RQQz0iutKgnTaOuIJtC4Nz2ms4j56J2JiCu/LTMtL++kp+meOORDrqNTMFEwHQYDVR0OBBYEFKkoyk9TMdUpkGkyHKr+8Ny2x7hGMB8GA1UdIwQYMBaAFKkoyk9TMdUpkGkyHKr+8Ny2x7hGMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgE2f/TYXiTc59TvMnQ2UYEw3dHlA9QHFW2CzSocCcRlgCIFZJmm0NmKhxFJVbTRyLLbFKselaJ4+s81Y/q34noLF5',
] as const;

/** How a metadata document differs from an ordinary one. */
export interface MetadataParts {
  readonly entityId?: string;
  readonly keys?: string;
  readonly descriptor?: string;
  readonly before?: string;
  readonly within?: string;
}

/** A KeyDescriptor with a certificate. */
export function keyDescriptor(certificate: string = CERTIFICATES[0], use = ' use="signing"'): string {
  return `<md:KeyDescriptor${use}><ds:KeyInfo><ds:X509Data><ds:X509Certificate>\n${certificate}\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`;
}

/** The metadata of a SAML identity provider. */
export function metadata({ entityId = 'https://idp.example/saml', keys = keyDescriptor(), descriptor = 'IDPSSODescriptor', before = '', within = '' }: MetadataParts = {}): string {
  return `<?xml version="1.0" encoding="UTF-8"?>${before}
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="${entityId}">
  <md:${descriptor} WantAuthnRequestsSigned="false" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">${keys}${within}
    <md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</md:NameIDFormat>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/sso?a=1&amp;b=2"/>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/>
  </md:${descriptor}>
  <md:Organization><md:OrganizationName xml:lang="de">B\u00fccher &lt;GmbH&gt;</md:OrganizationName></md:Organization>
</md:EntityDescriptor>`;
}

/** A new private key in PEM, perhaps encrypted. */
export function privateKey(type: 'rsa' | 'ed25519' = 'rsa', passphrase?: string, modulusLength = 2048): string {
  const key = type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength }).privateKey : generateKeyPairSync('ed25519').privateKey;
  return key.export({ type: 'pkcs8', format: 'pem', ...(passphrase !== undefined && { cipher: 'aes-256-cbc', passphrase }) }).toString();
}
