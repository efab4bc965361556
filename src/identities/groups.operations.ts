import { Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import { ENTITY_ID_BYTES, entityId } from '../domain/ids.js';
import { Random } from '../kernel/effects.js';
import { implement, type ChangeCtx } from '../kernel/handler.js';
import { pageRequest } from '../kernel/page.js';
import { groupContracts } from './groups.contract.js';
import type { GroupRow } from './groups.entities.js';
import { groupArn, GroupsStore } from './groups.store.js';
import { IdentitiesStore, nameKey } from './identities.store.js';
import { quotas } from './quota.js';
import { listedUserOf } from './shown.js';

/** IAM quota: how many groups one user may be in. */
const GROUPS_MAX = quotas.groupsPerUser;

/** Use cases of groups. */
@Injectable()
export class GroupOperations {
  constructor(
    private readonly groups: GroupsStore,
    private readonly identities: IdentitiesStore,
    private readonly random: Random,
  ) {}

  readonly operations = implement(groupContracts, {
    CreateGroup: async (input, ctx) => {
      const row: GroupRow = {
        groupId: entityId('AGPA', this.random.bytes(ENTITY_ID_BYTES)),
        accountId: ctx.caller.account,
        groupName: input.GroupName,
        nameKey: nameKey(input.GroupName),
        path: input.Path ?? '/',
        createdAt: ctx.now,
      };
      await this.groups.insert(ctx.tx, row);
      return { Group: shown(row) };
    },
    GetGroup: async (input, ctx) => {
      const request = pageRequest(input, 1);
      return ctx.read(async (tx) => {
        const row = await this.groups.groupByName(tx, ctx.caller.account, input.GroupName);
        const page = await this.groups.pageMembers(tx, row.groupId, request);
        return { Group: shown(row), Users: page.rows.map(listedUserOf), ...page.next };
      });
    },
    ListGroups: async (input, ctx) => {
      const request = pageRequest(input, 1);
      const of = { account: ctx.caller.account, pathPrefix: input.PathPrefix ?? '/' };
      const page = await ctx.read((tx) => this.groups.pageGroups(tx, of, request));
      return { Groups: page.rows.map(shown), ...page.next };
    },
    UpdateGroup: async (input, ctx) => {
      const row = await this.groups.lockGroupByName(ctx.tx, ctx.caller.account, input.GroupName);
      await this.groups.update(ctx.tx, row, { groupName: input.NewGroupName ?? row.groupName, path: input.NewPath ?? row.path });
      return {};
    },
    DeleteGroup: async (input, ctx) => {
      const row = await this.groups.lockGroupByName(ctx.tx, ctx.caller.account, input.GroupName);
      await this.groups.delete(ctx.tx, row);
      return {};
    },
    AddUserToGroup: async (input, ctx) => {
      const member = await this.#held(ctx, input);
      const groups = await this.groups.groupIdsOfIn(ctx.tx, member.userId);
      if (groups.includes(member.groupId)) return {};
      if (groups.length >= GROUPS_MAX) throw new ApiError('LimitExceeded', `Cannot exceed quota for GroupsPerUser: ${String(GROUPS_MAX)}`);
      await this.groups.addMember(ctx.tx, member);
      return {};
    },
    RemoveUserFromGroup: async (input, ctx) => {
      await this.groups.removeMember(ctx.tx, await this.#held(ctx, input));
      return {};
    },
    ListGroupsForUser: async (input, ctx) => {
      const request = pageRequest(input, 1);
      const { account } = ctx.caller;
      return ctx.read(async (tx) => {
        const { userId } = await this.identities.userByName(tx, account, input.UserName);
        const page = await this.groups.pageGroups(tx, { account, userId }, request);
        return { Groups: page.rows.map(shown), ...page.next };
      });
    },
  });

  /** A user and a group, both held; of two that are missing, the user is named. */
  async #held({ tx, caller: { account } }: ChangeCtx, input: { GroupName: string; UserName: string }): Promise<{ userId: string; groupId: string }> {
    const { userId } = await this.identities.lockUserByName(tx, account, input.UserName);
    const { groupId } = await this.groups.lockGroupByName(tx, account, input.GroupName);
    return { userId, groupId };
  }
}

function shown(row: GroupRow): { Path: string; GroupName: string; GroupId: string; Arn: string; CreateDate: Date } {
  return { Path: row.path, GroupName: row.groupName, GroupId: row.groupId, Arn: groupArn(row), CreateDate: row.createdAt };
}
