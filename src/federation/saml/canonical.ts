import { isElement, type XmlElement } from './xml.js';

/** How an element is made canonical. */
export interface Canonicalization {
  /** Prefixes of namespaces that are written although nothing visibly needs them (InclusiveNamespaces); the empty one is the default. */
  readonly inclusive: readonly string[];
  /** What is left out. */
  readonly without?: XmlElement;
}

type Namespaces = ReadonlyMap<string, string>;

const XML_SPACE = 'http://www.w3.org/XML/1998/namespace';

/**
 * The canonical form of an element (Exclusive XML Canonicalization 1.0, without comments, of which documents have none). What is
 * read of something signed is read from this very text, so a mistake in here could refuse what is right, but make nobody
 * believe what is not.
 */
export function canonical(element: XmlElement, how: Canonicalization): string {
  return written(element, how, new Map());
}

/** `around` are the namespaces that the text says already, by prefix. */
function written(element: XmlElement, how: Canonicalization, around: Namespaces): string {
  const attributes = element.attributes.filter(({ name }) => !isDeclaration(name));
  const needed = new Set([prefixOf(element.name), ...attributes.map(({ name }) => prefixOf(name)).filter((prefix) => prefix !== ''), ...how.inclusive.filter((prefix) => element.scope.has(prefix) || prefix === '')]);
  needed.delete('xml');
  const said = [...needed].map((prefix) => [prefix, element.scope.get(prefix) ?? ''] as const).filter(([prefix, uri]) => (around.get(prefix) ?? '') !== uri);
  const known = said.length === 0 ? around : new Map([...around, ...said]);
  const declarations = said.sort(([a], [b]) => inOrder(a, b)).map(([prefix, uri]) => ` xmlns${prefix === '' ? '' : `:${prefix}`}="${attributeText(uri)}"`);
  const shown = attributes.length < 2 ? attributes : attributes.map((one) => ({ ...one, key: keyOf(one.name, element.scope) })).sort((a, b) => inOrder(a.key[0], b.key[0]) || inOrder(a.key[1], b.key[1]));
  const values = shown.map(({ name, value }) => ` ${name}="${attributeText(value)}"`);
  const content = element.children.map((child) => (child === how.without ? '' : isElement(child) ? written(child, how, known) : text(child)));
  return `<${element.name}${declarations.join('')}${values.join('')}>${content.join('')}</${element.name}>`;
}

function isDeclaration(name: string): boolean {
  return name === 'xmlns' || name.startsWith('xmlns:');
}

function prefixOf(name: string): string {
  return name.slice(0, Math.max(0, name.indexOf(':')));
}

/** By what attributes are put in order: namespace, then name. */
function keyOf(name: string, scope: Namespaces): readonly [string, string] {
  const prefix = prefixOf(name);
  if (prefix === '') return ['', name];
  return [prefix === 'xml' ? XML_SPACE : (scope.get(prefix) ?? ''), name.slice(prefix.length + 1)];
}

function inOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\t': '&#x9;', '\n': '&#xA;', '\r': '&#xD;' };
const escaped = (character: string): string => ESCAPES[character] ?? character;

function text(value: string): string {
  return value.replace(/[&<>\r]/g, escaped);
}

function attributeText(value: string): string {
  return value.replace(/[&<"\t\n\r]/g, escaped);
}
