import fc from 'fast-check';
import { SignedXml } from 'xml-crypto';

import { canonical } from '../../src/federation/saml/canonical.js';
import { keysIn, verified } from '../../src/federation/saml/signature.js';
import { parseXml } from '../../src/federation/saml/xml.js';
import { element, ENVELOPED, EXC, MORE, SHA256, TestIdp } from '../support/saml-idp.js';

const made = (xml: string, ...inclusive: readonly string[]): string => canonical(parseXml(xml), { inclusive });

// Exclusive XML Canonicalization 1.0, Canonical XML 1.0 §3.
describe('the canonical form of an element', () => {
  it.each([
    ['has namespaces where something needs them', '<a xmlns:p="urn:p" xmlns:q="urn:q"><p:b/><c q:d="1"/></a>', '<a><p:b xmlns:p="urn:p"></p:b><c xmlns:q="urn:q" q:d="1"></c></a>'],
    ['has a namespace once', '<p:a xmlns:p="urn:p"><p:b xmlns:p="urn:p"><p:c/></p:b></p:a>', '<p:a xmlns:p="urn:p"><p:b><p:c></p:c></p:b></p:a>'],
    ['has it again where it meant something else meanwhile', '<p:a xmlns:p="urn:p"><p:b xmlns:p="urn:x"><p:c xmlns:p="urn:p"/></p:b></p:a>', '<p:a xmlns:p="urn:p"><p:b xmlns:p="urn:x"><p:c xmlns:p="urn:p"></p:c></p:b></p:a>'],
    ['has it for each of two that are beside each other', '<a><p:b xmlns:p="urn:p"/><p:b xmlns:p="urn:p"/></a>', '<a><p:b xmlns:p="urn:p"></p:b><p:b xmlns:p="urn:p"></p:b></a>'],
    ['says where there is no default any more', '<a xmlns="urn:a"><b xmlns=""><c xmlns="urn:a"/></b></a>', '<a xmlns="urn:a"><b xmlns=""><c xmlns="urn:a"></c></b></a>'],
    ['says nothing of a default that there was not', '<a xmlns=""><b xmlns=""/></a>', '<a><b></b></a>'],
    ['does not need the default for an attribute', '<p:a xmlns="urn:a" xmlns:p="urn:p" b="1"/>', '<p:a xmlns:p="urn:p" b="1"></p:a>'],
    ['has attributes by namespace and name', '<a xmlns:z="urn:a" xmlns:y="urn:b" y:a="1" z:b="2" b="3" z:a="4" a="5"/>', '<a xmlns:y="urn:b" xmlns:z="urn:a" a="5" b="3" z:a="4" z:b="2" y:a="1"></a>'],
    ['knows the prefix xml', '<a xml:lang="de" b="1"/>', '<a b="1" xml:lang="de"></a>'],
    ['escapes what has to be', '<a b="&lt;&gt;&amp;&quot;&apos;&#9;&#10;&#13;">&lt;&gt;&amp;"\'&#9;&#10;&#13;</a>', '<a b="&lt;>&amp;&quot;\'&#x9;&#xA;&#xD;">&lt;&gt;&amp;"\'\t\n&#xD;</a>'],
    ['has line ends and spaces as a reader of XML has them', '<a  b = "x\r\ny"\t>x\r\ny\rz</a >', '<a b="x y">x\ny\nz</a>'],
  ])('%s', (_, xml, expected) => {
    expect(made(xml)).toBe(expected);
  });

  it('has more namespaces where they are asked for, the default among them', () => {
    const xml = '<a xmlns="urn:a" xmlns:p="urn:p" xmlns:q="urn:q"><q:b xmlns:p="urn:x"/><c xmlns=""/></a>';
    expect(made(xml, 'p')).toBe('<a xmlns="urn:a" xmlns:p="urn:p"><q:b xmlns:p="urn:x" xmlns:q="urn:q"></q:b><c xmlns=""></c></a>');
    const within = canonical(parseXml(`<x xmlns="urn:a" xmlns:p="urn:p">${xml.replace(' xmlns="urn:a"', '')}</x>`).children[0] as never, { inclusive: ['', 'p', 'nowhere'] });
    expect(within).toBe('<a xmlns="urn:a" xmlns:p="urn:p"><q:b xmlns:p="urn:x" xmlns:q="urn:q"></q:b><c xmlns=""></c></a>');
  });
});

describe('what another program signed', () => {
  let idp: TestIdp;
  beforeAll(async () => {
    idp = await TestIdp.create();
  });

  it('is verified, however it is written', async () => {
    const name = fc.constantFrom('a', 'b', 'p:a', 'q:c');
    const space = fc.constantFrom('', '', '', ' xmlns="urn:a"', ' xmlns:p="urn:x"', ' xmlns:q="urn:y" xmlns:p="urn:p"', ' xmlns:r="urn:r"');
    const content = fc.string({ unit: fc.constantFrom('a', '&lt;', '&gt;', '&amp;', '"', '\t', '\n', '&#13;', ' ', '\u00fc', '\u{1F600}'), maxLength: 5 });
    const attributes = fc.constantFrom('', ' a="1"', ' q:b="2" a="3"', ' p:z="4" q:a="5"', ' z="&#10;" p:b="&lt;"', ' xml:lang="de" b=""');
    const { tree } = fc.letrec<{ tree: string }>((tie) => ({
      tree: fc.record({ name, space, attributes, children: fc.array(fc.oneof({ maxDepth: 4 }, content, tie('tree')), { maxLength: 4 }) }).map((one) => `<${one.name}${one.space}${one.attributes}>${one.children.join('')}</${one.name}>`),
    }));
    const key = idp.privateKey.export({ format: 'pem', type: 'pkcs8' });
    await fc.assert(
      fc.asyncProperty(tree, fc.boolean(), async (inner, isDefault) => {
        const signer = new SignedXml({ privateKey: key, canonicalizationAlgorithm: EXC, signatureAlgorithm: `${MORE}rsa-sha256`, idAttribute: 'ID' });
        signer.addReference({ xpath: "//*[local-name(.)='s']", digestAlgorithm: SHA256, transforms: [ENVELOPED, EXC] });
        const spaces = { ...(isDefault && { xmlns: 'urn:d' }), 'xmlns:p': 'urn:p', 'xmlns:q': 'urn:q', 'xmlns:r': 'urn:r' };
        signer.computeSignature(element('x', spaces, element('s', { ID: '_s' }, inner)), { location: { reference: "//*[local-name(.)='s']", action: 'prepend' }, prefix: 'ds' });
        const signed = parseXml(signer.getSignedXml()).children[0] as never;
        expect(await verified(signed, keysIn([idp.certificate]))).toMatchObject({ local: 's' });
      }),
      { numRuns: 300, seed: 20261125 },
    );
  });
});
