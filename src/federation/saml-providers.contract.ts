import { z } from 'zod';

import { operation, sensitive } from '../contract/operation.js';
import { ArnText, Nothing, pattern, Tags, TagsOut } from '../contract/shapes.js';
import { taggable } from '../contract/taggable.js';
import { providerArn } from '../domain/providers.js';

const SAMLProviderArn = ArnText;
const SAMLMetadataDocument = z.string().min(1000).max(10_000_000);
const Name = z.string().min(1).max(128).regex(...pattern(/^[\w.-]*$/, '[\\w._-]+'));
const AssertionEncryptionMode = z.enum(['Required', 'Allowed']);
const PrivateKey = z
  .string()
  .min(1)
  .max(16_384)
  .regex(...pattern(/^[\u0009\u000A\u000D\u0020-\u00FF]*$/, '[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+'));
const AddPrivateKey = sensitive(PrivateKey);
const PrivateKeyId = z.string().min(22).max(64).regex(...pattern(/^[A-Z0-9]+$/, '[A-Z0-9]+'));

/** The provider a call is about. */
const named = (input: { SAMLProviderArn: string }): { provider: string } => ({ provider: input.SAMLProviderArn });

/** Contracts of SAML providers. */
export const samlProviderContracts = {
  CreateSAMLProvider: operation({
    summary: 'Register a SAML 2.0 identity provider by its metadata, so that roles can trust its users.',
    aws: 'iam',
    rest: 'POST /v1/saml-providers',
    effect: 'change',
    input: z.object({
      SAMLMetadataDocument,
      Name,
      Tags: Tags.optional(),
      AssertionEncryptionMode: AssertionEncryptionMode.optional(),
      AddPrivateKey: AddPrivateKey.optional(),
    }),
    output: z.object({ SAMLProviderArn: z.string(), Tags: TagsOut.optional() }),
    errors: ['InvalidInput', 'EntityAlreadyExists', 'LimitExceeded', 'ConcurrentModification'],
    access: {
      action: 'iam:CreateSAMLProvider',
      resource: (input, caller) => ({ arn: providerArn({ type: 'saml-provider', account: caller.account, name: input.Name }) }),
      also: (input) => ((input.Tags ?? []).length > 0 ? ['iam:TagSAMLProvider'] : []),
    },
  }),
  GetSAMLProvider: operation({
    summary: 'Show a SAML provider with its metadata; of its private keys, only their ids.',
    aws: 'iam',
    rest: 'GET /v1/saml-providers/{SAMLProviderArn}',
    effect: 'read',
    input: z.object({ SAMLProviderArn }),
    output: z.object({
      SAMLProviderUUID: z.string(),
      SAMLMetadataDocument: z.string(),
      CreateDate: z.date(),
      ValidUntil: z.date(),
      Tags: TagsOut,
      AssertionEncryptionMode,
      PrivateKeyList: z.array(z.object({ KeyId: z.string(), Timestamp: z.date() })),
    }),
    errors: ['NoSuchEntity', 'InvalidInput'],
    access: { action: 'iam:GetSAMLProvider', resource: named },
  }),
  ListSAMLProviders: operation({
    summary: 'List the SAML providers of the account.',
    aws: 'iam',
    rest: 'GET /v1/saml-providers',
    effect: 'read',
    input: Nothing,
    output: z.object({ SAMLProviderList: z.array(z.object({ Arn: z.string(), ValidUntil: z.date(), CreateDate: z.date() })) }),
    errors: [],
    access: { action: 'iam:ListSAMLProviders', resource: () => ({ arn: '*' }) },
  }),
  UpdateSAMLProvider: operation({
    summary: 'Replace the metadata of a SAML provider, or the private keys that decrypt its assertions.',
    aws: 'iam',
    rest: 'PATCH /v1/saml-providers/{SAMLProviderArn}',
    effect: 'change',
    input: z.object({
      SAMLMetadataDocument: SAMLMetadataDocument.optional(),
      SAMLProviderArn,
      AssertionEncryptionMode: AssertionEncryptionMode.optional(),
      AddPrivateKey: AddPrivateKey.optional(),
      RemovePrivateKey: PrivateKeyId.optional(),
    }),
    output: z.object({ SAMLProviderArn: z.string() }),
    errors: ['NoSuchEntity', 'InvalidInput', 'LimitExceeded', 'ConcurrentModification'],
    access: { action: 'iam:UpdateSAMLProvider', resource: named },
  }),
  DeleteSAMLProvider: operation({
    summary: 'Delete a SAML provider with its private keys; roles that trust it trust nobody by that any more.',
    aws: 'iam',
    rest: 'DELETE /v1/saml-providers/{SAMLProviderArn}',
    effect: 'change',
    input: z.object({ SAMLProviderArn }),
    output: Nothing,
    errors: ['InvalidInput', 'NoSuchEntity'],
    access: { action: 'iam:DeleteSAMLProvider', resource: named },
  }),
  ...taggable('SAMLProvider', { called: 'a SAML provider', by: { SAMLProviderArn }, resource: named, route: '/v1/saml-providers/{SAMLProviderArn}', misnamed: 'InvalidInput' }),
};
