import { isAccountId, type AccountId } from './arn.js';
import type { Delegate } from './delegation.js';
import type { FederatingUser, Federation, PassedPolicies, SessionFacts, SessionOrigin } from './principal.js';
import { Secret } from './secret.js';
import type { ChainLink, Line } from './session-chain.js';
import type { TagFact } from './tags.js';

/** What the token of every session carries. */
interface BaseClaims {
  readonly account: AccountId;
  readonly accessKeyId: string;
  readonly secret: Secret;
  readonly session: SessionFacts;
}

/** A role session. */
export interface AssumedRoleClaims extends BaseClaims {
  readonly kind: 'assumed-role';
  readonly roleId: string;
  readonly roleName: string;
  readonly rolePath: string;
  readonly sessionName: string;
}

/** A session of an IAM user (GetSessionToken); what the user is called now is looked up. */
export interface UserClaims extends BaseClaims {
  readonly kind: 'user';
  readonly userId: string;
}

/** A session of the root user (GetSessionToken, AssumeRoot). */
export interface RootClaims extends BaseClaims {
  readonly kind: 'root';
}

/** A federated user (GetFederationToken). */
export interface FederatedUserClaims extends BaseClaims {
  readonly kind: 'federated-user';
  readonly name: string;
  /** Absent where the root user federated him. */
  readonly by?: Pick<FederatingUser, 'userId'>;
}

/**
 * What a session token carries. A new kind of session is a new member of the union:
 * the compiler then asks for its encoding, and tokens of the older kinds stay valid.
 */
export type SessionClaims = AssumedRoleClaims | UserClaims | RootClaims | FederatedUserClaims;

const ORIGINS: readonly SessionOrigin[] = ['AssumeRole', 'GetSessionToken', 'GetFederationToken', 'AssumeRoot', 'AssumeRoleWithWebIdentity', 'AssumeRoleWithSAML', 'SignIn'];

/** The text of claims. Member names are short because every token carries them. */
export function encodeClaims(claims: SessionClaims): string {
  const { session } = claims;
  return JSON.stringify({
    k: claims.kind,
    a: claims.account,
    x: claims.secret.reveal(),
    ...who(claims),
    o: session.origin,
    e: session.expiresAt.getTime(),
    b: session.startedBy,
    c: session.chain.map(linkTexts),
    j: session.beside?.map((line) => [line.startedBy, ...line.chain.map((each) => ownPlace(session.chain, each) ?? linkTexts(each))]),
    d: session.sourceIdentity,
    f: session.narrowedFrom?.getTime(),
    g: session.tags.length === 0 ? undefined : session.tags.map(({ Key, Value }) => [Key, Value]),
    h: session.transitiveTagKeys.length === 0 ? undefined : session.transitiveTagKeys,
    l: session.policies === undefined ? undefined : [session.policies.inline ?? '', ...session.policies.arns],
    m: session.mfaAt?.getTime(),
    q: session.scopedDown.length === 0 ? undefined : session.scopedDown,
    w: session.federation === undefined ? undefined : [session.federation.provider, ...session.federation.keys],
    y: session.ceilings?.map(({ inline = '', arns }) => [inline, ...arns]),
    z: session.delegates?.map(({ arn, subject, issuer }) => [arn, subject, issuer]),
  });
}

function linkTexts({ sessionId, principalId, issuedAt }: ChainLink): readonly [string, string, number] {
  return [sessionId, principalId, issuedAt.getTime()];
}

/** Every line beside a chain meets it in some link, which is not written twice. */
function ownPlace(chain: readonly ChainLink[], { sessionId, principalId, issuedAt }: ChainLink): number | undefined {
  const found = chain.findIndex((own) => own.sessionId === sessionId && own.principalId === principalId && own.issuedAt.getTime() === issuedAt.getTime());
  return found < 0 ? undefined : found;
}

