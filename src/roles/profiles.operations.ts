import { Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import { ENTITY_ID_BYTES, entityId } from '../domain/ids.js';
import { nameKey } from '../identities/identities.store.js';
import { inListOrder, newTags, pageOfTags, withoutTags, withTags } from '../identities/tagging.js';
import type { ReadTx } from '../kernel/database.js';
import { Random } from '../kernel/effects.js';
import { implement } from '../kernel/handler.js';
import { pageRequest } from '../kernel/page.js';
import { profileContracts } from './profiles.contract.js';
import type { InstanceProfileRow } from './profiles.entities.js';
import { InstanceProfilesStore } from './profiles.store.js';
import { RolesStore } from './roles.store.js';
import { shownProfile, shownProfileRole, type ShownProfile } from './shown.js';
import { TrustPolicies } from './trust.js';

/** Use cases of instance profiles. */
@Injectable()
export class InstanceProfileOperations {
  constructor(
    private readonly store: InstanceProfilesStore,
    private readonly roles: RolesStore,
    private readonly trust: TrustPolicies,
    private readonly random: Random,
  ) {}

  readonly operations = implement(profileContracts, {
    CreateInstanceProfile: async (input, ctx) => {
      const row: InstanceProfileRow = {
        profileId: entityId('AIPA', this.random.bytes(ENTITY_ID_BYTES)),
        accountId: ctx.caller.account,
        profileName: input.InstanceProfileName,
        nameKey: nameKey(input.InstanceProfileName),
        path: input.Path ?? '/',
        roleId: null,
        tags: newTags(input.Tags, 'sensitive'),
        createdAt: ctx.now,
      };
      await this.store.insert(ctx.tx, row);
      const [shown] = await this.#shown(ctx.tx, [row]);
      return { InstanceProfile: { ...required(shown), ...(row.tags.length > 0 && { Tags: [...row.tags] }) } };
    },
    GetInstanceProfile: async (input, ctx) =>
      ctx.read(async (tx) => {
        const row = await this.store.byName(tx, ctx.caller.account, input.InstanceProfileName);
        const [shown] = await this.#shown(tx, [row]);
        return { InstanceProfile: { ...required(shown), Tags: inListOrder(row.tags) } };
      }),
    ListInstanceProfiles: async (input, ctx) => {
      const request = pageRequest(input, 1);
      return ctx.read(async (tx) => {
        const page = await this.store.page(tx, { account: ctx.caller.account, pathPrefix: input.PathPrefix ?? '/' }, request);
        return { InstanceProfiles: [...(await this.#shown(tx, page.rows))], ...page.next };
      });
    },
    ListInstanceProfilesForRole: async (input, ctx) => {
      const request = pageRequest(input, 1);
      return ctx.read(async (tx) => {
        const { roleId } = await this.roles.roleByName(tx, ctx.caller.account, input.RoleName);
        const page = await this.store.page(tx, { account: ctx.caller.account, roleId }, request);
        return { InstanceProfiles: [...(await this.#shown(tx, page.rows))], ...page.next };
      });
    },
    DeleteInstanceProfile: async (input, ctx) => {
      const row = await this.store.lockByName(ctx.tx, ctx.caller.account, input.InstanceProfileName);
      if (row.roleId !== null) throw new ApiError('DeleteConflict', 'Cannot delete entity, must remove roles from instance profile first.');
      await this.store.delete(ctx.tx, row);
      return {};
    },
    AddRoleToInstanceProfile: async (input, ctx) => {
      const row = await this.store.lockByName(ctx.tx, ctx.caller.account, input.InstanceProfileName);
      const role = await this.roles.lockRoleByName(ctx.tx, ctx.caller.account, input.RoleName);
      if (row.roleId !== null) throw new ApiError('LimitExceeded', 'Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1');
      await this.store.setRole(ctx.tx, row, role.roleId);
      return {};
    },
    RemoveRoleFromInstanceProfile: async (input, ctx) => {
      const row = await this.store.lockByName(ctx.tx, ctx.caller.account, input.InstanceProfileName);
      const role = await this.roles.findRoleByNameIn(ctx.tx, ctx.caller.account, input.RoleName);
      if (role === undefined || row.roleId !== role.roleId) {
        throw new ApiError('NoSuchEntity', `Role ${input.RoleName} in Instance Profile ${input.InstanceProfileName} cannot be found.`);
      }
      await this.store.setRole(ctx.tx, row, null);
      return {};
    },
    TagInstanceProfile: async (input, ctx) => {
      const row = await this.store.lockByName(ctx.tx, ctx.caller.account, input.InstanceProfileName);
      await this.store.setTags(ctx.tx, row, withTags(row.tags, input.Tags, 'sensitive'));
      return {};
    },
    UntagInstanceProfile: async (input, ctx) => {
      const row = await this.store.lockByName(ctx.tx, ctx.caller.account, input.InstanceProfileName);
      await this.store.setTags(ctx.tx, row, withoutTags(row.tags, input.TagKeys, 'sensitive'));
      return {};
    },
    ListInstanceProfileTags: async (input, ctx) => {
      const row = await ctx.read((tx) => this.store.byName(tx, ctx.caller.account, input.InstanceProfileName));
      return pageOfTags(row.tags, input);
    },
  });

  /** Instance profiles as answers show them, with their roles as these are now. */
  async #shown(tx: ReadTx, rows: readonly InstanceProfileRow[]): Promise<readonly ShownProfile[]> {
    const roles = await this.roles.rolesById(tx, rows.flatMap(({ roleId }) => (roleId === null ? [] : [roleId])));
    const documents = await this.trust.toShow(tx, roles);
    const shown = new Map(roles.map((role, index) => [role.roleId, shownProfileRole(role, documents[index])]));
    return rows.map((row) => shownProfile(row, row.roleId === null ? undefined : shown.get(row.roleId)));
  }
}

function required(profile: ShownProfile | undefined): ShownProfile {
  if (profile === undefined) throw new Error('an instance profile was found and not shown');
  return profile;
}
