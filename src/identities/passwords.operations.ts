import { Injectable } from '@nestjs/common';
import type { z } from 'zod';

import type { Nothing } from '../contract/shapes.js';
import { ApiError } from '../domain/errors.js';
import { Secret } from '../domain/secret.js';
import type { ReadTx } from '../kernel/database.js';
import { implement, type ChangeCtx, type ReadCtx, type Rest } from '../kernel/handler.js';
import type { UserRow } from './identities.entities.js';
import { IdentitiesStore } from './identities.store.js';
import { ownUserName } from './owner.js';
import { loginProfileContracts, passwordPolicyContracts } from './passwords.contract.js';
import type { LoginProfileRow, PasswordPolicyRow } from './passwords.entities.js';
import { changedMeanwhile, PasswordsStore, profileExists, type StoredPassword } from './passwords.store.js';
import { Passwords, requireAcceptable, type Standing } from './passwords.js';

type Named = { readonly UserName?: string | undefined };
type Update = z.output<typeof loginProfileContracts.UpdateLoginProfile.input>;
type Change = z.output<typeof loginProfileContracts.ChangePassword.input>;

/** Use cases of login profiles. Passwords are hashed before the transaction in which they are written begins. */
@Injectable()
export class LoginProfileOperations {
  constructor(
    private readonly identities: IdentitiesStore,
    private readonly store: PasswordsStore,
    private readonly passwords: Passwords,
  ) {}

  readonly operations = implement(loginProfileContracts, {
    CreateLoginProfile: {
      ahead: async (input, ctx) => {
        const password = Secret.of(input.Password);
        const { user, standing } = await ctx.read(async (tx) => {
          const found = await this.#user(tx, ctx, input);
          if ((await this.store.findProfile(tx, found.userId)) !== undefined) throw profileExists(found.userName);
          return { user: found, standing: await this.#standing(tx, found.accountId) };
        });
        requireAcceptable(password, standing);
        const stored = await this.passwords.stored(user, password);
        return async (change) => {
          await this.#requireUnchanged(change, user, standing);
          const row = newProfile(user, stored, { resetRequired: input.PasswordResetRequired ?? false, now: change.now });
          await this.store.insertProfile(change.tx, user, row);
          return { LoginProfile: shown(user, row) };
        };
      },
    },
    GetLoginProfile: async (input, ctx) => {
      requireNotOfRoot(input, ctx);
      return ctx.read(async (tx) => {
        const user = await this.#user(tx, ctx, input);
        return { LoginProfile: shown(user, await this.store.profile(tx, user)) };
      });
    },
    UpdateLoginProfile: { ahead: (input, ctx) => this.#update(input, ctx) },
    DeleteLoginProfile: async (input, ctx) => {
      requireNotOfRoot(input, ctx);
      await this.store.deleteProfile(ctx.tx, await this.#user(ctx.tx, ctx, input));
      return {};
    },
    ChangePassword: { ahead: (input, ctx) => this.#change(input, ctx) },
  });

  async #update(input: Update, ctx: ReadCtx): Promise<Rest<typeof Nothing>> {
    const { user, profile, standing } = await ctx.read(async (tx) => {
      const found = await this.#user(tx, ctx, input);
      return { user: found, profile: await this.store.profile(tx, found), standing: await this.#standing(tx, found.accountId) };
    });
    const { Password: text, PasswordResetRequired: reset } = input;
    if (text === undefined) {
      return async (change) => {
        await this.#requireUnchanged(change, user, standing);
        if (reset !== undefined) await this.store.requireReset(change.tx, user, reset);
        return {};
      };
    }
    const password = Secret.of(text);
    requireAcceptable(password, standing);
    const stored = await this.passwords.stored(user, password, { profile, policy: standing.policy });
    return async (change) => {
      await this.#requireUnchanged(change, user, standing);
      await this.store.replacePassword(change.tx, profile, { ...stored, resetRequired: reset ?? profile.resetRequired, changedAt: change.now });
      return {};
    };
  }

  async #change(input: Change, ctx: ReadCtx): Promise<Rest<typeof Nothing>> {
    const { caller } = ctx;
    if (caller.kind !== 'user') throw new ApiError('InvalidUserType', 'Only IAM Users can change their own password.');
    const { user, standing } = await ctx.read(async (tx) => {
      const found = await this.#user(tx, ctx, {});
      await this.store.profile(tx, found);
      return { user: found, standing: await this.#standing(tx, found.accountId) };
    });
    const next = Secret.of(input.NewPassword);
    requireAcceptable(next, standing);
    const profile = await this.#proven(user, Secret.of(input.OldPassword), ctx.now);
    const stored = await this.passwords.stored(user, next, { profile, policy: standing.policy });
    return async (change) => {
      await this.#requireUnchanged(change, user, standing);
      await this.store.replacePassword(change.tx, profile, { ...stored, resetRequired: false, changedAt: change.now });
      return {};
    };
  }

  /** The profile of a user who has shown that he knows his password. */
  async #proven(user: UserRow, password: Secret, now: Date): Promise<LoginProfileRow> {
    const verdict = await this.passwords.verifyPassword(user, password, now);
    switch (verdict.is) {
      case 'right':
        return verdict.profile;
      case 'wrong':
        throw new ApiError('AccessDenied', 'The old password was incorrect.');
      case 'absent':
        throw changedMeanwhile();
      case 'too soon': {
        const seconds = Math.ceil((verdict.waitUntil.getTime() - now.getTime()) / 1000);
        throw new ApiError('EntityTemporarilyUnmodifiable', `The password of user ${user.userName} was guessed wrong too often. Repeat the request in ${seconds} seconds.`);
      }
    }
  }

  /** The user a call is about: the named one, or the caller himself. Throws NoSuchEntity, and ValidationError where the caller is no user. */
  async #user(tx: ReadTx, { caller }: Pick<ReadCtx, 'caller'>, { UserName }: Named): Promise<UserRow> {
    return this.identities.userByName(tx, caller.account, UserName ?? ownUserName(caller));
  }

  async #standing(tx: ReadTx, accountId: string): Promise<Standing> {
    const [policy, account] = [await this.store.findPolicy(tx, accountId), await this.identities.accountIn(tx, accountId)];
    return { policy, accountName: account?.accountName ?? '' };
  }

  /** Refuses (ConcurrentModification) what was hashed for another user of that name, or judged by other rules. The user is held. */
  async #requireUnchanged({ tx }: ChangeCtx, user: UserRow, standing: Standing): Promise<void> {
    const found = await this.identities.lockUserByName(tx, user.accountId, user.userName);
    const { policy } = await this.#standing(tx, user.accountId);
    if (found.userId !== user.userId || JSON.stringify(policy) !== JSON.stringify(standing.policy)) throw changedMeanwhile();
  }
}

