import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import { accountId } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import type { Caller } from '../domain/principal.js';
import type { Secret } from '../domain/secret.js';
import { openSession, type SessionClaims } from '../domain/session-token.js';
import { checkScope, parseSignature, signingKey, verifySignature, type HttpRequest, type SignedRequest } from '../domain/sigv4.js';
import type { AccessKeyRow } from '../identities/identities.entities.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import { Keyring } from '../kernel/keyring.js';
import { RolesStore } from '../roles/roles.store.js';

/** What a door accepts. */
export interface Door {
  /** Service names in credential scopes. */
  readonly services: readonly string[];
  /** Regions in credential scopes; empty: any. */
  readonly regions: readonly string[];
}

/** Who signed a request, and what the signature says about where it was meant to go. */
export interface Authenticated {
  readonly caller: Caller;
  readonly region: string;
  readonly service: string;
}

interface Credential {
  readonly caller: Caller;
  /** Identifies the secret: a remembered signing key is used only for the same one. */
  readonly secretOf: object | string;
  readonly secret: () => Secret;
}

const KEY_FORM = /^[A-Z0-9]{16,128}$/;
const SIGNING_KEYS_MAX = 20_000;

const invalidToken = (detail: Record<string, unknown> = {}): ApiError =>
  new ApiError('InvalidClientTokenId', 'The security token included in the request is invalid.', { detail });
const expiredToken = (why: string): ApiError =>
  new ApiError('ExpiredToken', 'The security token included in the request is expired', { detail: { why } });

/** Turns a signed request into a caller, or refuses it (AWS: Signature Version 4). */
@Injectable()
export class Authenticator {
  readonly #signingKeys = new LRUCache<string, { readonly secretOf: object | string; readonly key: Buffer }>({ max: SIGNING_KEYS_MAX });

  constructor(
    private readonly identities: IdentitiesStore,
    private readonly roles: RolesStore,
    private readonly keyring: Keyring,
  ) {}

  /**
   * Checks a request's signature and time. Throws MissingAuthenticationToken, IncompleteSignature,
   * InvalidClientTokenId, SignatureDoesNotMatch or ExpiredToken.
   */
  async authenticate(request: HttpRequest, door: Door, now: Date): Promise<Authenticated> {
    const signed = parseSignature(request);
    checkScope(signed, { now, ...door });
    // Nothing is looked up, remembered or logged before it has the form of a key.
    if (!KEY_FORM.test(signed.accessKeyId)) throw invalidToken({ why: 'no access key has such an id' });
    const credential = signed.securityToken === undefined ? await this.#longTerm(signed) : await this.#temporary(signed, signed.securityToken, now);
    this.#verify(request, signed, credential);
    await this.#stillExists(credential.caller);
    this.#stamp(credential.caller, signed, now);
    return { caller: credential.caller, region: signed.region, service: signed.service };
  }

  async #longTerm(signed: SignedRequest): Promise<Credential> {
    const key = await this.identities.findAccessKey(signed.accessKeyId);
    if (key?.status !== 'Active') throw invalidToken({ accessKeyId: signed.accessKeyId, why: key === undefined ? 'unknown' : 'inactive' });
    return {
      caller: await this.#owner(key),
      secretOf: key.secret,
      secret: () => this.keyring.openAccessKey(key.accessKeyId, key.secret),
    };
  }

  async #owner(key: AccessKeyRow): Promise<Caller> {
    const account = accountId(key.accountId);
    if (key.userId === null) return { kind: 'root', account, accessKeyId: key.accessKeyId };
    const user = await this.identities.findUser(key.userId);
    if (user === undefined) throw invalidToken({ accessKeyId: key.accessKeyId, why: 'its user is gone' });
    return { kind: 'user', account, accessKeyId: key.accessKeyId, userId: user.userId, userName: user.userName, path: user.path };
  }

  async #temporary(signed: SignedRequest, token: string, now: Date): Promise<Credential> {
    let opened = openSession(this.keyring, token, signed.accessKeyId);
    if (opened !== undefined && 'unknownKey' in opened) {
      // Another node may have begun a new key.
      await this.keyring.refresh();
      opened = openSession(this.keyring, token, signed.accessKeyId);
    }
    if (opened === undefined || !('claims' in opened)) throw invalidToken({ accessKeyId: signed.accessKeyId, why: 'the session token does not open' });
    const { claims } = opened;
    if (now >= claims.expiresAt) throw expiredToken('expired');
    return { caller: callerOf(claims), secretOf: claims.sessionId, secret: () => claims.secret };
  }

  #verify(request: HttpRequest, signed: SignedRequest, credential: Credential): void {
    const name = `${signed.accessKeyId}/${signed.date}/${signed.region}/${signed.service}`;
    const remembered = this.#signingKeys.get(name);
    const known = remembered?.secretOf === credential.secretOf ? remembered : undefined;
    const key = known?.key ?? signingKey(credential.secret(), signed);
    verifySignature(request, signed, key);
    // Only after the signature was right: strangers must not fill this memory.
    if (known === undefined) this.#signingKeys.set(name, { secretOf: credential.secretOf, key });
  }

  /** A session ends with the role it was issued for; the client learns only that it has to fetch a new one. */
  async #stillExists(caller: Caller): Promise<void> {
    if (caller.kind !== 'assumed-role') return;
    const role = await this.roles.findRole(caller.roleId);
    if (role?.accountId !== caller.account) throw expiredToken('revoked: the role is gone');
  }

  #stamp(caller: Caller, signed: SignedRequest, now: Date): void {
    if (caller.kind === 'assumed-role') this.roles.uses.note(caller.roleId, { at: now, region: signed.region });
    else this.identities.keyUses.note(caller.accessKeyId, { at: now, region: signed.region, service: signed.service });
  }
}

function callerOf(claims: SessionClaims): Caller {
  return {
    kind: 'assumed-role',
    account: claims.account,
    accessKeyId: claims.accessKeyId,
    roleId: claims.roleId,
    roleName: claims.roleName,
    rolePath: claims.rolePath,
    sessionName: claims.sessionName,
    session: {
      sessionId: claims.sessionId,
      rootSessionId: claims.rootSessionId,
      issuedAt: claims.issuedAt,
      expiresAt: claims.expiresAt,
      ...(claims.sourceIdentity === undefined ? {} : { sourceIdentity: claims.sourceIdentity }),
    },
  };
}
