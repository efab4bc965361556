import { providerInArn } from '../providers.js';
import type { Condition } from './conditions.js';
import type { PolicyDocument, Statement } from './grammar.js';
import { operators } from './operators.js';
import { END, knownIssuer, saysWhom, WHOLE, type Form, type IssuerRow } from './shared-issuers.js';
import { admission, holdsWithout, isAbout, isAsked, isBrought, isLimited, ofForm, type Admission, type Narrow } from './trust-limits.js';

/** What may be wrong with a trust policy, by the name that callers go by; docs/trust-linter.md is compared with it. */
export const trustRiskIds = [
  'anyone-without-external-id',
  'audience-crosses-organisation',
  'condition-never-limits',
  'condition-of-another-issuer',
  'federated-without-aud',
  'federated-without-sub',
  'for-all-values-unguarded',
  'not-principal',
  'sub-crosses-organisation',
] as const;

/** The name of a risk. */
export type TrustRiskId = (typeof trustRiskIds)[number];

/** One way in which a trust policy lets in more than whoever wrote it will have meant. */
export interface TrustRisk {
  readonly id: TrustRiskId;
  /** The Sid of the statement, or `Statement[0]` for the first one without. */
  readonly statement: string;
  /** What is wrong, in one sentence. */
  readonly problem: string;
  /** What to write instead, in one sentence. */
  readonly fix: string;
}

type Found = Omit<TrustRisk, 'statement'>;

/** So many are found and no more. */
const RISKS_MAX = 100;
const WEB_IDENTITY = 'sts:AssumeRoleWithWebIdentity';
/** Identity providers that exist without being created (IAM User Guide: Principal element). */
const PUBLIC = new Set(['accounts.google.com', 'cognito-identity.amazonaws.com', 'graph.facebook.com', 'www.amazon.com']);
/** Keys that every request has, whoever vouches for the caller. */
const GLOBAL_KEY = /^(?:aws|sts|iam|saml|stint|ec2|s3|kms):/;
/** Claims that say when, how and for what somebody signed in or something runs, or yes and no, but not who it is. */
const NOT_WHO: ReadonlySet<string> = new Set(['iss', 'aud', 'oaud', 'sub', 'azp', 'iat', 'nbf', 'exp', 'jti', 'typ', 'amr', 'acr', 'auth_time', 'nonce', 'at_hash', 'email_verified', 'ver', 'scope', 'scp', 'sid', 'token_use', 'locale', 'event_name', 'ref_type', 'ref_protected', 'runner_environment', 'run_attempt']);

