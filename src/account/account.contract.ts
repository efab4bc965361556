import { z } from 'zod';

import { operation, type ResourceRef } from '../contract/operation.js';
import { Nothing, pageIn, pageOut, pattern, sentence } from '../contract/shapes.js';

const AccountAlias = z
  .string()
  .min(3)
  .max(63)
  .regex(...pattern(/^[a-z0-9](?:[a-z0-9]|-(?!-))*[a-z0-9]$/, '^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$'))
  .refine(...sentence((text) => !/^\d{12}$/.test(text), 'The specified value for {member} is invalid. It must not be a 12-digit number, which could be taken for an account ID.'));

/** What is about the account as a whole has no ARN of its own (Service Authorization Reference: IAM). */
export const wholeAccount = (): ResourceRef => ({ arn: '*' });

/** Contracts of what an account is called, how much it has, and its preferences. */
export const accountContracts = {
  CreateAccountAlias: operation({
    summary: 'Give the account an alias, which no other account has; it replaces the former one.',
    aws: 'iam',
    rest: 'POST /v1/account/aliases',
    effect: 'change',
    input: z.object({ AccountAlias }),
    output: Nothing,
    errors: ['EntityAlreadyExists', 'ConcurrentModification'],
    access: { action: 'iam:CreateAccountAlias', resource: wholeAccount },
  }),
  ListAccountAliases: operation({
    summary: 'List the alias of the account, if it has one.',
    aws: 'iam',
    rest: 'GET /v1/account/aliases',
    effect: 'read',
    input: z.object(pageIn),
    output: z.object({ AccountAliases: z.array(z.string()), ...pageOut }),
    errors: [],
    access: { action: 'iam:ListAccountAliases', resource: wholeAccount },
  }),
  DeleteAccountAlias: operation({
    summary: 'Take the alias from the account; others may have it then.',
    aws: 'iam',
    rest: 'DELETE /v1/account/aliases/{AccountAlias}',
    effect: 'change',
    input: z.object({ AccountAlias }),
    output: Nothing,
    errors: ['NoSuchEntity', 'ConcurrentModification'],
    access: { action: 'iam:DeleteAccountAlias', resource: wholeAccount },
  }),
  GetAccountSummary: operation({
    summary: 'Count what the account has, and show what it may have.',
    aws: 'iam',
    rest: 'GET /v1/account/summary',
    effect: 'read',
    input: z.object({}),
    output: z.object({ SummaryMap: z.record(z.string(), z.number()) }),
    errors: [],
    access: { action: 'iam:GetAccountSummary', resource: wholeAccount },
  }),
  SetSecurityTokenServicePreferences: operation({
    summary: 'Choose the version of global endpoint tokens that GetAccountSummary shows; tokens of Stint are the same everywhere.',
    aws: 'iam',
    rest: 'PUT /v1/account/security-token-service-preferences',
    effect: 'change',
    input: z.object({ GlobalEndpointTokenVersion: z.enum(['v1Token', 'v2Token']) }),
    output: Nothing,
    errors: [],
    access: { action: 'iam:SetSecurityTokenServicePreferences', resource: wholeAccount },
  }),
};
