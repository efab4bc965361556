import { Injectable } from '@nestjs/common';

import { iamArn, rootArn } from '../domain/arn.js';
import { ENTITY_ID_BYTES, entityId } from '../domain/ids.js';
import type { ReadTx } from '../kernel/database.js';
import { Random } from '../kernel/effects.js';
import { implement, type ReadCtx } from '../kernel/handler.js';
import { pageRequest } from '../kernel/page.js';
import type { UserRow } from './identities.entities.js';
import { IdentitiesStore, nameKey } from './identities.store.js';
import { ownUserName } from './owner.js';
import { newTags, refuseBoundary } from './tagging.js';
import { userContracts } from './users.contract.js';

/** Use cases of IAM users. */
@Injectable()
export class UserOperations {
  constructor(
    private readonly store: IdentitiesStore,
    private readonly random: Random,
  ) {}

  readonly operations = implement(userContracts, {
    CreateUser: async (input, ctx) => {
      refuseBoundary(input.PermissionsBoundary);
      const row: UserRow = {
        userId: entityId('AIDA', this.random.bytes(ENTITY_ID_BYTES)),
        accountId: ctx.caller.account,
        userName: input.UserName,
        nameKey: nameKey(input.UserName),
        path: input.Path ?? '/',
        tags: newTags(input.Tags),
        createdAt: ctx.now,
      };
      await this.store.insertUser(ctx.tx, row);
      return { User: { ...listed(row), ...(row.tags.length === 0 ? {} : { Tags: [...row.tags] }) } };
    },
    GetUser: async (input, ctx) => {
      if (input.UserName === undefined && ctx.caller.kind === 'root') return { User: await this.#rootUser(ctx) };
      const name = input.UserName ?? ownUserName(ctx.caller);
      const row = await ctx.read((tx: ReadTx) => this.store.userByName(tx, ctx.caller.account, name));
      return { User: { ...listed(row), ...(row.tags.length === 0 ? {} : { Tags: [...row.tags] }) } };
    },
    ListUsers: async (input, ctx) => {
      const request = pageRequest(input, 1);
      const of = { account: ctx.caller.account, pathPrefix: input.PathPrefix ?? '/' };
      const page = await ctx.read((tx) => this.store.pageUsers(tx, of, request));
      return { Users: page.rows.map(listed), ...page.next };
    },
    DeleteUser: async (input, ctx) => {
      const row = await this.store.lockUserByName(ctx.tx, ctx.caller.account, input.UserName);
      await this.store.deleteUser(ctx.tx, row);
      return {};
    },
  });

  async #rootUser(ctx: ReadCtx): Promise<{ Path: string; UserId: string; Arn: string; CreateDate: Date }> {
    const account = await this.store.findAccount(ctx.caller.account);
    return { Path: '/', UserId: ctx.caller.account, Arn: rootArn(ctx.caller.account), CreateDate: account?.createdAt ?? ctx.now };
  }
}

function listed(row: UserRow): { Path: string; UserName: string; UserId: string; Arn: string; CreateDate: Date } {
  return {
    Path: row.path,
    UserName: row.userName,
    UserId: row.userId,
    Arn: iamArn(row.accountId, 'user', `${row.path}${row.userName}`),
    CreateDate: row.createdAt,
  };
}
