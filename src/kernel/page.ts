import { ApiError } from '../domain/errors.js';

/** How many entries a page has where the caller says nothing (IAM API: MaxItems). */
const DEFAULT_ITEMS = 100;

/** A page of rows and, where more follow, the Marker of the next one. */
export interface Page<R> {
  readonly rows: readonly R[];
  readonly next: { IsTruncated: boolean; Marker?: string };
}

/** Values by key, in the order in which they come. */
export function gathered<V>(pairs: readonly (readonly [key: string, value: V])[]): ReadonlyMap<string, readonly V[]> {
  const map = new Map<string, V[]>();
  for (const [key, value] of pairs) {
    const values = map.get(key);
    if (values === undefined) map.set(key, [value]);
    else values.push(value);
  }
  return map;
}

/** Where a page begins (the key of the last row of the page before) and how many rows it may have. */
export interface PageRequest {
  readonly after: readonly string[] | undefined;
  readonly items: number;
}

/** Reads Marker and MaxItems. Throws a ValidationError for a Marker that this service never gave out. */
export function pageRequest(input: { Marker?: string | undefined; MaxItems?: number | undefined }, parts: number): PageRequest {
  return { after: input.Marker === undefined ? undefined : decoded(input.Marker, parts), items: input.MaxItems ?? DEFAULT_ITEMS };
}

/** Cuts one row more than asked for into a page; `key` is what the next page begins after. */
export function pageOf<R>(rows: readonly R[], request: PageRequest, key: (row: R) => readonly string[]): Page<R> {
  const page = rows.slice(0, request.items);
  const last = page.at(-1);
  if (rows.length <= request.items || last === undefined) return { rows: page, next: { IsTruncated: false } };
  return { rows: page, next: { IsTruncated: true, Marker: markerOf(key(last)) } };
}

/** The Marker of a page that begins after a key. */
export function markerOf(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Throws a ValidationError for a Marker that is not a time and a UUID, as lists by time give them out. */
export function requireTimeAndId({ after }: PageRequest): void {
  if (after === undefined) return;
  const [time = '', id = ''] = after;
  const at = new Date(time);
  // Compared both ways, so that no second spelling of a time is accepted.
  const isTime = /^\d{4}-/.test(time) && !Number.isNaN(at.getTime()) && at.toISOString() === time;
  if (!isTime || !UUID.test(id)) throw badMarker();
}

/** The number in a Marker of one part. Throws a ValidationError for one that such a list never gives out. */
export function positionIn({ after }: PageRequest, start: number): number {
  if (after === undefined) return start;
  const [text = ''] = after;
  if (!/^[1-9]\d{0,9}$/.test(text)) throw badMarker();
  return Number(text);
}

/** The refusal of a Marker that this service never gave out. */
export function badMarker(): ApiError {
  return new ApiError('ValidationError', 'Invalid Marker.');
}

function decoded(marker: string, parts: number): readonly string[] {
  const text = Buffer.from(marker, 'base64url').toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const known = Array.isArray(value) && value.length === parts && value.every((part) => typeof part === 'string' && !part.includes('\0'));
  // Compared both ways, so that no second spelling of a Marker is accepted.
  if (!known || Buffer.from(text).toString('base64url') !== marker) throw badMarker();
  return value as readonly string[];
}
