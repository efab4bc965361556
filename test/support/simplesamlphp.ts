import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Child, repository } from './program.js';
import type { TestIdp } from './saml-idp.js';

const HOME = join(repository, '.stint-compat', 'simplesamlphp');
const PACKAGE = join(HOME, 'root', 'usr', 'share', 'simplesamlphp');
const PHP = join(HOME, 'bin', 'php');
const PASSWORD = 'correct horse battery staple';

/** Whether scripts/compat-identity-providers.sh has fetched it. */
export const hasSimpleSaml = existsSync(PHP);

/** What its administrator says of Stint. */
export interface ServiceSettings {
  /** Entity id of the service, which becomes the audience. */
  readonly entityId: string;
  readonly acs: string;
  readonly signAssertion: boolean;
  readonly signResponse: boolean;
  /** The certificate that assertions are encrypted for, DER in base64; not encrypted where there is none. */
  readonly encryptFor?: string;
}

/** A value as PHP writes it. */
function php(value: unknown): string {
  if (typeof value === 'boolean' || typeof value === 'number' || value === null) return String(value);
  if (typeof value === 'string') return `'${value.replace(/[\\']/g, '\\$&')}'`;
  const entries = Array.isArray(value) ? value.map((one) => php(one)) : Object.entries(value as object).map(([key, one]) => `${/^\d+$/.test(key) ? key : php(key)} => ${php(one)}`);
  return `[${entries.join(', ')}]`;
}

/** SimpleSAMLphp 1.19 as an identity provider, in PHP's own web server, and somebody who signs in there. */
export class SimpleSaml {
  #server: Child | undefined;

  private constructor(
    private readonly folder: string,
    private readonly url: string,
  ) {}

