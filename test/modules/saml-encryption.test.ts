import { generateKeyPairSync, type KeyObject } from 'node:crypto';

import { Secret } from '../../src/domain/secret.js';
import type { SamlTrust } from '../../src/federation/saml/response.js';
import { assertion, element, encoded, encrypted, encryptionKey, factsOf, MORE, nameId, NS, outcomeOf, refusalOf, response, TestIdp, trustIn, unwrapBy, type EncryptionParts } from '../support/saml-idp.js';

const wrong = { code: 'InvalidIdentityToken', message: 'Response signature invalid' };
const GCM = 'http://www.w3.org/2009/xmlenc11#aes256-gcm';
const CBC = `${NS.xenc}aes256-cbc`;
const OAEP = 'http://www.w3.org/2009/xmlenc11#rsa-oaep';

let idp: TestIdp;
let other: TestIdp;
let key: { secret: Secret; publicKey: KeyObject };
let second: { secret: Secret; publicKey: KeyObject };
let trust: SamlTrust;
beforeAll(async () => {
  [idp, other] = await Promise.all([TestIdp.create('ec'), TestIdp.create('ec')]);
  [key, second] = [encryptionKey(), encryptionKey()];
  trust = trustIn([idp], { privateKeys: [second.secret, key.secret], encryptionMode: 'Required' });
});

const inner = (parts?: EncryptionParts, xml = idp.signed(assertion())): string => encoded(response(encrypted(xml, key.publicKey, parts)));
const outer = (parts?: EncryptionParts, xml = assertion()): string => encoded(idp.signed(response(encrypted(xml, key.publicKey, parts))));

