import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What the gauges are read from when somebody scrapes. */
export interface Gauges {
  readonly pool: () => { readonly total: number; readonly idle: number; readonly waiting: number };
  readonly ledger: () => { readonly waiting: number; readonly lost: number };
  readonly noticeAgeSeconds: () => number;
}

/** Counts and times what happens, for Prometheus. Labels have few values: operation names, codes, faces. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = new Counter({
    name: 'stint_requests_total',
    help: 'Requests by operation, face and result code.',
    labelNames: ['operation', 'face', 'result'] as const,
    registers: [this.#registry],
  });
  readonly #duration = new Histogram({
    name: 'stint_request_duration_seconds',
    help: 'How long requests took, in seconds.',
    labelNames: ['operation'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [this.#registry],
  });
  readonly #issued = new Counter({
    name: 'stint_sessions_issued_total',
    help: 'Sessions whose credentials were released.',
    labelNames: ['operation'] as const,
    registers: [this.#registry],
  });

  readonly #unrecorded = new Counter({
    name: 'stint_refusals_unrecorded_total',
    help: 'Refusals of strangers that were not written into the tables of an account, because there were too many.',
    labelNames: ['operation', 'table'] as const,
    registers: [this.#registry],
  });

  constructor(gauges: Gauges) {
    const gauge = this.gauge.bind(this);
    gauge('stint_database_connections', 'Connections of the database pool.', () => gauges.pool().total);
    gauge('stint_database_connections_idle', 'Connections of the database pool that are idle.', () => gauges.pool().idle);
    gauge('stint_database_waiting', 'Requests that wait for a database connection.', () => gauges.pool().waiting);
    gauge('stint_ledger_waiting', 'Entries that wait to be committed.', () => gauges.ledger().waiting);
    gauge('stint_ledger_lost_total', 'Audit entries that the database refused: always 0, or there is a bug.', () => gauges.ledger().lost);
    gauge('stint_notice_age_seconds', 'Age of the last proof that change notices arrive, in seconds.', gauges.noticeAgeSeconds);
    gauge('stint_memory_bytes', 'Resident memory of the process, in bytes.', () => process.memoryUsage.rss());
  }

  /** A value that is read when somebody scrapes. */
  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read());
      },
    });
  }

  /** Notes a finished request. */
  request(what: { operation: string; face: string; result: string; seconds: number }): void {
    this.#requests.inc({ operation: what.operation, face: what.face, result: what.result });
    this.#duration.observe({ operation: what.operation }, what.seconds);
  }

  /** Notes released credentials. */
  issued(operation: string): void {
    this.#issued.inc({ operation });
  }

  /** Notes a refusal that was not written: an event, or what the account of the resource may read of a decision. */
  unrecorded(operation: string, table: 'audit_event' | 'decision'): void {
    this.#unrecorded.inc({ operation, table });
  }

  /** The exposition text and its content type. */
  async text(): Promise<{ type: string; body: string }> {
    return { type: this.#registry.contentType, body: await this.#registry.metrics() };
  }
}
