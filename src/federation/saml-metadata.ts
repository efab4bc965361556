import { X509Certificate } from 'node:crypto';

import { SaxesParser, type SaxesTagNS } from 'saxes';

import { ApiError } from '../domain/errors.js';

/** What is read out of the metadata of a SAML identity provider. */
export interface SamlMetadata {
  readonly entityId: string;
  /** The certificates that assertions are signed with, DER in base64. */
  readonly certificates: readonly string[];
}

const METADATA = 'urn:oasis:names:tc:SAML:2.0:metadata';
const PROTOCOL = 'urn:oasis:names:tc:SAML:2.0:protocol';
const SIGNATURE = 'http://www.w3.org/2000/09/xmldsig#';

/** Elements that lead from the document's root to a signing certificate, outermost first. */
const WAY = [
  [METADATA, 'EntityDescriptor'],
  [METADATA, 'IDPSSODescriptor'],
  [METADATA, 'KeyDescriptor'],
  [SIGNATURE, 'KeyInfo'],
  [SIGNATURE, 'X509Data'],
  [SIGNATURE, 'X509Certificate'],
] as const;

/** How deep elements may lie in each other; metadata is some ten deep, and looking up a prefix takes as many steps. */
const DEPTH_MAX = 50;
/** The longest entity id (SAML metadata §2.2.1). */
const ENTITY_ID_MAX = 1_024;
/** How many signing certificates a provider may have, and how many characters each. */
const CERTIFICATES_MAX = 20;
const CERTIFICATE_MAX = 16_384;

/**
 * Reads the metadata of a SAML 2.0 identity provider (OASIS SAML metadata §2). Throws InvalidInput for what is not
 * well-formed, has a document type, is nested too deeply, or does not describe an identity provider with an X.509
 * certificate to verify its signatures by. Nothing is resolved or fetched; the time is linear in the length.
 */
export function parseSamlMetadata(text: string): SamlMetadata {
  const reader = new MetadataReader();
  const parser = new SaxesParser({ xmlns: true, position: false });
  parser.on('error', ({ message }) => {
    throw unparsable(message);
  });
  parser.on('doctype', () => {
    throw unparsable('it has a document type');
  });
  parser.on('opentag', (tag) => {
    reader.open(tag);
  });
  parser.on('text', (part) => {
    reader.text(part);
  });
  parser.on('cdata', (part) => {
    reader.text(part);
  });
  parser.on('closetag', () => {
    reader.close();
  });
  // Half a character of UTF-16 is none of XML; the parser reads it together with what follows.
  if (/\p{Surrogate}/u.test(text)) throw unparsable('it has half a character');
  parser.write(text).close();
  return reader.found();
}

/** Follows the elements of a document on the way to its signing certificates. */
class MetadataReader {
  #depth = 0;
  /** How many of the open elements, from the root, lie on the way. */
  #along = 0;
  #entityId: string | undefined;
  #isIdp = false;
  #certificate: string | undefined;
  readonly #certificates = new Set<string>();

  open(tag: SaxesTagNS): void {
    const isNext = this.#along === this.#depth && leads(tag, this.#depth);
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw unparsable('its elements are nested too deeply');
    if (!isNext) return;
    this.#along = this.#depth;
    if (this.#depth === 1) this.#entityId = attribute(tag, 'entityID');
    if (this.#depth === 2) this.#isIdp = true;
    if (this.#depth === WAY.length) this.#certificate = '';
  }

  text(part: string): void {
    if (this.#certificate === undefined) return;
    this.#certificate += part;
    if (this.#certificate.length > CERTIFICATE_MAX) throw unparsable('a certificate is too long');
  }

  close(): void {
    if (this.#along === this.#depth) {
      if (this.#certificate !== undefined && this.#along === WAY.length) this.#keep(this.#certificate);
      this.#along -= 1;
    }
    this.#depth -= 1;
  }

  #keep(text: string): void {
    this.#certificate = undefined;
    this.#certificates.add(certificateIn(text));
    if (this.#certificates.size > CERTIFICATES_MAX) throw unparsable('it has too many certificates');
  }

  found(): SamlMetadata {
    const entityId = this.#entityId;
    if (entityId === undefined || entityId === '' || entityId.length > ENTITY_ID_MAX) throw unparsable('it is no EntityDescriptor with an entityID');
    if (!this.#isIdp) throw unparsable('it has no IDPSSODescriptor of SAML 2.0');
    if (this.#certificates.size === 0) throw unparsable('it has no X.509 certificate for signing');
    return { entityId, certificates: [...this.#certificates] };
  }
}

/** Whether an element is the one at this depth on the way; a key that only encrypts verifies nothing. */
function leads(tag: SaxesTagNS, depth: number): boolean {
  const [uri, local] = WAY[depth] ?? [];
  if (tag.uri !== uri || tag.local !== local) return false;
  if (local === 'IDPSSODescriptor') return (attribute(tag, 'protocolSupportEnumeration') ?? '').split(/\s+/).includes(PROTOCOL);
  return local !== 'KeyDescriptor' || (attribute(tag, 'use') ?? 'signing') === 'signing';
}

/** The value of an attribute without a prefix. */
function attribute(tag: SaxesTagNS, name: string): string | undefined {
  return tag.attributes[name]?.value;
}

/** A certificate in base64 without white space. Throws InvalidInput for what is none. */
function certificateIn(text: string): string {
  const base64 = text.replace(/\s+/g, '');
  const der = Buffer.from(base64, 'base64');
  if (der.toString('base64') !== base64) throw unparsable('a certificate is not in base64');
  try {
    return new X509Certificate(der).raw.toString('base64');
  } catch (error) {
    throw unparsable('a certificate is none', error);
  }
}

// Callers get AWS's words; the log has the reason.
function unparsable(why: string, cause?: unknown): ApiError {
  return new ApiError('InvalidInput', 'Could not parse metadata', { detail: { why }, ...(cause !== undefined && { cause }) });
}
