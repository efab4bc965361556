import { ApiError } from '../errors.js';
import type { Context, ContextValue } from './pattern.js';
import { isBase64, parseAddress, parseBoolean, parseDate, parseDecimal } from './values.js';

const single = {
  string: () => true,
  numeric: (text: string) => parseDecimal(text) !== undefined,
  boolean: (text: string) => parseBoolean(text) !== undefined,
  ip: (text: string) => parseAddress(text) !== undefined,
  binary: isBase64,
  date: (text: string) => parseDate(text) !== undefined,
} as const satisfies Record<string, (text: string) => boolean>;

type SingleType = keyof typeof single;

/** The type of a context entry; that of a list has any number of values (IAM: ContextKeyTypeEnum). */
export type ContextEntryType = SingleType | `${SingleType}List`;

/** One condition key of a simulated request. */
export interface ContextEntry {
  readonly name: string;
  readonly type: ContextEntryType;
  readonly values: readonly string[];
}

const refused = (message: string): ApiError => new ApiError('InvalidInput', message);

function valueOf({ name, type, values }: ContextEntry): ContextValue {
  const isList = type.endsWith('List');
  const base = (isList ? type.slice(0, -'List'.length) : type) as SingleType;
  const wrong = values.find((value) => !single[base](value));
  if (wrong !== undefined) throw refused(`The value ${wrong} of the context key ${name} is not of the type ${base}.`);
  if (isList) return values;
  const [value, ...more] = values;
  if (value === undefined || more.length > 0) throw refused(`The context key ${name} of the type ${type} must have exactly one value.`);
  return value;
}

/**
 * The context of a simulated request; what is known without being told is overruled by the entries. Refuses with
 * InvalidInput a value that is not of its type, and a key that is given twice.
 */
export function contextOf(entries: readonly ContextEntry[], known: Context = new Map()): Context {
  const given = new Map<string, ContextValue>();
  for (const entry of entries) {
    const key = entry.name.toLowerCase();
    if (given.has(key)) throw refused(`The context key ${entry.name} is given more than once.`);
    given.set(key, valueOf(entry));
  }
  return new Map([...known, ...given]);
}
