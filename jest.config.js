import { availableParallelism } from 'node:os';

// Jest cannot require an ES module before Node 24.9, so whatever a test reaches is compiled to CommonJS,
// packages that only come as ES modules included. import.meta.url, .dirname and .filename are translated
// (import.meta.resolve and top-level await are not: keep them out of what tests import).
const esmOnlyPackages = ['@nestjs', 'jose', 'oauth4webapi', 'oidc-provider', '@noble', '@scure', '@borewit', '@tokenizer', 'file-type', 'strtok3', 'token-types', 'uint8array-extras'];

// The SDK is pinned in the lock file; its note about Node 20 would only hide what tests print.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

const swc = {
  jsc: {
    target: 'es2023',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    keepClassNames: true,
  },
  module: { type: 'commonjs' },
  sourceMaps: 'inline',
  swcrc: false,
};

const shared = {
  testEnvironment: 'node',
  roots: ['<rootDir>/src', '<rootDir>/migrations', '<rootDir>/test'],
  moduleFileExtensions: ['js', 'mjs', 'cjs', 'ts', 'json', 'node'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.(ts|m?js)$': ['@swc/jest', swc] },
  // The inner node_modules is for copies nested below another package.
  transformIgnorePatterns: [`/node_modules/(?!(?:.*/node_modules/)?(?:${esmOnlyPackages.join('|')})/)`],
};

const withDatabase = {
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
};

export default {
  // PostgreSQL works beside the tests, and every worker may boot the whole application.
  maxWorkers: Math.min(4, availableParallelism()),
  // For a slow machine; jest takes this from here only, not from a project. Tests that take longer say so themselves.
  testTimeout: 240_000,
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts', '!src/main.ts'],
  projects: [
    { ...shared, displayName: 'domain', testMatch: ['<rootDir>/test/domain/**/*.test.ts'] },
    {
      ...shared,
      ...withDatabase,
      displayName: 'database',
      // Whatever is in neither of the other projects, so that no test file is forgotten.
      testMatch: ['<rootDir>/test/**/*.test.ts'],
      testPathIgnorePatterns: ['<rootDir>/test/domain/', '<rootDir>/test/conformance/'],
    },
    {
      ...shared,
      ...withDatabase,
      displayName: 'conformance',
      testMatch: ['<rootDir>/test/conformance/**/*.test.ts'],
    },
  ],
};
