import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http';
import { createServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net';

import { SystemClock } from '../../src/kernel/effects.js';
import { Names } from '../../src/kernel/names.js';
import { Outbound, OutboundError } from '../../src/kernel/outbound.js';
import { TestCa, type Certified } from '../support/certificates.js';
import { NameServer } from '../support/name-server.js';

const LOOPBACK = ['127.0.0.0/8', '::1'];
let ca: TestCa;
let trusted: Certified;
const open: (Server | TcpServer)[] = [];

beforeAll(async () => {
  ca = await TestCa.create();
  trusted = await ca.server(['localhost', '127.0.0.1']);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => new Promise((resolve) => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close(resolve);
  })));
});

/** Where a server listens that answers so. */
async function listening(server: Server | TcpServer): Promise<number> {
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
const serve = (answer: RequestListener, by: Certified = trusted): Promise<number> => listening(createServer({ cert: by.cert, key: by.key }, answer));

const outbound = ({ names = new Names(), ...options }: { allowCidrs?: readonly string[]; allowInsecure?: boolean; ca?: string; names?: Names } = {}): Outbound =>
  new Outbound({ issuers: { allowCidrs: LOOPBACK, allowInsecure: false, ca: ca.pem, ...options } }, new SystemClock(), names);

/** The fault with which something is not fetched, and how. */
async function refusal(work: Promise<Buffer>): Promise<string> {
  try {
    return `fetched ${String(await work)}`;
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    return `${error.fault}: ${error.message}`;
  }
}

describe('a document', () => {
  it('is fetched over TLS by a name or an address that a CA vouches for', async () => {
    const port = await serve((request, answer) => answer.end(`${request.headers.host ?? ''}${request.url ?? ''}`));
    expect(String(await outbound().get(`https://localhost:${String(port)}/keys?x=1`))).toBe(`localhost:${String(port)}/keys?x=1`);
    expect(String(await outbound().get(`https://127.0.0.1:${String(port)}/`))).toBe(`127.0.0.1:${String(port)}/`);
  });

  it('is fetched after redirects within its host, and not after many', async () => {
    const port = await serve((request, answer) => {
      const left = Number((request.url ?? '').slice(1));
      if (left === 0) answer.end('here');
      else answer.writeHead(302, { location: `/${String(left - 1)}` }).end();
    });
    expect(String(await outbound().get(`https://localhost:${String(port)}/3`))).toBe('here');
    expect(await refusal(outbound().get(`https://localhost:${String(port)}/4`))).toMatch(/^answer: .* redirects more than 3 times$/);
  });

  it('may be large, and not too large', async () => {
    const port = await serve((request, answer) => answer.end(Buffer.alloc(Number((request.url ?? '').slice(1)))));
    expect(await outbound().get(`https://localhost:${String(port)}/1048576`)).toHaveLength(1_048_576);
    expect(await refusal(outbound().get(`https://localhost:${String(port)}/1048577`))).toMatch(/^answer: .*more than 1048576 bytes$/);
  });

  it('is fetched over http from this machine only where that is allowed', async () => {
    const port = await listening(createPlainServer((_, answer) => answer.end('plain')));
    expect(String(await outbound({ allowInsecure: true, allowCidrs: [] }).get(`http://localhost:${String(port)}/`))).toBe('plain');
    expect(await refusal(outbound().get(`http://localhost:${String(port)}/`))).toMatch(/^forbidden: .*only https is$/);
    expect(await refusal(outbound({ allowInsecure: true }).get('http://idp.example/'))).toMatch(/^forbidden: .*only https is$/);
  });
});

describe('a name', () => {
  it('is reached at those of its addresses that may be, however often it changes them', async () => {
    const certified = await ca.server(['mixed.example']);
    const port = await serve((_, answer) => answer.end('here'), certified);
    const server = await NameServer.start({ 'mixed.example': { A: ['10.0.0.1', '127.0.0.1'], AAAA: ['fe80:0:0:0:0:0:0:1'] } });
    try {
      const byName = outbound({ names: new Names({ hosts: '/dev/null', servers: [server.address] }) });
      expect(String(await byName.get(`https://mixed.example:${String(port)}/`))).toBe('here');
      server.names.set('mixed.example', { A: ['10.0.0.1'] });
      expect(await refusal(byName.get(`https://mixed.example:${String(port)}/`))).toMatch(/^forbidden: /);
    } finally {
      await server.close();
    }
  });

  it('is reached in time although its name server never answers about the other kind of addresses', async () => {
    const certified = await ca.server(['half.example']);
    const port = await serve((_, answer) => answer.end('here'), certified);
    const server = await NameServer.start({ 'half.example': { A: ['127.0.0.1'], AAAA: 'silent' } });
    try {
      expect(await refusal(outbound({ names: new Names({ hosts: '/dev/null', servers: [server.address] }) }).get(`https://half.example:${String(port)}/`))).toBe('fetched here');
    } finally {
      await server.close();
    }
  });
});

describe('nothing is fetched', () => {
  it.each([
    'ftp://localhost/', 'file:///etc/passwd', 'http://127.0.0.1/', 'data:text/plain,x', 'javascript:1', 'no url', '', 'https://user@idp.example/', 'https://user:secret@idp.example/',
  ])('from %p', async (url) => {
    expect(await refusal(outbound().get(url))).toMatch(/^forbidden: /);
  });

  it.each([
    '127.0.0.1', '127.1', '2130706433', '0x7f000001', '017700000001', '0.0.0.0', '10.0.0.1', '100.64.0.1', '169.254.169.254', '172.16.0.1', '192.168.1.1', '192.0.0.1', '192.0.2.1', '198.18.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255',
    '[::]', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]', '[2001:db8::1]', '[2001::1]', '[fe80::1]', '[fc00::1]', '[fd00:ec2::254]', '[ff02::1]', 'localhost',
  ])('from %s, which is no address of the internet', async (host) => {
    expect(await refusal(outbound({ allowCidrs: [] }).get(`https://${host}:1/`))).toMatch(/^forbidden: .*private network/);
  });

  it('by a name whose addresses are none of the internet, or that has none', async () => {
    const server = await NameServer.start({ 'inside.example': { A: ['10.0.0.1'], AAAA: ['fd00:0:0:0:0:0:0:1'] } });
    try {
      const byName = outbound({ names: new Names({ hosts: '/dev/null', servers: [server.address] }) });
      expect(await refusal(byName.get('https://inside.example/'))).toMatch(/^forbidden: inside[.]example is at 10[.]0[.]0[.]1, which is in a private network/);
      expect(await refusal(byName.get('https://nowhere.invalid/'))).toMatch(/^nameless: /);
    } finally {
      await server.close();
    }
  });

  it('where a list of networks names another one', async () => {
    expect(await refusal(outbound({ allowCidrs: ['10.0.0.0/8', 'fd00::/8'] }).get('https://127.0.0.1:1/'))).toMatch(/^forbidden: /);
    expect(await refusal(outbound({ allowCidrs: ['127.0.0.1'] }).get('https://127.0.0.1:1/'))).toMatch(/^unreachable: /);
  });

  it.each([
    ['another host', (port: number) => `https://127.0.0.1:${String(port)}/`],
    ['another port', (port: number) => `https://localhost:${String(port + 1)}/`],
    ['a private network', () => 'https://169.254.169.254/latest/meta-data/'],
    ['http', (port: number) => `http://localhost:${String(port)}/`],
    ['a file', () => 'file:///etc/passwd'],
  ])('where it redirects to %s', async (_, to) => {
    let asked = 0;
    const port = await serve((request, answer) => {
      asked += 1;
      answer.writeHead(302, { location: to(Number((request.headers.host ?? '').split(':')[1])) }).end();
    });
    expect(await refusal(outbound().get(`https://localhost:${String(port)}/`))).toMatch(/^(answer: .*another host|forbidden: )/);
    expect(asked).toBe(1);
  });

  const bad: [what: string, answer: RequestListener, fault: RegExp][] = [
    ['a status that is no success', (_, answer) => answer.writeHead(404).end('no'), /^answer: .*answered 404$/],
    ['a success without a document', (_, answer) => answer.writeHead(204).end(), /^answer: .*answered 204$/],
    ['a redirect to nowhere', (_, answer) => answer.writeHead(302).end(), /^answer: .*answered 302$/],
    ['an encoding', (_, answer) => answer.writeHead(200, { 'content-encoding': 'gzip' }).end('x'), /^answer: .*not asked for$/],
    ['less than it promises', (_, answer) => { answer.writeHead(200, { 'content-length': '10' }); answer.write('x', () => answer.destroy()); }, /^unreachable: .*cut short$/],
  ];
  it.each(bad)('from a server that answers %s', async (_, answer, fault) => {
    expect(await refusal(outbound().get(`https://localhost:${String(await serve(answer))}/`))).toMatch(fault);
  });

  it('from a server that answers too slowly', async () => {
    const port = await serve((_, answer) => {
      // Less than nothing at a time: the connection is never idle for long.
      const drip = setInterval(() => answer.write(' '), 200);
      answer.on('close', () => { clearInterval(drip); });
    });
    expect(await refusal(outbound().get(`https://localhost:${String(port)}/`))).toMatch(/^unreachable: /);
  }, 60_000);

  it('from what speaks no TLS', async () => {
    const port = await listening(createTcpServer((socket) => socket.on('error', () => undefined).end('HTTP/1.1 200 OK\r\n\r\nplain').resume()));
    expect(await refusal(outbound().get(`https://localhost:${String(port)}/`))).toMatch(/^(unreachable|certificate): /);
  });
});

