import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Names } from '../../src/kernel/names.js';
import { NameServer, type Known } from '../support/name-server.js';

const never = new AbortController().signal;
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

async function knowing(names: Readonly<Record<string, Known>>, hosts = ''): Promise<{ names: Names; server: NameServer }> {
  const server = await NameServer.start(names);
  const directory = await mkdtemp(join(tmpdir(), 'stint-names-'));
  closing.push(() => server.close(), () => rm(directory, { recursive: true }));
  const file = join(directory, 'hosts');
  await writeFile(file, hosts);
  return { server, names: new Names({ hosts: file, servers: [server.address] }) };
}

describe('the addresses of a name', () => {
  it('are those that a name server knows, of both kinds, IPv4 first', async () => {
    const { names } = await knowing({ 'idp.example': { AAAA: ['2001:db8:0:0:0:0:0:7'], A: ['198.51.100.1', '198.51.100.2'] }, 'six.example': { AAAA: ['2001:db8:0:0:0:0:0:8'] } });
    expect(await names.addresses('IdP.example', never)).toEqual([{ address: '198.51.100.1', family: 4 }, { address: '198.51.100.2', family: 4 }, { address: '2001:db8::7', family: 6 }]);
    expect(await names.addresses('six.example.', never)).toEqual([{ address: '2001:db8::8', family: 6 }]);
  });

  it('are first of all those of the hosts file, for which nobody is asked', async () => {
    const { names, server } = await knowing({ 'idp.example': { A: ['198.51.100.1'] } }, '# 10.0.0.1 idp.example\n10.0.0.7\tother.example  IDP.example # here\n\nnonsense idp.example\nfd00::7 idp.example\n');
    expect(await names.addresses('idp.example', never)).toEqual([{ address: '10.0.0.7', family: 4 }, { address: 'fd00::7', family: 6 }]);
    expect(await names.addresses('idp.example.', never)).toHaveLength(2);
    expect(server.asked).toEqual([]);
  });

  it('are this machine for localhost, whatever a name server says', async () => {
    const { names, server } = await knowing({ localhost: { A: ['198.51.100.1'] }, 'a.localhost': { A: ['198.51.100.1'] } });
    for (const host of ['localhost', 'a.localhost', 'LOCALHOST.']) expect(await names.addresses(host, never)).toEqual([{ address: '127.0.0.1', family: 4 }, { address: '::1', family: 6 }]);
    expect(server.asked).toEqual([]);
  });

  it('are those of one kind where the name server never answers about the other', async () => {
    const { names } = await knowing({ 'idp.example': { A: ['198.51.100.1'], AAAA: 'silent' } });
    expect(await names.addresses('idp.example', never)).toEqual([{ address: '198.51.100.1', family: 4 }]);
  });

  it('are none where nobody knows it', async () => {
    const { names, server } = await knowing({ 'empty.example': {} });
    await expect(names.addresses('nowhere.invalid', never)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(names.addresses('empty.example', never)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect(server.asked).toContain('A nowhere.invalid');
  });

  it('are none where a name server fails, and the system is not asked instead', async () => {
    const { names } = await knowing({ 'idp.example': 'failing' });
    await expect(names.addresses('idp.example', never)).rejects.toMatchObject({ code: 'ESERVFAIL' });
  });
});

describe('a name server that never answers', () => {
  it('holds up nobody else, however many of its names are looked up', async () => {
    const { names, server } = await knowing({ 'slow.example': 'silent', 'quick.example': { A: ['198.51.100.1'] } });
    const over = new AbortController();
    let ended = 0;
    const slow = Array.from({ length: 32 }, () => names.addresses('slow.example', AbortSignal.any([over.signal])).finally(() => (ended += 1)));
    const all = Promise.allSettled(slow);
    expect(await names.addresses('quick.example', never)).toHaveLength(1);
    expect(ended).toBe(0);
    over.abort();
    expect((await all).every(({ status }) => status === 'rejected')).toBe(true);
    expect(server.asked).toContain('A slow.example');
  });

  it('is not asked for whoever has given up already', async () => {
    const { names, server } = await knowing({ 'slow.example': 'silent' });
    await expect(names.addresses('slow.example', AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
    expect(server.asked).toEqual([]);
  });
});
