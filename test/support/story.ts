import { CreateAccessKeyCommand, CreateRoleCommand, CreateUserCommand, IAMClient } from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';

import type { Keys } from './app.js';
import { trusts } from './world.js';

/** A user with an access key, and a role that trusts the user. */
export interface Trusted {
  readonly user: Keys;
  readonly userArn: string;
  readonly roleArn: string;
}

/** Makes a user and a role that trusts it in a Stint that is known only by its address. */
export async function trustedUser(url: string, root: Keys, name = 'bob'): Promise<Trusted> {
  const iam = new IAMClient({ endpoint: url, region: 'us-east-1', credentials: { ...root }, maxAttempts: 1 });
  try {
    const { User: user } = await iam.send(new CreateUserCommand({ UserName: name }));
    const { AccessKey: key } = await iam.send(new CreateAccessKeyCommand({ UserName: name }));
    const { Role: role } = await iam.send(new CreateRoleCommand({ RoleName: `for-${name}`, AssumeRolePolicyDocument: JSON.stringify(trusts(user!.Arn!)) }));
    return { user: { accessKeyId: key!.AccessKeyId!, secretAccessKey: key!.SecretAccessKey! }, userArn: user!.Arn!, roleArn: role!.Arn! };
  } finally {
    iam.destroy();
  }
}

/** Who a Stint says that the holder of these keys is. */
export async function whoIs(url: string, keys: Keys): Promise<string | undefined> {
  const sts = new STSClient({ endpoint: url, region: 'us-east-1', credentials: { ...keys }, maxAttempts: 1 });
  try {
    return (await sts.send(new GetCallerIdentityCommand())).Arn;
  } finally {
    sts.destroy();
  }
}
