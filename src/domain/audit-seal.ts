import { hash } from 'node:crypto';

/** A value that JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [member: string]: Json | undefined };

/**
 * The canonical text of a JSON value: members sorted by UTF-16 code unit, no white space, members that are
 * undefined left out (RFC 8785 for the values that Stint records, which are never fractional numbers).
 */
export function canonicalJson(value: Json): string {
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const object = value as { readonly [member: string]: Json | undefined };
  let members = '';
  for (const key of Object.keys(object).sort()) {
    const member = object[key];
    if (member !== undefined) members += `${members === '' ? '' : ','}${quoted(key)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

// Most texts need no escapes, and to see that is cheaper than to have them written; halves of surrogate pairs do.
const PLAIN = /^[^"\\\u0000-\u001f\ud800-\udfff]*$/;

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** The SHA-256 of an event's canonical text, which seals will later cover. */
export function eventDigest(record: string): Buffer {
  return hash('sha256', record, 'buffer');
}
