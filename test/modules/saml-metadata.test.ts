import { ApiError } from '../../src/domain/errors.js';
import { parseSamlMetadata } from '../../src/federation/saml-metadata.js';
import { CERTIFICATES, keyDescriptor, metadata } from '../support/identity-providers.js';

const [first, second] = CERTIFICATES;

function refusal(text: string): { code: string; message: string; why: unknown } {
  try {
    parseSamlMetadata(text);
  } catch (error) {
    if (error instanceof ApiError) return { code: error.code, message: error.message, why: error.detail['why'] };
    throw error;
  }
  throw new Error('the metadata was accepted');
}

describe('the metadata of a SAML identity provider', () => {
  it('says who it is and by what certificates its signatures are verified', () => {
    expect(parseSamlMetadata(metadata())).toEqual({ entityId: 'https://idp.example/saml', certificates: [first] });
  });

  it.each([
    ['every signing certificate', keyDescriptor(first) + keyDescriptor(second), [first, second]],
    ['one that is for every use', keyDescriptor(second, ''), [second]],
    ['none twice', keyDescriptor(first) + keyDescriptor(first, ''), [first]],
    ['none that only encrypts', keyDescriptor(first, ' use="encryption"') + keyDescriptor(second), [second]],
    ['one that is written in parts', keyDescriptor(`${first.slice(0, 64)}\r\n\t${first.slice(64, 100)}<!-- x --><![CDATA[${first.slice(100)}]]>`), [first]],
  ])('is read for %s', (_, keys, certificates) => {
    expect(parseSamlMetadata(metadata({ keys })).certificates).toEqual(certificates);
  });

  it('may have a byte order mark, other prefixes, and other roles', () => {
    const other = `<md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">${keyDescriptor(second)}</md:SPSSODescriptor>`;
    const text = metadata().replace('<md:Organization>', `${other}<md:Organization>`).replaceAll('md:', 'm:').replaceAll(':md=', ':m=');
    expect(parseSamlMetadata(`\ufeff${text}`)).toEqual({ entityId: 'https://idp.example/saml', certificates: [first] });
  });

  it('of two roles of an identity provider is read for both', () => {
    const again = `<md:IDPSSODescriptor protocolSupportEnumeration="urn:x urn:oasis:names:tc:SAML:2.0:protocol">${keyDescriptor(second)}</md:IDPSSODescriptor>`;
    expect(parseSamlMetadata(metadata().replace('<md:Organization>', `${again}<md:Organization>`)).certificates).toEqual([first, second]);
  });

  const bad: [string, string, RegExp][] = [
    ['nothing', '', /root element/],
    ['no XML', 'x'.repeat(1000), /outside of root node/],
    ['an end that is missing', metadata().replace('</md:EntityDescriptor>', ''), /unclosed tag/],
    ['a second root', `${metadata()}<x/>`, /only one root/],
    ['an attribute without quotes', metadata({ within: '<x a=1/>' }), /unquoted attribute/],
    ['an attribute twice', metadata({ within: '<x a="1" a="2"/>' }), /duplicate attribute/],
    ['a lone ampersand', metadata({ within: '<x>& y</x>' }), /entity/],
    ['a prefix that means nothing', metadata({ within: '<y:x/>' }), /unbound namespace prefix/],
    ['a control character', metadata({ within: '\u0001' }), /disallowed character/],
    ['half a character', metadata({ within: '\ud800' }), /half a character/],
    ['a document type', metadata({ before: '<!DOCTYPE md:EntityDescriptor>' }), /document type/],
    ['an entity of its own', metadata({ before: '<!DOCTYPE x [<!ENTITY e "e">]>', within: '&e;' }), /document type/],
    ['an entity from a file', metadata({ before: '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>', within: '&e;' }), /document type/],
    ['entities of entities', metadata({ before: `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "${'&a;'.repeat(100)}"><!ENTITY c "${'&b;'.repeat(100)}">]>`, within: '&c;' }), /document type/],
    ['a document type from elsewhere', metadata({ before: '<!DOCTYPE x SYSTEM "http://idp.example/x.dtd">' }), /document type/],
    ['an entity that nobody declared', metadata({ within: '&e;' }), /undefined entity/],
    ['another root', '<html/>', /EntityDescriptor/],
    ['the root of another namespace', metadata().replaceAll('SAML:2.0:metadata', 'SAML:1.0:metadata'), /EntityDescriptor/],
    ['several entities', `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">${metadata().split('\n').slice(1).join('')}</md:EntitiesDescriptor>`, /EntityDescriptor/],
    ['no entity id', metadata({ entityId: '' }), /entityID/],
    ['an entity id that is too long', metadata({ entityId: 'x'.repeat(1025) }), /entityID/],
    ['a service provider', metadata({ descriptor: 'SPSSODescriptor' }), /IDPSSODescriptor/],
    ['an identity provider of SAML 1.1 only', metadata().replace('SAML:2.0:protocol', 'SAML:1.1:protocol'), /IDPSSODescriptor/],
    ['no key', metadata({ keys: '' }), /certificate for signing/],
    ['a key that only encrypts', metadata({ keys: keyDescriptor(first, ' use="encryption"') }), /certificate for signing/],
    ['a key without a certificate', metadata({ keys: '<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:KeyName>x</ds:KeyName></ds:KeyInfo></md:KeyDescriptor>' }), /certificate for signing/],
    ['a certificate in the wrong place', metadata({ keys: '', within: `<ds:X509Certificate>${first}</ds:X509Certificate>` }), /certificate for signing/],
    ['a certificate one level too deep', metadata({ keys: keyDescriptor().replace('<ds:KeyInfo>', '<x><ds:KeyInfo>').replace('</ds:KeyInfo>', '</ds:KeyInfo></x>') }), /certificate for signing/],
    ['a certificate that is not in base64', metadata({ keys: keyDescriptor('not base64!') }), /base64/],
    ['an empty certificate', metadata({ keys: keyDescriptor('') }), /certificate/],
    ['a certificate that is none', metadata({ keys: keyDescriptor(Buffer.from('no certificate').toString('base64')) }), /certificate/],
    ['a good certificate and one that is none', metadata({ keys: keyDescriptor() + keyDescriptor('AAAA') }), /certificate/],
    ['a certificate that is too long', metadata({ keys: keyDescriptor('A'.repeat(20_000)) }), /too long/],
    ['elements that lie too deep', metadata({ within: '<x>'.repeat(49) + '</x>'.repeat(49) }), /too deeply/],
  ];
  it.each(bad)('is refused with %s', (_, text, why) => {
    expect(refusal(text)).toEqual({ code: 'InvalidInput', message: 'Could not parse metadata', why: expect.stringMatching(why) });
  });

  it('may lie as deep as it does, and be as long as it may', () => {
    expect(parseSamlMetadata(metadata({ within: '<x>'.repeat(48) + '</x>'.repeat(48) }))).toBeDefined();
    expect(parseSamlMetadata(metadata({ within: '<x a="1"/>'.repeat(100_000) }))).toBeDefined();
  });
});
