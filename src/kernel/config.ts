import { readFileSync } from 'node:fs';
import path from 'node:path';

import { z } from 'zod';

import { MasterKey } from '../domain/envelope.js';
import { parseBlock } from '../domain/policy/values.js';
import { Secret } from '../domain/secret.js';
import { StartupError } from './startup-error.js';

const text = z.string().min(1);
// Digits only: Number() would read a blank as 0 and 0x10 as 16.
const count = (least: number, most: number) => z.string().regex(/^\d{1,12}$/, 'must be a whole number').transform(Number).pipe(z.number().min(least).max(most));
const port = count(0, 65_535);

/** The parts of a comma-separated list. */
function listOf(text = ''): readonly string[] {
  return text.split(',').map((part) => part.trim()).filter((part) => part !== '');
}

/** Every environment variable that Stint reads; .env.example is compared with this schema. */
export const environment = z.object({
  STINT_HOST: text.default('127.0.0.1').describe('Address to listen on.'),
  STINT_PORT: port.default(8700).describe('Port to listen on; 0 takes a free one.'),
  STINT_PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional().describe('How clients reach this server; by default the listening address.'),
  STINT_DATA_DIR: text.default('.stint').describe('Folder for the embedded database, the generated master key and the AWS files of the bootstrap.'),
  DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'must begin with postgres://').optional().describe('PostgreSQL to use instead of the embedded one.'),
  STINT_DATABASE_POOL_SIZE: count(2, 500).default(16).describe('Connections to PostgreSQL for changes and reads; three more are used for the ledger, for notices and for revocations.'),
  STINT_MASTER_KEY: text.optional().describe('32 bytes in base64 that envelope every secret at rest.'),
  STINT_MASTER_KEY_FILE: text.optional().describe('File that holds the master key.'),
  STINT_BOOTSTRAP_ACCOUNT_ID: z.string().regex(/^\d{12}$/, 'must have exactly 12 digits').optional().describe('Account id of the management account, at the first start.'),
  STINT_BOOTSTRAP_ACCESS_KEY_ID: z.string().regex(/^[A-Z0-9]{16,128}$/, 'must have 16 to 128 letters A-Z and digits').optional().describe('Access key id of the management account’s root user, at the first start.'),
  STINT_BOOTSTRAP_SECRET_ACCESS_KEY: z.string().regex(/^(?! )[\u0020-\u007E]{16,256}(?<! )$/, 'must have 16 to 256 printable ASCII characters and no blank at its ends').optional().describe('Secret access key of the management account’s root user, at the first start.'),
  STINT_REGIONS: text.optional().describe('Comma-separated regions accepted in signatures; by default any. Calls without a signature are taken to be made to the first.'),
  STINT_TRUSTED_PROXIES: text.refine((list) => listOf(list).every((block) => parseBlock(block) !== undefined), 'must be addresses or CIDR blocks, separated by commas').optional().describe('Comma-separated addresses or CIDR blocks of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; by default none.'),
  STINT_CHAIN_MAX_SECONDS: count(900, 129_600).default(43_200).describe('How long sessions obtained with sessions may go on after the first of them began, in seconds.'),
  STINT_REVOCATION_MAX_AGE: count(1, 3_600).default(10).describe('How old this node’s view of revoked sessions may be, in seconds, before it refuses every session.'),
  STINT_SESSION_RETENTION_DAYS: count(0, 36_500).default(90).describe('How long sessions are kept after they expired, in days; audit events stay.'),
  STINT_ISSUER_KEY_ROTATION_DAYS: count(1, 3_650).default(30).describe('How long a key that signs web identity tokens does so before a new one takes over, in days.'),
  STINT_ISSUER_ALLOW_CIDRS: text.refine((list) => listOf(list).every((block) => parseBlock(block) !== undefined), 'must be addresses or CIDR blocks, separated by commas').optional().describe('Comma-separated addresses or CIDR blocks of private networks where identity providers may be reached; by default none.'),
  STINT_ISSUER_CA_FILE: text.optional().describe('PEM file of certificate authorities that are trusted for identity providers, beside the well-known ones.'),
  STINT_ALLOW_INSECURE_ISSUERS: z.enum(['true', 'false']).default('false').describe('Whether identity providers on this machine may be reached, over http too; for trying things out.'),
  STINT_MAX_BODY_BYTES: count(1024, 64 * 1024 * 1024).default(1_048_576).describe('Largest request body, in bytes.'),
  STINT_REQUEST_TIMEOUT_SECONDS: count(1, 600).default(30).describe('How long a request may take to arrive, in seconds.'),
  STINT_SHUTDOWN_SECONDS: count(0, 600).default(20).describe('How long requests in flight may take to finish after SIGTERM, in seconds.'),
  STINT_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info').describe('Least severe log line that is written.'),
});

/** What the first start gives the management account; whatever is missing is made up at random. */
export interface BootstrapConfig {
  readonly accountId?: string;
  readonly accessKeyId?: string;
  readonly secretAccessKey?: Secret;
}

/** Where and how identity providers may be reached. */
export interface IssuersConfig {
  /** Blocks of private networks that may be reached. */
  readonly allowCidrs: readonly string[];
  /** Whether loopback may be reached, over http too. */
  readonly allowInsecure: boolean;
  /** More certificate authorities, in PEM. */
  readonly ca?: string;
}

