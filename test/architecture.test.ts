import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';

/** TypeScript sources by path from the repository's root. */
type Files = ReadonlyMap<string, string>;

interface Import {
  readonly specifier: string;
  /** Gone after compilation; such imports cannot make a cycle that matters. */
  readonly typeOnly: boolean;
}

const ladder = [
  'domain',
  'contract',
  'kernel',
  'audit',
  'identities',
  'roles',
  'policies',
  'mfa',
  'federation',
  'account',
  'sessions',
  'delegation',
  'api',
];
const clients = ['agent', 'cli', 'verifier', 'dashboard'];
const entries = ['src/main.ts', 'src/admin.ts', 'src/app.ts', 'src/app.module.ts', 'src/data-folder.ts'];

const feature = ['@nestjs/common', 'zod', 'node:'];
/** Packages a rung may use: a name, a scope with its slash, or the prefix of Node's own modules. */
const packages: Readonly<Record<string, readonly string[]>> = {
  domain: ['node:crypto', 'node:util', 'node:zlib'],
  contract: ['zod'],
  migrations: ['typeorm'],
  kernel: [...feature, 'pg', 'pino', 'prom-client', 'lru-cache', 'ipaddr.js'],
  audit: feature,
  identities: feature,
  roles: feature,
  policies: [...feature, 'lru-cache'],
  mfa: [...feature, 'otplib', 'qrcode'],
  federation: [...feature, 'jose', 'lru-cache', 'saxes', 'xml-crypto'],
  account: feature,
  sessions: [...feature, 'passport', 'jose', 'lru-cache'],
  delegation: [...feature, '@aws-sdk/client-sts'],
  api: [...feature, '@nestjs/', 'fastify', 'swagger-ui-dist'],
  agent: ['node:', 'zod'],
  cli: ['node:', 'zod'],
  verifier: ['node:', 'zod'],
  dashboard: ['react', 'react-dom', 'zod'],
};

const mostLines = 400;
const mostModuleLines = 40;

/** The room a file belongs to; undefined when it belongs to none. */
function roomOf(path: string): string | undefined {
  if (path.startsWith('migrations/')) return 'migrations';
  if (entries.includes(path)) return 'entry';
  const folder = /^src\/([^/]+)\//.exec(path)?.[1];
  if (folder === undefined || !(ladder.includes(folder) || clients.includes(folder))) return undefined;
  return path.endsWith('.contract.ts') && !clients.includes(folder) ? 'contract' : folder;
}

function mayImport(from: string, to: string): boolean {
  if (from === to || from === 'entry') return true;
  if (to === 'migrations') return from === 'kernel';
  if (clients.includes(from)) return to === 'domain' || to === 'contract';
  return ladder.includes(from) && ladder.includes(to) && ladder.indexOf(to) < ladder.indexOf(from);
}

function mayUse(path: string, specifier: string): boolean {
  const room = roomOf(path);
  if (room === 'entry') return true;
  if (specifier === 'typeorm' && room !== 'migrations') {
    return /\.(entities|store)\.ts$/.test(path) || path === 'src/kernel/database.ts';
  }
  return (packages[room ?? ''] ?? []).some((allowed) =>
    /[/:]$/.test(allowed) ? specifier.startsWith(allowed) : specifier === allowed || specifier.startsWith(`${allowed}/`),
  );
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, path.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS);
}

