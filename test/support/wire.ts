import { connect } from 'node:net';

import type { TestApp } from './app.js';

/** An answer as its bytes say it. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}

/** Sends bytes as they are over a connection of their own, and reads one answer. */
export async function onTheWire(app: TestApp, bytes: Buffer | string): Promise<WireAnswer> {
  const { hostname, port } = new URL(app.url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes));
    const finish = (): void => {
      const answer = parse(Buffer.concat(chunks));
      if (answer !== undefined) resolve(answer);
      else reject(new Error('the connection ended without an answer'));
      socket.destroy();
    };
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (parse(Buffer.concat(chunks)) !== undefined) finish();
    });
    socket.on('end', finish);
    socket.on('error', reject);
  });
}

/** The answer in these bytes; undefined while some of it is missing. */
function parse(bytes: Buffer): WireAnswer | undefined {
  const head = bytes.indexOf('\r\n\r\n');
  if (head < 0) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, head).split('\r\n');
  const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
  const length = Number(headers.get('content-length') ?? 0);
  if (bytes.length < head + 4 + length) return undefined;
  return { status: Number(first.split(' ')[1]), headers, text: bytes.toString('utf8', head + 4, head + 4 + length) };
}
