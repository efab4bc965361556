import { generateKeyPair, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';

import { exportJWK, SignJWT, type JWK } from 'jose';

import { TestCa } from './certificates.js';

const generate = promisify(generateKeyPair);

/** A key that an identity provider signs with. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly jwk: JWK;
}

/** Makes a key pair for an algorithm. */
export async function signingKey(kid: string, alg = 'ES256'): Promise<SigningKey> {
  const curve = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg];
  const { privateKey, publicKey } = curve === undefined ? await generate('rsa', { modulusLength: 2048 }) : await generate('ec', { namedCurve: curve });
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

/** An OpenID Connect provider on a port of its own, over TLS, whose answers a test may change. */
export class TestIdp {
  /** What was fetched, path by path. */
  readonly fetched: string[] = [];
  /** The answers, by path; a function decides anew each time. */
  readonly answers = new Map<string, () => Promise<{ status: number; body: string }> | { status: number; body: string }>();
  keys: readonly SigningKey[] = [];

  private constructor(
    private readonly server: Server,
    /** Of its certificate authority, for ThumbprintList. */
    readonly thumbprint: string,
    readonly ca: TestCa,
  ) {}

  static async start(path = ''): Promise<TestIdp> {
    const ca = await TestCa.create();
    const { cert, key } = await ca.server(['localhost']);
    const server = createServer({ cert, key });
    const idp = new TestIdp(server, await ca.thumbprint(), ca);
    server.on('request', (request, response) => {
      const { url = '' } = request;
      idp.fetched.push(url);
      void (async () => {
        const { status, body } = (await idp.answers.get(url)?.()) ?? { status: 404, body: '' };
        response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(body);
      })();
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    idp.path = path;
    await idp.rotate('first');
    idp.publish();
    return idp;
  }

  path = '';

  /** The issuer without its scheme. */
  get name(): string {
    return `localhost:${String((this.server.address() as AddressInfo).port)}${this.path}`;
  }

  get issuer(): string {
    return `https://${this.name}`;
  }

  /** Signs with another key from now on, and publishes only that. */
  async rotate(kid: string, alg = 'ES256'): Promise<SigningKey> {
    const key = await signingKey(kid, alg);
    this.keys = [key];
    return key;
  }

  /** Answers as a provider does. */
  publish(): void {
    const answer = (path: string, body: () => object): unknown => this.answers.set(path, () => ({ status: 200, body: JSON.stringify(body()) }));
    answer(`${this.path}/.well-known/openid-configuration`, () => ({ issuer: this.issuer, jwks_uri: `${this.issuer}/jwks` }));
    answer(`${this.path}/jwks`, () => ({ keys: this.keys.map(({ jwk }) => jwk) }));
  }

  /** The claims of a good token. */
  claims(now: Date, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    const seconds = Math.floor(now.getTime() / 1000);
    const claims: Record<string, unknown> = { iss: this.issuer, aud: 'stint', sub: 'repo:octo-org/octo-repo:ref:refs/heads/main', iat: seconds, nbf: seconds, exp: seconds + 300, ...more };
    return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
  }

  /** A token with these claims. */
  async token(now: Date, more: Readonly<Record<string, unknown>> = {}, header: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const [key] = this.keys;
    if (key === undefined) throw new Error('the provider has no key');
    return new SignJWT(this.claims(now, more)).setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header }).sign(key.privateKey);
  }

  async close(): Promise<void> {
    await new Promise<void>((done) => {
      this.server.close(() => {
        done();
      });
      this.server.closeAllConnections();
    });
  }
}