describe('a server is believed', () => {
  const ok: RequestListener = (_, answer) => answer.end('ok');

  it('if a CA vouches for its name, and not for another, and in time', async () => {
    const other = await serve(ok, await ca.server(['idp.example']));
    expect(await refusal(outbound().get(`https://localhost:${String(other)}/`))).toMatch(/^certificate: /);
    const expired = await serve(ok, await ca.server(['localhost'], { expired: true }));
    expect(await refusal(outbound().get(`https://localhost:${String(expired)}/`))).toMatch(/^certificate: /);
    const unknown = await serve(ok, await (await TestCa.create()).server(['localhost']));
    expect(await refusal(outbound().get(`https://localhost:${String(unknown)}/`))).toMatch(/^certificate: /);
  });

  it('if its certificate or the one it follows from is pinned, and nothing else', async () => {
    const own = await TestCa.create('Own CA');
    const server = await own.server(['localhost']);
    const url = `https://localhost:${String(await serve(ok, server))}/`;
    const asked = (thumbprints: readonly string[]): Promise<string> => refusal(outbound().get(url, { thumbprints }));
    expect(await asked([server.thumbprint])).toBe('fetched ok');
    expect(await asked([(await own.thumbprint()).toUpperCase()])).toBe('fetched ok');
    expect(await asked(['0'.repeat(40), server.thumbprint])).toBe('fetched ok');
    expect(await asked(['0'.repeat(40)])).toMatch(/^certificate: .*none of its certificates is pinned$/);
    // Somebody else's certificate that is shown along does not help.
    const stranger = await (await TestCa.create('Own CA')).server(['localhost']);
    const shown = { ...stranger, cert: `${stranger.cert.split('-----END CERTIFICATE-----')[0] ?? ''}-----END CERTIFICATE-----\n${own.pem}` };
    const liar = `https://localhost:${String(await serve(ok, shown))}/`;
    expect(await refusal(outbound().get(liar, { thumbprints: [await own.thumbprint(), server.thumbprint] }))).toMatch(/^certificate: /);
    const elsewhere = await own.server(['idp.example']);
    expect(await refusal(outbound().get(`https://localhost:${String(await serve(ok, elsewhere))}/`, { thumbprints: [elsewhere.thumbprint] }))).toMatch(/^certificate: /);
    const over = await own.server(['localhost'], { expired: true });
    expect(await refusal(outbound().get(`https://localhost:${String(await serve(ok, over))}/`, { thumbprints: [over.thumbprint] }))).toMatch(/^certificate: /);
  });

  it('if a CA vouches for it, whatever is pinned', async () => {
    const url = `https://localhost:${String(await serve(ok))}/`;
    expect(String(await outbound().get(url, { thumbprints: ['0'.repeat(40)] }))).toBe('ok');
  });
});

