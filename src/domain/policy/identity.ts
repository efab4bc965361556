import { hasReadableValues } from './conditions.js';
import {
  hasDuplicateSid,
  hasOnly,
  malformed,
  readConditions,
  readPolicyObject,
  statementList,
  textList,
  type PolicyDocument,
  type Statement,
} from './grammar.js';
import { isObject, type Json, type JsonObject } from './json.js';
import { failsLegacyParsing, resourceError } from './resources.js';

const topMembers: ReadonlySet<string> = new Set(['Version', 'Id', 'Statement', 'Conditions']);
const listMembers = ['Action', 'NotAction', 'Resource', 'NotResource'] as const;
const statementMembers: ReadonlySet<string> = new Set([
  ...['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Condition'],
  ...listMembers,
]);

/** A statement whose shape is right; what it says is not checked yet. */
interface Draft extends Omit<Statement, 'effect'> {
  readonly effect: string;
  readonly members: JsonObject;
}

/** What is said of a document whose shape is wrong. */
export const syntaxError = (): Error => malformed('Syntax errors in policy.');

function optionalText(value: Json | undefined): string | undefined {
  if (value !== undefined && typeof value !== 'string') throw syntaxError();
  return value;
}

function optionalList(value: Json | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const texts = textList(value);
  if (texts === undefined) throw syntaxError();
  return texts;
}

function draft(members: JsonObject): Draft {
  if (!hasOnly(members, statementMembers)) throw syntaxError();
  const effect = members.get('Effect');
  const conditions = readConditions(members.get('Condition'));
  const sid = optionalText(members.get('Sid'));
  const [actions, notActions, resources, notResources] = listMembers.map((name) => optionalList(members.get(name)));
  if (typeof effect !== 'string' || !/^(?:allow|deny)$/i.test(effect) || conditions === undefined) throw syntaxError();
  const both = (actions && notActions) !== undefined || (resources && notResources) !== undefined;
  if (both) throw syntaxError();
  return {
    effect,
    conditions,
    members,
    ...(sid !== undefined && { sid }),
    ...(actions && { actions }),
    ...(notActions && { notActions }),
    ...(resources && { resources }),
    ...(notResources && { notResources }),
  };
}

function drafts(root: JsonObject): readonly Draft[] {
  const version = root.get('Version');
  const tolerated = root.get('Conditions');
  const objects = statementList(root.get('Statement'));
  optionalText(root.get('Id'));
  if (!hasOnly(root, topMembers) || objects === undefined || objects.length === 0) throw syntaxError();
  if (version !== undefined && version !== '2012-10-17' && version !== '2008-10-17') throw syntaxError();
  // AWS lets it pass and ignores it; what was meant to limit the statements must not be dropped silently.
  if (tolerated !== undefined && !(isObject(tolerated) && tolerated.size === 0)) throw syntaxError();
  return objects.map(draft);
}

const resourcesOf = (statement: Pick<Statement, 'resources' | 'notResources'>): readonly string[] =>
  statement.resources ?? statement.notResources ?? [];
const actionsOf = (statement: Pick<Statement, 'actions' | 'notActions'>): readonly string[] =>
  statement.actions ?? statement.notActions ?? [];

function checked(statement: Draft, variables: boolean): Statement {
  const { effect, members: _, ...rest } = statement;
  if (effect !== 'Allow' && effect !== 'Deny') throw malformed('The policy failed legacy parsing');
  if (!rest.conditions.every((condition) => hasReadableValues(condition, variables))) {
    throw malformed('The policy failed legacy parsing');
  }
  return { effect, ...rest };
}

/** The resource AWS names when several are wrong: the lexicographically first. */
function firstResourceError(statements: readonly Statement[]): string | undefined {
  const wrong = statements.flatMap(resourcesOf).filter((resource) => resourceError(resource) !== undefined);
  const first = wrong.toSorted((a, b) => (a < b ? -1 : 1))[0];
  return first === undefined ? undefined : resourceError(first);
}

/** Statements up to the first with a nameable resource error are parsed the legacy way; AWS stops there. */
function checkLegacyResources(statements: readonly Statement[], variables: boolean): void {
  for (const statement of statements) {
    const resources = resourcesOf(statement);
    if (resources.some((resource) => resourceError(resource) !== undefined)) return;
    if (resources.some((resource) => failsLegacyParsing(resource, variables))) throw malformed('The policy failed legacy parsing');
  }
}

function actionError(action: string): string | undefined {
  if (action === '*') return undefined;
  const [vendor = '', name, ...more] = action.split(':');
  if (name === undefined) return 'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.';
  if (more.length > 0) return 'Actions/Condition can contain only one colon.';
  return vendor === '*' || /^[A-Za-z0-9.-]+$/.test(vendor) ? undefined : `Vendor ${vendor} is not valid`;
}

/** How the kinds of policies that grant permissions differ. */
export interface PermissionRules {
  /** Reads the Version, which may be absent. */
  readonly version: (value: Json | undefined) => PolicyDocument['version'];
  /** Reads the principals of a statement. */
  readonly principals: (members: JsonObject, effect: Statement['effect']) => Pick<Statement, 'principals' | 'notPrincipals'>;
}

/**
 * Parses a policy that grants permissions on resources. The checks and their order are AWS's (policy-language §2): the
 * first that fails names the error, always a MalformedPolicyDocument.
 */
export function parsePermissions(text: string, rules: PermissionRules): PolicyDocument {
  const root = readPolicyObject(text);
  if (root === undefined) throw syntaxError();
  const shaped = drafts(root);
  const version = rules.version(root.get('Version'));
  const variables = version === '2012-10-17';
  const plain = shaped.map((statement) => checked(statement, variables));
  checkLegacyResources(plain, variables);
  if (hasDuplicateSid(plain)) throw malformed('Statement IDs (SID) in a single policy must be unique.');
  const principals = shaped.map(({ members }, index) => rules.principals(members, plain[index]?.effect ?? 'Deny'));
  const statements = plain.map((statement, index) => ({ ...statement, ...principals[index] }));
  if (statements.some((statement) => actionsOf(statement).length === 0)) {
    throw malformed('Policy statement must contain actions.');
  }
  const wrongResource = firstResourceError(statements);
  if (wrongResource !== undefined) throw malformed(wrongResource);
  if (statements.some((statement) => resourcesOf(statement).length === 0)) {
    throw malformed('Policy statement must contain resources.');
  }
  const wrongAction = statements.flatMap(actionsOf).map(actionError).find((error) => error !== undefined);
  if (wrongAction !== undefined) throw malformed(wrongAction);
  const id = root.get('Id');
  return { version, statements, ...(typeof id === 'string' && { id }) };
}

const identityRules: PermissionRules = {
  version: (value) => {
    if (value === '2012-10-17') return value;
    throw malformed('Policy document must be version 2012-10-17 or greater.');
  },
  principals: (members) => {
    if (!members.has('Principal') && !members.has('NotPrincipal')) return {};
    throw malformed('Policy document should not specify a principal.');
  },
};

/** Parses an identity-based, managed, boundary or session policy (policy-language §2). */
export function parseIdentityPolicy(text: string): PolicyDocument {
  return parsePermissions(text, identityRules);
}
