import { Injectable } from '@nestjs/common';
import { toBuffer } from 'qrcode';

import { rootArn, SERIAL_NUMBER_MAX } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { ROOT_USER_NAME } from '../domain/mfa.js';
import type { Caller } from '../domain/principal.js';
import { IdentitiesStore, type KeyOwner } from '../identities/identities.store.js';
import type { MfaDeviceRow } from '../identities/mfa-devices.entities.js';
import { isHeldBy, MfaDevicesStore, noDevice, serialNumber } from '../identities/mfa-devices.store.js';
import { ownUserName } from '../identities/owner.js';
import { listedUserOf } from '../identities/shown.js';
import { newTags, pageOfTags, withoutTags, withTags } from '../identities/tagging.js';
import type { ReadTx } from '../kernel/database.js';
import { quotas } from '../identities/quota.js';
import { Random } from '../kernel/effects.js';
import { implement, LastingRefusal, type ChangeCtx } from '../kernel/handler.js';
import { Keyring } from '../kernel/keyring.js';
import { pageRequest, requireTimeAndId } from '../kernel/page.js';
import { MfaCodes, NO_COUNTER } from './codes.js';
import { mfaContracts } from './mfa.contract.js';
import { RecoveryCodesStore } from './recovery-codes.store.js';
import { MfaThrottleStore, subjectsOf } from './throttle.store.js';
import { acceptedCounters, base32, counterAt, matchedPair, otpauthUri, resyncCounters, SEED_BYTES } from './totp.js';

/** Whose devices a call is about, and what he is called. */
type Holder = KeyOwner & { readonly userName: string };
/** Two codes in a row, as a call gives them. */
interface Codes {
  readonly AuthenticationCode1: string;
  readonly AuthenticationCode2: string;
}

/** Use cases of MFA devices. */
@Injectable()
export class MfaOperations {
  // Devices, whose they are, what is counted and what depends on them.
  // eslint-disable-next-line house/max-params
  constructor(
    private readonly devices: MfaDevicesStore,
    private readonly identities: IdentitiesStore,
    private readonly codes: MfaCodes,
    private readonly throttle: MfaThrottleStore,
    private readonly recovery: RecoveryCodesStore,
    private readonly keyring: Keyring,
    private readonly random: Random,
  ) {}

