import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { pageIn, pageOut, UserName } from '../contract/shapes.js';

const Status = z.enum(['Active', 'Inactive']);

const SSHPublicKey = z.object({ UserName: z.string(), SSHPublicKeyId: z.string(), Status, UploadDate: z.date() });
const Certificate = z.object({ UserName: z.string(), CertificateId: z.string(), CertificateBody: z.string(), Status, UploadDate: z.date().optional() });
const ServiceSpecificCredential = z.object({
  UserName: z.string(),
  Status,
  ServiceUserName: z.string().optional(),
  CreateDate: z.date(),
  ServiceSpecificCredentialId: z.string(),
  ServiceName: z.string(),
});

/** The user a call is about: the named one, or the caller's own where none is named. */
const named = (input: { UserName?: string | undefined }): { user: string | undefined } => ({ user: input.UserName });

/**
 * Contracts of credentials that only other services of AWS take. Stint has none of them, and says so: whoever deletes a
 * user with all that he has, as Terraform does, asks for them first.
 */
export const otherCredentialContracts = {
  ListSSHPublicKeys: operation({
    summary: 'List the SSH public keys of a user; there are none.',
    aws: 'iam',
    rest: 'GET /v1/ssh-public-keys',
    effect: 'read',
    input: z.object({ UserName: UserName.optional(), ...pageIn }),
    output: z.object({ SSHPublicKeys: z.array(SSHPublicKey), ...pageOut }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:ListSSHPublicKeys', resource: named },
  }),
  ListSigningCertificates: operation({
    summary: 'List the signing certificates of a user; there are none.',
    aws: 'iam',
    rest: 'GET /v1/signing-certificates',
    effect: 'read',
    input: z.object({ UserName: UserName.optional(), ...pageIn }),
    output: z.object({ Certificates: z.array(Certificate), ...pageOut }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:ListSigningCertificates', resource: named },
  }),
  ListServiceSpecificCredentials: operation({
    summary: 'List the credentials of a user for single services; there are none.',
    aws: 'iam',
    rest: 'GET /v1/service-specific-credentials',
    effect: 'read',
    input: z.object({ UserName: UserName.optional(), ServiceName: z.string().min(1).max(256).optional(), ...pageIn }),
    output: z.object({ ServiceSpecificCredentials: z.array(ServiceSpecificCredential), ...pageOut }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:ListServiceSpecificCredentials', resource: named },
  }),
};
