import { createHash, X509Certificate } from 'node:crypto';
import { checkServerIdentity, type PeerCertificate, type TLSSocket } from 'node:tls';

/** Whom a server has to prove to be. */
export interface Expected {
  readonly host: string;
  /** SHA-1, 40 hex digits each. */
  readonly thumbprints: readonly string[];
  readonly now: Date;
}

/** More than any chain needs. */
const CHAIN_MAX = 8;

/**
 * Why a server is not believed to be the host; undefined where a trusted CA vouches for it, or a pinned certificate does
 * (IAM User Guide: obtaining the thumbprint for an OpenID Connect provider).
 */
export function disbelief(socket: TLSSocket, { host, thumbprints, now }: Expected): string | undefined {
  if (socket.authorized) return undefined;
  const other = checkServerIdentity(host.replace(/^\[|\]$/g, ''), socket.getPeerCertificate());
  if (other !== undefined) return other.message;
  const pinned = new Set(thumbprints.map((thumbprint) => thumbprint.toLowerCase()));
  return isPinned(chainOf(socket), pinned, now) ? undefined : `no trusted CA vouches for it (${String(socket.authorizationError)}), and none of its certificates is pinned`;
}

/** The certificates that a server has shown, its own first. */
function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  const seen = new Set<string>();
  let at: (PeerCertificate & { issuerCertificate?: PeerCertificate }) | undefined = socket.getPeerCertificate(true);
  // A root names itself as its issuer.
  while (at?.raw !== undefined && chain.length < CHAIN_MAX && !seen.has(at.fingerprint256)) {
    seen.add(at.fingerprint256);
    chain.push(new X509Certificate(at.raw));
    at = at.issuerCertificate;
  }
  return chain;
}

/** Whether the server's own certificate is pinned, or follows from one that is by certificates of CAs, all of them in force. */
function isPinned(chain: readonly X509Certificate[], pinned: ReadonlySet<string>, now: Date): boolean {
  for (const [index, certificate] of chain.entries()) {
    const below = chain[index - 1];
    if (below !== undefined && !(certificate.ca && below.checkIssued(certificate) && below.verify(certificate.publicKey))) return false;
    if (now < new Date(certificate.validFrom) || now >= new Date(certificate.validTo)) return false;
    if (pinned.has(createHash('sha1').update(certificate.raw).digest('hex'))) return true;
  }
  return false;
}
