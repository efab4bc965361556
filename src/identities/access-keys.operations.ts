import { Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import { callerArn } from '../domain/principal.js';
import { implement } from '../kernel/handler.js';
import { pageOf, pageRequest } from '../kernel/page.js';
import type { AccessKeyRow } from './identities.entities.js';
import { IdentitiesStore } from './identities.store.js';
import { KeyMaker } from './keys.js';
import { keyOwner } from './owner.js';
import { quotas } from './quota.js';
import { accessKeyContracts } from './users.contract.js';

/** IAM quota: access keys per user, and per root user. */
const KEYS_MAX = quotas.accessKeys;

/** Use cases of access keys. */
@Injectable()
export class AccessKeyOperations {
  constructor(
    private readonly store: IdentitiesStore,
    private readonly keys: KeyMaker,
  ) {}

  readonly operations = implement(accessKeyContracts, {
    CreateAccessKey: async (input, ctx) => {
      const owner = await keyOwner(this.store, ctx.caller, { tx: ctx.tx, userName: input.UserName });
      await this.store.lockKeyOwner(ctx.tx, owner);
      const existing = await this.store.accessKeysOf(ctx.tx, owner);
      if (existing.length >= KEYS_MAX) throw new ApiError('LimitExceeded', `Cannot exceed quota for AccessKeysPerUser: ${String(KEYS_MAX)}`);
      const { row, secret } = await this.keys.make(ctx.tx, { ...owner, now: ctx.now });
      return { AccessKey: { ...metadata(row, owner.userName), SecretAccessKey: secret.reveal() } };
    },
    ListAccessKeys: async (input, ctx) => {
      const request = pageRequest(input, 1);
      return ctx.read(async (tx) => {
        const owner = await keyOwner(this.store, ctx.caller, { tx, userName: input.UserName });
        const rows = await this.store.accessKeysOf(tx, owner);
        const [after] = request.after ?? [];
        const from = after === undefined ? 0 : rows.findIndex((row) => row.accessKeyId === after) + 1;
        const page = pageOf(rows.slice(from, from + request.items + 1), request, (row) => [row.accessKeyId]);
        return { AccessKeyMetadata: page.rows.map((row) => metadata(row, owner.userName)), ...page.next };
      });
    },
    UpdateAccessKey: async (input, ctx) => {
      const owner = await keyOwner(this.store, ctx.caller, { tx: ctx.tx, userName: input.UserName });
      await this.store.updateAccessKey(ctx.tx, owner, { id: input.AccessKeyId, status: input.Status });
      return {};
    },
    DeleteAccessKey: async (input, ctx) => {
      const owner = await keyOwner(this.store, ctx.caller, { tx: ctx.tx, userName: input.UserName });
      await this.store.deleteAccessKey(ctx.tx, owner, input.AccessKeyId);
      return {};
    },
    GetAccessKeyLastUsed: async (input, ctx) => {
      const row = await this.store.findAccessKey(input.AccessKeyId);
      if (row === undefined || row.accountId !== ctx.caller.account) {
        // AWS answers so for keys of other accounts and unknown keys alike.
        throw new ApiError('AccessDenied', `User: ${callerArn(ctx.caller)} is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key ${input.AccessKeyId}`);
      }
      const user = row.userId === null ? undefined : await this.store.findUser(row.userId);
      return { ...(user === undefined ? {} : { UserName: user.userName }), AccessKeyLastUsed: await this.#lastUse(row) };
    },
  });

  async #lastUse(row: AccessKeyRow): Promise<{ LastUsedDate?: Date; ServiceName: string; Region: string }> {
    const pending = this.store.keyUses.pending(row.accessKeyId);
    if (pending !== undefined) return { LastUsedDate: pending.at, ServiceName: pending.service, Region: pending.region };
    // A remembered row does not know later uses: stamps are written without making anyone forget.
    const stored = await this.store.readAccessKey(row.accessKeyId);
    if (stored?.lastUsedAt == null) return { ServiceName: 'N/A', Region: 'N/A' };
    return { LastUsedDate: stored.lastUsedAt, ServiceName: stored.lastUsedService ?? 'N/A', Region: stored.lastUsedRegion ?? 'N/A' };
  }
}

function metadata(row: AccessKeyRow, userName: string | undefined): { UserName?: string; AccessKeyId: string; Status: AccessKeyRow['status']; CreateDate: Date } {
  return { ...(userName === undefined ? {} : { UserName: userName }), AccessKeyId: row.accessKeyId, Status: row.status, CreateDate: row.createdAt };
}
