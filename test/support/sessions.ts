import { createHash } from 'node:crypto';

import {
  AssumeRoleCommand,
  AssumeRootCommand,
  GetFederationTokenCommand,
  GetScopedCredentialsCommand,
  GetSessionTokenCommand,
  type AssumeRoleCommandInput,
  type AssumeRoleCommandOutput,
  type GetFederationTokenCommandInput,
  type GetScopedCredentialsCommandInput,
  type GetSessionTokenCommandInput,
} from '@aws-sdk/client-sts';

import type { AuditEvent, Keys, TestApp } from './app.js';
import { call } from './calls.js';
import { expectSdkRefusal } from './sdk.js';
import { keysOf } from './world.js';

/** Temporary credentials. */
export type TemporaryKeys = Keys & { readonly sessionToken: string };

/** Actions that only look at the account, by which tests find out what a credential may do. */
export const LOOKS = ['iam:ListUsers', 'iam:ListRoles', 'iam:ListPolicies'] as const;

/** The ARN of the policy that a root user is borrowed with for a task. */
export function taskArn(task: string): string {
  return `arn:aws:iam::aws:policy/root-task/${task}`;
}

/** Text that packs badly, the same in every run. */
export function noise(length: number, seed = ''): string {
  let text = '';
  for (let index = 0; text.length < length; index += 1) text += createHash('sha256').update(`${seed}/${index}`).digest('base64url');
  return text.slice(0, length);
}

/** What an unmodified STS client obtains, in one line each. */
export class Sessions {
  constructor(readonly app: TestApp) {}

  /** What AssumeRole answers. */
  assume(keys: Keys, role: { arn: string }, more: Partial<AssumeRoleCommandInput> = {}): Promise<AssumeRoleCommandOutput> {
    return this.app.sts(keys).send(new AssumeRoleCommand({ RoleArn: role.arn, RoleSessionName: 'session', ...more }));
  }

  /** A session as a role. */
  async assumed(keys: Keys, role: { arn: string }, more: Partial<AssumeRoleCommandInput> = {}): Promise<TemporaryKeys> {
    return keysOf((await this.assume(keys, role, more)).Credentials);
  }

  /** A session of GetSessionToken. */
  async sessionToken(keys: Keys, input: GetSessionTokenCommandInput = {}): Promise<TemporaryKeys> {
    return keysOf((await this.app.sts(keys).send(new GetSessionTokenCommand(input))).Credentials);
  }

  /** A federated user. */
  async federated(keys: Keys, more: Partial<GetFederationTokenCommandInput> = {}): Promise<TemporaryKeys> {
    return keysOf((await this.app.sts(keys).send(new GetFederationTokenCommand({ Name: 'guest', ...more }))).Credentials);
  }

  /** A session that may do less than the one it is made with. */
  async scoped(keys: Keys, input: GetScopedCredentialsCommandInput): Promise<TemporaryKeys> {
    return keysOf((await this.app.sts(keys).send(new GetScopedCredentialsCommand(input))).Credentials);
  }

  /** The root user of a member account, for one task. */
  async borrowed(keys: Keys, account: string, task = 'IAMAuditRootUserCredentials'): Promise<TemporaryKeys> {
    return keysOf((await this.app.sts(keys).send(new AssumeRootCommand({ TargetPrincipal: account, TaskPolicyArn: { arn: taskArn(task) } }))).Credentials);
  }

  /** Which of `LOOKS` a credential is allowed: each is tried. */
  async looksOf(keys: Keys): Promise<string[]> {
    const allowed: string[] = [];
    for (const look of LOOKS) {
      const { code, text } = await call(this.app, 'query', { operation: look.replace('iam:', ''), keys, input: {} });
      if (code === undefined) allowed.push(look);
      else if (code !== 'AccessDenied') throw new Error(`${look}: ${text}`);
    }
    return allowed;
  }

  /** Asserts that a call is refused so, that nothing was written and that the refusal was recorded. */
  refused(send: () => Promise<unknown>, refusal: { code: string; status?: number; message: string }): Promise<void> {
    const status = refusal.status ?? (refusal.code === 'AccessDenied' ? 403 : 400);
    return expectSdkRefusal(this.app, send, { ...refusal, status });
  }

  /** The only event that some work leaves in an account. */
  async eventIn(account: string, work: () => Promise<unknown>): Promise<AuditEvent['record']> {
    const events = (await this.app.recordedBy(work)).filter((event) => event.account_id === account);
    const [event] = events;
    if (event === undefined || events.length !== 1) throw new Error(`${events.length} events in ${account}`);
    return event.record;
  }
}
