import { z } from 'zod';

import { operation, sensitive } from '../contract/operation.js';
import { Nothing, UserName } from '../contract/shapes.js';

/** The user a call is about: the named one, or the caller's own where none is named. */
const named = (input: { UserName?: string | undefined }): { user: string | undefined } => ({ user: input.UserName });

/** Contracts of recovery codes, by which a user signs in without his MFA device. Without a UserName they are about the caller's own. */
export const recoveryCodeContracts = {
  CreateRecoveryCodes: operation({
    summary: 'Make ten recovery codes for a user who has an MFA device; they are shown this once and replace those he had.',
    rest: 'POST /v1/recovery-codes',
    effect: 'change',
    input: z.object({ UserName: UserName.optional() }),
    output: z.object({ RecoveryCodes: sensitive(z.array(z.string()).describe('Each is good for one sign-in.')), CreateDate: z.date() }),
    errors: ['NoSuchEntity', 'ConcurrentModification'],
    access: { action: 'stint:CreateRecoveryCodes', resource: named },
  }),
  GetRecoveryCodesStatus: operation({
    summary: 'Show how many recovery codes a user has left, and since when.',
    rest: 'GET /v1/recovery-codes',
    effect: 'read',
    input: z.object({ UserName: UserName.optional() }),
    output: z.object({ CodesLeft: z.int(), CreateDate: z.date().optional() }),
    errors: ['NoSuchEntity'],
    access: { action: 'stint:GetRecoveryCodesStatus', resource: named },
  }),
  DeleteRecoveryCodes: operation({
    summary: 'Make the recovery codes of a user worthless.',
    rest: 'DELETE /v1/recovery-codes',
    effect: 'change',
    input: z.object({ UserName: UserName.optional() }),
    output: Nothing,
    errors: ['NoSuchEntity', 'ConcurrentModification'],
    access: { action: 'stint:DeleteRecoveryCodes', resource: named },
  }),
};
