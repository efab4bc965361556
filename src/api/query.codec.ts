import { z } from 'zod';

import { camelCase, markOf, unwrapped, type Contract, shapeOf } from '../contract/operation.js';
import { ApiError } from '../domain/errors.js';
import { isoSeconds, percentEncoded } from '../audit/record.js';
import { unserved } from '../contract/validation.js';
import { decisionMembers } from './exchange.js';
import { VERSIONS } from './registry.js';

/** A parameter of a form, and the parameters beneath it: `Tags.member.1.Key` is four deep. */
interface Node {
  value?: string;
  used?: boolean;
  children?: Map<string, Node>;
}

const DEPTH_MAX = 8;
const LIST_MAX = 1_000;

/** What a form means for a contract. */
export interface DecodedForm {
  readonly raw: Record<string, unknown>;
  /** Names of parameters that the contract does not know. */
  readonly ignored: readonly string[];
}

/**
 * Reads an operation's input from an AWS Query form (Smithy: AWS Query protocol). Lists are `Name.member.N`;
 * an empty value for a list is an empty list. Throws MalformedInput for a number that is none, and
 * UnsupportedParameter for a member that AWS has and Stint does not serve yet.
 */
export function decodeForm(contract: Contract, form: ReadonlyMap<string, string>): DecodedForm {
  const root = treeOf(form);
  for (const name of contract.unserved ?? []) refuseUnserved(name, root.children?.get(name));
  const raw = decodeMembers(contract.input, root);
  return { raw, ignored: leftOver(root, '') };
}

function treeOf(form: ReadonlyMap<string, string>): Node {
  const root: Node = { children: new Map() };
  for (const [name, value] of form) {
    if (name === 'Action' || name === 'Version' || name.startsWith('X-Amz-')) continue;
    const parts = name.includes('.') ? name.split('.', DEPTH_MAX + 1) : [name];
    if (parts.length > DEPTH_MAX) throw new ApiError('ValidationError', 'A parameter name is nested too deeply.');
    let at = root;
    for (const part of parts) {
      at.children ??= new Map();
      let child = at.children.get(part);
      if (child === undefined) at.children.set(part, (child = {}));
      at = child;
    }
    at.value = value;
  }
  return root;
}

function refuseUnserved(name: string, node: Node | undefined): void {
  if (node === undefined || (node.value === '' && node.children === undefined)) return;
  throw unserved(name);
}

const known = new WeakMap<z.ZodObject, readonly (readonly [string, z.ZodType])[]>();

/** The members of a schema that AWS clients know. */
function awsMembers(schema: z.ZodObject): readonly (readonly [string, z.ZodType])[] {
  let members = known.get(schema);
  if (members === undefined) known.set(schema, (members = Object.entries(shapeOf(schema)).filter(([, member]) => markOf(member).restOnly !== true)));
  return members;
}

function decodeMembers(schema: z.ZodObject, node: Node): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  for (const [name, member] of awsMembers(schema)) {
    const child = node.children?.get(name);
    if (child !== undefined) members[name] = decodeValue(unwrapped(member), child, name);
  }
  return members;
}

function decodeValue(schema: z.ZodType, node: Node, name: string): unknown {
  if (schema instanceof z.ZodArray) return decodeList(schema.element as z.ZodType, node, name);
  if (schema instanceof z.ZodObject) return decodeMembers(schema, node);
  if (node.value === undefined) return undefined;
  node.used = true;
  if (schema instanceof z.ZodNumber) return decodeNumber(node.value, name);
  if (schema instanceof z.ZodBoolean) return node.value === 'true' ? true : node.value === 'false' ? false : malformed(name, 'true or false');
  return node.value;
}

function decodeNumber(value: string, name: string): number {
  return /^-?\d{1,15}$/.test(value) ? Number(value) : malformed(name, 'an integer');
}

function malformed(name: string, expected: string): never {
  throw new ApiError('MalformedInput', `The value of ${camelCase(name)} must be ${expected}.`);
}

function decodeList(element: z.ZodType, node: Node, name: string): unknown[] {
  const items = node.children?.get('member')?.children;
  if (items === undefined) {
    if (node.value === '') node.used = true;
    return [];
  }
  if (items.size > LIST_MAX) throw new ApiError('ValidationError', `The list ${camelCase(name)} is too long.`);
  const numbered = [...items].map(([index, item]) => {
    if (!/^[1-9]\d{0,5}$/.test(index)) malformed(name, 'a list whose entries are numbered from 1');
    return [Number(index), item] as const;
  });
  return numbered.sort(([a], [b]) => a - b).map(([, item]) => decodeValue(unwrapped(element), item, name));
}