describe('at a time', () => {
  it('are fetched 64, and the others wait for their turn', async () => {
    let running = 0;
    let most = 0;
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const port = await serve((_, answer) => {
      running += 1;
      most = Math.max(most, running);
      if (running >= 64) release();
      void gate.then(() => {
        running -= 1;
        answer.end('ok');
      });
    });
    const one = outbound();
    const fetched = await Promise.all(Array.from({ length: 100 }, () => one.get(`https://localhost:${String(port)}/`)));
    expect([fetched.length, most]).toEqual([100, 64]);
  });

  it('are fetched three for one account, whatever others it waits for, so that other accounts have their turns', async () => {
    const answers: (() => void)[] = [];
    let running = 0;
    let most = 0;
    const port = await serve((request, answer) => {
      if (request.url === '/quick') {
        answer.end('quick');
        return;
      }
      running += 1;
      most = Math.max(most, running);
      answers.push(() => {
        running -= 1;
        answer.end('slow');
      });
    });
    const one = outbound();
    const slow = Array.from({ length: 67 }, () => one.get(`https://localhost:${String(port)}/slow`, { account: 'hostile' }));
    expect(await refusal(one.get(`https://localhost:${String(port)}/slow`, { account: 'hostile' }))).toBe('unreachable: too many documents are being fetched at once');
    expect(await Promise.all(Array.from({ length: 20 }, () => one.get(`https://localhost:${String(port)}/quick`, { account: 'other' }).then(String)))).toEqual(Array.from({ length: 20 }, () => 'quick'));
    let left = slow.length;
    const all = Promise.all(slow.map((work) => work.finally(() => (left -= 1))));
    while (left > 0) {
      answers.splice(0).forEach((answer) => { answer(); });
      await new Promise((resolve) => setImmediate(resolve));
    }
    await all;
    expect(most).toBe(3);
  });
});
