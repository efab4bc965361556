import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { issuersModes } from '../domain/trusted-issuers.js';
import { wholeAccount } from './account.contract.js';

const TrustLinter = z.enum(['enforce', 'report-only']).describe('Whether saving a risky trust policy is refused, unless the risk is accepted, or only reported.');
const TrustedIssuersMode = z.enum(issuersModes).describe('Whether tokens of issuers that are not in the list are accepted, accepted and recorded, or refused.');
/** Entries, and the longest ARN of a SAML provider; URLs of issuers have at the most 255 characters. */
const TrustedIssuers = z.array(z.string().min(1).max(263)).max(100).describe('URLs of OpenID Connect issuers and ARNs of SAML providers of the account.');
const settings = z.object({ TrustLinter, TrustedIssuersMode, TrustedIssuers });

/** Contracts of what an account chooses about trust. */
export const trustSettingsContracts = {
  GetAccountSettings: operation({
    summary: 'Show what the account has chosen about trust policies and trusted issuers.',
    rest: 'GET /v1/account/settings',
    effect: 'read',
    input: z.object({}),
    output: settings,
    errors: [],
    access: { action: 'stint:GetAccountSettings', resource: wholeAccount },
  }),
  UpdateAccountSettings: operation({
    summary: 'Change what the account has chosen about trust; what is left out stays as it is.',
    rest: 'PATCH /v1/account/settings',
    effect: 'change',
    input: settings.partial(),
    output: settings,
    errors: ['InvalidInput'],
    access: { action: 'stint:UpdateAccountSettings', resource: wholeAccount },
  }),
};