  readonly operations = implement(mfaContracts, {
    CreateVirtualMFADevice: async (input, ctx) => {
      const { account } = ctx.caller;
      const seed = this.random.bytes(SEED_BYTES);
      const row = this.#newDevice(ctx, { path: input.Path ?? '/', deviceName: input.VirtualMFADeviceName, tags: newTags(input.Tags, 'sensitive') }, seed);
      if (serialNumber(row).length > SERIAL_NUMBER_MAX) throw new ApiError('ValidationError', `The path and name are too long: the serial number may have ${String(SERIAL_NUMBER_MAX)} characters.`);
      // Drawn before the account is held for the new row.
      const picture = await toBuffer(otpauthUri({ name: row.deviceName, account, seed }), { type: 'png', errorCorrectionLevel: 'M' });
      await this.devices.insert(ctx.tx, row);
      return {
        VirtualMFADevice: {
          SerialNumber: serialNumber(row),
          Base32StringSeed: Buffer.from(base32(seed)).toString('base64'),
          QRCodePNG: picture.toString('base64'),
          ...(row.tags.length > 0 && { Tags: [...row.tags] }),
        },
      };
    },
    ListVirtualMFADevices: async (input, ctx) => {
      const request = pageRequest(input, 2);
      requireTimeAndId(request);
      return ctx.read(async (tx) => {
        const page = await this.devices.page(tx, { account: ctx.caller.account, assignment: input.AssignmentStatus ?? 'Any' }, request);
        return { VirtualMFADevices: await this.#listed(tx, page.rows), ...page.next };
      });
    },
    DeleteVirtualMFADevice: async (input, ctx) => {
      const row = await this.#held(ctx, input);
      if (row.enabledAt !== null) throw new ApiError('DeleteConflict', 'MFA VirtualDevice in use. Must deactivate first.');
      await this.devices.delete(ctx.tx, row);
      return {};
    },
    EnableMFADevice: async (input, ctx) => {
      const holder = await this.#holder(ctx.tx, ctx.caller, input.UserName);
      await this.identities.lockKeyOwner(ctx.tx, holder);
      const row = await this.#held(ctx, input);
      if (row.enabledAt !== null) throw new ApiError('EntityAlreadyExists', 'MFA Device is already in use.');
      if ((await this.devices.countOf(ctx.tx, holder)) >= quotas.mfaDevicesPerUser) throw new ApiError('LimitExceeded', `Cannot exceed quota for MFADevicesPerUser: ${String(quotas.mfaDevicesPerUser)}`);
      await this.#proved(ctx, { row, holder, codes: input, counters: acceptedCounters(ctx.now, 0) });
      await this.devices.enable(ctx.tx, row, { holder, at: ctx.now });
      return {};
    },
    ResyncMFADevice: async (input, ctx) => {
      const { row, holder } = await this.#heldBy(ctx, input);
      const counter = await this.#proved(ctx, { row, holder, codes: input, counters: resyncCounters(ctx.now) });
      await this.devices.setDrift(ctx.tx, row, counter - counterAt(ctx.now));
      return {};
    },
    DeactivateMFADevice: async (input, ctx) => {
      const holder = await this.#holder(ctx.tx, ctx.caller, input.UserName);
      // Held before the device, as where one is enabled: of two that are deactivated at once, one is the last.
      await this.identities.lockKeyOwner(ctx.tx, holder);
      const { row } = await this.#heldBy(ctx, input);
      await this.devices.deactivate(ctx.tx, row);
      // They stand in for a device; without one they would be a second password.
      if (holder.userId !== null && (await this.devices.countOf(ctx.tx, holder)) === 0) await this.recovery.delete(ctx.tx, holder.userId);
      return {};
    },
    ListMFADevices: async (input, ctx) => {
      const request = pageRequest(input, 2);
      requireTimeAndId(request);
      return ctx.read(async (tx) => {
        const holder = await this.#holder(tx, ctx.caller, input.UserName);
        const page = await this.devices.pageOf(tx, holder, request);
        return { MFADevices: page.rows.map((row) => ({ UserName: holder.userName, SerialNumber: serialNumber(row), EnableDate: row.enabledAt })), ...page.next };
      });
    },
    GetMFADevice: async (input, ctx) =>
      ctx.read(async (tx) => {
        const holder = input.UserName === undefined ? undefined : await this.#holder(tx, ctx.caller, input.UserName);
        const row = await this.devices.bySerial(tx, ctx.caller.account, input.SerialNumber);
        if (holder !== undefined && !isHeldBy(row, holder)) throw noDevice(input.SerialNumber);
        if (row.enabledAt === null) return { SerialNumber: input.SerialNumber };
        const [user] = row.userId === null ? [] : await this.identities.usersById(tx, [row.userId]);
        return { UserName: user?.userName ?? ROOT_USER_NAME, SerialNumber: input.SerialNumber, EnableDate: row.enabledAt };
      }),
    TagMFADevice: async (input, ctx) => {
      const row = await this.#held(ctx, input);
      await this.devices.setTags(ctx.tx, row, withTags(row.tags, input.Tags, 'sensitive'));
      return {};
    },
    UntagMFADevice: async (input, ctx) => {
      const row = await this.#held(ctx, input);
      await this.devices.setTags(ctx.tx, row, withoutTags(row.tags, input.TagKeys, 'sensitive'));
      return {};
    },
    ListMFADeviceTags: async (input, ctx) => {
      const row = await ctx.read((tx) => this.devices.bySerial(tx, ctx.caller.account, input.SerialNumber));
      return pageOfTags(row.tags, input);
    },
    UnlockMFADevice: async (input, ctx) => {
      const row = await this.#held(ctx, input);
      // What is counted for an address is other people's as well, and passes by itself.
      const subjects = subjectsOf({ deviceId: row.deviceId, holder: row, address: ctx.source.ip });
      await this.throttle.forget(ctx.tx, [...subjects].filter(([kind]) => kind !== 'address').map(([, subject]) => subject));
      return {};
    },
  });

  #newDevice({ caller, now }: ChangeCtx, named: Pick<MfaDeviceRow, 'path' | 'deviceName' | 'tags'>, seed: Buffer): MfaDeviceRow {
    const deviceId = this.random.uuid();
    const sealed = this.keyring.sealMfaSeed(deviceId, seed);
    // Our own work is checked before it is given away: the envelope must open.
    if (!this.keyring.openMfaSeed(deviceId, sealed).equals(seed)) throw new Error('the seed of an MFA device that was just sealed does not open');
    return { ...named, deviceId, accountId: caller.account, userId: null, ofRoot: false, enabledAt: null, sealed, lastCounter: NO_COUNTER, lastClaim: null, drift: 0, createdAt: now };
  }

