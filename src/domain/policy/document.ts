import type { PolicyDocument, PrincipalEntry } from './grammar.js';

export type { Condition } from './conditions.js';
export { isPolicyText, malformed } from './grammar.js';
export type { PolicyDocument, PrincipalEntry, Principals, PrincipalType, Statement } from './grammar.js';
export { parseIdentityPolicy } from './identity.js';
export { parseControlPolicy, parseResourcePolicy } from './resource-policy.js';
export { parseTrustPolicy } from './trust.js';

/** How many characters of a document count against its quota: white space does not (policy-language §8). */
export function policySize(text: string): number {
  return text.replace(/[ \t\n\r]/g, '').length;
}

/** Every principal entry of a document, with its type, for the checks of existence at save time (policy-language §3). */
export function awsPrincipals(document: PolicyDocument): readonly PrincipalEntry[] {
  return document.statements.flatMap(({ principals = [], notPrincipals = [] }) => [...principals, ...notPrincipals]);
}
