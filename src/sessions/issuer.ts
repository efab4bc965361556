import { hash } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import { NONCE_BYTES } from '../domain/aead.js';
import { assumedRoleArn, type AccountId } from '../domain/arn.js';
import { ACCESS_KEY_ID_BYTES, accessKeyId, SECRET_ACCESS_KEY_BYTES, secretAccessKey } from '../domain/ids.js';
import { callerArn, type Caller } from '../domain/principal.js';
import { sameSecret } from '../domain/secret.js';
import { openSession, sealSession, type SessionClaims } from '../domain/session-token.js';
import { Random } from '../kernel/effects.js';
import { Keyring } from '../kernel/keyring.js';
import type { Append } from '../kernel/ledger.js';
import { SessionsStore } from './sessions.store.js';

/** What decides what a new role session says. */
export interface RoleSessionRequest {
  readonly caller: Caller;
  readonly sourceIp: string;
  readonly role: { readonly accountId: AccountId; readonly roleId: string; readonly roleName: string; readonly path: string };
  readonly sessionName: string;
  readonly now: Date;
  /** How long the session lasts, in seconds. */
  readonly seconds: number;
}

/** New credentials, and the row that must be committed before they are given away. */
export interface Issued {
  readonly credentials: { AccessKeyId: string; SecretAccessKey: string; SessionToken: string; Expiration: Date };
  readonly row: Append;
}

/** Makes temporary credentials: build the claims, seal them, open them again, and hand over the row. */
@Injectable()
export class Issuer {
  constructor(
    private readonly keyring: Keyring,
    private readonly store: SessionsStore,
    private readonly random: Random,
  ) {}

  /** Credentials of a role session. Nothing is stored yet: `row` goes to the ledger. */
  roleSession(request: RoleSessionRequest): Issued {
    const { caller, role, now } = request;
    const sessionId = this.random.uuid();
    const parent = caller.kind === 'assumed-role' ? caller.session : undefined;
    // AWS shows whole seconds; the session must not end before or after what the client was told.
    const issuedAt = new Date(Math.floor(now.getTime() / 1000) * 1000);
    const claims: SessionClaims = {
      kind: 'assumed-role',
      account: role.accountId,
      accessKeyId: accessKeyId('ASIA', this.random.bytes(ACCESS_KEY_ID_BYTES)),
      secret: secretAccessKey(this.random.bytes(SECRET_ACCESS_KEY_BYTES)),
      roleId: role.roleId,
      roleName: role.roleName,
      rolePath: role.path,
      sessionName: request.sessionName,
      sessionId,
      rootSessionId: parent?.rootSessionId ?? sessionId,
      issuedAt,
      expiresAt: new Date(issuedAt.getTime() + request.seconds * 1000),
    };
    const token = this.#sealed(claims);
    return {
      credentials: { AccessKeyId: claims.accessKeyId, SecretAccessKey: claims.secret.reveal(), SessionToken: token, Expiration: claims.expiresAt },
      row: this.store.issued({
        sessionId,
        accessKeyId: claims.accessKeyId,
        accountId: claims.account,
        kind: claims.kind,
        principalArn: assumedRoleArn(claims.account, claims.roleName, claims.sessionName),
        principalId: `${claims.roleId}:${claims.sessionName}`,
        roleId: claims.roleId,
        sessionName: claims.sessionName,
        sourceIdentity: null,
        sourceIp: request.sourceIp,
        issuerArn: callerArn(caller),
        parentSessionId: parent?.sessionId ?? null,
        rootSessionId: claims.rootSessionId,
        issuedAt,
        expiresAt: claims.expiresAt,
        tokenSha256: hash('sha256', token, 'buffer'),
      }),
    };
  }

  /** Seals claims and checks the work: a token that does not open to the same secret is never given away. */
  #sealed(claims: SessionClaims): string {
    const token = sealSession(this.keyring, claims, this.random.bytes(NONCE_BYTES));
    const opened = openSession(this.keyring, token, claims.accessKeyId);
    if (opened === undefined || !('claims' in opened) || !sameSecret(opened.claims.secret.reveal(), claims.secret.reveal())) {
      throw new Error('a session token that was just sealed does not open');
    }
    return token;
  }
}
