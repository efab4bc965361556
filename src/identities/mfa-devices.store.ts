import { Injectable } from '@nestjs/common';

import { iamArn, mfaDeviceInArn } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { Database, holdRow, onConstraint, type ReadTx, type Tx } from '../kernel/database.js';
import { pageOf, type Page, type PageRequest } from '../kernel/page.js';
import type { StoredTag } from './identities.entities.js';
import type { KeyOwner } from './identities.store.js';
import { MfaDeviceRow } from './mfa-devices.entities.js';
import { quotas, requireRoom } from './quota.js';

/** IAM quota: as many virtual MFA devices as users in an account. */
const QUOTA = { table: 'mfa_device', name: 'MFADevicesPerAccount', max: quotas.mfaDevices } as const;

/** How many devices an account has. */
export interface DeviceCounts {
  readonly all: number;
  /** Those that are enabled for somebody. */
  readonly inUse: number;
  /** Those that are enabled for the root user. */
  readonly ofRoot: number;
}

/** Whether devices of somebody are meant, of nobody, or all. */
export type Assignment = 'Assigned' | 'Unassigned' | 'Any';

/** A device's serial number: its ARN. */
export function serialNumber(row: Pick<MfaDeviceRow, 'accountId' | 'path' | 'deviceName'>): string {
  return iamArn(row.accountId, 'mfa', `${row.path}${row.deviceName}`);
}

/** Whether a device is enabled for this user, or root user. */
export function isHeldBy(row: MfaDeviceRow, holder: KeyOwner): boolean {
  return row.accountId === holder.accountId && (holder.userId === null ? row.ofRoot : row.userId === holder.userId);
}

/** Virtual MFA devices. Their rows are looked up each time: what they say of spent codes must never be old. */
@Injectable()
export class MfaDevicesStore {
  constructor(private readonly database: Database) {}

  /** The device of an account with this serial number, in a transaction of its own. */
  async find(accountId: string, serial: string): Promise<MfaDeviceRow | undefined> {
    return this.database.read((tx) => this.findIn(tx, accountId, serial));
  }

  /** The device of an account with this serial number. */
  async findIn(tx: ReadTx, accountId: string, serial: string): Promise<MfaDeviceRow | undefined> {
    const named = mfaDeviceInArn(serial);
    if (named?.account !== accountId) return undefined;
    return (await tx.findOneBy(MfaDeviceRow, { accountId, path: named.path, deviceName: named.name })) ?? undefined;
  }

  /** The same. Throws NoSuchEntity. */
  async bySerial(tx: ReadTx, accountId: string, serial: string): Promise<MfaDeviceRow> {
    const row = await this.findIn(tx, accountId, serial);
    if (row === undefined) throw noDevice(serial);
    return row;
  }

  /** The same, held against other changes until the transaction ends. */
  async lock(tx: Tx, accountId: string, serial: string): Promise<MfaDeviceRow | undefined> {
    const named = mfaDeviceInArn(serial);
    if (named?.account !== accountId) return undefined;
    const deviceId = await holdRow(tx, { table: 'mfa_device', key: 'device_id' }, { account_id: accountId, path: named.path, device_name: named.name });
    return deviceId === undefined ? undefined : tx.findOneByOrFail(MfaDeviceRow, { deviceId });
  }

  /** The same. Throws NoSuchEntity. */
  async lockBySerial(tx: Tx, accountId: string, serial: string): Promise<MfaDeviceRow> {
    const row = await this.lock(tx, accountId, serial);
    if (row === undefined) throw noDevice(serial);
    return row;
  }

  /** All devices of one user or root user, held against other changes until the transaction ends. */
  async lockAllOf(tx: Tx, holder: KeyOwner): Promise<readonly MfaDeviceRow[]> {
    const where = holder.userId === null ? { accountId: holder.accountId, ofRoot: true } : { accountId: holder.accountId, userId: holder.userId };
    // In one order, so that two do not wait for each other; read after they are held, so that what they say is not old.
    await tx.query(
      `SELECT 1 FROM mfa_device WHERE account_id = $1 AND CASE WHEN $2::text IS NULL THEN of_root ELSE user_id = $2 END ORDER BY device_id FOR NO KEY UPDATE`,
      [holder.accountId, holder.userId],
    );
    return tx.find(MfaDeviceRow, { where, order: { deviceId: 'ASC' } });
  }

  /** Devices of an account, the oldest first. */
  async page(tx: ReadTx, of: { account: string; assignment: Assignment }, request: PageRequest): Promise<Page<MfaDeviceRow>> {
    const query = tx.createQueryBuilder(MfaDeviceRow, 'd').where('d.accountId = :account', { account: of.account });
    if (of.assignment !== 'Any') query.andWhere(`d.enabledAt IS ${of.assignment === 'Assigned' ? 'NOT NULL' : 'NULL'}`);
    if (request.after !== undefined) query.andWhere('(d.createdAt, d.deviceId) > (:afterTime::timestamptz, :afterId::uuid)', { afterTime: request.after[0], afterId: request.after[1] });
    const rows = await query.orderBy('d.createdAt').addOrderBy('d.deviceId').limit(request.items + 1).getMany();
    return pageOf(rows, request, (row) => [row.createdAt.toISOString(), row.deviceId]);
  }

