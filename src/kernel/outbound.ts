import { request as requestPlain, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { rootCertificates, type TLSSocket } from 'node:tls';

import { Inject, Injectable } from '@nestjs/common';
import ipaddr from 'ipaddr.js';

import { disbelief } from './certificates.js';
import type { Config } from './config.js';
import { Clock } from './effects.js';
import { CONFIG } from './kernel.js';
import { Names } from './names.js';
import { Turns } from './turns.js';

/** Why nothing was fetched. */
export type OutboundFault =
  /** The URL is none that may be fetched, or its host has an address that may not be reached. */
  | 'forbidden'
  /** Its host has no address: to strangers that must read like an address that may not be reached. */
  | 'nameless'
  /** No connection, or not in time. */
  | 'unreachable'
  /** The server did not prove to be who the URL names. */
  | 'certificate'
  /** An answer came that is none: a status other than 200, a redirect to elsewhere, or too much of it. */
  | 'answer';

/** What went wrong when something was fetched. `message` is for logs: it may tell what the network behind looks like. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError';

  constructor(
    readonly fault: OutboundFault,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** How a document is fetched. */
export interface OutboundRequest {
  /**
   * SHA-1 thumbprints, 40 hex digits: where no trusted CA vouches for the server, a certificate it shows has to be one of
   * these, and its own has to be it or follow from it (IAM: OIDC thumbprints).
   */
  readonly thumbprints?: readonly string[];
  /** The account that the URL comes from: it gets some of the turns, and leaves the others to other accounts. */
  readonly account?: string;
}

/** What of IPv6 is given out for the internet at all (RFC 4291 §2.4, IANA). */
const GLOBAL_UNICAST = '2000::/3';
/** The whole exchange, DNS included, in milliseconds. */
const DEADLINE_MS = 5_000;
/** The largest document, in bytes. */
const DOCUMENT_MAX = 1_048_576;
/** How many redirects within a host are followed. */
const REDIRECTS_MAX = 3;
/**
 * How many documents are fetched at a time, and how many more requests may wait for their turn; the same for one account, whose
 * issuers may all be slow on purpose.
 */
const TURNS = { running: 64, runningEach: 3, waiting: 256, waitingEach: 64 };

/**
 * The only way to a URL that came from outside (house rule: never trust a URL). HTTPS, no redirect to another host, no
 * address of private networks (RFC 6890), and no more time and bytes than a document needs.
 */
@Injectable()
export class Outbound {
  readonly #turns = new Turns(TURNS, () => new OutboundError('unreachable', 'too many documents are being fetched at once'));

  constructor(
    @Inject(CONFIG) private readonly config: Pick<Config, 'issuers'>,
    private readonly clock: Clock,
    private readonly names: Names,
  ) {}

  /** The document at a URL. Throws OutboundError. */
  async get(url: string, request: OutboundRequest = {}): Promise<Buffer> {
    return this.#turns.take(request.account, async () => this.#follow(this.#vetted(url), request));
  }

  async #follow(first: URL, request: OutboundRequest): Promise<Buffer> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    let url = first;
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects += 1) {
      const answer = await this.#exchange(url, { ...request, signal });
      if (Buffer.isBuffer(answer)) return answer;
      const next = this.#vetted(new URL(answer.location, url).href);
      if (next.origin !== first.origin) throw new OutboundError('answer', `${url.href} redirects to another host`);
      url = next;
    }
    throw new OutboundError('answer', `${first.href} redirects more than ${String(REDIRECTS_MAX)} times`);
  }

  /** A URL that may be fetched, as far as can be told without resolving its name. */
  #vetted(text: string): URL {
    if (!URL.canParse(text)) throw new OutboundError('forbidden', 'this is no URL');
    const url = new URL(text);
    if (url.username !== '' || url.password !== '') throw new OutboundError('forbidden', `${url.host} is given with a user name or password`);
    const isPlain = url.protocol === 'http:' && this.config.issuers.allowInsecure && isLoopbackName(url.hostname);
    if (url.protocol !== 'https:' && !isPlain) throw new OutboundError('forbidden', `${url.protocol}//${url.host} is not fetched: only https is`);
    // Names are vetted once they are resolved; an address is never looked up.
    const address = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(address) !== 0 && !this.#isReachable(address)) throw notReachable(url.hostname, address);
    return url;
  }

  #isReachable(address: string): boolean {
    if (!ipaddr.isValid(address)) return false;
    // An IPv4 address in the clothes of an IPv6 one is that IPv4 address.
    const parsed = ipaddr.process(address);
    if (this.config.issuers.allowCidrs.some((block) => isWithin(parsed, block))) return true;
    if (this.config.issuers.allowInsecure && parsed.range() === 'loopback') return true;
    return parsed.range() === 'unicast' && (parsed.kind() === 'ipv4' || isWithin(parsed, GLOBAL_UNICAST));
  }

  /** Resolves names, and answers only addresses that may be reached: what is connected to is what was vetted. */
  #lookup(signal: AbortSignal): LookupFunction {
    return (host, options, answer) => {
      this.names.addresses(host, signal).then(
        (addresses) => {
          const reachable = addresses.filter(({ address }) => this.#isReachable(address));
          const [first] = reachable;
          if (first === undefined) answer(notReachable(host, addresses[0]?.address ?? 'no address'), '', 0);
          else if (options.all === true) answer(null, reachable);
          else answer(null, first.address, first.family);
        },
        (error: unknown) => {
          answer(error as NodeJS.ErrnoException, '', 0);
        },
      );
    };
  }

  #exchange(url: URL, how: OutboundRequest & { signal: AbortSignal }): Promise<Buffer | { location: string }> {
    return new Promise((settle, reject) => {
      const request = this.#begin(url, how);
      const fail = (error: OutboundError): void => {
        reject(error);
        request.destroy();
      };
      request.on('socket', (socket) => {
        socket.once('secureConnect', () => {
          const why = disbelief(socket as TLSSocket, { host: url.hostname, thumbprints: how.thumbprints ?? [], now: this.clock.now() });
          if (why !== undefined) fail(new OutboundError('certificate', `${url.origin}: ${why}`));
        });
      });
      request.on('error', (error) => {
        fail(error instanceof OutboundError ? error : new OutboundError(faultOf(error), `${url.origin}: ${how.signal.aborted ? 'no answer in time' : error.message}`, { cause: error }));
      });
      request.on('response', (answer) => {
        const location = redirection(answer);
        if (location !== undefined && URL.canParse(location, url.href)) {
          answer.destroy();
          settle({ location });
          return;
        }
        collect(answer).then(settle, (error: unknown) => {
          fail(error instanceof OutboundError ? new OutboundError(error.fault, `${url.origin}: ${error.message}`) : new OutboundError('unreachable', `${url.origin}: the answer was cut short`, { cause: error }));
        });
      });
      request.end();
    });
  }

  #begin(url: URL, { thumbprints = [], signal }: OutboundRequest & { signal: AbortSignal }): ClientRequest {
    const options = { signal, agent: false, lookup: this.#lookup(signal), headers: { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'stint' } };
    if (url.protocol === 'http:') return requestPlain(url, options);
    const { ca } = this.config.issuers;
    // Whoever shows a pinned certificate needs no CA: whether he does is checked before anything that he answers is read.
    return requestTls(url, { ...options, minVersion: 'TLSv1.2', rejectUnauthorized: thumbprints.length === 0, ...(ca !== undefined && { ca: [...rootCertificates, ca] }) });
  }
}

