import { ApiError } from './errors.js';
import { parseIdentityPolicy } from './policy/document.js';
import type { PassedPolicies } from './principal.js';
import { packedPolicySize } from './session-packing.js';
import type { TagFact } from './tags.js';

/** What inline and managed policies of one session may have together, in characters (AWS STS API Reference: Policy). */
const PLAIN_MAX = 2_048;

/** What a call passes to the session it makes. */
export interface PassedInput {
  readonly Policy?: string | undefined;
  readonly PolicyArns?: readonly { readonly arn: string }[] | undefined;
}

/** Session policies as they are sealed, and PackedPolicySize. */
export interface Packed {
  /** Absent where none were passed. */
  readonly policies: PassedPolicies | undefined;
  /** Of policies and tags, in percent. */
  readonly size: number;
}

/**
 * Reads the policies that are passed to a session, and weighs them with its tags. Whether managed ones exist is not
 * looked at here. Throws MalformedPolicyDocument and PackedPolicyTooLarge.
 */
export function passedPolicies({ Policy, PolicyArns = [] }: PassedInput, tags: readonly TagFact[]): Packed {
  if (Policy !== undefined) parseIdentityPolicy(Policy);
  const arns = PolicyArns.map(({ arn }) => arn);
  const texts = [...(Policy === undefined ? [] : [Policy]), ...arns];
  const plain = texts.reduce((sum, text) => sum + text.length, 0);
  if (plain > PLAIN_MAX) throw new ApiError('PackedPolicyTooLarge', `Packed policy consumes ${String(Math.ceil((plain * 100) / PLAIN_MAX))}% of allotted space`);
  const policies = texts.length === 0 ? undefined : { ...(Policy !== undefined && { inline: Policy }), arns };
  return { policies, size: packedPolicySize({ policies: texts, tags }) };
}
