import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';

import { Secret } from '../../src/domain/secret.js';
import { formatAmzDate, sign } from '../../src/domain/sigv4.js';
import { Program, type RootKeys } from '../support/program.js';

jest.setTimeout(300_000);

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/** A CreateUser call whose body the client keeps back until the server has asked for it. */
class SlowCall {
  #text = '';

  private constructor(
    private readonly socket: Socket,
    private readonly host: string,
    private readonly body: string,
  ) {
    socket.setEncoding('utf8').on('data', (chunk: string) => (this.#text += chunk));
    socket.on('error', () => undefined);
  }

  /** Resolves when the server has read the headers. */
  static async begin(url: string, keys: RootKeys, userName: string): Promise<SlowCall> {
    const { host, hostname, port } = new URL(url);
    const body = new URLSearchParams({ Action: 'CreateUser', Version: '2010-05-08', UserName: userName }).toString();
    const socket = connect(Number(port), hostname);
    const call = new SlowCall(socket, host, body);
    socket.write(call.#head(keys));
    while (call.#text !== CONTINUE) await once(socket, 'data');
    socket.write(body.slice(0, 10));
    return call;
  }

  /** Sends the rest; all that the server says until it closes. */
  async finish(): Promise<string> {
    this.socket.write(this.body.slice(10));
    return this.cut();
  }

  /** Resolves when the server has closed the connection. */
  async cut(): Promise<string> {
    if (!this.socket.closed) await once(this.socket, 'close');
    return this.#text.slice(CONTINUE.length);
  }

  #head(keys: RootKeys): string {
    const amzDate = formatAmzDate(Date.now());
    const headers = { host: this.host, 'content-type': 'application/x-www-form-urlencoded', 'x-amz-date': amzDate };
    const authorization = sign(
      { method: 'POST', path: '/', query: '', headers: Object.entries(headers), bodySha256: createHash('sha256').update(this.body).digest('hex') },
      { accessKeyId: keys.accessKeyId, secret: Secret.of(keys.secretAccessKey), region: 'us-east-1', service: 'iam', amzDate },
    );
    const all = { ...headers, authorization, 'content-length': String(this.body.length), expect: '100-continue' };
    return `POST / HTTP/1.1\r\n${Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  }
}

/** A question for the readiness of which a client has sent the first line only. */
async function asking(url: string): Promise<{ finish(): Promise<string> }> {
  const { host, hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).setEncoding('utf8');
  let text = '';
  socket.on('data', (chunk: string) => (text += chunk));
  await once(socket, 'connect');
  socket.write('GET /readyz HTTP/1.1\r\n');
  return {
    finish: async () => {
      const closed = once(socket, 'close');
      socket.write(`Host: ${host}\r\n\r\n`);
      await closed;
      return text;
    },
  };
}

/** Whether a new connection is accepted. */
async function accepts(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Resolves when the program has stopped listening; fails when it ends instead. */
async function deaf(program: Program): Promise<void> {
  await program.line(program.out, /"stopping"/);
  while (await accepts(program.url)) if (!program.running) throw new Error('it has ended');
}

describe('a Stint that is told to stop', () => {
  afterAll(() => Program.cleanUp());

  it('answers the request in flight, says that it is not ready, and takes no new connections', async () => {
    const program = await Program.started(join(await Program.folder(), 'data'));
    const readiness = await asking(program.url);
    const call = await SlowCall.begin(program.url, await program.root(), 'late');
    program.kill('SIGTERM');
    await deaf(program);
    expect(await readiness.finish()).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n[^]*\{"status":"shutting down","database":"ready"\}$/);
    expect(await call.finish()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*<UserName>late<\/UserName>/);
    expect(await program.end()).toEqual({ code: 0, signal: null });
    expect(program.log.at(-1)).toMatchObject({ msg: 'stopped' });

    const again = await Program.started(program.dataDir);
    expect(await again.sql("SELECT outcome FROM audit_event WHERE event_name = 'CreateUser'")).toEqual([{ outcome: 'success' }]);
    expect(await again.sql('SELECT user_name FROM iam_user')).toEqual([{ user_name: 'late' }]);
  });

  it('closes connections with the last answer, and waits for no client that would keep them', async () => {
    const program = await Program.started(join(await Program.folder(), 'data'), { STINT_SHUTDOWN_SECONDS: '60' });
    const call = await SlowCall.begin(program.url, await program.root(), 'last');
    program.kill('SIGTERM');
    await deaf(program);
    const since = performance.now();
    expect(await call.finish()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*connection: close\r\n[^]*<UserName>last<\/UserName>/i);
    expect(await program.end()).toEqual({ code: 0, signal: null });
    expect(performance.now() - since).toBeLessThan(30_000);
  });

  it('waits for a client that never finishes only as long as it is told to', async () => {
    const program = await Program.started(join(await Program.folder(), 'data'), { STINT_SHUTDOWN_SECONDS: '1' });
    const call = await SlowCall.begin(program.url, await program.root(), 'never');
    program.kill('SIGTERM');
    expect(await program.end()).toEqual({ code: 0, signal: null });
    expect(await call.cut()).toBe('');
  });
});
