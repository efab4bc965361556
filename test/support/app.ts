import { createHash } from 'node:crypto';

import { IAMClient } from '@aws-sdk/client-iam';
import { STSClient } from '@aws-sdk/client-sts';
import { Client } from 'pg';

import { start, type Running } from '../../src/app.js';
import { MasterKey } from '../../src/domain/envelope.js';
import { Secret } from '../../src/domain/secret.js';
import { formatAmzDate, sign } from '../../src/domain/sigv4.js';
import type { Bootstrapped } from '../../src/identities/bootstrap.js';
import { loadConfig } from '../../src/kernel/config.js';
import { openLog } from '../../src/kernel/log.js';
import { scratchDatabase, type ScratchDatabase } from './database.js';
import { FixedClock, SeededRandom } from './fakes.js';
import { TestIdp } from './idp.js';

/** What a client signs with. */
export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A row of the audit log, with its record parsed. */
export interface AuditEvent {
  readonly account_id: string;
  readonly outcome: 'success' | 'refused';
  readonly event_name: string;
  readonly error_code: string | null;
  readonly request_id: string;
  readonly text: string;
  readonly digest: Buffer;
  readonly record: Record<string, unknown> & { userIdentity: Record<string, unknown> };
}

/** An answer of a raw request. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** How a raw request differs from an ordinary one. */
export interface RawRequest {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly service?: string;
  readonly region?: string;
  readonly amzDate?: string;
}

export const MASTER_KEY = createHash('sha256').update('master key of the tests').digest('base64');
export const NOW = new Date('2026-11-25T10:00:00.500Z');

/** A whole Stint on a database of its own, with its clock and randomness held still. */
export class TestApp {
  // No two nodes of one database draw the same ids.
  private static booted = 0;
  private readonly clients: { destroy(): void }[] = [];
  readonly lines: string[] = [];
  private provider: Promise<TestIdp> | undefined;

  private constructor(
    readonly database: ScratchDatabase,
    readonly clock: FixedClock,
    readonly running: Running,
    readonly root: Keys & { readonly account: string },
    private readonly connection: Client,
    private readonly owner: boolean,
  ) {}

  /**
   * Boots. `beside` adds another node on the same database; it may have a clock of its own, and reach the database
   * through something in between (`databaseUrl`).
   */
  static async boot(options: { env?: Record<string, string>; beside?: TestApp; clock?: FixedClock; databaseUrl?: string } = {}): Promise<TestApp> {
    const database = options.beside?.database ?? (await scratchDatabase());
    const clock = options.clock ?? options.beside?.clock ?? new FixedClock(NOW);
    const lines: string[] = [];
    TestApp.booted += 1;
    let rootKey: Bootstrapped | undefined;
    const running = await start(loadConfig({ STINT_PORT: '0', DATABASE_URL: 'postgres://unused', STINT_MASTER_KEY: MASTER_KEY, STINT_DATABASE_POOL_SIZE: '6', STINT_ISSUER_ALLOW_CIDRS: '127.0.0.0/8,::1/128', ...options.env }), {
      databaseUrl: options.databaseUrl ?? database.url,
      masterKey: MasterKey.parse(MASTER_KEY),
      keepRootKey: (key) => {
        rootKey = key;
      },
      clock,
      random: new SeededRandom(options.beside === undefined ? 'first' : `${database.url}/${String(TestApp.booted)}`),
      log: openLog('debug', { write: (line) => void lines.push(line) }),
    });
    const connection = new Client({ connectionString: database.url });
    await connection.connect();
    const root =
      rootKey === undefined
        ? options.beside?.root
        : { account: rootKey.accountId, accessKeyId: rootKey.accessKeyId, secretAccessKey: rootKey.secretAccessKey.reveal() };
    if (root === undefined) throw new Error('nobody bootstrapped this database');
    const app = new TestApp(database, clock, running, root, connection, options.beside === undefined);
    app.lines.push(...lines);
    lines.push = (...more) => app.lines.push(...more);
    return app;
  }

  get url(): string {
    return this.running.url;
  }

  /** An unmodified STS client. */
  sts(keys?: Keys): STSClient {
    return this.client(new STSClient(this.options(keys)));
  }

  /** An unmodified IAM client. */
  iam(keys?: Keys): IAMClient {
    return this.client(new IAMClient(this.options(keys)));
  }

  /** An identity provider that lives as long as this. */
  async idp(): Promise<TestIdp> {
    this.provider ??= TestIdp.start();
    return this.provider;
  }

