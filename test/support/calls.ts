import { z } from 'zod';

import { Operations } from '../../src/api/registry.js';
import { camelCase, shapeOf, unwrapped } from '../../src/contract/operation.js';
import type { Implementation } from '../../src/kernel/handler.js';
import { VERSIONS } from '../../src/api/registry.js';
import type { Answer, AuditEvent, Keys, TestApp } from './app.js';

/** Members of a call, by AWS's names. */
export type Input = Readonly<Record<string, unknown>>;

/** A way to reach an operation. */
export type Face = 'query' | 'rest';

/** One call of one operation. */
export interface Call {
  readonly operation: string;
  readonly keys: Keys;
  readonly input: Input;
}

/** What came back, in the same form whatever the face. */
export interface Called {
  readonly status: number;
  /** The error code; undefined where the call succeeded. */
  readonly code: string | undefined;
  readonly message: string | undefined;
  /** The answer's members: camelCase, times as epoch seconds, documents as plain text. */
  readonly output: unknown;
  readonly text: string;
}

/** The decision that a refusal names. */
export interface Decided {
  readonly decisionId: string;
  readonly encodedMessage: string;
}

/** Reads the decision out of a refusal. */
export function decisionIn({ text }: Called): Decided {
  const decisionId = /"decisionId":"([^"]+)"/.exec(text)?.[1];
  const encodedMessage = /"encodedAuthorizationMessage":"([^"]+)"/.exec(text)?.[1];
  if (decisionId === undefined || encodedMessage === undefined) throw new Error(`no decision in ${text}`);
  return { decisionId, encodedMessage };
}

/** Every operation of a running Stint. */
export function registry(app: TestApp): readonly Implementation[] {
  return app.running.app.get(Operations).all;
}

/** The operation of this name. */
export function operationOf(app: TestApp, name: string): Implementation {
  const found = registry(app).find((operation) => operation.name === name);
  if (found === undefined) throw new Error(`no operation ${name}`);
  return found;
}

/** The faces an operation has. */
export function facesOf({ contract }: Implementation): readonly Face[] {
  return contract.aws === undefined ? ['rest'] : ['query', 'rest'];
}

/** Calls an operation on a face. */
export async function call(app: TestApp, face: Face, asked: Call): Promise<Called> {
  const operation = operationOf(app, asked.operation);
  const answer = face === 'query' ? await query(app, operation, asked) : await rest(app, operation, asked);
  const body = JSON.parse(answer.text) as Record<string, unknown>;
  return face === 'query' ? readQuery(operation, answer, body) : readRest(answer, body);
}

async function query(app: TestApp, { name, contract }: Implementation, { keys, input }: Call): Promise<Answer> {
  const service = contract.aws ?? 'sts';
  const form = { Action: name, Version: VERSIONS[service], ...formOf(input) };
  return app.query(keys, form, { service, headers: { accept: 'application/json' } });
}

/** Members as an AWS Query form. */
export function formOf(input: Input, prefix = ''): Record<string, string> {
  const form: Record<string, string> = {};
  for (const [name, value] of Object.entries(input)) {
    const at = `${prefix}${name}`;
    if (Array.isArray(value)) {
      if (value.length === 0) form[at] = '';
      Object.assign(form, formOf(Object.fromEntries(value.map((item, index) => [String(index + 1), item])), `${at}.member.`));
    } else if (typeof value === 'object' && value !== null) Object.assign(form, formOf(value as Input, `${at}.`));
    else form[at] = String(value);
  }
  return form;
}

async function rest(app: TestApp, { contract }: Implementation, { keys, input }: Call): Promise<Answer> {
  const [method = '', route = ''] = contract.rest.split(' ');
  const left = new Map(Object.entries(input));
  const path = route.replace(/\{(\w+)\}/g, (_, member: string) => {
    const value = String(left.get(member));
    left.delete(member);
    return encodeURIComponent(value);
  });
  const members = camelCased(Object.fromEntries(left)) as Record<string, unknown>;
  const isQuery = method === 'GET' || method === 'DELETE';
  const search = isQuery ? new URLSearchParams(Object.entries(members).map(([name, value]): [string, string] => [name, String(value)])).toString() : '';
  const body = isQuery || left.size === 0 ? '' : JSON.stringify(members);
  return app.raw(keys, { method, path, query: search, body, service: 'stint' });
}

function camelCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCased);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [camelCase(name), camelCased(member)]));
}

function readQuery({ name, contract }: Implementation, { status, text }: Answer, body: Record<string, unknown>): Called {
  const { Code, Message } = (body['Error'] ?? {}) as { Code?: string; Message?: string };
  const response = (body[`${name}Response`] ?? {}) as Record<string, unknown>;
  const result = (response[`${name}Result`] ?? {}) as Record<string, unknown>;
  // The keys of a map are data.
  const maps = Object.fromEntries(Object.entries(shapeOf(contract.output)).flatMap(([member, schema]) => (unwrapped(schema) instanceof z.ZodRecord ? [[camelCase(member), result[member]]] : [])));
  const output = status === 200 ? canonical({ ...(camelCased(result) as object), ...maps }) : undefined;
  return { status, code: Code, message: Message, output, text };
}