function who(claims: SessionClaims): Record<string, string | undefined> {
  switch (claims.kind) {
    case 'assumed-role':
      return { r: claims.roleId, n: claims.roleName, p: claims.rolePath, s: claims.sessionName };
    case 'user':
      return { u: claims.userId };
    case 'root':
      return {};
    case 'federated-user':
      return { n: claims.name, u: claims.by?.userId };
  }
}

/** Undefined for an unknown kind, and where a member is missing, has the wrong type or is not known. */
export function decodeClaims(text: string, accessKeyId: string): SessionClaims | undefined {
  const members = Members.parse(text);
  if (members === undefined) return undefined;
  const kind = members.text('k');
  const account = members.text('a');
  const secret = members.text('x');
  const own = decodeWho(kind, members);
  const session = decodeSession(members);
  if (own === undefined || session === undefined || !members.areExhausted() || !isAccountId(account)) return undefined;
  return { ...own, account, accessKeyId, secret: Secret.of(secret), session };
}

type Who = SessionClaims extends infer C ? (C extends SessionClaims ? Omit<C, keyof BaseClaims> : never) : never;

function decodeWho(kind: string, members: Members): Who | undefined {
  switch (kind) {
    case 'assumed-role':
      return { kind, roleId: members.text('r'), roleName: members.text('n'), rolePath: members.text('p'), sessionName: members.text('s') };
    case 'user':
      return { kind, userId: members.text('u') };
    case 'root':
      return { kind };
    case 'federated-user': {
      const userId = members.optionalText('u');
      return { kind, name: members.text('n'), ...(userId !== undefined && { by: { userId } }) };
    }
    default:
      return undefined;
  }
}

function decodeSession(members: Members): SessionFacts | undefined {
  const origin = ORIGINS.find((name) => name === members.peek('o'));
  members.text('o');
  const chain = members.list('c', link);
  const own = chain.at(-1);
  const beside = members.optionalList('j', lineOf(chain));
  const policies = members.optionalList('l', text);
  const sourceIdentity = members.optionalText('d');
  const mfaAt = members.optionalTime('m');
  const narrowedFrom = members.optionalTime('f');
  const expiresAt = members.time('e');
  const startedBy = members.text('b');
  const tags = members.optionalList('g', tag) ?? [];
  const transitiveTagKeys = members.optionalList('h', text) ?? [];
  const scopedDown = members.optionalList('q', text) ?? [];
  const federation = members.optional('w', federated);
  const ceilings = members.optionalList('y', texts);
  const delegates = members.optionalList('z', delegate);
  if (origin === undefined || own === undefined) return undefined;
  return {
    sessionId: own.sessionId,
    origin,
    issuedAt: own.issuedAt,
    expiresAt,
    chain,
    startedBy,
    ...(beside !== undefined && { beside }),
    tags,
    transitiveTagKeys,
    scopedDown,
    ...(sourceIdentity !== undefined && { sourceIdentity }),
    ...(policies !== undefined && { policies: passed(policies) }),
    ...(mfaAt !== undefined && { mfaAt }),
    ...(narrowedFrom !== undefined && { narrowedFrom }),
    ...(federation !== undefined && { federation }),
    ...(ceilings !== undefined && { ceilings: ceilings.map(passed) }),
    ...(delegates !== undefined && { delegates }),
  };
}

function passed([inline = '', ...arns]: readonly string[]): PassedPolicies {
  return { ...(inline !== '' && { inline }), arns };
}

type Reader<T> = (value: unknown) => T | undefined;

