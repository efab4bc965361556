import { isAccountId, parseArn } from '../arn.js';
import { malformed, textList, type PrincipalEntry, type Principals, type PrincipalType } from './grammar.js';
import type { JsonObject } from './json.js';

const identityProviders: ReadonlySet<string> = new Set([
  'accounts.google.com',
  'cognito-identity.amazonaws.com',
  'graph.facebook.com',
  'www.amazon.com',
]);
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

/** The entries of a Principal or NotPrincipal map, each of a form that policy-language §4 describes. */
export function readPrincipalMap(map: JsonObject, syntaxError: () => Error): Principals {
  const found = [...map].flatMap(([key, value]) => {
    const values = textList(value);
    if (values === undefined) throw syntaxError();
    return values.map((text) => readEntry(key, text));
  });
  if (found.length === 0) throw malformed('Missing required field Principal cannot be empty!');
  return found;
}
