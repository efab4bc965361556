import { ApiError } from './errors.js';
import { mergedTags, tagKey, type TagFact } from './tags.js';

/** The tags of a session, and which of them the sessions made with it inherit. */
export interface SessionTags {
  readonly tags: readonly TagFact[];
  readonly transitiveTagKeys: readonly string[];
}

const invalid = (message: string): ApiError => new ApiError('InvalidParameterValue', message);

/** Refuses (InvalidParameterValue) session tags whose keys differ only by case, or that begin with `aws:`. */
export function requireSessionTags(tags: readonly TagFact[]): void {
  const seen = new Set<string>();
  for (const { Key } of tags) {
    const key = tagKey(Key);
    if (key.startsWith('aws:')) throw invalid(`Tag keys that begin with aws: are reserved, got '${Key}'.`);
    if (seen.has(key)) throw invalid('Duplicate tag keys found. Please note that Tag keys are case insensitive.');
    seen.add(key);
  }
}

/** The transitive tags of a session, which those made with it inherit. */
export function inheritedTags(parent: SessionTags | undefined): readonly TagFact[] {
  if (parent === undefined) return [];
  const keys = new Set(parent.transitiveTagKeys.map(tagKey));
  return parent.tags.filter(({ Key }) => keys.has(tagKey(Key)));
}

/**
 * The tags of a new role session (IAM User Guide: passing session tags): those passed, and over them the transitive
 * ones of the calling session, which stay transitive. Throws InvalidParameterValue.
 */
export function sessionTags(passed: SessionTags, parent: SessionTags | undefined): SessionTags {
  requireSessionTags(passed.tags);
  const inherited = inheritedTags(parent);
  const inheritedKeys = new Set(inherited.map(({ Key }) => tagKey(Key)));
  const passedKeys = new Set(passed.tags.map(({ Key }) => tagKey(Key)));
  // Whether it is to be transitive or not: what a session inherits cannot be set again (AWS STS API Reference: Tags).
  if ([...passedKeys, ...passed.transitiveTagKeys].some((key) => inheritedKeys.has(tagKey(key)))) {
    throw invalid("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.");
  }
  for (const key of passed.transitiveTagKeys) {
    if (!passedKeys.has(tagKey(key))) throw invalid('The specified transitive tag key must be included in the requested tags.');
  }
  const transitive = new Map([...inherited.map(({ Key }) => Key), ...passed.transitiveTagKeys].map((key) => [tagKey(key), key]));
  return { tags: mergedTags(passed.tags, inherited), transitiveTagKeys: [...transitive.values()] };
}
