import { z } from 'zod';

import { operation, sensitive } from '../contract/operation.js';
import { ArnText, Credentials, Nothing } from '../contract/shapes.js';

/** Types of tokens (RFC 8693 §3); those of Stint are documented in docs/token-exchange.md. */
export const TOKEN_TYPES = {
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
  idToken: 'urn:ietf:params:oauth:token-type:id_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
  session: 'urn:stint:params:oauth:token-type:session',
  credentials: 'urn:stint:params:oauth:token-type:aws-credentials',
} as const;

const ProofType = z.enum([TOKEN_TYPES.idToken, TOKEN_TYPES.jwt, TOKEN_TYPES.accessToken]);
const Proof = sensitive(z.string().min(4).max(20_000));

const exchangeIn = {
  RoleArn: ArnText,
  RequestedTokenType: z.enum([TOKEN_TYPES.accessToken, TOKEN_TYPES.jwt, TOKEN_TYPES.credentials]).optional(),
  Audience: z.string().min(1).max(1000).optional(),
  Scope: z.string().min(1).max(1000).optional(),
  ActorToken: Proof.optional(),
  ActorTokenType: ProofType.optional(),
};
const exchangeOut = z.object({
  IssuedTokenType: z.string(),
  AccessToken: sensitive(z.string(), 'sha256').optional(),
  Credentials: Credentials.optional(),
  ExpiresIn: z.int().describe('In seconds.'),
  Scope: z.string().optional(),
  SessionId: z.string().describe('The session, for GetSession and RevokeSession.'),
});
const refusals = ['AccessDenied', 'ExpiredTokenException', 'InvalidIdentityToken', 'InvalidScope', 'InvalidTarget', 'JWTPayloadSizeExceededException', 'OutboundWebIdentityFederationDisabledException', 'PackedPolicyTooLarge'] as const;

const tokenIn = { Token: sensitive(z.string().min(1).max(20_000)), TokenTypeHint: z.string().max(255).optional() };

/** Contracts of OAuth 2.0 token exchange (RFC 8693), introspection (RFC 7662) and revocation (RFC 7009). */
export const exchangeContracts = {
  ExchangeToken: operation({
    summary: 'Exchange a token of an OpenID Connect provider, or one of Stint for the token endpoint, for credentials of a role; nobody signs the call.',
    rest: 'POST /v1/token-exchange',
    effect: 'issue',
    auditReadOnly: true,
    input: z.object({ SubjectToken: Proof, SubjectTokenType: ProofType, ...exchangeIn }),
    output: exchangeOut,
    errors: [...refusals, 'IDPCommunicationError'],
    access: { caller: 'proved', because: 'the subject token says who comes; the handler judges him together with the trust policy of the role' },
  }),
  ExchangeSession: operation({
    summary: 'Exchange the session that signs the request for credentials of a role.',
    rest: 'POST /v1/token-exchange/session',
    effect: 'issue',
    auditReadOnly: true,
    input: z.object(exchangeIn),
    output: exchangeOut,
    errors: [...refusals, 'IDPCommunicationError', 'InvalidSubjectCredentials'],
    access: { caller: 'any', because: 'the handler judges it together with the trust policy of the role' },
  }),
  IntrospectToken: operation({
    summary: 'Show whether a token is good, and whose it is; of anything that is not of this account nothing is said.',
    rest: 'POST /v1/tokens/introspect',
    effect: 'read',
    input: z.object(tokenIn),
    output: z.object({
      Active: z.boolean(),
      Issuer: z.string().optional(),
      Subject: z.string().optional(),
      Audience: z.array(z.string()).optional(),
      IssuedAt: z.date().optional(),
      ExpiresAt: z.date().optional(),
      TokenId: z.string().optional(),
      SessionId: z.string().optional(),
      Scope: z.string().optional(),
      Actors: z.array(z.object({ Subject: z.string(), Issuer: z.string() })).optional().describe('Who acts for the subject, newest first.'),
    }),
    errors: [],
    access: { action: 'stint:IntrospectToken', resource: () => ({ arn: '*' }) },
  }),
  RevokeToken: operation({
    summary: 'End a token, the session behind it and every session that was obtained with it; what is no such token is answered alike.',
    rest: 'POST /v1/tokens/revoke',
    effect: 'change',
    input: z.object(tokenIn),
    output: Nothing,
    errors: ['AccessDenied'],
    access: { caller: 'any', because: 'the handler judges it with the session that the token belongs to, which is not known before' },
  }),
};
