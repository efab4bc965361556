import { compileCondition, type CompiledCondition } from './conditions.js';
import type { PolicyDocument, Statement } from './document.js';
import { actionTest, arnFields, resourceTest, type ResourceFields, type ResourceTest } from './match.js';
import type { Context } from './pattern.js';
import { compilePrincipals, type CompiledPrincipals, type Match, type PrincipalFacts } from './principals.js';
import { every, not, some, type Truth } from './truth.js';

/** One action on one resource by one principal (policy-evaluation §1). */
export interface Request {
  readonly principal: PrincipalFacts;
  readonly action: string;
  /** The ARN, or `*` for an action without resources. */
  readonly resource: string;
  readonly resourceAccount: string;
  readonly context: Context;
  /** What a trust policy sees, where that is more: MFA that was used with this very request counts for nothing else. */
  readonly trustContext?: Context;
}

/** A request as statements are compared with it; what they all need is made once. */
export interface Question {
  readonly request: Request;
  readonly loweredAction: string;
  readonly resourceFields: ResourceFields;
}

/** Prepares a request for many statements. */
export function questionOf(request: Request): Question {
  return { request, loweredAction: request.action.toLowerCase(), resourceFields: arnFields(request.resource) };
}

/** How the statements of a document are read. */
export interface StatementScope {
  /** Statements name principals: in policies of resources, and nowhere else. */
  readonly namesPrincipals: boolean;
  /** The document belongs to the resource itself, so that a statement need not name it. */
  readonly ofResource: boolean;
  /** Principal ARN of the document → the unique id it meant when it was saved. */
  readonly principalIds: ReadonlyMap<string, string>;
}

/** An element or its complement: exactly one of them must be there and name something. */
interface Element<Test> {
  readonly complement: boolean;
  readonly tests: readonly Test[];
}

/** A statement, read once for many requests. */
export interface CompiledStatement {
  readonly statement: Statement;
  readonly actions: Element<(loweredAction: string) => boolean> | undefined;
  readonly resources: Element<ResourceTest> | undefined;
  readonly principals: CompiledPrincipals;
  readonly conditions: readonly CompiledCondition[];
}

type Texts = readonly string[] | undefined;

function element<Test>([listed, excluded]: readonly [Texts, Texts], compile: (pattern: string) => Test): Element<Test> | undefined {
  const one = listed ?? excluded;
  if (one === undefined || one.length === 0 || (listed !== undefined && excluded !== undefined)) return undefined;
  return { complement: listed === undefined, tests: one.map(compile) };
}

function compile(statement: Statement, variables: boolean): CompiledStatement {
  const { actions, notActions, resources, notResources } = statement;
  return {
    statement,
    actions: element([actions, notActions], actionTest),
    resources: element([resources, notResources], (pattern) => resourceTest(pattern, variables)),
    principals: compilePrincipals(statement),
    conditions: statement.conditions.map((condition) => compileCondition(condition, variables)),
  };
}

const compiled = new WeakMap<PolicyDocument, readonly CompiledStatement[]>();

/** The statements of a document, compiled when they are first needed and for as long as the document lives. */
export function statementsOf(document: PolicyDocument): readonly CompiledStatement[] {
  let statements = compiled.get(document);
  if (statements === undefined) {
    const variables = document.version === '2012-10-17';
    statements = document.statements.map((statement) => compile(statement, variables));
    compiled.set(document, statements);
  }
  return statements;
}

/** Whether a statement's Action or NotAction takes in the request's action. */
export function fitsAction({ actions }: CompiledStatement, { loweredAction }: Question): Truth {
  if (actions === undefined) return undefined;
  const isNamed = actions.tests.some((test) => test(loweredAction));
  return isNamed !== actions.complement;
}

/** Whether a statement's Resource or NotResource takes in the request's resource. */
export function fitsResource({ statement, resources }: CompiledStatement, question: Question, scope: StatementScope): Truth {
  if (resources === undefined) {
    const hasNone = statement.resources === undefined && statement.notResources === undefined;
    return scope.ofResource && hasNone ? true : undefined;
  }
  // A variable without value: an excluded resource that cannot be told must not widen what an Allow takes in.
  const elements = { context: question.request.context, missing: resources.complement ? undefined : false };
  const named = some(resources.tests, (test) => test(question.resourceFields, elements));
  return resources.complement ? not(named) : named;
}

/** Whether a statement means the request's principal, and how far its grant then goes. */
export function fitsPrincipal({ statement, principals }: CompiledStatement, { request }: Question, scope: StatementScope): Match {
  if (scope.namesPrincipals) return principals({ principal: request.principal, principalIds: scope.principalIds });
  const unnamed = statement.principals === undefined && statement.notPrincipals === undefined;
  return { matches: unnamed || undefined, reach: 'delegated' };
}

/** Whether a statement's whole Condition block holds: all of its tests must (policy-language §7). */
export function fitsConditions({ conditions }: CompiledStatement, { request }: Question): Truth {
  return every(conditions, (condition) => condition(request.context));
}
