import { createPublicKey, webcrypto, type JsonWebKey } from 'node:crypto';

import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

import { ApiError } from '../../src/domain/errors.js';
import { keysIn, verified } from '../../src/federation/saml/signature.js';
import { parseXml, within } from '../../src/federation/saml/xml.js';
import { assertion, element, encoded, ENVELOPED, EXC, factsOf, keyInfo, MORE, nameId, NS, outcomeOf, refusalOf, response, TestIdp, transform, trustIn, withSignature } from '../support/saml-idp.js';

const wrong = 'Response signature invalid';
const broken = 'Invalid base64 SAMLResponse';

let idp: TestIdp;
let other: TestIdp;
let ec: TestIdp;
beforeAll(async () => {
  [idp, other, ec] = await Promise.all([TestIdp.create(), TestIdp.create(), TestIdp.create('ec')]);
});

/** What somebody writes who has seen a genuine response, but no key. */
const forged = (id = '_evil'): string => assertion({ id, nameId: nameId('mallory') });
const unsigned = (xml: string): string => xml.replace(/<ds:Signature .*?<\/ds:Signature>/, '');
const signatureIn = (xml: string): string => /<ds:Signature .*?<\/ds:Signature>/.exec(xml)![0];
const inside = (xml: string, at: string, what: string): string => xml.replace(at, `${what}${at}`);
const object = (what: string): string => element('ds:Object', {}, what);