function readRest({ status, text }: Answer, body: Record<string, unknown>): Called {
  if (status === 200) return { status, code: undefined, message: undefined, output: canonical(body), text };
  return { status, code: String(body['code']), message: String(body['detail']), output: undefined, text };
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, canonical(member)]));
  if (typeof value !== 'string') return value;
  if (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value)) return Math.floor(Date.parse(value) / 1000);
  return value.startsWith('%7B') ? decodeURIComponent(value) : value;
}

/** A row, as JSON text, with the table it is in. */
export type Row = string;

/** Every row of `app.contents()`. */
export async function rowsOf(app: TestApp): Promise<readonly Row[]> {
  const contents = (await app.contents()) as Record<string, { row: object }[]>;
  return Object.entries(contents).flatMap(([table, rows]) => rows.map(({ row }) => `${table} ${JSON.stringify(row)}`));
}

/** What `work` did to the tables and to the audit log. */
export interface Effect<T> {
  readonly result: T;
  readonly added: readonly Row[];
  readonly removed: readonly Row[];
  readonly events: readonly AuditEvent[];
}

/** Does some work, and says what changed by it. */
export async function effectOf<T>(app: TestApp, work: () => Promise<T>): Promise<Effect<T>> {
  const before = await rowsOf(app);
  let result!: T;
  const events = await app.recordedBy(async () => {
    result = await work();
  });
  const after = await rowsOf(app);
  return { result, events, added: after.filter((row) => !before.includes(row)), removed: before.filter((row) => !after.includes(row)) };
}

/** A refusal as a test describes it. */
export interface Refusal {
  readonly code: string;
  readonly status: number;
  readonly message?: string | RegExp;
}

/** Asserts that a call of whoever is known was refused so, that nothing was written, and that it was recorded once. */
export function expectRefused({ result, added, removed, events }: Effect<Called>, refusal: Refusal, eventName: string): void {
  const { code, status, message } = result;
  expect({ code, status }).toEqual({ code: refusal.code, status: refusal.status });
  if (refusal.message instanceof RegExp) expect(message).toMatch(refusal.message);
  else if (refusal.message !== undefined) expect(message).toBe(refusal.message);
  expect({ added, removed }).toEqual({ added: [], removed: [] });
  expect(events).toHaveLength(1);
  expect(events[0]).toMatchObject({ event_name: eventName, outcome: 'refused', error_code: refusal.code });
  expect(events[0]?.record).toMatchObject({ responseElements: null, errorMessage: message?.slice(0, 1024) });
}

/** Asserts the same of a call of whom nothing is known: it belongs to no account, and no event says so. */
export function expectUnrecorded({ result, added, removed, events }: Effect<Called>, refusal: Refusal): void {
  expect({ code: result.code, status: result.status, message: result.message }).toEqual(refusal);
  expect({ added, removed, events }).toEqual({ added: [], removed: [], events: [] });
}

/** Text with every generated id and secret replaced, equal ones by equal names. */
export function withoutIds(text: string): string {
  const names = new Map<string, string>();
  const pattern = /\beyJ[\w-]+\.[\w-]+\.[\w-]+|(?<![\w+/=-])[\w+/-]{200,}={0,2}|(?<![\w-])[\w-]{43,}(?![\w+/=-])|\b(AIDA|AIPA|AROA|AGPA|AKIA|ANPA|ASIA)[A-Z2-7]{16,17}\b|\b(?:OIDC|SAML|SKEY)[A-Z2-7]{20}\b|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|sha256:[0-9a-f]{64}|\\\\x[0-9a-f]+|\b\d{12}\b|(?<![\w+/])[A-Za-z0-9+/]{40}(?![\w+/=])|(?<![\w+/])[A-Za-z0-9+/]{27}=(?!=)|http:\/\/127\.0\.0\.1:\d+|\blocalhost:\d+/g;
  return text.replace(/"(base32StringSeed|qrCodePNG)":"[^"]+"/g, '"$1":"<secret>"').replace(pattern, (found, kind: string | undefined) => {
    const known = names.get(found) ?? `<${kind ?? 'id'}-${String(names.size + 1)}>`;
    names.set(found, known);
    return known;
  });
}

/** An answer of the Query face in XML, in the form that every face's answers have here. */
export function readXml({ status, text }: Answer): Called {
  const message = element(text, 'Message');
  return { status, code: element(text, 'Code'), message, output: undefined, text };
}

/** The text of an XML element of this name, the first one there is. */
export function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", '#xD': '\r', amp: '&' };
  return text?.replace(/&(lt|gt|quot|apos|amp|#xD);/g, (_, entity: string) => named[entity] ?? '');
}
