import { Controller, Get, Param, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';

import { isAccountId } from '../domain/arn.js';
import { KEY_SET_MAX_AGE_SECONDS, SIGNING_ALGORITHMS } from '../domain/issuer-keys.js';
import { Endpoint } from '../kernel/endpoint.js';
import { issuerOf } from '../sessions/identity-token-issuer.js';
import { IssuerKeys } from '../sessions/issuer-keys.js';

/** What verifiers of web identity tokens read, without a signature (OpenID Connect Discovery 1.0 §4, RFC 7517 §5). */
@Controller('oidc/:account/.well-known')
export class OidcFace {
  constructor(
    private readonly keys: IssuerKeys,
    private readonly endpoint: Endpoint,
  ) {}

  @Get('openid-configuration')
  async configuration(@Param('account') account: string, @Res() reply: FastifyReply): Promise<void> {
    const issuer = issuerOf(this.endpoint.url, account);
    send(reply, (await this.#keySet(account)) && {
      issuer,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: SIGNING_ALGORITHMS,
      claims_supported: ['iss', 'aud', 'sub', 'iat', 'exp', 'jti'],
    });
  }

  @Get('jwks.json')
  async keySet(@Param('account') account: string, @Res() reply: FastifyReply): Promise<void> {
    const keys = await this.#keySet(account);
    send(reply, keys && { keys });
  }

  async #keySet(account: string): Promise<readonly object[] | undefined> {
    // Only what has the form of an account is looked up, so that strangers do not fill memories.
    return isAccountId(account) ? this.keys.keySet(account) : undefined;
  }
}

/** An account that does not issue reads like one that does not exist, and nobody shall remember it. */
function send(reply: FastifyReply, document: object | undefined): void {
  const found = document !== undefined;
  void reply
    .code(found ? 200 : 404)
    .header('content-type', found ? 'application/json' : 'application/problem+json')
    .header('cache-control', found ? `public, max-age=${String(KEY_SET_MAX_AGE_SECONDS)}` : 'no-store')
    .header('x-content-type-options', 'nosniff')
    .send(JSON.stringify(document ?? { type: 'about:blank', title: 'NotFound', status: 404, detail: 'There is no such issuer.', code: 'NotFound' }));
}