describe('a wrapped signature', () => {
  // The variants of "On Breaking SAML: Be Whoever You Want to Be" (USENIX Security 2012), numbered as SAML Raider does.
  const wrappings: [string, () => string][] = [
    ['XSW1: a forged response with the genuine one in its signature', (): string => {
      const genuine = idp.signed(response(assertion()));
      return withSignature(response(forged(), { attributes: { ID: '_evil-response' } }), inside(signatureIn(genuine), '</ds:Signature>', unsigned(genuine)));
    }],
    ['XSW1, in an Object', (): string => {
      const genuine = idp.signed(response(assertion()));
      return withSignature(response(forged(), { attributes: { ID: '_evil-response' } }), inside(signatureIn(genuine), '</ds:Signature>', object(unsigned(genuine))));
    }],
    ['XSW2: a forged response with the genuine one before the signature', (): string => {
      const genuine = idp.signed(response(assertion()));
      return withSignature(response(forged(), { attributes: { ID: '_evil-response' } }), unsigned(genuine) + signatureIn(genuine));
    }],
    ['XSW3: a forged assertion before the genuine one', (): string => response(forged() + idp.signed(assertion()))],
    ['XSW3, after the genuine one', (): string => response(idp.signed(assertion()) + forged())],
    ['XSW4: a forged assertion around the genuine one', (): string => response(inside(forged(), '</saml:Assertion>', idp.signed(assertion())))],
    ['XSW5: a forged assertion with the signature, and the genuine one without', (): string => {
      const genuine = idp.signed(assertion());
      return response(withSignature(forged(), signatureIn(genuine)) + unsigned(genuine));
    }],
    ['XSW6: a forged assertion with the signature, and the genuine one in that', (): string => {
      const genuine = idp.signed(assertion());
      return response(withSignature(forged(), inside(signatureIn(genuine), '</ds:Signature>', unsigned(genuine))));
    }],
    ['XSW7: a forged assertion in Extensions', (): string => response(element('samlp:Extensions', {}, forged('_assertion')) + idp.signed(assertion()))],
    ['XSW7, with the genuine one there', (): string => response(element('samlp:Extensions', {}, idp.signed(assertion())) + forged())],
    ['XSW8: the genuine assertion in an Object of the signature', (): string => {
      const genuine = idp.signed(assertion());
      return response(withSignature(forged(), inside(signatureIn(genuine), '</ds:Signature>', object(unsigned(genuine)))));
    }],
    ['XSW8, under the same id', (): string => {
      const genuine = idp.signed(assertion());
      return response(withSignature(forged('_assertion'), inside(signatureIn(genuine), '</ds:Signature>', object(unsigned(genuine)))));
    }],
    ['both signed: a forged assertion in the place of the genuine one', (): string => {
      const genuine = idp.signed(response(idp.signed(assertion())));
      return genuine.replace(idp.signed(assertion()), forged());
    }],
    ['both signed: a forged assertion with the id and the signature of the genuine one', (): string => {
      const inner = idp.signed(assertion());
      return idp.signed(response(inner)).replace(inner, withSignature(forged('_assertion'), signatureIn(inner)));
    }],
    ['both signed: the assertion in another response, with the signature of its own', (): string => {
      const genuine = idp.signed(response(idp.signed(assertion())));
      const [ofResponse] = /<ds:Signature .*?<\/ds:Signature>/.exec(genuine)!;
      return withSignature(response(forged()), ofResponse);
    }],
    ['both signed: the signatures in each other\'s place', (): string => {
      const [inner, outer] = [idp.signed(assertion()), idp.signed(response(forged()))];
      return withSignature(response(withSignature(forged(), signatureIn(outer))), signatureIn(inner));
    }],
    ['both signed: the genuine response in an Object of the signature of a forged one, with the genuine assertion beside it', (): string => {
      const inner = idp.signed(assertion());
      const genuine = idp.signed(response(inner));
      return withSignature(response(forged() + inner, { attributes: { ID: '_evil-response' } }), inside(/<ds:Signature .*?<\/ds:Signature>/.exec(genuine)![0], '</ds:Signature>', object(genuine)));
    }],
    ['the genuine assertion in a forged one of the same id, in another namespace', (): string => response(inside(forged(), '</saml:Assertion>', idp.signed(assertion()).replaceAll('saml:', 'x:').replace('xmlns:saml', 'xmlns:x')))],
    ['the genuine assertion in a namespace that only looks like it', (): string => response(idp.signed(assertion()).replaceAll(NS.saml, `${NS.saml} `).replace('>alice<', '>mallory<'))],
    ['the genuine assertion in Advice', (): string => response(inside(forged(), '</saml:Assertion>', element('saml:Advice', {}, idp.signed(assertion()))))],
    ['the genuine assertion in the KeyInfo', (): string => {
      const genuine = idp.signed(assertion());
      return response(withSignature(forged(), inside(signatureIn(genuine), '</ds:Signature>', element('ds:KeyInfo', {}, unsigned(genuine)))));
    }],
    ['the genuine assertion in the status', (): string => response(forged()).replace('</samlp:Status>', `${element('samlp:StatusDetail', {}, idp.signed(assertion()))}</samlp:Status>`)],
  ];

  it.each(wrappings)('is refused: %s', async (_, made) => {
    expect(await outcomeOf(encoded(made()), trustIn([idp]))).toMatchObject({ subject: undefined, code: 'InvalidIdentityToken', message: expect.stringMatching(new RegExp(`^(?:${wrong}|${broken})$`)) });
  });

  // The shape of a response is one wall, the signature another: each holds without the other.
  it.each(wrappings)('says nothing but what was signed, whichever element is asked: %s', async (_, made) => {
    let tree;
    try {
      tree = parseXml(made());
    } catch (error) {
      expect(error).toBeInstanceOf(ApiError);
      return;
    }
    for (const asked of within(tree)) {
      try {
        const read = await verified(asked, keysIn([idp.certificate]));
        expect(JSON.stringify(read ?? null)).not.toContain('mallory');
      } catch (error) {
        expect(error).toBeInstanceOf(ApiError);
      }
    }
  });

  it('is refused where a forged element has the id, and the genuine one another attribute that could be one', async () => {
    const genuine = idp.signed(assertion());
    for (const name of ['Id', 'id', 'xml:id', 'iD']) {
      const hidden = unsigned(genuine).replace(' ID=', ` ${name}=`);
      const made = response(withSignature(forged('_assertion'), signatureIn(genuine))).replace('</samlp:Status>', `${element('samlp:StatusDetail', {}, hidden)}</samlp:Status>`);
      expect(await refusalOf(encoded(made), trustIn([idp]))).toEqual({ code: 'InvalidIdentityToken', message: broken, why: 'an id occurs twice' });
    }
  });
});

