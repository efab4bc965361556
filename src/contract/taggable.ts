import { z } from 'zod';

import type { ErrorCode } from '../domain/errors.js';
import { operation, type Contract, type ResourceRef } from './operation.js';
import { Nothing, pageIn, pageOut, TagKeys, Tags, TagsOut } from './shapes.js';

/** Something that can have tags: how it is called, and how a call names it. */
interface Taggable<N extends z.ZodRawShape> {
  /** In sentences, with its article. */
  readonly called: string;
  /** The member by which calls name it. */
  readonly by: N;
  readonly resource: (input: z.output<z.ZodObject<N>>) => ResourceRef;
  /** Its route, without what is done there. */
  readonly route: `/v1/${string}`;
  /** What every call is refused with that names it wrongly, beside NoSuchEntity. */
  readonly misnamed?: ErrorCode;
  /** What a change is refused with where it cannot be changed. */
  readonly unchangeable?: ErrorCode;
  /** What the removal of tags is refused with where some may not be named so. */
  readonly unremovable?: ErrorCode;
}

type Input<N extends z.ZodRawShape, M extends z.ZodRawShape> = z.ZodObject<N & M>;
type TagOperations<K extends string, N extends z.ZodRawShape> = Readonly<
  Record<`Tag${K}`, Contract<Input<N, { Tags: typeof Tags }>, typeof Nothing, 'change'>> &
    Record<`Untag${K}`, Contract<Input<N, { TagKeys: typeof TagKeys }>, typeof Nothing, 'change'>> &
    Record<`List${K}Tags`, Contract<Input<N, typeof pageIn>, typeof listed, 'read'>>
>;

const listed = z.object({ Tags: TagsOut, ...pageOut });

/** The three operations that everything has which can have tags. */
export function taggable<K extends string, N extends z.ZodRawShape>(kind: K, of: Taggable<N>): TagOperations<K, N> {
  const { called, by, route } = of;
  const always: readonly ErrorCode[] = ['NoSuchEntity', ...(of.misnamed === undefined ? [] : [of.misnamed])];
  const changing: readonly ErrorCode[] = [...always, 'ConcurrentModification', ...(of.unchangeable === undefined ? [] : [of.unchangeable])];
  // Each input has the member that names it; TypeScript does not see that through the generic shape.
  const resource = (input: object): ResourceRef => of.resource(input as z.output<z.ZodObject<N>>);
  const operations = {
    [`Tag${kind}`]: operation({
      summary: `Add tags to ${called}, or change their values.`,
      aws: 'iam',
      rest: `POST ${route}/tags`,
      effect: 'change',
      input: z.object({ ...by, Tags }),
      output: Nothing,
      errors: [...new Set<ErrorCode>([...changing, 'LimitExceeded', 'InvalidInput'])],
      access: { action: `iam:Tag${kind}`, resource },
    }),
    [`Untag${kind}`]: operation({
      summary: `Remove tags from ${called}; keys it does not have are passed over.`,
      aws: 'iam',
      rest: `POST ${route}/untag`,
      effect: 'change',
      input: z.object({ ...by, TagKeys }),
      output: Nothing,
      errors: of.unremovable === undefined ? changing : [...changing, of.unremovable],
      access: { action: `iam:Untag${kind}`, resource, context: (input) => ({ 'aws:TagKeys': (input as { TagKeys: string[] }).TagKeys }) },
    }),
    [`List${kind}Tags`]: operation({
      summary: `List the tags of ${called}.`,
      aws: 'iam',
      rest: `GET ${route}/tags`,
      effect: 'read',
      input: z.object({ ...by, ...pageIn }),
      output: listed,
      errors: always,
      access: { action: `iam:List${kind}Tags`, resource },
    }),
  };
  return operations as unknown as TagOperations<K, N>;
}
