import { z } from 'zod';

import { operation, sensitive } from '../contract/operation.js';
import { issuingOut, SerialNumber, TokenCode } from '../contract/session-shapes.js';
import { Credentials, pattern, UserName } from '../contract/shapes.js';

const ACCOUNT = /^[a-z0-9-]*$/;
/** A password of 1–128 characters, whatever they are: it may be older than the rules for new ones. */
const Password = sensitive(z.string().min(1).max(128));
/** A recovery code: 12–20 characters with its hyphens, in whatever case. */
const RecoveryCode = sensitive(z.string().min(12).max(20).regex(...pattern(/^[0-9A-Za-z -]*$/, '[0-9A-Za-z -]*')));

/** Contract of the sign-in of people. */
export const signInContracts = {
  SignIn: operation({
    summary: 'Receive temporary credentials of a user for his password, and a code of his MFA device or a recovery code where he has a device.',
    rest: 'POST /v1/sign-in',
    effect: 'issue',
    input: z.object({
      Account: z.string().min(3).max(63).regex(...pattern(ACCOUNT, '[a-z0-9-]*')).describe('The id of the account, or its alias.'),
      UserName,
      Password,
      SerialNumber: SerialNumber.optional().describe('Which device the code is of; without it, any of the user’s.'),
      TokenCode: TokenCode.optional(),
      RecoveryCode: RecoveryCode.optional(),
      DurationSeconds: z.int().min(900).max(129_600).optional(),
    }),
    output: z.object({
      Credentials,
      ...issuingOut,
      PasswordResetRequired: z.boolean().describe('Whether these credentials can do nothing but change the password.'),
      PasswordExpiresAt: z.date().optional(),
      RecoveryCodesLeft: z.int().optional().describe('After a recovery code was used.'),
    }),
    errors: ['SignInRefused'],
    isSignIn: true,
    access: { caller: 'proved', because: 'the password says who comes, and the handler asks for his MFA device' },
  }),
};
