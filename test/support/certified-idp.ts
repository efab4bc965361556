import { createHash, randomBytes } from 'node:crypto';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';

import Provider, { type Configuration } from 'oidc-provider';

import { TestCa } from './certificates.js';
import { signingKey } from './idp.js';

const REDIRECT = 'https://client.example/callback';
const CLIENT = 'stint-client';

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly text: string;
}

/** oidc-provider, a certified OpenID Connect provider, on a port of its own with TLS, and somebody who signs in there. */
export class CertifiedIdp {
  readonly clientId = CLIENT;
  readonly #cookies = new Map<string, string>();

  private constructor(
    private readonly server: Server,
    private readonly ca: TestCa,
    readonly issuer: string,
  ) {}

  static async start(alg = 'RS256'): Promise<CertifiedIdp> {
    const ca = await TestCa.create();
    const { cert, key } = await ca.server(['localhost']);
    const server = createServer({ cert, key });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const issuer = `https://localhost:${String((server.address() as AddressInfo).port)}`;
    const signing = await signingKey('certified', alg);
    const configuration: Configuration = {
      clients: [{ client_id: CLIENT, redirect_uris: [REDIRECT], response_types: ['code'], grant_types: ['authorization_code'], token_endpoint_auth_method: 'none', id_token_signed_response_alg: alg as 'RS256' }],
      jwks: { keys: [{ ...signing.privateKey.export({ format: 'jwk' }), kid: signing.kid, alg, use: 'sig' }] },
      cookies: { keys: ['test'] },
    };
    const provider = quietly(() => new Provider(issuer, configuration));
    const answer = provider.callback();
    server.on('request', (incoming, response) => void answer(incoming, response));
    return new CertifiedIdp(server, ca, issuer);
  }

  /** Its certificate authority, in PEM. */
  get authority(): string {
    return this.ca.pem;
  }

  /** The ID token of somebody who signs in (OpenID Connect Core 1.0 §3.1, with PKCE). */
  async signIn(login: string): Promise<string> {
    this.#cookies.clear();
    const verifier = randomBytes(32).toString('base64url');
    const code_challenge = createHash('sha256').update(verifier).digest('base64url');
    const asked = new URLSearchParams({ client_id: CLIENT, response_type: 'code', scope: 'openid', redirect_uri: REDIRECT, code_challenge, code_challenge_method: 'S256', nonce: 'n-1' });
    let at = await this.#send('GET', `/auth?${asked.toString()}`);
    for (const form of [{ prompt: 'login', login, password: 'any' }, { prompt: 'consent' }]) {
      const posted = await this.#send('POST', pathOf(at), form);
      at = await this.#send('GET', pathOf(posted));
    }
    const code = new URL(at.location ?? '').searchParams.get('code') ?? '';
    const answer = await this.#send('POST', '/token', { grant_type: 'authorization_code', client_id: CLIENT, code, redirect_uri: REDIRECT, code_verifier: verifier });
    return (JSON.parse(answer.text) as { id_token: string }).id_token;
  }

  async close(): Promise<void> {
    await new Promise<void>((done) => {
      this.server.close(() => {
        done();
      });
      this.server.closeAllConnections();
    });
  }

  #send(method: string, path: string, form?: Readonly<Record<string, string>>): Promise<Answer> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...(cookie !== '' && { cookie }), ...(form && { 'content-type': 'application/x-www-form-urlencoded' }) };
    return new Promise((settle, reject) => {
      const sent = request(new URL(path, this.issuer), { method, headers, ca: this.ca.pem, agent: false }, (response) => {
        for (const set of response.headers['set-cookie'] ?? []) {
          const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
          if (value === '') this.#cookies.delete(name);
          else this.#cookies.set(name, value);
        }
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => (text += part));
        response.on('end', () => {
          settle({ status: response.statusCode ?? 0, location: response.headers.location, text });
        });
      });
      sent.on('error', reject);
      sent.end(form && new URLSearchParams(form).toString());
    });
  }
}

/** It warns, rightly, that it is set up for trying things out. */
function quietly<T>(work: () => T): T {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return work();
  } finally {
    console.warn = warn;
  }
}

function pathOf({ status, location, text }: Answer): string {
  if (location === undefined) throw new Error(`no redirect: ${String(status)} ${text}`);
  const { pathname, search } = new URL(location, 'https://localhost');
  return `${pathname}${search}`;
}
