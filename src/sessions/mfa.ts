import { Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import type { Caller } from '../domain/principal.js';
import type { KeyOwner } from '../identities/identities.store.js';
import type { IssueCtx } from '../kernel/handler.js';
import { MfaCodes } from '../mfa/codes.js';

/** A device and its code, as requests give them. */
interface Given {
  readonly SerialNumber?: string | undefined;
  readonly TokenCode?: string | undefined;
}

/** Checks what is given of an MFA device with a request that starts a session. */
@Injectable()
export class SessionMfa {
  constructor(private readonly codes: MfaCodes) {}

  /**
   * Spends the code, where one is given, and answers when. It is spent before anything is issued and stays spent: what
   * is refused afterwards needs another code, but no code ever starts two sessions. Where a request is repeated under its
   * Idempotency-Key, and was answered before, it was spent then. Throws AccessDenied in AWS's words (sts-api §11).
   */
  async spent({ SerialNumber: serial, TokenCode: code }: Given, ctx: IssueCtx): Promise<Date | undefined> {
    if (serial === undefined && code === undefined) return undefined;
    if (serial === undefined || code === undefined) {
      throw new ApiError('AccessDenied', 'MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.');
    }
    ctx.note({ additional: { mfaSerialNumber: serial } });
    const holder = holderOf(ctx.caller);
    if (holder === undefined) throw unknownDevice();
    if (ctx.repeatable?.isAnswered === true) {
      if (await this.codes.isHeld({ holder, serial })) return ctx.issuedAt;
      throw unknownDevice();
    }
    const outcome = await this.codes.spend({ holder, serial, code, address: ctx.source.ip, now: ctx.now, claim: ctx.repeatable?.claim });
    if (outcome.accepted) return ctx.issuedAt;
    if (outcome.why === 'unknown') throw unknownDevice();
    // Why it failed is in the log of the operator only.
    throw new ApiError('AccessDenied', 'MultiFactorAuthentication failed with invalid MFA one time pass code. ', { detail: { mfa: outcome.why } });
  }
}

function unknownDevice(): ApiError {
  return new ApiError('AccessDenied', 'MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.');
}

/** Only users and root have devices. */
function holderOf(caller: Caller): KeyOwner | undefined {
  if (caller.kind === 'user') return { accountId: caller.account, userId: caller.userId };
  return caller.kind === 'root' ? { accountId: caller.account, userId: null } : undefined;
}
