/** A tag as requests and rows carry it. */
export interface TagFact {
  readonly Key: string;
  readonly Value: string;
}

/** How tag keys are compared: not by case (IAM User Guide: rules for tagging). */
export function tagKey(key: string): string {
  return key.toLowerCase();
}

/** Tags of several origins as one list: a later one replaces earlier ones of the same key, whatever its case. */
export function mergedTags(...lists: readonly (readonly TagFact[])[]): readonly TagFact[] {
  const merged = new Map<string, TagFact>();
  for (const tag of lists.flat()) merged.set(tagKey(tag.Key), tag);
  return [...merged.values()];
}