const text: Reader<string> = (value) => (typeof value === 'string' ? value : undefined);
const time: Reader<Date> = (value) => (typeof value === 'number' && Number.isSafeInteger(value) && Math.abs(value) <= 8.64e15 ? new Date(value) : undefined);
const tag: Reader<TagFact> = (value) => {
  const [Key, Value, ...more] = Array.isArray(value) ? (value as unknown[]) : [];
  return typeof Key === 'string' && typeof Value === 'string' && more.length === 0 ? { Key, Value } : undefined;
};
const texts: Reader<readonly string[]> = (value) => (isTexts(value) ? value : undefined);
const delegate: Reader<Delegate> = (value) => {
  const [arn, subject, issuer, ...more] = isTexts(value) ? value : [];
  return arn !== undefined && subject !== undefined && issuer !== undefined && more.length === 0 ? { arn, subject, issuer } : undefined;
};
const federated: Reader<Federation> = (value) => {
  const [provider, ...entries] = Array.isArray(value) ? (value as unknown[]) : [];
  const keys = entries.map(federatedKey).filter((entry) => entry !== undefined);
  return typeof provider === 'string' && keys.length === entries.length ? { provider, keys: new Map(keys) } : undefined;
};
const federatedKey: Reader<readonly [string, string | readonly string[]]> = (entry) => {
  const [key, value, ...more] = Array.isArray(entry) ? (entry as unknown[]) : [];
  return typeof key === 'string' && isFederatedValue(value) && more.length === 0 ? [key, value] : undefined;
};
function isFederatedValue(value: unknown): value is string | readonly string[] {
  return typeof value === 'string' || isTexts(value);
}
function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
const link: Reader<ChainLink> = (value) => {
  const [sessionId, principalId, at, ...more] = Array.isArray(value) ? (value as unknown[]) : [];
  const issuedAt = time(at);
  return typeof sessionId === 'string' && typeof principalId === 'string' && issuedAt !== undefined && more.length === 0 ? { sessionId, principalId, issuedAt } : undefined;
};

function lineOf(chain: readonly ChainLink[]): Reader<Line> {
  return (value) => {
    const [startedBy, ...items] = Array.isArray(value) ? (value as unknown[]) : [];
    const links = items.map((item) => (typeof item === 'number' ? chain[item] : link(item))).filter((item) => item !== undefined);
    return typeof startedBy === 'string' && links.length > 0 && links.length === items.length ? { startedBy, chain: links } : undefined;
  };
}

/**
 * Reads sealed members one by one and remembers whether all was well. A member nobody asked for makes the
 * token invalid: a newer Stint may have meant it as a restriction, and ignoring it would widen the session.
 */
class Members {
  readonly #left: Map<string, unknown>;
  #isValid = true;

  private constructor(members: object) {
    this.#left = new Map(Object.entries(members));
  }

  static parse(json: string): Members | undefined {
    try {
      const value: unknown = JSON.parse(json);
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? new Members(value) : undefined;
    } catch {
      return undefined;
    }
  }

  peek(name: string): unknown {
    return this.#left.get(name);
  }

  text(name: string): string {
    return this.#read(name, (value) => (value === '' ? undefined : text(value))) ?? '';
  }

  optionalText(name: string): string | undefined {
    return this.#left.has(name) ? this.text(name) : undefined;
  }

  time(name: string): Date {
    return this.#read(name, time) ?? new Date(0);
  }

  optionalTime(name: string): Date | undefined {
    return this.#left.has(name) ? this.time(name) : undefined;
  }

  optional<T>(name: string, reader: Reader<T>): T | undefined {
    return this.#left.has(name) ? this.#read(name, reader) : undefined;
  }

  list<T>(name: string, item: Reader<T>): readonly T[] {
    const read = (value: unknown): T[] | undefined => {
      if (!Array.isArray(value)) return undefined;
      const items = value.map(item).filter((entry) => entry !== undefined);
      return items.length === value.length ? items : undefined;
    };
    return this.#read(name, read) ?? [];
  }

  optionalList<T>(name: string, item: Reader<T>): readonly T[] | undefined {
    return this.#left.has(name) ? this.list(name, item) : undefined;
  }

  areExhausted(): boolean {
    return this.#isValid && this.#left.size === 0;
  }

  #read<T>(name: string, reader: Reader<T>): T | undefined {
    const value = reader(this.#left.get(name));
    this.#left.delete(name);
    if (value === undefined) this.#isValid = false;
    return value;
  }
}
