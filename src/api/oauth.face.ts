import { All, Controller, Get, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { isAccountId } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { KEY_SET_MAX_AGE_SECONDS } from '../domain/issuer-keys.js';
import { Endpoint } from '../kernel/endpoint.js';
import type { Implementation } from '../kernel/handler.js';
import { TOKEN_TYPES } from '../sessions/exchange.contract.js';
import { issuerOf, tokenEndpointOf } from '../sessions/identity-token-issuer.js';
import { IssuerKeys } from '../sessions/issuer-keys.js';
import { Exchange, type Opened } from './exchange.js';
import { Executor } from './executor.js';
import { parseForm } from './form.js';
import { exchangeBody, exchangeInput, introspectionBody, oauthError, requireForm, TOKEN_EXCHANGE, tokenInput, type OAuthEndpoint } from './oauth.codec.js';
import { Operations } from './registry.js';

/** The charset is UTF-8 (RFC 6749 appendix B); in another one the same bytes would mean something else. */
const FORM = /^application\/x-www-form-urlencoded\s*(?:;\s*charset="?utf-8"?\s*)?$/i;
/** The longest form, in bytes: two tokens of the longest kind, escaped, and what else there can be. */
const FORM_MAX_BYTES = 65_536;
/** How callers of introspection and revocation are known; no name for it is registered. */
const SIGNED = ['aws4_hmac_sha256'];

/** The OAuth 2.0 face: forms in, JSON out, errors of RFC 6749 §5.2. */
@Controller()
export class OAuthFace {
  constructor(
    private readonly operations: Operations,
    private readonly executor: Executor,
    private readonly exchange: Exchange,
    private readonly endpoint: Endpoint,
    private readonly keys: IssuerKeys,
  ) {}

  @All('oauth2/token')
  async token(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const operation = (form: ReadonlyMap<string, string>): string => (form.get('subject_token_type') === TOKEN_TYPES.session ? 'ExchangeSession' : 'ExchangeToken');
    const input = (form: ReadonlyMap<string, string>): Record<string, unknown> => exchangeInput(form, [request.headers['x-amz-security-token']].flat()[0]);
    await this.#handle({ request, reply }, { endpoint: 'token', operation, input, body: exchangeBody });
  }

  @All('oauth2/introspect')
  async introspect(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.#handle({ request, reply }, { endpoint: 'introspect', operation: () => 'IntrospectToken', input: tokenInput, body: introspectionBody });
  }

  @All('oauth2/revoke')
  async revoke(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.#handle({ request, reply }, { endpoint: 'revoke', operation: () => 'RevokeToken', input: tokenInput, body: () => undefined });
  }

  /** RFC 8414 §3: of this service as a whole. */
  @Get('.well-known/oauth-authorization-server')
  metadata(@Res() reply: FastifyReply): void {
    publish(reply, { issuer: this.endpoint.url, ...this.#served() });
  }

  /** Of the issuer of an account, whose name has a path (RFC 8414 §3.1). */
  @Get('.well-known/oauth-authorization-server/oidc/:account')
  async metadataOf(@Param('account') account: string, @Res() reply: FastifyReply): Promise<void> {
    // Only what has the form of an account is looked up, so that strangers do not fill memories.
    const isIssuer = isAccountId(account) && (await this.keys.keySet(account)) !== undefined;
    const issuer = issuerOf(this.endpoint.url, account);
    publish(reply, isIssuer ? { issuer, jwks_uri: `${issuer}/.well-known/jwks.json`, ...this.#served() } : undefined);
  }

  /** Answers a refusal as OAuth does. */
  fail(opened: Opened, failed: { reply: FastifyReply; endpoint?: OAuthEndpoint; operation?: Implementation | undefined; error: unknown }): void {
    const error = this.exchange.refusal(opened, failed.error);
    const { status, body } = oauthError(error, failed.endpoint);
    if (status === 401) failed.reply.header('www-authenticate', 'AWS4-HMAC-SHA256');
    this.#send(opened, failed.reply, { status, body, operation: failed.operation, error });
  }

  async #handle({ request, reply }: { request: FastifyRequest; reply: FastifyReply }, asked: Served): Promise<void> {
    const opened = this.exchange.open(request, 'oauth');
    const { endpoint } = asked;
    let operation: Implementation | undefined;
    try {
      const form = readForm(request, opened);
      const ignored = requireForm(form, endpoint);
      operation = this.operations.byName(asked.operation(form));
      const output = await this.executor.run({
        operation,
        incoming: opened.incoming,
        service: 'stint',
        regions: this.exchange.regions,
        decode: () => ({ raw: asked.input(form), ignored }),
      });
      const body = asked.body(output as Record<string, unknown>);
      this.#send(opened, reply, { status: 200, body: body === undefined ? '' : JSON.stringify(body), operation });
    } catch (error) {
      this.fail(opened, { reply, endpoint, operation, error });
    }
  }

  #send(opened: Opened, reply: FastifyReply, answer: { status: number; body: string; operation?: Implementation | undefined; error?: ApiError }): void {
    // RFC 6749 §5.1 asks for it beside Cache-Control.
    reply.header('pragma', 'no-cache');
    this.exchange.send(opened, reply, { ...answer, type: 'application/json' });
  }

  #served(): Record<string, unknown> {
    return {
      token_endpoint: tokenEndpointOf(this.endpoint.url),
      token_endpoint_auth_methods_supported: ['none'],
      introspection_endpoint: `${this.endpoint.url}/oauth2/introspect`,
      introspection_endpoint_auth_methods_supported: SIGNED,
      revocation_endpoint: `${this.endpoint.url}/oauth2/revoke`,
      revocation_endpoint_auth_methods_supported: SIGNED,
      grant_types_supported: [TOKEN_EXCHANGE],
      // Required by RFC 8414; nothing is authorised in a browser here.
      response_types_supported: [],
    };
  }
}

/** How one endpoint is served. */
interface Served {
  readonly endpoint: OAuthEndpoint;
  readonly operation: (form: ReadonlyMap<string, string>) => string;
  readonly input: (form: ReadonlyMap<string, string>) => Record<string, unknown>;
  readonly body: (output: Record<string, unknown>) => Record<string, unknown> | undefined;
}

function readForm(request: FastifyRequest, { incoming }: Opened): ReadonlyMap<string, string> {
  const { http, body } = incoming;
  if (http.method !== 'POST') throw new ApiError('MethodNotAllowed', 'This endpoint takes POST.', { detail: { verbs: ['POST'] } });
  if (http.query !== '') throw new ApiError('ValidationError', 'Parameters belong into the body, none into the address.');
  if (!FORM.test(request.headers['content-type'] ?? '')) throw new ApiError('UnsupportedMediaType', 'The body must be sent as application/x-www-form-urlencoded, in UTF-8.');
  if (body.length > FORM_MAX_BYTES) throw new ApiError('RequestEntityTooLarge', `A form may have at most ${String(FORM_MAX_BYTES)} bytes.`);
  const scheme = /^\s*([\w-]+)/.exec(request.headers.authorization ?? '')?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 'aws4-hmac-sha256') throw new ApiError('ValidationError', 'Clients are public: nobody is known by this Authorization; sign with AWS Signature Version 4 where a signature is needed.', { detail: { oauth: 'invalid_client' } });
  if (request.headers['dpop'] !== undefined) throw new ApiError('ValidationError', 'Tokens are bound to no key: DPoP is not supported.');
  return parseForm(body);
}

/** An account that does not issue reads like one that does not exist, and nobody shall remember it. */
function publish(reply: FastifyReply, document: object | undefined): void {
  void reply
    .code(document === undefined ? 404 : 200)
    .header('content-type', document === undefined ? 'application/problem+json' : 'application/json')
    .header('cache-control', document === undefined ? 'no-store' : `public, max-age=${String(KEY_SET_MAX_AGE_SECONDS)}`)
    .header('x-content-type-options', 'nosniff')
    .send(JSON.stringify(document ?? { type: 'about:blank', title: 'NotFound', status: 404, detail: 'There is no such issuer.', code: 'NotFound' }));
}
