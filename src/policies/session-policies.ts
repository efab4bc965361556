import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import { parseArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { parseIdentityPolicy, type PolicyDocument } from '../domain/policy/document.js';
import type { NamedPolicy, PolicySet } from '../domain/policy/evaluate.js';
import { UNREADABLE } from '../domain/policy/unreadable.js';
import type { PassedPolicies, SessionFacts } from '../domain/principal.js';
import { LOG } from '../kernel/kernel.js';
import type { Log } from '../kernel/log.js';
import { ManagedPoliciesStore } from './managed.store.js';

/** How many parsed session policies are kept, and what they may weigh together, in bytes. */
const DOCUMENTS_MAX = 10_000;
const DOCUMENTS_WEIGHT_MAX = 64 * 1024 * 1024;

/** The policies that were passed when a session was made, parsed: once for each text, however many sessions carry it. */
@Injectable()
export class SessionPolicies {
  readonly #documents = new LRUCache<string, PolicyDocument>({
    max: DOCUMENTS_MAX,
    maxSize: DOCUMENTS_WEIGHT_MAX,
    // What a statement is parsed and compiled to is several times its text.
    sizeCalculation: (_, text) => 1_024 + 8 * text.length,
  });

  constructor(
    private readonly managed: ManagedPoliciesStore,
    @Inject(LOG) private readonly log: Log,
  ) {}

  /** What limits a session, beyond the policies of whoever it acts as. */
  async limits(session: SessionFacts): Promise<Pick<PolicySet, 'session' | 'scopedDown'>> {
    const { policies, scopedDown, ceilings = [] } = session;
    const further = [...scopedDown.map((text, index) => [this.#named(`scoped-down-${String(index + 1)}`, text)]), ...(await Promise.all(ceilings.map((ceiling) => this.#passed(ceiling))))];
    return {
      ...(policies === undefined ? {} : { session: await this.#passed(policies) }),
      ...(further.length === 0 ? {} : { scopedDown: further }),
    };
  }

  /** Refuses (ValidationError, or as is said) managed policies that do not exist, or belong to another account. */
  async requireManaged(arns: readonly string[], account: string, refusal: (arn: string) => ApiError = notAttachable): Promise<void> {
    for (const arn of arns) {
      const owner = parseArn(arn)?.account;
      const exists = (owner === account || owner === 'aws') && (await this.managed.findInForce(arn)) !== undefined;
      if (!exists) throw refusal(arn);
    }
  }

  async #passed({ inline, arns }: PassedPolicies): Promise<readonly NamedPolicy[]> {
    const managed = await Promise.all(arns.map((arn) => this.managed.findInForce(arn)));
    // What a policy that is gone denied must not be allowed by its end: it denies everything.
    return [...(inline === undefined ? [] : [this.#named('session-policy', inline)]), ...managed.map((policy, index) => policy ?? { id: arns[index] ?? '', document: UNREADABLE })];
  }

  #named(id: string, text: string): NamedPolicy {
    const document = this.#documents.get(text) ?? this.#parsed(id, text);
    return { id, document };
  }

  #parsed(id: string, text: string): PolicyDocument {
    try {
      const document = parseIdentityPolicy(text);
      this.#documents.set(text, document);
      return document;
    } catch (error) {
      // Sealed by us after it was checked: a newer Stint may have taken what this one does not know.
      this.log.error({ err: error, policy: id }, 'a session policy cannot be read and denies everything');
      return UNREADABLE;
    }
  }
}

function notAttachable(arn: string): ApiError {
  return new ApiError('ValidationError', `Policy ${arn} does not exist or is not attachable.`);
}
