import { createHash } from 'node:crypto';
import { Agent, request } from 'node:http';

import { Secret } from '../../src/domain/secret.js';
import { formatAmzDate, sign } from '../../src/domain/sigv4.js';
import type { Keys } from './app.js';

/** Credentials that arrived at a client. */
export interface Received {
  readonly requestId: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** An answer without credentials. */
export interface Refused {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

interface Order {
  readonly url: string;
  readonly caller: Keys;
  readonly roleArn: string;
  readonly connections: number;
}

/**
 * Clients that call AssumeRole one time after the other, each on a connection of its own, until the server
 * is gone. What arrived of an answer that was cut off counts as well, as soon as it names an access key.
 */
export class Load {
  readonly received: Received[] = [];
  readonly refused: Refused[] = [];
  /** Resolves when every client has lost the server. */
  readonly over: Promise<void>;
  readonly #milestones = new Map<number, () => void>();
  #calls = 0;

  constructor(private readonly order: Order) {
    this.over = Promise.all(Array.from({ length: order.connections }, () => this.#client())).then(() => undefined);
  }

  /** Resolves at the moment when this many credentials have arrived. */
  async reached(count: number): Promise<void> {
    const reached = new Promise<boolean>((resolve) => {
      this.#milestones.set(count, () => {
        resolve(true);
      });
    });
    const first = await Promise.race([reached, this.over.then(() => false)]);
    if (!first) throw new Error(`the server was gone after ${this.received.length} credentials; refusals: ${JSON.stringify(this.refused.slice(-3))}`);
  }

  async #client(): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      for (;;) if (!(await this.#call(agent))) return;
    } finally {
      agent.destroy();
    }
  }

  /** One call; false when the connection broke. */
  #call(agent: Agent): Promise<boolean> {
    const body = this.#body();
    return new Promise((resolve) => {
      const outgoing = request(this.order.url, { method: 'POST', agent, headers: this.#headers(body) });
      outgoing.once('error', () => {
        resolve(false);
      });
      outgoing.once('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.once('error', () => undefined);
        response.once('close', () => {
          const { statusCode = 0, headers } = response;
          const received = receivedFrom(text, String(headers['x-amzn-requestid']));
          if (received !== undefined) this.#receive(received);
          else if (response.complete) this.refused.push({ status: statusCode, type: String(headers['content-type']), text });
          resolve(response.complete);
        });
      });
      outgoing.end(body);
    });
  }

  #receive(received: Received): void {
    this.received.push(received);
    this.#milestones.get(this.received.length)?.();
  }

  #body(): string {
    this.#calls += 1;
    return new URLSearchParams({ Action: 'AssumeRole', Version: '2011-06-15', RoleArn: this.order.roleArn, RoleSessionName: `load-${this.#calls}` }).toString();
  }

  #headers(body: string): Record<string, string> {
    const { url, caller } = this.order;
    const amzDate = formatAmzDate(Date.now());
    const headers = { host: new URL(url).host, 'content-type': 'application/x-www-form-urlencoded', 'x-amz-date': amzDate };
    const authorization = sign(
      { method: 'POST', path: '/', query: '', headers: Object.entries(headers), bodySha256: createHash('sha256').update(body).digest('hex') },
      { accessKeyId: caller.accessKeyId, secret: Secret.of(caller.secretAccessKey), region: 'us-east-1', service: 'sts', amzDate },
    );
    return { ...headers, authorization };
  }
}

function receivedFrom(text: string, requestId: string): Received | undefined {
  const element = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? '';
  const accessKeyId = element('AccessKeyId');
  if (accessKeyId === '') return undefined;
  return { requestId, accessKeyId, secretAccessKey: element('SecretAccessKey'), sessionToken: element('SessionToken') };
}
