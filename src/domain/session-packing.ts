import { deflateRawSync, inflateRawSync } from 'node:zlib';

import { ApiError } from './errors.js';

/** What the policies and tags of one session may take up when packed, in bytes. */
export const PACKED_BYTES_MAX = 2_560;
/** What may be packed, and what unpacking may give, at the most, in bytes. */
export const UNPACKED_BYTES_MAX = 65_536;

/** Packs a text: raw DEFLATE (RFC 1951), at the level that gives the same bytes on every node. */
export function packed(text: string): Buffer {
  return deflateRawSync(text, { level: 9 });
}

/** Unpacks a text. Throws where it was not packed, or is longer than anything that is. */
export function unpacked(bytes: Uint8Array): string {
  return inflateRawSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX }).toString('utf8');
}

/** What is passed to a session and takes up space in its token. */
export interface Passed {
  readonly policies: readonly string[];
  readonly tags: readonly { readonly Key: string; readonly Value: string }[];
}

/**
 * PackedPolicySize: how much of the allotted space the policies and tags of a session take up, in percent (AWS STS API
 * Reference: AssumeRole; how it is packed is not documented). Throws PackedPolicyTooLarge above 100.
 */
export function packedPolicySize({ policies, tags }: Passed): number {
  const tagText = tags.map(({ Key, Value }) => `${Key}\n${Value}`).join('\n');
  if (tagText !== '') requireSpace(packed(tagText), (percent) => `Packed size of session tags consumes ${String(percent)}% of allotted space.`);
  const all = [...policies, tagText].join('\n');
  return policies.length === 0 && tags.length === 0 ? 0 : requireSpace(packed(all), (percent) => `Packed policy consumes ${String(percent)}% of allotted space`);
}

function requireSpace({ length }: Buffer, refusal: (percent: number) => string): number {
  const percent = Math.ceil((length * 100) / PACKED_BYTES_MAX);
  if (percent > 100) throw new ApiError('PackedPolicyTooLarge', refusal(percent));
  return percent;
}
