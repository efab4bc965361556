import { CreateAccessKeyCommand, CreatePolicyCommand, CreateRoleCommand, CreateUserCommand, PutRolePolicyCommand, PutUserPolicyCommand, type Tag } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, type Credentials } from '@aws-sdk/client-sts';

import type { Keys, TestApp } from './app.js';

export interface User extends Keys {
  readonly name: string;
  readonly arn: string;
  readonly id: string;
}

export interface Role {
  readonly name: string;
  readonly arn: string;
  readonly id: string;
}

/** A policy document. */
export type Document = Readonly<Record<string, unknown>>;

/** A document that allows an action, or several, on resources. */
export function allows(action: string | string[], resource: string | string[] = '*'): Document {
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: action, Resource: resource }] };
}

/** A document that denies an action, or several, on resources. */
export function denies(action: string | string[], resource: string | string[] = '*'): Document {
  return { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: action, Resource: resource }] };
}

/** A document that allows an action, or several, under conditions. */
export function allowsUnder(condition: Document, action: string | string[] = '*'): Document {
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: action, Resource: '*', Condition: condition }] };
}

/** One document of the statements of several. */
export function together(...documents: Document[]): Document {
  return { Version: '2012-10-17', Statement: documents.flatMap(({ Statement }) => Statement as Document[]) };
}

/** What may be asked of a role: to be assumed, and to be given tags and a source identity. */
export const ASSUMING = ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'];

/** A trust policy for a principal, under conditions; that of `ASSUMING` lets him pass whatever there is. */
export function trusts(principal: string | string[] | Document, condition?: Document, action: string | string[] = 'sts:AssumeRole'): Document {
  const named = typeof principal === 'string' || Array.isArray(principal) ? { AWS: principal } : principal;
  return {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: named, Action: action, ...(condition === undefined ? {} : { Condition: condition }) }],
  };
}

/** What exists in one account, said in one line each. */
export class World {
  constructor(
    readonly app: TestApp,
    readonly root: Keys & { readonly account: string } = app.root,
  ) {}

  /** Another account, with its own root. */
  async account(name: string): Promise<World> {
    const { status, body } = await this.app.rest(this.app.root, 'POST /v1/accounts', { accountName: name });
    if (status !== 200) throw new Error(`no account: ${JSON.stringify(body)}`);
    const { account, rootAccessKey } = body as unknown as { account: { accountId: string }; rootAccessKey: Keys };
    return new World(this.app, { account: account.accountId, ...rootAccessKey });
  }

  /** A user with an access key and perhaps a policy. */
  async user(name: string, policy?: Document, path = '/', tags: Tag[] = []): Promise<User> {
    const iam = this.app.iam(this.root);
    const { User: user } = await iam.send(new CreateUserCommand({ UserName: name, Path: path, Tags: tags }));
    if (policy !== undefined) await iam.send(new PutUserPolicyCommand({ UserName: name, PolicyName: 'own', PolicyDocument: JSON.stringify(policy) }));
    const { AccessKey: key } = await iam.send(new CreateAccessKeyCommand({ UserName: name }));
    return {
      name,
      arn: user?.Arn ?? '',
      id: user?.UserId ?? '',
      accessKeyId: key?.AccessKeyId ?? '',
      secretAccessKey: key?.SecretAccessKey ?? '',
    };
  }

  /** A role with its trust policy and perhaps permissions. */
  async role(name: string, trust: Document, more: { policy?: Document; path?: string; maxSessionDuration?: number; tags?: Tag[] } = {}): Promise<Role> {
    const iam = this.app.iam(this.root);
    const { Role: role } = await iam.send(
      new CreateRoleCommand({
        RoleName: name,
        AssumeRolePolicyDocument: JSON.stringify(trust),
        Path: more.path,
        MaxSessionDuration: more.maxSessionDuration,
        Tags: more.tags,
      }),
    );
    if (more.policy !== undefined) await iam.send(new PutRolePolicyCommand({ RoleName: name, PolicyName: 'own', PolicyDocument: JSON.stringify(more.policy) }));
    return { name, arn: role?.Arn ?? '', id: role?.RoleId ?? '' };
  }

  /** A managed policy; its ARN. */
  async policy(name: string, document: Document, more: { path?: string; tags?: Tag[] } = {}): Promise<string> {
    const { Policy: policy } = await this.app.iam(this.root).send(new CreatePolicyCommand({ PolicyName: name, PolicyDocument: JSON.stringify(document), Path: more.path, Tags: more.tags }));
    return policy?.Arn ?? '';
  }

  /** A session as a role. */
  async session(caller: Keys, role: Role, sessionName = 'session'): Promise<Keys> {
    const answer = await this.app.sts(caller).send(new AssumeRoleCommand({ RoleArn: role.arn, RoleSessionName: sessionName }));
    return keysOf(answer.Credentials);
  }
}

/** SDK credentials as keys. */
export function keysOf(credentials: Credentials | undefined): Keys & { sessionToken: string } {
  return {
    accessKeyId: credentials?.AccessKeyId ?? '',
    secretAccessKey: credentials?.SecretAccessKey ?? '',
    sessionToken: credentials?.SessionToken ?? '',
  };
}
