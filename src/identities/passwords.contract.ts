import { z } from 'zod';

import { operation, sensitive } from '../contract/operation.js';
import { Nothing, pattern, UserName } from '../contract/shapes.js';

/** A password: 1–128 characters of Latin-1 (IAM API: passwordType); never recorded or said again. */
const Password = sensitive(z.string().min(1).max(128).regex(...pattern(/^[\u0009\u000A\u000D\u0020-\u00FF]*$/, '[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+')));

const LoginProfile = z.object({ UserName: z.string(), CreateDate: z.date(), PasswordResetRequired: z.boolean() });

/** The user a call is about: the named one, or the caller's own where none is named. */
const named = (input: { UserName?: string | undefined }): { user: string | undefined } => ({ user: input.UserName });
const everything = (): { arn: string } => ({ arn: '*' });

/** Contracts of login profiles, which are the passwords of users. Without a UserName they are about the caller's own. */
export const loginProfileContracts = {
  CreateLoginProfile: operation({
    summary: 'Give a user a password.',
    aws: 'iam',
    rest: 'POST /v1/login-profile',
    effect: 'change',
    input: z.object({ UserName: UserName.optional(), Password, PasswordResetRequired: z.boolean().optional() }),
    output: z.object({ LoginProfile }),
    errors: ['EntityAlreadyExists', 'NoSuchEntity', 'PasswordPolicyViolation', 'ConcurrentModification'],
    access: { action: 'iam:CreateLoginProfile', resource: named },
  }),
  GetLoginProfile: operation({
    summary: 'Show whether a user has a password, since when, and whether it must be changed.',
    aws: 'iam',
    rest: 'GET /v1/login-profile',
    effect: 'read',
    input: z.object({ UserName: UserName.optional() }),
    output: z.object({ LoginProfile }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:GetLoginProfile', resource: named },
  }),
  UpdateLoginProfile: operation({
    summary: 'Give a user another password, or say whether it must be changed.',
    aws: 'iam',
    rest: 'PATCH /v1/login-profile',
    effect: 'change',
    input: z.object({ UserName, Password: Password.optional(), PasswordResetRequired: z.boolean().optional() }),
    output: Nothing,
    errors: ['NoSuchEntity', 'PasswordPolicyViolation', 'ConcurrentModification'],
    access: { action: 'iam:UpdateLoginProfile', resource: named },
  }),
  DeleteLoginProfile: operation({
    summary: 'Take the password from a user; access keys stay.',
    aws: 'iam',
    rest: 'DELETE /v1/login-profile',
    effect: 'change',
    input: z.object({ UserName: UserName.optional() }),
    output: Nothing,
    errors: ['NoSuchEntity'],
    access: { action: 'iam:DeleteLoginProfile', resource: named },
  }),
  ChangePassword: operation({
    summary: 'Change the caller’s own password, knowing the old one.',
    aws: 'iam',
    rest: 'POST /v1/login-profile/change-password',
    effect: 'change',
    input: z.object({ OldPassword: Password, NewPassword: Password }),
    output: Nothing,
    errors: ['NoSuchEntity', 'InvalidUserType', 'EntityTemporarilyUnmodifiable', 'PasswordPolicyViolation', 'ConcurrentModification'],
    access: { action: 'iam:ChangePassword', resource: () => ({ user: undefined }), grantedBy: 'password-policy' },
  }),
};

const flag = z.boolean().optional();
const rules = { RequireSymbols: z.boolean(), RequireNumbers: z.boolean(), RequireUppercaseCharacters: z.boolean(), RequireLowercaseCharacters: z.boolean(), AllowUsersToChangePassword: z.boolean() };

/** Contracts of the account's password policy. */
export const passwordPolicyContracts = {
  UpdateAccountPasswordPolicy: operation({
    summary: 'Set the password policy of the account; what is left out goes back to its default.',
    aws: 'iam',
    rest: 'PUT /v1/password-policy',
    effect: 'change',
    input: z.object({
      MinimumPasswordLength: z.int().min(6).max(128).optional(),
      RequireSymbols: flag,
      RequireNumbers: flag,
      RequireUppercaseCharacters: flag,
      RequireLowercaseCharacters: flag,
      AllowUsersToChangePassword: flag,
      MaxPasswordAge: z.int().min(1).max(1095).optional().describe('After how many days passwords expire; left out, they do not.'),
      PasswordReusePrevention: z.int().min(1).max(24).optional().describe('How many passwords, the present one among them, must not be used again.'),
      HardExpiry: flag.describe('Whether an expired password can be replaced by an administrator only.'),
    }),
    output: Nothing,
    errors: [],
    access: { action: 'iam:UpdateAccountPasswordPolicy', resource: everything },
  }),
  GetAccountPasswordPolicy: operation({
    summary: 'Show the password policy of the account.',
    aws: 'iam',
    rest: 'GET /v1/password-policy',
    effect: 'read',
    input: z.object({}),
    output: z.object({
      PasswordPolicy: z.object({
        MinimumPasswordLength: z.int(),
        ...rules,
        ExpirePasswords: z.boolean(),
        MaxPasswordAge: z.int().optional(),
        PasswordReusePrevention: z.int().optional(),
        HardExpiry: flag,
      }),
    }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:GetAccountPasswordPolicy', resource: everything, grantedBy: 'password-policy' },
  }),
  DeleteAccountPasswordPolicy: operation({
    summary: 'Remove the password policy of the account; the default one holds then.',
    aws: 'iam',
    rest: 'DELETE /v1/password-policy',
    effect: 'change',
    input: z.object({}),
    output: Nothing,
    errors: ['NoSuchEntity'],
    access: { action: 'iam:DeleteAccountPasswordPolicy', resource: everything },
  }),
};
