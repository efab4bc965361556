import { z } from 'zod';

import { marks, operation } from '../contract/operation.js';
import { ArnText, Nothing, sentence, Tags, TagsOut } from '../contract/shapes.js';
import { taggable } from '../contract/taggable.js';
import { issuerInUrl, providerArn } from '../domain/providers.js';

const OpenIDConnectProviderArn = ArnText;
const Url = z
  .string()
  .min(1)
  .max(255)
  .refine(...sentence((text) => /^https:\/\//.test(text) || !/^[a-z][a-z0-9+.-]*:\/\//i.test(text), 'Invalid Open ID Connect Provider URL. The URL must begin with https://.'))
  .refine(...sentence((text) => issuerInUrl(text) !== undefined, 'Invalid Open ID Connect Provider URL'));
const ClientID = z.string().min(1).max(255);
const ClientIDEntry = z.string().min(1).max(255);
marks.add(ClientIDEntry, { entry: 'Member must have length less than or equal to 255, Member must have length greater than or equal to 1, Member must not be null' });
const Thumbprint = z.string().min(40).max(40);
marks.add(Thumbprint, { entry: 'Member must have length less than or equal to 40, Member must have length greater than or equal to 40, Member must not be null' });

/** The provider a call is about. */
const named = (input: { OpenIDConnectProviderArn: string }): { provider: string } => ({ provider: input.OpenIDConnectProviderArn });

/** Contracts of OpenID Connect providers. */
export const oidcProviderContracts = {
  CreateOpenIDConnectProvider: operation({
    summary: 'Register an OpenID Connect provider, so that roles can trust its users.',
    aws: 'iam',
    rest: 'POST /v1/oidc-providers',
    effect: 'change',
    input: z.object({ Url, ClientIDList: z.array(ClientIDEntry).optional(), ThumbprintList: z.array(Thumbprint).optional(), Tags: Tags.optional() }),
    output: z.object({ OpenIDConnectProviderArn: z.string(), Tags: TagsOut.optional() }),
    errors: ['InvalidInput', 'EntityAlreadyExists', 'LimitExceeded', 'ConcurrentModification'],
    access: {
      action: 'iam:CreateOpenIDConnectProvider',
      resource: (input, caller) => ({ arn: providerArn({ type: 'oidc-provider', account: caller.account, name: issuerInUrl(input.Url) ?? '' }) }),
      also: (input) => ((input.Tags ?? []).length > 0 ? ['iam:TagOpenIDConnectProvider'] : []),
    },
  }),
  GetOpenIDConnectProvider: operation({
    summary: 'Show an OpenID Connect provider.',
    aws: 'iam',
    rest: 'GET /v1/oidc-providers/{OpenIDConnectProviderArn}',
    effect: 'read',
    input: z.object({ OpenIDConnectProviderArn }),
    output: z.object({ Url: z.string(), ClientIDList: z.array(z.string()), ThumbprintList: z.array(z.string()), CreateDate: z.date(), Tags: TagsOut }),
    errors: ['InvalidInput', 'NoSuchEntity'],
    access: { action: 'iam:GetOpenIDConnectProvider', resource: named },
  }),
  ListOpenIDConnectProviders: operation({
    summary: 'List the OpenID Connect providers of the account.',
    aws: 'iam',
    rest: 'GET /v1/oidc-providers',
    effect: 'read',
    input: Nothing,
    output: z.object({ OpenIDConnectProviderList: z.array(z.object({ Arn: z.string() })) }),
    errors: [],
    access: { action: 'iam:ListOpenIDConnectProviders', resource: () => ({ arn: '*' }) },
  }),
  DeleteOpenIDConnectProvider: operation({
    summary: 'Delete an OpenID Connect provider; roles that trust it trust nobody by that any more.',
    aws: 'iam',
    rest: 'DELETE /v1/oidc-providers/{OpenIDConnectProviderArn}',
    effect: 'change',
    input: z.object({ OpenIDConnectProviderArn }),
    output: Nothing,
    errors: ['InvalidInput', 'NoSuchEntity'],
    access: { action: 'iam:DeleteOpenIDConnectProvider', resource: named },
  }),
  AddClientIDToOpenIDConnectProvider: operation({
    summary: 'Add a client id (an audience) to an OpenID Connect provider; one it has already stays.',
    aws: 'iam',
    rest: 'POST /v1/oidc-providers/{OpenIDConnectProviderArn}/client-ids',
    effect: 'change',
    input: z.object({ OpenIDConnectProviderArn, ClientID }),
    output: Nothing,
    errors: ['InvalidInput', 'NoSuchEntity', 'LimitExceeded', 'ConcurrentModification'],
    access: { action: 'iam:AddClientIDToOpenIDConnectProvider', resource: named },
  }),
  RemoveClientIDFromOpenIDConnectProvider: operation({
    summary: 'Remove a client id from an OpenID Connect provider; one it does not have is passed over.',
    aws: 'iam',
    rest: 'DELETE /v1/oidc-providers/{OpenIDConnectProviderArn}/client-ids',
    effect: 'change',
    input: z.object({ OpenIDConnectProviderArn, ClientID }),
    output: Nothing,
    errors: ['InvalidInput', 'NoSuchEntity', 'ConcurrentModification'],
    access: { action: 'iam:RemoveClientIDFromOpenIDConnectProvider', resource: named },
  }),
  UpdateOpenIDConnectProviderThumbprint: operation({
    summary: 'Replace the certificate thumbprints of an OpenID Connect provider.',
    aws: 'iam',
    rest: 'PUT /v1/oidc-providers/{OpenIDConnectProviderArn}/thumbprints',
    effect: 'change',
    input: z.object({ OpenIDConnectProviderArn, ThumbprintList: z.array(Thumbprint) }),
    output: Nothing,
    errors: ['InvalidInput', 'NoSuchEntity', 'ConcurrentModification'],
    access: { action: 'iam:UpdateOpenIDConnectProviderThumbprint', resource: named },
  }),
  ...taggable('OpenIDConnectProvider', { called: 'an OpenID Connect provider', by: { OpenIDConnectProviderArn }, resource: named, route: '/v1/oidc-providers/{OpenIDConnectProviderArn}', misnamed: 'InvalidInput' }),
};
