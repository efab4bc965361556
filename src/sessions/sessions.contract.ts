import { z } from 'zod';

import { operation } from '../contract/operation.js';
import { AccessKeyId, ArnText, pageIn, pageOut } from '../contract/shapes.js';
import type { Caller } from '../domain/principal.js';

const SessionId = z.uuid({ error: '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' });
const Time = z.iso.datetime({ error: 'a time like 2026-11-25T03:20:00Z' });
/** Who somebody is at the identity provider that `PrincipalArn` names. */
const Subject = z.string().min(1).max(1024);
const Status = z.enum(['active', 'expired', 'revoked']);

/** A session as answers show it: who, from where, through what, until when; never its secret. */
const Session = z.object({
  SessionId: z.string(),
  AccessKeyId: z.string(),
  Account: z.string(),
  PrincipalArn: z.string(),
  PrincipalId: z.string(),
  Kind: z.string(),
  Operation: z.string(),
  RoleArn: z.string().optional(),
  SessionName: z.string().optional(),
  Description: z.string().optional(),
  SourceIdentity: z.string().optional(),
  SourceIp: z.string(),
  ObtainedBy: z.string().describe('The ARN of whoever asked for it; of another account only the account.'),
  IssuedAt: z.date(),
  ExpiresAt: z.date(),
  ParentSessionId: z.string().optional(),
  RootSessionId: z.string(),
  Status,
  RevokedAt: z.date().optional(),
});

const Revoked = z.object({
  Revoked: z.int().describe('How many sessions that have not expired it ends, those that were over already among them.'),
  EffectiveWithinSeconds: z.int().describe('By when every node refuses them; the node that answers does so already.'),
});

const sessionArn = (input: { SessionId: string }, { account }: Caller): { arn: string } => ({ arn: `arn:aws:stint::${account}:session/${input.SessionId}` });

/** Contracts of sessions as things that can be seen and ended. */
export const sessionContracts = {
  ListSessions: operation({
    summary: 'List the sessions of the account and those that its principals obtained in others, newest first.',
    rest: 'GET /v1/sessions',
    effect: 'read',
    input: z.object({
      PrincipalArn: ArnText.optional(),
      Subject: Subject.optional(),
      RoleArn: ArnText.optional(),
      RootSessionId: SessionId.optional(),
      Kind: z.enum(['assumed-role', 'user', 'root', 'federated-user']).optional(),
      Status: Status.optional(),
      ...pageIn,
    }),
    output: z.object({ Sessions: z.array(Session), ...pageOut }),
    errors: [],
    access: { action: 'stint:ListSessions', resource: () => ({ arn: '*' }) },
  }),
  GetSession: operation({
    summary: 'Show one session.',
    rest: 'GET /v1/sessions/{SessionId}',
    effect: 'read',
    input: z.object({ SessionId }),
    output: z.object({ Session }),
    errors: ['NoSuchEntity'],
    access: { action: 'stint:GetSession', resource: sessionArn },
  }),
  RevokeSession: operation({
    summary: 'End a session and every session that was obtained with it.',
    rest: 'POST /v1/sessions/{SessionId}/revoke',
    effect: 'change',
    input: z.object({ SessionId }),
    output: Revoked,
    errors: ['NoSuchEntity'],
    access: { action: 'stint:RevokeSession', resource: sessionArn },
  }),
  RevokeSessions: operation({
    summary: 'End the sessions that a principal obtained, those of a role, or those of a chain, with all that were obtained with them.',
    rest: 'POST /v1/sessions/revoke',
    effect: 'change',
    input: z.object({
      PrincipalArn: ArnText.optional(),
      Subject: Subject.optional(),
      RoleArn: ArnText.optional(),
      RootSessionId: SessionId.optional(),
      IssuedBefore: Time.optional(),
    }),
    output: Revoked,
    errors: ['NoSuchEntity'],
    access: { action: 'stint:RevokeSessions', resource: () => ({ arn: '*' }) },
  }),
  WhoIs: operation({
    summary: 'Show who holds a credential, through which sessions, and whether it still works.',
    rest: 'GET /v1/whois',
    effect: 'read',
    input: z.object({ AccessKeyId: AccessKeyId.optional(), TokenSha256: z.string().regex(/^[0-9a-f]{64}$/, { error: '[0-9a-f]{64}' }).optional() }),
    output: z.object({
      AccessKeyId: z.string(),
      Account: z.string(),
      PrincipalArn: z.string(),
      PrincipalId: z.string(),
      Alive: z.boolean(),
      Session: Session.optional(),
      Chain: z.array(z.object({ SessionId: z.string(), IssuedAt: z.date(), PrincipalArn: z.string().optional() })).describe('From the first session to this one; empty for a long-term key.'),
    }),
    errors: ['NoSuchEntity'],
    access: { action: 'stint:WhoIs', resource: () => ({ arn: '*' }) },
  }),
};
