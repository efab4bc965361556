import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import { accountId, type AccountId } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { principalId, type FederatingUser, type Holder } from '../domain/principal.js';
import type { Secret } from '../domain/secret.js';
import { openSession, type SessionClaims } from '../domain/session-token.js';
import { chainOfToken, type KeyHolder } from '../domain/subject-token.js';
import { checkScope, parseSignature, signingKey, verifySignature, type HttpRequest, type SignedRequest } from '../domain/sigv4.js';
import type { AccessKeyRow } from '../identities/identities.entities.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import { Keyring } from '../kernel/keyring.js';
import { RolesStore } from '../roles/roles.store.js';
import { Revocations } from './revocations.js';

/** What a door accepts. */
export interface Door {
  /** Service names in credential scopes. */
  readonly services: readonly string[];
  /** Regions in credential scopes; empty: any. */
  readonly regions: readonly string[];
}

/** Who signed a request, and what the signature says about where it was meant to go. */
export interface Authenticated {
  readonly caller: Holder;
  readonly region: string;
  readonly service: string;
  /** Why the session that signed is over before its time: the request is to be recorded, and refused with this. */
  readonly over?: ApiError;
}

interface Credential {
  /** Identifies the secret: a remembered signing key is used only for the same one. */
  readonly secretOf: object | string;
  readonly secret: () => Secret;
  /** Whoever holds it; asked only once the signature was right. */
  readonly identify: () => Promise<Pick<Authenticated, 'caller' | 'over'>>;
}

/** Who a session acts as, and why it cannot any more. */
interface Acting {
  readonly caller: Holder;
  readonly gone?: string | undefined;
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
    private readonly revocations: Revocations,
  ) {}

  /**
   * Checks a request's signature and time. Throws MissingAuthenticationToken, IncompleteSignature,
   * InvalidClientTokenId, SignatureDoesNotMatch or, where the time of a session has come, ExpiredToken.
   */
  async authenticate(request: HttpRequest, door: Door, now: Date): Promise<Authenticated> {
    const signed = parseSignature(request);
    checkScope(signed, { now, ...door });
    // Nothing is looked up, remembered or logged before it has the form of a key.
    if (!KEY_FORM.test(signed.accessKeyId)) throw invalidToken({ why: 'no access key has such an id' });
    const credential = signed.securityToken === undefined ? await this.#longTerm(signed) : await this.#temporary(signed, signed.securityToken, now);
    this.#verify(request, signed, credential);
    const holder = await credential.identify();
    if (holder.over === undefined) this.#stamp(holder.caller, signed, now);
    return { ...holder, region: signed.region, service: signed.service };
  }

  async #longTerm(signed: SignedRequest): Promise<Credential> {
    const key = await this.identities.findAccessKey(signed.accessKeyId);
    if (key?.status !== 'Active') throw invalidToken({ accessKeyId: signed.accessKeyId, why: key === undefined ? 'unknown' : 'inactive' });
    return {
      secretOf: key.secret,
      secret: () => this.keyring.openAccessKey(key.accessKeyId, key.secret),
      identify: async () => {
        const caller = await this.#ownerOf(key);
        if (caller === undefined) throw invalidToken({ accessKeyId: key.accessKeyId, why: 'its user is gone' });
        return { caller };
      },
    };
  }

  /** Whose long-term key it is; undefined where he is gone. */
  async #ownerOf(key: AccessKeyRow): Promise<Holder | undefined> {
    const account = accountId(key.accountId);
    if (key.userId === null) return { kind: 'root', account, accessKeyId: key.accessKeyId };
    const user = await this.identities.findUser(key.userId);
    return user && { kind: 'user', account, accessKeyId: key.accessKeyId, userId: user.userId, userName: user.userName, path: user.path };
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
    if (now >= claims.session.expiresAt) throw expiredToken('expired');
    return { secretOf: claims.session.sessionId, secret: () => claims.secret, identify: () => this.holderOf(claims) };
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

  /** A session ends when it is revoked, and with whoever it acts as; the client learns only that it has to fetch a new one. */
  async holderOf(claims: SessionClaims): Promise<Pick<Authenticated, 'caller' | 'over'>> {
    const { caller, gone } = await this.#acting(claims);
    const why = this.revocations.isEnded(claims.session) ? 'revoked' : gone;
    return why === undefined ? { caller } : { caller, over: expiredToken(why) };
  }

  /**
   * Who obtained a token with a long-term key, and whether the token is over: it was revoked, or all that he obtained until then. Undefined where the key
   * is gone or inactive, or its owner is another.
   */
  async keyHolderOf(holder: KeyHolder, tokenId: string): Promise<Pick<Authenticated, 'caller' | 'over'> | undefined> {
    const key = await this.identities.findAccessKey(holder.accessKeyId);
    if (key?.status !== 'Active') return undefined;
    const caller = await this.#ownerOf(key);
    if (caller === undefined || principalId(caller) !== holder.principalId) return undefined;
    return this.revocations.isEnded(chainOfToken(holder, tokenId)) ? { caller, over: expiredToken('revoked') } : { caller };
  }

  async #acting(claims: SessionClaims): Promise<Acting> {
    const { kind, account, accessKeyId, session } = claims;
    switch (kind) {
      case 'root':
        return { caller: { kind, account, accessKeyId, session } };
      case 'user': {
        const { user, gone } = await this.#user(claims.userId, account);
        return { caller: { kind, account, accessKeyId, session, ...user }, gone };
      }
      case 'federated-user': {
        const { name, by } = claims;
        if (by === undefined) return { caller: { kind, account, accessKeyId, session, name } };
        const { user, gone } = await this.#user(by.userId, account);
        return { caller: { kind, account, accessKeyId, session, name, by: user }, gone };
      }
      case 'assumed-role': {
        const { roleId, roleName, rolePath, sessionName } = claims;
        const isThere = (await this.roles.findRole(roleId))?.accountId === account;
        return { caller: { kind, account, accessKeyId, session, roleId, roleName, rolePath, sessionName }, gone: isThere ? undefined : 'the role is gone' };
      }
    }
  }

  /** The user behind a session, by the name he has now. Of one who is gone nothing is known but the id, as AWS shows him. */
  async #user(userId: string, account: AccountId): Promise<{ user: FederatingUser; gone?: string }> {
    const user = await this.identities.findUser(userId);
    if (user?.accountId !== account) return { user: { userId, userName: userId, path: '/' }, gone: 'the user is gone' };
    return { user: { userId, userName: user.userName, path: user.path } };
  }

  #stamp(caller: Holder, signed: SignedRequest, now: Date): void {
    if (caller.kind === 'assumed-role') this.roles.uses.note(caller.roleId, { at: now, region: signed.region });
    else if (caller.session === undefined) this.identities.keyUses.note(caller.accessKeyId, { at: now, region: signed.region, service: signed.service });
  }
}