/** Keys that say who a caller of AWS is, with what is narrow enough for one that may be anybody. */
const limitsOfAnyone: readonly (readonly [key: string, form: Form])[] = [
  ['sts:externalid', WHOLE],
  ['aws:principalorgid', WHOLE],
  ['aws:principalorgpaths', /^o-[^/]+\//],
  ['aws:principalaccount', WHOLE],
  ['aws:principalarn', /^arn:[^:]*:(?:iam|sts):[^:]*:\d{12}:/],
  ['aws:userid', /^(?:(?:AIDA|AROA)[A-Z0-9]{12,}[:\u0000]|[^]+\u0000$)/],
];

/** Who is let in by one Federated entry of a statement. */
interface Federated extends Admission {
  /** The issuer as condition keys name it. */
  readonly issuer: string;
  readonly row: IssuerRow | undefined;
}

/** The condition key of a claim; a name with a colon is a key of AWS itself. */
const keyOf = ({ issuer }: Federated, claim: string): string => (claim.includes(':') ? claim : `${issuer}:${claim}`);

/** The issuer that a Federated principal stands for; undefined for a SAML provider, whose metadata belongs to one organisation. */
function issuerOf(value: string): string | undefined {
  if (PUBLIC.has(value)) return value;
  const named = providerInArn(value);
  return named?.type === 'oidc-provider' ? named.name.toLowerCase() : undefined;
}

/** Whether nobody of the issuer can come by a statement, because it asks for what only another issuer says. */
function isDead({ statement, issuer }: Federated): boolean {
  return statement.conditions.some((one) => isForeign(one, issuer) && !holdsWithout(one));
}

function isForeign({ key }: Condition, issuer: string): boolean {
  const lowered = key.toLowerCase();
  return !lowered.startsWith(`${issuer}:`) && !GLOBAL_KEY.test(lowered);
}

/** Which conditions are looked at: those that may hold for whoever has no such key, and those that must not for want of values. */
interface Watched {
  readonly optional: (key: string) => boolean;
  readonly emptied: (key: string) => boolean;
}

/** Conditions that look as if they limited who may come, and hold for whoever comes without their key. */
function weakConditions(admitted: Admission, { optional, emptied }: Watched): readonly Found[] {
  return admitted.statement.conditions.flatMap((one): Found[] => {
    const key = one.key.toLowerCase();
    const operator = operators.get(one.operator);
    if (operator === undefined || operator.row.type === 'Null' || !(optional(key) || emptied(key)) || !holdsWithout(one) || isBrought(admitted, key)) return [];
    const plain = one.operator.replace('IfExists', '').replace(/^For\w+Values:/, '');
    if (operator.ifExists) {
      if (operator.row.negated || !optional(key)) return [];
      return [{ id: 'condition-never-limits', problem: `${one.operator} on ${one.key} also holds for whoever comes without that key.`, fix: `Write ${plain} on ${one.key}, which does not hold without it.` }];
    }
    if (operator.set !== 'ForAllValues' || !emptied(key)) return [];
    return [{
      id: 'for-all-values-unguarded',
      problem: `${one.operator} on ${one.key} also holds for whoever comes without that key: of no values all fit.`,
      fix: `Write ${plain} where the key has one value, or add "Null": {"${one.key}": "false"}.`,
    }];
  });
}

function foreignConditions({ statement, issuer }: Federated): readonly Found[] {
  return statement.conditions
    .filter((one) => isForeign(one, issuer) && operators.get(one.operator)?.row.type !== 'Null')
    .map((one): Found => ({
      id: 'condition-of-another-issuer',
      problem: `No token of ${issuer} has the key ${one.key}, so ${one.operator} on it holds for all of them.`,
      fix: `Name the claim as the principal's issuer says it: a key that begins with "${issuer}:".`,
    }));
}

/** Whether a claim other than `sub` and `aud` says who somebody is. */
function hasOtherLimit(federated: Federated): boolean {
  const { row, issuer, statement, denied } = federated;
  if (row?.tenancy === 'shared') return Object.entries(row.claims ?? {}).some(([claim, form]) => isLimited(federated, keyOf(federated, claim), ofForm(form)));
  const claims = new Set([...statement.conditions, ...denied].map(({ key }) => key.toLowerCase()).filter((key) => key.startsWith(`${issuer}:`)).map((key) => key.slice(issuer.length + 1)));
  const isWho = (text: string): boolean => text.endsWith(END) && saysWhom(text) && !/^(?:true|false)\u0000$/i.test(text);
  return [...claims].some((claim) => !NOT_WHO.has(claim) && isLimited(federated, keyOf(federated, claim), isWho));
}

function withoutSubject(federated: Federated): Found {
  const { issuer, row } = federated;
  const example = row?.example ?? 'the subject, or how those of one organisation begin';
  const key = keyOf(federated, 'sub');
  return isAsked(federated, key)
    ? { id: 'sub-crosses-organisation', problem: `The values of ${key} fit subjects of more than one organisation: what comes before the first wildcard or variable does not say whose they are.`, fix: `Begin every value with the organisation, to the character that ends its name: ${example}.` }
    : { id: 'federated-without-sub', problem: `Nothing says which of the subjects of ${issuer} may come: no condition asks what ${key} is.`, fix: `Add StringEquals or StringLike on ${key}: ${example}.` };
}

function withoutAudience(federated: Federated, claim: string): Found {
  const key = keyOf(federated, claim);
  return { id: 'federated-without-aud', problem: `A token that was made out to somebody else is accepted as well: no condition asks what ${key} is.`, fix: `Add StringEquals on ${key} with the audience that your tokens are made out to.` };
}

/** The risks of an issuer whose clients are the organisations: who comes by one is for it to say. */
function clientRisks(federated: Federated, client: string): readonly Found[] {
  const key = keyOf(federated, client);
  if (isLimited(federated, key, ofForm(WHOLE))) return [];
  if (!isAsked(federated, key)) return [withoutAudience(federated, client)];
  return [{ id: 'audience-crosses-organisation', problem: `The values of ${key} fit clients of others: they have wildcards or variables.`, fix: `Write StringEquals on ${key} with the whole id of your client.` }];
}

/** Which subjects say whom a policy means. */
function isSubjectOf(row: IssuerRow | undefined): Narrow {
  if (row === undefined || row.tenancy === 'bound') return saysWhom;
  const { subject } = row;
  return subject === undefined ? () => false : ofForm(subject);
}

function identityRisks(federated: Federated): readonly Found[] {
  const { row } = federated;
  if (row?.client !== undefined) return clientRisks(federated, row.client);
  const [sub, aud] = [keyOf(federated, 'sub'), keyOf(federated, 'aud')];
  const isSubject = isSubjectOf(row);
  const hasSubject = isLimited(federated, sub, isSubject);
  const hasAudience = isLimited(federated, aud, saysWhom);
  const hasOther = row?.tenancy === 'cluster' ? false : hasOtherLimit(federated);
  const isSomebody = hasSubject || hasOther;
  switch (row?.tenancy) {
    case 'cluster':
      return hasSubject ? [] : [withoutSubject(federated)];
    case 'bound':
      return isSomebody || hasAudience ? [] : [withoutSubject(federated)];
    default: {
      // Of an issuer that nobody here has heard of, one subject is taken for one: Stint asks for the audience itself.
      const isOne = row === undefined && isLimited(federated, sub, (text) => text.endsWith(END) && isSubject(text));
      return [...(hasAudience || isOne ? [] : [withoutAudience(federated, 'aud')]), ...(isSomebody ? [] : [withoutSubject(federated)])];
    }
  }
}

function federatedRisks(federated: Federated): readonly Found[] {
  if (isDead(federated)) return [];
  const who = new Set(['sub', 'aud', ...Object.keys(federated.row?.claims ?? {})].map((claim) => keyOf(federated, claim)));
  const emptied = (key: string): boolean => key.startsWith(`${federated.issuer}:`);
  return [...identityRisks(federated), ...weakConditions(federated, { optional: (key) => who.has(key), emptied }), ...foreignConditions(federated)];
}

function anyoneRisks(admitted: Admission): readonly Found[] {
  const keys = new Set(limitsOfAnyone.map(([key]) => key));
  const weak = weakConditions(admitted, { optional: (key) => keys.has(key), emptied: (key) => keys.has(key) });
  if (limitsOfAnyone.some(([key, form]) => isLimited(admitted, key, ofForm(form)))) return weak;
  return [
    {
      id: 'anyone-without-external-id',
      problem: 'Everybody of every account may come: the principal is "*", and no condition says who or asks for an external id.',
      fix: 'Name accounts, users or roles as principals, or add StringEquals on sts:ExternalId or aws:PrincipalOrgID.',
    },
    ...weak,
  ];
}

const names = (statement: Statement, type: string, value: string): boolean => (statement.principals ?? []).some((entry) => entry.type === type && entry.value === value);

function statementRisks(document: PolicyDocument, statement: Statement): readonly Found[] {
  const found: Found[] = [];
  if (statement.notPrincipals !== undefined) {
    found.push({ id: 'not-principal', problem: 'NotPrincipal in an Allow means everybody else in the world.', fix: 'Name in Principal who may come.' });
  }
  for (const value of new Set(statement.principals?.filter(({ type }) => type === 'Federated').map(({ value }) => value))) {
    const issuer = issuerOf(value);
    if (issuer === undefined || !isAbout(statement, WEB_IDENTITY)) continue;
    // A Deny for everybody is one for those for whom a provider vouches as well.
    const isFor = (deny: Statement): boolean => names(deny, 'Federated', value) || names(deny, 'AWS', '*');
    found.push(...federatedRisks({ ...admission(document, statement, { action: WEB_IDENTITY, isFor }), issuer, row: knownIssuer(issuer) }));
  }
  if (names(statement, 'AWS', '*') && isAbout(statement, 'sts:AssumeRole')) {
    found.push(...anyoneRisks(admission(document, statement, { action: 'sts:AssumeRole', isFor: (deny) => names(deny, 'AWS', '*') })));
  }
  return found;
}

/**
 * What is risky about a trust policy, in the order of its statements: whom it lets in although whoever wrote it can hardly
 * have meant him. Conditions count for what the policy engine makes of them. At the most 100 are found.
 */
export function trustRisks(document: PolicyDocument): readonly TrustRisk[] {
  const risks = new Map<string, TrustRisk>();
  for (const [index, statement] of document.statements.entries()) {
    if (statement.effect !== 'Allow') continue;
    const name = (statement.sid ?? '') === '' ? `Statement[${String(index)}]` : (statement.sid ?? '');
    for (const { id, problem, fix } of statementRisks(document, statement)) {
      if (risks.size >= RISKS_MAX) return [...risks.values()];
      risks.set(`${String(index)} ${id} ${problem}`, { id, statement: name, problem, fix });
    }
  }
  return [...risks.values()];
}
