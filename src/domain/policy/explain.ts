import { layersOf, questionsOf, refOf, scopeOf, type Decision, type Layer, type PolicySet, type PolicyType, type StatementRef } from './evaluate.js';
import {
  fitsAction,
  fitsPrincipal,
  fitsResource,
  statementsOf,
  type CompiledStatement,
  type Question,
  type Request,
  type StatementScope,
} from './statement.js';
import type { Truth } from './truth.js';

/** How many near misses of one kind of policy are told: the nearest ones. */
const NEAREST_MAX = 5;
/** How many values of an element are told. */
const VALUES_MAX = 20;

/** An element of a statement that did not fit, with what it wanted and what was seen. */
export interface Mismatch {
  /** As the policy writes it: `Action`, `NotResource`, `Principal`, or `Condition`. */
  readonly element: 'Action' | 'NotAction' | 'Resource' | 'NotResource' | 'Principal' | 'NotPrincipal' | 'Condition';
  /** Of a condition. */
  readonly operator?: string;
  /** Of a condition. */
  readonly key?: string;
  /** The values of the policy, the first twenty of them. */
  readonly wanted: readonly string[];
  /** The value of the request; null where a condition key is absent. */
  readonly seen: string | readonly string[] | null;
  /** It could not be told whether it fits; that counts against the caller. */
  readonly undecided?: true;
}

/** An Allow statement that did not apply, and why. */
export interface NearMiss extends StatementRef {
  readonly mismatches: readonly Mismatch[];
}

/** What one layer of policies says about a request. */
export interface LayerExplanation {
  readonly policyType: PolicyType;
  /** How many policies it consists of. */
  readonly policies: number;
  readonly allows: readonly StatementRef[];
  readonly denies: readonly StatementRef[];
  /** The Allow statements that came nearest, the nearest first; empty where something allows. */
  readonly nearest: readonly NearMiss[];
}

/** A decision with its reasons: for people, never for the wire of somebody who was refused. */
export interface Explanation extends Decision {
  readonly layers: readonly LayerExplanation[];
}

/**
 * Says for every layer of policies which statements allowed or denied, and where nothing did, which came nearest and
 * what in them did not fit. Costs more than `evaluate`; for refusals and simulations, not for every request.
 */
export function explain(request: Request, policies: PolicySet, decision: Decision): Explanation {
  const questions = questionsOf(request);
  return { ...decision, layers: layersOf(policies, request.principal).map((layer) => explainLayer(layer, questions(layer.policyType))) };
}

function explainLayer({ policyType, policies }: Layer, question: Question): LayerExplanation {
  const allows: StatementRef[] = [];
  const denies: StatementRef[] = [];
  const missed: NearMiss[] = [];
  for (const policy of policies) {
    const scope = scopeOf(policyType, policy);
    for (const [index, compiled] of statementsOf(policy.document).entries()) {
      const { statement } = compiled;
      const ref = refOf({ policyType, policyId: policy.id, index }, statement);
      const mismatches = mismatchesOf(compiled, question, scope);
      // A Deny applies unless something certainly does not fit; an Allow only where everything does.
      if (statement.effect !== 'Allow') {
        if (mismatches.every((mismatch) => mismatch.undecided === true)) denies.push(ref);
      } else if (mismatches.length === 0) allows.push(ref);
      else missed.push({ ...ref, mismatches });
    }
  }
  const nearest = allows.length > 0 ? [] : missed.toSorted((a, b) => a.mismatches.length - b.mismatches.length).slice(0, NEAREST_MAX);
  return { policyType, policies: policies.length, allows, denies, nearest };
}

/** Everything in a statement that does not fit a request. */
function mismatchesOf(compiled: CompiledStatement, question: Question, scope: StatementScope): readonly Mismatch[] {
  const { statement } = compiled;
  const { request } = question;
  const found: Mismatch[] = [];
  const note = (truth: Truth, mismatch: Omit<Mismatch, 'undecided'>): void => {
    if (truth !== true) found.push({ ...mismatch, wanted: mismatch.wanted.slice(0, VALUES_MAX), ...(truth === undefined && { undecided: true }) });
  };
  note(fitsPrincipal(compiled, question, scope).matches, {
    element: statement.notPrincipals === undefined ? 'Principal' : 'NotPrincipal',
    wanted: (statement.principals ?? statement.notPrincipals ?? []).map(({ value }) => value),
    seen: request.principal.arn,
  });
  note(fitsAction(compiled, question), {
    element: statement.notActions === undefined ? 'Action' : 'NotAction',
    wanted: statement.actions ?? statement.notActions ?? [],
    seen: request.action,
  });
  note(fitsResource(compiled, question, scope), {
    element: statement.notResources === undefined ? 'Resource' : 'NotResource',
    wanted: statement.resources ?? statement.notResources ?? [],
    seen: request.resource,
  });
  for (const [index, { operator, key, values }] of statement.conditions.entries()) {
    note(compiled.conditions[index]?.(request.context), {
      element: 'Condition',
      operator,
      key,
      wanted: values,
      seen: request.context.get(key.toLowerCase()) ?? null,
    });
  }
  return found;
}
