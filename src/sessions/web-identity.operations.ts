import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { ApiError } from '../domain/errors.js';
import { requireSessionTags } from '../domain/session-tags.js';
import { webIdentityDuration } from '../domain/web-identity.js';
import { Endpoint } from '../kernel/endpoint.js';
import { implement } from '../kernel/handler.js';
import { IdentityTokenIssuer, issuerOf } from './identity-token-issuer.js';
import { IssuerKeys } from './issuer-keys.js';
import { IssuersStore } from './issuers.store.js';
import { webIdentityContracts } from './web-identity.contract.js';

type Input = z.output<typeof webIdentityContracts.GetWebIdentityToken.input>;

/** Use cases of web identity tokens. */
@Injectable()
export class WebIdentityOperations {
  constructor(
    private readonly keys: IssuerKeys,
    private readonly issuers: IssuersStore,
    private readonly tokens: IdentityTokenIssuer,
    private readonly endpoint: Endpoint,
  ) {}

  readonly operations = implement(webIdentityContracts, {
    GetWebIdentityToken: async (input, ctx) => {
      const { caller, issuedAt: now } = ctx;
      requireOwnIdentity(input);
      requireSessionTags(input.Tags ?? []);
      const seconds = webIdentityDuration(input.DurationSeconds, caller.session, now);
      // Nobody comes here without a credential: the executor asked for a signature.
      if (caller.kind === 'federated-identity') throw new Error('nobody signed the call');
      const signed = await this.tokens.issue({ holder: caller, audience: input.Audience, algorithm: input.SigningAlgorithm, seconds, requestTags: input.Tags ?? [] }, ctx);
      ctx.note({ additional: { jti: signed.tokenId, kid: signed.keyId } });
      return { WebIdentityToken: signed.token, Expiration: new Date((Math.floor(now.getTime() / 1000) + seconds) * 1000) };
    },
    EnableOutboundWebIdentityFederation: async (_, ctx) => {
      const { account } = ctx.caller;
      if (!(await this.issuers.switch(ctx.tx, account, true))) throw new ApiError('FeatureEnabled', 'Outbound web identity federation is already enabled for this account.');
      await this.keys.renew(ctx.tx, account);
      return { IssuerIdentifier: issuerOf(this.endpoint.url, account) };
    },
    DisableOutboundWebIdentityFederation: async (_, ctx) => {
      const { account } = ctx.caller;
      const isKnown = (await this.issuers.findIn(ctx.tx, account)) !== undefined;
      if (!isKnown || !(await this.issuers.switch(ctx.tx, account, false))) throw disabled();
      return {};
    },
    GetOutboundWebIdentityFederationInfo: async (_, ctx) => {
      const { account } = ctx.caller;
      const issuer = await ctx.read((tx) => this.issuers.findIn(tx, account));
      if (issuer?.enabled !== true) throw disabled();
      return { IssuerIdentifier: issuerOf(this.endpoint.url, account), JwtVendingEnabled: true };
    },
  });
}

/**
 * OriginIdentity would put into the token whom an identity provider vouched for at the beginning of the session. No
 * session carries such a thing: a source identity is what its caller says. So it is refused, and with it Scope.
 */
function requireOwnIdentity({ Scope, SubjectMode }: Input): void {
  if (Scope !== undefined && SubjectMode !== 'OriginIdentity') throw new ApiError('InvalidParameterValue', 'Scope can be given only with SubjectMode OriginIdentity and exactly one audience.');
  if (SubjectMode === 'OriginIdentity') throw new ApiError('InvalidParameterValue', 'SubjectMode OriginIdentity needs a session that carries an origin identity; this one does not.');
}

function disabled(): ApiError {
  return new ApiError('FeatureDisabled', 'Outbound web identity federation is not enabled for this account.');
}
