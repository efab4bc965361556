import { SaxesParser, type SaxesAttributeNS, type SaxesTagNS } from 'saxes';

import { malformed } from './refusals.js';

/** Namespaces of SAML 2.0, XML signatures and XML encryption. */
export const NS = {
  assertion: 'urn:oasis:names:tc:SAML:2.0:assertion',
  protocol: 'urn:oasis:names:tc:SAML:2.0:protocol',
  signature: 'http://www.w3.org/2000/09/xmldsig#',
  encryption: 'http://www.w3.org/2001/04/xmlenc#',
  encryption11: 'http://www.w3.org/2009/xmlenc11#',
} as const;

/** A name space of those, and a name in it. */
export type Name = readonly [keyof typeof NS, string];

interface Attribute {
  /** As it is written, with its prefix. */
  readonly name: string;
  readonly value: string;
}

/** An element. Comments, processing instructions and the like are in none: documents with such are refused. */
export interface XmlElement {
  /** As it is written, with its prefix. */
  readonly name: string;
  readonly uri: string;
  readonly local: string;
  /** Declarations of namespaces among them. */
  readonly attributes: readonly Attribute[];
  /** Namespaces by prefix, those of the elements around included. */
  readonly scope: ReadonlyMap<string, string>;
  readonly children: readonly (XmlElement | string)[];
}

/** How deep elements may lie in each other; a response is some ten deep. */
const DEPTH_MAX = 40;
/** How many elements a document may have, how many attributes one, and how many namespaces may be in scope. */
const ELEMENTS_MAX = 1_500;
const ATTRIBUTES_MAX = 16;
const SCOPE_MAX = 64;

/**
 * Reads an XML document that may be hostile. Throws InvalidIdentityToken for what is not well-formed (XML 1.0, Namespaces
 * in XML), and for what no SAML response needs: a document type, so that there are no entities but the five of XML,
 * comments, processing instructions, CDATA sections, an encoding that is not UTF-8, ids that occur twice, and more or
 * deeper elements than any response has.
 */
export function parseXml(text: string): XmlElement {
  const builder = new Builder();
  const parser = new SaxesParser({ xmlns: true, position: false });
  parser.on('error', ({ message }) => {
    throw malformed(message);
  });
  parser.on('xmldecl', ({ version, encoding }) => {
    if (version !== '1.0') throw malformed('it is not XML 1.0');
    if (encoding !== undefined && encoding.toLowerCase() !== 'utf-8') throw malformed('it says that it is not in UTF-8');
  });
  for (const unwanted of ['doctype', 'comment', 'processinginstruction', 'cdata'] as const) {
    parser.on(unwanted, () => {
      throw malformed(`it has a ${unwanted}`);
    });
  }
  parser.on('opentag', (tag) => {
    builder.open(tag);
  });
  parser.on('text', (part) => {
    builder.text(part);
  });
  parser.on('closetag', () => {
    builder.close();
  });
  // Half a character of UTF-16 is none of XML, and is nothing else once it is bytes.
  if (/\p{Surrogate}/u.test(text)) throw malformed('it has half a character');
  parser.write(text).close();
  return builder.root();
}

type Growing = XmlElement & { readonly children: (XmlElement | string)[] };

/** Makes a tree of what the parser reports. */
class Builder {
  readonly #open: Growing[] = [];
  readonly #ids = new Set<string>();
  #root: XmlElement | undefined;
  #count = 0;

  open(tag: SaxesTagNS): void {
    const parent = this.#open.at(-1);
    const attributes = Object.values(tag.attributes);
    this.#bound(attributes);
    const scope = scopeOf(parent?.scope ?? new Map<string, string>(), attributes);
    const element: Growing = { name: tag.name, uri: tag.uri, local: tag.local, attributes: attributes.map(({ name, value }) => ({ name, value })), scope, children: [] };
    if (parent === undefined) this.#root = element;
    else parent.children.push(element);
    this.#open.push(element);
  }

