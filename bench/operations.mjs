// What is measured: operations by the name they are chosen with, and the requests they are made of.

const VERSION = '2012-10-17';
/** What "1 kB" means. */
const POLICY_CHARACTERS = 1_000;

const TAGS = {
  team: 'payments',
  project: 'ledger-migration',
  stage: 'production',
  'cost-center': 'CC-4711-EU',
  owner: 'alice@example.com',
  department: 'Finance Systems',
  ticket: 'OPS-20931',
  release: '2026.01.3',
  'data-class': 'confidential',
  region: 'eu-central-1',
};

const tagParameters = Object.fromEntries(
  Object.entries(TAGS).flatMap(([key, value], index) => [
    [`Tags.member.${index + 1}.Key`, key],
    [`Tags.member.${index + 1}.Value`, value],
  ]),
);

/** A session policy of exactly 1,000 characters, another one for each connection, as real ones name what a session is for. */
function sessionPolicy(account, index) {
  const name = `reports-${String(index).padStart(4, '0')}`;
  const document = (rest) =>
    JSON.stringify({
      Version: VERSION,
      Statement: [
        {
          Sid: 'ReadReports',
          Effect: 'Allow',
          Action: ['s3:GetObject', 's3:GetObjectVersion', 's3:ListBucket'],
          Resource: [`arn:aws:s3:::${name}`, `arn:aws:s3:::${name}/*`],
          Condition: { StringEquals: { 'aws:PrincipalTag/team': TAGS.team }, Bool: { 'aws:SecureTransport': 'true' } },
        },
        {
          Sid: 'TellOthers',
          Effect: 'Allow',
          Action: ['sqs:SendMessage', 'sqs:GetQueueAttributes', 'sns:Publish'],
          Resource: [`arn:aws:sqs:eu-central-1:${account}:${name}`, `arn:aws:sns:eu-central-1:${account}:${name}-finished`],
        },
        {
          Sid: 'OpenWithKey',
          Effect: 'Allow',
          Action: ['kms:Decrypt', 'kms:DescribeKey'],
          Resource: `arn:aws:kms:eu-central-1:${account}:key/*`,
          Condition: { StringLike: { 'kms:ViaService': 's3.*.amazonaws.com' } },
        },
        {
          Sid: `Keep${rest}`,
          Effect: 'Deny',
          Action: ['s3:Delete*', 'sqs:DeleteQueue', 'sns:DeleteTopic', 'kms:ScheduleKeyDeletion'],
          Resource: '*',
          Condition: { StringNotEquals: { 'aws:PrincipalTag/stage': ['test', 'development'] } },
        },
      ],
    });
  const missing = POLICY_CHARACTERS - document('').length;
  return document('WhatOthersStillNeedForTheirOwnReportsOfThisAndOfTheLastQuarter'.slice(0, missing));
}

const assume = (role, index) => ({ Action: 'AssumeRole', RoleArn: role, RoleSessionName: `session-${index}` });

/**
 * `parameters` are those of the connection with a number; `issues`: an answer is a session; `signedWith`: whose
 * credentials sign the requests.
 */
export const OPERATIONS = {
  GetCallerIdentity: {
    title: 'GetCallerIdentity',
    action: 'GetCallerIdentity',
    issues: false,
    signedWith: 'user',
    parameters: () => ({ Action: 'GetCallerIdentity' }),
  },
  AssumeRole: {
    title: 'AssumeRole',
    action: 'AssumeRole',
    issues: true,
    signedWith: 'user',
    parameters: ({ workerArn }, index) => assume(workerArn, index),
  },
  'AssumeRole+policy+tags': {
    title: 'AssumeRole with a session policy of 1 kB and 10 tags',
    action: 'AssumeRole',
    issues: true,
    signedWith: 'user',
    parameters: ({ taggedArn, account }, index) => ({ ...assume(taggedArn, index), Policy: sessionPolicy(account, index), ...tagParameters }),
  },
  'GetCallerIdentity+session': {
    title: 'GetCallerIdentity signed with a session',
    action: 'GetCallerIdentity',
    issues: false,
    signedWith: 'session',
    parameters: () => ({ Action: 'GetCallerIdentity' }),
  },
};

/** The documents that let the bench's user do all this. */
export function documents(account) {
  const user = { AWS: `arn:aws:iam::${account}:user/caller` };
  const trust = (action) => ({ Version: VERSION, Statement: [{ Effect: 'Allow', Principal: user, Action: action }] });
  const actions = ['sts:AssumeRole', 'sts:TagSession'];
  return {
    user: { Version: VERSION, Statement: [{ Sid: 'Assume', Effect: 'Allow', Action: actions, Resource: `arn:aws:iam::${account}:role/*` }] },
    worker: trust('sts:AssumeRole'),
    tagged: trust(actions),
  };
}
