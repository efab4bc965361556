import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { inspect } from 'node:util';

import { loadConfig, type Config } from '../../src/kernel/config.js';
import { StartupError } from '../../src/kernel/startup-error.js';

type Env = Record<string, string | undefined>;

const KEY = Buffer.alloc(32, 1).toString('base64');
const folder = mkdtempSync(join(tmpdir(), 'stint-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** The one line of a refused configuration. */
function refusal(env: Env): string {
  try {
    loadConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(StartupError);
    expect((error as Error).message).toMatch(/^[^\r\n]+$/);
    return (error as Error).message;
  }
  throw new Error(`this was not refused: ${JSON.stringify(env)}`);
}

describe('a configuration', () => {
  it('of nothing is a server on this machine with the embedded database', () => {
    expect(loadConfig({})).toEqual({
      host: '127.0.0.1',
      port: 8700,
      dataDir: resolve('.stint'),
      databasePoolSize: 16,
      bootstrap: {},
      regions: [],
      trustedProxies: [],
      chainMaxSeconds: 43_200,
      revocationMaxAgeSeconds: 10,
      sessionRetentionDays: 90,
      issuerKeyRotationDays: 30,
      issuers: { allowCidrs: [], allowInsecure: false },
      maxBodyBytes: 1_048_576,
      requestTimeoutSeconds: 30,
      shutdownSeconds: 20,
      logLevel: 'info',
    });
  });

  it('does not tell an empty variable from a missing one, and ignores those of others', () => {
    const names = ['STINT_HOST', 'STINT_PORT', 'STINT_PUBLIC_URL', 'STINT_DATA_DIR', 'DATABASE_URL', 'STINT_MASTER_KEY', 'STINT_MASTER_KEY_FILE', 'STINT_BOOTSTRAP_ACCESS_KEY_ID', 'STINT_REGIONS', 'STINT_LOG_LEVEL', 'STINT_MAX_BODY_BYTES'];
    expect(loadConfig({ ...Object.fromEntries(names.map((name) => [name, ''])), PATH: '/bin', HOME: undefined })).toEqual(loadConfig({}));
  });

  const read: [what: string, env: Env, expected: Partial<Config>][] = [
    ['a port', { STINT_PORT: '0' }, { port: 0 }],
    ['an address', { STINT_HOST: '::' }, { host: '::' }],
    ['a public URL without its last slash', { STINT_PUBLIC_URL: 'https://sts.example.com/' }, { publicUrl: 'https://sts.example.com' }],
    ['regions', { STINT_REGIONS: ' us-east-1, ,eu-central-1,' }, { regions: ['us-east-1', 'eu-central-1'] }],
    ['an account id with leading zeros', { STINT_BOOTSTRAP_ACCOUNT_ID: '000000000001' }, { bootstrap: { accountId: '000000000001' } }],
    ['a level', { STINT_LOG_LEVEL: 'silent' }, { logLevel: 'silent' }],
    ['where identity providers may be', { STINT_ISSUER_ALLOW_CIDRS: ' 10.0.0.0/8, ::1,', STINT_ALLOW_INSECURE_ISSUERS: 'true' }, { issuers: { allowCidrs: ['10.0.0.0/8', '::1'], allowInsecure: true } }],
  ];

  it.each(read)('reads %s', (_, env, expected) => {
    expect(loadConfig(env)).toMatchObject(expected);
  });

  it.each([
    ['a variable', (): Env => ({ STINT_MASTER_KEY: KEY })],
    ['a file', (): Env => ({ STINT_MASTER_KEY_FILE: file('key', KEY) })],
    ['a file that ends with a line break', (): Env => ({ STINT_MASTER_KEY_FILE: file('key-line', `${KEY}\n`) })],
  ])('takes the master key from %s', (_, env) => {
    const config = loadConfig({ ...env(), DATABASE_URL: 'postgresql://localhost/stint' });
    expect(config.masterKey?.id).toBe(loadConfig({ STINT_MASTER_KEY: KEY }).masterKey?.id);
  });

  it('cannot be changed', () => {
    expect(Object.isFrozen(loadConfig({}))).toBe(true);
  });
});

describe('a mistake', () => {
  const mistakes: [variable: string, env: () => Env][] = [
    ['STINT_PORT', () => ({ STINT_PORT: 'http' })],
    ['STINT_PORT', () => ({ STINT_PORT: '65536' })],
    ['STINT_PORT', () => ({ STINT_PORT: '-1' })],
    ['STINT_PORT', () => ({ STINT_PORT: ' ' })],
    ['STINT_PORT', () => ({ STINT_PORT: '0x10' })],
    ['STINT_PORT', () => ({ STINT_PORT: '87.5' })],
    ['STINT_PUBLIC_URL', () => ({ STINT_PUBLIC_URL: 'sts.example.com' })],
    ['STINT_PUBLIC_URL', () => ({ STINT_PUBLIC_URL: 'ftp://sts.example.com' })],
    ['DATABASE_URL', () => ({ DATABASE_URL: 'mysql://localhost/stint', STINT_MASTER_KEY: KEY })],
    ['STINT_DATABASE_POOL_SIZE', () => ({ STINT_DATABASE_POOL_SIZE: '1' })],
    ['STINT_DATABASE_POOL_SIZE', () => ({ STINT_DATABASE_POOL_SIZE: '501' })],
    ['STINT_MASTER_KEY', () => ({ STINT_MASTER_KEY: 'short' })],
    ['STINT_MASTER_KEY', () => ({ STINT_MASTER_KEY: Buffer.alloc(31).toString('base64') })],
    ['STINT_MASTER_KEY', () => ({ STINT_MASTER_KEY: Buffer.alloc(33).toString('base64') })],
    ['STINT_MASTER_KEY', () => ({ STINT_MASTER_KEY: Buffer.alloc(32, 255).toString('base64url') })],
    ['STINT_MASTER_KEY', () => ({ DATABASE_URL: 'postgres://localhost/stint' })],
    ['STINT_MASTER_KEY_FILE', () => ({ STINT_MASTER_KEY: KEY, STINT_MASTER_KEY_FILE: file('both', KEY) })],
    ['STINT_MASTER_KEY_FILE', () => ({ STINT_MASTER_KEY_FILE: join(folder, 'missing') })],
    ['STINT_MASTER_KEY_FILE', () => ({ STINT_MASTER_KEY_FILE: folder })],
    ['STINT_MASTER_KEY_FILE', () => ({ STINT_MASTER_KEY_FILE: file('empty', '') })],
    ['STINT_MASTER_KEY_FILE', () => ({ STINT_MASTER_KEY_FILE: file('lines', `${KEY}\n${KEY}`) })],
    ['STINT_BOOTSTRAP_ACCOUNT_ID', () => ({ STINT_BOOTSTRAP_ACCOUNT_ID: '12345678901' })],
    ['STINT_BOOTSTRAP_ACCOUNT_ID', () => ({ STINT_BOOTSTRAP_ACCOUNT_ID: '1234-5678-9012' })],
    ['STINT_BOOTSTRAP_ACCESS_KEY_ID', () => ({ STINT_BOOTSTRAP_ACCESS_KEY_ID: 'short', STINT_BOOTSTRAP_SECRET_ACCESS_KEY: 'x'.repeat(40) })],
    ['STINT_BOOTSTRAP_ACCESS_KEY_ID', () => ({ STINT_BOOTSTRAP_SECRET_ACCESS_KEY: 'x'.repeat(40) })],
    ['STINT_BOOTSTRAP_SECRET_ACCESS_KEY', () => ({ STINT_BOOTSTRAP_ACCESS_KEY_ID: 'AKIAGIVEN00000000000' })],
    ['STINT_BOOTSTRAP_SECRET_ACCESS_KEY', () => ({ STINT_BOOTSTRAP_ACCESS_KEY_ID: 'AKIAGIVEN00000000000', STINT_BOOTSTRAP_SECRET_ACCESS_KEY: 'short' })],
    ['STINT_ISSUER_ALLOW_CIDRS', () => ({ STINT_ISSUER_ALLOW_CIDRS: '10.0.0.0/33' })],
    ['STINT_ISSUER_ALLOW_CIDRS', () => ({ STINT_ISSUER_ALLOW_CIDRS: 'idp.example' })],
    ['STINT_ISSUER_CA_FILE', () => ({ STINT_ISSUER_CA_FILE: join(folder, 'missing') })],
    ['STINT_ISSUER_CA_FILE', () => ({ STINT_ISSUER_CA_FILE: file('no-certificate', KEY) })],
    ['STINT_ALLOW_INSECURE_ISSUERS', () => ({ STINT_ALLOW_INSECURE_ISSUERS: 'yes' })],
    ['STINT_MAX_BODY_BYTES', () => ({ STINT_MAX_BODY_BYTES: '1023' })],
    ['STINT_MAX_BODY_BYTES', () => ({ STINT_MAX_BODY_BYTES: '1MB' })],
    ['STINT_REQUEST_TIMEOUT_SECONDS', () => ({ STINT_REQUEST_TIMEOUT_SECONDS: '0' })],
    ['STINT_SHUTDOWN_SECONDS', () => ({ STINT_SHUTDOWN_SECONDS: '601' })],
    ['STINT_LOG_LEVEL', () => ({ STINT_LOG_LEVEL: 'verbose' })],
  ];

  it.each(mistakes)('is one line that names %s', (variable, env) => {
    expect(refusal(env())).toContain(variable);
  });

  it('is told together with all others', () => {
    const line = refusal({ STINT_PORT: 'x', STINT_LOG_LEVEL: 'x', STINT_BOOTSTRAP_ACCOUNT_ID: 'x', DATABASE_URL: 'x\ny', STINT_PUBLIC_URL: 'x' });
    for (const name of ['STINT_PORT', 'STINT_LOG_LEVEL', 'STINT_BOOTSTRAP_ACCOUNT_ID', 'DATABASE_URL', 'STINT_PUBLIC_URL', '.env.example']) expect(line).toContain(name);
  });
});

describe('a secret of the configuration', () => {
  const password = 'pass-word-of-the-database';
  const secret = 'the-secret-of-the-bootstrap';
  const env = { DATABASE_URL: `postgres://stint:${password}@localhost/stint`, STINT_MASTER_KEY: KEY, STINT_BOOTSTRAP_ACCESS_KEY_ID: 'AKIAGIVEN00000000000', STINT_BOOTSTRAP_SECRET_ACCESS_KEY: secret };

  it.each([
    ['util.inspect', (config: Config) => inspect(config, { depth: Infinity, showHidden: true })],
    ['JSON', (config: Config) => JSON.stringify(config)],
    ['a template', (config: Config) => `${String(config.databaseUrl)} ${String(config.bootstrap.secretAccessKey)}`],
  ])('is not printed by %s', (_, print) => {
    const text = print(loadConfig(env));
    for (const each of [password, secret, KEY, Buffer.from(KEY, 'base64').toString('hex'), [...Buffer.from(KEY, 'base64').subarray(0, 8)].join(',')]) expect(text).not.toContain(each);
  });

  it('is not repeated when it is wrong', () => {
    const wrong: Env[] = [
      { ...env, STINT_MASTER_KEY: `${KEY}x` },
      { ...env, STINT_MASTER_KEY: undefined, STINT_MASTER_KEY_FILE: file('wrong', `${KEY}x`) },
      { ...env, STINT_BOOTSTRAP_SECRET_ACCESS_KEY: secret.slice(0, 10) },
      { ...env, STINT_BOOTSTRAP_ACCESS_KEY_ID: undefined },
      { ...env, DATABASE_URL: `mysql://stint:${password}@localhost/stint` },
      { ...env, STINT_PORT: 'x' },
    ];
    for (const each of wrong) {
      const line = refusal(each);
      for (const text of [password, secret.slice(0, 10), KEY.slice(0, 20)]) expect(line).not.toContain(text);
    }
  });
});
