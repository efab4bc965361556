import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as plainRequest } from 'node:http';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import 'reflect-metadata';

import { TestCa } from './certificates.js';
import { until } from './outage.js';
import { Child, repository } from './program.js';
import { element, NS, type TestIdp } from './saml-idp.js';

const HOME = join(repository, '.stint-compat', 'lemonldap-ng');
const PACKAGE = join(HOME, 'root');
const REDIRECT = 'https://client.example/callback';
const CLIENT = 'stint-client';
const SECRET = 'of-a-test';

/** Whether scripts/compat-identity-providers.sh has fetched it, and whether with what it needs for SAML. */
export const hasLemonLdap = existsSync(join(HOME, 'bin', 'starman'));
export const hasLasso = existsSync(join(HOME, 'saml'));

/** The service that it signs people in to by SAML. */
export interface SamlService {
  readonly acs: string;
  readonly entityId: string;
  /** What it says of everybody: names of attributes, each with a value. */
  readonly attributes: Readonly<Record<string, string>>;
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly text: string;
}

/** LemonLDAP::NG 2.16 as an OpenID Connect provider, behind a proxy with TLS, and somebody who signs in there. */
export class LemonLdap {
  readonly clientId = CLIENT;

  private constructor(
    private readonly parts: { readonly folder: string; readonly proxy: Server; readonly ca: TestCa; readonly socket: string },
    readonly issuer: string,
    private readonly portal: Child,
  ) {}

