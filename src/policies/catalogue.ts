import { hash } from 'node:crypto';

import { iamArn } from '../domain/arn.js';
import { ENTITY_ID_BYTES, entityId } from '../domain/ids.js';
import { parseIdentityPolicy } from '../domain/policy/document.js';
import type { NamedPolicy } from '../domain/policy/evaluate.js';
import type { ManagedPolicyRow } from './managed.entities.js';
import { shippedPolicies, SHIPPED_SINCE, type Shipped } from './shipped.js';

/** The account in the ARNs of shipped policies. */
export const CATALOGUE_ACCOUNT = 'aws';

/** A shipped policy, in the shape that stored ones have. */
export interface CatalogueEntry {
  readonly row: ManagedPolicyRow;
  readonly document: string;
  readonly policy: NamedPolicy;
}

/** The policies that Stint brings along, by ARN: for every account to attach, for nobody to change. */
export const catalogue: ReadonlyMap<string, CatalogueEntry> = new Map(shippedPolicies.map((shipped) => entryOf(shipped)));

function entryOf({ name, path, description, statements }: Shipped): [string, CatalogueEntry] {
  const arn = iamArn(CATALOGUE_ACCOUNT, 'policy', `${path}${name}`);
  const document = JSON.stringify({ Version: '2012-10-17', Statement: statements }, undefined, 4);
  const row: ManagedPolicyRow = {
    // Made of the ARN, so that it is the same in every Stint.
    policyId: entityId('ANPA', hash('sha256', arn, 'buffer').subarray(0, ENTITY_ID_BYTES)),
    accountId: CATALOGUE_ACCOUNT,
    policyName: name,
    nameKey: name.toLowerCase(),
    path,
    description,
    defaultVersion: 1,
    latestVersion: 1,
    tags: [],
    createdAt: SHIPPED_SINCE,
    updatedAt: SHIPPED_SINCE,
  };
  return [arn, { row, document, policy: { id: arn, document: parseIdentityPolicy(document) } }];
}
