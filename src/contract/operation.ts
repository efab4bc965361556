import { z } from 'zod';

import type { ErrorCode } from '../domain/errors.js';
import type { ContextValue } from '../domain/policy/evaluate.js';
import type { Caller } from '../domain/principal.js';

/** An HTTP method of the REST face. */
export type Verb = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/**
 * What an operation does to the world, which decides how it is recorded:
 * `read` changes nothing and its event follows without waiting; `change` writes in one transaction together
 * with its event; `issue` only appends (credentials and their event, committed together before the answer).
 */
export type Effect = 'read' | 'change' | 'issue';

/** What a permission is about; names are resolved to full ARNs, with their paths, before judging. */
export type ResourceRef =
  | { readonly user: string | undefined }
  | { readonly role: string }
  /** A group; with `member`, the user who comes in or goes: of two that are missing, the refusal names the user. */
  | { readonly group: string; readonly member?: string }
  | { readonly accessKey: string }
  | { readonly instanceProfile: string }
  /** A managed policy, by its ARN. */
  | { readonly policy: string }
  /** A virtual MFA device, by its serial number. */
  | { readonly mfaDevice: string }
  /** An identity provider, by its ARN. */
  | { readonly provider: string }
  | { readonly arn: string };

/** Who may call an operation. */
export type Access<I> =
  | {
      readonly action: `${string}:${string}`;
      readonly resource: (input: I, caller: Caller) => ResourceRef;
      /** Further actions that the input makes necessary on the same resource, such as tagging. */
      readonly also?: (input: I) => readonly string[];
      /** Condition keys of the operation itself, such as iam:PolicyARN. */
      readonly context?: (input: I) => Readonly<Record<string, ContextValue>>;
      /** The key iam:PermissionsBoundary says which boundary the user or role has that the call is about. */
      readonly seesBoundary?: true;
      /** What the entity will be called: whoever renames or moves it needs the permission on that as well. */
      readonly becomes?: (input: I) => { readonly path: string | undefined; readonly name: string | undefined };
      /** A user is allowed it by the account's password policy too, where that lets users change their own passwords. */
      readonly grantedBy?: 'password-policy';
      /** The role that the call hands on: whoever does needs iam:PassRole on it as well. */
      readonly passes?: (input: I) => { readonly role: string; readonly to: string };
      /** Only principals of the management account, whatever their policies say. */
      readonly within?: 'management-account';
    }
  | { readonly caller: 'any'; readonly because: string }
  /** Nobody signs: what the call carries proves who makes it, and its handler says who that is. */
  | { readonly caller: 'proved'; readonly because: string };

/** One public operation, described once; faces, documentation, audit and authorisation read it. */
export interface Contract<
  I extends z.ZodObject = z.ZodObject,
  O extends z.ZodObject = z.ZodObject,
  E extends Effect = Effect,
> {
  /** One sentence: OpenAPI, command line help, dashboard. */
  readonly summary: string;
  /** The input; member names are AWS's. */
  readonly input: I;
  /** The output; nothing that is not declared here leaves the process. */
  readonly output: O;
  /** The refusals that callers should expect beside the common ones. */
  readonly errors: readonly ErrorCode[];
  readonly effect: E;
  /** CloudTrail's `readOnly`, where it differs from what the effect says (AssumeRole is read-only there). */
  readonly auditReadOnly?: boolean;
  /**
   * A person signs in: recorded as CloudTrail's ConsoleLogin, and never repeated under an Idempotency-Key, for which what was
   * asked would be kept, and with it something that a password can be guessed by.
   */
  readonly isSignIn?: true;
  readonly access: Access<z.output<I>>;
  /** Served by the AWS Query face of this service. */
  readonly aws?: 'sts' | 'iam';
  /** Served by the REST face. */
  readonly rest: `${Verb} /v1/${string}`;
  /** Members that AWS defines and that are not served yet: refused when present, never ignored. */
  readonly unserved?: readonly string[];
}

/** A set of contracts by operation name. */
export type Contracts = Readonly<Record<string, Contract>>;

/** Declares an operation; keeps the literal types of its schemas and effect. */
export function operation<I extends z.ZodObject, O extends z.ZodObject, E extends Effect>(
  contract: Contract<I, O, E>,
): Contract<I, O, E> {
  return contract;
}

/** What a schema says beyond its type. */
export interface Mark {
  /** Never recorded or logged: left out, or replaced by its SHA-256 where it must stay findable. */
  readonly sensitive?: 'omit' | 'sha256';
  /** A policy document: percent-encoded (RFC 3986) in AWS answers, plain JSON text elsewhere. */
  readonly document?: true;
  /** Stint's own member of an AWS operation: on the REST face only, so that AWS clients see what AWS answers. */
  readonly restOnly?: true;
  /** An output without members that AWS encloses in a result element all the same. */
  readonly result?: true;
  /** How AWS words whatever an entry of a list violates: all of its constraints at once. */
  readonly entry?: string;
}

/** The marks of schemas, by schema instance. */
export const marks = z.registry<Mark>();

/** Marks a member as secret: audit events and logs leave it out, or keep only its SHA-256. */
export function sensitive<S extends z.ZodType>(schema: S, how: 'omit' | 'sha256' = 'omit'): S {
  marks.add(schema, { sensitive: how });
  return schema;
}

/** Marks a member as one of Stint's own, which the AWS face neither takes nor answers. */
export function restOnly<S extends z.ZodType>(schema: S): S {
  marks.add(schema, { restOnly: true });
  return schema;
}

/** The schema beneath `.optional()` and `.default()`. */
export function unwrapped(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault) inner = inner.unwrap() as z.ZodType;
  return inner;
}

/** The members of an object schema by name, typed. */
export function shapeOf(schema: z.ZodObject): Readonly<Record<string, z.ZodType>> {
  return schema.shape;
}

/** The mark of a schema or of the schema beneath its optionality. */
export function markOf(schema: z.ZodType): Mark {
  return marks.get(schema) ?? marks.get(unwrapped(schema)) ?? {};
}

/**
 * A member name as REST, audit events and validation messages write it: `RoleArn` is `roleArn`,
 * `SAMLProviderArn` is `samlProviderArn`.
 */
export function camelCase(member: string): string {
  const run = /^[A-Z]+(?=[A-Z][a-z])|^[A-Z]+$|^[A-Z]/.exec(member)?.[0] ?? '';
  return run.toLowerCase() + member.slice(run.length);
}