/** Use cases of the account's password policy. */
@Injectable()
export class PasswordPolicyOperations {
  constructor(private readonly store: PasswordsStore) {}

  readonly operations = implement(passwordPolicyContracts, {
    UpdateAccountPasswordPolicy: async (input, ctx) => {
      await this.store.putPolicy(ctx.tx, {
        accountId: ctx.caller.account,
        minimumLength: input.MinimumPasswordLength ?? 6,
        requireSymbols: input.RequireSymbols ?? false,
        requireNumbers: input.RequireNumbers ?? false,
        requireUppercase: input.RequireUppercaseCharacters ?? false,
        requireLowercase: input.RequireLowercaseCharacters ?? false,
        usersMayChange: input.AllowUsersToChangePassword ?? false,
        maxAgeDays: input.MaxPasswordAge ?? null,
        reusePrevention: input.PasswordReusePrevention ?? null,
        hardExpiry: input.HardExpiry ?? null,
      });
      return {};
    },
    GetAccountPasswordPolicy: async (_, ctx) => {
      const { account } = ctx.caller;
      const row = await ctx.read((tx) => this.store.findPolicy(tx, account));
      if (row === undefined) throw new ApiError('NoSuchEntity', `The Password Policy with domain name ${account} cannot be found.`);
      return { PasswordPolicy: shownPolicy(row) };
    },
    DeleteAccountPasswordPolicy: async (_, ctx) => {
      await this.store.deletePolicy(ctx.tx, ctx.caller.account);
      return {};
    },
  });
}

/** Whoever has borrowed a root user (AssumeRoot) asks for its password without a name; root users have none in Stint. */
function requireNotOfRoot({ UserName }: Named, { caller }: Pick<ReadCtx, 'caller'>): void {
  if (UserName === undefined && caller.session?.origin === 'AssumeRoot') throw new ApiError('NoSuchEntity', 'Login Profile for User root cannot be found.');
}

function newProfile({ userId, accountId }: UserRow, stored: StoredPassword, { resetRequired, now }: { resetRequired: boolean; now: Date }): LoginProfileRow {
  return { userId, accountId, ...stored, resetRequired, createdAt: now, changedAt: now, lastUsedAt: null, wrongGuesses: 0, nextGuessAt: null };
}

function shown({ userName }: UserRow, row: LoginProfileRow): { UserName: string; CreateDate: Date; PasswordResetRequired: boolean } {
  return { UserName: userName, CreateDate: row.createdAt, PasswordResetRequired: row.resetRequired };
}

function shownPolicy(row: PasswordPolicyRow): z.input<typeof passwordPolicyContracts.GetAccountPasswordPolicy.output>['PasswordPolicy'] {
  return {
    MinimumPasswordLength: row.minimumLength,
    RequireSymbols: row.requireSymbols,
    RequireNumbers: row.requireNumbers,
    RequireUppercaseCharacters: row.requireUppercase,
    RequireLowercaseCharacters: row.requireLowercase,
    AllowUsersToChangePassword: row.usersMayChange,
    ExpirePasswords: row.maxAgeDays !== null,
    ...(row.maxAgeDays !== null && { MaxPasswordAge: row.maxAgeDays }),
    ...(row.reusePrevention !== null && { PasswordReusePrevention: row.reusePrevention }),
    ...(row.hardExpiry !== null && { HardExpiry: row.hardExpiry }),
  };
}
