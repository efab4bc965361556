import { Inject, Injectable } from '@nestjs/common';

import { rootArn } from '../domain/arn.js';
import { reportHeader, reportLine, ROOT_NAME, type KeyFacts, type ReportedPassword, type ReportedUser } from '../domain/credential-report.js';
import type { AccessKeyRow, UserRow } from '../identities/identities.entities.js';
import { IdentitiesStore } from '../identities/identities.store.js';
import { MfaDevicesStore } from '../identities/mfa-devices.store.js';
import { PasswordsStore, type PasswordFacts } from '../identities/passwords.store.js';
import { userArn } from '../identities/shown.js';
import { Database, type ReadTx, type Tx } from '../kernel/database.js';
import { Clock } from '../kernel/effects.js';
import { LOG } from '../kernel/kernel.js';
import type { Log } from '../kernel/log.js';
import { Memory } from '../kernel/memory.js';
import { gathered } from '../kernel/page.js';
import { CredentialReportsStore, REPORT_NOTICE } from './reports.store.js';

/** How many users one transaction adds to a report. */
const PAGE = 500;
/** How many reports wait for this node at the most; whoever asks for one that does not gets it into the row again. */
const WAITING_MAX = 1_000;

/**
 * Makes credential reports behind the calls that ask for them, a page of users in each transaction. Every node hears that
 * one is wanted; who holds its row makes the next page, and the others leave it to him. Where a node dies, its row is
 * free again, and the next call that asks for the report, on whatever node, has it gone on with.
 */
@Injectable()
export class CredentialReports {
  readonly #waiting = new Set<string>();
  #working: Promise<void> | undefined;
  #stopped = false;

  // What is reported lies in several places.
  // eslint-disable-next-line house/max-params
  constructor(
    private readonly database: Database,
    private readonly store: CredentialReportsStore,
    private readonly identities: IdentitiesStore,
    private readonly passwords: PasswordsStore,
    private readonly mfaDevices: MfaDevicesStore,
    private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
    memory: Memory,
  ) {
    memory.onNotice(REPORT_NOTICE, (account) => {
      if (account === undefined) void this.resume();
      else this.wake(account);
    });
  }

  /** Goes on with the report of an account as soon as this node has time; nothing happens where it is finished. */
  wake(account: string): void {
    if (this.#stopped || this.#waiting.size >= WAITING_MAX) return;
    this.#waiting.add(account);
    this.#working ??= this.#work();
  }

  /** Goes on with whatever a node has left unfinished. */
  async resume(): Promise<void> {
    if (this.#stopped) return;
    try {
      for (const account of await this.database.read((tx) => this.store.unfinished(tx, WAITING_MAX))) this.wake(account);
    } catch (error) {
      this.log.warn({ err: error }, 'unfinished credential reports could not be looked for');
    }
  }

  /** Resolves when this node has nothing more to do. */
  async settled(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  /** Stops after the page under way; others go on with the rest when they are asked for it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.settled();
  }

  async #work(): Promise<void> {
    // Not before the caller has it as what is under way.
    await Promise.resolve();
    for (const account of this.#waiting) {
      this.#waiting.delete(account);
      // One page, and then whoever has waited longer.
      if (!this.#stopped && (await this.#page(account))) this.#waiting.add(account);
    }
    this.#working = undefined;
  }

  /** Adds a page to the report of an account; false where there is nothing more to do here. */
  async #page(account: string): Promise<boolean> {
    try {
      return await this.database.write((tx) => this.#append(tx, account));
    } catch (error) {
      this.log.warn({ err: error, account }, 'a credential report could not be gone on with');
      return false;
    }
  }

  async #append(tx: Tx, account: string): Promise<boolean> {
    const row = await this.store.hold(tx, account);
    if (row === undefined) return false;
    const isFirst = row.partCount === 0;
    const page = await this.identities.pageUsers(tx, { account, pathPrefix: '/' }, { after: isFirst ? undefined : [row.nextAfter], items: PAGE });
    const lines = [...(isFirst ? [reportHeader, await this.#rootLine(tx, account)] : []), ...(await this.#lines(tx, account, page.rows))];
    // No line feed ends the report: all but the first part begin with one.
    const content = lines.map((line, index) => (isFirst && index === 0 ? line : `\n${line}`)).join('');
    const { IsTruncated: more } = page.next;
    await this.store.append(tx, row, { content, nextAfter: page.rows.at(-1)?.nameKey ?? row.nextAfter, completedAt: more ? null : this.clock.now() });
    return more;
  }

  async #rootLine(tx: ReadTx, accountId: string): Promise<string> {
    const account = await this.identities.accountIn(tx, accountId);
    const keys = await this.identities.accessKeysOf(tx, { accountId, userId: null });
    const root: ReportedUser = {
      name: ROOT_NAME,
      arn: rootArn(accountId),
      createdAt: account?.createdAt ?? this.clock.now(),
      isRoot: true,
      // Root users have none.
      password: undefined,
      mfaActive: (await this.mfaDevices.counts(tx, accountId)).ofRoot > 0,
      keys: keys.map((key) => this.#key(key)),
    };
    return reportLine(root);
  }

  async #lines(tx: ReadTx, account: string, users: readonly UserRow[]): Promise<readonly string[]> {
    const ids = users.map(({ userId }) => userId);
    const keys = gathered((await this.identities.accessKeysOfUsers(tx, ids)).map((key) => [key.userId ?? '', key]));
    const passwords = await this.passwords.passwordsOf(tx, account, ids);
    const withMfa = await this.mfaDevices.holdersAmong(tx, ids);
    return users.map((user) =>
      reportLine({
        name: user.userName,
        arn: userArn(user),
        createdAt: user.createdAt,
        isRoot: false,
        password: reported(passwords.get(user.userId)),
        mfaActive: withMfa.has(user.userId),
        keys: (keys.get(user.userId) ?? []).map((key) => this.#key(key)),
      }),
    );
  }

  #key(row: AccessKeyRow): KeyFacts {
    const pending = this.identities.keyUses.pending(row.accessKeyId);
    const stored = row.lastUsedAt === null ? undefined : { at: row.lastUsedAt, region: row.lastUsedRegion ?? 'N/A', service: row.lastUsedService ?? 'N/A' };
    return { active: row.status === 'Active', createdAt: row.createdAt, lastUse: pending ?? stored };
  }
}

function reported(facts: PasswordFacts | undefined): ReportedPassword | undefined {
  return facts && { changedAt: facts.changedAt, lastUsedAt: facts.lastUsedAt, nextRotationAt: facts.expiresAt };
}
