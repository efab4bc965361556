import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** What a name server knows of a name: its addresses of each kind, nothing at all, or how not to answer. */
export type Known = { readonly A?: readonly string[]; readonly AAAA?: readonly string[] | 'silent' } | 'silent' | 'failing';

const A = 1;
const AAAA = 28;
const NO_SUCH_NAME = 3;
const SERVER_FAILURE = 2;

/** A real name server on this machine (RFC 1035 §4), which knows a few names. */
export class NameServer {
  /** What it was asked, such as `A idp.example`. */
  readonly asked: string[] = [];

  private constructor(
    private readonly socket: Socket,
    /** May be changed at any time. */
    readonly names: Map<string, Known>,
  ) {
    socket.on('message', (message, from) => {
      this.#answer(message, from);
    });
  }

  static async start(names: Readonly<Record<string, Known>>): Promise<NameServer> {
    const socket = createSocket('udp4');
    const server = new NameServer(socket, new Map(Object.entries(names)));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return server;
  }

  get address(): string {
    return `127.0.0.1:${String((this.socket.address()).port)}`;
  }

  async close(): Promise<void> {
    await new Promise<void>((done) => this.socket.close(done));
  }

  #answer(message: Buffer, from: RemoteInfo): void {
    const { name, end } = readName(message);
    const type = message.readUInt16BE(end);
    this.asked.push(`${type === A ? 'A' : 'AAAA'} ${name}`);
    const known = this.names.get(name.toLowerCase());
    const addresses = typeof known === 'object' ? ((type === A ? known.A : known.AAAA) ?? []) : known === 'silent' ? known : [];
    if (addresses === 'silent') return;
    const header = Buffer.alloc(12);
    message.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | (known === undefined ? NO_SUCH_NAME : known === 'failing' ? SERVER_FAILURE : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(addresses.length, 6);
    const answers = addresses.map((address) => record(type, address));
    this.socket.send(Buffer.concat([header, message.subarray(12, end + 4), ...answers]), from.port, from.address);
  }
}

function readName(message: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 1 };
}

function record(type: number, address: string): Buffer {
  const data = type === AAAA ? Buffer.from(address.split(':').map((part) => part.padStart(4, '0')).join(''), 'hex') : Buffer.from(address.split('.').map(Number));
  const fixed = Buffer.alloc(12);
  // The name that was asked, class IN, for one second.
  fixed.writeUInt16BE(0xc00c, 0);
  fixed.writeUInt16BE(type, 2);
  fixed.writeUInt16BE(1, 4);
  fixed.writeUInt32BE(1, 6);
  fixed.writeUInt16BE(data.length, 10);
  return Buffer.concat([fixed, data]);
}
