import { z } from 'zod';

import { camelCase, unwrapped, type Contract } from '../contract/operation.js';
import { catalogue, type ErrorCode } from '../domain/errors.js';
import { trustRiskIds } from '../domain/policy/trust-risks.js';
import type { Implementation } from '../kernel/handler.js';
import { restStatus } from './rest.codec.js';

type Schema = Record<string, unknown>;

/** Refusals that every signed operation may answer with. */
const COMMON: readonly ErrorCode[] = [
  'AccessDenied',
  'ExpiredToken',
  'IncompleteSignature',
  'InternalFailure',
  'InvalidClientTokenId',
  'MissingAuthenticationToken',
  'ServiceUnavailable',
  'SignatureDoesNotMatch',
  'UnsupportedMediaType',
  'ValidationError',
];

/** The OpenAPI 3.1 document of the REST face, made from the contracts. `serverUrl` is how clients reach it. */
export function openapi(operations: readonly Implementation[], serverUrl: string): Schema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const [verb = '', route = ''] = operation.contract.rest.split(' ');
    const path = route.replace(/\{(\w+)\}/g, (_, member: string) => `{${camelCase(member)}}`);
    (paths[path] ??= {})[verb.toLowerCase()] = describe(operation, verb);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Stint',
      version: '1',
      summary: 'A security token service that speaks the AWS protocols.',
      description:
        'Requests are signed with AWS Signature Version 4, service name `stint`; any region. Operations of the tags STS and IAM are served to AWS SDKs at `/` as well, by the AWS Query protocol. Errors are problem details (RFC 9457) with `code` and `requestId`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: serverUrl }],
    security: [{ sigv4: [] }],
    paths,
    components: {
      securitySchemes: {
        sigv4: { type: 'apiKey', in: 'header', name: 'Authorization', description: 'AWS Signature Version 4 with service `stint`, in the header or in the query (presigned).' },
      },
      schemas: { Problem: problemSchema },
    },
  };
}

const problemSchema: Schema = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What was wrong, for people.' },
    code: { type: 'string', enum: Object.keys(catalogue) },
    requestId: { type: 'string', format: 'uuid' },
    decisionId: { type: 'string', format: 'uuid', description: 'Of AccessDenied: under which administrators of the account read what decided (GetDecision); also in the header x-stint-decision-id.' },
    encodedAuthorizationMessage: { type: 'string', description: 'The same as a message that DecodeAuthorizationMessage reads.' },
    risks: {
      type: 'array',
      description: 'What is risky about a trust policy that was refused for it.',
      items: { type: 'object', required: ['id', 'statement', 'problem', 'fix'], properties: { id: { type: 'string', enum: [...trustRiskIds] }, statement: { type: 'string' }, problem: { type: 'string' }, fix: { type: 'string' } } },
    },
    mfaRequired: { type: 'boolean', const: true, description: 'The call would have been allowed to a session that used MFA.' },
    mfaMaxAgeSeconds: { type: 'integer', description: 'And only if MFA was used less than so many seconds ago.' },
  },
};

const retryAfter: Schema = { description: 'In how many seconds a refusal is told and recorded again.', schema: { type: 'integer' } };

function describe({ name, contract }: Implementation, verb: string): Schema {
  const input = schemaOf(contract.input, 'input');
  const properties = input['properties'] as Record<string, Schema>;
  const required = new Set((input['required'] as string[] | undefined) ?? []);
  const inPath = [...contract.rest.matchAll(/\{(\w+)\}/g)].map(([, member]) => camelCase(member ?? ''));
  const rest = Object.keys(properties).filter((member) => !inPath.includes(member));
  const inQuery = verb === 'GET' || verb === 'DELETE' ? rest : [];
  const inBody = rest.filter((member) => !inQuery.includes(member));
  return {
    operationId: name,
    ...('caller' in contract.access && contract.access.caller === 'proved' ? { security: [] } : {}),
    summary: contract.summary,
    tags: [tagOf(contract)],
    parameters: [
      ...inPath.map((member) => parameter(member, properties[member] ?? {}, { in: 'path', required: true })),
      ...inQuery.map((member) => parameter(member, properties[member] ?? {}, { in: 'query', required: required.has(member) })),
    ],
    ...(inBody.length === 0 ? {} : { requestBody: body(inBody, properties, required) }),
    responses: {
      200: { description: 'Done.', content: { 'application/json': { schema: schemaOf(contract.output, 'output') } } },
      ...problems(contract),
    },
  };
}

function tagOf(contract: Contract): string {
  return contract.aws === 'sts' ? 'STS' : contract.aws === 'iam' ? 'IAM' : 'Stint';
}

function parameter(name: string, schema: Schema, place: { in: 'path' | 'query'; required: boolean }): Schema {
  const { description, ...rest } = schema;
  return { name, ...place, schema: rest, ...(description === undefined ? {} : { description }) };
}

function body(members: readonly string[], properties: Record<string, Schema>, required: ReadonlySet<string>): Schema {
  const needed = members.filter((member) => required.has(member));
  return {
    required: needed.length > 0,
    content: {
      'application/json': {
        schema: {
          type: 'object',
          properties: Object.fromEntries(members.map((member) => [member, properties[member]])),
          ...(needed.length === 0 ? {} : { required: needed }),
          additionalProperties: false,
        },
      },
    },
  };
}

function problems(contract: Contract): Record<string, Schema> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set([...contract.errors, ...(isProved(contract) ? (['Throttling'] as const) : []), ...COMMON])) {
    const status = restStatus({ row: catalogue[code] });
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].sort(([a], [b]) => a - b).map(([status, codes]) => [
      String(status),
      { description: codes.sort().join(', '), ...(codes.includes('Throttling') && { headers: { 'Retry-After': retryAfter } }), content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
    ]),
  );
}

/** Whoever signs nothing may be refused too often for it to be recorded. */
function isProved({ access }: Contract): boolean {
  return 'caller' in access && access.caller === 'proved';
}

/** A contract's schema as JSON Schema with camelCase member names. */
function schemaOf(schema: z.ZodObject, io: 'input' | 'output'): Schema {
  const json = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (unwrapped(zodSchema as unknown as z.ZodType) instanceof z.ZodDate) Object.assign(jsonSchema, { type: 'string', format: 'date-time' });
      if (jsonSchema.type === 'integer' && jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      camelCased(jsonSchema);
    },
  }) as Schema;
  delete json['$schema'];
  return json;
}

function camelCased(schema: { properties?: unknown; required?: unknown }): void {
  if (typeof schema.properties === 'object' && schema.properties !== null) {
    schema.properties = Object.fromEntries(Object.entries(schema.properties).map(([name, member]) => [camelCase(name), member as unknown]));
  }
  if (Array.isArray(schema.required)) schema.required = schema.required.map((name) => camelCase(String(name)));
}
