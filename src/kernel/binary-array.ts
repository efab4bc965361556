/** What a binary array can hold, with the number of its type (PostgreSQL: pg_type.dat). */
const ELEMENT = { text: 25, bytea: 17 } as const;
const HEADER_BYTES = 20;

/**
 * A list as the binary form of a PostgreSQL array of one dimension (arrayfuncs.c: array_recv): buffers as they
 * are, null for what is absent, everything else as its text. The text form of an array would escape every
 * quotation mark of every audit record here and have it undone there, which costs both sides more.
 */
export function binaryArray(element: keyof typeof ELEMENT, values: readonly unknown[]): Buffer {
  const items = values.map((value) => (value === null || value === undefined ? null : Buffer.isBuffer(value) ? value : String(value as string | number)));
  const lengths = items.map((item) => (item === null ? -1 : Buffer.byteLength(item)));
  const array = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + 4 + Math.max(length, 0), HEADER_BYTES));
  let at = 0;
  // One dimension, whether there are nulls, the element type, the length, the first index.
  for (const word of [1, lengths.includes(-1) ? 1 : 0, ELEMENT[element], items.length, 1]) at = array.writeInt32BE(word, at);
  for (const [index, item] of items.entries()) {
    at = array.writeInt32BE(lengths[index] ?? -1, at);
    if (typeof item === 'string') at += array.write(item, at);
    else if (item !== null) at += item.copy(array, at);
  }
  return array;
}
