import fc from 'fast-check';

import { ApiError } from '../../src/domain/errors.js';
import type { SamlFacts } from '../../src/federation/saml/response.js';
import { parseXml, writeXml, type XmlElement } from '../../src/federation/saml/xml.js';
import { assertion, attribute, AWS, element, encrypted, encryptionKey, factsOf, nameId, response, ROLE, SESSION_NAME, TestIdp, trustIn } from '../support/saml-idp.js';

const key = encryptionKey();
let idp: TestIdp;
beforeAll(async () => {
  idp = await TestIdp.create('ec');
});

const attributes = ROLE + SESSION_NAME + attribute(`${AWS}PrincipalTag:Project`, 'Marketing') + attribute('urn:oid:2.5.4.3', 'Alice');

/** What comes of bytes: facts, or nothing where they are refused as callers are. Anything else fails the test. */
async function believed(bytes: Buffer): Promise<SamlFacts | undefined> {
  try {
    return await factsOf(bytes.toString('base64'), trustIn([idp], { privateKeys: [key.secret] }));
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}
function replaced(bytes: Buffer, at: number, byte: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = byte;
  return copy;
}

describe('a response that was changed', () => {
  const places: [string, () => string, (signed: string) => string][] = [
    ['signed assertion', (): string => idp.signed(assertion({ attributes })), (signed: string): string => response(signed)],
    ['signed response', (): string => idp.signed(response(assertion({ attributes }))), (signed: string): string => signed],
    ['signed response with its signed assertion', (): string => idp.signed(response(idp.signed(assertion({ attributes })))), (signed: string): string => signed],
  ];
  it.each(places)('by one bit in the %s, wherever it is, is refused', async (_, made, around) => {
    const signed = made();
    const whole = Buffer.from(around(signed));
    const [from, length] = [whole.indexOf(signed), Buffer.byteLength(signed)];
    expect((await believed(whole))?.subject).toBe('alice');
    const survived: string[] = [];
    for (let at = from; at < from + length; at += 1) {
      if (await believed(replaced(whole, at, whole[at]! ^ (1 << (at % 8)))) !== undefined) survived.push(whole.subarray(at - 10, at + 10).toString());
    }
    expect(survived).toEqual([]);
  });

  const forms: [string, () => string][] = [
    ['whose assertion is signed', (): string => response(idp.signed(assertion({ attributes })))],
    ['that is signed itself', (): string => idp.signed(response(assertion({ attributes })))],
    ['that is encrypted', (): string => response(encrypted(idp.signed(assertion({ attributes })), key.publicKey))],
  ];
  it.each(forms)('by bytes of it says the same as before or is refused, and nothing else happens: one %s', async (_, made) => {
    const whole = Buffer.from(made());
    const genuine = await believed(whole);
    expect(genuine?.subject).toBe('alice');
    const change = fc.record({ at: fc.nat(whole.length - 1), length: fc.nat(6), put: fc.oneof(fc.uint8Array({ maxLength: 4 }), fc.constantFrom('<', '>', '&', '"', "'", ' ', '\n', '\u0000', '<!--', '-->', '<x/>', '</saml:NameID>', 'xmlns=""', ' ID="_x"', '&#x41;', '&lt;').map((text) => Buffer.from(text))) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const bytes = changes.reduce((from, { at, length, put }) => Buffer.concat([from.subarray(0, at), put, from.subarray(at + length)]), whole);
        const facts = await believed(bytes);
        if (facts !== undefined) expect(facts).toEqual(genuine);
      }),
      { numRuns: 700, seed: 20261125 },
    );
  });

  const plain: [string, () => string][] = [
    ['whose assertion is signed', (): string => response(idp.signed(assertion({ attributes })))],
    ['that is signed itself', (): string => idp.signed(response(assertion({ attributes })))],
    ['that is signed itself, with an assertion that is', (): string => idp.signed(response(idp.signed(assertion({ attributes }))))],
  ];
  it.each(plain)('by elements that were moved, copied or left out says the same as before or is refused: one %s', async (_, made) => {
    const tree = parseXml(made());
    const paths: number[][] = [];
    const walk = (at: XmlElement, path: number[]): void => {
      paths.push(path);
      at.children.forEach((child, index) => {
        if (typeof child !== 'string') walk(child, [...path, index]);
      });
    };
    walk(tree, []);
    const genuine = await believed(Buffer.from(writeXml(tree)));
    expect(genuine?.subject).toBe('alice');
    const taken = (path: number[]): XmlElement => path.reduce<XmlElement>((at, index) => at.children[index] as XmlElement, tree);
    const put = (at: XmlElement, path: number[], what: (children: readonly (XmlElement | string)[]) => (XmlElement | string)[]): XmlElement =>
      path.length === 0 ? { ...at, children: what(at.children) } : { ...at, children: at.children.map((child, index) => (index === path[0] ? put(child as XmlElement, path.slice(1), what) : child)) };
    const mallory = parseXml(assertion({ nameId: nameId('mallory') }).replace('_assertion', '_evil'));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), fc.constantFrom(...paths), fc.nat(3), fc.boolean(), fc.boolean(), async (from, to, place, replaces, isForged) => {
        const what = isForged ? mallory : taken(from);
        const changed = put(tree, to, (children) => [...children.slice(0, place), what, ...children.slice(replaces ? place + 1 : place)]);
        const facts = await believed(Buffer.from(writeXml(changed)));
        if (facts !== undefined) expect(facts).toEqual(genuine);
      }),
      { numRuns: 400, seed: 20261125 },
    );
  });

  it('into anything else is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)), fc.string({ unit: 'binary' }).map((text) => Buffer.from(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">${text}</samlp:Response>`))), async (bytes) => (await believed(bytes)) === undefined),
      { numRuns: 500, seed: 20261125 },
    );
  });
});

