import { lookup, type LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

/** Where names are looked up; what is left out is as the machine has it. */
export interface NameSources {
  /** The file of names that are known without asking anybody (hosts(5)). */
  readonly hosts?: string;
  /** Addresses of name servers, perhaps with ports. */
  readonly servers?: readonly string[];
}

const HOSTS = '/etc/hosts';
/** A hosts file that is larger is not read, in bytes. */
const HOSTS_MAX = 1_048_576;
/** How long a name server is waited for, in milliseconds, and how often it is asked. */
const ANSWER_MS = 2_000;
const TRIES = 2;
/** How long the other kind of addresses is waited for once there are some of one kind, in milliseconds (RFC 8305 §3). */
const SECOND_KIND_MS = 50;
/** What a name server says of a name that it does not know, and what comes where there is none to ask. */
const UNKNOWN: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'ENONAME', 'ECONNREFUSED', 'EBADNAME', 'EBADQUERY', 'EFORMERR']);

/**
 * Resolves names that came from outside. `dns.lookup` waits for the name servers of strangers in the two threads that all of
 * the process has for that, those of the database's name too; so name servers are asked without a thread, and the system is
 * asked only for what they do not know (search domains, mDNS and other sources of its own), one name at a time.
 */
export class Names {
  #system: Promise<unknown> = Promise.resolve();

  constructor(private readonly sources: NameSources = {}) {}

  /** The addresses of a host, IPv4 before IPv6, none twice; at least one. Throws the error of the name server, or that of the signal. */
  async addresses(host: string, signal: AbortSignal): Promise<readonly LookupAddress[]> {
    signal.throwIfAborted();
    const name = host.toLowerCase().replace(/\.$/, '');
    const known = await this.#inHosts(name);
    if (known.length > 0) return known;
    // RFC 6761 §6.3: never asked of a name server.
    if (name === 'localhost' || name.endsWith('.localhost')) return [{ address: '127.0.0.1', family: 4 }, { address: '::1', family: 6 }];
    try {
      return await this.#asked(host, signal);
    } catch (error) {
      if (!UNKNOWN.has((error as NodeJS.ErrnoException).code ?? '') || signal.aborted) throw error;
      return this.#bySystem(host, signal);
    }
  }

  async #inHosts(name: string): Promise<readonly LookupAddress[]> {
    const text = await readFile(this.sources.hosts ?? HOSTS, 'utf8').catch(() => '');
    if (text.length > HOSTS_MAX) return [];
    return text.split('\n').flatMap((line): readonly LookupAddress[] => {
      const [address = '', ...names] = line.replace(/#.*$/, '').trim().split(/\s+/);
      const family = isIP(address);
      return family !== 0 && names.some((one) => one.toLowerCase() === name) ? [{ address, family }] : [];
    });
  }

  async #asked(host: string, signal: AbortSignal): Promise<readonly LookupAddress[]> {
    const resolver = new Resolver({ timeout: ANSWER_MS, tries: TRIES });
    if (this.sources.servers !== undefined) resolver.setServers(this.sources.servers);
    const cancel = (): void => {
      resolver.cancel();
    };
    signal.addEventListener('abort', cancel, { once: true });
    let patience: NodeJS.Timeout | undefined;
    const known = (addresses: readonly string[]): readonly string[] => {
      patience ??= setTimeout(cancel, SECOND_KIND_MS);
      return addresses;
    };
    try {
      const [four, six] = await Promise.allSettled([resolver.resolve4(host).then(known), resolver.resolve6(host).then(known)]);
      const found = [four, six].flatMap((answer, index) => (answer.status === 'fulfilled' ? answer.value.map((address) => ({ address, family: index === 0 ? 4 : 6 })) : []));
      if (found.length > 0) return found;
      // That a name server did not answer says more than that it knows no address of the other kind.
      const errors = [four, six].flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as NodeJS.ErrnoException] : []));
      throw errors.find(({ code }) => !UNKNOWN.has(code ?? '')) ?? errors[0] ?? Object.assign(new Error(`${host} has no address`), { code: 'ENODATA' });
    } finally {
      clearTimeout(patience);
      signal.removeEventListener('abort', cancel);
    }
  }

  /** In turn, so that one of the threads stays free for others. */
  async #bySystem(host: string, signal: AbortSignal): Promise<readonly LookupAddress[]> {
    const turn = this.#system.then(() => (signal.aborted ? undefined : systemAddresses(host)));
    this.#system = turn.catch(() => undefined);
    const over = new AbortController();
    // Whoever has given up does not wait for his turn.
    const found = await Promise.race([turn, once(signal, 'abort', { signal: over.signal }).then(() => undefined, () => undefined)]);
    over.abort();
    signal.throwIfAborted();
    return found ?? [];
  }
}

function systemAddresses(host: string): Promise<readonly LookupAddress[]> {
  return new Promise((settle, reject) => {
    lookup(host, { all: true, order: 'ipv4first' }, (error, addresses) => {
      if (error === null) settle(addresses);
      else reject(error);
    });
  });
}