/** Settings of the process, checked once. Secrets are `Secret`. */
export interface Config {
  readonly host: string;
  readonly port: number;
  readonly publicUrl?: string;
  /** Absolute path. */
  readonly dataDir: string;
  /** Absent: the embedded database. It may hold a password, hence a Secret. */
  readonly databaseUrl?: Secret;
  readonly databasePoolSize: number;
  readonly masterKey?: MasterKey;
  readonly bootstrap: BootstrapConfig;
  /** Empty: any region. */
  readonly regions: readonly string[];
  /** Blocks of proxies that are believed; empty: none. */
  readonly trustedProxies: readonly string[];
  readonly chainMaxSeconds: number;
  readonly revocationMaxAgeSeconds: number;
  readonly sessionRetentionDays: number;
  readonly issuerKeyRotationDays: number;
  readonly issuers: IssuersConfig;
  readonly maxBodyBytes: number;
  readonly requestTimeoutSeconds: number;
  readonly shutdownSeconds: number;
  readonly logLevel: z.output<typeof environment>['STINT_LOG_LEVEL'];
}

/**
 * Reads and checks the environment. Empty variables count as unset.
 * Throws a StartupError of one line that names every variable that is wrong.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = environment.safeParse(given);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new StartupError(`The configuration is not valid: ${wrong.join('; ')}. .env.example describes every variable.`);
  }
  const read = parsed.data;
  const masterKey = readMasterKey(read.STINT_MASTER_KEY, read.STINT_MASTER_KEY_FILE);
  if (read.DATABASE_URL !== undefined && masterKey === undefined) {
    throw new StartupError(
      'DATABASE_URL is set but there is no master key: set STINT_MASTER_KEY (32 bytes in base64, e.g. from `openssl rand -base64 32`) or STINT_MASTER_KEY_FILE; every node of one database needs the same key.',
    );
  }
  return Object.freeze({
    host: read.STINT_HOST,
    port: read.STINT_PORT,
    ...(read.STINT_PUBLIC_URL === undefined ? {} : { publicUrl: read.STINT_PUBLIC_URL.replace(/\/+$/, '') }),
    dataDir: path.resolve(read.STINT_DATA_DIR),
    ...(read.DATABASE_URL === undefined ? {} : { databaseUrl: Secret.of(read.DATABASE_URL) }),
    databasePoolSize: read.STINT_DATABASE_POOL_SIZE,
    ...(masterKey === undefined ? {} : { masterKey }),
    bootstrap: bootstrapOf(read),
    regions: listOf(read.STINT_REGIONS),
    trustedProxies: listOf(read.STINT_TRUSTED_PROXIES),
    chainMaxSeconds: read.STINT_CHAIN_MAX_SECONDS,
    revocationMaxAgeSeconds: read.STINT_REVOCATION_MAX_AGE,
    sessionRetentionDays: read.STINT_SESSION_RETENTION_DAYS,
    issuerKeyRotationDays: read.STINT_ISSUER_KEY_ROTATION_DAYS,
    issuers: {
      allowCidrs: listOf(read.STINT_ISSUER_ALLOW_CIDRS),
      allowInsecure: read.STINT_ALLOW_INSECURE_ISSUERS === 'true',
      ...(read.STINT_ISSUER_CA_FILE === undefined ? {} : { ca: readCertificates(read.STINT_ISSUER_CA_FILE) }),
    },
    maxBodyBytes: read.STINT_MAX_BODY_BYTES,
    requestTimeoutSeconds: read.STINT_REQUEST_TIMEOUT_SECONDS,
    shutdownSeconds: read.STINT_SHUTDOWN_SECONDS,
    logLevel: read.STINT_LOG_LEVEL,
  });
}

function readCertificates(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartupError(`The file of certificate authorities ${file} (STINT_ISSUER_CA_FILE) cannot be read: ${String(error)}.`);
  }
  if (!/-----BEGIN CERTIFICATE-----/.test(text)) throw new StartupError(`The file ${file} (STINT_ISSUER_CA_FILE) holds no certificate: expected PEM.`);
  return text;
}

function bootstrapOf(read: z.output<typeof environment>): BootstrapConfig {
  const id = read.STINT_BOOTSTRAP_ACCESS_KEY_ID;
  const secret = read.STINT_BOOTSTRAP_SECRET_ACCESS_KEY;
  if ((id === undefined) !== (secret === undefined)) {
    throw new StartupError(
      'STINT_BOOTSTRAP_ACCESS_KEY_ID and STINT_BOOTSTRAP_SECRET_ACCESS_KEY belong together: set both or neither.',
    );
  }
  return {
    ...(read.STINT_BOOTSTRAP_ACCOUNT_ID === undefined ? {} : { accountId: read.STINT_BOOTSTRAP_ACCOUNT_ID }),
    ...(id === undefined ? {} : { accessKeyId: id }),
    ...(secret === undefined ? {} : { secretAccessKey: Secret.of(secret) }),
  };
}

function readMasterKey(inline: string | undefined, file: string | undefined): MasterKey | undefined {
  if (inline !== undefined && file !== undefined) {
    throw new StartupError('STINT_MASTER_KEY and STINT_MASTER_KEY_FILE are both set: set one of them.');
  }
  if (inline !== undefined) return masterKeyOf(inline, 'STINT_MASTER_KEY');
  if (file === undefined) return undefined;
  try {
    return masterKeyOf(readFileSync(file, 'utf8').trim(), `The master key file ${file} (STINT_MASTER_KEY_FILE)`);
  } catch (error) {
    if (error instanceof StartupError) throw error;
    throw new StartupError(`The master key file ${file} (STINT_MASTER_KEY_FILE) cannot be read: ${String(error)}.`);
  }
}

/** Parses a master key; a StartupError names where it came from. */
export function masterKeyOf(base64: string, origin: string): MasterKey {
  try {
    return MasterKey.parse(base64);
  } catch {
    throw new StartupError(`${origin} is not a master key: expected exactly 32 bytes in base64, e.g. from \`openssl rand -base64 32\`.`);
  }
}