  /** Spends two codes in a row and answers the counter of the second. Throws InvalidAuthenticationCode, and the failure stays counted. */
  async #proved(ctx: ChangeCtx, proof: { row: MfaDeviceRow; holder: Holder; codes: Codes; counters: readonly number[] }): Promise<number> {
    const { row, holder, codes, counters } = proof;
    const given = [codes.AuthenticationCode1, codes.AuthenticationCode2] as const;
    const match = (seed: Buffer): number | undefined => {
      const counter = matchedPair(seed, given, counters);
      // The first of the two must be unspent as well, or a code that was used once would do half of the work.
      return counter !== undefined && counter - 1 > row.lastCounter ? counter : undefined;
    };
    const outcome = await this.codes.attempt(ctx.tx, row, { holder, address: ctx.source.ip, now: ctx.now, match });
    if (outcome.accepted) return outcome.counter;
    throw new LastingRefusal(new ApiError('InvalidAuthenticationCode', 'Authentication code for device is not valid.', { detail: { mfa: outcome.why } }));
  }

  /** The device a call names, held. Throws NoSuchEntity. */
  async #held({ tx, caller }: ChangeCtx, input: { SerialNumber: string }): Promise<MfaDeviceRow> {
    return this.devices.lockBySerial(tx, caller.account, input.SerialNumber);
  }

  /** The same, of the user a call is about. A device of somebody else reads like one that does not exist. */
  async #heldBy(ctx: ChangeCtx, input: { UserName?: string | undefined; SerialNumber: string }): Promise<{ row: MfaDeviceRow; holder: Holder }> {
    const holder = await this.#holder(ctx.tx, ctx.caller, input.UserName);
    const row = await this.#held(ctx, input);
    if (!isHeldBy(row, holder)) throw noDevice(input.SerialNumber);
    return { row, holder };
  }

  /** Whose devices a call is about. Only root can name root; to others there is no such user. Throws NoSuchEntity. */
  async #holder(tx: ReadTx, caller: Caller, name: string | undefined): Promise<Holder> {
    const { account } = caller;
    if (caller.kind === 'root' && (name === undefined || name === ROOT_USER_NAME)) return { accountId: account, userId: null, userName: ROOT_USER_NAME };
    const row = await this.identities.userByName(tx, account, name ?? ownUserName(caller));
    return { accountId: account, userId: row.userId, userName: row.userName };
  }

  async #listed(tx: ReadTx, rows: readonly MfaDeviceRow[]): Promise<ListedDevice[]> {
    const users = new Map((await this.identities.usersById(tx, rows.flatMap(({ userId }) => userId ?? []))).map((user) => [user.userId, listedUserOf(user)]));
    const account = rows.some(({ ofRoot }) => ofRoot) ? await this.identities.accountIn(tx, rows[0]?.accountId ?? '') : undefined;
    const root = account && { Path: '/', UserId: account.accountId, Arn: rootArn(account.accountId), CreateDate: account.createdAt };
    return rows.map((row) => {
      const user = row.ofRoot ? root : users.get(row.userId ?? '');
      return { SerialNumber: serialNumber(row), ...(user && { User: user }), ...(row.enabledAt !== null && { EnableDate: row.enabledAt }) };
    });
  }
}

interface ListedDevice {
  SerialNumber: string;
  User?: { Path: string; UserName?: string; UserId: string; Arn: string; CreateDate: Date };
  EnableDate?: Date;
}
