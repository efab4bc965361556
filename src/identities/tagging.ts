import { ApiError } from '../domain/errors.js';
import type { StoredTag } from './identities.entities.js';

/**
 * Tags for a new user or role. Throws InvalidInput for keys that differ only by case or begin with `aws:`
 * (IAM User Guide: tagging IAM resources).
 */
export function newTags(tags: readonly StoredTag[] | undefined): readonly StoredTag[] {
  const seen = new Set<string>();
  for (const { Key } of tags ?? []) {
    const key = Key.toLowerCase();
    if (key.startsWith('aws:')) throw new ApiError('InvalidInput', `Tag keys that begin with aws: are reserved, got '${Key}'.`);
    if (seen.has(key)) throw new ApiError('InvalidInput', 'Duplicate tag keys found. Please note that Tag keys are case insensitive.');
    seen.add(key);
  }
  return tags ?? [];
}

/**
 * There are no managed policies yet, so a permissions boundary never names one that exists. Throws
 * InvalidInput for what is no ARN and NoSuchEntity for the rest (IAM API: CreateUser, CreateRole).
 */
export function refuseBoundary(arn: string | undefined): void {
  if (arn === undefined) return;
  if (!/^arn:[^:]+:iam::[^:]*:policy\/.+$/.test(arn)) throw new ApiError('InvalidInput', `ARN ${arn} is not valid.`);
  throw new ApiError('NoSuchEntity', `Scope ARN: ${arn} does not exist or is not attachable.`);
}
