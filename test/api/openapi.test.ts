import { camelCase } from '../../src/contract/operation.js';
import { catalogue } from '../../src/domain/errors.js';
import { TestApp } from '../support/app.js';
import { operationOf, registry } from '../support/calls.js';
import { World } from '../support/world.js';

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required?: boolean;
  readonly schema: object;
}
interface Described {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: { readonly properties: object; readonly additionalProperties: boolean } }>> };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly headers?: object; readonly content: Readonly<Record<string, { readonly schema: object }>> }>>;
}
interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly security: readonly object[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: object; readonly securitySchemes: object };
}

describe('/v1/openapi.json', () => {
  let app: TestApp;
  let document: OpenApi;
  let all: { readonly path: string; readonly verb: string; readonly described: Described }[];

  beforeAll(async () => {
    app = await TestApp.boot();
    const answer = await app.send({ path: '/v1/openapi.json' });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, expect.stringMatching(/^application\/json/)]);
    document = JSON.parse(answer.text) as OpenApi;
    all = Object.entries(document.paths).flatMap(([path, verbs]) => Object.entries(verbs).map(([verb, described]) => ({ path, verb, described })));
  });
  afterAll(() => app.close());

  /** Every object in a JSON value. */
  function* objects(value: unknown): Generator<Readonly<Record<string, unknown>>> {
    if (typeof value !== 'object' || value === null) return;
    if (!Array.isArray(value)) yield value as Record<string, unknown>;
    for (const member of Object.values(value)) yield* objects(member);
  }

  it('is a document of OpenAPI 3.1', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) });
    for (const path of Object.keys(document.paths)) expect(path).toMatch(/^\/v1\//);
    const known = ['get', 'put', 'post', 'delete', 'patch'];
    for (const { verb } of all) expect(known).toContain(verb);
    for (const scheme of document.security.flatMap((one) => Object.keys(one))) expect(document.components.securitySchemes).toHaveProperty(scheme);
  });

  it('has exactly the operations of the registry, by their names and on their routes', () => {
    const described = all.map(({ path, verb, described: { operationId } }) => `${operationId} ${verb.toUpperCase()} ${path}`);
    const registered = registry(app).map(({ name, contract }) => `${name} ${contract.rest.replace(/\{(\w+)\}/g, (_, member: string) => `{${camelCase(member)}}`)}`);
    expect(described.sort()).toEqual(registered.sort());
    expect(new Set(all.map(({ described: { operationId } }) => operationId)).size).toBe(all.length);
  });

  it('has no reference that leads nowhere', () => {
    const references = [...objects(document)].flatMap((object) => (typeof object['$ref'] === 'string' ? [object['$ref']] : []));
    expect(references.length).toBeGreaterThan(0);
    for (const reference of new Set(references)) {
      expect(reference).toMatch(/^#\//);
      const found = reference.slice(2).split('/').reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], document);
      expect([reference, typeof found]).toEqual([reference, 'object']);
    }
  });

  it('declares every parameter of every path, once', () => {
    for (const { path, described } of all) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(described.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)).toEqual(inPath);
      for (const parameter of described.parameters) expect(parameter.in === 'path' ? parameter.required : true).toBe(true);
      const names = described.parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it('gives every member of an input one place, and takes no others', () => {
    for (const { described, verb } of all) {
      const { contract } = operationOf(app, described.operationId);
      const schema = described.requestBody?.content['application/json']?.schema;
      if (schema !== undefined) expect([verb, schema.additionalProperties]).toEqual([expect.stringMatching(/^(post|put|patch)$/), false]);
      const places = [...described.parameters.map(({ name }) => name), ...Object.keys(schema?.properties ?? {})];
      expect(places.sort()).toEqual(Object.keys(contract.input.shape).map(camelCase).sort());
    }
  });

  it('names the refusals of every operation, with their statuses', () => {
    for (const { described } of all) {
      const { contract } = operationOf(app, described.operationId);
      for (const code of contract.errors) expect(described.responses[String(catalogue[code].status)]?.description.split(', ')).toContain(code);
      const isUnsigned = 'caller' in contract.access && contract.access.caller === 'proved';
      expect([described.operationId, described.responses['429']?.description]).toEqual([described.operationId, isUnsigned ? 'Throttling' : undefined]);
      if (isUnsigned) expect(described.responses['429']?.headers).toHaveProperty('Retry-After');
      expect(described.responses['200']).toBeDefined();
      expect(described.summary).not.toBe('');
    }
  });

  it('describes every member of the problem details that a refusal has', async () => {
    const alice = await new World(app).user('alice');
    const { status, body } = await app.rest(alice, 'POST /v1/users', { userName: 'bob' });
    expect([status, body]).toEqual([403, expect.objectContaining({ decisionId: expect.any(String), encodedAuthorizationMessage: expect.any(String) })]);
    const { Problem } = document.components.schemas as { Problem: { properties: object } };
    expect(Object.keys(Problem.properties)).toEqual(expect.arrayContaining(Object.keys(body)));
  });

  it('writes member names in camelCase and times as date-time, and shows nothing of the implementation', () => {
    for (const object of objects(all.map(({ described }) => described))) {
      const properties = object['properties'];
      if (typeof properties !== 'object' || properties === null || object['type'] !== 'object') continue;
      for (const name of Object.keys(properties)) expect(name).toMatch(/^[a-z]/);
    }
    expect(JSON.stringify(document.paths['/v1/sessions/assume-role'])).toContain('"expiration":{"type":"string","format":"date-time"}');
    expect(JSON.stringify(document)).not.toMatch(/node_modules|zod|\$schema/);
  });
});
