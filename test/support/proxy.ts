import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { Client } from 'pg';

/** What happens to one message of PostgreSQL on its way to the client. */
export type Fate = 'pass' | 'swallow' | 'cut';

/** A proxy before PostgreSQL that reads what the server says. */
export interface Proxy {
  readonly url: string;
  close(): Promise<void>;
}

/** Opens a proxy; `fate` sees the type (its letter) and the content of every message of the server. */
export async function proxyTo(databaseUrl: string, fate: (type: string, content: Buffer) => Fate): Promise<Proxy> {
  const behind = new Client({ connectionString: databaseUrl });
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection(behind.host.startsWith('/') ? { path: `${behind.host}/.s.PGSQL.${behind.port}` } : { host: behind.host, port: behind.port });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    client.pipe(upstream);
    relay(upstream, client, fate);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const [user, password, database] = [behind.user, String(behind.password), behind.database].map((part) => encodeURIComponent(part ?? ''));
  return {
    url: `postgres://${user}:${password}@127.0.0.1:${port}/${database}`,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

// A message of the server is a letter, a length that counts itself, and the content.
function relay(upstream: Socket, client: Socket, fate: (type: string, content: Buffer) => Fate): void {
  let pending = Buffer.alloc(0);
  upstream.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 5) {
      const end = 1 + pending.readUInt32BE(1);
      if (pending.length < end) return;
      const message = pending.subarray(0, end);
      pending = pending.subarray(end);
      const decided = fate(message.toString('latin1', 0, 1), message.subarray(5));
      if (decided === 'cut') client.destroy();
      if (decided === 'pass') client.write(message);
    }
  });
}
