/** The parts of an Amazon Resource Name: `arn:partition:service:region:account:resource`. */
export interface Arn {
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
  readonly resource: string;
}

/** A 12-digit account id. */
export type AccountId = string & { readonly accountId: unique symbol };

/** Whether a text is a 12-digit account id. */
export function isAccountId(text: string): text is AccountId {
  return /^\d{12}$/.test(text);
}

/** Parses an account id; throws a RangeError for anything but 12 digits. */
export function accountId(text: string): AccountId {
  if (!isAccountId(text)) throw new RangeError(`an account id has exactly 12 digits, got '${text}'`);
  return text;
}

/**
 * Splits an ARN into its six parts, or answers undefined where the text is not ARN-shaped: it needs six
 * parts, and a non-empty partition, service and resource (AWS reference: ARN format).
 */
export function parseArn(text: string): Arn | undefined {
  const parts = text.split(':');
  if (parts.length < 6 || parts[0] !== 'arn') return undefined;
  const [, partition = '', service = '', region = '', account = ''] = parts;
  const resource = parts.slice(5).join(':');
  if (partition === '' || service === '' || resource === '') return undefined;
  return { partition, service, region, account, resource };
}

/** The ARN of an IAM entity, `arn:aws:iam::123456789012:user/path/name`, from its path and name: `/path/name`. */
export function iamArn(account: string, type: 'user' | 'role' | 'group' | 'policy' | 'instance-profile' | 'mfa', pathAndName: string): string {
  return `arn:aws:iam::${account}:${type}${pathAndName}`;
}

/** The ARN of an account's root user. */
export function rootArn(account: string): string {
  return `arn:aws:iam::${account}:root`;
}

/** The ARN of a role session; the role's path is not part of it (AWS: IAM identifiers). */
export function assumedRoleArn(account: string, roleName: string, sessionName: string): string {
  return `arn:aws:sts::${account}:assumed-role/${roleName}/${sessionName}`;
}

/** The ARN of a federated user (AWS: IAM identifiers). */
export function federatedUserArn(account: string, name: string): string {
  return `arn:aws:sts::${account}:federated-user/${name}`;
}

/** The account and name in an IAM entity's ARN; undefined where no entity of that type can have it. */
export function nameInArn(arn: string, type: 'user' | 'role' | 'group'): { account: string; name: string } | undefined {
  const parsed = parseArn(arn);
  if (parsed?.partition !== 'aws' || parsed.service !== 'iam' || parsed.region !== '' || !isAccountId(parsed.account)) return undefined;
  const name = parsed.resource.split('/').at(-1) ?? '';
  return parsed.resource.startsWith(`${type}/`) && /^[\w+=,.@-]+$/.test(name) && name.length <= (type === 'group' ? 128 : 64) ? { account: parsed.account, name } : undefined;
}

/** What the ARN of a managed policy or virtual MFA device says. */
export interface PolicyName {
  /** The account that owns it; `aws` for the policies that are shipped. */
  readonly account: string;
  readonly path: string;
  readonly name: string;
}

/** The parts of a managed policy's ARN; undefined where no managed policy can have it. */
export function policyInArn(arn: string): PolicyName | undefined {
  const [, account = '', path = '', name = ''] = /^arn:aws:iam::(\d{12}|aws):policy(\/(?:[\w.,+@=-]+\/)*)([\w+=,.@-]{1,128})$/.exec(arn) ?? [];
  return account === '' || path.length > 512 ? undefined : { account, path, name };
}

/** The serial number of a virtual MFA device is its ARN, and no longer than a SerialNumber may be. */
export const SERIAL_NUMBER_MAX = 256;

/** The parts of a virtual MFA device's ARN; undefined where no such device can have it. */
export function mfaDeviceInArn(arn: string): PolicyName | undefined {
  const [, account = '', path = '', name = ''] = /^arn:aws:iam::(\d{12}):mfa(\/(?:[\u0021-\u007E]*\/)?)([\w+=,.@-]+)$/.exec(arn) ?? [];
  return account === '' || arn.length > SERIAL_NUMBER_MAX ? undefined : { account, path, name };
}

/** The ARN that a user, role or group has under another path or name; undefined where the ARN is of something else. */
export function renamedArn(arn: string, to: { readonly path: string | undefined; readonly name: string | undefined }): string | undefined {
  const [, entity = '', path = '', name = ''] = /^(arn:aws:iam::\d{12}:(?:user|role|group))(\/(?:.*\/)?)([^/]+)$/.exec(arn) ?? [];
  return entity === '' ? undefined : `${entity}${to.path ?? path}${to.name ?? name}`;
}
