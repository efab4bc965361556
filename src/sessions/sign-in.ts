import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import { AccountSettingsStore } from '../account/settings.store.js';
import { accountId, isAccountId } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import type { UserCaller } from '../domain/principal.js';
import { Secret } from '../domain/secret.js';
import { userSessionDuration } from '../domain/session-rules.js';
import type { UserRow } from '../identities/identities.entities.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import { MfaDevicesStore } from '../identities/mfa-devices.store.js';
import { Passwords, type Verdict } from '../identities/passwords.js';
import { PasswordsStore } from '../identities/passwords.store.js';
import { Database } from '../kernel/database.js';
import type { IssueCtx, ProofCtx, Proved } from '../kernel/handler.js';
import { MfaCodes } from '../mfa/codes.js';
import { RecoveryCodes } from '../mfa/recovery-codes.js';
import { MfaThrottleStore, signInSubject, type BegunSignIn } from '../mfa/throttle.store.js';
import { Issuer } from './issuer.js';
import type { signInContracts } from './sign-in.contract.js';

type Input = z.output<typeof signInContracts.SignIn.input>;
type Output = z.input<typeof signInContracts.SignIn.output>;

/** What a second proof came to: when it was given, and how many recovery codes are left where it was one. */
interface Second {
  readonly mfaAt?: Date;
  readonly codesLeft?: number;
}

/** All that the credentials may do of somebody who has to set another password first. */
const CHANGE_ONLY = JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 'iam:ChangePassword', Resource: '*' } });

/** Finds out who signs in. To whoever does not know the password every user is like one that there is not. */
@Injectable()
export class SignInProofs {
  constructor(
    private readonly settings: AccountSettingsStore,
    private readonly identities: IdentitiesStore,
    private readonly passwords: Passwords,
    private readonly throttle: MfaThrottleStore,
    private readonly database: Database,
  ) {}

  /**
   * Whose password it is. An attempt counts for the network it comes from before it is looked at, and is taken back where it was
   * right. A wrong password of somebody is recorded as his refusal; what was not looked at is not, so that nobody can fill an
   * audit log faster than he may guess. Throws SignInRefused and ServiceUnavailable.
   */
  async prove(input: Input, ctx: ProofCtx): Promise<Proved> {
    const { now, source } = ctx;
    requireOneSecond(input);
    const begun = await this.database.write((tx) => this.throttle.beginSignIn(tx, source.ip, now));
    // Said without a hash: it is so whoever is named, and what floods from an address shall cost little.
    if (begun === undefined) throw refused('the address has to wait');
    const { user, verdict } = await this.#looked(input, ctx).catch(async (error: unknown) => {
      await this.#takeBack(begun);
      throw error;
    });
    if (user !== undefined && verdict.is === 'right') {
      await this.#takeBack(begun);
      return { caller: callerOf(user) };
    }
    if (user !== undefined && verdict.is === 'wrong') return { caller: callerOf(user), refusal: refused('the password is wrong', { isCounted: true }) };
    // As long as it takes to record a refusal: one row is written.
    await this.database.write((tx) => this.throttle.failed(tx, [signInSubject(source.ip)], { now, counts: false }));
    throw refused(user === undefined ? 'there is no such user' : verdict.is === 'absent' ? 'the user has no password' : 'the user has to wait');
  }

  async #looked(input: Input, { now, source }: ProofCtx): Promise<{ user: UserRow | undefined; verdict: Verdict }> {
    const user = await this.database.read(async (tx) => {
      const named = isAccountId(input.Account) ? input.Account : await this.settings.accountByAlias(tx, input.Account);
      // Asked for although there is no such account, as it takes its time.
      return this.identities.findUserByNameIn(tx, named ?? '', input.UserName);
    });
    return { user, verdict: await this.passwords.verifySignIn(user, Secret.of(input.Password), { now, from: signInSubject(source.ip) }) };
  }

  async #takeBack(begun: BegunSignIn): Promise<void> {
    await this.database.write((tx) => this.throttle.takeBackSignIn(tx, begun));
  }
}

/** Starts sessions of users who have shown that they know their passwords. */
@Injectable()
export class SignIns {
  constructor(
    private readonly devices: MfaDevicesStore,
    private readonly codes: MfaCodes,
    private readonly recovery: RecoveryCodes,
    private readonly profiles: PasswordsStore,
    private readonly issuer: Issuer,
  ) {}

