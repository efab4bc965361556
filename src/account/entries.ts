import { Injectable } from '@nestjs/common';

import type { GroupRow } from '../identities/groups.entities.js';
import { GroupsStore } from '../identities/groups.store.js';
import type { UserRow } from '../identities/identities.entities.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import type { ReadTx } from '../kernel/database.js';
import { badMarker, markerOf, type Page, type PageRequest } from '../kernel/page.js';
import { AttachmentsStore } from '../policies/attachments.store.js';
import { catalogue } from '../policies/catalogue.js';
import type { ManagedPolicyRow } from '../policies/managed.entities.js';
import { ManagedPoliciesStore, policyArn } from '../policies/managed.store.js';
import { PoliciesStore } from '../policies/policies.store.js';
import type { RoleRow } from '../roles/roles.entities.js';
import { RolesStore } from '../roles/roles.store.js';
import { DETAIL_KINDS } from './details.contract.js';

/** What can be in the list of everything. */
export type DetailKind = (typeof DETAIL_KINDS)[number];

/** One entry of the list of everything. */
export type Entry =
  | { readonly kind: 'User'; readonly row: UserRow }
  | { readonly kind: 'Group'; readonly row: GroupRow }
  | { readonly kind: 'Role'; readonly row: RoleRow }
  | { readonly kind: 'LocalManagedPolicy' | 'AWSManagedPolicy'; readonly row: ManagedPolicyRow };

/** How long the documents on one page may be together, in characters: a page may end early (IAM API: MaxItems). */
const PAGE_CHARACTERS = 1_000_000;

/**
 * Users, groups, roles and policies of an account as one list: kind after kind, each by name. A page begins after a key,
 * so that it costs the same wherever it is, and takes a number of queries that does not depend on what is on it.
 */
@Injectable()
export class Entries {
  constructor(
    private readonly identities: IdentitiesStore,
    private readonly groups: GroupsStore,
    private readonly roles: RolesStore,
    private readonly managed: ManagedPoliciesStore,
    private readonly attachments: AttachmentsStore,
    private readonly inline: PoliciesStore,
  ) {}

  /** A page of entries of some kinds. Throws a ValidationError for a Marker that this list never gave out. */
  async page(tx: ReadTx, of: { account: string; kinds: ReadonlySet<DetailKind> }, request: PageRequest): Promise<Page<Entry>> {
    const [from = DETAIL_KINDS[0], after = ''] = request.after ?? [];
    const first = DETAIL_KINDS.findIndex((kind) => kind === from);
    if (first < 0) throw badMarker();
    const entries: Entry[] = [];
    let more = false;
    for (const kind of DETAIL_KINDS.slice(first)) {
      if (!of.kinds.has(kind)) continue;
      const left = request.items - entries.length;
      const { rows, isCut } = await this.#of(tx, kind, { account: of.account, after: kind === from ? after : '', limit: left + 1 });
      entries.push(...rows.slice(0, left));
      more = isCut || rows.length > left;
      if (more) break;
    }
    const fitting = await this.#fitting(tx, entries);
    const last = entries[fitting - 1];
    if (last === undefined || (!more && fitting === entries.length)) return { rows: entries, next: { IsTruncated: false } };
    return { rows: entries.slice(0, fitting), next: { IsTruncated: true, Marker: markerOf([last.kind, last.row.nameKey]) } };
  }

  /** Entries of one kind after a name; `isCut` where there are more than it answers, although there is room. */
  async #of(tx: ReadTx, kind: DetailKind, from: { account: string; after: string; limit: number }): Promise<{ rows: readonly Entry[]; isCut: boolean }> {
    const { account, after, limit } = from;
    const all = { account, pathPrefix: '/' };
    const request = { after: after === '' ? undefined : [after], items: limit };
    switch (kind) {
      case 'User': {
        const page = await this.identities.pageUsers(tx, all, request);
        return { rows: page.rows.map((row) => ({ kind, row })), isCut: page.next.IsTruncated };
      }
      case 'Group': {
        const page = await this.groups.pageGroups(tx, all, request);
        return { rows: page.rows.map((row) => ({ kind, row })), isCut: page.next.IsTruncated };
      }
      case 'Role': {
        const page = await this.roles.pageRoles(tx, all, request);
        return { rows: page.rows.map((row) => ({ kind, row })), isCut: page.next.IsTruncated };
      }
      case 'LocalManagedPolicy': {
        const rows = await this.managed.list(tx, { ...all, onlyAttached: false, after, limit });
        return { rows: rows.map((row) => ({ kind, row })), isCut: false };
      }
      case 'AWSManagedPolicy': {
        const attached = await this.attachments.attachedAmong(tx, account, [...catalogue.keys()]);
        const rows = [...catalogue.values()].map(({ row }) => row).filter((row) => row.nameKey > after && attached.has(policyArn(row)));
        return { rows: rows.sort((a, b) => (a.nameKey < b.nameKey ? -1 : 1)).map((row) => ({ kind, row })), isCut: false };
      }
    }
  }

  /** How many of the entries fit on one page, by the length of their documents; the first one always does. */
  async #fitting(tx: ReadTx, entries: readonly Entry[]): Promise<number> {
    const inline = await this.inline.sizesOf(tx, entries.flatMap((entry) => ownerIdOf(entry) ?? []));
    const versions = await this.managed.sizesOf(tx, entries.flatMap((entry) => (entry.kind === 'LocalManagedPolicy' ? entry.row.policyId : [])));
    let characters = 0;
    const count = entries.findIndex((entry) => {
      const id = ownerIdOf(entry);
      const own = entry.kind === 'Role' ? entry.row.trustPolicy.length : 0;
      characters += own + (id === undefined ? (versions.get((entry.row as ManagedPolicyRow).policyId) ?? 0) : (inline.get(id) ?? 0));
      return characters > PAGE_CHARACTERS;
    });
    return count < 0 ? entries.length : Math.max(count, 1);
  }
}

/** The unique id of a user, group or role; undefined for a policy. */
export function ownerIdOf(entry: Entry): string | undefined {
  switch (entry.kind) {
    case 'User':
      return entry.row.userId;
    case 'Group':
      return entry.row.groupId;
    case 'Role':
      return entry.row.roleId;
    default:
      return undefined;
  }
}
