import { isUtf8 } from 'node:buffer';

import { z } from 'zod';

import { camelCase, unwrapped, type Contract, shapeOf } from '../contract/operation.js';
import { unserved } from '../contract/validation.js';
import { ApiError } from '../domain/errors.js';
import { readJson } from '../domain/policy/json.js';
import { decisionMembers, stepUpMembers } from './exchange.js';

/** What a REST request carries besides its path parameters. */
export interface RestInput {
  readonly params: Readonly<Record<string, string>>;
  readonly query: ReadonlyMap<string, string>;
  /** The parsed JSON body; undefined where there is none. */
  readonly body: unknown;
}

const invalid = (message: string): ApiError => new ApiError('ValidationError', message);
const names = new WeakMap<z.ZodObject, ReadonlyMap<string, string>>();

/** camelCase name → member name of a schema: looked up, never guessed, so that no name is lost on the way. */
function membersOf(schema: z.ZodObject): ReadonlyMap<string, string> {
  let known = names.get(schema);
  if (known === undefined) {
    known = new Map(Object.keys(schema.shape).map((member) => [camelCase(member), member]));
    names.set(schema, known);
  }
  return known;
}

/**
 * Reads an operation's input from a REST request: path, then query, then body. A member may be given once.
 * Throws a ValidationError for unknown members and UnsupportedParameter for those that are not served yet.
 */
export function decodeRest(contract: Contract, input: RestInput): Record<string, unknown> {
  const raw: Record<string, unknown> = { ...input.params };
  const take = (name: string, value: unknown): void => {
    const member = membersOf(contract.input).get(name);
    if (member === undefined) throw unknownMember(contract, name);
    if (Object.hasOwn(raw, member)) throw invalid(`The member ${name} is given more than once.`);
    raw[member] = value;
  };
  for (const [name, value] of input.query) {
    if (!name.startsWith('X-Amz-')) take(name, fromText(contract, name, value));
  }
  for (const [name, value] of Object.entries(bodyMembers(input.body))) {
    const member = membersOf(contract.input).get(name);
    take(name, member === undefined ? value : renamed(shapeOf(contract.input)[member], value));
  }
  return raw;
}

function unknownMember(contract: Contract, name: string): ApiError {
  const member = contract.unserved?.find((candidate) => camelCase(candidate) === name);
  if (member !== undefined) return unserved(member);
  const known = [...membersOf(contract.input).keys()].join(', ');
  return invalid(`The member ${name.slice(0, 128)} is unknown. ${known === '' ? 'This operation takes none' : `Known members: ${known}`}.`);
}

function bodyMembers(body: unknown): object {
  if (body === undefined) return {};
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid('The body must be a JSON object.');
  return body;
}

/** The JSON of a body; undefined where there is none. Throws a ValidationError for what is not JSON or repeats a member. */
export function parseBody(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  const text = isUtf8(body) ? body.toString('utf8') : undefined;
  // Read strictly first: two members of one name would mean different things to different readers.
  if (text === undefined || readJson(text) === undefined) throw invalid('The body is not valid JSON, or a member in it is repeated.');
  return JSON.parse(text) as unknown;
}

/** Query text as the type that the member has; what does not fit is left for the contract to refuse. */
function fromText(contract: Contract, name: string, text: string): unknown {
  const member = membersOf(contract.input).get(name);
  const schema = member === undefined ? undefined : unwrapped(shapeOf(contract.input)[member] ?? z.unknown());
  if (schema instanceof z.ZodNumber && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (schema instanceof z.ZodBoolean && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

/** Member names in a JSON value, from camelCase to the contract's. */
function renamed(schema: z.ZodType | undefined, value: unknown): unknown {
  const inner = schema === undefined ? undefined : unwrapped(schema);
  if (inner instanceof z.ZodArray && Array.isArray(value)) return value.map((item) => renamed(inner.element as z.ZodType, item));
  if (!(inner instanceof z.ZodObject) || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const object: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const known = membersOf(inner).get(name);
    if (known === undefined) throw invalid(`The member ${name.slice(0, 128)} is unknown.`);
    object[known] = renamed(shapeOf(inner)[known], member);
  }
  return object;
}

/** An output as REST shows it: camelCase names, times in ISO 8601. */
export function encodeRest(schema: z.ZodType, value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodArray) return (value as unknown[]).map((item) => encodeRest(inner.element as z.ZodType, item));
  if (!(inner instanceof z.ZodObject)) return value;
  const shape = shapeOf(inner);
  return Object.fromEntries(
    Object.entries(value as object)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => [camelCase(name), encodeRest(shape[name] ?? z.unknown(), member)]),
  );
}

/** The status of a refusal over REST. */
export function restStatus({ row }: Pick<ApiError, 'row'>): number {
  return row.restStatus ?? row.status;
}

/** RFC 9457 problem details of a refusal. */
export function problem(error: ApiError, requestId: string): string {
  return JSON.stringify({ type: 'about:blank', title: error.code, status: restStatus(error), detail: error.message, code: error.code, requestId, ...decisionMembers(error), ...stepUpMembers(error), ...error.members });
}