  /** Devices of one user or root user, the one that was enabled first before the others. */
  async pageOf(tx: ReadTx, holder: KeyOwner, request: PageRequest): Promise<Page<MfaDeviceRow & { enabledAt: Date }>> {
    const query = tx.createQueryBuilder(MfaDeviceRow, 'd').where('d.accountId = :account', { account: holder.accountId });
    if (holder.userId === null) query.andWhere('d.ofRoot');
    else query.andWhere('d.userId = :userId', { userId: holder.userId });
    if (request.after !== undefined) query.andWhere('(d.enabledAt, d.deviceId) > (:afterTime::timestamptz, :afterId::uuid)', { afterTime: request.after[0], afterId: request.after[1] });
    const rows = (await query.orderBy('d.enabledAt').addOrderBy('d.deviceId').limit(request.items + 1).getMany()) as (MfaDeviceRow & { enabledAt: Date })[];
    return pageOf(rows, request, (row) => [row.enabledAt.toISOString(), row.deviceId]);
  }

  /** How many devices a user or root user has. */
  async countOf(tx: ReadTx, holder: KeyOwner): Promise<number> {
    return tx.countBy(MfaDeviceRow, holder.userId === null ? { accountId: holder.accountId, ofRoot: true } : { userId: holder.userId });
  }

  /** How many devices an account has. */
  async counts(tx: ReadTx, accountId: string): Promise<DeviceCounts> {
    const sql = 'SELECT count(*)::int AS "all", count(enabled_at)::int AS "inUse", (count(*) FILTER (WHERE of_root))::int AS "ofRoot" FROM mfa_device WHERE account_id = $1';
    const [counts] = await tx.query<DeviceCounts[]>(sql, [accountId]);
    return counts ?? { all: 0, inUse: 0, ofRoot: 0 };
  }

  /** Which of these users have a device. */
  async holdersAmong(tx: ReadTx, userIds: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await tx.query<{ userId: string }[]>('SELECT DISTINCT user_id AS "userId" FROM mfa_device WHERE user_id = ANY($1)', [userIds]);
    return new Set(rows.map(({ userId }) => userId));
  }

  /** Adds a device. Throws EntityAlreadyExists, and LimitExceeded where the account has as many as it may. */
  async insert(tx: Tx, row: MfaDeviceRow): Promise<void> {
    await requireRoom(tx, row.accountId, QUOTA);
    await onConstraint(tx.insert(MfaDeviceRow, { ...row, tags: row.tags as never }), {
      UQ_mfa_device_name: () => new ApiError('EntityAlreadyExists', 'MFA device already exists.'),
    });
  }

  /** Gives a device that is held to a user or root user. Throws NoSuchEntity where that user is being deleted. */
  async enable(tx: Tx, row: MfaDeviceRow, to: { holder: KeyOwner; at: Date }): Promise<void> {
    const { userId } = to.holder;
    await onConstraint(tx.update(MfaDeviceRow, { deviceId: row.deviceId }, { userId, ofRoot: userId === null, enabledAt: to.at, drift: 0 }), {
      FK_mfa_device_user: () => new ApiError('NoSuchEntity', 'The user of the MFA device cannot be found.'),
    });
  }

  /** Takes a device that is held from whoever has it. Its spent codes stay spent. */
  async deactivate(tx: Tx, row: MfaDeviceRow): Promise<void> {
    await tx.update(MfaDeviceRow, { deviceId: row.deviceId }, { userId: null, ofRoot: false, enabledAt: null });
  }

  /** Notes how far a device's clock is from ours. */
  async setDrift(tx: Tx, row: MfaDeviceRow, drift: number): Promise<void> {
    await tx.update(MfaDeviceRow, { deviceId: row.deviceId }, { drift });
  }

  /** Spends the code of a counter, and with it all before it; whether it was unspent. */
  async spend(tx: Tx, row: MfaDeviceRow, { counter, claim }: { counter: number; claim: Buffer | undefined }): Promise<boolean> {
    const spent = await tx.query<[unknown[], number]>('UPDATE mfa_device SET last_counter = $2, last_claim = $3 WHERE device_id = $1 AND last_counter < $2', [row.deviceId, counter, claim ?? null]);
    return spent[1] === 1;
  }

  /** Replaces the tags of a device that is held. */
  async setTags(tx: Tx, row: MfaDeviceRow, tags: readonly StoredTag[]): Promise<void> {
    await tx.update(MfaDeviceRow, { deviceId: row.deviceId }, { tags });
  }

  /** Removes a device that is held and belongs to nobody. */
  async delete(tx: Tx, row: MfaDeviceRow): Promise<void> {
    await tx.delete(MfaDeviceRow, { deviceId: row.deviceId });
  }
}

/** The refusal of a serial number that no device of the account has. */
export function noDevice(serial: string): ApiError {
  return new ApiError('NoSuchEntity', `MFA Device with serial number ${serial} does not exist.`);
}
