import { ApiError } from '../domain/errors.js';
import type { StoredTag } from './identities.entities.js';

/** How many tags an entity may have. */
const TAGS_MAX = 50;

/** How tag keys compare: without regard to case on users and roles, exactly on everything else. */
export type KeyCase = 'insensitive' | 'sensitive';

/**
 * Tags of one call. Throws InvalidInput for keys that are repeated or begin with `aws:`
 * (IAM User Guide: tagging IAM resources).
 */
export function newTags(tags: readonly StoredTag[] | undefined, keyCase: KeyCase = 'insensitive'): readonly StoredTag[] {
  const seen = new Set<string>();
  const hint = keyCase === 'insensitive' ? ' Please note that Tag keys are case insensitive.' : '';
  for (const { Key } of tags ?? []) {
    if (Key.toLowerCase().startsWith('aws:')) throw new ApiError('InvalidInput', `Tag keys that begin with aws: are reserved, got '${Key}'.`);
    const key = keyCase === 'insensitive' ? Key.toLowerCase() : Key;
    if (seen.has(key)) throw new ApiError('InvalidInput', `Duplicate tag keys found.${hint}`);
    seen.add(key);
  }
  return tags ?? [];
}

/** The tags of an entity whose keys are compared exactly, with those of a call put in. Throws InvalidInput and LimitExceeded. */
export function withTags(tags: readonly StoredTag[], more: readonly StoredTag[]): readonly StoredTag[] {
  const merged = new Map([...tags, ...newTags(more, 'sensitive')].map((tag) => [tag.Key, tag]));
  if (merged.size > TAGS_MAX) throw new ApiError('LimitExceeded', 'The number of tags has reached the maximum limit.');
  return [...merged.values()];
}

/** Tags in the order in which AWS lists them: by the length of their keys, then by the keys. */
export function inListOrder(tags: readonly StoredTag[]): StoredTag[] {
  return [...tags].sort((a, b) => a.Key.length - b.Key.length || (a.Key < b.Key ? -1 : 1));
}

/**
 * Permissions boundaries are not served yet, so no policy can be attached as one. Throws InvalidInput for what
 * is no ARN and NoSuchEntity for the rest (IAM API: CreateUser, CreateRole).
 */
export function refuseBoundary(arn: string | undefined): void {
  if (arn === undefined) return;
  if (!/^arn:[^:]+:iam::[^:]*:policy\/.+$/.test(arn)) throw new ApiError('InvalidInput', `ARN ${arn} is not valid.`);
  throw new ApiError('NoSuchEntity', `Scope ARN: ${arn} does not exist or is not attachable.`);
}