  static async start(): Promise<LemonLdap> {
    const folder = await mkdtemp(join(tmpdir(), 'stint-lemonldap-'));
    const ca = await TestCa.create();
    const { cert, key } = await ca.server(['localhost']);
    const socket = join(folder, 'portal.sock');
    const proxy = createServer({ cert, key }, (incoming, response) => {
      const sent = plainRequest({ socketPath: socket, method: incoming.method, path: incoming.url, headers: incoming.headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      sent.on('error', () => response.writeHead(502).end());
      incoming.pipe(sent);
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    const issuer = `https://localhost:${String((proxy.address() as AddressInfo).port)}`;
    await configure(folder, issuer);
    const portal = new Child({ file: join(HOME, 'bin', 'starman'), args: ['--workers', '1', '--listen', socket, join(folder, 'portal.psgi')], env: settings(folder) });
    const idp = new LemonLdap({ folder, proxy, ca, socket }, issuer, portal);
    try {
      await until('the portal answers', async () => (await idp.#send('GET', '/.well-known/openid-configuration')).status === 200);
    } catch (error) {
      await idp.close();
      throw error;
    }
    return idp;
  }

  /** Its certificate authority, in PEM. */
  get authority(): string {
    return this.parts.ca.pem;
  }

  /** The ID token of a user of its demonstration (OpenID Connect Core 1.0 §3.1), whose password is his name. */
  async signIn(login: string): Promise<string> {
    const asked = new URLSearchParams({ client_id: CLIENT, response_type: 'code', scope: 'openid', redirect_uri: REDIRECT, nonce: 'n-1', state: 's-1' });
    const signedIn = await this.#send('POST', `/oauth2/authorize?${asked.toString()}`, { user: login, password: login });
    const code = signedIn.location === undefined ? null : new URL(signedIn.location).searchParams.get('code');
    if (code === null) throw new Error(`no code: ${String(signedIn.status)}\n${this.portal.err.slice(-20).join('\n')}`);
    const answer = await this.#send('POST', '/oauth2/token', { grant_type: 'authorization_code', client_id: CLIENT, client_secret: SECRET, code, redirect_uri: REDIRECT });
    return (JSON.parse(answer.text) as { id_token: string }).id_token;
  }

  /** Has it sign with a new key, as its own script does that an administrator runs from time to time. */
  async rotate(): Promise<void> {
    const script = new Child({ file: join(HOME, 'bin', 'perl'), args: [join(PACKAGE, 'usr', 'share', 'lemonldap-ng', 'bin', 'rotateOidcKeys')], env: settings(this.parts.folder) });
    const { code } = await script.end();
    if (code !== 0) throw new Error(`the keys were not rotated:\n${script.err.join('\n')}`);
  }

  /** Has it sign people in to a service by SAML, with this key; it does once it has looked for new settings. */
  async serve(services: readonly SamlService[], key: TestIdp): Promise<void> {
    const file = (number: number): string => join(this.parts.folder, 'conf', `lmConf-${String(number)}.json`);
    let last = 1;
    while (existsSync(file(last + 1))) last += 1;
    const conf = JSON.parse(await readFile(file(last), 'utf8')) as object;
    await writeFile(file(last + 1), JSON.stringify({ ...conf, ...samlSettings(services, key), cfgNum: last + 1 }), { mode: 0o600 });
    await until('it has the certificate', async () => (await this.#send('GET', '/saml/metadata')).text.replace(/\s+/g, '').includes(key.certificate));
  }

  /** What it says of itself as an identity provider of SAML. */
  async metadata(): Promise<string> {
    return (await this.#send('GET', '/saml/metadata/idp')).text;
  }

  /** Its response about a user of its demonstration, in base64, which it has his browser send to the service. */
  async respond(login: string, entityId: string): Promise<string> {
    const asked = new URLSearchParams({ IDPInitiated: '1', sp: entityId });
    const { status, text } = await this.#send('POST', `/saml/singleSignOn?${asked.toString()}`, { user: login, password: login });
    const input = /<input[^>]*name="SAMLResponse"[^>]*>/.exec(text)?.[0] ?? '';
    const response = /value="([^"]+)"/.exec(input)?.[1];
    if (response === undefined) throw new Error(`no response: ${String(status)}\n${this.portal.err.slice(-20).join('\n')}`);
    return response.replace(/&#x?[0-9a-f]+;|\s+/gi, '');
  }

  /** Ends it and removes its folder. */
  async close(): Promise<void> {
    this.portal.kill('SIGTERM');
    await this.portal.end();
    await new Promise<void>((done) => {
      this.parts.proxy.close(() => {
        done();
      });
      this.parts.proxy.closeAllConnections();
    });
    await rm(this.parts.folder, { recursive: true, force: true });
  }

  #send(method: string, path: string, form?: Readonly<Record<string, string>>): Promise<Answer> {
    const headers = { accept: 'text/html', ...(form && { 'content-type': 'application/x-www-form-urlencoded' }) };
    const body = form && new URLSearchParams(form).toString();
    return new Promise((settle, reject) => {
      const sent = request(new URL(path, this.issuer), { method, headers: { ...headers, ...(body !== undefined && { 'content-length': body.length }) }, ca: this.authority, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => (text += part));
        response.on('end', () => {
          settle({ status: response.statusCode ?? 0, location: response.headers.location, text });
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }
}

const settings = (folder: string): Record<string, string> => ({ LLNG_DEFAULTCONFFILE: join(folder, 'lemonldap-ng.ini') });

/** Writes its settings: those of the package, and what makes it an OpenID Connect provider with one client. */
async function configure(folder: string, issuer: string): Promise<void> {
  for (const name of ['conf', 'cache', 'sessions/lock', 'psessions/lock']) await mkdir(join(folder, name), { recursive: true });
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const files = (name: string): object => ({ Directory: join(folder, name), LockDirectory: join(folder, name, 'lock') });
  const conf = {
    ...(JSON.parse(await readFile(join(PACKAGE, 'var', 'lib', 'lemonldap-ng', 'conf', 'lmConf-1.json'), 'utf8')) as object),
    portal: `${issuer}/`,
    domain: 'localhost',
    securedCookie: 1,
    requireToken: 0,
    notification: 0,
    // What a portal offers beside signing in needs libraries for pictures and mail; a plugin that does nothing takes their place.
    captcha: '::Main::Plugin',
    registerDB: 'Null',
    portalDisplayResetPassword: 0,
    globalStorageOptions: { ...files('sessions'), generateModule: 'Lemonldap::NG::Common::Apache::Session::Generate::SHA256' },
    persistentStorageOptions: files('psessions'),
    localSessionStorageOptions: { cache_depth: 3, cache_root: join(folder, 'cache'), default_expires_in: 600, directory_umask: '007', namespace: 'sessions' },
    issuerDBOpenIDConnectActivation: 1,
    oidcServiceMetaDataIssuer: issuer,
    oidcServicePrivateKeySig: privateKey.export({ type: 'pkcs1', format: 'pem' }),
    oidcServicePublicKeySig: publicKey.export({ type: 'spki', format: 'pem' }),
    oidcServiceKeyIdSig: 'first',
    oidcRPMetaDataExportedVars: { stint: {} },
    oidcRPMetaDataOptions: {
      stint: {
        oidcRPMetaDataOptionsClientID: CLIENT,
        oidcRPMetaDataOptionsClientSecret: SECRET,
        oidcRPMetaDataOptionsIDTokenSignAlg: 'RS256',
        oidcRPMetaDataOptionsRedirectUris: REDIRECT,
        oidcRPMetaDataOptionsBypassConsent: 1,
        oidcRPMetaDataOptionsIDTokenExpiration: 300,
      },
    },
  };
  await writeFile(join(folder, 'conf', 'lmConf-1.json'), JSON.stringify(conf), { mode: 0o600 });
  const cache = `{'namespace'=>'conf','default_expires_in'=>600,'directory_umask'=>'007','cache_root'=>'${folder}/cache','cache_depth'=>3}`;
  const ini = [
    '[all]', 'logLevel = warn', 'checkTime = 1', 'logger = Lemonldap::NG::Common::Logger::Std', 'userLogger = Lemonldap::NG::Common::Logger::Std',
    '[configuration]', 'type = File', `dirName = ${folder}/conf`, 'localStorage = Cache::FileCache', `localStorageOptions = ${cache}`,
    '[portal]', 'staticPrefix = /static', `templateDir = ${PACKAGE}/usr/share/lemonldap-ng/portal/templates`, 'languages = en',
  ];
  await writeFile(join(folder, 'lemonldap-ng.ini'), `${ini.join('\n')}\n`);
  const portal = "use Lemonldap::NG::Portal::Main;\nmy $portal = Lemonldap::NG::Portal::Main->run({});\nsub { my $env = shift; $env->{REMOTE_ADDR} = '127.0.0.1'; $env->{HTTPS} = 'ON'; $portal->($env) };\n";
  await writeFile(join(folder, 'portal.psgi'), portal);
}

/** Settings of an identity provider of SAML with these services. */
function samlSettings(services: readonly SamlService[], key: TestIdp): object {
  const byName = (setting: (service: SamlService) => unknown): object => Object.fromEntries(services.map((service, index) => [`service${String(index)}`, setting(service)]));
  const numbered = ({ attributes }: SamlService, setting: (name: string, value: string) => string): object => Object.fromEntries(Object.entries(attributes).map(([name, value], index) => [`value${String(index)}`, setting(name, value)]));
  return {
    issuerDBSAMLActivation: 1,
    samlServicePrivateKeySig: key.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    samlServicePublicKeySig: `-----BEGIN CERTIFICATE-----\n${key.certificate.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
    samlServiceSignatureMethod: 'RSA_SHA256',
    samlServiceUseCertificateInResponse: 1,
    samlSPMetaDataXML: byName(({ entityId, acs }) => ({
      samlSPMetaDataXML: element('EntityDescriptor', { xmlns: 'urn:oasis:names:tc:SAML:2.0:metadata', entityID: entityId }, element('SPSSODescriptor', { protocolSupportEnumeration: NS.samlp }, element('AssertionConsumerService', { Binding: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST', Location: acs, index: '0', isDefault: 'true' }))),
    })),
    samlSPMetaDataMacros: byName((service) => numbered(service, (_, value) => JSON.stringify(value).replace(/[$@]/g, '\\$&'))),
    samlSPMetaDataExportedAttributes: byName((service) => numbered(service, (name) => `1;${name};urn:oasis:names:tc:SAML:2.0:attrname-format:uri;`)),
    samlSPMetaDataOptions: byName(() => ({
      samlSPMetaDataOptionsEnableIDPInitiatedURL: 1,
      samlSPMetaDataOptionsNameIDFormat: 'email',
      samlSPMetaDataOptionsSignSSOMessage: 1,
      samlSPMetaDataOptionsCheckSSOMessageSignature: 0,
      samlSPMetaDataOptionsNotOnOrAfterTimeout: 300,
      samlSPMetaDataOptionsSessionNotOnOrAfterTimeout: 3600,
      samlSPMetaDataOptionsEncryptionMode: 'none',
      samlSPMetaDataOptionsForceUTF8: 1,
    })),
  };
}
