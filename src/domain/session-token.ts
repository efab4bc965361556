import { NONCE_BYTES, TAG_BYTES, type SealingKey } from './aead.js';
import { isAccountId, type AccountId } from './arn.js';
import { Secret } from './secret.js';

/** What the session token of a role session carries. */
export interface AssumedRoleClaims {
  readonly kind: 'assumed-role';
  readonly account: AccountId;
  readonly accessKeyId: string;
  readonly secret: Secret;
  readonly roleId: string;
  readonly roleName: string;
  readonly rolePath: string;
  readonly sessionName: string;
  readonly sessionId: string;
  readonly rootSessionId: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  readonly sourceIdentity?: string;
}

/**
 * What a session token carries. A new kind of session is a new member of the union:
 * the compiler then asks for its encoding, and tokens of the older kinds stay valid.
 */
export type SessionClaims = AssumedRoleClaims;

/** A sealing key and its number in the ring. */
export interface RingKey {
  /** 0 to 2³² − 1; written into every token in the clear. */
  readonly id: number;
  readonly key: SealingKey;
}

/** The keys that session tokens are sealed with: one for new tokens, and those that are still accepted. */
export interface KeyRing {
  readonly current: RingKey;
  byId(id: number): RingKey | undefined;
}

/**
 * The claims of a token; or the number of a key the ring does not hold, so that the caller can look for new
 * keys; or undefined for anything that is no token, was changed, or belongs to another access key id.
 */
export type Opened = { readonly claims: SessionClaims } | { readonly unknownKey: number } | undefined;

/** The longest session token that is issued or looked at, in characters. */
export const MAX_SESSION_TOKEN_LENGTH = 8192;

const VERSION = 1;
const HEADER_BYTES = 5;
const OVERHEAD_BYTES = HEADER_BYTES + NONCE_BYTES + TAG_BYTES;

/**
 * Seals claims into a session token: a version byte, the key's number, a nonce of 24 bytes and XAES-256-GCM
 * ciphertext (C2SP), in base64. Bound to its access key id, which is therefore not among the sealed members.
 */
export function sealSession(ring: KeyRing, claims: SessionClaims, nonce: Uint8Array): string {
  const { id, key } = ring.current;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(VERSION, 0);
  header.writeUInt32BE(id, 1);
  const plaintext = Buffer.from(encode(claims));
  const sealed = key.seal(nonce, plaintext, boundTo(header, claims.accessKeyId));
  const token = Buffer.concat([header, nonce, sealed]).toString('base64');
  if (token.length > MAX_SESSION_TOKEN_LENGTH) throw new RangeError('the claims do not fit into a session token');
  return token;
}

/** Opens a session token for the access key id it is presented with. Expiry is the caller's to judge. */
export function openSession(ring: KeyRing, token: string, accessKeyId: string): Opened {
  if (token.length > MAX_SESSION_TOKEN_LENGTH) return undefined;
  const bytes = Buffer.from(token, 'base64');
  // Node's decoder skips what it does not know; without this, many texts would be the same token.
  if (bytes.length < OVERHEAD_BYTES || bytes[0] !== VERSION || bytes.toString('base64') !== token) return undefined;
  const id = bytes.readUInt32BE(1);
  const ringKey = ring.byId(id);
  if (ringKey === undefined) return { unknownKey: id };
  const header = bytes.subarray(0, HEADER_BYTES);
  const nonce = bytes.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
  const sealed = bytes.subarray(HEADER_BYTES + NONCE_BYTES);
  const plaintext = ringKey.key.open(nonce, sealed, boundTo(header, accessKeyId));
  const claims = plaintext === undefined ? undefined : decode(plaintext, accessKeyId);
  return claims === undefined ? undefined : { claims };
}

/** The label keeps a token apart from anything else that may ever be sealed with a key of the ring. */
function boundTo(header: Uint8Array, accessKeyId: string): Buffer {
  return Buffer.concat([header, Buffer.from(`session-token:${accessKeyId}`)]);
}

/** Member names are short because every token carries them. */
function encode(claims: SessionClaims): string {
  return JSON.stringify({
    k: claims.kind,
    a: claims.account,
    x: claims.secret.reveal(),
    r: claims.roleId,
    n: claims.roleName,
    p: claims.rolePath,
    s: claims.sessionName,
    i: claims.sessionId,
    o: claims.rootSessionId,
    t: claims.issuedAt.getTime(),
    e: claims.expiresAt.getTime(),
    d: claims.sourceIdentity,
  });
}

/** Undefined for an unknown kind, and where a member is missing, has the wrong type or is not known. */
function decode(plaintext: Buffer, accessKeyId: string): SessionClaims | undefined {
  const members = Members.parse(plaintext);
  switch (members?.text('k')) {
    case 'assumed-role':
      return decodeAssumedRole(members, accessKeyId);
    default:
      return undefined;
  }
}

function decodeAssumedRole(members: Members, accessKeyId: string): AssumedRoleClaims | undefined {
  const account = members.text('a');
  const secret = members.text('x');
  const roleId = members.text('r');
  const roleName = members.text('n');
  const rolePath = members.text('p');
  const sessionName = members.text('s');
  const sessionId = members.text('i');
  const rootSessionId = members.text('o');
  const issuedAt = members.time('t');
  const expiresAt = members.time('e');
  const sourceIdentity = members.optionalText('d');
  if (!members.areExhausted() || !isAccountId(account)) return undefined;
  return {
    kind: 'assumed-role',
    account,
    accessKeyId,
    secret: Secret.of(secret),
    roleId,
    roleName,
    rolePath,
    sessionName,
    sessionId,
    rootSessionId,
    issuedAt,
    expiresAt,
    ...(sourceIdentity !== undefined && { sourceIdentity }),
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

  static parse(plaintext: Buffer): Members | undefined {
    try {
      const value: unknown = JSON.parse(plaintext.toString());
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? new Members(value) : undefined;
    } catch {
      return undefined;
    }
  }

  text(name: string): string {
    const value = this.#take(name);
    if (typeof value === 'string' && value !== '') return value;
    this.#isValid = false;
    return '';
  }

  optionalText(name: string): string | undefined {
    return this.#left.has(name) ? this.text(name) : undefined;
  }

  time(name: string): Date {
    const value = this.#take(name);
    const time = new Date(typeof value === 'number' && Number.isSafeInteger(value) ? value : Number.NaN);
    if (Number.isNaN(time.getTime())) this.#isValid = false;
    return time;
  }

  areExhausted(): boolean {
    return this.#isValid && this.#left.size === 0;
  }

  #take(name: string): unknown {
    const value = this.#left.get(name);
    this.#left.delete(name);
    return value;
  }
}