  /** Starts it; `attributes` are those of its one user, alice. */
  static async start(attributes: Readonly<Record<string, readonly string[]>>): Promise<SimpleSaml> {
    const folder = await mkdtemp(join(tmpdir(), 'stint-simplesamlphp-'));
    const port = await freePort();
    const idp = new SimpleSaml(folder, `http://127.0.0.1:${port}/`);
    for (const name of ['metadata', 'keys', 'sessions', 'log', 'tmp']) await mkdir(join(folder, name));
    await idp.#write('config.php', 'config', {
      baseurlpath: idp.url, certdir: `${folder}/keys/`, metadatadir: `${folder}/metadata/`, loggingdir: `${folder}/log/`, datadir: `${folder}/tmp/`, tempdir: `${folder}/tmp`,
      secretsalt: 'of-a-test', 'auth.adminpassword': 'of-a-test', timezone: 'UTC', 'logging.handler': 'errorlog',
      'enable.saml20-idp': true, 'module.enable': { exampleauth: true, core: true, saml: true }, 'session.cookie.secure': false, 'session.cookie.samesite': null,
      'session.phpsession.savepath': `${folder}/sessions`, 'store.type': 'phpsession', 'metadata.sources': [{ type: 'flatfile' }],
    });
    await idp.#write('authsources.php', 'config', { users: { 0: 'exampleauth:UserPass', [`alice:${PASSWORD}`]: { uid: ['alice'], ...attributes } } });
    const args = ['-d', 'error_log=', '-S', `127.0.0.1:${port}`, '-t', join(PACKAGE, 'www')];
    idp.#server = new Child({ file: PHP, args, env: { SIMPLESAMLPHP_CONFIG_DIR: folder } });
    await idp.#server.line(idp.#server.err, /Development Server .* started/);
    return idp;
  }

  /** Has it sign with a key; the next one's certificate is announced in its metadata. */
  async signWith(key: TestIdp, next?: TestIdp): Promise<void> {
    const pem = (certificate: string): string => `-----BEGIN CERTIFICATE-----\n${certificate.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
    await writeFile(join(this.folder, 'keys', 'now.pem'), key.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    await writeFile(join(this.folder, 'keys', 'now.crt'), pem(key.certificate));
    if (next !== undefined) await writeFile(join(this.folder, 'keys', 'next.crt'), pem(next.certificate));
    const hosted = { host: '__DEFAULT__', privatekey: 'now.pem', certificate: 'now.crt', ...(next !== undefined && { new_certificate: 'next.crt' }), auth: 'users' };
    await this.#write('metadata/saml20-idp-hosted.php', 'metadata', { [`${this.url}saml2/idp/metadata.php`]: hosted });
  }

  /** Tells it about a service. */
  async serve({ entityId, acs, signAssertion, signResponse, encryptFor }: ServiceSettings): Promise<void> {
    await this.#write('metadata/saml20-sp-remote.php', 'metadata', {
      [entityId]: {
        AssertionConsumerService: acs,
        NameIDFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
        'simplesaml.nameidattribute': 'uid',
        'attributes.NameFormat': 'urn:oasis:names:tc:SAML:2.0:attrname-format:uri',
        'saml20.sign.assertion': signAssertion,
        'saml20.sign.response': signResponse,
        ...(encryptFor !== undefined && { 'assertion.encryption': true, certData: encryptFor }),
      },
    });
  }

  /** Its metadata, as it publishes them. */
  async metadata(): Promise<string> {
    const answer = await fetch(`${this.url}saml2/idp/metadata.php`);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`no metadata: ${String(answer.status)} ${text.slice(0, 2_000)}\n${this.#server?.err.slice(-20).join('\n') ?? ''}`);
    return text;
  }

  /** The response that alice's browser would carry to a service after she has signed in, without a request of the service. */
  async signIn(entityId: string): Promise<string> {
    const cookies = new Map<string, string>();
    let at = await this.#browse(cookies, `${this.url}saml2/idp/SSOService.php?${new URLSearchParams({ spentityid: entityId }).toString()}`);
    at = await this.#browse(cookies, at.url, { username: 'alice', password: PASSWORD, AuthState: hidden(at.text, 'AuthState') ?? '' });
    const response = hidden(at.text, 'SAMLResponse');
    if (response === undefined) throw new Error(`no SAMLResponse at ${at.url}:\n${at.text.slice(0, 4_000)}\n${this.#server?.err.slice(-20).join('\n') ?? ''}`);
    return response;
  }

  /** Ends it and removes its folder. */
  async close(): Promise<void> {
    this.#server?.kill('SIGTERM');
    await this.#server?.end();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #write(file: string, name: string, values: Readonly<Record<string, unknown>>): Promise<void> {
    const assignments = name === 'config' ? `$config = ${php(values)};` : Object.entries(values).map(([key, value]) => `$metadata[${php(key)}] = ${php(value)};`).join('\n');
    await writeFile(join(this.folder, file), `<?php\n${assignments}\n`, { mode: 0o600 });
  }

  /** One page, after the redirects that lead to it. */
  async #browse(cookies: Map<string, string>, url: string, form?: Readonly<Record<string, string>>): Promise<{ url: string; text: string }> {
    let [next, body] = [url, form && new URLSearchParams(form)];
    for (let redirects = 0; redirects < 10; redirects += 1) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const answer = await fetch(next, { redirect: 'manual', headers: { cookie }, ...(body && { method: 'POST', body }) });
      for (const set of answer.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
        cookies.set(name, value);
      }
      const text = await answer.text();
      const location = answer.headers.get('location');
      if (location === null) return { url: next, text };
      [next, body] = [new URL(location, next).href, undefined];
    }
    throw new Error(`redirected for ever, at last to ${next}`);
  }
}

/** The value of a hidden field of a form. */
function hidden(html: string, name: string): string | undefined {
  const [, value] = new RegExp(`<input[^>]*name="${name}"[^>]*value="([^"]*)"`).exec(html) ?? [];
  return value?.replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code))).replace(/&#x([0-9a-f]+);/gi, (_, code: string) => String.fromCodePoint(parseInt(code, 16))).replace(/&amp;/g, '&');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