  /** A signed request, byte for byte as said. */
  async raw(keys: Keys, request: RawRequest): Promise<Answer> {
    const { method = 'POST', path = '/', query = '', body = '', service = 'sts', region = 'us-east-1' } = request;
    const amzDate = request.amzDate ?? formatAmzDate(this.clock.now().getTime());
    const headers: Record<string, string> = {
      host: new URL(this.url).host,
      'x-amz-date': amzDate,
      ...(keys.sessionToken === undefined ? {} : { 'x-amz-security-token': keys.sessionToken }),
      ...(body === '' ? {} : { 'content-type': path === '/' ? 'application/x-www-form-urlencoded' : 'application/json' }),
      ...request.headers,
    };
    const authorization = sign(
      { method, path, query, headers: Object.entries(headers), bodySha256: createHash('sha256').update(body).digest('hex') },
      { accessKeyId: keys.accessKeyId, secret: Secret.of(keys.secretAccessKey), region, service, amzDate, ...(keys.sessionToken === undefined ? {} : { securityToken: keys.sessionToken }) },
    );
    return this.send({ method, path: query === '' ? path : `${path}?${query}`, headers: { ...headers, authorization }, body });
  }

  /** An unsigned request, byte for byte as said. */
  async send(request: { method?: string; path?: string; headers?: Record<string, string>; body?: string | Uint8Array }): Promise<Answer> {
    const { method = 'GET', path = '/', headers = {}, body = '' } = request;
    const { host: _, ...sent } = headers;
    const response = await fetch(this.url + path, { method, headers: sent, ...(body.length === 0 || method === 'GET' ? {} : { body }) });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  /** A call of the Query face. */
  async query(keys: Keys, form: Readonly<Record<string, string>>, more: RawRequest = {}): Promise<Answer> {
    const service = more.service ?? (form['Version'] === '2010-05-08' ? 'iam' : 'sts');
    return this.raw(keys, { body: new URLSearchParams(form).toString(), service, ...more });
  }

  /** A call of the REST face; the answer's JSON. */
  async rest(keys: Keys, route: string, body?: object): Promise<{ status: number; body: Record<string, never>; headers: Headers }> {
    const [method = '', target = ''] = route.split(' ');
    const [path = '', query = ''] = target.split('?');
    const answer = await this.raw(keys, { method, path, query, body: body === undefined ? '' : JSON.stringify(body), service: 'stint' });
    return { status: answer.status, body: JSON.parse(answer.text) as Record<string, never>, headers: answer.headers };
  }

  /** Rows of a query of the test's own. */
  async sql<R extends object = Record<string, unknown>>(text: string, values: unknown[] = []): Promise<R[]> {
    return (await this.connection.query<R>(text, values)).rows;
  }

  /** Everything recorded so far, oldest first; events of reads are waited for. */
  async events(): Promise<AuditEvent[]> {
    await this.running.kernel.ledger.flush();
    const rows = await this.sql<Omit<AuditEvent, 'record'>>('SELECT *, record AS text FROM audit_event ORDER BY occurred_at, txid, event_id');
    return rows.map((row) => ({ ...row, record: JSON.parse(row.text) as AuditEvent['record'] }));
  }

  /** What `work` adds to the audit log. */
  async recordedBy(work: () => Promise<unknown>): Promise<AuditEvent[]> {
    const before = new Set((await this.events()).map((event) => event.digest.toString('hex')));
    await work();
    return (await this.events()).filter((event) => !before.has(event.digest.toString('hex')));
  }

  /** Every row of every table but the audit log, counts of wrong codes and passwords, last-used stamps and how far reports have come, for "nothing was written". */
  async contents(): Promise<unknown> {
    const tables = ['account', 'account_setting', 'trust_setting', 'credential_report', 'iam_user', 'access_key', 'login_profile', 'password_policy', 'oidc_provider', 'saml_provider', 'saml_private_key', 'mfa_device', 'recovery_codes', 'role', 'instance_profile', 'iam_group', 'group_member', 'inline_policy', 'managed_policy', 'policy_version', 'policy_attachment', 'session', 'session_revocation', 'issued_answer', 'saml_assertion', 'issuer', 'issuer_key'];
    const contents: Record<string, unknown> = {};
    for (const table of tables) {
      contents[table] = await this.sql(`SELECT to_jsonb(t) - 'last_used_at' - 'last_used_service' - 'last_used_region' - 'sealed' - 'txid' - 'next_after' - 'part_count' - 'completed_at' - 'wrong_guesses' - 'next_guess_at' AS row FROM ${table} t ORDER BY 1`);
    }
    return contents;
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.destroy();
    await this.running.close();
    await (await this.provider)?.close();
    await this.connection.end();
    if (this.owner) await this.database.drop();
  }

  private options(keys: Keys = this.root): object {
    return {
      endpoint: this.url,
      region: 'us-east-1',
      credentials: { ...keys },
      maxAttempts: 1,
      systemClockOffset: this.clock.now().getTime() - Date.now(),
    };
  }

  private client<C extends { destroy(): void }>(client: C): C {
    this.clients.push(client);
    return client;
  }
}