describe('a signature', () => {
  const cases: [string, () => string, RegExp][] = [
    ['that is missing', (): string => response(assertion()), /neither/],
    ['that was taken away', (): string => unsigned(idp.signed(response(assertion()))), /neither/],
    ['by another identity provider', (): string => response(other.signed(assertion())), /wrong/],
    ['by another, whose certificate comes along', (): string => response(other.signed(assertion(), { keyInfo: keyInfo(other.certificate) })), /wrong/],
    ['by another, under the certificate of this one', (): string => response(other.signed(assertion(), { keyInfo: keyInfo(idp.certificate) })), /wrong/],
    ['by a key of another kind', (): string => response(ec.signed(assertion())), /wrong/],
    ['whose method is of another kind than the key', (): string => response(idp.signed(assertion(), { method: `${MORE}ecdsa-sha256` })), /wrong/],
    ['with a shared key, for which the certificate is taken', (): string => response(idp.signed(assertion(), { method: `${MORE}hmac-sha256`, signWith: (info) => idp.hmac(info) })), /signed with .*hmac/],
    ['by SHA-1', (): string => response(idp.signed(assertion(), { method: `${NS.ds}rsa-sha1` })), /signed with .*sha1/],
    ['of a digest by SHA-1', (): string => response(idp.signed(assertion(), { digestMethod: `${NS.ds}sha1` })), /digested with .*sha1/],
    ['by MD5', (): string => response(idp.signed(assertion(), { method: `${MORE}rsa-md5`, signWith: () => 'AAAA' })), /signed with .*md5/],
    ['by DSA', (): string => response(idp.signed(assertion(), { method: `${NS.ds}dsa-sha1`, signWith: () => 'AAAA' })), /signed with .*dsa/],
    ['by a method that every object has', (): string => response(idp.signed(assertion(), { method: 'constructor', signWith: () => 'AAAA' })), /signed with constructor/],
    ['of a digest that every object has', (): string => response(idp.signed(assertion(), { digestMethod: 'toString' })), /digested with toString/],
    ['in inclusive canonical form', (): string => response(idp.signed(assertion(), { canonicalization: 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315' })), /canonicalized/],
    ['in canonical form with comments', (): string => response(idp.signed(assertion(), { canonicalization: `${EXC}WithComments` })), /canonicalized/],
    ['of what is transformed with comments', (): string => response(idp.signed(assertion(), { transforms: transform(ENVELOPED) + transform(`${EXC}WithComments`) })), /canonicalized/],
    ['without transforms', (): string => response(idp.signed(assertion(), { transforms: '' })), /Transforms has other parts/],
    ['that is enveloped only', (): string => response(idp.signed(assertion(), { transforms: transform(ENVELOPED) })), /Transforms has other parts/],
    ['that is canonical only', (): string => response(idp.signed(assertion(), { transforms: transform(EXC) })), /Transforms has other parts/],
    ['whose transforms are in another order', (): string => response(idp.signed(assertion(), { transforms: transform(EXC) + transform(ENVELOPED) })), /transformed in other ways/],
    ['of what is transformed by XSLT', (): string => response(idp.signed(assertion(), { transforms: transform('http://www.w3.org/TR/1999/REC-xslt-19991116') + transform(EXC) })), /transformed in other ways/],
    ['of what is transformed by XPath', (): string => response(idp.signed(assertion(), { transforms: transform(ENVELOPED) + transform('http://www.w3.org/TR/1999/REC-xpath-19991116', element('ds:XPath', {}, '1=1')) + transform(EXC) })), /Transforms has other parts/],
    ['of what is transformed by an XPath filter', (): string => response(idp.signed(assertion(), { transforms: transform('http://www.w3.org/2002/06/xmldsig-filter2') + transform(EXC) })), /transformed in other ways/],
    ['of what is transformed from base64', (): string => response(idp.signed(assertion(), { transforms: transform(`${NS.ds}base64`) + transform(EXC) })), /transformed in other ways/],
    ['whose enveloping says more', (): string => response(idp.signed(assertion(), { transforms: transform(ENVELOPED, element('x', {})) + transform(EXC) })), /transformed in other ways/],
    ['whose method has parameters', (): string => response(idp.signed(assertion()).replace(/(<ds:SignatureMethod [^>]*>)/, '$1<ds:HMACOutputLength>0</ds:HMACOutputLength>')), /signed with/],
    ['of two references', (): string => response(idp.signed(assertion(), { references: (same) => same + same })), /SignedInfo has other parts/],
    ['of no reference', (): string => response(idp.signed(assertion(), { references: () => '' })), /SignedInfo has other parts/],
    ['of the whole document', (): string => response(idp.signed(assertion(), { uri: '' })), /does not refer/],
    ['of a document elsewhere', (): string => response(idp.signed(assertion(), { uri: 'https://idp.example/a.xml' })), /does not refer/],
    ['by an XPointer', (): string => response(idp.signed(assertion(), { uri: "#xpointer(id('_assertion'))" })), /does not refer/],
    ['of another element', (): string => response(idp.signed(assertion(), { uri: '#_response' })), /does not refer/],
    ['of the response, in the assertion', (): string => idp.signed(response(withSignature(assertion(), signatureIn(idp.signed(response(assertion())))))), /does not refer/],
    ['of an element without an id', (): string => response(idp.signed(assertion()).replace(' ID="_assertion"', '')), /no ID/],
    ['of an element with an odd id', (): string => response(idp.signed(assertion({ id: "_a']|//*['" }))), /no ID, or an odd one/],
    ['with an Object', (): string => response(idp.signed(assertion(), { more: object('x') })), /./],
    ['with two KeyInfos', (): string => response(idp.signed(assertion(), { keyInfo: keyInfo(idp.certificate).repeat(2) })), /Signature has other parts/],
    ['whose parts are in another namespace', (): string => response(idp.signed(assertion()).replaceAll('ds:SignedInfo', 'x:SignedInfo').replace('<x:SignedInfo', '<x:SignedInfo xmlns:x="urn:x"')), /Signature has other parts/],
    ['with a second SignedInfo', (): string => response(idp.signed(assertion()).replace(/(<ds:SignedInfo>.*<\/ds:SignedInfo>)/, '$1$1')), /Signature has other parts/],
    ['with a second DigestValue', (): string => response(idp.signed(assertion()).replace(/(<ds:DigestValue>.*<\/ds:DigestValue>)/, '$1$1')), /Reference has other parts/],
    ['whose value is of another assertion', (): string => response(withSignature(forged('_assertion'), signatureIn(idp.signed(assertion())))), /digest/],
    ['whose digest is of a forged assertion', (): string => response(withSignature(forged('_assertion'), signatureIn(idp.signed(assertion())).replace(/<ds:DigestValue>[^<]*/, () => /<ds:DigestValue>[^<]*/.exec(idp.signature(forged('_assertion')))![0]))), /wrong/],
    ['that is wrong before what it is of is looked at', (): string => response(other.signed(assertion()).replace('alice', 'mallory')), /^the signature is wrong$/],
    ['whose value is empty', (): string => response(idp.signed(assertion(), { signWith: () => '' })), /base64/],
    ['whose value is longer than of any key', (): string => response(idp.signed(assertion(), { signWith: () => 'AAAA'.repeat(342) })), /too long/],
    ['whose value is not in base64', (): string => response(idp.signed(assertion(), { signWith: () => '!' })), /base64/],
    ['whose digest has another ending in base64', (): string => response(idp.signed(assertion()).replace(/(.)=<\/ds:DigestValue>/, (_, last: string) => `${String.fromCharCode(last.charCodeAt(0) + 1)}=</ds:DigestValue>`)), /base64|digest/],
    ['of the response that is right, and of the assertion that is not', (): string => idp.signed(response(other.signed(assertion()))), /wrong/],
    ['of the assertion that is right, and of the response that is not', (): string => other.signed(response(idp.signed(assertion()))), /wrong/],
  ];
  it.each(cases)('is refused: one %s', async (_, made, why) => {
    expect(await refusalOf(encoded(made()), trustIn([idp]))).toEqual({ code: 'InvalidIdentityToken', message: expect.stringMatching(new RegExp(`^(?:${wrong}|${broken})$`)), why: expect.stringMatching(why) });
  });

  it('of RSA that is nothing, or the largest there is, is refused', async () => {
    for (const value of [Buffer.alloc(256), Buffer.alloc(256, 0xff), Buffer.concat([Buffer.alloc(255), Buffer.from([1])])]) {
      expect((await refusalOf(encoded(response(idp.signed(assertion(), { signWith: () => value.toString('base64') }))), trustIn([idp]))).why).toBe('the signature is wrong');
    }
  });

  it('of ECDSA that is two times nothing is refused', async () => {
    for (const value of [Buffer.alloc(64), Buffer.concat([Buffer.alloc(32), Buffer.alloc(32, 1)]), Buffer.alloc(64, 0xff)]) {
      expect((await refusalOf(encoded(response(ec.signed(assertion(), { signWith: () => value.toString('base64') }))), trustIn([ec]))).why).toBe('the signature is wrong');
    }
  });

  it('is looked at before what it is of: nobody without a key has a long element digested', async () => {
    const long = response(other.signed(assertion({ more: '<x></x>'.repeat(1_000) })));
    expect((await refusalOf(encoded(long), trustIn([idp]))).why).toBe('the signature is wrong');
    const borrowed = response(withSignature(assertion({ more: '<x></x>'.repeat(1_000) }), signatureIn(idp.signed(assertion()))));
    expect((await refusalOf(encoded(borrowed), trustIn([idp]))).why).toBe('the digest is wrong');
  });

  it('with a list of prefixes that is longer than any is refused', async () => {
    const list = (count: number): string => element('ec:InclusiveNamespaces', { 'xmlns:ec': EXC, PrefixList: Array.from({ length: count }, (_, index) => `p${String(index)}`).join(' ') });
    const made = (count: number): string => encoded(response(idp.signed(assertion(), { transforms: transform(ENVELOPED) + transform(EXC, list(count)) })));
    expect((await factsOf(made(32), trustIn([idp]))).subject).toBe('alice');
    expect((await refusalOf(made(33), trustIn([idp]))).why).toBe('it is canonicalized with too many prefixes');
  });

  it('by RSA or ECDSA, with SHA-256, SHA-384 or SHA-512, is believed', async () => {
    const p384 = await TestIdp.create('p384');
    for (const [by, kind] of [[idp, 'rsa'], [ec, 'ecdsa'], [p384, 'ecdsa']] as const) {
      for (const digest of ['sha256', 'sha384', 'sha512']) {
        const digestMethod = digest === 'sha384' ? `${MORE}sha384` : `http://www.w3.org/2001/04/xmlenc#${digest}`;
        const made = response(by.signed(assertion(), { method: `${MORE}${kind}-${digest}`, digestMethod }));
        expect((await factsOf(encoded(made), trustIn([by]))).subject).toBe('alice');
      }
    }
  });

  it('by ECDSA is two numbers, not a sequence of them', async () => {
    const der = ec.signed(assertion(), { signWith: (info) => ec.der(info) });
    expect((await refusalOf(encoded(response(der)), trustIn([ec]))).message).toBe(wrong);
  });

  it('may have lines that are broken, and say which key it is by', async () => {
    const made = idp.signed(assertion(), { keyInfo: keyInfo(other.certificate) }).replace(/<ds:SignatureValue>([^<]*)/, (_, value: string) => `<ds:SignatureValue>&#13;\n${value.replace(/.{76}/g, '$&&#13;\n')}\n`);
    expect((await factsOf(encoded(response(made)), trustIn([idp]))).subject).toBe('alice');
  });

  it('by a short RSA key is refused, whatever the metadata says', async () => {
    const weak = await TestIdp.create('weak');
    expect(await refusalOf(encoded(response(weak.signed(assertion()))), trustIn([weak]))).toEqual({ code: 'InvalidIdentityToken', message: wrong, why: 'no certificate of the provider is strong enough' });
    expect(createPublicKey(weak.privateKey).asymmetricKeyDetails?.modulusLength).toBe(1_024);
  });

  it('by other curves and kinds of keys is not looked at', () => {
    const k1 = 'MIIBhjCCASygAwIBAgIUR3lPvRv4mDezdjwD1tWKd0iOTBEwCgYIKoZIzj0EAwIwGTEXMBUGA1UEAwwOaWRwLmV4YW1wbGUgazEwIBcNMjYxMTI1MTA0NjE3WhgPMjEyNjExMDExMDQ2MTdaMBkxFzAVBgNVBAMMDmlkcC5leGFtcGxlIGsxMFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEKV5cyethwBH/v/ZpQ9A7LenfBeGzVpg1tFbIgijgwbgbOuefsLmz7V5mys7J4QUWhTb7IpySRGjpgPIrjaS30KNTMFEwHQYDVR0OBBYEFELMZ2sQa9FL9ukVTRvVY4ow1W1VMB8GA1UdIwQYMBaAFELMZ2sQa9FL9ukVTRvVY4ow1W1VMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgfZPdqyWvEnv25qek8bdM9bw+ez6qyOJoNo4lB55IZJwCIQDILBqqJ7khQvO6mAIpGijyKIDMnR5XKQS0D4YrEpRtng==';
    const ed25519 = 'MIIBSDCB+6ADAgECAhR1xDrBm45/KsZ6gjB7yt+6nzKr4DAFBgMrZXAwGTEXMBUGA1UEAwwOaWRwLmV4YW1wbGUgZWQwIBcNMjYxMTI1MTA0NjE4WhgPMjEyNjExMDExMDQ2MThaMBkxFzAVBgNVBAMMDmlkcC5leGFtcGxlIGVkMCowBQYDK2VwAyEAng+Is3tSwQRmYnKbykmz7dSAwfn44F2ntI3JjdohOTijUzBRMB0GA1UdDgQWBBSpWoP+A6tp8UvZhfCvHJR4Fm2wKTAfBgNVHSMEGDAWgBSpWoP+A6tp8UvZhfCvHJR4Fm2wKTAPBgNVHRMBAf8EBTADAQH/MAUGAytlcANBACxvTknI7urCXkCEegWkohS2sI2ky7KaGfZSpdSprEWicK1BuHWTgxkQnNBig9GzZQ4V6FyTUneZzHz0Ej3Knw8=';
    expect(keysIn([k1, ed25519])).toEqual([]);
    expect(keysIn([k1, idp.certificate, ed25519, ec.certificate]).map(({ asymmetricKeyType }) => asymmetricKeyType)).toEqual(['rsa', 'ec']);
  });

  it('is verified with every certificate of the metadata, and with none that is not there any more', async () => {
    const made = encoded(response(idp.signed(assertion())));
    for (const idps of [[idp], [idp, other], [other, ec, idp]]) expect((await factsOf(made, trustIn(idps))).subject).toBe('alice');
    for (const idps of [[], [other], [other, ec]]) expect((await refusalOf(made, trustIn(idps))).message).toBe(wrong);
  });

  it('by a key with an exponent as long as itself, which takes long to verify, is not looked at', async () => {
    const { n } = createPublicKey(idp.privateKey).export({ format: 'jwk' });
    const publicKey = createPublicKey({ key: { kty: 'RSA', n, e: Buffer.alloc(255, 0x7f).toString('base64url') } as JsonWebKey, format: 'jwk' });
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    const signingKey = await webcrypto.subtle.importKey('pkcs8', idp.privateKey.export({ format: 'der', type: 'pkcs8' }), algorithm, true, ['sign']);
    const slow = await x509.X509CertificateGenerator.create({ serialNumber: '01', subject: 'CN=slow', issuer: 'CN=slow', notBefore: new Date('2020-01-01'), notAfter: new Date('2030-01-01'), signingAlgorithm: algorithm, publicKey: new x509.PublicKey(publicKey.export({ format: 'der', type: 'spki' })), signingKey });
    expect(keysIn([Buffer.from(slow.rawData).toString('base64'), idp.certificate])).toHaveLength(1);
  });

  it('is not verified with what is no certificate', async () => {
    const made = encoded(response(idp.signed(assertion())));
    expect((await factsOf(made, trustIn([], { certificates: ['AAAA', idp.certificate] }))).subject).toBe('alice');
    expect((await refusalOf(made, trustIn([], { certificates: ['AAAA'] }))).message).toBe(wrong);
  });
});
