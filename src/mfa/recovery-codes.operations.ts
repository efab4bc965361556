import { Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import { callerArn, type Caller } from '../domain/principal.js';
import type { UserRow } from '../identities/identities.entities.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import { MfaDevicesStore } from '../identities/mfa-devices.store.js';
import { ownUserName } from '../identities/owner.js';
import { userArn } from '../identities/shown.js';
import type { ReadTx } from '../kernel/database.js';
import { implement } from '../kernel/handler.js';
import { recoveryCodeContracts } from './recovery-codes.contract.js';
import { RecoveryCodes } from './recovery-codes.js';
import { RecoveryCodesStore } from './recovery-codes.store.js';

/** Use cases of recovery codes. */
@Injectable()
export class RecoveryCodeOperations {
  constructor(
    private readonly identities: IdentitiesStore,
    private readonly devices: MfaDevicesStore,
    private readonly store: RecoveryCodesStore,
    private readonly codes: RecoveryCodes,
  ) {}

  readonly operations = implement(recoveryCodeContracts, {
    CreateRecoveryCodes: async (input, ctx) => {
      // Held, so that his last device is not taken from him meanwhile.
      const user = await this.identities.lockUserByName(ctx.tx, ctx.caller.account, input.UserName ?? ownUserName(ctx.caller));
      requireProven(ctx.caller, user);
      if ((await this.devices.countOf(ctx.tx, user)) === 0) throw new ApiError('NoSuchEntity', `The user ${user.userName} has no MFA device that recovery codes could stand in for.`);
      const codes = await this.codes.renew(ctx.tx, user.userId, ctx.now);
      return { RecoveryCodes: codes.map((code) => code.reveal()), CreateDate: ctx.now };
    },
    GetRecoveryCodesStatus: async (input, ctx) =>
      ctx.read(async (tx) => {
        const row = await this.store.find(tx, (await this.#user(tx, ctx.caller, input)).userId);
        return row === undefined ? { CodesLeft: 0 } : { CodesLeft: row.codes.length, CreateDate: row.createdAt };
      }),
    DeleteRecoveryCodes: async (input, ctx) => {
      const user = await this.#user(ctx.tx, ctx.caller, input);
      if (!(await this.store.delete(ctx.tx, user.userId))) throw new ApiError('NoSuchEntity', `The user ${user.userName} has no recovery codes.`);
      return {};
    },
  });

  async #user(tx: ReadTx, caller: Caller, { UserName }: { UserName?: string | undefined }): Promise<UserRow> {
    return this.identities.userByName(tx, caller.account, UserName ?? ownUserName(caller));
  }
}

/** Who makes codes for himself has to have shown a device, or a stolen access key would be enough to get round it. */
function requireProven(caller: Caller, user: UserRow): void {
  if (caller.kind !== 'user' || caller.userId !== user.userId || caller.session?.mfaAt !== undefined) return;
  throw new ApiError('AccessDenied', `User: ${callerArn(caller)} is not authorized to perform: stint:CreateRecoveryCodes on resource: ${userArn(user)} without MFA`, { stepUp: {} });
}
