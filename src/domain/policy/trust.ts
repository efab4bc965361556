import { hasReadableValues, type Condition } from './conditions.js';
import {
  hasDuplicateSid,
  hasOnly,
  malformed,
  readConditions,
  readPolicyObject,
  statementList,
  textList,
  type PolicyDocument,
  type Principals,
  type Statement,
} from './grammar.js';
import { isArray, isObject, type JsonObject } from './json.js';
import { readPrincipalMap } from './principal-forms.js';

const topMembers: ReadonlySet<string> = new Set(['Version', 'Id', 'Statement']);
const statementMembers: ReadonlySet<string> = new Set([
  'Sid',
  'Effect',
  'Principal',
  'Action',
  'NotAction',
  'Condition',
]);
const trustActions: ReadonlySet<string> = new Set([
  'sts:assumerole',
  'sts:assumerolewithsaml',
  'sts:assumerolewithwebidentity',
  'sts:setcontext',
  'sts:setsourceidentity',
  'sts:tagsession',
]);

/** Whether an action is authorised by a role's trust policy (policy-language §3). */
export function isTrustAction(action: string): boolean {
  return trustActions.has(action.toLowerCase());
}

const syntaxError = (): Error => malformed('Syntax error in policy.');

function readPrincipals(members: JsonObject): Principals {
  const principal = members.get('Principal');
  if (principal === undefined) throw malformed('Missing required field Principal');
  // A bare "*" is refused too: it is rarely meant, and whether AWS takes it for a role is contradictory.
  if (!isObject(principal)) throw malformed('Principal must be a JSON object.');
  return readPrincipalMap(principal, syntaxError);
}

function readEffect(members: JsonObject): 'Allow' | 'Deny' {
  const effect = members.get('Effect');
  if (effect === undefined) throw malformed('Missing required field Effect');
  if (typeof effect !== 'string') throw syntaxError();
  if (effect !== 'Allow' && effect !== 'Deny') throw malformed(`Invalid effect: ${effect}`);
  return effect;
}

function refuseNotPrincipal(members: JsonObject, effect: 'Allow' | 'Deny'): void {
  if (!members.has('NotPrincipal')) return;
  throw malformed(
    effect === 'Allow'
      ? 'Allow with NotPrincipal is not allowed.'
      : 'AssumeRole policy must not contain NotPrincipal field.',
  );
}

function readActions(members: JsonObject): Pick<Statement, 'actions' | 'notActions'> {
  const [action, notAction] = [members.get('Action'), members.get('NotAction')];
  if (action !== undefined && notAction !== undefined) throw syntaxError();
  const value = action ?? notAction;
  if (value === undefined) throw malformed('Missing required field Action');
  const actions = textList(value);
  if (actions === undefined) throw syntaxError();
  if (actions.length === 0) throw malformed('Missing required field Action');
  if (!actions.every(isTrustAction)) {
    throw malformed('AssumeRole policy may only specify STS AssumeRole actions.');
  }
  return action === undefined ? { notActions: actions } : { actions };
}

function readTests(members: JsonObject, variables: boolean): readonly Condition[] {
  const conditions = readConditions(members.get('Condition'));
  if (!conditions?.every((condition) => hasReadableValues(condition, variables))) throw syntaxError();
  return conditions;
}

function readStatement(members: JsonObject, variables: boolean): Statement {
  // First of all: this is what AWS says to a permissions policy that was passed as a trust policy.
  if (members.has('Resource')) throw malformed('Has prohibited field Resource');
  if (members.has('NotResource')) throw malformed('AssumeRole policy must not contain resources.');
  const effect = readEffect(members);
  refuseNotPrincipal(members, effect);
  const principals = readPrincipals(members);
  const conditions = readTests(members, variables);
  const actions = readActions(members);
  const cognito = principals.some(({ value }) => value === 'cognito-identity.amazonaws.com');
  if (cognito && conditions.length === 0) {
    throw malformed('A condition block must be present for the Cognito provider');
  }
  const sid = members.get('Sid');
  if (!hasOnly(members, statementMembers) || (sid !== undefined && typeof sid !== 'string')) throw syntaxError();
  return { effect, principals, conditions, ...actions, ...(sid !== undefined && { sid }) };
}

function readVersion(root: JsonObject): PolicyDocument['version'] {
  const version = root.has('Version') ? root.get('Version') : '2008-10-17';
  if (version !== '2012-10-17' && version !== '2008-10-17') {
    throw malformed('The policy must contain a valid version string');
  }
  return version;
}

/**
 * Parses the trust policy of a role; every refusal is a MalformedPolicyDocument with a text of policy-language §3.
 * Whether the named principals exist is for the caller to find out (`awsPrincipals`).
 */
export function parseTrustPolicy(text: string): PolicyDocument {
  const root = readPolicyObject(text);
  if (root === undefined) throw malformed('This policy contains invalid Json');
  const version = readVersion(root);
  const listed = root.get('Statement');
  if (listed === undefined || listed === null || (isArray(listed) && listed.length === 0)) {
    throw malformed('Could not parse the policy: Statement is empty!');
  }
  const objects = statementList(listed);
  if (objects === undefined) throw syntaxError();
  const statements = objects.map((members) => readStatement(members, version === '2012-10-17'));
  if (hasDuplicateSid(statements)) throw malformed('The Statement Ids in the policy are not unique');
  const id = root.get('Id');
  if (!hasOnly(root, topMembers) || (id !== undefined && typeof id !== 'string')) throw syntaxError();
  return { version, statements, ...(id !== undefined && { id }) };
}
