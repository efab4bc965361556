import { malformed, type PolicyDocument, type Principals, type Statement } from './grammar.js';
import { parseIdentityPolicy, parsePermissions, syntaxError, type PermissionRules } from './identity.js';
import { isObject, type Json, type JsonObject } from './json.js';
import { readPrincipalMap } from './principal-forms.js';

const everybody: Principals = [{ type: 'AWS', value: '*' }];

function readPrincipals(value: Json): Principals {
  if (value === '*') return everybody;
  if (!isObject(value)) throw syntaxError();
  return readPrincipalMap(value, syntaxError);
}

function principalsOf(members: JsonObject, effect: Statement['effect']): Pick<Statement, 'principals' | 'notPrincipals'> {
  const [listed, excluded] = [members.get('Principal'), members.get('NotPrincipal')];
  if (listed !== undefined && excluded !== undefined) throw syntaxError();
  if (listed !== undefined) return { principals: readPrincipals(listed) };
  if (excluded === undefined) throw malformed('Missing required field Principal');
  // It would mean everybody else in the world; nobody who writes it wants that, and the engine would not grant it.
  if (effect === 'Allow') throw malformed('Allow with NotPrincipal is not allowed.');
  return { notPrincipals: readPrincipals(excluded) };
}

const resourceRules: PermissionRules = {
  version: (value) => (value === '2012-10-17' ? value : '2008-10-17'),
  principals: principalsOf,
};

/**
 * Parses the policy of a resource other than a role (policy-language §1): it names principals and resources, of either
 * version. The checks are those of identity policies; every refusal is a MalformedPolicyDocument.
 */
export function parseResourcePolicy(text: string): PolicyDocument {
  return parsePermissions(text, resourceRules);
}

/**
 * Parses a service control policy, which has the grammar of an identity policy, or a resource control policy, which
 * has that of a resource policy whose principal is always everybody (AWS Organizations: SCP and RCP syntax).
 */
export function parseControlPolicy(text: string, type: 'serviceControl' | 'resourceControl'): PolicyDocument {
  if (type === 'serviceControl') return parseIdentityPolicy(text);
  const document = parseResourcePolicy(text);
  const isForEverybody = document.statements.every(({ principals }) => principals === everybody);
  if (isForEverybody) return document;
  throw malformed('The provided policy document does not meet the requirements of the specified policy type.');
}
