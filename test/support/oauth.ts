import { EnableOutboundWebIdentityFederationCommand } from '@aws-sdk/client-iam';
import { GetWebIdentityTokenCommand } from '@aws-sdk/client-sts';

import type { Answer, Keys, TestApp } from './app.js';
import type { World } from './world.js';

/** Names of RFC 8693 and of Stint. */
export const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';
export const JWT = 'urn:ietf:params:oauth:token-type:jwt';
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
export const SESSION = 'urn:stint:params:oauth:token-type:session';
export const CREDENTIALS = 'urn:stint:params:oauth:token-type:aws-credentials';

/** Parameters of a form. */
export type Form = Readonly<Record<string, string | undefined>>;

/** An answer of the OAuth face. */
export interface OAuthAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What an OAuth client sends, in one line each. */
export class OAuth {
  /** `publicUrl` is how nodes are reached that share one address; each is asked by its own all the same. */
  constructor(
    readonly app: TestApp,
    private readonly publicUrl?: string,
  ) {}

  get endpoint(): string {
    return `${this.publicUrl ?? this.app.url}/oauth2/token`;
  }

  /** A form to an endpoint, signed where keys are given. */
  async post(path: string, form: Form | string, keys?: Keys, headers: Readonly<Record<string, string>> = {}): Promise<OAuthAnswer> {
    const body = typeof form === 'string' ? form : new URLSearchParams(Object.entries(form).filter((entry): entry is [string, string] => entry[1] !== undefined)).toString();
    const sent = { 'content-type': 'application/x-www-form-urlencoded', ...headers };
    return read(keys === undefined ? await this.app.send({ method: 'POST', path, body, headers: sent }) : await this.app.raw(keys, { path, body, service: 'stint', headers: sent }));
  }

  /** A token exchange; signed where a session is exchanged. */
  exchange(form: Form, keys?: Keys): Promise<OAuthAnswer> {
    const session: Form = keys === undefined ? { subject_token_type: JWT } : { subject_token: keys.sessionToken, subject_token_type: SESSION };
    return this.post('/oauth2/token', { grant_type: GRANT, ...session, ...form }, keys);
  }

  /** The credentials that an exchange answers. */
  async credentials(form: Form, keys?: Keys): Promise<Keys & { sessionToken: string }> {
    return credentialsIn(await this.exchange({ requested_token_type: CREDENTIALS, ...form }, keys));
  }

  /** The JWT that an exchange answers. */
  async token(form: Form, keys?: Keys): Promise<string> {
    const { status, text, body } = await this.exchange(form, keys);
    if (status !== 200) throw new Error(text);
    return String(body['access_token']);
  }

  /** A JWT of Stint, for the token endpoint unless something else is said. */
  async jwt(keys: Keys, more: { Audience?: string[]; DurationSeconds?: number } = {}): Promise<string> {
    const { WebIdentityToken } = await this.app.sts(keys).send(new GetWebIdentityTokenCommand({ Audience: [this.endpoint], SigningAlgorithm: 'ES384', DurationSeconds: 3600, ...more }));
    return WebIdentityToken ?? '';
  }

  /** Lets an account issue tokens. */
  async enable(world: World): Promise<void> {
    await this.app.iam(world.root).send(new EnableOutboundWebIdentityFederationCommand({}));
  }

  introspect(token: string, keys: Keys): Promise<OAuthAnswer> {
    return this.post('/oauth2/introspect', { token }, keys);
  }

  revoke(token: string, keys: Keys): Promise<OAuthAnswer> {
    return this.post('/oauth2/revoke', { token }, keys);
  }
}

/** Credentials in an answer, which are those of `credential_process`. */
export function credentialsIn({ status, text, body }: OAuthAnswer): Keys & { sessionToken: string; expiration: Date } {
  if (status !== 200) throw new Error(text);
  const { Version, AccessKeyId, SecretAccessKey, SessionToken, Expiration } = JSON.parse(String(body['access_token'])) as Record<string, string>;
  if (Number(Version) !== 1) throw new Error(text);
  return { accessKeyId: AccessKeyId ?? '', secretAccessKey: SecretAccessKey ?? '', sessionToken: SessionToken ?? '', expiration: new Date(Expiration ?? '') };
}

function read({ status, headers, text }: Answer): OAuthAnswer {
  return { status, headers, text, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}
