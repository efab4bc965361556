import type { Statement } from './document.js';
import { matchAction, matchResource, type Context } from './match.js';
import { matchPrincipals, type PrincipalFacts, type Reach } from './principals.js';
import { not, or, type Truth } from './truth.js';

/** One action on one resource by one principal (policy-evaluation §1). */
export interface Request {
  readonly principal: PrincipalFacts;
  readonly action: string;
  /** The ARN, or `*` for an action without resources. */
  readonly resource: string;
  readonly resourceAccount: string;
  readonly context: Context;
}

/** How the statements of a document are read. */
export interface StatementScope {
  /** The document is of version 2012-10-17, so that `${…}` is a variable. */
  readonly variables: boolean;
  /** Statements name principals: in trust and resource control policies, and nowhere else. */
  readonly namesPrincipals: boolean;
  /** The document belongs to the resource itself, so that a statement need not name it. */
  readonly ofResource: boolean;
  /** Principal ARN of the document → the unique id it meant when it was saved. */
  readonly principalIds: ReadonlyMap<string, string>;
}

/** An element and its complement: exactly one of them must be there and name something. */
function names(
  listed: readonly string[] | undefined,
  excluded: readonly string[] | undefined,
  matches: (pattern: string, complement: boolean) => Truth,
): Truth {
  const one = listed ?? excluded;
  if (one === undefined || one.length === 0 || (listed !== undefined && excluded !== undefined)) return undefined;
  const complement = listed === undefined;
  const named = or(one.map((pattern) => matches(pattern, complement)));
  return complement ? not(named) : named;
}

/** Whether a statement's Action or NotAction takes in the request's action. */
export function fitsAction(statement: Statement, request: Request): Truth {
  return names(statement.actions, statement.notActions, (pattern) => matchAction(pattern, request.action));
}

/** Whether a statement's Resource or NotResource takes in the request's resource. */
export function fitsResource(statement: Statement, request: Request, scope: StatementScope): Truth {
  const hasNone = statement.resources === undefined && statement.notResources === undefined;
  if (scope.ofResource && hasNone) return true;
  const { context } = request;
  return names(statement.resources, statement.notResources, (pattern, complement) =>
    matchResource(pattern, request.resource, { context, variables: scope.variables, missing: complement ? undefined : false }),
  );
}

/** Whether a statement means the request's principal, and how far its grant then goes. */
export function fitsPrincipal(statement: Statement, request: Request, scope: StatementScope): { readonly matches: Truth; readonly reach: Reach } {
  const who = matchPrincipals(statement, { principal: request.principal, principalIds: scope.principalIds });
  if (scope.namesPrincipals) return who;
  const unnamed = statement.principals === undefined && statement.notPrincipals === undefined;
  return { matches: unnamed || undefined, reach: who.reach };
}
