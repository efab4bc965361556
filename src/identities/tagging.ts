import { ApiError } from '../domain/errors.js';
import { tagKey } from '../domain/tags.js';
import { pageOf, pageRequest, positionIn } from '../kernel/page.js';
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
    const key = compared(Key, keyCase);
    if (seen.has(key)) throw new ApiError('InvalidInput', `Duplicate tag keys found.${hint}`);
    seen.add(key);
  }
  return tags ?? [];
}

/**
 * The tags of an entity with those of a call put in; where case does not tell keys apart, the later one's case stays.
 * Throws InvalidInput and LimitExceeded.
 */
export function withTags(tags: readonly StoredTag[], more: readonly StoredTag[], keyCase: KeyCase): readonly StoredTag[] {
  const merged = new Map([...tags, ...newTags(more, keyCase)].map((tag) => [compared(tag.Key, keyCase), tag]));
  if (merged.size > TAGS_MAX) throw new ApiError('LimitExceeded', 'The number of tags has reached the maximum limit.');
  return [...merged.values()];
}

/** The tags of an entity without those of some keys; keys it does not have are passed over. */
export function withoutTags(tags: readonly StoredTag[], keys: readonly string[], keyCase: KeyCase): readonly StoredTag[] {
  const removed = new Set(keys.map((key) => compared(key, keyCase)));
  return tags.filter(({ Key }) => !removed.has(compared(Key, keyCase)));
}

/** A page of tags. Its Marker is a place: a key may be longer than a Marker. */
export function pageOfTags(tags: readonly StoredTag[], input: { Marker?: string | undefined; MaxItems?: number | undefined }): { Tags: StoredTag[]; IsTruncated: boolean; Marker?: string } {
  const request = pageRequest(input, 1);
  const after = positionIn(request, 0);
  const listed = inListOrder(tags).map((tag, index) => ({ tag, place: index + 1 }));
  const page = pageOf(listed.slice(after), request, ({ place }) => [String(place)]);
  return { Tags: page.rows.map(({ tag }) => tag), ...page.next };
}

/** Tags in the order in which AWS lists them: by the length of their keys, then by the keys. */
export function inListOrder(tags: readonly StoredTag[]): StoredTag[] {
  return [...tags].sort((a, b) => a.Key.length - b.Key.length || (a.Key < b.Key ? -1 : 1));
}

function compared(key: string, keyCase: KeyCase): string {
  return keyCase === 'insensitive' ? tagKey(key) : key;
}