  #bound(attributes: readonly SaxesAttributeNS[]): void {
    this.#count += 1;
    if (this.#open.length >= DEPTH_MAX) throw malformed('its elements are nested too deeply');
    if (this.#count > ELEMENTS_MAX) throw malformed('it has too many elements');
    if (attributes.length > ATTRIBUTES_MAX) throw malformed('an element has too many attributes');
    // However it is written, and in whatever namespace: what some reader could take for an id.
    for (const { value } of attributes.filter(({ local }) => local.toLowerCase() === 'id')) {
      if (this.#ids.has(value)) throw malformed('an id occurs twice');
      this.#ids.add(value);
    }
  }

  text(part: string): void {
    this.#open.at(-1)?.children.push(part);
  }

  close(): void {
    this.#open.pop();
  }

  root(): XmlElement {
    if (this.#root === undefined) throw malformed('it is empty');
    return this.#root;
  }
}

function scopeOf(around: ReadonlyMap<string, string>, attributes: readonly SaxesAttributeNS[]): ReadonlyMap<string, string> {
  const declared = attributes.filter(({ name }) => name === 'xmlns' || name.startsWith('xmlns:'));
  if (declared.length === 0) return around;
  const scope = new Map([...around, ...declared.map(({ name, value }) => [name.slice('xmlns:'.length), value] as const)]);
  if (scope.size > SCOPE_MAX) throw malformed('it has too many namespaces');
  return scope;
}

/** Whether a child of an element is an element. */
export function isElement(child: XmlElement | string): child is XmlElement {
  return typeof child !== 'string';
}

/** Whether an element has a name. */
export function isNamed(element: XmlElement, [space, local]: Name): boolean {
  return element.uri === NS[space] && element.local === local;
}

/** The children of an element that are elements. Throws InvalidIdentityToken where text is between them. */
export function elementsIn(element: XmlElement): readonly XmlElement[] {
  if (element.children.some((child) => !isElement(child) && /[^ \t\r\n]/.test(child))) throw malformed(`${element.local} has text between its elements`);
  return element.children.filter(isElement);
}

/** The children of an element that have a name. */
export function childrenOf(element: XmlElement, name: Name): readonly XmlElement[] {
  return element.children.filter(isElement).filter((child) => isNamed(child, name));
}

/** The one child of an element that has a name; undefined where there is none. Throws InvalidIdentityToken for several. */
export function optionalChild(element: XmlElement, name: Name): XmlElement | undefined {
  const [first, ...others] = childrenOf(element, name);
  if (others.length > 0) throw malformed(`${element.local} has more than one ${name[1]}`);
  return first;
}

/** The one child of an element that has a name. Throws InvalidIdentityToken for none and for several. */
export function onlyChild(element: XmlElement, name: Name): XmlElement {
  const child = optionalChild(element, name);
  if (child === undefined) throw malformed(`${element.local} has no ${name[1]}`);
  return child;
}

/** The value of an attribute without a prefix. */
export function attributeOf(element: XmlElement, name: string): string | undefined {
  return element.attributes.find((attribute) => attribute.name === name)?.value;
}

/** The whole text of an element. Throws InvalidIdentityToken where it has elements, too. */
export function textOf(element: XmlElement): string {
  const parts = element.children.map((child) => {
    if (isElement(child)) throw malformed(`${element.local} has elements where text belongs`);
    return child;
  });
  return parts.join('');
}

/** An element and all that are in it. */
export function* within(element: XmlElement): Generator<XmlElement> {
  yield element;
  for (const child of element.children) if (isElement(child)) yield* within(child);
}

/**
 * An element as a document of its own that means the same, written in the plainest way. What others are to read is written
 * like this, so that nobody but this module reads what a caller wrote.
 */
export function writeXml(element: XmlElement): string {
  const own = new Set(element.attributes.map(({ name }) => name));
  const around = [...element.scope].map(([prefix, value]) => ({ name: prefix === '' ? 'xmlns' : `xmlns:${prefix}`, value })).filter(({ name }) => !own.has(name));
  return written({ ...element, attributes: [...around, ...element.attributes] });
}

function written({ name, attributes, children }: XmlElement): string {
  const shown = attributes.map((attribute) => ` ${attribute.name}="${escaped(attribute.value)}"`).join('');
  return `<${name}${shown}>${children.map((child) => (isElement(child) ? written(child) : escaped(child))).join('')}</${name}>`;
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\t': '&#9;', '\n': '&#10;', '\r': '&#13;' };

function escaped(text: string): string {
  return text.replace(/[&<>"\t\n\r]/g, (character) => ESCAPES[character] ?? character);
}
