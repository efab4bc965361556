import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const time = [
  { selector: "MemberExpression[object.name='Date'][property.name='now']", message: 'Time comes in as an argument; only kernel/effects.ts reads the clock.' },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Time comes in as an argument; only kernel/effects.ts reads the clock.' },
  { selector: "CallExpression[callee.name='Date']", message: 'Time comes in as an argument; only kernel/effects.ts reads the clock.' },
];
const entropy = [
  { selector: "MemberExpression[object.name='Math'][property.name='random']", message: 'Randomness comes in as an argument; only kernel/effects.ts makes it.' },
  { selector: "MemberExpression[object.name='crypto'][property.name=/^(random|getRandom)/]", message: 'Randomness comes in as an argument; only kernel/effects.ts makes it.' },
];
const environment = [
  { selector: "MemberExpression[object.name='process'][property.name='env']", message: 'Only kernel/config.ts reads the environment.' },
];
const defaultExport = [
  { selector: 'ExportDefaultDeclaration', message: 'Export by name, so that a thing has one name everywhere.' },
];
const barrel = [
  { selector: 'Program', message: 'No barrels: import from the file that defines a thing. Only contract/index.ts gathers.' },
];
const testHabits = [
  { selector: "CallExpression[callee.object.name='jest'][callee.property.name=/^(mock|doMock|unstable_mockModule|spyOn)$/]", message: 'No mocks of our own code; fakes exist for time, entropy, an identity provider and AWS.' },
  { selector: "MemberExpression[object.name=/^(describe|it|test)$/][property.name='only']", message: 'Would leave the other tests out.' },
  { selector: 'CallExpression[callee.name=/^f(it|describe)$/]', message: 'Would leave the other tests out.' },
];
// The core rule max-params does not tell constructors apart, which may take more: they receive what is injected.
const house = {
  rules: {
    'max-params': {
      meta: { type: 'suggestion', schema: [] },
      create(context) {
        const check = (node) => {
          const isConstructor = node.parent.type === 'MethodDefinition' && node.parent.kind === 'constructor';
          const most = isConstructor ? 6 : 3;
          if (node.params.length <= most) return;
          context.report({ node, message: `${node.params.length} parameters, at most ${most}${isConstructor ? '' : '; then an object'}.` });
        };
        return { FunctionDeclaration: check, FunctionExpression: check, ArrowFunctionExpression: check };
      },
    },
  },
};
const syntax = (...groups) => ({ 'no-restricted-syntax': ['error', ...groups.flat()] });

const typeorm = { group: ['typeorm', 'typeorm/*'], message: 'Tables are named in *.entities.ts, *.store.ts, kernel/database.ts and migrations only.' };
const nest = { group: ['@nestjs/*'], message: 'Domain and contracts know no framework.' };
const processEnvironment = { name: 'node:process', importNames: ['env', 'default'], message: 'Only kernel/config.ts reads the environment.' };
const randomness = {
  name: 'node:crypto',
  importNames: ['randomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID', 'getRandomValues', 'webcrypto', 'default'],
  message: 'Randomness comes in as an argument; only kernel/effects.ts makes it.',
};
const imports = (paths, patterns) => ({ 'no-restricted-imports': ['error', { paths, patterns }] });

const rowClasses = readdirSync(join(import.meta.dirname, 'src'), { recursive: true })
  .filter((file) => file.endsWith('.entities.ts'))
  .flatMap((file) => [...readFileSync(join(import.meta.dirname, 'src', file), 'utf8').matchAll(/class (\w+Row)\b/g)].map(([, name]) => name));

const nodeGlobals = Object.fromEntries(
  [
    'AbortController', 'AbortSignal', 'Buffer', 'URL', 'URLSearchParams', 'clearImmediate', 'clearInterval', 'clearTimeout', 'console', 'fetch',
    'performance', 'process', 'queueMicrotask', 'setImmediate', 'setInterval', 'setTimeout', 'structuredClone', 'TextDecoder', 'TextEncoder',
  ].map((name) => [name, 'readonly']),
);

export default defineConfig(
  { ignores: ['dist/', 'coverage/', 'node_modules/', '.stint/', '.stint-compat/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.js', '**/*.mjs'],
    extends: [eslint.configs.recommended],
    languageOptions: { ecmaVersion: 2024, sourceType: 'module', globals: nodeGlobals },
    rules: { eqeqeq: 'error' },
  },
  {
    files: ['**/*.ts'],
    extends: [eslint.configs.recommended, tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
        // Lets consistent-type-imports see which imports decorator metadata needs as values.
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
      },
    },
    rules: {
      // `== null` is the one comparison that means two values.
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Numbers read the same in a text as they are written in code.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // A Nest module is a class that only carries its decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      // `() => stop()` says the same as `() => { stop(); }`.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // `_` says that a value is left out on purpose.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_$', varsIgnorePattern: '^_$' }],
      // Rows are rows: their classes describe tables, and plain objects of that shape are rows as well.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-misused-spread': ['error', { allow: [{ from: 'file', name: rowClasses }] }],
      // AWS's own patterns name control characters.
      'no-control-regex': 'off',
    },
  },
  {
    files: ['src/**/*.ts', 'migrations/**/*.ts'],
    plugins: { house },
    rules: {
      'house/max-params': 'error',
      'max-lines-per-function': ['error', { max: 50, skipBlankLines: true, skipComments: true }],
      ...syntax(time, entropy, environment, defaultExport),
      ...imports([randomness, processEnvironment], [typeorm]),
    },
  },
  {
    files: ['src/**/*.entities.ts', 'src/**/*.store.ts', 'src/kernel/database.ts', 'migrations/**/*.ts'],
    rules: imports([randomness, processEnvironment], []),
  },
  {
    files: ['src/domain/**/*.ts', 'src/contract/**/*.ts', 'src/**/*.contract.ts'],
    rules: imports([randomness, processEnvironment], [typeorm, nest]),
  },
  { files: ['src/**/index.ts'], ignores: ['src/contract/index.ts'], rules: syntax(barrel) },
  {
    files: ['src/kernel/effects.ts'],
    rules: { ...syntax(environment, defaultExport), ...imports([processEnvironment], [typeorm]) },
  },
  {
    // The password of a database that is made before anything could hand in randomness.
    files: ['src/kernel/embedded-postgres.ts'],
    rules: imports([processEnvironment], [typeorm]),
  },
  {
    files: ['src/kernel/config.ts'],
    rules: { ...syntax(time, entropy, defaultExport), ...imports([randomness], [typeorm]) },
  },
  {
    // Clients may not import the kernel: each reads the world in its main.ts and hands it on.
    files: ['src/agent/main.ts', 'src/cli/main.ts', 'src/verifier/main.ts'],
    rules: { ...syntax(defaultExport), ...imports([], [typeorm]) },
  },
  { files: ['migrations/**/*.ts'], rules: { 'max-lines-per-function': 'off' } },
  {
    files: ['test/**/*.ts'],
    rules: {
      ...syntax(entropy, testHabits),
      // expect.stringMatching and its siblings are typed any.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      // In a test, a missing element fails the test at the place where it is used.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Alphabets and vectors are plain ASCII, which may be taken apart.
      '@typescript-eslint/no-misused-spread': 'off',
    },
  },
);
