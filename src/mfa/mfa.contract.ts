import { z } from 'zod';

import { operation, sensitive } from '../contract/operation.js';
import { SerialNumber } from '../contract/session-shapes.js';
import { Nothing, pageIn, pageOut, Path, pattern, sentence, Tags, TagsOut } from '../contract/shapes.js';
import { taggable } from '../contract/taggable.js';
import { iamArn, rootArn } from '../domain/arn.js';
import { ROOT_USER_NAME } from '../domain/mfa.js';
import type { Caller } from '../domain/principal.js';

const NAME_SENTENCE = 'The specified value for {member} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-';

/** A user, or root by the name that no user can have. */
const UserName = z
  .string()
  .min(1)
  .max(128)
  .refine(...sentence((text) => text === ROOT_USER_NAME || /^[\w+=,.@-]*$/.test(text), NAME_SENTENCE));
/** The name of a device, so long that its ARN can be a serial number: 1–226 characters. */
const VirtualMFADeviceName = z.string().min(1).max(226).refine(...sentence((text) => /^[\w+=,.@-]*$/.test(text), NAME_SENTENCE));
/** A code of a device: 6 digits; never recorded or said again. */
const AuthenticationCode = sensitive(z.string().min(6).max(6).regex(...pattern(/^\d*$/, '[\\d]+')));
const AuthenticationCode1 = AuthenticationCode;
const AuthenticationCode2 = AuthenticationCode;

/** A user without tags and boundary; without a name it is root. */
const User = z.object({ Path: z.string(), UserName: z.string().optional(), UserId: z.string(), Arn: z.string(), CreateDate: z.date() });

type Resource = { readonly user: string | undefined } | { readonly arn: string };

/** The user a call names, root among them, or the caller itself. */
const holder = ({ UserName: name }: { UserName?: string | undefined }, { account }: Caller): Resource => (name === ROOT_USER_NAME ? { arn: rootArn(account) } : { user: name });
/** The device a call names. */
const device = (input: { SerialNumber: string }): { mfaDevice: string } => ({ mfaDevice: input.SerialNumber });

