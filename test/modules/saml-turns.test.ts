import { constants, generateKeyPairSync, publicEncrypt, type KeyObject } from 'node:crypto';

import { UpdateSAMLProviderCommand } from '@aws-sdk/client-iam';

import { SamlPrivateKeys } from '../../src/federation/saml-private-keys.js';
import { SamlResponses } from '../../src/federation/saml-responses.js';
import type { Unwrap, WrappedKey } from '../../src/federation/saml/private-keys.js';
import { verified } from '../../src/federation/saml/signature.js';
import { parseXml } from '../../src/federation/saml/xml.js';
import { isOidc, IdentityProvidersStore } from '../../src/identities/providers.store.js';
import { TestApp } from '../support/app.js';
import { effectOf } from '../support/calls.js';
import { assertion, TestIdp } from '../support/saml-idp.js';
import { SamlProvider } from '../support/saml-world.js';
import { World } from '../support/world.js';

let app: TestApp;
let worlds: World[];
let providers: SamlProvider[];
let publicKey: KeyObject;
let privateKey: string;
beforeAll(async () => {
  app = await TestApp.boot();
  const root = new World(app);
  worlds = [root, await root.account('other')];
  const pair = generateKeyPairSync('rsa', { modulusLength: 4_096 });
  [publicKey, privateKey] = [pair.publicKey, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()];
  providers = [];
  for (const world of worlds) {
    const provider = await SamlProvider.register(world);
    await app.iam(world.root).send(new UpdateSAMLProviderCommand({ SAMLProviderArn: provider.arn, AddPrivateKey: privateKey }));
    providers.push(provider);
  }
});
afterAll(() => app.close());

const contentKey = Buffer.alloc(32, 7);
const wrapped = (): WrappedKey => ({ value: publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, contentKey), oaepHash: 'SHA-256' });
const same = (key: Buffer): Buffer => key;
async function unwrapOf({ arn }: SamlProvider): Promise<Unwrap> {
  const found = await app.running.app.get(IdentityProvidersStore).find(arn);
  if (found === undefined || isOidc(found)) throw new Error(`no provider ${arn}`);
  return app.running.app.get(SamlPrivateKeys).of(found);
}
/** How each of some attempts ended: `ok`, or by which error. */
async function outcomes(attempts: readonly Promise<unknown>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const one of await Promise.allSettled(attempts)) {
    const outcome = one.status === 'fulfilled' ? 'ok' : (one.reason as { code: string }).code;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

/** How often others could have done something while some work was done; a handful of times where it holds them. */
async function othersDuring(work: () => Promise<unknown>): Promise<number> {
  let others = 0;
  const next = (): void => {
    others += 1;
    going = setImmediate(next);
  };
  let going = setImmediate(next);
  await work().finally(() => {
    clearImmediate(going);
  });
  return others;
}

describe('signatures that are verified', () => {
  it('hold nobody else meanwhile, whatever keys a provider has', async () => {
    const keys = Array.from({ length: 10 }, () => generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey);
    // Of the same curve: what is no signature of a key's size is refused before anything is computed.
    const signed = parseXml((await TestIdp.create('p521')).signed(assertion()));
    expect(await othersDuring(() => expect(verified(signed, keys)).rejects.toThrow('Response signature invalid'))).toBeGreaterThan(50);
  });
});

describe('keys that are unwrapped', () => {
  it('hold nobody else meanwhile', async () => {
    const unwrap = await unwrapOf(providers[0]!);
    expect(await unwrap([wrapped()], same)).toEqual(contentKey);
    expect(await othersDuring(() => unwrap([wrapped(), wrapped()], () => undefined))).toBeGreaterThan(50);
  });

  it('are not where there is nothing to unwrap, or what is there is not as long as RSA makes it', async () => {
    const unwrap = await unwrapOf(providers[0]!);
    const { value, oaepHash } = wrapped();
    expect(await unwrap([], same)).toBeUndefined();
    for (const other of [value.subarray(1), Buffer.concat([Buffer.alloc(1), value]), Buffer.alloc(512, 0xff), Buffer.alloc(0)]) expect(await unwrap([{ value: other, oaepHash }], same)).toBeUndefined();
    expect(await unwrap([{ value, oaepHash: 'SHA-1' }, { value, oaepHash }], same)).toEqual(contentKey);
  });

  it('are not with a key that was removed, although it was used a moment ago', async () => {
    const [provider, world] = [providers[1]!, worlds[1]!];
    const unwrap = await unwrapOf(provider);
    expect(await unwrap([wrapped()], same)).toEqual(contentKey);
    const { body } = await app.rest(world.root, `GET /v1/saml-providers/${encodeURIComponent(provider.arn)}`);
    const [{ keyId = '' } = {}] = (body as unknown as { privateKeyList: { keyId?: string }[] }).privateKeyList;
    await app.iam(world.root).send(new UpdateSAMLProviderCommand({ SAMLProviderArn: provider.arn, RemovePrivateKey: keyId }));
    expect(await unwrap([wrapped()], same)).toBeUndefined();
  });
});

describe('responses that many send at once', () => {
  it('wait for their turn with some others of the account, and are refused beyond and belong to nobody, while other accounts are not', async () => {
    const responses = app.running.app.get(SamlResponses);
    const roleArn = 'arn:aws:iam::111122223333:role/x';
    const verify = (provider: SamlProvider) => (): Promise<unknown> => responses.verify(provider.response(roleArn), { roleArn, principalArn: provider.arn }, app.clock.now());
    const [own, others] = [verify(providers[0]!), verify(providers[1]!)];
    // Both are remembered from here on.
    await own();
    await others();
    const { result, added, events } = await effectOf(app, () => Promise.all([outcomes(Array.from({ length: 70 }, own)), outcomes(Array.from({ length: 5 }, others))]));
    expect(result).toEqual([{ ok: 65, ServiceUnavailable: 5 }, { ok: 5 }]);
    expect({ added, events }).toEqual({ added: [], events: [] });
  });

  it('are not where there is no such provider', async () => {
    const responses = app.running.app.get(SamlResponses);
    await expect(responses.verify('x', { roleArn: 'x', principalArn: `${providers[0]!.arn}x` }, app.clock.now())).rejects.toMatchObject({ code: 'InvalidIdentityToken' });
  });
});
