import { z } from 'zod';

import { marks, sensitive } from './operation.js';

/** A pattern check whose refusal shows AWS's own spelling of the pattern. */
export function pattern(expression: RegExp, shown: string): [RegExp, { error: string }] {
  return [expression, { error: shown }];
}

/**
 * A check that AWS words as a sentence instead of a constraint; `{member}` becomes the member's name.
 * It is reported only where no constraint is violated.
 */
export function sentence(test: (text: string) => boolean, text: string): [(text: string) => boolean, { error: string }] {
  return [test, { error: text }];
}

const NAME_SENTENCE =
  'The specified value for {member} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-';
const PATH_SENTENCE =
  'The specified value for {member} is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.';
const PATH_PREFIX_SENTENCE =
  'The specified value for {member} is invalid. It must begin with the / character and contain only alphanumeric characters and/or / characters.';
const DOCUMENT_SENTENCE = 'The specified value for {member} is invalid. It must contain only printable ASCII characters.';
const isName = (text: string): boolean => /^[\w+=,.@-]*$/.test(text);

/** The name of an entity that is being created: 1–64 characters (IAM API: CreateUser, CreateRole). */
export const NewName = z.string().min(1).max(64).refine(...sentence(isName, NAME_SENTENCE));
/** The name of an existing user: 1–128 characters. */
export const UserName = z.string().min(1).max(128).refine(...sentence(isName, NAME_SENTENCE));
/** The name of an existing role: 1–64 characters. */
export const RoleName = z.string().min(1).max(64).refine(...sentence(isName, NAME_SENTENCE));
/** The name of a group, new or existing: 1–128 characters. */
export const GroupName = z.string().min(1).max(128).refine(...sentence(isName, NAME_SENTENCE));
/** The name of a policy: 1–128 characters. */
export const PolicyName = z.string().min(1).max(128).refine(...sentence(isName, NAME_SENTENCE));

/** The name of an instance profile: 1–128 characters. */
export const InstanceProfileName = z.string().min(1).max(128).refine(...sentence(isName, NAME_SENTENCE));

/** An entity's path: `/` or `/…/`, 1–512 printable ASCII characters. */
export const Path = z
  .string()
  .min(1)
  .max(512)
  .refine(...sentence((text) => /^\/(?:[\u0021-\u007E]*\/)?$/.test(text), PATH_SENTENCE));
/** A plain text prefix of paths. */
export const PathPrefix = z
  .string()
  .min(1)
  .max(512)
  .refine(...sentence((text) => /^\/[\u0021-\u007F]*$/.test(text), PATH_PREFIX_SENTENCE));

/** The path of a managed policy: `/` or `/…/`, of fewer characters than other paths. */
export const PolicyPath = z
  .string()
  .min(1)
  .max(512)
  .refine(...sentence((text) => /^\/(?:[A-Za-z0-9.,+@=_-]+\/)*$/.test(text), PATH_SENTENCE));

/** An ARN as text, 20–2048 characters; its form is judged by the operation. */
export const ArnText = z
  .string()
  .min(20)
  .max(2048)
  .regex(
    ...pattern(
      /^[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]+$/u,
      '[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u0085\\u00A0-\\uD7FF\\uE000-\\uFFFD\\u10000-\\u10FFFF]+',
    ),
  );
/** A role session name: 2–64 characters. */
export const RoleSessionName = z.string().min(2).max(64).regex(...pattern(/^[\w+=,.@-]*$/, '[\\w+=,.@-]*'));
/** The external id a role's owner agreed on with a third party: 2–1224 characters. */
export const ExternalId = z.string().min(2).max(1224).regex(...pattern(/^[\w+=,.@:/-]*$/, '[\\w+=,.@:\\/-]*'));
/** The id of an access key: 16–128 characters. */
export const AccessKeyId = z.string().min(16).max(128).regex(...pattern(/^\w*$/, '[\\w]*'));

/** A JSON policy document as text, 1–131072 characters of Latin-1 (AWS calls them ASCII). */
export const PolicyText = z
  .string()
  .min(1)
  .max(131_072)
  .refine(...sentence((text) => /^[\u0009\u000A\u000D\u0020-\u00FF]*$/.test(text), DOCUMENT_SENTENCE));
/** A policy document in an answer: percent-encoded (RFC 3986) on the AWS face. */
export const PolicyTextOut = z.string();
marks.add(PolicyTextOut, { document: true });

/** The description of a role: up to 1000 characters. */
export const Description = z
  .string()
  .max(1000)
  .regex(...pattern(/^[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*$/, '[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*'));

const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
const TagKey = z.string().min(1).max(128).regex(...pattern(TAG_TEXT, '[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+'));
marks.add(TagKey, {
  entry: 'Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+, Member must not be null',
});
/** One tag: a key of 1–128 and a value of 0–256 characters. */
export const Tag = z.object({
  Key: TagKey,
  Value: z.string().max(256).regex(...pattern(TAG_TEXT, '[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*')),
});
/** Up to 50 tags. */
export const Tags = z.array(Tag).max(50);
/** Keys of up to 50 tags. */
export const TagKeys = z.array(TagKey).max(50);
/** Tags as answers show them. */
export const TagsOut = z.array(z.object({ Key: z.string(), Value: z.string() }));

/** Where a page begins: the Marker of the page before it. */
export const Marker = z.string().min(1).max(320).regex(...pattern(/^[\u0020-\u00FF]*$/, '[\\u0020-\\u00FF]*'));
/** How many entries a page has at the most: 1–1000, 100 where nothing is said. */
export const MaxItems = z.int().min(1).max(1000);
/** What a list answers about its page. */
export const pageOut = { IsTruncated: z.boolean(), Marker: z.string().optional() };
/** What a list takes about its page. */
export const pageIn = { Marker: Marker.optional(), MaxItems: MaxItems.optional() };

/** Temporary credentials (STS API: Credentials). */
export const Credentials = z.object({
  AccessKeyId: z.string(),
  SecretAccessKey: sensitive(z.string()),
  SessionToken: sensitive(z.string(), 'sha256'),
  Expiration: z.date(),
});

/** The permissions boundary of a user or role, as answers show it (IAM API: AttachedPermissionsBoundary). */
export const BoundaryOut = z.object({ PermissionsBoundaryType: z.string(), PermissionsBoundaryArn: z.string() });

/** No members. */
export const Nothing = z.object({});
/** No members, but a result element around them on the AWS face. */
export const EmptyResult = z.object({});
marks.add(EmptyResult, { result: true });