describe('an element that is written again', () => {
  it('has no half characters', () => {
    for (const text of ['<a>\ud800</a>', '<a>\udc00\ud800</a>', '<a b="\ud83d"/>']) expect(() => parseXml(text)).toThrow(ApiError);
  });

  it('is read as what it was', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9]{0,3}$/);
    const content = fc.string({ unit: fc.constantFrom('a', '<', '>', '&', '"', "'", '\t', '\n', '\r', ' ', '\u00fc', '\u{1F600}', ']]>') });
    const shown = (value: string): string => value.replace(/[<&"'>\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
    const { tree } = fc.letrec<{ tree: string }>((tie) => ({
      tree: fc.record({ name, attributes: fc.dictionary(name.filter((one) => one.toLowerCase() !== 'id'), content, { maxKeys: 3 }), space: fc.constantFrom('', ' xmlns="urn:a"', ' xmlns:p="urn:b"', ' xmlns=""'), children: fc.array(fc.oneof({ maxDepth: 4 }, content.map(shown), tie('tree')), { maxLength: 3 }) })
        .map(({ name: of, attributes: own, space, children }) => element(of, {}, ...children).replace(new RegExp(`^<${of}`), `<${of}${space}${Object.entries(own).map(([one, value]) => ` ${one}="${shown(value)}"`).join('')}`)),
    }));
    // Text that was in parts is one afterwards, and the namespaces in scope are said again at the top.
    const plain = (at: XmlElement): unknown => ({ uri: at.uri, local: at.local, attributes: at.attributes.filter(({ name: of }) => !of.startsWith('xmlns')), children: at.children.reduce<unknown[]>((all, child) => (typeof child === 'string' && typeof all.at(-1) === 'string' ? [...all.slice(0, -1), `${all.at(-1) as string}${child}`] : [...all, typeof child === 'string' ? child : plain(child)]), []) });
    fc.assert(
      fc.property(tree, (text) => {
        const read = parseXml(text);
        expect(plain(parseXml(writeXml(read)))).toEqual(plain(read));
        expect(writeXml(parseXml(writeXml(read)))).toBe(writeXml(read));
      }),
      { numRuns: 300, seed: 20261125 },
    );
  });
});
