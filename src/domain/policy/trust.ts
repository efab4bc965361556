import { isAccountId, parseArn } from '../arn.js';
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
  type PrincipalEntry,
  type Principals,
  type PrincipalType,
  type Statement,
} from './grammar.js';
import { isArray, isObject, type JsonObject } from './json.js';

const topMembers: ReadonlySet<string> = new Set(['Version', 'Id', 'Statement']);
const statementMembers: ReadonlySet<string> = new Set([
  'Sid',
  'Effect',
  'Principal',
  'Action',
  'NotAction',
  'Condition',
]);
const identityProviders: ReadonlySet<string> = new Set([
  'accounts.google.com',
  'cognito-identity.amazonaws.com',
  'graph.facebook.com',
  'www.amazon.com',
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
const wildcard = /[*?]/;

/** User and role ARNs may carry a path; a session is named by role and session, a federated user by name. */
const arnForms: ReadonlyMap<string, RegExp> = new Map([
  ['iam', /^(?:root|(?:user|role)\/[\w+=,.@/-]+)$/],
  ['sts', /^(?:assumed-role\/[\w+=,.@-]+\/[\w+=,.@-]+|federated-user\/[\w+=,.@-]+)$/],
]);

function isAwsPrincipal(value: string): boolean {
  if (value === '*' || isAccountId(value) || /^(?:AIDA|AROA)[A-Z0-9]{4,124}$/.test(value)) return true;
  const arn = parseArn(value);
  if (arn === undefined || arn.partition !== 'aws' || arn.region !== '' || !isAccountId(arn.account)) return false;
  return arnForms.get(arn.service)?.test(arn.resource) ?? false;
}

function isFederation(value: string): boolean {
  if (identityProviders.has(value)) return true;
  const arn = parseArn(value);
  if (arn === undefined || arn.partition !== 'aws' || arn.service !== 'iam' || arn.region !== '') return false;
  return isAccountId(arn.account) && !wildcard.test(value) && /^(?:oidc|saml)-provider\/./.test(arn.resource);
}

const isService = (value: string): boolean => /^[A-Za-z0-9.-]+\.(?:amazonaws\.com|stint\.internal)$/.test(value);

interface PrincipalForm {
  readonly type: PrincipalType;
  readonly isValid: (value: string) => boolean;
}

const principalForms: ReadonlyMap<string, PrincipalForm> = new Map([
  ['AWS', { type: 'AWS', isValid: isAwsPrincipal }],
  ['Federated', { type: 'Federated', isValid: isFederation }],
  ['Service', { type: 'Service', isValid: isService }],
]);

function readEntry(key: string, value: string): PrincipalEntry {
  const form = principalForms.get(key);
  if (form?.isValid(value) !== true) {
    throw malformed(`Invalid principal in policy: "${key.toUpperCase()}":"${value}"`);
  }
  return { type: form.type, value };
}

function readPrincipals(members: JsonObject): Principals {
  const principal = members.get('Principal');
  if (principal === undefined) throw malformed('Missing required field Principal');
  // A bare "*" is refused too: it is rarely meant, and whether AWS takes it for a role is contradictory.
  if (!isObject(principal)) throw malformed('Principal must be a JSON object.');
  const found = [...principal].flatMap(([key, value]) => {
    const values = textList(value);
    if (values === undefined) throw syntaxError();
    return values.map((text) => readEntry(key, text));
  });
  if (found.length === 0) throw malformed('Missing required field Principal cannot be empty!');
  return found;
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
