import { Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import { parseIdentityPolicy, policySize } from '../domain/policy/document.js';
import { quotas } from '../identities/quota.js';
import type { ReadTx, Tx } from '../kernel/database.js';
import { pageRequest, type Page } from '../kernel/page.js';
import type { NamedOwner, PolicyOwner } from './owners.js';
import type { InlinePolicyRow } from './policies.entities.js';
import { PoliciesStore } from './policies.store.js';

/** IAM quotas: all inline policies of one entity together, without white space, in characters. */
const SIZE_MAX = quotas.inlineSize;

/** White space does not count, but it is kept: documents may be written this many times as long as the quota. */
export const WRITTEN_MAX = 4;

/** What is the same for the inline policies of users, of roles and of groups. */
@Injectable()
export class InlinePolicies {
  constructor(private readonly store: PoliciesStore) {}

  /**
   * Adds or replaces a policy; the owner must be held by the transaction.
   * Throws MalformedPolicyDocument, or LimitExceeded where the owner's policies would be too large together.
   */
  async put(tx: Tx, owner: NamedOwner, policy: { name: string; document: string }): Promise<void> {
    parseIdentityPolicy(policy.document);
    const others = (await this.store.all(tx, owner.id)).filter((row) => row.policyName !== policy.name);
    const size = others.reduce((sum, row) => sum + policySize(row.document), policySize(policy.document));
    const most = SIZE_MAX[owner.type];
    const written = others.reduce((sum, row) => sum + row.document.length, policy.document.length);
    if (size > most || written > WRITTEN_MAX * most) throw new ApiError('LimitExceeded', `Maximum policy size of ${String(most)} bytes exceeded for ${owner.type} ${owner.name}`);
    await this.store.put(tx, owner, policy);
  }

  /** One policy. Throws NoSuchEntity. */
  async get(tx: ReadTx, owner: PolicyOwner, name: string): Promise<InlinePolicyRow> {
    return (await this.store.find(tx, owner.id, name)) ?? missing(owner, name);
  }

  /** A page of policies by name. */
  async page(tx: ReadTx, owner: PolicyOwner, input: { Marker?: string | undefined; MaxItems?: number | undefined }): Promise<Page<InlinePolicyRow>> {
    return this.store.page(tx, owner.id, pageRequest(input, 1));
  }

  /** Removes a policy. Throws NoSuchEntity. */
  async delete(tx: Tx, owner: PolicyOwner, name: string): Promise<void> {
    if (!(await this.store.delete(tx, owner.id, name))) missing(owner, name);
  }
}

function missing(owner: PolicyOwner, name: string): never {
  throw new ApiError('NoSuchEntity', `The ${owner.type} policy with name ${name} cannot be found.`);
}
