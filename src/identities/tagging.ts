import { createHash } from 'node:crypto';

import { ApiError } from '../domain/errors.js';
import { tagKey } from '../domain/tags.js';
import { badMarker, pageOf, pageRequest, type PageRequest } from '../kernel/page.js';
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

/** A page of tags. Its Marker says after which tag it begins, in parts: a key may be longer than a Marker. */
export function pageOfTags(tags: readonly StoredTag[], input: { Marker?: string | undefined; MaxItems?: number | undefined }): { Tags: StoredTag[]; IsTruncated: boolean; Marker?: string } {
  const request = pageRequest(input, 3);
  const after = placeIn(request);
  const listed = placed(tags).filter(({ place }) => after === undefined || compare(place, after) > 0);
  const page = pageOf(listed, request, ({ place: [length, ...rest] }) => [String(length), ...rest]);
  return { Tags: page.rows.map(({ tag }) => tag), ...page.next };
}

/** Tags in the order in which AWS lists them: by the length of their keys, then by the keys. */
export function inListOrder(tags: readonly StoredTag[]): StoredTag[] {
  return placed(tags).map(({ tag }) => tag);
}

/** Where a tag stands: the length of its key, how it begins, and where that is not all of it, a digest of it. */
type Place = readonly [length: number, head: string, digest: string];

/** How much of a key a Marker shows, in UTF-16 code units. Longer keys that begin alike are ordered by their digests. */
const HEAD = 48;

function placeOf({ Key }: StoredTag): Place {
  return [Key.length, Key.slice(0, HEAD), Key.length <= HEAD ? '' : createHash('sha256').update(Key).digest('base64url').slice(0, 22)];
}

function compare(a: Place, b: Place): number {
  const [x, y] = a[1] === b[1] ? [a[2], b[2]] : [a[1], b[1]];
  return a[0] - b[0] || (x === y ? 0 : x < y ? -1 : 1);
}

function placed(tags: readonly StoredTag[]): { readonly tag: StoredTag; readonly place: Place }[] {
  return tags.map((tag) => ({ tag, place: placeOf(tag) })).sort((a, b) => compare(a.place, b.place));
}

function placeIn({ after }: PageRequest): Place | undefined {
  if (after === undefined) return undefined;
  const [length = '', head = '', digest = ''] = after;
  if (!/^[1-9]\d{0,2}$/.test(length) || head.length !== Math.min(Number(length), HEAD)) throw badMarker();
  return [Number(length), head, digest];
}

function compared(key: string, keyCase: KeyCase): string {
  return keyCase === 'insensitive' ? tagKey(key) : key;
}