function notReachable(host: string, address: string): OutboundError {
  return new OutboundError('forbidden', `${host} is at ${address}, which is in a private network; STINT_ISSUER_ALLOW_CIDRS may list it`);
}

function redirection({ statusCode = 0, headers }: IncomingMessage): string | undefined {
  return statusCode >= 300 && statusCode < 400 ? headers.location : undefined;
}

/** The document in an answer. */
async function collect(answer: IncomingMessage): Promise<Buffer> {
  if (answer.statusCode !== 200) throw new OutboundError('answer', `it answered ${String(answer.statusCode)}`);
  if (answer.headers['content-encoding'] !== undefined) throw new OutboundError('answer', 'it answered with an encoding that was not asked for');
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > DOCUMENT_MAX) throw new OutboundError('answer', `it answered more than ${String(DOCUMENT_MAX)} bytes`);
    parts.push(part);
  }
  // A body that was cut short is no document.
  if (!answer.complete) throw new OutboundError('unreachable', 'the answer was cut short');
  return Buffer.concat(parts);
}

function faultOf({ code }: NodeJS.ErrnoException): OutboundFault {
  if (code === 'ENOTFOUND' || code === 'ENODATA') return 'nameless';
  return code !== undefined && /CERT|^ERR_TLS|UNABLE_TO|SELF_SIGNED|HOSTNAME_MISMATCH/.test(code) ? 'certificate' : 'unreachable';
}

function isLoopbackName(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function isWithin(address: ipaddr.IPv4 | ipaddr.IPv6, block: string): boolean {
  const [network, bits] = block.includes('/') ? ipaddr.parseCIDR(block) : [ipaddr.parse(block), block.includes(':') ? 128 : 32];
  return network.kind() === address.kind() && address.match([network, bits] as never);
}
