import { z } from 'zod';

import { operation, sensitive } from '../contract/operation.js';
import { SessionTags } from '../contract/session-shapes.js';
import { Nothing } from '../contract/shapes.js';
import { SIGNING_ALGORITHMS, WEB_IDENTITY_MAX_SECONDS } from '../domain/issuer-keys.js';

const anywhere = (): { arn: string } => ({ arn: '*' });

/** Contracts of web identity tokens: JWTs that prove to others who somebody is here. */
export const webIdentityContracts = {
  GetWebIdentityToken: operation({
    summary: 'Receive a signed token (JWT) that proves the caller’s identity to others.',
    aws: 'sts',
    rest: 'POST /v1/web-identity-token',
    effect: 'issue',
    input: z.object({
      Audience: z.array(z.string().min(1).max(1000)).min(1).max(10),
      SigningAlgorithm: z.enum(SIGNING_ALGORITHMS),
      DurationSeconds: z.int().min(60).max(WEB_IDENTITY_MAX_SECONDS).optional(),
      Tags: SessionTags.optional(),
      Scope: z.string().min(1).max(1000).optional(),
      SubjectMode: z.enum(['AWSIdentity', 'OriginIdentity']).optional(),
    }),
    output: z.object({ WebIdentityToken: sensitive(z.string(), 'sha256'), Expiration: z.date() }),
    errors: ['AccessDenied', 'InvalidParameterValue', 'JWTPayloadSizeExceededException', 'OutboundWebIdentityFederationDisabledException', 'SessionDurationEscalationException'],
    access: { caller: 'any', because: 'the handler judges it with the condition keys of its parameters' },
  }),
  EnableOutboundWebIdentityFederation: operation({
    summary: 'Let principals of the account obtain web identity tokens, and publish the keys that verify them.',
    aws: 'iam',
    rest: 'PUT /v1/outbound-web-identity-federation',
    effect: 'change',
    input: Nothing,
    output: z.object({ IssuerIdentifier: z.string() }),
    errors: ['FeatureEnabled'],
    access: { action: 'iam:EnableOutboundWebIdentityFederation', resource: anywhere },
  }),
  DisableOutboundWebIdentityFederation: operation({
    summary: 'End it: no token is issued any more, and verifiers find no keys.',
    aws: 'iam',
    rest: 'DELETE /v1/outbound-web-identity-federation',
    effect: 'change',
    input: Nothing,
    output: Nothing,
    errors: ['FeatureDisabled'],
    access: { action: 'iam:DisableOutboundWebIdentityFederation', resource: anywhere },
  }),
  GetOutboundWebIdentityFederationInfo: operation({
    summary: 'Show the issuer of the account’s web identity tokens.',
    aws: 'iam',
    rest: 'GET /v1/outbound-web-identity-federation',
    effect: 'read',
    input: Nothing,
    output: z.object({ IssuerIdentifier: z.string(), JwtVendingEnabled: z.boolean() }),
    errors: ['FeatureDisabled'],
    access: { action: 'iam:GetOutboundWebIdentityFederationInfo', resource: anywhere },
  }),
};
