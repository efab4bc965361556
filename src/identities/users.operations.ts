import { Injectable } from '@nestjs/common';

import { rootArn } from '../domain/arn.js';
import { ENTITY_ID_BYTES, entityId } from '../domain/ids.js';
import type { ReadTx } from '../kernel/database.js';
import { Random } from '../kernel/effects.js';
import { implement, type ChangeCtx, type ReadCtx } from '../kernel/handler.js';
import { pageRequest } from '../kernel/page.js';
import { BoundaryPolicies, shownBoundary, unbounded } from './boundaries.js';
import type { StoredTag, UserRow } from './identities.entities.js';
import { IdentitiesStore, nameKey } from './identities.store.js';
import { ownUserName } from './owner.js';
import { PasswordsStore } from './passwords.store.js';
import { listedUserOf } from './shown.js';
import { newTags, pageOfTags, withoutTags, withTags } from './tagging.js';
import { userContracts } from './users.contract.js';

/** Use cases of IAM users. */
@Injectable()
export class UserOperations {
  constructor(
    private readonly store: IdentitiesStore,
    private readonly boundaries: BoundaryPolicies,
    private readonly passwords: PasswordsStore,
    private readonly random: Random,
  ) {}

  readonly operations = implement(userContracts, {
    CreateUser: async (input, ctx) => {
      const { account } = ctx.caller;
      const boundary = input.PermissionsBoundary === undefined ? unbounded : await this.boundaries.boundary(ctx.tx, input.PermissionsBoundary, account);
      const row: UserRow = {
        userId: entityId('AIDA', this.random.bytes(ENTITY_ID_BYTES)),
        accountId: account,
        userName: input.UserName,
        nameKey: nameKey(input.UserName),
        path: input.Path ?? '/',
        tags: newTags(input.Tags),
        ...boundary,
        createdAt: ctx.now,
      };
      await this.store.insertUser(ctx.tx, row);
      return { User: shown(row) };
    },
    GetUser: async (input, ctx) => {
      if (input.UserName === undefined && ctx.caller.kind === 'root') return { User: await this.#rootUser(ctx) };
      const name = input.UserName ?? ownUserName(ctx.caller);
      return ctx.read(async (tx: ReadTx) => {
        const row = await this.store.userByName(tx, ctx.caller.account, name);
        const [user] = await this.#withUses(tx, [row], shown);
        return { User: user ?? shown(row) };
      });
    },
    ListUsers: async (input, ctx) => {
      const request = pageRequest(input, 1);
      const of = { account: ctx.caller.account, pathPrefix: input.PathPrefix ?? '/' };
      return ctx.read(async (tx) => {
        const page = await this.store.pageUsers(tx, of, request);
        return { Users: await this.#withUses(tx, page.rows, listedUserOf), ...page.next };
      });
    },
    UpdateUser: async (input, ctx) => {
      const row = await this.#held(ctx, input);
      await this.store.updateUser(ctx.tx, row, { userName: input.NewUserName ?? row.userName, path: input.NewPath ?? row.path });
      return {};
    },
    DeleteUser: async (input, ctx) => {
      await this.store.deleteUser(ctx.tx, await this.#held(ctx, input));
      return {};
    },
    TagUser: async (input, ctx) => {
      const row = await this.#held(ctx, input);
      await this.store.updateUserTags(ctx.tx, row, withTags(row.tags, input.Tags, 'insensitive'));
      return {};
    },
    UntagUser: async (input, ctx) => {
      const row = await this.#held(ctx, input);
      await this.store.updateUserTags(ctx.tx, row, withoutTags(row.tags, input.TagKeys, 'insensitive'));
      return {};
    },
    ListUserTags: async (input, ctx) => {
      const row = await ctx.read((tx) => this.store.userByName(tx, ctx.caller.account, input.UserName));
      return pageOfTags(row.tags, input);
    },
    PutUserPermissionsBoundary: async (input, ctx) => {
      const row = await this.#held(ctx, input);
      await this.store.updateUserBoundary(ctx.tx, row, await this.boundaries.boundary(ctx.tx, input.PermissionsBoundary, ctx.caller.account));
      return {};
    },
    DeleteUserPermissionsBoundary: async (input, ctx) => {
      await this.store.updateUserBoundary(ctx.tx, await this.#held(ctx, input), unbounded);
      return {};
    },
  });

  async #held({ tx, caller }: ChangeCtx, input: { UserName: string }): Promise<UserRow> {
    return this.store.lockUserByName(tx, caller.account, input.UserName);
  }

  /** Users as they are shown, with the last use of their passwords. */
  async #withUses<S extends object>(tx: ReadTx, rows: readonly UserRow[], show: (row: UserRow) => S): Promise<(S & { PasswordLastUsed?: Date })[]> {
    const uses = await this.passwords.lastUsesOf(tx, rows[0]?.accountId ?? '', rows.map(({ userId }) => userId));
    return rows.map((row) => {
      const used = uses.get(row.userId);
      return { ...show(row), ...(used !== undefined && { PasswordLastUsed: used }) };
    });
  }

  async #rootUser(ctx: ReadCtx): Promise<{ Path: string; UserId: string; Arn: string; CreateDate: Date }> {
    const account = await this.store.findAccount(ctx.caller.account);
    return { Path: '/', UserId: ctx.caller.account, Arn: rootArn(ctx.caller.account), CreateDate: account?.createdAt ?? ctx.now };
  }
}

function shown(row: UserRow): ReturnType<typeof listedUserOf> & ReturnType<typeof shownBoundary> & { Tags?: StoredTag[] } {
  return { ...listedUserOf(row), ...shownBoundary(row), ...(row.tags.length === 0 ? {} : { Tags: [...row.tags] }) };
}
