import { isInBlock } from './policy/values.js';

/** What a request says about the way it came. */
export interface Route {
  /** The address at the other end of the connection. */
  readonly peer: string;
  /** X-Forwarded-For, all of its lines joined with commas. */
  readonly forwardedFor: string | undefined;
  /** X-Forwarded-Proto. */
  readonly forwardedProto: string | undefined;
}

/** Where a request came from, as far as it can be believed. */
export interface Origin {
  readonly ip: string;
  readonly secureTransport: boolean;
}

/** Every proxy adds one address; longer chains are not read to their end. */
const HOPS_MAX = 20;

/**
 * The client's address and whether it used TLS. Each proxy appends the address it saw, so the list is read from the
 * right and only as far as the addresses are proxies of ours: what stands further left was written by strangers.
 * Without trusted proxies the peer is the client and what it says about itself counts for nothing.
 */
export function originOf(route: Route, trusted: readonly string[]): Origin {
  const isTrusted = (ip: string): boolean => trusted.some((block) => isInBlock(block, ip) === true);
  if (!isTrusted(route.peer)) return { ip: route.peer, secureTransport: false };
  const secureTransport = route.forwardedProto?.split(',').at(-1)?.trim().toLowerCase() === 'https';
  const hops = (route.forwardedFor ?? '').split(',').slice(-HOPS_MAX).map((hop) => hop.trim());
  let ip = route.peer;
  for (const hop of hops.reverse()) {
    // What is no address was not appended by a proxy that is to be believed.
    if (isInBlock('0.0.0.0/0', hop) !== true && isInBlock('::/0', hop) !== true) break;
    ip = hop;
    if (!isTrusted(hop)) break;
  }
  return { ip, secureTransport };
}