  /** Carries out SignIn for a user whose password was right; see its contract for what is refused. */
  async signIn(input: Input, ctx: IssueCtx): Promise<Output> {
    const user = signedIn(ctx);
    const { mfaAt, codesLeft } = await this.#second(input, user, ctx);
    const facts = (await ctx.read((tx) => this.profiles.passwordsOf(tx, user.account, [user.userId]))).get(user.userId);
    if (facts === undefined) throw refused('the password was deleted meanwhile');
    const isExpired = facts.expiresAt !== undefined && facts.expiresAt <= ctx.now;
    if (isExpired && facts.afterExpiry === 'an administrator') throw refused('the password has expired', { message: 'The password has expired. An administrator has to set another one.' });
    const mustChange = facts.resetRequired || isExpired;
    const issued = this.issuer.issue(ctx, {
      actor: { kind: 'user', account: user.account, userId: user.userId, userName: user.userName, path: user.path },
      facts: { origin: 'SignIn', tags: [], transitiveTagKeys: [], scopedDown: mustChange ? [CHANGE_ONLY] : [], ...(mfaAt !== undefined && { mfaAt }) },
      granted: userSessionDuration(input.DurationSeconds, false),
      requested: input.DurationSeconds,
      operation: 'SignIn',
    });
    this.profiles.uses.note(user.userId, ctx.now);
    const { Credentials, SessionId, Duration } = issued;
    return { Credentials, SessionId, Duration, PasswordResetRequired: mustChange, ...(facts.expiresAt && { PasswordExpiresAt: facts.expiresAt }), ...(codesLeft !== undefined && { RecoveryCodesLeft: codesLeft }) };
  }

  /** Spends what was given beside the password. Only who knew that is told that it is needed. */
  async #second(input: Input, user: UserCaller, ctx: IssueCtx): Promise<Second> {
    const holder = { accountId: user.account, userId: user.userId };
    const isNeeded = (await ctx.read((tx) => this.devices.countOf(tx, holder))) > 0;
    const { TokenCode: code, RecoveryCode: recoveryCode, SerialNumber: serial } = input;
    const presented = { holder, address: ctx.source.ip, now: ctx.now };
    if (recoveryCode !== undefined) {
      ctx.note({ additional: { MFAUsed: 'Yes', recoveryCodeUsed: 'No' } });
      const outcome = await this.recovery.spend({ ...presented, ...holder, code: recoveryCode });
      if (!outcome.accepted) throw refusedSecond(outcome.why, isNeeded);
      ctx.note({ additional: { MFAUsed: 'Yes', recoveryCodeUsed: 'Yes', recoveryCodesLeft: outcome.left } });
      return { mfaAt: ctx.issuedAt, codesLeft: outcome.left };
    }
    if (code !== undefined) {
      ctx.note({ additional: { MFAUsed: 'Yes', ...(serial !== undefined && { MFAIdentifier: serial }) } });
      const outcome = serial === undefined ? await this.codes.spendAny({ ...presented, code }) : await this.codes.spend({ ...presented, serial, code });
      if (!outcome.accepted) throw refusedSecond(outcome.why, isNeeded);
      ctx.note({ additional: { MFAUsed: 'Yes', MFAIdentifier: outcome.serial } });
      return { mfaAt: ctx.issuedAt };
    }
    if (isNeeded) throw refusedSecond('missing', true);
    return {};
  }
}

/** The one refusal of all who have not proved who they are; why is for the log of the operator. */
function refused(why: string, more: { readonly message?: string; readonly isMfaNeeded?: boolean; readonly isCounted?: boolean } = {}): ApiError {
  return new ApiError('SignInRefused', more.message ?? 'The account, the user, the password or the code is not right, or too many attempts were made.', {
    detail: { why },
    ...(more.isCounted === true && { isCounted: true }),
    ...(more.isMfaNeeded === true && { stepUp: {} }),
  });
}

function refusedSecond(why: string, isMfaNeeded: boolean): ApiError {
  return refused(`the second proof is ${why}`, { isMfaNeeded, isCounted: why === 'wrong' || why === 'spent' });
}

function requireOneSecond({ TokenCode: code, RecoveryCode: recoveryCode, SerialNumber: serial }: Input): void {
  if (code !== undefined && recoveryCode !== undefined) throw new ApiError('ValidationError', 'At most one of tokenCode and recoveryCode can be given.');
  if (serial !== undefined && code === undefined) throw new ApiError('ValidationError', 'A serialNumber can be given only with a tokenCode.');
}

/** Whoever signs in has no access key yet. */
function callerOf({ accountId: account, userId, userName, path }: UserRow): UserCaller {
  return { kind: 'user', account: accountId(account), accessKeyId: '', userId, userName, path };
}

function signedIn({ caller }: IssueCtx): UserCaller {
  if (caller.kind !== 'user') throw new Error('nobody has shown a password');
  return caller;
}