describe('an encrypted assertion', () => {
  const good: [string, () => string][] = [
    ['signed within', (): string => inner()],
    ['in a response that is signed', (): string => outer()],
    ['signed within, in a response that is signed', (): string => outer({}, idp.signed(assertion()))],
    ['with a shorter key', (): string => inner({ cipher: 'http://www.w3.org/2009/xmlenc11#aes128-gcm' })],
    ['with its key beside it', (): string => inner({ beside: true })],
    ['by CBC, in a response that is signed', (): string => outer({ cipher: CBC })],
    ['by CBC with a shorter key, in a response that is signed', (): string => outer({ cipher: `${NS.xenc}aes128-cbc` }, idp.signed(assertion()))],
    ['by OAEP with SHA-256 throughout', (): string => inner({ transport: OAEP, digest: `${NS.xenc}sha256`, mask: 'http://www.w3.org/2009/xmlenc11#mgf1sha256' })],
    ['by OAEP with SHA-512 throughout', (): string => inner({ transport: OAEP, digest: `${NS.xenc}sha512`, mask: 'http://www.w3.org/2009/xmlenc11#mgf1sha512' })],
    ['by OAEP with SHA-1, as it is where nothing is said', (): string => inner({ transport: OAEP })],
    ['by OAEP with SHA-1, said', (): string => inner({ digest: `${NS.ds}sha1` })],
  ];
  it.each(good)('is read: one %s', async (_, made) => {
    expect(await factsOf(made(), trust)).toMatchObject({ subject: 'alice', isEncrypted: true });
    expect((await factsOf(made(), { ...trust, encryptionMode: 'Allowed' })).subject).toBe('alice');
  });

  it('may be required', async () => {
    const plain = encoded(idp.signed(response(idp.signed(assertion()))));
    expect(await refusalOf(plain, trust)).toMatchObject({ code: 'InvalidIdentityToken', message: 'Assertion in AuthnResponse must be encrypted' });
    expect(await factsOf(plain, { ...trust, encryptionMode: 'Allowed' })).toMatchObject({ subject: 'alice', isEncrypted: false });
  });

  const flip = (index: number, bit = 1) => (content: Buffer): Buffer => {
    const at = index < 0 ? content.length + index : index;
    return Buffer.concat([content.subarray(0, at), Buffer.from([content[at]! ^ bit]), content.subarray(at + 1)]);
  };
  const bad: [string, () => string, RegExp][] = [
    ['that is not signed at all', (): string => inner({}, assertion()), /neither/],
    ['that another provider signed', (): string => inner({}, other.signed(assertion())), /wrong/],
    ['in a response that another provider signed', (): string => encoded(other.signed(response(encrypted(assertion(), key.publicKey)))), /wrong/],
    ['for another key', (): string => encoded(response(encrypted(idp.signed(assertion()), encryptionKey().publicKey))), /does not decrypt/],
    ['without a key', (): string => encoded(response(encrypted(idp.signed(assertion()), key.publicKey).replace(/<ds:KeyInfo.*<\/ds:KeyInfo>/, ''))), /does not decrypt/],
    ['with too many keys', (): string => encoded(response(encrypted(idp.signed(assertion()), key.publicKey).replace(/(<xenc:EncryptedKey>.*<\/xenc:EncryptedKey>)/, '$1$1$1$1$1'))), /too many keys/],
    ['whose tag is another', (): string => inner({ alter: flip(-1) }), /does not decrypt/],
    ['whose text is another', (): string => inner({ alter: flip(20) }), /does not decrypt/],
    ['whose nonce is another', (): string => inner({ alter: flip(0) }), /does not decrypt/],
    ['whose tag is cut', (): string => inner({ alter: (content) => content.subarray(0, -4) }), /does not decrypt/],
    ['that is shorter than a tag', (): string => inner({ alter: (content) => content.subarray(0, 20) }), /does not decrypt/],
    ['by CBC, signed within only', (): string => inner({ cipher: CBC }), /CBC/],
    ['by CBC, without a signature', (): string => inner({ cipher: CBC }, assertion()), /CBC/],
    ['by CBC, with more padding than a block', (): string => outer({ cipher: CBC, alter: flip(-17, 0x80) }), /does not decrypt/],
    ['by CBC, in parts of blocks', (): string => outer({ cipher: CBC, alter: (content) => content.subarray(0, -3) }), /does not decrypt/],
    ['by CBC, changed after the response was signed', (): string => encoded(Buffer.from(outer({ cipher: CBC }), 'base64').toString().replace(/(<xenc:CipherValue>)....(?=[^<]{400})/g, '$1AAAA')), /digest/],
    ['by a key of the wrong length', (): string => encoded(response(encrypted(idp.signed(assertion()), key.publicKey).replace('aes256-gcm', 'aes128-gcm'))), /does not decrypt/],
    ['wrapped by RSA PKCS #1 v1.5', (): string => inner({ transport: `${NS.xenc}rsa-1_5` }), /does not decrypt/],
    ['wrapped by PKCS #1 v1.5, under the name of OAEP', (): string => encoded(response(encrypted(idp.signed(assertion()), key.publicKey, { transport: `${NS.xenc}rsa-1_5` }).replace('rsa-1_5', 'rsa-oaep-mgf1p'))), /does not decrypt/],
    ['by OAEP with two digests', (): string => inner({ transport: OAEP, digest: `${NS.xenc}sha256` }), /does not decrypt/],
    ['by OAEP with a label', (): string => encoded(response(encrypted(idp.signed(assertion()), key.publicKey).replace('rsa-oaep-mgf1p"></', `rsa-oaep-mgf1p">${element('xenc:OAEPparams', {}, 'AAAA')}</`))), /does not decrypt/],
    ['by Triple DES', (): string => encoded(response(encrypted(idp.signed(assertion()), key.publicKey).replace(GCM, `${NS.xenc}tripledes-cbc`))), /encrypted with/],
    ['by a method that every object has', (): string => encoded(response(encrypted(idp.signed(assertion()), key.publicKey).replace(GCM, 'constructor'))), /encrypted with/],
    ['that is something else', (): string => inner({}, response(assertion())), /no assertion/],
    ['with another encrypted in it', (): string => inner({}, idp.signed(assertion({ more: encrypted(assertion({ id: '_x' }), key.publicKey) }))), /where none belongs/],
  ];
  it.each(bad)('is refused: one %s', async (_, made, why) => {
    expect(await refusalOf(made(), trust)).toEqual({ code: 'InvalidIdentityToken', message: expect.stringMatching(/^(?:Response signature invalid|Invalid base64 SAMLResponse)$/), why: expect.stringMatching(why) });
  });

  it('says nothing of how far it came: keys, ciphers and tags that are wrong are refused in the same words', async () => {
    for (const made of [inner({ alter: flip(-1) }), inner({ transport: `${NS.xenc}rsa-1_5` }), inner({}, other.signed(assertion())), encoded(response(encrypted(idp.signed(assertion()), encryptionKey().publicKey)))]) {
      expect(await refusalOf(made, trust)).toMatchObject(wrong);
    }
  });

  it('is not decrypted with keys that are weak, or take long', async () => {
    for (const [bits, isTaken] of [[1_024, false], [2_048, true], [4_096, true], [4_104, false]] as const) {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
      const unwrap = unwrapBy([Secret.of(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())]);
      const made = encoded(response(encrypted(idp.signed(assertion()), publicKey)));
      if (isTaken) expect((await factsOf(made, { ...trust, unwrap })).subject).toBe('alice');
      else expect((await refusalOf(made, { ...trust, unwrap })).why).toMatch(/does not decrypt/);
    }
  });

  it('is not read where the provider has no private key', async () => {
    expect(await refusalOf(inner(), { ...trust, unwrap: unwrapBy([]) })).toMatchObject(wrong);
  });

  it('cannot bring a document type, an entity or a comment', async () => {
    for (const xml of [`<!DOCTYPE x>${idp.signed(assertion())}`, idp.signed(assertion()).replace('>alice<', '>al<!---->ice<'), idp.signed(assertion()).replace('alice', '&e;')]) {
      expect(await refusalOf(inner({}, xml), trust)).toMatchObject({ code: 'InvalidIdentityToken', message: 'Invalid base64 SAMLResponse' });
    }
  });

  it('wraps no signature of another', async () => {
    const genuine = idp.signed(assertion());
    const forged = assertion({ id: '_evil' }).replace('alice<', 'mallory<');
    const signature = /<ds:Signature .*?<\/ds:Signature>/.exec(genuine)![0];
    const made = [forged.replace('</saml:Assertion>', `${genuine}</saml:Assertion>`), forged.replace('</saml:Issuer>', `</saml:Issuer>${signature}`), forged.replace('</saml:Issuer>', `</saml:Issuer>${signature.replace('</ds:Signature>', `${element('ds:Object', {}, genuine.replace(signature, ''))}</ds:Signature>`)}`)];
    for (const xml of made) expect((await refusalOf(inner({}, xml), trust)).code).toBe('InvalidIdentityToken');
  });

  it('says what was signed in it, whatever ids there are around it', async () => {
    const genuine = idp.signed(assertion({ id: '_same' }));
    const same = { attributes: { ID: '_same' } };
    expect((await factsOf(encoded(response(encrypted(genuine, key.publicKey), same)), trust)).subject).toBe('alice');
    const forged = assertion({ id: '_same', nameId: nameId('mallory') });
    const borrowed = forged.replace('</saml:Issuer>', `</saml:Issuer>${/<ds:Signature .*?<\/ds:Signature>/.exec(genuine)![0]}`);
    for (const xml of [forged, borrowed]) expect(await outcomeOf(encoded(response(encrypted(xml, key.publicKey), same)), trust)).toMatchObject({ ...wrong, subject: undefined });
    // The signature of a response does not vouch for what its assertion's own does not.
    expect(await outcomeOf(encoded(idp.signed(response(encrypted(borrowed, key.publicKey), same))), trust)).toMatchObject({ ...wrong, subject: '' });
    const beside = response(encrypted(forged, key.publicKey) + genuine);
    for (const made of [beside, idp.signed(beside)]) expect((await outcomeOf(encoded(made), trust)).subject).toBeUndefined();
  });

  it('is not decrypted by methods that are only named', async () => {
    expect(await refusalOf(inner({ transport: `${MORE}rsa-oaep` }), trust)).toMatchObject(wrong);
  });
});