/** Contracts of MFA devices. */
export const mfaContracts = {
  CreateVirtualMFADevice: operation({
    summary: 'Create a virtual MFA device; its seed and QR code are shown this once.',
    aws: 'iam',
    rest: 'POST /v1/virtual-mfa-devices',
    effect: 'change',
    input: z.object({ Path: Path.optional(), VirtualMFADeviceName, Tags: Tags.optional() }),
    output: z.object({
      VirtualMFADevice: z.object({
        SerialNumber: z.string(),
        Base32StringSeed: sensitive(z.string().describe('The seed in Base32, and that in Base64, as AWS encodes it.')),
        QRCodePNG: sensitive(z.string().describe('A picture in PNG, in Base64.')),
        Tags: TagsOut.optional(),
      }),
    }),
    errors: ['EntityAlreadyExists', 'InvalidInput', 'LimitExceeded', 'ConcurrentModification'],
    access: {
      action: 'iam:CreateVirtualMFADevice',
      resource: (input, caller) => ({ arn: iamArn(caller.account, 'mfa', `${input.Path ?? '/'}${input.VirtualMFADeviceName}`) }),
      also: (input) => ((input.Tags ?? []).length > 0 ? ['iam:TagMFADevice'] : []),
    },
  }),
  ListVirtualMFADevices: operation({
    summary: 'List the virtual MFA devices of the account, the oldest first, with whom they are enabled for.',
    aws: 'iam',
    rest: 'GET /v1/virtual-mfa-devices',
    effect: 'read',
    input: z.object({ AssignmentStatus: z.enum(['Assigned', 'Unassigned', 'Any']).optional(), ...pageIn }),
    output: z.object({ VirtualMFADevices: z.array(z.object({ SerialNumber: z.string(), User: User.optional(), EnableDate: z.date().optional() })), ...pageOut }),
    errors: [],
    access: { action: 'iam:ListVirtualMFADevices', resource: (_, caller) => ({ arn: iamArn(caller.account, 'mfa', '/') }) },
  }),
  DeleteVirtualMFADevice: operation({
    summary: 'Delete a virtual MFA device, which must be nobody’s any more.',
    aws: 'iam',
    rest: 'DELETE /v1/virtual-mfa-devices/{SerialNumber}',
    effect: 'change',
    input: z.object({ SerialNumber }),
    output: Nothing,
    errors: ['NoSuchEntity', 'DeleteConflict', 'ConcurrentModification'],
    access: { action: 'iam:DeleteVirtualMFADevice', resource: device },
  }),
  EnableMFADevice: operation({
    summary: 'Enable a virtual MFA device for a user who proves by two codes in a row that it is in his hands.',
    aws: 'iam',
    rest: 'POST /v1/mfa-devices/{SerialNumber}/enable',
    effect: 'change',
    input: z.object({ UserName, SerialNumber, AuthenticationCode1, AuthenticationCode2 }),
    output: Nothing,
    errors: ['EntityAlreadyExists', 'InvalidAuthenticationCode', 'LimitExceeded', 'NoSuchEntity', 'ConcurrentModification'],
    access: { action: 'iam:EnableMFADevice', resource: holder },
  }),
  ResyncMFADevice: operation({
    summary: 'Learn by two codes in a row how far the clock of a device is off, up to ten minutes either way.',
    aws: 'iam',
    rest: 'POST /v1/mfa-devices/{SerialNumber}/resync',
    effect: 'change',
    input: z.object({ UserName, SerialNumber, AuthenticationCode1, AuthenticationCode2 }),
    output: Nothing,
    errors: ['InvalidAuthenticationCode', 'NoSuchEntity', 'ConcurrentModification'],
    access: { action: 'iam:ResyncMFADevice', resource: holder },
  }),
  DeactivateMFADevice: operation({
    summary: 'Take an MFA device from its user; without a name, from the caller.',
    aws: 'iam',
    rest: 'POST /v1/mfa-devices/{SerialNumber}/deactivate',
    effect: 'change',
    input: z.object({ UserName: UserName.optional(), SerialNumber }),
    output: Nothing,
    errors: ['NoSuchEntity', 'ConcurrentModification'],
    access: { action: 'iam:DeactivateMFADevice', resource: holder },
  }),
  ListMFADevices: operation({
    summary: 'List the MFA devices of a user; without a name, of the caller.',
    aws: 'iam',
    rest: 'GET /v1/mfa-devices',
    effect: 'read',
    input: z.object({ UserName: UserName.optional(), ...pageIn }),
    output: z.object({ MFADevices: z.array(z.object({ UserName: z.string(), SerialNumber: z.string(), EnableDate: z.date() })), ...pageOut }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:ListMFADevices', resource: holder },
  }),
  GetMFADevice: operation({
    summary: 'Show an MFA device, and whose it is.',
    aws: 'iam',
    rest: 'GET /v1/mfa-devices/{SerialNumber}',
    effect: 'read',
    input: z.object({ SerialNumber, UserName: UserName.optional() }),
    output: z.object({ UserName: z.string().optional(), SerialNumber: z.string(), EnableDate: z.date().optional() }),
    errors: ['NoSuchEntity'],
    // AWS's policies for users who manage their own devices allow it on the user; without one, it is about the device.
    access: { action: 'iam:GetMFADevice', resource: (input, caller) => (input.UserName === undefined ? device(input) : holder(input, caller)) },
  }),
  ...taggable('MFADevice', { called: 'a virtual MFA device', by: { SerialNumber }, resource: device, route: '/v1/mfa-devices/{SerialNumber}' }),
  UnlockMFADevice: operation({
    summary: 'Let codes of a device be tried at once again, however many were wrong before.',
    // Not by its path: curl cannot sign one with an ARN in it.
    rest: 'POST /v1/mfa-devices/unlock',
    effect: 'change',
    input: z.object({ SerialNumber }),
    output: Nothing,
    errors: ['NoSuchEntity'],
    access: { action: 'stint:UnlockMFADevice', resource: device },
  }),
};
