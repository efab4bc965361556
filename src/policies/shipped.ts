/** A statement of a shipped policy: they only allow, so that one that is not known yet takes nothing away. */
interface Allow {
  readonly Sid?: string;
  readonly Effect: 'Allow';
  readonly Action: string | readonly string[];
  readonly Resource: '*' | 'arn:aws:iam::*:root';
}

/** A policy that Stint brings along. */
export interface Shipped {
  readonly name: string;
  readonly path: string;
  readonly description: string;
  readonly statements: readonly Allow[];
}

/** The date of every shipped policy. */
export const SHIPPED_SINCE = new Date('2026-11-25T00:00:00Z');

const allow = (...actions: readonly string[]): readonly Allow[] => [{ Effect: 'Allow', Action: actions, Resource: '*' }];

const readIam = ['iam:Get*', 'iam:List*', 'iam:SimulateCustomPolicy', 'iam:SimulatePrincipalPolicy'];
// Not sts:Get*, which takes in operations that give credentials.
const readSts = ['sts:DecodeAuthorizationMessage', 'sts:GetAccessKeyInfo', 'sts:GetCallerIdentity'];
const readStint = ['stint:Get*', 'stint:List*'];

const general: readonly Shipped[] = [
  { name: 'AdministratorAccess', path: '/', description: 'Allows every action on every resource.', statements: [{ Effect: 'Allow', Action: '*', Resource: '*' }] },
  { name: 'IAMFullAccess', path: '/', description: 'Allows every action of IAM.', statements: allow('iam:*') },
  { name: 'IAMReadOnlyAccess', path: '/', description: 'Allows to look at everything in IAM, and to change nothing.', statements: allow('iam:GenerateCredentialReport', ...readIam) },
  { name: 'ReadOnlyAccess', path: '/', description: 'Allows to look at everything in IAM, STS and Stint, and to change nothing.', statements: allow(...readIam, ...readSts, ...readStint) },
  {
    name: 'SecurityAudit',
    path: '/',
    description: 'Allows to look at whatever says who may do what, and at what was done.',
    statements: allow('iam:GenerateCredentialReport', ...readIam, 'sts:GetAccessKeyInfo', ...readStint),
  },
  {
    name: 'StintAuditor',
    path: '/',
    description: 'Allows to read the audit log and the explanations of refusals.',
    statements: allow('stint:GetDecision', 'stint:ListAuditEvents', 'sts:DecodeAuthorizationMessage'),
  },
  { name: 'StintFullAccess', path: '/', description: 'Allows every action of Stint itself.', statements: allow('stint:*') },
  { name: 'StintReadOnlyAccess', path: '/', description: 'Allows to look at everything in Stint itself, and to change nothing.', statements: allow(...readStint) },
];

/** What a session of AssumeRoot may do, one policy a task (STS API: AssumeRoot). */
/** What a task may do with the root user's own credentials, and with nobody else's. */
function onRoot(...actions: readonly string[]): readonly Allow[] {
  return [{ Effect: 'Allow', Action: actions, Resource: 'arn:aws:iam::*:root' }];
}

const rootTasks: readonly Shipped[] = [
  {
    name: 'IAMAuditRootUserCredentials',
    path: '/root-task/',
    description: 'Allows to see which credentials the root user of an account has.',
    statements: [...onRoot('iam:GetAccessKeyLastUsed', 'iam:GetLoginProfile', 'iam:GetUser', 'iam:ListAccessKeys', 'iam:ListMFADevices', 'iam:ListSigningCertificates'), ...allow('iam:GetAccountSummary')],
  },
  {
    name: 'IAMCreateRootUserPassword',
    path: '/root-task/',
    description: 'Allows to give the root user of an account a password.',
    statements: onRoot('iam:CreateLoginProfile', 'iam:GetLoginProfile'),
  },
  {
    name: 'IAMDeleteRootUserCredentials',
    path: '/root-task/',
    description: 'Allows to remove the credentials that the root user of an account has.',
    statements: onRoot(
      'iam:DeactivateMFADevice',
      'iam:DeleteAccessKey',
      'iam:DeleteLoginProfile',
      'iam:DeleteSigningCertificate',
      'iam:DeleteVirtualMFADevice',
      'iam:GetAccessKeyLastUsed',
      'iam:GetLoginProfile',
      'iam:GetUser',
      'iam:ListAccessKeys',
      'iam:ListMFADevices',
      'iam:ListSigningCertificates',
      'iam:UpdateAccessKey',
    ),
  },
  {
    name: 'S3UnlockBucketPolicy',
    path: '/root-task/',
    description: 'Allows to remove a bucket policy that locks everybody out.',
    statements: allow('s3:DeleteBucketPolicy', 's3:GetBucketPolicy', 's3:ListAllMyBuckets', 's3:PutBucketPolicy'),
  },
  {
    name: 'SQSUnlockQueuePolicy',
    path: '/root-task/',
    description: 'Allows to remove a queue policy that locks everybody out.',
    statements: allow('sqs:GetQueueAttributes', 'sqs:GetQueueUrl', 'sqs:ListQueues', 'sqs:SetQueueAttributes'),
  },
];

/** Every shipped policy. */
export const shippedPolicies: readonly Shipped[] = [...general, ...rootTasks];