function importsOf(source: ts.SourceFile): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node | undefined, typeOnly: boolean): void => {
    if (node !== undefined && ts.isStringLiteralLike(node)) found.push({ specifier: node.text, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isErased(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    else if (ts.isExternalModuleReference(node)) add(node.expression, false);
    else if (ts.isCallExpression(node) && isLoading(node.expression)) add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isErased(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const { name, namedBindings } = clause;
  return (
    name === undefined &&
    namedBindings !== undefined &&
    ts.isNamedImports(namedBindings) &&
    namedBindings.elements.length > 0 &&
    namedBindings.elements.every((element) => element.isTypeOnly)
  );
}

function isLoading(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require');
}

/** Lines that hold more than blanks and comments. */
function linesOfCode(source: ts.SourceFile): number {
  const lines = new Set<number>();
  const visit = (node: ts.Node): void => {
    if (ts.isJSDoc(node) || node.kind === ts.SyntaxKind.EndOfFileToken) return;
    const children = node.getChildren(source);
    if (children.length > 0) {
      children.forEach(visit);
      return;
    }
    if (node.getStart(source) === node.end) return;
    const last = source.getLineAndCharacterOfPosition(node.end).line;
    for (let { line } = source.getLineAndCharacterOfPosition(node.getStart(source)); line <= last; line += 1) lines.add(line);
  };
  visit(source);
  return lines.size;
}

function targetOf(path: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return posix.join(posix.dirname(path), specifier).replace(/\.js(x?)$/, '.ts$1');
}

function checkImport(files: Files, path: string, { specifier }: Import): string[] {
  const target = targetOf(path, specifier);
  if (target === undefined) return mayUse(path, specifier) ? [] : [`${path} uses the package ${specifier}, which its rung may not`];
  if (!files.has(target)) return [`${path} imports ${specifier}, which is no source file`];
  const [from, to] = [roomOf(path), roomOf(target)];
  if (from === undefined || to === undefined || mayImport(from, to)) return [];
  return [`${path} (${from}) imports ${target} (${to}): arrows point down`];
}

function checkSize(path: string, lines: number): string[] {
  const most = path.endsWith('.module.ts') && !entries.includes(path) ? mostModuleLines : mostLines;
  return lines > most ? [`${path} has ${lines} lines of code, at most ${most}`] : [];
}

/** One sentence for each file from which imports lead back to itself, on the shortest way. */
function checkCycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  return [...graph.keys()].flatMap((start) => {
    const cameFrom = new Map<string, string>();
    const queue = [start];
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      for (const next of graph.get(at) ?? []) {
        if (next === start) return [`import cycle: ${way(cameFrom, start, at).join(' → ')} → ${start}`];
        if (cameFrom.has(next)) continue;
        cameFrom.set(next, at);
        queue.push(next);
      }
    }
    return [];
  });
}

function way(cameFrom: ReadonlyMap<string, string>, start: string, end: string): string[] {
  const before = cameFrom.get(end);
  return end === start || before === undefined ? [end] : [...way(cameFrom, start, before), end];
}

/** Every way in which the files break the ladder. */
function violations(files: Files): string[] {
  const graph = new Map<string, readonly string[]>();
  const found = [...files].flatMap(([path, text]) => {
    const source = parse(path, text);
    const imports = importsOf(source);
    graph.set(path, imports.flatMap(({ specifier, typeOnly }) => (typeOnly ? [] : (targetOf(path, specifier) ?? []))));
    const homeless = roomOf(path) === undefined ? [`${path} belongs to no rung of the ladder`] : [];
    return [...homeless, ...imports.flatMap((one) => checkImport(files, path, one)), ...checkSize(path, linesOfCode(source))];
  });
  return [...found, ...checkCycles(graph)];
}

function filesBelow(...folders: readonly string[]): Files {
  const root = join(import.meta.dirname, '..');
  const paths = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path}`),
  );
  return new Map(paths.filter((path) => /\.tsx?$/.test(path)).map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}

describe('the architecture', () => {
  const files = filesBelow('src', 'migrations');

  it('keeps to the ladder', () => {
    expect(violations(files)).toEqual([]);
  });

  it('is looked at where it is', () => {
    const rooms = new Set([...files.keys()].map(roomOf));
    const built = ['domain', 'contract', 'migrations', 'kernel', 'audit', 'identities', 'roles', 'policies', 'federation', 'account', 'sessions', 'api'];
    expect(built.filter((room) => !rooms.has(room))).toEqual([]);
    expect(files.size).toBeGreaterThan(40);
    const imports = [...files].flatMap(([path, text]) => importsOf(parse(path, text)));
    expect(imports.length).toBeGreaterThan(2 * files.size);
  });
});

describe('the architecture check', () => {
  const found = (sources: Readonly<Record<string, string>>): string[] => violations(new Map(Object.entries(sources)));
  const leaf = 'export const leaf = 1;';

  it.each([
    ['the kernel imports an api file', { 'src/kernel/a.ts': "import { leaf } from '../api/b.js';", 'src/api/b.ts': leaf }],
    ['roles import policies for a type', { 'src/roles/a.ts': "import type { B } from '../policies/b.js';", 'src/policies/b.ts': leaf }],
    ['the domain re-exports a contract', { 'src/domain/a.ts': "export * from '../contract/b.js';", 'src/contract/b.ts': leaf }],
    ['a contract imports a store', { 'src/roles/a.contract.ts': "import '../roles/b.js';", 'src/roles/b.ts': leaf }],
    ['a client imports the kernel', { 'src/cli/a.ts': "const b = await import('../kernel/b.js');", 'src/kernel/b.ts': leaf }],
    ['a client imports another client', { 'src/cli/a.ts': "import '../agent/b.js';", 'src/agent/b.ts': leaf }],
    ['a rung imports the entry', { 'src/api/a.ts': "import '../main.js';", 'src/main.ts': leaf }],
    ['a migration imports an entity', { 'migrations/a.ts': "import '../src/roles/b.entities.js';", 'src/roles/b.entities.ts': leaf }],
  ])('reports that %s', (_, sources) => {
    expect(found(sources)).toEqual([expect.stringContaining('arrows point down')]);
  });

  it.each([
    ['downward', { 'src/api/a.ts': "import '../kernel/b.js';", 'src/kernel/b.ts': leaf }],
    ['into the same folder', { 'src/domain/policy/a.ts': "import '../b.js';", 'src/domain/b.ts': leaf }],
    ['from contract to contract', { 'src/contract/index.ts': "import '../roles/b.contract.js';", 'src/roles/b.contract.ts': leaf }],
    ['from an entry to anything', { 'src/main.ts': "import './api/b.js'; import 'whatever';", 'src/api/b.ts': leaf }],
    ['from a client to a contract', { 'src/cli/a.ts': "import '../roles/b.contract.js';", 'src/roles/b.contract.ts': leaf }],
    ['from the kernel to the migrations', { 'src/kernel/a.ts': "import '../../migrations/b.js';", 'migrations/b.ts': leaf }],
  ])('accepts an import %s', (_, sources) => {
    expect(found(sources)).toEqual([]);
  });

  it.each([
    ['src/domain/a.ts', 'node:fs'],
    ['src/domain/a.ts', 'zod'],
    ['src/roles/a.contract.ts', '@nestjs/common'],
    ['src/kernel/a.ts', 'typeorm'],
    ['src/roles/a.ts', 'pg'],
    ['src/sessions/a.ts', '@nestjs/core'],
    ['src/api/a.ts', 'fastify-other'],
    ['src/cli/a.ts', '@nestjs/common'],
  ])('reports that %s uses %s', (path, specifier) => {
    expect(found({ [path]: `import * as x from '${specifier}';` })).toEqual([expect.stringContaining('which its rung may not')]);
  });

  it('reports a cycle once for each file in it, but not one of types', () => {
    const [a, b, c] = ['src/domain/a.ts', 'src/domain/b.ts', 'src/domain/c.ts'];
    const rest = { [b]: "export { c } from './c.js';", [c]: "import { type A, a } from './a.js';" };
    expect(found({ [a]: "import { b } from './b.js';", ...rest })).toEqual([
      `import cycle: ${a} → ${b} → ${c} → ${a}`,
      `import cycle: ${b} → ${c} → ${a} → ${b}`,
      `import cycle: ${c} → ${a} → ${b} → ${c}`,
    ]);
    expect(found({ [a]: "import { type B } from './b.js';", ...rest })).toEqual([]);
  });

  it('reports files that are too long, not counting blanks and comments', () => {
    const lines = (count: number): string => "f(`\n`);\n\n// why\n/** what */\n".repeat(count / 2);
    expect(found({ 'src/domain/a.ts': lines(400), 'src/roles/roles.module.ts': lines(40) })).toEqual([]);
    expect(found({ 'src/domain/a.ts': lines(402), 'src/roles/roles.module.ts': lines(42) })).toEqual([
      'src/domain/a.ts has 402 lines of code, at most 400',
      'src/roles/roles.module.ts has 42 lines of code, at most 40',
    ]);
  });

  it('reports a file that belongs nowhere and an import that leads nowhere', () => {
    expect(found({ 'src/utils/a.ts': leaf, 'src/domain/b.ts': "import './c.js';" })).toEqual([
      'src/utils/a.ts belongs to no rung of the ladder',
      'src/domain/b.ts imports ./c.js, which is no source file',
    ]);
  });
});
