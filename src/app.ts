import 'reflect-metadata';

import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { CredentialReports } from './account/reports.js';
import { Draining } from './api/draining.js';
import { Exchange } from './api/exchange.js';
import { Faults } from './api/faults.js';
import { OAuthFace } from './api/oauth.face.js';
import { QueryFace } from './api/query.face.js';
import { RestFace } from './api/rest.face.js';
import { AppModule, entities } from './app.module.js';
import type { MasterKey } from './domain/envelope.js';
import { Bootstrap, type Bootstrapped } from './identities/bootstrap.js';
import type { Config } from './kernel/config.js';
import { Database, migrate } from './kernel/database.js';
import { SystemClock, SystemRandom, type Clock, type Random } from './kernel/effects.js';
import type { Kernel } from './kernel/kernel.js';
import { Endpoint } from './kernel/endpoint.js';
import { Keyring } from './kernel/keyring.js';
import { Ledger } from './kernel/ledger.js';
import { NestLog, openLog, type Log } from './kernel/log.js';
import { Memory } from './kernel/memory.js';
import { Metrics } from './kernel/metrics.js';
import { StartupError } from './kernel/startup-error.js';
import { IssuerKeys } from './sessions/issuer-keys.js';
import { Retention } from './sessions/retention.js';
import { Revocations } from './sessions/revocations.js';
import { Stamping } from './sessions/stamping.js';

/** What a server is made of, beyond its configuration. */
export interface Foundations {
  readonly databaseUrl: string;
  readonly masterKey: MasterKey;
  /** Called with the root access key of the first start, before it is committed. */
  readonly keepRootKey: (key: Bootstrapped) => void;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Log;
}

/** A server that answers. */
export interface Running {
  /** Where it listens: `http://127.0.0.1:8700`. */
  readonly url: string;
  readonly kernel: Kernel;
  readonly app: NestFastifyApplication;
  /** Present at the first start of a deployment. */
  readonly bootstrapped: Bootstrapped | undefined;
  /** Finishes what is in flight, writes what is pending, and closes everything. */
  close(): Promise<void>;
}

/** Session tokens travel in headers and may have 8 KiB; all headers together may have this many bytes. */
const HEADERS_MAX_BYTES = 32_768;

/**
 * Starts a server: migrates the database, opens the kernel, bootstraps, listens.
 * Throws a StartupError of one line for whatever its operator can mend.
 */
export async function start(config: Config, foundations: Foundations): Promise<Running> {
  await migrate(foundations.databaseUrl);
  const kernel = await openKernel(config, foundations);
  let app: NestFastifyApplication | undefined;
  try {
    app = await createApp(kernel);
    const bootstrapped = await app.get(Bootstrap).run(config.bootstrap, foundations.keepRootKey);
    await app.get(Revocations).start();
    const url = await listen(app, config);
    kernel.endpoint.listening(url);
    app.get(Stamping).start();
    app.get(Retention).start();
    app.get(IssuerKeys).start();
    await app.get(CredentialReports).resume();
    const opened = app;
    return { url, kernel, app, bootstrapped, close: () => close(opened, kernel) };
  } catch (error) {
    await app?.close();
    if (app !== undefined) await stopJobs(app);
    await closeKernel(kernel);
    throw error;
  }
}

async function openKernel(config: Config, foundations: Foundations): Promise<Kernel> {
  const { databaseUrl } = foundations;
  const clock = foundations.clock ?? new SystemClock();
  const random = foundations.random ?? new SystemRandom();
  const log = foundations.log ?? openLog(config.logLevel);
  const memory = new Memory(clock, random);
  const database = await Database.connect(databaseUrl, { entities, poolSize: config.databasePoolSize, memory });
  try {
    const keyring = await Keyring.load(database, foundations.masterKey, { clock, random });
    await memory.listen(databaseUrl);
    const ledger = new Ledger(databaseUrl);
    const metrics = new Metrics({ pool: () => database.pool, ledger: () => ledger, noticeAgeSeconds: () => memory.age / 1000 });
    return { config, log, clock, random, memory, database, ledger, keyring, metrics, endpoint: new Endpoint(config.publicUrl) };
  } catch (error) {
    await memory.close();
    await database.close();
    throw error;
  }
}

async function createApp(kernel: Kernel): Promise<NestFastifyApplication> {
  const { config } = kernel;
  let faults: Faults | undefined = undefined;
  const adapter = new FastifyAdapter({
    bodyLimit: config.maxBodyBytes,
    requestTimeout: config.requestTimeoutSeconds * 1000,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    // What still arrives on an open connection while draining is answered as ever, in the words of its face.
    return503OnClosing: false,
    // A target that the router cannot read never reaches a face.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      faults?.answer(error, request, reply);
    },
    http: { maxHeaderSize: HEADERS_MAX_BYTES, headersTimeout: config.requestTimeoutSeconds * 1000, connectionsCheckingInterval: 1_000 },
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.of(kernel), adapter, {
    bodyParser: false,
    abortOnError: false,
    logger: new NestLog(kernel.log),
  });
  // Signatures cover the raw bytes: every body is taken as it comes.
  const fastify = adapter.getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  faults = new Faults(app.get(Exchange), app.get(QueryFace), app.get(RestFace), app.get(OAuthFace));
  app.useGlobalFilters(faults);
  await app.init();
  return app;
}

async function listen(app: NestFastifyApplication, config: Config): Promise<string> {
  try {
    // Not through Nest, which would write its own words about a failure into the log.
    await app.getHttpAdapter().getInstance().listen({ host: config.host, port: config.port });
  } catch (error) {
    const code = (error as { code?: string }).code ?? String(error);
    const advice = code === 'EADDRINUSE' ? 'Another process uses it: stop that one or set STINT_PORT' : 'Set STINT_HOST and STINT_PORT to an address of this machine';
    throw new StartupError(`Cannot listen on ${config.host}:${String(config.port)} (${code}). ${advice}.`, { cause: error });
  }
  const address = (app.getHttpServer() as { address(): { port: number } }).address();
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return `http://${host}:${String(address.port)}`;
}

async function close(app: NestFastifyApplication, kernel: Kernel): Promise<void> {
  app.get(Draining).begin();
  const server = app.getHttpServer() as { closeAllConnections(): void };
  // Requests in flight get their time; after it, whoever still hangs on is cut off.
  const patience = setTimeout(() => {
    server.closeAllConnections();
  }, kernel.config.shutdownSeconds * 1000);
  try {
    await app.close();
    await stopJobs(app);
  } finally {
    clearTimeout(patience);
    await closeKernel(kernel);
  }
}

async function stopJobs(app: NestFastifyApplication): Promise<void> {
  await app.get(CredentialReports).stop();
  await app.get(IssuerKeys).stop();
  await app.get(Retention).stop();
  await app.get(Revocations).stop();
  await app.get(Stamping).stop();
}

async function closeKernel(kernel: Kernel): Promise<void> {
  await kernel.ledger.close();
  if (kernel.ledger.lost > 0) kernel.log.error({ lost: kernel.ledger.lost }, 'audit events of reads could not be written');
  await kernel.memory.close();
  await kernel.database.close();
}
