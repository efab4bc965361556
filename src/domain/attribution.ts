import { ApiError } from './errors.js';
import type { Federation } from './principal.js';
import { providerInArn } from './providers.js';
import { tagKey, type TagFact } from './tags.js';

/** Tags of a role that say what its sessions are called, and by whom they were started, from what an identity provider has verified. */
const SESSION_NAME = 'stint:SessionNameTemplate';
const SOURCE_IDENTITY = 'stint:SourceIdentityTemplate';

/** What a name must be, or why there can be none. */
type Fixed = { readonly value: string } | { readonly because: string };

/** The names that a role fixes; absent where it leaves them to the caller. */
export interface Attribution {
  readonly sessionName?: Fixed;
  readonly sourceIdentity?: Fixed;
}

/** STS API: RoleSessionName and SourceIdentity, 2 to 64 characters. */
const NAME = /^[\w+=,.@-]{2,64}$/;
/** What of a claim stays as it is; `=` begins what was replaced, so that two different claims never read the same. */
const KEPT = /[^\w+,.-]/gu;
/** What a template has around its claims, and what between two of them: it begins with what tells where the first one ends. */
const TEXT = /^[\w+=,.-]*$/;
const BETWEEN = /^[+,._-][\w+=,.-]*$/;

/**
 * What sessions of a role must be called. A template has texts and, between two `@`, names of claims: `gh-@repository_id@-@actor_id@`.
 * `vouched` is what an identity provider has verified about the caller, if one did.
 */
export function attribution(tags: readonly TagFact[], vouched: Federation | undefined): Attribution {
  const fixed = (key: string): Fixed | undefined => {
    const template = tags.find((tag) => tagKey(tag.Key) === tagKey(key))?.Value;
    return template === undefined ? undefined : filledIn(template, vouched);
  };
  const [sessionName, sourceIdentity] = [fixed(SESSION_NAME), fixed(SOURCE_IDENTITY)];
  return { ...(sessionName && { sessionName }), ...(sourceIdentity && { sourceIdentity }) };
}

/** Refuses (InvalidInput) templates among the tags of a role that could never be filled in, or whose keys are written otherwise. */
export function requireTemplates(tags: readonly TagFact[]): void {
  requireTemplateKeys(tags.map(({ Key }) => Key));
  for (const { Key, Value } of tags) {
    if (![SESSION_NAME, SOURCE_IDENTITY].includes(Key) || isTemplate(Value)) continue;
    throw new ApiError('InvalidInput', `The tag ${Key} is not a template: it must have letters, digits and +=,.- and, between two @, at least one name of a claim, as in gh-@repository_id@-@actor_id@; between two claims there must be text that begins with one of +,._-`);
  }
}

/**
 * Refuses (InvalidInput) the key of a template in another case. Tags do not tell cases apart, but policies that keep somebody from changing
 * templates do: they compare `aws:TagKeys` with what the call says.
 */
export function requireTemplateKeys(keys: readonly string[]): void {
  for (const key of keys) {
    const template = [SESSION_NAME, SOURCE_IDENTITY].find((name) => tagKey(name) === tagKey(key));
    if (template !== undefined && template !== key) throw new ApiError('InvalidInput', `The tag ${key} must be written ${template}.`);
  }
}

/** Refuses (AccessDenied) a name that is not the one a role fixes; the caller may know it, for it is made of what was verified about him. */
export function requireAttribution(fixed: Fixed | undefined, given: string | undefined, member: 'RoleSessionName' | 'SourceIdentity'): void {
  if (fixed === undefined) return;
  if ('because' in fixed) throw new ApiError('AccessDenied', `The role fixes ${member} by what an identity provider says, and ${fixed.because}`);
  if (given !== fixed.value) throw new ApiError('AccessDenied', `The role fixes ${member} by what the identity provider says: it must be ${fixed.value}`);
}

/** What is fixed, if it can be; otherwise what was given. */
export function valueOf(fixed: Fixed | undefined, given: string | undefined): string | undefined {
  return given ?? (fixed !== undefined && 'value' in fixed ? fixed.value : undefined);
}

function isTemplate(template: string): boolean {
  const parts = template.split('@');
  const isText = (part: string, index: number): boolean => (index > 0 && index < parts.length - 1 ? BETWEEN : TEXT).test(part);
  const isName = (part: string, index: number): boolean => (index % 2 === 0 ? isText(part, index) : part !== '');
  return parts.length > 1 && parts.length % 2 === 1 && parts.every(isName);
}

function filledIn(template: string, vouched: Federation | undefined): Fixed {
  if (!isTemplate(template)) return { because: 'its template is malformed' };
  if (vouched === undefined) return { because: 'none vouches for the caller' };
  const written = template.split('@');
  // Where another claim follows, the character between them ends this one: it is written as others are that names do not have.
  const parts = written.map((part, index) => (index % 2 === 0 ? part : claimOf(vouched, part, index + 2 < written.length ? written[index + 1]?.slice(0, 1) : undefined)));
  const missing = written.find((_, index) => parts[index] === undefined);
  if (missing !== undefined) return { because: `this one says nothing of ${missing}` };
  const value = parts.join('');
  return NAME.test(value) ? { value } : { because: `what comes of it, ${value.slice(0, 128)}, is no name of 2 to 64 characters` };
}

/** A claim that is one text, in the characters of a name. */
function claimOf({ provider, keys }: Federation, claim: string, end: string | undefined): string | undefined {
  const named = providerInArn(provider);
  const prefix = named?.type === 'oidc-provider' ? `${named.name}:` : '';
  const value = keys.get(`${prefix}${claim}`.toLowerCase());
  // Half characters would all be written as the same.
  if (typeof value !== 'string' || value === '' || /\p{Cs}/u.test(value)) return undefined;
  const shown = value.replace(KEPT, escaped);
  return end === undefined ? shown : shown.replaceAll(end, escaped);
}

function escaped(character: string): string {
  return [...Buffer.from(character)].map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}
