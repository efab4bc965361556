import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { pageIn, pageOut, PathPrefix, UserName } from '../contract/shapes.js';

const Status = z.enum(['Active', 'Inactive']);
/** The user a call is about: the named one, or the caller's own where none is named. */
const named = (input: { UserName?: string | undefined }): { user: string | undefined } => ({ user: input.UserName });

/**
 * Contracts of credentials that Stint does not have. Clients ask for them before they delete a user, and are told that
 * there are none.
 */
export const absentCredentialContracts = {
  ListSSHPublicKeys: operation({
    summary: 'List the SSH public keys of a user: always none.',
    aws: 'iam',
    rest: 'GET /v1/ssh-public-keys',
    effect: 'read',
    input: z.object({ UserName: UserName.optional(), ...pageIn }),
    output: z.object({ SSHPublicKeys: z.array(z.object({ UserName: z.string(), SSHPublicKeyId: z.string(), Status, UploadDate: z.date() })), ...pageOut }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:ListSSHPublicKeys', resource: named },
  }),
  ListSigningCertificates: operation({
    summary: 'List the signing certificates of a user: always none.',
    aws: 'iam',
    rest: 'GET /v1/signing-certificates',
    effect: 'read',
    input: z.object({ UserName: UserName.optional(), ...pageIn }),
    output: z.object({
      Certificates: z.array(z.object({ UserName: z.string(), CertificateId: z.string(), CertificateBody: z.string(), Status, UploadDate: z.date().optional() })),
      ...pageOut,
    }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:ListSigningCertificates', resource: named },
  }),
  ListServiceSpecificCredentials: operation({
    summary: 'List the credentials of a user for single services: always none.',
    aws: 'iam',
    rest: 'GET /v1/service-specific-credentials',
    effect: 'read',
    input: z.object({ UserName: UserName.optional(), ServiceName: z.string().max(256).optional(), AllUsers: z.boolean().optional(), ...pageIn }),
    output: z.object({
      ServiceSpecificCredentials: z.array(
        z.object({ UserName: z.string(), Status, ServiceUserName: z.string().optional(), CreateDate: z.date(), ServiceSpecificCredentialId: z.string(), ServiceName: z.string() }),
      ),
      ...pageOut,
    }),
    errors: ['NoSuchEntity'],
    access: { action: 'iam:ListServiceSpecificCredentials', resource: named },
  }),
  ListServerCertificates: operation({
    summary: 'List the server certificates of the account: always none.',
    aws: 'iam',
    rest: 'GET /v1/server-certificates',
    effect: 'read',
    input: z.object({ PathPrefix: PathPrefix.optional(), ...pageIn }),
    output: z.object({
      ServerCertificateMetadataList: z.array(
        z.object({ Path: z.string(), ServerCertificateName: z.string(), ServerCertificateId: z.string(), Arn: z.string(), UploadDate: z.date().optional(), Expiration: z.date().optional() }),
      ),
      ...pageOut,
    }),
    errors: [],
    access: { action: 'iam:ListServerCertificates', resource: () => ({ arn: '*' }) },
  }),
};
