/** What a call that assumes a role carries, passed or inherited from the session that makes it. */
export interface AssumeFacts {
  /** Session tags, or transitive ones of the calling session. */
  readonly tags: boolean;
  readonly sourceIdentity: boolean;
  /** Contexts provided by an identity provider. */
  readonly contexts: boolean;
}

/**
 * The actions that have to be allowed next to the one that assumes the role. Each is a decision of its own, by the
 * same policies and the same two-sided test (policy-evaluation §4).
 */
export function assumeActions({ tags, sourceIdentity, contexts }: AssumeFacts): readonly string[] {
  return [...(tags ? ['sts:TagSession'] : []), ...(sourceIdentity ? ['sts:SetSourceIdentity'] : []), ...(contexts ? ['sts:SetContext'] : [])];
}
