import { ApiError } from './errors.js';

/** What scopes allow at the most: actions, and the names of managed policies. */
export interface ScopeCeiling {
  /** A session policy for the actions; absent where there are none. */
  readonly policy?: string;
  /** Names of managed policies of the role's account. */
  readonly policyNames: readonly string[];
}

/** An action as policies write it. */
const ACTION = /^[a-z0-9-]{1,64}:[A-Za-z0-9*?]{1,128}$/;
/** The name of a managed policy (IAM API: policyNameType). */
const NAME = /^[\w+=,.@-]{1,128}$/;
/** How many managed policies a session can have (AWS STS API Reference: PolicyArns). */
const NAMES_MAX = 10;

/** The refusal of a scope (RFC 6749 §5.2: invalid_scope). */
export function badScope(message: string): ApiError {
  return new ApiError('InvalidScope', message);
}

/**
 * Reads a `scope` (RFC 6749 §3.3): scopes with a blank between each. What any of them allows is the ceiling. Throws InvalidScope for what is
 * neither an action nor a name; whether policies of such names exist is not looked at here.
 */
export function readScope(scope: string): ScopeCeiling {
  const scopes = [...new Set(scope.split(' '))];
  const unknown = scopes.find((each) => !ACTION.test(each) && !NAME.test(each));
  if (unknown !== undefined) throw badScope('Each scope must be an action, such as iam:Get*, or the name of a managed policy of the account of the role, with one blank between each.');
  const actions = scopes.filter((each) => ACTION.test(each));
  const policyNames = scopes.filter((each) => NAME.test(each));
  if (policyNames.length > NAMES_MAX) throw badScope(`A scope can name at most ${String(NAMES_MAX)} managed policies.`);
  return { ...(actions.length > 0 && { policy: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] }) }), policyNames };
}