function leftOver(node: Node, prefix: string): string[] {
  const names: string[] = [];
  for (const [part, child] of node.children ?? []) {
    const name = prefix === '' ? part : `${prefix}.${part}`;
    if (child.value !== undefined && child.used !== true) names.push(name);
    names.push(...leftOver(child, name));
  }
  return names;
}

/** The XML namespace of a service's answers. */
function namespace(service: 'sts' | 'iam'): string {
  return `https://${service}.amazonaws.com/doc/${VERSIONS[service]}/`;
}

/** The XML answer of an operation; lists are `<member>`, dates whole seconds, documents percent-encoded. */
export function encodeXml(operation: { name: string; contract: Contract }, output: object, requestId: string): string {
  const { name, contract } = operation;
  const result = hasResult(contract) ? `<${name}Result>${encodeMembers(contract.output, output)}</${name}Result>` : '';
  return `<${name}Response xmlns="${namespace(contract.aws ?? 'sts')}">${result}<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${name}Response>`;
}

function hasResult({ output }: Contract): boolean {
  return Object.keys(output.shape).length > 0 || markOf(output).result === true;
}

function encodeMembers(schema: z.ZodObject, value: object): string {
  let xml = '';
  for (const [name, member] of awsMembers(schema)) {
    const given = (value as Record<string, unknown>)[name];
    if (given !== undefined) xml += `<${name}>${encodeValue(member, given)}</${name}>`;
  }
  return xml;
}

function encodeValue(schema: z.ZodType, value: unknown): string {
  if (value instanceof Date) return isoSeconds(value);
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodArray) return (value as unknown[]).map((item) => `<member>${encodeValue(inner.element as z.ZodType, item)}</member>`).join('');
  if (inner instanceof z.ZodObject) return encodeMembers(inner, value as object);
  if (inner instanceof z.ZodRecord) return encodeMap(value as object);
  return escapeXml(markOf(schema).document === true ? percentEncoded(String(value)) : String(value));
}

function encodeMap(map: object): string {
  return Object.entries(map)
    .map(([key, value]) => `<entry><key>${escapeXml(key)}</key><value>${escapeXml(String(value))}</value></entry>`)
    .join('');
}

/** What JSON-speaking clients of the Query face get: the same members, with times as epoch seconds. */
export function encodeJson(operation: { name: string; contract: Contract }, output: object, requestId: string): string {
  const { name, contract } = operation;
  const result = hasResult(contract) ? { [`${name}Result`]: jsonValue(contract.output, output) } : {};
  return JSON.stringify({ [`${name}Response`]: { ...result, ResponseMetadata: { RequestId: requestId } } });
}

function jsonValue(schema: z.ZodType, value: unknown): unknown {
  if (value instanceof Date) return Math.floor(value.getTime() / 1000);
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodArray) return (value as unknown[]).map((item) => jsonValue(inner.element as z.ZodType, item));
  if (inner instanceof z.ZodObject) {
    const given = value as Record<string, unknown>;
    return Object.fromEntries(awsMembers(inner).flatMap(([name, member]) => (given[name] === undefined ? [] : [[name, jsonValue(member, given[name])]])));
  }
  return markOf(schema).document === true ? percentEncoded(String(value)) : value;
}

/** AWS's namespace for requests that no service took. */
const FAULT = 'http://webservices.amazon.com/AWSFault/2005-15-09';

/** The error envelope of the Query face, in XML. */
export function encodeXmlError(error: ApiError, service: 'sts' | 'iam' | undefined, requestId: string): string {
  const xmlns = service === undefined ? FAULT : namespace(service);
  return `<ErrorResponse xmlns="${xmlns}"><Error><Type>${error.row.fault}</Type><Code>${error.code}</Code><Message>${escapeXml(error.message)}</Message>${decisionXml(error)}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`;
}

function decisionXml({ decision }: ApiError): string {
  return decision === undefined ? '' : `<DecisionId>${decision.id}</DecisionId><EncodedAuthorizationMessage>${decision.encodedMessage}</EncodedAuthorizationMessage>`;
}

/** The error envelope of the Query face, in JSON. */
export function encodeJsonError(error: ApiError, requestId: string): string {
  return JSON.stringify({ Error: { Type: error.row.fault, Code: error.code, Message: error.message, ...decisionMembers(error) }, RequestId: requestId });
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;', '\r': '&#xD;' };

// With the u flag a surrogate pair is one character, so \p{Cs} finds only lone halves.
const UNCARRIED = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF\p{Cs}]/gu;

/** Text as XML content; characters that XML 1.0 cannot carry become U+FFFD. */
export function escapeXml(text: string): string {
  const clean = text.replace(UNCARRIED, '\uFFFD');
  return /[&<>"'\r]/.test(clean) ? clean.replace(/[&<>"'\r]/g, (character) => ESCAPES[character] ?? character) : clean;
}
